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

mod definition;
mod models;
mod node;
mod object_link;
mod path;
mod value;
mod version;

pub use crate::{
    definition::{ObjectDef, Operations, ResourceDef},
    models::{Choice, Models, default_version},
    node::{Instance, Node, Object, Resource, ResourceValue, Walk},
    object_link::{ObjectLink, ObjectLinkError},
    path::{Level, Path, PathError, PathErrorKind},
    value::{ConvertError, Value, ValueType},
    version::{Lwm2mVersion, Version, VersionError},
};
