use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use dtls_core::{
    Alert, CertificateType, CipherSuite, ClientHello, Failure, FailureReason, KeyExchange,
    NamedGroup, Offer, Role, Selection, ServerExtensions, ServerHello, SignatureScheme, Suites,
};

use crate::exchange::{ClientExchange, ServerExchange};
use crate::{CredentialError, Credentials, Provider, Signer, Trust};

/// The ECDHE_ECDSA suites with the credentials of this side, for clients and servers.
///
/// Every peer has to prove a key: servers demand it of their clients. Whether that key is welcome is up to [`Trust`].
#[derive(Clone)]
pub struct Ecdsa(Arc<Shared>);

/// What all handshakes look at.
pub(crate) struct Shared {
    pub(crate) provider: Box<dyn Provider>,
    pub(crate) signer: Box<dyn Signer>,
    pub(crate) credentials: Credentials,
    pub(crate) trust: Trust,
    client_suites: Vec<CipherSuite>,
    server_suites: Vec<CipherSuite>,
}

impl Ecdsa {
    /// Suites that show `credentials` and judge peers by `trust`.
    ///
    /// As a client they offer CCM_8, CCM and GCM; as a server they take CBC too, as LwM2M demands.
    ///
    /// # Errors
    /// The provider cannot use the key.
    ///
    /// # Specification
    /// LwM2M Transport 1.2 §5.2.9.2, §5.2.9.3: a client should not use CBC.
    pub fn new(
        provider: impl Provider + 'static,
        credentials: Credentials,
        trust: Trust,
    ) -> Result<Self, CredentialError> {
        Self::with_suites(provider, credentials, trust, &CLIENT_SUITES, &ALL_SUITES)
    }

    /// The same with the suites named, in order of preference; what this crate does not know is passed over.
    ///
    /// # Errors
    /// The provider cannot use the key.
    pub fn with_suites(
        provider: impl Provider + 'static,
        credentials: Credentials,
        trust: Trust,
        client: &[CipherSuite],
        server: &[CipherSuite],
    ) -> Result<Self, CredentialError> {
        let known = |suites: &[CipherSuite]| -> Vec<CipherSuite> {
            let known = suites.iter().filter(|suite| ALL_SUITES.contains(suite));
            known.copied().collect()
        };
        let signer = provider.signer(credentials.key())?;
        Ok(Self(Arc::new(Shared {
            provider: Box::new(provider),
            signer,
            credentials,
            trust,
            client_suites: known(client),
            server_suites: known(server),
        })))
    }
}

impl Suites for Ecdsa {
    fn offer(&self) -> Offer {
        let Shared {
            credentials,
            trust,
            client_suites,
            ..
        } = &*self.0;
        let mut offer = Offer::default();
        offer.suites.clone_from(client_suites);
        offer.groups = [NamedGroup::SECP256R1].into();
        offer.signature_schemes = [SignatureScheme::ECDSA_SHA256].into();
        offer.client_certificate_types = credentials.types(Role::Client);
        offer.server_certificate_types = trust.types();
        offer
    }

    fn select(&self, hello: &ClientHello<'_>) -> Result<Selection, Failure> {
        let ours = &self.0.server_suites;
        let Some(suite) = hello.suites().find(|suite| ours.contains(suite)) else {
            return Err(Failure::no_common_suite(hello, ours.clone()));
        };
        // RFC 8422 §4: a client that leaves an extension out takes whatever there is.
        let group = hello
            .groups()
            .is_none_or(|mut groups| groups.any(|group| group == NamedGroup::SECP256R1));
        let scheme = hello
            .signature_schemes()
            .is_none_or(|mut schemes| schemes.any(|it| it == SignatureScheme::ECDSA_SHA256));
        if !group || !scheme || !hello.reads_uncompressed_points() {
            return Err(Failure::new(
                Alert::HANDSHAKE_FAILURE,
                FailureReason::NoCommonGroup,
            ));
        }

        let mut extensions = ServerExtensions::default();
        extensions.point_formats = hello.lists_point_formats();
        let show = self.0.credentials.types(Role::Server);
        let server_type = match hello.server_certificate_types() {
            Some(types) => {
                let picked = pick(like_its_own(hello).into_iter().chain(types), &show)?;
                extensions.server_certificate_type = Some(picked);
                picked
            }
            None => pick([CertificateType::X509], &show)?,
        };
        let take = self.0.trust.types();
        let client_type = match hello.client_certificate_types() {
            Some(types) => {
                let picked = pick(types, &take)?;
                extensions.client_certificate_type = Some(picked);
                picked
            }
            None => pick([CertificateType::X509], &take)?,
        };
        let exchange = ServerExchange::new(self.0.clone(), server_type, client_type);
        Ok(Selection::new(suite, extensions, Box::new(exchange)))
    }

    fn accept(&self, hello: &ServerHello<'_>) -> Result<Box<dyn KeyExchange>, Failure> {
        if !self.0.client_suites.contains(&hello.suite()) {
            return Err(Alert::ILLEGAL_PARAMETER.into());
        }
        let server_type = pick([hello.server_certificate_type()], &self.0.trust.types())?;
        // What this side shows matters only if the server asks for it: then it fails there.
        let own = hello.client_certificate_type();
        let client_type = pick([own], &self.0.credentials.types(Role::Client)).ok();
        let exchange = ClientExchange::new(self.0.clone(), server_type, client_type);
        Ok(Box::new(exchange))
    }
}

/// A raw public key, where the client takes one and has nothing else to show itself. Such a client was given
/// keys, no certificates, and knows its server by a key too, whatever it lists first: libcoap with GnuTLS
/// lists X.509 before it, as its library does, and then has no authority to judge a chain by. RFC 7250 §4.2 binds the
/// server to the client's list, not to its order.
fn like_its_own(hello: &ClientHello<'_>) -> Option<CertificateType> {
    let raw = CertificateType::RAW_PUBLIC_KEY;
    let shows_only_that = hello.client_certificate_types()?.all(|kind| kind == raw);
    let takes_it = hello.server_certificate_types()?.any(|kind| kind == raw);
    (shows_only_that && takes_it).then_some(raw)
}

/// The first of the peer's types that is among `ours`.
fn pick(
    theirs: impl IntoIterator<Item = CertificateType>,
    ours: &[CertificateType],
) -> Result<CertificateType, Failure> {
    // RFC 7250 §4.2: no type in common ends the handshake with unsupported_certificate.
    theirs
        .into_iter()
        .find(|kind| ours.contains(kind))
        .ok_or_else(no_common_type)
}

pub(crate) fn no_common_type() -> Failure {
    Failure::new(
        Alert::UNSUPPORTED_CERTIFICATE,
        FailureReason::NoCommonCertificateType,
    )
}

impl fmt::Debug for Ecdsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ecdsa")
            .field("provider", &self.0.provider)
            .field("credentials", &self.0.credentials)
            .field("trust", &self.0.trust)
            .finish_non_exhaustive()
    }
}

const CLIENT_SUITES: [CipherSuite; 3] = [
    CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM_8,
    CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM,
    CipherSuite::ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
];

const ALL_SUITES: [CipherSuite; 4] = [
    CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM_8,
    CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM,
    CipherSuite::ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
];
