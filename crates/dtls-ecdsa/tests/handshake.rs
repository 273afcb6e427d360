//! Both sides against each other: every pair of certificate types, what each side sees, and what is refused.

mod common;

use common::pki::{Authority, credentials};
use common::{Run, handshake, key, keys, raw};
use dtls_core::{
    Alert, Answer, CertificateType, CipherSuite, ClientHello, Failure, FailureReason, IdentityKind,
    Question, Role, Suites as _,
};
use dtls_ecdsa::{Anchors, CertificateNames, Credentials, Ecdsa, P256, Ring, Trust};

const RAW: CertificateType = CertificateType::RAW_PUBLIC_KEY;
const X509: CertificateType = CertificateType::X509;

fn suites(credentials: Credentials, trust: Trust) -> Ecdsa {
    Ecdsa::new(P256::new(), credentials, trust).unwrap()
}

#[test]
fn raw_public_keys_on_both_sides() {
    let outcome = handshake(&raw(1, keys([2])), &raw(2, keys([3, 1]))).unwrap();
    assert_eq!(outcome.suite, CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM_8);
    assert_eq!(outcome.secrets[0], outcome.secrets[1]);
    assert_eq!(outcome.secrets[0].len(), 32);
    assert_eq!(outcome.client_sees.kind, IdentityKind::RAW_PUBLIC_KEY);
    assert_eq!(*outcome.client_sees.value, key(2).public_key().spki());
    assert_eq!(*outcome.server_sees.value, key(1).public_key().spki());
}

#[test]
fn the_portable_provider_is_deterministic() {
    let bodies = || {
        handshake(&raw(1, keys([2])), &raw(2, keys([1])))
            .unwrap()
            .bodies
    };
    assert_eq!(bodies(), bodies());
}

#[test]
fn providers_understand_each_other() {
    let ring = |number, trust| {
        Ecdsa::new(Ring::new(), Credentials::raw_public_key(key(number)), trust).unwrap()
    };
    for (client, server) in [
        (ring(1, keys([2])), ring(2, keys([1]))),
        (raw(1, keys([2])), ring(2, keys([1]))),
        (ring(1, keys([2])), raw(2, keys([1]))),
    ] {
        let outcome = handshake(&client, &server).unwrap();
        assert_eq!(outcome.secrets[0], outcome.secrets[1]);
    }
}

/// What each side has × what each side takes: which types come out, or that there is none in common.
#[test]
fn every_pair_of_certificate_types() {
    let root = Authority::root("root", 9);
    let chain = |number| root.leaf("name", number, |_| {});
    let with = |number: u8, types: &[CertificateType]| match types {
        [RAW] => Credentials::raw_public_key(key(number)),
        [X509] => credentials(number, [&chain(number)]),
        _ => credentials(number, [&chain(number)]).or_raw_public_key(),
    };
    let takes = |types: &[CertificateType], number: u8| match types {
        [RAW] => keys([number]),
        [X509] => Trust::Anchors(Anchors::from_der([&root.der]).unwrap()),
        _ => Trust::Ask,
    };
    let sets: [&[CertificateType]; 3] = [&[RAW], &[X509], &[RAW, X509]];
    let common = |shows: &[CertificateType], takes: &[CertificateType]| {
        shows.iter().find(|kind| takes.contains(kind)).copied()
    };
    let kind = |shown: CertificateType| match shown {
        RAW => IdentityKind::RAW_PUBLIC_KEY,
        _ => IdentityKind::X509,
    };
    let mut connected = 0;
    for client_shows in sets {
        for client_takes in sets {
            for server_shows in sets {
                for server_takes in sets {
                    let client = suites(with(1, client_shows), takes(client_takes, 2));
                    let server = suites(with(2, server_shows), takes(server_takes, 1));
                    let result = Run {
                        client: &client,
                        server: &server,
                        now: common::NOW,
                        server_name: Some("name"),
                        tamper: &mut |_, _, _| {},
                        answer: &mut |_, _| Answer::Trust(Ok(())),
                    }
                    .go();
                    let to_client = common(server_shows, client_takes);
                    let to_server = common(client_shows, server_takes);
                    match (to_client, to_server, result) {
                        (Some(to_client), Some(to_server), Ok(outcome)) => {
                            assert_eq!(outcome.client_sees.kind, kind(to_client));
                            assert_eq!(outcome.server_sees.kind, kind(to_server));
                            assert_eq!(outcome.secrets[0], outcome.secrets[1]);
                            connected += 1;
                        }
                        (_, _, Err((_, failure))) => {
                            assert!(to_client.is_none() || to_server.is_none());
                            assert_eq!(failure.alert, Alert::UNSUPPORTED_CERTIFICATE);
                            assert_eq!(failure.reason, FailureReason::NoCommonCertificateType);
                        }
                        (_, _, Ok(outcome)) => panic!("{outcome:?}"),
                    }
                }
            }
        }
    }
    // 7 of the 9 pairs have a type in common, in each direction.
    assert_eq!(connected, 49);
}

#[test]
fn a_chain_is_seen_as_names_and_fingerprint() {
    let root = Authority::root("root", 9);
    let leaf = root.leaf("urn:imei:1", 1, |params| {
        params.subject_alt_names = vec![rcgen::SanType::URI("urn:uuid:2".try_into().unwrap())];
    });
    let client = suites(credentials(1, [&leaf]), keys([2]));
    let server = raw(2, Trust::Anchors(root.anchors()));
    let seen = handshake(&client, &server).unwrap().server_sees;
    let names = CertificateNames::decode(&seen.value).unwrap();
    assert_eq!(names.names(), ["urn:imei:1", "urn:uuid:2"]);
    let print: [u8; 32] =
        sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(&leaf)).into();
    assert_eq!(names.fingerprint(), &print);
    assert_eq!(seen.value.len(), 32 + 11 + 11);
}

#[test]
fn the_application_is_asked_and_decides() {
    let client = raw(1, Trust::Ask);
    let server = raw(2, Trust::Ask);
    let mut asked = Vec::new();
    let outcome = Run {
        client: &client,
        server: &server,
        now: 0,
        server_name: Some("server.example"),
        tamper: &mut |_, _, _| {},
        answer: &mut |role, question| {
            asked.push((role, question.clone()));
            Answer::Trust(Ok(()))
        },
    }
    .go()
    .unwrap();
    assert_eq!(outcome.server_sees.kind, IdentityKind::RAW_PUBLIC_KEY);
    let question = |number| {
        Question::trust(
            IdentityKind::RAW_PUBLIC_KEY,
            vec![key(number).public_key().spki()],
            Some("server.example".into()),
        )
    };
    assert_eq!(
        asked,
        [(Role::Client, question(2)), (Role::Server, question(1))]
    );

    let refusal = Failure::new(
        Alert::ACCESS_DENIED,
        FailureReason::Refused("not in the list"),
    );
    for refusing in [Role::Client, Role::Server] {
        let result = Run {
            client: &client,
            server: &server,
            now: 0,
            server_name: None,
            tamper: &mut |_, _, _| {},
            answer: &mut |role, _| match role == refusing {
                true => Answer::Trust(Err(refusal.clone())),
                false => Answer::Trust(Ok(())),
            },
        }
        .go();
        assert_eq!(result.unwrap_err(), (refusing, refusal.clone()));
    }
}

/// LwM2M: servers must have CBC, clients should not use it.
#[test]
fn cbc_is_a_server_s_and_a_client_s_only_by_choice() {
    let cbc = CipherSuite::ECDHE_ECDSA_WITH_AES_128_CBC_SHA256;
    let client = raw(1, keys([2]));
    assert!(!client.offer().suites.contains(&cbc));
    let credentials = Credentials::raw_public_key(key(1));
    let old = Ecdsa::with_suites(P256::new(), credentials.clone(), keys([2]), &[cbc], &[]).unwrap();
    let server = raw(2, keys([1]));
    assert_eq!(handshake(&old, &server).unwrap().suite, cbc);

    let strict = Ecdsa::with_suites(
        P256::new(),
        credentials,
        keys([1]),
        &[],
        &[
            CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM_8,
            CipherSuite::PSK_WITH_AES_128_CCM_8,
        ],
    )
    .unwrap();
    let (role, failure) = handshake(&old, &strict).unwrap_err();
    assert_eq!(
        (role, failure.alert),
        (Role::Server, Alert::HANDSHAKE_FAILURE)
    );
    assert_eq!(
        failure.reason,
        FailureReason::NoCommonSuite {
            offered: vec![cbc],
            ours: vec![CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM_8],
        }
    );
}

/// A client's order decides among what the server has.
#[test]
fn the_client_s_order_decides() {
    let gcm = CipherSuite::ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    let ccm = CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM;
    let credentials = Credentials::raw_public_key(key(1));
    let client = Ecdsa::with_suites(P256::new(), credentials, keys([2]), &[gcm, ccm], &[]).unwrap();
    assert_eq!(handshake(&client, &raw(2, keys([1]))).unwrap().suite, gcm);
}

/// What clients list as their own types and as the server's (a dash: no such extension), and what a server that has and takes both
/// answers.
#[test]
fn the_types_that_clients_list() {
    let (raw, x509) = (Some(2), Some(0));
    let root = Authority::root("root", 9);
    let both = credentials(2, [&root.leaf("name", 2, |_| {})]).or_raw_public_key();
    let server = suites(both, Trust::Ask);
    for (client, lists, answer) in [
        (
            "libcoap 4.3.1 with GnuTLS 3.7.9, -M",
            "02/00 02",
            (raw, raw),
        ),
        (
            "libcoap 4.3.1 with GnuTLS 3.7.9, -c",
            "-/00 02",
            (None, x509),
        ),
        (
            "GnuTLS 3.7.9, CTYPE-CLI-ALL, CTYPE-SRV-ALL",
            "00 02/00 02",
            (x509, x509),
        ),
        ("GnuTLS 3.7.9, raw public keys alone", "02/02", (raw, raw)),
        ("OpenSSL 3.0.19, libcoap with it", "-/-", (None, None)),
        (
            "a key of its own, a chain of the server",
            "02/-",
            (raw, None),
        ),
        (
            "a chain of its own, a key of the server",
            "-/02",
            (None, raw),
        ),
        ("a key rather than its chain", "02 00/00 02", (raw, x509)),
        ("a key rather than a chain", "02 00/02 00", (raw, raw)),
    ] {
        let mut offer = dtls_core::Offer::default();
        offer.suites = vec![CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM_8];
        let mut lists = lists.split('/').map(|list| {
            let list = common::hex(&list.replace(['-', ' '], ""));
            list.into_iter().map(CertificateType).collect()
        });
        offer.client_certificate_types = lists.next().unwrap();
        offer.server_certificate_types = lists.next().unwrap();
        let hello = common::client_hello(&offer);
        let selection = server
            .select(&ClientHello::decode(&hello).unwrap())
            .unwrap();
        let extensions = selection.extensions;
        let said = (
            extensions.client_certificate_type.map(|kind| kind.0),
            extensions.server_certificate_type.map(|kind| kind.0),
        );
        assert_eq!(said, answer, "{client}");
    }
}

#[test]
fn curve_scheme_and_point_format_must_fit() {
    let server = raw(2, Trust::Ask);
    let hello = common::client_hello(&raw(1, Trust::Ask).offer());
    // supported_groups, ec_point_formats, signature_algorithms with their one value.
    for (wanted, instead) in [
        ("000a000400020017", "000a000400020018"),
        ("000b00020100", "000b00020101"),
        ("000d000400020403", "000d000400020503"),
    ] {
        let hello: String = hello.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(hello.contains(wanted));
        let hello = common::hex(&hello.replace(wanted, instead));
        let failure = server
            .select(&ClientHello::decode(&hello).unwrap())
            .unwrap_err();
        assert_eq!(failure.reason, FailureReason::NoCommonGroup);
        assert_eq!(failure.alert, Alert::HANDSHAKE_FAILURE);
    }
    // RFC 8422 §4, §5.1: a client that says nothing of them takes what there is, and gets no ec_point_formats back.
    let mut bare = raw(1, Trust::Ask).offer();
    bare.groups.clear();
    bare.signature_schemes.clear();
    let hello = common::client_hello(&bare);
    let selection = server
        .select(&ClientHello::decode(&hello).unwrap())
        .unwrap();
    assert!(!selection.extensions.point_formats);
}

/// A certificate is not shown in a role that it does not allow (Leshan's role rules).
#[test]
fn a_certificate_is_shown_only_in_its_roles() {
    use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    let root = Authority::root("root", 9);
    let only = |purpose| {
        let leaf = root.leaf("name", 1, common::pki::purposes(&[purpose]));
        credentials(1, [&leaf])
    };
    assert_eq!(only(ClientAuth).types(Role::Client), [X509]);
    assert_eq!(only(ClientAuth).types(Role::Server), []);
    assert_eq!(only(ServerAuth).types(Role::Server), [X509]);
    assert_eq!(
        only(ServerAuth).or_raw_public_key().types(Role::Client),
        [RAW]
    );
    let unusable = root.leaf("name", 1, |params| {
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyAgreement];
    });
    assert_eq!(credentials(1, [&unusable]).types(Role::Server), []);
}
