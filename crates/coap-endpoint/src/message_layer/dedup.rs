use alloc::collections::VecDeque;
use alloc::sync::Arc;

use sansio::{Instant, Peer};

/// What a peer sent us lately, so that a repeated message is answered alike and processed once.
///
/// RFC 7252 §4.5. Entries stand in the order in which they came; message ids are kept apart, so that
/// looking for one reads little memory.
#[derive(Debug, Default)]
pub(crate) struct Dedup {
    mids: VecDeque<u16>,
    entries: VecDeque<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    serial: u64,
    expires: Instant,
    answer: Answer,
}

/// How a remembered message was answered at the message layer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Not yet, or not at all: a repetition is ignored.
    Nothing,
    /// With an empty acknowledgement.
    Acknowledged,
    /// With a Reset message.
    Reset,
    /// With these bytes.
    Bytes(Arc<[u8]>),
}

impl Answer {
    fn len(&self) -> usize {
        match self {
            Self::Nothing | Self::Acknowledged | Self::Reset => 0,
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

impl Dedup {
    /// The answer to an earlier message with this id, if it is still remembered.
    pub(crate) fn find(&self, now: Instant, mid: u16) -> Option<&Answer> {
        let index = self.mids.iter().rposition(|&known| known == mid)?;
        let entry = self.entries.get(index)?;
        // An id may be used again once its lifetime is over.
        (now < entry.expires).then_some(&entry.answer)
    }

    pub(crate) fn insert(&mut self, mid: u16, serial: u64, expires: Instant) {
        self.mids.push_back(mid);
        self.entries.push_back(Entry {
            serial,
            expires,
            answer: Answer::Nothing,
        });
    }

    /// Remembers how message `mid` was answered. Returns the change in bytes kept: more, less.
    pub(crate) fn answer(&mut self, mid: u16, answer: Answer) -> (usize, usize) {
        let Some(index) = self.mids.iter().rposition(|&known| known == mid) else {
            return (0, 0);
        };
        let Some(entry) = self.entries.get_mut(index) else {
            return (0, 0);
        };
        let (more, less) = (answer.len(), entry.answer.len());
        entry.answer = answer;
        self.bytes = self.bytes.saturating_add(more).saturating_sub(less);
        (more, less)
    }

    /// Drops the oldest answers, but not their ids, until at most `limit` bytes are kept; the newest
    /// answer stays. Returns the bytes dropped.
    pub(crate) fn trim_bytes(&mut self, limit: usize) -> usize {
        let mut dropped = 0usize;
        let newest = self.entries.len().saturating_sub(1);
        for entry in self.entries.iter_mut().take(newest) {
            if self.bytes.saturating_sub(dropped) <= limit {
                break;
            }
            let len = entry.answer.len();
            if len > 0 {
                entry.answer = Answer::Nothing;
                dropped = dropped.saturating_add(len);
            }
        }
        self.bytes = self.bytes.saturating_sub(dropped);
        dropped
    }

    /// Forgets the oldest message. Returns the bytes of its answer.
    pub(crate) fn pop_oldest(&mut self) -> Option<usize> {
        self.mids.pop_front();
        let entry = self.entries.pop_front()?;
        if self.entries.is_empty() {
            self.mids = VecDeque::new();
            self.entries = VecDeque::new();
        }
        let len = entry.answer.len();
        self.bytes = self.bytes.saturating_sub(len);
        Some(len)
    }

    pub(crate) fn oldest_serial(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.serial)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// All remembered messages of all peers, oldest first: for expiry and for the bound in total.
///
/// One timer (that of the first entry) serves all of them. Entries that went for another reason
/// stay here until they are met, or until they are more than the living.
#[derive(Debug, Default)]
pub(crate) struct DedupOrder(VecDeque<(Peer, u64, Instant)>);

impl DedupOrder {
    pub(crate) fn push(&mut self, peer: Peer, serial: u64, expires: Instant) {
        self.0.push_back((peer, serial, expires));
    }

    pub(crate) fn pop(&mut self) -> Option<(Peer, u64)> {
        let (peer, serial, _) = self.0.pop_front()?;
        if self.0.is_empty() {
            self.0 = VecDeque::new();
        }
        Some((peer, serial))
    }

    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.0.front().map(|&(_, _, expires)| expires)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn retain(&mut self, mut alive: impl FnMut(Peer, u64) -> bool) {
        self.0.retain(|&(peer, serial, _)| alive(peer, serial));
    }
}
