//! Rows of the list of known failures (group M and L18), by their numbers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::body::{Body, Bytes};
use core::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Console, events::Reader, request};
use crate::{fake::Fake, problem::Code};

/// A body that never ends, and counts what was taken of it.
struct Endless(Arc<AtomicUsize>);

impl futures_core::Stream for Endless {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.fetch_add(CHUNK.len(), Ordering::Relaxed);
        Poll::Ready(Some(Ok(Bytes::from_static(&CHUNK))))
    }
}

static CHUNK: [u8; 64 * 1024] = [b' '; 64 * 1024];

/// RUSTSEC-2022-0055: a chunked body of any length is 413 after the limit, and no more of it is read.
#[tokio::test]
async fn m01_an_endless_body_is_413() {
    let console = Console::new();
    for (method, uri) in [
        ("PUT", "/api/v1/devices/thermometer/objects/3303/0/5700"),
        ("POST", "/api/v1/session"),
    ] {
        let taken = Arc::new(AtomicUsize::new(0));
        let mut endless = request(method, uri, Some(""));
        *endless.body_mut() = Body::from_stream(Endless(Arc::clone(&taken)));
        assert_eq!(
            console.send(endless).await.problem(),
            (413, "body_too_large".into())
        );
        assert!(taken.load(Ordering::Relaxed) <= 1024 * 1024 + CHUNK.len());
        let mut announced = request(method, uri, Some("{}"));
        announced
            .headers_mut()
            .insert("content-length", "10000000000".parse().unwrap());
        assert_eq!(
            console.send(announced).await.problem(),
            (413, "body_too_large".into())
        );
    }
    let deep = format!("{{\"value\": {}", "[".repeat(500_000));
    let reply = console
        .call(
            "PUT",
            "/api/v1/devices/thermometer/objects/3303/0/5700",
            Some(&deep),
        )
        .await;
    assert_eq!(reply.problem(), (400, "invalid_json".into()));
}

/// RUSTSEC-2022-0043, RUSTSEC-2022-0082: no file system is behind the page.
#[tokio::test]
async fn m04_no_path_leads_out_of_the_page() {
    let console = Console::new();
    for path in [
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/%2e%2e/Cargo.toml",
        "/js/..%2f..%2fCargo.toml",
        "/js/%2e%2e%5capp.js",
        "/C:/windows/win.ini",
        "/js/C:%5cboot.ini",
        "/app.js%00.png",
        "/%00",
        "//etc/passwd",
        "/etc/passwd",
        "/js/",
        "/js",
        "/.git/config",
        "/app.js/",
        "/APP.JS",
    ] {
        let reply = console.get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.body, "", "{path}");
    }
}

/// Names that devices may choose for themselves: up to 252 bytes of any UTF-8.
fn nasty_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "<img src=x onerror=alert(1)>",
        "\"><script>alert(1)</script>",
        "a\nb",
        "a\r\nevent: forged\ndata: {}\n\n",
        "\u{1b}[31mred",
        "tab\there",
        "=cmd|' /C calc'!A0",
        "a/b",
        "a%2fb",
        "a b+c",
        "a:execute",
        "urn:imei:356938035643809",
        "?q=1#x",
        "\u{202e}drowssap",
        "\u{2028}",
        "\u{0}",
        "'; DROP TABLE devices; --",
        "{{7*7}}",
        "日本語",
        "..%2f..",
        "a\\b",
        "~",
        "*",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("x".repeat(252));
    names
}

/// L18, FreeTAK UI #28 (M07): names are kept raw and reach each sink escaped for that sink.
#[tokio::test]
async fn l18_m07_nasty_names_are_kept_and_escaped_everywhere() {
    for name in nasty_names() {
        let console = Console::with(Fake::new(), |_| ());
        console.fake.register(&name);
        let encoded = utf8_percent_encode(&name, NON_ALPHANUMERIC).to_string();
        let device = console.get(&format!("/api/v1/devices/{encoded}")).await;
        assert_eq!(device.status, 200, "{name:?}");
        assert_eq!(device.json()["ep"], name.as_str());
        assert_eq!(device.headers["content-type"], "application/json");
        assert_eq!(device.headers["x-content-type-options"], "nosniff");
        let value = console
            .get(&format!("/api/v1/devices/{encoded}/objects/3/0/0"))
            .await;
        assert_eq!(value.json()["value"], "Acme", "{name:?}");
        assert_eq!(
            console
                .call(
                    "POST",
                    &format!("/api/v1/devices/{encoded}/objects/3/0/4:execute"),
                    None
                )
                .await
                .status,
            204,
            "{name:?}"
        );
        assert_eq!(
            console.get("/api/v1/devices").await.json()["items"][0]["ep"],
            name.as_str()
        );
        assert!(
            !console.get("/metrics").await.body.contains(&name) || name.len() < 3,
            "{name:?}"
        );
        assert!(
            !console.get("/").await.body.contains(&name) || name.len() < 3,
            "{name:?}"
        );
    }
    let console = Console::new();
    let huge = console
        .get(&format!("/api/v1/devices/{}", "x".repeat(60_000)))
        .await;
    assert_eq!(huge.problem(), (404, Code::UnknownEndpoint.as_str().into()));
    for uri in ["/api/v1/devices/%ff%fe", "/api/v1/devices/%c3%28/objects/3"] {
        assert_eq!(
            console.get(uri).await.problem(),
            (400, "invalid_parameter".into())
        );
    }
}

/// M07: the page has no way to turn text into markup.
#[test]
fn m07_the_page_sets_text_only() {
    let scripts = crate::assets::ALL
        .iter()
        .filter(|asset| asset.path.ends_with(".js"));
    for asset in scripts {
        for sink in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "srcdoc",
            "DOMParser",
            "createContextualFragment",
            "javascript:",
        ] {
            assert!(
                !asset.content().contains(sink),
                "{} uses {sink}",
                asset.path
            );
        }
    }
}

/// M12: one event is one line, whatever a device calls itself.
#[tokio::test]
async fn m12_line_breaks_and_escapes_do_not_leave_their_line() {
    for name in nasty_names() {
        let console = Console::with(Fake::new(), |_| ());
        console.fake.register(&name);
        console.fake.leave(&name);
        for (accept, count) in [("text/event-stream", 2), ("application/x-ndjson", 1)] {
            let mut reader =
                Reader::open(&console, "/api/v1/events?since=0", &[("accept", accept)]).await;
            let mut text = reader.frame("registration.removed").await.unwrap();
            text.push_str(&reader.frame("\n").await.unwrap());
            for line in text.lines().filter(|line| !line.is_empty()) {
                let fine = ["id: ", "event: ", "data: {", "retry: 3000", "{"]
                    .iter()
                    .any(|start| line.starts_with(start));
                assert!(
                    fine && !line.contains(|c: char| c.is_ascii_control()),
                    "{line:?}"
                );
            }
            assert_eq!(
                text.matches("registration.created").count(),
                count,
                "{text:?}"
            );
        }
    }
}
