use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use coap_codec::Type;
use sansio::{Instant, TimerId};

use super::Answer;
use crate::peer::PeerState;
use crate::shared::{Shared, Timer, TimerKind, set_message_id};

/// Confirmable messages to one peer: those under way and those that wait for their turn (NSTART).
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    in_flight: Vec<InFlight>,
    queue: VecDeque<Queued>,
    /// Runs while the queue waits for message ids.
    ids_timer: Option<TimerId>,
}

/// Whom a Confirmable message belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Owner {
    /// A request of ours, by serial.
    Request(u64),
    /// A ping of ours, by serial of the request that stands for it.
    Ping(u64),
    /// An answer to a peer's request; nobody asks what became of it.
    Response,
    /// A notification of this relation.
    Notification(u64),
}

/// A Confirmable message that is not acknowledged.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) mid: u16,
    pub(crate) owner: Owner,
    bytes: Vec<u8>,
    timer: TimerId,
    wait: Duration,
    left: u8,
    allowance: Allowance,
}

/// Bytes that may still be sent to an unverified address for one request of it; `None` is no limit.
type Allowance = Option<usize>;

/// A Confirmable message that waits for its turn.
#[derive(Debug)]
pub(crate) enum Queued {
    /// Encoded, with message id 0.
    Message {
        owner: Owner,
        bytes: Vec<u8>,
        allowance: Allowance,
    },
    /// The state that the relation has when the turn comes.
    Notification(u64),
}

impl Queued {
    fn owner(&self) -> Owner {
        match self {
            Self::Message { owner, .. } => *owner,
            Self::Notification(relation) => Owner::Notification(*relation),
        }
    }
}

impl Outgoing {
    pub(crate) fn is_empty(&self) -> bool {
        self.in_flight.is_empty() && self.queue.is_empty()
    }

    /// Whether there is nothing, not even a timer.
    pub(crate) fn is_still(&self) -> bool {
        self.is_empty() && self.ids_timer.is_none()
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The message under way with this id.
    pub(crate) fn find(&self, mid: u16) -> Option<&InFlight> {
        self.in_flight.iter().find(|message| message.mid == mid)
    }
}

impl PeerState {
    /// Sends a Confirmable message now or when its turn comes. Answers go before requests, whose
    /// turn may be long in coming when the peer does not acknowledge.
    pub(crate) fn send_confirmable(&mut self, cx: &mut Shared, now: Instant, message: Queued) {
        let owner = message.owner();
        if matches!(owner, Owner::Response)
            && self.out.queue.len() >= cx.config.limits.queue_per_peer
        {
            cx.stats.dropped = cx.stats.dropped.wrapping_add(1);
            return;
        }
        let is_request = |owner| matches!(owner, Owner::Request(_) | Owner::Ping(_));
        let place = if is_request(owner) {
            self.out.queue.len()
        } else {
            let first_request = self
                .out
                .queue
                .iter()
                .position(|queued| is_request(queued.owner()));
            first_request.unwrap_or(self.out.queue.len())
        };
        self.out.queue.insert(place, message);
        cx.tables.queued = cx.tables.queued.saturating_add(1);
        self.pump(cx, now);
    }

    /// Sends a Non-confirmable message, encoded with message id 0. Returns the id it got; `None`
    /// when all are in use and the message is lost.
    pub(crate) fn send_non(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        mut bytes: Vec<u8>,
    ) -> Option<u16> {
        let lifetime = cx.exchange_lifetime;
        let Some(mid) = self.mids.take(now, lifetime) else {
            cx.stats.dropped = cx.stats.dropped.wrapping_add(1);
            return None;
        };
        set_message_id(&mut bytes, mid);
        cx.transmit(self.peer, &bytes);
        Some(mid)
    }

    /// Sends an empty acknowledgement or a Reset for the message `mid`, and the same when it comes again.
    pub(crate) fn send_empty(&mut self, cx: &mut Shared, ty: Type, mid: u16) {
        let answer = match ty {
            Type::Reset => Answer::Reset,
            Type::Acknowledgement | Type::Confirmable | Type::NonConfirmable => {
                Answer::Acknowledged
            }
        };
        self.remember_answer(cx, mid, answer);
        cx.transmit_empty(self.peer, ty, mid);
    }

    /// Sends the answer that rides on the acknowledgement of `mid`, and the same when it comes again.
    pub(crate) fn send_piggybacked(&mut self, cx: &mut Shared, mid: u16, bytes: &[u8]) {
        cx.transmit(self.peer, bytes);
        self.remember_answer(cx, mid, Answer::Bytes(bytes));
    }

    fn remember_answer(&mut self, cx: &mut Shared, mid: u16, answer: Answer<'_>) {
        let limit = cx.config.limits.dedup_bytes_per_peer;
        cx.dedup.answer(&mut self.dedup, mid, answer);
        cx.dedup.trim_bytes(&mut self.dedup, limit);
    }

    /// Starts waiting messages while there is room under NSTART.
    pub(crate) fn pump(&mut self, cx: &mut Shared, now: Instant) {
        while self.out.in_flight.len() < cx.config.transmission.nstart.max(1) {
            let Some(queued) = self.out.queue.front() else {
                break;
            };
            let owner = queued.owner();
            let lifetime = cx.exchange_lifetime;
            if self.mids.exhausted(now, lifetime) {
                if self.out.ids_timer.is_none() {
                    let timer = Timer {
                        peer: self.peer,
                        kind: TimerKind::MessageIds,
                    };
                    let at = self.mids.window_end(lifetime);
                    self.out.ids_timer = Some(cx.wheel.set(at, timer));
                }
                break;
            }
            let queued = self.out.queue.pop_front();
            cx.tables.queued = cx.tables.queued.saturating_sub(1);
            let (bytes, allowance) = match queued {
                Some(Queued::Message {
                    bytes, allowance, ..
                }) => (Some(bytes), allowance),
                Some(Queued::Notification(relation)) => {
                    (self.encode_pending(cx, now, relation), None)
                }
                None => (None, None),
            };
            let (Some(bytes), Some(mid)) = (bytes, self.mids.take(now, lifetime)) else {
                continue;
            };
            self.start(cx, now, owner, mid, bytes, allowance);
        }
    }

    fn start(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        owner: Owner,
        mid: u16,
        mut bytes: Vec<u8>,
        allowance: Allowance,
    ) {
        set_message_id(&mut bytes, mid);
        cx.transmit(self.peer, &bytes);
        let transmission = &cx.config.transmission;
        // "the initial timeout is set to a random duration between ACK_TIMEOUT and
        // (ACK_TIMEOUT * ACK_RANDOM_FACTOR)" (RFC 7252 §4.2)
        let spread = transmission
            .ack_timeout_max
            .saturating_sub(transmission.ack_timeout);
        let spread = u32::try_from(spread.as_micros()).unwrap_or(u32::MAX);
        let jitter = cx.rng.below(spread.saturating_add(1));
        let wait = transmission
            .ack_timeout
            .saturating_add(Duration::from_micros(jitter.into()));
        let left = transmission.max_retransmit;
        let timer = Timer {
            peer: self.peer,
            kind: TimerKind::Retransmit(mid),
        };
        self.out.in_flight.push(InFlight {
            mid,
            owner,
            timer: cx.wheel.set(now + wait, timer),
            wait,
            left,
            allowance: allowance.map(|bytes_left| bytes_left.saturating_sub(bytes.len())),
            bytes,
        });
        cx.tables.in_flight = cx.tables.in_flight.saturating_add(1);
        if let Owner::Notification(relation) = owner {
            self.notification_sent(relation, mid);
        }
    }

    /// The acknowledgement time-out of message `mid` is over: sends it again, or gives it up and
    /// returns its owner.
    pub(crate) fn retransmit(&mut self, cx: &mut Shared, now: Instant, mid: u16) -> Option<Owner> {
        let index = self
            .out
            .in_flight
            .iter()
            .position(|message| message.mid == mid)?;
        let message = self.out.in_flight.get_mut(index)?;
        if message.left == 0 {
            let message = self.out.in_flight.swap_remove(index);
            cx.tables.in_flight = cx.tables.in_flight.saturating_sub(1);
            cx.stats.timeouts = cx.stats.timeouts.wrapping_add(1);
            return Some(message.owner);
        }
        let owner = message.owner;
        let fresh = match owner {
            Owner::Notification(relation) => self.superseding(cx, now, relation),
            Owner::Request(_) | Owner::Ping(_) | Owner::Response => None,
        };
        let message = self.out.in_flight.get_mut(index)?;
        if let Some((mid, bytes)) = fresh {
            // A newer state takes over what is left of the repetitions (RFC 7641 §4.5.2).
            message.mid = mid;
            message.bytes = bytes;
        }
        message.left = message.left.saturating_sub(1);
        message.wait = message.wait.saturating_mul(2);
        let timer = Timer {
            peer: self.peer,
            kind: TimerKind::Retransmit(message.mid),
        };
        message.timer = cx.wheel.set(now + message.wait, timer);
        let affordable = match &mut message.allowance {
            None => true,
            Some(left) => match left.checked_sub(message.bytes.len()) {
                Some(rest) => {
                    *left = rest;
                    true
                }
                None => false,
            },
        };
        if affordable || self.info.verified {
            cx.stats.retransmissions = cx.stats.retransmissions.wrapping_add(1);
            cx.transmit(self.peer, &message.bytes);
        }
        None
    }

    /// Takes message `mid` off: it was acknowledged, rejected or is not wanted any more.
    pub(crate) fn settle(&mut self, cx: &mut Shared, mid: u16) -> Option<Owner> {
        let index = self
            .out
            .in_flight
            .iter()
            .position(|message| message.mid == mid)?;
        let message = self.out.in_flight.swap_remove(index);
        cx.wheel.cancel(message.timer);
        cx.tables.in_flight = cx.tables.in_flight.saturating_sub(1);
        Some(message.owner)
    }

    /// Takes off what `owner` has under way or waiting.
    pub(crate) fn withdraw(&mut self, cx: &mut Shared, owner: Owner) {
        let before = self.out.queue.len();
        self.out.queue.retain(|queued| queued.owner() != owner);
        let removed = before.saturating_sub(self.out.queue.len());
        cx.tables.queued = cx.tables.queued.saturating_sub(removed);
        while let Some(mid) = self
            .out
            .in_flight
            .iter()
            .find(|message| message.owner == owner)
            .map(|message| message.mid)
        {
            self.settle(cx, mid);
        }
    }

    /// The window of message ids has moved on.
    pub(crate) fn ids_may_be_free(&mut self, cx: &mut Shared, now: Instant) {
        self.out.ids_timer = None;
        self.pump(cx, now);
    }

    /// Drops everything that is under way or waiting.
    pub(crate) fn clear_outgoing(&mut self, cx: &mut Shared) {
        for message in self.out.in_flight.drain(..) {
            cx.wheel.cancel(message.timer);
            cx.tables.in_flight = cx.tables.in_flight.saturating_sub(1);
        }
        cx.tables.queued = cx.tables.queued.saturating_sub(self.out.queue.len());
        self.out.queue.clear();
        if let Some(timer) = self.out.ids_timer.take() {
            cx.wheel.cancel(timer);
        }
    }
}
