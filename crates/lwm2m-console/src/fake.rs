//! A server without sockets and devices, for the tests.

use core::{future::Future, pin::Pin};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use coap_codec::Code;
use lwm2m_identity::{
    ApplyError, CredentialRecord, DEVICE_KIND, DeviceRecord, PskKey, Security, apply, key_hint,
    material::{self, Certificate, PublicKey},
};
use lwm2m_model::payload::NewInstance;
use lwm2m_model::{
    Instance, Level, Lwm2mVersion, Models, Node, Object, Path, Resource, Value, Version,
};
use lwm2m_ops::Arguments;
use lwm2m_store::{MemoryStore, Store as _};
use serde_json::json;
use tokio::sync::watch;

use crate::backend::{
    Answer, Backend, Call, Counter, CounterKind, CredentialFacts, CredentialFailure, Credentials,
    CredentialsPage, Data, Device, DeviceObject, Event, Events, Failure, Info, Item, Link, Mode,
    Observation, OfferedMode, Options, Page, SecurityInfo, Session, Stored,
};

/// Devices in memory. What is written is there to be read; what is missing is 4.04.
pub(crate) struct Fake {
    models: Arc<Models>,
    state: Arc<Mutex<State>>,
    newest: watch::Sender<u64>,
    now: fn() -> SystemTime,
    /// Security records, kept as a server keeps them.
    store: MemoryStore,
    secured: bool,
}

#[derive(Default)]
struct State {
    /// The store fails.
    down: bool,
    devices: BTreeMap<String, Device>,
    values: BTreeMap<(String, Path), Value>,
    observed: Vec<(String, Path)>,
    /// The events that are kept.
    ring: Vec<Arc<Event>>,
    /// What the next call fails with.
    failure: Option<Failure>,
    /// Calls to devices, as text.
    log: Vec<String>,
    stopping: bool,
}

/// 2026-11-22T09:30:00Z
pub(crate) fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_339_800)
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self {
            models: Arc::new(Models::builtin()),
            state: Arc::default(),
            newest: watch::Sender::new(0),
            now: noon,
            store: MemoryStore::new(),
            secured: false,
        }
    }

    /// The same with DTLS: all modes but certificates of devices, and an identity of its own.
    pub(crate) fn secured(mut self) -> Self {
        self.secured = true;
        self
    }

    /// Lets the store of the security records fail, or work again.
    pub(crate) fn break_store(&self, down: bool) {
        self.state.lock().unwrap().down = down;
    }

    /// The device came in with a pre-shared key.
    pub(crate) fn secure(&self, ep: &str) {
        let mut state = self.state.lock().unwrap();
        let device = state.devices.get_mut(ep).unwrap();
        device.security = "psk";
        device.session = Some(Session {
            suite: "TLS_PSK_WITH_AES_128_CCM_8".to_owned(),
            connection_id: true,
        });
    }

    /// By the clock on the wall, for the page.
    pub(crate) fn live() -> Self {
        Self {
            now: SystemTime::now,
            ..Self::new()
        }
    }

    /// One device, a thermometer.
    pub(crate) fn with_thermometer() -> Self {
        let fake = Self::new();
        fake.register("thermometer");
        fake
    }

    pub(crate) fn register(&self, ep: &str) {
        self.register_at(ep, noon());
    }

    pub(crate) fn register_at(&self, ep: &str, now: SystemTime) {
        let device = Device {
            ep: ep.to_owned(),
            id: "4f1c".to_owned(),
            address: "127.0.0.1:40001".to_owned(),
            security: "nosec",
            session: None,
            lifetime: Some(Duration::from_secs(300)),
            version: Lwm2mVersion::V1_1,
            binding: "U".to_owned(),
            queue_mode: false,
            sms: None,
            root: String::new(),
            formats: vec!["senml-cbor".to_owned()],
            objects: [
                (1, None, 0),
                (3, Some(Version::new(1, 1)), 0),
                (3303, Some(Version::new(1, 1)), 0),
                (33_000, None, 0),
            ]
            .map(|(id, version, instance)| DeviceObject {
                id,
                version,
                instances: vec![instance],
            })
            .to_vec(),
            extra: vec![
                ("site".to_owned(), Some("roof".to_owned())),
                ("debug".to_owned(), None),
            ],
            quirks: vec![],
            registered_at: now,
            updated_at: now,
            expires_at: Some(now + Duration::from_secs(300)),
        };
        let values = [
            ("/3/0/0", Value::from("Acme")),
            ("/3/0/6/0", Value::Integer(1)),
            ("/3/0/6/1", Value::Integer(5)),
            ("/3/0/9", Value::Integer(87)),
            ("/3/0/13", Value::Time(1_795_339_800)),
            ("/3303/0/5700", Value::Float(21.5)),
            ("/3303/0/5701", Value::from("Cel")),
            ("/33000/0/1", Value::Opaque(vec![0xc0, 0xff, 0xee].into())),
        ];
        {
            let mut state = self.state.lock().unwrap();
            state.devices.insert(ep.to_owned(), device.clone());
            for (path, value) in values {
                state
                    .values
                    .insert((ep.to_owned(), path.parse().unwrap()), value);
            }
        }
        self.emit(
            Some(ep),
            "registration.created",
            Data::Device(Box::new(device)),
        );
    }

    pub(crate) fn leave(&self, ep: &str) {
        self.state.lock().unwrap().devices.remove(ep);
        self.emit(
            Some(ep),
            "registration.removed",
            Data::Other(json!({ "reason": "deregistered" })),
        );
    }

    /// Sets a value as the device itself does, and tells those who observe it.
    pub(crate) fn set(&self, ep: &str, path: &str, value: Value) {
        let path: Path = path.parse().unwrap();
        let observed = {
            let mut state = self.state.lock().unwrap();
            state.values.insert((ep.to_owned(), path), value.clone());
            state.observed.contains(&(ep.to_owned(), path))
        };
        if observed {
            let node = Node::Resource(Resource::single(path.last_id().unwrap(), value));
            let data = Data::Value {
                path,
                object_version: Some(Version::new(1, 1)),
                node,
                taken_at: None,
            };
            self.emit(Some(ep), "observation.notified", data);
        }
    }

    pub(crate) fn emit(&self, ep: Option<&str>, name: &'static str, data: Data) {
        let mut state = self.state.lock().unwrap();
        let id = *self.newest.borrow() + 1;
        state.ring.push(Arc::new(Event {
            id,
            time: (self.now)(),
            ep: ep.map(str::to_owned),
            cid: Some(format!("c{id}")),
            name,
            data,
        }));
        if state.ring.len() > RING {
            state.ring.remove(0);
        }
        drop(state);
        self.newest.send_replace(id);
    }

    /// Lets the next call to a device fail.
    pub(crate) fn fail(&self, failure: Failure) {
        self.state.lock().unwrap().failure = Some(failure);
    }

    pub(crate) fn stop(&self) {
        self.state.lock().unwrap().stopping = true;
        self.newest.send_modify(|_| ());
    }

    pub(crate) fn resume(&self) {
        self.state.lock().unwrap().stopping = false;
    }

    /// The calls to devices so far, and forgets them.
    pub(crate) fn calls(&self) -> Vec<String> {
        core::mem::take(&mut self.state.lock().unwrap().log)
    }

    fn act<T: Send + 'static>(
        &self,
        line: String,
        act: impl FnOnce(&mut State) -> Result<T, Failure>,
    ) -> Call<'static, T> {
        let mut state = self.state.lock().unwrap();
        state.log.push(line);
        let result = match state.failure.take() {
            Some(failure) => Err(failure),
            None => act(&mut state),
        };
        Box::pin(core::future::ready(result))
    }
}

impl State {
    fn node(&self, ep: &str, path: Path) -> Result<Node, Failure> {
        let under: Vec<_> = self
            .values
            .iter()
            .filter(|((owner, at), _)| owner == ep && at.starts_with(&path))
            .collect();
        let Some((_, first)) = under.first() else {
            return Err(not_found());
        };
        let resource = |id: u16, at: Path| {
            let several: Vec<_> = under
                .iter()
                .filter(|((_, leaf), _)| {
                    leaf.starts_with(&at) && leaf.level() == Level::ResourceInstance
                })
                .map(|((_, leaf), value)| (leaf.last_id().unwrap(), (*value).clone()))
                .collect();
            match self.values.get(&(ep.to_owned(), at)) {
                Some(value) => Resource::single(id, value.clone()),
                None => Resource::multiple(id, several),
            }
        };
        let children = |at: Path, level: usize| {
            let mut ids: Vec<_> = under
                .iter()
                .filter(|((_, leaf), _)| leaf.starts_with(&at))
                .filter_map(|((_, leaf), _)| leaf.ids().get(level).copied())
                .collect();
            ids.dedup();
            ids
        };
        let instance = |id: u16, at: Path| {
            Instance::new(
                id,
                children(at, 2)
                    .into_iter()
                    .map(|id| resource(id, at.child(id).unwrap()))
                    .collect(),
            )
        };
        let id = path.last_id().unwrap_or_default();
        Ok(match path.level() {
            Level::Object => Node::Object(Object::new(
                id,
                children(path, 1)
                    .into_iter()
                    .map(|id| instance(id, path.child(id).unwrap()))
                    .collect(),
            )),
            Level::Instance => Node::Instance(instance(id, path)),
            Level::Resource => Node::Resource(resource(id, path)),
            _ => Node::ResourceInstance(id, (*first).clone()),
        })
    }
}

/// What the fake proves to devices.
fn identity() -> (PublicKey, Certificate) {
    let pem = include_bytes!("tests/server.pem");
    let [certificate] = &material::read(pem).unwrap().certificates().unwrap()[..] else {
        panic!("one certificate")
    };
    (certificate.public_key().clone(), certificate.clone())
}

fn warnings(key: &PskKey) -> Vec<String> {
    let short = key
        .is_short()
        .then(|| format!("the key has only {} bytes", key.bytes().len()));
    let hint = key_hint(key).map(|hint| hint.to_string());
    short.into_iter().chain(hint).collect()
}

impl Fake {
    async fn known(&self, record: &[u8], ep: &str) -> Result<Credentials, CredentialFailure> {
        let record = DeviceRecord::decode(record).unwrap();
        let mut credentials = Vec::new();
        for credential in record.credentials {
            let stored = self.load(&credential.record_key()).await?.unwrap();
            let key = CredentialRecord::decode(&stored).unwrap().key;
            credentials.push(CredentialFacts {
                key_length: key.as_ref().map(|key| key.bytes().len()),
                warnings: key.as_ref().map(warnings).unwrap_or_default(),
                credential,
            });
        }
        Ok(Credentials {
            ep: ep.to_owned(),
            nosec: record.nosec,
            credentials,
            set: record.set,
        })
    }

    async fn load(
        &self,
        key: &lwm2m_store::Key,
    ) -> Result<Option<bytes::Bytes>, CredentialFailure> {
        if self.state.lock().unwrap().down {
            return Err(CredentialFailure::Down);
        }
        let loaded = self.store.load(key).await;
        Ok(loaded.unwrap().map(|record| record.value))
    }

    async fn change(
        &self,
        ep: &str,
        security: Option<&[Security]>,
    ) -> Result<(), CredentialFailure> {
        let change = lwm2m_identity::Change {
            endpoint: ep,
            security,
            set: Some(SET),
        };
        apply(&self.store, &[change])
            .await
            .map_err(|error| match error {
                ApplyError::Refused(error) => CredentialFailure::Refused(error),
                other => panic!("{other}"),
            })?;
        let (name, mode) = match security {
            Some([security]) => ("credential.set", Some(security.mode())),
            _ => ("credential.removed", None),
        };
        self.emit(Some(ep), name, Data::Other(json!({ "mode": mode })));
        Ok(())
    }
}

fn not_found() -> Failure {
    Failure::Device {
        code: Code::NOT_FOUND,
        diagnostic: String::new(),
    }
}

impl Backend for Fake {
    fn devices(&self, text: Option<&str>, after: Option<&str>, limit: usize) -> Page {
        let state = self.state.lock().unwrap();
        let mut fitting = state.devices.values().filter(|one| {
            text.is_none_or(|text| one.ep.contains(text))
                && after.is_none_or(|after| *one.ep > *after)
        });
        let items: Vec<_> = fitting.by_ref().take(limit).cloned().collect();
        let next = fitting
            .next()
            .and_then(|_| items.last())
            .map(|last| last.ep.clone());
        Page { items, next }
    }

    fn device(&self, ep: &str) -> Option<Device> {
        self.state.lock().unwrap().devices.get(ep).cloned()
    }

    fn remove(&self, ep: &str) -> bool {
        let known = self.state.lock().unwrap().devices.remove(ep).is_some();
        if known {
            self.emit(
                Some(ep),
                "registration.removed",
                Data::Other(json!({ "reason": "admin" })),
            );
        }
        known
    }

    fn read<'a>(&'a self, ep: &'a str, path: Path, options: Options) -> Call<'a, Answer> {
        self.act(format!("read {ep} {path} {options:?}"), |state| {
            let node = state.node(ep, path)?;
            Ok(Answer {
                node,
                format: Some("senml-cbor".to_owned()),
                quirks: vec![],
                taken_at: None,
            })
        })
    }

    fn write<'a>(
        &'a self,
        ep: &'a str,
        path: Path,
        mode: Mode,
        node: Node,
        _: Options,
    ) -> Call<'a, ()> {
        self.act(format!("write {ep} {path} {mode:?} {node:?}"), |state| {
            let base = path.parent().unwrap();
            for (path, value) in node.walk(&base) {
                state.values.insert((ep.to_owned(), path), value.clone());
            }
            Ok(())
        })
    }

    fn execute<'a>(
        &'a self,
        ep: &'a str,
        path: Path,
        arguments: Arguments,
        _: Options,
    ) -> Call<'a, ()> {
        self.act(format!("execute {ep} {path} {arguments}"), |_| Ok(()))
    }

    fn create<'a>(
        &'a self,
        ep: &'a str,
        object: u16,
        new: NewInstance,
        _: Options,
    ) -> Call<'a, Option<Path>> {
        self.act(format!("create {ep} {object} {new:?}"), |_| {
            Ok(new.id.is_none().then(|| Path::instance(object, 7).unwrap()))
        })
    }

    fn delete<'a>(&'a self, ep: &'a str, path: Path, _: Options) -> Call<'a, ()> {
        self.act(format!("delete {ep} {path}"), |_| Ok(()))
    }

    fn discover<'a>(&'a self, ep: &'a str, path: Path, _: Options) -> Call<'a, Vec<Link>> {
        self.act(format!("discover {ep} {path}"), |_| {
            Ok(vec![
                Link {
                    target: "/3303/0".to_owned(),
                    attributes: vec![("pmin".to_owned(), Some("5".to_owned()))],
                },
                Link {
                    target: "/3303/0/5700".to_owned(),
                    attributes: vec![("obs".to_owned(), None)],
                },
            ])
        })
    }

    fn observe<'a>(&'a self, ep: &'a str, path: Path, _: Options) -> Call<'a, Observation> {
        self.act(format!("observe {ep} {path}"), |state| {
            let node = state.node(ep, path)?;
            state.observed.push((ep.to_owned(), path));
            Ok(Observation {
                path,
                state: "active",
                reason: None,
                node: Some(node),
                updated_at: Some((self.now)()),
            })
        })
    }

    fn cancel<'a>(&'a self, ep: &'a str, path: Path) -> Call<'a, ()> {
        self.act(format!("cancel {ep} {path}"), |state| {
            let wanted = (ep.to_owned(), path);
            let at = state
                .observed
                .iter()
                .position(|one| *one == wanted)
                .ok_or(Failure::UnknownObservation)?;
            state.observed.remove(at);
            Ok(())
        })
    }

    fn observations(&self, ep: &str) -> Vec<Observation> {
        let state = self.state.lock().unwrap();
        let mine = state.observed.iter().filter(|(owner, _)| owner == ep);
        mine.map(|(_, path)| Observation {
            path: *path,
            state: "active",
            reason: None,
            node: state.node(ep, *path).ok(),
            updated_at: Some((self.now)()),
        })
        .collect()
    }

    fn credentials<'a>(&'a self, ep: &'a str) -> Stored<'a, Option<Credentials>> {
        Box::pin(async move {
            match self.load(&DeviceRecord::key(ep)).await? {
                Some(record) => Ok(Some(self.known(&record, ep).await?)),
                None => Ok(None),
            }
        })
    }

    fn all_credentials<'a>(
        &'a self,
        text: Option<&'a str>,
        after: Option<&'a str>,
        limit: usize,
    ) -> Stored<'a, CredentialsPage> {
        Box::pin(async move {
            let records = self
                .store
                .scan(DEVICE_KIND, b"", None, usize::MAX)
                .await
                .unwrap();
            let mut page = CredentialsPage::default();
            for record in records {
                let ep = core::str::from_utf8(&record.key.key).unwrap();
                if text.is_some_and(|text| !ep.contains(text))
                    || after.is_some_and(|after| ep <= after)
                {
                    continue;
                }
                if page.items.len() == limit {
                    page.next = page.items.last().map(|last| last.ep.clone());
                    break;
                }
                page.items.push(self.known(&record.value, ep).await?);
            }
            Ok(page)
        })
    }

    fn set_credentials<'a>(&'a self, ep: &'a str, security: Security) -> Stored<'a, Credentials> {
        Box::pin(async move {
            if self.state.lock().unwrap().down {
                return Err(CredentialFailure::Down);
            }
            self.change(ep, Some(core::slice::from_ref(&security)))
                .await?;
            Ok(self.credentials(ep).await?.unwrap())
        })
    }

    fn remove_credentials<'a>(&'a self, ep: &'a str) -> Stored<'a, bool> {
        Box::pin(async move {
            if self.credentials(ep).await?.is_none() {
                return Ok(false);
            }
            self.change(ep, None).await?;
            Ok(true)
        })
    }

    fn events(&self, since: Option<u64>) -> Box<dyn Events> {
        let newest = self.newest.subscribe();
        let seen = since.unwrap_or(*newest.borrow());
        Box::new(FakeEvents {
            state: Arc::clone(&self.state),
            newest,
            seen,
        })
    }

    fn models(&self) -> Arc<Models> {
        Arc::clone(&self.models)
    }

    fn info(&self) -> Info {
        let state = self.state.lock().unwrap();
        let count = |name, help, kind, value| Counter {
            name,
            help,
            kind,
            value,
        };
        Info {
            endpoints: ["coap://127.0.0.1:5683", "coap://[::1]:5683"]
                .into_iter()
                .chain(self.secured.then_some("coaps://0.0.0.0:5684"))
                .map(str::to_owned)
                .collect(),
            security: security(self.secured),
            version: "0.1.0".to_owned(),
            started_at: noon(),
            ready: !state.stopping,
            counters: vec![
                count(
                    "registrations",
                    "Devices registered.",
                    CounterKind::Gauge,
                    state.devices.len() as u64,
                ),
                count(
                    "datagrams_received",
                    "Datagrams received.",
                    CounterKind::Counter,
                    4711,
                ),
            ],
        }
    }
}

fn security(secured: bool) -> SecurityInfo {
    let mode = |mode, off: Option<&str>| OfferedMode {
        mode,
        off: off.map(str::to_owned),
    };
    let off = (!secured).then_some("no address speaks DTLS");
    let own = secured.then(identity);
    SecurityInfo {
        modes: vec![
            mode("nosec", None),
            mode("psk", off),
            mode("rpk", off),
            mode("x509", off.or(Some("no authority is trusted: --trust DIR"))),
        ],
        nosec: "open",
        connection_id: secured.then_some(8),
        public_key: own.as_ref().map(|(key, _)| key.clone()),
        certificates: own
            .into_iter()
            .map(|(_, certificate)| certificate)
            .collect(),
        trusted: 0,
    }
}

struct FakeEvents {
    state: Arc<Mutex<State>>,
    newest: watch::Receiver<u64>,
    seen: u64,
}

impl FakeEvents {
    fn take(&mut self) -> Option<Option<Item>> {
        let state = self.state.lock().unwrap();
        if state.stopping {
            return Some(None);
        }
        let oldest = state.ring.first()?.id;
        if self.seen + 1 < oldest {
            let from = self.seen + 1;
            self.seen = oldest - 1;
            return Some(Some(Item::Lagged {
                from,
                to: self.seen,
            }));
        }
        let event = state.ring.iter().find(|event| event.id > self.seen)?;
        self.seen = event.id;
        Some(Some(Item::Event(Arc::clone(event))))
    }
}

impl Events for FakeEvents {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Item>> + Send + '_>> {
        Box::pin(async move {
            loop {
                if let Some(item) = self.take() {
                    return item;
                }
                self.newest.changed().await.ok()?;
            }
        })
    }
}

/// How many events are kept.
const RING: usize = 8;
/// When all security records were set: 2026-11-28T10:00:00Z.
const SET: u64 = 1_795_860_000;
