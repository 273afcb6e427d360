//! Whatever decodes, encodes, and decodes to the same; and the same from JSON to CBOR and back.
#![cfg(feature = "alloc")]

mod common;

use common::records;
use proptest::prelude::*;
use senml::{Fields, Number, Record, Value, cbor, json};

/// What a record says, without where it stood.
#[derive(Clone, Debug, PartialEq)]
struct Meaning {
    name: String,
    unit: Option<String>,
    time: Option<u64>,
    sum: Option<u64>,
    value: Option<Owned>,
    base_only: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Owned {
    Integer(i64),
    Unsigned(u64),
    Float(u64),
    String(String),
    Boolean(bool),
    Data(Vec<u8>),
    Link(String),
    Null,
}

/// Whole numbers compare exactly, the others by bits. −0 is 0 for JSON.
fn number(number: Number) -> Owned {
    match (number.to_i64(), number.to_u64()) {
        (Some(signed), _) => Owned::Integer(signed),
        (_, Some(unsigned)) => Owned::Unsigned(unsigned),
        _ => Owned::Float(number.to_f64().to_bits()),
    }
}

fn meaning(record: &Record<'_>) -> Meaning {
    Meaning {
        name: record.name.to_string(),
        unit: record.unit.map(|unit| unit.to_cow().into_owned()),
        time: record.time.map(|time| time.to_f64().to_bits()),
        sum: record.sum.map(|sum| sum.to_f64().to_bits()),
        value: record.value.map(|value| match value {
            Value::Number(value) => number(value),
            Value::String(value) => Owned::String(value.to_string()),
            Value::Boolean(value) => Owned::Boolean(value),
            Value::Data(value) => Owned::Data(value.to_cow().into_owned()),
            Value::ObjectLink(value) => Owned::Link(value.to_string()),
            _ => Owned::Null,
        }),
        base_only: record.base_only,
    }
}

/// The records with resolved fields, to be written again.
fn fields<'a>(record: &Record<'a>, name: &'a str) -> Fields<'a> {
    let mut fields = if record.base_only {
        Fields::new().base_name(name)
    } else {
        Fields::named(name)
    };
    fields.unit = record.unit;
    fields.time = record.time;
    fields.value = record.value;
    fields.sum = record.sum;
    fields
}

/// Text of the record stays borrowed while it is written, so escapes and chunks are copied.
fn rewrite(all: &[Record<'_>]) -> (Option<Vec<u8>>, Vec<u8>) {
    let names: Vec<String> = all.iter().map(|record| record.name.to_string()).collect();
    let json = json::to_vec(|writer| {
        // A base name would stay in force.
        all.iter().zip(&names).try_for_each(|(record, name)| {
            writer.record(&fields(record, name).base_name(if record.base_only { name } else { "" }))
        })
    });
    let cbor = cbor::to_vec(|writer| {
        all.iter().zip(&names).try_for_each(|(record, name)| {
            writer.record(&fields(record, name).base_name(if record.base_only { name } else { "" }))
        })
    });
    (json.ok(), cbor.unwrap())
}

fn check(all: &[Record<'_>]) {
    let as_float = |record: &Record<'_>| match record.value {
        Some(Value::Number(value)) => !value.is_integer() && !plain(value.to_f64()),
        _ => false,
    };
    if all.iter().any(as_float) {
        return;
    }
    let before: Vec<Meaning> = all.iter().map(meaning).collect();
    let (json, cbor) = rewrite(all);
    let mut limits = senml::Limits::default();
    limits.len = usize::MAX;
    let read = records(cbor::Reader::with_limits(&cbor, limits));
    assert_eq!(read.iter().map(meaning).collect::<Vec<_>>(), before);
    if let Some(json) = json {
        let read = records(json::Reader::with_limits(&json, limits));
        assert_eq!(read.iter().map(meaning).collect::<Vec<_>>(), before);
        // JSON of escapes to CBOR.
        let (_, again) = rewrite(&read);
        let read = records(cbor::Reader::with_limits(&again, limits));
        assert_eq!(read.iter().map(meaning).collect::<Vec<_>>(), before);
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9/]{0,12}",
        "\\PC{0,8}",
        any::<String>().prop_map(|s| s.chars().take(20).collect())
    ]
}

/// JSON writes a float from 2⁵³ to 2⁶⁴ as what it is, a whole number, and reads one.
fn plain(value: f64) -> bool {
    value.is_finite() && !(9.0e15..1.9e19).contains(&value.abs())
}

fn any_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        (any::<i64>(), 0..64).prop_map(|(value, shift)| Number::from(value >> shift)),
        any::<u64>().prop_map(Number::from),
        any::<f64>()
            .prop_filter("exact", |value| plain(*value))
            .prop_map(Number::from),
        (-100_000..100_000_i32).prop_map(|value| Number::from(f64::from(value) / 100.0)),
    ]
}

fn value() -> impl Strategy<Value = Option<Owned>> {
    let value = prop_oneof![
        any_number().prop_map(number),
        text().prop_map(Owned::String),
        any::<bool>().prop_map(Owned::Boolean),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Owned::Data),
        "[0-9]{1,5}:[0-9]{1,5}".prop_map(Owned::Link),
        Just(Owned::Null),
    ];
    prop::option::weighted(0.9, value)
}

type Row = (
    String,
    Option<String>,
    Option<Number>,
    Option<Number>,
    Option<Owned>,
);

fn row() -> impl Strategy<Value = Row> {
    let base = prop::option::weighted(0.2, text());
    let time = || prop::option::weighted(0.3, any_number());
    ("[a-z0-9/]{1,12}", base, time(), time(), value())
}

fn view(value: &Owned) -> Value<'_> {
    match value {
        Owned::Integer(value) => (*value).into(),
        Owned::Unsigned(value) => (*value).into(),
        Owned::Float(value) => f64::from_bits(*value).into(),
        Owned::String(value) => (&**value).into(),
        Owned::Boolean(value) => (*value).into(),
        Owned::Data(value) => (&**value).into(),
        Owned::Link(value) => Value::ObjectLink((&**value).into()),
        Owned::Null => Value::Null,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn packs_survive(rows in prop::collection::vec(row(), 0..40)) {
        let packed: Vec<Fields<'_>> = rows
            .iter()
            .map(|(name, base, base_time, time, value)| {
                let mut fields = Fields::named(name);
                fields.base_name = base.as_deref().map(Into::into);
                fields.base_time = *base_time;
                fields.time = *time;
                fields.value = value.as_ref().map(view);
                fields
            })
            .collect();
        let json = json::to_vec(|w| packed.iter().try_for_each(|f| w.record(f))).unwrap();
        let cbor = cbor::to_vec(|w| packed.iter().try_for_each(|f| w.record(f))).unwrap();
        let from_json: Result<Vec<_>, _> = json::Reader::new(&json).collect();
        let from_cbor: Result<Vec<_>, _> = cbor::Reader::new(&cbor).collect();
        match (from_json, from_cbor) {
            (Ok(a), Ok(b)) => {
                let meanings = |all: &[Record<'_>]| all.iter().map(meaning).collect::<Vec<_>>();
                prop_assert_eq!(meanings(&a), meanings(&b));
                for (record, (name, _, _, _, value)) in a.iter().zip(&rows) {
                    prop_assert!(record.name.own() == **name);
                    prop_assert_eq!(&meaning(record).value, value);
                }
                check(&a);
                check(&b);
            }
            // A float beyond 2⁵³ is written as an integer by JSON, whose sums are not rounded.
            (a, b) => {
                let range = Some(senml::DecodeErrorKind::NumberRange);
                prop_assert_eq!(a.or(b).err().map_or(range, |e| Some(e.kind)), range);
            }
        }
    }

    #[test]
    fn any_bytes_as_cbor(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let bytes = [&[0x9f, 0xbf, 0x00, 0x61, 0x61][..], &bytes].concat();
        let all: Vec<_> = cbor::Reader::new(&bytes).map_while(Result::ok).collect();
        check(&all);
    }

    #[test]
    fn any_items_as_cbor(items in prop::collection::vec(
        prop_oneof![
            prop::sample::select(vec![
                &[0x00, 0x61, 0x61][..], &[0x00, 0x60], &[0x21, 0x62, 0x2f, 0x33], &[0x22, 0x19, 1, 0],
                &[0x02, 0xf9, 0x3c, 0], &[0x02, 0xf6], &[0x02, 0xc4, 0x82, 0x20, 0x0f], &[0x03, 0x61, 0x0a],
                &[0x03, 0x7f, 0x61, 0x22, 0x60, 0xff], &[0x04, 0xf4], &[0x06, 0x24], &[0x24, 0x05],
                &[0x08, 0x5f, 0x41, 0x01, 0x42, 2, 3, 0xff], &[0x63, b'v', b'l', b'o', 0x63, b'1', b':', b'2'],
                &[0x61, b'n', 0x61, b'b'], &[0x61, b'x', 0x81, 0x80], &[0xff, 0xbf],
            ])
            .prop_map(<[u8]>::to_vec),
        ],
        0..12,
    )) {
        let bytes = [&[0x9f, 0xbf][..], &items.concat(), &[0xff, 0xff]].concat();
        let all: Vec<_> = cbor::Reader::new(&bytes).map_while(Result::ok).collect();
        check(&all);
    }

    #[test]
    fn any_text_as_json(text in "[\\[{]{0,2}(\"[nvbsdtu]{1,2}\":(\"[a\\\\\"nu0]{0,6}\"|-?[0-9.e]{1,6}|true|null),?|[\\[\\]{},:\"0-9]){0,10}[\\]}]{0,2}") {
        let text = format!("[{{\"n\":\"a\"}},{text}");
        let all: Vec<_> = json::Reader::new(text.as_bytes()).map_while(Result::ok).collect();
        prop_assert!(!all.is_empty());
        check(&all);
    }

    #[test]
    fn numbers_of_json_are_the_nearest(whole in "(0|[1-9][0-9]{0,22})", fraction in "(\\.[0-9]{1,6})?", exponent in -30..30, minus: bool) {
        let minus = if minus { "-" } else { "" };
        for text in [format!("{minus}{whole}{fraction}"), format!("{minus}{whole}{fraction}e{exponent}")] {
            let pack = format!("[{{\"n\":\"a\",\"v\":{text}}}]");
            let Some(Value::Number(read)) = records(json::Reader::new(pack.as_bytes()))[0].value else {
                panic!()
            };
            let nearest: f64 = text.parse().unwrap();
            // An integer zero has no sign.
            prop_assert!(read.to_f64() == nearest, "{}: {:?}", text, read);
            if read.is_integer() {
                prop_assert_eq!(read.to_string(), if text == "-0" { "0" } else { &text });
            }
        }
    }

    #[test]
    fn floats_of_json_have_the_fewest_digits(value in prop_oneof![
        (any::<i64>(), 0..7_i32, 0..60).prop_map(|(n, power, shift)| (n >> shift) as f64 / 10_f64.powi(power)),
        any::<f64>().prop_filter("finite", |value| value.is_finite()),
    ]) {
        let pack = json::to_vec(|w| w.record(&Fields::named("a").value(value))).unwrap();
        let text = String::from_utf8(pack).unwrap();
        let text = text.strip_prefix("[{\"n\":\"a\",\"v\":").and_then(|text| text.strip_suffix("}]")).unwrap();
        let exponent = value != 0.0 && !(1e-7..1e21).contains(&value.abs());
        let shortest = if exponent { format!("{value:e}") } else { format!("{value}") };
        prop_assert_eq!(text, if shortest == "-0" { "-0.0" } else { &shortest });
    }

    #[test]
    fn floats_of_any_form_are_exact(bits in any::<u64>(), half in any::<u16>(), single in any::<u32>()) {
        for value in [f64::from_bits(bits), f64::from(f32::from_bits(single))] {
            let mut buffer = [0; 32];
            let mut writer = cbor::Writer::with_floats(&mut buffer, cbor::FloatForm::Shortest);
            writer.record(&Fields::named("a").value(value)).unwrap();
            let pack = writer.finish().unwrap();
            let Some(Value::Number(read)) = records(cbor::Reader::new(pack))[0].value else { panic!() };
            prop_assert!(read.to_f64().to_bits() == value.to_bits() || value.is_nan() && read.to_f64().is_nan());
        }
        // Each half is written back as it is.
        let [high, low] = half.to_be_bytes();
        let pack = [0x81, 0xa2, 0x00, 0x61, b'a', 0x02, 0xf9, high, low];
        let Some(Value::Number(read)) = records(cbor::Reader::new(&pack))[0].value else { panic!() };
        let mut buffer = [0; 32];
        let mut writer = cbor::Writer::with_floats(&mut buffer, cbor::FloatForm::Shortest);
        writer.record(&Fields::named("a").value(read)).unwrap();
        let nan = half & 0x7fff > 0x7c00;
        prop_assert!(nan || writer.finish().unwrap() == pack);
    }
}
