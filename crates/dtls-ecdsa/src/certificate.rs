use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::IpAddr;

use dtls_core::{Alert, Failure, FailureReason, Role};
use sha2::{Digest as _, Sha256};
use x509_cert::certificate::Version;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{
    Decode as _, DecodeValue, Encode as _, FixedTag, Header, Reader, Tag, TagNumber, Tagged as _,
};
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName,
};
use x509_cert::name::Name;

use crate::PublicKey;

/// What these suites want to know of one certificate. Nothing of it is verified.
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    der: &'a [u8],
    fields: x509_cert::Certificate,
    public_key: Option<PublicKey>,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    pub(crate) authority: bool,
    /// Whether the key may sign certificates, as far as its usages are stated.
    pub(crate) signs_certificates: bool,
    /// Whether it constrains the names under it.
    pub(crate) constrains_names: bool,
    digital_signature: bool,
    client_auth: bool,
    server_auth: bool,
    common_name: Option<String>,
    alternatives: Vec<Alternative>,
}

/// A subject alternative name that can name a server or a device.
#[derive(Clone, Debug)]
enum Alternative {
    Dns(String),
    Uri(String),
    Ip(IpAddr),
}

impl<'a> Certificate<'a> {
    /// Reads a DER certificate of any version.
    ///
    /// # Errors
    /// [`CertificateError::Der`]: it cannot be read, or one of the extensions that matter here cannot.
    ///
    /// # Specification
    /// RFC 5280 §4.1.
    pub fn from_der(der: &'a [u8]) -> Result<Self, CertificateError> {
        let fields = x509_cert::Certificate::from_der(der)?;
        let tbs = fields.tbs_certificate();
        let validity = tbs.validity();
        let spki = tbs.subject_public_key_info();
        let point = spki.subject_public_key.as_bytes();
        let curve = spki.algorithm.parameters.as_ref();
        let curve = curve.and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok());
        let key_usage = tbs.get_extension::<KeyUsage>()?;
        // RFC 5280 §4.2.1.3: without the extension, any usage.
        let usage = |may: fn(&KeyUsage) -> bool| {
            let usage = key_usage.as_ref().map(|(_, usage)| usage);
            usage.is_none_or(may)
        };
        let constraints = tbs.get_extension::<BasicConstraints>()?;
        let purposes = tbs.get_extension::<ExtendedKeyUsage>()?;
        // RFC 5280 §4.2.1.12: without the extension, any purpose.
        let allows = |purpose| {
            let purposes = purposes.as_ref().map(|(_, list)| list.0.as_slice());
            purposes.is_none_or(|list| list.contains(&purpose))
        };
        let alternatives = tbs.get_extension::<Alternatives>()?;
        let constrains_names = tbs.get_extension::<NameConstraints>()?.is_some();
        let common_name = common_name(tbs.subject());
        Ok(Self {
            der,
            // RFC 5480 §2.1.1: id-ecPublicKey with the named curve secp256r1.
            public_key: point
                .filter(|_| spki.algorithm.oid == EC_PUBLIC_KEY && curve == Some(SECP256R1))
                .and_then(|point| PublicKey::from_point(point).ok()),
            not_before: validity.not_before.to_unix_duration().as_secs(),
            not_after: validity.not_after.to_unix_duration().as_secs(),
            authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
            constrains_names,
            digital_signature: usage(KeyUsage::digital_signature),
            signs_certificates: usage(KeyUsage::key_cert_sign),
            client_auth: allows(CLIENT_AUTH),
            server_auth: allows(SERVER_AUTH),
            common_name,
            alternatives: alternatives.map(|(_, names)| names.0).unwrap_or_default(),
            fields,
        })
    }

    pub(crate) fn is_version_3(&self) -> bool {
        self.fields.tbs_certificate().version() == Version::V3
    }

    /// Whether issuer and subject are the same.
    pub(crate) fn is_self_issued(&self) -> bool {
        let tbs = self.fields.tbs_certificate();
        tbs.subject() == tbs.issuer()
    }

    /// DER of the subject's name.
    pub(crate) fn subject(&self) -> Result<Vec<u8>, CertificateError> {
        Ok(self.fields.tbs_certificate().subject().to_der()?)
    }

    /// The key, where it is one on P-256.
    pub const fn public_key(&self) -> Option<&PublicKey> {
        self.public_key.as_ref()
    }

    /// The SHA-256 of the whole certificate.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(self.der).into()
    }

    /// The issuer's name as RFC 4514 writes it, cut after 256 bytes.
    pub fn issuer(&self) -> String {
        shown(self.fields.tbs_certificate().issuer())
    }

    /// The Unix seconds of the first and the last moment at which it is valid.
    pub const fn validity(&self) -> (u64, u64) {
        (self.not_before, self.not_after)
    }

    /// The common name, where there is exactly one and it can be read as text.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// The names: the common name first, then DNS names and URIs of the alternative names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let alternatives = self.alternatives.iter().filter_map(|name| match name {
            Alternative::Dns(name) | Alternative::Uri(name) => Some(name.as_str()),
            Alternative::Ip(_) => None,
        });
        self.common_name().into_iter().chain(alternatives)
    }

    /// Whether the common name, if there is one, is repeated among the alternative names.
    pub(crate) fn alternatives_have_common_name(&self) -> bool {
        let Some(common) = self.common_name() else {
            return true;
        };
        self.names().skip(1).any(|name| name == common)
    }

    /// Whether usages and purposes, where they are stated, let the holder sign handshakes in `role`.
    pub fn allows(&self, role: Role) -> bool {
        self.check_role(role).is_ok()
    }

    pub(crate) fn check_role(&self, role: Role) -> Result<(), Failure> {
        let wrong = |what| {
            let reason = FailureReason::BadCertificate(what);
            Err(Failure::new(Alert::UNSUPPORTED_CERTIFICATE, reason))
        };
        match role {
            _ if !self.digital_signature => wrong("its key usage lacks digitalSignature"),
            Role::Client if !self.client_auth => wrong("its extended key usage lacks clientAuth"),
            Role::Server if !self.server_auth => wrong("its extended key usage lacks serverAuth"),
            Role::Client | Role::Server => Ok(()),
        }
    }

    /// Whether the certificate is for the server `name`: a host name, or an IP address as text.
    ///
    /// DNS names decide, whose left-most label may be `*`; the common name counts where there is none.
    ///
    /// # Specification
    /// LwM2M Transport 1.2 §5.2.9.3; RFC 6125 §6.4.
    pub fn is_for_server(&self, name: &str) -> bool {
        if let Ok(address) = name.parse::<IpAddr>() {
            let mut addresses = self.alternatives.iter().filter_map(|name| match name {
                Alternative::Ip(address) => Some(address),
                Alternative::Dns(_) | Alternative::Uri(_) => None,
            });
            return match self.alternatives.is_empty() {
                false => addresses.any(|&other| other == address),
                true => {
                    let named = self.common_name().and_then(|name| name.parse().ok());
                    named == Some(address)
                }
            };
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() {
            return false;
        }
        let mut hosts = self.alternatives.iter().filter_map(|name| match name {
            Alternative::Dns(host) => Some(host.as_str()),
            Alternative::Uri(_) | Alternative::Ip(_) => None,
        });
        let any_host = hosts.clone().next().is_some();
        if any_host {
            return hosts.any(|host| host_matches(host, name));
        }
        // RFC 6125 §6.4.4: the common name only where no DNS name is presented, and never as a pattern.
        self.common_name()
            .is_some_and(|common| common.eq_ignore_ascii_case(name))
    }
}

/// RFC 6125 §6.4.3: `*` alone may be the left-most label and stands for one label.
fn host_matches(pattern: &str, name: &str) -> bool {
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern);
    match pattern.strip_prefix("*.") {
        None => pattern.eq_ignore_ascii_case(name),
        Some(rest) => name.split_once('.').is_some_and(|(first, parent)| {
            !first.is_empty() && rest.contains('.') && parent.eq_ignore_ascii_case(rest)
        }),
    }
}

/// The one common name; two of them contradict each other and none is taken.
fn common_name(subject: &Name) -> Option<String> {
    let mut names = subject.iter().filter(|part| part.oid == COMMON_NAME);
    let value = &names.next()?.value;
    if names.next().is_some() {
        return None;
    }
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => text(value.value()),
        // Its alphabet beyond ASCII is anybody's guess.
        Tag::TeletexString if value.value().is_ascii() => text(value.value()),
        _ => None,
    }
}

/// SubjectAltName without what cannot name a server or a device. The type of the same name in `x509-cert` keeps everything, at
/// more than a hundred bytes for each two.
struct Alternatives(Vec<Alternative>);

impl AssociatedOid for Alternatives {
    const OID: ObjectIdentifier = SubjectAltName::OID;
}

impl FixedTag for Alternatives {
    const TAG: Tag = Tag::Sequence;
}

impl<'a> DecodeValue<'a> for Alternatives {
    type Error = x509_cert::der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, _: Header) -> Result<Self, Self::Error> {
        let mut names = Vec::new();
        while !reader.is_finished() {
            let name = AnyRef::decode(reader)?;
            names.extend(alternative(name.tag(), name.value()));
        }
        Ok(Self(names))
    }
}

/// RFC 5280 §4.2.1.6.
fn alternative(tag: Tag, value: &[u8]) -> Option<Alternative> {
    match tag {
        // An IA5String is ASCII.
        DNS_NAME | URI if !value.is_ascii() => None,
        DNS_NAME => text(value).map(Alternative::Dns),
        URI => text(value).map(Alternative::Uri),
        IP_ADDRESS => {
            let four = <[u8; 4]>::try_from(value).map(IpAddr::from);
            let sixteen = <[u8; 16]>::try_from(value).map(IpAddr::from);
            four.or(sixteen).ok().map(Alternative::Ip)
        }
        _ => None,
    }
}

const fn context_specific(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: false,
        number: TagNumber(number),
    }
}

/// Text that can be a name: not empty, nothing that cannot be seen.
fn text(bytes: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(bytes).ok()?;
    if text.is_empty() || text.chars().any(char::is_control) {
        return None;
    }
    Some(text.into())
}

/// A name for people, bounded.
fn shown(name: &Name) -> String {
    let mut text = name.to_string();
    let mut end = 256;
    while !text.is_char_boundary(end.min(text.len())) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// Why a certificate cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// It is not DER, or not a certificate.
    #[error("not an X.509 certificate in DER")]
    Der,
    /// It is to be an authority's, and says that it is none.
    #[error("the certificate is not an authority's")]
    NoAuthority,
}

impl From<x509_cert::der::Error> for CertificateError {
    fn from(_: x509_cert::der::Error) -> Self {
        Self::Der
    }
}

impl From<CertificateError> for Failure {
    fn from(_: CertificateError) -> Self {
        let reason = FailureReason::BadCertificate("it cannot be read");
        Self::new(Alert::BAD_CERTIFICATE, reason)
    }
}

const DNS_NAME: Tag = context_specific(2);
const URI: Tag = context_specific(6);
const IP_ADDRESS: Tag = context_specific(7);
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
