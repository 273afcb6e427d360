//! How servers are spoken to over DTLS.

use alloc::vec::Vec;
use core::{net::SocketAddr, time::Duration};

use coap_endpoint::CloseReason;
use device_core::{AlertPolicy, Reason, SecurityFault, ServerId};
use dtls_core::{
    Alert, CloseReason as SessionEnd, Connect, Datagram, Event, Failure, FailureReason,
};
use sansio::{DatagramBuf, Instant, Peer};

use super::{DeviceStack, Outgoing, Sent};
use crate::{
    credentials,
    link::{Link, WaitsFor},
    secure::path,
};

impl DeviceStack {
    /// Bytes that [`poll_transmit`](Self::poll_transmit) needs in front of a secured datagram.
    pub const HEADROOM: usize = dtls_core::Endpoint::HEADROOM;
    /// Bytes that [`poll_transmit`](Self::poll_transmit) needs behind a secured datagram.
    pub const TAILROOM: usize = dtls_core::Endpoint::TAILROOM;

    /// Tells the time of day in unix seconds, for the dates of certificates. Without it they are not checked.
    pub fn handle_wall_clock(&mut self, unix_seconds: u64) {
        self.secure.handle_wall_clock(unix_seconds);
    }

    /// The DTLS layer, to look at its tables and counters; `None` before the first handshake.
    #[must_use]
    pub fn dtls(&self) -> Option<&dtls_core::Endpoint> {
        self.secure.get()
    }

    /// Takes a datagram of a server whose account is secured.
    pub(super) fn handle_secured(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) {
        let mut datagram = Datagram::new(path(from), bytes);
        loop {
            let opened = match self.secure.get_mut() {
                Some(endpoint) => endpoint.handle_datagram(now, &mut datagram),
                None => None,
            };
            // A session may stand, or be gone, since the record before.
            self.pump_sessions(now);
            let Some((session, bytes)) = opened else {
                return;
            };
            let link = self.link_of(|link| link.session.open == Some(session));
            if let Some((server, peer)) = link.map(|link| (link.server, link.peer))
                && let Some(peer) = peer
            {
                self.hear(now, server, peer, bytes);
            }
        }
    }

    /// Writes the next datagram of a handshake, or the farewell of a session.
    pub(super) fn poll_handshake(
        &mut self,
        now: Instant,
        out: &mut DatagramBuf<'_>,
    ) -> Option<Outgoing> {
        loop {
            let transmit = self.secure.get_mut()?.poll_transmit(now, out)?;
            let to = transmit.path.address;
            let link = self.link_of(|link| link.address == Some(to));
            if link.is_some_and(|link| self.device.is_offline(link.server)) {
                continue;
            }
            return Some(Outgoing {
                to,
                local_endpoint: link.and_then(|link| link.local_endpoint),
                len: transmit.len,
            });
        }
    }

    /// Begins a handshake for what waits, unless one is under way.
    pub(super) fn shake_hands(&mut self, now: Instant, server: ServerId, address: SocketAddr) {
        if self.link(server).address != Some(address) {
            self.end_session(now, server);
        }
        let taken = |link: &Link| link.server != server && link.address == Some(address);
        if self.links.iter().any(taken) {
            self.fail_waiting(now, server, Reason::Security(SecurityFault::AddressInUse));
            return;
        }
        let link = self.link(server);
        link.address = Some(address);
        link.closing = false;
        if link.session.handshake.is_some() || link.session.retry_at.is_some() {
            return;
        }
        let resume = link.session.resumption.clone();
        let known = link.session.suites.clone();
        let Some(account) = self.device.account(server) else {
            return;
        };
        let mut connect = Connect::default();
        connect.server_name = credentials::server_name(account).map(Into::into);
        connect.resume = resume;
        let Some(suites) = known.or_else(|| credentials::suites(account).ok()) else {
            self.fail_waiting(now, server, Reason::Security(SecurityFault::BadCredentials));
            return;
        };
        self.link(server).session.suites = Some(suites.clone());
        let endpoint = self.secure.get_or_make(now);
        match endpoint.connect(now, path(address), suites, connect) {
            Ok(handshake) => self.link(server).session.handshake = Some(handshake),
            Err(_) => self.fail_waiting(now, server, Reason::Security(SecurityFault::Other)),
        }
    }

    /// Tries those handshakes again whose time has come.
    pub(super) fn retry_handshakes(&mut self, now: Instant) {
        let due = |link: &&mut Link| link.session.retry_at.is_some_and(|at| at <= now);
        let mut again: Vec<(ServerId, SocketAddr)> = Vec::new();
        for link in self.links.iter_mut().filter(due) {
            link.session.retry_at = None;
            if link.waiting.is_some() {
                again.extend(link.address.map(|address| (link.server, address)));
            }
        }
        for (server, address) in again {
            self.shake_hands(now, server, address);
        }
    }

    /// Carries on what the DTLS layer tells.
    pub(super) fn pump_sessions(&mut self, now: Instant) -> bool {
        let mut moved = false;
        while let Some(event) = self.secure.get_mut().and_then(|dtls| dtls.poll_event()) {
            moved = true;
            match event {
                Event::Connected {
                    peer,
                    suite,
                    resumed,
                    ..
                } => {
                    let Some(server) = self.server_shaking(peer) else {
                        continue;
                    };
                    let resumption = self.secure.get().and_then(|dtls| dtls.resumption(peer));
                    let session = &mut self.link(server).session;
                    session.handshake = None;
                    session.open = Some(peer);
                    session.stale = false;
                    session.retries = 0;
                    session.resumption = resumption;
                    self.open_anew(now, server);
                    self.device.session_secured(now, server, suite, resumed);
                }
                Event::HandshakeFailed { peer, failure, .. } => {
                    if let Some(server) = self.server_shaking(peer) {
                        self.on_handshake_failed(now, server, failure);
                    }
                }
                Event::Closed { peer, reason, .. } => {
                    let link = self.link_of(|link| link.session.open == Some(peer));
                    if let Some(server) = link.map(|link| link.server) {
                        self.on_session_closed(now, server, reason);
                    }
                }
                // A server keeps its address, and nothing is asked of a client whose account says whom to trust.
                _ => {}
            }
        }
        moved
    }

    fn on_handshake_failed(&mut self, now: Instant, server: ServerId, failure: Failure) {
        let limit = self.config.handshake_retries;
        let link = self.link(server);
        let session = &mut link.session;
        session.handshake = None;
        let unheard = matches!(
            failure.reason,
            FailureReason::TimedOut | FailureReason::Cancelled | FailureReason::Evicted
        );
        if !unheard {
            // Whatever it was: it is not to happen again for the sake of the former session.
            session.resumption = None;
        }
        if link.waiting.is_none() {
            // The device wants something else by now.
            return;
        }
        let may_help = match failure.reason {
            FailureReason::PeerAlert(alert) => AlertPolicy::of(alert) != AlertPolicy::Fail,
            _ => false,
        };
        let again = may_help && session.retries < limit;
        if again {
            session.retry_at = Some(now + RETRY_WAIT * (1 << u32::from(session.retries.min(6))));
            session.retries = session.retries.saturating_add(1);
        } else {
            session.retries = 0;
        }
        let security = self.device.account(server).map(|account| &account.security);
        let fault = security.map_or(SecurityFault::Other, |security| {
            SecurityFault::of(&failure, security)
        });
        self.device.handshake_failed(server, failure, again);
        if !again {
            self.fail_waiting(now, server, Reason::Security(fault));
        }
    }

    fn on_session_closed(&mut self, now: Instant, server: ServerId, reason: SessionEnd) {
        let alert = match reason {
            SessionEnd::Alert(alert) => Some(alert),
            _ => None,
        };
        let link = self.link(server);
        link.session.open = None;
        link.session.stale = false;
        if alert.is_some() {
            // RFC 5246 §7.2.2: a session that ended by a fatal alert is not resumed.
            link.session.resumption = None;
        }
        let peer = link.peer.take();
        let gone = self
            .sent
            .extract_if(.., |sent| Some(sent.request.peer()) == peer);
        let gone: Vec<Sent> = gone.collect();
        if let Some(peer) = peer {
            self.endpoint
                .close_peer(now, peer, CloseReason::SessionEnded);
        }
        if matches!(reason, SessionEnd::PeerClosed | SessionEnd::Alert(_)) {
            self.device.session_lost(now, server, alert);
        }
        let fault = self.fault_of(server, alert);
        for sent in gone {
            self.fail(now, sent.ticket, Reason::Security(fault));
        }
        let link = self.link(server);
        if link.closing && link.session.handshake.is_none() {
            self.links.retain(|link| link.server != server);
        }
    }

    fn fault_of(&self, server: ServerId, alert: Option<Alert>) -> SecurityFault {
        let account = self.device.account(server);
        match (alert, account) {
            (Some(alert), Some(account)) => SecurityFault::of_alert(alert, &account.security),
            _ => SecurityFault::Closed,
        }
    }

    /// Sends what has waited for sessions that stand by now.
    pub(super) fn send_waiting(&mut self, now: Instant) -> bool {
        let ready = |link: &&mut Link| link.session.is_ready();
        let mut all = Vec::new();
        for link in self.links.iter_mut().filter(ready) {
            let waiting = link
                .waiting
                .take_if(|waiting| waiting.what_for == WaitsFor::Session);
            all.extend(waiting.and_then(|waiting| Some((link.server, link.address?, waiting))));
        }
        let moved = !all.is_empty();
        for (server, address, waiting) in all {
            self.transmit(now, server, address, waiting.ticket, waiting.uplink);
        }
        moved
    }

    /// Ends what there is of a session, with a farewell.
    pub(super) fn end_session(&mut self, now: Instant, server: ServerId) {
        let link = self.link(server);
        let session = core::mem::take(&mut link.session);
        // Credentials do not change while the account stays, and the server may be the same one elsewhere.
        link.session.suites = session.suites;
        link.session.resumption = session.resumption;
        let peer = link.peer.take();
        if let Some(endpoint) = self.secure.get_mut() {
            for peer in [session.open, session.handshake].into_iter().flatten() {
                endpoint.close(peer);
            }
        }
        if let Some(peer) = peer {
            self.endpoint
                .close_peer(now, peer, CloseReason::SessionEnded);
        }
    }

    /// Says of a handshake that nothing reaches the server.
    pub(super) fn handshake_unreachable(&mut self, now: Instant, server: ServerId) {
        let handshake = self.link(server).session.handshake.take();
        if let Some(handshake) = handshake {
            if let Some(endpoint) = self.secure.get_mut() {
                endpoint.close(handshake);
            }
            self.fail_waiting(now, server, Reason::Unreachable);
        }
    }

    fn fail_waiting(&mut self, now: Instant, server: ServerId, reason: Reason) {
        let link = self.link(server);
        link.session.retry_at = None;
        if let Some(waiting) = link.waiting.take() {
            self.fail(now, waiting.ticket, reason);
        }
    }

    fn server_shaking(&self, handshake: Peer) -> Option<ServerId> {
        let link = self.link_of(|link| link.session.handshake == Some(handshake))?;
        Some(link.server)
    }

    pub(super) fn link_of(&self, is_it: impl Fn(&Link) -> bool) -> Option<&Link> {
        self.links.iter().find(|link| is_it(link))
    }
}

/// Before the first handshake that is tried again; doubled for each further one.
const RETRY_WAIT: Duration = Duration::from_secs(1);
