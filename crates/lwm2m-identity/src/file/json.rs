//! An object with a list of objects.

use super::{Entry, Field, FileError, FileProblem, Lines, Value};
use alloc::{
    borrow::Cow,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{error::Category, value::RawValue};

pub(super) fn entries<'a>(text: &'a str, lines: &Lines) -> Result<Vec<Entry<'a>>, FileError> {
    // Every value is a part of the text, so its place is known.
    let offset = |raw: &RawValue| {
        raw.get()
            .as_ptr()
            .addr()
            .saturating_sub(text.as_ptr().addr())
    };
    let file: Device<'_> = serde_json::from_str(text).map_err(|error| problem(&error, 0))?;
    let mut entries = Vec::new();
    for raw in file.device {
        let line = lines.of(offset(raw));
        let Fields(all) = serde_json::from_str(raw.get())
            .map_err(|error| problem(&error, line.saturating_sub(1)))?;
        let mut fields = Vec::new();
        for (name, raw) in all {
            let value = match raw.get().as_bytes().first() {
                Some(b'"') => serde_json::from_str::<String>(raw.get())
                    .map(|text| Value::Text(Cow::Owned(text)))
                    .map_err(|error| problem(&error, lines.of(offset(raw)).saturating_sub(1)))?,
                Some(b'{') => Value::Other("object"),
                Some(b'[') => Value::Other("array"),
                Some(b't' | b'f') => Value::Other("boolean"),
                Some(b'n') => Value::Other("null"),
                _ => Value::Other("number"),
            };
            fields.push(Field {
                line: lines.of(offset(raw)),
                name: name.into(),
                value,
            });
        }
        entries.push(Entry { line, fields });
    }
    Ok(entries)
}

/// What serde_json says of the syntax is free of content; what it says of data would quote a value.
fn problem(error: &serde_json::Error, lines_before: usize) -> FileError {
    let line = error.line().max(1).saturating_add(lines_before);
    FileError::new(
        line,
        match error.classify() {
            Category::Syntax | Category::Eof | Category::Io => {
                FileProblem::Syntax(error.to_string())
            }
            Category::Data => FileProblem::Shape,
        },
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Device<'a> {
    #[serde(borrow)]
    device: Vec<&'a RawValue>,
}

/// All fields in their order, also the same one twice.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Fields(all))
            }
        }

        deserializer.deserialize_map(All)
    }
}
