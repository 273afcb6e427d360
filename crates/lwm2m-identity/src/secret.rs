//! The key of a PSK identity: never printed, compared in constant time, wiped.

use alloc::vec::Vec;
use core::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A pre-shared key of 1 to [`MAX_PSK`] bytes.
///
/// It prints nothing, compares in constant time, and its bytes are wiped when it goes. Records made of it
/// ([`CredentialRecord::encode`](crate::CredentialRecord::encode)) are for the store alone and are not wiped.
///
/// ```
/// use lwm2m_identity::PskKey;
///
/// let key = PskKey::new(b"0123456789abcdef")?;
/// assert_eq!(format!("{key:?}"), "PskKey(..)");
/// assert!(PskKey::new(&[]).is_err());
/// # Ok::<(), lwm2m_identity::PskKeyError>(())
/// ```
///
/// # Specification
/// LwM2M 1.1 transport, pre-shared keys: keys of up to 64 bytes must be supported.
#[derive(Clone)]
pub struct PskKey(Zeroizing<Vec<u8>>);

impl PskKey {
    /// Keeps a copy of `bytes`.
    ///
    /// # Errors
    /// [`PskKeyError`] for no bytes, and for more than [`MAX_PSK`].
    pub fn new(bytes: &[u8]) -> Result<Self, PskKeyError> {
        match bytes.len() {
            0 => Err(PskKeyError::Empty),
            1..=MAX_PSK => Ok(Self(Zeroizing::new(bytes.to_vec()))),
            len => Err(PskKeyError::TooLong(len)),
        }
    }

    /// The key itself.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// True below [`SHORT_PSK`] bytes: it works, and the operator should be told.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.0.len() < SHORT_PSK
    }
}

impl PartialEq for PskKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PskKey {}

impl fmt::Debug for PskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PskKey(..)")
    }
}

/// Why bytes cannot be a pre-shared key.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum PskKeyError {
    /// There is no byte.
    Empty,
    /// There are so many bytes, and at most [`MAX_PSK`] are allowed.
    TooLong(usize),
}

impl fmt::Display for PskKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the key is empty"),
            Self::TooLong(len) => write!(f, "the key has {len} bytes and at most {MAX_PSK} fit"),
        }
    }
}

impl core::error::Error for PskKeyError {}

/// The longest pre-shared key, in bytes.
pub const MAX_PSK: usize = 64;

/// Below so many bytes a pre-shared key is called short.
pub const SHORT_PSK: usize = 16;
