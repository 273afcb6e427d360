//! The one interface of every store.

use crate::{Batch, CommitError, Down, Key, Record, Version};
use alloc::vec::Vec;
use core::future::Future;

/// Keeps versioned records; runtimes are generic over it.
///
/// Cores never see this trait: they emit an effect, the runtime calls the store and hands the result back.
/// Calls may run at the same time and may end in any order. The test suite (module `testsuite`, feature
/// `testsuite`) checks what is promised here.
pub trait Store: Send + Sync {
    /// Reads one record; `None` if there is none.
    ///
    /// # Errors
    /// [`Down`] if the store does not know at the moment. That is not the same as "no record": whoever
    /// decides about access must refuse.
    fn load(&self, key: &Key) -> impl Future<Output = Result<Option<Record>, Down>> + Send;

    /// Applies a batch wholly if every expectation holds, else not at all.
    ///
    /// Every record put by the batch then has the version that is returned: greater than any earlier version
    /// of these keys, also across a deletion. When the future has ended with `Ok`, a durable store will find
    /// the batch after a crash, and every later `load`, `scan` and `due` sees it.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if an expectation does not hold, [`CommitError::Down`] if the outcome is unknown.
    fn commit(&self, batch: Batch) -> impl Future<Output = Result<Version, CommitError>> + Send;

    /// Lists records of one kind whose names begin with `prefix`, in order of their names, beginning after the
    /// name `after`, at most `limit`. Fewer than `limit` means that there are no more. Go on with the last
    /// name as `after`: a record that stays put is listed exactly once, whatever is changed beside it.
    ///
    /// # Errors
    /// [`Down`] if the store cannot tell.
    fn scan(
        &self,
        kind: u8,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Record>, Down>> + Send;

    /// Lists records of one kind that are due at or before `until` (seconds since 1970, UTC), the earliest first,
    /// at most `limit`. Costs what it answers, not what the store holds.
    ///
    /// # Errors
    /// [`Down`] if the store cannot tell.
    fn due(
        &self,
        kind: u8,
        until: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Record>, Down>> + Send;
}

impl<S: Store + ?Sized> Store for &S {
    fn load(&self, key: &Key) -> impl Future<Output = Result<Option<Record>, Down>> + Send {
        (**self).load(key)
    }

    fn commit(&self, batch: Batch) -> impl Future<Output = Result<Version, CommitError>> + Send {
        (**self).commit(batch)
    }

    fn scan(
        &self,
        kind: u8,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Record>, Down>> + Send {
        (**self).scan(kind, prefix, after, limit)
    }

    fn due(
        &self,
        kind: u8,
        until: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Record>, Down>> + Send {
        (**self).due(kind, until, limit)
    }
}

impl<S: Store + ?Sized> Store for alloc::sync::Arc<S> {
    fn load(&self, key: &Key) -> impl Future<Output = Result<Option<Record>, Down>> + Send {
        (**self).load(key)
    }

    fn commit(&self, batch: Batch) -> impl Future<Output = Result<Version, CommitError>> + Send {
        (**self).commit(batch)
    }

    fn scan(
        &self,
        kind: u8,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Record>, Down>> + Send {
        (**self).scan(kind, prefix, after, limit)
    }

    fn due(
        &self,
        kind: u8,
        until: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Record>, Down>> + Send {
        (**self).due(kind, until, limit)
    }
}
