//! A bad network, and a NAT, between two programs on UDP.
//!
//! `udp-proxy LISTEN UPSTREAM [drop=N] [delay=N] [duplicate=N] [seed=N] [log=FILE]`: about one datagram in N is lost, held
//! back until the next one of its direction has passed, or sent twice (the words and the profile of Mbed TLS's proxy).
//! The same seed treats the same order of datagrams alike. A line `rebind` on standard input gives every client another
//! port, as a NAT does that forgot it; `log` keeps each datagram in hexadecimal, as it came.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
struct Profile {
    drop: u64,
    delay: u64,
    duplicate: u64,
}

/// One direction of one client.
struct Lane {
    profile: Profile,
    state: u64,
    held: Option<Vec<u8>>,
}

impl Lane {
    /// One in `n`; never for zero (xorshift64*).
    fn chance(&mut self, n: u64) -> bool {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        n != 0 && (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32).is_multiple_of(n)
    }

    /// What leaves now that `datagram` came in.
    fn pass(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let profile = self.profile;
        let (drop, delay) = (self.chance(profile.drop), self.chance(profile.delay));
        let duplicate = self.chance(profile.duplicate);
        let mut out = Vec::new();
        if drop {
            return out;
        }
        if delay && self.held.is_none() {
            self.held = Some(datagram.to_vec());
            return out;
        }
        out.push(datagram.to_vec());
        if duplicate {
            out.push(datagram.to_vec());
        }
        out.extend(self.held.take());
        out
    }
}

struct Client {
    upstream: UdpSocket,
    lane: Lane,
}

struct Proxy {
    front: UdpSocket,
    there: SocketAddr,
    profile: Profile,
    seed: u64,
    /// Counts the rebindings; a reader of an older number ends.
    generation: AtomicU64,
    began: Instant,
    log: Option<Mutex<File>>,
}

impl Proxy {
    fn lane(&self, index: u64) -> Lane {
        // Odd and never zero, which the generator would stay at.
        let state = ((self.seed << 8) | index).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Lane {
            profile: self.profile,
            state,
            held: None,
        }
    }

    fn note(&self, direction: &str, datagram: &[u8]) -> io::Result<()> {
        let Some(log) = &self.log else { return Ok(()) };
        let mut line = format!("{:.3} {direction} ", self.began.elapsed().as_secs_f64());
        for byte in datagram {
            line.push_str(&format!("{byte:02x}"));
        }
        line.push('\n');
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(line.as_bytes())
    }

    /// Opens a way to the server for a client, and a thread that carries the answers back.
    fn open(self: &Arc<Self>, client: SocketAddr, index: u64) -> io::Result<UdpSocket> {
        let here: IpAddr = match self.there {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let upstream = UdpSocket::bind((here, 0))?;
        upstream.connect(self.there)?;
        let reader = upstream.try_clone()?;
        reader.set_read_timeout(Some(Duration::from_millis(50)))?;
        let proxy = Arc::clone(self);
        let born = self.generation.load(Ordering::SeqCst);
        let mut lane = self.lane(index);
        std::thread::spawn(move || {
            let mut memory = [0; 65_536];
            while proxy.generation.load(Ordering::SeqCst) == born {
                // A refused port or an empty wait is nothing to a network.
                let Ok(len) = reader.recv(&mut memory) else {
                    continue;
                };
                let datagram = &memory[..len];
                let _ = proxy.note("<-", datagram);
                for leaving in lane.pass(datagram) {
                    let _ = proxy.front.send_to(&leaving, client);
                }
            }
        });
        Ok(upstream)
    }

    fn run(self: &Arc<Self>) -> io::Result<()> {
        let mut clients: HashMap<SocketAddr, (u64, Client)> = HashMap::new();
        let mut lanes = 0;
        let mut memory = [0; 65_536];
        loop {
            let (len, from) = match self.front.recv_from(&mut memory) {
                Ok(came) => came,
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            let generation = self.generation.load(Ordering::SeqCst);
            let (born, client) = match clients.entry(from) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let upstream = self.open(from, lanes)?;
                    let lane = self.lane(lanes + 1);
                    lanes += 2;
                    new.insert((generation, Client { upstream, lane }))
                }
            };
            if *born != generation {
                client.upstream = self.open(from, lanes)?;
                lanes += 2;
                *born = generation;
            }
            let datagram = &memory[..len];
            self.note("->", datagram)?;
            for leaving in client.lane.pass(datagram) {
                let _ = client.upstream.send(&leaving);
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut plain = Vec::new();
    let mut profile = Profile {
        drop: 0,
        delay: 0,
        duplicate: 0,
    };
    let (mut seed, mut log) = (1, None);
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("drop", n)) => profile.drop = n.parse()?,
            Some(("delay", n)) => profile.delay = n.parse()?,
            Some(("duplicate", n)) => profile.duplicate = n.parse()?,
            Some(("seed", n)) => seed = n.parse()?,
            Some(("log", file)) => log = Some(Mutex::new(File::create(file)?)),
            Some((name, _)) => return Err(format!("no such word: {name}").into()),
            None => plain.push(argument),
        }
    }
    let [listen, upstream] = plain.as_slice() else {
        return Err(
            "usage: udp-proxy LISTEN UPSTREAM [drop=N] [delay=N] [duplicate=N] [seed=N] [log=FILE]"
                .into(),
        );
    };
    let proxy = Arc::new(Proxy {
        front: UdpSocket::bind(listen)?,
        there: upstream.parse()?,
        profile,
        seed,
        generation: AtomicU64::new(0),
        began: Instant::now(),
        log,
    });
    println!("ready");
    let told = Arc::clone(&proxy);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if line == "rebind" {
                told.generation.fetch_add(1, Ordering::SeqCst);
                println!("rebound");
            }
        }
    });
    Ok(proxy.run()?)
}
