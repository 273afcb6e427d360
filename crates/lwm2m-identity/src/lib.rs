#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
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

mod access;
mod identity;
mod reason;
mod record;

pub use access::{Access, Grant, Interface, Lookup, NoSecPolicy, authorize};
pub use identity::{EndpointError, Identity, MAX_ENDPOINT, check_endpoint};
pub use reason::Reason;
pub use record::{Credential, DEVICE_KIND, DecodeError, DecodeErrorKind, DeviceRecord};
