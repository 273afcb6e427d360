use alloc::string::ToString;

use coap_codec::{Code, ContentFormat, Request, Response};
use lwm2m_model::{Level, Path};

use crate::{
    answer::UnexpectedResponse,
    arguments::Arguments,
    illegal::IllegalRequest,
    refusal::{Reason, Refusal},
    reply::{self, Reply},
    root,
};

/// Starts an action: `POST` to an executable resource.
///
/// # Specification
/// LwM2M 1.2 core, device management and service enablement interface, Execute.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Execute {
    path: Path,
    arguments: Arguments,
}

impl Execute {
    /// An Execute with these arguments ([`Arguments::NONE`] for none).
    ///
    /// # Errors
    /// [`IllegalRequest::Level`] unless the path is that of a resource.
    pub fn new(path: Path, arguments: Arguments) -> Result<Self, IllegalRequest> {
        match path.level() {
            Level::Resource => Ok(Self { path, arguments }),
            level => Err(IllegalRequest::Level(level)),
        }
    }

    /// What is executed.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.path
    }

    /// With which arguments.
    #[must_use]
    pub const fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    /// The request to send to a client whose objects lie under `root`.
    ///
    /// # Errors
    /// [`IllegalRequest::Root`].
    pub fn to_request(&self, root: &str) -> Result<Request, IllegalRequest> {
        let request = root::request(Code::POST, root, &self.path)?;
        Ok(match self.arguments.is_empty() {
            true => request,
            false => request
                .content_format(ContentFormat::TEXT)
                .payload(self.arguments.to_string()),
        })
    }

    /// Reads a POST to a resource, without Content-Format or as plain text.
    pub(crate) fn from_request(path: Path, request: &Request) -> Result<Self, Refusal> {
        reply::no_query(request)?;
        let text = core::str::from_utf8(&request.payload)
            .map_err(|error| Refusal::at(Reason::BadArguments, error.valid_up_to()))?;
        let arguments = Arguments::parse(text)
            .map_err(|error| Refusal::at(Reason::BadArguments, error.offset))?;
        Self::new(path, arguments).map_err(|_| Reason::WrongLevel.into())
    }

    pub(crate) fn decode_response(response: &Response) -> Result<Reply, UnexpectedResponse> {
        Reply::read(response, Code::CHANGED, EXECUTE_CODES)
    }
}

/// The refusals of Execute.
const EXECUTE_CODES: &[Code] = &[
    Code::BAD_REQUEST,
    Code::UNAUTHORIZED,
    Code::NOT_FOUND,
    Code::METHOD_NOT_ALLOWED,
];
