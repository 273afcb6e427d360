use coap_codec::{Code, Request, Response};
use lwm2m_model::{Level, Path};

use crate::{
    answer::UnexpectedResponse,
    illegal::IllegalRequest,
    refusal::{Reason, Refusal},
    reply::{self, Reply},
    root,
};

/// Removes an object instance, or (1.2) a resource instance: `DELETE`.
///
/// # Specification
/// LwM2M 1.2 core, device management and service enablement interface, Delete.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delete {
    path: Path,
}

impl Delete {
    /// A Delete of this instance.
    ///
    /// # Errors
    /// [`IllegalRequest::Level`] for the root, an object and a resource.
    pub fn new(path: Path) -> Result<Self, IllegalRequest> {
        match path.level() {
            Level::Instance | Level::ResourceInstance => Ok(Self { path }),
            level => Err(IllegalRequest::Level(level)),
        }
    }

    /// What is removed.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.path
    }

    /// The request to send to a client whose objects lie under `root`.
    ///
    /// # Errors
    /// [`IllegalRequest::Root`].
    pub fn to_request(&self, root: &str) -> Result<Request, IllegalRequest> {
        root::request(Code::DELETE, root, &self.path)
    }

    pub(crate) fn from_request(path: Path, request: &Request) -> Result<Self, Refusal> {
        let delete = Self::new(path).map_err(|_| Refusal::new(Reason::WrongLevel))?;
        reply::no_query(request)?;
        Ok(delete)
    }

    pub(crate) fn decode_response(response: &Response) -> Result<Reply, UnexpectedResponse> {
        Reply::read(response, Code::DELETED, DELETE_CODES)
    }
}

/// The refusals of Delete.
const DELETE_CODES: &[Code] = &[
    Code::BAD_REQUEST,
    Code::UNAUTHORIZED,
    Code::NOT_FOUND,
    Code::METHOD_NOT_ALLOWED,
];
