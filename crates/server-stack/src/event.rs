use core::fmt;
use core::net::SocketAddr;

use coap_endpoint::{Failure, RequestError};
use dtls_core::{CipherSuite, CloseReason, Question, Role};
use lwm2m_identity::Identity;
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

/// How a device is reached.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "where, who and whether it listens"
)]
pub struct Destination {
    /// Where it was heard last, and by which listener.
    pub target: Target,
    /// What it has proven. With [`Identity::None`] calls go to the address; else to the newest session of this identity,
    /// wherever that is by now, and to nobody else.
    pub identity: Identity,
    /// Whether it may be sent something that it does not expect: a handshake, when there is no session. Not so with a
    /// device in queue mode.
    pub listens: bool,
}

impl From<Target> for Destination {
    /// A device without security.
    fn from(target: Target) -> Self {
        Self {
            target,
            identity: Identity::None,
            listens: true,
        }
    }
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
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are of the large kind"
)]
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
    /// Look up the key of an identity, or judge a key or certificate, and hand the answer to
    /// [`ServerStack::handle_credential`](crate::ServerStack::handle_credential). The handshake waits for it, nobody else
    /// does. Whoever cannot tell answers no.
    #[non_exhaustive]
    Credential {
        /// Comes back with the answer.
        ticket: Ticket,
        /// Who shakes hands.
        target: Target,
        /// What is to be told.
        question: Question,
    },
    /// A call waits for a session with a device that listens: hand what this server shakes hands with as a DTLS client
    /// to [`ServerStack::handle_connect`](crate::ServerStack::handle_connect).
    #[non_exhaustive]
    Connect {
        /// Comes back with the suites.
        ticket: Ticket,
        /// Where the device was heard last.
        target: Target,
        /// What it has to prove.
        identity: Identity,
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
    /// A peer has proven who it is.
    #[non_exhaustive]
    SessionOpened {
        /// Who.
        identity: Identity,
        /// Where it is.
        target: Target,
        /// What this server was in the handshake: mostly the DTLS server.
        role: Role,
        /// How the session is protected.
        suite: CipherSuite,
        /// Whether it goes on with an earlier one, so that nothing was proven anew.
        resumed: bool,
        /// Whether the peer may change its address.
        connection_id: bool,
    },
    /// A session is over. Calls to it have ended before.
    #[non_exhaustive]
    SessionClosed {
        /// Whose it was.
        identity: Identity,
        /// Where it was.
        target: Target,
        /// Why it ended.
        reason: SessionEnd,
    },
    /// A peer with a connection id has another address. It is the same peer in all respects.
    #[non_exhaustive]
    SessionMoved {
        /// Who.
        identity: Identity,
        /// Where it was.
        from: Target,
        /// Where it is.
        to: Target,
    },
    /// A handshake failed. For the operator: the peer was told less.
    #[non_exhaustive]
    HandshakeFailed {
        /// With whom.
        target: Target,
        /// What this server was in it.
        role: Role,
        /// The alert, and why.
        failure: dtls_core::Failure,
    },
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionEnd {
    /// As the DTLS endpoint tells.
    Dtls(CloseReason),
    /// The peer at the same address has shaken hands anew.
    Replaced,
    /// The identity has opened more sessions than it may have.
    TooMany,
}

impl SessionEnd {
    /// A stable name for logs, events and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Dtls(CloseReason::PeerClosed) => "peer_closed",
            Self::Dtls(CloseReason::Alert(_)) => "alert",
            Self::Dtls(CloseReason::Revoked) => "revoked",
            Self::Dtls(CloseReason::Evicted) => "evicted",
            Self::Dtls(CloseReason::Idle) => "idle",
            Self::Dtls(CloseReason::Exhausted) => "exhausted",
            Self::Dtls(_) => "closed",
            Self::Replaced => "replaced",
            Self::TooMany => "too_many_sessions",
        }
    }
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dtls(CloseReason::PeerClosed) => f.write_str("the device closed it"),
            Self::Dtls(CloseReason::Alert(alert)) => write!(f, "the device sent the alert {alert}"),
            Self::Dtls(CloseReason::Revoked) => {
                f.write_str("the device's credential is not valid any more")
            }
            Self::Dtls(CloseReason::Evicted) => {
                f.write_str("it was silent, and another needed the room")
            }
            Self::Dtls(CloseReason::Idle) => f.write_str("the device was silent for too long"),
            Self::Dtls(CloseReason::Exhausted) => f.write_str("its record numbers are used up"),
            Self::Dtls(_) => f.write_str("this server closed it"),
            Self::Replaced => f.write_str("the device has shaken hands anew"),
            Self::TooMany => f.write_str("the identity has opened newer ones"),
        }
    }
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
    /// There is no session in which the device has proven to be who registered, and none came about in time.
    #[error("no security session with the device")]
    NoSession,
    /// The session ended while the call ran or waited in it.
    #[error("the security session ended: {0}")]
    SessionEnded(SessionEnd),
    /// The call was withdrawn, or the device registered anew or left while it ran.
    #[error("the call was cancelled")]
    Cancelled,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (listener {})", self.address, self.local_endpoint)
    }
}
