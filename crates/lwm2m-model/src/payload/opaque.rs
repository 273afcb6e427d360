//! Opaque (42): the bytes of one value of the type Opaque.

use alloc::vec::Vec;

use bytes::Bytes;
use coap_codec::ContentFormat;

use super::{
    Decoded, EncodeError, EncodeErrorKind, PayloadError, PayloadErrorKind,
    incoming::{Judge, one_value},
};
use crate::{Context, Level, Path, Value};

pub(super) fn decode(
    cx: &Context<'_>,
    path: &Path,
    payload: &[u8],
) -> Result<Decoded, PayloadError> {
    let mut judge = Judge::new(cx);
    judge.multiplicity(path, 0, path.level() == Level::ResourceInstance)?;
    let value = Value::Opaque(Bytes::copy_from_slice(payload));
    let value = judge.value(path, 0, value, |_, _| false)?;
    let node =
        one_value(path, value).ok_or(PayloadError::new(*path, 0, PayloadErrorKind::WrongLevel))?;
    Ok(judge.finish(node))
}

pub(super) fn encode(path: &Path, value: &Value) -> Result<Vec<u8>, EncodeError> {
    value.as_bytes().map(Vec::from).ok_or(EncodeError::new(
        *path,
        EncodeErrorKind::FormatForLevel(ContentFormat::OPAQUE, path.level()),
    ))
}
