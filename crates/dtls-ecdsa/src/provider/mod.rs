//! What does the arithmetic: a few calls, so that a chip or another library can do them.

#[cfg(feature = "p256")]
mod portable;
#[cfg(feature = "ring")]
mod ring;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use dtls_core::{Alert, Failure, FailureReason, Secret};
use sansio::Rng;

#[cfg(feature = "p256")]
pub use self::portable::P256;
#[cfg(feature = "ring")]
pub use self::ring::Ring;
use crate::{PrivateKey, PublicKey};

/// Elliptic-curve arithmetic on P-256.
pub trait Provider: fmt::Debug + Send + Sync {
    /// A fresh key pair for one agreement. Whether `rng` is used is the provider's affair.
    ///
    /// # Errors
    /// There is no randomness, or the hardware failed.
    fn generate(&self, rng: &mut Rng) -> Result<Box<dyn EphemeralKey>, ProviderError>;

    /// Makes `key` ready for signing.
    ///
    /// # Errors
    /// The provider cannot use it.
    fn signer(&self, key: &PrivateKey) -> Result<Box<dyn Signer>, ProviderError>;

    /// Whether `signature` is a DER-encoded ECDSA signature with SHA-256 of `message` by `key`.
    ///
    /// # Errors
    /// It is not.
    fn verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), ProviderError>;
}

/// Half of one Diffie-Hellman agreement.
pub trait EphemeralKey: Send {
    /// What the peer gets.
    fn public_key(&self) -> PublicKey;

    /// The x coordinate of the shared point, 32 bytes (RFC 8422 §5.10).
    ///
    /// # Errors
    /// The provider failed.
    fn agree(self: Box<Self>, peer: &PublicKey) -> Result<Secret, ProviderError>;
}

/// A private key that signs.
pub trait Signer: Send + Sync {
    /// Appends the DER-encoded ECDSA signature with SHA-256 of `message`.
    ///
    /// # Errors
    /// The provider failed.
    fn sign(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), ProviderError>;
}

/// A provider that could not do what it was asked, or a signature that does not fit.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the cryptographic provider refused")]
#[non_exhaustive]
pub struct ProviderError;

impl ProviderError {
    /// The one there is; why is not told.
    pub const fn new() -> Self {
        Self
    }
}

impl Default for ProviderError {
    fn default() -> Self {
        Self::new()
    }
}

impl From<ProviderError> for Failure {
    fn from(_: ProviderError) -> Self {
        Self::new(
            Alert::INTERNAL_ERROR,
            FailureReason::Internal("the cryptographic provider failed"),
        )
    }
}
