//! the catalogue of hostile inputs A28, A29, B02, B04: the message layer, seen through the whole stacks.

mod support;

use coap_codec::{Code, ContentFormat, Message, OptionNumber, Type};
use lwm2m_model::Value;
use lwm2m_ops::Reply;
use lwm2m_testbed::{BLOB, DeviceId, DeviceSetup, Fate, RUN, TEXT, World, long};
use sansio::Rng;
use support::*;

fn rounds() -> usize {
    if long() { 200 } else { 20 }
}

/// Garbage at both ends, from exactly the addresses that talk, in every millisecond.
fn pelt(world: &mut World, device: DeviceId, rng: &mut Rng, towards_server: bool) {
    let (device, server) = (world.device(device).address(), world.server_address());
    let (from, to) = if towards_server {
        (device, server)
    } else {
        (server, device)
    };
    for bytes in garbage(rng, 24) {
        for back in exchange(world, from, to, &bytes) {
            let back = Message::decode(&back).unwrap();
            // At most a Reset, and never more of what was under way.
            assert_eq!((back.ty(), back.code()), (Type::Reset, Code::EMPTY));
        }
    }
    world.run_for(SECOND / 1000);
}

fn transfers_survive(towards_server: bool) {
    let mut rng = Rng::from_seed([3; 32]);
    for round in 0..rounds() {
        // A Register of several blocks: Block1 from device to server.
        let mut world = World::new(round as u64, lwm2m_testbed::Weather::FAIR);
        let mut setup = DeviceSetup::new("pelted");
        setup.device.max_objects = 500;
        setup.padding = (33_000, 450);
        let device = world.add_device(setup);
        world.watch_wire();
        world.with_device(device, |device, now| device.start(now));
        while !world.device(device).is_registered() {
            pelt(&mut world, device, &mut rng, towards_server);
        }
        assert!(world.now().as_micros() < 1_000_000, "without a repetition");
        let registered = world.server().registration("pelted").unwrap();
        assert_eq!(registered.objects().objects.len(), 450 + 4);

        // Block1 from server to device, and Block2 back.
        let mut body = vec![0; 4096];
        rng.fill(&mut body);
        let format = ContentFormat::OPAQUE;
        let mode = lwm2m_ops::WriteMode::Replace;
        let write = lwm2m_ops::Write::new(BLOB, mode, format, body.clone()).unwrap();
        let call = world.start(device, write).unwrap();
        assert_eq!(
            wait(&mut world, device, &mut rng, towards_server, call),
            Reply::Changed
        );
        let value = world.device(device).value(&BLOB);
        assert_eq!(value, Some(Value::Opaque(body.clone().into())));
        let read = lwm2m_ops::Read::new(BLOB, Some(format)).unwrap();
        let call = world.start(device, read).unwrap();
        assert_eq!(
            wait(&mut world, device, &mut rng, towards_server, call),
            Reply::content(format, body)
        );
        assert!(world.now().as_micros() < 2_000_000, "without a repetition");
        nothing_is_left(&mut world);
    }
}

fn wait(
    world: &mut World,
    device: DeviceId,
    rng: &mut Rng,
    towards_server: bool,
    call: server_stack::CallId,
) -> Reply {
    loop {
        if let Some(outcome) = world.outcome(call) {
            return outcome.unwrap();
        }
        pelt(world, device, rng, towards_server);
    }
}

#[test]
fn hostile_a28_garbage_from_the_same_address_disturbs_no_transfer_at_the_server() {
    transfers_survive(true);
}

#[test]
fn hostile_a29_garbage_from_the_same_address_disturbs_no_transfer_at_the_device() {
    transfers_survive(false);
}

#[test]
fn hostile_b02_an_answer_from_another_address_is_dropped_by_the_server() {
    let (mut world, device) = with_device(1, DeviceSetup::new("dev"));
    let home = world.device(device).address();
    let server = world.server_address();
    world.set_script(move |_, datagram| match datagram.from == home {
        true => Fate::Lose,
        false => Fate::Pass,
    });
    let read = lwm2m_ops::Read::new(TEXT, Some(ContentFormat::TEXT)).unwrap();
    let call = world.start(device, read).unwrap();
    world.take_wire();
    world.run_for(SECOND / 10);
    let sent = world.take_wire();
    let stolen = sent.iter().find(|wire| wire.datagram.from == home);
    let stolen = stolen.expect("the device answered").datagram.bytes.clone();
    let before = world.server().tables();
    let mut elsewhere = home;
    elsewhere.set_port(home.port() + 1000);
    let other_host = world.fresh_address();
    for from in [elsewhere, other_host, server] {
        assert!(exchange(&mut world, from, server, &stolen).is_empty());
        assert!(world.outcome(call).is_none());
    }
    assert_eq!(world.server().tables(), before, "and nothing is kept of it");
    // The right one is taken when it comes.
    world.clear_script();
    let outcome = world.wait(call).unwrap();
    assert_eq!(outcome, Reply::content(ContentFormat::TEXT, ""));
    nothing_is_left(&mut world);
}

#[test]
fn hostile_b02_an_answer_from_another_address_is_dropped_by_the_device() {
    let mut world = World::new(1, lwm2m_testbed::Weather::FAIR);
    let device = world.add_device(DeviceSetup::new("dev"));
    world.watch_wire();
    let (home, server) = (world.device(device).address(), world.server_address());
    world.set_script(move |_, datagram| match datagram.from == server {
        true => Fate::Lose,
        false => Fate::Pass,
    });
    world.with_device(device, |device, now| device.start(now));
    world.run_for(SECOND / 10);
    let sent = world.take_wire();
    let stolen = sent.iter().find(|wire| wire.datagram.from == server);
    let stolen = stolen.expect("the server answered").datagram.bytes.clone();
    let mut elsewhere = server;
    elsewhere.set_port(5684);
    let other_host = world.fresh_address();
    for from in [elsewhere, other_host] {
        assert!(exchange(&mut world, from, home, &stolen).is_empty());
        assert!(!world.device(device).is_registered());
    }
    assert_eq!(world.device(device).stack.ignored(), 2);
    world.clear_script();
    assert!(world.wait_for(HOUR, |world| world.device(device).is_registered()));
    nothing_is_left(&mut world);
}

#[test]
fn hostile_b04_twenty_duplicates_of_an_execute_run_it_once() {
    let (mut world, device) = with_device(4, DeviceSetup::new("dev").with_lifetime(3600));
    world.take_wire();
    assert_eq!(world.execute(device, RUN, "once"), Ok(Reply::Changed));
    let (home, server) = (world.device(device).address(), world.server_address());
    let wire = world.take_wire();
    let sent = |from| wire.iter().find(move |wire| wire.datagram.from == from);
    let execute = sent(server).unwrap().datagram.bytes.clone();
    let first = sent(home).unwrap().datagram.bytes.clone();
    assert_eq!(code(&execute), Code::POST);
    for n in 1..20 {
        world.run_for(SECOND * 12);
        let again = answer(&mut world, server, home, &execute);
        assert_eq!(again, first, "duplicate {n}");
    }
    assert_eq!(world.device(device).runs()["once"], 1);
    // As a Non-confirmable message of the same id, too: that is ignored without an answer.
    let mut non = execute.clone();
    non[0] = non[0] & 0xcf | 0x10;
    assert!(exchange(&mut world, server, home, &non).is_empty());
    assert_eq!(world.device(device).runs()["once"], 1);
    nothing_is_left(&mut world);
}

#[test]
fn hostile_b04_twenty_duplicates_of_a_registration_request_act_once() {
    let mut world = World::new(4, lwm2m_testbed::Weather::FAIR);
    world.watch_wire();
    let (from, server) = (world.fresh_address(), world.server_address());
    let twenty = |world: &mut World, bytes: &[u8]| {
        let first = answer(world, from, server, bytes);
        for n in 1..20 {
            world.run_for(SECOND * 12);
            assert_eq!(answer(world, from, server, bytes), first, "duplicate {n}");
        }
        first
    };
    let created = twenty(&mut world, &register(1, b"twenty", 86_400, b"</3/0>"));
    let place = location(&created);
    let update = request(
        Code::POST,
        2,
        &place,
        &[(OptionNumber::URI_QUERY, b"lt=4000")],
        b"",
    );
    assert_eq!(code(&twenty(&mut world, &update)), Code::CHANGED);
    // The second of them would be a 4.04.
    let delete = request(Code::DELETE, 3, &place, &[], b"");
    assert_eq!(code(&twenty(&mut world, &delete)), Code::DELETED);
    let events = world.server_mut().take_events();
    assert_eq!(events.len(), 3, "{events:?}");
    nothing_is_left(&mut world);
}
