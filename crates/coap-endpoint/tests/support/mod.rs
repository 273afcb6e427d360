//! What the scenario tests share: one endpoint against a script of bytes, and two endpoints over a
//! seeded lossy link, both in virtual time.
#![allow(dead_code, unreachable_pub)]

use std::collections::VecDeque;
use std::time::Duration;

use coap_codec::{Code, Encoder, Message, OptionNumber, Request, Response, Type};
use coap_endpoint::{
    Config, Endpoint, Event, ExchangeId, ObserveRequest, PeerInfo, RelationId, RequestId,
    RequestOptions,
};
use sansio::{DatagramBuf, Instant, Peer, Rng};

pub const PEER: Peer = Peer::new(0, 0);

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Whether the large counts are to be run whole.
pub fn long() -> bool {
    std::env::var("LWM2M_LONG").is_ok_and(|value| value == "1")
}

/// Time-outs without a random part, so that times can be told exactly.
pub fn exact() -> Config {
    let mut config = Config::default();
    config.transmission.ack_timeout_max = config.transmission.ack_timeout;
    config
}

pub fn verified() -> PeerInfo {
    PeerInfo {
        verified: true,
        ..PeerInfo::default()
    }
}

/// A message from its parts; options in ascending order.
pub fn message(
    ty: Type,
    code: Code,
    mid: u16,
    token: &[u8],
    options: &[(OptionNumber, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let mut out = vec![0; 2048 + payload.len()];
    let mut encoder = Encoder::new(&mut out, ty, code, mid, token).unwrap();
    for &(number, value) in options {
        encoder.option(number, value).unwrap();
    }
    encoder.payload(payload).unwrap();
    let len = encoder.finish().unwrap();
    out.truncate(len);
    out
}

/// A Confirmable message.
pub fn con(
    code: Code,
    mid: u16,
    token: &[u8],
    options: &[(OptionNumber, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    message(Type::Confirmable, code, mid, token, options, payload)
}

/// A Non-confirmable message.
pub fn non(
    code: Code,
    mid: u16,
    token: &[u8],
    options: &[(OptionNumber, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    message(Type::NonConfirmable, code, mid, token, options, payload)
}

/// An acknowledgement with a response.
pub fn ack(
    code: Code,
    mid: u16,
    token: &[u8],
    options: &[(OptionNumber, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    message(Type::Acknowledgement, code, mid, token, options, payload)
}

pub fn empty(ty: Type, mid: u16) -> Vec<u8> {
    coap_codec::empty_message(ty, mid).to_vec()
}

/// One endpoint, driven step by step against bytes; the test plays the peer.
pub struct Script {
    pub endpoint: Endpoint,
    pub now: Instant,
    /// Datagrams that went out and were not looked at yet, with the time.
    pub sent: VecDeque<(Instant, Vec<u8>)>,
}

impl Script {
    /// With exact time-outs and one verified peer.
    pub fn new() -> Self {
        Self::with(exact(), verified())
    }

    pub fn with(config: Config, info: PeerInfo) -> Self {
        let mut endpoint = Endpoint::new(config, [7; 32], Instant::ZERO);
        assert!(endpoint.open_peer(Instant::ZERO, PEER, info));
        Self {
            endpoint,
            now: Instant::ZERO,
            sent: VecDeque::new(),
        }
    }

    /// The peer sends this.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_from(PEER, bytes);
    }

    pub fn feed_from(&mut self, peer: Peer, bytes: &[u8]) {
        self.endpoint.handle_datagram(self.now, peer, bytes);
        self.flush();
    }

    pub fn flush(&mut self) {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, 0, 0);
        while self.endpoint.poll_transmit(self.now, &mut buf).is_some() {
            self.sent.push_back((self.now, buf.bytes().to_vec()));
        }
    }

    /// Lets time pass, acting on every deadline on the way.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        let mut rounds = 0;
        while let Some(at) = self.endpoint.poll_timeout().filter(|&at| at <= until) {
            self.now = at.max(self.now);
            self.endpoint.handle_timeout(self.now);
            self.flush();
            rounds += 1;
            assert!(rounds < 10_000_000, "time does not pass");
        }
        self.now = until;
        self.endpoint.handle_timeout(self.now);
        self.flush();
    }

    /// The next datagram that went out.
    #[track_caller]
    pub fn take(&mut self) -> Vec<u8> {
        self.flush();
        self.sent.pop_front().expect("something was sent").1
    }

    /// The next datagram that went out is this.
    #[track_caller]
    pub fn expect(&mut self, bytes: &[u8]) {
        let sent = self.take();
        assert_eq!(
            sent,
            bytes,
            "sent {:?}, expected {:?}",
            Message::decode(&sent),
            Message::decode(bytes)
        );
    }

    /// Nothing (more) went out.
    #[track_caller]
    pub fn expect_silence(&mut self) {
        self.flush();
        let sent: Vec<_> = self
            .sent
            .iter()
            .map(|(_, bytes)| Message::decode(bytes))
            .collect();
        assert!(sent.is_empty(), "sent {sent:?}");
    }

    #[track_caller]
    pub fn event(&mut self) -> Event {
        self.try_event().expect("an event")
    }

    /// The next event; proofs of addresses and idle peers are passed over.
    pub fn try_event(&mut self) -> Option<Event> {
        loop {
            match self.endpoint.poll_event()? {
                Event::PeerVerified { .. } | Event::PeerIdle { .. } => {}
                event => return Some(event),
            }
        }
    }

    #[track_caller]
    pub fn expect_no_event(&mut self) {
        let event = self.try_event();
        assert!(event.is_none(), "{event:?}");
    }

    /// The next event is a request of the peer.
    #[track_caller]
    pub fn requested(&mut self) -> (ExchangeId, Request, Option<ObserveRequest>) {
        match self.event() {
            Event::Request {
                exchange,
                request,
                observe,
                ..
            } => (exchange, request, observe),
            other => panic!("{other:?}"),
        }
    }

    /// The next event is the answer to our request.
    #[track_caller]
    pub fn answered(&mut self, request: RequestId) -> Response {
        match self.event() {
            Event::Response {
                request: of,
                response,
                ..
            } if of == request => response,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub fn respond(&mut self, exchange: ExchangeId, response: Response) {
        self.endpoint.respond(self.now, exchange, response).unwrap();
        self.flush();
    }

    #[track_caller]
    pub fn respond_observed(
        &mut self,
        exchange: ExchangeId,
        response: Response,
    ) -> Option<RelationId> {
        let relation = self
            .endpoint
            .respond_observed(self.now, exchange, response)
            .unwrap();
        self.flush();
        relation
    }

    #[track_caller]
    pub fn request(&mut self, request: Request) -> RequestId {
        let id = self
            .endpoint
            .request(self.now, PEER, request, RequestOptions::default())
            .unwrap();
        self.flush();
        id
    }

    /// Nothing of any conversation is left after the lifetimes.
    #[track_caller]
    pub fn expect_empty_after_lifetimes(&mut self) {
        self.pass(secs(1000));
        self.sent.clear();
        while self.endpoint.poll_event().is_some() {}
        let tables = self.endpoint.tables();
        assert!(tables.is_quiet(), "{tables:?}");
    }
}

/// A network that loses, delays, reorders and duplicates, as its seed says.
pub struct Link {
    rng: Rng,
    loss: u32,
    reorder: u32,
    duplicate: u32,
    under_way: Vec<(Instant, u64, Vec<u8>)>,
    count: u64,
}

impl Link {
    /// In percent.
    pub fn new(seed: u64, loss: u32, reorder: u32, duplicate: u32) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            rng: Rng::from_seed(bytes),
            loss,
            reorder,
            duplicate,
            under_way: Vec::new(),
            count: 0,
        }
    }

    pub fn send(&mut self, now: Instant, bytes: &[u8]) {
        let copies = 1 + u32::from(self.rng.below(100) < self.duplicate);
        for _ in 0..copies {
            if self.rng.below(100) < self.loss {
                continue;
            }
            let mut delay = 20 + u64::from(self.rng.below(30));
            if self.rng.below(100) < self.reorder {
                delay += u64::from(self.rng.below(8000));
            }
            self.count += 1;
            self.under_way
                .push((now + millis(delay), self.count, bytes.to_vec()));
        }
    }

    pub fn next_arrival(&self) -> Option<Instant> {
        self.under_way.iter().map(|&(at, _, _)| at).min()
    }

    pub fn arrive(&mut self, now: Instant) -> Option<Vec<u8>> {
        let (index, _) = self
            .under_way
            .iter()
            .enumerate()
            .filter(|(_, datagram)| datagram.0 <= now)
            .min_by_key(|(_, datagram)| (datagram.0, datagram.1))?;
        Some(self.under_way.remove(index).2)
    }
}

/// A client and a server, and the links between them.
pub struct Pair {
    pub client: Endpoint,
    pub server: Endpoint,
    pub up: Link,
    pub down: Link,
    pub now: Instant,
}

impl Pair {
    pub fn new(config: [Config; 2], seed: u64, loss: u32, reorder: u32, duplicate: u32) -> Self {
        let now = Instant::ZERO;
        let [for_client, for_server] = config;
        let mut seeds = [[1; 32], [2; 32]];
        for bytes in &mut seeds {
            bytes[8..16].copy_from_slice(&seed.to_be_bytes());
        }
        let mut client = Endpoint::new(for_client, seeds[0], now);
        let mut server = Endpoint::new(for_server, seeds[1], now);
        client.open_peer(now, PEER, PeerInfo::default());
        server.open_peer(now, PEER, PeerInfo::default());
        Self {
            client,
            server,
            up: Link::new(seed ^ 0xa5a5, loss, reorder, duplicate),
            down: Link::new(seed ^ 0x5a5a, loss, reorder, duplicate),
            now,
        }
    }

    pub fn flush(&mut self) {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, 0, 0);
        while self.client.poll_transmit(self.now, &mut buf).is_some() {
            self.up.send(self.now, buf.bytes());
        }
        while self.server.poll_transmit(self.now, &mut buf).is_some() {
            self.down.send(self.now, buf.bytes());
        }
    }

    /// When something happens next; `None` when nothing ever will.
    pub fn next(&mut self) -> Option<Instant> {
        self.flush();
        [
            self.client.poll_timeout(),
            self.server.poll_timeout(),
            self.up.next_arrival(),
            self.down.next_arrival(),
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|at| at.max(self.now))
    }

    /// Moves to `now`, and lets happen what is due.
    pub fn step(&mut self, now: Instant) {
        self.now = now;
        while let Some(bytes) = self.up.arrive(now) {
            self.server.handle_datagram(now, PEER, &bytes);
        }
        while let Some(bytes) = self.down.arrive(now) {
            self.client.handle_datagram(now, PEER, &bytes);
        }
        self.client.handle_timeout(now);
        self.server.handle_timeout(now);
        self.flush();
    }
}
