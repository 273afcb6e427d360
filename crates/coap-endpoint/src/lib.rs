#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::unwrap_used
)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod config;
mod endpoint;
mod event;
mod hash;
mod id;
mod incoming;
mod message_layer;
mod outbox;
mod peer;
mod request_layer;
mod shared;
mod stats;
mod stranger;

pub use config::{Config, Limits, ObserveConfig, Transmission};
pub use endpoint::Endpoint;
pub use event::{
    CloseReason, Event, Failure, Notify, ObserveRequest, RelationEnd, RequestError, StaleExchange,
    StaleRelation, StaleRequest,
};
pub use id::{ExchangeId, RelationId, RequestId};
pub use peer::PeerInfo;
pub use request_layer::RequestOptions;
pub use stats::{Stats, Tables};
pub use stranger::{StrangerVerdict, answer_stranger};
