//! Two endpoints do at random what they can do, over a network at random; after each step the counts
//! of the tables are what is in them.

#![allow(clippy::cast_possible_truncation, clippy::field_reassign_with_default)]

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use coap_codec::{BlockSize, Code};
use sansio::Rng;

use super::*;

struct Random {
    rng: Rng,
    now: Instant,
    ends: [Endpoint; 2],
    /// Datagrams under way to each end, with the peer that sent them.
    wires: [VecDeque<(Peer, Vec<u8>)>; 2],
    requests: [Vec<RequestId>; 2],
    exchanges: [Vec<ExchangeId>; 2],
    relations: [Vec<RelationId>; 2],
    generations: [u32; PEERS],
}

const PEERS: usize = 3;

impl Random {
    fn new(seed: u8) -> Self {
        let mut config = Config::default();
        config.block_size = BlockSize::B16;
        config.body_max = 200;
        config.limits.dedup_per_peer = 10;
        config.limits.dedup_total = 25;
        config.limits.dedup_bytes_per_peer = 200;
        config.limits.dedup_bytes_total = 500;
        config.limits.queue_per_peer = 4;
        config.limits.requests_per_peer = 6;
        config.limits.observations_per_peer = 3;
        config.limits.exchanges_per_peer = 3;
        config.limits.uploads_per_peer = 2;
        config.limits.uploads_total = 4;
        config.limits.upload_bytes_total = 300;
        config.limits.downloads_per_peer = 2;
        config.limits.downloads_total = 4;
        config.limits.download_bytes_total = 300;
        config.limits.relations_per_peer = 3;
        let end = |seed: u8| Endpoint::new(config.clone(), [seed; 32], Instant::ZERO);
        let mut random = Self {
            rng: Rng::from_seed([seed; 32]),
            now: Instant::ZERO,
            ends: [end(seed), end(seed ^ 0xff)],
            wires: Default::default(),
            requests: Default::default(),
            exchanges: Default::default(),
            relations: Default::default(),
            generations: [0; PEERS],
        };
        for slot in 0..PEERS {
            random.reopen(slot);
        }
        random
    }

    fn reopen(&mut self, slot: usize) {
        self.generations[slot] += 1;
        let peer = self.peer(slot);
        let info = PeerInfo {
            verified: self.rng.below(2) == 0,
            multicast: self.rng.below(8) == 0,
            ..PeerInfo::default()
        };
        for end in &mut self.ends {
            end.open_peer(self.now, peer, info);
        }
    }

    fn peer(&self, slot: usize) -> Peer {
        Peer::new(u32::try_from(slot).unwrap(), self.generations[slot])
    }

    fn pick<T: Copy>(rng: &mut Rng, of: &mut Vec<T>) -> Option<T> {
        let len = u32::try_from(of.len()).unwrap();
        (len > 0).then(|| of.swap_remove(rng.below(len) as usize))
    }

    fn message(&mut self) -> (Code, Vec<u8>) {
        let codes = [Code::GET, Code::GET, Code::PUT, Code::POST, Code::FETCH];
        let code = codes[self.rng.below(5) as usize];
        let len = match self.rng.below(3) {
            0 => self.rng.below(250),
            _ => self.rng.below(17),
        };
        (code, vec![self.rng.next_u32() as u8; len as usize])
    }

    fn response(&mut self) -> Response {
        let codes = [Code::CONTENT, Code::CONTENT, Code::CHANGED, Code::NOT_FOUND];
        let (_, payload) = self.message();
        Response::new(codes[self.rng.below(4) as usize]).payload(payload)
    }

    fn step(&mut self) {
        let which = self.rng.below(2) as usize;
        let slot = self.rng.below(PEERS as u32) as usize;
        let (now, peer) = (self.now, self.peer(slot));
        match self.rng.below(16) {
            0..3 => {
                let (code, payload) = self.message();
                let path = ["a", "b"][self.rng.below(2) as usize];
                let mut request = Request::new(code).path(path).payload(payload);
                if self.rng.below(2) == 0 {
                    request = request.observe(self.rng.below(2));
                }
                let options = match self.rng.below(4) {
                    0 => RequestOptions::non_confirmable(),
                    _ => RequestOptions::default(),
                };
                if let Ok(id) = self.ends[which].request(now, peer, request, options) {
                    self.requests[which].push(id);
                }
            }
            3 => drop(self.ends[which].ping(now, peer)),
            4 => {
                if let Some(id) = Self::pick(&mut self.rng, &mut self.requests[which]) {
                    match self.rng.below(3) {
                        0 => self.ends[which].cancel(now, id),
                        1 => drop(self.ends[which].cancel_observation(now, id, true)),
                        _ => drop(self.ends[which].cancel_observation(now, id, false)),
                    }
                }
            }
            5..8 => {
                let response = self.response();
                if let Some(id) = Self::pick(&mut self.rng, &mut self.exchanges[which]) {
                    match self.rng.below(2) {
                        0 => drop(self.ends[which].respond(now, id, response)),
                        _ => {
                            let accepted = self.ends[which].respond_observed(now, id, response);
                            self.relations[which].extend(accepted.ok().flatten());
                        }
                    }
                }
            }
            8..10 => {
                let response = self.response();
                let how = [Notify::Confirmable, Notify::NonConfirmable][self.rng.below(2) as usize];
                if let Some(&id) = self.relations[which].last() {
                    let _ = self.ends[which].notify(now, id, response, how);
                    if self.rng.below(4) == 0 {
                        self.relations[which].pop();
                    }
                }
            }
            10 => {
                if let Some(id) = Self::pick(&mut self.rng, &mut self.relations[which]) {
                    self.ends[which].end_relation(now, id);
                }
            }
            11 if self.rng.below(20) == 0 => {
                if self.rng.below(2) == 0 {
                    self.ends[which].close_peer(now, peer, CloseReason::SessionEnded);
                }
                self.reopen(slot);
            }
            12 => self.now = now + Duration::from_millis(u64::from(self.rng.below(5000))),
            13 if self.rng.below(50) == 0 => self.now = now + Duration::from_secs(100),
            _ => {
                // The network: loses, repeats, swaps.
                for _ in 0..self.rng.below(6) {
                    if let Some((peer, mut bytes)) = self.wires[which].pop_front() {
                        match self.rng.below(20) {
                            0 => continue,
                            1 => self.wires[which].push_back((peer, bytes.clone())),
                            2 if !bytes.is_empty() => {
                                let at = self.rng.below(bytes.len() as u32) as usize;
                                bytes[at] = self.rng.next_u32() as u8;
                            }
                            _ => {}
                        }
                        self.ends[which].handle_datagram(now, peer, &bytes);
                    }
                }
            }
        }
        self.drain();
    }

    fn drain(&mut self) {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, 0, 0);
        for (which, end) in self.ends.iter_mut().enumerate() {
            if end.poll_timeout().is_some_and(|at| at <= self.now) {
                end.handle_timeout(self.now);
            }
            while let Some(transmit) = end.poll_transmit(self.now, &mut buf) {
                self.wires[1 - which].push_back((transmit.peer, buf.bytes().to_vec()));
            }
            while let Some(event) = end.poll_event() {
                if let Event::Request { exchange, .. } = event {
                    self.exchanges[which].push(exchange);
                }
            }
            let counted = end.peers.recount(&end.cx);
            let told = end.tables();
            let expected = Tables {
                transmit_queue: 0,
                events: 0,
                timers: told.timers,
                ..counted
            };
            assert_eq!(told, expected);
            let limits = end.cx.config.limits;
            assert!(
                told.dedup <= limits.dedup_total && told.dedup_bytes <= limits.dedup_bytes_total
            );
            assert!(told.uploads <= limits.uploads_total);
            assert!(told.upload_bytes <= limits.upload_bytes_total);
            assert!(told.downloads <= limits.downloads_total);
            assert!(told.download_bytes <= limits.download_bytes_total);
            assert!(told.in_flight <= PEERS && told.exchanges <= 3 * PEERS);
        }
    }
}

#[test]
fn counts_are_what_is_there() {
    for seed in 0..24 {
        let mut random = Random::new(seed);
        for _ in 0..4000 {
            random.step();
        }
        // The lifetimes pass, and nobody says anything any more.
        random.wires = Default::default();
        for _ in 0..200 {
            random.now = random.now + Duration::from_secs(1000);
            for end in &mut random.ends {
                for _ in 0..20 {
                    end.handle_timeout(random.now);
                    while end.poll_event().is_some() {}
                    end.cx.outbox.clear();
                }
            }
        }
        for (which, end) in random.ends.iter().enumerate() {
            let tables = end.tables();
            // Observations live until the peer says otherwise.
            let kept = tables.observations;
            assert_eq!(
                tables.requests, kept,
                "seed {seed}, end {which}: {tables:?}"
            );
            let rest = Tables {
                requests: 0,
                observations: 0,
                ..tables
            };
            assert!(rest.is_quiet(), "seed {seed}, end {which}: {tables:?}");
            assert_eq!(tables.timers, 0, "seed {seed}, end {which}");
        }
    }
}
