//! What a resource can hold.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use bytes::Bytes;

use crate::ObjectLink;

/// The value of a resource or of one instance of it.
///
/// # Specification
/// LwM2M Core 1.2 Appendix C (data types); Unsigned and Corelnk since 1.1.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// UTF-8 text.
    String(String),
    /// A signed integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// A floating-point number. NaN and infinities exist in TLV and CBOR, not in text and JSON.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// Bytes.
    Opaque(Bytes),
    /// A moment, in seconds since 1970-01-01 UTC.
    Time(i64),
    /// A reference to an object instance.
    ObjectLink(ObjectLink),
    /// Links in the format of RFC 6690, unparsed.
    CoreLink(String),
}

impl Value {
    /// The type that this value has.
    #[must_use]
    pub const fn value_type(&self) -> ValueType {
        match self {
            Self::String(_) => ValueType::String,
            Self::Integer(_) => ValueType::Integer,
            Self::Unsigned(_) => ValueType::Unsigned,
            Self::Float(_) => ValueType::Float,
            Self::Boolean(_) => ValueType::Boolean,
            Self::Opaque(_) => ValueType::Opaque,
            Self::Time(_) => ValueType::Time,
            Self::ObjectLink(_) => ValueType::ObjectLink,
            Self::CoreLink(_) => ValueType::CoreLink,
        }
    }

    /// The bytes of memory that the value holds beside itself.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::String(text) | Self::CoreLink(text) => text.capacity(),
            Self::Opaque(bytes) => bytes.len(),
            _ => 0,
        }
    }

    /// The same value as another type, if nothing is lost.
    ///
    /// Integer, Unsigned, Float and Time convert where the number is exactly the same; 0 and 1 convert to Boolean
    /// and back to an integer type; a text converts to Corelnk, to Objlnk (`66:1`) and to Boolean (`true`, `false`),
    /// and these convert to text.
    ///
    /// # Errors
    /// [`ConvertError`] for every other pair, and where digits would be lost: 1.5 as Integer, −1 as Unsigned,
    /// 2⁵³ + 1 as Float.
    pub fn convert(self, to: ValueType) -> Result<Self, ConvertError> {
        let from = self.value_type();
        if from == to {
            return Ok(self);
        }
        let converted = match (self, to) {
            (Self::String(text), ValueType::CoreLink) => Some(Self::CoreLink(text)),
            (Self::String(text), ValueType::ObjectLink) => text.parse().ok().map(Self::ObjectLink),
            (Self::String(text), ValueType::Boolean) => text.parse().ok().map(Self::Boolean),
            (Self::CoreLink(text), ValueType::String) => Some(Self::String(text)),
            (Self::ObjectLink(link), ValueType::String) => Some(Self::String(link.to_string())),
            (Self::Boolean(flag), ValueType::String) => Some(Self::String(flag.to_string())),
            (value, ValueType::Boolean) => match value.integer() {
                Some(0) => Some(Self::Boolean(false)),
                Some(1) => Some(Self::Boolean(true)),
                _ => None,
            },
            (value, ValueType::Float) => value.integer().and_then(float_exact).map(Self::Float),
            (value, ValueType::Integer) => value.integer().and_then(narrow).map(Self::Integer),
            (value, ValueType::Unsigned) => value.integer().and_then(narrow).map(Self::Unsigned),
            (value, ValueType::Time) => value.integer().and_then(narrow).map(Self::Time),
            _ => None,
        };
        converted.ok_or(ConvertError { from, to })
    }

    /// The text of a String or a Corelnk.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::CoreLink(text) => Some(text),
            _ => None,
        }
    }

    /// The number of an Integer or a Time, or of an Unsigned that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(number) | Self::Time(number) => Some(*number),
            Self::Unsigned(number) => i64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The number of an Unsigned, or of an Integer or Time that is not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Integer(number) | Self::Time(number) => u64::try_from(*number).ok(),
            Self::Unsigned(number) => Some(*number),
            _ => None,
        }
    }

    /// The number of a Float, or of an Integer, Unsigned or Time, rounded to the nearest one that `f64` has.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "the documentation says rounded; `convert` is the exact one"
    )]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            Self::Integer(number) | Self::Time(number) => Some(*number as f64),
            Self::Unsigned(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// The flag of a Boolean.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The bytes of an Opaque.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Opaque(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The link of an Objlnk.
    #[must_use]
    pub const fn as_object_link(&self) -> Option<ObjectLink> {
        match self {
            Self::ObjectLink(link) => Some(*link),
            _ => None,
        }
    }

    /// The whole number that this value is exactly, wide enough for all of them.
    fn integer(&self) -> Option<i128> {
        match self {
            Self::Integer(number) | Self::Time(number) => Some(i128::from(*number)),
            Self::Unsigned(number) => Some(i128::from(*number)),
            Self::Boolean(flag) => Some(i128::from(*flag)),
            Self::Float(number) => integer_exact(*number),
            _ => None,
        }
    }
}

/// Bounds of the floats that may be whole 64-bit numbers: −2⁶³ and 2⁶⁴.
const WHOLE: core::ops::Range<f64> = -9_223_372_036_854_775_808.0..18_446_744_073_709_551_616.0;

#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked before, and the fraction by casting back"
)]
#[expect(
    clippy::cast_precision_loss,
    reason = "casting back is the test for exactness"
)]
fn integer_exact(number: f64) -> Option<i128> {
    // −0.0 is not the integer 0: the sign would be lost.
    if !WHOLE.contains(&number) || (number == 0.0 && number.is_sign_negative()) {
        return None;
    }
    let whole = number as i128;
    (whole as f64 == number).then_some(whole)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "casting back is the test for exactness"
)]
fn float_exact(number: i128) -> Option<f64> {
    let float = number as f64;
    (integer_exact(float) == Some(number)).then_some(float)
}

fn narrow<T: TryFrom<i128>>(number: i128) -> Option<T> {
    T::try_from(number).ok()
}

impl fmt::Display for Value {
    /// For people: text as it is, Time as seconds, Opaque as hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) | Self::CoreLink(text) => f.write_str(text),
            Self::Integer(number) | Self::Time(number) => write!(f, "{number}"),
            Self::Unsigned(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::Boolean(flag) => write!(f, "{flag}"),
            Self::ObjectLink(link) => write!(f, "{link}"),
            Self::Opaque(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Boolean(flag)
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Opaque(bytes)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Opaque(bytes.into())
    }
}

impl From<ObjectLink> for Value {
    fn from(link: ObjectLink) -> Self {
        Self::ObjectLink(link)
    }
}

/// The type of a resource's values.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum ValueType {
    /// UTF-8 text.
    String,
    /// A signed integer of up to 64 bits.
    Integer,
    /// An unsigned integer of up to 64 bits.
    Unsigned,
    /// A floating-point number of 32 or 64 bits.
    Float,
    /// True or false.
    Boolean,
    /// Bytes.
    Opaque,
    /// Seconds since 1970-01-01 UTC.
    Time,
    /// A reference to an object instance.
    ObjectLink,
    /// Links in the format of RFC 6690.
    CoreLink,
    /// No value: the resource can only be executed.
    None,
}

impl ValueType {
    /// The name that the OMA registry gives it: `Unsigned Integer`, `Objlnk`; empty for none.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Integer => "Integer",
            Self::Unsigned => "Unsigned Integer",
            Self::Float => "Float",
            Self::Boolean => "Boolean",
            Self::Opaque => "Opaque",
            Self::Time => "Time",
            Self::ObjectLink => "Objlnk",
            Self::CoreLink => "Corelnk",
            Self::None => "",
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            other => other.as_str(),
        })
    }
}

/// A value cannot become another type without loss.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConvertError {
    /// The type that it has.
    pub from: ValueType,
    /// The type that was asked for.
    pub to: ValueType,
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot become {} without loss", self.from, self.to)
    }
}

impl core::error::Error for ConvertError {}

#[cfg(test)]
mod tests {
    use super::{Value, ValueType};
    use crate::ObjectLink;

    #[test]
    fn lossless_conversions() {
        for (from, to, want) in [
            (Value::Integer(5), ValueType::Float, Some(Value::Float(5.0))),
            (
                Value::Integer(5),
                ValueType::Unsigned,
                Some(Value::Unsigned(5)),
            ),
            (Value::Integer(5), ValueType::Time, Some(Value::Time(5))),
            (Value::Integer(-1), ValueType::Unsigned, None),
            (Value::Integer((1 << 53) + 1), ValueType::Float, None),
            (Value::Integer(i64::MAX), ValueType::Float, None),
            (
                Value::Integer(i64::MIN),
                ValueType::Float,
                Some(Value::Float(-9_223_372_036_854_775_808.0)),
            ),
            (Value::Unsigned(u64::MAX), ValueType::Integer, None),
            (Value::Unsigned(u64::MAX), ValueType::Float, None),
            (
                Value::Float(9_223_372_036_854_775_808.0),
                ValueType::Unsigned,
                Some(Value::Unsigned(1 << 63)),
            ),
            (
                Value::Float(9_223_372_036_854_775_808.0),
                ValueType::Integer,
                None,
            ),
            (
                Value::Float(18_446_744_073_709_551_616.0),
                ValueType::Unsigned,
                None,
            ),
            (
                Value::Float(1.0),
                ValueType::Integer,
                Some(Value::Integer(1)),
            ),
            (Value::Float(1.5), ValueType::Integer, None),
            (Value::Float(-0.0), ValueType::Integer, None),
            (Value::Float(f64::NAN), ValueType::Integer, None),
            (Value::Float(f64::INFINITY), ValueType::Unsigned, None),
            (
                Value::Integer(1),
                ValueType::Boolean,
                Some(Value::Boolean(true)),
            ),
            (Value::Integer(2), ValueType::Boolean, None),
            (
                Value::Boolean(false),
                ValueType::Integer,
                Some(Value::Integer(0)),
            ),
            (
                Value::from("true"),
                ValueType::Boolean,
                Some(Value::Boolean(true)),
            ),
            (Value::from("True"), ValueType::Boolean, None),
            (
                Value::from("66:1"),
                ValueType::ObjectLink,
                Some(Value::ObjectLink(ObjectLink::new(66, 1))),
            ),
            (Value::from("12"), ValueType::Integer, None),
            (Value::from("x"), ValueType::Opaque, None),
            (Value::Integer(1), ValueType::None, None),
        ] {
            assert_eq!(from.clone().convert(to).ok(), want, "{from:?} to {to}");
        }
    }
}
