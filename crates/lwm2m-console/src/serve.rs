use core::future::Future;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};

/// What [`serve`] allows its connections.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServeLimits {
    /// Connections open at once; one more waits in the system's queue. Default 1024.
    pub max_connections: usize,
    /// How long the head of a request may take, also the first one; then the connection is closed. Default 10 seconds.
    pub header_timeout: Duration,
    /// How long open requests may go on once the server is to stop. Default 5 seconds.
    pub grace: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            header_timeout: Duration::from_secs(10),
            grace: Duration::from_secs(5),
        }
    }
}

/// Serves a router over HTTP/1.1 until `stop` completes, then lets open requests finish for the grace time.
///
/// Beyond what `axum::serve` does, a connection that does not send the head of its request in time is closed and the number of
/// connections is limited, so that idle half-requests cannot pile up; and handlers learn the caller's address
/// ([`ConnectInfo`]), which the console uses to slow down guesses at the token.
///
/// # Errors
/// Only what the listener returns when its address is asked for; a failed `accept` is logged and tried again.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ServeLimits,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.local_addr()?;
    let slots = Arc::new(Semaphore::new(
        limits.max_connections.clamp(1, Semaphore::MAX_PERMITS),
    ));
    let (stopping, stopped) = watch::channel(());
    let mut stop = core::pin::pin!(stop);
    loop {
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, stopped) = (router.clone(), stopped.clone());
                tokio::spawn(async move {
                    connection(stream, peer, router, limits, stopped).await;
                    drop(slot);
                });
            }
            Err(error) => {
                // Out of file descriptors, or a peer that left again: neither ends the server.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop((listener, stopped));
    stopping.send_replace(());
    // Every connection holds a receiver until it is done.
    let _ = tokio::time::timeout(limits.grace, stopping.closed()).await;
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: ServeLimits,
    mut stopped: watch::Receiver<()>,
) {
    // A small answer goes out at once.
    let _ = stream.set_nodelay(true);
    let router = router.layer(axum::Extension(ConnectInfo(peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = core::pin::pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(limits.grace, connection).await {
                Ok(result) => result,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

/// The head of a request, and what is read at once of its body.
const MAX_HEAD: usize = 64 * 1024;
