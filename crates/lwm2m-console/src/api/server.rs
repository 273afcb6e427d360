use std::{
    sync::atomic::Ordering,
    time::{Instant, SystemTime},
};

use axum::response::Response;
use serde_json::{Map, Value as Json, json};

use super::ok;
use crate::{call::Call, json::system_time, problem::Problem};

/// `GET /server`
pub(crate) async fn show(call: Call) -> Result<Response, Problem> {
    let app = &call.app;
    let info = app.backend.info();
    let counters = info
        .counters
        .iter()
        .map(|counter| (counter.name.to_owned(), Json::from(counter.value)));
    let help = info
        .counters
        .iter()
        .map(|counter| (counter.name.to_owned(), Json::from(counter.help)));
    let uptime = SystemTime::now()
        .duration_since(info.started_at)
        .unwrap_or_default();
    Ok(ok(&json!({
        "version": info.version,
        "endpoints": info.endpoints,
        "started_at": system_time(info.started_at),
        "uptime_s": uptime.as_secs(),
        "ready": info.ready,
        "models": app.backend.models().len(),
        "counters": counters.collect::<Map<_, _>>(),
        "help": help.collect::<Map<_, _>>(),
        "console": {
            "version": env!("CARGO_PKG_VERSION"),
            "sessions": app.sessions.count(Instant::now()),
            "streams": app.config.max_streams.saturating_sub(app.streams.available_permits()),
            "streams_lagged": app.statistics.streams_lagged.load(Ordering::Relaxed),
            "max_sessions": app.config.max_sessions,
            "max_streams": app.config.max_streams,
            "call_timeout_s": app.config.call_timeout.as_secs(),
        },
    })))
}
