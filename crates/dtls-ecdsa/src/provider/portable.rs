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

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use serde_json::Value;

    use super::*;

    const ECDH: &str = include_str!("../../tests/data/ecdh_secp256r1_ecpoint.json");

    fn bytes(value: &Value) -> Vec<u8> {
        let text = value.as_str().unwrap();
        let digits = (0..text.len()).step_by(2);
        digits
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    /// 32 bytes of a private key that may be longer or shorter with or without zeros before it.
    fn private(value: &Value) -> p256::SecretKey {
        let mut padded = alloc::vec![0; 32];
        padded.extend(bytes(value));
        let (zeros, scalar) = padded.split_at(padded.len() - 32);
        assert!(zeros.iter().all(|&byte| byte == 0));
        p256::SecretKey::from_slice(scalar).unwrap()
    }

    /// Every case of Project Wycheproof's file. `ring` takes no private key from outside for an agreement; so its half is checked
    /// against this provider's, with the same points.
    #[test]
    fn wycheproof_ecdh_on_both_providers() {
        let file: Value = serde_json::from_str(ECDH).unwrap();
        let (mut agreed, mut refused) = (0, 0);
        for test in file["testGroups"][0]["tests"].as_array().unwrap() {
            let what = test["tcId"].to_string();
            let Ok(public) = PublicKey::from_point(&bytes(&test["public"])) else {
                // A compressed point is "acceptable" there; RFC 8422 §5.1.2 leaves uncompressed ones alone.
                assert_ne!(test["result"], "valid", "{what}");
                refused += 1;
                continue;
            };
            assert_eq!(test["result"], "valid", "{what}");
            let private = private(&test["private"]);
            let own = PublicKey::from(&private.public_key());
            let shared = Box::new(Ephemeral(private.clone())).agree(&public).unwrap();
            assert_eq!(shared.expose(), bytes(&test["shared"]), "{what}");

            #[cfg(feature = "ring")]
            {
                let mut rng = Rng::from_seed([0; 32]);
                let mut ring = || crate::Ring::new().generate(&mut rng).unwrap();
                let (with_own, with_theirs) = (ring(), ring());
                let theirs = with_own.public_key();
                let expected = Box::new(Ephemeral(private)).agree(&theirs).unwrap();
                assert_eq!(with_own.agree(&own).unwrap(), expected, "{what}");
                assert_eq!(with_theirs.agree(&public).unwrap().len(), 32, "{what}");
            }
            agreed += 1;
        }
        assert_eq!((agreed, refused), (330, 25));
    }

    /// RFC 6979 A.2.5, the key and its signature of "sample" with SHA-256.
    #[test]
    fn signatures_are_those_of_rfc_6979() {
        let hex = |text: &str| bytes(&Value::from(text));
        let key = PrivateKey::from_scalar(&hex(
            "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
        ))
        .unwrap();
        let mut signature = Vec::new();
        let signer = P256::new().signer(&key).unwrap();
        signer.sign(b"sample", &mut signature).unwrap();
        // DER around r and s, which both have their upper bit set.
        let expected = [
            "3046",
            "022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ];
        assert_eq!(signature, hex(&expected.concat()));
    }
}
