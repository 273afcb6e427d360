//! Two endpoints and the network between them, in virtual time.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dtls_psk::Psk;
use dtls_psk::dtls_core::{
    Answer, Config, Connect, Datagram, Endpoint, Event, Path, Question, Secret, Suites,
};
use sansio::{DatagramBuf, Instant, Peer, Rng};

pub(crate) const IDENTITY: &[u8] = b"urn:dev:lamp";
pub(crate) const KEY: &[u8] = b"0123456789abcdef";

pub(crate) fn path(port: u16) -> Path {
    Path {
        local_endpoint: 0,
        address: SocketAddr::from(([127, 0, 0, 1], port)),
    }
}

/// What the network does to a datagram.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    pub(crate) loss_percent: u32,
    pub(crate) duplicate_percent: u32,
    /// Up to so many milliseconds more than the 10 that each takes.
    pub(crate) jitter_millis: u32,
}

type Filter = Box<dyn FnMut(bool, usize, &[u8]) -> bool>;

pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) client: Endpoint,
    pub(crate) server: Endpoint,
    pub(crate) client_path: Path,
    pub(crate) link: Link,
    pub(crate) keys: HashMap<Vec<u8>, Vec<u8>>,
    pub(crate) client_events: Vec<Event>,
    pub(crate) server_events: Vec<Event>,
    pub(crate) client_data: Vec<Vec<u8>>,
    pub(crate) server_data: Vec<(Peer, Vec<u8>)>,
    pub(crate) sent: Vec<(Instant, bool, Vec<u8>)>,
    /// Judges each datagram (to the server?, number, bytes): `false` loses it.
    pub(crate) filter: Filter,
    /// Whether deadlines are acted on before what is due is sent.
    pub(crate) early_timeouts: bool,
    wire: VecDeque<(Instant, u64, bool, Path, Vec<u8>)>,
    rng: Rng,
    count: usize,
}

impl Pair {
    pub(crate) fn new(config: Config) -> Self {
        Self::seeded(1, config.clone(), config, Arc::new(Psk::server()))
    }

    pub(crate) fn seeded(
        seed: u8,
        client: Config,
        server: Config,
        suites: Arc<dyn Suites>,
    ) -> Self {
        let now = Instant::from_micros(1_000_000);
        let rng = |side: u8| {
            let mut bytes = [seed; 32];
            bytes[0] = side;
            Rng::from_seed(bytes)
        };
        Self {
            now,
            client: Endpoint::new(now, client, None, rng(1)),
            server: Endpoint::new(now, server, Some(suites), rng(2)),
            client_path: path(40_000),
            link: Link::default(),
            keys: [(IDENTITY.to_vec(), KEY.to_vec())].into(),
            client_events: Vec::new(),
            server_events: Vec::new(),
            client_data: Vec::new(),
            server_data: Vec::new(),
            sent: Vec::new(),
            filter: Box::new(|_, _, _| true),
            early_timeouts: false,
            wire: VecDeque::new(),
            rng: rng(3),
            count: 0,
        }
    }

    pub(crate) fn connect(&mut self, suites: impl Suites + 'static, connect: Connect) -> Peer {
        self.client
            .connect(self.now, path(5684), Arc::new(suites), connect)
            .unwrap()
    }

    pub(crate) fn send(&mut self, to_server: bool, peer: Peer, bytes: &[u8]) -> bool {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
        buf.space()[..bytes.len()].copy_from_slice(bytes);
        buf.set_len(bytes.len());
        let endpoint = if to_server {
            &mut self.client
        } else {
            &mut self.server
        };
        if endpoint.seal(peer, &mut buf).is_err() {
            return false;
        }
        let bytes = buf.bytes().to_vec();
        self.put(to_server, bytes);
        true
    }

    /// Puts a datagram on the wire.
    pub(crate) fn put(&mut self, to_server: bool, bytes: Vec<u8>) {
        self.count += 1;
        self.sent.push((self.now, to_server, bytes.clone()));
        let mut filter = std::mem::replace(&mut self.filter, Box::new(|_, _, _| true));
        let keep = filter(to_server, self.count, &bytes);
        self.filter = filter;
        if !keep || self.rng.below(100) < self.link.loss_percent {
            return;
        }
        let copies = 1 + u32::from(self.rng.below(100) < self.link.duplicate_percent);
        for _ in 0..copies {
            let extra = self.rng.below(self.link.jitter_millis + 1);
            let at = self.now + Duration::from_millis(10 + u64::from(extra));
            self.wire.push_back((
                at,
                self.count as u64,
                to_server,
                self.client_path,
                bytes.clone(),
            ));
        }
    }

    fn drain(&mut self) {
        loop {
            if self.early_timeouts {
                self.server.handle_timeout(self.now);
            }
            let mut quiet = true;
            let mut out = Vec::new();
            for to_server in [true, false] {
                let mut memory = [0; 2048];
                let mut buf = DatagramBuf::new(&mut memory, 0, 0);
                let endpoint = if to_server {
                    &mut self.client
                } else {
                    &mut self.server
                };
                while endpoint.poll_transmit(self.now, &mut buf).is_some() {
                    quiet = false;
                    let bytes = buf.bytes().to_vec();
                    out.push((to_server, bytes));
                }
            }
            for (to_server, bytes) in out {
                self.put(to_server, bytes);
            }
            while let Some(event) = self.server.poll_event() {
                quiet = false;
                if let Event::Question {
                    ticket,
                    question: Question::Psk { identity, .. },
                    ..
                } = &event
                {
                    let key = self.keys.get(identity).map(|key| Secret::new(key));
                    self.server.answer(self.now, *ticket, Answer::Psk(key));
                }
                self.server_events.push(event);
            }
            while let Some(event) = self.client.poll_event() {
                quiet = false;
                self.client_events.push(event);
            }
            if quiet {
                return;
            }
        }
    }

    /// Lets `duration` pass, or less when nothing is left to happen.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.drain();
            let arrival = self.wire.iter().map(|entry| entry.0).min();
            let next = [
                arrival,
                self.client.poll_timeout(),
                self.server.poll_timeout(),
            ]
            .into_iter()
            .flatten()
            .min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            while let Some(at) = self.wire.iter().position(|entry| entry.0 <= self.now) {
                let (_, _, to_server, from, mut bytes) = self.wire.remove(at).unwrap();
                if to_server {
                    let mut datagram = Datagram::new(from, &mut bytes);
                    while let Some((peer, data)) =
                        self.server.handle_datagram(self.now, &mut datagram)
                    {
                        self.server_data.push((peer, data.to_vec()));
                    }
                } else {
                    let mut datagram = Datagram::new(path(5684), &mut bytes);
                    while let Some((_, data)) = self.client.handle_datagram(self.now, &mut datagram)
                    {
                        self.client_data.push(data.to_vec());
                    }
                }
                self.drain();
            }
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
        }
    }

    pub(crate) fn server_peer(&self) -> Option<Peer> {
        self.server_events
            .iter()
            .rev()
            .find_map(|event| match event {
                Event::Connected { peer, .. } => Some(*peer),
                _ => None,
            })
    }

    pub(crate) fn client_peer(&self) -> Option<Peer> {
        self.client_events
            .iter()
            .rev()
            .find_map(|event| match event {
                Event::Connected { peer, .. } => Some(*peer),
                _ => None,
            })
    }
}
