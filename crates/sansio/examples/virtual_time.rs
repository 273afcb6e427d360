//! Moves a wheel's timers through a day of virtual time.
use std::time::Duration;

use sansio::{Instant, TimerWheel};

fn main() {
    let mut wheel = TimerWheel::new(Instant::ZERO);
    for (after, what) in [
        (86_400, "lifetime over"),
        (2, "retransmit"),
        (30, "ask again"),
    ] {
        wheel.set(Instant::ZERO + Duration::from_secs(after), what);
    }
    while let Some(now) = wheel.next_deadline() {
        while let Some(what) = wheel.pop(now) {
            println!("{:>12} us  {what}", now.as_micros());
        }
    }
}
