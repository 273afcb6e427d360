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
mod cid;
mod cipher_suite;
mod codec;
mod config;
mod cookie;
mod endpoint;
mod event;
mod handshake;
mod key_exchange;
#[cfg(feature = "key-log")]
mod key_log;
mod prf;
mod reassembly;
mod record;
mod resumption;
mod secret;
mod session;
mod slab;
mod transcript;

pub use alert::{Alert, Failure, FailureReason};
pub use cipher_suite::{Cipher, CipherSuite};
pub use codec::{Malformed, Reader, vector};
pub use config::{Config, ConnectionIdPolicy, Policy};
pub use endpoint::{Connect, Datagram, Endpoint, RestoreError, SessionInfo};
pub use event::{CloseReason, ConnectError, Event, Path, SealError, Stats, Tables, Transmit};
pub use handshake::{CertificateType, ClientHello, NamedGroup, ServerHello, SignatureScheme};
pub use key_exchange::{
    Answer, Context, Flight, IdentityKind, KeyExchange, Message, Offer, PeerIdentity, Presence,
    Question, Role, Selection, ServerExtensions, Step, Suites,
};
pub use prf::prf_sha256;
pub use resumption::{Resumption, ResumptionCache, Resumptions};
pub use sansio;
pub use secret::Secret;
