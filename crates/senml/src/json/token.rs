//! A tokenizer for JSON (RFC 8259) that keeps what it reads where it is.

use crate::{
    Data, DecodeError, DecodeErrorKind, Number, Text, label::Label, scan::plain_len,
    source::Source, text,
};

/// A position in a payload.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Tokens<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// The bytes of the whole payload.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Reads the name of a member.
    #[inline]
    pub(super) fn label(&mut self) -> Result<Label, DecodeError> {
        // The two that most members have, and the others that RFC 8428 knows.
        let (label, len) = match self.rest() {
            [b'"', b'n', b'"', ..] => (Label::Name, 3),
            [b'"', b'v', b'"', ..] => (Label::Value, 3),
            [b'"', a, b, b'"', ..] => (Label::from_name(&[*a, *b]), 4),
            [b'"', a, b'"', ..] => (Label::from_name(&[*a]), 3),
            _ => (Label::Other, 0),
        };
        if matches!(label, Label::Other | Label::MustUnderstand) {
            return Ok(Label::from_text(&self.text()?));
        }
        self.offset = self.offset.saturating_add(len);
        Ok(label)
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.offset).copied()
    }

    #[inline]
    fn step(&mut self) {
        self.offset = self.offset.saturating_add(1);
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    /// Takes `byte`, if it stands here.
    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        if here {
            self.step();
        }
        here
    }

    /// Skips white space.
    #[inline]
    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.step();
        }
    }

    #[cold]
    fn unexpected(&self, expected: &'static str) -> DecodeError {
        DecodeError::at(
            self.offset,
            DecodeErrorKind::unexpected(self.peek(), expected),
        )
    }

    /// Takes the opening bracket of an array or an object.
    pub(super) fn open(&mut self, bracket: u8, what: &'static str) -> Result<(), DecodeError> {
        self.space();
        if self.take(bracket) {
            Ok(())
        } else {
            Err(self.unexpected(what))
        }
    }

    /// Takes a closing bracket, if it stands here.
    pub(super) fn close(&mut self, bracket: u8) -> bool {
        self.space();
        self.take(bracket)
    }

    /// Takes a comma, or the closing bracket: then `false`.
    #[inline]
    pub(super) fn comma(&mut self, bracket: u8) -> Result<bool, DecodeError> {
        self.space();
        if self.take(b',') {
            Ok(true)
        } else if self.take(bracket) {
            Ok(false)
        } else {
            Err(self.malformed())
        }
    }

    /// Takes a colon, and the white space after it.
    #[inline]
    pub(super) fn colon(&mut self) -> Result<(), DecodeError> {
        self.space();
        if !self.take(b':') {
            return Err(self.malformed());
        }
        self.space();
        Ok(())
    }

    /// Takes the white space after the pack; nothing may follow.
    pub(super) fn end(&mut self) -> Result<(), DecodeError> {
        self.space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(DecodeError::at(self.offset, DecodeErrorKind::Trailing)),
        }
    }

    #[cold]
    fn malformed(&self) -> DecodeError {
        let kind = match self.peek() {
            None => DecodeErrorKind::Truncated,
            Some(_) => DecodeErrorKind::Syntax,
        };
        DecodeError::at(self.offset, kind)
    }

    #[inline]
    fn word(&mut self, word: &[u8]) -> bool {
        let here = self.rest().starts_with(word);
        if here {
            self.offset = self.offset.saturating_add(word.len());
        }
        here
    }

    /// Takes digits, which go into `mantissa`, modulo 2⁶⁴; the number of them.
    #[inline]
    fn digits(&mut self, mantissa: &mut u64) -> usize {
        let mut count = 0_usize;
        for byte in self.rest() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            count = count.saturating_add(1);
        }
        self.offset = self.offset.saturating_add(count);
        count
    }

    /// Takes `e`, a sign, and digits.
    #[inline(never)]
    fn exponent(&mut self) -> Result<i64, DecodeError> {
        self.step();
        let minus = self.take(b'-');
        if !minus {
            self.take(b'+');
        }
        let start = self.offset;
        let mut exponent = 0_i64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let digit = i64::from(digit.wrapping_sub(b'0'));
            exponent = exponent.saturating_mul(10).saturating_add(digit);
            self.step();
        }
        if self.offset == start {
            return Err(self.malformed());
        }
        Ok(if minus {
            exponent.saturating_neg()
        } else {
            exponent
        })
    }
}

/// The digits before any exponent as one number, if 64 bits hold it.
#[cold]
fn checked_mantissa(number: &[u8]) -> Option<u64> {
    number
        .iter()
        .take_while(|byte| !matches!(byte, b'e' | b'E'))
        .filter(|byte| byte.is_ascii_digit())
        .try_fold(0_u64, |all, byte| {
            let digit = u64::from(byte.wrapping_sub(b'0'));
            all.checked_mul(10)?.checked_add(digit)
        })
}

/// Checks the escapes of a string whose inside begins at `start`.
#[inline(never)]
fn check_escapes(inside: &str, start: usize) -> Result<(), DecodeError> {
    let mut rest = inside;
    while !rest.is_empty() {
        let Some((_, next)) = text::unescape(rest) else {
            let at = start.saturating_add(inside.len().saturating_sub(rest.len()));
            let surrogate = rest.starts_with("\\ud") || rest.starts_with("\\uD");
            let kind = if surrogate {
                DecodeErrorKind::Utf8
            } else {
                DecodeErrorKind::Syntax
            };
            return Err(DecodeError::at(at, kind));
        };
        rest = next;
    }
    Ok(())
}

impl<'a> Source<'a> for Tokens<'a> {
    fn offset(&self) -> usize {
        self.offset
    }

    #[inline]
    fn text(&mut self) -> Result<Text<'a>, DecodeError> {
        if !self.take(b'"') {
            return Err(self.unexpected("a string"));
        }
        let start = self.offset;
        let mut escaped = false;
        let inside = loop {
            let plain = plain_len(self.rest());
            self.offset = self.offset.saturating_add(plain);
            match self.peek() {
                Some(b'"') => {
                    let inside = self.bytes.get(start..self.offset).unwrap_or_default();
                    self.step();
                    break inside;
                }
                Some(b'\\') => {
                    escaped = true;
                    self.step();
                    // What follows is checked below; here, that it is not the end of the string.
                    self.step();
                }
                // RFC 8259 §7: control characters must be escaped.
                Some(_) => return Err(self.malformed()),
                None => {
                    return Err(DecodeError::at(
                        self.bytes.len(),
                        DecodeErrorKind::Truncated,
                    ));
                }
            }
        };
        let inside = core::str::from_utf8(inside).map_err(|error| {
            DecodeError::at(
                start.saturating_add(error.valid_up_to()),
                DecodeErrorKind::Utf8,
            )
        })?;
        if escaped {
            check_escapes(inside, start)?;
            return Ok(Text::escaped(inside));
        }
        Ok(Text::plain(inside))
    }

    /// RFC 8259 §6: `-`, digits without a leading zero, a fraction, an exponent.
    #[inline]
    fn number(&mut self) -> Result<Number, DecodeError> {
        let start = self.offset;
        let negative = self.take(b'-');
        if !negative && !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected("a number"));
        }
        // "0" alone, or digits that begin with another one.
        let mut mantissa = 0_u64;
        let mut digits = match self.take(b'0') {
            true => 1,
            false => self.digits(&mut mantissa),
        };
        if digits == 0 {
            return Err(self.malformed());
        }
        let mut fraction = 0;
        let mut exponent = 0;
        let mut integer = true;
        if self.take(b'.') {
            integer = false;
            fraction = self.digits(&mut mantissa);
            digits = digits.saturating_add(fraction);
            if fraction == 0 {
                return Err(self.malformed());
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            integer = false;
            exponent = self.exponent()?;
        }
        if let Some(b'0'..=b'9') = self.peek() {
            return Err(self.malformed()); // a leading zero
        }
        let text = || self.bytes.get(start..self.offset).unwrap_or_default();
        // Nineteen digits fit into 64 bits, whatever they are.
        let mantissa = match digits {
            0..=19 => Some(mantissa),
            _ => checked_mantissa(text()),
        };
        let fraction = i64::try_from(fraction).unwrap_or(i64::MAX);
        let exponent = exponent.saturating_sub(fraction);
        let exact = match mantissa {
            Some(mantissa) if integer => Number::signed(negative, mantissa, true),
            Some(mantissa) => Number::short_decimal(negative, mantissa, exponent),
            None => None,
        };
        if let Some(exact) = exact {
            return Ok(exact);
        }
        let float = core::str::from_utf8(text())
            .ok()
            .and_then(|text| text.parse::<f64>().ok());
        match float {
            Some(float) if float.is_finite() => Ok(Number::from(float)),
            _ => Err(DecodeError::at(start, DecodeErrorKind::NumberRange)),
        }
    }

    fn boolean(&mut self) -> Result<bool, DecodeError> {
        if self.word(b"true") {
            Ok(true)
        } else if self.word(b"false") {
            Ok(false)
        } else {
            Err(self.unexpected("true or false"))
        }
    }

    fn data(&mut self) -> Result<Data<'a>, DecodeError> {
        let start = self.offset;
        let text = self.text()?;
        Data::base64(text).ok_or(DecodeError::at(start, DecodeErrorKind::Base64))
    }

    #[inline]
    fn null(&mut self) -> Result<bool, DecodeError> {
        Ok(self.word(b"null"))
    }

    fn skip(&mut self, depth: usize) -> Result<(), DecodeError> {
        let (open, close) = match self.peek() {
            Some(b'"') => return self.text().map(drop),
            Some(b'-' | b'0'..=b'9') => {
                // No range has to be kept for what nobody reads.
                let start = self.offset;
                return match self.number() {
                    Err(error) if error.kind != DecodeErrorKind::NumberRange => Err(error),
                    _ if self.offset == start => Err(self.malformed()),
                    _ => Ok(()),
                };
            }
            Some(b'[') => (b'[', b']'),
            Some(b'{') => (b'{', b'}'),
            _ if self.word(b"true") || self.word(b"false") || self.word(b"null") => return Ok(()),
            _ => return Err(self.malformed()),
        };
        let Some(depth) = depth.checked_sub(1) else {
            return Err(DecodeError::at(self.offset, DecodeErrorKind::TooDeep));
        };
        self.take(open);
        if self.close(close) {
            return Ok(());
        }
        loop {
            self.space();
            if open == b'{' {
                self.text()?;
                self.colon()?;
            }
            self.skip(depth)?;
            if !self.comma(close)? {
                return Ok(());
            }
        }
    }
}
