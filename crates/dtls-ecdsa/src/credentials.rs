use alloc::vec::Vec;
use core::fmt;

use dtls_core::{CertificateType, Role};

use crate::certificate::{Certificate, CertificateError};
use crate::{PrivateKey, PublicKey};

/// What this side shows: a key, as a raw public key, in a chain of certificates, or as either.
///
/// Which of both is shown is negotiated (RFC 7250); a peer that does not know raw public keys gets the certificates.
#[derive(Clone)]
pub struct Credentials {
    key: PrivateKey,
    raw: bool,
    chain: Vec<Vec<u8>>,
    /// Whether the certificate may be a client's and a server's.
    purposes: Purposes,
}

/// Roles that a certificate allows.
#[derive(Clone, Copy, Debug)]
struct Purposes {
    client: bool,
    server: bool,
}

impl Credentials {
    /// Shows the public key of `key` alone.
    pub const fn raw_public_key(key: PrivateKey) -> Self {
        Self {
            key,
            raw: true,
            chain: Vec::new(),
            purposes: Purposes {
                client: false,
                server: false,
            },
        }
    }

    /// Shows a chain of DER certificates, the own one first, each signed by the next; the root may be left out.
    ///
    /// The chain itself is not judged: that is the peer's affair.
    ///
    /// # Errors
    /// No certificate, one that cannot be read, too many, or the first is not of `key`.
    pub fn x509(key: PrivateKey, chain: Vec<Vec<u8>>) -> Result<Self, CredentialError> {
        if chain.len() > crate::message::MAX_CHAIN {
            return Err(CredentialError::TooMany);
        }
        let leaf = Certificate::from_der(chain.first().ok_or(CredentialError::Empty)?)?;
        for other in chain.iter().skip(1) {
            Certificate::from_der(other)?;
        }
        if leaf.public_key() != Some(key.public_key()) {
            return Err(CredentialError::OtherKey);
        }
        let purposes = Purposes {
            client: leaf.allows(Role::Client),
            server: leaf.allows(Role::Server),
        };
        Ok(Self {
            key,
            raw: false,
            chain,
            purposes,
        })
    }

    /// Shows the bare key too, to whom prefers that.
    #[must_use]
    pub const fn or_raw_public_key(mut self) -> Self {
        self.raw = true;
        self
    }

    /// Shows the certificates alone, in a handshake where the peer is to see them; `None` if there are none that may be
    /// shown in `role`.
    #[must_use]
    pub fn certificates_alone(mut self, role: Role) -> Option<Self> {
        self.raw = false;
        (!self.types(role).is_empty()).then_some(self)
    }

    /// The public key.
    pub const fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// The certificates, the own one first; none for a raw public key.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// What can be shown in `role`, in order of preference: the smaller one first.
    ///
    /// A certificate whose usages do not cover the role is not shown.
    pub fn types(&self, role: Role) -> Vec<CertificateType> {
        let allowed = match role {
            Role::Client => self.purposes.client,
            Role::Server => self.purposes.server,
        };
        let mut types = Vec::new();
        if self.raw {
            types.push(CertificateType::RAW_PUBLIC_KEY);
        }
        if allowed {
            types.push(CertificateType::X509);
        }
        types
    }

    pub(crate) const fn key(&self) -> &PrivateKey {
        &self.key
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("public_key", self.public_key())
            .field("raw", &self.raw)
            .field("certificates", &self.chain.len())
            .finish_non_exhaustive()
    }
}

/// Why a key and certificates do not make credentials.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// There is no certificate.
    #[error("no certificate")]
    Empty,
    /// More certificates than a peer would take.
    #[error("more than eight certificates")]
    TooMany,
    /// The first certificate is of another key.
    #[error("the first certificate is not of this private key")]
    OtherKey,
    /// A certificate cannot be read.
    #[error("a certificate cannot be used: {0}")]
    Certificate(#[from] CertificateError),
    /// The provider cannot use the key.
    #[error(transparent)]
    Provider(#[from] crate::ProviderError),
}
