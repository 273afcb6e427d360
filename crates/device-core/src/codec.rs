//! Between the tree and payloads.

use alloc::{string::ToString, vec::Vec};

use bytes::Bytes;
use coap_codec::ContentFormat;
use lwm2m_model::{
    Context, Instance, Node, Path,
    payload::{self, PayloadError, PayloadErrorKind, Shape},
};
use lwm2m_ops::Create;

use crate::{
    ObjectError, Tree,
    serve::{Failure, Terms, free_instance},
};

/// The content format of an answer.
pub(crate) fn choose(
    accept: Option<ContentFormat>,
    terms: Terms<'_>,
    node: &Node,
) -> Result<ContentFormat, ObjectError> {
    let shape = Shape::of_node(node);
    payload::choose(accept, terms.version, terms.formats, &shape).ok_or(ObjectError::NotAcceptable)
}

pub(crate) fn encode(
    tree: &Tree,
    terms: Terms<'_>,
    format: ContentFormat,
    path: &Path,
    node: &Node,
) -> Result<Bytes, ObjectError> {
    // What stands in the tree fits its definition, unless an object of the application is wrong.
    let payload = payload::encode(&context(tree, terms), format, path, node);
    payload.map(Bytes::from).map_err(|_| ObjectError::Internal)
}

pub(crate) fn decode(
    tree: &Tree,
    terms: Terms<'_>,
    format: ContentFormat,
    path: &Path,
    payload: &[u8],
) -> Result<Node, Failure> {
    let decoded = payload::decode(&context(tree, terms), format, path, payload)?;
    if !decoded.older.is_empty() {
        // One value cannot be written at several times.
        return Err(ObjectError::BadRequest.into());
    }
    Ok(decoded.node)
}

/// The instances to create, and whether the device chose the id.
pub(crate) fn decode_create(
    tree: &Tree,
    terms: Terms<'_>,
    create: &Create,
    present: &[u16],
) -> Result<(Vec<Instance>, bool), Failure> {
    let object = create.path().object_id().ok_or(ObjectError::NotAllowed)?;
    let format = create.format().unwrap_or(ContentFormat::TLV);
    let decoded = payload::decode_create(&context(tree, terms), format, object, create.payload())?;
    let mut chosen = false;
    let mut instances = Vec::new();
    for new in decoded.instances {
        let id = match new.id {
            Some(id) => id,
            None => {
                chosen = true;
                free_instance(present).ok_or(ObjectError::Conflict)?
            }
        };
        instances.push(Instance::new(id, new.resources));
    }
    Ok((instances, chosen))
}

fn context<'a>(tree: &'a Tree, terms: Terms<'a>) -> Context<'a> {
    // One version of each object is in the tree, so the newest one known is the right one.
    Context::new(tree.models()).with_root(terms.root)
}

impl From<PayloadError> for Failure {
    fn from(error: PayloadError) -> Self {
        Self {
            error: match error.kind {
                PayloadErrorKind::UnsupportedFormat(_) | PayloadErrorKind::FormatForLevel(..) => {
                    ObjectError::UnsupportedFormat
                }
                PayloadErrorKind::TooManyEntries(_) => ObjectError::TooLarge,
                _ => ObjectError::BadRequest,
            },
            diagnostic: error.to_string(),
        }
    }
}
