use core::fmt;
use core::net::SocketAddr;

use coap_endpoint::{Failure, RequestError};
use lwm2m_ops::{IllegalRequest, Reply, UnexpectedResponse};
use sansio::Ticket;

/// A device's transport address as this server sees it: by which of its listeners, and where.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[allow(clippy::exhaustive_structs, reason = "an address is these two")]
pub struct Target {
    /// The listener, numbered by whoever drives the stack.
    pub local_endpoint: u16,
    /// The remote address.
    pub address: SocketAddr,
}

/// Names a call to a device; chosen by the caller, who keeps it unique among the running ones.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallId(u64);

impl CallId {
    /// The call with number `id`.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A datagram that stands in the caller's buffer, and where it goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Transmit {
    /// Send it from this listener to this address.
    pub target: Target,
    /// Bytes to send.
    pub len: usize,
}

/// What the stack asks of the world. Its result comes back by ticket.
#[derive(Debug)]
#[non_exhaustive]
pub enum Effect {
    /// Run `op` on partition `partition` of the registry and hand the outcome to
    /// [`ServerStack::handle_registry`](crate::ServerStack::handle_registry).
    #[non_exhaustive]
    Registry {
        /// Comes back with the outcome.
        ticket: Ticket,
        /// Which partition.
        partition: u16,
        /// What to do there.
        op: registry_core::Op,
    },
}

/// What the stack tells.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A call was answered. Of an Observe, `observing` says whether notifications follow; every
    /// other call is over.
    #[non_exhaustive]
    Reply {
        /// The call.
        call: CallId,
        /// What the device said.
        result: Result<Reply, CallFailure>,
        /// Whether the call goes on with [`Event::Notification`]s.
        observing: bool,
    },
    /// A device reported a new state of what a call observes.
    #[non_exhaustive]
    Notification {
        /// The call.
        call: CallId,
        /// What the device said. An answer outside the closed list is told and changes nothing.
        result: Result<Reply, CallFailure>,
        /// Whether the observation ended with this notification.
        last: bool,
    },
    /// A request on the registration interface was refused before the registry saw it.
    #[non_exhaustive]
    Refused {
        /// The number of the request, as [`Effect::Registry`] has it for those that get so far.
        ticket: Ticket,
        /// Who asked.
        target: Target,
        /// The code it got and why.
        refusal: lwm2m_ops::Refusal,
    },
}

/// Why a call brought no reply of the device, or none that makes sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CallFailure {
    /// The operation cannot be sent to this device.
    #[error("illegal request: {0}")]
    Illegal(#[from] IllegalRequest),
    /// The request could not be queued for the device.
    #[error("not sent: {0}")]
    NotSent(#[from] RequestError),
    /// No answer, or one that could not be put together.
    #[error("{0}")]
    NoReply(#[from] Failure),
    /// The answer's code is not one that this operation can have.
    #[error("{0}")]
    Unexpected(#[from] UnexpectedResponse),
    /// The stack has as many calls as it is allowed to.
    #[error("too many calls are running")]
    Overloaded,
    /// The call was withdrawn, or the device registered anew or left while it ran.
    #[error("the call was cancelled")]
    Cancelled,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (listener {})", self.address, self.local_endpoint)
    }
}
