//! The request layer (RFC 7252 §5, RFC 7641, RFC 7959, RFC 9175): tokens, bodies in blocks,
//! observations and proofs of address, in both roles.

mod answer;
mod asked;
mod client;
mod client_blocks;
mod download;
mod echo;
mod observation;
mod relation;
mod server;
mod upload;

pub(crate) use answer::Delayed;
pub(crate) use asked::Asked;
pub(crate) use client::ClientRequest;
pub use client::RequestOptions;
pub(crate) use download::Download;
pub(crate) use echo::Echo;
pub(crate) use relation::Relation;
pub(crate) use server::Exchange;
pub(crate) use upload::Upload;
