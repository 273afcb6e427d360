//! SenML in JSON: content format 110, and 320 for SenML-ETCH (RFC 8428 §5, RFC 8790).

mod reader;
mod token;
mod writer;

pub use reader::Reader;
pub use writer::Writer;
#[cfg(feature = "alloc")]
pub use writer::to_vec;
