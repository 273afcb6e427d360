use core::fmt;

use lwm2m_model::{Level, PathError};

/// Why an operation cannot be built as asked: the caller's mistake, found before a byte is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum IllegalRequest {
    /// The operation does not exist on a path of this level.
    Level(Level),
    /// A read that accepts link format is a Discover, and must be built as one.
    AcceptIsDiscover,
    /// Plain text, opaque and CBOR carry one value; the target holds more than that.
    SingleValueFormat,
    /// A payload without Content-Format.
    MissingContentFormat,
    /// Ids that are no path: 65535 is not an id.
    Path(PathError),
    /// The depth of a Discover is 0 to 3.
    Depth,
    /// The alternate path is neither empty nor of the form `/a` or `/a/b`.
    Root,
    /// The endpoint name is empty or longer than 252 bytes.
    Endpoint,
    /// The lifetime, the binding or the object list is none that this enabler version has.
    Version,
    /// A path segment or query parameter longer than 255 bytes.
    TextTooLong,
    /// The location is not one that this client was given.
    Location,
}

impl fmt::Display for IllegalRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Level(level) => {
                let place = match level {
                    Level::Root => "the root",
                    Level::Object => "an object",
                    Level::Instance => "an object instance",
                    Level::Resource => "a resource",
                    _ => "a resource instance",
                };
                return write!(f, "there is no such operation on {place}");
            }
            Self::AcceptIsDiscover => "a read does not accept link format: use discover",
            Self::SingleValueFormat => "the format carries one value and the target has more",
            Self::MissingContentFormat => "a payload needs a content format",
            Self::Path(error) => return write!(f, "{error}"),
            Self::Depth => "a depth is a number from 0 to 3",
            Self::Root => "the alternate path is not usable",
            Self::Endpoint => "an endpoint name has 1 to 252 bytes",
            Self::Version => "the enabler version does not have this",
            Self::TextTooLong => "a path segment or parameter is longer than 255 bytes",
            Self::Location => "not a location of this client",
        };
        f.write_str(text)
    }
}

impl core::error::Error for IllegalRequest {}

impl From<PathError> for IllegalRequest {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}
