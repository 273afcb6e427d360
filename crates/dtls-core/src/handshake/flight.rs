use alloc::vec::Vec;
use core::ops::Range;

/// The messages that this side sends in one go, and sends again until the peer's next flight comes.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    items: Vec<Item>,
    at: usize,
    offset: usize,
    sending: bool,
}

/// One part of a flight.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// A message: where it stands in the transcript, and whether it is sent under the new keys.
    Message { at: Range<usize>, sealed: bool },
    /// ChangeCipherSpec: a record by itself.
    ChangeCipherSpec,
}

impl Outgoing {
    /// Starts a new flight; add its parts with [`push`](Self::push).
    pub(crate) fn begin(&mut self) {
        self.items.clear();
        self.restart();
    }

    pub(crate) fn push(&mut self, item: Item) {
        self.items.push(item);
    }

    /// Sends the flight from its start.
    pub(crate) fn restart(&mut self) {
        self.at = 0;
        self.offset = 0;
        self.sending = true;
    }

    /// Whether something of the flight is still to be sent.
    pub(crate) const fn is_sending(&self) -> bool {
        self.sending
    }

    /// The next part, and how much of its body is sent already.
    pub(crate) fn current(&self) -> Option<(&Item, usize)> {
        if !self.sending {
            return None;
        }
        Some((self.items.get(self.at)?, self.offset))
    }

    /// `len` more bytes of the body are sent; with `whole` the part is done.
    pub(crate) fn sent(&mut self, len: usize, whole: bool) {
        if whole {
            self.at = self.at.saturating_add(1);
            self.offset = 0;
        } else {
            self.offset = self.offset.saturating_add(len);
        }
        if self.at >= self.items.len() {
            self.sending = false;
        }
    }
}
