#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
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

mod context;
#[cfg(feature = "xml")]
#[cfg_attr(docsrs, doc(cfg(feature = "xml")))]
pub mod ddf;
mod definition;
mod models;
mod node;
mod object_link;
mod path;
pub mod payload;
mod registry;
mod value;
mod version;

pub use crate::{
    context::Context,
    definition::{ObjectDef, Operations, ResourceDef, ResourceDefs},
    models::{Choice, Models, default_version},
    node::{Instance, Node, Object, Resource, ResourceValue, Walk},
    object_link::{ObjectLink, ObjectLinkError},
    path::{Level, Path, PathError, PathErrorKind},
    value::{ConvertError, Value, ValueType},
    version::{Lwm2mVersion, Version, VersionError},
};
