//! What a device knows of a server: where it is, how it is spoken to and on which terms.

use alloc::string::String;
use core::{fmt, num::NonZeroU16};

use lwm2m_ops::{Binding, Lifetime};

/// The Short Server ID: names a server within one device.
///
/// # Specification
/// LwM2M 1.1 Core §E.1, resource 10: 1 to 65534.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ServerId(NonZeroU16);

impl ServerId {
    /// Takes a Short Server ID; `None` for 0 and 65535, which are reserved.
    #[must_use]
    pub const fn new(id: u16) -> Option<Self> {
        match NonZeroU16::new(id) {
            Some(id) if id.get() != u16::MAX => Some(Self(id)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One server that the device is to know: an instance of the Security object and one of the Server object.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServerAccount {
    /// The Short Server ID.
    pub server: ServerId,
    /// The server's URI, for example `coap://[::1]:5683`.
    pub uri: String,
    /// How the device proves who it is, and the server too.
    pub security: Security,
    /// The values of the Server object instance to start from. A server may change them later.
    pub settings: ServerSettings,
}

impl ServerAccount {
    /// An account without security, on the default terms.
    #[must_use]
    pub fn new(server: ServerId, uri: impl Into<String>) -> Self {
        Self {
            server,
            uri: uri.into(),
            security: Security::NoSec,
            settings: ServerSettings::default(),
        }
    }

    /// Sets the registration lifetime in seconds; 0 is infinite (LwM2M 1.1 and later).
    #[must_use]
    pub fn with_lifetime(mut self, seconds: u32) -> Self {
        self.settings.lifetime = Lifetime::from_seconds(seconds);
        self
    }
}

/// How messages to a server are protected.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Security {
    /// Not at all: CoAP over plain UDP.
    NoSec,
}

/// The terms of a server: the values of its Server object instance.
///
/// `None` leaves the resource away; the defaults of the specification hold then.
///
/// # Specification
/// LwM2M 1.2 Core §E.2; the counters and timers from `priority` on: §6.2.1.2.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServerSettings {
    /// Resource 1: how long a registration lives without an Update.
    pub lifetime: Lifetime,
    /// Resource 2: seconds between two notifications, at least.
    pub min_period: Option<u32>,
    /// Resource 3: seconds between two notifications, at most.
    pub max_period: Option<u32>,
    /// Resource 5: seconds of silence after an executed Disable; 86400 when absent.
    pub disable_timeout: Option<u32>,
    /// Resource 6: whether notifications are kept while the server is disabled or the device offline.
    pub store_notifications: bool,
    /// Resource 7: the transports to use.
    pub binding: Binding,
    /// Resource 13: servers with a number register one after the other, ascending.
    pub priority: Option<u32>,
    /// Resource 14: seconds to wait before the first registration.
    pub initial_delay: Option<u32>,
    /// Resource 15: whether servers later in the order wait until this one succeeds.
    pub failure_block: Option<bool>,
    /// Resource 17: attempts in a sequence; 5 when absent.
    pub retry_count: Option<u32>,
    /// Resource 18: seconds before the second attempt, doubled for every further one; 60 when absent.
    pub retry_timer: Option<u32>,
    /// Resource 19: seconds between two sequences; 86400 when absent, 2³²−1 for no further sequence.
    pub sequence_delay: Option<u32>,
    /// Resource 20: number of sequences; 1 when absent.
    pub sequence_count: Option<u32>,
    /// Resource 26: whether notifications are confirmable when nothing else says.
    pub confirmable_notifications: Option<bool>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            lifetime: Lifetime::DEFAULT,
            min_period: None,
            max_period: None,
            disable_timeout: None,
            store_notifications: true,
            binding: Binding::UDP,
            priority: None,
            initial_delay: None,
            failure_block: None,
            retry_count: None,
            retry_timer: None,
            sequence_delay: None,
            sequence_count: None,
            confirmable_notifications: None,
        }
    }
}

/// Why an account is not added.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The device has an account with this Short Server ID.
    #[error("an account with this short server id exists")]
    Duplicate,
    /// [`Config::max_servers`](crate::Config::max_servers) is reached.
    #[error("no room for another server")]
    Full,
    /// The device has no Server object: it was replaced or removed by the application.
    #[error("the device has no server object")]
    NoServerObject,
}
