//! The messages of a handshake and their order.

mod extension;
mod hello;

pub use extension::{CertificateType, NamedGroup, SignatureScheme};
pub use hello::{ClientHello, ServerHello};
