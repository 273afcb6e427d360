//! Decisions of this project about who may touch a registration, where they are not rows of another list.

mod support;

use coap_codec::Code;
use lwm2m_identity::NoSecPolicy;
use registry_core::{Config, Event, Registration};
use support::*;

const A: &str = "192.0.2.1:5683";
const B: &str = "192.0.2.2:5683";
const C: &str = "[2001:db8::3]:5683";

/// Ruling 26: without security the location is the proof, so an Update from elsewhere moves the registration.
#[test]
fn ruling_26_an_update_without_security_moves_the_registration() {
    for query in [&[][..], &["lt=300"]] {
        let mut server = Server::new();
        let id = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1"]);
        let neighbour = server.register(&nosec(A), &["ep=neighbour", "lwm2m=1.1"]);
        server.take_events();
        assert_eq!(server.update(&nosec(B), &id, query), Code::CHANGED);
        let at = |server: &Server, address: &str| {
            let address = address.parse().unwrap();
            server.registry.by_address(address).map(Registration::id)
        };
        assert_eq!(
            (at(&server, A), at(&server, B)),
            (Some(neighbour), Some(id))
        );
        let events = server.take_events();
        let [Event::Updated { previous, diff, .. }] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!(previous.address(), A.parse().unwrap());
        assert!(diff.address && diff.lifetime != query.is_empty());
        // And in the store, where a restart finds it.
        let mut server = server.restart(Config::default(), 3);
        assert_eq!(at(&server, B), Some(id));
        assert_eq!(server.deregister(&nosec(C), &id), Code::DELETED);
        assert_eq!((at(&server, A), at(&server, B)), (Some(neighbour), None));
    }
}

/// Ruling 26, the flag: then the address is part of the proof.
#[test]
fn ruling_26_a_flag_refuses_other_addresses() {
    let mut config = Config::default();
    config.follow_address = false;
    let mut server = Server::with(config);
    let id = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1"]);
    let before = server.registry.by_id(&id).cloned();
    server.take_events();
    assert_eq!(server.update(&nosec(B), &id, &["lt=5"]), Code::NOT_FOUND);
    assert_eq!(server.deregister(&nosec(B), &id), Code::NOT_FOUND);
    assert_eq!(server.registry.by_id(&id).cloned(), before);
    for event in server.take_events() {
        let moved = |reason: registry_core::Reason| reason.as_str() == "address_moved";
        assert!(matches!(event, Event::Refused { reason, .. } if moved(reason)));
    }
    assert_eq!(server.update(&nosec(A), &id, &["lt=5"]), Code::CHANGED);
    // The device registers anew, as after any 4.xx.
    let anew = server.register(&nosec(B), &["ep=lamp", "lwm2m=1.1"]);
    assert_eq!(server.update(&nosec(B), &anew, &[]), Code::CHANGED);
    // Who proves an identity is not held to an address.
    server.device("keyed", &psk_record("a"));
    let id = server.register(&psk("a", A), &["ep=keyed", "lwm2m=1.1"]);
    assert_eq!(server.update(&psk("a", B), &id, &[]), Code::CHANGED);
    assert_eq!(server.deregister(&psk("a", C), &id), Code::DELETED);
}

/// Rulings 8 and 9: a stranger learns nothing from the listener that it comes by, the owner does.
#[test]
fn rulings_8_and_9_whose_it_is_comes_before_where_it_came_in() {
    let mut server = Server::new();
    server.device("lamp", &psk_record("a"));
    let id = server.register(&psk("a", A), &["ep=lamp", "lwm2m=1.1"]);
    for (listener, stranger, owner) in [
        (0, Code::NOT_FOUND, None),
        (1, Code::NOT_FOUND, Some(Code::BAD_REQUEST)),
    ] {
        for mut caller in [psk("b", A), nosec(A)] {
            caller.local_endpoint = listener;
            assert_eq!(server.update(&caller, &id, &["lt=5"]), stranger);
            assert_eq!(server.deregister(&caller, &id), stranger);
        }
        let mut caller = psk("a", B);
        caller.local_endpoint = listener;
        if let Some(code) = owner {
            assert_eq!(server.update(&caller, &id, &["lt=5"]), code);
            assert_eq!(server.deregister(&caller, &id), code);
        }
    }
    assert_eq!(server.update(&psk("a", B), &id, &[]), Code::CHANGED);
}

/// Rulings 6, 24 and 34: a record decides before the policy, and a credential before both.
#[test]
fn rulings_6_24_and_34_records_and_policies() {
    use NoSecPolicy::{Known, Off, Open};
    for (policy, unknown) in [
        (Open, Code::CREATED),
        (Known, Code::FORBIDDEN),
        (Off, Code::FORBIDDEN),
    ] {
        let mut config = Config::default();
        config.nosec = policy;
        let mut server = Server::with(config);
        server.device("open", &lwm2m_identity::DeviceRecord::nosec());
        server.device("locked", &lwm2m_identity::DeviceRecord::default());
        let mut both = psk_record("a");
        both.nosec = true;
        server.device("both", &both);
        for (endpoint, caller, code) in [
            ("open", nosec(A), Code::CREATED),
            ("open", psk("a", A), Code::FORBIDDEN),
            ("locked", nosec(A), Code::FORBIDDEN),
            ("both", nosec(A), Code::FORBIDDEN),
            ("both", psk("a", A), Code::CREATED),
            ("both", psk("b", A), Code::FORBIDDEN),
            ("unknown", nosec(A), unknown),
            ("stranger", psk("a", A), Code::FORBIDDEN),
        ] {
            let request = register(&[&format!("ep={endpoint}"), "lwm2m=1.1"], LINKS);
            let answer = server.request(&caller, &request).code;
            assert_eq!(answer, code, "{policy:?} {endpoint} {caller:?}");
        }
    }
}

/// After a restart with other shards the same address may be heard by another one: calls have to leave there.
#[test]
fn an_update_moves_the_route_although_nothing_else_is_new() {
    let mut server = Server::new();
    let id = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1"]);
    server.take_events();
    let mut caller = nosec(A);
    caller.route = 3;
    assert_eq!(server.update(&caller, &id, &[]), Code::CHANGED);
    let events = server.take_events();
    let [
        Event::Updated {
            registration,
            previous,
            diff,
            ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((previous.route(), registration.route()), (0, 3));
    assert!(diff.is_empty());
    let server = server.restart(Config::default(), 3);
    assert_eq!(server.registry.by_endpoint("lamp").unwrap().route(), 3);
}
