//! Update.

use super::{
    Progress, Registry,
    job::{Job, Tries, UpdateJob},
    register::links,
};
use crate::{
    Diff, Done, EffectResult, Event, Reason, Registration, Removal,
    op::Caller,
    partition::Secret,
    record::{self, Facts},
};
use alloc::{borrow::Cow, boxed::Box, string::String};
use bytes::Bytes;
use core::net::SocketAddr;
use lwm2m_identity::{Access, Interface, Lookup, authorize};
use lwm2m_ops::Update;
use lwm2m_store::{Batch, CommitError, Record, Version};
use sansio::{Instant, Ticket};

impl Registry {
    pub(super) fn update(
        &mut self,
        now: Instant,
        ticket: Ticket,
        caller: &Caller,
        update: Update,
    ) -> Progress {
        let slot = update.location.id().and_then(|id| self.slot_of(&id));
        let refuse = |registry: &mut Self, reason, before: Option<&Registration>| {
            let endpoint = before.map(|before| String::from(before.endpoint()));
            registry.refused(
                ticket,
                Interface::Update,
                endpoint,
                reason,
                Some(caller.address),
            );
            Progress::Over
        };
        let Some((slot, entry)) = slot.and_then(|slot| Some((slot, self.book.get(slot)?))) else {
            return refuse(
                self,
                lwm2m_identity::Reason::UnknownRegistration.into(),
                None,
            );
        };
        let (before, version) = (entry.registration.clone(), entry.version);
        if let Err(reason) = self.may_touch(Interface::Update, caller, &before) {
            return refuse(self, reason, Some(&before));
        }
        let later = match self.updated_facts(now, caller, &before, &update) {
            Ok(None) => {
                self.renewed(now, ticket, slot, before);
                return Progress::Over;
            }
            Ok(Some(later)) => later,
            Err(reason) => return refuse(self, reason, Some(&before)),
        };
        let diff = Diff::between(&before, &later);
        // By which part of the runtime it is heard is no news to anybody, but calls go there.
        if diff.is_empty() && later.route() == before.route() {
            self.renewed(now, ticket, slot, before);
            return Progress::Over;
        }
        let grown = later.size().saturating_sub(before.size());
        if self.book.bytes().saturating_add(grown) > self.config.max_total_bytes {
            return refuse(self, Reason::Full, Some(&before));
        }
        let job = UpdateJob {
            ticket,
            endpoint: Bytes::copy_from_slice(before.endpoint_bytes()),
            secret: secret(&before),
            caller_address: caller.address,
            later,
            diff,
            tries: Tries::First,
        };
        if !self.config.keep {
            return self.updated(now, job, None);
        }
        if self.too_busy() {
            return refuse(self, Reason::Busy, Some(&before));
        }
        self.commit_update(Box::new(job), version)
    }

    /// Whether the caller may change or end this registration.
    pub(super) fn may_touch(
        &self,
        interface: Interface,
        caller: &Caller,
        registration: &Registration,
    ) -> Result<(), Reason> {
        authorize(&Access {
            interface,
            endpoint: registration.endpoint(),
            identity: &caller.identity,
            record: Lookup::Unavailable,
            holder: Some(&registration.identity()),
            nosec: self.config.nosec,
        })?;
        if caller.local_endpoint != registration.local_endpoint() {
            return Err(lwm2m_identity::Reason::WrongListener.into());
        }
        let moved = record::encode_address(caller.address) != registration.address_bytes();
        if moved && caller.identity.is_none() && !self.config.follow_address {
            return Err(lwm2m_identity::Reason::AddressMoved.into());
        }
        Ok(())
    }

    /// How the registration will be; `None` if the Update says nothing new at first sight.
    fn updated_facts(
        &self,
        now: Instant,
        caller: &Caller,
        before: &Registration,
        update: &Update,
    ) -> Result<Option<Registration>, Reason> {
        let too_large = || Reason::from(lwm2m_ops::Reason::PayloadTooLarge);
        let Some(view) = before.view() else {
            return Ok(None);
        };
        update
            .check(view.version)
            .map_err(|refusal| refusal.reason)?;
        let address = record::encode_address(caller.address);
        let Update {
            lifetime,
            binding,
            sms,
            extra,
            objects,
            ..
        } = update;
        let queue_mode = update.queue_mode_for(view.version);
        let silent = lifetime.is_none()
            && binding.is_none()
            && queue_mode.is_none()
            && sms.is_none()
            && extra.is_empty()
            && objects.is_none();
        if silent && address == view.address && caller.route == view.route {
            return Ok(None);
        }
        let mut extra_bytes = Cow::Borrowed(view.extra);
        if !extra.is_empty() {
            let mut merged = before.extra();
            for (name, value) in extra {
                match merged.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => known.clone_from(value),
                    None => merged.push((name.clone(), value.clone())),
                }
            }
            extra_bytes = Cow::Owned(record::encode_extra(&merged).ok_or_else(too_large)?);
        }
        let facts = extra_bytes
            .len()
            .saturating_add(sms.as_ref().map_or(0, String::len));
        if facts > self.config.max_facts_bytes {
            return Err(too_large());
        }
        let links = match objects {
            Some(list) => {
                self.check_list(list)?;
                links(list)
            }
            None => before.links(),
        };
        let known_sms = view.sms.and_then(|sms| core::str::from_utf8(sms).ok());
        let later = Registration::new(&Facts {
            secret: view.secret,
            endpoint: before.endpoint(),
            identity: view.identity,
            address,
            local_endpoint: view.local_endpoint,
            route: caller.route,
            lifetime: lifetime.unwrap_or(view.lifetime),
            version: view.version,
            binding: binding.unwrap_or(view.binding),
            queue_mode: queue_mode.unwrap_or_else(|| view.queue_mode()),
            sms: sms.as_deref().or(known_sms),
            extra: &extra_bytes,
            links: &links,
            registered_at: view.registered_at,
            updated_at: self.clock.unix_ms(now),
        });
        later.map(Some).ok_or_else(too_large)
    }

    /// Only the expiry moved: that is true at once, and in the store a little later.
    fn renewed(&mut self, now: Instant, ticket: Ticket, slot: u32, before: Registration) {
        let later = before.clone().renewed(self.clock.unix_ms(now));
        let Some(entry) = self.book.get_mut(slot) else {
            return;
        };
        entry.registration = later.clone();
        self.renew_timer(now, slot);
        self.hold_back(now, slot);
        self.done(ticket, Done::Updated(later.clone()));
        self.events.push_back(Event::Updated {
            registration: later,
            previous: before,
            diff: Diff::default(),
        });
    }

    fn commit_update(&mut self, job: Box<UpdateJob>, expected: Option<Version>) -> Progress {
        let key = record::key(&job.endpoint);
        let mut batch = Batch::new();
        batch.expect(key.clone(), expected);
        batch.put(key, job.later.record().clone(), self.store_due(&job.later));
        self.commit(batch, Job::Update(job))
    }

    pub(super) fn update_goes_on(
        &mut self,
        now: Instant,
        mut job: Box<UpdateJob>,
        result: EffectResult,
    ) -> Progress {
        let (endpoint, address) = (job.endpoint.clone(), Some(job.caller_address));
        let reason = match result {
            EffectResult::Committed(Ok(version)) => return self.updated(now, *job, Some(version)),
            EffectResult::Committed(Err(CommitError::Conflict { .. })) => match job.tries {
                Tries::First => {
                    job.tries = Tries::Second;
                    return self.load(record::key(&endpoint), Job::Update(job));
                }
                Tries::Second => Reason::Conflict,
            },
            EffectResult::Loaded(Ok(stored)) => {
                match self.reconcile(&endpoint, job.secret, stored.as_ref()) {
                    Ok(version) => return self.commit_update(job, version),
                    Err(reason) => reason,
                }
            }
            EffectResult::Committed(Err(CommitError::Down)) | EffectResult::Loaded(Err(_)) => {
                lwm2m_identity::Reason::StoreDown.into()
            }
        };
        self.update_refused(job.ticket, &endpoint, reason, address);
        Progress::Over
    }

    fn update_refused(
        &mut self,
        ticket: Ticket,
        endpoint: &[u8],
        reason: Reason,
        address: Option<SocketAddr>,
    ) {
        let endpoint = String::from_utf8_lossy(endpoint).into_owned();
        self.refused(ticket, Interface::Update, Some(endpoint), reason, address);
    }

    /// The record of one of our registrations is not what was expected. Returns the version to go on with; if the
    /// device registered elsewhere meanwhile, our registration is no more.
    pub(super) fn reconcile(
        &mut self,
        endpoint: &[u8],
        secret: Secret,
        stored: Option<&Record>,
    ) -> Result<Option<Version>, Reason> {
        let Some(stored) = stored else {
            return Ok(None);
        };
        let ours = Registration::decode(stored.value.clone())
            .is_ok_and(|stored| stored.secret_bytes() == secret);
        if ours {
            return Ok(Some(stored.version));
        }
        if let Some(slot) = self.book.find_endpoint(endpoint) {
            self.drop_registration(slot, Removal::Replaced);
        }
        Err(lwm2m_identity::Reason::UnknownRegistration.into())
    }

    fn updated(&mut self, now: Instant, job: UpdateJob, version: Option<Version>) -> Progress {
        let UpdateJob {
            ticket,
            endpoint,
            secret,
            caller_address,
            later,
            diff,
            ..
        } = job;
        let slot = self.book.find_secret(&secret);
        let Some((slot, previous)) =
            slot.and_then(|slot| Some((slot, self.book.change(slot, later.clone())?)))
        else {
            let gone = lwm2m_identity::Reason::UnknownRegistration.into();
            self.update_refused(ticket, &endpoint, gone, Some(caller_address));
            return Progress::Over;
        };
        if let Some(entry) = self.book.get_mut(slot) {
            entry.version = version;
            entry.dirty = false;
        }
        self.renew_timer(now, slot);
        self.done(ticket, Done::Updated(later.clone()));
        self.events.push_back(Event::Updated {
            registration: later,
            previous,
            diff,
        });
        Progress::Over
    }
}

pub(super) fn secret(registration: &Registration) -> Secret {
    registration.secret_bytes().try_into().unwrap_or_default()
}
