use alloc::collections::VecDeque;
use alloc::vec::Vec;

use sansio::Peer;

/// Datagrams that wait for `poll_transmit`, one behind the other in one piece of memory.
#[derive(Debug)]
pub(crate) struct Outbox {
    limit: usize,
    datagrams: VecDeque<(Peer, usize)>,
    bytes: Vec<u8>,
    /// Where in `bytes` the first datagram begins.
    start: usize,
}

impl Outbox {
    /// An outbox for so many datagrams.
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            limit,
            datagrams: VecDeque::new(),
            bytes: Vec::new(),
            start: 0,
        }
    }

    /// Datagrams that wait.
    pub(crate) fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Takes a datagram in, `false` when there is no room for it.
    pub(crate) fn push(&mut self, peer: Peer, datagram: &[u8]) -> bool {
        if self.datagrams.len() >= self.limit {
            return false;
        }
        self.datagrams.push_back((peer, datagram.len()));
        self.bytes.extend_from_slice(datagram);
        true
    }

    /// Takes the first datagram out. Its bytes may be read until the next call.
    pub(crate) fn pop(&mut self) -> Option<(Peer, &[u8])> {
        let Some((peer, len)) = self.datagrams.pop_front() else {
            self.forget_bytes();
            return None;
        };
        if self.start >= COMPACT_AT && self.start >= self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let end = self.start.saturating_add(len);
        let datagram = self.bytes.get(self.start..end).unwrap_or_default();
        self.start = end;
        Some((peer, datagram))
    }

    fn forget_bytes(&mut self) {
        self.start = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
            self.datagrams = VecDeque::new();
        }
    }

    #[cfg(test)]
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }
}

/// Bytes in front that are not needed any more, from which on they are cut off while others wait.
const COMPACT_AT: usize = 1 << 16;
/// Bytes whose memory is kept while nothing waits.
const KEPT: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_however_many_wait() {
        let mut outbox = Outbox::new(20_000);
        let datagram = |number: u32| alloc::vec![number.to_le_bytes()[0]; number as usize % 1200];
        let mut taken = 0;
        for number in 0..20_000 {
            assert!(outbox.push(Peer::new(number, 0), &datagram(number)));
            // Two of three, so that the outbox never becomes empty.
            if number % 3 != 0 {
                let (peer, bytes) = outbox.pop().unwrap();
                assert_eq!((peer.slot(), bytes), (taken, &datagram(taken)[..]));
                taken += 1;
            }
        }
        while let Some((peer, bytes)) = outbox.pop() {
            assert_eq!((peer.slot(), bytes), (taken, &datagram(taken)[..]));
            taken += 1;
        }
        assert_eq!(taken, 20_000);
        assert_eq!(outbox.bytes.capacity(), 0, "and the memory is given back");
    }
}
