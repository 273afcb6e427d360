//! Random operations against a registry so simple that it is obviously right.

mod support;

use core::{net::SocketAddr, time::Duration};
use lwm2m_identity::Identity;
use lwm2m_ops::{Deregister, Lifetime, ObjectList, Register, RegistrationId, Update};
use proptest::{collection::vec, prelude::*};
use registry_core::{Caller, Config, Done, Event, Op, Registration, Removal};
use std::collections::BTreeMap;
use support::*;

#[derive(Clone, Debug)]
enum Step {
    Register {
        endpoint: u8,
        caller: Who,
        lifetime: u32,
        list: u8,
    },
    Update {
        id: u8,
        caller: Who,
        lifetime: Option<u32>,
        list: Option<u8>,
    },
    Deregister {
        id: u8,
        caller: Who,
    },
    Remove {
        endpoint: u8,
    },
    Pass {
        millis: u32,
    },
    Restart,
}

#[derive(Clone, Copy, Debug)]
struct Who {
    address: u8,
    key: Option<u8>,
    listener: u8,
}

fn who() -> impl Strategy<Value = Who> {
    let listener = prop_oneof![9 => Just(0_u8), 1 => Just(1)];
    (0..3_u8, proptest::option::of(0..2_u8), listener).prop_map(|(address, key, listener)| Who {
        address,
        key,
        listener,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let lifetime = || prop_oneof![1 => Just(0_u32), 6 => 1..40_u32];
    prop_oneof![
        4 => (0..5_u8, who(), lifetime(), 0..3_u8)
            .prop_map(|(endpoint, caller, lifetime, list)| Step::Register { endpoint, caller, lifetime, list }),
        5 => (any::<u8>(), who(), proptest::option::of(lifetime()), proptest::option::of(0..3_u8))
            .prop_map(|(id, caller, lifetime, list)| Step::Update { id, caller, lifetime, list }),
        2 => (any::<u8>(), who()).prop_map(|(id, caller)| Step::Deregister { id, caller }),
        1 => (0..5_u8).prop_map(|endpoint| Step::Remove { endpoint }),
        4 => (0..20_000_u32).prop_map(|millis| Step::Pass { millis }),
        1 => Just(Step::Restart),
    ]
}

/// What should be there.
#[derive(Clone, Debug, PartialEq)]
struct Plain {
    id: RegistrationId,
    caller: (SocketAddr, Identity, u16),
    lifetime: u32,
    list: u8,
    /// Milliseconds.
    ends: Option<u64>,
}

const LISTS: [&str; 3] = [
    "</1/0>,</3/0>",
    "</>;ct=112,</3303/0>,</3303/1>",
    "</lwm2m>;rt=\"oma.lwm2m\",</lwm2m/3/0>",
];

/// Endpoints 0 and 1 are open, 2 and 3 belong to the keys 0 and 1, 4 is locked.
fn may_register(endpoint: u8, key: Option<u8>) -> bool {
    match (endpoint, key) {
        (0 | 1, None) => true,
        (2 | 3, Some(key)) => endpoint == key + 2,
        _ => false,
    }
}

fn caller(who: Who) -> Caller {
    let address = SocketAddr::new([192, 0, 2, who.address].into(), 5683);
    let identity = match who.key {
        None => Identity::None,
        Some(key) => Identity::Psk {
            identity: format!("key-{key}").into(),
        },
    };
    Caller::new(identity, address, u16::from(who.listener))
}

struct Pair {
    server: Server,
    plain: BTreeMap<String, Plain>,
    ids: Vec<RegistrationId>,
    /// By a restart, an end may come this much later.
    slack: u64,
}

impl Pair {
    fn new() -> Self {
        let mut server = Server::with(Self::config());
        server.registry.set_clock(server.now, Duration::ZERO);
        for key in 0..2 {
            server.device(
                &format!("ep-{}", key + 2),
                &psk_record(&format!("key-{key}")),
            );
        }
        server.device("ep-4", &lwm2m_identity::DeviceRecord::default());
        Self {
            server,
            plain: BTreeMap::new(),
            ids: Vec::new(),
            slack: 0,
        }
    }

    fn config() -> Config {
        let mut config = Config::default();
        config.lazy_commit = secs(3);
        config
    }

    fn now(&self) -> u64 {
        self.server.now.as_micros() / 1000
    }

    fn ends(&self, lifetime: u32) -> Option<u64> {
        (lifetime != 0).then(|| self.now() + u64::from(lifetime) * 1000)
    }

    fn id(&self, at: u8) -> RegistrationId {
        match self.ids.len() {
            0 => RegistrationId::new("unknown").unwrap(),
            len => self.ids[usize::from(at) % len],
        }
    }

    /// The code that the rules want for touching this registration, and whose it is.
    fn touch(&self, id: RegistrationId, caller: &Caller) -> Result<String, &'static str> {
        let Some((endpoint, plain)) = self.plain.iter().find(|(_, plain)| plain.id == id) else {
            return Err("4.04");
        };
        if plain.caller.1 != caller.identity {
            return Err("4.04");
        }
        if plain.caller.2 != caller.local_endpoint {
            return Err("4.00");
        }
        Ok(endpoint.clone())
    }

    fn run(&mut self, op: Op) -> Result<Done, String> {
        self.server.take_events();
        self.server
            .run(op)
            .map_err(|refused| refused.code.to_string())
    }

    fn removed(&mut self) -> Vec<(RegistrationId, Removal)> {
        let events = self.server.take_events().into_iter();
        events
            .filter_map(|event| match event {
                Event::Removed {
                    registration,
                    reason,
                } => Some((registration.id(), reason)),
                _ => None,
            })
            .collect()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Register {
                endpoint,
                caller: who,
                lifetime,
                list,
            } => {
                let name = format!("ep-{endpoint}");
                let objects = ObjectList::parse(LISTS[usize::from(list)]).unwrap();
                let mut register =
                    Register::new(name.clone(), lwm2m_model::Lwm2mVersion::V1_1, objects);
                register.lifetime = Lifetime::from_seconds(lifetime);
                let caller = caller(who);
                let result = self.run(Op::Register {
                    caller: caller.clone(),
                    register,
                });
                if !may_register(endpoint, who.key) {
                    assert_eq!(result, Err("4.03".into()));
                    return;
                }
                let Ok(Done::Registered(registration)) = result else {
                    panic!("{result:?}")
                };
                let id = registration.id();
                assert!(!self.ids.contains(&id));
                self.ids.push(id);
                let Caller {
                    address,
                    identity,
                    local_endpoint,
                    ..
                } = caller;
                let caller = (address, identity, local_endpoint);
                let plain = Plain {
                    id,
                    caller,
                    lifetime,
                    list,
                    ends: self.ends(lifetime),
                };
                let replaced = self.plain.insert(name, plain);
                let expected: Vec<_> = replaced
                    .iter()
                    .map(|old| (old.id, Removal::Replaced))
                    .collect();
                assert_eq!(self.removed(), expected);
            }
            Step::Update {
                id,
                caller: who,
                lifetime,
                list,
            } => {
                let (id, caller) = (self.id(id), caller(who));
                let mut update = Update::new(id);
                update.lifetime = lifetime.map(Lifetime::from_seconds);
                update.objects =
                    list.map(|list| ObjectList::parse(LISTS[usize::from(list)]).unwrap());
                let result = self.run(Op::Update {
                    caller: caller.clone(),
                    update,
                });
                match self.touch(id, &caller) {
                    Err(code) => assert_eq!(result, Err(code.into())),
                    Ok(endpoint) => {
                        assert!(matches!(result, Ok(Done::Updated(_))), "{result:?}");
                        let now = self.now();
                        let plain = self.plain.get_mut(&endpoint).unwrap();
                        plain.caller.0 = caller.address;
                        plain.lifetime = lifetime.unwrap_or(plain.lifetime);
                        plain.list = list.unwrap_or(plain.list);
                        plain.ends =
                            (plain.lifetime != 0).then(|| now + u64::from(plain.lifetime) * 1000);
                    }
                }
            }
            Step::Deregister { id, caller: who } => {
                let (id, caller) = (self.id(id), caller(who));
                let deregister = Deregister::new(id);
                let result = self.run(Op::Deregister {
                    caller: caller.clone(),
                    deregister,
                });
                match self.touch(id, &caller) {
                    Err(code) => assert_eq!(result, Err(code.into())),
                    Ok(endpoint) => {
                        assert!(matches!(result, Ok(Done::Deregistered(_))));
                        self.plain.remove(&endpoint);
                        assert_eq!(self.removed(), [(id, Removal::Deregistered)]);
                    }
                }
            }
            Step::Remove { endpoint } => {
                let name = format!("ep-{endpoint}");
                let result = self.run(Op::Remove {
                    endpoint: name.clone(),
                });
                match self.plain.remove(&name) {
                    None => assert_eq!(result, Err("4.04".into())),
                    Some(plain) => {
                        assert!(matches!(result, Ok(Done::Removed(_))));
                        assert_eq!(self.removed(), [(plain.id, Removal::Admin)]);
                    }
                }
            }
            Step::Pass { millis } => {
                self.server.take_events();
                self.server.pass(Duration::from_millis(millis.into()));
                let now = self.now();
                let removed = self.removed();
                for (id, reason) in &removed {
                    assert_eq!(*reason, Removal::Expired);
                    let (endpoint, plain) = self
                        .plain
                        .iter()
                        .find(|(_, plain)| plain.id == *id)
                        .unwrap();
                    assert!(plain.ends.unwrap() <= now, "too early");
                    let endpoint = endpoint.clone();
                    self.plain.remove(&endpoint);
                }
                // Not later than a millisecond, after a restart not later than the slack.
                assert!(
                    self.plain
                        .values()
                        .all(|plain| plain.ends.is_none_or(|end| end + 1 + self.slack > now))
                );
            }
            Step::Restart => {
                self.server.registry.commit_held_back();
                self.server.pump();
                let fresh = Server::new();
                let server = core::mem::replace(&mut self.server, fresh);
                let seed = 100 + (self.ids.len() % 100) as u8;
                self.server = server.restart(Self::config(), seed);
                self.slack = 3_000;
            }
        }
    }

    fn compare(&self) {
        let registry = &self.server.registry;
        assert_eq!(registry.len(), self.plain.len());
        for (endpoint, plain) in &self.plain {
            let found = registry.by_endpoint(endpoint).expect("by endpoint");
            assert_eq!(Some(found), registry.by_id(&plain.id));
            assert_eq!(
                (found.address(), found.identity(), found.local_endpoint()),
                plain.caller
            );
            assert_eq!(found.lifetime().to_wire(), plain.lifetime);
            assert_eq!(found.links(), LISTS[usize::from(plain.list)]);
            assert_eq!(found.expires_at(), plain.ends);
            assert!(registry.at_address(plain.caller.0).any(|at| at == found));
            assert_eq!(
                registry.of_identity(&plain.caller.1).any(|of| of == found),
                !plain.caller.1.is_none()
            );
        }
        let listed: Vec<_> = registry
            .iter(None, usize::MAX)
            .map(|(_, found)| found.endpoint())
            .collect();
        let mut sorted = listed.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, self.plain.keys().collect::<Vec<_>>());
        for address in 0..3 {
            let address = SocketAddr::new([192, 0, 2, address].into(), 5683);
            let expected = self
                .plain
                .values()
                .filter(|plain| plain.caller.0 == address)
                .count();
            assert_eq!(registry.at_address(address).count(), expected);
        }
        for id in &self.ids {
            let known = self.plain.values().any(|plain| plain.id == *id);
            assert_eq!(registry.by_id(id).is_some(), known);
        }
        self.server.assert_quiet();
        let timers = self
            .plain
            .values()
            .filter(|plain| plain.ends.is_some())
            .count();
        assert!(
            (timers..=timers + 1).contains(&registry.stats().timers),
            "one each, and the merged commit's"
        );
    }

    /// The store says the same once everything is committed.
    fn compare_store(&mut self) {
        self.server.registry.commit_held_back();
        self.server.pump();
        let records =
            self.server
                .store
                .scan(registry_core::REGISTRATION_KIND, b"", None, usize::MAX);
        assert_eq!(records.len(), self.plain.len());
        for record in records {
            let stored = Registration::decode(record.value).unwrap();
            assert_eq!(
                self.server.registry.by_endpoint(stored.endpoint()),
                Some(&stored)
            );
        }
    }
}

/// Found by the test below: two ends of one endpoint in one merged commit.
#[test]
fn an_endpoint_that_ends_twice_between_two_commits_leaves_no_record() {
    let caller = Who {
        address: 0,
        key: Some(0),
        listener: 0,
    };
    let register = |lifetime| Step::Register {
        endpoint: 2,
        caller,
        lifetime,
        list: 0,
    };
    let mut pair = Pair::new();
    for step in [
        register(29),
        Step::Pass { millis: 29_000 },
        register(1),
        Step::Pass { millis: 1_000 },
    ] {
        pair.step(step);
        pair.compare();
    }
    assert!(pair.plain.is_empty());
    pair.compare_store();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(scaled(5_000, 200) as u32) })]

    #[test]
    fn registry_is_the_plain_one(steps in vec(step(), 1..80)) {
        let mut pair = Pair::new();
        for step in steps {
            pair.step(step);
            pair.compare();
        }
        pair.compare_store();
    }

    #[test]
    fn decoding_any_bytes_does_not_panic(mut bytes in vec(any::<u8>(), 0..200), plausible in any::<bool>()) {
        if plausible && bytes.len() > 58 {
            let head = [1, bytes[1] & 3, bytes[2] % 3, bytes[3] | 1];
            bytes[..4].copy_from_slice(&head);
            bytes[57] %= 8;
        }
        if let Ok(registration) = Registration::decode(bytes) {
            let _told = (registration.id(), registration.identity(), registration.extra(), registration.objects());
            let _text = format!("{registration:?}");
        }
    }
}
