//! The objects of a device, and what a path leads to.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use lwm2m_model::{
    Instance, Models, Node, Object as ObjectNode, ObjectDef, Path, Resource, ResourceDef,
    ResourceValue, Value,
};
use lwm2m_ops::Facts;

use crate::{Object, ObjectError, conform::conform_value};

/// The objects of a device.
///
/// Read it through [`Device::tree`](crate::Device::tree); it changes through the methods of
/// [`Device`](crate::Device), which tell servers.
#[derive(Debug)]
pub struct Tree {
    objects: BTreeMap<u16, Box<dyn Object>>,
    /// The definitions of `objects`, for the payload codecs.
    models: Models,
    max_objects: usize,
    max_resource_instances: usize,
    /// Counts changes of what a registration lists: objects and instances.
    generation: u64,
    /// Counts changes of the Server object, where the terms of the servers stand.
    terms_generation: u64,
    /// What may have a new value since the last look.
    touched: Vec<Path>,
}

impl Tree {
    pub(crate) fn new(max_objects: usize, max_resource_instances: usize) -> Self {
        Self {
            objects: BTreeMap::new(),
            models: Models::empty(),
            max_objects,
            max_resource_instances,
            generation: 0,
            terms_generation: 0,
            touched: Vec::new(),
        }
    }

    /// The object with this id.
    #[must_use]
    pub fn object(&self, id: u16) -> Option<&dyn Object> {
        self.objects.get(&id).map(|object| &**object)
    }

    /// All objects, by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Object> {
        self.objects.values().map(|object| &**object)
    }

    /// The present value of what `path` names: what an application may see, so also what no server can read.
    ///
    /// `None` for the root and for what does not exist.
    #[must_use]
    pub fn node(&self, path: &Path) -> Option<Node> {
        self.collect(path, |_| true).ok()
    }

    /// The definitions of the objects in the tree.
    #[must_use]
    pub const fn models(&self) -> &Models {
        &self.models
    }

    pub(crate) fn add(&mut self, object: Box<dyn Object>) -> Result<(), TreeError> {
        let id = object.definition().id();
        if matches!(id, SECURITY | OSCORE | u16::MAX) {
            return Err(TreeError::Reserved);
        }
        if self.objects.contains_key(&id) {
            return Err(TreeError::Duplicate);
        }
        if self.objects.len() >= self.max_objects {
            return Err(TreeError::Full);
        }
        self.models.insert(object.definition().clone());
        self.objects.insert(id, object);
        self.structure_changed(id);
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: u16) -> Option<Box<dyn Object>> {
        let object = self.objects.remove(&id)?;
        // The definition stays: harmless, and the object may come back.
        self.structure_changed(id);
        Some(object)
    }

    pub(crate) fn add_instance(
        &mut self,
        object: u16,
        instance: Instance,
    ) -> Result<(), ObjectError> {
        self.object_mut(object)?.add_instance(instance)?;
        self.structure_changed(object);
        Ok(())
    }

    pub(crate) fn remove_instance(
        &mut self,
        object: u16,
        instance: u16,
    ) -> Result<(), ObjectError> {
        self.object_mut(object)?.remove_instance(instance)?;
        self.structure_changed(object);
        Ok(())
    }

    pub(crate) fn set(
        &mut self,
        path: &Path,
        value: Option<ResourceValue>,
    ) -> Result<(), ObjectError> {
        let (object, instance, resource, value) = match *path.ids() {
            [object, instance, resource] => (object, instance, resource, value),
            [object, instance, resource, id] => {
                let value = self.with_instance(object, instance, resource, id, value)?;
                (object, instance, resource, value)
            }
            _ => return Err(ObjectError::NotAllowed),
        };
        self.object_mut(object)?.set(instance, resource, value)?;
        self.touch(Path::instance(object, instance).unwrap_or(Path::ROOT));
        Ok(())
    }

    /// The values of a multiple resource after one of them is set or removed.
    fn with_instance(
        &self,
        object: u16,
        instance: u16,
        resource: u16,
        id: u16,
        value: Option<ResourceValue>,
    ) -> Result<Option<ResourceValue>, ObjectError> {
        let held = self.object(object).ok_or(ObjectError::NotFound)?;
        let mut values = match held.read(instance, resource) {
            Some(ResourceValue::Multiple(values)) => values,
            Some(ResourceValue::Single(_)) => return Err(ObjectError::NotAllowed),
            None => Vec::new(),
        };
        values.retain(|(present, _)| *present != id);
        match value {
            None => {}
            Some(ResourceValue::Single(value)) => values.push((id, value)),
            Some(ResourceValue::Multiple(_)) => return Err(ObjectError::BadValue),
        }
        if values.len() > self.max_resource_instances {
            return Err(ObjectError::Conflict);
        }
        Ok(Some(ResourceValue::Multiple(values)))
    }

    pub(crate) fn object_mut(&mut self, id: u16) -> Result<&mut Box<dyn Object>, ObjectError> {
        self.objects.get_mut(&id).ok_or(ObjectError::NotFound)
    }

    /// Remembers that values at or below `path` may be new.
    pub(crate) fn touch(&mut self, path: Path) {
        if matches!(path.object_id(), None | Some(SERVER)) {
            self.terms_generation = self.terms_generation.wrapping_add(1);
        }
        if self.touched.iter().any(|known| path.starts_with(known)) {
            return;
        }
        // Many small marks become one big one: the list stays short, and looking twice is harmless.
        if self.touched.len() >= MAX_TOUCHED {
            self.touched.clear();
            self.touched.push(Path::ROOT);
            return;
        }
        self.touched.push(path);
    }

    pub(crate) fn take_touched(&mut self) -> Vec<Path> {
        core::mem::take(&mut self.touched)
    }

    pub(crate) fn has_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) const fn terms_generation(&self) -> u64 {
        self.terms_generation
    }

    pub(crate) fn structure_changed(&mut self, object: u16) {
        self.generation = self.generation.wrapping_add(1);
        self.touch(Path::object(object).unwrap_or(Path::ROOT));
    }

    pub(crate) const fn max_resource_instances(&self) -> usize {
        self.max_resource_instances
    }

    /// Checks that a server may know of the target, level by level, down to the instance.
    ///
    /// # Specification
    /// LwM2M 1.2 Core §8.2.2 for the order; ruling of this project: objects 0 and 21 are 4.01, existing or not.
    pub(crate) fn reach(&self, path: &Path) -> Result<&dyn Object, ObjectError> {
        let id = path.object_id().ok_or(ObjectError::NotAllowed)?;
        if matches!(id, SECURITY | OSCORE) {
            return Err(ObjectError::Unauthorized);
        }
        let object = self.object(id).ok_or(ObjectError::NotFound)?;
        if let Some(instance) = path.instance_id()
            && object.instances().binary_search(&instance).is_err()
        {
            return Err(ObjectError::NotFound);
        }
        Ok(object)
    }

    /// The definition of the resource that the path names, if it is instantiated there.
    pub(crate) fn instantiated(&self, path: &Path) -> Result<ResourceDef<'_>, ObjectError> {
        let object = self.reach(path)?;
        let (Some(instance), Some(resource)) = (path.instance_id(), path.resource_id()) else {
            return Err(ObjectError::NotAllowed);
        };
        match object.definition().resource(resource) {
            Some(def) if object.resources(instance).contains(&resource) => Ok(def),
            _ => Err(ObjectError::NotFound),
        }
    }

    /// What a server reads at the path.
    pub(crate) fn readable(&self, path: &Path) -> Result<Node, ObjectError> {
        self.reach(path)?;
        if path.resource_id().is_some() {
            let def = self.instantiated(path)?;
            if !def.operations().read {
                return Err(ObjectError::NotAllowed);
            }
            if path.resource_instance_id().is_some() && !def.is_multiple() {
                return Err(ObjectError::NotAllowed);
            }
        }
        self.collect(path, |def| def.operations().read)
    }

    fn collect(
        &self,
        path: &Path,
        want: impl Fn(&ResourceDef<'_>) -> bool,
    ) -> Result<Node, ObjectError> {
        let object = path
            .object_id()
            .and_then(|id| self.object(id))
            .ok_or(ObjectError::NotFound)?;
        let def = object.definition();
        let gather = |id: u16| {
            let mut resources = Vec::new();
            for resource in object.resources(id) {
                if let Some(def) = def.resource(resource)
                    && want(&def)
                    && let Some(value) = object.read(id, resource)
                {
                    resources.push(Resource {
                        id: resource,
                        value,
                    });
                }
            }
            Instance::new(id, resources)
        };
        match *path.ids() {
            [id] => {
                let instances = object.instances().into_iter().map(gather).collect();
                Ok(Node::Object(ObjectNode::new(id, instances)))
            }
            [_, instance] if object.instances().contains(&instance) => {
                Ok(Node::Instance(gather(instance)))
            }
            [_, instance, id] => {
                let value = object.read(instance, id).ok_or(ObjectError::NotFound)?;
                Ok(Node::Resource(Resource { id, value }))
            }
            [_, instance, resource, id] => match object.read(instance, resource) {
                Some(ResourceValue::Multiple(values)) => values
                    .into_iter()
                    .find(|(present, _)| *present == id)
                    .map(|(id, value)| Node::ResourceInstance(id, value))
                    .ok_or(ObjectError::NotFound),
                _ => Err(ObjectError::NotFound),
            },
            _ => Err(ObjectError::NotFound),
        }
    }

    /// Type, range and, for a link, whether it leads anywhere.
    ///
    /// # Specification
    /// LwM2M 1.2 Core, appendix C: an Objlnk names an object, an instance that exists, or nothing (65535:65535).
    pub(crate) fn checked(&self, def: ResourceDef<'_>, value: Value) -> Result<Value, ObjectError> {
        let value = conform_value(def, value)?;
        if let Value::ObjectLink(link) = &value {
            let leads = match (link.object, link.instance) {
                (u16::MAX, u16::MAX) => true,
                (object, u16::MAX) => self.object(object).is_some(),
                (object, instance) => self
                    .object(object)
                    .is_some_and(|object| object.instances().contains(&instance)),
            };
            if !leads {
                return Err(ObjectError::BadValue);
            }
        }
        Ok(value)
    }

    /// The definition of an object in the tree.
    pub(crate) fn definition(&self, object: u16) -> Result<&ObjectDef, ObjectError> {
        self.object(object)
            .map(Object::definition)
            .ok_or(ObjectError::NotFound)
    }
}

impl Facts for Tree {
    fn is_executable(&self, path: &Path) -> bool {
        let (Some(object), Some(resource)) = (path.object_id(), path.resource_id()) else {
            return false;
        };
        let object = self.object(object);
        let def = object.and_then(|object| object.definition().resource(resource));
        def.is_some_and(|def| def.operations().execute)
    }
}

/// Why an object is not added.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The tree has an object with this id.
    #[error("an object with this id exists")]
    Duplicate,
    /// [`Config::max_objects`](crate::Config::max_objects) is reached.
    #[error("no room for another object")]
    Full,
    /// The Security and OSCORE objects are kept by the machine itself, and 65535 is no object.
    #[error("the object id is reserved")]
    Reserved,
}

/// The Security object.
pub(crate) const SECURITY: u16 = 0;
/// The Server object.
pub(crate) const SERVER: u16 = 1;
/// The OSCORE object.
pub(crate) const OSCORE: u16 = 21;
const MAX_TOUCHED: usize = 32;
