//! Numbers that stay exact.

use core::fmt::{self, Write as _};

use crate::out::Room;

/// A number of a payload. Whole numbers of 64 bits, signed or not, never pass through a float;
/// this includes whole numbers written as `1.0` or `1e2`.
///
/// What LwM2M resource the number is for, the caller knows: [`to_i64`](Self::to_i64) and
/// [`to_u64`](Self::to_u64) give the exact integer or nothing, [`to_f64`](Self::to_f64) the nearest float.
///
/// ```
/// use senml::{Value, json::Reader};
///
/// let pack = br#"[{"n":"a","v":9007199254740993},{"n":"b","v":1.0},{"n":"c","v":22.5}]"#;
/// let numbers: Vec<_> = Reader::new(pack)
///     .map(|record| match record.unwrap().value {
///         Some(Value::Number(number)) => number,
///         _ => unreachable!(),
///     })
///     .collect();
/// assert_eq!(numbers[0].to_i64(), Some(9_007_199_254_740_993));
/// assert_eq!((numbers[1].to_i64(), numbers[1].is_integer()), (Some(1), false));
/// assert_eq!((numbers[2].to_i64(), numbers[2].to_f64()), (None, 22.5));
/// ```
#[derive(Clone, Copy)]
pub struct Number {
    bits: u64,
    form: Form,
}

/// What the bits are, and whether they were written as an integer: with neither fraction nor
/// exponent. One flat tag keeps a record, which has many numbers, small.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Form {
    Signed,
    SignedDecimal,
    /// Above `i64::MAX`.
    Unsigned,
    UnsignedDecimal,
    Float,
}

/// The same, to be matched.
#[derive(Clone, Copy)]
pub(crate) enum Repr {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
}

/// The largest magnitude below which every whole number is one `f64`, and no other number is it.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Number {
    #[inline]
    const fn new(repr: Repr, integer: bool) -> Self {
        let (bits, form) = match (repr, integer) {
            (Repr::Signed(value), true) => (value.cast_unsigned(), Form::Signed),
            (Repr::Signed(value), false) => (value.cast_unsigned(), Form::SignedDecimal),
            (Repr::Unsigned(value), true) => (value, Form::Unsigned),
            (Repr::Unsigned(value), false) => (value, Form::UnsignedDecimal),
            (Repr::Float(value), _) => (value.to_bits(), Form::Float),
        };
        Self { bits, form }
    }

    #[inline]
    pub(crate) const fn repr(self) -> Repr {
        match self.form {
            Form::Signed | Form::SignedDecimal => Repr::Signed(self.bits.cast_signed()),
            Form::Unsigned | Form::UnsignedDecimal => Repr::Unsigned(self.bits),
            Form::Float => Repr::Float(f64::from_bits(self.bits)),
        }
    }

    /// Whether this is 0, however it was written, but for the float −0.
    #[inline]
    pub(crate) const fn is_zero(self) -> bool {
        self.bits == 0
    }

    /// The exact value as a signed integer; `None` if it has a fraction, is out of range, or is a
    /// float beyond 2⁵³, which may be a rounded one.
    #[must_use]
    #[inline]
    pub fn to_i64(self) -> Option<i64> {
        match self.repr() {
            Repr::Signed(value) => Some(value),
            Repr::Unsigned(_) => None,
            Repr::Float(value) => whole(value),
        }
    }

    /// The exact value as an unsigned integer; `None` as for [`to_i64`](Self::to_i64).
    #[must_use]
    #[inline]
    pub fn to_u64(self) -> Option<u64> {
        match self.repr() {
            Repr::Signed(value) => u64::try_from(value).ok(),
            Repr::Unsigned(value) => Some(value),
            Repr::Float(value) => whole(value).and_then(|value| u64::try_from(value).ok()),
        }
    }

    /// The value as a float, rounded to the nearest if it is an integer beyond 2⁵³.
    #[must_use]
    #[inline]
    #[allow(clippy::cast_precision_loss)]
    pub fn to_f64(self) -> f64 {
        match self.repr() {
            Repr::Signed(value) => value as f64,
            Repr::Unsigned(value) => value as f64,
            Repr::Float(value) => value,
        }
    }

    /// Whether the number was written as an integer that 64 bits hold: without fraction and
    /// exponent in JSON, not as a float in CBOR.
    #[must_use]
    #[inline]
    pub const fn is_integer(self) -> bool {
        matches!(self.form, Form::Signed | Form::Unsigned)
    }

    /// Whether the number is neither infinite nor NaN. JSON has finite ones only.
    #[must_use]
    #[inline]
    pub const fn is_finite(self) -> bool {
        match self.repr() {
            Repr::Signed(_) | Repr::Unsigned(_) => true,
            Repr::Float(value) => value.is_finite(),
        }
    }

    /// The whole number ±`magnitude`; `None` if it fits neither `i64` nor `u64`.
    #[inline]
    pub(crate) fn signed(negative: bool, magnitude: u64, integer: bool) -> Option<Self> {
        let repr = match (i64::try_from(magnitude), negative) {
            (Ok(value), false) => Repr::Signed(value),
            (Ok(value), true) => Repr::Signed(value.wrapping_neg()),
            (Err(_), false) => Repr::Unsigned(magnitude),
            (Err(_), true) if magnitude == 1 << 63 => Repr::Signed(i64::MIN),
            (Err(_), true) => return None,
        };
        Some(Self::new(repr, integer))
    }

    /// ±`mantissa` × 10^`exponent`, if that is a whole number of 64 bits.
    pub(crate) fn whole_decimal(negative: bool, mantissa: u64, exponent: i64) -> Option<Self> {
        if mantissa == 0 {
            return (!negative).then_some(Self::new(Repr::Signed(0), false));
        }
        let mut magnitude = mantissa;
        let mut left = exponent;
        while left < 0 && magnitude.is_multiple_of(10) {
            magnitude /= 10;
            left = left.saturating_add(1);
        }
        while left > 0 {
            magnitude = magnitude.checked_mul(10)?;
            left = left.saturating_sub(1);
        }
        if left < 0 {
            return None;
        }
        Self::signed(negative, magnitude, false)
    }

    /// ±`mantissa` × 10^`exponent` for a few digits, as nearly all numbers have: a whole number of
    /// 64 bits, or the nearest float; `None` where more is needed to tell.
    #[inline]
    pub(crate) fn short_decimal(negative: bool, mantissa: u64, exponent: i64) -> Option<Self> {
        // Powers of ten up to 10²², and whole numbers up to 2⁵³, are floats; of two floats, division
        // gives the float that is nearest to the quotient.
        const POWERS: [f64; 8] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];
        let fraction = usize::try_from(exponent.saturating_neg()).unwrap_or(usize::MAX);
        if let (1..=0x20_0000_0000_0000, Some(power @ 10.0..)) = (mantissa, POWERS.get(fraction))
            && !mantissa.is_multiple_of(10)
        {
            #[allow(clippy::cast_precision_loss)] // not up to 2⁵³
            let float = mantissa as f64 / power;
            return Some(Self::from(if negative { -float } else { float }));
        }
        Self::whole_decimal(negative, mantissa, exponent)
    }

    /// ±`mantissa` × 10^`exponent`: exact if that is a whole number of 64 bits, else the nearest
    /// float; `None` if it is too large for one.
    pub(crate) fn decimal(negative: bool, mantissa: u64, exponent: i64) -> Option<Self> {
        if let Some(exact) = Self::whole_decimal(negative, mantissa, exponent) {
            return Some(exact);
        }
        let mut text = [0; 48];
        let all = text.len();
        let mut room = Room(&mut text);
        write!(
            room,
            "{}{mantissa}e{exponent}",
            if negative { "-" } else { "" }
        )
        .ok()?;
        let len = all.saturating_sub(room.len());
        let float: f64 = core::str::from_utf8(text.get(..len)?).ok()?.parse().ok()?;
        float.is_finite().then(|| Self::from(float))
    }

    /// The sum: exact of whole numbers, else rounded once; `None` out of range.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn checked_add(self, other: Self) -> Option<Self> {
        let sum = match (self.whole_128(), other.whole_128()) {
            (Some(a), Some(b)) => {
                let sum = a.checked_add(b)?;
                let repr = match i64::try_from(sum) {
                    Ok(sum) => Repr::Signed(sum),
                    Err(_) => Repr::Unsigned(u64::try_from(sum).ok()?),
                };
                return Some(Self::new(repr, self.is_integer() && other.is_integer()));
            }
            (Some(a), None) => other.add_to(a),
            (None, Some(b)) => self.add_to(b),
            (None, None) => self.to_f64() + other.to_f64(),
        };
        // Two finite numbers whose sum is none: out of range.
        let fits = sum.is_finite() || !self.is_finite() || !other.is_finite();
        fits.then_some(Self::from(sum))
    }

    /// This float and an integer of 64 bits, which need not be a float itself.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    fn add_to(self, integer: i128) -> f64 {
        let float = self.to_f64();
        // Beyond 2⁵³ a float is whole, and far beyond 2⁶⁴ the integer hardly matters.
        if (EXACT..1e30).contains(&float.abs()) {
            (float as i128).saturating_add(integer) as f64
        } else {
            float + integer as f64
        }
    }

    fn whole_128(self) -> Option<i128> {
        match self.repr() {
            Repr::Signed(value) => Some(i128::from(value)),
            Repr::Unsigned(value) => Some(i128::from(value)),
            // Exact below 2⁵³, which may not be so beyond.
            Repr::Float(value) => whole(value).map(i128::from),
        }
    }
}

/// The integer that the float is, if it is one and cannot be another one rounded.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn whole(value: f64) -> Option<i64> {
    let fits = value.is_finite() && (-EXACT < value && value < EXACT);
    // In range, so the cast drops the fraction and nothing else.
    let integer = value as i64;
    (fits && integer as f64 == value).then_some(integer)
}

impl From<i64> for Number {
    #[inline]
    fn from(value: i64) -> Self {
        Self::new(Repr::Signed(value), true)
    }
}

impl From<i32> for Number {
    #[inline]
    fn from(value: i32) -> Self {
        Self::from(i64::from(value))
    }
}

impl From<u32> for Number {
    #[inline]
    fn from(value: u32) -> Self {
        Self::from(i64::from(value))
    }
}

impl From<u64> for Number {
    #[inline]
    fn from(value: u64) -> Self {
        let repr = i64::try_from(value).map_or(Repr::Unsigned(value), Repr::Signed);
        Self::new(repr, true)
    }
}

impl From<f64> for Number {
    #[inline]
    fn from(value: f64) -> Self {
        Self::new(Repr::Float(value), false)
    }
}

/// Equal as numbers: 1 and 1.0 are, NaN is not even itself.
impl PartialEq for Number {
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    fn eq(&self, other: &Self) -> bool {
        // The cast saturates, drops a fraction and takes NaN for 0: casting back tells.
        let same = |float: f64, integer: i128| float as i128 == integer && integer as f64 == float;
        match (self.whole_128(), other.whole_128()) {
            (Some(a), Some(b)) => a == b,
            (None, Some(b)) => same(self.to_f64(), b),
            (Some(a), None) => same(other.to_f64(), a),
            (None, None) => self.to_f64() == other.to_f64(),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.repr() {
            Repr::Signed(value) => fmt::Display::fmt(&value, f),
            Repr::Unsigned(value) => fmt::Display::fmt(&value, f),
            Repr::Float(value) => fmt::Display::fmt(&value, f),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.repr() {
            Repr::Signed(value) if !self.is_integer() => write!(f, "{value}.0"),
            Repr::Unsigned(value) if !self.is_integer() => write!(f, "{value}.0"),
            Repr::Float(value) => fmt::Debug::fmt(&value, f),
            _ => fmt::Display::fmt(self, f),
        }
    }
}
