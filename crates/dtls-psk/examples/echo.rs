//! A DTLS echo over UDP: `echo` waits on port 5684 of the loopback interface, `echo HOST:PORT TEXT` asks one.
//!
//! ```sh
//! cargo run -p dtls-psk --example echo &
//! cargo run -p dtls-psk --example echo 127.0.0.1:5684 hello
//! ```
#![allow(clippy::disallowed_methods, reason = "a program reads the clock")]

use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use dtls_psk::Psk;
use dtls_psk::dtls_core::sansio::{DatagramBuf, Instant, Peer, Rng};
use dtls_psk::dtls_core::{
    Answer, Config, Connect, ConnectionIdPolicy, Datagram, Endpoint, Event, Path, Question, Secret,
};

const IDENTITY: &[u8] = b"Client_identity";
const KEY: &[u8] = b"0123456789abcdef";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let ask = arguments
        .next()
        .map(|to| to.parse::<SocketAddr>())
        .transpose()?;
    let text = arguments.next().unwrap_or_else(|| "hello".into());

    let socket = UdpSocket::bind(if ask.is_some() {
        "127.0.0.1:0"
    } else {
        "127.0.0.1:5684"
    })?;
    let started = std::time::Instant::now();
    let clock = || Instant::from_micros(u64::try_from(started.elapsed().as_micros()).unwrap_or(0));

    let mut config = Config::default();
    config.connection_id = match ask {
        Some(_) => ConnectionIdPolicy::Send,
        None => ConnectionIdPolicy::receive(8, &[]),
    };
    let mut endpoint = Endpoint::new(
        clock(),
        config,
        Some(Arc::new(Psk::server())),
        Rng::from_seed(seed()?),
    );
    if let Some(address) = ask {
        let path = Path {
            local_endpoint: 0,
            address,
        };
        endpoint.connect(
            clock(),
            path,
            Arc::new(Psk::client(IDENTITY, KEY)?),
            Connect::default(),
        )?;
    }

    let mut memory = [0; 2048];
    loop {
        let mut say: Option<(Peer, Vec<u8>)> = None;
        while let Some(event) = endpoint.poll_event() {
            println!("{event:?}");
            match event {
                Event::Question {
                    ticket,
                    question: Question::Psk { identity, .. },
                    ..
                } => {
                    let key = (identity == IDENTITY).then(|| Secret::new(KEY));
                    endpoint.answer(clock(), ticket, Answer::Psk(key));
                }
                Event::Connected { peer, .. } if ask.is_some() => {
                    say = Some((peer, text.clone().into_bytes()));
                }
                Event::HandshakeFailed { .. } if ask.is_some() => return Err("no session".into()),
                _ => {}
            }
        }
        if let Some((peer, bytes)) = say {
            send(&mut endpoint, &socket, peer, &bytes)?;
        }
        let mut out = DatagramBuf::new(&mut memory, 0, 0);
        while let Some(transmit) = endpoint.poll_transmit(clock(), &mut out) {
            socket.send_to(out.bytes(), transmit.path.address)?;
        }

        let wait = endpoint
            .poll_timeout()
            .map(|at| at.saturating_duration_since(clock()));
        socket.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
        let mut bytes = [0; 2048];
        match socket.recv_from(&mut bytes) {
            Ok((len, address)) => {
                let path = Path {
                    local_endpoint: 0,
                    address,
                };
                let mut datagram = Datagram::new(path, bytes.get_mut(..len).unwrap_or_default());
                while let Some((peer, data)) = endpoint.handle_datagram(clock(), &mut datagram) {
                    println!("{peer:?}: {}", String::from_utf8_lossy(data));
                    if ask.is_some() {
                        endpoint.close(peer);
                        let mut out = DatagramBuf::new(&mut memory, 0, 0);
                        while let Some(transmit) = endpoint.poll_transmit(clock(), &mut out) {
                            socket.send_to(out.bytes(), transmit.path.address)?;
                        }
                        return Ok(());
                    }
                    let echo = data.to_vec();
                    send(&mut endpoint, &socket, peer, &echo)?;
                }
            }
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                endpoint.handle_timeout(clock());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn send(
    endpoint: &mut Endpoint,
    socket: &UdpSocket,
    peer: Peer,
    bytes: &[u8],
) -> Result<(), Box<dyn Error>> {
    let mut memory = [0; 2048];
    let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
    buf.space()
        .get_mut(..bytes.len())
        .ok_or("too long")?
        .copy_from_slice(bytes);
    buf.set_len(bytes.len());
    let path = endpoint.seal(peer, &mut buf)?;
    socket.send_to(buf.bytes(), path.address)?;
    Ok(())
}

/// From the operating system: whoever guesses a seed reads the sessions.
fn seed() -> Result<[u8; 32], getrandom::Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(seed)
}
