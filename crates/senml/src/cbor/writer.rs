//! The writer: records into a buffer of the caller.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use minicbor::{Encoder, encode::write::Cursor};

use crate::{Data, EncodeError, Fields, Number, Text, Value, number::Repr};

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
    pub fn record(&mut self, fields: &Fields<'_>) -> Result<(), EncodeError> {
        let room = self.out.get_mut(self.len..).ok_or(EncodeError::NoRoom)?;
        let mut map = Map {
            encoder: Encoder::new(Cursor::new(room)),
            floats: self.floats,
        };
        map.write(fields).map_err(|_| EncodeError::NoRoom)?;
        self.len = self.len.saturating_add(map.encoder.writer().position());
        self.records = self.records.saturating_add(1);
        Ok(())
    }

    /// Ends the pack and returns it. From 24 records on, the head of the array is longer, and the
    /// records are moved.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`].
    pub fn finish(self) -> Result<&'b [u8], EncodeError> {
        let mut encoder = Encoder::new(Cursor::new([0; 9]));
        encoder
            .array(self.records)
            .map_err(|_| EncodeError::NoRoom)?;
        let head_len = encoder.writer().position();
        let head = encoder.into_writer().into_inner();
        let end = self.len.saturating_add(head_len).saturating_sub(1);
        if end > self.out.len() {
            return Err(EncodeError::NoRoom);
        }
        if head_len > 1 {
            self.out.copy_within(1..self.len, head_len);
        }
        let (Some(room), Some(head)) = (self.out.get_mut(..head_len), head.get(..head_len)) else {
            return Err(EncodeError::NoRoom);
        };
        room.copy_from_slice(head);
        self.out.get(..end).ok_or(EncodeError::NoRoom)
    }
}

/// The end of the buffer is the only thing that fails here.
type Result0 = Result<(), minicbor::encode::Error<minicbor::encode::write::EndOfSlice>>;

struct Map<'o> {
    encoder: Encoder<Cursor<&'o mut [u8]>>,
    floats: FloatForm,
}

impl Map<'_> {
    fn write(&mut self, fields: &Fields<'_>) -> Result0 {
        let count = [
            fields.base_version.is_some(),
            fields.base_name.is_some(),
            fields.base_time.is_some(),
            fields.base_unit.is_some(),
            fields.base_value.is_some(),
            fields.base_sum.is_some(),
            fields.name.is_some(),
            fields.unit.is_some(),
            fields.time.is_some(),
            fields.value.is_some(),
            fields.sum.is_some(),
            fields.update_time.is_some(),
        ];
        self.encoder.map(count.into_iter().map(u64::from).sum())?;
        self.number(-1, fields.base_version)?;
        self.text(-2, fields.base_name)?;
        self.number(-3, fields.base_time)?;
        self.text(-4, fields.base_unit)?;
        self.number(-5, fields.base_value)?;
        self.number(-6, fields.base_sum)?;
        self.text(0, fields.name)?;
        self.text(1, fields.unit)?;
        self.number(6, fields.time)?;
        match fields.value {
            Some(Value::Number(value)) => self.number(2, Some(value))?,
            Some(Value::String(value)) => self.text(3, Some(value))?,
            Some(Value::Boolean(value)) => {
                self.encoder.i8(4)?.bool(value)?;
            }
            Some(Value::Data(value)) => self.data(&value)?,
            Some(Value::ObjectLink(value)) => {
                self.encoder.str("vlo")?;
                self.string(&value)?;
            }
            Some(Value::Null) => {
                self.encoder.i8(2)?.null()?;
            }
            None => {}
        }
        self.number(5, fields.sum)?;
        self.number(7, fields.update_time)
    }

    #[inline]
    fn text(&mut self, label: i8, text: Option<Text<'_>>) -> Result0 {
        let Some(text) = text else { return Ok(()) };
        self.encoder.i8(label)?;
        self.string(&text)
    }

    #[inline]
    fn string(&mut self, text: &Text<'_>) -> Result0 {
        if let Some(text) = text.as_str() {
            return self.encoder.str(text)?.ok();
        }
        self.encoder.str_len(text.len() as u64)?;
        for piece in text.pieces() {
            self.raw(piece.as_bytes(&mut [0; 4]))?;
        }
        Ok(())
    }

    fn data(&mut self, data: &Data<'_>) -> Result0 {
        self.encoder.i8(8)?;
        if let Some(bytes) = data.as_bytes() {
            return self.encoder.bytes(bytes)?.ok();
        }
        self.encoder.bytes_len(data.len() as u64)?;
        for part in data.parts() {
            self.raw(part.as_slice())?;
        }
        Ok(())
    }

    /// Bytes without a head of their own.
    fn raw(&mut self, bytes: &[u8]) -> Result0 {
        minicbor::encode::Write::write_all(self.encoder.writer_mut(), bytes)
            .map_err(minicbor::encode::Error::write)
    }

    #[inline]
    fn number(&mut self, label: i8, number: Option<Number>) -> Result0 {
        let Some(number) = number else { return Ok(()) };
        self.encoder.i8(label)?;
        match number.repr() {
            Repr::Signed(value) => self.encoder.i64(value)?,
            Repr::Unsigned(value) => self.encoder.u64(value)?,
            Repr::Float(value) => return self.float(value),
        };
        Ok(())
    }

    #[allow(clippy::cast_possible_truncation)]
    fn float(&mut self, value: f64) -> Result0 {
        if self.floats == FloatForm::Shortest {
            if let Some(half) = narrow(value) {
                let [high, low] = half.to_be_bytes();
                return self.raw(&[0xf9, high, low]);
            }
            let single = value as f32;
            if f64::from(single).to_bits() == value.to_bits() {
                return self.encoder.f32(single)?.ok();
            }
        }
        self.encoder.f64(value)?.ok()
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
