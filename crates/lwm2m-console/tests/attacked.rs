//! The console over a running server while many, idle or slow ones are there.

use core::time::Duration;
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use coap_codec::{Code, Encoder, Message, OptionNumber, Type};
use lwm2m_console::{ConsoleConfig, ServeLimits, Token, router, serve};
use lwm2m_model::Models;
use lwm2m_server::{Config, Server};
use lwm2m_store::MemoryStore;
use serde_json::Value as Json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
};
use tower::ServiceExt as _;

const TOKEN: &str = "a-token-for-the-tests";

/// Whether the whole counts are asked for, by the environment variable `LWM2M_LONG`.
fn long() -> bool {
    std::env::var_os("LWM2M_LONG").is_some()
}

async fn server() -> (Server, Router, SocketAddr) {
    let mut config = Config::default();
    config.coap = vec!["127.0.0.1:0".parse().unwrap()];
    let server = Server::start(config, MemoryStore::new(), Arc::new(Models::builtin()))
        .await
        .unwrap();
    let (handle, token) = (server.handle(), Token::new(TOKEN).unwrap());
    let coap = handle.info().addresses[0];
    let router = router(handle, ConsoleConfig::new(token));
    (server, router, coap)
}

async fn get(router: &Router, uri: &str) -> (StatusCode, Json) {
    let request = Request::get(uri)
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Body::empty())
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 64 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// Devices that share one address.
struct Devices {
    socket: UdpSocket,
    message_id: u16,
}

impl Devices {
    async fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(server).await.unwrap();
        Self {
            socket,
            message_id: 0,
        }
    }

    /// Sends a request and gives the code and the location of the answer.
    async fn ask(
        &mut self,
        code: Code,
        path: &str,
        query: &[&str],
        links: &[u8],
    ) -> (Code, String) {
        self.message_id += 1;
        let mut bytes = [0; 512];
        let mid = self.message_id;
        let mut out = Encoder::new(&mut bytes, Type::Confirmable, code, mid, b"t").unwrap();
        for segment in path.split('/') {
            out.option(OptionNumber::URI_PATH, segment.as_bytes())
                .unwrap();
        }
        if !links.is_empty() {
            out.option_uint(OptionNumber::CONTENT_FORMAT, 40).unwrap();
        }
        for item in query {
            out.option(OptionNumber::URI_QUERY, item.as_bytes())
                .unwrap();
        }
        if !links.is_empty() {
            out.payload(links).unwrap();
        }
        let len = out.finish().unwrap();
        let mut buffer = [0; 512];
        loop {
            self.socket.send(&bytes[..len]).await.unwrap();
            let received = self.socket.recv(&mut buffer);
            // As a device does: what is not answered is sent again.
            let Ok(received) = tokio::time::timeout(Duration::from_secs(10), received).await else {
                continue;
            };
            let answer = Message::decode(&buffer[..received.unwrap()]).unwrap();
            if answer.message_id() == mid {
                let location = answer.options().location_path().map(Result::unwrap);
                return (answer.code(), location.collect::<Vec<_>>().join("/"));
            }
        }
    }

    async fn register(&mut self, endpoint: &str) -> String {
        let ep = format!("ep={endpoint}");
        let query = [&ep, "lt=300", "lwm2m=1.1", "b=U"];
        let (code, location) = self.ask(Code::POST, "rd", &query, b"</3/0>").await;
        assert_eq!(code, Code::CREATED, "{endpoint}");
        location
    }
}

/// M13: half requests are closed in time and limited in number; CoAP does not notice, and neither does HTTP once they
/// are gone.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_m13_half_requests_leave_the_coap_port_alone() {
    let (count, places) = if long() { (10_000, 1024) } else { (200, 64) };
    let (server, router, coap) = server().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let http = listener.local_addr().unwrap();
    let mut limits = ServeLimits::default();
    limits.max_connections = places;
    limits.header_timeout = Duration::from_secs(1);
    tokio::spawn(serve(listener, router, limits, core::future::pending()));
    let halves: Vec<_> = (0..count)
        .map(|n| {
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(http).await?;
                if n % 2 == 0 {
                    stream.write_all(b"GET /healthz HTTP/1.1\r\nX-").await?;
                }
                // Until the server closes the connection.
                stream.read_to_end(&mut Vec::new()).await
            })
        })
        .collect();
    tokio::task::yield_now().await;
    let mut devices = Devices::new(coap).await;
    for n in 0..100 {
        devices.register(&format!("dev-{n}")).await;
    }
    // Each was answered at its first transmission: nothing came twice.
    assert_eq!(server.handle().info().coap.duplicates, 0);
    assert_eq!(server.handle().info().registrations, 100);

    // All places are free again in the end: as many requests as there are places, at the same time.
    let requests: Vec<_> = (0..places)
        .map(|_| {
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(http).await?;
                let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
                stream.write_all(request).await?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await?;
                Ok::<_, std::io::Error>(answer)
            })
        })
        .collect();
    for request in requests {
        let answer = tokio::time::timeout(Duration::from_secs(120), request).await;
        let answer = answer.expect("it is their turn once the others are closed");
        let answer = answer.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // Some of many never got so far: the system's queue was full, and may not even have told them.
    let closed = halves.iter().filter(|half| half.is_finished()).count();
    assert!(closed >= places, "{closed} of {count} were closed");
    for half in halves {
        half.abort();
    }
}

/// A thousand devices are listed page by page, each once, in order, whoever comes and goes meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_devices_are_listed_page_by_page() {
    let (_server, router, coap) = server().await;
    let mut devices = Devices::new(coap).await;
    let mut locations = Vec::new();
    // In no order.
    for n in 0..1000 {
        let endpoint = format!("meter-{:04}", n * 613 % 1000);
        locations.push(devices.register(&endpoint).await);
    }
    for limit in [50, 500, 7] {
        let mut listed = Vec::new();
        let mut after = String::new();
        loop {
            let uri = format!("/api/v1/devices?limit={limit}&q=METER{after}");
            let (status, page) = get(&router, &uri).await;
            assert_eq!(status, 200);
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit);
            listed.extend(
                items
                    .iter()
                    .map(|item| item["ep"].as_str().unwrap().to_owned()),
            );
            let Some(next) = page["next"].as_str() else {
                break;
            };
            assert_eq!(items.len(), limit);
            after = format!("&after={next}");
        }
        let expected: Vec<String> = (0..1000).map(|n| format!("meter-{n:04}")).collect();
        assert_eq!(listed, expected, "{limit} a page");
    }
    // While somebody turns the pages, every third device leaves and others come.
    let mut listed = Vec::new();
    let mut after = String::new();
    let mut left = BTreeSet::new();
    for round in 0.. {
        let (_, page) = get(&router, &format!("/api/v1/devices?limit=100{after}")).await;
        let items = page["items"].as_array().unwrap();
        listed.extend(
            items
                .iter()
                .map(|item| item["ep"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
        for n in (round * 30..1000).step_by(3).take(30) {
            let gone = n * 613 % 1000;
            if left.insert(gone) {
                let (code, _) = devices.ask(Code::DELETE, &locations[n], &[], b"").await;
                assert_eq!(code, Code::DELETED);
            }
        }
        devices.register(&format!("a-new-one-{round}")).await;
        devices
            .register(&format!("meter-{:04}-b", round * 90))
            .await;
    }
    assert!(listed.is_sorted_by(|a, b| a < b), "each once, in order");
    for n in (0..1000).filter(|n| !left.contains(n)) {
        assert!(listed.contains(&format!("meter-{n:04}")), "{n}");
    }
}

/// A device that does not answer costs its callers their time-out, and others nothing: so many calls go to one device,
/// and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_device_does_not_take_the_api_from_others() {
    let (_server, router, coap) = server().await;
    let mut slow = Devices::new(coap).await;
    slow.register("slow").await;
    let mut quick = Devices::new(coap).await;
    quick.register("quick").await;
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok(len) = quick.socket.recv(&mut buffer).await {
            let request = Message::decode(&buffer[..len]).unwrap();
            let mut bytes = [0; 64];
            let (mid, token) = (request.message_id(), request.token());
            let ack = Type::Acknowledgement;
            let mut out = Encoder::new(&mut bytes, ack, Code::CONTENT, mid, token).unwrap();
            out.option_uint(OptionNumber::CONTENT_FORMAT, 0).unwrap();
            out.payload(b"Acme").unwrap();
            let len = out.finish().unwrap();
            quick.socket.send(&bytes[..len]).await.unwrap();
        }
    });
    let answers = Arc::new(Mutex::new(Vec::new()));
    let calls: Vec<_> = (0..300)
        .map(|_| {
            let (router, answers) = (router.clone(), Arc::clone(&answers));
            tokio::spawn(async move {
                let uri = "/api/v1/devices/slow/objects/3/0/0?timeout=3s";
                let (status, problem) = get(&router, uri).await;
                let code = problem["code"].as_str().unwrap_or_default().to_owned();
                answers.lock().unwrap().push((status.as_u16(), code));
            })
        })
        .collect();
    // The calls beyond the limit are refused at once; then the others are under way.
    while answers.lock().unwrap().len() < 300 - 32 {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        let (status, answer) = get(&router, "/api/v1/devices/quick/objects/3/0/0").await;
        assert_eq!((status.as_u16(), &answer["value"]), (200, &"Acme".into()));
    }
    for call in calls {
        call.await.unwrap();
    }
    let answers = answers.lock().unwrap().clone();
    let count = |status: u16, code: &str| {
        let fits = |answer: &&(u16, String)| **answer == (status, code.to_owned());
        answers.iter().filter(fits).count()
    };
    assert_eq!(count(503, "overloaded"), 300 - 32);
    assert_eq!(count(504, "device_timeout"), 32);
    // And then it has its turn again.
    let (status, _) = get(&router, "/api/v1/devices/slow/objects/3/0/0?timeout=1s").await;
    assert_eq!(status, 504);
}
