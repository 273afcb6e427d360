//! How handshakes and sessions begin and end.

use core::hash::BuildHasher as _;

use sansio::{Instant, Peer};

use super::{Due, Endpoint, FATAL, Timer, own_cid, source};
use crate::cid::Cid;
use crate::handshake::Machine;
use crate::record::{self, ContentType};
use crate::session::Session;
use crate::slab::Entry;
use crate::{
    Alert, CloseReason, ConnectionIdPolicy, Event, Failure, FailureReason, IdentityKind, Path,
    PeerIdentity, Role,
};

impl Endpoint {
    /// An unused connection id of ours; empty where none is wanted or found.
    pub(super) fn fresh_cid(&mut self) -> Cid {
        let ConnectionIdPolicy::Receive { len, prefix } = self.config.connection_id.clone() else {
            return Cid::EMPTY;
        };
        let mut id = [0; crate::cid::MAX_CID];
        for _ in 0..CID_ATTEMPTS {
            self.rng.fill(&mut id);
            for (room, byte) in id.iter_mut().zip(&prefix) {
                *room = *byte;
            }
            let id = id.get(..usize::from(len)).unwrap_or_default();
            if self.find_cid(id).is_none() {
                return Cid::new(id).unwrap_or(Cid::EMPTY);
            }
        }
        Cid::EMPTY
    }

    pub(super) fn insert_machine(&mut self, mut machine: Machine) -> Option<u32> {
        let path = machine.path;
        let cid = machine.own_cid;
        machine.listed = self.listed.len();
        let peer = self.slab.insert(Entry::Handshake(machine.into()))?;
        let number = peer.slot();
        self.listed.push(number);
        *self.sources.entry(source(path)).or_default() += 1;
        let (slab, hasher) = (&self.slab, &self.hasher);
        self.handshakes
            .insert_unique(hasher.hash_one(path), number, |&number| {
                slab.machine(number)
                    .map_or(0, |machine| hasher.hash_one(machine.path))
            });
        if !cid.is_empty() {
            self.by_cid
                .insert_unique(hasher.hash_one(cid), number, |&number| {
                    own_cid(slab, number).map_or(0, |cid| hasher.hash_one(cid))
                });
        }
        Some(number)
    }

    /// Takes a handshake, which is out of its slot, off every list but that of connection ids.
    fn unlist(&mut self, number: u32, machine: &Machine) {
        if let Some(timer) = machine.timer {
            self.timers.cancel(timer);
        }
        if let Some(ticket) = machine.ticket {
            self.tickets.remove(&ticket);
        }
        self.buffered = self.buffered.saturating_sub(machine.incoming.held());
        let hash = self.hasher.hash_one(machine.path);
        if let Ok(entry) = self.handshakes.find_entry(hash, |&other| other == number) {
            entry.remove();
        }
        let key = source(machine.path);
        if let Some(count) = self.sources.get_mut(&key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.sources.remove(&key);
            }
        }
        if self.listed.get(machine.listed) == Some(&number) {
            self.listed.swap_remove(machine.listed);
            if let Some(&moved) = self.listed.get(machine.listed)
                && let Some(other) = self.slab.machine_mut(moved)
            {
                other.listed = machine.listed;
            }
        }
    }

    fn forget_cid(&mut self, number: u32, cid: Cid) {
        if !cid.is_empty()
            && let Ok(entry) = self
                .by_cid
                .find_entry(self.hasher.hash_one(cid), |&other| other == number)
        {
            entry.remove();
        }
    }

    /// Forgets a handshake that is out of its slot.
    pub(super) fn drop_machine(&mut self, number: u32, machine: &Machine) {
        self.unlist(number, machine);
        self.forget_cid(number, machine.own_cid);
        self.slab.remove(number);
    }

    /// Ends a handshake that failed: an alert to the peer, an event for the application.
    pub(super) fn fail(&mut self, number: u32, machine: &mut Machine, failure: Failure) {
        let peer = self.slab.peer(number);
        self.stats.failed += 1;
        let silent = matches!(
            failure.reason,
            FailureReason::PeerAlert(_)
                | FailureReason::TimedOut
                | FailureReason::Evicted
                | FailureReason::Cancelled
        );
        if !silent {
            let mut out = [0; ALERT_ROOM];
            let body = [FATAL, failure.alert.0];
            // A client that has changed its cipher says it under the new keys.
            let written = match (&machine.keys, machine.role) {
                (Some(keys), Role::Client) if machine.next_sealed > 0 => {
                    let seal = record::Seal {
                        epoch: 1,
                        sequence: machine.next_sealed,
                        content_type: ContentType::ALERT,
                        cid: machine.peer_cid.as_slice(),
                        iv: keys.fresh_iv(&mut self.rng),
                    };
                    keys.seal_into(&seal, &body, &mut out).ok()
                }
                _ => record::write_plain(ContentType::ALERT, machine.next_plain, &body, &mut out),
            };
            if let Some(written) = written {
                self.reply(machine.path, out.get(..written).unwrap_or_default());
            }
        }
        self.drop_machine(number, machine);
        self.events.push_back(Event::HandshakeFailed {
            peer,
            path: machine.path,
            role: machine.role,
            failure,
        });
    }

    /// A handshake is over: its slot holds a session from now on.
    pub(super) fn promote(&mut self, now: Instant, number: u32, machine: Machine) {
        self.unlist(number, &machine);
        let peer = self.slab.peer(number);
        let path = machine.path;
        let role = machine.role;
        let resumed = machine.resumed;
        let identity = machine
            .peer()
            .unwrap_or_else(|| PeerIdentity::new(IdentityKind::ANONYMOUS, &[]));
        #[cfg(feature = "key-log")]
        if self.config.key_log {
            self.events.push_back(Event::KeyLog {
                line: crate::key_log::line(&machine.client_random, &machine.master),
            });
        }
        if role == Role::Server && !resumed && !machine.session_id.as_slice().is_empty() {
            let resumption = machine.resumption(&identity);
            self.resumptions.insert(now, resumption);
        }
        let unused_cid = if machine.connection_ids {
            Cid::EMPTY
        } else {
            machine.own_cid
        };
        let suite = machine.suite;
        let Some(mut session) = Session::new(machine, identity.clone()) else {
            self.slab.remove(number);
            return;
        };
        self.forget_cid(number, unused_cid);
        let replaces = self
            .find_session(path)
            .and_then(|old| self.take_over(old, path, &identity));
        self.make_room_for_session();
        let connection_id = !session.own_cid.is_empty();
        let linger_at = now + self.config.linger;
        let lingers = match session.linger() {
            Some(linger) => {
                linger.timer = Some(self.timers.set(linger_at, Timer::Linger(peer)));
                true
            }
            None => false,
        };
        self.slab.set(number, Entry::Session(session));
        self.held += 1;
        self.list_session(number, path);
        self.watch_idle(now);
        if lingers {
            self.due.push_back(Due::LastFlight(peer));
        }
        self.stats.connected += 1;
        self.stats.resumed += u64::from(resumed);
        self.events.push_back(Event::Connected {
            peer,
            path,
            role,
            identity,
            suite,
            resumed,
            connection_id,
            replaces,
        });
    }

    /// Somebody new is at the address of a session. If it is the same party, the session is over. If it is another, and
    /// the session has a connection id, its party may only have moved: it is reached again when it is heard of.
    fn take_over(&mut self, old: u32, path: Path, by: &PeerIdentity) -> Option<Peer> {
        let moved = self
            .slab
            .session(old)
            .is_some_and(|session| !session.own_cid.is_empty() && session.identity != *by);
        if moved {
            self.unlist_session(old, path);
            return None;
        }
        let peer = self.slab.peer(old);
        self.remove_session(old);
        Some(peer)
    }

    /// Takes a session off every list.
    pub(super) fn remove_session(&mut self, number: u32) {
        let Some(session) = self.slab.session_mut(number) else {
            return;
        };
        let timer = session.linger().and_then(|linger| linger.timer);
        let (path, cid) = (session.path, session.own_cid);
        if let Some(timer) = timer {
            self.timers.cancel(timer);
        }
        self.unlist_session(number, path);
        self.forget_cid(number, cid);
        self.slab.remove(number);
        self.held = self.held.saturating_sub(1);
    }

    pub(super) fn list_session(&mut self, number: u32, path: Path) {
        let (slab, hasher) = (&self.slab, &self.hasher);
        self.sessions
            .insert_unique(hasher.hash_one(path), number, |&number| {
                slab.session(number)
                    .map_or(0, |session| hasher.hash_one(session.path))
            });
    }

    pub(super) fn unlist_session(&mut self, number: u32, path: Path) {
        let hash = self.hasher.hash_one(path);
        if let Ok(entry) = self.sessions.find_entry(hash, |&other| other == number) {
            entry.remove();
        }
    }

    /// A session's peer is at another address from now on. It has a connection id, so it need not be found by its
    /// address; a session that stood there and has none keeps its own.
    pub(super) fn move_session(&mut self, number: u32, to: Path) {
        let Some(from) = self.slab.session(number).map(|session| session.path) else {
            return;
        };
        self.unlist_session(number, from);
        if let Some(session) = self.slab.session_mut(number) {
            session.path = to;
        }
        self.claim_address(number, to);
        self.stats.moved += 1;
        let peer = self.slab.peer(number);
        self.events.push_back(Event::Moved { peer, from, to });
        self.challenge(number);
    }

    /// Lists a session that has a connection id under its address, unless one without stands there.
    pub(super) fn claim_address(&mut self, number: u32, path: Path) {
        match self.find_session(path) {
            Some(other) if !self.has_cid(other) => {}
            Some(other) => {
                self.unlist_session(other, path);
                self.list_session(number, path);
            }
            None => self.list_session(number, path),
        }
    }

    pub(super) fn has_cid(&self, number: u32) -> bool {
        self.slab
            .session(number)
            .is_some_and(|session| !session.own_cid.is_empty())
    }

    /// One handshake more than allowed takes the place of another: of some drawn by lot, the oldest of
    /// the source that has most, among those that had time for a round trip. So a flood from few addresses evicts itself,
    /// and one from many does not evict the devices that sit behind one address.
    pub(super) fn make_room_for_handshake(&mut self, now: Instant) {
        if self.listed.len() < self.config.handshakes.max(1) {
            return;
        }
        let mut victim: Option<(u32, Weight)> = None;
        let count = u32::try_from(self.listed.len()).unwrap_or(u32::MAX);
        for _ in 0..EVICTION_DRAWS {
            let at = usize::try_from(self.rng.below(count)).unwrap_or_default();
            let Some(&number) = self.listed.get(at) else {
                continue;
            };
            let Some(machine) = self.slab.machine(number) else {
                continue;
            };
            if machine.role == Role::Client {
                continue;
            }
            let crowd = self.sources.get(&source(machine.path)).copied();
            let had_time =
                now + self.config.handshake_timeout >= machine.deadline + self.config.first_wait;
            let weight = (
                had_time,
                crowd.unwrap_or_default(),
                core::cmp::Reverse(machine.deadline),
            );
            if victim.is_none_or(|(_, best)| weight > best) {
                victim = Some((number, weight));
            }
        }
        if let Some((number, _)) = victim
            && let Some(mut machine) = self.slab.take_machine(number)
        {
            self.stats.evicted += 1;
            let failure = Failure::new(Alert::USER_CANCELED, FailureReason::Evicted);
            self.fail(number, &mut machine, failure);
        }
    }

    /// One session more than allowed takes the place of one that was not heard of for a round of the search.
    fn make_room_for_session(&mut self) {
        if self.held < self.config.sessions.max(1) {
            return;
        }
        let capacity = self.slab.capacity().max(1);
        let mut fallback = None;
        for looked in 0..capacity {
            if looked >= SESSION_SEARCH && fallback.is_some() {
                break;
            }
            let number = self.hand % capacity;
            self.hand = (number + 1) % capacity;
            let Some(session) = self.slab.session_mut(number) else {
                continue;
            };
            fallback = Some(number);
            if !core::mem::take(&mut session.referenced) {
                break;
            }
        }
        if let Some(number) = fallback
            && let Some(session) = self.slab.session(number)
        {
            let path = session.path;
            let peer: Peer = self.slab.peer(number);
            self.remove_session(number);
            self.events.push_back(Event::Closed {
                peer,
                path,
                reason: CloseReason::Evicted,
            });
        }
    }
}

/// Which handshake gives way first: one that had time, of the largest crowd, the oldest.
type Weight = (bool, u32, core::cmp::Reverse<Instant>);

/// Room for a sealed alert.
const ALERT_ROOM: usize = record::HEADROOM + 2 + record::TAILROOM;
/// Tries for an id that is not in use.
const CID_ATTEMPTS: u32 = 32;
/// Handshakes looked at to find one that gives way.
const EVICTION_DRAWS: u32 = 16;
/// Slots looked at to find a silent session; more only where there was none at all.
const SESSION_SEARCH: u32 = 256;
