//! What happens to a device and its session: addresses change, strangers come, server and device start anew.

use std::time::Duration;

use coap_codec::ContentFormat;
use device_stack::core::{Attempt, Event, Reason};
use dtls_core::ConnectionIdPolicy;
use lwm2m_model::Value;
use lwm2m_ops::Reply;
use lwm2m_testbed::{
    COUNTER, DeviceId, DeviceSetup, Mode, Refused, ServerSetup, TEXT, Weather, World,
};
use server_stack::CallFailure;

const MODES: [Mode; 3] = [Mode::Psk, Mode::RawPublicKey, Mode::X509];
const MINUTE: Duration = Duration::from_secs(60);

fn world(connection_ids: bool) -> World {
    let mut setup = ServerSetup::secured();
    if !connection_ids {
        // Sessions to resume are remembered by the shard that hears their address.
        setup.shards = 1;
        let security = setup.stack.security.as_mut().unwrap();
        security.dtls.connection_id = ConnectionIdPolicy::Off;
    }
    World::with_server(1, Weather::FAIR, setup)
}

/// A registered device whose text is its name, and whose counter is observed.
fn device(world: &mut World, mode: Mode, name: &str) -> DeviceId {
    let id = world.add_device(DeviceSetup::new(name).with_mode(mode));
    assert!(world.register(id, MINUTE));
    world
        .with_device(id, |device, _| device.set(&TEXT, name))
        .unwrap();
    assert!(matches!(
        world.observe(id, COUNTER),
        Ok(Reply::Content { .. })
    ));
    id
}

fn text(world: &mut World, id: DeviceId) -> Result<String, Refused> {
    match world.read(id, TEXT, Some(ContentFormat::TEXT))? {
        Reply::Content { payload, .. } => Ok(String::from_utf8(payload.to_vec()).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn name(world: &World, id: DeviceId) -> String {
    world.device(id).endpoint().to_owned()
}

/// The device counts, and the server is told within a second.
fn counts(world: &mut World, id: DeviceId, count: i64) {
    world
        .with_device(id, |device, _| device.set(&COUNTER, Value::Integer(count)))
        .unwrap();
    world.run_for(Duration::from_secs(1));
    let endpoint = name(world, id);
    let observation = world.server().observation(&endpoint, COUNTER);
    let last = observation.and_then(|observation| observation.values.last());
    assert_eq!(last.expect("it was told").payload, count.to_string());
}

/// Handshakes that succeeded, and resumed ones among them.
fn handshakes(world: &World) -> (u64, u64) {
    let shards = world.server().shards().iter();
    shards.fold((0, 0), |(all, resumed), shard| {
        let stats = shard.dtls_stats();
        (all + stats.connected, resumed + stats.resumed)
    })
}

fn events(world: &mut World, id: DeviceId) -> Vec<Event> {
    let events = world.device_mut(id).take_events();
    events.into_iter().map(|(_, event)| event).collect()
}

/// All leave, and nothing stays.
fn end(mut world: World) {
    for id in world.device_ids().collect::<Vec<_>>() {
        world.unobserve(id, COUNTER, true);
        world.run_for(Duration::from_secs(1));
        assert!(world.deregister(id));
    }
    world.run_for(20 * MINUTE);
    assert_eq!(world.leftovers(), [] as [String; 0]);
}

#[test]
fn an_address_may_change_with_a_connection_id() {
    for mode in MODES {
        let mut world = world(true);
        let id = device(&mut world, mode, "lamp");
        let before = handshakes(&world);
        for count in 1..10 {
            world.rebind(id);
            counts(&mut world, id, count);
            assert_eq!(text(&mut world, id).as_deref(), Ok("lamp"), "{mode:?}");
        }
        assert_eq!(handshakes(&world), before, "no handshake");
        assert_eq!(world.sessions(), 1);
        let endpoint = name(&world, id);
        assert!(world.update(id, None));
        let held = world.server().registration(&endpoint).unwrap();
        assert_eq!(held.address(), world.device(id).address());
        end(world);
    }
}

#[test]
fn without_a_connection_id_a_changed_address_costs_a_resumed_handshake() {
    for mode in MODES {
        let mut world = world(false);
        let id = device(&mut world, mode, "lamp");
        events(&mut world, id);
        world.rebind(id);
        let lost = text(&mut world, id);
        assert!(lost.is_err(), "the old address answers nothing");
        // The Update at 207 s gets no answer for 93 s.
        world.run_for(6 * MINUTE);
        let events = events(&mut world, id);
        let update = events.iter().position(|event| {
            matches!(
                event,
                Event::Error {
                    operation: Attempt::Update,
                    reason: Reason::NoAnswer,
                    ..
                }
            )
        });
        let secured = events
            .iter()
            .position(|event| matches!(event, Event::Secured { resumed: true, .. }));
        assert!(update.is_some() && update < secured, "{events:?}");
        assert_eq!(handshakes(&world), (2, 1));
        assert_eq!(text(&mut world, id).as_deref(), Ok("lamp"));
        counts(&mut world, id, 7);
        let former = world.sessions() - 1;
        assert_eq!(former, 1, "until its room is needed");
        end(world);
    }
}

/// Leshan's issue 187: traffic is bound to the identity, not to the address.
#[test]
fn a_stranger_on_the_old_address_is_another_device() {
    for connection_ids in [true, false] {
        for mode in [Mode::Psk, Mode::RawPublicKey] {
            let mut world = world(connection_ids);
            let first = device(&mut world, mode, "first");
            let there = world.device(first).address();
            world.rebind(first);
            let second = world.add_device(DeviceSetup::new("second").with_mode(mode));
            world.rebind_to(second, there);
            assert!(world.register(second, MINUTE));
            world
                .with_device(second, |device, _| device.set(&TEXT, "second"))
                .unwrap();
            assert_eq!(text(&mut world, second).as_deref(), Ok("second"));
            // What is asked of the first never reaches the second.
            let asked = text(&mut world, first);
            assert!(
                asked.is_err() || asked.as_deref() == Ok("first"),
                "{asked:?}"
            );
            counts_after(&mut world, first, connection_ids);
            world.run_for(6 * MINUTE);
            assert_eq!(text(&mut world, first).as_deref(), Ok("first"));
            assert_eq!(text(&mut world, second).as_deref(), Ok("second"));
            counts(&mut world, first, 5);
            end(world);
        }
    }
}

/// With a connection id the next notification tells where the device is.
fn counts_after(world: &mut World, id: DeviceId, connection_ids: bool) {
    if connection_ids {
        counts(world, id, 3);
        assert_eq!(text(world, id).as_deref(), Ok("first"));
    }
}

#[test]
fn a_server_that_starts_anew_knows_no_sessions() {
    for mode in MODES {
        let mut world = world(true);
        let id = device(&mut world, mode, "lamp");
        let endpoint = name(&world, id);
        events(&mut world, id);
        world.restart_server();
        assert!(world.server().registration(&endpoint).is_some());
        assert_eq!(world.sessions(), 0);
        let waited = text(&mut world, id);
        let no_session = Refused::Failed(CallFailure::NoSession);
        assert_eq!(
            waited,
            Err(no_session),
            "it waits for the device, and no longer"
        );
        world.run_for(6 * MINUTE);
        let events = events(&mut world, id);
        let anew = |event: &Event| matches!(event, Event::Secured { resumed: false, .. });
        assert!(events.iter().any(anew), "{events:?}");
        assert!(world.device(id).is_registered());
        assert_eq!(world.sessions(), 1);
        assert_eq!(text(&mut world, id).as_deref(), Ok("lamp"));
        end(world);
    }
}

#[test]
fn a_device_that_starts_anew_on_its_address_is_served_anew() {
    for connection_ids in [true, false] {
        for mode in MODES {
            let mut world = world(connection_ids);
            let id = device(&mut world, mode, "lamp");
            world.restart_device(id);
            assert!(world.register(id, MINUTE), "{mode:?}");
            world
                .with_device(id, |device, _| device.set(&TEXT, "anew"))
                .unwrap();
            assert_eq!(text(&mut world, id).as_deref(), Ok("anew"));
            counts(&mut world, id, 2);
            assert_eq!(world.sessions(), 1, "the new one ended the old one");
            end(world);
        }
    }
}

#[test]
fn every_mode_at_the_same_time() {
    let mut world = world(true);
    let ids: Vec<_> = [Mode::NoSec, Mode::Psk, Mode::RawPublicKey, Mode::X509]
        .into_iter()
        .map(|mode| device(&mut world, mode, &format!("{mode:?}")))
        .collect();
    for &id in &ids {
        let want = name(&world, id);
        assert_eq!(text(&mut world, id), Ok(want));
    }
    world.run_for(30 * MINUTE);
    for &id in &ids {
        counts(&mut world, id, 1);
    }
    assert_eq!(world.sessions(), 3);
    end(world);
}
