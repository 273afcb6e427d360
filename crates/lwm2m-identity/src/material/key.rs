//! Public and private keys.

use super::{MaterialError, fingerprint, tlv};
use alloc::{string::String, vec::Vec};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use core::fmt;
use p256::elliptic_curve::sec1::ToSec1Point;
use zeroize::Zeroizing;

/// A public key as SubjectPublicKeyInfo, and in the forms in which other software wants it.
#[derive(Clone, Eq, PartialEq)]
pub struct PublicKey {
    spki: Bytes,
    algorithm: &'static str,
    point: Option<[[u8; 32]; 2]>,
}

impl PublicKey {
    /// Reads SubjectPublicKeyInfo (DER); a key on P-256 must be a point of the curve.
    ///
    /// # Errors
    /// [`MaterialError::PublicKey`].
    ///
    /// # Specification
    /// RFC 5280 §4.1.2.7, RFC 5480 §2.
    pub fn from_spki(der: &[u8]) -> Result<Self, MaterialError> {
        Self::parse(der).ok_or(MaterialError::PublicKey)
    }

    fn parse(der: &[u8]) -> Option<Self> {
        let (algorithm, rest) = tlv::expect(tlv::sequence(der)?, tlv::SEQUENCE)?;
        let (bits, []) = tlv::expect(rest, tlv::BIT_STRING)? else {
            return None;
        };
        let algorithm = name(algorithm)?;
        let point = match algorithm {
            P256 => Some(coordinates(bits.strip_prefix(&[0])?)?),
            _ => None,
        };
        Some(Self {
            spki: Bytes::copy_from_slice(der),
            algorithm,
            point,
        })
    }

    /// Makes a key on P-256 of its two coordinates, big-endian; leading zeros may be missing.
    ///
    /// # Errors
    /// [`MaterialError::PublicKey`] if they are no point of the curve.
    ///
    /// ```
    /// use lwm2m_identity::material::PublicKey;
    ///
    /// assert!(PublicKey::from_xy(&[1; 32], &[2; 32]).is_err());
    /// ```
    pub fn from_xy(x: &[u8], y: &[u8]) -> Result<Self, MaterialError> {
        let mut spki = SPKI_P256.to_vec();
        for part in [x, y] {
            let missing = 32usize
                .checked_sub(part.len())
                .ok_or(MaterialError::PublicKey)?;
            spki.extend(core::iter::repeat_n(0, missing));
            spki.extend(part);
        }
        Self::from_spki(&spki)
    }

    /// SubjectPublicKeyInfo in DER: what an RPK certificate message carries and a raw public key is matched by.
    #[must_use]
    pub const fn spki(&self) -> &Bytes {
        &self.spki
    }

    /// The curve, or the algorithm if there is no curve: `secp256r1`, `secp384r1`, `RSA`, …
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// True for P-256, the curve of LwM2M.
    #[must_use]
    pub const fn is_p256(&self) -> bool {
        self.point.is_some()
    }

    /// The first coordinate of a key on P-256.
    #[must_use]
    pub fn x(&self) -> Option<&[u8; 32]> {
        self.point.as_ref().map(|[x, _]| x)
    }

    /// The second coordinate of a key on P-256.
    #[must_use]
    pub fn y(&self) -> Option<&[u8; 32]> {
        self.point.as_ref().map(|[_, y]| y)
    }

    /// The uncompressed point of a key on P-256.
    #[must_use]
    pub fn sec1_point(&self) -> Option<[u8; 65]> {
        let [x, y] = self.point?;
        let mut out = [4; 65];
        let parts = x.into_iter().chain(y);
        out.iter_mut()
            .skip(1)
            .zip(parts)
            .for_each(|(place, byte)| *place = byte);
        Some(out)
    }

    /// SubjectPublicKeyInfo as hexadecimal text.
    #[must_use]
    pub fn to_hex(&self) -> String {
        crate::hex::encode(&self.spki)
    }

    /// SubjectPublicKeyInfo as base64.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.spki)
    }

    /// The coordinates of a key on P-256 as hexadecimal text: ThingsBoard's `public_x`, `public_y`.
    #[must_use]
    pub fn to_xy_hex(&self) -> Option<(String, String)> {
        let [x, y] = self.point?;
        Some((crate::hex::encode(&x), crate::hex::encode(&y)))
    }

    /// A PEM file.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let mut out = String::from("-----BEGIN PUBLIC KEY-----");
        for (n, c) in self.to_base64().chars().enumerate() {
            if n.is_multiple_of(64) {
                out.push('\n');
            }
            out.push(c);
        }
        out.push_str("\n-----END PUBLIC KEY-----\n");
        out
    }

    /// SHA-256 of SubjectPublicKeyInfo as lower-case hexadecimal text.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.spki)
    }
}

impl fmt::Display for PublicKey {
    /// `public key, 91 bytes, secp256r1, SHA-256 …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, fingerprint) = (self.spki.len(), self.fingerprint());
        write!(
            f,
            "public key, {len} bytes, {}, SHA-256 {fingerprint}",
            self.algorithm
        )
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_hex())
    }
}

/// The coordinates of an uncompressed point, if it is on P-256.
fn coordinates(point: &[u8]) -> Option<[[u8; 32]; 2]> {
    p256::PublicKey::from_sec1_bytes(point).ok()?;
    let [0x04, both @ ..] = point else {
        return None; // RFC 7925 §4.4.1: uncompressed
    };
    let (x, y) = both.split_first_chunk::<32>()?;
    Some([*x, *y.first_chunk()?])
}

/// What the inside of an AlgorithmIdentifier means.
fn name(algorithm: &[u8]) -> Option<&'static str> {
    let (oid, parameters) = tlv::expect(algorithm, tlv::OID)?;
    let table = match oid {
        EC => {
            let curve = tlv::expect(parameters, tlv::OID).map_or(&[][..], |(curve, _)| curve);
            return Some(lookup(CURVES, curve).unwrap_or("an unknown curve"));
        }
        _ => ALGORITHMS,
    };
    Some(lookup(table, oid).unwrap_or("an unknown algorithm"))
}

fn lookup(table: &[(&[u8], &'static str)], oid: &[u8]) -> Option<&'static str> {
    table
        .iter()
        .find(|(known, _)| *known == oid)
        .map(|(_, name)| *name)
}

/// A private key on P-256 with its public key. It prints as the public key, and is wiped.
#[derive(Clone)]
pub struct PrivateKey {
    scalar: Zeroizing<[u8; 32]>,
    public: PublicKey,
}

impl PrivateKey {
    /// Reads PKCS#8 or SEC1 (DER). The public key is calculated; one that stands beside it must be the same.
    ///
    /// # Errors
    /// [`MaterialError::PrivateKey`], [`MaterialError::PublicKeyDiffers`], and [`MaterialError::Algorithm`] for anything
    /// but P-256.
    ///
    /// # Specification
    /// RFC 5958 §2, RFC 5915 §3.
    pub fn from_der(der: &[u8]) -> Result<Self, MaterialError> {
        let broken = MaterialError::PrivateKey;
        let inside = tlv::sequence(der).ok_or(broken.clone())?;
        let (_, rest) = tlv::expect(inside, tlv::INTEGER).ok_or(broken.clone())?;
        let Some((algorithm, rest)) = tlv::expect(rest, tlv::SEQUENCE) else {
            return Self::from_sec1(der, false);
        };
        match name(algorithm).ok_or(broken.clone())? {
            P256 => {}
            other => return Err(MaterialError::Algorithm(other)),
        }
        let (key, _) = tlv::expect(rest, tlv::OCTET_STRING).ok_or(broken)?;
        Self::from_sec1(key, true)
    }

    /// ECPrivateKey: version 1, the number, perhaps the curve, perhaps the public key.
    fn from_sec1(der: &[u8], curve_known: bool) -> Result<Self, MaterialError> {
        let (scalar, mut rest) = (|| {
            let (version, rest) = tlv::expect(tlv::sequence(der)?, tlv::INTEGER)?;
            (version == [1]).then_some(())?;
            tlv::expect(rest, tlv::OCTET_STRING)
        })()
        .ok_or(MaterialError::PrivateKey)?;
        let mut public = None;
        let mut curve = curve_known.then_some(P256);
        while let Some((part, after)) = tlv::next(rest) {
            match part.tag {
                0xa0 => {
                    let (oid, _) =
                        tlv::expect(part.value, tlv::OID).ok_or(MaterialError::PrivateKey)?;
                    curve = Some(lookup(CURVES, oid).unwrap_or("an unknown curve"));
                }
                0xa1 => public = tlv::expect(part.value, tlv::BIT_STRING).map(|(bits, _)| bits),
                _ => return Err(MaterialError::PrivateKey),
            }
            rest = after;
        }
        match curve {
            Some(P256) => {}
            Some(other) => return Err(MaterialError::Algorithm(other)),
            // Without the curve it can only be guessed by the length.
            None if scalar.len() == 32 => {}
            None => return Err(MaterialError::Algorithm("an unknown curve")),
        }
        let key = Self::from_scalar(scalar)?;
        if let Some(public) = public
            && key
                .public
                .sec1_point()
                .is_none_or(|point| public.strip_prefix(&[0]) != Some(&point))
        {
            return Err(MaterialError::PublicKeyDiffers);
        }
        Ok(key)
    }

    fn from_scalar(scalar: &[u8]) -> Result<Self, MaterialError> {
        let bytes = scalar
            .first_chunk()
            .filter(|bytes: &&[u8; 32]| bytes.len() == scalar.len());
        let scalar = Zeroizing::new(*bytes.ok_or(MaterialError::PrivateKey)?);
        let secret = p256::SecretKey::from_slice(scalar.as_slice())
            .map_err(|_| MaterialError::PrivateKey)?;
        let point = secret.public_key().to_sec1_point(false);
        let spki: Vec<u8> = SPKI_P256
            .iter()
            .chain(point.as_bytes().iter().skip(1))
            .copied()
            .collect();
        Ok(Self {
            scalar,
            public: PublicKey::from_spki(&spki)?,
        })
    }

    /// The public key that belongs to it.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The number itself, big-endian.
    #[must_use]
    pub fn secret_bytes(&self) -> &[u8; 32] {
        &self.scalar
    }

    /// PKCS#8 with the public key, 138 bytes.
    #[must_use]
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let point = self.public.sec1_point().unwrap_or([0; 65]);
        let mut out = Zeroizing::new(Vec::with_capacity(138));
        out.extend(PKCS8_P256);
        out.extend(self.scalar.as_slice());
        out.extend([0xa1, 0x44, 0x03, 0x42, 0x00]);
        out.extend(point);
        out
    }
}

impl fmt::Display for PrivateKey {
    /// `private key of the public key, …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "private key of the {}", self.public)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

const P256: &str = "secp256r1";

/// id-ecPublicKey (RFC 5480 §2.1.1).
const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";

const CURVES: &[(&[u8], &str)] = &[
    (b"\x2a\x86\x48\xce\x3d\x03\x01\x07", P256),
    (b"\x2b\x81\x04\x00\x22", "secp384r1"),
    (b"\x2b\x81\x04\x00\x23", "secp521r1"),
    (b"\x2b\x81\x04\x00\x0a", "secp256k1"),
];

const ALGORITHMS: &[(&[u8], &str)] = &[
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", "RSA"),
    (b"\x2b\x65\x70", "Ed25519"),
    (b"\x2b\x65\x71", "Ed448"),
    (b"\x2b\x65\x6e", "X25519"),
];

/// SubjectPublicKeyInfo of a key on P-256, up to its coordinates.
const SPKI_P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
    \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04";

/// PKCS#8 of a key on P-256, up to the number.
const PKCS8_P256: &[u8] = b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
    \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x6d\x30\x6b\x02\x01\x01\x04\x20";
