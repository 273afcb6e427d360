//! TLV (11542): everything from an object to a resource instance, without types.

use alloc::{string::String, vec::Vec};

use bytes::Bytes;
use lwm2m_tlv::{Kind, Reader, Tlv, Writer};

use super::{
    Decoded, EncodeError, EncodeErrorKind, PayloadError, PayloadErrorKind, QuirkKind,
    cbor::single,
    incoming::{Judge, empty, sorted},
};
use crate::{
    Context, Instance, Level, Node, Object, ObjectLink, Path, Resource, ResourceValue, Value,
    ValueType,
};

pub(super) fn decode(
    cx: &Context<'_>,
    path: &Path,
    payload: &[u8],
) -> Result<Decoded, PayloadError> {
    let mut judge = Judge::new(cx);
    let id = path.last_id().unwrap_or_default();
    let reader = Reader::new(payload);
    let node = if payload.is_empty() {
        empty(&mut judge, path)?
    } else {
        match path.level() {
            Level::Instance => Node::Instance(Instance::new(
                id,
                instance_content(&mut judge, path, reader)?,
            )),
            Level::Resource => resource_content(&mut judge, path, reader)?,
            Level::ResourceInstance => resource_instance(&mut judge, path, reader)?,
            Level::Root | Level::Object => {
                Node::Object(Object::new(id, object_content(&mut judge, path, reader)?))
            }
        }
    };
    Ok(judge.finish(node))
}

/// What stands under an object: instances. A single object's only instance may lack its wrapper.
fn object_content(
    judge: &mut Judge<'_>,
    path: &Path,
    reader: Reader<'_>,
) -> Result<Vec<Instance>, PayloadError> {
    let mut instances = Vec::with_capacity(room(judge, reader));
    for entry in reader {
        let entry = entry.map_err(|error| tlv(path, error))?;
        match entry.kind {
            Kind::ObjectInstance => {
                judge.admit(path, entry.offset)?;
                let path = child(path, &entry)?;
                let content = entry.nested().map_err(|error| tlv(&path, error))?;
                let resources = resources(judge, &path, content)?;
                instances.push((entry.offset, Instance::new(entry.id, resources)));
            }
            Kind::Resource | Kind::MultipleResource => {
                let object = judge.object(path.object_id().unwrap_or_default());
                let wrong = PayloadError::new(*path, entry.offset, PayloadErrorKind::WrongLevel);
                if object.def.is_none_or(|def| def.is_multiple()) {
                    return Err(wrong);
                }
                let path = path.child(0).map_err(|_| wrong)?;
                judge.quirk(path, QuirkKind::MissingWrapper);
                return Ok(alloc::vec![Instance::new(
                    0,
                    resources(judge, &path, reader)?
                )]);
            }
            Kind::ResourceInstance => return Err(wrong_level(path, &entry)),
        }
    }
    unique(path, instances, |instance| instance.id)
}

/// What stands under an instance: its resources, or one wrapper with its id around them.
fn instance_content(
    judge: &mut Judge<'_>,
    path: &Path,
    reader: Reader<'_>,
) -> Result<Vec<Resource>, PayloadError> {
    let mut ahead = reader;
    match ahead.next() {
        Some(Ok(wrapper)) if wrapper.kind == Kind::ObjectInstance => {
            let wrapper = only(path, path.instance_id(), reader)?;
            let content = wrapper.nested().map_err(|error| tlv(path, error))?;
            resources(judge, path, content)
        }
        _ => resources(judge, path, reader),
    }
}

/// What stands under a resource: itself, single or multiple; tolerated are an instance around it, and its instances
/// without anything around them.
fn resource_content(
    judge: &mut Judge<'_>,
    path: &Path,
    reader: Reader<'_>,
) -> Result<Node, PayloadError> {
    let mut ahead = reader;
    let first = match ahead.next() {
        Some(first) => first.map_err(|error| tlv(path, error))?,
        None => return empty(judge, path),
    };
    match first.kind {
        Kind::ObjectInstance => {
            let wrapper = only(path, path.instance_id(), reader)?;
            judge.quirk(*path, QuirkKind::ExtraWrapper);
            let content = wrapper.nested().map_err(|error| tlv(path, error))?;
            resource_content(judge, path, content)
        }
        Kind::Resource | Kind::MultipleResource => {
            let entry = only(path, path.resource_id(), reader)?;
            Ok(Node::Resource(resource(judge, path, &entry)?))
        }
        Kind::ResourceInstance => {
            judge.multiplicity(path, first.offset, true)?;
            judge.quirk(*path, QuirkKind::MissingWrapper);
            let values = resource_instances(judge, path, reader)?;
            let id = path.resource_id().unwrap_or_default();
            Ok(Node::Resource(Resource::multiple(id, values)))
        }
    }
}

/// What stands under a resource instance: itself.
fn resource_instance(
    judge: &mut Judge<'_>,
    path: &Path,
    reader: Reader<'_>,
) -> Result<Node, PayloadError> {
    let entry = only(path, path.resource_instance_id(), reader)?;
    if entry.kind != Kind::ResourceInstance {
        return Err(wrong_level(path, &entry));
    }
    judge.multiplicity(path, entry.offset, true)?;
    Ok(Node::ResourceInstance(
        entry.id,
        value(judge, path, &entry)?,
    ))
}

/// The resources of an instance.
pub(super) fn resources(
    judge: &mut Judge<'_>,
    path: &Path,
    reader: Reader<'_>,
) -> Result<Vec<Resource>, PayloadError> {
    let mut resources = Vec::with_capacity(room(judge, reader));
    for entry in reader {
        let entry = entry.map_err(|error| tlv(path, error))?;
        judge.admit(path, entry.offset)?;
        if !matches!(entry.kind, Kind::Resource | Kind::MultipleResource) {
            return Err(wrong_level(path, &entry));
        }
        let path = child(path, &entry)?;
        resources.push((entry.offset, resource(judge, &path, &entry)?));
    }
    unique(path, resources, |resource| resource.id)
}

fn resource(judge: &mut Judge<'_>, path: &Path, entry: &Tlv<'_>) -> Result<Resource, PayloadError> {
    let multiple = entry.kind == Kind::MultipleResource;
    judge.multiplicity(path, entry.offset, multiple)?;
    let value = if multiple {
        let content = entry.nested().map_err(|error| tlv(path, error))?;
        ResourceValue::Multiple(resource_instances(judge, path, content)?)
    } else {
        ResourceValue::Single(value(judge, path, entry)?)
    };
    Ok(Resource {
        id: entry.id,
        value,
    })
}

fn resource_instances(
    judge: &mut Judge<'_>,
    path: &Path,
    reader: Reader<'_>,
) -> Result<Vec<(u16, Value)>, PayloadError> {
    let mut values = Vec::with_capacity(room(judge, reader));
    for entry in reader {
        let entry = entry.map_err(|error| tlv(path, error))?;
        judge.admit(path, entry.offset)?;
        let path = child(path, &entry)?;
        values.push((entry.offset, (entry.id, value(judge, &path, &entry)?)));
    }
    unique(path, values, |(id, _)| *id)
}

/// How many entries of a level there will be: lists that double would take twice the memory.
fn room(judge: &Judge<'_>, reader: Reader<'_>) -> usize {
    reader.take(judge.left()).count()
}

/// Reads a value by the type that is defined; bytes where none is.
fn value(judge: &mut Judge<'_>, path: &Path, entry: &Tlv<'_>) -> Result<Value, PayloadError> {
    let known = judge.resource(path);
    let opaque = || Value::Opaque(Bytes::copy_from_slice(entry.value));
    let Some(wanted) = known.value_type() else {
        return Ok(opaque());
    };
    let value = match wanted {
        ValueType::String => entry.text().map(|text| Value::String(String::from(text))),
        ValueType::CoreLink => entry.text().map(|text| Value::CoreLink(String::from(text))),
        ValueType::Integer => entry.integer().map(Value::Integer),
        ValueType::Unsigned => entry.unsigned().map(Value::Unsigned),
        ValueType::Float => entry.float().map(Value::Float),
        ValueType::Boolean => entry.boolean().map(Value::Boolean),
        ValueType::Time => entry.time().map(Value::Time),
        ValueType::ObjectLink => entry
            .object_link()
            .map(|(object, instance)| Value::ObjectLink(ObjectLink::new(object, instance))),
        ValueType::Opaque | ValueType::None => Ok(opaque()),
    };
    match value {
        Ok(value) => Ok(value),
        Err(_) if !known.firm => {
            judge.quirk(*path, QuirkKind::Mistyped(ValueType::Opaque, wanted));
            Ok(opaque())
        }
        Err(error) => Err(tlv(path, error)),
    }
}

/// The only entry there is, which must have this id.
fn only<'a>(path: &Path, id: Option<u16>, mut reader: Reader<'a>) -> Result<Tlv<'a>, PayloadError> {
    let found = match reader.next() {
        Some(found) => found.map_err(|error| tlv(path, error))?,
        None => return Err(PayloadError::new(*path, 0, PayloadErrorKind::Empty)),
    };
    let fault = |entry: &Tlv<'_>, kind| Err(PayloadError::new(*path, entry.offset, kind));
    if Some(found.id) != id {
        return fault(&found, PayloadErrorKind::WrongId(found.id));
    }
    match reader.next() {
        None => Ok(found),
        Some(Err(error)) => Err(tlv(path, error)),
        Some(Ok(other)) if other.id == found.id => fault(&other, PayloadErrorKind::Duplicate),
        Some(Ok(other)) => fault(&other, PayloadErrorKind::WrongId(other.id)),
    }
}

/// Sorts by id and refuses what stands there twice.
fn unique<T>(
    path: &Path,
    mut items: Vec<(usize, T)>,
    id: impl Fn(&T) -> u16,
) -> Result<Vec<T>, PayloadError> {
    if let Some((offset, id)) = sorted(&mut items, id) {
        let path = path.child(id).unwrap_or(*path);
        return Err(PayloadError::new(path, offset, PayloadErrorKind::Duplicate));
    }
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

fn child(path: &Path, entry: &Tlv<'_>) -> Result<Path, PayloadError> {
    path.child(entry.id)
        .map_err(|_| PayloadError::new(*path, entry.offset, PayloadErrorKind::ReservedId))
}

fn wrong_level(path: &Path, entry: &Tlv<'_>) -> PayloadError {
    PayloadError::new(*path, entry.offset, PayloadErrorKind::WrongLevel)
}

fn tlv(path: &Path, error: lwm2m_tlv::DecodeError) -> PayloadError {
    PayloadError::new(*path, error.offset, PayloadErrorKind::Tlv(error.kind))
}

pub(super) fn encode(path: &Path, node: &Node) -> Result<Vec<u8>, EncodeError> {
    lwm2m_tlv::to_vec(|writer| match node {
        Node::Object(object) => object
            .instances
            .iter()
            .try_for_each(|instance| write_instance(writer, instance)),
        Node::Instance(instance) => write_resources(writer, &instance.resources),
        Node::Resource(resource) => write_resource(writer, resource),
        Node::ResourceInstance(id, value) => {
            write_value(writer, Kind::ResourceInstance, *id, value)
        }
    })
    .map_err(|_| EncodeError::new(*path, EncodeErrorKind::TooLong))
}

fn write_instance(
    writer: &mut Writer<'_>,
    instance: &Instance,
) -> Result<(), lwm2m_tlv::EncodeError> {
    writer.object_instance(instance.id, |writer| {
        write_resources(writer, &instance.resources)
    })
}

fn write_resources(
    writer: &mut Writer<'_>,
    resources: &[Resource],
) -> Result<(), lwm2m_tlv::EncodeError> {
    resources
        .iter()
        .try_for_each(|resource| write_resource(writer, resource))
}

fn write_resource(
    writer: &mut Writer<'_>,
    resource: &Resource,
) -> Result<(), lwm2m_tlv::EncodeError> {
    match &resource.value {
        ResourceValue::Single(value) => write_value(writer, Kind::Resource, resource.id, value),
        ResourceValue::Multiple(values) => writer.multiple_resource(resource.id, |writer| {
            values
                .iter()
                .try_for_each(|(id, value)| write_value(writer, Kind::ResourceInstance, *id, value))
        }),
    }
}

fn write_value(
    writer: &mut Writer<'_>,
    kind: Kind,
    id: u16,
    value: &Value,
) -> Result<(), lwm2m_tlv::EncodeError> {
    match value {
        Value::String(text) | Value::CoreLink(text) => writer.text(kind, id, text),
        Value::Integer(number) => writer.integer(kind, id, *number),
        Value::Time(seconds) => writer.time(kind, id, *seconds),
        Value::Unsigned(number) => writer.unsigned(kind, id, *number),
        Value::Float(number) => match single(*number) {
            Some(short) => writer.float32(kind, id, short),
            None => writer.float(kind, id, *number),
        },
        Value::Boolean(flag) => writer.boolean(kind, id, *flag),
        Value::Opaque(bytes) => writer.opaque(kind, id, bytes),
        Value::ObjectLink(link) => writer.object_link(kind, id, link.object, link.instance),
    }
}
