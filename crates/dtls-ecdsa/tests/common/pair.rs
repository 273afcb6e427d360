//! Two endpoints and the network between them, in virtual time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dtls_core::{
    Answer, Config, Connect, Datagram, Endpoint, Event, Failure, Path, Question, Role, Suites,
};
use sansio::{DatagramBuf, Instant, Peer, Rng, Ticket};

use super::NOW;

/// What the network does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link {
    pub loss_percent: u32,
    pub duplicate_percent: u32,
    /// Up to so many milliseconds more than the 10 that each datagram takes.
    pub jitter_millis: u32,
}

/// What an application says to a question.
pub type Verdict = Box<dyn FnMut(Role, &Question) -> Answer>;

/// A client, a server, and what came of them.
pub struct Pair {
    pub now: Instant,
    pub client: Endpoint,
    pub server: Endpoint,
    pub link: Link,
    pub events: [Vec<Event>; 2],
    /// Questions, of the client and of the server, that nobody has answered yet.
    pub questions: Vec<(Role, Ticket, Question)>,
    /// Answers each question at once where there is one.
    pub answer: Option<Verdict>,
    pub data: [Vec<Vec<u8>>; 2],
    /// Datagrams that were sent: when, by whom, how long.
    pub sent: Vec<(Instant, Role, usize)>,
    /// Judges each datagram by its number: `false` loses it.
    pub filter: Box<dyn FnMut(usize) -> bool>,
    wire: VecDeque<(Instant, Role, Vec<u8>)>,
    rng: Rng,
}

const SERVER: u16 = 5684;
const CLIENT: u16 = 40_000;

fn path(port: u16) -> Path {
    Path {
        local_endpoint: 0,
        address: SocketAddr::from(([127, 0, 0, 1], port)),
    }
}

impl Pair {
    pub fn new(seed: u8, config: Config, server: impl Suites + 'static) -> Self {
        let now = Instant::from_micros(1_000_000);
        let rng = |side| Rng::from_seed([seed.wrapping_mul(3).wrapping_add(side); 32]);
        let mut this = Self {
            now,
            client: Endpoint::new(now, config.clone(), None, rng(1)),
            server: Endpoint::new(now, config, Some(Arc::new(server)), rng(2)),
            link: Link::default(),
            events: [Vec::new(), Vec::new()],
            questions: Vec::new(),
            answer: Some(Box::new(|_, _| Answer::Trust(Ok(())))),
            data: [Vec::new(), Vec::new()],
            sent: Vec::new(),
            filter: Box::new(|_| true),
            wire: VecDeque::new(),
            rng: rng(3),
        };
        this.client.handle_wall_clock(NOW);
        this.server.handle_wall_clock(NOW);
        this
    }

    /// Begins a handshake with `server.example`.
    pub fn connect(&mut self, suites: impl Suites + 'static) -> Peer {
        self.connect_to(suites, Some("server.example"))
    }

    pub fn connect_to(&mut self, suites: impl Suites + 'static, name: Option<&str>) -> Peer {
        let mut connect = Connect::default();
        connect.server_name = name.map(Into::into);
        let suites = Arc::new(suites);
        let peer = self.client.connect(self.now, path(SERVER), suites, connect);
        peer.unwrap()
    }

    fn endpoint(&mut self, role: Role) -> &mut Endpoint {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    /// Sends application data.
    pub fn send(&mut self, role: Role, peer: Peer, bytes: &[u8]) {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
        buf.space()[..bytes.len()].copy_from_slice(bytes);
        buf.set_len(bytes.len());
        self.endpoint(role).seal(peer, &mut buf).unwrap();
        let sealed = buf.bytes().to_vec();
        self.put(role, sealed);
    }

    fn put(&mut self, from: Role, bytes: Vec<u8>) {
        self.sent.push((self.now, from, bytes.len()));
        let keep = (self.filter)(self.sent.len());
        if !keep || self.rng.below(100) < self.link.loss_percent {
            return;
        }
        let copies = 1 + u32::from(self.rng.below(100) < self.link.duplicate_percent);
        for _ in 0..copies {
            let millis = 10 + self.rng.below(self.link.jitter_millis + 1);
            let at = self.now + Duration::from_millis(millis.into());
            self.wire.push_back((at, from, bytes.clone()));
        }
    }

    /// Answers a question that waits.
    pub fn answer(&mut self, at: usize, answer: Answer) {
        let (role, ticket, _) = self.questions.remove(at);
        let now = self.now;
        self.endpoint(role).answer(now, ticket, answer);
    }

    fn drain(&mut self) {
        loop {
            let mut quiet = true;
            for role in [Role::Client, Role::Server] {
                let mut memory = [0; 2048];
                let mut buf = DatagramBuf::new(&mut memory, 0, 0);
                let now = self.now;
                while self.endpoint(role).poll_transmit(now, &mut buf).is_some() {
                    quiet = false;
                    let bytes = buf.bytes().to_vec();
                    self.put(role, bytes);
                }
                while let Some(event) = self.endpoint(role).poll_event() {
                    quiet = false;
                    if let Event::Question {
                        ticket, question, ..
                    } = &event
                    {
                        self.questions.push((role, *ticket, question.clone()));
                        if let Some(answer) = &mut self.answer {
                            let answer = answer(role, question);
                            self.answer(self.questions.len() - 1, answer);
                        }
                    }
                    self.events[role as usize].push(event);
                }
            }
            if quiet {
                return;
            }
        }
    }

    /// Lets `duration` pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.drain();
            let arrival = self.wire.iter().map(|entry| entry.0).min();
            let timers = [self.client.poll_timeout(), self.server.poll_timeout()];
            let next = timers.into_iter().flatten().chain(arrival).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            while let Some(at) = self.wire.iter().position(|entry| entry.0 <= self.now) {
                let (_, from, mut bytes) = self.wire.remove(at).unwrap();
                let (to, port) = match from {
                    Role::Client => (Role::Server, CLIENT),
                    Role::Server => (Role::Client, SERVER),
                };
                let mut datagram = Datagram::new(path(port), &mut bytes);
                let now = self.now;
                let mut came = Vec::new();
                while let Some((_, data)) = self.endpoint(to).handle_datagram(now, &mut datagram) {
                    came.push(data.to_vec());
                }
                self.data[to as usize].extend(came);
                self.drain();
            }
            let now = self.now;
            self.client.handle_timeout(now);
            self.server.handle_timeout(now);
        }
    }

    /// The session that `role` has, if it connected.
    pub fn peer(&self, role: Role) -> Option<Peer> {
        let mut events = self.events[role as usize].iter().rev();
        events.find_map(|event| match event {
            Event::Connected { peer, .. } => Some(*peer),
            _ => None,
        })
    }

    /// Why the handshake of `role` failed, if it did.
    pub fn failure(&self, role: Role) -> Option<&Failure> {
        let mut events = self.events[role as usize].iter();
        events.find_map(|event| match event {
            Event::HandshakeFailed { failure, .. } => Some(failure),
            _ => None,
        })
    }

    /// Both connected once; data goes both ways; nothing is left behind.
    #[track_caller]
    pub fn finish(&mut self, what: &str) {
        self.run(Duration::from_secs(59));
        self.link = Link::default();
        self.filter = Box::new(|_| true);
        let connected = [Role::Client, Role::Server].map(|role| self.peer(role));
        let [Some(client), Some(server)] = connected else {
            panic!("{what}: {connected:?}, {:?}", self.events);
        };
        self.send(Role::Client, client, b"up");
        self.send(Role::Server, server, b"down");
        self.run(Duration::from_secs(1));
        assert_eq!(self.data, [[b"down".to_vec()], [b"up".to_vec()]], "{what}");
        self.run(Duration::from_secs(300));
        for endpoint in [&self.client, &self.server] {
            let tables = endpoint.tables();
            let left = (tables.handshakes, tables.questions, tables.buffered);
            assert_eq!(left, (0, 0, 0), "{what}");
            assert_eq!((tables.sessions, tables.timers), (1, 0), "{what}");
        }
    }
}
