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
mod server;
mod shard;
mod socket;

pub use call::{CallError, CallOptions, DiscoveredLink, ReadAnswer};
pub use cid::Cid;
pub use config::Config;
pub use event::{EventKind, ServerEvent};
pub use handle::{DeviceFilter, DevicePage, Handle, ServerInfo};
pub use hub::{EventStream, StreamItem};
pub use observations::{ObservationInfo, ObservationState};
pub use server::{Server, StartError};
