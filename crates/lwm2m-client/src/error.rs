//! What can go wrong.

use std::io;

use device_core::{AccountError, LifeError, Reason, TreeError, UnknownObject};
use device_stack::BadAccount;

/// Why a client does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No endpoint name was given, or one that is empty or longer than 252 bytes.
    #[error("an endpoint name has 1 to 252 bytes")]
    Endpoint,
    /// A server cannot be added.
    #[error("server {uri}: {source}")]
    #[non_exhaustive]
    Account {
        /// Its URI.
        uri: String,
        /// Why.
        source: AccountError,
    },
    /// A server cannot be spoken to with the credentials that were given.
    #[error("server {uri}: {source}")]
    #[non_exhaustive]
    Security {
        /// Its URI.
        uri: String,
        /// Why.
        source: BadAccount,
    },
    /// There are more servers than Short Server IDs.
    #[error("too many servers")]
    TooManyServers,
    /// An object cannot be added.
    #[error("object {id}: {source}")]
    #[non_exhaustive]
    Object {
        /// Its id.
        id: u16,
        /// Why.
        source: TreeError,
    },
    /// The definition of an object that every device has is not known.
    #[error(transparent)]
    UnknownObject(#[from] UnknownObject),
    /// No socket can be opened.
    #[error("no UDP socket can be opened: {0}")]
    Socket(#[source] io::Error),
    /// The system gives no randomness.
    #[error("the system gives no randomness: {0}")]
    Entropy(getrandom::Error),
}

/// Why an operation of a client did not succeed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The operation makes no sense now.
    #[error(transparent)]
    Life(#[from] LifeError),
    /// The server refused, or could not be asked. The client goes on by itself.
    #[error("{0}")]
    Failed(Reason),
    /// Something else came in between: another call, or an operation of the server.
    #[error("given up for another operation")]
    Superseded,
    /// The client was stopped.
    #[error("the client was stopped")]
    Stopped,
}
