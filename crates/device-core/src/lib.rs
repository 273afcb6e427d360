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
#[cfg(feature = "std")]
extern crate std;

mod account;
mod codec;
mod config;
mod conform;
mod device;
mod discover;
mod event;
mod object;
mod objects;
mod observation;
mod registration;
mod security;
mod serve;
mod table_object;
mod tree;

pub use crate::{
    account::{
        AccountError, Psk, RawPublicKey, Security, ServerAccount, ServerId, ServerSettings, X509,
    },
    config::Config,
    device::{Device, LifeError, Served, Status},
    event::{Attempt, Effect, Event, Reason, Relation, Unregistered},
    object::{Change, Object, ObjectError},
    objects::{
        ConnectivityMonitoringObject, DeviceObject, LocationObject, PowerSource, TemperatureObject,
        UnknownObject,
    },
    registration::UplinkResult,
    security::{AlertPolicy, SecurityFault},
    table_object::TableObject,
    tree::{Tree, TreeError},
};

/// Alerts, suites and failures of handshakes, and the type of secret bytes.
pub use dtls_core::{Alert, CipherSuite, Failure, FailureReason, Secret};
