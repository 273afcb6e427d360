//! What a device or an operator probably meant: hints for the operator, never for the peer.

use crate::{CredentialRecord, PskKey, hex};
use alloc::{string::String, vec::Vec};
use bytes::Bytes;
use core::fmt;
use lwm2m_store::{Key, Record};

/// Where known identities that resemble an unknown one are found: at most three short scans, however many are known.
///
/// ```
/// use lwm2m_identity::{NearMissProbe, PskKey, Security, Change, Plan};
/// use lwm2m_store::MemoryRecords;
/// # let mut store = MemoryRecords::new();
/// # let security = [Security::Psk { identity: "foo-1".into(), key: PskKey::new(&[7; 16])? }];
/// # let changes = [Change { endpoint: "lamp", security: Some(&security), set: None }];
/// # store.commit(Plan::new(&changes)?.decide(&[])?.batch)?;
/// let probes = NearMissProbe::all(b"Foo-1");
/// let found = probes.iter().flat_map(|p| store.scan(p.kind, &p.prefix, None, p.limit)).collect::<Vec<_>>();
/// let hint = lwm2m_identity::near_miss(b"Foo-1", &found).unwrap();
/// assert_eq!(hint.to_string(), r#"the identity differs from "foo-1" of endpoint "lamp" only by case"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct NearMissProbe {
    /// The kind of record to scan: [`NEAR_MISS_KIND`].
    pub kind: u8,
    /// What their names begin with.
    pub prefix: Bytes,
    /// How many are enough.
    pub limit: usize,
}

impl NearMissProbe {
    /// The scans for an identity that is not known.
    #[must_use]
    pub fn all(identity: &[u8]) -> Vec<Self> {
        if identity.is_empty() || identity.len() > MAX_PROBED {
            return Vec::new();
        }
        let own = Some(normal(identity));
        let sent_as_hex = hex::decode(identity).map(|bytes| normal(&bytes));
        let known_as_hex = Some(normal(hex::encode(identity).as_bytes()));
        [own, sent_as_hex, known_as_hex]
            .into_iter()
            .flatten()
            .map(|normal| Self {
                kind: NEAR_MISS_KIND,
                prefix: prefix(&normal).into(),
                limit: PROBE_LIMIT,
            })
            .collect()
    }
}

/// The known identity that resembles one which is not known, given what the probes found.
///
/// It is for the log and the page: over the wire an unknown identity looks like a wrong key.
#[must_use]
pub fn near_miss(identity: &[u8], found: &[Record]) -> Option<NearMiss> {
    found
        .iter()
        .filter(|record| record.key.kind == NEAR_MISS_KIND)
        .filter_map(|record| {
            let known = known(&record.key)?;
            let how = Difference::between(identity, &known)?;
            let endpoint = CredentialRecord::decode(&record.value).ok()?.endpoint;
            Some(NearMiss {
                known,
                endpoint,
                how,
            })
        })
        .min_by_key(|miss| miss.how)
}

/// A known PSK identity that resembles the one that was sent.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct NearMiss {
    /// The identity that is known.
    pub known: Bytes,
    /// The endpoint that has it.
    pub endpoint: String,
    /// In what the two differ.
    pub how: Difference,
}

/// In what an identity that was sent differs from a known one; the closest first.
#[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Debug)]
#[non_exhaustive]
pub enum Difference {
    /// Upper and lower case.
    Case,
    /// White space, quotation marks, or NUL bytes around or in it.
    Space,
    /// Both of these.
    CaseAndSpace,
    /// What was sent is the hexadecimal text of the known one.
    SentAsHex,
    /// The known one is the hexadecimal text of what was sent.
    KnownAsHex,
}

impl Difference {
    fn between(sent: &[u8], known: &[u8]) -> Option<Self> {
        if sent == known {
            return None;
        }
        if normal(sent) == normal(known) {
            return Some(if stripped(sent) == stripped(known) {
                Self::Space
            } else if lower(sent) == lower(known) {
                Self::Case
            } else {
                Self::CaseAndSpace
            });
        }
        let is = |bytes: Option<Vec<u8>>, other: &[u8]| {
            bytes.is_some_and(|bytes| normal(&bytes) == normal(other))
        };
        if is(hex::decode(sent), known) {
            Some(Self::SentAsHex)
        } else if is(hex::decode(known), sent) {
            Some(Self::KnownAsHex)
        } else {
            None
        }
    }
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (known, endpoint) = (self.known.escape_ascii(), &self.endpoint);
        match self.how {
            Difference::Case => write!(
                f,
                "the identity differs from \"{known}\" of endpoint {endpoint:?} only by case"
            ),
            Difference::Space => write!(
                f,
                "the identity differs from \"{known}\" of endpoint {endpoint:?} only by white space, quotes or NUL"
            ),
            Difference::CaseAndSpace => write!(
                f,
                "the identity differs from \"{known}\" of endpoint {endpoint:?} only by case and white space"
            ),
            Difference::SentAsHex => write!(
                f,
                "the device sent the hexadecimal text of \"{known}\" of endpoint {endpoint:?}"
            ),
            Difference::KnownAsHex => write!(
                f,
                "\"{known}\" of endpoint {endpoint:?} is the hexadecimal text of what the device sent"
            ),
        }
    }
}

/// What a pre-shared key looks like if it is not what was meant.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum KeyHint {
    /// It is the hexadecimal text of a key of so many bytes.
    HexText(usize),
    /// It is the base64 text of a key of about so many bytes.
    Base64Text(usize),
}

/// Whether the key of an identity is rather the text of a key: a frequent cause of a key that does not fit.
///
/// From 8 bytes of key on, so 16 characters of hexadecimal text.
///
/// ```
/// use lwm2m_identity::{KeyHint, PskKey, key_hint};
///
/// let text = PskKey::new(b"a1b2c3d4e5f60718293a4b5c6d7e8f90")?;
/// assert_eq!(key_hint(&text), Some(KeyHint::HexText(16)));
/// # Ok::<(), lwm2m_identity::PskKeyError>(())
/// ```
#[must_use]
pub fn key_hint(key: &PskKey) -> Option<KeyHint> {
    let bytes = key.bytes();
    let len = bytes.len();
    if len < 16 {
        return None;
    }
    if len.is_multiple_of(2) && bytes.iter().all(u8::is_ascii_hexdigit) {
        return Some(KeyHint::HexText(len / 2));
    }
    // Without padding any word could be base64.
    let body = bytes
        .strip_suffix(b"==")
        .or_else(|| bytes.strip_suffix(b"="))?;
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    (len.is_multiple_of(4) && body.iter().all(base64))
        .then(|| KeyHint::Base64Text(body.len().saturating_mul(3) / 4))
}

impl fmt::Display for KeyHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HexText(len) => write!(
                f,
                "the key is the hexadecimal text of a key of {len} bytes: was hex: meant?"
            ),
            Self::Base64Text(len) => write!(
                f,
                "the key is the base64 text of a key of {len} bytes: was base64: meant?"
            ),
        }
    }
}

/// In what the endpoint name that a device claims differs from the name in its certificate.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum NameHint {
    /// Upper and lower case.
    Case,
    /// White space, quotation marks or NUL bytes.
    Space,
    /// A dot at the end of one of them.
    TrailingDot,
    /// The certificate has a wildcard, which stands for no endpoint.
    Wildcard,
    /// The certificate has no name at all.
    NoName,
}

/// Why a certificate with these names does not speak for an endpoint that looks the same.
///
/// ```
/// use lwm2m_identity::{NameHint, name_hint};
///
/// assert_eq!(name_hint("lamp", &["Lamp".into()]), Some(NameHint::Case));
/// assert_eq!(name_hint("lamp", &["other".into()]), None);
/// ```
#[must_use]
pub fn name_hint(endpoint: &str, names: &[String]) -> Option<NameHint> {
    if names.is_empty() {
        return Some(NameHint::NoName);
    }
    names.iter().find_map(|name| {
        if name == endpoint {
            None
        } else if name.trim_end_matches('.') == endpoint.trim_end_matches('.') {
            Some(NameHint::TrailingDot)
        } else if stripped(name.as_bytes()) == stripped(endpoint.as_bytes()) {
            Some(NameHint::Space)
        } else if normal(name.as_bytes()) == normal(endpoint.as_bytes()) {
            Some(NameHint::Case)
        } else {
            let covers = name
                .strip_prefix('*')
                .is_some_and(|rest| endpoint.ends_with(rest));
            covers.then_some(NameHint::Wildcard)
        }
    })
}

impl fmt::Display for NameHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Case => "the endpoint name differs from the one in the certificate only by case",
            Self::Space => {
                "the endpoint name differs from the one in the certificate only by white space, quotes or NUL"
            }
            Self::TrailingDot => {
                "the endpoint name differs from the one in the certificate only by a dot at the end"
            }
            Self::Wildcard => {
                "the certificate has a wildcard, which stands for no endpoint: issue one with the endpoint name"
            }
            Self::NoName => "the certificate has neither a common name nor an alternative name",
        })
    }
}

/// The kind of records by which near misses are found: named by what is left of an identity without case and white
/// space, then the identity.
pub const NEAR_MISS_KIND: u8 = 19;

/// The record of a known identity.
pub(crate) fn key(identity: &[u8]) -> Key {
    let mut name = prefix(&normal(identity));
    name.extend(identity);
    Key::new(NEAR_MISS_KIND, name)
}

/// The length stands first, so that no name is the beginning of another one.
fn prefix(normal: &[u8]) -> Vec<u8> {
    let len = u16::try_from(normal.len()).unwrap_or(u16::MAX);
    let mut out = len.to_be_bytes().to_vec();
    out.extend(normal);
    out
}

fn known(key: &Key) -> Option<Bytes> {
    let (len, rest) = key.key.split_first_chunk::<2>()?;
    let normal = usize::from(u16::from_be_bytes(*len));
    rest.get(normal..).map(Bytes::copy_from_slice)
}

fn normal(identity: &[u8]) -> Vec<u8> {
    lower(&stripped(identity))
}

fn lower(bytes: &[u8]) -> Vec<u8> {
    core::str::from_utf8(bytes).map_or_else(|_| bytes.to_vec(), |text| text.to_lowercase().into())
}

fn stripped(bytes: &[u8]) -> Vec<u8> {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return bytes.to_vec();
    };
    let dropped = |c: &char| c.is_whitespace() || matches!(c, '\0' | '"' | '\'');
    let kept: String = text.chars().filter(|c| !dropped(c)).collect();
    kept.into()
}

/// The hexadecimal text of the longest identity.
const MAX_PROBED: usize = 256;
const PROBE_LIMIT: usize = 4;
