//! A fleet on a bad network: devices come, change, move, are managed and leave, while the server is
//! restarted and its store fails now and then.

use std::collections::BTreeMap;
use std::time::Duration;

use coap_codec::ContentFormat;
use device_stack::core::Event;
use dtls_core::ConnectionIdPolicy;
use lwm2m_model::Value;
use lwm2m_ops::{Arguments, Execute, Lifetime, Read, Reply, Write, WriteMode};
use lwm2m_testbed::{
    COUNTER, DeviceId, DeviceSetup, Mode, RUN, SERVER, ServerEvent, ServerSetup, StoreWeather,
    TEXT, Trace, Weather, World, long,
};
use registry_core::Removal;
use sansio::Rng;
use server_stack::CallId;

fn devices() -> usize {
    if long() { 2000 } else { 300 }
}

/// Loses a tenth, delays a tenth, doubles a twentieth.
const BAD: Weather = Weather::with(10, 10, 5);
/// Nothing gets through.
const DOWN: Weather = Weather::with(100, 0, 0);
/// Answers late, out of order, and every fiftieth time not at all.
const SHAKY: StoreWeather = StoreWeather {
    delay: Duration::from_millis(2),
    jitter: Duration::from_millis(200),
    failing: 2,
};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_fleet_lives_through_everything() {
    let (trace, tally) = Story::new(1, devices()).tell();
    println!("{trace:?} {tally:?}");
    assert!(tally.registered > devices());
    assert!(tally.moved > 0 && tally.expired > 0 && tally.answered > 0 && tally.failed > 0);
}

/// The same story over DTLS, with connection ids and without.
#[test]
fn a_fleet_with_pre_shared_keys_lives_through_everything() {
    for connection_ids in [true, false] {
        let devices = if long() { 300 } else { 30 };
        let (trace, tally) = Story::secured(1, devices, connection_ids).tell();
        println!("{trace:?} {tally:?}");
        assert!(tally.registered > devices);
        assert!(tally.answered > 0 && tally.failed > 0);
    }
}

#[test]
fn many_small_fleets() {
    for seed in 100..if long() { 400 } else { 110 } {
        Story::new(seed, 30).tell();
    }
}

#[test]
fn the_same_seed_is_the_same_story() {
    let once = Story::new(2, 60).tell();
    assert_eq!(once, Story::new(2, 60).tell());
    assert_ne!(once.0, Story::new(3, 60).tell().0);
}

/// What the server is asked to do, and what that must come to.
enum Asked {
    /// The text that is in there, or was when the read began.
    Read,
    Write(String),
    Execute(String),
    Observe,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Tally {
    registered: usize,
    updated: usize,
    moved: usize,
    expired: usize,
    refused: usize,
    answered: usize,
    failed: usize,
    notified: usize,
}

struct Story {
    world: World,
    rng: Rng,
    ids: Vec<DeviceId>,
    /// What each device was told to be.
    wanted: Vec<bool>,
    /// Every text that a device had.
    texts: Vec<Vec<String>>,
    counters: Vec<i64>,
    calls: BTreeMap<CallId, (DeviceId, Asked)>,
    runs: u64,
    tally: Tally,
}

impl Story {
    fn new(seed: u64, devices: usize) -> Self {
        Self::with(seed, devices, ServerSetup::default(), Mode::NoSec)
    }

    fn secured(seed: u64, devices: usize, connection_ids: bool) -> Self {
        let mut setup = ServerSetup::secured();
        if let Some(security) = setup.stack.security.as_mut().filter(|_| !connection_ids) {
            security.dtls.connection_id = ConnectionIdPolicy::Off;
        }
        Self::with(seed, devices, setup, Mode::Psk)
    }

    fn with(seed: u64, devices: usize, setup: ServerSetup, mode: Mode) -> Self {
        let setup = ServerSetup {
            store: SHAKY,
            ..setup
        };
        let mut world = World::with_server(seed, BAD, setup);
        let ids: Vec<_> = (0..devices)
            .map(|n| world.add_device(DeviceSetup::new(format!("fleet-{n}")).with_mode(mode)))
            .collect();
        Self {
            world,
            rng: Rng::from_seed({
                let mut key = [1; 32];
                key[..8].copy_from_slice(&seed.to_le_bytes());
                key
            }),
            wanted: vec![false; devices],
            texts: vec![vec![String::new()]; devices],
            counters: ids.iter().map(|id| id.0 as i64 * 1_000_000).collect(),
            ids,
            calls: BTreeMap::new(),
            runs: 0,
            tally: Tally::default(),
        }
    }

    fn tell(mut self) -> (Trace, Tally) {
        for hour in 0..3 {
            for minute in 0..60 {
                for _ in 0..self.ids.len() / 5 {
                    self.something_happens();
                    let pause = 60_000_000 * 5 / self.ids.len() as u32;
                    self.world.run_for(Duration::from_micros(pause.into()));
                }
                match (hour, minute) {
                    (0 | 1, 40) => self.restart(),
                    (1 | 2, 20) => self.world.set_weather(DOWN),
                    (1 | 2, 25) => self.world.set_weather(BAD),
                    _ => {}
                }
                self.look();
            }
        }
        self.settle_and_agree();
        self.all_leave();
        (self.world.trace(), self.tally)
    }

    fn something_happens(&mut self) {
        let id = self.ids[self.rng.below(self.ids.len() as u32) as usize];
        let registered = self.world.device(id).is_registered();
        match self.rng.below(100) {
            // Devices of their own accord.
            0..25 if !self.wanted[id.0] => {
                self.wanted[id.0] = true;
                self.world.with_device(id, |device, now| device.start(now));
            }
            0..5 if registered => {
                self.wanted[id.0] = false;
                self.world
                    .with_device(id, |device, _| device.deregister(None))
                    .expect("it is registered");
            }
            5..15 if registered => {
                let lifetime = Lifetime::from_seconds(240 + self.rng.below(240));
                self.world
                    .with_device(id, |device, _| device.update(SERVER, Some(lifetime)))
                    .expect("it is registered");
            }
            15..20 => {
                self.world.rebind(id);
            }
            20..50 => self.count(id),
            // The server.
            50..60 => {
                let read = Read::new(TEXT, Some(ContentFormat::TEXT)).expect("legal");
                self.ask(id, read, Asked::Read);
            }
            60..70 => {
                let text = format!("{}:{}", id.0, self.rng.next_u32());
                self.texts[id.0].push(text.clone());
                let format = ContentFormat::TEXT;
                let write = Write::new(TEXT, WriteMode::Replace, format, text.clone());
                self.ask(id, write.expect("legal"), Asked::Write(text));
            }
            70..80 => {
                self.runs += 1;
                let name = format!("{}", self.runs);
                let arguments = Arguments::default().with_value(0, &name).expect("a name");
                let execute = Execute::new(RUN, arguments).expect("legal");
                self.ask(id, execute, Asked::Execute(name));
            }
            80..95 => {
                if let Ok(call) = self.world.start_observing(id, COUNTER) {
                    self.calls.insert(call, (id, Asked::Observe));
                }
            }
            95..100 => {
                let active = self.rng.below(2) == 0;
                self.world.unobserve(id, COUNTER, active);
            }
            _ => {}
        }
    }

    fn ask(&mut self, id: DeviceId, operation: impl Into<lwm2m_ops::Downlink>, asked: Asked) {
        if let Ok(call) = self.world.start(id, operation) {
            self.calls.insert(call, (id, asked));
        }
    }

    fn count(&mut self, id: DeviceId) {
        self.counters[id.0] += 1;
        let value = Value::Integer(self.counters[id.0]);
        self.world
            .with_device(id, |device, _| device.set(&COUNTER, value))
            .expect("the device sets its own value");
    }

    fn restart(&mut self) {
        self.look();
        self.world.restart_server();
        self.calls.clear();
    }

    /// Checks what came of the calls, and every notification.
    fn look(&mut self) {
        let calls: Vec<CallId> = self.calls.keys().copied().collect();
        for call in calls {
            let Some(outcome) = self.world.outcome(call) else {
                continue;
            };
            let (id, asked) = self.calls.remove(&call).expect("it was there");
            let Ok(reply) = outcome else {
                self.tally.failed += 1;
                continue;
            };
            self.tally.answered += 1;
            let device = self.world.device(id);
            match (asked, reply) {
                (Asked::Read, Reply::Content { payload, .. }) => {
                    let text = std::str::from_utf8(&payload).expect("plain text");
                    let had = self.texts[id.0].iter().any(|had| had == text);
                    assert!(had, "{} never had {text:?}", device.endpoint());
                }
                (Asked::Observe, Reply::Content { .. }) => {}
                (Asked::Write(text), Reply::Changed) => {
                    let told = device.value(&TEXT).expect("it has a text");
                    // A later write may have come already; it has not come before this one.
                    let texts = &self.texts[id.0];
                    let at = |text: &str| texts.iter().position(|had| had == text);
                    let told = told.as_str().expect("a string").to_owned();
                    assert!(
                        at(&told) >= at(&text),
                        "{told} stands where {text} was written"
                    );
                }
                (Asked::Execute(name), Reply::Changed) => {
                    assert_eq!(
                        device.runs().get(&name),
                        Some(&1),
                        "{name} is told, but ran not"
                    );
                }
                (_, reply) => panic!("{reply:?}"),
            }
        }
        for &id in &self.ids {
            let device = self.world.device(id);
            assert!(device.runs().values().all(|&runs| runs == 1), "twice");
            let endpoint = device.endpoint();
            if let Some(observation) = self.world.server().observation(endpoint, COUNTER) {
                for value in &observation.values {
                    let text = std::str::from_utf8(&value.payload).expect("plain text");
                    let value: i64 = text.parse().expect("a number");
                    let own = (id.0 as i64 * 1_000_000..=self.counters[id.0]).contains(&value);
                    assert!(own || value == 0, "{endpoint} never had {value}");
                }
            }
        }
        for event in self.world.server_mut().take_events() {
            use registry_core::Event as Registry;
            match event {
                ServerEvent::Registry(Registry::Registered { .. }) => self.tally.registered += 1,
                ServerEvent::Registry(Registry::Updated { diff, .. }) => {
                    self.tally.updated += 1;
                    self.tally.moved += usize::from(diff.address);
                }
                ServerEvent::Registry(Registry::Removed { reason, .. }) => {
                    self.tally.expired += usize::from(reason == Removal::Expired);
                }
                ServerEvent::Registry(Registry::Refused { .. }) => self.tally.refused += 1,
                ServerEvent::Refused { from, code } => {
                    panic!("a device of ours at {from} was refused with {code}")
                }
                _ => {}
            }
        }
    }

    /// In good weather device and server come to agree, and everything works.
    fn settle_and_agree(&mut self) {
        self.world.set_weather(Weather::FAIR);
        self.world.set_store(StoreWeather::PROMPT);
        // The longest back-off of a device that was given up, then the longest lifetime.
        self.world.run_for(2 * HOUR);
        self.look();
        for id in self.ids.clone() {
            let device = self.world.device(id);
            let endpoint = device.endpoint().to_owned();
            let held = self.world.server().registration(&endpoint);
            assert_eq!(device.is_registered(), self.wanted[id.0], "{endpoint}");
            assert_eq!(held.is_some(), self.wanted[id.0], "{endpoint}");
            let Some(held) = held else { continue };
            assert_eq!(held.address(), device.address(), "{endpoint}");
            let located = device
                .events()
                .iter()
                .rev()
                .find_map(|(_, event)| match event {
                    Event::Registered { location, .. } => Some(location.id()),
                    _ => None,
                });
            assert_eq!(located, Some(Some(held.id())), "{endpoint}");
            assert!(matches!(
                self.world.read(id, TEXT, Some(ContentFormat::TEXT)),
                Ok(Reply::Content { .. })
            ));
            // What is wanted is observed, and nothing else; the last state was told.
            self.count(id);
            self.world.run_for(Duration::from_secs(1));
            let wanted = self.world.server().observation(&endpoint, COUNTER).cloned();
            let served = self.world.device(id).observations();
            assert_eq!(served, usize::from(wanted.is_some()), "{endpoint}");
            if let Some(observation) = wanted {
                let last = observation
                    .values
                    .last()
                    .expect("at least the first answer");
                let last = std::str::from_utf8(&last.payload)
                    .expect("plain text")
                    .to_owned();
                assert_eq!(last, self.counters[id.0].to_string(), "{endpoint}");
                self.tally.notified += observation.values.len();
            }
        }
    }

    fn all_leave(&mut self) {
        for id in self.ids.clone() {
            self.world.unobserve(id, COUNTER, true);
            if self.world.device(id).is_registered() {
                assert!(self.world.deregister(id));
            }
        }
        self.world.run_for(HOUR);
        assert_eq!(self.world.leftovers(), [] as [String; 0]);
    }
}
