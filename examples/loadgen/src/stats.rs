//! What was counted.

use std::time::Duration;

/// Requests, answers and how long they took.
#[derive(Clone, Debug)]
pub(crate) struct Stats {
    /// Requests sent.
    pub(crate) sent: u64,
    /// Answers of class 2 that matched a request.
    pub(crate) good: u64,
    /// Answers of other classes, and datagrams that answer nothing.
    pub(crate) bad: u64,
    /// Requests without an answer.
    pub(crate) lost: u64,
    longest: Duration,
    /// Answers by time: the power of two of the nanoseconds, and the four bits after the first.
    counts: Box<[u64]>,
}

const STEPS: u64 = 16;

impl Default for Stats {
    fn default() -> Self {
        Self {
            sent: 0,
            good: 0,
            bad: 0,
            lost: 0,
            longest: Duration::ZERO,
            counts: vec![0; 64 * STEPS as usize].into(),
        }
    }
}

impl Stats {
    pub(crate) fn answered(&mut self, after: Duration) {
        self.good += 1;
        self.longest = self.longest.max(after);
        if let Some(count) = self.counts.get_mut(bucket(after)) {
            *count += 1;
        }
    }

    pub(crate) const fn longest(&self) -> Duration {
        self.longest
    }

    /// The time within which so many per mille of the answers came, to one sixteenth.
    pub(crate) fn within(&self, per_mille: u64) -> Duration {
        let wanted = self.good.saturating_mul(per_mille).div_ceil(1000);
        let mut count = 0;
        for (bucket, more) in (0_u64..).zip(&self.counts) {
            count += more;
            if count >= wanted && count > 0 {
                let base = (STEPS + bucket % STEPS) << (bucket / STEPS);
                return Duration::from_nanos(base / STEPS).min(self.longest);
            }
        }
        self.longest
    }
}

fn bucket(time: Duration) -> usize {
    let nanos = u64::try_from(time.as_nanos())
        .unwrap_or(u64::MAX >> 8)
        .clamp(1, u64::MAX >> 8);
    let power = u64::from(nanos.ilog2());
    let step = ((nanos * STEPS) >> power) % STEPS;
    usize::try_from(power * STEPS + step).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_sixteenth() {
        let mut stats = Stats::default();
        for micros in 1..=1000 {
            stats.answered(Duration::from_micros(micros));
        }
        for (per_mille, micros) in [(500, 500.0), (990, 990.0), (999, 999.0)] {
            let told = stats.within(per_mille).as_secs_f64() * 1e6;
            assert!((micros * 0.93..=micros * 1.01).contains(&told), "{told}");
        }
        assert_eq!(Stats::default().within(500), Duration::ZERO);
    }
}
