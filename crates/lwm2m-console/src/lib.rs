#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod api;
mod app;
mod assets;
mod auth;
mod backend;
mod call;
mod calls;
mod config;
#[cfg(test)]
mod fake;
mod format;
mod json;
mod openapi;
mod problem;
mod query;
mod routes;
mod serve;
mod sessions;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use lwm2m_server::Handle;

pub use crate::{
    config::{ConsoleConfig, Token, TokenError},
    serve::{ServeLimits, serve},
};

/// The console of a server: its API, its event stream and its page, to be served as it is or to be mounted in a router.
///
/// Under a path, nest it with a slash at the end (`nest("/lwm2m/", …)`), so that the page finds its files. It answers
/// nothing but its own addresses, so it can also be merged. [`serve`] serves it with limits on slow and idle callers;
/// another server should do the same, and give each request its `ConnectInfo<SocketAddr>`, by which guesses at the
/// token are counted.
pub fn router(server: Handle, config: ConsoleConfig) -> Router {
    app::build(Arc::new(backend::Live::new(server)), config)
}
