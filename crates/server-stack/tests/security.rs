//! DTLS and the rest of the server as one: rows S and R of the parity list, seen from devices.

mod common;

use std::sync::Arc;
use std::time::Duration;

use coap_codec::{Code, Message, Type};
use common::{OTHER, PLAIN, SECURE, SERVER_KEY, World, address, key, pki, psk, raw};
use dtls_ecdsa::{CertificateNames, Ecdsa, P256, Trust};
use dtls_psk::Psk;
use dtls_psk::dtls_core::{self, CloseReason, FailureReason, Role};
use lwm2m_identity::{Credential, DeviceRecord, Identity};
use registry_core::Removal;
use server_stack::{CallFailure, Effect, Event, SessionEnd};

const KEY: &[u8] = b"0123456789abcdef";

/// A world with one PSK device, `lamp`, that has registered; its number and its location.
fn lamp() -> (World, usize, String) {
    let mut world = World::new();
    world.provision("lamp", "lamp-key", KEY);
    let device = world.psk_device(1000, "lamp-key", KEY);
    let (code, location, _) = world.register(device, &["ep=lamp"]);
    assert_eq!(code, Code::CREATED);
    (world, device, location)
}

#[test]
fn s6_a_device_with_a_key_registers_is_called_and_observed() {
    let (mut world, device, location) = lamp();
    let registration = world.registry.by_endpoint("lamp").unwrap();
    assert_eq!(registration.identity(), psk("lamp-key"));
    assert_eq!(registration.local_endpoint(), SECURE);

    let read = world.read("lamp");
    world.respond(device, None);
    assert_eq!(world.end_of(read), Some(Ok(())));

    let observe = world.observe("lamp");
    let token = {
        let request = world.devices[device].inbox.last().unwrap();
        Message::decode(request).unwrap().token().to_vec()
    };
    world.respond(device, Some(1));
    for number in 2..5_u16 {
        world.devices[device].content(
            Type::NonConfirmable,
            900 + number,
            &token,
            Some(number.into()),
        );
        world.pump();
    }
    let notified = world.events.iter().filter(
        |event| matches!(event, Event::Notification { call, result: Ok(_), last: false, .. } if *call == observe),
    );
    assert_eq!(notified.count(), 3);
    assert_eq!(world.update(device, &location), Code::CHANGED);
    assert!(world.lost.is_empty());
}

#[test]
fn s5_an_endpoint_with_a_credential_never_comes_in_without_security() {
    let (mut world, _, location) = lamp();
    let stranger = world.device(2000, None);
    let (code, _, text) = world.register(stranger, &["ep=lamp"]);
    assert_eq!((code, text.as_str()), (Code::FORBIDDEN, ""));
    assert_eq!(
        world.update(stranger, &location),
        Code::NOT_FOUND,
        "as if there were nothing"
    );
    let left = world.ask(stranger, Code::DELETE, &location, &[], b"");
    assert_eq!(left.unwrap().0, Code::NOT_FOUND);
    assert!(world.registry.by_endpoint("lamp").is_some());
}

/// The record may be gone, or there may have been none: a trusted certificate lets its endpoint in.
#[test]
fn s5_nor_does_it_while_its_registration_came_in_with_security() {
    let mut world = World::new();
    let device = x509_device(&mut world, 1000, "meter", 3);
    assert_eq!(world.register(device, &["ep=meter"]).0, Code::CREATED);
    let stranger = world.device(2000, None);
    assert_eq!(world.register(stranger, &["ep=meter"]).0, Code::FORBIDDEN);
    assert_eq!(world.register(stranger, &["ep=other"]).0, Code::CREATED);
}

fn x509_device(world: &mut World, port: u16, name: &str, number: u8) -> usize {
    let credentials = pki::credentials(name, number, false);
    let suites = Ecdsa::new(P256::new(), credentials, Trust::Ask).unwrap();
    let device = world.device(port, Some(Arc::new(suites)));
    world.connect(device, None);
    device
}

#[test]
fn s7_a_raw_public_key_is_bound_to_its_endpoint() {
    let mut world = World::new();
    let spki = key(7).public_key().spki();
    world.trusted.push(spki.clone());
    let mut record = DeviceRecord::default();
    let key = bytes::Bytes::from(spki);
    record
        .credentials
        .push(Credential::RawPublicKey { key: key.clone() });
    world.record("valve", &record);
    let device = world.device(1000, Some(Arc::new(raw(7))));
    world.connect(device, None);
    assert_eq!(world.register(device, &["ep=other"]).0, Code::FORBIDDEN);
    // Ruling 5: a key has no name to derive one from.
    assert_eq!(world.register(device, &[]).0, Code::BAD_REQUEST);
    assert_eq!(world.register(device, &["ep=valve"]).0, Code::CREATED);
    let registered = world.registry.by_endpoint("valve").unwrap().identity();
    assert_eq!(registered, Identity::RawPublicKey { key });

    let unknown = world.device(1001, Some(Arc::new(raw(8))));
    world.connect(unknown, None);
    assert_eq!(world.failures(), [&FailureReason::Refused("unknown key")]);
    assert!(world.devices[unknown].session.is_none());
}

#[test]
fn s8_a_certificate_speaks_for_the_endpoint_that_it_names() {
    let mut world = World::new();
    let device = x509_device(&mut world, 1000, "meter", 3);
    assert_eq!(world.register(device, &["ep=other"]).0, Code::FORBIDDEN);
    // R11: the name may be left out.
    assert_eq!(world.register(device, &[]).0, Code::CREATED);
    let identity = world.registry.by_endpoint("meter").unwrap().identity();
    let names = vec![String::from("meter")];
    assert_eq!(identity, Identity::X509 { names });
    let read = world.read("meter");
    world.respond(device, None);
    assert_eq!(world.end_of(read), Some(Ok(())));
}

#[test]
fn r11_a_missing_endpoint_name_is_that_of_the_psk_identity() {
    let mut world = World::new();
    world.provision("urn:dev:lamp", "urn:dev:lamp", KEY);
    let device = world.psk_device(1000, "urn:dev:lamp", KEY);
    assert_eq!(world.register(device, &[]).0, Code::CREATED);
    assert!(world.registry.by_endpoint("urn:dev:lamp").is_some());
    let stranger = world.device(2000, None);
    assert_eq!(world.register(stranger, &[]).0, Code::BAD_REQUEST);
}

#[test]
fn r12_a_refusal_tells_an_authenticated_peer_why_and_nothing_about_others() {
    let (mut world, _, location) = lamp();
    world.provision("fan", "fan-key", b"another key 1234");
    let fan = world.psk_device(1001, "fan-key", b"another key 1234");
    let (code, _, taken) = world.register(fan, &["ep=lamp"]);
    assert_eq!(code, Code::FORBIDDEN);
    assert!(!taken.is_empty());
    let (code, _, unknown) = world.register(fan, &["ep=nobody"]);
    assert_eq!((code, unknown), (Code::FORBIDDEN, taken));
    let (code, _, of_another) = world.ask(fan, Code::POST, &location, &[], b"").unwrap();
    let (_, _, of_nobody) = world
        .ask(fan, Code::POST, "rd/AAAAAAAAAAAAAAA", &[], b"")
        .unwrap();
    assert_eq!(code, Code::NOT_FOUND);
    assert!(!of_another.is_empty());
    assert_eq!(of_another, of_nobody);
    // What the registry never sees is explained as well.
    let (code, _, text) = world
        .ask(fan, Code::POST, "rd", &["ep=fan", "lt=soon"], b"</3/0>")
        .unwrap();
    assert_eq!(code, Code::BAD_REQUEST);
    assert!(!text.is_empty());
}

/// Ruling 9.
#[test]
fn r18_the_owner_on_another_listener_is_told_4_00() {
    let (mut world, _, location) = lamp();
    let suites = Psk::client(b"lamp-key", KEY).unwrap();
    let elsewhere = world.device_on(OTHER, 1001, Some(Arc::new(suites)));
    world.connect(elsewhere, None);
    assert_eq!(world.update(elsewhere, &location), Code::BAD_REQUEST);
    let left = world.ask(elsewhere, Code::DELETE, &location, &[], b"");
    assert_eq!(left.unwrap().0, Code::BAD_REQUEST);
    assert_eq!(world.register(elsewhere, &["ep=lamp"]).0, Code::CREATED);
    assert_eq!(world.removals, [("lamp".into(), Removal::Replaced)]);
}

/// S12, S15: with a connection id, a new address changes nothing.
#[test]
fn s15_a_device_that_moved_is_the_same_device_before_its_next_update() {
    let (mut world, device, location) = lamp();
    let observe = world.observe("lamp");
    let request = world.devices[device].inbox.pop().unwrap();
    world.devices[device].answer(&request, Some(1));
    world.pump();
    let token = Message::decode(&request).unwrap().token().to_vec();

    world.devices[device].address = address(4000);
    world.devices[device].content(Type::NonConfirmable, 777, &token, Some(2));
    world.pump();
    let moved = world.events.iter().any(|event| {
        matches!(event, Event::SessionMoved { identity, from, to, .. }
            if *identity == psk("lamp-key") && from.address == address(1000) && to.address == address(4000))
    });
    assert!(moved);
    let notified = world.events.iter().any(
        |event| matches!(event, Event::Notification { call, result: Ok(_), .. } if *call == observe),
    );
    assert!(notified, "the observation is the session's");
    assert_eq!(
        world.registry.by_endpoint("lamp").unwrap().address(),
        address(1000),
        "no Update came yet"
    );

    let read = world.read("lamp");
    world.respond(device, None);
    assert_eq!(world.end_of(read), Some(Ok(())));
    assert_eq!(world.update(device, &location), Code::CHANGED);
    let registration = world.registry.by_endpoint("lamp").unwrap();
    assert_eq!(registration.address(), address(4000));
    assert_eq!(world.stack.tables().sessions, 1);
}

/// Leshan issue 187: somebody else has got the address of a device that left it. The device has a connection id.
#[test]
fn leshan_187_a_stranger_on_the_old_address_is_a_stranger() {
    let (mut world, device, location) = lamp();
    world.provision("fan", "fan-key", b"another key 1234");
    world.devices[device].address = address(4000);
    let stranger = world.psk_device(1000, "fan-key", b"another key 1234");
    assert_eq!(world.update(stranger, &location), Code::NOT_FOUND);

    // What goes to where the lamp was heard last, the stranger cannot read.
    let read = world.read("lamp");
    assert!(world.devices[stranger].inbox.is_empty());
    assert_eq!(world.update(device, &location), Code::CHANGED);
    world.pass(Duration::from_secs(5));
    world.respond(device, None);
    assert_eq!(world.end_of(read), Some(Ok(())));
    assert!(world.devices[stranger].inbox.is_empty());
    assert_eq!(world.stack.tables().sessions, 2);
}

/// The same, and the device has no connection id: its session is over when another stands at its address.
#[test]
fn leshan_187_and_without_a_connection_id_the_device_is_waited_for() {
    let mut world = World::with(|config| {
        let security = config.security.as_mut().unwrap();
        security.dtls.connection_id = dtls_core::ConnectionIdPolicy::Off;
    });
    world.provision("lamp", "lamp-key", KEY);
    let device = world.psk_device(1000, "lamp-key", KEY);
    world.register(device, &["ep=lamp"]);
    world.provision("fan", "fan-key", b"another key 1234");
    world.devices[device].address = address(4000);
    let stranger = world.psk_device(1000, "fan-key", b"another key 1234");
    let read = world.read("lamp");
    assert_eq!(world.end_of(read), None);
    world.pass(Duration::from_secs(31));
    assert!(world.devices[stranger].inbox.is_empty());
    assert_eq!(world.end_of(read), Some(Err(CallFailure::NoSession)));

    world.connect(device, None);
    let read = world.read("lamp");
    world.respond(device, None);
    assert_eq!(world.end_of(read), Some(Ok(())));
    assert!(world.devices[stranger].inbox.is_empty());
}

#[test]
fn a_call_waits_for_the_device_and_goes_out_when_it_comes() {
    let (mut world, device, _) = lamp();
    let session = world.devices[device].session.unwrap();
    world.devices[device].dtls.close(session);
    world.pump();
    let closed = world.events.iter().any(|event| {
        matches!(event, Event::SessionClosed { reason, .. } if *reason == SessionEnd::Dtls(CloseReason::PeerClosed))
    });
    assert!(closed);
    let (first, second) = (world.read("lamp"), world.read("lamp"));
    assert_eq!(world.stack.tables().waiting, 2);
    world.pass(Duration::from_secs(10));
    world.connect(device, None);
    assert_eq!(world.stack.tables().waiting, 2, "it has not registered");
    world.devices[device].request(Code::POST, "rd", &["ep=lamp", "lwm2m=1.1"], b"</3/0>");
    world.pump();
    assert_eq!(world.stack.tables().waiting, 0);
    let inbox = &mut world.devices[device].inbox;
    let created = Message::decode(&inbox.remove(0)).unwrap().code();
    assert_eq!(created, Code::CREATED, "the answer comes first");
    for read in [first, second] {
        world.respond(device, None);
        assert_eq!(world.end_of(read), Some(Ok(())));
    }
}

#[test]
fn a_call_that_waits_goes_out_in_a_resumed_session() {
    let (mut world, device, _) = lamp();
    let it = &mut world.devices[device];
    let session = it.session.unwrap();
    let resumption = it.dtls.resumption(session);
    it.dtls.close(session);
    world.pump();
    let read = world.read("lamp");
    world.connect(device, resumption);
    world.respond(device, None);
    assert_eq!(world.end_of(read), Some(Ok(())));
}

#[test]
fn a_new_session_at_the_same_address_ends_what_ran_in_the_former() {
    let (mut world, device, _) = lamp();
    let read = world.read("lamp");
    world.connect(device, None);
    let ended = CallFailure::SessionEnded(SessionEnd::Replaced);
    assert_eq!(world.end_of(read), Some(Err(ended)));
    assert_eq!(world.stack.tables().sessions, 1);
}

#[test]
fn s4_a_revoked_identity_ends_with_all_that_stands_on_it() {
    let (mut world, device, location) = lamp();
    world.provision("fan", "fan-key", b"another key 1234");
    let fan = world.psk_device(1001, "fan-key", b"another key 1234");
    world.register(fan, &["ep=fan"]);
    let (observe, read) = (world.observe("lamp"), world.read("lamp"));
    let resumption = {
        let device = &world.devices[device];
        device.dtls.resumption(device.session.unwrap())
    };
    assert!(resumption.is_some());

    let lamp = psk("lamp-key");
    world.stack.revoke(world.now, |identity| *identity == lamp);
    world.keys.remove(&b"lamp-key"[..]);
    world.pump();
    let revoked = SessionEnd::Dtls(CloseReason::Revoked);
    for call in [observe, read] {
        let ended = CallFailure::SessionEnded(revoked);
        assert_eq!(world.end_of(call), Some(Err(ended)));
    }
    let told = world.devices[device].events.iter().any(|event| {
        matches!(event, dtls_core::Event::Closed { reason: CloseReason::Alert(alert), .. } if *alert == dtls_core::Alert::ACCESS_DENIED)
    });
    assert!(told);
    assert_eq!(world.stack.tables().sessions, 1, "the fan's");

    // Neither the former session nor the old key lets it in again.
    world.connect(device, resumption);
    world.pass(Duration::from_secs(70));
    assert_eq!(world.stack.tables().sessions, 1);
    let read = world.read("fan");
    world.respond(fan, None);
    assert_eq!(world.end_of(read), Some(Ok(())));
    let _ = location;
}

/// The key was looked up before, and the answer comes after the revocation.
#[test]
fn s4_a_revoked_identity_does_not_finish_its_handshake() {
    let mut world = World::new();
    world.provision("lamp", "lamp-key", KEY);
    world.prompt = false;
    world.psk_device(1000, "lamp-key", KEY);
    let lamp = psk("lamp-key");
    world.stack.revoke(world.now, |identity| *identity == lamp);
    let (ticket, question) = world.questions.pop().unwrap();
    world.answer(ticket, &question);
    world.pump();
    world.pass(Duration::from_secs(70));
    assert_eq!(world.stack.tables().sessions, 0);
    assert!(world.failures().contains(&&FailureReason::Cancelled));
}

#[test]
fn s4_calls_that_wait_for_a_revoked_identity_end() {
    let (mut world, device, _) = lamp();
    let session = world.devices[device].session.unwrap();
    world.devices[device].dtls.close(session);
    world.pump();
    let read = world.read("lamp");
    world.stack.revoke(world.now, |_| true);
    world.pump();
    let revoked = SessionEnd::Dtls(CloseReason::Revoked);
    let ended = CallFailure::SessionEnded(revoked);
    assert_eq!(world.end_of(read), Some(Err(ended)));
    assert_eq!(world.stack.tables().waiting, 0);
}

#[test]
fn the_operator_learns_why_a_handshake_failed() {
    let mut world = World::new();
    world.provision("lamp", "lamp-key", KEY);
    world.psk_device(1000, "lamp-key", b"a wrong key 1234");
    world.psk_device(1001, "Lamp-Key", KEY);
    world.pass(Duration::from_secs(70));
    let wrong = FailureReason::WrongPsk {
        identity: b"lamp-key".to_vec(),
    };
    let unknown = FailureReason::UnknownPskIdentity {
        identity: b"Lamp-Key".to_vec(),
    };
    let failures = world.failures();
    assert!(failures.contains(&&wrong), "{failures:?}");
    assert!(failures.contains(&&unknown), "{failures:?}");
    assert_eq!(world.stack.tables().sessions, 0);
    assert_eq!(world.stack.tables().peers, 0);
}

/// S14: the server begins a handshake with a device that listens, as a client that knows the device's key.
#[test]
fn s14_the_server_shakes_hands_with_a_device_that_listens() {
    let (mut world, device, _) = lamp();
    let it = &mut world.devices[device];
    let session = it.session.take().unwrap();
    it.dtls.close(session);
    it.dtls.set_server(Some(Arc::new(Psk::server())));
    world.pump();
    let suites = Psk::client(b"server", SERVER_KEY).unwrap();
    world.client_suites.insert(1000, Arc::new(suites));
    let read = world.read("lamp");
    let opened = world.events.iter().any(|event| {
        matches!(event, Event::SessionOpened { role: Role::Client, identity, .. } if *identity == psk("lamp-key"))
    });
    assert!(opened);
    world.respond(device, None);
    assert_eq!(world.end_of(read), Some(Ok(())));
    // It is a session as any other: revocation ends it too.
    world
        .stack
        .revoke(world.now, |identity| *identity == psk("lamp-key"));
    assert_eq!(world.stack.tables().sessions, 0);
}

/// Many devices are called after a restart: so many handshakes at a time, and each device once.
#[test]
fn s14_handshakes_that_the_server_begins_are_limited() {
    let mut world = World::with(|config| {
        config.security.as_mut().unwrap().dtls.handshakes = 8;
    });
    for number in 0..5_u16 {
        let to = server_stack::Destination {
            target: server_stack::Target {
                local_endpoint: SECURE,
                address: address(3000 + number),
            },
            identity: psk(&format!("device-{number}")),
            listens: true,
        };
        let suites = Psk::client(b"server", SERVER_KEY).unwrap();
        world.client_suites.insert(3000 + number, Arc::new(suites));
        for id in [0, 1] {
            let call = server_stack::CallId::new(u64::from(number * 2 + id));
            let read = lwm2m_ops::Read::new(lwm2m_model::path!(3, 0), None).unwrap();
            let timeout = Duration::from_secs(120);
            world
                .stack
                .call(world.now, call, to.clone(), "", read.into(), timeout);
            world.pump();
        }
    }
    assert_eq!(world.stack.tables().dtls.handshakes, 2);
    assert_eq!(world.lost.len(), 2, "a hello each");
    world.pass(Duration::from_secs(200));
    let tables = world.stack.tables();
    assert_eq!((tables.waiting, tables.dtls.handshakes), (0, 0));
}

/// S14, R23.
#[test]
fn s14_but_not_with_one_in_queue_mode() {
    let mut world = World::new();
    world.provision("lamp", "lamp-key", KEY);
    let device = world.psk_device(1000, "lamp-key", KEY);
    world.register(device, &["ep=lamp", "Q"]);
    let session = world.devices[device].session.take().unwrap();
    world.devices[device].dtls.close(session);
    world.pump();
    let suites = Psk::client(b"server", SERVER_KEY).unwrap();
    world.client_suites.insert(1000, Arc::new(suites));
    let before = world.stack.dtls_stats();
    let read = world.read("lamp");
    assert_eq!(world.stack.tables().dtls.handshakes, 0);
    assert_eq!(world.end_of(read), None);
    assert_eq!(world.stack.dtls_stats(), before);
}

/// A handshake that this server began with one device is answered by another: with a raw public key that is trusted, too.
#[test]
fn s14_somebody_else_at_the_address_gets_nothing() {
    let mut world = World::new();
    let spki = key(7).public_key().spki();
    world.trusted.push(spki.clone());
    let mut record = DeviceRecord::default();
    let key = bytes::Bytes::from(spki);
    record.credentials.push(Credential::RawPublicKey { key });
    world.record("valve", &record);
    let device = world.device(1000, Some(Arc::new(raw(7))));
    world.connect(device, None);
    world.register(device, &["ep=valve"]);
    let session = world.devices[device].session.take().unwrap();
    world.devices[device].dtls.close(session);
    world.pump();
    world.devices[device].address = address(4000);
    let other = world.device(1000, Some(Arc::new(raw(8))));
    world.devices[other].dtls.set_server(Some(Arc::new(raw(8))));
    // The test's server trusts whom it connects to; who that is must still be looked at.
    let trust = Trust::Keys(vec![*common::key(8).public_key()]);
    let credentials = dtls_ecdsa::Credentials::raw_public_key(common::key(200));
    let suites = Ecdsa::new(P256::new(), credentials, trust).unwrap();
    world.client_suites.insert(1000, Arc::new(suites));
    let read = world.read("valve");
    assert!(world.devices[other].inbox.is_empty());
    assert_eq!(world.end_of(read), None);
    assert_eq!(world.stack.tables().sessions, 0);
    let refused = FailureReason::Refused("the peer is somebody else than was wanted");
    assert_eq!(world.failures(), [&refused]);
}

/// S14 with certificates: both show a chain, and the device is known again by the names in its own.
#[test]
fn s14_a_device_with_a_certificate_is_called_by_the_server_s_own() {
    let mut world = World::new();
    let device = x509_device(&mut world, 1000, "meter", 3);
    assert_eq!(world.register(device, &["ep=meter"]).0, Code::CREATED);
    world.listen(device, pki::credentials("meter", 3, false));
    world.client_suites.insert(1000, Arc::new(world.own()));
    let read = world.read("meter");
    let meter = Identity::X509 {
        names: vec!["meter".into()],
    };
    let opened = world.events.iter().any(|event| {
        matches!(event, Event::SessionOpened { role: Role::Client, identity, .. } if *identity == meter)
    });
    assert!(opened);
    let seen = world.devices[device]
        .events
        .iter()
        .find_map(|event| match event {
            dtls_core::Event::Connected {
                role: Role::Server,
                identity,
                ..
            } => {
                let names = CertificateNames::decode(&identity.value)?;
                Some(names.names().to_vec())
            }
            _ => None,
        });
    assert_eq!(
        seen,
        Some(vec!["server".into()]),
        "its chain is the server's"
    );
    world.respond(device, None);
    assert_eq!(world.end_of(read), Some(Ok(())));
}

/// The other one has a certificate of the same authority, with which it would come in as itself.
#[test]
fn s14_a_wrong_certificate_at_the_address_gets_nothing() {
    let mut world = World::new();
    let device = x509_device(&mut world, 1000, "meter", 3);
    world.register(device, &["ep=meter"]);
    world.listen(device, pki::credentials("meter", 3, false));
    world.devices[device].address = address(4000);
    let other = world.device(1000, Some(Arc::new(raw(8))));
    world.listen(other, pki::credentials("fan", 4, false));
    world.client_suites.insert(1000, Arc::new(world.own()));
    let read = world.read("meter");
    let refused = FailureReason::Refused("the peer is somebody else than was wanted");
    assert_eq!(world.failures(), [&refused]);
    assert!(world.devices[other].inbox.is_empty());
    assert_eq!(world.stack.tables().sessions, 0);
    assert_eq!(world.end_of(read), None);
    world.pass(Duration::from_secs(31));
    assert_eq!(world.end_of(read), Some(Err(CallFailure::NoSession)));

    // And one whose authority nobody trusts.
    world.listen(other, pki::self_made("meter", 5));
    let read = world.read("meter");
    let failures = world.failures();
    let [_, forged] = failures[..] else {
        panic!("{failures:?}");
    };
    assert!(matches!(forged, FailureReason::BadCertificate(_)));
    assert!(world.devices[other].inbox.is_empty());
    world.pass(Duration::from_secs(31));
    assert_eq!(world.end_of(read), Some(Err(CallFailure::NoSession)));
}

#[test]
fn s16_a_resumed_session_is_the_same_identity() {
    let (mut world, device, location) = lamp();
    let it = &mut world.devices[device];
    let session = it.session.unwrap();
    let resumption = it.dtls.resumption(session);
    it.dtls.close(session);
    world.pump();
    world.connect(device, resumption);
    let resumed = world.events.iter().any(|event| {
        matches!(event, Event::SessionOpened { resumed: true, identity, .. } if *identity == psk("lamp-key"))
    });
    assert!(resumed);
    assert_eq!(world.update(device, &location), Code::CHANGED);
}

/// Its close_notify may have been lost, or it is gone.
#[test]
fn a_session_that_is_silent_ends_and_its_device_is_waited_for() {
    let mut world = World::with(|config| {
        let dtls = &mut config.security.as_mut().unwrap().dtls;
        dtls.session_lifetime = Some(Duration::from_secs(100));
    });
    world.provision("lamp", "lamp-key", KEY);
    let device = world.psk_device(1000, "lamp-key", KEY);
    let (_, location, _) = world.register(device, &["ep=lamp"]);
    for _ in 0..4 {
        world.pass(Duration::from_secs(99));
        assert_eq!(world.update(device, &location), Code::CHANGED);
    }
    let idle = SessionEnd::Dtls(CloseReason::Idle);
    let is_told = |world: &World| {
        world
            .events
            .iter()
            .any(|event| matches!(event, Event::SessionClosed { reason, .. } if *reason == idle))
    };
    assert!(!is_told(&world));
    // Not before, and not after nine eighths of it.
    world.pass(Duration::from_secs(113));
    assert!(is_told(&world));
    assert_eq!((idle.as_str(), world.stack.tables().sessions), ("idle", 0));
    assert_eq!(world.stack.tables().peers, 0);
    // The registration lives on, and the device is the same when it comes back.
    let read = world.read("lamp");
    assert_eq!(world.end_of(read), None);
    world.connect(device, None);
    assert_eq!(world.update(device, &location), Code::CHANGED);
    world.respond(device, None);
    assert_eq!(world.end_of(read), Some(Ok(())));
}

#[test]
fn an_identity_has_so_many_sessions_at_most() {
    let mut world = World::with(|config| {
        config.security.as_mut().unwrap().sessions_per_identity = 2;
    });
    world.provision("lamp", "lamp-key", KEY);
    for port in 1000..1005 {
        world.psk_device(port, "lamp-key", KEY);
    }
    let tables = world.stack.tables();
    assert_eq!((tables.sessions, tables.dtls.sessions), (2, 2));
    assert_eq!((tables.peers, tables.coap.peers), (2, 2));
    let too_many = world.events.iter().filter(|event| {
        matches!(
            event,
            Event::SessionClosed {
                reason: SessionEnd::TooMany,
                ..
            }
        )
    });
    assert_eq!(too_many.count(), 3);
    // Calls go to the newest.
    world.register(4, &["ep=lamp"]);
    let read = world.read("lamp");
    world.respond(4, None);
    assert_eq!(world.end_of(read), Some(Ok(())));
}

/// What was registered with security is not sent without, whatever number its listener had before a restart.
#[test]
fn a_call_never_changes_its_security() {
    let (mut world, device, _) = lamp();
    let mut to = world.destination("lamp");
    to.target.local_endpoint = PLAIN;
    let read = lwm2m_ops::Read::new(lwm2m_model::path!(3, 0), None).unwrap();
    let call = server_stack::CallId::new(77);
    let timeout = Duration::from_secs(5);
    world.stack.call(
        world.now,
        call,
        to.clone(),
        "",
        read.clone().into(),
        timeout,
    );
    world.pump();
    assert_eq!(world.end_of(call), Some(Err(CallFailure::NoSession)));
    to.target.local_endpoint = SECURE;
    to.identity = Identity::None;
    let call = server_stack::CallId::new(78);
    world
        .stack
        .call(world.now, call, to, "", read.into(), timeout);
    world.pump();
    assert_eq!(world.end_of(call), Some(Err(CallFailure::NoSession)));
    assert!(world.devices[device].inbox.is_empty());
}

#[test]
fn cancelled_calls_end_by_session() {
    let (mut world, device, _) = lamp();
    let to = world.destination("lamp");
    let former = world.read("lamp");
    let elsewhere = world.psk_device(1001, "lamp-key", KEY);
    let newest = world.read("lamp");
    assert_eq!(world.devices[elsewhere].inbox.len(), 1);
    world.stack.cancel_former(world.now, &to.identity);
    world.stack.cancel_observations(world.now, &to.identity);
    world.pump();
    assert_eq!(world.end_of(former), Some(Err(CallFailure::Cancelled)));
    assert_eq!(world.end_of(newest), None);
    world.stack.cancel_target(world.now, to);
    world.pump();
    assert_eq!(world.end_of(newest), Some(Err(CallFailure::Cancelled)));
    let _ = device;
}

/// Coap without DTLS on a secured listener, and garbage: nobody gets state.
#[test]
fn a_listener_with_security_hears_nothing_without() {
    let mut world = World::new();
    let device = world.device(1000, None);
    world.devices[device].listener = SECURE;
    world.devices[device].request(Code::POST, "rd", &["ep=a", "lwm2m=1.1"], b"</3/0>");
    world.pump();
    let target = server_stack::Target {
        local_endpoint: SECURE,
        address: address(1001),
    };
    for len in 0..100_u8 {
        let mut bytes: Vec<u8> = (0..len).map(|byte| byte.wrapping_mul(37)).collect();
        world.stack.handle_datagram(world.now, target, &mut bytes);
    }
    world.pump();
    let tables = world.stack.tables();
    assert_eq!((tables.peers, tables.dtls.handshakes), (0, 0));
    assert!(world.devices[device].inbox.is_empty());
    assert!(world.events.is_empty() && world.lost.is_empty());
}

/// One device lives its life over DTLS; afterwards nothing is left of it in any table.
#[test]
fn nothing_is_left_after_a_device_has_gone() {
    let (mut world, device, location) = lamp();
    let read = world.read("lamp");
    world.respond(device, None);
    assert_eq!(world.end_of(read), Some(Ok(())));
    let left = world.ask(device, Code::DELETE, &location, &[], b"");
    assert_eq!(left.unwrap().0, Code::DELETED);
    let session = world.devices[device].session.unwrap();
    world.devices[device].dtls.close(session);
    world.pass(Duration::from_secs(1000));
    let tables = world.stack.tables();
    assert_eq!(
        (tables.peers, tables.calls, tables.uplinks, tables.sessions),
        (0, 0, 0, 0)
    );
    assert!(tables.coap.is_quiet());
    let dtls = tables.dtls;
    assert_eq!(
        (dtls.sessions, dtls.handshakes, dtls.connection_ids),
        (0, 0, 0)
    );
    assert_eq!((dtls.questions, dtls.timers), (0, 0));
}

/// A question that nobody answers holds nobody up but the one who asked.
#[test]
fn a_slow_look_up_stalls_nobody() {
    let mut world = World::new();
    world.provision("lamp", "lamp-key", KEY);
    world.provision("fan", "fan-key", b"another key 1234");
    world.prompt = false;
    let lamp = world.psk_device(1000, "lamp-key", KEY);
    let fan = world.psk_device(1001, "fan-key", b"another key 1234");
    assert_eq!(world.questions.len(), 2);
    let (ticket, question) = world.questions.pop().unwrap();
    world.answer(ticket, &question);
    world.pump();
    assert!(world.devices[fan].session.is_some());
    assert!(world.devices[lamp].session.is_none());
    assert_eq!(server_stack::ServerStack::shard_of(ticket), 0);
    let (ticket, question) = world.questions.pop().unwrap();
    world.answer(ticket, &question);
    world.answer(ticket, &question);
    world.pump();
    assert!(world.devices[lamp].session.is_some());
    let effect: Option<Effect> = world.stack.poll_effect();
    assert!(effect.is_none());
}
