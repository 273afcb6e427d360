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

    /// Copies few bytes, for which a call is too much, by two moves that may overlap.
    #[inline]
    pub(crate) fn copy_short(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let room = core::mem::take(&mut self.0);
        let (head, rest) = room
            .split_at_mut_checked(bytes.len())
            .ok_or(EncodeError::NoRoom)?;
        self.0 = rest;
        let done = ends::<4>(head, bytes)
            || ends::<8>(head, bytes)
            || ends::<16>(head, bytes)
            || ends::<2>(head, bytes)
            || ends::<1>(head, bytes)
            || bytes.is_empty();
        if !done {
            head.copy_from_slice(bytes);
        }
        Ok(())
    }
}

/// Copies the first and the last `N` bytes; `false` where these are not all.
#[inline]
fn ends<const N: usize>(to: &mut [u8], from: &[u8]) -> bool {
    if !(N..=2 * N).contains(&from.len()) || to.len() != from.len() {
        return false;
    }
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk()) {
        *to = *from;
    }
    true
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_copies_are_copies() {
        let bytes: [u8; 40] = core::array::from_fn(|n| u8::try_from(n).unwrap() + 1);
        for len in 0..=bytes.len() {
            let mut buffer = [0; 41];
            let mut room = Room(&mut buffer);
            room.copy_short(&bytes[..len]).unwrap();
            assert_eq!(room.len(), 41 - len);
            assert_eq!(buffer[..len], bytes[..len]);
            assert!(buffer[len..].iter().all(|&byte| byte == 0), "{len}");
            if let Some(short) = len.checked_sub(1) {
                assert!(
                    Room(&mut buffer[..short])
                        .copy_short(&bytes[..len])
                        .is_err()
                );
            }
        }
    }
}
