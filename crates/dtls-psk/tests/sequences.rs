//! Every order of messages up to a length, good and bad ones, against both roles: connected only with a verified
//! Finished after everything that it covers, and no data before.

mod script;

use std::time::Duration;

use dtls_core::{Config, Connect, Path};
use dtls_psk::Psk;
use script::*;

const IDENTITY: &[u8] = b"urn:dev:lamp";
const KEY: &[u8] = b"0123456789abcdef";

fn path() -> Path {
    Path {
        local_endpoint: 0,
        address: ([127, 0, 0, 1], 40_000).into(),
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum FromClient {
    Hello,
    HelloWithCookie,
    Certificate,
    KeyExchange,
    CertificateVerify,
    ChangeCipherSpec,
    Finished,
    BadFinished,
    Alert,
    Data,
}

use FromClient as C;

const FROM_CLIENT: [FromClient; 10] = [
    C::Hello,
    C::HelloWithCookie,
    C::Certificate,
    C::KeyExchange,
    C::CertificateVerify,
    C::ChangeCipherSpec,
    C::Finished,
    C::BadFinished,
    C::Alert,
    C::Data,
];

/// What has gone out since the last hello without a cookie.
#[derive(Default)]
struct Progress {
    hellos: u64,
    sent: Vec<FromClient>,
}

impl Progress {
    /// Whether the server may say that it is connected: the last Finished came after a hello with a good cookie and
    /// a ClientKeyExchange, once each and in order, and ChangeCipherSpec came too.
    fn may_connect(&self) -> bool {
        let flight: Vec<_> = self
            .sent
            .iter()
            .filter(|step| !matches!(step, C::ChangeCipherSpec | C::Data))
            .collect();
        flight == [&C::HelloWithCookie, &C::KeyExchange, &C::Finished]
            && self.sent.contains(&C::ChangeCipherSpec)
    }
}

fn play_client(steps: &[FromClient]) -> usize {
    let mut server = Side::server(Config::default(), Psk::server());
    server.keys.insert(IDENTITY.to_vec(), KEY.to_vec());
    let share = PskShare {
        identity: IDENTITY.to_vec(),
        key: KEY.to_vec(),
    };
    let mut client = Client::new(path(), share);
    let mut progress = Progress::default();
    let mut expected = Vec::new();
    for &step in steps {
        let alive = server.endpoint.peer_at(path()).is_some();
        let mut plain_data = Vec::new();
        let datagram = match step {
            C::Hello => {
                progress.hellos += 1;
                progress.sent.clear();
                client.restart(progress.hellos);
                client.hello()
            }
            C::HelloWithCookie => {
                if client.cookie.is_empty() {
                    client.cookie = vec![7; 28];
                }
                client.hello()
            }
            C::Certificate => client.certificate(),
            C::KeyExchange => client.key_exchange(),
            C::CertificateVerify => client.certificate_verify(),
            C::ChangeCipherSpec => client.change_cipher_spec(),
            C::Finished => client.finish(true),
            C::BadFinished => client.finish(false),
            C::Alert => client.record(ALERT, &[2, 40]),
            C::Data => {
                plain_data = client.record(DATA, b"plain");
                match client.keys {
                    Some(_) => client.seal(DATA, b"sealed"),
                    None => Vec::new(),
                }
            }
        };
        if step != C::Hello {
            progress.sent.push(step);
        }
        let before = (server.connected(), server.data.len());
        server.put(path(), &plain_data);
        assert_eq!(server.data.len(), before.1, "{steps:?}: plain data");
        let answer = server.give(path(), &datagram);
        client.read(&answer);
        if server.connected() > before.0 {
            // Finished may overtake ChangeCipherSpec, so either is what completes it.
            assert!(
                matches!(step, C::Finished | C::ChangeCipherSpec),
                "{steps:?}: connected by {step:?}"
            );
            assert!(progress.may_connect(), "{steps:?}: connected");
            expected.clear();
        }
        if server.data.len() > before.1 {
            assert_eq!(step, C::Data, "{steps:?}");
            assert!(alive, "{steps:?}: data without a session");
            expected.push(b"sealed".to_vec());
        }
        assert!(server.data.iter().all(|(_, data)| data == b"sealed"));
        let tables = server.endpoint.tables();
        assert!(tables.handshakes <= 1 && tables.sessions <= 1, "{steps:?}");
    }
    server.run(Duration::from_secs(400));
    let tables = server.endpoint.tables();
    assert_eq!(
        (
            tables.handshakes,
            tables.timers,
            tables.questions,
            tables.buffered
        ),
        (0, 0, 0, 0),
        "{steps:?}"
    );
    server.connected()
}

const GOOD: [FromClient; 5] = [
    C::Hello,
    C::HelloWithCookie,
    C::KeyExchange,
    C::ChangeCipherSpec,
    C::Finished,
];

#[test]
fn the_good_order_connects() {
    assert_eq!(play_client(&GOOD), 1);
    assert_eq!(play_client(&[&GOOD[..], &[C::Data, C::Data]].concat()), 1);
    assert_eq!(
        play_client(&[GOOD, GOOD].concat()),
        2,
        "a client that restarts"
    );
}

/// Plays every sequence of `len` symbols behind `prefix`; returns how many of them connected.
fn all<T: Copy>(alphabet: &[T], prefix: &[T], len: u32, play: impl Fn(&[T]) -> usize) -> usize {
    let mut connected = 0;
    let mut steps = prefix.to_vec();
    for number in 0..alphabet.len().pow(len) {
        steps.truncate(prefix.len());
        let mut rest = number;
        for _ in 0..len {
            steps.push(alphabet[rest % alphabet.len()]);
            rest /= alphabet.len();
        }
        connected += usize::from(play(&steps) > 0);
    }
    connected
}

fn long() -> bool {
    std::env::var_os("LWM2M_LONG").is_some()
}

/// Six from nothing and four behind each step of a good handshake where there is time; four and two else.
#[test]
fn every_sequence_to_a_server() {
    let (from_nothing, behind) = if long() { (6, 4) } else { (4, 2) };
    all(&FROM_CLIENT, &[], from_nothing, play_client);
    for len in 1..=GOOD.len() {
        let connected = all(&FROM_CLIENT, &GOOD[..len], behind, play_client);
        assert!(len + (behind as usize) < GOOD.len() || connected > 0);
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum FromServer {
    HelloVerifyRequest,
    ServerHello,
    Certificate,
    KeyExchange,
    CertificateRequest,
    HelloDone,
    ChangeCipherSpec,
    Finished,
    BadFinished,
    Alert,
    Data,
}

use FromServer as S;

const FROM_SERVER: [FromServer; 11] = [
    S::HelloVerifyRequest,
    S::ServerHello,
    S::Certificate,
    S::KeyExchange,
    S::CertificateRequest,
    S::HelloDone,
    S::ChangeCipherSpec,
    S::Finished,
    S::BadFinished,
    S::Alert,
    S::Data,
];

fn may_connect(sent: &[FromServer]) -> bool {
    // A hint is ignored; a request for a cookie may come a few times.
    let flight: Vec<_> = sent
        .iter()
        .filter(|step| !matches!(step, S::ChangeCipherSpec | S::Data))
        .skip_while(|step| **step == S::HelloVerifyRequest)
        .collect();
    let with_hint = [
        &S::ServerHello,
        &S::KeyExchange,
        &S::HelloDone,
        &S::Finished,
    ];
    let without = [&S::ServerHello, &S::HelloDone, &S::Finished];
    (flight == with_hint || flight == without) && sent.contains(&S::ChangeCipherSpec)
}

fn play_server(steps: &[FromServer]) -> usize {
    let mut client = Side::client(Config::default());
    let mut server = FakeServer::new(path(), PskServerShare { key: KEY.to_vec() });
    client.connect(
        path(),
        Psk::client(IDENTITY, KEY).unwrap(),
        Connect::default(),
    );
    server.read(&client.take(path()));
    assert_eq!(server.seen, [CLIENT_HELLO]);
    for (at, &step) in steps.iter().enumerate() {
        let mut plain_data = Vec::new();
        let datagram = match step {
            S::HelloVerifyRequest => server.hello_verify_request(),
            S::ServerHello => server.server_hello(),
            S::Certificate => server.certificate(),
            S::KeyExchange => server.key_exchange(),
            S::CertificateRequest => server.certificate_request(),
            S::HelloDone => server.server_hello_done(),
            S::ChangeCipherSpec => server.change_cipher_spec(),
            S::Finished => server.finish(true),
            S::BadFinished => server.finish(false),
            S::Alert => server.record(ALERT, &[2, 40]),
            S::Data => {
                plain_data = server.record(DATA, b"plain");
                server.seal(DATA, b"sealed")
            }
        };
        let before = (client.connected(), client.data.len());
        client.put(path(), &plain_data);
        assert_eq!(client.data.len(), before.1, "{steps:?}: plain data");
        let answer = client.give(path(), &datagram);
        server.read(&answer);
        if client.connected() > before.0 {
            assert!(may_connect(&steps[..=at]), "{steps:?}: connected");
            assert_eq!(
                server.finished,
                Some(true),
                "{steps:?}: the client's Finished"
            );
        }
        if client.data.len() > before.1 {
            assert!(step == S::Data && before.0 == 1, "{steps:?}: data");
        }
    }
    client.run(Duration::from_secs(400));
    let tables = client.endpoint.tables();
    assert_eq!((tables.handshakes, tables.timers), (0, 0), "{steps:?}");
    client.connected()
}

const GOOD_SERVER: [FromServer; 5] = [
    S::HelloVerifyRequest,
    S::ServerHello,
    S::HelloDone,
    S::ChangeCipherSpec,
    S::Finished,
];

#[test]
fn the_good_order_of_a_server_connects() {
    assert_eq!(play_server(&GOOD_SERVER), 1);
    assert_eq!(play_server(&GOOD_SERVER[1..]), 1, "without a cookie");
    assert_eq!(play_server(&[&GOOD_SERVER[..], &[S::Data]].concat()), 1);
}

#[test]
fn every_sequence_to_a_client() {
    let (from_nothing, behind) = if long() { (6, 4) } else { (4, 2) };
    all(&FROM_SERVER, &[], from_nothing, play_server);
    for len in 1..=GOOD_SERVER.len() {
        let connected = all(&FROM_SERVER, &GOOD_SERVER[..len], behind, play_server);
        assert!(len + (behind as usize) < GOOD_SERVER.len() || connected > 0);
    }
}
