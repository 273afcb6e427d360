use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use lwm2m_console::{ConsoleConfig, ServeLimits, Token, router};
use lwm2m_model::Models;
use lwm2m_server::{Config, Handle, Server, ServerInfo};
use lwm2m_store::MemoryStore;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::demo;
use crate::settings::Settings;

/// Starts all parts, serves until told to stop, and stops in order.
pub(crate) async fn run(settings: Settings) -> Result<(), Box<dyn Error>> {
    let models = Arc::new(load_models(settings.models.as_deref())?);
    let (token, generated) = admin_token(settings.admin_token_file.as_deref())?;
    let server = start(&settings, Arc::clone(&models)).await?;
    let listener = TcpListener::bind(settings.http)
        .await
        .map_err(|error| bind_error("--http", settings.http, &error))?;
    let http = listener.local_addr()?;
    let handle = server.handle();
    let app = router(handle.clone(), ConsoleConfig::new(token.clone()));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(lwm2m_console::serve(
        listener,
        app,
        ServeLimits::default(),
        async move { stopped.await.unwrap_or_default() },
    ));
    announce(&handle.info(), http, generated.then(|| token.reveal()));
    let story = match settings.demo {
        Some(devices) => demonstrate(devices, settings.once, &handle, http, &token).await,
        None => {
            interrupted().await;
            Ok(())
        }
    };
    server.shutdown().await;
    drop(stop);
    serving.await??;
    story
}

/// Tells the story of some simulated devices; then ends, or goes on until interrupted.
async fn demonstrate(
    devices: u16,
    once: bool,
    handle: &Handle,
    http: SocketAddr,
    token: &Token,
) -> Result<(), Box<dyn Error>> {
    let mut fleet = demo::start(devices, handle).await?;
    let mut told = demo::tell(&mut fleet, handle).await;
    if once {
        if told.is_ok() {
            told = demo::check_http(http, token).await;
        }
    } else {
        if let Err(error) = &told {
            tracing::error!(event = "demo.failed", reason = %error);
        }
        interrupted().await;
        told = Ok(());
    }
    fleet.stop().await;
    told
}

/// The built-in definitions and those of a folder.
fn load_models(folder: Option<&Path>) -> Result<Models, Box<dyn Error>> {
    let mut models = Models::builtin();
    let Some(folder) = folder else {
        return Ok(models);
    };
    let entries = std::fs::read_dir(folder)
        .map_err(|error| format!("--models {}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("xml"))
        {
            let xml =
                std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            models
                .load_xml(&xml)
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(models)
}

/// The token for API and page, and whether it is new.
fn admin_token(file: Option<&Path>) -> Result<(Token, bool), Box<dyn Error>> {
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("--admin-token-file {}: {error}", path.display()))?;
        let line = text.lines().next().unwrap_or_default().trim();
        return Ok((Token::new(line)?, false));
    }
    match std::env::var("LWM2M_ADMIN_TOKEN") {
        Ok(text) => Ok((Token::new(text.trim())?, false)),
        Err(_) => Ok((Token::generate()?, true)),
    }
}

/// Starts the server; of the default addresses a family that the machine lacks is left out.
async fn start(settings: &Settings, models: Arc<Models>) -> Result<Server, Box<dyn Error>> {
    let mut config = Config::default();
    config.coap.clone_from(&settings.coap);
    if settings.coap_is_default {
        config
            .coap
            .retain(|address| std::net::UdpSocket::bind(SocketAddr::new(address.ip(), 0)).is_ok());
    }
    // Who reaches a loopback listener is on this machine: reasons may go over the wire.
    config.stack.explain_to_strangers =
        config.coap.iter().all(|address| address.ip().is_loopback());
    // The memory store ends with the process, so a second copy of each registration would keep nothing.
    config.registry.keep = false;
    match Server::start(config, MemoryStore::new(), models).await {
        Err(lwm2m_server::StartError::Bind {
            address, source, ..
        }) => Err(bind_error("--coap", address, &source)),
        other => Ok(other?),
    }
}

fn bind_error(flag: &str, address: SocketAddr, error: &io::Error) -> Box<dyn Error> {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program listens there: stop it, or choose another port (port 0 takes a free one)"
        }
        io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges",
        _ => "",
    };
    format!("{flag} {address}: {error}{hint}").into()
}

/// Says what runs where.
fn announce(info: &ServerInfo, http: SocketAddr, token: Option<&str>) {
    println!("  {:<10} URL", "role");
    for endpoint in &info.endpoints {
        println!("  {:<10} {endpoint}", "server");
    }
    println!("  {:<10} http://{http}/", "page");
    println!(
        "  {:<10} http://{http}/api/v1 (http://{http}/openapi.json)",
        "API"
    );
    if let Some(token) = token {
        println!(
            "  {:<10} {token}   (new at each start; LWM2M_ADMIN_TOKEN keeps one)",
            "token"
        );
    }
    for address in info
        .addresses
        .iter()
        .filter(|address| !address.ip().is_loopback())
    {
        println!(
            "  !! {address} takes devices without security: anybody who reaches it can register"
        );
    }
}

/// Completes when the user or the system wants the program to end.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
