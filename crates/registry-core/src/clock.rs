//! From virtual instants to the wall clock and back.

use core::time::Duration;
use sansio::Instant;

/// One moment known on both clocks. Timers run on instants alone, so a step of the wall clock ends no registration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    at: Instant,
    unix_ms: u64,
}

impl Clock {
    pub(crate) const fn new(at: Instant, unix_ms: u64) -> Self {
        Self { at, unix_ms }
    }

    /// Milliseconds since 1970, UTC.
    pub(crate) fn unix_ms(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.at).as_micros() / 1000;
        self.unix_ms
            .saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// The instant of a moment on the wall clock; one that has passed is `now`.
    pub(crate) fn instant(&self, now: Instant, unix_ms: u64) -> Instant {
        now + Duration::from_millis(unix_ms.saturating_sub(self.unix_ms(now)))
    }
}
