//! Rows E06, H and I of the list of hostile inputs: records, states, sessions, secrets.

mod script;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dtls_core::{
    Alert, Answer, CloseReason, Config, Connect, ConnectionIdPolicy, Context, Event, Failure,
    FailureReason, Flight, KeyExchange, Message, Offer, Path, PeerIdentity, Policy, RestoreError,
    Secret, Selection, ServerHello, Step, Suites,
};
use dtls_psk::Psk;
use script::*;

const IDENTITY: &[u8] = b"urn:dev:lamp";
const KEY: &[u8] = b"0123456789abcdef";

fn path(host: u32) -> Path {
    let ip = std::net::Ipv4Addr::from_bits(0x7f00_0001 + host);
    Path {
        local_endpoint: 0,
        address: (ip, 40_000).into(),
    }
}

fn share() -> PskShare {
    PskShare {
        identity: IDENTITY.to_vec(),
        key: KEY.to_vec(),
    }
}

fn server(config: Config) -> Side {
    let mut server = Side::server(config, Psk::server());
    server.keys.insert(IDENTITY.to_vec(), KEY.to_vec());
    server
        .keys
        .insert(b"other".to_vec(), b"another key".to_vec());
    server
}

fn client() -> Client {
    Client::new(path(0), share())
}

fn with_cid(mut client: Client) -> Client {
    client.extensions = extension(54, &[0]);
    client
}

fn cid_config() -> Config {
    let mut config = Config::default();
    config.connection_id = ConnectionIdPolicy::receive(8, &[]);
    config
}

fn connected(config: Config) -> (Side, Client) {
    let mut server = server(config);
    let mut client = client();
    client.handshake(&mut server);
    (server, client)
}

fn called() -> (Side, FakeServer) {
    called_with(Config::default(), Connect::default())
}

fn called_with(config: Config, connect: Connect) -> (Side, FakeServer) {
    let mut client = Side::client(config);
    let server = call(&mut client, connect);
    (client, server)
}

fn call(client: &mut Side, connect: Connect) -> FakeServer {
    let mut server = FakeServer::new(path(0), PskServerShare { key: KEY.to_vec() });
    let suites = Psk::client(IDENTITY, KEY).unwrap();
    client.connect(path(0), suites, connect);
    server.read(&client.take(path(0)));
    server
}

/// Data still goes both ways.
fn works(server: &mut Side, client: &mut Client, what: &str) {
    let peer = server.peer();
    let before = server.data.len();
    let up = client.seal(DATA, b"up");
    server.put(client.path, &up);
    assert_eq!(server.data[before..], [(peer, b"up".to_vec())], "{what}");
    let down = server.seal(peer, b"down").expect(what);
    client.read(&[down]);
    assert_eq!(client.data.pop(), Some(b"down".to_vec()), "{what}");
}

fn long() -> bool {
    std::env::var_os("LWM2M_LONG").is_some()
}

// E: addresses that move.

/// After a move no more than three times what came goes to the new address, until it speaks again.
#[test]
fn hostile_e06_a_moved_address_gets_three_times_at_most() {
    let mut server = server(cid_config());
    let mut client = with_cid(client());
    client.handshake(&mut server);
    let peer = server.peer();
    let up = client.seal(DATA, &[1; 100]);
    server.put(path(7), &up);
    assert_eq!(server.endpoint.session(peer).unwrap().path, path(7));
    let mut sent = 0;
    while let Some(bytes) = server.seal(peer, &[2; 50]) {
        sent += bytes.len();
        assert!(sent <= 3 * up.len(), "{sent} for {}", up.len());
    }
    assert!(sent > up.len(), "the limit is three times, not none");
    // An older record, or a replay, proves nothing.
    server.put(path(7), &up);
    assert!(server.seal(peer, &[2; 50]).is_none());
    let up = client.seal(DATA, &[1; 10]);
    server.put(path(7), &up);
    assert!(server.seal(peer, &[2; 1000]).is_some());
}

/// Only an authenticated record that is newer than all before moves a session.
#[test]
fn hostile_e06_old_or_forged_records_move_nothing() {
    let mut server = server(cid_config());
    let mut client = with_cid(client());
    client.handshake(&mut server);
    let peer = server.peer();
    let old = client.seal(DATA, b"late");
    let new = client.seal(DATA, b"new");
    server.put(path(0), &new);
    server.put(path(7), &new);
    let mut forged = client.seal(DATA, b"forged");
    *forged.last_mut().unwrap() ^= 1;
    server.put(path(7), &forged);
    server.put(path(7), &old);
    assert_eq!(server.data.len(), 2, "the late one is good data");
    assert_eq!(server.endpoint.session(peer).unwrap().path, path(0));
    assert_eq!(server.endpoint.stats().moved, 0);
}

/// A device with a connection id claims the address of another, which has none: both go on.
#[test]
fn hostile_e06_a_move_onto_somebody_s_address() {
    let mut server = server(cid_config());
    let mut mover = with_cid(client());
    mover.handshake(&mut server);
    let first = server.peer();
    let mut victim = Client::new(
        path(7),
        PskShare {
            identity: b"other".to_vec(),
            key: b"another key".to_vec(),
        },
    );
    victim.handshake(&mut server);
    let second = server.peer();
    let spoofed = mover.seal(DATA, b"spoofed");
    server.put(path(7), &spoofed);
    assert_eq!(server.data.pop(), Some((first, b"spoofed".to_vec())));
    assert!(
        !server
            .events
            .iter()
            .any(|event| matches!(event, Event::Closed { .. }))
    );
    works(&mut server, &mut victim, "whose address was claimed");
    assert_eq!(server.endpoint.peer_at(path(7)), Some(second));
    let up = mover.seal(DATA, b"back");
    server.put(path(3), &up);
    assert_eq!(server.data.pop(), Some((first, b"back".to_vec())));
    assert_eq!(server.endpoint.peer_at(path(3)), Some(first));
    assert_eq!(server.endpoint.tables().sessions, 2);
}

/// A sleeping device with a connection id lost its port to another one behind the same router: when it wakes it goes on.
#[test]
fn hostile_e06_a_handshake_from_a_sleeper_s_old_address() {
    let mut server = server(cid_config());
    let mut sleeper = with_cid(client());
    sleeper.handshake(&mut server);
    let first = server.peer();
    let other = || PskShare {
        identity: b"other".to_vec(),
        key: b"another key".to_vec(),
    };
    let mut neighbour = Client::new(path(0), other());
    neighbour.restart(2);
    neighbour.handshake(&mut server);
    let replaced = |server: &Side| {
        server.events.iter().rev().find_map(|event| match event {
            Event::Connected { replaces, .. } => Some(*replaces),
            _ => None,
        })
    };
    assert_eq!(replaced(&server), Some(None));
    works(&mut server, &mut neighbour, "who has the address now");
    let up = sleeper.seal(DATA, b"awake");
    server.put(path(9), &up);
    assert_eq!(server.data.pop(), Some((first, b"awake".to_vec())));
    assert_eq!(server.endpoint.tables().sessions, 2);
    // The neighbour itself, started again, does replace its own.
    neighbour.restart(3);
    neighbour.handshake(&mut server);
    assert!(replaced(&server).unwrap().is_some());
    assert_eq!(server.endpoint.tables().sessions, 2);
    assert_eq!(server.endpoint.tables().connection_ids, 1);
}

// H: records, states, sessions.

#[test]
fn hostile_h01_forged_numbers_leave_the_window_alone() {
    let (mut server, mut client) = connected(Config::default());
    for epoch in [1, 2, 0xffff] {
        let forged = record_of([0xfe, 0xfd], DATA, epoch, (1 << 48) - 1, &[7; 40]);
        server.put(path(0), &forged);
    }
    works(&mut server, &mut client, "after forged numbers");
}

#[test]
fn hostile_h02_forged_epochs_during_a_handshake() {
    for epoch in [1, 2, 7, 0xffff] {
        let mut server = server(Config::default());
        let mut client = client();
        let forge = |server: &mut Side, sequence| {
            for content_type in [HANDSHAKE, DATA, WITH_CID, ALERT] {
                let forged = record_of([0xfe, 0xfd], content_type, epoch, sequence, &[7; 40]);
                server.put(path(0), &forged);
            }
        };
        forge(&mut server, 0);
        client.begin(&mut server);
        forge(&mut server, 0);
        for bytes in client.second_flight() {
            forge(&mut server, (1 << 48) - 1);
            client.read(&server.give(path(0), &bytes));
        }
        assert_eq!(client.finished, Some(true), "{epoch}");
        works(&mut server, &mut client, "after the handshake");
    }
}

#[test]
fn hostile_h03_flights_in_wrong_epochs() {
    let mut server = server(Config::default());
    let mut client = client();
    let relabelled = |bytes: &[u8], epoch: u16| {
        let mut bytes = bytes.to_vec();
        bytes[3..5].copy_from_slice(&epoch.to_be_bytes());
        bytes
    };
    let hello = client.hello();
    for epoch in [1, 2, 0xffff] {
        assert!(server.give(path(0), &relabelled(&hello, epoch)).is_empty());
    }
    client.restart(1);
    client.begin(&mut server);
    let flight = client.second_flight();
    // Relabelled after sealing, and sealed for that epoch.
    let keys = client.keys.clone().unwrap();
    let plain = keys.open(true, &parse(&flight[2], 0)[0]).unwrap();
    for epoch in [0, 1, 2, 0xffff] {
        for (at, bytes) in flight.iter().enumerate() {
            let right = if at == 2 { 1 } else { 0 };
            if epoch != right {
                server.put(path(0), &relabelled(bytes, epoch));
            }
        }
        if epoch != 1 {
            server.put(path(0), &keys.seal(true, HANDSHAKE, epoch, 0, &plain));
        }
        assert_eq!(server.connected(), 0, "{epoch}");
        assert!(server.failures().is_empty(), "{epoch}");
    }
    client.read(&server.give(path(0), &flight.concat()));
    assert_eq!(client.finished, Some(true));
    // And data, on the session.
    for epoch in [0, 2, 0xffff] {
        server.put(path(0), &keys.seal(true, DATA, epoch, 9, b"data"));
    }
    assert!(server.data.is_empty());
    works(&mut server, &mut client, "in epoch 1");
}

#[test]
fn hostile_h04_plain_data_is_never_delivered() {
    let mut server = server(Config::default());
    let mut client = client();
    let data = |server: &mut Side, client: &mut Client| {
        let plain = client.record(DATA, b"plain");
        assert!(server.give(path(0), &plain).is_empty());
        assert!(server.data.is_empty());
    };
    data(&mut server, &mut client);
    client.begin(&mut server);
    data(&mut server, &mut client);
    for bytes in client.second_flight() {
        data(&mut server, &mut client);
        client.read(&server.give(path(0), &bytes));
    }
    assert_eq!(client.finished, Some(true));
    data(&mut server, &mut client);
    // Sealed data that overtakes Finished is dropped: nobody was proven yet.
    let mut early = self::client();
    early.restart(2);
    early.begin(&mut server);
    let exchange = early.key_exchange();
    let finished = early.finish(true);
    let overtaking = early.seal(DATA, b"early");
    let change = early.change_cipher_spec();
    for bytes in [exchange, overtaking.clone(), change, overtaking] {
        server.put(path(0), &bytes);
        assert!(server.data.is_empty());
    }
    server.put(path(0), &finished);
    assert_eq!(server.connected(), 2);
    assert!(server.data.is_empty());
}

/// In epoch 0 record numbers mean nothing, because nothing there is authentic; under keys each is taken once.
#[test]
fn hostile_h06_record_numbers_again() {
    let mut server = server(Config::default());
    let mut client = client();
    client.begin(&mut server);
    client.next_plain = 0;
    let flight = client.second_flight().concat();
    client.read(&server.give(path(0), &flight));
    assert_eq!(
        client.finished,
        Some(true),
        "a ClientKeyExchange with the hello's number"
    );
    let up = client.seal(DATA, b"once");
    for _ in 0..100 {
        server.put(path(0), &up);
    }
    assert_eq!(server.data.len(), 1);
    // The handshake's numbers count too: Finished was 0.
    let keys = client.keys.as_ref().unwrap();
    server.put(path(0), &keys.seal(true, DATA, 1, 0, b"zero"));
    assert_eq!(server.data.len(), 1);
}

#[test]
fn hostile_h07_the_highest_record_number() {
    let mut server = server(Config::default());
    let mut client = client();
    let hello = client.hello();
    client.read(&server.give(path(0), &hello));
    for sequence in [(1 << 48) - 1, (1 << 48) - 2, 1 << 41] {
        client.next_plain = sequence;
        client.next_message = 1;
        let hello = client.hello();
        assert!(
            server.give(path(0), &hello).is_empty(),
            "no numbers are left for an answer"
        );
    }
    assert_eq!(server.endpoint.tables().handshakes, 0);
    client.restart(1);
    client.handshake(&mut server);
    // The peer's last number is taken, and nothing wraps behind it.
    let keys = client.keys.clone().unwrap();
    server.put(path(0), &keys.seal(true, DATA, 1, (1 << 48) - 1, b"last"));
    assert_eq!(server.data.len(), 1);
    for sequence in [0, 1, 2] {
        server.put(path(0), &keys.seal(true, DATA, 1, sequence, b"wrapped"));
    }
    assert_eq!(server.data.len(), 1);
}

/// There is one epoch under keys: a renegotiation, which would make another, is refused.
#[test]
fn hostile_h08_epochs_do_not_grow() {
    let (mut server, mut client) = connected(Config::default());
    for _ in 0..5 {
        let body = client.hello_body();
        let hello = client.seal(HANDSHAKE, &message(CLIENT_HELLO, 0, &body));
        client.read(&server.give(path(0), &hello));
    }
    assert_eq!(client.alerts, [[1, 100]]);
    let down = server.seal(server.peer(), b"down").unwrap();
    assert_eq!(parse(&down, 0)[0].epoch, 1);
    works(&mut server, &mut client, "after it was refused");
}

#[test]
fn hostile_h09_a_plain_finished() {
    let (mut client, mut server) = called();
    let plain = |client: &mut Side, server: &mut FakeServer| {
        for sequence in 0..4 {
            let finished = message(FINISHED, sequence, &[0; 12]);
            let bytes = server.record(HANDSHAKE, &finished);
            assert!(
                client.give(path(0), &bytes).is_empty(),
                "sent again for {sequence}"
            );
        }
    };
    plain(&mut client, &mut server);
    let request = server.hello_verify_request();
    server.read(&client.give(path(0), &request));
    plain(&mut client, &mut server);
    let flight = [server.server_hello(), server.server_hello_done()].concat();
    server.read(&client.give(path(0), &flight));
    plain(&mut client, &mut server);
    let flight = [server.change_cipher_spec(), server.finish(true)].concat();
    client.put(path(0), &flight);
    assert_eq!(client.connected(), 1);
    plain(&mut client, &mut server);
}

#[test]
fn hostile_h11_a_flight_with_something_left_out() {
    for left_out in 0..3 {
        let mut server = server(Config::default());
        let mut client = client();
        client.begin(&mut server);
        for (at, bytes) in client.second_flight().iter().enumerate() {
            if at != left_out {
                client.read(&server.give(path(0), bytes));
            }
        }
        server.run(Duration::from_secs(100));
        assert_eq!(server.connected(), 0, "{left_out}");
        assert_eq!(client.finished, None);
    }
}

// H12: what a state learner found in other servers, and in other clients.

#[test]
fn hostile_h12_server_continue_after_close_notify() {
    for level in [1, 2] {
        let mut server = server(Config::default());
        let mut client = client();
        client.begin(&mut server);
        let alert = client.record(ALERT, &[level, 0]);
        assert!(server.give(path(0), &alert).is_empty());
        let flight = client.second_flight().concat();
        assert!(server.give(path(0), &flight).is_empty());
        assert_eq!(
            server.failures(),
            [FailureReason::PeerAlert(Alert::CLOSE_NOTIFY)]
        );
    }
}

#[test]
fn hostile_h12_server_continue_after_fatal_alert() {
    let mut server = server(Config::default());
    let mut client = client();
    client.begin(&mut server);
    let alert = client.record(ALERT, &[2, 40]);
    assert!(server.give(path(0), &alert).is_empty());
    let flight = client.second_flight().concat();
    assert!(server.give(path(0), &flight).is_empty());
    assert_eq!(server.connected(), 0);
}

#[test]
fn hostile_h12_server_crash_on_ccs() {
    let mut server = server(Config::default());
    let mut client = client();
    for body in [&[1][..], &[], &[0], &[2], &[1, 1], &[0xff; 300]] {
        let change = client.record(CHANGE_CIPHER_SPEC, body);
        assert!(server.give(path(0), &change).is_empty());
    }
    client.restart(1);
    client.begin(&mut server);
    for body in [&[][..], &[0], &[2], &[1, 1], &[0xff; 300]] {
        let change = client.record(CHANGE_CIPHER_SPEC, body);
        assert!(server.give(path(0), &change).is_empty());
    }
    let flight = [client.key_exchange(), client.finish(true)].concat();
    assert!(
        server.give(path(0), &flight).is_empty(),
        "none of these was one"
    );
    let change = client.change_cipher_spec();
    client.read(&server.give(path(0), &change));
    assert_eq!(client.finished, Some(true));
    let change = client.change_cipher_spec();
    assert!(server.give(path(0), &change).is_empty());
    works(&mut server, &mut client, "after one more");
}

#[test]
fn hostile_h12_server_early_finished() {
    let mut server = server(Config::default());
    let mut client = client();
    client.begin(&mut server);
    // Under keys of a master secret of zeros, which is what there is before a ClientKeyExchange.
    let flight = [client.change_cipher_spec(), client.finish(true)].concat();
    assert!(server.give(path(0), &flight).is_empty());
    server.run(Duration::from_secs(100));
    assert_eq!(server.connected(), 0);
}

/// It may overtake ChangeCipherSpec on its way, and counts only when that has come.
#[test]
fn hostile_h12_server_finished_before_ccs() {
    let mut server = server(Config::default());
    let mut client = client();
    client.begin(&mut server);
    let flight = [client.key_exchange(), client.finish(true)].concat();
    assert!(server.give(path(0), &flight).is_empty());
    server.run(Duration::from_secs(100));
    assert_eq!(server.connected(), 0);
}

/// A second hello with a good cookie is a client that restarted; what the first one sent is of no use then.
#[test]
fn hostile_h12_server_handshake_restarted() {
    let mut server = server(Config::default());
    let mut first = client();
    first.begin(&mut server);
    let flight = first.second_flight().concat();
    let mut second = client();
    second.restart(2);
    second.begin(&mut server);
    assert!(
        server
            .give(path(0), &flight)
            .iter()
            .all(|bytes| bytes[0] != CHANGE_CIPHER_SPEC)
    );
    assert_eq!(server.connected(), 0);
}

/// Only hellos are answered with a cookie, and each by itself: no timer sends one again.
#[test]
fn hostile_h12_server_hello_verify_request_retransmission() {
    let mut server = server(Config::default());
    let mut client = client();
    let hello = client.hello();
    assert_eq!(server.give(path(0), &hello).len(), 1);
    server.run(Duration::from_secs(100));
    let exchange = client.key_exchange();
    assert!(server.give(path(0), &exchange).is_empty());
    assert_eq!(server.sent.len(), 1);
}

#[test]
fn hostile_h12_server_insecure_renegotiation() {
    let (mut server, mut client) = connected(Config::default());
    let body = client.hello_body();
    for kind in [CLIENT_HELLO, CLIENT_KEY_EXCHANGE, CERTIFICATE] {
        let bytes = client.seal(HANDSHAKE, &message(kind, 0, &body));
        client.read(&server.give(path(0), &bytes));
    }
    assert_eq!(
        client.alerts,
        [[1, 100]],
        "no_renegotiation, and nothing more"
    );
    assert_eq!(server.connected(), 1);
    assert_eq!(server.endpoint.tables().handshakes, 0);
}

/// A Finished that is wrong under the right keys ends the handshake, and is not answered with a flight.
#[test]
fn hostile_h12_server_invalid_finished_as_retransmission() {
    let mut server = server(Config::default());
    let mut client = client();
    client.begin(&mut server);
    let flight = [
        client.key_exchange(),
        client.change_cipher_spec(),
        client.finish(false),
    ]
    .concat();
    client.read(&server.give(path(0), &flight));
    assert_eq!(client.alerts, [[2, 51]]);
    assert_eq!(
        server
            .sent
            .iter()
            .filter(|sent| sent.2[0] == CHANGE_CIPHER_SPEC)
            .count(),
        0
    );
}

#[test]
fn hostile_h12_server_invalid_handshake_start() {
    let mut server = server(Config::default());
    let mut client = client();
    let kinds = [
        HELLO_REQUEST,
        SERVER_HELLO,
        HELLO_VERIFY_REQUEST,
        CERTIFICATE,
        CLIENT_KEY_EXCHANGE,
        FINISHED,
        99,
    ];
    for kind in kinds {
        let bytes = client.message(kind, &[0; 40]);
        assert!(server.give(path(0), &bytes).is_empty(), "{kind}");
    }
    for bytes in client.second_flight() {
        assert!(server.give(path(0), &bytes).is_empty());
    }
    assert_eq!(server.endpoint.tables().handshakes, 0);
}

/// A client that answers a HelloVerifyRequest with anything but the hello.
#[test]
fn hostile_h12_server_invalid_hello_verify_response() {
    let mut server = server(Config::default());
    let mut client = client();
    let hello = client.hello();
    client.read(&server.give(path(0), &hello));
    for bytes in client.second_flight() {
        assert!(server.give(path(0), &bytes).is_empty());
    }
    assert_eq!(server.endpoint.tables().handshakes, 0);
}

/// Repeated flights bring ChangeCipherSpec again: it does not matter how often.
#[test]
fn hostile_h12_server_multiple_ccs() {
    let mut server = server(Config::default());
    let mut client = client();
    client.begin(&mut server);
    let changes: Vec<u8> = (0..50).flat_map(|_| client.change_cipher_spec()).collect();
    let flight = [
        &client.key_exchange()[..],
        &changes,
        &client.finish(true),
        &changes,
    ]
    .concat();
    client.read(&server.give(path(0), &flight));
    assert_eq!(client.finished, Some(true));
    assert_eq!(server.connected(), 1);
    works(&mut server, &mut client, "after many");
}

/// A server's flight that is not one, each in turn: the handshake ends, and no Finished is sent.
#[test]
fn hostile_h12_client_flights_out_of_order() {
    type Step = fn(&mut FakeServer) -> Vec<u8>;
    let hello: Step = FakeServer::server_hello;
    let verify: Step = FakeServer::hello_verify_request;
    let certificate: Step = FakeServer::certificate;
    let exchange: Step = FakeServer::key_exchange;
    let request: Step = FakeServer::certificate_request;
    let done: Step = FakeServer::server_hello_done;
    let flights: [(&str, &[Step]); 11] = [
        ("UnrequestedCertificate", &[hello, certificate]),
        ("MultipleCertificate", &[hello, certificate, certificate]),
        ("CertificateRequest in a PSK handshake", &[hello, request]),
        ("MultipleCertificateRequest", &[hello, request, request]),
        ("two ServerHellos", &[hello, hello]),
        ("two ServerKeyExchanges", &[hello, exchange, exchange]),
        ("ServerKeyExchange first", &[exchange, hello]),
        ("ServerHelloDone first", &[done]),
        ("two ServerHelloDones", &[hello, done, done]),
        ("HelloVerifyRequest after ServerHello", &[hello, verify]),
        (
            "HelloVerifyRequest without end",
            &[verify, verify, verify, verify, verify],
        ),
    ];
    for (name, flight) in flights {
        let (mut client, mut server) = called();
        let mut answers = Vec::new();
        for step in flight {
            let bytes = step(&mut server);
            answers.extend(client.give(path(0), &bytes));
        }
        assert_eq!(client.failures().len(), 1, "{name}: {:?}", client.events);
        let last = answers.pop().unwrap();
        if name != "two ServerHelloDones" {
            assert_eq!(last[0], ALERT, "{name}");
        }
        assert_eq!(client.endpoint.tables().handshakes, 0);
    }
}

#[test]
fn hostile_h13_forged_alerts_do_not_end_a_session() {
    let (mut server, mut client) = connected(Config::default());
    for level in [1, 2] {
        for alert in 0..=255 {
            let forged = record(ALERT, 9, &[level, alert]);
            assert!(server.give(path(0), &forged).is_empty());
            let forged = record_of([0xfe, 0xfd], ALERT, 1, 9, &[level, alert]);
            assert!(server.give(path(0), &forged).is_empty());
        }
    }
    works(&mut server, &mut client, "after forged alerts");
    // The real one ends it, and is answered.
    let close = client.seal(ALERT, &[1, 0]);
    client.read(&server.give(path(0), &close));
    assert_eq!(client.alerts, [[1, 0]]);
    let closed = server.events.iter().any(|event| {
        matches!(
            event,
            Event::Closed {
                reason: CloseReason::PeerClosed,
                ..
            }
        )
    });
    assert!(closed);
    let up = client.seal(DATA, b"after the end");
    assert!(server.give(path(0), &up).is_empty());
    assert!(server.data.iter().all(|(_, data)| data == b"up"));
}

#[test]
fn hostile_h13_a_bad_record_before_a_good_one() {
    let (mut server, mut client) = connected(Config::default());
    let bad: [Vec<u8>; 7] = [
        record(HANDSHAKE, 0, &[]),
        record(99, 0, &[1, 2, 3]),
        record_of([3, 3], DATA, 1, 5, &[0; 30]),
        record_of([0xfe, 0xff], DATA, 1, 5, &[0; 30]),
        record_of([0xfe, 0xfd], DATA, 1, 5, &[]),
        record_of([0xfe, 0xfd], DATA, 9, 5, &[0; 30]),
        record(ALERT, 0, &[2, 0]),
    ];
    for prefix in &bad {
        let good = client.seal(DATA, b"good");
        server.put(path(0), &[&prefix[..], &good].concat());
        assert_eq!(
            server.data.pop().map(|(_, data)| data),
            Some(b"good".to_vec()),
            "{prefix:?}"
        );
    }
    let all = bad.concat();
    let good = client.seal(DATA, b"good");
    server.put(path(0), &[&all[..], &good, &all, &good, &all].concat());
    assert_eq!(server.data.len(), 1);
}

#[test]
fn hostile_h13_floods_of_control_records() {
    let count = if long() { 100_000 } else { 3_000 };
    let (mut server, mut client) = connected(Config::default());
    let sent = server.sent.len();
    for _ in 0..count {
        let warning = client.seal(ALERT, &[1, 90]);
        let change = client.seal(CHANGE_CIPHER_SPEC, &[1]);
        let empty = client.seal(DATA, &[]);
        let check = client.seal(27, &[0; 9]);
        server.put(path(0), &[warning, change, empty, check].concat());
        let plain = [client.record(ALERT, &[1, 90]), client.change_cipher_spec()].concat();
        server.put(path(0), &plain);
    }
    assert_eq!(server.sent.len(), sent, "none is answered");
    // A Finished that comes again asks for the last flight: a few times, not always.
    for _ in 0..100 {
        let finished = client.seal(HANDSHAKE, &message(FINISHED, 3, &[0; 12]));
        server.put(path(0), &finished);
    }
    assert!(server.sent.len() <= sent + usize::from(Config::default().repeats));
    works(&mut server, &mut client, "after all that");
}

#[test]
fn hostile_h14_records_shorter_than_nonce_and_tag() {
    for with_id in [false, true] {
        let mut server = server(if with_id {
            cid_config()
        } else {
            Config::default()
        });
        let mut client = if with_id {
            with_cid(client())
        } else {
            client()
        };
        client.begin(&mut server);
        let short = |server: &mut Side, cid: &[u8]| {
            for len in 0..=24 {
                for content_type in [DATA, HANDSHAKE, ALERT] {
                    server.put(
                        path(0),
                        &record_of([0xfe, 0xfd], content_type, 1, 3, &vec![0; len]),
                    );
                }
                let mut bytes = vec![WITH_CID, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 3];
                bytes.extend(cid);
                bytes.extend(vec16(&vec![0; len]));
                server.put(path(0), &bytes);
            }
        };
        let cid = client.server_cid.clone();
        assert_eq!(cid.len(), if with_id { 8 } else { 0 });
        short(&mut server, &cid);
        for bytes in client.second_flight() {
            short(&mut server, &cid);
            client.read(&server.give(path(0), &bytes));
        }
        assert_eq!(client.finished, Some(true));
        short(&mut server, &cid);
        works(&mut server, &mut client, "after short records");
    }
}

#[test]
fn hostile_h16_failures_leave_nothing_behind() {
    let count = if long() { 1_000_000 } else { 1_000 };
    let mut server = server(Config::default());
    for number in 0..count {
        let mut bad = client();
        bad.restart(number);
        bad.begin(&mut server);
        let flight = [
            bad.key_exchange(),
            bad.change_cipher_spec(),
            bad.finish(false),
        ]
        .concat();
        bad.read(&server.give(path(0), &flight));
        assert_eq!(bad.alerts, [[2, 51]]);
        server.sent.clear();
        server.events.clear();
    }
    let tables = server.endpoint.tables();
    assert_eq!(
        (tables.handshakes, tables.timers, tables.questions),
        (0, 0, 0)
    );
    assert_eq!(server.endpoint.stats().failed, count);
    let mut good = client();
    good.handshake(&mut server);
}

#[test]
fn hostile_h17_after_each_alert_a_handshake_succeeds() {
    let mut server = server(Config::default());
    for alert in 0..=255 {
        for step in 0..3 {
            let mut bad = client();
            bad.restart(1000 + u64::from(alert));
            bad.begin(&mut server);
            let flight = bad.second_flight();
            server.put(path(0), &flight[..step].concat());
            let alert = match step {
                2 => bad.seal(ALERT, &[2, alert]),
                _ => bad.record(ALERT, &[2, alert]),
            };
            assert!(
                server.give(path(0), &alert).is_empty(),
                "an alert is not answered"
            );
            assert_eq!(server.endpoint.tables().handshakes, 0);
        }
    }
    let failures = server.failures();
    assert_eq!(failures.len(), 3 * 256);
    assert!(
        failures
            .iter()
            .all(|reason| matches!(reason, FailureReason::PeerAlert(_)))
    );
    client().handshake(&mut server);
}

#[test]
fn hostile_h19_lengths_of_connection_ids() {
    // What a client wants: longer ones than 16 bytes are not spoken, and the handshake goes on without.
    for wanted in [0, 1, 8, 15, 16, 17, 20, 32, 254, 255] {
        for ours in [0, 1, 8, 16, 20, 255] {
            let mut config = Config::default();
            config.connection_id = ConnectionIdPolicy::receive(ours, &[]);
            let mut server = server(config);
            let mut client = client();
            client.own_cid = vec![0xab; wanted];
            client.extensions = extension(54, &vec8(&client.own_cid));
            client.begin(&mut server);
            let agreed = wanted <= 16;
            let answered = find(&client.server_extensions, 54);
            assert_eq!(answered.is_some(), agreed, "{wanted}");
            if !agreed {
                client.own_cid.clear();
            } else {
                assert_eq!(client.server_cid.len(), usize::from(ours.min(16)));
            }
            let flight = client.second_flight().concat();
            client.read(&server.give(path(0), &flight));
            assert_eq!(client.finished, Some(true), "{wanted} {ours}");
            works(&mut server, &mut client, "with connection ids");
        }
    }
    // What a server wants of our client.
    for wanted in [0, 1, 8, 16, 17, 32, 254] {
        let (mut side, mut server) = called_with(cid_config(), Connect::default());
        server.extensions = extension(54, &vec8(&vec![0xcd; wanted]));
        let flight = [server.server_hello(), server.server_hello_done()].concat();
        let answer = side.give(path(0), &flight);
        if wanted > 16 {
            assert_eq!(answer[0][13..], [2, 47], "{wanted}");
            continue;
        }
        let records = parse(&answer[0], wanted);
        let finished = records.last().unwrap();
        assert_eq!(
            finished.content_type,
            if wanted == 0 { HANDSHAKE } else { WITH_CID }
        );
        assert_eq!(finished.cid, vec![0xcd; wanted]);
    }
}

fn find(block: &[u8], number: u16) -> Option<Vec<u8>> {
    let mut rest = block;
    while rest.len() >= 4 {
        let (data, after) = rest[4..].split_at(usize::from(u16::from_be_bytes([rest[2], rest[3]])));
        if rest[..2] == number.to_be_bytes() {
            return Some(data.to_vec());
        }
        rest = after;
    }
    None
}

#[test]
fn hostile_h21_inner_plaintexts() {
    let mut server = server(cid_config());
    let mut client = with_cid(client());
    client.handshake(&mut server);
    let cid = client.server_cid.clone();
    let inners: [&[u8]; 9] = [
        &[],
        &[0],
        &[0; 100],
        b"data\0",
        &[25],
        b"data\x19",
        b"data\x19\0\0\0",
        b"data\x63",
        &[22],
    ];
    for inner in inners {
        let sequence = client.next_sealed;
        client.next_sealed += 1;
        let bytes = client
            .keys
            .as_ref()
            .unwrap()
            .seal_cid(true, &cid, sequence, inner);
        assert!(server.give(path(0), &bytes).is_empty(), "{inner:?}");
        assert!(server.data.is_empty(), "{inner:?}");
    }
    // Without its connection id the same session's record is for nobody.
    let plain = client
        .keys
        .as_ref()
        .unwrap()
        .seal(true, DATA, 1, client.next_sealed, b"data");
    server.put(path(0), &plain);
    assert!(server.data.is_empty());
    works(&mut server, &mut client, "after inner nonsense");
}

#[test]
fn hostile_h22_resumption_under_other_circumstances() {
    let mut config = Config::default();
    config.resumptions = 10;
    let name = |name: &[u8]| extension(0, &vec16(&[&[0][..], &vec16(name)].concat()));
    let mut server = server(config);
    let mut first = client();
    first.extensions = name(b"one.example");
    first.handshake(&mut server);
    let id = first.server_session_id.clone();
    type Change<'a> = &'a dyn Fn(&mut Client);
    let changes: [(&str, Change<'_>, bool); 5] = [
        ("the same", &|_| {}, true),
        (
            "another name",
            &|client| client.extensions = name(b"two.example"),
            false,
        ),
        ("no name", &|client| client.extensions.clear(), false),
        (
            "no extended master secret",
            &|client| client.extended_master_secret = false,
            false,
        ),
        ("another id", &|client| client.session_id[0] ^= 1, false),
    ];
    for (number, (what, change, resumes)) in changes.into_iter().enumerate() {
        let mut again = client();
        let hello = |client: &mut Client| {
            client.session_id.clone_from(&id);
            client.extensions = name(b"one.example");
            change(client);
        };
        again.restart(100 + u64::try_from(number).unwrap());
        hello(&mut again);
        again.begin(&mut server);
        assert_eq!(again.seen.contains(&SERVER_HELLO_DONE), !resumes, "{what}");
        assert_eq!(again.server_session_id == id, resumes, "{what}");
    }
    // Whose session it was stays with it, whoever claims it: without its master secret nobody comes in.
    let mut thief = Client::new(
        path(5),
        PskShare {
            identity: b"other".to_vec(),
            key: b"another key".to_vec(),
        },
    );
    thief.session_id.clone_from(&id);
    thief.extensions = name(b"one.example");
    thief.begin(&mut server);
    assert_eq!(thief.server_session_id, id);
    let flight = [
        thief.key_exchange(),
        thief.change_cipher_spec(),
        thief.finish(true),
    ]
    .concat();
    server.put(path(5), &flight);
    server.run(Duration::from_secs(100));
    assert_eq!(server.connected(), 1);
    // A credential that is gone takes its sessions with it.
    let identity = PeerIdentity::new(dtls_core::IdentityKind::PSK, IDENTITY);
    server.endpoint.revoke(&identity);
    let mut again = client();
    again.restart(300);
    again.session_id.clone_from(&id);
    again.extensions = name(b"one.example");
    again.begin(&mut server);
    assert!(again.seen.contains(&SERVER_HELLO_DONE));
}

const SEAL: [u8; 16] = [0x5e; 16];

#[test]
fn hostile_h23_saved_sessions_that_were_changed() {
    let (mut server, _) = connected(cid_config());
    let saved = server.endpoint.save(server.peer(), &SEAL).unwrap();
    let mut other = self::server(cid_config());
    for bit in 0..8 * saved.len() {
        let mut changed = saved.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let refused = other.endpoint.restore(&changed, &SEAL);
        assert_eq!(refused, Err(RestoreError::NotGenuine), "bit {bit}");
    }
    for len in 0..saved.len() {
        let refused = other.endpoint.restore(&saved[..len], &SEAL);
        assert_eq!(refused, Err(RestoreError::NotGenuine), "{len} bytes");
    }
    let longer = [&saved[..], &[0]].concat();
    assert_eq!(
        other.endpoint.restore(&longer, &SEAL),
        Err(RestoreError::NotGenuine)
    );
    assert_eq!(
        other.endpoint.restore(&saved, &[0; 16]),
        Err(RestoreError::NotGenuine)
    );
    assert_eq!(other.endpoint.tables().sessions, 0);
    assert!(other.endpoint.restore(&saved, &SEAL).is_ok());
    assert_eq!(
        other.endpoint.restore(&saved, &SEAL),
        Err(RestoreError::Exists)
    );
}

/// Nothing that was sent or received before is sent or received again.
#[test]
fn hostile_h23_restored_sessions_use_no_number_twice() {
    let mut config = Config::default();
    config.save_lease = 64;
    let (mut server, mut client) = connected(config.clone());
    let peer = server.peer();
    let before = client.seal(DATA, b"before");
    server.put(path(0), &before);
    let saved = server.endpoint.save(peer, &SEAL).unwrap();
    let mut numbers = HashSet::new();
    while let Some(bytes) = server.seal(peer, b"down") {
        assert!(numbers.insert(parse(&bytes, 0)[0].sequence));
    }
    assert_eq!(numbers.len(), 64, "the lease");
    let due = server
        .events
        .iter()
        .filter(|event| matches!(event, Event::SaveDue { .. }));
    assert_eq!(due.count(), 0, "not drained yet");
    let mut other = self::server(config);
    let peer = other.endpoint.restore(&saved, &SEAL).unwrap();
    assert!(other.endpoint.session(peer).unwrap().restored);
    assert!(other.seal(peer, b"too early").is_none());
    other.endpoint.save(peer, &SEAL).unwrap();
    while let Some(bytes) = other.seal(peer, b"down") {
        assert!(
            numbers.insert(parse(&bytes, 0)[0].sequence),
            "a number again"
        );
    }
    assert_eq!(numbers.len(), 128);
    other.put(path(0), &before);
    assert!(other.data.is_empty(), "received before it was saved");
    let up = client.seal(DATA, b"up");
    other.put(path(0), &up);
    assert_eq!(other.data, [(peer, b"up".to_vec())]);
}

/// Two sessions may share an address when one has a connection id: both come back.
#[test]
fn hostile_h23_sessions_that_share_an_address_are_both_restored() {
    let mut server = server(cid_config());
    let mut sleeper = with_cid(client());
    sleeper.handshake(&mut server);
    let first = server.peer();
    let other = PskShare {
        identity: b"other".to_vec(),
        key: b"another key".to_vec(),
    };
    let mut neighbour = Client::new(path(0), other);
    neighbour.restart(2);
    neighbour.handshake(&mut server);
    let second = server.peer();
    let saved = [first, second].map(|peer| server.endpoint.save(peer, &SEAL).unwrap());
    for order in [[0, 1], [1, 0]] {
        let mut restored = self::server(cid_config());
        for number in order {
            restored.endpoint.restore(&saved[number], &SEAL).unwrap();
        }
        for client in [&mut sleeper, &mut neighbour] {
            let up = client.seal(DATA, b"up");
            restored.put(path(0), &up);
        }
        assert_eq!(restored.data.len(), 2);
        assert_ne!(restored.data[0].0, restored.data[1].0);
    }
}

#[test]
fn hostile_h24_close_notify_and_alerts_in_every_state() {
    for state in 0..5 {
        for level in [0, 1, 2, 3] {
            for alert in [0, 10, 20, 40, 51, 80, 90, 100, 255] {
                let mut server = server(Config::default());
                let mut client = client();
                if state > 0 {
                    client.begin(&mut server);
                    let flight = client.second_flight();
                    client.read(&server.give(path(0), &flight[..state.min(4) - 1].concat()));
                }
                let bytes = match state {
                    0..3 => client.record(ALERT, &[level, alert]),
                    _ => client.seal(ALERT, &[level, alert]),
                };
                server.put(path(0), &bytes);
                server.put(path(0), &bytes);
                let ended =
                    server.endpoint.tables().handshakes + server.endpoint.tables().sessions == 0;
                let ends = state == 0 || level == 2 || (level == 1 && alert == 0);
                assert_eq!(ended, ends, "state {state}, alert {level} {alert}");
                server.run(Duration::from_secs(400));
                assert_eq!(server.endpoint.poll_timeout(), None);
            }
        }
    }
}

#[test]
fn hostile_h26_what_the_client_did_not_offer() {
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, Change, u8); 9] = [
        ("a suite", |body| body[36] = 0xa9, 47),
        ("no suite", |body| body[35..37].copy_from_slice(&[0, 0]), 47),
        (
            "the signalling suite",
            |body| body[35..37].copy_from_slice(&[0, 0xff]),
            47,
        ),
        ("compression", |body| body[37] = 1, 47),
        ("version 1.0", |body| body[1] = 0xff, 70),
        (
            "an extension",
            |body| add(body, &extension(0x1234, &[])),
            110,
        ),
        (
            "encrypt-then-MAC",
            |body| add(body, &extension(22, &[])),
            110,
        ),
        (
            "extended master secret twice",
            |body| add(body, &extension(23, &[])),
            47,
        ),
        (
            "an extension that nobody knows, twice",
            |body| add(body, &extension(0x1234, &[]).repeat(2)),
            47,
        ),
    ];
    for (what, change, alert) in changes {
        let (mut client, mut server) = called();
        let mut body = server.server_hello_body();
        assert_eq!(body[34], 0);
        change(&mut body);
        let hello = server.message(SERVER_HELLO, &body);
        let answer = client.give(path(0), &hello);
        assert_eq!(answer.len(), 1, "{what}");
        assert_eq!(answer[0][13..], [2, alert], "{what}");
    }
    for (number, data) in [
        (54, &[0][..]),
        (61, &[]),
        (1, &[1]),
        (0, &[]),
        (11, &[1, 0]),
        (20, &[2]),
        (19, &[2]),
    ] {
        let (mut client, mut server) = called();
        server.extensions = extension(number, data);
        let hello = server.server_hello();
        let answer = client.give(path(0), &hello);
        assert_eq!(answer[0][13..], [2, 110], "extension {number}");
    }
}

fn add(body: &mut Vec<u8>, extension: &[u8]) {
    let len = u16::from_be_bytes([body[38], body[39]]) + u16::try_from(extension.len()).unwrap();
    body[38..40].copy_from_slice(&len.to_be_bytes());
    body.extend(extension);
}

/// Suites whose n-th call fails.
#[derive(Debug)]
struct Failing {
    inner: Psk,
    left: Arc<AtomicUsize>,
}

struct FailingExchange {
    inner: Box<dyn KeyExchange>,
    left: Arc<AtomicUsize>,
}

fn spend(left: &AtomicUsize) -> Result<(), Failure> {
    let before = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    });
    before
        .map(|_| ())
        .map_err(|_| Failure::new(Alert::INTERNAL_ERROR, FailureReason::Internal("it failed")))
}

impl Suites for Failing {
    fn offer(&self) -> Offer {
        self.inner.offer()
    }
    fn select(&self, hello: &dtls_core::ClientHello<'_>) -> Result<Selection, Failure> {
        spend(&self.left)?;
        let mut selection = self.inner.select(hello)?;
        let inner = selection.key_exchange;
        selection.key_exchange = Box::new(FailingExchange {
            inner,
            left: self.left.clone(),
        });
        Ok(selection)
    }
    fn accept(&self, hello: &ServerHello<'_>) -> Result<Box<dyn KeyExchange>, Failure> {
        spend(&self.left)?;
        let inner = self.inner.accept(hello)?;
        Ok(Box::new(FailingExchange {
            inner,
            left: self.left.clone(),
        }))
    }
}

impl KeyExchange for FailingExchange {
    fn flight(&self) -> Flight {
        self.inner.flight()
    }
    fn write(
        &mut self,
        message: Message,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        spend(&self.left)?;
        self.inner.write(message, cx, out)
    }
    fn read(
        &mut self,
        message: Message,
        body: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<Step, Failure> {
        spend(&self.left)?;
        self.inner.read(message, body, cx)
    }
    fn server_done(&mut self, cx: &mut Context<'_>) -> Result<Step, Failure> {
        spend(&self.left)?;
        self.inner.server_done(cx)
    }
    fn answer(&mut self, answer: Answer, cx: &mut Context<'_>) -> Result<Step, Failure> {
        spend(&self.left)?;
        self.inner.answer(answer, cx)
    }
    fn premaster(&mut self) -> Result<Secret, Failure> {
        spend(&self.left)?;
        self.inner.premaster()
    }
    fn peer(&self) -> PeerIdentity {
        self.inner.peer()
    }
}

/// Whichever call of the key exchange fails, the handshake ends in internal_error.
#[test]
fn hostile_h27_a_key_exchange_that_fails() {
    for calls in 0..6 {
        let left = Arc::new(AtomicUsize::new(calls));
        let mut server = Side::server(
            Config::default(),
            Failing {
                inner: Psk::server(),
                left,
            },
        );
        server.keys.insert(IDENTITY.to_vec(), KEY.to_vec());
        let mut client = client();
        client.begin(&mut server);
        let flight = client.second_flight().concat();
        client.read(&server.give(path(0), &flight));
        // select, read, answer, premaster.
        if calls < 4 {
            assert_eq!(
                server.failures(),
                [FailureReason::Internal("it failed")],
                "{calls}"
            );
            assert_eq!(client.alerts, [[2, 80]]);
            assert_eq!((server.connected(), client.finished), (0, None));
        } else {
            assert_eq!(client.finished, Some(true));
        }
    }
    for calls in 0..5 {
        let left = Arc::new(AtomicUsize::new(calls));
        let inner = Psk::client(IDENTITY, KEY).unwrap();
        let mut side = Side::client(Config::default());
        let mut server = FakeServer::new(path(0), PskServerShare { key: KEY.to_vec() });
        side.connect(path(0), Failing { inner, left }, Connect::default());
        server.read(&side.take(path(0)));
        let flight = [server.server_hello(), server.server_hello_done()].concat();
        server.read(&side.give(path(0), &flight));
        // accept, done, write, premaster.
        let failed = calls < 4;
        assert_eq!(side.failures().len(), usize::from(failed), "{calls}");
        assert_eq!(server.finished, if failed { None } else { Some(true) });
    }
}

/// A session that ended, or never began, is not saved.
#[test]
fn hostile_h28_what_is_gone_is_not_saved() {
    let (mut server, mut client) = connected(Config::default());
    let peer = server.peer();
    let alert = client.seal(ALERT, &[2, 20]);
    server.put(path(0), &alert);
    assert!(server.endpoint.save(peer, &SEAL).is_none());
    client.restart(2);
    client.begin(&mut server);
    let handshaking = sansio::Peer::new(peer.slot(), peer.generation().wrapping_add(1));
    assert!(server.endpoint.save(handshaking, &SEAL).is_none());
}

/// 64 KiB of whatever makes most work: answers stay within what came, and tables within their limits.
#[test]
fn hostile_h31_large_datagrams() {
    let mut server = server(Config::default());
    let mut client = client();
    let fill = |piece: &[u8]| piece.repeat(65_507 / piece.len());
    let body = client.hello_body();
    let hello = record(HANDSHAKE, 0, &message(CLIENT_HELLO, 0, &body));
    let mut pieces = vec![
        vec![0],
        record(HANDSHAKE, 0, &[]),
        record(HANDSHAKE, 0, &fragment(CERTIFICATE, 8192, 3, 100, &[1])),
        record(HANDSHAKE, 0, &fragment(CLIENT_KEY_EXCHANGE, 100, 2, 0, &[])),
        record(CHANGE_CIPHER_SPEC, 0, &[1]),
        record(ALERT, 0, &[1, 90]),
        record_of([0xfe, 0xfd], DATA, 1, 9, &[0; 16]),
        record_of([3, 3], DATA, 1, 9, &[]),
        record(HANDSHAKE, 0, &message(CLIENT_HELLO, 0, &body[..40])),
        hello.clone(),
    ];
    pieces.push(pieces.concat());
    for round in 0..3 {
        for piece in &pieces {
            let bytes = fill(piece);
            let answer = server.give(path(0), &bytes).concat();
            assert!(answer.len() <= bytes.len());
            let tables = server.endpoint.tables();
            assert!(tables.buffered <= Config::default().max_buffered);
        }
        match round {
            0 => client.begin(&mut server),
            1 => {
                let flight = client.second_flight().concat();
                client.read(&server.give(path(0), &flight));
                assert_eq!(client.finished, Some(true));
            }
            _ => works(&mut server, &mut client, "after that"),
        }
    }
}

/// There are never more sessions than allowed, however the handshakes beside them lie.
#[test]
fn hostile_h18_sessions_keep_to_their_limit() {
    let mut config = Config::default();
    config.sessions = 4;
    config.handshakes = 2000;
    let mut server = server(config);
    // Half-open handshakes between the sessions.
    for host in 0..1500 {
        Client::new(path(100 + host), share()).begin(&mut server);
    }
    for host in 0..20 {
        Client::new(path(10_000 + host), share()).handshake(&mut server);
        assert!(server.endpoint.tables().sessions <= 4, "after {host}");
    }
}

// I: secrets.

/// Bytes that the server sends, and when, for an identity that nobody has and for a wrong key.
#[test]
fn hostile_i01_unknown_identity_and_wrong_key_look_alike() {
    for late in [false, true] {
        let mut traces = Vec::new();
        for (identity, key) in [(IDENTITY, &b"another key 1234"[..]), (b"urn:dev:lamb", KEY)] {
            let mut server = server(Config::default());
            let share = PskShare {
                identity: identity.to_vec(),
                key: key.to_vec(),
            };
            let mut client = Client::new(path(0), share);
            client.begin(&mut server);
            if late {
                server.answering = Answering::Never;
            }
            // The client repeats itself as it likes.
            let flight = client.second_flight();
            for wait in [0, 1, 2, 4, 8] {
                server.run(Duration::from_secs(wait));
                server.put(path(0), &flight.concat());
                let again = message(FINISHED, 3, &[0; 12]);
                let again = client.seal(HANDSHAKE, &again);
                server.put(path(0), &again);
            }
            server.run(Duration::from_secs(400));
            let reasons = server.failures();
            match (late, identity == IDENTITY) {
                (true, _) => assert_eq!(reasons, [FailureReason::TimedOut]),
                (_, true) => assert_eq!(
                    reasons,
                    [FailureReason::WrongPsk {
                        identity: identity.to_vec()
                    }]
                ),
                (_, false) => assert_eq!(
                    reasons,
                    [FailureReason::UnknownPskIdentity {
                        identity: identity.to_vec()
                    }]
                ),
            }
            assert_eq!(server.connected(), 0);
            traces.push(server.sent);
        }
        assert_eq!(
            traces[0], traces[1],
            "the very same bytes at the very same times"
        );
        assert!(traces[0].len() >= 2);
    }
}

/// The operator learns why, the peer learns decrypt_error and nothing else.
#[test]
fn hostile_i02_the_reason_stays_here() {
    for (identity, key) in [(IDENTITY, &b"another key 1234"[..]), (b"nobody", KEY)] {
        let mut server = server(Config::default());
        let share = PskShare {
            identity: identity.to_vec(),
            key: key.to_vec(),
        };
        let mut client = Client::new(path(0), share);
        client.begin(&mut server);
        let flight = client.second_flight().concat();
        server.put(path(0), &flight);
        server.run(Duration::from_secs(10));
        let alerts: Vec<_> = server
            .sent
            .iter()
            .filter(|(_, _, bytes)| bytes[0] == ALERT)
            .collect();
        assert_eq!(alerts.len(), 1);
        assert_eq!(alerts[0].2[13..], [2, 51]);
        let all: Vec<u8> = server
            .sent
            .iter()
            .flat_map(|(_, _, bytes)| bytes.clone())
            .collect();
        assert!(!all.windows(identity.len()).any(|bytes| bytes == identity));
        let reason = format!("{:?} {}", server.failures(), server.failures()[0]);
        assert!(!reason.contains("another key") && !reason.contains("0123456789abcdef"));
    }
}

/// All randomness is the generator that was handed in: nothing in these crates can ask for other, and the same seed
/// gives the same bytes.
#[test]
fn hostile_i04_no_other_randomness() {
    let sources = ["src", "../dtls-core/src"];
    let mut files = 0;
    let mut folders: Vec<std::path::PathBuf> = sources
        .map(|source| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(source))
        .into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = std::fs::read_to_string(&entry).unwrap();
            for word in [
                "getrandom",
                "thread_rng",
                "OsRng",
                "SysRng",
                "rand::",
                "SystemTime",
                "Instant::now",
            ] {
                assert!(!text.contains(word), "{word} in {entry:?}");
            }
            files += 1;
        }
    }
    assert!(files > 20);
    let run = || {
        let (server, client) = connected(cid_config());
        (server.sent, client.server_random)
    };
    assert_eq!(run(), run());
}

/// Policy is policy: a peer without what is required is refused.
#[test]
fn hostile_h22_a_required_extension_is_required() {
    let mut config = Config::default();
    config.extended_master_secret = Policy::Require;
    let mut without = client();
    without.extended_master_secret = false;
    let mut server = server(config);
    without.begin(&mut server);
    assert_eq!(without.alerts, [[2, 40]]);
}
