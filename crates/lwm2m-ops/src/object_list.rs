use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use bytes::Bytes;
use coap_codec::{
    ContentFormat, EncodeError, Request,
    link::{LinkWriter, Value},
};
use lwm2m_model::{Lwm2mVersion, Path, Version, default_version};

use crate::{
    context::Limits,
    illegal::IllegalRequest,
    links::{self, Entry},
    quirk::{Quirk, note},
    refusal::{Reason, Refusal},
    root,
};

/// What a client says it has: the link-format payload of Register and Update.
///
/// Equality is about the meaning; the text it came in and the quirks do not count.
///
/// # Specification
/// LwM2M 1.2 core, client registration interface, "Register"; RFC 6690 for the text.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ObjectList {
    /// The alternate path under which the objects lie: `""`, or for example `"/lwm2m"`.
    pub root: String,
    /// The formats that the root link lists beside the mandatory ones; see
    /// [`supports`](Self::supports).
    pub formats: Vec<ContentFormat>,
    /// The objects, in ascending order.
    pub objects: Vec<AdvertisedObject>,
    /// What was let pass, each kind once.
    pub quirks: Vec<Quirk>,
    raw: Bytes,
}

/// One object of an [`ObjectList`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AdvertisedObject {
    /// The object id.
    pub id: u16,
    /// The attribute `ver`, if there is one; see [`ObjectList::version_of`].
    pub version: Option<Version>,
    /// The instances, in ascending order; none for an object without instances.
    pub instances: Vec<u16>,
}

impl ObjectList {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an object, or instances to one that is there already.
    ///
    /// The security objects /0 and /21 are left out, as a registration must not name them, and
    /// so is 65535, which is no id.
    #[must_use]
    pub fn with(mut self, object: u16, version: Option<Version>, instances: &[u16]) -> Self {
        if is_hidden(object) || object == u16::MAX {
            return self;
        }
        let at = match self.objects.binary_search_by_key(&object, |known| known.id) {
            Ok(at) => at,
            Err(at) => {
                self.objects.insert(
                    at,
                    AdvertisedObject {
                        id: object,
                        version,
                        instances: Vec::new(),
                    },
                );
                at
            }
        };
        if let Some(known) = self.objects.get_mut(at) {
            known.version = known.version.or(version);
            known
                .instances
                .extend(instances.iter().filter(|id| **id != u16::MAX));
            known.instances.sort_unstable();
            known.instances.dedup();
        }
        self
    }

    /// The object with this id.
    #[must_use]
    pub fn object(&self, id: u16) -> Option<&AdvertisedObject> {
        self.objects.iter().find(|object| object.id == id)
    }

    /// Whether the object, or the object instance, is in the list. A deeper path is judged by
    /// its object instance; the root is always there.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        let Some(id) = path.object_id() else {
            return true;
        };
        let Some(object) = self.object(id) else {
            return false;
        };
        path.instance_id()
            .is_none_or(|instance| object.instances.contains(&instance))
    }

    /// The version of an object: what the list says, else what the enabler version shipped with
    /// (core objects), else 1.0.
    #[must_use]
    pub fn version_of(&self, object: u16, enabler: Lwm2mVersion) -> Version {
        self.object(object)
            .and_then(|object| object.version)
            .unwrap_or_else(|| default_version(enabler, object))
    }

    /// Whether a client of this enabler version understands a format: one that the root link
    /// lists (under its number or an older one) or that is mandatory.
    #[must_use]
    pub fn supports(&self, enabler: Lwm2mVersion, format: ContentFormat) -> bool {
        let format = format.canonical();
        mandatory_formats(enabler).contains(&format)
            || self
                .formats
                .iter()
                .any(|listed| listed.canonical() == format)
    }

    /// The mandatory formats of the enabler version, then those that the root link lists.
    pub fn supported_formats(&self, enabler: Lwm2mVersion) -> impl Iterator<Item = ContentFormat> {
        let mandatory = mandatory_formats(enabler);
        let listed = self
            .formats
            .iter()
            .filter(move |format| !mandatory.contains(format));
        mandatory.iter().chain(listed).copied()
    }

    /// The payload as it came, with all links and attributes; empty for a list that was built.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Writes the payload: the root link, then instances, and objects that have a version or no
    /// instance. An alternate path that is none is taken as the root.
    #[must_use]
    pub fn to_link_format(&self) -> String {
        let mut text = String::new();
        // A `String` has room, and the parts of all targets are known to be legal.
        let _ = self.write(&mut LinkWriter::new(&mut text));
        text
    }

    fn write(&self, links: &mut LinkWriter<&mut String>) -> Result<(), EncodeError> {
        let root = root::normalised(&self.root).unwrap_or_default();
        let target = if root.is_empty() { "/" } else { root };
        links.link(target)?.quoted("rt", ROOT_TYPE)?;
        if !self.formats.is_empty() {
            links.list("ct", self.formats.iter().map(|format| format.0))?;
        }
        for object in self.objects.iter().filter(|object| !is_hidden(object.id)) {
            let id = object.id;
            if object.version.is_some() || object.instances.is_empty() {
                links.link_to(&format_args!("{root}/{id}"))?;
            }
            if let Some(version) = object.version {
                links.attribute("ver", &version.to_string())?;
            }
            for instance in &object.instances {
                links.link_to(&format_args!("{root}/{id}/{instance}"))?;
            }
        }
        Ok(())
    }

    /// Whether a client can send it: objects, below an alternate path that is one.
    pub(crate) fn check(&self) -> Result<(), IllegalRequest> {
        match root::normalised(&self.root) {
            Some(root) if root == self.root => {}
            _ => return Err(IllegalRequest::Root),
        }
        match self.objects.is_empty() {
            true => Err(IllegalRequest::Version),
            false => Ok(()),
        }
    }

    /// Reads the payload of a Register or Update.
    pub(crate) fn from_request(request: &Request, limits: &Limits) -> Result<Self, Refusal> {
        let mut list = Self::parse_within(request.payload.clone(), limits)?;
        let format = request.options.as_options().content_format();
        if format != Some(ContentFormat::LINK) && !request.payload.is_empty() {
            note(&mut list.quirks, Quirk::ListFormat);
        }
        Ok(list)
    }

    /// Reads the link format of a registration, with the default [`Limits`].
    ///
    /// # Errors
    /// [`Reason::BadLinkFormat`] with the offset, [`Reason::TooManyLinks`],
    /// [`Reason::PayloadTooLarge`].
    pub fn parse(payload: impl Into<Bytes>) -> Result<Self, Refusal> {
        Self::parse_within(payload.into(), &Limits::DEFAULT)
    }

    fn parse_within(payload: Bytes, limits: &Limits) -> Result<Self, Refusal> {
        if payload.len() > limits.list_bytes {
            return Err(Reason::PayloadTooLarge.into());
        }
        let mut list = Self::new();
        let entries = links::read(&payload, limits.links, &mut list.quirks)?;
        list.take_root(&entries);
        let rows = list.rows(&entries);
        list.take_objects(rows);
        drop(entries);
        list.raw = payload;
        Ok(list)
    }

    /// The root link is the first one of type `oma.lwm2m`, else `</>`.
    fn take_root(&mut self, entries: &[Entry<'_>]) {
        let mut root_link = None;
        for entry in entries.iter().filter(|entry| entry.is_root) {
            match root::normalised(entry.target) {
                Some(root) => {
                    root_link = Some(entry);
                    root.clone_into(&mut self.root);
                    break;
                }
                None => note(&mut self.quirks, Quirk::BadRoot),
            }
        }
        let root_link = root_link.or_else(|| entries.iter().find(|entry| entry.target == "/"));
        if let Some(list) = root_link.and_then(|entry| entry.formats) {
            self.take_formats(list);
        }
    }

    /// Reads `110`, `60 110`, and the faulty `110,112`.
    fn take_formats(&mut self, list: Value<'_>) {
        if list.is_quoted() && list.raw().contains(',') {
            note(&mut self.quirks, Quirk::CommaInList);
        }
        for number in list.words().flat_map(|word| word.split(',')) {
            match number.parse().map(ContentFormat) {
                Ok(format) if self.formats.contains(&format) => {}
                Ok(format) if self.formats.len() < MAX_FORMATS => self.formats.push(format),
                _ => note(&mut self.quirks, Quirk::BadFormats),
            }
        }
    }

    /// The links that are objects and instances of the root, in ascending order. An object link
    /// comes before its instances.
    fn rows(&mut self, entries: &[Entry<'_>]) -> Vec<Row> {
        let mut rows = Vec::with_capacity(entries.len());
        for entry in entries {
            let target = match root::strip(&self.root, entry.target) {
                Some("" | "/") => continue,
                _ if entry.target == "/" || entry.is_root => continue,
                Some(target) => target,
                None => {
                    note(&mut self.quirks, Quirk::ForeignLink);
                    continue;
                }
            };
            let target = target.strip_suffix('/').unwrap_or(target);
            let (object, instance) = match place(target) {
                Ok((object, _)) if is_hidden(object) => {
                    note(&mut self.quirks, Quirk::SecurityObject);
                    continue;
                }
                Ok(place) => place,
                Err(quirk) => {
                    note(&mut self.quirks, quirk);
                    continue;
                }
            };
            let version = match entry.version.map(str::parse) {
                None => None,
                Some(Ok(version)) => Some(version),
                Some(Err(_)) => {
                    note(&mut self.quirks, Quirk::BadObjectVersion);
                    None
                }
            };
            rows.push(Row {
                object,
                instance,
                version,
            });
        }
        // Stable: of two equal links the earlier one keeps its place.
        rows.sort_by_key(|row| (row.object, row.instance));
        rows
    }

    fn take_objects(&mut self, rows: Vec<Row>) {
        let mut previous = None;
        for row in rows {
            let key = (row.object, row.instance);
            if previous == Some(key) {
                note(&mut self.quirks, Quirk::DuplicateLink);
            }
            let object = match self.objects.last_mut() {
                Some(object) if object.id == row.object => object,
                _ => {
                    let (id, instances) = (row.object, Vec::new());
                    self.objects.push(AdvertisedObject {
                        id,
                        version: None,
                        instances,
                    });
                    let Some(object) = self.objects.last_mut() else {
                        continue;
                    };
                    object
                }
            };
            match (object.version, row.version) {
                (Some(known), Some(other)) if known != other => {
                    note(&mut self.quirks, Quirk::ConflictingVersion);
                }
                (None, version) => object.version = version,
                _ => {}
            }
            if let Some(instance) = row.instance
                && previous != Some(key)
            {
                object.instances.push(instance);
            }
            previous = Some(key);
        }
    }
}

impl PartialEq for ObjectList {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root && self.formats == other.formats && self.objects == other.objects
    }
}

impl Eq for ObjectList {}

struct Row {
    object: u16,
    instance: Option<u16>,
    version: Option<Version>,
}

/// Reads `/3` or `/3/0`.
fn place(target: &str) -> Result<(u16, Option<u16>), Quirk> {
    let mut segments = target
        .strip_prefix('/')
        .ok_or(Quirk::ForeignLink)?
        .split('/');
    let object = segments.next().unwrap_or_default().as_bytes();
    if !root::is_numeric(object) {
        return Err(Quirk::ForeignLink);
    }
    let object = root::id(object).ok_or(Quirk::BadPath)?;
    let instance = match segments.next() {
        None => None,
        Some(segment) => Some(root::id(segment.as_bytes()).ok_or(Quirk::BadPath)?),
    };
    match segments.next() {
        None => Ok((object, instance)),
        Some(_) => Err(Quirk::DeepLink),
    }
}

/// A registration must not name the objects that hold secrets: Security and OSCORE.
const fn is_hidden(object: u16) -> bool {
    matches!(object, 0 | 21)
}

/// What a client understands without saying so (LwM2M 1.0 §6.4, 1.1 and 1.2 core §7.4).
const fn mandatory_formats(enabler: Lwm2mVersion) -> &'static [ContentFormat] {
    match enabler {
        Lwm2mVersion::V1_0 => &[
            ContentFormat::TLV,
            ContentFormat::TEXT,
            ContentFormat::OPAQUE,
        ],
        _ => &[
            ContentFormat::TEXT,
            ContentFormat::OPAQUE,
            ContentFormat::LINK,
        ],
    }
}

/// The resource type of the root link.
pub(crate) const ROOT_TYPE: &str = "oma.lwm2m";

/// More formats than are registered for LwM2M; what a peer lists beyond is dropped.
const MAX_FORMATS: usize = 32;
