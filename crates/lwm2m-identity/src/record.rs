//! What is recorded about a device: who may speak for it.

use crate::Identity;
use alloc::{string::String, vec::Vec};
use bytes::Bytes;
use core::fmt;
use lwm2m_store::Key;

/// The kind of device records in a store.
pub const DEVICE_KIND: u8 = 1;

/// Who may speak for one endpoint.
///
/// As soon as there is a credential, NoSec is out, whatever [`nosec`](Self::nosec) says. A record with neither
/// locks the endpoint.
///
/// ```
/// use lwm2m_identity::{Credential, DeviceRecord};
///
/// let mut record = DeviceRecord::default();
/// record.credentials.push(Credential::Psk { identity: "lamp".into() });
/// assert_eq!(DeviceRecord::decode(&record.encode())?, record);
/// # Ok::<(), lwm2m_identity::DecodeError>(())
/// ```
#[derive(Clone, Eq, PartialEq, Hash, Debug, Default)]
#[non_exhaustive]
pub struct DeviceRecord {
    /// Whether the device may come without security; counts only if there is no credential.
    pub nosec: bool,
    /// What it may prove instead: any one of these. At most 255 are kept.
    pub credentials: Vec<Credential>,
    /// When this was set, Unix seconds; `None` where nobody knows.
    pub set: Option<u64>,
}

/// One proof that a device may come with. The secret that goes with it stands in a record of its own.
#[derive(Clone, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum Credential {
    /// Knowing the key of this PSK identity.
    Psk {
        /// The identity as sent.
        identity: Bytes,
    },
    /// Owning this raw public key.
    RawPublicKey {
        /// The key as SubjectPublicKeyInfo (DER).
        key: Bytes,
    },
    /// Owning a certificate, issued by an authority that is trusted, that carries this name.
    X509 {
        /// The common name or a subject alternative name.
        name: String,
    },
}

impl Credential {
    /// True if somebody with this identity has shown this credential.
    #[must_use]
    pub fn fits(&self, identity: &Identity) -> bool {
        match (self, identity) {
            (Self::Psk { identity: ours }, Identity::Psk { identity }) => ours == identity,
            (Self::RawPublicKey { key: ours }, Identity::RawPublicKey { key }) => ours == key,
            (Self::X509 { name }, Identity::X509 { names }) => names.contains(name),
            _ => false,
        }
    }

    fn parts(&self) -> (u8, &[u8]) {
        match self {
            Self::Psk { identity } => (PSK, identity),
            Self::RawPublicKey { key } => (RAW_PUBLIC_KEY, key),
            Self::X509 { name } => (X509, name.as_bytes()),
        }
    }
}

impl fmt::Display for Credential {
    /// `PSK identity "lamp"`, `raw public key …(its last 8 bytes) (91 bytes)`, `certificate name "lamp"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Psk { identity } => write!(f, "PSK identity \"{}\"", identity.escape_ascii()),
            Self::RawPublicKey { key } => {
                f.write_str("raw public key …")?;
                let tail = key.len().saturating_sub(8);
                for byte in key.iter().skip(tail) {
                    write!(f, "{byte:02x}")?;
                }
                write!(f, " ({} bytes)", key.len())
            }
            Self::X509 { name } => write!(f, "certificate name {name:?}"),
        }
    }
}

impl DeviceRecord {
    /// A device that may come without security, and in no other way.
    #[must_use]
    pub const fn nosec() -> Self {
        Self {
            nosec: true,
            credentials: Vec::new(),
            set: None,
        }
    }

    /// Where the record of an endpoint stands.
    #[must_use]
    pub fn key(endpoint: &str) -> Key {
        Key::new(DEVICE_KIND, Bytes::copy_from_slice(endpoint.as_bytes()))
    }

    /// The bytes for the store: format, flags, when it was set if that is known, then kind, length and value of each
    /// credential.
    ///
    /// Credentials beyond 255, and values beyond 65 535 bytes, which no transport can show, are left out.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::new();
        match self.set {
            None => out.extend([FORMAT, u8::from(self.nosec)]),
            Some(seconds) => {
                out.extend([FORMAT_WITH_TIME, u8::from(self.nosec)]);
                out.extend(seconds.to_be_bytes());
            }
        }
        for credential in self.credentials.iter().take(MAX_CREDENTIALS) {
            let (kind, value) = credential.parts();
            if let Ok(len) = u16::try_from(value.len()) {
                out.push(kind);
                out.extend(len.to_be_bytes());
                out.extend(value);
            }
        }
        out.into()
    }

    /// Reads the bytes of a store.
    ///
    /// # Errors
    /// Anything that [`encode`](Self::encode) does not write. A record that cannot be read admits nobody.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let has_time = match reader.byte()? {
            FORMAT => false,
            FORMAT_WITH_TIME => true,
            format => return Err(reader.error(DecodeErrorKind::Format(format))),
        };
        let nosec = match reader.byte()? {
            0 => false,
            1 => true,
            flags => return Err(reader.error(DecodeErrorKind::Flags(flags))),
        };
        let set = match has_time {
            true => Some(u64::from_be_bytes(reader.take()?)),
            false => None,
        };
        let mut credentials = Vec::new();
        while !reader.rest.is_empty() {
            let kind = reader.byte()?;
            let value = reader.value()?;
            let credential = match kind {
                PSK => Credential::Psk {
                    identity: Bytes::copy_from_slice(value),
                },
                RAW_PUBLIC_KEY => Credential::RawPublicKey {
                    key: Bytes::copy_from_slice(value),
                },
                X509 => match core::str::from_utf8(value) {
                    Ok(name) => Credential::X509 { name: name.into() },
                    Err(_) => return Err(reader.error(DecodeErrorKind::NotText)),
                },
                kind => return Err(reader.error(DecodeErrorKind::Credential(kind))),
            };
            if credentials.len() == MAX_CREDENTIALS {
                return Err(reader.error(DecodeErrorKind::TooMany));
            }
            credentials.push(credential);
        }
        Ok(Self {
            nosec,
            credentials,
            set,
        })
    }
}

pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            len: bytes.len(),
        }
    }

    pub(crate) const fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError {
            offset: self.len.saturating_sub(self.rest.len()),
            kind,
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((head, tail)) = self.rest.split_first_chunk() else {
            return Err(self.error(DecodeErrorKind::Truncated));
        };
        self.rest = tail;
        Ok(*head)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        self.take().map(|[byte]| byte)
    }

    fn value(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = usize::from(u16::from_be_bytes(self.take()?));
        self.bytes(len)
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let Some((head, tail)) = self.rest.split_at_checked(len) else {
            return Err(self.error(DecodeErrorKind::Truncated));
        };
        self.rest = tail;
        Ok(head)
    }
}

/// Why the bytes of a store are no device or credential record, and where reading stopped.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct DecodeError {
    /// How many bytes were read.
    pub offset: usize,
    /// What is wrong there.
    pub kind: DecodeErrorKind,
}

/// What is wrong with the bytes of a record.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// They end too early.
    Truncated,
    /// They are of a format that this version does not know.
    Format(u8),
    /// A flag is set that this version does not know.
    Flags(u8),
    /// A kind of credential that this version does not know.
    Credential(u8),
    /// A name is not UTF-8, or an endpoint name is empty or too long.
    NotText,
    /// A key is longer than 64 bytes.
    KeyLength,
    /// More than 255 credentials.
    TooMany,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DecodeErrorKind::Truncated => f.write_str("the record is cut off")?,
            DecodeErrorKind::Format(format) => write!(f, "unknown format {format} of the record")?,
            DecodeErrorKind::Flags(flags) => write!(f, "unknown flags {flags:#04x} in the record")?,
            DecodeErrorKind::Credential(kind) => write!(f, "unknown kind of credential {kind}")?,
            DecodeErrorKind::NotText => f.write_str("a name in the record cannot be one")?,
            DecodeErrorKind::KeyLength => f.write_str("a key in the record is too long")?,
            DecodeErrorKind::TooMany => f.write_str("too many credentials in the record")?,
        }
        write!(f, " (at byte {})", self.offset)
    }
}

impl core::error::Error for DecodeError {}

const FORMAT: u8 = 1;
const FORMAT_WITH_TIME: u8 = 2;
const PSK: u8 = 1;
const RAW_PUBLIC_KEY: u8 = 2;
const X509: u8 = 3;
pub(crate) const MAX_CREDENTIALS: usize = 255;
