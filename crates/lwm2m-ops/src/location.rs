use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::{borrow::Borrow, fmt, hash, str::FromStr};

use coap_codec::{Code, OptionNumber, Options, Request, Response};

use crate::{illegal::IllegalRequest, parameters};

/// The name a server gives to one registration: the second segment of `/rd/<id>`.
///
/// 1 to 32 characters of `A`–`Z`, `a`–`z`, `0`–`9`, `-`, `_`, `.` and `~`, so that it needs no
/// escaping in a URI and fits the buffers of small clients. Held inline: copying allocates
/// nothing.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct RegistrationId {
    text: [u8; Self::MAX],
    len: u8,
}

impl RegistrationId {
    /// The most characters an id may have.
    pub const MAX: usize = 32;

    /// Takes over an id.
    ///
    /// # Errors
    /// [`BadRegistrationId`] when it is empty, longer than 32 characters, or holds a character
    /// that a URI path would have to escape.
    pub fn new(id: &str) -> Result<Self, BadRegistrationId> {
        let mut text = [0; Self::MAX];
        let (Some(place), Ok(len)) = (text.get_mut(..id.len()), u8::try_from(id.len())) else {
            return Err(BadRegistrationId);
        };
        // A lone `.` or `..` means something else in a URI path.
        if len == 0 || matches!(id, "." | "..") || !id.bytes().all(is_unreserved) {
            return Err(BadRegistrationId);
        }
        place.copy_from_slice(id.as_bytes());
        Ok(Self { text, len })
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.text.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl hash::Hash for RegistrationId {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for RegistrationId {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RegistrationId {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Borrow<str> for RegistrationId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for RegistrationId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for RegistrationId {
    type Err = BadRegistrationId;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::new(id)
    }
}

impl fmt::Display for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistrationId({self})")
    }
}

/// Text that cannot be a [`RegistrationId`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BadRegistrationId;

impl fmt::Display for BadRegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a registration id")
    }
}

impl core::error::Error for BadRegistrationId {}

/// Where a registration lives on its server: what Update and De-register are sent to.
///
/// A server of ours gives out `/rd/<id>` and nothing else. A client takes whatever the
/// Location-Path and Location-Query options of the answer say and repeats it unchanged.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Location(Place);

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Place {
    /// `/rd/<id>`, the usual case, without allocation.
    Id(RegistrationId),
    /// Any other path, and its query.
    Other {
        path: Vec<String>,
        query: Vec<String>,
    },
}

impl Location {
    /// The location with these path segments and query parameters.
    ///
    /// `None` when there is no segment, or one of them does not fit an option (255 bytes).
    #[must_use]
    pub fn new(path: &[&str], query: &[&str]) -> Option<Self> {
        if let (["rd", id], []) = (path, query)
            && let Ok(id) = RegistrationId::new(id)
        {
            return Some(Self(Place::Id(id)));
        }
        if path.is_empty() || path.iter().chain(query).any(|text| text.len() > MAX_OPTION) {
            return None;
        }
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Some(Self(Place::Other {
            path: owned(path),
            query: owned(query),
        }))
    }

    /// The registration id, when this is `/rd/<id>`.
    #[must_use]
    pub const fn id(&self) -> Option<RegistrationId> {
        match self.0 {
            Place::Id(id) => Some(id),
            Place::Other { .. } => None,
        }
    }

    /// The path segments, in order.
    pub fn path(&self) -> impl Iterator<Item = &str> {
        let (ours, theirs) = match &self.0 {
            Place::Id(id) => (Some(["rd", id.as_str()]), None),
            Place::Other { path, .. } => (None, Some(path)),
        };
        ours.into_iter()
            .flatten()
            .chain(theirs.into_iter().flatten().map(String::as_str))
    }

    /// The query parameters, in order.
    pub fn query(&self) -> impl Iterator<Item = &str> {
        let theirs = match &self.0 {
            Place::Id(_) => None,
            Place::Other { query, .. } => Some(query),
        };
        theirs.into_iter().flatten().map(String::as_str)
    }

    /// A request to this location, all its options repeated.
    pub(crate) fn to_request(&self, method: Code) -> Result<Request, IllegalRequest> {
        let mut request = Request::new(method);
        for segment in self.path() {
            parameters::insert(&mut request, OptionNumber::URI_PATH, segment)?;
        }
        for parameter in self.query() {
            parameters::insert(&mut request, OptionNumber::URI_QUERY, parameter)?;
        }
        Ok(request)
    }

    /// An answer that tells this location.
    pub(crate) fn to_response(&self, code: Code) -> Response {
        let mut response = Response::new(code);
        // Each text is known to fit (see `new`), so nothing can be left out here.
        for segment in self.path() {
            let _ = response
                .options
                .insert(OptionNumber::LOCATION_PATH, segment.as_bytes());
        }
        for parameter in self.query() {
            let _ = response
                .options
                .insert(OptionNumber::LOCATION_QUERY, parameter.as_bytes());
        }
        response
    }

    /// Reads the Location options of an answer; `None` without Location-Path, or when one of
    /// them is not UTF-8.
    pub(crate) fn from_options(options: Options<'_>) -> Option<Self> {
        let text = |number| {
            options
                .all(number)
                .map(core::str::from_utf8)
                .collect::<Result<Vec<_>, _>>()
                .ok()
        };
        Self::new(
            &text(OptionNumber::LOCATION_PATH)?,
            &text(OptionNumber::LOCATION_QUERY)?,
        )
    }
}

impl From<RegistrationId> for Location {
    fn from(id: RegistrationId) -> Self {
        Self(Place::Id(id))
    }
}

/// As a relative reference: `/rd/5a3f`.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in self.path() {
            write!(f, "/{segment}")?;
        }
        for (index, parameter) in self.query().enumerate() {
            write!(f, "{}{parameter}", if index == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

/// The longest value of Uri-Path, Uri-Query and their Location twins (RFC 7252 §5.10).
pub(crate) const MAX_OPTION: usize = 255;

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}
