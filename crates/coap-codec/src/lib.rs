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

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod block;
mod code;
mod content_format;
mod encoder;
mod error;
pub mod link;
mod message;
mod option_number;
mod options;
#[cfg(feature = "alloc")]
mod owned;
pub mod tcp;
mod triage;
mod uint;
pub mod uri;

pub use block::{Block, BlockSize};
pub use code::{Code, Type};
pub use content_format::ContentFormat;
pub use encoder::{Encoder, empty_message};
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use message::{DecodeLimits, Message};
pub use option_number::{DEFINITIONS, OptionDefinition, OptionFormat, OptionNumber};
pub use options::{NoResponse, Opt, OptionIter, Options, Texts, Values};
#[cfg(feature = "alloc")]
pub use owned::{OptionsBuf, Request, Response};
pub use triage::{RejectReason, Triage, triage};
