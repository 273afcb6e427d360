//! CBOR (60): one value as one data item.

use alloc::{format, string::String, string::ToString, vec::Vec};

use super::{
    Decoded, PayloadError, PayloadErrorKind,
    incoming::{Judge, one_value},
};
use crate::{Context, Level, Path, Value, ValueType};

pub(super) fn decode(
    cx: &Context<'_>,
    path: &Path,
    payload: &[u8],
) -> Result<Decoded, PayloadError> {
    let mut judge = Judge::new(cx);
    judge.multiplicity(path, 0, path.level() == Level::ResourceInstance)?;
    let fault = |(offset, kind)| PayloadError::new(*path, offset, kind);
    if payload.is_empty() {
        return Err(fault((0, PayloadErrorKind::Empty)));
    }
    let mut item = Item {
        rest: payload,
        len: payload.len(),
    };
    let value = item.value().map_err(fault)?;
    if !item.rest.is_empty() {
        return Err(fault((item.offset(), PayloadErrorKind::Trailing)));
    }
    let value = judge.value(path, 0, value, usual)?;
    let node = one_value(path, value).ok_or(fault((0, PayloadErrorKind::WrongLevel)))?;
    Ok(judge.finish(node))
}

/// The conversions that CBOR and SenML themselves ask for, as they have fewer types than LwM2M.
pub(super) fn usual(from: ValueType, to: ValueType) -> bool {
    match from {
        ValueType::Integer | ValueType::Unsigned => matches!(
            to,
            ValueType::Integer | ValueType::Unsigned | ValueType::Float | ValueType::Time
        ),
        ValueType::String => matches!(to, ValueType::CoreLink | ValueType::ObjectLink),
        _ => false,
    }
}

/// A fault and the byte where it is.
type Fault = (usize, PayloadErrorKind);

/// What is left of the payload.
struct Item<'a> {
    rest: &'a [u8],
    len: usize,
}

/// The head of a data item: its major type, its additional information and the argument that this gives.
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    info: u8,
    argument: u64,
}

const INDEFINITE: u8 = 31;

impl<'a> Item<'a> {
    fn offset(&self) -> usize {
        self.len.saturating_sub(self.rest.len())
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], Fault> {
        let truncated = (self.offset(), PayloadErrorKind::Truncated);
        let count = usize::try_from(count).map_err(|_| truncated)?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, Fault> {
        let at = self.offset();
        let first = self.take(1)?.first().copied().unwrap_or_default();
        let (major, info) = (first >> 5, first & 0x1f);
        let argument = match info {
            0..=23 => u64::from(info),
            24..=27 => self
                .take(1 << (info - 24))?
                .iter()
                .fold(0, |argument, byte| argument << 8 | u64::from(*byte)),
            INDEFINITE => 0,
            _ => return Err((at, PayloadErrorKind::CborItem)),
        };
        Ok(Head {
            major,
            info,
            argument,
        })
    }

    fn value(&mut self) -> Result<Value, Fault> {
        let at = self.offset();
        let head = self.head()?;
        match head.major {
            6 => self.tagged(at, head.argument),
            _ => self.plain(at, head),
        }
    }

    /// An item without a tag.
    fn plain(&mut self, at: usize, head: Head) -> Result<Value, Fault> {
        Ok(match (head.major, head.info) {
            (2, _) => Value::Opaque(self.string(head)?.into()),
            (3, _) => {
                let bytes = self.string(head)?;
                let text = String::from_utf8(bytes).map_err(|error| {
                    let start = self.offset().saturating_sub(error.as_bytes().len());
                    let valid = error.utf8_error().valid_up_to();
                    (start.saturating_add(valid), PayloadErrorKind::Utf8)
                })?;
                Value::String(text)
            }
            (0, 0..=27) => match i64::try_from(head.argument) {
                Ok(number) => Value::Integer(number),
                Err(_) => Value::Unsigned(head.argument),
            },
            (1, 0..=27) => match i64::try_from(head.argument) {
                Ok(number) => Value::Integer(!number),
                Err(_) => return Err((at, PayloadErrorKind::NumberTooLarge)),
            },
            (7, 20 | 21) => Value::Boolean(head.info == 21),
            (7, 25..=27) => Value::Float(float(head)),
            (7, 22 | 23) => return Err((at, PayloadErrorKind::NoValue)),
            _ => return Err((at, PayloadErrorKind::CborItem)),
        })
    }

    /// An item with one of the three tags that LwM2M has: text date, seconds, decimal fraction.
    fn tagged(&mut self, at: usize, tag: u64) -> Result<Value, Fault> {
        let inner_at = self.offset();
        let head = self.head()?;
        match (tag, head.major) {
            (0, 3) => {
                let bytes = self.string(head)?;
                date_time(&bytes)
                    .map(Value::Time)
                    .ok_or((inner_at, PayloadErrorKind::DateTime))
            }
            (1, 0 | 1 | 7) => {
                let value = self.plain(inner_at, head)?;
                value
                    .convert(ValueType::Time)
                    .map_err(|_| (inner_at, PayloadErrorKind::DateTime))
            }
            (4, 4) if head.info != INDEFINITE && head.argument == 2 => {
                let exponent = self.whole()?;
                let mantissa = self.whole()?;
                // Reading it as a decimal rounds once and correctly.
                let number: f64 = format!("{mantissa}e{exponent}")
                    .parse()
                    .map_err(|_| (at, PayloadErrorKind::CborItem))?;
                if !number.is_finite() {
                    return Err((at, PayloadErrorKind::NumberTooLarge));
                }
                Ok(Value::Float(number))
            }
            _ => Err((at, PayloadErrorKind::CborItem)),
        }
    }

    fn whole(&mut self) -> Result<i64, Fault> {
        let at = self.offset();
        let head = self.head()?;
        match self.plain(at, head)? {
            Value::Integer(number) => Ok(number),
            _ => Err((at, PayloadErrorKind::CborItem)),
        }
    }

    /// The bytes of a string, of its chunks if its length is indefinite.
    fn string(&mut self, head: Head) -> Result<Vec<u8>, Fault> {
        if head.info != INDEFINITE {
            return Ok(self.take(head.argument)?.to_vec());
        }
        let mut out = Vec::new();
        loop {
            let at = self.offset();
            let chunk = self.head()?;
            if chunk.major == 7 && chunk.info == INDEFINITE {
                return Ok(out);
            }
            if chunk.major != head.major || chunk.info == INDEFINITE {
                return Err((at, PayloadErrorKind::CborItem));
            }
            let bytes = self.take(chunk.argument)?;
            // RFC 8949 §3.2.3: each chunk of a text string is valid UTF-8 by itself.
            if head.major == 3
                && let Err(error) = core::str::from_utf8(bytes)
            {
                let start = self.offset().saturating_sub(bytes.len());
                let offset = start.saturating_add(error.valid_up_to());
                return Err((offset, PayloadErrorKind::Utf8));
            }
            out.extend_from_slice(bytes);
        }
    }
}

/// The number of a float head: IEEE 754 of 16, 32 or 64 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the argument has as many bits as the head says"
)]
fn float(head: Head) -> f64 {
    match head.info {
        25 => half(head.argument as u16),
        26 => f64::from(f32::from_bits(head.argument as u32)),
        _ => f64::from_bits(head.argument),
    }
}

/// IEEE 754 binary16: 1 bit sign, 5 bits exponent, 10 bits fraction.
fn half(bits: u16) -> f64 {
    const TWO_TO_MINUS_24: f64 = 1.0 / 16_777_216.0;
    let sign = u64::from(bits >> 15) << 63;
    let (exponent, fraction) = (u64::from(bits >> 10 & 0x1f), bits & 0x3ff);
    let magnitude = match exponent {
        0 => f64::from(fraction) * TWO_TO_MINUS_24,
        31 if fraction == 0 => f64::INFINITY,
        31 => f64::NAN,
        _ => f64::from_bits((exponent + 1023 - 15) << 52 | u64::from(fraction) << 42),
    };
    f64::from_bits(magnitude.to_bits() | sign)
}

/// Seconds since 1970 of `2013-05-02T10:40:15Z` or `…+02:00` (RFC 3339); None where it is something else or no
/// whole second.
fn date_time(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *date.first_chunk()? else {
        return None;
    };
    let (year, month, day) = (
        number(&[y0, y1, y2, y3])?,
        number(&[m0, m1])?,
        number(&[d0, d1])?,
    );
    let (time, mut zone) = rest.split_at_checked(9)?;
    let [b'T' | b't', h0, h1, b':', n0, n1, b':', s0, s1] = *time.first_chunk()? else {
        return None;
    };
    let (hour, minute, second) = (number(&[h0, h1])?, number(&[n0, n1])?, number(&[s0, s1])?);
    if let Some(fraction) = zone.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit());
        let (zeros, after) = fraction.split_at_checked(digits.count())?;
        if zeros.is_empty() || zeros.iter().any(|digit| *digit != b'0') {
            return None;
        }
        zone = after;
    }
    let offset = match *zone {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), a, b, b':', c, d] => {
            let (hours, minutes) = (number(&[a, b])?, number(&[c, d])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            if sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days_in_month = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > days_in_month || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970-01-01 with years that start in March, so that the leap day is the last one.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let in_year = (153 * month + 2) / 5 + day - 1;
    let days =
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + in_year
            - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second - offset)
}

/// A number of a few digits.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + i64::from(digit & 0xf))
    })
}

pub(super) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        Value::String(text) | Value::CoreLink(text) => string(&mut out, 3, text.as_bytes()),
        Value::ObjectLink(link) => string(&mut out, 3, link.to_string().as_bytes()),
        Value::Opaque(bytes) => string(&mut out, 2, bytes),
        Value::Boolean(flag) => out.push(0xf4 | u8::from(*flag)),
        Value::Unsigned(number) => head(&mut out, 0, *number),
        Value::Integer(number) | Value::Time(number) => match u64::try_from(*number) {
            Ok(magnitude) => head(&mut out, 0, magnitude),
            Err(_) => head(&mut out, 1, u64::from_ne_bytes((!*number).to_ne_bytes())),
        },
        Value::Float(number) => match single(*number) {
            Some(short) => {
                out.push(0xfa);
                out.extend(short.to_be_bytes());
            }
            None => {
                out.push(0xfb);
                out.extend(number.to_be_bytes());
            }
        },
    }
    out
}

/// The number in 32 bits, if it is the same one there.
#[expect(
    clippy::cast_possible_truncation,
    reason = "casting back is the test for exactness"
)]
pub(super) fn single(number: f64) -> Option<f32> {
    let short = number as f32;
    (f64::from(short) == number).then_some(short)
}

fn string(out: &mut Vec<u8>, major: u8, bytes: &[u8]) {
    head(out, major, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A head in its shortest form.
fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let bytes = argument.to_be_bytes();
    let (info, width) = match argument {
        0..=23 => (bytes.last().copied().unwrap_or_default(), 0),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | info);
    out.extend_from_slice(
        bytes
            .get(8_usize.saturating_sub(width)..)
            .unwrap_or_default(),
    );
}
