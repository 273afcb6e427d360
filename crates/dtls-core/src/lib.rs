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

mod alert;
mod cipher_suite;
mod codec;
mod handshake;
mod key_exchange;
mod prf;
mod secret;

pub use alert::{Alert, Failure, FailureReason};
pub use cipher_suite::{Cipher, CipherSuite};
pub use codec::{Malformed, Reader};
pub use handshake::{CertificateType, ClientHello, NamedGroup, ServerHello, SignatureScheme};
pub use key_exchange::{
    Answer, Context, Flight, IdentityKind, KeyExchange, Message, Offer, PeerIdentity, Presence,
    Question, Role, Selection, ServerExtensions, Step, Suites,
};
pub use prf::prf_sha256;
pub use secret::Secret;
