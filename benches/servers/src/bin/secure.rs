//! coap-endpoint behind dtls-core, joined as `server-stack` does it: GET /temp over coaps, with connection ids.

#![forbid(unsafe_code)]

use std::{
    error::Error,
    net::{SocketAddr, UdpSocket},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use coap_endpoint::PeerInfo;
use dtls_psk::{
    Psk,
    dtls_core::{self, Answer, ConnectionIdPolicy, Datagram, Event, Path, Question, Role, Secret},
};
use sansio::{DatagramBuf, Instant, Rng};
use servers::{Inbox, KEY, LEN, answer, bind};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (port, linger) = match arguments.as_slice() {
        [port] => (port.parse()?, None),
        [port, linger] => (port.parse()?, Some(Duration::from_secs(linger.parse()?))),
        _ => return Err("usage: PORT [SECONDS THAT A LAST FLIGHT IS KEPT]".into()),
    };
    let mut config = dtls_core::Config::default();
    config.connection_id = ConnectionIdPolicy::receive(8, &[]);
    config.linger = linger.unwrap_or(config.linger);
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let mut rng = Rng::from_seed(seed);
    let coap = coap_endpoint::Endpoint::new(Default::default(), rng.seed(), Instant::ZERO);
    let suites = Some(Arc::new(Psk::server()) as _);
    let mut server = Server {
        begun: std::time::Instant::now(),
        dtls: dtls_core::Endpoint::new(Instant::ZERO, config, suites, rng),
        coap,
    };
    server.run(&bind(port)?)
}

/// A session is a peer of the CoAP endpoint by the name that the DTLS endpoint gives it.
struct Server {
    begun: std::time::Instant,
    dtls: dtls_core::Endpoint,
    coap: coap_endpoint::Endpoint,
}

impl Server {
    fn now(&self) -> Instant {
        Instant::ZERO + self.begun.elapsed()
    }

    fn run(&mut self, socket: &UdpSocket) -> Result<(), Box<dyn Error>> {
        let mut inbox = Inbox::new(socket)?;
        let mut out = vec![0; 64 * LEN];
        let mut batch = Vec::new();
        loop {
            let now = self.now();
            inbox.receive(socket, |from, datagram| self.take(now, from, datagram))?;
            let now = self.now();
            self.answer(now);
            self.send(now, socket, &inbox, &mut out, &mut batch);
            // A last flight has to be sent before it is forgotten.
            if self.act_on_deadlines(now) {
                self.answer(now);
                self.send(now, socket, &inbox, &mut out, &mut batch);
            }
        }
    }

    fn send(
        &mut self,
        now: Instant,
        socket: &UdpSocket,
        inbox: &Inbox,
        out: &mut [u8],
        batch: &mut Vec<(SocketAddr, Range<usize>)>,
    ) {
        loop {
            batch.clear();
            for (number, room) in out.chunks_mut(LEN).enumerate() {
                let Some((to, range)) = self.next(now, room) else {
                    break;
                };
                batch.push((to, number * LEN + range.start..number * LEN + range.end));
            }
            if batch.is_empty() {
                return;
            }
            inbox.send(socket, batch, out);
        }
    }

    fn take(&mut self, now: Instant, address: SocketAddr, datagram: &mut [u8]) {
        let path = Path {
            local_endpoint: 0,
            address,
        };
        let mut datagram = Datagram::new(path, datagram);
        loop {
            let data = self.dtls.handle_datagram(now, &mut datagram);
            // What the records before this one did comes first.
            while let Some(event) = self.dtls.poll_event() {
                self.on_dtls(now, event);
            }
            let Some((peer, data)) = data else {
                return;
            };
            self.coap.handle_datagram(now, peer, data);
        }
    }

    fn on_dtls(&mut self, now: Instant, event: Event) {
        let ended = coap_endpoint::CloseReason::SessionEnded;
        match event {
            Event::Question {
                ticket,
                question: Question::Psk { .. },
                ..
            } => {
                let key = Secret::new(KEY);
                self.dtls.answer(now, ticket, Answer::Psk(Some(key)));
            }
            Event::Connected {
                peer,
                role: Role::Server,
                replaces,
                ..
            } => {
                if let Some(former) = replaces {
                    self.coap.close_peer(now, former, ended);
                }
                let info = PeerInfo {
                    verified: true,
                    ..PeerInfo::default()
                };
                self.coap.open_peer(now, peer, info);
            }
            Event::Closed { peer, .. } => self.coap.close_peer(now, peer, ended),
            _ => {}
        }
    }

    /// Answers the requests that came.
    fn answer(&mut self, now: Instant) {
        while let Some(event) = self.coap.poll_event() {
            if let coap_endpoint::Event::Request {
                exchange, request, ..
            } = event
            {
                let _ = self.coap.respond(now, exchange, answer(&request));
            }
        }
    }

    /// Whether there was one.
    fn act_on_deadlines(&mut self, now: Instant) -> bool {
        let coap = self.coap.poll_timeout().is_some_and(|at| at <= now);
        let dtls = self.dtls.poll_timeout().is_some_and(|at| at <= now);
        if coap {
            self.coap.handle_timeout(now);
        }
        if dtls {
            self.dtls.handle_timeout(now);
            while let Some(event) = self.dtls.poll_event() {
                self.on_dtls(now, event);
            }
        }
        coap || dtls
    }

    /// The next datagram to send, and where it stands in `out`.
    fn next(&mut self, now: Instant, out: &mut [u8]) -> Option<(SocketAddr, Range<usize>)> {
        let mut room = DatagramBuf::new(out, 0, 0);
        if let Some(transmit) = self.dtls.poll_transmit(now, &mut room) {
            return Some((transmit.path.address, room.range()));
        }
        let (before, behind) = (dtls_core::Endpoint::HEADROOM, dtls_core::Endpoint::TAILROOM);
        loop {
            let mut room = DatagramBuf::new(out, before, behind);
            let transmit = self.coap.poll_transmit(now, &mut room)?;
            if let Ok(path) = self.dtls.seal(transmit.peer, &mut room) {
                return Some((path.address, room.range()));
            }
        }
    }
}
