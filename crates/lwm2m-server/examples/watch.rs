//! Runs a server and prints what happens to its devices: `cargo run -p lwm2m-server --example watch`.
use std::sync::Arc;

use lwm2m_model::Models;
use lwm2m_server::{Config, Server, StreamItem};
use lwm2m_store::MemoryStore;

#[tokio::main]
async fn main() -> Result<(), lwm2m_server::StartError> {
    let server = Server::start(
        Config::default(),
        MemoryStore::new(),
        Arc::new(Models::builtin()),
    )
    .await?;
    let handle = server.handle();
    println!("listening on {:?}", handle.info().endpoints);
    let mut events = handle.events(None);
    loop {
        tokio::select! {
            item = events.next() => match item {
                Some(StreamItem::Event(event)) => {
                    println!("{} {}", event.kind.name(), event.endpoint.as_deref().unwrap_or("-"));
                }
                Some(_) => {}
                None => break,
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    server.shutdown().await;
    Ok(())
}
