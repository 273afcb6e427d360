//! The one decision: may this identity speak for this endpoint.

use crate::{Credential, DeviceRecord, Identity, Reason, check_endpoint};

/// What the device asked for. It decides over the code of a refusal, and over what has to be proven.
#[derive(Clone, Copy, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum Interface {
    /// Register: to be known under an endpoint name.
    Register,
    /// Update: to change a registration.
    Update,
    /// De-register: to end a registration.
    Deregister,
    /// Send: to report values under a registration.
    Send,
    /// Bootstrap-Request: to be configured under an endpoint name.
    Bootstrap,
}

/// What the store said about the device record of an endpoint.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the closed set of answers; the third one must never be forgotten"
)]
pub enum Lookup<'a> {
    /// There is this record.
    Found(&'a DeviceRecord),
    /// There certainly is none.
    Absent,
    /// Nobody knows: the store is down, missing, or holds bytes that cannot be read.
    Unavailable,
}

/// Who may come without security although no record says anything about it: a record overrides.
#[derive(Clone, Copy, Eq, PartialEq, Hash, Debug, Default)]
#[expect(clippy::exhaustive_enums, reason = "the three settings of one switch")]
pub enum NoSecPolicy {
    /// Every endpoint that has no record.
    #[default]
    Open,
    /// Only endpoints whose record says so.
    Known,
    /// As `Known`, and others are told that NoSec is off.
    Off,
}

/// Everything that the decision looks at.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever asks must have thought of every part"
)]
pub struct Access<'a> {
    /// What was asked for.
    pub interface: Interface,
    /// The endpoint name that is claimed (Register, Bootstrap), or of the registration in question.
    pub endpoint: &'a str,
    /// What the sender has proven.
    pub identity: &'a Identity,
    /// What is recorded about the endpoint. Where a registration is asked about it need not be loaded: say
    /// [`Lookup::Unavailable`], and what was revoked is known by the registration having been ended.
    pub record: Lookup<'a>,
    /// Who holds the live registration of the endpoint, if there is one.
    pub holder: Option<&'a Identity>,
    /// Who may come without security where no record tells.
    pub nosec: NoSecPolicy,
}

/// On what ground access was given.
#[derive(Clone, Copy, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum Grant {
    /// A record names the identity.
    Record,
    /// The endpoint has no credential, and such are let in without security.
    OpenNoSec,
    /// A certificate that is trusted carries the endpoint name.
    Certificate,
    /// The sender holds the registration.
    Holder,
}

/// Decides whether an identity may speak for an endpoint.
///
/// A NoSec sender never gets an endpoint that has a credential: neither one that stands in the record nor one
/// with which the live registration came. If the store cannot tell, the answer is no.
///
/// # Errors
/// The [`Reason`]; [`Reason::coap_code`] is what to answer.
///
/// ```
/// use lwm2m_identity::{Access, Identity, Interface, Lookup, NoSecPolicy, Reason, authorize};
///
/// let access = Access {
///     interface: Interface::Register,
///     endpoint: "lamp",
///     identity: &Identity::None,
///     record: Lookup::Unavailable,
///     holder: None,
///     nosec: NoSecPolicy::Open,
/// };
/// assert_eq!(authorize(&access), Err(Reason::StoreDown));
/// assert!(authorize(&Access { record: Lookup::Absent, ..access }).is_ok());
/// ```
pub fn authorize(access: &Access<'_>) -> Result<Grant, Reason> {
    match access.interface {
        Interface::Register | Interface::Bootstrap => admit(access),
        Interface::Update | Interface::Deregister | Interface::Send => match access.holder {
            None => Err(Reason::UnknownRegistration),
            Some(holder) if holder == access.identity => match access.record {
                Lookup::Found(record) => recorded(access, record).map(|_| Grant::Holder),
                Lookup::Absent | Lookup::Unavailable => Ok(Grant::Holder),
            },
            Some(_) => Err(Reason::NotOwner),
        },
    }
}

/// The endpoint name that a request is about: the one that was sent, else the one whose credential was shown, else
/// the one that the identity says itself.
///
/// `sent` is `ep` as it came; `owner` is the endpoint of the [`CredentialRecord`](crate::CredentialRecord) of the
/// identity, if there is one. Whether the sender may speak for that endpoint is decided by [`authorize`].
///
/// # Errors
/// [`Reason::EndpointMissing`] if nothing tells, [`Reason::EndpointInvalid`] for a name that cannot be one.
///
/// # Specification
/// LwM2M 1.1 core, registration: `ep` may be left out if the secure identity says it.
///
/// ```
/// use lwm2m_identity::{Identity, Reason, claimed_endpoint};
///
/// let key = Identity::RawPublicKey { key: "DER".into() };
/// assert_eq!(claimed_endpoint(None, &key, Some("lamp")), Ok("lamp"));
/// assert_eq!(claimed_endpoint(None, &key, None), Err(Reason::EndpointMissing));
/// ```
pub fn claimed_endpoint<'a>(
    sent: Option<&'a str>,
    identity: &'a Identity,
    owner: Option<&'a str>,
) -> Result<&'a str, Reason> {
    let owner = owner.filter(|_| !identity.is_none());
    let name = sent.or(owner).or_else(|| identity.endpoint());
    let name = name.ok_or(Reason::EndpointMissing)?;
    check_endpoint(name).map_err(|_| Reason::EndpointInvalid)?;
    Ok(name)
}

fn admit(access: &Access<'_>) -> Result<Grant, Reason> {
    if check_endpoint(access.endpoint).is_err() {
        return Err(Reason::EndpointInvalid);
    }
    match (access.record, access.identity) {
        (Lookup::Unavailable, _) => Err(Reason::StoreDown),
        (Lookup::Found(record), _) => recorded(access, record),
        (Lookup::Absent, Identity::None) => admit_nosec(access, None),
        (Lookup::Absent, Identity::X509 { names }) => {
            if names.iter().any(|name| name == access.endpoint) {
                Ok(Grant::Certificate)
            } else {
                Err(Reason::IdentityMismatch)
            }
        }
        (Lookup::Absent, Identity::Psk { .. } | Identity::RawPublicKey { .. }) => {
            Err(Reason::EndpointNotAdmitted)
        }
    }
}

/// There is a record, and it overrides whatever holds without.
fn recorded(access: &Access<'_>, record: &DeviceRecord) -> Result<Grant, Reason> {
    let fits = |credential: &Credential| credential.fits(access.identity);
    match access.identity {
        Identity::None if !record.credentials.is_empty() => Err(Reason::CredentialRequired),
        Identity::None => admit_nosec(access, Some(record.nosec)),
        _ if record.credentials.iter().any(fits) => Ok(Grant::Record),
        _ => Err(Reason::IdentityMismatch),
    }
}

/// The endpoint has no credential in a record; `recorded` is what the record says about NoSec, if there is one.
fn admit_nosec(access: &Access<'_>, recorded: Option<bool>) -> Result<Grant, Reason> {
    if access.holder.is_some_and(|holder| !holder.is_none()) {
        return Err(Reason::CredentialRequired);
    }
    match (access.nosec, recorded) {
        (_, Some(true)) => Ok(Grant::Record),
        (NoSecPolicy::Off, _) => Err(Reason::NoSecOff),
        (NoSecPolicy::Open, None) => Ok(Grant::OpenNoSec),
        (NoSecPolicy::Known, None) | (_, Some(false)) => Err(Reason::EndpointNotAdmitted),
    }
}
