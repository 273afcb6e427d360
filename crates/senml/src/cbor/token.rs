//! A tokenizer for CBOR (RFC 8949) that keeps what it reads where it is.

use minicbor::{Decoder, data::Type};

use crate::{Data, DecodeError, DecodeErrorKind, Number, Text, label::Label, source::Source};

/// A position in a payload.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    decoder: Decoder<'a>,
}

/// How many items an array or a map still holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Left {
    Items(u64),
    UntilBreak,
}

impl From<Option<u64>> for Left {
    fn from(len: Option<u64>) -> Self {
        len.map_or(Self::UntilBreak, Self::Items)
    }
}

impl<'a> Tokens<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            decoder: Decoder::new(bytes),
        }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.decoder.input()
    }

    /// An error where the decoder stands.
    #[cold]
    fn here(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::at(self.decoder.position(), kind)
    }

    /// The type of the item that stands here.
    #[inline]
    fn ty(&self) -> Result<Type, DecodeError> {
        self.decoder
            .datatype()
            .map_err(|_| self.here(DecodeErrorKind::Truncated))
    }

    /// An item whose type was looked at can fail for its end alone.
    #[inline]
    fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Decoder<'a>) -> Result<T, minicbor::decode::Error>,
    ) -> Result<T, DecodeError> {
        let start = self.decoder.position();
        read(&mut self.decoder).map_err(|_| DecodeError::at(start, DecodeErrorKind::Truncated))
    }

    #[cold]
    fn unexpected(&self, found: Type, expected: &'static str) -> DecodeError {
        self.here(match found {
            Type::Unknown(_) | Type::Break => DecodeErrorKind::Syntax,
            _ => DecodeErrorKind::Expected(expected),
        })
    }

    pub(super) fn array(&mut self, what: &'static str) -> Result<Left, DecodeError> {
        match self.ty()? {
            Type::Array | Type::ArrayIndef => Ok(self.read(Decoder::array)?.into()),
            other => Err(self.unexpected(other, what)),
        }
    }

    pub(super) fn map(&mut self, what: &'static str) -> Result<Left, DecodeError> {
        match self.ty()? {
            Type::Map | Type::MapIndef => Ok(self.read(Decoder::map)?.into()),
            other => Err(self.unexpected(other, what)),
        }
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
            Left::UntilBreak => {
                let ended = self.ty()? == Type::Break;
                if ended {
                    self.step(1);
                }
                Ok(!ended)
            }
        }
    }

    /// Nothing may follow the pack.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.decoder.position() < self.decoder.input().len() {
            return Err(self.here(DecodeErrorKind::Trailing));
        }
        Ok(())
    }

    /// Reads the key of a field: an integer, or the text label that JSON has for it.
    #[inline]
    pub(super) fn label(&mut self) -> Result<Label, DecodeError> {
        // Nearly every label is an integer of one byte.
        if let Some(&byte @ (0x00..=0x17 | 0x20..=0x37)) = self.bytes().get(self.decoder.position())
        {
            self.step(1);
            let small = i64::from(byte & 0x1f);
            return Ok(Label::from_number(if byte < 0x20 { small } else { !small }));
        }
        match self.ty()? {
            Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int => {
                let number = self.read(Decoder::int)?;
                Ok(i64::try_from(number).map_or(Label::Other, Label::from_number))
            }
            Type::String | Type::StringIndef => Ok(Label::from_text(&self.text()?)),
            other => Err(self.unexpected(other, "a label")),
        }
    }

    fn step(&mut self, bytes: usize) {
        self.decoder
            .set_position(self.decoder.position().saturating_add(bytes));
    }

    /// The chunks of a string of indefinite length; `chunk` takes one.
    fn chunks(
        &mut self,
        ty: Type,
        mut chunk: impl FnMut(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<&'a [u8], DecodeError> {
        self.step(1);
        let start = self.decoder.position();
        loop {
            match self.ty()? {
                Type::Break => break,
                here if here == ty => chunk(self)?,
                _ => return Err(self.here(DecodeErrorKind::Syntax)),
            }
        }
        let end = self.decoder.position();
        self.step(1);
        Ok(self.bytes().get(start..end).unwrap_or_default())
    }

    #[inline]
    fn str(&mut self) -> Result<&'a str, DecodeError> {
        let start = self.decoder.position();
        self.decoder.str().map_err(|error| {
            let kind = match error.is_end_of_input() {
                true => DecodeErrorKind::Truncated,
                false => DecodeErrorKind::Utf8,
            };
            DecodeError::at(start, kind)
        })
    }

    /// The half-precision float of RFC 8949 §3.3, widened exactly.
    fn half(&mut self) -> Result<f64, DecodeError> {
        let start = self.decoder.position();
        let bytes = self
            .bytes()
            .get(start.saturating_add(1)..start.saturating_add(3));
        let Some(&[high, low]) = bytes else {
            return Err(self.here(DecodeErrorKind::Truncated));
        };
        self.step(3);
        Ok(widen(u16::from_be_bytes([high, low])))
    }

    /// Tag 4: an array of exponent and mantissa (RFC 8949 §3.4.4).
    fn decimal_fraction(&mut self) -> Result<Number, DecodeError> {
        let start = self.decoder.position();
        let range = DecodeError::at(start, DecodeErrorKind::NumberRange);
        let what = "a decimal fraction";
        let tag = self.read(Decoder::tag)?;
        if tag.as_u64() != 4 {
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
            *part = match self.ty()? {
                Type::U8
                | Type::U16
                | Type::U32
                | Type::U64
                | Type::I8
                | Type::I16
                | Type::I32
                | Type::I64
                | Type::Int => i128::from(self.read(Decoder::int)?),
                other => return Err(self.unexpected(other, what)),
            };
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
        self.decoder.position()
    }

    #[inline]
    fn text(&mut self) -> Result<Text<'a>, DecodeError> {
        match self.ty()? {
            Type::String => self.str().map(Text::plain),
            Type::StringIndef => {
                let chunks = self.chunks(Type::String, |tokens| tokens.str().map(drop))?;
                Ok(Text::chunked(chunks))
            }
            other => Err(self.unexpected(other, "a string")),
        }
    }

    #[inline]
    fn number(&mut self) -> Result<Number, DecodeError> {
        match self.ty()? {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
                Ok(Number::from(self.read(Decoder::u64)?))
            }
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => {
                Ok(Number::from(self.read(Decoder::i64)?))
            }
            // Below −2⁶³: no resource holds it as an integer.
            #[allow(clippy::cast_precision_loss)]
            Type::Int => Ok(Number::from(i128::from(self.read(Decoder::int)?) as f64)),
            Type::F16 => self.half().map(Number::from),
            Type::F32 => Ok(Number::from(f64::from(self.read(Decoder::f32)?))),
            Type::F64 => Ok(Number::from(self.read(Decoder::f64)?)),
            Type::Tag => self.decimal_fraction(),
            other => Err(self.unexpected(other, "a number")),
        }
    }

    fn boolean(&mut self) -> Result<bool, DecodeError> {
        match self.ty()? {
            Type::Bool => self.read(Decoder::bool),
            other => Err(self.unexpected(other, "true or false")),
        }
    }

    fn data(&mut self) -> Result<Data<'a>, DecodeError> {
        match self.ty()? {
            Type::Bytes => Ok(Data::bytes(self.read(Decoder::bytes)?)),
            Type::BytesIndef => {
                let chunks =
                    self.chunks(Type::Bytes, |tokens| tokens.read(Decoder::bytes).map(drop))?;
                Ok(Data::chunked(chunks))
            }
            other => Err(self.unexpected(other, "a byte string")),
        }
    }

    #[inline]
    fn null(&mut self) -> Result<bool, DecodeError> {
        let null = self.ty()? == Type::Null;
        if null {
            self.step(1);
        }
        Ok(null)
    }

    fn skip(&mut self, depth: usize) -> Result<(), DecodeError> {
        let inside = || {
            depth
                .checked_sub(1)
                .ok_or(self.here(DecodeErrorKind::TooDeep))
        };
        match self.ty()? {
            Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int => self.read(Decoder::int).map(drop),
            Type::Bool => self.boolean().map(drop),
            Type::Null | Type::Undefined => {
                self.step(1);
                Ok(())
            }
            Type::F16 => self.half().map(drop),
            Type::F32 => self.read(Decoder::f32).map(drop),
            Type::F64 => self.read(Decoder::f64).map(drop),
            Type::Simple => self.read(Decoder::simple).map(drop),
            Type::Bytes | Type::BytesIndef => self.data().map(drop),
            Type::String | Type::StringIndef => self.text().map(drop),
            Type::Array | Type::ArrayIndef => {
                let depth = inside()?;
                let mut left = self.array("")?;
                while self.more(&mut left)? {
                    self.skip(depth)?;
                }
                Ok(())
            }
            Type::Map | Type::MapIndef => {
                let depth = inside()?;
                let mut left = self.map("")?;
                while self.more(&mut left)? {
                    self.skip(depth)?;
                    self.skip(depth)?;
                }
                Ok(())
            }
            Type::Tag => {
                let depth = inside()?;
                self.read(Decoder::tag)?;
                self.skip(depth)
            }
            Type::Break | Type::Unknown(_) => Err(self.here(DecodeErrorKind::Syntax)),
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
