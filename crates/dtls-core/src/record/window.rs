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
        if sequence >= SEQUENCE_LIMIT {
            return false;
        }
        match self.next.checked_sub(sequence + 1) {
            None => true,
            Some(age) => age < 64 && self.seen >> age & 1 == 0,
        }
    }

    /// Notes a number that [`check`](Self::check) let through and whose record was good. Tells whether it is the
    /// newest so far.
    pub(crate) const fn accept(&mut self, sequence: u64) -> bool {
        if sequence >= SEQUENCE_LIMIT {
            return false;
        }
        match self.next.checked_sub(sequence + 1) {
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

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_number_once() {
        let mut window = ReplayWindow::default();
        assert_eq!(window.latest(), None);
        assert!(
            window.check(0) && window.accept(0),
            "the first is the newest"
        );
        assert!(!window.check(0));
        assert!(window.check(100) && window.accept(100));
        assert!(
            window.check(37) && !window.accept(37),
            "late, not the newest"
        );
        assert!(!window.check(37));
        assert!(!window.check(36), "older than the window");
        assert_eq!(window.latest(), Some(100));
    }

    /// H07: the numbers end at 2^48 - 1.
    #[test]
    fn h07_the_last_number() {
        let mut window = ReplayWindow::default();
        assert!(window.check(SEQUENCE_LIMIT - 1) && window.accept(SEQUENCE_LIMIT - 1));
        for sequence in [SEQUENCE_LIMIT - 1, SEQUENCE_LIMIT, u64::MAX] {
            assert!(!window.check(sequence), "{sequence}");
        }
        assert!(window.check(SEQUENCE_LIMIT - 2));
    }

    #[test]
    fn restored_windows_let_nothing_old_in() {
        for next in [0, 1, 63, 64, 1000] {
            let mut window = ReplayWindow::starting_at(next);
            assert!((0..next).all(|sequence| !window.check(sequence)));
            assert!(window.check(next) && window.accept(next));
            assert!((0..=next).all(|sequence| !window.check(sequence)));
        }
    }

    proptest! {
        #[test]
        fn as_a_set_of_all_numbers(
            start in prop_oneof![Just(0), Just(SEQUENCE_LIMIT - 300)],
            steps in proptest::collection::vec(0_u64..300, 0..200),
        ) {
            let mut window = ReplayWindow::default();
            let mut seen = BTreeSet::new();
            for step in steps {
                let sequence = start + step;
                let newest = seen.last().is_none_or(|newest| sequence > *newest);
                let fresh = !seen.contains(&sequence);
                let recent = seen.last().is_none_or(|newest| sequence + 64 > *newest);
                prop_assert_eq!(window.check(sequence), fresh && recent);
                if fresh && recent {
                    prop_assert_eq!(window.accept(sequence), newest);
                    seen.insert(sequence);
                }
                prop_assert_eq!(window.latest(), seen.last().copied());
            }
        }
    }
}
