//! What a client tells, as a stream.

use device_core::Event;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// The events of a client, from the moment of [`Client::events`](crate::Client::events) on.
#[derive(Debug)]
pub struct Events {
    receiver: Receiver<Event>,
    lost: u64,
}

impl Events {
    pub(crate) const fn new(receiver: Receiver<Event>) -> Self {
        Self { receiver, lost: 0 }
    }

    /// Waits for the next event; `None` when the client was stopped.
    ///
    /// A reader that is 1024 events behind misses the oldest ones; see [`lost`](Self::lost). Dropping the future loses
    /// nothing.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(count)) => self.lost = self.lost.saturating_add(count),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// How many events this reader has missed.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }
}
