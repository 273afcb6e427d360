//! Bad stores made of good ones.

use super::yield_now;
use crate::{Batch, CommitError, Down, Key, Record, Store, Version, Write};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

/// What goes wrong with one call.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing; the call goes through at once.
    None,
    /// The call waits for this many polls, is done, and waits again for as many: calls overtake each other.
    Slow(u32),
    /// The call is not done and ends in [`Down`].
    Down,
    /// A commit is done and yet ends in [`Down`], as when the answer is lost; other calls end in `Down`.
    LostAnswer,
    /// A commit is not done and ends in `Conflict`; other calls go through.
    Conflict,
}

/// A store whose calls fail as a plan says: `plan(n)` for the n-th call, counted from 0.
#[derive(Debug)]
pub struct Faulty<S, P> {
    inner: S,
    plan: P,
    calls: AtomicU32,
}

impl<S: Store, P: Fn(u32) -> Fault + Send + Sync> Faulty<S, P> {
    /// Puts the plan in front of `inner`.
    pub const fn new(inner: S, plan: P) -> Self {
        Self {
            inner,
            plan,
            calls: AtomicU32::new(0),
        }
    }

    /// The store behind the faults.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    fn next(&self) -> Fault {
        (self.plan)(self.calls.fetch_add(1, Ordering::Relaxed))
    }

    async fn read<T>(&self, call: impl Future<Output = Result<T, Down>> + Send) -> Result<T, Down> {
        match self.next() {
            Fault::None | Fault::Conflict => call.await,
            Fault::Slow(polls) => {
                wait(polls).await;
                let result = call.await;
                wait(polls).await;
                result
            }
            Fault::Down | Fault::LostAnswer => Err(Down),
        }
    }
}

async fn wait(polls: u32) {
    for _ in 0..polls {
        yield_now().await;
    }
}

impl<S: Store, P: Fn(u32) -> Fault + Send + Sync> Store for Faulty<S, P> {
    async fn load(&self, key: &Key) -> Result<Option<Record>, Down> {
        self.read(self.inner.load(key)).await
    }

    async fn commit(&self, batch: Batch) -> Result<Version, CommitError> {
        match self.next() {
            Fault::None => self.inner.commit(batch).await,
            Fault::Slow(polls) => {
                wait(polls).await;
                let result = self.inner.commit(batch).await;
                wait(polls).await;
                result
            }
            Fault::Down => Err(CommitError::Down),
            Fault::LostAnswer => {
                let _lost = self.inner.commit(batch).await;
                Err(CommitError::Down)
            }
            Fault::Conflict => {
                let expected = batch.expectations().first().map(|expected| &expected.key);
                match expected.or_else(|| batch.writes().first().map(Write::key)) {
                    Some(key) => Err(CommitError::Conflict { key: key.clone() }),
                    None => self.inner.commit(batch).await,
                }
            }
        }
    }

    async fn scan(
        &self,
        kind: u8,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Record>, Down> {
        self.read(self.inner.scan(kind, prefix, after, limit)).await
    }

    async fn due(&self, kind: u8, until: u64, limit: usize) -> Result<Vec<Record>, Down> {
        self.read(self.inner.due(kind, until, limit)).await
    }
}

/// Asks again as long as the answer is [`Down`]: with it, [`basics`](super::basics) runs over a store that fails
/// before it does anything ([`Fault::Down`]).
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a wrapper and nothing else")]
pub struct Retrying<S>(pub S);

impl<S: Store> Store for Retrying<S> {
    async fn load(&self, key: &Key) -> Result<Option<Record>, Down> {
        loop {
            match self.0.load(key).await {
                Err(Down) => yield_now().await,
                done => return done,
            }
        }
    }

    async fn commit(&self, batch: Batch) -> Result<Version, CommitError> {
        loop {
            match self.0.commit(batch.clone()).await {
                Err(CommitError::Down) => yield_now().await,
                done => return done,
            }
        }
    }

    async fn scan(
        &self,
        kind: u8,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Record>, Down> {
        loop {
            match self.0.scan(kind, prefix, after, limit).await {
                Err(Down) => yield_now().await,
                done => return done,
            }
        }
    }

    async fn due(&self, kind: u8, until: u64, limit: usize) -> Result<Vec<Record>, Down> {
        loop {
            match self.0.due(kind, until, limit).await {
                Err(Down) => yield_now().await,
                done => return done,
            }
        }
    }
}
