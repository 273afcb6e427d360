use crate::Peer;

/// Where a datagram that stands in a [`DatagramBuf`] is to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Transmit {
    /// The receiver.
    pub peer: Peer,
    /// Bytes to send, all of [`DatagramBuf::bytes`].
    pub len: usize,
}

/// A caller's slice in which a datagram is made: payload first, headers before and trailers behind it later.
///
/// A message is encoded where it will be sealed, and sealed where it will be sent; nothing is copied
/// on the way out. `headroom` and `tailroom` are what the layers below will add.
///
/// ```
/// let mut memory = [0; 64];
/// let mut buf = sansio::DatagramBuf::new(&mut memory, 13, 8);
/// buf.space()[..5].copy_from_slice(b"hello");
/// buf.set_len(5);
/// buf.prepend(2).unwrap().copy_from_slice(b"> ");
/// buf.append(1).unwrap().copy_from_slice(b"!");
/// assert_eq!(buf.bytes(), b"> hello!");
/// ```
#[derive(Debug)]
pub struct DatagramBuf<'a> {
    memory: &'a mut [u8],
    headroom: usize,
    tailroom: usize,
    start: usize,
    end: usize,
}

impl<'a> DatagramBuf<'a> {
    /// An empty datagram in `memory`, with room kept for `headroom` bytes before and `tailroom`
    /// bytes behind the payload. Rooms larger than `memory` leave no space for a payload.
    pub fn new(memory: &'a mut [u8], headroom: usize, tailroom: usize) -> Self {
        let headroom = headroom.min(memory.len());
        let tailroom = tailroom.min(memory.len().saturating_sub(headroom));
        Self {
            memory,
            headroom,
            tailroom,
            start: headroom,
            end: headroom,
        }
    }

    /// Drops the datagram; the rooms are as at first.
    pub fn clear(&mut self) {
        self.start = self.headroom;
        self.end = self.headroom;
    }

    /// The bytes into which a payload may be written. Follow with [`set_len`](Self::set_len).
    pub fn space(&mut self) -> &mut [u8] {
        let limit = self.memory.len().saturating_sub(self.tailroom);
        self.memory
            .get_mut(self.headroom..limit)
            .unwrap_or_default()
    }

    /// Says that the first `len` bytes of [`space`](Self::space) are the payload. More than there
    /// is counts as all of it.
    pub fn set_len(&mut self, len: usize) {
        let limit = self.memory.len().saturating_sub(self.tailroom);
        self.start = self.headroom;
        self.end = self.headroom.saturating_add(len).min(limit);
    }

    /// The datagram as it stands.
    pub fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    /// Where in the memory the datagram stands, for whoever sends several from one memory.
    pub const fn range(&self) -> core::ops::Range<usize> {
        self.start..self.end
    }

    /// The datagram as it stands, to be sealed in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory
            .get_mut(self.start..self.end)
            .unwrap_or_default()
    }

    /// Puts `n` bytes before the datagram and gives them to be filled; `None` without room.
    pub fn prepend(&mut self, n: usize) -> Option<&mut [u8]> {
        let start = self.start.checked_sub(n)?;
        let fresh = self.memory.get_mut(start..self.start)?;
        self.start = start;
        Some(fresh)
    }

    /// Puts `n` bytes behind the datagram and gives them to be filled; `None` without room.
    pub fn append(&mut self, n: usize) -> Option<&mut [u8]> {
        let end = self.end.checked_add(n)?;
        let fresh = self.memory.get_mut(self.end..end)?;
        self.end = end;
        Some(fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_kept_and_given() {
        let mut memory = [0; 16];
        let mut buf = DatagramBuf::new(&mut memory, 4, 4);
        assert_eq!(buf.space().len(), 8);
        buf.set_len(99);
        assert_eq!(buf.bytes().len(), 8, "never into the tailroom");
        assert!(buf.prepend(5).is_none());
        assert!(buf.append(5).is_none());
        assert!(buf.prepend(4).is_some() && buf.append(4).is_some());
        assert_eq!(buf.bytes().len(), 16);
        assert_eq!(buf.range(), 0..16);
        buf.clear();
        assert!(buf.bytes().is_empty());
    }

    #[test]
    fn rooms_larger_than_the_memory() {
        let mut memory = [0; 3];
        let mut buf = DatagramBuf::new(&mut memory, 9, 9);
        assert!(buf.space().is_empty());
        buf.set_len(1);
        assert!(buf.bytes().is_empty());
    }
}
