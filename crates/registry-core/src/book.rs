//! The registrations and their indexes; no rule of the protocol.

use crate::{
    Registration,
    index::{Chains, Keys, Table},
};
use alloc::vec::Vec;
use lwm2m_store::Version;
use sansio::{Pages, TimerId};

/// Holds every registration once, in a slot, and finds slots by endpoint, id, address and identity.
pub(crate) struct Book {
    keys: Keys,
    slots: Pages<Option<Entry>>,
    free: Vec<u32>,
    by_endpoint: Table,
    by_id: Table,
    by_address: Chains,
    by_identity: Chains,
    bytes: usize,
}

/// A registration and what the registry must remember beside it.
pub(crate) struct Entry {
    pub(crate) registration: Registration,
    /// `None` for an infinite lifetime, and while an operation that came before the end is not finished.
    pub(crate) timer: Option<TimerId>,
    /// Of the record in the store, as far as known.
    pub(crate) version: Option<Version>,
    /// A later Update is not in the store yet.
    pub(crate) dirty: bool,
    /// The lifetime ended while an operation was waiting for the store.
    pub(crate) overdue: bool,
}

impl Book {
    pub(crate) fn new(keys: Keys) -> Self {
        Self {
            keys,
            slots: Pages::new(),
            free: Vec::new(),
            by_endpoint: Table::default(),
            by_id: Table::default(),
            by_address: Chains::default(),
            by_identity: Chains::default(),
            bytes: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_endpoint.len()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Distinct addresses and identities, for tests of leaks.
    pub(crate) fn keys(&self) -> (usize, usize, usize) {
        (
            self.by_id.len(),
            self.by_address.keys(),
            self.by_identity.keys(),
        )
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Entry> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    pub(crate) fn find_endpoint(&self, endpoint: &[u8]) -> Option<u32> {
        let is = |slot| self.part(slot, Registration::endpoint_bytes) == endpoint;
        self.by_endpoint.find(self.keys.hash(endpoint), is)
    }

    pub(crate) fn find_secret(&self, secret: &[u8]) -> Option<u32> {
        let is = |slot| self.part(slot, Registration::secret_bytes) == secret;
        self.by_id.find(self.keys.hash(secret), is)
    }

    /// The newest registration at this address.
    pub(crate) fn find_address(&self, address: &[u8]) -> Option<u32> {
        let is = |slot| self.part(slot, Registration::address_bytes) == address;
        self.by_address.find(self.keys.hash(address), is)
    }

    /// The newest registration of this identity, which must not be NoSec.
    pub(crate) fn find_identity(&self, identity: &[u8]) -> Option<u32> {
        let is = |slot| self.part(slot, Registration::identity_bytes) == identity;
        self.by_identity.find(self.keys.hash(identity), is)
    }

    pub(crate) fn older_at_address(&self, slot: u32) -> Option<u32> {
        self.by_address.older(slot)
    }

    pub(crate) fn older_of_identity(&self, slot: u32) -> Option<u32> {
        self.by_identity.older(slot)
    }

    /// Adds a registration whose endpoint and id are not there yet.
    pub(crate) fn insert(&mut self, entry: Entry) -> Option<u32> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len())
                    .ok()
                    .filter(|slot| *slot < MAX_SLOTS)?;
                self.slots.push(None);
                slot
            }
        };
        let registration = entry.registration.clone();
        self.bytes = self.bytes.saturating_add(registration.size());
        *self.slots.get_mut(slot as usize)? = Some(entry);
        self.by_endpoint
            .insert(self.keys.hash(registration.endpoint_bytes()), slot);
        self.by_id
            .insert(self.keys.hash(registration.secret_bytes()), slot);
        self.index_address(slot, &registration);
        let identity = registration.identity_bytes();
        if !identity.is_empty() {
            let hash = self.keys.hash(identity);
            let slots = &self.slots;
            self.by_identity.insert(hash, slot, |other| {
                part(slots, other, Registration::identity_bytes) == identity
            });
        }
        Some(slot)
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<Entry> {
        let entry = self.slots.get_mut(slot as usize)?.take()?;
        let registration = &entry.registration;
        self.bytes = self.bytes.saturating_sub(registration.size());
        self.by_endpoint
            .remove(self.keys.hash(registration.endpoint_bytes()), slot);
        self.by_id
            .remove(self.keys.hash(registration.secret_bytes()), slot);
        self.by_address
            .remove(self.keys.hash(registration.address_bytes()), slot);
        if !registration.identity_bytes().is_empty() {
            self.by_identity
                .remove(self.keys.hash(registration.identity_bytes()), slot);
        }
        self.free.push(slot);
        Some(entry)
    }

    /// Replaces a registration by a later state of itself and returns the earlier one.
    pub(crate) fn change(&mut self, slot: u32, later: Registration) -> Option<Registration> {
        let moved = self.get(slot)?.registration.address_bytes() != later.address_bytes();
        if moved {
            let old = self.get(slot)?.registration.address_bytes();
            self.by_address.remove(self.keys.hash(old), slot);
        }
        let size = later.size();
        let entry = self.get_mut(slot)?;
        let earlier = core::mem::replace(&mut entry.registration, later.clone());
        self.bytes = self
            .bytes
            .saturating_sub(earlier.size())
            .saturating_add(size);
        if moved {
            self.index_address(slot, &later);
        }
        Some(earlier)
    }

    /// Slots in use from `from` on, in order.
    pub(crate) fn iter(&self, from: u32) -> impl Iterator<Item = (u32, &Registration)> {
        (from..)
            .zip(self.slots.iter_from(from as usize))
            .filter_map(|(slot, entry)| {
                let entry = entry.as_ref()?;
                Some((slot, &entry.registration))
            })
    }

    fn index_address(&mut self, slot: u32, registration: &Registration) {
        let address = registration.address_bytes();
        let hash = self.keys.hash(address);
        let slots = &self.slots;
        self.by_address.insert(hash, slot, |other| {
            part(slots, other, Registration::address_bytes) == address
        });
    }

    fn part<'a>(&'a self, slot: u32, of: fn(&'a Registration) -> &'a [u8]) -> &'a [u8] {
        part(&self.slots, slot, of)
    }
}

fn part<'a>(
    slots: &'a Pages<Option<Entry>>,
    slot: u32,
    of: fn(&'a Registration) -> &'a [u8],
) -> &'a [u8] {
    match slots.get(slot as usize) {
        Some(Some(entry)) => of(&entry.registration),
        _ => &[],
    }
}

/// One less than what `u32` can number, as the last number means "none".
const MAX_SLOTS: u32 = u32::MAX;
