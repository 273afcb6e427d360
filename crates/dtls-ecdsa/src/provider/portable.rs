use alloc::boxed::Box;
use alloc::vec::Vec;

use dtls_core::Secret;
use p256::ecdh::diffie_hellman;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use sansio::Rng;
use zeroize::Zeroize as _;

use super::{EphemeralKey, Provider, ProviderError, Signer};
use crate::{PrivateKey, PublicKey};

/// The portable provider, on the `p256` crate: `no_std` and deterministic. Key pairs come from the caller's `Rng`,
/// signatures from the key and the message alone (RFC 6979).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct P256;

impl P256 {
    /// The provider.
    pub const fn new() -> Self {
        Self
    }
}

impl Provider for P256 {
    fn generate(&self, rng: &mut Rng) -> Result<Box<dyn EphemeralKey>, ProviderError> {
        let mut scalar = [0; 32];
        // FIPS 186-4 §B.4.2, testing candidates: one of 2³² is refused, sixteen in a row never are.
        for _ in 0..16 {
            rng.fill(&mut scalar);
            let key = p256::SecretKey::from_bytes(&scalar.into());
            scalar.zeroize();
            if let Ok(key) = key {
                return Ok(Box::new(Ephemeral(key)));
            }
        }
        Err(ProviderError)
    }

    fn signer(&self, key: &PrivateKey) -> Result<Box<dyn Signer>, ProviderError> {
        let key = SigningKey::from_slice(key.expose_scalar()).map_err(|_| ProviderError)?;
        Ok(Box::new(Key(key)))
    }

    fn verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), ProviderError> {
        let key = VerifyingKey::from_sec1_bytes(key.point()).map_err(|_| ProviderError)?;
        let signature = DerSignature::from_bytes(signature).map_err(|_| ProviderError)?;
        key.verify(message, &signature).map_err(|_| ProviderError)
    }
}

struct Ephemeral(p256::SecretKey);

impl EphemeralKey for Ephemeral {
    fn public_key(&self) -> PublicKey {
        PublicKey::from(&self.0.public_key())
    }

    fn agree(self: Box<Self>, peer: &PublicKey) -> Result<Secret, ProviderError> {
        let peer = p256::PublicKey::from_sec1_bytes(peer.point()).map_err(|_| ProviderError)?;
        let shared = diffie_hellman(self.0.to_nonzero_scalar(), peer.as_affine());
        Ok(Secret::new(shared.raw_secret_bytes()))
    }
}

struct Key(SigningKey);

impl Signer for Key {
    fn sign(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), ProviderError> {
        let signature: DerSignature = self.0.try_sign(message).map_err(|_| ProviderError)?;
        out.extend(signature.as_bytes());
        Ok(())
    }
}
