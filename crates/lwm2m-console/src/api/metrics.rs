use core::fmt::Write as _;
use std::{sync::atomic::Ordering, time::Instant};

use axum::response::Response;

use super::text;
use crate::{
    app::App,
    backend::{CounterKind, Info},
    call::Call,
    problem::Problem,
};

/// `GET /metrics`
pub(crate) async fn show(call: Call) -> Result<Response, Problem> {
    Ok(text(
        "text/plain; version=0.0.4; charset=utf-8",
        exposition(&call.app, &call.app.backend.info()),
    ))
}

/// The Prometheus text format. No label names a device: a fleet must not become a fleet of time series.
fn exposition(app: &App, info: &Info) -> String {
    let mut out = String::new();
    let mut metric = |name: &str, kind: CounterKind, help: &str, samples: &[(&str, u64)]| {
        let (name, kind) = match kind {
            CounterKind::Gauge => (format!("lwm2m_{name}"), "gauge"),
            CounterKind::Counter => (format!("lwm2m_{name}_total"), "counter"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    };
    for counter in &info.counters {
        metric(
            counter.name,
            counter.kind,
            counter.help,
            &[("", counter.value)],
        );
    }
    let started = info
        .started_at
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    metric(
        "started_seconds",
        CounterKind::Gauge,
        "When the server started, in seconds since 1970.",
        &[("", started.as_secs())],
    );
    let labels = [
        "{class=\"1xx\"}",
        "{class=\"2xx\"}",
        "{class=\"3xx\"}",
        "{class=\"4xx\"}",
        "{class=\"5xx\"}",
    ];
    let counts = app
        .statistics
        .responses
        .each_ref()
        .map(|count| count.load(Ordering::Relaxed));
    let samples: Vec<_> = labels.into_iter().zip(counts).collect();
    metric(
        "console_responses",
        CounterKind::Counter,
        "HTTP responses of the console by class.",
        &samples,
    );
    let sessions = u64::try_from(app.sessions.count(Instant::now())).unwrap_or(u64::MAX);
    metric(
        "console_sessions",
        CounterKind::Gauge,
        "Logins of the page that are alive.",
        &[("", sessions)],
    );
    let streams = app
        .config
        .max_streams
        .saturating_sub(app.streams.available_permits());
    metric(
        "console_streams",
        CounterKind::Gauge,
        "Event streams that are open.",
        &[("", u64::try_from(streams).unwrap_or(u64::MAX))],
    );
    let lagged = app.statistics.streams_lagged.load(Ordering::Relaxed);
    metric(
        "console_streams_lagged",
        CounterKind::Counter,
        "Times that an event stream's reader was too slow.",
        &[("", lagged)],
    );
    out
}
