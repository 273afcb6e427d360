//! How a client comes to be.

use std::{net::SocketAddr, time::Duration};

use device_core::{Config, Device, DeviceObject, Object, ServerAccount, ServerId};
use device_stack::DeviceStack;
use lwm2m_model::{Lwm2mVersion, Models};
use lwm2m_ops::{Binding, Lifetime};

use crate::{Client, StackConfig, StartError, client::Shared, driver, sockets::Sockets};

/// Collects what a [`Client`] is to be; [`start`](Self::start) makes it.
#[derive(Debug)]
pub struct ClientBuilder {
    config: Config,
    stack: StackConfig,
    servers: Vec<Server>,
    lifetime: Option<Lifetime>,
    binding: Option<Binding>,
    objects: Vec<Box<dyn Object>>,
    local: Option<SocketAddr>,
    register: bool,
    stop_timeout: Duration,
}

#[derive(Debug)]
enum Server {
    Uri(String),
    Account(Box<ServerAccount>),
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: Config::new(""),
            stack: StackConfig::default(),
            servers: Vec::new(),
            lifetime: None,
            binding: None,
            objects: Vec::new(),
            local: None,
            register: true,
            stop_timeout: Duration::from_secs(1),
        }
    }

    /// The endpoint name: what servers know the device by.
    #[must_use]
    pub fn endpoint(mut self, name: impl Into<String>) -> Self {
        self.config.endpoint = name.into();
        self
    }

    /// Adds a server by its URI, such as `coap://localhost` or `coap://[::1]:5683`. Short Server IDs are given from 1 on.
    #[must_use]
    pub fn server(mut self, uri: impl Into<String>) -> Self {
        self.servers.push(Server::Uri(uri.into()));
        self
    }

    /// Adds a server with all that can be said of it.
    #[must_use]
    pub fn account(mut self, account: ServerAccount) -> Self {
        self.servers.push(Server::Account(Box::new(account)));
        self
    }

    /// The lifetime in seconds for servers added by URI; a day if not given, 0 for an infinite one.
    #[must_use]
    pub fn lifetime(mut self, seconds: u32) -> Self {
        self.lifetime = Some(Lifetime::from_seconds(seconds));
        self
    }

    /// The binding for servers added by URI; `U` if not given.
    #[must_use]
    pub fn binding(mut self, binding: Binding) -> Self {
        self.binding = Some(binding);
        self
    }

    /// The newest version of LwM2M to register with; 1.1 if not given.
    #[must_use]
    pub fn version(mut self, newest: Lwm2mVersion) -> Self {
        self.config.newest_version = newest;
        self.config.oldest_version = self.config.oldest_version.min(newest);
        self
    }

    /// Adds an object. Without one of id 3, the client makes a Device object that says little.
    #[must_use]
    pub fn object(self, object: impl Object + 'static) -> Self {
        self.boxed_object(Box::new(object))
    }

    /// [`object`](Self::object) for an object in a box.
    #[must_use]
    pub fn boxed_object(mut self, object: Box<dyn Object>) -> Self {
        self.objects.push(object);
        self
    }

    /// Changes what else can be set of the device.
    #[must_use]
    pub fn device(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Changes how the client speaks CoAP.
    #[must_use]
    pub fn stack(mut self, change: impl FnOnce(&mut StackConfig)) -> Self {
        change(&mut self.stack);
        self
    }

    /// Binds one socket to this address, instead of one of each family to a free port.
    #[must_use]
    pub const fn bind(mut self, local: SocketAddr) -> Self {
        self.local = Some(local);
        self
    }

    /// Registers with nobody before [`Client::register`].
    #[must_use]
    pub const fn unregistered(mut self) -> Self {
        self.register = false;
        self
    }

    /// How long [`Client::stop`] waits for servers to acknowledge; a second if not given.
    #[must_use]
    pub const fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.stop_timeout = timeout;
        self
    }

    /// Opens the sockets, begins to register, and returns at once: [`Client::registered`] waits for a server.
    ///
    /// # Errors
    /// [`StartError`].
    #[expect(clippy::unused_async, reason = "it needs the reactor of a runtime")]
    pub async fn start(self) -> Result<Client, StartError> {
        if !matches!(self.config.endpoint.len(), 1..=252) {
            return Err(StartError::Endpoint);
        }
        let models = Models::builtin();
        let newest = self.config.newest_version;
        let mut device = Device::new(self.config, &models)?;
        let mut has_device = false;
        for object in self.objects {
            let id = object.definition().id();
            has_device |= id == DEVICE;
            let added = device.add_boxed_object(object);
            added.map_err(|source| StartError::Object { id, source })?;
        }
        if !has_device {
            let object = DeviceObject::default().into_object(&models, newest)?;
            let added = device.add_object(object);
            added.map_err(|source| StartError::Object { id: DEVICE, source })?;
        }
        for server in self.servers {
            let account = match server {
                Server::Account(account) => *account,
                Server::Uri(uri) => {
                    let free = |id: &ServerId| device.account(*id).is_none();
                    let id = (1..u16::MAX).filter_map(ServerId::new).find(free);
                    let id = id.ok_or(StartError::TooManyServers)?;
                    let mut account = ServerAccount::new(id, uri);
                    let settings = &mut account.settings;
                    settings.lifetime = self.lifetime.unwrap_or(settings.lifetime);
                    settings.binding = self.binding.unwrap_or(settings.binding);
                    account
                }
            };
            let uri = account.uri.clone();
            let added = device.add_server(account);
            added.map_err(|source| StartError::Account { uri, source })?;
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(StartError::Entropy)?;
        let sockets = Sockets::open(self.local).map_err(StartError::Socket)?;
        let shared = Shared::new(sockets, self.stop_timeout, |now| {
            DeviceStack::new(device, self.stack, seed, now)
        });
        if self.register {
            let now = shared.now();
            shared.change(|stack| stack.device_mut().start(now));
        }
        Ok(Client::new(driver::spawn(shared)))
    }
}

const DEVICE: u16 = 3;
