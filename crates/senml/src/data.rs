//! Opaque bytes as they stand in the payload, decoded when asked for.

#[cfg(feature = "alloc")]
use alloc::{borrow::Cow, vec::Vec};
use core::fmt;

use crate::{Text, cbor::Chunks};

/// The bytes of a `vd` field, borrowed from the payload: as such, as base64url of JSON, or as the
/// chunks of a CBOR string of indefinite length. They were checked when they were read, so nothing
/// here fails for what the peer sent.
///
/// ```
/// use senml::{Value, json::Reader};
///
/// let record = Reader::new(br#"[{"n":"5/0/0","vd":"AQIDBAU"}]"#).next().unwrap()?;
/// let Some(Value::Data(data)) = record.value else { unreachable!() };
/// assert_eq!(data.len(), 5);
/// assert_eq!(data.to_cow(), &[1, 2, 3, 4, 5][..]);
/// # Ok::<(), senml::DecodeError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Data<'a>(Repr<'a>);

#[derive(Clone, Copy)]
enum Repr<'a> {
    Bytes(&'a [u8]),
    Base64(Text<'a>),
    /// Definite CBOR byte strings, one after the other.
    Chunked(&'a [u8]),
}

impl<'a> Data<'a> {
    pub(crate) const fn bytes(bytes: &'a [u8]) -> Self {
        Self(Repr::Bytes(bytes))
    }

    pub(crate) const fn chunked(chunks: &'a [u8]) -> Self {
        Self(Repr::Chunked(chunks))
    }

    /// Checks base64url (RFC 4648 §5). RFC 8428 §5 wants no padding; right padding is accepted.
    pub(crate) fn base64(text: Text<'a>) -> Option<Self> {
        let mut digits = 0_usize;
        let mut padding = 0_usize;
        for single in text.chars() {
            match single {
                '=' => padding = padding.saturating_add(1),
                _ if padding > 0 => return None,
                _ => {
                    sextet(single)?;
                    digits = digits.wrapping_add(1);
                }
            }
        }
        let right = matches!((digits % 4, padding), (0 | 2 | 3, 0) | (2, 2) | (3, 1));
        right.then_some(Self(Repr::Base64(text)))
    }

    /// The bytes, if they are in the payload as such: those of nearly all CBOR, and of no JSON.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> Option<&'a [u8]> {
        match self.0 {
            Repr::Bytes(bytes) => Some(bytes),
            Repr::Base64(_) | Repr::Chunked(_) => None,
        }
    }

    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Repr::Bytes(bytes) => bytes.len(),
            Repr::Base64(text) => {
                let digits = text.chars().take_while(|single| *single != '=').count();
                (digits / 4)
                    .saturating_mul(3)
                    .saturating_add((digits % 4).saturating_sub(1))
            }
            Repr::Chunked(_) => self
                .parts()
                .fold(0, |len, part| len.saturating_add(part.len())),
        }
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the bytes to the start of `out`; `None` if it has no room.
    pub fn write_to<'b>(&self, out: &'b mut [u8]) -> Option<&'b [u8]> {
        let mut len = 0_usize;
        for part in self.parts() {
            let part = part.as_slice();
            let end = len.checked_add(part.len())?;
            out.get_mut(len..end)?.copy_from_slice(part);
            len = end;
        }
        out.get(..len)
    }

    /// The bytes in one piece, copied only if they are not in the payload as such.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn to_cow(&self) -> Cow<'a, [u8]> {
        match self.0 {
            Repr::Bytes(bytes) => Cow::Borrowed(bytes),
            _ => {
                let mut owned = Vec::with_capacity(self.len());
                for part in self.parts() {
                    owned.extend_from_slice(part.as_slice());
                }
                Cow::Owned(owned)
            }
        }
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let (mut bytes, mut digits, mut chunks) = match self.0 {
            Repr::Bytes(bytes) => (Some(bytes), None, None),
            Repr::Base64(text) => (None, Some(text.chars()), None),
            Repr::Chunked(chunks) => (None, None, Some(Chunks(chunks))),
        };
        core::iter::from_fn(move || {
            if let Some(digits) = &mut digits {
                return Part::decode(digits);
            }
            if let Some(chunks) = &mut chunks {
                return chunks.next().map(Part::Slice);
            }
            bytes.take().map(Part::Slice)
        })
    }
}

/// Some of the bytes, in order.
pub(crate) enum Part<'a> {
    Slice(&'a [u8]),
    /// The first so many of three.
    Few([u8; 3], usize),
}

impl Part<'_> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Slice(bytes) => bytes,
            Self::Few(bytes, len) => bytes.get(..*len).unwrap_or_default(),
        }
    }

    fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Up to four digits give up to three bytes.
    fn decode(digits: &mut impl Iterator<Item = char>) -> Option<Self> {
        let mut group = 0_u32;
        let mut count = 0_usize;
        while count < 4 {
            let Some(sextet) = digits.next().and_then(sextet) else {
                break;
            };
            group = group << 6 | u32::from(sextet);
            count = count.saturating_add(1);
        }
        if count < 2 {
            return None;
        }
        let shift = 24_usize.saturating_sub(count.saturating_mul(6));
        let [_, a, b, c] = (group << shift).to_be_bytes();
        Some(Self::Few([a, b, c], count.saturating_sub(1)))
    }
}

#[inline]
fn sextet(digit: char) -> Option<u8> {
    let digit = u8::try_from(digit).ok()?;
    match digit {
        b'A'..=b'Z' => Some(digit.wrapping_sub(b'A')),
        b'a'..=b'z' => Some(digit.wrapping_sub(b'a').wrapping_add(26)),
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0').wrapping_add(52)),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

impl<'a> From<&'a [u8]> for Data<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::bytes(bytes)
    }
}

impl PartialEq for Data<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Repr::Bytes(a), Repr::Bytes(b)) => a == b,
            _ => self.each().eq(other.each()),
        }
    }
}

impl Eq for Data<'_> {}

impl PartialEq<[u8]> for Data<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        *self == Data::bytes(other)
    }
}

impl<'a> Data<'a> {
    fn each(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.parts().flat_map(|part| {
            let (slice, few): (&[u8], _) = match part {
                Part::Slice(slice) => (slice, None),
                Part::Few(few, len) => (&[], Some(few.into_iter().take(len))),
            };
            slice.iter().copied().chain(few.into_iter().flatten())
        })
    }
}

impl fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.each()).finish()
    }
}
