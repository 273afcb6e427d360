//! Manage a running LwM2M server from the command line.
//!
//! A thin client of the HTTP API (crate `lwm2m-console`): every command is one or a few calls, data
//! goes to standard output, everything else to standard error, and the exit code tells how it went.
#![forbid(unsafe_code)]

mod api;
mod arguments;
mod commands;
mod credentials;
mod doctor;
mod failure;
mod follow;
mod interrupt;
mod output;
mod settings;
mod sse;
mod value;

use std::process::ExitCode;

use clap::Parser as _;

use crate::api::Api;
use crate::arguments::{Arguments, Command, Target};
use crate::commands::{Context, Written};
use crate::failure::Failure;
use crate::interrupt::CleanUp;
use crate::output::Output;
use crate::settings::Settings;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    support::Logging::new(support::LogFormat::Text).start();
    let clean_up = CleanUp::default();
    interrupt::watch(clean_up.clone());
    let result = run(arguments, &clean_up);
    clean_up.run();
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    if failure.exit != 0 {
        support::complain!("lwm2m: {failure}");
    }
    ExitCode::from(failure.exit)
}

fn run(arguments: Arguments, clean_up: &CleanUp) -> Result<(), Failure> {
    // Empty is what `VAR= lwm2m …` leaves: none.
    let secret = std::env::var("LWM2M_ADMIN_TOKEN").ok();
    let secret = secret.filter(|secret| !secret.is_empty());
    let settings = Settings::resolve(arguments.global, secret)?;
    let output = Output::new(&settings);
    if settings.token.is_some() && !settings.is_local() {
        output.note("the token and all data go through the network unencrypted");
    }
    let context = Context {
        api: Api::new(&settings),
        output,
    };
    match arguments.command {
        Command::Devices { filter } => context.devices(filter.as_deref()),
        Command::Read {
            target: Target { ep, path },
        } => context.read(&ep, &path),
        Command::Write {
            target: Target { ep, path },
            value,
            json,
            partial,
            value_type,
        } => {
            let what = match (&value, &json) {
                (_, Some(file)) => Written::File(file),
                (Some(value), None) => Written::Value(value, value_type.as_deref()),
                (None, None) => return Err(Failure::usage("nothing to write")),
            };
            context.write(&ep, &path, what, partial)
        }
        Command::Exec {
            target: Target { ep, path },
            arguments,
        } => context.execute(&ep, &path, arguments.as_deref()),
        Command::Observe {
            target: Target { ep, path },
            count,
        } => context.observe(&ep, &path, count, clean_up),
        Command::Discover {
            target: Target { ep, path },
        } => context.discover(&ep, &path),
        Command::Create {
            ep,
            object,
            resources,
            json,
        } => context.create(&ep, &object, &resources, json.as_deref()),
        Command::Delete {
            target: Target { ep, path },
        } => context.delete(&ep, &path),
        Command::Events {
            types,
            eps,
            since,
            count,
        } => context.events(&types, &eps, since, count),
        Command::Credentials { action } => context.credentials(action),
        Command::Doctor {
            coap,
            coaps,
            offline,
        } => context.doctor(&coap, &coaps, offline),
    }
}
