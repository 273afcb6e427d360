//! What can go wrong: bytes that are no SenML pack, and records that cannot be written.

use core::{error::Error, fmt};

/// Why bytes from the peer were not accepted, and where reading stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DecodeError {
    /// Offset in bytes from the start of the payload.
    pub offset: usize,
    /// The rule that was broken.
    pub kind: DecodeErrorKind,
}

/// The rule that the bytes broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The payload ends too early.
    Truncated,
    /// Not JSON, or not CBOR.
    Syntax,
    /// A string is not UTF-8, or escapes half a surrogate pair.
    Utf8,
    /// Well-formed, but not what stands here: this was expected.
    Expected(&'static str),
    /// A field of this label occurs twice in one record.
    Duplicate(&'static str),
    /// The record has more than one of `v`, `vs`, `vb`, `vd` and `vlo`.
    SeveralValues,
    /// The record has neither a base name nor a name.
    NoName,
    /// A base version greater than 10, or that is no positive integer.
    Version,
    /// A label that ends in `_`, which must be understood, is not known here.
    MustUnderstand,
    /// A number outside of the range that can be told exactly, or not finite where it must be.
    NumberRange,
    /// `vd` is not base64url.
    Base64,
    /// Bytes follow the pack.
    Trailing,
    /// More bytes than [`Limits::len`](crate::Limits::len).
    TooLong,
    /// More records than [`Limits::records`](crate::Limits::records).
    TooManyRecords,
    /// A name longer than [`Limits::name_len`](crate::Limits::name_len).
    NameTooLong,
    /// Nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    TooDeep,
}

impl DecodeError {
    #[cold]
    pub(crate) const fn at(offset: usize, kind: DecodeErrorKind) -> Self {
        Self { offset, kind }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "unexpected end",
            Self::Syntax => "malformed",
            Self::Utf8 => "string is not valid unicode",
            Self::Expected(what) => return write!(f, "expected {what}"),
            Self::Duplicate(label) => return write!(f, "second {label} in one record"),
            Self::SeveralValues => "more than one value in one record",
            Self::NoName => "record without a name",
            Self::Version => "unknown version of SenML",
            Self::MustUnderstand => "unknown field that must be understood",
            Self::NumberRange => "number out of range",
            Self::Base64 => "data is not base64url",
            Self::Trailing => "bytes after the pack",
            Self::TooLong => "payload is too long",
            Self::TooManyRecords => "too many records",
            Self::NameTooLong => "name is too long",
            Self::TooDeep => "nested too deep",
        })
    }
}

impl Error for DecodeError {}

/// Why a record was not written. The writer is as it was before the call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is too small.
    NoRoom,
    /// JSON has no infinities and no NaN.
    NotFinite,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoom => "buffer is too small",
            Self::NotFinite => "number is not finite",
        })
    }
}

impl Error for EncodeError {}
