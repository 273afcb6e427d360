//! The DTLS sessions of devices that speak from an address each.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dtls_psk::Psk;
use dtls_psk::dtls_core::{
    CipherSuite, Config, Connect, ConnectionIdPolicy, Datagram, Endpoint, Event, Path, Secret,
};
use sansio::{DatagramBuf, Peer, Rng};

use crate::stats::Stats;
use crate::wide::{Inbox, Wide, address, device};

/// One endpoint for all devices. To tell them apart, the path of a session is where its device is, and not the server.
#[derive(Debug)]
pub(crate) struct Secure {
    begun: Instant,
    dtls: Endpoint,
    key: Secret,
    devices: Vec<Device>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Device {
    session: Option<Peer>,
    connecting_since: Option<Instant>,
}

/// Datagrams of a client in a handshake with cookie: two hellos, and the flight that ends with its Finished.
const DATAGRAMS: u64 = 3;

impl Secure {
    pub(crate) const HEADROOM: usize = Endpoint::HEADROOM;
    pub(crate) const TAILROOM: usize = Endpoint::TAILROOM;

    /// So many devices that have no session yet, all with the same key.
    pub(crate) fn new(key: Secret, devices: usize) -> io::Result<Self> {
        let mut config = Config::default();
        config.connection_id = ConnectionIdPolicy::Send;
        config.sessions = devices.max(1);
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        let rng = Rng::from_seed(seed);
        Ok(Self {
            begun: Instant::now(),
            dtls: Endpoint::new(sansio::Instant::ZERO, config, None, rng),
            key,
            devices: vec![Device::default(); devices],
        })
    }

    /// Lets devices shake hands, so many at a time, until all have a session or the patience is at its end. Sessions are
    /// good; datagrams that had to be sent again, or if they are more the sessions that did not come about, are lost.
    pub(crate) fn shake_hands(
        &mut self,
        (wide, inbox): (&Wide, &mut Inbox),
        devices: Range<usize>,
        in_flight: usize,
        patience: Duration,
    ) -> io::Result<Stats> {
        let mut stats = Stats::default();
        let begun = Instant::now();
        let wanted = devices.len() as u64;
        let mut next = devices;
        let (mut under_way, mut sent) = (0, 0_u64);
        loop {
            while under_way < in_flight.max(1)
                && let Some(device) = next.next()
            {
                self.connect(device).map_err(io::Error::other)?;
                under_way += 1;
                stats.sent += 1;
            }
            sent += self.transmit(wide);
            if under_way == 0 || begun.elapsed() >= patience {
                break;
            }
            let now = self.now();
            let timeout = self.dtls.poll_timeout();
            if timeout.is_some_and(|at| at <= now) {
                self.dtls.handle_timeout(now);
            }
            let wait = timeout.map(|at| at.saturating_duration_since(now));
            let wait = wait.unwrap_or_default().max(Duration::from_millis(1));
            inbox.receive(
                wide,
                wait.min(Duration::from_millis(100)),
                |device, bytes| {
                    let now = self.now();
                    let mut rest = Datagram::new(path(device), bytes);
                    while self.dtls.handle_datagram(now, &mut rest).is_some() {}
                },
            )?;
            while let Some(event) = self.dtls.poll_event() {
                under_way -= usize::from(self.take(event, &mut stats));
            }
        }
        let missing = wanted.saturating_sub(stats.good);
        let repeated = sent.saturating_sub(stats.good * DATAGRAMS);
        stats.lost += missing.max(repeated);
        Ok(stats)
    }

    fn connect(&mut self, device: usize) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let identity = format!("urn:dev:load:{device:011}");
        let suites = Psk::client(identity.as_bytes(), self.key.expose())?
            .with_suites(&[CipherSuite::PSK_WITH_AES_128_CCM_8])?;
        let now = self.now();
        self.dtls
            .connect(now, path(device), Arc::new(suites), Connect::default())?;
        if let Some(device) = self.devices.get_mut(device) {
            device.connecting_since = Some(Instant::now());
        }
        Ok(())
    }

    /// Sends what waits; how many datagrams that were.
    fn transmit(&mut self, wide: &Wide) -> u64 {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, 0, 0);
        let mut count = 0;
        while let Some(transmit) = self.dtls.poll_transmit(self.now(), &mut buf) {
            if let Some(device) = device(transmit.path.address.ip()) {
                wide.send(device, buf.bytes());
                count += 1;
            }
        }
        count
    }

    /// Whether a handshake is over.
    fn take(&mut self, event: Event, stats: &mut Stats) -> bool {
        match event {
            Event::Connected { peer, path, .. } => {
                if let Some(at) = device(path.address.ip())
                    && let Some(device) = self.devices.get_mut(at)
                {
                    device.session = Some(peer);
                    let since = device.connecting_since.take();
                    stats.answered(since.map(|at| at.elapsed()).unwrap_or_default());
                }
                true
            }
            Event::HandshakeFailed { .. } => {
                stats.bad += 1;
                true
            }
            _ => false,
        }
    }

    /// Makes what stands in `buf` a record of a device; false for one without a session.
    pub(crate) fn seal(&mut self, device: usize, buf: &mut DatagramBuf<'_>) -> bool {
        let session = self.devices.get(device).and_then(|it| it.session);
        session.is_some_and(|peer| self.dtls.seal(peer, buf).is_ok())
    }

    /// A datagram for a device, to be opened.
    pub(crate) fn records<'a>(&self, device: usize, bytes: &'a mut [u8]) -> Datagram<'a> {
        Datagram::new(path(device), bytes)
    }

    /// The data of the next record.
    pub(crate) fn open<'a>(&mut self, datagram: &mut Datagram<'a>) -> Option<&'a mut [u8]> {
        let now = self.now();
        let (_, data) = self.dtls.handle_datagram(now, datagram)?;
        Some(data)
    }

    fn now(&self) -> sansio::Instant {
        sansio::Instant::ZERO + self.begun.elapsed()
    }
}

fn path(device: usize) -> Path {
    Path {
        local_endpoint: 0,
        address: SocketAddr::new(address(device), 0),
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::thread;

    use dtls_psk::dtls_core::{Answer, Question};

    use super::*;

    fn shake_hands(server: SocketAddr, key: &str, patience: Duration) -> (Secure, Stats) {
        let (wide, mut inbox) = Wide::open(server).unwrap();
        let mut secure = Secure::new(Secret::new(key.as_bytes()), 5).unwrap();
        let way = (&wide, &mut inbox);
        let stats = secure.shake_hands(way, 0..5, 2, patience).unwrap();
        (secure, stats)
    }

    /// A DTLS server until nothing came for a second; the identities that it was asked for.
    fn serve(socket: &UdpSocket, key: &[u8]) -> Vec<Vec<u8>> {
        let now = sansio::Instant::ZERO;
        let suites = Some(Arc::new(Psk::server()) as _);
        let mut dtls = Endpoint::new(now, Config::default(), suites, Rng::from_seed([1; 32]));
        let mut identities = Vec::new();
        let (mut bytes, mut out) = ([0; 2048], [0; 2048]);
        socket
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        while let Ok((len, address)) = socket.recv_from(&mut bytes) {
            let path = Path {
                local_endpoint: 0,
                address,
            };
            let mut datagram = Datagram::new(path, &mut bytes[..len]);
            while dtls.handle_datagram(now, &mut datagram).is_some() {}
            while let Some(event) = dtls.poll_event() {
                if let Event::Question {
                    ticket,
                    question: Question::Psk { identity, .. },
                    ..
                } = event
                {
                    identities.push(identity.to_vec());
                    dtls.answer(now, ticket, Answer::Psk(Some(Secret::new(key))));
                }
            }
            let mut buf = DatagramBuf::new(&mut out, 0, 0);
            while let Some(transmit) = dtls.poll_transmit(now, &mut buf) {
                socket.send_to(buf.bytes(), transmit.path.address).unwrap();
            }
        }
        identities
    }

    #[test]
    fn every_device_has_an_identity_and_a_session_of_its_own() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = socket.local_addr().unwrap();
        let serving = thread::spawn(move || serve(&socket, b"a key"));
        let (mut secure, stats) = shake_hands(server, "a key", Duration::from_secs(30));
        assert_eq!((stats.sent, stats.good, stats.bad), (5, 5, 0));
        let mut identities = serving.join().unwrap();
        identities.sort_unstable();
        identities.dedup();
        assert_eq!((identities.len(), identities[4].len()), (5, 24));
        assert_eq!(identities[4], b"urn:dev:load:00000000004");

        let mut memory = [0; 64];
        let mut buf = DatagramBuf::new(&mut memory, Secure::HEADROOM, Secure::TAILROOM);
        buf.set_len(4);
        assert!((0..5).all(|device| {
            buf.clear();
            secure.seal(device, &mut buf)
        }));
        buf.clear();
        assert!(!secure.seal(5, &mut buf));
    }

    #[test]
    fn handshakes_without_an_answer_are_lost() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = socket.local_addr().unwrap();
        let (_, stats) = shake_hands(server, "a key", Duration::from_millis(1));
        assert_eq!((stats.sent, stats.good, stats.lost), (2, 0, 5));
    }
}
