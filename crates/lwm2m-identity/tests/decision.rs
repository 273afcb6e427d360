//! The whole decision table, and the codes by the specification.

use lwm2m_identity::{
    Access, Credential, DeviceRecord, Grant, Identity, Interface, Lookup, NoSecPolicy, Reason,
    authorize, check_endpoint, claimed_endpoint,
};

const POLICIES: [NoSecPolicy; 3] = [NoSecPolicy::Open, NoSecPolicy::Known, NoSecPolicy::Off];

fn psk(identity: &str) -> Identity {
    Identity::Psk {
        identity: identity.to_owned().into(),
    }
}

fn rpk(key: &str) -> Identity {
    Identity::RawPublicKey {
        key: key.to_owned().into(),
    }
}

fn x509(names: &[&str]) -> Identity {
    Identity::X509 {
        names: names.iter().map(|&name| name.to_owned()).collect(),
    }
}

fn record(nosec: bool, credentials: Vec<Credential>) -> DeviceRecord {
    let mut record = DeviceRecord::default();
    record.nosec = nosec;
    record.credentials = credentials;
    record
}

fn register<'a>(identity: &'a Identity, record: Lookup<'a>, nosec: NoSecPolicy) -> Access<'a> {
    Access {
        interface: Interface::Register,
        endpoint: "lamp",
        identity,
        record,
        holder: None,
        nosec,
    }
}

#[test]
fn ruling_34_who_is_admitted_without_a_record() {
    use NoSecPolicy::{Known, Off, Open};
    for (identity, nosec, expected) in [
        (Identity::None, Open, Ok(Grant::OpenNoSec)),
        (Identity::None, Known, Err(Reason::EndpointNotAdmitted)),
        (Identity::None, Off, Err(Reason::NoSecOff)),
        (x509(&["lamp"]), Off, Ok(Grant::Certificate)),
        (x509(&["other", "lamp"]), Off, Ok(Grant::Certificate)),
        (x509(&["other"]), Open, Err(Reason::IdentityMismatch)),
        (x509(&[]), Open, Err(Reason::IdentityMismatch)),
        (psk("lamp"), Open, Err(Reason::EndpointNotAdmitted)),
        (rpk("lamp"), Open, Err(Reason::EndpointNotAdmitted)),
    ] {
        assert_eq!(
            authorize(&register(&identity, Lookup::Absent, nosec)),
            expected,
            "{identity:?} {nosec:?}"
        );
    }
}

#[test]
fn ruling_34_a_record_overrides() {
    let keyed = record(
        false,
        vec![
            Credential::Psk {
                identity: "id1".into(),
            },
            Credential::RawPublicKey { key: "key1".into() },
            Credential::X509 { name: "cn1".into() },
        ],
    );
    for (identity, fits) in [
        (psk("id1"), true),
        (psk("lamp"), false),
        (rpk("key1"), true),
        (rpk("id1"), false),
        (x509(&["a", "cn1"]), true),
        (x509(&["lamp"]), false),
    ] {
        let expected = if fits {
            Ok(Grant::Record)
        } else {
            Err(Reason::IdentityMismatch)
        };
        for nosec in POLICIES {
            assert_eq!(
                authorize(&register(&identity, Lookup::Found(&keyed), nosec)),
                expected,
                "{identity:?}"
            );
        }
    }
    let (open, locked) = (DeviceRecord::nosec(), DeviceRecord::default());
    let nosec =
        |record, policy| authorize(&register(&Identity::None, Lookup::Found(record), policy));
    for policy in POLICIES {
        assert_eq!(nosec(&open, policy), Ok(Grant::Record), "{policy:?}");
    }
    for (policy, reason) in [
        (NoSecPolicy::Open, Reason::EndpointNotAdmitted),
        (NoSecPolicy::Known, Reason::EndpointNotAdmitted),
        (NoSecPolicy::Off, Reason::NoSecOff),
    ] {
        assert_eq!(nosec(&locked, policy), Err(reason), "{policy:?}");
    }
    assert_eq!(
        authorize(&register(
            &x509(&["lamp"]),
            Lookup::Found(&open),
            NoSecPolicy::Open
        )),
        Err(Reason::IdentityMismatch)
    );
}

#[test]
fn hostile_l01_only_the_holder_touches_a_registration() {
    let identities = [Identity::None, psk("a"), psk("b"), rpk("a"), x509(&["a"])];
    for interface in [Interface::Update, Interface::Deregister, Interface::Send] {
        for holder in &identities {
            for identity in &identities {
                let decision = authorize(&Access {
                    interface,
                    endpoint: "lamp",
                    identity,
                    record: Lookup::Unavailable,
                    holder: Some(holder),
                    nosec: NoSecPolicy::Open,
                });
                if identity == holder {
                    assert_eq!(decision, Ok(Grant::Holder));
                } else {
                    assert_eq!(decision, Err(Reason::NotOwner), "{holder:?} {identity:?}");
                    assert_eq!(
                        Reason::NotOwner.coap_code(interface),
                        0x84,
                        "as if there were none"
                    );
                }
            }
        }
    }
}

/// Also with the record lost, and whatever the record says about NoSec.
#[test]
fn hostile_l04_nosec_never_gets_an_endpoint_with_a_credential() {
    let holders = [psk("lamp"), rpk("key"), x509(&["lamp"])];
    let keyed = record(
        true,
        vec![Credential::Psk {
            identity: "lamp".into(),
        }],
    );
    let open = DeviceRecord::nosec();
    for nosec in POLICIES {
        for interface in [Interface::Register, Interface::Bootstrap] {
            let access = Access {
                interface,
                ..register(&Identity::None, Lookup::Found(&keyed), nosec)
            };
            assert_eq!(authorize(&access), Err(Reason::CredentialRequired));
            for holder in &holders {
                for record in [Lookup::Absent, Lookup::Found(&open), Lookup::Found(&keyed)] {
                    let access = Access {
                        record,
                        holder: Some(holder),
                        ..access
                    };
                    assert_eq!(authorize(&access), Err(Reason::CredentialRequired));
                }
            }
        }
    }
}

#[test]
fn hostile_l11_no_store_admits_nobody() {
    for identity in [Identity::None, psk("lamp"), rpk("lamp"), x509(&["lamp"])] {
        for nosec in POLICIES {
            for holder in [None, Some(&identity)] {
                let access = Access {
                    holder,
                    ..register(&identity, Lookup::Unavailable, nosec)
                };
                assert_eq!(authorize(&access), Err(Reason::StoreDown));
            }
        }
    }
    assert_eq!(Reason::StoreDown.coap_code(Interface::Register), 0xa3);
}

#[test]
fn rulings_5_to_9_and_26_codes() {
    use Interface::{Bootstrap, Deregister, Register, Send, Update};
    let table: &[(Reason, &[(Interface, u8)])] = &[
        (
            Reason::EndpointMissing,
            &[(Register, 0x80), (Bootstrap, 0x80)],
        ),
        (
            Reason::EndpointInvalid,
            &[(Register, 0x80), (Bootstrap, 0x80)],
        ),
        (
            Reason::EndpointNotAdmitted,
            &[(Register, 0x83), (Bootstrap, 0x80)],
        ),
        (
            Reason::IdentityMismatch,
            &[(Register, 0x83), (Bootstrap, 0x80)],
        ),
        (
            Reason::CredentialRequired,
            &[(Register, 0x83), (Bootstrap, 0x80)],
        ),
        (Reason::NoSecOff, &[(Register, 0x83), (Bootstrap, 0x80)]),
        (
            Reason::UnknownRegistration,
            &[(Update, 0x84), (Deregister, 0x84), (Send, 0x84)],
        ),
        (
            Reason::NotOwner,
            &[(Update, 0x84), (Deregister, 0x84), (Send, 0x84)],
        ),
        (
            Reason::WrongListener,
            &[(Update, 0x80), (Deregister, 0x80), (Send, 0x80)],
        ),
        (
            Reason::AddressMoved,
            &[(Update, 0x84), (Deregister, 0x84), (Send, 0x84)],
        ),
    ];
    for (reason, rows) in table {
        for (interface, code) in *rows {
            assert_eq!(
                reason.coap_code(*interface),
                *code,
                "{reason:?} {interface:?}"
            );
        }
    }
}

#[test]
fn reasons_have_stable_ids_and_sentences() {
    let mut ids = std::collections::BTreeSet::new();
    for reason in Reason::ALL {
        let id = reason.as_str();
        assert!(ids.insert(id));
        assert!(
            id.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{id}"
        );
        let text = reason.to_string();
        assert!(text.contains(' ') && !text.ends_with('.'), "{text}");
    }
}

#[test]
fn endpoint_names_and_those_an_identity_tells() {
    assert!(check_endpoint("").is_err());
    assert!(check_endpoint(&"x".repeat(252)).is_ok());
    assert!(check_endpoint(&"x".repeat(253)).is_err());
    assert!(
        check_endpoint("<script>\n=cmd|x\0").is_ok(),
        "escaped where shown, not refused"
    );
    let not_text = Identity::Psk {
        identity: vec![0xff].into(),
    };
    for (identity, expected) in [
        (Identity::None, None),
        (psk("lamp"), Some("lamp")),
        (psk(""), None),
        (not_text, None),
        (rpk("lamp"), None),
        (x509(&["cn", "san"]), Some("cn")),
        (x509(&[]), None),
    ] {
        assert_eq!(identity.endpoint(), expected);
    }
}

#[test]
fn records_survive_any_bytes() {
    let full = record(
        true,
        vec![
            Credential::Psk {
                identity: vec![0, 0xff].into(),
            },
            Credential::RawPublicKey { key: "".into() },
            Credential::X509 { name: "n".into() },
        ],
    );
    let bytes = full.encode();
    assert_eq!(bytes[..], [1, 1, 1, 0, 2, 0, 0xff, 2, 0, 0, 3, 0, 1, b'n']);
    assert_eq!(DeviceRecord::decode(&bytes).unwrap(), full);
    for cut in 0..bytes.len() {
        let whole_entries = [2, 7, 10].contains(&cut);
        assert_eq!(
            DeviceRecord::decode(&bytes[..cut]).is_ok(),
            whole_entries,
            "{cut}"
        );
    }
    for at in 0..bytes.len() {
        for value in 0..=255 {
            let mut changed = bytes.to_vec();
            changed[at] = value;
            if let Ok(record) = DeviceRecord::decode(&changed) {
                assert_eq!(record.encode()[..], changed[..]);
            }
        }
    }
    let many = record(false, vec![Credential::X509 { name: "n".into() }; 300]);
    assert_eq!(
        DeviceRecord::decode(&many.encode())
            .unwrap()
            .credentials
            .len(),
        255
    );
    let error = DeviceRecord::decode(&[1, 0, 9, 0, 0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown kind of credential 9 (at byte 5)"
    );
}

/// Secure traffic needs a record of the same kind with the same value, and whoever has a record never comes without.
#[test]
fn s5_every_uplink_is_checked_against_kind_and_value() {
    use Interface::{Bootstrap, Deregister, Register, Send, Update};
    let credentials = [
        Credential::Psk {
            identity: "lamp".into(),
        },
        Credential::RawPublicKey { key: "lamp".into() },
        Credential::X509 {
            name: "lamp".into(),
        },
    ];
    let identities = [psk("lamp"), rpk("lamp"), x509(&["lamp"])];
    let strangers = [psk("x"), rpk("x"), x509(&["x"]), psk(""), x509(&[])];
    for (n, credential) in credentials.iter().enumerate() {
        let record = record(true, vec![credential.clone()]);
        for interface in [Register, Bootstrap, Update, Deregister, Send] {
            for nosec in POLICIES {
                let decide = |identity: &Identity| {
                    authorize(&Access {
                        interface,
                        holder: Some(identity), // whoever holds the registration: the record has the last word
                        ..register(identity, Lookup::Found(&record), nosec)
                    })
                };
                for (m, identity) in identities.iter().enumerate() {
                    assert_eq!(
                        decide(identity).is_ok(),
                        n == m,
                        "{interface:?} {identity:?}"
                    );
                }
                for stranger in &strangers {
                    assert_eq!(decide(stranger), Err(Reason::IdentityMismatch));
                }
                assert_eq!(decide(&Identity::None), Err(Reason::CredentialRequired));
            }
        }
    }
}

/// Leshan's #187: an address is no part of the decision, so the same key behind another address is the same device, and
/// another key behind the old address is not.
#[test]
fn s15_traffic_is_bound_to_the_identity() {
    let holder = psk("lamp");
    for interface in [Interface::Update, Interface::Deregister, Interface::Send] {
        let decide = |identity: &Identity| {
            authorize(&Access {
                interface,
                holder: Some(&holder),
                ..register(identity, Lookup::Unavailable, NoSecPolicy::Open)
            })
        };
        assert_eq!(decide(&holder.clone()), Ok(Grant::Holder));
        for stranger in [psk("other"), rpk("lamp"), x509(&["lamp"]), Identity::None] {
            assert_eq!(decide(&stranger), Err(Reason::NotOwner), "{stranger:?}");
        }
    }
}

#[test]
fn r11_a_missing_endpoint_name_is_derived() {
    let not_text = Identity::Psk {
        identity: vec![0xff].into(),
    };
    let long = "x".repeat(253);
    for (sent, identity, owner, expected) in [
        (Some("ep"), psk("id"), Some("owner"), Ok("ep")), // and authorize() will say whether it may
        (None, psk("id"), Some("owner"), Ok("owner")),
        (None, psk("id"), None, Ok("id")),
        (None, rpk("key"), Some("owner"), Ok("owner")),
        (None, rpk("key"), None, Err(Reason::EndpointMissing)),
        (None, x509(&["cn", "san"]), None, Ok("cn")),
        (None, x509(&["cn"]), Some("owner"), Ok("owner")),
        (None, x509(&[]), None, Err(Reason::EndpointMissing)),
        (None, not_text, None, Err(Reason::EndpointMissing)),
        (None, Identity::None, None, Err(Reason::EndpointMissing)),
        (
            None,
            Identity::None,
            Some("owner"),
            Err(Reason::EndpointMissing),
        ),
        (
            Some(""),
            psk("id"),
            Some("owner"),
            Err(Reason::EndpointInvalid),
        ), // ruling 5
        (Some(&long), psk("id"), None, Err(Reason::EndpointInvalid)),
    ] {
        assert_eq!(
            claimed_endpoint(sent, &identity, owner),
            expected,
            "{sent:?} {identity:?}"
        );
    }
    assert_eq!(Reason::EndpointMissing.coap_code(Interface::Register), 0x80);
    assert_eq!(
        Reason::EndpointMissing.coap_code(Interface::Bootstrap),
        0x80
    );
}

/// Approved or declined, with the codes of rulings 6 to 8: 4.03, 4.00 for a bootstrap, 4.04 where it holds nothing.
#[test]
fn r12_declined_is_403_400_or_404() {
    use Interface::{Bootstrap, Deregister, Register, Send, Update};
    let (mine, other) = (psk("lamp"), psk("other"));
    let keyed = record(
        false,
        vec![Credential::Psk {
            identity: "lamp".into(),
        }],
    );
    for (interface, code) in [
        (Register, 0x83),
        (Bootstrap, 0x80),
        (Update, 0x84),
        (Deregister, 0x84),
        (Send, 0x84),
    ] {
        let decide = |identity| {
            authorize(&Access {
                interface,
                holder: Some(&mine),
                ..register(identity, Lookup::Found(&keyed), NoSecPolicy::Open)
            })
        };
        assert!(decide(&mine).is_ok());
        assert_eq!(
            decide(&other).unwrap_err().coap_code(interface),
            code,
            "{interface:?}"
        );
    }
}

/// The address and port that a request came in by are compared where registrations are kept; the answer is here.
#[test]
fn r18_another_of_our_endpoints_is_400() {
    for interface in [Interface::Update, Interface::Deregister, Interface::Send] {
        assert_eq!(Reason::WrongListener.coap_code(interface), 0x80);
    }
}

#[test]
fn hostile_j08_certificate_names_are_compared_exactly() {
    for (names, admitted) in [
        (&["lamp.example"][..], true),
        (&["gate", "lamp.example"], true), // SAN
        (&["gate"], false),
        (&[], false),
        (&[""], false),
        (&["Lamp.example"], false),
        (&["lamp.example."], false),
        (&["lamp.example\0"], false),
        (&["lamp.example\0.evil"], false),
        (&["*.example"], false),
        (&["*"], false),
        (&["l\u{430}mp.example"], false), // Cyrillic
        (&["lamp.example "], false),
        (&["CN=lamp.example"], false),
    ] {
        for interface in [Interface::Register, Interface::Bootstrap] {
            let identity = x509(names);
            let without_record = Access {
                interface,
                endpoint: "lamp.example",
                ..register(&identity, Lookup::Absent, NoSecPolicy::Open)
            };
            let rule = record(
                false,
                vec![Credential::X509 {
                    name: "lamp.example".into(),
                }],
            );
            let by_rule = Access {
                record: Lookup::Found(&rule),
                endpoint: "lamp",
                ..without_record
            };
            for access in [without_record, by_rule] {
                match authorize(&access) {
                    Ok(_) => assert!(admitted, "{names:?}"),
                    Err(reason) => {
                        assert!(!admitted, "{names:?}");
                        assert_eq!(reason, Reason::IdentityMismatch);
                    }
                }
            }
        }
    }
}

/// The credential of A asks for B, also on the bootstrap interface.
#[test]
fn hostile_j09_bootstrap_checks_who_asks() {
    let b = record(
        false,
        vec![Credential::Psk {
            identity: "b".into(),
        }],
    );
    for (identity, lookup) in [
        (psk("a"), Lookup::Found(&b)),
        (x509(&["a"]), Lookup::Found(&b)),
        (psk("a"), Lookup::Absent),
        (x509(&["a"]), Lookup::Absent),
        (rpk("a"), Lookup::Absent),
    ] {
        let access = Access {
            interface: Interface::Bootstrap,
            endpoint: "b",
            ..register(&identity, lookup, NoSecPolicy::Open)
        };
        let reason = authorize(&access).unwrap_err();
        assert_eq!(
            reason.coap_code(Interface::Bootstrap),
            0x80,
            "{identity:?} {reason}"
        );
    }
}
