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
#[cfg(any(feature = "std", test))]
extern crate std;

mod batch;
mod error;
mod memory;
mod record;
mod store;
#[cfg(feature = "testsuite")]
#[cfg_attr(docsrs, doc(cfg(feature = "testsuite")))]
#[expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a check fails by panicking"
)]
pub mod testsuite;

pub use batch::{Batch, Expectation, Write};
pub use error::{CommitError, Down};
pub use memory::MemoryRecords;
#[cfg(feature = "std")]
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
pub use memory::MemoryStore;
pub use record::{Key, Record, Version};
pub use store::Store;
