use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use socket2::{Domain, Protocol, Socket, Type};

use crate::api::{Address, Api};
use crate::commands::Context;
use crate::failure::Failure;
use crate::output::{Column, text};

impl Context {
    /// Checks one thing after the other, and fails when one of them did.
    pub(crate) fn doctor(
        &self,
        coap: &[SocketAddr],
        coaps: &[SocketAddr],
        offline: bool,
    ) -> Result<(), Failure> {
        let api = self.api.clone().within(Duration::from_secs(5));
        let server = if offline {
            Server::Unasked
        } else {
            Server::ask(&api)
        };
        let mut checks: Vec<Check> = Vec::new();
        if coap.is_empty() && coaps.is_empty() {
            for number in [5683, 5684] {
                let own = LOOPBACKS.iter().map(|ip| SocketAddr::new(*ip, number));
                checks.extend(own.map(|address| port(address, &server, true)));
            }
        }
        checks.extend(
            coap.iter()
                .chain(coaps)
                .map(|one| port(*one, &server, false)),
        );
        checks.extend(LOOPBACKS.iter().map(|ip| loopback(*ip)));
        checks.extend([clock(), open_files(), receive_buffer(), entropy()]);
        checks.extend(server.checks(&api));
        let items: Vec<Json> = checks.iter().map(Check::json).collect();
        self.output.list(&items, COLUMNS)?;
        let failed = checks
            .iter()
            .filter(|check| check.verdict == Verdict::Failed);
        match failed.count() {
            0 => Ok(()),
            1 => Err(Failure::failed("one check failed")),
            several => Err(Failure::failed(format!("{several} checks failed"))),
        }
    }
}

/// What a check found.
struct Check {
    name: String,
    verdict: Verdict,
    detail: String,
    hint: Option<&'static str>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Verdict {
    Ok,
    Failed,
    Skipped,
}

impl Check {
    fn new(name: impl Into<String>, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            verdict,
            detail: detail.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    fn json(&self) -> Json {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Failed => "failed",
            Verdict::Skipped => "skipped",
        };
        json!({ "check": self.name, "verdict": verdict, "detail": self.detail, "hint": self.hint })
    }
}

/// What the server says of itself.
enum Server {
    /// The user wants it left out.
    Unasked,
    /// Nobody answers.
    Absent(Failure),
    /// It lives: its readiness, and what it tells those who have a token.
    Present {
        ready: Result<(u16, String), Failure>,
        told: Option<Result<Json, Failure>>,
    },
}

impl Server {
    fn ask(api: &Api) -> Self {
        match api.probe("/healthz") {
            Err(failure) => Self::Absent(failure),
            Ok((200, _)) => Self::Present {
                ready: api.probe("/readyz"),
                told: api
                    .has_token()
                    .then(|| api.get(Address::of("/api/v1/server"))),
            },
            Ok((status, _)) => Self::Absent(Failure::failed(format!(
                "{}/healthz answered with HTTP status {status}",
                api.url()
            ))),
        }
    }

    fn checks(&self, api: &Api) -> Vec<Check> {
        let name = format!("server {}", api.url());
        let names = [name.clone(), "server ready".to_owned(), "token".to_owned()];
        let skip = |why: &str| {
            let skipped = |name: &String| Check::new(name, Verdict::Skipped, why);
            names.iter().map(skipped).collect::<Vec<_>>()
        };
        match self {
            Self::Unasked => skip("left out by --offline"),
            Self::Absent(failure) => {
                let detail = failure
                    .to_string()
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                let absent = Check::new(name, Verdict::Failed, detail)
                    .hint("start lwm2m-server, name another --url, or leave it out with --offline");
                let others = skip("the server does not answer").into_iter().skip(1);
                std::iter::once(absent).chain(others).collect()
            }
            Self::Present { ready, told } => {
                let ready = match ready {
                    Ok((200, _)) => Check::new("server ready", Verdict::Ok, "it serves devices"),
                    Ok((status, text)) => {
                        let detail = format!("/readyz answered {status}: {}", text.trim());
                        Check::new("server ready", Verdict::Failed, detail)
                            .hint("it is starting or stopping; try again, or read its log")
                    }
                    Err(failure) => {
                        Check::new("server ready", Verdict::Failed, failure.to_string())
                    }
                };
                let token = match told {
                    None => Check::new("token", Verdict::Skipped, "there is none to try")
                        .hint("set LWM2M_ADMIN_TOKEN or --admin-token-file"),
                    Some(Ok(server)) => {
                        let detail = format!("accepted by version {}", text(server, "version"));
                        Check::new("token", Verdict::Ok, detail)
                    }
                    Some(Err(failure)) => Check::new("token", Verdict::Failed, failure.to_string()),
                };
                let certificate = told
                    .as_ref()
                    .and_then(|told| told.as_ref().ok())
                    .and_then(certificate);
                [Check::new(name, Verdict::Ok, "it answers"), ready, token]
                    .into_iter()
                    .chain(certificate)
                    .collect()
            }
        }
    }

    /// Whether the server listens at this CoAP address; `None` when it cannot be asked.
    fn listens(&self, address: SocketAddr) -> Option<bool> {
        let Self::Present {
            told: Some(Ok(server)),
            ..
        } = self
        else {
            return None;
        };
        let endpoints = server.get("endpoints").and_then(Json::as_array)?;
        let covers = |endpoint: &Json| {
            let authority = endpoint.as_str()?.split_once("://")?.1;
            let listening: SocketAddr = authority.parse().ok()?;
            let everywhere =
                listening.ip().is_unspecified() && listening.is_ipv4() == address.is_ipv4();
            Some(
                listening.port() == address.port()
                    && (everywhere || listening.ip() == address.ip()),
            )
        };
        Some(
            endpoints
                .iter()
                .any(|endpoint| covers(endpoint) == Some(true)),
        )
    }
}

/// Whether a server can listen, or does already. Of the default addresses a family may be missing.
fn port(address: SocketAddr, server: &Server, may_lack: bool) -> Check {
    let name = format!("UDP {address}");
    match UdpSocket::bind(address) {
        Ok(_) => Check::new(name, Verdict::Ok, "free"),
        Err(error) if error.kind() == ErrorKind::AddrInUse => match server.listens(address) {
            Some(true) => Check::new(name, Verdict::Ok, "used by our server"),
            Some(false) => Check::new(name, Verdict::Failed, "used by another program")
                .hint("stop it, or give lwm2m-server another --coap or --coaps"),
            None => Check::new(
                name,
                Verdict::Skipped,
                "in use; the server could not be asked whether by it",
            )
            .hint("run doctor with the server's token, or see `ss -ulp`"),
        },
        Err(error) if may_lack && lacks_family(&error) => Check::new(
            name,
            Verdict::Skipped,
            "this machine does not have the address",
        ),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Check::new(name, Verdict::Failed, error.to_string())
                .hint("ports below 1024 need privileges")
        }
        Err(error) => Check::new(name, Verdict::Failed, error.to_string()),
    }
}

/// How long the server's certificate is good, if it has one.
fn certificate(server: &Json) -> Option<Check> {
    let own = server.pointer("/security/certificates/0")?;
    let end = text(own, "not_after");
    let found = format!("valid to {end}");
    let good = |verdict| Check::new("server certificate", verdict, found.clone());
    let left = end.parse::<Timestamp>().ok()?.as_second() - Timestamp::now().as_second();
    Some(match left {
        ..=0 => good(Verdict::Failed).hint("it has expired: devices refuse it"),
        1..FORTNIGHT => good(Verdict::Ok).hint("it expires within two weeks"),
        _ => good(Verdict::Ok),
    })
}

/// Whether a datagram comes through.
fn loopback(ip: IpAddr) -> Check {
    let name = if ip.is_ipv4() {
        "IPv4 loopback"
    } else {
        "IPv6 loopback"
    };
    let exchange = || {
        let socket = UdpSocket::bind((ip, 0))?;
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        socket.send_to(b"doctor", socket.local_addr()?)?;
        let mut buffer = [0; 16];
        let (len, _) = socket.recv_from(&mut buffer)?;
        io::Result::Ok(buffer.get(..len) == Some(b"doctor"))
    };
    match exchange() {
        Ok(true) => Check::new(name, Verdict::Ok, "a datagram came through"),
        Ok(false) => Check::new(name, Verdict::Failed, "another datagram came through"),
        Err(error) if lacks_family(&error) => {
            Check::new(name, Verdict::Skipped, "this machine does not have it")
        }
        Err(error) => Check::new(name, Verdict::Failed, error.to_string())
            .hint("a packet filter may drop traffic on the loopback interface"),
    }
}

fn lacks_family(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no kind of its own: 97 on Linux, 47 on the BSDs and macOS, 10047 on Windows.
    error.kind() == ErrorKind::AddrNotAvailable
        || matches!(error.raw_os_error(), Some(97 | 47 | 10047))
}

/// Whether the wall clock is set, and neither clock runs backwards while we look.
fn clock() -> Check {
    let name = "clock";
    let Ok(now) = Timestamp::try_from(SystemTime::now()) else {
        return Check::new(
            name,
            Verdict::Failed,
            "the time cannot be written as a date",
        );
    };
    let detail = format!("{now:.0}");
    if now.as_second() < YEAR_2025 {
        return Check::new(name, Verdict::Failed, detail)
            .hint("set the clock: lifetimes, tokens and certificates depend on it");
    }
    let (mut wall, mut steady) = (SystemTime::now(), Instant::now());
    for _ in 0..10_000 {
        let (next_wall, next_steady) = (SystemTime::now(), Instant::now());
        if next_wall < wall || next_steady < steady {
            let detail = format!("{detail}, and it went backwards while we looked");
            return Check::new(name, Verdict::Failed, detail)
                .hint("something sets it hard; let it be slewed");
        }
        (wall, steady) = (next_wall, next_steady);
    }
    Check::new(name, Verdict::Ok, detail)
}

#[cfg(unix)]
fn open_files() -> Check {
    let name = "open files";
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    match limit.current {
        None => Check::new(name, Verdict::Ok, "no limit"),
        Some(files) if files >= ENOUGH_FILES => Check::new(name, Verdict::Ok, format!("{files}")),
        Some(files) => {
            let detail = format!("{files}; the server wants {ENOUGH_FILES}");
            Check::new(name, Verdict::Failed, detail)
                .hint("raise it with `ulimit -n`, or LimitNOFILE= of a systemd unit")
        }
    }
}

#[cfg(not(unix))]
fn open_files() -> Check {
    Check::new(
        "open files",
        Verdict::Skipped,
        "this system has no such limit",
    )
}

/// How much the system holds for a UDP socket while the server is busy.
fn receive_buffer() -> Check {
    let name = "UDP receive buffer";
    let granted = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        // Some systems refuse what is too much, some grant less.
        let _ = socket.set_recv_buffer_size(WANTED_BUFFER);
        let granted = socket.recv_buffer_size()?;
        // Linux tells twice what a program may use.
        io::Result::Ok(if cfg!(target_os = "linux") {
            granted / 2
        } else {
            granted
        })
    };
    match granted() {
        Err(error) => Check::new(name, Verdict::Failed, error.to_string()),
        Ok(granted) if granted >= WANTED_BUFFER => {
            Check::new(name, Verdict::Ok, format!("{} KiB", granted / 1024))
        }
        Ok(granted) => {
            let detail = format!("{} of {} KiB", granted / 1024, WANTED_BUFFER / 1024);
            let enough = granted >= LEAST_BUFFER;
            let verdict = if enough { Verdict::Ok } else { Verdict::Failed };
            Check::new(name, verdict, detail)
                .hint("raise net.core.rmem_max when thousands of devices may call at once")
        }
    }
}

/// Whether the system gives random bytes at once.
fn entropy() -> Check {
    let name = "entropy";
    let (start, mut first, mut second) = (Instant::now(), [0; 32], [0; 32]);
    let drawn = getrandom::fill(&mut first).and_then(|()| getrandom::fill(&mut second));
    match drawn {
        Err(error) => Check::new(name, Verdict::Failed, error.to_string()),
        Ok(()) if first == second => Check::new(name, Verdict::Failed, "it repeats itself"),
        Ok(()) if start.elapsed() > Duration::from_secs(1) => {
            Check::new(name, Verdict::Failed, "it came slowly")
                .hint("the machine has just started, or lacks a source of randomness")
        }
        Ok(()) => Check::new(name, Verdict::Ok, "available"),
    }
}

const COLUMNS: &[Column] = &[
    ("VERDICT", |check| text(check, "verdict")),
    ("CHECK", |check| text(check, "check")),
    ("FOUND", |check| match text(check, "hint") {
        hint if hint.is_empty() => text(check, "detail"),
        hint => format!("{}. {hint}", text(check, "detail")),
    }),
];

const LOOPBACKS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];
const FORTNIGHT: i64 = 14 * 86_400;
/// 2025-01-01T00:00:00Z.
const YEAR_2025: i64 = 1_735_689_600;
/// The HTTP side alone may hold a thousand connections.
#[cfg(unix)]
const ENOUGH_FILES: u64 = 1024;
/// What the server asks for.
const WANTED_BUFFER: usize = 4 << 20;
/// A burst of a few hundred datagrams.
const LEAST_BUFFER: usize = 128 << 10;
