//! What SenML in JSON and in CBOR have in common: records with whole names, and times.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Write as _;

use bytes::Bytes;
use senml::{DecodeError, EncodeError as WriteError, Fields, Limits, Record, Value as Wire};

use super::{
    Decoded, EncodeError, EncodeErrorKind, PayloadError, PayloadErrorKind, QuirkKind, Timestamped,
    cbor::usual,
    incoming::{Entry, Judge, build, empty},
};
use crate::{Context, Level, Node, Path, ResourceValue, Value, ValueType};

/// Below this a time is relative to the moment of reception (RFC 8428 §4.5.3).
const ABSOLUTE: f64 = 268_435_456.0;

/// How numbers are written.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Numbers {
    /// As decimals, of which a Float is the nearest binary number.
    Decimal,
    /// As binary numbers, exact ones.
    Binary,
}

/// The limits of SenML itself, of which the number of records is left to [`Judge::admit`].
pub(super) fn limits(cx: &Context<'_>) -> Limits {
    let mut limits = Limits::default();
    limits.records = cx.limits.entries.saturating_add(1);
    limits
}

pub(super) fn decode<'a>(
    cx: &Context<'_>,
    path: &Path,
    numbers: Numbers,
    records: impl Iterator<Item = Result<Record<'a>, DecodeError>>,
) -> Result<Decoded, PayloadError> {
    let mut judge = Judge::new(cx);
    let mut dated: Vec<(Option<f64>, Entry)> = Vec::new();
    for record in records {
        let record = record.map_err(|error| {
            PayloadError::new(*path, error.offset, PayloadErrorKind::Senml(error.kind))
        })?;
        judge.admit(path, record.offset)?;
        // A record that only sets base fields for those that follow is no reading.
        if record.base_only {
            continue;
        }
        let time = match record.time.map(|time| time.to_f64()) {
            Some(time) if !time.is_finite() => {
                let fault = PayloadErrorKind::Time;
                return Err(PayloadError::new(*path, record.offset, fault));
            }
            time => time,
        };
        dated.push((time, entry(&mut judge, path, numbers, &record)?));
    }
    let order = |time: &Option<f64>| {
        let seconds = time.unwrap_or_default();
        (seconds < ABSOLUTE, seconds)
    };
    dated.sort_by(|(a, _), (b, _)| {
        let ((a_relative, a), (b_relative, b)) = (order(a), order(b));
        b_relative.cmp(&a_relative).then(b.total_cmp(&a))
    });
    let same = |a: &Option<f64>, b: &Option<f64>| order(a) == order(b);
    // Each time gets as much room as it fills.
    let mut nodes = Vec::with_capacity(dated.chunk_by(|(a, _), (b, _)| same(a, b)).count());
    let mut dated = dated.into_iter();
    while let Some(time) = dated.as_slice().first().map(|(time, _)| *time) {
        let alike = dated
            .as_slice()
            .iter()
            .take_while(|(other, _)| same(other, &time));
        let alike = alike.count();
        let entries = dated.by_ref().take(alike).map(|(_, entry)| entry).collect();
        nodes.push(Timestamped {
            time,
            node: build(&mut judge, path, entries)?,
        });
    }
    let mut nodes = nodes.into_iter();
    let newest = match nodes.next() {
        Some(newest) => newest,
        None => Timestamped {
            time: None,
            node: empty(&mut judge, path)?,
        },
    };
    Ok(Decoded {
        node: newest.node,
        time: newest.time,
        older: nodes.collect(),
        quirks: judge.quirks,
    })
}

fn entry(
    judge: &mut Judge<'_>,
    target: &Path,
    numbers: Numbers,
    record: &Record<'_>,
) -> Result<Entry, PayloadError> {
    let path = name(judge, target, record)?;
    let offset = record.value_offset;
    let fault = |kind| PayloadError::new(path, offset, kind);
    let wanted = judge.resource(&path).value_type();
    let value = match record.value {
        Some(Wire::Number(number)) => {
            let whole = number
                .to_i64()
                .map(Value::Integer)
                .or_else(|| number.to_u64().map(Value::Unsigned));
            let wants_whole = matches!(
                wanted,
                Some(ValueType::Integer | ValueType::Unsigned | ValueType::Time)
            );
            match (whole, wanted) {
                (_, Some(ValueType::Float)) if numbers == Numbers::Decimal => {
                    Value::Float(number.to_f64())
                }
                (Some(whole), _) if number.is_integer() => whole,
                (Some(whole), Some(wanted)) if wants_whole => {
                    judge.quirk(path, QuirkKind::Converted(ValueType::Float, wanted));
                    whole
                }
                _ => Value::Float(number.to_f64()),
            }
        }
        Some(Wire::String(text)) => Value::String(text.to_cow().into_owned()),
        Some(Wire::Boolean(flag)) => Value::Boolean(flag),
        Some(Wire::Data(data)) => Value::Opaque(Bytes::from(data.to_cow().into_owned())),
        Some(Wire::ObjectLink(text)) => Value::ObjectLink(
            text.to_cow()
                .parse()
                .map_err(|_| fault(PayloadErrorKind::NotAnObjectLink))?,
        ),
        _ => return Err(fault(PayloadErrorKind::NoValue)),
    };
    let value = judge.value(&path, offset, value, usual_in_senml)?;
    Ok(Entry {
        path,
        offset: record.offset,
        value,
    })
}

/// As in CBOR, but object links have a field of their own.
fn usual_in_senml(from: ValueType, to: ValueType) -> bool {
    to != ValueType::ObjectLink && usual(from, to)
}

/// The path that a record's name means, without the device's root, inside the path that was asked for.
fn name(judge: &mut Judge<'_>, target: &Path, record: &Record<'_>) -> Result<Path, PayloadError> {
    let fault = |kind| PayloadError::new(*target, record.offset, kind);
    let whole = record.name.to_cow();
    let absolute = whole.strip_prefix('/');
    let below_root = judge
        .prefix()
        .and_then(|root| absolute.unwrap_or(&whole).strip_prefix(root))
        .filter(|rest| rest.starts_with('/'));
    let path: Path = match below_root {
        Some(rest) => rest.parse(),
        None => whole.parse(),
    }
    .map_err(|error: crate::PathError| fault(PayloadErrorKind::Name(error.kind)))?;
    if !path.starts_with(target) {
        return Err(PayloadError::new(
            path,
            record.offset,
            PayloadErrorKind::OutsidePath,
        ));
    }
    if path.level() < Level::Resource {
        return Err(PayloadError::new(
            path,
            record.offset,
            PayloadErrorKind::NotAResource,
        ));
    }
    if absolute.is_none() {
        judge.quirk(path, QuirkKind::RelativeName);
    }
    Ok(path)
}

/// Hands the records of a node to `emit`, one after the other; the first one has the base name.
pub(super) fn write(
    cx: &Context<'_>,
    path: &Path,
    node: &Node,
    mut emit: impl FnMut(&Fields<'_>) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let mut base = match cx.prefix() {
        Some(root) => format!("/{root}{path}"),
        None => path.to_string(),
    };
    let mut first = true;
    let mut name = String::new();
    let below = path.ids().len();
    for (place, value) in node.walk(path) {
        name.clear();
        for (index, id) in place.ids().iter().skip(below).enumerate() {
            let slash = if index > 0 { "/" } else { "" };
            // Writing to a String does not fail.
            let _ = write!(name, "{slash}{id}");
        }
        let mut fields = Fields::new();
        if first {
            if !name.is_empty() {
                base.push('/');
            }
            fields = fields.base_name(&base);
        }
        if !name.is_empty() {
            fields = fields.name(&name);
        }
        first = false;
        emit_value(fields, value, &mut emit)?;
    }
    Ok(())
}

fn emit_value(
    fields: Fields<'_>,
    value: &Value,
    emit: &mut impl FnMut(&Fields<'_>) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    match value {
        Value::String(text) | Value::CoreLink(text) => emit(&fields.value(text.as_str())),
        Value::Integer(number) | Value::Time(number) => emit(&fields.value(*number)),
        Value::Unsigned(number) => emit(&fields.value(*number)),
        Value::Float(number) => emit(&fields.value(*number)),
        Value::Boolean(flag) => emit(&fields.value(*flag)),
        Value::Opaque(bytes) => emit(&fields.value(&**bytes)),
        Value::ObjectLink(link) => {
            let link = link.to_string();
            emit(&fields.object_link(&link))
        }
    }
}

/// True when a node holds no value: then there is no record to write, and the payload is empty.
pub(super) fn is_empty(node: &Node) -> bool {
    let no_values = |value: &ResourceValue| value.as_multiple().is_some_and(<[_]>::is_empty);
    match node {
        Node::Object(object) => object
            .instances
            .iter()
            .all(|instance| instance.resources.iter().all(|r| no_values(&r.value))),
        Node::Instance(instance) => instance.resources.iter().all(|r| no_values(&r.value)),
        Node::Resource(resource) => no_values(&resource.value),
        Node::ResourceInstance(..) => false,
    }
}

pub(super) fn fault(path: &Path, error: WriteError) -> EncodeError {
    EncodeError::new(
        *path,
        match error {
            WriteError::NotFinite => EncodeErrorKind::NotANumber,
            _ => EncodeErrorKind::TooLong,
        },
    )
}
