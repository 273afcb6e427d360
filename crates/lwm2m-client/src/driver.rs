//! The task that pumps the machine: sockets, clock, names.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use device_core::{Attempt, Event, ServerId};
use device_stack::{DeviceStack, Effect, Outgoing};
use sansio::DatagramBuf;
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
    time::Instant,
};

use crate::client::Shared;

/// Starts the task of a client.
pub(crate) fn spawn(shared: Arc<Shared>) -> (Arc<Shared>, AbortHandle) {
    let (resolved, names) = mpsc::channel(16);
    let driver = Driver {
        shared: Arc::clone(&shared),
        failures: BTreeMap::new(),
        resolved,
        names,
    };
    let task = tokio::spawn(driver.run());
    (shared, task.abort_handle())
}

struct Driver {
    shared: Arc<Shared>,
    /// How often registering with a server has failed: a name with several addresses gets another one each time.
    failures: BTreeMap<ServerId, usize>,
    resolved: mpsc::Sender<(ServerId, Option<SocketAddr>)>,
    names: mpsc::Receiver<(ServerId, Option<SocketAddr>)>,
}

impl Driver {
    async fn run(mut self) {
        let mut v4 = vec![0; MAX_DATAGRAM];
        let mut v6 = vec![0; MAX_DATAGRAM];
        let mut stopped = self.shared.stopped.subscribe();
        loop {
            self.shared.tell_time_of_day();
            let deadline = self.drain().await;
            let shared = Arc::clone(&self.shared);
            tokio::select! {
                (received, from_v4) = shared.sockets.receive(&mut v4, &mut v6) => match received {
                    Ok(received) => {
                        let bytes = if from_v4 { &mut v4 } else { &mut v6 };
                        let bytes = bytes.get_mut(..received.len).unwrap_or_default();
                        tracing::trace!(from = %received.from, len = received.len, "datagram");
                        let now = shared.now();
                        let local = received.local_endpoint;
                        shared.lock().handle_datagram(now, local, received.from, bytes);
                    }
                    // An error message of the network that belongs to no datagram of ours in particular.
                    Err(error) => {
                        tracing::debug!(%error, "receiving failed");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some((server, address)) = self.names.recv() => {
                    let now = shared.now();
                    shared.lock().handle_resolved(now, server, address);
                }
                () = shared.changed.notified() => {}
                () = sleep_until(deadline) => {
                    let now = shared.now();
                    shared.lock().handle_timeout(now);
                }
                () = until_true(&mut stopped) => return,
            }
        }
    }

    /// Does all that the stack wants, and returns when it wants to be asked again.
    async fn drain(&mut self) -> Option<Instant> {
        loop {
            let datagrams = self.datagrams();
            for (outgoing, bytes) in &datagrams {
                self.send(*outgoing, bytes).await;
            }
            if datagrams.len() >= BATCH {
                continue;
            }
            let (effects, events, deadline) = {
                let mut stack = self.shared.lock();
                let effects: Vec<Effect> = std::iter::from_fn(|| stack.poll_effect()).collect();
                let events: Vec<Event> = std::iter::from_fn(|| stack.poll_event()).collect();
                (effects, events, stack.poll_timeout())
            };
            for event in events {
                match &event {
                    Event::HandshakeFailed {
                        server, failure, ..
                    } => {
                        tracing::warn!(%server, alert = %failure.alert, reason = %failure.reason, "no handshake")
                    }
                    event => tracing::debug!(?event, "event"),
                }
                if let Event::Error {
                    server,
                    operation: Attempt::Register,
                    ..
                } = event
                {
                    let failures = self.failures.entry(server).or_default();
                    *failures = failures.wrapping_add(1);
                }
                self.shared.tell(event);
            }
            for effect in effects {
                self.perform(effect);
            }
            return deadline.map(|deadline| self.shared.moment(deadline));
        }
    }

    fn datagrams(&self) -> Vec<(Outgoing, Vec<u8>)> {
        let mut datagrams = Vec::new();
        let mut memory = [0; MAX_SENT];
        let now = self.shared.now();
        let mut stack = self.shared.lock();
        while datagrams.len() < BATCH {
            let (head, tail) = (DeviceStack::HEADROOM, DeviceStack::TAILROOM);
            let mut out = DatagramBuf::new(&mut memory, head, tail);
            let Some(outgoing) = stack.poll_transmit(now, &mut out) else {
                break;
            };
            datagrams.push((outgoing, out.bytes().to_vec()));
        }
        datagrams
    }

    async fn send(&self, outgoing: Outgoing, bytes: &[u8]) {
        tracing::trace!(to = %outgoing.to, len = bytes.len(), "send");
        if let Err(error) = self.shared.sockets.send(bytes, outgoing.to).await {
            tracing::debug!(to = %outgoing.to, %error, "sending failed");
            let now = self.shared.now();
            self.shared.lock().handle_unreachable(now, outgoing.to);
            // What came of it is drained in the next round.
            self.shared.changed.notify_one();
        }
    }

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Resolve {
                server, host, port, ..
            } => {
                let resolved = self.resolved.clone();
                // The look-up must not keep a client alive that nobody holds any more.
                let shared = Arc::downgrade(&self.shared);
                let failures = self.failures.get(&server).copied().unwrap_or(0);
                tokio::spawn(async move {
                    let address = resolve(shared, &host, port, failures).await;
                    let _ = resolved.send((server, address)).await;
                });
            }
            _ => tracing::debug!(?effect, "an effect that this runtime does not know"),
        }
    }
}

/// Looks a name up, and takes one of the addresses that there is a socket for: the next one after each failure.
async fn resolve(
    shared: Weak<Shared>,
    host: &str,
    port: u16,
    failures: usize,
) -> Option<SocketAddr> {
    let found = tokio::time::timeout(RESOLVE, tokio::net::lookup_host((host, port))).await;
    let addresses = match found {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => {
            tracing::debug!(host, %error, "look-up failed");
            return None;
        }
        Err(_) => {
            tracing::debug!(host, "look-up takes too long");
            return None;
        }
    };
    let shared = shared.upgrade()?;
    let mut usable: Vec<SocketAddr> = Vec::new();
    for address in addresses.filter(|address| shared.sockets.speaks(*address)) {
        // The system may tell one twice.
        if !usable.contains(&address) {
            usable.push(address);
        }
    }
    let next = failures.checked_rem(usable.len())?;
    usable.get(next).copied()
}

async fn until_true(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|flag| *flag).await;
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The largest UDP payload.
const MAX_DATAGRAM: usize = 65_535;
/// No datagram of a device is larger than a datagram should be.
const MAX_SENT: usize = 2048;
/// Datagrams that are sent between two looks at the machine.
const BATCH: usize = 32;
const RESOLVE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);
