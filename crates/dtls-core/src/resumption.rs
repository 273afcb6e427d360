//! Sessions that can go on later (RFC 5246 §7.3).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::fmt;

use hashbrown::HashMap;
use sansio::{Instant, Rng};
use zeroize::Zeroizing;

use crate::{CipherSuite, Config, PeerIdentity};

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

impl fmt::Debug for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumption")
            .field("suite", &self.suite)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// What a server remembers; the oldest goes when it is full.
pub(crate) struct Cache {
    entries: HashMap<SessionId, Entry>,
    order: VecDeque<SessionId>,
}

pub(crate) struct Entry {
    resumption: Resumption,
    expires: Instant,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, id: &SessionId, now: Instant) -> Option<&Resumption> {
        let entry = self.entries.get(id)?;
        (now < entry.expires).then_some(&entry.resumption)
    }

    pub(crate) fn insert(&mut self, config: &Config, now: Instant, resumption: Resumption) {
        if config.resumptions == 0 {
            return;
        }
        // Entries that were forgotten leave their ids in the order, so that has a bound of its own.
        while self.entries.len() >= config.resumptions
            || self.order.len() >= config.resumptions.saturating_mul(2)
        {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.entries.remove(&oldest);
        }
        let id = resumption.session_id;
        let expires = now + config.resumption_lifetime;
        let entry = Entry {
            resumption,
            expires,
        };
        if self.entries.insert(id, entry).is_none() {
            self.order.push_back(id);
        }
    }

    /// Forgets every session of an identity that `is` says yes to.
    pub(crate) fn forget_where(&mut self, is: impl Fn(&PeerIdentity) -> bool) {
        self.entries
            .retain(|_, entry| !is(&entry.resumption.identity));
    }
}
