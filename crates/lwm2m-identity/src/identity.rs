//! Who a peer has proven to be.

use alloc::{string::String, vec::Vec};
use bytes::Bytes;
use core::fmt;

/// What the transport proved about a peer: nothing, or the name that goes with a key.
///
/// It never holds a secret. Two identities are equal if the same party stands behind them, across sessions:
/// a renewed certificate with the same names is the same identity.
///
/// ```
/// use lwm2m_identity::Identity;
///
/// let psk = Identity::Psk { identity: "urn:dev:lamp".into() };
/// assert_eq!(psk.endpoint(), Some("urn:dev:lamp")); // what a Register without `ep` means
/// assert_eq!(Identity::None.endpoint(), None);
/// ```
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Identity {
    /// Nothing is proven: NoSec.
    #[default]
    None,
    /// The peer knows the key of this PSK identity.
    Psk {
        /// The identity as sent, not necessarily text.
        identity: Bytes,
    },
    /// The peer owns this raw public key.
    RawPublicKey {
        /// The key as SubjectPublicKeyInfo (DER).
        key: Bytes,
    },
    /// The peer owns a certificate whose chain was verified.
    X509 {
        /// The common name first, if there is one, then the subject alternative names.
        names: Vec<String>,
    },
}

impl Identity {
    /// True for NoSec.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The endpoint name that a device may leave out because its identity says it.
    ///
    /// A PSK identity that is valid UTF-8, or the first name of a certificate; never a raw key, never NoSec.
    ///
    /// # Specification
    /// LwM2M 1.1 core, registration parameters: `ep` is optional if it equals the secure identity.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        let name = match self {
            Self::None | Self::RawPublicKey { .. } => return None,
            Self::Psk { identity } => core::str::from_utf8(identity).ok()?,
            Self::X509 { names } => names.first()?,
        };
        check_endpoint(name).is_ok().then_some(name)
    }

    /// The word for the kind of identity: `nosec`, `psk`, `rpk` or `x509`.
    #[must_use]
    pub const fn mode(&self) -> &'static str {
        match self {
            Self::None => "nosec",
            Self::Psk { .. } => "psk",
            Self::RawPublicKey { .. } => "rpk",
            Self::X509 { .. } => "x509",
        }
    }
}

/// The longest endpoint name, in bytes: `ep=` and the name fill one Uri-Query option (255 bytes).
pub const MAX_ENDPOINT: usize = 252;

/// Tells whether a text may be an endpoint name: 1 to [`MAX_ENDPOINT`] bytes of any characters.
///
/// Control characters and markup are legal: names are kept as they came and escaped wherever they are shown.
///
/// # Errors
/// [`EndpointError`] if it is empty or too long.
pub const fn check_endpoint(name: &str) -> Result<(), EndpointError> {
    match name.len() {
        0 => Err(EndpointError::Empty),
        1..=MAX_ENDPOINT => Ok(()),
        _ => Err(EndpointError::TooLong),
    }
}

/// Why a text cannot be an endpoint name.
#[derive(Clone, Copy, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum EndpointError {
    /// It has no byte.
    Empty,
    /// It has more than [`MAX_ENDPOINT`] bytes.
    TooLong,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the endpoint name is empty"),
            Self::TooLong => write!(f, "the endpoint name is longer than {MAX_ENDPOINT} bytes"),
        }
    }
}

impl core::error::Error for EndpointError {}
