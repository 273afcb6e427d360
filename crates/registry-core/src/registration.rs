//! One registered device.

use crate::{
    partition,
    record::{self, DecodeError, Facts, View},
};
use alloc::{string::String, vec::Vec};
use bytes::Bytes;
use core::{fmt, net::SocketAddr, time::Duration};
use lwm2m_identity::Identity;
use lwm2m_model::Lwm2mVersion;
use lwm2m_ops::{Binding, Extra, Lifetime, ObjectList, RegistrationId};

/// One registered device, as it was at one moment.
///
/// Cloning is cheap and allocates nothing: the facts stand in one shared block of bytes, the very bytes that the store
/// keeps. [`objects`](Self::objects), [`extra`](Self::extra) and a proven [`identity`](Self::identity) are read out of
/// it anew at each call; keep the result where it is used often.
#[derive(Clone, PartialEq)]
pub struct Registration {
    record: Bytes,
    updated_at: u64,
}

impl Registration {
    /// Reads the record of a store.
    ///
    /// # Errors
    /// Anything that the registry did not write. No bytes make it panic.
    pub fn decode(record: impl Into<Bytes>) -> Result<Self, DecodeError> {
        let record = record.into();
        let updated_at = View::check(&record)?.updated_at;
        Ok(Self { record, updated_at })
    }

    pub(crate) fn new(facts: &Facts<'_>) -> Option<Self> {
        Some(Self {
            record: record::encode(facts)?,
            updated_at: facts.updated_at,
        })
    }

    /// The location that the device was given: `/rd/` and this.
    #[must_use]
    pub fn id(&self) -> RegistrationId {
        let (tag, secret) = self
            .view()
            .map_or((0, [0; 9]), |view| (view.tag(), view.secret));
        partition::write(tag, secret)
    }

    /// The name of the device, unique in the registry. Any characters: escape it wherever it is shown.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        core::str::from_utf8(self.endpoint_bytes()).unwrap_or_default()
    }

    /// What the device proved when it registered.
    #[must_use]
    pub fn identity(&self) -> Identity {
        record::decode_identity(self.identity_bytes()).unwrap_or_default()
    }

    /// Where it was last heard.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        record::decode_address(&self.address_bytes().try_into().unwrap_or([0; 22]))
    }

    /// By which of our own endpoints it registered, as numbered by the runtime.
    #[must_use]
    pub fn local_endpoint(&self) -> u16 {
        self.view().map_or(0, |view| view.local_endpoint)
    }

    /// The [`Caller::route`](crate::Caller::route) by which it was last heard.
    #[must_use]
    pub fn route(&self) -> u16 {
        self.view().map_or(0, |view| view.route)
    }

    /// How long it lives without an Update.
    #[must_use]
    pub fn lifetime(&self) -> Lifetime {
        self.view().map_or(Lifetime::DEFAULT, |view| view.lifetime)
    }

    /// The version of LwM2M that it speaks.
    #[must_use]
    pub fn version(&self) -> Lwm2mVersion {
        self.view().map_or(Lwm2mVersion::V1_0, |view| view.version)
    }

    /// The transports that it can be reached by.
    #[must_use]
    pub fn binding(&self) -> Binding {
        self.view().map_or(Binding::UDP, |view| view.binding)
    }

    /// Whether it sleeps and must not be sent anything until it was heard.
    #[must_use]
    pub fn queue_mode(&self) -> bool {
        self.view().is_some_and(|view| view.queue_mode())
    }

    /// Where a trigger by SMS can be sent to, as the device wrote it.
    #[must_use]
    pub fn sms(&self) -> Option<&str> {
        core::str::from_utf8(self.view()?.sms?).ok()
    }

    /// Parameters with no meaning here, in the order in which they first came.
    #[must_use]
    pub fn extra(&self) -> Vec<Extra> {
        record::decode_extra(self.extra_bytes()).unwrap_or_default()
    }

    /// The objects and instances that the device has, its root path and the formats it likes.
    #[must_use]
    pub fn objects(&self) -> ObjectList {
        ObjectList::parse(self.links()).unwrap_or_default()
    }

    /// The same as the link format that the device sent, without a copy.
    #[must_use]
    pub fn links(&self) -> Bytes {
        self.view()
            .map(|view| self.record.slice_ref(view.links))
            .unwrap_or_default()
    }

    /// The bytes that it takes in the store, and with every copy of it, which share them, in memory.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.record.len()
    }

    /// When it registered, in milliseconds since 1970, UTC.
    #[must_use]
    pub fn registered_at(&self) -> u64 {
        self.view().map_or(0, |view| view.registered_at)
    }

    /// When it registered or last sent an Update, in milliseconds since 1970, UTC.
    #[must_use]
    pub const fn updated_at(&self) -> u64 {
        self.updated_at
    }

    /// When its lifetime ends without another Update, in milliseconds since 1970, UTC; `None` for never.
    #[must_use]
    pub fn expires_at(&self) -> Option<u64> {
        let lifetime = u64::from(self.lifetime().seconds()?);
        Some(
            self.updated_at
                .saturating_add(lifetime.saturating_mul(1000)),
        )
    }

    /// The bytes for the store, with the time of the last Update.
    pub(crate) fn record(&self) -> &Bytes {
        &self.record
    }

    /// Brings the time of the last Update into the bytes for the store.
    pub(crate) fn touch_record(&mut self) {
        self.record = record::touched(&self.record, self.updated_at);
    }

    pub(crate) const fn renewed(mut self, updated_at: u64) -> Self {
        self.updated_at = updated_at;
        self
    }

    /// When the store should find it due: whole seconds since 1970, never before the end.
    pub(crate) fn due(&self, grace: Duration) -> Option<u64> {
        Some(
            self.expires_at()?
                .div_ceil(1000)
                .saturating_add(grace.as_secs()),
        )
    }

    pub(crate) fn view(&self) -> Option<View<'_>> {
        View::read(&self.record).ok()
    }

    pub(crate) fn endpoint_bytes(&self) -> &[u8] {
        match self
            .record
            .get(record::ENDPOINT - 1..)
            .and_then(<[u8]>::split_first)
        {
            Some((len, rest)) => rest.get(..usize::from(*len)).unwrap_or_default(),
            None => &[],
        }
    }

    pub(crate) fn secret_bytes(&self) -> &[u8] {
        self.record.get(record::SECRET).unwrap_or_default()
    }

    pub(crate) fn address_bytes(&self) -> &[u8] {
        self.record.get(record::ADDRESS).unwrap_or_default()
    }

    pub(crate) fn identity_bytes(&self) -> &[u8] {
        self.view().map_or(&[], |view| view.identity)
    }

    pub(crate) fn extra_bytes(&self) -> &[u8] {
        self.view().map_or(&[], |view| view.extra)
    }

    /// What it costs against the limit of bytes.
    pub(crate) fn size(&self) -> usize {
        self.record.len()
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("id", &self.id())
            .field("endpoint", &self.endpoint())
            .field("identity", &self.identity().mode())
            .field("address", &self.address())
            .field("local_endpoint", &self.local_endpoint())
            .field("lifetime", &self.lifetime())
            .field("version", &self.version())
            .field("binding", &self.binding())
            .field("queue_mode", &self.queue_mode())
            .field("sms", &self.sms())
            .field("links", &String::from_utf8_lossy(&self.links()))
            .field("registered_at", &self.registered_at())
            .field("updated_at", &self.updated_at)
            .finish_non_exhaustive()
    }
}
