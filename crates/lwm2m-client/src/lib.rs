#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod builder;
mod client;
mod driver;
mod error;
mod events;
mod sockets;

pub use crate::{
    builder::ClientBuilder,
    client::{Client, Registered},
    error::{ClientError, StartError},
    events::Events,
};

pub use device_core::{
    Alert, Attempt, Change, CipherSuite, Config, ConnectivityMonitoringObject, DeviceObject, Event,
    Failure, FailureReason, LifeError, LocationObject, Object, ObjectError, PowerSource, Psk,
    RawPublicKey, Reason, Secret, Security, SecurityFault, ServerAccount, ServerId, ServerSettings,
    Status, TableObject, TemperatureObject, Unregistered, X509,
};
pub use device_stack::{BadAccount, Config as StackConfig, check_account};

/// Operations as types: arguments, lifetimes, bindings.
pub use lwm2m_ops as ops;

/// Paths, values and definitions.
pub use lwm2m_model as model;
