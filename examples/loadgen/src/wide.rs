//! One socket that speaks from as many loopback addresses as there are devices.

use std::array;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, net::UdpSocket};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

use crate::Devices;
use crate::load::{LOST_AFTER, Load, Received};

/// One socket and the addresses 127.1.0.0, 127.1.0.1 and so on.
#[derive(Debug)]
pub(crate) struct Addresses {
    server: SocketAddr,
    poll: Poll,
    socket: UdpSocket,
    state: UdpSocketState,
    window: usize,
    count: usize,
    /// The device that asks next.
    turn: usize,
}

const LEN: usize = 2048;

impl Addresses {
    pub(crate) fn open(server: SocketAddr, count: usize, window: usize) -> io::Result<Self> {
        if !server.is_ipv4() {
            return Err(io::Error::other("only IPv4 has so many loopback addresses"));
        }
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        let _ = socket.set_recv_buffer_size(8 << 20);
        let _ = socket.set_send_buffer_size(8 << 20);
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
        let state = UdpSocketState::new((&socket).into())?;
        let mut socket = UdpSocket::from_std(socket.into());
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut socket, Token(0), Interest::READABLE)?;
        Ok(Self {
            server,
            poll,
            socket,
            state,
            window: window.clamp(1, count),
            count,
            turn: 0,
        })
    }

    fn send(&self, device: usize, contents: &[u8]) {
        let _ = self.state.try_send(
            (&self.socket).into(),
            &Transmit {
                destination: self.server,
                ecn: None,
                contents,
                segment_size: None,
                src_ip: Some(address(device)),
            },
        );
    }

    /// Sends the request of the device whose turn it is.
    fn ask(&mut self, load: &mut Load, now: Instant) {
        let mut out = [0; 512];
        for _ in 0..self.count {
            let device = self.turn;
            self.turn = (self.turn + 1) % self.count;
            if load.is_over(now) {
                return;
            }
            if let Some(len) = load.next((device, 0), now, &mut out) {
                self.send(device, out.get(..len).unwrap_or_default());
                return;
            }
        }
    }
}

fn address(device: usize) -> IpAddr {
    let number = u32::try_from(device).unwrap_or_default();
    IpAddr::V4(Ipv4Addr::from_bits(BASE + number))
}

fn device(address: IpAddr) -> Option<usize> {
    let IpAddr::V4(address) = address else {
        return None;
    };
    usize::try_from(address.to_bits().checked_sub(BASE)?).ok()
}

/// 127.1.0.0
const BASE: u32 = 0x7f01_0000;

impl Devices for Addresses {
    fn run(&mut self, load: &mut Load) -> io::Result<()> {
        let mut memory = vec![0; BATCH_SIZE * LEN];
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let mut events = Events::with_capacity(1);
        let now = Instant::now();
        for _ in 0..self.window {
            self.ask(load, now);
        }
        let mut next_sweep = now + LOST_AFTER / 4;
        while load.under_way() > 0 {
            let mut chunks = memory.chunks_mut(LEN);
            let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            let received = self
                .state
                .recv((&self.socket).into(), &mut buffers, &mut meta);
            let count = match received {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.poll
                        .poll(&mut events, Some(Duration::from_millis(100)))?;
                    0
                }
                Err(error) => return Err(error),
            };
            for (meta, buffer) in meta.iter().zip(&buffers).take(count) {
                let Some(device) = meta.dst_ip.and_then(device) else {
                    continue;
                };
                let bytes = buffer.get(..meta.len).unwrap_or_default();
                for datagram in bytes.chunks(meta.stride.max(1)) {
                    let now = Instant::now();
                    match load.receive(device, datagram, now) {
                        Received::Answer(_) => self.ask(load, now),
                        Received::Separate(_, acknowledgement) => {
                            self.send(device, &acknowledgement);
                            self.ask(load, now);
                        }
                        Received::Other => {}
                    }
                }
            }
            let now = Instant::now();
            if now >= next_sweep {
                next_sweep = now + LOST_AFTER / 4;
                let mut lost = 0;
                load.give_up(now, |_, _| lost += 1);
                for _ in 0..lost {
                    self.ask(load, now);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_addresses_of_their_own() {
        for number in [0, 1, 255, 256, 1_000_000] {
            let address = address(number);
            assert!(address.is_loopback());
            assert_eq!(device(address), Some(number));
        }
        assert_eq!(device("127.0.0.1".parse().unwrap()), None);
    }
}
