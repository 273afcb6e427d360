//! The sessions that stand, for whoever looks at the devices.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use dtls_core::CipherSuite;
use lwm2m_identity::Identity;

use crate::EventKind;

/// A security session with a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Where the device is.
    pub address: SocketAddr,
    /// How the session is protected.
    pub suite: CipherSuite,
    /// Whether the device may change its address.
    pub connection_id: bool,
}

/// The sessions of all shards by identity, the newest of each last. There are as many as the DTLS endpoints hold, which
/// are bounded; a session leaves with its end.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<Identity, Vec<SessionInfo>>>);

impl Sessions {
    /// Learns from what is told of a session.
    pub(crate) fn note(&self, identity: &Identity, kind: &EventKind) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *kind {
            EventKind::SessionOpened {
                address,
                suite,
                connection_id,
                ..
            } => {
                let session = SessionInfo {
                    address,
                    suite,
                    connection_id,
                };
                let known = all.entry(identity.clone()).or_default();
                known.push(session);
            }
            EventKind::SessionMoved { from, to, .. } => {
                let known = all.get_mut(identity).into_iter().flatten();
                if let Some(session) = known.rev().find(|one| one.address == from) {
                    session.address = to;
                }
            }
            EventKind::SessionClosed { address, .. } => {
                if let Some(known) = all.get_mut(identity) {
                    // A new session at the same address is told before the end of the one that it replaces.
                    if let Some(at) = known.iter().position(|one| one.address == address) {
                        known.remove(at);
                    }
                    if known.is_empty() {
                        all.remove(identity);
                    }
                }
            }
            _ => {}
        }
    }

    /// The newest session of an identity.
    pub(crate) fn newest(&self, identity: &Identity) -> Option<SessionInfo> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(identity)?.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn opened(identity: &Identity, port: u16) -> EventKind {
        EventKind::SessionOpened {
            identity: identity.clone(),
            address: at(port),
            suite: CipherSuite(0xc0a8),
            resumed: false,
            connection_id: true,
        }
    }

    fn closed(identity: &Identity, port: u16) -> EventKind {
        EventKind::SessionClosed {
            identity: identity.clone(),
            address: at(port),
            reason: "replaced",
            detail: String::new(),
        }
    }

    #[test]
    fn the_newest_session_is_told_until_its_end() {
        let (sessions, lamp) = (
            Sessions::default(),
            Identity::Psk {
                identity: "lamp".into(),
            },
        );
        assert_eq!(sessions.newest(&lamp), None);
        sessions.note(&lamp, &opened(&lamp, 1));
        sessions.note(&lamp, &opened(&lamp, 2));
        let moved = EventKind::SessionMoved {
            identity: lamp.clone(),
            from: at(2),
            to: at(3),
        };
        sessions.note(&lamp, &moved);
        assert_eq!(sessions.newest(&lamp).map(|one| one.address), Some(at(3)));
        sessions.note(&lamp, &closed(&lamp, 3));
        assert_eq!(sessions.newest(&lamp).map(|one| one.address), Some(at(1)));
        // A handshake anew from the same address.
        sessions.note(&lamp, &opened(&lamp, 1));
        sessions.note(&lamp, &closed(&lamp, 1));
        assert_eq!(sessions.newest(&lamp).map(|one| one.address), Some(at(1)));
        sessions.note(&lamp, &closed(&lamp, 1));
        assert_eq!(sessions.newest(&lamp), None);
        assert!(sessions.0.lock().unwrap().is_empty());
    }
}
