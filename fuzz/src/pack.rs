//! SenML: what a pack means, and the same pack written in both forms.

use senml::{EncodeError, Fields, Limits, Number, Record, Value, cbor, json};

/// What a record says, wherever it stood and however it was written.
#[derive(Debug, PartialEq)]
pub struct Meaning {
    name: String,
    unit: Option<String>,
    value: Option<Plain>,
    numbers: [Option<Plain>; 3],
    base_only: bool,
}

#[derive(Debug)]
enum Plain {
    Number(Number),
    Text(String),
    Boolean(bool),
    Data(Vec<u8>),
    Link(String),
    Null,
}

/// Numbers are equal as numbers. JSON writes the floats from 2⁵³ on as the whole numbers that they are, so against a
/// float only the float counts. NaN is NaN.
impl PartialEq for Plain {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => {
                let floats = [a, b]
                    .iter()
                    .any(|n| n.to_i64().is_none() && n.to_u64().is_none());
                let (x, y) = (a.to_f64(), b.to_f64());
                a == b || (floats && x == y) || (x.is_nan() && y.is_nan())
            }
            (Self::Text(a), Self::Text(b)) | (Self::Link(a), Self::Link(b)) => a == b,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Data(a), Self::Data(b)) => a == b,
            (Self::Null, Self::Null) => true,
            _ => false,
        }
    }
}

pub fn meaning(records: &[Record<'_>]) -> Vec<Meaning> {
    let plain = |value| match value {
        Value::Number(number) => Plain::Number(number),
        Value::String(text) => Plain::Text(text.to_cow().into_owned()),
        Value::Boolean(flag) => Plain::Boolean(flag),
        Value::Data(data) => Plain::Data(data.to_cow().into_owned()),
        Value::ObjectLink(link) => Plain::Link(link.to_cow().into_owned()),
        _ => Plain::Null,
    };
    let records = records.iter().map(|record| Meaning {
        name: record.name.to_string(),
        unit: record.unit.map(|unit| unit.to_string()),
        value: record.value.map(plain),
        numbers: [record.sum, record.time, record.update_time].map(|n| n.map(Plain::Number)),
        base_only: record.base_only,
    });
    records.collect()
}

/// Whether JSON can say it: it has no infinities and no NaN.
pub fn is_finite(records: &[Record<'_>]) -> bool {
    let infinite =
        |record: &Record<'_>| matches!(record.value, Some(Value::Number(n)) if !n.is_finite());
    !records.iter().any(infinite)
}

/// Packs that are read are bounded by their records, not by their bytes: JSON of CBOR is longer.
pub fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.len = usize::MAX;
    limits
}

pub fn to_cbor(records: &[Record<'_>]) -> Result<Vec<u8>, EncodeError> {
    let names = names(records);
    cbor::to_vec(|writer| fields(records, &names).try_for_each(|fields| writer.record(&fields)))
}

pub fn to_json(records: &[Record<'_>]) -> Result<Vec<u8>, EncodeError> {
    let names = names(records);
    json::to_vec(|writer| fields(records, &names).try_for_each(|fields| writer.record(&fields)))
}

fn names(records: &[Record<'_>]) -> Vec<String> {
    records
        .iter()
        .map(|record| record.name.to_string())
        .collect()
}

/// Each record with its whole name. A base name stays in force, so one that is set is unset again.
fn fields<'a>(records: &'a [Record<'a>], names: &'a [String]) -> impl Iterator<Item = Fields<'a>> {
    records.iter().zip(names).map(|(record, name)| {
        let mut fields = match record.base_only {
            true => Fields::new().base_name(name),
            false => Fields::named(name).base_name(""),
        };
        fields.unit = record.unit;
        fields.time = record.time;
        fields.value = record.value;
        fields.sum = record.sum;
        fields.update_time = record.update_time;
        fields
    })
}
