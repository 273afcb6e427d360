use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use dtls_ecdsa::{Anchors, Credentials};

/// How a [`Server`](crate::Server) runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Addresses for CoAP over UDP without security. Default: port 5683 of both loopback addresses,
    /// because without security nobody but the own machine should reach it.
    pub coap: Vec<SocketAddr>,
    /// Addresses for CoAP over DTLS. Default: none.
    pub coaps: Vec<SocketAddr>,
    /// What devices prove, and what this server shows, on the addresses of [`coaps`](Self::coaps).
    pub security: Security,
    /// Shards: tasks with a socket of their own per address. Default: one per core.
    pub shards: usize,
    /// Partitions of the registry. Default: four per shard.
    pub partitions: u16,
    /// Events kept for readers that come later or are slow; the oldest make room. Default 10 000.
    pub events: usize,
    /// Bytes of memory that they may take, the newest excepted: values and lists of objects are as large as
    /// devices make them. Default 16 MiB.
    pub event_bytes: usize,
    /// Bytes of memory that the last values of all observations may take. A value beyond is told as an event and not
    /// kept. Default 64 MiB.
    pub observed_bytes: usize,
    /// Refused registrations told in a second, and as many failed handshakes, as events and in the log; more are only counted.
    /// Default 20.
    pub refusals_per_second: u32,
    /// Calls to devices that wait in a shard's queue. Default 4096.
    pub call_queue: usize,
    /// How long a shutdown waits for answers that are under way. Default 2 s.
    pub shutdown_grace: Duration,
    /// The protocol machine of each shard. Its [`security`](server_stack::Config::security) is set by the server.
    pub stack: server_stack::Config,
    /// The partitions of the registry.
    pub registry: registry_core::Config,
}

impl Default for Config {
    fn default() -> Self {
        let shards = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            coap: vec![
                SocketAddr::from((Ipv4Addr::LOCALHOST, 5683)),
                SocketAddr::from((Ipv6Addr::LOCALHOST, 5683)),
            ],
            coaps: Vec::new(),
            security: Security::default(),
            shards,
            partitions: u16::try_from(shards.saturating_mul(4)).unwrap_or(64).max(1),
            events: 10_000,
            event_bytes: 16 << 20,
            observed_bytes: 64 << 20,
            refusals_per_second: 20,
            call_queue: 4096,
            shutdown_grace: Duration::from_secs(2),
            stack: server_stack::Config::default(),
            registry: registry_core::Config::default(),
        }
    }
}

/// How DTLS is spoken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Security {
    /// The server's own key with its certificates, its bare key, or both. Default: none, so that devices can come in by
    /// pre-shared keys alone.
    pub credentials: Option<Credentials>,
    /// The authorities of devices that show certificates. Default: none, so that no certificate is good.
    pub anchors: Anchors,
    /// Bytes of the connection ids that devices are given (RFC 9146), so that they may change their address; 0 for none,
    /// fewer than 4 count as 4. The first tell the shard. Default 8.
    pub connection_id: u8,
    /// Limits of the DTLS endpoint of each shard: sessions, handshakes, resumption, times. Its connection ids are set by
    /// [`connection_id`](Self::connection_id). Default: its own, but for resumption (10 000 sessions, of all
    /// shards together) and for sessions that
    /// end when they were silent for 30 days: longer than devices sleep that keep their session by a connection id.
    pub dtls: dtls_core::Config,
    /// Sessions that one identity can have in a shard. Default 4.
    pub sessions_per_identity: usize,
    /// A file of security records, TOML or JSON by its name: read at the start, and again when it has changed. Default:
    /// none.
    pub file: Option<PathBuf>,
    /// How often to look whether the file has changed. Default 2 s.
    pub file_interval: Duration,
}

impl Default for Security {
    fn default() -> Self {
        let mut dtls = dtls_core::Config::default();
        dtls.resumptions = 10_000;
        dtls.session_lifetime = Some(Duration::from_secs(30 * 86_400));
        Self {
            credentials: None,
            anchors: Anchors::default(),
            connection_id: 8,
            dtls,
            sessions_per_identity: 4,
            file: None,
            file_interval: Duration::from_secs(2),
        }
    }
}
