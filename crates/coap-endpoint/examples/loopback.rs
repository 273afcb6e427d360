//! Two endpoints in one process, over real UDP sockets on the loopback interface: a device that serves a body
//! of 4 KiB, and a client that fetches it in blocks of 256 bytes.
//!
//! ```sh
//! cargo run -p coap-endpoint --example loopback
//! ```

use std::error::Error;
use std::net::UdpSocket;
use std::time::Duration;

use coap_codec::{BlockSize, Code, ContentFormat, Request, Response};
use coap_endpoint::{Config, Endpoint, Event, PeerInfo, RequestOptions};
use sansio::{DatagramBuf, Instant, Peer};

/// An endpoint, its socket, and the only peer that it has.
struct Node {
    endpoint: Endpoint,
    socket: UdpSocket,
}

const OTHER: Peer = Peer::new(0, 0);

impl Node {
    fn new(config: Config, seed: [u8; 32]) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let mut endpoint = Endpoint::new(config, seed, Instant::ZERO);
        endpoint.open_peer(Instant::ZERO, OTHER, PeerInfo::default());
        Ok(Self { endpoint, socket })
    }

    /// Sends what is to be sent. A real program reads its clock for `now`.
    fn flush(&mut self, now: Instant) -> Result<(), Box<dyn Error>> {
        let mut memory = [0; 1280];
        let mut datagram = DatagramBuf::new(&mut memory, 0, 0);
        while self.endpoint.poll_transmit(now, &mut datagram).is_some() {
            self.socket.send(datagram.bytes())?;
        }
        Ok(())
    }

    /// Waits for a datagram, or for the next deadline.
    fn wait(&mut self, now: Instant) -> Result<(), Box<dyn Error>> {
        let mut memory = [0; 1280];
        match self.socket.recv(&mut memory) {
            Ok(len) => {
                let datagram = memory.get(..len).unwrap_or_default();
                self.endpoint.handle_datagram(now, OTHER, datagram);
            }
            Err(_) => self.endpoint.handle_timeout(now),
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut small_blocks = Config::default();
    small_blocks.block_size = BlockSize::B256;
    // A runtime takes the seeds from the operating system.
    let mut client = Node::new(Config::default(), [1; 32])?;
    let mut device = Node::new(small_blocks, [2; 32])?;
    client.socket.connect(device.socket.local_addr()?)?;
    device.socket.connect(client.socket.local_addr()?)?;

    let mut now = Instant::ZERO;
    let request = Request::new(Code::GET).path("/firmware");
    client
        .endpoint
        .request(now, OTHER, request, RequestOptions::default())?;
    for round in 0..100 {
        client.flush(now)?;
        device.wait(now)?;
        while let Some(event) = device.endpoint.poll_event() {
            if let Event::Request { exchange, .. } = event {
                let body = Response::new(Code::CONTENT)
                    .content_format(ContentFormat::OPAQUE)
                    .payload(vec![0x5a; 4096]);
                device.endpoint.respond(now, exchange, body)?;
            }
        }
        device.flush(now)?;
        client.wait(now)?;
        while let Some(event) = client.endpoint.poll_event() {
            if let Event::Response { response, .. } = event {
                println!(
                    "{} with {} bytes after {} round trips",
                    response.code,
                    response.payload.len(),
                    round + 1
                );
                return Ok(());
            }
        }
        now = now + Duration::from_millis(10);
    }
    Err("no answer".into())
}
