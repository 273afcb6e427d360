#![no_main]
//! Hellos: read without an allocation, lists finite and whole, and only as long as what came.

use dtls_core::{ClientHello, ServerHello};
use fuzz::within_bounds;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|wire: &[u8]| {
    if let Ok(hello) = within_bounds(wire, ClientHello::decode) {
        assert!(hello.suites().count() >= 1 && 2 * hello.suites().count() < wire.len());
        assert!(hello.suites().all(|suite| hello.offers(suite)));
        let groups = hello.groups().map_or(1, |groups| groups.count());
        let schemes = hello
            .signature_schemes()
            .map_or(1, |schemes| schemes.count());
        assert!(groups >= 1 && schemes >= 1 && 2 * (groups + schemes) < wire.len() + 4);
        for types in [
            hello.client_certificate_types().map(Iterator::count),
            hello.server_certificate_types().map(Iterator::count),
        ] {
            assert!(types.is_none_or(|types| types >= 1));
        }
        assert!(
            hello
                .server_name()
                .is_none_or(|name| !name.is_empty() && name.is_ascii())
        );
        // Every prefix is an error, or a hello without its extensions.
        for len in 0..wire.len() {
            if let Ok(shorter) = ClientHello::decode(&wire[..len]) {
                assert!(shorter.server_name().is_none() && shorter.groups().is_none());
            }
        }
    }
    if let Ok(hello) = within_bounds(wire, ServerHello::decode) {
        let _ = (
            hello.suite(),
            hello.client_certificate_type(),
            hello.server_certificate_type(),
        );
        assert!(wire.len() >= 38);
    }
});
