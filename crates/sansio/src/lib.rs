#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::unwrap_used
)]

extern crate alloc;

mod datagram;
mod instant;
mod pages;
mod peer;
mod rng;
mod wheel;

pub use datagram::{DatagramBuf, Transmit};
pub use instant::Instant;
pub use pages::Pages;
pub use peer::{Peer, Ticket};
pub use rng::Rng;
pub use wheel::{TimerId, TimerWheel};
