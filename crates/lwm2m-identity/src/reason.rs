//! Why a device was not let in.

use crate::Interface;
use core::fmt;

/// Why a device may not do what it asked for, the same from the log to the page.
///
/// Over the wire goes only [`coap_code`](Self::coap_code), which tells a stranger less than the reason does.
#[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// No endpoint name was sent, and the identity does not say one.
    EndpointMissing,
    /// The endpoint name is empty or too long.
    EndpointInvalid,
    /// There is no record of the endpoint, or one that lets nobody in, and none is admitted without.
    EndpointNotAdmitted,
    /// The proven identity is not one that may speak for the endpoint.
    IdentityMismatch,
    /// The endpoint has a credential and somebody claimed it without one.
    CredentialRequired,
    /// Devices without security are let in only by a record, and there is none that does.
    NoSecOff,
    /// No registration stands at the location, or none belongs to the sender.
    UnknownRegistration,
    /// The registration belongs to another identity.
    NotOwner,
    /// The owner came in by another of our own endpoints than the one it registered on.
    WrongListener,
    /// The sender's address changed, and moving a registration is not allowed.
    AddressMoved,
    /// The store could not tell who may come in, so nobody may.
    StoreDown,
}

impl Reason {
    /// Every reason, for tables of metrics and documentation.
    pub const ALL: &'static [Self] = &[
        Self::EndpointMissing,
        Self::EndpointInvalid,
        Self::EndpointNotAdmitted,
        Self::IdentityMismatch,
        Self::CredentialRequired,
        Self::NoSecOff,
        Self::UnknownRegistration,
        Self::NotOwner,
        Self::WrongListener,
        Self::AddressMoved,
        Self::StoreDown,
    ];

    /// The stable identifier for logs, events, metric labels and problem documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EndpointMissing => "endpoint_missing",
            Self::EndpointInvalid => "endpoint_invalid",
            Self::EndpointNotAdmitted => "endpoint_not_admitted",
            Self::IdentityMismatch => "identity_mismatch",
            Self::CredentialRequired => "credential_required",
            Self::NoSecOff => "nosec_off",
            Self::UnknownRegistration => "unknown_registration",
            Self::NotOwner => "not_owner",
            Self::WrongListener => "wrong_listener",
            Self::AddressMoved => "address_moved",
            Self::StoreDown => "store_down",
        }
    }

    /// The CoAP response code for this reason as its wire byte (`0x83` is 4.03).
    ///
    /// # Specification
    /// LwM2M 1.2 core, response codes of the bootstrap and registration interfaces: a refused Register is 4.03, a
    /// refused Bootstrap-Request 4.00. Whoever does not own a registration is answered as if there were none.
    #[must_use]
    pub const fn coap_code(self, interface: Interface) -> u8 {
        match (self, interface) {
            (Self::StoreDown, _) => code(5, 3),
            (Self::EndpointMissing | Self::EndpointInvalid | Self::WrongListener, _) => code(4, 0),
            (Self::UnknownRegistration | Self::NotOwner | Self::AddressMoved, _) => code(4, 4),
            (_, Interface::Register) => code(4, 3),
            (_, Interface::Bootstrap) => code(4, 0),
            (_, Interface::Update | Interface::Deregister | Interface::Send) => code(4, 4),
        }
    }
}

const fn code(class: u8, detail: u8) -> u8 {
    class << 5 | detail
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndpointMissing => {
                "the device sent no endpoint name and its identity does not tell one"
            }
            Self::EndpointInvalid => "the endpoint name is empty or longer than 252 bytes",
            Self::EndpointNotAdmitted => "there is no record that lets this endpoint in",
            Self::IdentityMismatch => "the identity of the sender may not speak for this endpoint",
            Self::CredentialRequired => {
                "the endpoint has a credential and cannot come in without security"
            }
            Self::NoSecOff => "devices without security are let in only by a record",
            Self::UnknownRegistration => "there is no such registration",
            Self::NotOwner => "the registration belongs to another identity",
            Self::WrongListener => "the device registered on another address of this server",
            Self::AddressMoved => "the device's address changed and registrations may not move",
            Self::StoreDown => "the store cannot be reached, so nobody is let in",
        })
    }
}
