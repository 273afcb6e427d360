//! What the operator is told when a device is almost right.

use lwm2m_identity::{
    Change, Difference, KeyHint, NameHint, NearMiss, NearMissProbe, Plan, PskKey, Security,
    key_hint, name_hint, near_miss,
};
use lwm2m_store::{MemoryRecords, Record};

fn store(identities: &[&[u8]]) -> MemoryRecords {
    let mut store = MemoryRecords::new();
    for (n, &identity) in identities.iter().enumerate() {
        let security = [Security::Psk {
            identity: identity.to_vec().into(),
            key: PskKey::new(b"a key of 16 byte").unwrap(),
        }];
        let endpoint = format!("ep-{n}");
        let changes = [Change {
            endpoint: &endpoint,
            security: Some(&security),
            set: None,
        }];
        let batch = Plan::new(&changes).unwrap().decide(&[]).unwrap().batch;
        store.commit(batch).unwrap();
    }
    store
}

fn look(store: &MemoryRecords, identity: &[u8]) -> Option<NearMiss> {
    let found: Vec<Record> = NearMissProbe::all(identity)
        .iter()
        .flat_map(|probe| store.scan(probe.kind, &probe.prefix, None, probe.limit))
        .collect();
    near_miss(identity, &found)
}

#[test]
fn an_identity_that_is_almost_known() {
    use Difference::{Case, CaseAndSpace, KnownAsHex, SentAsHex, Space};
    let store = store(&[
        b"foo-1",
        b"device 7",
        b"6162636465",
        b"\xff\xfe",
        "straße".as_bytes(),
    ]);
    for (sent, expected) in [
        (&b"Foo-1"[..], Some((&b"foo-1"[..], Case))),
        (b"foo-1\n", Some((b"foo-1", Space))),
        (b"foo-1\0", Some((b"foo-1", Space))),
        (b"\"foo-1\"", Some((b"foo-1", Space))),
        (b" FOO-1", Some((b"foo-1", CaseAndSpace))),
        (b"device7", Some((b"device 7", Space))),
        (b"666f6f2d31", Some((b"foo-1", SentAsHex))), // leshan #407
        (b"666F6F2D31", Some((b"foo-1", SentAsHex))),
        (b"fffe", Some((b"\xff\xfe", SentAsHex))),
        (b"abcde", Some((b"6162636465", KnownAsHex))),
        ("STRAßE".as_bytes(), Some(("straße".as_bytes(), Case))),
        (b"foo-1", None), // known: no miss
        (b"foo-2", None),
        (b"foo-", None),
        (b"foo-11", None),
        (b"", None),
        (b"\xff\xff", None),
    ] {
        let miss = look(&store, sent);
        let found = miss.as_ref().map(|miss| (&miss.known[..], miss.how));
        assert_eq!(found, expected, "{}", sent.escape_ascii());
    }
}

/// The sentence holds what a peer sent or somebody typed: nothing in it may break a line of a log.
#[test]
fn hints_are_one_line() {
    let store = store(&[b"a\nb", b"x\x1b[31m"]);
    for sent in [&b"A\nB"[..], b"X\x1b[31m", b"ab", b"610a62"] {
        let hint = look(&store, sent).expect("a near miss").to_string();
        assert!(!hint.contains(char::is_control), "{hint:?}");
    }
}

/// However many identities are known, and however many of them look the same.
#[test]
fn a_look_costs_three_scans_of_four() {
    let many: Vec<Vec<u8>> = (0..64u8)
        .map(|n| [b"id".as_slice(), &vec![b' '; n.into()]].concat())
        .collect();
    let many: Vec<&[u8]> = many.iter().map(|identity| &identity[..]).collect();
    let store = store(&many);
    for sent in [&b"ID"[..], b"6964", &[b'A'; 256]] {
        let probes = NearMissProbe::all(sent);
        assert!(probes.len() <= 3);
        assert!(probes.iter().all(|probe| probe.limit == 4));
    }
    assert!(look(&store, b"ID").is_some());
    assert!(NearMissProbe::all(&[b'a'; 257]).is_empty());
    assert!(NearMissProbe::all(&vec![b'a'; 65_535]).is_empty());
}

#[test]
fn a_key_that_is_the_text_of_a_key() {
    for (key, expected) in [
        (
            &b"a1b2c3d4e5f60718293a4b5c6d7e8f90"[..],
            Some(KeyHint::HexText(16)),
        ),
        (b"0123456789abcdef", Some(KeyHint::HexText(8))),
        (b"0123456789abcde", None),
        (b"AAECAwQFBgcICQoLDA0ODw==", Some(KeyHint::Base64Text(16))),
        (b"correct horse battery st", None),
        (b"CorrectHorseBatteryStapl", None),
        (&[7; 32], None),
    ] {
        assert_eq!(key_hint(&PskKey::new(key).unwrap()), expected);
    }
}

#[test]
fn a_certificate_name_that_is_almost_the_endpoint() {
    let name = |name: &str| name_hint("lamp.example", &[name.to_owned()]);
    assert_eq!(name("Lamp.example"), Some(NameHint::Case));
    assert_eq!(name("lamp.example."), Some(NameHint::TrailingDot));
    assert_eq!(name("lamp.example\0"), Some(NameHint::Space));
    assert_eq!(name("*.example"), Some(NameHint::Wildcard));
    assert_eq!(name("lamp.example"), None);
    assert_eq!(
        name("l\u{430}mp.example"),
        None,
        "a homoglyph is another name"
    );
    assert_eq!(name_hint("lamp", &[]), Some(NameHint::NoName));
    for hint in [
        NameHint::Case,
        NameHint::Space,
        NameHint::TrailingDot,
        NameHint::Wildcard,
        NameHint::NoName,
    ] {
        let text = hint.to_string();
        assert!(!text.ends_with('.') && !text.contains('\n'));
    }
}
