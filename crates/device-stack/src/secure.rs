//! DTLS as far as the stack holds it: the endpoint, and what is known of each server's session.

use alloc::{boxed::Box, sync::Arc};
use core::net::SocketAddr;

use dtls_core::{Config, Endpoint, Path, Resumption, Suites};
use sansio::{Instant, Peer, Rng};

/// The DTLS endpoint, made when it is needed first.
#[derive(Debug)]
pub(crate) struct Secure {
    config: Config,
    rng: Rng,
    wall_clock: u64,
    endpoint: Option<Box<Endpoint>>,
}

impl Secure {
    pub(crate) const fn new(config: Config, rng: Rng) -> Self {
        Self {
            config,
            rng,
            wall_clock: 0,
            endpoint: None,
        }
    }

    pub(crate) fn get(&self) -> Option<&Endpoint> {
        self.endpoint.as_deref()
    }

    pub(crate) fn get_mut(&mut self) -> Option<&mut Endpoint> {
        self.endpoint.as_deref_mut()
    }

    pub(crate) fn get_or_make(&mut self, now: Instant) -> &mut Endpoint {
        let (config, rng, wall_clock) = (&self.config, &mut self.rng, self.wall_clock);
        self.endpoint.get_or_insert_with(|| {
            let rng = Rng::from_seed(rng.seed());
            let mut endpoint = Endpoint::new(now, config.clone(), None, rng);
            endpoint.handle_wall_clock(wall_clock);
            Box::new(endpoint)
        })
    }

    pub(crate) fn handle_wall_clock(&mut self, unix_seconds: u64) {
        self.wall_clock = unix_seconds;
        if let Some(endpoint) = &mut self.endpoint {
            endpoint.handle_wall_clock(unix_seconds);
        }
    }
}

/// What is known of the session with a server.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The suites of the account, once they were needed.
    pub(crate) suites: Option<Arc<dyn Suites>>,
    /// The session that stands.
    pub(crate) open: Option<Peer>,
    /// The server did not answer in it: it may have forgotten it, so the next operation begins with a handshake.
    pub(crate) stale: bool,
    /// The handshake under way.
    pub(crate) handshake: Option<Peer>,
    /// How often the handshake was tried again, and when that is due.
    pub(crate) retries: u8,
    pub(crate) retry_at: Option<Instant>,
    /// To go on with the last session.
    pub(crate) resumption: Option<Resumption>,
}

impl Session {
    /// Whether operations can be sent in it.
    pub(crate) const fn is_ready(&self) -> bool {
        self.open.is_some() && !self.stale
    }
}

/// The socket is no part of what names a session here: a server is at one address, whichever socket hears it.
pub(crate) const fn path(address: SocketAddr) -> Path {
    Path {
        local_endpoint: 0,
        address,
    }
}
