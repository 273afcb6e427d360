use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use coap_codec::Code;
use lwm2m_identity::Identity;
use lwm2m_model::{Node, Path};
use registry_core::{Diff, Registration, Removal};

use crate::Cid;

/// Something that happened to the fleet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerEvent {
    /// Strictly increasing, also over restarts; below 2⁵³.
    pub id: u64,
    /// When.
    pub time: SystemTime,
    /// The device's request or the call that caused it, the same in the log lines about that;
    /// `None` for what neither caused.
    pub cid: Option<Cid>,
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
    /// An operation that was asked of a device by [`Handle`](crate::Handle) succeeded.
    #[non_exhaustive]
    OperationDone {
        /// Which one: `read`, `write`, `execute`, `create`, `delete`, `discover` or `observe`.
        operation: &'static str,
        /// On what.
        path: Path,
        /// What the device answered.
        code: Code,
        /// From when it was asked for.
        took: Duration,
    },
    /// An operation that was asked of a device by [`Handle`](crate::Handle) brought nothing.
    #[non_exhaustive]
    OperationFailed {
        /// Which one, as in [`OperationDone`](Self::OperationDone).
        operation: &'static str,
        /// On what.
        path: Path,
        /// What the device answered, if it did.
        code: Option<Code>,
        /// Why, as [`CallError::id`](crate::CallError::id) names it; `withdrawn` when whoever asked did not
        /// wait for the end.
        reason: &'static str,
        /// The reason in words.
        detail: String,
        /// From when it was asked for.
        took: Duration,
    },
    /// A device has proven who it is.
    #[non_exhaustive]
    SessionOpened {
        /// What it has proven.
        identity: Identity,
        /// Where it is.
        address: SocketAddr,
        /// The cipher suite.
        suite: dtls_core::CipherSuite,
        /// Whether it went on with an earlier session.
        resumed: bool,
        /// Whether it may change its address.
        connection_id: bool,
    },
    /// A device with a connection id has another address.
    #[non_exhaustive]
    SessionMoved {
        /// Who.
        identity: Identity,
        /// Where it was.
        from: SocketAddr,
        /// Where it is.
        to: SocketAddr,
    },
    /// A session is over.
    #[non_exhaustive]
    SessionClosed {
        /// Whose it was.
        identity: Identity,
        /// Where it was.
        address: SocketAddr,
        /// The reason's stable name.
        reason: &'static str,
        /// The reason in words.
        detail: String,
    },
    /// A DTLS handshake failed. The device was told less.
    #[non_exhaustive]
    HandshakeFailed {
        /// With whom.
        address: SocketAddr,
        /// The reason's stable name.
        reason: &'static str,
        /// The reason in words.
        detail: String,
        /// What an operator may have done wrong, where that shows: an identity that differs by case, a key that is the
        /// text of a key.
        hint: Option<String>,
        /// Failures before this one that were only counted, because there were too many
        /// ([`Config::refusals_per_second`](crate::Config::refusals_per_second)).
        untold: u64,
    },
    /// What an endpoint may prove was set, by a call or by the security file.
    #[non_exhaustive]
    CredentialSet {
        /// The word for the mode: `nosec`, `psk`, `rpk` or `x509`, or `locked` for an endpoint that may prove nothing.
        mode: &'static str,
    },
    /// The record of what an endpoint may prove is gone.
    #[non_exhaustive]
    CredentialRemoved,
    /// The security file has changed and was taken over.
    #[non_exhaustive]
    SecurityReloaded {
        /// Endpoints of which something has changed.
        changed: usize,
    },
    /// The server shows another key or certificate from now on.
    #[non_exhaustive]
    IdentityChanged {
        /// Whether it shows its bare public key.
        raw_public_key: bool,
        /// Whether it shows a certificate.
        x509: bool,
    },
    /// The server trusts other authorities of devices from now on.
    #[non_exhaustive]
    TrustChanged {
        /// How many.
        trusted: usize,
        /// Whether the sessions of devices with certificates ended, because one that was trusted is not any more.
        ended: bool,
    },
    /// The security file, or another file of how devices come in, has changed and cannot be taken over; all is as before.
    #[non_exhaustive]
    SecurityRefused {
        /// Why.
        detail: String,
    },
    /// The server stops.
    ShuttingDown,
}

impl ServerEvent {
    /// About the bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        let name = self.endpoint.as_ref().map_or(0, String::capacity);
        size_of::<Self>()
            .saturating_add(name)
            .saturating_add(self.kind.memory())
    }
}

impl EventKind {
    fn memory(&self) -> usize {
        let node = |node: &Option<Node>| node.as_ref().map_or(0, Node::memory);
        match self {
            Self::RegistrationCreated { registration, .. }
            | Self::RegistrationRemoved { registration, .. } => registration.encoded_len(),
            Self::RegistrationUpdated { registration, diff } => {
                let paths = diff.added.len().saturating_add(diff.removed.len());
                paths
                    .saturating_mul(size_of::<Path>())
                    .saturating_add(registration.encoded_len())
            }
            Self::RegistrationRefused { detail, .. } | Self::OperationFailed { detail, .. } => {
                detail.capacity()
            }
            Self::ObservationStarted { node: value, .. } => node(value),
            Self::ObservationNotified {
                node: value,
                problem,
                ..
            } => node(value).saturating_add(problem.as_ref().map_or(0, String::capacity)),
            Self::ObservationEnded { reason, .. } => reason.capacity(),
            Self::SessionOpened { identity, .. } | Self::SessionMoved { identity, .. } => {
                names(identity)
            }
            Self::SessionClosed {
                identity, detail, ..
            } => names(identity).saturating_add(detail.capacity()),
            Self::HandshakeFailed { detail, hint, .. } => {
                let hint = hint.as_ref().map_or(0, String::capacity);
                detail.capacity().saturating_add(hint)
            }
            Self::SecurityRefused { detail } => detail.capacity(),
            Self::CredentialSet { .. }
            | Self::CredentialRemoved
            | Self::OperationDone { .. }
            | Self::SecurityReloaded { .. }
            | Self::IdentityChanged { .. }
            | Self::TrustChanged { .. }
            | Self::ShuttingDown => 0,
        }
    }

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
            Self::OperationDone { .. } => "operation.done",
            Self::OperationFailed { .. } => "operation.failed",
            Self::SessionOpened { .. } => "session.opened",
            Self::SessionMoved { .. } => "session.moved",
            Self::SessionClosed { .. } => "session.closed",
            Self::HandshakeFailed { .. } => "handshake.failed",
            Self::CredentialSet { .. } => "credential.set",
            Self::CredentialRemoved => "credential.removed",
            Self::SecurityReloaded { .. } => "security.reloaded",
            Self::IdentityChanged { .. } => "identity.changed",
            Self::TrustChanged { .. } => "trust.changed",
            Self::SecurityRefused { .. } => "security.refused",
            Self::ShuttingDown => "server.stopping",
        }
    }
}

/// Bytes of an identity beside itself.
fn names(identity: &Identity) -> usize {
    match identity {
        Identity::Psk { identity } => identity.len(),
        Identity::RawPublicKey { key } => key.len(),
        Identity::X509 { names } => {
            let lengths = names.iter().map(String::capacity);
            lengths.fold(size_of_val(names.as_slice()), usize::saturating_add)
        }
        _ => 0,
    }
}
