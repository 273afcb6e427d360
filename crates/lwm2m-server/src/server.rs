use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use lwm2m_model::Models;
use lwm2m_store::Store;
use registry_core::{REGISTRATION_KIND, Registry, partition_of};
use server_stack::ServerStack;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::batch::Listener;
use crate::clock::Clock;
use crate::fleet::{ShardLink, Shared};
use crate::hub::Hub;
use crate::observations::Observations;
use crate::partition::{Effects, Partition, Sink};
use crate::refusals::Refusals;
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
                    counters: Arc::default(),
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
            addresses,
            started_at: SystemTime::now(),
            refusals: Refusals::new(config.refusals_per_second),
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
        let mut tasks = JoinSet::new();
        for (number, (receiver, link)) in receivers.into_iter().zip(&shared.shards).enumerate() {
            let mut stack = config.stack.clone();
            stack.shard = u16::try_from(number).unwrap_or_default();
            stack.partitions = config.partitions.max(1);
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
                    grace: config.shutdown_grace,
                },
            );
            tasks.spawn(shard.run());
        }
        // Set once, here.
        let _ = shared.partitions.set(partitions);
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
    for &address in &config.coap {
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

/// Records read from the store at a time.
const RESTORE_PAGE: usize = 1000;

fn seed() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| StartError::Randomness)?;
    Ok(seed)
}
