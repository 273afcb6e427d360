use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use coap_codec::{Code, ContentFormat, OptionNumber, Request, Response};
use lwm2m_model::{Lwm2mVersion, Version};

use crate::{
    answer::{Problem, Refused, UnexpectedResponse},
    binding::Binding,
    context::DecodeContext,
    illegal::IllegalRequest,
    lifetime::Lifetime,
    location::Location,
    object_list::ObjectList,
    parameters::{self, Extra, MAX_ENDPOINT, Parameters, Subject},
    quirk::{Quirk, note},
    refusal::{Reason, Refusal},
};

/// A client makes itself known: `POST /rd`.
///
/// # Specification
/// LwM2M 1.2 core, client registration interface, Register; the rules of 1.0 and 1.1 are kept
/// apart by [`version`](Self::version).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Register {
    /// `ep`, 1 to 252 bytes of UTF-8. May be missing where a secure identity tells it.
    pub endpoint: Option<String>,
    /// `lt`; 86 400 s when it is missing.
    pub lifetime: Lifetime,
    /// `lwm2m`. A newer minor version than 1.2 is taken as 1.2.
    pub version: Lwm2mVersion,
    /// `b`; UDP when it is missing. Holds the letter Q in LwM2M 1.0 only.
    pub binding: Binding,
    /// Whether the client uses queue mode: the parameter `Q`, in 1.0 the letter Q of `b`.
    pub queue_mode: bool,
    /// `sms`, as it was sent.
    pub sms: Option<String>,
    /// Parameters with no meaning here, in the order in which they came.
    pub extra: Vec<Extra>,
    /// The objects, and what the root link says.
    pub objects: ObjectList,
    /// What was let pass in the query; see also [`ObjectList::quirks`].
    pub quirks: Vec<Quirk>,
}

impl Register {
    /// A registration with the default lifetime and binding.
    #[must_use]
    pub fn new(endpoint: impl Into<String>, version: Lwm2mVersion, objects: ObjectList) -> Self {
        Self {
            endpoint: Some(endpoint.into()),
            lifetime: Lifetime::DEFAULT,
            version,
            binding: Binding::UDP,
            queue_mode: false,
            sms: None,
            extra: Vec::new(),
            objects,
            quirks: Vec::new(),
        }
    }

    /// The request to send, confirmable.
    ///
    /// # Errors
    /// [`IllegalRequest::Endpoint`] for a name that is empty or too long,
    /// [`IllegalRequest::Version`] for a lifetime, binding or empty list that the version does
    /// not have, [`IllegalRequest::Root`] for an alternate path that is none,
    /// [`IllegalRequest::TextTooLong`] for a parameter over 255 bytes.
    pub fn to_request(&self) -> Result<Request, IllegalRequest> {
        let mut request = Request::new(Code::POST);
        parameters::insert(&mut request, OptionNumber::URI_PATH, RD)?;
        if let Some(endpoint) = &self.endpoint {
            if endpoint.is_empty() || endpoint.len() > MAX_ENDPOINT {
                return Err(IllegalRequest::Endpoint);
            }
            parameters::push(&mut request, "ep", Some(endpoint))?;
        }
        // Queue mode is a letter of `b` in 1.0, a parameter from 1.1 on.
        let v1_0 = self.version == Lwm2mVersion::V1_0;
        let binding = self.binding.with_queue(v1_0 && self.queue_mode);
        let queue = self.queue_mode && !v1_0;
        let checked = parameters::check(self.version, Some(self.lifetime), Some(binding), queue);
        if checked.is_err() {
            return Err(IllegalRequest::Version);
        }
        self.objects.check()?;
        let lifetime = self.lifetime.to_wire().to_string();
        parameters::push(&mut request, "lt", Some(&lifetime))?;
        parameters::push(&mut request, "lwm2m", Some(self.version.as_str()))?;
        parameters::push(&mut request, "b", Some(&binding.to_string()))?;
        if queue {
            parameters::push(&mut request, "Q", None)?;
        }
        if let Some(sms) = &self.sms {
            parameters::push(&mut request, "sms", Some(sms))?;
        }
        parameters::push_extra(&mut request, &self.extra)?;
        Ok(request
            .content_format(ContentFormat::LINK)
            .payload(self.objects.to_link_format()))
    }

    /// Reads `POST /rd`; the path is known to be that.
    pub(crate) fn from_request(cx: &DecodeContext<'_>, request: &Request) -> Result<Self, Refusal> {
        // The order of the checks is that of the server checklist: name, version, the rest, list.
        let mut read = Parameters::read(request, Subject::Register, &cx.limits)?;
        let endpoint = read.endpoint()?;
        let announced = parse_version(read.version()?)
            .ok_or(Refusal::in_parameter(Reason::BadVersion, "lwm2m"))?;
        let version = Lwm2mVersion::for_announced(announced)
            .ok_or(Refusal::in_parameter(Reason::UnsupportedVersion, "lwm2m"))?;
        if version.version() != announced {
            note(&mut read.quirks, Quirk::NewerVersion);
        }
        let (lifetime, binding, queue) = (read.lifetime()?, read.binding()?, read.queue()?);
        parameters::check(version, lifetime, binding, queue)?;
        let binding = binding.unwrap_or_default();
        let objects = ObjectList::from_request(request, &cx.limits)?;
        if objects.objects.is_empty() {
            return Err(match version {
                Lwm2mVersion::V1_0 | Lwm2mVersion::V1_1 => Reason::NoObjects,
                _ => Reason::ObjectsUndetermined,
            }
            .into());
        }
        Ok(Self {
            endpoint: endpoint.map(ToOwned::to_owned),
            lifetime: lifetime.unwrap_or_default(),
            version,
            binding,
            queue_mode: queue || binding.queue(),
            sms: read.sms(),
            extra: read.extra,
            objects,
            quirks: read.quirks,
        })
    }
}

/// What a server answers to a [`Register`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RegisterAnswer {
    /// 2.01: registered, to be addressed by this location from now on.
    Created(Location),
    /// 4.00, 4.03, 4.09, 4.12, or an error of the server or of the transfer.
    Refused(Refused),
}

impl RegisterAnswer {
    /// The response to send.
    #[must_use]
    pub fn to_response(&self) -> Response {
        match self {
            Self::Created(location) => location.to_response(Code::CREATED),
            Self::Refused(refused) => refused.to_response(),
        }
    }

    /// Reads the answer to a Register.
    ///
    /// # Errors
    /// A success without location, and every code that Register does not have.
    pub fn from_response(response: &Response) -> Result<Self, UnexpectedResponse> {
        if response.code == Code::CREATED {
            return match Location::from_options(response.options.as_options()) {
                Some(location) => Ok(Self::Created(location)),
                None => Err(UnexpectedResponse::new(response, Problem::NoLocation)),
            };
        }
        Refused::from_response(response, REGISTER_CODES).map(Self::Refused)
    }
}

/// Reads `1*DIGIT "." 1*DIGIT` without leading zeros; numbers beyond `u16` are taken as 65535,
/// so that they are unknown versions and not malformed ones.
fn parse_version(text: &str) -> Option<Version> {
    let number = |digits: &str| {
        let decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let shortest = digits == "0" || !digits.starts_with('0');
        (decimal && shortest).then(|| digits.parse().unwrap_or(u16::MAX))
    };
    let (major, minor) = text.split_once('.')?;
    Some(Version::new(number(major)?, number(minor)?))
}

/// The first segment of every registration path.
pub(crate) const RD: &str = "rd";

/// The refusals that Register knows, with those of a block-wise transfer (RFC 7959 §2.9).
const REGISTER_CODES: &[Code] = &[
    Code::BAD_REQUEST,
    Code::FORBIDDEN,
    Code::CONFLICT,
    Code::PRECONDITION_FAILED,
    Code::REQUEST_ENTITY_INCOMPLETE,
    Code::REQUEST_ENTITY_TOO_LARGE,
];
