use core::fmt;

use coap_codec::Code;

/// Why a request is not carried out, and what to answer.
///
/// [`Display`](fmt::Display) gives one sentence that fits in a diagnostic payload: it names the
/// fault and never repeats what the peer sent.
///
/// # Specification
/// RFC 7252 §5.5.2 (diagnostic payload); the codes are those that LwM2M 1.2 lists per operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// The response code to answer with.
    pub code: Code,
    /// What is wrong.
    pub reason: Reason,
    /// The query parameter at fault, where there is one.
    pub parameter: Option<&'static str>,
    /// Where in the payload (bytes from its start), where that can be told.
    pub offset: Option<usize>,
}

impl Refusal {
    /// A refusal with the code that belongs to `reason`.
    #[must_use]
    pub const fn new(reason: Reason) -> Self {
        Self {
            code: reason.code(),
            reason,
            parameter: None,
            offset: None,
        }
    }

    /// The same, naming the query parameter at fault.
    #[must_use]
    pub const fn in_parameter(reason: Reason, parameter: &'static str) -> Self {
        Self {
            code: reason.code(),
            reason,
            parameter: Some(parameter),
            offset: None,
        }
    }

    /// The same, naming the byte of the payload at fault.
    #[must_use]
    pub const fn at(reason: Reason, offset: usize) -> Self {
        Self {
            code: reason.code(),
            reason,
            parameter: None,
            offset: Some(offset),
        }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parameter) = self.parameter {
            write!(f, "{parameter}: ")?;
        }
        write!(f, "{}", self.reason)?;
        match self.offset {
            Some(offset) => write!(f, " (at byte {offset})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Refusal {}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $id:literal $code:ident $text:literal,)*) => {
        /// What is wrong with a request, as a tag that logs, metrics and tests can match.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// A stable `snake_case` identifier.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The response code that belongs to this reason.
            #[must_use]
            pub const fn code(self) -> Code {
                match self { $(Self::$name => Code::$code,)* }
            }
        }

        impl fmt::Display for Reason {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)* })
            }
        }
    };
}

reasons! {
    /// The path does not lead to anything this interface serves.
    NotFound "not_found" NOT_FOUND "nothing is served under this path",
    /// A location below `/rd` that this server cannot have given out.
    UnknownLocation "unknown_location" NOT_FOUND "no such registration",
    /// The path begins as one of ours and has the wrong number of segments.
    BadUri "bad_uri" BAD_REQUEST "bad URI",
    /// An LwM2M path with an id out of range, a leading zero, an empty or a fifth segment.
    BadPath "bad_path" BAD_REQUEST "not an LwM2M path",
    /// The method is not served here, or is not known at all.
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "method not allowed here",
    /// The operation does not exist on a path of this depth.
    WrongLevel "wrong_level" METHOD_NOT_ALLOWED "no such operation on a path of this depth",
    /// The operation exists in LwM2M and is not offered here.
    NotSupported "operation_not_supported" METHOD_NOT_ALLOWED "operation not supported",
    /// A critical option that means nothing to any operation (If-Match, Proxy-Uri, ...).
    BadOption "bad_option" BAD_OPTION "critical option not understood",
    /// An operation that must be confirmable came as a non-confirmable message.
    NotConfirmable "not_confirmable" BAD_REQUEST "must be sent confirmable",
    /// A path segment or query parameter that is not UTF-8.
    NotUtf8 "not_utf8" BAD_REQUEST "not UTF-8",
    /// The parameter occurs more than once.
    DuplicateParameter "duplicate_parameter" BAD_REQUEST "given more than once",
    /// More query parameters than this server keeps.
    TooManyParameters "too_many_parameters" BAD_REQUEST "too many query parameters",
    /// A query parameter on an operation that has none.
    UnexpectedQuery "unexpected_query" BAD_REQUEST "this operation takes no such query parameter",
    /// `ep` is empty.
    EmptyEndpoint "empty_endpoint" BAD_REQUEST "the endpoint name is empty",
    /// `ep` is longer than 252 bytes.
    EndpointTooLong "endpoint_too_long" BAD_REQUEST "the endpoint name is longer than 252 bytes",
    /// `lwm2m` is missing.
    MissingVersion "missing_version" BAD_REQUEST "the enabler version is missing",
    /// `lwm2m` is not of the form major.minor.
    BadVersion "bad_version" BAD_REQUEST "not an enabler version",
    /// The major version is not 1.
    UnsupportedVersion "unsupported_version" PRECONDITION_FAILED "enabler version not supported",
    /// `lt` is not a whole number of seconds up to 4 294 967 295.
    BadLifetime "bad_lifetime" BAD_REQUEST "not a lifetime in seconds",
    /// `lt=0` from a 1.0 client.
    InfiniteLifetime "infinite_lifetime" BAD_REQUEST "no infinite lifetime in LwM2M 1.0",
    /// `b` holds an unknown or repeated letter, or no transport.
    BadBinding "bad_binding" BAD_REQUEST "not a binding",
    /// `b` holds a letter that the client's enabler version does not have.
    BindingNotInVersion "binding_not_in_version" BAD_REQUEST "a binding that the enabler version does not have",
    /// `Q` has a value, or was sent by a 1.0 client.
    BadQueueFlag "bad_queue_flag" BAD_REQUEST "a flag without value, from LwM2M 1.1 on",
    /// The payload is not link format.
    BadLinkFormat "bad_link_format" BAD_REQUEST "not link format",
    /// The registration names no object, and the version wants some.
    NoObjects "no_objects" BAD_REQUEST "no object in the list",
    /// The registration names no object and nothing tells which there are (1.2).
    ObjectsUndetermined "objects_undetermined" CONFLICT "the objects cannot be determined; register with the full list",
    /// More links than this server takes.
    TooManyLinks "too_many_links" REQUEST_ENTITY_TOO_LARGE "too many links",
    /// A larger payload than this server takes.
    PayloadTooLarge "payload_too_large" REQUEST_ENTITY_TOO_LARGE "payload too large",
    /// A payload or value without Content-Format where one is required.
    MissingContentFormat "missing_content_format" BAD_REQUEST "Content-Format is missing",
    /// Nothing to do: neither payload nor attributes.
    EmptyWrite "empty_write" BAD_REQUEST "neither a value nor attributes to write",
    /// Execute arguments in a format other than text.
    ArgumentsFormat "arguments_format" BAD_REQUEST "arguments must be plain text",
    /// Execute arguments that break the grammar.
    BadArguments "bad_arguments" BAD_REQUEST "not an argument list",
    /// `depth` is not a number from 0 to 3.
    BadDepth "bad_depth" BAD_REQUEST "not a depth from 0 to 3",
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeSet, string::ToString};

    use super::*;

    #[test]
    fn identifiers_are_unique_snake_case_and_error_coded() {
        let mut seen = BTreeSet::new();
        for reason in Reason::ALL {
            let id = reason.as_str();
            assert!(seen.insert(id), "{id} twice");
            assert!(
                id.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            );
            assert_eq!(reason.code().class(), 4);
            assert!(!reason.to_string().ends_with('.'));
        }
    }

    #[test]
    fn says_which_parameter_and_where() {
        let lifetime = Refusal::in_parameter(Reason::BadLifetime, "lt");
        assert_eq!(lifetime.to_string(), "lt: not a lifetime in seconds");
        let link = Refusal::at(Reason::BadLinkFormat, 7);
        assert_eq!(link.to_string(), "not link format (at byte 7)");
    }
}
