//! Whom to trust.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dtls_core::{Alert, CertificateType, Failure, FailureReason, Role};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::certificate::CertificateError;
use crate::chain::verify_chain;
use crate::{Anchors, Certificate, CertificateNames, KeyError, Provider, PublicKey, hex};

/// How the key or chain that a peer has proven to hold is judged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Trust {
    /// By the application, with [`Question::Trust`](dtls_core::Question::Trust). Takes raw public keys and chains.
    Ask,
    /// Whoever holds one of these keys is welcome. Takes raw public keys.
    Keys(Vec<PublicKey>),
    /// Whoever has a chain to one of these authorities is welcome; a server must also have the name that this side wants.
    /// Takes chains.
    Anchors(Anchors),
    /// Whoever has a chain to one of these authorities and exactly these [names](crate::CertificateNames) is welcome: for a
    /// server that begins the handshake with a device which has come by itself before. Takes chains.
    Named {
        /// Authorities that are trusted.
        anchors: Anchors,
        /// The names that the certificate has, all of them and no others.
        names: Vec<String>,
    },
    /// As an LwM2M Security object says it of one server.
    Server(ServerTrust),
}

impl Trust {
    /// What a peer may show, in order of preference.
    pub(crate) fn types(&self) -> Vec<CertificateType> {
        let types: &[_] = match self {
            Self::Ask => &[CertificateType::RAW_PUBLIC_KEY, CertificateType::X509],
            Self::Keys(_) => &[CertificateType::RAW_PUBLIC_KEY],
            Self::Anchors(_) | Self::Named { .. } => &[CertificateType::X509],
            Self::Server(trust) => match trust.rule {
                Rule::RawPublicKey => &[CertificateType::RAW_PUBLIC_KEY],
                Rule::Certificate(_) => &[CertificateType::X509],
            },
        };
        types.into()
    }
}

/// What a client demands of one server: the resources 4, 13 and 15 of the LwM2M Security object.
#[derive(Clone)]
pub struct ServerTrust {
    rule: Rule,
    matching: MatchingType,
    /// What matches: DER or a hash.
    data: Vec<u8>,
    anchors: Anchors,
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rule {
    RawPublicKey,
    Certificate(CertificateUsage),
}

impl ServerTrust {
    /// The server must hold the key whose SubjectPublicKeyInfo is `data`, or hashes to `data`.
    ///
    /// # Errors
    /// `data` is no key, or has not the hash's length.
    pub fn raw_public_key(matching: MatchingType, data: &[u8]) -> Result<Self, ServerTrustError> {
        if matching == MatchingType::EXACT {
            PublicKey::from_spki(data)?;
        }
        Self::new(Rule::RawPublicKey, matching, data)
    }

    /// The server must show a chain in which the certificate that is `data`, or hashes to `data`, has the part that `usage`
    /// gives it.
    ///
    /// [`CA_CONSTRAINT`](CertificateUsage::CA_CONSTRAINT) and
    /// [`SERVICE_CERTIFICATE_CONSTRAINT`](CertificateUsage::SERVICE_CERTIFICATE_CONSTRAINT) accept nobody without
    /// [`with_anchors`](Self::with_anchors).
    ///
    /// # Errors
    /// `data` is no certificate, no authority's where it must be one, or has not the hash's length; or the usage is unknown.
    pub fn certificate(
        usage: CertificateUsage,
        matching: MatchingType,
        data: &[u8],
    ) -> Result<Self, ServerTrustError> {
        if usage.0 > 3 {
            return Err(ServerTrustError::Usage(usage));
        }
        if matching == MatchingType::EXACT {
            Certificate::from_der(data)?;
        }
        Self::new(Rule::Certificate(usage), matching, data)
    }

    fn new(rule: Rule, matching: MatchingType, data: &[u8]) -> Result<Self, ServerTrustError> {
        let len = match matching {
            MatchingType::EXACT => data.len(),
            MatchingType::SHA_256 => 32,
            MatchingType::SHA_384 => 48,
            MatchingType::SHA_512 => 64,
            _ => return Err(ServerTrustError::Matching(matching)),
        };
        if data.len() != len {
            return Err(ServerTrustError::HashLength {
                wanted: len,
                found: data.len(),
            });
        }
        Ok(Self {
            rule,
            matching,
            data: data.into(),
            anchors: Anchors::default(),
            name: None,
        })
    }

    /// The device's own trust store, in which usages 0 and 1 demand that the chain ends.
    #[must_use]
    pub fn with_anchors(mut self, anchors: Anchors) -> Self {
        self.anchors = anchors;
        self
    }

    /// The name that the server's certificate must have: a host name, or an IP address as text. Without it, the name that
    /// the connection was opened with.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Whether a connection without a name of the server is refused: usages 0 and 2 do not say otherwise who the server is.
    pub fn needs_name(&self) -> bool {
        self.name.is_none()
            && matches!(
                self.rule,
                Rule::Certificate(
                    CertificateUsage::CA_CONSTRAINT | CertificateUsage::TRUST_ANCHOR_ASSERTION
                )
            )
    }

    fn matches(&self, der: &[u8]) -> bool {
        match self.matching {
            MatchingType::EXACT => self.data == der,
            MatchingType::SHA_256 => self.data == Sha256::digest(der)[..],
            MatchingType::SHA_384 => self.data == Sha384::digest(der)[..],
            MatchingType::SHA_512 => self.data == Sha512::digest(der)[..],
            _ => false,
        }
    }

    fn verify_key(&self, key: &PublicKey) -> Result<(), Failure> {
        let right = self.rule == Rule::RawPublicKey && self.matches(&key.spki());
        right
            .then_some(())
            .ok_or_else(|| unexpected_key(&key.fingerprint()))
    }
}

impl fmt::Debug for ServerTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTrust")
            .field("rule", &self.rule)
            .field("matching", &self.matching)
            .field("anchors", &self.anchors)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Judges what a server shows: a SubjectPublicKeyInfo, or a chain with the server's own certificate first.
///
/// `name` is whom the connection is for, unless `trust` has a name of its own. `now` is in Unix seconds; 0 is an unknown
/// clock, as in [`verify_client_chain`](crate::verify_client_chain).
///
/// | usage | accepts |
/// |---|---|
/// | 0, CA constraint | a chain to the trust store through the given authority, for the name |
/// | 1, service certificate constraint | a chain to the trust store, of the given certificate, for the name where there is one |
/// | 2, trust anchor assertion | a chain to the given authority, for the name |
/// | 3, domain-issued certificate | the given certificate: no chain, name, date or purpose is looked at |
///
/// # Errors
/// What is wrong, as the alert for the peer and the reason for the operator.
///
/// # Specification
/// LwM2M Transport 1.2 §5.2.8.7; RFC 6698 §2.1.1; RFC 7671 §5.
pub fn verify_server<T: AsRef<[u8]>>(
    provider: &dyn Provider,
    trust: &ServerTrust,
    shown: Shown<'_, T>,
    name: Option<&str>,
    now: u64,
) -> Result<(), Failure> {
    let chain = match shown {
        Shown::RawPublicKey(key) => return trust.verify_key(key),
        Shown::Chain(chain) => chain,
    };
    let Rule::Certificate(usage) = trust.rule else {
        return Err(crate::suites::no_common_type());
    };
    let first = chain.first().map(AsRef::as_ref).unwrap_or_default();
    let leaf_matches = trust.matches(first);
    let unexpected = || unexpected_key(&Sha256::digest(first).into());
    let name = trust.name.as_deref().or(name);
    let pinned = match usage {
        CertificateUsage::DOMAIN_ISSUED_CERTIFICATE => {
            return leaf_matches.then_some(()).ok_or_else(unexpected);
        }
        CertificateUsage::SERVICE_CERTIFICATE_CONSTRAINT => true,
        _ => false,
    };
    if pinned && !leaf_matches {
        return Err(unexpected());
    }
    if name.is_none() && !pinned {
        return Err(no_name());
    }
    let verify = |anchors: &Anchors, wanted: &dyn Fn(&crate::chain::Path<'_>) -> bool| {
        verify_chain(provider, anchors, chain, Role::Server, now, wanted)
    };
    let leaf = match usage {
        CertificateUsage::CA_CONSTRAINT => {
            verify(&trust.anchors, &|path| path.any(|der| trust.matches(der)))?
        }
        CertificateUsage::SERVICE_CERTIFICATE_CONSTRAINT => verify(&trust.anchors, &|_| true)?,
        _ if leaf_matches => return Err(unexpected()),
        _ => {
            // Exactly the given authority; where only its hash is given, the server has to show it (RFC 7671 §5.2).
            let given = match trust.matching {
                MatchingType::EXACT => Some(&trust.data[..]),
                _ => {
                    let mut others = chain.iter().skip(1).map(AsRef::as_ref);
                    others.find(|der| trust.matches(der))
                }
            };
            let anchors = Anchors::from_der(given).map_err(Failure::from)?;
            verify(&anchors, &|_| true)?
        }
    };
    name.map_or(Ok(()), |name| check_name(&leaf, name))
}

/// What a peer shows.
#[derive(Debug)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the certificate types of RFC 7250 that are in use"
)]
pub enum Shown<'a, T> {
    /// A bare key.
    RawPublicKey(&'a PublicKey),
    /// DER certificates, the peer's own first.
    Chain(&'a [T]),
}

pub(crate) fn check_name(leaf: &Certificate<'_>, name: &str) -> Result<(), Failure> {
    if leaf.is_for_server(name) {
        return Ok(());
    }
    Err(Failure::new(
        Alert::BAD_CERTIFICATE,
        FailureReason::CertificateWrongName {
            wanted: name.into(),
            found: leaf.names().take(8).map(Into::into).collect(),
        },
    ))
}

/// Whether a certificate has these names and no others.
pub(crate) fn check_names(leaf: &Certificate<'_>, wanted: &[String]) -> Result<(), Failure> {
    let found = CertificateNames::of(leaf);
    if found.names() == wanted {
        return Ok(());
    }
    Err(Failure::new(
        Alert::BAD_CERTIFICATE,
        FailureReason::CertificateWrongName {
            wanted: wanted.join(", "),
            found: found.names().to_vec(),
        },
    ))
}

pub(crate) fn no_name() -> Failure {
    let reason = FailureReason::Internal("there is no server name to compare the certificate with");
    Failure::new(Alert::INTERNAL_ERROR, reason)
}

pub(crate) fn unexpected_key(fingerprint: &[u8; 32]) -> Failure {
    let fingerprint = hex(fingerprint);
    Failure::new(
        Alert::BAD_CERTIFICATE,
        FailureReason::UnexpectedKey { fingerprint },
    )
}

/// What the given certificate is to the server's chain (resource 15 of the Security object).
///
/// # Specification
/// LwM2M Transport 1.2 §5.2.8.7, RFC 6698 §2.1.1.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "a registered number")]
pub struct CertificateUsage(pub u8);

impl CertificateUsage {
    /// An authority in the chain, which must lead to the trust store.
    pub const CA_CONSTRAINT: Self = Self(0);
    /// The server's own certificate, whose chain must lead to the trust store.
    pub const SERVICE_CERTIFICATE_CONSTRAINT: Self = Self(1);
    /// The one authority that is trusted.
    pub const TRUST_ANCHOR_ASSERTION: Self = Self(2);
    /// The server's own certificate, and that suffices. What goes without saying.
    pub const DOMAIN_ISSUED_CERTIFICATE: Self = Self(3);
}

/// How the certificate or key is given (resource 13 of the Security object).
///
/// # Specification
/// LwM2M Transport 1.2 §5.2.8.7, RFC 6698 §2.1.3.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs, reason = "a registered number")]
pub struct MatchingType(pub u8);

impl MatchingType {
    /// Itself, in DER. What goes without saying.
    pub const EXACT: Self = Self(0);
    /// By its SHA-256.
    pub const SHA_256: Self = Self(1);
    /// By its SHA-384.
    pub const SHA_384: Self = Self(2);
    /// By its SHA-512.
    pub const SHA_512: Self = Self(3);
}

/// Why resources of a Security object do not say whom to trust.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerTrustError {
    /// No such certificate usage.
    #[error("there is no certificate usage {}", .0.0)]
    Usage(CertificateUsage),
    /// No such matching type.
    #[error("there is no matching type {}", .0.0)]
    Matching(MatchingType),
    /// The hash has another length.
    #[error("a hash of this matching type has {wanted} bytes, not {found}")]
    HashLength {
        /// Bytes of such a hash.
        wanted: usize,
        /// Bytes given.
        found: usize,
    },
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}
