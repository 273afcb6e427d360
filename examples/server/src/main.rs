//! An LwM2M server to run: CoAP for devices, HTTP API and page for people.
#![forbid(unsafe_code)]

mod demo;
mod run;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;

use crate::settings::{Arguments, Settings};

fn main() -> ExitCode {
    let settings = match Settings::resolve(Arguments::parse()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("lwm2m-server: {error}");
            return ExitCode::from(support::exit::USAGE);
        }
    };
    support::start_logging(settings.log);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("lwm2m-server: {error}");
            return ExitCode::from(support::exit::FAILED);
        }
    };
    match runtime.block_on(run::run(settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lwm2m-server: {error}");
            ExitCode::from(support::exit::FAILED)
        }
    }
}
