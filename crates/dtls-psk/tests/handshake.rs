//! Handshakes between our own two sides, in virtual time.

mod common;

use std::time::Duration;

use common::{IDENTITY, KEY, Pair};
use dtls_psk::Psk;
use dtls_psk::dtls_core::{
    CipherSuite, Config, Connect, ConnectionIdPolicy, Event, FailureReason, Role,
};

fn client() -> Psk {
    Psk::client(IDENTITY, KEY).unwrap()
}

#[test]
fn every_suite_connects_and_carries_data() {
    for suite in [
        CipherSuite::PSK_WITH_AES_128_CCM_8,
        CipherSuite::PSK_WITH_AES_128_CCM,
        CipherSuite::PSK_WITH_AES_128_GCM_SHA256,
        CipherSuite::PSK_WITH_AES_128_CBC_SHA256,
    ] {
        let mut pair = Pair::new(Config::default());
        pair.connect(client().with_suites(&[suite]).unwrap(), Connect::default());
        pair.run(Duration::from_secs(1));
        let server = pair.server_peer().expect("the server connected");
        let client = pair.client_peer().expect("the client connected");
        assert!(
            pair.sent.len() == 6,
            "{suite}: {} datagrams",
            pair.sent.len()
        );
        assert!(pair.send(true, client, b"question"));
        assert!(pair.send(false, server, b"answer"));
        pair.run(Duration::from_secs(1));
        assert_eq!(
            pair.server_data,
            [(server, b"question".to_vec())],
            "{suite}"
        );
        assert_eq!(pair.client_data, [b"answer".to_vec()], "{suite}");
        assert_eq!(
            &*pair.server.session(server).unwrap().identity.value,
            IDENTITY
        );
    }
}

#[test]
fn wrong_key_and_unknown_identity_look_alike() {
    let mut traces = Vec::new();
    for (identity, key) in [(IDENTITY, &b"another key 1234"[..]), (b"nobody", KEY)] {
        let mut pair = Pair::new(Config::default());
        pair.connect(Psk::client(identity, key).unwrap(), Connect::default());
        pair.run(Duration::from_secs(100));
        let failure = pair.server_events.iter().find_map(|event| match event {
            Event::HandshakeFailed { failure, .. } => Some(failure.reason.clone()),
            _ => None,
        });
        let identity = identity.to_vec();
        let expected = if identity == IDENTITY {
            FailureReason::WrongPsk { identity }
        } else {
            FailureReason::UnknownPskIdentity { identity }
        };
        assert_eq!(failure, Some(expected));
        assert!(matches!(
            pair.client_events[..],
            [Event::HandshakeFailed {
                role: Role::Client,
                ..
            }]
        ));
        let trace: Vec<_> = pair
            .sent
            .iter()
            .filter(|(_, to_server, _)| !to_server)
            .map(|(at, _, bytes)| (*at, bytes.len()))
            .collect();
        traces.push(trace);
    }
    assert_eq!(traces[0], traces[1]);
}

#[test]
fn a_session_goes_on_by_its_id() {
    let mut config = Config::default();
    config.resumptions = 10;
    config.connection_id = ConnectionIdPolicy::receive(8, &[7]);
    let mut pair = Pair::new(config);
    pair.connect(client(), Connect::default());
    pair.run(Duration::from_secs(1));
    let first = pair.client_peer().unwrap();
    let resumption = pair.client.resumption(first).unwrap();
    let mut connect = Connect::default();
    connect.resume = Some(resumption);
    pair.connect(client(), connect);
    pair.run(Duration::from_secs(1));
    let second = pair.client_peer().unwrap();
    assert_ne!(first, second);
    assert_eq!(pair.server.stats().resumed, 1);
    assert!(pair.send(true, second, b"again"));
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.server_data.last().unwrap().1, b"again");
    assert_eq!(pair.server.tables().sessions, 1);
}
