//! A device: its objects, its servers, and what it owes them.

mod notifying;
mod secured;
mod serving;

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::time::Duration;

use lwm2m_model::{Instance, Lwm2mVersion, Models, Path, ResourceValue, Value};
use lwm2m_ops::{Binding, Deregister, Lifetime, Location, ObjectList, Register, Update, Uplink};
use sansio::{Instant, Ticket};

use crate::{
    AccountError, Attempt, Config, Effect, Event, Object, ObjectError, ServerAccount, ServerId,
    ServerSettings, Tree, TreeError, UnknownObject, Unregistered,
    discover::shown_version,
    event::EventQueue,
    objects::server,
    observation::Observations,
    registration::{Announced, Goal, Registration, Send, Step, UplinkResult},
    tree::SERVER,
};

pub use serving::Served;

/// An LwM2M device as a machine without sockets and clocks.
///
/// After every call that takes `now`, drain [`poll_effect`](Self::poll_effect) and
/// [`poll_event`](Self::poll_event), then sleep until [`poll_timeout`](Self::poll_timeout).
///
/// See the crate documentation for an example.
#[derive(Debug)]
pub struct Device {
    config: Config,
    tree: Tree,
    servers: Vec<Server>,
    observations: Observations,
    effects: VecDeque<Effect>,
    events: EventQueue,
    next_ticket: u64,
    /// Which state of the Server object [`Server::terms`] tells.
    terms_generation: u64,
}

#[derive(Debug)]
struct Server {
    id: ServerId,
    account: ServerAccount,
    /// Its instance of the Server object.
    instance: u16,
    /// What that instance says.
    terms: ServerSettings,
    registration: Registration,
    /// Waits for its turn in the registration order.
    queued: bool,
}

impl Device {
    /// A device with an empty Server object; `models` gives its definition.
    ///
    /// # Errors
    /// [`UnknownObject`] when the models do not hold it.
    pub fn new(config: Config, models: &Models) -> Result<Self, UnknownObject> {
        let mut tree = Tree::new(config.max_objects.max(1), config.max_resource_instances);
        let servers = server::object(models, config.newest_version)?;
        let servers = servers.with_max_instances(config.max_servers);
        // An empty tree has room for it.
        let _ = tree.add(Box::new(servers));
        let observations = Observations::new(config.max_observations);
        let events = EventQueue::new(config.max_events);
        Ok(Self {
            config,
            tree,
            servers: Vec::new(),
            observations,
            effects: VecDeque::new(),
            events,
            next_ticket: 1,
            terms_generation: 0,
        })
    }

    /// The settings that the device was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The objects and their values.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Adds a server, and its instance of the Server object. Nothing is sent before
    /// [`start`](Self::start) or [`register`](Self::register).
    ///
    /// # Errors
    /// [`AccountError`]: the id is taken, or the device holds no more.
    pub fn add_server(&mut self, account: ServerAccount) -> Result<(), AccountError> {
        let id = account.server;
        if self.server(id).is_some() {
            return Err(AccountError::Duplicate);
        }
        let object = self.tree.object(SERVER).ok_or(AccountError::Full)?;
        let instance = crate::serve::free_instance(&object.instances());
        let instance = instance.ok_or(AccountError::Full)?;
        let values = server::instance(object.definition(), instance, &account);
        let added = self.tree.add_instance(SERVER, values);
        added.map_err(|_| AccountError::Full)?;
        let registration = Registration::new(
            self.config.newest_version,
            self.config.oldest_version,
            self.config.retry_after_failure,
        );
        self.servers.push(Server {
            id,
            terms: account.settings.clone(),
            account,
            instance,
            registration,
            queued: false,
        });
        Ok(())
    }

    /// Removes a server and its instance of the Server object, without a word to the server.
    ///
    /// # Errors
    /// [`LifeError::UnknownServer`].
    pub fn remove_server(&mut self, id: ServerId) -> Result<(), LifeError> {
        let at = self.servers.iter().position(|server| server.id == id);
        let mut server = self.servers.remove(at.ok_or(LifeError::UnknownServer)?);
        self.drop_observations(id);
        if let Some(ticket) = server.registration.restart(None) {
            self.effects
                .push_back(Effect::Abandon { server: id, ticket });
        }
        self.effects.push_back(Effect::Close {
            server: id,
            removed: true,
        });
        // It was made together with the account.
        let _ = self.tree.remove_instance(SERVER, server.instance);
        Ok(())
    }

    /// The account of a server.
    #[must_use]
    pub fn account(&self, id: ServerId) -> Option<&ServerAccount> {
        self.server(id).map(|server| &server.account)
    }

    /// The servers, in the order in which they were added.
    pub fn servers(&self) -> impl Iterator<Item = &ServerAccount> {
        self.servers.iter().map(|server| &server.account)
    }

    /// The terms of a server as they stand now: a server may have written them.
    #[must_use]
    pub fn settings(&self, id: ServerId) -> Option<ServerSettings> {
        let server = self.server(id)?;
        Some(server::settings(
            &self.tree,
            server.instance,
            &server.account,
        ))
    }

    /// How the device stands with a server.
    #[must_use]
    pub fn status(&self, id: ServerId) -> Option<Status> {
        let registration = &self.server(id)?.registration;
        Some(match (registration.live(), registration.goal()) {
            (_, Goal::Offline) => Status::Offline,
            (Some(live), _) => Status::Registered {
                location: live.location.clone(),
                version: live.version,
            },
            (None, _) if !registration.is_out() => Status::Busy,
            (None, Goal::Registered) => Status::Waiting {
                until: registration.deadline(),
            },
            (None, Goal::Unregistered | Goal::Disabled(_)) => Status::Unregistered,
        })
    }

    /// Whether requests of this server are served: it holds a registration, and the device is not offline.
    #[must_use]
    pub fn serves(&self, id: ServerId) -> bool {
        self.server(id).is_some_and(|server| {
            let registration = &server.registration;
            registration.live().is_some() && registration.goal() != Goal::Offline
        })
    }

    /// Whether the device is silent towards this server, by [`disconnect`](Self::disconnect).
    #[must_use]
    pub fn is_offline(&self, id: ServerId) -> bool {
        self.server(id)
            .is_some_and(|server| server.registration.goal() == Goal::Offline)
    }

    /// Adds an object. Servers are told by an Update.
    ///
    /// # Errors
    /// [`TreeError`]: the id is taken or reserved, or the device holds no more.
    pub fn add_object(&mut self, object: impl Object + 'static) -> Result<(), TreeError> {
        self.tree.add(Box::new(object))
    }

    /// [`add_object`](Self::add_object) for an object in a box.
    ///
    /// # Errors
    /// The same.
    pub fn add_boxed_object(&mut self, object: Box<dyn Object>) -> Result<(), TreeError> {
        self.tree.add(object)
    }

    /// Removes an object and returns it. Servers are told by an Update; observations of it end.
    ///
    /// The Server object stays: `None` for it, as for an object that is not there.
    pub fn remove_object(&mut self, id: u16) -> Option<Box<dyn Object>> {
        if id == SERVER {
            return None;
        }
        self.tree.remove(id)
    }

    /// Adds an instance to an object. Servers are told by an Update.
    ///
    /// # Errors
    /// [`ObjectError`], as the object decides.
    pub fn add_instance(&mut self, object: u16, instance: Instance) -> Result<(), ObjectError> {
        match object {
            SERVER => Err(ObjectError::NotAllowed),
            _ => self.tree.add_instance(object, instance),
        }
    }

    /// Removes an instance of an object. Servers are told by an Update; observations of it end.
    ///
    /// # Errors
    /// [`ObjectError`], as the object decides.
    pub fn remove_instance(&mut self, object: u16, instance: u16) -> Result<(), ObjectError> {
        match object {
            SERVER => Err(ObjectError::NotAllowed),
            _ => self.tree.remove_instance(object, instance),
        }
    }

    /// Sets the value of a resource or of a resource instance, also of a read-only one. Servers that observe it are
    /// told.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] for a path that leads nowhere, [`ObjectError::BadValue`] for a value of the wrong
    /// type or out of range, and what the object says.
    pub fn set(&mut self, path: &Path, value: impl Into<Value>) -> Result<(), ObjectError> {
        let value = ResourceValue::Single(value.into());
        self.tree.set(path, Some(value))
    }

    /// Sets all values of a multiple resource.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_multiple(
        &mut self,
        path: &Path,
        values: Vec<(u16, Value)>,
    ) -> Result<(), ObjectError> {
        self.tree.set(path, Some(ResourceValue::Multiple(values)))
    }

    /// Takes an optional resource, or a resource instance, away.
    ///
    /// # Errors
    /// [`ObjectError::NotAllowed`] for a mandatory resource, and what the object says.
    pub fn unset(&mut self, path: &Path) -> Result<(), ObjectError> {
        self.tree.set(path, None)
    }

    /// Says that an object changed values at or below `path` by its own means.
    pub fn touch(&mut self, path: Path) {
        self.tree.touch(path);
    }

    /// Registers with all servers: those with a priority one after the other, each after its initial delay.
    ///
    /// # Specification
    /// LwM2M 1.2 Core §6.2.1.2.
    pub fn start(&mut self, now: Instant) {
        for at in 0..self.servers.len() {
            self.abandon(at, |registration| registration.restart(None));
            if let Some(server) = self.servers.get_mut(at) {
                server.queued = true;
            }
        }
        self.give_turns(now);
    }

    /// Registers with one server at once, from the first attempt on; also when it is registered already.
    ///
    /// # Errors
    /// [`LifeError::UnknownServer`].
    pub fn register(&mut self, now: Instant, id: ServerId) -> Result<(), LifeError> {
        let at = self.position(id)?;
        self.abandon(at, |registration| registration.restart(Some(now)));
        if let Some(server) = self.servers.get_mut(at) {
            server.queued = false;
        }
        Ok(())
    }

    /// Sends an Update at once, with a new lifetime if one is given; it then stands in the Server object too.
    ///
    /// # Errors
    /// [`LifeError::NotRegistered`], [`LifeError::UnknownServer`], and [`LifeError::BadLifetime`] for an infinite
    /// lifetime in LwM2M 1.0.
    pub fn update(&mut self, id: ServerId, lifetime: Option<Lifetime>) -> Result<(), LifeError> {
        let server = self.server_mut(id).ok_or(LifeError::UnknownServer)?;
        let instance = server.instance;
        let live = server.registration.live().ok_or(LifeError::NotRegistered)?;
        if lifetime.is_some_and(Lifetime::is_infinite) && live.version == Lwm2mVersion::V1_0 {
            return Err(LifeError::BadLifetime);
        }
        server.registration.want_update();
        if let Some(lifetime) = lifetime {
            let value = ResourceValue::Single(Value::Unsigned(lifetime.to_wire().into()));
            let path = Path::resource(SERVER, instance, server::LIFETIME);
            let path = path.map_err(|_| LifeError::UnknownServer)?;
            let set = self.tree.set(&path, Some(value));
            set.map_err(|_| LifeError::BadLifetime)?;
        }
        Ok(())
    }

    /// De-registers from a server, or from the only one. Returns which it is.
    ///
    /// # Errors
    /// [`LifeError::Ambiguous`] for `None` when the device has several servers, [`LifeError::NotRegistered`] when there
    /// is nothing to leave.
    pub fn deregister(&mut self, id: Option<ServerId>) -> Result<ServerId, LifeError> {
        let server = match (id, self.servers.as_mut_slice()) {
            (Some(id), _) => self.server_mut(id).ok_or(LifeError::UnknownServer)?,
            (None, [only]) => only,
            (None, []) => return Err(LifeError::UnknownServer),
            (None, _) => return Err(LifeError::Ambiguous),
        };
        let registration = &mut server.registration;
        if registration.is_out() && registration.goal() == Goal::Unregistered {
            return Err(LifeError::NotRegistered);
        }
        if registration.is_out() && registration.not_before.is_none() {
            // Nothing was sent and nothing is planned, but the application is to hear the end of it.
            registration.not_before = Some(Instant::ZERO);
        }
        server.queued = false;
        registration.leave(Goal::Unregistered);
        Ok(server.id)
    }

    /// Is silent towards a server from now on, and keeps the registration.
    ///
    /// # Errors
    /// [`LifeError::UnknownServer`].
    pub fn disconnect(&mut self, id: ServerId) -> Result<(), LifeError> {
        let at = self.position(id)?;
        self.abandon(at, Registration::go_offline);
        Ok(())
    }

    /// Speaks to a server again: by an Update if the registration has not run out, else by a Register.
    ///
    /// # Errors
    /// [`LifeError::UnknownServer`].
    pub fn reconnect(&mut self, now: Instant, id: ServerId) -> Result<(), LifeError> {
        let server = self.server_mut(id).ok_or(LifeError::UnknownServer)?;
        if server.registration.goal() == Goal::Offline {
            server.registration.go_online(now);
        }
        Ok(())
    }

    /// Takes the answer to an operation that was sent under `ticket`.
    pub fn handle_result(&mut self, now: Instant, ticket: Ticket, result: UplinkResult) {
        let in_flight = |server: &Server| server.registration.in_flight() == Some(ticket);
        let Some(at) = self.servers.iter().position(in_flight) else {
            return;
        };
        self.read_terms();
        let Some(server) = self.servers.get_mut(at) else {
            return;
        };
        let step = server
            .registration
            .handle_result(now, ticket, result, &server.terms);
        self.tell(at, step);
        self.give_turns(now);
    }

    /// Acts on deadlines at or before `now`. Calling early or twice does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.give_turns(now);
        self.step(now);
    }

    /// The next thing for the layer below to do.
    pub fn poll_effect(&mut self, now: Instant) -> Option<Effect> {
        if self.effects.is_empty() {
            self.step(now);
        }
        self.effects.pop_front()
    }

    /// The next thing for the application to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// How many events were lost, as the application did not ask for them.
    #[must_use]
    pub const fn lost_events(&self) -> u64 {
        self.events.lost()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), once the effects are drained; `None` when nothing is due
    /// by itself.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let registrations = self
            .servers
            .iter()
            .filter_map(|server| server.registration.deadline());
        registrations.chain(self.next_notification()).min()
    }

    fn server(&self, id: ServerId) -> Option<&Server> {
        self.servers.iter().find(|server| server.id == id)
    }

    fn server_mut(&mut self, id: ServerId) -> Option<&mut Server> {
        self.servers.iter_mut().find(|server| server.id == id)
    }

    fn position(&self, id: ServerId) -> Result<usize, LifeError> {
        let at = self.servers.iter().position(|server| server.id == id);
        at.ok_or(LifeError::UnknownServer)
    }

    /// Reads the terms of the servers anew, if the Server object has changed.
    fn read_terms(&mut self) {
        let generation = self.tree.terms_generation();
        if generation == self.terms_generation {
            return;
        }
        self.terms_generation = generation;
        for server in &mut self.servers {
            server.terms = server::settings(&self.tree, server.instance, &server.account);
        }
    }

    /// Changes a registration, and forgets the request that it gives up waiting for.
    fn abandon(&mut self, at: usize, change: impl FnOnce(&mut Registration) -> Option<Ticket>) {
        if let Some(server) = self.servers.get_mut(at)
            && let Some(ticket) = change(&mut server.registration)
        {
            let server = server.id;
            self.effects.push_back(Effect::Abandon { server, ticket });
        }
    }

    /// Lets those servers of the order begin that have nobody to wait for.
    fn give_turns(&mut self, now: Instant) {
        if !self.servers.iter().any(|server| server.queued) {
            return;
        }
        self.read_terms();
        let mut order: Vec<(Option<u32>, ServerId, usize)> = Vec::new();
        for (at, server) in self.servers.iter().enumerate() {
            order.push((server.terms.priority, server.id, at));
        }
        order.sort_unstable();
        let mut blocked = false;
        for (priority, _, at) in order {
            let Some(server) = self.servers.get_mut(at) else {
                continue;
            };
            // Servers without a number wait for nobody.
            let waits = priority.is_some();
            if server.queued && !(waits && blocked) {
                server.queued = false;
                let delay = match server.registration.succeeded {
                    true => Duration::ZERO,
                    false => Duration::from_secs(server.terms.initial_delay.unwrap_or(0).into()),
                };
                server.registration.not_before = Some(now + delay);
            }
            blocked |= waits && !server.registration.is_settled();
        }
    }

    /// Does what is due: registrations first, then notifications.
    fn step(&mut self, now: Instant) {
        self.read_terms();
        for at in 0..self.servers.len() {
            self.step_server(now, at);
        }
        self.step_observations(now);
    }

    fn step_server(&mut self, now: Instant, at: usize) {
        let settled = self
            .servers
            .get_mut(at)
            .and_then(|s| s.registration.settle_out(now));
        if let Some(step) = settled {
            self.tell(at, step);
            self.give_turns(now);
        }
        let Some(facts) = self.servers.get(at).map(|server| self.announced(server)) else {
            return;
        };
        let Some(server) = self.servers.get_mut(at) else {
            return;
        };
        let (id, ticket) = (server.id, Ticket::new(self.next_ticket));
        let Some(send) = server.registration.step(now, ticket, facts) else {
            return;
        };
        self.next_ticket = self.next_ticket.wrapping_add(1);
        let uplink = match send {
            Send::Register { version } => {
                self.drop_observations(id);
                Uplink::Register(self.build_register(version, at))
            }
            Send::Update {
                location,
                lifetime,
                binding,
                objects,
            } => {
                let version = self.version_with(at);
                let mut update = Update::new(location);
                update.lifetime = lifetime.then_some(facts.lifetime);
                update.binding = binding.then_some(facts.binding);
                update.objects = objects.then(|| self.object_list(version));
                update.queue_mode = self.config.queue_mode && version > Lwm2mVersion::V1_0;
                Uplink::Update(update)
            }
            Send::Deregister { location } => Uplink::Deregister(Deregister::new(location)),
        };
        self.effects.push_back(Effect::Send {
            server: id,
            ticket,
            uplink,
        });
    }

    fn version_with(&self, at: usize) -> Lwm2mVersion {
        let server = self.servers.get(at);
        let registration = server.map(|server| &server.registration);
        registration.map_or(self.config.newest_version, Registration::version)
    }

    /// What a Register or a complete Update would tell the server now.
    fn announced(&self, server: &Server) -> Announced {
        let terms = &server.terms;
        let v1_0 = server.registration.version() == Lwm2mVersion::V1_0;
        let binding = match v1_0 {
            // In 1.0 `b` is what the server chose; later it is what the device can.
            true => terms.binding,
            false => server.account.settings.binding,
        };
        Announced {
            lifetime: match terms.lifetime.is_infinite() && v1_0 {
                true => Lifetime::DEFAULT,
                false => terms.lifetime,
            },
            binding: match binding.check(server.registration.version()) {
                Ok(()) => binding,
                Err(_) => Binding::UDP,
            },
            generation: self.tree.generation(),
        }
    }

    fn build_register(&self, version: Lwm2mVersion, at: usize) -> Register {
        let objects = self.object_list(version);
        let mut register = Register::new(self.config.endpoint.clone(), version, objects);
        if let Some(server) = self.servers.get(at) {
            let facts = self.announced(server);
            register.lifetime = facts.lifetime;
            register.queue_mode = self.config.queue_mode || facts.binding.queue();
            register.binding = facts.binding.with_queue(false);
        }
        register.extra.clone_from(&self.config.extra);
        register
    }

    /// Objects and instances as a registration lists them.
    fn object_list(&self, version: Lwm2mVersion) -> ObjectList {
        let mut list = ObjectList::new();
        list.root.clone_from(&self.config.root);
        list.formats.clone_from(&self.config.formats);
        for object in self.tree.iter() {
            let id = object.definition().id();
            list = list.with(id, shown_version(object, version), &object.instances());
        }
        list
    }

    /// Tells the application what became of a registration, and does what follows.
    fn tell(&mut self, at: usize, step: Step) {
        let Some(server) = self.servers.get(at) else {
            return;
        };
        let id = server.id;
        let error = |operation, reason, retry| Event::Error {
            server: id,
            operation,
            reason,
            retry,
        };
        match step {
            Step::Nothing => {}
            Step::Registered => {
                if let Some(live) = server.registration.live() {
                    self.events.push(Event::Registered {
                        server: id,
                        location: live.location.clone(),
                        version: live.version,
                        lifetime: live.lifetime(),
                    });
                }
            }
            Step::Updated => {
                if let Some(live) = server.registration.live() {
                    let lifetime = live.lifetime();
                    self.events.push(Event::Updated {
                        server: id,
                        lifetime,
                    });
                }
            }
            Step::FellBack => {
                let version = server.registration.version();
                self.events.push(Event::FellBack {
                    server: id,
                    version,
                });
            }
            Step::RegisterFailed { reason, next } => {
                self.events.push(error(Attempt::Register, reason, next));
            }
            Step::UpdateFailed { reason } => {
                let retry = server.registration.not_before;
                self.events.push(error(Attempt::Update, reason, retry));
            }
            Step::Unregistered { failed, goal } => {
                if let Some(reason) = failed {
                    self.events.push(error(Attempt::Deregister, reason, None));
                }
                let why = match goal {
                    Goal::Disabled(_) => Unregistered::Disabled,
                    Goal::Registered | Goal::Unregistered | Goal::Offline => {
                        Unregistered::Requested
                    }
                };
                self.events.push(Event::Unregistered { server: id, why });
                self.drop_observations(id);
                self.effects.push_back(Effect::Close {
                    server: id,
                    removed: false,
                });
            }
        }
    }
}

/// How a device stands with a server.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Status {
    /// Not registered, and not about to.
    Unregistered,
    /// Not registered yet; `None` waits for its turn, or for the application.
    #[non_exhaustive]
    Waiting {
        /// When the next attempt is due.
        until: Option<Instant>,
    },
    /// A Register or De-register is under way.
    Busy,
    /// Registered.
    #[non_exhaustive]
    Registered {
        /// Where the server keeps the registration.
        location: Location,
        /// The enabler version that both speak.
        version: Lwm2mVersion,
    },
    /// Silent, by [`Device::disconnect`].
    Offline,
}

/// Why the device does not do what the application asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LifeError {
    /// There is no account with this Short Server ID.
    #[error("no server has this short server id")]
    UnknownServer,
    /// The device has several servers, so one must be named.
    #[error("the device has several servers: name one")]
    Ambiguous,
    /// The device is not registered with this server.
    #[error("the device is not registered with this server")]
    NotRegistered,
    /// The lifetime is none that this version of LwM2M has.
    #[error("the lifetime is not possible in this version")]
    BadLifetime,
}
