//! The heads of CBOR items (RFC 8949 §3).

/// The major types, the upper three bits of the first byte.
pub(super) mod major {
    pub(crate) const UNSIGNED: u8 = 0;
    pub(crate) const NEGATIVE: u8 = 1;
    pub(crate) const BYTES: u8 = 2;
    pub(crate) const TEXT: u8 = 3;
    pub(crate) const ARRAY: u8 = 4;
    pub(crate) const MAP: u8 = 5;
    pub(crate) const TAG: u8 = 6;
    pub(crate) const SIMPLE: u8 = 7;
}

/// The byte that ends an item of indefinite length.
pub(super) const BREAK: u8 = 0xff;

/// The lower five bits of the first byte that announce an item of indefinite length.
pub(super) const INDEFINITE: u8 = 31;

/// The number that a first byte holds or announces, and what follows; `None` if it is cut off, or
/// if the first byte announces no number.
#[inline]
pub(super) fn argument(first: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    Some(match first & 0x1f {
        small @ 0..=23 => (u64::from(small), rest),
        24 => {
            let (&byte, rest) = rest.split_first()?;
            (u64::from(byte), rest)
        }
        25 => {
            let (&bytes, rest) = rest.split_first_chunk()?;
            (u64::from(u16::from_be_bytes(bytes)), rest)
        }
        26 => {
            let (&bytes, rest) = rest.split_first_chunk()?;
            (u64::from(u32::from_be_bytes(bytes)), rest)
        }
        27 => {
            let (&bytes, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(bytes), rest)
        }
        _ => return None,
    })
}

/// A head in its shortest form: its first so many bytes count.
#[inline]
pub(super) const fn encode(major: u8, number: u64) -> ([u8; 9], usize) {
    let (low, width) = match number {
        #[allow(clippy::cast_possible_truncation)] // below 24
        0..=23 => return ([major << 5 | number as u8, 0, 0, 0, 0, 0, 0, 0, 0], 1),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    let [a, b, c, d, e, f, g, h] = (number << (64 - 8 * width)).to_be_bytes();
    ([major << 5 | low, a, b, c, d, e, f, g, h], 1 + width)
}

/// Whether nothing well-formed begins with this byte, other than the break.
pub(super) const fn is_reserved(first: u8) -> bool {
    match first & 0x1f {
        28..=30 => true,
        INDEFINITE => matches!(first >> 5, major::UNSIGNED | major::NEGATIVE | major::TAG),
        _ => false,
    }
}

/// The chunks of a string of indefinite length, which were checked when they were read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunks<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (&first, rest) = self.0.split_first()?;
        let (len, rest) = argument(first, rest)?;
        let (chunk, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(chunk)
    }
}
