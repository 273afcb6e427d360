//! SenML in CBOR: content format 112, and 322 for SenML-ETCH (RFC 8428 §6, RFC 8790).

mod head;
mod reader;
mod token;
mod writer;

pub(crate) use head::Chunks;
pub use reader::Reader;
#[cfg(feature = "alloc")]
pub use writer::to_vec;
pub use writer::{FloatForm, Writer};
