//! A device and a server that know each other by their keys, in one process without a network.
//!
//! ```sh
//! cargo run -p dtls-ecdsa --example raw_public_key
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use dtls_ecdsa::dtls_core::sansio::{DatagramBuf, Instant, Peer, Rng};
use dtls_ecdsa::dtls_core::{
    Alert, Answer, Config, Connect, Datagram, Endpoint, Event, Failure, FailureReason, Path,
    Question,
};
use dtls_ecdsa::{Credentials, Ecdsa, MatchingType, PrivateKey, Ring, ServerTrust, Trust};

fn main() -> Result<(), Box<dyn Error>> {
    // In life the keys come from files, and the seeds of the endpoints from the operating system.
    let device_key = PrivateKey::from_scalar(&[1; 32])?;
    let server_key = PrivateKey::from_scalar(&[2; 32])?;
    let known_devices = [device_key.public_key().spki()];

    // The device has the server's public key from its LwM2M Security object. The server asks for each key that it sees.
    let server_spki = server_key.public_key().spki();
    let of_server = ServerTrust::raw_public_key(MatchingType::EXACT, &server_spki)?;
    let device_suites = Ecdsa::new(
        Ring::new(),
        Credentials::raw_public_key(device_key),
        Trust::Server(of_server),
    )?;
    let server_suites = Ecdsa::new(
        Ring::new(),
        Credentials::raw_public_key(server_key),
        Trust::Ask,
    )?;

    let now = Instant::ZERO;
    let rng = |seed| Rng::from_seed([seed; 32]);
    let mut device = Endpoint::new(now, Config::default(), None, rng(1));
    let suites = Arc::new(server_suites);
    let mut server = Endpoint::new(now, Config::default(), Some(suites), rng(2));
    let path = |port| Path {
        local_endpoint: 0,
        address: SocketAddr::from(([127, 0, 0, 1], port)),
    };
    let (device_path, server_path) = (path(40_000), path(5684));
    device.connect(
        now,
        server_path,
        Arc::new(device_suites),
        Connect::default(),
    )?;

    let mut session = None;
    while session.is_none() {
        carry(
            "device -> server",
            now,
            &mut device,
            &mut server,
            device_path,
        );
        while let Some(event) = server.poll_event() {
            match event {
                Event::Question {
                    ticket,
                    question: Question::Trust { chain, .. },
                    ..
                } => {
                    let known = chain.iter().all(|key| known_devices.contains(key));
                    println!("server: a key is shown and proven; known: {known}");
                    let refusal = FailureReason::Refused("not in the list");
                    let verdict = known.then_some(());
                    let verdict = verdict.ok_or(Failure::new(Alert::ACCESS_DENIED, refusal));
                    server.answer(now, ticket, Answer::Trust(verdict));
                }
                Event::Connected { suite, .. } => println!("server: connected, {suite}"),
                other => return Err(format!("server: {other:?}").into()),
            }
        }
        carry(
            "server -> device",
            now,
            &mut server,
            &mut device,
            server_path,
        );
        while let Some(event) = device.poll_event() {
            match event {
                Event::Connected { peer, suite, .. } => {
                    println!("device: connected, {suite}");
                    session = Some(peer);
                }
                other => return Err(format!("device: {other:?}").into()),
            }
        }
    }

    let mut memory = [0; 256];
    let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
    let text = b"21.5 degrees";
    buf.space()[..text.len()].copy_from_slice(text);
    buf.set_len(text.len());
    device.seal(session.ok_or("no session")?, &mut buf)?;
    for (_, bytes) in deliver(now, &mut server, device_path, &mut buf.bytes().to_vec()) {
        println!("server: {:?}", bytes.escape_ascii().to_string());
    }
    Ok(())
}

/// Takes what one endpoint wants to send to the other.
fn carry(what: &str, now: Instant, from: &mut Endpoint, to: &mut Endpoint, path: Path) {
    let mut memory = [0; 2048];
    let mut buf = DatagramBuf::new(&mut memory, 0, 0);
    while from.poll_transmit(now, &mut buf).is_some() {
        println!("{what}: {} bytes", buf.bytes().len());
        deliver(now, to, path, &mut buf.bytes().to_vec());
    }
}

/// Hands a datagram over; gives back the application data in it.
fn deliver(now: Instant, to: &mut Endpoint, path: Path, bytes: &mut [u8]) -> Vec<(Peer, Vec<u8>)> {
    let mut datagram = Datagram::new(path, bytes);
    let mut came = Vec::new();
    while let Some((peer, data)) = to.handle_datagram(now, &mut datagram) {
        came.push((peer, data.to_vec()));
    }
    came
}
