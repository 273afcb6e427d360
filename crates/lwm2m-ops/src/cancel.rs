use coap_codec::{Code, ContentFormat, Request, Response};
use lwm2m_model::Path;

use crate::{
    answer::UnexpectedResponse,
    illegal::IllegalRequest,
    observe::{Observe, observing},
    read::READ_CODES,
    refusal::{Reason, Refusal},
    reply::{self, Reply},
};

/// Ends an observation at once: `GET` with Observe 1, on the path and with the token of the
/// [`Observe`]. The answer holds the values once more.
///
/// # Specification
/// LwM2M 1.2 core, information reporting interface, Cancel Observation; RFC 7641 §3.6.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cancel {
    path: Path,
    accept: Option<ContentFormat>,
}

impl Cancel {
    /// The end of this observation.
    #[must_use]
    pub const fn new(observe: &Observe) -> Self {
        Self {
            path: observe.path(),
            accept: observe.accept(),
        }
    }

    /// What was observed.
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
        observing(root, self.path, self.accept, 1)
    }

    pub(crate) fn from_request(path: Path, request: &Request) -> Result<Self, Refusal> {
        reply::no_query(request)?;
        let accept = request.options.as_options().accept();
        match Observe::new(path, accept) {
            Ok(observe) => Ok(Self::new(&observe)),
            Err(_) => Err(Reason::WrongLevel.into()),
        }
    }

    pub(crate) fn decode_response(response: &Response) -> Result<Reply, UnexpectedResponse> {
        Reply::read(response, Code::CONTENT, READ_CODES)
    }
}
