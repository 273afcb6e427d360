use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use coap_codec::{Code, ContentFormat, Request, Response};
use lwm2m_model::Lwm2mVersion;

use crate::{
    answer::{Refused, UnexpectedResponse},
    binding::Binding,
    context::DecodeContext,
    illegal::IllegalRequest,
    lifetime::Lifetime,
    location::{Location, RegistrationId},
    object_list::ObjectList,
    parameters::{self, Extra, Parameters, Subject},
    quirk::Quirk,
    refusal::{Reason, Refusal},
};

/// A client renews its registration and tells what changed: `POST /rd/<id>`.
///
/// What is absent keeps its value.
///
/// # Specification
/// LwM2M 1.2 core, client registration interface, Update.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Update {
    /// What the server answered to the Register.
    pub location: Location,
    /// `lt`.
    pub lifetime: Option<Lifetime>,
    /// `b`. In LwM2M 1.0 it may hold the letter Q.
    pub binding: Option<Binding>,
    /// Whether the parameter `Q` is there; see [`queue_mode_for`](Self::queue_mode_for).
    pub queue_mode: bool,
    /// `sms`.
    pub sms: Option<String>,
    /// Parameters with no meaning here, in the order in which they came.
    pub extra: Vec<Extra>,
    /// The complete new list, if there is a payload.
    pub objects: Option<ObjectList>,
    /// What was let pass in the query; see also [`ObjectList::quirks`].
    pub quirks: Vec<Quirk>,
}

impl Update {
    /// An Update that changes nothing and renews the lifetime.
    #[must_use]
    pub fn new(location: impl Into<Location>) -> Self {
        Self {
            location: location.into(),
            lifetime: None,
            binding: None,
            queue_mode: false,
            sms: None,
            extra: Vec::new(),
            objects: None,
            quirks: Vec::new(),
        }
    }

    /// Checks what can only be judged with the version that the client registered with: an
    /// infinite lifetime, the letters of the binding, `Q`, and an empty object list.
    ///
    /// # Errors
    /// A refusal with 4.00.
    pub fn check(&self, version: Lwm2mVersion) -> Result<(), Refusal> {
        parameters::check(version, self.lifetime, self.binding, self.queue_mode)?;
        match &self.objects {
            Some(list) if list.objects.is_empty() => Err(Reason::NoObjects.into()),
            _ => Ok(()),
        }
    }

    /// What the Update says about queue mode, `None` for nothing.
    ///
    /// In LwM2M 1.0 every `b` says it, by the letter Q or its absence; later `Q` switches it on
    /// and its absence means nothing.
    #[must_use]
    pub fn queue_mode_for(&self, version: Lwm2mVersion) -> Option<bool> {
        match version {
            Lwm2mVersion::V1_0 => self.binding.map(Binding::queue),
            _ => self.queue_mode.then_some(true),
        }
    }

    /// The request to send, confirmable.
    ///
    /// # Errors
    /// [`IllegalRequest::TextTooLong`] for a parameter over 255 bytes,
    /// [`IllegalRequest::Version`] for an empty object list, [`IllegalRequest::Root`] for an
    /// alternate path that is none.
    pub fn to_request(&self) -> Result<Request, IllegalRequest> {
        let mut request = self.location.to_request(Code::POST)?;
        if let Some(lifetime) = self.lifetime {
            parameters::push(&mut request, "lt", Some(&lifetime.to_wire().to_string()))?;
        }
        if let Some(binding) = self.binding {
            parameters::push(&mut request, "b", Some(&binding.to_string()))?;
        }
        if self.queue_mode {
            parameters::push(&mut request, "Q", None)?;
        }
        if let Some(sms) = &self.sms {
            parameters::push(&mut request, "sms", Some(sms))?;
        }
        parameters::push_extra(&mut request, &self.extra)?;
        let Some(list) = &self.objects else {
            return Ok(request);
        };
        list.check()?;
        Ok(request
            .content_format(ContentFormat::LINK)
            .payload(list.to_link_format()))
    }

    /// Reads `POST /rd/<id>`; the path is known to be that.
    pub(crate) fn from_request(
        cx: &DecodeContext<'_>,
        id: RegistrationId,
        request: &Request,
    ) -> Result<Self, Refusal> {
        let mut read = Parameters::read(request, Subject::Update, &cx.limits)?;
        Ok(Self {
            location: id.into(),
            lifetime: read.lifetime()?,
            binding: read.binding()?,
            queue_mode: read.queue()?,
            sms: read.sms(),
            objects: match request.payload.is_empty() {
                true => None,
                false => Some(ObjectList::from_request(request, &cx.limits)?),
            },
            extra: read.extra,
            quirks: read.quirks,
        })
    }
}

/// What a server answers to an [`Update`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UpdateAnswer {
    /// 2.04: the lifetime runs anew.
    Changed,
    /// 4.00, 4.04 (register again), or an error of the server or of the transfer.
    Refused(Refused),
}

impl UpdateAnswer {
    /// The response to send.
    #[must_use]
    pub fn to_response(&self) -> Response {
        match self {
            Self::Changed => Response::new(Code::CHANGED),
            Self::Refused(refused) => refused.to_response(),
        }
    }

    /// Reads the answer to an Update.
    ///
    /// # Errors
    /// Every code that Update does not have.
    pub fn from_response(response: &Response) -> Result<Self, UnexpectedResponse> {
        match response.code {
            Code::CHANGED => Ok(Self::Changed),
            _ => Refused::from_response(response, UPDATE_CODES).map(Self::Refused),
        }
    }
}

/// The refusals that Update knows, with those of a block-wise transfer (RFC 7959 §2.9).
const UPDATE_CODES: &[Code] = &[
    Code::BAD_REQUEST,
    Code::NOT_FOUND,
    Code::REQUEST_ENTITY_INCOMPLETE,
    Code::REQUEST_ENTITY_TOO_LARGE,
];
