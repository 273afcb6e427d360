use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use coap_codec::ContentFormat;
use device_stack::core::{Device, Event};
use lwm2m_model::Path;
use lwm2m_ops::{Arguments, Downlink, Execute, Lifetime, Read, Write, WriteMode};
use sansio::{Instant, Rng};
use server_stack::CallId;

use crate::credentials;
use crate::device::SERVER;
use crate::server::{PLAIN, SECURE};
use crate::{
    Datagram, DeviceId, DeviceNode, DeviceSetup, Mode, Net, Outcome, Refused, ServerNode,
    ServerSetup, StoreWeather, Trace, Weather, Wire,
};

/// One server and any number of devices on one network, in virtual time.
///
/// Everything that happens follows from the seed. Time passes in the methods that wait and in
/// [`run_for`](Self::run_for) alone; it ends at [`set_end`](Self::set_end), so that a test that would never
/// end fails, and a test that fails prints the seed.
pub struct World {
    seed: u64,
    weather: Weather,
    now: Instant,
    end: Instant,
    rng: Rng,
    net: Net,
    server: ServerNode,
    server_address: SocketAddr,
    devices: Vec<DeviceNode>,
    by_address: BTreeMap<SocketAddr, usize>,
    next_address: u32,
    mail: BTreeMap<SocketAddr, VecDeque<Wire>>,
    /// When each node wants to be called: 0 is the server, `n + 1` device `n`.
    timers: BTreeSet<(Instant, usize)>,
    deadlines: Vec<Option<Instant>>,
    trace: Trace,
    wire: Option<Vec<Wire>>,
    script: Option<Script>,
    /// Timers served since time moved.
    spins: u32,
}

type Script = Box<dyn FnMut(Instant, &Datagram) -> Fate>;

/// What becomes of a datagram before the weather has its say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Fate {
    /// It goes on.
    Pass,
    /// It is lost.
    Lose,
}

impl World {
    /// A world with a server of the default kind.
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self::with_server(seed, weather, ServerSetup::default())
    }

    /// A world with a server of this kind.
    pub fn with_server(seed: u64, weather: Weather, setup: ServerSetup) -> Self {
        let mut bytes = [0x77; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = Rng::from_seed(bytes);
        let server_address = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 5683));
        Self {
            seed,
            weather,
            now: Instant::ZERO,
            end: Instant::ZERO + END,
            net: Net::new(seed, weather),
            server: ServerNode::new(setup, server_address, rng.seed(), Instant::ZERO),
            server_address,
            rng,
            devices: Vec::new(),
            by_address: BTreeMap::new(),
            next_address: 0,
            mail: BTreeMap::new(),
            timers: BTreeSet::new(),
            deadlines: vec![None],
            trace: Trace::default(),
            wire: None,
            script: None,
            spins: 0,
        }
    }

    /// Sets the virtual time at which a test fails that is not over.
    pub fn set_end(&mut self, end: Duration) {
        self.end = Instant::ZERO + end;
    }

    /// The present.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The server.
    pub const fn server(&self) -> &ServerNode {
        &self.server
    }

    /// The server, to take its events.
    pub const fn server_mut(&mut self) -> &mut ServerNode {
        &mut self.server
    }

    /// Where the server is.
    pub const fn server_address(&self) -> SocketAddr {
        self.server_address
    }

    /// A device.
    pub fn device(&self, id: DeviceId) -> &DeviceNode {
        &self.devices[id.0]
    }

    /// A device, to take its events. What it is to do goes by [`with_device`](Self::with_device).
    pub fn device_mut(&mut self, id: DeviceId) -> &mut DeviceNode {
        &mut self.devices[id.0]
    }

    /// All devices.
    pub fn device_ids(&self) -> impl Iterator<Item = DeviceId> + use<> {
        (0..self.devices.len()).map(DeviceId)
    }

    /// What went over the network so far.
    pub const fn trace(&self) -> Trace {
        self.trace
    }

    /// Keeps every datagram from now on, for [`take_wire`](Self::take_wire).
    pub fn watch_wire(&mut self) {
        self.wire = Some(Vec::new());
    }

    /// The datagrams that were given to the network since the last call, lost ones included.
    pub fn take_wire(&mut self) -> Vec<Wire> {
        self.wire
            .as_mut()
            .map(std::mem::take)
            .expect("watch_wire comes first")
    }

    /// Changes the weather from now on.
    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
        self.net.set_weather(weather);
    }

    /// Changes how the store behaves from now on.
    pub fn set_store(&mut self, weather: StoreWeather) {
        self.server.set_store(weather);
    }

    /// Has `script` decide over every datagram before the weather does.
    pub fn set_script(&mut self, script: impl FnMut(Instant, &Datagram) -> Fate + 'static) {
        self.script = Some(Box::new(script));
    }

    /// Leaves the datagrams to the weather again.
    pub fn clear_script(&mut self) {
        self.script = None;
    }

    /// Adds a device that does nothing yet.
    pub fn add_device(&mut self, setup: DeviceSetup) -> DeviceId {
        let address = self.fresh_address();
        let id = self.devices.len();
        if let Some(record) = credentials::record(setup.mode, &setup.device.endpoint) {
            self.server.provision(&setup.device.endpoint, record);
        }
        let server = match setup.mode {
            Mode::NoSec => self.server_address,
            Mode::Psk | Mode::RawPublicKey | Mode::X509 => self.server.address(SECURE),
        };
        let device = DeviceNode::new(setup, address, server, &mut self.rng, self.now);
        self.devices.push(device);
        self.by_address.insert(address, id);
        self.deadlines.push(None);
        DeviceId(id)
    }

    /// An address that nobody has.
    pub fn fresh_address(&mut self) -> SocketAddr {
        let n = self.next_address;
        self.next_address += 1;
        let ip = Ipv4Addr::from(0x0a00_0001 + n / 16);
        SocketAddr::from((ip, 40_000 + (n % 16) as u16))
    }

    /// A device is at another address from now on, without knowing; what is on its way to the old one is lost.
    pub fn rebind(&mut self, id: DeviceId) -> SocketAddr {
        let address = self.fresh_address();
        self.rebind_to(id, address);
        address
    }

    /// A device is at this address from now on, where nobody else may be.
    pub fn rebind_to(&mut self, id: DeviceId, address: SocketAddr) {
        assert!(!self.by_address.contains_key(&address), "somebody is there");
        self.by_address.remove(&self.devices[id.0].address());
        self.by_address.insert(address, id.0);
        self.devices[id.0].set_address(address);
    }

    /// A device loses power and starts anew where it was, with nothing but what it was made with.
    pub fn restart_device(&mut self, id: DeviceId) {
        self.devices[id.0].restart(&mut self.rng, self.now);
        self.flush(id.0 + 1);
    }

    /// The server dies and comes back, with what its store has.
    pub fn restart_server(&mut self) {
        self.server.restart(self.now);
        self.flush(0);
    }

    /// Has a device do something: set a value, register, leave.
    pub fn with_device<R>(
        &mut self,
        id: DeviceId,
        work: impl FnOnce(&mut Device, Instant) -> R,
    ) -> R {
        let now = self.now;
        let device = &mut self.devices[id.0];
        let result = work(device.stack.device_mut(), now);
        device.settle(now);
        self.flush(id.0 + 1);
        result
    }

    /// Runs until `at`, whatever happens.
    pub fn run_until(&mut self, at: Instant) {
        while self.step(at) {}
    }

    /// Runs for this long.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// Runs until `done`, for at most `limit`; tells whether it was done.
    pub fn wait_for(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let until = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(until) {
                return done(self);
            }
        }
    }

    /// Has a device register and waits until it has; `false` when it did not within `limit`.
    pub fn register(&mut self, id: DeviceId, limit: Duration) -> bool {
        self.with_device(id, |device, now| device.start(now));
        self.wait_for(limit, |world| world.device(id).is_registered())
    }

    /// Has all devices register and waits for all of them; `false` when they did not within `limit`.
    pub fn register_all(&mut self, limit: Duration) -> bool {
        let ids: Vec<_> = self.device_ids().collect();
        for &id in &ids {
            self.with_device(id, |device, now| device.start(now));
        }
        self.wait_for(limit, |world| {
            ids.iter().all(|&id| world.device(id).is_registered())
        })
    }

    /// Has a device send an Update and waits for the end of it: whether the server took it.
    pub fn update(&mut self, id: DeviceId, lifetime: Option<u32>) -> bool {
        let from = self.device(id).events().len();
        let lifetime = lifetime.map(Lifetime::from_seconds);
        self.with_device(id, |device, _| device.update(SERVER, lifetime))
            .expect("a registered device can update");
        let mut updated = None;
        self.wait_for(PATIENCE, |world| {
            updated = world.device(id).events()[from..]
                .iter()
                .find_map(|(_, event)| match event {
                    Event::Updated { .. } => Some(true),
                    Event::Error { .. } => Some(false),
                    _ => None,
                });
            updated.is_some()
        });
        updated.expect("an Update ends")
    }

    /// Has a device de-register and waits for the end of it: whether the server knows.
    pub fn deregister(&mut self, id: DeviceId) -> bool {
        let from = self.device(id).events().len();
        self.with_device(id, |device, _| device.deregister(None))
            .expect("a device of one server can leave it");
        let gone = self.wait_for(PATIENCE, |world| {
            world.device(id).events()[from..]
                .iter()
                .any(|(_, event)| matches!(event, Event::Unregistered { .. }))
        });
        assert!(gone, "a De-register ends");
        !self.device(id).events()[from..]
            .iter()
            .any(|(_, event)| matches!(event, Event::Error { .. }))
    }

    /// Has the server send an operation; its end is waited for with [`wait`](Self::wait).
    ///
    /// # Errors
    /// [`Refused::NotRegistered`].
    pub fn start(
        &mut self,
        id: DeviceId,
        operation: impl Into<Downlink>,
    ) -> Result<CallId, Refused> {
        let endpoint = self.devices[id.0].endpoint().to_owned();
        let call = self.server.call(self.now, &endpoint, operation.into());
        self.flush(0);
        call
    }

    /// Waits for the end of a call.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn wait(&mut self, call: CallId) -> Outcome {
        let mut outcome = None;
        self.wait_for(PATIENCE, |world| {
            outcome = world.server.result(call);
            outcome.is_some()
        });
        outcome.expect("a call ends")
    }

    /// What came of a call, once, if it is over. A restart of the server forgets all calls.
    pub fn outcome(&mut self, call: CallId) -> Option<Outcome> {
        self.server.result(call)
    }

    /// Sends an operation and waits for the answer.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn call(&mut self, id: DeviceId, operation: impl Into<Downlink>) -> Outcome {
        let call = self.start(id, operation)?;
        self.wait(call)
    }

    /// Reads.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn read(&mut self, id: DeviceId, path: Path, accept: Option<ContentFormat>) -> Outcome {
        self.call(id, Read::new(path, accept).expect("a legal read"))
    }

    /// Writes, replacing.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn write(
        &mut self,
        id: DeviceId,
        path: Path,
        format: ContentFormat,
        payload: impl Into<Bytes>,
    ) -> Outcome {
        let write = Write::new(path, WriteMode::Replace, format, payload);
        self.call(id, write.expect("a legal write"))
    }

    /// Executes, with `name` as argument 0.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn execute(&mut self, id: DeviceId, path: Path, name: &str) -> Outcome {
        self.call(id, execute(path, name))
    }

    /// Has the server want an observation and waits for the first answer.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn observe(&mut self, id: DeviceId, path: Path) -> Outcome {
        let call = self.start_observing(id, path)?;
        self.wait(call)
    }

    /// Has the server want an observation; its first answer is waited for with [`wait`](Self::wait).
    ///
    /// # Errors
    /// [`Refused::NotRegistered`].
    pub fn start_observing(&mut self, id: DeviceId, path: Path) -> Result<CallId, Refused> {
        let endpoint = self.devices[id.0].endpoint().to_owned();
        let call = self.server.observe(self.now, &endpoint, path);
        self.flush(0);
        call
    }

    /// Has the server want an observation no more; with `active` it tells the device at once.
    pub fn unobserve(&mut self, id: DeviceId, path: Path, active: bool) {
        let endpoint = self.devices[id.0].endpoint().to_owned();
        self.server.unobserve(self.now, &endpoint, path, active);
        self.flush(0);
    }

    /// Has an administrator remove a registration.
    pub fn remove(&mut self, endpoint: &str) {
        self.server.remove(self.now, endpoint);
        self.flush(0);
    }

    /// Gives a datagram to the network, from wherever it claims to be.
    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        self.put(Datagram { from, to, bytes });
    }

    /// Hands a datagram in at its end at once, whatever the weather.
    pub fn inject(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.deliver(Datagram { from, to, bytes });
    }

    /// Keeps what arrives at an address where no device is, for [`mail`](Self::mail).
    pub fn open_mailbox(&mut self, address: SocketAddr) {
        self.mail.entry(address).or_default();
    }

    /// What arrived at an address since the last call.
    pub fn mail(&mut self, address: SocketAddr) -> Vec<Vec<u8>> {
        let mail = self.mail.get_mut(&address).expect("open_mailbox first");
        mail.drain(..).map(|wire| wire.datagram.bytes).collect()
    }

    /// Sends a datagram to the server from `from`, and gives what arrives there within two seconds.
    pub fn ask_server(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.open_mailbox(from);
        self.mail(from);
        self.send(from, self.server_address, bytes);
        self.run_for(Duration::from_secs(2));
        self.mail(from)
    }

    /// What is kept by any machine that is not to be kept by a world at rest: nothing, once all have left and
    /// all lifetimes have passed.
    pub fn leftovers(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut expect = |what: String, quiet: bool| {
            if !quiet {
                found.push(what);
            }
        };
        let tables = self.server.tables();
        for (shard, tables) in tables.shards.iter().enumerate() {
            // A session has no end of its own: one whose farewell was lost stays until another takes its place. What a
            // server remembers for resumption has a bound of its own.
            let sessions = tables.dtls.sessions;
            let mut coap = coap_endpoint::Tables::default();
            coap.peers = sessions;
            let mut dtls = dtls_core::Tables::default();
            dtls.sessions = sessions;
            dtls.resumptions = tables.dtls.resumptions;
            dtls.connection_ids = tables.dtls.connection_ids;
            let quiet = tables.peers == sessions
                && tables.sessions <= sessions
                && tables.dtls.connection_ids <= sessions
                && tables.waiting == 0
                && tables.calls == 0
                && tables.uplinks == 0
                && tables.coap == coap
                && tables.dtls == dtls;
            expect(format!("shard {shard}: {tables:?}"), quiet);
        }
        for (partition, stats) in tables.partitions.iter().enumerate() {
            let quiet = stats.registrations == 0
                && stats.bytes == 0
                && stats.ids == 0
                && stats.addresses == 0
                && stats.identities == 0
                && stats.timers == 0
                && stats.effects == 0
                && stats.waiting == 0
                && stats.held_back == 0
                && stats.observed_endpoints == 0;
            expect(format!("partition {partition}: {stats:?}"), quiet);
        }
        expect(format!("{} store effects", tables.store), tables.store == 0);
        let records = self.server.records();
        expect(format!("{records} records"), records == 0);
        let (begun, ended) = self.server.calls;
        expect(format!("{begun} calls, {ended} ended"), begun == ended);
        for device in &self.devices {
            let tables = device.stack.endpoint().tables();
            let quiet = tables.is_quiet() && tables.timers == 0;
            expect(format!("{}: {tables:?}", device.endpoint()), quiet);
            let dtls = device.stack.dtls().map(dtls_core::Endpoint::tables);
            let quiet = dtls.is_none_or(|dtls| dtls == dtls_core::Tables::default());
            expect(format!("{}: {dtls:?}", device.endpoint()), quiet);
            let count = device.observations();
            expect(
                format!("{}: {count} observations", device.endpoint()),
                count == 0,
            );
        }
        expect(
            "datagrams on their way".to_owned(),
            self.net.next_arrival().is_none(),
        );
        found
    }

    /// Sessions that the server holds.
    pub fn sessions(&self) -> usize {
        let shards = self.server.tables().shards;
        shards.iter().map(|shard| shard.dtls.sessions).sum()
    }

    /// Does the next thing that is due by `until`. Else moves time there and returns `false`.
    fn step(&mut self, until: Instant) -> bool {
        let arrival = self.net.next_arrival();
        let timer = self.timers.first().map(|&(at, _)| at);
        let next = [arrival, timer].into_iter().flatten().min();
        let Some(next) = next.filter(|&next| next <= until) else {
            self.advance(until);
            return false;
        };
        self.advance(next);
        if let Some(datagram) = self.net.receive(self.now) {
            self.deliver(datagram);
        } else if let Some((_, node)) = self.timers.pop_first() {
            self.spins += 1;
            assert!(self.spins < MAX_SPINS, "livelock: time stands still");
            self.deadlines[node] = None;
            match node.checked_sub(1) {
                None => self.server.handle_timeout(self.now),
                Some(device) => self.devices[device].handle_timeout(self.now),
            }
            self.flush(node);
        }
        true
    }

    fn advance(&mut self, to: Instant) {
        if to > self.now {
            assert!(to <= self.end, "the stated end of virtual time is reached");
            self.now = to;
            self.spins = 0;
        }
    }

    fn deliver(&mut self, mut datagram: Datagram) {
        let Datagram { from, to, bytes } = &mut datagram;
        let listener = [PLAIN, SECURE]
            .into_iter()
            .find(|listener| *to == self.server.address(*listener));
        if let Some(listener) = listener {
            self.server
                .handle_datagram(self.now, listener, *from, bytes);
            self.flush(0);
        } else if let Some(&device) = self.by_address.get(to) {
            self.devices[device].handle_datagram(self.now, *from, bytes);
            self.flush(device + 1);
        } else if let Some(mail) = self.mail.get_mut(to) {
            mail.push_back(Wire {
                at: self.now,
                datagram,
            });
        }
    }

    /// Takes what a node sends, and notes when it wants to be called.
    fn flush(&mut self, node: usize) {
        let mut sent = VecDeque::new();
        let deadline = match node.checked_sub(1) {
            None => {
                sent.extend(std::iter::from_fn(|| self.server.poll_transmit()));
                self.server.poll_timeout()
            }
            Some(device) => {
                let device = &mut self.devices[device];
                sent.extend(std::iter::from_fn(|| device.poll_transmit()));
                device.stack.poll_timeout()
            }
        };
        for datagram in sent {
            self.put(datagram);
        }
        if self.deadlines[node] != deadline {
            if let Some(former) = self.deadlines[node] {
                self.timers.remove(&(former, node));
            }
            if let Some(deadline) = deadline {
                self.timers.insert((deadline, node));
            }
            self.deadlines[node] = deadline;
        }
    }

    fn put(&mut self, datagram: Datagram) {
        self.trace.add(self.now, &datagram);
        if let Some(wire) = &mut self.wire {
            wire.push(Wire {
                at: self.now,
                datagram: datagram.clone(),
            });
        }
        let fate = match &mut self.script {
            Some(script) => script(self.now, &datagram),
            None => Fate::Pass,
        };
        match fate {
            Fate::Pass => self.net.send(self.now, datagram),
            Fate::Lose => {}
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed in {self:?}");
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("weather", &self.weather)
            .field("now", &self.now)
            .field("devices", &self.devices.len())
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

/// Whether the whole counts are asked for, by the environment variable `LWM2M_LONG`.
pub fn long() -> bool {
    std::env::var_os("LWM2M_LONG").is_some()
}

/// An Execute with `name` as argument 0.
pub(crate) fn execute(path: Path, name: &str) -> Execute {
    let arguments = Arguments::default()
        .with_value(0, name)
        .expect("a name without quotes");
    Execute::new(path, arguments).expect("a legal execute")
}

/// Virtual time ends here unless told otherwise.
const END: Duration = Duration::from_secs(400 * 24 * 3600);
/// Nothing that ends takes longer.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// More timers are due at no instant.
const MAX_SPINS: u32 = 1_000_000;
