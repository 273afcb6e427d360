//! What the definitions say of a node that is to be written.

use alloc::{borrow::Cow, vec::Vec};

use super::{EncodeError, EncodeErrorKind};
use crate::{Choice, Context, Instance, Node, Path, Resource, ResourceValue, Value, ValueType};

/// Checks a node against its path and the definitions, and gives its values the types that are defined. Nothing is
/// copied when they have them already.
pub(super) fn checked<'n>(
    cx: &Context<'_>,
    path: &Path,
    node: &'n Node,
) -> Result<Cow<'n, Node>, EncodeError> {
    if node.level() != path.level() || Some(node.id()) != path.last_id() {
        return Err(EncodeError::new(*path, EncodeErrorKind::WrongNode));
    }
    let choice = cx.object(path.object_id().unwrap_or_default());
    let mut alike = true;
    each_resource(path, node, |path, resource| {
        alike &= check(&choice, path, resource)?;
        Ok(())
    })?;
    let Node::ResourceInstance(_, value) = node else {
        if alike {
            return Ok(Cow::Borrowed(node));
        }
        let mut node = node.clone();
        convert_all(&choice, &mut node);
        return Ok(Cow::Owned(node));
    };
    let resource = path.parent().unwrap_or(*path);
    multiplicity(&choice, &resource, true)?;
    if fits(&choice, path, value)? {
        return Ok(Cow::Borrowed(node));
    }
    let value = converted(
        &choice,
        path.resource_id().unwrap_or_default(),
        value.clone(),
    );
    Ok(Cow::Owned(Node::ResourceInstance(node.id(), value)))
}

/// The value of a node that holds exactly one.
pub(super) const fn one_value(node: &Node) -> Option<&Value> {
    match node {
        Node::ResourceInstance(_, value) => Some(value),
        Node::Resource(resource) => resource.value.as_single(),
        Node::Object(_) | Node::Instance(_) => None,
    }
}

/// Visits every resource with its path, and refuses ids that repeat or are reserved.
fn each_resource(
    path: &Path,
    node: &Node,
    mut visit: impl FnMut(&Path, &Resource) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    match node {
        Node::Object(object) => {
            once(path, object.instances.iter().map(|instance| instance.id))?;
            for instance in &object.instances {
                instance_resources(child(path, instance.id)?, instance, &mut visit)?;
            }
            Ok(())
        }
        Node::Instance(instance) => instance_resources(*path, instance, &mut visit),
        Node::Resource(resource) => visit(path, resource),
        Node::ResourceInstance(..) => Ok(()),
    }
}

fn instance_resources(
    path: Path,
    instance: &Instance,
    visit: &mut impl FnMut(&Path, &Resource) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    once(&path, instance.resources.iter().map(|resource| resource.id))?;
    for resource in &instance.resources {
        visit(&child(&path, resource.id)?, resource)?;
    }
    Ok(())
}

/// Refuses ids that repeat.
fn once(path: &Path, ids: impl Iterator<Item = u16>) -> Result<(), EncodeError> {
    let mut ids: Vec<u16> = ids.collect();
    ids.sort_unstable();
    for pair in ids.windows(2) {
        if let [a, b] = pair
            && a == b
        {
            let path = path.child(*a).unwrap_or(*path);
            return Err(EncodeError::new(path, EncodeErrorKind::Duplicate));
        }
    }
    Ok(())
}

fn child(path: &Path, id: u16) -> Result<Path, EncodeError> {
    path.child(id)
        .map_err(|_| EncodeError::new(*path, EncodeErrorKind::ReservedId))
}

/// Checks one resource; true when all its values have their types already.
fn check(choice: &Choice<'_>, path: &Path, resource: &Resource) -> Result<bool, EncodeError> {
    match &resource.value {
        ResourceValue::Single(value) => {
            multiplicity(choice, path, false)?;
            fits(choice, path, value)
        }
        ResourceValue::Multiple(values) => {
            multiplicity(choice, path, true)?;
            once(path, values.iter().map(|(id, _)| *id))?;
            let mut alike = true;
            for (id, value) in values {
                alike &= fits(choice, &child(path, *id)?, value)?;
            }
            Ok(alike)
        }
    }
}

fn multiplicity(choice: &Choice<'_>, path: &Path, multiple: bool) -> Result<(), EncodeError> {
    let def = path
        .resource_id()
        .and_then(|id| choice.def.and_then(|def| def.resource(id)));
    match def {
        Some(def) if choice.exact && def.is_multiple() != multiple => Err(EncodeError::new(
            *path,
            if multiple {
                EncodeErrorKind::NotMultiple
            } else {
                EncodeErrorKind::NotSingle
            },
        )),
        _ => Ok(()),
    }
}

/// Checks one value; true when it has its type already. A definition of another version only advises.
fn fits(choice: &Choice<'_>, path: &Path, value: &Value) -> Result<bool, EncodeError> {
    let def = path
        .resource_id()
        .and_then(|id| choice.def.and_then(|def| def.resource(id)));
    let Some(def) = def else { return Ok(true) };
    let to = def.value_type();
    if to == ValueType::None {
        if def.operations().execute && choice.exact {
            return Err(EncodeError::new(*path, EncodeErrorKind::Executable));
        }
        return Ok(true);
    }
    if to == value.value_type() {
        return Ok(true);
    }
    match value.clone().convert(to) {
        Err(error) if choice.exact => Err(EncodeError::new(*path, EncodeErrorKind::Type(error))),
        Err(_) => Ok(true),
        Ok(_) => Ok(false),
    }
}

/// Converts what [`fits`] found convertible.
fn converted(choice: &Choice<'_>, resource: u16, value: Value) -> Value {
    let to = choice
        .def
        .and_then(|def| def.resource(resource))
        .map(|def| def.value_type());
    match to {
        Some(to) if to != value.value_type() => value.clone().convert(to).unwrap_or(value),
        _ => value,
    }
}

fn convert_all(choice: &Choice<'_>, node: &mut Node) {
    let resources: &mut dyn Iterator<Item = &mut Resource> = match node {
        Node::Object(object) => &mut object
            .instances
            .iter_mut()
            .flat_map(|instance| instance.resources.iter_mut()),
        Node::Instance(instance) => &mut instance.resources.iter_mut(),
        Node::Resource(resource) => &mut core::iter::once(resource),
        Node::ResourceInstance(..) => return,
    };
    for resource in resources {
        match &mut resource.value {
            ResourceValue::Single(value) => {
                *value = converted(choice, resource.id, value.clone());
            }
            ResourceValue::Multiple(values) => {
                for (_, value) in values {
                    *value = converted(choice, resource.id, value.clone());
                }
            }
        }
    }
}
