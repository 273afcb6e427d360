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

mod error;
mod header;
mod reader;
mod tlv;
mod writer;

pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use header::{MAX_VALUE_LEN, encoded_len};
pub use reader::Reader;
pub use tlv::{Kind, Tlv};
#[cfg(feature = "alloc")]
pub use writer::to_vec;
pub use writer::{Writer, integer_len, unsigned_len};
