//! Payloads that others wrote, through the model: the specification's examples, byte by byte.

mod common;

use bytes::Bytes;
use coap_codec::ContentFormat as Cf;
use common::{DEVICE_SENML_JSON, device_senml_cbor, device_tlv, hex};
use lwm2m_model::{
    Context, Instance, Models, Node, Object, ObjectDef, ObjectLink, Operations, Path, Resource,
    ResourceDef, ResourceValue, Value, ValueType, Version, path,
    payload::{
        DecodedCreate, NewInstance, PayloadErrorKind as Kind, QuirkKind, decode, decode_create,
        encode, encode_create,
    },
};

/// The core objects, and one of each type under /33000.
fn models() -> Models {
    let mut models = Models::builtin();
    let types = [
        ValueType::String,
        ValueType::Integer,
        ValueType::Unsigned,
        ValueType::Float,
        ValueType::Boolean,
        ValueType::Opaque,
        ValueType::Time,
        ValueType::ObjectLink,
        ValueType::CoreLink,
    ];
    let def = (0..).zip(types).fold(
        ObjectDef::new(33_000, "All types", Version::V1_0).with_multiple(true),
        |def, (id, value_type)| {
            let resource = ResourceDef::new(id, "one", Operations::RW, value_type);
            let several = ResourceDef::new(id + 20, "several", Operations::RW, value_type);
            def.with_resource(resource)
                .with_resource(several.with_multiple(true))
        },
    );
    models.insert(def);
    models
}

/// The content of the specification's example device.
fn device() -> Node {
    let text = |id, text: &str| Resource::single(id, text);
    let integers = |id, values: &[i64]| {
        let values = (0..).zip(values.iter().map(|value| Value::Integer(*value)));
        Resource::multiple(id, values.collect())
    };
    Node::Instance(Instance::new(
        0,
        vec![
            text(0, "Open Mobile Alliance"),
            text(1, "Lightweight M2M Client"),
            text(2, "345000123"),
            text(3, "1.0"),
            integers(6, &[1, 5]),
            integers(7, &[3800, 5000]),
            integers(8, &[125, 900]),
            Resource::single(9, 100),
            Resource::single(10, 15),
            integers(11, &[0]),
            Resource::single(13, Value::Time(1_367_491_215)),
            text(14, "+02:00"),
            text(16, "U"),
        ],
    ))
}

#[test]
fn the_device_of_the_specification_in_every_format() {
    let models = models();
    let cx = Context::new(&models);
    for (format, payload) in [
        (Cf::TLV, device_tlv()),
        (Cf::SENML_CBOR, device_senml_cbor()),
        (
            Cf::SENML_JSON,
            DEVICE_SENML_JSON.replace('\n', "").into_bytes(),
        ),
    ] {
        let decoded = decode(&cx, format, &path!(3, 0), &payload).unwrap();
        assert_eq!(decoded.node, device(), "{format}");
        assert!(decoded.quirks.is_empty() && decoded.older.is_empty() && decoded.time.is_none());
        assert_eq!(
            encode(&cx, format, &path!(3, 0), &device()).unwrap(),
            payload,
            "{format}"
        );
    }
    assert_eq!((device_tlv().len(), device_senml_cbor().len()), (121, 196));

    // Read /3: the instance's wrapper around the same bytes.
    let wrapped = [hex("08 00 79"), device_tlv()].concat();
    let Node::Instance(instance) = device() else {
        unreachable!()
    };
    let object = Node::Object(Object::new(3, vec![instance]));
    assert_eq!(
        decode(&cx, Cf::TLV, &path!(3), &wrapped).unwrap().node,
        object
    );
    assert_eq!(encode(&cx, Cf::TLV, &path!(3), &object).unwrap(), wrapped);
    // With one wrapper of the right id an instance is an instance too.
    assert_eq!(
        decode(&cx, Cf::TLV, &path!(3, 0), &wrapped).unwrap().node,
        device()
    );
}

/// (path, format, bytes, value): digest of the data types, LwM2M Core Appendix C and Table 7.4.3.
#[test]
fn one_value() {
    let models = models();
    let cx = Context::new(&models);
    let opaque = |bytes: &[u8]| Value::Opaque(Bytes::copy_from_slice(bytes));
    let link = |object, instance| Value::ObjectLink(ObjectLink::new(object, instance));
    let core = "</3/0>;ver=1.1";
    let tlv = |text| hex(text);
    for (resource, format, bytes, value) in [
        (0, Cf::TEXT, b"1.0".to_vec(), Value::from("1.0")),
        (0, Cf::TEXT, vec![], Value::from("")),
        (1, Cf::TEXT, b"-750".to_vec(), Value::Integer(-750)),
        (
            2,
            Cf::TEXT,
            b"18446744073709551615".to_vec(),
            Value::Unsigned(u64::MAX),
        ),
        (
            3,
            Cf::TEXT,
            b"0.00000000006667".to_vec(),
            Value::Float(6.667e-11),
        ),
        (3, Cf::TEXT, b"-43.5723".to_vec(), Value::Float(-43.5723)),
        (4, Cf::TEXT, b"1".to_vec(), Value::Boolean(true)),
        (5, Cf::TEXT, b"AQIDBAU=".to_vec(), opaque(&[1, 2, 3, 4, 5])),
        (
            6,
            Cf::TEXT,
            b"1367491215".to_vec(),
            Value::Time(1_367_491_215),
        ),
        (7, Cf::TEXT, b"66:1".to_vec(), link(66, 1)),
        (
            7,
            Cf::TEXT,
            b"65535:65535".to_vec(),
            Value::ObjectLink(ObjectLink::NULL),
        ),
        (8, Cf::TEXT, core.into(), Value::CoreLink(core.into())),
        (5, Cf::OPAQUE, vec![1, 0, 255], opaque(&[1, 0, 255])),
        (5, Cf::OPAQUE, vec![], opaque(&[])),
        (0, Cf::CBOR, hex("61 55"), Value::from("U")),
        (1, Cf::CBOR, hex("18 64"), Value::Integer(100)),
        (1, Cf::CBOR, hex("39 02ED"), Value::Integer(-750)),
        (
            1,
            Cf::CBOR,
            hex("3B 7FFFFFFFFFFFFFFF"),
            Value::Integer(i64::MIN),
        ),
        (
            2,
            Cf::CBOR,
            hex("1B FFFFFFFFFFFFFFFF"),
            Value::Unsigned(u64::MAX),
        ),
        (3, Cf::CBOR, hex("FB 40366666 66666666"), Value::Float(22.4)),
        (3, Cf::CBOR, hex("FA 41B40000"), Value::Float(22.5)),
        (4, Cf::CBOR, hex("F5"), Value::Boolean(true)),
        (5, Cf::CBOR, hex("43 010203"), opaque(&[1, 2, 3])),
        (6, Cf::CBOR, hex("1A 5182428F"), Value::Time(1_367_491_215)),
        (7, Cf::CBOR, hex("64 36363A31"), link(66, 1)),
        (0, Cf::TLV, tlv("C0 00"), Value::from("")),
        (1, Cf::TLV, tlv("C4 01 00015180"), Value::Integer(86_400)),
        (1, Cf::TLV, tlv("C1 01 FF"), Value::Integer(-1)),
        (1, Cf::TLV, tlv("C2 01 FF7F"), Value::Integer(-129)),
        (
            1,
            Cf::TLV,
            tlv("C8 01 08 0000000080000000"),
            Value::Integer(1 << 31),
        ),
        (2, Cf::TLV, tlv("C1 02 FF"), Value::Unsigned(255)),
        (
            2,
            Cf::TLV,
            tlv("C8 02 08 FFFFFFFFFFFFFFFF"),
            Value::Unsigned(u64::MAX),
        ),
        (3, Cf::TLV, tlv("C4 03 41B40000"), Value::Float(22.5)),
        (
            3,
            Cf::TLV,
            tlv("C8 03 08 C045C941205BC01A"),
            Value::Float(-43.5723),
        ),
        (4, Cf::TLV, tlv("C1 04 00"), Value::Boolean(false)),
        (
            5,
            Cf::TLV,
            tlv("C8 05 08 0001020304050607"),
            opaque(&[0, 1, 2, 3, 4, 5, 6, 7]),
        ),
        (
            6,
            Cf::TLV,
            tlv("C4 06 5182428F"),
            Value::Time(1_367_491_215),
        ),
        (7, Cf::TLV, tlv("C4 07 00420001"), link(66, 1)),
        (
            7,
            Cf::TLV,
            tlv("C4 07 FFFFFFFF"),
            Value::ObjectLink(ObjectLink::NULL),
        ),
        (
            5,
            Cf::SENML_JSON,
            br#"[{"bn":"/33000/0/5","vd":"AQIDBAU"}]"#.to_vec(),
            opaque(&[1, 2, 3, 4, 5]),
        ),
        (
            7,
            Cf::SENML_JSON,
            br#"[{"bn":"/33000/0/7","vlo":"66:1"}]"#.to_vec(),
            link(66, 1),
        ),
        (
            0,
            Cf::SENML_JSON,
            br#"[{"bn":"/33000/0/0","vs":"x"}]"#.to_vec(),
            Value::from("x"),
        ),
        (
            4,
            Cf::SENML_JSON,
            br#"[{"bn":"/33000/0/4","vb":false}]"#.to_vec(),
            Value::Boolean(false),
        ),
        (
            2,
            Cf::SENML_JSON,
            br#"[{"bn":"/33000/0/2","v":18446744073709551615}]"#.to_vec(),
            Value::Unsigned(u64::MAX),
        ),
        (
            1,
            Cf::SENML_JSON,
            br#"[{"bn":"/33000/0/1","v":-9223372036854775808}]"#.to_vec(),
            Value::Integer(i64::MIN),
        ),
    ] {
        let target = Path::resource(33_000, 0, resource).unwrap();
        let node = Node::Resource(Resource::single(resource, value.clone()));
        let decoded = decode(&cx, format, &target, &bytes);
        let decoded = decoded.unwrap_or_else(|error| panic!("{format} {value:?}: {error}"));
        assert_eq!(decoded.node, node, "{format}");
        assert!(decoded.quirks.is_empty(), "{format} {:?}", decoded.quirks);
        assert_eq!(
            encode(&cx, format, &target, &node).unwrap(),
            bytes,
            "{format} {value:?}"
        );

        // The same as an instance of a multiple resource, in the formats that do not say a name.
        if matches!(format, Cf::TEXT | Cf::OPAQUE | Cf::CBOR) {
            let target = Path::resource_instance(33_000, 0, resource + 20, 3).unwrap();
            let node = Node::ResourceInstance(3, value);
            assert_eq!(decode(&cx, format, &target, &bytes).unwrap().node, node);
            assert_eq!(encode(&cx, format, &target, &node).unwrap(), bytes);
        }
    }
}

/// Other forms of the same values, accepted and not written: with the quirk that tells, if there is one.
#[test]
fn tolerated_forms() {
    let models = models();
    let cx = Context::new(&models);
    let converted = |from, to| Some(QuirkKind::Converted(from, to));
    for (resource, format, bytes, value, quirk) in [
        (3, Cf::TEXT, b"1e3".to_vec(), Value::Float(1000.0), None),
        (
            4,
            Cf::TEXT,
            b"true".to_vec(),
            Value::Boolean(true),
            Some(QuirkKind::BooleanWord),
        ),
        (
            6,
            Cf::CBOR,
            hex("C1 1A 5182428F"),
            Value::Time(1_367_491_215),
            None,
        ),
        (
            6,
            Cf::CBOR,
            hex("C1 FB 41D46090A3C00000"),
            Value::Time(1_367_491_215),
            None,
        ),
        (
            6,
            Cf::CBOR,
            hex("C0 74 323031332D30352D30325431303A34303A31355A"),
            Value::Time(1_367_491_215),
            None,
        ),
        (
            6,
            Cf::CBOR,
            hex("C0 78 1D 323031332D30352D30325431323A34303A31352E3030302B30323A3030"),
            Value::Time(1_367_491_215),
            None,
        ),
        (3, Cf::CBOR, hex("F9 4DA0"), Value::Float(22.5), None),
        (
            3,
            Cf::CBOR,
            hex("F9 0001"),
            Value::Float(2f64.powi(-24)),
            None,
        ),
        (
            3,
            Cf::CBOR,
            hex("F9 FC00"),
            Value::Float(f64::NEG_INFINITY),
            None,
        ),
        (3, Cf::CBOR, hex("18 64"), Value::Float(100.0), None),
        (
            3,
            Cf::CBOR,
            hex("C4 82 21 19 6AB3"),
            Value::Float(273.15),
            None,
        ),
        (
            4,
            Cf::CBOR,
            hex("01"),
            Value::Boolean(true),
            converted(ValueType::Integer, ValueType::Boolean),
        ),
        (
            1,
            Cf::CBOR,
            hex("F9 3C00"),
            Value::Integer(1),
            converted(ValueType::Float, ValueType::Integer),
        ),
        (
            0,
            Cf::CBOR,
            hex("7F 61 61 62 6263 FF"),
            Value::from("abc"),
            None,
        ),
        (
            5,
            Cf::CBOR,
            hex("5F 41 01 42 0203 FF"),
            Value::Opaque(Bytes::from_static(&[1, 2, 3])),
            None,
        ),
        // Leshan #1170: a time written with an exponent.
        (
            6,
            Cf::SENML_JSON,
            br#"[{"bn":"/33000/0/","n":"6","v":1.638435E9}]"#.to_vec(),
            Value::Time(1_638_435_000),
            converted(ValueType::Float, ValueType::Time),
        ),
        (
            1,
            Cf::SENML_JSON,
            br#"[{"n":"/33000/0/1","v":9007199254740993.0}]"#.to_vec(),
            Value::Integer(9_007_199_254_740_993),
            converted(ValueType::Float, ValueType::Integer),
        ),
        (
            3,
            Cf::SENML_JSON,
            br#"[{"n":"/33000/0/3","v":100}]"#.to_vec(),
            Value::Float(100.0),
            None,
        ),
        (
            0,
            Cf::SENML_JSON,
            br#"[{"n":"33000/0/0","vs":"x"}]"#.to_vec(),
            Value::from("x"),
            Some(QuirkKind::RelativeName),
        ),
        (
            0,
            Cf::SENML_JSON,
            br#"[{"bn":"/33000/0/"},{"n":"0","vs":"x","u":"?"}]"#.to_vec(),
            Value::from("x"),
            None,
        ),
        (
            7,
            Cf::SENML_JSON,
            br#"[{"n":"/33000/0/7","vs":"66:1"}]"#.to_vec(),
            Value::ObjectLink(ObjectLink::new(66, 1)),
            converted(ValueType::String, ValueType::ObjectLink),
        ),
        // RFC 8428 numbers with a base value.
        (
            1,
            Cf::SENML_JSON,
            br#"[{"bn":"/33000/0/1","bv":20,"v":2}]"#.to_vec(),
            Value::Integer(22),
            None,
        ),
        // TLV: an instance around the resource; lengths and integers longer than necessary.
        (
            1,
            Cf::TLV,
            hex("03 00 C1 01 05"),
            Value::Integer(5),
            Some(QuirkKind::ExtraWrapper),
        ),
        (
            1,
            Cf::TLV,
            hex("F8 0001 000004 00000005"),
            Value::Integer(5),
            None,
        ),
    ] {
        let target = Path::resource(33_000, 0, resource).unwrap();
        let decoded = decode(&cx, format, &target, &bytes);
        let decoded = decoded.unwrap_or_else(|error| panic!("{value:?}: {error}"));
        assert_eq!(
            decoded.node,
            Node::Resource(Resource::single(resource, value))
        );
        let quirks: Vec<_> = decoded.quirks.iter().map(|quirk| quirk.kind).collect();
        assert_eq!(quirks, Vec::from_iter(quirk));
    }
}

/// (target, format, payload, byte, rule)
#[test]
fn refused() {
    let models = models();
    let cx = Context::new(&models);
    let convert = |value: Value, to| Kind::Type(value.convert(to).unwrap_err());
    let text = |text: &str| text.as_bytes().to_vec();
    let one = path!(33000, 0, 1);
    let object = path!(33000);
    let instance = path!(33000, 0);
    let several = path!(33000, 0, 21);
    let of_several = path!(33000, 0, 21, 4);
    for (target, format, payload, offset, kind) in [
        // Text.
        (one, Cf::TEXT, text(""), 0, Kind::Empty),
        (one, Cf::TEXT, text("12\n"), 2, Kind::NotANumber),
        (one, Cf::TEXT, text("+5"), 0, Kind::NotANumber),
        (one, Cf::TEXT, text("-"), 1, Kind::NotANumber),
        (one, Cf::TEXT, text("--5"), 1, Kind::NotANumber),
        (one, Cf::TEXT, text("1.0"), 1, Kind::NotANumber),
        (
            one,
            Cf::TEXT,
            text("9223372036854775808"),
            0,
            Kind::NumberTooLarge,
        ),
        (one, Cf::TEXT, vec![b'1', 0xff], 1, Kind::Utf8),
        (
            path!(33000, 0, 2),
            Cf::TEXT,
            text("-1"),
            0,
            Kind::NotANumber,
        ),
        (
            path!(33000, 0, 3),
            Cf::TEXT,
            text("NaN"),
            0,
            Kind::NotANumber,
        ),
        (
            path!(33000, 0, 3),
            Cf::TEXT,
            text("1e999"),
            0,
            Kind::NumberTooLarge,
        ),
        (
            path!(33000, 0, 3),
            Cf::TEXT,
            text("1e"),
            0,
            Kind::NotANumber,
        ),
        (
            path!(33000, 0, 4),
            Cf::TEXT,
            text("2"),
            0,
            Kind::NotABoolean,
        ),
        (
            path!(33000, 0, 5),
            Cf::TEXT,
            text("AQIDBAU"),
            0,
            Kind::Base64,
        ),
        (path!(33000, 0, 5), Cf::TEXT, text("AQ-D"), 2, Kind::Base64),
        (
            path!(33000, 0, 7),
            Cf::TEXT,
            text("66"),
            0,
            Kind::NotAnObjectLink,
        ),
        // Formats that cannot hold the target.
        (
            several,
            Cf::TEXT,
            text("1"),
            0,
            Kind::FormatForLevel(Cf::TEXT, several.level()),
        ),
        (
            instance,
            Cf::CBOR,
            text("1"),
            0,
            Kind::FormatForLevel(Cf::CBOR, instance.level()),
        ),
        (
            one,
            Cf::OPAQUE,
            text("1"),
            0,
            Kind::FormatForLevel(Cf::OPAQUE, one.level()),
        ),
        (
            Path::ROOT,
            Cf::SENML_JSON,
            text("[]"),
            0,
            Kind::FormatForLevel(Cf::SENML_JSON, Path::ROOT.level()),
        ),
        (
            instance,
            Cf::LWM2M_JSON,
            text("{}"),
            0,
            Kind::UnsupportedFormat(Cf::LWM2M_JSON),
        ),
        (
            instance,
            Cf::LWM2M_CBOR,
            text("{}"),
            0,
            Kind::UnsupportedFormat(Cf::LWM2M_CBOR),
        ),
        (
            instance,
            Cf(65_000),
            text("{}"),
            0,
            Kind::UnsupportedFormat(Cf(65_000)),
        ),
        // CBOR.
        (one, Cf::CBOR, vec![], 0, Kind::Empty),
        (one, Cf::CBOR, hex("01 02"), 1, Kind::Trailing),
        (one, Cf::CBOR, hex("19 01"), 1, Kind::Truncated),
        (one, Cf::CBOR, hex("F6"), 0, Kind::NoValue),
        (one, Cf::CBOR, hex("81 01"), 0, Kind::CborItem),
        (one, Cf::CBOR, hex("1C"), 0, Kind::CborItem),
        (one, Cf::CBOR, hex("D8 18 01"), 0, Kind::CborItem),
        (
            one,
            Cf::CBOR,
            hex("3B FFFFFFFFFFFFFFFF"),
            0,
            Kind::NumberTooLarge,
        ),
        (
            one,
            Cf::CBOR,
            hex("1B FFFFFFFFFFFFFFFF"),
            0,
            convert(Value::Unsigned(u64::MAX), ValueType::Integer),
        ),
        (
            one,
            Cf::CBOR,
            hex("61 35"),
            0,
            convert(Value::from("5"), ValueType::Integer),
        ),
        (
            one,
            Cf::CBOR,
            hex("FB 3FF8000000000000"),
            0,
            convert(Value::Float(1.5), ValueType::Integer),
        ),
        (path!(33000, 0, 0), Cf::CBOR, hex("62 41FF"), 2, Kind::Utf8),
        (
            path!(33000, 0, 0),
            Cf::CBOR,
            hex("7F 61C3 61A4 FF"),
            2,
            Kind::Utf8,
        ),
        (
            path!(33000, 0, 0),
            Cf::CBOR,
            hex("7F 41 41 FF"),
            1,
            Kind::CborItem,
        ),
        (
            path!(33000, 0, 0),
            Cf::CBOR,
            hex("7B FFFFFFFFFFFFFFFF 41"),
            9,
            Kind::Truncated,
        ),
        (
            path!(33000, 0, 3),
            Cf::CBOR,
            hex("C4 82 1B7FFFFFFFFFFFFFFF 01"),
            0,
            Kind::NumberTooLarge,
        ),
        (
            path!(33000, 0, 6),
            Cf::CBOR,
            hex("C0 74 323031332D30322D33305431303A34303A31355A"),
            1,
            Kind::DateTime,
        ),
        (
            path!(33000, 0, 6),
            Cf::CBOR,
            hex("C1 FB 3FF8000000000000"),
            1,
            Kind::DateTime,
        ),
        // TLV.
        (one, Cf::TLV, hex("C1 02 05"), 0, Kind::WrongId(2)),
        (one, Cf::TLV, hex("C1 01 05 C1 02 05"), 3, Kind::WrongId(2)),
        (one, Cf::TLV, hex("C1 01 05 C1 01 06"), 3, Kind::Duplicate),
        (one, Cf::TLV, hex("83 01 41 00 05"), 0, Kind::NotMultiple),
        (one, Cf::TLV, vec![], 0, Kind::Empty),
        (
            one,
            Cf::TLV,
            hex("C3 01 000005"),
            2,
            Kind::Tlv(lwm2m_tlv::DecodeErrorKind::Length(3)),
        ),
        (
            one,
            Cf::TLV,
            hex("C2 01 05"),
            0,
            Kind::Tlv(lwm2m_tlv::DecodeErrorKind::Truncated),
        ),
        (several, Cf::TLV, hex("C1 15 05"), 0, Kind::NotSingle),
        (
            several,
            Cf::TLV,
            hex("86 15 41 04 01 41 04 02"),
            5,
            Kind::Duplicate,
        ),
        (of_several, Cf::TLV, hex("41 03 05"), 0, Kind::WrongId(3)),
        (
            of_several,
            Cf::TLV,
            hex("83 15 41 04 05"),
            0,
            Kind::WrongId(21),
        ),
        (of_several, Cf::TLV, hex("C1 04 05"), 0, Kind::WrongLevel),
        (
            path!(33000, 0, 1, 0),
            Cf::TLV,
            hex("41 00 05"),
            0,
            Kind::NotMultiple,
        ),
        (
            instance,
            Cf::TLV,
            hex("03 01 C1 01 05"),
            0,
            Kind::WrongId(1),
        ),
        (
            instance,
            Cf::TLV,
            hex("C1 01 05 C1 01 05"),
            3,
            Kind::Duplicate,
        ),
        (instance, Cf::TLV, hex("41 01 05"), 0, Kind::WrongLevel),
        (instance, Cf::TLV, hex("E1 FFFF 05"), 0, Kind::ReservedId),
        (object, Cf::TLV, hex("C1 01 05"), 0, Kind::WrongLevel),
        (
            object,
            Cf::TLV,
            hex("03 00 C1 01 05 03 00 C1 01 05"),
            5,
            Kind::Duplicate,
        ),
        // SenML.
        (
            instance,
            Cf::SENML_JSON,
            text(r#"[{"n":"/33000/1/1","v":1}]"#),
            1,
            Kind::OutsidePath,
        ),
        (
            instance,
            Cf::SENML_JSON,
            text(r#"[{"n":"/33000/0","v":1}]"#),
            1,
            Kind::NotAResource,
        ),
        (
            one,
            Cf::SENML_JSON,
            text(r#"[{"n":"/33000/0","v":1}]"#),
            1,
            Kind::OutsidePath,
        ),
        (
            one,
            Cf::SENML_JSON,
            text(r#"[{"n":"/33000/0/01","v":1}]"#),
            1,
            Kind::Name(lwm2m_model::PathErrorKind::LeadingZero),
        ),
        (
            one,
            Cf::SENML_JSON,
            text(r#"[{"n":"/33000/0/1"}]"#),
            1,
            Kind::NoValue,
        ),
        (
            one,
            Cf::SENML_JSON,
            text(r#"[{"n":"/33000/0/1","v":1},{"n":"/33000/0/1","v":2}]"#),
            26,
            Kind::Duplicate,
        ),
        (
            one,
            Cf::SENML_JSON,
            text(r#"[{"n":"/33000/0/1/0","v":1}]"#),
            1,
            Kind::NotMultiple,
        ),
        (
            several,
            Cf::SENML_JSON,
            text(r#"[{"n":"/33000/0/21","v":1}]"#),
            1,
            Kind::NotSingle,
        ),
        (
            several,
            Cf::SENML_JSON,
            text(r#"[{"n":"/33000/0/21/1","v":1},{"n":"/33000/0/21","v":1}]"#),
            1,
            Kind::Duplicate,
        ),
        (one, Cf::SENML_JSON, text("[]"), 0, Kind::Empty),
        (one, Cf::SENML_CBOR, vec![], 0, Kind::Empty),
        (
            path!(33000, 0, 7),
            Cf::SENML_JSON,
            text(r#"[{"n":"/33000/0/7","vlo":"66"}]"#),
            25,
            Kind::NotAnObjectLink,
        ),
    ] {
        let shown = String::from_utf8_lossy(&payload).into_owned();
        let error = decode(&cx, format, &target, &payload).unwrap_err();
        assert_eq!(
            (error.offset, error.kind),
            (offset, kind),
            "{format} {target} {shown:?} {payload:02x?}"
        );
    }
}

/// An object, an instance and a multiple resource may be empty.
#[test]
fn nothing_in_it() {
    let models = models();
    let cx = Context::new(&models);
    for (target, node) in [
        (path!(33000), Node::Object(Object::new(33_000, vec![]))),
        (path!(33000, 2), Node::Instance(Instance::new(2, vec![]))),
        (
            path!(33000, 2, 21),
            Node::Resource(Resource::multiple(21, vec![])),
        ),
    ] {
        for (format, nothing) in [
            (Cf::TLV, &b""[..]),
            (Cf::SENML_JSON, b""),
            (Cf::SENML_JSON, b" [ ] "),
            (Cf::SENML_CBOR, b""),
            (Cf::SENML_CBOR, b"\x80"),
            (Cf::SENML_CBOR, b"\x9f\xff"),
        ] {
            assert_eq!(
                decode(&cx, format, &target, nothing).unwrap().node,
                node,
                "{format}"
            );
        }
        assert_eq!(encode(&cx, Cf::SENML_CBOR, &target, &node).unwrap(), b"");
    }
    // TLV can say that a multiple resource has no instance, and that an object has an empty one.
    let empty = Node::Resource(Resource::multiple(21, vec![]));
    assert_eq!(
        encode(&cx, Cf::TLV, &path!(33000, 0, 21), &empty).unwrap(),
        hex("80 15")
    );
    assert_eq!(
        decode(&cx, Cf::TLV, &path!(33000, 0, 21), &hex("80 15"))
            .unwrap()
            .node,
        empty
    );
    let hollow = Node::Object(Object::new(33_000, vec![Instance::new(7, vec![])]));
    assert_eq!(
        decode(&cx, Cf::TLV, &path!(33000), &hex("00 07"))
            .unwrap()
            .node,
        hollow
    );
}

/// Resource instances without anything around them, and a single object's resources without their instance.
#[test]
fn missing_wrappers() {
    let models = models();
    let cx = Context::new(&models);
    let bare = decode(&cx, Cf::TLV, &path!(3, 0, 6), &hex("41 00 01 41 01 05")).unwrap();
    let values = vec![(0, Value::Integer(1)), (1, Value::Integer(5))];
    assert_eq!(bare.node, Node::Resource(Resource::multiple(6, values)));
    assert_eq!(bare.quirks[0].kind, QuirkKind::MissingWrapper);

    let bare = decode(&cx, Cf::TLV, &path!(3), &device_tlv()).unwrap();
    let Node::Instance(instance) = device() else {
        unreachable!()
    };
    assert_eq!(bare.node, Node::Object(Object::new(3, vec![instance])));
    assert_eq!(bare.quirks[0].kind, QuirkKind::MissingWrapper);
}

/// Ruling 20: what no definition covers is decoded by its wire type, told, and never dropped.
#[test]
fn unknown_objects_resources_and_versions() {
    let models = models();
    let cx = Context::new(&models);
    // A resource that object 3 does not have.
    let tlv = decode(&cx, Cf::TLV, &path!(3, 0), &hex("C1 09 64 C2 63 4142")).unwrap();
    let Node::Instance(instance) = &tlv.node else {
        unreachable!()
    };
    let unknown = instance.resource(99).unwrap();
    assert_eq!(
        unknown.value,
        ResourceValue::Single(Value::Opaque(Bytes::from_static(b"AB")))
    );
    assert_eq!(
        (tlv.quirks.len(), tlv.quirks[0].kind),
        (1, QuirkKind::UnknownResource)
    );
    assert_eq!(tlv.quirks[0].path, path!(3, 0, 99));
    // An object that is not known at all: told once, not for each value.
    let pack = br#"[{"bn":"/40000/0/","n":"1","v":1},{"n":"2/0","vb":true},{"n":"2/5","v":1.5}]"#;
    let json = decode(&cx, Cf::SENML_JSON, &path!(40000), pack).unwrap();
    let instance = Instance::new(
        0,
        vec![
            Resource::single(1, Value::Integer(1)),
            Resource::multiple(2, vec![(0, Value::Boolean(true)), (5, Value::Float(1.5))]),
        ],
    );
    assert_eq!(json.node, Node::Object(Object::new(40_000, vec![instance])));
    assert_eq!(
        (json.quirks.len(), json.quirks[0].kind),
        (1, QuirkKind::UnknownObject)
    );
    let text = decode(&cx, Cf::TEXT, &path!(40000, 0, 1), b"12").unwrap();
    assert_eq!(text.node, Node::Resource(Resource::single(1, "12")));
    // A version that is not known: the nearest one advises, and what does not fit it is kept.
    let version = |_| Some(Version::new(1, 7));
    let cx = cx.with_versions(&version);
    let newer = decode(
        &cx,
        Cf::TLV,
        &path!(3, 0),
        &hex("C1 09 64 C3 0A 010203 C1 0B 05"),
    )
    .unwrap();
    let Node::Instance(instance) = &newer.node else {
        unreachable!()
    };
    assert_eq!(
        instance.resource(9).unwrap().value,
        ResourceValue::Single(Value::Integer(100))
    );
    let kept = Value::Opaque(Bytes::from_static(&[1, 2, 3]));
    assert_eq!(
        instance.resource(10).unwrap().value,
        ResourceValue::Single(kept)
    );
    let quirks: Vec<_> = newer.quirks.iter().map(|quirk| quirk.kind).collect();
    assert_eq!(
        quirks,
        [
            QuirkKind::OtherVersion(Version::new(1, 2)),
            QuirkKind::Mistyped(ValueType::Opaque, ValueType::Integer),
            QuirkKind::OtherMultiplicity,
        ]
    );
    // Another major is as good as unknown.
    let version = |_| Some(Version::new(9, 0));
    let cx = cx.with_versions(&version);
    let foreign = decode(&cx, Cf::TEXT, &path!(3, 0, 9), b"full").unwrap();
    assert_eq!(foreign.quirks[0].kind, QuirkKind::UnknownObject);
}

/// SenML with times: the newest content is the node, the others are kept, the newest first.
#[test]
fn times() {
    let models = models();
    let cx = Context::new(&models);
    let one = |value| Node::Resource(Resource::single(1, Value::Integer(value)));
    let pack = br#"[{"bn":"/33000/0/1","bt":1700000000,"t":-10,"v":1},{"t":5,"v":3},{"v":2}]"#;
    let decoded = decode(&cx, Cf::SENML_JSON, &path!(33000, 0, 1), pack).unwrap();
    assert_eq!(
        (decoded.time, &decoded.node),
        (Some(1_700_000_005.0), &one(3))
    );
    let older: Vec<_> = decoded
        .older
        .iter()
        .map(|old| (old.time, &old.node))
        .collect();
    assert_eq!(
        older,
        [
            (Some(1_700_000_000.0), &one(2)),
            (Some(1_699_999_990.0), &one(1))
        ]
    );
    assert_eq!(decoded.untimed().unwrap_err().kind, Kind::Time);
    // Times below 2^28 are relative to now, which is later than every absolute one.
    let pack = br#"[{"n":"/33000/0/1","t":1700000000,"v":1},{"n":"/33000/0/1","t":-5,"v":2},{"n":"/33000/0/1","v":3}]"#;
    let decoded = decode(&cx, Cf::SENML_JSON, &path!(33000, 0, 1), pack).unwrap();
    assert_eq!((decoded.time, &decoded.node), (None, &one(3)));
    assert_eq!(decoded.older[0].time, Some(-5.0));
    // One time for everything is not several times.
    let pack = hex("81 A3 21 6A 2F33333030302F302F31 22 1A 6553F100 02 05");
    let decoded = decode(&cx, Cf::SENML_CBOR, &path!(33000, 0, 1), &pack).unwrap();
    assert_eq!(
        (decoded.time, &decoded.node),
        (Some(1_700_000_000.0), &one(5))
    );
    assert!(decoded.untimed().is_ok());
    // The same value twice at one time is still a duplicate.
    let pack = br#"[{"bn":"/33000/0/1","bt":1700000000,"v":1},{"t":0,"v":3}]"#;
    let error = decode(&cx, Cf::SENML_JSON, &path!(33000, 0, 1), pack).unwrap_err();
    assert_eq!(error.kind, Kind::Duplicate);
}

/// Names with and without the device's root; written with it, as a name is the path of a URI.
#[test]
fn alternate_root() {
    let models = models();
    let one = Node::Resource(Resource::single(9, 80));
    for root in ["/lwm2m", "lwm2m", "/lwm2m/"] {
        let cx = Context::new(&models).with_root(root);
        for pack in [
            r#"[{"bn":"/lwm2m/3/0/9","v":80}]"#,
            r#"[{"bn":"/3/0/9","v":80}]"#,
        ] {
            let decoded = decode(&cx, Cf::SENML_JSON, &path!(3, 0, 9), pack.as_bytes()).unwrap();
            assert_eq!(decoded.node, one);
        }
        let pack = encode(&cx, Cf::SENML_JSON, &path!(3, 0, 9), &one).unwrap();
        assert_eq!(pack, br#"[{"bn":"/lwm2m/3/0/9","v":80}]"#);
        for outside in ["/lwm2mx/3/0/9", "/other/3/0/9", "/lwm2m/lwm2m/3/0/9"] {
            let pack = format!(r#"[{{"bn":"{outside}","v":80}}]"#);
            assert!(decode(&cx, Cf::SENML_JSON, &path!(3, 0, 9), pack.as_bytes()).is_err());
        }
    }
}

/// What does not belong to the path or the definitions is not written.
#[test]
fn refused_to_write() {
    use lwm2m_model::payload::EncodeErrorKind as Fault;
    let models = models();
    let cx = Context::new(&models);
    let resource = |id, value: Value| Node::Resource(Resource::single(id, value));
    let instance = |resources| Node::Instance(Instance::new(0, resources));
    let twice = vec![Resource::single(9, 1), Resource::single(9, 1)];
    let reserved = vec![Resource::single(u16::MAX, 1)];
    let convert = |value: Value, to| Fault::Type(value.convert(to).unwrap_err());
    for (target, format, node, kind) in [
        (
            path!(3, 0, 9),
            Cf::TLV,
            resource(10, 1.into()),
            Fault::WrongNode,
        ),
        (
            path!(3, 0),
            Cf::TLV,
            resource(9, 1.into()),
            Fault::WrongNode,
        ),
        (path!(3, 0), Cf::TLV, instance(twice), Fault::Duplicate),
        (path!(3, 0), Cf::TLV, instance(reserved), Fault::ReservedId),
        (
            path!(3, 0, 6),
            Cf::TLV,
            resource(6, 1.into()),
            Fault::NotSingle,
        ),
        (
            path!(3, 0, 9),
            Cf::TLV,
            Node::Resource(Resource::multiple(9, vec![])),
            Fault::NotMultiple,
        ),
        (
            path!(3, 0, 9, 0),
            Cf::TLV,
            Node::ResourceInstance(0, 1.into()),
            Fault::NotMultiple,
        ),
        (
            path!(3, 0, 9),
            Cf::TLV,
            resource(9, "x".into()),
            convert("x".into(), ValueType::Integer),
        ),
        (
            path!(3, 0, 4),
            Cf::TLV,
            resource(4, 1.into()),
            Fault::Executable,
        ),
        (
            path!(3, 0, 9),
            Cf::OPAQUE,
            resource(9, 1.into()),
            Fault::FormatForLevel(Cf::OPAQUE, path!(3, 0, 9).level()),
        ),
        (
            path!(3, 0),
            Cf::TEXT,
            instance(vec![]),
            Fault::FormatForLevel(Cf::TEXT, path!(3, 0).level()),
        ),
        (
            path!(3, 0),
            Cf::LWM2M_JSON,
            instance(vec![]),
            Fault::UnsupportedFormat(Cf::LWM2M_JSON),
        ),
        (
            path!(33000, 0, 3),
            Cf::TEXT,
            resource(3, f64::NAN.into()),
            Fault::NotANumber,
        ),
        (
            path!(33000, 0, 3),
            Cf::SENML_JSON,
            resource(3, f64::INFINITY.into()),
            Fault::NotANumber,
        ),
    ] {
        assert_eq!(
            encode(&cx, format, &target, &node).unwrap_err().kind,
            kind,
            "{node:?}"
        );
    }
    // What converts without loss is converted: the caller need not know the definition's type.
    let float = resource(3, Value::Integer(2));
    assert_eq!(
        encode(&cx, Cf::TLV, &path!(33000, 0, 3), &float).unwrap(),
        hex("C4 03 40000000")
    );
}

#[test]
fn create() {
    let models = models();
    let cx = Context::new(&models);
    let resources = vec![Resource::single(1, 5)];
    let new = |id| NewInstance {
        id,
        resources: resources.clone(),
    };
    for (format, payload, instances) in [
        (Cf::TLV, hex("C1 01 05"), vec![new(None)]),
        (Cf::TLV, hex("23 012C C1 01 05"), vec![new(Some(300))]),
        (
            Cf::TLV,
            hex("03 00 C1 01 05 03 01 C1 01 05"),
            vec![new(Some(0)), new(Some(1))],
        ),
        (
            Cf::SENML_JSON,
            br#"[{"bn":"/33000/","n":"4/1","v":5}]"#.to_vec(),
            vec![new(Some(4))],
        ),
    ] {
        let decoded = decode_create(&cx, format, 33_000, &payload).unwrap();
        let DecodedCreate {
            instances: found,
            quirks,
            ..
        } = decoded;
        assert_eq!((&found, quirks.len()), (&instances, 0));
        assert_eq!(
            encode_create(&cx, format, 33_000, &instances).unwrap(),
            payload
        );
    }
    let nothing = decode_create(&cx, Cf::TLV, 33_000, b"").unwrap();
    assert_eq!(
        nothing.instances,
        [NewInstance {
            id: None,
            resources: vec![]
        }]
    );
    for (format, payload) in [
        (Cf::TEXT, &b"5"[..]),
        (Cf::TLV, b"\xc1\x01\x05\x03\x00\xc1\x01\x05"),
        (Cf::SENML_JSON, br#"[{"n":"/33001/4/1","v":5}]"#),
        (
            Cf::SENML_JSON,
            br#"[{"n":"/33000/4/1","v":5},{"n":"/33000/4/1","t":-1,"v":5}]"#,
        ),
    ] {
        assert!(decode_create(&cx, format, 33_000, payload).is_err());
    }
    assert!(encode_create(&cx, Cf::SENML_JSON, 33_000, &[new(None)]).is_err());
    assert!(encode_create(&cx, Cf::TLV, 33_000, &[new(None), new(Some(1))]).is_err());
    assert!(encode_create(&cx, Cf::TLV, 33_000, &[new(Some(1)), new(Some(1))]).is_err());
    assert!(encode_create(&cx, Cf::TEXT, 33_000, &[new(Some(1))]).is_err());
}
