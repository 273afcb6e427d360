//! What sessions live through: addresses that change, restarts of either side, limits.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{IDENTITY, KEY, Pair, path};
use dtls_psk::Psk;
use dtls_psk::dtls_core::{
    CloseReason, Config, Connect, ConnectionIdPolicy, Endpoint, Event, PeerIdentity, RestoreError,
    Resumption, ResumptionCache, Resumptions, SealError,
};
use sansio::{DatagramBuf, Instant, Peer, Rng};

fn client() -> Psk {
    Psk::client(IDENTITY, KEY).unwrap()
}

fn with_cid() -> Config {
    let mut config = Config::default();
    config.connection_id = ConnectionIdPolicy::receive(8, &[3]);
    config
}

fn connected(config: Config) -> (Pair, Peer, Peer) {
    let mut pair = Pair::new(config);
    pair.connect(client(), Connect::default());
    pair.run(Duration::from_secs(1));
    let (client, server) = (pair.client_peer().unwrap(), pair.server_peer().unwrap());
    (pair, client, server)
}

fn sealed(endpoint: &mut Endpoint, peer: Peer, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut memory = [0; 2048];
    let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
    buf.space()[..bytes.len()].copy_from_slice(bytes);
    buf.set_len(bytes.len());
    endpoint.seal(peer, &mut buf)?;
    Ok(buf.bytes().to_vec())
}

#[test]
fn a_connection_id_survives_a_new_address() {
    let (mut pair, client, server) = connected(with_cid());
    pair.client_path = path(50_000);
    assert!(pair.send(true, client, b"moved"));
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.server_data, [(server, b"moved".to_vec())]);
    assert!(pair.server_events.iter().any(|event| matches!(
        event,
        Event::Moved { peer, from, to, .. } if *peer == server && from.address.port() == 40_000 && to.address.port() == 50_000
    )));
    assert_eq!(pair.server.session(server).unwrap().path, path(50_000));
}

#[test]
fn without_a_connection_id_a_new_address_is_a_stranger() {
    let (mut pair, client, server) = connected(Config::default());
    pair.client_path = path(50_000);
    assert!(pair.send(true, client, b"lost"));
    pair.run(Duration::from_secs(1));
    assert!(pair.server_data.is_empty());
    assert_eq!(pair.server.session(server).unwrap().path, path(40_000));
}

#[test]
fn an_old_record_moves_nothing_and_a_replayed_one_is_dropped() {
    let (mut pair, client, server) = connected(with_cid());
    let first = sealed(&mut pair.client, client, b"first").unwrap();
    let second = sealed(&mut pair.client, client, b"second").unwrap();
    pair.put(true, second.clone());
    pair.run(Duration::from_secs(1));
    pair.client_path = path(666);
    pair.put(true, first);
    pair.put(true, second);
    pair.run(Duration::from_secs(1));
    let data: Vec<_> = pair.server_data.iter().map(|(_, data)| &data[..]).collect();
    assert_eq!(data, [&b"second"[..], b"first"]);
    assert_eq!(pair.server.session(server).unwrap().path, path(40_000));
    assert_eq!(pair.server.stats().replayed, 1);
}

/// A spoofed source could otherwise draw a whole transfer onto a victim.
#[test]
fn a_new_address_gets_three_times_what_came_until_it_is_heard_again() {
    let (mut pair, client, server) = connected(with_cid());
    pair.client_path = path(50_000);
    assert!(pair.send(true, client, &[7; 50]));
    pair.run(Duration::from_secs(1));
    let mut sent = 0;
    let refused = loop {
        match sealed(&mut pair.server, server, &[0; 20]) {
            Ok(datagram) => sent += datagram.len(),
            Err(error) => break error,
        }
        assert!(sent < 10_000);
    };
    assert_eq!(refused, SealError::Unproven);
    let came = pair.sent.last().unwrap().2.len();
    assert!(sent <= 3 * came, "{sent} for {came}");
    assert!(pair.send(true, client, b"again"));
    pair.run(Duration::from_secs(1));
    assert!(sealed(&mut pair.server, server, &[0; 200]).is_ok());
}

#[test]
fn a_path_check_proves_the_new_address_by_itself() {
    let mut config = with_cid();
    config.return_routability = true;
    let (mut pair, client, server) = connected(config);
    pair.client_path = path(50_000);
    assert!(pair.send(true, client, b"moved"));
    pair.run(Duration::from_secs(1));
    // Challenge and response went by without anybody asking.
    for _ in 0..20 {
        assert!(sealed(&mut pair.server, server, &[0; 200]).is_ok());
    }
}

#[test]
fn a_client_that_starts_anew_replaces_its_session_only_when_it_has_a_new_one() {
    for config in [Config::default(), with_cid()] {
        let (mut pair, old_client, old_server) = connected(config.clone());
        // The new one, on the same address, with a wrong key: nothing happens to the old session.
        let mut impostor = Psk::client(IDENTITY, b"not the key at all").unwrap();
        for round in 0..2 {
            pair.connect(impostor, Connect::default());
            pair.run(Duration::from_secs(100));
            impostor = client();
            if round == 0 {
                assert!(pair.send(true, old_client, b"still here"));
                pair.run(Duration::from_secs(1));
                assert_eq!(pair.server_data.last().unwrap().0, old_server);
            }
        }
        let new_server = pair.server_peer().unwrap();
        assert_ne!(new_server, old_server);
        assert!(pair.server_events.iter().any(|event| matches!(
            event,
            Event::Connected { replaces: Some(old), .. } if *old == old_server
        )));
        assert!(pair.server.session(old_server).is_none());
        assert_eq!(pair.server.tables().sessions, 1);
    }
}

#[test]
fn a_saved_session_goes_on_elsewhere() {
    let key = [9; 16];
    let (mut pair, client, server) = connected(with_cid());
    assert!(pair.send(true, client, b"before"));
    pair.run(Duration::from_secs(1));
    let saved = pair.server.save(server, &key).unwrap();
    assert!(saved.len() <= 200 + IDENTITY.len(), "{} bytes", saved.len());
    let after_save = sealed(&mut pair.server, server, b"a number that is used").unwrap();

    let suites = Arc::new(Psk::server());
    pair.server = Endpoint::new(pair.now, with_cid(), Some(suites), Rng::from_seed([77; 32]));
    let again = pair.server.restore(&saved, &key).unwrap();
    assert_eq!(pair.server.restore(&saved, &key), Err(RestoreError::Exists));
    let session = pair.server.session(again).unwrap();
    assert!(session.restored);
    assert_eq!(&*session.identity.value, IDENTITY);
    // Not before it is saved anew: else a second crash would use numbers twice.
    assert_eq!(
        sealed(&mut pair.server, again, b"too soon"),
        Err(SealError::Exhausted)
    );
    pair.server.save(again, &key).unwrap();
    let restored = sealed(&mut pair.server, again, b"a fresh number").unwrap();
    let sequence = |datagram: &[u8]| u64::from_be_bytes(datagram[3..11].try_into().unwrap());
    assert!(sequence(&restored) > sequence(&after_save));
    pair.put(false, restored);
    assert!(pair.send(true, client, b"after"));
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.client_data, [b"a fresh number".to_vec()]);
    assert_eq!(
        pair.server_data.last().unwrap(),
        &(again, b"after".to_vec())
    );
    pair.server.set_fresh(again);
    assert!(!pair.server.session(again).unwrap().restored);
}

#[test]
fn a_saved_session_has_to_be_saved_again_in_time() {
    let mut config = Config::default();
    config.save_lease = 10;
    let (mut pair, _, server) = connected(config);
    pair.server.save(server, &[1; 16]).unwrap();
    let mut sent = 0;
    while sealed(&mut pair.server, server, b"x").is_ok() {
        sent += 1;
    }
    assert_eq!(sent, 10);
    assert!(
        matches!(pair.server.poll_event(), Some(Event::SaveDue { peer, .. }) if peer == server)
    );
    pair.server.save(server, &[1; 16]).unwrap();
    assert!(sealed(&mut pair.server, server, b"x").is_ok());
}

#[test]
fn a_revoked_identity_is_out_at_once() {
    let mut config = with_cid();
    config.resumptions = 10;
    let (mut pair, client_peer, server) = connected(config);
    let resumption = pair.client.resumption(client_peer);
    let identity: PeerIdentity = pair.server.session(server).unwrap().identity.clone();
    pair.server.revoke(&identity);
    pair.keys.clear();
    pair.run(Duration::from_secs(1));
    assert!(matches!(
        pair.client_events.last(),
        Some(Event::Closed {
            reason: CloseReason::Alert(_),
            ..
        })
    ));
    assert_eq!(pair.server.tables().sessions, 0);
    assert_eq!(pair.server.tables().connection_ids, 0);
    let mut connect = Connect::default();
    connect.resume = resumption;
    pair.connect(client(), connect);
    pair.run(Duration::from_secs(100));
    assert_eq!(pair.server.stats().resumed, 0);
    assert_eq!(pair.server.tables().sessions, 0);
}

#[test]
fn a_session_more_than_allowed_takes_the_place_of_a_silent_one() {
    let mut config = with_cid();
    config.sessions = 3;
    let mut pair = Pair::new(config);
    for port in 1..=5 {
        pair.client_path = path(port);
        // A client of its own each time: only the last one's session is of interest.
        pair.client = Endpoint::new(pair.now, with_cid(), None, Rng::from_seed([port as u8; 32]));
        pair.connect(client(), Connect::default());
        pair.run(Duration::from_secs(1));
    }
    assert_eq!(pair.server.tables().sessions, 3);
    let evicted = |event: &&Event| {
        matches!(
            event,
            Event::Closed {
                reason: CloseReason::Evicted,
                ..
            }
        )
    };
    assert_eq!(pair.server_events.iter().filter(evicted).count(), 2);
    let last = pair.server_peer().unwrap();
    let client = pair.client_peer().unwrap();
    assert!(pair.send(true, client, b"here"));
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.server_data, [(last, b"here".to_vec())]);
}

/// Of all endpoints of a server.
#[derive(Debug)]
struct Everywhere(Mutex<ResumptionCache>);

impl Resumptions for Everywhere {
    fn insert(&self, now: Instant, resumption: Resumption) {
        self.0.lock().unwrap().insert(now, resumption);
    }

    fn get(&self, now: Instant, session_id: &[u8]) -> Option<Resumption> {
        self.0.lock().unwrap().get(now, session_id).cloned()
    }

    fn forget_where(&self, ends: &dyn Fn(&PeerIdentity) -> bool) {
        self.0.lock().unwrap().forget_where(ends);
    }
}

/// As the shards of a server: a client with a new address comes to another one.
#[test]
fn a_session_goes_on_at_another_endpoint_that_shares_it() {
    let day = Duration::from_secs(86_400);
    let shared = Arc::new(Everywhere(Mutex::new(ResumptionCache::new(10, day))));
    let mut pair = Pair::new(with_cid());
    pair.server.share_resumptions(shared.clone());
    let mut other = Pair::new(with_cid()).server;
    other.share_resumptions(shared.clone());
    let resumed = |pair: &mut Pair, resumption: &Option<Resumption>| {
        let mut connect = Connect::default();
        connect.resume.clone_from(resumption);
        let before = pair.server.stats().resumed;
        pair.connect(client(), connect);
        pair.run(Duration::from_secs(1));
        pair.server.stats().resumed - before
    };
    pair.connect(client(), Connect::default());
    pair.run(Duration::from_secs(1));
    let resumption = pair.client.resumption(pair.client_peer().unwrap());
    assert_eq!(shared.0.lock().unwrap().len(), 1);
    let identity = pair.server.session(pair.server_peer().unwrap());
    let identity = identity.unwrap().identity.clone();

    std::mem::swap(&mut pair.server, &mut other);
    pair.client_path = path(50_000);
    assert_eq!(resumed(&mut pair, &resumption), 1);
    assert!(pair.send(true, pair.client_peer().unwrap(), b"here"));
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.server_data.last().unwrap().1, b"here");

    // What one of them forgets, all do.
    other.revoke(&identity);
    assert!(shared.0.lock().unwrap().is_empty());
    pair.client_path = path(50_001);
    assert_eq!(resumed(&mut pair, &resumption), 0);
    assert_eq!(shared.0.lock().unwrap().len(), 1);
}

/// RFC 5246 §7.2.2.
#[test]
fn a_session_that_a_fatal_alert_ended_is_not_resumed() {
    let mut config = Config::default();
    config.resumptions = 10;
    let (mut pair, client_peer, server) = connected(config);
    let resumption = pair.client.resumption(client_peer);
    // The client's side of the identity is empty: the alert that it sends is fatal.
    let identity = pair.client.session(client_peer).unwrap().identity.clone();
    pair.client.revoke(&identity);
    pair.run(Duration::from_secs(1));
    assert!(pair.server.session(server).is_none());
    let mut connect = Connect::default();
    connect.resume = resumption;
    pair.connect(client(), connect);
    pair.run(Duration::from_secs(10));
    assert!(pair.server_peer().is_some_and(|peer| peer != server));
    assert_eq!(pair.server.stats().resumed, 0);
}

#[test]
fn the_last_flight_goes_out_however_short_it_is_kept() {
    let mut config = Config::default();
    config.linger = Duration::ZERO;
    let mut pair = Pair::seeded(1, Config::default(), config, Arc::new(Psk::server()));
    pair.early_timeouts = true;
    pair.connect(client(), Connect::default());
    pair.run(Duration::from_secs(1));
    assert!(pair.client_peer().is_some());
    assert_eq!(pair.server.tables().timers, 0);
}
