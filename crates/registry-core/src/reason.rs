//! Why the registry refused.

use coap_codec::Code;
use core::fmt;
use lwm2m_identity::Interface;

/// Why an operation was refused, the same from the log to the page.
#[derive(Clone, Copy, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The sender may not do it.
    Access(lwm2m_identity::Reason),
    /// The request says something that it must not.
    Request(lwm2m_ops::Reason),
    /// There is no room for another registration.
    Full,
    /// Too many operations wait for the store, or for this endpoint.
    Busy,
    /// Somebody else changed the record of the registration at the same time.
    Conflict,
}

impl Reason {
    /// The stable identifier for logs, events, metric labels and problem documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access(reason) => reason.as_str(),
            Self::Request(reason) => reason.as_str(),
            Self::Full => "registry_full",
            Self::Busy => "registry_busy",
            Self::Conflict => "store_conflict",
        }
    }

    /// The response code for this reason.
    #[must_use]
    pub const fn code(self, interface: Interface) -> Code {
        match self {
            Self::Access(reason) => Code(reason.coap_code(interface)),
            Self::Request(reason) => reason.code(),
            Self::Full | Self::Busy | Self::Conflict => Code::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<lwm2m_identity::Reason> for Reason {
    fn from(reason: lwm2m_identity::Reason) -> Self {
        Self::Access(reason)
    }
}

impl From<lwm2m_ops::Reason> for Reason {
    fn from(reason: lwm2m_ops::Reason) -> Self {
        Self::Request(reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Access(reason) => reason.fmt(f),
            Self::Request(reason) => reason.fmt(f),
            Self::Full => f.write_str("the registry is full"),
            Self::Busy => f.write_str("too many operations are waiting"),
            Self::Conflict => {
                f.write_str("the registration was changed by somebody else at the same time")
            }
        }
    }
}
