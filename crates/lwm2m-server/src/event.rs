use std::net::SocketAddr;
use std::time::SystemTime;

use coap_codec::Code;
use lwm2m_model::{Node, Path};
use registry_core::{Diff, Registration, Removal};

/// Something that happened to the fleet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerEvent {
    /// Strictly increasing, also over restarts; below 2⁵³.
    pub id: u64,
    /// When.
    pub time: SystemTime,
    /// The number of the device's request that caused it, the same in the log lines about that
    /// request; `None` for what no request caused.
    pub cid: Option<u64>,
    /// The endpoint it happened to, where one is known.
    pub endpoint: Option<String>,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// A device registered.
    #[non_exhaustive]
    RegistrationCreated {
        /// As it is now.
        registration: Registration,
        /// Whether it took the place of an earlier registration of the same endpoint.
        replaced: bool,
    },
    /// A device updated its registration.
    #[non_exhaustive]
    RegistrationUpdated {
        /// As it is now.
        registration: Registration,
        /// What changed.
        diff: Diff,
    },
    /// A registration is gone.
    #[non_exhaustive]
    RegistrationRemoved {
        /// As it was.
        registration: Registration,
        /// Why.
        reason: Removal,
    },
    /// A request on the registration interface was refused.
    #[non_exhaustive]
    RegistrationRefused {
        /// Who asked.
        address: SocketAddr,
        /// The code it got.
        code: Code,
        /// The reason's stable name.
        reason: &'static str,
        /// The reason in words.
        detail: String,
        /// Refusals before this one that were only counted, because there were too many
        /// ([`Config::refusals_per_second`](crate::Config::refusals_per_second)).
        untold: u64,
    },
    /// A device accepted an observation.
    #[non_exhaustive]
    ObservationStarted {
        /// What is observed.
        path: Path,
        /// The first value; `None` when it could not be decoded.
        node: Option<Node>,
    },
    /// A device reported a new value.
    #[non_exhaustive]
    ObservationNotified {
        /// What is observed.
        path: Path,
        /// The value; `None` when it could not be decoded.
        node: Option<Node>,
        /// Why it could not be decoded.
        problem: Option<String>,
    },
    /// An observation is over, or could not be established.
    #[non_exhaustive]
    ObservationEnded {
        /// What was observed.
        path: Path,
        /// Why, in words.
        reason: String,
    },
    /// The server stops.
    ShuttingDown,
}

impl EventKind {
    /// The event's stable name, for example `registration.created`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RegistrationCreated { .. } => "registration.created",
            Self::RegistrationUpdated { .. } => "registration.updated",
            Self::RegistrationRemoved { .. } => "registration.removed",
            Self::RegistrationRefused { .. } => "registration.refused",
            Self::ObservationStarted { .. } => "observation.started",
            Self::ObservationNotified { .. } => "observation.notified",
            Self::ObservationEnded { .. } => "observation.ended",
            Self::ShuttingDown => "server.stopping",
        }
    }
}
