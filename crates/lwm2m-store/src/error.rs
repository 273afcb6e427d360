//! Why a store did not do what was asked.

use crate::Key;
use core::fmt;

/// The store cannot be reached or failed; asking again later may help.
///
/// After a commit that ended so, nobody knows whether it was applied.
#[derive(Clone, Copy, Eq, PartialEq, Hash, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "it carries nothing, so that no secret of a back end leaks by it"
)]
pub struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store is down")
    }
}

impl core::error::Error for Down {}

/// Why a batch was not confirmed.
#[derive(Clone, Eq, PartialEq, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "every caller must decide both")]
pub enum CommitError {
    /// A record did not have the expected version; nothing was changed.
    Conflict {
        /// The first record that differed.
        key: Key,
    },
    /// The store failed; the batch may have been applied or not, but never in part.
    Down,
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { key } => write!(f, "record {key} was changed by somebody else"),
            Self::Down => Down.fmt(f),
        }
    }
}

impl core::error::Error for CommitError {}

impl From<Down> for CommitError {
    fn from(Down: Down) -> Self {
        Self::Down
    }
}
