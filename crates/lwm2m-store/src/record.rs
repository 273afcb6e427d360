//! What a store keeps: keys, versions, records.

use bytes::Bytes;
use core::fmt;

/// Where a record stands: a kind of record and the name within that kind.
///
/// Keys order by kind, then bytewise by name; [`Store::scan`](crate::Store::scan) answers in that order.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Key {
    /// The kind of record. Each core owns its kinds and their encoding; a store reads neither.
    pub kind: u8,
    /// The name within the kind, mostly an endpoint name.
    pub key: Bytes,
}

impl Key {
    /// Names the record `key` of `kind`.
    pub fn new(kind: u8, key: impl Into<Bytes>) -> Self {
        Self {
            kind,
            key: key.into(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.key.escape_ascii())
    }
}

/// Which state of a record was seen: compared for equality on commit, never calculated with.
///
/// A later commit of the same key has a greater version, also when the record was deleted in between.
#[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Version(u64);

impl Version {
    /// The version that a store numbered `raw`.
    #[must_use]
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The number that the store gave.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One record as it was loaded. Its `Debug` tells the size of the value and not the value, which may be secret.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// Where it stands.
    pub key: Key,
    /// Which state of it this is.
    pub version: Version,
    /// When something is due for it (seconds since 1970, UTC), for [`Store::due`](crate::Store::due).
    pub due: Option<u64>,
    /// What it holds, in the encoding of the core that owns the kind.
    pub value: Bytes,
}

impl Record {
    /// Puts a record together: for implementations of [`Store`](crate::Store), and for tests.
    #[must_use]
    pub const fn new(key: Key, version: Version, due: Option<u64>, value: Bytes) -> Self {
        Self {
            key,
            version,
            due,
            value,
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("key", &self.key)
            .field("version", &self.version)
            .field("due", &self.due)
            .field("value", &Size(self.value.len()))
            .finish()
    }
}

/// What stands for a value in `Debug`: a store reads no value, so it cannot know which ones hold a secret.
pub(crate) struct Size(pub(crate) usize);

impl fmt::Debug for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes)", self.0)
    }
}
