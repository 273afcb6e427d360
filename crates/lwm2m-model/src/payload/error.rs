//! Why a payload was refused, and why a node cannot be written.

use core::fmt;

use coap_codec::{Code, ContentFormat};

use crate::{ConvertError, Level, Path, PathErrorKind};

/// Why a payload was refused: about which path, at which byte, by which rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PayloadError {
    /// What the faulty part is about, as far as it is known.
    pub path: Option<Path>,
    /// The byte of the payload where the faulty part starts.
    pub offset: usize,
    /// The rule that was broken.
    pub kind: PayloadErrorKind,
}

impl PayloadError {
    pub(super) const fn new(path: Path, offset: usize, kind: PayloadErrorKind) -> Self {
        Self {
            path: Some(path),
            offset,
            kind,
        }
    }

    /// The code with which a device answers a request that has such a payload: 4.15 for a format that is not
    /// understood or cannot hold the target, 4.13 for more than is taken at a time, else 4.00.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self.kind {
            PayloadErrorKind::UnsupportedFormat(_) | PayloadErrorKind::FormatForLevel(..) => {
                Code::UNSUPPORTED_CONTENT_FORMAT
            }
            PayloadErrorKind::TooManyEntries(_) => Code::REQUEST_ENTITY_TOO_LARGE,
            _ => Code::BAD_REQUEST,
        }
    }
}

/// The rule that a payload broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PayloadErrorKind {
    /// The format is not implemented.
    UnsupportedFormat(ContentFormat),
    /// The format cannot hold the content of a path of this level, or of this resource.
    FormatForLevel(ContentFormat, Level),
    /// The payload is empty where a value must stand.
    Empty,
    /// The bytes are no TLV, or a value has not the form of its type.
    Tlv(lwm2m_tlv::DecodeErrorKind),
    /// The bytes are no SenML.
    Senml(::senml::DecodeErrorKind),
    /// More TLV entries or SenML records than [`Limits::entries`](super::Limits::entries), which are this many. It is
    /// told of the first one that is too many.
    TooManyEntries(usize),
    /// The CBOR item ends too early.
    Truncated,
    /// Something follows the CBOR item.
    Trailing,
    /// A CBOR item that is no value of LwM2M, or not well-formed.
    CborItem,
    /// A text that is not UTF-8.
    Utf8,
    /// A character that does not belong into a number of the resource's type.
    NotANumber,
    /// A number beyond the range of the resource's type.
    NumberTooLarge,
    /// Neither `0` nor `1`.
    NotABoolean,
    /// Not of the form `66:1`.
    NotAnObjectLink,
    /// Not base64 with padding.
    Base64,
    /// A date and time that cannot be read or is no whole second.
    DateTime,
    /// A record's name is no path.
    Name(PathErrorKind),
    /// A record's name does not lie in the path that was asked for.
    OutsidePath,
    /// A record's name is not that of a resource or a resource instance.
    NotAResource,
    /// An entry has another id than the path that was asked for.
    WrongId(u16),
    /// The reserved id 65535.
    ReservedId,
    /// The same instance, resource or resource instance a second time.
    Duplicate,
    /// Several values for a resource that has only one.
    NotMultiple,
    /// A lone value for a resource that has instances.
    NotSingle,
    /// Entries of a kind that cannot stand under the path that was asked for.
    WrongLevel,
    /// More than one entry, or more than one time, where one value must stand.
    NotOne,
    /// A record has no value.
    NoValue,
    /// A record has a time where times are not legal.
    Time,
    /// A value of another type than the resource's, not to be converted without loss.
    Type(ConvertError),
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.path {
            write!(f, "{path}: ")?;
        }
        write!(f, "{} (at byte {})", self.kind, self.offset)
    }
}

impl fmt::Display for PayloadErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnsupportedFormat(format) => {
                return write!(f, "content format {format} is not implemented");
            }
            Self::FormatForLevel(format, level) => {
                return write!(f, "content format {format} cannot hold this {level}");
            }
            Self::Tlv(kind) => return write!(f, "TLV: {kind}"),
            Self::Senml(kind) => return write!(f, "SenML: {kind}"),
            Self::TooManyEntries(limit) => {
                return write!(f, "more than {limit} entries in one payload");
            }
            Self::WrongId(id) => return write!(f, "the id {id} is not the requested one"),
            Self::Type(error) => return write!(f, "{error}"),
            Self::Empty => "the payload is empty where a value must stand",
            Self::Truncated => "the CBOR item ends too early",
            Self::Trailing => "something follows the value",
            Self::CborItem => "this CBOR item is no value",
            Self::Utf8 => "the text is not UTF-8",
            Self::NotANumber => "the text is no number of the resource's type",
            Self::NumberTooLarge => "the number is beyond the range of its type",
            Self::NotABoolean => "a boolean is 0 or 1",
            Self::NotAnObjectLink => "an object link is two numbers with a colon, such as 66:1",
            Self::Base64 => "the text is not base64 with padding",
            Self::DateTime => "the date and time is no whole second that can be read",
            Self::Name(_) => "the record's name is no path",
            Self::OutsidePath => "the record lies outside the requested path",
            Self::NotAResource => "the record's name is not that of a resource",
            Self::ReservedId => "the id 65535 is reserved",
            Self::Duplicate => "it stands in the payload a second time",
            Self::NotMultiple => "the resource has one value, not several",
            Self::NotSingle => "the resource has instances, not a lone value",
            Self::WrongLevel => "entries of this kind cannot stand here",
            Self::NotOne => "one value must stand here, not several",
            Self::NoValue => "the record has no value",
            Self::Time => "a time is not legal here",
        })
    }
}

impl core::error::Error for PayloadError {}

/// Why a node cannot be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct EncodeError {
    /// What the faulty part is about, as far as it is known.
    pub path: Option<Path>,
    /// The rule that was broken.
    pub kind: EncodeErrorKind,
}

impl EncodeError {
    pub(super) const fn new(path: Path, kind: EncodeErrorKind) -> Self {
        Self {
            path: Some(path),
            kind,
        }
    }
}

/// The rule that a node breaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// The format is not implemented.
    UnsupportedFormat(ContentFormat),
    /// The format cannot hold the content of a path of this level, or a value of this type.
    FormatForLevel(ContentFormat, Level),
    /// The node is not that of the path.
    WrongNode,
    /// The reserved id 65535.
    ReservedId,
    /// The same instance, resource or resource instance a second time.
    Duplicate,
    /// Several values for a resource that has only one.
    NotMultiple,
    /// A lone value for a resource that has instances.
    NotSingle,
    /// The resource can only be executed.
    Executable,
    /// A value of another type than the resource's, not to be converted without loss.
    Type(ConvertError),
    /// NaN or an infinity, for which the format has no form.
    NotANumber,
    /// Longer than the format can hold.
    TooLong,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.path {
            write!(f, "{path}: ")?;
        }
        fmt::Display::fmt(&self.kind, f)
    }
}

impl fmt::Display for EncodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnsupportedFormat(format) => {
                return write!(f, "content format {format} is not implemented");
            }
            Self::FormatForLevel(format, level) => {
                return write!(f, "content format {format} cannot hold this {level}");
            }
            Self::Type(error) => return write!(f, "{error}"),
            Self::WrongNode => "the content is not that of the path",
            Self::ReservedId => "the id 65535 is reserved",
            Self::Duplicate => "it stands there a second time",
            Self::NotMultiple => "the resource has one value, not several",
            Self::NotSingle => "the resource has instances, not a lone value",
            Self::Executable => "the resource can only be executed",
            Self::NotANumber => "the format has no form for this number",
            Self::TooLong => "longer than the format can hold",
        })
    }
}

impl core::error::Error for EncodeError {}
