use super::SEQUENCE_LIMIT;

/// Which of the last 64 sequence numbers of an epoch have come: each record is accepted once.
///
/// Ask [`check`](Self::check) before a record is opened, tell [`accept`](Self::accept) after its
/// protection was found good, and never otherwise: a forged number must not move the window.
///
/// # Specification
/// RFC 6347 §4.1.2.6.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct ReplayWindow {
    /// One more than the newest number accepted; 0 before the first.
    next: u64,
    /// Bit `n`: `next - 1 - n` has come.
    seen: u64,
}

impl ReplayWindow {
    /// A window that accepts `next` and newer only: what came before is not known any more.
    pub(crate) const fn starting_at(next: u64) -> Self {
        Self {
            next,
            seen: u64::MAX,
        }
    }

    /// Whether `sequence` may still be accepted: neither seen nor too old to know.
    pub(crate) const fn check(&self, sequence: u64) -> bool {
        match self.next.checked_sub(1 + sequence) {
            None => sequence < SEQUENCE_LIMIT,
            Some(age) => age < 64 && self.seen >> age & 1 == 0,
        }
    }

    /// Notes a number that [`check`](Self::check) let through and whose record was good. Tells whether it is the
    /// newest so far.
    pub(crate) const fn accept(&mut self, sequence: u64) -> bool {
        match self.next.checked_sub(1 + sequence) {
            None => {
                let step = sequence + 1 - self.next;
                self.seen = if step < 64 { self.seen << step } else { 0 } | 1;
                self.next = sequence + 1;
                true
            }
            Some(age) => {
                if age < 64 {
                    self.seen |= 1 << age;
                }
                false
            }
        }
    }

    /// The newest number accepted so far.
    pub(crate) const fn latest(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }
}
