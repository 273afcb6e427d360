//! `Trust::Named`: a server calls a device that has come by itself before, and takes nobody else.

mod common;

use common::pki::{Authority, credentials, purposes};
use common::{Outcome, handshake, keys};
use dtls_core::{CertificateType, FailureReason, IdentityKind, Role};
use dtls_ecdsa::{CertificateNames, Credentials, Ecdsa, P256, Trust};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SanType, date_time_ymd};

const SERVER: u8 = 9;
const DEVICE: u8 = 3;

fn root() -> Authority {
    Authority::root("root", 20)
}

fn device(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Credentials {
    credentials(DEVICE, [&root().leaf(name, DEVICE, change)])
}

/// The server calls the device that had these names.
fn call(names: &[&str], device: Credentials) -> Result<Outcome, FailureReason> {
    let own = credentials(SERVER, [&root().leaf("server", SERVER, |_| {})]);
    let trust = Trust::Named {
        anchors: root().anchors(),
        names: names.iter().map(|&name| name.to_owned()).collect(),
    };
    let own = own.or_raw_public_key().certificates_alone(Role::Client);
    let caller = Ecdsa::new(P256::new(), own.unwrap(), trust).unwrap();
    let device = Ecdsa::new(P256::new(), device, Trust::Anchors(root().anchors())).unwrap();
    handshake(&caller, &device).map_err(|(_, failure)| failure.reason)
}

#[test]
fn certificates_on_both_sides_though_both_have_bare_keys() {
    let outcome = call(&["meter"], device("meter", |_| {}).or_raw_public_key()).unwrap();
    let names = [outcome.client_sees, outcome.server_sees].map(|identity| {
        assert_eq!(identity.kind, IdentityKind::X509);
        let names = CertificateNames::decode(&identity.value).unwrap();
        names.names().to_vec()
    });
    assert_eq!(names, [["meter"], ["server"]]);
}

#[test]
fn all_names_count_and_no_others() {
    let uri = |params: &mut CertificateParams| {
        params.subject_alt_names = vec![SanType::URI("urn:dev:meter".try_into().unwrap())];
    };
    let wanted = ["serial-7", "urn:dev:meter"];
    assert!(call(&wanted, device("serial-7", uri)).is_ok());
    for (other, found) in [
        (device("serial-7", |_| {}), vec!["serial-7"]),
        (device("serial-8", uri), vec!["serial-8", "urn:dev:meter"]),
        (device("fan", |_| {}), vec!["fan"]),
    ] {
        let wrong = FailureReason::CertificateWrongName {
            wanted: "serial-7, urn:dev:meter".into(),
            found: found.into_iter().map(str::to_owned).collect(),
        };
        assert_eq!(call(&wanted, other).unwrap_err(), wrong);
    }
}

#[test]
fn the_chain_is_judged_like_any_other() {
    let forged = Authority::root("another root", 21).leaf("meter", DEVICE, |_| {});
    let refused = call(&["meter"], credentials(DEVICE, [&forged])).unwrap_err();
    assert!(matches!(refused, FailureReason::UnknownAuthority { .. }));
    let expired = device("meter", |params| {
        params.not_after = date_time_ymd(2026, 2, 1);
    });
    let refused = call(&["meter"], expired).unwrap_err();
    assert!(matches!(refused, FailureReason::CertificateExpired { .. }));
    let server = purposes(&[ExtendedKeyUsagePurpose::ServerAuth]);
    assert!(call(&["meter"], device("meter", server)).is_ok());
    // Devices of this crate do not show what does not let them be a server, nor a key instead.
    let client = purposes(&[ExtendedKeyUsagePurpose::ClientAuth]);
    for nothing in [
        device("meter", client),
        Credentials::raw_public_key(common::key(DEVICE)),
    ] {
        let refused = call(&["meter"], nothing).unwrap_err();
        assert_eq!(refused, FailureReason::NoCommonCertificateType);
    }
}

#[test]
fn clients_are_judged_by_their_names_too() {
    let own = credentials(SERVER, [&root().leaf("server", SERVER, |_| {})]);
    for (name, taken) in [("meter", true), ("fan", false)] {
        let trust = Trust::Named {
            anchors: root().anchors(),
            names: vec!["meter".into()],
        };
        let server = Ecdsa::new(P256::new(), own.clone(), trust).unwrap();
        let client = purposes(&[ExtendedKeyUsagePurpose::ClientAuth]);
        let trust = Trust::Ask;
        let client = Ecdsa::new(P256::new(), device(name, client), trust).unwrap();
        assert_eq!(handshake(&client, &server).is_ok(), taken, "{name}");
    }
    let server = Ecdsa::new(P256::new(), own, keys([DEVICE])).unwrap();
    let client = Ecdsa::new(P256::new(), device("meter", |_| {}), Trust::Ask).unwrap();
    assert!(handshake(&client, &server).is_err());
}

#[test]
fn what_may_not_be_shown_is_not_all_there_is() {
    let bare = Credentials::raw_public_key(common::key(SERVER));
    assert!(bare.certificates_alone(Role::Client).is_none());
    let only = purposes(&[ExtendedKeyUsagePurpose::ServerAuth]);
    let both = device("meter", only).or_raw_public_key();
    assert!(both.clone().certificates_alone(Role::Client).is_none());
    let alone = both.certificates_alone(Role::Server).unwrap();
    assert_eq!(alone.types(Role::Server), [CertificateType::X509]);
}
