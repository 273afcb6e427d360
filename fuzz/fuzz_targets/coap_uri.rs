#![no_main]
//! A URI is written as it was read, and its options make a URI that has the same options. Any options make a text.

use coap_codec::uri::{Host, OptionsUri, Scheme, Uri};
use coap_codec::{OptionNumber, Options};
use libfuzzer_sys::fuzz_target;

/// Options without Uri-Port go to the port of the URI.
fn from_options(uri: &Uri<'_>) {
    let options = uri.options();
    let name = options
        .as_options()
        .get(OptionNumber::URI_HOST)
        .unwrap_or_default();
    if name.iter().any(|byte| matches!(byte, b'[' | b':' | b'%')) || name.ends_with(b".") {
        return; // as an option it can be taken for an address, which RFC 7252 §6.5 leaves so
    }
    let text = OptionsUri {
        scheme: uri.scheme(),
        host: &uri.host().to_string(),
        port: uri.port(),
        options: options.as_options(),
    };
    let text = text.to_string();
    let again = Uri::parse(&text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    assert_eq!((again.scheme(), again.port()), (uri.scheme(), uri.port()));
    if let Host::Name(_) = again.host() {
        assert_eq!(again.options(), options, "{text}");
    }
}

fuzz_target!(|input: &[u8]| {
    if let Ok(options) = Options::decode(input) {
        let host = "2001:db8::1";
        // Each byte is at most three characters.
        let text = fuzz::bounded(input.len(), 12, || {
            OptionsUri {
                scheme: Scheme::Coap,
                host,
                port: 5683,
                options,
            }
            .to_string()
        });
        assert!(text.starts_with("coap://") && text.is_ascii());
    }
    let Ok(text) = core::str::from_utf8(input) else {
        return;
    };
    let uri = match fuzz::within_bounds(input, |_| Uri::parse(text)) {
        Ok(uri) => uri,
        Err(fault) => return assert!(fault.offset <= text.len()),
    };
    let again = uri.to_string();
    assert_eq!(Uri::parse(&again), Ok(uri), "{again}");
    assert!(
        uri.path_segments()
            .chain(uri.arguments())
            .all(|part| part.bytes().count() <= 255)
    );
    from_options(&uri);
});
