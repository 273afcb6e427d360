//! URIs and options: the examples of RFC 7252 §6, and what is refused.
#![cfg(feature = "alloc")]

use coap_codec::uri::{Host, OptionsUri, Scheme, Uri};
use coap_codec::{Code, DecodeErrorKind, OptionNumber, Request};

use DecodeErrorKind::{NotUtf8, Reserved, TooLong, Truncated, Unexpected};

/// (URI, scheme, host, port, Uri-Host, path, query, the URI of the options)
type Row = (
    &'static str,
    Scheme,
    &'static str,
    u16,
    Option<&'static str>,
    &'static [&'static str],
    &'static [&'static str],
    &'static str,
);

const URIS: &[Row] = &[
    (
        "coap://example.com:5683/~sensors/temp.xml",
        Scheme::Coap,
        "example.com",
        5683,
        Some("example.com"),
        &["~sensors", "temp.xml"],
        &[],
        "coap://example.com/~sensors/temp.xml",
    ),
    (
        "coap://EXAMPLE.com/%7Esensors/temp.xml",
        Scheme::Coap,
        "EXAMPLE.com",
        5683,
        Some("example.com"),
        &["~sensors", "temp.xml"],
        &[],
        "coap://example.com/~sensors/temp.xml",
    ),
    (
        "coap://EXAMPLE.com:/%7esensors/temp.xml",
        Scheme::Coap,
        "EXAMPLE.com",
        5683,
        Some("example.com"),
        &["~sensors", "temp.xml"],
        &[],
        "coap://example.com/~sensors/temp.xml",
    ),
    (
        "coap://[2001:db8::2:1]/",
        Scheme::Coap,
        "[2001:db8::2:1]",
        5683,
        None,
        &[],
        &[],
        "coap://[2001:db8::2:1]/",
    ),
    (
        "coap://example.net/.well-known/core",
        Scheme::Coap,
        "example.net",
        5683,
        Some("example.net"),
        &[".well-known", "core"],
        &[],
        "coap://example.net/.well-known/core",
    ),
    (
        "coap://xn--18j4d.example/%E3%81%93%E3%82%93%E3%81%AB%E3%81%A1%E3%81%AF",
        Scheme::Coap,
        "xn--18j4d.example",
        5683,
        Some("xn--18j4d.example"),
        &["こんにちは"],
        &[],
        "coap://xn--18j4d.example/%E3%81%93%E3%82%93%E3%81%AB%E3%81%A1%E3%81%AF",
    ),
    (
        "coap://198.51.100.1:61616//%2F//?%2F%2F&?%26",
        Scheme::Coap,
        "198.51.100.1",
        61_616,
        None,
        &["", "/", "", ""],
        &["//", "?&"],
        "coap://198.51.100.1:61616//%2F//?//&?%26",
    ),
    (
        "COAPS+TCP://[fe80::1%25eth0]:5685?ep=a=b",
        Scheme::CoapsTcp,
        "[fe80::1%25eth0]",
        5685,
        None,
        &[],
        &["ep=a=b"],
        "coaps+tcp://[fe80::1%25eth0]:5685/?ep=a=b",
    ),
    (
        "coaps://leshan.example.org",
        Scheme::Coaps,
        "leshan.example.org",
        5684,
        Some("leshan.example.org"),
        &[],
        &[],
        "coaps://leshan.example.org/",
    ),
    (
        "coap+tcp://a%20b:1/a/?",
        Scheme::CoapTcp,
        "a%20b",
        1,
        Some("a b"),
        &["a", ""],
        &[],
        "coap+tcp://a%20b:1/a/",
    ),
];

#[test]
fn uris_become_options_and_back() {
    for &(text, scheme, host, port, uri_host, path, query, back) in URIS {
        let uri = Uri::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(uri.scheme(), scheme, "{text}");
        assert_eq!(uri.host().to_string(), host, "{text}");
        assert_eq!(uri.port(), port, "{text}");
        let request = uri.request(Code::GET);
        let options = request.options.as_options();
        assert_eq!(options.uri_host(), uri_host, "{text}");
        assert!(
            options
                .uri_path()
                .map(Result::unwrap)
                .eq(path.iter().copied()),
            "{text}"
        );
        assert!(
            options
                .uri_query()
                .map(Result::unwrap)
                .eq(query.iter().copied()),
            "{text}"
        );
        request.options.check().unwrap();

        let composed = OptionsUri {
            scheme,
            host,
            port,
            options,
        };
        assert_eq!(composed.to_string(), back, "{text}");
        assert_eq!(
            Uri::parse(back).unwrap().options(),
            request.options,
            "{text}"
        );
        // What is shown is the URI again, but for scheme case and an idle port or query.
        let shown = uri.to_string();
        assert_eq!(Uri::parse(&shown).unwrap(), uri, "{text}");
    }
}

#[test]
fn addresses() {
    let address = |text| {
        Uri::parse(text)
            .unwrap()
            .socket_addr()
            .map(|a| a.to_string())
    };
    assert_eq!(address("coap://192.0.2.1"), Some("192.0.2.1:5683".into()));
    assert_eq!(address("coaps://[::1]:9"), Some("[::1]:9".into()));
    assert_eq!(
        address("coap://[fe80::1%257]"),
        Some("[fe80::1%7]:5683".into())
    );
    assert_eq!(address("coap://localhost"), None);
    let Host::Ipv6(ip, Some(zone)) = Uri::parse("coap://[fe80::1%25et%68]").unwrap().host() else {
        panic!();
    };
    assert_eq!((ip.to_string().as_str(), zone.raw()), ("fe80::1", "et%68"));
    assert!(zone.chars().eq("eth".chars()));
}

#[test]
fn uri_options_override_where_the_request_went() {
    let mut request = Request::new(Code::GET);
    request
        .options
        .insert_str(OptionNumber::URI_HOST, "Name")
        .unwrap();
    request.options.insert_uint(OptionNumber::URI_PORT, 99);
    let options = request.options.as_options();
    let uri = |scheme, host, options| {
        let port = 5683;
        OptionsUri {
            scheme,
            host,
            port,
            options,
        }
        .to_string()
    };
    assert_eq!(uri(Scheme::Coap, "::1", options), "coap://Name:99/");
    let none = coap_codec::Options::EMPTY;
    assert_eq!(uri(Scheme::Coaps, "::1", none), "coaps://[::1]:5683/");
    assert_eq!(
        uri(Scheme::Coap, "[fe80::1%eth0]", none),
        "coap://[fe80::1%25eth0]/"
    );
    // The scope 25 as the system shows it, and zones with escapes, which are not escaped again.
    for host in ["fe80::1%25", "[fe80::1%25]", "[fe80::1%2525]"] {
        assert_eq!(uri(Scheme::Coap, host, none), "coap://[fe80::1%2525]/");
    }
    for host in ["fe80::1%a/b", "[fe80::1%a/b]", "[fe80::1%25a%2fb]"] {
        assert_eq!(uri(Scheme::Coap, host, none), "coap://[fe80::1%25a%2Fb]/");
    }
    assert_eq!(uri(Scheme::Coap, "a b", none), "coap://a%20b/");
}

/// (URI, place, fault)
const REFUSED: &[(&str, usize, DecodeErrorKind)] = &[
    ("", 0, Truncated),
    ("coap", 4, Truncated),
    ("coap:/a", 6, Unexpected(b'a')),
    ("coap:host", 5, Unexpected(b'h')),
    ("/3/0", 0, Unexpected(b'/')),
    ("http://a", 0, Unexpected(b'h')),
    ("coap://", 7, Truncated),
    ("coap:///a", 7, Truncated),
    ("coap://:5683", 7, Truncated),
    ("coap://u@h", 8, Unexpected(b'@')),
    ("coap://u:p@h", 9, Unexpected(b'p')),
    ("coap://h#f", 8, Unexpected(b'#')),
    ("coap://h/a#", 10, Unexpected(b'#')),
    ("coap://h?a#b", 10, Unexpected(b'#')),
    ("coap://h:0", 9, Reserved(0)),
    ("coap://h:65536", 9, TooLong),
    ("coap://h:99999", 9, TooLong),
    ("coap://h:+5", 9, Unexpected(b'+')),
    ("coap://h:5x", 10, Unexpected(b'x')),
    ("coap://h:1:2", 10, Unexpected(b':')),
    ("coap://[::1", 11, Truncated),
    ("coap://[::1%25", 14, Truncated),
    ("coap://[::1%25]", 14, Unexpected(b']')),
    ("coap://[::1%2]", 13, Unexpected(b']')),
    ("coap://[::1%eth0]", 12, Unexpected(b'e')),
    ("coap://[::1%25%4]", 16, Truncated),
    ("coap://[::1]x", 12, Unexpected(b'x')),
    ("coap://[::g]", 8, Unexpected(b':')),
    ("coap://[]", 8, Unexpected(b']')),
    ("coap://::1", 7, Truncated),
    ("coap://h/%", 10, Truncated),
    ("coap://h/%4", 11, Truncated),
    ("coap://h/%4/a", 11, Truncated),
    ("coap://h/%4g", 11, Unexpected(b'g')),
    ("coap://h/%ff", 9, NotUtf8),
    ("coap://h?%C3&", 9, NotUtf8),
    ("coap://h/a b", 10, Unexpected(b' ')),
    ("coap://h/ä", 9, Unexpected(0xc3)),
    ("coap://h/./a", 9, Unexpected(b'.')),
    ("coap://h/a/..", 11, Unexpected(b'.')),
    ("coap://h/%2e%2E/a", 9, Unexpected(b'.')),
    ("coap://h%/", 9, Truncated),
];

#[test]
fn faults_are_placed() {
    for &(text, offset, kind) in REFUSED {
        let fault = Uri::parse(text).unwrap_err();
        assert_eq!((fault.offset, fault.kind), (offset, kind), "{text}");
    }
}

#[test]
fn parts_hold_255_bytes() {
    for (len, fits) in [(255, true), (256, false)] {
        let part = "a".repeat(len);
        for text in [
            format!("coap://h/{part}"),
            format!("coap://h/x?{part}&y"),
            format!("coap://{part}/x"),
            format!("coap://h/{}", "%41".repeat(len)),
        ] {
            assert_eq!(Uri::parse(&text).is_ok(), fits, "{text}");
        }
    }
}
