//! The handle of a running client.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use device_core::{Attempt, Event, LifeError, Object, ObjectError, ServerId, Status, TreeError};
use device_stack::DeviceStack;
use lwm2m_model::{Instance, Node, Path, Value};
use lwm2m_ops::{Lifetime, Location};
use sansio::Instant;
use tokio::{
    sync::{Notify, broadcast, watch},
    task::AbortHandle,
};

use crate::{ClientBuilder, ClientError, Events, sockets::Sockets};

/// A running LwM2M client.
///
/// Cheap to clone: all clones are the same client. It runs until [`stop`](Self::stop), or until the last clone is
/// dropped; then it falls silent without a word to its servers.
///
/// The methods that wait can be dropped at any time: the operation goes on, and its end is told by
/// [`events`](Self::events).
#[derive(Clone, Debug)]
pub struct Client {
    running: Arc<Running>,
}

#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the handles and the task have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    stack: Mutex<DeviceStack>,
    /// The stack has changed: the task has to look.
    pub(crate) changed: Notify,
    /// `None` once the client was stopped, so that readers see the end.
    events: Mutex<Option<broadcast::Sender<Event>>>,
    pub(crate) sockets: Sockets,
    pub(crate) stopped: watch::Sender<bool>,
    epoch: tokio::time::Instant,
    stop_timeout: Duration,
}

/// A registration, as [`Client::register`] and [`Client::registered`] report it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Registered {
    /// With which server.
    pub server: ServerId,
    /// Where the server keeps it.
    pub location: Location,
}

impl Client {
    /// Begins to describe a client.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    pub(crate) fn new((shared, task): (Arc<Shared>, AbortHandle)) -> Self {
        Self {
            running: Arc::new(Running { shared, task }),
        }
    }

    fn shared(&self) -> &Shared {
        &self.running.shared
    }

    /// The events from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        let events = self
            .shared()
            .events
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Events::new(match &*events {
            Some(events) => events.subscribe(),
            // Stopped: a stream that has ended.
            None => broadcast::Sender::new(1).subscribe(),
        })
    }

    /// The servers of the client.
    #[must_use]
    pub fn servers(&self) -> Vec<ServerId> {
        let stack = self.shared().lock();
        stack
            .device()
            .servers()
            .map(|account| account.server)
            .collect()
    }

    /// How the client stands with a server; `None` for a server that it does not know.
    #[must_use]
    pub fn status(&self, server: ServerId) -> Option<Status> {
        self.shared().lock().device().status(server)
    }

    /// The addresses that the client sends from.
    #[must_use]
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.shared().sockets.local_addresses()
    }

    /// The value at a path, also of what no server can read.
    #[must_use]
    pub fn get(&self, path: &Path) -> Option<Node> {
        self.shared().lock().device().tree().node(path)
    }

    /// The ids of the objects, each with those of its instances.
    #[must_use]
    pub fn objects(&self) -> Vec<(u16, Vec<u16>)> {
        let stack = self.shared().lock();
        let objects = stack.device().tree().iter();
        objects
            .map(|object| (object.definition().id(), object.instances()))
            .collect()
    }

    /// Runs `look` on an object, for example to see its definition.
    pub fn with_object<T>(&self, id: u16, look: impl FnOnce(&dyn Object) -> T) -> Option<T> {
        self.shared().lock().device().tree().object(id).map(look)
    }

    /// Sets the value of a resource or of a resource instance, also of a read-only one. Servers that observe it are
    /// told.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] for a path that leads nowhere, [`ObjectError::BadValue`] for a value of the wrong type
    /// or out of range, and what the object says.
    pub fn set(&self, path: &Path, value: impl Into<Value>) -> Result<(), ObjectError> {
        self.shared()
            .change(|stack| stack.device_mut().set(path, value))
    }

    /// Sets all values of a multiple resource.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_multiple(&self, path: &Path, values: Vec<(u16, Value)>) -> Result<(), ObjectError> {
        self.shared()
            .change(|stack| stack.device_mut().set_multiple(path, values))
    }

    /// Takes an optional resource, or a resource instance, away.
    ///
    /// # Errors
    /// [`ObjectError::NotAllowed`] for a mandatory resource, and what the object says.
    pub fn unset(&self, path: &Path) -> Result<(), ObjectError> {
        self.shared().change(|stack| stack.device_mut().unset(path))
    }

    /// Says that an object changed values at or below `path` by its own means.
    pub fn touch(&self, path: Path) {
        self.shared().change(|stack| stack.device_mut().touch(path));
    }

    /// Adds an object. Servers are told by an Update.
    ///
    /// # Errors
    /// [`TreeError`].
    pub fn add_object(&self, object: impl Object + 'static) -> Result<(), TreeError> {
        self.shared()
            .change(|stack| stack.device_mut().add_object(object))
    }

    /// Removes an object and returns it. Servers are told by an Update.
    pub fn remove_object(&self, id: u16) -> Option<Box<dyn Object>> {
        self.shared()
            .change(|stack| stack.device_mut().remove_object(id))
    }

    /// Adds an instance to an object. Servers are told by an Update.
    ///
    /// # Errors
    /// [`ObjectError`], as the object decides.
    pub fn add_instance(&self, object: u16, instance: Instance) -> Result<(), ObjectError> {
        self.shared()
            .change(|stack| stack.device_mut().add_instance(object, instance))
    }

    /// Removes an instance of an object. Servers are told by an Update.
    ///
    /// # Errors
    /// [`ObjectError`], as the object decides.
    pub fn remove_instance(&self, object: u16, instance: u16) -> Result<(), ObjectError> {
        self.shared()
            .change(|stack| stack.device_mut().remove_instance(object, instance))
    }

    /// Waits until the client is registered with a server; returns at once if it is.
    ///
    /// # Errors
    /// [`ClientError::Stopped`], and [`LifeError::UnknownServer`].
    pub async fn registered(&self, server: ServerId) -> Result<Registered, ClientError> {
        let mut events = self.events();
        loop {
            match self.status(server) {
                None => return Err(LifeError::UnknownServer.into()),
                Some(Status::Registered { location, .. }) => {
                    return Ok(Registered { server, location });
                }
                Some(_) => {}
            }
            events.next().await.ok_or(ClientError::Stopped)?;
        }
    }

    /// Registers with a server now, and waits for its answer. Also when the client is registered already.
    ///
    /// # Errors
    /// [`ClientError::Failed`] when the first attempt fails; the client goes on trying.
    pub async fn register(&self, server: ServerId) -> Result<Registered, ClientError> {
        let mut events = self.events();
        let now = self.shared().now();
        self.shared()
            .change(|stack| stack.device_mut().register(now, server))?;
        loop {
            match events.next().await.ok_or(ClientError::Stopped)? {
                Event::Registered {
                    server: who,
                    location,
                    ..
                } if who == server => return Ok(Registered { server, location }),
                Event::Error {
                    server: who,
                    operation: Attempt::Register,
                    reason,
                    ..
                } if who == server => return Err(ClientError::Failed(reason)),
                Event::Unregistered { server: who, .. } if who == server => {
                    return Err(ClientError::Superseded);
                }
                _ => {}
            }
        }
    }

    /// Sends an Update now, with a new lifetime if one is given, and waits for the answer.
    ///
    /// # Errors
    /// [`ClientError::Failed`] when the server does not take it; the client then registers anew by itself.
    pub async fn update(
        &self,
        server: ServerId,
        lifetime: Option<Lifetime>,
    ) -> Result<(), ClientError> {
        let mut events = self.events();
        self.shared()
            .change(|stack| stack.device_mut().update(server, lifetime))?;
        loop {
            match events.next().await.ok_or(ClientError::Stopped)? {
                Event::Updated { server: who, .. } if who == server => return Ok(()),
                Event::Error {
                    server: who,
                    operation: Attempt::Update,
                    reason,
                    ..
                } if who == server => return Err(ClientError::Failed(reason)),
                Event::Unregistered { server: who, .. } | Event::Registered { server: who, .. }
                    if who == server =>
                {
                    return Err(ClientError::Superseded);
                }
                _ => {}
            }
        }
    }

    /// De-registers from a server, or from the only one, and waits for the answer.
    ///
    /// # Errors
    /// [`ClientError::Failed`] when the server did not confirm it; the client counts itself as gone all the same.
    /// [`LifeError::Ambiguous`] for `None` when there are several servers.
    pub async fn deregister(&self, server: Option<ServerId>) -> Result<(), ClientError> {
        let mut events = self.events();
        let server = self
            .shared()
            .change(|stack| stack.device_mut().deregister(server))?;
        let mut failed = None;
        loop {
            match events.next().await.ok_or(ClientError::Stopped)? {
                Event::Error {
                    server: who,
                    operation: Attempt::Deregister,
                    reason,
                    ..
                } if who == server => failed = Some(reason),
                Event::Unregistered { server: who, .. } if who == server => {
                    return failed.map_or(Ok(()), |reason| Err(ClientError::Failed(reason)));
                }
                _ => {}
            }
        }
    }

    /// Falls silent towards a server, and keeps the registration.
    ///
    /// # Errors
    /// [`LifeError::UnknownServer`].
    pub fn disconnect(&self, server: ServerId) -> Result<(), LifeError> {
        self.shared()
            .change(|stack| stack.device_mut().disconnect(server))
    }

    /// Speaks to a server again: by an Update if the registration has not run out, else by a Register.
    ///
    /// # Errors
    /// [`LifeError::UnknownServer`].
    pub fn reconnect(&self, server: ServerId) -> Result<(), LifeError> {
        let now = self.shared().now();
        self.shared()
            .change(|stack| stack.device_mut().reconnect(now, server))
    }

    /// De-registers everywhere, waits a second for the answers (see [`ClientBuilder::stop_timeout`]), and ends the
    /// client, for all its clones.
    pub async fn stop(&self) {
        let mut events = self.events();
        let shared = self.shared();
        let mut leaving = Vec::new();
        for server in self.servers() {
            let left = shared.change(|stack| stack.device_mut().deregister(Some(server)));
            leaving.extend(left.ok());
        }
        let gone = async {
            while !leaving.is_empty() {
                match events.next().await {
                    Some(Event::Unregistered { server, .. }) => {
                        leaving.retain(|waiting| *waiting != server);
                    }
                    Some(_) => {}
                    None => return,
                }
            }
        };
        if tokio::time::timeout(shared.stop_timeout, gone)
            .await
            .is_err()
        {
            tracing::warn!("not every server has confirmed that the client is gone");
        }
        shared.stopped.send_replace(true);
        shared
            .events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

impl Shared {
    pub(crate) fn new(
        sockets: Sockets,
        stop_timeout: Duration,
        make: impl FnOnce(Instant) -> DeviceStack,
    ) -> Arc<Self> {
        Arc::new(Self {
            stack: Mutex::new(make(Instant::ZERO)),
            changed: Notify::new(),
            events: Mutex::new(Some(broadcast::Sender::new(EVENTS))),
            sockets,
            stopped: watch::Sender::new(false),
            epoch: tokio::time::Instant::now(),
            stop_timeout,
        })
    }

    /// The machine's time: since the client was made.
    pub(crate) fn now(&self) -> Instant {
        Instant::ZERO + self.epoch.elapsed()
    }

    /// The moment of a deadline of the machine.
    pub(crate) fn moment(&self, deadline: Instant) -> tokio::time::Instant {
        let after = deadline.saturating_duration_since(Instant::ZERO);
        // A deadline beyond the clock's end is as good as far away.
        self.epoch
            .checked_add(after)
            .unwrap_or_else(|| self.epoch + FAR)
    }

    /// Tells the machine the time of day, which the system may have changed.
    pub(crate) fn tell_time_of_day(&self) {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // A clock before 1970 is none: dates are not checked then.
        let seconds = since.map_or(0, |since| since.as_secs());
        self.lock().handle_wall_clock(seconds);
    }

    /// Hands an event to all who listen; nobody has to.
    pub(crate) fn tell(&self, event: Event) {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = events.as_ref().map(|events| events.send(event));
    }

    /// The stack. Held for moments only, and never while waiting.
    pub(crate) fn lock(&self) -> MutexGuard<'_, DeviceStack> {
        // An object of the application that panics leaves its own values in doubt, not the machine.
        self.stack.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the stack, and wakes the task.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut DeviceStack) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_one();
        result
    }
}

/// Events that a slow reader may be behind.
const EVENTS: usize = 1024;
const FAR: Duration = Duration::from_secs(30 * 86_400);
