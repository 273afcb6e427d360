use std::io::{BufRead, Read as _};

use serde_json::Value as Json;

use crate::failure::Failure;

/// The events of a stream in the format of server-sent events, one by one.
pub(crate) struct EventStream {
    lines: Box<dyn BufRead + Send>,
}

impl EventStream {
    pub(crate) fn new(lines: Box<dyn BufRead + Send>) -> Self {
        Self { lines }
    }

    /// Waits for the next event. Comments, and events that are no JSON object, are passed over.
    ///
    /// # Errors
    /// The stream ended, fell silent, or sends lines without an end.
    pub(crate) fn next(&mut self) -> Result<Json, Failure> {
        let mut data = String::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                match serde_json::from_str(&data) {
                    Ok(event @ Json::Object(_)) => return Ok(event),
                    _ => data.clear(),
                }
            } else if let Some(part) = line.strip_prefix("data:") {
                if !data.is_empty() {
                    data.push('\n');
                }
                data.push_str(part.strip_prefix(' ').unwrap_or(part));
                if data.len() > MAX_EVENT {
                    return Err(Failure::failed("the server sends an event without end"));
                }
            }
        }
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut bytes = Vec::new();
        let mut limited = (&mut self.lines).take(MAX_EVENT as u64);
        let read = limited.read_until(b'\n', &mut bytes);
        let ended = |why: &str| Failure::unreachable(format!("the event stream {why}"));
        match read {
            Err(error) => return Err(ended(&format!("broke off: {error}"))),
            Ok(_) if bytes.last() == Some(&b'\n') => {}
            Ok(read) if read < MAX_EVENT => {
                return Err(ended("ended: the server stopped or closed it"));
            }
            Ok(_) => return Err(Failure::failed("the server sends an event without end")),
        }
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

const MAX_EVENT: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &'static str) -> (Vec<Json>, Failure) {
        let mut stream = EventStream::new(Box::new(text.as_bytes()));
        let mut events = Vec::new();
        loop {
            match stream.next() {
                Ok(event) => events.push(event),
                Err(failure) => return (events, failure),
            }
        }
    }

    #[test]
    fn events_are_read_as_the_html_standard_writes_them() {
        let text = "retry: 3000\n\n: keep-alive\n\nid: 1\nevent: a\ndata: {\"id\": 1}\n\n\
                    data:{\"id\":\ndata: 2}\r\n\r\ndata: no json\n\ndata: [3]\n\ndata: {\"id\": 4}\n";
        let (events, end) = events(text);
        let ids: Vec<_> = events.iter().map(|event| event["id"].as_u64()).collect();
        // The last one was not finished.
        assert_eq!(ids, [Some(1), Some(2)]);
        assert_eq!(end.exit, 4);
        assert!(end.to_string().contains("ended"), "{end}");
    }
}
