//! Handshakes over a network that loses, reorders, repeats and cuts.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{IDENTITY, KEY, Link, Pair};
use dtls_psk::Psk;
use dtls_psk::dtls_core::{CipherSuite, Config, Connect, ConnectionIdPolicy, Event};

/// Record and handshake header, and 64 bytes.
const FRAGMENTS_OF_64: usize = 13 + 12 + 64;

fn client() -> Psk {
    Psk::client(IDENTITY, KEY).unwrap()
}

fn configs() -> Vec<(&'static str, Config)> {
    let plain = Config::default();
    let mut cid = Config::default();
    cid.connection_id = ConnectionIdPolicy::receive(8, &[3]);
    let mut small = cid.clone();
    small.max_datagram = FRAGMENTS_OF_64;
    let mut resumable = Config::default();
    resumable.resumptions = 100;
    vec![
        ("plain", plain),
        ("connection id", cid),
        ("fragments of 64 bytes", small),
        ("resumable", resumable),
    ]
}

/// Both sides connected once, and data goes both ways.
fn finish(pair: &mut Pair, what: &str) {
    pair.run(Duration::from_secs(59));
    pair.link = Link::default();
    pair.filter = Box::new(|_, _, _| true);
    let server = pair
        .server_peer()
        .unwrap_or_else(|| panic!("{what}: server"));
    let client = pair
        .client_peer()
        .unwrap_or_else(|| panic!("{what}: client"));
    assert!(pair.send(true, client, b"up"), "{what}");
    assert!(pair.send(false, server, b"down"), "{what}");
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.server_data, [(server, b"up".to_vec())], "{what}");
    assert_eq!(pair.client_data, [b"down".to_vec()], "{what}");
    let connected = |events: &[Event]| {
        let connected = |event: &&Event| matches!(event, Event::Connected { .. });
        events.iter().filter(connected).count()
    };
    assert_eq!(connected(&pair.server_events), 1, "{what}");
    assert_eq!(connected(&pair.client_events), 1, "{what}");
    pair.run(Duration::from_secs(300));
    let tables = pair.server.tables();
    assert_eq!(
        (tables.handshakes, tables.timers, tables.questions),
        (0, 0, 0),
        "{what}"
    );
    assert_eq!(tables.buffered, 0, "{what}");
}

#[test]
fn any_one_datagram_lost() {
    for (name, config) in configs() {
        for lost in 1..=30 {
            let mut pair = Pair::new(config.clone());
            pair.filter = Box::new(move |_, number, _| number != lost);
            pair.connect(client(), Connect::default());
            finish(&mut pair, &format!("{name}, datagram {lost} lost"));
        }
    }
}

#[test]
fn any_two_datagrams_lost() {
    for (name, config) in configs() {
        for first in 1..=12 {
            for second in first + 1..=14 {
                let mut pair = Pair::new(config.clone());
                pair.filter = Box::new(move |_, number, _| number != first && number != second);
                pair.connect(client(), Connect::default());
                finish(&mut pair, &format!("{name}, {first} and {second} lost"));
            }
        }
    }
}

/// Success is a matter of luck at 30 % loss each way, never of correctness: whoever connects can talk.
#[test]
fn seeds_of_loss_reordering_and_duplication() {
    let seeds = if std::env::var_os("LWM2M_LONG").is_some() {
        255
    } else {
        20
    };
    let mut connected = 0;
    let mut runs = 0;
    for (name, config) in configs() {
        for seed in 0..seeds {
            for link in [
                Link {
                    loss_percent: 10,
                    ..Link::default()
                },
                Link {
                    jitter_millis: 1500,
                    ..Link::default()
                },
                Link {
                    duplicate_percent: 50,
                    jitter_millis: 40,
                    ..Link::default()
                },
                Link {
                    loss_percent: 20,
                    duplicate_percent: 10,
                    jitter_millis: 100,
                },
            ] {
                let suites = Arc::new(Psk::server());
                let mut pair = Pair::seeded(seed, config.clone(), config.clone(), suites);
                pair.link = link;
                pair.connect(client(), Connect::default());
                pair.run(Duration::from_secs(59));
                runs += 1;
                let what = format!("{name}, seed {seed}, {link:?}");
                match (pair.client_peer(), pair.server_peer()) {
                    (Some(_), Some(_)) => {
                        connected += 1;
                        finish(&mut pair, &what);
                    }
                    (Some(_), None) => panic!("{what}: only the client connected"),
                    // The server's last flight was lost each time, or the handshake never got so far.
                    (None, _) => {}
                }
            }
        }
    }
    assert!(connected * 100 >= runs * 90, "{connected} of {runs}");
}

#[test]
fn every_suite_in_fragments_of_64_bytes() {
    for suite in [
        CipherSuite::PSK_WITH_AES_128_CCM_8,
        CipherSuite::PSK_WITH_AES_128_CCM,
        CipherSuite::PSK_WITH_AES_128_GCM_SHA256,
        CipherSuite::PSK_WITH_AES_128_CBC_SHA256,
        #[cfg(feature = "ecdhe")]
        CipherSuite::ECDHE_PSK_WITH_AES_128_CBC_SHA256,
    ] {
        let mut config = Config::default();
        config.max_datagram = FRAGMENTS_OF_64;
        let server = Psk::server().with_suites(&[suite]).unwrap();
        let mut pair = Pair::seeded(1, config.clone(), config, Arc::new(server));
        pair.connect(client().with_suites(&[suite]).unwrap(), Connect::default());
        finish(&mut pair, &format!("{suite}"));
    }
}

#[test]
fn a_resumption_survives_every_loss() {
    for lost in 0..=12 {
        let mut config = Config::default();
        config.resumptions = 10;
        let mut pair = Pair::new(config);
        pair.connect(client(), Connect::default());
        pair.run(Duration::from_secs(300));
        let first = pair.client_peer().unwrap();
        let mut connect = Connect::default();
        connect.resume = pair.client.resumption(first);
        let before = pair.sent.len();
        pair.filter = Box::new(move |_, number, _| number != before + lost);
        pair.connect(client(), connect);
        pair.run(Duration::from_secs(59));
        assert_eq!(pair.server.stats().resumed, 1, "{lost}");
        let (client, server) = (pair.client_peer().unwrap(), pair.server_peer().unwrap());
        pair.filter = Box::new(|_, _, _| true);
        assert!(pair.send(true, client, b"up") && pair.send(false, server, b"down"));
        pair.run(Duration::from_secs(1));
        assert_eq!(pair.client_data, [b"down".to_vec()]);
        assert_eq!(pair.server_data, [(server, b"up".to_vec())]);
    }
}

#[test]
fn a_first_hello_that_comes_twice_costs_one_datagram() {
    let mut pair = Pair::new(Config::default());
    pair.link.duplicate_percent = 100;
    let mut hellos = 0;
    pair.connect(client(), Connect::default());
    pair.run(Duration::from_millis(500));
    for (_, to_server, bytes) in &pair.sent {
        hellos += usize::from(*to_server && bytes[0] == 22 && bytes[13] == 1);
    }
    // Each of the two verify requests comes twice as well.
    assert_eq!(hellos, 2);
}
