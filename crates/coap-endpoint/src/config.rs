use alloc::vec::Vec;
use core::time::Duration;

use coap_codec::{BlockSize, OptionNumber};

/// What an [`Endpoint`](crate::Endpoint) may do and how much it may keep.
///
/// ```
/// let mut config = coap_endpoint::Config::default();
/// config.body_max = 64 * 1024;
/// config.limits.relations_per_peer = 16;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Time-outs and retransmission.
    pub transmission: Transmission,
    /// How long the answer to a Confirmable request may take and still ride on its acknowledgement.
    ///
    /// After it an empty acknowledgement goes out and the answer follows as a message of its own.
    /// Must be well below [`Transmission::ack_timeout`], or clients retransmit. Default 1 s.
    pub piggyback_delay: Duration,
    /// How long a request may stay unanswered by the application before it is forgotten.
    /// Default 247 s.
    pub exchange_timeout: Duration,
    /// The largest block to send, and the size asked of peers that send larger ones. Bodies up to
    /// this size travel in one message. A peer with small datagrams gets smaller ones. Default 1024.
    pub block_size: BlockSize,
    /// The largest body to assemble from blocks, in bytes; larger ones get 4.13 (server role) or fail
    /// with [`Failure::BodyTooLarge`](crate::Failure::BodyTooLarge) (client role, where each request
    /// can say otherwise). Default 1 MiB.
    pub body_max: usize,
    /// How long parts of a body are kept after the last block that came or went. Default 247 s.
    pub body_timeout: Duration,
    /// How often a changing entity-tag may restart the download of one body before it fails.
    /// Default 3.
    pub body_restarts: u8,
    /// Observations of our resources by others.
    pub observe: ObserveConfig,
    /// How long the value of an Echo option is good as a proof of the address. Default 120 s.
    pub echo_lifetime: Duration,
    /// Critical options beyond those of RFC 7252, 7641 and 7959 that the application processes;
    /// without being named here they get 4.02. Default none.
    pub understood: Vec<OptionNumber>,
    /// Bounds of every table.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            transmission: Transmission::default(),
            piggyback_delay: Duration::from_secs(1),
            exchange_timeout: Duration::from_secs(247),
            block_size: BlockSize::B1024,
            body_max: 1 << 20,
            body_timeout: Duration::from_secs(247),
            body_restarts: 3,
            observe: ObserveConfig::default(),
            echo_lifetime: Duration::from_secs(120),
            understood: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// The transmission parameters of RFC 7252 §4.8 and what follows from them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Transmission {
    /// The shortest first time-out, ACK_TIMEOUT. Default 2 s.
    pub ack_timeout: Duration,
    /// The longest first time-out, ACK_TIMEOUT · ACK_RANDOM_FACTOR. Default 3 s.
    pub ack_timeout_max: Duration,
    /// Repetitions after the first transmission, MAX_RETRANSMIT. Default 4.
    pub max_retransmit: u8,
    /// Confirmable messages that may be unacknowledged at a time per peer, NSTART. Default 1.
    pub nstart: usize,
    /// The longest time a datagram is expected to be under way, MAX_LATENCY. Default 100 s.
    pub max_latency: Duration,
    /// Answers to multicast requests are spread over this time, DEFAULT_LEISURE. Default 5 s.
    pub leisure: Duration,
}

impl Default for Transmission {
    fn default() -> Self {
        Self {
            ack_timeout: Duration::from_secs(2),
            ack_timeout_max: Duration::from_secs(3),
            max_retransmit: 4,
            nstart: 1,
            max_latency: Duration::from_secs(100),
            leisure: Duration::from_secs(5),
        }
    }
}

impl Transmission {
    /// From the first transmission to the last: MAX_TRANSMIT_SPAN, 45 s by default.
    pub fn max_transmit_span(&self) -> Duration {
        let doublings = 1u32.checked_shl(self.max_retransmit.into());
        self.ack_timeout_max
            .saturating_mul(doublings.unwrap_or(u32::MAX).saturating_sub(1))
    }

    /// How long a Confirmable message is remembered, and its message id not used again:
    /// EXCHANGE_LIFETIME, 247 s by default.
    pub fn exchange_lifetime(&self) -> Duration {
        self.max_transmit_span()
            .saturating_add(self.max_latency.saturating_mul(2))
            .saturating_add(self.ack_timeout)
    }

    /// How long a Non-confirmable message is remembered: NON_LIFETIME, 145 s by default.
    pub fn non_lifetime(&self) -> Duration {
        self.max_transmit_span().saturating_add(self.max_latency)
    }
}

/// How observations of our resources are kept alive and given up.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ObserveConfig {
    /// At least one notification in this time is Confirmable, so that a client that is gone is
    /// noticed (RFC 7641 §4.5). Default 24 h.
    pub confirm_interval: Duration,
    /// How long after [`Event::RelationDue`](crate::Event::RelationDue) a relation lives on without
    /// an acknowledged notification. Default 1 h.
    pub confirm_grace: Duration,
    /// Whether a relation outlives a notification that nobody acknowledged. RFC 7641 §4.5 ends it
    /// (default `false`); LwM2M clients may keep it until they register again.
    pub keep_on_timeout: bool,
}

impl Default for ObserveConfig {
    fn default() -> Self {
        Self {
            confirm_interval: Duration::from_secs(24 * 3600),
            confirm_grace: Duration::from_secs(3600),
            keep_on_timeout: false,
        }
    }
}

/// The bound of every table, and what happens when it is reached.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Slots of peers. [`open_peer`](crate::Endpoint::open_peer) refuses a slot at or beyond it.
    /// Default 1 048 576.
    pub peers: usize,
    /// Messages of one peer that are remembered to recognise duplicates. The oldest is forgotten,
    /// and would be processed again. The ids of a peer that does not
    /// number its messages one after the other are compared with all of them, ten at a time. More
    /// than 65 535 count as so many. Default 128.
    pub dedup_per_peer: usize,
    /// Messages of all peers that are remembered. The oldest of all is forgotten. Default 1 048 576.
    pub dedup_total: usize,
    /// Bytes of remembered answers per peer. The oldest answer is dropped while the message stays
    /// known: a duplicate of it is then ignored, not processed again. Default 64 KiB.
    pub dedup_bytes_per_peer: usize,
    /// Bytes of remembered answers of all peers. The message with the oldest is forgotten.
    /// Default 64 MiB.
    pub dedup_bytes_total: usize,
    /// Messages to one peer that wait for their turn. A request beyond it is refused with
    /// [`RequestError::QueueFull`](crate::RequestError::QueueFull), a separate response is dropped.
    /// Default 128.
    pub queue_per_peer: usize,
    /// Requests to one peer that run. One more is refused. Default 256.
    pub requests_per_peer: usize,
    /// Requests to all peers that run. One more is refused. Default 1 048 576.
    pub requests_total: usize,
    /// Of the running requests to one peer, those that are observations. One more is refused.
    /// Default 128.
    pub observations_per_peer: usize,
    /// Observations of all peers. One more is refused. Default 1 048 576.
    pub observations_total: usize,
    /// Requests of one peer that the application has not answered. One more gets 5.03. Default 64.
    pub exchanges_per_peer: usize,
    /// Requests of all peers that the application has not answered. One more gets 5.03.
    /// Default 262 144.
    pub exchanges_total: usize,
    /// Bodies that one peer is sending us in blocks. The oldest is dropped, and its next block gets
    /// 4.08. Default 4.
    pub uploads_per_peer: usize,
    /// Bodies that all peers are sending us. The oldest of all is dropped. Default 16 384.
    pub uploads_total: usize,
    /// Bytes of bodies that all peers are sending us; memory is at most twice as much. The oldest
    /// of all is dropped. Default 64 MiB.
    pub upload_bytes_total: usize,
    /// Bodies kept for one peer that fetches them in blocks. The oldest is dropped; its next block
    /// is asked of the application again when the method allows, else gets 4.08. Default 8.
    pub downloads_per_peer: usize,
    /// Bodies kept for all peers that fetch them. The oldest of all is dropped. Default 65 536.
    pub downloads_total: usize,
    /// Bytes of bodies kept for all peers that fetch them. The oldest of all is dropped.
    /// Default 64 MiB.
    pub download_bytes_total: usize,
    /// Observe relations of one peer. One more is answered without Observe. Default 128.
    pub relations_per_peer: usize,
    /// Observe relations of all peers. One more is answered without Observe. Default 1 048 576.
    pub relations_total: usize,
    /// Datagrams waiting for [`poll_transmit`](crate::Endpoint::poll_transmit). One more is lost, as
    /// on a network. Default 262 144.
    pub transmit_queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            peers: 1 << 20,
            dedup_per_peer: 128,
            dedup_total: 1 << 20,
            dedup_bytes_per_peer: 64 << 10,
            dedup_bytes_total: 64 << 20,
            queue_per_peer: 128,
            requests_per_peer: 256,
            requests_total: 1 << 20,
            observations_per_peer: 128,
            observations_total: 1 << 20,
            exchanges_per_peer: 64,
            exchanges_total: 1 << 18,
            uploads_per_peer: 4,
            uploads_total: 1 << 14,
            upload_bytes_total: 64 << 20,
            downloads_per_peer: 8,
            downloads_total: 1 << 16,
            download_bytes_total: 64 << 20,
            relations_per_peer: 128,
            relations_total: 1 << 20,
            transmit_queue: 1 << 18,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_times_of_rfc_7252_section_4_8_2() {
        let t = Transmission::default();
        assert_eq!(t.max_transmit_span(), Duration::from_secs(45));
        assert_eq!(t.exchange_lifetime(), Duration::from_secs(247));
        assert_eq!(t.non_lifetime(), Duration::from_secs(145));
    }
}
