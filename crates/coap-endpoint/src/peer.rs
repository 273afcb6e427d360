use alloc::boxed::Box;
use alloc::vec::Vec;

use coap_codec::BlockSize;
use sansio::{Instant, Peer, TimerId};

use crate::Event;
use crate::message_layer::{Dedup, MessageIds, Outgoing};
use crate::request_layer::{ClientRequest, Delayed, Download, Echo, Exchange, Relation, Upload};
use crate::shared::{Shared, Timer, TimerKind};

/// What the transport knows about a peer when it is opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "the transport builds it")]
pub struct PeerInfo {
    /// Which of our own addresses the peer talks to; the endpoint only carries it.
    pub local_endpoint: u16,
    /// Whether the peer is known to receive at its address, for instance by a DTLS handshake. Until
    /// it is, no answer exceeds three times its request, and an observation is accepted only
    /// after an Echo (RFC 9175).
    pub verified: bool,
    /// The largest datagram, in bytes of CoAP, that may be sent to the peer; 1152 is safe on the
    /// internet.
    pub max_datagram: usize,
    /// Whether the peer's requests come in by a multicast address: errors stay unanswered then, and
    /// answers are delayed by up to the leisure time (RFC 7252 §8.2).
    pub multicast: bool,
}

impl Default for PeerInfo {
    /// An unverified peer on the internet.
    fn default() -> Self {
        Self {
            local_endpoint: 0,
            verified: false,
            max_datagram: 1152,
            multicast: false,
        }
    }
}

/// Everything that is remembered of one peer.
#[derive(Debug)]
pub(crate) struct PeerState {
    pub(crate) peer: Peer,
    pub(crate) info: PeerInfo,
    // The message layer.
    pub(crate) mids: MessageIds,
    pub(crate) dedup: Dedup,
    pub(crate) out: Outgoing,
    // The request layer, client role.
    pub(crate) requests: Vec<ClientRequest>,
    // The request layer, server role.
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) uploads: Vec<Upload>,
    pub(crate) downloads: Vec<Download>,
    pub(crate) relations: Vec<Relation>,
    pub(crate) delayed: Vec<Delayed>,
    pub(crate) echo: Option<Echo>,
    idle_timer: Option<TimerId>,
    idle_told: bool,
}

impl PeerState {
    fn new(peer: Peer, info: PeerInfo, first_mid: u16) -> Self {
        Self {
            peer,
            info,
            mids: MessageIds::new(first_mid),
            dedup: Dedup::default(),
            out: Outgoing::default(),
            requests: Vec::new(),
            exchanges: Vec::new(),
            uploads: Vec::new(),
            downloads: Vec::new(),
            relations: Vec::new(),
            delayed: Vec::new(),
            echo: None,
            idle_timer: None,
            idle_told: false,
        }
    }

    /// The block size for messages to this peer whose options take about `options` bytes.
    pub(crate) fn block_size(&self, cx: &Shared, options: usize) -> BlockSize {
        // Header, token, block and size options, entity-tag, marker.
        let around = options.saturating_add(4 + 8 + 24 + 1);
        let room = self.info.max_datagram.saturating_sub(around);
        BlockSize::from_bytes(room)
            .unwrap_or(BlockSize::B16)
            .min(cx.config.block_size)
            .min(BlockSize::B1024)
    }

    /// Whether a body goes into one message with about `options` bytes of options: it is no larger
    /// than a block, and the datagram has room. A few options may still be added.
    pub(crate) fn fits_whole(&self, cx: &Shared, options: usize, body: usize) -> bool {
        let around = options.saturating_add(4 + 8 + 12 + 1);
        let largest = cx.config.block_size.min(BlockSize::B1024).bytes();
        body <= largest && around.saturating_add(body) <= self.info.max_datagram
    }

    /// The peer has shown that it receives at its address.
    pub(crate) fn verify(&mut self, cx: &mut Shared) {
        if !self.info.verified {
            self.info.verified = true;
            self.echo = None;
            cx.event(Event::PeerVerified { peer: self.peer });
        }
    }

    /// Whether nothing is remembered but, perhaps, message ids that may not be used again yet.
    fn is_empty(&self) -> bool {
        self.dedup.is_empty()
            && self.out.is_empty()
            && self.requests.is_empty()
            && self.exchanges.is_empty()
            && self.uploads.is_empty()
            && self.downloads.is_empty()
            && self.relations.is_empty()
            && self.delayed.is_empty()
    }

    /// Tells that the peer is idle when it is, once.
    pub(crate) fn check_idle(&mut self, cx: &mut Shared, now: Instant) {
        if !self.is_empty() {
            self.idle_told = false;
            return;
        }
        if self.idle_told {
            return;
        }
        let lifetime = cx.config.transmission.exchange_lifetime();
        match self.mids.clear_at(now, lifetime) {
            None => {
                self.idle_told = true;
                cx.event(Event::PeerIdle { peer: self.peer });
            }
            Some(at) => self.arm_idle(cx, at),
        }
    }

    /// Something is about to be remembered of the peer.
    pub(crate) fn wake(&mut self) {
        self.idle_told = false;
    }

    pub(crate) fn idle_timer_fired(&mut self, cx: &mut Shared, now: Instant) {
        self.idle_timer = None;
        self.check_idle(cx, now);
    }

    fn arm_idle(&mut self, cx: &mut Shared, at: Instant) {
        if self.idle_timer.is_none() {
            let timer = Timer {
                peer: self.peer,
                kind: TimerKind::Idle,
            };
            self.idle_timer = Some(cx.wheel.set(at, timer));
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.idle_told
    }

    fn clear(&mut self, cx: &mut Shared) {
        if let Some(timer) = self.idle_timer.take() {
            cx.wheel.cancel(timer);
        }
        self.clear_requests(cx);
        self.clear_server(cx);
        self.clear_outgoing(cx);
        let bytes = self.dedup.bytes();
        cx.tables.dedup = cx.tables.dedup.saturating_sub(self.dedup.len());
        cx.tables.dedup_bytes = cx.tables.dedup_bytes.saturating_sub(bytes);
    }
}

/// All peers, by slot.
#[derive(Debug, Default)]
pub(crate) struct Peers(Vec<Option<Box<PeerState>>>);

impl Peers {
    /// Counts again what the tables say.
    #[cfg(test)]
    pub(crate) fn recount(&self) -> crate::Tables {
        let mut tables = crate::Tables::default();
        for state in self.0.iter().flatten() {
            tables.peers += 1;
            tables.dedup += state.dedup.len();
            tables.dedup_bytes += state.dedup.bytes();
            tables.in_flight += state.out.in_flight();
            tables.queued += state.out.queued() + state.delayed.len();
            tables.requests += state.requests.len();
            tables.observations += state
                .requests
                .iter()
                .filter(|running| running.observe)
                .count();
            tables.exchanges += state.exchanges.len();
            tables.uploads += state.uploads.len();
            tables.upload_bytes += state.upload_bytes();
            tables.downloads += state.downloads.len();
            tables.download_bytes += state.download_bytes();
            tables.relations += state.relations.len();
        }
        tables
    }

    pub(crate) fn get(&self, peer: Peer) -> Option<&PeerState> {
        let slot = usize::try_from(peer.slot()).ok()?;
        let state = self.0.get(slot)?.as_deref()?;
        (state.peer == peer).then_some(state)
    }

    pub(crate) fn get_mut(&mut self, peer: Peer) -> Option<&mut PeerState> {
        let slot = usize::try_from(peer.slot()).ok()?;
        let state = self.0.get_mut(slot)?.as_deref_mut()?;
        (state.peer == peer).then_some(state)
    }

    /// Opens `peer`; `false` when its slot is beyond the limit. Another peer in the slot is closed.
    pub(crate) fn open(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        peer: Peer,
        info: PeerInfo,
    ) -> bool {
        let Ok(slot) = usize::try_from(peer.slot()) else {
            return false;
        };
        if slot >= cx.config.limits.peers {
            return false;
        }
        if let Some(state) = self.get_mut(peer) {
            state.info = info;
            return true;
        }
        self.close_slot(cx, slot);
        while self.0.len() <= slot {
            self.0.push(None);
        }
        let first_mid = u16::try_from(cx.rng.below(1 << 16)).unwrap_or_default();
        let mut state = Box::new(PeerState::new(peer, info, first_mid));
        let lifetime = cx.config.transmission.exchange_lifetime();
        state.arm_idle(cx, now + lifetime);
        if let Some(place) = self.0.get_mut(slot) {
            *place = Some(state);
            cx.tables.peers = cx.tables.peers.saturating_add(1);
        }
        true
    }

    pub(crate) fn close(&mut self, cx: &mut Shared, peer: Peer) {
        if self.get(peer).is_some()
            && let Ok(slot) = usize::try_from(peer.slot())
        {
            self.close_slot(cx, slot);
        }
    }

    fn close_slot(&mut self, cx: &mut Shared, slot: usize) {
        if let Some(mut state) = self.0.get_mut(slot).and_then(Option::take) {
            state.clear(cx);
            cx.tables.peers = cx.tables.peers.saturating_sub(1);
        }
    }
}
