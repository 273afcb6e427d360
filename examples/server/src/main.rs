//! An LwM2M server to run: CoAP for devices, HTTP API and page for people.
#![forbid(unsafe_code)]

mod demo;
mod identity;
mod models;
mod run;
mod security;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;

use crate::settings::{Arguments, Settings};

fn main() -> ExitCode {
    // Empty is what `VAR= lwm2m-server …` leaves: none.
    let secret = std::env::var("LWM2M_ADMIN_TOKEN").ok();
    let secret = secret.filter(|secret| !secret.is_empty());
    let settings = match Settings::resolve(Arguments::parse(), secret) {
        Ok(settings) => settings,
        Err(error) => return failed(support::exit::USAGE, &error),
    };
    let models = match models::load(settings.models.as_deref()) {
        Ok(models) => models,
        Err(error) => return failed(support::exit::USAGE, &error),
    };
    let logging = support::Logging::new(settings.log.unwrap_or_default());
    match (settings.demo, settings.log) {
        // The story is told on standard output; what the log would add stands between its lines.
        (Some(_), None) => logging.quiet().start(),
        _ => logging.start(),
    }
    settings.security.identity.tell();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(support::exit::FAILED, &error),
    };
    match runtime.block_on(run::run(settings, models)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => failed(support::exit::FAILED, &*error),
    }
}

fn failed(code: u8, error: &dyn std::fmt::Display) -> ExitCode {
    support::complain!("lwm2m-server: {error}");
    ExitCode::from(code)
}
