//! The header of an entry: type byte, identifier, length.

use crate::{EncodeError, Kind};

/// The longest value that an entry can hold: the length has 24 bits.
pub const MAX_VALUE_LEN: usize = 0x00ff_ffff;

/// The bytes that an entry takes with identifier `id` and a value of `value_len` bytes, in its
/// shortest form; `None` above [`MAX_VALUE_LEN`].
///
/// ```
/// assert_eq!(lwm2m_tlv::encoded_len(9, 1), Some(3));
/// assert_eq!(lwm2m_tlv::encoded_len(65535, 70_000), Some(70_006));
/// ```
#[must_use]
pub const fn encoded_len(id: u16, value_len: usize) -> Option<usize> {
    if value_len > MAX_VALUE_LEN {
        return None;
    }
    Some(header_len(id, value_len) + value_len)
}

/// The bytes before the value, in the shortest form.
pub(crate) const fn header_len(id: u16, value_len: usize) -> usize {
    let id_len = if id > 0xff { 2 } else { 1 };
    let length_len = match value_len {
        0..=0x7 => 0,
        0x8..=0xff => 1,
        0x100..=0xffff => 2,
        _ => 3,
    };
    1 + id_len + length_len
}

/// An encoded header: the first `len` of `bytes`.
pub(crate) struct Header {
    pub(crate) bytes: [u8; 6],
    pub(crate) len: usize,
}

impl Header {
    /// Encodes the shortest form.
    #[inline]
    pub(crate) fn new(kind: Kind, id: u16, value_len: usize) -> Result<Self, EncodeError> {
        let len = match u32::try_from(value_len) {
            Ok(len) if value_len <= MAX_VALUE_LEN => len,
            _ => return Err(EncodeError::TooLong),
        };
        let [_, l2, l1, l0] = len.to_be_bytes();
        let [i1, i0] = id.to_be_bytes();
        let head = kind.bits();
        let (bytes, len) = match (i1, value_len) {
            (0, 0..=0x7) => ([head | l0, i0, 0, 0, 0, 0], 2),
            (0, 0x8..=0xff) => ([head | 0x08, i0, l0, 0, 0, 0], 3),
            (0, 0x100..=0xffff) => ([head | 0x10, i0, l1, l0, 0, 0], 4),
            (0, _) => ([head | 0x18, i0, l2, l1, l0, 0], 5),
            (_, 0..=0x7) => ([head | 0x20 | l0, i1, i0, 0, 0, 0], 3),
            (_, 0x8..=0xff) => ([head | 0x28, i1, i0, l0, 0, 0], 4),
            (_, 0x100..=0xffff) => ([head | 0x30, i1, i0, l1, l0, 0], 5),
            _ => ([head | 0x38, i1, i0, l2, l1, l0], 6),
        };
        Ok(Self { bytes, len })
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
