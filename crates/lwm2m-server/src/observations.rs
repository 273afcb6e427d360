use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use lwm2m_model::{Node, Path};
use server_stack::CallId;

/// An observation as the server's user sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ObservationInfo {
    /// What is observed.
    pub path: Path,
    /// The last value, if one came.
    pub node: Option<Node>,
    /// When the last value came.
    pub updated_at: Option<SystemTime>,
    /// Whether the device reports.
    pub state: ObservationState,
}

/// Whether a device reports what is wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ObservationState {
    /// Asked, not yet answered.
    Starting,
    /// The device accepted and reports.
    Active,
    /// The device does not report, for this reason; it is asked again when it registers.
    Waiting(String),
}

impl ObservationState {
    /// A stable name: `starting`, `active` or `waiting`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Active => "active",
            Self::Waiting(_) => "waiting",
        }
    }
}

/// The state of every desired observation: what is wanted stands in the registry, here stands
/// what came of it.
#[derive(Debug, Default)]
pub(crate) struct Observations {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    by_endpoint: HashMap<String, BTreeMap<Path, Entry>>,
    by_call: HashMap<CallId, (String, Path)>,
}

#[derive(Debug)]
struct Entry {
    info: ObservationInfo,
    call: Option<CallId>,
}

impl Observations {
    /// Notes that `call` asks for `path`; gives the call that it takes the place of.
    pub(crate) fn start(&self, endpoint: &str, path: Path, call: CallId) -> Option<CallId> {
        let mut tables = self.lock();
        let entry = tables
            .by_endpoint
            .entry(endpoint.to_owned())
            .or_default()
            .entry(path)
            .or_insert_with(|| Entry {
                info: ObservationInfo {
                    path,
                    node: None,
                    updated_at: None,
                    state: ObservationState::Starting,
                },
                call: None,
            });
        entry.info.state = ObservationState::Starting;
        let former = entry.call.replace(call);
        if let Some(former) = former {
            tables.by_call.remove(&former);
        }
        tables.by_call.insert(call, (endpoint.to_owned(), path));
        former
    }

    /// Takes in a value; `None` when the call observes nothing any more.
    pub(crate) fn value(&self, call: CallId, node: Option<Node>) -> Option<(String, Path)> {
        let mut tables = self.lock();
        let (endpoint, path) = tables.by_call.get(&call)?.clone();
        let entry = tables.by_endpoint.get_mut(&endpoint)?.get_mut(&path)?;
        entry.info.state = ObservationState::Active;
        if node.is_some() {
            entry.info.node = node;
            entry.info.updated_at = Some(SystemTime::now());
        }
        Some((endpoint, path))
    }

    /// The device does not report any more; the observation stays wanted.
    pub(crate) fn stopped(&self, call: CallId, why: String) -> Option<(String, Path)> {
        let mut tables = self.lock();
        let (endpoint, path) = tables.by_call.remove(&call)?;
        let entry = tables.by_endpoint.get_mut(&endpoint)?.get_mut(&path)?;
        entry.info.state = ObservationState::Waiting(why);
        entry.call = None;
        Some((endpoint, path))
    }

    /// No observation of an endpoint is running any more; all stay wanted.
    pub(crate) fn reset(&self, endpoint: &str, why: &str) {
        let mut tables = self.lock();
        let Tables {
            by_endpoint,
            by_call,
        } = &mut *tables;
        for entry in by_endpoint
            .get_mut(endpoint)
            .into_iter()
            .flat_map(BTreeMap::values_mut)
        {
            entry.info.state = ObservationState::Waiting(why.to_owned());
            if let Some(call) = entry.call.take() {
                by_call.remove(&call);
            }
        }
    }

    /// What a call observes.
    pub(crate) fn find(&self, call: CallId) -> Option<(String, Path)> {
        self.lock().by_call.get(&call).cloned()
    }

    /// Whether a call runs for an observation.
    pub(crate) fn is_running(&self, endpoint: &str, path: &Path) -> bool {
        let tables = self.lock();
        let entry = tables
            .by_endpoint
            .get(endpoint)
            .and_then(|paths| paths.get(path));
        entry.is_some_and(|entry| entry.call.is_some())
    }

    /// Forgets an observation; gives the call that runs for it.
    pub(crate) fn remove(&self, endpoint: &str, path: &Path) -> Option<Option<CallId>> {
        let mut tables = self.lock();
        let paths = tables.by_endpoint.get_mut(endpoint)?;
        let entry = paths.remove(path)?;
        if paths.is_empty() {
            tables.by_endpoint.remove(endpoint);
        }
        if let Some(call) = entry.call {
            tables.by_call.remove(&call);
        }
        Some(entry.call)
    }

    /// What is observed of an endpoint, in the order of paths.
    pub(crate) fn of(&self, endpoint: &str) -> Vec<ObservationInfo> {
        let tables = self.lock();
        let paths = tables.by_endpoint.get(endpoint);
        paths
            .into_iter()
            .flat_map(BTreeMap::values)
            .map(|entry| entry.info.clone())
            .collect()
    }

    /// Observations in all.
    pub(crate) fn len(&self) -> usize {
        self.lock().by_endpoint.values().map(BTreeMap::len).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
