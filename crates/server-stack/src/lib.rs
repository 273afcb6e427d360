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
#[cfg(feature = "std")]
extern crate std;

mod config;
mod event;
mod peers;
mod stack;
mod uplink;

pub use config::Config;
pub use event::{CallFailure, CallId, Effect, Event, Target, Transmit};
pub use stack::{ServerStack, Tables};
