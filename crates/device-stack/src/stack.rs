//! A device, its operations, CoAP and DTLS, as one machine.

mod secured;

use alloc::{collections::VecDeque, string::String, vec::Vec};
use core::net::SocketAddr;

use coap_codec::{Code, OptionNumber, Request, Response};
use coap_endpoint::{
    CloseReason, Endpoint, Event as CoapEvent, ExchangeId, Failure, Notify, PeerInfo, RelationId,
    RequestId, RequestOptions,
};
use device_core::{
    Device, Effect as DeviceEffect, Event, Reason, Relation, Served, ServerId, UplinkResult,
};
use lwm2m_ops::{
    DecodeContext, Downlink, Notification, Operation, Refused, Reply, Uplink, decode, encode_reply,
};
use sansio::{DatagramBuf, Instant, Peer, Rng, Ticket};

use crate::{
    Config,
    link::{Link, Target, Waiting, WaitsFor, canonical},
    secure::Secure,
};

/// A device that speaks CoAP, over DTLS where the account says so: datagrams in, datagrams out.
///
/// After every call, and after every change through [`device_mut`](Self::device_mut), drain
/// [`poll_transmit`](Self::poll_transmit) first (so that answers leave before what they announce is done), then
/// [`poll_effect`](Self::poll_effect) and [`poll_event`](Self::poll_event), and sleep until
/// [`poll_timeout`](Self::poll_timeout).
///
/// Datagrams that come from another address than that of a server are ignored, and so are requests of a server that holds
/// no registration of this device.
#[derive(Debug)]
pub struct DeviceStack {
    config: Config,
    device: Device,
    endpoint: Endpoint,
    secure: Secure,
    links: Vec<Link>,
    /// The operations under way: one for each server at most.
    sent: Vec<Sent>,
    /// Names of the device core and of the CoAP layer for the same relations.
    relations: Vec<(Relation, RelationId)>,
    /// Those whose last notification nobody acknowledged. The server is told again once it has shown, by its answer
    /// to an Update, that it is there.
    unheard: Vec<RelationId>,
    next_relation: u64,
    generation: u32,
    effects: VecDeque<Effect>,
    ignored: u64,
}

#[derive(Debug)]
struct Sent {
    request: RequestId,
    ticket: Ticket,
    uplink: Uplink,
}

/// Something that only the runtime can do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// Look up a name, and call [`DeviceStack::handle_resolved`]. What waited before under the same server is void.
    #[non_exhaustive]
    Resolve {
        /// The server that the name belongs to.
        server: ServerId,
        /// The name; an IPv6 address when it has a zone (`fe80::1%eth0`).
        host: String,
        /// The port.
        port: u16,
    },
}

/// A datagram to put on the network; its bytes stand in the buffer that was handed in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Outgoing {
    /// Where it goes.
    pub to: SocketAddr,
    /// The socket by which the server was heard last, as the runtime numbers them; `None` before that.
    pub local_endpoint: Option<u16>,
    /// How many bytes it has.
    pub len: usize,
}

impl DeviceStack {
    /// Joins a device to CoAP and DTLS.
    ///
    /// `seed` has to be unpredictable: message ids, tokens, time-outs and all secrets of handshakes come from it.
    #[must_use]
    pub fn new(device: Device, config: Config, seed: [u8; 32], now: Instant) -> Self {
        let mut rng = Rng::from_seed(seed);
        Self {
            endpoint: Endpoint::new(config.coap.clone(), rng.seed(), now),
            secure: Secure::new(config.dtls.clone(), rng),
            config,
            device,
            links: Vec::new(),
            sent: Vec::new(),
            relations: Vec::new(),
            unheard: Vec::new(),
            next_relation: 1,
            generation: 0,
            effects: VecDeque::new(),
            ignored: 0,
        }
    }

    /// The device.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// The device, to change values, objects and servers, to register, update and leave.
    ///
    /// What it wants to send is asked for by the polls of the stack, not by its own.
    pub const fn device_mut(&mut self) -> &mut Device {
        &mut self.device
    }

    /// The CoAP layer, to look at its tables and counters.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How many datagrams were ignored: of strangers, and requests without a registration.
    #[must_use]
    pub const fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Takes a datagram that came `from` a server, in by the socket that the runtime numbers `local_endpoint`. A secured
    /// one is opened in place.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        local_endpoint: u16,
        from: SocketAddr,
        bytes: &mut [u8],
    ) {
        let from = canonical(from);
        let link = self
            .links
            .iter_mut()
            .find(|link| link.address == Some(from));
        let Some((server, peer)) = link.map(|link| {
            link.local_endpoint = Some(local_endpoint);
            (link.server, link.peer)
        }) else {
            self.ignored = self.ignored.saturating_add(1);
            return;
        };
        let account = self.device.account(server);
        let secured = account.is_some_and(|account| account.security.is_secured());
        match peer {
            _ if self.device.is_offline(server) => self.ignored = self.ignored.saturating_add(1),
            _ if secured => self.handle_secured(now, from, bytes),
            Some(peer) => self.hear(now, server, peer, bytes),
            None => self.ignored = self.ignored.saturating_add(1),
        }
        self.pump(now);
    }

    /// Takes what a server says, in the clear by now.
    fn hear(&mut self, now: Instant, server: ServerId, peer: Peer, bytes: &[u8]) {
        // LwM2M 1.2 Core §6.2.1: requests that come before the registration is complete are ignored. They are not even
        // acknowledged, so that the server's retransmission is heard afterwards.
        let code = bytes.get(1).map(|code| Code(*code));
        let request = code.is_some_and(Code::is_request);
        if request && !self.device.serves(server) {
            self.ignored = self.ignored.saturating_add(1);
            return;
        }
        self.endpoint.handle_datagram(now, peer, bytes);
    }

    /// Takes the address that a name resolved to, or `None` when it did not.
    pub fn handle_resolved(&mut self, now: Instant, server: ServerId, address: Option<SocketAddr>) {
        let link = self.links.iter_mut().find(|link| link.server == server);
        let waiting = link.and_then(|link| {
            link.waiting
                .take_if(|waiting| waiting.what_for == WaitsFor::Address)
        });
        let Some(Waiting { ticket, uplink, .. }) = waiting else {
            return;
        };
        match address {
            Some(address) => self.transmit(now, server, address, ticket, uplink),
            None => self.fail(now, ticket, Reason::Unreachable),
        }
        self.pump(now);
    }

    /// Says that nothing reaches `to`, as the network has told: the operation under way fails at once.
    pub fn handle_unreachable(&mut self, now: Instant, to: SocketAddr) {
        let to = canonical(to);
        let peers = self.links.iter().filter(|link| link.address == Some(to));
        let peers: Vec<Peer> = peers.filter_map(|link| link.peer).collect();
        let gone = self
            .sent
            .extract_if(.., |sent| peers.contains(&sent.request.peer()));
        let gone: Vec<Sent> = gone.collect();
        for sent in gone {
            self.endpoint.cancel(now, sent.request);
            self.fail(now, sent.ticket, Reason::Unreachable);
        }
        let servers = self.links.iter().filter(|link| link.address == Some(to));
        let servers: Vec<ServerId> = servers.map(|link| link.server).collect();
        for server in servers {
            self.handshake_unreachable(now, server);
        }
        self.pump(now);
    }

    /// Acts on deadlines at or before `now`. Calling early or twice does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(dtls) = self.secure.get_mut() {
            dtls.handle_timeout(now);
        }
        self.retry_handshakes(now);
        self.endpoint.handle_timeout(now);
        self.device.handle_timeout(now);
        self.pump(now);
    }

    /// Writes the next datagram into `out`. One that may become secured needs [`HEADROOM`](Self::HEADROOM) and
    /// [`TAILROOM`](Self::TAILROOM): without them it is lost.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut DatagramBuf<'_>) -> Option<Outgoing> {
        self.pump(now);
        if let Some(outgoing) = self.poll_handshake(now, out) {
            return Some(outgoing);
        }
        loop {
            let transmit = self.endpoint.poll_transmit(now, out)?;
            let Some(link) = self.link_of(|link| link.peer == Some(transmit.peer)) else {
                continue;
            };
            let (Some(to), local_endpoint) = (link.address, link.local_endpoint) else {
                continue;
            };
            if self.device.is_offline(link.server) {
                continue;
            }
            if let Some(session) = link.session.open {
                let sealed = self.secure.get_mut().map(|dtls| dtls.seal(session, out));
                if !matches!(sealed, Some(Ok(_))) {
                    out.clear();
                    continue;
                }
            }
            return Some(Outgoing {
                to,
                local_endpoint,
                len: out.bytes().len(),
            });
        }
    }

    /// The next thing for the runtime to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The next thing for the application to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.device.poll_event()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), once all polls are drained; `None` when nothing is due by
    /// itself.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timeouts = [
            self.endpoint.poll_timeout(),
            self.device.poll_timeout(),
            self.secure.get().and_then(|dtls| dtls.poll_timeout()),
        ];
        let retries = self.links.iter().filter_map(|link| link.session.retry_at);
        timeouts.into_iter().flatten().chain(retries).min()
    }

    /// Carries what the layers have for each other, until none has anything left.
    fn pump(&mut self, now: Instant) {
        loop {
            if self.pump_sessions(now) {
                continue;
            }
            if let Some(event) = self.endpoint.poll_event() {
                self.on_coap(now, event);
            } else if let Some(effect) = self.device.poll_effect(now) {
                self.on_device(now, effect);
            } else if !self.send_waiting(now) {
                return;
            }
        }
    }

    fn on_coap(&mut self, now: Instant, event: CoapEvent) {
        match event {
            CoapEvent::Request {
                peer,
                exchange,
                request,
                confirmable,
                relation,
                ..
            } => self.serve(now, peer, exchange, &request, confirmable, relation),
            CoapEvent::Response {
                request,
                response,
                peer,
                ..
            } => {
                if let Some(sent) = self.take_sent(request) {
                    let result = UplinkResult::from_response(&sent.uplink, &response);
                    let there = result == UplinkResult::Changed;
                    self.device.handle_result(now, sent.ticket, result);
                    if there {
                        self.tell_again(peer);
                    }
                }
            }
            CoapEvent::Failed {
                request, failure, ..
            } => {
                if let Some(sent) = self.take_sent(request) {
                    self.doubt_session(request.peer(), failure);
                    self.fail(now, sent.ticket, reason(failure));
                }
            }
            CoapEvent::RelationEnded { relation, .. } => self.relation_ended(relation),
            CoapEvent::RelationDue { relation, .. } => {
                if let Some(relation) = self.relation_of(relation) {
                    self.device.relation_due(relation);
                }
            }
            CoapEvent::NotificationUnacknowledged { relation, .. }
                if self.relation_of(relation).is_some() && !self.unheard.contains(&relation) =>
            {
                self.unheard.push(relation);
            }
            CoapEvent::PeerIdle { peer, .. } => self.peer_idle(now, peer),
            // A device observes nothing, pings nobody, and trusts the addresses that its accounts name.
            _ => {}
        }
    }

    fn serve(
        &mut self,
        now: Instant,
        peer: Peer,
        exchange: ExchangeId,
        request: &Request,
        confirmable: bool,
        ended: Option<RelationId>,
    ) {
        let Some(server) = self.server_of(peer) else {
            return;
        };
        let config = self.device.config();
        let diagnostics = config.diagnostics;
        let context =
            DecodeContext::device_management(&config.root, self.device.tree(), confirmable);
        let operation = match decode(&context, request) {
            Ok(Operation::Downlink(operation)) => operation,
            Ok(_) => return,
            Err(refusal) => {
                let mut refused = match is_secret(&config.root, request) {
                    true => Refused::from(Code::UNAUTHORIZED),
                    false => Refused::from(&refusal),
                };
                if !diagnostics {
                    refused.diagnostic.clear();
                }
                self.respond(now, exchange, refused.to_response());
                return;
            }
        };
        if let (Downlink::Cancel(_), Some(relation)) = (&operation, ended) {
            self.relation_ended(relation);
        }
        match self.device.serve(now, server, &operation) {
            Served::Answer(reply) => {
                self.respond(now, exchange, encode_reply(&operation, &reply));
            }
            Served::Observable(reply) => {
                let response = encode_reply(&operation, &reply);
                let accepted = self.endpoint.respond_observed(now, exchange, response);
                if let (Ok(Some(relation)), Downlink::Observe(observe)) = (accepted, &operation) {
                    let relation = self.name(relation);
                    self.device.observed(now, server, relation, observe, &reply);
                }
            }
            // Not registered: nothing is said.
            _ => {}
        }
    }

    fn respond(&mut self, now: Instant, exchange: ExchangeId, response: Response) {
        // A request that is too old needs no answer any more.
        let _ = self.endpoint.respond(now, exchange, response);
    }

    fn on_device(&mut self, now: Instant, effect: DeviceEffect) {
        match effect {
            DeviceEffect::Send {
                server,
                ticket,
                uplink,
                ..
            } => self.send(now, server, ticket, uplink),
            DeviceEffect::Abandon { ticket, .. } => {
                for link in &mut self.links {
                    link.waiting.take_if(|waiting| waiting.ticket == ticket);
                }
                let gone: Vec<Sent> = self
                    .sent
                    .extract_if(.., |sent| sent.ticket == ticket)
                    .collect();
                for sent in gone {
                    self.endpoint.cancel(now, sent.request);
                }
            }
            DeviceEffect::Notify {
                relation,
                reply,
                confirmable,
                ..
            } => self.notify(now, relation, reply, confirmable),
            DeviceEffect::EndRelation { relation, .. } => {
                if let Some(id) = self.forget(relation) {
                    self.endpoint.end_relation(now, id);
                }
            }
            DeviceEffect::Close {
                server, removed, ..
            } => self.close(now, server, removed),
            _ => {}
        }
    }

    fn send(&mut self, now: Instant, server: ServerId, ticket: Ticket, uplink: Uplink) {
        let Some(target) = self.device.account(server).and_then(Target::of) else {
            self.fail(now, ticket, Reason::BadUri);
            return;
        };
        let known = self.link(server).address;
        match (target, known) {
            (Target::Address(address), _) => self.transmit(now, server, address, ticket, uplink),
            // A name is looked up anew for every Register: the server may have moved.
            (Target::Name { .. }, Some(address)) if !matches!(uplink, Uplink::Register(_)) => {
                self.transmit(now, server, address, ticket, uplink);
            }
            (Target::Name { host, port }, _) => {
                self.link(server).waiting = Some(Waiting {
                    ticket,
                    uplink,
                    what_for: WaitsFor::Address,
                });
                // One question for each server at most waits for the runtime.
                self.effects
                    .retain(|Effect::Resolve { server: asked, .. }| *asked != server);
                self.effects
                    .push_back(Effect::Resolve { server, host, port });
            }
        }
    }

    fn transmit(
        &mut self,
        now: Instant,
        server: ServerId,
        address: SocketAddr,
        ticket: Ticket,
        uplink: Uplink,
    ) {
        let Ok(request) = uplink.to_request() else {
            self.fail(now, ticket, Reason::BadRequest);
            return;
        };
        let address = canonical(address);
        let account = self.device.account(server);
        if account.is_some_and(|account| account.security.is_secured()) {
            let link = self.link(server);
            if link.address != Some(address) || !link.session.is_ready() {
                link.waiting = Some(Waiting {
                    ticket,
                    uplink,
                    what_for: WaitsFor::Session,
                });
                self.shake_hands(now, server, address);
                return;
            }
        }
        let peer = self.open(now, server, address);
        let mut options = RequestOptions::default();
        options.confirmable = true;
        options.timeout = self.config.answer_timeout;
        match self.endpoint.request(now, peer, request, options) {
            Ok(request) => self.sent.push(Sent {
                request,
                ticket,
                uplink,
            }),
            Err(_) => self.fail(now, ticket, Reason::BadRequest),
        }
    }

    fn notify(&mut self, now: Instant, relation: Relation, reply: Reply, confirmable: bool) {
        let known = self.relations.iter().find(|(known, _)| *known == relation);
        let Some((_, id)) = known.copied() else {
            self.device.relation_ended(relation);
            return;
        };
        let how = match confirmable {
            true => Notify::Confirmable,
            false => Notify::NonConfirmable,
        };
        let response = match reply {
            Reply::Content { format, payload } => {
                Notification::Content { format, payload }.to_response()
            }
            Reply::Refused(refused) => Notification::Ended(refused).to_response(),
            _ => Refused::from(Code::INTERNAL_SERVER_ERROR).to_response(),
        };
        if !response.code.is_success() {
            self.forget(relation);
        }
        if self.endpoint.notify(now, id, response, how).is_err() {
            self.forget(relation);
            self.device.relation_ended(relation);
        }
    }

    fn fail(&mut self, now: Instant, ticket: Ticket, reason: Reason) {
        self.device
            .handle_result(now, ticket, UplinkResult::Failed(reason));
    }

    fn take_sent(&mut self, request: RequestId) -> Option<Sent> {
        let at = self.sent.iter().position(|sent| sent.request == request)?;
        Some(self.sent.swap_remove(at))
    }

    /// The peer of a server at an address, opened if need be.
    fn open(&mut self, now: Instant, server: ServerId, address: SocketAddr) -> Peer {
        let link = self.link(server);
        link.closing = false;
        let moved = link.address.replace(address) != Some(address);
        match link.peer.filter(|_| !moved) {
            Some(peer) => peer,
            None => self.open_anew(now, server),
        }
    }

    /// A new peer for a server: what was remembered under the former one is void.
    fn open_anew(&mut self, now: Instant, server: ServerId) -> Peer {
        let generation = self.generation.wrapping_add(1);
        let link = self.link(server);
        let session = link.session.open;
        let peer = Peer::new(link.slot, generation);
        let former = link.peer.replace(peer);
        self.generation = generation;
        if let Some(former) = former {
            self.endpoint
                .close_peer(now, former, CloseReason::SessionEnded);
        }
        let session = session.and_then(|session| self.secure.get()?.session(session));
        let most = session.map_or(usize::MAX, |session| session.max_plaintext);
        let info = PeerInfo {
            local_endpoint: 0,
            // The account says that the server is there; nobody else's word was taken for it.
            verified: true,
            max_datagram: self.config.max_datagram.min(most),
            multicast: false,
        };
        self.endpoint.open_peer(now, peer, info);
        peer
    }

    /// Ends the session with a server: at once if the account is gone, else as soon as the CoAP layer has nothing left to
    /// do for it.
    fn close(&mut self, now: Instant, server: ServerId, removed: bool) {
        let Some(link) = self.links.iter_mut().find(|link| link.server == server) else {
            return;
        };
        link.waiting = None;
        link.closing = true;
        match link.peer {
            Some(peer) if !removed && !self.endpoint.is_idle(peer) => {}
            _ => self.end_link(now, server),
        }
    }

    fn peer_idle(&mut self, now: Instant, peer: Peer) {
        let link = self.link_of(|link| link.peer == Some(peer) && link.closing);
        if let Some(server) = link.map(|link| link.server) {
            self.end_link(now, server);
        }
    }

    fn end_link(&mut self, now: Instant, server: ServerId) {
        self.end_session(now, server);
        self.links.retain(|link| link.server != server);
    }

    /// Notes that a server did not answer in a session: it may know nothing of it any more.
    fn doubt_session(&mut self, peer: Peer, failure: Failure) {
        let silent = matches!(failure, Failure::NoAcknowledgement | Failure::NoResponse);
        let link = self.links.iter_mut().find(|link| link.peer == Some(peer));
        if let Some(link) = link.filter(|link| silent && link.session.open.is_some()) {
            link.session.stale = true;
        }
    }

    fn link(&mut self, server: ServerId) -> &mut Link {
        let at = match self.links.iter().position(|link| link.server == server) {
            Some(at) => at,
            None => {
                let taken = |slot: &u32| self.links.iter().any(|link| link.slot == *slot);
                let slot = (0..u32::MAX).find(|slot| !taken(slot)).unwrap_or(u32::MAX);
                self.links.push(Link::new(server, slot));
                self.links.len().saturating_sub(1)
            }
        };
        #[expect(clippy::indexing_slicing, reason = "found or pushed just above")]
        &mut self.links[at]
    }

    fn server_of(&self, peer: Peer) -> Option<ServerId> {
        let link = self.links.iter().find(|link| link.peer == Some(peer))?;
        Some(link.server)
    }

    /// The device core's name of a relation, given now if it has none.
    fn name(&mut self, id: RelationId) -> Relation {
        self.relation_of(id).unwrap_or_else(|| {
            let relation = Relation(self.next_relation);
            self.next_relation = self.next_relation.wrapping_add(1);
            self.relations.push((relation, id));
            relation
        })
    }

    fn relation_of(&self, id: RelationId) -> Option<Relation> {
        let known = self.relations.iter().find(|(_, known)| *known == id)?;
        Some(known.0)
    }

    fn forget(&mut self, relation: Relation) -> Option<RelationId> {
        let at = self
            .relations
            .iter()
            .position(|(known, _)| *known == relation)?;
        let id = self.relations.swap_remove(at).1;
        self.unheard.retain(|unheard| *unheard != id);
        Some(id)
    }

    /// Has the server at `peer` told the present state of what it has missed.
    fn tell_again(&mut self, peer: Peer) {
        let missed = self.unheard.extract_if(.., |id| id.peer() == peer);
        let missed: Vec<RelationId> = missed.collect();
        for id in missed {
            if let Some(relation) = self.relation_of(id) {
                self.device.relation_due(relation);
            }
        }
    }

    fn relation_ended(&mut self, id: RelationId) {
        if let Some(relation) = self.relation_of(id) {
            self.forget(relation);
            self.device.relation_ended(relation);
        }
    }
}

/// Whether a request aims at objects 0 or 21, which are 4.01 whatever else is wrong with it.
fn is_secret(root: &str, request: &Request) -> bool {
    let mut segments = request.options.as_options().all(OptionNumber::URI_PATH);
    for expected in root.split('/').skip(1) {
        if segments.next() != Some(expected.as_bytes()) {
            return false;
        }
    }
    matches!(segments.next(), Some(b"0" | b"21"))
}

const fn reason(failure: Failure) -> Reason {
    match failure {
        Failure::NoAcknowledgement | Failure::NoResponse => Reason::NoAnswer,
        Failure::Reset => Reason::Reset,
        Failure::PeerClosed | Failure::Cancelled => Reason::Cancelled,
        Failure::BlockRefused(code) => Reason::Refused(code),
        _ => Reason::UnexpectedAnswer,
    }
}
