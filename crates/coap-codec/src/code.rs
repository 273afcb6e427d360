//! Message types and codes.

use core::fmt;

/// What a message is to the message layer.
///
/// # Specification
/// RFC 7252 §3 and §4.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums)] // two bits on the wire
pub enum Type {
    /// CON: asks for an acknowledgement.
    Confirmable,
    /// NON: asks for none.
    NonConfirmable,
    /// ACK: answers a CON by its message ID, with or without a response.
    Acknowledgement,
    /// RST: the message of this ID could not be processed.
    Reset,
}

impl Type {
    /// The two bits of the header (0 CON, 1 NON, 2 ACK, 3 RST).
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Confirmable => 0,
            Self::NonConfirmable => 1,
            Self::Acknowledgement => 2,
            Self::Reset => 3,
        }
    }

    /// The type that the two low bits of `bits` stand for; higher bits are ignored.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0x3 {
            0 => Self::Confirmable,
            1 => Self::NonConfirmable,
            2 => Self::Acknowledgement,
            _ => Self::Reset,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Confirmable => "CON",
            Self::NonConfirmable => "NON",
            Self::Acknowledgement => "ACK",
            Self::Reset => "RST",
        })
    }
}

/// A request method or response code: three bits of class, five of detail.
///
/// Unknown codes are kept; [`Code::name`] tells whether this crate knows one.
///
/// # Examples
/// ```
/// use coap_codec::Code;
///
/// assert_eq!(Code::CONTENT, Code::new(2, 5).unwrap());
/// assert_eq!(Code::NOT_FOUND.to_string(), "4.04");
/// assert_eq!(Code(0x45).name(), Some("Content"));
/// ```
///
/// # Specification
/// RFC 7252 §3 and §12.1.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[allow(clippy::exhaustive_structs)] // one byte on the wire
pub struct Code(pub u8);

impl Code {
    /// The code `class.detail`; `None` for a class over 7 or a detail over 31.
    #[must_use]
    pub const fn new(class: u8, detail: u8) -> Option<Self> {
        if class > 7 || detail > 31 {
            return None;
        }
        Some(Self(class << 5 | detail))
    }

    /// The class, 0 to 7: 0 requests, 2 success, 4 client error, 5 server error, 7 signalling.
    #[must_use]
    pub const fn class(self) -> u8 {
        self.0 >> 5
    }

    /// The detail, 0 to 31.
    #[must_use]
    pub const fn detail(self) -> u8 {
        self.0 & 0x1f
    }

    /// Whether this is a method, 0.01 to 0.31, known or not.
    #[must_use]
    pub const fn is_request(self) -> bool {
        self.class() == 0 && self.0 != 0
    }

    /// Whether this is a response, 2.00 to 5.31, known or not.
    #[must_use]
    pub const fn is_response(self) -> bool {
        matches!(self.class(), 2..=5)
    }

    /// Whether this is a response of class 2.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.class() == 2
    }

    /// Whether this is a response of class 4 or 5.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self.class(), 4 | 5)
    }

    /// Whether this is a signalling code, 7.00 to 7.31, which exists over TCP only (RFC 8323 §5).
    #[must_use]
    pub const fn is_signalling(self) -> bool {
        self.class() == 7
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.class(), self.detail())
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $constant:ident = $class:literal . $detail:literal, $name:literal;)*) => {
        impl Code {
            $(
                $(#[$doc])*
                pub const $constant: Self = Self($class << 5 | $detail);
            )*

            /// The registered name, such as `"Not Found"`; `None` for a code this crate does not know.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$constant => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// 0.00 Empty: neither request nor response (RFC 7252 §4.1).
    EMPTY = 0 . 0, "Empty";
    /// 0.01 GET (RFC 7252 §5.8.1).
    GET = 0 . 1, "GET";
    /// 0.02 POST (RFC 7252 §5.8.2).
    POST = 0 . 2, "POST";
    /// 0.03 PUT (RFC 7252 §5.8.3).
    PUT = 0 . 3, "PUT";
    /// 0.04 DELETE (RFC 7252 §5.8.4).
    DELETE = 0 . 4, "DELETE";
    /// 0.05 FETCH (RFC 8132 §2).
    FETCH = 0 . 5, "FETCH";
    /// 0.06 PATCH (RFC 8132 §3).
    PATCH = 0 . 6, "PATCH";
    /// 0.07 iPATCH, the idempotent PATCH (RFC 8132 §3).
    IPATCH = 0 . 7, "iPATCH";
    /// 2.01 Created (RFC 7252 §5.9.1.1).
    CREATED = 2 . 1, "Created";
    /// 2.02 Deleted (RFC 7252 §5.9.1.2).
    DELETED = 2 . 2, "Deleted";
    /// 2.03 Valid (RFC 7252 §5.9.1.3).
    VALID = 2 . 3, "Valid";
    /// 2.04 Changed (RFC 7252 §5.9.1.4).
    CHANGED = 2 . 4, "Changed";
    /// 2.05 Content (RFC 7252 §5.9.1.5).
    CONTENT = 2 . 5, "Content";
    /// 2.31 Continue: the block is stored, more are expected (RFC 7959 §2.9.1).
    CONTINUE = 2 . 31, "Continue";
    /// 4.00 Bad Request (RFC 7252 §5.9.2.1).
    BAD_REQUEST = 4 . 0, "Bad Request";
    /// 4.01 Unauthorized (RFC 7252 §5.9.2.2).
    UNAUTHORIZED = 4 . 1, "Unauthorized";
    /// 4.02 Bad Option (RFC 7252 §5.9.2.3).
    BAD_OPTION = 4 . 2, "Bad Option";
    /// 4.03 Forbidden (RFC 7252 §5.9.2.4).
    FORBIDDEN = 4 . 3, "Forbidden";
    /// 4.04 Not Found (RFC 7252 §5.9.2.5).
    NOT_FOUND = 4 . 4, "Not Found";
    /// 4.05 Method Not Allowed (RFC 7252 §5.9.2.6).
    METHOD_NOT_ALLOWED = 4 . 5, "Method Not Allowed";
    /// 4.06 Not Acceptable (RFC 7252 §5.9.2.7).
    NOT_ACCEPTABLE = 4 . 6, "Not Acceptable";
    /// 4.08 Request Entity Incomplete (RFC 7959 §2.9.2).
    REQUEST_ENTITY_INCOMPLETE = 4 . 8, "Request Entity Incomplete";
    /// 4.09 Conflict (RFC 8132 §4).
    CONFLICT = 4 . 9, "Conflict";
    /// 4.12 Precondition Failed (RFC 7252 §5.9.2.8).
    PRECONDITION_FAILED = 4 . 12, "Precondition Failed";
    /// 4.13 Request Entity Too Large (RFC 7252 §5.9.2.9, RFC 7959 §2.9.3).
    REQUEST_ENTITY_TOO_LARGE = 4 . 13, "Request Entity Too Large";
    /// 4.15 Unsupported Content-Format (RFC 7252 §5.9.2.10).
    UNSUPPORTED_CONTENT_FORMAT = 4 . 15, "Unsupported Content-Format";
    /// 4.22 Unprocessable Entity (RFC 8132 §4).
    UNPROCESSABLE_ENTITY = 4 . 22, "Unprocessable Entity";
    /// 4.29 Too Many Requests (RFC 8516).
    TOO_MANY_REQUESTS = 4 . 29, "Too Many Requests";
    /// 5.00 Internal Server Error (RFC 7252 §5.9.3.1).
    INTERNAL_SERVER_ERROR = 5 . 0, "Internal Server Error";
    /// 5.01 Not Implemented (RFC 7252 §5.9.3.2).
    NOT_IMPLEMENTED = 5 . 1, "Not Implemented";
    /// 5.02 Bad Gateway (RFC 7252 §5.9.3.3).
    BAD_GATEWAY = 5 . 2, "Bad Gateway";
    /// 5.03 Service Unavailable; Max-Age tells when to try again (RFC 7252 §5.9.3.4).
    SERVICE_UNAVAILABLE = 5 . 3, "Service Unavailable";
    /// 5.04 Gateway Timeout (RFC 7252 §5.9.3.5).
    GATEWAY_TIMEOUT = 5 . 4, "Gateway Timeout";
    /// 5.05 Proxying Not Supported (RFC 7252 §5.9.3.6).
    PROXYING_NOT_SUPPORTED = 5 . 5, "Proxying Not Supported";
    /// 5.08 Hop Limit Reached (RFC 8768).
    HOP_LIMIT_REACHED = 5 . 8, "Hop Limit Reached";
    /// 7.01 CSM, capabilities and settings; TCP only (RFC 8323 §5.3).
    CSM = 7 . 1, "CSM";
    /// 7.02 Ping; TCP only (RFC 8323 §5.4).
    PING = 7 . 2, "Ping";
    /// 7.03 Pong; TCP only (RFC 8323 §5.4).
    PONG = 7 . 3, "Pong";
    /// 7.04 Release; TCP only (RFC 8323 §5.5).
    RELEASE = 7 . 4, "Release";
    /// 7.05 Abort; TCP only (RFC 8323 §5.6).
    ABORT = 7 . 5, "Abort";
}
