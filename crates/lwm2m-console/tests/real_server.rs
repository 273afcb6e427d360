//! The router over a running server, and a device of few lines over a real socket.

use core::{future::poll_fn, pin::Pin, time::Duration};
use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, BodyDataStream, to_bytes},
    http::{Request, StatusCode},
};
use coap_codec::{Code, ContentFormat, Encoder, Message, OptionNumber, Type};
use futures_core::Stream as _;
use lwm2m_console::{ConsoleConfig, Token, router};
use lwm2m_model::Models;
use lwm2m_server::{Config, Server};
use lwm2m_store::MemoryStore;
use serde_json::{Value as Json, json};
use tokio::{net::UdpSocket, sync::mpsc};
use tower::ServiceExt as _;

const TOKEN: &str = "a-token-for-the-tests";

/// A scripted device. It answers each path in one way and tells what it was asked.
struct Device {
    socket: UdpSocket,
    asked: mpsc::UnboundedSender<String>,
    token: Vec<u8>,
}

impl Device {
    async fn send(
        &self,
        ty: Type,
        code: Code,
        id: u16,
        token: &[u8],
        options: &[(OptionNumber, &[u8])],
        payload: &[u8],
    ) {
        let mut out = [0; 512];
        let mut encoder = Encoder::new(&mut out, ty, code, id, token).unwrap();
        for (number, value) in options {
            encoder.option(*number, value).unwrap();
        }
        encoder.payload(payload).unwrap();
        let len = encoder.finish().unwrap();
        self.socket.send(&out[..len]).await.unwrap();
    }

    /// Sends a request of its own and returns the location in the answer.
    async fn ask(
        &self,
        code: Code,
        id: u16,
        options: &[(OptionNumber, &[u8])],
        payload: &[u8],
    ) -> Vec<String> {
        self.send(Type::Confirmable, code, id, b"reg", options, payload)
            .await;
        let mut buffer = [0; 512];
        let len = self.socket.recv(&mut buffer).await.unwrap();
        let answer = Message::decode(&buffer[..len]).unwrap();
        assert!(answer.code().is_success(), "{}", answer.code());
        answer
            .options()
            .location_path()
            .filter_map(Result::ok)
            .map(str::to_owned)
            .collect()
    }

    /// Answers until the server says nothing any more.
    async fn run(mut self, mut values: mpsc::UnboundedReceiver<&'static str>) {
        let mut buffer = [0; 512];
        let mut sequence = 10_u8;
        loop {
            let len = tokio::select! {
                value = values.recv() => {
                    let Some(value) = value else { return };
                    sequence += 1;
                    let options: [(OptionNumber, &[u8]); 2] = [(OptionNumber::OBSERVE, &[sequence]), (OptionNumber::CONTENT_FORMAT, &[])];
                    self.send(Type::NonConfirmable, Code::CONTENT, 900 + u16::from(sequence), &self.token, &options, value.as_bytes()).await;
                    continue;
                }
                len = self.socket.recv(&mut buffer) => match len {
                    // The server has closed its socket: it stopped.
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => return,
                    len => len.unwrap(),
                },
            };
            let Ok(request) = Message::decode(&buffer[..len]) else {
                continue;
            };
            if !request.code().is_request() {
                continue;
            }
            let path: String = request
                .options()
                .uri_path()
                .filter_map(Result::ok)
                .map(|id| format!("/{id}"))
                .collect();
            let body = String::from_utf8_lossy(request.payload());
            self.asked
                .send(format!("{} {path} {body}", request.code()))
                .unwrap();
            let tlv = 11542_u16.to_be_bytes();
            let format = |format: ContentFormat| -> Vec<u8> {
                if format == ContentFormat::TLV {
                    tlv.to_vec()
                } else {
                    Vec::new()
                }
            };
            let (code, content, payload): (Code, Option<ContentFormat>, &[u8]) =
                match (request.code(), path.as_str()) {
                    (Code::GET, "/3303/0/5700") => {
                        (Code::CONTENT, Some(ContentFormat::TEXT), b"21.5")
                    }
                    (Code::GET, "/3303/0") => (
                        Code::CONTENT,
                        Some(ContentFormat::TLV),
                        b"\xe4\x16\x44\x41\xac\x00\x00",
                    ),
                    (Code::GET, "/3/0/0") => {
                        (Code::CONTENT, Some(ContentFormat::TEXT), "Größe".as_bytes())
                    }
                    (Code::GET, "/3/0/1") => continue,
                    (Code::GET, "/3/0/2") => (Code::CREATED, None, b""),
                    (Code::GET, "/3/0/3") => (Code::CONTENT, Some(ContentFormat::TLV), b"\xff\xff"),
                    (Code::PUT | Code::POST, "/3/0/14" | "/3/0/4" | "/3303/0") => {
                        (Code::CHANGED, None, b"")
                    }
                    (Code::POST, "/3303") => (Code::CREATED, None, b""),
                    (Code::DELETE, "/3303/1") => (Code::DELETED, None, b""),
                    (Code::PUT, _) => (Code::BAD_REQUEST, None, b"not that"),
                    _ => (Code::NOT_FOUND, None, b""),
                };
            let mut options: Vec<(OptionNumber, Vec<u8>)> = Vec::new();
            if request.options().observe() == Some(0) {
                self.token = request.token().to_vec();
                options.push((OptionNumber::OBSERVE, vec![10]));
            }
            if code == Code::CREATED && path == "/3303" {
                options.extend(
                    ["3303", "7"].map(|id| (OptionNumber::LOCATION_PATH, id.as_bytes().to_vec())),
                );
            }
            options.extend(content.map(|content| (OptionNumber::CONTENT_FORMAT, format(content))));
            let options: Vec<_> = options
                .iter()
                .map(|(number, value)| (*number, value.as_slice()))
                .collect();
            let (id, token) = (request.message_id(), request.token().to_vec());
            self.send(Type::Acknowledgement, code, id, &token, &options, payload)
                .await;
        }
    }
}

struct Console(Router);

impl Console {
    async fn call(&self, method: &str, uri: &str, body: Option<Json>) -> (StatusCode, Json) {
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("authorization", format!("Bearer {TOKEN}"));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self
            .0
            .clone()
            .oneshot(request.body(body).unwrap())
            .await
            .unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Json::Null))
    }

    async fn problem(&self, method: &str, uri: &str, body: Option<Json>) -> (u16, String, Json) {
        let (status, json) = self.call(method, uri, body).await;
        (
            status.as_u16(),
            json["code"].as_str().unwrap_or_default().to_owned(),
            json["coap_code"].clone(),
        )
    }
}

/// Events as JSON lines.
struct Lines(BodyDataStream, String);

impl Lines {
    async fn open(console: &Console, uri: &str) -> Self {
        let request = Request::builder()
            .uri(uri)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("accept", "application/x-ndjson")
            .body(Body::empty())
            .unwrap();
        Self(
            console
                .0
                .clone()
                .oneshot(request)
                .await
                .unwrap()
                .into_body()
                .into_data_stream(),
            String::new(),
        )
    }

    /// The next event, whatever it is.
    async fn first(&mut self) -> Json {
        self.find(|_| true).await.unwrap()
    }

    /// The next event of this type.
    async fn next(&mut self, wanted: &str) -> Option<Json> {
        self.find(|event| event["type"] == wanted).await
    }

    async fn find(&mut self, wanted: impl Fn(&Json) -> bool) -> Option<Json> {
        loop {
            while let Some((line, rest)) = self.1.split_once('\n') {
                let (line, rest) = (line.to_owned(), rest.to_owned());
                self.1 = rest;
                let Ok(event) = serde_json::from_str::<Json>(&line) else {
                    continue;
                };
                if wanted(&event) {
                    return Some(event);
                }
            }
            let chunk = tokio::time::timeout(
                Duration::from_secs(10),
                poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx)),
            )
            .await
            .unwrap()?;
            self.1
                .push_str(core::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }
}

#[tokio::test]
async fn a_device_is_managed_over_http() {
    let mut config = Config::default();
    config.coap = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    let server = Server::start(config, MemoryStore::new(), Arc::new(Models::builtin()))
        .await
        .unwrap();
    let console = Console(router(
        server.handle(),
        ConsoleConfig::new(Token::new(TOKEN).unwrap()),
    ));
    let mut events = Lines::open(&console, "/api/v1/events").await;

    // It registers.
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket
        .connect(server.handle().info().addresses[0])
        .await
        .unwrap();
    let (asked, mut questions) = mpsc::unbounded_channel();
    let (values, to_send) = mpsc::unbounded_channel();
    let device = Device {
        socket,
        asked,
        token: Vec::new(),
    };
    let register: [(OptionNumber, &[u8]); 6] = [
        (OptionNumber::URI_PATH, b"rd"),
        (OptionNumber::CONTENT_FORMAT, &[40]),
        (OptionNumber::URI_QUERY, b"ep=sensor/1"),
        (OptionNumber::URI_QUERY, b"lt=300"),
        (OptionNumber::URI_QUERY, b"lwm2m=1.1"),
        (OptionNumber::URI_QUERY, b"b=U"),
    ];
    let location = device
        .ask(
            Code::POST,
            1,
            &register,
            b"</1/0>,</3/0>,</3303/0>;ver=1.1,</33000/0>",
        )
        .await;
    assert_eq!(location[0], "rd");
    let created = events.next("registration.created").await.unwrap();
    assert_eq!(
        (&created["ep"], &created["data"]["device"]["lifetime_s"]),
        (&json!("sensor/1"), &json!(300))
    );
    let mut replayed = Lines::open(&console, "/api/v1/events?since=0").await;
    assert_eq!(replayed.first().await["type"], "registration.created");
    let running = tokio::spawn(device.run(to_send));

    let (_, list) = console.call("GET", "/api/v1/devices?q=SENSOR", None).await;
    assert_eq!(list["items"][0]["id"], location[1].as_str());
    assert_eq!(list["items"][0]["security"], "nosec");
    assert_eq!(list["items"][0]["objects"][2]["name"], "Temperature");

    // Reads, writes, an execute, a create and a delete arrive and come back.
    let at = |path: &str| format!("/api/v1/devices/sensor%2F1/objects{path}");
    let (status, value) = console.call("GET", &at("/3303/0/5700"), None).await;
    assert_eq!(
        (
            status.as_u16(),
            &value["value"],
            &value["format"],
            &value["name"]
        ),
        (200, &json!(21.5), &json!("text"), &json!("Sensor Value"))
    );
    let (_, instance) = console.call("GET", &at("/3303/0"), None).await;
    assert_eq!(
        (&instance["resources"]["5700"]["value"], &instance["format"]),
        (&json!(21.5), &json!("tlv"))
    );
    assert_eq!(
        console.call("GET", &at("/3/0/0"), None).await.1["value"],
        "Größe"
    );
    while questions.try_recv().is_ok() {}
    let rows = [
        (
            "PUT",
            "/3/0/14?format=text",
            Some(json!({"value": "+02:00"})),
            204,
            "0.03 /3/0/14 +02:00",
        ),
        (
            "POST",
            "/3/0/4:execute",
            Some(json!({"args": "0='x'"})),
            204,
            "0.02 /3/0/4 0='x'",
        ),
        ("POST", "/3/0/4:execute", None, 204, "0.02 /3/0/4 "),
        ("DELETE", "/3303/1", None, 204, "0.04 /3303/1 "),
    ];
    for (method, path, body, status, question) in rows {
        let (got, json) = console.call(method, &at(path), body).await;
        assert_eq!(got, status, "{method} {path}: {json}");
        assert_eq!(questions.recv().await.unwrap(), question);
    }
    let (status, new) = console
        .call(
            "POST",
            &at("/3303"),
            Some(json!({"resources": {"5750": {"value": "roof"}}})),
        )
        .await;
    assert_eq!((status.as_u16(), &new["path"]), (201, &json!("/3303/7")));

    // What goes wrong, and how it is told.
    let rows = [
        ("GET", "/3/0/99", None, 502, "device_error", json!("4.04")),
        (
            "PUT",
            "/3/0/15?format=text",
            Some(json!({"value": "x"})),
            502,
            "device_error",
            json!("4.00"),
        ),
        (
            "GET",
            "/3/0/1?timeout=1s",
            None,
            504,
            "device_timeout",
            json!(null),
        ),
        ("GET", "/3/0/2", None, 502, "unexpected_code", json!("2.01")),
        (
            "GET",
            "/3/0/3",
            None,
            502,
            "undecodable_answer",
            json!(null),
        ),
        (
            "DELETE",
            "/3/0/0",
            None,
            422,
            "illegal_request",
            json!(null),
        ),
        (
            "POST",
            "/3/0:execute",
            None,
            422,
            "illegal_request",
            json!(null),
        ),
        (
            "POST",
            "/3/0/4:execute",
            Some(json!({"args": "x"})),
            422,
            "invalid_value",
            json!(null),
        ),
        (
            "PUT",
            "/3/0/13",
            Some(json!({"value": "soon"})),
            422,
            "invalid_value",
            json!(null),
        ),
    ];
    for (method, path, body, status, code, coap_code) in rows {
        assert_eq!(
            console.problem(method, &at(path), body).await,
            (status, code.to_owned(), coap_code),
            "{method} {path}"
        );
    }

    // An observation: the first value, a notification, the end.
    let observations = "/api/v1/devices/sensor%2F1/observations";
    let (status, first) = console
        .call("POST", observations, Some(json!({"path": "/3303/0/5700"})))
        .await;
    assert_eq!(
        (status.as_u16(), &first["state"], &first["last"]["value"]),
        (201, &json!("active"), &json!(21.5))
    );
    assert_eq!(
        events.next("observation.started").await.unwrap()["data"]["value"],
        21.5
    );
    values.send("22.25").unwrap();
    let notified = events.next("observation.notified").await.unwrap();
    assert_eq!(
        (
            &notified["ep"],
            &notified["data"]["path"],
            &notified["data"]["value"]
        ),
        (&json!("sensor/1"), &json!("/3303/0/5700"), &json!(22.25))
    );
    values.send("warm").unwrap();
    let broken = events.next("observation.notified").await.unwrap();
    assert!(broken["data"]["problem"].is_string(), "{broken}");
    let (_, listed) = console.call("GET", observations, None).await;
    assert_eq!(listed["items"][0]["last"]["value"], 22.25);
    assert_eq!(
        console
            .call("DELETE", &format!("{observations}?path=/3303/0/5700"), None)
            .await
            .0,
        204
    );
    assert_eq!(
        console
            .call("DELETE", &format!("{observations}?path=/3303/0/5700"), None)
            .await
            .0,
        404
    );

    // Counters, and the end of all.
    let (_, info) = console.call("GET", "/api/v1/server", None).await;
    assert_eq!(info["counters"]["registrations"], 1);
    assert!(info["counters"]["coap_received"].as_u64().unwrap() > 10);
    assert_eq!(console.call("GET", "/readyz", None).await.0, 200);
    server.shutdown().await;
    assert!(events.next("server.stopping").await.is_some());
    assert_eq!(events.next("anything").await, None);
    assert_eq!(console.call("GET", "/readyz", None).await.0, 503);
    assert_eq!(console.problem("GET", &at("/3/0/0"), None).await.0, 503);
    drop(values);
    running.await.unwrap();
}
