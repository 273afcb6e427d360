//! The handshake that the server begins, in virtual time: two DTLS endpoints that hand each other their datagrams.

mod pki;

use std::net::SocketAddr;

use dtls_core::{Config, Connect, Datagram, Endpoint, Event, IdentityKind, Path};
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use sansio::{DatagramBuf, Instant, Rng};

use super::*;
use pki::{OTHER_ROOT, ROOT, anchors, issued, key, only};

/// 2026-11-28.
const NOW: u64 = 1_795_824_000;
/// The number of the server's key.
const SERVER: u8 = 200;

fn called(names: &[&str]) -> Called {
    let own = issued("server", SERVER, ROOT, |_| {}).or_raw_public_key();
    let names = names.iter().map(|&name| name.to_owned()).collect();
    Called::new(own, anchors(ROOT), names).unwrap()
}

fn endpoint(seed: u8, suites: Option<Arc<dyn Suites>>) -> Endpoint {
    let mut endpoint = Endpoint::new(
        Instant::ZERO,
        Config::default(),
        suites,
        Rng::from_seed([seed; 32]),
    );
    endpoint.handle_wall_clock(NOW);
    endpoint
}

fn path() -> Path {
    Path {
        local_endpoint: 0,
        address: SocketAddr::from(([192, 0, 2, 1], 5684)),
    }
}

/// The server calls the device: whom each has seen, or why the server ended it.
fn call(server: Called, device: Credentials) -> Result<[PeerIdentity; 2], FailureReason> {
    let device = Ecdsa::new(Ring::new(), device, Trust::Ask).unwrap();
    let mut sides = [endpoint(1, None), endpoint(2, Some(Arc::new(device)))];
    let (now, suites) = (Instant::ZERO, Arc::new(server));
    sides[0]
        .connect(now, path(), suites, Connect::default())
        .unwrap();
    let mut seen = [None, None];
    for _ in 0..100 {
        for at in 0..2 {
            while let Some(event) = sides[at].poll_event() {
                match event {
                    Event::Connected { identity, .. } => seen[at] = Some(identity),
                    Event::HandshakeFailed { failure, .. } if at == 0 => {
                        return Err(failure.reason);
                    }
                    Event::Question {
                        ticket, question, ..
                    } => {
                        assert_eq!(at, 1, "the server asks nobody: {question:?}");
                        sides[1].answer(now, ticket, Answer::Trust(Ok(())));
                    }
                    _ => {}
                }
            }
            let mut memory = [0; 2048];
            let mut out = DatagramBuf::new(&mut memory, 0, 0);
            while sides[at].poll_transmit(now, &mut out).is_some() {
                let mut bytes = out.bytes().to_vec();
                let mut datagram = Datagram::new(path(), &mut bytes);
                while sides[1 - at].handle_datagram(now, &mut datagram).is_some() {}
            }
        }
        if let [Some(device), Some(server)] = &seen {
            return Ok([device.clone(), server.clone()]);
        }
    }
    panic!("a handshake ends");
}

#[test]
fn the_device_that_registered_is_called_by_certificates_on_both_sides() {
    // It has a bare key too, and is not asked for it.
    let device = issued("meter", 3, ROOT, |_| {}).or_raw_public_key();
    let seen = call(called(&["meter"]), device).unwrap();
    let names = seen.map(|identity| {
        assert_eq!(identity.kind, IdentityKind::X509);
        let names = CertificateNames::decode(&identity.value).unwrap();
        names.names().to_vec()
    });
    assert_eq!(names, [["meter"], ["server"]]);
}

#[test]
fn names_beside_the_common_name_count() {
    let names = |params: &mut rcgen::CertificateParams| {
        let uri = "urn:dev:meter".try_into().unwrap();
        params.subject_alt_names = vec![rcgen::SanType::URI(uri)];
    };
    let wanted = ["serial-7", "urn:dev:meter"];
    assert!(call(called(&wanted), issued("serial-7", 3, ROOT, names)).is_ok());
    // What has one of them alone is somebody else.
    for device in [
        issued("serial-7", 3, ROOT, |_| {}),
        issued("serial-8", 3, ROOT, names),
    ] {
        let refused = call(called(&wanted), device).unwrap_err();
        assert!(
            matches!(refused, FailureReason::CertificateWrongName { .. }),
            "{refused:?}"
        );
    }
}

#[test]
fn somebody_else_at_the_address_is_refused() {
    let refused = call(called(&["meter"]), issued("fan", 4, ROOT, |_| {})).unwrap_err();
    let wrong = FailureReason::CertificateWrongName {
        wanted: "meter".into(),
        found: vec!["fan".into()],
    };
    assert_eq!(refused, wrong);
    let forged = issued("meter", 4, OTHER_ROOT, |_| {});
    let refused = call(called(&["meter"]), forged).unwrap_err();
    assert!(matches!(refused, FailureReason::UnknownAuthority { .. }));
}

#[test]
fn a_certificate_must_be_in_time_and_let_its_holder_be_a_server() {
    let expired = issued("meter", 3, ROOT, |params| {
        params.not_after = date_time_ymd(2026, 2, 1);
    });
    let refused = call(called(&["meter"]), expired).unwrap_err();
    assert!(matches!(refused, FailureReason::CertificateExpired { .. }));
    let server = only(ExtendedKeyUsagePurpose::ServerAuth);
    assert!(call(called(&["meter"]), issued("meter", 3, ROOT, server)).is_ok());
    // Our device would not show it, so what does is bent: the chain is judged alone.
    let client = only(ExtendedKeyUsagePurpose::ClientAuth);
    let chain = issued("meter", 3, ROOT, client).chain().to_vec();
    let refused = called(&["meter"]).wanted.judge(&chain, NOW).unwrap_err();
    assert_eq!(refused.alert, Alert::UNSUPPORTED_CERTIFICATE);
    for nothing in [&[][..], &[vec![0x30, 0]]] {
        assert!(called(&["meter"]).wanted.judge(nothing, NOW).is_err());
    }
}

#[test]
fn a_server_without_a_certificate_that_a_client_may_show_calls_nobody() {
    let names = || vec!["meter".to_owned()];
    for own in [
        Credentials::raw_public_key(key(SERVER)),
        issued(
            "server",
            SERVER,
            ROOT,
            only(ExtendedKeyUsagePurpose::ServerAuth),
        )
        .or_raw_public_key(),
    ] {
        assert!(Called::new(own, anchors(ROOT), names()).is_none());
    }
}

#[test]
fn a_device_with_a_bare_key_alone_has_nothing_that_is_wanted() {
    let device = Credentials::raw_public_key(key(3));
    let refused = call(called(&["meter"]), device).unwrap_err();
    let alert = FailureReason::PeerAlert(Alert::UNSUPPORTED_CERTIFICATE);
    assert_eq!(refused, alert);
}
