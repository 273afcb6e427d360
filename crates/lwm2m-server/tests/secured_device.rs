//! Devices with DTLS on sockets of their own, and all that the server does with them.

#[path = "common/pki.rs"]
mod pki;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use coap_codec::{Code, Encoder, Message, OptionNumber, Type};
use dtls_psk::Psk;
use lwm2m_identity::{Credential, Identity, PskKey, Security};
use lwm2m_model::{Models, path};
use lwm2m_server::dtls_core::{
    self, Answer, Connect, ConnectionIdPolicy, Datagram, Endpoint, Path, Resumption, Suites,
};
use lwm2m_server::dtls_ecdsa::{
    CertificateUsage, Credentials, Ecdsa, MatchingType, PrivateKey, Ring, ServerTrust, Trust,
};
use lwm2m_server::{
    CallError, CallOptions, Config, EventKind, EventStream, Handle, Server, ServerEvent, StreamItem,
};
use lwm2m_store::MemoryStore;
use registry_core::Removal;
use sansio::{DatagramBuf, Instant, Peer, Rng};
use tokio::net::UdpSocket;

use pki::{OTHER_ROOT, ROOT, anchors, issued};

const KEY: &[u8] = b"0123456789abcdef";

async fn server(adjust: impl FnOnce(&mut Config)) -> (Server, Handle, SocketAddr) {
    let mut config = Config::default();
    config.coap = Vec::new();
    config.coaps = vec!["127.0.0.1:0".parse().unwrap()];
    config.shards = 4;
    adjust(&mut config);
    let server = Server::start(config, MemoryStore::new(), Arc::new(Models::builtin()))
        .await
        .unwrap();
    let handle = server.handle();
    let address = *handle.info().addresses.last().unwrap();
    (server, handle, address)
}

fn psk(identity: &str, key: &[u8]) -> Security {
    Security::Psk {
        identity: identity.to_owned().into(),
        key: PskKey::new(key).unwrap(),
    }
}

/// The next event that `wanted` takes.
async fn next<T>(events: &mut EventStream, mut wanted: impl FnMut(&ServerEvent) -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(StreamItem::Event(event)) = events.next().await
                && let Some(found) = wanted(&event)
            {
                return found;
            }
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    found.expect("the event comes")
}

/// A device by hand.
struct Device {
    socket: UdpSocket,
    server: SocketAddr,
    dtls: Endpoint,
    session: Option<Peer>,
    /// With which the next handshake may be a short one.
    resume: Option<Resumption>,
    origin: std::time::Instant,
    message_id: u16,
}

fn path_of(server: SocketAddr) -> Path {
    Path {
        local_endpoint: 0,
        address: server,
    }
}

impl Device {
    async fn new(server: SocketAddr) -> Self {
        let mut config = dtls_core::Config::default();
        config.connection_id = ConnectionIdPolicy::Send;
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut seed = [1; 32];
        let port = socket.local_addr().unwrap().port();
        seed[..2].copy_from_slice(&port.to_be_bytes());
        Self {
            socket,
            server,
            dtls: Endpoint::new(Instant::ZERO, config, None, Rng::from_seed(seed)),
            session: None,
            resume: None,
            origin: std::time::Instant::now(),
            message_id: port,
        }
    }

    /// A device that has shaken hands.
    async fn connected(server: SocketAddr, suites: impl Suites + 'static) -> Self {
        let mut device = Self::new(server).await;
        assert!(device.connect(suites).await, "the handshake succeeds");
        device
    }

    fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.origin.elapsed().as_micros()).unwrap())
    }

    /// Whether the handshake succeeded.
    async fn connect(&mut self, suites: impl Suites + 'static) -> bool {
        self.session = None;
        let now = self.now();
        let mut connect = Connect::default();
        connect.resume = self.resume.take();
        let path = path_of(self.server);
        self.dtls
            .connect(now, path, Arc::new(suites), connect)
            .unwrap();
        let until = std::time::Instant::now() + Duration::from_secs(20);
        while std::time::Instant::now() < until {
            self.flush().await;
            while let Some(event) = self.dtls.poll_event() {
                match event {
                    dtls_core::Event::Connected { peer, .. } => {
                        self.session = Some(peer);
                        return true;
                    }
                    dtls_core::Event::HandshakeFailed { .. } => return false,
                    dtls_core::Event::Question { ticket, .. } => {
                        self.dtls.answer(now, ticket, Answer::Trust(Ok(())));
                    }
                    _ => {}
                }
            }
            self.hear(Duration::from_millis(50)).await;
            let now = self.now();
            self.dtls.handle_timeout(now);
        }
        panic!("a handshake ends");
    }

    /// Takes what the DTLS endpoint tells: trusts whom it shakes hands with, and keeps the session.
    fn greet(&mut self) {
        let now = self.now();
        while let Some(event) = self.dtls.poll_event() {
            match event {
                dtls_core::Event::Connected { peer, .. } => self.session = Some(peer),
                dtls_core::Event::Question { ticket, .. } => {
                    self.dtls.answer(now, ticket, Answer::Trust(Ok(())));
                }
                _ => {}
            }
        }
    }

    async fn flush(&mut self) {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, 0, 0);
        while let Some(transmit) = self.dtls.poll_transmit(self.now(), &mut buf) {
            let to = transmit.path.address;
            self.socket.send_to(buf.bytes(), to).await.unwrap();
        }
    }

    /// What came within the time, opened.
    async fn hear(&mut self, wait: Duration) -> Option<Vec<u8>> {
        let mut buffer = [0; 2048];
        let received = tokio::time::timeout(wait, self.socket.recv_from(&mut buffer)).await;
        let (len, _) = received.ok()?.unwrap();
        let now = self.now();
        let mut datagram = Datagram::new(path_of(self.server), &mut buffer[..len]);
        let mut opened = None;
        while let Some((_, data)) = self.dtls.handle_datagram(now, &mut datagram) {
            opened = Some(data.to_vec());
        }
        self.flush().await;
        opened
    }

    async fn receive(&mut self) -> Vec<u8> {
        for _ in 0..200 {
            if let Some(message) = self.hear(Duration::from_millis(100)).await {
                return message;
            }
        }
        panic!("a message comes");
    }

    async fn send(&mut self, message: &[u8]) {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
        buf.space()[..message.len()].copy_from_slice(message);
        buf.set_len(message.len());
        self.dtls.seal(self.session.unwrap(), &mut buf).unwrap();
        self.socket.send_to(buf.bytes(), self.server).await.unwrap();
    }

    async fn ask(&mut self, path: &str, query: &[&str], payload: &[u8]) -> (Code, String) {
        self.message_id = self.message_id.wrapping_add(1);
        let mut memory = [0; 512];
        let mut out = Encoder::new(
            &mut memory,
            Type::Confirmable,
            Code::POST,
            self.message_id,
            b"tk",
        )
        .unwrap();
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
        self.send(&memory[..len]).await;
        let answer = self.receive().await;
        let answer = Message::decode(&answer).unwrap();
        assert_eq!(answer.message_id(), self.message_id);
        let location: Vec<&str> = answer
            .options()
            .location_path()
            .map(Result::unwrap)
            .collect();
        (answer.code(), location.join("/"))
    }

    async fn register(&mut self, query: &[&str]) -> (Code, String) {
        let mut all = vec!["lt=300", "lwm2m=1.1", "b=U"];
        all.extend(query);
        self.ask("rd", &all, b"</1/0>,</3/0>,</3303/0>").await
    }

    /// Answers the request in `datagram` with a text.
    async fn answer(&mut self, request: &[u8], observe: Option<u32>, text: &[u8]) {
        let request = Message::decode(request).unwrap();
        let (ty, id) = (Type::Acknowledgement, request.message_id());
        self.content(ty, id, request.token(), observe, text).await;
    }

    async fn content(
        &mut self,
        ty: Type,
        id: u16,
        token: &[u8],
        observe: Option<u32>,
        text: &[u8],
    ) {
        let mut memory = [0; 512];
        let mut out = Encoder::new(&mut memory, ty, Code::CONTENT, id, token).unwrap();
        if let Some(number) = observe {
            out.option_uint(OptionNumber::OBSERVE, number).unwrap();
        }
        out.option_uint(OptionNumber::CONTENT_FORMAT, 0).unwrap();
        out.payload(text).unwrap();
        let len = out.finish().unwrap();
        self.send(&memory[..len]).await;
    }
}

/// Reads from the device while it answers.
async fn read(handle: &Handle, device: &mut Device, endpoint: &str) {
    let answering = async {
        let request = device.receive().await;
        device.answer(&request, None, b"maker").await;
    };
    let read = handle.read(endpoint, path!(3, 0, 0), CallOptions::default());
    let (read, ()) = tokio::join!(read, answering);
    read.unwrap();
}

#[tokio::test]
async fn a_device_with_a_key_registers_is_read_and_observed() {
    let (server, handle, address) = server(|_| {}).await;
    assert!(handle.info().endpoints[0].starts_with("coaps://127.0.0.1:"));
    handle
        .set_security("lamp", &[psk("lamp-key", KEY)])
        .await
        .unwrap();
    let mut events = handle.events(None);
    let mut device = Device::connected(address, Psk::client(b"lamp-key", KEY).unwrap()).await;
    // The name is that of the credential's owner.
    let (code, location) = device.register(&[]).await;
    assert_eq!(code, Code::CREATED);
    let identity = handle.device("lamp").unwrap().identity();
    let expected = Identity::Psk {
        identity: "lamp-key".into(),
    };
    assert_eq!(identity, expected);
    next(&mut events, |event| match &event.kind {
        EventKind::SessionOpened {
            connection_id: true,
            ..
        } => Some(()),
        _ => None,
    })
    .await;

    read(&handle, &mut device, "lamp").await;
    let answering = async {
        let request = device.receive().await;
        device.answer(&request, Some(1), b"21.5").await;
        Message::decode(&request).unwrap().token().to_vec()
    };
    let observe = handle.observe("lamp", path!(3303, 0, 5700), CallOptions::default());
    let (observed, token) = tokio::join!(observe, answering);
    observed.unwrap();
    device
        .content(Type::NonConfirmable, 7, &token, Some(2), b"22.5")
        .await;
    next(&mut events, |event| match &event.kind {
        EventKind::ObservationNotified { problem: None, .. } => Some(()),
        _ => None,
    })
    .await;
    assert_eq!(device.ask(&location, &[], b"").await.0, Code::CHANGED);
    server.shutdown().await;
}

/// Each new socket is another address, which another shard may hear; the connection id tells whose the session is.
#[tokio::test]
async fn a_device_that_moves_is_the_same_device() {
    let (_server, handle, address) = server(|_| {}).await;
    handle
        .set_security("lamp", &[psk("lamp-key", KEY)])
        .await
        .unwrap();
    let mut device = Device::connected(address, Psk::client(b"lamp-key", KEY).unwrap()).await;
    let (code, location) = device.register(&["ep=lamp"]).await;
    assert_eq!(code, Code::CREATED);
    let id = handle.device("lamp").unwrap().id();
    let mut events = handle.events(None);
    for _ in 0..8 {
        device.socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let here = device.socket.local_addr().unwrap();
        assert_eq!(device.ask(&location, &[], b"").await.0, Code::CHANGED);
        let registration = handle.device("lamp").unwrap();
        assert_eq!((registration.id(), registration.address()), (id, here));
        next(&mut events, |event| match event.kind {
            EventKind::SessionMoved { to, .. } => (to == here).then_some(()),
            _ => None,
        })
        .await;
        read(&handle, &mut device, "lamp").await;
    }
}

#[tokio::test]
async fn the_operator_learns_what_was_wrong_and_the_device_does_not() {
    let (_server, handle, address) = server(|_| {}).await;
    handle
        .set_security("lamp", &[psk("lamp-key", KEY)])
        .await
        .unwrap();
    let mut events = handle.events(None);
    let mut told = Vec::new();
    for (identity, key) in [
        ("lamp-key", &b"another key 0000"[..]),
        ("Lamp-Key", KEY),
        ("nobody", KEY),
        ("lamp", KEY),
    ] {
        let mut device = Device::new(address).await;
        let suites = Psk::client(identity.as_bytes(), key).unwrap();
        assert!(!device.connect(suites).await);
        told.push(
            next(&mut events, |event| match &event.kind {
                EventKind::HandshakeFailed {
                    reason,
                    detail,
                    hint,
                    ..
                } => {
                    let hint = hint.as_deref().unwrap_or_default();
                    Some((*reason, format!("{detail}; {hint}")))
                }
                _ => None,
            })
            .await,
        );
    }
    let reasons: Vec<_> = told.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(
        reasons,
        [
            "wrong_psk",
            "unknown_psk_identity",
            "unknown_psk_identity",
            "unknown_psk_identity"
        ]
    );
    assert!(
        told[1].1.contains("lamp-key"),
        "the near miss: {}",
        told[1].1
    );
    assert!(!told[2].1.contains("lamp-key"), "{}", told[2].1);
    assert!(
        told[3].1.contains(r#"has to show PSK identity "lamp-key""#),
        "{}",
        told[3].1
    );
    assert!(told.iter().all(|(_, detail)| !detail.contains("another")));
}

#[tokio::test]
async fn a_device_whose_credential_is_gone_is_out_at_once() {
    let (_server, handle, address) = server(|_| {}).await;
    handle
        .set_security("lamp", &[psk("lamp-key", KEY)])
        .await
        .unwrap();
    let mut device = Device::connected(address, Psk::client(b"lamp-key", KEY).unwrap()).await;
    device.register(&["ep=lamp"]).await;
    let mut events = handle.events(None);
    let reading = tokio::spawn({
        let handle = handle.clone();
        async move {
            handle
                .read("lamp", path!(3, 0, 0), CallOptions::default())
                .await
        }
    });
    device.receive().await;
    handle.remove_security("lamp").await.unwrap();
    let (mut removed, mut closed) = (false, false);
    next(&mut events, |event| {
        match &event.kind {
            EventKind::RegistrationRemoved { reason, .. } => removed |= *reason == Removal::Revoked,
            EventKind::SessionClosed { reason, .. } => closed |= *reason == "revoked",
            _ => {}
        }
        (removed && closed).then_some(())
    })
    .await;
    let read = reading.await.unwrap().unwrap_err();
    assert!(
        matches!(read, CallError::SessionEnded(_) | CallError::Cancelled),
        "{read:?}"
    );
    assert!(handle.device("lamp").is_none());
    let again = handle.read("lamp", path!(3, 0, 0), CallOptions::default());
    assert!(matches!(again.await, Err(CallError::UnknownEndpoint)));
    assert!(!device.connect(Psk::client(b"lamp-key", KEY).unwrap()).await);
    assert_eq!(handle.security("lamp").await.unwrap(), None);
}

/// The call waits, although the device comes in by another shard.
#[tokio::test]
async fn a_call_waits_for_the_session_wherever_it_comes_about() {
    let (_server, handle, address) = server(|_| {}).await;
    handle
        .set_security("lamp", &[psk("lamp-key", KEY)])
        .await
        .unwrap();
    let mut device = Device::connected(address, Psk::client(b"lamp-key", KEY).unwrap()).await;
    device.register(&["ep=lamp", "Q"]).await;
    for _ in 0..4 {
        let mut events = handle.events(None);
        let session = device.session.take().unwrap();
        device.dtls.close(session);
        device.flush().await;
        next(&mut events, |event| match event.kind {
            EventKind::SessionClosed { .. } => Some(()),
            _ => None,
        })
        .await;
        let reading = tokio::spawn({
            let handle = handle.clone();
            async move {
                handle
                    .read("lamp", path!(3, 0, 0), CallOptions::default())
                    .await
            }
        });
        tokio::task::yield_now().await;
        let mut again = Device::connected(address, Psk::client(b"lamp-key", KEY).unwrap()).await;
        again.register(&["ep=lamp", "Q"]).await;
        let request = again.receive().await;
        again.answer(&request, None, b"maker").await;
        reading.await.unwrap().unwrap();
        device = again;
    }
}

#[tokio::test]
async fn a_raw_public_key_comes_in_where_the_server_has_a_key_of_its_own() {
    let own = PrivateKey::from_scalar(&[5; 32]).unwrap();
    let trust = own.public_key().spki();
    let (_server, handle, address) = server(|config| {
        config.security.credentials = Some(Credentials::raw_public_key(own));
    })
    .await;
    let key = PrivateKey::from_scalar(&[7; 32]).unwrap();
    let spki = key.public_key().spki();
    let security = Security::RawPublicKey {
        key: spki.clone().into(),
    };
    handle.set_security("valve", &[security]).await.unwrap();
    let suites = || {
        let trust = ServerTrust::raw_public_key(MatchingType::EXACT, &trust).unwrap();
        let credentials = Credentials::raw_public_key(PrivateKey::from_scalar(&[7; 32]).unwrap());
        Ecdsa::new(Ring::new(), credentials, Trust::Server(trust)).unwrap()
    };
    let mut device = Device::connected(address, suites()).await;
    assert_eq!(device.register(&["ep=other"]).await.0, Code::FORBIDDEN);
    // The key has no name, but an owner.
    assert_eq!(device.register(&[]).await.0, Code::CREATED);
    assert!(handle.device("valve").is_some());
    read(&handle, &mut device, "valve").await;

    handle.remove_security("valve").await.unwrap();
    let mut events = handle.events(None);
    let mut device = Device::new(address).await;
    assert!(!device.connect(suites()).await);
    let (reason, detail) = next(&mut events, |event| match &event.kind {
        EventKind::HandshakeFailed { reason, detail, .. } => Some((*reason, detail.clone())),
        _ => None,
    })
    .await;
    assert_eq!(reason, "unknown_raw_public_key");
    let fingerprint = key.public_key().fingerprint();
    let fingerprint: String = fingerprint.iter().map(|it| format!("{it:02x}")).collect();
    assert!(detail.contains(&fingerprint), "{detail}");
}

/// A server with a certificate, which trusts certificates of [`ROOT`].
async fn certified() -> (Server, Handle, SocketAddr) {
    server(|config| {
        config.security.credentials = Some(issued("server", 200, ROOT, |_| {}));
        config.security.anchors = anchors(ROOT);
    })
    .await
}

/// The suites of a device with a certificate for `name`, as a client and as a server.
fn certificate(name: &str, number: u8) -> Ecdsa {
    let credentials = issued(name, number, ROOT, |_| {});
    Ecdsa::new(Ring::new(), credentials, Trust::Ask).unwrap()
}

#[tokio::test]
async fn a_device_with_a_certificate_is_called_by_the_server() {
    let (_server, handle, address) = certified().await;
    let mut events = handle.events(None);
    let mut device = Device::connected(address, certificate("meter", 3)).await;
    assert_eq!(device.register(&[]).await.0, Code::CREATED);
    let session = device.session.take().unwrap();
    device.dtls.close(session);
    device
        .dtls
        .set_server(Some(Arc::new(certificate("meter", 3))));
    device.flush().await;
    next(&mut events, |event| match event.kind {
        EventKind::SessionClosed { .. } => Some(()),
        _ => None,
    })
    .await;
    let reading = tokio::spawn({
        let handle = handle.clone();
        async move {
            let options = CallOptions::default();
            handle.read("meter", path!(3, 0, 0), options).await
        }
    });
    let request = loop {
        let heard = device.hear(Duration::from_secs(20)).await;
        device.greet();
        device.flush().await;
        if let Some(request) = heard {
            break request;
        }
    };
    device.answer(&request, None, b"maker").await;
    reading.await.unwrap().unwrap();
}

/// Ruling 34: a record overrides.
#[tokio::test]
async fn a_session_by_certificate_ends_when_its_endpoint_gets_another_record() {
    let (_server, handle, address) = certified().await;
    let mut events = handle.events(None);
    let mut meter = Device::connected(address, certificate("meter", 3)).await;
    assert_eq!(meter.register(&[]).await.0, Code::CREATED);
    // This one has not registered yet, and that one is of another endpoint by another of its names.
    let _gate = Device::connected(address, certificate("gate", 4)).await;
    let pump = issued("pump", 5, ROOT, |params| {
        let name = "urn:dev:pump".try_into().unwrap();
        params.subject_alt_names = vec![rcgen::SanType::URI(name)];
    });
    let pump = Ecdsa::new(Ring::new(), pump, Trust::Ask).unwrap();
    let mut pump = Device::connected(address, pump).await;
    assert_eq!(pump.register(&["ep=urn:dev:pump"]).await.0, Code::CREATED);

    for name in ["meter", "gate", "pump"] {
        handle.set_security(name, &[psk(name, KEY)]).await.unwrap();
    }
    let mut closed = Vec::new();
    next(&mut events, |event| {
        if let EventKind::SessionClosed {
            identity, reason, ..
        } = &event.kind
        {
            assert_eq!(*reason, "revoked");
            closed.push(identity.endpoint().unwrap().to_owned());
        }
        (closed.len() == 2).then_some(())
    })
    .await;
    closed.sort();
    assert_eq!(closed, ["gate", "meter"]);
    assert!(handle.device("meter").is_none());
    read(&handle, &mut pump, "urn:dev:pump").await;
}

/// A device that believes no server but the one with a certificate of this authority.
fn picky(name: &str, number: u8, authority: u8) -> Ecdsa {
    let credentials = issued(name, number, ROOT, |_| {});
    let root = pki::root(authority);
    let usage = CertificateUsage::TRUST_ANCHOR_ASSERTION;
    let trust = ServerTrust::certificate(usage, MatchingType::EXACT, &root).unwrap();
    let trust = Trust::Server(trust.with_name("server"));
    Ecdsa::new(Ring::new(), credentials, trust).unwrap()
}

#[tokio::test]
async fn another_certificate_is_shown_from_now_on_and_sessions_go_on() {
    let (_server, handle, address) = certified().await;
    let mut former = Device::connected(address, picky("meter", 3, ROOT)).await;
    assert_eq!(former.register(&[]).await.0, Code::CREATED);
    let renewed = issued("server", 201, OTHER_ROOT, |_| {});
    let (spki, chain) = (renewed.public_key().spki(), renewed.chain().to_vec());
    handle.set_credentials(Some(renewed)).unwrap();
    let info = handle.info().security;
    assert_eq!((info.public_key, info.chain), (Some(spki), chain));

    let mut later = Device::connected(address, picky("gate", 4, OTHER_ROOT)).await;
    assert_eq!(later.register(&[]).await.0, Code::CREATED);
    assert!(
        !Device::new(address)
            .await
            .connect(picky("fan", 5, ROOT))
            .await
    );
    read(&handle, &mut former, "meter").await;

    // And none: keys are all that is left.
    handle.set_credentials(None).unwrap();
    let suites = picky("fan", 5, OTHER_ROOT);
    assert!(!Device::new(address).await.connect(suites).await);
    read(&handle, &mut former, "meter").await;
}

#[tokio::test]
async fn an_authority_that_is_taken_away_ends_the_sessions_by_certificates() {
    let (_server, handle, address) = certified().await;
    handle
        .set_security("lamp", &[psk("lamp", KEY)])
        .await
        .unwrap();
    let mut lamp = Device::connected(address, Psk::client(b"lamp", KEY).unwrap()).await;
    assert_eq!(lamp.register(&[]).await.0, Code::CREATED);
    let mut meter = Device::connected(address, certificate("meter", 3)).await;
    assert_eq!(meter.register(&[]).await.0, Code::CREATED);

    // One more ends nothing.
    handle.set_anchors(pki::all([ROOT, OTHER_ROOT]), false);
    assert_eq!(handle.info().security.anchors, 2);
    read(&handle, &mut meter, "meter").await;

    let mut events = handle.events(None);
    handle.set_anchors(anchors(OTHER_ROOT), true);
    next(&mut events, |event| match &event.kind {
        EventKind::SessionClosed { identity, .. } => {
            assert_eq!(identity.endpoint(), Some("meter"));
            Some(())
        }
        _ => None,
    })
    .await;
    assert!(!meter.connect(certificate("meter", 3)).await);
    let credentials = issued("meter", 3, OTHER_ROOT, |_| {});
    let moved = Ecdsa::new(Ring::new(), credentials, Trust::Ask).unwrap();
    assert!(meter.connect(moved).await);
    read(&handle, &mut lamp, "lamp").await;
}

#[tokio::test]
async fn a_security_file_that_changes_is_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("security.toml");
    let device = |endpoint: &str, key: &str| {
        format!("[[device]]\nendpoint = \"{endpoint}\"\nmode = \"psk\"\nkey = \"text:{key}\"\n")
    };
    std::fs::write(&file, device("lamp", "0123456789abcdef")).unwrap();
    let (_server, handle, address) = server(|config| {
        config.security.file = Some(file.clone());
        config.security.file_interval = Duration::from_millis(20);
    })
    .await;
    let mut lamp = Device::connected(address, Psk::client(b"lamp", KEY).unwrap()).await;
    assert_eq!(lamp.register(&[]).await.0, Code::CREATED);

    let mut events = handle.events(None);
    std::fs::write(&file, "this is no security file").unwrap();
    next(&mut events, |event| match &event.kind {
        EventKind::SecurityRefused { detail, .. } => Some(detail.clone()),
        _ => None,
    })
    .await;
    assert!(handle.device("lamp").is_some(), "all is as before");

    std::fs::write(&file, device("gate", "fedcba9876543210")).unwrap();
    let changed = next(&mut events, |event| match event.kind {
        EventKind::SecurityReloaded { changed, .. } => Some(changed),
        _ => None,
    })
    .await;
    assert_eq!(changed, 2);
    assert!(handle.device("lamp").is_none());
    assert!(!lamp.connect(Psk::client(b"lamp", KEY).unwrap()).await);
    let suites = Psk::client(b"gate", b"fedcba9876543210").unwrap();
    let mut gate = Device::connected(address, suites).await;
    assert_eq!(gate.register(&[]).await.0, Code::CREATED);
}

/// What a full disk, or an editor that is not done, leaves of a file.
#[tokio::test]
async fn a_security_file_that_is_cut_off_takes_no_credential_away() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("security.toml");
    let lamp = "[[device]]\nendpoint = \"lamp\"\nmode = \"psk\"\nkey = \"text:0123456789abcdef\"\n";
    std::fs::write(&file, lamp).unwrap();
    let (_server, handle, _) = server(|config| {
        config.security.file = Some(file.clone());
        config.security.file_interval = Duration::from_millis(20);
    })
    .await;
    let mut events = handle.events(None);
    std::fs::write(&file, "").unwrap();
    let detail = next(&mut events, |event| match &event.kind {
        EventKind::SecurityRefused { detail, .. } => Some(detail.clone()),
        EventKind::SecurityReloaded { .. } => panic!("an empty file was taken over"),
        _ => None,
    })
    .await;
    assert!(detail.contains("the file is empty"), "{detail}");
    assert!(handle.security("lamp").await.unwrap().is_some());

    std::fs::write(&file, "device = []\n").unwrap();
    next(&mut events, |event| match event.kind {
        EventKind::SecurityReloaded { .. } => Some(()),
        _ => None,
    })
    .await;
    assert!(handle.security("lamp").await.unwrap().is_none());
}

#[tokio::test]
async fn a_security_file_that_conflicts_is_told_once_and_taken_over_when_it_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("security.toml");
    let device = |endpoint: &str| {
        format!(
            "[[device]]\nendpoint = \"{endpoint}\"\nmode = \"psk\"\nidentity = \"one\"\nkey = \"text:0123456789abcdef\"\n"
        )
    };
    std::fs::write(&file, "device = []\n").unwrap();
    let (_server, handle, _) = server(|config| {
        config.security.file = Some(file.clone());
        config.security.file_interval = Duration::from_millis(5);
    })
    .await;
    handle
        .set_security("lamp", &[psk("one", KEY)])
        .await
        .unwrap();
    let mut events = handle.events(None);
    std::fs::write(&file, device("gate")).unwrap();
    let refused = next(&mut events, |event| match &event.kind {
        EventKind::SecurityRefused { detail, .. } => Some(detail.clone()),
        _ => None,
    })
    .await;
    assert!(refused.contains("taken by endpoint \"lamp\""), "{refused}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    handle.remove_security("lamp").await.unwrap();
    next(&mut events, |event| match event.kind {
        EventKind::SecurityRefused { .. } => panic!("the same was told again"),
        EventKind::SecurityReloaded { .. } => Some(()),
        _ => None,
    })
    .await;
    assert!(handle.security("gate").await.unwrap().is_some());
}

#[tokio::test]
async fn handshakes_are_counted() {
    let (_server, handle, address) = server(|_| {}).await;
    handle
        .set_security("lamp", &[psk("lamp", KEY)])
        .await
        .unwrap();
    let mut lamp = Device::connected(address, Psk::client(b"lamp", KEY).unwrap()).await;
    assert_eq!(lamp.register(&[]).await.0, Code::CREATED);
    assert!(
        !lamp
            .connect(Psk::client(b"lamp", b"another key").unwrap())
            .await
    );
    let dtls = handle.info().dtls;
    assert_eq!((dtls.connected, dtls.failed), (1, 1));
    assert!(
        dtls.cookies_good >= 2 && dtls.opened > 0 && dtls.sealed > 0,
        "{dtls:?}"
    );
}

#[tokio::test]
async fn a_session_goes_on_at_every_shard() {
    let (_server, handle, address) = server(|_| {}).await;
    let key = [psk("lamp", KEY)];
    handle.set_security("lamp", &key).await.unwrap();
    let suites = || Psk::client(b"lamp", KEY).unwrap();
    let first = Device::connected(address, suites()).await;
    let resumption = first.dtls.resumption(first.session.unwrap()).unwrap();
    // The kernel picks the shard by the address: these are not all of one.
    for _ in 0..12 {
        let mut device = Device::new(address).await;
        device.resume = Some(resumption.clone());
        assert!(device.connect(suites()).await);
        let session = device.dtls.resumption(device.session.unwrap()).unwrap();
        assert_eq!(session.session_id(), resumption.session_id());
        assert_eq!(device.register(&[]).await.0, Code::CREATED);
    }
    // What is revoked is forgotten at each of them too, before any other is asked.
    handle.set_security("lamp", &[]).await.unwrap();
    handle.set_security("lamp", &key).await.unwrap();
    for _ in 0..12 {
        let mut device = Device::new(address).await;
        device.resume = Some(resumption.clone());
        assert!(device.connect(suites()).await);
        let session = device.dtls.resumption(device.session.unwrap()).unwrap();
        assert_ne!(session.session_id(), resumption.session_id());
    }
}

#[tokio::test]
async fn a_session_that_is_silent_for_too_long_ends() {
    let default = Config::default().security.dtls.session_lifetime;
    assert_eq!(default, Some(Duration::from_secs(30 * 86_400)));
    let (_server, handle, address) = server(|config| {
        config.security.dtls.session_lifetime = Some(Duration::from_secs(1));
    })
    .await;
    handle
        .set_security("lamp", &[psk("lamp", KEY)])
        .await
        .unwrap();
    let mut events = handle.events(None);
    let mut device = Device::connected(address, Psk::client(b"lamp", KEY).unwrap()).await;
    assert_eq!(device.register(&[]).await.0, Code::CREATED);
    let reason = next(&mut events, |event| match event.kind {
        EventKind::SessionClosed { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert_eq!(reason, "idle");
    assert!(handle.session("lamp").is_none());
    assert!(handle.device("lamp").is_some());
}

#[tokio::test]
async fn a_record_says_since_when() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("security.toml");
    let devices = "[[device]]\nendpoint = \"dated\"\nmode = \"x509\"\nset = 2026-11-28T10:00:00Z\n\
                   [[device]]\nendpoint = \"undated\"\nmode = \"x509\"\n";
    std::fs::write(&file, devices).unwrap();
    let unix = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.unwrap().as_secs()
    };
    let before = unix();
    let (_server, handle, _) = server(|config| config.security.file = Some(file)).await;
    handle
        .set_security("lamp", &[psk("lamp", KEY)])
        .await
        .unwrap();
    let mut set = Vec::new();
    for endpoint in ["dated", "undated", "lamp"] {
        let entry = handle.security(endpoint).await.unwrap().unwrap();
        set.push(entry.record.unwrap().set.unwrap());
    }
    assert_eq!(set[0], 1_795_860_000);
    assert!(set[1..].iter().all(|set| (before..=unix()).contains(set)));
    // The same again changes nothing.
    handle
        .set_security(
            "dated",
            &[Security::X509 {
                name: "dated".into(),
            }],
        )
        .await
        .unwrap();
    let entry = handle.security("dated").await.unwrap().unwrap();
    assert_eq!(entry.record.unwrap().set, Some(set[0]));
}

#[tokio::test]
async fn secrets_can_be_set_and_not_read() {
    let (_server, handle, _) = server(|_| {}).await;
    handle
        .set_security("lamp", &[psk("lamp-key", KEY)])
        .await
        .unwrap();
    handle
        .set_security("gate", &[Security::NoSec])
        .await
        .unwrap();
    let taken = handle.set_security("fan", &[psk("lamp-key", KEY)]).await;
    assert!(taken.unwrap_err().to_string().contains("lamp"));
    let all = handle.list_security(None, 10).await.unwrap();
    let names: Vec<_> = all.iter().map(|entry| entry.endpoint.as_str()).collect();
    assert_eq!(names, ["gate", "lamp"]);
    let record = all[1].record.clone().unwrap();
    let identity = "lamp-key".into();
    assert_eq!(record.credentials, [Credential::Psk { identity }]);
    assert!(!format!("{all:?}").contains("0123456789abcdef"));
    assert_eq!(
        handle.list_security(Some("gate"), 10).await.unwrap().len(),
        1
    );
}
