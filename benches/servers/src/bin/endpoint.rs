//! coap-endpoint pumped over a socket: GET /temp, with everything on that it does.

#![forbid(unsafe_code)]

use std::{
    error::Error,
    hash::BuildHasher as _,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use coap_endpoint::{Config, Endpoint, Event, PeerInfo, StrangerVerdict, answer_stranger};
use hashbrown::HashTable;
use sansio::{DatagramBuf, Instant, Peer};
use servers::{Inbox, LEN, Mode, answer, arguments, bind};

fn main() -> Result<(), Box<dyn Error>> {
    let (mode, port) = arguments()?;
    let socket = bind(port)?;
    // Peers are forgotten by the endpoint's timers: so that they run, nothing is waited for longer.
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut server = Server::new();
    match mode {
        Mode::Plain => server.plain(&socket),
        Mode::Batched => server.batched(&socket),
    }
}

/// An endpoint and who its peers are.
struct Server {
    begun: std::time::Instant,
    endpoint: Endpoint,
    /// Slots by address, as in `server-stack`: the address stands in the slot alone.
    by_address: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    /// Generation and address.
    slots: Vec<(u32, Option<SocketAddr>)>,
    free: Vec<u32>,
}

impl Server {
    fn new() -> Self {
        Self {
            begun: std::time::Instant::now(),
            endpoint: Endpoint::new(Config::default(), [7; 32], Instant::ZERO),
            by_address: HashTable::new(),
            hasher: foldhash::fast::RandomState::default(),
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.begun.elapsed()
    }

    fn plain(&mut self, socket: &UdpSocket) -> Result<(), Box<dyn Error>> {
        let mut inbox = [0; LEN];
        let mut out = [0; LEN];
        loop {
            let received = socket.recv_from(&mut inbox);
            let now = self.now();
            if let Ok((len, from)) = received
                && let Some(len) = self.take(now, from, &inbox[..len], &mut out)
            {
                socket.send_to(&out[..len], from)?;
            }
            self.answer(now);
            while let Some((to, len)) = self.next(now, &mut out) {
                socket.send_to(&out[..len], to)?;
            }
        }
    }

    fn batched(&mut self, socket: &UdpSocket) -> Result<(), Box<dyn Error>> {
        let mut inbox = Inbox::new(socket)?;
        let mut out = vec![0; 64 * LEN];
        let mut batch = Vec::new();
        loop {
            let now = self.now();
            let mut reply = [0; 16];
            inbox.receive(socket, |from, datagram| {
                if let Some(len) = self.take(now, from, datagram, &mut reply) {
                    let _ = socket.send_to(&reply[..len], from);
                }
            })?;
            let now = self.now();
            self.answer(now);
            loop {
                batch.clear();
                for (number, room) in out.chunks_mut(LEN).enumerate() {
                    let Some((to, len)) = self.next(now, room) else {
                        break;
                    };
                    batch.push((to, number * LEN..number * LEN + len));
                }
                if batch.is_empty() {
                    break;
                }
                inbox.send(socket, &batch, &out);
            }
        }
    }

    /// Hands a datagram to the endpoint; the answer to a stranger who is none of its peers.
    fn take(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        let peer = match self.find(from) {
            Some(peer) => peer,
            None => {
                let mut room = DatagramBuf::new(out, 0, 0);
                match answer_stranger(datagram, &mut room) {
                    StrangerVerdict::Open => self.open(now, from),
                    StrangerVerdict::Reply => return Some(room.bytes().len()),
                    _ => return None,
                }
            }
        };
        self.endpoint.handle_datagram(now, peer, datagram);
        None
    }

    fn find(&self, from: SocketAddr) -> Option<Peer> {
        let is = |&slot: &u32| self.slots[slot as usize].1 == Some(from);
        let slot = *self.by_address.find(self.hasher.hash_one(from), is)?;
        Some(Peer::new(slot, self.slots[slot as usize].0))
    }

    fn open(&mut self, now: Instant, from: SocketAddr) -> Peer {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            self.slots.len() as u32 - 1
        });
        let (generation, address) = &mut self.slots[slot as usize];
        *address = Some(from);
        let peer = Peer::new(slot, *generation);
        self.endpoint.open_peer(now, peer, PeerInfo::default());
        let (slots, hasher) = (&self.slots, &self.hasher);
        let hash = |&slot: &u32| hasher.hash_one(slots[slot as usize].1.unwrap_or(from));
        self.by_address
            .insert_unique(hasher.hash_one(from), slot, hash);
        peer
    }

    /// Answers the requests that came.
    fn answer(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Request {
                    exchange, request, ..
                } => {
                    let _ = self.endpoint.respond(now, exchange, answer(&request));
                }
                Event::PeerIdle { peer, .. } => {
                    let (generation, address) = &mut self.slots[peer.slot() as usize];
                    if *generation == peer.generation() {
                        *generation = generation.wrapping_add(1);
                        if let Some(address) = address.take() {
                            let hash = self.hasher.hash_one(address);
                            let is = |&slot: &u32| slot == peer.slot();
                            if let Ok(found) = self.by_address.find_entry(hash, is) {
                                found.remove();
                            }
                        }
                        self.free.push(peer.slot());
                        let why = coap_endpoint::CloseReason::Idle;
                        self.endpoint.close_peer(now, peer, why);
                    }
                }
                _ => {}
            }
        }
        if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
            self.endpoint.handle_timeout(now);
        }
    }

    /// The next datagram to send.
    fn next(&mut self, now: Instant, out: &mut [u8]) -> Option<(SocketAddr, usize)> {
        loop {
            let mut room = DatagramBuf::new(out, 0, 0);
            let transmit = self.endpoint.poll_transmit(now, &mut room)?;
            let (generation, address) = self.slots[transmit.peer.slot() as usize];
            if let (true, Some(address)) = (generation == transmit.peer.generation(), address) {
                return Some((address, transmit.len));
            }
        }
    }
}
