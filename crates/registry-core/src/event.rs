//! What the registry tells about itself.

use crate::{Diff, Reason, Registration};
use alloc::string::String;
use core::net::SocketAddr;
use lwm2m_identity::Interface;

/// Something that happened in the registry, in the order in which it happened.
///
/// Answers and events come out by different polls: send the answer first, so that whoever acts on the event finds a
/// device that knows it is registered.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A device registered.
    Registered {
        /// The new registration.
        registration: Registration,
        /// The one of the same endpoint that it replaced. A [`Removed`](Self::Removed) tells of it just before.
        replaced: Option<Registration>,
    },
    /// A device renewed or changed its registration.
    Updated {
        /// How it is now.
        registration: Registration,
        /// How it was.
        previous: Registration,
        /// What changed; empty if it was only renewed.
        diff: Diff,
    },
    /// A registration ended. Its location, observations and pending downlinks ended with it.
    Removed {
        /// How it was.
        registration: Registration,
        /// Why it ended.
        reason: Removal,
    },
    /// An operation was refused.
    Refused {
        /// What was asked for.
        interface: Interface,
        /// The endpoint that was claimed or meant, as far as known. As it came: escape it wherever it is shown.
        endpoint: Option<String>,
        /// Why.
        reason: Reason,
        /// Who asked; `None` for an administrator.
        address: Option<SocketAddr>,
    },
}

/// Why a registration ended.
#[derive(Clone, Copy, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum Removal {
    /// The device said so.
    Deregistered,
    /// Its lifetime passed without an Update.
    Expired,
    /// The device registered again.
    Replaced,
    /// An administrator removed it.
    Admin,
    /// The device came in by a credential that is no longer good.
    Revoked,
}

impl Removal {
    /// The stable identifier for logs, events and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deregistered => "deregistered",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
            Self::Admin => "admin",
            Self::Revoked => "revoked",
        }
    }
}
