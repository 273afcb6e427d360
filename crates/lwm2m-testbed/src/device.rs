use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::OnceLock;

use device_stack::DeviceStack;
use device_stack::core::{
    self as device_core, Device, DeviceObject, Event, ServerAccount, ServerId, ServerSettings,
    Status, TableObject, TemperatureObject,
};
use lwm2m_model::{
    Lwm2mVersion, Models, ObjectDef, Operations, Path, Resource, ResourceDef, Value, ValueType,
    Version, path,
};
use sansio::{DatagramBuf, Instant, Rng};

use crate::{Datagram, Mode, credentials};

/// The Short Server ID of the one server.
pub const SERVER: ServerId = match ServerId::new(1) {
    Some(id) => id,
    None => panic!("1 is a Short Server ID"),
};
/// Opaque, read and write.
pub const BLOB: Path = path!(32_769, 0, 0);
/// Executable: argument 0 names the run, and is counted.
pub const RUN: Path = path!(32_769, 0, 1);
/// Integer, read-only: what the device sets.
pub const COUNTER: Path = path!(32_769, 0, 2);
/// String, read and write.
pub const TEXT: Path = path!(32_769, 0, 3);
/// The value of a temperature sensor.
pub const SENSOR: Path = path!(3303, 0, 5700);

/// Names a device of a world.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[allow(clippy::exhaustive_structs, reason = "a name, and nothing else")]
pub struct DeviceId(pub usize);

/// How a device is made.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs, reason = "an unpublished crate's knobs")]
pub struct DeviceSetup {
    /// The device, with its endpoint name.
    pub device: device_core::Config,
    /// The join.
    pub stack: device_stack::Config,
    /// The terms of the server.
    pub settings: ServerSettings,
    /// How it proves who it is; the server is set up to know it.
    pub mode: Mode,
    /// Further objects without instances, to make the registration long: from this id, so many.
    pub padding: (u16, u16),
}

impl DeviceSetup {
    /// A device of this name with a lifetime of 300 s.
    pub fn new(endpoint: impl Into<String>) -> Self {
        let mut settings = ServerSettings::default();
        settings.lifetime = lwm2m_ops::Lifetime::from_seconds(300);
        Self {
            device: device_core::Config::new(endpoint),
            stack: device_stack::Config::default(),
            settings,
            mode: Mode::NoSec,
            padding: (40_000, 0),
        }
    }

    /// Over DTLS, if the mode is one with DTLS.
    #[must_use]
    pub const fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// With another lifetime.
    #[must_use]
    pub fn with_lifetime(mut self, seconds: u32) -> Self {
        self.settings.lifetime = lwm2m_ops::Lifetime::from_seconds(seconds);
        self
    }
}

/// A device as its runtime would drive it, and what its application has seen.
#[derive(Debug)]
pub struct DeviceNode {
    /// The machine.
    pub stack: DeviceStack,
    setup: DeviceSetup,
    server: SocketAddr,
    endpoint: String,
    address: SocketAddr,
    events: Vec<(Instant, Event)>,
    runs: BTreeMap<String, u32>,
    observed: usize,
    ended: usize,
    out: VecDeque<Datagram>,
}

impl DeviceNode {
    pub(crate) fn new(
        setup: DeviceSetup,
        address: SocketAddr,
        server: SocketAddr,
        rng: &mut Rng,
        now: Instant,
    ) -> Self {
        let endpoint = setup.device.endpoint.clone();
        let stack = Self::boot(&setup, server, rng, now);
        Self {
            stack,
            setup,
            server,
            endpoint,
            address,
            events: Vec::new(),
            runs: BTreeMap::new(),
            observed: 0,
            ended: 0,
            out: VecDeque::new(),
        }
    }

    /// The device loses power and starts anew: it knows what it was made with, and nothing else.
    pub(crate) fn restart(&mut self, rng: &mut Rng, now: Instant) {
        self.stack = Self::boot(&self.setup, self.server, rng, now);
        self.observed = 0;
        self.ended = 0;
        self.out.clear();
    }

    fn boot(setup: &DeviceSetup, server: SocketAddr, rng: &mut Rng, now: Instant) -> DeviceStack {
        let endpoint = &setup.device.endpoint;
        let mut device =
            Device::new(setup.device.clone(), models()).expect("the server object is known");
        let mut facts = DeviceObject::default();
        facts.manufacturer = Some("Testbed".into());
        let facts = facts
            .into_object(models(), Lwm2mVersion::V1_1)
            .expect("the device object is known");
        device.add_object(facts).expect("room for an object");
        let sensors = TemperatureObject::new().with_sensor(0, 20.0);
        device.add_object(sensors).expect("room for an object");
        device.add_object(bench()).expect("room for an object");
        let (from, count) = setup.padding;
        for id in from..from.saturating_add(count) {
            let def = ObjectDef::new(id, "Padding", Version::V1_0).with_multiple(true);
            device
                .add_object(TableObject::new(def))
                .expect("room for an object");
        }
        let security = credentials::device(setup.mode, endpoint);
        let scheme = if security.is_secured() {
            "coaps"
        } else {
            "coap"
        };
        let mut account =
            ServerAccount::new(SERVER, format!("{scheme}://{server}")).with_security(security);
        account.server_name = Some(credentials::SERVER_NAME.to_owned());
        account.settings = setup.settings.clone();
        device.add_server(account).expect("the first server");
        let mut stack = DeviceStack::new(device, setup.stack.clone(), rng.seed(), now);
        stack.handle_wall_clock(crate::server::unix(now).as_secs());
        stack
    }

    /// The endpoint name.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where the network sees it.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) const fn set_address(&mut self, address: SocketAddr) {
        self.address = address;
    }

    /// Whether it believes that it is registered.
    pub fn is_registered(&self) -> bool {
        matches!(
            self.stack.device().status(SERVER),
            Some(Status::Registered { .. })
        )
    }

    /// What it told its application so far.
    pub fn events(&self) -> &[(Instant, Event)] {
        &self.events
    }

    /// What it told its application since the last call.
    pub fn take_events(&mut self) -> Vec<(Instant, Event)> {
        std::mem::take(&mut self.events)
    }

    /// How often [`RUN`] was executed under each name.
    pub const fn runs(&self) -> &BTreeMap<String, u32> {
        &self.runs
    }

    /// Observations that it serves, as its events tell.
    pub const fn observations(&self) -> usize {
        self.observed - self.ended
    }

    /// The present value of a single resource.
    pub fn value(&self, path: &Path) -> Option<Value> {
        let [object, instance, resource] = *path.ids() else {
            return None;
        };
        let object = self.stack.device().tree().object(object)?;
        match object.read(instance, resource)? {
            lwm2m_model::ResourceValue::Single(value) => Some(value),
            lwm2m_model::ResourceValue::Multiple(_) => None,
        }
    }

    pub(crate) fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) {
        self.stack.handle_datagram(now, 0, from, bytes);
        self.settle(now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.stack.handle_timeout(now);
        self.settle(now);
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Datagram> {
        self.out.pop_front()
    }

    pub(crate) fn settle(&mut self, now: Instant) {
        let mut memory = [0; 2048];
        loop {
            let (head, tail) = (DeviceStack::HEADROOM, DeviceStack::TAILROOM);
            let mut out = DatagramBuf::new(&mut memory, head, tail);
            if let Some(outgoing) = self.stack.poll_transmit(now, &mut out) {
                self.out.push_back(Datagram {
                    from: self.address,
                    to: outgoing.to,
                    bytes: out.bytes().to_vec(),
                });
            } else if let Some(event) = self.stack.poll_event() {
                self.note(now, event);
            } else {
                return;
            }
        }
    }

    fn note(&mut self, now: Instant, event: Event) {
        match &event {
            Event::Executed {
                path, arguments, ..
            } if *path == RUN => {
                let name = arguments.value(0).unwrap_or_default().to_owned();
                *self.runs.entry(name).or_default() += 1;
            }
            Event::Observed { .. } => self.observed += 1,
            Event::ObservationEnded { .. } => self.ended += 1,
            _ => {}
        }
        self.events.push((now, event));
    }
}

fn bench() -> TableObject {
    let def = ObjectDef::new(32_769, "Bench", Version::V1_0)
        .with_resource(ResourceDef::new(
            0,
            "Blob",
            Operations::RW,
            ValueType::Opaque,
        ))
        .with_resource(ResourceDef::new(1, "Run", Operations::E, ValueType::None))
        .with_resource(ResourceDef::new(
            2,
            "Counter",
            Operations::R,
            ValueType::Integer,
        ))
        .with_resource(ResourceDef::new(
            3,
            "Text",
            Operations::RW,
            ValueType::String,
        ));
    let blob = Value::Opaque(bytes::Bytes::new());
    TableObject::new(def)
        .with_instance(
            0,
            [
                Resource::single(0, blob),
                Resource::single(2, Value::Integer(0)),
                Resource::single(3, ""),
            ],
        )
        .with_executable(1)
}

fn models() -> &'static Models {
    static MODELS: OnceLock<Models> = OnceLock::new();
    MODELS.get_or_init(Models::builtin)
}
