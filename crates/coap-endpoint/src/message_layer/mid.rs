use core::time::Duration;

use sansio::Instant;

/// Message ids towards one peer: consecutive from a random start, and none twice within EXCHANGE_LIFETIME.
///
/// RFC 7252 §4.4. Used ids are counted in windows of a quarter lifetime; as long as the last five
/// windows hold fewer than 2¹⁶, the id that comes round again is older than a lifetime. That is 20
/// bytes where exact times would take half a mebibyte, and gives up no more than a fifth of the ids.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageIds {
    next: u16,
    window: u64,
    used: [u16; WINDOWS],
}

const WINDOWS: usize = 5;

impl MessageIds {
    pub(crate) fn new(start: u16) -> Self {
        Self {
            next: start,
            window: 0,
            used: [0; WINDOWS],
        }
    }

    /// The id that comes next.
    pub(crate) const fn next(&self) -> u16 {
        self.next
    }

    /// Whether no id is known to be in use.
    pub(crate) fn is_unused(&self) -> bool {
        self.used.iter().all(|&n| n == 0)
    }

    /// The next id, or `None` while all are in use.
    pub(crate) fn take(&mut self, now: Instant, lifetime: Duration) -> Option<u16> {
        if self.exhausted(now, lifetime) {
            return None;
        }
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        if let Some(current) = self.used.first_mut() {
            *current = current.saturating_add(1);
        }
        Some(id)
    }

    /// Whether [`take`](Self::take) would give nothing.
    pub(crate) fn exhausted(&mut self, now: Instant, lifetime: Duration) -> bool {
        self.roll(now, lifetime);
        let used: u32 = self.used.iter().map(|&n| u32::from(n)).sum();
        used >= u32::from(u16::MAX)
    }

    /// When the count changes next: the end of the present window.
    pub(crate) fn window_end(&self, lifetime: Duration) -> Instant {
        let length = window_length(lifetime);
        Instant::from_micros(self.window.saturating_add(1).saturating_mul(length))
    }

    /// When the last id used is free again, `None` when all are.
    pub(crate) fn clear_at(&mut self, now: Instant, lifetime: Duration) -> Option<Instant> {
        self.roll(now, lifetime);
        let age = self.used.iter().position(|&n| n > 0)? as u64;
        let last = self.window.saturating_sub(age);
        let end = last.saturating_add(WINDOWS as u64);
        Some(Instant::from_micros(
            end.saturating_mul(window_length(lifetime)),
        ))
    }

    fn roll(&mut self, now: Instant, lifetime: Duration) {
        let window = now.as_micros() / window_length(lifetime);
        let passed = window.saturating_sub(self.window);
        if passed == 0 {
            return;
        }
        self.window = window;
        let passed = usize::try_from(passed).unwrap_or(WINDOWS).min(WINDOWS);
        self.used.rotate_right(passed);
        self.used.iter_mut().take(passed).for_each(|n| *n = 0);
    }
}

fn window_length(lifetime: Duration) -> u64 {
    u64::try_from(lifetime.as_micros() / 4)
        .unwrap_or(u64::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(247);

    #[test]
    fn no_id_comes_back_within_the_lifetime() {
        let mut ids = MessageIds::new(65_000);
        let mut last: HashMap<u16, Instant> = HashMap::new();
        let mut refused = 0u32;
        for tick in 0..400_000u64 {
            // 1000 a second, four times of what the ids allow.
            let now = Instant::from_micros(tick * 1000);
            match ids.take(now, LIFETIME) {
                Some(id) => {
                    if let Some(before) = last.insert(id, now) {
                        assert!(now.saturating_duration_since(before) >= LIFETIME);
                    }
                }
                None => refused += 1,
            }
        }
        assert!(refused > 200_000, "{refused}");
    }

    #[test]
    fn quiet_after_the_lifetime() {
        let mut ids = MessageIds::new(0);
        let start = Instant::from_micros(123_456_789);
        assert_eq!(ids.clear_at(start, LIFETIME), None);
        ids.take(start, LIFETIME).unwrap();
        let clear = ids.clear_at(start, LIFETIME).unwrap();
        assert!(clear >= start + LIFETIME && clear <= start + LIFETIME.mul_f64(1.5));
        assert_eq!(ids.clear_at(clear, LIFETIME), None);
    }
}
