//! Rows of the hostile-input catalogue that concern payloads. K17 stands in `src/path.rs`, K18 and K19 in
//! `src/ddf/tests.rs`.

mod common;

use coap_codec::{Code, ContentFormat as Cf};
use common::{DEVICE_SENML_JSON, device_senml_cbor, device_tlv, hex};
use lwm2m_model::{
    Context, Instance, Models, Node, ObjectDef, Operations, Resource, ResourceDef, Value,
    ValueType, Version, path,
    payload::{PayloadErrorKind as Kind, decode, encode},
};

/// C12 (CVE-2026-23747 to -23749), text half: numbers of 13 bytes, 33 bytes and 64 KiB, payloads of 0 and 1 byte.
#[test]
fn hostile_c12_text_payloads_of_every_length() {
    let mut models = Models::empty();
    let types = [
        ValueType::Integer,
        ValueType::Unsigned,
        ValueType::Float,
        ValueType::Boolean,
        ValueType::Time,
        ValueType::ObjectLink,
    ];
    models.insert((0..).zip(types).fold(
        ObjectDef::new(33_000, "Numbers", Version::V1_0),
        |def, (id, kind)| def.with_resource(ResourceDef::new(id, "n", Operations::RW, kind)),
    ));
    let cx = Context::new(&models);
    for (id, value_type) in (0..).zip(types) {
        let target = lwm2m_model::Path::resource(33_000, 0, id).unwrap();
        let decode = |text: &[u8]| decode(&cx, Cf::TEXT, &target, text).map(|decoded| decoded.node);
        assert_eq!(decode(b"").unwrap_err().kind, Kind::Empty, "{value_type}");
        for byte in 0..=u8::MAX {
            // A digit is a number of one byte; nothing else of one byte is a value.
            let digit = match value_type {
                ValueType::Boolean => byte == b'0' || byte == b'1',
                ValueType::ObjectLink => false,
                _ => byte.is_ascii_digit(),
            };
            assert_eq!(decode(&[byte]).is_ok(), digit, "{value_type} {byte}");
        }
        for len in [13, 33, 64 << 10] {
            let nines = vec![b'9'; len];
            let fits = match value_type {
                ValueType::Boolean | ValueType::ObjectLink => false,
                ValueType::Float => len < 300,
                _ => len < 20,
            };
            assert_eq!(decode(&nines).is_ok(), fits, "{value_type} {len}");
            let minuses = vec![b'-'; len];
            assert!(decode(&minuses).is_err(), "{value_type} {len}");
            let zeros = vec![b'\0'; len];
            assert!(decode(&zeros).is_err(), "{value_type} {len}");
        }
    }
}

/// K06 (Leshan #846, #112): a payload that cannot be decoded is a typed error that says what, where and by which
/// rule, and is 4.00 for the peer.
#[test]
fn hostile_k06_malformed_payloads_are_typed_errors() {
    let models = Models::builtin();
    let cx = Context::new(&models);
    for (format, payload) in [
        (Cf::TLV, device_tlv()),
        (Cf::SENML_CBOR, device_senml_cbor()),
        (Cf::SENML_JSON, DEVICE_SENML_JSON.into()),
    ] {
        for cut in 1..payload.len() {
            match decode(&cx, format, &path!(3, 0), &payload[..cut]) {
                // A TLV payload that ends between two entries is a shorter one.
                Ok(decoded) => {
                    assert_eq!(format, Cf::TLV);
                    assert!(decoded.node.walk(&path!(3, 0)).len() < 17);
                }
                Err(error) => {
                    assert_eq!(error.code(), Code::BAD_REQUEST);
                    assert!(error.offset <= cut, "{error}");
                    assert!(
                        error
                            .path
                            .is_some_and(|path| path.starts_with(&path!(3, 0)))
                    );
                }
            }
        }
        for position in 0..payload.len() {
            for bit in 0..8 {
                let mut flipped = payload.clone();
                flipped[position] ^= 1 << bit;
                if let Err(error) = decode(&cx, format, &path!(3, 0), &flipped) {
                    assert!(error.offset <= payload.len());
                }
            }
        }
    }
    let error = decode(&cx, Cf::TLV, &path!(3, 0), &hex("C1 09 64 C8 00 14 41")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/3/0: TLV: entry reaches past the end (at byte 3)"
    );
    let error = decode(&cx, Cf::TLV, &path!(3, 0), &hex("C3 09 010203")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/3/0/9: TLV: value of 3 bytes does not fit the type (at byte 2)"
    );
}

/// K14 (Zephyr #99088): consecutive instances of a resource that lost their names are no values of the instance.
#[test]
fn hostile_k14_resource_instances_without_names() {
    let models = Models::builtin();
    let cx = Context::new(&models);
    let pack =
        hex("83 A3 21 65 2F332F302F 00 63 372F30 02 19 0ED8 A1 02 19 1388 A2 00 61 39 02 18 64");
    let error = decode(&cx, Cf::SENML_CBOR, &path!(3, 0), &pack).unwrap_err();
    assert_eq!((error.offset, error.kind), (18, Kind::NotAResource));
    let whole = hex("82 A3 21 65 2F332F302F 00 63 372F30 02 19 0ED8 A2 00 63 372F31 02 19 1388");
    let decoded = decode(&cx, Cf::SENML_CBOR, &path!(3, 0, 7), &whole).unwrap();
    let values = vec![(0, Value::Integer(3800)), (1, Value::Integer(5000))];
    assert_eq!(decoded.node, Node::Resource(Resource::multiple(7, values)));
}

/// K14 (Leshan #984, #985): what Coiote's bootstrap server writes to /0, with other bytes in place of the keys. Its
/// opaque values are CBOR byte strings, one of them empty, and stay bytes.
#[test]
fn hostile_k14_opaque_values_of_a_bootstrap_write() {
    let models = Models::builtin();
    let cx = Context::new(&models);
    let key = "000102030405060708090A0B0C0D0E0F1011121314151617";
    let pack = hex(&format!(
        "8d a3 21 63 2f302f 00 63 312f30 03 78 23
         636f6170733a2f2f6c776d326d2d746573742e61767379737465 6d2e696f3a35363934
         a2 00 63 312f32 02 00 a2 00 63 312f33 08 47 746573742d6a62
         a2 00 63 312f35 08 58 18 {key} a2 00 63 312f34 08 40 a2 00 63 312f31 04 f5
         a2 00 63 322f30 03 78 23
         636f6170733a2f2f6c776d326d2d746573742e61767379737465 6d2e696f3a35363834
         a2 00 63 322f32 02 00 a2 00 63 322f33 08 47 746573742d6a62
         a2 00 63 322f35 08 58 18 {key} a2 00 63 322f34 08 40 a2 00 63 322f31 04 f4
         a2 00 64 322f3130 02 01"
    ));
    let decoded = decode(&cx, Cf::SENML_CBOR, &path!(0), &pack).unwrap();
    assert!(decoded.quirks.is_empty(), "{:?}", decoded.quirks);
    let Node::Object(object) = &decoded.node else {
        unreachable!()
    };
    assert_eq!(object.instances.len(), 2);
    let value = |id| {
        object
            .instance(1)
            .unwrap()
            .resource(id)
            .unwrap()
            .value
            .as_single()
            .unwrap()
    };
    assert_eq!(
        value(0).as_str(),
        Some("coaps://lwm2m-test.avsystem.io:5694")
    );
    assert_eq!(value(1), &Value::Boolean(true));
    assert_eq!(value(3).as_bytes(), Some(&b"test-jb"[..]));
    assert_eq!(value(4).as_bytes(), Some(&b""[..]));
    assert_eq!(value(5).as_bytes(), Some(&hex(key)[..]));
}

/// K17 and ruling 31, as names of records: none of these is a path, and none is taken for one.
#[test]
fn hostile_k17_names_of_records() {
    let models = Models::builtin();
    let rooted = Context::new(&models).with_root("/lwm2m");
    let cx = Context::new(&models);
    let read = |cx: &Context<'_>, name: &str| {
        let pack = format!(r#"[{{"n":"{name}","v":100}}]"#);
        decode(cx, Cf::SENML_JSON, &path!(3), pack.as_bytes()).map_err(|error| error.kind)
    };
    for name in [
        "//3/0/9",
        "/3//0/9",
        "/3/0//9",
        "/3/0/65535",
        "/3/65535/9",
        "/65535/0/0",
        "/65536/0/0",
        "/03/0/9",
        "/3/0/09",
        "/3/0/9/0/0",
        "/3/0/-9",
        "/3/0/+9",
        "/3/0/ 9",
        "/%33/0/9",
        "/3/0/9?",
        "/",
    ] {
        let error = read(&cx, name).expect_err(name);
        let told = matches!(error, Kind::Name(_)) || error == Kind::OutsidePath;
        assert!(told, "{name}: {error:?}");
        assert!(read(&rooted, &format!("/lwm2m{name}")).is_err(), "{name}");
    }
    assert!(read(&rooted, "//lwm2m/3/0/9").is_err());
    assert!(read(&rooted, "/lwm2mx/3/0/9").is_err());
    for cx in [&cx, &rooted] {
        assert!(read(cx, "/3/0/9").is_ok());
    }
    assert!(read(&rooted, "/lwm2m/3/0/9").is_ok());
}

/// K24 (Leshan 82c568cd0): what 10 000 resources take while they are written.
#[test]
fn hostile_k24_ten_thousand_resources() {
    let models = Models::builtin();
    let cx = Context::new(&models);
    for value in [Value::Integer(1), Value::from("twenty bytes of text")] {
        let resources = (0..10_000).map(|id| Resource::single(id, value.clone()));
        let node = Node::Instance(Instance::new(0, resources.collect()));
        for format in [Cf::TLV, Cf::SENML_JSON, Cf::SENML_CBOR] {
            let payload = encode(&cx, format, &path!(33_000, 0), &node).unwrap();
            assert!(payload.capacity() <= 2 * payload.len() + 256, "{format}");
            let decoded = decode(&cx, format, &path!(33_000, 0), &payload).unwrap();
            let Node::Instance(instance) = decoded.node else {
                unreachable!()
            };
            assert_eq!(instance.resources.len(), 10_000, "{format}");
        }
    }
}

/// K22: bytes of one format announced as another are refused whole: nothing of them is there to be written.
#[test]
fn hostile_k22_bytes_of_another_format() {
    let models = Models::builtin();
    let cx = Context::new(&models);
    let payloads = [
        (Cf::TLV, device_tlv()),
        (Cf::SENML_CBOR, device_senml_cbor()),
        (Cf::SENML_JSON, DEVICE_SENML_JSON.into()),
    ];
    for (actual, payload) in &payloads {
        for announced in [Cf::TLV, Cf::SENML_CBOR, Cf::SENML_JSON] {
            let decoded = decode(&cx, announced, &path!(3, 0), payload);
            assert_eq!(
                decoded.is_ok(),
                *actual == announced,
                "{actual} as {announced}"
            );
        }
        // The formats of one value cannot hold an instance, whatever the bytes are.
        for announced in [Cf::TEXT, Cf::OPAQUE, Cf::CBOR] {
            let error = decode(&cx, announced, &path!(3, 0), payload).unwrap_err();
            assert_eq!(error.code(), Code::UNSUPPORTED_CONTENT_FORMAT);
        }
    }
    // One value: the battery level 100 in each format, announced as each other one.
    let values = [
        (Cf::TLV, hex("C1 09 64")),
        (Cf::CBOR, hex("18 64")),
        (Cf::TEXT, b"100".to_vec()),
        (Cf::SENML_CBOR, hex("81 A2 21 66 2F332F302F39 02 18 64")),
        (Cf::SENML_JSON, br#"[{"bn":"/3/0/9","v":100}]"#.to_vec()),
    ];
    for (actual, payload) in &values {
        for (announced, _) in &values {
            let decoded = decode(&cx, *announced, &path!(3, 0, 9), payload);
            assert_eq!(
                decoded.is_ok(),
                actual == announced,
                "{actual} as {announced}"
            );
        }
    }
    let error = decode(&cx, Cf::LWM2M_JSON, &path!(3, 0), b"{}").unwrap_err();
    assert_eq!(error.code(), Code::UNSUPPORTED_CONTENT_FORMAT);
}
