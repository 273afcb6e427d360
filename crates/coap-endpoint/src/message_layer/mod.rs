//! The message layer (RFC 7252 §4): message ids, acknowledgements, repetition, duplicates.
//!
//! It knows nothing of tokens, methods or bodies. It tells the request layer's owner of a message
//! whether that was acknowledged, rejected or given up.

mod dedup;
mod mid;
mod outgoing;
mod remembered;

pub(crate) use dedup::{Answer, Dedup};
pub(crate) use mid::MessageIds;
pub(crate) use outgoing::{Outgoing, Owner, Queued};
pub(crate) use remembered::Remembered;
