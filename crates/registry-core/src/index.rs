//! From a key to a slot, without a copy of the key.

use core::hash::Hasher;
#[expect(
    deprecated,
    reason = "the keyed hash that core has; strangers choose what is hashed"
)]
use core::hash::SipHasher;
use hashbrown::HashTable;
use sansio::Pages;

/// The secret of this partition's tables, so that nobody can choose keys that collide.
#[derive(Clone, Copy)]
pub(crate) struct Keys(pub(crate) u64, pub(crate) u64);

impl Keys {
    #[expect(deprecated, reason = "see the import")]
    pub(crate) fn hash(self, key: &[u8]) -> u32 {
        let mut hasher = SipHasher::new_with_keys(self.0, self.1);
        hasher.write(key);
        u32::try_from(hasher.finish() >> 32).unwrap_or_default()
    }
}

/// A slot per key. The hash stands beside the slot, so that growing looks at no key.
#[derive(Default)]
pub(crate) struct Table(HashTable<(u32, u32)>);

impl Table {
    pub(crate) fn find(&self, hash: u32, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let found = self
            .0
            .find(spread(hash), |(of, slot)| *of == hash && is(*slot))?;
        Some(found.1)
    }

    pub(crate) fn insert(&mut self, hash: u32, slot: u32) {
        self.0
            .insert_unique(spread(hash), (hash, slot), |(hash, _)| spread(*hash));
    }

    pub(crate) fn remove(&mut self, hash: u32, slot: u32) -> bool {
        match self
            .0
            .find_entry(spread(hash), |entry| *entry == (hash, slot))
        {
            Ok(entry) => {
                entry.remove();
                true
            }
            Err(_) => false,
        }
    }

    fn replace(&mut self, hash: u32, old: u32, new: u32) {
        if let Some(entry) = self.0.find_mut(spread(hash), |entry| *entry == (hash, old)) {
            entry.1 = new;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Several slots per key, the newest first; each operation takes the same time however many share a key.
#[derive(Default)]
pub(crate) struct Chains {
    newest: Table,
    /// By slot: the neighbours among those with the same key.
    links: Pages<Link>,
}

#[derive(Clone, Copy)]
struct Link {
    newer: u32,
    older: u32,
}

impl Chains {
    pub(crate) fn find(&self, hash: u32, is: impl FnMut(u32) -> bool) -> Option<u32> {
        self.newest.find(hash, is)
    }

    pub(crate) fn insert(&mut self, hash: u32, slot: u32, is: impl FnMut(u32) -> bool) {
        let older = self.newest.find(hash, is).unwrap_or(NONE);
        match older {
            NONE => self.newest.insert(hash, slot),
            older => self.newest.replace(hash, older, slot),
        }
        self.set(slot, |link| *link = Link { newer: NONE, older });
        self.set(older, |link| link.newer = slot);
    }

    pub(crate) fn remove(&mut self, hash: u32, slot: u32) {
        let Some(Link { newer, older }) = self.links.get(slot as usize).copied() else {
            return;
        };
        match (newer, older) {
            (NONE, NONE) => {
                self.newest.remove(hash, slot);
            }
            (NONE, older) => self.newest.replace(hash, slot, older),
            (newer, _) => self.set(newer, |link| link.older = older),
        }
        self.set(older, |link| link.newer = newer);
    }

    /// The slot with the same key that came before this one.
    pub(crate) fn older(&self, slot: u32) -> Option<u32> {
        self.links
            .get(slot as usize)
            .map(|link| link.older)
            .filter(|older| *older != NONE)
    }

    pub(crate) fn keys(&self) -> usize {
        self.newest.len()
    }

    fn set(&mut self, slot: u32, change: impl FnOnce(&mut Link)) {
        if slot == NONE {
            return;
        }
        let at = slot as usize;
        while at >= self.links.len() {
            self.links.push(Link {
                newer: NONE,
                older: NONE,
            });
        }
        if let Some(link) = self.links.get_mut(at) {
            change(link);
        }
    }
}

/// hashbrown takes the place from the low bits and the tag from the high ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// No slot.
pub(crate) const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siphash_2_4_is_the_published_one() {
        // Appendix A of the SipHash paper: key 00..0f, message 00..0e.
        let keys = Keys(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        let message: alloc::vec::Vec<u8> = (0..15).collect();
        assert_eq!(keys.hash(&message), 0xa129_ca61);
    }

    #[test]
    fn newest_first_and_the_older_comes_back() {
        let mut chains = Chains::default();
        for slot in 0..4 {
            chains.insert(7, slot, |_| true);
        }
        assert_eq!(chains.keys(), 1);
        assert_eq!(chains.find(7, |_| true), Some(3));
        chains.remove(7, 1); // in the middle
        chains.remove(7, 3); // the newest
        assert_eq!(chains.find(7, |_| true), Some(2));
        assert_eq!(chains.older(2), Some(0));
        chains.remove(7, 0); // the oldest
        assert_eq!(chains.older(2), None);
        chains.remove(7, 2);
        assert_eq!((chains.find(7, |_| true), chains.keys()), (None, 0));
    }
}
