use coap_codec::{Code, ContentFormat, Request, Response};
use lwm2m_model::{Level, Path};

use crate::{
    answer::UnexpectedResponse,
    illegal::IllegalRequest,
    refusal::{Reason, Refusal},
    reply::{self, Reply},
    root,
};

/// Asks for values: `GET` on an object, an instance, a resource or (1.1) a resource instance.
///
/// # Specification
/// LwM2M 1.2 core, device management and service enablement interface, Read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Read {
    path: Path,
    accept: Option<ContentFormat>,
}

impl Read {
    /// A Read, in a wanted format or the client's own.
    ///
    /// # Errors
    /// [`IllegalRequest::Level`] for the root, [`IllegalRequest::AcceptIsDiscover`] for link
    /// format.
    pub fn new(path: Path, accept: Option<ContentFormat>) -> Result<Self, IllegalRequest> {
        check(path, accept)?;
        Ok(Self { path, accept })
    }

    /// What is read.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.path
    }

    /// The format asked for.
    #[must_use]
    pub const fn accept(&self) -> Option<ContentFormat> {
        self.accept
    }

    /// The request to send to a client whose objects lie under `root`.
    ///
    /// # Errors
    /// [`IllegalRequest::Root`].
    pub fn to_request(&self, root: &str) -> Result<Request, IllegalRequest> {
        let request = root::request(Code::GET, root, &self.path)?;
        Ok(accepting(request, self.accept))
    }

    pub(crate) fn from_request(path: Path, request: &Request) -> Result<Self, Refusal> {
        reply::no_query(request)?;
        let accept = request.options.as_options().accept();
        Self::new(path, accept).map_err(|_| Reason::WrongLevel.into())
    }

    pub(crate) fn decode_response(response: &Response) -> Result<Reply, UnexpectedResponse> {
        Reply::read(response, Code::CONTENT, READ_CODES)
    }
}

/// The rules that Read shares with Observe and its end.
pub(crate) fn check(path: Path, accept: Option<ContentFormat>) -> Result<(), IllegalRequest> {
    if path.is_root() {
        return Err(IllegalRequest::Level(Level::Root));
    }
    match accept {
        Some(ContentFormat::LINK) => Err(IllegalRequest::AcceptIsDiscover),
        _ => Ok(()),
    }
}

/// Adds the Accept option if there is one to add.
pub(crate) fn accepting(request: Request, accept: Option<ContentFormat>) -> Request {
    match accept {
        Some(format) => request.accept(format),
        None => request,
    }
}

/// The refusals of Read, Observe and Cancel.
pub(crate) const READ_CODES: &[Code] = &[
    Code::BAD_REQUEST,
    Code::UNAUTHORIZED,
    Code::NOT_FOUND,
    Code::METHOD_NOT_ALLOWED,
    Code::NOT_ACCEPTABLE,
];
