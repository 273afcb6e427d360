use axum::body::{Body, BodyDataStream};
use core::{future::poll_fn, pin::Pin, time::Duration};
use futures_core::Stream as _;
use lwm2m_model::Value;
use serde_json::{Value as Json, json};
use tower::ServiceExt as _;

use super::{Console, request};
use crate::{backend::Data, fake::Fake};

/// An open event stream, read frame by frame.
pub(super) struct Reader {
    body: BodyDataStream,
    text: String,
}

impl Reader {
    pub(super) async fn open(
        console: &Console,
        uri: &str,
        headers: &[(&'static str, &str)],
    ) -> Self {
        let mut request = request("GET", uri, None);
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let response = console.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        assert_eq!(
            response.headers()["cache-control"],
            "no-store, no-transform"
        );
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    async fn events(console: &Console, uri: &str) -> Self {
        let mut reader = Self::open(console, uri, &[]).await;
        assert_eq!(reader.frame("\n\n").await.as_deref(), Some("retry: 3000"));
        reader
    }

    /// What comes next, up to `end`; `None` at the end of the stream.
    pub(super) async fn frame(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some((frame, rest)) = self.text.split_once(end) {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(frame);
            }
            let chunk = poll_fn(|cx| Pin::new(&mut self.body).poll_next(cx))
                .await?
                .unwrap();
            self.text.push_str(core::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event: id, name and data, checked against each other.
    async fn event(&mut self) -> Option<(u64, String, Json)> {
        let frame = self.frame("\n\n").await?;
        let lines: Vec<_> = frame.lines().collect();
        let [id, name, data] = lines[..] else {
            panic!("{frame}")
        };
        let (id, name) = (
            id.strip_prefix("id: ").unwrap().parse().unwrap(),
            name.strip_prefix("event: ").unwrap(),
        );
        let data: Json = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!((&data["id"], &data["type"]), (&json!(id), &json!(name)));
        let members: Vec<_> = data.as_object().unwrap().keys().collect();
        assert_eq!(members, ["cid", "data", "ep", "id", "time", "type"]);
        Some((id, name.to_owned(), data))
    }
}

#[tokio::test]
async fn events_come_as_they_happen() {
    let console = Console::with(Fake::new(), |_| ());
    let mut reader = Reader::events(&console, "/api/v1/events").await;
    console.fake.register("thermometer");
    let (_, name, event) = reader.event().await.unwrap();
    assert_eq!(
        (name.as_str(), &event["ep"], &event["time"]),
        (
            "registration.created",
            &json!("thermometer"),
            &json!("2026-11-22T09:30:00Z")
        )
    );
    assert_eq!(event["data"]["device"]["address"], "127.0.0.1:40001");
    console
        .call(
            "POST",
            "/api/v1/devices/thermometer/observations",
            Some(r#"{"path": "/3303/0/5700"}"#),
        )
        .await;
    console
        .fake
        .set("thermometer", "/3303/0/5700", Value::Float(22.0));
    let (_, name, event) = reader.event().await.unwrap();
    assert_eq!(name, "observation.notified");
    assert_eq!(
        event["data"],
        json!({"path": "/3303/0/5700", "name": "Sensor Value", "type": "float", "unit": null, "value": 22.0, "taken_at": null})
    );
    console.fake.leave("thermometer");
    assert_eq!(
        reader.event().await.unwrap().2["data"],
        json!({"reason": "deregistered"})
    );
    console.fake.stop();
    assert_eq!(reader.event().await, None);
}

#[tokio::test]
async fn a_reader_that_comes_back_gets_what_it_missed() {
    let console = Console::with(Fake::new(), |_| ());
    for ep in ["a", "b", "c"] {
        console.fake.register(ep);
    }
    let mut by_header = Reader::open(
        &console,
        "/api/v1/events?since=0",
        &[("last-event-id", "1")],
    )
    .await;
    by_header.frame("\n\n").await;
    let mut by_query = Reader::events(&console, "/api/v1/events?since=1").await;
    for reader in [&mut by_header, &mut by_query] {
        assert_eq!(reader.event().await.unwrap().0, 2);
        assert_eq!(reader.event().await.unwrap().0, 3);
    }
    let mut live = Reader::events(&console, "/api/v1/events").await;
    console.fake.register("d");
    assert_eq!(live.event().await.unwrap().0, 4);
}

#[tokio::test]
async fn a_gap_is_told_with_its_range() {
    let console = Console::with(Fake::new(), |_| ());
    for n in 0..12 {
        console.fake.register(&n.to_string());
    }
    let mut reader = Reader::events(&console, "/api/v1/events?since=1&type=observation").await;
    let (id, name, event) = reader.event().await.unwrap();
    assert_eq!(
        (id, name.as_str(), &event["data"]),
        (4, "stream.lagged", &json!({"from": 2, "to": 4}))
    );
    assert!(
        console
            .get("/metrics")
            .await
            .body
            .contains("lwm2m_console_streams_lagged_total 1\n")
    );
}

#[tokio::test]
async fn filters_leave_the_rest_out() {
    let console = Console::with(Fake::new(), |_| ());
    let mut by_ep = Reader::events(&console, "/api/v1/events?ep=b&ep=c%2F1").await;
    let mut by_type = Reader::events(&console, "/api/v1/events?type=registration.removed").await;
    let mut by_group =
        Reader::events(&console, "/api/v1/events?type=observation,registration.*").await;
    for ep in ["a", "b", "c/1"] {
        console.fake.register(ep);
    }
    console
        .fake
        .emit(None, "registrations", Data::Other(json!({})));
    console.fake.leave("a");
    assert_eq!(by_ep.event().await.unwrap().2["ep"], "b");
    assert_eq!(by_ep.event().await.unwrap().2["ep"], "c/1");
    assert_eq!(by_type.event().await.unwrap().1, "registration.removed");
    let ids = [
        by_group.event().await.unwrap().0,
        by_group.event().await.unwrap().0,
        by_group.event().await.unwrap().0,
        by_group.event().await.unwrap().0,
    ];
    assert_eq!(ids, [1, 2, 3, 5]);
}

#[tokio::test]
async fn json_lines_for_who_asks() {
    let console = Console::with(Fake::with_thermometer(), |_| ());
    let mut reader = Reader::open(
        &console,
        "/api/v1/events?since=0",
        &[("accept", "application/x-ndjson")],
    )
    .await;
    let event: Json = serde_json::from_str(&reader.frame("\n").await.unwrap()).unwrap();
    assert_eq!(event["type"], "registration.created");
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_is_kept_alive() {
    let console = Console::with(Fake::new(), |_| ());
    let mut reader = Reader::events(&console, "/api/v1/events").await;
    let start = tokio::time::Instant::now();
    assert_eq!(reader.frame("\n\n").await.as_deref(), Some(": keep-alive"));
    assert_eq!(start.elapsed(), Duration::from_secs(15));
}

#[tokio::test]
async fn streams_are_limited_and_freed() {
    let console = Console::with(Fake::new(), |config| config.max_streams = 1);
    let reader = Reader::events(&console, "/api/v1/events").await;
    assert_eq!(
        console.get("/api/v1/events").await.problem(),
        (503, "too_many_streams".into())
    );
    drop(reader);
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    Reader::events(&console, "/api/v1/events").await;
}

#[tokio::test(start_paused = true)]
async fn a_logout_ends_its_streams() {
    let console = Console::with(Fake::new(), |_| ());
    let login = console
        .call(
            "POST",
            "/api/v1/session",
            Some(&json!({"token": super::TOKEN}).to_string()),
        )
        .await;
    let cookie = login.headers["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let by_cookie = |method: &str, uri: &str| {
        let builder = axum::http::Request::builder()
            .method(method)
            .uri(uri)
            .header("cookie", cookie.as_str());
        builder
            .header("x-lwm2m-console", "1")
            .body(Body::empty())
            .unwrap()
    };
    let response = console
        .router
        .clone()
        .oneshot(by_cookie("GET", "/api/v1/events"))
        .await
        .unwrap();
    let mut reader = Reader {
        body: response.into_body().into_data_stream(),
        text: String::new(),
    };
    reader.frame("\n\n").await;
    console.send(by_cookie("DELETE", "/api/v1/session")).await;
    console.fake.register("secret");
    assert_eq!(reader.event().await, None);
}
