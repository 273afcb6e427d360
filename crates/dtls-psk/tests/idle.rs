//! `Config::session_lifetime`: sessions in which nobody speaks any more end, in time and without a burst of work.

mod script;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use dtls_core::{CloseReason, Config, ConnectionIdPolicy, Event, Path};
use dtls_psk::Psk;
use sansio::Instant;
use script::*;

const IDENTITY: &[u8] = b"urn:dev:lamp";
const KEY: &[u8] = b"0123456789abcdef";
const LIFETIME: Duration = Duration::from_secs(3600);
/// Slots that one call may look at.
const AT_ONCE: usize = 256;

fn path(number: u32) -> Path {
    let ip = std::net::Ipv4Addr::from_bits(0x7f00_0001 + number);
    Path {
        local_endpoint: 0,
        address: (ip, 40_000).into(),
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.session_lifetime = Some(LIFETIME);
    config
}

fn server(config: Config) -> Side {
    let mut server = Side::server(config, Psk::server());
    server.keys.insert(IDENTITY.to_vec(), KEY.to_vec());
    server
}

fn share() -> PskShare {
    PskShare {
        identity: IDENTITY.to_vec(),
        key: KEY.to_vec(),
    }
}

fn connect(server: &mut Side, number: u32) -> Client {
    let mut client = Client::new(path(number), share());
    client.handshake(server);
    client
}

fn speak(server: &mut Side, client: &mut Client) {
    let record = client.seal(DATA, b"here");
    server.put(client.path, &record);
}

/// Sessions that ended, and when; `AT_ONCE` in a call at most.
fn run(server: &mut Side, duration: Duration) -> HashMap<Path, Instant> {
    let mut ended = HashMap::new();
    let end = server.now + duration;
    while let Some(next) = server.endpoint.poll_timeout().filter(|next| *next <= end) {
        server.now = server.now.max(next);
        server.endpoint.handle_timeout(server.now);
        server.events.clear();
        server.drain();
        let before = ended.len();
        ended.extend(server.events.iter().map(|event| match event {
            Event::Closed {
                path,
                reason: CloseReason::Idle,
                ..
            } => (*path, server.now),
            other => panic!("{other:?}"),
        }));
        assert!(ended.len() - before <= AT_ONCE);
    }
    server.now = end;
    ended
}

fn in_time(heard: Instant, ended: Instant) -> bool {
    (heard + LIFETIME..=heard + LIFETIME * 9 / 8).contains(&ended)
}

#[test]
fn of_ten_thousand_sessions_the_silent_half_ends() {
    const COUNT: u32 = 10_000;
    let mut server = server(config());
    let mut clients = Vec::new();
    let mut heard = HashMap::new();
    for number in 0..COUNT {
        clients.push(connect(&mut server, number));
        heard.insert(path(number), server.now);
        // Spread over three quarters of a lifetime, so that the table grows while rounds go on.
        let closed = run(&mut server, LIFETIME * 3 / 4 / COUNT);
        assert!(closed.is_empty());
        server.sent.clear();
    }
    let mut ended = HashMap::new();
    for _ in 0..3 {
        for client in clients.iter_mut().step_by(2) {
            speak(&mut server, client);
            heard.insert(client.path, server.now);
        }
        ended.extend(run(&mut server, LIFETIME * 4 / 5));
    }
    assert_eq!(server.endpoint.tables().sessions, COUNT as usize / 2);
    assert_eq!(ended.len(), COUNT as usize / 2);
    assert!(
        clients
            .iter()
            .skip(1)
            .step_by(2)
            .all(|client| in_time(heard[&client.path], ended[&client.path]))
    );
    // They were told.
    let mut told: HashMap<_, Vec<_>> = HashMap::new();
    for (_, to, bytes) in std::mem::take(&mut server.sent) {
        told.entry(to).or_default().push(bytes);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.read(told.get(&client.path).map_or(&[][..], |sent| sent));
        let expected: &[_] = if number % 2 == 1 { &[[1, 0]] } else { &[] };
        assert_eq!(client.alerts, expected);
    }
    // One timer serves the other half; when they are gone too, none runs.
    assert_eq!(server.endpoint.tables().timers, 1);
    let ended = run(&mut server, LIFETIME * 2);
    assert_eq!(ended.len(), COUNT as usize / 2);
    assert!(ended.iter().all(|(path, at)| in_time(heard[path], *at)));
    assert_eq!(server.endpoint.tables(), dtls_core::Tables::default());
    assert_eq!(server.endpoint.poll_timeout(), None);
}

#[test]
fn a_round_is_cut_into_calls_of_256_slots() {
    let mut server = server(config());
    for number in 0..1_000 {
        connect(&mut server, number);
    }
    let mut each = BTreeMap::<_, usize>::new();
    for at in run(&mut server, LIFETIME * 2).into_values() {
        *each.entry(at).or_default() += 1;
    }
    assert!(each.values().eq(&[256, 256, 256, 1_000 - 3 * 256]));
    let first = *each.keys().next().unwrap();
    let millis = [0, 1, 2, 3].map(|millis| first + Duration::from_millis(millis));
    assert!(each.keys().eq(&millis));
}

#[test]
fn without_a_lifetime_no_session_ends_and_no_timer_runs() {
    let mut server = server(Config::default());
    connect(&mut server, 0);
    assert!(run(&mut server, Duration::from_secs(10 * 365 * 86_400)).is_empty());
    assert_eq!(server.endpoint.poll_timeout(), None);
    assert_eq!(server.endpoint.tables().sessions, 1);
}

/// Only what the peer proves to have sent: else a session with a device that is gone lives as long as somebody
/// asks it something, or as long as a stranger likes.
#[test]
fn neither_our_own_records_nor_forged_or_repeated_ones_keep_a_session() {
    let mut server = server(config());
    let mut client = connect(&mut server, 0);
    let peer = server.peer();
    let record = client.seal(DATA, b"once");
    server.put(client.path, &record);
    let heard = server.now;
    let mut ended = HashMap::new();
    for _ in 0..20 {
        ended.extend(run(&mut server, LIFETIME / 10));
        server.put(client.path, &record);
        let mut forged = client.seal(DATA, b"no");
        *forged.last_mut().unwrap() ^= 1;
        server.put(client.path, &forged);
        server.seal(peer, b"anybody?");
    }
    assert!(in_time(heard, ended[&client.path]));
}

#[test]
fn a_session_with_a_connection_id_is_forgotten_under_it_too() {
    let mut config = config();
    config.connection_id = ConnectionIdPolicy::receive(8, &[]);
    let mut server = server(config);
    let mut client = Client::new(path(0), share());
    client.extensions = extension(54, &[0]);
    client.handshake(&mut server);
    assert_eq!(server.endpoint.tables().connection_ids, 1);
    assert_eq!(run(&mut server, LIFETIME * 2).len(), 1);
    assert_eq!(server.endpoint.tables(), dtls_core::Tables::default());
}

#[test]
fn a_restored_session_ends_too() {
    let mut old = server(config());
    let client = connect(&mut old, 0);
    let saved = old.endpoint.save(old.peer(), &[1; 16]).unwrap();
    let mut server = server(config());
    server.now = old.now + Duration::from_secs(86_400);
    server.endpoint.restore(&saved, &[1; 16]).unwrap();
    let restored = server.now;
    let ended = run(&mut server, LIFETIME * 2);
    assert!(in_time(restored, ended[&client.path]));
    assert_eq!(server.endpoint.poll_timeout(), None);
}

/// As after a machine was suspended: what waits in the socket is read before anything ends.
#[test]
fn a_clock_that_jumps_ends_no_session() {
    let mut server = server(config());
    let mut client = connect(&mut server, 0);
    server.now = server.now + LIFETIME * 100;
    for _ in 0..1_000 {
        server.endpoint.handle_timeout(server.now);
    }
    speak(&mut server, &mut client);
    assert!(run(&mut server, LIFETIME).is_empty());
    assert_eq!(server.endpoint.tables().sessions, 1);
}
