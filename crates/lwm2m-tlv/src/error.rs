//! What can go wrong: bytes that are not TLV, and entries that cannot be written.

use core::{error::Error, fmt};

use crate::Kind;

/// Why bytes from the peer were not accepted, and where reading stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DecodeError {
    /// Offset in bytes from the start of the payload given to [`Reader::new`](crate::Reader::new).
    pub offset: usize,
    /// The rule that was broken.
    pub kind: DecodeErrorKind,
}

/// The rule that the bytes broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The header or the announced value reaches past the end of what holds it.
    Truncated,
    /// An entry of this kind may not stand here: LwM2M nests Object Instance, then Resource or
    /// Multiple Resource, then Resource Instance, and one level holds one sort of entry.
    Nesting(Kind),
    /// The entry was asked for entries, but holds a value.
    NotAContainer,
    /// The entry was asked for a value, but holds entries.
    NotAValue,
    /// The value has this many bytes, which the type does not have.
    Length(usize),
    /// The Boolean is neither 0 nor 1.
    Boolean(u8),
    /// The string is not UTF-8.
    Utf8,
}

impl DecodeError {
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
        match self {
            Self::Truncated => f.write_str("entry reaches past the end"),
            Self::Nesting(kind) => write!(f, "{kind} may not stand here"),
            Self::NotAContainer => f.write_str("entry holds a value, not entries"),
            Self::NotAValue => f.write_str("entry holds entries, not a value"),
            Self::Length(len) => write!(f, "value of {len} bytes does not fit the type"),
            Self::Boolean(byte) => write!(f, "boolean is {byte}, neither 0 nor 1"),
            Self::Utf8 => f.write_str("string is not UTF-8"),
        }
    }
}

impl Error for DecodeError {}

/// Why an entry was not written. The writer is as it was before the call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is too small.
    NoRoom,
    /// The value is longer than [`MAX_VALUE_LEN`](crate::MAX_VALUE_LEN).
    TooLong,
    /// An entry of this kind may not stand here.
    Nesting(Kind),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom => f.write_str("buffer is too small"),
            Self::TooLong => f.write_str("value is longer than 16777215 bytes"),
            Self::Nesting(kind) => write!(f, "{kind} may not stand here"),
        }
    }
}

impl Error for EncodeError {}
