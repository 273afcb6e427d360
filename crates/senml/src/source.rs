//! What the readers of JSON and CBOR share: which field holds what.

use crate::{
    Data, DecodeError, DecodeErrorKind, MAX_DEPTH, Number, Record, Text, Value, label::Label,
    record::Resolver,
};

/// A tokenizer, standing before a value.
pub(crate) trait Source<'a> {
    fn offset(&self) -> usize;
    fn text(&mut self) -> Result<Text<'a>, DecodeError>;
    fn number(&mut self) -> Result<Number, DecodeError>;
    fn boolean(&mut self) -> Result<bool, DecodeError>;
    fn data(&mut self) -> Result<Data<'a>, DecodeError>;
    /// Takes a null, if one stands here.
    fn null(&mut self) -> Result<bool, DecodeError>;
    /// Skips a value that may hold values down to `depth` levels.
    fn skip(&mut self, depth: usize) -> Result<(), DecodeError>;
}

/// The bits of `seen` for base fields.
const BASE: u32 = 1 << Label::BaseVersion as u8
    | 1 << Label::BaseName as u8
    | 1 << Label::BaseTime as u8
    | 1 << Label::BaseUnit as u8
    | 1 << Label::BaseValue as u8
    | 1 << Label::BaseSum as u8;

/// Which fields of a record were read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen(u32);

impl Seen {
    /// Whether there is a base field.
    #[inline]
    pub(crate) const fn has_base(self) -> bool {
        self.0 & BASE != 0
    }

    /// Whether there are base fields only, or none at all: such a record is no reading.
    #[inline]
    pub(crate) const fn is_base_only(self) -> bool {
        self.0 & !BASE == 0
    }

    /// Takes note of `label`; `false` if it was there before.
    #[inline]
    const fn add(&mut self, label: Label) -> bool {
        let bit = 1_u32 << label as u8;
        let new = self.0 & bit == 0;
        self.0 |= bit;
        new
    }
}

impl<'a> Resolver<'a> {
    /// Reads the field `label`, which stands at `label_offset`; `source` stands before its value.
    /// A base field is in force at once, for it holds for this record, too.
    #[inline]
    pub(crate) fn field<S: Source<'a>>(
        &mut self,
        record: &mut Record<'a>,
        seen: &mut Seen,
        (label, label_offset): (Label, usize),
        source: &mut S,
    ) -> Result<(), DecodeError> {
        // Name and number are most of what there is.
        if !matches!(label, Label::Other | Label::MustUnderstand) && !seen.add(label) {
            let kind = DecodeErrorKind::Duplicate(label.as_str());
            return Err(DecodeError::at(label_offset, kind));
        }
        let value_offset = source.offset();
        let value = match label {
            Label::Name => {
                record.set_name(source.text()?);
                return Ok(());
            }
            Label::Value => {
                if source.null()? {
                    Value::Null
                } else {
                    Value::Number(source.number()?)
                }
            }
            Label::String => Value::String(source.text()?),
            Label::Boolean => Value::Boolean(source.boolean()?),
            Label::Data => Value::Data(source.data()?),
            Label::ObjectLink => Value::ObjectLink(source.text()?),
            _ => return self.rare(record, (label, label_offset), source),
        };
        record.value_offset = value_offset;
        if record.value.is_some() {
            return Err(DecodeError::at(
                label_offset,
                DecodeErrorKind::SeveralValues,
            ));
        }
        record.value = Some(value);
        Ok(())
    }

    /// The fields that most records do not have.
    #[inline(never)]
    fn rare<S: Source<'a>>(
        &mut self,
        record: &mut Record<'a>,
        (label, label_offset): (Label, usize),
        source: &mut S,
    ) -> Result<(), DecodeError> {
        match label {
            Label::BaseName => {
                let offset = source.offset();
                self.set_name(source.text()?)
                    .map_err(|kind| DecodeError::at(offset, kind))?;
            }
            Label::BaseTime => self.base.time = Some(finite(source)?),
            Label::BaseUnit => self.base.unit = Some(source.text()?),
            Label::BaseValue => self.base.value = Some(finite(source)?),
            Label::BaseSum => self.base.sum = Some(finite(source)?),
            Label::BaseVersion => {
                let offset = source.offset();
                // RFC 8428 §4.4: a larger version than the one understood must not be used.
                if !matches!(source.number()?.to_i64(), Some(1..=10)) {
                    return Err(DecodeError::at(offset, DecodeErrorKind::Version));
                }
            }
            Label::Unit => record.unit = Some(source.text()?),
            Label::Sum => record.sum = Some(finite(source)?),
            Label::Time => record.time = Some(finite(source)?),
            Label::UpdateTime => record.update_time = Some(finite(source)?),
            // RFC 8428 §4.4: "fields that end with the '_' character MUST be understood".
            Label::MustUnderstand => {
                return Err(DecodeError::at(
                    label_offset,
                    DecodeErrorKind::MustUnderstand,
                ));
            }
            _ => source.skip(MAX_DEPTH)?,
        }
        self.has_base |= matches!(
            label,
            Label::BaseTime | Label::BaseUnit | Label::BaseValue | Label::BaseSum
        );
        Ok(())
    }
}

#[inline]
fn finite<'a, S: Source<'a>>(source: &mut S) -> Result<Number, DecodeError> {
    let offset = source.offset();
    let number = source.number()?;
    if !number.is_finite() {
        return Err(DecodeError::at(offset, DecodeErrorKind::NumberRange));
    }
    Ok(number)
}
