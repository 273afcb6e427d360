//! Where a credential leads: one record per credential, named by it, that says whose it is and holds the key.

use crate::near_miss;
use crate::record::{DecodeError, DecodeErrorKind, Reader};
use crate::{Credential, Identity, PskKey, check_endpoint};
use alloc::{string::String, vec::Vec};
use bytes::Bytes;
use lwm2m_store::Key;

/// Whose credential this is, and the key if it is a PSK identity: what a handshake looks up, in one load.
///
/// There is one record per credential, so a credential has one owner at most.
///
/// ```
/// use lwm2m_identity::{CredentialRecord, PskKey};
///
/// let record = CredentialRecord::new("lamp".into(), Some(PskKey::new(b"a key of 16 byte")?));
/// let stored = record.encode();
/// assert_eq!(CredentialRecord::decode(&stored).unwrap().endpoint, "lamp");
/// # Ok::<(), lwm2m_identity::PskKeyError>(())
/// ```
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct CredentialRecord {
    /// The endpoint that may show the credential.
    pub endpoint: String,
    /// The key of a PSK identity; `None` for other credentials.
    pub key: Option<PskKey>,
}

impl CredentialRecord {
    /// Puts a record together.
    #[must_use]
    pub const fn new(endpoint: String, key: Option<PskKey>) -> Self {
        Self { endpoint, key }
    }

    /// The bytes for the store: format, length of the endpoint name, the name, the key. They hold the secret.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::new();
        out.push(FORMAT);
        // An endpoint name has at most 252 bytes; a longer one makes a record that says so when it is read.
        out.push(u8::try_from(self.endpoint.len()).unwrap_or(0));
        out.extend(self.endpoint.as_bytes());
        out.extend(self.key.as_ref().map_or(&[][..], PskKey::bytes));
        out.into()
    }

    /// Reads the bytes of a store.
    ///
    /// # Errors
    /// Anything that [`encode`](Self::encode) does not write. A record that cannot be read proves nothing.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        match reader.byte()? {
            FORMAT => {}
            format => return Err(reader.error(DecodeErrorKind::Format(format))),
        }
        let len = usize::from(reader.byte()?);
        let endpoint = core::str::from_utf8(reader.bytes(len)?)
            .ok()
            .filter(|endpoint| check_endpoint(endpoint).is_ok())
            .ok_or_else(|| reader.error(DecodeErrorKind::NotText))?;
        let key = match reader.rest {
            [] => None,
            key => Some(PskKey::new(key).map_err(|_| reader.error(DecodeErrorKind::KeyLength))?),
        };
        Ok(Self {
            endpoint: endpoint.into(),
            key,
        })
    }
}

impl Credential {
    /// Where the [`CredentialRecord`] of this credential stands.
    #[must_use]
    pub fn record_key(&self) -> Key {
        match self {
            Self::Psk { identity } => Key::new(PSK_KIND, identity.clone()),
            Self::RawPublicKey { key } => Key::new(RAW_PUBLIC_KEY_KIND, key.clone()),
            Self::X509 { name } => Key::new(X509_KIND, Bytes::copy_from_slice(name.as_bytes())),
        }
    }

    /// The record by which a near miss is found, for credentials of which there are any.
    pub(crate) fn near_key(&self) -> Option<Key> {
        match self {
            Self::Psk { identity } => Some(near_miss::key(identity)),
            Self::RawPublicKey { .. } | Self::X509 { .. } => None,
        }
    }
}

impl Identity {
    /// Where the [`CredentialRecord`] stands that says whose identity this is: none for NoSec, and for a certificate
    /// one for each of its first eight names.
    #[must_use]
    pub fn record_keys(&self) -> Vec<Key> {
        match self {
            Self::None => Vec::new(),
            Self::Psk { identity } => [Key::new(PSK_KIND, identity.clone())].into(),
            Self::RawPublicKey { key } => [Key::new(RAW_PUBLIC_KEY_KIND, key.clone())].into(),
            Self::X509 { names } => names
                .iter()
                .take(8)
                .map(|name| Key::new(X509_KIND, Bytes::copy_from_slice(name.as_bytes())))
                .collect(),
        }
    }
}

/// The kind of credential records that are named by a PSK identity. They hold secrets.
pub const PSK_KIND: u8 = 16;

/// The kind of credential records that are named by a raw public key.
pub const RAW_PUBLIC_KEY_KIND: u8 = 17;

/// The kind of credential records that are named by a name in certificates.
pub const X509_KIND: u8 = 18;

const FORMAT: u8 = 1;
