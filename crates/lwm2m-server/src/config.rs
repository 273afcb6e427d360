use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How a [`Server`](crate::Server) runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Addresses for CoAP over UDP without security. Default: port 5683 of both loopback addresses,
    /// because without security nobody but the own machine should reach it.
    pub coap: Vec<SocketAddr>,
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
    /// Refused registrations told in a second, as events and in the log; more are only counted.
    /// Default 20.
    pub refusals_per_second: u32,
    /// Calls to devices that wait in a shard's queue. Default 4096.
    pub call_queue: usize,
    /// How long a shutdown waits for answers that are under way. Default 2 s.
    pub shutdown_grace: Duration,
    /// The protocol machine of each shard.
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
