//! The console mounted under a path of one's own axum server, beside a route of one's own.
//!
//! ```text
//! cargo run -p lwm2m-console --example mounted
//! ```

use std::{error::Error, sync::Arc};

use axum::{Router, response::Redirect, routing::get};
use lwm2m_console::{ConsoleConfig, ServeLimits, Token, router, serve};
use lwm2m_model::Models;
use lwm2m_server::{Config, Server};
use lwm2m_store::MemoryStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let models = Arc::new(Models::builtin());
    let server = Server::start(Config::default(), MemoryStore::new(), models).await?;
    let handle = server.handle();

    let token = Token::generate()?;
    let console = router(handle.clone(), ConsoleConfig::new(token.clone()));
    let count = move || async move { format!("{} devices\n", handle.info().registrations) };
    let app = Router::new()
        .route("/", get(|| async { Redirect::to("/lwm2m/") }))
        .route("/count", get(count))
        .nest("/lwm2m/", console);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("devices  {}", server.handle().info().endpoints.join("  "));
    println!("page     http://{}/lwm2m/", listener.local_addr()?);
    println!("token    {}", token.reveal());
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    serve(listener, app, ServeLimits::default(), stop).await?;
    server.shutdown().await;
    Ok(())
}
