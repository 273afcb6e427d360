//! What a certificate calls its holder, and whether a server is the one that was wanted.

mod common;

use common::NOW;
use common::pki::{Authority, self_signed};
use dtls_core::FailureReason;
use dtls_ecdsa::{
    Certificate, CertificateNames, CertificateUsage, MatchingType, P256, ServerTrust, Shown,
    verify_client_chain, verify_server,
};
use rcgen::{CertificateParams, DnType, DnValue, SanType};

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}

fn ip(address: &str) -> SanType {
    SanType::IpAddress(address.parse().unwrap())
}

/// A certificate with this common name and these alternative names.
fn certificate(common: &str, alternatives: &[SanType]) -> Vec<u8> {
    self_signed(common, 1, |params| {
        params.subject_alt_names = alternatives.to_vec();
    })
}

fn names(change: impl FnOnce(&mut CertificateParams)) -> Vec<String> {
    let root = Authority::root("root", 9);
    let leaf = root.leaf("device", 1, change);
    let names = verify_client_chain(&P256::new(), &root.anchors(), &[&leaf], NOW).unwrap();
    let again = CertificateNames::decode(&names.encode());
    assert_eq!(again.as_ref(), Some(&names));
    names.names().to_vec()
}

fn common_name(value: impl Into<DnValue>) -> impl FnOnce(&mut CertificateParams) {
    |params| {
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, value);
    }
}

/// The identity keeps names as they are; whoever compares them with an endpoint name compares bytes.
#[test]
fn hostile_j08_names_of_a_client_are_taken_as_they_are() {
    let none: [&str; 0] = [];
    assert_eq!(names(|_| {}), ["device"]);
    assert_eq!(names(common_name("")), none);
    let nameless = |params: &mut CertificateParams| {
        params.distinguished_name.remove(DnType::CommonName);
    };
    assert_eq!(names(nameless), none);
    assert_eq!(names(common_name("Device")), ["Device"]);
    assert_eq!(names(common_name("device.")), ["device."]);
    assert_eq!(names(common_name("*")), ["*"]);
    assert_eq!(names(common_name("*.example")), ["*.example"]);
    // A Cyrillic letter stays one.
    assert_eq!(names(common_name("d\u{435}vice")), ["d\u{435}vice"]);
    assert_eq!(
        names(common_name("urn:dev:os:32473-12 3")),
        ["urn:dev:os:32473-12 3"]
    );
    // What cannot be seen is in no name.
    for bad in ["device\0", "device\0.example", "\u{7f}", "de\nvice"] {
        assert_eq!(names(common_name(bad)), none);
    }
    // The alternative names follow, and stand alone where there is no common name.
    let also = |params: &mut CertificateParams| {
        params.subject_alt_names = vec![dns("a.example"), ip("192.0.2.1"), uri("urn:x:1")];
    };
    assert_eq!(names(also), ["device", "a.example", "urn:x:1"]);
    assert_eq!(
        names(|params| {
            also(params);
            params.distinguished_name.remove(DnType::CommonName);
        }),
        ["a.example", "urn:x:1"]
    );
}

/// Two common names contradict each other: neither counts. The generator cannot write two, so bytes are changed: an
/// organization of equal length becomes the second common name.
#[test]
fn hostile_j08_two_common_names() {
    let der = self_signed("one", 1, |params| {
        params
            .distinguished_name
            .push(DnType::OrganizationName, "two");
    });
    // AttributeTypeAndValue with 2.5.4.10, to 2.5.4.3.
    let organization = [6, 3, 0x55, 4, 10];
    let mut changed = der.clone();
    for at in 0..changed.len() - organization.len() {
        if changed[at..].starts_with(&organization) {
            changed[at + 4] = 3;
        }
    }
    assert_ne!(changed, der);
    assert_eq!(
        Certificate::from_der(&der).unwrap().common_name(),
        Some("one")
    );
    let two = Certificate::from_der(&changed).unwrap();
    assert_eq!(two.common_name(), None);
    assert!(CertificateNames::of(&two).names().is_empty());
    assert!(!two.is_for_server("one") && !two.is_for_server("two"));
}

#[test]
fn identities_are_bounded() {
    let long = |len: usize| "n".repeat(len);
    let many: Vec<_> = (0..20)
        .map(|number| uri(&format!("urn:{number}")))
        .collect();
    let seen = names(|params| params.subject_alt_names = many);
    assert_eq!(seen.len(), 8);
    assert_eq!((&seen[0][..], &seen[7][..]), ("device", "urn:6"));
    assert_eq!(names(common_name(long(252))), [long(252)]);
    assert!(names(common_name(long(253))).is_empty());

    let good =
        CertificateNames::of(&Certificate::from_der(&certificate("device", &[])).unwrap()).encode();
    assert_eq!(good.len(), 32 + 1 + 6);
    assert_eq!(good[32..], *b"\x06device");
    for len in 0..good.len() {
        // The fingerprint alone is an identity without names.
        assert_eq!(CertificateNames::decode(&good[..len]).is_some(), len == 32);
    }
    let with = |tail: &[u8]| CertificateNames::decode(&[&[0; 32], tail].concat());
    assert_eq!(with(b"\x00"), None);
    assert_eq!(with(b"\x01\xff"), None);
    assert!(with(&b"\x01a".repeat(8)).is_some());
    assert_eq!(with(&b"\x01a".repeat(9)), None);
    assert_eq!(with(&[&[253], &[b'a'; 253][..]].concat()), None);
}

#[test]
fn servers_by_name() {
    let row = |common: &str, alternatives: &[SanType], name: &str, yes: bool| {
        let der = certificate(common, alternatives);
        let certificate = Certificate::from_der(&der).unwrap();
        assert_eq!(
            certificate.is_for_server(name),
            yes,
            "{common} {alternatives:?} {name}"
        );
    };
    // The common name, where there is no DNS name.
    row("a.example", &[], "a.example", true);
    row("a.example", &[], "A.Example", true);
    row("a.example", &[], "a.example.", true);
    row("a.example", &[], "b.example", false);
    row("a.example", &[], "example", false);
    row("a.example", &[uri("urn:x")], "a.example", true);
    row("*.example.org", &[], "a.example.org", false);
    row("localhost server", &[], "localhost", false);
    // Not where there is one.
    row("a.example", &[dns("b.example")], "a.example", false);
    row("a.example", &[dns("b.example")], "b.example", true);
    // A pattern stands for one label, the left-most.
    let star = [dns("*.example.org")];
    row("x", &star, "a.example.org", true);
    row("x", &star, "A.EXAMPLE.ORG", true);
    row("x", &star, "example.org", false);
    row("x", &star, ".example.org", false);
    row("x", &star, "a.b.example.org", false);
    row("x", &[dns("*.org")], "example.org", false);
    row("x", &[dns("a*.example.org")], "ab.example.org", false);
    row("x", &[dns("a.*.org")], "a.b.org", false);
    row("x", &[dns("*")], "localhost", false);
    row("x", &[dns("a.example.")], "a.example", true);
    // Nobody is nobody.
    row("x", &[dns("a.example")], "", false);
    row("x", &[dns("a.example")], ".", false);
}

#[test]
fn hostile_j13_addresses() {
    let row = |common: &str, alternatives: &[SanType], name: &str, yes: bool| {
        let der = certificate(common, alternatives);
        let certificate = Certificate::from_der(&der).unwrap();
        assert_eq!(
            certificate.is_for_server(name),
            yes,
            "{common} {alternatives:?} {name}"
        );
    };
    row("x", &[ip("192.0.2.1")], "192.0.2.1", true);
    row("x", &[ip("192.0.2.1")], "192.0.2.2", false);
    row("x", &[ip("2001:db8::1")], "2001:db8:0:0::1", true);
    row("x", &[ip("2001:db8::1")], "2001:db8::2", false);
    row("x", &[ip("192.0.2.1")], "::ffff:192.0.2.1", false);
    // An address is no host name.
    row("x", &[dns("192.0.2.1")], "192.0.2.1", false);
    row("192.0.2.1", &[], "192.0.2.1", true);
    row("192.0.2.1", &[dns("a.example")], "192.0.2.1", false);
    // What looks like an address and is none is a host name that nobody has.
    for odd in [
        "192.0.2.1.",
        "[2001:db8::1]",
        "2001:db8::1%eth0",
        "1::2::3",
        "::",
        "0xc0.0.2.1",
        ":",
        "256.0.0.1",
    ] {
        row("x", &[ip("192.0.2.1"), ip("2001:db8::1")], odd, false);
    }
    // Every prefix and every changed character of an address is another address or none.
    let der = certificate("x", &[ip("2001:db8::1"), ip("192.0.2.1")]);
    let certificate = Certificate::from_der(&der).unwrap();
    for address in ["2001:db8::1", "192.0.2.1"] {
        assert!(certificate.is_for_server(address));
        for at in 0..address.len() {
            assert!(!certificate.is_for_server(&address[..at]));
            for instead in ['\0', ':', '.', 'f', '7', '%', '/', ' '] {
                let mut changed = address.to_string();
                changed.replace_range(at..=at, &instead.to_string());
                let same = changed == address;
                assert_eq!(certificate.is_for_server(&changed), same, "{changed}");
            }
        }
    }
}

/// An address of another length than 4 or 16 bytes is no name.
#[test]
fn hostile_j13_addresses_of_odd_length() {
    let der = self_signed("x", 1, |params| {
        params.subject_alt_names = vec![ip("192.0.2.1"), uri("u")]
    });
    // [7] of 4 bytes and [6] of 1 become [7] of 3 bytes and [6] of 2.
    let (from, to) = (
        [0x87, 4, 192, 0, 2, 1, 0x86, 1, b'u'],
        [0x87, 3, 192, 0, 2, 0x86, 2, b'u', b'v'],
    );
    let at = der.windows(9).position(|window| window == from).unwrap();
    let mut changed = der;
    changed[at..at + 9].copy_from_slice(&to);
    let certificate = Certificate::from_der(&changed).unwrap();
    assert!(!certificate.is_for_server("192.0.2.1") && !certificate.is_for_server("192.0.2.0"));
    assert_eq!(certificate.names().collect::<Vec<_>>(), ["x", "uv"]);
}

/// J07: a chain without a name to compare it with proves nothing about who answers.
#[test]
fn hostile_j07_without_a_name_no_server_is_trusted_by_its_chain() {
    let root = Authority::root("root", 9);
    let leaf = root.leaf("a.example", 1, |_| {});
    let trust = |usage: u8, data: &[u8]| {
        let trust = ServerTrust::certificate(CertificateUsage(usage), MatchingType::EXACT, data);
        trust.unwrap().with_anchors(root.anchors())
    };
    let verify = |trust: &ServerTrust, name| {
        verify_server(&P256::new(), trust, Shown::Chain(&[&leaf]), name, NOW)
    };
    for usage in [0, 2] {
        let trust = trust(usage, &root.der);
        assert!(trust.needs_name());
        let failure = verify(&trust, None).unwrap_err();
        assert!(
            matches!(failure.reason, FailureReason::Internal(_)),
            "{failure:?}"
        );
        assert!(verify(&trust, Some("")).is_err());
        assert_eq!(verify(&trust, Some("a.example")), Ok(()));
        let named = trust.with_name("a.example");
        assert!(!named.needs_name());
        assert_eq!(verify(&named, None), Ok(()));
        // Its own name goes before the connection's: the Security object may give a server name beside the URI.
        assert_eq!(verify(&named, Some("198.51.100.7")), Ok(()));
    }
    for usage in [1, 3] {
        let trust = trust(usage, &leaf);
        assert!(!trust.needs_name());
        assert_eq!(verify(&trust, None), Ok(()));
    }
    assert_eq!(
        verify(&trust(1, &leaf), Some("b.example"))
            .unwrap_err()
            .reason,
        FailureReason::CertificateWrongName {
            wanted: "b.example".into(),
            found: vec!["a.example".into()],
        }
    );
}
