use axum::{http::StatusCode, response::Response};

use super::text;
use crate::{call::Call, problem::Problem};

/// `GET /healthz`
pub(crate) async fn alive(_: Call) -> Result<Response, Problem> {
    Ok(text("text/plain; charset=utf-8", "ok\n"))
}

/// `GET /readyz`
pub(crate) async fn ready(call: Call) -> Result<Response, Problem> {
    if call.app.backend.info().ready {
        return Ok(text("text/plain; charset=utf-8", "ready\n"));
    }
    let mut response = text("text/plain; charset=utf-8", "stopping\n");
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    Ok(response)
}
