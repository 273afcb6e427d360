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
mod sessions;
mod stack;
mod uplink;

pub use config::{Config, Security};
pub use dtls_core;
pub use event::{CallFailure, CallId, Destination, Effect, Event, SessionEnd, Target, Transmit};
pub use sessions::X509Names;
pub use stack::{ServerStack, Tables};
