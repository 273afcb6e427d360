use alloc::boxed::Box;
use alloc::vec::Vec;

use coap_codec::BlockSize;
use sansio::{Instant, Pages, Peer, TimerId};

use crate::Event;
use crate::message_layer::{MessageIds, Outgoing, Remembered};
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

/// Everything that is remembered of one peer that is busy; of others it is a [`Resting`].
#[derive(Debug)]
pub(crate) struct PeerState {
    pub(crate) peer: Peer,
    pub(crate) info: PeerInfo,
    // The message layer.
    pub(crate) mids: MessageIds,
    pub(crate) dedup: Remembered,
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

/// A peer with nothing under way, in little memory: most peers are such, most of the time.
#[derive(Debug)]
struct Resting {
    generation: u32,
    max_datagram: u16,
    local_endpoint: u16,
    verified: bool,
    multicast: bool,
    idle_told: bool,
    /// Where message ids go on.
    next_mid: u16,
    /// Those that may not be used again yet.
    mids: Option<Box<MessageIds>>,
    dedup: Remembered,
    idle_timer: Option<TimerId>,
}

impl Resting {
    fn info(&self) -> PeerInfo {
        PeerInfo {
            local_endpoint: self.local_endpoint,
            verified: self.verified,
            max_datagram: self.max_datagram.into(),
            multicast: self.multicast,
        }
    }
}

impl PeerState {
    fn new(slot: u32, resting: Resting) -> Self {
        Self {
            peer: Peer::new(slot, resting.generation),
            info: resting.info(),
            mids: match resting.mids {
                Some(mids) => *mids,
                None => MessageIds::new(resting.next_mid),
            },
            dedup: resting.dedup,
            out: Outgoing::default(),
            requests: Vec::new(),
            exchanges: Vec::new(),
            uploads: Vec::new(),
            downloads: Vec::new(),
            relations: Vec::new(),
            delayed: Vec::new(),
            echo: None,
            idle_timer: resting.idle_timer,
            idle_told: resting.idle_told,
        }
    }

    /// Becomes another peer, and keeps the memory of its lists.
    fn become_peer(&mut self, slot: u32, resting: Resting) {
        self.peer = Peer::new(slot, resting.generation);
        self.info = resting.info();
        self.mids = match resting.mids {
            Some(mids) => *mids,
            None => MessageIds::new(resting.next_mid),
        };
        self.dedup = resting.dedup;
        self.idle_timer = resting.idle_timer;
        self.idle_told = resting.idle_told;
    }

    /// Whether nothing is under way.
    fn may_rest(&self) -> bool {
        self.out.is_still()
            && self.requests.is_empty()
            && self.exchanges.is_empty()
            && self.uploads.is_empty()
            && self.downloads.is_empty()
            && self.relations.is_empty()
            && self.delayed.is_empty()
            && self.echo.is_none()
    }

    /// Takes out what is to be kept of a peer with nothing under way.
    fn rest(&mut self) -> Resting {
        Resting {
            generation: self.peer.generation(),
            // No datagram is longer than that.
            max_datagram: u16::try_from(self.info.max_datagram).unwrap_or(u16::MAX),
            local_endpoint: self.info.local_endpoint,
            verified: self.info.verified,
            multicast: self.info.multicast,
            idle_told: self.idle_told,
            next_mid: self.mids.next(),
            mids: (!self.mids.is_unused()).then(|| Box::new(self.mids)),
            dedup: core::mem::take(&mut self.dedup),
            idle_timer: self.idle_timer,
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
        let lifetime = cx.exchange_lifetime;
        match self.mids.clear_at(now, lifetime) {
            None => {
                self.idle_told = true;
                cx.event(Event::PeerIdle { peer: self.peer });
            }
            Some(at) => self.arm_idle(cx, at),
        }
    }

    /// Something is about to be remembered of the peer. When that is forgotten, idleness is looked
    /// for again.
    pub(crate) fn is_active(&mut self, cx: &mut Shared) {
        self.idle_told = false;
        self.stop_idle_timer(cx);
    }

    fn stop_idle_timer(&mut self, cx: &mut Shared) {
        if let Some(timer) = self.idle_timer.take() {
            cx.wheel.cancel(timer);
        }
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

    fn clear(&mut self, cx: &mut Shared) {
        self.stop_idle_timer(cx);
        self.clear_requests(cx);
        self.clear_server(cx);
        self.clear_outgoing(cx);
        cx.dedup.clear(&mut self.dedup);
        self.echo = None;
    }
}

/// All peers, by slot.
///
/// Whoever is asked for by [`get_mut`](Self::get_mut) is awake until the next [`settle`](Self::settle)
/// finds it with nothing under way.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    places: Pages<Aligned>,
    /// Slots of peers that may go to rest.
    touched: Vec<u32>,
    /// Memory of peers that went to rest.
    #[allow(
        clippy::vec_box,
        reason = "a box that moves between here and a place is not copied"
    )]
    spare: Vec<Box<PeerState>>,
}

/// What stands in a slot: a cache line, aligned from outside because an enum that is aligned keeps its tag apart.
#[derive(Debug)]
#[repr(align(64))]
struct Aligned(Place);

#[derive(Debug)]
enum Place {
    Closed,
    Resting(Resting),
    Awake(Box<PeerState>),
}

impl Place {
    fn generation(&self) -> Option<u32> {
        match self {
            Self::Closed => None,
            Self::Resting(resting) => Some(resting.generation),
            Self::Awake(state) => Some(state.peer.generation()),
        }
    }
}

impl Peers {
    /// Counts again what the tables say.
    #[cfg(test)]
    pub(crate) fn recount(&self, cx: &Shared) -> crate::Tables {
        let mut tables = crate::Tables::default();
        for (slot, Aligned(place)) in (0..).zip(self.places.iter()) {
            let dedup = match place {
                Place::Closed => continue,
                Place::Resting(resting) => &resting.dedup,
                Place::Awake(state) => &state.dedup,
            };
            tables.peers += 1;
            let (len, bytes) = cx.dedup.recount(slot, dedup);
            tables.dedup += len;
            tables.dedup_bytes += bytes;
            let Place::Awake(state) = place else { continue };
            assert!(!state.may_rest(), "nobody stays awake for nothing");
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

    fn place(&self, peer: Peer) -> Option<&Place> {
        let Aligned(place) = self.places.get(peer.slot() as usize)?;
        (place.generation() == Some(peer.generation())).then_some(place)
    }

    pub(crate) fn is_open(&self, peer: Peer) -> bool {
        self.place(peer).is_some()
    }

    pub(crate) fn info(&self, peer: Peer) -> Option<PeerInfo> {
        match self.place(peer)? {
            Place::Closed => None,
            Place::Resting(resting) => Some(resting.info()),
            Place::Awake(state) => Some(state.info),
        }
    }

    /// Whether it was told that nothing is remembered of the peer.
    pub(crate) fn is_idle(&self, peer: Peer) -> bool {
        match self.place(peer) {
            Some(Place::Resting(resting)) => resting.idle_told,
            Some(Place::Awake(state)) => state.idle_told,
            Some(Place::Closed) | None => false,
        }
    }

    /// The state of a peer that is awake.
    pub(crate) fn awake(&self, peer: Peer) -> Option<&PeerState> {
        match self.place(peer)? {
            Place::Awake(state) => Some(state),
            Place::Closed | Place::Resting(_) => None,
        }
    }

    pub(crate) fn get_mut(&mut self, peer: Peer) -> Option<&mut PeerState> {
        self.place(peer)?;
        self.at_slot(peer.slot())
    }

    /// The peer in a slot.
    pub(crate) fn at_slot(&mut self, slot: u32) -> Option<&mut PeerState> {
        let Aligned(place) = self.places.get_mut(slot as usize)?;
        if let Place::Resting(_) = place
            && let Place::Resting(resting) = core::mem::replace(place, Place::Closed)
        {
            *place = Place::Awake(match self.spare.pop() {
                Some(mut state) => {
                    state.become_peer(slot, resting);
                    state
                }
                None => Box::new(PeerState::new(slot, resting)),
            });
        }
        let Place::Awake(state) = place else {
            return None;
        };
        if self.touched.last() != Some(&slot) {
            self.touched.push(slot);
        }
        Some(state)
    }

    /// The messages remembered of the peer in a slot, who is not woken.
    pub(crate) fn remembered(&mut self, slot: u32) -> Option<&mut Remembered> {
        let Aligned(place) = self.places.get_mut(slot as usize)?;
        match place {
            Place::Closed => None,
            Place::Resting(resting) => Some(&mut resting.dedup),
            Place::Awake(state) => Some(&mut state.dedup),
        }
    }

    /// Puts those to rest that were awake and have nothing under way.
    pub(crate) fn settle(&mut self) {
        while let Some(slot) = self.touched.pop() {
            let Some(Aligned(place)) = self.places.get_mut(slot as usize) else {
                continue;
            };
            if let Place::Awake(state) = place
                && state.may_rest()
            {
                let resting = state.rest();
                if let Place::Awake(state) = core::mem::replace(place, Place::Resting(resting))
                    && self.spare.len() < SPARE
                {
                    self.spare.push(state);
                }
            }
        }
    }

    /// Opens `peer`; `false` when its slot is beyond the limit. Another peer in the slot is closed.
    pub(crate) fn open(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        peer: Peer,
        info: PeerInfo,
    ) -> bool {
        let slot = peer.slot();
        if slot as usize >= cx.config.limits.peers {
            return false;
        }
        if let Some(state) = self.get_mut(peer) {
            state.info = info;
            return true;
        }
        self.close_slot(cx, slot);
        while self.places.len() <= slot as usize {
            self.places.push(Aligned(Place::Closed));
        }
        let Some(Aligned(place)) = self.places.get_mut(slot as usize) else {
            return false;
        };
        *place = Place::Resting(Resting {
            generation: peer.generation(),
            max_datagram: 0,
            local_endpoint: 0,
            verified: false,
            multicast: false,
            idle_told: false,
            next_mid: u16::try_from(cx.rng.below(1 << 16)).unwrap_or_default(),
            mids: None,
            dedup: Remembered::default(),
            idle_timer: None,
        });
        cx.tables.peers = cx.tables.peers.saturating_add(1);
        if let Some(state) = self.get_mut(peer) {
            state.info = info;
            state.arm_idle(cx, now + cx.exchange_lifetime);
        }
        true
    }

    pub(crate) fn close(&mut self, cx: &mut Shared, peer: Peer) {
        if self.is_open(peer) {
            self.close_slot(cx, peer.slot());
        }
    }

    fn close_slot(&mut self, cx: &mut Shared, slot: u32) {
        let Some(state) = self.at_slot(slot) else {
            return;
        };
        state.clear(cx);
        cx.tables.peers = cx.tables.peers.saturating_sub(1);
        if let Some(Aligned(place)) = self.places.get_mut(slot as usize)
            && let Place::Awake(state) = core::mem::replace(place, Place::Closed)
            && self.spare.len() < SPARE
        {
            self.spare.push(state);
        }
        if cx.tables.peers == 0 && self.places.len() > SPARE {
            self.places.clear();
        }
    }
}

/// States of peers that went to rest whose memory is kept for the next.
const SPARE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    /// The state of most peers of a server, most of the time.
    #[test]
    fn a_resting_peer_is_a_cache_line() {
        if cfg!(target_pointer_width = "64") {
            assert_eq!((size_of::<Aligned>(), align_of::<Aligned>()), (64, 64));
        }
    }

    #[test]
    fn peers_rest_when_nothing_is_under_way_and_come_back_the_same() {
        let now = Instant::ZERO;
        let mut cx = Shared::new(Config::default(), [1; 32], now);
        let mut peers = Peers::default();
        let info = PeerInfo {
            local_endpoint: 3,
            verified: true,
            max_datagram: 200,
            multicast: true,
        };
        for slot in 0..1000 {
            assert!(peers.open(&mut cx, now, Peer::new(slot, 7), info));
        }
        peers.settle();
        assert!(peers.spare.len() <= SPARE);
        let peer = Peer::new(99, 7);
        assert!(peers.is_open(peer) && peers.awake(peer).is_none());
        assert_eq!(peers.info(peer), Some(info));
        let state = peers.get_mut(peer).unwrap();
        assert_eq!((state.peer, state.info), (peer, info));
        let lifetime = cx.exchange_lifetime;
        let mid = state.mids.take(now, lifetime).unwrap();
        peers.settle();
        assert!(peers.awake(peer).is_none());
        let state = peers.get_mut(peer).unwrap();
        assert_eq!(state.mids.take(now, lifetime), Some(mid.wrapping_add(1)));
        let clear = state.mids.clear_at(now, lifetime);
        assert!(clear.is_some(), "ids in use are remembered");
        assert!(peers.get_mut(Peer::new(99, 8)).is_none());
        assert!(peers.get_mut(Peer::new(1000, 7)).is_none());
    }
}
