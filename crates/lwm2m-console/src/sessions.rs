//! Who has logged in by the page, and who keeps trying: two small bounded tables.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::config::{TokenError, random_text};

/// The logins alive, by the random text in their cookie.
///
/// Bounded: when `max` are alive, a new one ends the one that began first.
#[derive(Debug)]
pub(crate) struct Sessions {
    max: usize,
    lifetime: Duration,
    alive: Mutex<HashMap<Box<str>, Instant>>,
}

impl Sessions {
    pub(crate) fn new(max: usize, lifetime: Duration) -> Self {
        Self {
            max: max.max(1),
            lifetime: lifetime.min(TEN_YEARS),
            alive: Mutex::default(),
        }
    }

    /// Begins a login and returns what its cookie carries.
    pub(crate) fn begin(&self, now: Instant) -> Result<String, TokenError> {
        let id = random_text()?;
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        alive.retain(|_, ends| *ends > now);
        while alive.len() >= self.max {
            let Some(oldest) = alive
                .iter()
                .min_by_key(|(_, ends)| **ends)
                .map(|(id, _)| id.clone())
            else {
                break;
            };
            alive.remove(&oldest);
        }
        alive.insert(id.as_str().into(), now + self.lifetime);
        Ok(id)
    }

    /// How long the login `id` still lasts; `None` when there is none.
    ///
    /// An id has 256 random bits and the map hashes with a secret key, so the look-up time tells nothing of use.
    pub(crate) fn remaining(&self, id: &str, now: Instant) -> Option<Duration> {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        let left = alive.get(id)?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    pub(crate) fn end(&self, id: &str) {
        self.alive
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }

    pub(crate) fn count(&self, now: Instant) -> usize {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        alive.values().filter(|ends| **ends > now).count()
    }
}

/// Wrong tokens per address, forgiven one by one as time passes.
///
/// Bounded: of more than [`MAX_ADDRESSES`], the one that was wrong longest ago is forgotten. Where the server does not
/// tell the caller's address, all share one count.
#[derive(Debug)]
pub(crate) struct Attempts {
    max: u32,
    wrong: Mutex<HashMap<Option<IpAddr>, Wrong>>,
}

#[derive(Debug)]
struct Wrong {
    count: u32,
    since: Instant,
}

impl Wrong {
    /// Forgives what time has forgiven.
    fn settle(&mut self, now: Instant) {
        let periods =
            now.saturating_duration_since(self.since).as_secs() / FORGIVEN_EVERY.as_secs();
        let forgiven = u32::try_from(periods).unwrap_or(u32::MAX);
        self.count = self.count.saturating_sub(forgiven);
        self.since += FORGIVEN_EVERY.saturating_mul(forgiven);
        if self.count == 0 {
            self.since = now;
        }
    }
}

impl Attempts {
    pub(crate) fn new(max: u32) -> Self {
        Self {
            max: max.max(1),
            wrong: Mutex::default(),
        }
    }

    /// How long `address` must wait before it may try again, if it must.
    pub(crate) fn barred(&self, address: Option<IpAddr>, now: Instant) -> Option<Duration> {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = wrong.get_mut(&address)?;
        entry.settle(now);
        if entry.count == 0 {
            wrong.remove(&address);
            return None;
        }
        (entry.count >= self.max)
            .then(|| (entry.since + FORGIVEN_EVERY).saturating_duration_since(now))
    }

    /// Counts a wrong token of `address`.
    pub(crate) fn wrong(&self, address: Option<IpAddr>, now: Instant) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() >= MAX_ADDRESSES && !wrong.contains_key(&address) {
            let oldest = wrong
                .iter()
                .min_by_key(|(_, entry)| entry.since)
                .map(|(address, _)| *address);
            oldest.map(|oldest| wrong.remove(&oldest));
        }
        let entry = wrong.entry(address).or_insert(Wrong {
            count: 0,
            since: now,
        });
        entry.settle(now);
        entry.count = entry.count.saturating_add(1).min(self.max);
    }
}

const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
const FORGIVEN_EVERY: Duration = Duration::from_secs(3);
const MAX_ADDRESSES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_session_ends_with_its_lifetime_or_by_logout() {
        let sessions = Sessions::new(4, HOUR);
        let start = Instant::now();
        let id = sessions.begin(start).unwrap();
        assert_eq!(sessions.remaining(&id, start), Some(HOUR));
        assert_eq!(sessions.remaining(&id, start + HOUR), None);
        assert_eq!(sessions.remaining("guess", start), None);
        sessions.end(&id);
        assert_eq!(sessions.remaining(&id, start), None);
    }

    #[test]
    fn the_oldest_session_makes_room() {
        let sessions = Sessions::new(2, HOUR);
        let start = Instant::now();
        let ids: Vec<_> = (0..3)
            .map(|s| sessions.begin(start + Duration::from_secs(s)).unwrap())
            .collect();
        let alive: Vec<_> = ids
            .iter()
            .map(|id| sessions.remaining(id, start).is_some())
            .collect();
        assert_eq!(alive, [false, true, true]);
        assert_eq!(sessions.count(start + HOUR + Duration::from_secs(1)), 1);
    }

    #[test]
    fn wrong_tokens_bar_an_address_for_a_while() {
        let attempts = Attempts::new(2);
        let (start, me) = (Instant::now(), Some(IpAddr::from([127, 0, 0, 1])));
        attempts.wrong(me, start);
        assert_eq!(attempts.barred(me, start), None);
        attempts.wrong(me, start);
        assert_eq!(attempts.barred(me, start), Some(FORGIVEN_EVERY));
        assert_eq!(
            attempts.barred(Some(IpAddr::from([127, 0, 0, 2])), start),
            None
        );
        assert_eq!(attempts.barred(me, start + FORGIVEN_EVERY), None);
        attempts.wrong(me, start + FORGIVEN_EVERY);
        assert!(attempts.barred(me, start + FORGIVEN_EVERY).is_some());
        assert_eq!(attempts.barred(me, start + 4 * FORGIVEN_EVERY), None);
    }

    #[test]
    fn the_table_of_addresses_is_bounded() {
        let attempts = Attempts::new(2);
        let start = Instant::now();
        for n in 0..=u32::try_from(MAX_ADDRESSES).unwrap() {
            attempts.wrong(
                Some(IpAddr::from(n.to_be_bytes())),
                start + Duration::from_millis(n.into()),
            );
        }
        assert_eq!(attempts.wrong.lock().unwrap().len(), MAX_ADDRESSES);
        assert!(
            !attempts
                .wrong
                .lock()
                .unwrap()
                .contains_key(&Some(IpAddr::from([0; 4])))
        );
    }
}
