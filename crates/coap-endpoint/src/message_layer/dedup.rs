use alloc::boxed::Box;

use sansio::{Instant, Pages};

use super::Remembered;
use super::remembered::Blocks;

/// What peers sent us lately, so that a repeated message is answered alike and processed once.
///
/// RFC 7252 §4.5. The messages of all peers stand in one table and are a chain, oldest first; one timer (that of
/// the oldest) serves all. Which are of a peer, its [`Remembered`] says: so a message is looked for where its peer
/// is anyway, and one more is one cache line more, however many peers there are.
#[derive(Debug)]
pub(crate) struct Dedup {
    entries: Pages<Entry>,
    blocks: Blocks,
    /// The first of the entries that are free; they are chained by `newer`.
    free: u32,
    oldest: u32,
    newest: u32,
    len: usize,
    bytes: usize,
}

/// A message: a cache line, with an answer of usual length in it.
#[derive(Debug)]
#[repr(align(64))]
struct Entry {
    expires: Instant,
    peer: u32,
    older: u32,
    newer: u32,
    answer: Kept,
}

/// How a message was answered.
#[derive(Debug)]
enum Kept {
    Nothing,
    Acknowledged,
    Reset,
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Box<[u8]>),
}

/// How a remembered message was answered at the message layer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer<'a> {
    /// Not yet, or not at all: a repetition is ignored.
    Nothing,
    /// With an empty acknowledgement.
    Acknowledged,
    /// With a Reset message.
    Reset,
    /// With these bytes.
    Bytes(&'a [u8]),
}

impl Entry {
    /// Keeps another answer; the counts of bytes, of all peers and of this one, follow.
    fn set_answer(&mut self, answer: Kept, of_all: &mut usize, of_peer: &mut u32) {
        let (before, after) = (self.answer.len(), answer.len());
        self.answer = answer;
        *of_all = of_all.saturating_sub(before).saturating_add(after);
        *of_peer = of_peer
            .saturating_sub(count(before))
            .saturating_add(count(after));
    }
}

impl Kept {
    fn new(answer: Answer<'_>) -> Self {
        match answer {
            Answer::Nothing => Self::Nothing,
            Answer::Acknowledged => Self::Acknowledged,
            Answer::Reset => Self::Reset,
            Answer::Bytes(answer) => {
                let mut bytes = [0; SHORT];
                match (bytes.get_mut(..answer.len()), u8::try_from(answer.len())) {
                    (Some(room), Ok(len)) => {
                        room.copy_from_slice(answer);
                        Self::Short { len, bytes }
                    }
                    _ => Self::Long(answer.into()),
                }
            }
        }
    }

    fn answer(&self) -> Answer<'_> {
        match self {
            Self::Nothing => Answer::Nothing,
            Self::Acknowledged => Answer::Acknowledged,
            Self::Reset => Answer::Reset,
            Self::Short { len, bytes } => {
                Answer::Bytes(bytes.get(..usize::from(*len)).unwrap_or_default())
            }
            Self::Long(bytes) => Answer::Bytes(bytes),
        }
    }

    /// Bytes of the answer.
    fn len(&self) -> usize {
        match self {
            Self::Nothing | Self::Acknowledged | Self::Reset => 0,
            Self::Short { len, .. } => usize::from(*len),
            Self::Long(bytes) => bytes.len(),
        }
    }
}

impl Dedup {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Pages::new(),
            blocks: Blocks::new(),
            free: NONE,
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

    /// The answer to an earlier message of a peer with this id, if it is still remembered.
    pub(crate) fn find(
        &mut self,
        now: Instant,
        remembered: &mut Remembered,
        mid: u16,
    ) -> Option<Answer<'_>> {
        let place = remembered.messages.find(&self.blocks, mid)?;
        // An id may be used again once its lifetime is over.
        if self.entry(place).is_none_or(|entry| now >= entry.expires) {
            remembered.messages.remove(&mut self.blocks, mid);
            self.release(remembered, place);
            return None;
        }
        Some(self.entry(place)?.answer.answer())
    }

    /// Remembers a message of the peer in slot `peer`, with an id that is not [found](Self::find).
    pub(crate) fn insert(
        &mut self,
        remembered: &mut Remembered,
        peer: u32,
        mid: u16,
        expires: Instant,
    ) {
        let before = self.newest;
        let place = self.allocate(Entry {
            expires,
            peer,
            older: before,
            newer: NONE,
            answer: Kept::Nothing,
        });
        match self.entry_mut(before) {
            Some(before) => before.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
        self.len = self.len.saturating_add(1);
        remembered.messages.push(&mut self.blocks, mid, place);
    }

    /// Remembers how a peer's message `mid` was answered.
    pub(crate) fn answer(&mut self, remembered: &mut Remembered, mid: u16, answer: Answer<'_>) {
        if let Some(place) = remembered.messages.find(&self.blocks, mid) {
            self.set_answer(&mut remembered.bytes, place, Kept::new(answer));
        }
    }

    /// Drops the oldest answers of a peer, but not their ids, until at most `limit` bytes are kept; the
    /// newest answer stays.
    pub(crate) fn trim_bytes(&mut self, remembered: &mut Remembered, limit: usize) {
        if remembered.bytes as usize <= limit {
            return;
        }
        let older = remembered.len().saturating_sub(1);
        let Self {
            entries,
            blocks,
            bytes,
            ..
        } = self;
        for (_, place) in remembered.messages.iter(blocks).take(older) {
            if let Some(entry) = entries.get_mut(place as usize)
                && entry.answer.len() > 0
            {
                entry.set_answer(Kept::Nothing, bytes, &mut remembered.bytes);
            }
            if remembered.bytes as usize <= limit {
                return;
            }
        }
    }

    /// Forgets the oldest message of a peer.
    pub(crate) fn pop_oldest(&mut self, remembered: &mut Remembered) {
        if let Some(place) = remembered.messages.oldest(&self.blocks) {
            remembered.messages.drop_oldest(&mut self.blocks);
            self.release(remembered, place);
        }
    }

    /// Forgets the [oldest](Self::oldest) message of all, of the peer who has `remembered`.
    pub(crate) fn pop_oldest_of_all(&mut self, remembered: &mut Remembered) {
        // It is the peer's oldest as well. Its list is not asked, which may be out of the cache.
        debug_assert_eq!(remembered.messages.oldest(&self.blocks), Some(self.oldest));
        remembered.messages.drop_oldest(&mut self.blocks);
        self.release(remembered, self.oldest);
    }

    /// Forgets all messages of a peer.
    pub(crate) fn clear(&mut self, remembered: &mut Remembered) {
        while !remembered.is_empty() {
            self.pop_oldest(remembered);
        }
    }

    /// Counts the messages and bytes of a peer again.
    #[cfg(test)]
    pub(crate) fn recount(&self, peer: u32, remembered: &Remembered) -> (usize, usize) {
        let mut bytes = 0;
        for (_, place) in remembered.messages.iter(&self.blocks) {
            let entry = self.entry(place).unwrap();
            assert_eq!(entry.peer, peer);
            bytes += entry.answer.len();
        }
        assert_eq!(bytes, remembered.bytes as usize);
        (remembered.len(), bytes)
    }

    fn set_answer(&mut self, of_peer: &mut u32, place: u32, answer: Kept) {
        if let Some(entry) = self.entries.get_mut(place as usize) {
            entry.set_answer(answer, &mut self.bytes, of_peer);
        }
    }

    /// Frees the place of a message that is out of the list of its peer.
    fn release(&mut self, remembered: &mut Remembered, place: u32) {
        self.set_answer(&mut remembered.bytes, place, Kept::Nothing);
        let free = self.free;
        let Some(entry) = self.entry_mut(place) else {
            return;
        };
        let (older, newer) = (entry.older, entry.newer);
        entry.newer = free;
        self.free = place;
        match self.entry_mut(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match self.entry_mut(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        self.len = self.len.saturating_sub(1);
        if self.len == 0 && self.entries.len() > KEPT {
            *self = Self::new();
        }
    }

    fn allocate(&mut self, entry: Entry) -> u32 {
        let free = self.free;
        if let Some(place) = self.entries.get_mut(free as usize) {
            self.free = place.newer;
            *place = entry;
            return free;
        }
        // Memory ends before the numbers do: 2³² entries would be 256 GiB.
        u32::try_from(self.entries.push(entry)).unwrap_or(NONE)
    }

    fn entry(&self, place: u32) -> Option<&Entry> {
        self.entries.get(place as usize)
    }

    fn entry_mut(&mut self, place: u32) -> Option<&mut Entry> {
        self.entries.get_mut(place as usize)
    }
}

/// What one peer may keep is far less; a configuration that allows more only counts wrongly.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// No entry.
const NONE: u32 = u32::MAX;
/// Bytes of the longest answer that stands in its entry.
const SHORT: usize = 38;
/// Entries whose memory is kept while there is nothing to remember.
const KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn answer(dedup: &mut Dedup, of: &mut Remembered, mid: u16, len: usize) {
        dedup.answer(of, mid, Answer::Bytes(&alloc::vec![7; len]));
    }

    #[test]
    fn an_entry_is_a_cache_line() {
        if cfg!(target_pointer_width = "64") {
            assert_eq!((size_of::<Entry>(), align_of::<Entry>()), (64, 64));
        }
    }

    #[test]
    fn messages_are_told_apart_by_peer_and_id() {
        let mut dedup = Dedup::new();
        let (mut a, mut b) = (Remembered::default(), Remembered::default());
        for mid in 0..1000 {
            dedup.insert(&mut a, 0, mid, at(1));
            dedup.insert(&mut b, 1, mid, at(2));
        }
        dedup.answer(&mut a, 7, Answer::Reset);
        answer(&mut dedup, &mut b, 7, 5);
        let found =
            |dedup: &mut Dedup, of: &mut Remembered, now, mid| match dedup.find(now, of, mid)? {
                Answer::Nothing => Some("nothing"),
                Answer::Acknowledged => Some("acknowledged"),
                Answer::Reset => Some("reset"),
                Answer::Bytes(bytes) => {
                    assert_eq!(bytes, [7; 5]);
                    Some("bytes")
                }
            };
        assert_eq!(found(&mut dedup, &mut a, at(0), 7), Some("reset"));
        assert_eq!(found(&mut dedup, &mut b, at(0), 7), Some("bytes"));
        assert_eq!(found(&mut dedup, &mut b, at(0), 8), Some("nothing"));
        assert_eq!(found(&mut dedup, &mut a, at(1), 7), None, "too old");
        assert_eq!(found(&mut dedup, &mut a, at(0), 7), None, "and gone");
        assert_eq!(found(&mut dedup, &mut a, at(0), 1000), None);
        assert_eq!(dedup.recount(0, &a), (999, 0));
        assert_eq!(dedup.recount(1, &b), (1000, 5));
        dedup.clear(&mut b);
        assert_eq!(found(&mut dedup, &mut b, at(0), 7), None);
        assert_eq!((dedup.len(), dedup.bytes(), a.len()), (999, 0, 999));
        assert_eq!(dedup.oldest(), Some((0, at(1))));
        while !a.is_empty() {
            dedup.pop_oldest_of_all(&mut a);
        }
        assert_eq!((dedup.len(), dedup.oldest()), (0, None));
        assert_eq!(dedup.entries.len(), 0, "and the memory is given back");
    }

    #[test]
    fn an_id_that_is_used_again_is_one_message() {
        let mut dedup = Dedup::new();
        let mut peer = Remembered::default();
        dedup.insert(&mut peer, 0, 1, at(1));
        dedup.insert(&mut peer, 0, 2, at(1));
        answer(&mut dedup, &mut peer, 1, 9);
        assert!(dedup.find(at(1), &mut peer, 1).is_none());
        dedup.insert(&mut peer, 0, 1, at(9));
        let found = dedup.find(at(5), &mut peer, 1);
        assert!(matches!(found, Some(Answer::Nothing)));
        assert_eq!((peer.len(), dedup.len(), dedup.bytes()), (2, 2, 0));
        dedup.pop_oldest(&mut peer);
        assert!(dedup.find(at(0), &mut peer, 2).is_none());
        assert!(dedup.find(at(5), &mut peer, 1).is_some());
    }

    #[test]
    fn the_oldest_answers_go_first_and_the_newest_stays() {
        let mut dedup = Dedup::new();
        let mut peer = Remembered::default();
        for mid in 0..4 {
            dedup.insert(&mut peer, 0, mid, at(1));
            answer(&mut dedup, &mut peer, mid, 10);
        }
        dedup.trim_bytes(&mut peer, 25);
        assert_eq!((dedup.bytes(), peer.len()), (20, 4));
        let found = dedup.find(at(0), &mut peer, 1);
        assert!(matches!(found, Some(Answer::Nothing)));
        dedup.trim_bytes(&mut peer, 0);
        let found = dedup.find(at(0), &mut peer, 3);
        assert!(matches!(found, Some(Answer::Bytes(_))));
        assert_eq!(dedup.recount(0, &peer), (4, 10));
    }

    #[test]
    fn answers_of_every_length_come_back_the_same() {
        let mut dedup = Dedup::new();
        let mut peer = Remembered::default();
        let whole: alloc::vec::Vec<u8> = (0..=255).collect();
        for len in [0, 1, 4, SHORT - 1, SHORT, SHORT + 1, 255, 256] {
            dedup.insert(&mut peer, 0, 1, at(1));
            dedup.answer(&mut peer, 1, Answer::Bytes(&whole[..len]));
            let found = dedup.find(at(0), &mut peer, 1);
            assert!(matches!(found, Some(Answer::Bytes(b)) if b == &whole[..len]));
            assert_eq!(dedup.recount(0, &peer), (1, len));
            dedup.pop_oldest_of_all(&mut peer);
            assert_eq!((dedup.bytes(), peer.bytes), (0, 0));
        }
    }
}
