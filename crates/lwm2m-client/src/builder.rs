//! How a client comes to be.

use std::{net::SocketAddr, time::Duration};

use device_core::{
    Config, Device, DeviceObject, Object, Secret, Security, ServerAccount, ServerId,
};
use device_stack::{DeviceStack, check_account};
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
    security: Security,
    server_name: Option<String>,
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
            security: Security::NoSec,
            server_name: None,
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

    /// The credentials for servers added by URI, which then have to be `coaps://...`; none if not given.
    #[must_use]
    pub fn security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// A pre-shared key for servers added by URI: the identity, 1 to 128 bytes, and the key, 1 to 64 bytes.
    #[must_use]
    pub fn psk(self, identity: impl Into<Vec<u8>>, key: Secret) -> Self {
        self.security(Security::psk(identity, key))
    }

    /// Raw public keys for servers added by URI: the device's own private key (DER: PKCS#8 or SEC1) and the server's public
    /// key (DER SubjectPublicKeyInfo).
    #[must_use]
    pub fn raw_public_key(self, key: Secret, server: impl Into<Vec<u8>>) -> Self {
        self.security(Security::raw_public_key(key, server))
    }

    /// Certificates for servers added by URI: the device's own private key (DER: PKCS#8 or SEC1) and chain (DER, its own
    /// certificate first), and the server's certificate (DER), which has to be that very one. For a server that is known
    /// by its authority see [`X509`](crate::X509) and [`security`](Self::security).
    #[must_use]
    pub fn x509(self, key: Secret, chain: Vec<Vec<u8>>, server: impl Into<Vec<u8>>) -> Self {
        self.security(Security::x509(key, chain, server))
    }

    /// The name that a server added by URI is asked for and has to prove, where it is not that of the URI.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
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
                    let mut account =
                        ServerAccount::new(id, uri).with_security(self.security.clone());
                    account.server_name.clone_from(&self.server_name);
                    let settings = &mut account.settings;
                    settings.lifetime = self.lifetime.unwrap_or(settings.lifetime);
                    settings.binding = self.binding.unwrap_or(settings.binding);
                    account
                }
            };
            let uri = account.uri.clone();
            if account.security.is_secured() || uri.starts_with("coaps") {
                let checked = check_account(&account);
                checked.map_err(|source| StartError::Security {
                    uri: uri.clone(),
                    source,
                })?;
            }
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
