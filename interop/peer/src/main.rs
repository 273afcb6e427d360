//! `coap-endpoint` on a blocking socket, for other makes to talk to.
//!
//! `coap-peer serve ADDR`: GET and PUT `/blob`, observable `/ticks`.
//! `coap-peer get URI FILE`, `put URI FILE`, `observe URI COUNT`: one request each.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant as StdInstant};

use coap_codec::{Code, ContentFormat, OptionNumber, Request, Response};
use coap_endpoint::{
    Config, Endpoint, Event, Notify, ObserveRequest, PeerInfo, RelationId, RequestOptions,
};
use sansio::{DatagramBuf, Instant, Peer};

struct Machine {
    endpoint: Endpoint,
    socket: UdpSocket,
    began: StdInstant,
    peers: HashMap<SocketAddr, Peer>,
    addresses: Vec<SocketAddr>,
}

impl Machine {
    fn new(address: &str) -> Result<Self, Box<dyn Error>> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        let socket = UdpSocket::bind(address)?;
        let config = Config::default();
        Ok(Self {
            endpoint: Endpoint::new(config, seed, Instant::ZERO),
            socket,
            began: StdInstant::now(),
            peers: HashMap::new(),
            addresses: Vec::new(),
        })
    }

    fn now(&self) -> Instant {
        Instant::from_micros(self.began.elapsed().as_micros() as u64)
    }

    fn peer(&mut self, address: SocketAddr) -> Peer {
        if let Some(&peer) = self.peers.get(&address) {
            return peer;
        }
        let peer = Peer::new(self.addresses.len() as u32, 0);
        self.addresses.push(address);
        self.peers.insert(address, peer);
        let now = self.now();
        let mut info = PeerInfo::default();
        // The judges move bodies on purpose; their addresses need no proof on loopback.
        info.verified = true;
        self.endpoint.open_peer(now, peer, info);
        peer
    }

    /// Sends what is due, then waits for a datagram or the next deadline, at most `patience`.
    fn turn(&mut self, patience: Duration) -> io::Result<()> {
        let mut memory = [0; 2048];
        loop {
            let now = self.now();
            let mut out = DatagramBuf::new(&mut memory, 0, 0);
            let Some(transmit) = self.endpoint.poll_transmit(now, &mut out) else {
                break;
            };
            self.socket
                .send_to(out.bytes(), self.addresses[transmit.peer.slot() as usize])?;
        }
        let now = self.now();
        let wait = self.endpoint.poll_timeout().map_or(patience, |deadline| {
            deadline.saturating_duration_since(now).min(patience)
        });
        self.socket
            .set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
        let mut datagram = [0; 2048];
        match self.socket.recv_from(&mut datagram) {
            Ok((len, from)) => {
                let peer = self.peer(from);
                let now = self.now();
                self.endpoint.handle_datagram(now, peer, &datagram[..len]);
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) => {}
            Err(error) => return Err(error),
        }
        let now = self.now();
        self.endpoint.handle_timeout(now);
        Ok(())
    }
}

fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let mut machine = Machine::new(address)?;
    println!("ready");
    let mut blob = bytes::Bytes::new();
    let mut relations: Vec<RelationId> = Vec::new();
    let mut ticks = 0;
    let mut next_tick = Duration::ZERO;
    loop {
        machine.turn(Duration::from_millis(100))?;
        while let Some(event) = machine.endpoint.poll_event() {
            match event {
                Event::Request {
                    exchange,
                    request,
                    observe,
                    ..
                } => {
                    let path: Vec<_> = request
                        .options
                        .as_options()
                        .all(OptionNumber::URI_PATH)
                        .collect();
                    let now = machine.now();
                    let response = match (request.code, path.as_slice()) {
                        (Code::GET, [b"blob"]) => Response::new(Code::CONTENT)
                            .content_format(ContentFormat::OPAQUE)
                            .payload(blob.clone()),
                        (Code::PUT, [b"blob"]) => {
                            blob = request.payload;
                            Response::new(Code::CHANGED)
                        }
                        (Code::GET, [b"ticks"]) => {
                            let response = tick(ticks);
                            if observe == Some(ObserveRequest::Register) {
                                relations.extend(
                                    machine.endpoint.respond_observed(now, exchange, response)?,
                                );
                                continue;
                            }
                            response
                        }
                        _ => Response::new(Code::NOT_FOUND),
                    };
                    machine.endpoint.respond(now, exchange, response)?;
                }
                Event::RelationEnded { relation, .. } => {
                    relations.retain(|&running| running != relation)
                }
                _ => {}
            }
        }
        if machine.began.elapsed() >= next_tick {
            next_tick = machine.began.elapsed() + Duration::from_millis(300);
            ticks += 1;
            let now = machine.now();
            let notify = if ticks % 3 == 0 {
                Notify::Confirmable
            } else {
                Notify::NonConfirmable
            };
            relations.retain(|&relation| {
                machine
                    .endpoint
                    .notify(now, relation, tick(ticks), notify)
                    .is_ok()
            });
        }
    }
}

fn tick(count: u32) -> Response {
    Response::new(Code::CONTENT)
        .content_format(ContentFormat::TEXT)
        .payload(format!("tick {count}\n"))
}

/// Sends one request and prints answers until `count` have come.
fn ask(
    uri: &str,
    make: impl Fn(Request) -> Request,
    code: Code,
    count: usize,
) -> Result<bytes::Bytes, Box<dyn Error>> {
    let rest = uri
        .strip_prefix("coap://")
        .ok_or("a URI begins with coap://")?;
    let (authority, path) = rest.split_once('/').ok_or("a URI has a path")?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut request = Request::new(code).path(&format!("/{path}"));
    if !query.is_empty() {
        request = request.query(query);
    }
    let mut machine = Machine::new("127.0.0.1:0")?;
    let peer = machine.peer(authority.parse()?);
    let now = machine.now();
    machine
        .endpoint
        .request(now, peer, make(request), RequestOptions::default())?;
    let mut seen = 0;
    loop {
        machine.turn(Duration::from_secs(1))?;
        while let Some(event) = machine.endpoint.poll_event() {
            match event {
                Event::Response { response, .. } | Event::Notification { response, .. } => {
                    println!("{} {} bytes", response.code, response.payload.len());
                    seen += 1;
                    if seen == count {
                        return Ok(response.payload);
                    }
                }
                Event::Failed { failure, .. } => return Err(failure.into()),
                _ => {}
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve", address] => serve(address),
        ["get", uri, file] => Ok(std::fs::write(
            file,
            ask(uri, |request| request, Code::GET, 1)?,
        )?),
        ["put", uri, file] => {
            let body = bytes::Bytes::from(std::fs::read(file)?);
            let make = |request: Request| {
                request
                    .content_format(ContentFormat::TEXT)
                    .payload(body.clone())
            };
            ask(uri, make, Code::PUT, 1).map(drop)
        }
        ["observe", uri, count] => {
            ask(uri, |request| request.observe(0), Code::GET, count.parse()?).map(drop)
        }
        _ => Err(
            "usage: coap-peer serve ADDR | get URI FILE | put URI FILE | observe URI COUNT".into(),
        ),
    }
}
