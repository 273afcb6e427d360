//! The writer: records into a buffer of the caller.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt::Write as _;

use crate::{Data, EncodeError, Fields, Number, Text, Value, number::Repr, out::Out};

/// Writes records as JSON into a buffer of the caller, without white space, in the order
/// `bver bn bt bu bv bs n u t v s ut`.
///
/// Numbers are written so that they read back the same: integers exactly, floats with the fewest
/// digits. A record that fails leaves what was written before it as it was.
#[derive(Debug)]
pub struct Writer<'b> {
    out: Out<'b>,
}

impl<'b> Writer<'b> {
    /// Writes from the start of `out`.
    #[must_use]
    pub const fn new(out: &'b mut [u8]) -> Self {
        Self {
            out: Out {
                buffer: out,
                len: 0,
            },
        }
    }

    /// Writes a record.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`]; [`EncodeError::NotFinite`], since JSON has neither infinities nor NaN.
    pub fn record(&mut self, fields: &Fields<'_>) -> Result<(), EncodeError> {
        let before = self.out.len;
        let written = self.object(fields);
        if written.is_err() {
            self.out.len = before;
        }
        written
    }

    /// Ends the pack and returns it.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`].
    pub fn finish(mut self) -> Result<&'b [u8], EncodeError> {
        self.out
            .push(if self.out.len == 0 { b"[]" } else { b"]" })?;
        let Out { buffer, len } = self.out;
        Ok(buffer.get(..len).unwrap_or_default())
    }

    fn object(&mut self, fields: &Fields<'_>) -> Result<(), EncodeError> {
        let out = &mut self.out;
        out.push(if out.len == 0 { b"[{" } else { b",{" })?;
        let mut members = Members { out, first: true };
        members.number("\"bver\":", fields.base_version)?;
        members.text("\"bn\":", fields.base_name)?;
        members.number("\"bt\":", fields.base_time)?;
        members.text("\"bu\":", fields.base_unit)?;
        members.number("\"bv\":", fields.base_value)?;
        members.number("\"bs\":", fields.base_sum)?;
        members.text("\"n\":", fields.name)?;
        members.text("\"u\":", fields.unit)?;
        members.number("\"t\":", fields.time)?;
        match fields.value {
            Some(Value::Number(value)) => members.number("\"v\":", Some(value))?,
            Some(Value::String(value)) => members.text("\"vs\":", Some(value))?,
            Some(Value::ObjectLink(value)) => members.text("\"vlo\":", Some(value))?,
            Some(Value::Boolean(true)) => members.label("\"vb\":true")?,
            Some(Value::Boolean(false)) => members.label("\"vb\":false")?,
            Some(Value::Null) => members.label("\"v\":null")?,
            Some(Value::Data(value)) => {
                members.label("\"vd\":")?;
                data(members.out, &value)?;
            }
            None => {}
        }
        members.number("\"s\":", fields.sum)?;
        members.number("\"ut\":", fields.update_time)?;
        self.out.push(b"}")
    }
}

struct Members<'o, 'b> {
    out: &'o mut Out<'b>,
    first: bool,
}

impl Members<'_, '_> {
    #[inline]
    fn label(&mut self, label: &str) -> Result<(), EncodeError> {
        if !self.first {
            self.out.push(b",")?;
        }
        self.first = false;
        self.out.push(label.as_bytes())
    }

    #[inline]
    fn text(&mut self, label: &str, text: Option<Text<'_>>) -> Result<(), EncodeError> {
        let Some(text) = text else { return Ok(()) };
        self.label(label)?;
        string(self.out, &text)
    }

    #[inline]
    fn number(&mut self, label: &str, number: Option<Number>) -> Result<(), EncodeError> {
        let Some(value) = number else { return Ok(()) };
        self.label(label)?;
        match value.repr() {
            Repr::Signed(value) => integer(self.out, value < 0, value.unsigned_abs()),
            Repr::Unsigned(value) => integer(self.out, false, value),
            Repr::Float(value) => float(self.out, value),
        }
    }
}

fn string(out: &mut Out<'_>, text: &Text<'_>) -> Result<(), EncodeError> {
    out.push(b"\"")?;
    for piece in text.pieces() {
        let mut utf8 = [0; 4];
        let mut rest = piece.as_bytes(&mut utf8);
        while let Some(at) = rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | ..0x20))
        {
            let (plain, special) = rest.split_at_checked(at).unwrap_or_default();
            out.push(plain)?;
            let Some((&byte, after)) = special.split_first() else {
                break;
            };
            escape(out, byte)?;
            rest = after;
        }
        out.push(rest)?;
    }
    out.push(b"\"")
}

fn escape(out: &mut Out<'_>, byte: u8) -> Result<(), EncodeError> {
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
fn data(out: &mut Out<'_>, data: &Data<'_>) -> Result<(), EncodeError> {
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
fn integer(out: &mut Out<'_>, negative: bool, magnitude: u64) -> Result<(), EncodeError> {
    let mut digits = [b'-'; 21];
    let mut left = magnitude;
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0'.wrapping_add(u8::try_from(left % 10).unwrap_or(0));
        start = start.saturating_sub(1);
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if negative {
        out.push(b"-")?;
    }
    out.push(digits.get(start..).unwrap_or_default())
}

fn float(out: &mut Out<'_>, value: f64) -> Result<(), EncodeError> {
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
fn decimal(number: u64) -> [u8; 3] {
    let digit = |number: u64| b'0'.wrapping_add(u8::try_from(number % 10).unwrap_or(0));
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
