use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use lwm2m_store::Store;
use registry_core::{Effect, EffectResult, Op, Outcome, Registry};
use sansio::{Instant, Ticket};
use tokio::sync::Notify;

use crate::clock::Clock;

/// One partition of the registry behind its short lock, with its store and its timer.
///
/// The lock is never held across a store effect: an effect that is done at once goes back in, one
/// that takes time goes on as a task and its outcome finds the shard by the ticket.
pub(crate) struct Partition {
    registry: Mutex<Registry>,
    store: Arc<dyn Effects>,
    clock: Clock,
    /// Wakes the timer task when the next deadline came nearer.
    sooner: Notify,
    sink: Arc<dyn Sink>,
}

/// What a partition tells the rest of the server. Called without the partition's lock.
pub(crate) trait Sink: Send + Sync {
    /// An outcome for the shard that issued its ticket.
    fn outcome(&self, outcome: Outcome);
    /// Something happened in the registry, because of the request with this ticket if one is known.
    fn event(&self, event: registry_core::Event, cause: Option<Ticket>);
}

/// A store of any kind, its futures boxed.
pub(crate) trait Effects: Send + Sync {
    fn run(&self, effect: Effect) -> Running;
}

pub(crate) type Running = Pin<Box<dyn Future<Output = (Ticket, EffectResult)> + Send>>;

impl<S: Store + Clone + 'static> Effects for S {
    fn run(&self, effect: Effect) -> Running {
        let store = self.clone();
        Box::pin(async move {
            match effect {
                Effect::Load { ticket, key } => {
                    (ticket, EffectResult::Loaded(store.load(&key).await))
                }
                Effect::Commit { ticket, batch } => {
                    (ticket, EffectResult::Committed(store.commit(batch).await))
                }
            }
        })
    }
}

impl Partition {
    pub(crate) fn new(
        registry: Registry,
        store: Arc<dyn Effects>,
        clock: Clock,
        sink: Arc<dyn Sink>,
    ) -> Self {
        Self {
            registry: Mutex::new(registry),
            store,
            clock,
            sooner: Notify::new(),
            sink,
        }
    }

    /// Runs `op`. Its outcome reaches the listener, at once or when the store has answered.
    pub(crate) fn run(self: &Arc<Self>, now: Instant, ticket: Ticket, op: Op) {
        self.with(|registry| registry.handle(now, ticket, op));
    }

    /// Changes something and carries out what follows from it.
    pub(crate) fn with<R>(self: &Arc<Self>, work: impl FnOnce(&mut Registry) -> R) -> R {
        let mut registry = self.lock();
        let before = registry.poll_timeout();
        let result = work(&mut registry);
        self.settle(registry, before);
        result
    }

    /// Looks something up.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&Registry) -> R) -> R {
        look(&self.lock())
    }

    /// Drives the partition's deadlines until the server is dropped.
    pub(crate) async fn keep_time(self: Arc<Self>) {
        loop {
            let deadline = self.lock().poll_timeout();
            match deadline {
                Some(deadline) => {
                    let until = self.clock.at(deadline);
                    tokio::select! {
                        () = tokio::time::sleep_until(until) => {}
                        () = self.sooner.notified() => {}
                    }
                }
                None => self.sooner.notified().await,
            }
            let now = self.clock.now();
            self.with(|registry| registry.handle_timeout(now));
        }
    }

    /// Carries out what the registry wants until it wants nothing that is not under way, then tells.
    fn settle<'a>(
        self: &'a Arc<Self>,
        mut registry: MutexGuard<'a, Registry>,
        before: Option<Instant>,
    ) {
        let mut outcomes = Vec::new();
        let mut events = Vec::new();
        loop {
            while let Some(outcome) = registry.poll_outcome() {
                outcomes.push(outcome);
            }
            while let Some(event) = registry.poll_event() {
                events.push(event);
            }
            let Some(effect) = registry.poll_effect() else {
                break;
            };
            drop(registry);
            let mut running = self.store.run(effect);
            let at_once = running
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            match at_once {
                Poll::Ready((ticket, result)) => {
                    registry = self.lock();
                    registry.handle_effect(self.clock.now(), ticket, result);
                }
                Poll::Pending => {
                    let partition = Arc::clone(self);
                    tokio::spawn(async move {
                        let (ticket, result) = running.await;
                        let now = partition.clock.now();
                        partition.with(|registry| registry.handle_effect(now, ticket, result));
                    });
                    registry = self.lock();
                }
            }
        }
        let after = registry.poll_timeout();
        drop(registry);
        if after.is_some() && (before.is_none() || after < before) {
            self.sooner.notify_one();
        }
        let cause = match outcomes.as_slice() {
            [outcome] => Some(outcome.ticket),
            _ => None,
        };
        for outcome in outcomes {
            self.sink.outcome(outcome);
        }
        for event in events {
            self.sink.event(event, cause);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partition").finish_non_exhaustive()
    }
}
