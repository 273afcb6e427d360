use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use dtls_core::{Resumptions, Suites};

use crate::X509Names;

/// What a [`ServerStack`](crate::ServerStack) allows and how it is cut.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The CoAP endpoint below.
    pub coap: coap_endpoint::Config,
    /// Which shard of the server this stack is. Registrations remember it as their route: calls to
    /// a device leave by the shard that hears it.
    pub shard: u16,
    /// Partitions of the registry, 1 or more. The same for all shards of a server.
    pub partitions: u16,
    /// Which listeners speak DTLS, and how; `None` for none.
    pub security: Option<Security>,
    /// Peers without security (address and listener) with transport state. When full, the one that was silent
    /// longest among those without a request or observation gives way; without such a one a new
    /// peer's datagrams are dropped.
    pub peers: usize,
    /// Calls to devices that run or observe at the same time. Further ones fail with
    /// [`CallFailure::Overloaded`](crate::CallFailure::Overloaded).
    pub calls: usize,
    /// Registration requests that wait for the registry. Further ones are answered with 5.03.
    pub uplinks: usize,
    /// Longest datagram sent without security, bytes.
    pub max_datagram: usize,
    /// Whether a refusal carries its reason as text to peers that did not authenticate. Off by
    /// default; a listener that only the own machine reaches may turn it on.
    pub explain_to_strangers: bool,
    /// The Max-Age of a 5.03 answer: when to try again.
    pub retry_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            coap: coap_endpoint::Config::default(),
            shard: 0,
            partitions: 1,
            security: None,
            peers: 1 << 20,
            calls: 1 << 20,
            uplinks: 1 << 16,
            max_datagram: 1152,
            explain_to_strangers: false,
            retry_after: Duration::from_secs(30),
        }
    }
}

/// The listeners that speak DTLS: who comes in by them has proven who it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Security {
    /// The numbers of these listeners; all others are without security.
    pub listeners: Vec<u16>,
    /// What peers can prove themselves with.
    pub suites: Arc<dyn Suites>,
    /// The DTLS endpoint. The number of sessions is bounded here.
    pub dtls: dtls_core::Config,
    /// Where the sessions are kept that devices may go on with, if that is not here alone: several stacks of one server share
    /// them, because a device with a new address may come to another one.
    pub resumptions: Option<Arc<dyn Resumptions>>,
    /// How the names of a certificate are read out of what its suite tells. The default knows no certificates.
    pub x509_names: X509Names,
    /// Longest datagram sent, record and all, bytes. The default fits the smallest MTU of IPv6.
    pub max_datagram: usize,
    /// Sessions that one identity can have; the oldest gives way to one more.
    pub sessions_per_identity: usize,
    /// Whether this server begins handshakes itself with devices that listen and have no session.
    pub connect: bool,
}

impl Security {
    /// DTLS on these listeners, with these suites.
    pub fn new(listeners: Vec<u16>, suites: Arc<dyn Suites>) -> Self {
        Self {
            listeners,
            suites,
            dtls: dtls_core::Config::default(),
            resumptions: None,
            x509_names: |_| None,
            max_datagram: 1232,
            sessions_per_identity: 4,
            connect: true,
        }
    }
}
