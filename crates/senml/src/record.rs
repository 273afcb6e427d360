//! One record with its base fields resolved.

#[cfg(feature = "alloc")]
use alloc::{borrow::Cow, string::String};
use core::fmt;

use crate::{DecodeError, DecodeErrorKind, Limits, Number, Text, Value, source::Seen};

/// One record, its base fields resolved (RFC 8428 §4.6): what a reader gives.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Record<'a> {
    /// The base name and the name, one after the other.
    pub name: Name<'a>,
    /// The unit, of this record or the base unit. A base unit stands in many records and is as long
    /// as the payload lets it be: bound it before copying it for each.
    pub unit: Option<Text<'a>>,
    /// The value, base value added to a number. A composite request has none.
    pub value: Option<Value<'a>>,
    /// The sum, base sum added.
    pub sum: Option<Number>,
    /// The time in seconds, base time added; `None` if there is neither. Less than 2²⁸ is relative
    /// to now (RFC 8428 §4.5.3).
    pub time: Option<Number>,
    /// The seconds after which the next reading comes at the latest.
    pub update_time: Option<Number>,
    /// Whether the record consists of base fields only. Then it is no reading; whether its base name
    /// is a path that was asked for, the caller knows.
    pub base_only: bool,
    /// Where the record begins, in bytes from the start of the payload.
    pub offset: usize,
    /// Where its value begins; where the record begins, if it has none.
    pub value_offset: usize,
}

/// The name of a record: base name and name, one after the other, nothing in between.
///
/// ```
/// use senml::json::Reader;
///
/// let record = Reader::new(br#"[{"bn":"/3/0/","n":"9","v":100}]"#).next().unwrap()?;
/// assert_eq!(record.name, "/3/0/9");
/// let mut buffer = [0; 255];
/// assert_eq!(record.name.write_to(&mut buffer), Some("/3/0/9"));
/// # Ok::<(), senml::DecodeError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Name<'a> {
    base: Text<'a>,
    own: Text<'a>,
}

impl<'a> Name<'a> {
    /// The base name in force, empty if there is none.
    #[must_use]
    pub const fn base(&self) -> Text<'a> {
        self.base
    }

    /// The name in the record itself, empty if there is none.
    #[must_use]
    pub const fn own(&self) -> Text<'a> {
        self.own
    }

    /// The length in bytes of UTF-8.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.base.len().saturating_add(self.own.len())
    }

    /// Never true for a name that a reader gave.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.base.is_empty() && self.own.is_empty()
    }

    /// The characters.
    pub fn chars(&self) -> impl Iterator<Item = char> + use<'a> {
        self.base.chars().chain(self.own.chars())
    }

    /// Writes the name to the start of `out`; `None` if it has no room. [`Limits::name_len`] bytes
    /// are always enough.
    pub fn write_to<'b>(&self, out: &'b mut [u8]) -> Option<&'b str> {
        let base = self.base.copy_to(out)?;
        let own = self.own.copy_to(out.get_mut(base..)?)?;
        core::str::from_utf8(out.get(..base.checked_add(own)?)?).ok()
    }

    /// The name as one string, copied only if it is not in the payload as such.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn to_cow(&self) -> Cow<'a, str> {
        match (self.base.as_str(), self.own.as_str()) {
            (Some(base), Some("")) => Cow::Borrowed(base),
            (Some(""), Some(own)) => Cow::Borrowed(own),
            _ => {
                let mut owned = String::with_capacity(self.len());
                self.base.push_to(&mut owned);
                self.own.push_to(&mut owned);
                Cow::Owned(owned)
            }
        }
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.chars().eq(other.chars())
    }
}

impl Eq for Name<'_> {}

impl PartialEq<str> for Name<'_> {
    fn eq(&self, other: &str) -> bool {
        match (self.base.as_str(), self.own.as_str()) {
            (Some(base), Some(own)) => other.strip_prefix(base) == Some(own),
            _ => self.chars().eq(other.chars()),
        }
    }
}

impl PartialEq<&str> for Name<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.base, self.own)
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} + {:?}", self.base, self.own)
    }
}

/// No name and no fields: something to read into.
impl Default for Record<'_> {
    #[inline]
    fn default() -> Self {
        Self {
            name: Name {
                base: Text::EMPTY,
                own: Text::EMPTY,
            },
            unit: None,
            value: None,
            sum: None,
            time: None,
            update_time: None,
            base_only: false,
            offset: 0,
            value_offset: 0,
        }
    }
}

impl<'a> Record<'a> {
    #[inline]
    pub(crate) const fn set_name(&mut self, own: Text<'a>) {
        self.name.own = own;
    }
}

/// The base fields in force, and what was counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolver<'a> {
    limits: Limits,
    records: usize,
    name: Text<'a>,
    name_len: usize,
    pub(crate) base: Base<'a>,
    /// Whether there is any of `base`: most packs have a base name and nothing else.
    pub(crate) has_base: bool,
}

/// The base fields in force that are not the name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base<'a> {
    pub(crate) time: Option<Number>,
    pub(crate) unit: Option<Text<'a>>,
    pub(crate) value: Option<Number>,
    pub(crate) sum: Option<Number>,
}

impl<'a> Resolver<'a> {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            records: 0,
            name: Text::EMPTY,
            name_len: 0,
            base: Base {
                time: None,
                unit: None,
                value: None,
                sum: None,
            },
            has_base: false,
        }
    }

    /// Puts a base name in force. It is read again for each record that follows, so one that is
    /// short but takes much of the payload (CBOR allows empty chunks without end) is refused.
    pub(crate) fn set_name(&mut self, name: Text<'a>) -> Result<(), DecodeErrorKind> {
        if name.raw_len() > self.limits.name_len.saturating_mul(MAX_RAW_PER_BYTE) {
            return Err(DecodeErrorKind::NameTooLong);
        }
        (self.name, self.name_len) = (name, name.len());
        Ok(())
    }

    /// Refuses a payload that is too long.
    pub(crate) const fn check_len(&self, len: usize) -> Result<(), DecodeError> {
        if len > self.limits.len {
            return Err(DecodeError::at(self.limits.len, DecodeErrorKind::TooLong));
        }
        Ok(())
    }

    /// Counts a record that begins at `offset`.
    #[inline]
    pub(crate) const fn count(&mut self, offset: usize) -> Result<(), DecodeError> {
        if self.records >= self.limits.records {
            return Err(DecodeError::at(offset, DecodeErrorKind::TooManyRecords));
        }
        self.records = self.records.saturating_add(1);
        Ok(())
    }

    /// Completes a record whose own fields were read. `false` for one that only sets base fields
    /// other than the name, while there is no base name in force.
    #[inline]
    pub(crate) fn resolve(&self, record: &mut Record<'a>, seen: Seen) -> Result<bool, DecodeError> {
        record.base_only = seen.is_base_only();
        record.name.base = self.name;
        let name_len = self.name_len.saturating_add(record.name.own.len());
        if name_len > self.limits.name_len {
            return Err(DecodeError::at(record.offset, DecodeErrorKind::NameTooLong));
        }
        if name_len == 0 {
            return if record.base_only && seen.has_base() {
                Ok(false)
            } else {
                Err(DecodeError::at(record.offset, DecodeErrorKind::NoName))
            };
        }
        if self.has_base && !record.base_only {
            self.base
                .add_to(record)
                .map_err(|kind| DecodeError::at(record.offset, kind))?;
        }
        Ok(true)
    }
}

impl<'a> Base<'a> {
    #[inline(never)]
    fn add_to(&self, record: &mut Record<'a>) -> Result<(), DecodeErrorKind> {
        let own_sum = record.sum;
        record.sum = add(self.sum, own_sum)?;
        // RFC 8428 §4.5.4: a base value or value that is missing is zero.
        record.value = match record.value {
            Some(Value::Number(number)) => add(self.value, Some(number))?.map(Value::Number),
            None if own_sum.is_none() => self.value.map(Value::Number),
            value => value,
        };
        record.unit = record.unit.or(self.unit);
        record.time = add(self.time, record.time)?;
        Ok(())
    }
}

/// More bytes of the payload than one byte of a name can need: a chunk of one byte has up to nine
/// before it, an escape in JSON takes six.
const MAX_RAW_PER_BYTE: usize = 16;

fn add(base: Option<Number>, own: Option<Number>) -> Result<Option<Number>, DecodeErrorKind> {
    match (base, own) {
        (None, own) => Ok(own),
        (base, None) => Ok(base),
        (Some(base), Some(own)) if base.is_zero() => Ok(Some(own)),
        (Some(base), Some(own)) => base
            .checked_add(own)
            .map(Some)
            .ok_or(DecodeErrorKind::NumberRange),
    }
}
