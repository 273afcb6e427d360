use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dtls_core::{
    Answer, Config, Connect, Datagram, Endpoint, Event, Path, Question, Secret, Suites,
};
use sansio::{DatagramBuf, Instant, Peer, Rng};

/// Whether questions are answered at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answering {
    AtOnce,
    Never,
}

/// The endpoint under test with a clock, and everything that it said.
pub struct Side {
    pub now: Instant,
    pub endpoint: Endpoint,
    pub keys: HashMap<Vec<u8>, Vec<u8>>,
    pub answering: Answering,
    pub events: Vec<Event>,
    pub data: Vec<(Peer, Vec<u8>)>,
    /// Datagrams that were sent, and when.
    pub sent: Vec<(Instant, Path, Vec<u8>)>,
    /// Where unread datagrams begin.
    read: usize,
}

impl Side {
    pub fn server(config: Config, suites: impl Suites + 'static) -> Self {
        Self::new(config, Some(Arc::new(suites)))
    }

    pub fn client(config: Config) -> Self {
        Self::new(config, None)
    }

    fn new(config: Config, suites: Option<Arc<dyn Suites>>) -> Self {
        let now = Instant::from_micros(1_000_000);
        Self {
            now,
            endpoint: Endpoint::new(now, config, suites, Rng::from_seed([9; 32])),
            keys: HashMap::new(),
            answering: Answering::AtOnce,
            events: Vec::new(),
            data: Vec::new(),
            sent: Vec::new(),
            read: 0,
        }
    }

    pub fn connect(&mut self, path: Path, suites: impl Suites + 'static, connect: Connect) -> Peer {
        let suites = Arc::new(suites);
        let peer = self.endpoint.connect(self.now, path, suites, connect);
        self.drain();
        peer.unwrap()
    }

    /// Hands a datagram over; what is sent to `path` from then on is returned.
    pub fn give(&mut self, path: Path, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.read = self.sent.len();
        self.put(path, bytes);
        self.take(path)
    }

    pub fn put(&mut self, path: Path, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        let mut datagram = Datagram::new(path, &mut bytes);
        while let Some((peer, data)) = self.endpoint.handle_datagram(self.now, &mut datagram) {
            self.data.push((peer, data.to_vec()));
        }
        self.drain();
    }

    /// What was sent to `path` and is not read yet.
    pub fn take(&mut self, path: Path) -> Vec<Vec<u8>> {
        let new = self.sent.get(self.read..).unwrap_or_default();
        let new = new.iter().filter(|(_, to, _)| *to == path);
        let new = new.map(|(_, _, bytes)| bytes.clone()).collect();
        self.read = self.sent.len();
        new
    }

    /// Lets time pass, with all that falls due in it.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(next) = self.endpoint.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub fn drain(&mut self) {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, 0, 0);
        loop {
            let mut quiet = true;
            while let Some(transmit) = self.endpoint.poll_transmit(self.now, &mut buf) {
                quiet = false;
                let bytes = buf.bytes().to_vec();
                assert_eq!(bytes.len(), transmit.len);
                self.sent.push((self.now, transmit.path, bytes));
            }
            while let Some(event) = self.endpoint.poll_event() {
                quiet = false;
                if let Event::Question {
                    ticket, question, ..
                } = &event
                    && self.answering == Answering::AtOnce
                {
                    let answer = match question {
                        Question::Psk { identity, .. } => {
                            Answer::Psk(self.keys.get(identity).map(|key| Secret::new(key)))
                        }
                        _ => Answer::Trust(Ok(())),
                    };
                    self.endpoint.answer(self.now, *ticket, answer);
                }
                self.events.push(event);
            }
            if quiet {
                return;
            }
        }
    }

    /// Makes a record of application data.
    pub fn seal(&mut self, peer: Peer, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
        buf.space()[..bytes.len()].copy_from_slice(bytes);
        buf.set_len(bytes.len());
        self.endpoint.seal(peer, &mut buf).ok()?;
        Some(buf.bytes().to_vec())
    }

    pub fn connected(&self) -> usize {
        let connected = |event: &&Event| matches!(event, Event::Connected { .. });
        self.events.iter().filter(connected).count()
    }

    pub fn peer(&self) -> Peer {
        let peers = self.events.iter().rev().filter_map(|event| match event {
            Event::Connected { peer, .. } => Some(*peer),
            _ => None,
        });
        peers.into_iter().next().expect("connected")
    }

    pub fn failures(&self) -> Vec<dtls_core::FailureReason> {
        let failures = self.events.iter().filter_map(|event| match event {
            Event::HandshakeFailed { failure, .. } => Some(failure.reason.clone()),
            _ => None,
        });
        failures.collect()
    }
}
