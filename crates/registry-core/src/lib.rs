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

mod book;
mod clock;
mod config;
mod desired;
mod diff;
mod effect;
mod event;
mod index;
mod op;
mod partition;
mod reason;
mod record;
mod registration;
mod registry;

pub use config::Config;
pub use desired::{ObserveError, Observed};
pub use diff::Diff;
pub use effect::{Effect, EffectResult};
pub use event::{Event, Removal};
pub use op::{Caller, Done, Op, Outcome, Refused};
pub use partition::{partition_of, partition_of_id};
pub use reason::Reason;
pub use record::{DecodeError, DecodeErrorKind, REGISTRATION_KIND};
pub use registration::Registration;
pub use registry::{Position, Registry, Stats};
