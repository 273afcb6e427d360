use alloc::boxed::Box;

/// The messages of one peer that are remembered, oldest first: the id of each and its place in the table.
///
/// A few stand here, in the peer's own cache line. More of them have memory of their own: a ring of ids,
/// which are looked through eight at a time, and behind it their places.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// Bytes of the answers to them; the table counts them.
    pub(super) bytes: u32,
    messages: Messages,
}

#[derive(Debug)]
enum Messages {
    Few {
        len: u8,
        mids: [u16; FEW],
        places: [u32; FEW],
    },
    Many {
        first: u16,
        len: u16,
        ring: Ring,
    },
}

/// For each of 2ⁿ messages an id; then for each the two halves of a place.
type Ring = Box<[u16]>;

impl Default for Messages {
    fn default() -> Self {
        Self::Few {
            len: 0,
            mids: [0; FEW],
            places: [0; FEW],
        }
    }
}

impl Remembered {
    /// No more messages than this may be pushed.
    pub(crate) const MOST: usize = 1 << 15;

    pub(crate) fn len(&self) -> usize {
        match &self.messages {
            Messages::Few { len, .. } => usize::from(*len),
            Messages::Many { len, .. } => usize::from(*len),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of the message with this id.
    pub(super) fn find(&self, mid: u16) -> Option<u32> {
        self.place(self.position(mid)?)
    }

    /// The place of the `number`th message, counted from the oldest.
    pub(super) fn place(&self, number: usize) -> Option<u32> {
        match &self.messages {
            Messages::Few { len, places, .. } => {
                (number < usize::from(*len)).then(|| places.get(number).copied())?
            }
            Messages::Many { first, len, ring } => (number < usize::from(*len))
                .then(|| get(ring, slot(ring, *first, number)))?
                .map(|(_, place)| place),
        }
    }

    /// Adds a message, which is the newest then.
    pub(super) fn push(&mut self, mid: u16, place: u32) {
        match &mut self.messages {
            Messages::Few { len, mids, places } if usize::from(*len) < FEW => {
                put_few(mids, places, (*len).into(), mid, place);
                *len = len.saturating_add(1);
                return;
            }
            Messages::Many { first, len, ring } if usize::from(*len) < capacity(ring) => {
                let slot = slot(ring, *first, (*len).into());
                put(ring, slot, mid, place);
                *len = len.saturating_add(1);
                return;
            }
            Messages::Few { .. } | Messages::Many { .. } => {}
        }
        let len = self.len();
        if len < Self::MOST {
            self.resize(len.saturating_mul(2));
            self.push(mid, place);
        }
    }

    /// Drops the oldest message.
    pub(super) fn drop_oldest(&mut self) {
        match &mut self.messages {
            Messages::Few { len, mids, places } => {
                mids.rotate_left(1);
                places.rotate_left(1);
                *len = len.saturating_sub(1);
            }
            Messages::Many { first, len, ring } => {
                *first = u16::try_from(slot(ring, *first, 1)).unwrap_or_default();
                *len = len.saturating_sub(1);
                let left = usize::from(*len);
                if left <= capacity(ring) / 8 {
                    self.resize(left.saturating_mul(2));
                }
            }
        }
    }

    /// Drops the message with this id.
    pub(super) fn remove(&mut self, mid: u16) {
        let Some(number) = self.position(mid) else {
            return;
        };
        // Those that are older move up.
        for number in (0..number).rev() {
            let Some((mid, place)) = self.at(number) else {
                break;
            };
            let newer = number.saturating_add(1);
            match &mut self.messages {
                Messages::Few { mids, places, .. } => put_few(mids, places, newer, mid, place),
                Messages::Many { first, ring, .. } => {
                    let slot = slot(ring, *first, newer);
                    put(ring, slot, mid, place);
                }
            }
        }
        self.drop_oldest();
    }

    /// The number of the message with this id, counted from the oldest.
    fn position(&self, mid: u16) -> Option<usize> {
        match &self.messages {
            Messages::Few { len, mids, .. } => mids
                .iter()
                .take((*len).into())
                .position(|&other| other == mid),
            Messages::Many { first, len, ring } => {
                let capacity = capacity(ring);
                let (chunks, _) = ring.get(..capacity)?.as_chunks::<8>();
                let mut start = 0usize;
                for chunk in chunks {
                    // Without a way out, so that all eight are compared at once.
                    let hit = chunk.iter().fold(false, |hit, &other| hit | (other == mid));
                    if hit {
                        let number = chunk
                            .iter()
                            .enumerate()
                            .filter(|&(_, &other)| other == mid)
                            .map(|(at, _)| start.saturating_add(at))
                            .map(|slot| slot.wrapping_sub((*first).into()) & mask(ring))
                            // Slots that are free keep the id that they had.
                            .find(|&number| number < usize::from(*len));
                        if number.is_some() {
                            return number;
                        }
                    }
                    start = start.saturating_add(chunk.len());
                }
                None
            }
        }
    }

    fn at(&self, number: usize) -> Option<(u16, u32)> {
        match &self.messages {
            Messages::Few { mids, places, .. } => Some((*mids.get(number)?, *places.get(number)?)),
            Messages::Many { first, ring, .. } => get(ring, slot(ring, *first, number)),
        }
    }

    /// Moves to memory for at least so many messages; those that are there fit in.
    fn resize(&mut self, room: usize) {
        let mut messages = Messages::default();
        if room > FEW {
            let capacity = room.next_power_of_two().max(FEWEST);
            messages = Messages::Many {
                first: 0,
                len: 0,
                ring: alloc::vec![0; capacity.saturating_mul(3)].into(),
            };
        }
        let mut moved = Self {
            bytes: self.bytes,
            messages,
        };
        for (mid, place) in (0..self.len()).filter_map(|number| self.at(number)) {
            moved.push(mid, place);
        }
        *self = moved;
    }
}

fn put_few(mids: &mut [u16; FEW], places: &mut [u32; FEW], at: usize, mid: u16, place: u32) {
    if let (Some(a), Some(b)) = (mids.get_mut(at), places.get_mut(at)) {
        (*a, *b) = (mid, place);
    }
}

const fn capacity(ring: &Ring) -> usize {
    ring.len() / 3
}

const fn mask(ring: &Ring) -> usize {
    capacity(ring).saturating_sub(1)
}

/// The slot of the `number`th message.
fn slot(ring: &Ring, first: u16, number: usize) -> usize {
    usize::from(first).wrapping_add(number) & mask(ring)
}

/// Where the halves of the place in `slot` stand.
fn halves(ring: &Ring, slot: usize) -> usize {
    capacity(ring).saturating_add(slot.saturating_mul(2))
}

fn get(ring: &Ring, slot: usize) -> Option<(u16, u32)> {
    let &[high, low] = ring.get(halves(ring, slot)..)?.first_chunk()?;
    Some((*ring.get(slot)?, u32::from(high) << 16 | u32::from(low)))
}

fn put(ring: &mut Ring, slot: usize, mid: u16, place: u32) {
    let halves = halves(ring, slot);
    if let Some(id) = ring.get_mut(slot) {
        *id = mid;
    }
    if let Some(room) = ring.get_mut(halves..).and_then(<[u16]>::first_chunk_mut) {
        let [a, b, c, d] = place.to_be_bytes();
        *room = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
    }
}

/// Messages without memory of their own.
const FEW: usize = 3;
/// Messages of the shortest ring.
const FEWEST: usize = 8;

#[cfg(test)]
mod tests {
    use alloc::collections::VecDeque;

    use sansio::Rng;

    use super::*;

    #[test]
    fn takes_32_bytes() {
        if cfg!(target_pointer_width = "64") {
            assert_eq!(size_of::<Remembered>(), 32);
        }
    }

    #[test]
    fn as_a_queue_that_can_be_searched() {
        let mut rng = Rng::from_seed([1; 32]);
        for limit in [1, 3, 4, 8, 9, 128, 1000] {
            let mut remembered = Remembered::default();
            let mut expected: VecDeque<(u16, u32)> = VecDeque::new();
            let mut growing = true;
            for turn in 0..20_000 {
                // Up to the limit and down again, so that every length is passed both ways.
                growing = match expected.len() {
                    0 => true,
                    len if len >= limit => false,
                    _ => growing,
                };
                // Few ids, so that those of free slots come back.
                let mid = u16::try_from(rng.below(2048)).unwrap();
                let known = expected.iter().position(|&(other, _)| other == mid);
                let place = known.map(|at| expected[at].1);
                assert_eq!(remembered.find(mid), place, "turn {turn}");
                match known {
                    Some(at) if rng.below(2) == 0 => {
                        remembered.remove(mid);
                        expected.remove(at);
                    }
                    None if growing || rng.below(3) == 0 => {
                        if expected.len() >= limit {
                            remembered.drop_oldest();
                            expected.pop_front();
                        }
                        let place = u32::MAX - turn;
                        remembered.push(mid, place);
                        expected.push_back((mid, place));
                    }
                    _ => {
                        remembered.drop_oldest();
                        expected.pop_front();
                    }
                }
                let places = (0..=limit).map_while(|number| remembered.place(number));
                assert!(places.eq(expected.iter().map(|&(_, place)| place)));
                assert_eq!(remembered.len(), expected.len());
            }
        }
    }

    #[test]
    fn memory_goes_with_the_messages() {
        let mut remembered = Remembered::default();
        for mid in 0..128 {
            remembered.push(mid, mid.into());
        }
        let ring = |remembered: &Remembered| match &remembered.messages {
            Messages::Few { .. } => 0,
            Messages::Many { ring, .. } => ring.len(),
        };
        assert_eq!(ring(&remembered), 128 * 3);
        let lengths: alloc::vec::Vec<_> = (0..128)
            .map(|_| {
                remembered.drop_oldest();
                ring(&remembered) / 3
            })
            .collect();
        for (left, capacity) in lengths.iter().rev().enumerate() {
            assert!(*capacity <= 8 * left.max(1), "{capacity} for {left}");
        }
        assert_eq!(lengths.last(), Some(&0));
    }

    #[test]
    fn no_more_than_most() {
        let mut remembered = Remembered::default();
        for mid in 0..=u16::MAX {
            remembered.push(mid, mid.into());
        }
        assert_eq!(remembered.len(), Remembered::MOST);
        assert_eq!(remembered.find(0x7fff), Some(0x7fff));
        assert_eq!(remembered.find(0x8000), None);
        remembered.drop_oldest();
        remembered.push(0x8000, 9);
        assert_eq!(
            (remembered.find(0), remembered.find(0x8000)),
            (None, Some(9))
        );
    }
}
