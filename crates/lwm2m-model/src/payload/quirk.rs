//! What was accepted in a payload though it is not as it should be.

use core::fmt;

use crate::{Path, ValueType, Version};

/// Something in a payload that was accepted though it is not as it should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Quirk {
    /// What it is about.
    pub path: Path,
    /// What it is.
    pub kind: QuirkKind,
}

/// What a [`Quirk`] is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum QuirkKind {
    /// The object is not defined here: its values were taken by their wire type.
    UnknownObject,
    /// The object's definition is of this version, not of the device's.
    OtherVersion(Version),
    /// The resource is not defined here: its values were taken by their wire type.
    UnknownResource,
    /// The definition gives the resource no type: its values were taken by their wire type.
    Untyped,
    /// The value came as the first type and was converted, without loss, to the second.
    Converted(ValueType, ValueType),
    /// The value came as the first type and could not become the second one, which a definition of another version
    /// wants; it was kept.
    Mistyped(ValueType, ValueType),
    /// Single or multiple, against a definition of another version.
    OtherMultiplicity,
    /// TLV: an object instance around what was asked for.
    ExtraWrapper,
    /// TLV: no object instance or multiple resource around what was asked for.
    MissingWrapper,
    /// Text: `true` or `false` in place of 1 or 0.
    BooleanWord,
    /// SenML: the name does not start with a slash.
    RelativeName,
    /// There were more quirks than [`Limits::quirks`](super::Limits::quirks); this is the path of the first one that is
    /// not told.
    More,
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.kind)
    }
}

impl fmt::Display for QuirkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownObject => "unknown object, taken by wire type",
            Self::OtherVersion(version) => {
                return write!(f, "taken by the definition of version {version}");
            }
            Self::UnknownResource => "unknown resource, taken by wire type",
            Self::Untyped => "resource without a type, taken by wire type",
            Self::Converted(from, to) => return write!(f, "{from} in place of {to}"),
            Self::Mistyped(from, to) => {
                return write!(f, "{from} kept, another version has {to}");
            }
            Self::OtherMultiplicity => "single or multiple unlike in another version",
            Self::ExtraWrapper => "needless object instance around it",
            Self::MissingWrapper => "nothing around it that tells what it is",
            Self::BooleanWord => "word in place of 0 or 1",
            Self::RelativeName => "name without a slash at its start",
            Self::More => "this and whatever else is odd is not told",
        })
    }
}
