use alloc::vec::Vec;
use core::fmt;

use dtls_core::Secret;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use sha2::{Digest as _, Sha256};

use crate::hex;

/// A public key on P-256: a point that is on the curve and not at infinity.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct PublicKey([u8; POINT_LEN]);

impl PublicKey {
    /// Reads an uncompressed point.
    ///
    /// # Errors
    /// [`KeyError::Point`]: another length or form, or not on the curve.
    ///
    /// # Specification
    /// RFC 8422 §5.4, §5.11.
    pub fn from_point(point: &[u8]) -> Result<Self, KeyError> {
        // RFC 8422 §5.1.2: uncompressed is the one format; P-256 has 32-byte coordinates.
        let bytes: [u8; POINT_LEN] = point.try_into().map_err(|_| KeyError::Point)?;
        if bytes.first() != Some(&UNCOMPRESSED) {
            return Err(KeyError::Point);
        }
        // RFC 8422 §5.11: the other side's point must be checked to be on the curve.
        p256::PublicKey::from_sec1_bytes(&bytes).map_err(|_| KeyError::Point)?;
        Ok(Self(bytes))
    }

    /// Reads a SubjectPublicKeyInfo: what the LwM2M Security object and RFC 7250 call a raw public key.
    ///
    /// # Errors
    /// [`KeyError::NotP256`] for another algorithm, curve or encoding, [`KeyError::Point`] for a point that is none.
    ///
    /// # Specification
    /// RFC 5480 §2: DER has one form for an uncompressed P-256 key, 91 bytes.
    pub fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        Self::from_point(spki.strip_prefix(SPKI_HEAD).ok_or(KeyError::NotP256)?)
    }

    /// The uncompressed point: 4, x, y.
    pub const fn point(&self) -> &[u8; POINT_LEN] {
        &self.0
    }

    /// The SubjectPublicKeyInfo, 91 bytes.
    pub fn spki(&self) -> Vec<u8> {
        let mut spki = SPKI_HEAD.to_vec();
        spki.extend(self.0);
        spki
    }

    /// The SHA-256 of the SubjectPublicKeyInfo.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(self.spki()).into()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey(sha-256 {})", hex(&self.fingerprint()))
    }
}

/// A private key on P-256 with its public key. It prints nothing of the private part, which is wiped on drop.
#[derive(Clone, Eq, PartialEq)]
pub struct PrivateKey {
    scalar: Secret,
    public: PublicKey,
}

impl PrivateKey {
    /// Reads PKCS#8 or SEC1, with or without the public key inside.
    ///
    /// # Errors
    /// [`KeyError::PrivateKey`]: neither format, another curve, or a public key inside that is not the private one's.
    ///
    /// # Specification
    /// RFC 5958 §2 (PKCS#8), RFC 5915 §3 (SEC1).
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        p256::SecretKey::from_der(der)
            .map(|key| Self::from_secret(&key))
            .map_err(|_| KeyError::PrivateKey)
    }

    /// Takes the bare scalar, big-endian.
    ///
    /// # Errors
    /// [`KeyError::PrivateKey`]: not 32 bytes, zero, or not below the order of the curve.
    pub fn from_scalar(scalar: &[u8]) -> Result<Self, KeyError> {
        let scalar: &[u8; 32] = scalar.try_into().map_err(|_| KeyError::PrivateKey)?;
        p256::SecretKey::from_bytes(scalar.into())
            .map(|key| Self::from_secret(&key))
            .map_err(|_| KeyError::PrivateKey)
    }

    fn from_secret(key: &p256::SecretKey) -> Self {
        let mut scalar = key.to_bytes();
        let this = Self {
            scalar: Secret::new(&scalar),
            public: PublicKey::from(&key.public_key()),
        };
        zeroize::Zeroize::zeroize(&mut scalar[..]);
        this
    }

    /// The public key.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The scalar, 32 bytes, big-endian; for a provider.
    pub fn expose_scalar(&self) -> &[u8] {
        self.scalar.expose()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl From<&p256::PublicKey> for PublicKey {
    fn from(key: &p256::PublicKey) -> Self {
        let mut bytes = [0; POINT_LEN];
        let encoded = key.to_sec1_point(false);
        // Uncompressed, as asked for, it has that length: the type has no point at infinity.
        if encoded.as_bytes().len() == POINT_LEN {
            bytes.copy_from_slice(encoded.as_bytes());
        }
        Self(bytes)
    }
}

/// Why a key was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not an uncompressed point of P-256.
    #[error("not an uncompressed point on P-256")]
    Point,
    /// Not a SubjectPublicKeyInfo of P-256.
    #[error("not a SubjectPublicKeyInfo with an uncompressed P-256 key")]
    NotP256,
    /// Not a private key of P-256.
    #[error("not a P-256 private key in PKCS#8 or SEC1 form")]
    PrivateKey,
}

/// Bytes of an uncompressed point.
pub(crate) const POINT_LEN: usize = 65;
const UNCOMPRESSED: u8 = 4;
/// A SubjectPublicKeyInfo of id-ecPublicKey on secp256r1 up to the point (RFC 5480 §2.1.1).
const SPKI_HEAD: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
