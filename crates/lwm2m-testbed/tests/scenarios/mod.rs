//! Seven scenarios in one kind of weather, and what theory says of them.

use std::time::Duration;

use coap_codec::ContentFormat;
use device_stack::core::{Attempt, Event, Reason};
use lwm2m_model::Value;
use lwm2m_ops::{Lifetime, Reply};
use lwm2m_testbed::{
    BLOB, COUNTER, DeviceId, DeviceSetup, Mode, Outcome, RUN, ServerSetup, Weather, World,
};

/// Runs one cell of the matrix with so many seeds.
pub(crate) fn cell(mode: Mode, seeds: u64, loss: u32, reorder: u32, duplicate: u32) {
    let weather = Weather::with(loss, reorder, duplicate);
    let mut tally = Tally::default();
    for n in 0..seeds {
        let seed = u64::from(loss * 10_000 + reorder * 100 + duplicate) << 32 | n;
        run(mode, seed, weather, &mut tally);
    }
    // A record that comes again is dropped before it is answered again.
    let answered_again = if mode == Mode::NoSec { duplicate } else { 0 };
    let one = chance(loss, answered_again);
    tally.judge("one exchange", one, tally.single);
    tally.judge("four blocks", one.powi(4), tally.blocks);
    println!(
        "{mode:?} loss {loss} reorder {reorder} duplicate {duplicate}: {seeds} seeds, {} datagrams, {} of {} exchanges, \
         {} of {} bodies in blocks, {} notifications, {} failed handshakes, {} sessions left",
        tally.datagrams,
        tally.single.1,
        tally.single.0,
        tally.blocks.1,
        tally.blocks.0,
        tally.notifications,
        tally.failed_handshakes,
        tally.left,
    );
}

/// That a Confirmable request and its piggybacked answer both arrive in one of five attempts
/// (RFC 7252 §4.2). A request that arrives twice is answered twice.
fn chance(loss: u32, duplicate: u32) -> f64 {
    let (loss, duplicate) = (f64::from(loss) / 100.0, f64::from(duplicate) / 100.0);
    let answered = (1.0 - duplicate) * (1.0 - loss) + duplicate * (1.0 - loss * loss);
    1.0 - (1.0 - (1.0 - loss) * answered).powi(5)
}

#[derive(Default)]
struct Tally {
    /// Operations of one exchange: begun, succeeded.
    single: (u32, u32),
    /// Operations of four blocks.
    blocks: (u32, u32),
    notifications: usize,
    datagrams: u64,
    failed_handshakes: u32,
    /// Sessions whose farewell was lost.
    left: usize,
}

impl Tally {
    fn judge(&self, what: &str, chance: f64, (begun, succeeded): (u32, u32)) {
        let (begun, succeeded) = (f64::from(begun), f64::from(succeeded));
        let expected = begun * chance;
        let sigma = (expected * (1.0 - chance)).sqrt();
        assert!(
            (succeeded - expected).abs() <= (3.0 * sigma).max(1.0),
            "{what}: {succeeded} of {begun}, where {expected:.1} ± {sigma:.1} are expected"
        );
    }
}

fn count((begun, succeeded): &mut (u32, u32), success: bool) {
    *begun += 1;
    *succeeded += u32::from(success);
}

/// All scenarios, one after the other.
fn run(mode: Mode, seed: u64, weather: Weather, tally: &mut Tally) {
    let setup = match mode {
        Mode::NoSec => ServerSetup::default(),
        Mode::Psk | Mode::RawPublicKey | Mode::X509 => ServerSetup::secured(),
    };
    let mut world = World::with_server(seed, weather, setup);
    let device = world.add_device(DeviceSetup::new(format!("matrix-{seed}")).with_mode(mode));
    register(&mut world, device);
    update(&mut world, device);
    write(&mut world, device, seed, tally);
    read(&mut world, device, seed, tally);
    execute(&mut world, device, tally);
    observe(&mut world, device, weather.loss, tally);
    deregister(&mut world, device);
    exchanges_of_the_device(&mut world, device, tally);

    // The lifetime of the registration, then that of the messages.
    world.run_for(Duration::from_secs(400 + 400));
    assert_eq!(world.leftovers(), [] as [String; 0]);
    // Without loss the farewell arrives.
    let left = world.sessions();
    assert!(left == 0 || weather.loss > 0, "{left} sessions left");
    tally.left += left;
    tally.datagrams += world.trace().datagrams;
}

/// What a device was told is what the server has.
fn register(world: &mut World, device: DeviceId) {
    assert!(world.register(device, Duration::from_secs(24 * 3600)));
    let registered = world.device(device).events().iter().rev();
    let location = registered
        .filter_map(|(_, event)| match event {
            Event::Registered { location, .. } => Some(location.clone()),
            _ => None,
        })
        .next()
        .expect("a registered device was told so");
    let endpoint = world.device(device).endpoint();
    let held = world.server().registration(endpoint);
    let held = held.expect("a registered device is in the registry");
    assert_eq!(location.id(), Some(held.id()));
    assert_eq!(held.address(), world.device(device).address());
}

fn update(world: &mut World, device: DeviceId) {
    if world.update(device, Some(400)) {
        let endpoint = world.device(device).endpoint();
        let held = world.server().registration(endpoint);
        let lifetime = held.expect("an updated registration is there").lifetime();
        assert_eq!(lifetime, Lifetime::from_seconds(400));
    }
    wait_registered(world, device);
}

fn write(world: &mut World, device: DeviceId, seed: u64, tally: &mut Tally) {
    for n in 0..2 {
        wait_registered(world, device);
        let before = world.device(device).value(&BLOB);
        let body = body(seed, n);
        let outcome = world.write(device, BLOB, ContentFormat::OPAQUE, body.clone());
        let after = world.device(device).value(&BLOB);
        let new = Some(Value::Opaque(body.into()));
        if done(&outcome, &Reply::Changed) {
            assert!(after == new, "success was told for a write that is lost");
            count(&mut tally.blocks, true);
        } else {
            assert!(after == before || after == new, "half a write");
            count(&mut tally.blocks, false);
        }
    }
}

fn read(world: &mut World, device: DeviceId, seed: u64, tally: &mut Tally) {
    for n in 2..4 {
        wait_registered(world, device);
        let value = Value::Opaque(body(seed, n).into());
        world
            .with_device(device, |device, _| device.set(&BLOB, value))
            .expect("the device sets its own value");
        let outcome = world.read(device, BLOB, Some(ContentFormat::OPAQUE));
        let right = Reply::content(ContentFormat::OPAQUE, body(seed, n));
        let success = done(&outcome, &right);
        count(&mut tally.blocks, success);
    }
}

fn execute(world: &mut World, device: DeviceId, tally: &mut Tally) {
    for n in 0..4 {
        wait_registered(world, device);
        let name = format!("run-{n}");
        let outcome = world.execute(device, RUN, &name);
        let success = done(&outcome, &Reply::Changed);
        count(&mut tally.single, success);
        // What the server gave up may still be done, by a repetition that was under way.
        world.run_for(Duration::from_secs(3));
        let runs = world.device(device).runs().get(&name).copied();
        let runs = runs.unwrap_or_default();
        assert!(runs <= 1, "an action ran {runs} times");
        assert!(!success || runs == 1, "an action is told that never ran");
    }
}

fn observe(world: &mut World, device: DeviceId, loss: u32, tally: &mut Tally) {
    wait_registered(world, device);
    let outcome = world.observe(device, COUNTER);
    let zero = Reply::content(ContentFormat::TEXT, "0");
    count(&mut tally.single, done(&outcome, &zero));
    for n in 1..=20 {
        world
            .with_device(device, |device, _| device.set(&COUNTER, Value::Integer(n)))
            .expect("the device sets its own value");
        world.run_for(Duration::from_secs(3));
    }
    // The last state may get what repetitions were left of an earlier one, and all of them may be lost: then it is
    // told after an Update, or when the device has registered again.
    let endpoint = world.device(device).endpoint().to_owned();
    let known = world.wait_for(Duration::from_secs(3600), |world| {
        let observation = world.server().observation(&endpoint, COUNTER);
        let last = observation.and_then(|observation| observation.values.last());
        last.is_some_and(|last| last.payload == "20")
    });
    assert!(known, "the last state was never told");
    let observation = world.server().observation(&endpoint, COUNTER).cloned();
    let observation = observation.expect("it is wanted");
    let told: Vec<i64> = observation
        .values
        .iter()
        .map(|notified| {
            let text = std::str::from_utf8(&notified.payload).expect("plain text");
            text.parse().expect("a number that the device had")
        })
        .collect();
    assert_eq!(observation.lost, 0);
    // A state may come twice, when the device does not know that it came; an older one never.
    assert!(told.is_sorted(), "out of order: {told:?}");
    if loss == 0 {
        assert_eq!(told, Vec::from_iter(0..=20));
    }
    tally.notifications += told.len();
    world.unobserve(device, COUNTER, true);
    world.run_for(Duration::from_secs(100));
    if world.device(device).observations() > 0 {
        // It was not told, and learns it by the next notification; at the latest it goes with the registration.
        world
            .with_device(device, |device, _| device.set(&COUNTER, Value::Integer(21)))
            .expect("the device sets its own value");
        world.run_for(Duration::from_secs(100));
    }
}

fn deregister(world: &mut World, device: DeviceId) {
    wait_registered(world, device);
    let endpoint = world.device(device).endpoint().to_owned();
    if world.deregister(device) {
        assert!(world.server().registration(&endpoint).is_none());
    }
    let outcome = world.read(device, BLOB, None);
    assert!(outcome.is_err(), "a device that left answers nothing");
}

/// Counts the Registers, Updates and De-registers that the device told about.
fn exchanges_of_the_device(world: &mut World, device: DeviceId, tally: &mut Tally) {
    for (_, event) in world.device_mut(device).take_events() {
        match event {
            Event::Registered { .. } | Event::Updated { .. } => count(&mut tally.single, true),
            Event::Unregistered { .. } => count(&mut tally.single, true),
            Event::HandshakeFailed { .. } => tally.failed_handshakes += 1,
            // No exchange was begun. The end that comes with it is counted all the same.
            Event::Error {
                operation: Attempt::Deregister,
                reason: Reason::Security(_),
                ..
            } => {
                tally.single.0 -= 1;
                tally.single.1 -= 1;
            }
            Event::Error {
                reason: Reason::Security(_),
                ..
            } => {}
            Event::Error {
                operation: Attempt::Deregister,
                ..
            } => tally.single.1 -= 1, // told together with the end, which was counted as a success
            Event::Error { .. } => count(&mut tally.single, false),
            _ => {}
        }
    }
}

fn wait_registered(world: &mut World, device: DeviceId) {
    let registered = world.wait_for(Duration::from_secs(24 * 3600), |world| {
        world.device(device).is_registered()
    });
    assert!(registered, "a device that wants to registers in the end");
}

/// Whether a call succeeded. An answer, if there is one, is the right one.
fn done(outcome: &Outcome, right: &Reply) -> bool {
    match outcome {
        Ok(reply) => {
            assert!(reply == right, "{reply:?} is not {right:?}");
            true
        }
        Err(_) => false,
    }
}

/// 4 KiB that no other body shares.
fn body(seed: u64, n: u8) -> Vec<u8> {
    let mut key = [n; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut body = vec![0; 4096];
    sansio::Rng::from_seed(key).fill(&mut body);
    body
}
