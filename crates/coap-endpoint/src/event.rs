use coap_codec::{Code, Request, Response};
use sansio::Peer;

use crate::{ExchangeId, RelationId, RequestId};

/// What an [`Endpoint`](crate::Endpoint) tells its user, in order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A peer asks for something; its body is complete. Answer with
    /// [`respond`](crate::Endpoint::respond) or [`respond_observed`](crate::Endpoint::respond_observed).
    ///
    /// The options of the request are those that concern the application: what belongs to the
    /// transfer (Block1, Block2, Size1, Size2, Echo, No-Response, Request-Tag) was taken
    /// out.
    #[non_exhaustive]
    Request {
        /// Who asks.
        peer: Peer,
        /// What to answer to.
        exchange: ExchangeId,
        /// The request with its whole body.
        request: Request,
        /// Whether it came as a Confirmable message.
        confirmable: bool,
        /// What a GET or FETCH says about observing.
        observe: Option<ObserveRequest>,
        /// The relation that this request renews (`Register`) or has just ended (`Deregister`).
        relation: Option<RelationId>,
    },
    /// The answer to a request of ours, with its whole body.
    #[non_exhaustive]
    Response {
        /// Which request; it is over unless `observing`.
        request: RequestId,
        /// Who answered.
        peer: Peer,
        /// The answer, a success or not.
        response: Response,
        /// Whether [`Event::Notification`]s of the same request will follow.
        observing: bool,
    },
    /// A newer state of what we observe, with its whole body. States that came late were dropped.
    #[non_exhaustive]
    Notification {
        /// The observation.
        request: RequestId,
        /// Who notified.
        peer: Peer,
        /// The new state, or the error that ends the observation.
        response: Response,
        /// Whether the observation is over: this was an error, or an answer without Observe.
        last: bool,
    },
    /// A notification came of which the rest could not be fetched. The observation goes on.
    #[non_exhaustive]
    NotificationLost {
        /// The observation.
        request: RequestId,
        /// Who notified.
        peer: Peer,
        /// Why the rest did not come.
        failure: Failure,
    },
    /// A request of ours got no answer that can be used, and is over.
    #[non_exhaustive]
    Failed {
        /// Which request.
        request: RequestId,
        /// Who was asked.
        peer: Peer,
        /// Why.
        failure: Failure,
    },
    /// A peer answered our [`ping`](crate::Endpoint::ping).
    #[non_exhaustive]
    Pong {
        /// Which ping.
        request: RequestId,
        /// Who answered.
        peer: Peer,
    },
    /// A peer does not observe our resource any more.
    #[non_exhaustive]
    RelationEnded {
        /// Which relation.
        relation: RelationId,
        /// Whose.
        peer: Peer,
        /// Why.
        why: RelationEnd,
    },
    /// Nothing Confirmable was sent in a relation for
    /// [`confirm_interval`](crate::ObserveConfig::confirm_interval): notify the present state now, or the
    /// relation ends after the grace time. The notification will be Confirmable whatever is asked.
    #[non_exhaustive]
    RelationDue {
        /// Which relation.
        relation: RelationId,
        /// Whose.
        peer: Peer,
    },
    /// A notification was not acknowledged, and the relation was kept
    /// ([`keep_on_timeout`](crate::ObserveConfig::keep_on_timeout)).
    #[non_exhaustive]
    NotificationUnacknowledged {
        /// Which relation.
        relation: RelationId,
        /// Whose.
        peer: Peer,
    },
    /// A peer has proven that it receives at its address.
    #[non_exhaustive]
    PeerVerified {
        /// Who.
        peer: Peer,
    },
    /// Nothing is remembered of a peer: its slot may be given up with
    /// [`close_peer`](crate::Endpoint::close_peer). Told once, until the peer is active again.
    #[non_exhaustive]
    PeerIdle {
        /// Who.
        peer: Peer,
    },
}

/// What a GET or FETCH says about observing (RFC 7641 §2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "the specification has these two")]
pub enum ObserveRequest {
    /// Observe = 0: adds the client to the list of observers.
    Register,
    /// Observe = 1: removes it. The endpoint has done so already.
    Deregister,
}

/// How a notification is to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "the specification has these two")]
pub enum Notify {
    /// Repeated until the peer acknowledges it or it is superseded.
    Confirmable,
    /// Sent once; made Confirmable when the last such one is too long ago.
    NonConfirmable,
}

/// Why a request of ours is over without a usable answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Failure {
    /// Nothing came back for the request and its repetitions.
    NoAcknowledgement,
    /// The peer acknowledged the request, or it was sent Non-confirmable, and no answer came in time.
    NoResponse,
    /// The peer rejected the request with a Reset message.
    Reset,
    /// The peer was closed.
    PeerClosed,
    /// The user cancelled the request.
    Cancelled,
    /// The answer's body exceeds what may be assembled.
    BodyTooLarge,
    /// The peer's blocks do not fit together.
    BlockMismatch,
    /// The answer has a critical option or a block option that cannot be understood.
    BadOption,
    /// The body could not be fetched: a later block was refused with this code.
    BlockRefused(Code),
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoAcknowledgement => f.write_str("the peer did not acknowledge the request"),
            Self::NoResponse => f.write_str("the peer did not answer in time"),
            Self::Reset => f.write_str("the peer rejected the request with a reset"),
            Self::PeerClosed => f.write_str("the peer was closed"),
            Self::Cancelled => f.write_str("the request was cancelled"),
            Self::BodyTooLarge => f.write_str("the body of the answer is too large"),
            Self::BlockMismatch => f.write_str("the blocks of the peer do not fit together"),
            Self::BadOption => f.write_str("the answer has an option that cannot be understood"),
            Self::BlockRefused(code) => write!(f, "the peer refused a later block with {code}"),
        }
    }
}

impl core::error::Error for Failure {}

/// Why a peer does not observe our resource any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RelationEnd {
    /// The peer asked with Observe = 1.
    Deregistered,
    /// The peer rejected a notification with a Reset message.
    Reset,
    /// A Confirmable notification was not acknowledged.
    NoAcknowledgement,
    /// No Confirmable notification was sent for too long.
    Unconfirmed,
    /// The application notified an error.
    ErrorSent,
    /// The peer renewed the observation and the application answered without accepting it.
    NotRenewed,
    /// The peer was closed.
    PeerClosed,
}

/// Why [`close_peer`](crate::Endpoint::close_peer) is called; goes to the log only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer was idle and its slot is wanted.
    Idle,
    /// The session with it ended.
    SessionEnded,
    /// The network tells that it cannot be reached.
    Unreachable,
    /// The endpoint shuts down.
    Shutdown,
}

/// Why [`request`](crate::Endpoint::request) did not start.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The peer is not open.
    #[error("the peer is not open")]
    UnknownPeer,
    /// The code is not that of a request.
    #[error("the code is not that of a request")]
    NotARequest,
    /// [`Limits::requests_per_peer`](crate::Limits::requests_per_peer) or the total is reached.
    #[error("too many requests are running")]
    TooManyRequests,
    /// [`Limits::observations_per_peer`](crate::Limits::observations_per_peer) or the total is reached.
    #[error("too many observations are running")]
    TooManyObservations,
    /// [`Limits::queue_per_peer`](crate::Limits::queue_per_peer) is reached.
    #[error("too many messages wait for the peer")]
    QueueFull,
    /// All message ids of the last EXCHANGE_LIFETIME are in use; try again later.
    #[error("all message ids of this peer are in use")]
    MessageIdsExhausted,
    /// The options alone do not fit into a datagram.
    #[error("the request does not fit into a datagram")]
    TooLarge,
}

/// The exchange was answered already, or is forgotten.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the exchange is over")]
#[allow(clippy::exhaustive_structs)]
pub struct StaleExchange;

/// The relation has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the observe relation has ended")]
#[allow(clippy::exhaustive_structs)]
pub struct StaleRelation;

/// The request is over, or is no observation.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the request is over")]
#[allow(clippy::exhaustive_structs)]
pub struct StaleRequest;
