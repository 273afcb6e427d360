//! The value of Block1 and Block2.

use crate::{DecodeError, DecodeErrorKind};

/// Which block of a body a message carries or asks for.
///
/// Every value of this type can be encoded: the number is within 20 bits.
///
/// # Examples
/// ```
/// use coap_codec::{Block, BlockSize};
///
/// let block = Block::decode(&[0x3E])?;
/// assert_eq!((block.num(), block.more(), block.size()), (3, true, BlockSize::B1024));
/// assert_eq!(block.offset(), 3072);
/// assert_eq!(block.encode(&mut [0; 4]), [0x3E]);
/// # Ok::<(), coap_codec::DecodeError>(())
/// ```
///
/// # Specification
/// RFC 7959 §2.2; BERT: RFC 8323 §6.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Block {
    num: u32,
    more: bool,
    size: BlockSize,
}

impl Block {
    /// The greatest block number, 2²⁰ − 1.
    pub const MAX_NUM: u32 = 0xf_ffff;

    /// The block `num` of `size` bytes, with `more` to follow; `None` for a number over
    /// [`Block::MAX_NUM`].
    #[must_use]
    pub const fn new(num: u32, more: bool, size: BlockSize) -> Option<Self> {
        if num > Self::MAX_NUM {
            return None;
        }
        Some(Self { num, more, size })
    }

    /// The first block, nothing said to follow: what a request says to ask for a size.
    #[must_use]
    pub const fn first(size: BlockSize) -> Self {
        Self {
            num: 0,
            more: false,
            size,
        }
    }

    /// Reads an option value as it is over UDP.
    ///
    /// # Errors
    /// [`DecodeErrorKind::TooLong`] for more than three bytes,
    /// [`DecodeErrorKind::Reserved`] for size exponent 7.
    ///
    /// # Specification
    /// RFC 7959 §2.2.
    pub fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let block = Self::decode_bert(value)?;
        if block.size == BlockSize::BERT {
            let last = value.len().saturating_sub(1);
            return Err(DecodeError::at(last, DecodeErrorKind::Reserved(7)));
        }
        Ok(block)
    }

    /// Reads an option value as it is over TCP, where size exponent 7 is BERT.
    ///
    /// # Errors
    /// [`DecodeErrorKind::TooLong`] for more than three bytes.
    ///
    /// # Specification
    /// RFC 8323 §6.
    pub fn decode_bert(value: &[u8]) -> Result<Self, DecodeError> {
        if value.len() > 3 {
            return Err(DecodeError::at(3, DecodeErrorKind::TooLong));
        }
        let raw = value
            .iter()
            .fold(0, |acc: u32, &byte| acc << 8 | u32::from(byte));
        Ok(Self {
            num: raw >> 4,
            more: raw & 0x8 != 0,
            size: BlockSize(raw.to_le_bytes()[0] & 0x7),
        })
    }

    /// The value as an integer, for [`Encoder::option_uint`](crate::Encoder::option_uint).
    #[must_use]
    pub const fn to_uint(self) -> u32 {
        self.num << 4 | (self.more as u32) << 3 | self.size.0 as u32
    }

    /// Writes the shortest form into `out` and returns the bytes used.
    pub fn encode(self, out: &mut [u8; 4]) -> &[u8] {
        crate::uint::encode(self.to_uint(), out)
    }

    /// The block number, counted in blocks of this size (of 1024 bytes for BERT).
    #[must_use]
    pub const fn num(self) -> u32 {
        self.num
    }

    /// Whether more blocks follow; in the response to a Block1, whether that response is not
    /// the final one.
    #[must_use]
    pub const fn more(self) -> bool {
        self.more
    }

    /// The size of a block.
    #[must_use]
    pub const fn size(self) -> BlockSize {
        self.size
    }

    /// Bytes from the start of the body to the first byte of this block; at most 2³⁰ − 1024.
    #[must_use]
    pub const fn offset(self) -> usize {
        (self.num as usize).saturating_mul(self.size.bytes())
    }
}

/// The size of a block: a power of two from 16 to 1024 bytes, or BERT.
///
/// # Specification
/// RFC 7959 §2.2 (SZX); RFC 8323 §6 (BERT).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BlockSize(u8);

impl BlockSize {
    /// 16 bytes, SZX 0.
    pub const B16: Self = Self(0);
    /// 32 bytes, SZX 1.
    pub const B32: Self = Self(1);
    /// 64 bytes, SZX 2.
    pub const B64: Self = Self(2);
    /// 128 bytes, SZX 3.
    pub const B128: Self = Self(3);
    /// 256 bytes, SZX 4.
    pub const B256: Self = Self(4);
    /// 512 bytes, SZX 5.
    pub const B512: Self = Self(5);
    /// 1024 bytes, SZX 6.
    pub const B1024: Self = Self(6);
    /// Several blocks of 1024 bytes in one message, SZX 7; over TCP only.
    pub const BERT: Self = Self(7);

    /// The size with exponent `szx`; `None` over 6, so never BERT.
    #[must_use]
    pub const fn from_szx(szx: u8) -> Option<Self> {
        if szx > 6 { None } else { Some(Self(szx)) }
    }

    /// The greatest size that is not over `bytes`; `None` under 16. Never BERT.
    ///
    /// # Examples
    /// ```
    /// use coap_codec::BlockSize;
    ///
    /// assert_eq!(BlockSize::from_bytes(1000), Some(BlockSize::B512));
    /// assert_eq!(BlockSize::from_bytes(15), None);
    /// ```
    #[must_use]
    pub const fn from_bytes(bytes: usize) -> Option<Self> {
        match bytes {
            0..=15 => None,
            16..=31 => Some(Self::B16),
            32..=63 => Some(Self::B32),
            64..=127 => Some(Self::B64),
            128..=255 => Some(Self::B128),
            256..=511 => Some(Self::B256),
            512..=1023 => Some(Self::B512),
            _ => Some(Self::B1024),
        }
    }

    /// Bytes in a block; for BERT the 1024 in which its numbers count.
    #[must_use]
    pub const fn bytes(self) -> usize {
        if self.0 >= 6 { 1024 } else { 16 << self.0 }
    }

    /// The exponent, 0 to 6, or 7 for BERT.
    #[must_use]
    pub const fn szx(self) -> u8 {
        self.0
    }
}
