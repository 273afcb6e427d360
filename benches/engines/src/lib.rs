//! DTLS engines in memory: this project's and its peers', each server with a client of its own make.
//!
//! What counts is the server's part alone: the CPU time of the thread around each call of it, or the instructions
//! inside [`served`].

#![forbid(unsafe_code)]

mod by_dimpl;
mod by_openssl;
mod certificates;
mod ours;

use std::time::Duration;

pub use by_dimpl::Dimpl;
pub use by_openssl::OpenSsl;
pub use certificates::Certificates;
pub use ours::{Ours, Secrets};
use rustix::time::{ClockId, clock_gettime};

/// 24 bytes, as the figures say.
pub const IDENTITY: &[u8] = b"urn:imei:490154203237518";
/// 16 bytes.
pub const KEY: &[u8; 16] = b"0123456789abcdef";
/// The plaintext of the records that go to and fro.
pub const TEXT: [u8; 64] = [0x5a; 64];

/// A server and its client.
pub trait Engine {
    /// `ours`, or the name of a crate.
    fn name(&self) -> &'static str;

    /// One handshake, from nothing to nothing: what the server makes for it is gone afterwards.
    fn handshake(&mut self, clock: &mut Clock);

    /// So many records of [`TEXT`], each opened and answered by one.
    fn echo(&mut self, clock: &mut Clock, times: u32);
}

/// Adds up what the server's calls take.
#[derive(Debug)]
pub struct Clock {
    pair: Duration,
    spent: Duration,
}

impl Clock {
    /// Finds out what reading the clock twice takes by itself; that much is taken off each call.
    #[must_use]
    pub fn new() -> Self {
        let mut pairs: Vec<_> = (0..10_001).map(|_| -(cpu() - cpu())).collect();
        pairs.sort_unstable();
        Self {
            pair: Duration::from_nanos(pairs[pairs.len() / 2].try_into().unwrap_or_default()),
            spent: Duration::ZERO,
        }
    }

    /// Measures one call of the server.
    pub fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = cpu();
        let result = served(work);
        let taken = Duration::from_nanos((cpu() - start).try_into().unwrap_or_default());
        self.spent += taken.saturating_sub(self.pair);
        result
    }

    /// What was spent since the last call of this.
    pub fn take(&mut self) -> Duration {
        std::mem::take(&mut self.spent)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the server works. The instruction counts are those of this function and what it calls.
#[inline(never)]
pub fn served<T>(work: impl FnOnce() -> T) -> T {
    std::hint::black_box(work())
}

/// CPU time of this thread in nanoseconds.
#[must_use]
pub fn cpu() -> i64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
