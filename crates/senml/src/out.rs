//! The caller's buffer.

#[cfg(feature = "alloc")]
use alloc::{vec, vec::Vec};

use crate::EncodeError;

/// A buffer and how much of it is written.
#[derive(Debug)]
pub(crate) struct Out<'b> {
    pub(crate) buffer: &'b mut [u8],
    pub(crate) len: usize,
}

impl Out<'_> {
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let end = self.len.saturating_add(bytes.len());
        let room = self
            .buffer
            .get_mut(self.len..end)
            .ok_or(EncodeError::NoRoom)?;
        room.copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }
}

impl core::fmt::Write for Out<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.push(text.as_bytes()).map_err(|_| core::fmt::Error)
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
