use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use coap_endpoint::{CloseReason, Endpoint, PeerInfo, RequestId, RequestOptions, StrangerVerdict};
use hashbrown::HashMap;
use lwm2m_ops::{Downlink, decode_response};
use registry_core::Outcome;
use sansio::{DatagramBuf, Instant, Peer, Ticket};

use crate::{
    CallFailure, CallId, Config, Effect, Event, Target, Transmit,
    peers::Peers,
    uplink::{SHARD_SHIFT, Uplinks},
};

/// An LwM2M server's protocol for the peers of one shard: CoAP, operations and the way to the registry.
///
/// Holds no socket, clock or thread and not the registry itself, which all shards share: a
/// registration request leaves as [`Effect::Registry`] and is answered when its outcome comes back.
/// After each `handle_*` or [`call`](Self::call) drain `poll_effect`, `poll_event` and `poll_transmit`.
#[derive(Debug)]
pub struct ServerStack {
    config: Config,
    coap: Endpoint,
    peers: Peers,
    uplinks: Uplinks,
    calls: HashMap<CallId, Call>,
    /// The calls to each address, in the order in which they began.
    calls_to: HashMap<Target, Vec<CallId>>,
    requests: HashMap<RequestId, CallId>,
    events: VecDeque<Event>,
    effects: VecDeque<Effect>,
    /// Answers to peers that get no state: resets, four bytes each.
    strangers: VecDeque<(Target, [u8; 4])>,
}

#[derive(Debug)]
struct Call {
    request: RequestId,
    target: Target,
    operation: Downlink,
    observing: bool,
}

/// Entries per table; all but `peers` go back to zero when everything has ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tables {
    /// Peers with transport state.
    pub peers: usize,
    /// Calls that run or observe.
    pub calls: usize,
    /// Registration requests that wait for the registry.
    pub uplinks: usize,
    /// The tables of the CoAP endpoint.
    pub coap: coap_endpoint::Tables,
}

/// Resets owed to strangers at the same time; more are not sent.
const MAX_STRANGERS: usize = 256;
/// How far the search for a peer to close goes, from the one silent longest.
const EVICTION_SEARCH: usize = 32;

impl ServerStack {
    /// A stack without peers. `seed` must be unpredictable and used once: tokens come from it.
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        Self {
            coap: Endpoint::new(config.coap.clone(), seed, now),
            peers: Peers::new(config.peers),
            uplinks: Uplinks::new(&config),
            calls: HashMap::new(),
            calls_to: HashMap::new(),
            requests: HashMap::new(),
            events: VecDeque::new(),
            effects: VecDeque::new(),
            strangers: VecDeque::new(),
            config,
        }
    }

    /// Takes in a datagram that `target.address` sent to listener `target.local_endpoint`.
    ///
    /// A peer gets state only for a well-formed request; anything else from an unknown address is
    /// answered from nothing or ignored.
    pub fn handle_datagram(&mut self, now: Instant, target: Target, bytes: &[u8]) {
        let peer = match self.peers.touch(target) {
            Some(peer) => peer,
            None => match self.welcome(now, target, bytes) {
                Some(peer) => peer,
                None => return,
            },
        };
        self.coap.handle_datagram(now, peer, bytes);
        self.pump(now);
    }

    /// Acts on deadlines at or before `now`. Calling early or twice does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.coap.handle_timeout(now);
        self.pump(now);
    }

    /// Takes back the outcome of an [`Effect::Registry`] and answers the device.
    pub fn handle_registry(&mut self, now: Instant, outcome: &Outcome) {
        if let Some((exchange, response)) = self.uplinks.answer(outcome) {
            // The exchange may be over: the peer was closed. Then nobody waits for the answer.
            let _ = self.coap.respond(now, exchange, response);
        }
        self.pump(now);
    }

    /// Sends an operation to a device.
    ///
    /// `root` is the alternate path that the device registered (`""` or for example `"/lwm2m"`),
    /// `timeout` how long to wait for the answer after the device acknowledged the request. The
    /// outcome is an [`Event::Reply`] for `call`, later in any case. Requests to one device wait for
    /// each other (RFC 7252 §4.7, NSTART).
    pub fn call(
        &mut self,
        now: Instant,
        call: CallId,
        target: Target,
        root: &str,
        operation: Downlink,
        timeout: Duration,
    ) {
        if let Err(failure) = self.start(now, call, target, root, operation, timeout) {
            self.events.push_back(Event::Reply {
                call,
                result: Err(failure),
                observing: false,
            });
        }
        self.pump(now);
    }

    /// Withdraws a call without telling the device; no event follows. Of an observation the device
    /// learns at its next notification, by a reset (RFC 7641 §3.6).
    pub fn cancel(&mut self, now: Instant, call: CallId) {
        if let Some(request) = self.calls.get(&call).map(|call| call.request) {
            self.forget(request);
            self.coap.cancel(now, request);
        }
        self.pump(now);
    }

    /// Withdraws an observation and tells the device by a request with Observe=1 and the same token
    /// (LwM2M 1.0 §5.5.3); no event follows.
    pub fn cancel_actively(&mut self, now: Instant, call: CallId) {
        if let Some(request) = self.calls.get(&call).map(|call| call.request) {
            self.forget(request);
            // An observation that has ended by itself needs no telling.
            let _ = self.coap.cancel_observation(now, request, true);
        }
        self.pump(now);
    }

    /// Ends all calls to an address with [`CallFailure::Cancelled`], in the order in which they began: the
    /// device registered anew, moved or left, and what it was asked before has no meaning any more.
    pub fn cancel_target(&mut self, now: Instant, target: Target) {
        for call in self.calls_to.remove(&target).unwrap_or_default() {
            let observing = self.calls.get(&call).is_some_and(|call| call.observing);
            self.cancel(now, call);
            self.events.push_back(if observing {
                Event::Notification {
                    call,
                    result: Err(CallFailure::Cancelled),
                    last: true,
                }
            } else {
                Event::Reply {
                    call,
                    result: Err(CallFailure::Cancelled),
                    observing: false,
                }
            });
        }
    }

    /// The next datagram to send, written into `out`.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut DatagramBuf<'_>) -> Option<Transmit> {
        if let Some((target, bytes)) = self.strangers.pop_front() {
            out.clear();
            out.space().get_mut(..bytes.len())?.copy_from_slice(&bytes);
            out.set_len(bytes.len());
            return Some(Transmit {
                target,
                len: bytes.len(),
            });
        }
        loop {
            let transmit = self.coap.poll_transmit(now, out)?;
            if let Some(target) = self.peers.target(transmit.peer) {
                return Some(Transmit {
                    target,
                    len: transmit.len,
                });
            }
        }
    }

    /// The next thing that the world has to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), `None` when no timer runs. Changes
    /// after every `handle_*`, `call`, `cancel` and `poll_transmit`.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.coap.poll_timeout()
    }

    /// How full the tables are.
    pub fn tables(&self) -> Tables {
        Tables {
            peers: self.peers.len(),
            calls: self.calls.len(),
            uplinks: self.uplinks.len(),
            coap: self.coap.tables(),
        }
    }

    /// The shard whose stack issued a ticket: where an outcome has to go.
    pub const fn shard_of(ticket: Ticket) -> u16 {
        // The upper 16 of 64 bits.
        (ticket.get() >> SHARD_SHIFT) as u16
    }

    /// The number of a ticket among those of its shard.
    pub const fn number_of(ticket: Ticket) -> u64 {
        ticket.get() & ((1 << SHARD_SHIFT) - 1)
    }

    /// Counters of the CoAP endpoint.
    pub fn stats(&self) -> coap_endpoint::Stats {
        self.coap.stats()
    }

    fn start(
        &mut self,
        now: Instant,
        call: CallId,
        target: Target,
        root: &str,
        operation: Downlink,
        timeout: Duration,
    ) -> Result<(), CallFailure> {
        if self.calls.len() >= self.config.calls || self.calls.contains_key(&call) {
            return Err(CallFailure::Overloaded);
        }
        let request = operation.to_request(root)?;
        let peer = match self.peers.touch(target) {
            Some(peer) => peer,
            None => self.open(now, target).ok_or(CallFailure::Overloaded)?,
        };
        let mut options = RequestOptions::default();
        options.timeout = timeout;
        let request = self.coap.request(now, peer, request, options)?;
        self.peers.count_call(peer, true);
        self.requests.insert(request, call);
        self.calls_to.entry(target).or_default().push(call);
        self.calls.insert(
            call,
            Call {
                request,
                target,
                operation,
                observing: false,
            },
        );
        Ok(())
    }

    /// Whether an unknown address gets a peer.
    fn welcome(&mut self, now: Instant, target: Target, bytes: &[u8]) -> Option<Peer> {
        let mut memory = [0; 4];
        let mut out = DatagramBuf::new(&mut memory, 0, 0);
        match coap_endpoint::answer_stranger(bytes, &mut out) {
            StrangerVerdict::Open => self.open(now, target),
            StrangerVerdict::Reply => {
                if let Ok(reply) = <[u8; 4]>::try_from(out.bytes())
                    && self.strangers.len() < MAX_STRANGERS
                {
                    self.strangers.push_back((target, reply));
                }
                None
            }
            _ => None,
        }
    }

    fn open(&mut self, now: Instant, target: Target) -> Option<Peer> {
        if self.peers.is_full() {
            let victim = self.peers.expendable(EVICTION_SEARCH)?;
            self.close(now, victim);
        }
        let peer = self.peers.open(target)?;
        let info = PeerInfo {
            local_endpoint: target.local_endpoint,
            max_datagram: self.config.max_datagram,
            ..PeerInfo::default()
        };
        self.coap.open_peer(now, peer, info);
        Some(peer)
    }

    fn close(&mut self, now: Instant, peer: Peer) {
        self.coap.close_peer(now, peer, CloseReason::Idle);
        self.peers.close(peer);
    }

    /// Carries what the CoAP endpoint tells to where it belongs.
    fn pump(&mut self, now: Instant) {
        while let Some(event) = self.coap.poll_event() {
            self.on_coap(now, event);
        }
    }

    fn on_coap(&mut self, now: Instant, event: coap_endpoint::Event) {
        use coap_endpoint::Event as Coap;
        match event {
            Coap::Request {
                peer,
                exchange,
                request,
                confirmable,
                ..
            } => {
                let Some(target) = self.peers.target(peer) else {
                    return;
                };
                let asked = self
                    .uplinks
                    .ask(target, exchange, &request, confirmable, &self.config);
                match asked {
                    Ok(effect) => self.effects.push_back(effect),
                    Err((response, refusal)) => {
                        let _ = self.coap.respond(now, exchange, response);
                        if let Some((ticket, refusal)) = refusal {
                            self.events.push_back(Event::Refused {
                                ticket,
                                target,
                                refusal,
                            });
                        }
                    }
                }
            }
            Coap::Response {
                request,
                response,
                observing,
                ..
            } => {
                let Some(&call) = self.requests.get(&request) else {
                    return;
                };
                let result = match self.calls.get_mut(&call) {
                    Some(running) => {
                        running.observing = observing;
                        decode_response(&running.operation, &response).map_err(CallFailure::from)
                    }
                    None => return,
                };
                if !observing {
                    self.forget(request);
                }
                self.events.push_back(Event::Reply {
                    call,
                    result,
                    observing,
                });
            }
            Coap::Notification {
                request,
                response,
                last,
                ..
            } => {
                let Some((&call, running)) = self
                    .requests
                    .get(&request)
                    .and_then(|call| self.calls.get_key_value(call))
                else {
                    return;
                };
                let result =
                    decode_response(&running.operation, &response).map_err(CallFailure::from);
                if last {
                    self.forget(request);
                }
                self.events
                    .push_back(Event::Notification { call, result, last });
            }
            Coap::NotificationLost {
                request, failure, ..
            } => {
                if let Some(&call) = self.requests.get(&request) {
                    self.events.push_back(Event::Notification {
                        call,
                        result: Err(failure.into()),
                        last: false,
                    });
                }
            }
            Coap::Failed {
                request, failure, ..
            } => {
                let Some((call, running)) = self.forget(request) else {
                    return;
                };
                let result = Err(failure.into());
                self.events.push_back(if running.observing {
                    Event::Notification {
                        call,
                        result,
                        last: true,
                    }
                } else {
                    Event::Reply {
                        call,
                        result,
                        observing: false,
                    }
                });
            }
            Coap::PeerIdle { peer, .. } => self.close(now, peer),
            // This stack serves no observations and sends no pings.
            _ => {}
        }
    }

    fn forget(&mut self, request: RequestId) -> Option<(CallId, Call)> {
        let call = self.requests.remove(&request)?;
        self.peers.count_call(request.peer(), false);
        let running = self.calls.remove(&call)?;
        if let Some(calls) = self.calls_to.get_mut(&running.target) {
            calls.retain(|&other| other != call);
            if calls.is_empty() {
                self.calls_to.remove(&running.target);
            }
        }
        Some((call, running))
    }
}
