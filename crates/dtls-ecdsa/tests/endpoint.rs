//! Whole handshakes between endpoints, in virtual time.

mod common;

use std::time::Duration;

use common::pair::{Link, Pair};
use common::pki::{Authority, credentials, self_signed};
use common::{hex, key, keys, raw};
use dtls_core::{
    Alert, Answer, CipherSuite, Config, ConnectionIdPolicy, Event, Failure, FailureReason,
    IdentityKind, PeerIdentity, Question, Role,
};
use dtls_ecdsa::{
    Anchors, Certificate, CertificateNames, CertificateUsage, Credentials, Ecdsa, MatchingType,
    P256, PrivateKey, PublicKey, Ring, ServerTrust, Trust, verify_client_chain,
};
use rcgen::date_time_ymd;

/// The value of `name` in the file of published example credentials.
fn example(name: &str) -> Vec<u8> {
    let file = include_str!("data/thingsboard.txt");
    let line = file.lines().find_map(|line| line.strip_prefix(name));
    hex(line.unwrap().trim())
}

fn example_key(who: &str) -> PrivateKey {
    PrivateKey::from_der(&example(&format!("{who}.private_key "))).unwrap()
}

fn suites(credentials: Credentials, trust: Trust) -> Ecdsa {
    Ecdsa::new(P256::new(), credentials, trust).unwrap()
}

fn certificate_trust(usage: u8, data: &[u8]) -> ServerTrust {
    ServerTrust::certificate(CertificateUsage(usage), MatchingType::EXACT, data).unwrap()
}

/// The published keys as raw public keys: the server, and the bootstrap server's key in a device.
#[test]
fn published_keys_as_raw_public_keys() {
    let (server_key, device_key) = (example_key("server"), example_key("bootstrap"));
    let trust = |spki: &[u8]| ServerTrust::raw_public_key(MatchingType::EXACT, spki).unwrap();
    let device = suites(
        Credentials::raw_public_key(device_key),
        Trust::Server(trust(&example("server.public_key "))),
    );
    let known = PublicKey::from_spki(&example("bootstrap.public_key ")).unwrap();
    let server = suites(
        Credentials::raw_public_key(server_key),
        Trust::Keys(vec![known]),
    );
    let mut pair = Pair::new(1, Config::default(), server);
    pair.connect(device);
    pair.finish("raw public keys");
    let peer = pair.peer(Role::Server).unwrap();
    let session = pair.server.session(peer).unwrap();
    assert_eq!(session.suite, CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM_8);
    assert_eq!(session.identity.kind, IdentityKind::RAW_PUBLIC_KEY);
    assert_eq!(*session.identity.value, example("bootstrap.public_key "));
    // Six flights, each one datagram, and one each way.
    let handshake = pair.sent.len() - 2;
    assert_eq!(handshake, 6);
}

/// The published certificates. They expired in 2022 and their authority is not published: pinned, nothing of that matters.
#[test]
fn published_certificates() {
    let certificate = |who: &str| example(&format!("{who}.certificate "));
    let x509 = |who: &str| Credentials::x509(example_key(who), vec![certificate(who)]).unwrap();
    let device = suites(
        x509("bootstrap"),
        Trust::Server(certificate_trust(3, &certificate("server"))),
    );
    let mut pair = Pair::new(1, Config::default(), suites(x509("server"), Trust::Ask));
    pair.connect(device);
    pair.finish("certificates");
    let peer = pair.peer(Role::Server).unwrap();
    let session = pair.server.session(peer).unwrap();
    let names = CertificateNames::decode(&session.identity.value).unwrap();
    assert_eq!(names.names(), ["localhost bootstrap"]);

    // With another pin, and by a chain: what is wrong is told on the side that finds it.
    let refused = |trust| {
        let mut pair = Pair::new(1, Config::default(), suites(x509("server"), Trust::Ask));
        pair.connect(suites(x509("bootstrap"), Trust::Server(trust)));
        pair.run(Duration::from_secs(60));
        let alert = pair.failure(Role::Server).unwrap().reason.clone();
        let failure = pair.failure(Role::Client).unwrap().clone();
        assert_eq!(alert, FailureReason::PeerAlert(failure.alert));
        failure.reason.to_string()
    };
    let server_print = Certificate::from_der(&certificate("server"))
        .unwrap()
        .fingerprint();
    let server_print: String = server_print
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        refused(certificate_trust(3, &certificate("bootstrap"))),
        format!("the peer's key is not the expected one (its sha-256 is {server_print})")
    );
    let root = Authority::root("another root", 9);
    let by_chain = certificate_trust(2, &root.der).with_name("localhost server");
    assert_eq!(
        refused(by_chain),
        "the certificate is valid from 1613140448 to 1644676448 (unix seconds), now is 1795824000"
    );
}

struct World {
    root: Authority,
    between: Authority,
    other_root: Authority,
    leaf: Vec<u8>,
    other_leaf: Vec<u8>,
    alone: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let root = Authority::root("root", 9);
        let between = root.under("between", 8, |_| {});
        Self {
            leaf: between.leaf("server.example", 1, |_| {}),
            other_leaf: between.leaf("server.example", 4, |_| {}),
            alone: self_signed("server.example", 1, |_| {}),
            other_root: Authority::root("other root", 7),
            between,
            root,
        }
    }
}

/// Every row of the usages, between endpoints: 0 to 3, what is given, what is shown, and what comes of it.
#[test]
fn every_certificate_usage() {
    let w = World::new();
    let full = vec![w.leaf.clone(), w.between.der.clone(), w.root.der.clone()];
    let no_between = vec![w.leaf.clone()];
    let alone = vec![w.alone.clone()];
    let (root, between, other_root) = (&w.root.der, &w.between.der, &w.other_root.der);
    let unknown = Some(Alert::UNKNOWN_CA);
    let bad = Some(Alert::BAD_CERTIFICATE);
    type Row<'a> = (u8, &'a [u8], &'a [Vec<u8>], Option<Alert>);
    let rows: [Row<'_>; 24] = [
        (0, root, &full, None),
        (0, between, &full, None),
        (0, &w.leaf, &full, unknown),
        (0, other_root, &full, unknown),
        (0, root, &no_between, unknown),
        (0, root, &alone, unknown),
        (0, &w.alone, &alone, unknown),
        (1, &w.leaf, &full, None),
        (1, root, &full, bad),
        (1, &w.other_leaf, &full, bad),
        (1, &w.leaf, &no_between, unknown),
        (1, &w.leaf, &alone, bad),
        (1, &w.alone, &alone, unknown),
        (2, root, &full, None),
        (2, between, &full, None),
        (2, &w.leaf, &full, bad),
        (2, other_root, &full, unknown),
        (2, root, &no_between, unknown),
        (2, &w.alone, &alone, bad),
        (2, root, &alone, unknown),
        (3, &w.leaf, &no_between, None),
        (3, &w.alone, &alone, None),
        (3, root, &full, bad),
        (3, &w.other_leaf, &full, bad),
    ];
    for (row, (usage, given, shown, refusal)) in rows.into_iter().enumerate() {
        let server = suites(credentials(1, shown), keys([2]));
        let trust = certificate_trust(usage, given).with_anchors(w.root.anchors());
        let mut pair = Pair::new(1, Config::default(), server);
        pair.connect(raw(2, Trust::Server(trust)));
        pair.run(Duration::from_secs(60));
        let failed = pair.failure(Role::Client).map(|failure| failure.alert);
        assert_eq!(failed, refusal, "row {row}, usage {usage}");
        let connected = [Role::Client, Role::Server].map(|role| pair.peer(role).is_some());
        assert_eq!(
            connected,
            [refusal.is_none(); 2],
            "row {row}, usage {usage}"
        );
        assert_eq!(pair.server.tables().handshakes, 0);
    }
}

/// What a server's application does with chains: asked, it verifies and compares the name.
#[test]
fn a_server_asks_and_verifies_a_chain() {
    let w = World::new();
    let run = |name: &str, chain: &[Vec<u8>]| {
        let mut pair = Pair::new(1, Config::default(), raw(2, Trust::Ask));
        let anchors = w.root.anchors();
        let wanted = name.to_owned();
        pair.answer = Some(Box::new(move |role, question| {
            let Question::Trust { kind, chain, .. } = question else {
                panic!("{question:?}");
            };
            assert_eq!((role, *kind), (Role::Server, IdentityKind::X509));
            let verdict = verify_client_chain(&Ring::new(), &anchors, chain, common::NOW);
            Answer::Trust(verdict.and_then(|names| {
                let found = names.names().to_vec();
                match found.contains(&wanted) {
                    true => Ok(()),
                    false => Err(Failure::new(
                        Alert::ACCESS_DENIED,
                        FailureReason::CertificateWrongName {
                            wanted: wanted.clone(),
                            found,
                        },
                    )),
                }
            }))
        }));
        pair.connect(suites(credentials(3, chain), keys([2])));
        pair.run(Duration::from_secs(60));
        let client = pair
            .failure(Role::Client)
            .map(|failure| failure.reason.clone());
        let server = pair.failure(Role::Server).cloned();
        assert_eq!(pair.peer(Role::Server).is_some(), server.is_none());
        assert_eq!(pair.peer(Role::Client).is_some(), server.is_none());
        let told = server
            .as_ref()
            .map(|failure| FailureReason::PeerAlert(failure.alert));
        assert_eq!(client, told);
        server
    };
    let device = w.between.leaf("device", 3, |_| {});
    let full = [device, w.between.der.clone()];
    assert_eq!(run("device", &full), None);
    assert_eq!(run("other", &full).unwrap().alert, Alert::ACCESS_DENIED);
    assert_eq!(run("device", &full[..1]).unwrap().alert, Alert::UNKNOWN_CA);
    let old = w.root.leaf("device", 3, |params| {
        params.not_after = date_time_ymd(2026, 11, 1)
    });
    assert_eq!(
        run("device", &[old]).unwrap().alert,
        Alert::CERTIFICATE_EXPIRED
    );
    let alone = self_signed("device", 3, |_| {});
    assert_eq!(run("device", &[alone]).unwrap().alert, Alert::UNKNOWN_CA);
}

/// Near misses: the side that refuses knows the reason, the other the alert.
#[test]
fn near_misses_are_told_to_the_side_that_finds_them() {
    let root = Authority::root("root", 9);
    let leaf = |name| credentials(1, [&root.leaf(name, 1, |_| {})]);
    let anchors = || Trust::Anchors(root.anchors());
    let check = |client: Ecdsa, server: Ecdsa, role: Role, wanted: &str| {
        let mut pair = Pair::new(1, Config::default(), server);
        pair.connect(client);
        pair.run(Duration::from_secs(60));
        let failure = pair.failure(role).unwrap();
        assert_eq!(failure.reason.to_string(), wanted);
        let other = match role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        let told = FailureReason::PeerAlert(failure.alert);
        assert_eq!(pair.failure(other).unwrap().reason, told);
    };
    let fingerprint: String = key(3)
        .public_key()
        .fingerprint()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let unexpected =
        format!("the peer's key is not the expected one (its sha-256 is {fingerprint})");
    check(
        raw(3, keys([2])),
        raw(2, keys([1])),
        Role::Server,
        &unexpected,
    );
    check(
        raw(1, keys([2])),
        raw(3, keys([1])),
        Role::Client,
        &unexpected,
    );
    check(
        raw(2, anchors()),
        suites(leaf("other.example"), keys([2])),
        Role::Client,
        r#"the certificate is for ["other.example"], not for "server.example""#,
    );
    let elsewhere = Trust::Anchors(Authority::root("elsewhere", 7).anchors());
    check(
        raw(2, elsewhere),
        suites(leaf("server.example"), keys([2])),
        Role::Client,
        "the certificate's authority is not trusted (issuer CN=root)",
    );
    check(
        raw(2, anchors()),
        raw(3, keys([2])),
        Role::Server,
        "no common certificate type (raw public key or X.509)",
    );
    let gcm = [CipherSuite::ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];
    let ccm = [CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM];
    let with = |client: &[CipherSuite], server: &[CipherSuite]| {
        let credentials = Credentials::raw_public_key(key(1));
        Ecdsa::with_suites(P256::new(), credentials, Trust::Ask, client, server).unwrap()
    };
    check(
        with(&gcm, &[]),
        with(&[], &ccm),
        Role::Server,
        "no common cipher suite (offered [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256], ours [TLS_ECDHE_ECDSA_WITH_AES_128_CCM])",
    );
}

/// The clock is the endpoint's, and one that is not set is no clock.
#[test]
fn dates_follow_the_endpoint_s_clock() {
    let root = Authority::root("root", 9);
    let server = || {
        suites(
            credentials(1, [&root.leaf("server.example", 1, |_| {})]),
            keys([2]),
        )
    };
    // Valid from 2026-01-01 to 2027-01-01.
    for (now, connects) in [
        (0, true),
        (1_767_225_599, false),
        (1_767_225_600, true),
        (1_798_761_600, true),
        (1_798_761_601, false),
    ] {
        let mut pair = Pair::new(1, Config::default(), server());
        pair.client.handle_wall_clock(now);
        pair.connect(raw(2, Trust::Anchors(root.anchors())));
        pair.run(Duration::from_secs(60));
        assert_eq!(pair.peer(Role::Client).is_some(), connects, "{now}");
        if !connects {
            let failure = pair.failure(Role::Client).unwrap();
            assert_eq!(failure.alert, Alert::CERTIFICATE_EXPIRED);
        }
    }
}

/// A server on a literal address: no name goes out, and the certificate is compared with what the Security object says.
#[test]
fn a_server_without_a_name_of_its_own() {
    let root = Authority::root("root", 9);
    let leaf = root.leaf("x", 1, |params| {
        params.subject_alt_names = vec![rcgen::SanType::IpAddress([192, 0, 2, 1].into())];
    });
    let connect = |trust: Trust| {
        let mut pair = Pair::new(
            1,
            Config::default(),
            suites(credentials(1, [&leaf]), keys([2])),
        );
        pair.connect_to(raw(2, trust), None);
        pair.run(Duration::from_secs(60));
        (
            pair.peer(Role::Client).is_some(),
            pair.failure(Role::Client).cloned(),
        )
    };
    let trust = || certificate_trust(2, &root.der);
    assert!(connect(Trust::Server(trust().with_name("192.0.2.1"))).0);
    assert!(!connect(Trust::Server(trust().with_name("192.0.2.2"))).0);
    for nameless in [Trust::Server(trust()), Trust::Anchors(root.anchors())] {
        let (connected, failure) = connect(nameless);
        assert!(!connected);
        assert_eq!(failure.unwrap().alert, Alert::INTERNAL_ERROR);
    }
}

/// A verdict that takes its time stops nobody else, and a handshake waits for it.
#[test]
fn a_slow_verdict_stalls_one_handshake_alone() {
    let mut pair = Pair::new(1, Config::default(), raw(2, Trust::Ask));
    pair.answer = None;
    pair.connect(raw(1, keys([2])));
    pair.run(Duration::from_secs(20));
    assert_eq!(pair.questions.len(), 1);
    assert_eq!(pair.peer(Role::Server), None);
    assert_eq!(pair.peer(Role::Client), None);
    let (role, _, question) = &pair.questions[0];
    let spki = key(1).public_key().spki();
    let name = Some("server.example".into());
    let wanted = Question::trust(IdentityKind::RAW_PUBLIC_KEY, vec![spki], name);
    assert_eq!((role, question), (&Role::Server, &wanted));
    pair.answer(0, Answer::Trust(Ok(())));
    pair.finish("after 20 seconds");
}

/// Whoever is revoked while the application thinks does not get in by an older verdict.
#[test]
fn a_revocation_finds_handshakes_on_their_way() {
    let mut pair = Pair::new(1, Config::default(), raw(2, Trust::Ask));
    pair.answer = None;
    pair.connect(raw(1, keys([2])));
    pair.run(Duration::from_secs(1));
    let spki = key(1).public_key().spki();
    let identity = PeerIdentity::new(IdentityKind::RAW_PUBLIC_KEY, &spki);
    pair.server.revoke(&identity);
    pair.answer(0, Answer::Trust(Ok(())));
    pair.run(Duration::from_secs(60));
    assert_eq!(pair.peer(Role::Server), None);
    assert_eq!(pair.peer(Role::Client), None);
    assert_eq!(
        pair.failure(Role::Server).unwrap().reason,
        FailureReason::Cancelled
    );
    assert_eq!(pair.server.tables().handshakes, 0);
}

#[test]
fn every_suite_carries_data() {
    for suite in [
        CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM_8,
        CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM,
        CipherSuite::ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
    ] {
        let credentials = Credentials::raw_public_key(key(1));
        let client = Ecdsa::with_suites(P256::new(), credentials, keys([2]), &[suite], &[]);
        let mut pair = Pair::new(1, Config::default(), raw(2, keys([1])));
        pair.connect(client.unwrap());
        pair.finish(&suite.to_string());
        let peer = pair.peer(Role::Server).unwrap();
        assert_eq!(pair.server.session(peer).unwrap().suite, suite);
    }
}

/// What an idle session keeps of the peer.
#[test]
fn a_session_keeps_no_chain() {
    let w = World::new();
    let device = w.between.leaf("urn:imei:004999010640000", 3, |_| {});
    let chain = [device.clone(), w.between.der.clone()];
    let mut pair = Pair::new(
        1,
        Config::default(),
        raw(2, Trust::Anchors(w.root.anchors())),
    );
    pair.connect(suites(credentials(3, &chain), keys([2])));
    pair.finish("chain");
    let peer = pair.peer(Role::Server).unwrap();
    let identity = pair.server.session(peer).unwrap().identity;
    assert_eq!(identity.value.len(), 32 + 1 + 24);
}

/// RPK and X.509 on both sides, each mode: (name, client, server).
fn modes() -> Vec<(&'static str, Ecdsa, Ecdsa)> {
    let w = World::new();
    let chain = [w.leaf.clone(), w.between.der.clone()];
    let device = [w.between.leaf("device", 3, |_| {}), w.between.der.clone()];
    let anchors = || Trust::Anchors(Anchors::from_der([&w.root.der]).unwrap());
    vec![
        ("raw public keys", raw(3, keys([1])), raw(1, keys([3]))),
        (
            "certificates",
            suites(credentials(3, &device), anchors()),
            suites(credentials(1, &chain), anchors()),
        ),
        (
            "asked",
            suites(credentials(3, &device), Trust::Ask),
            suites(credentials(1, &chain).or_raw_public_key(), Trust::Ask),
        ),
    ]
}

fn configs() -> Vec<(&'static str, Config)> {
    let mut cid = Config::default();
    cid.connection_id = ConnectionIdPolicy::receive(8, &[3]);
    let mut small = cid.clone();
    small.max_datagram = FRAGMENTS_OF_64;
    vec![
        ("plain", Config::default()),
        ("connection id", cid),
        ("fragments of 64 bytes", small),
    ]
}

/// Record and handshake header, and 64 bytes.
const FRAGMENTS_OF_64: usize = 13 + 12 + 64;

#[test]
fn any_one_datagram_lost() {
    for (mode, client, server) in modes() {
        for (name, config) in configs() {
            // In fragments of 64 bytes a handshake with chains has some sixty datagrams: every fifth is lost in turn.
            let step = if name == "fragments of 64 bytes" {
                5
            } else {
                1
            };
            for lost in (1..=60).step_by(step) {
                let mut pair = Pair::new(1, config.clone(), server.clone());
                pair.filter = Box::new(move |number| number != lost);
                pair.connect(client.clone());
                pair.finish(&format!("{mode}, {name}, datagram {lost} lost"));
                if pair.sent.len() < lost {
                    break;
                }
            }
        }
    }
}

#[test]
fn reordered_repeated_and_lost_by_chance() {
    let long = std::env::var_os("LWM2M_LONG").is_some();
    let seeds = if long { 100 } else { 3 };
    let (mut connected, mut runs) = (0, 0);
    for (mode, client, server) in modes() {
        for (name, config) in configs() {
            for seed in 0..seeds {
                for (loss, duplicate, jitter) in
                    [(10, 0, 0), (0, 0, 1500), (0, 50, 40), (20, 10, 100)]
                {
                    let mut pair = Pair::new(seed, config.clone(), server.clone());
                    pair.link = Link {
                        loss_percent: loss,
                        duplicate_percent: duplicate,
                        jitter_millis: jitter,
                    };
                    pair.connect(client.clone());
                    pair.run(Duration::from_secs(59));
                    runs += 1;
                    let what = format!("{mode}, {name}, seed {seed}, {:?}", pair.link);
                    match [Role::Client, Role::Server].map(|role| pair.peer(role)) {
                        [Some(_), Some(_)] => {
                            connected += 1;
                            pair.finish(&what);
                        }
                        [Some(_), None] => panic!("{what}: only the client connected"),
                        // The loss of each repetition is bad luck.
                        [None, _] => assert!(loss > 0, "{what}"),
                    }
                }
            }
        }
    }
    println!("{connected} of {runs} connected");
    assert!(connected * 100 >= runs * 85, "{connected} of {runs}");
}

/// Everything that goes wrong leaves nothing behind.
#[test]
fn failures_leave_nothing_behind() {
    let mut pair = Pair::new(1, Config::default(), raw(2, keys([7])));
    for _ in 0..20 {
        pair.connect(raw(1, keys([2])));
        pair.run(Duration::from_secs(60));
    }
    let failed = |events: &[Event]| {
        let failed = events
            .iter()
            .filter(|it| matches!(it, Event::HandshakeFailed { .. }));
        failed.count()
    };
    assert_eq!(
        pair.events.each_ref().map(|events| failed(events)),
        [20, 20]
    );
    for endpoint in [&pair.client, &pair.server] {
        let tables = endpoint.tables();
        assert_eq!(
            (tables.handshakes, tables.sessions, tables.timers),
            (0, 0, 0)
        );
    }
}
