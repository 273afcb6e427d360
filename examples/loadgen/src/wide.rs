//! One socket that speaks from as many loopback addresses as there are devices.

use std::array;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, net::UdpSocket};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use sansio::DatagramBuf;
use socket2::{Domain, Protocol, Socket, Type};

use crate::Devices;
use crate::load::{LOST_AFTER, Load, Received};
use crate::secure::Secure;

/// Devices at 127.1.0.0, 127.1.0.1 and so on.
#[derive(Debug)]
pub(crate) struct Addresses {
    wide: Wide,
    inbox: Inbox,
    /// The sessions of the devices, if they speak DTLS.
    secure: Option<Secure>,
    window: usize,
    count: usize,
    /// The device that asks next.
    turn: usize,
}

/// The socket, to send by.
#[derive(Debug)]
pub(crate) struct Wide {
    server: SocketAddr,
    socket: UdpSocket,
    state: UdpSocketState,
}

/// What comes in by the socket.
#[derive(Debug)]
pub(crate) struct Inbox {
    poll: Poll,
    events: Events,
    memory: Box<[u8]>,
    meta: [RecvMeta; BATCH_SIZE],
}

const LEN: usize = 2048;

impl Wide {
    pub(crate) fn open(server: SocketAddr) -> io::Result<(Self, Inbox)> {
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
        let inbox = Inbox {
            poll,
            events: Events::with_capacity(1),
            memory: vec![0; BATCH_SIZE * LEN].into(),
            meta: [RecvMeta::default(); BATCH_SIZE],
        };
        let wide = Self {
            server,
            socket,
            state,
        };
        Ok((wide, inbox))
    }

    pub(crate) fn send(&self, device: usize, contents: &[u8]) {
        // What the system does not take is lost, and counted as such.
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
}

impl Inbox {
    /// Hands over the datagrams that are there, each with the device it is for; where there are none, waits for some.
    pub(crate) fn receive(
        &mut self,
        wide: &Wide,
        patience: Duration,
        mut take: impl FnMut(usize, &mut [u8]),
    ) -> io::Result<()> {
        let mut chunks = self.memory.chunks_mut(LEN);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
            array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let received = wide
            .state
            .recv((&wide.socket).into(), &mut buffers, &mut self.meta);
        let count = match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return self.poll.poll(&mut self.events, Some(patience));
            }
            Err(error) => return Err(error),
        };
        for (meta, buffer) in self.meta.iter().zip(&mut buffers).take(count) {
            let Some(device) = meta.dst_ip.and_then(device) else {
                continue;
            };
            let bytes = buffer.get_mut(..meta.len).unwrap_or_default();
            for datagram in bytes.chunks_mut(meta.stride.max(1)) {
                take(device, datagram);
            }
        }
        Ok(())
    }
}

/// Where a device is.
pub(crate) fn address(device: usize) -> IpAddr {
    let number = u32::try_from(device).unwrap_or_default();
    IpAddr::V4(Ipv4Addr::from_bits(BASE + number))
}

/// The device at an address.
pub(crate) fn device(address: IpAddr) -> Option<usize> {
    let IpAddr::V4(address) = address else {
        return None;
    };
    usize::try_from(address.to_bits().checked_sub(BASE)?).ok()
}

/// 127.1.0.0
const BASE: u32 = 0x7f01_0000;

impl Addresses {
    pub(crate) fn new(
        (wide, inbox): (Wide, Inbox),
        secure: Option<Secure>,
        count: usize,
        window: usize,
    ) -> Self {
        Self {
            wide,
            inbox,
            secure,
            window: window.clamp(1, count),
            count,
            turn: 0,
        }
    }
}

/// Who asks next, and by which way.
struct Asking<'a> {
    wide: &'a Wide,
    secure: Option<&'a mut Secure>,
    turn: &'a mut usize,
    count: usize,
}

impl Asking<'_> {
    /// Sends the request of the device whose turn it is.
    fn ask(&mut self, load: &mut Load, now: Instant) {
        for _ in 0..self.count {
            let device = *self.turn;
            *self.turn = (device + 1) % self.count;
            if load.is_over(now) {
                return;
            }
            let mut memory = [0; 512];
            let mut buf = DatagramBuf::new(&mut memory, Secure::HEADROOM, Secure::TAILROOM);
            if let Some(len) = load.next((device, 0), now, buf.space()) {
                buf.set_len(len);
                self.send(device, buf);
                return;
            }
        }
    }

    /// A device of which there is no session any more sends nothing: its request is lost.
    fn send(&mut self, device: usize, mut buf: DatagramBuf<'_>) {
        let sealed = match &mut self.secure {
            Some(secure) => secure.seal(device, &mut buf),
            None => true,
        };
        if sealed {
            self.wide.send(device, buf.bytes());
        }
    }

    fn receive(&mut self, load: &mut Load, device: usize, datagram: &mut [u8]) {
        let now = Instant::now();
        match &mut self.secure {
            None => {
                let received = load.receive(device, datagram, now);
                self.follow(load, device, received, now);
            }
            Some(secure) => {
                let mut rest = secure.records(device, datagram);
                while let Some(secure) = &mut self.secure
                    && let Some(data) = secure.open(&mut rest)
                {
                    let received = load.receive(device, data, now);
                    self.follow(load, device, received, now);
                }
            }
        }
    }

    fn follow(&mut self, load: &mut Load, device: usize, received: Received, now: Instant) {
        match received {
            Received::Answer(_) => self.ask(load, now),
            Received::Separate(_, acknowledgement) => {
                let mut memory = [0; 64];
                let mut buf = DatagramBuf::new(&mut memory, Secure::HEADROOM, Secure::TAILROOM);
                for (room, byte) in buf.space().iter_mut().zip(acknowledgement) {
                    *room = byte;
                }
                buf.set_len(acknowledgement.len());
                self.send(device, buf);
                self.ask(load, now);
            }
            Received::Other => {}
        }
    }
}

impl Devices for Addresses {
    fn run(&mut self, load: &mut Load) -> io::Result<()> {
        let mut asking = Asking {
            wide: &self.wide,
            secure: self.secure.as_mut(),
            turn: &mut self.turn,
            count: self.count,
        };
        let now = Instant::now();
        for _ in 0..self.window {
            asking.ask(load, now);
        }
        let mut next_sweep = now + LOST_AFTER / 4;
        while load.under_way() > 0 {
            let patience = Duration::from_millis(100);
            self.inbox
                .receive(&self.wide, patience, |device, datagram| {
                    asking.receive(load, device, datagram);
                })?;
            let now = Instant::now();
            if now >= next_sweep {
                next_sweep = now + LOST_AFTER / 4;
                let mut lost = 0;
                load.give_up(now, |_, _| lost += 1);
                for _ in 0..lost {
                    asking.ask(load, now);
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
