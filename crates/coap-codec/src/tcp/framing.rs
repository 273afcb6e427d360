//! Frames: a length, a code, a token, and what UDP messages have too.

use crate::encoder::{TokenLength, Writer};
use crate::message::split_token;
use crate::{Code, DecodeError, DecodeErrorKind, DecodeLimits, EncodeError, Options};

/// What stands at the start of a buffer; see [`frame`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums)] // a frame is there or it is not
pub enum Frame {
    /// A whole frame of so many bytes.
    Complete(usize),
    /// The start of a frame; it cannot be told before the buffer holds so many bytes.
    Incomplete(usize),
}

/// Looks where the first frame in `buffer` ends; `max` is the longest frame that is accepted, in
/// bytes, which is what one's own CSM announces as Max-Message-Size.
///
/// # Errors
/// [`DecodeErrorKind::TooLong`] for a frame over `max`, as soon as its length is known;
/// [`DecodeErrorKind::TokenLength`] for the reserved nibble 15. The answer to either is an Abort
/// and the end of the connection.
///
/// # Examples
/// ```
/// use coap_codec::tcp::{Frame, frame};
///
/// assert_eq!(frame(b"", 1152), Ok(Frame::Incomplete(1)));
/// // L = 13 + 10, no token: three bytes of head, then 23.
/// assert_eq!(frame(b"\xd0\x0a\x02", 1152), Ok(Frame::Incomplete(26)));
/// // L = 65805 + 2³¹ is refused at once.
/// assert!(frame(b"\xf0\x80\x00\x00\x00", 1152).is_err());
/// ```
///
/// # Specification
/// RFC 8323 §3.2 and §5.3.1; RFC 8974 §2.1 for the extended token lengths, which are part of
/// what there is to skip.
pub fn frame(buffer: &[u8], max: usize) -> Result<Frame, DecodeError> {
    let head = match Head::read(buffer, u64::try_from(max).unwrap_or(u64::MAX))? {
        Ok(head) => head,
        Err(needed) => return Ok(Frame::Incomplete(needed)),
    };
    let total = u64::try_from(head.token_at)
        .unwrap_or(u64::MAX)
        .saturating_add(head.token)
        .saturating_add(head.rest);
    match usize::try_from(total) {
        Ok(total) if total <= max => Ok(if buffer.len() >= total {
            Frame::Complete(total)
        } else {
            Frame::Incomplete(total)
        }),
        _ => Err(DecodeError::at(0, DecodeErrorKind::TooLong)),
    }
}

/// The head of a frame.
struct Head {
    nibble: u8,
    code: Code,
    /// Where the token length extension, if any, begins.
    extension_at: usize,
    /// Where the token begins.
    token_at: usize,
    /// Bytes in the token.
    token: u64,
    /// Bytes in options, marker and payload.
    rest: u64,
}

impl Head {
    /// Reads the head, or tells how many bytes that takes. A length over `max` is refused as soon
    /// as it is there.
    fn read(buffer: &[u8], max: u64) -> Result<Result<Self, usize>, DecodeError> {
        let Some(&first) = buffer.first() else {
            return Ok(Err(1));
        };
        let (len, nibble) = (first >> 4, first & 0xf);
        let (len_width, bias) = match len {
            0..13 => (0, u64::from(len)),
            13 => (1, 13),
            14 => (2, 269),
            _ => (4, 65_805),
        };
        let (token_width, token_bias) = match nibble {
            0..13 => (0, u64::from(nibble)),
            13 => (1, 13),
            14 => (2, 269),
            _ => {
                return Err(DecodeError::at(0, DecodeErrorKind::TokenLength(nibble)));
            }
        };
        // first byte, length, code, token length
        let extension_at = 2 + len_width;
        let token_at = extension_at + token_width;
        let number = |at: usize, width: usize| {
            let bytes = buffer.get(at..at + width)?;
            Some(bytes.iter().fold(0, |n: u64, &b| n << 8 | u64::from(b)))
        };
        let Some(rest) = number(1, len_width) else {
            return Ok(Err(1 + len_width));
        };
        let rest = rest + bias;
        if rest > max {
            return Err(DecodeError::at(0, DecodeErrorKind::TooLong));
        }
        let (Some(&code), Some(token)) =
            (buffer.get(1 + len_width), number(extension_at, token_width))
        else {
            return Ok(Err(token_at));
        };
        Ok(Ok(Self {
            nibble,
            code: Code(code),
            extension_at,
            token_at,
            token: token + token_bias,
            rest,
        }))
    }
}

/// A message as received over TCP or TLS: a view over the frame, checked once.
///
/// # Specification
/// RFC 8323 §3.2.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Message<'a> {
    code: Code,
    token: &'a [u8],
    options: Options<'a>,
    payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads one whole frame, as [`frame`] has found it.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] and [`DecodeErrorKind::TooLong`] if `frame` is shorter or
    /// longer than it says; the faults that UDP messages have in token, options and payload.
    pub fn decode(frame: &'a [u8], limits: DecodeLimits) -> Result<Self, DecodeError> {
        let truncated = DecodeError::at(frame.len(), DecodeErrorKind::Truncated);
        let Ok(head) = Head::read(frame, u64::MAX)? else {
            return Err(truncated);
        };
        let body = frame.get(head.extension_at..).ok_or(truncated)?;
        let (token, body) =
            split_token(head.nibble, body, limits, 0, head.extension_at, frame.len())?;
        let read = frame.len().saturating_sub(body.len());
        match u64::try_from(body.len()).unwrap_or(u64::MAX) {
            len if len < head.rest => return Err(truncated),
            len if len > head.rest => {
                let end = read.saturating_add(usize::try_from(head.rest).unwrap_or(usize::MAX));
                return Err(DecodeError::at(end, DecodeErrorKind::TooLong));
            }
            _ => {}
        }
        let (options, payload) = Options::split(body, read)?;
        Ok(Self {
            code: head.code,
            token,
            options,
            payload: payload.unwrap_or_default(),
        })
    }

    /// The method, response or signalling code. Messages with [`Code::EMPTY`] are to be ignored;
    /// they keep a connection alive (RFC 8323 §3.4).
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The token, which pairs responses with requests.
    #[must_use]
    pub const fn token(&self) -> &'a [u8] {
        self.token
    }

    /// The options. In a signalling message their numbers mean something else for each code:
    /// read them with [`Signal::decode`](super::Signal::decode).
    #[must_use]
    pub const fn options(&self) -> Options<'a> {
        self.options
    }

    /// The payload; empty where there is none.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Writes one frame and returns its length in bytes. An empty payload writes no marker. Tokens
/// over 8 bytes are for a peer that announced Extended-Token-Length.
///
/// # Errors
/// [`EncodeError::TokenTooLong`] over 65 804 bytes, [`EncodeError::MessageTooLong`] for options
/// and payload over 4 GiB, [`EncodeError::NoSpace`].
///
/// # Examples
/// ```
/// use coap_codec::{Code, Options, tcp};
///
/// let mut out = [0; 16];
/// let len = tcp::encode(&mut out, Code::PING, b"B", Options::EMPTY, b"")?;
/// assert_eq!(out[..len], [0x01, 0xe2, 0x42]);
/// # Ok::<(), coap_codec::EncodeError>(())
/// ```
///
/// # Specification
/// RFC 8323 §3.2.
pub fn encode(
    out: &mut [u8],
    code: Code,
    token: &[u8],
    options: Options<'_>,
    payload: &[u8],
) -> Result<usize, EncodeError> {
    let token_length = TokenLength::of(token)?;
    let (nibble, extension) = length(body_len(options, payload))?;
    let mut writer = Writer::new(out);
    writer.put(&[nibble << 4 | token_length.nibble])?;
    writer.put(extension.as_slice())?;
    writer.put(&[code.0])?;
    writer.put(token_length.extension())?;
    writer.put(token)?;
    writer.options(options)?;
    if !payload.is_empty() {
        writer.payload(payload)?;
    }
    Ok(writer.used)
}

/// Bytes that [`encode`] will write.
///
/// # Errors
/// As [`encode`], but for room.
pub fn encoded_len(
    token: &[u8],
    options: Options<'_>,
    payload: &[u8],
) -> Result<usize, EncodeError> {
    let token_length = TokenLength::of(token)?;
    let body = body_len(options, payload);
    let (_, extension) = length(body)?;
    let head = 2 + extension.len + token_length.extension().len();
    Ok(body.saturating_add(token.len()).saturating_add(head))
}

fn body_len(options: Options<'_>, payload: &[u8]) -> usize {
    let marker = usize::from(!payload.is_empty());
    let payload = payload.len().saturating_add(marker);
    options.as_bytes().len().saturating_add(payload)
}

/// The bytes that follow the first nibble.
struct Extension {
    bytes: [u8; 4],
    len: usize,
}

impl Extension {
    /// They stand at the end of the array.
    fn as_slice(&self) -> &[u8] {
        self.bytes.get(4 - self.len..).unwrap_or_default()
    }
}

fn length(body: usize) -> Result<(u8, Extension), EncodeError> {
    let (nibble, rest, len) = match body {
        0..13 => (body, 0, 0),
        13..269 => (13, body - 13, 1),
        269..65_805 => (14, body - 269, 2),
        _ => (15, body - 65_805, 4),
    };
    let rest = u32::try_from(rest).map_err(|_| EncodeError::MessageTooLong)?;
    #[allow(clippy::cast_possible_truncation)] // at most 15
    let nibble = nibble as u8;
    let bytes = rest.to_be_bytes();
    Ok((nibble, Extension { bytes, len }))
}
