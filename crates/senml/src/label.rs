//! The labels of SenML fields, RFC 8428 tables 2 and 4, and `vlo` of LwM2M.

use crate::Text;

/// What a field is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Label {
    BaseVersion,
    BaseName,
    BaseTime,
    BaseUnit,
    BaseValue,
    BaseSum,
    Name,
    Unit,
    Value,
    String,
    Boolean,
    Sum,
    Time,
    UpdateTime,
    Data,
    ObjectLink,
    /// Not known; to be ignored.
    Other,
    /// Not known, and ends in `_`: not to be ignored (RFC 8428 §4.4).
    MustUnderstand,
}

impl Label {
    /// The label of a JSON member, or of a CBOR map with text keys.
    pub(crate) fn from_text(text: &Text<'_>) -> Self {
        let mut buffer = [0; 4];
        let label = match text.as_str() {
            Some(label) => label.as_bytes(),
            None => match text.copy_to(&mut buffer) {
                Some(len) => buffer.get(..len).unwrap_or_default(),
                None if text.chars().last() == Some('_') => b"_",
                None => b"",
            },
        };
        Self::from_name(label)
    }

    /// The label of this name in JSON.
    #[inline]
    pub(crate) const fn from_name(name: &[u8]) -> Self {
        match name {
            b"n" => Self::Name,
            b"v" => Self::Value,
            b"vs" => Self::String,
            b"vb" => Self::Boolean,
            b"vd" => Self::Data,
            b"vlo" => Self::ObjectLink,
            b"bn" => Self::BaseName,
            b"t" => Self::Time,
            b"bt" => Self::BaseTime,
            b"u" => Self::Unit,
            b"bu" => Self::BaseUnit,
            b"bv" => Self::BaseValue,
            b"bs" => Self::BaseSum,
            b"bver" => Self::BaseVersion,
            b"s" => Self::Sum,
            b"ut" => Self::UpdateTime,
            [.., b'_'] => Self::MustUnderstand,
            _ => Self::Other,
        }
    }

    /// The label of a CBOR map.
    #[inline]
    pub(crate) const fn from_number(number: i64) -> Self {
        match number {
            -6 => Self::BaseSum,
            -5 => Self::BaseValue,
            -4 => Self::BaseUnit,
            -3 => Self::BaseTime,
            -2 => Self::BaseName,
            -1 => Self::BaseVersion,
            0 => Self::Name,
            1 => Self::Unit,
            2 => Self::Value,
            3 => Self::String,
            4 => Self::Boolean,
            5 => Self::Sum,
            6 => Self::Time,
            7 => Self::UpdateTime,
            8 => Self::Data,
            _ => Self::Other,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::BaseVersion => "bver",
            Self::BaseName => "bn",
            Self::BaseTime => "bt",
            Self::BaseUnit => "bu",
            Self::BaseValue => "bv",
            Self::BaseSum => "bs",
            Self::Name => "n",
            Self::Unit => "u",
            Self::Value => "v",
            Self::String => "vs",
            Self::Boolean => "vb",
            Self::Sum => "s",
            Self::Time => "t",
            Self::UpdateTime => "ut",
            Self::Data => "vd",
            Self::ObjectLink => "vlo",
            Self::Other | Self::MustUnderstand => "",
        }
    }
}
