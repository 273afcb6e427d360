//! One partition of the registry as a machine.

mod flush;
mod job;
mod leave;
mod register;
mod update;

use crate::{
    Config, Done, Effect, EffectResult, Event, Op, Outcome, Reason, Refused, Registration, Removal,
    book::{Book, Entry},
    clock::Clock,
    desired::{Desired, ObserveError, Observed},
    index::Keys,
    partition,
    record::{self, DecodeError},
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    string::String,
    vec::Vec,
};
use bytes::Bytes;
use core::{fmt, net::SocketAddr, time::Duration};
use flush::Flush;
use job::Job;
use lwm2m_identity::{Identity, Interface};
use lwm2m_model::Path;
use lwm2m_ops::RegistrationId;
use lwm2m_store::{Batch, Key, Record};
use sansio::{Instant, Rng, Ticket, TimerWheel};

/// One partition of the registry: who is registered, until when and where.
///
/// Operations go in by [`handle`](Self::handle); each comes out as exactly one [`Outcome`], at once or after the store
/// answered an [`Effect`]. Operations of one endpoint take effect in the order in which they were handed in. After each
/// `handle_*` call drain [`poll_outcome`](Self::poll_outcome) first, then effects and events, and be back at
/// [`poll_timeout`](Self::poll_timeout).
///
/// # Specification
/// LwM2M 1.0, 1.1 and 1.2 core, client registration interface (server side).
pub struct Registry {
    config: Config,
    partition: u16,
    rng: Rng,
    clock: Clock,
    book: Book,
    wheel: TimerWheel<Timer>,
    /// By the number of the effect that is waited for.
    jobs: BTreeMap<u64, Job>,
    last_effect: u64,
    /// Endpoints with an operation that waits for the store, and the operations that wait for that one.
    busy: BTreeMap<Bytes, VecDeque<(Ticket, Op)>>,
    /// Operations in `busy` that wait for another one.
    waiting: usize,
    /// Registers of new endpoints that wait for the store: they will need room.
    reserved: usize,
    flush: Flush,
    outcomes: VecDeque<Outcome>,
    effects: VecDeque<Effect>,
    events: VecDeque<Event>,
    desired: Desired,
    timers_fired: u64,
}

#[derive(Clone, Copy, Debug)]
enum Timer {
    /// The lifetime of the registration in this slot ends.
    Expiry(u32),
    /// What was held back is to be committed.
    Flush,
}

/// Whether an operation is over or waits for the store.
#[derive(Clone, Copy, Eq, PartialEq)]
#[must_use]
enum Progress {
    Over,
    Waits,
}

/// Where a listing stopped; see [`Registry::iter`].
#[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Position(u32);

impl Position {
    /// The position that [`as_u32`](Self::as_u32) gave.
    #[must_use]
    pub const fn new(raw: u32) -> Self {
        Self(raw)
    }

    /// The position as a number, for a token in an API.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0
    }
}

/// How full the tables of a partition are.
#[derive(Clone, Copy, Eq, PartialEq, Default, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Registrations.
    pub registrations: usize,
    /// Bytes of these, as counted against [`Config::max_total_bytes`].
    pub bytes: usize,
    /// Registration ids that are known.
    pub ids: usize,
    /// Distinct addresses.
    pub addresses: usize,
    /// Distinct proven identities.
    pub identities: usize,
    /// Timers that run.
    pub timers: usize,
    /// Effects whose result is awaited.
    pub effects: usize,
    /// Operations that wait for an earlier one of the same endpoint.
    pub waiting: usize,
    /// Changes that are held back to be committed with others.
    pub held_back: usize,
    /// Endpoints with desired observations.
    pub observed_endpoints: usize,
    /// Timers that fired since the start: what expiry has cost.
    pub timers_fired: u64,
}

impl Registry {
    /// An empty partition of this number.
    ///
    /// `seed` must be unpredictable: registration ids are drawn from it.
    #[must_use]
    pub fn new(config: Config, partition: u16, mut seed: [u8; 32], now: Instant) -> Self {
        // Partitions that were given the same seed must not draw the same ids.
        for (place, byte) in seed.iter_mut().zip(partition.to_be_bytes()) {
            *place ^= byte;
        }
        let mut rng = Rng::from_seed(seed);
        let keys = Keys(rng.next_u64(), rng.next_u64());
        Self {
            config,
            partition,
            rng,
            clock: Clock::new(now, 0),
            book: Book::new(keys),
            wheel: TimerWheel::new(now),
            jobs: BTreeMap::new(),
            last_effect: 0,
            busy: BTreeMap::new(),
            waiting: 0,
            reserved: 0,
            flush: Flush::default(),
            outcomes: VecDeque::new(),
            effects: VecDeque::new(),
            events: VecDeque::new(),
            desired: Desired::default(),
            timers_fired: 0,
        }
    }

    /// The number of this partition.
    #[must_use]
    pub const fn partition(&self) -> u16 {
        self.partition
    }

    /// Tells the time since 1970 (UTC), for the times in records and look-ups; before the first call it is taken as 0.
    ///
    /// Call it before [`restore`](Self::restore), and again when the wall clock was set. No lifetime depends on it.
    pub fn set_clock(&mut self, now: Instant, unix: Duration) {
        self.clock = Clock::new(now, u64::try_from(unix.as_millis()).unwrap_or(u64::MAX));
    }

    /// Takes over a registration from the store, as it was before a restart.
    ///
    /// One whose lifetime has passed ends, with an event, at the next [`handle_timeout`](Self::handle_timeout).
    /// Records beyond the limits of the configuration are taken too: a live registration is never evicted. A record of
    /// an endpoint that is registered already is ignored. There is no event.
    ///
    /// # Errors
    /// [`DecodeError`] for bytes that are no registration; leave such a record out.
    pub fn restore(&mut self, now: Instant, record: Record) -> Result<(), DecodeError> {
        let registration = Registration::decode(record.value)?;
        let known = self
            .book
            .find_endpoint(registration.endpoint_bytes())
            .is_some()
            || self.book.find_secret(registration.secret_bytes()).is_some();
        if known || record.key != record::key(registration.endpoint_bytes()) {
            return Ok(());
        }
        // What the store says may lag behind by as long as an Update is held back.
        let slack = self.config.grace.saturating_add(self.config.lazy_commit);
        let (expires, lifetime) = (registration.expires_at(), registration.lifetime());
        let entry = Entry {
            registration,
            timer: None,
            version: Some(record.version),
            dirty: false,
            overdue: false,
        };
        let Some(slot) = self.book.insert(entry) else {
            return Ok(());
        };
        if let Some(expires) = expires {
            let slack_ms = u64::try_from(slack.as_millis()).unwrap_or(u64::MAX);
            let deadline = self.clock.instant(now, expires.saturating_add(slack_ms));
            // A record from the future, written while the clock was wrong, lives no longer than a new one.
            let longest = lifetime
                .duration()
                .unwrap_or_default()
                .saturating_add(slack);
            let deadline = deadline.min(now + longest);
            let timer = self.wheel.set(deadline, Timer::Expiry(slot));
            if let Some(entry) = self.book.get_mut(slot) {
                entry.timer = Some(timer);
            }
        }
        Ok(())
    }

    /// Begins an operation. Its [`Outcome`] carries `ticket`, which means nothing here.
    pub fn handle(&mut self, now: Instant, ticket: Ticket, op: Op) {
        let busy = match self.subject(&op) {
            Ok(endpoint) => self
                .busy
                .contains_key(endpoint)
                .then(|| Bytes::copy_from_slice(endpoint)),
            Err(reason) => return self.refuse(ticket, &op, None, reason),
        };
        let Some(endpoint) = busy else {
            let (Progress::Over | Progress::Waits) = self.begin(now, ticket, op);
            return;
        };
        match self.busy.get_mut(&endpoint) {
            Some(queue)
                if matches!(op, Op::Revoke { .. })
                    || queue.len() < self.config.max_waiting
                        && self.waiting < self.config.max_pending =>
            {
                queue.push_back((ticket, op));
                self.waiting = self.waiting.saturating_add(1);
            }
            _ => self.refuse(ticket, &op, Some(&endpoint), Reason::Busy),
        }
    }

    /// Takes the result of an effect. A result of the wrong kind counts as a store that is down; a ticket that is not
    /// awaited is ignored.
    pub fn handle_effect(&mut self, now: Instant, ticket: Ticket, result: EffectResult) {
        let Some(job) = self.jobs.remove(&ticket.get()) else {
            return;
        };
        let endpoint = job.endpoint().cloned();
        let progress = match job {
            Job::Register(job) => self.register_goes_on(now, job, result),
            Job::Update(job) => self.update_goes_on(now, job, result),
            Job::Leave(job) => self.leave_goes_on(job, result),
            Job::Erase(job) => self.erase_goes_on(now, job, result),
            Job::Flush(held) => {
                self.flushed(now, held, result);
                return;
            }
            Job::Recover(recover) => {
                self.recovered(now, &recover, result);
                return;
            }
        };
        if let (Progress::Over, Some(endpoint)) = (progress, endpoint) {
            self.release(now, &endpoint);
        }
    }

    /// Ends registrations whose lifetime has passed, at most [`Config::expiry_batch`] of them, and commits what was
    /// held back. Early or repeated calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        for _ in 0..self.config.expiry_batch.max(1) {
            let Some(timer) = self.wheel.pop(now) else {
                break;
            };
            self.timers_fired = self.timers_fired.saturating_add(1);
            match timer {
                Timer::Expiry(slot) => self.expired(now, slot),
                Timer::Flush => self.flush_due(now),
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` if no timer runs.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wheel.next_deadline()
    }

    /// The next operation that is over.
    pub fn poll_outcome(&mut self) -> Option<Outcome> {
        self.outcomes.pop_front()
    }

    /// The next thing to ask of the store.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Commits at once what is held back, for an orderly end. The effects come out of
    /// [`poll_effect`](Self::poll_effect).
    pub fn commit_held_back(&mut self) {
        self.flush_all();
    }

    /// The registration of an endpoint.
    #[must_use]
    pub fn by_endpoint(&self, endpoint: &str) -> Option<&Registration> {
        self.registration(self.book.find_endpoint(endpoint.as_bytes()))
    }

    /// The registration with this id.
    #[must_use]
    pub fn by_id(&self, id: &RegistrationId) -> Option<&Registration> {
        self.registration(self.slot_of(id))
    }

    /// The newest registration at this address.
    #[must_use]
    pub fn by_address(&self, address: SocketAddr) -> Option<&Registration> {
        self.at_address(address).next()
    }

    /// Every registration at this address, the newest first.
    pub fn at_address(&self, address: SocketAddr) -> impl Iterator<Item = &Registration> {
        let newest = self.book.find_address(&record::encode_address(address));
        core::iter::successors(newest, |slot| self.book.older_at_address(*slot))
            .filter_map(|slot| self.registration(Some(slot)))
    }

    /// The newest registration of this identity; none for NoSec, which is nobody.
    #[must_use]
    pub fn by_identity(&self, identity: &Identity) -> Option<&Registration> {
        self.of_identity(identity).next()
    }

    /// Every registration of this identity, the newest first; none for NoSec.
    pub fn of_identity(&self, identity: &Identity) -> impl Iterator<Item = &Registration> {
        let bytes = record::encode_identity(identity).filter(|bytes| !bytes.is_empty());
        let newest = bytes.and_then(|bytes| self.book.find_identity(&bytes));
        core::iter::successors(newest, |slot| self.book.older_of_identity(*slot))
            .filter_map(|slot| self.registration(Some(slot)))
    }

    /// Lists at most `limit` registrations behind a position, in an order that means nothing. A registration that stays
    /// is listed exactly once, whatever comes and goes meanwhile.
    pub fn iter(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> impl Iterator<Item = (Position, &Registration)> {
        let from = after.map_or(0, |Position(slot)| slot.saturating_add(1));
        self.book
            .iter(from)
            .take(limit)
            .map(|(slot, registration)| (Position(slot), registration))
    }

    /// How many registrations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.book.len()
    }

    /// True if nobody is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How full the tables are.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (ids, addresses, identities) = self.book.keys();
        Stats {
            registrations: self.book.len(),
            bytes: self.book.bytes(),
            ids,
            addresses,
            identities,
            timers: self.wheel.len(),
            effects: self.jobs.len(),
            waiting: self.waiting,
            held_back: self.flush.len(),
            observed_endpoints: self.desired.endpoints(),
            timers_fired: self.timers_fired,
        }
    }

    /// Wishes that a path of an endpoint be observed, from now on and after every registration, until
    /// [`unobserve`](Self::unobserve). The device need not be registered. The wish alone sends nothing.
    ///
    /// # Errors
    /// [`ObserveError`] for the root and beyond the limits.
    pub fn observe(&mut self, endpoint: &str, path: Path) -> Result<Observed, ObserveError> {
        let (paths, endpoints) = (
            self.config.max_observations,
            self.config.max_observed_endpoints,
        );
        self.desired.add(endpoint, path, paths, endpoints)
    }

    /// Takes a wish back; `false` if there was none.
    pub fn unobserve(&mut self, endpoint: &str, path: &Path) -> bool {
        self.desired.remove(endpoint, path)
    }

    /// Takes every wish for an endpoint back and returns them.
    pub fn unobserve_all(&mut self, endpoint: &str) -> Vec<Path> {
        self.desired.forget(endpoint)
    }

    /// What is wished to be observed of an endpoint, in ascending order.
    #[must_use]
    pub fn desired(&self, endpoint: &str) -> &[Path] {
        self.desired.of(endpoint)
    }

    fn registration(&self, slot: Option<u32>) -> Option<&Registration> {
        Some(&self.book.get(slot?)?.registration)
    }

    fn slot_of(&self, id: &RegistrationId) -> Option<u32> {
        let (tag, secret) = partition::parse(id)?;
        let slot = self.book.find_secret(&secret)?;
        let endpoint = self.book.get(slot)?.registration.endpoint_bytes();
        (partition::tag(endpoint) == tag).then_some(slot)
    }

    /// The endpoint that an operation is about.
    fn subject<'a>(&'a self, op: &'a Op) -> Result<&'a [u8], Reason> {
        use lwm2m_identity::Reason::{EndpointInvalid, EndpointMissing, UnknownRegistration};
        let location = match op {
            Op::Register { caller, register } => {
                let endpoint = register
                    .endpoint
                    .as_deref()
                    .or_else(|| caller.identity.endpoint());
                let endpoint = endpoint.ok_or(EndpointMissing)?;
                lwm2m_identity::check_endpoint(endpoint).map_err(|_| EndpointInvalid)?;
                return Ok(endpoint.as_bytes());
            }
            Op::Remove { endpoint } => {
                let endpoint = endpoint.as_bytes();
                // Busy: it may be about to register.
                let known =
                    self.book.find_endpoint(endpoint).is_some() || self.busy.contains_key(endpoint);
                return known.then_some(endpoint).ok_or(UnknownRegistration.into());
            }
            // Without a registration there is nothing to do, which is no failure.
            Op::Revoke { closure } => return Ok(closure.endpoint.as_bytes()),
            Op::Update { update, .. } => &update.location,
            Op::Deregister { deregister, .. } => &deregister.location,
        };
        let slot = location.id().and_then(|id| self.slot_of(&id));
        let registration = self.registration(slot).ok_or(UnknownRegistration)?;
        Ok(registration.endpoint_bytes())
    }

    fn begin(&mut self, now: Instant, ticket: Ticket, op: Op) -> Progress {
        match op {
            Op::Register { caller, register } => self.register(ticket, caller, register),
            Op::Update { caller, update } => self.update(now, ticket, &caller, update),
            Op::Deregister { caller, deregister } => self.deregister(ticket, &caller, &deregister),
            Op::Remove { endpoint } => self.remove(ticket, endpoint),
            Op::Revoke { closure } => self.revoke(ticket, &closure),
        }
    }

    /// The operation that `endpoint` was busy with is over: the next ones may begin.
    fn release(&mut self, now: Instant, endpoint: &Bytes) {
        while let Some((ticket, op)) = self.busy.get_mut(endpoint).and_then(VecDeque::pop_front) {
            self.waiting = self.waiting.saturating_sub(1);
            let progress = match self.subject(&op) {
                Ok(_) => self.begin(now, ticket, op),
                Err(reason) => {
                    self.refuse(ticket, &op, Some(endpoint), reason);
                    Progress::Over
                }
            };
            if progress == Progress::Waits {
                return;
            }
        }
        self.busy.remove(endpoint);
        if let Some(slot) = self.book.find_endpoint(endpoint)
            && self.book.get(slot).is_some_and(|entry| entry.overdue)
        {
            self.expired(now, slot);
        }
    }

    fn expired(&mut self, now: Instant, slot: u32) {
        let Some(entry) = self.book.get_mut(slot) else {
            return;
        };
        entry.timer = None;
        // An operation that came in time may still renew it.
        entry.overdue = self.busy.contains_key(entry.registration.endpoint_bytes());
        if !entry.overdue {
            self.drop_registration(slot, Removal::Expired);
            self.schedule_flush(now);
        }
    }

    /// Takes a registration out of the book, and out of the store unless the caller saw to that.
    fn drop_registration(&mut self, slot: u32, reason: Removal) {
        let Some(entry) = self.book.remove(slot) else {
            return;
        };
        if let Some(timer) = entry.timer {
            self.wheel.cancel(timer);
        }
        if reason == Removal::Expired && self.config.keep {
            self.flush.delete(
                record::key(entry.registration.endpoint_bytes()),
                entry.version,
            );
        }
        self.events.push_back(Event::Removed {
            registration: entry.registration,
            reason,
        });
    }

    /// Sets the timer of a registration that was renewed at `now`.
    fn renew_timer(&mut self, now: Instant, slot: u32) {
        let grace = self.config.grace;
        let Some(entry) = self.book.get_mut(slot) else {
            return;
        };
        entry.overdue = false;
        match (entry.registration.lifetime().duration(), entry.timer) {
            (Some(lifetime), Some(timer)) => {
                self.wheel
                    .reset(timer, now + lifetime.saturating_add(grace));
            }
            (Some(lifetime), None) => {
                let deadline = now + lifetime.saturating_add(grace);
                entry.timer = Some(self.wheel.set(deadline, Timer::Expiry(slot)));
            }
            (None, timer) => {
                entry.timer = None;
                if let Some(timer) = timer {
                    self.wheel.cancel(timer);
                }
            }
        }
    }

    fn load(&mut self, key: Key, job: Job) -> Progress {
        let ticket = self.wait_for(job);
        self.effects.push_back(Effect::Load { ticket, key });
        Progress::Waits
    }

    fn commit(&mut self, batch: Batch, job: Job) -> Progress {
        let ticket = self.wait_for(job);
        self.effects.push_back(Effect::Commit { ticket, batch });
        Progress::Waits
    }

    fn wait_for(&mut self, job: Job) -> Ticket {
        if let Some(endpoint) = job.endpoint()
            && !self.busy.contains_key(endpoint)
        {
            self.busy.insert(endpoint.clone(), VecDeque::new());
        }
        self.last_effect = self.last_effect.wrapping_add(1);
        self.jobs.insert(self.last_effect, job);
        Ticket::new(self.last_effect)
    }

    fn too_busy(&self) -> bool {
        self.jobs.len() >= self.config.max_pending
    }

    fn done(&mut self, ticket: Ticket, done: Done) {
        self.outcomes.push_back(Outcome {
            ticket,
            result: Ok(done),
        });
    }

    fn refuse(&mut self, ticket: Ticket, op: &Op, endpoint: Option<&[u8]>, reason: Reason) {
        let claimed = match op {
            Op::Register { caller, register } => register
                .endpoint
                .as_deref()
                .or_else(|| caller.identity.endpoint())
                .map(String::from),
            Op::Remove { endpoint } => Some(endpoint.clone()),
            Op::Revoke { closure } => Some(closure.endpoint.clone()),
            Op::Update { .. } | Op::Deregister { .. } => None,
        };
        let endpoint =
            claimed.or_else(|| endpoint.map(|name| String::from_utf8_lossy(name).into_owned()));
        self.refused(
            ticket,
            op.interface(),
            endpoint,
            reason,
            op.caller().map(|caller| caller.address),
        );
    }

    fn refused(
        &mut self,
        ticket: Ticket,
        interface: Interface,
        endpoint: Option<String>,
        reason: Reason,
        address: Option<SocketAddr>,
    ) {
        let refused = Refused::new(reason, interface, self.config.retry_after);
        self.outcomes.push_back(Outcome {
            ticket,
            result: Err(refused),
        });
        self.events.push_back(Event::Refused {
            interface,
            endpoint,
            reason,
            address,
        });
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("partition", &self.partition)
            .field("config", &self.config)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
