use std::collections::HashMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use lwm2m_ops::{Downlink, Reply};
use registry_core::Outcome;
use sansio::{DatagramBuf, Instant};
use server_stack::{CallFailure, CallId, Effect, Event, ServerStack, Target};
use tokio::sync::{mpsc, oneshot};

use crate::batch::{Inbox, Listener};
use crate::counters::Counters;
use crate::{cid::Cid, clock::Clock, partition::Partition};

/// What a shard is told by the rest of the server.
pub(crate) enum Command {
    /// Send an operation to a device.
    Call(Box<CallCommand>),
    /// Nobody waits for this call any more.
    Cancel(CallId),
    /// An observation is over; the device is to be told at once.
    CancelActively(CallId),
    /// A device registered anew, moved or left: calls to where it was have no meaning.
    CancelTarget(Target),
    /// The registry's answer to a request of this shard.
    Registry(Outcome),
    /// Answer what is under way, then end.
    Stop,
}

pub(crate) struct CallCommand {
    pub(crate) call: CallId,
    pub(crate) target: Target,
    pub(crate) root: String,
    pub(crate) operation: Downlink,
    pub(crate) timeout: Duration,
    pub(crate) reply: oneshot::Sender<FirstReply>,
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
}

/// One task with its own sockets and its own peers. What it shares with others it reaches by
/// channels and the partitions' short locks.
pub(crate) struct Shard {
    stack: ServerStack,
    /// One per listening address; the index is the listener's number.
    listeners: Vec<Listener>,
    commands: mpsc::UnboundedReceiver<Command>,
    around: Surroundings,
    calls: HashMap<CallId, oneshot::Sender<FirstReply>>,
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
    /// How long a shutdown waits.
    pub(crate) grace: Duration,
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
        for (index, listener) in self.listeners.iter().enumerate() {
            let local_endpoint = u16::try_from(index).unwrap_or(u16::MAX);
            let stack = &mut self.stack;
            listener.receive(&mut self.inbox, |address, datagram| {
                let target = Target {
                    local_endpoint,
                    address,
                };
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
                    target,
                    root,
                    operation,
                    timeout,
                    reply,
                } = *command;
                self.calls.insert(call, reply);
                self.stack
                    .call(now, call, target, &root, operation, timeout);
            }
            Command::Cancel(call) => {
                self.calls.remove(&call);
                self.stack.cancel(now, call);
            }
            Command::CancelActively(call) => self.stack.cancel_actively(now, call),
            Command::CancelTarget(target) => self.stack.cancel_target(now, target),
            Command::Registry(outcome) => self.stack.handle_registry(now, &outcome),
            Command::Stop => {
                self.stop_by = Some(tokio::time::Instant::now() + self.around.grace);
            }
        }
    }

    /// Carries out and sends all that the stack has for the world.
    fn settle(&mut self) {
        while let Some(effect) = self.stack.poll_effect() {
            if let Effect::Registry {
                ticket,
                partition,
                op,
                ..
            } = effect
                && let Some(partition) = self.around.partitions.get(usize::from(partition))
            {
                if let Some(caller) = op.caller() {
                    heard(ticket.into(), caller.address);
                }
                partition.run(self.around.clock.now(), ticket, op);
            }
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
                    Some(waiting) => waiting.send(reply).is_err(),
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
            _ => {}
        }
    }

    fn send(&mut self) {
        let now: Instant = self.around.clock.now();
        let mut batch: Vec<(u16, (SocketAddr, Range<usize>))> = Vec::new();
        loop {
            batch.clear();
            for (number, slot) in self.outbox.chunks_mut(SLOT).enumerate() {
                let mut out = DatagramBuf::new(slot, 0, 0);
                let Some(transmit) = self.stack.poll_transmit(now, &mut out) else {
                    break;
                };
                let start = number * SLOT;
                let Target {
                    local_endpoint,
                    address,
                } = transmit.target;
                batch.push((local_endpoint, (address, start..start + transmit.len)));
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
