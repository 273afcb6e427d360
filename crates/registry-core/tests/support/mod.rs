//! A server without sockets: requests in, responses out, the store in between.
#![allow(dead_code, unreachable_pub, reason = "every test uses a part")]

use coap_codec::{Code, ContentFormat, Request, Response};
use core::{net::SocketAddr, time::Duration};
use lwm2m_identity::{DeviceRecord, Identity};
use lwm2m_ops::{DecodeContext, Operation, Refused as RefusedAnswer, RegistrationId, decode};
use lwm2m_store::{Batch, CommitError, Down, MemoryRecords};
use registry_core::{
    Caller, Config, Done, Effect, EffectResult, Event, Op, Outcome, Refused, Registry,
};
use sansio::{Instant, Ticket};

pub const LINKS: &str =
    "</>;rt=\"oma.lwm2m\";ct=112,</1/0>,</3/0>,</4/0>,</6/0>,</3303/0>,</3303/1>";

pub struct Server {
    pub registry: Registry,
    pub store: MemoryRecords,
    pub now: Instant,
    pub events: Vec<Event>,
    pub outcomes: Vec<Outcome>,
    /// What the store answers instead of working.
    pub broken: Option<Broken>,
    pub tickets: u64,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Broken {
    Down,
    DownAfterCommit,
    Conflict,
}

impl Server {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        let now = Instant::ZERO;
        Self {
            registry: Registry::new(config, 0, [7; 32], now),
            store: MemoryRecords::new(),
            now,
            events: Vec::new(),
            outcomes: Vec::new(),
            broken: None,
            tickets: 0,
        }
    }

    /// The same store, another process.
    pub fn restart(self, config: Config, seed: u8) -> Self {
        let mut next = Self {
            store: self.store,
            now: self.now,
            ..Self::with(config.clone())
        };
        next.registry = Registry::new(config, 0, [seed; 32], next.now);
        // The wall clock went on as the virtual one.
        next.registry
            .set_clock(next.now, Duration::from_micros(next.now.as_micros()));
        for record in next
            .store
            .scan(registry_core::REGISTRATION_KIND, b"", None, usize::MAX)
        {
            next.registry.restore(next.now, record).unwrap();
        }
        next
    }

    /// Carries out effects until none is left, and collects what comes out.
    pub fn pump(&mut self) {
        loop {
            self.outcomes
                .extend(core::iter::from_fn(|| self.registry.poll_outcome()));
            self.events
                .extend(core::iter::from_fn(|| self.registry.poll_event()));
            let Some(effect) = self.registry.poll_effect() else {
                break;
            };
            let (ticket, result) = (effect.ticket(), self.carry_out(effect));
            self.registry.handle_effect(self.now, ticket, result);
        }
    }

    pub fn carry_out(&mut self, effect: Effect) -> EffectResult {
        match (effect, self.broken) {
            (Effect::Load { .. }, Some(Broken::Down)) => EffectResult::Loaded(Err(Down)),
            (Effect::Load { key, .. }, _) => EffectResult::Loaded(Ok(self.store.load(&key))),
            (Effect::Commit { .. }, Some(Broken::Down)) => {
                EffectResult::Committed(Err(CommitError::Down))
            }
            (Effect::Commit { batch, .. }, Some(Broken::DownAfterCommit)) => {
                let _lost = self.store.commit(batch);
                EffectResult::Committed(Err(CommitError::Down))
            }
            (Effect::Commit { batch, .. }, Some(Broken::Conflict)) => {
                let key = batch.expectations()[0].key.clone();
                EffectResult::Committed(Err(CommitError::Conflict { key }))
            }
            (Effect::Commit { batch, .. }, None) => {
                EffectResult::Committed(self.store.commit(batch))
            }
        }
    }

    pub fn begin(&mut self, op: Op) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket::new(self.tickets);
        self.registry.handle(self.now, ticket, op);
        ticket
    }

    /// Hands an operation in and waits for its outcome.
    pub fn run(&mut self, op: Op) -> Result<Done, Refused> {
        let ticket = self.begin(op);
        self.pump();
        let at = self
            .outcomes
            .iter()
            .position(|outcome| outcome.ticket == ticket)
            .expect("an outcome");
        self.outcomes.remove(at).result
    }

    /// A confirmable request from the wire to the answer.
    /// Begins what a device asks for, and carries nothing out.
    pub fn begin_request(&mut self, caller: &Caller, request: &Request) -> Ticket {
        let Ok(Operation::Uplink(uplink)) = decode(&DecodeContext::registration(true), request)
        else {
            panic!("no uplink: {request:?}")
        };
        self.begin(Op::uplink(caller.clone(), uplink).unwrap())
    }

    pub fn request(&mut self, caller: &Caller, request: &Request) -> Response {
        self.message(caller, request, true)
    }

    pub fn message(&mut self, caller: &Caller, request: &Request, confirmable: bool) -> Response {
        let operation = match decode(&DecodeContext::registration(confirmable), request) {
            Ok(operation) => operation,
            Err(refusal) => return RefusedAnswer::from(&refusal).to_response(),
        };
        let Operation::Uplink(uplink) = operation else {
            panic!("an uplink")
        };
        let op = Op::uplink(caller.clone(), uplink).expect("of the registry");
        let ticket = self.begin(op);
        self.pump();
        let at = self
            .outcomes
            .iter()
            .position(|outcome| outcome.ticket == ticket)
            .expect("an outcome");
        self.outcomes.remove(at).to_response()
    }

    /// Registers by query and links; panics unless 2.01.
    pub fn register(&mut self, caller: &Caller, query: &[&str]) -> RegistrationId {
        let response = self.request(caller, &register(query, LINKS));
        assert_eq!(response.code, Code::CREATED, "{query:?}");
        id(&response)
    }

    pub fn update(&mut self, caller: &Caller, id: &RegistrationId, query: &[&str]) -> Code {
        self.request(caller, &update(id.as_str(), query)).code
    }

    pub fn deregister(&mut self, caller: &Caller, id: &RegistrationId) -> Code {
        self.request(caller, &deregister(id.as_str())).code
    }

    /// Lets virtual time pass, firing every timer on its way.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.registry.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.registry.handle_timeout(self.now);
            self.pump();
        }
        self.now = end;
        self.registry.handle_timeout(self.now);
        self.pump();
    }

    pub fn device(&mut self, endpoint: &str, record: &DeviceRecord) {
        let mut batch = Batch::new();
        batch.put(DeviceRecord::key(endpoint), record.encode(), None);
        self.store.commit(batch).unwrap();
    }

    pub fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    /// Nobody waits for anything.
    pub fn assert_quiet(&self) {
        let stats = self.registry.stats();
        assert_eq!((stats.effects, stats.waiting), (0, 0));
        assert!(self.outcomes.is_empty());
        assert_eq!(stats.ids, stats.registrations);
        assert!(stats.addresses <= stats.registrations && stats.identities <= stats.registrations);
    }

    /// Nothing is left in any table.
    pub fn assert_empty(&self) {
        self.assert_quiet();
        let stats = self.registry.stats();
        let tables = (
            stats.registrations,
            stats.ids,
            stats.addresses,
            stats.identities,
        );
        assert_eq!(tables, (0, 0, 0, 0));
        assert_eq!((stats.timers, stats.held_back, stats.bytes), (0, 0, 0));
        assert_eq!(
            self.store
                .scan(registry_core::REGISTRATION_KIND, b"", None, 9),
            []
        );
    }
}

pub fn nosec(address: &str) -> Caller {
    Caller::new(Identity::None, address.parse::<SocketAddr>().unwrap(), 0)
}

pub fn psk(identity: &str, address: &str) -> Caller {
    let identity = Identity::Psk {
        identity: identity.to_owned().into(),
    };
    Caller::new(identity, address.parse().unwrap(), 0)
}

pub fn psk_record(identity: &str) -> DeviceRecord {
    let mut record = DeviceRecord::default();
    record.credentials.push(lwm2m_identity::Credential::Psk {
        identity: identity.to_owned().into(),
    });
    record
}

pub fn register(query: &[&str], links: &str) -> Request {
    let request = Request::new(Code::POST)
        .path("/rd")
        .content_format(ContentFormat::LINK);
    query
        .iter()
        .fold(request, |request, query| request.query(query))
        .payload(links.to_owned())
}

pub fn update(id: &str, query: &[&str]) -> Request {
    let request = Request::new(Code::POST).path(&format!("/rd/{id}"));
    query
        .iter()
        .fold(request, |request, query| request.query(query))
}

pub fn deregister(id: &str) -> Request {
    Request::new(Code::DELETE).path(&format!("/rd/{id}"))
}

pub fn id(response: &Response) -> RegistrationId {
    let location: Vec<_> = response
        .options
        .as_options()
        .location_path()
        .map(|text| text.expect("text").to_owned())
        .collect();
    let [rd, id] = &location[..] else {
        panic!("two segments: {location:?}")
    };
    assert_eq!(rd, "rd");
    assert!(id.len() <= 32, "Zephyr keeps 32 characters");
    RegistrationId::new(id).unwrap()
}

pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Large counts are whole only if asked for.
pub fn scaled(whole: usize, quick: usize) -> usize {
    if std::env::var_os("LWM2M_LONG").is_some() {
        whole
    } else {
        quick
    }
}
