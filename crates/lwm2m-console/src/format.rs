//! Content formats by the names that people type.

use coap_codec::ContentFormat;

use crate::problem::{Code, Problem};

/// A content format by name or by number.
pub(crate) fn parse(text: &str) -> Result<ContentFormat, Problem> {
    if let Some((_, format)) = NAMES.iter().find(|(name, _)| *name == text) {
        return Ok(*format);
    }
    let known = || {
        NAMES
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    text.parse().map(ContentFormat).map_err(|_| {
        Problem::new(
            Code::InvalidParameter,
            format!("no content format is called {text:?}"),
        )
        .field("format")
        .hint(format!("one of {}, or a number", known()))
    })
}

/// The name of a content format, else its number.
pub(crate) fn name(format: ContentFormat) -> String {
    NAMES
        .iter()
        .find(|(_, known)| *known == format)
        .map_or_else(|| format.0.to_string(), |(name, _)| (*name).to_owned())
}

const NAMES: [(&str, ContentFormat); 7] = [
    ("text", ContentFormat::TEXT),
    ("opaque", ContentFormat::OPAQUE),
    ("cbor", ContentFormat::CBOR),
    ("tlv", ContentFormat::TLV),
    ("senml-json", ContentFormat::SENML_JSON),
    ("senml-cbor", ContentFormat::SENML_CBOR),
    ("link", ContentFormat::LINK),
];
