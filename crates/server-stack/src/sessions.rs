//! What the stack knows of DTLS sessions: whose each is, and which there are of an identity.

use alloc::string::String;
use alloc::vec::Vec;
use core::hash::BuildHasher;

use bytes::Bytes;
use dtls_core::{IdentityKind, PeerIdentity};
use hashbrown::{DefaultHashBuilder, HashTable};
use lwm2m_identity::Identity;
use sansio::{Pages, Peer};

/// The sessions by their place in the DTLS endpoint, and by identity.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// By the slot of the DTLS endpoint's name for the session.
    entries: Pages<Option<Session>>,
    /// Hash of the identity, and slot.
    by_identity: HashTable<(u32, u32)>,
    hasher: DefaultHashBuilder,
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// What the DTLS endpoint calls it.
    pub(crate) dtls: Peer,
    /// What the CoAP endpoint calls it. Generations grow: of two sessions the one with the higher is newer.
    pub(crate) coap: Peer,
    pub(crate) identity: Identity,
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.by_identity.len()
    }

    pub(crate) fn get(&self, dtls: Peer) -> Option<&Session> {
        let session = self.entries.get(dtls.slot() as usize)?.as_ref()?;
        (session.dtls == dtls).then_some(session)
    }

    pub(crate) fn insert(&mut self, session: Session) {
        self.remove(session.dtls);
        let slot = session.dtls.slot();
        let hash = self.hash(&session.identity);
        while self.entries.len() <= slot as usize {
            self.entries.push(None);
        }
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            *entry = Some(session);
            self.by_identity
                .insert_unique(spread(hash), (hash, slot), |&(hash, _)| spread(hash));
        }
    }

    pub(crate) fn remove(&mut self, dtls: Peer) -> Option<Session> {
        let hash = self.hash(&self.get(dtls)?.identity);
        let entry = (hash, dtls.slot());
        if let Ok(found) = self.by_identity.find_entry(spread(hash), |it| *it == entry) {
            found.remove();
        }
        let session = self.entries.get_mut(dtls.slot() as usize)?.take();
        if self.by_identity.is_empty() && self.entries.len() > KEPT {
            self.entries.clear();
            self.by_identity = HashTable::new();
        }
        session
    }

    /// The sessions of an identity, the newest first.
    pub(crate) fn of(&self, identity: &Identity) -> Vec<&Session> {
        let hash = self.hash(identity);
        let mut found: Vec<_> = self
            .by_identity
            .iter_hash(spread(hash))
            .filter_map(|&(_, slot)| self.entries.get(slot as usize)?.as_ref())
            .filter(|session| session.identity == *identity)
            .collect();
        found.sort_unstable_by_key(|session| core::cmp::Reverse(session.coap.generation()));
        found
    }

    /// Every session, in the order of slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.entries.iter().flatten()
    }

    fn hash(&self, identity: &Identity) -> u32 {
        u32::try_from(self.hasher.hash_one(identity) >> 32).unwrap_or_default()
    }
}

/// hashbrown takes the place from the low bits and the tag from the high ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// Slots whose memory is kept while there is no session.
const KEPT: usize = 64;

/// Reads the names out of what an X.509 suite tells of a peer.
pub type X509Names = fn(&[u8]) -> Option<Vec<String>>;

/// Who a peer of a finished handshake is; `None` for one that has proven nothing that can be told.
pub(crate) fn identity(peer: &PeerIdentity, names: X509Names) -> Option<Identity> {
    let value = || Bytes::copy_from_slice(&peer.value);
    match peer.kind {
        IdentityKind::PSK if !peer.value.is_empty() => Some(Identity::Psk { identity: value() }),
        IdentityKind::RAW_PUBLIC_KEY => Some(Identity::RawPublicKey { key: value() }),
        IdentityKind::X509 => Some(Identity::X509 {
            names: names(&peer.value)?,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn psk(identity: &'static str) -> Identity {
        Identity::Psk {
            identity: identity.into(),
        }
    }

    fn session(slot: u32, generation: u32, identity: &'static str) -> Session {
        Session {
            dtls: Peer::new(slot, 1),
            coap: Peer::new(slot + 100, generation),
            identity: psk(identity),
        }
    }

    #[test]
    fn of_an_identity_the_newest_comes_first() {
        let mut sessions = Sessions::default();
        for it in [session(0, 5, "a"), session(1, 6, "b"), session(2, 7, "a")] {
            sessions.insert(it);
        }
        let of = |sessions: &Sessions, identity| -> Vec<u32> {
            let found = sessions.of(&psk(identity));
            found.iter().map(|it| it.dtls.slot()).collect()
        };
        assert_eq!(of(&sessions, "a"), [2, 0]);
        assert!(of(&sessions, "c").is_empty());
        assert!(sessions.get(Peer::new(2, 2)).is_none(), "another session");
        assert!(sessions.remove(Peer::new(2, 2)).is_none());
        assert!(sessions.remove(Peer::new(2, 1)).is_some());
        assert_eq!(of(&sessions, "a"), [0]);
        assert_eq!(sessions.len(), 2);
    }

    #[test]
    fn memory_is_given_back_when_all_are_gone() {
        let mut sessions = Sessions::default();
        for slot in 0..1000 {
            sessions.insert(session(slot, slot, "a"));
        }
        for slot in 0..1000 {
            sessions.remove(Peer::new(slot, 1));
        }
        assert_eq!((sessions.len(), sessions.entries.len()), (0, 0));
    }

    #[test]
    fn who_has_proven_nothing_is_nobody() {
        let names: X509Names = |value| (value == b"v").then(|| [String::from("lamp")].into());
        let who = |kind, value: &[u8]| identity(&PeerIdentity::new(kind, value), names);
        assert_eq!(who(IdentityKind::PSK, b"lamp"), Some(psk("lamp")));
        let x509 = Identity::X509 {
            names: [String::from("lamp")].into(),
        };
        assert_eq!(who(IdentityKind::X509, b"v"), Some(x509));
        for (kind, value) in [
            (IdentityKind::ANONYMOUS, &b"lamp"[..]),
            (IdentityKind::PSK, b""),
            (IdentityKind::X509, b"other"),
            (IdentityKind(77), b"lamp"),
        ] {
            assert_eq!(who(kind, value), None);
        }
    }
}
