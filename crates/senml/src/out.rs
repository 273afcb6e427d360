//! The caller's buffer.

#[cfg(feature = "alloc")]
use alloc::{vec, vec::Vec};

use crate::EncodeError;

/// The part of a buffer that is not written yet.
#[derive(Debug)]
pub(crate) struct Room<'b>(pub(crate) &'b mut [u8]);

impl Room<'_> {
    /// The bytes that are left.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Writes a known number of bytes, which is one move.
    #[inline]
    pub(crate) fn push<const N: usize>(&mut self, bytes: &[u8; N]) -> Result<(), EncodeError> {
        let room = core::mem::take(&mut self.0);
        let (head, rest) = room.split_first_chunk_mut().ok_or(EncodeError::NoRoom)?;
        *head = *bytes;
        self.0 = rest;
        Ok(())
    }

    /// Writes the first `len` bytes: all of them at once where there is room, for that is one move.
    #[inline]
    pub(crate) fn push_some<const N: usize>(
        &mut self,
        bytes: &[u8; N],
        len: usize,
    ) -> Result<(), EncodeError> {
        let room = core::mem::take(&mut self.0);
        if let Some(all) = room.first_chunk_mut() {
            *all = *bytes;
            self.0 = room.get_mut(len..).ok_or(EncodeError::NoRoom)?;
            return Ok(());
        }
        self.0 = room;
        self.copy(bytes.get(..len).unwrap_or_default())
    }

    #[inline]
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let room = core::mem::take(&mut self.0);
        let (head, rest) = room
            .split_at_mut_checked(bytes.len())
            .ok_or(EncodeError::NoRoom)?;
        head.copy_from_slice(bytes);
        self.0 = rest;
        Ok(())
    }
}

impl core::fmt::Write for Room<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.copy(text.as_bytes()).map_err(|_| core::fmt::Error)
    }
}

/// Gives `write` a buffer of twice the size as long as it runs out of room.
#[cfg(feature = "alloc")]
pub(crate) fn grow<F>(mut write: F) -> Result<Vec<u8>, EncodeError>
where
    F: FnMut(&mut [u8]) -> Result<usize, EncodeError>,
{
    let mut size = 256_usize;
    loop {
        let mut out = vec![0; size];
        match write(&mut out) {
            Ok(len) => {
                out.truncate(len);
                return Ok(out);
            }
            Err(EncodeError::NoRoom) if size < 0x0400_0000 => size = size.saturating_mul(2),
            Err(error) => return Err(error),
        }
    }
}
