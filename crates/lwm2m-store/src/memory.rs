//! Records that live as long as the process.

use crate::{Batch, CommitError, Key, Record, Version, Write, record::Size};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use bytes::Bytes;
use core::{fmt, ops::Bound};

/// The rules of a [`Store`](crate::Store) as a plain map: no lock, no future, no `std`.
///
/// It is what [`MemoryStore`] locks, and what tests in virtual time and devices without threads use directly.
#[derive(Debug, Default)]
pub struct MemoryRecords {
    records: BTreeMap<Key, Stored>,
    due: BTreeSet<(u8, u64, Bytes)>,
    last: u64,
}

struct Stored {
    version: Version,
    due: Option<u64>,
    value: Bytes,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("version", &self.version)
            .field("due", &self.due)
            .field("value", &Size(self.value.len()))
            .finish()
    }
}

impl Stored {
    fn record(&self, key: &Key) -> Record {
        Record::new(key.clone(), self.version, self.due, self.value.clone())
    }
}

impl MemoryRecords {
    /// Begins without a record.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            records: BTreeMap::new(),
            due: BTreeSet::new(),
            last: 0,
        }
    }

    /// Reads one record.
    #[must_use]
    pub fn load(&self, key: &Key) -> Option<Record> {
        self.records.get(key).map(|stored| stored.record(key))
    }

    /// Applies a batch wholly or not at all; see [`Store::commit`](crate::Store::commit).
    ///
    /// # Errors
    /// [`CommitError::Conflict`] only.
    pub fn commit(&mut self, batch: Batch) -> Result<Version, CommitError> {
        let (expectations, writes) = batch.into_parts();
        for expected in expectations {
            if self.records.get(&expected.key).map(|stored| stored.version) != expected.version {
                return Err(CommitError::Conflict { key: expected.key });
            }
        }
        self.last = self.last.saturating_add(1);
        let version = Version::new(self.last);
        for write in writes {
            let old = match write {
                Write::Put { key, value, due } => {
                    let old_due = self.records.get(&key).and_then(|stored| stored.due);
                    if old_due != due {
                        self.forget_due(&key, old_due);
                        if let Some(due) = due {
                            self.due.insert((key.kind, due, key.key.clone()));
                        }
                    }
                    self.records.insert(
                        key,
                        Stored {
                            version,
                            due,
                            value,
                        },
                    );
                    continue;
                }
                Write::Delete { key } => self.records.remove_entry(&key),
            };
            if let Some((key, stored)) = old {
                self.forget_due(&key, stored.due);
            }
        }
        Ok(version)
    }

    /// Lists records of one kind by name; see [`Store::scan`](crate::Store::scan).
    #[must_use]
    pub fn scan(&self, kind: u8, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<Record> {
        let from = match after {
            Some(after) if after >= prefix => {
                Bound::Excluded(Key::new(kind, Bytes::copy_from_slice(after)))
            }
            _ => Bound::Included(Key::new(kind, Bytes::copy_from_slice(prefix))),
        };
        self.records
            .range((from, Bound::Unbounded))
            .take_while(|(key, _)| key.kind == kind && key.key.starts_with(prefix))
            .take(limit)
            .map(|(key, stored)| stored.record(key))
            .collect()
    }

    /// Lists records of one kind by the time at which they are due; see [`Store::due`](crate::Store::due).
    #[must_use]
    pub fn due(&self, kind: u8, until: u64, limit: usize) -> Vec<Record> {
        self.due
            .range((kind, 0, Bytes::new())..)
            .take_while(|(of, due, _)| *of == kind && *due <= until)
            .filter_map(|(kind, _, name)| self.load(&Key::new(*kind, name.clone())))
            .take(limit)
            .collect()
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True if there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    fn forget_due(&mut self, key: &Key, due: Option<u64>) {
        if let Some(due) = due {
            self.due.remove(&(key.kind, due, key.key.clone()));
        }
    }
}

/// A [`Store`](crate::Store) in memory: shared by cloning, gone with the process.
#[cfg(feature = "std")]
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(alloc::sync::Arc<std::sync::Mutex<MemoryRecords>>);

#[cfg(feature = "std")]
mod shared {
    use super::{Batch, CommitError, Key, MemoryRecords, MemoryStore, Record, Vec, Version};
    use crate::{Down, Store};
    use std::sync::MutexGuard;

    impl MemoryStore {
        /// Begins without a record.
        #[must_use]
        pub fn new() -> Self {
            Self::default()
        }

        /// How many records there are.
        #[must_use]
        pub fn len(&self) -> usize {
            self.lock().map_or(0, |records| records.len())
        }

        /// True if there is no record.
        #[must_use]
        pub fn is_empty(&self) -> bool {
            self.len() == 0
        }

        /// A thread that died in the middle of a commit leaves half a batch: such a store stays down.
        fn lock(&self) -> Result<MutexGuard<'_, MemoryRecords>, Down> {
            self.0.lock().map_err(|_| Down)
        }
    }

    impl Store for MemoryStore {
        async fn load(&self, key: &Key) -> Result<Option<Record>, Down> {
            Ok(self.lock()?.load(key))
        }

        async fn commit(&self, batch: Batch) -> Result<Version, CommitError> {
            self.lock()?.commit(batch)
        }

        async fn scan(
            &self,
            kind: u8,
            prefix: &[u8],
            after: Option<&[u8]>,
            limit: usize,
        ) -> Result<Vec<Record>, Down> {
            Ok(self.lock()?.scan(kind, prefix, after, limit))
        }

        async fn due(&self, kind: u8, until: u64, limit: usize) -> Result<Vec<Record>, Down> {
            Ok(self.lock()?.due(kind, until, limit))
        }
    }
}
