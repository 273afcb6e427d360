//! A LwM2M client to run: flags and a config file in front of `lwm2m-client`, a console behind it.

mod console;
mod credentials;
mod objects;
mod options;
mod simulate;

use std::{io::IsTerminal, process::ExitCode, time::Duration};

use lwm2m_client::{Client, Event, Reason, SecurityFault, StartError};
use lwm2m_model::path;
use support::{Logging, exit};

use crate::options::Options;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(error) => {
            support::complain!("error: {error}");
            return exit::USAGE.into();
        }
    };
    Logging::new(options.log)
        .of_endpoint(&options.endpoint)
        .start();
    for line in &options.credentials.understood {
        tracing::info!("credentials: {line}");
    }
    for line in &options.credentials.warnings {
        tracing::warn!("credentials: {line}");
    }
    let client = match start(&options).await {
        Ok(client) => client,
        Err(error) => {
            support::complain!("error: {error}");
            return error.code().into();
        }
    };
    tracing::info!(
        endpoint = %options.endpoint,
        servers = %options.servers.join(" "),
        "started"
    );
    let code = run(&client, &options).await;
    client.stop().await;
    // The thread that reads stdin cannot be woken, so the runtime is not waited for.
    std::process::exit(code.into());
}

async fn start(options: &Options) -> Result<Client, Failure> {
    let mut builder = Client::builder()
        .endpoint(options.endpoint.as_str())
        .lifetime(options.lifetime)
        .binding(options.binding)
        .version(options.version)
        .security(options.credentials.security.clone());
    for server in &options.servers {
        builder = builder.server(server.as_str());
    }
    for id in &options.objects {
        builder = builder.boxed_object(objects::object(*id, options.version)?);
    }
    Ok(builder.start().await?)
}

/// Runs until somebody wants an end; returns the exit code.
async fn run(client: &Client, options: &Options) -> u8 {
    let mut events = client.events();
    let interactive = std::io::stdin().is_terminal();
    let mut console = tokio::spawn(console::run(client.clone(), interactive));
    let mut ticks = tokio::time::interval(Duration::from_secs(2));
    let mut tick = 0_u32;
    let mut stopping = match support::stopping() {
        Ok(stopping) => std::pin::pin!(stopping),
        Err(error) => {
            tracing::error!(reason = %error, "no signals");
            return exit::FAILED;
        }
    };
    loop {
        tokio::select! {
            // What happened is told before the command that waited for it ends the program.
            biased;
            stop = &mut stopping => {
                tracing::info!("{}", stop.as_str());
                return stop.exit_code();
            }
            event = events.next() => match event {
                Some(event) => on_event(client, &event),
                None => return exit::DONE,
            },
            code = &mut console => return code.unwrap_or(exit::FAILED),
            _ = ticks.tick(), if options.simulate => {
                simulate::step(client, tick);
                tick = tick.wrapping_add(1);
            }
        }
    }
}

/// Says what happened, and does what a real device would.
fn on_event(client: &Client, event: &Event) {
    match event {
        Event::Registered {
            server,
            location,
            version,
            lifetime,
            ..
        } => {
            tracing::info!(%server, cid = %location, %version, %lifetime, "registered");
        }
        Event::FellBack {
            server, version, ..
        } => tracing::info!(%server, %version, "falling back to an older version"),
        Event::Updated {
            server, lifetime, ..
        } => tracing::info!(%server, %lifetime, "updated"),
        Event::Unregistered { server, why, .. } => {
            tracing::info!(%server, reason = ?why, "unregistered");
        }
        Event::Error {
            server,
            operation,
            reason,
            ..
        } => {
            let operation = operation.as_str();
            tracing::warn!(%server, operation, reason = reason.as_str(), "failed: {reason}");
        }
        Event::Secured {
            server,
            suite,
            resumed,
            ..
        } => tracing::info!(%server, %suite, resumed, "secured"),
        Event::HandshakeFailed {
            server,
            failure,
            again,
            ..
        } => {
            let reason = &failure.reason;
            tracing::warn!(%server, %reason, again, "handshake failed: {reason}");
        }
        Event::SessionLost { server, alert, .. } => match alert {
            Some(alert) => tracing::warn!(%server, reason = %alert, "session lost"),
            None => tracing::info!(%server, "session lost"),
        },
        Event::Executed { server, path, .. } => {
            tracing::info!(%server, %path, "executed");
            if *path == path!(3, 0, 4) {
                reboot(client);
            }
        }
        Event::Written { server, path, .. } => tracing::info!(%server, %path, "written"),
        Event::Created { server, path, .. } => tracing::info!(%server, %path, "created"),
        Event::Deleted { server, path, .. } => tracing::info!(%server, %path, "deleted"),
        Event::Observed { server, path, .. } => tracing::info!(%server, %path, "observed"),
        Event::ObservationEnded { server, path, .. } => {
            tracing::info!(%server, %path, "observation ended");
        }
        event => tracing::info!(?event, "event"),
    }
}

/// This program is no device: it forgets its registrations, as a device that reboots does.
fn reboot(client: &Client) {
    for server in client.servers() {
        let client = client.clone();
        tokio::spawn(async move { client.register(server).await });
    }
}

/// Why the client does not run.
#[derive(Debug)]
enum Failure {
    Object(objects::Unknown),
    Start(StartError),
}

impl Failure {
    const fn code(&self) -> u8 {
        match self {
            Self::Object(_) => exit::USAGE,
            Self::Start(
                StartError::Endpoint | StartError::Object { .. } | StartError::Security { .. },
            ) => exit::USAGE,
            Self::Start(_) => exit::FAILED,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Object(error) => error.fmt(f),
            Self::Start(error) => error.fmt(f),
        }
    }
}

impl From<objects::Unknown> for Failure {
    fn from(error: objects::Unknown) -> Self {
        Self::Object(error)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

/// The exit code for a reason why a server could not be asked, or refused.
const fn exit_code(reason: Reason) -> u8 {
    match reason {
        Reason::Refused(_) => exit::PEER,
        Reason::Security(SecurityFault::NoAnswer) => exit::UNREACHABLE,
        Reason::Security(_) => exit::SECURITY,
        Reason::NoAnswer | Reason::Reset | Reason::Unreachable => exit::UNREACHABLE,
        _ => exit::FAILED,
    }
}
