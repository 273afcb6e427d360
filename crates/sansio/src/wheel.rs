use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::time::Duration;

use crate::Instant;

/// Many timers, each with a value: setting, cancelling and moving one costs the same however many there are.
///
/// A hierarchical wheel of eight levels of 64 slots with a resolution of one millisecond. Deadlines
/// are rounded *up* to it, so nothing fires early. Timers of one millisecond fire in the order in
/// which they were set. Memory is one entry of `32 + size of Option<T>` bytes or less per timer that
/// runs at the same time, and is used again.
///
/// Work is bounded per call: when many far-away timers come into reach at once, [`pop`](Self::pop)
/// may move some thousands of them nearer and return `None` with [`next_deadline`](Self::next_deadline)
/// already past. The caller's rule "call again when the deadline is reached" then does the rest.
///
/// ```
/// use core::time::Duration;
/// use sansio::{Instant, TimerWheel};
///
/// let mut wheel = TimerWheel::new(Instant::ZERO);
/// let soon = wheel.set(Instant::ZERO + Duration::from_secs(2), "retransmit");
/// wheel.set(Instant::ZERO + Duration::from_secs(86_400), "expire");
/// assert_eq!(wheel.cancel(soon), Some("retransmit"));
/// assert_eq!(wheel.pop(Instant::ZERO + Duration::from_secs(86_400)), Some("expire"));
/// assert_eq!(wheel.next_deadline(), None);
/// ```
#[derive(Debug)]
pub struct TimerWheel<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    len: usize,
    lists: Vec<List>,
    /// Per level, the slots that hold a timer.
    occupied: [u64; LEVELS],
    /// Everything due at or before this millisecond stands in `EXPIRED` or in `draining`.
    elapsed: u64,
    /// A slot whose time has come: of the first level, its timers fire; of another, they move nearer.
    draining: Option<u16>,
}

/// Names one timer of a [`TimerWheel`]. Of a timer that fired or was cancelled it names nothing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TimerId {
    index: u32,
    generation: NonZeroU32,
}

#[derive(Debug)]
struct Entry<T> {
    deadline: u64,
    prev: u32,
    next: u32,
    generation: NonZeroU32,
    list: u16,
    value: Option<T>,
}

#[derive(Clone, Copy, Debug)]
struct List {
    head: u32,
    tail: u32,
}

const NONE: u32 = u32::MAX;
/// The generation of an entry that is used for the first time.
const FIRST: NonZeroU32 = NonZeroU32::MIN;
const LEVELS: usize = 8;
const SLOT_BITS: u32 = 6;
const SLOTS: u64 = 1 << SLOT_BITS;
const EXPIRED: u16 = 512;
const LISTS: usize = 513;
/// Farther timers wait in the last slots and are sorted in when those come round.
const FARTHEST: u64 = 62 << (SLOT_BITS * 7);
/// Timers moved from one level to the next in one call: some tens of microseconds of work.
const MOVES_PER_CALL: u32 = 4096;

impl<T> TimerWheel<T> {
    /// An empty wheel at time `now`.
    pub fn new(now: Instant) -> Self {
        let empty = List {
            head: NONE,
            tail: NONE,
        };
        Self {
            entries: Vec::new(),
            free: NONE,
            len: 0,
            lists: alloc::vec![empty; LISTS],
            occupied: [0; LEVELS],
            elapsed: floor_millis(now),
            draining: None,
        }
    }

    /// Timers that run.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no timer runs.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Starts a timer that yields `value` from [`pop`](Self::pop) at `deadline`, or at the next call
    /// when that has passed.
    pub fn set(&mut self, deadline: Instant, value: T) -> TimerId {
        let deadline = ceil_millis(deadline);
        let index = self.allocate(deadline, value);
        self.place(index, deadline);
        TimerId {
            index,
            generation: self.entry(index).map_or(FIRST, |entry| entry.generation),
        }
    }

    /// Stops a timer and gives its value back; `None` when it has fired or was cancelled.
    pub fn cancel(&mut self, id: TimerId) -> Option<T> {
        self.running(id)?;
        self.unlink(id.index);
        self.release(id.index)
    }

    /// Moves a running timer to another deadline; `false` when it has fired or was cancelled.
    pub fn reset(&mut self, id: TimerId, deadline: Instant) -> bool {
        if self.running(id).is_none() {
            return false;
        }
        let deadline = ceil_millis(deadline);
        self.unlink(id.index);
        if let Some(entry) = self.entry_mut(id.index) {
            entry.deadline = deadline;
        }
        self.place(id.index, deadline);
        true
    }

    /// The value of a running timer.
    pub fn get(&self, id: TimerId) -> Option<&T> {
        self.running(id)?.value.as_ref()
    }

    /// The next timer that is due at `now`, in the order of deadlines. It runs no more.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        let now = floor_millis(now);
        let mut moves = MOVES_PER_CALL;
        loop {
            if let Some(list) = self.draining {
                match self.head(list) {
                    None => self.draining = None,
                    Some(index) if u64::from(list) < SLOTS => {
                        self.unlink(index);
                        return self.release(index);
                    }
                    Some(index) => {
                        moves = moves.checked_sub(1)?;
                        let deadline = self.entry(index).map_or(0, |entry| entry.deadline);
                        self.unlink(index);
                        self.place(index, deadline);
                    }
                }
                continue;
            }
            if let Some(index) = self.head(EXPIRED) {
                self.unlink(index);
                return self.release(index);
            }
            match self.next_slot() {
                Some((level, slot, start)) if start <= now => {
                    self.elapsed = self.elapsed.max(start);
                    self.draining = Some(list_of(level, slot));
                }
                Some(_) | None => {
                    self.elapsed = self.elapsed.max(now);
                    return None;
                }
            }
        }
    }

    /// When to call [`pop`](Self::pop) next: at or before the earliest deadline, `None` without a timer.
    ///
    /// For timers less than 64 ms away it is the deadline; for farther ones it may be earlier, and
    /// the call then only sorts them closer. Changes after every other call.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.head(EXPIRED).is_some() || self.draining.and_then(|list| self.head(list)).is_some()
        {
            return Some(from_millis(self.elapsed));
        }
        self.next_slot().map(|(_, _, start)| from_millis(start))
    }

    /// The earliest slot that holds a timer: level, slot, first millisecond.
    fn next_slot(&self) -> Option<(usize, u64, u64)> {
        let mut shift = 0;
        for (level, &occupied) in self.occupied.iter().enumerate() {
            if occupied != 0 {
                let here = (self.elapsed >> shift) & (SLOTS - 1);
                let ahead = occupied.rotate_right(u32::try_from(here).unwrap_or_default());
                let slot = (here + u64::from(ahead.trailing_zeros())) & (SLOTS - 1);
                let range = shift + SLOT_BITS;
                let base = (self.elapsed >> range) << range;
                let mut start = base.saturating_add(slot << shift);
                if start < self.elapsed {
                    // Only the last level wraps round.
                    start = start.saturating_add(1 << range);
                }
                return Some((level, slot, start));
            }
            shift += SLOT_BITS;
        }
        None
    }

    /// Puts an unlinked entry where its deadline belongs.
    fn place(&mut self, index: u32, deadline: u64) {
        if deadline <= self.elapsed {
            self.append(EXPIRED, index);
            return;
        }
        let deadline = deadline.min(self.elapsed.saturating_add(FARTHEST));
        let differing = (self.elapsed ^ deadline) | (SLOTS - 1);
        let level = ((u64::BITS - 1 - differing.leading_zeros()) / SLOT_BITS).min(7);
        let slot = (deadline >> (level * SLOT_BITS)) & (SLOTS - 1);
        self.append(list_of(level as usize, slot), index);
    }

    fn append(&mut self, list: u16, index: u32) {
        let Some(ends) = self.lists.get_mut(usize::from(list)) else {
            return;
        };
        let tail = ends.tail;
        ends.tail = index;
        if tail == NONE {
            ends.head = index;
            self.mark(list, true);
        } else if let Some(before) = self.entry_mut(tail) {
            before.next = index;
        }
        if let Some(entry) = self.entry_mut(index) {
            (entry.list, entry.prev, entry.next) = (list, tail, NONE);
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(&Entry {
            list, prev, next, ..
        }) = self.entry(index)
        else {
            return;
        };
        if let Some(before) = self.entry_mut(prev) {
            before.next = next;
        }
        if let Some(behind) = self.entry_mut(next) {
            behind.prev = prev;
        }
        let Some(ends) = self.lists.get_mut(usize::from(list)) else {
            return;
        };
        if ends.head == index {
            ends.head = next;
        }
        if ends.tail == index {
            ends.tail = prev;
        }
        if ends.head == NONE {
            self.mark(list, false);
        }
    }

    /// Notes whether a slot holds a timer. `EXPIRED` stands beyond the last level and has no mark.
    fn mark(&mut self, list: u16, holds: bool) {
        if let Some(occupied) = self.occupied.get_mut(usize::from(list >> SLOT_BITS)) {
            let bit = 1 << (u64::from(list) & (SLOTS - 1));
            *occupied = if holds {
                *occupied | bit
            } else {
                *occupied & !bit
            };
        }
    }

    fn allocate(&mut self, deadline: u64, value: T) -> u32 {
        self.len = self.len.saturating_add(1);
        let free = self.free;
        if let Some(entry) = self.entry_mut(free) {
            let next = entry.next;
            entry.deadline = deadline;
            entry.value = Some(value);
            self.free = next;
            return free;
        }
        // 2³² − 1 timers at 32 bytes are 128 GiB: the index does not run out before memory does.
        let index = u32::try_from(self.entries.len()).unwrap_or(NONE);
        self.entries.push(Entry {
            deadline,
            prev: NONE,
            next: NONE,
            generation: FIRST,
            list: EXPIRED,
            value: Some(value),
        });
        index
    }

    /// Frees an unlinked entry.
    fn release(&mut self, index: u32) -> Option<T> {
        let free = self.free;
        let entry = self.entry_mut(index)?;
        entry.generation = entry.generation.checked_add(1).unwrap_or(FIRST);
        entry.next = free;
        let value = entry.value.take();
        self.free = index;
        self.len = self.len.saturating_sub(1);
        value
    }

    fn running(&self, id: TimerId) -> Option<&Entry<T>> {
        self.entry(id.index)
            .filter(|entry| entry.generation == id.generation && entry.value.is_some())
    }

    fn head(&self, list: u16) -> Option<u32> {
        let head = self.lists.get(usize::from(list))?.head;
        (head != NONE).then_some(head)
    }

    fn entry(&self, index: u32) -> Option<&Entry<T>> {
        self.entries.get(index as usize)
    }

    fn entry_mut(&mut self, index: u32) -> Option<&mut Entry<T>> {
        self.entries.get_mut(index as usize)
    }
}

/// The list of a slot: lists 0 to 511 are the levels' slots, one level after the other.
fn list_of(level: usize, slot: u64) -> u16 {
    u16::try_from((level as u64) << SLOT_BITS | slot).unwrap_or(EXPIRED)
}

fn floor_millis(instant: Instant) -> u64 {
    instant.as_micros() / 1000
}

/// The last millisecond of the clock's range is the farthest deadline, so that every timer can fire.
fn ceil_millis(instant: Instant) -> u64 {
    instant.as_micros().div_ceil(1000).min(u64::MAX / 1000)
}

fn from_millis(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        from_millis(millis)
    }

    fn drain(wheel: &mut TimerWheel<u64>, now: Instant) -> Vec<u64> {
        let mut fired = Vec::new();
        loop {
            fired.extend(core::iter::from_fn(|| wheel.pop(now)));
            if wheel.next_deadline().is_none_or(|deadline| deadline > now) {
                return fired;
            }
        }
    }

    #[test]
    fn never_early_and_rounded_up() {
        let mut wheel = TimerWheel::new(Instant::ZERO);
        wheel.set(Instant::from_micros(1_500), 0);
        assert_eq!(wheel.next_deadline(), Some(at(2)));
        assert_eq!(wheel.pop(Instant::from_micros(1_999)), None);
        assert_eq!(wheel.pop(at(2)), Some(0));
        assert!(wheel.is_empty());
    }

    #[test]
    fn stale_ids_are_harmless() {
        let mut wheel = TimerWheel::new(Instant::ZERO);
        let old = wheel.set(at(5), 1);
        assert_eq!(wheel.get(old), Some(&1));
        assert_eq!(wheel.cancel(old), Some(1));
        let new = wheel.set(at(9), 2);
        assert_eq!(old.index, new.index, "the entry is used again");
        assert_eq!(wheel.cancel(old), None);
        assert!(!wheel.reset(old, at(1)));
        assert!(wheel.reset(new, at(3)));
        assert_eq!(drain(&mut wheel, at(3)), [2]);
    }

    #[test]
    fn past_and_simultaneous_deadlines_keep_their_order() {
        let mut wheel = TimerWheel::new(at(1_000));
        for value in 0..3 {
            wheel.set(at(value), value);
            wheel.set(at(1_050), value + 10);
        }
        assert_eq!(drain(&mut wheel, at(1_049)), [0, 1, 2]);
        assert_eq!(drain(&mut wheel, at(1_050)), [10, 11, 12]);
    }

    #[test]
    fn far_deadlines_and_clocks_at_the_edge() {
        // hostile B16: a clock near the top of its range, jumps of fifty days and back.
        for start in [0, (1 << 32) - 5_000, u64::MAX / 1000 - 10_000] {
            let mut wheel = TimerWheel::new(at(start));
            wheel.set(at(start.saturating_add(5_000)), 1);
            wheel.set(at(start) + Duration::MAX, 2);
            assert_eq!(wheel.pop(at(start) - Duration::from_secs(3_600)), None);
            assert_eq!(drain(&mut wheel, at(start + 5_000)), [1]);
            let later = at(start) + Duration::from_secs(50 * 86_400);
            if later < Instant::from_micros(u64::MAX / 1000 * 1000) {
                assert_eq!(drain(&mut wheel, later), []);
            }
            assert_eq!(drain(&mut wheel, Instant::from_micros(u64::MAX)), [2]);
        }
    }

    /// Against the obvious implementation: a sorted map.
    #[test]
    fn agrees_with_a_sorted_map() {
        let mut rng = crate::Rng::from_seed([3; 32]);
        for spread in [50, 5_000, 3_000_000, 40_000_000_000_u64] {
            let mut wheel = TimerWheel::new(Instant::ZERO);
            let mut map = alloc::collections::BTreeMap::new();
            let mut ids = Vec::new();
            let mut now = 0;
            for step in 0..4_000_u64 {
                match rng.below(8) {
                    0..=3 => {
                        let deadline = now + 1 + rng.next_u64() % spread;
                        ids.push((wheel.set(at(deadline), step), (deadline, step)));
                        map.insert((deadline, step), ());
                    }
                    4 if !ids.is_empty() => {
                        let (id, key) = ids.swap_remove(rng.next_u32() as usize % ids.len());
                        assert_eq!(wheel.cancel(id).is_some(), map.remove(&key).is_some());
                    }
                    _ => {
                        let bound = wheel.next_deadline();
                        let first = map.keys().next().map(|key| at(key.0));
                        assert_eq!(bound.is_none(), first.is_none());
                        assert!(bound <= first, "never later than the earliest");
                        now += rng.next_u64() % (spread / 16 + 2);
                        let mut fired = drain(&mut wheel, at(now));
                        let rest = map.split_off(&(now + 1, 0));
                        let mut due: Vec<u64> = map.keys().map(|key| key.1).collect();
                        map = rest;
                        fired.sort_unstable();
                        due.sort_unstable();
                        assert_eq!(fired, due, "spread {spread} step {step}");
                    }
                }
                assert_eq!(wheel.len(), map.len());
            }
        }
    }
}
