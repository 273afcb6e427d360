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

pub mod cbor;
mod data;
mod error;
mod fields;
pub mod json;
mod label;
mod limits;
mod number;
mod out;
mod record;
mod scan;
mod source;
mod text;

pub use data::Data;
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use fields::{Fields, Value};
pub use limits::{Limits, MAX_DEPTH};
pub use number::Number;
pub use record::{Name, Record};
pub use text::Text;
