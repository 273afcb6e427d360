//! SenML JSON (110).

use alloc::vec::Vec;

use super::{
    Decoded, EncodeError, PayloadError,
    senml::{self, Numbers},
};
use crate::{Context, Node, Path};

pub(super) fn decode(
    cx: &Context<'_>,
    path: &Path,
    payload: &[u8],
) -> Result<Decoded, PayloadError> {
    // An empty payload is no JSON, but what an object without instances may be answered with.
    let payload = if payload.is_empty() { b"[]" } else { payload };
    senml::decode(
        cx,
        path,
        Numbers::Decimal,
        ::senml::json::Reader::with_limits(payload, senml::limits(cx)),
    )
}

pub(super) fn encode(cx: &Context<'_>, path: &Path, node: &Node) -> Result<Vec<u8>, EncodeError> {
    if senml::is_empty(node) {
        return Ok(Vec::new());
    }
    ::senml::json::to_vec(|writer| senml::write(cx, path, node, |fields| writer.record(fields)))
        .map_err(|error| senml::fault(path, error))
}
