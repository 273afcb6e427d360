use core::fmt;
use core::net::SocketAddr;

use sansio::{Peer, Ticket};

use crate::{Alert, CipherSuite, Failure, PeerIdentity, Question, Role};

/// Where datagrams come from and go to: one of our sockets, and a remote address.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[allow(clippy::exhaustive_structs, reason = "an address is these two")]
pub struct Path {
    /// The socket, numbered by whoever drives the endpoint.
    pub local_endpoint: u16,
    /// The remote address.
    pub address: SocketAddr,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (socket {})", self.address, self.local_endpoint)
    }
}

/// A datagram that stands in the caller's buffer, and where it goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Transmit {
    /// Send it there.
    pub path: Path,
    /// Bytes to send.
    pub len: usize,
}

/// What an endpoint tells.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Something that only the application knows. The handshake waits for
    /// [`answer`](crate::Endpoint::answer); nothing else does.
    #[non_exhaustive]
    Question {
        /// Comes back with the answer.
        ticket: Ticket,
        /// Who shakes hands.
        path: Path,
        /// What is asked.
        question: Question,
    },
    /// A handshake is over; records can be sealed for `peer`.
    #[non_exhaustive]
    Connected {
        /// The session.
        peer: Peer,
        /// Where the peer is.
        path: Path,
        /// Which side this is.
        role: Role,
        /// Who the peer has proven to be.
        identity: PeerIdentity,
        /// The suite.
        suite: CipherSuite,
        /// Whether an earlier session went on (RFC 5246 §7.3), so that nothing was proven anew.
        resumed: bool,
        /// Whether the peer addresses this side by a connection id: it may change its address.
        connection_id: bool,
        /// The session at the same place that ended with this one; no [`Closed`](Self::Closed) tells of it.
        replaces: Option<Peer>,
    },
    /// A handshake failed.
    #[non_exhaustive]
    HandshakeFailed {
        /// What [`connect`](crate::Endpoint::connect) returned, or a name that is of no use any more.
        peer: Peer,
        /// With whom.
        path: Path,
        /// Which side this is.
        role: Role,
        /// The alert that went or came, and why.
        failure: Failure,
    },
    /// An authenticated, newer record came from another address: datagrams go there from now on (RFC 9146 §6).
    #[non_exhaustive]
    Moved {
        /// The session.
        peer: Peer,
        /// Where it was.
        from: Path,
        /// Where it is.
        to: Path,
    },
    /// A session ended.
    #[non_exhaustive]
    Closed {
        /// The session; its `Peer` is never used again.
        peer: Peer,
        /// Where it was.
        path: Path,
        /// Why.
        reason: CloseReason,
    },
    /// A session that was saved has used up half of what it may send before it is saved again.
    #[non_exhaustive]
    SaveDue {
        /// The session.
        peer: Peer,
    },
    /// A line in the NSS key log format, for a file that an analyser of captures reads.
    #[cfg(feature = "key-log")]
    #[non_exhaustive]
    KeyLog {
        /// Without its line end.
        line: alloc::string::String,
    },
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer said close_notify.
    PeerClosed,
    /// The peer sent a fatal alert.
    Alert(Alert),
    /// This side closed it.
    Closed,
    /// The credential behind it is no longer good.
    Revoked,
    /// It was silent, and another needed the room.
    Evicted,
    /// No genuine record came for as long as [`Config::session_lifetime`](crate::Config::session_lifetime) says.
    Idle,
    /// It has sent as many records as may be sent under one key.
    Exhausted,
}

/// Why nothing can be sent to a peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is no such session, or not yet.
    #[error("no session with this peer")]
    NotConnected,
    /// The buffer lacks room in front of or behind the plaintext.
    #[error("no room for the record around the plaintext")]
    NoRoom,
    /// The plaintext is longer than a record may be here.
    #[error("longer than the peer's largest record")]
    TooLong,
    /// The peer has a new address that has not proven to be its own; more would go there than came.
    #[error("the peer's new address is not proven yet")]
    Unproven,
    /// The session has sent as many records as it may: since it was saved, or at all.
    #[error("no record number is left: save the session again, or shake hands anew")]
    Exhausted,
}

/// Why a handshake cannot begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// One with this address is under way.
    #[error("a handshake with this address is under way")]
    Busy,
    /// The suites have nothing to offer.
    #[error("no cipher suite to offer")]
    NoSuites,
    /// The random numbers are not random: all of them are zero.
    #[error("the random generator yields zeros")]
    NotRandom,
}

/// How full the tables are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tables {
    /// Sessions.
    pub sessions: usize,
    /// Handshakes.
    pub handshakes: usize,
    /// Connection ids of this side.
    pub connection_ids: usize,
    /// Remembered sessions for resumption.
    pub resumptions: usize,
    /// Questions without an answer.
    pub questions: usize,
    /// Timers.
    pub timers: usize,
    /// Bytes of handshake messages that came before their turn, in all handshakes.
    pub buffered: usize,
}

/// Counters since the start; they only grow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// HelloVerifyRequests sent.
    pub cookies_sent: u64,
    /// ClientHellos whose cookie was good.
    pub cookies_good: u64,
    /// Handshakes that succeeded, resumed ones among them.
    pub connected: u64,
    /// Of these, resumed.
    pub resumed: u64,
    /// Handshakes that failed.
    pub failed: u64,
    /// Handshakes that gave way to others.
    pub evicted: u64,
    /// Records opened.
    pub opened: u64,
    /// Records sealed.
    pub sealed: u64,
    /// Records that did not open.
    pub bad_records: u64,
    /// Records seen before, or too old.
    pub replayed: u64,
    /// Datagrams or their rests that are no records, or records for nobody.
    pub dropped: u64,
    /// Addresses that moved.
    pub moved: u64,
}
