//! Rows E02 to E08 and F of the list of hostile inputs: how a handshake starts.

mod script;

use std::time::Duration;

use dtls_core::{Config, Connect, ConnectionIdPolicy, Event, FailureReason, Path};
use dtls_psk::Psk;
use script::*;

const IDENTITY: &[u8] = b"urn:dev:lamp";
const KEY: &[u8] = b"0123456789abcdef";

fn path(host: u32, port: u16) -> Path {
    let ip = std::net::Ipv4Addr::from_bits(0x7f00_0001 + host);
    Path {
        local_endpoint: 0,
        address: (ip, port).into(),
    }
}

fn share() -> PskShare {
    PskShare {
        identity: IDENTITY.to_vec(),
        key: KEY.to_vec(),
    }
}

fn client() -> Client {
    Client::new(path(0, 40_000), share())
}

fn server(config: Config) -> Side {
    let mut server = Side::server(config, Psk::server());
    server.keys.insert(IDENTITY.to_vec(), KEY.to_vec());
    server
}

fn nothing_held(server: &Side) {
    let tables = server.endpoint.tables();
    assert_eq!(
        (tables.handshakes, tables.timers, tables.questions),
        (0, 0, 0)
    );
}

fn is_hello_verify_request(datagrams: &[Vec<u8>]) -> bool {
    datagrams.len() == 1 && datagrams[0][13] == HELLO_VERIFY_REQUEST
}

fn scaled(short: u64, long: u64) -> u64 {
    if std::env::var_os("LWM2M_LONG").is_some() {
        long
    } else {
        short
    }
}

/// The smallest hellos that are well-formed, and long ones: never more comes back.
#[test]
fn hostile_e02_no_answer_is_larger_than_its_question() {
    let mut server = server(Config::default());
    let mut client = client();
    let mut answered = 0;
    for suites in [1, 2, 300] {
        for extensions in 0..40 {
            let mut body = vec![0xfe, 0xfd];
            body.extend(client.random);
            body.extend([0, 0]);
            body.extend(vec16(&vec![0xc0; 2 * suites]));
            body.extend([1, 0]);
            if extensions > 0 {
                body.extend(vec16(&extension(0x7777, &vec![0; extensions])));
            }
            let hello = client.record(HANDSHAKE, &message(CLIENT_HELLO, 0, &body));
            let answer = server.give(client.path, &hello);
            assert!(is_hello_verify_request(&answer));
            assert!(answer[0].len() <= hello.len());
            answered += 1;
            // Two in a datagram are two questions.
            let answer = server.give(client.path, &[hello.clone(), hello.clone()].concat());
            assert!(answer.concat().len() <= 2 * hello.len());
            // Its first fragments, as short as they come.
            for len in 0..body.len() {
                let piece = fragment(CLIENT_HELLO, body.len(), 0, 0, &body[..len]);
                let hello = client.record(HANDSHAKE, &piece);
                let answer = server.give(client.path, &hello);
                assert!(answer.concat().len() <= hello.len());
                if len > 40 {
                    break;
                }
            }
        }
    }
    assert_eq!(answered, 120);
    nothing_held(&server);
}

#[test]
fn hostile_e03_cookies_that_are_not_the_one() {
    let mut server = server(Config::default());
    let mut client = client();
    let hello = client.hello();
    client.read(&server.give(path(0, 40_000), &hello));
    let good = client.cookie.clone();
    for len in [0, 1, 15, 16, 17, 27, 29, 31, 33, 255] {
        client.cookie = good.iter().copied().cycle().take(len).collect();
        if len == 16 {
            client.cookie[15] ^= 1;
        }
        let hello = client.hello();
        let answer = server.give(client.path, &hello);
        assert!(is_hello_verify_request(&answer), "{len} bytes");
        nothing_held(&server);
    }
    client.cookie.clone_from(&good);
    // Every bit of the good one.
    for bit in 0..8 * good.len() {
        client.cookie[bit / 8] ^= 1 << (bit % 8);
        let hello = client.hello();
        assert!(is_hello_verify_request(&server.give(client.path, &hello)));
        client.cookie.clone_from(&good);
    }
    // The right cookie with other parameters.
    let changes: [fn(&mut Client); 4] = [
        |client| client.random[31] ^= 1,
        |client| client.session_id = vec![1; 32],
        |client| client.extended_master_secret = false,
        |client| client.extensions = extension(0x7777, &[]),
    ];
    for change in changes {
        let mut other = Client::new(client.path, share());
        other.cookie.clone_from(&good);
        change(&mut other);
        let hello = other.hello();
        assert!(is_hello_verify_request(&server.give(client.path, &hello)));
    }
    // The right one from another address, another port, another of our sockets.
    let hello = client.hello();
    let mut socket = client.path;
    socket.local_endpoint = 1;
    for from in [path(1, 40_000), path(0, 40_001), socket] {
        assert!(is_hello_verify_request(&server.give(from, &hello)));
    }
    nothing_held(&server);
    let answer = server.give(client.path, &hello);
    assert!(!is_hello_verify_request(&answer), "the right one is good");
}

/// An old cookie is not taken for ever.
#[test]
fn hostile_e03_cookies_expire() {
    let config = Config::default();
    let lifetime = config.cookie_lifetime;
    for (wait, good) in [(lifetime, true), (2 * lifetime, false)] {
        let mut server = server(Config::default());
        let mut client = client();
        let hello = client.hello();
        client.read(&server.give(client.path, &hello));
        server.run(wait);
        let hello = client.hello();
        let answer = server.give(client.path, &hello);
        assert_eq!(!is_hello_verify_request(&answer), good, "after {wait:?}");
    }
}

#[test]
fn hostile_e04_resumption_without_a_cookie() {
    let mut config = Config::default();
    config.resumptions = 10;
    let mut server = server(config);
    let mut client = client();
    client.handshake(&mut server);
    let known = client.server_session_id.clone();
    assert!(!known.is_empty());
    // From the session's own address, and from a spoofed one; a session that is known, one that is not, one that does
    // not fit.
    for from in [client.path, path(9, 9)] {
        for (id, ems) in [
            (known.clone(), true),
            (known.clone(), false),
            (vec![1; 12], true),
        ] {
            let mut other = Client::new(from, share());
            other.restart(2);
            other.session_id = id;
            other.extended_master_secret = ems;
            let hello = other.hello();
            assert!(is_hello_verify_request(&server.give(from, &hello)));
        }
    }
    nothing_until_linger(&mut server);
}

fn nothing_until_linger(server: &mut Side) {
    assert_eq!(server.endpoint.tables().handshakes, 0);
}

/// The same good cookie again and again is one handshake, with a bounded number of flights.
#[test]
fn hostile_e07_a_cookie_replayed() {
    let mut server = server(Config::default());
    let mut client = client();
    client.begin(&mut server);
    client.next_message = 1;
    let hello = client.hello();
    let before = server.sent.len();
    for _ in 0..scaled(10_000, 100_000) {
        server.put(client.path, &hello);
        assert_eq!(server.endpoint.tables().handshakes, 1);
    }
    let flights = server.sent.len() - before;
    assert!(
        flights <= usize::from(Config::default().repeats),
        "{flights}"
    );
    assert_eq!(server.endpoint.stats().cookies_good, 1);
}

/// There is no threshold under which the cookie is left out: not one hello gets more than a cookie.
#[test]
fn hostile_e08_no_threshold_for_resumptions() {
    let mut config = Config::default();
    config.resumptions = 10;
    let mut server = server(config);
    let mut first = client();
    first.handshake(&mut server);
    for number in 0..100 {
        let mut other = Client::new(path(number, 5), share());
        other.session_id.clone_from(&first.server_session_id);
        let hello = other.hello();
        assert!(is_hello_verify_request(&server.give(other.path, &hello)));
    }
    assert_eq!(server.endpoint.stats().cookies_sent, 101);
}

#[test]
fn hostile_f01_a_cookie_past_the_end() {
    let mut server = server(Config::default());
    let mut client = client();
    for cookie in 0..=255_u8 {
        let mut body = vec![0xfe, 0xfd];
        body.extend(client.random);
        body.extend([0, cookie, 1, 2, 3]);
        if cookie <= 3 {
            continue;
        }
        let hello = client.record(HANDSHAKE, &message(CLIENT_HELLO, 0, &body));
        assert!(server.give(client.path, &hello).is_empty(), "{cookie}");
    }
    nothing_held(&server);
}

#[test]
fn hostile_f02_a_forged_hello_into_a_session() {
    let mut server = server(Config::default());
    let mut client = client();
    client.handshake(&mut server);
    let peer = server.peer();
    for sequence in [0, 1, 77, (1 << 48) - 1] {
        let mut forged = Client::new(client.path, share());
        forged.restart(99);
        forged.next_plain = sequence;
        for cookie in [0, 16, 28] {
            forged.cookie = vec![1; cookie];
            let hello = forged.hello();
            server.put(client.path, &hello);
        }
    }
    let up = client.seal(DATA, b"up");
    server.put(client.path, &up);
    assert_eq!(server.data, [(peer, b"up".to_vec())]);
    let down = server.seal(peer, b"down").unwrap();
    // The server's counter goes on where it was: Finished was 0.
    assert_eq!(parse(&down, 0)[0].sequence, 1);
    client.read(&[down]);
    assert_eq!(client.data, [b"down".to_vec()]);
}

#[test]
fn hostile_f03_an_odd_length_of_suites() {
    let mut server = server(Config::default());
    let client = client();
    for suites in [0, 1, 3, 5, 0xffff] {
        let mut body = vec![0xfe, 0xfd];
        body.extend(client.random);
        body.extend([0, 0]);
        body.extend(u16::to_be_bytes(suites));
        body.extend([0xc0, 0xa8, 0, 0xff, 1, 0]);
        body.extend(vec16(&extension(23, &[])));
        let hello = record(HANDSHAKE, 0, &message(CLIENT_HELLO, 0, &body));
        assert!(server.give(client.path, &hello).is_empty(), "{suites}");
    }
    nothing_held(&server);
}

#[test]
fn hostile_f04_a_hello_of_one_byte() {
    let mut server = server(Config::default());
    let mut client = client();
    let short = message(CLIENT_HELLO, 0, &[1]);
    assert_eq!(short.len(), 13);
    assert!(
        server
            .give(client.path, &record(HANDSHAKE, 0, &short))
            .is_empty()
    );
    client.begin(&mut server);
    let bytes = client.record(HANDSHAKE, &short);
    assert!(server.give(client.path, &bytes).is_empty());
    let flight = client.second_flight().concat();
    client.read(&server.give(client.path, &flight));
    assert_eq!(client.finished, Some(true));
    // Inside epoch 1 it asks for a renegotiation, which is refused once.
    for round in 0..3 {
        let sealed = client.seal(HANDSHAKE, &short);
        let answer = server.give(client.path, &sealed);
        assert_eq!(answer.len(), usize::from(round == 0));
        client.read(&answer);
    }
    assert_eq!(client.alerts, [[1, 100]]);
    let up = client.seal(DATA, b"up");
    server.put(client.path, &up);
    assert_eq!(server.data.len(), 1);
}

/// Cut at each byte: with lengths that fit the cut, and with those of the whole.
#[test]
fn hostile_f06_a_hello_cut_at_each_byte() {
    let mut server = server(Config::default());
    let mut client = client();
    let whole = client.hello();
    for len in 0..whole.len() {
        assert!(server.give(client.path, &whole[..len]).is_empty(), "{len}");
    }
    let body = client.hello_body();
    let mut answers = 0;
    for len in 0..body.len() {
        let cut = record(HANDSHAKE, 0, &message(CLIENT_HELLO, 0, &body[..len]));
        answers += server.give(client.path, &cut).len();
    }
    // It may end before the extensions, and nowhere else.
    assert_eq!(answers, 1);
    nothing_held(&server);
}

/// The bytes of the report, then a second hello that is broken.
#[test]
fn hostile_f07_a_second_hello_that_is_broken() {
    let mut body = vec![0xfe, 0xfd];
    body.extend([0; 32]);
    body.extend([0, 0, 0, 4, 0xc0, 0xa8, 0, 0xff, 1, 0, 0, 4, 0, 0x17, 0, 0]);
    let hello = record_of(
        [0xfe, 0xff],
        HANDSHAKE,
        0,
        0,
        &message(CLIENT_HELLO, 0, &body),
    );
    assert_eq!(hello.len(), 13 + 0x3e);
    let mut server = server(Config::default());
    let bad = path(5, 5);
    let answer = server.give(bad, &hello);
    assert!(is_hello_verify_request(&answer));
    let cookie = answer[0][28..].to_vec();
    for broken in [0, 35, 36, 37, 66] {
        let mut second = body[..35].to_vec();
        second.extend(&cookie);
        second.extend(&body[35..]);
        second.truncate(broken);
        second.resize(body.len() + cookie.len(), 0xee);
        let bytes = record(HANDSHAKE, 1, &message(CLIENT_HELLO, 1, &second));
        server.put(bad, &bytes);
    }
    client().handshake(&mut server);
    assert_eq!(server.connected(), 1);
}

/// RFC 6347 §4.2.1: a cookie that is not good counts as none, whatever it looks like.
#[test]
fn hostile_f08_a_bad_cookie_is_no_cookie() {
    let mut server = server(Config::default());
    let mut client = client();
    for cookie in [vec![0; 16], vec![0xff; 28], vec![1; 255]] {
        client.cookie = cookie;
        let hello = client.hello();
        let answer = server.give(client.path, &hello);
        assert!(is_hello_verify_request(&answer), "and no alert");
    }
    client.restart(1);
    client.handshake(&mut server);
}

#[test]
fn hostile_f09_cookies_of_every_length_come_back() {
    for len in 0..=255 {
        let mut client = Side::client(Config::default());
        let mut server = FakeServer::new(path(0, 5684), PskServerShare { key: KEY.to_vec() });
        server.cookie = (0..len).collect();
        let suites = Psk::client(IDENTITY, KEY).unwrap();
        client.connect(server.path, suites, Connect::default());
        server.read(&client.take(server.path));
        let request = server.hello_verify_request();
        server.read(&client.give(server.path, &request));
        assert_eq!(server.seen, [CLIENT_HELLO, CLIENT_HELLO]);
        assert_eq!(server.client_hello[34], 0, "no session id");
        assert_eq!(server.client_hello[35], len);
        assert_eq!(
            server.client_hello[36..36 + usize::from(len)],
            server.cookie
        );
        let flight = [server.server_hello(), server.server_hello_done()].concat();
        server.read(&client.give(server.path, &flight));
        assert_eq!(server.finished, Some(true), "{len}");
    }
}

/// RFC 6347 §4.2.8: the old session lives until the new Finished is verified.
#[test]
fn hostile_f11_a_hello_on_a_live_session() {
    for with_cid in [false, true] {
        let mut config = Config::default();
        let mut client = client();
        if with_cid {
            config.connection_id = ConnectionIdPolicy::receive(8, &[]);
            client.extensions = extension(54, &[0]);
        }
        let mut server = server(config);
        client.handshake(&mut server);
        let old = server.peer();
        let check = |server: &mut Side, client: &mut Client, what: &str| {
            let up = client.seal(DATA, what.as_bytes());
            server.put(client.path, &up);
            assert_eq!(
                server.data.last(),
                Some(&(old, what.as_bytes().to_vec())),
                "{what}"
            );
            let down = server.seal(old, b"down").expect(what);
            client.read(&[down]);
            assert_eq!(client.data.pop(), Some(b"down".to_vec()), "{what}");
        };
        // Blind: no cookie.
        let mut blind = Client::new(client.path, share());
        blind.restart(7);
        let hello = blind.hello();
        server.put(client.path, &hello);
        check(&mut server, &mut client, "after a blind hello");
        // Somebody on the path, who sees the cookie but has no key.
        let mut other = Client::new(
            client.path,
            PskShare {
                identity: IDENTITY.to_vec(),
                key: vec![1; 16],
            },
        );
        other.restart(8);
        other.extensions.clone_from(&client.extensions);
        other.begin(&mut server);
        check(&mut server, &mut client, "while another handshake runs");
        let flight = other.second_flight().concat();
        server.put(client.path, &flight);
        check(&mut server, &mut client, "after a Finished that is wrong");
        server.run(Duration::from_secs(3));
        check(&mut server, &mut client, "after that handshake failed");
        assert_eq!(server.connected(), 1);
        // The device itself, after a power cut.
        let mut again = Client::new(client.path, share());
        again.restart(9);
        again.extensions.clone_from(&client.extensions);
        again.begin(&mut server);
        check(&mut server, &mut client, "before the new Finished");
        let flight = again.second_flight().concat();
        again.read(&server.give(client.path, &flight));
        assert_eq!(again.finished, Some(true));
        assert!(server.seal(old, b"gone").is_none());
        let replaced = server.events.iter().rev().find_map(|event| match event {
            Event::Connected { replaces, .. } => *replaces,
            _ => None,
        });
        assert_eq!(replaced, Some(old));
        assert_eq!(server.endpoint.tables().sessions, 1);
    }
}

/// Extensions that nobody knows, each another.
fn unknown(count: u16) -> Vec<u8> {
    let numbers = (0..count).map(|number| extension(0x6000 + number, &[]));
    numbers.collect::<Vec<_>>().concat()
}

/// With extended_master_secret, and one unknown extension less than a hello may have at most.
#[test]
fn a_hello_may_have_64_extensions() {
    let mut server = server(Config::default());
    let mut client = client();
    client.extensions = unknown(63);
    client.handshake(&mut server);
}

#[test]
fn hostile_f12_long_lists() {
    let mut server = server(Config::default());
    let mut client = client();
    // A known extension twice.
    client.extensions = extension(23, &[]);
    let hello = client.hello();
    assert!(server.give(client.path, &hello).is_empty());
    // 1 000 groups, all the same; 32 767 suites.
    client.extensions = extension(10, &vec16(&[0, 23].repeat(1000)));
    let hello = client.hello();
    assert!(is_hello_verify_request(&server.give(client.path, &hello)));
    // 1 900 extensions that nobody knows, all the same, or each another: looked at up to the second, or the 64th.
    for extensions in [extension(0x1a1a, &[]).repeat(1900), unknown(1900)] {
        client.extensions = extensions;
        let hello = client.hello();
        assert!(server.give(client.path, &hello).is_empty());
    }
    let mut body = vec![0xfe, 0xfd];
    body.extend(client.random);
    body.extend([0, 0]);
    body.extend(vec16(&[0xc0, 0xa8].repeat(32_766)));
    body.extend([1, 0]);
    // Longer than a datagram: its fragments are not kept, and its first is not answered.
    let piece = fragment(CLIENT_HELLO, body.len(), 0, 0, &body[..1200]);
    assert!(
        server
            .give(client.path, &record(HANDSHAKE, 0, &piece))
            .is_empty()
    );
    nothing_held(&server);
}

#[test]
fn hostile_f13_randoms_differ() {
    let mut seen = std::collections::HashSet::new();
    let mut side = Side::client(Config::default());
    for number in 0..1000 {
        let to = path(number, 5684);
        side.connect(to, Psk::client(IDENTITY, KEY).unwrap(), Connect::default());
        let hello = side.take(to).pop().unwrap();
        assert!(seen.insert(hello[27..59].to_vec()));
    }
    assert!(!seen.contains(&vec![0; 32]));
    let mut server = server(Config::default());
    let mut seen = std::collections::HashSet::new();
    for number in 0..200 {
        let mut client = Client::new(path(number, 4), share());
        client.begin(&mut server);
        assert!(seen.insert(client.server_random));
    }
}

/// A hello in the smallest fragments, in every rotation and backwards: a handshake, or nothing.
#[test]
fn hostile_f14_a_hello_in_fragments_out_of_order() {
    for size in [1, 2, 7, 40, 65] {
        for order in 0..4 {
            let mut server = server(Config::default());
            let mut client = client();
            for _ in 0..2 {
                let body = client.hello_body();
                client.transcript = message(CLIENT_HELLO, client.next_message, &body);
                let mut pieces: Vec<_> = (0..body.len())
                    .step_by(size)
                    .map(|at| {
                        let end = body.len().min(at + size);
                        fragment(
                            CLIENT_HELLO,
                            body.len(),
                            client.next_message,
                            at,
                            &body[at..end],
                        )
                    })
                    .collect();
                match order {
                    0 => {}
                    1 => pieces.reverse(),
                    2 => pieces.rotate_left(1),
                    _ => {}
                }
                // What came before the first one was for nobody; it comes again.
                if order > 0 {
                    pieces.extend(pieces.clone());
                }
                client.next_message += 1;
                let mut answer = Vec::new();
                for piece in pieces {
                    let record = client.record(HANDSHAKE, &piece);
                    let more = server.give(client.path, &record);
                    assert!(more.concat().len() <= 200);
                    answer.extend(more);
                }
                client.read(&answer);
            }
            // A first fragment that does not reach to the end of the cookie is not understood.
            let expected = size >= 65;
            assert_eq!(
                client.seen.contains(&SERVER_HELLO_DONE),
                expected,
                "{size}, {order}"
            );
            if expected {
                let flight = client.second_flight().concat();
                client.read(&server.give(client.path, &flight));
                assert_eq!(client.finished, Some(true));
            } else {
                nothing_held(&server);
            }
        }
    }
}

/// Ignored in every state: nothing is sent, nothing grows.
#[test]
fn hostile_f16_hello_requests() {
    let count = scaled(2_000, 100_000);
    let mut side = Side::client(Config::default());
    let mut server = FakeServer::new(path(0, 5684), PskServerShare { key: KEY.to_vec() });
    let suites = Psk::client(IDENTITY, KEY).unwrap();
    let peer = side.connect(server.path, suites, Connect::default());
    server.read(&side.take(server.path));
    let request = message(HELLO_REQUEST, 0, &[]);
    let flood = |side: &mut Side, server: &mut FakeServer, sealed: bool| {
        for _ in 0..count {
            let bytes = match sealed {
                true => server.seal(HANDSHAKE, &request),
                false => server.record(HANDSHAKE, &request),
            };
            assert!(side.give(server.path, &bytes).is_empty());
        }
        assert_eq!(side.endpoint.tables().buffered, 0);
    };
    flood(&mut side, &mut server, false);
    let flight = [server.server_hello(), server.server_hello_done()].concat();
    server.read(&side.give(server.path, &flight));
    flood(&mut side, &mut server, false);
    let flight = [server.change_cipher_spec(), server.finish(true)].concat();
    side.put(server.path, &flight);
    assert_eq!(side.connected(), 1);
    flood(&mut side, &mut server, false);
    flood(&mut side, &mut server, true);
    let down = server.seal(DATA, b"down");
    side.put(server.path, &down);
    assert_eq!(side.data, [(peer, b"down".to_vec())]);
    // A server gets none, and ignores them too.
    let mut server = self::server(Config::default());
    let mut client = client();
    client.handshake(&mut server);
    for _ in 0..count {
        let bytes = client.seal(HANDSHAKE, &request);
        assert!(server.give(client.path, &bytes).is_empty());
    }
}

struct ManySuites(PskShare);

impl KeyShare for ManySuites {
    fn suites(&self) -> Vec<u16> {
        (0..300)
            .map(|number| 0xd100 + number)
            .chain([0xc0a8])
            .collect()
    }
    fn extensions(&self) -> Vec<u8> {
        Vec::new()
    }
    fn certificate(&mut self) -> Vec<u8> {
        self.0.certificate()
    }
    fn key_exchange(&mut self, server: Option<&[u8]>) -> (Vec<u8>, Vec<u8>) {
        self.0.key_exchange(server)
    }
    fn certificate_verify(&mut self, transcript: &[u8]) -> Vec<u8> {
        self.0.certificate_verify(transcript)
    }
}

#[test]
fn hostile_f17_300_suites() {
    let mut server = server(Config::default());
    Client::new(path(0, 1), ManySuites(share())).handshake(&mut server);
}

/// Duplicate and overlong extension vectors: a whole hello gets no answer at all, one whose cookie was
/// good (it came in fragments at first) an alert.
#[test]
fn hostile_f17_duplicate_and_overlong_extensions() {
    let duplicate = extension(23, &[]);
    let unknown_twice = [unknown(20), extension(0x6000, b"other data")].concat();
    let overlong = [&60_u16.to_be_bytes()[..], &[0xff, 0xff], &[0; 8]].concat();
    for (extensions, alert) in [
        (duplicate, 47),
        (unknown_twice, 47),
        (overlong, 50),
        (unknown(64), 50),
    ] {
        let mut server = server(Config::default());
        let mut client = client();
        client.extensions = extensions;
        let hello = client.hello();
        assert!(server.give(client.path, &hello).is_empty());
        let body = client.hello_body();
        let piece = fragment(CLIENT_HELLO, body.len(), 0, 0, &body[..50]);
        client.read(&server.give(client.path, &record(HANDSHAKE, 0, &piece)));
        assert_eq!(client.seen, [HELLO_VERIFY_REQUEST]);
        let hello = client.hello();
        client.read(&server.give(client.path, &hello));
        assert_eq!(client.alerts, [[2, alert]]);
        nothing_held(&server);
    }
}

/// RFC 5746 §3.6: in a first handshake renegotiation_info is empty.
#[test]
fn hostile_f17_renegotiation_info_that_is_not_empty() {
    let mut server = server(Config::default());
    let mut client = client();
    client.extensions = extension(0xff01, &vec8(&[0; 12]));
    client.begin(&mut server);
    assert_eq!(client.alerts, [[2, 40]]);
    nothing_held(&server);
}

#[test]
fn hostile_f18_versions_of_records_and_hellos() {
    // Either version on the first records; the hello says 1.2.
    for first in [[0xfe, 0xff], [0xfe, 0xfd]] {
        for second in [[0xfe, 0xff], [0xfe, 0xfd]] {
            let mut server = server(Config::default());
            let mut client = client();
            for version in [first, second] {
                let mut hello = client.hello();
                hello[1..3].copy_from_slice(&version);
                client.read(&server.give(client.path, &hello));
            }
            let flight = client.second_flight().concat();
            client.read(&server.give(client.path, &flight));
            assert_eq!(client.finished, Some(true), "{first:?} {second:?}");
        }
    }
    // Our client takes a HelloVerifyRequest and a record of either version.
    for record_version in [[0xfe, 0xff], [0xfe, 0xfd]] {
        for said in [[0xfe, 0xff], [0xfe, 0xfd]] {
            let mut side = Side::client(Config::default());
            let mut server = FakeServer::new(path(0, 5684), PskServerShare { key: KEY.to_vec() });
            let suites = Psk::client(IDENTITY, KEY).unwrap();
            side.connect(server.path, suites, Connect::default());
            server.read(&side.take(server.path));
            let mut request = server.hello_verify_request();
            request[1..3].copy_from_slice(&record_version);
            request[25..27].copy_from_slice(&said);
            server.read(&side.give(server.path, &request));
            let flight = [server.server_hello(), server.server_hello_done()].concat();
            server.read(&side.give(server.path, &flight));
            assert_eq!(server.finished, Some(true));
        }
    }
    // A client that has nothing newer than 1.0 is told so, behind the cookie.
    let mut server = server(Config::default());
    let mut client = client();
    for _ in 0..2 {
        let mut body = client.hello_body();
        body[1] = 0xff;
        let hello = client.message(CLIENT_HELLO, &body);
        client.read(&server.give(client.path, &hello));
    }
    assert_eq!(
        (client.seen, client.alerts),
        (vec![HELLO_VERIFY_REQUEST], vec![[2, 70]])
    );
    assert_eq!(
        server.failures(),
        [FailureReason::Protocol(dtls_core::Alert::PROTOCOL_VERSION)]
    );
}

/// record_size_limit is not spoken here, so no value of it means anything, and it is not answered.
#[test]
fn hostile_f19_record_size_limit() {
    for limit in [0_u16, 1, 63, 64, 65_535] {
        let mut server = server(Config::default());
        let mut client = client();
        client.extensions = extension(28, &limit.to_be_bytes());
        client.handshake(&mut server);
        assert_eq!(
            client.server_extensions,
            extension(23, &[])
                .into_iter()
                .chain(extension(0xff01, &[0]))
                .collect::<Vec<_>>()
        );
    }
}
