//! A running [`Handle`] as the console's server.

use core::{future::Future, pin::Pin};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use lwm2m_identity::{
    ApplyError, Identity, NoSecPolicy, Security,
    material::{Certificate, PublicKey},
};
use lwm2m_model::{Models, Node, Path, payload::NewInstance};
use lwm2m_ops::{Arguments, WriteMode};
use lwm2m_server::{
    CallError, CallOptions, DeviceFilter, EventKind, EventStream, Handle, ObservationInfo,
    ObservationState, ReadAnswer, SecurityEntry, ServerEvent, StreamItem,
};
use lwm2m_store::Down;
use registry_core::{Diff, Registration};
use serde_json::{Value as Json, json};

use super::{
    Answer, Backend, Call, Counter, CounterKind, CredentialFacts, CredentialFailure, Credentials,
    CredentialsPage, Data, Device, DeviceObject, Event, Events, Failure, Info, Item, Link, Mode,
    Observation, OfferedMode, Options, Page, SecurityInfo, Session, Stored,
};
use crate::format;

/// The server behind [`router`](crate::router).
#[derive(Debug)]
pub(crate) struct Live {
    handle: Handle,
    /// Read whenever somebody asks whether the server is ready: it says when the server stops.
    readiness: Mutex<Readiness>,
}

#[derive(Debug)]
struct Readiness {
    events: EventStream,
    stopping: bool,
}

impl Live {
    pub(crate) fn new(handle: Handle) -> Self {
        let events = handle.events(None);
        Self {
            handle,
            readiness: Mutex::new(Readiness {
                events,
                stopping: false,
            }),
        }
    }

    fn with_session(&self, registration: &Registration) -> Device {
        let mut device = device(registration);
        let session = self.handle.session(registration.endpoint());
        device.session = session.map(|session| Session {
            suite: session.suite.to_string(),
            connection_id: session.connection_id,
        });
        device
    }

    fn ready(&self) -> bool {
        let mut readiness = self
            .readiness
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while let Some(item) = readiness.events.take() {
            if let StreamItem::Event(event) = item {
                readiness.stopping |= matches!(event.kind, EventKind::ShuttingDown);
            }
        }
        !readiness.stopping
    }
}

impl Backend for Live {
    fn devices(&self, text: Option<&str>, after: Option<&str>, limit: usize) -> Page {
        let mut filter = DeviceFilter::default();
        filter.text = text.map(str::to_owned);
        filter.after = after.map(str::to_owned);
        filter.limit = limit;
        let page = self.handle.devices(&filter);
        Page {
            items: page
                .items
                .iter()
                .map(|one| self.with_session(one))
                .collect(),
            next: page.next,
        }
    }

    fn device(&self, ep: &str) -> Option<Device> {
        self.handle.device(ep).map(|one| self.with_session(&one))
    }

    fn remove(&self, ep: &str) -> bool {
        self.handle.remove(ep)
    }

    fn read<'a>(&'a self, ep: &'a str, path: Path, options: Options) -> Call<'a, Answer> {
        Box::pin(async move {
            let answer = self.handle.read(ep, path, options.into()).await?;
            Ok(self::answer(answer))
        })
    }

    fn write<'a>(
        &'a self,
        ep: &'a str,
        path: Path,
        mode: Mode,
        node: Node,
        options: Options,
    ) -> Call<'a, ()> {
        let mode = match mode {
            Mode::Replace => WriteMode::Replace,
            Mode::Partial => WriteMode::Partial,
        };
        Box::pin(async move {
            let call = self.handle.write(ep, path, mode, &node, options.into());
            Ok(call.await?)
        })
    }

    fn execute<'a>(
        &'a self,
        ep: &'a str,
        path: Path,
        arguments: Arguments,
        options: Options,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let call = self.handle.execute(ep, path, arguments, options.into());
            Ok(call.await?)
        })
    }

    fn create<'a>(
        &'a self,
        ep: &'a str,
        object: u16,
        new: NewInstance,
        options: Options,
    ) -> Call<'a, Option<Path>> {
        Box::pin(async move {
            let call = self.handle.create(ep, object, &[new], options.into()).await;
            Ok(call?)
        })
    }

    fn delete<'a>(&'a self, ep: &'a str, path: Path, options: Options) -> Call<'a, ()> {
        Box::pin(async move { Ok(self.handle.delete(ep, path, options.into()).await?) })
    }

    fn discover<'a>(&'a self, ep: &'a str, path: Path, options: Options) -> Call<'a, Vec<Link>> {
        Box::pin(async move {
            let links = self.handle.discover(ep, path, options.into()).await?;
            let links = links.into_iter().map(|link| Link {
                target: link.target,
                attributes: link.attributes,
            });
            Ok(links.collect())
        })
    }

    fn observe<'a>(&'a self, ep: &'a str, path: Path, options: Options) -> Call<'a, Observation> {
        Box::pin(async move {
            let answer = self.handle.observe(ep, path, options.into()).await?;
            let known = self.handle.observations(ep);
            let known = known.into_iter().find(|item| item.path == path);
            Ok(known.map_or_else(
                || Observation {
                    path,
                    state: ObservationState::Active.as_str(),
                    reason: None,
                    node: Some(answer.node),
                    updated_at: None,
                },
                observation,
            ))
        })
    }

    fn cancel<'a>(&'a self, ep: &'a str, path: Path) -> Call<'a, ()> {
        Box::pin(async move { Ok(self.handle.cancel_observation(ep, path).await?) })
    }

    fn observations(&self, ep: &str) -> Vec<Observation> {
        let items = self.handle.observations(ep).into_iter();
        items.map(observation).collect()
    }

    fn credentials<'a>(&'a self, ep: &'a str) -> Stored<'a, Option<Credentials>> {
        Box::pin(async move {
            let known = self.handle.security(ep).await?;
            Ok(known.map(credentials))
        })
    }

    fn all_credentials<'a>(
        &'a self,
        text: Option<&'a str>,
        after: Option<&'a str>,
        limit: usize,
    ) -> Stored<'a, CredentialsPage> {
        let text = text.map(str::to_lowercase);
        Box::pin(async move {
            let (mut page, mut after) = (CredentialsPage::default(), after.map(str::to_owned));
            // The store knows no search: it is read on until the page is full.
            loop {
                let part = self.handle.list_security(after.as_deref(), SCANNED).await?;
                let last = part.len() < SCANNED;
                for entry in part {
                    let name = entry.endpoint.clone();
                    let fits = |text: &String| name.to_lowercase().contains(text.as_str());
                    if text.as_ref().is_none_or(fits) {
                        if page.items.len() == limit {
                            page.next = page.items.last().map(|last| last.ep.clone());
                            return Ok(page);
                        }
                        page.items.push(credentials(entry));
                    }
                    after = Some(name);
                }
                if last {
                    return Ok(page);
                }
            }
        })
    }

    fn set_credentials<'a>(&'a self, ep: &'a str, security: Security) -> Stored<'a, Credentials> {
        Box::pin(async move {
            self.handle.set_security(ep, &[security]).await?;
            let known = self.handle.security(ep).await?;
            // Somebody may have removed them just now.
            known.map(credentials).ok_or(CredentialFailure::Busy)
        })
    }

    fn remove_credentials<'a>(&'a self, ep: &'a str) -> Stored<'a, bool> {
        Box::pin(async move {
            if self.handle.security(ep).await?.is_none() {
                return Ok(false);
            }
            self.handle.remove_security(ep).await?;
            Ok(true)
        })
    }

    fn events(&self, since: Option<u64>) -> Box<dyn Events> {
        Box::new(LiveEvents {
            handle: self.handle.clone(),
            stream: self.handle.events(since),
            // Who asks for everything that is kept has not missed what is not.
            from_start: since == Some(0),
            over: false,
        })
    }

    fn models(&self) -> Arc<Models> {
        self.handle.models()
    }

    fn info(&self) -> Info {
        let info = self.handle.info();
        let gauge = |name, help, value: usize| Counter {
            name,
            help,
            kind: CounterKind::Gauge,
            value: u64::try_from(value).unwrap_or(u64::MAX),
        };
        let count = |name, help, value| Counter {
            name,
            help,
            kind: CounterKind::Counter,
            value,
        };
        let (coap, dtls) = (info.coap, info.dtls);
        Info {
            endpoints: info.endpoints,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: info.started_at,
            ready: self.ready(),
            security: security(&info.security),
            counters: vec![
                gauge("registrations", "Devices registered.", info.registrations),
                gauge("observations", "Observations wanted.", info.observations),
                count(
                    "registrations_refused",
                    "Requests on the registration interface refused.",
                    info.refusals,
                ),
                gauge("shards", "Tasks that serve devices.", info.shards),
                gauge("partitions", "Parts of the registry.", info.partitions),
                count("coap_received", "Datagrams received.", coap.received),
                count("coap_sent", "Datagrams sent.", coap.sent),
                count(
                    "coap_received_bytes",
                    "Bytes received.",
                    coap.received_bytes,
                ),
                count("coap_sent_bytes", "Bytes sent.", coap.sent_bytes),
                count(
                    "coap_ignored",
                    "Datagrams ignored: malformed, unmatched or of a closed peer.",
                    coap.ignored,
                ),
                count(
                    "coap_rejected",
                    "Datagrams rejected with a Reset message.",
                    coap.rejected,
                ),
                count(
                    "coap_duplicates",
                    "Messages that had come before.",
                    coap.duplicates,
                ),
                count(
                    "coap_retransmissions",
                    "Confirmable messages sent again.",
                    coap.retransmissions,
                ),
                count(
                    "coap_timeouts",
                    "Confirmable messages given up.",
                    coap.timeouts,
                ),
                count(
                    "coap_overloads",
                    "Requests refused because too many were unanswered.",
                    coap.overloads,
                ),
                count(
                    "coap_challenges",
                    "Answers replaced by 4.01 with Echo.",
                    coap.challenges,
                ),
                count(
                    "coap_dropped",
                    "Messages lost because a queue was full or they did not fit.",
                    coap.dropped,
                ),
                count(
                    "dtls_cookies_sent",
                    "Hellos of unproven addresses answered with a cookie.",
                    dtls.cookies_sent,
                ),
                count(
                    "dtls_cookies_good",
                    "Hellos that came back with a good cookie.",
                    dtls.cookies_good,
                ),
                count(
                    "dtls_handshakes",
                    "Handshakes that succeeded, resumed ones among them.",
                    dtls.connected,
                ),
                count(
                    "dtls_handshakes_resumed",
                    "Handshakes that went on with an earlier session.",
                    dtls.resumed,
                ),
                count(
                    "dtls_handshakes_failed",
                    "Handshakes that failed, told as events or not.",
                    dtls.failed,
                ),
                count(
                    "dtls_handshakes_evicted",
                    "Handshakes that gave way to others.",
                    dtls.evicted,
                ),
                count("dtls_records_opened", "Records opened.", dtls.opened),
                count("dtls_records_sealed", "Records sealed.", dtls.sealed),
                count(
                    "dtls_records_bad",
                    "Records that did not open: forged or damaged.",
                    dtls.bad_records,
                ),
                count(
                    "dtls_records_replayed",
                    "Records that had come before, or were too old.",
                    dtls.replayed,
                ),
                count(
                    "dtls_dropped",
                    "Datagrams or their rests that are no records, or records for nobody.",
                    dtls.dropped,
                ),
                count(
                    "dtls_moved",
                    "Addresses of sessions that moved.",
                    dtls.moved,
                ),
            ],
        }
    }
}

impl From<Options> for CallOptions {
    fn from(options: Options) -> Self {
        Self::default()
            .with_timeout(options.timeout)
            .with_format(options.format)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::UnknownEndpoint => Self::UnknownEndpoint,
            CallError::Illegal(illegal) => Self::Illegal(illegal.to_string()),
            CallError::FormatUnsuitable => Self::Illegal(error.to_string()),
            CallError::Encode(error) => Self::Unencodable(error.to_string()),
            CallError::Device {
                code, diagnostic, ..
            } => Self::Device {
                code,
                diagnostic: diagnostic.unwrap_or_default(),
            },
            CallError::UnexpectedCode(code) => Self::UnexpectedCode(code),
            CallError::Payload(error) => Self::Payload(error.to_string()),
            CallError::Timeout => Self::Timeout,
            CallError::NotObserved => Self::UnknownObservation,
            CallError::Overloaded => Self::Overloaded,
            CallError::ShuttingDown => Self::ShuttingDown,
            // Exchange, Cancelled, and whatever may be added: the device was not reached.
            other => Self::Unreachable(other.to_string()),
        }
    }
}

impl From<Down> for CredentialFailure {
    fn from(Down: Down) -> Self {
        Self::Down
    }
}

impl From<ApplyError> for CredentialFailure {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Refused(error) => Self::Refused(error),
            ApplyError::Down => Self::Down,
            ApplyError::Busy => Self::Busy,
            // Unknown, and whatever may be added.
            _ => Self::Unknown,
        }
    }
}

fn credentials(entry: SecurityEntry) -> Credentials {
    let record = entry.record.unwrap_or_default();
    let facts = record.credentials.into_iter().zip(entry.facts);
    Credentials {
        set: record.set,
        ep: entry.endpoint,
        nosec: record.nosec,
        credentials: facts
            .map(|(credential, facts)| CredentialFacts {
                credential,
                key_length: facts.key_length,
                warnings: facts.warnings,
            })
            .collect(),
    }
}

fn security(info: &lwm2m_server::SecurityInfo) -> SecurityInfo {
    let nosec = match info.nosec {
        NoSecPolicy::Open => "open",
        NoSecPolicy::Known => "known",
        NoSecPolicy::Off => "off",
    };
    let modes = info.modes().map(|(mode, off)| OfferedMode {
        mode,
        off: off.map(str::to_owned),
    });
    let key = info.public_key.as_deref();
    SecurityInfo {
        modes: modes.to_vec(),
        nosec,
        connection_id: (info.connection_id > 0 && info.secured).then(|| info.connection_id.into()),
        public_key: key.and_then(|key| PublicKey::from_spki(key).ok()),
        certificates: info
            .chain
            .iter()
            .filter_map(|der| Certificate::from_der(der).ok())
            .collect(),
        trusted: info.anchors,
    }
}

/// An identity as it is shown.
fn shown(identity: &Identity) -> Json {
    match identity {
        Identity::Psk { identity } => match core::str::from_utf8(identity) {
            Ok(text) => text.into(),
            Err(_) => identity.escape_ascii().to_string().into(),
        },
        Identity::RawPublicKey { key } => {
            let key = PublicKey::from_spki(key).ok();
            key.map(|key| format!("SHA-256 {}", key.fingerprint()))
                .into()
        }
        Identity::X509 { names } => names.join(", ").into(),
        _ => Json::Null,
    }
}

struct LiveEvents {
    handle: Handle,
    stream: EventStream,
    from_start: bool,
    over: bool,
}

impl Events for LiveEvents {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Item>> + Send + '_>> {
        Box::pin(async move {
            loop {
                if self.over {
                    return None;
                }
                let item = self.stream.next().await?;
                let first = core::mem::take(&mut self.from_start);
                match item {
                    StreamItem::Lagged { .. } if first => {}
                    StreamItem::Event(event) => {
                        // Readers are let go, so that the server can stop.
                        self.over = matches!(event.kind, EventKind::ShuttingDown);
                        return Some(Item::Event(Arc::new(self::event(&self.handle, &event))));
                    }
                    StreamItem::Lagged { from, to, .. } => return Some(Item::Lagged { from, to }),
                    _ => {}
                }
            }
        })
    }
}

fn event(handle: &Handle, event: &ServerEvent) -> Event {
    let value = |path: &Path, node: Option<&Node>, problem: Option<&str>| match node {
        Some(node) => {
            let device = event.endpoint.as_deref().and_then(|ep| handle.device(ep));
            let object_version = device
                .zip(path.object_id())
                .map(|(device, object)| device.objects().version_of(object, device.version()));
            Data::Value {
                path: *path,
                object_version,
                node: node.clone(),
                taken_at: None,
            }
        }
        None => Data::Other(json!({ "path": path.to_string(), "problem": problem })),
    };
    let data = match &event.kind {
        EventKind::RegistrationCreated { registration, .. } => {
            Data::Device(Box::new(device(registration)))
        }
        EventKind::RegistrationUpdated {
            registration, diff, ..
        } => Data::Updated(Box::new(device(registration)), changes(diff)),
        EventKind::RegistrationRemoved {
            registration,
            reason,
            ..
        } => Data::Other(json!({
            "reason": reason.as_str(),
            "id": registration.id().to_string(),
            "address": registration.address().to_string(),
        })),
        EventKind::RegistrationRefused {
            address,
            code,
            reason,
            detail,
            untold,
            ..
        } => Data::Other(json!({
            "address": address.to_string(),
            "coap_code": code.to_string(),
            "reason": reason,
            "detail": detail,
            "untold": untold,
        })),
        EventKind::SessionOpened {
            identity,
            address,
            suite,
            resumed,
            connection_id,
            ..
        } => Data::Other(json!({
            "identity": shown(identity),
            "mode": identity.mode(),
            "address": address.to_string(),
            "suite": suite.to_string(),
            "resumed": resumed,
            "connection_id": connection_id,
        })),
        EventKind::SessionMoved {
            identity, from, to, ..
        } => Data::Other(json!({
            "identity": shown(identity),
            "mode": identity.mode(),
            "from": from.to_string(),
            "to": to.to_string(),
        })),
        EventKind::SessionClosed {
            identity,
            address,
            reason,
            detail,
            ..
        } => Data::Other(json!({
            "identity": shown(identity),
            "mode": identity.mode(),
            "address": address.to_string(),
            "reason": reason,
            "detail": detail,
        })),
        EventKind::HandshakeFailed {
            address,
            reason,
            detail,
            hint,
            untold,
            ..
        } => Data::Other(json!({
            "address": address.to_string(),
            "reason": reason,
            "detail": detail,
            "hint": hint,
            "untold": untold,
        })),
        EventKind::CredentialSet { mode, .. } => Data::Other(json!({ "mode": mode })),
        EventKind::SecurityReloaded { changed, .. } => Data::Other(json!({ "changed": changed })),
        EventKind::IdentityChanged {
            raw_public_key,
            x509,
            ..
        } => Data::Other(json!({ "rpk": raw_public_key, "x509": x509 })),
        EventKind::TrustChanged { trusted, ended, .. } => {
            Data::Other(json!({ "trusted": trusted, "ended": ended }))
        }
        EventKind::SecurityRefused { detail, .. } => Data::Other(json!({ "detail": detail })),
        EventKind::ObservationStarted { path, node, .. } => value(path, node.as_ref(), None),
        EventKind::ObservationNotified {
            path,
            node,
            problem,
            ..
        } => value(path, node.as_ref(), problem.as_deref()),
        EventKind::ObservationEnded { path, reason, .. } => {
            Data::Other(json!({ "path": path.to_string(), "reason": reason }))
        }
        EventKind::OperationDone {
            operation,
            path,
            code,
            took,
            ..
        } => Data::Other(json!({
            "operation": operation,
            "path": path.to_string(),
            "coap_code": code.to_string(),
            "duration_s": took.as_secs_f64(),
        })),
        EventKind::OperationFailed {
            operation,
            path,
            code,
            reason,
            detail,
            took,
            ..
        } => Data::Other(json!({
            "operation": operation,
            "path": path.to_string(),
            "coap_code": code.map(|code| code.to_string()),
            "reason": reason,
            "detail": detail,
            "duration_s": took.as_secs_f64(),
        })),
        _ => Data::Other(json!({})),
    };
    Event {
        id: event.id,
        time: event.time,
        ep: event.endpoint.clone(),
        cid: event.cid.map(|cid| cid.to_string()),
        name: event.kind.name(),
        data,
    }
}

/// What an Update changed: names of members, and paths that came and went.
fn changes(diff: &Diff) -> Json {
    let members = [
        ("address", diff.address),
        ("lifetime_s", diff.lifetime),
        ("binding", diff.binding),
        ("queue_mode", diff.queue_mode),
        ("sms", diff.sms),
        ("attributes", diff.extra),
        ("objects", diff.objects),
    ];
    let changed: Vec<_> = members
        .iter()
        .filter(|(_, changed)| *changed)
        .map(|(name, _)| *name)
        .collect();
    let paths = |paths: &[Path]| paths.iter().map(Path::to_string).collect::<Vec<_>>();
    json!({
        "members": changed,
        "added": paths(&diff.added),
        "removed": paths(&diff.removed),
    })
}

fn device(registration: &Registration) -> Device {
    let list = registration.objects();
    let objects = list.objects.iter().map(|object| DeviceObject {
        id: object.id,
        version: object.version,
        instances: object.instances.clone(),
    });
    let formats = list.supported_formats(registration.version());
    Device {
        ep: registration.endpoint().to_owned(),
        id: registration.id().to_string(),
        address: registration.address().to_string(),
        security: registration.identity().mode(),
        session: None,
        lifetime: registration.lifetime().duration(),
        version: registration.version(),
        binding: registration.binding().to_string(),
        queue_mode: registration.queue_mode(),
        sms: registration.sms().map(str::to_owned),
        objects: objects.collect(),
        formats: formats.map(format::name).collect(),
        quirks: list.quirks.iter().map(ToString::to_string).collect(),
        root: list.root,
        extra: registration.extra(),
        registered_at: moment(registration.registered_at()),
        updated_at: moment(registration.updated_at()),
        expires_at: registration.expires_at().map(moment),
    }
}

fn moment(milliseconds: u64) -> SystemTime {
    let since = Duration::from_millis(milliseconds);
    SystemTime::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

fn answer(answer: ReadAnswer) -> Answer {
    let taken = answer
        .time
        .and_then(|time| Duration::try_from_secs_f64(time).ok());
    Answer {
        node: answer.node,
        format: answer.format.map(format::name),
        quirks: answer.quirks.iter().map(ToString::to_string).collect(),
        taken_at: taken.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)),
    }
}

fn observation(info: ObservationInfo) -> Observation {
    let state = info.state.as_str();
    let reason = match info.state {
        ObservationState::Waiting(reason) => Some(reason),
        _ => None,
    };
    Observation {
        path: info.path,
        state,
        reason,
        node: info.node,
        updated_at: info.updated_at,
    }
}

/// Security records read at once.
const SCANNED: usize = 256;
