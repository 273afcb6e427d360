//! Sessions and handshakes by number.

use alloc::boxed::Box;

use sansio::{Pages, Peer};

use crate::handshake::Machine;
use crate::session::Session;

#[derive(Default)]
pub(crate) struct Slab {
    slots: Pages<Slot>,
    /// The next free slot, plus one.
    free: u32,
}

pub(crate) struct Slot {
    generation: u32,
    entry: Entry,
}

#[allow(clippy::large_enum_variant, reason = "nearly all slots are sessions")]
pub(crate) enum Entry {
    /// The next free slot, plus one.
    Free(u32),
    /// The machine is out, and will be back before the call returns.
    Busy,
    Handshake(Box<Machine>),
    Session(Session),
}

impl Slab {
    /// Slots there are, in use or not.
    pub(crate) fn capacity(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn insert(&mut self, entry: Entry) -> Option<Peer> {
        let number = match self.free.checked_sub(1) {
            Some(number) => number,
            None => self.grow()?,
        };
        let slot = self.slot_mut(number)?;
        let next = match slot.entry {
            Entry::Free(next) => next,
            _ => 0,
        };
        slot.entry = entry;
        let peer = Peer::new(number, slot.generation);
        self.free = next;
        Some(peer)
    }

    /// Frees a slot; its next owner has another generation.
    pub(crate) fn remove(&mut self, number: u32) {
        let free = self.free;
        if let Some(slot) = self.slot_mut(number)
            && !matches!(slot.entry, Entry::Free(_))
        {
            slot.generation = slot.generation.wrapping_add(1);
            slot.entry = Entry::Free(free);
            self.free = number.saturating_add(1);
        }
    }

    pub(crate) fn peer(&self, number: u32) -> Peer {
        Peer::new(number, self.slot(number).map_or(0, |slot| slot.generation))
    }

    pub(crate) fn set(&mut self, number: u32, entry: Entry) {
        if let Some(slot) = self.slot_mut(number) {
            slot.entry = entry;
        }
    }

    pub(crate) fn entry(&self, number: u32) -> Option<&Entry> {
        self.slot(number).map(|slot| &slot.entry)
    }

    /// Takes a handshake out; [`set`](Self::set) brings it or its session back.
    pub(crate) fn take_machine(&mut self, number: u32) -> Option<Box<Machine>> {
        let slot = self.slot_mut(number)?;
        match core::mem::replace(&mut slot.entry, Entry::Busy) {
            Entry::Handshake(machine) => Some(machine),
            other => {
                slot.entry = other;
                None
            }
        }
    }

    pub(crate) fn machine(&self, number: u32) -> Option<&Machine> {
        match &self.slot(number)?.entry {
            Entry::Handshake(machine) => Some(machine),
            _ => None,
        }
    }

    pub(crate) fn machine_mut(&mut self, number: u32) -> Option<&mut Machine> {
        match &mut self.slot_mut(number)?.entry {
            Entry::Handshake(machine) => Some(machine),
            _ => None,
        }
    }

    pub(crate) fn session(&self, number: u32) -> Option<&Session> {
        match &self.slot(number)?.entry {
            Entry::Session(session) => Some(session),
            _ => None,
        }
    }

    pub(crate) fn session_mut(&mut self, number: u32) -> Option<&mut Session> {
        match &mut self.slot_mut(number)?.entry {
            Entry::Session(session) => Some(session),
            _ => None,
        }
    }

    /// The session of a peer, if it is still this peer's.
    pub(crate) fn session_of(&mut self, peer: Peer) -> Option<&mut Session> {
        let slot = self.slot_mut(peer.slot())?;
        match &mut slot.entry {
            Entry::Session(session) if slot.generation == peer.generation() => Some(session),
            _ => None,
        }
    }

    /// Whether a peer still has its slot.
    pub(crate) fn is_current(&self, peer: Peer) -> bool {
        self.slot(peer.slot())
            .is_some_and(|slot| slot.generation == peer.generation())
    }

    fn grow(&mut self) -> Option<u32> {
        let number = u32::try_from(self.slots.len()).ok()?;
        self.slots.push(Slot {
            generation: 0,
            entry: Entry::Free(0),
        });
        Some(number)
    }

    fn slot(&self, number: u32) -> Option<&Slot> {
        self.slots.get(usize::try_from(number).ok()?)
    }

    fn slot_mut(&mut self, number: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(number).ok()?)
    }
}
