//! Row 19 of the goals in counts: ten million lifetimes are set, moved and fired, and no call does unbounded work.
use std::time::Duration;

use sansio::{Instant, TimerWheel};

/// Ten million with `LWM2M_LONG=1`, a tenth otherwise.
fn timers() -> u64 {
    match std::env::var_os("LWM2M_LONG") {
        Some(_) => 10_000_000,
        None => 1_000_000,
    }
}

#[test]
fn every_timer_fires_once_and_in_time() {
    let day = Duration::from_secs(86_400);
    let mut wheel = TimerWheel::new(Instant::ZERO);
    let mut now = Instant::ZERO;
    let ids: Vec<_> = (0..timers())
        .map(|n| wheel.set(now + day + Duration::from_millis(n % 60_000), n))
        .collect();
    // A fleet that keeps registering: every second one moves on, every fourth leaves.
    now = now + Duration::from_secs(3_600);
    assert_eq!(wheel.pop(now), None);
    for (n, &id) in (0_u64..).zip(&ids) {
        match n % 4 {
            0 => assert_eq!(wheel.cancel(id), Some(n)),
            2 => assert!(wheel.reset(id, now + day)),
            _ => {}
        }
    }
    let mut fired = 0;
    let mut calls = 0_u64;
    while let Some(deadline) = wheel.next_deadline() {
        now = now.max(deadline);
        calls += 1;
        while let Some(n) = wheel.pop(now) {
            calls += 1;
            fired += 1;
            let due = match n % 4 {
                2 => Duration::from_secs(3_600) + day,
                _ => day + Duration::from_millis(n % 60_000),
            };
            assert_eq!(now.saturating_duration_since(Instant::ZERO), due);
        }
    }
    assert_eq!(fired, timers() * 3 / 4);
    assert!(wheel.is_empty());
    // One call a timer, and a few per thousand to bring them nearer.
    assert!(calls < fired + fired / 10 + 130_000, "{calls} calls");
}
