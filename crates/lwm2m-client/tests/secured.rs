//! A client against a DTLS server of a few lines on the loopback interface.

use std::{sync::Arc, time::Duration};

use coap_codec::{Code, Encoder, Message, OptionNumber, Type};
use dtls_core::{Answer, Config, Datagram, Endpoint, Event as DtlsEvent, Path, Question, Suites};
use dtls_ecdsa::{Credentials, Ecdsa, P256, PrivateKey, Trust};
use lwm2m_client::{
    BadAccount, Client, ClientBuilder, Event, Reason, Secret, Security, SecurityFault, ServerId,
    StartError, TemperatureObject,
};
use sansio::{DatagramBuf, Instant, Peer, Rng};
use tokio::{net::UdpSocket, sync::mpsc, time::timeout};

const IDENTITY: &[u8] = b"urn:dev:lamp";
const KEY: &[u8] = b"0123456789abcdef";
const WAIT: Duration = Duration::from_secs(20);

/// Answers Registers and Updates, and reads /3303/0/5700 after each Register. Tells the codes of requests, and what it
/// read.
struct Server {
    socket: UdpSocket,
    dtls: Endpoint,
    started: std::time::Instant,
    told: mpsc::UnboundedSender<(Code, Vec<u8>)>,
}

/// Starts a server; its URI, and what it tells.
async fn server(suites: Arc<dyn Suites>) -> (String, mpsc::UnboundedReceiver<(Code, Vec<u8>)>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("coaps://{}", socket.local_addr().unwrap());
    let mut config = Config::default();
    config.wrong_key_wait = Duration::from_millis(20);
    config.resumptions = 8;
    let rng = Rng::from_seed([5; 32]);
    let (told, heard) = mpsc::unbounded_channel();
    let server = Server {
        socket,
        dtls: Endpoint::new(Instant::ZERO, config, Some(suites), rng),
        started: std::time::Instant::now(),
        told,
    };
    tokio::spawn(server.run());
    (uri, heard)
}

impl Server {
    async fn run(mut self) {
        let mut memory = vec![0; 2048];
        loop {
            let tick = Duration::from_millis(10);
            let received = timeout(tick, self.socket.recv_from(&mut memory)).await;
            let now = Instant::ZERO + self.started.elapsed();
            let mut messages = Vec::new();
            if let Ok(Ok((len, address))) = received {
                let path = Path {
                    local_endpoint: 0,
                    address,
                };
                let mut datagram = Datagram::new(path, &mut memory[..len]);
                while let Some((peer, bytes)) = self.dtls.handle_datagram(now, &mut datagram) {
                    messages.push((peer, bytes.to_vec()));
                }
            }
            self.dtls.handle_timeout(now);
            self.settle(now).await;
            for (peer, bytes) in messages {
                self.hear(peer, &bytes).await;
            }
        }
    }

    async fn settle(&mut self, now: Instant) {
        while let Some(event) = self.dtls.poll_event() {
            if let DtlsEvent::Question {
                ticket,
                question: Question::Psk { identity, .. },
                ..
            } = event
            {
                let key = (identity == IDENTITY).then(|| Secret::new(KEY));
                self.dtls.answer(now, ticket, Answer::Psk(key));
            }
        }
        let mut memory = [0; 2048];
        let mut out = DatagramBuf::new(&mut memory, 0, 0);
        while let Some(transmit) = self.dtls.poll_transmit(now, &mut out) {
            let to = transmit.path.address;
            self.socket.send_to(out.bytes(), to).await.unwrap();
        }
    }

    async fn hear(&mut self, peer: Peer, bytes: &[u8]) {
        let message = Message::decode(bytes).unwrap();
        let _ = self.told.send((message.code(), message.payload().to_vec()));
        if message.code() != Code::POST {
            return;
        }
        let register = message.options().all(OptionNumber::URI_PATH).count() == 1;
        let (code, location): (_, &[_]) = match register {
            true => (Code::CREATED, &[b"rd", b"a1"]),
            false => (Code::CHANGED, &[]),
        };
        let (mid, token) = (message.message_id(), message.token());
        let location = location
            .iter()
            .map(|segment| (OptionNumber::LOCATION_PATH, &segment[..]));
        self.send(peer, Type::Acknowledgement, code, mid, token, location)
            .await;
        if register {
            let path = [b"3303".as_slice(), b"0", b"5700"];
            let path = path
                .into_iter()
                .map(|segment| (OptionNumber::URI_PATH, segment));
            self.send(peer, Type::Confirmable, Code::GET, 7, b"r", path)
                .await;
        }
    }

    async fn send<'a>(
        &mut self,
        peer: Peer,
        ty: Type,
        code: Code,
        mid: u16,
        token: &[u8],
        options: impl Iterator<Item = (OptionNumber, &'a [u8])>,
    ) {
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
        let mut out = Encoder::new(buf.space(), ty, code, mid, token).unwrap();
        for (number, value) in options {
            out.option(number, value).unwrap();
        }
        let len = out.finish().unwrap();
        buf.set_len(len);
        let path = self.dtls.seal(peer, &mut buf).unwrap();
        self.socket
            .send_to(buf.bytes(), path.address)
            .await
            .unwrap();
    }
}

fn lamp(uri: &str) -> ClientBuilder {
    Client::builder()
        .endpoint("lamp")
        .server(uri)
        .lifetime(60)
        .stack(|stack| stack.handshake_retries = 0)
        .object(TemperatureObject::new().with_sensor(0, 20.5))
}

fn first() -> ServerId {
    ServerId::new(1).unwrap()
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::from_scalar(&[number; 32]).unwrap()
}

/// The same key in SEC1 form.
fn sec1(number: u8) -> Secret {
    let mut der = vec![0x30, 0x31, 2, 1, 1, 4, 32];
    der.extend([number; 32]);
    der.extend([0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    Secret::from(der)
}

async fn registers_and_is_read(
    client: Client,
    mut heard: mpsc::UnboundedReceiver<(Code, Vec<u8>)>,
) {
    let registered = timeout(WAIT, client.registered(first())).await;
    registered.expect("in time").unwrap();
    let (code, _) = heard.recv().await.unwrap();
    assert_eq!(code, Code::POST);
    let (code, payload) = timeout(WAIT, heard.recv()).await.expect("in time").unwrap();
    assert_eq!(code, Code::CONTENT);
    assert!(!payload.is_empty());
    timeout(WAIT, client.update(first(), None))
        .await
        .expect("in time")
        .unwrap();
}

#[tokio::test]
async fn a_pre_shared_key_registers_and_is_read() {
    let (uri, heard) = server(Arc::new(dtls_psk::Psk::server())).await;
    let client = lamp(&uri).psk(IDENTITY, Secret::new(KEY));
    registers_and_is_read(client.start().await.unwrap(), heard).await;
}

#[tokio::test]
async fn raw_public_keys_register_and_are_read() {
    let trust = Trust::Keys(vec![*key(1).public_key()]);
    let own = Credentials::raw_public_key(key(2));
    let suites = Ecdsa::new(P256::new(), own, trust).unwrap();
    let (uri, heard) = server(Arc::new(suites)).await;
    let client = lamp(&uri).raw_public_key(sec1(1), key(2).public_key().spki());
    registers_and_is_read(client.start().await.unwrap(), heard).await;
}

#[tokio::test]
async fn a_wrong_key_is_told() {
    let (uri, _heard) = server(Arc::new(dtls_psk::Psk::server())).await;
    let client = lamp(&uri).psk(IDENTITY, Secret::new(b"not that one"));
    let client = client.unregistered().start().await.unwrap();
    let mut events = client.events();
    let failed = timeout(WAIT, client.register(first())).await;
    let error = failed.expect("in time").unwrap_err();
    let want = Reason::Security(SecurityFault::WrongCredentials);
    assert_eq!(error.to_string(), want.to_string());
    let details = events.next().await.unwrap();
    assert!(matches!(
        details,
        Event::HandshakeFailed { again: false, .. }
    ));
}

#[tokio::test]
async fn credentials_are_checked_at_the_start() {
    let start = |uri: &str, security| lamp(uri).security(security).start();
    let psk = || Security::psk("", Secret::new(KEY));
    for (uri, security, want) in [
        ("coaps://localhost", Security::NoSec, "needs credentials"),
        ("coap://localhost", psk(), "has to be coaps://"),
        ("coaps://localhost", psk(), "identity"),
    ] {
        let error = start(uri, security).await.unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
        assert!(matches!(error, StartError::Security { .. }));
    }
    let bare = start("coaps://localhost", Security::NoSec).await;
    assert!(matches!(
        bare,
        Err(StartError::Security {
            source: BadAccount::NoCredentials,
            ..
        })
    ));
}
