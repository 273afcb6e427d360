//! Register.

use super::{
    Progress, Registry,
    job::{Job, RegisterJob, RegisterStage, Tries},
};
use crate::{
    Done, EffectResult, Event, Reason, Registration, Removal,
    book::Entry,
    op::Caller,
    record::{self, Facts},
};
use alloc::{boxed::Box, string::String};
use bytes::Bytes;
use lwm2m_identity::{Access, DeviceRecord, Identity, Interface, Lookup, authorize};
use lwm2m_ops::{ObjectList, Register};
use lwm2m_store::{Batch, CommitError, Version};
use sansio::{Instant, Ticket};

impl Registry {
    pub(super) fn register(
        &mut self,
        ticket: Ticket,
        caller: Caller,
        register: Register,
    ) -> Progress {
        let endpoint = register
            .endpoint
            .as_deref()
            .or_else(|| caller.identity.endpoint())
            .unwrap_or_default();
        let endpoint = Bytes::copy_from_slice(endpoint.as_bytes());
        let reserved = self.book.find_endpoint(&endpoint).is_none();
        let job = RegisterJob {
            ticket,
            endpoint,
            caller,
            register,
            reserved,
            device: None,
            stage: RegisterStage::Device,
            tries: Tries::First,
        };
        if let Err(reason) = self.has_room_for(&job) {
            return self.register_refused(&job, reason);
        }
        // From here on every end of the job gives the room back.
        self.reserved = self.reserved.saturating_add(usize::from(reserved));
        let key = DeviceRecord::key(core::str::from_utf8(&job.endpoint).unwrap_or_default());
        self.load(key, Job::Register(Box::new(job)))
    }

    fn has_room_for(&self, job: &RegisterJob) -> Result<(), Reason> {
        let Register {
            objects,
            extra,
            sms,
            ..
        } = &job.register;
        self.check_list(objects)?;
        let texts = extra.iter().map(|(name, value)| {
            name.len()
                .saturating_add(value.as_ref().map_or(0, String::len))
                .saturating_add(4)
        });
        let facts = texts
            .chain(sms.as_ref().map(String::len))
            .fold(0, usize::saturating_add);
        if facts > self.config.max_facts_bytes {
            return Err(lwm2m_ops::Reason::PayloadTooLarge.into());
        }
        let used = self.book.len().saturating_add(self.reserved);
        let bytes = self
            .book
            .bytes()
            .saturating_add(facts)
            .saturating_add(objects.raw().len());
        if (job.reserved && used >= self.config.max_registrations)
            || bytes > self.config.max_total_bytes
        {
            return Err(Reason::Full);
        }
        if self.too_busy() {
            return Err(Reason::Busy);
        }
        Ok(())
    }

    pub(super) fn check_list(&self, list: &ObjectList) -> Result<(), Reason> {
        let links = list
            .objects
            .iter()
            .map(|object| object.instances.len().saturating_add(1));
        if links.fold(0, usize::saturating_add) > self.config.max_links {
            return Err(lwm2m_ops::Reason::TooManyLinks.into());
        }
        if list.raw().len() > self.config.max_list_bytes {
            return Err(lwm2m_ops::Reason::PayloadTooLarge.into());
        }
        Ok(())
    }

    pub(super) fn register_goes_on(
        &mut self,
        now: Instant,
        mut job: Box<RegisterJob>,
        result: EffectResult,
    ) -> Progress {
        match (
            core::mem::replace(&mut job.stage, RegisterStage::Reload),
            result,
        ) {
            (RegisterStage::Device, result) => {
                let device = match result {
                    EffectResult::Loaded(Ok(None)) => Ok(None),
                    EffectResult::Loaded(Ok(Some(record))) => {
                        DeviceRecord::decode(&record.value).map(Some).map_err(drop)
                    }
                    EffectResult::Loaded(Err(_)) | EffectResult::Committed(_) => Err(()),
                };
                let lookup = match &device {
                    Ok(Some(device)) => Lookup::Found(device),
                    Ok(None) => Lookup::Absent,
                    Err(()) => Lookup::Unavailable,
                };
                let live = self
                    .book
                    .find_endpoint(&job.endpoint)
                    .and_then(|slot| self.book.get(slot));
                let holder = live.map(|entry| entry.registration.identity());
                let version = live.and_then(|entry| entry.version);
                if let Err(reason) = self.admit(&job, lookup, holder.as_ref()) {
                    return self.register_over(&job, reason.into());
                }
                job.device = device.unwrap_or_default();
                self.commit_registration(now, job, version)
            }
            (RegisterStage::Commit(registration), EffectResult::Committed(Ok(version))) => {
                self.registered(now, &job, registration, Some(version));
                Progress::Over
            }
            (
                RegisterStage::Commit(_),
                EffectResult::Committed(Err(CommitError::Conflict { .. })),
            ) => match job.tries {
                Tries::First => {
                    job.tries = Tries::Second;
                    self.load(record::key(&job.endpoint), Job::Register(job))
                }
                Tries::Second => self.register_over(&job, Reason::Conflict),
            },
            (RegisterStage::Reload, EffectResult::Loaded(Ok(stored))) => {
                if let Some(stored) = &stored
                    && let Err(reason) = self.admit_over(now, &job, &stored.value)
                {
                    return self.register_over(&job, reason.into());
                }
                self.commit_registration(now, job, stored.map(|stored| stored.version))
            }
            (RegisterStage::Commit(_) | RegisterStage::Reload, _) => {
                self.register_over(&job, lwm2m_identity::Reason::StoreDown.into())
            }
        }
    }

    fn admit(
        &self,
        job: &RegisterJob,
        record: Lookup<'_>,
        holder: Option<&Identity>,
    ) -> Result<(), lwm2m_identity::Reason> {
        let access = Access {
            interface: Interface::Register,
            endpoint: core::str::from_utf8(&job.endpoint).unwrap_or_default(),
            identity: &job.caller.identity,
            record,
            holder,
            nosec: self.config.nosec,
        };
        authorize(&access).map(drop)
    }

    /// The store holds a registration that this registry does not know: its holder counts as much as one of ours.
    fn admit_over(
        &self,
        now: Instant,
        job: &RegisterJob,
        stored: &[u8],
    ) -> Result<(), lwm2m_identity::Reason> {
        let holder = match Registration::decode(Bytes::copy_from_slice(stored)) {
            Ok(stored) => {
                let ended = stored
                    .expires_at()
                    .is_some_and(|end| end <= self.clock.unix_ms(now));
                (!ended).then(|| stored.identity())
            }
            // Nobody knows whose it is.
            Err(_) if job.caller.identity.is_none() => {
                return Err(lwm2m_identity::Reason::StoreDown);
            }
            Err(_) => None,
        };
        self.admit(
            job,
            job.device.as_ref().map_or(Lookup::Absent, Lookup::Found),
            holder.as_ref(),
        )
    }

    fn commit_registration(
        &mut self,
        now: Instant,
        mut job: Box<RegisterJob>,
        expected: Option<Version>,
    ) -> Progress {
        let Some(registration) = self.new_registration(now, &job) else {
            return self.register_over(&job, lwm2m_ops::Reason::PayloadTooLarge.into());
        };
        if !self.config.keep {
            self.registered(now, &job, registration, None);
            return Progress::Over;
        }
        let key = record::key(&job.endpoint);
        let mut batch = Batch::new();
        batch.expect(key.clone(), expected);
        batch.put(
            key,
            registration.record().clone(),
            self.store_due(&registration),
        );
        job.stage = RegisterStage::Commit(registration);
        self.commit(batch, Job::Register(job))
    }

    fn new_registration(&mut self, now: Instant, job: &RegisterJob) -> Option<Registration> {
        let mut secret = [0; 9];
        loop {
            self.rng.fill(&mut secret);
            if self.book.find_secret(&secret).is_none() {
                break;
            }
        }
        let Register {
            lifetime,
            version,
            binding,
            queue_mode,
            sms,
            extra,
            objects,
            ..
        } = &job.register;
        let at = self.clock.unix_ms(now);
        Registration::new(&Facts {
            secret,
            endpoint: core::str::from_utf8(&job.endpoint).ok()?,
            identity: &record::encode_identity(&job.caller.identity)?,
            address: record::encode_address(job.caller.address),
            local_endpoint: job.caller.local_endpoint,
            route: job.caller.route,
            lifetime: *lifetime,
            version: *version,
            binding: *binding,
            queue_mode: *queue_mode,
            sms: sms.as_deref(),
            extra: &record::encode_extra(extra)?,
            links: &links(objects),
            registered_at: at,
            updated_at: at,
        })
    }

    fn registered(
        &mut self,
        now: Instant,
        job: &RegisterJob,
        registration: Registration,
        version: Option<Version>,
    ) {
        self.give_room_back(job);
        let replaced = self.book.find_endpoint(&job.endpoint).and_then(|slot| {
            let replaced = self.book.get(slot)?.registration.clone();
            self.drop_registration(slot, Removal::Replaced);
            Some(replaced)
        });
        let entry = Entry {
            registration: registration.clone(),
            timer: None,
            version,
            dirty: false,
            overdue: false,
        };
        let Some(slot) = self.book.insert(entry) else {
            let Progress::Over = self.register_refused(job, Reason::Full) else {
                return;
            };
            return;
        };
        self.renew_timer(now, slot);
        self.done(job.ticket, Done::Registered(registration.clone()));
        self.events.push_back(Event::Registered {
            registration,
            replaced,
        });
    }

    fn give_room_back(&mut self, job: &RegisterJob) {
        self.reserved = self.reserved.saturating_sub(usize::from(job.reserved));
    }

    fn register_over(&mut self, job: &RegisterJob, reason: Reason) -> Progress {
        self.give_room_back(job);
        self.register_refused(job, reason)
    }

    fn register_refused(&mut self, job: &RegisterJob, reason: Reason) -> Progress {
        let endpoint = String::from_utf8_lossy(&job.endpoint).into_owned();
        self.refused(
            job.ticket,
            Interface::Register,
            Some(endpoint),
            reason,
            Some(job.caller.address),
        );
        Progress::Over
    }
}

/// The list as the device sent it, or as it would have sent one that was built.
pub(super) fn links(list: &ObjectList) -> Bytes {
    match list.raw().is_empty() {
        true if list.objects.is_empty() => Bytes::new(),
        true => list.to_link_format().into(),
        false => list.raw().clone(),
    }
}
