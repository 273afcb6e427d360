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

mod certificate;
mod chain;
mod credentials;
mod exchange;
mod key;
mod message;
mod names;
mod provider;
mod suites;
mod trust;

use alloc::string::String;
use core::fmt::Write as _;

pub use dtls_core;

pub use self::certificate::{Certificate, CertificateError};
pub use self::chain::{Anchors, verify_client_chain};
pub use self::credentials::{CredentialError, Credentials};
pub use self::key::{KeyError, PrivateKey, PublicKey};
pub use self::names::CertificateNames;
#[cfg(feature = "p256")]
pub use self::provider::P256;
#[cfg(feature = "ring")]
pub use self::provider::Ring;
pub use self::provider::{EphemeralKey, Provider, ProviderError, Signer};
pub use self::suites::Ecdsa;
pub use self::trust::{
    CertificateUsage, MatchingType, ServerTrust, ServerTrustError, Shown, Trust, verify_server,
};

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
