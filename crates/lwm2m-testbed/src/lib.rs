#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod credentials;
mod device;
mod net;
mod server;
mod store;
mod trace;
mod world;

pub use credentials::Mode;
pub use device::{BLOB, COUNTER, DeviceId, DeviceNode, DeviceSetup, RUN, SENSOR, SERVER, TEXT};
pub use net::{Datagram, Net, Weather};
pub use server::{
    Notified, Observation, Outcome, Refused, ServerEvent, ServerNode, ServerSetup, ServerTables,
};
pub use store::StoreWeather;
pub use trace::{Trace, Wire};
pub use world::{Fate, World, long};
