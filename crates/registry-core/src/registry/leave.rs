//! De-register, removal by an administrator, and revocation.

use super::{
    Progress, Registry,
    job::{EraseJob, Job, LeaveJob, Tries},
    update::secret,
};
use crate::{Done, EffectResult, Reason, Registration, Removal, op::Caller, record};
use alloc::{boxed::Box, string::String};
use bytes::Bytes;
use core::net::SocketAddr;
use lwm2m_identity::{Closure, Interface};
use lwm2m_ops::Deregister;
use lwm2m_store::{Batch, CommitError, Version};
use sansio::{Instant, Ticket};

impl Registry {
    pub(super) fn deregister(
        &mut self,
        ticket: Ticket,
        caller: &Caller,
        deregister: &Deregister,
    ) -> Progress {
        let slot = deregister.location.id().and_then(|id| self.slot_of(&id));
        let Some(registration) = slot
            .and_then(|slot| self.book.get(slot))
            .map(|entry| entry.registration.clone())
        else {
            let unknown = lwm2m_identity::Reason::UnknownRegistration.into();
            return self.leave_refused(ticket, None, unknown, Some(caller.address));
        };
        if let Err(reason) = self.may_touch(Interface::Deregister, caller, &registration) {
            let endpoint = registration.endpoint_bytes();
            return self.leave_refused(ticket, Some(endpoint), reason, Some(caller.address));
        }
        self.leave(ticket, &registration, Some(caller.address))
    }

    pub(super) fn remove(&mut self, ticket: Ticket, endpoint: String) -> Progress {
        let slot = self.book.find_endpoint(endpoint.as_bytes());
        match slot
            .and_then(|slot| self.book.get(slot))
            .map(|entry| entry.registration.clone())
        {
            Some(registration) => self.leave(ticket, &registration, None),
            None => {
                let unknown = lwm2m_identity::Reason::UnknownRegistration.into();
                self.leave_refused(ticket, Some(endpoint.as_bytes()), unknown, None)
            }
        }
    }

    pub(super) fn revoke(&mut self, ticket: Ticket, closure: &Closure) -> Progress {
        let endpoint = Bytes::copy_from_slice(closure.endpoint.as_bytes());
        let found = self.book.find_endpoint(&endpoint);
        let found = found.and_then(|slot| Some((slot, self.book.get(slot)?)));
        let Some((slot, entry)) =
            found.filter(|(_, entry)| closure.ends(&entry.registration.identity()))
        else {
            self.done(ticket, Done::Revoked(None));
            return Progress::Over;
        };
        let job = EraseJob {
            endpoint,
            secret: secret(&entry.registration),
            version: entry.version,
            tries: Tries::First,
        };
        let registration = entry.registration.clone();
        self.done(ticket, Done::Revoked(Some(registration)));
        self.drop_registration(slot, Removal::Revoked);
        match self.config.keep {
            true => self.commit_erase(Box::new(job)),
            false => Progress::Over,
        }
    }

    fn commit_erase(&mut self, job: Box<EraseJob>) -> Progress {
        let key = record::key(&job.endpoint);
        let mut batch = Batch::new();
        batch.expect(key.clone(), job.version).delete(key);
        self.commit(batch, Job::Erase(job))
    }

    pub(super) fn erase_goes_on(
        &mut self,
        now: Instant,
        mut job: Box<EraseJob>,
        result: EffectResult,
    ) -> Progress {
        match (result, job.tries) {
            (EffectResult::Committed(Ok(_)), _) => Progress::Over,
            (EffectResult::Committed(Err(CommitError::Conflict { .. })), Tries::First) => {
                job.tries = Tries::Second;
                self.load(record::key(&job.endpoint), Job::Erase(job))
            }
            (EffectResult::Loaded(Ok(stored)), _) => {
                let Some(stored) = stored else {
                    return Progress::Over;
                };
                let ours = Registration::decode(stored.value)
                    .is_ok_and(|stored| stored.secret_bytes() == job.secret);
                if !ours {
                    return Progress::Over;
                }
                job.version = Some(stored.version);
                self.commit_erase(job)
            }
            // The next merged commit tries again.
            _ => {
                self.flush.delete(record::key(&job.endpoint), job.version);
                self.schedule_flush(now);
                Progress::Over
            }
        }
    }

    fn leave(
        &mut self,
        ticket: Ticket,
        registration: &Registration,
        caller_address: Option<SocketAddr>,
    ) -> Progress {
        let endpoint = Bytes::copy_from_slice(registration.endpoint_bytes());
        let secret = secret(registration);
        let job = LeaveJob {
            ticket,
            endpoint,
            secret,
            caller_address,
            tries: Tries::First,
        };
        if !self.config.keep {
            return self.left(&job);
        }
        if self.too_busy() {
            return self.leave_refused(ticket, Some(&job.endpoint), Reason::Busy, caller_address);
        }
        let slot = self.book.find_secret(&secret);
        let version = slot
            .and_then(|slot| self.book.get(slot))
            .and_then(|entry| entry.version);
        self.commit_leave(Box::new(job), version)
    }

    fn commit_leave(&mut self, job: Box<LeaveJob>, expected: Option<Version>) -> Progress {
        let key = record::key(&job.endpoint);
        let mut batch = Batch::new();
        batch.expect(key.clone(), expected).delete(key);
        self.commit(batch, Job::Leave(job))
    }

    pub(super) fn leave_goes_on(
        &mut self,
        mut job: Box<LeaveJob>,
        result: EffectResult,
    ) -> Progress {
        let endpoint = job.endpoint.clone();
        let reason = match result {
            EffectResult::Committed(Ok(_)) => return self.left(&job),
            EffectResult::Committed(Err(CommitError::Conflict { .. })) => match job.tries {
                Tries::First => {
                    job.tries = Tries::Second;
                    return self.load(record::key(&endpoint), Job::Leave(job));
                }
                Tries::Second => Reason::Conflict,
            },
            EffectResult::Loaded(Ok(stored)) => {
                match self.reconcile(&endpoint, job.secret, stored.as_ref()) {
                    Ok(version) => return self.commit_leave(job, version),
                    Err(reason) => reason,
                }
            }
            EffectResult::Committed(Err(CommitError::Down)) | EffectResult::Loaded(Err(_)) => {
                lwm2m_identity::Reason::StoreDown.into()
            }
        };
        self.leave_refused(job.ticket, Some(&endpoint), reason, job.caller_address)
    }

    fn left(&mut self, job: &LeaveJob) -> Progress {
        let by_device = job.caller_address.is_some();
        let slot = self.book.find_secret(&job.secret);
        let found = slot.and_then(|slot| Some((slot, self.book.get(slot)?.registration.clone())));
        let Some((slot, registration)) = found else {
            let gone = lwm2m_identity::Reason::UnknownRegistration.into();
            return self.leave_refused(job.ticket, Some(&job.endpoint), gone, job.caller_address);
        };
        let (done, reason) = match by_device {
            true => (Done::Deregistered(registration), Removal::Deregistered),
            false => (Done::Removed(registration), Removal::Admin),
        };
        self.done(job.ticket, done);
        self.drop_registration(slot, reason);
        Progress::Over
    }

    fn leave_refused(
        &mut self,
        ticket: Ticket,
        endpoint: Option<&[u8]>,
        reason: Reason,
        address: Option<SocketAddr>,
    ) -> Progress {
        let endpoint = endpoint.map(|name| String::from_utf8_lossy(name).into_owned());
        self.refused(ticket, Interface::Deregister, endpoint, reason, address);
        Progress::Over
    }
}
