//! the catalogue of hostile inputs L rows that need neither security, bootstrap nor persistence, through server and device.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use coap_codec::{Code, Message, OptionNumber, Type};
use coap_endpoint::RequestError;
use device_stack::core::{Attempt, Event};
use lwm2m_ops::{Read, Reply};
use lwm2m_testbed::{
    COUNTER, DeviceSetup, Refused, SERVER, ServerEvent, ServerSetup, TEXT, Weather, World, long,
};
use sansio::Rng;
use server_stack::CallFailure;
use support::*;

const LINKS: &[u8] = b"</1/0>,</3/0>";

#[test]
fn hostile_l01_a_foreign_location_is_4_04_and_a_register_replaces() {
    let (mut world, device) = with_device(1, DeviceSetup::new("victim"));
    let (home, server) = (world.device(device).address(), world.server_address());
    let id = world.server().registration("victim").unwrap().id();
    let attacker = world.fresh_address();
    // Guesses: a changed digit at every place, cut off, made longer, nothing.
    let text = id.to_string();
    let mut guesses: Vec<String> = (0..text.len())
        .map(|at| {
            let digit = if &text[at..=at] == "A" { "B" } else { "A" };
            format!("{}{digit}{}", &text[..at], &text[at + 1..])
        })
        .collect();
    guesses.push(text[..text.len() - 1].to_owned());
    guesses.push(format!("{text}A"));
    guesses.push(text.to_lowercase());
    guesses.retain(|guess| *guess != text);
    let mut mid = 0;
    for guess in &guesses {
        for code in [Code::POST, Code::DELETE] {
            mid += 1;
            let place = format!("rd/{guess}");
            let back = answer(
                &mut world,
                attacker,
                server,
                &request(code, mid, &place, &[], b""),
            );
            let back = Message::decode(&back).unwrap();
            assert_eq!(back.code(), Code::NOT_FOUND, "{code} {place}");
            assert!(back.payload().is_empty());
        }
    }
    let held = world.server().registration("victim").unwrap();
    assert_eq!((held.id(), held.address()), (id, home), "untouched");

    // Without security nobody proves to be anybody: the later Register wins, and the former location is void.
    let back = answer(
        &mut world,
        attacker,
        server,
        &register(9000, b"victim", 300, LINKS),
    );
    let taken = location(&back);
    assert_eq!(
        world.server().registration("victim").unwrap().address(),
        attacker
    );
    // The device learns it by its next Update, and takes its name back.
    assert!(!world.update(device, None));
    assert!(world.wait_for(HOUR, |world| world.device(device).is_registered()));
    let held = world.server().registration("victim").unwrap();
    assert_eq!(held.address(), home);
    assert_ne!(held.id(), id);
    let back = answer(
        &mut world,
        attacker,
        server,
        &request(Code::POST, 9001, &taken, &[], b""),
    );
    assert_eq!(code(&back), Code::NOT_FOUND);
    nothing_is_left(&mut world);
}

#[test]
fn hostile_l02_a_device_that_registers_again_from_its_address_is_found_there() {
    let (mut world, device) = with_device(2, DeviceSetup::new("dev"));
    let home = world.device(device).address();
    let mut former = None;
    for _ in 0..5 {
        world
            .with_device(device, |device, now| device.register(now, SERVER))
            .unwrap();
        assert!(world.wait_for(HOUR, |world| world.device(device).is_registered()));
        let id = world.server().registration("dev").unwrap().id();
        assert_ne!(former.replace(id), Some(id));
        let partitions = world.server().partitions();
        let at: Vec<_> = partitions
            .iter()
            .flat_map(|partition| partition.at_address(home))
            .collect();
        assert_eq!(at.len(), 1);
        assert_eq!(at[0].id(), id);
        assert!(world.read(device, TEXT, None).is_ok());
    }
    nothing_is_left(&mut world);
}

#[test]
fn hostile_l07_many_updates_leave_all_tables_flat() {
    let count: u32 = if long() { 10_000_000 } else { 20_000 };
    let mut world = World::new(7, Weather::FAIR);
    world.watch_wire();
    let (from, server) = (world.fresh_address(), world.server_address());
    let back = answer(
        &mut world,
        from,
        server,
        &register(0, b"restless", 0, LINKS),
    );
    let place = location(&back);
    let mut settled = None;
    for n in 1..=count {
        // Now and then something changes; mostly it is but a sign of life.
        let lifetime = format!("lt={}", 1000 + n % 7);
        let options = [(OptionNumber::URI_QUERY, lifetime.as_bytes())];
        let options = if n % 10 == 0 { &options[..] } else { &[] };
        let update = request(Code::POST, n as u16, &place, options, b"");
        let back = answer(&mut world, from, server, &update);
        assert_eq!(code(&back), Code::CHANGED);
        world.server_mut().take_events();
        if n % 1000 == 0 {
            world.run_for(SECOND);
            let mut tables = world.server().tables();
            for shard in &mut tables.shards {
                // The one that asks whether a new peer has become idle: it runs out once, after EXCHANGE_LIFETIME.
                assert!(shard.coap.timers <= shard.coap.peers, "{shard:?}");
                shard.coap.timers = 0;
            }
            for partition in &mut tables.partitions {
                partition.timers_fired = 0;
                // What may be committed later is a list that is tidied now and then.
                assert!(partition.held_back <= 66, "{partition:?}");
                assert!(partition.timers <= 2, "{partition:?}");
                partition.held_back = 0;
                partition.timers = 0;
            }
            let before = settled.get_or_insert_with(|| tables.clone());
            assert_eq!(*before, tables, "after {n} updates");
        }
    }
    assert_eq!(world.server().records(), 1);
    // The location of a former registration is nobody's.
    world.run_for(SECOND * 300);
    answer(
        &mut world,
        from,
        server,
        &register(1, b"restless", 0, LINKS),
    );
    let old = request(Code::POST, 2, &place, &[], b"");
    assert_eq!(
        code(&answer(&mut world, from, server, &old)),
        Code::NOT_FOUND
    );
    world.remove("restless");
    world.run_for(LIFETIMES);
    assert_eq!(world.leftovers(), [] as [String; 0]);
}

#[test]
fn hostile_l08_garbage_from_many_addresses_leaves_no_state() {
    let count: u32 = if long() { 16_000_000 } else { 100_000 };
    let mut world = World::new(8, Weather::FAIR);
    world.watch_wire();
    let server = world.server_address();
    let before = world.server().tables();
    let mut garbage = garbage(&mut Rng::from_seed([8; 32]), 60);
    // Well-formed, but of nobody who was asked: answers, acknowledgements, resets, pings.
    garbage.extend([
        coap_codec::empty_message(Type::Confirmable, 1).to_vec(),
        coap_codec::empty_message(Type::Acknowledgement, 2).to_vec(),
        coap_codec::empty_message(Type::Reset, 3).to_vec(),
        message(Type::Confirmable, Code::CONTENT, 4, b"token", &[], b"news"),
        message(
            Type::NonConfirmable,
            Code::CONTENT,
            5,
            b"token",
            &[(OptionNumber::OBSERVE, b"\x07")],
            b"news",
        ),
        message(Type::Acknowledgement, Code::CREATED, 6, b"token", &[], b""),
    ]);
    for n in 0..count {
        let ip = std::net::Ipv4Addr::from(0x0b00_0000 + n / 4);
        let from = SocketAddr::from((ip, 1000 + (n % 4) as u16));
        let bytes = &garbage[n as usize % garbage.len()];
        for back in exchange(&mut world, from, server, bytes) {
            // At most a Reset, and never more than came in.
            assert_eq!(back.len(), 4);
            assert!(back.len() <= bytes.len());
            assert_eq!(back[0], 0x70);
        }
        if n % 10_000 == 0 {
            // What was sent back and nobody reads is thrown away.
            world.run_for(SECOND);
        }
    }
    assert_eq!(world.server().tables(), before);
    world.run_for(SECOND);
    assert_eq!(world.leftovers(), [] as [String; 0]);
}

#[test]
fn hostile_l09_an_unreachable_server_makes_the_back_off_grow() {
    let mut world = World::new(9, Weather::with(100, 0, 0));
    let device = world.add_device(DeviceSetup::new("lonely"));
    world.with_device(device, |device, now| device.start(now));
    world.run_for(HOUR);
    let failed: Vec<Duration> = world
        .device(device)
        .events()
        .iter()
        .map(|(at, event)| match event {
            Event::Error {
                operation: Attempt::Register,
                retry: Some(retry),
                ..
            } => retry.saturating_duration_since(*at),
            event => panic!("{event:?}"),
        })
        .collect();
    // LwM2M 1.2 Core §6.2.1.2: 60 s, doubled; then the sequence is over.
    let waits: Vec<u64> = failed.iter().map(Duration::as_secs).collect();
    assert!(waits.starts_with(&[60, 120, 240, 480]), "{waits:?}");
    assert!(waits.is_sorted(), "{waits:?}");
    // Five transmissions an attempt, and no more.
    let attempts = waits.len() as u64 + 1;
    assert!(world.trace().datagrams <= 5 * attempts);
    assert!(attempts <= 6, "{attempts} attempts in an hour");
    world.set_weather(Weather::FAIR);
    assert!(world.wait_for(HOUR * 2, |world| world.device(device).is_registered()));
    nothing_is_left(&mut world);
}

#[test]
fn hostile_l09_a_registration_resumes_after_an_hour_without_the_server() {
    let (mut world, device) = with_device(10, DeviceSetup::new("patient"));
    assert!(world.observe(device, COUNTER).is_ok());
    world.set_weather(Weather::with(100, 0, 0));
    let before = world.trace().datagrams;
    world.run_for(HOUR);
    assert!(world.server().registration("patient").is_none(), "expired");
    let sent = world.trace().datagrams - before;
    assert!(sent <= 5 * 8, "{sent} datagrams in an hour");
    world.set_weather(Weather::FAIR);
    assert!(world.wait_for(HOUR * 2, |world| {
        world.server().registration("patient").is_some() && world.device(device).is_registered()
    }));
    // What was observed is observed again.
    world.run_for(SECOND);
    assert_eq!(world.device(device).observations(), 1);
    world.unobserve(device, COUNTER, true);
    nothing_is_left(&mut world);
}

/// Ids are drawn anew and evenly: no bit of the secret part follows from another registration.
#[test]
fn hostile_l13_locations_have_64_random_bits() {
    let count: u32 = if long() { 100_000 } else { 2_000 };
    let mut world = World::new(13, Weather::FAIR);
    world.watch_wire();
    let (from, server) = (world.fresh_address(), world.server_address());
    let mut seen = BTreeSet::new();
    let mut ones = [0u32; 256];
    let mut bits = 0;
    for n in 0..count {
        let back = answer(
            &mut world,
            from,
            server,
            &register(n as u16, b"guess-me", 300, LINKS),
        );
        let place = location(&back);
        let id = place.strip_prefix("rd/").unwrap();
        assert!(id.len() <= 32);
        assert!(seen.insert(id.to_owned()), "an id came twice");
        // Base64url: six bits a character.
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let value = |c: u8| alphabet.iter().position(|&a| a == c).unwrap();
        bits = 0;
        for c in id.bytes().map(value) {
            for bit in (0..6).rev() {
                ones[bits] += c as u32 >> bit & 1;
                bits += 1;
            }
        }
        world.server_mut().take_events();
    }
    let (mean, sigma) = (f64::from(count) / 2.0, f64::from(count).sqrt() / 2.0);
    let even = |&&ones: &&u32| (f64::from(ones) - mean).abs() < 5.0 * sigma;
    let random = ones[..bits].iter().filter(even).count();
    assert!(random >= 64, "{random} random bits of {bits}");
    world.remove("guess-me");
    nothing_is_left(&mut world);
}

/// The answer to a wrong id tells nothing about ids.
#[test]
fn hostile_l13_foreign_and_unknown_ids_are_answered_alike() {
    let (mut world, device) = with_device(13, DeviceSetup::new("dev"));
    let server = world.server_address();
    let former = world.server().registration("dev").unwrap().id();
    world
        .with_device(device, |device, now| device.register(now, SERVER))
        .unwrap();
    assert!(world.wait_for(HOUR, |world| world.device(device).is_registered()));
    let places = [
        format!("rd/{former}"),
        "rd/AAAAAAAAAAAAAAAA".to_owned(),
        "rd/x".to_owned(),
        "rd/\u{1F980}".to_owned(),
    ];
    for method in [Code::POST, Code::DELETE] {
        let answers: BTreeSet<Vec<u8>> = places
            .iter()
            .map(|place| {
                let from = world.fresh_address();
                let bytes = request(method, 7, place, &[], b"");
                answer(&mut world, from, server, &bytes)
            })
            .collect();
        assert_eq!(answers.len(), 1, "{answers:02x?}");
        assert_eq!(code(answers.first().unwrap()), Code::NOT_FOUND);
    }
    nothing_is_left(&mut world);
}

#[test]
fn hostile_l14_calls_to_a_silent_device_are_refused_beyond_the_limits() {
    let (mut world, device) = with_device(14, DeviceSetup::new("mute").with_lifetime(0));
    world.set_weather(Weather::with(100, 0, 0));
    let read = Read::new(TEXT, None).unwrap();
    let calls: Vec<_> = (0..70_000)
        .map(|_| world.start(device, read.clone()).unwrap())
        .collect();
    let limits = server_stack::Config::default().coap.limits;
    let tables = world.server().tables();
    let running: usize = tables.shards.iter().map(|shard| shard.coap.requests).sum();
    assert!(running <= limits.requests_per_peer);
    let queued: usize = tables.shards.iter().map(|shard| shard.coap.queued).sum();
    assert!(queued <= limits.queue_per_peer);
    let mut why: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls {
        let failed = world.wait(call).unwrap_err();
        let sent = !matches!(
            failed,
            Refused::Failed(CallFailure::NotSent(
                RequestError::QueueFull | RequestError::TooManyRequests
            ))
        );
        *why.entry(if sent { "sent" } else { "refused" }.to_owned())
            .or_default() += 1;
    }
    assert_eq!(why["sent"], running);
    assert_eq!(why["refused"], 70_000 - running);
    world.set_weather(Weather::FAIR);
    nothing_is_left(&mut world);
}

/// More requests than there are message ids: the ids that were used wait their time, and so do the requests.
#[test]
fn hostile_l14_no_message_id_is_used_twice_within_its_lifetime() {
    let count: usize = if long() { 140_000 } else { 70_000 };
    let mut setup = ServerSetup::default();
    setup.stack.coap.transmission.nstart = 64;
    let mut world = World::with_server(14, Weather::FAIR, setup);
    let mut weather = Weather::FAIR;
    weather.delay = Duration::from_millis(1);
    world.set_weather(weather);
    let device = world.add_device(DeviceSetup::new("fast").with_lifetime(0));
    assert!(world.register(device, HOUR));
    world.watch_wire();
    let read = Read::new(TEXT, Some(coap_codec::ContentFormat::TEXT)).unwrap();
    let server = world.server_address();
    let mut used: BTreeMap<u16, sansio::Instant> = BTreeMap::new();
    let mut done = 0;
    let mut pushed_back = 0;
    let mut running = Vec::new();
    while done < count {
        while running.len() < 64 && done + running.len() < count {
            running.push(world.start(device, read.clone()).unwrap());
        }
        world.run_for(SECOND / 400);
        for wire in world.take_wire() {
            if wire.datagram.from != server {
                continue;
            }
            let message = Message::decode(&wire.datagram.bytes).unwrap();
            if !message.code().is_request() {
                continue;
            }
            if let Some(before) = used.insert(message.message_id(), wire.at) {
                let age = wire.at.saturating_duration_since(before);
                assert!(age >= SECOND * 247, "used again after {age:?}");
            }
        }
        running.retain(|&call| match world.outcome(call) {
            None => true,
            Some(Ok(reply)) => {
                assert!(matches!(reply, Reply::Content { .. }));
                done += 1;
                false
            }
            Some(Err(Refused::Failed(CallFailure::NotSent(RequestError::MessageIdsExhausted)))) => {
                pushed_back += 1;
                false
            }
            Some(Err(other)) => panic!("{other:?}"),
        });
        if pushed_back > 0 && running.is_empty() {
            // Whoever is refused waits.
            world.run_for(SECOND * 10);
        }
    }
    assert!(pushed_back > 0, "the ids never ran out");
    nothing_is_left(&mut world);
}

#[test]
fn hostile_l16_a_registration_of_too_many_links_is_4_13() {
    let mut world = World::new(16, Weather::FAIR);
    world.watch_wire();
    let server = world.server_address();
    for (links, expected) in [
        (4_000, Code::CREATED),
        (4_200, Code::REQUEST_ENTITY_TOO_LARGE),
        (20_000, Code::REQUEST_ENTITY_TOO_LARGE),
        (100_000, Code::REQUEST_ENTITY_TOO_LARGE),
    ] {
        let from = world.fresh_address();
        // Distinct instances, as short as can be.
        let list: Vec<String> = (0..links)
            .map(|n| format!("</{}/{}>", 100 + n / 60_000, n % 60_000))
            .collect();
        let list = list.join(",").into_bytes();
        let mut last = None;
        for (num, piece) in list.chunks(1024).enumerate() {
            let more = (num + 1) * 1024 < list.len();
            let block = block(num as u32, more, 1024);
            let options: [(OptionNumber, &[u8]); 6] = [
                (OptionNumber::CONTENT_FORMAT, &[40]),
                (OptionNumber::URI_QUERY, b"ep=big"),
                (OptionNumber::URI_QUERY, b"lt=300"),
                (OptionNumber::URI_QUERY, b"lwm2m=1.1"),
                (OptionNumber::URI_QUERY, b"b=U"),
                (OptionNumber::BLOCK1, &block),
            ];
            let bytes = request(Code::POST, num as u16, "rd", &options, piece);
            let back = answer(&mut world, from, server, &bytes);
            last = Some(code(&back));
            if last != Some(Code::CONTINUE) {
                break;
            }
        }
        assert_eq!(last, Some(expected), "{links} links");
    }
    let held = world.server().registration("big").unwrap();
    assert_eq!(
        held.links().len(),
        "</100/0>,".len() * 10
            + "</100/10>,".len() * 90
            + "</100/100>,".len() * 900
            + "</100/1000>,".len() * 3000
            - 1
    );
    nothing_is_left(&mut world);
}

#[test]
fn hostile_l18_endpoint_names_are_kept_as_they_came() {
    let long_name = "\u{e9}".repeat(126);
    let names = [
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "+1-800",
        "line\nbreak\r\n",
        "\u{1b}[31mred\u{1b}[0m",
        "nul\0byte",
        "../../etc/passwd",
        "%2e%2e%2f",
        "a\"b'c`d;--",
        "\u{202e}right to left",
        "urn:dev:os:32473-123456",
        " ",
        &long_name,
    ];
    let mut world = World::new(18, Weather::with(10, 10, 10));
    for name in names {
        let device = world.add_device(DeviceSetup::new(name));
        assert!(world.register(device, HOUR), "{name:?}");
        let held = world.server().registration(name).expect("by its name");
        assert_eq!(held.endpoint(), name);
        assert!(world.read(device, TEXT, None).is_ok());
    }
    assert_eq!(world.server().registrations(), names.len());
    // What comes out as an event is what came in.
    let told: Vec<String> = world
        .server_mut()
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            ServerEvent::Registry(registry_core::Event::Registered { registration, .. }) => {
                Some(registration.endpoint().to_owned())
            }
            _ => None,
        })
        .collect();
    for name in names {
        assert!(told.iter().any(|told| told == name), "{name:?}");
    }
    world.set_weather(Weather::FAIR);
    nothing_is_left(&mut world);
}

#[test]
fn hostile_l18_endpoint_names_that_are_none_are_refused() {
    let mut world = World::new(18, Weather::FAIR);
    world.watch_wire();
    let server = world.server_address();
    let overlong = [b'x'; 253];
    let too_long_for_an_option = [b'x'; 300];
    for (name, expected) in [
        (&b""[..], Code::BAD_REQUEST),
        (b"\xff\xfe", Code::BAD_REQUEST),
        (b"\xc3(", Code::BAD_REQUEST),
        (b"\xed\xa0\x80", Code::BAD_REQUEST),
        // ep= takes three of the 255 bytes of an option: one more is none that CoAP has.
        (&overlong, Code::BAD_OPTION),
        (&too_long_for_an_option, Code::BAD_OPTION),
    ] {
        let from = world.fresh_address();
        let back = answer(&mut world, from, server, &register(1, name, 300, LINKS));
        assert_eq!(code(&back), expected, "{name:?}");
    }
    // 64 KiB and more do not even fit into a datagram that is one.
    let from = world.fresh_address();
    let name = vec![b'x'; 65_000];
    for back in exchange(&mut world, from, server, &register(1, &name, 300, LINKS)) {
        assert!(!code(&back).is_success());
    }
    assert_eq!(world.server().registrations(), 0);
    nothing_is_left(&mut world);
}
