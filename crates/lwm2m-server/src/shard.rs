use std::collections::HashMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dtls_core::{Answer, Question, Suites};
use lwm2m_identity::{CredentialRecord, Identity};
use lwm2m_ops::{Downlink, Reply};
use registry_core::{Op, Outcome};
use sansio::{DatagramBuf, Instant, Ticket};
use server_stack::{CallFailure, CallId, Destination, Effect, Event, ServerStack, Target};
use tokio::sync::{mpsc, oneshot};

use crate::batch::{Inbox, Listener};
use crate::counters::{Counters, DtlsCounters};
use crate::revocation::Revocations;
use crate::security::{Later, unix};
use crate::{cid::Cid, clock::Clock, partition::Partition};

/// What a shard is told by the rest of the server.
pub(crate) enum Command {
    /// Send an operation to a device.
    Call(Box<CallCommand>),
    /// Nobody waits for this call any more.
    Cancel(CallId),
    /// An observation is over; the device is to be told at once.
    CancelActively(CallId),
    /// A device registered anew, moved or left: calls to where it was have no meaning. Those that waited for it are asked
    /// for anew where it is.
    Leave(Destination),
    /// A device has a new session in this shard: calls to its former ones have no meaning.
    CancelFormer(Identity),
    /// A device registered anew in this shard, under the same identity: it knows of no observation any more.
    Anew(Identity),
    /// What handshakes stand on.
    Credential(Ticket, Answer),
    /// With what to shake hands as a client.
    Connect(Ticket, Option<Arc<dyn Suites>>),
    /// A Register without a name, and whose its identity is.
    Register(Ticket, Box<Op>, Option<CredentialRecord>),
    /// Credentials are no longer good, or not for an endpoint any more.
    Revoke(Arc<Revocations>),
    /// The server shows another key or certificate from now on.
    Suites(Arc<dyn Suites>),
    /// Nobody knows any more whether the certificates are good by which sessions were opened.
    EndCertified,
    /// Came in by another shard; the connection id says that it is of this one.
    Datagram(Target, Vec<u8>),
    /// The registry's answer to a request of this shard.
    Registry(Outcome),
    /// Answer what is under way, then end.
    Stop,
}

pub(crate) struct CallCommand {
    pub(crate) call: CallId,
    pub(crate) device: Destination,
    pub(crate) root: String,
    pub(crate) operation: Downlink,
    pub(crate) timeout: Duration,
    /// `None`: the device is heard elsewhere by now, and was not asked.
    pub(crate) reply: oneshot::Sender<Option<FirstReply>>,
}

/// The answer to a call, and whether notifications follow.
#[derive(Debug)]
pub(crate) struct FirstReply {
    pub(crate) result: Result<Reply, CallFailure>,
    pub(crate) observing: bool,
}

/// Where a shard takes what concerns the whole server.
pub(crate) trait Fleet: Send + Sync {
    /// A notification, or the end of an observation.
    fn notified(&self, call: CallId, result: Result<Reply, CallFailure>, last: bool);
    /// A request that was refused before the registry saw it.
    fn refused(&self, cid: Cid, target: Target, refusal: &lwm2m_ops::Refusal);
    /// A session began, moved or ended, or a handshake failed.
    fn session(&self, event: Event);
    /// Answers a handshake's question.
    fn answer(&self, question: Question) -> Later<Answer>;
    /// Finds with what to shake hands as a client of this identity.
    fn client(&self, identity: &Identity) -> Later<Option<Arc<dyn Suites>>>;
    /// Finds whose an identity is.
    fn owner(&self, identity: Identity) -> Later<Option<CredentialRecord>>;
    /// Whether a device has registered by an identity.
    fn is_registered(&self, identity: &Identity) -> bool;
    /// Tells a shard.
    fn tell(&self, shard: u16, command: Command);
    /// Hands a datagram to the shard that it is for.
    fn forward(&self, shard: u16, from: Target, datagram: &[u8]);
    /// A datagram of those was taken.
    fn forwarded(&self, shard: u16);
}

/// One task with its own sockets and its own peers. What it shares with others it reaches by
/// channels and the partitions' short locks.
pub(crate) struct Shard {
    stack: ServerStack,
    /// One per listening address; the index is the listener's number.
    listeners: Vec<Listener>,
    commands: mpsc::UnboundedReceiver<Command>,
    around: Surroundings,
    calls: HashMap<CallId, oneshot::Sender<Option<FirstReply>>>,
    stop_by: Option<tokio::time::Instant>,
    inbox: Inbox,
    /// Where a batch of datagrams is encoded, each in a slot of its own.
    outbox: Box<[u8]>,
}

/// What a shard has of the server around it.
pub(crate) struct Surroundings {
    pub(crate) partitions: Vec<Arc<Partition>>,
    pub(crate) fleet: Arc<dyn Fleet>,
    pub(crate) clock: Clock,
    /// Where the counters are left for whoever asks.
    pub(crate) counters: Arc<Counters>,
    pub(crate) dtls_counters: Arc<DtlsCounters>,
    /// How long a shutdown waits.
    pub(crate) grace: Duration,
    /// Which shard this is.
    pub(crate) shard: u16,
    /// The first listener that speaks DTLS.
    pub(crate) secured: u16,
    /// How many bytes of a connection id tell the shard.
    pub(crate) prefix: usize,
}

/// Datagrams sent at once.
const BATCH: usize = 32;
/// Commands taken before answers are sent and datagrams are read again.
const COMMANDS: usize = 256;
/// Room for a datagram to be sent; longer ones than [`server_stack::Config::max_datagram`] are not made.
const SLOT: usize = 2048;

impl Shard {
    pub(crate) fn new(
        stack: ServerStack,
        listeners: Vec<Listener>,
        commands: mpsc::UnboundedReceiver<Command>,
        around: Surroundings,
    ) -> Self {
        Self {
            stack,
            listeners,
            commands,
            around,
            calls: HashMap::new(),
            stop_by: None,
            inbox: Inbox::new(),
            outbox: vec![0; BATCH * SLOT].into_boxed_slice(),
        }
    }

    pub(crate) async fn run(mut self) {
        let mut deadline = None;
        let sleep = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(sleep);
        loop {
            self.settle();
            if self.is_done() {
                return;
            }
            let next = [
                self.stack.poll_timeout().map(|at| self.around.clock.at(at)),
                self.stop_by,
            ]
            .into_iter()
            .flatten()
            .min();
            if let Some(next) = next
                && Some(next) != deadline
            {
                sleep.as_mut().reset(next);
            }
            deadline = next;
            tokio::select! {
                biased;
                () = readable(&self.listeners) => self.receive(),
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                () = &mut sleep, if deadline.is_some() => {
                    let now = self.around.clock.now();
                    self.stack.handle_timeout(now);
                    deadline = None;
                }
            }
        }
    }

    /// Whether a shutdown has nothing more to wait for.
    fn is_done(&self) -> bool {
        self.stop_by.is_some_and(|stop_by| {
            tokio::time::Instant::now() >= stop_by || self.stack.tables().uplinks == 0
        })
    }

    fn receive(&mut self) {
        let now = self.around.clock.now();
        let Surroundings {
            fleet,
            shard,
            secured,
            prefix,
            ..
        } = &self.around;
        self.stack.handle_wall_clock(unix());
        for (index, listener) in self.listeners.iter().enumerate() {
            let local_endpoint = u16::try_from(index).unwrap_or(u16::MAX);
            let stack = &mut self.stack;
            listener.receive(&mut self.inbox, |address, datagram| {
                let target = Target {
                    local_endpoint,
                    address,
                };
                if local_endpoint >= *secured
                    && let Some(other) = shard_of_cid(datagram, *prefix)
                    && other != *shard
                {
                    fleet.forward(other, target, datagram);
                    return;
                }
                stack.handle_datagram(now, target, datagram);
            });
        }
    }

    fn obey(&mut self, command: Command) {
        let now = self.around.clock.now();
        match command {
            Command::Call(command) => {
                let CallCommand {
                    call,
                    device,
                    root,
                    operation,
                    timeout,
                    reply,
                } = *command;
                self.calls.insert(call, reply);
                self.stack
                    .call(now, call, device, &root, operation, timeout);
            }
            Command::Cancel(call) => {
                self.calls.remove(&call);
                self.stack.cancel(now, call);
            }
            Command::CancelActively(call) => self.stack.cancel_actively(now, call),
            Command::Leave(device) => {
                for call in self.stack.withdraw_waiting(&device.identity) {
                    if let Some(waiting) = self.calls.remove(&call) {
                        let _ = waiting.send(None);
                    }
                }
                self.stack.cancel_target(now, device);
            }
            Command::CancelFormer(identity) => self.stack.cancel_former(now, &identity),
            Command::Anew(identity) => {
                self.stack.cancel_former(now, &identity);
                self.stack.cancel_observations(now, &identity);
            }
            Command::Credential(ticket, answer) => {
                self.stack.handle_credential(now, ticket, answer);
            }
            Command::Connect(ticket, suites) => self.stack.handle_connect(now, ticket, suites),
            Command::Register(ticket, mut op, owner) => {
                if let Op::Register { register, .. } = &mut *op
                    && let Some(owner) = owner
                {
                    register.endpoint = Some(owner.endpoint);
                }
                let count = u16::try_from(self.around.partitions.len()).unwrap_or(u16::MAX);
                let partition = op.partition(count);
                self.operate(ticket, partition, *op);
            }
            Command::Revoke(revocations) => {
                let fleet = &self.around.fleet;
                self.stack.revoke(now, |identity| {
                    revocations.end(identity, |it| fleet.is_registered(it))
                });
            }
            Command::Suites(suites) => self.stack.set_suites(suites),
            Command::EndCertified => {
                let certified = |identity: &Identity| matches!(identity, Identity::X509 { .. });
                self.stack.revoke(now, certified);
            }
            Command::Datagram(from, mut datagram) => {
                self.around.fleet.forwarded(self.around.shard);
                self.stack.handle_datagram(now, from, &mut datagram);
            }
            Command::Registry(outcome) => self.stack.handle_registry(now, &outcome),
            Command::Stop => {
                self.stop_by = Some(tokio::time::Instant::now() + self.around.grace);
            }
        }
    }

    /// Carries out and sends all that the stack has for the world.
    fn settle(&mut self) {
        while let Some(effect) = self.stack.poll_effect() {
            self.carry_out(effect);
        }
        // Outcomes that came at once are in the channel; take them now so that they are sent now.
        for _ in 0..COMMANDS {
            match self.commands.try_recv() {
                Ok(command) => self.obey(command),
                Err(_) => break,
            }
        }
        while let Some(event) = self.stack.poll_event() {
            self.tell(event);
        }
        self.send();
        self.around.counters.publish(&self.stack.stats());
        self.around.dtls_counters.publish(&self.stack.dtls_stats());
    }

    fn carry_out(&mut self, effect: Effect) {
        let fleet = &self.around.fleet;
        match effect {
            Effect::Registry {
                ticket,
                partition,
                op,
                ..
            } => {
                if let Some(caller) = op.caller() {
                    heard(ticket.into(), caller.address);
                }
                match nameless(&op) {
                    Some(identity) => {
                        let owner = fleet.owner(identity);
                        let op = Box::new(op);
                        self.soon(owner, move |owner| Command::Register(ticket, op, owner));
                    }
                    None => self.operate(ticket, partition, op),
                }
            }
            Effect::Credential {
                ticket, question, ..
            } => {
                let answer = fleet.answer(question);
                self.soon(answer, move |answer| Command::Credential(ticket, answer));
            }
            Effect::Connect {
                ticket, identity, ..
            } => {
                let suites = fleet.client(&identity);
                self.soon(suites, move |suites| Command::Connect(ticket, suites));
            }
            _ => {}
        }
    }

    fn operate(&self, ticket: Ticket, partition: u16, op: Op) {
        if let Some(partition) = self.around.partitions.get(usize::from(partition)) {
            partition.run(self.around.clock.now(), ticket, op);
        }
    }

    /// Obeys what comes of `work`: now if that is done at once, else later; nobody waits.
    fn soon<T: Send + 'static>(
        &mut self,
        mut work: Later<T>,
        then: impl FnOnce(T) -> Command + Send + 'static,
    ) {
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => self.obey(then(done)),
            Poll::Pending => {
                let (fleet, shard) = (Arc::clone(&self.around.fleet), self.around.shard);
                tokio::spawn(async move {
                    let done = work.await;
                    fleet.tell(shard, then(done));
                });
            }
        }
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::Reply {
                call,
                result,
                observing,
                ..
            } => {
                let reply = FirstReply { result, observing };
                let unheard = match self.calls.remove(&call) {
                    Some(waiting) => waiting.send(Some(reply)).is_err(),
                    None => true,
                };
                if unheard && observing {
                    self.stack.cancel(self.around.clock.now(), call);
                }
            }
            Event::Notification {
                call, result, last, ..
            } => self.around.fleet.notified(call, result, last),
            Event::Refused {
                ticket,
                target,
                refusal,
                ..
            } => {
                heard(ticket.into(), target.address);
                self.around.fleet.refused(ticket.into(), target, &refusal);
            }
            event => self.around.fleet.session(event),
        }
    }

    fn send(&mut self) {
        let now: Instant = self.around.clock.now();
        let mut batch: Vec<(u16, (SocketAddr, Range<usize>))> = Vec::new();
        loop {
            batch.clear();
            for (number, slot) in self.outbox.chunks_mut(SLOT).enumerate() {
                let mut out = DatagramBuf::new(slot, ServerStack::HEADROOM, ServerStack::TAILROOM);
                let Some(transmit) = self.stack.poll_transmit(now, &mut out) else {
                    break;
                };
                let Range { start, end } = out.range();
                let range = number * SLOT + start..number * SLOT + end;
                let Target {
                    local_endpoint,
                    address,
                } = transmit.target;
                batch.push((local_endpoint, (address, range)));
            }
            if batch.is_empty() {
                return;
            }
            batch.sort_by_key(|&(listener, _)| listener);
            for group in batch.chunk_by(|a, b| a.0 == b.0) {
                let listener = group
                    .first()
                    .and_then(|&(number, _)| self.listeners.get(usize::from(number)));
                if let Some(listener) = listener {
                    let datagrams: Vec<_> = group.iter().map(|(_, one)| one.clone()).collect();
                    listener.send(&datagrams, &self.outbox);
                }
            }
        }
    }
}

/// The identity of a Register without an endpoint name, if it has one.
fn nameless(op: &Op) -> Option<Identity> {
    match op {
        Op::Register {
            caller, register, ..
        } if register.endpoint.is_none() && !caller.identity.is_none() => {
            Some(caller.identity.clone())
        }
        _ => None,
    }
}

/// The shard that a record with a connection id (RFC 9146 §4) is for, if its first `prefix` bytes tell.
fn shard_of_cid(datagram: &[u8], prefix: usize) -> Option<u16> {
    let (&TLS12_CID, header) = datagram.split_first()? else {
        return None;
    };
    // Behind version, epoch and sequence number.
    let id = header.get(10..)?;
    match (prefix, id) {
        (1, [shard, ..]) => Some(u16::from(*shard)),
        (2, [high, low, ..]) => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

const TLS12_CID: u8 = 25;

/// The first that is told of a request on the registration interface.
fn heard(cid: Cid, address: SocketAddr) {
    tracing::debug!(event = "registration.request", %cid, %address);
}

/// Completes when one of the sockets has something to read.
async fn readable(listeners: &[Listener]) {
    poll_fn(|cx| {
        for listener in listeners {
            if let Poll::Ready(Ok(())) = listener.poll_readable(cx) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    })
    .await;
}
