//! Worked bytes of LwM2M and the examples of RFC 8428 and RFC 8790.
#![cfg(feature = "alloc")]

mod common;

use common::{hex, records};
use senml::{Data, EncodeError, Fields, Name, Number, Record, Value, cbor, json};

type Row = (
    &'static str,
    &'static str,
    &'static str,
    Vec<Fields<'static>>,
);

fn named(name: &'static str) -> Fields<'static> {
    Fields::named(name)
}

/// (what, JSON, CBOR in hexadecimal, the records; a form that the source does not show is empty)
fn rows() -> Vec<Row> {
    vec![
        (
            "LwM2M 1.2: Read /3/0 (196 bytes of CBOR)",
            r#"[{"bn":"/3/0/","n":"0","vs":"Open Mobile Alliance"},{"n":"1","vs":"Lightweight M2M Client"},{"n":"2","vs":"345000123"},{"n":"3","vs":"1.0"},{"n":"6/0","v":1},{"n":"6/1","v":5},{"n":"7/0","v":3800},{"n":"7/1","v":5000},{"n":"8/0","v":125},{"n":"8/1","v":900},{"n":"9","v":100},{"n":"10","v":15},{"n":"11/0","v":0},{"n":"13","v":1367491215},{"n":"14","vs":"+02:00"},{"n":"16","vs":"U"}]"#,
            "90 A321652F332F302F0061300374 4F70656E204D6F62696C6520416C6C69616E6365
             A20061310376 4C69676874776569676874204D324D20436C69656E74
             A20061320369 333435303030313233 A20061330363 312E30 A20063362F300201 A20063362F310205
             A20063372F3002190ED8 A20063372F3102191388 A20063382F3002187D A20063382F3102190384
             A2006139021864 A2006231 30020F A2006431312F300200 A2006231 33021A5182428F
             A2006231 3403662B30323A3030 A2006231360361 55",
            vec![
                named("0").base_name("/3/0/").value("Open Mobile Alliance"),
                named("1").value("Lightweight M2M Client"),
                named("2").value("345000123"),
                named("3").value("1.0"),
                named("6/0").value(1_i64),
                named("6/1").value(5_i64),
                named("7/0").value(3800_i64),
                named("7/1").value(5000_i64),
                named("8/0").value(125_i64),
                named("8/1").value(900_i64),
                named("9").value(100_i64),
                named("10").value(15_i64),
                named("11/0").value(0_i64),
                named("13").value(1_367_491_215_i64),
                named("14").value("+02:00"),
                named("16").value("U"),
            ],
        ),
        (
            "LwM2M 1.2: Read-Composite",
            r#"[{"n":"/3/0/0"},{"n":"/3/0/9"},{"n":"/1/0/1"}]"#,
            "83 A100662F332F302F30 A100662F332F302F39 A100662F312F302F31",
            vec![named("/3/0/0"), named("/3/0/9"), named("/1/0/1")],
        ),
        (
            "LwM2M 1.2: Send with a base time",
            r#"[{"bn":"/3303/0/5700","bt":1700000000,"v":22.5}]"#,
            "81 A3216C2F333330332F302F35373030221A6553F10002FB4036800000000000",
            vec![
                Fields::new()
                    .base_name("/3303/0/5700")
                    .base_time(1_700_000_000_i64)
                    .value(22.5),
            ],
        ),
        (
            "LwM2M 1.2: historical values (their floats are not printed in the source)",
            "",
            "83 A421672F37322F312F32221A0184876A062402FB4036666666666666 A206381D0217 A20638310218 18",
            vec![
                Fields::new()
                    .base_name("/72/1/2")
                    .base_time(25_462_634_i64)
                    .time(-5)
                    .value(22.4),
                Fields::new().time(-30).value(23_i64),
                Fields::new().time(-50).value(24_i64),
            ],
        ),
        (
            "RFC 8790: remove by iPATCH",
            r#"[{"n":"/34/0/1/0","v":null}]"#,
            "81 A200692F33342F302F312F3002F6",
            vec![named("/34/0/1/0").value(Value::Null)],
        ),
        (
            "LwM2M bootstrap: boolean, opaque, object link",
            r#"[{"bn":"/0/1/","n":"1","vb":false},{"n":"3","vd":"ZXAx"},{"n":"17","vlo":"21:0"}]"#,
            "83 A321652F302F312F00613104F4 A200613308436570 31 A200623137 63766C6F6432313A30",
            vec![
                named("1").base_name("/0/1/").value(false),
                named("3").value(&b"ep1"[..]),
                named("17").object_link("21:0"),
            ],
        ),
        (
            "LwM2M 1.1: single resource with a full base name",
            r#"[{"bn":"/3/0/0","vs":"x"}]"#,
            "",
            vec![Fields::new().base_name("/3/0/0").value("x")],
        ),
        (
            "LwM2M 1.1: object link without a leading slash",
            r#"[{"n":"65/0/0/0","vlo":"66:0"}]"#,
            "",
            vec![named("65/0/0/0").object_link("66:0")],
        ),
        (
            "RFC 8428 §5.1.1: single data point",
            r#"[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]"#,
            "",
            vec![named("urn:dev:ow:10e2073a01080063").unit("Cel").value(23.1)],
        ),
        (
            "RFC 8428 §5.1.2: multiple data points",
            r#"[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},{"n":"current","u":"A","v":1.2}]"#,
            "",
            vec![
                named("voltage")
                    .base_name("urn:dev:ow:10e2073a01080063:")
                    .unit("V")
                    .value(120.1),
                named("current").unit("A").value(1.2),
            ],
        ),
    ]
}

#[test]
fn worked_bytes_decode_and_encode_back() {
    for (what, json_text, cbor_text, fields) in rows() {
        let json = json::to_vec(|writer| fields.iter().try_for_each(|f| writer.record(f))).unwrap();
        let cbor = cbor::to_vec(|writer| fields.iter().try_for_each(|f| writer.record(f))).unwrap();
        if !json_text.is_empty() {
            assert_eq!(String::from_utf8_lossy(&json), json_text, "{what}");
        }
        if !cbor_text.is_empty() {
            assert_eq!(cbor, hex(cbor_text), "{what}");
        }
        let from_json = records(json::Reader::new(&json));
        let from_cbor = records(cbor::Reader::new(&cbor));
        assert_eq!(from_json.len(), fields.len(), "{what}");
        let mut base = "";
        for ((a, b), f) in from_json.iter().zip(&from_cbor).zip(&fields) {
            base = f.base_name.and_then(|name| name.as_str()).unwrap_or(base);
            let name = [base, f.name.and_then(|name| name.as_str()).unwrap_or("")].concat();
            assert!(a.name == *name && b.name == *name, "{what}: {name}");
            assert_eq!((a.value, b.value), (f.value, f.value), "{what}");
            assert_eq!((a.time, a.unit), (b.time, b.unit), "{what}");
        }
        // The exact size is enough, one byte less is refused.
        let mut room = vec![0; json.len()];
        let mut writer = json::Writer::new(&mut room);
        fields.iter().for_each(|f| writer.record(f).unwrap());
        assert_eq!(writer.finish().unwrap(), json);
        let mut room = vec![0; json.len() - 1];
        let mut writer = json::Writer::new(&mut room);
        let all = fields.iter().try_for_each(|f| writer.record(f));
        assert_eq!(
            all.and_then(|()| writer.finish().map(drop)),
            Err(EncodeError::NoRoom)
        );
        let mut room = vec![0; cbor.len()];
        let mut writer = cbor::Writer::new(&mut room);
        fields.iter().for_each(|f| writer.record(f).unwrap());
        assert_eq!(writer.finish().unwrap(), cbor);
        let mut room = vec![0; cbor.len() - 1];
        let mut writer = cbor::Writer::new(&mut room);
        let all = fields.iter().try_for_each(|f| writer.record(f));
        assert_eq!(
            all.and_then(|()| writer.finish().map(drop)),
            Err(EncodeError::NoRoom)
        );
    }
}

#[test]
fn lengths_named_by_the_source() {
    let (_, _, _, device) = rows().swap_remove(0);
    let pack = cbor::to_vec(|w| device.iter().try_for_each(|f| w.record(f))).unwrap();
    assert_eq!(pack.len(), 196);
}

/// Name, unit, time, value.
type Reading = (String, Option<String>, Option<f64>, Option<f64>);

fn readings(records: &[Record<'_>]) -> Vec<Reading> {
    let number = |value| match value {
        Some(Value::Number(number)) => Some(Number::to_f64(number)),
        _ => None,
    };
    let name = |name: Name<'_>| name.to_cow().into_owned();
    records
        .iter()
        .map(|r| {
            let unit = r.unit.map(|unit| unit.to_string());
            (
                name(r.name),
                unit,
                r.time.map(Number::to_f64),
                number(r.value),
            )
        })
        .collect()
}

const BASE: &str = "urn:dev:ow:10e2073a0108006:";

/// The same pack in RFC 8428 §5.1.2 (JSON) and §6 (CBOR); its base version 5 is below ours.
#[test]
fn rfc8428_section_5_1_2_and_6() {
    let json = br#"[
        {"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,
         "bu":"A","bver":5,
         "n":"voltage","u":"V","v":120.1},
        {"n":"current","t":-5,"v":1.2},
        {"n":"current","t":-4,"v":1.3},
        {"n":"current","t":-3,"v":1.4},
        {"n":"current","t":-2,"v":1.5},
        {"n":"current","t":-1,"v":1.6},
        {"n":"current","v":1.7}
    ]"#;
    let cbor = hex(
        "87a721781b75726e3a6465763a6f773a3130653230373361303130383030363a
         22fb41d303a15b00106223614120050067766f6c7461676501615602fb405e06666666666
         6a3006763757272656e74062402fb3ff3333333333333
         a3006763757272656e74062302fb3ff4cccccccccccd
         a3006763757272656e74062202fb3ff6666666666666
         a3006763757272656e74062102f93e00
         a3006763757272656e74062002fb3ff999999999999a
         a3006763757272656e74060002fb3ffb333333333333",
    );
    assert_eq!(cbor.len(), 0xc3);
    let expected: Vec<_> = [
        ("voltage", "V", 0.0, 120.1),
        ("current", "A", -5.0, 1.2),
        ("current", "A", -4.0, 1.3),
        ("current", "A", -3.0, 1.4),
        ("current", "A", -2.0, 1.5),
        ("current", "A", -1.0, 1.6),
        ("current", "A", 0.0, 1.7),
    ]
    .into_iter()
    .map(|(name, unit, time, value)| {
        let time = Some(1_276_020_076.001 + time);
        (
            [BASE, name].concat(),
            Some(unit.to_owned()),
            time,
            Some(value),
        )
    })
    .collect();
    assert_eq!(readings(&records(json::Reader::new(json))), expected);
    assert_eq!(readings(&records(cbor::Reader::new(&cbor))), expected);
}

#[test]
fn rfc8428_section_5_1_3_multiple_measurements_with_sums() {
    let pack = br#"[
      {"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},
      {"u":"lon","v":24.30621},
      {"u":"lat","v":60.07965},
      {"t":60,"v":20.3},
      {"u":"lon","t":60,"v":24.30622},
      {"n":":w","u":"W","t":150,"s":100,"ut":10}
    ]"#;
    let all = records(json::Reader::new(pack));
    assert_eq!(all[0].name, "urn:dev:ow:10e2073a01080063");
    assert_eq!(all[0].unit.unwrap(), "%RH");
    assert_eq!(all[1].unit.unwrap(), "lon");
    // The base time is written with an exponent, and is exact nevertheless.
    assert_eq!(all[2].time.unwrap().to_i64(), Some(1_320_067_464));
    assert_eq!(all[4].time.unwrap().to_i64(), Some(1_320_067_524));
    assert_eq!((all[5].value, all[5].sum), (None, Some(100.into())));
    assert_eq!(all[5].update_time, Some(10.into()));
    assert_eq!(all[5].name, "urn:dev:ow:10e2073a01080063:w");
}

#[test]
fn rfc8428_section_5_1_5_multiple_data_types() {
    let pack = br#"[
      {"bn":"urn:dev:ow:10e2073a01080063:","bt":1.320078429e+09,"n":"temp","u":"Cel","v":23.1},
      {"n":"label","vs":"Machine Room"},
      {"n":"open","vb":false},
      {"n":"nfc-reader","vd":"aGkgCg"}
    ]"#;
    let all = records(json::Reader::new(pack));
    assert_eq!(all[0].name, "urn:dev:ow:10e2073a01080063:temp");
    assert_eq!(all[1].value, Some("Machine Room".into()));
    assert_eq!(all[2].value, Some(false.into()));
    let Some(Value::Data(data)) = all[3].value else {
        panic!("{:?}", all[3])
    };
    assert_eq!(data, b"hi \n"[..]);
    assert_eq!(data, Data::from(&b"hi \n"[..]));
    assert_eq!((data.len(), data.as_bytes()), (4, None));
    assert!(
        all.iter()
            .all(|record| record.time.unwrap().to_i64() == Some(1_320_078_429))
    );
}

#[test]
fn rfc8428_section_5_1_6_collection_of_resources() {
    let pack = br#"[
      {"bn":"2001:db8::2/","bt":1.320078429e+09,"n":"temperature","u":"Cel","v":27.2},
      {"n":"humidity","u":"%RH","v":80},
      {"bn":"2001:db8::1/","n":"temperature","u":"Cel","v":12.3},
      {"n":"humidity","u":"%RH","v":67}
    ]"#;
    let time = Some(1_320_078_429.0);
    let expected = [
        ("2001:db8::2/temperature", "Cel", 27.2),
        ("2001:db8::2/humidity", "%RH", 80.0),
        ("2001:db8::1/temperature", "Cel", 12.3),
        ("2001:db8::1/humidity", "%RH", 67.0),
    ]
    .map(|(name, unit, value)| (name.to_owned(), Some(unit.to_owned()), time, Some(value)));
    assert_eq!(readings(&records(json::Reader::new(pack))), expected);
}

/// RFC 8428 §4.6: the resolved form of a pack, resolved again, is the same.
#[test]
fn rfc8428_section_4_6_resolved_records_stay() {
    let pack = br#"[{"bn":"/a","bt":100,"bu":"V","bv":10,"bs":5,"n":"/b","t":1,"v":2},{"n":"/c","s":1},{"bn":"/d","bt":200,"n":"","v":-3.5}]"#;
    let once = records(json::Reader::new(pack));
    let value = |value: f64| Some(Value::from(value));
    assert_eq!(once[0].name, "/a/b");
    assert_eq!((once[0].value, once[0].sum), (value(12.0), Some(5.into())));
    assert_eq!((once[1].value, once[1].sum), (None, Some(6.into())));
    assert_eq!((once[2].value, once[2].sum), (value(6.5), Some(5.into())));
    assert_eq!(once[2].name, "/d");
    let names: Vec<String> = once.iter().map(|r| r.name.to_string()).collect();
    let again = json::to_vec(|writer| {
        once.iter().zip(&names).try_for_each(|(record, name)| {
            let mut fields = Fields::named(name);
            fields.unit = record.unit;
            fields.time = record.time;
            fields.value = record.value;
            fields.sum = record.sum;
            writer.record(&fields)
        })
    })
    .unwrap();
    for (a, b) in once.iter().zip(records(json::Reader::new(&again))) {
        assert_eq!((a.name, a.unit, a.time), (b.name, b.unit, b.time));
        assert_eq!((a.value, a.sum), (b.value, b.sum));
    }
}

#[test]
fn base_fields_alone_are_no_reading() {
    let all = br#"[{"bn":"/3/0/"},{"bt":5},{"n":"9","v":1},{"bn":"/1/0/1"}]"#;
    let all = records(json::Reader::new(all));
    let seen: Vec<_> = all
        .iter()
        .map(|r| (r.name.to_string(), r.base_only))
        .collect();
    let expected = [
        ("/3/0/", true),
        ("/3/0/", true),
        ("/3/0/9", false),
        ("/1/0/1", true),
    ];
    assert_eq!(
        seen,
        expected.map(|(name, base_only)| (name.to_owned(), base_only))
    );
    assert!(records(json::Reader::new(br#"[{"bt":5}]"#)).is_empty());
    assert!(records(json::Reader::new(b" [ ] ")).is_empty());
    assert!(records(cbor::Reader::new(b"\x80")).is_empty());
}

/// What peers send though we do not write it.
#[test]
fn cbor_of_other_makes() {
    let nine = |value: f64| vec![("/3/0/9".to_owned(), None, None, Some(value))];
    for (what, pack, expected) in [
        (
            "indefinite array",
            "9F A3 21 65 2F332F302F 00 6139 02 1864 FF",
            100.0,
        ),
        (
            "indefinite map",
            "81 BF 21 65 2F332F302F 00 6139 02 1864 FF",
            100.0,
        ),
        (
            "keys in another order",
            "81 A3 02 1864 00 6139 21 65 2F332F302F",
            100.0,
        ),
        (
            "chunked strings",
            "81 A3 21 7F 62 2F33 60 63 2F302F FF 00 7F 6139 FF 02 1864",
            100.0,
        ),
        (
            "text labels",
            "81 A3 62626E 65 2F332F302F 616E 6139 6176 1864",
            100.0,
        ),
        (
            "chunked labels",
            "81 A3 7F 6162 616E FF 65 2F332F302F 00 6139 02 1864",
            100.0,
        ),
        (
            "long heads",
            "9A00000001 B90003 3801 7900052F332F302F 1800 780139 1A00000002 190064",
            100.0,
        ),
        ("half", "81 A2 00 66 2F332F302F39 02 F94DA0", 22.5),
        ("single", "81 A2 00 66 2F332F302F39 02 FA41B40000", 22.5),
        (
            "smallest half",
            "81 A2 00 66 2F332F302F39 02 F90001",
            5.960_464_477_539_063e-8,
        ),
        (
            "largest half",
            "81 A2 00 66 2F332F302F39 02 F97BFF",
            65504.0,
        ),
        (
            "infinity",
            "81 A2 00 66 2F332F302F39 02 F9FC00",
            f64::NEG_INFINITY,
        ),
        (
            "decimal fraction 273.15",
            "81 A2 00 66 2F332F302F39 02 C48221196AB3",
            273.15,
        ),
        (
            "decimal fraction -1.5",
            "81 A2 00 66 2F332F302F39 02 C482202E",
            -1.5,
        ),
        (
            "below all integers",
            "81 A2 00 66 2F332F302F39 02 3BFFFFFFFFFFFFFFFF",
            -18_446_744_073_709_551_616.0,
        ),
    ] {
        let pack = hex(pack);
        assert_eq!(
            readings(&records(cbor::Reader::new(&pack))),
            nine(expected),
            "{what}"
        );
    }
    let pack = hex("81 A2 00 61 61 08 5F 42 0102 40 43 030405 FF");
    let Some(Value::Data(data)) = records(cbor::Reader::new(&pack))[0].value else {
        panic!()
    };
    assert_eq!(data.to_cow(), &[1, 2, 3, 4, 5][..]);
    assert_eq!(data.len(), 5);
    assert_eq!(data.write_to(&mut [0; 5]), Some(&[1, 2, 3, 4, 5][..]));
    assert_eq!(data.write_to(&mut [0; 4]), None);
}

#[test]
fn floats_in_their_shortest_form_on_request() {
    for (value, bytes) in [
        (22.5, "F94DA0"),
        (0.0, "F90000"),
        (-0.0, "F98000"),
        (1.0, "F93C00"),
        (65504.0, "F97BFF"),
        (65536.0, "FA47800000"),
        (5.960_464_477_539_063e-8, "F90001"),
        (0.000_060_975_551_605_224_61, "F903FF"),
        (0.000_061_035_156_25, "F90400"),
        (2.980_232_238_769_531_2e-8, "FA33000000"),
        (100_000.0, "FA47C35000"),
        (3.402_823_466_385_288_6e38, "FA7F7FFFFF"),
        (1.1, "FB3FF199999999999A"),
        (1e300, "FB7E37E43C8800759C"),
        (f64::INFINITY, "F97C00"),
        (f64::NEG_INFINITY, "F9FC00"),
        (f64::NAN, "F97E00"),
    ] {
        let mut buffer = [0; 32];
        let mut writer = cbor::Writer::with_floats(&mut buffer, cbor::FloatForm::Shortest);
        writer.record(&named("a").value(value)).unwrap();
        let pack = writer.finish().unwrap();
        assert_eq!(pack, [hex("81A200616102"), hex(bytes)].concat(), "{value}");
        let Some(Value::Number(read)) = records(cbor::Reader::new(pack))[0].value else {
            panic!()
        };
        let (read, value) = (read.to_f64(), value);
        assert!(
            read.to_bits() == value.to_bits() || read.is_nan() && value.is_nan(),
            "{value}"
        );
    }
}

#[test]
fn from_24_records_on_the_head_of_the_array_is_longer() {
    for (count, head) in [
        (0, "80"),
        (23, "97"),
        (24, "9818"),
        (255, "98FF"),
        (256, "990100"),
        (65_536, "9A00010000"),
    ] {
        let record = named("a").value(true);
        let pack = cbor::to_vec(|w| (0..count).try_for_each(|_| w.record(&record))).unwrap();
        assert!(pack.starts_with(&hex(head)), "{count}");
        assert_eq!(
            cbor::Reader::new(&pack).filter(Result::is_ok).count(),
            count
        );
        assert_eq!(cbor::Reader::new(&pack).filter(Result::is_err).count(), 0);
    }
}
