//! Every order of messages up to a length.

use std::time::Duration;

use super::*;

/// What a client may send next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FromClient {
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

pub const FROM_CLIENT: [FromClient; 10] = [
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

/// A server under test.
pub struct ServerCase {
    pub server: fn() -> Side,
    pub client: fn() -> Client,
    /// What has to be sent between the hello and the end, ChangeCipherSpec left out.
    pub flight: &'static [FromClient],
}

impl ServerCase {
    /// The order that connects.
    pub fn good(&self) -> Vec<FromClient> {
        let mut steps = vec![C::Hello];
        steps.extend(self.flight);
        steps.insert(steps.len() - 1, C::ChangeCipherSpec);
        steps
    }

    /// Plays `steps`; returns how often the server connected.
    pub fn play(&self, steps: &[FromClient]) -> usize {
        let mut server = (self.server)();
        let mut client = (self.client)();
        let path = client.path;
        let mut hellos = 0;
        // Of the handshake that runs: a hello without a cookie begins none and ends none.
        let mut sent = Vec::new();
        let mut restarted = false;
        for &step in steps {
            let alive = server.endpoint.peer_at(path).is_some();
            // It is answered with a cookie, and begins nothing.
            let made_up = step == C::HelloWithCookie && client.cookie.is_empty();
            let mut plain_data = Vec::new();
            let datagram = match step {
                C::Hello => {
                    hellos += 1;
                    restarted = true;
                    client.restart(hellos);
                    client.hello()
                }
                C::HelloWithCookie => {
                    if made_up {
                        client.cookie = vec![7; 28];
                        restarted = true;
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
            if step == C::HelloWithCookie && !made_up && core::mem::take(&mut restarted) {
                sent.clear();
            }
            if step != C::Hello && !made_up {
                sent.push(step);
            }
            let before = (server.connected(), server.data.len());
            server.put(path, &plain_data);
            assert_eq!(server.data.len(), before.1, "{steps:?}: plain data");
            client.read(&server.give(path, &datagram));
            if server.connected() > before.0 {
                // Finished may overtake ChangeCipherSpec, so either is what completes it.
                let last = matches!(step, C::Finished | C::ChangeCipherSpec);
                assert!(last, "{steps:?}: connected by {step:?}");
                assert!(self.may_connect(&sent), "{steps:?}: connected");
            }
            if server.data.len() > before.1 {
                assert!(step == C::Data && alive, "{steps:?}: data");
            }
            assert!(server.data.iter().all(|(_, data)| data == b"sealed"));
            let tables = server.endpoint.tables();
            assert!(tables.handshakes <= 1 && tables.sessions <= 1, "{steps:?}");
        }
        server.run(Duration::from_secs(400));
        let tables = server.endpoint.tables();
        let rest = (
            tables.handshakes,
            tables.timers,
            tables.questions,
            tables.buffered,
        );
        assert_eq!(rest, (0, 0, 0, 0), "{steps:?}");
        server.connected()
    }

    /// Whether what went out since the hello makes a handshake: each message once and in order, the last of them a
    /// good Finished, and ChangeCipherSpec somewhere.
    fn may_connect(&self, sent: &[FromClient]) -> bool {
        // What has a later number than a Finished that waits for ChangeCipherSpec is not read.
        let end = sent.iter().position(|step| *step == C::Finished);
        let read = end.map_or(sent, |end| &sent[..=end]);
        let messages = read
            .iter()
            .filter(|step| !matches!(step, C::ChangeCipherSpec | C::Data));
        messages.eq(self.flight) && sent.contains(&C::ChangeCipherSpec)
    }
}

/// What a server may send next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FromServer {
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

pub const FROM_SERVER: [FromServer; 11] = [
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

/// A client under test.
pub struct ClientCase {
    /// A client that has called, and its server, which has read the hello.
    pub start: fn() -> (Side, FakeServer),
    /// What the server has to send before Finished, in each allowed form, ChangeCipherSpec left out.
    pub flights: &'static [&'static [FromServer]],
}

impl ClientCase {
    /// The order that connects.
    pub fn good(&self) -> Vec<FromServer> {
        let mut steps = vec![S::HelloVerifyRequest];
        steps.extend(self.flights[0]);
        steps.extend([S::ChangeCipherSpec, S::Finished]);
        steps
    }

    /// Plays `steps`; returns how often the client connected.
    pub fn play(&self, steps: &[FromServer]) -> usize {
        let (mut client, mut server) = (self.start)();
        let path = server.path;
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
            client.put(path, &plain_data);
            assert_eq!(client.data.len(), before.1, "{steps:?}: plain data");
            server.read(&client.give(path, &datagram));
            if client.connected() > before.0 {
                assert!(self.may_connect(&steps[..=at]), "{steps:?}: connected");
                assert_eq!(server.finished, Some(true), "{steps:?}: Finished");
            }
            if client.data.len() > before.1 {
                assert!(step == S::Data && before.0 == 1, "{steps:?}: data");
            }
            let tables = client.endpoint.tables();
            if tables.handshakes + tables.sessions == 0 {
                // It failed, and holds nothing that could come back.
                break;
            }
        }
        client.run(Duration::from_secs(400));
        let tables = client.endpoint.tables();
        assert_eq!((tables.handshakes, tables.timers), (0, 0), "{steps:?}");
        client.connected()
    }

    fn may_connect(&self, sent: &[FromServer]) -> bool {
        // A request for a cookie may come a few times, and says nothing once the server has said hello.
        let silent = [S::ChangeCipherSpec, S::Data, S::HelloVerifyRequest];
        // What has a later number than a Finished that waits for ChangeCipherSpec is not read.
        let end = sent.iter().position(|step| *step == S::Finished);
        let messages: Vec<_> = end
            .map_or(sent, |end| &sent[..=end])
            .iter()
            .copied()
            .filter(|step| !silent.contains(step))
            .collect();
        messages
            .split_last()
            .is_some_and(|(last, flight)| *last == S::Finished && self.flights.contains(&flight))
            && sent.contains(&S::ChangeCipherSpec)
    }
}

/// Plays every sequence of `from_nothing` symbols, and of `behind` behind each beginning of `good`.
pub fn all<T: Copy>(
    alphabet: &[T],
    good: &[T],
    (from_nothing, behind): (u32, u32),
    play: impl Fn(&[T]) -> usize,
) {
    for prefix in 0..=good.len() {
        let len = if prefix == 0 { from_nothing } else { behind };
        let mut steps = good[..prefix].to_vec();
        let mut connected = 0;
        for number in 0..alphabet.len().pow(len) {
            steps.truncate(prefix);
            let mut rest = number;
            for _ in 0..len {
                steps.push(alphabet[rest % alphabet.len()]);
                rest /= alphabet.len();
            }
            connected += usize::from(play(&steps) > 0);
        }
        let reaches = prefix + usize::try_from(len).unwrap() >= good.len();
        assert!(!reaches || connected > 0, "the good one is among them");
    }
}

/// Six from nothing and four behind each step of a good handshake where there is time; four and two else.
pub fn lengths() -> (u32, u32) {
    if std::env::var_os("LWM2M_LONG").is_some() {
        (6, 4)
    } else {
        (4, 2)
    }
}
