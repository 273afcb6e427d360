//! Inputs that broke other implementations (the catalogue of hostile inputs, group K), and what JSON and CBOR forbid.
#![cfg(feature = "alloc")]

mod common;

use common::{hex, records};
use senml::{
    DecodeError,
    DecodeErrorKind::{
        self, Base64, Duplicate, Expected, MustUnderstand, NameTooLong, NoName, NumberRange,
        SeveralValues, Syntax, TooDeep, TooLong, TooManyRecords, Trailing, Truncated, Utf8,
        Version,
    },
    EncodeError, Fields, Limits, Number, Record, Value, cbor, json,
};

fn scale(long: usize, short: usize) -> usize {
    if std::env::var_os("LWM2M_LONG").is_some() {
        long
    } else {
        short
    }
}

/// Reads to the end: the records before the first error, the error, and that nothing comes after.
/// No more steps than bytes.
fn read<'a>(
    mut reader: impl Iterator<Item = Result<Record<'a>, DecodeError>>,
    len: usize,
) -> (usize, Option<DecodeError>) {
    let mut count = 0;
    for _ in 0..=len {
        match reader.next() {
            Some(Ok(_)) => count += 1,
            Some(Err(error)) => {
                assert!(reader.next().is_none());
                assert!(error.offset <= len);
                return (count, Some(error));
            }
            None => {
                assert!(reader.next().is_none());
                return (count, None);
            }
        }
    }
    panic!("more steps than bytes");
}

fn json_error(pack: impl AsRef<[u8]>) -> Option<DecodeErrorKind> {
    let pack = pack.as_ref();
    read(json::Reader::new(pack), pack.len())
        .1
        .map(|error| error.kind)
}

fn cbor_error(pack: &[u8]) -> Option<DecodeErrorKind> {
    read(cbor::Reader::new(pack), pack.len())
        .1
        .map(|error| error.kind)
}

/// contiki-ng #3166: a JSON token without a name.
#[test]
fn hostile_k03_json_without_names() {
    assert_eq!(json_error("[{}]"), Some(NoName));
    assert_eq!(json_error(r#"[{"v":1}]"#), Some(NoName));
    assert_eq!(json_error(r#"[{"n":"","v":1}]"#), Some(NoName));
    assert_eq!(
        json_error(r#"{"e":[{"v":1}]}"#),
        Some(Expected("an array of records"))
    );
    let padded = format!(r#"{{"e":[{{"v":1}}]{}}}"#, " ".repeat(300));
    assert_eq!(json_error(padded), Some(Expected("an array of records")));
    let padded = format!(r#"[{{"v":1{}}}]"#, " ".repeat(300));
    assert_eq!(json_error(padded), Some(NoName));
    assert_eq!(cbor_error(&hex("81A0")), Some(NoName));
    assert_eq!(cbor_error(&hex("81A10201")), Some(NoName));
}

/// senml #17, edgex #2439: nine bytes that exhaust memory. Readers allocate nothing at all.
#[test]
fn hostile_k08_declared_lengths() {
    for pack in [
        "9BFFFFFFFFFFFFFFFF",
        "BBFFFFFFFFFFFFFFFF",
        "5BFFFFFFFFFFFFFFFF",
        "7BFFFFFFFFFFFFFFFF",
        "9AFFFFFFFF",
        "9B0203366BFFFBDE1856BFFFFF",
    ] {
        let pack = hex(pack);
        assert!(cbor_error(&pack).is_some(), "{pack:02x?}");
        // The same as a record, as each known value, and as an unknown one.
        for before in [
            "81", "8181", "81A1", "81A121", "81A122", "81A102", "81A103", "81A108", "81A11863",
        ] {
            let pack = [hex(before), pack.clone()].concat();
            assert!(cbor_error(&pack).is_some(), "{pack:02x?}");
        }
    }
    assert_eq!(cbor_error(&hex("9BFFFFFFFFFFFFFFFF")), Some(Truncated));
    assert_eq!(cbor_error(&hex("81A10378FF")), Some(Truncated));
    assert_eq!(
        cbor_error(&hex("81BBFFFFFFFFFFFFFFFF0061610201")),
        Some(Truncated)
    );
}

/// RUSTSEC-2019-0025 and others: tags and arrays that overflow the stack.
#[test]
fn hostile_k09_cbor_nesting() {
    let tags = vec![0xc1; scale(100_000, 10_000)];
    let arrays = [vec![0x81; scale(200_000, 20_000)], vec![0]].concat();
    let maps = [0xa1, 0x61, 0x61].repeat(scale(50_000, 5_000));
    let indefinite = vec![0x9f; scale(100_000, 10_000)];
    for pack in [&tags, &arrays, &maps, &indefinite] {
        assert!(matches!(cbor_error(pack), Some(Expected(_))));
        for (before, error) in [("81A11863", TooDeep), ("81A16178", TooDeep)] {
            assert_eq!(cbor_error(&[&hex(before)[..], pack].concat()), Some(error));
        }
        for known in ["81A102", "81A103", "81A104", "81A108", "81A100", "81A122"] {
            let pack = [&hex(known)[..], pack].concat();
            assert!(matches!(cbor_error(&pack), Some(Expected(_))), "{known}");
        }
    }
    // As deep as it is stated, and no deeper.
    for (depth, error) in [
        (senml::MAX_DEPTH, None),
        (senml::MAX_DEPTH + 1, Some(TooDeep)),
    ] {
        let unknown = [vec![0x81; depth], vec![0]].concat();
        let pack = [hex("81A2006161 1863"), unknown].concat();
        assert_eq!(cbor_error(&pack), error);
        let unknown = format!("{}0{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(json_error(format!(r#"[{{"n":"a","x":{unknown}}}]"#)), error);
    }
}

/// RUSTSEC-2024-0012 and others: JSON that overflows the stack.
#[test]
fn hostile_k11_json_nesting() {
    let arrays = "[".repeat(scale(100_000, 10_000));
    let objects = r#"{"a":"#.repeat(scale(50_000, 5_000));
    for pack in [&arrays, &objects] {
        assert!(matches!(json_error(pack), Some(Expected(_))));
        assert_eq!(
            json_error(format!(r#"[{{"n":"a","x":{pack}"#)),
            Some(TooDeep)
        );
        for label in ["v", "vs", "vb", "vd", "vlo", "n", "bn", "t", "bver"] {
            let error = json_error(format!(r#"[{{"{label}":{pack}"#));
            assert!(matches!(error, Some(Expected(_))), "{label}: {error:?}");
        }
    }
}

/// CVE-2021-3510 and others: arrays of arrays, missing elements, strings into fixed arrays.
#[test]
fn hostile_k12_shapes_and_long_strings() {
    for (pack, error) in [
        ("[]", None),
        (r#"[{"n":"a"}]"#, None),
        (r#"[[{"n":"a","v":1}]]"#, Some(Expected("a record"))),
        (r#"[[]]"#, Some(Expected("a record"))),
        (r#"[null]"#, Some(Expected("a record"))),
        (r#"["a"]"#, Some(Expected("a record"))),
        (r#"[{"n":["a"],"v":1}]"#, Some(Expected("a string"))),
        (r#"[{"n":"a","v":[1]}]"#, Some(Expected("a number"))),
        (r#"[{"n":"a","v":"1"}]"#, Some(Expected("a number"))),
        (r#"[{"n":"a","vb":1}]"#, Some(Expected("true or false"))),
        (r#"[{"n":"a","vs":null}]"#, Some(Expected("a string"))),
        ("", Some(Truncated)),
        ("[,]", Some(Syntax)),
        ("[{},]", Some(NoName)),
        (r#"[{"n":"a"},]"#, Some(Syntax)),
        (r#"[{"n":"a",}]"#, Some(Syntax)),
        (r#"[{"n":"a"}{"n":"b"}]"#, Some(Syntax)),
        (r#"[{"n":"a"}],"#, Some(Trailing)),
        (r#"[{"n":"a"}][]"#, Some(Trailing)),
        ("[{\"n\":\"a\"}]\0", Some(Trailing)),
        (r#"[{"n" "a"}]"#, Some(Syntax)),
        (r#"[{n:"a"}]"#, Some(Expected("a string"))),
        (r#"[{'n':'a'}]"#, Some(Syntax)),
        ("\u{feff}[]", Some(Syntax)),
    ] {
        assert_eq!(json_error(pack), error, "{pack}");
    }
    for (pack, error) in [
        ("81 81 A2006161 0201", Some(Expected("a record"))),
        ("81 80", Some(Expected("a record"))),
        ("A0", Some(Expected("an array of records"))),
        ("81 A200816161 0201", Some(Expected("a string"))),
        ("81 A2006161 028101", Some(Expected("a number"))),
        ("81 A2006161 02F5", Some(Expected("a number"))),
        ("81 A1 F90000 00", Some(Expected("a label"))),
        ("81 A1 40 00", Some(Expected("a label"))),
        ("82 A1006161", Some(Truncated)),
        ("81 A1006161 00", Some(Trailing)),
        ("9F A1006161", Some(Truncated)),
        ("81 BF 006161", Some(Truncated)),
        ("81 BF 006161 02 FF", Some(Syntax)),
        ("81 A2006161 02 FF", Some(Syntax)),
        ("81 A1 00 7F 4161 FF", Some(Syntax)),
        ("81 A1 00 7F 7F6161FF FF", Some(Syntax)),
        (
            "81 A2006161 02 C4 81 01",
            Some(Expected("a decimal fraction")),
        ),
        (
            "81 A2006161 02 C4 83 010101",
            Some(Expected("a decimal fraction")),
        ),
        (
            "81 A2006161 02 C4 82 01F90000",
            Some(Expected("a decimal fraction")),
        ),
        ("81 A2006161 02 C5 82 0101", Some(Expected("a number"))),
        ("81 A1 00 61FF", Some(Utf8)),
        ("81 A1 00 7F 61C3 61A9 FF", Some(Utf8)),
        ("", Some(Truncated)),
        ("1C", Some(Syntax)),
    ] {
        let error = error.map(|kind| {
            if pack == "1C" {
                Expected("an array of records")
            } else {
                kind
            }
        });
        let found = cbor_error(&hex(pack));
        assert!(
            found == error || pack == "1C" && found == Some(Syntax),
            "{pack}: {found:?}"
        );
    }

    let long = "x".repeat(1 << 20);
    let pack = format!(r#"[{{"n":"a","vs":"{long}"}}]"#);
    assert_eq!(json_error(&pack), Some(TooLong));
    let mut limits = Limits::default();
    limits.len = 2 << 20;
    let all = records(json::Reader::with_limits(pack.as_bytes(), limits));
    assert_eq!(all[0].value, Some(Value::from(&*long)));
    let Some(Value::String(text)) = all[0].value else {
        panic!()
    };
    assert_eq!(text.write_to(&mut [0; 64]), None);
    let pack = cbor::to_vec(|w| w.record(&Fields::named("a").value(&*long))).unwrap();
    assert_eq!(cbor_error(&pack), Some(TooLong));
    assert_eq!(
        records(cbor::Reader::with_limits(&pack, limits))[0].value,
        Some(Value::from(&*long))
    );
    // As a name, and as a label.
    let pack = format!(r#"[{{"n":"{long}"}}]"#);
    let error = json::Reader::with_limits(pack.as_bytes(), limits)
        .next()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind, NameTooLong);
    let pack = format!(r#"[{{"n":"a","{long}":1,"{long}":2}}]"#);
    limits.len = 4 << 20;
    assert_eq!(
        records(json::Reader::with_limits(pack.as_bytes(), limits)).len(),
        1
    );
}

fn number(pack: &str) -> Number {
    match records(json::Reader::new(pack.as_bytes()))[0].value {
        Some(Value::Number(number)) => number,
        other => panic!("{pack}: {other:?}"),
    }
}

#[test]
fn hostile_k13_numbers_of_json() {
    // (text, exact signed, exact unsigned, nearest float, written as an integer)
    for (text, signed, unsigned, float, integer) in [
        ("0", Some(0), Some(0), 0.0, true),
        ("-0", Some(0), Some(0), 0.0, true),
        ("-0.0", Some(0), Some(0), -0.0, false),
        ("0e400", Some(0), Some(0), 0.0, false),
        (
            "9007199254740993",
            Some(9_007_199_254_740_993),
            Some(9_007_199_254_740_993),
            9_007_199_254_740_992.0,
            true,
        ),
        (
            "9007199254740993.0",
            Some(9_007_199_254_740_993),
            Some(9_007_199_254_740_993),
            9_007_199_254_740_992.0,
            false,
        ),
        (
            "9223372036854775807",
            Some(i64::MAX),
            Some(9_223_372_036_854_775_807),
            9_223_372_036_854_775_807.0,
            true,
        ),
        (
            "-9223372036854775808",
            Some(i64::MIN),
            None,
            -9_223_372_036_854_775_808.0,
            true,
        ),
        (
            "-9223372036854775809",
            None,
            None,
            -9_223_372_036_854_775_808.0,
            false,
        ),
        (
            "18446744073709551615",
            None,
            Some(u64::MAX),
            18_446_744_073_709_551_615.0,
            true,
        ),
        (
            "18446744073709551616",
            None,
            None,
            18_446_744_073_709_551_616.0,
            false,
        ),
        (
            "123456789012345678901234567890",
            None,
            None,
            1.234_567_890_123_456_8e29,
            false,
        ),
        ("1.0", Some(1), Some(1), 1.0, false),
        ("1e2", Some(100), Some(100), 100.0, false),
        ("1E+2", Some(100), Some(100), 100.0, false),
        ("-1.50e1", Some(-15), None, -15.0, false),
        (
            "1844674407370955161.5e1",
            None,
            Some(u64::MAX),
            18_446_744_073_709_551_615.0,
            false,
        ),
        ("1e19", None, Some(10_000_000_000_000_000_000), 1e19, false),
        ("1e20", None, None, 1e20, false),
        ("1e308", None, None, 1e308, false),
        ("1.5", None, None, 1.5, false),
        ("100e-3", None, None, 0.1, false),
        ("100e-2", Some(1), Some(1), 1.0, false),
        ("0.00000000006667", None, None, 0.000_000_000_066_67, false),
        ("1e-400", None, None, 0.0, false),
        ("1e-99999999999999999999", None, None, 0.0, false),
    ] {
        let read = number(&format!(r#"[{{"n":"a","v":{text}}}]"#));
        // An underflow is the float 0, which is whole.
        let underflow = text.starts_with("1e-");
        assert!(read.to_i64() == signed || underflow, "{text}: {read:?}");
        assert!(read.to_u64() == unsigned || underflow, "{text}: {read:?}");
        assert_eq!(read.to_f64().to_bits(), f64::to_bits(float), "{text}");
        assert_eq!(read.is_integer(), integer, "{text}");
    }
    for (text, error) in [
        ("1e400", NumberRange),
        ("-1e400", NumberRange),
        ("1e99999999999999999999", NumberRange),
        ("NaN", Syntax),
        ("nan", Expected("a number")),
        ("Infinity", Syntax),
        ("-Infinity", Syntax),
        ("01", Syntax),
        ("-01", Syntax),
        ("+1", Syntax),
        (".5", Syntax),
        ("1.", Syntax),
        ("-", Syntax),
        ("1e", Syntax),
        ("1e+", Syntax),
        ("1.e5", Syntax),
        ("0x10", Syntax),
        ("1_000", Syntax),
        ("1 2", Syntax),
    ] {
        assert_eq!(
            json_error(format!(r#"[{{"n":"a","v":{text}}}]"#)),
            Some(error),
            "{text}"
        );
    }
    // A million digits: one pass.
    let digits = "9".repeat(scale(1_000_000, 100_000));
    assert_eq!(
        json_error(format!(r#"[{{"n":"a","v":{digits}}}]"#)),
        Some(NumberRange)
    );
    assert_eq!(json_error(format!(r#"[{{"n":"a","v":0.{digits}}}]"#)), None);
    // Nobody reads it, so its range does not matter.
    assert_eq!(json_error(r#"[{"n":"a","x":1e400}]"#), None);
    assert_eq!(json_error(r#"[{"n":"a","x":-}]"#), Some(Syntax));
}

#[test]
fn hostile_k13_numbers_of_cbor() {
    for (item, signed, unsigned) in [
        (
            "1B0020000000000001",
            Some(9_007_199_254_740_993),
            Some(9_007_199_254_740_993),
        ),
        ("1BFFFFFFFFFFFFFFFF", None, Some(u64::MAX)),
        ("3B7FFFFFFFFFFFFFFF", Some(i64::MIN), None),
        ("3B8000000000000000", None, None),
        ("FB3FF0000000000000", Some(1), Some(1)),
        ("FB4340000000000000", None, None), // 2⁵³ as a float may be another number rounded
        (
            "FB433FFFFFFFFFFFFF",
            Some(9_007_199_254_740_991),
            Some(9_007_199_254_740_991),
        ),
        ("F97E00", None, None),
        ("FB7FF0000000000000", None, None),
        ("C4 82 02 03", Some(300), Some(300)),
        ("C4 82 21 190064", Some(1), Some(1)),
    ] {
        let pack = hex(&format!("81A200616102{item}"));
        let Some(Value::Number(read)) = records(cbor::Reader::new(&pack))[0].value else {
            panic!()
        };
        assert_eq!((read.to_i64(), read.to_u64()), (signed, unsigned), "{item}");
    }
    assert_eq!(
        cbor_error(&hex("81A200616102C4821903E801")),
        Some(NumberRange)
    ); // 1e1000
    for label in ["05", "06", "07", "22", "24", "25"] {
        for item in ["F97E00", "F97C00", "FBFFF0000000000000"] {
            let pack = hex(&format!("81A2006161{label}{item}"));
            assert_eq!(cbor_error(&pack), Some(NumberRange), "{label} {item}");
        }
    }
    let mut buffer = [0; 64];
    let mut writer = json::Writer::new(&mut buffer);
    let nan = Fields::named("a").value(f64::NAN);
    assert_eq!(writer.record(&nan), Err(EncodeError::NotFinite));
    writer.record(&Fields::named("a").value(-0.0)).unwrap();
    assert_eq!(writer.finish().unwrap(), br#"[{"n":"a","v":-0.0}]"#);
}

#[test]
fn hostile_k13_sums_of_base_and_own() {
    for (pack, error) in [
        (
            r#"[{"n":"a","bt":18446744073709551615,"t":1,"v":1}]"#,
            Some(NumberRange),
        ),
        (
            r#"[{"n":"a","bt":-9223372036854775808,"t":-1,"v":1}]"#,
            Some(NumberRange),
        ),
        (
            r#"[{"n":"a","bt":1.7e308,"t":1.7e308,"v":1}]"#,
            Some(NumberRange),
        ),
        (
            r#"[{"n":"a","bv":18446744073709551615,"v":1}]"#,
            Some(NumberRange),
        ),
        (
            r#"[{"n":"a","bs":18446744073709551615,"s":1}]"#,
            Some(NumberRange),
        ),
        (
            r#"[{"n":"a","bt":18446744073709551615,"t":-1,"v":1}]"#,
            None,
        ),
    ] {
        assert_eq!(json_error(pack), error, "{pack}");
    }
    let big = number(r#"[{"n":"a","bv":9007199254740992,"v":1}]"#);
    assert_eq!(big.to_i64(), Some(9_007_199_254_740_993));
    let pack = br#"[{"n":"a","bt":9007199254740992,"t":1,"v":1},{"n":"b","v":1},{"n":"c","bt":0,"t":-5,"v":1}]"#;
    let times: Vec<_> = records(json::Reader::new(pack))
        .iter()
        .map(|r| r.time.unwrap().to_i64())
        .collect();
    assert_eq!(
        times,
        [
            Some(9_007_199_254_740_993),
            Some(9_007_199_254_740_992),
            Some(-5)
        ]
    );
}

#[test]
fn hostile_k13_names_versions_and_labels() {
    let long = |base: usize, own: usize| {
        format!(
            r#"[{{"bn":"{}","n":"{}","v":1}}]"#,
            "b".repeat(base),
            "n".repeat(own)
        )
    };
    assert_eq!(json_error(long(200, 55)), None);
    assert_eq!(json_error(long(200, 56)), Some(NameTooLong));
    assert_eq!(json_error(long(256, 0)), Some(NameTooLong));
    assert_eq!(json_error(long(0, 256)), Some(NameTooLong));
    // Bytes count as the name has them, not as JSON writes them.
    assert_eq!(
        json_error(format!(r#"[{{"n":"{}"}}]"#, r"\u0061".repeat(255))),
        None
    );
    assert_eq!(
        json_error(format!(r#"[{{"n":"{}"}}]"#, r"\u00e9".repeat(128))),
        Some(NameTooLong)
    );

    for (version, error) in [
        ("10", None),
        ("5", None),
        ("1", None),
        ("10.0", None),
        ("11", Some(Version)),
        ("0", Some(Version)),
        ("-10", Some(Version)),
        ("9.5", Some(Version)),
        ("18446744073709551615", Some(Version)),
        ("\"10\"", Some(Expected("a number"))),
        ("null", Some(Expected("a number"))),
    ] {
        assert_eq!(
            json_error(format!(r#"[{{"n":"a","bver":{version}}}]"#)),
            error,
            "{version}"
        );
        let last = format!(r#"[{{"n":"a","v":1}},{{"n":"b","v":1,"bver":{version}}}]"#);
        assert_eq!(json_error(last), error, "{version}");
    }
    for (member, error) in [
        (r#""x":1"#, None),
        (r#""x_y":{"a":[1,"b",true,null,{}]}"#, None),
        (r#""x_":1"#, Some(MustUnderstand)),
        (r#""_":1"#, Some(MustUnderstand)),
        (r#""n_":"b""#, Some(MustUnderstand)),
        (r#""aVeryLongLabelIndeed_":1"#, Some(MustUnderstand)),
        (r#""\u0078\u005f":1"#, Some(MustUnderstand)),
        (
            r#""a long label with an escape\u005f":1"#,
            Some(MustUnderstand),
        ),
        (r#""n":"b""#, Some(Duplicate("n"))),
        (r#""\u006e":"b""#, Some(Duplicate("n"))),
        (r#""N":"b""#, None),
        (r#""v":1,"vs":"b""#, Some(SeveralValues)),
        (r#""v":null,"vb":true"#, Some(SeveralValues)),
        (r#""v":1,"v":1"#, Some(Duplicate("v"))),
        (r#""vd":"AQIDBAU""#, None),
        (r#""vd":"AQIDBAU=""#, None),
        (r#""vd":"AQ==""#, None),
        (r#""vd":"""#, None),
        (r#""vd":"AQ=""#, Some(Base64)),
        (r#""vd":"AQID=""#, Some(Base64)),
        (r#""vd":"A""#, Some(Base64)),
        (r#""vd":"AQIDB""#, Some(Base64)),
        (r#""vd":"A+/B""#, Some(Base64)),
        (r#""vd":"AQ ID""#, Some(Base64)),
        (r#""vd":"AQ==AQ==""#, Some(Base64)),
        (r#""vs":"\ud83d\ude00 \" \\ \/ \b\f\n\r\t""#, None),
        (r#""vs":"\ud83d""#, Some(Utf8)),
        (r#""vs":"\ude00\ud83d""#, Some(Utf8)),
        (r#""vs":"\ud83d\u0041""#, Some(Utf8)),
        (r#""vs":"\x41""#, Some(Syntax)),
        (r#""vs":"\u12""#, Some(Syntax)),
        (r#""vs":"\u+123""#, Some(Syntax)),
        ("\"vs\":\"a\tb\"", Some(Syntax)),
        ("\"vs\":\"a\0b\"", Some(Syntax)),
        (r#""vs":"a"#, Some(Truncated)),
        (r#""vs":"a\"#, Some(Truncated)),
    ] {
        let pack = format!(r#"[{{"n":"a",{member}"#);
        let pack = if error == Some(Truncated) {
            pack
        } else {
            pack + "}]"
        };
        assert_eq!(json_error(&pack), error, "{member}");
    }
    assert_eq!(json_error(b"[{\"n\":\"a\xff\"}]"), Some(Utf8));
    assert_eq!(json_error(b"[{\"n\":\"a\xc3"), Some(Truncated));
    assert_eq!(
        cbor_error(&hex("81 A2006161 62785F 01")),
        Some(MustUnderstand)
    );
    assert_eq!(cbor_error(&hex("81 A2006161 6178 01")), None);
    assert_eq!(cbor_error(&hex("81 A2006161 1863 A20102 F7F6")), None);
    assert_eq!(cbor_error(&hex("81 A2006161 3863 F0")), None);
    assert_eq!(cbor_error(&hex("81 A2006161 3BFFFFFFFFFFFFFFFF 01")), None);
    assert_eq!(cbor_error(&hex("81 A2006161 006162")), Some(Duplicate("n")));
    assert_eq!(
        cbor_error(&hex("81 A2006161 616E6162")),
        Some(Duplicate("n"))
    );
    assert_eq!(
        cbor_error(&hex("81 A3006161 0201 04F5")),
        Some(SeveralValues)
    );
}

/// A base name of empty chunks is short, and would be read through again for each record.
#[test]
fn hostile_k13_base_name_of_empty_chunks() {
    let pack = |chunks: usize, records: usize| {
        let mut pack = hex("9F BF 21 7F 62 2F 61");
        pack.resize(pack.len() + chunks, 0x60);
        pack.extend(hex("FF 00 61 62 02 01 FF"));
        for _ in 1..records {
            pack.extend(hex("A2 00 61 62 02 01"));
        }
        pack.push(0xff);
        pack
    };
    let read_all = |pack: &[u8]| {
        let (count, error) = read(cbor::Reader::new(pack), pack.len());
        (count, error.map(|error| error.kind))
    };
    assert_eq!(read_all(&pack(100, 3)), (3, None));
    assert_eq!(read_all(&pack(400_000, 65_000)), (0, Some(NameTooLong)));
    // The longest name in the smallest chunks, each with the longest head, is a name.
    let mut name = hex("81 A1 21 7F");
    for _ in 0..255 {
        name.extend(hex("7B 0000000000000001 61"));
    }
    name.push(0xff);
    assert_eq!(read_all(&name), (1, None));
    let escaped = format!(r#"[{{"bn":"{}"}}]"#, r"\u0061".repeat(255));
    assert_eq!(json_error(escaped), None);
}

#[test]
fn limits_hold() {
    let mut limits = Limits::default();
    limits.records = 3;
    for count in 0..6_usize {
        let record = Fields::named("a").value(1);
        let json = json::to_vec(|w| (0..count).try_for_each(|_| w.record(&record))).unwrap();
        let cbor = cbor::to_vec(|w| (0..count).try_for_each(|_| w.record(&record))).unwrap();
        let error = (count > 3).then_some(TooManyRecords);
        let (read_json, json_error) = read(json::Reader::with_limits(&json, limits), json.len());
        let (read_cbor, cbor_error) = read(cbor::Reader::with_limits(&cbor, limits), cbor.len());
        assert_eq!((read_json, read_cbor), (count.min(3), count.min(3)));
        assert_eq!(json_error.map(|e| e.kind), error);
        assert_eq!(cbor_error.map(|e| e.kind), error);
    }
    // Records that give nothing count as well.
    let pack = format!("[{}]", [r#"{"bt":1}"#; 4].join(","));
    let error = json::Reader::with_limits(pack.as_bytes(), limits)
        .next()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind, TooManyRecords);
}

#[test]
fn every_truncation_is_an_error() {
    let pack = br#" [{"bn":"/3/0/","bt":1.5e3,"n":"\u0030","vs":"a\nb","x":{"y":[1,true]}},{"n":"9","vd":"AQID"}] "#;
    for len in 0..pack.len() - 1 {
        let (_, error) = read(json::Reader::new(&pack[..len]), len);
        let error = error.unwrap_or_else(|| panic!("{len} bytes"));
        assert!(
            error.kind == Truncated || error.kind == Syntax && error.offset <= len,
            "{len}: {error}"
        );
    }
    let pack = hex(
        "82 BF 21652F332F302F 22FB409770000000 0000 007F6130FF 0363610A62 1863A1617982 01F5 FF A2006139 0843010203",
    );
    assert_eq!(cbor_error(&pack), None);
    for len in 0..pack.len() {
        assert_eq!(cbor_error(&pack[..len]), Some(Truncated), "{len} bytes");
    }
}

#[test]
fn each_byte_as_an_item_of_cbor() {
    for byte in 0..=u8::MAX {
        for before in [
            "", "81", "81A1", "81A100", "81A102", "81A103", "81A104", "81A108", "81A11863",
        ] {
            for len in [0, 1, 8, 300] {
                let pack = [hex(before), vec![byte; len]].concat();
                let _ = read(cbor::Reader::new(&pack), pack.len());
            }
        }
    }
}
