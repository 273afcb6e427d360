//! A shard with its registry and store, and devices with DTLS of their own, in virtual time over a network that is prompt.
#![allow(dead_code, reason = "each test uses a part")]

pub(crate) mod pki;

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use coap_codec::{Code, Encoder, Message, OptionNumber, Type};
use dtls_core::{
    Answer, Connect, Datagram, Endpoint, IdentityKind, Path, Question, Secret, Suites,
};
use dtls_ecdsa::{CertificateNames, Credentials, Ecdsa, P256, PrivateKey, Trust};
use dtls_psk::{Psk, dtls_core};
use lwm2m_identity::{DeviceRecord, Identity};
use lwm2m_model::path;
use lwm2m_ops::{Downlink, Observe, Read};
use lwm2m_store::{Batch, MemoryRecords};
use registry_core::{Op, Registry};
use sansio::{DatagramBuf, Instant, Peer, Rng, Ticket};
use server_stack::{
    CallFailure, CallId, Config, Destination, Effect, Event, Security, ServerStack, Target,
};

/// The listener without security, the one with DTLS, and another one with DTLS.
pub(crate) const PLAIN: u16 = 0;
pub(crate) const SECURE: u16 = 1;
pub(crate) const OTHER: u16 = 2;

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) stack: ServerStack,
    pub(crate) registry: Registry,
    pub(crate) store: MemoryRecords,
    /// The keys of PSK identities.
    pub(crate) keys: HashMap<Vec<u8>, Vec<u8>>,
    /// Raw public keys that are trusted.
    pub(crate) trusted: Vec<Vec<u8>>,
    pub(crate) anchors: dtls_ecdsa::Anchors,
    /// Whether questions are answered at once; else they stand in `questions`.
    pub(crate) prompt: bool,
    pub(crate) questions: Vec<(Ticket, Question)>,
    /// With what the server connects, by the target's port.
    pub(crate) client_suites: HashMap<u16, Arc<dyn Suites>>,
    pub(crate) devices: Vec<Device>,
    pub(crate) events: Vec<Event>,
    pub(crate) removals: Vec<(String, registry_core::Removal)>,
    /// Datagrams of the server for addresses where nobody is.
    pub(crate) lost: Vec<(Target, Vec<u8>)>,
    next_call: u64,
}

/// A device: DTLS, and CoAP by hand.
pub(crate) struct Device {
    pub(crate) dtls: Endpoint,
    pub(crate) listener: u16,
    pub(crate) address: SocketAddr,
    /// `None` without security.
    pub(crate) suites: Option<Arc<dyn Suites>>,
    pub(crate) session: Option<Peer>,
    pub(crate) events: Vec<dtls_core::Event>,
    /// What came from the server, opened.
    pub(crate) inbox: Vec<Vec<u8>>,
    message_id: u16,
    out: Vec<Vec<u8>>,
}

pub(crate) fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

pub(crate) fn psk(identity: &str) -> Identity {
    Identity::Psk {
        identity: identity.to_owned().into(),
    }
}

pub(crate) fn key(number: u8) -> PrivateKey {
    PrivateKey::from_scalar(&[number; 32]).unwrap()
}

pub(crate) fn raw(number: u8) -> Ecdsa {
    let credentials = Credentials::raw_public_key(key(number));
    Ecdsa::new(P256::new(), credentials, Trust::Ask).unwrap()
}

fn server_path(listener: u16) -> Path {
    Path {
        local_endpoint: 0,
        address: SocketAddr::from(([203, 0, 113, 1], 5683 + listener)),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        let root = pki::root();
        let suites: Vec<Arc<dyn Suites>> = vec![
            Arc::new(Psk::server()),
            Arc::new(
                Ecdsa::new(
                    P256::new(),
                    pki::credentials("server", 200, true),
                    Trust::Ask,
                )
                .unwrap(),
            ),
        ];
        let mut security = Security::new(vec![SECURE, OTHER], Arc::new(suites));
        security.dtls.connection_id = dtls_core::ConnectionIdPolicy::receive(8, &[0]);
        security.dtls.resumptions = 100;
        security.x509_names = |value| Some(CertificateNames::decode(value)?.names().to_vec());
        let mut config = Config::default();
        config.security = Some(security);
        adjust(&mut config);
        let now = Instant::from_micros(1_000_000);
        let mut stack = ServerStack::new(config, [5; 32], now);
        stack.handle_wall_clock(pki::NOW);
        Self {
            now,
            stack,
            registry: Registry::new(Default::default(), 0, [6; 32], now),
            store: MemoryRecords::new(),
            keys: HashMap::new(),
            trusted: Vec::new(),
            anchors: dtls_ecdsa::Anchors::from_der([root]).unwrap(),
            prompt: true,
            questions: Vec::new(),
            client_suites: HashMap::new(),
            devices: Vec::new(),
            events: Vec::new(),
            removals: Vec::new(),
            lost: Vec::new(),
            next_call: 0,
        }
    }

    /// Keeps a record of an endpoint.
    pub(crate) fn record(&mut self, endpoint: &str, record: &DeviceRecord) {
        let mut batch = Batch::new();
        batch.put(DeviceRecord::key(endpoint), record.encode(), None);
        self.store.commit(batch).unwrap();
    }

    /// Makes a PSK identity known, and the record of the endpoint of the same name.
    pub(crate) fn provision(&mut self, endpoint: &str, identity: &str, key: &[u8]) {
        self.keys.insert(identity.into(), key.into());
        let mut record = DeviceRecord::default();
        record.credentials.push(lwm2m_identity::Credential::Psk {
            identity: identity.to_owned().into(),
        });
        self.record(endpoint, &record);
    }

    /// Adds a device at a port of its own; with security its handshake is run.
    pub(crate) fn device(&mut self, port: u16, suites: Option<Arc<dyn Suites>>) -> usize {
        self.device_on(SECURE, port, suites)
    }

    pub(crate) fn device_on(
        &mut self,
        listener: u16,
        port: u16,
        suites: Option<Arc<dyn Suites>>,
    ) -> usize {
        let mut config = dtls_core::Config::default();
        config.connection_id = dtls_core::ConnectionIdPolicy::Send;
        let mut seed = [9; 32];
        seed[..2].copy_from_slice(&port.to_be_bytes());
        seed[2] = u8::try_from(self.devices.len()).unwrap();
        self.devices.push(Device {
            dtls: Endpoint::new(self.now, config, suites.clone(), Rng::from_seed(seed)),
            listener: if suites.is_some() { listener } else { PLAIN },
            address: address(port),
            suites,
            session: None,
            events: Vec::new(),
            inbox: Vec::new(),
            message_id: port,
            out: Vec::new(),
        });
        self.devices.len() - 1
    }

    pub(crate) fn psk_device(&mut self, port: u16, identity: &str, key: &[u8]) -> usize {
        let suites = Psk::client(identity.as_bytes(), key).unwrap();
        let device = self.device(port, Some(Arc::new(suites)));
        self.connect(device, None);
        device
    }

    /// The device shakes hands.
    pub(crate) fn connect(&mut self, device: usize, resume: Option<dtls_core::Resumption>) {
        let it = &mut self.devices[device];
        let mut connect = Connect::default();
        connect.resume = resume;
        connect.server_name = Some("server".into());
        let suites = it.suites.clone().unwrap();
        it.dtls
            .connect(self.now, server_path(it.listener), suites, connect)
            .unwrap();
        self.pump();
    }

    /// The device ends its session, if it has one, and waits for handshakes of the server, which it answers with these.
    pub(crate) fn listen(&mut self, device: usize, credentials: Credentials) {
        let suites = Ecdsa::new(P256::new(), credentials, Trust::Ask).unwrap();
        let it = &mut self.devices[device];
        if let Some(session) = it.session.take() {
            it.dtls.close(session);
        }
        it.dtls.set_server(Some(Arc::new(suites)));
        self.pump();
    }

    /// With what the server connects to a device with a certificate: its own chain.
    pub(crate) fn own(&self) -> Ecdsa {
        let credentials = pki::credentials("server", 200, false);
        Ecdsa::new(P256::new(), credentials, Trust::Ask).unwrap()
    }

    /// Lets everything happen that happens now.
    pub(crate) fn pump(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(effect) = self.stack.poll_effect() {
                quiet = false;
                self.carry_out(effect);
            }
            while let Some(event) = self.stack.poll_event() {
                self.events.push(event);
            }
            let mut memory = [0; 2048];
            let mut out =
                DatagramBuf::new(&mut memory, ServerStack::HEADROOM, ServerStack::TAILROOM);
            while let Some(transmit) = self.stack.poll_transmit(self.now, &mut out) {
                quiet = false;
                assert_eq!(transmit.len, out.bytes().len());
                let bytes = out.bytes().to_vec();
                let to = |device: &&mut Device| {
                    device.address == transmit.target.address
                        && device.listener == transmit.target.local_endpoint
                };
                match self.devices.iter_mut().find(to) {
                    Some(device) => device.hear(self.now, bytes),
                    None => self.lost.push((transmit.target, bytes)),
                }
            }
            for device in &mut self.devices {
                for mut bytes in device.speak(self.now) {
                    quiet = false;
                    let from = device.target();
                    self.stack.handle_datagram(self.now, from, &mut bytes);
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Registry { ticket, op, .. } => {
                self.registry.handle(self.now, ticket, op);
                self.settle();
            }
            Effect::Credential {
                ticket, question, ..
            } => match self.prompt {
                true => self.answer(ticket, &question),
                false => self.questions.push((ticket, question)),
            },
            Effect::Connect { ticket, target, .. } => {
                let suites = self.client_suites.get(&target.address.port()).cloned();
                self.stack.handle_connect(self.now, ticket, suites);
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn answer(&mut self, ticket: Ticket, question: &Question) {
        let answer = match question {
            Question::Psk { identity, .. } => {
                Answer::Psk(self.keys.get(identity).map(|key| Secret::new(key)))
            }
            Question::Trust { kind, chain, .. } if *kind == IdentityKind::RAW_PUBLIC_KEY => {
                let known = self.trusted.contains(&chain[0]);
                Answer::Trust(known.then_some(()).ok_or(dtls_core::Failure::new(
                    dtls_core::Alert::ACCESS_DENIED,
                    dtls_core::FailureReason::Refused("unknown key"),
                )))
            }
            Question::Trust { chain, .. } => Answer::Trust(
                dtls_ecdsa::verify_client_chain(&P256::new(), &self.anchors, chain, pki::NOW)
                    .map(drop),
            ),
            other => panic!("{other:?}"),
        };
        self.stack.handle_credential(self.now, ticket, answer);
    }

    /// Asks the registry for something as an operator does.
    pub(crate) fn operate(&mut self, op: Op) {
        self.registry.handle(self.now, Ticket::new(u64::MAX), op);
        self.settle();
        self.pump();
    }

    fn settle(&mut self) {
        use registry_core::{Effect, EffectResult};
        while let Some(effect) = self.registry.poll_effect() {
            let (ticket, result) = match effect {
                Effect::Load { ticket, key } => {
                    (ticket, EffectResult::Loaded(Ok(self.store.load(&key))))
                }
                Effect::Commit { ticket, batch } => {
                    (ticket, EffectResult::Committed(self.store.commit(batch)))
                }
            };
            self.registry.handle_effect(self.now, ticket, result);
        }
        while let Some(outcome) = self.registry.poll_outcome() {
            self.stack.handle_registry(self.now, &outcome);
        }
        while let Some(event) = self.registry.poll_event() {
            if let registry_core::Event::Removed {
                registration,
                reason,
                ..
            } = event
            {
                self.removals.push((registration.endpoint().into(), reason));
            }
        }
    }

    /// Lets time pass, timers and all.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.pump();
            let devices = self.devices.iter().map(|device| device.dtls.poll_timeout());
            let server = [self.stack.poll_timeout(), self.registry.poll_timeout()];
            let next = devices.chain(server).flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            self.stack.handle_timeout(self.now);
            self.registry.handle_timeout(self.now);
            self.settle();
            for device in &mut self.devices {
                device.dtls.handle_timeout(self.now);
            }
        }
    }

    /// Sends a request of a device and gives the answer: its code, its location, its payload.
    pub(crate) fn ask(
        &mut self,
        device: usize,
        code: Code,
        path: &str,
        query: &[&str],
        payload: &[u8],
    ) -> Option<(Code, String, String)> {
        let message_id = self.devices[device].request(code, path, query, payload);
        self.pump();
        let inbox = &mut self.devices[device].inbox;
        let at = inbox.iter().position(|bytes| {
            Message::decode(bytes).is_ok_and(|message| message.message_id() == message_id)
        })?;
        let answer = inbox.remove(at);
        let answer = Message::decode(&answer).unwrap();
        let location: Vec<&str> = answer
            .options()
            .location_path()
            .map(Result::unwrap)
            .collect();
        let text = String::from_utf8_lossy(answer.payload()).into_owned();
        Some((answer.code(), location.join("/"), text))
    }

    pub(crate) fn register(&mut self, device: usize, query: &[&str]) -> (Code, String, String) {
        let mut all = vec!["lt=300", "lwm2m=1.1", "b=U"];
        all.extend(query);
        self.ask(device, Code::POST, "rd", &all, b"</1/0>,</3/0>")
            .unwrap()
    }

    pub(crate) fn update(&mut self, device: usize, location: &str) -> Code {
        self.ask(device, Code::POST, location, &[], b"").unwrap().0
    }

    /// Where a registered device is called.
    pub(crate) fn destination(&self, endpoint: &str) -> Destination {
        let registration = self.registry.by_endpoint(endpoint).unwrap();
        Destination {
            target: Target {
                local_endpoint: registration.local_endpoint(),
                address: registration.address(),
            },
            identity: registration.identity(),
            listens: !registration.queue_mode(),
        }
    }

    pub(crate) fn call(&mut self, endpoint: &str, operation: Downlink) -> CallId {
        let device = self.destination(endpoint);
        self.next_call += 1;
        let call = CallId::new(self.next_call);
        let timeout = Duration::from_secs(30);
        self.stack
            .call(self.now, call, device, "", operation, timeout);
        self.pump();
        call
    }

    pub(crate) fn read(&mut self, endpoint: &str) -> CallId {
        self.call(endpoint, Read::new(path!(3, 0, 0), None).unwrap().into())
    }

    pub(crate) fn observe(&mut self, endpoint: &str) -> CallId {
        self.call(endpoint, Observe::new(path!(3, 0, 9), None).unwrap().into())
    }

    /// The device answers the request that came last.
    pub(crate) fn respond(&mut self, device: usize, observe: Option<u32>) {
        let request = self.devices[device].inbox.pop().expect("a request came");
        self.devices[device].answer(&request, observe);
        self.pump();
    }

    /// How a call ended, if it did.
    pub(crate) fn end_of(&self, call: CallId) -> Option<Result<(), CallFailure>> {
        self.events.iter().find_map(|event| match event {
            Event::Reply {
                call: other,
                result,
                observing: false,
                ..
            } if *other == call => Some(result.clone().map(drop)),
            Event::Notification {
                call: other,
                result,
                last: true,
                ..
            } if *other == call => Some(result.clone().map(drop)),
            _ => None,
        })
    }

    /// Why handshakes failed.
    pub(crate) fn failures(&self) -> Vec<&dtls_core::FailureReason> {
        let failures = self.events.iter().filter_map(|event| match event {
            Event::HandshakeFailed { failure, .. } => Some(&failure.reason),
            _ => None,
        });
        failures.collect()
    }
}

impl Device {
    fn target(&self) -> Target {
        Target {
            local_endpoint: self.listener,
            address: self.address,
        }
    }

    fn hear(&mut self, now: Instant, mut bytes: Vec<u8>) {
        if self.suites.is_none() {
            self.inbox.push(bytes);
            return;
        }
        let mut datagram = Datagram::new(server_path(self.listener), &mut bytes);
        while let Some((_, data)) = self.dtls.handle_datagram(now, &mut datagram) {
            self.inbox.push(data.to_vec());
        }
    }

    fn speak(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut out = std::mem::take(&mut self.out);
        while let Some(event) = self.dtls.poll_event() {
            match &event {
                dtls_core::Event::Connected { peer, .. } => self.session = Some(*peer),
                dtls_core::Event::Question {
                    ticket, question, ..
                } => {
                    let answer = match question {
                        Question::Psk { .. } => Answer::Psk(Some(Secret::new(SERVER_KEY))),
                        _ => Answer::Trust(Ok(())),
                    };
                    self.dtls.answer(now, *ticket, answer);
                }
                _ => {}
            }
            self.events.push(event);
        }
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, 0, 0);
        while self.dtls.poll_transmit(now, &mut buf).is_some() {
            out.push(buf.bytes().to_vec());
        }
        out
    }

    /// Sends a message, sealed if there is security.
    pub(crate) fn send(&mut self, message: &[u8]) {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
        buf.space()[..message.len()].copy_from_slice(message);
        buf.set_len(message.len());
        if self.suites.is_some() {
            self.dtls.seal(self.session.unwrap(), &mut buf).unwrap();
        }
        self.out.push(buf.bytes().to_vec());
    }

    pub(crate) fn request(
        &mut self,
        code: Code,
        path: &str,
        query: &[&str],
        payload: &[u8],
    ) -> u16 {
        self.message_id = self.message_id.wrapping_add(1);
        let mut memory = [0; 512];
        let ty = Type::Confirmable;
        let mut out = Encoder::new(&mut memory, ty, code, self.message_id, b"tk").unwrap();
        for segment in path.split('/') {
            out.option(OptionNumber::URI_PATH, segment.as_bytes())
                .unwrap();
        }
        if !payload.is_empty() {
            out.option_uint(OptionNumber::CONTENT_FORMAT, 40).unwrap();
        }
        for item in query {
            out.option(OptionNumber::URI_QUERY, item.as_bytes())
                .unwrap();
        }
        if !payload.is_empty() {
            out.payload(payload).unwrap();
        }
        let len = out.finish().unwrap();
        self.send(&memory[..len]);
        self.message_id
    }

    /// Answers a request, piggybacked, with a text.
    pub(crate) fn answer(&mut self, request: &[u8], observe: Option<u32>) {
        let request = Message::decode(request).unwrap();
        let (id, token) = (request.message_id(), request.token().to_vec());
        self.content(Type::Acknowledgement, id, &token, observe);
    }

    pub(crate) fn content(&mut self, ty: Type, id: u16, token: &[u8], observe: Option<u32>) {
        let mut memory = [0; 512];
        let mut out = Encoder::new(&mut memory, ty, Code::CONTENT, id, token).unwrap();
        if let Some(number) = observe {
            out.option_uint(OptionNumber::OBSERVE, number).unwrap();
        }
        out.option_uint(OptionNumber::CONTENT_FORMAT, 0).unwrap();
        out.payload(b"42").unwrap();
        let len = out.finish().unwrap();
        self.send(&memory[..len]);
    }
}

/// The key with which the server proves itself as a DTLS client.
pub(crate) const SERVER_KEY: &[u8] = b"a key of the server";
