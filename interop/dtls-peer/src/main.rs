//! Our DTLS endpoint on a blocking socket, for other makes to talk to.
//!
//! `dtls-peer server|client PORT CREDENTIALS SUITE [cid=N] [mtu=N] [host=NAME] [mfl=N] [ems=off|require] [etm=off] [who=NAME]
//! [key=HEX] [first=MS] [patience=S] [keylog=FILE]`; the lines that it reads and prints are those of ../pion, and `stats`. A server also takes the
//! suite `all`. `who` shows the credentials of somebody else, `key` is another pre-shared key.

mod credentials;

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant as StdInstant, SystemTime};

use dtls_core::{
    Config, Connect, ConnectionIdPolicy, Datagram, Endpoint, Event, Path, Policy, Resumption,
    Suites,
};
use sansio::{DatagramBuf, Instant, Peer, Rng};

use crate::credentials::Files;

type Fallible<T> = Result<T, Box<dyn Error>>;

struct Machine {
    endpoint: Endpoint,
    config: Config,
    files: Files,
    socket: UdpSocket,
    began: StdInstant,
    key_log: Option<File>,
    /// Of a client: with what it connects, and to where.
    client: Option<(Arc<dyn Suites>, Path, Option<Box<str>>)>,
    resume: Option<Resumption>,
    peer: Option<Peer>,
}

fn seeded() -> Fallible<Rng> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(Rng::from_seed(seed))
}

fn bind(port: u16) -> Fallible<UdpSocket> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?)
}

fn wall_clock() -> u64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| since.as_secs())
}

impl Machine {
    fn now(&self) -> Instant {
        Instant::from_micros(self.began.elapsed().as_micros() as u64)
    }

    fn connect(&mut self) -> Fallible<()> {
        let Some((suites, path, name)) = self.client.clone() else {
            return Err("only a client connects".into());
        };
        let mut connect = Connect::default();
        connect.server_name = name;
        connect.resume = self.resume.take();
        let now = self.now();
        self.endpoint.connect(now, path, suites, connect)?;
        Ok(())
    }

    fn send(&mut self, peer: Peer, bytes: &[u8]) -> Fallible<()> {
        let mut memory = vec![0; 1 << 15];
        let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
        buf.space()
            .get_mut(..bytes.len())
            .ok_or("too long")?
            .copy_from_slice(bytes);
        buf.set_len(bytes.len());
        let path = self.endpoint.seal(peer, &mut buf)?;
        self.socket.send_to(buf.bytes(), path.address)?;
        Ok(())
    }

    fn flush(&mut self) {
        let mut memory = [0; 2048];
        loop {
            let now = self.now();
            let mut out = DatagramBuf::new(&mut memory, 0, 0);
            let Some(transmit) = self.endpoint.poll_transmit(now, &mut out) else {
                return;
            };
            // A port that nobody holds yet is nothing to a handshake.
            let _ = self.socket.send_to(out.bytes(), transmit.path.address);
        }
    }

    fn tell(&mut self) -> Fallible<()> {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Question {
                    ticket, question, ..
                } => {
                    let answer = self.files.answer(&question, wall_clock())?;
                    let now = self.now();
                    self.endpoint.answer(now, ticket, answer);
                }
                Event::Connected {
                    peer,
                    identity,
                    suite,
                    resumed,
                    connection_id,
                    replaces,
                    ..
                } => {
                    self.peer = Some(peer);
                    let replaces = replaces.is_some();
                    println!(
                        "connected {:04X} resumed={resumed} cid={connection_id} replaces={replaces} {}",
                        suite.0,
                        String::from_utf8_lossy(&identity.value).escape_debug(),
                    );
                }
                Event::HandshakeFailed { failure, .. } => {
                    println!("failed {}: {}", failure.alert, failure.reason);
                }
                Event::Moved { from, to, .. } => println!("moved {from} to {to}"),
                Event::Closed { reason, .. } => println!("closed {reason:?}"),
                Event::KeyLog { line, .. } => {
                    if let Some(file) = &mut self.key_log {
                        writeln!(file, "{line}")?;
                    }
                }
                other => println!("event {other:?}"),
            }
        }
        Ok(())
    }

    /// Sends what is due, then waits a little for a datagram.
    fn turn(&mut self) -> Fallible<()> {
        self.flush();
        self.socket
            .set_read_timeout(Some(Duration::from_millis(5)))?;
        let mut memory = [0; 1 << 15];
        match self.socket.recv_from(&mut memory) {
            Ok((len, from)) => self.hear(from, memory.get_mut(..len).unwrap_or_default())?,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock
                        | io::ErrorKind::TimedOut
                        | io::ErrorKind::ConnectionRefused
                ) => {}
            Err(error) => return Err(error.into()),
        }
        let now = self.now();
        self.endpoint.handle_timeout(now);
        self.endpoint.handle_wall_clock(wall_clock());
        self.tell()
    }

    fn hear(&mut self, address: SocketAddr, bytes: &mut [u8]) -> Fallible<()> {
        let path = Path {
            local_endpoint: 0,
            address,
        };
        let mut datagram = Datagram::new(path, bytes);
        let mut heard = Vec::new();
        let now = self.now();
        while let Some((peer, data)) = self.endpoint.handle_datagram(now, &mut datagram) {
            heard.push((peer, String::from_utf8_lossy(data).trim_end().to_owned()));
        }
        self.tell()?;
        for (peer, text) in heard {
            println!("got {text}");
            if self.client.is_none()
                && let Err(error) = self.send(peer, format!("echo {text}\n").as_bytes())
            {
                println!("unsent {error}");
            }
        }
        Ok(())
    }

    fn command(&mut self, line: &str) -> Fallible<()> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, self.peer) {
            ("send", Some(peer)) => self.send(peer, format!("{rest}\n").as_bytes())?,
            ("rebind", _) => self.socket = bind(0)?,
            ("again", Some(peer)) => {
                self.resume = self.endpoint.resumption(peer);
                self.endpoint.close(peer);
                self.flush();
                self.socket = bind(0)?;
                self.connect()?;
            }
            // As after a loss of power: nothing is remembered and nothing is said.
            ("restart", _) => {
                let now = self.now();
                self.endpoint = Endpoint::new(now, self.config.clone(), None, seeded()?);
                self.connect()?;
            }
            ("close", Some(peer)) => self.endpoint.close(peer),
            ("stats", _) => println!("{:?} {:?}", self.endpoint.stats(), self.endpoint.tables()),
            _ => return Err(format!("not now: {line}").into()),
        }
        Ok(())
    }

    fn run(&mut self, lines: &Receiver<String>) -> Fallible<()> {
        loop {
            self.turn()?;
            match lines.try_recv() {
                Ok(line) => {
                    if let Err(error) = self.command(&line) {
                        println!("failed {error}");
                    }
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }
}

fn config(role: &str, extra: &HashMap<String, String>) -> Fallible<Config> {
    let mut config = Config::default();
    if let Some(len) = extra.get("cid") {
        config.connection_id = ConnectionIdPolicy::receive(len.parse()?, &[]);
    }
    if let Some(mtu) = extra.get("mtu") {
        config.max_datagram = mtu.parse()?;
    }
    if let Some(len) = extra.get("mfl") {
        config.max_fragment_length = Some(len.parse()?);
    }
    if let Some(millis) = extra.get("first") {
        config.first_wait = Duration::from_millis(millis.parse()?);
    }
    if let Some(seconds) = extra.get("patience") {
        config.handshake_timeout = Duration::from_secs(seconds.parse()?);
    }
    match extra.get("ems").map(String::as_str) {
        None => {}
        Some("off") => config.extended_master_secret = Policy::Off,
        Some("require") => config.extended_master_secret = Policy::Require,
        Some(other) => return Err(format!("ems is off or require, not {other}").into()),
    }
    config.encrypt_then_mac = extra.get("etm").is_none_or(|word| word != "off");
    if role == "server" {
        config.resumptions = 100;
    }
    Ok(config)
}

fn main() -> Fallible<()> {
    let mut plain = Vec::new();
    let mut extra = HashMap::new();
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some((name, value)) => drop(extra.insert(name.to_owned(), value.to_owned())),
            None => plain.push(argument),
        }
    }
    let [role, port, folder, suite] = plain.as_slice() else {
        return Err("usage: dtls-peer server|client PORT CREDENTIALS SUITE [WORD=VALUE]...".into());
    };
    let port: u16 = port.parse()?;
    let files = Files::new(folder, &extra, role);
    let config = config(role, &extra)?;
    let began = StdInstant::now();
    let (server, client) = match role.as_str() {
        "server" => (Some(files.server(suite)?), None),
        "client" => {
            let path = Path {
                local_endpoint: 0,
                address: (Ipv4Addr::LOCALHOST, port).into(),
            };
            let host = extra.get("host").map_or("localhost", String::as_str);
            (None, Some((files.client(suite)?, path, Some(host.into()))))
        }
        _ => return Err(format!("no such role: {role}").into()),
    };
    let mut machine = Machine {
        endpoint: Endpoint::new(Instant::ZERO, config.clone(), server, seeded()?),
        config,
        files,
        socket: bind(if client.is_some() { 0 } else { port })?,
        began,
        key_log: extra.get("keylog").map(File::create).transpose()?,
        client,
        resume: None,
        peer: None,
    };
    machine.endpoint.handle_wall_clock(wall_clock());
    println!("ready");
    if machine.client.is_some() {
        machine.connect()?;
    }
    let (told, lines) = channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if told.send(line).is_err() {
                return;
            }
        }
    });
    machine.run(&lines)
}
