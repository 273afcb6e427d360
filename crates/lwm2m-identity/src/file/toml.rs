//! `[[device]]` tables.

use super::{Entry, Field, FileError, FileProblem, Lines, Value};
use alloc::{string::ToString, vec::Vec};
use toml::de::{DeTable, DeValue};

pub(super) fn entries<'a>(text: &'a str, lines: &Lines) -> Result<Vec<Entry<'a>>, FileError> {
    // Only the message of an error, never the line that it would show: a key may stand there.
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        FileError::new(
            lines.of(at),
            FileProblem::Syntax(error.message().to_string()),
        )
    })?;
    let mut entries = Vec::new();
    for (name, value) in table.into_inner() {
        let (line, inner) = (lines.of(name.span().start), value.into_inner());
        let DeValue::Array(devices) = inner else {
            return Err(FileError::new(line, FileProblem::Shape));
        };
        if name.get_ref() != "device" {
            return Err(FileError::new(line, FileProblem::Shape));
        }
        for device in devices {
            let line = lines.of(device.span().start);
            let DeValue::Table(table) = device.into_inner() else {
                return Err(FileError::new(line, FileProblem::Shape));
            };
            let fields = table.into_iter().map(|(name, value)| Field {
                line: lines.of(name.span().start),
                name: name.into_inner(),
                value: match value.into_inner() {
                    DeValue::String(text) => Value::Text(text),
                    DeValue::Datetime(moment) => Value::Text(moment.to_string().into()),
                    other => Value::Other(other.type_str()),
                },
            });
            entries.push(Entry {
                line,
                fields: fields.collect(),
            });
        }
    }
    Ok(entries)
}
