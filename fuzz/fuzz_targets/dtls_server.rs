#![no_main]
//! Whatever strangers send to a server, with cookies or without: its tables stay within their limits, who has no good
//! cookie gets no more than what it sent, and nobody connects or delivers data without a key.

use std::collections::HashMap;
use std::time::Duration;

use dtls_core::{Answer, Datagram, Endpoint, Event, Path, Question};
use fuzz::dtls::{self, IDENTITY, Wire};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sansio::{DatagramBuf, Instant, Ticket};

#[derive(Arbitrary, Debug)]
enum Op {
    Raw(u8, Vec<u8>),
    Records(u8, Vec<Wire>),
    /// With the last cookie that came, or without.
    Hello {
        from: u8,
        random: u8,
        cookie: bool,
        raw_keys: bool,
        session_id: u8,
        sequence: u8,
        extensions: Vec<u8>,
    },
    KeyExchange {
        from: u8,
        sequence: u8,
        known: bool,
    },
    ChangeCipherSpec(u8),
    Answer {
        known: bool,
    },
    Wait(u16),
    Timeout,
}

struct Play {
    server: Endpoint,
    now: Instant,
    cookies: HashMap<Path, Vec<u8>>,
    /// Bytes that came from an address and went there, until a cookie of it was good.
    traffic: HashMap<Path, (usize, usize)>,
    proven: Vec<Path>,
    tickets: Vec<(Ticket, Question)>,
}

impl Play {
    fn give(&mut self, path: Path, mut bytes: Vec<u8>) {
        self.traffic.entry(path).or_default().0 += bytes.len();
        let before = self.server.stats().cookies_good;
        let mut datagram = Datagram::new(path, &mut bytes);
        let data = self.server.handle_datagram(self.now, &mut datagram);
        assert!(data.is_none(), "data without a session");
        if self.server.stats().cookies_good > before {
            self.proven.push(path);
        }
        self.drain();
    }

    fn drain(&mut self) {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, 0, 0);
        while let Some(transmit) = self.server.poll_transmit(self.now, &mut buf) {
            let bytes = buf.bytes();
            let traffic = self.traffic.entry(transmit.path).or_default();
            traffic.1 += bytes.len();
            if bytes.get(13) == Some(&3) {
                self.cookies
                    .insert(transmit.path, bytes.get(28..).unwrap_or_default().to_vec());
            }
            assert!(
                self.proven.contains(&transmit.path) || traffic.1 <= traffic.0,
                "{} bytes for {}",
                traffic.1,
                traffic.0
            );
        }
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Question {
                    ticket, question, ..
                } => self.tickets.push((ticket, question)),
                Event::HandshakeFailed { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        let tables = self.server.tables();
        assert!(tables.handshakes <= 3 && tables.sessions == 0 && tables.questions <= 3);
        assert!(tables.buffered <= 3 * 2048 && tables.timers <= 3);
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Raw(from, bytes) => self.give(dtls::path(from), bytes),
            Op::Records(from, records) => {
                let bytes = records.iter().flat_map(Wire::bytes).collect();
                self.give(dtls::path(from), bytes);
            }
            Op::Hello {
                from,
                random,
                cookie,
                raw_keys,
                session_id,
                sequence,
                extensions,
            } => {
                let path = dtls::path(from);
                let cookie = match cookie {
                    true => self.cookies.get(&path).cloned().unwrap_or_default(),
                    false => Vec::new(),
                };
                let mut body = vec![0xfe, 0xfd];
                body.extend([random; 32]);
                body.push(session_id % 33);
                body.extend(vec![7; usize::from(session_id % 33)]);
                body.push(cookie.len() as u8);
                body.extend(cookie);
                body.extend([0, 2, 0xc0, if raw_keys { 0xae } else { 0xa8 }, 1, 0]);
                let mut block = extensions;
                if raw_keys {
                    block.extend([0, 19, 0, 2, 1, 2, 0, 20, 0, 2, 1, 2]);
                }
                if !block.is_empty() {
                    body.extend(u16::try_from(block.len()).unwrap_or(u16::MAX).to_be_bytes());
                    body.extend(block);
                }
                let message = dtls::fragment(1, body.len(), sequence % 4, 0, &body);
                self.give(path, dtls::record(22, [0xfe, 0xfd], 0, sequence, &message));
            }
            Op::KeyExchange {
                from,
                sequence,
                known,
            } => {
                let mut body = vec![0, 4];
                body.extend(if known { IDENTITY } else { b"damp" });
                let message = dtls::fragment(9, body.len(), sequence % 8, 0, &body);
                self.give(
                    dtls::path(from),
                    dtls::record(22, [0xfe, 0xfd], 0, sequence, &message),
                );
            }
            Op::ChangeCipherSpec(from) => {
                self.give(dtls::path(from), dtls::record(20, [0xfe, 0xfd], 0, 9, &[1]));
            }
            Op::Answer { known } => {
                if let Some((ticket, question)) = self.tickets.pop() {
                    let key = match &question {
                        Question::Psk { identity, .. } if known => dtls::key_of(identity),
                        _ => None,
                    };
                    self.server.answer(self.now, ticket, Answer::Psk(key));
                    self.drain();
                }
            }
            Op::Wait(millis) => {
                self.now = self.now + Duration::from_millis(millis.into());
                self.server.handle_timeout(self.now);
                self.drain();
            }
            Op::Timeout => {
                if let Some(next) = self.server.poll_timeout() {
                    self.now = self.now.max(next);
                    self.server.handle_timeout(self.now);
                    self.drain();
                }
            }
        }
    }
}

fuzz_target!(|input: (bool, Vec<Op>)| {
    let (connection_ids, ops) = input;
    let mut play = Play {
        server: dtls::server(connection_ids),
        now: dtls::start(),
        cookies: HashMap::new(),
        traffic: HashMap::new(),
        proven: Vec::new(),
        tickets: Vec::new(),
    };
    for op in ops {
        play.step(op);
    }
    play.now = play.now + Duration::from_secs(1000);
    play.server.handle_timeout(play.now);
    play.drain();
    let tables = play.server.tables();
    assert_eq!(
        (tables.handshakes, tables.timers, tables.questions),
        (0, 0, 0)
    );
    assert_eq!((tables.buffered, tables.connection_ids), (0, 0));
});
