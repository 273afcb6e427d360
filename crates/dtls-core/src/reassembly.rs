//! Fragments of handshake messages that come in any order.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::codec::{Malformed, Reader};

/// One fragment as it stands in a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'a> {
    pub(crate) kind: u8,
    pub(crate) total: usize,
    pub(crate) sequence: u16,
    pub(crate) offset: usize,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Fragment<'a> {
    pub(crate) fn decode(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let kind = reader.u8()?;
        let total = usize::try_from(reader.u24()?).map_err(|_| Malformed)?;
        let sequence = reader.u16()?;
        let offset = usize::try_from(reader.u24()?).map_err(|_| Malformed)?;
        let bytes = reader.vec24()?;
        if offset.saturating_add(bytes.len()) > total {
            return Err(Malformed);
        }
        Ok(Self {
            kind,
            total,
            sequence,
            offset,
            bytes,
        })
    }

    pub(crate) const fn is_whole(&self) -> bool {
        self.bytes.len() == self.total
    }
}

/// The messages that are not whole yet, or not next. Holds what arrived and nothing more.
#[derive(Debug)]
pub(crate) struct Reassembly {
    next: u16,
    partial: Vec<Partial>,
    held: usize,
}

#[derive(Debug)]
struct Partial {
    kind: u8,
    sequence: u16,
    total: usize,
    /// Sorted by offset; no two overlap.
    pieces: Vec<(usize, Box<[u8]>)>,
}

/// A message of its turn.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) kind: u8,
    pub(crate) sequence: u16,
    pub(crate) body: Vec<u8>,
}

/// How many messages ahead of the next one are kept: a flight has no more.
const WINDOW: u16 = 8;
/// What a piece costs beyond its bytes.
const PIECE_COST: usize = 48;

impl Reassembly {
    /// Waits for the message with sequence number `next`.
    pub(crate) const fn new(next: u16) -> Self {
        Self {
            next,
            partial: Vec::new(),
            held: 0,
        }
    }

    /// Bytes kept.
    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// Whether the fragment belongs to a message that was read already.
    pub(crate) const fn is_old(&self, fragment: &Fragment<'_>) -> bool {
        fragment.sequence < self.next
    }

    /// Whether the fragment is the next message, whole, so that it need not be kept.
    pub(crate) fn is_next(&self, fragment: &Fragment<'_>) -> bool {
        fragment.sequence == self.next && fragment.is_whole()
    }

    /// The next message has been read: what is kept of it goes.
    pub(crate) fn advance(&mut self) {
        if let Some(at) = self.find(self.next) {
            let partial = self.partial.swap_remove(at);
            self.held = self.held.saturating_sub(partial.cost());
        }
        self.next = self.next.saturating_add(1);
    }

    /// Keeps a fragment, unless it contradicts what is kept or there is no room.
    pub(crate) fn keep(&mut self, fragment: &Fragment<'_>, max_message: usize, max_held: usize) {
        let ahead = fragment.sequence.wrapping_sub(self.next);
        if fragment.sequence < self.next || ahead >= WINDOW || fragment.total > max_message {
            return;
        }
        if fragment.bytes.is_empty() && fragment.total > 0 {
            return;
        }
        let at = match self.find(fragment.sequence) {
            Some(at) => at,
            None => {
                self.partial.push(Partial {
                    kind: fragment.kind,
                    sequence: fragment.sequence,
                    total: fragment.total,
                    pieces: Vec::new(),
                });
                self.partial.len().saturating_sub(1)
            }
        };
        let room = max_held.saturating_sub(self.held);
        if let Some(partial) = self.partial.get_mut(at) {
            self.held = self.held.saturating_add(partial.insert(fragment, room));
        }
    }

    /// Takes the next message if it is whole.
    pub(crate) fn take(&mut self) -> Option<Whole> {
        let at = self.find(self.next)?;
        let partial = self.partial.get(at)?;
        let got: usize = partial.pieces.iter().map(|(_, piece)| piece.len()).sum();
        if got != partial.total {
            return None;
        }
        let mut body = Vec::with_capacity(got);
        for (_, piece) in &partial.pieces {
            body.extend(piece);
        }
        let whole = Whole {
            kind: partial.kind,
            sequence: partial.sequence,
            body,
        };
        self.advance();
        Some(whole)
    }

    fn find(&self, sequence: u16) -> Option<usize> {
        self.partial
            .iter()
            .position(|partial| partial.sequence == sequence)
    }
}

impl Partial {
    /// Adds what is new in a fragment; returns what that costs.
    fn insert(&mut self, fragment: &Fragment<'_>, room: usize) -> usize {
        if fragment.kind != self.kind || fragment.total != self.total {
            return 0;
        }
        let mut start = fragment.offset;
        let end = fragment.offset.saturating_add(fragment.bytes.len());
        let mut cost = 0;
        let mut at = 0;
        // Fills the gaps between the pieces that are there; overlapping bytes that came first stay.
        while start < end {
            let (gap_end, resume) = match self.pieces.get(at) {
                Some((offset, piece)) => ((*offset).min(end), offset.saturating_add(piece.len())),
                None => (end, end),
            };
            if start < gap_end {
                let from = start.saturating_sub(fragment.offset);
                let to = gap_end.saturating_sub(fragment.offset);
                let piece = fragment.bytes.get(from..to).unwrap_or_default();
                let price = piece.len().saturating_add(PIECE_COST);
                if cost + price > room {
                    return cost;
                }
                cost += price;
                self.pieces.insert(at, (start, piece.into()));
                at += 1;
            }
            start = start.max(resume);
            at += 1;
        }
        cost
    }

    fn cost(&self) -> usize {
        self.pieces
            .iter()
            .map(|(_, piece)| piece.len().saturating_add(PIECE_COST))
            .sum()
    }
}
