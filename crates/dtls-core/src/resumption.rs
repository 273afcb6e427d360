//! Sessions that can go on later (RFC 5246 §7.3).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use hashbrown::HashMap;
use sansio::{Instant, Rng};
use zeroize::Zeroizing;

use crate::{CipherSuite, PeerIdentity};

/// A session id of up to 32 bytes.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) struct SessionId {
    len: u8,
    bytes: [u8; 32],
}

impl SessionId {
    pub(crate) const EMPTY: Self = Self {
        len: 0,
        bytes: [0; 32],
    };

    /// `None` for an empty id, which names nothing, and for one that is too long.
    pub(crate) fn new(id: &[u8]) -> Option<Self> {
        if id.is_empty() {
            return None;
        }
        let mut bytes = [0; 32];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self {
            len: u8::try_from(id.len()).ok()?,
            bytes,
        })
    }

    /// One that nobody can guess. Short, so that a fragmented hello of 64 bytes still shows its cookie.
    pub(crate) fn fresh(rng: &mut Rng) -> Self {
        let mut id = [0; 12];
        rng.fill(&mut id);
        Self::new(&id).unwrap_or(Self::EMPTY)
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// What a client needs to go on with a session later; holds a secret.
#[derive(Clone)]
pub struct Resumption {
    pub(crate) session_id: SessionId,
    pub(crate) suite: CipherSuite,
    pub(crate) extended_master_secret: bool,
    pub(crate) server_name: Option<Box<str>>,
    pub(crate) master: Zeroizing<[u8; 48]>,
    pub(crate) identity: PeerIdentity,
}

impl Resumption {
    /// The session's id, by which the server finds it.
    pub fn session_id(&self) -> &[u8] {
        self.session_id.as_slice()
    }

    /// Whose session it is.
    pub const fn identity(&self) -> &PeerIdentity {
        &self.identity
    }
}

impl fmt::Debug for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumption")
            .field("suite", &self.suite)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// Where servers keep the sessions that clients may go on with, if several endpoints share them: a client with another
/// address may come to another endpoint than before.
///
/// A [`ResumptionCache`] behind a lock is one. See [`Endpoint::share_resumptions`](crate::Endpoint::share_resumptions).
pub trait Resumptions: fmt::Debug + Send + Sync {
    /// Keeps a session.
    fn insert(&self, now: Instant, resumption: Resumption);
    /// The session with this id, if it may still go on.
    fn get(&self, now: Instant, session_id: &[u8]) -> Option<Resumption>;
    /// Forgets every session of an identity that `ends` says yes to.
    fn forget_where(&self, ends: &dyn Fn(&PeerIdentity) -> bool);
}

/// Sessions that may go on, so many for so long; the oldest goes when one more comes.
pub struct ResumptionCache {
    limit: usize,
    lifetime: Duration,
    entries: HashMap<SessionId, Entry>,
    order: VecDeque<SessionId>,
}

struct Entry {
    resumption: Resumption,
    expires: Instant,
}

impl ResumptionCache {
    /// A cache of at most `limit` sessions, each kept for `lifetime`.
    pub fn new(limit: usize, lifetime: Duration) -> Self {
        Self {
            limit,
            lifetime,
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The session with this id, if its time is not over.
    pub fn get(&self, now: Instant, session_id: &[u8]) -> Option<&Resumption> {
        let entry = self.entries.get(&SessionId::new(session_id)?)?;
        (now < entry.expires).then_some(&entry.resumption)
    }

    /// Keeps a session, in place of the oldest if need be.
    pub fn insert(&mut self, now: Instant, resumption: Resumption) {
        if self.limit == 0 {
            return;
        }
        // Entries that were forgotten leave their ids in the order, so that has a bound of its own.
        while self.entries.len() >= self.limit || self.order.len() >= self.limit.saturating_mul(2) {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.entries.remove(&oldest);
        }
        let id = resumption.session_id;
        let expires = now + self.lifetime;
        let entry = Entry {
            resumption,
            expires,
        };
        if self.entries.insert(id, entry).is_none() {
            self.order.push_back(id);
        }
    }

    /// Forgets every session of an identity that `ends` says yes to.
    pub fn forget_where(&mut self, ends: impl Fn(&PeerIdentity) -> bool) {
        self.entries
            .retain(|_, entry| !ends(&entry.resumption.identity));
    }
}

impl fmt::Debug for ResumptionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResumptionCache")
            .field("limit", &self.limit)
            .field("lifetime", &self.lifetime)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Where an endpoint keeps what its clients may go on with.
pub(crate) enum Remembered {
    Own(ResumptionCache),
    Shared(Arc<dyn Resumptions>),
}

impl Remembered {
    pub(crate) const fn is_off(&self) -> bool {
        matches!(self, Self::Own(ResumptionCache { limit: 0, .. }))
    }

    /// How many this endpoint keeps by itself.
    pub(crate) fn own_len(&self) -> usize {
        match self {
            Self::Own(cache) => cache.len(),
            Self::Shared(_) => 0,
        }
    }

    pub(crate) fn get(&self, now: Instant, session_id: &[u8]) -> Option<Resumption> {
        match self {
            Self::Own(cache) => cache.get(now, session_id).cloned(),
            Self::Shared(shared) => shared.get(now, session_id),
        }
    }

    pub(crate) fn insert(&mut self, now: Instant, resumption: Resumption) {
        match self {
            Self::Own(cache) => cache.insert(now, resumption),
            Self::Shared(shared) => shared.insert(now, resumption),
        }
    }

    pub(crate) fn forget_where(&mut self, ends: &dyn Fn(&PeerIdentity) -> bool) {
        match self {
            Self::Own(cache) => cache.forget_where(ends),
            Self::Shared(shared) => shared.forget_where(ends),
        }
    }
}
