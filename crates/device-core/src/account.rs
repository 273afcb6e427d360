//! What a device knows of a server: where it is, how it is spoken to and on which terms.

use alloc::{string::String, vec::Vec};
use core::{fmt, num::NonZeroU16};

use dtls_core::{CipherSuite, Secret};
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
    /// The server's URI, for example `coap://[::1]:5683`, or `coaps://lwm2m.example` with credentials.
    pub uri: String,
    /// How the device proves who it is, and the server too.
    pub security: Security,
    /// The name of the server for server_name and for its certificate (resource 14), where it is not that of the URI:
    /// a host name, never an address.
    pub server_name: Option<String>,
    /// The cipher suites to offer (resource 16), the most wanted one first; empty for those that LwM2M recommends.
    pub cipher_suites: Vec<CipherSuite>,
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
            server_name: None,
            cipher_suites: Vec::new(),
            settings: ServerSettings::default(),
        }
    }

    /// Sets the registration lifetime in seconds; 0 is infinite (LwM2M 1.1 and later).
    #[must_use]
    pub fn with_lifetime(mut self, seconds: u32) -> Self {
        self.settings.lifetime = Lifetime::from_seconds(seconds);
        self
    }

    /// Sets the credentials. They are judged when they are used: by the join, which knows the suites that are built.
    #[must_use]
    pub fn with_security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }
}

/// How messages to a server are protected: the resources 2 to 5, 13 and 15 of the Security object.
///
/// Nothing secret shows in `Debug`.
///
/// # Specification
/// LwM2M 1.2 Core §E.1.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Security {
    /// Not at all: CoAP over plain UDP.
    NoSec,
    /// DTLS with a key that both have.
    Psk(Psk),
    /// DTLS with bare public keys (RFC 7250).
    RawPublicKey(RawPublicKey),
    /// DTLS with certificates.
    X509(X509),
}

impl Security {
    /// A pre-shared key.
    #[must_use]
    pub fn psk(identity: impl Into<Vec<u8>>, key: Secret) -> Self {
        let identity = identity.into();
        Self::Psk(Psk { identity, key })
    }

    /// The device's own private key (DER: PKCS#8 or SEC1), and the server's public one (DER SubjectPublicKeyInfo).
    #[must_use]
    pub fn raw_public_key(key: Secret, server: impl Into<Vec<u8>>) -> Self {
        Self::RawPublicKey(RawPublicKey {
            key,
            server: server.into(),
            matching_type: 0,
        })
    }

    /// The device's own private key and chain (DER, its own certificate first), and the server's certificate (DER), which
    /// has to be that and no other: certificate usage 3. Change the fields for another usage.
    #[must_use]
    pub fn x509(key: Secret, chain: Vec<Vec<u8>>, server: impl Into<Vec<u8>>) -> Self {
        Self::X509(X509::new(key, chain, server))
    }

    /// Whether messages go over DTLS.
    #[must_use]
    pub const fn is_secured(&self) -> bool {
        !matches!(self, Self::NoSec)
    }
}

/// A pre-shared key.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Psk {
    /// Resource 3: the identity, 1 to 128 bytes, as a rule UTF-8.
    pub identity: Vec<u8>,
    /// Resource 5: the key, 1 to 64 bytes; fewer than 16 are weak.
    pub key: Secret,
}

/// A key pair, and the key of the server.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RawPublicKey {
    /// Resource 5: the device's own private key, in DER (PKCS#8 or SEC1).
    pub key: Secret,
    /// Resource 4: the server's SubjectPublicKeyInfo in DER, or its hash.
    pub server: Vec<u8>,
    /// Resource 13: 0 where `server` is the key itself, 1, 2 or 3 where it is its SHA-256, SHA-384 or SHA-512.
    pub matching_type: u8,
}

/// A key with certificates, and what is known of the server's.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct X509 {
    /// Resource 5: the device's own private key, in DER (PKCS#8 or SEC1).
    pub key: Secret,
    /// Resource 3: the device's certificate in DER, and those that lead on to an authority.
    pub chain: Vec<Vec<u8>>,
    /// Resource 4: a certificate in DER, or its hash; `certificate_usage` says whose.
    pub server: Vec<u8>,
    /// Resource 13: 0 where `server` is the certificate itself, 1, 2 or 3 where it is its SHA-256, SHA-384 or SHA-512.
    pub matching_type: u8,
    /// Resource 15: what `server` is to the chain that the server shows: 0, an authority in it; 1, the server's own
    /// certificate; 2, the one authority that is trusted; 3, the server's own certificate, which suffices.
    pub certificate_usage: u8,
    /// The authorities, in DER, in which the chain has to end for the usages 0 and 1.
    pub anchors: Vec<Vec<u8>>,
}

impl X509 {
    /// As [`Security::x509`], for fields to be changed.
    #[must_use]
    pub fn new(key: Secret, chain: Vec<Vec<u8>>, server: impl Into<Vec<u8>>) -> Self {
        Self {
            key,
            chain,
            server: server.into(),
            matching_type: 0,
            certificate_usage: 3,
            anchors: Vec::new(),
        }
    }
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
