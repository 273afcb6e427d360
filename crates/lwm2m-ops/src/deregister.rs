use coap_codec::{Code, Request, Response};

use crate::{
    answer::{Refused, UnexpectedResponse},
    illegal::IllegalRequest,
    location::{Location, RegistrationId},
};

/// A client leaves: `DELETE /rd/<id>`.
///
/// # Specification
/// LwM2M 1.2 core, client registration interface, De-register.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Deregister {
    /// What the server answered to the Register.
    pub location: Location,
}

impl Deregister {
    /// Leaves the registration at this location.
    #[must_use]
    pub fn new(location: impl Into<Location>) -> Self {
        Self {
            location: location.into(),
        }
    }

    /// The request to send, confirmable.
    ///
    /// # Errors
    /// [`IllegalRequest::TextTooLong`] for a location that does not fit its options; one that
    /// came in an answer always does.
    pub fn to_request(&self) -> Result<Request, IllegalRequest> {
        self.location.to_request(Code::DELETE)
    }

    /// Reads `DELETE /rd/<id>`; the path is known to be that.
    pub(crate) fn from_request(id: RegistrationId) -> Self {
        Self::new(id)
    }
}

/// What a server answers to a [`Deregister`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DeregisterAnswer {
    /// 2.02: the registration is gone.
    Deleted,
    /// 4.00, 4.04, or an error of the server.
    Refused(Refused),
}

impl DeregisterAnswer {
    /// The response to send.
    #[must_use]
    pub fn to_response(&self) -> Response {
        match self {
            Self::Deleted => Response::new(Code::DELETED),
            Self::Refused(refused) => refused.to_response(),
        }
    }

    /// Reads the answer to a De-register.
    ///
    /// # Errors
    /// Every code that De-register does not have.
    pub fn from_response(response: &Response) -> Result<Self, UnexpectedResponse> {
        match response.code {
            Code::DELETED => Ok(Self::Deleted),
            _ => Refused::from_response(response, DEREGISTER_CODES).map(Self::Refused),
        }
    }
}

/// The refusals that De-register knows.
const DEREGISTER_CODES: &[Code] = &[Code::BAD_REQUEST, Code::NOT_FOUND];
