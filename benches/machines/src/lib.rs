//! Whole machines, pumped in memory: what a request costs from datagram to answer without a socket, and a device in
//! memory.
//!
//! Apart from the codecs, so that these are built as if there were nothing else.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use benches::Case;
use bytes::Bytes;
use coap_codec::{Code, ContentFormat, Response};
use coap_endpoint::{Endpoint, Event, PeerInfo};
use registry_core::{Effect as RegistryEffect, EffectResult, Registry};
use sansio::{DatagramBuf, Instant, Peer};
use server_stack::{Effect, ServerStack, Target};

/// What is counted for one request.
pub const CASES: &[Case] = &[
    Case::owned("endpoint-get", |times| {
        let mut endpoint = GetServer::new(PEERS, IN_FLIGHT);
        // Tables as full as they get: each peer has as many remembered requests as the limit allows.
        let remembered = coap_endpoint::Config::default().limits.dedup_per_peer as u32;
        endpoint.answer((remembered + 8) * PEERS);
        endpoint.answer(times);
    }),
    Case::owned("stack-register", |times| {
        let mut server = Server::new();
        server.register(WARM, 0);
        server.register(times, WARM);
    }),
    Case::owned("stack-update", |times| {
        let mut server = Server::new();
        server.register(WARM, 0);
        server.update(times);
    }),
];

/// Peers of row 2, each with so many requests under way.
const PEERS: u32 = 32;
const IN_FLIGHT: u32 = 8;
/// Requests that an endpoint takes before it answers them.
const BATCH: u32 = 8;
/// A prime, so that every peer has its turn.
const STRIDE: u64 = 38_653;
/// Devices that are registered before anything is counted.
const WARM: u32 = 64;
const PAYLOAD: &[u8; 12] = b"{\"v\":22.500}";

/// An endpoint that answers `GET /temp`, as `servers/src/bin/endpoint.rs` does over a socket.
#[derive(Debug)]
pub struct GetServer {
    endpoint: Endpoint,
    now: Instant,
    peers: u32,
    in_flight: u32,
    asked: u32,
}

impl GetServer {
    /// An endpoint with peers that ask by turns, each so many requests at a time.
    #[must_use]
    pub fn new(peers: u32, in_flight: u32) -> Self {
        let mut endpoint = Endpoint::new(coap_endpoint::Config::default(), [7; 32], Instant::ZERO);
        for slot in 0..peers {
            endpoint.open_peer(Instant::ZERO, Peer::new(slot, 0), PeerInfo::default());
        }
        Self {
            endpoint,
            now: Instant::ZERO,
            peers,
            in_flight,
            asked: 0,
        }
    }

    /// Answers so many requests, eight at a time.
    pub fn answer(&mut self, times: u32) {
        let mut out = [0; 1280];
        let mut left = times;
        while left > 0 {
            self.now = self.now + Duration::from_micros(20);
            for _ in 0..left.min(BATCH) {
                let (peer, request) = self.request();
                self.endpoint
                    .handle_datagram(self.now, peer, black_box(&request));
            }
            left = left.saturating_sub(BATCH);
            while let Some(event) = self.endpoint.poll_event() {
                let Event::Request {
                    exchange, request, ..
                } = event
                else {
                    continue;
                };
                assert!(request.options.as_options().uri_path().eq([Ok("temp")]));
                let response = Response::new(Code::CONTENT)
                    .content_format(ContentFormat::TEXT)
                    .payload(Bytes::from_static(PAYLOAD));
                self.endpoint.respond(self.now, exchange, response).unwrap();
            }
            if self
                .endpoint
                .poll_timeout()
                .is_some_and(|at| at <= self.now)
            {
                self.endpoint.handle_timeout(self.now);
            }
            let mut room = DatagramBuf::new(&mut out, 0, 0);
            while let Some(transmit) = self.endpoint.poll_transmit(self.now, &mut room) {
                black_box(transmit);
                assert_eq!(room.bytes().len(), 4 + 4 + 1 + 1 + PAYLOAD.len());
            }
        }
    }

    /// CON GET /temp with a token of 4 bytes, of the peer whose turn it is.
    fn request(&mut self) -> (Peer, [u8; 13]) {
        let (in_flight, peers) = (self.in_flight, self.peers);
        let turn = self.asked / in_flight % peers;
        // Neighbours in time are none in memory.
        let slot = u64::from(turn) * STRIDE % u64::from(peers);
        let number = self.asked / (in_flight * peers) * in_flight + self.asked % in_flight;
        let [_, _, high, low] = number.to_be_bytes();
        self.asked += 1;
        let [a, b, c, d] = self.asked.to_be_bytes();
        let request = [0x44, 1, high, low, a, b, c, d, 0xb4, b't', b'e', b'm', b'p'];
        (Peer::new(slot as u32, 0), request)
    }
}

/// A server without sockets: one shard and one partition of the registry, which keeps nothing in a store.
pub struct Server {
    stack: ServerStack,
    registry: Registry,
    now: Instant,
    locations: Vec<Vec<u8>>,
    events: usize,
}

impl Server {
    /// A server without devices.
    #[must_use]
    pub fn new() -> Self {
        let mut config = registry_core::Config::default();
        config.keep = false;
        Self {
            stack: ServerStack::new(server_stack::Config::default(), [7; 32], Instant::ZERO),
            registry: Registry::new(config, 0, [9; 32], Instant::ZERO),
            now: Instant::ZERO,
            locations: Vec::new(),
            events: 0,
        }
    }

    /// Registers devices of 6 links, each from an address of its own, from number `from` on.
    pub fn register(&mut self, count: u32, from: u32) {
        for number in from..from + count {
            let mut request = Vec::with_capacity(128);
            request.extend(b"\x48\x02\x12\x34\x01\x02\x03\x04");
            request.extend(number.to_be_bytes());
            request.extend(b"\xb2rd\x11\x28\x3d\x0e");
            request.extend(format!("ep=urn:imei:{number:015}").bytes());
            request.extend(b"\x08lt=86400\x09lwm2m=1.1\x03b=U");
            request.extend(b"\xff</>;ct=11544,</1/0>,</3/0>,</4/0>,</6/0>,</3303/0>;ver=1.1");
            let answer = self.ask(number, &mut request);
            assert_eq!(answer[1], 0x41, "2.01 Created");
            if self.locations.len() < WARM as usize {
                let location = answer[4 + 8..].to_vec();
                self.locations.push(location);
            }
        }
    }

    /// Sends so many Updates without payload, of the first devices in turn.
    fn update(&mut self, times: u32) {
        for turn in 0..times {
            let number = turn % WARM;
            let [_, _, high, low] = (turn / WARM).to_be_bytes();
            let mut request = Vec::with_capacity(64);
            request.extend([0x44, 2, high, low, 1, 2, 3, 4]);
            // The Location-Path options (8) as Uri-Path (11).
            let location = &self.locations[number as usize];
            request.push(location[0] + 0x30);
            request.extend(&location[1..]);
            let answer = self.ask(number, &mut request);
            assert_eq!(answer[1], 0x44, "2.04 Changed");
        }
    }

    /// Lets time pass, with every timer on its way.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let next = [self.stack.poll_timeout(), self.registry.poll_timeout()];
            match next.into_iter().flatten().min() {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ => break,
            }
            self.stack.handle_timeout(self.now);
            self.registry.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// How full the tables of the stack are.
    #[must_use]
    pub fn tables(&self) -> server_stack::Tables {
        self.stack.tables()
    }

    fn ask(&mut self, number: u32, request: &mut [u8]) -> Vec<u8> {
        self.now = self.now + Duration::from_micros(10);
        let target = Target {
            local_endpoint: 0,
            address: SocketAddr::from((Ipv4Addr::from_bits(0x0a00_0000 + number), 5683)),
        };
        self.stack.handle_datagram(self.now, target, request);
        self.settle();
        let mut out = [0; 1280];
        let mut room = DatagramBuf::new(&mut out, 0, 0);
        let transmit = self.stack.poll_transmit(self.now, &mut room).unwrap();
        assert_eq!(transmit.target, target);
        room.bytes().to_vec()
    }

    fn settle(&mut self) {
        while let Some(effect) = self.stack.poll_effect() {
            if let Effect::Registry { ticket, op, .. } = effect {
                self.registry.handle(self.now, ticket, op);
            }
            while let Some(effect) = self.registry.poll_effect() {
                let ticket = effect.ticket();
                let result = match effect {
                    RegistryEffect::Load { .. } => EffectResult::Loaded(Ok(None)),
                    RegistryEffect::Commit { .. } => {
                        EffectResult::Committed(Err(lwm2m_store::CommitError::Down))
                    }
                };
                self.registry.handle_effect(self.now, ticket, result);
            }
            while let Some(outcome) = self.registry.poll_outcome() {
                self.stack.handle_registry(self.now, &outcome);
            }
        }
        while self.registry.poll_event().is_some() || self.stack.poll_event().is_some() {
            self.events += 1;
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}
