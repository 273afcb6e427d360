//! Security files: what they may say, how their mistakes are told, and what a reload changes.

use lwm2m_identity::file::{FileError, FileProblem, Format, SecurityFile};
use lwm2m_identity::material::FieldProblem;
use lwm2m_identity::{Applied, Identity, PskKey, Security, apply, owner};
use lwm2m_store::{MemoryStore, testsuite::block_on};

/// The generator of P-256 (SEC 2 §2.4.2), a point for sure.
const XY: [&str; 2] = [
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
];

fn toml(text: &str) -> Result<SecurityFile, FileError> {
    SecurityFile::parse(text, Format::Toml)
}

fn json(text: &str) -> Result<SecurityFile, FileError> {
    SecurityFile::parse(text, Format::Json)
}

fn device(fields: &str) -> String {
    format!("[[device]]\nendpoint = \"lamp\"\n{fields}\n")
}

/// One device of each mode.
fn four() -> String {
    let [x, y] = XY;
    format!(
        r#"
[[device]]
endpoint = "lamp"
mode = "psk"
identity = "lamp-key"
key = "hex:a1b2c3d4e5f60718293a4b5c6d7e8f90"

[[device]]
endpoint = "meter"
mode = "rpk"
public_x = "{x}"
public_y = "{y}"

[[device]]
endpoint = "gate"
mode = "x509"

[[device]]
endpoint = "old"
mode = "nosec"
"#
    )
}

#[test]
fn both_formats_say_the_same() {
    let from_toml = toml(&four()).unwrap();
    let from_json = json(&format!(
        r#"{{"device": [
            {{"endpoint": "lamp", "mode": "psk", "identity_hex": "6c616d702d6b6579", "key": "base64:obLD1OX2BxgpOktcbX6PkA=="}},
            {{"endpoint": "meter", "mode": "rpk", "public_key": "04{}{}"}},
            {{"endpoint": "gate", "mode": "x509", "name": "gate"}},
            {{"endpoint": "old", "mode": "nosec"}}
        ]}}"#,
        XY[0], XY[1]
    ))
    .unwrap();
    assert_eq!(from_toml, from_json);
    assert_eq!(from_toml.len(), 4);
    let modes: Vec<_> = from_toml
        .devices()
        .map(|(endpoint, security)| (endpoint, security.mode()))
        .collect();
    assert_eq!(
        modes,
        [
            ("gate", "x509"),
            ("lamp", "psk"),
            ("meter", "rpk"),
            ("old", "nosec")
        ]
    );
    assert!(toml("").unwrap().is_empty());
    assert!(json(r#"{"device": []}"#).unwrap().is_empty());
    for (name, format) in [
        ("a.json", Format::Json),
        ("a.JSON", Format::Json),
        ("a.toml", Format::Toml),
        ("json", Format::Toml),
    ] {
        assert_eq!(Format::of_name(name), format);
    }
}

#[test]
fn the_identity_is_the_endpoint_name_if_left_out() {
    let file = toml(&device("mode = \"psk\"\nkey = \"text:some words\"")).unwrap();
    let expected = Security::Psk {
        identity: "lamp".into(),
        key: PskKey::new(b"some words").unwrap(),
    };
    assert_eq!(file.devices().collect::<Vec<_>>(), [("lamp", &expected)]);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let psk = |key: &str| device(&format!("mode = \"psk\"\nkey = {key}"));
    for (text, expected) in [
        (
            psk("\"a1b2c3d4\""),
            "line 4, device 1 (\"lamp\"), field key: it could be hex (4 bytes), base64 (6 bytes) or text (8 bytes): write hex:…, base64:… or text:…",
        ),
        (
            psk("\"hex:a1b\""),
            "line 4, device 1 (\"lamp\"), field key: 3 hexadecimal digits, an odd number: add the one that is missing, or write text:…",
        ),
        (
            psk("\"text:secretPSK\""),
            "line 4, device 1 (\"lamp\"), field key: this key is published (example servers of tinydtls, libcoap and Californium), so everybody has it: generate another one",
        ),
        (
            psk("12345678"),
            "line 4, device 1, field key: put the value in quotes: it is integer, not text",
        ),
        (
            device("mode = \"psk\""),
            "line 1, device 1 (\"lamp\"), field key: is missing",
        ),
        (
            device("mode = \"tls\""),
            "line 3, device 1 (\"lamp\"), field mode: no mode \"tls\": write psk, rpk, x509 or nosec",
        ),
        (
            device(""),
            "line 1, device 1 (\"lamp\"), field mode: is missing",
        ),
        (
            device("mode = \"nosec\"\nkey = \"x\""),
            "line 4, device 1 (\"lamp\"), field key: does not go with mode nosec: leave it out",
        ),
        (
            device("mode = \"x509\"\nname = \"\""),
            "line 4, device 1 (\"lamp\"), field name: the certificate name is empty",
        ),
        (
            device("mode = \"rpk\"\npublic_x = \"00\""),
            "line 1, device 1 (\"lamp\"), field public_y: is missing",
        ),
        (
            device("mode = \"rpk\"\npublic_x = \"00\"\npublic_y = \"00\""),
            "line 4, device 1 (\"lamp\"), field public_x: the public key is broken, or its point is not on the curve",
        ),
        (
            device("mode = \"psk\"\nidentity = \"a\"\nidentity_hex = \"61\"\nkey = \"text:x\""),
            "line 5, device 1 (\"lamp\"), field identity_hex: says the same as identity: leave one of them out",
        ),
        (
            device("mode = \"nosec\"\nidentty = \"x\""),
            "line 4, device 1: no field \"identty\": there are endpoint, set, mode, identity, identity_hex, key, public_key, public_x, public_y, name",
        ),
        (
            "[[device]]\nmode = \"nosec\"".into(),
            "line 1, device 1, field endpoint: is missing",
        ),
        (
            "[[device]]\nendpoint = \"\"\nmode = \"nosec\"".into(),
            "line 2, device 1, field endpoint: the endpoint name is empty",
        ),
        (
            "[device]\nendpoint = \"lamp\"".into(),
            "line 1: write a list of devices: [[device]] tables in TOML, {\"device\": [{...}]} in JSON",
        ),
        (
            "\ndevices = []".into(),
            "line 2: write a list of devices: [[device]] tables in TOML, {\"device\": [{...}]} in JSON",
        ),
    ] {
        let error = toml(&text).unwrap_err().to_string();
        assert_eq!(error, expected);
    }
    let error =
        json("{\"device\": [\n{\"endpoint\": \"a\",\n\"mode\": \"psk\",\n\"key\": \"abcd\"}]}")
            .unwrap_err();
    assert_eq!(
        (error.line, error.device, error.field),
        (4, Some(1), Some("key"))
    );
    assert!(matches!(
        error.problem,
        FileProblem::Field(FieldProblem::Psk(_))
    ));
    for (text, line) in [
        (
            "{\"device\": [{\"endpoint\": \"a\", \"mode\": \"nosec\",\n\n}]}",
            3,
        ),
        ("{\"device\":\n [7]}", 2),
        ("{\"device\":\n \"a\"}", 2),
        ("[]", 1),
        ("", 1),
    ] {
        assert_eq!(json(text).unwrap_err().line, line, "{text}");
    }
}

#[test]
fn what_is_there_twice_is_refused_with_both_places() {
    let two = |second: &str| {
        format!(
            "{}\n{second}",
            device("mode = \"psk\"\nidentity = \"id\"\nkey = \"text:some words\"")
        )
    };
    let error = toml(&two(&device("mode = \"nosec\""))).unwrap_err();
    assert_eq!(error.line, 8);
    assert_eq!(error.problem, FileProblem::EndpointTwice { first: 1 });
    let other = "[[device]]\nendpoint = \"other\"\nmode = \"psk\"\nidentity = \"id\"\nkey = \"text:other words\"";
    assert_eq!(
        toml(&two(other)).unwrap_err().to_string(),
        "line 10, device 2 (\"other\"), field identity: the device in line 1 has the same PSK identity \"id\": give each its own"
    );
    assert!(toml("[[device]]\nendpoint = \"a\"\nendpoint = \"b\"").is_err());
    let error =
        json(r#"{"device": [{"endpoint": "a", "mode": "nosec", "mode": "x509"}]}"#).unwrap_err();
    assert_eq!(error.problem, FileProblem::FieldTwice);
}

/// Whatever is wrong with a file, and wherever, its keys are in no message.
#[test]
fn no_mistake_tells_a_key() {
    let good = four().replace(
        "hex:a1b2c3d4e5f60718293a4b5c6d7e8f90",
        "text:hunter2hunter2!!",
    );
    let json_text =
        r#"{"device": [{"endpoint": "lamp", "mode": "psk", "key": "text:hunter2hunter2!!"}]}"#;
    for (text, format) in [(good.as_str(), Format::Toml), (json_text, Format::Json)] {
        assert!(SecurityFile::parse(text, format).is_ok());
        let mut mistakes = 0;
        for at in 0..text.len() {
            for change in ["", "\"", "{", "7", "\n", "[", "=", "\\"] {
                let changed = format!("{}{change}{}", &text[..at], &text[at + 1..]);
                if let Err(error) = SecurityFile::parse(&changed, format) {
                    mistakes += 1;
                    let told = format!("{error} {error:?}");
                    assert!(!told.contains("hunter2h"), "{told}");
                    assert!(!error.to_string().contains('\n'), "{error}");
                }
            }
        }
        assert!(mistakes > 100, "{mistakes}");
    }
    for shape in [
        r#"{"device": "hunter2hunter2"}"#,
        r#"{"device": {"key": "hunter2hunter2"}}"#,
        r#""hunter2hunter2""#,
    ] {
        assert!(!json(shape).unwrap_err().to_string().contains("hunter2h"));
    }
    assert!(!format!("{:?}", toml(&good)).contains("hunter2"));
}

fn identity(name: &str) -> Identity {
    Identity::Psk {
        identity: name.to_owned().into(),
    }
}

fn psk_file(devices: &[(&str, &str, &str)]) -> SecurityFile {
    let text: String = devices
        .iter()
        .map(|(endpoint, identity, key)| {
            format!("[[device]]\nendpoint = \"{endpoint}\"\nmode = \"psk\"\nidentity = \"{identity}\"\nkey = \"text:{key}\"\n")
        })
        .collect();
    toml(&text).unwrap()
}

/// Hot reload: only what differs is changed, also when identities move in a circle, and what must end is named.
#[test]
fn a_reload_changes_what_differs_and_names_what_ends() {
    let store = MemoryStore::new();
    let reload = |old: &SecurityFile, new: &SecurityFile| -> Applied {
        block_on(apply(&store, &new.changes_since(old))).unwrap()
    };
    let empty = SecurityFile::default();
    let first = psk_file(&[
        ("a", "x", "key one!"),
        ("b", "y", "key two!"),
        ("c", "z", "key three!"),
        ("d", "w", "key four!"),
    ]);
    assert_eq!(reload(&empty, &first).closures.len(), 4);
    assert!(reload(&first, &first).closures.is_empty());

    // a and b swap, c gets another key, d goes, e comes with d's identity.
    let second = psk_file(&[
        ("a", "y", "key two!"),
        ("b", "x", "key one!"),
        ("c", "z", "key new!"),
        ("e", "w", "key four!"),
    ]);
    let closures = reload(&first, &second).closures;
    let ended: Vec<&str> = closures
        .iter()
        .map(|closure| closure.endpoint.as_str())
        .collect();
    assert_eq!(ended, ["d", "a", "b", "c", "e"]);
    for (closure, gone) in closures.iter().zip(["w", "x", "y", "z"]) {
        assert!(closure.ends(&identity(gone)), "{closure:?}");
    }
    let whose = |name| {
        block_on(owner(&store, &identity(name)))
            .unwrap()
            .map(|owner| owner.endpoint)
    };
    for (name, endpoint) in [("x", "b"), ("y", "a"), ("z", "c"), ("w", "e")] {
        assert_eq!(whose(name).as_deref(), Some(endpoint));
    }
    assert_eq!(store.len(), 12, "nothing is left over");
    reload(&second, &empty);
    assert!(store.is_empty());
}

#[test]
fn a_file_may_say_since_when() {
    let set_of = |file: SecurityFile| {
        let old = SecurityFile::default();
        let changes = file.changes_since(&old);
        changes.iter().map(|change| change.set).collect::<Vec<_>>()
    };
    let x509 = |set: &str| device(&format!("mode = \"x509\"\nset = {set}"));
    for moment in ["\"2026-11-28T10:00:00Z\"", "2026-11-28T11:00:00+01:00"] {
        assert_eq!(set_of(toml(&x509(moment)).unwrap()), [Some(1_795_860_000)]);
    }
    let in_json =
        r#"{"device": [{"endpoint": "lamp", "mode": "x509", "set": "2026-11-28T10:00:00Z"}]}"#;
    assert_eq!(set_of(json(in_json).unwrap()), [Some(1_795_860_000)]);
    assert_eq!(set_of(toml(&device("mode = \"x509\"")).unwrap()), [None]);
    for wrong in ["\"yesterday\"", "2026-11-28", "\"2026-02-30T10:00:00Z\""] {
        let error = toml(&x509(wrong)).unwrap_err();
        assert_eq!((error.line, error.field), (4, Some("set")));
        assert_eq!(error.problem, FileProblem::NotTime);
    }
    let number = toml(&x509("1795860000")).unwrap_err();
    assert_eq!(number.problem, FileProblem::NotText("integer"));
    // What is so already is no change.
    let [old, new] = ["\"2026-11-28T10:00:00Z\"", "\"2026-11-28T10:00:01Z\""]
        .map(|set| toml(&x509(set)).unwrap());
    assert!(new.changes_since(&old).is_empty());
}
