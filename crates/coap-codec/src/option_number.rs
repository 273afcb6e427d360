//! Option numbers and what the registry says about each.

use core::fmt;
use core::ops::RangeInclusive;

/// The number of an option.
///
/// Unknown numbers are kept; what a receiver must do with one follows from its bits
/// ([`OptionNumber::is_critical`] and its neighbours).
///
/// # Examples
/// ```
/// use coap_codec::OptionNumber;
///
/// assert!(OptionNumber::URI_PATH.is_critical());
/// assert_eq!(OptionNumber::URI_PATH.to_string(), "Uri-Path");
/// assert_eq!(OptionNumber(65001).to_string(), "65001");
/// ```
///
/// # Specification
/// RFC 7252 §5.4 and §12.2.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[allow(clippy::exhaustive_structs)] // a 16-bit number on the wire
pub struct OptionNumber(pub u16);

impl OptionNumber {
    /// Whether a receiver that does not understand the option must refuse the message
    /// (bit 0; RFC 7252 §5.4.1).
    #[must_use]
    pub const fn is_critical(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether a proxy that does not understand the option must not forward it
    /// (bit 1; RFC 7252 §5.4.2).
    #[must_use]
    pub const fn is_unsafe(self) -> bool {
        self.0 & 2 != 0
    }

    /// Whether the option is safe to forward and no part of the cache key
    /// (bits 1 to 4 are 0, 1, 1, 1; RFC 7252 §5.4.2).
    #[must_use]
    pub const fn is_no_cache_key(self) -> bool {
        self.0 & 0x1e == 0x1c
    }

    /// What the registry says about the option; `None` for a number this crate does not know.
    #[must_use]
    #[inline]
    pub const fn definition(self) -> Option<&'static OptionDefinition> {
        match self.index() {
            Some(index) if index < DEFINITIONS.len() => {
                // Indexing in a const fn; the bound is checked above.
                #[allow(clippy::indexing_slicing)]
                let definition = &DEFINITIONS[index];
                Some(definition)
            }
            _ => None,
        }
    }

    /// Whether the option may stand more than once in a message. Unknown options count as
    /// repeatable, since nobody can say that they are not.
    #[must_use]
    pub const fn is_repeatable(self) -> bool {
        match self.definition() {
            Some(definition) => definition.repeatable,
            None => true,
        }
    }

    /// The registered name, such as `"Uri-Path"`; `None` for a number this crate does not know.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self.definition() {
            Some(definition) => Some(definition.name),
            None => None,
        }
    }
}

/// Writes the registered name, or the bare number where it is unknown.
impl fmt::Display for OptionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// What the registry says about one option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct OptionDefinition {
    /// The number.
    pub number: OptionNumber,
    /// The registered name.
    pub name: &'static str,
    /// How the value is to be read.
    pub format: OptionFormat,
    /// The least number of bytes in a value.
    pub min_len: u16,
    /// The greatest number of bytes in a value.
    pub max_len: u16,
    /// Whether the option may stand more than once.
    pub repeatable: bool,
}

impl OptionDefinition {
    /// Whether a value of `len` bytes has a length that the definition allows.
    #[must_use]
    pub const fn allows_len(&self, len: usize) -> bool {
        len >= self.min_len as usize && len <= self.max_len as usize
    }

    /// The lengths, in bytes, that a value may have.
    #[must_use]
    pub const fn lengths(&self) -> RangeInclusive<u16> {
        self.min_len..=self.max_len
    }
}

/// How the value of an option is to be read (RFC 7252 §3.2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums)] // RFC 7252 has these four
pub enum OptionFormat {
    /// No value: the presence says it.
    Empty,
    /// Bytes.
    Opaque,
    /// An unsigned integer, big-endian, shortest form.
    Uint,
    /// UTF-8 text.
    String,
}

macro_rules! options {
    ($($(#[$doc:meta])* $constant:ident = $number:literal, $name:literal, $format:ident, $min:literal..=$max:literal $(, $repeatable:ident)?;)*) => {
        impl OptionNumber {
            $(
                $(#[$doc])*
                pub const $constant: Self = Self($number);
            )*

            /// The place of the option in `DEFINITIONS`.
            const fn index(self) -> Option<usize> {
                #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
                #[repr(usize)]
                enum Index { $($constant,)* }
                match self {
                    $(Self::$constant => Some(Index::$constant as usize),)*
                    _ => None,
                }
            }
        }

        /// Every option this crate knows, ascending.
        pub const DEFINITIONS: &[OptionDefinition] = &[
            $(OptionDefinition {
                number: OptionNumber::$constant,
                name: $name,
                format: OptionFormat::$format,
                min_len: $min,
                max_len: $max,
                repeatable: options!(@repeatable $($repeatable)?),
            },)*
        ];
    };
    (@repeatable) => { false };
    (@repeatable repeatable) => { true };
}

options! {
    /// If-Match: do it only if the resource has one of these ETags (RFC 7252 §5.10.8.1).
    IF_MATCH = 1, "If-Match", Opaque, 0..=8, repeatable;
    /// Uri-Host (RFC 7252 §5.10.1).
    URI_HOST = 3, "Uri-Host", String, 1..=255;
    /// ETag; one at most in a response, several in a request (RFC 7252 §5.10.6).
    ETAG = 4, "ETag", Opaque, 1..=8, repeatable;
    /// If-None-Match: do it only if the resource does not exist (RFC 7252 §5.10.8.2).
    IF_NONE_MATCH = 5, "If-None-Match", Empty, 0..=0;
    /// Observe: 0 registers, 1 deregisters; a sequence number in a notification (RFC 7641 §2).
    OBSERVE = 6, "Observe", Uint, 0..=3;
    /// Uri-Port (RFC 7252 §5.10.1).
    URI_PORT = 7, "Uri-Port", Uint, 0..=2;
    /// Location-Path, one segment each (RFC 7252 §5.10.7).
    LOCATION_PATH = 8, "Location-Path", String, 0..=255, repeatable;
    /// OSCORE (RFC 8613 §2).
    OSCORE = 9, "OSCORE", Opaque, 0..=255;
    /// Uri-Path, one segment each (RFC 7252 §5.10.1).
    URI_PATH = 11, "Uri-Path", String, 0..=255, repeatable;
    /// Content-Format of the payload that is present (RFC 7252 §5.10.3).
    CONTENT_FORMAT = 12, "Content-Format", Uint, 0..=2;
    /// Max-Age in seconds, 60 where absent (RFC 7252 §5.10.5).
    MAX_AGE = 14, "Max-Age", Uint, 0..=4;
    /// Uri-Query, one argument each (RFC 7252 §5.10.1).
    URI_QUERY = 15, "Uri-Query", String, 0..=255, repeatable;
    /// Hop-Limit, 1 to 255 (RFC 8768 §3).
    HOP_LIMIT = 16, "Hop-Limit", Uint, 1..=1;
    /// Accept: the Content-Format that the client wants (RFC 7252 §5.10.4).
    ACCEPT = 17, "Accept", Uint, 0..=2;
    /// Q-Block1 (RFC 9177 §4.1).
    Q_BLOCK1 = 19, "Q-Block1", Uint, 0..=3;
    /// Location-Query, one argument each (RFC 7252 §5.10.7).
    LOCATION_QUERY = 20, "Location-Query", String, 0..=255, repeatable;
    /// EDHOC (RFC 9668 §3.1).
    EDHOC = 21, "EDHOC", Empty, 0..=0;
    /// Block2: blocks of a response body (RFC 7959 §2.1).
    BLOCK2 = 23, "Block2", Uint, 0..=3;
    /// Block1: blocks of a request body (RFC 7959 §2.1).
    BLOCK1 = 27, "Block1", Uint, 0..=3;
    /// Size2: bytes of the response body (RFC 7959 §4).
    SIZE2 = 28, "Size2", Uint, 0..=4;
    /// Q-Block2 (RFC 9177 §4.1).
    Q_BLOCK2 = 31, "Q-Block2", Uint, 0..=3, repeatable;
    /// Proxy-Uri (RFC 7252 §5.10.2).
    PROXY_URI = 35, "Proxy-Uri", String, 1..=1034;
    /// Proxy-Scheme (RFC 7252 §5.10.2).
    PROXY_SCHEME = 39, "Proxy-Scheme", String, 1..=255;
    /// Size1: bytes of the request body, or the most that are accepted (RFC 7959 §4).
    SIZE1 = 60, "Size1", Uint, 0..=4;
    /// Echo: proof of freshness or of an address (RFC 9175 §2.2).
    ECHO = 252, "Echo", Opaque, 1..=40;
    /// No-Response: classes of responses that are not wanted (RFC 7967 §2).
    NO_RESPONSE = 258, "No-Response", Uint, 0..=1;
    /// Request-Tag: tells block-wise requests apart (RFC 9175 §3.2).
    REQUEST_TAG = 292, "Request-Tag", Opaque, 0..=8, repeatable;
    /// OCF-Accept-Content-Format-Version (OCF core).
    OCF_ACCEPT_VERSION = 2049, "OCF-Accept-Content-Format-Version", Uint, 2..=2;
    /// OCF-Content-Format-Version (OCF core).
    OCF_VERSION = 2053, "OCF-Content-Format-Version", Uint, 2..=2;
}
