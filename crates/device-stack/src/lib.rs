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
mod credentials;
mod link;
mod secure;
mod stack;

pub use crate::{
    config::Config,
    credentials::{BadAccount, check_account},
    stack::{DeviceStack, Effect, Outgoing},
};

/// The machine that this crate joins to a network, with what its application needs.
pub use device_core as core;
