//! Changes that may wait: renewals and expiries, committed many at a time.

use super::{Registry, Timer, job::Job, update::secret};
use crate::{EffectResult, Registration, partition::Secret, record};
use alloc::{collections::BTreeMap, vec::Vec};
use bytes::Bytes;
use lwm2m_store::{Batch, CommitError, Key, Version};
use sansio::Instant;

/// What is held back. An entry in `renewed` counts only if the registration is still marked.
#[derive(Default)]
pub(super) struct Flush {
    renewed: Vec<u32>,
    /// The record of an endpoint that came back and ended again has another version: the last one counts.
    ended: BTreeMap<Key, Version>,
    /// The timer runs.
    due: bool,
    /// Merged commits that the store has not answered.
    running: usize,
}

/// One part of a merged commit.
pub(super) enum Held {
    Renewed {
        endpoint: Bytes,
        secret: Secret,
        expected: Option<Version>,
    },
    Ended {
        key: Key,
        expected: Version,
    },
}

/// A renewal met another version than expected; the record is loaded to see whose it is.
pub(super) struct Recover {
    endpoint: Bytes,
    secret: Secret,
}

impl Flush {
    pub(super) fn len(&self) -> usize {
        self.renewed.len().saturating_add(self.ended.len())
    }

    /// Takes the record of an expired registration out of the store, if it is known which one.
    pub(super) fn delete(&mut self, key: Key, version: Option<Version>) {
        if let Some(version) = version {
            self.ended.insert(key, version);
        }
    }
}

impl Registry {
    pub(super) fn store_due(&self, registration: &Registration) -> Option<u64> {
        registration.due(self.config.grace.saturating_add(self.config.lazy_commit))
    }

    /// A registration was renewed, and the store shall know some time.
    pub(super) fn hold_back(&mut self, now: Instant, slot: u32) {
        if !self.config.keep {
            return;
        }
        if let Some(entry) = self.book.get_mut(slot)
            && !entry.dirty
        {
            entry.dirty = true;
            self.flush.renewed.push(slot);
            self.bound_renewed();
        }
        self.schedule_flush(now);
    }

    /// Registrations that were committed otherwise or left stand in the list in vain: drops them before they are more
    /// than those that count.
    fn bound_renewed(&mut self) {
        let bound = self.book.len().saturating_mul(2).saturating_add(SLACK);
        if self.flush.renewed.len() > bound {
            let book = &self.book;
            let counts = |slot: &u32| book.get(*slot).is_some_and(|entry| entry.dirty);
            self.flush.renewed.retain(counts);
            self.flush.renewed.sort_unstable();
            self.flush.renewed.dedup();
        }
    }

    pub(super) fn schedule_flush(&mut self, now: Instant) {
        if !self.flush.due && self.flush.len() > 0 {
            self.wheel.set(now + self.config.lazy_commit, Timer::Flush);
            self.flush.due = true;
        }
    }

    pub(super) fn flush_due(&mut self, now: Instant) {
        self.flush.due = false;
        if self.flush.running == 0 {
            self.flush_all();
        }
        self.schedule_flush(now);
    }

    pub(super) fn flush_all(&mut self) {
        let size = self.config.commit_batch.max(1);
        let (renewed, ended) = (
            core::mem::take(&mut self.flush.renewed),
            core::mem::take(&mut self.flush.ended),
        );
        let mut held = Vec::new();
        for slot in renewed {
            let Some(entry) = self.book.get_mut(slot).filter(|entry| entry.dirty) else {
                continue;
            };
            entry.dirty = false;
            // The registry shares the bytes with the store.
            entry.registration.touch_record();
            let endpoint = Bytes::copy_from_slice(entry.registration.endpoint_bytes());
            held.push(Held::Renewed {
                endpoint,
                secret: secret(&entry.registration),
                expected: entry.version,
            });
            if held.len() == size {
                self.commit_held(core::mem::take(&mut held));
            }
        }
        for (key, expected) in ended {
            held.push(Held::Ended { key, expected });
            if held.len() == size {
                self.commit_held(core::mem::take(&mut held));
            }
        }
        self.commit_held(held);
    }

    fn commit_held(&mut self, mut held: Vec<Held>) {
        let mut batch = Batch::new();
        held.retain(|part| match part {
            Held::Ended { key, expected } => {
                batch
                    .expect(key.clone(), Some(*expected))
                    .delete(key.clone());
                true
            }
            Held::Renewed {
                endpoint,
                secret,
                expected,
            } => {
                // What was committed or removed since then needs no renewal.
                let slot = self.book.find_secret(secret);
                let entry = slot.and_then(|slot| self.book.get(slot));
                let Some(entry) = entry.filter(|entry| entry.version == *expected) else {
                    return false;
                };
                let key = record::key(endpoint);
                batch.expect(key.clone(), *expected);
                batch.put(
                    key,
                    entry.registration.record().clone(),
                    self.store_due(&entry.registration),
                );
                true
            }
        });
        if !held.is_empty() {
            self.flush.running = self.flush.running.saturating_add(1);
            let _waits = self.commit(batch, Job::Flush(held));
        }
    }

    pub(super) fn flushed(&mut self, now: Instant, mut held: Vec<Held>, result: EffectResult) {
        self.flush.running = self.flush.running.saturating_sub(1);
        match result {
            EffectResult::Committed(Ok(version)) => {
                for part in held {
                    if let Held::Renewed {
                        secret, expected, ..
                    } = part
                        && let Some(slot) = self.book.find_secret(&secret)
                        && let Some(entry) = self.book.get_mut(slot)
                        && entry.version == expected
                    {
                        entry.version = Some(version);
                    }
                }
            }
            EffectResult::Committed(Err(CommitError::Conflict { key })) => {
                let before = held.len();
                let mut recover = None;
                held.retain(|part| match part {
                    Held::Ended { key: of, .. } => *of != key,
                    Held::Renewed {
                        endpoint, secret, ..
                    } => {
                        let other = record::key(endpoint) != key;
                        if !other {
                            recover = Some(Recover {
                                endpoint: endpoint.clone(),
                                secret: *secret,
                            });
                        }
                        other
                    }
                });
                if let Some(recover) = recover {
                    let _waits = self.load(key, Job::Recover(recover));
                }
                if held.len() < before {
                    self.commit_held(held);
                }
            }
            EffectResult::Committed(Err(CommitError::Down)) | EffectResult::Loaded(_) => {
                self.hold_back_again(now, held);
            }
        }
    }

    fn hold_back_again(&mut self, now: Instant, held: Vec<Held>) {
        // While the store is down nobody can register, so this is no more than there were.
        for part in held {
            match part {
                Held::Ended { key, expected } => {
                    self.flush.ended.entry(key).or_insert(expected);
                }
                Held::Renewed { secret, .. } => {
                    if let Some(slot) = self.book.find_secret(&secret) {
                        self.hold_back(now, slot);
                    }
                }
            }
        }
        self.schedule_flush(now);
    }

    pub(super) fn recovered(&mut self, now: Instant, recover: &Recover, result: EffectResult) {
        let EffectResult::Loaded(Ok(stored)) = result else {
            // Nobody knows what stands there: the next merged commit will ask again.
            if let Some(slot) = self.book.find_secret(&recover.secret) {
                self.hold_back(now, slot);
            }
            return;
        };
        // An operation that is running looks after the record itself.
        if self.busy.contains_key(&recover.endpoint)
            || self.book.find_secret(&recover.secret).is_none()
        {
            return;
        }
        if let Ok(version) = self.reconcile(&recover.endpoint, recover.secret, stored.as_ref())
            && let Some(slot) = self.book.find_secret(&recover.secret)
            && let Some(entry) = self.book.get_mut(slot)
        {
            entry.version = version;
            self.hold_back(now, slot);
        }
    }
}

const SLACK: usize = 64;
