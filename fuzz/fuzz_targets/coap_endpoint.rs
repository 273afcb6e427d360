#![no_main]
//! Whatever peers, application and clock do to an endpoint, in any order: its tables stay within their limits, what it
//! sends can be read, answers to a peer that proved nothing stay within three times what it sent, each request
//! and relation ends once, and afterwards nothing is left.

use core::time::Duration;
use std::collections::BTreeMap;

use coap_codec::{
    BlockSize, Code, Encoder, Message, OptionNumber as N, OptionsBuf, Request, Response, Type,
};
use coap_endpoint::{
    CloseReason, Config, Endpoint, Event, ExchangeId, Notify, PeerInfo, RelationId, RequestId,
    RequestOptions,
};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sansio::{DatagramBuf, Instant, Peer};

#[derive(Arbitrary, Debug)]
enum Op {
    Open {
        slot: u8,
        verified: bool,
        small: bool,
        multicast: bool,
    },
    Close(u8),
    Raw(u8, Vec<u8>),
    Message(u8, Wire),
    /// Milliseconds.
    Wait(u16),
    /// The clock goes back by so many milliseconds.
    Back(u8),
    /// To the next deadline, if there is one.
    Timeout,
    Request {
        slot: u8,
        wire: Wire,
        confirmable: bool,
        max_body: u16,
    },
    Ping(u8),
    Respond {
        nth: u8,
        wire: Wire,
        observed: bool,
    },
    Notify {
        nth: u8,
        wire: Wire,
        confirmable: bool,
    },
    Cancel {
        nth: u8,
        how: Option<bool>,
    },
    EndRelation(u8),
}

/// A message that a peer or the application may mean.
#[derive(Arbitrary, Debug)]
struct Wire {
    ty: u8,
    code: u8,
    /// One of the last ones seen from the endpoint, or a small number.
    id: Result<u8, u8>,
    token: Result<u8, u8>,
    options: Vec<(u8, u8)>,
    payload: u8,
}

const CODES: [Code; 16] = [
    Code::GET,
    Code::POST,
    Code::PUT,
    Code::DELETE,
    Code::FETCH,
    Code::CONTENT,
    Code::CHANGED,
    Code::CREATED,
    Code::CONTINUE,
    Code::VALID,
    Code::NOT_FOUND,
    Code::UNAUTHORIZED,
    Code::REQUEST_ENTITY_INCOMPLETE,
    Code::REQUEST_ENTITY_TOO_LARGE,
    Code::INTERNAL_SERVER_ERROR,
    Code::EMPTY,
];
const PEERS: u8 = 3;

/// What a peer was sent and sent itself.
#[derive(Default)]
struct Counted {
    ids: Vec<u16>,
    tokens: Vec<Vec<u8>>,
    echo: Vec<u8>,
    bytes_in: usize,
    answered: usize,
}

struct Play {
    endpoint: Endpoint,
    now: Instant,
    generation: [u32; PEERS as usize + 1],
    peers: BTreeMap<u64, Counted>,
    requests: Vec<RequestId>,
    exchanges: Vec<ExchangeId>,
    relations: Vec<RelationId>,
}

impl Play {
    fn new() -> Self {
        let mut config = Config::default();
        config.block_size = BlockSize::B32;
        config.body_max = 300;
        config.transmission.nstart = 2;
        config.observe.confirm_interval = Duration::from_secs(100);
        config.observe.confirm_grace = Duration::from_secs(30);
        let limits = &mut config.limits;
        limits.peers = usize::from(PEERS);
        (limits.dedup_per_peer, limits.dedup_total) = (4, 6);
        (limits.dedup_bytes_per_peer, limits.dedup_bytes_total) = (200, 300);
        limits.queue_per_peer = 3;
        (limits.requests_per_peer, limits.requests_total) = (4, 6);
        (limits.observations_per_peer, limits.observations_total) = (2, 3);
        (limits.exchanges_per_peer, limits.exchanges_total) = (3, 4);
        (
            limits.uploads_per_peer,
            limits.uploads_total,
            limits.upload_bytes_total,
        ) = (2, 3, 500);
        (
            limits.downloads_per_peer,
            limits.downloads_total,
            limits.download_bytes_total,
        ) = (2, 3, 500);
        (limits.relations_per_peer, limits.relations_total) = (2, 3);
        limits.transmit_queue = 8;
        let now = Instant::from_micros(1_000_000_000);
        Self {
            endpoint: Endpoint::new(config, [9; 32], now),
            now,
            generation: [0; 4],
            peers: BTreeMap::new(),
            requests: Vec::new(),
            exchanges: Vec::new(),
            relations: Vec::new(),
        }
    }

    fn peer(&self, slot: u8) -> Peer {
        let slot = slot % (PEERS + 1);
        Peer::new(slot.into(), self.generation[usize::from(slot)])
    }

    fn counted(&mut self, peer: Peer) -> &mut Counted {
        self.peers
            .entry(u64::from(peer.slot()) << 32 | u64::from(peer.generation()))
            .or_default()
    }

    fn options(&mut self, peer: Peer, wire: &Wire) -> OptionsBuf {
        let mut options = OptionsBuf::new();
        let echo = self.counted(peer).echo.clone();
        for &(number, value) in &wire.options {
            let block = value & 0xf8 | 1; // mostly blocks of 32
            let (number, value): (_, &[u8]) = match number % 14 {
                0 => (N::URI_PATH, &[b'a' + value % 3]),
                1 => (N::OBSERVE, &[value % 4][usize::from(value % 4 == 0)..]),
                2 => (N::BLOCK1, &[block]),
                3 => (N::BLOCK2, &[block]),
                4 => (N::BLOCK1, &[value]),
                5 => (N::BLOCK2, &[value]),
                6 => (N::ECHO, if echo.is_empty() { &[1, 2] } else { &echo }),
                7 => (N::ETAG, &[value % 2]),
                8 => (N::NO_RESPONSE, &[value & 26]),
                9 => (N::SIZE1, &[value, 0][..1 + usize::from(value % 2)]),
                10 => (N::REQUEST_TAG, &[value % 2]),
                11 => (N::CONTENT_FORMAT, &[value]),
                12 => (N::SIZE2, &[value]),
                _ => (N(2000 + u16::from(value)), &[value; 5]),
            };
            options.insert(number, value).expect("a short value");
        }
        options
    }

    fn datagram(&mut self, peer: Peer, wire: &Wire) -> Vec<u8> {
        let options = self.options(peer, wire);
        let counted = self.counted(peer);
        let recent = |nth: usize, len: usize| len.checked_sub(1 + nth % len.max(1));
        let id = match wire.id {
            Ok(nth) => recent(nth.into(), counted.ids.len()).map_or(0, |at| counted.ids[at]),
            Err(number) => u16::from(number % 8),
        };
        let token = match wire.token {
            Ok(nth) => recent(nth.into(), counted.tokens.len())
                .map_or(vec![], |at| counted.tokens[at].clone()),
            Err(byte) => vec![byte % 4; usize::from(byte % 5)],
        };
        let (ty, code) = (
            Type::from_bits(wire.ty),
            CODES[usize::from(wire.code) % CODES.len()],
        );
        let mut out = vec![0; 2048];
        let token = if code == Code::EMPTY { &[][..] } else { &token };
        let mut encoder = Encoder::new(&mut out, ty, code, id, token).expect("room");
        if code != Code::EMPTY {
            encoder.options(&options.as_options()).expect("room");
            encoder
                .payload(&vec![0x2a; wire.payload.into()])
                .expect("room");
        }
        let len = encoder.finish().expect("a message");
        out.truncate(len);
        out
    }

    fn response(&mut self, peer: Peer, wire: &Wire) -> Response {
        let mut response = Response::new(CODES[usize::from(wire.code) % CODES.len()]);
        response.options = self.options(peer, wire);
        response.payload(vec![0x2b; usize::from(wire.payload) * 2])
    }

    fn step(&mut self, op: &Op) {
        let nth = |nth: u8, len: usize| usize::from(nth).checked_rem(len);
        match op {
            Op::Open {
                slot,
                verified,
                small,
                multicast,
            } => {
                let slot = slot % (PEERS + 1);
                self.generation[usize::from(slot)] += 1;
                let info = PeerInfo {
                    verified: *verified,
                    max_datagram: if *small { 64 } else { 1152 },
                    multicast: *multicast,
                    ..PeerInfo::default()
                };
                assert_eq!(
                    self.endpoint.open_peer(self.now, self.peer(slot), info),
                    slot < PEERS
                );
            }
            Op::Close(slot) => {
                self.endpoint
                    .close_peer(self.now, self.peer(*slot), CloseReason::Idle)
            }
            Op::Raw(slot, bytes) => self.receive(self.peer(*slot), bytes),
            Op::Message(slot, wire) => {
                let bytes = self.datagram(self.peer(*slot), wire);
                self.receive(self.peer(*slot), &bytes);
            }
            Op::Wait(milliseconds) => {
                self.now = self.now + Duration::from_millis((*milliseconds).into());
                self.endpoint.handle_timeout(self.now);
            }
            Op::Back(milliseconds) => {
                self.now = self.now - Duration::from_millis((*milliseconds).into())
            }
            Op::Timeout => {
                self.now = self
                    .now
                    .max(self.endpoint.poll_timeout().unwrap_or(self.now));
                self.endpoint.handle_timeout(self.now);
            }
            Op::Request {
                slot,
                wire,
                confirmable,
                max_body,
            } => {
                let peer = self.peer(*slot);
                let mut request = Request::new(CODES[usize::from(wire.code) % CODES.len()]);
                request.options = self.options(peer, wire);
                let request = request.payload(vec![0x2c; usize::from(wire.payload) * 2]);
                let mut how = RequestOptions::default();
                how.confirmable = *confirmable;
                how.max_body = Some((*max_body).into());
                self.requests
                    .extend(self.endpoint.request(self.now, peer, request, how));
            }
            Op::Ping(slot) => self
                .requests
                .extend(self.endpoint.ping(self.now, self.peer(*slot))),
            Op::Respond {
                nth: n,
                wire,
                observed,
            } => {
                let Some(at) = nth(*n, self.exchanges.len()) else {
                    return;
                };
                let exchange = self.exchanges.swap_remove(at);
                let response = self.response(exchange.peer(), wire);
                match observed {
                    true => {
                        let relation = self.endpoint.respond_observed(self.now, exchange, response);
                        let relation = relation
                            .ok()
                            .flatten()
                            .filter(|new| !self.relations.contains(new));
                        self.relations.extend(relation);
                    }
                    false => drop(self.endpoint.respond(self.now, exchange, response)),
                }
                let again = Response::new(Code::CONTENT);
                assert!(
                    self.endpoint.respond(self.now, exchange, again).is_err(),
                    "answered twice"
                );
            }
            Op::Notify {
                nth: n,
                wire,
                confirmable,
            } => {
                let Some(at) = nth(*n, self.relations.len()) else {
                    return;
                };
                let relation = self.relations[at];
                let response = self.response(relation.peer(), wire);
                let how = if *confirmable {
                    Notify::Confirmable
                } else {
                    Notify::NonConfirmable
                };
                let told = self.endpoint.notify(self.now, relation, response, how);
                assert!(told.is_ok(), "a relation whose end was not told");
            }
            Op::Cancel { nth: n, how } => {
                let Some(at) = nth(*n, self.requests.len()) else {
                    return;
                };
                match how {
                    Some(true) => drop(self.endpoint.cancel_observation(
                        self.now,
                        self.requests[at],
                        true,
                    )),
                    _ => self
                        .endpoint
                        .cancel(self.now, self.requests.swap_remove(at)),
                }
            }
            Op::EndRelation(n) => {
                let Some(at) = nth(*n, self.relations.len()) else {
                    return;
                };
                self.endpoint
                    .end_relation(self.now, self.relations.swap_remove(at));
            }
        }
    }

    fn receive(&mut self, peer: Peer, bytes: &[u8]) {
        self.counted(peer).bytes_in += bytes.len();
        self.endpoint.handle_datagram(self.now, peer, bytes);
    }

    /// Takes what comes out, and looks at it.
    fn drain(&mut self) {
        self.check_tables();
        while let Some(event) = self.endpoint.poll_event() {
            self.take(event);
        }
        let mut space = [0; 1200];
        loop {
            let mut out = DatagramBuf::new(&mut space, 0, 0);
            let Some(transmit) = self.endpoint.poll_transmit(self.now, &mut out) else {
                break;
            };
            assert_eq!(transmit.len, out.bytes().len());
            self.sent(transmit.peer, out.bytes());
        }
    }

    fn sent(&mut self, peer: Peer, bytes: &[u8]) {
        let message = Message::decode(bytes).expect("what is sent can be read");
        let info = self
            .endpoint
            .peer_info(peer)
            .expect("nothing goes to a closed peer");
        assert!(bytes.len() <= info.max_datagram.max(64), "{message:?}");
        let counted = self.counted(peer);
        counted.ids.push(message.message_id());
        counted.tokens.push(message.token().to_vec());
        if let Some(echo) = message.options().echo() {
            counted.echo = echo.to_vec();
        }
        if message.code().is_response() && !info.verified {
            counted.answered += bytes.len(); // repetitions count, too
            assert!(
                counted.answered <= 3 * counted.bytes_in,
                "amplified: {message:?}"
            );
        }
    }

    fn take(&mut self, event: Event) {
        let ended = match event {
            Event::Request { exchange, .. } => return self.exchanges.push(exchange),
            Event::Response {
                request, observing, ..
            } => (!observing).then_some(request),
            Event::Notification { request, last, .. } => last.then_some(request),
            Event::Failed { request, .. } | Event::Pong { request, .. } => Some(request),
            Event::RelationEnded { relation, .. } => {
                let at = self.relations.iter().position(|known| *known == relation);
                self.relations
                    .swap_remove(at.expect("a relation that had not ended"));
                return;
            }
            _ => None,
        };
        if let Some(request) = ended {
            let at = self.requests.iter().position(|known| *known == request);
            self.requests
                .swap_remove(at.expect("a request that had not ended"));
        }
    }

    fn check_tables(&self) {
        let (tables, limits) = (self.endpoint.tables(), &self.endpoint.config().limits);
        let per_peer = |limit: usize| limit * usize::from(PEERS);
        for (count, limit) in [
            (tables.peers, limits.peers),
            (tables.dedup, limits.dedup_total),
            (tables.dedup_bytes, limits.dedup_bytes_total),
            (
                tables.in_flight,
                per_peer(self.endpoint.config().transmission.nstart),
            ),
            (
                tables.queued,
                per_peer(limits.queue_per_peer) + limits.relations_total,
            ),
            (tables.requests, limits.requests_total),
            (tables.observations, limits.observations_total),
            (tables.exchanges, limits.exchanges_total),
            (tables.uploads, limits.uploads_total),
            (tables.upload_bytes, limits.upload_bytes_total),
            (tables.downloads, limits.downloads_total),
            (tables.download_bytes, limits.download_bytes_total),
            (tables.relations, limits.relations_total),
            (tables.transmit_queue, limits.transmit_queue),
            (tables.timers, 100),
        ] {
            assert!(count <= limit, "{count} of {limit}: {tables:?}");
        }
    }

    /// Lets every lifetime pass: of closed peers, or of peers that never say anything again.
    fn finish(&mut self, close: bool) {
        for slot in 0..=PEERS {
            if close {
                self.endpoint
                    .close_peer(self.now, self.peer(slot), CloseReason::Shutdown);
            }
        }
        self.drain();
        if close {
            assert_eq!(
                (self.requests.len(), self.relations.len()),
                (0, 0),
                "the end was not told"
            );
        }
        for request in self.requests.drain(..) {
            self.endpoint.cancel(self.now, request);
        }
        for _ in 0..2000 {
            let Some(deadline) = self.endpoint.poll_timeout() else {
                break;
            };
            self.now = self.now.max(deadline);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        assert_eq!(self.endpoint.poll_timeout(), None, "the clock never stops");
        self.drain();
        let tables = self.endpoint.tables();
        assert!(tables.is_quiet() && tables.timers == 0, "{tables:?}");
        assert!(self.relations.is_empty());
    }
}

fuzz_target!(|input: (bool, Vec<Op>)| {
    let (close, ops) = input;
    let mut play = Play::new();
    for slot in 0..2 {
        let verified = slot == 0;
        play.step(&Op::Open {
            slot,
            verified,
            small: false,
            multicast: false,
        });
    }
    for op in &ops {
        play.step(op);
        play.drain();
    }
    play.finish(close);
});
