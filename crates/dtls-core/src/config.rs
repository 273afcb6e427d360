use alloc::vec::Vec;
use core::time::Duration;

/// What an [`Endpoint`](crate::Endpoint) allows and offers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Whether and how connection ids are used (RFC 9146).
    pub connection_id: ConnectionIdPolicy,
    /// The extended master secret (RFC 7627).
    pub extended_master_secret: Policy,
    /// Encrypt-then-MAC for CBC suites (RFC 7366): offered, and used when the peer has it.
    pub encrypt_then_mac: bool,
    /// Longest plaintext of a record that this side, as client, asks the server to send, in bytes: 512, 1024,
    /// 2048 or 4096 (RFC 6066 §4); any other number does not ask.
    pub max_fragment_length: Option<u16>,
    /// Checks a new address by RFC 9853 where the peer knows it too.
    pub return_routability: bool,
    /// How long the first flight waits for an answer; then twice as long each time. RFC 6347 §4.2.4.1
    /// says 1 s, RFC 7925 §11 9 s for slow links.
    pub first_wait: Duration,
    /// The longest wait for an answer.
    pub longest_wait: Duration,
    /// A handshake that takes longer fails.
    pub handshake_timeout: Duration,
    /// How long a Finished that does not open is taken for a forgery: after it the handshake fails as of a
    /// wrong key. So a forged record ends no handshake, and a wrong key is told soon. Never shorter than the peer needs to
    /// repeat itself: one and a quarter of [`first_wait`](Self::first_wait).
    pub wrong_key_wait: Duration,
    /// How long the sender of the last flight can repeat it (RFC 6347 §4.2.4: twice the maximum segment lifetime).
    pub linger: Duration,
    /// How often a flight is sent again because the peer repeats itself.
    pub repeats: u8,
    /// Handshakes at the same time. One more takes the place of another: among some drawn by lot, of the one whose source
    /// has most, the oldest; those younger than [`first_wait`](Self::first_wait) only if all are.
    pub handshakes: usize,
    /// Sessions held. One more takes the place of one that was silent for long.
    pub sessions: usize,
    /// A session in which no genuine record comes for so long ends with close_notify and
    /// [`CloseReason::Idle`](crate::CloseReason::Idle), not before this time and not after nine eighths of it. (Later only if it is shorter
    /// than 1.1 s for each thousand sessions, or if deadlines are missed.) What this side sends does not count: a peer
    /// that is gone hears none of it. `None`: sessions stay until they are closed or evicted. One timer serves them all.
    pub session_lifetime: Option<Duration>,
    /// Answers to peers without state that wait to be sent; more are not given.
    pub replies: usize,
    /// Longest datagram of a handshake, bytes, 89 or more: so much takes the start of a ClientHello with its cookie. After
    /// repeated losses shorter ones are sent.
    pub max_datagram: usize,
    /// Longest handshake message accepted, bytes.
    pub max_message: usize,
    /// Bytes of handshake messages that came before their turn, per handshake.
    pub max_buffered: usize,
    /// The same of all handshakes together: beyond it nothing is kept that came before its turn, and the peer sends it again.
    pub max_buffered_in_all: usize,
    /// How long a cookie is good for, at least; at most twice as long.
    pub cookie_lifetime: Duration,
    /// Sessions that a server remembers for resumption; 0 for none.
    pub resumptions: usize,
    /// How long they are remembered.
    pub resumption_lifetime: Duration,
    /// Records that a saved session may still send before it has to be saved again.
    pub save_lease: u32,
    /// Whether every handshake tells its secrets by [`Event::KeyLog`](crate::Event::KeyLog). Never in a product.
    #[cfg(feature = "key-log")]
    pub key_log: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connection_id: ConnectionIdPolicy::Off,
            extended_master_secret: Policy::Request,
            encrypt_then_mac: true,
            max_fragment_length: None,
            return_routability: false,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(60),
            wrong_key_wait: Duration::from_secs(2),
            linger: Duration::from_secs(240),
            repeats: 8,
            handshakes: 10_000,
            sessions: 1 << 20,
            session_lifetime: None,
            replies: 1024,
            max_datagram: 1200,
            max_message: 8192,
            max_buffered: 16_384,
            max_buffered_in_all: 8 << 20,
            cookie_lifetime: Duration::from_secs(60),
            resumptions: 0,
            resumption_lifetime: Duration::from_secs(86_400),
            save_lease: 1024,
            #[cfg(feature = "key-log")]
            key_log: false,
        }
    }
}

/// How connection ids are used.
///
/// # Specification
/// RFC 9146 §3.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectionIdPolicy {
    /// Not at all.
    Off,
    /// This side sends with the id that the peer wants, and wants none itself: what a device does.
    Send,
    /// This side wants to be addressed by ids, and sends with those of the peer: what a server does.
    #[non_exhaustive]
    Receive {
        /// 1 to 16 bytes. Short ones run out: a handshake then goes on without.
        len: u8,
        /// How every id begins, shorter than `len`: such as the shard that holds the session.
        prefix: Vec<u8>,
    },
}

impl ConnectionIdPolicy {
    /// Ids of `len` bytes (at most 16) that begin with `prefix`.
    pub fn receive(len: u8, prefix: &[u8]) -> Self {
        if len == 0 {
            return Self::Send;
        }
        Self::Receive {
            len: len.min(16),
            prefix: prefix.into(),
        }
    }

    /// How long our ids are.
    pub(crate) const fn len(&self) -> u8 {
        match self {
            Self::Off | Self::Send => 0,
            Self::Receive { len, .. } => *len,
        }
    }
}

/// How much an extension is wanted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "closed")]
pub enum Policy {
    /// Never used.
    Off,
    /// Used when the peer has it.
    #[default]
    Request,
    /// A peer without it is refused.
    Require,
}
