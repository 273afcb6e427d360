use bytes::Bytes;
use coap_codec::{Code, ContentFormat, OptionNumber, Request, Response};
use lwm2m_model::{Level, Path};

use crate::{
    answer::{Problem, UnexpectedResponse},
    illegal::IllegalRequest,
    refusal::{Reason, Refusal},
    reply::{self, Reply},
    root,
    write::is_single_value,
};

/// Makes object instances: `POST` to an object.
///
/// The ids stand in the payload or are chosen by the client.
///
/// # Specification
/// LwM2M 1.2 core, device management and service enablement interface, Create.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Create {
    path: Path,
    format: Option<ContentFormat>,
    payload: Bytes,
}

impl Create {
    /// A Create of what the payload says.
    ///
    /// # Errors
    /// [`IllegalRequest::Path`] for object 65535, [`IllegalRequest::SingleValueFormat`]
    /// for plain text, opaque or CBOR.
    pub fn new(
        object: u16,
        format: ContentFormat,
        payload: impl Into<Bytes>,
    ) -> Result<Self, IllegalRequest> {
        if is_single_value(format) {
            return Err(IllegalRequest::SingleValueFormat);
        }
        let path = Path::object(object)?;
        Ok(Self {
            path,
            format: Some(format),
            payload: payload.into(),
        })
    }

    /// A Create without payload: one instance, id and values chosen by the client (LwM2M 1.1).
    ///
    /// # Errors
    /// [`IllegalRequest::Path`] for object 65535.
    pub fn empty(object: u16) -> Result<Self, IllegalRequest> {
        let path = Path::object(object)?;
        Ok(Self {
            path,
            format: None,
            payload: Bytes::new(),
        })
    }

    /// The object.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.path
    }

    /// The format of the payload, if there is one.
    #[must_use]
    pub const fn format(&self) -> Option<ContentFormat> {
        self.format
    }

    /// The encoded instances.
    #[must_use]
    pub const fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The request to send to a client whose objects lie under `root`.
    ///
    /// # Errors
    /// [`IllegalRequest::Root`].
    pub fn to_request(&self, root: &str) -> Result<Request, IllegalRequest> {
        let request = root::request(Code::POST, root, &self.path)?;
        Ok(match self.format {
            Some(format) => request.content_format(format).payload(self.payload.clone()),
            None => request,
        })
    }

    /// Reads a POST to an object. The format is judged by the payload decoder, after the object
    /// was looked for.
    pub(crate) fn from_request(path: Path, request: &Request) -> Result<Self, Refusal> {
        if path.level() != Level::Object {
            return Err(Reason::WrongLevel.into());
        }
        reply::no_query(request)?;
        let format = request.options.as_options().content_format();
        if format.is_none() && !request.payload.is_empty() {
            return Err(Reason::MissingContentFormat.into());
        }
        Ok(Self {
            path,
            format,
            payload: request.payload.clone(),
        })
    }

    /// Clients tell the new instance, or only tell it when they chose the id. Some put their
    /// alternate path in front.
    pub(crate) fn decode_response(&self, response: &Response) -> Result<Reply, UnexpectedResponse> {
        let reply = Reply::read(response, Code::CREATED, CREATE_CODES)?;
        let mut location = response
            .options
            .as_options()
            .all(OptionNumber::LOCATION_PATH)
            .peekable();
        if reply != Reply::Created(None) || location.peek().is_none() {
            return Ok(reply);
        }
        let path = location
            .skip_while(|segment| root::id(segment).is_none())
            .try_fold(Path::ROOT, |path, segment| {
                path.child(root::id(segment)?).ok()
            });
        match path {
            Some(path) if path.level() == Level::Instance && path.starts_with(&self.path) => {
                Ok(Reply::Created(Some(path)))
            }
            _ => Err(UnexpectedResponse::new(response, Problem::BadLocation)),
        }
    }
}

/// The refusals of Create, with those of a block-wise transfer (RFC 7959 §2.9).
const CREATE_CODES: &[Code] = &[
    Code::BAD_REQUEST,
    Code::UNAUTHORIZED,
    Code::NOT_FOUND,
    Code::METHOD_NOT_ALLOWED,
    Code::NOT_ACCEPTABLE,
    Code::REQUEST_ENTITY_INCOMPLETE,
    Code::REQUEST_ENTITY_TOO_LARGE,
    Code::UNSUPPORTED_CONTENT_FORMAT,
];
