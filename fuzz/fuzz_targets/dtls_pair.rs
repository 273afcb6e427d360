#![no_main]
//! A client and a server with real crypto, and a network that drops, repeats, reorders, cuts and forges what they send:
//! data arrives as it was sent, once, on a session that both have; and when the network is good again, they connect.

use std::collections::HashSet;
use std::time::Duration;

use dtls_core::{Answer, Connect, Datagram, Endpoint, Event, Question};
use fuzz::dtls;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sansio::{DatagramBuf, Instant, Peer, Ticket};

#[derive(Arbitrary, Debug)]
enum Op {
    /// What is done to the n-th datagram under way.
    Deliver(u8),
    Repeat(u8),
    Drop(u8),
    Cut(u8, u8),
    Flip(u8, u16),
    /// From another address: the client's port is another one from now on.
    Move(u8),
    Inject {
        to_server: bool,
        bytes: Vec<u8>,
    },
    Send {
        by_client: bool,
    },
    Answer,
    Connect,
    Resume,
    Close {
        by_client: bool,
    },
    Save,
    Wait(u16),
}

struct Side {
    endpoint: Endpoint,
    peer: Option<Peer>,
    sent: HashSet<u32>,
    got: HashSet<u32>,
}

impl Side {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            peer: None,
            sent: HashSet::new(),
            got: HashSet::new(),
        }
    }
}

struct Play {
    now: Instant,
    client: Side,
    server: Side,
    home: u8,
    wire: Vec<(bool, Vec<u8>)>,
    tickets: Vec<(Ticket, Vec<u8>)>,
    at_once: bool,
    raw: bool,
    number: u32,
}

impl Play {
    fn give(&mut self, to_server: bool, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        let (to, from) = match to_server {
            true => (&mut self.server, &mut self.client),
            false => (&mut self.client, &mut self.server),
        };
        // The server is at an address of its own; the client is where it is.
        let path = dtls::path(if to_server { self.home } else { 3 });
        let mut datagram = Datagram::new(path, &mut bytes);
        while let Some((peer, data)) = to.endpoint.handle_datagram(self.now, &mut datagram) {
            assert!(
                to.endpoint.session(peer).is_some(),
                "data without a session"
            );
            let number = u32::from_be_bytes((&*data).try_into().expect("four bytes were sent"));
            assert!(from.sent.contains(&number), "data that nobody sent");
            assert!(to.got.insert(number), "the same data twice");
        }
        self.drain();
    }

    fn drain(&mut self) {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, 0, 0);
        for to_server in [true, false] {
            let side = if to_server {
                &mut self.client
            } else {
                &mut self.server
            };
            loop {
                let mut quiet = true;
                while side.endpoint.poll_transmit(self.now, &mut buf).is_some() {
                    quiet = false;
                    self.wire.push((to_server, buf.bytes().to_vec()));
                }
                while let Some(event) = side.endpoint.poll_event() {
                    quiet = false;
                    match event {
                        Event::Connected { peer, .. } => side.peer = Some(peer),
                        Event::Question {
                            ticket,
                            question: Question::Psk { identity, .. },
                            ..
                        } => {
                            if self.at_once {
                                let answer = Answer::Psk(dtls::key_of(&identity));
                                side.endpoint.answer(self.now, ticket, answer);
                            } else {
                                self.tickets.push((ticket, identity));
                            }
                        }
                        _ => {}
                    }
                }
                if quiet {
                    break;
                }
            }
            let tables = side.endpoint.tables();
            assert!(tables.handshakes <= 3 && tables.sessions <= 2 && tables.questions <= 3);
            assert!(tables.buffered <= 3 * 2048);
        }
        self.wire.truncate(64);
    }

    fn connect(&mut self, resume: bool) {
        let mut connect = Connect::default();
        if resume && let Some(peer) = self.client.peer {
            connect.resume = self.client.endpoint.resumption(peer);
        }
        let suites = dtls::client_suites(self.raw);
        // Busy while one runs.
        let _ = self
            .client
            .endpoint
            .connect(self.now, dtls::path(3), suites, connect);
        self.drain();
    }

    fn send(&mut self, by_client: bool) {
        let side = if by_client {
            &mut self.client
        } else {
            &mut self.server
        };
        let Some(peer) = side.peer else { return };
        self.number += 1;
        let Some(bytes) = dtls::seal(&mut side.endpoint, peer, &self.number.to_be_bytes()) else {
            return;
        };
        side.sent.insert(self.number);
        self.wire.push((by_client, bytes));
    }

    fn wait(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.client.endpoint.handle_timeout(self.now);
        self.server.endpoint.handle_timeout(self.now);
        self.drain();
    }

    fn step(&mut self, op: Op) {
        let at = |nth: u8, len: usize| (len > 0).then(|| usize::from(nth) % len);
        match op {
            Op::Deliver(nth) => {
                if let Some(at) = at(nth, self.wire.len()) {
                    let (to_server, bytes) = self.wire.remove(at);
                    self.give(to_server, &bytes);
                }
            }
            Op::Repeat(nth) => {
                if let Some(at) = at(nth, self.wire.len()) {
                    let (to_server, bytes) = self.wire[at].clone();
                    self.give(to_server, &bytes);
                }
            }
            Op::Drop(nth) => {
                if let Some(at) = at(nth, self.wire.len()) {
                    self.wire.remove(at);
                }
            }
            Op::Cut(nth, len) => {
                if let Some(at) = at(nth, self.wire.len()) {
                    let (to_server, mut bytes) = self.wire.remove(at);
                    bytes.truncate(len.into());
                    self.give(to_server, &bytes);
                }
            }
            Op::Flip(nth, bit) => {
                if let Some(at) = at(nth, self.wire.len()) {
                    let (to_server, mut bytes) = self.wire[at].clone();
                    let bit = usize::from(bit) % (8 * bytes.len().max(1));
                    if let Some(byte) = bytes.get_mut(bit / 8) {
                        *byte ^= 1 << (bit % 8);
                    }
                    self.give(to_server, &bytes);
                }
            }
            Op::Move(home) => self.home = home % 3,
            Op::Inject { to_server, bytes } => self.give(to_server, &bytes),
            Op::Send { by_client } => self.send(by_client),
            Op::Answer => {
                if let Some((ticket, identity)) = self.tickets.pop() {
                    let answer = Answer::Psk(dtls::key_of(&identity));
                    self.server.endpoint.answer(self.now, ticket, answer);
                    self.drain();
                }
            }
            Op::Connect => self.connect(false),
            Op::Resume => self.connect(true),
            Op::Close { by_client } => {
                let side = if by_client {
                    &mut self.client
                } else {
                    &mut self.server
                };
                if let Some(peer) = side.peer.take() {
                    side.endpoint.close(peer);
                }
                self.drain();
            }
            Op::Save => {
                if let Some(peer) = self.server.peer
                    && let Some(saved) = self.server.endpoint.save(peer, &[7; 16])
                {
                    let mut other = dtls::server(true);
                    let mut plain = dtls::server(false);
                    let restored = other.restore(&saved, &[7; 16]).is_ok()
                        || plain.restore(&saved, &[7; 16]).is_ok();
                    assert!(restored);
                }
            }
            Op::Wait(millis) => self.wait(Duration::from_millis(millis.into())),
        }
    }

    /// Everything that is under way arrives.
    fn deliver_all(&mut self) {
        for _ in 0..1000 {
            if self.wire.is_empty() {
                return;
            }
            let (to_server, bytes) = self.wire.remove(0);
            self.give(to_server, &bytes);
        }
        panic!("they never stop talking");
    }
}

fuzz_target!(|input: (bool, bool, bool, Vec<Op>)| {
    let (connection_ids, raw, at_once, ops) = input;
    let mut play = Play {
        now: dtls::start(),
        client: Side::new(dtls::client(connection_ids)),
        server: Side::new(dtls::server(connection_ids)),
        home: 0,
        wire: Vec::new(),
        tickets: Vec::new(),
        at_once,
        raw,
        number: 0,
    };
    play.connect(false);
    for op in ops {
        play.step(op);
    }
    // All that was is over; the network is good, and answers come at once.
    play.wire.clear();
    play.at_once = true;
    play.wait(Duration::from_secs(1000));
    play.deliver_all();
    play.client.peer = None;
    play.server.peer = None;
    play.connect(false);
    play.deliver_all();
    assert!(
        play.client.peer.is_some() && play.server.peer.is_some(),
        "they do not connect"
    );
    let (sent, got) = (play.client.sent.len(), play.server.got.len());
    play.send(true);
    play.deliver_all();
    assert_eq!(
        (play.client.sent.len(), play.server.got.len()),
        (sent + 1, got + 1)
    );
    play.wait(Duration::from_secs(1000));
    for side in [&play.client, &play.server] {
        let tables = side.endpoint.tables();
        assert_eq!(
            (tables.handshakes, tables.questions, tables.buffered),
            (0, 0, 0)
        );
        assert_eq!(tables.timers, 0);
    }
});
