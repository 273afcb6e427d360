//! What a certificate says; whether it can be trusted is decided elsewhere.

use super::{MaterialError, PublicKey, fingerprint};
use crate::Identity;
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use bytes::Bytes;
use core::{fmt, time::Duration};
use x509_cert::{
    Version,
    der::{DateTime, Decode, Encode, asn1::ObjectIdentifier},
    ext::pkix::{
        SubjectAltName,
        name::{DirectoryString, GeneralName},
    },
};

/// A certificate that was read, not verified.
#[derive(Clone, Eq, PartialEq)]
pub struct Certificate {
    der: Bytes,
    key: PublicKey,
    common_name: Option<String>,
    names: Vec<String>,
    issuer: String,
    version: u8,
    not_before: u64,
    not_after: u64,
}

impl Certificate {
    /// Reads a certificate (DER). No signature, date or use is checked.
    ///
    /// # Errors
    /// [`MaterialError::Certificate`], [`MaterialError::PublicKey`].
    ///
    /// # Specification
    /// RFC 5280 §4.1.
    pub fn from_der(der: &[u8]) -> Result<Self, MaterialError> {
        let broken = |_| MaterialError::Certificate;
        let parsed = x509_cert::Certificate::from_der(der).map_err(broken)?;
        let tbs = parsed.tbs_certificate();
        let spki = tbs.subject_public_key_info().to_der().map_err(broken)?;
        let common_names: Vec<String> = tbs
            .subject()
            .iter()
            .filter(|attribute| attribute.oid == COMMON_NAME)
            .map(|attribute| attribute.value.decode_as::<DirectoryString>())
            .map(|name| name.map(|name| name.value().into_owned()))
            .collect::<Result<_, _>>()
            .map_err(broken)?;
        // Two common names are none: which one counts would be up to whoever reads the certificate.
        let common_name = match <[String; 1]>::try_from(common_names) {
            Ok([name]) if !name.is_empty() => Some(name),
            Ok(_) | Err(_) => None,
        };
        let alternatives = tbs.get_extension::<SubjectAltName>().map_err(broken)?;
        let mut names: Vec<String> = common_name.clone().into_iter().collect();
        for name in alternatives.iter().flat_map(|(_, names)| &names.0) {
            let name = match name {
                GeneralName::DnsName(name) => name.as_str(),
                GeneralName::UniformResourceIdentifier(name) => name.as_str(),
                _ => continue,
            };
            if !name.is_empty() && !names.iter().any(|known| known == name) {
                names.push(name.into());
            }
        }
        Ok(Self {
            der: Bytes::copy_from_slice(der),
            key: PublicKey::from_spki(&spki)?,
            common_name,
            names,
            issuer: tbs.issuer().to_string(),
            version: match tbs.version() {
                Version::V1 => 1,
                Version::V2 => 2,
                Version::V3 => 3,
            },
            not_before: tbs.validity().not_before.to_unix_duration().as_secs(),
            not_after: tbs.validity().not_after.to_unix_duration().as_secs(),
        })
    }

    /// The certificate itself.
    #[must_use]
    pub const fn der(&self) -> &Bytes {
        &self.der
    }

    /// The key that it certifies.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The common name; `None` if there is none, an empty one, or more than one.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// The common name, then the alternative names that are a domain name or a URI; each once, as written.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The issuer as RFC 4514 text.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Its version. Below 3, which is what tools write that were given no extensions, it is refused in a handshake.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// The first second of its validity, since 1970, UTC.
    #[must_use]
    pub const fn not_before(&self) -> u64 {
        self.not_before
    }

    /// The last second of its validity, since 1970, UTC.
    #[must_use]
    pub const fn not_after(&self) -> u64 {
        self.not_after
    }

    /// Whether it is valid at a time, in seconds since 1970, UTC.
    #[must_use]
    pub const fn validity(&self, now: u64) -> Validity {
        if now < self.not_before {
            Validity::NotYet
        } else if now > self.not_after {
            Validity::Expired
        } else {
            Validity::Valid
        }
    }

    /// SHA-256 of the certificate as lower-case hexadecimal text.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.der)
    }

    /// The identity of a peer that has shown this certificate. Only for one whose chain was verified.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::X509 {
            names: self.names.clone(),
        }
    }
}

impl fmt::Display for Certificate {
    /// `certificate, 700 bytes, CN "lamp", issued by "CN=root", valid to 2031-01-02T03:04:05Z, secp256r1, SHA-256 …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "certificate, {} bytes, ", self.der.len())?;
        match (&self.common_name, &self.names[..]) {
            (Some(name), _) => write!(f, "CN {name:?}")?,
            (None, []) => f.write_str("no name")?,
            (None, names) => write!(f, "no CN, names {names:?}")?,
        }
        write!(f, ", issued by {:?}, valid to ", self.issuer)?;
        match DateTime::from_unix_duration(Duration::from_secs(self.not_after)) {
            Ok(time) => write!(f, "{time}")?,
            Err(_) => write!(f, "second {}", self.not_after)?,
        }
        write!(
            f,
            ", {}, SHA-256 {}",
            self.key.algorithm(),
            self.fingerprint()
        )
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({self})")
    }
}

/// Whether a certificate is valid at some time.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "before, within, after")]
pub enum Validity {
    /// Its time has not come: often the clock is wrong.
    NotYet,
    /// It is valid.
    Valid,
    /// Its time is over.
    Expired,
}

/// id-at-commonName.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
