use core::time::Duration;

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
    /// Peers (address and listener) with transport state. When full, the one that was silent
    /// longest among those without a request or observation gives way; without such a one a new
    /// peer's datagrams are dropped.
    pub peers: usize,
    /// Calls to devices that run or observe at the same time. Further ones fail with
    /// [`CallFailure::Overloaded`](crate::CallFailure::Overloaded).
    pub calls: usize,
    /// Registration requests that wait for the registry. Further ones are answered with 5.03.
    pub uplinks: usize,
    /// Longest datagram sent, bytes.
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
            peers: 1 << 20,
            calls: 1 << 20,
            uplinks: 1 << 16,
            max_datagram: 1152,
            explain_to_strangers: false,
            retry_after: Duration::from_secs(30),
        }
    }
}
