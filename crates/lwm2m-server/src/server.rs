use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

use dtls_core::{ConnectionIdPolicy, Resumptions};
use lwm2m_model::Models;
use lwm2m_store::Store;
use registry_core::{REGISTRATION_KIND, Registry, partition_of};
use server_stack::ServerStack;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::batch::Listener;
use crate::clock::Clock;
use crate::fleet::{ShardLink, Shared};
use crate::handle::SecurityInfo;
use crate::hub::Hub;
use crate::observations::Observations;
use crate::partition::{Effects, Partition, Sink};
use crate::refusals::Refusals;
use crate::reload::Watched;
use crate::resumptions::SharedResumptions;
use crate::security::{Keeper, x509_names};
use crate::sessions::Sessions;
use crate::shard::{Command, Fleet, Shard, Surroundings};
use crate::{Config, EventKind, Handle, socket};

/// A running LwM2M server: sockets, shards and timers. Dropping it stops it at once.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    shards: JoinSet<()>,
    /// Timers of the partitions; aborted with the server.
    _timers: JoinSet<()>,
}

/// Datagrams for another shard that wait there; more are lost, as on the way.
pub(crate) const MAX_FORWARDED: u64 = 256;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    #[non_exhaustive]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// There is no address to listen on.
    #[error("no address to listen on")]
    NoAddress,
    /// The system has no randomness.
    #[error("the system gives no randomness")]
    Randomness,
    /// The store cannot be read.
    #[error("the store cannot be read")]
    Store,
    /// The server's own key cannot be used.
    #[error("the server's own key cannot be used: {0}")]
    Credentials(#[from] dtls_ecdsa::CredentialError),
    /// The security file cannot be taken over.
    #[error("{0}")]
    SecurityFile(String),
}

impl Server {
    /// Binds the addresses of `config` and starts to serve, with registrations kept in `store` and
    /// values understood by `models`. Must be called in a tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// [`StartError`], and nothing runs.
    pub async fn start<S>(config: Config, store: S, models: Arc<Models>) -> Result<Self, StartError>
    where
        S: Store + Clone + 'static,
    {
        let clock = Clock::start();
        let keeper = Keeper::new(
            Arc::new(store.clone()),
            config.security.credentials.clone(),
            config.security.anchors.clone(),
        );
        let suites = keeper.suites()?;
        let watched = config.security.file.clone().map(Watched::open);
        let watched = watched.transpose().map_err(StartError::SecurityFile)?;
        let (addresses, mut sockets) = bind(&config)?;
        let shards = sockets.len();
        let mut receivers = Vec::new();
        let links: Vec<ShardLink> = (0..shards)
            .map(|_| {
                let (commands, receiver) = mpsc::unbounded_channel();
                receivers.push(receiver);
                ShardLink {
                    commands,
                    waiting: AtomicU64::new(0),
                    forwarded: AtomicU64::new(0),
                    counters: Arc::default(),
                    dtls_counters: Arc::default(),
                }
            })
            .collect();
        let shared = Arc::new_cyclic(|this| Shared {
            hub: Arc::new(Hub::new(config.events, config.event_bytes)),
            models,
            observations: Observations::new(config.observed_bytes),
            shards: links,
            partitions: OnceLock::new(),
            clock,
            secured: addresses.len().saturating_sub(config.coaps.len()),
            security: Mutex::new(SecurityInfo::of(&config)),
            sessions: Sessions::default(),
            addresses,
            keeper,
            started_at: SystemTime::now(),
            refusals: Refusals::new(config.refusals_per_second),
            failures: Refusals::new(config.refusals_per_second),
            call_queue: u64::try_from(config.call_queue).unwrap_or(u64::MAX),
            stopping: AtomicBool::new(false),
            next_call: AtomicU64::new(0),
            this: this.clone(),
        });
        let partitions = partitions(&config, &store, &shared).await?;
        let mut timers = JoinSet::new();
        for partition in &partitions {
            timers.spawn(Arc::clone(partition).keep_time());
        }
        let dtls = &config.security.dtls;
        let resumptions: Option<Arc<dyn Resumptions>> =
            (dtls.resumptions > 0).then(|| Arc::new(SharedResumptions::new(dtls)) as _);
        let mut tasks = JoinSet::new();
        for (number, (receiver, link)) in receivers.into_iter().zip(&shared.shards).enumerate() {
            let mut stack = config.stack.clone();
            stack.shard = u16::try_from(number).unwrap_or_default();
            stack.partitions = config.partitions.max(1);
            let plain = u16::try_from(shared.secured).unwrap_or(u16::MAX);
            let all = u16::try_from(shared.addresses.len()).unwrap_or(u16::MAX);
            let mut prefix = 0;
            if plain < all {
                let security = &config.security;
                let mut secured =
                    server_stack::Security::new((plain..all).collect(), suites.clone());
                secured.dtls = security.dtls.clone();
                secured.resumptions.clone_from(&resumptions);
                secured.x509_names = x509_names;
                secured.sessions_per_identity = security.sessions_per_identity;
                let mark = mark(stack.shard, shards);
                secured.dtls.connection_id = match security.connection_id {
                    0 => ConnectionIdPolicy::Off,
                    len => {
                        prefix = mark.len();
                        ConnectionIdPolicy::receive(len.max(4), &mark)
                    }
                };
                stack.security = Some(secured);
            }
            let own = stack.shard;
            let fleet: Arc<dyn Fleet> = Arc::new(Arc::downgrade(&shared));
            let shard = Shard::new(
                ServerStack::new(stack, seed()?, clock.now()),
                sockets.pop().unwrap_or_default(),
                receiver,
                Surroundings {
                    partitions: partitions.clone(),
                    fleet,
                    clock,
                    counters: Arc::clone(&link.counters),
                    dtls_counters: Arc::clone(&link.dtls_counters),
                    grace: config.shutdown_grace,
                    shard: own,
                    secured: plain,
                    prefix,
                },
            );
            tasks.spawn(shard.run());
        }
        // Set once, here.
        let _ = shared.partitions.set(partitions);
        if let Some(watched) = watched {
            let warnings = shared
                .change_security(watched.changes())
                .await
                .map_err(|error| StartError::SecurityFile(error.to_string()))?;
            for warning in warnings {
                tracing::warn!(event = "security.warning", reason = %warning);
            }
            let interval = config.security.file_interval;
            timers.spawn(watched.watch(Arc::downgrade(&shared), interval));
        }
        Ok(Self {
            shared,
            shards: tasks,
            _timers: timers,
        })
    }

    /// Access for any number of tasks.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.shared))
    }

    /// Takes no new calls, answers what is under way within the grace time, and stops.
    pub async fn shutdown(mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.shared.hub.publish(None, None, EventKind::ShuttingDown);
        for shard in &self.shared.shards {
            let _ = shard.commands.send(Command::Stop);
        }
        while self.shards.join_next().await.is_some() {}
    }
}

/// The addresses listened on, and per shard one socket for each.
type Bound = (Vec<SocketAddr>, Vec<Vec<Listener>>);

fn bind(config: &Config) -> Result<Bound, StartError> {
    let wanted = config.shards.max(1);
    let mut addresses = Vec::new();
    let mut sockets: Vec<Vec<_>> = (0..wanted).map(|_| Vec::new()).collect();
    for &address in config.coap.iter().chain(&config.coaps) {
        let failed = |source| StartError::Bind { address, source };
        let bound = socket::bind(address, wanted).map_err(failed)?;
        if let Some(first) = bound.first() {
            addresses.push(first.local_addr().map_err(failed)?);
        }
        sockets.truncate(bound.len());
        for (shard, socket) in sockets.iter_mut().zip(bound) {
            shard.push(socket);
        }
    }
    if addresses.is_empty() {
        return Err(StartError::NoAddress);
    }
    Ok((addresses, sockets))
}

async fn partitions<S>(
    config: &Config,
    store: &S,
    shared: &Arc<Shared>,
) -> Result<Vec<Arc<Partition>>, StartError>
where
    S: Store + Clone + 'static,
{
    let effects: Arc<dyn Effects> = Arc::new(store.clone());
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let now = shared.clock.now();
    let count = config.partitions.max(1);
    let mut registries = Vec::new();
    for number in 0..count {
        let mut registry = Registry::new(config.registry.clone(), number, seed()?, now);
        registry.set_clock(now, since_epoch);
        registries.push(registry);
    }
    restore(store, &mut registries, now).await?;
    Ok(registries
        .into_iter()
        .map(|registry| {
            let sink: Arc<dyn Sink> = Arc::new(Arc::downgrade(shared));
            let effects = Arc::clone(&effects);
            Arc::new(Partition::new(registry, effects, shared.clock, sink))
        })
        .collect())
}

/// Gives each partition the registrations that the store has for it.
async fn restore<S: Store>(
    store: &S,
    registries: &mut [Registry],
    now: sansio::Instant,
) -> Result<(), StartError> {
    let count = u16::try_from(registries.len()).unwrap_or(u16::MAX);
    let mut after: Option<bytes::Bytes> = None;
    loop {
        let page = store
            .scan(REGISTRATION_KIND, &[], after.as_deref(), RESTORE_PAGE)
            .await
            .map_err(|_| StartError::Store)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.key.key.clone());
        for record in page {
            let endpoint = String::from_utf8_lossy(&record.key.key).into_owned();
            let partition = usize::from(partition_of(&endpoint, count));
            let Some(registry) = registries.get_mut(partition) else {
                continue;
            };
            if let Err(error) = registry.restore(now, record) {
                tracing::warn!(event = "registration.unreadable", ep = endpoint, reason = %error);
            }
        }
    }
}

/// How the connection ids of a shard begin.
fn mark(shard: u16, shards: usize) -> Vec<u8> {
    let [high, low] = shard.to_be_bytes();
    match shards {
        0..=256 => vec![low],
        _ => vec![high, low],
    }
}

/// Records read from the store at a time.
const RESTORE_PAGE: usize = 1000;

fn seed() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| StartError::Randomness)?;
    Ok(seed)
}
