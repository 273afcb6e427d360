#![no_main]
//! Paths, links and versions are read as they are displayed, and a value that converts has lost nothing.

use core::fmt::{Debug, Display};
use core::str::FromStr;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use lwm2m_model::{Lwm2mVersion, ObjectLink, Path, Value, ValueType as T, Version};

#[derive(Arbitrary, Debug)]
enum Input {
    Text(String),
    Ids([u16; 4], u8),
    Integer(i64),
    Unsigned(u64),
    Time(i64),
    Float(f64),
    Boolean(bool),
    Link(u16, u16),
}

const TYPES: [T; 9] = [
    T::String,
    T::Integer,
    T::Unsigned,
    T::Float,
    T::Boolean,
    T::Opaque,
    T::Time,
    T::ObjectLink,
    T::CoreLink,
];

/// Reads, displays, reads; what is displayed is not longer.
fn text<V: FromStr<Err: Display> + Display + PartialEq + Debug>(text: &str) {
    let Ok(value) = fuzz::within_bounds(text.as_bytes(), |_| text.parse::<V>()) else {
        return;
    };
    let shown = value.to_string();
    assert!(shown.len() <= text.len() + 2, "{text} {shown}");
    assert_eq!(shown.parse::<V>().ok(), Some(value));
}

fn path(path: Path) {
    assert_eq!(path.to_string().parse(), Ok(path));
    assert_eq!(Path::from_ids(path.ids()), Ok(path));
    match (path.parent(), path.last_id()) {
        (Some(parent), Some(id)) => {
            assert_eq!(parent.child(id), Ok(path));
            assert!(path.starts_with(&parent) && !parent.starts_with(&path) && parent < path);
        }
        other => assert_eq!((other, path), ((None, None), Path::ROOT)),
    }
}

/// Where a conversion has a way back, the way back leads to the same value. Only the text of a link may have had
/// zeros in front.
fn value(value: Value) {
    let bits = |value: &Value| match value {
        Value::Float(number) => Err(number.to_bits()),
        other => Ok(other.clone()),
    };
    for to in TYPES {
        let Ok(there) = value.clone().convert(to) else {
            continue;
        };
        assert_eq!(there.value_type(), to);
        let Ok(back) = there.clone().convert(value.value_type()) else {
            continue;
        };
        match (value.value_type(), to) {
            (T::String, T::ObjectLink) => assert_eq!(back.convert(to), Ok(there)),
            _ => assert_eq!(bits(&back), bits(&value), "by {to}"),
        }
    }
}

fuzz_target!(|input: Input| match input {
    Input::Text(string) => {
        text::<Path>(&string);
        text::<ObjectLink>(&string);
        text::<Version>(&string);
        text::<Lwm2mVersion>(&string);
        if let Err(fault) = string.parse::<Path>() {
            assert!(fault.offset <= string.len());
        }
        value(Value::String(string));
    }
    Input::Ids(ids, levels) => {
        if let Ok(ids) = Path::from_ids(&ids[..usize::from(levels % 5)]) {
            path(ids);
        }
    }
    Input::Integer(number) => value(Value::Integer(number)),
    Input::Unsigned(number) => value(Value::Unsigned(number)),
    Input::Time(number) => value(Value::Time(number)),
    Input::Float(number) => value(Value::Float(number)),
    Input::Boolean(flag) => value(Value::Boolean(flag)),
    Input::Link(object, instance) => value(Value::ObjectLink(ObjectLink::new(object, instance))),
});
