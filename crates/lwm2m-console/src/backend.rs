//! What the console needs of a server, so that its routes are tested without sockets and devices.

mod handle;

pub(crate) use handle::Live;

use core::{future::Future, pin::Pin};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use lwm2m_identity::{
    Credential, PlanError, Security,
    material::{Certificate, PublicKey},
};
use lwm2m_model::{
    Lwm2mVersion, Models, Node, Path, Version, default_version, payload::NewInstance,
};
use lwm2m_ops::Arguments;
use serde_json::Value as Json;

/// A call to a device under way.
pub(crate) type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// A look at the security records, or a change of them, under way.
pub(crate) type Stored<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, CredentialFailure>> + Send + 'a>>;

/// A server with devices.
pub(crate) trait Backend: Send + Sync + 'static {
    /// Registered devices whose name contains `text`, by name, after the cursor `after`.
    fn devices(&self, text: Option<&str>, after: Option<&str>, limit: usize) -> Page;
    fn device(&self, ep: &str) -> Option<Device>;
    /// Removes a registration; `false` when there is none.
    fn remove(&self, ep: &str) -> bool;

    fn read<'a>(&'a self, ep: &'a str, path: Path, options: Options) -> Call<'a, Answer>;
    fn write<'a>(
        &'a self,
        ep: &'a str,
        path: Path,
        mode: Mode,
        node: Node,
        options: Options,
    ) -> Call<'a, ()>;
    fn execute<'a>(
        &'a self,
        ep: &'a str,
        path: Path,
        arguments: Arguments,
        options: Options,
    ) -> Call<'a, ()>;
    fn create<'a>(
        &'a self,
        ep: &'a str,
        object: u16,
        new: NewInstance,
        options: Options,
    ) -> Call<'a, Option<Path>>;
    fn delete<'a>(&'a self, ep: &'a str, path: Path, options: Options) -> Call<'a, ()>;
    fn discover<'a>(&'a self, ep: &'a str, path: Path, options: Options) -> Call<'a, Vec<Link>>;
    fn observe<'a>(&'a self, ep: &'a str, path: Path, options: Options) -> Call<'a, Observation>;
    fn cancel<'a>(&'a self, ep: &'a str, path: Path) -> Call<'a, ()>;
    fn observations(&self, ep: &str) -> Vec<Observation>;

    /// What an endpoint may prove; `None` when nothing is recorded about it.
    fn credentials<'a>(&'a self, ep: &'a str) -> Stored<'a, Option<Credentials>>;
    /// The same of the endpoints whose name contains `text`, by name, after the cursor `after`.
    fn all_credentials<'a>(
        &'a self,
        text: Option<&'a str>,
        after: Option<&'a str>,
        limit: usize,
    ) -> Stored<'a, CredentialsPage>;
    /// Makes this all that an endpoint may prove, and ends what it came in with before.
    fn set_credentials<'a>(&'a self, ep: &'a str, security: Security) -> Stored<'a, Credentials>;
    /// Forgets what an endpoint may prove; `false` when nothing is recorded about it.
    fn remove_credentials<'a>(&'a self, ep: &'a str) -> Stored<'a, bool>;

    /// Events with an id above `since` that are still kept, then those to come.
    fn events(&self, since: Option<u64>) -> Box<dyn Events>;
    fn models(&self) -> Arc<Models>;
    fn info(&self) -> Info;
}

/// How a call to a device is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) timeout: Duration,
    pub(crate) format: Option<coap_codec::ContentFormat>,
}

/// A part of the list of devices, and the cursor behind it when there are more.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) items: Vec<Device>,
    pub(crate) next: Option<String>,
}

/// A registered device.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) ep: String,
    pub(crate) id: String,
    pub(crate) address: String,
    /// The word for the mode: `nosec`, `psk`, `rpk` or `x509`.
    pub(crate) security: &'static str,
    /// The security session that it was heard in last, while there is one.
    pub(crate) session: Option<Session>,
    /// `None` when the registration never ends.
    pub(crate) lifetime: Option<Duration>,
    pub(crate) version: Lwm2mVersion,
    pub(crate) binding: String,
    pub(crate) queue_mode: bool,
    pub(crate) sms: Option<String>,
    pub(crate) root: String,
    pub(crate) formats: Vec<String>,
    pub(crate) objects: Vec<DeviceObject>,
    pub(crate) extra: Vec<(String, Option<String>)>,
    pub(crate) quirks: Vec<String>,
    pub(crate) registered_at: SystemTime,
    pub(crate) updated_at: SystemTime,
    pub(crate) expires_at: Option<SystemTime>,
}

impl Device {
    /// The version of `object` on this device: what it said, or the default where it said nothing.
    pub(crate) fn object_version(&self, object: u16) -> Version {
        let said = self
            .objects
            .iter()
            .find(|one| one.id == object)
            .and_then(|one| one.version);
        said.unwrap_or_else(|| default_version(self.version, object))
    }
}

/// How the traffic of a device is protected.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Such as `TLS_PSK_WITH_AES_128_CCM_8`.
    pub(crate) suite: String,
    /// Whether the device may change its address.
    pub(crate) connection_id: bool,
}

/// What an endpoint may prove. No secret is in it.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) ep: String,
    /// Whether it may come without security; counts only if there is no credential.
    pub(crate) nosec: bool,
    /// Any one of these is enough.
    pub(crate) credentials: Vec<CredentialFacts>,
    /// When all that was set, Unix seconds.
    pub(crate) set: Option<u64>,
}

/// What may be told of one credential.
#[derive(Clone, Debug)]
pub(crate) struct CredentialFacts {
    pub(crate) credential: Credential,
    /// Bytes of the pre-shared key.
    pub(crate) key_length: Option<usize>,
    /// What the operator should be told although it works.
    pub(crate) warnings: Vec<String>,
}

/// A part of the list of security records, and the cursor behind it when there are more.
#[derive(Debug, Default)]
pub(crate) struct CredentialsPage {
    pub(crate) items: Vec<Credentials>,
    pub(crate) next: Option<String>,
}

/// Why security records were not told or not changed.
#[derive(Clone, Debug)]
pub(crate) enum CredentialFailure {
    /// They cannot be so.
    Refused(PlanError),
    /// The store cannot be read; nothing was changed.
    Down,
    /// Others change the same records.
    Busy,
    /// Nobody knows whether the change was kept.
    Unknown,
}

/// An object that a device announced.
#[derive(Clone, Debug)]
pub(crate) struct DeviceObject {
    pub(crate) id: u16,
    pub(crate) version: Option<Version>,
    pub(crate) instances: Vec<u16>,
}

/// What a device answered to a read.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) node: Node,
    /// `None` for an answer without payload.
    pub(crate) format: Option<String>,
    pub(crate) quirks: Vec<String>,
    /// When the device took the values, if it says so.
    pub(crate) taken_at: Option<SystemTime>,
}

/// A link of a Discover answer.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) target: String,
    pub(crate) attributes: Vec<(String, Option<String>)>,
}

/// An observation of a device.
#[derive(Clone, Debug)]
pub(crate) struct Observation {
    pub(crate) path: Path,
    pub(crate) state: &'static str,
    /// Why it waits, if it does.
    pub(crate) reason: Option<String>,
    /// The last value, once there is one.
    pub(crate) node: Option<Node>,
    pub(crate) updated_at: Option<SystemTime>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) time: SystemTime,
    pub(crate) ep: Option<String>,
    /// What it goes back to, as in the log.
    pub(crate) cid: Option<String>,
    /// Such as `registration.created`.
    pub(crate) name: &'static str,
    pub(crate) data: Data,
}

/// What an event tells beside its name.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Device(Box<Device>),
    /// A changed registration, and what changed in it.
    Updated(Box<Device>, Json),
    /// A value of an observation.
    Value {
        path: Path,
        object_version: Option<Version>,
        node: Node,
        taken_at: Option<SystemTime>,
    },
    /// Anything else, as it stands.
    Other(Json),
}

/// The next thing in a stream of events.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Event(Arc<Event>),
    /// The reader was too slow, or came too late: events `from` to `to` are gone.
    Lagged {
        from: u64,
        to: u64,
    },
}

/// A stream of events.
pub(crate) trait Events: Send {
    /// The next item; `None` when the server has stopped. Dropping the future loses nothing.
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Item>> + Send + '_>>;
}

/// What a server tells about itself.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    /// Such as `coap://127.0.0.1:5683`.
    pub(crate) endpoints: Vec<String>,
    pub(crate) version: String,
    pub(crate) started_at: SystemTime,
    /// False once the server stops.
    pub(crate) ready: bool,
    pub(crate) counters: Vec<Counter>,
    pub(crate) security: SecurityInfo,
}

/// How devices may come in, and what this server proves to them.
#[derive(Clone, Debug, Default)]
pub(crate) struct SecurityInfo {
    pub(crate) modes: Vec<OfferedMode>,
    /// Who may come in without security: `open`, `known` or `off`.
    pub(crate) nosec: &'static str,
    /// Bytes of the connection ids that devices are asked to use; `None` when there are none.
    pub(crate) connection_id: Option<usize>,
    /// The server's public key, where it has one.
    pub(crate) public_key: Option<PublicKey>,
    /// The server's certificate, then those above it.
    pub(crate) certificates: Vec<Certificate>,
    /// How many authorities are trusted.
    pub(crate) trusted: usize,
}

/// A security mode.
#[derive(Clone, Debug)]
pub(crate) struct OfferedMode {
    /// `nosec`, `psk`, `rpk` or `x509`.
    pub(crate) mode: &'static str,
    /// Why it is off, if it is.
    pub(crate) off: Option<String>,
}

/// A number that a server counts.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    /// As in metrics, without prefix and `_total`: `registrations`, `datagrams_received`.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: CounterKind,
    pub(crate) value: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CounterKind {
    /// Goes up and down.
    Gauge,
    /// Only goes up.
    Counter,
}

/// How a write treats what it does not name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Replace,
    Partial,
}

/// Why a call to a device gave no result.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    UnknownEndpoint,
    /// LwM2M does not allow it; nothing was sent.
    Illegal(String),
    /// The device refused.
    Device {
        code: coap_codec::Code,
        diagnostic: String,
    },
    /// The device answered with a code that the operation does not have.
    UnexpectedCode(coap_codec::Code),
    Timeout,
    Unreachable(String),
    /// The answer cannot be decoded.
    Payload(String),
    /// The value cannot be encoded for this device.
    Unencodable(String),
    UnknownObservation,
    Overloaded,
    ShuttingDown,
}
