//! Certificate usages and matching types, row by row, and what else makes a chain good or bad.

mod common;

use common::pki::{Authority, credentials, purposes, self_signed};
use common::{NOW, handshake, key, keys, raw};
use dtls_core::{Alert, Failure, FailureReason, Role};
use dtls_ecdsa::{
    Anchors, CertificateUsage, Ecdsa, MatchingType, P256, ServerTrust, ServerTrustError, Shown,
    Trust, verify_client_chain, verify_server,
};
use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyUsagePurpose, date_time_ymd};
use sha2::Digest as _;

const NAME: &str = "server.example";
const HEX_DIGITS: usize = 64;

struct World {
    root: Authority,
    intermediate: Authority,
    leaf: Vec<u8>,
    other_leaf: Vec<u8>,
    other_root: Authority,
    /// A server of its own making.
    alone: Vec<u8>,
    other_alone: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let root = Authority::root("root", 9);
        let intermediate = root.under("intermediate", 8, |_| {});
        Self {
            leaf: intermediate.leaf(NAME, 1, |_| {}),
            other_leaf: intermediate.leaf("other.example", 2, |_| {}),
            other_root: Authority::root("other root", 7),
            alone: self_signed(NAME, 1, |_| {}),
            other_alone: self_signed(NAME, 2, |_| {}),
            root,
            intermediate,
        }
    }

    /// What the server shows where a row does not say otherwise.
    fn chain(&self) -> Vec<&[u8]> {
        vec![&self.leaf, &self.intermediate.der, &self.root.der]
    }
}

fn given(matching: MatchingType, der: &[u8]) -> Vec<u8> {
    match matching {
        MatchingType::EXACT => der.to_vec(),
        MatchingType::SHA_256 => sha2::Sha256::digest(der).to_vec(),
        MatchingType::SHA_384 => sha2::Sha384::digest(der).to_vec(),
        MatchingType::SHA_512 => sha2::Sha512::digest(der).to_vec(),
        _ => unreachable!(),
    }
}

const MATCHING: [MatchingType; 4] = [
    MatchingType::EXACT,
    MatchingType::SHA_256,
    MatchingType::SHA_384,
    MatchingType::SHA_512,
];

fn verify(trust: &ServerTrust, chain: &[&[u8]], name: &str) -> Result<(), Failure> {
    verify_server(&P256::new(), trust, Shown::Chain(chain), Some(name), NOW)
}

/// One row under every matching type: the certificate that the Security object gives, the chain, the name, and the refusal.
#[track_caller]
fn row(
    usage: CertificateUsage,
    store: &Anchors,
    data: &[u8],
    chain: &[&[u8]],
    name: &str,
    refusal: Option<Alert>,
) {
    for matching in MATCHING {
        let trust = ServerTrust::certificate(usage, matching, &given(matching, data)).unwrap();
        let verdict = verify(&trust.with_anchors(store.clone()), chain, name);
        assert_eq!(
            verdict.as_ref().err().map(|failure| failure.alert),
            refusal,
            "{usage:?} {matching:?}: {verdict:?}"
        );
    }
}

#[test]
fn usage_0_ca_constraint() {
    let w = World::new();
    let usage = CertificateUsage::CA_CONSTRAINT;
    let store = w.root.anchors();
    let chain = &w.chain()[..];
    let short = &chain[..2];
    // The given authority is in the path to the trust store.
    row(usage, &store, &w.intermediate.der, chain, NAME, None);
    row(usage, &store, &w.root.der, chain, NAME, None);
    row(usage, &store, &w.root.der, short, NAME, None);
    // The server's own certificate is no authority in the path.
    row(usage, &store, &w.leaf, chain, NAME, Some(Alert::UNKNOWN_CA));
    // Not in the path.
    row(
        usage,
        &store,
        &w.other_root.der,
        chain,
        NAME,
        Some(Alert::UNKNOWN_CA),
    );
    let stray = [chain[0], chain[1], &w.other_root.der];
    row(
        usage,
        &store,
        &w.other_root.der,
        &stray,
        NAME,
        Some(Alert::UNKNOWN_CA),
    );
    // The chain does not end in the trust store.
    let elsewhere = w.other_root.anchors();
    row(
        usage,
        &elsewhere,
        &w.root.der,
        chain,
        NAME,
        Some(Alert::UNKNOWN_CA),
    );
    row(
        usage,
        &Anchors::default(),
        &w.root.der,
        chain,
        NAME,
        Some(Alert::UNKNOWN_CA),
    );
    // The intermediate is missing.
    row(
        usage,
        &store,
        &w.root.der,
        &chain[..1],
        NAME,
        Some(Alert::UNKNOWN_CA),
    );
    // A server of its own making, given or not.
    row(
        usage,
        &store,
        &w.alone,
        &[&w.alone],
        NAME,
        Some(Alert::UNKNOWN_CA),
    );
    row(
        usage,
        &store,
        &w.root.der,
        &[&w.alone],
        NAME,
        Some(Alert::UNKNOWN_CA),
    );
    let posed = [&w.alone[..], &w.root.der];
    row(
        usage,
        &store,
        &w.root.der,
        &posed,
        NAME,
        Some(Alert::UNKNOWN_CA),
    );
    // The name.
    row(
        usage,
        &store,
        &w.root.der,
        chain,
        "other.example",
        Some(Alert::BAD_CERTIFICATE),
    );
}

#[test]
fn usage_1_service_certificate_constraint() {
    let w = World::new();
    let usage = CertificateUsage::SERVICE_CERTIFICATE_CONSTRAINT;
    let store = w.root.anchors();
    let chain = &w.chain()[..];
    row(usage, &store, &w.leaf, chain, NAME, None);
    row(usage, &store, &w.leaf, &chain[..2], NAME, None);
    // Another certificate is given: an authority's, or another server's.
    row(
        usage,
        &store,
        &w.root.der,
        chain,
        NAME,
        Some(Alert::BAD_CERTIFICATE),
    );
    row(
        usage,
        &store,
        &w.intermediate.der,
        chain,
        NAME,
        Some(Alert::BAD_CERTIFICATE),
    );
    row(
        usage,
        &store,
        &w.other_leaf,
        chain,
        NAME,
        Some(Alert::BAD_CERTIFICATE),
    );
    // A server of its own making, even if it is the given one.
    row(
        usage,
        &store,
        &w.alone,
        &[&w.alone],
        NAME,
        Some(Alert::UNKNOWN_CA),
    );
    row(
        usage,
        &store,
        &w.leaf,
        &[&w.alone],
        NAME,
        Some(Alert::BAD_CERTIFICATE),
    );
    // The given one, but no path: no intermediate, or another trust store.
    row(
        usage,
        &store,
        &w.leaf,
        &chain[..1],
        NAME,
        Some(Alert::UNKNOWN_CA),
    );
    let elsewhere = w.other_root.anchors();
    row(
        usage,
        &elsewhere,
        &w.leaf,
        chain,
        NAME,
        Some(Alert::UNKNOWN_CA),
    );
    row(
        usage,
        &store,
        &w.leaf,
        chain,
        "other.example",
        Some(Alert::BAD_CERTIFICATE),
    );
}

#[test]
fn usage_2_trust_anchor_assertion() {
    let w = World::new();
    let usage = CertificateUsage::TRUST_ANCHOR_ASSERTION;
    // The trust store plays no part: here it is one that would not do.
    let store = w.other_root.anchors();
    let chain = &w.chain()[..];
    row(usage, &store, &w.intermediate.der, chain, NAME, None);
    row(usage, &store, &w.intermediate.der, &chain[..2], NAME, None);
    row(usage, &store, &w.root.der, chain, NAME, None);
    // Direct trust in the server's own certificate is not what this usage is.
    let bad = Some(Alert::BAD_CERTIFICATE);
    row(usage, &store, &w.alone, &[&w.alone], NAME, bad);
    let unknown = Some(Alert::UNKNOWN_CA);
    row(usage, &store, &w.other_root.der, chain, NAME, unknown);
    row(
        usage,
        &w.root.anchors(),
        &w.other_root.der,
        chain,
        NAME,
        unknown,
    );
    row(
        usage,
        &store,
        &w.root.der,
        &[&w.leaf, &w.root.der],
        NAME,
        unknown,
    );
    row(
        usage,
        &store,
        &w.root.der,
        &[&w.alone, &w.root.der],
        NAME,
        unknown,
    );
    row(usage, &store, &w.root.der, chain, "other.example", bad);
    row(usage, &store, &w.leaf, chain, NAME, bad);
}

/// RFC 7671 §5.2: where only the hash of an authority is given, the server has to show the authority.
#[test]
fn usage_2_by_hash_needs_the_authority_in_the_chain() {
    let w = World::new();
    let trust = |matching| {
        let data = given(matching, &w.root.der);
        ServerTrust::certificate(CertificateUsage::TRUST_ANCHOR_ASSERTION, matching, &data).unwrap()
    };
    let short = &w.chain()[..2];
    assert!(verify(&trust(MatchingType::EXACT), short, NAME).is_ok());
    let failure = verify(&trust(MatchingType::SHA_256), short, NAME).unwrap_err();
    assert_eq!(failure.alert, Alert::UNKNOWN_CA);
}

#[test]
fn usage_3_domain_issued_certificate() {
    let w = World::new();
    let usage = CertificateUsage::DOMAIN_ISSUED_CERTIFICATE;
    let store = Anchors::default();
    let chain = &w.chain()[..];
    row(usage, &store, &w.leaf, chain, NAME, None);
    // No chain, no name, no dates, no purposes.
    row(usage, &store, &w.leaf, &chain[..1], "other.example", None);
    row(usage, &store, &w.alone, &[&w.alone], "other.example", None);
    let old = w.root.leaf("old", 1, |params| {
        params.not_after = date_time_ymd(2026, 2, 1);
        params.extended_key_usages = vec![ClientAuth];
    });
    row(usage, &store, &old, &[&old], NAME, None);
    // Anything else than the given one.
    let bad = Some(Alert::BAD_CERTIFICATE);
    row(usage, &store, &w.root.der, chain, NAME, bad);
    row(usage, &store, &w.intermediate.der, chain, NAME, bad);
    row(usage, &store, &w.other_leaf, chain, NAME, bad);
    row(usage, &store, &w.other_alone, &[&w.alone], NAME, bad);
    row(usage, &store, &w.alone, chain, NAME, bad);
}

/// The same rows through whole handshakes, as a client has them.
#[test]
fn usages_in_handshakes() {
    let w = World::new();
    let chain = [
        w.leaf.clone(),
        w.intermediate.der.clone(),
        w.root.der.clone(),
    ];
    let server = Ecdsa::new(P256::new(), credentials(1, &chain), keys([3])).unwrap();
    let connect = |usage, data: &[u8]| {
        let trust = ServerTrust::certificate(CertificateUsage(usage), MatchingType::EXACT, data);
        let trust = trust.unwrap().with_anchors(w.root.anchors());
        let outcome = handshake(&raw(3, Trust::Server(trust)), &server);
        outcome.map(|_| ()).map_err(|(role, failure)| {
            assert_eq!(role, Role::Client);
            failure.alert
        })
    };
    let (root, between, leaf) = (&w.root.der, &w.intermediate.der, &w.leaf);
    assert_eq!(connect(0, root), Ok(()));
    assert_eq!(connect(0, between), Ok(()));
    assert_eq!(connect(0, leaf), Err(Alert::UNKNOWN_CA));
    assert_eq!(connect(1, leaf), Ok(()));
    assert_eq!(connect(1, root), Err(Alert::BAD_CERTIFICATE));
    assert_eq!(connect(2, root), Ok(()));
    assert_eq!(connect(2, between), Ok(()));
    assert_eq!(connect(2, &w.other_root.der), Err(Alert::UNKNOWN_CA));
    assert_eq!(connect(3, leaf), Ok(()));
    assert_eq!(connect(3, &w.other_leaf), Err(Alert::BAD_CERTIFICATE));
}

#[test]
fn raw_public_keys_by_every_matching_type() {
    let spki = key(2).public_key().spki();
    let server = raw(2, keys([1]));
    for matching in MATCHING {
        let trust = |spki: &[u8]| {
            Trust::Server(ServerTrust::raw_public_key(matching, &given(matching, spki)).unwrap())
        };
        assert!(handshake(&raw(1, trust(&spki)), &server).is_ok());
        let other = trust(&key(3).public_key().spki());
        let (role, failure) = handshake(&raw(1, other), &server).unwrap_err();
        assert_eq!(
            (role, failure.alert),
            (Role::Client, Alert::BAD_CERTIFICATE)
        );
        let FailureReason::UnexpectedKey { fingerprint } = failure.reason else {
            panic!("{failure:?}");
        };
        assert_eq!(fingerprint.len(), HEX_DIGITS);
        assert_eq!(common::hex(&fingerprint), sha2::Sha256::digest(&spki)[..]);
    }
}

#[test]
fn resources_that_say_nothing() {
    let w = World::new();
    let certificate = |usage, matching, data: &[u8]| {
        ServerTrust::certificate(CertificateUsage(usage), MatchingType(matching), data).unwrap_err()
    };
    assert_eq!(
        certificate(4, 0, &w.leaf),
        ServerTrustError::Usage(CertificateUsage(4))
    );
    assert_eq!(
        certificate(3, 4, &w.leaf),
        ServerTrustError::Matching(MatchingType(4))
    );
    let wrong = |wanted, found| ServerTrustError::HashLength { wanted, found };
    assert_eq!(certificate(3, 1, &[0; 31]), wrong(32, 31));
    assert_eq!(certificate(3, 2, &[0; 32]), wrong(48, 32));
    assert_eq!(certificate(3, 3, &[]), wrong(64, 0));
    assert!(matches!(
        certificate(3, 0, b"pem"),
        ServerTrustError::Certificate(_)
    ));
    let spki = key(1).public_key().spki();
    assert!(ServerTrust::raw_public_key(MatchingType::EXACT, &spki[1..]).is_err());
    assert!(matches!(
        certificate(3, 0, &spki),
        ServerTrustError::Certificate(_)
    ));
    // Usage 2 with a certificate that says it is no authority accepts nobody.
    let no_authority = w.root.leaf("no authority", 5, |params| {
        params.is_ca = IsCa::ExplicitNoCa
    });
    let trust = ServerTrust::certificate(
        CertificateUsage::TRUST_ANCHOR_ASSERTION,
        MatchingType::EXACT,
        &no_authority,
    );
    assert!(verify(&trust.unwrap(), &w.chain(), NAME).is_err());
}

/// One leaf under one root, as a server's for `NAME` and as a client's.
fn verdicts(change: impl FnOnce(&mut CertificateParams)) -> [Result<(), Failure>; 2] {
    let root = Authority::root("root", 9);
    let leaf = root.leaf(NAME, 1, change);
    judged(&root, &[&leaf], NOW)
}

fn judged(root: &Authority, chain: &[&[u8]], now: u64) -> [Result<(), Failure>; 2] {
    let provider = P256::new();
    let trust = ServerTrust::certificate(
        CertificateUsage::TRUST_ANCHOR_ASSERTION,
        MatchingType::EXACT,
        &root.der,
    );
    let trust = trust.unwrap();
    [
        verify_server(&provider, &trust, Shown::Chain(chain), Some(NAME), now),
        verify_client_chain(&provider, &root.anchors(), chain, now).map(|_| ()),
    ]
}

#[track_caller]
fn both(verdicts: [Result<(), Failure>; 2], alert: Alert, text: &str) {
    for verdict in verdicts {
        let failure = verdict.unwrap_err();
        assert_eq!(failure.alert, alert);
        assert_eq!(failure.reason.to_string(), text);
    }
}

#[test]
fn purposes_and_usages() {
    assert_eq!(verdicts(|_| {}), [Ok(()), Ok(())]);
    assert_eq!(
        verdicts(purposes(&[ServerAuth, ClientAuth])),
        [Ok(()), Ok(())]
    );
    let [server, client] = verdicts(purposes(&[ServerAuth]));
    assert_eq!(server, Ok(()));
    let failure = client.unwrap_err();
    assert_eq!(failure.alert, Alert::UNSUPPORTED_CERTIFICATE);
    assert_eq!(
        failure.reason.to_string(),
        "bad certificate: its extended key usage lacks clientAuth"
    );
    let [server, client] = verdicts(purposes(&[ClientAuth]));
    assert_eq!(client, Ok(()));
    assert_eq!(
        server.unwrap_err().reason.to_string(),
        "bad certificate: its extended key usage lacks serverAuth"
    );
    both(
        verdicts(|params| params.key_usages = vec![KeyUsagePurpose::KeyAgreement]),
        Alert::UNSUPPORTED_CERTIFICATE,
        "bad certificate: its key usage lacks digitalSignature",
    );
    let good = vec![
        KeyUsagePurpose::KeyAgreement,
        KeyUsagePurpose::DigitalSignature,
    ];
    assert_eq!(
        verdicts(|params| params.key_usages = good),
        [Ok(()), Ok(())]
    );
    both(
        verdicts(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
        Alert::BAD_CERTIFICATE,
        "bad certificate: an authority's certificate is shown as the peer's own",
    );
}

#[test]
fn dates() {
    let until = |year, month| {
        move |params: &mut CertificateParams| params.not_after = date_time_ymd(year, month, 1)
    };
    both(
        verdicts(until(2026, 2)),
        Alert::CERTIFICATE_EXPIRED,
        "the certificate is valid from 1767225600 to 1769904000 (unix seconds), now is 1795824000",
    );
    both(
        verdicts(|params| {
            params.not_before = date_time_ymd(2026, 12, 1);
            params.not_after = date_time_ymd(2027, 12, 1);
        }),
        Alert::CERTIFICATE_EXPIRED,
        "the certificate is valid from 1796083200 to 1827619200 (unix seconds), now is 1795824000",
    );
    // An authority between has expired.
    let root = Authority::root("root", 9);
    let between = root.under("between", 8, until(2026, 2));
    let leaf = between.leaf(NAME, 1, |_| {});
    both(
        judged(&root, &[&leaf, &between.der], NOW),
        Alert::CERTIFICATE_EXPIRED,
        "the certificate is valid from 1767225600 to 1769904000 (unix seconds), now is 1795824000",
    );
}

/// Without a clock dates are not compared with it; but a chain that has never been valid is not.
#[test]
fn dates_without_a_clock() {
    let root = Authority::root("root", 9);
    let old = root.leaf(NAME, 1, |params| {
        params.not_after = date_time_ymd(2026, 2, 1)
    });
    assert_eq!(judged(&root, &[&old], 0), [Ok(()), Ok(())]);
    let between = root.under("between", 8, |params| {
        params.not_after = date_time_ymd(2026, 2, 1)
    });
    let later = between.leaf(NAME, 1, |params| {
        params.not_before = date_time_ymd(2026, 3, 1)
    });
    for verdict in judged(&root, &[&later, &between.der], 0) {
        assert_eq!(verdict.unwrap_err().alert, Alert::CERTIFICATE_EXPIRED);
    }
}

#[test]
fn authorities_that_are_none_or_may_not() {
    let root = Authority::root("root", 9);
    let under = |change: fn(&mut CertificateParams)| {
        let between = root.under("between", 8, change);
        let leaf = between.leaf(NAME, 1, |_| {});
        judged(&root, &[&leaf, &between.der], NOW)
    };
    assert_eq!(under(|_| {}), [Ok(()), Ok(())]);
    let no_authority =
        "bad certificate: a certificate in the chain is signed by one that is no authority";
    both(
        under(|params| params.is_ca = IsCa::NoCa),
        Alert::BAD_CERTIFICATE,
        no_authority,
    );
    both(
        under(|params| params.is_ca = IsCa::ExplicitNoCa),
        Alert::BAD_CERTIFICATE,
        no_authority,
    );
    // RFC 5280 §6.1.4 (n).
    both(
        under(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]),
        Alert::BAD_CERTIFICATE,
        no_authority,
    );
    // RFC 5280 §4.2.1.9: no authority below this one.
    let short = root.under("between", 8, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    let lower = short.under("lower", 7, |_| {});
    let leaf = lower.leaf(NAME, 1, |_| {});
    both(
        judged(&root, &[&leaf, &lower.der, &short.der], NOW),
        Alert::BAD_CERTIFICATE,
        "bad certificate: the chain is longer than one of its authorities allows",
    );
    // A signature that does not fit.
    let mut forged = root.leaf(NAME, 1, |_| {});
    *forged.last_mut().unwrap() ^= 1;
    both(
        judged(&root, &[&forged], NOW),
        Alert::BAD_CERTIFICATE,
        "bad certificate: a signature in the chain does not fit",
    );
    // An authority of the same name with another key.
    let impostor = Authority::root("root", 6).leaf(NAME, 1, |_| {});
    for verdict in judged(&root, &[&impostor], NOW) {
        assert_eq!(verdict.unwrap_err().alert, Alert::BAD_CERTIFICATE);
    }
    assert!(
        Anchors::from_der([root.leaf("leaf", 1, |params| params.is_ca = IsCa::ExplicitNoCa)])
            .is_err()
    );
}

#[test]
fn an_unknown_authority_is_named() {
    let root = Authority::root("root", 9);
    let leaf = Authority::root("Somebody, Inc.", 6).leaf(NAME, 1, |_| {});
    both(
        judged(&root, &[&leaf], NOW),
        Alert::UNKNOWN_CA,
        r"the certificate's authority is not trusted (issuer CN=Somebody\, Inc.)",
    );
    let alone = self_signed(NAME, 1, |_| {});
    for verdict in judged(&root, &[&alone], NOW) {
        assert_eq!(verdict.unwrap_err().alert, Alert::UNKNOWN_CA);
    }
    let nothing: [&[u8]; 0] = [];
    let failure = verify_client_chain(&P256::new(), &root.anchors(), &nothing, NOW).unwrap_err();
    assert_eq!(failure.reason, FailureReason::NoCertificate);
}

/// A self-signed certificate in the trust store is an authority, not a licence for itself.
#[test]
fn a_self_signed_client_is_refused_even_if_it_is_an_anchor() {
    let alone = self_signed("device", 1, |_| {});
    let anchors = Anchors::from_der([&alone]);
    // Without basicConstraints it says that it is no authority.
    assert!(anchors.is_err());
    let alone = self_signed("device", 1, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let anchors = Anchors::from_der([&alone]).unwrap();
    let verdict = verify_client_chain(&P256::new(), &anchors, &[&alone], NOW);
    assert_eq!(verdict.unwrap_err().alert, Alert::UNKNOWN_CA);
}
