//! The log on stderr: for people, or one JSON object a line.

use std::{fmt, io::IsTerminal};

use serde_json::{Map, Value};
use tracing::{Event, Subscriber, field::Field, field::Visit};
use tracing_subscriber::{
    EnvFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::options::Log;

/// Starts the log; `RUST_LOG` says how much, `info` if it says nothing.
pub(crate) fn start(form: Log, endpoint: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second log would only be one that a test has started.
    let _ = match form {
        Log::Text => {
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            tracing::subscriber::set_global_default(
                log.with_target(false).with_ansi(colour).finish(),
            )
        }
        Log::Json => {
            let endpoint = endpoint.to_owned();
            tracing::subscriber::set_global_default(log.event_format(Json { endpoint }).finish())
        }
    };
}

/// `time, level, event, ep, cid, reason`, always there, then what else an event has.
struct Json {
    endpoint: String,
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let Fields(mut fields) = fields;
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
        put("time", jiff::Timestamp::now().to_string().into());
        put(
            "level",
            event.metadata().level().as_str().to_lowercase().into(),
        );
        put("event", fields.remove("message").unwrap_or(Value::Null));
        put("ep", self.endpoint.as_str().into());
        put("cid", fields.remove("cid").unwrap_or(Value::Null));
        put("reason", fields.remove("reason").unwrap_or(Value::Null));
        line.extend(fields);
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
