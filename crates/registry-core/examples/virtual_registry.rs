//! A registry in virtual time: devices register, renew, change and fall silent; no socket, no clock.
//!
//! `cargo run -p registry-core --example virtual_registry` tells a story,
//! `cargo run --release -p registry-core --example virtual_registry -- 1000000` registers so many devices.

use core::{net::SocketAddr, time::Duration};
use lwm2m_identity::Identity;
use lwm2m_model::Lwm2mVersion;
use lwm2m_ops::{Lifetime, ObjectList, Register, RegistrationId, Update};
use lwm2m_store::MemoryRecords;
use registry_core::{Caller, Config, Done, Effect, EffectResult, Event, Op, Registry};
use sansio::{Instant, Ticket};

/// What a runtime does: carries out effects and passes on what comes out.
struct Pump {
    registry: Registry,
    store: MemoryRecords,
    now: Instant,
}

impl Pump {
    fn new(config: Config) -> Self {
        // A real server takes the seed from the system's randomness.
        let registry = Registry::new(config, 0, [42; 32], Instant::ZERO);
        Self {
            registry,
            store: MemoryRecords::new(),
            now: Instant::ZERO,
        }
    }

    fn run(&mut self, op: Op) -> Option<Done> {
        self.registry.handle(self.now, Ticket::new(1), op);
        while let Some(effect) = self.registry.poll_effect() {
            let ticket = effect.ticket();
            let result = match effect {
                Effect::Load { key, .. } => EffectResult::Loaded(Ok(self.store.load(&key))),
                Effect::Commit { batch, .. } => EffectResult::Committed(self.store.commit(batch)),
            };
            self.registry.handle_effect(self.now, ticket, result);
        }
        let outcome = self.registry.poll_outcome()?;
        outcome
            .result
            .map_err(|refused| println!("        {} {}", refused.code, refused.reason))
            .ok()
    }

    fn register(
        &mut self,
        endpoint: &str,
        address: SocketAddr,
        lifetime: u32,
        links: &str,
    ) -> Option<RegistrationId> {
        let mut register = Register::new(
            endpoint,
            Lwm2mVersion::V1_1,
            ObjectList::parse(links.to_owned()).ok()?,
        );
        register.lifetime = Lifetime::from_seconds(lifetime);
        match self.run(Op::Register {
            caller: caller(address),
            register,
        })? {
            Done::Registered(registration) => Some(registration.id()),
            _ => None,
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.registry.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.registry.handle_timeout(self.now);
            self.tell();
        }
        self.now = end;
    }

    fn tell(&mut self) {
        let second = self.now.as_micros() / 1_000_000;
        while let Some(event) = self.registry.poll_event() {
            match event {
                Event::Registered { registration, .. } => {
                    println!(
                        "{second:>4} s  {} registered as /rd/{}",
                        registration.endpoint(),
                        registration.id()
                    );
                }
                Event::Updated {
                    registration, diff, ..
                } if diff.is_empty() => {
                    println!("{second:>4} s  {} renewed", registration.endpoint());
                }
                Event::Updated {
                    registration, diff, ..
                } => {
                    println!(
                        "{second:>4} s  {} now has {:?} in addition",
                        registration.endpoint(),
                        diff.added
                    );
                }
                Event::Removed {
                    registration,
                    reason,
                } => {
                    println!(
                        "{second:>4} s  {} left: {}",
                        registration.endpoint(),
                        reason.as_str()
                    );
                }
                _ => {}
            }
        }
    }
}

fn caller(address: SocketAddr) -> Caller {
    Caller::new(Identity::None, address, 0)
}

const LINKS: &str = "</>;rt=\"oma.lwm2m\",</1/0>,</3/0>,</4/0>,</6/0>,</3303/0>";

fn story() -> Option<()> {
    let mut pump = Pump::new(Config::default());
    let address = SocketAddr::new([192, 0, 2, 7].into(), 5683);
    let lamp = pump.register("lamp", address, 300, LINKS)?;
    pump.register("sensor", address, 60, LINKS)?;
    pump.tell();

    pump.pass(Duration::from_secs(50));
    pump.run(Op::Update {
        caller: caller(address),
        update: Update::new(lamp),
    })?;
    pump.tell();

    pump.pass(Duration::from_secs(50)); // the sensor is not heard any more
    let mut update = Update::new(lamp);
    update.objects = ObjectList::parse(format!("{LINKS},</3311/0>")).ok();
    pump.run(Op::Update {
        caller: caller(address),
        update,
    })?;
    pump.tell();

    println!("        a guessed location is told:");
    let guess = Op::Update {
        caller: caller(address),
        update: Update::new(RegistrationId::new("guess").ok()?),
    };
    pump.run(guess);
    pump.run(Op::Remove {
        endpoint: "lamp".into(),
    })?;
    pump.tell();
    println!("{} registrations left", pump.registry.len());
    Some(())
}

fn crowd(devices: u32) {
    let mut config = Config::default();
    config.keep = false;
    let mut pump = Pump::new(config);
    for n in 0..devices {
        let [_, b, c, d] = n.to_be_bytes();
        let address = SocketAddr::new([10, b, c, d].into(), 5683);
        assert!(
            pump.register(&format!("urn:imei:{n:015}"), address, 86_400, LINKS)
                .is_some()
        );
        while pump.registry.poll_event().is_some() {}
    }
    println!("{:?}", pump.registry.stats());
}

fn main() {
    match std::env::args().nth(1).and_then(|count| count.parse().ok()) {
        Some(devices) => crowd(devices),
        None => story().expect("the story ends well"),
    }
}
