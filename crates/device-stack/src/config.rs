//! How the stack speaks.

use core::time::Duration;

/// The settings of a [`DeviceStack`](crate::DeviceStack), beside those of the device itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Transmission parameters and limits of the CoAP layer.
    ///
    /// An observation outlives a notification that nobody acknowledged (`observe.keep_on_timeout`): it ends with the
    /// registration and not before, as the server would never learn of it.
    pub coap: coap_endpoint::Config,
    /// How DTLS is spoken. Connection ids: the device sends with the server's and wants none itself.
    pub dtls: dtls_core::Config,
    /// How often a handshake is tried again, a second and more apart, when an alert says that this may help.
    pub handshake_retries: u8,
    /// The largest datagram to send, in bytes of CoAP: 1152 is safe on the internet, with DTLS around it too.
    pub max_datagram: usize,
    /// How long to wait for the answer to an operation after the server has acknowledged it.
    pub answer_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let mut coap = coap_endpoint::Config::default();
        // A device speaks with a few servers; its tables need no room for a fleet.
        coap.limits.peers = 64;
        coap.observe.keep_on_timeout = true;
        let mut dtls = dtls_core::Config::default();
        dtls.connection_id = dtls_core::ConnectionIdPolicy::Send;
        dtls.handshakes = 64;
        dtls.sessions = 64;
        dtls.replies = 64;
        Self {
            coap,
            dtls,
            handshake_retries: 2,
            max_datagram: 1152,
            answer_timeout: Duration::from_secs(120),
        }
    }
}
