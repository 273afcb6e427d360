//! What a device tells its application, and what it asks of the layers below.

use alloc::collections::VecDeque;
use core::fmt;

use coap_codec::Code;
use dtls_core::{Alert, CipherSuite, Failure};
use lwm2m_model::{Lwm2mVersion, Path};
use lwm2m_ops::{Arguments, Lifetime, Location, Reply, Uplink};
use sansio::{Instant, Ticket};

use crate::{SecurityFault, ServerId};

/// Something that the application may want to know.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The device is registered with a server.
    #[non_exhaustive]
    Registered {
        /// The server.
        server: ServerId,
        /// Where the server keeps the registration.
        location: Location,
        /// The enabler version that both speak.
        version: Lwm2mVersion,
        /// How long the registration lives without an Update.
        lifetime: Lifetime,
    },
    /// The server does not speak the version that was tried; an older one is tried at once.
    #[non_exhaustive]
    FellBack {
        /// The server.
        server: ServerId,
        /// The version that is tried now.
        version: Lwm2mVersion,
    },
    /// The server took an Update.
    #[non_exhaustive]
    Updated {
        /// The server.
        server: ServerId,
        /// How long the registration lives without a further one.
        lifetime: Lifetime,
    },
    /// The device is no longer registered, because it left.
    #[non_exhaustive]
    Unregistered {
        /// The server.
        server: ServerId,
        /// What for.
        why: Unregistered,
    },
    /// An operation towards a server failed.
    #[non_exhaustive]
    Error {
        /// The server.
        server: ServerId,
        /// What was tried.
        operation: Attempt,
        /// Why it failed.
        reason: Reason,
        /// When the device will try to register again; `None` when it will not by itself.
        retry: Option<Instant>,
    },
    /// A session with a server stands; what follows is protected by it.
    #[non_exhaustive]
    Secured {
        /// The server.
        server: ServerId,
        /// With what.
        suite: CipherSuite,
        /// Whether an earlier session goes on. If not, the device registers, as for the first time.
        resumed: bool,
    },
    /// A handshake with a server failed.
    #[non_exhaustive]
    HandshakeFailed {
        /// The server.
        server: ServerId,
        /// The alert that went or came, and why.
        failure: Failure,
        /// Whether it is tried again before what it was for fails: then an [`Error`](Self::Error) tells.
        again: bool,
    },
    /// The server ended the session; the device begins another when it has something to say, and soon if it is
    /// registered.
    #[non_exhaustive]
    SessionLost {
        /// The server.
        server: ServerId,
        /// With which alert, if it was not a plain farewell.
        alert: Option<Alert>,
    },
    /// A server executed a resource. The answer is on its way; what the resource is for is done now, by the application.
    #[non_exhaustive]
    Executed {
        /// The server.
        server: ServerId,
        /// The resource, for example `/3/0/4` to reboot.
        path: Path,
        /// The arguments.
        arguments: Arguments,
    },
    /// A server wrote at or below a path.
    #[non_exhaustive]
    Written {
        /// The server.
        server: ServerId,
        /// The target of the request.
        path: Path,
    },
    /// A server created an instance.
    #[non_exhaustive]
    Created {
        /// The server.
        server: ServerId,
        /// The instance.
        path: Path,
    },
    /// A server deleted an instance, or a resource instance.
    #[non_exhaustive]
    Deleted {
        /// The server.
        server: ServerId,
        /// What is gone.
        path: Path,
    },
    /// A server observes a path.
    #[non_exhaustive]
    Observed {
        /// The server.
        server: ServerId,
        /// The path.
        path: Path,
    },
    /// An observation has ended.
    #[non_exhaustive]
    ObservationEnded {
        /// The server.
        server: ServerId,
        /// The path.
        path: Path,
    },
}

/// Why a device is no longer registered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Unregistered {
    /// The application asked for it.
    Requested,
    /// A server executed Disable: the device registers again after the time that the Server object says.
    Disabled,
}

/// What a device tries towards a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Attempt {
    /// To register.
    Register,
    /// To update the registration. The device registers anew at once.
    Update,
    /// To de-register. The device counts itself as gone all the same.
    Deregister,
}

impl Attempt {
    /// A stable identifier for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Update => "update",
            Self::Deregister => "deregister",
        }
    }
}

/// Why an operation towards a server failed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The server refused with this code.
    Refused(Code),
    /// The server did not acknowledge, or did not answer in time.
    NoAnswer,
    /// The server rejected the message with a reset.
    Reset,
    /// The server's name does not resolve, or the network has no way to it.
    Unreachable,
    /// The answer means nothing for this operation.
    UnexpectedAnswer,
    /// The URI of the account names no server that this device can speak to.
    BadUri,
    /// The operation cannot be put into a request, for example as the endpoint name is too long.
    BadRequest,
    /// The operation was given up, as the application wants something else.
    Cancelled,
    /// There is no secured session for it.
    Security(SecurityFault),
}

impl Reason {
    /// A stable identifier for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::NoAnswer => "no_answer",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::UnexpectedAnswer => "unexpected_answer",
            Self::BadUri => "bad_uri",
            Self::BadRequest => "bad_request",
            Self::Cancelled => "cancelled",
            Self::Security(fault) => fault.as_str(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(code) => write!(f, "the server answered {code}"),
            Self::NoAnswer => f.write_str("the server did not answer"),
            Self::Reset => f.write_str("the server rejected the message"),
            Self::Unreachable => f.write_str("the server cannot be reached"),
            Self::UnexpectedAnswer => f.write_str("the server's answer does not fit the request"),
            Self::BadUri => f.write_str("the server's URI cannot be used"),
            Self::BadRequest => f.write_str("the request cannot be built"),
            Self::Cancelled => f.write_str("given up"),
            Self::Security(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for Reason {}

/// Something that the layer below has to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "few at a time, and handed over at once"
)]
pub enum Effect {
    /// Send an operation, and hand the answer to [`Device::handle_result`](crate::Device::handle_result).
    #[non_exhaustive]
    Send {
        /// The server.
        server: ServerId,
        /// Names this operation.
        ticket: Ticket,
        /// The operation.
        uplink: Uplink,
    },
    /// Forget an operation: its answer is no longer wanted.
    #[non_exhaustive]
    Abandon {
        /// The server.
        server: ServerId,
        /// What was sent under this ticket.
        ticket: Ticket,
    },
    /// Send a notification. One that is not 2.05 ends the relation.
    #[non_exhaustive]
    Notify {
        /// The server.
        server: ServerId,
        /// The relation, as it was named in [`Device::observed`](crate::Device::observed).
        relation: Relation,
        /// What to tell.
        reply: Reply,
        /// Whether the server has to acknowledge it.
        confirmable: bool,
    },
    /// Forget a relation without a word.
    #[non_exhaustive]
    EndRelation {
        /// The server.
        server: ServerId,
        /// The relation.
        relation: Relation,
    },
    /// End the transport session with a server: the device is silent towards it from now on.
    #[non_exhaustive]
    Close {
        /// The server.
        server: ServerId,
        /// Whether the account is gone: then at once, and nothing is kept for another session.
        removed: bool,
    },
}

/// Names an observe relation; the layer below chooses the number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_structs, reason = "a name, and nothing else")]
pub struct Relation(pub u64);

/// Events that wait for the application; when there are too many, the oldest go.
#[derive(Debug)]
pub(crate) struct EventQueue {
    queue: VecDeque<Event>,
    max: usize,
    lost: u64,
}

impl EventQueue {
    pub(crate) const fn new(max: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            max,
            lost: 0,
        }
    }

    pub(crate) fn push(&mut self, event: Event) {
        if self.queue.len() >= self.max.max(1) {
            self.queue.pop_front();
            self.lost = self.lost.saturating_add(1);
        }
        self.queue.push_back(event);
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.queue.pop_front()
    }

    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }
}
