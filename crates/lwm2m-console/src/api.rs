//! What each route does.

pub(crate) mod credentials;
pub(crate) mod devices;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod objects;
pub(crate) mod observations;
pub(crate) mod server;
pub(crate) mod session;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value as Json, json};

fn json(status: StatusCode, json: &Json) -> Response {
    let mut response = text("application/json", json.to_string());
    *response.status_mut() = status;
    response
}

fn ok(json: &Json) -> Response {
    self::json(StatusCode::OK, json)
}

fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn list(items: Vec<Json>, next: Option<String>) -> Response {
    ok(&json!({ "items": items, "next": next }))
}

fn text(media_type: &'static str, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
