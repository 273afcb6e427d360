//! The alternate path under which a client's objects lie.

use alloc::string::ToString;

use coap_codec::{Code, OptionNumber, Request};
use lwm2m_model::Path;

use crate::{
    illegal::IllegalRequest,
    location::MAX_OPTION,
    parameters,
    refusal::{Reason, Refusal},
};

/// The prefix that a root link names: `"/"` is `""`, `"/lwm2m/"` is `"/lwm2m"`.
///
/// `None` when it is no absolute path, or holds an empty, too long or purely numeric segment
/// (which could not be told from an object), or a character that no link target has.
pub(crate) fn normalised(target: &str) -> Option<&str> {
    let root = target.strip_suffix('/').unwrap_or(target);
    is_legal(root).then_some(root)
}

fn is_legal(root: &str) -> bool {
    let legal = |segment: &str| {
        let numeric = segment.bytes().all(|byte| byte.is_ascii_digit());
        let writable = |byte: u8| byte > b' ' && !matches!(byte, b'<' | b'>' | b'"' | 0x7f);
        !numeric && segment.len() <= MAX_OPTION && segment.bytes().all(writable)
    };
    match root.strip_prefix('/') {
        Some(path) => path.split('/').all(legal),
        None => root.is_empty(),
    }
}

/// What follows the prefix: `"/3/0"` of `"/lwm2m/3/0"`.
pub(crate) fn strip<'a>(root: &str, target: &'a str) -> Option<&'a str> {
    let rest = target.strip_prefix(root)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// A request to an LwM2M path below the prefix.
pub(crate) fn request(method: Code, root: &str, path: &Path) -> Result<Request, IllegalRequest> {
    if !is_legal(root) {
        return Err(IllegalRequest::Root);
    }
    let mut request = Request::new(method);
    for segment in root.split('/').skip(1) {
        parameters::insert(&mut request, OptionNumber::URI_PATH, segment)?;
    }
    for id in path.ids() {
        parameters::insert(&mut request, OptionNumber::URI_PATH, &id.to_string())?;
    }
    Ok(request)
}

/// Reads the LwM2M path of a request: its Uri-Path without the prefix.
pub(crate) fn path(root: &str, request: &Request) -> Result<Path, Refusal> {
    let mut segments = request.options.as_options().all(OptionNumber::URI_PATH);
    for expected in root.split('/').skip(1) {
        if segments.next() != Some(expected.as_bytes()) {
            return Err(Reason::NotFound.into());
        }
    }
    let mut path = Path::ROOT;
    for segment in segments {
        path = match id(segment).map(|id| path.child(id)) {
            Some(Ok(path)) => path,
            _ if path.is_root() && !is_numeric(segment) => return Err(Reason::NotFound.into()),
            _ => return Err(Reason::BadPath.into()),
        };
    }
    Ok(path)
}

/// Reads a decimal id without leading zeros; 65535 is none.
pub(crate) fn id(segment: &[u8]) -> Option<u16> {
    let decimal = segment.iter().all(u8::is_ascii_digit);
    let shortest = segment == b"0" || segment.first() != Some(&b'0');
    let id = core::str::from_utf8(segment).ok()?.parse().ok()?;
    (decimal && shortest && id != u16::MAX).then_some(id)
}

/// Whether a segment wants to be an id: it begins with a digit or a minus sign, or is empty.
pub(crate) fn is_numeric(segment: &[u8]) -> bool {
    segment
        .first()
        .is_none_or(|first| first.is_ascii_digit() || *first == b'-')
}
