use std::fmt;
use std::io::IsTerminal;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line: always `time`, `level`, `event`, `ep`, `cid` and `reason` (null
    /// where they do not apply), then what else the event has.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("{other:?} is neither \"text\" nor \"json\"")),
        }
    }
}

/// Log lines on standard error, filtered by `RUST_LOG`.
#[derive(Debug)]
pub struct Logging {
    format: LogFormat,
    filter: &'static str,
    endpoint: Option<String>,
}

impl Logging {
    /// At level `info` where `RUST_LOG` says nothing.
    pub const fn new(format: LogFormat) -> Self {
        Self {
            format,
            filter: "info",
            endpoint: None,
        }
    }

    /// Only warnings and errors where `RUST_LOG` says nothing.
    #[must_use]
    pub const fn quiet(mut self) -> Self {
        self.filter = "warn";
        self
    }

    /// Names the endpoint in lines that name none themselves.
    #[must_use]
    pub fn of_endpoint(mut self, endpoint: &str) -> Self {
        self.endpoint = Some(endpoint.to_owned());
        self
    }

    /// From here on log lines are written.
    pub fn start(self) {
        let filter =
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(self.filter));
        let lines = tracing_subscriber::fmt()
            .with_env_filter(filter)
            // Where standard error is closed, a complaint about it would go there too, and end whoever logs.
            .log_internal_errors(false)
            .with_writer(std::io::stderr);
        // A second start in the same process keeps the first one's settings.
        let _ = match self.format {
            LogFormat::Json => lines.event_format(JsonLine(self.endpoint)).try_init(),
            LogFormat::Text => lines.with_ansi(colourful()).with_target(false).try_init(),
        };
    }
}

fn colourful() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !unwanted
}

/// Formats an event as one flat JSON object, with the endpoint that lines without one are about.
/// Control characters of field values are escaped by JSON, so one event is one line whatever a
/// device calls itself.
struct JsonLine(Option<String>);

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: String,
    event: Value,
    ep: Option<&'a Value>,
    cid: Option<Value>,
    reason: Option<Value>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let Fields(mut more) = fields;
        let ours = self.0.as_deref().map(Value::from);
        let theirs = more.remove("ep");
        let named = more.remove("event").or_else(|| more.remove("message"));
        let line = Line {
            time: jiff::Timestamp::now().to_string(),
            level: event.metadata().level().as_str().to_lowercase(),
            event: named.unwrap_or_else(|| event.metadata().target().into()),
            ep: theirs.as_ref().or(ours.as_ref()),
            cid: more.remove("cid"),
            reason: more.remove("reason"),
            more,
        };
        let line = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Memory {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    fn lines(endpoint: Option<&str>, log: impl FnOnce()) -> Vec<String> {
        let memory = Memory::default();
        let subscriber = tracing_subscriber::fmt()
            .event_format(JsonLine(endpoint.map(str::to_owned)))
            .with_writer(memory.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = memory.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_json_line_has_the_same_six_members_first() {
        let lines = lines(None, || {
            tracing::info!(
                event = "registration.removed",
                ep = "a",
                cid = 7_u64,
                reason = "expired",
                more = true
            );
            tracing::warn!("a message");
        });
        let (time, rest) = lines[0].split_once(',').unwrap();
        assert!(time.starts_with("{\"time\":\"2"), "{time}");
        assert_eq!(
            rest,
            r#""level":"info","event":"registration.removed","ep":"a","cid":7,"reason":"expired","more":true}"#
        );
        let (_, rest) = lines[1].split_once(',').unwrap();
        assert_eq!(
            rest,
            r#""level":"warn","event":"a message","ep":null,"cid":null,"reason":null}"#
        );
    }

    #[test]
    fn a_program_of_one_endpoint_names_it() {
        let lines = lines(Some("ours"), || {
            tracing::info!("started");
            tracing::info!(ep = "other", "met");
        });
        assert!(lines[0].contains(r#""ep":"ours""#), "{}", lines[0]);
        assert!(lines[1].contains(r#""ep":"other""#), "{}", lines[1]);
    }

    /// Hostile row M12.
    #[test]
    fn one_event_is_one_line_whatever_a_device_calls_itself() {
        let name = "a\r\nb\u{1b}[2J\u{2028}\0";
        let lines = lines(
            None,
            || tracing::info!(event = "x", ep = name, shown = %name),
        );
        assert_eq!(lines.len(), 1);
        assert!(
            !lines[0].contains(|c: char| c.is_ascii_control()),
            "{}",
            lines[0]
        );
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["ep"], name);
    }
}
