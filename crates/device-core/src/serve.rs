//! What a device does with the operations of a server, and how it answers.

use alloc::{string::String, vec::Vec};

use bytes::Bytes;
use coap_codec::ContentFormat;
use lwm2m_model::{Level, Lwm2mVersion, Node, Path, Resource, ResourceValue, Value};
use lwm2m_ops::{Create, Delete, Execute, Write, WriteMode};

use crate::{Change, ObjectError, Tree, codec, tree::SERVER};

/// What is known of the asking server and of this device beside the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) version: Lwm2mVersion,
    pub(crate) root: &'a str,
    /// The formats that the registration announced.
    pub(crate) formats: &'a [ContentFormat],
    pub(crate) max_payload: usize,
}

/// A failure with what a developer at the server's end may want to read.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: ObjectError,
    pub(crate) diagnostic: String,
}

impl From<ObjectError> for Failure {
    fn from(error: ObjectError) -> Self {
        Self {
            error,
            diagnostic: String::new(),
        }
    }
}

/// Read, and the answer to Observe and Cancel.
pub(crate) fn read(
    tree: &Tree,
    terms: Terms<'_>,
    path: &Path,
    accept: Option<ContentFormat>,
) -> Result<(ContentFormat, Bytes), Failure> {
    let node = tree.readable(path)?;
    let format = codec::choose(accept, terms, &node)?;
    Ok((format, render(tree, terms, path, &node, format)?))
}

/// The content of a path in a format that was chosen before.
pub(crate) fn content(
    tree: &Tree,
    terms: Terms<'_>,
    path: &Path,
    format: ContentFormat,
) -> Result<Bytes, Failure> {
    let node = tree.readable(path)?;
    render(tree, terms, path, &node, format)
}

fn render(
    tree: &Tree,
    terms: Terms<'_>,
    path: &Path,
    node: &Node,
    format: ContentFormat,
) -> Result<Bytes, Failure> {
    let payload = codec::encode(tree, terms, format, path, node)?;
    if payload.len() > terms.max_payload {
        return Err(ObjectError::Internal.into());
    }
    Ok(payload)
}

/// Write, in both modes: the whole, or nothing.
///
/// # Specification
/// LwM2M 1.2 Core §6.3.3.
pub(crate) fn write(tree: &mut Tree, terms: Terms<'_>, write: &Write) -> Result<(), Failure> {
    let path = write.path();
    let held = tree.reach(&path)?;
    let (Some(object), Some(instance)) = (path.object_id(), path.instance_id()) else {
        return Err(ObjectError::NotAllowed.into());
    };
    if let Some(id) = path.resource_id() {
        let def = held.definition().resource(id).filter(|_| held.supports(id));
        let def = def.ok_or(ObjectError::NotFound)?;
        if !def.operations().write {
            return Err(ObjectError::NotAllowed.into());
        }
        if let Some(item) = path.resource_instance_id() {
            if !def.is_multiple() {
                return Err(ObjectError::NotAllowed.into());
            }
            if !holds(held.read(instance, id), item) {
                return Err(ObjectError::NotFound.into());
            }
        }
    }
    let node = codec::decode(tree, terms, write.format(), &path, write.payload())?;
    let change = change(tree, &path, write.mode(), node)?;
    tree.object_mut(object)?.write(instance, &change)?;
    tree.touch(path.truncated(2));
    Ok(())
}

fn holds(value: Option<ResourceValue>, item: u16) -> bool {
    let values = value.as_ref().and_then(ResourceValue::as_multiple);
    values.is_some_and(|values| values.iter().any(|(id, _)| *id == item))
}

/// What the payload makes of the instance.
fn change(tree: &Tree, path: &Path, mode: WriteMode, node: Node) -> Result<Change, ObjectError> {
    let held = tree.reach(path)?;
    let instance = path.instance_id().ok_or(ObjectError::NotAllowed)?;
    let whole = path.level() == Level::Instance;
    let written = match node {
        Node::Instance(written) if whole && written.id == instance => written.resources,
        Node::Resource(written) if path.resource_id() == Some(written.id) => {
            alloc::vec![written]
        }
        Node::ResourceInstance(item, value) if path.resource_instance_id() == Some(item) => {
            let id = path.resource_id().ok_or(ObjectError::BadRequest)?;
            alloc::vec![Resource::multiple(id, alloc::vec![(item, value)])]
        }
        _ => return Err(ObjectError::BadRequest),
    };
    // One resource instance is set among its siblings, as a partial write of its resource does.
    let merge = mode == WriteMode::Partial || path.level() == Level::ResourceInstance;
    let mut change = Change::default();
    for resource in written {
        let def = held.definition().resource(resource.id);
        // "Unknown or unsupported optional resources MUST NOT be an error": they are left away.
        let Some(def) = def.filter(|def| held.supports(def.id())) else {
            continue;
        };
        if !def.operations().write {
            return Err(ObjectError::NotAllowed);
        }
        let value = match (resource.value, def.is_multiple()) {
            (ResourceValue::Single(value), false) => {
                ResourceValue::Single(tree.checked(def, value)?)
            }
            (ResourceValue::Multiple(values), true) => {
                let present = match held.read(instance, def.id()) {
                    Some(ResourceValue::Multiple(present)) if merge => present,
                    _ => Vec::new(),
                };
                let values = merged(tree, def, present, values)?;
                ResourceValue::Multiple(values)
            }
            _ => return Err(ObjectError::BadRequest),
        };
        if change.set.iter().any(|known| known.id == def.id()) {
            return Err(ObjectError::BadRequest);
        }
        change.set.push(Resource {
            id: def.id(),
            value,
        });
    }
    if whole && mode == WriteMode::Replace {
        for id in held.resources(instance) {
            if let Some(def) = held.definition().resource(id)
                && def.operations().write
                && !def.is_mandatory()
                && !change.set.iter().any(|known| known.id == id)
            {
                change.removed.push(id);
            }
        }
    }
    Ok(change)
}

fn merged(
    tree: &Tree,
    def: lwm2m_model::ResourceDef<'_>,
    mut present: Vec<(u16, Value)>,
    values: Vec<(u16, Value)>,
) -> Result<Vec<(u16, Value)>, ObjectError> {
    for (id, value) in values {
        let value = tree.checked(def, value)?;
        match present.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(at) => {
                if let Some(place) = present.get_mut(at) {
                    *place = (id, value);
                }
            }
            Err(at) => present.insert(at, (id, value)),
        }
    }
    if present.len() > tree.max_resource_instances() {
        return Err(ObjectError::BadValue);
    }
    Ok(present)
}

/// Execute. What it is for happens after the answer.
///
/// # Specification
/// LwM2M 1.2 Core §6.3.5.
pub(crate) fn execute(tree: &mut Tree, execute: &Execute) -> Result<(), ObjectError> {
    let path = execute.path();
    let def = tree.instantiated(&path)?;
    if !def.operations().execute {
        return Err(ObjectError::NotAllowed);
    }
    let [object, instance, resource] = *path.ids() else {
        return Err(ObjectError::NotAllowed);
    };
    let held = tree.object_mut(object)?;
    held.execute(instance, resource, execute.arguments())?;
    tree.touch(path.truncated(2));
    Ok(())
}

/// Create: the instances that came to be, and whether the device chose their id.
///
/// # Specification
/// LwM2M 1.2 Core §6.3.6.
pub(crate) fn create(
    tree: &mut Tree,
    terms: Terms<'_>,
    create: &Create,
) -> Result<(Vec<Path>, bool), Failure> {
    let path = create.path();
    let held = tree.reach(&path)?;
    let object = path.object_id().ok_or(ObjectError::NotAllowed)?;
    let present = held.instances();
    let (mut asked, chosen) = codec::decode_create(tree, terms, create, &present)?;
    let def = held.definition();
    let conflict = asked.iter().any(|instance| present.contains(&instance.id))
        || !def.is_multiple() && asked.iter().any(|instance| instance.id != 0);
    if asked.is_empty() || conflict {
        return Err(ObjectError::Conflict.into());
    }
    for instance in &mut asked {
        instance.resources = creatable(tree, object, core::mem::take(&mut instance.resources))?;
    }
    asked.sort_by_key(|instance| instance.id);
    if asked
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.id == b.id))
    {
        return Err(ObjectError::Conflict.into());
    }
    let paths = asked
        .iter()
        .map(|instance| path.child(instance.id).map_err(|_| ObjectError::BadRequest))
        .collect::<Result<_, _>>()?;
    tree.object_mut(object)?.create(asked)?;
    tree.structure_changed(object);
    Ok((paths, chosen))
}

/// The values of a new instance that count: read-only and unknown ones are passed over.
fn creatable(
    tree: &Tree,
    object: u16,
    resources: Vec<Resource>,
) -> Result<Vec<Resource>, ObjectError> {
    let definition = tree.definition(object)?;
    let mut values: Vec<Resource> = Vec::new();
    for resource in resources {
        let Some(def) = definition
            .resource(resource.id)
            .filter(|def| def.operations().write)
        else {
            continue;
        };
        let value = match (resource.value, def.is_multiple()) {
            (ResourceValue::Single(value), false) => {
                ResourceValue::Single(tree.checked(def, value)?)
            }
            (ResourceValue::Multiple(items), true) => {
                ResourceValue::Multiple(merged(tree, def, Vec::new(), items)?)
            }
            _ => return Err(ObjectError::BadRequest),
        };
        if values.iter().any(|known| known.id == def.id()) {
            return Err(ObjectError::BadRequest);
        }
        values.push(Resource {
            id: def.id(),
            value,
        });
    }
    Ok(values)
}

/// Delete: an instance, or from LwM2M 1.2 on a resource instance.
///
/// # Specification
/// LwM2M 1.2 Core §6.3.7.
pub(crate) fn delete(
    tree: &mut Tree,
    terms: Terms<'_>,
    delete: &Delete,
) -> Result<(), ObjectError> {
    let path = delete.path();
    let held = tree.reach(&path)?;
    match *path.ids() {
        // The account of a server goes by bootstrap only.
        [SERVER, _] => Err(ObjectError::NotAllowed),
        [object, instance] => {
            tree.object_mut(object)?.delete(instance)?;
            tree.structure_changed(object);
            Ok(())
        }
        [object, instance, resource, item] => {
            let def = tree.instantiated(&path.truncated(3))?;
            if terms.version < Lwm2mVersion::V1_2 || !def.is_multiple() || !def.operations().write {
                return Err(ObjectError::NotAllowed);
            }
            let value = held.read(instance, resource);
            let Some(ResourceValue::Multiple(mut values)) = value else {
                return Err(ObjectError::NotFound);
            };
            let count = values.len();
            values.retain(|(id, _)| *id != item);
            if values.len() == count {
                return Err(ObjectError::NotFound);
            }
            let mut change = Change::default();
            change.set.push(Resource::multiple(resource, values));
            tree.object_mut(object)?.write(instance, &change)?;
            tree.touch(path.truncated(2));
            Ok(())
        }
        _ => Err(ObjectError::NotAllowed),
    }
}

/// The lowest instance id that is free.
pub(crate) fn free_instance(present: &[u16]) -> Option<u16> {
    (0..u16::MAX).find(|id| present.binary_search(id).is_err())
}
