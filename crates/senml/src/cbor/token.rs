//! A tokenizer for CBOR (RFC 8949) that keeps what it reads where it is.

use super::head::{BREAK, INDEFINITE, argument, is_reserved, major};
use crate::{Data, DecodeError, DecodeErrorKind, Number, Text, label::Label, source::Source};

/// A position in a payload.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    rest: &'a [u8],
    len: usize,
}

/// How many items an array or a map still holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Left {
    Items(u64),
    UntilBreak,
}

impl<'a> Tokens<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            len: bytes.len(),
        }
    }

    /// The bytes of the whole payload.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// An error where the next item begins.
    #[cold]
    fn here(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::at(self.offset(), kind)
    }

    #[cold]
    fn truncated(&self) -> DecodeError {
        self.here(DecodeErrorKind::Truncated)
    }

    /// The next item is not what should stand here.
    #[cold]
    fn unexpected(&self, expected: &'static str) -> DecodeError {
        self.here(match self.rest.first() {
            None => DecodeErrorKind::Truncated,
            Some(&first) if first == BREAK || is_reserved(first) => DecodeErrorKind::Syntax,
            Some(_) => DecodeErrorKind::Expected(expected),
        })
    }

    /// The major type of the next item; an unknown one at the end.
    #[inline]
    fn major(&self) -> u8 {
        self.rest.first().map_or(u8::MAX, |first| first >> 5)
    }

    /// Takes the head of the next item if it is of this major type: its number, `None` for an
    /// indefinite length.
    #[inline]
    fn head(&mut self, major: u8, what: &'static str) -> Result<Option<u64>, DecodeError> {
        let Some((&first, rest)) = self.rest.split_first() else {
            return Err(self.truncated());
        };
        if first >> 5 != major || is_reserved(first) {
            return Err(self.unexpected(what));
        }
        if first & 0x1f == INDEFINITE {
            self.rest = rest;
            return Ok(None);
        }
        let Some((number, rest)) = argument(first, rest) else {
            return Err(self.truncated());
        };
        self.rest = rest;
        Ok(Some(number))
    }

    /// Takes a string of this major type: its bytes, or the chunks with the heads of each.
    #[inline]
    fn string(&mut self, major: u8, what: &'static str) -> Result<(&'a [u8], bool), DecodeError> {
        let start = self.rest;
        let Some(len) = self.head(major, what)? else {
            return Ok((self.chunks(major)?, true));
        };
        let split = usize::try_from(len)
            .ok()
            .and_then(|len| self.rest.split_at_checked(len));
        let Some((string, rest)) = split else {
            self.rest = start;
            return Err(self.truncated());
        };
        self.rest = rest;
        Ok((string, false))
    }

    /// The chunks of a string of indefinite length, up to the break, which is taken.
    #[inline(never)]
    fn chunks(&mut self, major: u8) -> Result<&'a [u8], DecodeError> {
        let start = self.rest;
        loop {
            let before = self.rest.len();
            match self.rest.split_first() {
                None => return Err(self.truncated()),
                Some((&BREAK, rest)) => {
                    self.rest = rest;
                    let len = start.len().saturating_sub(before);
                    return Ok(start.get(..len).unwrap_or_default());
                }
                Some((&first, _)) if first >> 5 == major && first & 0x1f != INDEFINITE => {
                    let chunk = self.rest;
                    let (string, _) = self.string(major, "")?;
                    // RFC 8949 §3.2.3: a character must not be split between chunks.
                    if major == major::TEXT && core::str::from_utf8(string).is_err() {
                        self.rest = chunk;
                        return Err(self.here(DecodeErrorKind::Utf8));
                    }
                }
                Some(_) => return Err(self.here(DecodeErrorKind::Syntax)),
            }
        }
    }

    pub(super) fn array(&mut self, what: &'static str) -> Result<Left, DecodeError> {
        let items = self.head(major::ARRAY, what)?;
        Ok(items.map_or(Left::UntilBreak, Left::Items))
    }

    #[inline]
    pub(super) fn map(&mut self, what: &'static str) -> Result<Left, DecodeError> {
        // Nearly every record has less than 24 fields, and says how many.
        if let Some((&first @ 0xa0..=0xb7, rest)) = self.rest.split_first() {
            self.rest = rest;
            return Ok(Left::Items(u64::from(first & 0x1f)));
        }
        let items = self.head(major::MAP, what)?;
        Ok(items.map_or(Left::UntilBreak, Left::Items))
    }

    /// Whether another item follows; takes the break that ends an indefinite length.
    #[inline]
    pub(super) fn more(&mut self, left: &mut Left) -> Result<bool, DecodeError> {
        match left {
            Left::Items(0) => Ok(false),
            Left::Items(items) => {
                *items = items.saturating_sub(1);
                Ok(true)
            }
            Left::UntilBreak => match self.rest.split_first() {
                None => Err(self.truncated()),
                Some((&BREAK, rest)) => {
                    self.rest = rest;
                    Ok(false)
                }
                Some(_) => Ok(true),
            },
        }
    }

    /// Nothing may follow the pack.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if !self.rest.is_empty() {
            return Err(self.here(DecodeErrorKind::Trailing));
        }
        Ok(())
    }

    /// Reads the key of a field: an integer, or the text label that JSON has for it.
    #[inline]
    pub(super) fn label(&mut self) -> Result<Label, DecodeError> {
        match self.rest.split_first() {
            // Nearly every label is an integer of one byte.
            Some((&byte @ 0x00..=0x17, rest)) => {
                self.rest = rest;
                Ok(Label::from_number(i64::from(byte)))
            }
            Some((&byte @ 0x20..=0x37, rest)) => {
                self.rest = rest;
                Ok(Label::from_number(!i64::from(byte & 0x1f)))
            }
            _ => self.long_label(),
        }
    }

    #[inline(never)]
    fn long_label(&mut self) -> Result<Label, DecodeError> {
        match self.major() {
            major::TEXT => Ok(Label::from_text(&self.text()?)),
            _ => {
                let number = self.integer("a label")?;
                Ok(i64::try_from(number).map_or(Label::Other, Label::from_number))
            }
        }
    }

    /// An integer of either sign.
    fn integer(&mut self, what: &'static str) -> Result<i128, DecodeError> {
        let negative = self.major() == major::NEGATIVE;
        let major = if negative {
            major::NEGATIVE
        } else {
            major::UNSIGNED
        };
        let number = i128::from(self.head(major, what)?.unwrap_or_default());
        Ok(if negative { !number } else { number })
    }

    #[inline(never)]
    fn long_text(&mut self) -> Result<Text<'a>, DecodeError> {
        let start = self.rest;
        let (string, chunked) = self.string(major::TEXT, "a string")?;
        if chunked {
            return Ok(Text::chunked(string));
        }
        match core::str::from_utf8(string) {
            Ok(text) => Ok(Text::plain(text)),
            Err(_) => {
                self.rest = start;
                Err(self.here(DecodeErrorKind::Utf8))
            }
        }
    }

    #[inline(never)]
    fn long_number(&mut self) -> Result<Number, DecodeError> {
        match self.major() {
            major::UNSIGNED => {
                let number = self.head(major::UNSIGNED, "a number")?;
                Ok(Number::from(number.unwrap_or_default()))
            }
            major::NEGATIVE => {
                let number = self.head(major::NEGATIVE, "a number")?.unwrap_or_default();
                Ok(match i64::try_from(number) {
                    Ok(number) => Number::from(!number),
                    // Below −2⁶³: no resource holds it as an integer.
                    #[allow(clippy::cast_precision_loss)]
                    Err(_) => Number::from(!i128::from(number) as f64),
                })
            }
            major::TAG => self.decimal_fraction(),
            _ => match self.float()? {
                Some(float) => Ok(Number::from(float)),
                None => Err(self.unexpected("a number")),
            },
        }
    }

    /// A float, whose three widths have first bytes of their own; `None` for anything else.
    fn float(&mut self) -> Result<Option<f64>, DecodeError> {
        let Some((&first @ 0xf9..=0xfb, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        let Some((bits, rest)) = argument(first, rest) else {
            return Err(self.truncated());
        };
        self.rest = rest;
        // As many bits as the first byte announced.
        #[allow(clippy::cast_possible_truncation)]
        Ok(Some(match first {
            0xf9 => widen(bits as u16),
            0xfa => f64::from(f32::from_bits(bits as u32)),
            _ => f64::from_bits(bits),
        }))
    }

    /// Tag 4: an array of exponent and mantissa (RFC 8949 §3.4.4).
    #[inline(never)]
    fn decimal_fraction(&mut self) -> Result<Number, DecodeError> {
        let start = self.offset();
        let range = DecodeError::at(start, DecodeErrorKind::NumberRange);
        let what = "a decimal fraction";
        if self.head(major::TAG, what)? != Some(4) {
            return Err(DecodeError::at(
                start,
                DecodeErrorKind::Expected("a number"),
            ));
        }
        let mut left = self.array(what)?;
        let mut parts = [0_i128; 2];
        for part in &mut parts {
            if !self.more(&mut left)? {
                return Err(self.here(DecodeErrorKind::Expected(what)));
            }
            *part = self.integer(what)?;
        }
        if self.more(&mut left)? {
            return Err(self.here(DecodeErrorKind::Expected(what)));
        }
        let [exponent, mantissa] = parts;
        let exponent = i64::try_from(exponent).map_err(|_| range)?;
        let magnitude = u64::try_from(mantissa.unsigned_abs()).map_err(|_| range)?;
        Number::decimal(mantissa < 0, magnitude, exponent).ok_or(range)
    }
}

impl<'a> Source<'a> for Tokens<'a> {
    #[inline]
    fn offset(&self) -> usize {
        self.len.saturating_sub(self.rest.len())
    }

    #[inline]
    fn text(&mut self) -> Result<Text<'a>, DecodeError> {
        // Nearly every string is shorter than 24 bytes, and in one piece.
        if let Some((&first @ 0x60..=0x77, rest)) = self.rest.split_first()
            && let Some((string, rest)) = rest.split_at_checked(usize::from(first & 0x1f))
            && let Ok(text) = core::str::from_utf8(string)
        {
            self.rest = rest;
            return Ok(Text::plain(text));
        }
        self.long_text()
    }

    #[inline]
    fn number(&mut self) -> Result<Number, DecodeError> {
        match self.rest {
            [first @ 0x00..=0x17, rest @ ..] => {
                self.rest = rest;
                Ok(Number::from(i64::from(*first)))
            }
            [0xfb, a, b, c, d, e, f, g, h, rest @ ..] => {
                self.rest = rest;
                let bytes = [*a, *b, *c, *d, *e, *f, *g, *h];
                Ok(Number::from(f64::from_be_bytes(bytes)))
            }
            _ => self.long_number(),
        }
    }

    fn boolean(&mut self) -> Result<bool, DecodeError> {
        match self.rest.split_first() {
            Some((&first @ 0xf4..=0xf5, rest)) => {
                self.rest = rest;
                Ok(first == 0xf5)
            }
            _ => Err(self.unexpected("true or false")),
        }
    }

    fn data(&mut self) -> Result<Data<'a>, DecodeError> {
        let (string, chunked) = self.string(major::BYTES, "a byte string")?;
        Ok(if chunked {
            Data::chunked(string)
        } else {
            Data::bytes(string)
        })
    }

    #[inline]
    fn null(&mut self) -> Result<bool, DecodeError> {
        let Some((&0xf6, rest)) = self.rest.split_first() else {
            return Ok(false);
        };
        self.rest = rest;
        Ok(true)
    }

    fn skip(&mut self, depth: usize) -> Result<(), DecodeError> {
        let inside = |tokens: &Self| {
            depth
                .checked_sub(1)
                .ok_or_else(|| tokens.here(DecodeErrorKind::TooDeep))
        };
        match self.major() {
            major @ (major::UNSIGNED | major::NEGATIVE) => self.head(major, "").map(drop),
            major::BYTES => self.data().map(drop),
            major::TEXT => self.text().map(drop),
            major::ARRAY => {
                let depth = inside(self)?;
                let mut left = self.array("")?;
                while self.more(&mut left)? {
                    self.skip(depth)?;
                }
                Ok(())
            }
            major::MAP => {
                let depth = inside(self)?;
                let mut left = self.map("")?;
                while self.more(&mut left)? {
                    self.skip(depth)?;
                    self.skip(depth)?;
                }
                Ok(())
            }
            major::TAG => {
                let depth = inside(self)?;
                self.head(major::TAG, "")?;
                self.skip(depth)
            }
            // Simple values and floats: as many bytes as the head says, and no break.
            _ => match self.rest {
                [] => Err(self.truncated()),
                [BREAK, ..] => Err(self.here(DecodeErrorKind::Syntax)),
                // RFC 8949 §3.3: values below 32 are not well-formed in two bytes.
                [0xf8, ..0x20, ..] => Err(self.here(DecodeErrorKind::Syntax)),
                _ => self.head(major::SIMPLE, "").map(drop),
            },
        }
    }
}

/// Widens a half-precision float: sign, 5 bits of exponent (bias 15), 10 bits of fraction.
fn widen(half: u16) -> f64 {
    let sign = u64::from(half >> 15) << 63;
    let fraction = u64::from(half & 0x3ff);
    let magnitude = match u64::from(half >> 10 & 0x1f) {
        // Subnormal: fraction × 2⁻²⁴, exact in an `f64`.
        0 => (f64::from(half & 0x3ff) / 16_777_216.0).to_bits(),
        0x1f => 0x7ff << 52 | fraction << 42,
        exponent => exponent.wrapping_add(1023 - 15) << 52 | fraction << 42,
    };
    f64::from_bits(sign | magnitude)
}
