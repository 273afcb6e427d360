#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod net;

pub use net::{Datagram, Net, Weather};
