//! The whole decision table, and the codes by the specification.

use lwm2m_identity::{
    Access, Credential, DeviceRecord, Grant, Identity, Interface, Lookup, NoSecPolicy, Reason,
    authorize, check_endpoint,
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
