//! The streaming reader: one entry after the other, nothing copied.

use core::iter::FusedIterator;

use crate::{DecodeError, DecodeErrorKind, Kind, Tlv, tlv::Level};

/// Reads the entries of one level, in order. Copying it is cheap and gives a second, independent
/// position.
///
/// After the first `Err` the iterator ends. Every entry consumes at least two bytes, so reading a
/// payload takes at most half as many steps as it has bytes, at each of its three levels.
/// Lengths need not be in their shortest form. That identifiers do not repeat, and
/// that they fit the path asked for, is checked by whoever knows the path.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
    level: Level,
}

impl<'a> Reader<'a> {
    /// Reads a whole payload. The first entry decides which kinds may follow: Object Instances
    /// (a payload for an Object), Resources and Multiple Resources (for an Object Instance or a
    /// Resource), or Resource Instances.
    ///
    /// ```
    /// use lwm2m_tlv::{Kind, Reader};
    ///
    /// // Resource 6 with the two instances 0: 1 and 1: 5.
    /// let mut entries = Reader::new(&[0x86, 6, 0x41, 0, 1, 0x41, 1, 5]);
    /// let available_power_sources = entries.next().unwrap()?;
    /// assert_eq!(available_power_sources.kind, Kind::MultipleResource);
    /// let mut sum = 0;
    /// for instance in available_power_sources.nested()? {
    ///     sum += instance?.integer()?;
    /// }
    /// assert_eq!(sum, 6);
    /// assert!(entries.next().is_none());
    /// # Ok::<(), lwm2m_tlv::DecodeError>(())
    /// ```
    #[must_use]
    pub const fn new(payload: &'a [u8]) -> Self {
        Self::at(payload, 0, Level::Any)
    }

    pub(crate) const fn at(rest: &'a [u8], offset: usize, level: Level) -> Self {
        Self {
            rest,
            offset,
            level,
        }
    }

    /// The bytes not read yet.
    #[must_use]
    pub const fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// Where the next entry begins, in bytes from the start of the payload.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    #[inline]
    fn entry(&mut self) -> Result<Tlv<'a>, DecodeError> {
        let truncated = DecodeError::at(self.offset, DecodeErrorKind::Truncated);
        let Some((head, id, len, body)) = header(self.rest) else {
            return Err(truncated);
        };
        let kind = Kind::from_head(head);
        if !self.level.admit(kind) {
            return Err(DecodeError::at(self.offset, DecodeErrorKind::Nesting(kind)));
        }
        let Some((value, rest)) = body.split_at_checked(len) else {
            return Err(truncated);
        };
        let header_len = self.rest.len().saturating_sub(body.len());
        let offset = self.offset;
        let value_offset = offset.saturating_add(header_len);
        self.rest = rest;
        self.offset = value_offset.saturating_add(len);
        Ok(Tlv {
            kind,
            id,
            value,
            offset,
            value_offset,
        })
    }
}

/// Type byte, identifier, length, and what follows them.
///
/// Bit 5: identifier of 16 bits, not 8. Bits 4 and 3: how many bytes the length has; for 0 of them
/// the length is in bits 2 to 0, which are ignored otherwise.
#[inline]
fn header(bytes: &[u8]) -> Option<(u8, u16, usize, &[u8])> {
    let (&head, rest) = bytes.split_first()?;
    let (id, rest) = match (head & 0x20, rest) {
        (0, &[id, ref rest @ ..]) => (u16::from(id), rest),
        (0x20, &[a, b, ref rest @ ..]) => (u16::from_be_bytes([a, b]), rest),
        _ => return None,
    };
    let (len, rest) = match (head & 0x18, rest) {
        (0x00, rest) => (usize::from(head & 0x07), rest),
        (0x08, &[a, ref rest @ ..]) => (usize::from(a), rest),
        (0x10, &[a, b, ref rest @ ..]) => (usize::from(u16::from_be_bytes([a, b])), rest),
        (0x18, &[a, b, c, ref rest @ ..]) => (
            usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c),
            rest,
        ),
        _ => return None,
    };
    Some((head, id, len, rest))
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Tlv<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.entry();
        if entry.is_err() {
            self.rest = &[];
        }
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (
            usize::from(!self.rest.is_empty()),
            Some(self.rest.len().div_ceil(2)),
        )
    }
}

impl FusedIterator for Reader<'_> {}
