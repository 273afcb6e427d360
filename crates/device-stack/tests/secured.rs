//! A device and its server over DTLS, in virtual time.

mod common;

use coap_codec::{Code, OptionNumber, Type};
use common::{
    id,
    secured::{
        Bench, IDENTITY, KEY, TODAY, authority, certificate, psk, psk_server, rpk_server, sec1,
        spki, x509_server,
    },
};
use device_stack::{
    BadAccount, check_account,
    core::{
        Alert, Attempt, Event, FailureReason, Reason, Security, SecurityFault, ServerAccount,
        Status, X509,
    },
};
use dtls_core::{CipherSuite, Event as DtlsEvent};

/// The fault that the first failed registration is put down to, and the handshakes that were tried for it.
fn fault(mut bench: Bench) -> (SecurityFault, Vec<FailureReason>) {
    bench.stack.handle_wall_clock(TODAY);
    bench.start();
    bench.run(30);
    assert!(!bench.is_registered());
    assert_eq!(bench.requests, []);
    let mut tried = Vec::new();
    for event in bench.news() {
        match event {
            Event::HandshakeFailed { failure, .. } => tried.push(failure.reason),
            Event::Error {
                operation, reason, ..
            } => {
                assert_eq!(operation, Attempt::Register);
                let Reason::Security(fault) = reason else {
                    panic!("{reason:?}");
                };
                return (fault, tried);
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("nothing failed");
}

#[test]
fn psk_registers_updates_and_leaves() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.start();
    assert!(bench.is_registered());
    assert!(matches!(
        &bench.news()[..],
        [
            Event::Secured {
                suite: CipherSuite::PSK_WITH_AES_128_CCM_8,
                resumed: false,
                ..
            },
            Event::Registered { .. }
        ]
    ));
    bench.run(400);
    bench.stack.device_mut().deregister(None).unwrap();
    bench.run(0);
    let codes: Vec<Code> = bench.requests.iter().map(|(_, code)| *code).collect();
    assert_eq!(codes, [Code::POST, Code::POST, Code::DELETE]);
    assert_eq!(bench.connected(), (1, 0), "one session for all of it");
    bench.run(600);
    assert_eq!(bench.server.tables().sessions, 0, "ended with a farewell");
    let tables = bench.stack.dtls().unwrap().tables();
    assert_eq!(
        (tables.sessions, tables.handshakes, tables.timers),
        (0, 0, 0)
    );
    assert_eq!(bench.stack.endpoint().tables().peers, 0);
}

#[test]
fn nothing_but_handshakes_goes_out_in_the_clear() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.start();
    bench.run(300);
    for (_, bytes) in &bench.wire {
        let first = bytes[0];
        assert!(matches!(first, 20..=23), "{bytes:x?}");
        let plain_data = first == 23 && bytes[3..5] == [0, 0];
        assert!(!plain_data, "{bytes:x?}");
        assert!(!bytes.windows(7).any(|window| window == b"ep=lamp"));
    }
}

#[test]
fn a_server_reads_in_the_session_and_not_beside_it() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.start();
    let read = common::request(Code::GET, 9, "1/0/1", &[], b"");
    let sent = bench.wire.len();
    bench.deliver(read.clone());
    bench.run(0);
    assert_eq!(bench.wire.len(), sent, "plain CoAP is not heard");
    let peer = bench.session();
    bench.say(peer, &read);
    bench.run(0);
    assert_eq!(bench.wire.len(), sent + 1);
}

#[test]
fn raw_public_keys_register() {
    let mut bench = Bench::new(Security::raw_public_key(sec1(1), spki(2)), rpk_server(2, 1));
    bench.start();
    assert!(bench.is_registered(), "{:?}", bench.events);
}

#[test]
fn certificates_register_and_the_name_is_told() {
    let chain = vec![certificate("lwm2m.example", 2, 9)];
    let own = vec![certificate("lamp", 1, 9)];
    let mut x509 = X509::new(sec1(1), own, authority(9));
    x509.certificate_usage = 2;
    let mut account =
        ServerAccount::new(id(1), "coaps://192.0.2.1").with_security(Security::X509(x509));
    account.server_name = Some("lwm2m.example".into());
    let mut bench = Bench::with(account, x509_server(2, chain));
    bench.stack.handle_wall_clock(TODAY);
    bench.start();
    assert!(bench.is_registered(), "{:?}", bench.events);
    assert_eq!(bench.server_name.as_deref(), Some("lwm2m.example"));
}

#[test]
fn a_wrong_key_is_told_after_three_tries() {
    let bench = Bench::new(psk(b"another key 1234"), psk_server());
    let (fault, tried) = fault(bench);
    assert_eq!(fault, SecurityFault::WrongCredentials);
    assert_eq!(
        tried.len(),
        3,
        "decrypt_error is Retry by the table: {tried:?}"
    );
    assert!(matches!(tried[0], FailureReason::PeerAlert(_)));
}

#[test]
fn an_unknown_identity_looks_like_a_wrong_key() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.keys.clear();
    assert_eq!(fault(bench).0, SecurityFault::WrongCredentials);
}

#[test]
fn no_common_suite_is_told() {
    let (fault, tried) = fault(Bench::new(psk(KEY), rpk_server(2, 1)));
    assert_eq!(fault, SecurityFault::NoCommonSuite);
    assert_eq!(tried[0], FailureReason::PeerAlert(Alert::HANDSHAKE_FAILURE));
}

#[test]
fn another_key_of_the_server_is_told_at_once() {
    let bench = Bench::new(Security::raw_public_key(sec1(1), spki(3)), rpk_server(2, 1));
    let (fault, tried) = fault(bench);
    assert_eq!(fault, SecurityFault::ServerUnexpectedKey);
    assert!(
        matches!(&tried[..], [FailureReason::UnexpectedKey { .. }]),
        "our own verdict does not change by trying again"
    );
}

#[test]
fn a_key_that_the_server_does_not_know_is_told() {
    let bench = Bench::new(Security::raw_public_key(sec1(7), spki(2)), rpk_server(2, 1));
    assert_eq!(fault(bench).0, SecurityFault::WrongCredentials);
}

fn with_certificates(server: Vec<Vec<u8>>, anchor: u8, name: &str) -> Bench {
    let mut x509 = X509::new(sec1(1), vec![certificate("lamp", 1, 9)], authority(anchor));
    x509.certificate_usage = 2;
    let mut account =
        ServerAccount::new(id(1), "coaps://192.0.2.1").with_security(Security::X509(x509));
    account.server_name = Some(name.into());
    Bench::with(account, x509_server(2, server))
}

#[test]
fn what_is_wrong_with_a_certificate_is_told() {
    let chain = || vec![certificate("lwm2m.example", 2, 9)];
    let (told, _) = fault(with_certificates(chain(), 9, "other.example"));
    assert_eq!(told, SecurityFault::ServerWrongName);
    let (told, _) = fault(with_certificates(chain(), 8, "lwm2m.example"));
    assert_eq!(told, SecurityFault::ServerUnknownAuthority);
    let mut late = with_certificates(chain(), 9, "lwm2m.example");
    late.stack.handle_wall_clock(TODAY + 365 * 86_400);
    late.start();
    late.run(1);
    assert!(late.events.iter().any(|(_, event)| matches!(
        event,
        Event::Error {
            reason: Reason::Security(SecurityFault::ServerExpired),
            ..
        }
    )));
}

#[test]
fn a_server_that_is_not_there_is_tried_by_the_back_off_of_its_account() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.cut = true;
    bench.start();
    bench.run(60);
    assert!(matches!(
        &bench.news()[..],
        [
            Event::HandshakeFailed { again: false, .. },
            Event::Error {
                reason: Reason::Security(SecurityFault::NoAnswer),
                retry: Some(_),
                ..
            }
        ]
    ));
    bench.cut = false;
    bench.run(60);
    assert!(bench.is_registered());
}

#[test]
fn credentials_that_cannot_be_used_are_told() {
    let security = Security::raw_public_key(sec1(0), spki(2));
    let bench = Bench::new(security, rpk_server(2, 1));
    assert_eq!(fault(bench).0, SecurityFault::BadCredentials);
}

#[test]
fn a_server_that_forgot_sessions_is_registered_with_anew() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.start();
    bench.news();
    bench.restart_server();
    // The Update at 207 s stays without an answer for 93 s at most; then a full handshake and a Register.
    bench.until(207 + 95);
    assert!(bench.is_registered());
    let news = bench.news();
    let update_failed = |event: &Event| {
        matches!(
            event,
            Event::Error {
                operation: Attempt::Update,
                reason: Reason::NoAnswer,
                ..
            }
        )
    };
    assert!(news.iter().any(update_failed), "{news:?}");
    assert!(
        news.iter()
            .any(|event| matches!(event, Event::Secured { resumed: false, .. }))
    );
    assert_eq!(bench.connected(), (1, 0));
    assert_eq!(bench.requests.len(), 2);
}

#[test]
fn a_farewell_of_the_server_leads_to_a_resumed_session_and_an_update() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.start();
    bench.news();
    let session = bench.session();
    bench.server.close(session);
    bench.run(2);
    assert_eq!(bench.connected(), (2, 1));
    assert!(matches!(
        &bench.news()[..],
        [
            Event::SessionLost { alert: None, .. },
            Event::Secured { resumed: true, .. },
            Event::Updated { .. }
        ]
    ));
    assert!(bench.is_registered());
}

#[test]
fn a_session_that_is_not_resumed_means_a_register() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.start();
    bench.news();
    let session = bench.session();
    bench.server.close(session);
    bench.run(0);
    bench.restart_server();
    bench.run(2);
    assert!(matches!(
        &bench.news()[..],
        [
            Event::SessionLost { .. },
            Event::Secured { resumed: false, .. },
            Event::Registered { .. }
        ]
    ));
}

#[test]
fn a_server_that_closes_again_and_again_is_told_less_and_less() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.start();
    for _ in 0..8 {
        let session = bench.session();
        bench.server.close(session);
        let (before, _) = bench.connected();
        while bench.connected().0 == before {
            bench.run(1);
        }
    }
    // 1 + 2 + 4 + 8 + 16 + 32 + 64 + 64 seconds.
    assert_eq!(bench.now, common::at(191));
}

#[test]
fn a_revoked_identity_goes_by_the_retry_procedure() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.start();
    bench.news();
    let identity = dtls_core::PeerIdentity::new(dtls_core::IdentityKind::PSK, IDENTITY);
    bench.server.revoke(&identity);
    bench.keys.clear();
    bench.run(1);
    assert!(!bench.is_registered());
    assert!(matches!(
        &bench.news()[..],
        [
            Event::SessionLost {
                alert: Some(Alert::ACCESS_DENIED),
                ..
            },
            Event::Error {
                operation: Attempt::Register,
                reason: Reason::Security(SecurityFault::WrongCredentials),
                retry: Some(_),
                ..
            }
        ]
    ));
    let alert = lwm2m_model::Path::resource(1, 0, 11).unwrap();
    let kept = bench.stack.device().tree().node(&alert);
    assert!(format!("{kept:?}").contains("49"), "{kept:?}");
    bench.run(59);
    assert_eq!(bench.connected().0, 1, "not before the retry timer of 60 s");
}

#[test]
fn the_address_may_change_when_the_server_gives_connection_ids() {
    let mut config = dtls_core::Config::default();
    config.connection_id = dtls_core::ConnectionIdPolicy::receive(8, &[]);
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.config = config;
    bench.restart_server();
    bench.start();
    bench.device_at = common::address("198.51.100.1:40001");
    bench.news();
    bench.run(250);
    assert!(matches!(&bench.news()[..], [Event::Updated { .. }]));
    let moved = |event: &DtlsEvent| matches!(event, DtlsEvent::Moved { .. });
    assert!(bench.sessions.iter().any(moved));
    assert_eq!(bench.connected(), (1, 0));
}

#[test]
fn without_connection_ids_a_changed_address_costs_a_handshake() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.start();
    bench.device_at = common::address("198.51.100.1:40001");
    bench.run(320);
    assert!(bench.is_registered());
    assert_eq!(bench.connected(), (2, 1), "resumed");
}

#[test]
fn forged_alerts_do_not_end_a_session_and_only_delay_a_handshake() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    let forged = |alert| vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, alert];
    bench.cut = true;
    bench.start();
    bench.cut = false;
    bench.deliver(forged(40));
    bench.run(5);
    assert!(bench.is_registered());
    bench.deliver(forged(49));
    bench.run(0);
    assert!(bench.is_registered());
    assert_eq!(bench.connected(), (1, 0));
}

#[test]
fn a_removed_account_leaves_nothing() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.start();
    bench.stack.device_mut().remove_server(id(1)).unwrap();
    bench.run(0);
    assert_eq!(bench.server.tables().sessions, 0);
    let tables = bench.stack.dtls().unwrap().tables();
    assert_eq!((tables.sessions, tables.handshakes), (0, 0));
    let account = ServerAccount::new(id(1), "coaps://192.0.2.1").with_security(psk(b"other"));
    bench.keys.insert(IDENTITY.to_vec(), b"other".to_vec());
    bench.stack.device_mut().add_server(account).unwrap();
    bench.start();
    assert!(bench.is_registered(), "with the new key");
}

#[test]
fn silence_means_no_handshake_either() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.cut = true;
    bench.start();
    bench.stack.device_mut().disconnect(id(1)).unwrap();
    bench.run(0);
    let sent = bench.wire.len();
    bench.run(100);
    assert_eq!(bench.wire.len(), sent);
    assert_eq!(bench.stack.device().status(id(1)), Some(Status::Offline));
    assert_eq!(bench.stack.dtls().unwrap().tables().handshakes, 0);
}

#[test]
fn a_request_before_the_registration_is_not_heard() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.start();
    bench.stack.device_mut().deregister(None).unwrap();
    bench.run(0);
    let sent = bench.wire.len();
    let read = common::request(Code::GET, 9, "1/0/1", &[(OptionNumber::ACCEPT, b"")], b"");
    let peer = bench.session();
    bench.say(peer, &read);
    let ping = common::message(Type::Confirmable, Code::EMPTY, 10, b"", &[], b"");
    bench.say(peer, &ping);
    bench.run(0);
    assert_eq!(
        bench.wire.len(),
        sent + 1,
        "the reset that answers the ping"
    );
}

#[test]
fn accounts_are_checked_before_they_are_used() {
    let check = |uri: &str, security: Security| {
        check_account(&ServerAccount::new(id(1), uri).with_security(security))
    };
    let rpk = |key, server| Security::raw_public_key(key, server);
    assert_eq!(check("coap://h", Security::NoSec), Ok(()));
    assert_eq!(check("coaps://h", psk(KEY)), Ok(()));
    assert_eq!(check("coaps://h", rpk(sec1(1), spki(2))), Ok(()));
    assert_eq!(check("coap://h", psk(KEY)), Err(BadAccount::PlainUri));
    let bare = check("coaps://h", Security::NoSec);
    assert_eq!(bare, Err(BadAccount::NoCredentials));
    assert_eq!(check("coaps+tcp://h", psk(KEY)), Err(BadAccount::Uri));
    assert!(matches!(
        check("coaps://h", psk(b"")),
        Err(BadAccount::Psk(_))
    ));
    let zero = check("coaps://h", rpk(sec1(0), spki(2)));
    assert!(matches!(zero, Err(BadAccount::Key(_))));
    let cut = check("coaps://h", rpk(sec1(1), vec![0x30]));
    assert!(matches!(cut, Err(BadAccount::Server(_))));
    let other = X509::new(sec1(1), vec![certificate("a", 2, 9)], authority(9));
    let other = check("coaps://h", Security::X509(other));
    assert!(
        matches!(other, Err(BadAccount::Credentials(_))),
        "not of this key"
    );
}

#[test]
fn an_account_may_name_its_cipher_suites() {
    let cbc = CipherSuite::PSK_WITH_AES_128_CBC_SHA256;
    let mut account = ServerAccount::new(id(1), "coaps://192.0.2.1").with_security(psk(KEY));
    account.cipher_suites = vec![cbc];
    let mut bench = Bench::with(account.clone(), psk_server());
    bench.start();
    assert!(bench.is_registered());
    assert!(matches!(bench.news()[0], Event::Secured { suite, .. } if suite == cbc));
    account.security = Security::raw_public_key(sec1(1), spki(2));
    assert_eq!(check_account(&account), Err(BadAccount::NoSuite));
}

#[test]
fn nothing_secret_is_printed() {
    let mut bench = Bench::new(psk(KEY), psk_server());
    bench.start();
    let printed = format!(
        "{:?} {:?}",
        bench.stack,
        bench.stack.device().account(id(1))
    );
    for form in ["0123456789abcdef", "48, 49, 50, 51", "30, 31, 32, 33"] {
        assert!(!printed.contains(form));
    }
}
