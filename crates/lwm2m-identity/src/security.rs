//! One way in which a device proves who it is, secret included, as an operator sets it.

use crate::{Credential, PskKey, check_endpoint, published};
use alloc::string::String;
use bytes::Bytes;
use core::fmt;

/// One security mode of an endpoint with all that goes with it: what an operator, a file or an API sets.
///
/// What is kept of it: the [`Credential`] in the device record, and the key in a record of its own.
///
/// ```
/// use lwm2m_identity::{PskKey, Security};
///
/// let psk = Security::Psk { identity: "lamp-key".into(), key: PskKey::new(&[7; 16])? };
/// assert_eq!(psk.mode(), "psk");
/// assert_eq!(psk.check(), Ok(()));
/// # Ok::<(), lwm2m_identity::PskKeyError>(())
/// ```
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum Security {
    /// The device may come without security.
    NoSec,
    /// The device knows a key.
    Psk {
        /// The identity as it is sent, mostly text: 1 to [`MAX_IDENTITY`] bytes.
        identity: Bytes,
        /// The key that goes with it.
        key: PskKey,
    },
    /// The device owns a raw public key.
    RawPublicKey {
        /// The key as SubjectPublicKeyInfo (DER).
        key: Bytes,
    },
    /// The device owns a certificate, issued by an authority that is trusted, that carries this name.
    X509 {
        /// The common name or a subject alternative name; mostly the endpoint name.
        name: String,
    },
}

impl Security {
    /// The word for the mode: `nosec`, `psk`, `rpk` or `x509`.
    #[must_use]
    pub const fn mode(&self) -> &'static str {
        match self {
            Self::NoSec => "nosec",
            Self::Psk { .. } => "psk",
            Self::RawPublicKey { .. } => "rpk",
            Self::X509 { .. } => "x509",
        }
    }

    /// The part that is no secret; `None` for NoSec.
    #[must_use]
    pub fn credential(&self) -> Option<Credential> {
        match self {
            Self::NoSec => None,
            Self::Psk { identity, .. } => Some(Credential::Psk {
                identity: identity.clone(),
            }),
            Self::RawPublicKey { key } => Some(Credential::RawPublicKey { key: key.clone() }),
            Self::X509 { name } => Some(Credential::X509 { name: name.clone() }),
        }
    }

    /// Tells whether it may be kept: sizes, form, and no key that is printed in somebody's documentation.
    ///
    /// # Errors
    /// [`SecurityError`].
    pub fn check(&self) -> Result<(), SecurityError> {
        match self {
            Self::NoSec => Ok(()),
            Self::Psk { identity, key } => {
                match identity.len() {
                    0 => return Err(SecurityError::IdentityEmpty),
                    1..=MAX_IDENTITY => {}
                    len => return Err(SecurityError::IdentityTooLong(len)),
                }
                published::psk(key.bytes())
                    .map_or(Ok(()), |by| Err(SecurityError::PublishedKey(by)))
            }
            Self::RawPublicKey { key } if !is_der_sequence(key) => {
                Err(SecurityError::PublicKeyForm)
            }
            Self::RawPublicKey { key } if key.len() > MAX_PUBLIC_KEY => {
                Err(SecurityError::PublicKeyTooLong(key.len()))
            }
            Self::RawPublicKey { key } => {
                published::public_key(key).map_or(Ok(()), |by| Err(SecurityError::PublishedKey(by)))
            }
            Self::X509 { name } => {
                check_endpoint(name).map_err(|_| SecurityError::NameLength(name.len()))
            }
        }
    }

    pub(crate) const fn psk_key(&self) -> Option<&PskKey> {
        match self {
            Self::Psk { key, .. } => Some(key),
            Self::NoSec | Self::RawPublicKey { .. } | Self::X509 { .. } => None,
        }
    }
}

/// Whether the bytes are one DER SEQUENCE from the first to the last: what a SubjectPublicKeyInfo looks like.
fn is_der_sequence(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, len @ 0..=0x7f, rest @ ..] => rest.len() == usize::from(*len),
        [0x30, 0x81, len, rest @ ..] => rest.len() == usize::from(*len),
        [0x30, 0x82, high, low, rest @ ..] => {
            rest.len() == usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => false,
    }
}

/// Why a security mode cannot be kept; told to the operator, so it says what to do and never the key.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum SecurityError {
    /// The PSK identity has no byte.
    IdentityEmpty,
    /// The PSK identity has so many bytes, more than [`MAX_IDENTITY`].
    IdentityTooLong(usize),
    /// The raw public key is no SubjectPublicKeyInfo in DER.
    PublicKeyForm,
    /// The raw public key has so many bytes, more than [`MAX_PUBLIC_KEY`].
    PublicKeyTooLong(usize),
    /// The name of an X.509 rule has so many bytes: none, or more than an endpoint name may have.
    NameLength(usize),
    /// The key is printed in the documentation or sources of this product: everybody has it.
    PublishedKey(&'static str),
    /// NoSec beside a credential: with a credential nobody gets in without.
    NoSecBesideCredential,
    /// More credentials than a device record keeps.
    TooMany,
}

impl fmt::Display for SecurityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdentityEmpty => f.write_str("the PSK identity is empty"),
            Self::IdentityTooLong(len) => write!(
                f,
                "the PSK identity has {len} bytes and at most {MAX_IDENTITY} fit"
            ),
            Self::PublicKeyForm => f.write_str(
                "the public key is no SubjectPublicKeyInfo: give it as PEM, or as hex: or base64: of the DER",
            ),
            Self::PublicKeyTooLong(len) => write!(
                f,
                "the public key has {len} bytes and at most {MAX_PUBLIC_KEY} fit"
            ),
            Self::NameLength(0) => f.write_str("the certificate name is empty"),
            Self::NameLength(len) => write!(
                f,
                "the certificate name has {len} bytes, more than an endpoint name may have"
            ),
            Self::PublishedKey(by) => write!(
                f,
                "this key is published ({by}), so everybody has it: generate another one"
            ),
            Self::NoSecBesideCredential => {
                f.write_str("an endpoint is either nosec or has credentials: leave one of them out")
            }
            Self::TooMany => f.write_str("an endpoint has at most 255 credentials"),
        }
    }
}

impl core::error::Error for SecurityError {}

/// The longest PSK identity, in bytes.
///
/// # Specification
/// RFC 7925 §4.2 (LwM2M 1.1 transport): identities of up to 128 bytes must be supported.
pub const MAX_IDENTITY: usize = 128;

/// The longest raw public key, in bytes of SubjectPublicKeyInfo; one on P-256 has 91.
pub const MAX_PUBLIC_KEY: usize = 512;
