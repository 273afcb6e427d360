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
mod apply;
#[cfg(feature = "file")]
#[cfg_attr(docsrs, doc(cfg(feature = "file")))]
pub mod file;
mod hex;
mod identity;
mod index;
#[cfg(feature = "material")]
#[cfg_attr(docsrs, doc(cfg(feature = "material")))]
pub mod material;
mod near_miss;
mod plan;
pub mod published;
mod reason;
mod record;
mod secret;
mod security;

pub use access::{Access, Grant, Interface, Lookup, NoSecPolicy, authorize, claimed_endpoint};
pub use apply::{Applied, ApplyError, apply, find_near_miss, owner};
pub use identity::{EndpointError, Identity, MAX_ENDPOINT, check_endpoint};
pub use index::{CredentialRecord, PSK_KIND, RAW_PUBLIC_KEY_KIND, X509_KIND};
pub use near_miss::{
    Difference, KeyHint, NEAR_MISS_KIND, NameHint, NearMiss, NearMissProbe, key_hint, name_hint,
    near_miss,
};
pub use plan::{Change, Closure, Plan, PlanError, Planned, Warning, WarningKind};
pub use reason::Reason;
pub use record::{Credential, DEVICE_KIND, DecodeError, DecodeErrorKind, DeviceRecord};
pub use secret::{MAX_PSK, PskKey, PskKeyError, SHORT_PSK};
pub use security::{MAX_IDENTITY, MAX_PUBLIC_KEY, Security, SecurityError};
