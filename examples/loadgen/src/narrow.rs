//! A socket for each device.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, net::UdpSocket};

use crate::Devices;
use crate::load::{Load, Received};

/// Sockets that are connected to the server.
#[derive(Debug)]
pub(crate) struct Sockets {
    poll: Poll,
    sockets: Vec<UdpSocket>,
}

impl Sockets {
    pub(crate) fn open(server: SocketAddr, count: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut sockets = Vec::with_capacity(count);
        for index in 0..count {
            let any = SocketAddr::new(server.ip(), 0);
            let mut socket = UdpSocket::bind(any)?;
            socket.connect(server)?;
            poll.registry()
                .register(&mut socket, Token(index), Interest::READABLE)?;
            sockets.push(socket);
        }
        Ok(Self { poll, sockets })
    }

    /// Sends the next request of a slot, if it has one.
    fn ask(&self, load: &mut Load, device: usize, slot: usize, now: Instant) {
        let mut out = [0; 512];
        if let Some(len) = load.next((device, slot), now, &mut out)
            && let (Some(socket), Some(bytes)) = (self.sockets.get(device), out.get(..len))
        {
            // What the system does not take is lost, and counted as such.
            let _ = socket.send(bytes);
        }
    }
}

impl Devices for Sockets {
    fn run(&mut self, load: &mut Load) -> io::Result<()> {
        let mut events = Events::with_capacity(self.sockets.len().max(1));
        let now = Instant::now();
        for slot in 0..load.slots() {
            for device in 0..load.devices() {
                self.ask(load, device, slot, now);
            }
        }
        let mut free = Vec::new();
        let mut next_sweep = now;
        let mut inbox = [0; 2048];
        while load.under_way() > 0 {
            self.poll
                .poll(&mut events, Some(Duration::from_millis(100)))?;
            for event in &events {
                let Token(device) = event.token();
                let Some(socket) = self.sockets.get(device) else {
                    continue;
                };
                while let Ok(len) = socket.recv(&mut inbox) {
                    let now = Instant::now();
                    match load.receive(device, inbox.get(..len).unwrap_or_default(), now) {
                        Received::Answer(slot) => self.ask(load, device, slot, now),
                        Received::Separate(slot, acknowledgement) => {
                            let _ = socket.send(&acknowledgement);
                            self.ask(load, device, slot, now);
                        }
                        Received::Other => {}
                    }
                }
            }
            let now = Instant::now();
            if now >= next_sweep {
                next_sweep = now + Duration::from_millis(200);
                load.give_up(now, |device, slot| free.push((device, slot)));
                for (device, slot) in free.drain(..) {
                    self.ask(load, device, slot, now);
                }
            }
        }
        Ok(())
    }
}
