//! the catalogue of hostile inputs D01, D04, D06: observations between server and device.

mod support;

use coap_codec::{Code, Message, Type};
use lwm2m_model::{Path, Value};
use lwm2m_ops::{Lifetime, Reply};
use lwm2m_testbed::{COUNTER, DeviceSetup, Fate, ServerSetup, Weather, World, long};
use support::*;

/// A server that observes, and is never heard of again, while nothing ever changes.
#[test]
fn hostile_d01_silent_observers_are_dropped_in_the_end() {
    let (devices, each) = if long() { (1000, 100) } else { (20, 20) };
    let mut setup = ServerSetup::default();
    setup.registry.max_observations = each;
    let mut world = World::with_server(1, Weather::FAIR, setup);
    let ids: Vec<_> = (0..devices)
        .map(|n| {
            let mut setup = DeviceSetup::new(format!("dev-{n}"));
            // Nothing but the observations makes the device ask whether the server is there.
            setup.settings.lifetime = Lifetime::from_seconds(0);
            setup.device.max_observations = each;
            setup.device.max_objects = each + 8;
            setup.padding = (33_000, each as u16);
            world.add_device(setup)
        })
        .collect();
    assert!(world.register_all(HOUR));
    for &id in &ids {
        for n in 0..each as u16 {
            let path = Path::object(33_000 + n).unwrap();
            let call = world.start_observing(id, path).unwrap();
            let first = world.wait(call).unwrap();
            assert_eq!(first.code(), Code::CONTENT);
        }
        assert_eq!(world.device(id).observations(), each);
    }
    // As long as it is there, an acknowledgement a day keeps them.
    let days = if long() { 2 } else { 5 };
    world.run_for(HOUR * 24 * days);
    for &id in &ids {
        assert_eq!(world.device(id).observations(), each);
    }
    world.set_weather(Weather::with(100, 0, 0));
    // A day and an hour to the first probe, then each is given up after 93 s, one after the other.
    world.run_for(HOUR * 25 + SECOND * 93 * each as u32);
    for &id in &ids {
        let device = world.device(id);
        assert_eq!(device.observations(), 0, "{}", device.endpoint());
        assert!(device.stack.endpoint().tables().is_quiet());
    }
}

#[test]
fn hostile_d04_a_hundred_parallel_observes_on_one_device_are_all_answered() {
    for (room, observing) in [(128, 100), (64, 64)] {
        let mut setup = ServerSetup::default();
        setup.registry.max_observations = 128;
        let mut world = World::with_server(4, Weather::with(10, 10, 10), setup);
        let mut setup = DeviceSetup::new("busy").with_lifetime(86_400);
        setup.device.max_observations = room;
        setup.padding = (33_000, 100);
        let device = world.add_device(setup);
        assert!(world.register(device, HOUR));
        let paths = (0..100).map(|n| Path::object(33_000 + n).unwrap());
        let paths: Vec<Path> = paths.collect();
        let calls = paths
            .iter()
            .map(|&path| world.start_observing(device, path).unwrap());
        let calls: Vec<_> = calls.collect();
        for call in calls {
            let first = world.wait(call).unwrap();
            assert_eq!(first.code(), Code::CONTENT);
        }
        let active = |world: &World| {
            let of = |path: &Path| world.server().observation("busy", *path).unwrap().active;
            paths.iter().filter(|path| of(path)).count()
        };
        // Beyond its room a device answers as to a Read, and the server knows.
        assert_eq!(active(&world), observing);
        assert_eq!(world.device(device).observations(), observing);
        for &path in &paths {
            world.unobserve(device, path, true);
        }
        world.run_for(HOUR);
        nothing_is_left(&mut world);
    }
}

/// The steps whose first datagram may be lost.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Observe,
    Answer,
    Notification,
    Acknowledgement,
    Cancel,
}

const STEPS: [Step; 5] = [
    Step::Observe,
    Step::Answer,
    Step::Notification,
    Step::Acknowledgement,
    Step::Cancel,
];

/// All 32 sets of lost steps, and both ways to cancel.
#[test]
fn hostile_d06_loss_at_each_step_of_an_observation() {
    for lost in 0..32u32 {
        for active in [true, false] {
            let seed = u64::from(lost);
            let (mut world, device) = with_device(seed, DeviceSetup::new("dev"));
            let mut left: Vec<Step> = STEPS
                .into_iter()
                .enumerate()
                .filter(|(at, _)| lost & 1 << at != 0)
                .map(|(_, step)| step)
                .collect();
            let server = world.server_address();
            world.set_script(move |_, datagram| {
                let message = Message::decode(&datagram.bytes).unwrap();
                let observe = message.options().observe();
                let step = match (message.ty(), message.code(), datagram.from == server) {
                    (_, Code::GET, true) if observe == Some(0) => Step::Observe,
                    (Type::Acknowledgement, Code::CONTENT, false) => Step::Answer,
                    (Type::Confirmable, Code::CONTENT, false) => Step::Notification,
                    (Type::Acknowledgement, Code::EMPTY, true) => Step::Acknowledgement,
                    (_, Code::GET, true) if observe == Some(1) => Step::Cancel,
                    (Type::Reset, _, true) => Step::Cancel,
                    _ => return Fate::Pass,
                };
                match left.iter().position(|&other| other == step) {
                    Some(at) => {
                        left.remove(at);
                        Fate::Lose
                    }
                    None => Fate::Pass,
                }
            });
            let set = |world: &mut World, value| {
                let set = world.with_device(device, |device, _| {
                    device.set(&COUNTER, Value::Integer(value))
                });
                set.unwrap();
                world.run_for(SECOND * 30);
            };
            let first = world.observe(device, COUNTER).unwrap();
            assert!(matches!(first, Reply::Content { payload, .. } if payload == "0"));
            set(&mut world, 1);
            let observation = world.server().observation("dev", COUNTER).unwrap();
            let told: Vec<_> = observation
                .values
                .iter()
                .map(|told| &told.payload)
                .collect();
            assert_eq!(told, ["0", "1"], "lost {lost:05b}");
            world.unobserve(device, COUNTER, active);
            world.run_for(SECOND * 30);
            // Not told, the device learns it by its next notification.
            set(&mut world, 2);
            assert_eq!(world.device(device).observations(), 0, "lost {lost:05b}");
            assert!(world.server().observation("dev", COUNTER).is_none());
            world.clear_script();
            nothing_is_left(&mut world);
        }
    }
}
