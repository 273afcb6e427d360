//! Security records over a store: set, replace, move, remove, and what must end.

use lwm2m_identity::{
    Access, ApplyError, Change, Closure, Credential, CredentialRecord, DeviceRecord, Grant,
    Identity, Interface, Lookup, NoSecPolicy, Plan, PlanError, PskKey, Reason, Security,
    SecurityError, WarningKind, apply, authorize, owner,
};
use lwm2m_store::{
    CommitError, Down, Key, MemoryRecords, MemoryStore, Record,
    testsuite::{Fault, Faulty, block_on},
};

const A: &[u8] = b"key A of 16 byte";
const B: &[u8] = b"key B of 16 byte";
const SPKI: &[u8] = &[0x30, 3, 1, 2, 3];

fn psk(identity: &str, key: &[u8]) -> Security {
    Security::Psk {
        identity: identity.to_owned().into(),
        key: PskKey::new(key).unwrap(),
    }
}

fn rpk(key: &'static [u8]) -> Security {
    Security::RawPublicKey { key: key.into() }
}

fn x509(name: &str) -> Security {
    Security::X509 { name: name.into() }
}

fn id(identity: &str) -> Identity {
    Identity::Psk {
        identity: identity.to_owned().into(),
    }
}

fn try_set(store: &mut MemoryRecords, changes: &[Change<'_>]) -> Result<Vec<Closure>, PlanError> {
    let plan = Plan::new(changes)?;
    let loaded: Vec<Record> = plan.loads().filter_map(|key| store.load(key)).collect();
    let planned = plan.decide(&loaded)?;
    store.commit(planned.batch).unwrap();
    Ok(planned.closures)
}

fn set(
    store: &mut MemoryRecords,
    endpoint: &str,
    security: &[Security],
) -> Result<Vec<Closure>, PlanError> {
    let security = Some(security);
    try_set(
        store,
        &[Change {
            endpoint,
            security,
            set: None,
        }],
    )
}

fn remove(store: &mut MemoryRecords, endpoint: &str) -> Vec<Closure> {
    let security = None;
    try_set(
        store,
        &[Change {
            endpoint,
            security,
            set: None,
        }],
    )
    .unwrap()
}

/// What a handshake finds: the endpoint and the key.
fn found(store: &MemoryRecords, identity: &str) -> Option<(String, Option<PskKey>)> {
    let key = id(identity).record_keys().remove(0);
    let record = CredentialRecord::decode(&store.load(&key)?.value).unwrap();
    Some((record.endpoint, record.key))
}

fn register(store: &MemoryRecords, endpoint: &str, identity: &Identity) -> Result<Grant, Reason> {
    let record = store
        .load(&DeviceRecord::key(endpoint))
        .map(|record| DeviceRecord::decode(&record.value).unwrap());
    authorize(&Access {
        interface: Interface::Register,
        endpoint,
        identity,
        record: record.as_ref().map_or(Lookup::Absent, Lookup::Found),
        holder: None,
        nosec: NoSecPolicy::Open,
    })
}

/// A device record, the credential with the key, and the way to near misses: no more is kept, and nothing stays.
#[test]
fn s1_every_mode_is_kept_found_and_removed_without_a_trace() {
    let gate = Identity::X509 {
        names: vec!["gate-1".into()],
    };
    let meter = Identity::RawPublicKey { key: SPKI.into() };
    for (security, identity, records) in [
        (Security::NoSec, Identity::None, 1),
        (psk("id", A), id("id"), 3),
        (rpk(SPKI), meter, 2),
        (x509("gate-1"), gate, 2),
    ] {
        let mut store = MemoryRecords::new();
        set(&mut store, "ep", std::slice::from_ref(&security)).unwrap();
        assert_eq!(store.len(), records, "{security:?}");
        assert_eq!(register(&store, "ep", &identity), Ok(Grant::Record));
        for key in identity.record_keys() {
            let record = CredentialRecord::decode(&store.load(&key).unwrap().value).unwrap();
            assert_eq!(record.endpoint, "ep");
            assert_eq!(
                record.key.is_some(),
                matches!(security, Security::Psk { .. })
            );
        }
        let closures = remove(&mut store, "ep");
        assert!(closures[0].ends(&identity));
        assert!(store.is_empty(), "{security:?}: {store:?}");
    }
}

#[test]
fn s2_a_psk_identity_has_one_owner_and_the_refusal_names_it() {
    let mut store = MemoryRecords::new();
    set(&mut store, "lamp", &[psk("id", A)]).unwrap();
    let refused = set(&mut store, "meter", &[psk("id", B)]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "endpoint \"meter\": PSK identity \"id\" is taken by endpoint \"lamp\": choose another one, \
         or remove it there first"
    );
    assert_eq!(
        found(&store, "id"),
        Some(("lamp".into(), Some(PskKey::new(A).unwrap())))
    );
    assert!(
        store.load(&DeviceRecord::key("meter")).is_none(),
        "nothing was changed"
    );

    for (first, second) in [(rpk(SPKI), rpk(SPKI)), (x509("n"), x509("n"))] {
        let mut store = MemoryRecords::new();
        set(&mut store, "a", &[first]).unwrap();
        let refused = set(&mut store, "b", &[second]).unwrap_err();
        assert!(matches!(refused, PlanError::Taken { owner, .. } if owner == "a"));
    }
}

#[test]
fn s2_replacing_frees_the_old_identity() {
    let mut store = MemoryRecords::new();
    set(&mut store, "lamp", &[psk("old", A)]).unwrap();
    let closures = set(&mut store, "lamp", &[psk("new", A)]).unwrap();
    assert_eq!(closures.len(), 1);
    let old = Credential::Psk {
        identity: "old".into(),
    };
    assert_eq!(closures[0].gone, [old]);
    assert_eq!(found(&store, "old"), None);
    set(&mut store, "meter", &[psk("old", B)]).unwrap();
    assert_eq!(found(&store, "old").unwrap().0, "meter");
    assert_eq!(found(&store, "new").unwrap().0, "lamp");
}

#[test]
fn s2_two_devices_swap_identities_in_one_batch() {
    let mut store = MemoryRecords::new();
    set(&mut store, "a", &[psk("x", A)]).unwrap();
    set(&mut store, "b", &[psk("y", B)]).unwrap();
    let (to_a, to_b) = ([psk("y", B)], [psk("x", A)]);
    let closures = try_set(
        &mut store,
        &[
            Change {
                endpoint: "a",
                security: Some(&to_a),
                set: None,
            },
            Change {
                endpoint: "b",
                security: Some(&to_b),
                set: None,
            },
        ],
    )
    .unwrap();
    assert_eq!(closures.len(), 2);
    assert_eq!(found(&store, "x").unwrap().0, "b");
    assert_eq!(found(&store, "y").unwrap().0, "a");
    assert_eq!(store.len(), 6);
}

/// Leshan's S4 and hostile row L03: the list of what ends is complete, and what was revoked is refused at once.
#[test]
fn hostile_l03_revoked_credentials_end_everywhere() {
    let mut store = MemoryRecords::new();
    set(&mut store, "lamp", &[psk("id", A), psk("spare", B)]).unwrap();

    // Another key under the same identity: sessions of the identity end, those of the other credential go on.
    let closures = set(&mut store, "lamp", &[psk("id", B), psk("spare", B)]).unwrap();
    assert!(closures[0].ends(&id("id")) && !closures[0].ends(&id("spare")));
    assert!(closures[0].ends(&Identity::None));

    // Revoked: gone from the index, refused by every interface that has the record at hand, and in the list.
    let closures = set(&mut store, "lamp", &[psk("spare", B)]).unwrap();
    assert!(closures[0].ends(&id("id")) && !closures[0].ends(&id("spare")));
    assert_eq!(found(&store, "id"), None);
    assert_eq!(
        register(&store, "lamp", &id("id")),
        Err(Reason::IdentityMismatch)
    );
    let record =
        DeviceRecord::decode(&store.load(&DeviceRecord::key("lamp")).unwrap().value).unwrap();
    for interface in [Interface::Update, Interface::Deregister, Interface::Send] {
        let holder = id("id");
        let late = authorize(&Access {
            interface,
            endpoint: "lamp",
            identity: &holder,
            record: Lookup::Found(&record),
            holder: Some(&holder),
            nosec: NoSecPolicy::Open,
        });
        assert_eq!(late, Err(Reason::IdentityMismatch));
        assert_eq!(Reason::IdentityMismatch.coap_code(interface), 0x84);
    }

    let closures = remove(&mut store, "lamp");
    assert!(closures[0].ends(&id("spare")) && closures[0].ends(&Identity::None));
}

/// A device that came without security, or by its certificate alone, has no right to stay once a record says otherwise.
#[test]
fn a_first_credential_ends_what_came_in_without() {
    let mut store = MemoryRecords::new();
    let by_trust = Identity::X509 {
        names: vec!["lamp".into()],
    };
    let closures = set(&mut store, "lamp", &[psk("id", A)]).unwrap();
    assert!(closures[0].gone.is_empty());
    assert!(closures[0].ends(&Identity::None) && closures[0].ends(&by_trust));
    let closures = set(&mut store, "lamp", &[Security::NoSec]).unwrap();
    assert!(!closures[0].ends(&Identity::None) && closures[0].ends(&id("id")));
}

/// What a certificate opens without a record, a record may take away; each time the one decision is asked.
#[test]
fn a_session_by_certificate_ends_when_the_record_of_its_endpoint_says_so() {
    let certificate = |names: &[&str]| Identity::X509 {
        names: names.iter().map(|&name| name.to_owned()).collect(),
    };
    let meter = certificate(&["meter", "serial-7"]);
    for (security, ends) in [
        (vec![psk("meter", A)], true),
        (vec![rpk(SPKI)], true),
        (vec![Security::NoSec], true),
        (vec![], true),
        (vec![x509("another name")], true),
        (vec![x509("meter")], false),
        (vec![psk("meter", A), x509("serial-7")], false),
    ] {
        let mut store = MemoryRecords::new();
        let closures = set(&mut store, "meter", &security).unwrap();
        let [closure] = &closures[..] else {
            panic!("{closures:?}");
        };
        let context = format!("{security:?}");
        assert_eq!(
            closure.ends_session(&meter, Some("meter")),
            ends,
            "{context}"
        );
        let may = register(&store, "meter", &meter).is_ok();
        assert_eq!(may, !ends, "{context}");
        // Whoever speaks for another endpoint, or for none, is not concerned.
        assert!(!closure.ends_session(&meter, Some("serial-7")), "{context}");
        assert!(!closure.ends_session(&meter, None), "{context}");
    }
}

#[test]
fn a_session_ends_with_its_credential_for_whomever_it_speaks() {
    let mut store = MemoryRecords::new();
    set(&mut store, "lamp", &[psk("id", A), psk("spare", B)]).unwrap();
    let closures = set(&mut store, "lamp", &[psk("id", B)]).unwrap();
    for speaks_for in [Some("lamp"), Some("other"), None] {
        assert!(closures[0].ends_session(&id("id"), speaks_for), "its key");
        assert!(closures[0].ends_session(&id("spare"), speaks_for));
        let third = closures[0].ends_session(&id("third"), speaks_for);
        assert_eq!(third, speaks_for == Some("lamp"));
    }
    let closures = remove(&mut store, "lamp");
    assert!(closures[0].ends_session(&id("id"), None));
    let by_trust = Identity::X509 {
        names: vec!["lamp".into()],
    };
    assert!(
        !closures[0].ends_session(&by_trust, Some("lamp")),
        "no record forbids it"
    );
}

#[test]
fn a_record_says_when_it_was_set_and_what_is_so_already_keeps_its_time() {
    let mut store = MemoryRecords::new();
    let mut set_at = |security: &[Security], set| {
        let change = Change {
            endpoint: "lamp",
            security: Some(security),
            set,
        };
        try_set(&mut store, &[change]).unwrap();
        let record = store.load(&DeviceRecord::key("lamp")).unwrap();
        (DeviceRecord::decode(&record.value).unwrap(), record.value)
    };
    let (record, bytes) = set_at(&[psk("id", A)], Some(0x0102_0304));
    assert_eq!(record.set, Some(0x0102_0304));
    assert_eq!(
        bytes[..],
        [2, 0, 0, 0, 0, 0, 1, 2, 3, 4, 1, 0, 2, b'i', b'd']
    );
    assert!((0..bytes.len()).all(|len| {
        DeviceRecord::decode(&bytes[..len]).is_ok_and(|record| record.credentials.is_empty())
            == (len == 10)
    }));
    assert_eq!(set_at(&[psk("id", A)], Some(9)).0, record);
    let (renewed, _) = set_at(&[psk("id", B)], Some(9));
    assert_eq!(renewed.set, Some(9));
    // As earlier versions wrote it, and as it is written where nobody knows.
    let (unknown, bytes) = set_at(&[Security::NoSec], None);
    assert_eq!((unknown.set, &bytes[..]), (None, &[1, 1][..]));
}

#[test]
fn what_is_so_already_changes_and_ends_nothing() {
    let mut store = MemoryRecords::new();
    let both = [psk("id", A), x509("lamp")];
    set(&mut store, "lamp", &both).unwrap();
    let version = store.load(&DeviceRecord::key("lamp")).unwrap().version;
    assert_eq!(set(&mut store, "lamp", &both), Ok(vec![]));
    assert_eq!(remove(&mut store, "nobody"), []);
    assert_eq!(
        store.load(&DeviceRecord::key("lamp")).unwrap().version,
        version
    );
}

#[test]
fn what_cannot_be_kept_is_refused_by_name() {
    let long = "i".repeat(129);
    let widest = "i".repeat(128);
    assert_eq!(
        psk(&widest, &[1; 64]).check(),
        Ok(()),
        "LwM2M 1.1 transport: 128 and 64 bytes"
    );
    assert!(PskKey::new(&[1; 65]).is_err());
    for (security, error) in [
        (vec![psk("", A)], SecurityError::IdentityEmpty),
        (vec![psk(&long, A)], SecurityError::IdentityTooLong(129)),
        (vec![rpk(b"3059")], SecurityError::PublicKeyForm),
        (vec![rpk(&[0x30, 9, 1])], SecurityError::PublicKeyForm),
        (vec![x509("")], SecurityError::NameLength(0)),
        (
            vec![Security::NoSec, psk("id", A)],
            SecurityError::NoSecBesideCredential,
        ),
        (vec![x509("n"); 256], SecurityError::TooMany),
    ] {
        let refused = set(&mut MemoryRecords::new(), "ep", &security).unwrap_err();
        let endpoint = "ep".into();
        assert_eq!(refused, PlanError::Security { endpoint, error });
    }
    let refuse = |changes: &[Change<'_>]| Plan::new(changes).map(drop).unwrap_err();
    let security = [psk("id", A)];
    let change = |endpoint| Change {
        endpoint,
        security: Some(&security),
        set: None,
    };
    assert!(matches!(refuse(&[change("")]), PlanError::Endpoint { .. }));
    assert!(matches!(
        refuse(&[change("a"), change("a")]),
        PlanError::EndpointTwice { .. }
    ));
    assert!(matches!(
        refuse(&[change("a"), change("b")]),
        PlanError::CredentialTwice { .. }
    ));
    let twice = [psk("id", A), psk("id", B)];
    assert!(set(&mut MemoryRecords::new(), "ep", &twice).is_err());
}

/// Zephyr's and nRF's sample key, tinydtls's and libcoap's, the one of ThingsBoard's documentation, and nothing at all.
#[test]
fn hostile_i08_default_keys_are_refused() {
    let zephyr: Vec<u8> = (0..16).collect();
    let thingsboard = b"\x01\x1b\x69\xa9\x6b\xa5\x80\xf5\x7b\x3c\xa8\x71\x8d\xa0\x3b\x90\
        \x6e\xa3\x9b\x3a\xdd\x99\x8c\x4c\xe0\xe2\x54\x64\xbe\x12\x49\x4d";
    for key in [
        &zephyr[..],
        b"000102030405060708090a0b0c0d0e0f",
        b"secretPSK",
        thingsboard,
        &[0; 16],
        &[0; 1],
    ] {
        let refused = set(&mut MemoryRecords::new(), "ep", &[psk("id", key)]).unwrap_err();
        assert!(
            refused.to_string().contains("everybody has it"),
            "{refused}"
        );
    }
}

#[test]
fn ruling_33_short_keys_are_kept_with_a_warning() {
    let warnings = |key: &[u8]| {
        let security = [psk("id", key)];
        let changes = [Change {
            endpoint: "lamp",
            security: Some(&security),
            set: None,
        }];
        Plan::new(&changes).unwrap().decide(&[]).unwrap().warnings
    };
    assert_eq!(warnings(b"x")[0].kind, WarningKind::ShortKey(1));
    assert_eq!(warnings(&A[..15])[0].kind, WarningKind::ShortKey(15));
    assert!(warnings(A).is_empty());
    assert_eq!(
        warnings(b"a1b2c3d4e5f60718293a4b5c6d7e8f90")[0].to_string(),
        "endpoint \"lamp\": the key is the hexadecimal text of a key of 16 bytes: was hex: meant?"
    );
}

#[test]
fn secrets_are_in_no_debug_and_no_message() {
    let mut store = MemoryRecords::new();
    let security = [psk("id", b"hunter2 hunter2!")];
    let changes = [Change {
        endpoint: "lamp",
        security: Some(&security),
        set: None,
    }];
    let plan = Plan::new(&changes).unwrap();
    let planned = plan.decide(&[]).unwrap();
    let mut texts = vec![format!("{security:?} {plan:?} {planned:?}")];
    store.commit(planned.batch).unwrap();
    let record = store
        .load(&Key::new(lwm2m_identity::PSK_KIND, "id"))
        .unwrap();
    let read = CredentialRecord::decode(&record.value).unwrap();
    texts.push(format!("{store:?} {record:?} {read:?}"));
    texts.push(set(&mut store, "b", &security).unwrap_err().to_string());
    for text in texts {
        assert!(text.contains("lamp"), "{text}");
        assert!(
            !text.contains("hunter2") && !text.contains("104, 117, 110"),
            "{text}"
        );
    }
}

#[test]
fn whoever_was_quicker_is_noticed() {
    let mut store = MemoryRecords::new();
    let (to_a, to_b) = ([psk("id", A)], [psk("id", B)]);
    let a = [Change {
        endpoint: "a",
        security: Some(&to_a),
        set: None,
    }];
    let b = [Change {
        endpoint: "b",
        security: Some(&to_b),
        set: None,
    }];
    let (a, b) = (Plan::new(&a).unwrap(), Plan::new(&b).unwrap());
    store.commit(a.decide(&[]).unwrap().batch).unwrap();
    let late = store.commit(b.decide(&[]).unwrap().batch);
    assert!(matches!(late, Err(CommitError::Conflict { .. })));
    assert_eq!(found(&store, "id").unwrap().0, "a");
}

#[test]
fn a_record_that_cannot_be_read_is_not_overwritten() {
    let mut store = MemoryRecords::new();
    let mut batch = lwm2m_store::Batch::new();
    batch.put(DeviceRecord::key("lamp"), "garbage", None);
    batch.put(Key::new(lwm2m_identity::PSK_KIND, "id"), "garbage", None);
    store.commit(batch).unwrap();
    for endpoint in ["lamp", "other"] {
        let refused = set(&mut store, endpoint, &[psk("id", A)]).unwrap_err();
        assert!(matches!(refused, PlanError::Unreadable { .. }), "{refused}");
    }
}

/// A device record that somebody else wrote claims what another endpoint has: nothing is taken away from that one.
#[test]
fn a_credential_is_not_stolen_by_a_record_of_another_hand() {
    let mut store = MemoryRecords::new();
    set(&mut store, "owner", &[psk("id", A)]).unwrap();
    let mut claim = DeviceRecord::default();
    claim.credentials.push(Credential::Psk {
        identity: "id".into(),
    });
    let mut batch = lwm2m_store::Batch::new();
    batch.put(DeviceRecord::key("thief"), claim.encode(), None);
    store.commit(batch).unwrap();
    let refused = set(&mut store, "thief", &[psk("id", B)]).unwrap_err();
    assert!(matches!(refused, PlanError::Taken { owner, .. } if owner == "owner"));
    assert_eq!(found(&store, "id").unwrap().1.unwrap().bytes(), A);
}

#[test]
fn credential_records_survive_any_bytes() {
    let record = CredentialRecord::new("lamp".into(), Some(PskKey::new(A).unwrap()));
    let bytes = record.encode();
    assert_eq!(bytes[..7], [1, 4, b'l', b'a', b'm', b'p', b'k']);
    assert_eq!(CredentialRecord::decode(&bytes), Ok(record));
    for cut in 0..6 {
        assert!(CredentialRecord::decode(&bytes[..cut]).is_err(), "{cut}");
    }
    for at in 0..bytes.len() {
        for value in 0..=255 {
            let mut changed = bytes.to_vec();
            changed[at] = value;
            if let Ok(record) = CredentialRecord::decode(&changed) {
                assert_eq!(record.encode()[..], changed[..]);
            }
        }
    }
    assert!(CredentialRecord::decode(&[1, 1, b'e', 0]).is_ok());
    assert!(CredentialRecord::decode(&[&[1, 1, b'e'][..], &[7; 65]].concat()).is_err());
    assert!(
        CredentialRecord::decode(&[1, 0]).is_err(),
        "no endpoint has no name"
    );
}

#[test]
fn over_a_store_the_same_is_one_call() {
    let store = MemoryStore::new();
    let security = [psk("id", A)];
    let changes = [Change {
        endpoint: "lamp",
        security: Some(&security),
        set: None,
    }];
    let applied = block_on(apply(&store, &changes)).unwrap();
    assert_eq!(applied.closures.len(), 1);
    assert!(
        block_on(apply(&store, &changes))
            .unwrap()
            .closures
            .is_empty()
    );
    let owned = block_on(owner(&store, &id("id"))).unwrap().unwrap();
    assert_eq!(owned.endpoint, "lamp");
    assert_eq!(owned.key.unwrap().bytes(), A);
    assert_eq!(block_on(owner(&store, &id("ID"))), Ok(None));
    assert_eq!(block_on(owner(&store, &Identity::None)), Ok(None));
    let near = block_on(lwm2m_identity::find_near_miss(&store, b"ID"))
        .unwrap()
        .unwrap();
    assert_eq!(near.endpoint, "lamp");
}

#[test]
fn a_certificate_with_names_of_two_endpoints_has_no_owner() {
    let store = MemoryStore::new();
    let (a, b) = ([x509("a")], [x509("b")]);
    let changes = [
        Change {
            endpoint: "one",
            security: Some(&a),
            set: None,
        },
        Change {
            endpoint: "two",
            security: Some(&b),
            set: None,
        },
    ];
    block_on(apply(&store, &changes)).unwrap();
    let names = |names: &[&str]| Identity::X509 {
        names: names.iter().map(|&name| name.into()).collect(),
    };
    let endpoint = |identity| {
        block_on(owner(&store, &identity))
            .unwrap()
            .map(|owner| owner.endpoint)
    };
    assert_eq!(endpoint(names(&["c", "a"])).as_deref(), Some("one"));
    assert_eq!(endpoint(names(&["a", "b"])), None);
}

#[test]
fn a_store_that_fails_changes_nothing_and_owns_nothing() {
    let security = [psk("id", A)];
    let changes = [Change {
        endpoint: "lamp",
        security: Some(&security),
        set: None,
    }];
    for (fault, error) in [
        (Fault::Down, ApplyError::Down),
        (Fault::Conflict, ApplyError::Busy),
    ] {
        let store = Faulty::new(MemoryStore::new(), move |_| fault);
        assert_eq!(block_on(apply(&store, &changes)), Err(error));
        assert!(store.inner().is_empty());
    }
    let down = Faulty::new(MemoryStore::new(), |_| Fault::Down);
    assert_eq!(block_on(owner(&down, &id("id"))), Err(Down));
}

/// If nobody knows whether a revocation was stored, what it ends must end all the same: a second try would find
/// nothing to do.
#[test]
fn hostile_l03_a_lost_answer_does_not_lose_what_must_end() {
    let store = Faulty::new(MemoryStore::new(), |call| match call {
        // Three calls set the credential, the fifth removes it.
        4 => Fault::LostAnswer,
        _ => Fault::None,
    });
    let security = [psk("id", A)];
    let set = [Change {
        endpoint: "lamp",
        security: Some(&security),
        set: None,
    }];
    block_on(apply(&store, &set)).unwrap();
    let remove = [Change {
        endpoint: "lamp",
        security: None,
        set: None,
    }];
    let Err(ApplyError::Unknown { closures }) = block_on(apply(&store, &remove)) else {
        panic!("the answer was lost");
    };
    assert!(closures[0].ends(&id("id")));
    assert!(store.inner().is_empty());
    assert!(
        block_on(apply(&store, &remove))
            .unwrap()
            .closures
            .is_empty()
    );
}
