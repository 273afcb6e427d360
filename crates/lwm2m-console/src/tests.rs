//! The router as its callers see it, over a fake server.

mod auth;
mod credentials;
mod events;
mod hostile;
mod page;
mod routes;
mod sockets;

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use serde_json::Value as Json;
use tower::ServiceExt as _;

use crate::{ConsoleConfig, Token, app::build, fake::Fake};

const TOKEN: &str = "a-token-for-the-tests";

/// A console over a fake server.
struct Console {
    router: Router,
    fake: Arc<Fake>,
}

/// An answer, read to its end.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    #[track_caller]
    fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status and code of a problem.
    #[track_caller]
    fn problem(&self) -> (u16, String) {
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{self:?}"
        );
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        assert!(
            json["type"]
                .as_str()
                .unwrap()
                .ends_with(&format!("#{}", json["code"].as_str().unwrap()))
        );
        (
            self.status.as_u16(),
            json["code"].as_str().unwrap().to_owned(),
        )
    }
}

impl Console {
    fn new() -> Self {
        Self::with(Fake::with_thermometer(), |_| ())
    }

    fn with(fake: Fake, configure: impl FnOnce(&mut ConsoleConfig)) -> Self {
        let mut config = ConsoleConfig::new(Token::new(TOKEN).unwrap());
        configure(&mut config);
        let fake = Arc::new(fake);
        Self {
            router: build(Arc::clone(&fake) as _, config),
            fake,
        }
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn call(&self, method: &str, uri: &str, body: Option<&str>) -> Reply {
        self.send(request(method, uri, body)).await
    }

    async fn get(&self, uri: &str) -> Reply {
        self.call("GET", uri, None).await
    }
}

/// A request with the token.
fn request(method: &str, uri: &str, body: Option<&str>) -> Request<Body> {
    let mut builder = Request::builder()
        .method(method)
        .uri(uri)
        .header("authorization", format!("Bearer {TOKEN}"));
    if body.is_some() {
        builder = builder.header("content-type", "application/json; charset=utf-8");
    }
    builder
        .body(body.map_or_else(Body::empty, |body| Body::from(body.to_owned())))
        .unwrap()
}
