//! From an account to the suites that speak for it.

use alloc::{
    string::{String, ToString},
    sync::Arc,
};

use coap_codec::uri::{Host, Scheme, Uri};
use device_core::{Security, ServerAccount};
use dtls_core::Suites;
#[cfg(feature = "ecdsa")]
use dtls_ecdsa::{
    Anchors, CertificateUsage, Credentials, Ecdsa, MatchingType, P256, PrivateKey, ServerTrust,
    Trust,
};

/// Checks that an account can be used: its URI, that URI and credentials fit each other, and the credentials themselves.
///
/// A stack says the same only when it comes to use the account, by an error event.
///
/// # Errors
/// What is wrong with it.
pub fn check_account(account: &ServerAccount) -> Result<(), BadAccount> {
    let uri = Uri::parse(&account.uri).map_err(|_| BadAccount::Uri)?;
    match (uri.scheme(), &account.security) {
        (Scheme::Coap, Security::NoSec) => Ok(()),
        (Scheme::Coap, _) => Err(BadAccount::PlainUri),
        (Scheme::Coaps, Security::NoSec) => Err(BadAccount::NoCredentials),
        (Scheme::Coaps, _) => suites(account).map(|_| ()),
        _ => Err(BadAccount::Uri),
    }
}

/// The suites of a secured account.
pub(crate) fn suites(account: &ServerAccount) -> Result<Arc<dyn Suites>, BadAccount> {
    match &account.security {
        Security::NoSec => Err(BadAccount::NoCredentials),
        #[cfg(feature = "psk")]
        Security::Psk(psk) => {
            let suites = dtls_psk::Psk::client(&psk.identity, psk.key.expose())?;
            Ok(Arc::new(match &account.cipher_suites[..] {
                [] => suites,
                chosen => suites.with_suites(chosen)?,
            }))
        }
        #[cfg(feature = "ecdsa")]
        Security::RawPublicKey(rpk) => {
            let key = PrivateKey::from_der(rpk.key.expose())?;
            let trust = ServerTrust::raw_public_key(MatchingType(rpk.matching_type), &rpk.server)?;
            ecdsa(account, Credentials::raw_public_key(key), trust)
        }
        #[cfg(feature = "ecdsa")]
        Security::X509(x509) => {
            let key = PrivateKey::from_der(x509.key.expose())?;
            let own = Credentials::x509(key, x509.chain.clone())?;
            let usage = CertificateUsage(x509.certificate_usage);
            let matching = MatchingType(x509.matching_type);
            let mut trust = ServerTrust::certificate(usage, matching, &x509.server)?
                .with_anchors(Anchors::from_der(&x509.anchors)?);
            // Usages 0 and 2 say by nothing else who the server is.
            if trust.needs_name()
                && let Some(address) = server_address(account)
            {
                trust = trust.with_name(address);
            }
            ecdsa(account, own, trust)
        }
        _ => Err(BadAccount::NotBuilt),
    }
}

#[cfg(feature = "ecdsa")]
fn ecdsa(
    account: &ServerAccount,
    own: Credentials,
    trust: ServerTrust,
) -> Result<Arc<dyn Suites>, BadAccount> {
    let (provider, trust) = (P256::new(), Trust::Server(trust));
    let suites = match &account.cipher_suites[..] {
        [] => Ecdsa::new(provider, own, trust)?,
        chosen => Ecdsa::with_suites(provider, own, trust, chosen, &[])?,
    };
    // Those that it does not know are passed over.
    match suites.offer().suites.is_empty() {
        true => Err(BadAccount::NoSuite),
        false => Ok(Arc::new(suites)),
    }
}

/// What goes into server_name: the name that the account gives, or that of its URI. Addresses are never sent.
///
/// # Specification
/// RFC 6066 §3; LwM2M 1.2 Core §E.1, resource 14.
pub(crate) fn server_name(account: &ServerAccount) -> Option<String> {
    let name = match &account.server_name {
        Some(name) => name.clone(),
        None => match Uri::parse(&account.uri).ok()?.host() {
            Host::Name(name) => name.chars().collect(),
            Host::Ipv4(_) | Host::Ipv6(..) => return None,
        },
    };
    // RFC 6066 §3: without the dot that ends a name.
    let name = name.strip_suffix('.').unwrap_or(&name);
    (!name.is_empty()).then(|| name.to_string())
}

/// The address that the server's certificate has to be for, where the account knows the server by no name.
#[cfg(feature = "ecdsa")]
fn server_address(account: &ServerAccount) -> Option<String> {
    if server_name(account).is_some() {
        return None;
    }
    let address = Uri::parse(&account.uri).ok()?.host().ip()?;
    Some(address.to_string())
}

/// Why an account cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BadAccount {
    /// The URI names no server over UDP.
    #[error("the URI is not coap://... or coaps://...")]
    Uri,
    /// There are credentials, and the URI says that they are not used.
    #[error("the account has credentials: its URI has to be coaps://...")]
    PlainUri,
    /// The URI says coaps, and there are no credentials.
    #[error("the URI is coaps://...: the account needs credentials")]
    NoCredentials,
    /// The suites for these credentials are not built.
    #[error("credentials of this kind are not built in")]
    NotBuilt,
    /// None of the cipher suites that the account names goes with its credentials.
    #[error("none of the account's cipher suites can be used with its credentials")]
    NoSuite,
    /// The pre-shared key cannot be used.
    #[cfg(feature = "psk")]
    #[error(transparent)]
    Psk(#[from] dtls_psk::PskError),
    /// The device's own private key cannot be used.
    #[cfg(feature = "ecdsa")]
    #[error("the device's own key: {0}")]
    Key(#[from] dtls_ecdsa::KeyError),
    /// The device's own certificates cannot be used.
    #[cfg(feature = "ecdsa")]
    #[error("the device's own certificate: {0}")]
    Credentials(#[from] dtls_ecdsa::CredentialError),
    /// What the account says of the server's key or certificate cannot be used.
    #[cfg(feature = "ecdsa")]
    #[error("the server's key or certificate: {0}")]
    Server(#[from] dtls_ecdsa::ServerTrustError),
    /// An authority's certificate cannot be used.
    #[cfg(feature = "ecdsa")]
    #[error("an authority: {0}")]
    Anchor(#[from] dtls_ecdsa::CertificateError),
}
