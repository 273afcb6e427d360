//! Known failures of registries, a test each. Counts are scaled down unless `LWM2M_LONG` is set.

mod support;

use coap_codec::{Code, Request};
use core::net::{Ipv6Addr, SocketAddr};
use lwm2m_identity::{Identity, NoSecPolicy};
use lwm2m_model::Lwm2mVersion;
use lwm2m_ops::{Lifetime, ObjectList, Register, RegistrationId, Update};
use registry_core::{Caller, Config, Done, Event, Op, Registration};
use std::collections::HashSet;
use support::*;

/// Address number `n`, all different.
fn address(n: u64) -> SocketAddr {
    SocketAddr::new(
        Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(n)).into(),
        5683,
    )
}

fn volatile() -> Config {
    let mut config = Config::default();
    config.keep = false;
    config
}

fn operation(n: u64, endpoint: String, lifetime: u32) -> Op {
    let list = ObjectList::parse(LINKS).unwrap();
    let mut register = Register::new(endpoint, Lwm2mVersion::V1_1, list);
    register.lifetime = Lifetime::from_seconds(lifetime);
    Op::Register {
        caller: Caller::new(Identity::None, address(n), 0),
        register,
    }
}

fn registered(done: Result<Done, registry_core::Refused>) -> Registration {
    match done {
        Ok(Done::Registered(registration)) => registration,
        other => panic!("{other:?}"),
    }
}

/// L01: another identity tries to take, change and end a registration.
#[test]
fn hostile_l01_foreign_identity() {
    let mut server = Server::new();
    server.device("lamp", &psk_record("a"));
    server.device("other", &psk_record("b"));
    let (owner, thief) = (psk("a", "192.0.2.1:1"), psk("b", "192.0.2.1:1"));
    let id = server.register(&owner, &["ep=lamp", "lwm2m=1.1"]);
    let before = server.registry.by_id(&id).cloned();
    for _ in 0..2 {
        let steal = server.request(&thief, &register(&["ep=lamp", "lwm2m=1.1"], LINKS));
        assert_eq!(steal.code, Code::FORBIDDEN);
        assert_eq!(server.update(&thief, &id, &["lt=1"]), Code::NOT_FOUND);
        assert_eq!(server.deregister(&thief, &id), Code::NOT_FOUND);
        assert_eq!(server.registry.by_id(&id).cloned(), before);
        // Also when it has a registration of its own.
        server.register(&thief, &["ep=other", "lwm2m=1.1"]);
    }
}

/// L02: registering again from the same address must not lose the new address entry.
#[test]
fn hostile_l02_same_address_again() {
    let mut server = Server::new();
    let device = nosec("192.0.2.1:5683");
    for _ in 0..3 {
        let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
        assert_eq!(
            server
                .registry
                .by_address(device.address)
                .map(Registration::id),
            Some(id)
        );
        // Another endpoint at the same address comes and goes.
        let other = server.register(&device, &["ep=other", "lwm2m=1.1"]);
        assert_eq!(
            server
                .registry
                .by_address(device.address)
                .map(Registration::id),
            Some(other)
        );
        assert_eq!(server.deregister(&device, &other), Code::DELETED);
        assert_eq!(
            server
                .registry
                .by_address(device.address)
                .map(Registration::id),
            Some(id)
        );
    }
    assert_eq!(server.registry.stats().addresses, 1);
}

/// L04: after a restart the names still belong to their owners, also if the records were not restored.
#[test]
fn hostile_l04_names_survive_a_restart() {
    for restored in [true, false] {
        let mut server = Server::new();
        server
            .registry
            .set_clock(server.now, core::time::Duration::ZERO);
        let certificate = Identity::X509 {
            names: vec!["lamp".into()],
        };
        let owner = Caller::new(certificate, "192.0.2.1:1".parse().unwrap(), 0);
        let id = server.register(&owner, &["ep=lamp", "lwm2m=1.1", "lt=600"]);
        server.pass(secs(100));
        let mut server = match restored {
            true => server.restart(Config::default(), 9),
            false => Server {
                store: server.store,
                now: server.now,
                ..Server::new()
            },
        };
        server.registry.set_clock(server.now, secs(100));
        let thief = nosec("192.0.2.1:1");
        let steal = server.request(&thief, &register(&["ep=lamp", "lwm2m=1.1"], LINKS));
        assert_eq!(steal.code, Code::FORBIDDEN, "restored: {restored}");
        let refused = server.take_events().pop();
        assert!(
            matches!(refused, Some(Event::Refused { reason, .. }) if reason.as_str() == "credential_required")
        );
        if restored {
            assert_eq!(server.update(&owner, &id, &[]), Code::CHANGED);
        }
        let _id = server.register(&owner, &["ep=lamp", "lwm2m=1.1"]);
    }
}

/// L06: expiry costs what expires, not what is held.
#[test]
fn hostile_l06_expiry_is_no_scan() {
    let (held, a_second) = (scaled(1_000_000, 20_000) as u64, 1_000);
    let mut config = volatile();
    config.expiry_batch = 100;
    let mut server = Server::with(config);
    for n in 0..held {
        // The first ten thousand end a thousand each second, the rest far later.
        let lifetime = if n < 10 * a_second {
            100 + n / a_second
        } else {
            80_000 + n % 5_000
        };
        registered(server.run(operation(n, format!("urn:dev:{n}"), lifetime as u32)));
    }
    server.take_events();
    server.pass(secs(99));
    let (mut fired, mut left) = (server.registry.stats().timers_fired, server.registry.len());
    for second in 0..10 {
        server.now = server.now + secs(1);
        let mut calls = 0;
        loop {
            let before = server.registry.len();
            server.registry.handle_timeout(server.now);
            server.pump();
            calls += 1;
            assert!(
                before - server.registry.len() <= 100,
                "one call holds the lock for a bounded time"
            );
            if server
                .registry
                .poll_timeout()
                .is_none_or(|next| next > server.now)
            {
                break;
            }
        }
        let (now_fired, now_left) = (server.registry.stats().timers_fired, server.registry.len());
        assert_eq!(left - now_left, a_second as usize, "second {second}");
        assert_eq!(
            now_fired - fired,
            a_second,
            "a timer each, and no other work"
        );
        assert!((10..=30).contains(&calls), "{calls}");
        (fired, left) = (now_fired, now_left);
        server.take_events();
    }
    assert_eq!(left as u64, held - 10 * a_second);
}

/// L07: Updates leave nothing behind, and a lost location stays lost.
#[test]
fn hostile_l07_updates_leak_nothing() {
    let mut server = Server::new();
    let device = nosec("192.0.2.1:5683");
    let old = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    let mut before = None;
    for round in 0..scaled(10_000_000, 50_000) {
        let port = 1024 + (round % 50) as u16;
        let caller = Caller::new(
            Identity::None,
            SocketAddr::new([192, 0, 2, 1].into(), port),
            0,
        );
        let update = Op::Update {
            caller,
            update: Update::new(id),
        };
        assert!(matches!(server.run(update), Ok(Done::Updated(_))));
        server.take_events();
        if round % 1000 == 999 {
            let stats = server.registry.stats();
            assert_eq!(*before.get_or_insert(stats), stats, "round {round}");
        }
    }
    assert_eq!(server.update(&device, &old, &[]), Code::NOT_FOUND);
    assert_eq!((server.store.len(), server.registry.len()), (1, 1));
    assert_eq!(server.deregister(&device, &id), Code::DELETED);
    server.pass(secs(120));
    server.assert_empty();
}

/// L07: renewals and changes in turn, faster than renewals are committed.
#[test]
fn hostile_l07_renewals_and_changes_in_turn_hold_nothing_back_twice() {
    let mut server = Server::new();
    let device = nosec("192.0.2.1:5683");
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    for round in 0..20_000 {
        let lifetime = format!("lt={}", 1000 + round % 7);
        assert_eq!(server.update(&device, &id, &[]), Code::CHANGED);
        let changed = server.update(&device, &id, &[&lifetime]);
        assert_eq!(changed, Code::CHANGED);
        server.take_events();
        let held_back = server.registry.stats().held_back;
        assert!(held_back <= 66, "{held_back} after {round} rounds");
    }
    assert_eq!(server.update(&device, &id, &[]), Code::CHANGED);
    server.pass(secs(120));
    assert_eq!(server.registry.stats().held_back, 0);
    assert_eq!(server.deregister(&device, &id), Code::DELETED);
    server.pass(secs(120));
    server.assert_empty();
}

/// L08: whoever is refused leaves no state, from however many addresses. (Garbage that is no CoAP does not get here.)
#[test]
fn hostile_l08_no_state_for_the_refused() {
    let mut config = Config::default();
    config.nosec = NoSecPolicy::Known;
    let mut server = Server::with(config);
    for n in 0..scaled(16_000_000, 20_000) as u64 {
        let caller = Caller::new(Identity::None, address(n), 0);
        let refused = match n % 4 {
            0 => server.run(operation(n, format!("urn:dev:{n}"), 60)),
            1 => server.run(Op::Update {
                caller,
                update: Update::new(RegistrationId::new("AAAAAAAAAAAAAAA").unwrap()),
            }),
            2 => server.run(Op::Remove {
                endpoint: format!("urn:dev:{n}"),
            }),
            _ => server.run(operation(n, String::new(), 60)),
        };
        assert!(refused.is_err());
        server.take_events();
    }
    server.assert_empty();
    assert!(server.store.is_empty());
}

/// L11: a store that is down, or holds what nobody can read, admits nobody.
#[test]
fn hostile_l11_no_store_admits_nobody() {
    for caller in [nosec("192.0.2.1:1"), psk("lamp", "192.0.2.1:1")] {
        let mut server = Server::new();
        server.broken = Some(Broken::Down);
        let response = server.request(&caller, &register(&["ep=lamp", "lwm2m=1.1"], LINKS));
        assert_eq!(response.code, Code::SERVICE_UNAVAILABLE);
        assert_eq!(response.options.as_options().max_age(), Some(60));
        server.broken = None;
        let mut batch = lwm2m_store::Batch::new();
        batch.put(lwm2m_identity::DeviceRecord::key("lamp"), "garbage", None);
        server.store.commit(batch).unwrap();
        let response = server.request(&caller, &register(&["ep=lamp", "lwm2m=1.1"], LINKS));
        assert_eq!(response.code, Code::SERVICE_UNAVAILABLE);
        let refused = server.take_events();
        assert!(refused.iter().all(|event| matches!(event, Event::Refused { reason, .. } if reason.as_str() == "store_down")));
        server.assert_empty();
    }
}

/// L13: locations cannot be guessed, and a foreign one answers as one that never was.
#[test]
fn hostile_l13_locations_cannot_be_guessed() {
    let mut server = Server::new();
    server.device("lamp", &psk_record("lamp"));
    let id = server.register(&psk("lamp", "192.0.2.1:1"), &["ep=lamp", "lwm2m=1.1"]);
    let never = RegistrationId::new(&id.as_str().chars().rev().collect::<String>()).unwrap();
    let thief = nosec("192.0.2.9:1");
    for method in [Code::POST, Code::DELETE] {
        let ask = |server: &mut Server, id: &RegistrationId| {
            server.request(&thief, &Request::new(method).path(&format!("/rd/{id}")))
        };
        assert_eq!(
            ask(&mut server, &id),
            ask(&mut server, &never),
            "byte for byte the same answer"
        );
        assert_eq!(ask(&mut server, &id).code, Code::NOT_FOUND);
    }
    // One character off is another id.
    for at in 0..id.as_str().len() {
        let mut text = id.as_str().to_owned().into_bytes();
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        let near = RegistrationId::new(&String::from_utf8(text).unwrap()).unwrap();
        assert_eq!(
            server.update(&psk("lamp", "192.0.2.1:1"), &near, &[]),
            Code::NOT_FOUND
        );
    }
    // The next ids tell nothing about each other.
    let next: Vec<_> = (0..50)
        .map(|_| server.register(&nosec("192.0.2.2:1"), &["ep=x", "lwm2m=1.1"]))
        .collect();
    for pair in next.windows(2) {
        let same = pair[0]
            .as_str()
            .bytes()
            .zip(pair[1].as_str().bytes())
            .skip(3)
            .filter(|(a, b)| a == b)
            .count();
        assert!(same < 6, "{pair:?}");
    }
}

/// L14, registration ids: a full registry pushes back; nobody is evicted and no id comes twice.
#[test]
fn hostile_l14_full_registry_pushes_back() {
    let room = scaled(1_000_000, 5_000) as u64;
    let mut config = volatile();
    config.max_registrations = room as usize;
    let mut server = Server::with(config);
    let mut ids = HashSet::new();
    for n in 0..room {
        assert!(ids.insert(registered(server.run(operation(n, format!("{n}"), 60))).id()));
        server.take_events();
    }
    for n in 0..100 {
        let refused = server
            .run(operation(n, format!("new-{n}"), 60))
            .unwrap_err();
        assert_eq!(
            (refused.code, refused.reason.as_str()),
            (Code::SERVICE_UNAVAILABLE, "registry_full")
        );
        assert_eq!(
            refused.to_response().options.as_options().max_age(),
            Some(60)
        );
        // Who is in may register again, and so make no room.
        assert!(ids.insert(registered(server.run(operation(n, format!("{n}"), 60))).id()));
    }
    assert_eq!(server.registry.len() as u64, room);
    server.pass(secs(61));
    registered(server.run(operation(0, "new".into(), 60)));
    assert_eq!(server.registry.len(), 1);
}

/// L16: lists beyond the cap, in links or bytes, and everything else that could be long.
#[test]
fn hostile_l16_large_lists() {
    let mut server = Server::new();
    let device = nosec("192.0.2.1:5683");
    let links = |count: usize| {
        (0..count)
            .map(|i| format!("</{}/{}>", 1 + i / 1000, i % 1000))
            .collect::<Vec<_>>()
            .join(",")
    };
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    for (list, code) in [
        (links(100_000), Code::REQUEST_ENTITY_TOO_LARGE),
        (links(4_097), Code::REQUEST_ENTITY_TOO_LARGE),
        (
            format!("</3/0>;x=\"{}\"", "y".repeat(70_000)),
            Code::REQUEST_ENTITY_TOO_LARGE,
        ),
        (links(4_000), Code::CREATED),
    ] {
        let response = server.request(&device, &register(&["ep=large", "lwm2m=1.1"], &list));
        assert_eq!(response.code, code, "{} bytes", list.len());
        let response = server.request(&device, &update(id.as_str(), &[]).payload(list));
        assert_eq!(response.code == Code::CHANGED, code == Code::CREATED);
    }

    let mut config = Config::default();
    (
        config.max_links,
        config.max_list_bytes,
        config.max_facts_bytes,
    ) = (12, 200, 100);
    config.max_total_bytes = 2_000;
    let mut server = Server::with(config);
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    let long = "z".repeat(99);
    for (query, list, reason) in [
        (&["x=1"][..], links(12), "too_many_links"),
        (
            &["x=1"],
            format!("</3/0>;x=\"{}\"", "y".repeat(200)),
            "payload_too_large",
        ),
        (
            &[&format!("x={long}")],
            "</3/0>".into(),
            "payload_too_large",
        ),
        (
            &[&format!("sms={long}1234")],
            "</3/0>".into(),
            "payload_too_large",
        ),
    ] {
        server.take_events();
        let registering: Vec<_> = ["ep=other", "lwm2m=1.1"]
            .iter()
            .chain(query)
            .copied()
            .collect();
        let response = server.request(&device, &register(&registering, &list));
        assert_eq!(response.code, Code::REQUEST_ENTITY_TOO_LARGE, "{query:?}");
        let response = server.request(&device, &update(id.as_str(), query).payload(list));
        assert_eq!(response.code, Code::REQUEST_ENTITY_TOO_LARGE, "{query:?}");
        for event in server.take_events() {
            assert!(
                matches!(event, Event::Refused { reason: told, .. } if told.as_str() == reason),
                "{event:?}"
            );
        }
    }
    // Parameters that add up over many Updates meet the same cap.
    let codes: Vec<_> = (0..20)
        .map(|i| server.update(&device, &id, &[&format!("name-{i}=12345")]))
        .collect();
    assert!(codes.contains(&Code::REQUEST_ENTITY_TOO_LARGE));
    assert!(server.registry.by_id(&id).unwrap().extra().len() < 10);

    // All registrations together have a cap as well.
    let full = (0..50).find_map(|i| {
        let ep = format!("ep=device-{i}");
        let response = server.request(&device, &register(&[&ep, "lwm2m=1.1"], LINKS));
        (response.code != Code::CREATED).then_some(response.code)
    });
    assert_eq!(full, Some(Code::SERVICE_UNAVAILABLE));
    assert!(server.registry.stats().bytes <= 2_000 + 300);
}

/// L18: names are kept as they came, and found again; escaping is for whoever shows them.
#[test]
fn hostile_l18_endpoint_names() {
    let mut server = Server::new();
    let longest = "\u{1f4a1}".repeat(63);
    let names = [
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "a\r\nInjected: yes",
        "\0",
        "\u{1b}[31m",
        "../../etc/passwd",
        "' OR 1=1 --",
        "{hash}tag",
        " ",
        "a=b&c=d",
        "\u{202e}abc",
        &longest,
    ];
    for name in names {
        let device = nosec("192.0.2.1:5683");
        let id = server.register(&device, &[&format!("ep={name}"), "lwm2m=1.1"]);
        assert_eq!(
            server.registry.by_endpoint(name).map(Registration::id),
            Some(id),
            "{name:?}"
        );
        assert_eq!(server.registry.by_id(&id).unwrap().endpoint(), name);
        assert!(
            !format!("{:?}", server.registry.by_id(&id)).contains(['\n', '\r', '\0', '\u{1b}'])
        );
    }
    assert_eq!(server.registry.len(), names.len());
    let mut server = server.restart(Config::default(), 3);
    for name in names {
        assert!(server.registry.by_endpoint(name).is_some(), "{name:?}");
    }
    for (ep, code) in [
        (b"ep=\xff\xfe".to_vec(), Code::BAD_REQUEST),
        ([b"ep=".to_vec(), vec![b'x'; 252]].concat(), Code::CREATED),
    ] {
        let mut request = register(&["lwm2m=1.1"], LINKS);
        request
            .options
            .insert(coap_codec::OptionNumber::URI_QUERY, &ep)
            .unwrap();
        assert_eq!(server.request(&nosec("192.0.2.1:1"), &request).code, code);
    }
    let op = operation(1, "x".repeat(64 * 1024), 60);
    assert_eq!(server.run(op).unwrap_err().code, Code::BAD_REQUEST);
}

/// I09: registration ids carry the entropy they promise: 72 bits, every character even, none twice.
#[test]
fn hostile_i09_registration_ids_are_random() {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let draws = scaled(1_000_000, 64_000);
    let mut server = Server::with(volatile());
    let mut counts = [[0_u32; 64]; 12];
    let mut seen = HashSet::new();
    for _ in 0..draws {
        let id = registered(server.run(operation(0, "lamp".into(), 60))).id();
        server.take_events();
        assert!(seen.insert(id));
        for (at, char) in id.as_str().bytes().skip(3).enumerate() {
            counts[at][ALPHABET.iter().position(|known| *known == char).unwrap()] += 1;
        }
    }
    let expected = draws as f64 / 64.0;
    for (at, counts) in counts.iter().enumerate() {
        let chi: f64 = counts
            .iter()
            .map(|count| (f64::from(*count) - expected).powi(2) / expected)
            .sum();
        // 63 degrees of freedom: mean 63, deviation 11.2.
        assert!((20.0..125.0).contains(&chi), "character {at}: {chi}");
    }
}
