//! The program's log, and what it has in common with its events.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    time::Duration,
};

use coap_codec::{Code, Encoder, OptionNumber, Type};
use serde_json::Value as Json;

const TOKEN: &str = "a-token-for-the-test";

/// The running program; ended when dropped.
struct Program {
    child: Child,
    /// Kept open: what it says there it must be able to say.
    _told: BufReader<ChildStdout>,
    log: BufReader<ChildStderr>,
    coap: SocketAddr,
    http: SocketAddr,
}

impl Program {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lwm2m-server"))
            .args(["--coap", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .args(["--coaps", "127.0.0.1:0", "--log", "json"])
            .env_clear()
            .env("LWM2M_ADMIN_TOKEN", TOKEN)
            .env("RUST_LOG", "info,lwm2m_server=debug")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let mut address = |scheme: &str| -> SocketAddr {
            let found = told.by_ref().lines().find_map(|line| {
                let line = line.unwrap();
                let (_, rest) = line.split_once(scheme)?;
                let end = rest.find(|c: char| !"0123456789.:".contains(c));
                rest[..end.unwrap_or(rest.len())].parse().ok()
            });
            found.unwrap_or_else(|| panic!("{scheme} is told"))
        };
        let (coap, http) = (address("coap://"), address("http://"));
        Self {
            log: BufReader::new(child.stderr.take().unwrap()),
            child,
            _told: told,
            coap,
            http,
        }
    }

    /// The next line of the log about this event.
    fn logged(&mut self, event: &str) -> Json {
        let found = self.log.by_ref().lines().find_map(|line| {
            let line: Json = serde_json::from_str(&line.unwrap()).unwrap();
            (line["event"] == event).then_some(line)
        });
        found.unwrap_or_else(|| panic!("{event} is logged"))
    }

    /// The first event of this type.
    fn event(&self, name: &str) -> Json {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        write!(
            stream,
            "GET /api/v1/events?since=0&type={name} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Accept: application/x-ndjson\r\n\r\n",
            self.http
        )
        .unwrap();
        let lines = BufReader::new(stream).lines().map(Result::unwrap);
        let mut events = lines.filter_map(|line| serde_json::from_str(&line).ok());
        events.find(Json::is_object).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Register with this lifetime, and the code of the answer.
fn register(server: SocketAddr, mid: u16, lifetime: &[u8]) -> u8 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut bytes = [0; 128];
    let mut out = Encoder::new(&mut bytes, Type::Confirmable, Code::POST, mid, b"t").unwrap();
    out.option(OptionNumber::URI_PATH, b"rd").unwrap();
    out.option_uint(OptionNumber::CONTENT_FORMAT, 40).unwrap();
    for item in [b"ep=dev", lifetime, b"lwm2m=1.1"] {
        out.option(OptionNumber::URI_QUERY, item).unwrap();
    }
    out.payload(b"</3/0>").unwrap();
    let len = out.finish().unwrap();
    socket.send_to(&bytes[..len], server).unwrap();
    let mut answer = [0; 128];
    socket.recv(&mut answer).unwrap();
    answer[1]
}

/// A request has one correlation id: in the line that says that it came, in the one that says what came of it, and in
/// the event, whether the registry has seen it or not.
#[test]
fn one_correlation_id_from_the_datagram_to_the_event() {
    let mut program = Program::start();
    assert_eq!(register(program.coap, 1, b"lt=soon"), 0x80);
    let heard = program.logged("registration.request");
    let refused = program.logged("registration.refused");
    let event = program.event("registration.refused");
    for key in ["time", "level", "event", "ep", "cid", "reason"] {
        assert!(refused.get(key).is_some(), "{refused}");
    }
    assert!(heard["cid"].is_string(), "{heard}");
    assert_eq!(heard["cid"], refused["cid"]);
    assert_eq!(heard["cid"], event["cid"]);
    assert_eq!(refused["reason"], "bad_lifetime");
    assert_eq!(event["data"]["reason"], "bad_lifetime");

    assert_eq!(register(program.coap, 2, b"lt=60"), 0x41);
    let heard_again = program.logged("registration.request");
    let created = program.logged("registration.created");
    let event = program.event("registration.created");
    assert_ne!(heard_again["cid"], heard["cid"]);
    assert_eq!(heard_again["cid"], created["cid"]);
    assert_eq!(heard_again["cid"], event["cid"]);
    assert_eq!(
        (&created["ep"], &event["ep"]),
        (&"dev".into(), &"dev".into())
    );
}
