//! Between nodes and the payloads of requests and answers.
//!
//! | format | holds |
//! |---|---|
//! | text (0), opaque (42), CBOR (60) | one value: a single resource or a resource instance |
//! | TLV (11542), SenML JSON (110), SenML CBOR (112) | everything from an object to a resource instance |
//!
//! Both directions are checked against the definitions of the [`Context`]: single or multiple, the type of every
//! value (converted where nothing is lost), ids that belong to the requested path, nothing twice. What no definition
//! covers is taken by its wire type and told as a [`Quirk`]; it is never dropped. LwM2M JSON (11543) and LwM2M CBOR
//! (11544) are refused with [`PayloadErrorKind::UnsupportedFormat`].
//!
//! # Specification
//! LwM2M Core 1.1 and 1.2 §7.4 and Appendix C; LwM2M 1.0 §6.4.

mod cbor;
mod choose;
mod create;
mod error;
mod incoming;
mod limits;
mod opaque;
mod outgoing;
mod quirk;
mod senml;
mod senml_cbor;
mod senml_json;
mod text;
mod tlv;

use alloc::vec::Vec;

use coap_codec::ContentFormat;

pub use self::{
    choose::{Shape, choose, supported},
    create::{DecodedCreate, NewInstance, decode_create, encode_create},
    error::{EncodeError, EncodeErrorKind, PayloadError, PayloadErrorKind},
    limits::Limits,
    quirk::{Quirk, QuirkKind},
};
use crate::{Context, Node, Path};

/// What a payload held.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// The content of the path that was asked for; with several times in the payload, the newest one.
    ///
    /// Instances, resources and resource instances stand by ascending id.
    pub node: Node,
    /// The time of [`Decoded::node`], if the payload says one; see [`Timestamped::time`].
    pub time: Option<f64>,
    /// Older content, the newest first. Only SenML has it.
    pub older: Vec<Timestamped>,
    /// What was accepted though it is not as it should be.
    pub quirks: Vec<Quirk>,
}

impl Decoded {
    /// Refuses a payload with several times, as a write has only one value to write.
    ///
    /// # Errors
    /// [`PayloadErrorKind::Time`].
    pub fn untimed(self) -> Result<Self, PayloadError> {
        match self.older.first() {
            None => Ok(self),
            Some(_) => Err(PayloadError {
                path: None,
                offset: 0,
                kind: PayloadErrorKind::Time,
            }),
        }
    }
}

/// Content with its time.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Timestamped {
    /// Seconds since 1970-01-01 UTC; below 2²⁸ (and so for negative numbers) seconds from the moment of reception.
    /// None is that moment.
    pub time: Option<f64>,
    /// The content of the path that was asked for, as far as the payload has it for this time.
    pub node: Node,
}

/// Reads the payload of an answer, a notification or a write; `path` is the target of the request.
///
/// An empty payload is an object or an instance without content, a multiple resource without instances, an empty
/// String or Opaque; else an error.
///
/// # Errors
/// [`PayloadError`], which tells the path, the byte and the rule. A payload is taken whole or not at all.
pub fn decode(
    cx: &Context<'_>,
    format: ContentFormat,
    path: &Path,
    payload: &[u8],
) -> Result<Decoded, PayloadError> {
    if !choose::IMPLEMENTED.contains(&format) {
        let kind = PayloadErrorKind::UnsupportedFormat(format);
        return Err(PayloadError::new(*path, 0, kind));
    }
    // A definition of another version may be wrong about the resource: then only the level counts.
    let exact = path.object_id().is_some_and(|id| cx.object(id).exact);
    let shape = match Shape::of_path(cx, path) {
        shape if exact => shape,
        shape => Shape {
            multiple: false,
            value_type: None,
            ..shape
        },
    };
    if !supported(format, &shape) {
        let kind = PayloadErrorKind::FormatForLevel(format, path.level());
        return Err(PayloadError::new(*path, 0, kind));
    }
    match format {
        ContentFormat::TEXT => text::decode(cx, path, payload),
        ContentFormat::OPAQUE => opaque::decode(cx, path, payload),
        ContentFormat::CBOR => cbor::decode(cx, path, payload),
        ContentFormat::TLV => tlv::decode(cx, path, payload),
        ContentFormat::SENML_JSON => senml_json::decode(cx, path, payload),
        ContentFormat::SENML_CBOR => senml_cbor::decode(cx, path, payload),
        other => Err(PayloadError::new(
            *path,
            0,
            PayloadErrorKind::UnsupportedFormat(other),
        )),
    }
}

/// Writes the payload of an answer, a notification or a write; `path` is the target of the request and `node` what
/// it holds.
///
/// # Errors
/// [`EncodeError`] when the node does not belong to the path, does not fit the definitions, or the format cannot
/// hold it.
pub fn encode(
    cx: &Context<'_>,
    format: ContentFormat,
    path: &Path,
    node: &Node,
) -> Result<Vec<u8>, EncodeError> {
    if !choose::IMPLEMENTED.contains(&format) {
        return Err(EncodeError::new(
            *path,
            EncodeErrorKind::UnsupportedFormat(format),
        ));
    }
    let node = outgoing::checked(cx, path, node)?;
    match format {
        ContentFormat::TLV => tlv::encode(path, &node),
        ContentFormat::SENML_JSON => senml_json::encode(cx, path, &node),
        ContentFormat::SENML_CBOR => senml_cbor::encode(cx, path, &node),
        _ => {
            let Some(value) = outgoing::one_value(&node) else {
                return Err(EncodeError::new(
                    *path,
                    EncodeErrorKind::FormatForLevel(format, path.level()),
                ));
            };
            match format {
                ContentFormat::TEXT => text::encode(path, value),
                ContentFormat::OPAQUE => opaque::encode(path, value),
                _ => Ok(cbor::encode(value)),
            }
        }
    }
}
