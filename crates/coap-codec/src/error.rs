//! Why bytes were refused, and why a message could not be written.

use core::fmt;

use crate::OptionNumber;

/// Why bytes from the network were not accepted, and where reading stopped.
///
/// # Examples
/// ```
/// use coap_codec::{DecodeError, DecodeErrorKind, Message};
///
/// // A token of 8 bytes is announced, one byte follows.
/// let fault = Message::decode(&[0x48, 0x01, 0x00, 0x01, 0xAA]).unwrap_err();
/// assert_eq!(fault, DecodeError::at(5, DecodeErrorKind::Truncated));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DecodeError {
    /// Bytes from the start of what was given to the decoder to the place of the fault; the end of
    /// it where bytes are missing.
    pub offset: usize,
    /// What is wrong there.
    pub kind: DecodeErrorKind,
}

impl DecodeError {
    /// A fault of `kind`, `offset` bytes from the start.
    #[must_use]
    pub const fn at(offset: usize, kind: DecodeErrorKind) -> Self {
        Self { offset, kind }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl core::error::Error for DecodeError {}

/// The kinds of fault that a decoder of this crate reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes end before what they announce.
    Truncated,
    /// The version is not 1 (RFC 7252 §3); the value is what stood there.
    Version(u8),
    /// The token length nibble is reserved, or larger than the limits allow
    /// (RFC 7252 §3, RFC 8974 §2.1); the value is the nibble.
    TokenLength(u8),
    /// A code 0.00 message carries a token, options or a payload (RFC 7252 §4.1).
    NotEmpty,
    /// An option delta or length nibble is 15 (RFC 7252 §3.1).
    OptionNibble,
    /// The option deltas add up to more than 65 535 (RFC 7252 §3.1).
    OptionOverflow,
    /// The payload marker is followed by nothing (RFC 7252 §3).
    EmptyPayload,
    /// A value is longer than its definition allows.
    TooLong,
    /// A value that the specification reserves; for a block option the size exponent.
    Reserved(u8),
    /// A byte that cannot stand in this place of a text.
    Unexpected(u8),
    /// Text that is not UTF-8.
    NotUtf8,
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the bytes end too early"),
            Self::Version(version) => write!(f, "version {version} is not 1"),
            Self::TokenLength(nibble) => write!(f, "token length {nibble} is not allowed"),
            Self::NotEmpty => f.write_str("an empty message carries more than its header"),
            Self::OptionNibble => f.write_str("option delta or length 15 is reserved"),
            Self::OptionOverflow => f.write_str("the option number exceeds 65535"),
            Self::EmptyPayload => f.write_str("the payload marker is followed by nothing"),
            Self::TooLong => f.write_str("the value is longer than its definition allows"),
            Self::Reserved(value) => write!(f, "the value {value} is reserved"),
            Self::Unexpected(byte) => write!(f, "{:?} cannot stand here", char::from(*byte)),
            Self::NotUtf8 => f.write_str("the text is not UTF-8"),
        }
    }
}

/// Why a message was not written. Nothing was written by the call that failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The output has no room for it.
    NoSpace,
    /// The token is longer than 8 bytes (or than 65 804 where extended tokens are on).
    TokenTooLong,
    /// The value is longer than an option can hold (65 804 bytes), or than the definition of
    /// this option allows where that is asked.
    OptionTooLong(OptionNumber),
    /// The value is shorter than the definition of this option allows.
    OptionTooShort(OptionNumber),
    /// The option does not come in ascending order.
    OptionOrder(OptionNumber),
    /// Options come before the payload, and there is one payload.
    AfterPayload,
    /// A code 0.00 message has neither token, options nor payload (RFC 7252 §4.1).
    NotEmpty,
    /// The message is longer than the length field of its framing can say.
    MessageTooLong,
    /// The target of a link has a character that cannot stand between `<` and `>`.
    LinkTarget,
    /// The name of a link attribute has a character that cannot stand there, or there is no
    /// link yet.
    LinkAttribute,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSpace => f.write_str("the output is too small"),
            Self::TokenTooLong => f.write_str("the token is too long"),
            Self::OptionTooLong(number) => write!(f, "the value of {number} is too long"),
            Self::OptionTooShort(number) => write!(f, "the value of {number} is too short"),
            Self::OptionOrder(number) => write!(f, "{number} is not in ascending order"),
            Self::AfterPayload => f.write_str("nothing may follow the payload"),
            Self::NotEmpty => f.write_str("an empty message carries nothing but its header"),
            Self::LinkTarget => f.write_str("the link target has a character that is not allowed"),
            Self::LinkAttribute => f.write_str("the link attribute has no place or no valid name"),
            Self::MessageTooLong => f.write_str("the message is too long for its framing"),
        }
    }
}

impl core::error::Error for EncodeError {}
