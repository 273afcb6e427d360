//! Sessions that outlive the process.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use sansio::{Instant, Peer};

use super::{Endpoint, own_cid};
use crate::cid::Cid;
use crate::codec::{Malformed, Reader, vector};
use crate::record::{self, RecordKeys, ReplayWindow, gcm};
use crate::session::{PROVEN, Session};
use crate::slab::Entry;
use crate::{CipherSuite, IdentityKind, Path, PeerIdentity, Role, Secret};

/// Why a saved session cannot go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// It was changed, cut, or saved under another key.
    #[error("the saved session is not genuine: it was changed, or sealed with another key")]
    NotGenuine,
    /// It was saved by another version of this crate.
    #[error("the saved session has an unknown form")]
    Unknown,
    /// Another session has its connection id or address.
    #[error("a session with this connection id or address exists already")]
    Exists,
    /// Its connection id has another length than this endpoint's.
    #[error("the saved connection id does not fit the configuration")]
    OtherConnectionId,
    /// The sessions are as many as may be.
    #[error("there are as many sessions as may be")]
    Full,
}

impl Endpoint {
    /// A session in a form to be stored, sealed with AES-128-GCM under `key`: at most 130 bytes beside
    /// connection ids and identity. `None` where there is no such session. Handshakes are never saved.
    ///
    /// From now on the session sends at most [`save_lease`](crate::Config::save_lease) records before it has to be saved
    /// again ([`Event::SaveDue`](crate::Event::SaveDue) comes at the half): whoever restores it begins after those, so no
    /// record number is used twice.
    pub fn save(&mut self, peer: Peer, key: &[u8; 16]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE];
        self.rng.fill(&mut nonce);
        let lease = u64::from(self.config.save_lease);
        let session = self.slab.session_of(peer)?;
        session.sealed_limit = session
            .next_sealed
            .saturating_add(lease)
            .min(record::SEQUENCE_LIMIT);
        let mut out = Vec::with_capacity(192);
        out.extend(nonce);
        encode(session, &mut out);
        let (_, plain) = out.split_at_mut(NONCE);
        let tag = gcm::seal(key, &nonce, &[FORMAT], plain);
        out.extend(tag);
        Some(out)
    }

    /// Goes on with a session that was saved. It sends nothing ([`SealError::Exhausted`](crate::SealError::Exhausted))
    /// until it is [saved](Self::save) again, receives only records newer than all that had come when it was saved, and is
    /// [`restored`](super::SessionInfo::restored) until [`set_fresh`](Self::set_fresh): what came after
    /// it was saved could come again.
    ///
    /// # Errors
    /// [`RestoreError`]; nothing of the session is kept then.
    pub fn restore(&mut self, saved: &[u8], key: &[u8; 16]) -> Result<Peer, RestoreError> {
        use core::hash::BuildHasher as _;
        let (nonce, rest) = saved
            .split_first_chunk::<NONCE>()
            .ok_or(RestoreError::NotGenuine)?;
        let (sealed, tag) = rest.split_last_chunk().ok_or(RestoreError::NotGenuine)?;
        let mut plain = sealed.to_vec();
        if !gcm::open(key, nonce, &[FORMAT], &mut plain, tag) {
            return Err(RestoreError::NotGenuine);
        }
        let decoded = decode(&plain);
        // The keys stand in it.
        drop(Secret::from(plain));
        let session = decoded.map_err(|_| RestoreError::Unknown)?;
        let (path, cid) = (session.path, session.own_cid);
        if !cid.is_empty() && cid.as_slice().len() != usize::from(self.config.connection_id.len()) {
            return Err(RestoreError::OtherConnectionId);
        }
        let other = self.find_session(path);
        let clash = match other {
            Some(other) => cid.is_empty() && !self.has_cid(other),
            None => false,
        };
        if clash || !cid.is_empty() && self.find_cid(cid.as_slice()).is_some() {
            return Err(RestoreError::Exists);
        }
        if self.held >= self.config.sessions {
            return Err(RestoreError::Full);
        }
        let peer = self
            .slab
            .insert(Entry::Session(session))
            .ok_or(RestoreError::Full)?;
        self.held += 1;
        if cid.is_empty() {
            if let Some(other) = other {
                self.unlist_session(other, path);
            }
            self.list_session(peer.slot(), path);
        } else {
            self.claim_address(peer.slot(), path);
            let (slab, hasher) = (&self.slab, &self.hasher);
            self.by_cid
                .insert_unique(hasher.hash_one(cid), peer.slot(), |&number| {
                    own_cid(slab, number).map_or(0, |cid| hasher.hash_one(cid))
                });
        }
        // The time is not known here: the first round begins at the next timeout.
        self.watch_idle(Instant::ZERO);
        Ok(peer)
    }
}

fn encode(session: &Session, out: &mut Vec<u8>) {
    out.push(FORMAT);
    out.extend(session.suite.0.to_be_bytes());
    out.push(
        u8::from(session.role == Role::Server)
            | u8::from(session.encrypt_then_mac) << 1
            | u8::from(session.return_routability) << 2,
    );
    out.extend(session.max_plaintext.to_be_bytes());
    out.extend(session.path.local_endpoint.to_be_bytes());
    vector::<1>(out, |out| match session.path.address.ip() {
        IpAddr::V4(ip) => out.extend(ip.octets()),
        IpAddr::V6(ip) => out.extend(ip.octets()),
    });
    out.extend(session.path.address.port().to_be_bytes());
    vector::<1>(out, |out| out.extend(session.own_cid.as_slice()));
    vector::<1>(out, |out| out.extend(session.peer_cid.as_slice()));
    out.extend(session.sealed_limit.to_be_bytes());
    let newest = session.window.latest().map_or(0, |latest| latest + 1);
    out.extend(newest.to_be_bytes());
    vector::<1>(out, |out| session.keys.to_bytes(out));
    out.push(session.identity.kind.0);
    vector::<2>(out, |out| out.extend(&session.identity.value));
}

fn decode(plain: &[u8]) -> Result<Session, Malformed> {
    let mut reader = Reader::new(plain);
    if reader.u8()? != FORMAT {
        return Err(Malformed);
    }
    let suite = CipherSuite(reader.u16()?);
    let flags = reader.u8()?;
    let max_plaintext = reader.u16()?;
    let local_endpoint = reader.u16()?;
    let ip = reader.vec8()?;
    let port = reader.u16()?;
    let ip = match (<[u8; 4]>::try_from(ip), <[u8; 16]>::try_from(ip)) {
        (Ok(v4), _) => IpAddr::from(v4),
        (_, Ok(v6)) => IpAddr::from(v6),
        _ => return Err(Malformed),
    };
    let own_cid = Cid::new(reader.vec8()?).ok_or(Malformed)?;
    let peer_cid = Cid::new(reader.vec8()?).ok_or(Malformed)?;
    let next_sealed = u64::from_be_bytes(*reader.array()?);
    let newest = u64::from_be_bytes(*reader.array()?);
    let keys = reader.vec8()?;
    let kind = IdentityKind(reader.u8()?);
    let identity = PeerIdentity::new(kind, reader.vec16()?);
    reader.end()?;
    let encrypt_then_mac = flags & 2 != 0;
    let cipher = suite.cipher().ok_or(Malformed)?;
    Ok(Session {
        path: Path {
            local_endpoint,
            address: SocketAddr::new(ip, port),
        },
        role: if flags & 1 != 0 {
            Role::Server
        } else {
            Role::Client
        },
        keys: RecordKeys::from_bytes(cipher, encrypt_then_mac, keys).ok_or(Malformed)?,
        window: ReplayWindow::starting_at(newest),
        next_sealed,
        sealed_limit: next_sealed,
        suite,
        encrypt_then_mac,
        max_plaintext,
        own_cid,
        peer_cid,
        identity,
        referenced: true,
        age: 0,
        refused_renegotiation: false,
        return_routability: flags & 4 != 0,
        restored: true,
        unproven: PROVEN,
        extra: None,
    })
}

const NONCE: usize = 12;
const FORMAT: u8 = 1;
