//! Whether a value may stand in a resource: type, multiplicity and range of the definition.

use lwm2m_model::{ResourceDef, ResourceValue, Value};

use crate::ObjectError;

/// Brings a value into the type of its definition, without loss, and checks its range.
pub(crate) fn conform(
    def: ResourceDef<'_>,
    value: ResourceValue,
) -> Result<ResourceValue, ObjectError> {
    match (value, def.is_multiple()) {
        (ResourceValue::Single(value), false) => {
            Ok(ResourceValue::Single(conform_value(def, value)?))
        }
        (ResourceValue::Multiple(values), true) => {
            let mut values = values
                .into_iter()
                .map(|(id, value)| Ok((id, conform_value(def, value)?)))
                .collect::<Result<alloc::vec::Vec<_>, ObjectError>>()?;
            values.sort_by_key(|(id, _)| *id);
            let twice = values
                .windows(2)
                .any(|pair| matches!(pair, [(a, _), (b, _)] if a == b));
            if twice {
                return Err(ObjectError::BadRequest);
            }
            Ok(ResourceValue::Multiple(values))
        }
        _ => Err(ObjectError::BadValue),
    }
}

/// The same for one value: of a single resource, or of one resource instance.
pub(crate) fn conform_value(def: ResourceDef<'_>, value: Value) -> Result<Value, ObjectError> {
    let value = value
        .convert(def.value_type())
        .map_err(|_| ObjectError::BadValue)?;
    match def.range().and_then(Range::parse) {
        Some(range) if !range.admits(&value) => Err(ObjectError::BadValue),
        _ => Ok(value),
    }
}

/// `0..100`, `1..65534`, `0..255 bytes`, `0-255 bytes`: bounds of a number, or of a length in bytes.
///
/// The field of the definition file is free text, so what reads otherwise restricts nothing.
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (low, high) = match text.split_once("..") {
            Some(parts) => parts,
            // A minus sign in front is not the separator.
            None => text
                .char_indices()
                .skip(1)
                .find(|(_, c)| *c == '-')
                .and_then(|(at, _)| Some((text.get(..at)?, text.get(at.saturating_add(1)..)?)))?,
        };
        let high = high.split_whitespace().next()?;
        let low = low.trim().parse().ok()?;
        let high = high.parse().ok()?;
        (low <= high).then_some(Self { low, high })
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a bound in a definition is far below 2^53"
    )]
    fn admits(&self, value: &Value) -> bool {
        let number = match value {
            Value::Integer(number) => *number as f64,
            Value::Unsigned(number) => *number as f64,
            Value::Float(number) => *number,
            Value::String(text) | Value::CoreLink(text) => text.len() as f64,
            Value::Opaque(bytes) => bytes.len() as f64,
            _ => return true,
        };
        (self.low..=self.high).contains(&number)
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec};

    use lwm2m_model::{Operations, ResourceDef, ResourceValue, Value, ValueType};

    use super::{conform, conform_value};
    use crate::ObjectError;

    #[test]
    fn ranges_as_the_registry_writes_them() {
        for (range, kind, value, ok) in [
            ("0..100", ValueType::Integer, Value::Integer(100), true),
            ("0..100", ValueType::Integer, Value::Integer(101), false),
            ("0..100", ValueType::Integer, Value::Integer(-1), false),
            ("-10..10", ValueType::Integer, Value::Integer(-10), true),
            ("0..1", ValueType::Float, Value::Float(0.5), true),
            ("0..1", ValueType::Float, Value::Float(f64::NAN), false),
            (
                "0..3 bytes",
                ValueType::String,
                Value::String("abc".to_string()),
                true,
            ),
            (
                "0-3 bytes",
                ValueType::String,
                Value::String("abcd".to_string()),
                false,
            ),
            ("anything", ValueType::Integer, Value::Integer(7), true),
            ("16,32,48", ValueType::Integer, Value::Integer(7), true),
            ("", ValueType::Integer, Value::Integer(7), true),
        ] {
            let def = ResourceDef::new(0, "x", Operations::RW, kind).with_range(range);
            assert_eq!(
                conform_value(def, value.clone()).is_ok(),
                ok,
                "{range} {value:?}"
            );
        }
    }

    #[test]
    fn type_and_multiplicity() {
        let def = ResourceDef::new(0, "x", Operations::RW, ValueType::Integer);
        assert_eq!(
            conform(def, ResourceValue::Single(Value::Unsigned(5))),
            Ok(ResourceValue::Single(Value::Integer(5)))
        );
        let text = ResourceValue::Single(Value::String("5x".to_string()));
        assert_eq!(conform(def, text), Err(ObjectError::BadValue));
        let many = ResourceValue::Multiple(vec![(3, Value::Integer(1)), (1, Value::Integer(2))]);
        assert_eq!(conform(def, many.clone()), Err(ObjectError::BadValue));
        let def = def.with_multiple(true);
        assert_eq!(
            conform(def, many),
            Ok(ResourceValue::Multiple(vec![
                (1, Value::Integer(2)),
                (3, Value::Integer(1))
            ]))
        );
        let twice = ResourceValue::Multiple(vec![(1, Value::Integer(1)), (1, Value::Integer(2))]);
        assert_eq!(conform(def, twice), Err(ObjectError::BadRequest));
    }
}
