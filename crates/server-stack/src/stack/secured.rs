//! The one place where DTLS and CoAP meet: sessions become peers, and end as such.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use dtls_core::{
    Alert, Answer, Connect, Datagram, Endpoint, Failure, FailureReason, Path, Role, Suites,
};
use hashbrown::{HashMap, HashSet};
use lwm2m_identity::Identity;
use sansio::{Instant, Peer, Rng, Ticket};

use super::ServerStack;
use crate::peers::Place;
use crate::sessions::{Session, Sessions, identity};
use crate::uplink::SHARD_SHIFT;
use crate::{CallFailure, Destination, Effect, Event, Security, SessionEnd, Target, X509Names};

pub(super) struct Secured {
    pub(super) dtls: Endpoint,
    pub(super) sessions: Sessions,
    listeners: Vec<u16>,
    x509_names: X509Names,
    max_datagram: usize,
    per_identity: usize,
    connect: bool,
    /// Handshakes that this server may have begun at a time.
    most_wanted: usize,
    /// Whom a handshake is being begun with: asked for or under way.
    connecting: HashSet<Identity>,
    /// Questions for client suites.
    asked: HashMap<Ticket, (Target, Identity)>,
    next_ticket: u64,
    /// Handshakes that this server began, and whom it wants.
    wanted: HashMap<Peer, Identity>,
}

impl Secured {
    pub(super) fn new(security: &Security, now: Instant, rng: Rng) -> Box<Self> {
        let server = Some(Arc::clone(&security.suites));
        let mut dtls = Endpoint::new(now, security.dtls.clone(), server, rng);
        if let Some(shared) = &security.resumptions {
            dtls.share_resumptions(Arc::clone(shared));
        }
        Box::new(Self {
            dtls,
            sessions: Sessions::default(),
            listeners: security.listeners.clone(),
            x509_names: security.x509_names,
            max_datagram: security.max_datagram,
            per_identity: security.sessions_per_identity.max(1),
            connect: security.connect,
            most_wanted: security.dtls.handshakes.div_ceil(4),
            connecting: HashSet::new(),
            asked: HashMap::new(),
            next_ticket: 0,
            wanted: HashMap::new(),
        })
    }

    pub(super) fn listens(&self, listener: u16) -> bool {
        self.listeners.contains(&listener)
    }

    /// A handshake that this server began is over; whom it wanted.
    fn take_wanted(&mut self, handshake: Peer) -> Option<Identity> {
        let identity = self.wanted.remove(&handshake)?;
        self.connecting.remove(&identity);
        Some(identity)
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured")
            .field("listeners", &self.listeners)
            .field("dtls", &self.dtls)
            .finish_non_exhaustive()
    }
}

impl ServerStack {
    /// Tells the time of day in unix seconds, for the dates of certificates. Without it they are not checked.
    pub fn handle_wall_clock(&mut self, unix_seconds: u64) {
        if let Some(secured) = &mut self.secured {
            secured.dtls.handle_wall_clock(unix_seconds);
        }
    }

    /// Exchanges what peers can prove themselves with; sessions and handshakes that run go on.
    pub fn set_suites(&mut self, suites: Arc<dyn Suites>) {
        if let Some(secured) = &mut self.secured {
            secured.dtls.set_server(Some(suites));
        }
    }

    /// Takes back the answer to an [`Effect::Credential`]. One that comes too late does nothing.
    pub fn handle_credential(&mut self, now: Instant, ticket: Ticket, answer: Answer) {
        if let Some(secured) = &mut self.secured {
            let ticket = Ticket::new(Self::number_of(ticket));
            secured.dtls.answer(now, ticket, answer);
        }
        self.pump(now);
    }

    /// Takes back what an [`Effect::Connect`] asked for, and begins the handshake. With `None` nothing is begun; the calls
    /// go on waiting for the device to do it.
    pub fn handle_connect(
        &mut self,
        now: Instant,
        ticket: Ticket,
        suites: Option<Arc<dyn Suites>>,
    ) {
        if let Some(secured) = &mut self.secured
            && let Some((target, identity)) = secured.asked.remove(&ticket)
        {
            let room = secured.wanted.len() < secured.most_wanted;
            let suites = suites.filter(|_| room && self.waiting.contains_key(&identity));
            let begun = suites.and_then(|suites| {
                let connect = Connect::default();
                // Busy: the device is shaking hands from there.
                secured
                    .dtls
                    .connect(now, path(target), suites, connect)
                    .ok()
            });
            match begun {
                Some(peer) => {
                    secured.wanted.insert(peer, identity);
                }
                None => {
                    secured.connecting.remove(&identity);
                }
            }
        }
        self.pump(now);
    }

    /// Ends all that stands on the identities that `ends` says yes to, because their credential is gone: sessions with their
    /// connection ids, handshakes, what is remembered for resumption, and calls, also those that wait. Looks at every
    /// session; so ask once for many.
    pub fn revoke(&mut self, now: Instant, ends: impl Fn(&Identity) -> bool) {
        if let Some(secured) = &mut self.secured {
            let names = secured.x509_names;
            secured
                .dtls
                .revoke_where(|peer| identity(peer, names).is_some_and(|it| ends(&it)));
            let begun = secured.wanted.iter().filter(|(_, identity)| ends(identity));
            let mut begun: Vec<Peer> = begun.map(|(peer, _)| *peer).collect();
            // Not in the order of a hash table.
            begun.sort_unstable();
            for peer in begun {
                secured.wanted.remove(&peer);
                secured.dtls.close(peer);
            }
            secured.asked.retain(|_, (_, identity)| !ends(identity));
            secured.connecting.retain(|identity| !ends(identity));
        }
        self.pump(now);
        // What is left has proven itself to this server as a client, which the DTLS endpoint knows by another name.
        let left: Vec<Peer> = match &self.secured {
            Some(secured) => {
                let left = secured.sessions.iter().filter(|it| ends(&it.identity));
                left.map(|session| session.dtls).collect()
            }
            None => Vec::new(),
        };
        for session in left {
            self.close_session(
                now,
                session,
                SessionEnd::Dtls(dtls_core::CloseReason::Revoked),
            );
        }
        self.end_waiting(now, &ends);
        self.pump(now);
    }

    /// The identities that have a session, in no order; one may come several times.
    pub fn sessions(&self) -> impl Iterator<Item = (&Identity, Target)> {
        let secured = self.secured.as_deref();
        secured.into_iter().flat_map(|secured| {
            secured.sessions.iter().filter_map(|session| {
                let info = secured.dtls.session(session.dtls)?;
                Some((&session.identity, target(info.path)))
            })
        })
    }

    /// Whether a listener speaks DTLS.
    pub(super) fn is_secured(&self, listener: u16) -> bool {
        let secured = self.secured.as_deref();
        secured.is_some_and(|secured| secured.listens(listener))
    }

    pub(super) fn newest_session(&self, identity: &Identity) -> Option<Peer> {
        let secured = self.secured.as_deref()?;
        Some(secured.sessions.of(identity).first()?.coap)
    }

    /// A datagram that came in by a listener with DTLS.
    pub(super) fn handle_sealed(&mut self, now: Instant, from: Target, bytes: &mut [u8]) {
        let mut datagram = Datagram::new(path(from), bytes);
        while let Some(secured) = &mut self.secured {
            let data = secured.dtls.handle_datagram(now, &mut datagram);
            // What the records before this one did comes first: a handshake may have ended, an address moved.
            self.pump_dtls(now);
            let Some((session, data)) = data else {
                break;
            };
            let peer = match &self.secured {
                Some(secured) => secured.sessions.get(session).map(|session| session.coap),
                None => None,
            };
            if let Some(peer) = peer {
                self.coap.handle_datagram(now, peer, data);
                self.pump(now);
            }
        }
    }

    /// Carries what the DTLS endpoint tells to where it belongs.
    pub(super) fn pump_dtls(&mut self, now: Instant) {
        while let Some(event) = self
            .secured
            .as_mut()
            .and_then(|secured| secured.dtls.poll_event())
        {
            self.on_dtls(now, event);
        }
    }

    fn on_dtls(&mut self, now: Instant, event: dtls_core::Event) {
        use dtls_core::Event as Dtls;
        match event {
            Dtls::Question {
                ticket,
                path,
                question,
                ..
            } => {
                let shard = u64::from(self.config.shard) << SHARD_SHIFT;
                self.effects.push_back(Effect::Credential {
                    ticket: Ticket::new(shard | Self::number_of(ticket)),
                    target: target(path),
                    question,
                });
            }
            Dtls::Connected {
                peer,
                path,
                role,
                identity: proven,
                suite,
                resumed,
                connection_id,
                replaces,
                ..
            } => {
                if let Some(former) = replaces {
                    self.drop_session(now, former, target(path), SessionEnd::Replaced);
                }
                let Some(secured) = &mut self.secured else {
                    return;
                };
                let proven = identity(&proven, secured.x509_names);
                let wanted = secured.take_wanted(peer);
                let Some(identity) = (match role {
                    // As a client of a key: who has it is who was wanted. Other proofs name their owner.
                    Role::Client => wanted.filter(|wanted| proven.is_none_or(|it| it == *wanted)),
                    Role::Server => proven,
                }) else {
                    secured.dtls.close(peer);
                    let reason =
                        FailureReason::Refused("the peer is somebody else than was wanted");
                    self.events.push_back(Event::HandshakeFailed {
                        target: target(path),
                        role,
                        failure: Failure::new(Alert::ACCESS_DENIED, reason),
                    });
                    return;
                };
                self.events.push_back(Event::SessionOpened {
                    identity: identity.clone(),
                    target: target(path),
                    role,
                    suite,
                    resumed,
                    connection_id,
                });
                // After a full handshake a device registers, and is asked then.
                let knows_us = resumed || role == Role::Client;
                self.open_session(now, peer, identity, knows_us);
            }
            Dtls::HandshakeFailed {
                peer,
                path,
                role,
                failure,
                ..
            } => {
                if let Some(secured) = &mut self.secured {
                    secured.take_wanted(peer);
                }
                self.events.push_back(Event::HandshakeFailed {
                    target: target(path),
                    role,
                    failure,
                });
            }
            Dtls::Moved { peer, from, to, .. } => {
                if let Some(secured) = &self.secured
                    && let Some(session) = secured.sessions.get(peer)
                {
                    self.events.push_back(Event::SessionMoved {
                        identity: session.identity.clone(),
                        from: target(from),
                        to: target(to),
                    });
                }
            }
            Dtls::Closed {
                peer, path, reason, ..
            } => self.drop_session(now, peer, target(path), SessionEnd::Dtls(reason)),
            // Sessions are not saved here, and keys are not logged.
            _ => {}
        }
    }

    fn open_session(&mut self, now: Instant, dtls: Peer, identity: Identity, knows_us: bool) {
        let Some(secured) = &mut self.secured else {
            return;
        };
        let Some(info) = secured.dtls.session(dtls) else {
            return;
        };
        let (listener, max_plaintext) = (info.path.local_endpoint, info.max_plaintext);
        let Some(coap) = self.peers.open_session(dtls) else {
            return;
        };
        let overhead = Endpoint::HEADROOM + Endpoint::TAILROOM;
        let info = coap_endpoint::PeerInfo {
            local_endpoint: listener,
            verified: true,
            max_datagram: secured
                .max_datagram
                .saturating_sub(overhead)
                .min(max_plaintext),
            ..Default::default()
        };
        self.coap.open_peer(now, coap, info);
        secured.sessions.insert(Session {
            dtls,
            coap,
            identity: identity.clone(),
        });
        let of_it = secured.sessions.of(&identity);
        let surplus = of_it.iter().skip(secured.per_identity);
        let surplus: Vec<Peer> = surplus.map(|session| session.dtls).collect();
        for session in surplus {
            self.close_session(now, session, SessionEnd::TooMany);
        }
        if knows_us {
            self.run_waiting(now, &identity, coap);
        }
    }

    /// Ends a session that the DTLS endpoint still has.
    fn close_session(&mut self, now: Instant, session: Peer, why: SessionEnd) {
        let Some(secured) = &mut self.secured else {
            return;
        };
        let Some(path) = secured.dtls.session(session).map(|info| info.path) else {
            return;
        };
        secured.dtls.close(session);
        self.drop_session(now, session, target(path), why);
    }

    /// A session is over: its calls end, and nothing is remembered of its peer.
    fn drop_session(&mut self, now: Instant, session: Peer, target: Target, why: SessionEnd) {
        let Some(secured) = &mut self.secured else {
            return;
        };
        let Some(session) = secured.sessions.remove(session) else {
            return;
        };
        let calls = self.calls_to.get(&session.coap).cloned();
        self.end_calls(
            now,
            calls.unwrap_or_default(),
            &CallFailure::SessionEnded(why),
        );
        self.coap
            .close_peer(now, session.coap, coap_endpoint::CloseReason::SessionEnded);
        self.peers.close(session.coap);
        self.events.push_back(Event::SessionClosed {
            identity: session.identity,
            target,
            reason: why,
        });
    }

    /// Asks for what to shake hands with as a client, once for all calls that wait.
    pub(super) fn ask_to_connect(&mut self, device: Destination) {
        let shard = u64::from(self.config.shard) << SHARD_SHIFT;
        let Some(secured) = &mut self.secured else {
            return;
        };
        if !secured.connect || !secured.connecting.insert(device.identity.clone()) {
            return;
        }
        let ticket = Ticket::new(shard | secured.next_ticket);
        secured.next_ticket = secured.next_ticket.wrapping_add(1);
        let Destination {
            target, identity, ..
        } = device;
        secured.asked.insert(ticket, (target, identity.clone()));
        self.effects.push_back(Effect::Connect {
            ticket,
            target,
            identity,
        });
    }

    /// Where a peer is, and who.
    pub(super) fn whereabouts(&self, peer: Peer) -> Option<(Target, Identity)> {
        match self.peers.place(peer) {
            Place::Free => None,
            Place::Plain(target) => Some((target, Identity::None)),
            Place::Session(dtls) => {
                let secured = self.secured.as_deref()?;
                let session = secured.sessions.get(dtls)?;
                let info = secured.dtls.session(dtls)?;
                Some((target(info.path), session.identity.clone()))
            }
        }
    }
}

const fn path(target: Target) -> Path {
    Path {
        local_endpoint: target.local_endpoint,
        address: target.address,
    }
}

pub(super) const fn target(path: Path) -> Target {
    Target {
        local_endpoint: path.local_endpoint,
        address: path.address,
    }
}
