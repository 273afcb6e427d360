//! Operations that wait for the store.

use super::flush::{Held, Recover};
use crate::{Diff, Registration, op::Caller, partition::Secret};
use alloc::{boxed::Box, vec::Vec};
use bytes::Bytes;
use core::net::SocketAddr;
use lwm2m_identity::DeviceRecord;
use lwm2m_ops::Register;
use lwm2m_store::Version;
use sansio::Ticket;

/// What goes on when an effect was carried out.
pub(super) enum Job {
    Register(Box<RegisterJob>),
    Update(Box<UpdateJob>),
    Leave(Box<LeaveJob>),
    Erase(Box<EraseJob>),
    Flush(Vec<Held>),
    Recover(Recover),
}

impl Job {
    /// The endpoint that is busy with this; merged commits keep nobody busy.
    pub(super) const fn endpoint(&self) -> Option<&Bytes> {
        match self {
            Self::Register(job) => Some(&job.endpoint),
            Self::Update(job) => Some(&job.endpoint),
            Self::Leave(job) => Some(&job.endpoint),
            Self::Erase(job) => Some(&job.endpoint),
            Self::Flush(_) | Self::Recover(_) => None,
        }
    }
}

pub(super) struct RegisterJob {
    pub(super) ticket: Ticket,
    pub(super) endpoint: Bytes,
    pub(super) caller: Caller,
    pub(super) register: Register,
    /// The endpoint is new, and room is kept for it.
    pub(super) reserved: bool,
    pub(super) device: Option<DeviceRecord>,
    pub(super) stage: RegisterStage,
    pub(super) tries: Tries,
}

pub(super) enum RegisterStage {
    /// Loading the device record.
    Device,
    /// Committing this.
    Commit(Registration),
    /// Loading the registration record, which is not what was expected.
    Reload,
}

pub(super) struct UpdateJob {
    pub(super) ticket: Ticket,
    pub(super) endpoint: Bytes,
    pub(super) secret: Secret,
    pub(super) caller_address: SocketAddr,
    pub(super) later: Registration,
    pub(super) diff: Diff,
    pub(super) tries: Tries,
}

pub(super) struct LeaveJob {
    pub(super) ticket: Ticket,
    pub(super) endpoint: Bytes,
    pub(super) secret: Secret,
    /// `None`: an administrator.
    pub(super) caller_address: Option<SocketAddr>,
    pub(super) tries: Tries,
}

/// A registration that was revoked, and whose record has to go.
pub(super) struct EraseJob {
    pub(super) endpoint: Bytes,
    pub(super) secret: Secret,
    pub(super) version: Option<Version>,
    pub(super) tries: Tries,
}

/// A commit that met another version than expected is tried once more with the version that is there.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Tries {
    First,
    Second,
}
