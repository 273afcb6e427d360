//! The program, and a server that answers by a script.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value as Json;

/// Answers requests by a script, one after the other.
pub(crate) struct Server {
    address: SocketAddr,
    expected: Vec<String>,
    thread: JoinHandle<Vec<String>>,
}

/// What the server answers to a request.
pub(crate) struct Answer {
    status: &'static str,
    media_type: &'static str,
    body: String,
    /// Leaves the connection open, as an event stream that goes on.
    hold: bool,
}

impl Answer {
    pub(crate) fn json(body: &Json) -> Self {
        Self {
            status: "200 OK",
            media_type: "application/json",
            body: body.to_string(),
            hold: false,
        }
    }

    pub(crate) fn created(body: &Json) -> Self {
        Self {
            status: "201 Created",
            ..Self::json(body)
        }
    }

    pub(crate) fn done() -> Self {
        Self {
            status: "204 No Content",
            body: String::new(),
            ..Self::json(&Json::Null)
        }
    }

    pub(crate) fn problem(status: &'static str, body: &Json) -> Self {
        Self {
            status,
            media_type: "application/problem+json",
            ..Self::json(body)
        }
    }

    pub(crate) fn text(status: &'static str, body: &str) -> Self {
        Self {
            status,
            media_type: "text/plain; charset=utf-8",
            body: body.to_owned(),
            hold: false,
        }
    }

    /// An event stream that ends after these events.
    pub(crate) fn stream(events: &[Json]) -> Self {
        let frame = |event: &Json| {
            let name = event["type"].as_str().unwrap();
            format!("id: {}\nevent: {name}\ndata: {event}\n\n", event["id"])
        };
        let frames: String = events.iter().map(frame).collect();
        Self {
            status: "200 OK",
            media_type: "text/event-stream",
            body: format!("retry: 3000\n\n: keep-alive\n\n{frames}"),
            hold: false,
        }
    }

    /// An event stream that stays open after these events.
    pub(crate) fn open_stream(events: &[Json]) -> Self {
        Self {
            hold: true,
            ..Self::stream(events)
        }
    }

    fn write(&self, stream: &mut TcpStream) {
        let mut head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nConnection: close\r\n",
            self.status, self.media_type
        );
        if self.media_type != "text/event-stream" && !self.status.starts_with("204") {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        // A client that left early is a client's right.
        let _ = write!(stream, "{head}\r\n{}", self.body);
        let _ = stream.flush();
    }
}

impl Server {
    /// Each row is a request (`GET /path?query`, and the body as compact JSON) and its answer.
    pub(crate) fn start(script: Vec<(&str, Answer)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let expected = script.iter().map(|(line, _)| (*line).to_owned()).collect();
        let answers: Vec<Answer> = script.into_iter().map(|(_, answer)| answer).collect();
        let thread = std::thread::spawn(move || {
            let (mut log, mut held) = (Vec::new(), Vec::new());
            let mut answers = answers.into_iter();
            loop {
                let (mut stream, _) = listener.accept().unwrap();
                stream
                    .set_read_timeout(Some(Duration::from_secs(20)))
                    .unwrap();
                let Some(request) = request(&mut stream) else {
                    return log;
                };
                log.push(request);
                let Some(answer) = answers.next() else {
                    Answer::text("500 Not in the script", "").write(&mut stream);
                    continue;
                };
                answer.write(&mut stream);
                if answer.hold {
                    held.push(stream);
                }
            }
        });
        Self {
            address,
            expected,
            thread,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Compares what was asked with the script.
    pub(crate) fn finish(self) {
        drop(TcpStream::connect(self.address).unwrap());
        assert_eq!(self.thread.join().unwrap(), self.expected);
    }
}

/// A request in one line; `None` when the connection was closed without one.
fn request(stream: &mut TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    let (mut token, mut is_json) = (false, false);
    if reader.read_line(&mut first).unwrap() == 0 {
        return None;
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap();
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => token = value == "Bearer secret",
            "content-type" => is_json = value == "application/json",
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let line = first.trim_end().trim_end_matches(" HTTP/1.1");
    let body = match serde_json::from_slice::<Json>(&body) {
        Ok(json) if is_json => format!(" {json}"),
        Ok(json) => format!(" {json} not marked as JSON"),
        Err(_) => String::new(),
    };
    let stranger = if token { "" } else { " without the token" };
    Some(format!("{line}{body}{stranger}"))
}

/// The program with these arguments, a URL and a token, and nothing else of the environment.
pub(crate) fn program(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lwm2m"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LWM2M_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .env("LWM2M_URL", url)
        .env("LWM2M_ADMIN_TOKEN", "secret")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What became of a run.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).expect(&self.stdout)
    }

    /// Checks the exit code, and that each text stands on standard error.
    pub(crate) fn ends(self, code: i32, told: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        for text in told {
            assert!(self.stderr.contains(text), "{text:?} in {}", self.stderr);
        }
        self
    }
}

/// Runs the program against a script.
pub(crate) fn run(arguments: &[&str], script: Vec<(&str, Answer)>) -> Run {
    run_with_input(arguments, "", script)
}

/// Runs the program with something on standard input.
pub(crate) fn run_with_input(arguments: &[&str], input: &str, script: Vec<(&str, Answer)>) -> Run {
    let server = Server::start(script);
    let mut child = program(&server.url(), arguments).spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let run = Run::from(child.wait_with_output().unwrap());
    server.finish();
    run
}
