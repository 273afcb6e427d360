//! What is committed at once.

use crate::{Key, Version, record::Size};
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// Expectations and writes that a store takes wholly or not at all.
///
/// Writes may touch records of several kinds. They are applied in the order in which they were added,
/// so the last one of a key wins.
///
/// ```
/// use lwm2m_store::{Batch, Key};
///
/// let lamp = Key::new(1, "lamp");
/// let mut batch = Batch::new();
/// batch.expect(lamp.clone(), None).put(lamp, "on", Some(1_800_000_000));
/// assert_eq!(batch.writes().len(), 1);
/// ```
#[derive(Clone, Eq, PartialEq, Default, Debug)]
pub struct Batch {
    expectations: Vec<Expectation>,
    writes: Vec<Write>,
}

/// What must be so at the time of the commit.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct Expectation {
    /// The record that is looked at.
    pub key: Key,
    /// The version that it must have; `None`: there must be no such record.
    pub version: Option<Version>,
}

/// One change of a [`Batch`]. Its `Debug` tells the size of a value and not the value, which may be secret.
#[derive(Clone, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a store must handle every write, and there are two"
)]
pub enum Write {
    /// Creates or replaces a record.
    Put {
        /// Where it will stand.
        key: Key,
        /// What it will hold.
        value: Bytes,
        /// When something is due for it, seconds since 1970, UTC.
        due: Option<u64>,
    },
    /// Removes a record; nothing happens if there is none.
    Delete {
        /// Where it stands.
        key: Key,
    },
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { key, value, due } => f
                .debug_struct("Put")
                .field("key", key)
                .field("value", &Size(value.len()))
                .field("due", due)
                .finish(),
            Self::Delete { key } => f.debug_struct("Delete").field("key", key).finish(),
        }
    }
}

impl Write {
    /// The record that this write changes.
    #[must_use]
    pub const fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }
}

impl Batch {
    /// A batch that does nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            expectations: Vec::new(),
            writes: Vec::new(),
        }
    }

    /// Makes the commit depend on the version of `key`; `None` means that it must not exist.
    pub fn expect(&mut self, key: Key, version: Option<Version>) -> &mut Self {
        self.expectations.push(Expectation { key, version });
        self
    }

    /// Creates or replaces the record `key`; `due` is in seconds since 1970, UTC.
    pub fn put(&mut self, key: Key, value: impl Into<Bytes>, due: Option<u64>) -> &mut Self {
        self.writes.push(Write::Put {
            key,
            value: value.into(),
            due,
        });
        self
    }

    /// Removes the record `key`, if there is one.
    pub fn delete(&mut self, key: Key) -> &mut Self {
        self.writes.push(Write::Delete { key });
        self
    }

    /// What must be so for the commit to happen.
    #[must_use]
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }

    /// What the commit changes, in this order.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The same for a store that wants to own the keys and values.
    #[must_use]
    pub fn into_parts(self) -> (Vec<Expectation>, Vec<Write>) {
        (self.expectations, self.writes)
    }

    /// True if the commit would neither check nor change anything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.expectations.is_empty() && self.writes.is_empty()
    }
}
