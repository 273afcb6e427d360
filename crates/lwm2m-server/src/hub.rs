use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;

use crate::{Cid, EventKind, ServerEvent};

/// The last events, numbered, for any number of readers at their own speed.
#[derive(Debug)]
pub(crate) struct Hub {
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
}

#[derive(Debug)]
struct Ring {
    events: VecDeque<Arc<ServerEvent>>,
    capacity: usize,
    /// What the events take, and may take.
    memory: usize,
    max_memory: usize,
    next: u64,
}

impl Hub {
    /// Numbers go on from the clock, so that a reader that comes back after a restart is not taken
    /// for one that has already seen what comes.
    pub(crate) fn new(capacity: usize, max_memory: usize) -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let millis = since_epoch.map_or(0, |time| time.as_millis());
        let next = u64::try_from(millis)
            .unwrap_or_default()
            .saturating_mul(1000);
        Self {
            ring: Mutex::new(Ring {
                events: VecDeque::new(),
                capacity: capacity.max(1),
                memory: 0,
                max_memory,
                next,
            }),
            newest: watch::Sender::new(next.saturating_sub(1)),
        }
    }

    pub(crate) fn publish(&self, endpoint: Option<&str>, cid: Option<Cid>, kind: EventKind) {
        let mut ring = self.lock();
        let id = ring.next;
        ring.next = id.saturating_add(1);
        let event = ServerEvent {
            id,
            time: SystemTime::now(),
            cid,
            endpoint: endpoint.map(str::to_owned),
            kind,
        };
        ring.memory = ring.memory.saturating_add(event.memory());
        while ring.events.len() >= ring.capacity || ring.memory > ring.max_memory {
            let Some(oldest) = ring.events.pop_front() else {
                break;
            };
            ring.memory = ring.memory.saturating_sub(oldest.memory());
        }
        ring.events.push_back(Arc::new(event));
        drop(ring);
        self.newest.send_replace(id);
    }

    /// Events after number `since`; without one, only those to come.
    pub(crate) fn subscribe(self: &Arc<Self>, since: Option<u64>) -> EventStream {
        let next = match since {
            Some(since) => since.saturating_add(1),
            None => self.lock().next,
        };
        EventStream {
            newest: self.newest.subscribe(),
            hub: Arc::clone(self),
            next,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader of the server's events. Readers do not hold each other or the server up: who is slower
/// than the ring is long is told what it missed.
#[derive(Debug)]
pub struct EventStream {
    hub: Arc<Hub>,
    newest: watch::Receiver<u64>,
    next: u64,
}

/// What an [`EventStream`] yields.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StreamItem {
    /// The next event.
    Event(Arc<ServerEvent>),
    /// Events `from` to `to`, both included, are no longer kept.
    #[non_exhaustive]
    Lagged {
        /// The first one missed.
        from: u64,
        /// The last one missed.
        to: u64,
    },
}

impl EventStream {
    /// The next event, as soon as there is one; `None` when the server is gone.
    ///
    /// Cancel safe: an event that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<StreamItem> {
        loop {
            self.newest.borrow_and_update();
            if let Some(item) = self.take() {
                return Some(item);
            }
            self.newest.changed().await.ok()?;
        }
    }

    /// The next event if there is one already.
    pub fn take(&mut self) -> Option<StreamItem> {
        let ring = self.hub.lock();
        // A number from the future belongs to another run of the server: start at what is kept.
        let oldest = ring.next - ring.events.len() as u64;
        if self.next > ring.next {
            self.next = oldest;
        }
        if self.next < oldest {
            let from = self.next;
            self.next = oldest;
            return Some(StreamItem::Lagged {
                from,
                to: oldest.saturating_sub(1),
            });
        }
        let index = usize::try_from(self.next - oldest).ok()?;
        let event = ring.events.get(index)?;
        self.next = event.id.saturating_add(1);
        Some(StreamItem::Event(Arc::clone(event)))
    }
}

#[cfg(test)]
mod tests {
    use lwm2m_model::{Node, Resource, Value};

    use super::*;

    fn hub() -> Arc<Hub> {
        Arc::new(Hub::new(3, usize::MAX))
    }

    fn publish(hub: &Hub, times: usize) {
        for _ in 0..times {
            hub.publish(Some("a"), None, EventKind::ShuttingDown);
        }
    }

    fn id(item: Option<StreamItem>) -> Option<u64> {
        match item? {
            StreamItem::Event(event) => Some(event.id),
            StreamItem::Lagged { .. } => None,
        }
    }

    #[test]
    fn a_slow_reader_is_told_what_it_missed() {
        let hub = hub();
        let mut stream = hub.subscribe(None);
        let first = stream.next;
        publish(&hub, 5);
        let Some(StreamItem::Lagged { from, to }) = stream.take() else {
            panic!("two events are gone");
        };
        assert_eq!((from, to), (first, first + 1));
        assert_eq!(id(stream.take()), Some(first + 2));
    }

    #[test]
    fn large_events_make_room_by_the_oldest_ones() {
        let hub = Arc::new(Hub::new(1000, 100_000));
        let notified = |bytes: usize| EventKind::ObservationNotified {
            path: lwm2m_model::path!(3, 0, 0),
            node: Some(Node::Resource(Resource::single(
                0,
                Value::Opaque(vec![0; bytes].into()),
            ))),
            problem: None,
        };
        for n in 0..500 {
            hub.publish(Some("a"), None, notified(n * 37 % 10_000));
            let ring = hub.lock();
            let memory: usize = ring.events.iter().map(|event| event.memory()).sum();
            assert!(memory <= 100_000);
            assert_eq!(ring.memory, memory);
        }
        // The newest is kept however large it is, and is the first to go.
        let mut stream = hub.subscribe(None);
        hub.publish(Some("a"), None, notified(1 << 20));
        assert_eq!(hub.lock().events.len(), 1);
        assert!(id(stream.take()).is_some());
        publish(&hub, 1);
        assert_eq!(hub.lock().events.len(), 1);
        assert!(hub.lock().memory < 1000);
    }

    #[test]
    fn replay_and_numbers_from_another_run() {
        let hub = hub();
        publish(&hub, 2);
        let first = hub.lock().events[0].id;
        assert_eq!(id(hub.subscribe(Some(first)).take()), Some(first + 1));
        assert_eq!(id(hub.subscribe(Some(first + 1)).take()), None);
        assert_eq!(id(hub.subscribe(Some(u64::MAX - 1)).take()), Some(first));
    }
}
