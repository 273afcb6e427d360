//! Reading and writing what TLS calls vectors.

use alloc::vec::Vec;

use crate::Alert;

/// Bytes that end too early, or go on where they should end.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("malformed message")]
#[non_exhaustive]
pub struct Malformed;

impl From<Malformed> for Alert {
    fn from(_: Malformed) -> Self {
        Self::DECODE_ERROR
    }
}

impl From<Malformed> for crate::Failure {
    fn from(_: Malformed) -> Self {
        Alert::DECODE_ERROR.into()
    }
}

/// Takes a message of a handshake apart; nothing is copied.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from the start.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything is read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = tail;
        Ok(head)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Malformed> {
        let (head, tail) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = tail;
        Ok(head)
    }

    /// One byte.
    ///
    /// # Errors
    /// None is left.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(|&[byte]| byte)
    }

    /// Two bytes.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(|&bytes| u16::from_be_bytes(bytes))
    }

    /// Three bytes.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn u24(&mut self) -> Result<u32, Malformed> {
        self.array()
            .map(|&[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// A vector with a length of one byte.
    ///
    /// # Errors
    /// It is longer than what is left.
    pub fn vec8(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.u8()?;
        self.take(len.into())
    }

    /// A vector with a length of two bytes.
    ///
    /// # Errors
    /// It is longer than what is left.
    pub fn vec16(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.u16()?;
        self.take(len.into())
    }

    /// A vector with a length of three bytes.
    ///
    /// # Errors
    /// It is longer than what is left.
    pub fn vec24(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.u24()?;
        self.take(usize::try_from(len).map_err(|_| Malformed)?)
    }

    /// Checks that everything is read.
    ///
    /// # Errors
    /// Something is left.
    pub const fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }
}

/// Appends a vector with a length of `WIDTH` bytes, 1 to 3: its content is what `fill` appends.
pub fn vector<const WIDTH: usize>(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; WIDTH]);
    fill(out);
    let len = (out.len() - start).saturating_sub(WIDTH).to_be_bytes();
    if let (Some(room), Some(len)) = (
        out.get_mut(start..start + WIDTH),
        len.get(len.len() - WIDTH..),
    ) {
        room.copy_from_slice(len);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Bytes from hex digits; anything else between them is skipped.
    pub(crate) fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text
            .chars()
            .filter_map(|c| c.to_digit(16))
            .map(|digit| u8::try_from(digit).unwrap())
            .collect();
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    }

    #[test]
    fn vectors_end_where_they_say() {
        let mut out = Vec::new();
        vector::<2>(&mut out, |out| vector::<1>(out, |out| out.extend(b"abc")));
        assert_eq!(out, hex("0004 03 616263"));
        let mut reader = Reader::new(&out);
        let mut inner = Reader::new(reader.vec16().unwrap());
        assert_eq!(inner.vec8(), Ok(&b"abc"[..]));
        assert!(inner.end().is_ok() && reader.end().is_ok());
        assert_eq!(Reader::new(b"\x04abc").vec8(), Err(Malformed));
        assert_eq!(Reader::new(b"\x00\x00").u24(), Err(Malformed));
    }
}
