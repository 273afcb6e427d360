use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use lwm2m_console::{ConsoleConfig, ServeLimits, Token, router};
use lwm2m_identity::NoSecPolicy;
use lwm2m_identity::material::PublicKey;
use lwm2m_model::Models;
use lwm2m_server::{Config, Handle, Server, ServerInfo};
use lwm2m_store::MemoryStore;
use support::exit;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::demo::{self, Fleet};
use crate::security::flags_of;
use crate::settings::Settings;

/// Starts all parts, serves until told to stop, and stops in order; returns the exit code.
pub(crate) async fn run(settings: Settings, models: Models) -> Result<u8, Box<dyn Error>> {
    let mut stopping = pin!(support::stopping()?);
    let server = start(&settings, Arc::new(models)).await?;
    let listener = TcpListener::bind(settings.http)
        .await
        .map_err(|error| bind_error("--http", settings.http, &error))?;
    let http = listener.local_addr()?;
    let (token, is_new) = match settings.token.clone() {
        Some(token) => (token, false),
        None => (Token::generate()?, true),
    };
    let handle = server.handle();
    let security = &settings.security;
    let watched = security.watched.clone();
    let watching = tokio::spawn(watched.watch(security.identity.clone(), handle.clone()));
    let app = router(handle.clone(), ConsoleConfig::new(token.clone()));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(lwm2m_console::serve(
        listener,
        app,
        ServeLimits::default(),
        async move { stopped.await.unwrap_or_default() },
    ));
    announce(&handle.info(), http, is_new.then(|| token.reveal()));
    let mut fleet = Fleet::default();
    let told = tokio::select! {
        told = demonstrate(&settings, &mut fleet, &handle, http, &token) => told.map(|()| exit::DONE),
        stop = &mut stopping => Ok(stop.exit_code()),
    };
    watching.abort();
    // Devices leave while there is a server to leave, and readers of events learn it.
    fleet.stop().await;
    server.shutdown().await;
    drop(stop);
    serving.await??;
    told
}

/// Tells the story of some simulated devices if that is wanted; ends only if once is enough.
async fn demonstrate(
    settings: &Settings,
    fleet: &mut Fleet,
    handle: &Handle,
    http: SocketAddr,
    token: &Token,
) -> Result<(), Box<dyn Error>> {
    if let Some(devices) = settings.demo {
        let told = demo::tell(devices, fleet, handle).await;
        if settings.once {
            told?;
            return demo::check_http(http, token).await;
        }
        if let Err(error) = told {
            tracing::error!(event = "demo.failed", reason = %error);
        }
    }
    support::say!("  Ctrl-C stops.");
    std::future::pending().await
}

/// Starts the server; of the default addresses a family that the machine lacks is left out.
async fn start(settings: &Settings, models: Arc<Models>) -> Result<Server, Box<dyn Error>> {
    let mut config = Config::default();
    config.coap.clone_from(&settings.coap);
    settings.security.apply(&mut config);
    for (addresses, is_default) in [
        (&mut config.coap, settings.coap_is_default),
        (&mut config.coaps, settings.security.coaps_is_default),
    ] {
        if is_default {
            addresses.retain(had);
        }
    }
    // Who reaches a loopback listener is on this machine: reasons may go over the wire.
    config.stack.explain_to_strangers =
        config.coap.iter().all(|address| address.ip().is_loopback());
    // The memory store ends with the process, so a second copy of each registration would keep nothing.
    config.registry.keep = false;
    match Server::start(config, MemoryStore::new(), models).await {
        Err(lwm2m_server::StartError::Bind {
            address, source, ..
        }) => {
            let secured = settings.security.coaps.contains(&address);
            let flag = if secured { "--coaps" } else { "--coap" };
            Err(bind_error(flag, address, &source))
        }
        Err(lwm2m_server::StartError::SecurityFile(error)) => {
            Err(format!("--security {error}").into())
        }
        other => Ok(other?),
    }
}

/// Whether this machine has the address.
fn had(address: &SocketAddr) -> bool {
    let had = std::net::UdpSocket::bind(SocketAddr::new(address.ip(), 0)).is_ok();
    if !had {
        tracing::info!(event = "listener.left_out", %address, reason = "this machine does not have the address");
    }
    had
}

fn bind_error(flag: &str, address: SocketAddr, error: &io::Error) -> Box<dyn Error> {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program listens there: stop it, or choose another port (port 0 takes a free one)"
        }
        io::ErrorKind::AddrNotAvailable => "; no interface of this machine has this address",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges",
        _ => "",
    };
    format!("{flag} {address}: {error}{hint}").into()
}

/// Says what runs where.
fn announce(info: &ServerInfo, http: SocketAddr, token: Option<&str>) {
    support::say!("  {:<10} URL", "role");
    for endpoint in &info.endpoints {
        support::say!("  {:<10} {endpoint}", "server");
    }
    support::say!("  {:<10} http://{http}/", "page");
    support::say!(
        "  {:<10} http://{http}/api/v1 (http://{http}/openapi.json)",
        "API"
    );
    if let Some(token) = token {
        support::say!(
            "  {:<10} {token}   (new at each start; LWM2M_ADMIN_TOKEN keeps one)",
            "token"
        );
    }
    for (mode, off) in info.security.modes() {
        match off {
            None if mode == "nosec" => {
                let who = match info.security.nosec {
                    NoSecPolicy::Open => "every device without a record",
                    _ => "devices whose record says so",
                };
                support::say!("  {mode:<10} on: {who}");
            }
            None => support::say!("  {mode:<10} on"),
            Some(why) => support::say!("  {mode:<10} off: {why} ({})", flags_of(mode)),
        }
    }
    if let Some(key) = &info.security.public_key {
        identity(key);
    }
    let open = info
        .addresses
        .iter()
        .zip(&info.endpoints)
        .filter(|(address, uri)| uri.starts_with("coap://") && !address.ip().is_loopback());
    for (address, _) in open {
        support::say!(
            "  !! {address} takes devices without security: anybody who reaches it can register"
        );
    }
}

/// The server's public key in every form in which devices and tools want it; the private one is never told.
fn identity(spki: &[u8]) {
    let Ok(key) = PublicKey::from_spki(spki) else {
        return;
    };
    support::say!(
        "  {:<10} the server's public key ({})",
        "identity",
        key.algorithm()
    );
    support::say!("  {:<10} {}", "  hex", key.to_hex());
    support::say!("  {:<10} {}", "  base64", key.to_base64());
    if let Some((x, y)) = key.to_xy_hex() {
        support::say!("  {:<10} {x}", "  x");
        support::say!("  {:<10} {y}", "  y");
    }
    for line in key.to_pem().lines() {
        support::say!("  {:<10} {line}", "");
    }
}
