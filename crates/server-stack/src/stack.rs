mod calls;
mod secured;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use coap_endpoint::{CloseReason, Endpoint, PeerInfo, RequestId, StrangerVerdict};
use hashbrown::HashMap;
use lwm2m_identity::Identity;
use lwm2m_ops::decode_response;
use registry_core::{Done, Outcome};
use sansio::{DatagramBuf, Instant, Peer, Rng, Ticket, TimerWheel};

use crate::{
    CallFailure, CallId, Config, Effect, Event, Target, Transmit,
    peers::{Peers, Place},
    uplink::{SHARD_SHIFT, Sender, Uplinks},
};
use calls::Call;
use secured::Secured;

/// An LwM2M server's protocol for the peers of one shard: DTLS, CoAP, operations and the way to the registry.
///
/// Holds no socket, clock or thread and not the registry itself, which all shards share: a
/// registration request leaves as [`Effect::Registry`] and is answered when its outcome comes back.
/// After each `handle_*` or [`call`](Self::call) drain `poll_effect`, `poll_event` and `poll_transmit`.
#[derive(Debug)]
pub struct ServerStack {
    config: Config,
    coap: Endpoint,
    peers: Peers,
    secured: Option<Box<Secured>>,
    uplinks: Uplinks,
    calls: HashMap<CallId, Call>,
    /// The calls to each peer, in the order in which they began.
    calls_to: HashMap<Peer, Vec<CallId>>,
    requests: HashMap<RequestId, CallId>,
    /// The calls that wait for a session of an identity, in the order in which they began, and until when.
    waiting: HashMap<Identity, Vec<CallId>>,
    timers: TimerWheel<CallId>,
    events: VecDeque<Event>,
    effects: VecDeque<Effect>,
    /// Answers to peers that get no state: resets, four bytes each.
    strangers: VecDeque<(Target, [u8; 4])>,
}

/// Entries per table; all but `peers` go back to zero when everything has ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tables {
    /// Peers with transport state, sessions among them.
    pub peers: usize,
    /// Calls that wait for a session.
    pub waiting: usize,
    /// Identities with sessions count once for each.
    pub sessions: usize,
    /// The tables of the DTLS endpoint; all zero where no listener speaks it.
    pub dtls: dtls_core::Tables,
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
    /// Bytes in front of a datagram that [`poll_transmit`](Self::poll_transmit) needs where a listener speaks DTLS.
    pub const HEADROOM: usize = dtls_core::Endpoint::HEADROOM;
    /// Bytes behind a datagram that [`poll_transmit`](Self::poll_transmit) needs where a listener speaks DTLS.
    pub const TAILROOM: usize = dtls_core::Endpoint::TAILROOM;

    /// A stack without peers. `seed` must be unpredictable and used once: tokens, cookies and keys come from it.
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        let mut coap = config.coap.clone();
        let mut coap_seed = seed;
        let secured = config.security.as_ref().map(|security| {
            let mut rng = Rng::from_seed(seed);
            coap_seed = rng.seed();
            // Every session has a peer, beside those without security.
            let peers = config.peers.saturating_add(security.dtls.sessions);
            coap.limits.peers = coap.limits.peers.max(peers.saturating_add(1));
            Secured::new(security, now, Rng::from_seed(rng.seed()))
        });
        Self {
            coap: Endpoint::new(coap, coap_seed, now),
            peers: Peers::new(config.peers),
            secured,
            uplinks: Uplinks::new(&config),
            calls: HashMap::new(),
            calls_to: HashMap::new(),
            requests: HashMap::new(),
            waiting: HashMap::new(),
            timers: TimerWheel::new(now),
            events: VecDeque::new(),
            effects: VecDeque::new(),
            strangers: VecDeque::new(),
            config,
        }
    }

    /// Takes in a datagram that `target.address` sent to listener `target.local_endpoint`. Where that speaks DTLS, `bytes`
    /// are opened in place.
    ///
    /// Without security a peer gets state only for a well-formed request; anything else from an unknown address is
    /// answered from nothing or ignored.
    pub fn handle_datagram(&mut self, now: Instant, target: Target, bytes: &mut [u8]) {
        if self.is_secured(target.local_endpoint) {
            self.handle_sealed(now, target, bytes);
            return;
        }
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
        if let Some(secured) = &mut self.secured {
            secured.dtls.handle_timeout(now);
        }
        self.coap.handle_timeout(now);
        self.give_up_waiting(now);
        self.pump(now);
    }

    /// Takes back the outcome of an [`Effect::Registry`] and answers the device; one that has proven who it is learns why
    /// it is refused.
    pub fn handle_registry(&mut self, now: Instant, outcome: &Outcome) {
        if let Some(exchange) = self.uplinks.end(outcome) {
            let response = match self.peers.place(exchange.peer()) {
                Place::Session(_) => outcome.to_explained_response(),
                Place::Plain(_) | Place::Free => outcome.to_response(),
            };
            // The exchange may be over: the peer was closed. Then nobody waits for the answer.
            let _ = self.coap.respond(now, exchange, response);
            if let Ok(Done::Registered(_) | Done::Updated(_)) = outcome.result
                && let Some((_, identity)) = self.whereabouts(exchange.peer())
            {
                self.run_waiting(now, &identity, exchange.peer());
            }
        }
        self.pump(now);
    }

    /// The next datagram to send, written into `out`, and sealed there if it goes to a session. Where a listener speaks
    /// DTLS, `out` needs [`HEADROOM`](Self::HEADROOM) and [`TAILROOM`](Self::TAILROOM): what cannot be sealed is not sent.
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
        if let Some(secured) = &mut self.secured
            && let Some(transmit) = secured.dtls.poll_transmit(now, out)
        {
            return Some(Transmit {
                target: secured::target(transmit.path),
                len: transmit.len,
            });
        }
        loop {
            let transmit = self.coap.poll_transmit(now, out)?;
            match self.peers.place(transmit.peer) {
                Place::Free => {}
                Place::Plain(target) => {
                    return Some(Transmit {
                        target,
                        len: transmit.len,
                    });
                }
                Place::Session(session) => {
                    // What cannot be sealed is lost, as if on the way: the address may not be proven yet.
                    if let Some(secured) = &mut self.secured
                        && let Ok(path) = secured.dtls.seal(session, out)
                    {
                        return Some(Transmit {
                            target: secured::target(path),
                            len: out.bytes().len(),
                        });
                    }
                }
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
        let dtls = self.secured.as_ref();
        [
            self.coap.poll_timeout(),
            dtls.and_then(|secured| secured.dtls.poll_timeout()),
            self.timers.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// How full the tables are.
    pub fn tables(&self) -> Tables {
        Tables {
            peers: self.peers.len(),
            waiting: self.timers.len(),
            sessions: self
                .secured
                .as_ref()
                .map_or(0, |secured| secured.sessions.len()),
            dtls: self
                .secured
                .as_ref()
                .map(|secured| secured.dtls.tables())
                .unwrap_or_default(),
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

    /// Counters of the DTLS endpoint.
    pub fn dtls_stats(&self) -> dtls_core::Stats {
        let secured = self.secured.as_ref();
        secured
            .map(|secured| secured.dtls.stats())
            .unwrap_or_default()
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

    /// Carries what the endpoints tell to where it belongs.
    fn pump(&mut self, now: Instant) {
        self.pump_dtls(now);
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
                let Some((target, identity)) = self.whereabouts(peer) else {
                    return;
                };
                let sender = Sender { target, identity };
                let asked = self
                    .uplinks
                    .ask(sender, exchange, &request, confirmable, &self.config);
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
                    self.forget(call);
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
                    self.forget(call);
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
                let Some(&call) = self.requests.get(&request) else {
                    return;
                };
                if let Some((running, _)) = self.forget(call) {
                    self.tell_end(call, running.observing, failure.into());
                }
            }
            // A session stays one when nothing is under way in it.
            Coap::PeerIdle { peer, .. } => {
                if let Place::Plain(_) = self.peers.place(peer) {
                    self.close(now, peer);
                }
            }
            // This stack serves no observations and sends no pings.
            _ => {}
        }
    }
}
