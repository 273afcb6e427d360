//! Writing a message into the caller's buffer.

use crate::options::{MARKER, MAX_VALUE};
use crate::{Code, EncodeError, OptionNumber, Options, Type, uint};

/// Writes one UDP message into a buffer: header, options in ascending order, payload.
///
/// Nothing that it writes would be refused by [`Message::decode`](crate::Message::decode). A call
/// that fails leaves the message as it was, so the caller may go on, for instance with a shorter
/// payload.
///
/// # Examples
/// ```
/// use coap_codec::{Code, ContentFormat, Encoder, OptionNumber, Type};
///
/// let mut out = [0; 64];
/// let mut encoder = Encoder::new(&mut out, Type::Confirmable, Code::GET, 0x2001, b"B")?;
/// encoder
///     .option(OptionNumber::URI_PATH, b"3")?
///     .option(OptionNumber::URI_PATH, b"0")?
///     .option_uint(OptionNumber::ACCEPT, ContentFormat::TLV.0.into())?;
/// let len = encoder.finish()?;
/// assert_eq!(out[..len], *b"\x41\x01\x20\x01B\xb13\x010\x62\x2d\x16");
/// # Ok::<(), coap_codec::EncodeError>(())
/// ```
///
/// # Specification
/// RFC 7252 §3.
#[derive(Debug)]
pub struct Encoder<'b> {
    writer: Writer<'b>,
    empty: bool,
}

impl<'b> Encoder<'b> {
    /// Starts a message with a token of up to 8 bytes.
    ///
    /// # Errors
    /// [`EncodeError::TokenTooLong`], [`EncodeError::NotEmpty`] for a token in a code 0.00
    /// message, [`EncodeError::NoSpace`].
    #[inline]
    pub fn new(
        out: &'b mut [u8],
        ty: Type,
        code: Code,
        message_id: u16,
        token: &[u8],
    ) -> Result<Self, EncodeError> {
        if token.len() > 8 {
            return Err(EncodeError::TokenTooLong);
        }
        Self::with_extended_token(out, ty, code, message_id, token)
    }

    /// Starts a message with a token of up to 65 804 bytes, for a peer that announced extended
    /// tokens. A token of up to 8 bytes is written as [`Encoder::new`] does.
    ///
    /// # Errors
    /// As [`Encoder::new`].
    ///
    /// # Specification
    /// RFC 8974 §2.1.
    #[inline]
    pub fn with_extended_token(
        out: &'b mut [u8],
        ty: Type,
        code: Code,
        message_id: u16,
        token: &[u8],
    ) -> Result<Self, EncodeError> {
        let empty = code == Code::EMPTY;
        if empty && !token.is_empty() {
            return Err(EncodeError::NotEmpty);
        }
        let length = TokenLength::of(token)?;
        let [high, low] = message_id.to_be_bytes();
        let first = 0x40 | ty.bits() << 4 | length.nibble;
        let mut writer = Writer::new(out);
        writer.put(&[first, code.0, high, low])?;
        if length.nibble >= 13 {
            writer.put(length.extension())?;
        }
        writer.put(token)?;
        Ok(Self { writer, empty })
    }

    /// Appends an option.
    ///
    /// # Errors
    /// [`EncodeError::OptionOrder`] for a number below the last one,
    /// [`EncodeError::OptionTooLong`] for more than 65 804 bytes, [`EncodeError::AfterPayload`],
    /// [`EncodeError::NotEmpty`], [`EncodeError::NoSpace`].
    #[inline]
    pub fn option(&mut self, number: OptionNumber, value: &[u8]) -> Result<&mut Self, EncodeError> {
        self.not_empty()?;
        self.writer.option(number, value)?;
        Ok(self)
    }

    /// Appends an option whose value is an integer, in its shortest form.
    ///
    /// # Errors
    /// As [`Encoder::option`].
    #[inline]
    pub fn option_uint(
        &mut self,
        number: OptionNumber,
        value: u32,
    ) -> Result<&mut Self, EncodeError> {
        self.option(number, uint::encode(value, &mut [0; 4]))
    }

    /// Appends a list of options: one copy where none was written before.
    ///
    /// # Errors
    /// As [`Encoder::option`]; none of the list is written then.
    pub fn options(&mut self, options: &Options<'_>) -> Result<&mut Self, EncodeError> {
        if !options.is_empty() {
            self.not_empty()?;
            self.writer.options(*options)?;
        }
        Ok(self)
    }

    /// Writes the payload; an empty one writes nothing, not even the marker.
    ///
    /// # Errors
    /// [`EncodeError::AfterPayload`] for a second one, [`EncodeError::NotEmpty`],
    /// [`EncodeError::NoSpace`].
    #[inline]
    pub fn payload(&mut self, payload: &[u8]) -> Result<&mut Self, EncodeError> {
        if !payload.is_empty() {
            self.not_empty()?;
            self.writer.payload(payload)?;
        }
        Ok(self)
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.writer.used
    }

    /// Never true: the header is there from the start.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Bytes that are left for options, marker and payload.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.writer.out.len().saturating_sub(self.writer.used)
    }

    /// Ends the message and returns its length in bytes.
    ///
    /// # Errors
    /// None today; a future check of the whole message would be told here.
    pub const fn finish(self) -> Result<usize, EncodeError> {
        Ok(self.writer.used)
    }

    #[inline]
    const fn not_empty(&self) -> Result<(), EncodeError> {
        if self.empty {
            return Err(EncodeError::NotEmpty);
        }
        Ok(())
    }
}

/// Writes an empty acknowledgement or reset (or a ping, as a confirmable one): the four bytes of
/// a code 0.00 message.
///
/// # Examples
/// ```
/// use coap_codec::{Type, empty_message};
///
/// assert_eq!(empty_message(Type::Reset, 0x7001), [0x70, 0x00, 0x70, 0x01]);
/// ```
///
/// # Specification
/// RFC 7252 §4.1.
#[must_use]
pub const fn empty_message(ty: Type, message_id: u16) -> [u8; 4] {
    let [high, low] = message_id.to_be_bytes();
    [0x40 | ty.bits() << 4, Code::EMPTY.0, high, low]
}

/// The token length as framings write it: a nibble and up to two more bytes.
pub(crate) struct TokenLength {
    pub(crate) nibble: u8,
    bytes: [u8; 2],
}

impl TokenLength {
    #[inline]
    pub(crate) fn of(token: &[u8]) -> Result<Self, EncodeError> {
        if token.len() > MAX_VALUE {
            return Err(EncodeError::TokenTooLong);
        }
        let (nibble, bytes) = nibble(token.len());
        Ok(Self { nibble, bytes })
    }

    pub(crate) fn extension(&self) -> &[u8] {
        extension(self.nibble, &self.bytes)
    }
}

/// The part of a message that all framings share: options, marker, payload.
#[derive(Debug)]
pub(crate) struct Writer<'b> {
    pub(crate) out: &'b mut [u8],
    pub(crate) used: usize,
    last: u16,
    any: bool,
    payload: bool,
}

impl<'b> Writer<'b> {
    pub(crate) const fn new(out: &'b mut [u8]) -> Self {
        Self {
            out,
            used: 0,
            last: 0,
            any: false,
            payload: false,
        }
    }

    /// Copies `bytes` to the end, or writes nothing.
    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let end = self.used.saturating_add(bytes.len());
        let room = self
            .out
            .get_mut(self.used..end)
            .ok_or(EncodeError::NoSpace)?;
        room.copy_from_slice(bytes);
        self.used = end;
        Ok(())
    }

    #[inline]
    pub(crate) fn option(&mut self, number: OptionNumber, value: &[u8]) -> Result<(), EncodeError> {
        if self.payload {
            return Err(EncodeError::AfterPayload);
        }
        let Some(delta) = number.0.checked_sub(self.last) else {
            return Err(EncodeError::OptionOrder(number));
        };
        if value.len() > MAX_VALUE {
            return Err(EncodeError::OptionTooLong(number));
        }
        let room = self.out.get_mut(self.used..).ok_or(EncodeError::NoSpace)?;
        // One or two bytes of header are nearly all that ever stand there.
        #[allow(clippy::cast_possible_truncation)] // each arm bounds both
        let header_len = match (delta, value.len(), room) {
            (0..13, len @ 0..13, [head, body @ ..]) => {
                fill(body, value)?;
                *head = (delta as u8) << 4 | len as u8;
                1
            }
            (0..13, len @ 13..269, [head, extension, body @ ..]) => {
                fill(body, value)?;
                *head = (delta as u8) << 4 | 13;
                *extension = (len - 13) as u8;
                2
            }
            (_, len, room) => {
                let header = OptionHeader::new(delta, len);
                let (head, body) = room
                    .split_at_mut_checked(header.len)
                    .ok_or(EncodeError::NoSpace)?;
                fill(body, value)?;
                head.copy_from_slice(header.as_bytes());
                header.len
            }
        };
        self.used += header_len + value.len(); // within `out`
        self.last = number.0;
        self.any = true;
        Ok(())
    }

    pub(crate) fn options(&mut self, options: Options<'_>) -> Result<(), EncodeError> {
        if self.payload {
            return Err(EncodeError::AfterPayload);
        }
        if !self.any {
            self.put(options.as_bytes())?;
            self.last = options.iter().last().map_or(0, |option| option.number.0);
            self.any = true;
            return Ok(());
        }
        let (used, last) = (self.used, self.last);
        for option in options {
            if let Err(fault) = self.option(option.number, option.value) {
                (self.used, self.last) = (used, last);
                return Err(fault);
            }
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn payload(&mut self, payload: &[u8]) -> Result<(), EncodeError> {
        if self.payload {
            return Err(EncodeError::AfterPayload);
        }
        let Some([marker, room @ ..]) = self.out.get_mut(self.used..) else {
            return Err(EncodeError::NoSpace);
        };
        fill(room, payload)?;
        *marker = MARKER;
        self.used += 1 + payload.len(); // within `out`
        self.payload = true;
        Ok(())
    }
}

/// Copies `value` to the start of `room`, or nothing.
#[inline]
fn fill(room: &mut [u8], value: &[u8]) -> Result<(), EncodeError> {
    room.get_mut(..value.len())
        .ok_or(EncodeError::NoSpace)?
        .copy_from_slice(value);
    Ok(())
}

/// The one to five bytes in front of an option value.
pub(crate) struct OptionHeader {
    bytes: [u8; 5],
    len: usize,
}

impl OptionHeader {
    /// `len` is at most [`MAX_VALUE`].
    pub(crate) fn new(delta: u16, len: usize) -> Self {
        let (delta_nibble, delta) = nibble(usize::from(delta));
        let (len_nibble, len) = nibble(len);
        let mut header = Self {
            bytes: [delta_nibble << 4 | len_nibble, 0, 0, 0, 0],
            len: 1,
        };
        header.push(extension(delta_nibble, &delta));
        header.push(extension(len_nibble, &len));
        header
    }

    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = byte;
                self.len += 1;
            }
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The nibble for `value`, at most [`MAX_VALUE`], and what its extension holds.
#[inline]
fn nibble(value: usize) -> (u8, [u8; 2]) {
    #[allow(clippy::cast_possible_truncation)] // each arm bounds the value
    match value {
        0..13 => (value as u8, [0; 2]),
        13..269 => (13, [(value - 13) as u8, 0]),
        _ => (14, ((value - 269) as u16).to_be_bytes()),
    }
}

fn extension(nibble: u8, bytes: &[u8; 2]) -> &[u8] {
    match nibble {
        13 => bytes.get(..1).unwrap_or_default(),
        14 => bytes,
        _ => &[],
    }
}
