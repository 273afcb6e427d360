mod told;

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use coap_codec::{Code, ContentFormat};
use dtls_core::{Failure, FailureReason};
use dtls_ecdsa::{Anchors, CredentialError, Credentials};
use lwm2m_identity::{ApplyError, Closure, Identity, Warning};
use lwm2m_model::payload::{self, Shape};
use lwm2m_model::{Context, Lwm2mVersion, Models, Path};
use lwm2m_ops::{Downlink, ObjectList, Observe, Reply};
use registry_core::{Op, Registration, partition_of};
use sansio::{Instant, Ticket};
use server_stack::{CallId, Destination, Target};
use tokio::sync::{mpsc, oneshot};
use tracing::field;

use crate::EventKind;
use crate::call::{CallError, ReadAnswer};
use crate::cid::Cid;
use crate::clock::Clock;
use crate::counters::{Counters, DtlsCounters};
use crate::handle::{DeviceFilter, DevicePage, SecurityInfo, ServerInfo, done};
use crate::hub::Hub;
use crate::observations::Observations;
use crate::operation::Underway;
use crate::partition::Partition;
use crate::refusals::Refusals;
use crate::revocation::{Revocation, Revocations};
use crate::security::{Keeper, Wish, reason_name};
use crate::sessions::Sessions;
use crate::shard::{CallCommand, Command, FirstReply};

/// What all parts of a server share.
pub(crate) struct Shared {
    pub(crate) hub: Arc<Hub>,
    pub(crate) models: Arc<Models>,
    pub(crate) observations: Observations,
    pub(crate) shards: Vec<ShardLink>,
    pub(crate) partitions: OnceLock<Vec<Arc<Partition>>>,
    pub(crate) clock: Clock,
    pub(crate) addresses: Vec<SocketAddr>,
    /// How many of the addresses are without security: the first ones.
    pub(crate) secured: usize,
    pub(crate) keeper: Keeper,
    /// How devices may come in.
    pub(crate) security: Mutex<SecurityInfo>,
    pub(crate) sessions: Sessions,
    pub(crate) started_at: SystemTime,
    pub(crate) refusals: Refusals,
    /// Of handshakes.
    pub(crate) failures: Refusals,
    pub(crate) call_queue: u64,
    pub(crate) stopping: AtomicBool,
    pub(crate) next_call: AtomicU64,
    pub(crate) this: Weak<Self>,
}

/// The way to a shard.
pub(crate) struct ShardLink {
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    /// Calls that somebody waits for.
    pub(crate) waiting: AtomicU64,
    /// Datagrams of other shards that it has not taken.
    pub(crate) forwarded: AtomicU64,
    pub(crate) counters: Arc<Counters>,
    pub(crate) dtls_counters: Arc<DtlsCounters>,
}

impl Shared {
    pub(crate) fn device(&self, endpoint: &str) -> Option<Registration> {
        self.partition(endpoint)?
            .peek(|registry| registry.by_endpoint(endpoint).cloned())
    }

    pub(crate) fn devices(&self, filter: &DeviceFilter) -> DevicePage {
        let text = filter.text.as_deref().map(str::to_lowercase);
        let fits = |registration: &Registration| {
            text.as_deref()
                .is_none_or(|text| registration.endpoint().to_lowercase().contains(text))
        };
        // Names come in no order: keep the smallest so far, and one more to know whether there are more.
        let mut page: BTreeMap<String, Registration> = BTreeMap::new();
        for partition in self.partitions() {
            partition.peek(|registry| {
                for (_, registration) in registry.iter(None, usize::MAX) {
                    let endpoint = registration.endpoint();
                    let before = filter
                        .after
                        .as_deref()
                        .is_some_and(|after| endpoint <= after);
                    let behind = page.len() > filter.limit
                        && page
                            .last_key_value()
                            .is_some_and(|(last, _)| endpoint > last.as_str());
                    if before || behind || !fits(registration) {
                        continue;
                    }
                    page.insert(endpoint.to_owned(), registration.clone());
                    if page.len() > filter.limit.saturating_add(1) {
                        page.pop_last();
                    }
                }
            });
        }
        let more = page.len() > filter.limit;
        let items: Vec<Registration> = page.into_values().take(filter.limit).collect();
        let next = items
            .last()
            .filter(|_| more)
            .map(|last| last.endpoint().to_owned());
        DevicePage { items, next }
    }

    pub(crate) fn remove(&self, endpoint: &str) -> bool {
        if self.device(endpoint).is_none() {
            return false;
        }
        if let Some(partition) = self.partition(endpoint) {
            let op = Op::Remove {
                endpoint: endpoint.to_owned(),
            };
            partition.run(self.clock.now(), NOBODY, op);
        }
        true
    }

    pub(crate) fn info(&self) -> ServerInfo {
        let mut coap = coap_endpoint::Stats::default();
        let mut dtls = dtls_core::Stats::default();
        for shard in &self.shards {
            shard.counters.add_to(&mut coap);
            shard.dtls_counters.add_to(&mut dtls);
        }
        ServerInfo {
            endpoints: self
                .addresses
                .iter()
                .enumerate()
                .map(|(number, address)| match number < self.secured {
                    true => format!("coap://{address}"),
                    false => format!("coaps://{address}"),
                })
                .collect(),
            addresses: self.addresses.clone(),
            started_at: self.started_at,
            shards: self.shards.len(),
            partitions: self.partitions().len(),
            registrations: self
                .partitions()
                .iter()
                .map(|partition| partition.peek(|registry| registry.len()))
                .sum(),
            observations: self.observations.len(),
            refusals: self.refusals.total(),
            coap,
            dtls,
            security: self.security().clone(),
        }
    }

    /// Sends an operation to a device, waits for the answer and has `take` read it. Dropping the
    /// future withdraws it.
    pub(crate) async fn call<T>(
        &self,
        device: &Registration,
        operation: Downlink,
        timeout: Duration,
        take: impl FnOnce(Reply) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let mut underway = Underway::begin(self, device.endpoint(), &operation);
        let first = self.send(device, underway.call(), operation, timeout).await;
        let reply = first.and_then(|first| first.result.map_err(CallError::from));
        underway.code = answered(&reply);
        underway.end(reply.and_then(take))
    }

    async fn send(
        &self,
        device: &Registration,
        call: CallId,
        operation: Downlink,
        timeout: Duration,
    ) -> Result<FirstReply, CallError> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(CallError::ShuttingDown);
        }
        let endpoint = device.endpoint().to_owned();
        let mut device = device.clone();
        let until = tokio::time::Instant::now() + timeout;
        loop {
            let shard = self
                .shards
                .get(usize::from(device.route()))
                .ok_or(CallError::ShuttingDown)?;
            let mut waiting = Waiting::enter(shard, call, self.call_queue)?;
            let (reply, answered) = oneshot::channel();
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            let command = CallCommand {
                call,
                device: destination(&device),
                root: device.objects().root,
                operation: operation.clone(),
                timeout: left,
                reply,
            };
            shard
                .commands
                .send(Command::Call(Box::new(command)))
                .map_err(|_| CallError::ShuttingDown)?;
            match tokio::time::timeout_at(until, answered).await {
                Ok(Ok(Some(first))) => {
                    waiting.answered = true;
                    return Ok(first);
                }
                Ok(Ok(None)) => waiting.answered = true,
                Ok(Err(_)) => return Err(CallError::ShuttingDown),
                Err(_) => return Err(CallError::Timeout),
            }
            // It waited for a session, and the device came in by another shard.
            device = self.device(&endpoint).ok_or(CallError::Cancelled)?;
        }
    }

    /// Wants an observation and asks the device for it; not withdrawn when the caller goes away.
    pub(crate) async fn observe(
        &self,
        device: &Registration,
        observe: Observe,
        timeout: Duration,
    ) -> Result<ReadAnswer, CallError> {
        let path = observe.path();
        let wanted = self
            .partition(device.endpoint())
            .map(|partition| partition.with(|registry| registry.observe(device.endpoint(), path)));
        if !matches!(wanted, Some(Ok(_))) {
            return Err(CallError::Overloaded);
        }
        let shared = self.this.upgrade().ok_or(CallError::ShuttingDown)?;
        let device = device.clone();
        tokio::spawn(async move {
            let operation = observe.clone().into();
            let mut underway = Underway::begin(&shared, device.endpoint(), &operation);
            let call = underway.call();
            let answer = shared.ask_to_observe(&device, call, observe, timeout).await;
            underway.code = match &answer {
                Ok(_) | Err(CallError::Payload(_)) => Some(Code::CONTENT),
                Err(error) => error.code(),
            };
            underway.end(answer)
        })
        .await
        .map_err(|_| CallError::ShuttingDown)?
    }

    async fn ask_to_observe(
        &self,
        device: &Registration,
        call: CallId,
        observe: Observe,
        timeout: Duration,
    ) -> Result<ReadAnswer, CallError> {
        let (endpoint, path) = (device.endpoint(), observe.path());
        if let Some(former) = self.observations.start(endpoint, path, call) {
            self.tell(device.route(), Command::Cancel(former));
        }
        let outcome = self.send(device, call, observe.into(), timeout).await;
        let (reply, observing) = match outcome {
            Ok(FirstReply { result, observing }) => (result.map_err(CallError::from), observing),
            Err(error) => (Err(error), false),
        };
        let reply = match reply {
            Ok(Reply::Refused(refused)) => {
                // It will not be otherwise next time: the wish is dropped.
                self.forget_observation(endpoint, path);
                let reason = refused.to_string();
                self.publish(endpoint, call, EventKind::ObservationEnded { path, reason });
                return Err(refused.into());
            }
            Ok(reply) => reply,
            Err(error) => {
                self.observations.stopped(call, error.to_string());
                return Err(error);
            }
        };
        let answer = self.decode(device, &path, reply);
        let node = answer.as_ref().ok().map(|answer| answer.node.clone());
        self.observations.value(call, node.clone());
        self.publish(endpoint, call, EventKind::ObservationStarted { path, node });
        if !observing {
            let why = "the device answered without observing";
            self.observations.stopped(call, why.to_owned());
        }
        answer
    }

    pub(crate) async fn cancel_observation(
        &self,
        endpoint: &str,
        path: Path,
    ) -> Result<(), CallError> {
        let running = self.forget_observation(endpoint, path);
        let Some(running) = running else {
            return Err(CallError::NotObserved);
        };
        if let (Some(call), Some(device)) = (running, self.device(endpoint)) {
            self.tell(device.route(), Command::CancelActively(call));
        }
        let reason = "cancelled by the server".to_owned();
        let kind = EventKind::ObservationEnded { path, reason };
        self.hub
            .publish(Some(endpoint), running.map(Cid::from), kind);
        Ok(())
    }

    fn forget_observation(&self, endpoint: &str, path: Path) -> Option<Option<CallId>> {
        if let Some(partition) = self.partition(endpoint) {
            partition.with(|registry| registry.unobserve(endpoint, &path));
        }
        self.observations.remove(endpoint, &path)
    }

    /// Asks a device again for what is wanted of it and not running, one path after the other.
    fn observe_again(&self, device: Registration) {
        let Some(partition) = self.partition(device.endpoint()) else {
            return;
        };
        let wanted = partition.peek(|registry| registry.desired(device.endpoint()).to_vec());
        let Some(shared) = self.this.upgrade() else {
            return;
        };
        if wanted.is_empty() {
            return;
        }
        tokio::spawn(async move {
            for path in wanted {
                if shared.observations.is_running(device.endpoint(), &path) {
                    continue;
                }
                let accept = shared.accept(&device, &path, None).unwrap_or_default();
                if let Ok(observe) = Observe::new(path, accept) {
                    let asked = shared
                        .ask_to_observe(
                            &device,
                            shared.fresh_call(),
                            observe,
                            OBSERVE_AGAIN_TIMEOUT,
                        )
                        .await;
                    // What came of it stands with the observation. Who does not answer is not asked for more
                    // before its next Update: the address may be a victim's, and the registration forged.
                    if matches!(asked, Err(CallError::Timeout | CallError::Cancelled)) {
                        return;
                    }
                }
            }
        });
    }

    pub(crate) fn decode(
        &self,
        device: &Registration,
        path: &Path,
        reply: Reply,
    ) -> Result<ReadAnswer, CallError> {
        match reply {
            Reply::Content {
                format, payload, ..
            } => {
                // Without a Content-Format it can only be what would have been chosen.
                let read_as = match format {
                    Some(format) => format,
                    None => {
                        let shape = self.with_context(device, |cx| Shape::of_path(cx, path));
                        self.format_for(device, &shape, None)?
                    }
                };
                let decoded =
                    self.with_context(device, |cx| payload::decode(cx, read_as, path, &payload))?;
                Ok(ReadAnswer {
                    node: decoded.node,
                    time: decoded.time,
                    older: decoded.older,
                    format,
                    quirks: decoded.quirks,
                })
            }
            reply => {
                done(reply)?;
                // A success that is no content; the closed list of codes has none for these operations.
                Err(CallError::UnexpectedCode(Code::CHANGED))
            }
        }
    }

    /// Runs `work` with the definitions as they apply to a device.
    pub(crate) fn with_context<R>(
        &self,
        device: &Registration,
        work: impl FnOnce(&Context<'_>) -> R,
    ) -> R {
        self.with_objects(device, &device.objects(), work)
    }

    /// The same with the device's object list, which is parsed at each call for it, at hand.
    fn with_objects<R>(
        &self,
        device: &Registration,
        objects: &ObjectList,
        work: impl FnOnce(&Context<'_>) -> R,
    ) -> R {
        let version = device.version();
        let versions = |object| Some(objects.version_of(object, version));
        let context = Context::new(&self.models)
            .with_versions(&versions)
            .with_root(&objects.root);
        work(&context)
    }

    /// The content format for a payload of this shape to or from a device.
    pub(crate) fn format_for(
        &self,
        device: &Registration,
        shape: &Shape,
        wanted: Option<ContentFormat>,
    ) -> Result<ContentFormat, CallError> {
        let announced = device.objects().formats;
        payload::choose(wanted, device.version(), &announced, shape)
            .ok_or(CallError::FormatUnsuitable)
    }

    /// The format to ask a device for. One that announced none chooses itself, unless a single
    /// value is wanted, for which every device has a format.
    pub(crate) fn accept(
        &self,
        device: &Registration,
        path: &Path,
        wanted: Option<ContentFormat>,
    ) -> Result<Option<ContentFormat>, CallError> {
        let objects = device.objects();
        let shape = self.with_objects(device, &objects, |cx| Shape::of_path(cx, path));
        let format = payload::choose(wanted, device.version(), &objects.formats, &shape)
            .ok_or(CallError::FormatUnsuitable)?;
        let guessed = wanted.is_none()
            && format == ContentFormat::TLV
            && device.version() != Lwm2mVersion::V1_0
            && !objects.formats.contains(&format);
        Ok((!guessed).then_some(format))
    }

    pub(crate) fn partitions(&self) -> &[Arc<Partition>] {
        self.partitions.get().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn partition(&self, endpoint: &str) -> Option<&Arc<Partition>> {
        let partitions = self.partitions();
        let count = u16::try_from(partitions.len()).ok()?;
        partitions.get(usize::from(partition_of(endpoint, count)))
    }

    /// Tells of a refusal, unless there are too many.
    fn refused(&self, endpoint: Option<&str>, cid: Option<Cid>, refused: Refused<'_>) {
        let Some(untold) = self.refusals.admit(self.clock.now()) else {
            return;
        };
        let Refused {
            address,
            code,
            reason,
            detail,
        } = refused;
        tracing::warn!(event = "registration.refused", ep = endpoint, cid = cid.map(field::display), %address, %code, reason, untold);
        let kind = EventKind::RegistrationRefused {
            address,
            code,
            reason,
            detail: detail.to_string(),
            untold,
        };
        self.hub.publish(endpoint, cid, kind);
    }

    /// Tells of something that goes back to a call.
    pub(crate) fn publish(&self, endpoint: &str, call: CallId, kind: EventKind) {
        self.hub.publish(Some(endpoint), Some(call.into()), kind);
    }

    /// Ends what is under way with a device at a place where it is no more.
    fn leave(&self, device: &Registration, why: &str) {
        self.observations.reset(device.endpoint(), why);
        self.tell(device.route(), Command::Leave(destination(device)));
    }

    /// A device registered anew.
    fn replaced(&self, former: &Registration, by: &Registration) {
        const WHY: &str = "the device registered anew";
        let identity = by.identity();
        if identity.is_none() || identity != former.identity() || former.route() != by.route() {
            self.leave(former, WHY);
        } else {
            // What waited for it has just been asked in its new session.
            self.observations.reset(by.endpoint(), WHY);
            self.tell(by.route(), Command::Anew(identity));
        }
    }

    /// A device is heard at another address, or by another shard.
    fn moved(&self, from: &Registration, to: &Registration) {
        let identity = to.identity();
        if identity.is_none() || from.route() != to.route() {
            self.leave(from, "the device moved to another address");
        } else {
            // Without a new session it is the same device, and goes on with what it does.
            self.tell(to.route(), Command::CancelFormer(identity));
        }
    }

    pub(crate) fn tell(&self, route: u16, command: Command) {
        if let Some(shard) = self.shards.get(usize::from(route)) {
            // A shard that is gone has no calls any more.
            let _ = shard.commands.send(command);
        }
    }

    /// Changes what endpoints may prove, and ends what stands on what is no longer good, on every shard.
    pub(crate) async fn change_security(
        &self,
        wishes: Vec<Wish>,
    ) -> Result<Vec<Warning>, ApplyError> {
        if wishes.is_empty() {
            return Ok(Vec::new());
        }
        let modes: Vec<(String, Option<&'static str>)> = wishes
            .iter()
            .map(|wish| (wish.endpoint.clone(), wish.security.as_deref().map(mode)))
            .collect();
        match self.keeper.records().apply(wishes).await {
            Ok(applied) => {
                let changed = applied.closures.iter().map(|one| &*one.endpoint);
                let changed: HashSet<&str> = changed.collect();
                for (endpoint, mode) in modes {
                    // What was so already is no change.
                    if changed.contains(&*endpoint) {
                        let kind = match mode {
                            Some(mode) => EventKind::CredentialSet { mode },
                            None => EventKind::CredentialRemoved,
                        };
                        tracing::info!(event = kind.name(), ep = endpoint, mode);
                        self.hub.publish(Some(&endpoint), None, kind);
                    }
                }
                self.close(applied.closures);
                Ok(applied.warnings)
            }
            Err(error) => {
                if let ApplyError::Unknown { closures } = &error {
                    self.close(closures.clone());
                }
                Err(error)
            }
        }
    }

    /// Shows another key or certificate from now on; what has begun goes on.
    pub(crate) fn set_credentials(
        &self,
        credentials: Option<Credentials>,
    ) -> Result<(), CredentialError> {
        let suites = self.keeper.set_credentials(credentials.clone())?;
        let mut security = self.security();
        security.show(credentials.as_ref());
        for shard in &self.shards {
            let _ = shard.commands.send(Command::Suites(Arc::clone(&suites)));
        }
        let kind = EventKind::IdentityChanged {
            raw_public_key: security.raw_public_key,
            x509: security.x509,
        };
        drop(security);
        tracing::info!(event = kind.name());
        self.hub.publish(None, None, kind);
        Ok(())
    }

    /// Trusts other authorities of devices from now on.
    pub(crate) fn set_anchors(&self, anchors: Anchors, end_sessions: bool) {
        let trusted = anchors.len();
        self.security().anchors = trusted;
        self.keeper.set_anchors(anchors);
        if end_sessions {
            for shard in &self.shards {
                let _ = shard.commands.send(Command::EndCertified);
            }
        }
        let kind = EventKind::TrustChanged {
            trusted,
            ended: end_sessions,
        };
        tracing::info!(event = kind.name(), trusted, ended = end_sessions);
        self.hub.publish(None, None, kind);
    }

    /// Tells that something of how devices come in cannot be taken over.
    pub(crate) fn security_refused(&self, detail: String) {
        tracing::error!(event = "security.refused", reason = detail);
        let kind = EventKind::SecurityRefused { detail };
        self.hub.publish(None, None, kind);
    }

    fn security(&self) -> MutexGuard<'_, SecurityInfo> {
        self.security.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self, closures: Vec<Closure>) {
        if closures.is_empty() {
            return;
        }
        let revocations = closures.into_iter().map(|closure| Revocation {
            holder: self.device(&closure.endpoint).map(|it| it.identity()),
            closure,
        });
        let revocations = Arc::new(Revocations::new(revocations.collect()));
        for shard in &self.shards {
            let _ = shard
                .commands
                .send(Command::Revoke(Arc::clone(&revocations)));
        }
        for closure in revocations.closures() {
            if let Some(partition) = self.partition(&closure.endpoint) {
                let closure = closure.clone();
                partition.run(self.clock.now(), NOBODY, Op::Revoke { closure });
            }
        }
    }

    /// The device that came in by an identity.
    fn of_identity(&self, identity: &Identity) -> Option<Registration> {
        self.partitions()
            .iter()
            .find_map(|partition| partition.peek(|it| it.by_identity(identity).cloned()))
    }

    /// Tells of a handshake that failed, unless there are too many, with what an operator may have done wrong.
    fn handshake_failed(&self, address: SocketAddr, failure: Failure) {
        let now: Instant = self.clock.now();
        let (Some(untold), Some(shared)) = (self.failures.admit(now), self.this.upgrade()) else {
            return;
        };
        tokio::spawn(async move {
            let reason = reason_name(&failure.reason);
            let (mut detail, mut hint) = (failure.reason.to_string(), None);
            if let FailureReason::UnknownPskIdentity { identity }
            | FailureReason::WrongPsk { identity } = failure.reason
            {
                detail.push_str(&format!(" (identity \"{}\")", identity.escape_ascii()));
                hint = shared.keeper.records().hint(Bytes::from(identity)).await;
            }
            tracing::warn!(event = "handshake.failed", %address, reason, detail, hint, untold);
            let kind = EventKind::HandshakeFailed {
                address,
                reason,
                detail,
                hint,
                untold,
            };
            shared.hub.publish(None, None, kind);
        });
    }

    pub(crate) fn fresh_call(&self) -> CallId {
        CallId::new(self.next_call.fetch_add(1, Ordering::Relaxed))
    }
}

/// The word for what an endpoint may prove.
fn mode(security: &[lwm2m_identity::Security]) -> &'static str {
    security.first().map_or("locked", |first| first.mode())
}

/// A call that is waited for; withdrawn when dropped before it was answered.
struct Waiting<'a> {
    shard: &'a ShardLink,
    call: CallId,
    answered: bool,
}

impl<'a> Waiting<'a> {
    fn enter(shard: &'a ShardLink, call: CallId, limit: u64) -> Result<Self, CallError> {
        if shard.waiting.fetch_add(1, Ordering::Relaxed) >= limit {
            shard.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(CallError::Overloaded);
        }
        Ok(Self {
            shard,
            call,
            answered: false,
        })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shard.waiting.fetch_sub(1, Ordering::Relaxed);
        if !self.answered {
            let _ = self.shard.commands.send(Command::Cancel(self.call));
        }
    }
}

/// A request on the registration interface that was not accepted.
struct Refused<'a> {
    address: SocketAddr,
    code: Code,
    reason: &'static str,
    detail: &'a dyn std::fmt::Display,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
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

/// The code of a device's answer, if it has answered.
fn answered(reply: &Result<Reply, CallError>) -> Option<Code> {
    match reply {
        Ok(reply) => Some(reply.code()),
        Err(error) => error.code(),
    }
}

/// The ticket of work that no device waits for.
const NOBODY: Ticket = Ticket::new(u64::MAX);
const OBSERVE_AGAIN_TIMEOUT: Duration = Duration::from_secs(60);
