use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use coap_codec::{Code, ContentFormat};
use coap_endpoint::Failure;
use dtls_core::ConnectionIdPolicy;
use lwm2m_identity::DeviceRecord;
use lwm2m_model::{Level, Path};
use lwm2m_ops::{Downlink, Observe, Reply};
use lwm2m_store::Batch;
use registry_core::{REGISTRATION_KIND, Registration, Registry, partition_of};
use sansio::{DatagramBuf, Instant, Rng, Ticket};
use server_stack::{CallFailure, CallId, Destination, Effect, Event, ServerStack, Target};

use crate::store::{Store, StoreWeather};
use crate::{Datagram, credentials};

/// How the server is made.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "an unpublished crate's knobs")]
pub struct ServerSetup {
    /// Shards; each hears the addresses that hash to it, as with sockets that share a port.
    pub shards: u16,
    /// Partitions of the registry.
    pub partitions: u16,
    /// The stack of each shard; its shard and partition numbers are filled in.
    pub stack: server_stack::Config,
    /// Each partition.
    pub registry: registry_core::Config,
    /// The store behind the partitions.
    pub store: StoreWeather,
}

impl ServerSetup {
    /// A server that speaks DTLS too, in all modes, with connection ids and resumption.
    pub fn secured() -> Self {
        let mut setup = Self::default();
        setup.stack.security = Some(credentials::server(SECURE));
        setup
    }
}

impl Default for ServerSetup {
    fn default() -> Self {
        Self {
            shards: 2,
            partitions: 4,
            stack: server_stack::Config::default(),
            registry: registry_core::Config::default(),
            store: StoreWeather::PROMPT,
        }
    }
}

/// What came of a call to a device.
pub type Outcome = Result<Reply, Refused>;

/// Why a call brought no reply.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "an unpublished crate's two reasons"
)]
pub enum Refused {
    /// The endpoint has no registration; nothing was sent.
    NotRegistered,
    /// The stack says so.
    Failed(CallFailure),
}

/// What the server told, in order.
#[derive(Clone, Debug)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the two sources of a server's events"
)]
pub enum ServerEvent {
    /// Of the registry.
    Registry(registry_core::Event),
    /// A request that the stack refused by itself.
    Refused {
        /// Who asked.
        from: SocketAddr,
        /// What it got.
        code: Code,
    },
}

/// One state that a device reported.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "an unpublished crate's record")]
pub struct Notified {
    /// When it came.
    pub at: Instant,
    /// What it said.
    pub payload: Bytes,
}

/// What is wanted of a device, and what came of it.
#[derive(Clone, Debug, Default)]
#[allow(clippy::exhaustive_structs, reason = "an unpublished crate's record")]
pub struct Observation {
    /// The call that runs for it.
    pub call: Option<CallId>,
    /// Whether the device has accepted.
    pub active: bool,
    /// The first answer and every notification.
    pub values: Vec<Notified>,
    /// Notifications that could not be put together or understood.
    pub lost: usize,
    /// How often the device was asked.
    pub asked: usize,
}

/// How full everything of the server is.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "an unpublished crate's figures")]
pub struct ServerTables {
    /// Of every shard.
    pub shards: Vec<server_stack::Tables>,
    /// Of every partition.
    pub partitions: Vec<registry_core::Stats>,
    /// Store effects under way.
    pub store: usize,
}

/// A server as its runtime would drive it, but in one thread and in virtual time: shards,
/// partitions, the store, and the little that a server does by itself.
#[derive(Debug)]
pub struct ServerNode {
    setup: ServerSetup,
    address: SocketAddr,
    rng: Rng,
    shards: Vec<ServerStack>,
    partitions: Vec<Registry>,
    store: Store,
    next_call: u64,
    results: BTreeMap<CallId, Outcome>,
    observing: BTreeMap<CallId, (String, Path)>,
    observations: BTreeMap<(String, Path), Observation>,
    /// What a device is still to be asked for again, one after the other.
    again: BTreeMap<String, VecDeque<Path>>,
    events: Vec<ServerEvent>,
    out: VecDeque<Datagram>,
    /// Calls made, and calls that have ended.
    pub(crate) calls: (u64, u64),
    /// What it knows of devices; the same stands in the store.
    known: Vec<DeviceRecord>,
}

impl ServerNode {
    pub(crate) fn new(
        setup: ServerSetup,
        address: SocketAddr,
        seed: [u8; 32],
        now: Instant,
    ) -> Self {
        let mut rng = Rng::from_seed(seed);
        let store = Store::new(setup.store, rng.seed());
        let mut server = Self {
            setup,
            address,
            rng,
            shards: Vec::new(),
            partitions: Vec::new(),
            store,
            next_call: 0,
            results: BTreeMap::new(),
            observing: BTreeMap::new(),
            observations: BTreeMap::new(),
            again: BTreeMap::new(),
            events: Vec::new(),
            out: VecDeque::new(),
            calls: (0, 0),
            known: Vec::new(),
        };
        server.boot(now);
        server
    }

    fn boot(&mut self, now: Instant) {
        for shard in 0..self.setup.shards {
            let mut config = self.setup.stack.clone();
            config.shard = shard;
            config.partitions = self.setup.partitions;
            if let Some(security) = &mut config.security
                && let ConnectionIdPolicy::Receive { prefix, .. } = &mut security.dtls.connection_id
            {
                // A device that has moved reaches its shard.
                *prefix = vec![u8::try_from(shard).expect("few shards")];
            }
            let mut stack = ServerStack::new(config, self.rng.seed(), now);
            stack.handle_wall_clock(unix(now).as_secs());
            self.shards.push(stack);
        }
        for number in 0..self.setup.partitions {
            let config = self.setup.registry.clone();
            let mut registry = Registry::new(config, number, self.rng.seed(), now);
            registry.set_clock(now, unix(now));
            self.partitions.push(registry);
        }
    }

    /// The process ends without a word, and another takes its place with the same store.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.shards.clear();
        self.partitions.clear();
        self.store.crash();
        self.results.clear();
        self.observing.clear();
        self.observations.clear();
        self.again.clear();
        self.out.clear();
        self.calls = (0, 0);
        self.boot(now);
        let mut after: Option<Bytes> = None;
        loop {
            let page = self
                .store
                .records
                .scan(REGISTRATION_KIND, &[], after.as_deref(), 100);
            let Some(last) = page.last() else { break };
            after = Some(last.key.key.clone());
            for record in page {
                let endpoint = String::from_utf8_lossy(&record.key.key).into_owned();
                let partition = partition_of(&endpoint, self.setup.partitions);
                self.partitions[usize::from(partition)]
                    .restore(now, record)
                    .expect("the registry reads what it wrote");
            }
        }
        self.settle(now);
    }

    /// Keeps what is known of a device.
    pub(crate) fn provision(&mut self, endpoint: &str, record: DeviceRecord) {
        let mut batch = Batch::new();
        batch.put(DeviceRecord::key(endpoint), record.encode(), None);
        let committed = self.store.records.commit(batch);
        committed.expect("nobody else has such a record");
        self.known.push(record);
    }

    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        local_endpoint: u16,
        from: SocketAddr,
        bytes: &mut [u8],
    ) {
        let shard = self.shard_of(from, bytes);
        let target = Target {
            local_endpoint,
            address: from,
        };
        self.shards[shard].handle_datagram(now, target, bytes);
        self.settle(now);
    }

    /// Where the listener of this number is.
    pub(crate) fn address(&self, listener: u16) -> SocketAddr {
        SocketAddr::new(self.address.ip(), self.address.port() + listener)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some((partition, ticket, result)) = self.store.finished(now) {
            self.partitions[partition].handle_effect(now, ticket, result);
            self.settle_partition(now, partition);
        }
        for shard in &mut self.shards {
            if shard.poll_timeout().is_some_and(|at| at <= now) {
                shard.handle_timeout(now);
            }
        }
        for partition in &mut self.partitions {
            if partition.poll_timeout().is_some_and(|at| at <= now) {
                partition.handle_timeout(now);
            }
        }
        self.settle(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let shards = self.shards.iter().filter_map(ServerStack::poll_timeout);
        let partitions = self.partitions.iter().filter_map(Registry::poll_timeout);
        shards.chain(partitions).chain(self.store.next()).min()
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Datagram> {
        self.out.pop_front()
    }

    /// The registration of an endpoint.
    pub fn registration(&self, endpoint: &str) -> Option<&Registration> {
        self.partition(endpoint).by_endpoint(endpoint)
    }

    /// Registrations in all.
    pub fn registrations(&self) -> usize {
        self.partitions.iter().map(Registry::len).sum()
    }

    /// Everything that the registry says about itself.
    pub fn partitions(&self) -> &[Registry] {
        &self.partitions
    }

    /// The stacks.
    pub fn shards(&self) -> &[ServerStack] {
        &self.shards
    }

    /// How many records the store has, beside those of known devices.
    pub fn records(&self) -> usize {
        self.store.records.len() - self.known.len()
    }

    /// What was told since the last call.
    pub fn take_events(&mut self) -> Vec<ServerEvent> {
        std::mem::take(&mut self.events)
    }

    /// What is wanted of a device, and what came of it.
    pub fn observation(&self, endpoint: &str, path: Path) -> Option<&Observation> {
        self.observations.get(&(endpoint.to_owned(), path))
    }

    /// How full everything is.
    pub fn tables(&self) -> ServerTables {
        ServerTables {
            shards: self.shards.iter().map(ServerStack::tables).collect(),
            partitions: self.partitions.iter().map(Registry::stats).collect(),
            store: self.store.running(),
        }
    }

    pub(crate) fn set_store(&mut self, weather: StoreWeather) {
        self.store.weather = weather;
    }

    /// Sends an operation to a device.
    pub(crate) fn call(
        &mut self,
        now: Instant,
        endpoint: &str,
        operation: Downlink,
    ) -> Result<CallId, Refused> {
        let device = self
            .registration(endpoint)
            .cloned()
            .ok_or(Refused::NotRegistered)?;
        let call = self.send(now, &device, operation);
        self.settle(now);
        Ok(call)
    }

    pub(crate) fn result(&mut self, call: CallId) -> Option<Outcome> {
        self.results.remove(&call)
    }

    /// Wants an observation; asks now if the device is there, and after every registration.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        endpoint: &str,
        path: Path,
    ) -> Result<CallId, Refused> {
        let device = self
            .registration(endpoint)
            .cloned()
            .ok_or(Refused::NotRegistered)?;
        self.partition_mut(endpoint)
            .observe(endpoint, path)
            .expect("within the limits of the registry");
        let call = self.ask(now, &device, path);
        self.settle(now);
        Ok(call)
    }

    /// Does not want an observation any more; with `active` the device is told at once.
    pub(crate) fn unobserve(&mut self, now: Instant, endpoint: &str, path: Path, active: bool) {
        self.partition_mut(endpoint).unobserve(endpoint, &path);
        let gone = self.observations.remove(&(endpoint.to_owned(), path));
        let Some(call) = gone.and_then(|gone| gone.call) else {
            return;
        };
        self.observing.remove(&call);
        for shard in &mut self.shards {
            if active {
                shard.cancel_actively(now, call);
            } else {
                shard.cancel(now, call);
            }
        }
        self.calls.1 += 1;
        self.settle(now);
    }

    /// Has an administrator end a registration.
    pub(crate) fn remove(&mut self, now: Instant, endpoint: &str) {
        let op = registry_core::Op::Remove {
            endpoint: endpoint.to_owned(),
        };
        self.partition_mut(endpoint).handle(now, NOBODY, op);
        self.settle(now);
    }

    fn ask(&mut self, now: Instant, device: &Registration, path: Path) -> CallId {
        // A value of its own comes as plain text, all else in the device's own format.
        let accept = (path.level() == Level::Resource).then_some(ContentFormat::TEXT);
        let observe = Observe::new(path, accept).expect("the registry observes no root");
        let key = (device.endpoint().to_owned(), path);
        let call = self.send(now, device, observe.into());
        let observation = self.observations.entry(key.clone()).or_default();
        observation.active = false;
        observation.asked += 1;
        let former = observation.call.replace(call);
        self.observing.insert(call, key);
        if let Some(former) = former {
            self.observing.remove(&former);
            self.calls.1 += 1;
            for shard in &mut self.shards {
                shard.cancel(now, former);
            }
        }
        call
    }

    fn send(&mut self, now: Instant, device: &Registration, operation: Downlink) -> CallId {
        let call = CallId::new(self.next_call);
        self.next_call += 1;
        self.calls.0 += 1;
        let device_at = destination(device);
        let root = device.objects().root;
        let shard = usize::from(device.route());
        self.shards[shard].call(now, call, device_at, &root, operation, ANSWER_TIMEOUT);
        call
    }

    /// Carries out all that follows from what was handed in.
    fn settle(&mut self, now: Instant) {
        loop {
            let mut quiet = true;
            for index in 0..self.shards.len() {
                while let Some(effect) = self.shards[index].poll_effect() {
                    quiet = false;
                    self.perform(now, index, effect);
                }
                while let Some(event) = self.shards[index].poll_event() {
                    quiet = false;
                    self.heard(now, index, event);
                }
            }
            for partition in 0..self.partitions.len() {
                quiet &= self.settle_partition(now, partition);
            }
            if quiet {
                break;
            }
        }
        let mut memory = [0; 2048];
        for shard in 0..self.shards.len() {
            loop {
                let (head, tail) = (ServerStack::HEADROOM, ServerStack::TAILROOM);
                let mut out = DatagramBuf::new(&mut memory, head, tail);
                let Some(transmit) = self.shards[shard].poll_transmit(now, &mut out) else {
                    break;
                };
                self.out.push_back(Datagram {
                    from: self.address(transmit.target.local_endpoint),
                    to: transmit.target.address,
                    bytes: out.bytes().to_vec(),
                });
            }
        }
    }

    fn perform(&mut self, now: Instant, shard: usize, effect: Effect) {
        match effect {
            Effect::Registry {
                ticket,
                partition,
                op,
                ..
            } => {
                let partition = usize::from(partition);
                self.partitions[partition].handle(now, ticket, op);
                self.settle_partition(now, partition);
            }
            Effect::Credential {
                ticket, question, ..
            } => {
                let answer = credentials::answer(&self.known, &question, unix(now).as_secs());
                self.shards[shard].handle_credential(now, ticket, answer);
            }
            // Our devices are DTLS clients and nothing else.
            Effect::Connect { ticket, .. } => self.shards[shard].handle_connect(now, ticket, None),
            other => panic!("an effect that this harness does not know: {other:?}"),
        }
    }

    /// Returns whether there was nothing to do.
    fn settle_partition(&mut self, now: Instant, partition: usize) -> bool {
        let mut quiet = true;
        let mut outcomes = Vec::new();
        let mut events = Vec::new();
        loop {
            let registry = &mut self.partitions[partition];
            outcomes.extend(std::iter::from_fn(|| registry.poll_outcome()));
            events.extend(std::iter::from_fn(|| registry.poll_event()));
            let Some(effect) = registry.poll_effect() else {
                break;
            };
            quiet = false;
            if let Some((ticket, result)) = self.store.begin(now, partition, effect) {
                registry.handle_effect(now, ticket, result);
            }
        }
        // Answers before events, as the registry asks.
        for outcome in outcomes {
            quiet = false;
            if outcome.ticket != NOBODY {
                let shard = usize::from(ServerStack::shard_of(outcome.ticket));
                self.shards[shard].handle_registry(now, &outcome);
            }
        }
        for event in events {
            quiet = false;
            self.registry_event(now, &event);
            self.events.push(ServerEvent::Registry(event));
        }
        quiet
    }

    fn registry_event(&mut self, now: Instant, event: &registry_core::Event) {
        use registry_core::Event as Registry;
        match event {
            Registry::Registered {
                registration,
                replaced,
                ..
            } => {
                if let Some(former) = replaced {
                    self.leave(now, former);
                }
                self.observe_again(now, registration);
            }
            Registry::Updated {
                registration,
                previous,
                diff,
                ..
            } => {
                let identity = registration.identity();
                if !identity.is_none() {
                    // A device that has moved is the same one; what it was asked in a former session it has forgotten.
                    let shard = usize::from(registration.route());
                    self.shards[shard].cancel_former(now, &identity);
                } else if diff.address {
                    self.leave(now, previous);
                }
                self.observe_again(now, registration);
            }
            Registry::Removed { registration, .. } => self.leave(now, registration),
            _ => {}
        }
    }

    /// Ends what is under way with a device at a place where it is no more.
    fn leave(&mut self, now: Instant, device: &Registration) {
        let shard = usize::from(device.route());
        self.shards[shard].cancel_target(now, destination(device));
    }

    fn observe_again(&mut self, now: Instant, device: &Registration) {
        let endpoint = device.endpoint();
        let wanted = self.partition(endpoint).desired(endpoint).to_vec();
        // What was cancelled has to be heard first.
        for index in 0..self.shards.len() {
            while let Some(event) = self.shards[index].poll_event() {
                self.heard(now, index, event);
            }
        }
        self.again.insert(endpoint.to_owned(), wanted.into());
        self.ask_next(now, endpoint);
    }

    /// Asks a device for the next of what is wanted of it.
    fn ask_next(&mut self, now: Instant, endpoint: &str) {
        let Some(device) = self.registration(endpoint).cloned() else {
            self.again.remove(endpoint);
            return;
        };
        while let Some(path) = self.again.get_mut(endpoint).and_then(VecDeque::pop_front) {
            let running = self
                .observation(endpoint, path)
                .is_some_and(|observation| observation.call.is_some());
            let wanted = self.partition(endpoint).desired(endpoint).contains(&path);
            if wanted && !running {
                self.ask(now, &device, path);
                return;
            }
        }
        self.again.remove(endpoint);
    }

    fn heard(&mut self, now: Instant, shard: usize, event: Event) {
        match event {
            Event::Reply {
                call,
                result,
                observing,
                ..
            } => {
                let outcome = result.map_err(Refused::Failed);
                self.answered(now, shard, call, &outcome, observing);
                assert!(
                    self.results.insert(call, outcome).is_none(),
                    "{call:?} was answered twice"
                );
            }
            Event::Notification {
                call, result, last, ..
            } => self.notified(now, call, result, last),
            Event::Refused {
                target, refusal, ..
            } => self.events.push(ServerEvent::Refused {
                from: target.address,
                code: refusal.code,
            }),
            _ => {}
        }
    }

    fn answered(
        &mut self,
        now: Instant,
        shard: usize,
        call: CallId,
        outcome: &Outcome,
        observing: bool,
    ) {
        let Some(key) = self.observing.get(&call).cloned() else {
            if observing {
                // Nobody waits for notifications of this one.
                self.shards[shard].cancel(now, call);
            }
            self.calls.1 += 1;
            return;
        };
        let Some(observation) = self.observations.get_mut(&key) else {
            return;
        };
        observation.active = observing;
        if let Ok(Reply::Content { payload, .. }) = outcome {
            observation.values.push(Notified {
                at: now,
                payload: payload.clone(),
            });
        }
        if !observing {
            observation.call = None;
            self.observing.remove(&call);
            self.calls.1 += 1;
        }
        if let Ok(Reply::Refused(_)) = outcome {
            // It will not be otherwise next time: the wish is dropped.
            self.partition_mut(&key.0).unobserve(&key.0, &key.1);
        }
        match outcome {
            // It is not there; its next Update is the next opportunity.
            Err(Refused::Failed(
                CallFailure::NoReply(Failure::NoAcknowledgement | Failure::NoResponse)
                | CallFailure::Cancelled
                | CallFailure::NoSession
                | CallFailure::SessionEnded(_),
            )) => {
                self.again.remove(&key.0);
            }
            Ok(_) | Err(_) => self.ask_next(now, &key.0),
        }
    }

    fn notified(
        &mut self,
        now: Instant,
        call: CallId,
        result: Result<Reply, CallFailure>,
        last: bool,
    ) {
        let observation = self
            .observing
            .get(&call)
            .and_then(|key| self.observations.get_mut(key));
        let Some(observation) = observation else {
            panic!("a notification of {call:?}, which observes nothing");
        };
        match result {
            Ok(Reply::Content { payload, .. }) => observation.values.push(Notified {
                at: now,
                payload: payload.clone(),
            }),
            Err(_) if last => {}
            _ => observation.lost += 1,
        }
        if last {
            observation.call = None;
            observation.active = false;
            self.observing.remove(&call);
            self.calls.1 += 1;
        }
    }

    /// The shard whose socket hears an address, or that a connection id names.
    fn shard_of(&self, address: SocketAddr, bytes: &[u8]) -> usize {
        if let [TLS12_CID, ..] = bytes
            && let Some(shard) = bytes.get(CID_AT)
        {
            return usize::from(*shard) % self.shards.len();
        }
        let port = u32::from(address.port());
        let ip = match address.ip() {
            std::net::IpAddr::V4(ip) => u32::from(ip),
            std::net::IpAddr::V6(ip) => ip.octets().iter().map(|&byte| u32::from(byte)).sum(),
        };
        let hash = ip
            .wrapping_mul(31)
            .wrapping_add(port)
            .wrapping_mul(0x9e37_79b1)
            >> 16;
        hash as usize % self.shards.len()
    }

    fn partition(&self, endpoint: &str) -> &Registry {
        &self.partitions[usize::from(partition_of(endpoint, self.setup.partitions))]
    }

    fn partition_mut(&mut self, endpoint: &str) -> &mut Registry {
        &mut self.partitions[usize::from(partition_of(endpoint, self.setup.partitions))]
    }
}

/// The wall clock of a virtual instant.
pub(crate) fn unix(now: Instant) -> Duration {
    EPOCH + Duration::from_micros(now.as_micros())
}

fn destination(device: &Registration) -> Destination {
    Destination {
        target: Target {
            local_endpoint: device.local_endpoint(),
            address: device.address(),
        },
        identity: device.identity(),
        listens: !device.queue_mode(),
    }
}

/// The listener without security, and the one with DTLS.
pub(crate) const PLAIN: u16 = 0;
pub(crate) const SECURE: u16 = 1;
/// A record with a connection id (RFC 9146 §4), and where that stands.
const TLS12_CID: u8 = 25;
const CID_AT: usize = 11;
/// The ticket of work that no device waits for.
const NOBODY: Ticket = Ticket::new(u64::MAX);
/// How long a call waits after the acknowledgement.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Virtual time begins in January 2027.
const EPOCH: Duration = Duration::from_secs(1_800_000_000);
