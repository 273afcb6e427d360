//! Floods by strangers: what they cost in memory, and whether a device still gets in. The same code counts small in
//! `cargo test` and whole with `LWM2M_LONG=1`.

mod script;

use allocation_counter::measure;
use dtls_core::{Config, Path};
use dtls_psk::Psk;
use sansio::Rng;
use script::*;

const IDENTITY: &[u8] = b"urn:dev:lamp";
const KEY: &[u8] = b"0123456789abcdef";

fn scaled(short: u32, long: u32) -> u32 {
    if std::env::var_os("LWM2M_LONG").is_some() {
        long
    } else {
        short
    }
}

fn path(host: u32, port: u16) -> Path {
    let ip = std::net::Ipv4Addr::from_bits(0x7f00_0000 | host & 0x00ff_ffff);
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

fn server(config: Config) -> Side {
    let mut server = Side::server(config, Psk::server());
    server.keys.insert(IDENTITY.to_vec(), KEY.to_vec());
    server
}

/// The endpoint alone is measured: what the harness wrote down is dropped.
fn forget(server: &mut Side) {
    server.sent.clear();
    server.events.clear();
    server.take(path(0, 0));
}

/// A device's handshake with `flood` between its flights. The session is closed again.
fn genuine(server: &mut Side, from: Path, number: u64, mut flood: impl FnMut(&mut Side)) -> bool {
    let mut client = Client::new(from, share());
    client.restart(number);
    for step in 0..3 {
        let bytes = match step {
            0 | 1 => client.hello(),
            _ if !client.seen.contains(&SERVER_HELLO_DONE) => return false,
            _ => client.second_flight().concat(),
        };
        let answer = server.give(from, &bytes);
        client.read(&answer);
        flood(server);
    }
    if let Some(peer) = server.endpoint.peer_at(from) {
        server.endpoint.close(peer);
        server.drain();
    }
    forget(server);
    client.finished == Some(true)
}

/// Hellos without cookies, each from another address: nothing is remembered of them.
#[test]
fn hellos_from_everywhere_cost_no_memory() {
    const BETWEEN: u32 = 1_000;
    let rounds = scaled(20_000, 10_000_000) / BETWEEN;
    let mut server = server(Config::default());
    let mut rng = Rng::from_seed([3; 32]);
    let mut hello = Client::new(path(1, 1), share()).hello();
    let mut strangers = |server: &mut Side, count: u32| {
        for _ in 0..count {
            rng.fill(&mut hello[27..59]);
            let from = path(rng.next_u32(), 1024 | (rng.next_u32() & 0x7fff) as u16);
            server.put(from, &hello);
            server.sent.clear();
        }
    };
    // What a handshake and a flood leave once.
    genuine(&mut server, path(5, 5), 0, |server| {
        strangers(server, BETWEEN)
    });
    let mut connected = 0;
    let grown = measure(|| {
        for round in 0..rounds {
            let from = path(0x00aa_0000 | round, 5000);
            connected += u32::from(genuine(&mut server, from, u64::from(round), |server| {
                strangers(server, BETWEEN / 3);
            }));
        }
    });
    let stats = server.endpoint.stats();
    println!(
        "{} hellos: {} bytes more at most, {} at the end; {connected} of {rounds} devices connected",
        stats.cookies_sent, grown.bytes_max, grown.bytes_current
    );
    assert!(grown.bytes_max <= 1 << 20);
    assert!(connected * 1000 >= rounds * 999);
    assert!(stats.cookies_sent >= u64::from(rounds * (BETWEEN / 3) * 3));
    let tables = server.endpoint.tables();
    assert_eq!(
        (tables.handshakes, tables.sessions, tables.timers),
        (0, 0, 0)
    );
}

/// Who opens handshakes with good cookies and leaves them, from which addresses.
type Attack = fn(u32) -> Path;

/// Handshakes that are begun with good cookies and left: each is small, and they displace each other, not devices.
#[test]
fn half_open_handshakes_displace_each_other() {
    let limit = scaled(500, 10_000);
    let devices = scaled(100, 1_000);
    // Between two flights of a device: 100 of 10 000, as many as come at 1 000 a second in a round trip of 100 ms.
    let between = limit / 100;
    let attacks: [(&str, Attack); 3] = [
        ("each from an address of its own", |number| path(number, 7)),
        ("all from one address", |number| {
            path(9, (number % 60_000) as u16)
        }),
        ("from a hundred addresses", |number| {
            path(number % 100, (number / 100 % 60_000) as u16)
        }),
    ];
    // Devices alone behind their address, or twenty behind each.
    let homes: [(&str, Attack); 2] = [
        ("alone", |number| path(0x00cc_0000 + number, 5000)),
        ("twenty behind a router", |number| {
            path(0x00dd_0000 + number / 20, 5000 + (number % 20) as u16)
        }),
    ];
    for (name, attack) in attacks {
        for (whose, home) in homes {
            let mut config = Config::default();
            config.handshakes = limit as usize;
            let mut server = server(config);
            let mut number = 0;
            let mut open = |server: &mut Side, count: u32| {
                for _ in 0..count {
                    let mut client = Client::new(attack(number), share());
                    client.restart(u64::from(number));
                    client.begin(server);
                    number += 1;
                    if number % between == 0 {
                        server.run(std::time::Duration::from_millis(100));
                    }
                    forget(server);
                }
            };
            let held = measure(|| open(&mut server, limit));
            assert_eq!(server.endpoint.tables().handshakes, limit as usize);
            let each = held.bytes_current / i64::from(limit);
            assert!(each <= 4096, "{each} bytes for a half-open handshake");

            let mut connected = 0;
            for first in (0..devices).step_by(20) {
                connected += together(&mut server, first, home, |server| open(server, between));
                assert!(server.endpoint.tables().handshakes <= limit as usize);
            }
            println!(
                "{limit} half-open handshakes {name}: {each} bytes each; {connected} of {devices} devices ({whose}) connected"
            );
            assert!(connected * 100 >= devices * 99, "{connected} of {devices}");
        }
    }
}

/// Twenty devices at the same time; returns how many got in.
fn together(server: &mut Side, first: u32, home: Attack, mut flood: impl FnMut(&mut Side)) -> u32 {
    let mut clients: Vec<_> = (first..first + 20)
        .map(|number| {
            let mut client = Client::new(home(number), share());
            client.restart(u64::from(number) << 32);
            client
        })
        .collect();
    for step in 0..3 {
        for client in &mut clients {
            let bytes = match step {
                0 | 1 => client.hello(),
                _ if !client.seen.contains(&SERVER_HELLO_DONE) => continue,
                _ => client.second_flight().concat(),
            };
            let answer = server.give(client.path, &bytes);
            client.read(&answer);
        }
        forget(server);
        flood(server);
    }
    let connected = clients
        .iter()
        .filter(|client| client.finished == Some(true));
    u32::try_from(connected.count()).unwrap()
}
