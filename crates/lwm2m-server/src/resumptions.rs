//! The sessions that devices may go on with, of all shards: a device with a new address may come to another shard.

use std::sync::{Mutex, MutexGuard, PoisonError};

use dtls_core::{PeerIdentity, Resumption, ResumptionCache, Resumptions};
use sansio::Instant;

#[derive(Debug)]
pub(crate) struct SharedResumptions(Mutex<ResumptionCache>);

impl SharedResumptions {
    pub(crate) fn new(config: &dtls_core::Config) -> Self {
        let cache = ResumptionCache::new(config.resumptions, config.resumption_lifetime);
        Self(Mutex::new(cache))
    }

    fn cache(&self) -> MutexGuard<'_, ResumptionCache> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resumptions for SharedResumptions {
    fn insert(&self, now: Instant, resumption: Resumption) {
        self.cache().insert(now, resumption);
    }

    fn get(&self, now: Instant, session_id: &[u8]) -> Option<Resumption> {
        self.cache().get(now, session_id).cloned()
    }

    fn forget_where(&self, ends: &dyn Fn(&PeerIdentity) -> bool) {
        self.cache().forget_where(ends);
    }
}
