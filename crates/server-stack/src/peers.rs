use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use sansio::{Pages, Peer};

use crate::Target;

/// The table of transport peers: address to slot and back, and who was silent longest.
///
/// Without security a peer *is* its address. Slots are used again; whoever opens one gets a generation that nobody had
/// before.
#[derive(Debug)]
pub(crate) struct Peers {
    slots: Pages<Slot>,
    free: Vec<u32>,
    /// Slots by their target, which stands in the slot alone.
    by_target: HashTable<u32>,
    hasher: DefaultHashBuilder,
    oldest: u32,
    newest: u32,
    limit: usize,
    next_generation: u32,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    target: Option<Target>,
    older: u32,
    newer: u32,
    /// Calls that run to this peer; while there is one, the peer is not closed for another.
    calls: u32,
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
            next_generation: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_target.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.by_target.len() >= self.limit
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
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = self.slots.push(Slot {
                    generation: 0,
                    target: None,
                    older: NONE,
                    newer: NONE,
                    calls: 0,
                });
                u32::try_from(slot).ok()?
            }
        };
        let place = self.slots.get_mut(slot as usize)?;
        place.generation = self.next_generation;
        place.target = Some(target);
        self.next_generation = self.next_generation.wrapping_add(1);
        let Self {
            slots,
            by_target,
            hasher,
            ..
        } = self;
        by_target.insert_unique(hasher.hash_one(target), slot, |&slot| {
            let slot = slots.get(slot as usize);
            slot.map_or(0, |slot| hasher.hash_one(slot.target.unwrap_or(target)))
        });
        self.link(slot);
        self.peer(slot)
    }

    /// Forgets a peer.
    pub(crate) fn close(&mut self, peer: Peer) {
        if self.target(peer).is_none() {
            return;
        }
        self.unlink(peer.slot());
        let Some(slot) = self.slots.get_mut(peer.slot() as usize) else {
            return;
        };
        slot.calls = 0;
        if let Some(target) = slot.target.take() {
            let hash = self.hasher.hash_one(target);
            let found = self.by_target.find_entry(hash, |&slot| slot == peer.slot());
            if let Ok(found) = found {
                found.remove();
            }
        }
        self.free.push(peer.slot());
        if self.by_target.is_empty() && self.slots.len() > KEPT {
            self.slots.clear();
            self.free = Vec::new();
            self.by_target = HashTable::new();
        }
    }

    /// Where a peer is.
    pub(crate) fn target(&self, peer: Peer) -> Option<Target> {
        let slot = self.slots.get(peer.slot() as usize)?;
        slot.target.filter(|_| slot.generation == peer.generation())
    }

    /// A call to the peer begins or ends.
    pub(crate) fn count_call(&mut self, peer: Peer, begins: bool) {
        if self.target(peer).is_some()
            && let Some(slot) = self.slots.get_mut(peer.slot() as usize)
        {
            slot.calls = match begins {
                true => slot.calls.saturating_add(1),
                false => slot.calls.saturating_sub(1),
            };
        }
    }

    /// The peer to close when another needs room: of the `search` that were silent longest, the
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
            slot.is_some_and(|slot| slot.target == Some(target))
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
        assert_eq!(peers.target(first), None);
        assert_eq!(peers.target(second), Some(target(2)));
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
        assert_eq!(peers.target(all[0]), None);
        assert_eq!(peers.touch(target(0)), Some(next));
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
