//! What a user types as a value, as the JSON that the API takes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use crate::failure::Failure;

/// What the definition of an object tells of a resource.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Kind {
    /// As the API names it: `float`.
    pub(crate) value_type: String,
    pub(crate) multiple: bool,
}

/// Reads `text` as a value of a type.
pub(crate) fn typed(text: &str, value_type: &str) -> Result<Json, Failure> {
    let wrong = |expected: &str| {
        Failure::usage(format!("{text:?} is no value of type {value_type}")).hint(expected)
    };
    match value_type {
        "integer" => {
            let number = text.parse::<i64>();
            number
                .map(|number| whole(number.into()))
                .map_err(|_| wrong("a whole number of 64 bits, such as -4"))
        }
        "unsigned" => {
            let number = text.parse::<u64>();
            number
                .map(|number| whole(number.into()))
                .map_err(|_| wrong("a whole number from 0, of 64 bits"))
        }
        "float" => match text {
            "NaN" | "Infinity" | "-Infinity" => Ok(text.into()),
            _ => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(number.into()),
                _ => Err(wrong("a number such as 21.5, NaN, Infinity or -Infinity")),
            },
        },
        "boolean" => match text {
            "true" | "1" => Ok(true.into()),
            "false" | "0" => Ok(false.into()),
            _ => Err(wrong("true or false")),
        },
        "time" => Ok(text
            .parse::<i64>()
            .map_or_else(|_| text.into(), |seconds| whole(seconds.into()))),
        "opaque" => opaque(text),
        "none" => Err(Failure::usage("this resource has no value").hint("exec executes it")),
        _ => Ok(text.into()),
    }
}

/// The value that `text` looks like, for a resource without a definition, and the name of its type.
pub(crate) fn guessed(text: &str) -> (Json, &'static str) {
    if let Ok(flag) = text.parse::<bool>() {
        return (flag.into(), "boolean");
    }
    if let Ok(number) = text.parse::<i64>() {
        return (number.into(), "integer");
    }
    if let Ok(number) = text.parse::<u64>() {
        return (number.into(), "unsigned");
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => (number.into(), "float"),
        _ => (text.into(), "string"),
    }
}

/// `5700=21.5` and `7/0=5` as the `resources` of an instance.
pub(crate) fn resources(
    pairs: &[String],
    value: impl Fn(u16, bool, &str) -> Result<Json, Failure>,
) -> Result<Map<String, Json>, Failure> {
    let mut resources = Map::new();
    for pair in pairs {
        let wrong = || {
            Failure::usage(format!("{pair:?} does not set a resource"))
                .hint("such as 5700=21.5, or 7/0=5 where a resource has instances")
        };
        let (key, text) = pair.split_once('=').ok_or_else(wrong)?;
        let (resource, instance) = match key.split_once('/') {
            Some((resource, instance)) => (resource, Some(instance)),
            None => (key, None),
        };
        let id = |text: &str| text.parse::<u16>().map_err(|_| wrong());
        let (resource, instance) = (id(resource)?, instance.map(id).transpose()?);
        let value = value(resource, instance.is_some(), text)?;
        let twice = || Failure::usage(format!("{key} is set twice"));
        match instance {
            None => {
                let before = resources.insert(resource.to_string(), json!({ "value": value }));
                if before.is_some() {
                    return Err(twice());
                }
            }
            Some(instance) => {
                let entry = resources.entry(resource.to_string());
                let entry = entry.or_insert_with(|| json!({ "values": {} }));
                let values = entry.get_mut("values").and_then(Json::as_object_mut);
                let values = values.ok_or_else(twice)?;
                if values.insert(instance.to_string(), value).is_some() {
                    return Err(twice());
                }
            }
        }
    }
    Ok(resources)
}

/// What `read` prints, without what a write does not take: names, units and what was told about
/// the answer. Types go where a definition knows better.
pub(crate) fn writable(mut body: Json) -> Json {
    let Some(members) = body.as_object_mut() else {
        return body;
    };
    if members.get("name").is_some_and(Json::is_string) {
        members.remove("type");
    }
    for told in [
        "path", "name", "known", "unit", "format", "quirks", "taken_at",
    ] {
        members.remove(told);
    }
    if let Some(Json::Object(resources)) = members.get_mut("resources") {
        for resource in resources.values_mut() {
            *resource = writable(resource.take());
        }
    }
    body
}

fn opaque(text: &str) -> Result<Json, Failure> {
    let base64 = |bytes: &[u8]| json!({ "base64": STANDARD.encode(bytes) });
    if let Some(path) = text.strip_prefix('@') {
        return match std::fs::read(path) {
            Ok(bytes) => Ok(base64(&bytes)),
            Err(error) => Err(Failure::usage(format!("cannot read {path}: {error}"))),
        };
    }
    match text.split_once(':') {
        Some(("hex", digits)) => Ok(json!({ "hex": digits })),
        Some(("base64", digits)) => Ok(json!({ "base64": digits })),
        Some(("text", text)) => Ok(base64(text.as_bytes())),
        _ => {
            let hint = format!(
                "say which: hex:{text}, base64:{text} or text:{text}, or @FILE for a file's bytes"
            );
            Err(Failure::usage(format!("{text:?} could be read as several bytes")).hint(hint))
        }
    }
}

/// A whole number as the API writes it: beyond ±(2⁵³−1), where JSON readers lose digits, as text.
fn whole(number: i128) -> Json {
    match i64::try_from(number) {
        Ok(small) if (-MAX_EXACT..=MAX_EXACT).contains(&small) => small.into(),
        _ => number.to_string().into(),
    }
}

const MAX_EXACT: i64 = (1 << 53) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_a_value_of_the_resource_s_type() {
        let rows = [
            ("21.5", "float", json!(21.5)),
            ("21", "float", json!(21.0)),
            ("-Infinity", "float", json!("-Infinity")),
            ("21", "integer", json!(21)),
            (
                "-9223372036854775808",
                "integer",
                json!("-9223372036854775808"),
            ),
            (
                "9007199254740991",
                "integer",
                json!(9_007_199_254_740_991_u64),
            ),
            ("9007199254740992", "unsigned", json!("9007199254740992")),
            ("true", "boolean", json!(true)),
            ("0", "boolean", json!(false)),
            ("21.5", "string", json!("21.5")),
            ("true", "string", json!("true")),
            ("1767225600", "time", json!(1_767_225_600)),
            (
                "2026-01-01T00:00:00Z",
                "time",
                json!("2026-01-01T00:00:00Z"),
            ),
            ("66:1", "objlnk", json!("66:1")),
            ("</3/0>", "corelnk", json!("</3/0>")),
            ("hex:c0ffee", "opaque", json!({"hex": "c0ffee"})),
            ("base64:wP/u", "opaque", json!({"base64": "wP/u"})),
            ("text:a:b", "opaque", json!({"base64": "YTpi"})),
        ];
        for (text, value_type, value) in rows {
            assert_eq!(typed(text, value_type).ok(), Some(value), "{text}");
        }
        for (text, value_type, told) in [
            ("21.5", "integer", "a whole number of 64 bits"),
            ("-1", "unsigned", "a whole number from 0"),
            ("warm", "float", "a number such as"),
            ("1e999", "float", "a number such as"),
            ("yes", "boolean", "true or false"),
            (
                "c0ffee",
                "opaque",
                "hex:c0ffee, base64:c0ffee or text:c0ffee",
            ),
            ("@no/such/file", "opaque", "cannot read no/such/file"),
            ("1", "none", "exec executes it"),
        ] {
            let failure = typed(text, value_type).expect_err(text);
            assert_eq!(failure.exit, 2);
            assert!(failure.to_string().contains(told), "{failure}");
        }
    }

    #[test]
    fn without_a_definition_the_value_decides() {
        for (text, value, value_type) in [
            ("true", json!(true), "boolean"),
            ("5", json!(5), "integer"),
            ("18446744073709551615", json!(u64::MAX), "unsigned"),
            ("5.0", json!(5.0), "float"),
            ("NaN", json!("NaN"), "string"),
            ("warm", json!("warm"), "string"),
        ] {
            assert_eq!(guessed(text), (value, value_type));
        }
    }

    #[test]
    fn pairs_become_resources() {
        let set = |pairs: &[&str]| {
            let pairs: Vec<String> = pairs.iter().map(|&pair| pair.to_owned()).collect();
            resources(&pairs, |_, _, text| Ok(text.into()))
        };
        assert_eq!(
            Json::Object(set(&["5700=1=2", "7/0=a", "7/12=b"]).unwrap()),
            json!({"5700": {"value": "1=2"}, "7": {"values": {"0": "a", "12": "b"}}})
        );
        for pairs in [
            &["5700"][..],
            &["x=1"],
            &["7/x=1"],
            &["1=1", "1=2"],
            &["7/0=1", "7/0=2"],
            &["7=1", "7/0=2"],
            &["7/0=1", "7=2"],
        ] {
            assert_eq!(set(pairs).unwrap_err().exit, 2, "{pairs:?}");
        }
    }

    #[test]
    fn what_was_read_can_be_written() {
        let read = json!({"path": "/1/0", "name": "LwM2M Server", "format": "tlv", "quirks": [], "taken_at": null,
            "resources": {
                "1": {"path": "/1/0/1", "name": "Lifetime", "type": "integer", "unit": "s", "value": 300},
                "99": {"path": "/1/0/99", "name": null, "known": false, "type": "time", "value": 300}}});
        assert_eq!(
            writable(read),
            json!({"resources": {"1": {"value": 300}, "99": {"type": "time", "value": 300}}})
        );
        assert_eq!(writable(json!({"valeu": 1})), json!({"valeu": 1}));
    }
}
