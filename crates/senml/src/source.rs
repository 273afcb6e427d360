//! What the readers of JSON and CBOR share: which field holds what.

use crate::{
    Data, DecodeError, DecodeErrorKind, Fields, MAX_DEPTH, Number, Text, Value, label::Label,
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

/// A record that is being read, or was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unresolved<'a> {
    pub(crate) fields: Fields<'a>,
    pub(crate) offset: usize,
    pub(crate) value_offset: usize,
    seen: u32,
}

impl<'a> Unresolved<'a> {
    pub(crate) fn at(offset: usize) -> Self {
        Self {
            offset,
            value_offset: offset,
            ..Self::default()
        }
    }

    /// Whether there is a base field.
    #[inline]
    pub(crate) const fn has_base(&self) -> bool {
        self.seen & BASE != 0
    }

    /// Whether there are base fields only, or none at all: such a record is no reading.
    #[inline]
    pub(crate) const fn is_base_only(&self) -> bool {
        self.seen & !BASE == 0
    }

    /// Reads the field `label`, which stands at `label_offset`; `source` stands before its value.
    #[inline]
    pub(crate) fn field<S: Source<'a>>(
        &mut self,
        label: Label,
        label_offset: usize,
        source: &mut S,
    ) -> Result<(), DecodeError> {
        match label {
            Label::Other => return source.skip(MAX_DEPTH),
            // RFC 8428 §4.4: "fields that end with the '_' character MUST be understood".
            Label::MustUnderstand => {
                return Err(DecodeError::at(
                    label_offset,
                    DecodeErrorKind::MustUnderstand,
                ));
            }
            _ => {}
        }
        let bit = 1_u32 << label as u8;
        if self.seen & bit != 0 {
            let kind = DecodeErrorKind::Duplicate(label.as_str());
            return Err(DecodeError::at(label_offset, kind));
        }
        self.seen |= bit;
        let fields = &mut self.fields;
        let value = match label {
            Label::BaseVersion => {
                let offset = source.offset();
                let version = source.number()?;
                // RFC 8428 §4.4: a larger version than the one understood must not be used.
                if !matches!(version.to_i64(), Some(1..=10)) {
                    return Err(DecodeError::at(offset, DecodeErrorKind::Version));
                }
                fields.base_version = Some(version);
                return Ok(());
            }
            Label::BaseName => {
                fields.base_name = Some(source.text()?);
                return Ok(());
            }
            Label::BaseUnit => {
                fields.base_unit = Some(source.text()?);
                return Ok(());
            }
            Label::Name => {
                fields.name = Some(source.text()?);
                return Ok(());
            }
            Label::Unit => {
                fields.unit = Some(source.text()?);
                return Ok(());
            }
            Label::BaseTime => return finite(source, &mut fields.base_time),
            Label::BaseValue => return finite(source, &mut fields.base_value),
            Label::BaseSum => return finite(source, &mut fields.base_sum),
            Label::Sum => return finite(source, &mut fields.sum),
            Label::Time => return finite(source, &mut fields.time),
            Label::UpdateTime => return finite(source, &mut fields.update_time),
            Label::Value => {
                self.value_offset = source.offset();
                if source.null()? {
                    Value::Null
                } else {
                    Value::Number(source.number()?)
                }
            }
            Label::String => {
                self.value_offset = source.offset();
                Value::String(source.text()?)
            }
            Label::Boolean => {
                self.value_offset = source.offset();
                Value::Boolean(source.boolean()?)
            }
            Label::Data => {
                self.value_offset = source.offset();
                Value::Data(source.data()?)
            }
            Label::ObjectLink => {
                self.value_offset = source.offset();
                Value::ObjectLink(source.text()?)
            }
            Label::Other | Label::MustUnderstand => return Ok(()),
        };
        if fields.value.is_some() {
            return Err(DecodeError::at(
                label_offset,
                DecodeErrorKind::SeveralValues,
            ));
        }
        fields.value = Some(value);
        Ok(())
    }
}

#[inline]
fn finite<'a, S: Source<'a>>(source: &mut S, into: &mut Option<Number>) -> Result<(), DecodeError> {
    let offset = source.offset();
    let number = source.number()?;
    if !number.is_finite() {
        return Err(DecodeError::at(offset, DecodeErrorKind::NumberRange));
    }
    *into = Some(number);
    Ok(())
}
