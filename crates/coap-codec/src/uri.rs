//! CoAP URIs and the options that they become.
//!
//! [`Uri::parse`] reads `coap`, `coaps`, `coap+tcp` and `coaps+tcp` URIs without allocating and
//! checks all of it: what it accepts can be sent. [`OptionsUri`] writes the URI of a request.
//!
//! ```
//! use coap_codec::uri::{Scheme, Uri};
//!
//! let uri = Uri::parse("coap://[2001:db8::2]/~sensors/temp%20rature?x=1&y=%26")?;
//! assert_eq!((uri.scheme(), uri.port()), (Scheme::Coap, 5683));
//! assert_eq!(uri.socket_addr().unwrap().to_string(), "[2001:db8::2]:5683");
//! assert!(uri.path_segments().map(|s| s.chars().collect::<String>()).eq(["~sensors", "temp rature"]));
//! assert!(uri.arguments().map(|a| a.chars().collect::<String>()).eq(["x=1", "y=&"]));
//! # Ok::<(), coap_codec::DecodeError>(())
//! ```
//!
//! # Specification
//! RFC 7252 §6; RFC 8323 §8; RFC 3986; zones of IPv6 addresses: RFC 6874.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

#[cfg(feature = "alloc")]
use crate::{Code, OptionsBuf, Request};
use crate::{DecodeError, DecodeErrorKind, OptionNumber, Options};

/// A CoAP URI, checked and taken apart, still as it was written.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Uri<'a> {
    scheme: Scheme,
    host: Host<'a>,
    port: u16,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Reads an absolute URI.
    ///
    /// # Errors
    /// With the place in `text`: [`DecodeErrorKind::Unexpected`] for an unknown scheme, user
    /// information, a fragment, a `.` or `..` segment or any character that has no place there;
    /// [`DecodeErrorKind::Truncated`] for a cut percent-escape, an empty host or one that ends
    /// early; [`DecodeErrorKind::TooLong`] for a port over 65 535 or a part over 255 bytes;
    /// [`DecodeErrorKind::Reserved`] for port 0; [`DecodeErrorKind::NotUtf8`] for escapes that
    /// make no text.
    pub fn parse(text: &'a str) -> Result<Self, DecodeError> {
        let (scheme, rest) = Scheme::split(text)?;
        let (authority, rest) = split_before(rest, &['/', '?', '#']);
        let (path, rest) = split_before(rest, &['?', '#']);
        let (query, fragment) = split_before(rest, &['#']);
        if !fragment.is_empty() {
            return Err(DecodeError::at(
                offset_in(text, fragment),
                DecodeErrorKind::Unexpected(b'#'),
            ));
        }
        let (host, port) = Host::split(authority, offset_in(text, authority))?;
        let query = query.strip_prefix('?');
        let uri = Self {
            scheme,
            host,
            port: match port {
                Some(port) => port,
                None => scheme.default_port(),
            },
            path,
            query,
        };
        for segment in uri.path_segments() {
            let part_at = offset_in(text, segment.0);
            check_part(segment.0, part_at, is_path)?;
            if segment.chars().eq(['.']) || segment.chars().eq(['.', '.']) {
                return Err(DecodeError::at(part_at, DecodeErrorKind::Unexpected(b'.')));
            }
        }
        for argument in uri.arguments() {
            check_part(argument.0, offset_in(text, argument.0), is_query)?;
        }
        Ok(uri)
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> Host<'a> {
        self.host
    }

    /// The port, or that of the scheme where there is none.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The address to send to, if the host is one. A zone that is a number becomes the scope of
    /// an IPv6 address; one that is a name is for the system to look up, and is left out.
    #[must_use]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self.host {
            Host::Ipv4(address) => Some((address, self.port).into()),
            Host::Ipv6(address, zone) => {
                let scope = zone.and_then(|zone| zone.0.parse().ok()).unwrap_or(0);
                Some(SocketAddrV6::new(address, self.port, 0, scope).into())
            }
            Host::Name(_) => None,
        }
    }

    /// The path as written, with its slash and its escapes; may be empty.
    #[must_use]
    pub const fn path(&self) -> &'a str {
        self.path
    }

    /// The query as written, without the question mark.
    #[must_use]
    pub const fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The segments of the path, one for each Uri-Path. `/` has none; `/a/` has an empty second.
    pub fn path_segments(&self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let path = self.path.strip_prefix('/').unwrap_or_default();
        let none = path.is_empty();
        path.split('/').filter(move |_| !none).map(Part)
    }

    /// The arguments of the query, one for each Uri-Query.
    pub fn arguments(&self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let query = self.query.unwrap_or_default();
        let none = query.is_empty();
        query.split('&').filter(move |_| !none).map(Part)
    }

    /// The options of a request to this URI: Uri-Host if the host is a name, the path, the query.
    /// Uri-Port is left out, since the request goes to that port.
    ///
    /// # Specification
    /// RFC 7252 §6.4.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn options(&self) -> OptionsBuf {
        let mut options = OptionsBuf::new();
        let mut text = alloc::string::String::new();
        let mut add = |number, part: Part<'_>, lower: bool| {
            text.clear();
            text.extend(part.chars());
            if lower {
                text.make_ascii_lowercase();
            }
            options.insert_cut(number, text.as_bytes());
        };
        if let Host::Name(name) = self.host {
            add(OptionNumber::URI_HOST, name, true);
        }
        for segment in self.path_segments() {
            add(OptionNumber::URI_PATH, segment, false);
        }
        for argument in self.arguments() {
            add(OptionNumber::URI_QUERY, argument, false);
        }
        options
    }

    /// A request to this URI; see [`Uri::options`].
    ///
    /// # Examples
    /// ```
    /// use coap_codec::{Code, OptionNumber, uri::Uri};
    ///
    /// let request = Uri::parse("coap://Example.net/rd?ep=a")?.request(Code::POST);
    /// let options = request.options.as_options();
    /// assert_eq!(options.uri_host(), Some("example.net"));
    /// assert!(options.uri_path().eq([Ok("rd")]));
    /// assert!(options.uri_query().eq([Ok("ep=a")]));
    /// # Ok::<(), coap_codec::DecodeError>(())
    /// ```
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn request(&self, code: Code) -> Request {
        let mut request = Request::new(code);
        request.options = self.options();
        request
    }
}

/// Writes the URI as it was read, but for the port, which stands if it is not that of the scheme.
impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(self.path)?;
        match self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

/// The scheme of a URI: whether there is security, and over what.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Scheme {
    /// `coap`: UDP.
    Coap,
    /// `coaps`: DTLS over UDP.
    Coaps,
    /// `coap+tcp`: TCP.
    CoapTcp,
    /// `coaps+tcp`: TLS over TCP.
    CoapsTcp,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: &'static [Self] = &[Self::Coap, Self::Coaps, Self::CoapTcp, Self::CoapsTcp];

    /// As it stands in a URI.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coap => "coap",
            Self::Coaps => "coaps",
            Self::CoapTcp => "coap+tcp",
            Self::CoapsTcp => "coaps+tcp",
        }
    }

    /// 5683, or 5684 with security.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        if self.is_secure() { 5684 } else { 5683 }
    }

    /// Whether it is DTLS or TLS.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Coaps | Self::CoapsTcp)
    }

    /// Whether it is a stream.
    #[must_use]
    pub const fn is_tcp(self) -> bool {
        matches!(self, Self::CoapTcp | Self::CoapsTcp)
    }

    /// Reads the scheme, in any case, and what follows `://`.
    fn split(text: &str) -> Result<(Self, &str), DecodeError> {
        let name_len = text
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
            .count();
        let (name, rest) = text.split_at_checked(name_len).unwrap_or_default();
        let Some(rest) = rest.strip_prefix("://") else {
            let offset = name_len + common_prefix(rest, "://");
            return Err(fault_at(text, offset));
        };
        let known = Self::ALL
            .iter()
            .find(|scheme| scheme.as_str().eq_ignore_ascii_case(name));
        match known {
            Some(scheme) => Ok((*scheme, rest)),
            None => Err(fault_at(text, 0)),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The host of a URI.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_enums)] // RFC 3986 has these, and a future that never came
pub enum Host<'a> {
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address, with a zone such as the `eth0` of `[fe80::1%25eth0]`.
    Ipv6(Ipv6Addr, Option<Part<'a>>),
    /// A name to look up.
    Name(Part<'a>),
}

impl<'a> Host<'a> {
    /// The address, if it is one.
    #[must_use]
    pub const fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Ipv4(address) => Some(IpAddr::V4(address)),
            Self::Ipv6(address, _) => Some(IpAddr::V6(address)),
            Self::Name(_) => None,
        }
    }

    /// Reads `host [ ":" port ]`; faults are told from `base`.
    fn split(authority: &'a str, base: usize) -> Result<(Self, Option<u16>), DecodeError> {
        let fault = |offset| {
            let mut fault = fault_at(authority, offset);
            fault.offset = fault.offset.saturating_add(base);
            fault
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(literal) => {
                let Some((literal, port)) = literal.split_once(']') else {
                    return Err(fault(authority.len()));
                };
                let (address, zone) = match literal.split_once('%') {
                    None => (literal, None),
                    Some((address, zone)) => (address, Some(zone)),
                };
                let Ok(ip) = address.parse() else {
                    return Err(fault(1));
                };
                let zone = match zone {
                    None => None,
                    // `"%25" 1*( unreserved / pct-encoded )`
                    Some(zone) => {
                        let zone_at = address.len() + 2;
                        let Some(name) = zone.strip_prefix("25").filter(|name| !name.is_empty())
                        else {
                            return Err(fault(zone_at + common_prefix(zone, "25")));
                        };
                        check_part(name, base + zone_at + 2, is_unreserved)?;
                        Some(Part(name))
                    }
                };
                (Self::Ipv6(ip, zone), port)
            }
            None => {
                let (name, port) = split_before(authority, &[':']);
                if name.is_empty() {
                    return Err(DecodeError::at(base, DecodeErrorKind::Truncated));
                }
                let host = match name.parse() {
                    Ok(ip) => Self::Ipv4(ip),
                    Err(_) => {
                        check_part(name, base, is_name)?;
                        Self::Name(Part(name))
                    }
                };
                (host, port)
            }
        };
        let port_at = authority.len().saturating_sub(port.len());
        let digits = match port.strip_prefix(':') {
            Some(digits) => digits,
            None if port.is_empty() => return Ok((host, None)),
            None => return Err(fault(port_at)),
        };
        if digits.is_empty() {
            return Ok((host, None));
        }
        if let Some(bad) = digits.bytes().position(|byte| !byte.is_ascii_digit()) {
            return Err(fault(port_at + 1 + bad));
        }
        let at = base + port_at + 1;
        match digits.parse() {
            Ok(0) => Err(DecodeError::at(at, DecodeErrorKind::Reserved(0))),
            Ok(port) => Ok((host, Some(port))),
            Err(_) => Err(DecodeError::at(at, DecodeErrorKind::TooLong)),
        }
    }
}

/// Writes the host as it stands in a URI.
impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(address) => address.fmt(f),
            Self::Ipv6(address, None) => write!(f, "[{address}]"),
            Self::Ipv6(address, Some(zone)) => write!(f, "[{address}%25{}]", zone.0),
            Self::Name(name) => f.write_str(name.0),
        }
    }
}

/// A part of a URI, as written, its percent-escapes checked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Part<'a>(&'a str);

impl<'a> Part<'a> {
    /// As written, with escapes.
    #[must_use]
    pub const fn raw(self) -> &'a str {
        self.0
    }

    /// The bytes that it stands for, escapes resolved: UTF-8, at most 255 of them.
    pub fn bytes(self) -> impl Iterator<Item = u8> + Clone + use<'a> {
        let mut bytes = self.0.bytes();
        core::iter::from_fn(move || match bytes.next()? {
            b'%' => {
                let high = hex_digit(bytes.next()?)?;
                let low = hex_digit(bytes.next()?)?;
                Some(high << 4 | low)
            }
            byte => Some(byte),
        })
    }

    /// The characters that it stands for, escapes resolved.
    pub fn chars(self) -> impl Iterator<Item = char> + use<'a> {
        let mut bytes = self.bytes();
        core::iter::from_fn(move || {
            let mut buffer = [0; 4];
            let mut len = 0;
            loop {
                *buffer.get_mut(len)? = bytes.next()?;
                len += 1;
                // The whole was checked to be UTF-8, so a character is there within four bytes.
                let so_far = buffer.get(..len)?;
                if let Ok(text) = core::str::from_utf8(so_far) {
                    return text.chars().next();
                }
            }
        })
    }
}

/// Writes the URI that options stand for, given where the request goes.
///
/// # Examples
/// ```
/// use coap_codec::{Options, uri::{OptionsUri, Scheme}};
///
/// let uri = OptionsUri {
///     scheme: Scheme::Coap,
///     host: "192.0.2.1",
///     port: 5683,
///     options: Options::decode(b"\xb3a b\x01c\x46x=\xc3\xa4&b")?,
/// };
/// assert_eq!(uri.to_string(), "coap://192.0.2.1/a%20b/c?x=%C3%A4%26b");
/// # Ok::<(), coap_codec::DecodeError>(())
/// ```
///
/// # Specification
/// RFC 7252 §6.5.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // what RFC 7252 §6.5 takes
pub struct OptionsUri<'a> {
    /// The scheme that the request uses.
    pub scheme: Scheme,
    /// The host for a request without Uri-Host: a name, an IPv4 address, or an IPv6 address. The
    /// latter alone and with a plain zone (`fe80::1%eth0`), or in brackets as in a URI
    /// (`[fe80::1%25eth0]`).
    pub host: &'a str,
    /// The port for a request without Uri-Port.
    pub port: u16,
    /// The options of the request.
    pub options: Options<'a>,
}

impl fmt::Display for OptionsUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        let host = self.options.uri_host().unwrap_or(self.host);
        let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let (address, zone) = match inner.unwrap_or(host).split_once('%') {
            Some((address, zone)) => (address, Some(zone)),
            None => (inner.unwrap_or(host), None),
        };
        match address.parse::<Ipv6Addr>() {
            Ok(address) => {
                write!(f, "[{address}")?;
                if let Some(zone) = zone {
                    f.write_str("%25")?;
                    // In brackets the zone may stand as in a URI, with escapes.
                    let escaped = zone.strip_prefix("25").filter(|zone| !zone.is_empty());
                    match escaped.filter(|_| inner.is_some()) {
                        Some(zone) => Part(zone)
                            .bytes()
                            .try_for_each(|byte| escape(f, &[byte], is_unreserved))?,
                        None => escape(f, zone.as_bytes(), is_unreserved)?,
                    }
                }
                f.write_str("]")?;
            }
            Err(_) => escape(f, host.as_bytes(), is_name)?,
        }
        let port = self.options.uri_port().unwrap_or(self.port);
        if port != self.scheme.default_port() {
            write!(f, ":{port}")?;
        }
        let mut path = self.options.all(OptionNumber::URI_PATH);
        match path.next() {
            None => f.write_str("/")?,
            Some(first) => {
                for segment in core::iter::once(first).chain(path) {
                    f.write_str("/")?;
                    escape(f, segment, is_path)?;
                }
            }
        }
        let mut parted_by = "?";
        for argument in self.options.all(OptionNumber::URI_QUERY) {
            f.write_str(parted_by)?;
            // "&" parts arguments, so within one it is escaped.
            escape(f, argument, |byte| is_query(byte) && byte != b'&')?;
            parted_by = "&";
        }
        Ok(())
    }
}

fn escape(f: &mut fmt::Formatter<'_>, bytes: &[u8], plain: fn(u8) -> bool) -> fmt::Result {
    for &byte in bytes {
        if plain(byte) {
            write!(f, "{}", char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// Checks characters, escapes, length and UTF-8 of a part that stands at `base`.
fn check_part(part: &str, base: usize, plain: fn(u8) -> bool) -> Result<(), DecodeError> {
    let mut decoded = [0; MAX_PART];
    let (mut len, mut at) = (0, 0);
    let bytes = part.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        let value = if byte == b'%' {
            for digit in [at + 1, at + 2] {
                match bytes.get(digit) {
                    None => {
                        let end = base.saturating_add(part.len());
                        return Err(DecodeError::at(end, DecodeErrorKind::Truncated));
                    }
                    Some(byte) if hex_digit(*byte).is_none() => {
                        let kind = DecodeErrorKind::Unexpected(*byte);
                        return Err(DecodeError::at(base.saturating_add(digit), kind));
                    }
                    Some(_) => {}
                }
            }
            at += 2;
            Part(part.get(at - 2..=at).unwrap_or_default())
                .bytes()
                .next()
                .unwrap_or_default()
        } else if plain(byte) {
            byte
        } else {
            let kind = DecodeErrorKind::Unexpected(byte);
            return Err(DecodeError::at(base.saturating_add(at), kind));
        };
        let Some(place) = decoded.get_mut(len) else {
            return Err(DecodeError::at(
                base.saturating_add(at),
                DecodeErrorKind::TooLong,
            ));
        };
        *place = value;
        len += 1;
        at += 1;
    }
    match core::str::from_utf8(decoded.get(..len).unwrap_or_default()) {
        Ok(_) => Ok(()),
        Err(_) => Err(DecodeError::at(base, DecodeErrorKind::NotUtf8)),
    }
}

/// Splits before the first of `stops`.
fn split_before<'a>(text: &'a str, stops: &[char]) -> (&'a str, &'a str) {
    text.split_at_checked(text.find(stops).unwrap_or(text.len()))
        .unwrap_or((text, ""))
}

/// Where `part`, a slice of `text`, begins in it.
fn offset_in(text: &str, part: &str) -> usize {
    part.as_ptr()
        .addr()
        .saturating_sub(text.as_ptr().addr())
        .min(text.len())
}

/// How many bytes of `text` are those of `wanted`.
fn common_prefix(text: &str, wanted: &str) -> usize {
    let pairs = text.bytes().zip(wanted.bytes());
    pairs.take_while(|(a, b)| a == b).count()
}

/// What is wrong at `offset`: the byte that stands there, or that there is none.
fn fault_at(text: &str, offset: usize) -> DecodeError {
    let kind = match text.as_bytes().get(offset) {
        Some(byte) => DecodeErrorKind::Unexpected(*byte),
        None => DecodeErrorKind::Truncated,
    };
    DecodeError::at(offset.min(text.len()), kind)
}

const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// `unreserved` of RFC 3986 §2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `unreserved / sub-delims`: what a name may have (RFC 3986 §3.2.2).
const fn is_name(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}

/// `pchar` without escapes (RFC 3986 §3.3).
const fn is_path(byte: u8) -> bool {
    is_name(byte) || matches!(byte, b':' | b'@')
}

/// What a query may have (RFC 3986 §3.4).
const fn is_query(byte: u8) -> bool {
    is_path(byte) || matches!(byte, b'/' | b'?')
}

/// The longest Uri-Host, Uri-Path or Uri-Query, in bytes (RFC 7252 §5.10).
const MAX_PART: usize = 255;
