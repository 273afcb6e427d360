//! A device that is nothing but bytes on a socket.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use coap_codec::{Code, Encoder, Message, OptionNumber, Type};
use lwm2m_model::Models;
use lwm2m_server::{Config, EventStream, Handle, Server, ServerEvent, StreamItem};
use lwm2m_store::MemoryStore;
use tokio::net::UdpSocket;

pub async fn server(shards: usize) -> (Server, Handle, SocketAddr) {
    let mut config = Config::default();
    config.coap = vec!["127.0.0.1:0".parse().unwrap()];
    config.shards = shards;
    let server = Server::start(config, MemoryStore::new(), Arc::new(Models::builtin()))
        .await
        .unwrap();
    let handle = server.handle();
    let address = handle.info().addresses[0];
    (server, handle, address)
}

/// A device by hand.
pub struct Device {
    pub socket: UdpSocket,
    message_id: u16,
}

impl Device {
    pub async fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(server).await.unwrap();
        Self {
            socket,
            message_id: 100,
        }
    }

    /// Sends a confirmable request and gives the answer's datagram.
    pub async fn ask(&mut self, code: Code, path: &str, query: &[&str], payload: &[u8]) -> Vec<u8> {
        self.message_id += 1;
        let mut memory = [0; 512];
        let mut encoder =
            Encoder::new(&mut memory, Type::Confirmable, code, self.message_id, b"tk").unwrap();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            encoder
                .option(OptionNumber::URI_PATH, segment.as_bytes())
                .unwrap();
        }
        if !payload.is_empty() {
            encoder
                .option_uint(OptionNumber::CONTENT_FORMAT, 40)
                .unwrap();
        }
        for item in query {
            encoder
                .option(OptionNumber::URI_QUERY, item.as_bytes())
                .unwrap();
        }
        if !payload.is_empty() {
            encoder.payload(payload).unwrap();
        }
        let len = encoder.finish().unwrap();
        self.socket.send(&memory[..len]).await.unwrap();
        self.receive().await
    }

    pub async fn receive(&self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let received = tokio::time::timeout(Duration::from_secs(10), self.socket.recv(&mut buffer));
        let len = received.await.expect("a datagram comes").unwrap();
        buffer[..len].to_vec()
    }

    pub async fn register(&mut self, endpoint: &str) -> String {
        let ep = format!("ep={endpoint}");
        let query = [ep.as_str(), "lt=300", "lwm2m=1.1", "b=U"];
        let links = b"</1/0>,</3/0>,</3303/0>";
        let answer = self.ask(Code::POST, "/rd", &query, links).await;
        let answer = Message::decode(&answer).unwrap();
        assert_eq!(answer.code(), Code::CREATED);
        let location: Vec<&str> = answer
            .options()
            .location_path()
            .map(Result::unwrap)
            .collect();
        assert_eq!(location[0], "rd");
        location.join("/")
    }

    /// Answers a request that stands in `datagram`, piggybacked.
    pub async fn answer(&self, datagram: &[u8], code: Code, observe: Option<u32>, text: &[u8]) {
        let request = Message::decode(datagram).unwrap();
        self.send(
            Type::Acknowledgement,
            code,
            request.message_id(),
            request.token(),
            observe,
            text,
        )
        .await;
    }

    pub async fn send(
        &self,
        ty: Type,
        code: Code,
        message_id: u16,
        token: &[u8],
        observe: Option<u32>,
        text: &[u8],
    ) {
        let mut memory = [0; 512];
        let mut encoder = Encoder::new(&mut memory, ty, code, message_id, token).unwrap();
        if let Some(observe) = observe {
            encoder.option_uint(OptionNumber::OBSERVE, observe).unwrap();
        }
        if !text.is_empty() {
            encoder
                .option_uint(OptionNumber::CONTENT_FORMAT, 0)
                .unwrap();
            encoder.payload(text).unwrap();
        }
        let len = encoder.finish().unwrap();
        self.socket.send(&memory[..len]).await.unwrap();
    }
}

pub async fn event(stream: &mut EventStream, name: &str) -> Arc<ServerEvent> {
    let found = async {
        loop {
            if let Some(StreamItem::Event(event)) = stream.next().await
                && event.kind.name() == name
            {
                return event;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found)
        .await
        .unwrap_or_else(|_| panic!("no event {name}"))
}
