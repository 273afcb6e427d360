//! Chains of certificates, by `webpki` with a provider's signatures.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use dtls_core::{Alert, Failure, FailureReason, Role};
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm,
    TrustAnchor, UnixTime, alg_id,
};
use webpki::{EndEntityCert, Error, KeyUsage, VerifiedPath, anchor_from_trusted_cert};

use crate::certificate::CertificateError;
use crate::exchange::no_certificate;
use crate::{Certificate, CertificateNames, Provider, PublicKey};

/// Certificates of authorities that are trusted.
#[derive(Clone, Default)]
pub struct Anchors(Vec<Anchor>);

#[derive(Clone)]
struct Anchor {
    der: Vec<u8>,
    subject: Vec<u8>,
    anchor: TrustAnchor<'static>,
}

impl Anchors {
    /// Takes DER certificates of authorities, roots or not. Their own signatures and dates do not matter.
    ///
    /// # Errors
    /// One cannot be read, or says that it is no authority.
    pub fn from_der<T: AsRef<[u8]>>(
        certificates: impl IntoIterator<Item = T>,
    ) -> Result<Self, CertificateError> {
        let anchors = certificates.into_iter().map(|der| {
            let der = der.as_ref();
            let certificate = Certificate::from_der(der)?;
            // Version 1 cannot say it, and is an authority only because it stands here.
            if certificate.is_version_3() && !certificate.authority {
                return Err(CertificateError::NoAuthority);
            }
            let der = CertificateDer::from(der);
            let anchor = anchor_from_trusted_cert(&der).map_err(|_| CertificateError::Der)?;
            Ok(Anchor {
                anchor: anchor.to_owned(),
                subject: certificate.subject()?,
                der: der.to_vec(),
            })
        });
        anchors.collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The DER names of the subjects, for a CertificateRequest.
    pub(crate) fn subjects(&self) -> Vec<&[u8]> {
        self.0.iter().map(|anchor| &anchor.subject[..]).collect()
    }
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Anchors({})", self.0.len())
    }
}

/// Judges a client's chain, the client's own certificate first: it must lead to one of `anchors`, be valid at `now` and
/// allow its holder to be a client. Gives back whom it names, to be compared with an endpoint name.
///
/// `now` is in Unix seconds. With 0 the clock is unknown and dates are not compared with it: the chain only must have been valid
/// when the youngest of its certificates was issued.
///
/// # Errors
/// What is wrong, as the alert for the peer and the reason for the operator.
///
/// # Specification
/// RFC 5280 §6.1, with ECDSA on P-256 and SHA-256 alone; no revocation lists.
pub fn verify_client_chain<T: AsRef<[u8]>>(
    provider: &dyn Provider,
    anchors: &Anchors,
    chain: &[T],
    now: u64,
) -> Result<CertificateNames, Failure> {
    let leaf = verify_chain(provider, anchors, chain, Role::Client, now, &|_| true)?;
    Ok(CertificateNames::of(&leaf))
}

/// A path that leads to an anchor: the certificates between, and the anchor's own.
pub(crate) struct Path<'a> {
    path: &'a VerifiedPath<'a>,
    anchors: &'a Anchors,
}

impl Path<'_> {
    /// Whether a certificate of an authority in the path is what `is` wants.
    pub(crate) fn any(&self, is: impl Fn(&[u8]) -> bool) -> bool {
        let mut between = self.path.intermediate_certificates();
        let end = self.path.anchor();
        between.any(|certificate| is(&certificate.der()))
            || self.anchors.0.iter().any(|anchor| {
                anchor.anchor.subject == end.subject
                    && anchor.anchor.subject_public_key_info == end.subject_public_key_info
                    && is(&anchor.der)
            })
    }
}

/// Judges a chain whose holder acts in `role`, by a path that `wanted` agrees with.
pub(crate) fn verify_chain<'a, T: AsRef<[u8]>>(
    provider: &dyn Provider,
    anchors: &Anchors,
    chain: &'a [T],
    role: Role,
    now: u64,
    wanted: &dyn Fn(&Path<'_>) -> bool,
) -> Result<Certificate<'a>, Failure> {
    let mut all = chain.iter().map(|der| Certificate::from_der(der.as_ref()));
    let Some(leaf) = all.next().transpose()? else {
        return Err(no_certificate());
    };
    let mut others = all.collect::<Result<Vec<_>, _>>()?;
    leaf.check_role(role)?;
    // An anchor vouches for others: what vouches for itself is only ever pinned.
    if leaf.is_self_issued() {
        return Err(unknown_authority(&leaf));
    }

    let mut ders = chain.iter().map(|der| CertificateDer::from(der.as_ref()));
    let Some(leaf_der) = ders.next() else {
        return Err(no_certificate());
    };
    let between: Vec<_> = ders.collect();
    let trusted: Vec<_> = anchors
        .0
        .iter()
        .map(|anchor| anchor.anchor.clone())
        .collect();
    let youngest = others.iter().map(|other| other.not_before).max();
    let time = match now {
        0 => youngest.unwrap_or_default().max(leaf.not_before),
        now => now,
    };
    let usage = match role {
        Role::Client => KeyUsage::client_auth(),
        Role::Server => KeyUsage::server_auth(),
    };
    let ecdsa = EcdsaP256Sha256(provider);
    let end_entity = EndEntityCert::try_from(&leaf_der).map_err(|error| refusal(&error))?;
    let verdict = end_entity.verify_for_usage(
        &[&ecdsa],
        &trusted,
        &between,
        UnixTime::since_unix_epoch(Duration::from_secs(time)),
        usage,
        None,
        Some(&|path| {
            let mut between = path.intermediate_certificates();
            // RFC 5280 §6.1.4 (n), which webpki leaves out.
            if !between.all(|authority| {
                Certificate::from_der(&authority.der()).is_ok_and(|it| it.signs_certificates)
            }) {
                return Err(Error::EndEntityUsedAsCa);
            }
            match wanted(&Path { path, anchors }) {
                true => Ok(()),
                false => Err(Error::UnknownIssuer),
            }
        }),
    );
    match verdict {
        Ok(path) => {
            let mut between = path.intermediate_certificates();
            let constrained = path.anchor().name_constraints.is_some()
                || between.any(|authority| {
                    Certificate::from_der(&authority.der()).is_ok_and(|it| it.constrains_names)
                });
            // RFC 5280 §4.2.1.10 does not constrain the common name, which is a name here like any other.
            if constrained && !leaf.alternatives_have_common_name() {
                return Err(Failure::new(
                    Alert::BAD_CERTIFICATE,
                    FailureReason::BadCertificate(
                        "an authority constrains names, and the common name is not among the alternative names",
                    ),
                ));
            }
            Ok(leaf)
        }
        Err(Error::UnknownIssuer) => Err(unknown_authority(others.last().unwrap_or(&leaf))),
        Err(error @ (Error::CertExpired { .. } | Error::CertNotValidYet { .. })) => {
            others.insert(0, leaf);
            let old = others
                .iter()
                .find(|it| !(it.not_before..=it.not_after).contains(&time));
            Err(old.map_or_else(
                || refusal(&error),
                |it| {
                    Failure::new(
                        Alert::CERTIFICATE_EXPIRED,
                        FailureReason::CertificateExpired {
                            not_before: it.not_before,
                            not_after: it.not_after,
                            now: time,
                        },
                    )
                },
            ))
        }
        Err(error) => Err(refusal(&error)),
    }
}

fn unknown_authority(last: &Certificate<'_>) -> Failure {
    let issuer = last.issuer();
    Failure::new(
        Alert::UNKNOWN_CA,
        FailureReason::UnknownAuthority { issuer },
    )
}

/// What webpki found, in words.
fn refusal(error: &Error) -> Failure {
    let (alert, what) = match error {
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => (
            Alert::UNSUPPORTED_CERTIFICATE,
            "an extended key usage in the chain does not allow this role",
        ),
        Error::CaUsedAsEndEntity => (
            Alert::BAD_CERTIFICATE,
            "an authority's certificate is shown as the peer's own",
        ),
        Error::EndEntityUsedAsCa => (
            Alert::BAD_CERTIFICATE,
            "a certificate in the chain is signed by one that is no authority",
        ),
        Error::InvalidSignatureForPublicKey | Error::SignatureAlgorithmMismatch => (
            Alert::BAD_CERTIFICATE,
            "a signature in the chain does not fit",
        ),
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => (
            Alert::UNSUPPORTED_CERTIFICATE,
            "the chain is signed by other means than ECDSA on P-256 with SHA-256",
        ),
        Error::PathLenConstraintViolated => (
            Alert::BAD_CERTIFICATE,
            "the chain is longer than one of its authorities allows",
        ),
        Error::NameConstraintViolation => (
            Alert::BAD_CERTIFICATE,
            "a name is outside of what one of its authorities may name",
        ),
        Error::UnsupportedCertVersion => (
            Alert::UNSUPPORTED_CERTIFICATE,
            "a certificate in the chain is not of version 3",
        ),
        Error::UnsupportedCriticalExtension => (
            Alert::UNSUPPORTED_CERTIFICATE,
            "a critical extension in the chain is not known here",
        ),
        _ => (
            Alert::BAD_CERTIFICATE,
            "the chain breaks a rule of RFC 5280",
        ),
    };
    Failure::new(alert, FailureReason::BadCertificate(what))
}

/// A provider's signatures, for webpki.
#[derive(Debug)]
struct EcdsaP256Sha256<'a>(&'a dyn Provider);

impl SignatureVerificationAlgorithm for EcdsaP256Sha256<'_> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = PublicKey::from_point(public_key).map_err(|_| InvalidSignature)?;
        let verdict = self.0.verify(&key, message, signature);
        verdict.map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }
}
