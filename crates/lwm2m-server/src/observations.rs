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
    /// The last value, if one came and was not too large to be kept.
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
#[derive(Debug)]
pub(crate) struct Observations {
    tables: Mutex<Tables>,
    max_memory: usize,
}

#[derive(Debug, Default)]
struct Tables {
    /// What the last values take.
    memory: usize,
    by_endpoint: HashMap<String, BTreeMap<Path, Entry>>,
    by_call: HashMap<CallId, (String, Path)>,
}

#[derive(Debug)]
struct Entry {
    info: ObservationInfo,
    call: Option<CallId>,
}

impl Entry {
    fn memory(&self) -> usize {
        self.info.node.as_ref().map_or(0, Node::memory)
    }
}

impl Observations {
    /// None yet; their last values may take so many bytes of memory.
    pub(crate) fn new(max_memory: usize) -> Self {
        Self {
            tables: Mutex::default(),
            max_memory,
        }
    }

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
        let Tables {
            memory,
            by_endpoint,
            by_call,
        } = &mut *tables;
        let (endpoint, path) = by_call.get(&call)?.clone();
        let entry = by_endpoint.get_mut(&endpoint)?.get_mut(&path)?;
        entry.info.state = ObservationState::Active;
        if let Some(node) = node {
            let others = memory.saturating_sub(entry.memory());
            let fits = others.saturating_add(node.memory()) <= self.max_memory;
            entry.info.node = fits.then_some(node);
            entry.info.updated_at = Some(SystemTime::now());
            *memory = others.saturating_add(entry.memory());
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
            ..
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
        tables.memory = tables.memory.saturating_sub(entry.memory());
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

#[cfg(test)]
mod tests {
    use lwm2m_model::{Resource, Value, path};

    use super::*;

    fn text(len: usize) -> Option<Node> {
        let value = Value::Opaque(vec![0; len].into());
        Some(Node::Resource(Resource::single(0, value)))
    }

    #[test]
    fn values_beyond_the_limit_are_not_kept() {
        let observations = Observations::new(1000);
        let [a, b] = [CallId::new(1), CallId::new(2)];
        observations.start("one", path!(3, 0, 0), a);
        observations.start("two", path!(3, 0, 0), b);
        let kept = |endpoint: &str| observations.of(endpoint)[0].node.is_some();
        observations.value(a, text(600));
        observations.value(b, text(600));
        assert!(kept("one") && !kept("two"));
        assert!(observations.of("two")[0].updated_at.is_some());
        // A smaller one makes room, and so does an end.
        observations.value(a, text(300));
        observations.value(b, text(600));
        assert!(kept("one") && kept("two"));
        observations.remove("two", &path!(3, 0, 0));
        observations.value(a, text(1000));
        assert!(kept("one"));
        observations.value(a, text(1001));
        assert!(!kept("one"));
        assert_eq!(observations.lock().memory, 0);
    }
}
