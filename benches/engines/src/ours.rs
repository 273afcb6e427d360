use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dtls_core::{
    Answer, CipherSuite, Config, Connect, ConnectionIdPolicy, Datagram, Endpoint, Event, Path,
    Question, Secret, Suites,
};
use dtls_ecdsa::{Anchors, Credentials, Ecdsa, PrivateKey, Ring, Trust};
use dtls_psk::Psk;
use sansio::{DatagramBuf, Instant, Peer, Rng};

use crate::{Certificates, Clock, Engine, IDENTITY, KEY, TEXT, cpu, served};

/// What both sides have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Secrets {
    /// A key for an identity.
    Psk,
    /// The same with a connection id of eight bytes for the server.
    PskWithCid,
    /// Pre-shared key with CBC, the MAC inside as of old.
    PskCbc,
    /// A raw public key each.
    RawPublicKeys,
    /// A certificate each, of one authority.
    Certificates,
}

/// What the application looks up: a hit takes the same time whether there is a key or not.
type Keys = HashMap<Vec<u8>, Option<[u8; 16]>>;

/// An endpoint of ours, and another as its client.
pub struct Ours {
    pub now: Instant,
    pub server: Endpoint,
    pub client: Endpoint,
    client_suites: Arc<dyn Suites>,
    keys: Keys,
    number: u32,
    pair: Option<(Peer, Peer)>,
}

impl Ours {
    #[must_use]
    pub fn new(secrets: Secrets) -> Self {
        let now = Instant::from_micros(1_000_000);
        let mut config = Config::default();
        config.encrypt_then_mac = secrets != Secrets::PskCbc;
        if secrets == Secrets::PskWithCid {
            config.connection_id = ConnectionIdPolicy::receive(8, &[]);
        }
        let mut client_config = Config::default();
        client_config.connection_id = ConnectionIdPolicy::Send;
        let (client_suites, server_suites) = suites(secrets);
        let mut server = Endpoint::new(now, config, Some(server_suites), Rng::from_seed([1; 32]));
        let mut client = Endpoint::new(now, client_config, None, Rng::from_seed([2; 32]));
        for endpoint in [&mut server, &mut client] {
            endpoint.handle_wall_clock(Certificates::NOW);
        }
        Self {
            now,
            server,
            client,
            client_suites,
            keys: [(IDENTITY.to_vec(), Some(*KEY))].into(),
            number: 0,
            pair: None,
        }
    }

    /// Gives the identities of so many devices a key.
    pub fn know(&mut self, identity: Vec<u8>) {
        self.keys.insert(identity, Some(*KEY));
    }

    /// Nobody has this identity, which the application finds out as fast as a key.
    pub fn know_none(&mut self, identity: Vec<u8>) {
        self.keys.insert(identity, None);
    }

    /// Takes it away again.
    pub fn forget(&mut self, identity: &[u8]) {
        self.keys.remove(identity);
    }

    /// The next client's credentials.
    pub fn set_client(&mut self, suites: Arc<dyn Suites>) {
        self.client_suites = suites;
    }

    /// Shakes hands from a fresh address: the server's peer and the client's.
    pub fn connect(&mut self, clock: &mut Clock) -> (Peer, Peer) {
        self.number += 1;
        self.now = self.now + Duration::from_micros(100);
        let path = path(self.number);
        let suites = self.client_suites.clone();
        let connect = Connect::default();
        self.client
            .connect(self.now, path, suites, connect)
            .expect("a free address");
        let (mut ours, mut theirs) = (None, None);
        let mut memory = [0; 2048];
        let mut to_client = Vec::new();
        while ours.is_none() || theirs.is_none() {
            let mut buf = DatagramBuf::new(&mut memory, 0, 0);
            if let Some(transmit) = self.client.poll_transmit(self.now, &mut buf) {
                let end = buf.bytes().len();
                assert_eq!(transmit.path, path);
                let bytes = &mut memory[..end];
                let (server, keys, now) = (&mut self.server, &self.keys, self.now);
                let peer = clock.time(|| step(server, keys, now, path, bytes, &mut to_client));
                ours = ours.or(peer);
            }
            for mut bytes in to_client.drain(..) {
                let mut datagram = Datagram::new(path, &mut bytes);
                while self
                    .client
                    .handle_datagram(self.now, &mut datagram)
                    .is_some()
                {}
            }
            while let Some(event) = self.client.poll_event() {
                match event {
                    Event::Connected { peer, .. } => theirs = Some(peer),
                    other => panic!("{other:?}"),
                }
            }
        }
        (ours.expect("connected"), theirs.expect("connected"))
    }

    /// The server's CPU time, in nanoseconds, for the second flight of a client with these credentials, which do not fit. The
    /// handshake is called off. The look-up is the application's, and does not count.
    pub fn refused(&mut self, suites: &Arc<dyn Suites>) -> i64 {
        self.number += 1;
        self.now = self.now + Duration::from_micros(100);
        let path = path(self.number);
        let connect = Connect::default();
        let called = self.client.connect(self.now, path, suites.clone(), connect);
        let client = called.expect("a free address");
        let mut memory = [0; 2048];
        let mut to_client = Vec::new();
        let mut taken = 0;
        for flight in 0..3 {
            let mut buf = DatagramBuf::new(&mut memory, 0, 0);
            let sent = self.client.poll_transmit(self.now, &mut buf);
            assert!(sent.is_some(), "flight {flight}");
            let end = buf.bytes().len();
            let (server, now) = (&mut self.server, self.now);
            let bytes = &mut memory[..end];
            let start = cpu();
            served(|| {
                let mut datagram = Datagram::new(path, bytes);
                while server.handle_datagram(now, &mut datagram).is_some() {}
            });
            let asked = cpu() - start;
            // Memory for a key is taken in either case, before the measured part goes on.
            let mut keys = [None, None];
            let answer = server.poll_event().map(|event| match event {
                Event::Question {
                    ticket,
                    question: Question::Psk { identity, .. },
                    ..
                } => {
                    let key = self.keys.get(&identity).copied().flatten();
                    keys = [Some(Secret::new(&key.unwrap_or(*KEY))), None];
                    keys.swap(0, usize::from(key.is_none()));
                    (ticket, Answer::Psk(keys[0].take()))
                }
                other => panic!("{other:?}"),
            });
            let start = cpu();
            served(|| {
                if let Some((ticket, answer)) = answer {
                    server.answer(now, ticket, answer);
                }
                let mut memory = [0; 2048];
                let mut buf = DatagramBuf::new(&mut memory, 0, 0);
                while server.poll_transmit(now, &mut buf).is_some() {
                    to_client.push(buf.bytes().to_vec());
                }
            });
            taken = asked + cpu() - start;
            for mut bytes in to_client.drain(..) {
                let mut datagram = Datagram::new(path, &mut bytes);
                let data = self.client.handle_datagram(self.now, &mut datagram);
                assert!(data.is_none());
            }
        }
        self.forget_client(client);
        self.now = self.now + Duration::from_secs(3);
        self.server.handle_timeout(self.now);
        while let Some(event) = self.server.poll_event() {
            assert!(matches!(event, Event::HandshakeFailed { .. }));
        }
        let mut buf = DatagramBuf::new(&mut memory, 0, 0);
        while self.server.poll_transmit(self.now, &mut buf).is_some() {}
        taken
    }

    /// The server's CPU time, in nanoseconds, for a record that is not genuine.
    pub fn bad_record(&mut self, path: Path, bytes: &mut [u8]) -> i64 {
        let (server, now) = (&mut self.server, self.now);
        let start = cpu();
        let data = served(|| {
            let mut datagram = Datagram::new(path, bytes);
            server.handle_datagram(now, &mut datagram).is_some()
        });
        let taken = cpu() - start;
        assert!(!data);
        taken
    }

    /// Ends the client's side without a word.
    pub fn forget_client(&mut self, peer: Peer) {
        self.client.close(peer);
        let mut memory = [0; 256];
        let mut buf = DatagramBuf::new(&mut memory, 0, 0);
        while self.client.poll_transmit(self.now, &mut buf).is_some() {}
    }

    /// A record of the client with `text`.
    pub fn question(&mut self, peer: Peer, text: &[u8]) -> (Path, Vec<u8>) {
        seal(&mut self.client, peer, text)
    }
}

/// What a server's runtime does with a datagram: hand it over, answer what is asked, send what is due.
fn step(
    server: &mut Endpoint,
    keys: &Keys,
    now: Instant,
    path: Path,
    bytes: &mut [u8],
    out: &mut Vec<Vec<u8>>,
) -> Option<Peer> {
    let mut connected = None;
    let mut datagram = Datagram::new(path, bytes);
    while server.handle_datagram(now, &mut datagram).is_some() {}
    while let Some(event) = server.poll_event() {
        match event {
            Event::Question {
                ticket, question, ..
            } => {
                let answer = match question {
                    Question::Psk { identity, .. } => {
                        let key = keys.get(&identity).copied().flatten();
                        Answer::Psk(key.map(|key| Secret::new(&key)))
                    }
                    _ => Answer::Trust(Ok(())),
                };
                server.answer(now, ticket, answer);
            }
            Event::Connected { peer, .. } => connected = Some(peer),
            other => panic!("{other:?}"),
        }
    }
    let mut memory = [0; 2048];
    let mut buf = DatagramBuf::new(&mut memory, 0, 0);
    while server.poll_transmit(now, &mut buf).is_some() {
        out.push(buf.bytes().to_vec());
    }
    connected
}

fn seal(endpoint: &mut Endpoint, peer: Peer, text: &[u8]) -> (Path, Vec<u8>) {
    let mut memory = [0; 2048];
    let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
    buf.space()[..text.len()].copy_from_slice(text);
    buf.set_len(text.len());
    let path = endpoint.seal(peer, &mut buf).expect("sealed");
    (path, buf.bytes().to_vec())
}

impl Engine for Ours {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn handshake(&mut self, clock: &mut Clock) {
        let (peer, client) = self.connect(clock);
        let (server, now) = (&mut self.server, self.now);
        clock.time(|| {
            server.close(peer);
            let mut memory = [0; 256];
            let mut buf = DatagramBuf::new(&mut memory, 0, 0);
            while server.poll_transmit(now, &mut buf).is_some() {}
        });
        self.forget_client(client);
    }

    fn echo(&mut self, clock: &mut Clock, times: u32) {
        let pair = match self.pair {
            Some(pair) => pair,
            None => self.connect(clock),
        };
        self.pair = Some(pair);
        let mut questions: Vec<_> = (0..times).map(|_| self.question(pair.1, &TEXT)).collect();
        let (server, now) = (&mut self.server, self.now);
        let mut memory = [0; 256];
        clock.time(|| {
            for (path, bytes) in &mut questions {
                let mut datagram = Datagram::new(*path, bytes);
                let (peer, text) = server.handle_datagram(now, &mut datagram).expect("data");
                let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
                buf.space()[..text.len()].copy_from_slice(text);
                buf.set_len(text.len());
                server.seal(peer, &mut buf).expect("sealed");
            }
        });
    }
}

fn path(number: u32) -> Path {
    let ip = std::net::Ipv4Addr::from_bits(0x7f00_0001 + number);
    Path {
        local_endpoint: 0,
        address: (ip, 5684).into(),
    }
}

fn suites(secrets: Secrets) -> (Arc<dyn Suites>, Arc<dyn Suites>) {
    let key = |number: u8| PrivateKey::from_scalar(&[number; 32]).expect("a scalar");
    let ecdsa = |credentials, trust| -> Arc<dyn Suites> {
        Arc::new(Ecdsa::new(Ring::new(), credentials, trust).expect("credentials"))
    };
    match secrets {
        Secrets::Psk | Secrets::PskWithCid | Secrets::PskCbc => {
            let suite = match secrets {
                Secrets::PskCbc => CipherSuite::PSK_WITH_AES_128_CBC_SHA256,
                _ => CipherSuite::PSK_WITH_AES_128_CCM_8,
            };
            let client = Psk::client(IDENTITY, KEY).expect("a key");
            let client = client.with_suites(&[suite]).expect("a suite");
            (Arc::new(client), Arc::new(Psk::server()))
        }
        Secrets::RawPublicKeys => {
            let side = |own: u8, other: u8| {
                let trust = Trust::Keys(vec![*key(other).public_key()]);
                ecdsa(Credentials::raw_public_key(key(own)), trust)
            };
            (side(1, 2), side(2, 1))
        }
        Secrets::Certificates => {
            let certificates = Certificates::new();
            let anchors = || Anchors::from_der([&certificates.authority]).expect("an authority");
            let side = |(key, der): &(Vec<u8>, Vec<u8>), trust| {
                let key = PrivateKey::from_der(key).expect("a key");
                let shown = Credentials::x509(key, vec![der.clone()]).expect("credentials");
                ecdsa(shown, trust)
            };
            let pinned = dtls_ecdsa::ServerTrust::certificate(
                dtls_ecdsa::CertificateUsage(3),
                dtls_ecdsa::MatchingType::EXACT,
                &certificates.server.1,
            );
            (
                side(
                    &certificates.client,
                    Trust::Server(pinned.expect("a certificate")),
                ),
                side(&certificates.server, Trust::Anchors(anchors())),
            )
        }
    }
}
