use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sansio::Instant;

/// Tells a limited number of refusals a second, and counts the rest: whoever sends garbage must
/// neither fill the log nor push other events out of the ring.
#[derive(Debug)]
pub(crate) struct Refusals {
    per_second: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    second: Instant,
    told: u32,
    /// Not told since the last one that was.
    untold: u64,
    total: u64,
}

impl Refusals {
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            per_second,
            state: Mutex::new(State {
                second: Instant::ZERO,
                told: 0,
                untold: 0,
                total: 0,
            }),
        }
    }

    /// Counts a refusal. `Some` when it may be told, with the number of those before it that were not.
    pub(crate) fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.total = state.total.saturating_add(1);
        if now.saturating_duration_since(state.second) >= Duration::from_secs(1) {
            state.second = now;
            state.told = 0;
        }
        if state.told >= self.per_second {
            state.untold = state.untold.saturating_add(1);
            return None;
        }
        state.told = state.told.saturating_add(1);
        Some(std::mem::take(&mut state.untold))
    }

    /// All so far.
    pub(crate) fn total(&self) -> u64 {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_second_are_told_and_the_rest_is_counted() {
        let refusals = Refusals::new(2);
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        let told: Vec<_> = [0, 1, 2, 3, 999, 1000, 1001, 1002, 5000]
            .into_iter()
            .map(|millis| refusals.admit(at(millis)))
            .collect();
        assert_eq!(
            told,
            [
                Some(0),
                Some(0),
                None,
                None,
                None,
                Some(3),
                Some(0),
                None,
                Some(1)
            ]
        );
        assert_eq!(refusals.total(), 9);
    }
}
