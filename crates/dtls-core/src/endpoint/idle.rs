//! The end of sessions that nobody speaks in any more.

use core::time::Duration;

use sansio::Instant;

use super::{Endpoint, Timer, WARNING};
use crate::{Alert, CloseReason, Event};

impl Endpoint {
    /// Lets the rounds begin, unless they run or no session ever ends by itself. One timer serves all sessions.
    pub(super) fn watch_idle(&mut self, now: Instant) {
        if self.round.is_none()
            && let Some(lifetime) = self.config.session_lifetime
        {
            self.round = Some(0);
            self.timers.set(now + between(lifetime), Timer::Round);
        }
    }

    /// Goes on with a round: each session grows older by one, and ends at [`OLDEST`]. The next round begins a fixed time
    /// after the end of this one, so that a session is never looked at twice in less than that.
    pub(super) fn go_round(&mut self, now: Instant) {
        let Some(first) = self.round.take() else {
            return;
        };
        let capacity = self.slab.capacity();
        let end = capacity.min(first.saturating_add(AT_ONCE));
        for number in first..end {
            self.grow_older(number);
        }
        if end < capacity {
            self.round = Some(end);
            self.timers.set(now + PAUSE, Timer::Round);
        } else if self.held > 0 {
            self.watch_idle(now);
        }
    }

    fn grow_older(&mut self, number: u32) {
        let Some(session) = self.slab.session_mut(number) else {
            return;
        };
        session.age = session.age.saturating_add(1);
        if session.age < OLDEST {
            return;
        }
        let path = session.path;
        let peer = self.slab.peer(number);
        self.send_alert(number, WARNING, Alert::CLOSE_NOTIFY);
        self.remove_session(number);
        self.events.push_back(Event::Closed {
            peer,
            path,
            reason: CloseReason::Idle,
        });
    }
}

/// From the end of a round to the next one.
fn between(lifetime: Duration) -> Duration {
    (lifetime / ROUNDS).max(PAUSE)
}

/// Rounds in a lifetime.
const ROUNDS: u32 = 16;
/// The round that ends a session: the first one may come right after the session was heard of.
const OLDEST: u8 = 17;
/// Slots looked at in one call.
const AT_ONCE: u32 = 256;
/// From one call to the next within a round.
const PAUSE: Duration = Duration::from_millis(1);
