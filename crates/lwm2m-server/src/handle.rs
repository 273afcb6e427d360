use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use coap_codec::ContentFormat;
use coap_codec::link::Links;
use dtls_core::{CertificateType, Role};
use dtls_ecdsa::{Anchors, CredentialError, Credentials};
use lwm2m_identity::{
    ApplyError, Credential, DeviceRecord, Identity, NoSecPolicy, Security, Warning, key_hint,
};
use lwm2m_model::payload::{self, NewInstance, Shape};
use lwm2m_model::{Models, Node, Path};
use lwm2m_ops::{
    Arguments, Create, Delete, Discover, Execute, Observe, Read, Reply, Write, WriteMode,
};
use lwm2m_store::Down;
use registry_core::Registration;

use crate::call::{CallError, CallOptions, DiscoveredLink, ReadAnswer};
use crate::fleet::Shared;
use crate::security::{Wish, unix};
use crate::{Config, EventStream, ObservationInfo, SessionInfo};

/// Access to a running server, for any number of tasks. Cloning is cheap.
///
/// Calls to devices are futures: dropping one withdraws the call. They need a tokio runtime.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// Which devices to list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeviceFilter {
    /// Only endpoints whose name contains this, without regard to case.
    pub text: Option<String>,
    /// Only endpoints after this name: the [`DevicePage::next`] of the page before.
    pub after: Option<String>,
    /// At most so many. Default 100.
    pub limit: usize,
}

impl Default for DeviceFilter {
    fn default() -> Self {
        Self {
            text: None,
            after: None,
            limit: 100,
        }
    }
}

/// Some devices in the order of their names.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DevicePage {
    /// The devices.
    pub items: Vec<Registration>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<String>,
}

/// Facts of a running server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerInfo {
    /// Addresses on which devices reach it, as URIs.
    pub endpoints: Vec<String>,
    /// The same as addresses.
    pub addresses: Vec<SocketAddr>,
    /// Since when it runs.
    pub started_at: SystemTime,
    /// Shards and partitions.
    pub shards: usize,
    /// Partitions of the registry.
    pub partitions: usize,
    /// Registered devices.
    pub registrations: usize,
    /// Observations that are wanted.
    pub observations: usize,
    /// Requests on the registration interface that were refused since the start.
    pub refusals: u64,
    /// Datagrams, retransmissions and so on of all shards since the start.
    pub coap: coap_endpoint::Stats,
    /// Handshakes, records and so on of all shards since the start; zeros without `coaps`.
    pub dtls: dtls_core::Stats,
    /// How devices may come in, and what the server shows to them.
    pub security: SecurityInfo,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Registered devices, in the order of their names.
    pub fn devices(&self, filter: &DeviceFilter) -> DevicePage {
        self.shared.devices(filter)
    }

    /// The registration of an endpoint.
    pub fn device(&self, endpoint: &str) -> Option<Registration> {
        self.shared.device(endpoint)
    }

    /// Removes a registration as an operator; the device learns at its next Update. `false` when
    /// there is none.
    pub fn remove(&self, endpoint: &str) -> bool {
        self.shared.remove(endpoint)
    }

    /// Events after number `since`, or only those to come.
    pub fn events(&self, since: Option<u64>) -> EventStream {
        self.shared.hub.subscribe(since)
    }

    /// The object definitions in use.
    pub fn models(&self) -> Arc<Models> {
        Arc::clone(&self.shared.models)
    }

    /// Facts of the server.
    pub fn info(&self) -> ServerInfo {
        self.shared.info()
    }

    /// Reads an object, instance, resource or resource instance (LwM2M 1.0 §5.4.1).
    ///
    /// # Errors
    ///
    /// [`CallError`] tells whether the device is unknown, did not answer, or what it answered.
    pub async fn read(
        &self,
        endpoint: &str,
        path: Path,
        options: CallOptions,
    ) -> Result<ReadAnswer, CallError> {
        let device = self.registered(endpoint)?;
        let accept = self.shared.accept(&device, &path, options.format)?;
        let read = Read::new(path, accept)?;
        let decode = |reply| self.shared.decode(&device, &path, reply);
        self.shared
            .call(&device, read.into(), options.timeout, decode)
            .await
    }

    /// Writes a value: with [`WriteMode::Replace`] what is there is replaced, with
    /// [`WriteMode::Partial`] only what the value holds (LwM2M 1.0 §5.4.3).
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and [`CallError::Encode`] for a value that does not fit the model.
    pub async fn write(
        &self,
        endpoint: &str,
        path: Path,
        mode: WriteMode,
        node: &Node,
        options: CallOptions,
    ) -> Result<(), CallError> {
        let device = self.registered(endpoint)?;
        let (format, payload) = self.encode(&device, &path, node, options.format)?;
        let write = Write::new(path, mode, format, payload)?;
        self.shared
            .call(&device, write.into(), options.timeout, done)
            .await
    }

    /// Executes a resource (LwM2M 1.0 §5.4.5), with arguments such as `0='on',3` or none.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn execute(
        &self,
        endpoint: &str,
        path: Path,
        arguments: Arguments,
        options: CallOptions,
    ) -> Result<(), CallError> {
        let device = self.registered(endpoint)?;
        let execute = Execute::new(path, arguments)?;
        self.shared
            .call(&device, execute.into(), options.timeout, done)
            .await
    }

    /// Creates instances of an object (LwM2M 1.0 §5.4.6); gives the path of an instance whose
    /// number the device chose.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn create(
        &self,
        endpoint: &str,
        object: u16,
        instances: &[NewInstance],
        options: CallOptions,
    ) -> Result<Option<Path>, CallError> {
        let device = self.registered(endpoint)?;
        let (format, payload) = self.shared.with_context(&device, |cx| {
            let chosen = instances.iter().any(|instance| instance.id.is_none());
            // Only TLV can leave the number to the device.
            let format = match options.format {
                None if chosen => ContentFormat::TLV,
                wanted => {
                    let instance = lwm2m_model::Instance::new(0, Vec::new());
                    self.shared.format_for(
                        &device,
                        &Shape::of_node(&Node::Instance(instance)),
                        wanted,
                    )?
                }
            };
            let payload = payload::encode_create(cx, format, object, instances)?;
            Ok::<_, CallError>((format, payload))
        })?;
        let create = Create::new(object, format, payload)?;
        let created = |reply| match reply {
            Reply::Created(path) => Ok(path),
            reply => done(reply).map(|()| None),
        };
        self.shared
            .call(&device, create.into(), options.timeout, created)
            .await
    }

    /// Deletes an instance (LwM2M 1.0 §5.4.7).
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn delete(
        &self,
        endpoint: &str,
        path: Path,
        options: CallOptions,
    ) -> Result<(), CallError> {
        let device = self.registered(endpoint)?;
        let delete = Delete::new(path)?;
        self.shared
            .call(&device, delete.into(), options.timeout, done)
            .await
    }

    /// Asks what there is under a path, and with which attributes (LwM2M 1.0 §5.4.2).
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn discover(
        &self,
        endpoint: &str,
        path: Path,
        options: CallOptions,
    ) -> Result<Vec<DiscoveredLink>, CallError> {
        let device = self.registered(endpoint)?;
        let discover = Discover::new(path)?;
        let discovered = |reply| match reply {
            Reply::Content { payload, .. } => Ok(links(&payload, device.objects().root.as_str())),
            reply => done(reply).map(|()| Vec::new()),
        };
        self.shared
            .call(&device, discover.into(), options.timeout, discovered)
            .await
    }

    /// Observes a path: the first value now, further ones as events, until
    /// [`cancel_observation`](Self::cancel_observation). The wish outlives the registration: it is
    /// asked again whenever the device registers.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read). The wish is kept unless the device refused.
    pub async fn observe(
        &self,
        endpoint: &str,
        path: Path,
        options: CallOptions,
    ) -> Result<ReadAnswer, CallError> {
        let device = self.registered(endpoint)?;
        let accept = self.shared.accept(&device, &path, options.format)?;
        let observe = Observe::new(path, accept)?;
        self.shared.observe(&device, observe, options.timeout).await
    }

    /// Ends an observation: the device is told by Observe=1 when it is there (LwM2M 1.0 §5.5.3).
    ///
    /// # Errors
    ///
    /// [`CallError::NotObserved`] when there is nothing to end.
    pub async fn cancel_observation(&self, endpoint: &str, path: Path) -> Result<(), CallError> {
        self.shared.cancel_observation(endpoint, path).await
    }

    /// What is observed of an endpoint, with the last values.
    pub fn observations(&self, endpoint: &str) -> Vec<ObservationInfo> {
        self.shared.observations.of(endpoint)
    }
}

/// Who may speak for an endpoint. Secrets are not among it: they can be set and never read.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SecurityEntry {
    /// The endpoint.
    pub endpoint: String,
    /// What it may prove; `None` for a record that cannot be read, which admits nobody.
    pub record: Option<DeviceRecord>,
    /// What may be told of each of its credentials, in their order.
    pub facts: Vec<CredentialFacts>,
}

/// What may be told of a credential beside its name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CredentialFacts {
    /// Bytes of the pre-shared key; `None` for other credentials, and for a key that cannot be read.
    pub key_length: Option<usize>,
    /// What works and should not stay so, in words.
    pub warnings: Vec<String>,
}

/// How devices may come in, and what the server shows to them. Nothing of it is secret.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SecurityInfo {
    /// Whether there is an address for CoAP over DTLS.
    pub secured: bool,
    /// Whether there is an address without security.
    pub plain: bool,
    /// Who may come in without security.
    pub nosec: NoSecPolicy,
    /// The server's own public key (SubjectPublicKeyInfo), where it has one.
    pub public_key: Option<Vec<u8>>,
    /// The server's certificate and those that lead on to an authority (DER).
    pub chain: Vec<Vec<u8>>,
    /// Whether the server shows its bare public key.
    pub raw_public_key: bool,
    /// Whether the server shows its certificate.
    pub x509: bool,
    /// How many authorities of devices are trusted.
    pub anchors: usize,
    /// Bytes of the connection ids that devices are given; 0 for none.
    pub connection_id: u8,
}

impl SecurityInfo {
    /// The four modes by their words, each with why it is not offered, if it is not.
    pub fn modes(&self) -> [(&'static str, Option<&'static str>); 4] {
        let plain = match (self.plain, self.nosec) {
            (false, _) => Some("no address is without security"),
            (true, NoSecPolicy::Off) => Some("nobody may come in without security"),
            (true, NoSecPolicy::Open | NoSecPolicy::Known) => None,
        };
        let dtls = (!self.secured).then_some("no address speaks DTLS");
        let key = self
            .public_key
            .is_none()
            .then_some("the server has no key of its own");
        let rpk = (!self.raw_public_key).then_some("the server shows its certificate alone");
        let x509 = match (self.x509, self.anchors) {
            (false, _) => Some("the server has no certificate"),
            (true, 0) => Some("no authority of devices is trusted"),
            (true, _) => None,
        };
        [
            ("nosec", plain),
            ("psk", dtls),
            ("rpk", dtls.or(key).or(rpk)),
            ("x509", dtls.or(key).or(x509)),
        ]
    }

    pub(crate) fn of(config: &Config) -> Self {
        let security = &config.security;
        let mut info = Self {
            secured: !config.coaps.is_empty(),
            plain: !config.coap.is_empty(),
            nosec: config.registry.nosec,
            anchors: security.anchors.len(),
            connection_id: match security.connection_id {
                0 => 0,
                len => len.max(4),
            },
            ..Self::default()
        };
        info.show(security.credentials.as_ref());
        info
    }

    /// What the server shows.
    pub(crate) fn show(&mut self, own: Option<&Credentials>) {
        let types = own.map_or_else(Vec::new, |own| own.types(Role::Server));
        self.public_key = own.map(|own| own.public_key().spki());
        self.chain = own.map_or_else(Vec::new, |own| own.chain().to_vec());
        self.raw_public_key = types.contains(&CertificateType::RAW_PUBLIC_KEY);
        self.x509 = types.contains(&CertificateType::X509);
    }
}

/// Who may come in, and by which credential.
impl Handle {
    /// Sets what an endpoint may prove: one [`Security::NoSec`], or credentials of which any one is enough, or nothing,
    /// which locks it. What came in by what is no longer good ends at once: sessions, connection ids, registrations, calls.
    ///
    /// # Errors
    /// [`ApplyError`]: a credential of another endpoint, one that cannot be kept, or a store that fails.
    pub async fn set_security(
        &self,
        endpoint: &str,
        security: &[Security],
    ) -> Result<Vec<Warning>, ApplyError> {
        let wish = Wish {
            endpoint: endpoint.to_owned(),
            security: Some(security.to_vec()),
            set: unix(),
        };
        self.shared.change_security(vec![wish]).await
    }

    /// Removes the record of an endpoint; what came in by it ends at once.
    ///
    /// # Errors
    /// As [`set_security`](Self::set_security).
    pub async fn remove_security(&self, endpoint: &str) -> Result<(), ApplyError> {
        let wish = Wish {
            endpoint: endpoint.to_owned(),
            security: None,
            set: unix(),
        };
        self.shared.change_security(vec![wish]).await.map(drop)
    }

    /// What an endpoint may prove, without secrets; `None` if it has no record.
    ///
    /// # Errors
    /// [`Down`] if the store does not know at the moment.
    pub async fn security(&self, endpoint: &str) -> Result<Option<SecurityEntry>, Down> {
        let records = self.shared.keeper.records();
        match records.device(endpoint.to_owned()).await? {
            Some(record) => Ok(Some(self.entry(&record).await?)),
            None => Ok(None),
        }
    }

    /// The records after the endpoint `after`, in the order of the names' bytes, at most `limit`.
    ///
    /// # Errors
    /// [`Down`] if the store does not know at the moment.
    pub async fn list_security(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SecurityEntry>, Down> {
        let records = self.shared.keeper.records();
        let found = records.list(after.map(str::to_owned), limit).await?;
        let mut entries = Vec::with_capacity(found.len());
        for record in &found {
            entries.push(self.entry(record).await?);
        }
        Ok(entries)
    }

    /// Shows another key or certificate to devices from now on, or none. Sessions and handshakes that have begun go on.
    ///
    /// # Errors
    /// The key cannot be used; all is as before.
    pub fn set_credentials(&self, credentials: Option<Credentials>) -> Result<(), CredentialError> {
        self.shared.set_credentials(credentials)
    }

    /// Trusts these authorities of devices, and no others, from now on.
    ///
    /// By which of them a session was opened is not kept. So where one was taken away, say `end_sessions`: then all
    /// sessions that stand on a certificate end, and devices whose authority is still trusted shake hands anew.
    pub fn set_anchors(&self, anchors: Anchors, end_sessions: bool) {
        self.shared.set_anchors(anchors, end_sessions);
    }

    /// Tells the log and the readers of events ([`EventKind::SecurityRefused`](crate::EventKind::SecurityRefused)) that a
    /// file of keys, certificates or authorities has changed and cannot be taken over. `detail` says why, without secrets.
    pub fn security_refused(&self, detail: String) {
        self.shared.security_refused(detail);
    }

    /// The security session of a device, while there is one.
    pub fn session(&self, endpoint: &str) -> Option<SessionInfo> {
        let device = self.shared.device(endpoint)?;
        self.shared.sessions.newest(&device.identity())
    }

    async fn entry(&self, record: &lwm2m_store::Record) -> Result<SecurityEntry, Down> {
        let endpoint = String::from_utf8_lossy(&record.key.key).into_owned();
        let record = DeviceRecord::decode(&record.value).ok();
        let mut facts = Vec::new();
        for credential in record.iter().flat_map(|record| &record.credentials) {
            let Credential::Psk { identity } = credential else {
                facts.push(CredentialFacts::default());
                continue;
            };
            let identity = Identity::Psk {
                identity: identity.clone(),
            };
            let known = self.shared.keeper.records().owner(identity).await?;
            let key = known.and_then(|known| known.key);
            let short = key.as_ref().filter(|key| key.is_short()).map(|key| {
                let len = key.bytes().len();
                format!("the key has only {len} bytes; 16 random bytes or more are recommended")
            });
            let hint = key.as_ref().and_then(key_hint).map(|hint| hint.to_string());
            facts.push(CredentialFacts {
                key_length: key.as_ref().map(|key| key.bytes().len()),
                warnings: short.into_iter().chain(hint).collect(),
            });
        }
        Ok(SecurityEntry {
            endpoint,
            record,
            facts,
        })
    }
}

impl Handle {
    fn registered(&self, endpoint: &str) -> Result<Registration, CallError> {
        self.device(endpoint).ok_or(CallError::UnknownEndpoint)
    }

    fn encode(
        &self,
        device: &Registration,
        path: &Path,
        node: &Node,
        wanted: Option<ContentFormat>,
    ) -> Result<(ContentFormat, Vec<u8>), CallError> {
        let format = self
            .shared
            .format_for(device, &Shape::of_node(node), wanted)?;
        self.shared.with_context(device, |cx| {
            Ok((format, payload::encode(cx, format, path, node)?))
        })
    }
}

/// The outcome of an operation that brings no value.
pub(crate) fn done(reply: Reply) -> Result<(), CallError> {
    match reply {
        Reply::Refused(refused) => Err(refused.into()),
        _ => Ok(()),
    }
}

/// The links of a Discover answer, their targets without the alternate root. What is no link ends
/// the list.
fn links(payload: &[u8], root: &str) -> Vec<DiscoveredLink> {
    let root = root.trim_end_matches('/');
    let Ok(links) = Links::from_bytes(payload) else {
        return Vec::new();
    };
    links
        .map_while(Result::ok)
        .map(|link| DiscoveredLink {
            target: link
                .target()
                .strip_prefix(root)
                .unwrap_or(link.target())
                .to_owned(),
            attributes: link
                .attributes()
                .map(|(name, value)| {
                    (
                        name.to_owned(),
                        value.map(|value| value.to_text().into_owned()),
                    )
                })
                .collect(),
        })
        .collect()
}
