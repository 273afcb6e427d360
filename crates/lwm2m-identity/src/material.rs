//! Keys and certificates as people have them: PEM, DER, hexadecimal text, base64.
//!
//! [`read`] takes any of these and says what it found; [`read_psk`] does the same for pre-shared keys. A value that can
//! be read in two ways is refused with both readings. Nothing here prints a private part.
//!
//! ```
//! use lwm2m_identity::material::{Item, read};
//!
//! let reading = read(b"-----BEGIN PUBLIC KEY-----\n\
//!     MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEBQZLnmdi3Y2LilI1XXtNi5o9ZObS\n\
//!     7id9dsJIhhNT81he6xg45PnjezH6NHrvXONDHrVOCiUGkQxeApiBdEVyGw==\n\
//!     -----END PUBLIC KEY-----\n")?;
//! let [Item::PublicKey(key)] = &reading.items[..] else { panic!() };
//! assert_eq!(key.spki().len(), 91);
//! assert!(reading.to_string().starts_with("read as PEM: public key, 91 bytes, secp256r1, SHA-256 "));
//! # Ok::<(), lwm2m_identity::material::MaterialError>(())
//! ```

mod certificate;
mod fields;
mod key;
mod psk;
mod text;
mod tlv;

pub use certificate::{Certificate, Validity};
pub use fields::{FieldError, FieldProblem, SecurityFields};
pub use key::{PrivateKey, PublicKey};
pub use psk::{PskReadError, PskReading, read_psk};

use alloc::{string::String, vec::Vec};
use core::fmt;
use zeroize::Zeroizing;

/// How something was written down.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum Encoding {
    /// `-----BEGIN …-----` (RFC 7468).
    Pem,
    /// The bytes themselves.
    Der,
    /// Hexadecimal text.
    Hex,
    /// Base64 text, standard or URL-safe.
    Base64,
    /// Characters that are the bytes.
    Text,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem => "PEM",
            Self::Der => "DER",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Text => "text",
        })
    }
}

/// One thing that was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Item {
    /// An X.509 certificate.
    Certificate(Certificate),
    /// A private key on P-256, from PKCS#8 or SEC1.
    PrivateKey(PrivateKey),
    /// A public key, from SubjectPublicKeyInfo or an uncompressed point.
    PublicKey(PublicKey),
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(certificate) => certificate.fmt(f),
            Self::PrivateKey(key) => key.fmt(f),
            Self::PublicKey(key) => key.fmt(f),
        }
    }
}

/// What was read, and how it was understood.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reading {
    /// How it was written down.
    pub encoding: Encoding,
    /// What was found, in its order; at least one.
    pub items: Vec<Item>,
}

impl Reading {
    /// The certificates, a chain beginning with the leaf.
    ///
    /// # Errors
    /// [`MaterialError::Missing`] if there is none.
    pub fn certificates(self) -> Result<Vec<Certificate>, MaterialError> {
        let all: Vec<Certificate> = self.pick(|item| match item {
            Item::Certificate(certificate) => Some(certificate),
            Item::PrivateKey(_) | Item::PublicKey(_) => None,
        });
        if all.is_empty() {
            return Err(MaterialError::Missing("certificate"));
        }
        Ok(all)
    }

    /// The only private key.
    ///
    /// # Errors
    /// [`MaterialError::Missing`], [`MaterialError::Several`].
    pub fn private_key(self) -> Result<PrivateKey, MaterialError> {
        let all = self.pick(|item| match item {
            Item::PrivateKey(key) => Some(key),
            Item::Certificate(_) | Item::PublicKey(_) => None,
        });
        only(all, "private key")
    }

    /// The only public key: one as such, else that of the only certificate or private key.
    ///
    /// # Errors
    /// [`MaterialError::Several`].
    pub fn public_key(self) -> Result<PublicKey, MaterialError> {
        let mut keys: Vec<PublicKey> = self
            .items
            .into_iter()
            .map(|item| match item {
                Item::PublicKey(key) => key,
                Item::Certificate(certificate) => certificate.public_key().clone(),
                Item::PrivateKey(key) => key.public_key().clone(),
            })
            .collect();
        keys.dedup();
        only(keys, "public key")
    }

    fn pick<T>(self, pick: impl Fn(Item) -> Option<T>) -> Vec<T> {
        self.items.into_iter().filter_map(pick).collect()
    }
}

fn only<T>(all: Vec<T>, what: &'static str) -> Result<T, MaterialError> {
    let several = all.len() > 1;
    match all.into_iter().next() {
        None => Err(MaterialError::Missing(what)),
        Some(_) if several => Err(MaterialError::Several(what)),
        Some(one) => Ok(one),
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read as {}: ", self.encoding)?;
        for (n, item) in self.items.iter().enumerate() {
            if n > 0 {
                f.write_str("; ")?;
            }
            item.fmt(f)?;
        }
        Ok(())
    }
}

/// Reads keys and certificates in any of their usual forms: PEM with one or more parts, DER, hexadecimal text, base64.
///
/// Text may begin with `hex:` or `base64:`; without, both are tried and only what makes sense counts. White space and
/// the colons of a printed fingerprint do not matter.
///
/// # Errors
/// [`MaterialError`], which says what it is instead and what to do.
pub fn read(input: &[u8]) -> Result<Reading, MaterialError> {
    if input.len() > MAX_INPUT {
        return Err(MaterialError::TooLong(input.len()));
    }
    foreign(input)?;
    let text = core::str::from_utf8(input).ok().map(str::trim);
    if text == Some("") {
        return Err(MaterialError::Empty);
    }
    if let Some(text) = text
        && text.contains("-----BEGIN ")
    {
        let blocks = text::pem(text)?;
        let items = blocks
            .iter()
            .filter_map(pem_item)
            .collect::<Result<Vec<_>, _>>()?;
        if items.is_empty() {
            return Err(MaterialError::NotUnderstood);
        }
        return Ok(reading(Encoding::Pem, items));
    }
    match (item(input), text) {
        (Ok(item), _) => Ok(reading(Encoding::Der, [item].into())),
        (Err(error), None) => Err(error),
        (Err(_), Some(text)) => from_text(text),
    }
}

fn reading(encoding: Encoding, items: Vec<Item>) -> Reading {
    Reading { encoding, items }
}

fn pem_item(block: &text::Block<'_>) -> Option<Result<Item, MaterialError>> {
    match block.label {
        "EC PARAMETERS" | "DH PARAMETERS" => None,
        "ENCRYPTED PRIVATE KEY" => Some(Err(MaterialError::Encrypted)),
        "OPENSSH PRIVATE KEY" => Some(Err(MaterialError::OpenSsh)),
        _ => Some(item(&block.der)),
    }
}

fn from_text(text: &str) -> Result<Reading, MaterialError> {
    let read = |encoding, bytes: Option<Zeroizing<Vec<u8>>>, missing| {
        let bytes = bytes.ok_or(missing)?;
        foreign(&bytes)?;
        item(&bytes).map(|item| reading(encoding, [item].into()))
    };
    if let Some(rest) = text.strip_prefix("hex:") {
        return read(Encoding::Hex, text::hex(rest), MaterialError::NotHex);
    }
    if let Some(rest) = text.strip_prefix("base64:") {
        return read(
            Encoding::Base64,
            text::base64(rest),
            MaterialError::NotBase64,
        );
    }
    let hex = read(Encoding::Hex, text::hex(text), MaterialError::NotUnderstood);
    let base64 = read(
        Encoding::Base64,
        text::base64(text),
        MaterialError::NotUnderstood,
    );
    match (hex, base64) {
        (Ok(_), Ok(_)) => Err(MaterialError::Ambiguous),
        (Ok(reading), Err(_)) | (Err(_), Ok(reading)) => Ok(reading),
        (Err(MaterialError::NotUnderstood), Err(error)) | (Err(error), Err(_)) => Err(error),
    }
}

/// What is recognised only to say what to do with it.
fn foreign(input: &[u8]) -> Result<(), MaterialError> {
    match input {
        [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] => {
            Err(MaterialError::JavaKeyStore)
        }
        [0xac, 0xed, 0x00, 0x05, ..] => Err(MaterialError::JavaObject),
        _ => match tlv::sequence(input) {
            // PFX: version 3 comes first (RFC 7292 §4).
            Some([0x02, 0x01, 0x03, 0x30, ..]) => Err(MaterialError::Pkcs12),
            _ => Ok(()),
        },
    }
}

/// Tells by the first two elements what a DER structure is.
fn item(der: &[u8]) -> Result<Item, MaterialError> {
    if let [0x04, point @ ..] = der
        && point.len() == 64
    {
        let (x, y) = point.split_at(32);
        return PublicKey::from_xy(x, y).map(Item::PublicKey);
    }
    let inside = tlv::sequence(der).ok_or(MaterialError::NotUnderstood)?;
    let (first, rest) = tlv::next(inside).ok_or(MaterialError::NotUnderstood)?;
    let second = tlv::next(rest).map_or(0, |(second, _)| second.tag);
    match (first.tag, second) {
        (tlv::INTEGER, tlv::INTEGER) => Err(MaterialError::Algorithm("RSA")), // PKCS#1
        (tlv::INTEGER, _) => PrivateKey::from_der(der).map(Item::PrivateKey),
        (tlv::SEQUENCE, tlv::BIT_STRING) => PublicKey::from_spki(der).map(Item::PublicKey),
        (tlv::SEQUENCE, tlv::OCTET_STRING) => Err(MaterialError::Encrypted), // RFC 5958 §3
        (tlv::SEQUENCE, tlv::SEQUENCE) => Certificate::from_der(der).map(Item::Certificate),
        _ => Err(MaterialError::NotUnderstood),
    }
}

/// SHA-256 as lower-case hexadecimal text.
fn fingerprint(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    crate::hex::encode(&Sha256::digest(bytes))
}

/// Why keys or certificates could not be read, and what to do; never with the bytes in it.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum MaterialError {
    /// There is nothing.
    Empty,
    /// There are so many bytes, more than 256 KiB.
    TooLong(usize),
    /// It is none of the forms that are read.
    NotUnderstood,
    /// It makes sense both as hexadecimal text and as base64.
    Ambiguous,
    /// `hex:` was said and it is not.
    NotHex,
    /// `base64:` was said and it is not.
    NotBase64,
    /// A PEM part has no end, or is not base64 inside.
    Pem(String),
    /// A Java key store.
    JavaKeyStore,
    /// A serialised Java object, as Leshan keeps its security records.
    JavaObject,
    /// A PKCS#12 file.
    Pkcs12,
    /// A private key under a password.
    Encrypted,
    /// A private key of OpenSSH.
    OpenSsh,
    /// A private key of this algorithm or curve, where P-256 is needed.
    Algorithm(&'static str),
    /// A private key that is broken.
    PrivateKey,
    /// The public key beside the private one belongs to another.
    PublicKeyDiffers,
    /// A public key that is broken, or a point that is not on the curve.
    PublicKey,
    /// A certificate that is broken.
    Certificate,
    /// What was asked for is not there.
    Missing(&'static str),
    /// There are several of what should be one.
    Several(&'static str),
}

impl fmt::Display for MaterialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong(len) => return write!(f, "{len} bytes are too long for keys or certificates"),
            Self::Pem(label) => {
                return write!(f, "the PEM part {label:?} is cut off or not base64 inside");
            }
            Self::Algorithm(name) => {
                return write!(f, "a private key of {name}, and one on secp256r1 is needed: \
                    openssl ecparam -name prime256v1 -genkey -noout -out key.pem");
            }
            Self::Missing(what) => return write!(f, "there is no {what} in it"),
            Self::Several(what) => return write!(f, "there is more than one {what} in it"),
            Self::Empty => "there is nothing in it",
            Self::NotUnderstood => "neither PEM, nor DER, nor hexadecimal text or base64 of DER",
            Self::Ambiguous => {
                "it makes sense as hexadecimal text and as base64: write hex: or base64: in front"
            }
            Self::NotHex => "hex: is followed by something else than pairs of hexadecimal digits",
            Self::NotBase64 => "base64: is followed by something that is not base64",
            Self::JavaKeyStore => {
                "a Java key store, which is not read; export it: keytool -importkeystore -srckeystore FILE \
                 -destkeystore out.p12 -deststoretype PKCS12, then openssl pkcs12 -in out.p12 -nodes -out out.pem"
            }
            Self::JavaObject => {
                "a serialised Java object (Leshan's security.data?), which is not read: enter its devices again"
            }
            Self::Pkcs12 => {
                "a PKCS#12 file, which is not read; export it: openssl pkcs12 -in FILE -nodes -out out.pem"
            }
            Self::Encrypted => {
                "a private key under a password; take it off: openssl pkey -in FILE -out plain.pem"
            }
            Self::OpenSsh => {
                "a private key of OpenSSH; convert it: ssh-keygen -p -m PKCS8 -f FILE"
            }
            Self::PrivateKey => "the private key is broken",
            Self::PublicKeyDiffers => "the public key in it does not belong to the private key",
            Self::PublicKey => "the public key is broken, or its point is not on the curve",
            Self::Certificate => "the certificate is broken",
        })
    }
}

impl core::error::Error for MaterialError {}

const MAX_INPUT: usize = 256 * 1024;
