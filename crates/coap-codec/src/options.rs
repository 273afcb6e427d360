//! The options of a message, as a view over their bytes.

use core::str::Utf8Error;

use crate::{
    Block, Code, ContentFormat, DecodeError, DecodeErrorKind, OptionDefinition, OptionFormat,
    OptionNumber, uint,
};

/// The options of a message: a `Copy` view over bytes that were checked once.
///
/// The typed accessors read the first option of their number. A value whose length its
/// definition does not allow is treated as absent, as RFC 7252 §5.4.3 demands for elective
/// options; critical ones of that kind are found by [`Options::unrecognised`].
///
/// # Examples
/// ```
/// use coap_codec::{ContentFormat, Message};
///
/// // CON GET /3/0/9, Observe: 0, Accept: TLV
/// let message = Message::decode(b"\x41\x01\x20\x01\x42\x60\x51\x33\x01\x30\x01\x39\x62\x2d\x16")?;
/// let options = message.options();
/// assert!(options.uri_path().eq([Ok("3"), Ok("0"), Ok("9")]));
/// assert_eq!(options.observe(), Some(0));
/// assert_eq!(options.accept(), Some(ContentFormat::TLV));
/// # Ok::<(), coap_codec::DecodeError>(())
/// ```
///
/// # Specification
/// RFC 7252 §3.1 and §5.10.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Options<'a> {
    bytes: &'a [u8],
}

/// One option: its number and its value.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Opt<'a> {
    /// The option number.
    pub number: OptionNumber,
    /// The value as it stands in the message.
    pub value: &'a [u8],
}

impl<'a> Options<'a> {
    /// No options.
    pub const EMPTY: Self = Self { bytes: &[] };

    /// Reads an encoded list of options, without payload marker or payload.
    ///
    /// # Errors
    /// Those of [`Message::decode`](crate::Message::decode) that are about options; a payload
    /// marker is [`DecodeErrorKind::OptionNibble`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (options, marker) = Self::split(bytes, 0)?;
        match marker {
            None => Ok(options),
            Some(_) => Err(DecodeError::at(
                options.bytes.len(),
                DecodeErrorKind::OptionNibble,
            )),
        }
    }

    /// A view over bytes that this crate encoded.
    pub(crate) const fn trusted(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Splits what follows a token into options and payload; faults are told from `base`.
    #[inline]
    pub(crate) fn split(
        bytes: &'a [u8],
        base: usize,
    ) -> Result<(Self, Option<&'a [u8]>), DecodeError> {
        let fault = |rest: &[u8], kind| {
            let read = bytes.len().saturating_sub(rest.len());
            Err(DecodeError::at(base.saturating_add(read), kind))
        };
        let mut rest = bytes;
        let mut number = 0;
        loop {
            let Some((&head, after)) = rest.split_first() else {
                return Ok((Self { bytes }, None));
            };
            if head == MARKER {
                // "The presence of a marker followed by a zero-length payload MUST be processed
                // as a message format error." (RFC 7252 §3)
                if after.is_empty() {
                    return fault(rest, DecodeErrorKind::EmptyPayload);
                }
                let read = bytes.len().saturating_sub(rest.len());
                let bytes = bytes.get(..read).unwrap_or_default();
                return Ok((Self { bytes }, Some(after)));
            }
            let (delta, len) = (head >> 4, head & 0xf);
            if delta == 15 || len == 15 {
                return fault(rest, DecodeErrorKind::OptionNibble);
            }
            let Some((delta, after)) = extend(delta, after) else {
                return fault(&[], DecodeErrorKind::Truncated);
            };
            let Some((len, after)) = extend(len, after) else {
                return fault(&[], DecodeErrorKind::Truncated);
            };
            number += delta; // at most 65 535 + 65 804
            if number > MAX_NUMBER {
                return fault(rest, DecodeErrorKind::OptionOverflow);
            }
            let Some(after) = after.get(len as usize..) else {
                return fault(&[], DecodeErrorKind::Truncated);
            };
            rest = after;
        }
    }

    /// The options in the order of the message, which is ascending.
    #[must_use]
    #[inline]
    pub const fn iter(self) -> OptionIter<'a> {
        OptionIter {
            rest: self.bytes,
            number: 0,
        }
    }

    /// The list as encoded: deltas, lengths and values, no payload marker.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Whether there is no option at all.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// The value of the first option `number`, whatever its length.
    #[must_use]
    pub fn get(self, number: OptionNumber) -> Option<&'a [u8]> {
        self.all(number).next()
    }

    /// Whether there is an option `number`.
    #[must_use]
    pub fn contains(self, number: OptionNumber) -> bool {
        self.get(number).is_some()
    }

    /// The values of every option `number`, in order.
    #[must_use]
    pub const fn all(self, number: OptionNumber) -> Values<'a> {
        Values {
            iter: self.iter(),
            number,
        }
    }

    /// The first option `number` read as an integer; `None` where it is absent, longer than its
    /// definition allows, or longer than four bytes. Leading zeros are accepted.
    #[must_use]
    pub fn uint(self, number: OptionNumber) -> Option<u32> {
        uint::decode(self.checked(number)?)
    }

    /// The first option `number`, if its length is one that the definition allows.
    fn checked(self, number: OptionNumber) -> Option<&'a [u8]> {
        let value = self.get(number)?;
        match number.definition() {
            Some(definition) if !definition.allows_len(value.len()) => None,
            _ => Some(value),
        }
    }

    fn uint16(self, number: OptionNumber) -> Option<u16> {
        self.uint(number)?.try_into().ok()
    }

    fn texts(self, number: OptionNumber) -> Texts<'a> {
        Texts {
            values: self.all(number),
        }
    }

    /// The first critical option that a receiver which understands only `understood` must
    /// refuse: one not in that list, one that stands again though it may not, one whose length
    /// its definition does not allow, or text that is not UTF-8.
    ///
    /// Uri-Path and Uri-Query are left to whoever serves the path, also where they are not UTF-8:
    /// the option is understood, its value is a bad request (4.00).
    ///
    /// A request with such an option is answered 4.02 or ignored;
    /// [`triage`](crate::triage()) applies the rule.
    ///
    /// # Examples
    /// ```
    /// use coap_codec::{Message, OptionNumber};
    ///
    /// // CON GET with one Accept option, then with two
    /// let message = Message::decode(b"\x40\x01\x00\x01\xd1\x04\x3c")?;
    /// assert_eq!(message.options().unrecognised(&[OptionNumber::ACCEPT]), None);
    /// let message = Message::decode(b"\x40\x01\x00\x01\xd1\x04\x3c\x00")?;
    /// assert_eq!(
    ///     message.options().unrecognised(&[OptionNumber::ACCEPT]),
    ///     Some(OptionNumber::ACCEPT),
    /// );
    /// # Ok::<(), coap_codec::DecodeError>(())
    /// ```
    ///
    /// # Specification
    /// RFC 7252 §5.4.1, §5.4.3 and §5.4.5.
    #[must_use]
    pub fn unrecognised(self, understood: &[OptionNumber]) -> Option<OptionNumber> {
        let mut previous = None;
        for Opt { number, value } in self {
            if number.is_critical() {
                let again = previous == Some(number);
                let refused = !understood.contains(&number)
                    || number
                        .definition()
                        .is_some_and(|definition| !is_allowed(definition, value, again));
                if refused {
                    return Some(number);
                }
            }
            previous = Some(number);
        }
        None
    }

    /// The segments of the path, one for each Uri-Path; the error is a segment that is not UTF-8.
    #[must_use]
    pub fn uri_path(self) -> Texts<'a> {
        self.texts(OptionNumber::URI_PATH)
    }

    /// The arguments of the query, one for each Uri-Query.
    #[must_use]
    pub fn uri_query(self) -> Texts<'a> {
        self.texts(OptionNumber::URI_QUERY)
    }

    /// The segments of the location in a 2.01 response, one for each Location-Path.
    #[must_use]
    pub fn location_path(self) -> Texts<'a> {
        self.texts(OptionNumber::LOCATION_PATH)
    }

    /// The arguments of the location in a 2.01 response, one for each Location-Query.
    #[must_use]
    pub fn location_query(self) -> Texts<'a> {
        self.texts(OptionNumber::LOCATION_QUERY)
    }

    /// Uri-Host; `None` where it is absent or not UTF-8.
    #[must_use]
    pub fn uri_host(self) -> Option<&'a str> {
        core::str::from_utf8(self.checked(OptionNumber::URI_HOST)?).ok()
    }

    /// Uri-Port.
    #[must_use]
    pub fn uri_port(self) -> Option<u16> {
        self.uint16(OptionNumber::URI_PORT)
    }

    /// What the payload is.
    #[must_use]
    pub fn content_format(self) -> Option<ContentFormat> {
        self.uint16(OptionNumber::CONTENT_FORMAT).map(ContentFormat)
    }

    /// What the client wants the payload of the response to be.
    #[must_use]
    pub fn accept(self) -> Option<ContentFormat> {
        self.uint16(OptionNumber::ACCEPT).map(ContentFormat)
    }

    /// Observe, 24 bits: 0 registers and 1 deregisters in a request, a sequence number in a
    /// notification.
    #[must_use]
    pub fn observe(self) -> Option<u32> {
        self.uint(OptionNumber::OBSERVE)
    }

    /// Block1; the error is a value that cannot be over UDP. Over TCP read the value with
    /// [`Block::decode_bert`].
    #[must_use]
    pub fn block1(self) -> Option<Result<Block, DecodeError>> {
        self.get(OptionNumber::BLOCK1).map(Block::decode)
    }

    /// Block2; see [`Options::block1`].
    #[must_use]
    pub fn block2(self) -> Option<Result<Block, DecodeError>> {
        self.get(OptionNumber::BLOCK2).map(Block::decode)
    }

    /// Size1, in bytes.
    #[must_use]
    pub fn size1(self) -> Option<u32> {
        self.uint(OptionNumber::SIZE1)
    }

    /// Size2, in bytes; 0 in a request asks for the size.
    #[must_use]
    pub fn size2(self) -> Option<u32> {
        self.uint(OptionNumber::SIZE2)
    }

    /// Max-Age, in seconds; absent means 60.
    #[must_use]
    pub fn max_age(self) -> Option<u32> {
        self.uint(OptionNumber::MAX_AGE)
    }

    /// The first ETag, 1 to 8 bytes. All of a request: `all(OptionNumber::ETAG)`.
    #[must_use]
    pub fn etag(self) -> Option<&'a [u8]> {
        self.checked(OptionNumber::ETAG)
    }

    /// Every If-Match; an empty one means "if the resource exists".
    #[must_use]
    pub const fn if_match(self) -> Values<'a> {
        self.all(OptionNumber::IF_MATCH)
    }

    /// Whether If-None-Match stands.
    #[must_use]
    pub fn if_none_match(self) -> bool {
        self.checked(OptionNumber::IF_NONE_MATCH).is_some()
    }

    /// Hop-Limit, 0 to 255; 0 is for the receiver to refuse (RFC 8768 §3).
    #[must_use]
    pub fn hop_limit(self) -> Option<u8> {
        self.uint(OptionNumber::HOP_LIMIT)?.try_into().ok()
    }

    /// Echo, 1 to 40 bytes.
    #[must_use]
    pub fn echo(self) -> Option<&'a [u8]> {
        self.checked(OptionNumber::ECHO)
    }

    /// The first Request-Tag, up to 8 bytes; absent and empty differ.
    #[must_use]
    pub fn request_tag(self) -> Option<&'a [u8]> {
        self.checked(OptionNumber::REQUEST_TAG)
    }

    /// Which responses the client does not want.
    #[must_use]
    pub fn no_response(self) -> Option<NoResponse> {
        let bits = self.uint(OptionNumber::NO_RESPONSE)?;
        bits.try_into().ok().map(NoResponse)
    }
}

/// The first option of a run may stand; a second only where the definition repeats.
fn is_allowed(definition: &OptionDefinition, value: &[u8], again: bool) -> bool {
    let any_bytes = definition.format != OptionFormat::String
        || matches!(
            definition.number,
            OptionNumber::URI_PATH | OptionNumber::URI_QUERY
        );
    definition.allows_len(value.len())
        && (definition.repeatable || !again)
        && (any_bytes || core::str::from_utf8(value).is_ok())
}

/// Reads the extension of an option nibble that is not 15.
#[inline(always)]
fn extend(nibble: u8, bytes: &[u8]) -> Option<(u32, &[u8])> {
    match nibble {
        0..13 => Some((u32::from(nibble), bytes)),
        13 => {
            let (&byte, bytes) = bytes.split_first()?;
            Some((u32::from(byte) + 13, bytes))
        }
        _ => {
            let (&pair, bytes) = bytes.split_first_chunk()?;
            Some((u32::from(u16::from_be_bytes(pair)) + 269, bytes))
        }
    }
}

impl core::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

impl<'a> IntoIterator for Options<'a> {
    type Item = Opt<'a>;
    type IntoIter = OptionIter<'a>;

    fn into_iter(self) -> OptionIter<'a> {
        self.iter()
    }
}

/// The options of a message in order; see [`Options::iter`].
#[derive(Clone, Debug)]
pub struct OptionIter<'a> {
    rest: &'a [u8],
    number: u16,
}

impl<'a> OptionIter<'a> {
    /// What was not read yet, encoded.
    #[cfg(feature = "alloc")]
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for OptionIter<'a> {
    type Item = Opt<'a>;

    #[inline]
    fn next(&mut self) -> Option<Opt<'a>> {
        let (&head, rest) = self.rest.split_first()?;
        // The bytes were checked when the view was made, so none of these ends early.
        let (delta, rest) = extend(head >> 4, rest)?;
        let (len, rest) = extend(head & 0xf, rest)?;
        let (value, rest) = rest.split_at_checked(len as usize)?;
        #[allow(clippy::cast_possible_truncation)] // the sum was checked
        let delta = delta as u16;
        self.number = self.number.wrapping_add(delta);
        self.rest = rest;
        Some(Opt {
            number: OptionNumber(self.number),
            value,
        })
    }
}

impl core::iter::FusedIterator for OptionIter<'_> {}

/// The values of one option number; see [`Options::all`].
#[derive(Clone, Debug)]
pub struct Values<'a> {
    iter: OptionIter<'a>,
    number: OptionNumber,
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let option = self.iter.next()?;
            if option.number == self.number {
                return Some(option.value);
            }
            if option.number > self.number {
                self.iter.rest = &[];
                return None;
            }
        }
    }
}

impl core::iter::FusedIterator for Values<'_> {}

/// The values of one option number as text; see [`Options::uri_path`].
#[derive(Clone, Debug)]
pub struct Texts<'a> {
    values: Values<'a>,
}

impl<'a> Texts<'a> {
    /// The same values as bytes.
    #[must_use]
    pub fn bytes(self) -> Values<'a> {
        self.values
    }
}

impl<'a> Iterator for Texts<'a> {
    type Item = Result<&'a str, Utf8Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.values.next().map(core::str::from_utf8)
    }
}

impl core::iter::FusedIterator for Texts<'_> {}

/// The value of No-Response: a bit for each class of responses that is not wanted.
///
/// # Specification
/// RFC 7967 §2.1.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)] // one byte on the wire
pub struct NoResponse(pub u8);

impl NoResponse {
    /// Whether a response of this code is not wanted.
    ///
    /// # Examples
    /// ```
    /// use coap_codec::{Code, NoResponse};
    ///
    /// assert!(NoResponse(26).suppresses(Code::CHANGED));
    /// assert!(!NoResponse(2).suppresses(Code::NOT_FOUND));
    /// ```
    #[must_use]
    pub const fn suppresses(self, code: Code) -> bool {
        match code.class() {
            0 => false,
            class => self.0 >> (class - 1) & 1 != 0,
        }
    }
}

/// What stands between options and payload (RFC 7252 §3).
pub(crate) const MARKER: u8 = 0xff;
/// Option numbers are 16 bits wide.
const MAX_NUMBER: u32 = 0xffff;
/// The longest value that the length field can say.
pub(crate) const MAX_VALUE: usize = 65_804;
