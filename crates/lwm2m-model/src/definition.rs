//! What is known about an object and its resources: the facts of a definition file.

use alloc::{borrow::Cow, boxed::Box, format, vec::Vec};
use core::fmt;

use crate::{Lwm2mVersion, ValueType, Version, registry::Records};

/// The definition of one version of an object.
///
/// It comes from the built-in registry, from a definition file, or from code:
///
/// ```
/// use lwm2m_model::{ObjectDef, Operations, ResourceDef, ValueType, Version};
///
/// let valve = ObjectDef::new(33_000, "Valve", Version::V1_0)
///     .with_multiple(true)
///     .with_resource(
///         ResourceDef::new(0, "Opening", Operations::RW, ValueType::Float)
///             .with_unit("/100")
///             .with_mandatory(true),
///     )
///     .with_resource(ResourceDef::new(1, "Flush", Operations::E, ValueType::None));
/// assert_eq!(valve.resource(0).and_then(|opening| opening.unit()), Some("/100"));
/// assert_eq!(valve.urn(), "urn:oma:lwm2m:x:33000");
/// ```
///
/// # Specification
/// LwM2M Core 1.2 Appendix D (object template).
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectDef {
    id: u16,
    name: Cow<'static, str>,
    version: Version,
    lwm2m_version: Lwm2mVersion,
    multiple: bool,
    mandatory: bool,
    /// Only where a file states another one than the id and the version give.
    urn: Option<Box<str>>,
    resources: Resources,
}

impl ObjectDef {
    /// An object without resources: single, optional, for LwM2M 1.0.
    #[must_use]
    pub fn new(id: u16, name: impl Into<Cow<'static, str>>, version: Version) -> Self {
        Self {
            id,
            name: name.into(),
            version,
            lwm2m_version: Lwm2mVersion::V1_0,
            multiple: false,
            mandatory: false,
            urn: None,
            resources: Resources::Owned(Vec::new()),
        }
    }

    /// Takes its resources from the built-in registry.
    pub(crate) fn with_records(mut self, records: Records) -> Self {
        self.resources = Resources::Table(records);
        self
    }

    /// Says whether the object can have several instances.
    #[must_use]
    pub fn with_multiple(mut self, multiple: bool) -> Self {
        self.multiple = multiple;
        self
    }

    /// Says whether every device must have the object.
    #[must_use]
    pub fn with_mandatory(mut self, mandatory: bool) -> Self {
        self.mandatory = mandatory;
        self
    }

    /// Says which LwM2M version the object needs at least.
    #[must_use]
    pub fn with_lwm2m_version(mut self, version: Lwm2mVersion) -> Self {
        self.lwm2m_version = version;
        self
    }

    /// Gives the object a URN of its own. One that the id and the version imply anyway is not stored.
    #[must_use]
    pub fn with_urn(mut self, urn: &str) -> Self {
        self.urn = None;
        if self.urn() != urn {
            self.urn = Some(urn.into());
        }
        self
    }

    /// Adds a resource, in place of one with the same id.
    #[must_use]
    pub fn with_resource(mut self, resource: ResourceDef<'_>) -> Self {
        let owned = OwnedResource::from(resource);
        let mut resources = self.resources.into_owned();
        match resources.binary_search_by_key(&owned.id, |resource| resource.id) {
            Ok(at) => {
                if let Some(place) = resources.get_mut(at) {
                    *place = owned;
                }
            }
            Err(at) => resources.insert(at, owned),
        }
        self.resources = Resources::Owned(resources);
        self
    }

    /// The object's id.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// The object's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that is defined here.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The LwM2M version that the object needs at least.
    #[must_use]
    pub const fn lwm2m_version(&self) -> Lwm2mVersion {
        self.lwm2m_version
    }

    /// True when the object can have several instances; else its only instance has the id 0.
    #[must_use]
    pub const fn is_multiple(&self) -> bool {
        self.multiple
    }

    /// True when every device must have the object.
    #[must_use]
    pub const fn is_mandatory(&self) -> bool {
        self.mandatory
    }

    /// The URN, such as `urn:oma:lwm2m:ext:3303:1.1`.
    #[must_use]
    pub fn urn(&self) -> Cow<'_, str> {
        if let Some(urn) = &self.urn {
            return Cow::Borrowed(urn);
        }
        let class = urn_class(self.id);
        Cow::Owned(match self.version {
            Version::V1_0 => format!("urn:oma:lwm2m:{class}:{}", self.id),
            version => format!("urn:oma:lwm2m:{class}:{}:{version}", self.id),
        })
    }

    /// The resource with this id.
    #[must_use]
    pub fn resource(&self, id: u16) -> Option<ResourceDef<'_>> {
        match &self.resources {
            Resources::Owned(resources) => {
                let at = resources
                    .binary_search_by_key(&id, |resource| resource.id)
                    .ok()?;
                resources.get(at).map(OwnedResource::view)
            }
            Resources::Table(records) => records.find(id),
        }
    }

    /// All resources, by ascending id.
    #[must_use]
    pub const fn resources(&self) -> ResourceDefs<'_> {
        ResourceDefs {
            resources: &self.resources,
            next: 0,
        }
    }
}

/// The resources of an [`ObjectDef`]; made by [`ObjectDef::resources`].
#[derive(Clone, Debug)]
pub struct ResourceDefs<'a> {
    resources: &'a Resources,
    next: usize,
}

impl<'a> Iterator for ResourceDefs<'a> {
    type Item = ResourceDef<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.resources.at(self.next)?;
        self.next = self.next.saturating_add(1);
        Some(found)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.resources.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for ResourceDefs<'_> {}

/// Where the resources of a definition are kept.
#[derive(Clone)]
enum Resources {
    /// By ascending id.
    Owned(Vec<OwnedResource>),
    Table(Records),
}

impl Resources {
    fn len(&self) -> usize {
        match self {
            Self::Owned(resources) => resources.len(),
            Self::Table(records) => records.len(),
        }
    }

    fn at(&self, position: usize) -> Option<ResourceDef<'_>> {
        match self {
            Self::Owned(resources) => resources.get(position).map(OwnedResource::view),
            Self::Table(records) => records.at(position),
        }
    }

    fn iter(&self) -> impl Iterator<Item = ResourceDef<'_>> {
        (0..self.len()).filter_map(|position| self.at(position))
    }

    fn into_owned(self) -> Vec<OwnedResource> {
        match self {
            Self::Owned(resources) => resources,
            table @ Self::Table(_) => table.iter().map(OwnedResource::from).collect(),
        }
    }
}

/// Equal when the resources are, wherever they are kept.
impl PartialEq for Resources {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The part of a URN that tells who registered the id.
fn urn_class(id: u16) -> &'static str {
    match id {
        0..=1023 => "oma",
        1024..=10_240 => "ext",
        _ => "x",
    }
}

#[derive(Clone, Debug)]
struct OwnedResource {
    id: u16,
    name: Box<str>,
    operations: Operations,
    multiple: bool,
    mandatory: bool,
    value_type: ValueType,
    range: Option<Box<str>>,
    unit: Option<Box<str>>,
}

impl OwnedResource {
    fn view(&self) -> ResourceDef<'_> {
        ResourceDef {
            id: self.id,
            name: &self.name,
            operations: self.operations,
            multiple: self.multiple,
            mandatory: self.mandatory,
            value_type: self.value_type,
            range: self.range.as_deref(),
            unit: self.unit.as_deref(),
        }
    }
}

impl From<ResourceDef<'_>> for OwnedResource {
    fn from(view: ResourceDef<'_>) -> Self {
        Self {
            id: view.id,
            name: view.name.into(),
            operations: view.operations,
            multiple: view.multiple,
            mandatory: view.mandatory,
            value_type: view.value_type,
            range: view.range.map(Into::into),
            unit: view.unit.map(Into::into),
        }
    }
}

/// The definition of a resource, borrowed from its [`ObjectDef`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResourceDef<'a> {
    id: u16,
    name: &'a str,
    operations: Operations,
    multiple: bool,
    mandatory: bool,
    value_type: ValueType,
    range: Option<&'a str>,
    unit: Option<&'a str>,
}

impl<'a> ResourceDef<'a> {
    /// A resource: single, optional, without range and unit.
    #[must_use]
    pub const fn new(
        id: u16,
        name: &'a str,
        operations: Operations,
        value_type: ValueType,
    ) -> Self {
        Self {
            id,
            name,
            operations,
            multiple: false,
            mandatory: false,
            value_type,
            range: None,
            unit: None,
        }
    }

    /// Says whether the resource can have several instances.
    #[must_use]
    pub const fn with_multiple(mut self, multiple: bool) -> Self {
        self.multiple = multiple;
        self
    }

    /// Says whether every instance of the object must have the resource.
    #[must_use]
    pub const fn with_mandatory(mut self, mandatory: bool) -> Self {
        self.mandatory = mandatory;
        self
    }

    /// States the range or the enumeration, in words of the registry: `0..100`. Empty text is none.
    #[must_use]
    pub const fn with_range(mut self, range: &'a str) -> Self {
        self.range = if range.is_empty() { None } else { Some(range) };
        self
    }

    /// States the unit, in words of the registry: `Cel`, `/100`. Empty text is none.
    #[must_use]
    pub const fn with_unit(mut self, unit: &'a str) -> Self {
        self.unit = if unit.is_empty() { None } else { Some(unit) };
        self
    }

    /// The resource's id.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// The resource's name.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// What a server may do with it.
    #[must_use]
    pub const fn operations(&self) -> Operations {
        self.operations
    }

    /// True when the resource can have several instances.
    #[must_use]
    pub const fn is_multiple(&self) -> bool {
        self.multiple
    }

    /// True when every instance of the object must have the resource.
    #[must_use]
    pub const fn is_mandatory(&self) -> bool {
        self.mandatory
    }

    /// The type of its values; [`ValueType::None`] when it can only be executed.
    #[must_use]
    pub const fn value_type(&self) -> ValueType {
        self.value_type
    }

    /// Its range or enumeration, free text of the registry.
    #[must_use]
    pub const fn range(&self) -> Option<&'a str> {
        self.range
    }

    /// Its unit, free text of the registry.
    #[must_use]
    pub const fn unit(&self) -> Option<&'a str> {
        self.unit
    }
}

/// What a server may do with a resource. All false: only a bootstrap server writes it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the object template has these three letters"
)]
pub struct Operations {
    /// Read, observe, discover.
    pub read: bool,
    /// Write.
    pub write: bool,
    /// Execute.
    pub execute: bool,
}

impl Operations {
    /// Nothing: only a bootstrap server writes it.
    pub const NONE: Self = Self::of(false, false, false);
    /// Read.
    pub const R: Self = Self::of(true, false, false);
    /// Write.
    pub const W: Self = Self::of(false, true, false);
    /// Read and write.
    pub const RW: Self = Self::of(true, true, false);
    /// Execute.
    pub const E: Self = Self::of(false, false, true);

    const fn of(read: bool, write: bool, execute: bool) -> Self {
        Self {
            read,
            write,
            execute,
        }
    }
}

impl fmt::Display for Operations {
    /// `R`, `W`, `RW`, `E`, or nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (allowed, letter) in [(self.read, "R"), (self.write, "W"), (self.execute, "E")] {
            if allowed {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}
