use sansio::Instant;

/// Reads the machine's monotonic clock as the protocol's instants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: tokio::time::Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            origin: tokio::time::Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        let micros = self.origin.elapsed().as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// When the runtime has to wake up for a deadline.
    pub(crate) fn at(&self, deadline: Instant) -> tokio::time::Instant {
        let after = deadline.saturating_duration_since(Instant::ZERO);
        // A deadline beyond what the clock can tell is far enough at a year.
        self.origin.checked_add(after).unwrap_or_else(|| {
            tokio::time::Instant::now() + std::time::Duration::from_secs(365 * 86_400)
        })
    }
}
