//! Text as it stands in the payload, decoded when asked for.

#[cfg(feature = "alloc")]
use alloc::{borrow::Cow, string::String};
use core::fmt::{self, Write as _};

use crate::cbor::Chunks;

/// A string of a payload, borrowed from it: plain, as a JSON string with escapes, or as the chunks
/// of a CBOR string of indefinite length. It was checked when it was read, so nothing here fails
/// for what the peer sent.
///
/// ```
/// use senml::json::Reader;
///
/// let record = Reader::new(br#"[{"n":"3/0/0","vs":"a\tb"}]"#).next().unwrap()?;
/// let Some(senml::Value::String(text)) = record.value else { unreachable!() };
/// assert_eq!(text, "a\tb");
/// assert_eq!(text.as_str(), None); // it is not in the payload as such
/// let mut buffer = [0; 8];
/// assert_eq!(text.write_to(&mut buffer), Some("a\tb"));
/// # Ok::<(), senml::DecodeError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Text<'a>(Repr<'a>);

#[derive(Clone, Copy)]
enum Repr<'a> {
    Plain(&'a str),
    /// The inside of a JSON string with at least one escape.
    Escaped(&'a str),
    /// Definite CBOR text strings, one after the other.
    Chunked(&'a [u8]),
}

impl<'a> Text<'a> {
    pub(crate) const EMPTY: Self = Self(Repr::Plain(""));

    pub(crate) const fn plain(text: &'a str) -> Self {
        Self(Repr::Plain(text))
    }

    pub(crate) const fn escaped(text: &'a str) -> Self {
        Self(Repr::Escaped(text))
    }

    pub(crate) const fn chunked(chunks: &'a [u8]) -> Self {
        Self(Repr::Chunked(chunks))
    }

    /// The text, if it is in the payload as such. This is what nearly all peers send.
    #[must_use]
    #[inline]
    pub const fn as_str(&self) -> Option<&'a str> {
        match self.0 {
            Repr::Plain(text) => Some(text),
            Repr::Escaped(_) | Repr::Chunked(_) => None,
        }
    }

    /// The length in bytes of UTF-8.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        match self.0 {
            Repr::Plain(text) => text.len(),
            _ => self.decoded_len(),
        }
    }

    /// The bytes that the text takes in the payload, escapes and heads of chunks counted.
    pub(crate) const fn raw_len(&self) -> usize {
        match self.0 {
            Repr::Plain(text) | Repr::Escaped(text) => text.len(),
            Repr::Chunked(chunks) => chunks.len(),
        }
    }

    #[inline(never)]
    fn decoded_len(&self) -> usize {
        self.pieces()
            .fold(0, |len, piece| len.saturating_add(piece.len()))
    }

    /// Whether the text is empty.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        match self.0 {
            Repr::Plain(text) => text.is_empty(),
            Repr::Escaped(_) => false,
            Repr::Chunked(_) => self.pieces().all(|piece| piece.len() == 0),
        }
    }

    /// The characters.
    pub fn chars(&self) -> impl Iterator<Item = char> + use<'a> {
        self.pieces().flat_map(|piece| {
            let (text, single) = match piece {
                Piece::Str(text) => (text, None),
                Piece::Char(single) => ("", Some(single)),
            };
            text.chars().chain(single)
        })
    }

    /// Writes the text to the start of `out`; `None` if it has no room.
    pub fn write_to<'b>(&self, out: &'b mut [u8]) -> Option<&'b str> {
        let len = self.copy_to(out)?;
        core::str::from_utf8(out.get(..len)?).ok()
    }

    /// The text as one string, copied only if it is not in the payload as such.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn to_cow(&self) -> Cow<'a, str> {
        match self.0 {
            Repr::Plain(text) => Cow::Borrowed(text),
            _ => {
                let mut owned = String::with_capacity(self.len());
                self.push_to(&mut owned);
                Cow::Owned(owned)
            }
        }
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn push_to(&self, out: &mut String) {
        for piece in self.pieces() {
            match piece {
                Piece::Str(text) => out.push_str(text),
                Piece::Char(single) => out.push(single),
            }
        }
    }

    pub(crate) fn copy_to(&self, out: &mut [u8]) -> Option<usize> {
        let mut len = 0_usize;
        for piece in self.pieces() {
            let mut utf8 = [0; 4];
            let bytes = piece.as_bytes(&mut utf8);
            let end = len.checked_add(bytes.len())?;
            out.get_mut(len..end)?.copy_from_slice(bytes);
            len = end;
        }
        Some(len)
    }

    #[inline]
    pub(crate) const fn pieces(&self) -> Pieces<'a> {
        Pieces(self.0)
    }
}

/// A part of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece<'a> {
    Str(&'a str),
    Char(char),
}

impl<'a> Piece<'a> {
    const fn len(&self) -> usize {
        match self {
            Self::Str(text) => text.len(),
            Self::Char(single) => single.len_utf8(),
        }
    }

    pub(crate) const fn as_bytes(&self, utf8: &'a mut [u8; 4]) -> &'a [u8] {
        match self {
            Self::Str(text) => text.as_bytes(),
            Self::Char(single) => single.encode_utf8(utf8).as_bytes(),
        }
    }
}

/// The parts of a text, in order.
#[derive(Clone, Copy)]
pub(crate) struct Pieces<'a>(Repr<'a>);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    #[inline]
    fn next(&mut self) -> Option<Piece<'a>> {
        match self.0 {
            Repr::Plain("") => None,
            Repr::Plain(text) => {
                self.0 = Repr::Plain("");
                Some(Piece::Str(text))
            }
            Repr::Escaped(text) => {
                let (piece, rest) = unescape(text)?;
                self.0 = Repr::Escaped(rest);
                Some(piece)
            }
            Repr::Chunked(chunks) => {
                let mut chunks = Chunks(chunks);
                let text = core::str::from_utf8(chunks.next()?).ok()?;
                self.0 = Repr::Chunked(chunks.0);
                Some(Piece::Str(text))
            }
        }
    }
}

/// The first part of the inside of a JSON string, and what follows it; `None` at the end, and for
/// an escape that RFC 8259 §7 does not have or that leaves a surrogate without its other half.
pub(crate) fn unescape(text: &str) -> Option<(Piece<'_>, &str)> {
    let Some(escape) = text.strip_prefix('\\') else {
        let end = text
            .bytes()
            .position(|byte| byte == b'\\')
            .unwrap_or(text.len());
        let (plain, rest) = text.split_at_checked(end)?;
        return (!plain.is_empty()).then_some((Piece::Str(plain), rest));
    };
    let mut chars = escape.chars();
    let single = match chars.next()? {
        single @ ('"' | '\\' | '/') => single,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let (unit, rest) = code_unit(chars.as_str())?;
            let (single, rest) = match unit {
                0xd800..=0xdbff => {
                    let (low, rest) = code_unit(rest.strip_prefix("\\u")?)?;
                    (char::decode_utf16([unit, low]).next()?.ok()?, rest)
                }
                _ => (char::from_u32(u32::from(unit))?, rest),
            };
            return Some((Piece::Char(single), rest));
        }
        _ => return None,
    };
    Some((Piece::Char(single), chars.as_str()))
}

/// Four hexadecimal digits.
fn code_unit(text: &str) -> Option<(u16, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let unit = digits
        .chars()
        .try_fold(0, |unit, c| Some(unit << 4 | c.to_digit(16)?))?;
    Some((u16::try_from(unit).ok()?, rest))
}

impl<'a> From<&'a str> for Text<'a> {
    #[inline]
    fn from(text: &'a str) -> Self {
        Self::plain(text)
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Repr::Plain(a), Repr::Plain(b)) => a == b,
            _ => self.chars().eq(other.chars()),
        }
    }
}

impl Eq for Text<'_> {}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        *self == Text::plain(other)
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == Text::plain(other)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.pieces() {
            match piece {
                Piece::Str(text) => f.write_str(text)?,
                Piece::Char(single) => f.write_char(single)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for single in self.chars() {
            write!(f, "{}", single.escape_debug())?;
        }
        f.write_char('"')
    }
}
