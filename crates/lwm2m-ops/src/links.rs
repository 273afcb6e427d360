//! What a registration needs of its links: targets and three attributes.

use alloc::vec::Vec;

use coap_codec::link::{self, Link, Links, Value};

use crate::{
    object_list::ROOT_TYPE,
    quirk::{Quirk, note},
    refusal::{Reason, Refusal},
};

/// One link of an object list.
pub(crate) struct Entry<'a> {
    pub(crate) target: &'a str,
    /// Whether `rt` holds `oma.lwm2m`.
    pub(crate) is_root: bool,
    /// `ct`.
    pub(crate) formats: Option<Value<'a>>,
    /// `ver`; empty when it has no value.
    pub(crate) version: Option<&'a str>,
}

/// Reads all links, at most `limit`.
pub(crate) fn read<'a>(
    payload: &'a [u8],
    limit: usize,
    quirks: &mut Vec<Quirk>,
) -> Result<Vec<Entry<'a>>, Refusal> {
    let bad = |error: coap_codec::DecodeError| Refusal::at(Reason::BadLinkFormat, error.offset);
    let mut links = Links::from_bytes(payload).map_err(bad)?;
    let mut entries = Vec::new();
    for link in &mut links {
        let link = link.map_err(bad)?;
        if entries.len() >= limit {
            return Err(Reason::TooManyLinks.into());
        }
        entries.push(entry(&link));
    }
    links
        .quirks()
        .iter()
        .for_each(|quirk| note(quirks, quirk.into()));
    Ok(entries)
}

/// Of an attribute that stands twice, the first one counts (RFC 6690 §3).
fn entry<'a>(link: &Link<'a>) -> Entry<'a> {
    let (mut types, mut formats, mut version) = (None, None, None);
    for (name, value) in link.attributes() {
        match name {
            "rt" => types = types.or(Some(value)),
            "ct" => formats = formats.or(Some(value)),
            "ver" => version = version.or(Some(value.map_or("", Value::raw))),
            _ => {}
        }
    }
    let mut types = types.flatten().into_iter().flat_map(Value::words);
    Entry {
        target: link.target(),
        is_root: types.any(|word| word == ROOT_TYPE),
        formats: formats.flatten(),
        version,
    }
}

impl From<link::Quirk> for Quirk {
    fn from(quirk: link::Quirk) -> Self {
        match quirk {
            link::Quirk::Whitespace => Self::Whitespace,
            link::Quirk::TargetWhitespace => Self::TargetWhitespace,
            link::Quirk::TrailingSlash => Self::TrailingSlash,
            link::Quirk::UnquotedList => Self::UnquotedList,
            link::Quirk::DuplicateAttribute => Self::DuplicateAttribute,
            link::Quirk::EmptyLink => Self::EmptyLink,
            _ => Self::LinkSyntax,
        }
    }
}
