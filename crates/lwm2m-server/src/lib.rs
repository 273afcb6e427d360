#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod batch;
mod call;
mod cid;
mod clock;
mod config;
mod counters;
mod event;
mod fleet;
mod handle;
mod hub;
mod observations;
mod operation;
mod partition;
mod refusals;
mod reload;
mod resumptions;
mod revocation;
mod security;
mod server;
mod sessions;
mod shard;
mod socket;

pub use call::{CallError, CallOptions, DiscoveredLink, ReadAnswer};
pub use cid::Cid;
pub use config::{Config, Security};
pub use dtls_core;
pub use dtls_ecdsa;
pub use event::{EventKind, ServerEvent};
pub use handle::{
    CredentialFacts, DeviceFilter, DevicePage, Handle, SecurityEntry, SecurityInfo, ServerInfo,
};
pub use hub::{EventStream, StreamItem};
pub use observations::{ObservationInfo, ObservationState};
pub use server::{Server, StartError};
pub use sessions::SessionInfo;
