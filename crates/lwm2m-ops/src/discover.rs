use alloc::string::ToString;

use coap_codec::{Code, ContentFormat, OptionNumber, Request, Response};
use lwm2m_model::{Level, Path};

use crate::{
    answer::UnexpectedResponse,
    illegal::IllegalRequest,
    parameters,
    refusal::{Reason, Refusal},
    reply::Reply,
    root,
};

/// Asks what there is below a path, and with which attributes: `GET` with Accept 40.
///
/// # Specification
/// LwM2M 1.2 core, device management and service enablement interface, Discover.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Discover {
    path: Path,
    depth: Option<u8>,
}

impl Discover {
    /// A Discover with the depth that is usual for the level.
    ///
    /// # Errors
    /// [`IllegalRequest::Level`] for the root (which is for bootstrap servers) and for a
    /// resource instance.
    pub fn new(path: Path) -> Result<Self, IllegalRequest> {
        match path.level() {
            Level::Object | Level::Instance | Level::Resource => Ok(Self { path, depth: None }),
            level => Err(IllegalRequest::Level(level)),
        }
    }

    /// How many levels below the path are to be shown, 0 to 3 (LwM2M 1.2). A client may ignore
    /// it.
    ///
    /// # Errors
    /// [`IllegalRequest::Depth`].
    pub const fn with_depth(mut self, depth: u8) -> Result<Self, IllegalRequest> {
        if depth > MAX_DEPTH {
            return Err(IllegalRequest::Depth);
        }
        self.depth = Some(depth);
        Ok(self)
    }

    /// Where it begins.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.path
    }

    /// The depth asked for.
    #[must_use]
    pub const fn depth(&self) -> Option<u8> {
        self.depth
    }

    /// The request to send to a client whose objects lie under `root`.
    ///
    /// # Errors
    /// [`IllegalRequest::Root`].
    pub fn to_request(&self, root: &str) -> Result<Request, IllegalRequest> {
        let mut request = root::request(Code::GET, root, &self.path)?;
        if let Some(depth) = self.depth {
            parameters::push(&mut request, "depth", Some(&depth.to_string()))?;
        }
        Ok(request.accept(ContentFormat::LINK))
    }

    pub(crate) fn from_request(path: Path, request: &Request) -> Result<Self, Refusal> {
        let mut discover = Self::new(path).map_err(|_| Refusal::new(Reason::WrongLevel))?;
        for parameter in request.options.as_options().all(OptionNumber::URI_QUERY) {
            let Some(depth) = parameter.strip_prefix(b"depth=") else {
                return Err(Reason::UnexpectedQuery.into());
            };
            let bad = Refusal::in_parameter(Reason::BadDepth, "depth");
            let ([digit @ b'0'..=b'3'], None) = (depth, discover.depth) else {
                return Err(bad);
            };
            discover.depth = Some(digit - b'0');
        }
        Ok(discover)
    }

    pub(crate) fn decode_response(response: &Response) -> Result<Reply, UnexpectedResponse> {
        Reply::read(response, Code::CONTENT, DISCOVER_CODES)
    }
}

/// Object, instance, resource, resource instance.
const MAX_DEPTH: u8 = 3;

/// The refusals of Discover.
const DISCOVER_CODES: &[Code] = &[
    Code::BAD_REQUEST,
    Code::UNAUTHORIZED,
    Code::NOT_FOUND,
    Code::METHOD_NOT_ALLOWED,
];
