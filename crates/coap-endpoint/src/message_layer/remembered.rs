use alloc::vec::Vec;

use sansio::Pages;

/// What is remembered of the messages of one peer; each has its entry in the [`Dedup`](super::Dedup).
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// Bytes of the answers to them; the table counts them.
    pub(super) bytes: u32,
    pub(super) messages: Messages,
}

/// The messages of one peer, oldest first: the id of each and its place in the table.
///
/// A few stand here, in the peer's own cache line. More of them are in [`Blocks`].
#[derive(Debug)]
pub(super) enum Messages {
    Few {
        len: u8,
        mids: [u16; FEW],
        places: [u32; FEW],
    },
    Many(Many),
}

#[derive(Debug)]
pub(super) struct Many {
    len: u16,
    /// The block with the oldest message, and the slot of that.
    oldest: u32,
    first: u8,
    /// The block with the newest message, and the slot behind that.
    newest: u32,
    end: u8,
    /// The block before that, unless it is the oldest block as well.
    previous: u32,
    /// Every id is at most `span` behind `low`, counted round: who numbers messages one after the other
    /// sends what is none of them, which nobody has to look up.
    low: u16,
    span: u16,
}

/// Messages of peers that have more than a few.
#[derive(Debug)]
pub(super) struct Blocks {
    blocks: Pages<Block>,
    /// The first of the blocks that are free; they are chained by `newer`.
    free: u32,
}

/// Ten messages: a cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Block {
    newer: u32,
    mids: [u16; SLOTS],
    places: [u32; SLOTS],
}

impl Remembered {
    /// No more messages than this may be remembered.
    pub(crate) const MOST: usize = u16::MAX as usize;

    pub(crate) const fn len(&self) -> usize {
        match &self.messages {
            Messages::Few { len, .. } => *len as usize,
            Messages::Many(many) => many.len as usize,
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Messages {
    fn default() -> Self {
        Self::Few {
            len: 0,
            mids: [0; FEW],
            places: [0; FEW],
        }
    }
}

impl Messages {
    /// The place of the message with this id.
    pub(super) fn find(&mut self, blocks: &Blocks, mid: u16) -> Option<u32> {
        match self {
            Self::Few { len, mids, places } => {
                let live = mids.iter().zip(places).take((*len).into());
                let (_, place) = live.into_iter().find(|(other, _)| **other == mid)?;
                Some(*place)
            }
            Self::Many(many) => many.find(blocks, mid),
        }
    }

    /// The place of the oldest message.
    pub(super) fn oldest(&self, blocks: &Blocks) -> Option<u32> {
        self.iter(blocks).next().map(|(_, place)| place)
    }

    /// Id and place of each message, oldest first.
    pub(super) fn iter<'a>(&'a self, blocks: &'a Blocks) -> impl Iterator<Item = (u16, u32)> + 'a {
        let (mut left, mut block, mut slot) = match self {
            Self::Few { len, .. } => (u16::from(*len), NONE, 0),
            Self::Many(many) => (many.len, many.oldest, usize::from(many.first)),
        };
        core::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            if slot == SLOTS {
                (block, slot) = (blocks.get(block)?.newer, 0);
            }
            let at = slot;
            slot = slot.saturating_add(1);
            match self {
                Self::Few { mids, places, .. } => Some((*mids.get(at)?, *places.get(at)?)),
                Self::Many(_) => {
                    let block = blocks.get(block)?;
                    Some((*block.mids.get(at)?, *block.places.get(at)?))
                }
            }
        })
    }

    /// Adds a message, which is the newest then.
    pub(super) fn push(&mut self, blocks: &mut Blocks, mid: u16, place: u32) {
        match self {
            Self::Few { len, mids, places } => {
                let slot = usize::from(*len);
                if let (Some(a), Some(b)) = (mids.get_mut(slot), places.get_mut(slot)) {
                    (*a, *b) = (mid, place);
                    *len = len.saturating_add(1);
                    return;
                }
                let mut many = Many::new(blocks, mid);
                for (&mid, &place) in mids.iter().zip(&*places) {
                    many.push(blocks, mid, place);
                }
                many.push(blocks, mid, place);
                *self = Self::Many(many);
            }
            Self::Many(many) => many.push(blocks, mid, place),
        }
    }

    /// Drops the oldest message.
    pub(super) fn drop_oldest(&mut self, blocks: &mut Blocks) {
        match self {
            Self::Few { len, mids, places } => {
                mids.rotate_left(1);
                places.rotate_left(1);
                *len = len.saturating_sub(1);
            }
            Self::Many(many) => {
                many.drop_oldest(blocks);
                if many.len <= FEW_AGAIN {
                    self.rebuild(blocks, |_| true);
                }
            }
        }
    }

    /// Drops the message with this id, which takes a while where there are many.
    pub(super) fn remove(&mut self, blocks: &mut Blocks, mid: u16) {
        self.rebuild(blocks, |other| other != mid);
    }

    fn rebuild(&mut self, blocks: &mut Blocks, keep: impl Fn(u16) -> bool) {
        let kept: Vec<_> = self.iter(blocks).filter(|(mid, _)| keep(*mid)).collect();
        if let Self::Many(many) = self {
            while many.len > 0 {
                many.drop_oldest(blocks);
            }
            blocks.release(many.oldest);
        }
        *self = Self::default();
        for (mid, place) in kept {
            self.push(blocks, mid, place);
        }
    }
}

impl Many {
    /// No message, and a block for those to come, the first of them with an id near `mid`.
    fn new(blocks: &mut Blocks, mid: u16) -> Self {
        let block = blocks.allocate();
        Self {
            len: 0,
            oldest: block,
            first: 0,
            newest: block,
            end: 0,
            previous: NONE,
            low: mid,
            span: 0,
        }
    }

    fn find(&mut self, blocks: &Blocks, mid: u16) -> Option<u32> {
        if mid.wrapping_sub(self.low) > self.span {
            return None;
        }
        // Mostly it is asked for one of the newest.
        if let Some(place) = self.find_in(self.newest, blocks.get(self.newest)?, mid) {
            return Some(place);
        }
        if self.newest != self.oldest
            && let Some(place) = self.find_in(self.previous, blocks.get(self.previous)?, mid)
        {
            return Some(place);
        }
        let mut number = self.oldest;
        while number != self.newest {
            let block = blocks.get(number)?;
            if let Some(place) = self.find_in(number, block, mid) {
                return Some(place);
            }
            number = block.newer;
        }
        if self.span >= WIDE {
            self.narrow(blocks);
        }
        None
    }

    fn find_in(&self, number: u32, block: &Block, mid: u16) -> Option<u32> {
        // Without a way out, so that they are compared at once.
        let hit = block
            .mids
            .iter()
            .fold(false, |hit, &other| hit | (other == mid));
        if !hit {
            return None;
        }
        // Slots that are free keep the id that they had.
        let (first, end) = (usize::from(self.first), usize::from(self.end));
        let first = if number == self.oldest { first } else { 0 };
        let end = if number == self.newest { end } else { SLOTS };
        let live = block.mids.iter().zip(&block.places).take(end).skip(first);
        let (_, place) = live.into_iter().find(|(other, _)| **other == mid)?;
        Some(*place)
    }

    fn push(&mut self, blocks: &mut Blocks, mid: u16, place: u32) {
        if usize::from(self.end) == SLOTS {
            let block = blocks.allocate();
            if let Some(newest) = blocks.get_mut(self.newest) {
                newest.newer = block;
            }
            (self.previous, self.newest, self.end) = (self.newest, block, 0);
        }
        let slot = usize::from(self.end);
        if let Some(block) = blocks.get_mut(self.newest)
            && let (Some(a), Some(b)) = (block.mids.get_mut(slot), block.places.get_mut(slot))
        {
            (*a, *b) = (mid, place);
            self.end = self.end.saturating_add(1);
            self.len = self.len.saturating_add(1);
            self.widen(mid);
        }
    }

    fn drop_oldest(&mut self, blocks: &mut Blocks) {
        self.first = self.first.saturating_add(1);
        self.len = self.len.saturating_sub(1);
        if usize::from(self.first) == SLOTS && self.oldest != self.newest {
            let newer = blocks.get(self.oldest).map_or(NONE, |block| block.newer);
            blocks.release(self.oldest);
            (self.oldest, self.first) = (newer, 0);
        }
    }

    /// Takes an id into the span, on the side where it is nearer.
    fn widen(&mut self, mid: u16) {
        let (above, below) = (mid.wrapping_sub(self.low), self.low.wrapping_sub(mid));
        if above <= self.span {
            return;
        }
        let lower = self.span.checked_add(below);
        match lower {
            Some(span) if below < above.saturating_sub(self.span) => {
                (self.low, self.span) = (mid, span);
            }
            _ => self.span = above,
        }
    }

    /// Finds out the span that ends at the newest id.
    fn narrow(&mut self, blocks: &Blocks) {
        let Some(newest) = blocks.get(self.newest).and_then(|block| {
            let slot = usize::from(self.end).checked_sub(1)?;
            block.mids.get(slot).copied()
        }) else {
            return;
        };
        let mut number = self.oldest;
        let mut slot = usize::from(self.first);
        let mut span = 0;
        for _ in 0..self.len {
            if slot == SLOTS {
                (number, slot) = (blocks.get(number).map_or(NONE, |block| block.newer), 0);
            }
            if let Some(mid) = blocks.get(number).and_then(|block| block.mids.get(slot)) {
                span = span.max(newest.wrapping_sub(*mid));
            }
            slot = slot.saturating_add(1);
        }
        (self.low, self.span) = (newest.wrapping_sub(span), span);
    }
}

impl Blocks {
    pub(super) const fn new() -> Self {
        Self {
            blocks: Pages::new(),
            free: NONE,
        }
    }

    fn allocate(&mut self) -> u32 {
        let free = self.free;
        if let Some(block) = self.get_mut(free) {
            self.free = block.newer;
            return free;
        }
        let block = self.blocks.push(Block {
            newer: NONE,
            mids: [0; SLOTS],
            places: [0; SLOTS],
        });
        // There are fewer of them than entries in the table.
        u32::try_from(block).unwrap_or(NONE)
    }

    fn release(&mut self, number: u32) {
        let free = self.free;
        if let Some(block) = self.get_mut(number) {
            block.newer = free;
            self.free = number;
        }
    }

    fn get(&self, number: u32) -> Option<&Block> {
        self.blocks.get(number as usize)
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut Block> {
        self.blocks.get_mut(number as usize)
    }
}

/// No block.
const NONE: u32 = u32::MAX;
/// Messages without a block.
const FEW: usize = 4;
/// So few in blocks move back; fewer than [`FEW`], so that they do not move for each message.
const FEW_AGAIN: u16 = 2;
/// Messages of a block.
const SLOTS: usize = 10;
/// A span that tells little apart. It only becomes wider until somebody looks.
const WIDE: u16 = 0xff00;

#[cfg(test)]
mod tests {
    use alloc::collections::VecDeque;

    use sansio::Rng;

    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size_of::<Remembered>(), 32);
        assert_eq!((size_of::<Block>(), align_of::<Block>()), (64, 64));
    }

    /// Blocks that are free.
    fn free(blocks: &Blocks) -> usize {
        let mut next = blocks.free;
        core::iter::from_fn(|| {
            let block = blocks.get(next)?;
            next = block.newer;
            Some(())
        })
        .count()
    }

    #[test]
    fn as_a_queue_that_can_be_searched() {
        let mut rng = Rng::from_seed([1; 32]);
        let mut blocks = Blocks::new();
        for limit in [1, 4, 5, 10, 11, 30, 128u16] {
            // Ids one after the other (round once), from few, and from all.
            for ids in [None, Some(2 * u32::from(limit) + 1), Some(1 << 16)] {
                let limit = usize::from(limit);
                let mut messages = Messages::default();
                let mut expected: VecDeque<(u16, u32)> = VecDeque::new();
                let mut growing = true;
                for turn in 0..5000u32 {
                    // Up to the limit and down again, so that every length is passed both ways.
                    growing = match expected.len() {
                        0 => true,
                        len if len >= limit => false,
                        _ => growing,
                    };
                    let mid = match ids {
                        None => (turn.wrapping_mul(7) & 0xffff) as u16,
                        Some(ids) => (rng.below(ids) & 0xffff) as u16,
                    };
                    let known = expected.iter().position(|&(other, _)| other == mid);
                    let place = known.map(|at| expected[at].1);
                    assert_eq!(messages.find(&blocks, mid), place, "turn {turn}");
                    match known {
                        Some(at) if rng.below(2) == 0 => {
                            messages.remove(&mut blocks, mid);
                            expected.remove(at);
                        }
                        None if growing || rng.below(3) == 0 => {
                            if expected.len() >= limit {
                                messages.drop_oldest(&mut blocks);
                                expected.pop_front();
                            }
                            messages.push(&mut blocks, mid, turn);
                            expected.push_back((mid, turn));
                        }
                        _ if expected.is_empty() => {}
                        _ => {
                            messages.drop_oldest(&mut blocks);
                            expected.pop_front();
                        }
                    }
                    assert!(messages.iter(&blocks).eq(expected.iter().copied()));
                    let used = blocks.blocks.len() - free(&blocks);
                    assert!(used <= expected.len().div_ceil(SLOTS) + 1, "turn {turn}");
                }
                while let Some((mid, place)) = expected.pop_front() {
                    assert_eq!(messages.find(&blocks, mid), Some(place));
                    messages.drop_oldest(&mut blocks);
                }
                assert_eq!(free(&blocks), blocks.blocks.len(), "all are given back");
            }
        }
    }

    /// What makes a request of a peer with many messages cheap: nothing of them is read.
    #[test]
    fn ids_one_after_the_other_are_not_looked_up() {
        let mut blocks = Blocks::new();
        let mut messages = Messages::default();
        let mut looked_up = 0;
        for turn in 0..200_000u32 {
            let mid = ((65_000 + turn) & 0xffff) as u16;
            if let Messages::Many(many) = &messages {
                looked_up += usize::from(mid.wrapping_sub(many.low) <= many.span);
            }
            assert_eq!(messages.find(&blocks, mid), None);
            messages.push(&mut blocks, mid, turn);
            if turn >= 100 {
                messages.drop_oldest(&mut blocks);
            }
        }
        assert_eq!(looked_up, 3, "once a round");
        assert_eq!(blocks.blocks.len(), 11, "for 101 messages");
    }
}
