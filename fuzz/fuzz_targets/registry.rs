#![no_main]
//! Whatever devices, administrators, the store and the clock do to a registry, in any order: each operation has one
//! outcome, the tables agree with each other and with the events, and afterwards nothing is left.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use lwm2m_identity::Identity;
use lwm2m_model::Lwm2mVersion;
use lwm2m_ops::{Deregister, Lifetime, ObjectList, Register, RegistrationId, Update};
use lwm2m_store::{CommitError, Down, MemoryRecords};
use registry_core::{
    Caller, Config, Done, Effect, EffectResult, Event, Op, REGISTRATION_KIND, Registration,
    Registry,
};
use sansio::{Instant, Ticket};

#[derive(Arbitrary, Debug)]
enum Step {
    Register {
        endpoint: u8,
        from: u8,
        lifetime: u8,
        list: bool,
    },
    Update {
        id: u8,
        from: u8,
        lifetime: Option<u8>,
        list: Option<bool>,
    },
    Deregister {
        id: u8,
        from: u8,
    },
    Remove(u8),
    Store {
        nth: u8,
        how: How,
    },
    CommitHeldBack,
    /// Milliseconds.
    Wait(u16),
    Restart,
}

/// How the store takes an effect.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum How {
    Works,
    Down,
    DownAfterCommit,
    Conflict,
}

const LISTS: [&str; 2] = [
    "</1/0>,</3/0>",
    "</lwm2m>;rt=\"oma.lwm2m\",</lwm2m/3/0>,</lwm2m/3303/1>",
];

struct Play {
    registry: Registry,
    store: MemoryRecords,
    now: Instant,
    ids: Vec<RegistrationId>,
    effects: Vec<Effect>,
    tickets: u64,
    restarts: u64,
    open: BTreeSet<u64>,
    /// By endpoint, as the events tell.
    told: BTreeMap<String, RegistrationId>,
}

fn config() -> Config {
    let mut config = Config::default();
    config.max_registrations = 3;
    config.max_pending = 4;
    config.max_waiting = 2;
    config.lazy_commit = Duration::from_secs(5);
    config.commit_batch = 2;
    config.expiry_batch = 2;
    config
}

/// Ids are drawn from it, so no two processes have the same.
fn seed(restarts: u64) -> [u8; 32] {
    let mut seed = [3; 32];
    seed[..8].copy_from_slice(&restarts.to_be_bytes());
    seed
}

impl Play {
    fn new() -> Self {
        let now = Instant::ZERO;
        Self {
            registry: Registry::new(config(), 0, seed(0), now),
            store: MemoryRecords::new(),
            now,
            ids: Vec::new(),
            effects: Vec::new(),
            tickets: 0,
            restarts: 0,
            open: BTreeSet::new(),
            told: BTreeMap::new(),
        }
    }

    fn id(&self, nth: u8) -> RegistrationId {
        let known = usize::from(nth).checked_rem(self.ids.len());
        known.map_or_else(
            || RegistrationId::new("nobody").expect("legal"),
            |at| self.ids[at],
        )
    }

    fn hand_in(&mut self, op: Op) {
        self.tickets += 1;
        self.open.insert(self.tickets);
        self.registry
            .handle(self.now, Ticket::new(self.tickets), op);
    }

    fn step(&mut self, step: &Step) {
        let lifetime = |seconds: u8| Lifetime::from_seconds(u32::from(seconds % 32));
        let objects = |list: bool| ObjectList::parse(LISTS[usize::from(list)]).expect("legal");
        let caller = |from: u8| {
            let address = ([192, 0, 2, from % 3], 5683).into();
            Caller::new(Identity::None, address, u16::from(from >> 7))
        };
        match *step {
            Step::Register {
                endpoint,
                from,
                lifetime: seconds,
                list,
            } => {
                let name = format!("ep-{}", endpoint % 5);
                let mut register = Register::new(name, Lwm2mVersion::V1_1, objects(list));
                register.lifetime = lifetime(seconds);
                self.hand_in(Op::Register {
                    caller: caller(from),
                    register,
                });
            }
            Step::Update {
                id,
                from,
                lifetime: seconds,
                list,
            } => {
                let mut update = Update::new(self.id(id));
                update.lifetime = seconds.map(lifetime);
                update.objects = list.map(objects);
                self.hand_in(Op::Update {
                    caller: caller(from),
                    update,
                });
            }
            Step::Deregister { id, from } => {
                let deregister = Deregister::new(self.id(id));
                self.hand_in(Op::Deregister {
                    caller: caller(from),
                    deregister,
                });
            }
            Step::Remove(endpoint) => self.hand_in(Op::Remove {
                endpoint: format!("ep-{}", endpoint % 5),
            }),
            Step::Store { nth, how } => self.answer(nth, how),
            Step::CommitHeldBack => self.registry.commit_held_back(),
            Step::Wait(milliseconds) => {
                self.now = self.now + Duration::from_millis(milliseconds.into());
                self.registry.handle_timeout(self.now);
            }
            Step::Restart => self.restart(),
        }
    }

    fn answer(&mut self, nth: u8, how: How) {
        let Some(at) = usize::from(nth).checked_rem(self.effects.len()) else {
            return;
        };
        let effect = self.effects.swap_remove(at);
        let ticket = effect.ticket();
        let result = match effect {
            Effect::Load { .. } if how != How::Works => EffectResult::Loaded(Err(Down)),
            Effect::Load { key, .. } => EffectResult::Loaded(Ok(self.store.load(&key))),
            Effect::Commit { batch, .. } => {
                EffectResult::Committed(match (how, batch.expectations().first()) {
                    (How::Conflict, Some(expected)) => Err(CommitError::Conflict {
                        key: expected.key.clone(),
                    }),
                    (How::Works | How::Conflict, _) => self.store.commit(batch),
                    (How::DownAfterCommit, _) => {
                        self.store.commit(batch).and(Err(CommitError::Down))
                    }
                    (How::Down, _) => Err(CommitError::Down),
                })
            }
        };
        self.registry.handle_effect(self.now, ticket, result);
        // A second result of the same effect is ignored.
        self.registry
            .handle_effect(self.now, ticket, EffectResult::Loaded(Ok(None)));
    }

    /// Another process: what was under way is lost, what was stored is there.
    fn restart(&mut self) {
        self.restarts += 1;
        self.registry = Registry::new(config(), 0, seed(self.restarts), self.now);
        self.registry
            .set_clock(self.now, Duration::from_micros(self.now.as_micros()));
        (self.effects, self.open, self.told) = Default::default();
        for record in self.store.scan(REGISTRATION_KIND, b"", None, usize::MAX) {
            let registration =
                Registration::decode(record.value.clone()).expect("it was written here");
            self.told
                .insert(registration.endpoint().into(), registration.id());
            self.registry
                .restore(self.now, record)
                .expect("it was written here");
        }
    }

    fn drain(&mut self) {
        while let Some(outcome) = self.registry.poll_outcome() {
            assert!(self.open.remove(&outcome.ticket.get()), "a second outcome");
            let code = outcome.to_response().code;
            match outcome.result {
                Ok(done) => {
                    assert!(code.is_success());
                    if let Done::Registered(registration) = done {
                        assert!(
                            !self.ids.contains(&registration.id()),
                            "an id for the second time"
                        );
                        self.ids.push(registration.id());
                    }
                }
                Err(refused) => assert_eq!((code.is_error(), code), (true, refused.code)),
            }
        }
        while let Some(event) = self.registry.poll_event() {
            match event {
                Event::Registered { registration, .. } => {
                    let before = self
                        .told
                        .insert(registration.endpoint().into(), registration.id());
                    assert_eq!(before, None, "registered twice");
                }
                Event::Updated {
                    registration,
                    previous,
                    ..
                } => {
                    assert_eq!(
                        self.told.get(registration.endpoint()),
                        Some(&registration.id())
                    );
                    assert_eq!(previous.id(), registration.id());
                }
                Event::Removed { registration, .. } => {
                    let before = self.told.remove(registration.endpoint());
                    assert_eq!(before, Some(registration.id()), "removed twice");
                }
                _ => {}
            }
        }
        self.effects
            .extend(core::iter::from_fn(|| self.registry.poll_effect()));
        self.check();
    }

    fn check(&self) {
        let (stats, registry) = (self.registry.stats(), &self.registry);
        // What the store holds was taken over even beyond the limit.
        assert!(
            stats.registrations <= config().max_registrations
                || stats.registrations <= self.store.len()
        );
        assert!(stats.effects <= config().max_pending + 1, "{stats:?}");
        assert!(
            self.open.len() <= stats.effects + stats.waiting,
            "{stats:?}"
        );
        let all: Vec<_> = registry
            .iter(None, usize::MAX)
            .map(|(_, registration)| registration)
            .collect();
        assert_eq!(
            (all.len(), stats.ids),
            (stats.registrations, stats.registrations)
        );
        assert!(
            self.told.iter().eq(all
                .iter()
                .map(|one| (one.endpoint().to_owned(), one.id()))
                .collect::<BTreeMap<_, _>>()
                .iter())
        );
        for registration in all {
            assert_eq!(
                registry.by_endpoint(registration.endpoint()),
                Some(registration)
            );
            assert_eq!(registry.by_id(&registration.id()), Some(registration));
            assert!(
                registry
                    .at_address(registration.address())
                    .any(|one| one == registration)
            );
        }
    }

    /// The store works again, the devices are silent or leave.
    fn finish(&mut self) {
        for _ in 0..1000 {
            while !self.effects.is_empty() {
                self.answer(0, How::Works);
                self.drain();
            }
            let Some(deadline) = self.registry.poll_timeout() else {
                break;
            };
            self.now = self.now.max(deadline);
            self.registry.handle_timeout(self.now);
            self.drain();
        }
        assert_eq!(self.registry.poll_timeout(), None, "the clock never stops");
        assert_eq!(self.open, BTreeSet::new(), "no outcome");
        for endpoint in 0..5 {
            self.step(&Step::Remove(endpoint)); // those that live for ever
            self.drain();
            while !self.effects.is_empty() {
                self.answer(0, How::Works);
                self.drain();
            }
        }
        let stats = self.registry.stats();
        let left = (
            stats.registrations,
            stats.bytes,
            stats.ids,
            stats.addresses,
            stats.timers,
        );
        assert_eq!(left, (0, 0, 0, 0, 0), "{stats:?}");
        assert_eq!(
            (stats.effects, stats.waiting, stats.held_back),
            (0, 0, 0),
            "{stats:?}"
        );
        assert!(self.open.is_empty() && self.told.is_empty());
    }
}

fuzz_target!(|steps: Vec<Step>| {
    let mut play = Play::new();
    for step in &steps {
        play.step(step);
        play.drain();
    }
    play.finish();
});
