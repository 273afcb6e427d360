//! What a device is called, which versions it speaks and how much it holds.

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use coap_codec::ContentFormat;
use lwm2m_model::Lwm2mVersion;

/// The settings of a [`Device`](crate::Device).
///
/// ```
/// let mut config = device_core::Config::new("urn:dev:os:32473-123456");
/// config.max_observations = 16;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The endpoint name: 1 to 252 bytes.
    pub endpoint: String,
    /// The newest enabler version to register with.
    pub newest_version: Lwm2mVersion,
    /// The oldest version to fall back to when a server does not speak the newest (4.12).
    pub oldest_version: Lwm2mVersion,
    /// Whether to announce queue mode.
    pub queue_mode: bool,
    /// The alternate path of the objects: empty, or for example `/lwm2m`.
    pub root: String,
    /// The content formats that the registration lists beside the mandatory ones.
    pub formats: Vec<ContentFormat>,
    /// Further query parameters of Register.
    pub extra: Vec<(String, Option<String>)>,
    /// Whether notifications are confirmable where neither the server nor the observation says.
    pub confirmable_notifications: bool,
    /// After which time a server that was given up is tried again from the start, as there is no bootstrap server to
    /// ask for another. `None` leaves that to the application.
    pub retry_after_failure: Option<Duration>,
    /// Whether an answer that refuses says why in words. Off by default: over NoSec nobody knows who reads it.
    pub diagnostics: bool,
    /// Server accounts, at most.
    pub max_servers: usize,
    /// Objects, at most.
    pub max_objects: usize,
    /// Resource instances that one resource may get by a write.
    pub max_resource_instances: usize,
    /// Observations of all servers together. One more is answered as a plain read.
    pub max_observations: usize,
    /// Events that wait for the application; the oldest are lost when there are more.
    pub max_events: usize,
    /// Bytes of one answer or notification. A longer one is refused with 5.00.
    pub max_payload: usize,
}

impl Config {
    /// The default settings for an endpoint of this name.
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            newest_version: Lwm2mVersion::V1_1,
            oldest_version: Lwm2mVersion::V1_0,
            queue_mode: false,
            root: String::new(),
            formats: alloc::vec![
                ContentFormat::CBOR,
                ContentFormat::SENML_JSON,
                ContentFormat::SENML_CBOR,
                ContentFormat::TLV,
            ],
            extra: Vec::new(),
            confirmable_notifications: true,
            retry_after_failure: Some(Duration::from_secs(3600)),
            diagnostics: false,
            max_servers: 8,
            max_objects: 128,
            max_resource_instances: 256,
            max_observations: 64,
            max_events: 256,
            max_payload: 1 << 20,
        }
    }
}
