use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use sansio::{Pages, Peer};

use crate::Target;

/// The table of transport peers: address to slot and back, and who was silent longest.
///
/// Without security a peer *is* its address; with security it is a session, and only the DTLS endpoint knows where that
/// is. Slots are used again; whoever opens one gets a generation that nobody had before.
#[derive(Debug)]
pub(crate) struct Peers {
    slots: Pages<Slot>,
    free: Vec<u32>,
    /// Slots of peers without security by their target, which stands in the slot alone.
    by_target: HashTable<u32>,
    hasher: DefaultHashBuilder,
    oldest: u32,
    newest: u32,
    /// Of peers without security: strangers must not take the place of sessions.
    limit: usize,
    /// How many sessions there are.
    sessions: usize,
    next_generation: u32,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    place: Place,
    older: u32,
    newer: u32,
    /// Calls that run to this peer; while there is one, the peer is not closed for another.
    calls: u32,
}

/// Who has a slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// Nobody.
    Free,
    /// An address without security.
    Plain(Target),
    /// A session, by the DTLS endpoint's name.
    Session(Peer),
}

const NONE: u32 = u32::MAX;
/// Slots whose memory is kept while no peer is open.
const KEPT: usize = 64;

impl Peers {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            slots: Pages::new(),
            free: Vec::new(),
            by_target: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            oldest: NONE,
            newest: NONE,
            limit: limit.min(NONE as usize),
            sessions: 0,
            next_generation: 0,
        }
    }

    /// Peers, sessions among them.
    pub(crate) fn len(&self) -> usize {
        self.by_target.len().saturating_add(self.sessions)
    }

    /// Whether there is no room for another peer without security.
    pub(crate) fn is_full(&self) -> bool {
        self.by_target.len() >= self.limit
    }

    /// The peer of an address.
    pub(crate) fn at(&self, target: Target) -> Option<Peer> {
        self.peer(self.find(target)?)
    }

    /// The peer of an address, which counts as heard of now.
    pub(crate) fn touch(&mut self, target: Target) -> Option<Peer> {
        let slot = self.find(target)?;
        if self.newest != slot {
            self.unlink(slot);
            self.link(slot);
        }
        self.peer(slot)
    }

    /// Opens a peer for an address that has none; `None` when the table is full.
    pub(crate) fn open(&mut self, target: Target) -> Option<Peer> {
        if self.is_full() {
            return None;
        }
        let peer = self.take_slot(Place::Plain(target))?;
        let Self {
            slots,
            by_target,
            hasher,
            ..
        } = self;
        by_target.insert_unique(hasher.hash_one(target), peer.slot(), |&slot| {
            match slots.get(slot as usize).map(|slot| slot.place) {
                Some(Place::Plain(target)) => hasher.hash_one(target),
                _ => 0,
            }
        });
        self.link(peer.slot());
        Some(peer)
    }

    /// Opens a peer for a session.
    pub(crate) fn open_session(&mut self, session: Peer) -> Option<Peer> {
        let peer = self.take_slot(Place::Session(session))?;
        self.sessions = self.sessions.saturating_add(1);
        Some(peer)
    }

    fn take_slot(&mut self, place: Place) -> Option<Peer> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = self.slots.push(Slot {
                    generation: 0,
                    place: Place::Free,
                    older: NONE,
                    newer: NONE,
                    calls: 0,
                });
                u32::try_from(slot).ok()?
            }
        };
        let entry = self.slots.get_mut(slot as usize)?;
        entry.generation = self.next_generation;
        entry.place = place;
        self.next_generation = self.next_generation.wrapping_add(1);
        self.peer(slot)
    }

    /// Forgets a peer.
    pub(crate) fn close(&mut self, peer: Peer) {
        let place = self.place(peer);
        match place {
            Place::Free => return,
            Place::Plain(target) => {
                self.unlink(peer.slot());
                let hash = self.hasher.hash_one(target);
                let found = self.by_target.find_entry(hash, |&slot| slot == peer.slot());
                if let Ok(found) = found {
                    found.remove();
                }
            }
            Place::Session(_) => self.sessions = self.sessions.saturating_sub(1),
        }
        if let Some(slot) = self.slots.get_mut(peer.slot() as usize) {
            slot.calls = 0;
            slot.place = Place::Free;
        }
        self.free.push(peer.slot());
        if self.len() == 0 && self.slots.len() > KEPT {
            self.slots.clear();
            self.free = Vec::new();
            self.by_target = HashTable::new();
        }
    }

    /// Who a peer is.
    pub(crate) fn place(&self, peer: Peer) -> Place {
        match self.slots.get(peer.slot() as usize) {
            Some(slot) if slot.generation == peer.generation() => slot.place,
            _ => Place::Free,
        }
    }

    /// A call to the peer begins or ends.
    pub(crate) fn count_call(&mut self, peer: Peer, begins: bool) {
        if self.place(peer) != Place::Free
            && let Some(slot) = self.slots.get_mut(peer.slot() as usize)
        {
            slot.calls = match begins {
                true => slot.calls.saturating_add(1),
                false => slot.calls.saturating_sub(1),
            };
        }
    }

    /// The peer without security to close when another needs room: of the `search` that were silent longest, the
    /// first without a call.
    pub(crate) fn expendable(&self, search: usize) -> Option<Peer> {
        let mut next = self.oldest;
        for _ in 0..search {
            let slot = self.slots.get(next as usize)?;
            if slot.calls == 0 {
                return Some(Peer::new(next, slot.generation));
            }
            next = slot.newer;
        }
        None
    }

    fn find(&self, target: Target) -> Option<u32> {
        let is = |&slot: &u32| {
            let slot = self.slots.get(slot as usize);
            slot.is_some_and(|slot| slot.place == Place::Plain(target))
        };
        let hash = self.hasher.hash_one(target);
        self.by_target.find(hash, is).copied()
    }

    fn peer(&self, slot: u32) -> Option<Peer> {
        let generation = self.slots.get(slot as usize)?.generation;
        Some(Peer::new(slot, generation))
    }

    fn link(&mut self, index: u32) {
        let newest = self.newest;
        if let Some(slot) = self.slots.get_mut(index as usize) {
            (slot.older, slot.newer) = (newest, NONE);
        }
        match self.slots.get_mut(newest as usize) {
            Some(slot) => slot.newer = index,
            None => self.oldest = index,
        }
        self.newest = index;
    }

    fn unlink(&mut self, index: u32) {
        let Some(&Slot { older, newer, .. }) = self.slots.get(index as usize) else {
            return;
        };
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, SocketAddr};

    use super::*;

    fn target(port: u16) -> Target {
        Target {
            local_endpoint: 0,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        }
    }

    #[test]
    fn a_slot_used_again_is_another_peer() {
        let mut peers = Peers::new(1);
        let first = peers.open(target(1)).unwrap();
        assert!(peers.open(target(2)).is_none(), "full");
        peers.close(first);
        peers.close(first);
        let second = peers.open(target(2)).unwrap();
        assert_eq!(first.slot(), second.slot());
        assert_ne!(first, second);
        assert_eq!(peers.place(first), Place::Free);
        assert_eq!(peers.place(second), Place::Plain(target(2)));
        assert_eq!(peers.len(), 1);
    }

    #[test]
    fn a_slot_takes_at_most_52_bytes() {
        assert!(size_of::<Slot>() <= 52, "{}", size_of::<Slot>());
    }

    #[test]
    fn memory_is_given_back_when_all_are_gone() {
        let mut peers = Peers::new(9999);
        let all: Vec<_> = (0..1000).map(|n| peers.open(target(n)).unwrap()).collect();
        all.iter().for_each(|&peer| peers.close(peer));
        assert_eq!((peers.len(), peers.slots.len()), (0, 0));
        let next = peers.open(target(0)).unwrap();
        assert_eq!(next.slot(), 0);
        assert!(!all.contains(&next), "another peer all the same");
        assert_eq!(peers.place(all[0]), Place::Free);
        assert_eq!(peers.touch(target(0)), Some(next));
    }

    /// A stranger never takes the place of a session.
    #[test]
    fn sessions_are_not_expendable_and_need_no_room() {
        let mut peers = Peers::new(1);
        let session = peers.open_session(Peer::new(7, 7)).unwrap();
        assert_eq!(peers.expendable(9), None);
        let plain = peers.open(target(1)).unwrap();
        assert!(peers.open_session(Peer::new(8, 7)).is_some());
        assert_eq!(peers.expendable(9), Some(plain));
        assert_eq!(peers.place(session), Place::Session(Peer::new(7, 7)));
        peers.close(session);
        peers.close(session);
        assert_eq!((peers.len(), peers.place(session)), (2, Place::Free));
    }

    /// The table is large: a session must not make the slot larger.
    #[test]
    fn a_slot_is_small() {
        assert_eq!(size_of::<Place>(), size_of::<Option<Target>>());
    }

    #[test]
    fn the_silent_come_first() {
        let mut peers = Peers::new(9);
        let all: Vec<_> = (0..4).map(|n| peers.open(target(n)).unwrap()).collect();
        peers.touch(target(0));
        peers.touch(target(2));
        peers.close(all[3]);
        assert_eq!(peers.expendable(9), Some(all[1]));
        peers.count_call(all[1], true);
        assert_eq!(peers.expendable(9), Some(all[0]));
        assert_eq!(peers.expendable(1), None);
        peers.count_call(all[1], false);
        peers.close(all[1]);
        peers.close(all[0]);
        assert_eq!(peers.expendable(9), Some(all[2]));
    }
}
