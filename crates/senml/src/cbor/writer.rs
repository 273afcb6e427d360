//! The writer: records into a buffer of the caller.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use super::head::{self, major};
use crate::{EncodeError, Fields, Number, Text, Value, number::Repr, out::Room};

/// Writes records as CBOR into a buffer of the caller, with lengths and integers in their shortest
/// form, in the order `bver bn bt bu bv bs n u t v s ut`.
///
/// A record that fails leaves what was written before it as it was.
///
/// ```
/// use senml::{Fields, cbor};
///
/// let mut buffer = [0; 32];
/// let mut writer = cbor::Writer::new(&mut buffer);
/// writer.record(&Fields::named("9").base_name("/3/0/").value(100))?;
/// assert_eq!(writer.finish()?, b"\x81\xa3\x21\x65/3/0/\x00\x619\x02\x18\x64");
/// # Ok::<(), senml::EncodeError>(())
/// ```
#[derive(Debug)]
pub struct Writer<'b> {
    out: &'b mut [u8],
    /// How much is written, after one byte left free for the head of the array.
    len: usize,
    records: u64,
    floats: FloatForm,
}

/// In how many bytes floats are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum FloatForm {
    /// Always as double precision.
    #[default]
    Double,
    /// In half or single precision if that is the same number.
    Shortest,
}

impl<'b> Writer<'b> {
    /// Writes from the start of `out`, floats as double precision.
    #[must_use]
    pub const fn new(out: &'b mut [u8]) -> Self {
        Self::with_floats(out, FloatForm::Double)
    }

    /// Writes from the start of `out`.
    #[must_use]
    pub const fn with_floats(out: &'b mut [u8], floats: FloatForm) -> Self {
        Self {
            out,
            len: 1,
            records: 0,
            floats,
        }
    }

    /// Writes a record.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`].
    #[inline]
    pub fn record(&mut self, fields: &Fields<'_>) -> Result<(), EncodeError> {
        let all = self.out.len();
        let (head, room) = self
            .out
            .get_mut(self.len..)
            .and_then(<[u8]>::split_first_mut)
            .ok_or(EncodeError::NoRoom)?;
        let map = Map {
            room: Room(room),
            floats: self.floats,
            head: major::MAP << 5,
        };
        let map = map.write(fields).ok_or(EncodeError::NoRoom)?;
        *head = map.head;
        // What is left is the end of all, and there are fewer records than bytes.
        self.len = all.wrapping_sub(map.room.len());
        self.records = self.records.wrapping_add(1);
        Ok(())
    }

    /// Ends the pack and returns it. From 24 records on, the head of the array is longer, and the
    /// records are moved.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`].
    pub fn finish(self) -> Result<&'b [u8], EncodeError> {
        let (buffer, len) = (self.out, self.len);
        let (head, head_len) = head::encode(major::ARRAY, self.records);
        let end = len.saturating_add(head_len).saturating_sub(1);
        if end > buffer.len() {
            return Err(EncodeError::NoRoom);
        }
        if head_len > 1 {
            buffer.copy_within(1..len, head_len);
        }
        let (Some(room), Some(head)) = (buffer.get_mut(..head_len), head.get(..head_len)) else {
            return Err(EncodeError::NoRoom);
        };
        room.copy_from_slice(head);
        buffer.get(..end).ok_or(EncodeError::NoRoom)
    }
}

struct Map<'b> {
    room: Room<'b>,
    floats: FloatForm,
    /// The first byte, with the number of fields: never more than twelve, so it has room for it.
    head: u8,
}

/// What a step gives, `None` without room: the map goes through all of them by value, so that it can
/// stay in registers.
type Step<'b> = Option<Map<'b>>;

impl<'b> Map<'b> {
    /// What is rare is not part of this, and gets copies: with no reference to them kept, the fields
    /// that a caller does not set cost nothing.
    #[inline]
    fn write(self, fields: &Fields<'_>) -> Step<'b> {
        let mut map = self;
        if fields.has_base_but_name() {
            map = map.numbers_and_texts([
                (-1, fields.base_version.map(Value::Number)),
                (-2, fields.base_name.map(Value::String)),
                (-3, fields.base_time.map(Value::Number)),
                (-4, fields.base_unit.map(Value::String)),
                (-5, fields.base_value.map(Value::Number)),
                (-6, fields.base_sum.map(Value::Number)),
            ])?;
        } else if let Some(name) = fields.base_name {
            map = map.text(-2, name)?;
        }
        if let Some(name) = fields.name {
            map = map.text(0, name)?;
        }
        if let Some(unit) = fields.unit {
            map = map.text(1, unit)?;
        }
        if let Some(time) = fields.time {
            map = map.number(6, time)?;
        }
        match fields.value {
            Some(Value::Number(value)) => map = map.number(2, value)?,
            Some(Value::String(value)) => map = map.text(3, value)?,
            Some(value) => map = map.value(value)?,
            None => {}
        }
        if fields.sum.is_some() | fields.update_time.is_some() {
            map = map.numbers_and_texts([
                (5, fields.sum.map(Value::Number)),
                (7, fields.update_time.map(Value::Number)),
            ])?;
        }
        Some(map)
    }

    #[inline(never)]
    fn numbers_and_texts<const N: usize>(
        mut self,
        fields: [(i8, Option<Value<'_>>); N],
    ) -> Step<'b> {
        for (label, value) in fields {
            match value {
                Some(Value::Number(value)) => self = self.number(label, value)?,
                Some(Value::String(value)) => self = self.text(label, value)?,
                Some(_) | None => {}
            }
        }
        Some(self)
    }

    /// A value that is neither number nor text.
    #[inline(never)]
    fn value(mut self, value: Value<'_>) -> Step<'b> {
        match value {
            Value::Number(value) => return self.number(2, value),
            Value::String(value) => return self.text(3, value),
            Value::Boolean(value) => {
                let label = self.label(4);
                self.room.push(&[label, 0xf4 | u8::from(value)]).ok()?;
            }
            Value::Data(value) => {
                let label = self.label(8);
                self.room.push(&[label]).ok()?;
                self.head(major::BYTES, value.len() as u64)?;
                for part in value.parts() {
                    self.room.copy(part.as_slice()).ok()?;
                }
            }
            Value::ObjectLink(value) => {
                self.head = self.head.wrapping_add(1);
                self.room.push(b"\x63vlo").ok()?;
                return self.string(value);
            }
            Value::Null => {
                let label = self.label(2);
                self.room.push(&[label, 0xf6]).ok()?;
            }
        }
        Some(self)
    }

    /// The byte of a label, which is counted.
    #[inline]
    const fn label(&mut self, label: i8) -> u8 {
        self.head = self.head.wrapping_add(1);
        match label {
            0.. => label.cast_unsigned(),
            // −1 is 0x20, and so on.
            _ => major::NEGATIVE << 5 | (!label).cast_unsigned(),
        }
    }

    #[inline]
    fn text(mut self, label: i8, text: Text<'_>) -> Step<'b> {
        let label = self.label(label);
        match text.as_str().map(|text| (text.len(), text)) {
            Some((len @ 0..=23, text)) => {
                #[allow(clippy::cast_possible_truncation)] // below 24
                self.room
                    .push(&[label, major::TEXT << 5 | len as u8])
                    .ok()?;
                self.room.copy_short(text.as_bytes()).ok()?;
                Some(self)
            }
            _ => {
                self.room.push(&[label]).ok()?;
                self.string(text)
            }
        }
    }

    #[inline(never)]
    fn string(mut self, text: Text<'_>) -> Step<'b> {
        self.head(major::TEXT, text.len() as u64)?;
        for piece in text.pieces() {
            self.room.copy(piece.as_bytes(&mut [0; 4])).ok()?;
        }
        Some(self)
    }

    fn head(&mut self, major: u8, number: u64) -> Option<()> {
        let (head, len) = head::encode(major, number);
        self.room.copy(head.get(..len)?).ok()
    }

    #[inline]
    fn number(mut self, label: i8, number: Number) -> Step<'b> {
        let label = self.label(label);
        let (major, argument) = match number.repr() {
            Repr::Signed(value @ 0..) => (major::UNSIGNED, value.cast_unsigned()),
            Repr::Signed(value) => (major::NEGATIVE, (!value).cast_unsigned()),
            Repr::Unsigned(value) => (major::UNSIGNED, value),
            Repr::Float(value) if self.floats == FloatForm::Double => {
                let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
                self.room
                    .push(&[label, 0xfb, a, b, c, d, e, f, g, h])
                    .ok()?;
                return Some(self);
            }
            Repr::Float(value) => {
                self.room.push(&[label]).ok()?;
                return self.short_float(value);
            }
        };
        match u8::try_from(argument) {
            Ok(small @ 0..=23) => self.room.push(&[label, major << 5 | small]).ok()?,
            Ok(byte) => self.room.push(&[label, major << 5 | 24, byte]).ok()?,
            Err(_) => return self.long_integer(label, major, argument),
        }
        Some(self)
    }

    #[inline(never)]
    fn long_integer(mut self, label: u8, major: u8, argument: u64) -> Step<'b> {
        self.room.push(&[label]).ok()?;
        self.head(major, argument)?;
        Some(self)
    }

    /// In as few bytes as hold it.
    #[inline(never)]
    #[allow(clippy::cast_possible_truncation)]
    fn short_float(mut self, value: f64) -> Step<'b> {
        let single = value as f32;
        if let Some(half) = narrow(value) {
            let [a, b] = half.to_be_bytes();
            self.room.push(&[0xf9, a, b]).ok()?;
        } else if f64::from(single).to_bits() == value.to_bits() {
            let [a, b, c, d] = single.to_be_bytes();
            self.room.push(&[0xfa, a, b, c, d]).ok()?;
        } else {
            let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
            self.room.push(&[0xfb, a, b, c, d, e, f, g, h]).ok()?;
        }
        Some(self)
    }
}

/// The half-precision float that is the same number, if there is one. Every NaN becomes the
/// canonical one (RFC 8949 §4.2.2).
fn narrow(value: f64) -> Option<u16> {
    if value.is_nan() {
        return Some(0x7e00);
    }
    let bits = value.to_bits();
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    let fraction = bits & 0x000f_ffff_ffff_ffff;
    let exponent = (bits >> 52) & 0x7ff;
    let half = match exponent {
        0 if fraction == 0 => 0,
        0x7ff => 0x7c00,
        // 2⁻¹⁴ to 2¹⁵: normal numbers, if the low 42 bits of the fraction are zero.
        1009..=1038 if fraction.trailing_zeros() >= 42 => {
            (exponent.wrapping_sub(1008) << 10) | fraction >> 42
        }
        // Multiples of 2⁻²⁴ below that: subnormal numbers.
        999..=1008 => {
            let significand = fraction | 1 << 52;
            let shift = 1051_u64.wrapping_sub(exponent);
            if u64::from(significand.trailing_zeros()) < shift {
                return None;
            }
            significand >> shift
        }
        _ => return None,
    };
    Some(sign | u16::try_from(half).ok()?)
}

/// Writes a pack of unknown length into a `Vec`. `records` is called again with a buffer of twice
/// the size as long as it runs out of room, so it must write the same each time.
///
/// ```
/// use senml::{Fields, cbor};
///
/// let pack = cbor::to_vec(|writer| writer.record(&Fields::named("/3/0/9").value(100)))?;
/// assert_eq!(pack, b"\x81\xa2\x00\x66/3/0/9\x02\x18\x64");
/// # Ok::<(), senml::EncodeError>(())
/// ```
///
/// # Errors
/// Those of `records`; [`EncodeError::NoRoom`] if the pack is longer than 64 MiB.
#[cfg(feature = "alloc")]
pub fn to_vec<F>(mut records: F) -> Result<Vec<u8>, EncodeError>
where
    F: FnMut(&mut Writer<'_>) -> Result<(), EncodeError>,
{
    crate::out::grow(|buffer| {
        let mut writer = Writer::new(buffer);
        records(&mut writer)?;
        Ok(writer.finish()?.len())
    })
}
