//! One UDP message, as a view over its bytes.

use crate::{Code, DecodeError, DecodeErrorKind, OptionNumber, Options, Type};

/// A message as received over UDP or DTLS: a view over the datagram, checked once.
///
/// # Examples
/// ```
/// use coap_codec::{Code, Message, Type};
///
/// // ACK 2.01 with Location /rd/5a3f
/// let message = Message::decode(b"\x62\x41\x12\x34\x9a\x01\x82rd\x045a3f")?;
/// assert_eq!(message.ty(), Type::Acknowledgement);
/// assert_eq!(message.code(), Code::CREATED);
/// assert_eq!(message.message_id(), 0x1234);
/// assert_eq!(message.token(), [0x9a, 0x01]);
/// assert!(message.options().location_path().eq([Ok("rd"), Ok("5a3f")]));
/// assert!(message.payload().is_empty());
/// # Ok::<(), coap_codec::DecodeError>(())
/// ```
///
/// # Specification
/// RFC 7252 §3.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Message<'a> {
    ty: Type,
    code: Code,
    message_id: u16,
    token: &'a [u8],
    options: Options<'a>,
    payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a datagram by the rules of RFC 7252 alone; [`Message::decode_with`] can allow more.
    ///
    /// # Errors
    /// Every fault that RFC 7252 calls a message format error. What to do about one depends on
    /// the type of the message; [`triage`](crate::triage()) tells.
    #[inline]
    pub fn decode(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        Self::decode_with(datagram, DecodeLimits::RFC7252)
    }

    /// Reads a datagram.
    ///
    /// # Errors
    /// As [`Message::decode`].
    ///
    /// # Specification
    /// RFC 7252 §3; RFC 8974 §2.1 where `limits` turn extended tokens on.
    pub fn decode_with(datagram: &'a [u8], limits: DecodeLimits) -> Result<Self, DecodeError> {
        let Some((&[first, code, mid @ ..], rest)) = datagram.split_first_chunk::<4>() else {
            return Err(DecodeError::at(datagram.len(), DecodeErrorKind::Truncated));
        };
        let version = first >> 6;
        if version != 1 {
            return Err(DecodeError::at(0, DecodeErrorKind::Version(version)));
        }
        let code = Code(code);
        // "An Empty message has the Code field set to 0.00. The Token Length field MUST be set
        // to 0 and bytes of data MUST NOT be present after the Message ID field." (§4.1)
        if code == Code::EMPTY {
            if first & 0xf != 0 {
                return Err(DecodeError::at(0, DecodeErrorKind::NotEmpty));
            }
            if !rest.is_empty() {
                return Err(DecodeError::at(4, DecodeErrorKind::NotEmpty));
            }
        }
        let (token, rest) = split_token(first & 0xf, rest, limits, 0, 4, datagram.len())?;
        let base = datagram.len().saturating_sub(rest.len());
        let (options, payload) = Options::split(rest, base)?;
        Ok(Self {
            ty: Type::from_bits(first >> 4),
            code,
            message_id: u16::from_be_bytes(mid),
            token,
            options,
            payload: payload.unwrap_or_default(),
        })
    }

    /// Confirmable, non-confirmable, acknowledgement or reset.
    #[must_use]
    pub const fn ty(&self) -> Type {
        self.ty
    }

    /// The method or response code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The message ID, which pairs acknowledgements with messages and finds duplicates.
    #[must_use]
    pub const fn message_id(&self) -> u16 {
        self.message_id
    }

    /// The token, which pairs responses with requests; 0 to 8 bytes unless the limits allow more.
    #[must_use]
    pub const fn token(&self) -> &'a [u8] {
        self.token
    }

    /// The options.
    #[must_use]
    pub const fn options(&self) -> Options<'a> {
        self.options
    }

    /// The payload; empty where there is none.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The first critical option that the receiver must refuse; see [`Options::unrecognised`].
    #[must_use]
    pub fn unrecognised(&self, understood: &[OptionNumber]) -> Option<OptionNumber> {
        self.options.unrecognised(understood)
    }
}

/// Splits the token off `rest`; `nibble` stood at `nibble_at`, `rest` starts at `start`, and the
/// whole input ends at `end`.
#[inline]
pub(crate) fn split_token(
    nibble: u8,
    rest: &[u8],
    limits: DecodeLimits,
    nibble_at: usize,
    start: usize,
    end: usize,
) -> Result<(&[u8], &[u8]), DecodeError> {
    let truncated = DecodeError::at(end, DecodeErrorKind::Truncated);
    let refused = DecodeError::at(nibble_at, DecodeErrorKind::TokenLength(nibble));
    let (len, rest) = match nibble {
        0..=8 => (usize::from(nibble), rest),
        9..=12 if limits.extended_tokens => (usize::from(nibble), rest),
        13 if limits.extended_tokens => {
            let (&byte, rest) = rest.split_first().ok_or(truncated)?;
            (usize::from(byte) + 13, rest)
        }
        14 if limits.extended_tokens => {
            let (&pair, rest) = rest.split_first_chunk().ok_or(truncated)?;
            (usize::from(u16::from_be_bytes(pair)) + 269, rest)
        }
        // "Lengths 9-15 are reserved, MUST NOT be sent, and MUST be processed as a message
        // format error." (RFC 7252 §3)
        _ => return Err(refused),
    };
    if len > limits.max_token {
        return Err(DecodeError::at(start, DecodeErrorKind::TooLong));
    }
    rest.split_at_checked(len).ok_or(truncated)
}

/// What a decoder accepts beyond RFC 7252, and how much of it.
///
/// # Examples
/// ```
/// use coap_codec::{DecodeLimits, Message};
///
/// let wire = b"\x4d\x01\x00\x01\x00thirteen byte";
/// assert!(Message::decode(wire).is_err());
///
/// let limits = DecodeLimits::RFC7252.with_extended_tokens(64);
/// let message = Message::decode_with(wire, limits)?;
/// assert_eq!(message.token(), b"thirteen byte");
/// # Ok::<(), coap_codec::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DecodeLimits {
    /// Whether tokens may be longer than 8 bytes: token length nibbles 9 to 12 say it, 13 and 14
    /// announce one or two more bytes of length (RFC 8974 §2.1).
    pub extended_tokens: bool,
    /// The longest token that is accepted, in bytes; RFC 8974 allows 65 804.
    pub max_token: usize,
}

impl DecodeLimits {
    /// RFC 7252 and nothing else: tokens of up to 8 bytes.
    pub const RFC7252: Self = Self {
        extended_tokens: false,
        max_token: 8,
    };

    /// Accepts tokens of up to `max_token` bytes, for a peer that was told so.
    #[must_use]
    pub const fn with_extended_tokens(self, max_token: usize) -> Self {
        Self {
            extended_tokens: true,
            max_token,
        }
    }
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self::RFC7252
    }
}
