use base64::Engine as _;
use lwm2m_model::{ObjectLink, Value, ValueType};
use serde_json::{Value as Json, json};

use super::{Fault, from_rfc3339, seconds};

/// A value as JSON.
pub(super) fn to_json(value: &Value) -> Json {
    match value {
        Value::String(text) | Value::CoreLink(text) => text.as_str().into(),
        Value::Integer(number) => integer(*number),
        Value::Unsigned(number) if *number <= MAX_EXACT.unsigned_abs() => (*number).into(),
        Value::Unsigned(number) => number.to_string().into(),
        Value::Float(number) => float(*number),
        Value::Boolean(flag) => (*flag).into(),
        Value::Opaque(bytes) => json!({ "hex": hex(bytes) }),
        Value::Time(at) => seconds(*at).map_or_else(|| integer(*at), Json::from),
        Value::ObjectLink(link) => link.to_string().into(),
        other => other.to_string().into(),
    }
}

/// JSON as a value of the type that the model names.
pub(super) fn from_json(json: &Json, value_type: ValueType, field: &str) -> Result<Value, Fault> {
    let wrong = |expected: &str| {
        Fault::new(
            field,
            format!("{} expected, {} given", expected, kind(json)),
        )
    };
    match value_type {
        ValueType::String => json
            .as_str()
            .map(Value::from)
            .ok_or_else(|| wrong("a string")),
        ValueType::CoreLink => json
            .as_str()
            .map(|text| Value::CoreLink(text.to_owned()))
            .ok_or_else(|| wrong("a string of links such as </3/0>")),
        ValueType::Boolean => json
            .as_bool()
            .map(Value::Boolean)
            .ok_or_else(|| wrong("true or false")),
        ValueType::Integer => match whole(json) {
            Some(number) => i64::try_from(number)
                .map(Value::Integer)
                .map_err(|_| range(field, "an Integer has 64 bits")),
            None => Err(wrong(
                "a whole number (as digits in a string beyond ±9007199254740991)",
            )),
        },
        ValueType::Unsigned => match whole(json) {
            Some(number) => u64::try_from(number)
                .map(Value::Unsigned)
                .map_err(|_| range(field, "an Unsigned Integer is 0 to 2⁶⁴−1")),
            None => Err(wrong(
                "a whole number from 0 (as digits in a string beyond 9007199254740991)",
            )),
        },
        ValueType::Float => float_from(json)
            .map(Value::Float)
            .ok_or_else(|| wrong("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")),
        ValueType::Time => match json {
            Json::String(text) if whole(json).is_none() => {
                from_rfc3339(text).map(Value::Time).map_err(|fraction| {
                    if fraction {
                        Fault::new(field, "a Time has whole seconds")
                            .hint("drop the fraction of a second")
                    } else {
                        Fault::new(field, "not a time")
                            .hint("write it as RFC 3339, such as \"2026-11-22T09:30:00Z\"")
                    }
                })
            }
            _ => match whole(json) {
                Some(number) => i64::try_from(number)
                    .map(Value::Time)
                    .map_err(|_| range(field, "a Time has 64 bits")),
                None => Err(wrong("a time as RFC 3339 or whole seconds since 1970")),
            },
        },
        ValueType::ObjectLink => match json.as_str().map(str::parse::<ObjectLink>) {
            Some(Ok(link)) => Ok(Value::ObjectLink(link)),
            _ => Err(wrong("an object link such as \"66:1\"")),
        },
        ValueType::Opaque => opaque(json, field)
            .unwrap_or_else(|| Err(wrong("{\"hex\": \"…\"} or {\"base64\": \"…\"}"))),
        ValueType::None => Err(Fault::new(
            field,
            "this resource has no value, it can only be executed",
        )
        .hint("POST to …:execute")),
        _ => Err(Fault::new(
            field,
            format!("values of type {value_type} cannot be written"),
        )),
    }
}

/// JSON as the value that it looks like, for a resource that no model knows.
pub(super) fn guess(json: &Json, field: &str) -> Result<Value, Fault> {
    match json {
        Json::Bool(flag) => Ok(Value::Boolean(*flag)),
        Json::String(text) => Ok(Value::from(text.as_str())),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Ok(Value::Integer(number)),
            (None, Some(number)) => Ok(Value::Unsigned(number)),
            (None, None) => number
                .as_f64()
                .map(Value::Float)
                .ok_or_else(|| range(field, "no such number")),
        },
        Json::Object(_) => opaque(json, field)
            .unwrap_or_else(|| Err(Fault::new(field, "{\"hex\": \"…\"} expected"))),
        Json::Null | Json::Array(_) => {
            Err(Fault::new(field, format!("{} is no value", kind(json)))
                .hint("add \"type\", such as \"integer\", to say what it is"))
        }
    }
}

/// The name of a type in the API.
pub(crate) const fn type_name(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::String => "string",
        ValueType::Integer => "integer",
        ValueType::Unsigned => "unsigned",
        ValueType::Float => "float",
        ValueType::Boolean => "boolean",
        ValueType::Opaque => "opaque",
        ValueType::Time => "time",
        ValueType::ObjectLink => "objlnk",
        ValueType::CoreLink => "corelnk",
        _ => "none",
    }
}

pub(super) fn type_named(name: &str) -> Option<ValueType> {
    TYPES
        .iter()
        .copied()
        .find(|value_type| type_name(*value_type) == name)
}

fn integer(number: i64) -> Json {
    if (-MAX_EXACT..=MAX_EXACT).contains(&number) {
        number.into()
    } else {
        number.to_string().into()
    }
}

/// A float is exact in JSON whatever its size; only what JSON cannot write becomes text.
fn float(number: f64) -> Json {
    if number.is_finite() {
        number.into()
    } else if number.is_nan() {
        "NaN".into()
    } else if number > 0.0 {
        "Infinity".into()
    } else {
        "-Infinity".into()
    }
}

fn float_from(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64().filter(|number| number.is_finite()),
        Json::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            digits => {
                let decimal = digits
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
                digits
                    .parse()
                    .ok()
                    .filter(|number: &f64| decimal && number.is_finite())
            }
        },
        _ => None,
    }
}

/// A whole number, from a JSON number (21 and 21.0 are the same number) or from decimal digits.
fn whole(json: &Json) -> Option<i128> {
    match json {
        Json::Number(number) => {
            if let Some(number) = number.as_i64() {
                return Some(number.into());
            }
            if let Some(number) = number.as_u64() {
                return Some(number.into());
            }
            let number = number.as_f64()?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole and within ±(2^53 − 1)"
            )]
            (number.fract() == 0.0 && number.abs() <= MAX_EXACT_FLOAT).then_some(number as i128)
        }
        Json::String(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let decimal = !digits.is_empty()
                && digits.len() <= 20
                && digits.bytes().all(|byte| byte.is_ascii_digit());
            decimal.then(|| text.parse().ok())?
        }
        _ => None,
    }
}

/// `None` when `json` is not shaped like an opaque value at all.
fn opaque(json: &Json, field: &str) -> Option<Result<Value, Fault>> {
    let members = json.as_object()?;
    let (name, Json::String(text)) = members.iter().next().filter(|_| members.len() == 1)? else {
        return None;
    };
    let bytes = match name.as_str() {
        "hex" => unhex(text),
        "base64" => base64::engine::general_purpose::STANDARD.decode(text).ok(),
        _ => return None,
    };
    Some(bytes.map(Value::from).ok_or_else(|| {
        let detail = if name == "hex" {
            "hex digits in pairs expected"
        } else {
            "base64 (RFC 4648 §4, padded) expected"
        };
        Fault::new(&format!("{field}.{name}"), detail)
    }))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let bytes = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect::<Option<_>>();
    if odd.is_empty() { bytes } else { None }
}

fn range(field: &str, detail: &'static str) -> Fault {
    Fault::new(field, detail)
}

/// What a JSON value is, for a message.
pub(super) const fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

const TYPES: [ValueType; 9] = [
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

/// 2⁵³ − 1: RFC 8259 §6 calls integers up to here interoperable.
const MAX_EXACT: i64 = (1 << 53) - 1;
const MAX_EXACT_FLOAT: f64 = 9_007_199_254_740_991.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// (value, its JSON): true in both directions
    #[test]
    fn values_and_their_json() {
        let rows = [
            (Value::from("21 °C"), json!("21 °C")),
            (Value::Integer(-5), json!(-5)),
            (Value::Integer(MAX_EXACT), json!(9_007_199_254_740_991_i64)),
            (
                Value::Integer(-MAX_EXACT),
                json!(-9_007_199_254_740_991_i64),
            ),
            (Value::Integer(MAX_EXACT + 1), json!("9007199254740992")),
            (Value::Integer(-MAX_EXACT - 1), json!("-9007199254740992")),
            (Value::Integer(i64::MIN), json!("-9223372036854775808")),
            (Value::Integer(i64::MAX), json!("9223372036854775807")),
            (Value::Unsigned(7), json!(7)),
            (Value::Unsigned(u64::MAX), json!("18446744073709551615")),
            (Value::Float(21.5), json!(21.5)),
            (Value::Float(21.0), json!(21.0)),
            (Value::Float(-0.0), json!(-0.0)),
            (Value::Float(1e300), json!(1e300)),
            (Value::Float(f64::INFINITY), json!("Infinity")),
            (Value::Float(f64::NEG_INFINITY), json!("-Infinity")),
            (Value::Boolean(true), json!(true)),
            (
                Value::Opaque(vec![0xc0, 0xff, 0xee, 0x00].into()),
                json!({"hex": "c0ffee00"}),
            ),
            (Value::Opaque(vec![].into()), json!({"hex": ""})),
            (Value::Time(0), json!("1970-01-01T00:00:00Z")),
            (Value::Time(1_367_491_215), json!("2013-05-02T10:40:15Z")),
            (Value::Time(-1), json!("1969-12-31T23:59:59Z")),
            (Value::Time(-62_167_219_200), json!("0000-01-01T00:00:00Z")),
            (Value::Time(-62_167_219_201), json!(-62_167_219_201_i64)),
            (Value::Time(253_402_207_200), json!("9999-12-30T22:00:00Z")),
            (Value::Time(253_402_207_201), json!(253_402_207_201_i64)),
            (Value::Time(i64::MAX), json!("9223372036854775807")),
            (Value::ObjectLink(ObjectLink::new(66, 1)), json!("66:1")),
            (Value::ObjectLink(ObjectLink::NULL), json!("65535:65535")),
            (
                Value::CoreLink("</3/0>;pmin=5".into()),
                json!("</3/0>;pmin=5"),
            ),
        ];
        for (value, json) in rows {
            assert_eq!(to_json(&value), json, "{value:?}");
            assert_eq!(
                from_json(&json, value.value_type(), "value"),
                Ok(value),
                "{json}"
            );
        }
        assert_eq!(to_json(&Value::Float(f64::NAN)), json!("NaN"));
        assert!(
            matches!(from_json(&json!("NaN"), ValueType::Float, ""), Ok(Value::Float(number)) if number.is_nan())
        );
    }

    #[test]
    fn other_spellings_are_accepted() {
        use ValueType::{Float, Integer, Opaque, Time, Unsigned};
        let rows = [
            (json!(21.0), Integer, Value::Integer(21)),
            (json!("21"), Integer, Value::Integer(21)),
            (json!("0021"), Unsigned, Value::Unsigned(21)),
            (json!(21), Float, Value::Float(21.0)),
            (json!("1e3"), Float, Value::Float(1000.0)),
            (
                json!({"base64": "wP/uAA=="}),
                Opaque,
                Value::Opaque(vec![0xc0, 0xff, 0xee, 0x00].into()),
            ),
            (
                json!({"hex": "C0FFEE00"}),
                Opaque,
                Value::Opaque(vec![0xc0, 0xff, 0xee, 0x00].into()),
            ),
            (json!(1_367_491_215), Time, Value::Time(1_367_491_215)),
            (
                json!("2013-05-02T12:40:15+02:00"),
                Time,
                Value::Time(1_367_491_215),
            ),
            (
                json!("2013-05-02T10:40:15.000Z"),
                Time,
                Value::Time(1_367_491_215),
            ),
        ];
        for (json, value_type, value) in rows {
            assert_eq!(from_json(&json, value_type, "value"), Ok(value), "{json}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_place() {
        use ValueType::{
            Boolean, CoreLink, Float, Integer, None, ObjectLink, Opaque, String, Time, Unsigned,
        };
        let rows = [
            (json!(1), String, "a string expected, a number given"),
            (json!(null), String, "a string expected, null given"),
            (
                json!([]),
                CoreLink,
                "a string of links such as </3/0> expected, a list given",
            ),
            (json!(1), Boolean, "true or false expected, a number given"),
            (
                json!("true"),
                Boolean,
                "true or false expected, a string given",
            ),
            (
                json!(1.5),
                Integer,
                "a whole number (as digits in a string beyond ±9007199254740991) expected, a number given",
            ),
            (
                json!(1e18),
                Integer,
                "a whole number (as digits in a string beyond ±9007199254740991) expected, a number given",
            ),
            (
                json!("9223372036854775808"),
                Integer,
                "an Integer has 64 bits",
            ),
            (
                json!("99999999999999999999999"),
                Integer,
                "a whole number (as digits in a string beyond ±9007199254740991) expected, a string given",
            ),
            (json!(-1), Unsigned, "an Unsigned Integer is 0 to 2⁶⁴−1"),
            (
                json!("nan"),
                Float,
                "a number, \"NaN\", \"Infinity\" or \"-Infinity\" expected, a string given",
            ),
            (
                json!("1e999"),
                Float,
                "a number, \"NaN\", \"Infinity\" or \"-Infinity\" expected, a string given",
            ),
            (json!("yesterday"), Time, "not a time"),
            (
                json!("2013-05-02T10:40:15.5Z"),
                Time,
                "a Time has whole seconds",
            ),
            (
                json!(true),
                Time,
                "a time as RFC 3339 or whole seconds since 1970 expected, a boolean given",
            ),
            (
                json!("66"),
                ObjectLink,
                "an object link such as \"66:1\" expected, a string given",
            ),
            (
                json!("c0ffee"),
                Opaque,
                "{\"hex\": \"…\"} or {\"base64\": \"…\"} expected, a string given",
            ),
            (
                json!({"hex": "c0", "base64": ""}),
                Opaque,
                "{\"hex\": \"…\"} or {\"base64\": \"…\"} expected, an object given",
            ),
            (
                json!(1),
                None,
                "this resource has no value, it can only be executed",
            ),
        ];
        for (json, value_type, detail) in rows {
            let fault = from_json(&json, value_type, "values.0").unwrap_err();
            assert_eq!(
                (fault.field.as_str(), fault.detail.as_ref()),
                ("values.0", detail),
                "{json}"
            );
        }
        for (json, field) in [
            (json!({"hex": "abc"}), "v.hex"),
            (json!({"hex": "+1"}), "v.hex"),
            (json!({"base64": "wP/uAA"}), "v.base64"),
        ] {
            assert_eq!(from_json(&json, Opaque, "v").unwrap_err().field, field);
        }
    }

    #[test]
    fn an_unknown_resource_takes_what_the_json_looks_like() {
        let rows = [
            (json!(true), Value::Boolean(true)),
            (json!("x"), Value::from("x")),
            (json!(5), Value::Integer(5)),
            (json!(u64::MAX), Value::Unsigned(u64::MAX)),
            (json!(5.0), Value::Float(5.0)),
            (json!({"hex": "ff"}), Value::Opaque(vec![0xff].into())),
        ];
        for (json, value) in rows {
            assert_eq!(guess(&json, ""), Ok(value));
        }
        for json in [json!(null), json!([1]), json!({"a": 1})] {
            assert!(guess(&json, "").is_err());
        }
    }

    #[test]
    fn every_type_has_its_name() {
        for value_type in TYPES {
            assert_eq!(type_named(type_name(value_type)), Some(value_type));
        }
        assert_eq!(type_named("none"), None);
    }
}
