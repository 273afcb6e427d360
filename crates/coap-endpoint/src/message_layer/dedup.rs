use alloc::boxed::Box;

use hashbrown::HashTable;
use sansio::{Instant, Pages};

/// What peers sent us lately, so that a repeated message is answered alike and processed once.
///
/// RFC 7252 §4.5. The messages of all peers stand in one table: a message is found by peer and message id,
/// those of one peer are a chain, and so are all of them, oldest first. One timer (that of the oldest)
/// serves all. What a peer has of it is a [`Remembered`].
#[derive(Debug)]
pub(crate) struct Dedup {
    entries: Pages<Entry>,
    /// The first of the entries that are free; they are chained by `newer`.
    free: u32,
    by_message: HashTable<u32>,
    /// Keys the table: message ids are the peers' choice.
    key: u64,
    oldest: u32,
    newest: u32,
    len: usize,
    bytes: usize,
}

/// The messages of one peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remembered {
    oldest: u32,
    newest: u32,
    len: u32,
    bytes: u32,
}

#[derive(Debug)]
struct Entry {
    expires: Instant,
    bytes: Option<Box<[u8]>>,
    peer: u32,
    older: u32,
    newer: u32,
    older_of_peer: u32,
    newer_of_peer: u32,
    mid: u16,
    /// How the message was answered where `bytes` is not the answer.
    empty: Option<EmptyAnswer>,
}

#[derive(Clone, Copy, Debug)]
enum EmptyAnswer {
    Acknowledgement,
    Reset,
}

/// How a remembered message was answered at the message layer.
#[derive(Clone, Debug)]
pub(crate) enum Answer<B> {
    /// Not yet, or not at all: a repetition is ignored.
    Nothing,
    /// With an empty acknowledgement.
    Acknowledged,
    /// With a Reset message.
    Reset,
    /// With these bytes.
    Bytes(B),
}

impl Remembered {
    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            oldest: NONE,
            newest: NONE,
            len: 0,
            bytes: 0,
        }
    }
}

impl Dedup {
    pub(crate) const fn new(key: u64) -> Self {
        Self {
            entries: Pages::new(),
            free: NONE,
            by_message: HashTable::new(),
            key,
            oldest: NONE,
            newest: NONE,
            len: 0,
            bytes: 0,
        }
    }

    /// Messages remembered.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes of the answers to them.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The slot of the peer whose message is the oldest of all, and when that is to be forgotten.
    pub(crate) fn oldest(&self) -> Option<(u32, Instant)> {
        let entry = self.entry(self.oldest)?;
        Some((entry.peer, entry.expires))
    }

    /// The answer to an earlier message with this id, if it is still remembered.
    pub(crate) fn find(&self, now: Instant, peer: u32, mid: u16) -> Option<Answer<&[u8]>> {
        let entry = self.entry(self.index(peer, mid)?)?;
        // An id may be used again once its lifetime is over.
        if now >= entry.expires {
            return None;
        }
        Some(match (&entry.bytes, entry.empty) {
            (Some(bytes), _) => Answer::Bytes(&**bytes),
            (None, Some(EmptyAnswer::Acknowledgement)) => Answer::Acknowledged,
            (None, Some(EmptyAnswer::Reset)) => Answer::Reset,
            (None, None) => Answer::Nothing,
        })
    }

    /// Remembers a message of `peer`, which has `remembered`; an older one with its id is forgotten.
    pub(crate) fn insert(
        &mut self,
        remembered: &mut Remembered,
        peer: u32,
        mid: u16,
        expires: Instant,
    ) {
        if let Some(index) = self.index(peer, mid) {
            self.remove(remembered, index);
        }
        let (before, before_of_peer) = (self.newest, remembered.newest);
        let index = self.allocate(Entry {
            expires,
            bytes: None,
            peer,
            older: before,
            newer: NONE,
            older_of_peer: before_of_peer,
            newer_of_peer: NONE,
            mid,
            empty: None,
        });
        match self.entry_mut(before) {
            Some(before) => before.newer = index,
            None => self.oldest = index,
        }
        self.newest = index;
        match self.entry_mut(before_of_peer) {
            Some(before) => before.newer_of_peer = index,
            None => remembered.oldest = index,
        }
        remembered.newest = index;
        let Self {
            entries,
            by_message,
            key,
            ..
        } = self;
        by_message.insert_unique(hash(*key, peer, mid), index, |&index| {
            let entry = entries.get(index as usize);
            entry.map_or(0, |entry| hash(*key, entry.peer, entry.mid))
        });
        self.len = self.len.saturating_add(1);
        remembered.len = remembered.len.saturating_add(1);
    }

    /// Remembers how message `mid` was answered.
    pub(crate) fn answer(
        &mut self,
        remembered: &mut Remembered,
        peer: u32,
        mid: u16,
        answer: Answer<Box<[u8]>>,
    ) {
        let Some(index) = self.index(peer, mid) else {
            return;
        };
        self.forget_answer(remembered, index);
        let Some(entry) = self.entry_mut(index) else {
            return;
        };
        match answer {
            Answer::Nothing => {}
            Answer::Acknowledged => entry.empty = Some(EmptyAnswer::Acknowledgement),
            Answer::Reset => entry.empty = Some(EmptyAnswer::Reset),
            Answer::Bytes(bytes) => {
                let len = bytes.len();
                entry.bytes = Some(bytes);
                self.bytes = self.bytes.saturating_add(len);
                remembered.bytes = remembered.bytes.saturating_add(count(len));
            }
        }
    }

    /// Drops the oldest answers of a peer, but not their ids, until at most `limit` bytes are kept; the
    /// newest answer stays.
    pub(crate) fn trim_bytes(&mut self, remembered: &mut Remembered, limit: usize) {
        let mut next = remembered.oldest;
        while remembered.bytes as usize > limit && next != remembered.newest {
            let index = next;
            next = self.entry(index).map_or(NONE, |entry| entry.newer_of_peer);
            if self.entry(index).is_some_and(|entry| entry.bytes.is_some()) {
                self.forget_answer(remembered, index);
            }
        }
    }

    /// Forgets the oldest message of a peer.
    pub(crate) fn pop_oldest(&mut self, remembered: &mut Remembered) {
        self.remove(remembered, remembered.oldest);
    }

    /// Forgets all messages of a peer.
    pub(crate) fn clear(&mut self, remembered: &mut Remembered) {
        while !remembered.is_empty() {
            self.pop_oldest(remembered);
        }
    }

    /// Counts the messages and bytes of a peer again.
    #[cfg(test)]
    pub(crate) fn recount(&self, remembered: &Remembered) -> (usize, usize) {
        let mut next = remembered.oldest;
        let (mut len, mut bytes) = (0, 0);
        while let Some(entry) = self.entry(next) {
            len += 1;
            bytes += entry.bytes.as_deref().map_or(0, <[u8]>::len);
            next = entry.newer_of_peer;
        }
        assert_eq!((len, bytes), (remembered.len(), remembered.bytes as usize));
        (len, bytes)
    }

    fn index(&self, peer: u32, mid: u16) -> Option<u32> {
        let is = |&index: &u32| {
            self.entry(index)
                .is_some_and(|entry| entry.peer == peer && entry.mid == mid)
        };
        self.by_message.find(hash(self.key, peer, mid), is).copied()
    }

    fn forget_answer(&mut self, remembered: &mut Remembered, index: u32) {
        let Some(entry) = self.entry_mut(index) else {
            return;
        };
        entry.empty = None;
        let len = entry.bytes.take().map_or(0, |bytes| bytes.len());
        self.bytes = self.bytes.saturating_sub(len);
        remembered.bytes = remembered.bytes.saturating_sub(count(len));
    }

    fn remove(&mut self, remembered: &mut Remembered, index: u32) {
        self.forget_answer(remembered, index);
        let free = self.free;
        let Some(entry) = self.entry_mut(index) else {
            // Nothing may be left that points to no entry.
            *remembered = Remembered::default();
            return;
        };
        let Entry {
            peer,
            mid,
            older,
            newer,
            older_of_peer,
            newer_of_peer,
            ..
        } = *entry;
        entry.newer = free;
        self.free = index;
        match self.entry_mut(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match self.entry_mut(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        match self.entry_mut(older_of_peer) {
            Some(entry) => entry.newer_of_peer = newer_of_peer,
            None => remembered.oldest = newer_of_peer,
        }
        match self.entry_mut(newer_of_peer) {
            Some(entry) => entry.older_of_peer = older_of_peer,
            None => remembered.newest = older_of_peer,
        }
        let found = self
            .by_message
            .find_entry(hash(self.key, peer, mid), |&other| other == index);
        if let Ok(found) = found {
            found.remove();
        }
        self.len = self.len.saturating_sub(1);
        remembered.len = remembered.len.saturating_sub(1);
        if self.len == 0 && self.entries.len() > KEPT {
            *self = Self::new(self.key);
        }
    }

    fn allocate(&mut self, entry: Entry) -> u32 {
        let free = self.free;
        if let Some(place) = self.entries.get_mut(free as usize) {
            self.free = place.newer;
            *place = entry;
            return free;
        }
        // Memory ends before the numbers do: 2³² entries would be 192 GiB.
        u32::try_from(self.entries.push(entry)).unwrap_or(NONE)
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(index as usize)
    }

    fn entry_mut(&mut self, index: u32) -> Option<&mut Entry> {
        self.entries.get_mut(index as usize)
    }
}

/// Multiplies with the key and folds: spreads well, and who does not know the key cannot choose what
/// falls together.
fn hash(key: u64, peer: u32, mid: u16) -> u64 {
    let message = u64::from(peer) << 16 | u64::from(mid);
    let product = u128::from(message ^ key).wrapping_mul(u128::from(key | 1 | 1 << 63));
    let [low, high] = [product, product >> 64].map(|half| half & u128::from(u64::MAX));
    u64::try_from(low ^ high).unwrap_or_default()
}

/// What one peer may keep is far less; a configuration that allows more only counts wrongly.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// No entry.
const NONE: u32 = u32::MAX;
/// Entries whose memory is kept while there is nothing to remember.
const KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn bytes(len: usize) -> Answer<Box<[u8]>> {
        Answer::Bytes(alloc::vec![7; len].into())
    }

    #[test]
    fn an_entry_takes_48_bytes() {
        if cfg!(target_pointer_width = "64") {
            assert_eq!(size_of::<Entry>(), 48);
        }
    }

    #[test]
    fn messages_are_told_apart_by_peer_and_id() {
        let mut dedup = Dedup::new(0x0123_4567_89ab_cdef);
        let (mut a, mut b) = (Remembered::default(), Remembered::default());
        for mid in 0..1000 {
            dedup.insert(&mut a, 0, mid, at(1));
            dedup.insert(&mut b, 1, mid, at(2));
        }
        dedup.answer(&mut a, 0, 7, Answer::Reset);
        dedup.answer(&mut b, 1, 7, bytes(5));
        assert!(matches!(dedup.find(at(0), 0, 7), Some(Answer::Reset)));
        assert!(matches!(dedup.find(at(0), 1, 7), Some(Answer::Bytes(b)) if b == [7; 5]));
        assert!(matches!(dedup.find(at(0), 1, 8), Some(Answer::Nothing)));
        assert!(dedup.find(at(1), 0, 7).is_none(), "its lifetime is over");
        assert!(dedup.find(at(0), 2, 7).is_none());
        dedup.clear(&mut b);
        assert!(dedup.find(at(0), 1, 7).is_none());
        assert_eq!((dedup.len(), dedup.bytes(), a.len()), (1000, 0, 1000));
        assert_eq!(dedup.oldest(), Some((0, at(1))));
        dedup.clear(&mut a);
        assert_eq!((dedup.len(), dedup.oldest()), (0, None));
        assert_eq!(dedup.entries.len(), 0, "and the memory is given back");
    }

    #[test]
    fn an_id_that_is_used_again_is_one_message() {
        let mut dedup = Dedup::new(1);
        let mut peer = Remembered::default();
        dedup.insert(&mut peer, 0, 1, at(1));
        dedup.insert(&mut peer, 0, 2, at(1));
        dedup.answer(&mut peer, 0, 1, bytes(9));
        dedup.insert(&mut peer, 0, 1, at(9));
        assert!(matches!(dedup.find(at(5), 0, 1), Some(Answer::Nothing)));
        assert_eq!((peer.len(), dedup.len(), dedup.bytes()), (2, 2, 0));
        dedup.pop_oldest(&mut peer);
        assert!(dedup.find(at(0), 0, 2).is_none());
        assert!(dedup.find(at(5), 0, 1).is_some());
    }

    #[test]
    fn the_oldest_answers_go_first_and_the_newest_stays() {
        let mut dedup = Dedup::new(1);
        let mut peer = Remembered::default();
        for mid in 0..4 {
            dedup.insert(&mut peer, 0, mid, at(1));
            dedup.answer(&mut peer, 0, mid, bytes(10));
        }
        dedup.trim_bytes(&mut peer, 25);
        assert_eq!((dedup.bytes(), peer.len()), (20, 4));
        assert!(matches!(dedup.find(at(0), 0, 1), Some(Answer::Nothing)));
        dedup.trim_bytes(&mut peer, 0);
        assert!(matches!(dedup.find(at(0), 0, 3), Some(Answer::Bytes(_))));
        assert_eq!(dedup.recount(&peer), (4, 10));
    }
}
