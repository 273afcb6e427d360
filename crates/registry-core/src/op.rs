//! What can be asked of the registry, and its answers.

use crate::{Reason, Registration, partition_of, partition_of_id};
use alloc::string::{String, ToString};
use coap_codec::{Code, OptionNumber, Response};
use core::{net::SocketAddr, time::Duration};
use lwm2m_identity::{Closure, Identity, Interface};
use lwm2m_ops::{
    Deregister, DeregisterAnswer, Refused as RefusedAnswer, Register, RegisterAnswer, Update,
    UpdateAnswer, Uplink,
};
use sansio::Ticket;

/// Who sends an operation, and by which way.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct Caller {
    /// What the security layer proved.
    pub identity: Identity,
    /// Where it came from.
    pub address: SocketAddr,
    /// By which of our own endpoints it came in, as numbered by the runtime.
    pub local_endpoint: u16,
    /// Which part of the runtime heard it: kept with the registration and given back, so that a call
    /// to the device leaves by the part that will hear the answer. Means nothing to the registry.
    pub route: u16,
}

impl Caller {
    /// Somebody with this identity at this address, who came in by our endpoint of this number.
    #[must_use]
    pub const fn new(identity: Identity, address: SocketAddr, local_endpoint: u16) -> Self {
        Self {
            identity,
            address,
            local_endpoint,
            route: 0,
        }
    }
}

/// One operation on the registry.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Op {
    /// A device makes itself known.
    Register {
        /// Who it is.
        caller: Caller,
        /// What it says.
        register: Register,
    },
    /// A device renews or changes its registration.
    Update {
        /// Who it is.
        caller: Caller,
        /// What it says.
        update: Update,
    },
    /// A device leaves.
    Deregister {
        /// Who it is.
        caller: Caller,
        /// What it says.
        deregister: Deregister,
    },
    /// An administrator ends the registration of an endpoint. The device is not told and may register again.
    Remove {
        /// Whose registration.
        endpoint: String,
    },
    /// What an endpoint may prove was changed: its registration ends if it came in by what is no longer good. That is true
    /// at once, whatever the store says; it waits only for an operation of the endpoint that is under way.
    Revoke {
        /// What ends.
        closure: Closure,
    },
}

impl Op {
    /// The operation that a device asked for; `None` if it is none of the registry's.
    #[must_use]
    pub fn uplink(caller: Caller, uplink: Uplink) -> Option<Self> {
        Some(match uplink {
            Uplink::Register(register) => Self::Register { caller, register },
            Uplink::Update(update) => Self::Update { caller, update },
            Uplink::Deregister(deregister) => Self::Deregister { caller, deregister },
            _ => return None,
        })
    }

    /// The partition, of `partitions`, that this operation has to be handed to. One that no partition can carry out
    /// (an unknown location, no endpoint name) may go to any, and gets its refusal from partition 0.
    #[must_use]
    pub fn partition(&self, partitions: u16) -> u16 {
        let of_id = |location: &lwm2m_ops::Location| {
            location
                .id()
                .and_then(|id| partition_of_id(&id, partitions))
                .unwrap_or_default()
        };
        match self {
            Self::Register { caller, register } => {
                let endpoint = register
                    .endpoint
                    .as_deref()
                    .or_else(|| caller.identity.endpoint());
                endpoint.map_or(0, |endpoint| partition_of(endpoint, partitions))
            }
            Self::Update { update, .. } => of_id(&update.location),
            Self::Deregister { deregister, .. } => of_id(&deregister.location),
            Self::Remove { endpoint } => partition_of(endpoint, partitions),
            Self::Revoke { closure } => partition_of(&closure.endpoint, partitions),
        }
    }

    /// Who asks; `None` for an administrator.
    #[must_use]
    pub const fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Register { caller, .. }
            | Self::Update { caller, .. }
            | Self::Deregister { caller, .. } => Some(caller),
            Self::Remove { .. } | Self::Revoke { .. } => None,
        }
    }

    /// What decides over the code of a refusal. To an administrator an unknown registration is 4.04.
    pub(crate) const fn interface(&self) -> Interface {
        match self {
            Self::Register { .. } => Interface::Register,
            Self::Update { .. } => Interface::Update,
            Self::Deregister { .. } | Self::Remove { .. } | Self::Revoke { .. } => {
                Interface::Deregister
            }
        }
    }
}

/// How an operation ended; there is exactly one for each.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The ticket that the operation was handed in with.
    pub ticket: Ticket,
    /// What was done, or why not.
    pub result: Result<Done, Refused>,
}

impl Outcome {
    /// The response to a peer that has proven who it is: a refusal says why.
    #[must_use]
    pub fn to_explained_response(&self) -> Response {
        match &self.result {
            Err(refused) => refused.to_explained_response(),
            Ok(_) => self.to_response(),
        }
    }

    /// The response to send, without diagnostic text, as that is for authenticated peers alone.
    #[must_use]
    pub fn to_response(&self) -> Response {
        match &self.result {
            Ok(Done::Registered(registration)) => {
                RegisterAnswer::Created(registration.id().into()).to_response()
            }
            Ok(Done::Updated(_)) => UpdateAnswer::Changed.to_response(),
            Ok(Done::Deregistered(_) | Done::Removed(_) | Done::Revoked(_)) => {
                DeregisterAnswer::Deleted.to_response()
            }
            Err(refused) => refused.to_response(),
        }
    }
}

/// What an operation did.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Done {
    /// 2.01, with this registration.
    Registered(Registration),
    /// 2.04, as the registration is now.
    Updated(Registration),
    /// 2.02, as the registration was.
    Deregistered(Registration),
    /// The administrator's removal, as the registration was.
    Removed(Registration),
    /// The revocation was looked into: the registration that ended, as it was, or `None` where none had to.
    Revoked(Option<Registration>),
}

/// Why nothing was done.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct Refused {
    /// What to answer.
    pub code: Code,
    /// What to log.
    pub reason: Reason,
    /// When the device may try again (Max-Age), with 5.03.
    pub retry_after: Option<Duration>,
}

impl Refused {
    pub(crate) fn new(reason: Reason, interface: Interface, retry_after: Duration) -> Self {
        let code = reason.code(interface);
        Self {
            code,
            reason,
            retry_after: (code == Code::SERVICE_UNAVAILABLE).then_some(retry_after),
        }
    }

    /// The response to send, without diagnostic text.
    #[must_use]
    pub fn to_response(&self) -> Response {
        self.response("")
    }

    /// The response to a peer that has proven who it is. It says why, but nothing about others: neither whether a
    /// registration of somebody else stands at the location, nor whether an endpoint of that name has a record.
    #[must_use]
    pub fn to_explained_response(&self) -> Response {
        use lwm2m_identity::Reason::{
            EndpointNotAdmitted, IdentityMismatch, NotOwner, UnknownRegistration,
        };
        let told = match self.reason {
            Reason::Access(NotOwner) => Reason::Access(UnknownRegistration),
            Reason::Access(EndpointNotAdmitted) => Reason::Access(IdentityMismatch),
            reason => reason,
        };
        self.response(&told.to_string())
    }

    fn response(&self, diagnostic: &str) -> Response {
        let mut response = RefusedAnswer::new(self.code, diagnostic).to_response();
        if let Some(after) = self.retry_after {
            let seconds = u32::try_from(after.as_secs()).unwrap_or(u32::MAX);
            response.options.insert_uint(OptionNumber::MAX_AGE, seconds);
        }
        response
    }
}
