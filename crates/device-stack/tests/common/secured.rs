//! A device stack and a DTLS server of a few lines, with a network without delay between them, in virtual time.
#![allow(dead_code, reason = "each test uses a part of it")]

use core::{net::SocketAddr, time::Duration};
use std::{collections::BTreeMap, sync::Arc};

use coap_codec::{Code, Message, OptionNumber, Type};
use device_stack::{
    Config, DeviceStack,
    core::{self as device_core, Device, Event, Security, ServerAccount},
};
use dtls_core::{Answer, Datagram, Endpoint, Event as DtlsEvent, Path, Question, Secret, Suites};
use dtls_ecdsa::{Credentials, Ecdsa, P256, PrivateKey, Provider as _, Signer, Trust};
use dtls_psk::Psk;
use lwm2m_model::Models;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm, SigningKey,
    date_time_ymd,
};
use sansio::{DatagramBuf, Instant, Peer, Rng};

use super::{LOCATION, address, answer, at, id};

pub const SERVER: &str = "192.0.2.1:5684";
pub const IDENTITY: &[u8] = b"urn:dev:lamp";
pub const KEY: &[u8] = b"0123456789abcdef";
/// 2026-11-28.
pub const TODAY: u64 = 1_795_824_000;

pub fn psk(key: &[u8]) -> Security {
    Security::psk(IDENTITY, Secret::new(key))
}

pub fn psk_server() -> Arc<dyn Suites> {
    Arc::new(Psk::server())
}

/// The private key that a number makes, in SEC1 form.
pub fn sec1(number: u8) -> Secret {
    let mut der = vec![0x30, 0x31, 2, 1, 1, 4, 32];
    der.extend([number; 32]);
    der.extend([0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    Secret::from(der)
}

pub fn key(number: u8) -> PrivateKey {
    PrivateKey::from_scalar(&[number; 32]).unwrap()
}

pub fn spki(number: u8) -> Vec<u8> {
    key(number).public_key().spki()
}

/// A server that shows its bare key `number` and takes that of the device.
pub fn rpk_server(number: u8, device: u8) -> Arc<dyn Suites> {
    let trust = Trust::Keys(vec![*key(device).public_key()]);
    let own = Credentials::raw_public_key(key(number));
    Arc::new(Ecdsa::new(P256::new(), own, trust).unwrap())
}

pub fn x509_server(number: u8, chain: Vec<Vec<u8>>) -> Arc<dyn Suites> {
    let own = Credentials::x509(key(number), chain).unwrap();
    Arc::new(Ecdsa::new(P256::new(), own, Trust::Ask).unwrap())
}

struct CertKey(PrivateKey, Box<dyn Signer>);

impl CertKey {
    fn new(number: u8) -> Self {
        let signer = P256::new().signer(&key(number)).unwrap();
        Self(key(number), signer)
    }
}

impl PublicKeyData for CertKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().point()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for CertKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut out = Vec::new();
        let signed = self.1.sign(message, &mut out);
        signed.map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(out)
    }
}

fn params(name: &str, number: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params.serial_number = Some(SerialNumber::from(u64::from(number)));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![number; 20]);
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority_params(number: u8) -> CertificateParams {
    let mut authority = params(&format!("authority {number}"), number);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority
}

/// The certificate of the authority that the number makes.
pub fn authority(number: u8) -> Vec<u8> {
    let signed = authority_params(number).self_signed(&CertKey::new(number));
    signed.unwrap().der().to_vec()
}

/// A certificate of the key `number` for a name, by the authority of another number.
pub fn certificate(name: &str, number: u8, by: u8) -> Vec<u8> {
    let mut params = params(name, number);
    params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
    let authority = authority_params(by);
    let issuer = Issuer::from_params(&authority, CertKey::new(by));
    let signed = params.signed_by(&CertKey::new(number), &issuer);
    signed.unwrap().der().to_vec()
}

/// The server, the device and the clock.
pub struct Bench {
    pub now: Instant,
    pub stack: DeviceStack,
    pub server: Endpoint,
    /// What the server accepts, for when it starts anew.
    pub suites: Arc<dyn Suites>,
    pub config: dtls_core::Config,
    pub keys: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Where the device is, as the server sees it.
    pub device_at: SocketAddr,
    /// Nothing passes.
    pub cut: bool,
    /// Codes of the requests that the server has answered, in order.
    pub requests: Vec<(Instant, Code)>,
    pub events: Vec<(Instant, Event)>,
    /// What the server's DTLS has told.
    pub sessions: Vec<DtlsEvent>,
    /// What the device has sent, as it stood on the wire.
    pub wire: Vec<(Instant, Vec<u8>)>,
    pub server_name: Option<String>,
}

impl Bench {
    pub fn new(security: Security, suites: Arc<dyn Suites>) -> Self {
        let account = ServerAccount::new(id(1), "coaps://192.0.2.1").with_security(security);
        Self::with(account, suites)
    }

    pub fn with(account: ServerAccount, suites: Arc<dyn Suites>) -> Self {
        let mut config = device_core::Config::new("lamp");
        config.retry_after_failure = None;
        let mut device = Device::new(config, &Models::builtin()).unwrap();
        device.add_server(account.with_lifetime(300)).unwrap();
        let stack = DeviceStack::new(device, Config::default(), [7; 32], Instant::ZERO);
        let mut config = dtls_core::Config::default();
        config.resumptions = 16;
        let now = Instant::ZERO;
        let rng = Rng::from_seed([9; 32]);
        let mut server = Endpoint::new(now, config.clone(), Some(suites.clone()), rng);
        server.handle_wall_clock(TODAY);
        Self {
            now,
            stack,
            server,
            suites,
            config,
            keys: [(IDENTITY.to_vec(), KEY.to_vec())].into(),
            device_at: address("198.51.100.1:40000"),
            cut: false,
            requests: Vec::new(),
            events: Vec::new(),
            sessions: Vec::new(),
            wire: Vec::new(),
            server_name: None,
        }
    }

    /// A server that has forgotten everything, or never knew it.
    pub fn restart_server(&mut self) {
        let rng = Rng::from_seed([10; 32]);
        self.server = Endpoint::new(
            self.now,
            self.config.clone(),
            Some(self.suites.clone()),
            rng,
        );
        self.server.handle_wall_clock(TODAY);
    }

    pub fn start(&mut self) {
        self.stack.device_mut().start(self.now);
        self.run(0);
    }

    /// Lets so many seconds pass.
    pub fn run(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        for _ in 0..100_000 {
            self.settle();
            let due = [self.stack.poll_timeout(), self.server.poll_timeout()];
            let Some(next) = due.into_iter().flatten().min().filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            self.stack.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
        }
        panic!("the machines do not come to rest");
    }

    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            let mut memory = [0; 2048];
            let (head, tail) = (DeviceStack::HEADROOM, DeviceStack::TAILROOM);
            let mut out = DatagramBuf::new(&mut memory, head, tail);
            if let Some(outgoing) = self.stack.poll_transmit(self.now, &mut out) {
                quiet = false;
                assert_eq!(outgoing.to, address(SERVER));
                let bytes = out.bytes().to_vec();
                self.wire.push((self.now, bytes.clone()));
                self.hand_in(bytes);
            }
            let mut out = DatagramBuf::new(&mut memory, 0, 0);
            while self.server.poll_transmit(self.now, &mut out).is_some() {
                quiet = false;
                let bytes = out.bytes().to_vec();
                self.deliver(bytes);
            }
            while let Some(event) = self.server.poll_event() {
                quiet = false;
                self.on_session(&event);
                self.sessions.push(event);
            }
            while let Some(event) = self.stack.poll_event() {
                quiet = false;
                self.events.push((self.now, event));
            }
            while self.stack.poll_effect().is_some() {}
            if quiet {
                return;
            }
        }
    }

    fn on_session(&mut self, event: &DtlsEvent) {
        let DtlsEvent::Question {
            ticket, question, ..
        } = event
        else {
            return;
        };
        let answer = match question {
            Question::Psk { identity, .. } => {
                Answer::Psk(self.keys.get(identity).map(|key| Secret::new(key)))
            }
            Question::Trust { server_name, .. } => {
                self.server_name.clone_from(server_name);
                Answer::Trust(Ok(()))
            }
            _ => panic!("{question:?}"),
        };
        self.server.answer(self.now, *ticket, answer);
    }

    pub fn deliver(&mut self, mut bytes: Vec<u8>) {
        if !self.cut {
            self.stack
                .handle_datagram(self.now, 0, address(SERVER), &mut bytes);
        }
    }

    fn hand_in(&mut self, mut bytes: Vec<u8>) {
        if self.cut {
            return;
        }
        let path = Path {
            local_endpoint: 0,
            address: self.device_at,
        };
        let mut datagram = Datagram::new(path, &mut bytes);
        let mut answers = Vec::new();
        while let Some((peer, bytes)) = self.server.handle_datagram(self.now, &mut datagram) {
            let request = Message::decode(bytes).unwrap();
            if request.ty() != Type::Confirmable || !request.code().is_request() {
                continue;
            }
            self.requests.push((self.now, request.code()));
            let segments = request.options().all(OptionNumber::URI_PATH).count();
            let answer = match (request.code(), segments) {
                (Code::POST, 1) => answer(bytes, Code::CREATED, LOCATION),
                (Code::POST, _) => answer(bytes, Code::CHANGED, &[]),
                _ => answer(bytes, Code::DELETED, &[]),
            };
            answers.push((peer, answer));
        }
        for (peer, bytes) in answers {
            self.say(peer, &bytes);
        }
    }

    /// Sends a message to the device in a session.
    pub fn say(&mut self, peer: Peer, bytes: &[u8]) {
        let mut memory = [0; 2048];
        let mut out = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
        out.space()[..bytes.len()].copy_from_slice(bytes);
        out.set_len(bytes.len());
        if self.server.seal(peer, &mut out).is_ok() {
            let bytes = out.bytes().to_vec();
            self.deliver(bytes);
        }
    }

    /// The session of the device at the server.
    pub fn session(&self) -> Peer {
        let found = self.sessions.iter().rev().find_map(|event| match event {
            DtlsEvent::Connected { peer, .. } => Some(*peer),
            _ => None,
        });
        found.expect("the device has connected")
    }

    /// How often the device has connected, and how often of these by resumption.
    pub fn connected(&self) -> (u64, u64) {
        let stats = self.server.stats();
        (stats.connected, stats.resumed)
    }

    pub fn is_registered(&self) -> bool {
        self.stack.device().serves(id(1))
    }

    /// What has happened since the last look, without the times.
    pub fn news(&mut self) -> Vec<Event> {
        let events = core::mem::take(&mut self.events);
        events.into_iter().map(|(_, event)| event).collect()
    }

    pub fn until(&mut self, seconds: u64) {
        let now = self.now;
        let end = at(seconds);
        assert!(now <= end);
        while self.now < end {
            self.run(1);
        }
    }
}
