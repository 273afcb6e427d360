use core::time::Duration;

use coap_codec::{Request, Response};
use sansio::{DatagramBuf, Instant, Peer, Transmit};

use crate::message_layer::Owner;
use crate::peer::Peers;
use crate::request_layer::RequestOptions;
use crate::shared::{Shared, Timer, TimerKind};
use crate::{
    CloseReason, Config, Event, ExchangeId, Notify, PeerInfo, RelationId, RequestError, RequestId,
    StaleExchange, StaleRelation, StaleRequest, Stats, Tables,
};

/// One CoAP endpoint: client and server at once, for all peers of a socket.
///
/// It does no input or output. The user hands in datagrams and the time, and after each call
/// drains [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event), and calls
/// [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) is reached.
/// The same inputs give the same outputs.
///
/// `now` may be any monotonic clock. Should it jump back, the endpoint's own time goes on from
/// where it was.
#[derive(Debug)]
pub struct Endpoint {
    peers: Peers,
    cx: Shared,
    clock: Clock,
}

impl Endpoint {
    /// An endpoint without peers. Tokens, message ids, time-outs and Echo values come from `seed`,
    /// which nobody else may know; a runtime takes it from the operating system.
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        Self {
            peers: Peers::default(),
            cx: Shared::new(config, seed, now),
            clock: Clock {
                last: now,
                ahead: Duration::ZERO,
            },
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.cx.config
    }

    /// Makes room for what is to be remembered of `peer`. Whoever had its slot before is closed; a
    /// peer that is open already gets the new `info`. Returns `false`, and does nothing, when the
    /// slot is not below [`Limits::peers`](crate::Limits::peers).
    pub fn open_peer(&mut self, now: Instant, peer: Peer, info: PeerInfo) -> bool {
        let now = self.clock.read(now);
        let opened = self.peers.open(&mut self.cx, now, peer, info);
        self.peers.settle();
        opened
    }

    /// Forgets `peer`. Its requests fail with [`Failure::PeerClosed`](crate::Failure::PeerClosed), its
    /// relations end, its exchanges become stale, and what is not transmitted yet is dropped.
    pub fn close_peer(&mut self, now: Instant, peer: Peer, why: CloseReason) {
        let _ = why;
        self.clock.read(now);
        self.peers.close(&mut self.cx, peer);
        self.peers.settle();
    }

    /// Whether `peer` is open.
    pub fn is_open(&self, peer: Peer) -> bool {
        self.peers.is_open(peer)
    }

    /// Whether nothing is remembered of `peer`, as told by [`Event::PeerIdle`].
    pub fn is_idle(&self, peer: Peer) -> bool {
        self.peers.is_idle(peer)
    }

    /// What is known of `peer` now; `verified` may have changed since it was opened.
    pub fn peer_info(&self, peer: Peer) -> Option<PeerInfo> {
        self.peers.info(peer)
    }

    /// Takes a datagram that came from `peer`. One of a peer that is not open is ignored.
    pub fn handle_datagram(&mut self, now: Instant, peer: Peer, bytes: &[u8]) {
        let now = self.clock.read(now);
        let stats = &mut self.cx.stats;
        stats.received = stats.received.wrapping_add(1);
        stats.received_bytes = stats.received_bytes.wrapping_add(bytes.len() as u64);
        match self.peers.get_mut(peer) {
            Some(state) => state.handle_datagram(&mut self.cx, now, bytes),
            None => stats.ignored = stats.ignored.wrapping_add(1),
        }
        self.enforce_totals(now);
    }

    /// Acts on deadlines at or before `now`. Calling early or twice does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.read(now);
        self.expire_dedup(now);
        // A timer that is set again for the present is left to the next call.
        for _ in 0..=self.cx.wheel.len() {
            let Some(timer) = self.cx.wheel.pop(now) else {
                break;
            };
            self.fire(now, timer);
            self.peers.settle();
        }
        self.enforce_totals(now);
    }

    fn fire(&mut self, now: Instant, timer: Timer) {
        let cx = &mut self.cx;
        let Some(state) = self.peers.get_mut(timer.peer) else {
            return;
        };
        match timer.kind {
            TimerKind::Retransmit(mid) => {
                match state.retransmit(cx, now, mid) {
                    Some(Owner::Request(serial)) => state.request_unacknowledged(cx, now, serial),
                    Some(Owner::Ping(serial)) => state.request_unacknowledged(cx, now, serial),
                    Some(Owner::Notification(serial)) => {
                        state.notification_unacknowledged(cx, now, serial)
                    }
                    Some(Owner::Response) | None => {}
                }
                state.pump(cx, now);
            }
            TimerKind::MessageIds => state.ids_may_be_free(cx, now),
            TimerKind::Answer(serial) => state.answer_overdue(cx, now, serial),
            TimerKind::Exchange(serial) => state.exchange_overdue(cx, now, serial),
            TimerKind::Upload(serial) => state.drop_upload(cx, serial),
            TimerKind::Download(serial) => state.drop_download(cx, serial),
            TimerKind::Relation(serial) => state.relation_overdue(cx, now, serial),
            TimerKind::Leisure(serial) => state.leisure_over(cx, now, serial),
            TimerKind::Idle => return state.idle_timer_fired(cx, now),
        }
        state.check_idle(cx, now);
    }

    /// Writes the next datagram into `out`, and tells to whom it goes; `None` when there is none.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut DatagramBuf<'_>) -> Option<Transmit> {
        self.clock.read(now);
        loop {
            let (peer, bytes) = self.cx.outbox.pop()?;
            if !self.peers.is_open(peer) {
                continue;
            }
            let len = bytes.len();
            out.clear();
            let Some(room) = out.space().get_mut(..len) else {
                self.cx.stats.dropped = self.cx.stats.dropped.wrapping_add(1);
                continue;
            };
            room.copy_from_slice(bytes);
            out.set_len(len);
            let stats = &mut self.cx.stats;
            stats.sent = stats.sent.wrapping_add(1);
            stats.sent_bytes = stats.sent_bytes.wrapping_add(len as u64);
            return Some(Transmit { peer, len });
        }
    }

    /// The next thing that happened, in order.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.cx.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if nothing happens before: at or
    /// before the next deadline. `None` when no timer runs.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let next = [
            self.cx.wheel.next_deadline(),
            self.cx.dedup.oldest().map(|(_, expires)| expires),
        ];
        let next = next.into_iter().flatten().min()?;
        Some(next - self.clock.ahead)
    }

    /// Sends a request, in blocks when it has to be, and assembles the answer. A GET or FETCH with
    /// Observe = 0 becomes an observation.
    ///
    /// # Errors
    /// The limits of [`Limits`](crate::Limits), an unknown peer, a code that is no request, or options
    /// that do not fit into a datagram. Nothing was sent then.
    pub fn request(
        &mut self,
        now: Instant,
        peer: Peer,
        request: Request,
        options: RequestOptions,
    ) -> Result<RequestId, RequestError> {
        let now = self.clock.read(now);
        let state = self.peers.get_mut(peer).ok_or(RequestError::UnknownPeer)?;
        let result = state.request(&mut self.cx, now, request, options);
        if result.is_err() {
            state.check_idle(&mut self.cx, now);
        }
        self.peers.settle();
        result
    }

    /// Asks whether `peer` is there, with an empty Confirmable message; [`Event::Pong`] tells that it is.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    ///
    /// # Specification
    /// RFC 7252 §4.3.
    pub fn ping(&mut self, now: Instant, peer: Peer) -> Result<RequestId, RequestError> {
        let now = self.clock.read(now);
        let state = self.peers.get_mut(peer).ok_or(RequestError::UnknownPeer)?;
        let result = state.ping(&mut self.cx, now);
        self.peers.settle();
        result
    }

    /// Forgets a request: no event of it comes any more. The next notification of a forgotten
    /// observation is rejected, which ends it at the peer, too. One that is over is no error.
    pub fn cancel(&mut self, now: Instant, request: RequestId) {
        let now = self.clock.read(now);
        if let Some(state) = self.peers.get_mut(request.peer()) {
            state.cancel(&mut self.cx, request.serial());
            state.pump(&mut self.cx, now);
            state.check_idle(&mut self.cx, now);
        }
        self.peers.settle();
    }

    /// Ends an observation. With `active`, by a request with Observe = 1 and the same token: its
    /// answer comes as [`Event::Response`], or [`Event::Failed`] if none does; at once, with
    /// [`Failure::Cancelled`](crate::Failure::Cancelled), if the observation has not begun. Else as
    /// [`cancel`](Self::cancel).
    ///
    /// # Errors
    /// [`StaleRequest`] when the request is over or is no observation.
    ///
    /// # Specification
    /// RFC 7641 §3.6.
    pub fn cancel_observation(
        &mut self,
        now: Instant,
        request: RequestId,
        active: bool,
    ) -> Result<(), StaleRequest> {
        let now = self.clock.read(now);
        let state = self.peers.get_mut(request.peer()).ok_or(StaleRequest)?;
        let result = state.cancel_observation(&mut self.cx, now, request.serial(), active);
        self.peers.settle();
        result
    }

    /// Answers a request of a peer, in blocks when it has to be. An observation that the request
    /// asks for is not accepted by this, and one that it renews ends.
    ///
    /// # Errors
    /// [`StaleExchange`] when it was answered before, is too old, or the peer is closed.
    pub fn respond(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        response: Response,
    ) -> Result<(), StaleExchange> {
        let now = self.clock.read(now);
        let state = self.peers.get_mut(exchange.peer()).ok_or(StaleExchange)?;
        let result = state.respond(&mut self.cx, now, exchange.serial(), response, false);
        self.enforce_totals(now);
        result.map(|_| ())
    }

    /// Answers a request and accepts the observation that it asks for. Returns the relation, which
    /// is the former one when the peer observed this resource already; `None` when the request asks
    /// for no observation, the answer is no success, or a limit is reached. The answer is then
    /// sent without Observe.
    ///
    /// # Errors
    /// As [`respond`](Self::respond).
    pub fn respond_observed(
        &mut self,
        now: Instant,
        exchange: ExchangeId,
        response: Response,
    ) -> Result<Option<RelationId>, StaleExchange> {
        let now = self.clock.read(now);
        let state = self.peers.get_mut(exchange.peer()).ok_or(StaleExchange)?;
        let result = state.respond(&mut self.cx, now, exchange.serial(), response, true);
        self.enforce_totals(now);
        result.map(|serial| serial.map(|serial| RelationId::new(exchange.peer(), serial)))
    }

    /// Tells an observer the present state. A state that was not acknowledged yet, or not even sent,
    /// is superseded. A response that is no success is the last one: the relation ends.
    ///
    /// # Errors
    /// [`StaleRelation`] when the relation has ended.
    pub fn notify(
        &mut self,
        now: Instant,
        relation: RelationId,
        response: Response,
        how: Notify,
    ) -> Result<(), StaleRelation> {
        let now = self.clock.read(now);
        let state = self.peers.get_mut(relation.peer()).ok_or(StaleRelation)?;
        let result = state.notify(&mut self.cx, now, relation.serial(), response, how);
        self.enforce_totals(now);
        result
    }

    /// Forgets a relation without telling the peer. One that has ended is no error.
    pub fn end_relation(&mut self, now: Instant, relation: RelationId) {
        let now = self.clock.read(now);
        if let Some(state) = self.peers.get_mut(relation.peer()) {
            state.forget_relation(&mut self.cx, relation.serial());
            state.pump(&mut self.cx, now);
            state.check_idle(&mut self.cx, now);
        }
        self.peers.settle();
    }

    /// How many entries each table holds.
    pub fn tables(&self) -> Tables {
        Tables {
            transmit_queue: self.cx.outbox.len(),
            events: self.cx.events.len(),
            timers: self.cx.wheel.len(),
            dedup: self.cx.dedup.len(),
            dedup_bytes: self.cx.dedup.bytes(),
            ..self.cx.tables
        }
    }

    /// What has happened since the start.
    pub fn stats(&self) -> Stats {
        self.cx.stats
    }

    fn expire_dedup(&mut self, now: Instant) {
        while let Some((slot, expires)) = self.cx.dedup.oldest() {
            if expires > now || !self.forget_oldest_message(now, slot) {
                break;
            }
        }
    }

    /// Forgets the message that was remembered first, of all peers; it is of the peer in `slot`.
    fn forget_oldest_message(&mut self, now: Instant, slot: u32) -> bool {
        let Some(remembered) = self.peers.remembered(slot) else {
            return false;
        };
        self.cx.dedup.pop_oldest_of_all(remembered);
        if remembered.is_empty()
            && let Some(state) = self.peers.at_slot(slot)
        {
            state.check_idle(&mut self.cx, now);
            self.peers.settle();
        }
        true
    }

    /// Brings every table under its bound in total, at the cost of what is oldest.
    fn enforce_totals(&mut self, now: Instant) {
        self.peers.settle();
        let (dedup, limits) = (&self.cx.dedup, &self.cx.config.limits);
        if dedup.len() > limits.dedup_total || dedup.bytes() > limits.dedup_bytes_total {
            self.enforce_dedup_totals(now);
        }
        if !(self.cx.uploads_order.is_empty() && self.cx.downloads_order.is_empty()) {
            self.enforce_body_totals();
        }
    }

    fn enforce_dedup_totals(&mut self, now: Instant) {
        let limits = self.cx.config.limits;
        while self.cx.dedup.len() > limits.dedup_total
            || self.cx.dedup.bytes() > limits.dedup_bytes_total
        {
            match self.cx.dedup.oldest() {
                Some((slot, _)) if self.forget_oldest_message(now, slot) => {
                    self.cx.stats.dedup_evicted = self.cx.stats.dedup_evicted.wrapping_add(1);
                }
                Some(_) | None => break,
            }
        }
    }

    fn enforce_body_totals(&mut self) {
        let limits = self.cx.config.limits;
        while self.cx.tables.uploads > limits.uploads_total
            || self.cx.tables.upload_bytes > limits.upload_bytes_total
        {
            let Some((peer, serial)) = self.cx.uploads_order.pop_front() else {
                break;
            };
            if let Some(state) = self.peers.get_mut(peer) {
                state.evict_upload(&mut self.cx, serial);
            }
        }
        while self.cx.tables.downloads > limits.downloads_total
            || self.cx.tables.download_bytes > limits.download_bytes_total
        {
            let Some((peer, serial)) = self.cx.downloads_order.pop_front() else {
                break;
            };
            if let Some(state) = self.peers.get_mut(peer) {
                state.evict_download(&mut self.cx, serial);
            }
        }
        self.peers.settle();
        self.compact_orders();
    }

    /// Drops what is left over in the lists of oldest bodies once it is more than what lives.
    fn compact_orders(&mut self) {
        const SLACK: usize = 64;
        let Self { peers, cx, .. } = self;
        let crowded =
            |len: usize, alive: usize| len > alive.saturating_mul(2).saturating_add(SLACK);
        if crowded(cx.uploads_order.len(), cx.tables.uploads) {
            cx.uploads_order.retain(|&(peer, serial)| {
                peers
                    .awake(peer)
                    .is_some_and(|state| state.has_upload(serial))
            });
        }
        if crowded(cx.downloads_order.len(), cx.tables.downloads) {
            cx.downloads_order.retain(|&(peer, serial)| {
                peers
                    .awake(peer)
                    .is_some_and(|state| state.has_download(serial))
            });
        }
    }
}

/// The endpoint's own time, which never goes back.
#[derive(Debug)]
struct Clock {
    last: Instant,
    /// How far it is ahead of the user's clock.
    ahead: Duration,
}

impl Clock {
    fn read(&mut self, now: Instant) -> Instant {
        if now >= self.last && self.ahead.is_zero() {
            self.last = now;
            return now;
        }
        let reading = now + self.ahead;
        let back = self.last.saturating_duration_since(reading);
        self.ahead = self.ahead.saturating_add(back);
        self.last = reading + back;
        self.last
    }
}

#[cfg(test)]
mod tests;
