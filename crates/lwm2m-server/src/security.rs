//! Security records as the shards need them: look-ups that are answered later, and changes that end what they must.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;

use bytes::Bytes;
use dtls_core::{
    Alert, Answer, Failure, FailureReason, IdentityKind, Question, Role, Secret, Suites,
};
use dtls_ecdsa::{
    Anchors, CertificateNames, CredentialError, Credentials, Ecdsa, PublicKey, Ring, Trust,
};
use dtls_psk::Psk;
use lwm2m_identity::{
    Applied, ApplyError, Change, CredentialRecord, DEVICE_KIND, DeviceRecord, Identity, Security,
    apply, find_near_miss, key_hint, owner,
};
use lwm2m_store::{Down, Record, Store};

/// Something that a store answers, at once or later.
pub(crate) type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What shall be so for an endpoint.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) endpoint: String,
    /// `None` for no record.
    pub(crate) security: Option<Vec<Security>>,
    /// When that was set, Unix seconds.
    pub(crate) set: u64,
}

/// The security records of a store of any kind, its futures boxed.
pub(crate) trait Records: Send + Sync {
    /// Whose an identity is, and its key.
    fn owner(&self, identity: Identity) -> Later<Result<Option<CredentialRecord>, Down>>;
    /// What an operator should know about an identity that failed.
    fn hint(&self, identity: Bytes) -> Later<Option<String>>;
    fn apply(&self, wishes: Vec<Wish>) -> Later<Result<Applied, ApplyError>>;
    fn device(&self, endpoint: String) -> Later<Result<Option<Record>, Down>>;
    fn list(&self, after: Option<String>, limit: usize) -> Later<Result<Vec<Record>, Down>>;
}

impl<S: Store + Clone + 'static> Records for S {
    fn owner(&self, identity: Identity) -> Later<Result<Option<CredentialRecord>, Down>> {
        let store = self.clone();
        Box::pin(async move { owner(&store, &identity).await })
    }

    fn hint(&self, identity: Bytes) -> Later<Option<String>> {
        let store = self.clone();
        Box::pin(async move {
            let known = Identity::Psk {
                identity: identity.clone(),
            };
            match owner(&store, &known).await.ok()? {
                Some(record) => record
                    .key
                    .as_ref()
                    .and_then(key_hint)
                    .map(|it| it.to_string()),
                None => {
                    if let Some(near) = find_near_miss(&store, &identity).await.ok()? {
                        return Some(near.to_string());
                    }
                    // What clients send that were told no identity.
                    let endpoint = str::from_utf8(&identity).ok()?;
                    let record = store.load(&DeviceRecord::key(endpoint)).await.ok()??;
                    let credentials = DeviceRecord::decode(&record.value).ok()?.credentials;
                    let known = credentials.first()?;
                    Some(format!(
                        "the device sent the name of endpoint {endpoint:?}, which has to show {known}"
                    ))
                }
            }
        })
    }

    fn apply(&self, wishes: Vec<Wish>) -> Later<Result<Applied, ApplyError>> {
        let store = self.clone();
        Box::pin(async move {
            let changes: Vec<Change<'_>> = wishes
                .iter()
                .map(|wish| Change {
                    endpoint: &wish.endpoint,
                    security: wish.security.as_deref(),
                    set: Some(wish.set),
                })
                .collect();
            apply(&store, &changes).await
        })
    }

    fn device(&self, endpoint: String) -> Later<Result<Option<Record>, Down>> {
        let store = self.clone();
        Box::pin(async move { store.load(&DeviceRecord::key(&endpoint)).await })
    }

    fn list(&self, after: Option<String>, limit: usize) -> Later<Result<Vec<Record>, Down>> {
        let store = self.clone();
        Box::pin(async move {
            let after = after.as_deref().map(str::as_bytes);
            store.scan(DEVICE_KIND, &[], after, limit).await
        })
    }
}

/// What a server shows and whom it trusts, with the records behind it.
pub(crate) struct Keeper {
    records: Arc<dyn Records>,
    own: RwLock<Own>,
}

/// What may be exchanged while the server runs.
#[derive(Clone, Debug)]
struct Own {
    credentials: Option<Credentials>,
    anchors: Anchors,
}

impl Keeper {
    pub(crate) fn new(
        records: Arc<dyn Records>,
        credentials: Option<Credentials>,
        anchors: Anchors,
    ) -> Self {
        let own = Own {
            credentials,
            anchors,
        };
        Self {
            records,
            own: RwLock::new(own),
        }
    }

    pub(crate) fn records(&self) -> &dyn Records {
        &*self.records
    }

    /// What devices can prove themselves with: keys always, and certificates and raw public keys where this server has
    /// something to show.
    ///
    /// # Errors
    /// The server's own key cannot be used.
    pub(crate) fn suites(&self) -> Result<Arc<dyn Suites>, CredentialError> {
        suites(self.own().credentials.as_ref())
    }

    /// Shows something else from now on; gives what devices can prove themselves with then.
    ///
    /// # Errors
    /// The key cannot be used, and all is as before.
    pub(crate) fn set_credentials(
        &self,
        credentials: Option<Credentials>,
    ) -> Result<Arc<dyn Suites>, CredentialError> {
        let suites = suites(credentials.as_ref())?;
        self.own_mut().credentials = credentials;
        Ok(suites)
    }

    /// Trusts these authorities alone from now on.
    pub(crate) fn set_anchors(&self, anchors: Anchors) {
        self.own_mut().anchors = anchors;
    }

    fn own(&self) -> RwLockReadGuard<'_, Own> {
        self.own.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_mut(&self) -> RwLockWriteGuard<'_, Own> {
        self.own.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers what a handshake asks. Whoever cannot be told from a stranger is one.
    pub(crate) fn answer(&self, question: Question) -> Later<Answer> {
        match question {
            Question::Psk { identity, .. } => {
                let identity = Identity::Psk {
                    identity: identity.into(),
                };
                let found = self.records.owner(identity);
                Box::pin(async move {
                    let key = found.await.ok().flatten().and_then(|record| record.key);
                    Answer::Psk(key.map(|key| Secret::new(key.bytes())))
                })
            }
            Question::Trust { kind, chain, .. } if kind == IdentityKind::RAW_PUBLIC_KEY => {
                let key = Bytes::from(chain.into_iter().next().unwrap_or_default());
                let found = self
                    .records
                    .owner(Identity::RawPublicKey { key: key.clone() });
                Box::pin(async move { Answer::Trust(known(&key, found.await)) })
            }
            Question::Trust { chain, .. } => {
                let anchors = &self.own().anchors;
                let verdict =
                    dtls_ecdsa::verify_client_chain(&Ring::new(), anchors, &chain, unix());
                Box::pin(std::future::ready(Answer::Trust(verdict.map(drop))))
            }
            _ => {
                let failure = Failure::from(Alert::INTERNAL_ERROR);
                Box::pin(std::future::ready(Answer::Trust(Err(failure))))
            }
        }
    }

    /// With what this server shakes hands as the client of a device.
    pub(crate) fn client(&self, identity: &Identity) -> Later<Option<Arc<dyn Suites>>> {
        match identity {
            Identity::Psk { identity: name } => {
                let found = self.records.owner(identity.clone());
                let name = name.clone();
                Box::pin(async move {
                    let key = found.await.ok().flatten()?.key?;
                    let psk = Psk::client(&name, key.bytes()).ok()?;
                    Some(Arc::new(psk) as Arc<dyn Suites>)
                })
            }
            Identity::RawPublicKey { key } => {
                let suites = self.own().credentials.clone().and_then(|credentials| {
                    let trust = Trust::Keys(vec![PublicKey::from_spki(key).ok()?]);
                    Ecdsa::new(Ring::new(), credentials, trust).ok()
                });
                let suites = suites.map(|it| Arc::new(it) as Arc<dyn Suites>);
                Box::pin(std::future::ready(suites))
            }
            Identity::X509 { names } => {
                let Own {
                    credentials,
                    anchors,
                } = self.own().clone();
                // A device that has both would prefer a bare key, which is not what it registered with.
                let alone = credentials.and_then(|it| it.certificates_alone(Role::Client));
                let names = names.clone();
                let trust = Trust::Named { anchors, names };
                let suites = alone.and_then(|it| Ecdsa::new(Ring::new(), it, trust).ok());
                let suites = suites.map(|it| Arc::new(it) as Arc<dyn Suites>);
                Box::pin(std::future::ready(suites))
            }
            _ => Box::pin(std::future::ready(None)),
        }
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper")
            .field("own", &self.own)
            .finish_non_exhaustive()
    }
}

fn suites(credentials: Option<&Credentials>) -> Result<Arc<dyn Suites>, CredentialError> {
    let mut all: Vec<Arc<dyn Suites>> = vec![Arc::new(Psk::server())];
    if let Some(credentials) = credentials {
        let ecdsa = Ecdsa::new(Ring::new(), credentials.clone(), Trust::Ask)?;
        all.push(Arc::new(ecdsa));
    }
    Ok(Arc::new(all))
}

/// Whether a device has this raw public key.
fn known(key: &[u8], found: Result<Option<CredentialRecord>, Down>) -> Result<(), Failure> {
    match found {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Failure::new(
            Alert::ACCESS_DENIED,
            FailureReason::UnknownRawPublicKey {
                fingerprint: fingerprint(key),
            },
        )),
        Err(_) => Err(Failure::new(
            Alert::INTERNAL_ERROR,
            FailureReason::Internal("the store cannot be reached"),
        )),
    }
}

/// The SHA-256 of a raw public key, hex.
fn fingerprint(key: &[u8]) -> String {
    let bytes = PublicKey::from_spki(key).map(|key| key.fingerprint());
    let bytes = bytes.unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the names out of what the X.509 suites tell of a peer.
pub(crate) fn x509_names(value: &[u8]) -> Option<Vec<String>> {
    Some(CertificateNames::decode(value)?.names().to_vec())
}

/// The time of day, Unix seconds.
pub(crate) fn unix() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |it| it.as_secs())
}

/// The stable name of a handshake's failure, for logs, events and metrics.
pub(crate) fn reason_name(reason: &FailureReason) -> &'static str {
    match reason {
        FailureReason::PeerAlert(_) => "peer_alert",
        FailureReason::TimedOut => "timeout",
        FailureReason::Evicted => "too_many_handshakes",
        FailureReason::Cancelled => "cancelled",
        FailureReason::NoCommonSuite { .. } => "no_common_suite",
        FailureReason::NoCommonCertificateType => "no_common_certificate_type",
        FailureReason::NoCommonGroup => "no_common_group",
        FailureReason::MissingExtension(_) => "missing_extension",
        FailureReason::UnknownPskIdentity { .. } => "unknown_psk_identity",
        FailureReason::WrongPsk { .. } => "wrong_psk",
        FailureReason::UnknownRawPublicKey { .. } => "unknown_raw_public_key",
        FailureReason::BadSignature => "bad_signature",
        FailureReason::NoCertificate => "no_certificate",
        FailureReason::BadCertificate(_) => "bad_certificate",
        FailureReason::CertificateExpired { .. } => "certificate_expired",
        FailureReason::CertificateWrongName { .. } => "certificate_wrong_name",
        FailureReason::UnknownAuthority { .. } => "unknown_authority",
        FailureReason::UnexpectedKey { .. } => "unexpected_key",
        FailureReason::Refused(_) => "refused",
        FailureReason::Internal(_) => "internal",
        _ => "protocol",
    }
}
