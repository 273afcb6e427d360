//! Rows G of the list of hostile inputs: fragments, order, repetition. G05, G10 and G15 are not of this list; G11
//! and G17 stand with the certificates (`dtls-ecdsa`), G10 is `sequences.rs`.

mod common;
mod script;

use std::time::Duration;

use common::Pair;
use dtls_core::{Config, Connect, Event, FailureReason, Path};
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

fn share() -> PskShare {
    PskShare {
        identity: IDENTITY.to_vec(),
        key: KEY.to_vec(),
    }
}

/// A server that waits for ClientKeyExchange, and its client.
fn begun(config: Config) -> (Side, Client) {
    let mut server = Side::server(config, Psk::server());
    server.keys.insert(IDENTITY.to_vec(), KEY.to_vec());
    let mut client = Client::new(path(), share());
    client.begin(&mut server);
    (server, client)
}

/// A client under test that has sent its hello, and its server.
fn called() -> (Side, FakeServer) {
    let mut client = Side::client(Config::default());
    let mut server = FakeServer::new(path(), PskServerShare { key: KEY.to_vec() });
    let suites = Psk::client(IDENTITY, KEY).unwrap();
    client.connect(path(), suites, Connect::default());
    server.read(&client.take(path()));
    (client, server)
}

fn scaled(short: u32, long: u32) -> u32 {
    if std::env::var_os("LWM2M_LONG").is_some() {
        long
    } else {
        short
    }
}

fn give_piece(server: &mut Side, client: &mut Client, piece: &[u8]) -> Vec<Vec<u8>> {
    let bytes = client.record(HANDSHAKE, piece);
    server.give(path(), &bytes)
}

/// The second flight, of which the first message goes in pieces of `sizes`: (offset, length).
fn finish_in_pieces(server: &mut Side, client: &mut Client, pieces: &[(usize, usize)]) {
    let sequence = client.next_message;
    let whole = client.key_exchange();
    let body = &whole[25..];
    for &(offset, len) in pieces {
        let bytes = &body[offset..offset + len];
        let piece = fragment(CLIENT_KEY_EXCHANGE, body.len(), sequence, offset, bytes);
        give_piece(server, client, &piece);
    }
    let rest = [client.change_cipher_spec(), client.finish(true)].concat();
    client.read(&server.give(path(), &rest));
}

#[test]
fn hostile_g01_fragments_that_disagree_on_the_length() {
    let (mut server, mut client) = begun(Config::default());
    let len = 2 + IDENTITY.len();
    let sequence = client.next_message;
    let body = vec16(IDENTITY);
    let first = fragment(CLIENT_KEY_EXCHANGE, len, sequence, 0, &body[..5]);
    give_piece(&mut server, &mut client, &first);
    let held = server.endpoint.tables().buffered;
    for (total, offset) in [(5000, 5), (len + 1, 5), (6, 5)] {
        let other = fragment(CLIENT_KEY_EXCHANGE, total, sequence, offset, &[0xee]);
        give_piece(&mut server, &mut client, &other);
        assert_eq!(server.endpoint.tables().buffered, held, "{total}");
    }
    finish_in_pieces(&mut server, &mut client, &[(5, len - 5)]);
    assert_eq!(client.finished, Some(true));
}

#[test]
fn hostile_g02_declared_lengths_are_not_allocated() {
    let config = Config::default();
    let (mut server, mut client) = begun(config.clone());
    for sequence in 0..10 {
        let sequence = client.next_message + sequence;
        let piece = fragment(CERTIFICATE, (1 << 24) - 1, sequence, 0, &[1]);
        give_piece(&mut server, &mut client, &piece);
    }
    assert_eq!(server.endpoint.tables().buffered, 0);
    for sequence in 1..10 {
        let sequence = client.next_message + sequence;
        let piece = fragment(CERTIFICATE, config.max_message, sequence, 0, &[1]);
        give_piece(&mut server, &mut client, &piece);
    }
    let held = server.endpoint.tables().buffered;
    assert!(held > 0 && held <= 7 * 64, "{held} for seven bytes");
}

#[test]
fn hostile_g03_fragments_of_length_zero() {
    let (mut server, mut client) = begun(Config::default());
    for count in 0..scaled(10_000, 1_000_000) {
        let sequence = client.next_message + u16::try_from(count % 20).unwrap();
        let offset = usize::try_from(count).unwrap() % 100;
        let piece = fragment(CLIENT_KEY_EXCHANGE, 100, sequence, offset, &[]);
        assert!(give_piece(&mut server, &mut client, &piece).is_empty());
    }
    assert_eq!(server.endpoint.tables().buffered, 0);
    let len = 2 + IDENTITY.len();
    finish_in_pieces(&mut server, &mut client, &[(0, 5), (5, len - 5)]);
    assert_eq!(client.finished, Some(true));
}

#[test]
fn hostile_g04_a_fragment_of_nothing_at_the_start() {
    let (mut server, mut client) = begun(Config::default());
    let piece = fragment(CLIENT_KEY_EXCHANGE, 100, client.next_message, 0, &[]);
    // Many in one record too.
    let many = piece.repeat(100);
    for _ in 0..100 {
        give_piece(&mut server, &mut client, &piece);
        give_piece(&mut server, &mut client, &many);
    }
    assert_eq!(server.endpoint.tables().buffered, 0);
    finish_in_pieces(&mut server, &mut client, &[(0, 2 + IDENTITY.len())]);
    assert_eq!(client.finished, Some(true));
}

#[test]
fn hostile_g06_messages_far_ahead_of_their_turn() {
    let config = Config::default();
    let (mut server, mut client) = begun(config.clone());
    let body = vec![0xee; 1348];
    let step = usize::try_from(scaled(16, 1)).unwrap();
    for sequence in (client.next_message + 1..=u16::MAX).step_by(step) {
        let piece = message(CERTIFICATE, sequence, &body);
        give_piece(&mut server, &mut client, &piece);
    }
    let held = server.endpoint.tables().buffered;
    assert!(held <= config.max_buffered, "{held}");
    assert!(held <= 8 * (1348 + 64), "{held}");
}

#[test]
fn hostile_g07_early_messages_are_freed_at_connect() {
    let (mut server, mut client) = begun(Config::default());
    for sequence in 3..8 {
        let piece = fragment(
            CERTIFICATE,
            2000,
            client.next_message + sequence,
            0,
            &[1; 1000],
        );
        give_piece(&mut server, &mut client, &piece);
    }
    assert!(server.endpoint.tables().buffered >= 5000);
    let flight = client.second_flight().concat();
    client.read(&server.give(path(), &flight));
    assert_eq!(client.finished, Some(true));
    assert_eq!(server.endpoint.tables().buffered, 0);
}

#[test]
fn hostile_g08_the_first_fragment_is_far_ahead() {
    let (mut server, mut client) = begun(Config::default());
    for ahead in [8, 9, 100, 30_000, 65_000] {
        let piece = fragment(
            CLIENT_KEY_EXCHANGE,
            100,
            client.next_message + ahead,
            0,
            &[1; 50],
        );
        give_piece(&mut server, &mut client, &piece);
        assert_eq!(server.endpoint.tables().buffered, 0, "{ahead}");
    }
    // As the very first thing that anybody sends.
    let stranger = Path {
        address: ([127, 0, 0, 2], 1).into(),
        ..path()
    };
    let piece = fragment(CLIENT_KEY_EXCHANGE, 100, 77, 0, &[1; 50]);
    assert!(
        server
            .give(stranger, &record(HANDSHAKE, 0, &piece))
            .is_empty()
    );
    assert_eq!(server.endpoint.tables().handshakes, 1);
}

/// Fragments belong together by message_seq, not by type.
#[test]
fn hostile_g09_fragments_of_two_messages_of_one_type() {
    let (mut server, mut client) = begun(Config::default());
    let next = client.next_message;
    let one = fragment(CLIENT_KEY_EXCHANGE, 100, next + 1, 0, &[1; 50]);
    let two = fragment(CLIENT_KEY_EXCHANGE, 200, next + 2, 50, &[2; 150]);
    give_piece(&mut server, &mut client, &one);
    give_piece(&mut server, &mut client, &two);
    let held = server.endpoint.tables().buffered;
    assert!((200..=200 + 2 * 64).contains(&held), "{held}");
    // 100 bytes in all do not make the first one whole, nor 200 the second.
    let flight = [client.key_exchange(), client.change_cipher_spec()].concat();
    server.put(path(), &flight);
    assert_eq!(server.failures(), [], "{:?}", server.events);
    assert_eq!(server.connected(), 0);
}

#[test]
fn hostile_g12_fragments_that_overlap() {
    let len = 2 + IDENTITY.len();
    let plans: [&[(usize, usize)]; 7] = [
        &[(0, len)],
        &[(0, 6), (4, len - 4)],
        &[(4, len - 4), (0, 6)],
        &[(3, 4), (0, len)],
        &[(0, 3), (6, 3), (2, 5), (8, len - 8)],
        &[(0, 8), (0, 4), (0, 2), (1, len - 1)],
        &[(len - 1, 1), (0, 1), (1, len - 2)],
    ];
    for plan in plans {
        let (mut server, mut client) = begun(Config::default());
        finish_in_pieces(&mut server, &mut client, plan);
        assert_eq!(client.finished, Some(true), "{plan:?}");
    }
}

#[test]
fn hostile_g12_a_bad_fragment_and_the_good_one_again() {
    let (mut server, mut client) = begun(Config::default());
    let next = client.next_message;
    let mut beyond = fragment(CLIENT_KEY_EXCHANGE, 14, next, 10, &[1; 4]);
    beyond[8] = 13;
    let mut longer = message(CLIENT_KEY_EXCHANGE, next, &[1; 14]);
    longer[11] = 200;
    for bad in [&beyond[..], &longer, &longer[..11], &longer[..1]] {
        give_piece(&mut server, &mut client, bad);
        assert_eq!(server.endpoint.tables().buffered, 0);
    }
    let flight = client.second_flight().concat();
    client.read(&server.give(path(), &flight));
    assert_eq!(client.finished, Some(true));
}

/// Every cut of `records` into datagrams, in every order of the records.
fn packings(records: &[Vec<u8>], mut play: impl FnMut(&[Vec<u8>])) {
    let count = records.len();
    let mut order: Vec<usize> = (0..count).collect();
    let mut orders = Vec::new();
    permute(&mut order, 0, &mut orders);
    for order in orders {
        for cuts in 0..1_u32 << (count - 1) {
            let mut datagrams = vec![Vec::new()];
            for (at, &number) in order.iter().enumerate() {
                datagrams.last_mut().unwrap().extend(&records[number]);
                if cuts >> at & 1 == 1 {
                    datagrams.push(Vec::new());
                }
            }
            play(&datagrams);
        }
    }
}

fn permute(order: &mut Vec<usize>, at: usize, out: &mut Vec<Vec<usize>>) {
    if at == order.len() {
        out.push(order.clone());
        return;
    }
    for other in at..order.len() {
        order.swap(at, other);
        permute(order, at + 1, out);
        order.swap(at, other);
    }
}

#[test]
fn hostile_g13_every_packing_of_a_client_s_flight() {
    // Everything here is a function of the seed, so the same flight fits each new server.
    let (_, mut client) = begun(Config::default());
    let flight = client.second_flight();
    let mut count = 0;
    packings(&flight, |datagrams| {
        for bad in [
            None,
            Some(&b"\x16\xfe\xfd\0\0\0\0\0\0\0\x63\0\x02\x10\0"[..]),
            Some(b"\x17\xfe\xfd\0\x01\0\0\0\0\0\x63\0\0"),
        ] {
            let (mut server, mut client) = begun(Config::default());
            client.second_flight();
            let mut answer = Vec::new();
            for datagram in datagrams {
                let bytes = [bad.unwrap_or_default(), datagram].concat();
                answer.extend(server.give(path(), &bytes));
            }
            client.read(&answer);
            assert_eq!(client.finished, Some(true), "{datagrams:?} {bad:?}");
            count += 1;
        }
    });
    assert_eq!(count, 3 * 6 * 4);
}

#[test]
fn hostile_g13_every_packing_of_a_server_s_flights() {
    let (_, mut server) = called();
    let first = [
        server.server_hello(),
        server.key_exchange(),
        server.server_hello_done(),
    ];
    packings(&first, |datagrams| {
        let (mut client, mut server) = called();
        server.server_hello();
        server.key_exchange();
        server.server_hello_done();
        let answers: Vec<_> = datagrams
            .iter()
            .flat_map(|bytes| client.give(path(), bytes))
            .collect();
        server.read(&answers);
        assert_eq!(server.finished, Some(true), "{datagrams:?}");
        let last = [server.change_cipher_spec(), server.finish(true)];
        for bytes in last.iter().rev() {
            client.put(path(), bytes);
        }
        assert_eq!(client.connected(), 1);
    });
}

/// What is sent again is under the keys that it was sent with, and no record number twice.
#[test]
fn hostile_g14_repeated_flights_keep_their_keys() {
    let (mut client, mut server) = called();
    let flight = [server.server_hello(), server.server_hello_done()].concat();
    let first = client.give(path(), &flight);
    server.read(&first);
    assert_eq!(server.finished, Some(true));
    let mut numbers = Vec::new();
    let keys = server.keys.clone().unwrap();
    let mut look = |datagrams: &[Vec<u8>]| {
        let records: Vec<_> = datagrams.iter().flat_map(|bytes| parse(bytes, 0)).collect();
        let shape: Vec<_> = records
            .iter()
            .map(|it| (it.content_type, it.epoch))
            .collect();
        assert_eq!(
            shape,
            [(HANDSHAKE, 0), (CHANGE_CIPHER_SPEC, 0), (HANDSHAKE, 1)]
        );
        let finished = keys.open(true, &records[2]).expect("the same keys");
        assert_eq!(finished[0], FINISHED);
        for record in records {
            assert!(!numbers.contains(&(record.epoch, record.sequence)));
            numbers.push((record.epoch, record.sequence));
        }
        finished
    };
    let finished = look(&first);
    for _ in 0..4 {
        let before = client.sent.len();
        client.run(Duration::from_secs(1));
        while client.sent.len() == before {
            client.run(Duration::from_secs(1));
        }
        let again: Vec<_> = client.sent[before..]
            .iter()
            .map(|(_, _, bytes)| bytes.clone())
            .collect();
        assert_eq!(look(&again), finished, "and the same message");
    }

    // A server's last flight, when the client's comes again.
    let (mut server, mut client) = begun(Config::default());
    let flight = client.second_flight().concat();
    let first = server.give(path(), &flight);
    client.read(&first);
    let mut numbers = vec![(1, 0)];
    for _ in 0..3 {
        let finished = message(FINISHED, 3, &[0; 12]);
        let again = client.seal(HANDSHAKE, &finished);
        let answer = server.give(path(), &again);
        let records = parse(&answer[0], 0);
        assert_eq!(
            (records[0].content_type, records[0].epoch),
            (CHANGE_CIPHER_SPEC, 0)
        );
        let number = (records[1].epoch, records[1].sequence);
        assert!(!numbers.contains(&number));
        numbers.push(number);
        assert!(
            client
                .keys
                .as_ref()
                .unwrap()
                .open(false, &records[1])
                .is_some()
        );
    }
}

/// Alerts are lost, so the client repeats itself for as long as it may: ever more slowly, and the server says no
/// more than the client does.
#[test]
fn hostile_g16_a_wrong_key_for_a_minute() {
    let mut pair = Pair::new(Config::default());
    pair.filter = Box::new(|to_server, _, bytes| to_server || bytes[0] != ALERT);
    let suites = Psk::client(IDENTITY, b"a wrong key").unwrap();
    pair.connect(suites, Connect::default());
    pair.run(Duration::from_secs(120));
    let of = |to_server: bool| pair.sent.iter().filter(move |(_, to, _)| *to == to_server);
    let flights: Vec<_> = of(true)
        .filter(|(_, _, bytes)| bytes[13] == CLIENT_KEY_EXCHANGE)
        .map(|(at, _, _)| at.as_micros() / 1_000_000)
        .collect();
    assert!(flights.len() <= 7, "{flights:?}");
    let waits: Vec<_> = flights.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16]);
    assert!(of(false).count() <= of(true).count());
    let failures = |events: &[Event]| {
        let failed = |event: &&Event| matches!(event, Event::HandshakeFailed { .. });
        events.iter().filter(failed).count()
    };
    assert_eq!(
        (failures(&pair.client_events), failures(&pair.server_events)),
        (1, 1)
    );
    for endpoint in [&pair.client, &pair.server] {
        assert_eq!(
            (endpoint.tables().handshakes, endpoint.tables().timers),
            (0, 0)
        );
    }
}

/// In each state the timers end in a closed handshake and one event, and run no more.
#[test]
fn hostile_g18_timers_end_in_every_state() {
    for state in 0..5 {
        let (mut server, mut client) = begun(Config::default());
        if state == 1 {
            server.answering = Answering::Never;
        }
        for (at, bytes) in client.second_flight().iter().enumerate() {
            if at < state.min(2) {
                server.put(path(), bytes);
            }
        }
        if state == 3 {
            let bad = client.finish(false);
            server.put(path(), &bad);
        }
        if state == 4 {
            let mut wrong = client.seal(HANDSHAKE, &[0; 24]);
            wrong[30] ^= 1;
            server.put(path(), &wrong);
        }
        server.run(Duration::from_secs(61));
        assert_eq!(server.failures().len(), 1, "server in state {state}");
        assert_eq!(server.endpoint.poll_timeout(), None);
        assert_eq!(server.endpoint.tables().handshakes, 0);
        let sent = server.sent.len();
        server.run(Duration::from_secs(1000));
        assert_eq!(server.sent.len(), sent);
    }
    for state in 0..5 {
        let (mut client, mut server) = called();
        let steps = [
            server.hello_verify_request(),
            server.server_hello(),
            server.server_hello_done(),
            server.change_cipher_spec(),
        ];
        for bytes in &steps[..state] {
            client.put(path(), bytes);
        }
        client.run(Duration::from_secs(61));
        assert_eq!(
            client.failures(),
            [FailureReason::TimedOut],
            "client in state {state}"
        );
        assert_eq!(client.endpoint.poll_timeout(), None);
    }
}
