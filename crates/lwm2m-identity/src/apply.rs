//! The same over a store, for runtimes and programs that wait.

use crate::{
    Change, Closure, CredentialRecord, Identity, NearMiss, NearMissProbe, Plan, PlanError, Warning,
    near_miss,
};
use alloc::vec::Vec;
use core::fmt;
use lwm2m_store::{CommitError, Down, Record, Store};

/// Carries out changes by [`Plan`]: loads, decides, commits, and begins anew when somebody else was quicker.
///
/// All of the changes happen or none.
///
/// # Errors
/// [`ApplyError::Refused`] with the reason; [`ApplyError::Busy`] after ten conflicts; [`ApplyError::Down`] if the store
/// failed before anything was changed; [`ApplyError::Unknown`] if it failed in the commit.
pub async fn apply<S: Store>(store: &S, changes: &[Change<'_>]) -> Result<Applied, ApplyError> {
    let plan = Plan::new(changes).map_err(ApplyError::Refused)?;
    for _ in 0..TRIES {
        let mut loaded: Vec<Record> = Vec::new();
        for key in plan.loads() {
            loaded.extend(store.load(key).await?);
        }
        let planned = plan.decide(&loaded).map_err(ApplyError::Refused)?;
        if !planned.batch.writes().is_empty() {
            match store.commit(planned.batch).await {
                Ok(_) => {}
                Err(CommitError::Conflict { .. }) => continue,
                Err(CommitError::Down) => {
                    let closures = planned.closures;
                    return Err(ApplyError::Unknown { closures });
                }
            }
        }
        return Ok(Applied {
            closures: planned.closures,
            warnings: planned.warnings,
        });
    }
    Err(ApplyError::Busy)
}

/// Whose identity this is, and the key of a PSK identity: what a handshake asks for.
///
/// `Ok(None)` if nobody has it, or if the names of a certificate belong to several endpoints.
///
/// # Errors
/// [`Down`] if the store does not know at the moment, also by a record that cannot be read.
pub async fn owner<S: Store>(
    store: &S,
    identity: &Identity,
) -> Result<Option<CredentialRecord>, Down> {
    let mut owner: Option<CredentialRecord> = None;
    for key in identity.record_keys() {
        let Some(record) = store.load(&key).await? else {
            continue;
        };
        let found = CredentialRecord::decode(&record.value).map_err(|_| Down)?;
        if owner
            .as_ref()
            .is_some_and(|first| first.endpoint != found.endpoint)
        {
            return Ok(None);
        }
        owner = Some(found);
    }
    Ok(owner)
}

/// The known PSK identity that resembles an unknown one, in at most three short scans.
///
/// # Errors
/// [`Down`] if the store does not know at the moment.
pub async fn find_near_miss<S: Store>(
    store: &S,
    identity: &[u8],
) -> Result<Option<NearMiss>, Down> {
    let mut found = Vec::new();
    for probe in NearMissProbe::all(identity) {
        found.extend(
            store
                .scan(probe.kind, &probe.prefix, None, probe.limit)
                .await?,
        );
    }
    Ok(near_miss(identity, &found))
}

/// What has been changed.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct Applied {
    /// What must end now; empty if all was so already.
    pub closures: Vec<Closure>,
    /// What the operator should be told.
    pub warnings: Vec<Warning>,
}

/// Why changes were not carried out.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum ApplyError {
    /// They cannot be.
    Refused(PlanError),
    /// Others changed the same records all the time; asking again may help.
    Busy,
    /// The store cannot be read; nothing was changed.
    Down,
    /// The store failed in the commit: all was changed, or nothing.
    Unknown {
        /// What must end in the one case, and should end in both: asked again, nobody could tell it.
        closures: Vec<Closure>,
    },
}

impl From<Down> for ApplyError {
    fn from(Down: Down) -> Self {
        Self::Down
    }
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Busy => f.write_str("others change the same records, try again"),
            Self::Down => Down.fmt(f),
            Self::Unknown { .. } => f.write_str(
                "the store failed and nobody knows whether the change was kept: do it again",
            ),
        }
    }
}

impl core::error::Error for ApplyError {}

const TRIES: usize = 10;
