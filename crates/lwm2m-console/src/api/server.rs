use std::{
    sync::atomic::Ordering,
    time::{Instant, SystemTime},
};

use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lwm2m_identity::material::{Certificate, PublicKey};
use serde_json::{Map, Value as Json, json};

use super::ok;
use crate::{
    backend::SecurityInfo,
    call::Call,
    json::{seconds, system_time},
    problem::Problem,
};

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
        "security": security(&info.security),
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

/// What is told to whoever sets up devices: nothing of it is secret.
fn security(info: &SecurityInfo) -> Json {
    let modes = info.modes.iter().map(
        |mode| json!({ "mode": mode.mode, "offered": mode.off.is_none(), "reason": mode.off }),
    );
    json!({
        "modes": modes.collect::<Vec<_>>(),
        "nosec": info.nosec,
        "connection_id": info.connection_id,
        "public_key": info.public_key.as_ref().map(public_key),
        "certificates": info.certificates.iter().map(certificate).collect::<Vec<_>>(),
        "trusted": info.trusted,
    })
}

fn public_key(key: &PublicKey) -> Json {
    let (x, y) = key.to_xy_hex().unzip();
    json!({
        "curve": key.algorithm(),
        "fingerprint": key.fingerprint(),
        "hex": key.to_hex(),
        "base64": key.to_base64(),
        "pem": key.to_pem(),
        "x": x,
        "y": y,
    })
}

fn certificate(certificate: &Certificate) -> Json {
    let time = |time: u64| i64::try_from(time).ok().and_then(seconds);
    json!({
        "common_name": certificate.common_name(),
        "names": certificate.names(),
        "issuer": certificate.issuer(),
        "not_before": time(certificate.not_before()),
        "not_after": time(certificate.not_after()),
        "fingerprint": certificate.fingerprint(),
        "pem": pem(certificate.der()),
    })
}

/// A certificate as a PEM file (RFC 7468 §5).
fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = String::from("-----BEGIN CERTIFICATE-----");
    for (n, character) in text.chars().enumerate() {
        if n.is_multiple_of(64) {
            out.push('\n');
        }
        out.push(character);
    }
    out.push_str("\n-----END CERTIFICATE-----\n");
    out
}
