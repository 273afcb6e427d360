//! An object made of a definition and a table of values.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::fmt;

use lwm2m_model::{Instance, ObjectDef, Resource, ResourceValue};
use lwm2m_ops::Arguments;

use crate::{Change, Object, ObjectError, conform::conform};

/// An object whose values simply stand in a table: servers and the application read and write them.
///
/// ```
/// use device_core::TableObject;
/// use lwm2m_model::{ObjectDef, Operations, Resource, ResourceDef, ValueType, Version};
///
/// let def = ObjectDef::new(32_769, "Door", Version::V1_0)
///     .with_resource(ResourceDef::new(0, "Open", Operations::R, ValueType::Boolean))
///     .with_resource(ResourceDef::new(1, "Unlock", Operations::E, ValueType::None));
/// let door = TableObject::new(def)
///     .with_instance(0, [Resource::single(0, false)])
///     .with_executable(1);
/// ```
///
/// What this device implements of the definition is what an instance was given at the start, what
/// [`with_support`](Self::with_support) adds, and the executables named. A server that writes another optional resource
/// in passing is not refused; the value is ignored, as the specification asks.
#[derive(Clone)]
pub struct TableObject {
    def: ObjectDef,
    instances: BTreeMap<u16, BTreeMap<u16, ResourceValue>>,
    executable: BTreeSet<u16>,
    supported: BTreeSet<u16>,
    template: Option<Vec<Resource>>,
    max_instances: usize,
    check: fn(&Resource) -> Result<(), ObjectError>,
}

impl TableObject {
    /// An object without instances.
    #[must_use]
    pub fn new(def: ObjectDef) -> Self {
        let max_instances = if def.is_multiple() { 64 } else { 1 };
        Self {
            def,
            instances: BTreeMap::new(),
            executable: BTreeSet::new(),
            supported: BTreeSet::new(),
            template: None,
            max_instances,
            check: |_| Ok(()),
        }
    }

    /// Adds an instance. Values that the definition does not allow are left away; the rest stays.
    #[must_use]
    pub fn with_instance(mut self, id: u16, resources: impl IntoIterator<Item = Resource>) -> Self {
        let values = self.admit(resources);
        self.supported.extend(values.keys());
        self.instances.insert(id, values);
        self
    }

    /// Says that every instance has this executable resource. What it does is told by
    /// [`Event::Executed`](crate::Event::Executed).
    #[must_use]
    pub fn with_executable(mut self, resource: u16) -> Self {
        if self
            .def
            .resource(resource)
            .is_some_and(|def| def.operations().execute)
        {
            self.executable.insert(resource);
            self.supported.insert(resource);
        }
        self
    }

    /// Says that a server may write this resource into being.
    #[must_use]
    pub fn with_support(mut self, resource: u16) -> Self {
        if self.def.resource(resource).is_some() {
            self.supported.insert(resource);
        }
        self
    }

    /// Lets servers create and delete instances.
    ///
    /// Mandatory resources that a server leaves away, or may not write, start from `template`.
    #[must_use]
    pub fn with_create(mut self, template: impl IntoIterator<Item = Resource>) -> Self {
        let template: Vec<Resource> = self
            .admit(template)
            .into_iter()
            .map(|(id, value)| Resource { id, value })
            .collect();
        let writable = self.def.resources().filter(|def| def.operations().write);
        self.supported.extend(writable.map(|def| def.id()));
        self.supported
            .extend(template.iter().map(|resource| resource.id));
        self.template = Some(template);
        self
    }

    /// Limits the number of instances (64, or 1 for an object of one instance).
    #[must_use]
    pub const fn with_max_instances(mut self, max: usize) -> Self {
        self.max_instances = max;
        self
    }

    /// Adds a check of the values that servers write, beyond type and range of the definition.
    #[must_use]
    pub const fn with_check(mut self, check: fn(&Resource) -> Result<(), ObjectError>) -> Self {
        self.check = check;
        self
    }

    fn admit(&self, resources: impl IntoIterator<Item = Resource>) -> BTreeMap<u16, ResourceValue> {
        let conforming = |resource: Resource| {
            let value = conform(self.def.resource(resource.id)?, resource.value).ok()?;
            Some((resource.id, value))
        };
        resources.into_iter().filter_map(conforming).collect()
    }

    fn instance_mut(&mut self, id: u16) -> Result<&mut BTreeMap<u16, ResourceValue>, ObjectError> {
        self.instances.get_mut(&id).ok_or(ObjectError::NotFound)
    }

    /// The values of an instance that a server creates.
    fn fresh(&self, instance: Instance) -> Result<BTreeMap<u16, ResourceValue>, ObjectError> {
        let template = self.template.as_ref().ok_or(ObjectError::NotAllowed)?;
        let mut values = BTreeMap::new();
        for resource in instance.resources {
            if self.supports(resource.id) {
                (self.check)(&resource)?;
                values.insert(resource.id, resource.value);
            }
        }
        for def in self.def.resources().filter(|def| def.is_mandatory()) {
            if def.operations().execute || values.contains_key(&def.id()) {
                continue;
            }
            let default = template.iter().find(|resource| resource.id == def.id());
            let default = default.ok_or(ObjectError::Incomplete)?;
            values.insert(def.id(), default.value.clone());
        }
        Ok(values)
    }
}

impl Object for TableObject {
    fn definition(&self) -> &ObjectDef {
        &self.def
    }

    fn instances(&self) -> Vec<u16> {
        self.instances.keys().copied().collect()
    }

    fn resources(&self, instance: u16) -> Vec<u16> {
        let Some(values) = self.instances.get(&instance) else {
            return Vec::new();
        };
        let ids: BTreeSet<u16> = values.keys().chain(&self.executable).copied().collect();
        ids.into_iter().collect()
    }

    fn read(&self, instance: u16, resource: u16) -> Option<ResourceValue> {
        self.instances.get(&instance)?.get(&resource).cloned()
    }

    fn supports(&self, resource: u16) -> bool {
        self.supported.contains(&resource)
    }

    fn write(&mut self, instance: u16, change: &Change) -> Result<(), ObjectError> {
        change.set.iter().try_for_each(self.check)?;
        let values = self.instance_mut(instance)?;
        for id in &change.removed {
            values.remove(id);
        }
        for resource in &change.set {
            values.insert(resource.id, resource.value.clone());
        }
        Ok(())
    }

    fn execute(
        &mut self,
        instance: u16,
        resource: u16,
        _arguments: &Arguments,
    ) -> Result<(), ObjectError> {
        match self.instances.contains_key(&instance) && self.executable.contains(&resource) {
            true => Ok(()),
            false => Err(ObjectError::NotAllowed),
        }
    }

    fn create(&mut self, instances: Vec<Instance>) -> Result<(), ObjectError> {
        if self.template.is_none() {
            return Err(ObjectError::NotAllowed);
        }
        if self.instances.len().saturating_add(instances.len()) > self.max_instances {
            return Err(ObjectError::Conflict);
        }
        let mut fresh = Vec::new();
        for instance in instances {
            fresh.push((instance.id, self.fresh(instance)?));
        }
        self.instances.extend(fresh);
        Ok(())
    }

    fn delete(&mut self, instance: u16) -> Result<(), ObjectError> {
        if self.template.is_none() {
            return Err(ObjectError::NotAllowed);
        }
        self.remove_instance(instance)
    }

    fn set(
        &mut self,
        instance: u16,
        resource: u16,
        value: Option<ResourceValue>,
    ) -> Result<(), ObjectError> {
        let def = self.def.resource(resource).ok_or(ObjectError::NotFound)?;
        if def.operations().execute {
            return Err(ObjectError::NotAllowed);
        }
        let mandatory = def.is_mandatory();
        let value = value.map(|value| conform(def, value)).transpose()?;
        let values = self.instance_mut(instance)?;
        match value {
            Some(value) => {
                values.insert(resource, value);
                self.supported.insert(resource);
            }
            None if mandatory => return Err(ObjectError::NotAllowed),
            None => {
                values.remove(&resource);
            }
        }
        Ok(())
    }

    fn add_instance(&mut self, instance: Instance) -> Result<(), ObjectError> {
        if self.instances.contains_key(&instance.id) || self.instances.len() >= self.max_instances {
            return Err(ObjectError::Conflict);
        }
        let values = self.admit(instance.resources);
        self.supported.extend(values.keys());
        self.instances.insert(instance.id, values);
        Ok(())
    }

    fn remove_instance(&mut self, instance: u16) -> Result<(), ObjectError> {
        match self.instances.remove(&instance) {
            Some(_) => Ok(()),
            None => Err(ObjectError::NotFound),
        }
    }
}

impl fmt::Debug for TableObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableObject")
            .field("id", &self.def.id())
            .field("instances", &self.instances.keys())
            .finish_non_exhaustive()
    }
}
