//! The writer: records into a buffer of the caller.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt::Write as _;

use crate::{
    Data, EncodeError, Fields, Number, Text, Value, number::Repr, out::Room, scan::plain_len,
};

/// Writes records as JSON into a buffer of the caller, without white space, in the order
/// `bver bn bt bu bv bs n u t v s ut`.
///
/// Numbers are written so that they read back the same: integers exactly, floats with the fewest
/// digits. A record that fails leaves what was written before it as it was.
#[derive(Debug)]
pub struct Writer<'b> {
    out: &'b mut [u8],
    len: usize,
}

impl<'b> Writer<'b> {
    /// Writes from the start of `out`.
    #[must_use]
    pub const fn new(out: &'b mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// Writes a record.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`]; [`EncodeError::NotFinite`], since JSON has neither infinities nor NaN.
    #[inline]
    pub fn record(&mut self, fields: &Fields<'_>) -> Result<(), EncodeError> {
        let all = self.out.len();
        let room = self.out.get_mut(self.len..).ok_or(EncodeError::NoRoom)?;
        let mut object = Object { room: Room(room) };
        object.write(if self.len == 0 { b'[' } else { b',' }, fields)?;
        let end = all.saturating_sub(object.room.len());
        // Each member begins with a comma; that of the first one becomes the brace.
        if let Some(first) = self.out.get_mut(self.len.saturating_add(1)) {
            *first = b'{';
        }
        self.len = end;
        Ok(())
    }

    /// Ends the pack and returns it.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`].
    pub fn finish(self) -> Result<&'b [u8], EncodeError> {
        let end: &[u8] = if self.len == 0 { b"[]" } else { b"]" };
        let (buffer, all) = (self.out, self.len.saturating_add(end.len()));
        let room = buffer.get_mut(self.len..all).ok_or(EncodeError::NoRoom)?;
        room.copy_from_slice(end);
        buffer.get(..all).ok_or(EncodeError::NoRoom)
    }
}

struct Object<'b> {
    room: Room<'b>,
}

impl Object<'_> {
    #[inline]
    fn write(&mut self, separator: u8, fields: &Fields<'_>) -> Result<(), EncodeError> {
        self.room.push(&[separator])?;
        let before = self.room.len();
        if fields.has_base() {
            self.base(fields)?;
        }
        if let Some(name) = &fields.name {
            self.text(b",\"n\":\"", name)?;
        }
        if let Some(unit) = &fields.unit {
            self.text(b",\"u\":\"", unit)?;
        }
        if let Some(time) = fields.time {
            self.number(b",\"t\":", time)?;
        }
        match &fields.value {
            Some(Value::Number(value)) => self.number(b",\"v\":", *value)?,
            Some(Value::String(value)) => self.text(b",\"vs\":\"", value)?,
            Some(value) => self.value(value)?,
            None => {}
        }
        if let Some(sum) = fields.sum {
            self.number(b",\"s\":", sum)?;
        }
        if let Some(time) = fields.update_time {
            self.number(b",\"ut\":", time)?;
        }
        if self.room.len() == before {
            self.room.push(b"{")?;
        }
        self.room.push(b"}")
    }

    #[inline(never)]
    fn base(&mut self, fields: &Fields<'_>) -> Result<(), EncodeError> {
        if let Some(version) = fields.base_version {
            self.number(b",\"bver\":", version)?;
        }
        if let Some(name) = &fields.base_name {
            self.text(b",\"bn\":\"", name)?;
        }
        if let Some(time) = fields.base_time {
            self.number(b",\"bt\":", time)?;
        }
        if let Some(unit) = &fields.base_unit {
            self.text(b",\"bu\":\"", unit)?;
        }
        if let Some(value) = fields.base_value {
            self.number(b",\"bv\":", value)?;
        }
        if let Some(sum) = fields.base_sum {
            self.number(b",\"bs\":", sum)?;
        }
        Ok(())
    }

    #[inline(never)]
    fn value(&mut self, value: &Value<'_>) -> Result<(), EncodeError> {
        match value {
            Value::Number(value) => self.number(b",\"v\":", *value),
            Value::String(value) => self.text(b",\"vs\":\"", value),
            Value::ObjectLink(value) => self.text(b",\"vlo\":\"", value),
            Value::Boolean(true) => self.room.push(b",\"vb\":true"),
            Value::Boolean(false) => self.room.push(b",\"vb\":false"),
            Value::Null => self.room.push(b",\"v\":null"),
            Value::Data(value) => {
                self.room.push(b",\"vd\":")?;
                data(&mut self.room, value)
            }
        }
    }

    /// A member whose value is a string; `label` ends with its opening quotation mark.
    #[inline]
    fn text<const N: usize>(
        &mut self,
        label: &[u8; N],
        text: &Text<'_>,
    ) -> Result<(), EncodeError> {
        self.room.push(label)?;
        match text.as_str() {
            Some(text) if plain_len(text.as_bytes()) == text.len() => {
                self.room.copy(text.as_bytes())?;
            }
            _ => inside(&mut self.room, text)?,
        }
        self.room.push(b"\"")
    }

    #[inline]
    fn number<const N: usize>(
        &mut self,
        label: &[u8; N],
        number: Number,
    ) -> Result<(), EncodeError> {
        self.room.push(label)?;
        match number.repr() {
            Repr::Signed(value) => integer(&mut self.room, value < 0, value.unsigned_abs()),
            Repr::Unsigned(value) => integer(&mut self.room, false, value),
            Repr::Float(value) => float(&mut self.room, value),
        }
    }
}

/// The inside of a string that needs escapes, or is not in one piece.
#[inline(never)]
fn inside(out: &mut Room<'_>, text: &Text<'_>) -> Result<(), EncodeError> {
    for piece in text.pieces() {
        let mut utf8 = [0; 4];
        let mut rest = piece.as_bytes(&mut utf8);
        while let (plain, Some((&byte, after))) = split_plain(rest) {
            out.copy(plain)?;
            escape(out, byte)?;
            rest = after;
        }
        out.copy(rest)?;
    }
    Ok(())
}

/// What comes before the first byte that must be escaped, that byte, and what follows.
fn split_plain(bytes: &[u8]) -> (&[u8], Option<(&u8, &[u8])>) {
    let (plain, special) = bytes.split_at_checked(plain_len(bytes)).unwrap_or_default();
    (plain, special.split_first())
}

fn escape(out: &mut Room<'_>, byte: u8) -> Result<(), EncodeError> {
    match byte {
        b'"' => out.push(b"\\\""),
        b'\\' => out.push(b"\\\\"),
        b'\n' => out.push(b"\\n"),
        b'\r' => out.push(b"\\r"),
        b'\t' => out.push(b"\\t"),
        _ => {
            out.push(b"\\u00")?;
            out.push(&[hex(byte >> 4), hex(byte & 0xf)])
        }
    }
}

const fn hex(digit: u8) -> u8 {
    match digit {
        0..=9 => b'0'.wrapping_add(digit),
        _ => b'a'.wrapping_add(digit.wrapping_sub(10)),
    }
}

/// Base64url without padding (RFC 8428 §5).
fn data(out: &mut Room<'_>, data: &Data<'_>) -> Result<(), EncodeError> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |group: u32, shift: u32| {
        DIGITS
            .get((group >> shift & 0x3f) as usize)
            .copied()
            .unwrap_or(b'A')
    };
    out.push(b"\"")?;
    // Parts need not be multiples of three bytes: up to two are carried over.
    let (mut group, mut count) = (0_u32, 0_u8);
    for part in data.parts() {
        for byte in part.as_slice() {
            group = group << 8 | u32::from(*byte);
            count = count.wrapping_add(1);
            if count == 3 {
                out.push(&[
                    digit(group, 18),
                    digit(group, 12),
                    digit(group, 6),
                    digit(group, 0),
                ])?;
                (group, count) = (0, 0);
            }
        }
    }
    match count {
        1 => out.push(&[digit(group << 16, 18), digit(group << 16, 12)])?,
        2 => out.push(&[
            digit(group << 8, 18),
            digit(group << 8, 12),
            digit(group << 8, 6),
        ])?,
        _ => {}
    }
    out.push(b"\"")
}

#[inline]
fn integer(out: &mut Room<'_>, negative: bool, magnitude: u64) -> Result<(), EncodeError> {
    if negative {
        out.push(b"-")?;
    }
    match magnitude {
        0..10 => out.push(&[digit(magnitude)]),
        10..100 => out.push(&[digit(magnitude / 10), digit(magnitude)]),
        100..1000 => out.push(&decimal(magnitude)),
        _ => long_integer(out, magnitude),
    }
}

fn long_integer(out: &mut Room<'_>, magnitude: u64) -> Result<(), EncodeError> {
    let mut digits = [0; 20];
    let mut left = magnitude;
    let mut start = digits.len();
    for place in digits.iter_mut().rev() {
        *place = digit(left);
        start = start.saturating_sub(1);
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.copy(digits.get(start..).unwrap_or_default())
}

/// The last digit.
#[inline]
fn digit(number: u64) -> u8 {
    #[allow(clippy::cast_possible_truncation)] // below ten
    b'0'.wrapping_add((number % 10) as u8)
}

fn float(out: &mut Room<'_>, value: f64) -> Result<(), EncodeError> {
    if !value.is_finite() {
        return Err(EncodeError::NotFinite);
    }
    let magnitude = value.abs();
    if let Some(thousandths) = thousandths(magnitude) {
        integer(out, value < 0.0, thousandths / 1000)?;
        let [a, b, c] = decimal(thousandths % 1000);
        return match (a, b, c) {
            (b'0', b'0', b'0') => Ok(()),
            (a, b'0', b'0') => out.push(&[b'.', a]),
            (a, b, b'0') => out.push(&[b'.', a, b]),
            (a, b, c) => out.push(&[b'.', a, b, c]),
        };
    }
    let written = if value == 0.0 {
        out.write_str(if value.is_sign_negative() {
            "-0.0"
        } else {
            "0"
        })
    } else if (1e-7..1e21).contains(&magnitude) {
        write!(out, "{value}")
    } else {
        write!(out, "{value:e}")
    };
    // The buffer is the only thing here that fails.
    written.map_err(|_| EncodeError::NoRoom)
}

/// The short way for most readings: a float that up to 15 digits stand for, three of them behind
/// the point. No two such numbers are the same float, so these digits are also the fewest.
#[inline]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]
fn thousandths(magnitude: f64) -> Option<u64> {
    let scaled = magnitude * 1000.0;
    let whole = scaled as u64;
    let same = whole as f64 == scaled && scaled / 1000.0 == magnitude;
    (same && (1..1_000_000_000_000_000).contains(&whole)).then_some(whole)
}

/// The last three digits.
#[inline]
fn decimal(number: u64) -> [u8; 3] {
    [digit(number / 100), digit(number / 10), digit(number)]
}

/// Writes a pack of unknown length into a `Vec`. `records` is called again with a buffer of twice
/// the size as long as it runs out of room, so it must write the same each time.
///
/// ```
/// use senml::{Fields, json};
///
/// let pack = json::to_vec(|writer| writer.record(&Fields::named("/3/0/9").value(100)))?;
/// assert_eq!(pack, br#"[{"n":"/3/0/9","v":100}]"#);
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
