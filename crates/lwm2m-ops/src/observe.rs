use bytes::Bytes;
use coap_codec::{Code, ContentFormat, OptionNumber, Request, Response};
use lwm2m_model::Path;

use crate::{
    answer::{Problem, Refused, UnexpectedResponse, diagnostic},
    illegal::IllegalRequest,
    read::{READ_CODES, accepting, check},
    refusal::{Reason, Refusal},
    reply::{self, Reply},
    root,
};

/// Asks for values now and whenever they change: `GET` with Observe 0.
///
/// # Specification
/// LwM2M 1.2 core, information reporting interface, Observe; RFC 7641.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Observe {
    path: Path,
    accept: Option<ContentFormat>,
}

impl Observe {
    /// An observation, in a wanted format or the client's own. The format of the first answer
    /// is that of all notifications.
    ///
    /// # Errors
    /// [`IllegalRequest::Level`] for the root, [`IllegalRequest::AcceptIsDiscover`] for link
    /// format.
    pub fn new(path: Path, accept: Option<ContentFormat>) -> Result<Self, IllegalRequest> {
        check(path, accept)?;
        Ok(Self { path, accept })
    }

    /// What is observed.
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
        observing(root, self.path, self.accept, 0)
    }

    pub(crate) fn from_request(path: Path, request: &Request) -> Result<Self, Refusal> {
        // Observation attributes (1.2) are not offered: "a client lacking support MUST reject".
        reply::no_query(request)?;
        let accept = request.options.as_options().accept();
        Self::new(path, accept).map_err(|_| Reason::WrongLevel.into())
    }

    pub(crate) fn decode_response(response: &Response) -> Result<Reply, UnexpectedResponse> {
        Reply::read(response, Code::CONTENT, READ_CODES)
    }
}

/// `GET` with an Observe option of this value.
pub(crate) fn observing(
    root: &str,
    path: Path,
    accept: Option<ContentFormat>,
    observe: u32,
) -> Result<Request, IllegalRequest> {
    let mut request = root::request(Code::GET, root, &path)?;
    request.options.insert_uint(OptionNumber::OBSERVE, observe);
    Ok(accepting(request, accept))
}

/// One report of an observation.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Notification {
    /// 2.05: the values as they are now, not yet decoded.
    Content {
        /// The Content-Format, if there is one.
        format: Option<ContentFormat>,
        /// The body, complete.
        payload: Bytes,
    },
    /// An error, for example 4.04 when the instance was deleted. The observation is over.
    Ended(Refused),
}

impl Notification {
    /// The response to send in the observation. Its Observe option and order belong to the
    /// CoAP endpoint.
    #[must_use]
    pub fn to_response(&self) -> Response {
        match self {
            Self::Content { format, payload } => reply::content_response(*format, payload),
            Self::Ended(refused) => refused.to_response(),
        }
    }

    /// Reads a notification: 2.05, or any 4.xx and 5.xx, which ends the observation.
    ///
    /// # Errors
    /// Every other code. The observation is then as it was.
    pub fn from_response(response: &Response) -> Result<Self, UnexpectedResponse> {
        match (response.code, response.code.class()) {
            (Code::CONTENT, _) => Ok(Self::Content {
                format: response.options.as_options().content_format(),
                payload: response.payload.clone(),
            }),
            (code, 4 | 5) => Ok(Self::Ended(Refused {
                code,
                diagnostic: diagnostic(response),
            })),
            _ => Err(UnexpectedResponse::new(response, Problem::Code)),
        }
    }
}
