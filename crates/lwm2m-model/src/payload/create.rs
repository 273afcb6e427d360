//! The payload of a Create: new instances, whose ids the server says or leaves to the device.

use alloc::vec::Vec;

use coap_codec::ContentFormat;
use lwm2m_tlv::{Kind, Reader};

use super::{
    EncodeError, EncodeErrorKind, PayloadError, PayloadErrorKind, Quirk, decode, incoming::Judge,
    outgoing, senml_cbor, senml_json, tlv,
};
use crate::{Context, Instance, Level, Node, Object, Path, Resource};

/// An instance to be created.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an id and what it holds, for good"
)]
pub struct NewInstance {
    /// Its id; None leaves the choice to the device.
    pub id: Option<u16>,
    /// Its resources.
    pub resources: Vec<Resource>,
}

/// What the payload of a Create held.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DecodedCreate {
    /// The instances: one whose id the device chooses, or any number with ids.
    pub instances: Vec<NewInstance>,
    /// What was accepted though it is not as it should be.
    pub quirks: Vec<Quirk>,
}

/// Reads the payload of a Create on object `object`.
///
/// TLV without an instance around the resources, and an empty payload, leave the id to the device; SenML names
/// always say it. In errors and quirks such an instance stands as 0.
///
/// # Errors
/// As [`decode`]; [`PayloadErrorKind::FormatForLevel`] for the formats of one value, and
/// [`PayloadErrorKind::Time`] for values with several times.
///
/// # Specification
/// LwM2M Core 1.2 §6.3.5.
pub fn decode_create(
    cx: &Context<'_>,
    format: ContentFormat,
    object: u16,
    payload: &[u8],
) -> Result<DecodedCreate, PayloadError> {
    let path = Path::object(object).map_err(|_| PayloadError {
        path: None,
        offset: 0,
        kind: PayloadErrorKind::ReservedId,
    })?;
    let unassigned = |resources| {
        alloc::vec![NewInstance {
            id: None,
            resources,
        }]
    };
    if payload.is_empty() {
        return Ok(DecodedCreate {
            instances: unassigned(Vec::new()),
            quirks: Vec::new(),
        });
    }
    if format == ContentFormat::TLV
        && let Some(Ok(first)) = Reader::new(payload).next()
        && first.kind != Kind::ObjectInstance
    {
        let mut judge = Judge::new(cx);
        let stand_in = path.child(0).unwrap_or(path);
        let resources = tlv::resources(&mut judge, &stand_in, Reader::new(payload))?;
        return Ok(DecodedCreate {
            instances: unassigned(resources),
            quirks: judge.quirks,
        });
    }
    let decoded = decode(cx, format, &path, payload)?;
    if !decoded.older.is_empty() {
        return Err(PayloadError::new(path, 0, PayloadErrorKind::Time));
    }
    let instances = match decoded.node {
        Node::Object(object) => object.instances,
        _ => Vec::new(),
    };
    Ok(DecodedCreate {
        instances: instances
            .into_iter()
            .map(|instance| NewInstance {
                id: Some(instance.id),
                resources: instance.resources,
            })
            .collect(),
        quirks: decoded.quirks,
    })
}

/// Writes the payload of a Create on object `object`.
///
/// # Errors
/// As [`encode`](super::encode); [`EncodeErrorKind::WrongNode`] for an instance without an id beside others or in
/// SenML, which cannot say that.
pub fn encode_create(
    cx: &Context<'_>,
    format: ContentFormat,
    object: u16,
    instances: &[NewInstance],
) -> Result<Vec<u8>, EncodeError> {
    let path = Path::object(object).map_err(|_| EncodeError {
        path: None,
        kind: EncodeErrorKind::ReservedId,
    })?;
    if let ([only], ContentFormat::TLV) = (instances, format)
        && only.id.is_none()
    {
        let stand_in = path.child(0).unwrap_or(path);
        let content = Node::Instance(Instance::new(0, only.resources.clone()));
        let content = outgoing::checked(cx, &stand_in, &content)?;
        return tlv::encode(&stand_in, &content);
    }
    let with_ids: Option<Vec<Instance>> = instances
        .iter()
        .map(|new| Some(Instance::new(new.id?, new.resources.clone())))
        .collect();
    let Some(with_ids) = with_ids else {
        return Err(EncodeError::new(path, EncodeErrorKind::WrongNode));
    };
    let node = Node::Object(Object::new(object, with_ids));
    let node = outgoing::checked(cx, &path, &node)?;
    match format {
        ContentFormat::TLV => tlv::encode(&path, &node),
        ContentFormat::SENML_JSON => senml_json::encode(cx, &path, &node),
        ContentFormat::SENML_CBOR => senml_cbor::encode(cx, &path, &node),
        ContentFormat::TEXT | ContentFormat::OPAQUE | ContentFormat::CBOR => Err(EncodeError::new(
            path,
            EncodeErrorKind::FormatForLevel(format, Level::Object),
        )),
        other => Err(EncodeError::new(
            path,
            EncodeErrorKind::UnsupportedFormat(other),
        )),
    }
}
