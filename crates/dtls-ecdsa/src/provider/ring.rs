use alloc::boxed::Box;
use alloc::vec::Vec;

use dtls_core::Secret;
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use sansio::Rng;

use super::{EphemeralKey, Provider, ProviderError, Signer};
use crate::{PrivateKey, PublicKey};

/// The provider for servers, on `ring`. It draws its randomness from the operating system, never from the caller's `Rng`.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Ring;

impl Ring {
    /// The provider.
    pub const fn new() -> Self {
        Self
    }
}

impl Provider for Ring {
    fn generate(&self, _: &mut Rng) -> Result<Box<dyn EphemeralKey>, ProviderError> {
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())?;
        let public = private.compute_public_key()?;
        let public = PublicKey::from_point(public.as_ref()).map_err(|_| ProviderError)?;
        Ok(Box::new(Ephemeral { private, public }))
    }

    fn signer(&self, key: &PrivateKey) -> Result<Box<dyn Signer>, ProviderError> {
        let rng = SystemRandom::new();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            key.expose_scalar(),
            key.public_key().point(),
            &rng,
        )
        .map_err(|_| ProviderError)?;
        Ok(Box::new(Key { pair, rng }))
    }

    fn verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), ProviderError> {
        ring::signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.point())
            .verify(message, signature)?;
        Ok(())
    }
}

struct Ephemeral {
    private: EphemeralPrivateKey,
    public: PublicKey,
}

impl EphemeralKey for Ephemeral {
    fn public_key(&self) -> PublicKey {
        self.public
    }

    fn agree(self: Box<Self>, peer: &PublicKey) -> Result<Secret, ProviderError> {
        let peer = UnparsedPublicKey::new(&ECDH_P256, peer.point());
        Ok(agree_ephemeral(self.private, &peer, Secret::new)?)
    }
}

struct Key {
    pair: EcdsaKeyPair,
    rng: SystemRandom,
}

impl Signer for Key {
    fn sign(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), ProviderError> {
        out.extend(self.pair.sign(&self.rng, message)?.as_ref());
        Ok(())
    }
}

impl From<ring::error::Unspecified> for ProviderError {
    fn from(_: ring::error::Unspecified) -> Self {
        Self
    }
}
