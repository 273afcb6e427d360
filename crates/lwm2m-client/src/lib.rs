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
    Attempt, Change, Config, ConnectivityMonitoringObject, DeviceObject, Event, LifeError,
    LocationObject, Object, ObjectError, PowerSource, Reason, Security, ServerAccount, ServerId,
    ServerSettings, Status, TableObject, TemperatureObject, Unregistered,
};
pub use device_stack::Config as StackConfig;

/// Operations as types: arguments, lifetimes, bindings.
pub use lwm2m_ops as ops;

/// Paths, values and definitions.
pub use lwm2m_model as model;
