//! What the registry wants from a store, and what came of it.

use lwm2m_store::{Batch, CommitError, Down, Key, Record, Version};
use sansio::Ticket;

/// Work for the store. Hand the result to [`Registry::handle_effect`](crate::Registry::handle_effect) with the ticket.
#[derive(Clone, Eq, PartialEq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a runtime must carry out every effect"
)]
pub enum Effect {
    /// Read one record.
    Load {
        /// The registry's own number of this effect; not the ticket of an operation.
        ticket: Ticket,
        /// Which record.
        key: Key,
    },
    /// Write a batch.
    Commit {
        /// The registry's own number of this effect; not the ticket of an operation.
        ticket: Ticket,
        /// What to write.
        batch: Batch,
    },
}

impl Effect {
    /// The number to hand the result back with.
    #[must_use]
    pub const fn ticket(&self) -> Ticket {
        match self {
            Self::Load { ticket, .. } | Self::Commit { ticket, .. } => *ticket,
        }
    }
}

/// The result of an [`Effect`].
#[derive(Clone, Eq, PartialEq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "one result per kind of effect")]
pub enum EffectResult {
    /// Of [`Effect::Load`].
    Loaded(Result<Option<Record>, Down>),
    /// Of [`Effect::Commit`].
    Committed(Result<Version, CommitError>),
}
