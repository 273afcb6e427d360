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

// One file per operation; each reads and writes its requests and its answers.
mod cancel;
mod create;
mod delete;
mod deregister;
mod discover;
mod execute;
mod observe;
mod read;
mod register;
mod update;
mod write;

// What they share.
mod answer;
mod arguments;
mod binding;
mod context;
mod illegal;
mod lifetime;
mod links;
mod location;
mod object_list;
mod operation;
mod parameters;
mod quirk;
mod refusal;
mod reply;
mod root;

pub use crate::{
    answer::{MAX_DIAGNOSTIC, Problem, Refused, UnexpectedResponse},
    arguments::{Arguments, ArgumentsError, ArgumentsErrorKind},
    binding::{Binding, Transport},
    cancel::Cancel,
    context::{DecodeContext, Facts, Interface, Limits, NoFacts},
    create::Create,
    delete::Delete,
    deregister::{Deregister, DeregisterAnswer},
    discover::Discover,
    execute::Execute,
    illegal::IllegalRequest,
    lifetime::Lifetime,
    location::{BadRegistrationId, Location, RegistrationId},
    object_list::{AdvertisedObject, ObjectList},
    observe::{Notification, Observe},
    operation::{Downlink, Operation, Uplink, decode, decode_response, encode_reply},
    parameters::{Extra, MAX_ENDPOINT},
    quirk::Quirk,
    read::Read,
    refusal::{Reason, Refusal},
    register::{Register, RegisterAnswer},
    reply::Reply,
    update::{Update, UpdateAnswer},
    write::{Write, WriteMode},
};
