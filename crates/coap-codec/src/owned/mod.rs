//! Owned requests and responses, with features that need an allocator.

mod options_buf;
mod request;

pub use options_buf::OptionsBuf;
pub use request::{Request, Response};
