//! Why a definition file was refused.

use core::fmt;

/// Why a definition file was refused, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DdfError {
    /// The line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub kind: DdfErrorKind,
}

impl DdfError {
    /// An error at a byte of the file.
    pub(super) fn at(xml: &[u8], offset: usize, kind: DdfErrorKind) -> Self {
        let before = xml.get(..offset).unwrap_or(xml);
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at.saturating_add(1));
        let starts_character = |byte: &&u8| **byte & 0xc0 != 0x80;
        let column = before.get(line_start..).unwrap_or_default();
        Self {
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: column.iter().filter(starts_character).count() + 1,
            kind,
        }
    }
}

/// The rule that a definition file broke.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum DdfErrorKind {
    /// The file is larger than [`Limits::max_bytes`](super::Limits::max_bytes).
    TooLarge,
    /// The file is not UTF-8, or says that it is not.
    NotUtf8,
    /// It is no well-formed XML.
    Malformed,
    /// It ends inside an element, or before there was one.
    Truncated,
    /// A document type declaration; none is accepted.
    DocumentType,
    /// An entity that XML does not predefine; none is expanded.
    Entity,
    /// An inclusion of another document; none is followed.
    Include,
    /// An element with more attributes than [`Limits::max_attributes`](super::Limits::max_attributes).
    TooManyAttributes,
    /// More elements inside one another than [`Limits::max_depth`](super::Limits::max_depth).
    TooDeep,
    /// More objects than [`Limits::max_objects`](super::Limits::max_objects).
    TooManyObjects,
    /// More resources than [`Limits::max_resources`](super::Limits::max_resources).
    TooManyResources,
    /// A text longer than [`Limits::max_text`](super::Limits::max_text), in the element named.
    TextTooLong(&'static str),
    /// The root element is not `LWM2M`.
    NotADefinition,
    /// The element or attribute named is absent or empty.
    Missing(&'static str),
    /// The element or attribute named holds a value that it cannot have.
    Invalid(&'static str),
    /// The object or the resource with this id stands there a second time.
    Duplicate(u16),
}

impl fmt::Display for DdfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.kind
        )
    }
}

impl fmt::Display for DdfErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the file is too large"),
            Self::NotUtf8 => f.write_str("the file is not UTF-8"),
            Self::Malformed => f.write_str("not well-formed XML"),
            Self::Truncated => f.write_str("the file ends too early"),
            Self::DocumentType => f.write_str("a document type declaration is not accepted"),
            Self::Entity => f.write_str("an entity is not accepted"),
            Self::Include => f.write_str("an inclusion is not accepted"),
            Self::TooManyAttributes => f.write_str("too many attributes"),
            Self::TooDeep => f.write_str("too many elements inside one another"),
            Self::TooManyObjects => f.write_str("too many objects"),
            Self::TooManyResources => f.write_str("too many resources"),
            Self::TextTooLong(element) => write!(f, "the text of {element} is too long"),
            Self::NotADefinition => f.write_str("the root element is not LWM2M"),
            Self::Missing(element) => write!(f, "{element} is absent or empty"),
            Self::Invalid(element) => write!(f, "{element} has a value that it cannot have"),
            Self::Duplicate(id) => write!(f, "the id {id} is defined twice"),
        }
    }
}

impl core::error::Error for DdfError {}
