//! Setting, replacing and removing what endpoints may prove: all at once, by compare-and-swap.

use crate::record::MAX_CREDENTIALS;
use crate::{
    Access, Credential, CredentialRecord, DecodeError, DeviceRecord, EndpointError, Identity,
    Interface, KeyHint, Lookup, NoSecPolicy, Security, SecurityError, authorize, check_endpoint,
    key_hint,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use core::fmt;
use lwm2m_store::{Batch, Key, Record};

/// What shall be so for one endpoint.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an endpoint, what it may prove and since when: there is no fourth part"
)]
pub struct Change<'a> {
    /// The endpoint.
    pub endpoint: &'a str,
    /// All that it may prove from now on: one [`Security::NoSec`], or credentials of which any one is enough, or
    /// nothing, which locks it. `None` removes its record.
    pub security: Option<&'a [Security]>,
    /// When that was set, Unix seconds, to be kept with it; `None` where nobody knows. What is so already keeps the time
    /// that it has.
    pub set: Option<u64>,
}

/// Changes to one or many endpoints that become one [`Batch`], in three steps: check, load, decide.
///
/// Nothing is read or written here. Credentials are unique: one that another endpoint has is refused by name; one
/// that the same plan takes from another endpoint moves, so two devices can swap their identities.
///
/// ```
/// use lwm2m_identity::{Change, Plan, PskKey, Security};
/// use lwm2m_store::MemoryRecords;
///
/// let mut store = MemoryRecords::new();
/// let security = [Security::Psk { identity: "lamp-key".into(), key: PskKey::new(&[7; 16])? }];
///
/// let changes = [Change { endpoint: "lamp", security: Some(&security), set: None }];
/// let plan = Plan::new(&changes)?;
/// let loaded = plan.loads().filter_map(|key| store.load(key)).collect::<Vec<_>>();
/// let planned = plan.decide(&loaded)?;
/// store.commit(planned.batch)?; // a conflict: load again
/// assert_eq!(planned.closures.len(), 1); // whoever came in as `lamp` without the key leaves
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Plan<'a> {
    changes: &'a [Change<'a>],
    loads: BTreeSet<Key>,
}

impl<'a> Plan<'a> {
    /// Checks the changes by themselves and against each other.
    ///
    /// # Errors
    /// [`PlanError`]: a name or a credential that cannot be kept, or something that is there twice.
    pub fn new(changes: &'a [Change<'a>]) -> Result<Self, PlanError> {
        let mut loads = BTreeSet::new();
        let mut taken: BTreeMap<Key, &str> = BTreeMap::new();
        for &Change {
            endpoint, security, ..
        } in changes
        {
            check_endpoint(endpoint).map_err(|error| PlanError::Endpoint {
                endpoint: endpoint.into(),
                error,
            })?;
            if !loads.insert(DeviceRecord::key(endpoint)) {
                return Err(PlanError::EndpointTwice {
                    endpoint: endpoint.into(),
                });
            }
            for security in checked(endpoint, security)? {
                let Some(credential) = security.credential() else {
                    continue;
                };
                let key = credential.record_key();
                if let Some(first) = taken.insert(key.clone(), endpoint) {
                    return Err(PlanError::CredentialTwice {
                        credential,
                        first: first.into(),
                        second: endpoint.into(),
                    });
                }
                loads.insert(key);
            }
        }
        Ok(Self { changes, loads })
    }

    /// The records that have to be loaded for [`decide`](Self::decide), in order.
    pub fn loads(&self) -> impl Iterator<Item = &Key> {
        self.loads.iter()
    }

    /// Makes the batch, given those of the records that there are.
    ///
    /// A record that is left out counts as absent; if that is wrong, the commit ends in a conflict. What is so
    /// already is not written again.
    ///
    /// # Errors
    /// [`PlanError::Taken`] if another endpoint has one of the credentials, [`PlanError::Unreadable`] if a record
    /// cannot be read.
    pub fn decide(&self, loaded: &[Record]) -> Result<Planned, PlanError> {
        let loaded: BTreeMap<&Key, &Record> = loaded.iter().map(|r| (&r.key, r)).collect();
        let mut planned = Planned::default();
        for key in &self.loads {
            let version = loaded.get(key).map(|record| record.version);
            planned.batch.expect(key.clone(), version);
        }
        let mut steps = Vec::new();
        for change in self.changes {
            if let Some(step) = Step::new(change, &loaded)? {
                steps.push(step);
            }
        }
        // What one endpoint loses another may get: all deletions come first.
        let mut freed = BTreeSet::new();
        for step in &steps {
            for credential in &step.closure.gone {
                let key = credential.record_key();
                // A record that some other hand gave to somebody else is theirs.
                let owner = owner(&loaded, &key)
                    .map_err(|error| unreadable(step.change.endpoint, error))?;
                if owner.is_some_and(|owner| owner != step.change.endpoint) {
                    continue;
                }
                planned.batch.delete(key.clone());
                if let Some(near) = credential.near_key() {
                    planned.batch.delete(near);
                }
                freed.insert(key);
            }
        }
        for step in steps {
            step.write(&loaded, &freed, &mut planned)?;
        }
        Ok(planned)
    }
}

fn checked<'a>(
    endpoint: &str,
    security: Option<&'a [Security]>,
) -> Result<&'a [Security], PlanError> {
    let refuse = |error| PlanError::Security {
        endpoint: endpoint.into(),
        error,
    };
    let all = security.unwrap_or_default();
    if all.len() > MAX_CREDENTIALS {
        return Err(refuse(SecurityError::TooMany));
    }
    if all.len() > 1 && all.contains(&Security::NoSec) {
        return Err(refuse(SecurityError::NoSecBesideCredential));
    }
    all.iter()
        .try_for_each(Security::check)
        .map_err(refuse)
        .map(|()| all)
}

/// One endpoint that is going to be changed.
struct Step<'a> {
    change: &'a Change<'a>,
    closure: Closure,
}

impl<'a> Step<'a> {
    /// `None` if all is so already.
    fn new(
        change: &'a Change<'a>,
        loaded: &BTreeMap<&Key, &Record>,
    ) -> Result<Option<Self>, PlanError> {
        let before = loaded
            .get(&DeviceRecord::key(change.endpoint))
            .map(|record| {
                DeviceRecord::decode(&record.value)
                    .map_err(|error| unreadable(change.endpoint, error))
            })
            .transpose()?;
        let after = change.security.map(|all| DeviceRecord {
            nosec: all.contains(&Security::NoSec),
            credentials: all.iter().filter_map(Security::credential).collect(),
            set: change.set,
        });
        let mut stays = Vec::new();
        for security in change.security.unwrap_or_default() {
            let Some(credential) = security.credential() else {
                continue;
            };
            let had = before
                .as_ref()
                .is_some_and(|record| record.credentials.contains(&credential));
            let stored = loaded
                .get(&credential.record_key())
                .map(|record| CredentialRecord::decode(&record.value))
                .transpose()
                .map_err(|error| unreadable(change.endpoint, error))?;
            let same = stored.is_some_and(|stored| {
                stored.endpoint == change.endpoint && stored.key.as_ref() == security.psk_key()
            });
            if had && same {
                stays.push(credential);
            }
        }
        let all_stay = after
            .as_ref()
            .is_none_or(|after| after.credentials.len() == stays.len());
        let proves = |record: &Option<DeviceRecord>| {
            let record = record.clone();
            record.map(|record| (record.nosec, record.credentials))
        };
        if proves(&before) == proves(&after) && all_stay {
            return Ok(None);
        }
        let gone = before
            .map(|before| before.credentials)
            .unwrap_or_default()
            .into_iter()
            .filter(|credential| !stays.contains(credential))
            .collect();
        Ok(Some(Self {
            change,
            closure: Closure {
                endpoint: change.endpoint.into(),
                gone,
                stays,
                record: after,
            },
        }))
    }

    fn write(
        self,
        loaded: &BTreeMap<&Key, &Record>,
        freed: &BTreeSet<Key>,
        planned: &mut Planned,
    ) -> Result<(), PlanError> {
        let endpoint = self.change.endpoint;
        let batch = &mut planned.batch;
        match &self.closure.record {
            Some(after) => batch.put(DeviceRecord::key(endpoint), after.encode(), None),
            None => batch.delete(DeviceRecord::key(endpoint)),
        };
        for security in self.change.security.unwrap_or_default() {
            let Some(credential) = security.credential() else {
                continue;
            };
            if self.closure.stays.contains(&credential) {
                continue;
            }
            let key = credential.record_key();
            let owner = owner(loaded, &key).map_err(|error| unreadable(endpoint, error))?;
            if let Some(owner) = owner
                && owner != endpoint
                && !freed.contains(&key)
            {
                return Err(PlanError::Taken {
                    endpoint: endpoint.into(),
                    credential,
                    owner,
                });
            }
            let record = CredentialRecord::new(endpoint.into(), security.psk_key().cloned());
            batch.put(key, record.encode(), None);
            if let Some(near) = credential.near_key() {
                batch.put(
                    near,
                    CredentialRecord::new(endpoint.into(), None).encode(),
                    None,
                );
            }
            planned.warnings.extend(Warning::all(endpoint, security));
        }
        planned.closures.push(self.closure);
        Ok(())
    }
}

/// Whose the credential is that this record is named by.
fn owner(loaded: &BTreeMap<&Key, &Record>, key: &Key) -> Result<Option<String>, DecodeError> {
    loaded
        .get(key)
        .map(|record| CredentialRecord::decode(&record.value).map(|record| record.endpoint))
        .transpose()
}

fn unreadable(endpoint: &str, error: DecodeError) -> PlanError {
    PlanError::Unreadable {
        endpoint: endpoint.into(),
        error,
    }
}

/// What a plan comes to.
#[derive(Clone, Eq, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct Planned {
    /// To be committed as it is; it has no write if there is nothing to do.
    pub batch: Batch,
    /// What must end once the batch is committed, one entry per endpoint that is changed.
    pub closures: Vec<Closure>,
    /// What the operator should be told although it is done.
    pub warnings: Vec<Warning>,
}

/// What must end at one endpoint after a change: security sessions, connection ids, registrations, queued work.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct Closure {
    /// The endpoint.
    pub endpoint: String,
    /// What it may no longer prove, or has to prove by another key: sessions of these identities end.
    pub gone: Vec<Credential>,
    stays: Vec<Credential>,
    /// What is recorded from now on.
    record: Option<DeviceRecord>,
}

impl Closure {
    /// Whether a registration or a session under this endpoint ends, by the identity that it came with.
    ///
    /// Only what the record let in before and lets in now goes on. So a device that came without security ends when
    /// its endpoint gets a credential, and everything ends with the record.
    #[must_use]
    pub fn ends(&self, identity: &Identity) -> bool {
        if identity.is_none() {
            return !self.record.as_ref().is_some_and(|record| record.nosec);
        }
        !self
            .stays
            .iter()
            .any(|credential| credential.fits(identity))
    }

    /// Whether a security session of this identity ends: its credential is gone, or `speaks_for` is the endpoint, and
    /// [`authorize`] would not let the identity in for it any more.
    ///
    /// `speaks_for` is the endpoint that the identity has registered, else the one that it would register without a
    /// name. So a device that came in by a trusted certificate, of which no record told, is out when its endpoint gets a
    /// key.
    #[must_use]
    pub fn ends_session(&self, identity: &Identity, speaks_for: Option<&str>) -> bool {
        self.gone.iter().any(|credential| credential.fits(identity))
            || speaks_for == Some(self.endpoint.as_str()) && self.shuts_out(identity)
    }

    fn shuts_out(&self, identity: &Identity) -> bool {
        authorize(&Access {
            interface: Interface::Register,
            endpoint: &self.endpoint,
            identity,
            record: self.record.as_ref().map_or(Lookup::Absent, Lookup::Found),
            holder: None,
            // Of whoever has a session something is proven.
            nosec: NoSecPolicy::Off,
        })
        .is_err()
    }
}

/// Something that works but should not be left so.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct Warning {
    /// The endpoint.
    pub endpoint: String,
    /// What is the matter with it.
    pub kind: WarningKind,
}

/// What the matter is.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum WarningKind {
    /// The pre-shared key has so many bytes, fewer than [`SHORT_PSK`](crate::SHORT_PSK).
    ShortKey(usize),
    /// The pre-shared key looks like the text of another key.
    Key(KeyHint),
}

impl Warning {
    fn all(endpoint: &str, security: &Security) -> impl Iterator<Item = Self> {
        let key = security.psk_key();
        let short = key
            .filter(|key| key.is_short())
            .map(|key| WarningKind::ShortKey(key.bytes().len()));
        let hint = key.and_then(key_hint).map(WarningKind::Key);
        short.into_iter().chain(hint).map(|kind| Self {
            endpoint: endpoint.into(),
            kind,
        })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "endpoint {:?}: ", self.endpoint)?;
        match self.kind {
            WarningKind::ShortKey(len) => write!(
                f,
                "the key has only {len} bytes; 16 random bytes or more are recommended"
            ),
            WarningKind::Key(hint) => hint.fmt(f),
        }
    }
}

/// Why changes are refused; told to the operator, never to a device.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum PlanError {
    /// The endpoint name is empty or too long.
    Endpoint {
        /// The name.
        endpoint: String,
        /// What is wrong with it.
        error: EndpointError,
    },
    /// What the endpoint shall prove cannot be kept.
    Security {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        error: SecurityError,
    },
    /// There are two changes of one endpoint.
    EndpointTwice {
        /// The endpoint.
        endpoint: String,
    },
    /// Two changes, or one twice, give the same credential.
    CredentialTwice {
        /// The credential.
        credential: Credential,
        /// The endpoint that comes first.
        first: String,
        /// The endpoint that comes second.
        second: String,
    },
    /// Another endpoint has the credential.
    Taken {
        /// The endpoint that should get it.
        endpoint: String,
        /// The credential.
        credential: Credential,
        /// The endpoint that has it.
        owner: String,
    },
    /// A record in the store cannot be read, so nobody knows what would be overwritten.
    Unreadable {
        /// The endpoint.
        endpoint: String,
        /// What is wrong with the record.
        error: DecodeError,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint { endpoint, error } => {
                let start: String = endpoint.chars().take(40).collect();
                write!(f, "endpoint {start:?}: {error}")
            }
            Self::Security { endpoint, error } => write!(f, "endpoint {endpoint:?}: {error}"),
            Self::EndpointTwice { endpoint } => {
                write!(f, "endpoint {endpoint:?} is there twice: merge the two")
            }
            Self::CredentialTwice {
                credential,
                first,
                second,
            } => write!(
                f,
                "endpoints {first:?} and {second:?} have the same {credential}: give each its own"
            ),
            Self::Taken {
                endpoint,
                credential,
                owner,
            } => write!(
                f,
                "endpoint {endpoint:?}: {credential} is taken by endpoint {owner:?}: choose another one, \
                 or remove it there first"
            ),
            Self::Unreadable { endpoint, error } => {
                write!(
                    f,
                    "endpoint {endpoint:?}: its record in the store cannot be read: {error}"
                )
            }
        }
    }
}

impl core::error::Error for PlanError {}
