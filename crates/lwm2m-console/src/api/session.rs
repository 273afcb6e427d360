use std::time::{Duration, Instant};

use axum::{http::header, response::Response};
use serde_json::{Value as Json, json};

use super::{no_content, ok};
use crate::{
    auth::{Access, check_token, cookie},
    call::Call,
    problem::{Code, Problem},
};

/// `POST /session`
pub(crate) async fn login(mut call: Call) -> Result<Response, Problem> {
    let body = call.json().await?;
    let token = body
        .as_object()
        .filter(|members| members.len() == 1)
        .and_then(|members| members.get("token")?.as_str());
    let Some(token) = token else {
        return Err(Problem::new(
            Code::InvalidValue,
            "an object with the text member \"token\" expected",
        )
        .field("token")
        .hint("such as {\"token\": \"…\"}"));
    };
    let now = Instant::now();
    check_token(&call.app, token.trim(), call.address, now)?;
    let id = call
        .app
        .sessions
        .begin(now)
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let lifetime = call.app.sessions.remaining(&id, now).unwrap_or_default();
    let mut response = ok(&session("session", Some(lifetime)));
    response.headers_mut().insert(
        header::SET_COOKIE,
        cookie(&call.app, &call.headers, &id, lifetime),
    );
    Ok(response)
}

/// `GET /session`
pub(crate) async fn show(call: Call) -> Result<Response, Problem> {
    Ok(ok(&match &call.access {
        Access::Session { left, .. } => session("session", Some(*left)),
        Access::Bearer | Access::Open => session("bearer", None),
    }))
}

/// `DELETE /session`
pub(crate) async fn logout(call: Call) -> Result<Response, Problem> {
    let mut response = no_content();
    if let Access::Session { id, .. } = &call.access {
        call.app.sessions.end(id);
        response.headers_mut().insert(
            header::SET_COOKIE,
            cookie(&call.app, &call.headers, "", Duration::ZERO),
        );
    }
    Ok(response)
}

fn session(by: &str, left: Option<Duration>) -> Json {
    json!({ "by": by, "expires_in_s": left.map(|left| left.as_secs()) })
}
