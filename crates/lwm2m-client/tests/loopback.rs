//! A client against a scripted server on the loopback interface.

use std::{net::SocketAddr, time::Duration};

use coap_codec::{Code, Encoder, Message, OptionNumber, Type};
use lwm2m_client::{
    Client, ClientError, Event, LifeError, Reason, ServerAccount, ServerId, StartError, Status,
    TemperatureObject,
    model::{Value, path},
    ops::Lifetime,
};
use tokio::{net::UdpSocket, time::timeout};

/// A server that is a socket and a hand.
struct Server {
    socket: UdpSocket,
    client: Option<SocketAddr>,
    location: &'static [u8],
}

/// What the client sent, taken apart.
#[derive(Debug)]
struct Seen {
    bytes: Vec<u8>,
    code: Code,
    path: String,
    query: Vec<String>,
}

impl Server {
    async fn new(address: &str) -> Self {
        Self {
            socket: UdpSocket::bind(address).await.unwrap(),
            client: None,
            location: b"a1",
        }
    }

    fn uri(&self) -> String {
        format!("coap://{}", self.socket.local_addr().unwrap())
    }

    async fn receive(&mut self) -> Seen {
        let mut memory = vec![0; 65_535];
        let received = timeout(WAIT, self.socket.recv_from(&mut memory)).await;
        let (len, from) = received.expect("a datagram").unwrap();
        self.client = Some(from);
        memory.truncate(len);
        let message = Message::decode(&memory).unwrap();
        let texts = |number| {
            let values = message.options().all(number);
            values
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .collect::<Vec<_>>()
        };
        Seen {
            code: message.code(),
            path: texts(OptionNumber::URI_PATH).join("/"),
            query: texts(OptionNumber::URI_QUERY),
            bytes: memory,
        }
    }

    /// Sends a message; options ascending.
    async fn send(
        &self,
        ty: Type,
        code: Code,
        mid: u16,
        token: &[u8],
        options: &[(OptionNumber, &[u8])],
        payload: &[u8],
    ) {
        let mut memory = [0; 2048];
        let mut out = Encoder::new(&mut memory, ty, code, mid, token).unwrap();
        for (number, value) in options {
            out.option(*number, value).unwrap();
        }
        if !payload.is_empty() {
            out.payload(payload).unwrap();
        }
        let len = out.finish().unwrap();
        self.socket
            .send_to(&memory[..len], self.client.unwrap())
            .await
            .unwrap();
    }

    async fn answer(&self, request: &Seen, code: Code, options: &[(OptionNumber, &[u8])]) {
        let message = Message::decode(&request.bytes).unwrap();
        let (mid, token) = (message.message_id(), message.token());
        self.send(Type::Acknowledgement, code, mid, token, options, b"")
            .await;
    }

    async fn acknowledge(&self, seen: &Seen) {
        let mid = Message::decode(&seen.bytes).unwrap().message_id();
        self.send(Type::Acknowledgement, Code::EMPTY, mid, b"", &[], b"")
            .await;
    }

    async fn registers(&mut self) -> Seen {
        let register = self.receive().await;
        assert_eq!((register.code, register.path.as_str()), (Code::POST, "rd"));
        let location = [
            (OptionNumber::LOCATION_PATH, &b"rd"[..]),
            (OptionNumber::LOCATION_PATH, self.location),
        ];
        self.answer(&register, Code::CREATED, &location).await;
        register
    }

    /// Sends a confirmable request and returns the answer that comes with its acknowledgement.
    async fn asks(
        &mut self,
        code: Code,
        mid: u16,
        options: &[(OptionNumber, &[u8])],
        payload: &[u8],
    ) -> Seen {
        self.send(
            Type::Confirmable,
            code,
            mid,
            &mid.to_be_bytes(),
            options,
            payload,
        )
        .await;
        self.receive().await
    }
}

fn payload(seen: &Seen) -> Vec<u8> {
    Message::decode(&seen.bytes).unwrap().payload().to_vec()
}

const WAIT: Duration = Duration::from_secs(10);
const VALUE: &[(OptionNumber, &[u8])] = &[
    (OptionNumber::URI_PATH, b"3303"),
    (OptionNumber::URI_PATH, b"0"),
    (OptionNumber::URI_PATH, b"5700"),
    (OptionNumber::ACCEPT, b""),
];

fn one() -> ServerId {
    ServerId::new(1).unwrap()
}

async fn client(uri: String) -> Client {
    let object = TemperatureObject::new().with_sensor(0, 20.5);
    let builder = Client::builder()
        .endpoint("loop")
        .server(uri)
        .lifetime(300)
        .object(object);
    builder.start().await.unwrap()
}

/// A whole life: register, read, write, observe, update, disconnect, reconnect, stop.
async fn life(address: &str) {
    let mut server = Server::new(address).await;
    let client = client(server.uri()).await;
    let mut events = client.events();
    let register = server.registers().await;
    assert_eq!(register.query, ["ep=loop", "lt=300", "lwm2m=1.1", "b=U"]);
    let registered = timeout(WAIT, client.registered(one()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(registered.location.to_string(), "/rd/a1");
    assert!(matches!(
        events.next().await,
        Some(Event::Registered { .. })
    ));

    let read = server.asks(Code::GET, 1, VALUE, b"").await;
    assert_eq!(
        (read.code, payload(&read)),
        (Code::CONTENT, b"20.5".to_vec())
    );

    let mut observe = VALUE.to_vec();
    observe.insert(0, (OptionNumber::OBSERVE, b""));
    let first = server.asks(Code::GET, 2, &observe, b"").await;
    assert_eq!(payload(&first), b"20.5");
    client.set(&path!(3303, 0, 5700), 21.5).unwrap();
    let notification = server.receive().await;
    assert_eq!(payload(&notification), b"21.5");
    server.acknowledge(&notification).await;

    let (updated, ()) = tokio::join!(
        client.update(one(), Some(Lifetime::from_seconds(60))),
        async {
            let update = server.receive().await;
            assert_eq!(
                (update.path.as_str(), update.query.as_slice()),
                ("rd/a1", &["lt=60".to_string()][..])
            );
            server.answer(&update, Code::CHANGED, &[]).await;
        }
    );
    updated.unwrap();

    client.disconnect(one()).unwrap();
    assert_eq!(client.status(one()), Some(Status::Offline));
    client.reconnect(one()).unwrap();
    let update = server.receive().await;
    assert_eq!(update.path, "rd/a1");
    server.answer(&update, Code::CHANGED, &[]).await;

    let ((), ()) = tokio::join!(client.stop(), async {
        let leave = server.receive().await;
        assert_eq!((leave.code, leave.path.as_str()), (Code::DELETE, "rd/a1"));
        server.answer(&leave, Code::DELETED, &[]).await;
    });
    while let Some(event) = timeout(WAIT, events.next()).await.unwrap() {
        drop(event);
    }
    assert_eq!(
        client.update(one(), None).await,
        Err(ClientError::Life(LifeError::NotRegistered))
    );
}

#[tokio::test]
async fn a_life_over_ipv4() {
    life("127.0.0.1:0").await;
}

#[tokio::test]
async fn a_life_over_ipv6() {
    if UdpSocket::bind("[::1]:0").await.is_err() {
        eprintln!("SKIPPED: this machine has no IPv6 loopback");
        return;
    }
    life("[::1]:0").await;
}

#[tokio::test]
async fn a_server_by_its_name() {
    let mut server = Server::new("127.0.0.1:0").await;
    let port = server.socket.local_addr().unwrap().port();
    // The name may mean ::1 as well; a client that is bound to IPv4 takes the address that it can speak to.
    let builder = Client::builder()
        .endpoint("loop")
        .bind("127.0.0.1:0".parse().unwrap());
    let client = builder
        .server(format!("coap://localhost:{port}"))
        .start()
        .await
        .unwrap();
    let register = server.registers().await;
    assert_eq!(register.path, "rd");
    timeout(WAIT, client.registered(one()))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn refusals_and_stale_registrations() {
    let mut server = Server::new("127.0.0.1:0").await;
    let account = ServerAccount::new(one(), server.uri());
    let client = Client::builder()
        .endpoint("loop")
        .account(account)
        .unregistered();
    let client = client.start().await.unwrap();
    assert_eq!(client.status(one()), Some(Status::Unregistered));
    assert_eq!(
        client.deregister(None).await,
        Err(ClientError::Life(LifeError::NotRegistered))
    );
    let (refused, ()) = tokio::join!(client.register(one()), async {
        let register = server.receive().await;
        server.answer(&register, Code::FORBIDDEN, &[]).await;
    });
    let forbidden = ClientError::Failed(Reason::Refused(Code::FORBIDDEN));
    assert_eq!(refused, Err(forbidden));

    let (registered, _) = tokio::join!(client.register(one()), server.registers());
    registered.unwrap();
    server.location = b"b2";
    let (updated, register) = tokio::join!(client.update(one(), None), async {
        let update = server.receive().await;
        assert_eq!(update.path, "rd/a1");
        server.answer(&update, Code::NOT_FOUND, &[]).await;
        server.registers().await
    });
    let gone = ClientError::Failed(Reason::Refused(Code::NOT_FOUND));
    assert_eq!(updated, Err(gone));
    assert_eq!(register.path, "rd");
    let again = timeout(WAIT, client.registered(one()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.location.to_string(), "/rd/b2");

    let (left, ()) = tokio::join!(client.deregister(None), async {
        let leave = server.receive().await;
        assert_eq!((leave.code, leave.path.as_str()), (Code::DELETE, "rd/b2"));
        server.answer(&leave, Code::DELETED, &[]).await;
    });
    left.unwrap();
    assert_eq!(client.status(one()), Some(Status::Unregistered));
}

/// Garbage from the server's own socket leaves the client alive.
#[tokio::test]
async fn garbage_is_survived() {
    let mut server = Server::new("127.0.0.1:0").await;
    let client = client(server.uri()).await;
    server.registers().await;
    timeout(WAIT, client.registered(one()))
        .await
        .unwrap()
        .unwrap();
    let to = server.client.unwrap();
    for len in 0..64_u8 {
        let noise: Vec<u8> = (0..len).map(|n| n.wrapping_mul(37) ^ len).collect();
        server.socket.send_to(&noise, to).await.unwrap();
    }
    server
        .send(Type::Confirmable, Code::GET, 900, b"\x03\x84", VALUE, b"")
        .await;
    loop {
        let seen = server.receive().await;
        if seen.code == Code::CONTENT {
            assert_eq!(payload(&seen), b"20.5");
            break;
        }
    }
}

#[tokio::test]
async fn stop_does_not_wait_for_a_server_that_is_gone() {
    let mut server = Server::new("127.0.0.1:0").await;
    let uri = server.uri();
    let builder = Client::builder().endpoint("loop").server(uri);
    let builder = builder.stop_timeout(Duration::from_millis(50));
    let client = builder.start().await.unwrap();
    server.registers().await;
    timeout(WAIT, client.registered(one()))
        .await
        .unwrap()
        .unwrap();
    timeout(WAIT, client.stop())
        .await
        .expect("the client stops");
    assert_eq!(client.register(one()).await, Err(ClientError::Stopped));
}

#[tokio::test]
async fn what_cannot_start() {
    for name in [String::new(), "x".repeat(253)] {
        let started = Client::builder().endpoint(name).start().await;
        assert!(matches!(started, Err(StartError::Endpoint)));
    }
    let object = || TemperatureObject::new();
    let started = Client::builder()
        .endpoint("x")
        .object(object())
        .object(object())
        .start()
        .await;
    assert!(matches!(started, Err(StartError::Object { id: 3303, .. })));
}

#[tokio::test]
async fn values_are_checked() {
    let client = client("coap://127.0.0.1:9".into()).await;
    assert!(
        client
            .set(&path!(3303, 0, 5700), Value::String("warm".into()))
            .is_err()
    );
    assert!(client.set(&path!(3303, 1, 5700), 20.0).is_err());
    assert!(client.unset(&path!(3303, 0, 5700)).is_err());
    assert!(client.get(&path!(3303, 0, 5700)).is_some());
    assert_eq!(
        client.objects(),
        [(1, vec![0]), (3, vec![0]), (3303, vec![0])]
    );
}
