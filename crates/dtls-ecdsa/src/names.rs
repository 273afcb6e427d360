use alloc::string::String;
use alloc::vec::Vec;

use dtls_core::Reader;

use crate::Certificate;

/// Who a certificate says its holder is: what a session keeps of a chain that was accepted, and what
/// [`PeerIdentity::value`](dtls_core::PeerIdentity) holds for [`IdentityKind::X509`](dtls_core::IdentityKind::X509).
///
/// Names are to be compared byte for byte with an endpoint name: no pattern, no case, no dots.
///
/// # Specification
/// LwM2M Transport 1.2 §5.2.9.3: the common name is the endpoint name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateNames {
    fingerprint: [u8; 32],
    names: Vec<String>,
}

impl CertificateNames {
    /// The names of `certificate`: the common name first, then its DNS names and URIs.
    ///
    /// At most eight, of up to 252 bytes each, which is the limit of endpoint names; others are left out.
    pub fn of(certificate: &Certificate<'_>) -> Self {
        let names = certificate.names().filter(|name| name.len() <= MAX_LEN);
        Self {
            fingerprint: certificate.fingerprint(),
            names: names.take(MAX_NAMES).map(Into::into).collect(),
        }
    }

    /// The SHA-256 of the certificate.
    pub const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The fingerprint, then each name with its length before it.
    pub fn encode(&self) -> Vec<u8> {
        let mut value = self.fingerprint.to_vec();
        for name in &self.names {
            value.extend(u8::try_from(name.len()));
            value.extend(name.as_bytes());
        }
        value
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` for anything else.
    pub fn decode(value: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let fingerprint = *reader.array().ok()?;
        let mut names = Vec::new();
        while !reader.is_empty() {
            let name = core::str::from_utf8(reader.vec8().ok()?).ok()?;
            if name.is_empty() || name.len() > MAX_LEN || names.len() == MAX_NAMES {
                return None;
            }
            names.push(name.into());
        }
        Some(Self { fingerprint, names })
    }
}

const MAX_NAMES: usize = 8;
const MAX_LEN: usize = 252;
