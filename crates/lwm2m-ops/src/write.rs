use bytes::Bytes;
use coap_codec::{Code, ContentFormat, OptionNumber, Request, Response};
use lwm2m_model::{Level, Path};

use crate::{
    answer::UnexpectedResponse,
    illegal::IllegalRequest,
    refusal::{Reason, Refusal},
    reply::{self, Reply},
    root,
};

/// Sets values: `PUT` to replace what is there, `POST` to change parts of it.
///
/// | | instance | resource | resource instance |
/// |---|---|---|---|
/// | replace | yes | yes | yes (1.1) |
/// | partial | yes | if it is a multiple one (1.1) | no |
///
/// # Specification
/// LwM2M 1.2 core, device management and service enablement interface, Write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Write {
    path: Path,
    mode: WriteMode,
    format: ContentFormat,
    payload: Bytes,
}

/// What becomes of values that a [`Write`] does not mention.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the specification has these two")]
pub enum WriteMode {
    /// They are removed (`PUT`).
    Replace,
    /// They stay (`POST`).
    Partial,
}

impl Write {
    /// A Write of an encoded payload.
    ///
    /// # Errors
    /// [`IllegalRequest::Level`] as in the table above, and
    /// [`IllegalRequest::SingleValueFormat`] for plain text, opaque or CBOR on an instance or
    /// in a partial Write.
    pub fn new(
        path: Path,
        mode: WriteMode,
        format: ContentFormat,
        payload: impl Into<Bytes>,
    ) -> Result<Self, IllegalRequest> {
        let level = path.level();
        if !is_legal(mode, level) {
            return Err(IllegalRequest::Level(level));
        }
        let many = level == Level::Instance || mode == WriteMode::Partial;
        if many && is_single_value(format) {
            return Err(IllegalRequest::SingleValueFormat);
        }
        Ok(Self {
            path,
            mode,
            format,
            payload: payload.into(),
        })
    }

    /// What is written.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.path
    }

    /// Whether unmentioned values stay.
    #[must_use]
    pub const fn mode(&self) -> WriteMode {
        self.mode
    }

    /// The format of the payload.
    #[must_use]
    pub const fn format(&self) -> ContentFormat {
        self.format
    }

    /// The encoded values.
    #[must_use]
    pub const fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The request to send to a client whose objects lie under `root`.
    ///
    /// # Errors
    /// [`IllegalRequest::Root`].
    pub fn to_request(&self, root: &str) -> Result<Request, IllegalRequest> {
        let method = match self.mode {
            WriteMode::Replace => Code::PUT,
            WriteMode::Partial => Code::POST,
        };
        let request = root::request(method, root, &self.path)?;
        Ok(request
            .content_format(self.format)
            .payload(self.payload.clone()))
    }

    /// Reads a PUT: a Write if there is something to write, else attributes.
    pub(crate) fn from_put(path: Path, request: &Request) -> Result<Self, Refusal> {
        let options = request.options.as_options();
        let query = options.get(OptionNumber::URI_QUERY).is_some();
        match options.content_format() {
            None if request.payload.is_empty() && query => Err(Reason::NotSupported.into()),
            None if request.payload.is_empty() => Err(Reason::EmptyWrite.into()),
            format => Self::from_request(path, WriteMode::Replace, format, request),
        }
    }

    /// Reads a POST to an instance or a resource.
    pub(crate) fn from_post(path: Path, request: &Request) -> Result<Self, Refusal> {
        let format = request.options.as_options().content_format();
        Self::from_request(path, WriteMode::Partial, format, request)
    }

    /// Whether the format can carry what the target needs is left to the payload decoder: a
    /// target that does not exist is to be reported first.
    fn from_request(
        path: Path,
        mode: WriteMode,
        format: Option<ContentFormat>,
        request: &Request,
    ) -> Result<Self, Refusal> {
        if !is_legal(mode, path.level()) {
            return Err(Reason::WrongLevel.into());
        }
        reply::no_query(request)?;
        // LwM2M 1.2 core §7.4: the Content-Format of a payload "MUST be specified".
        let format = format.ok_or(Reason::MissingContentFormat)?;
        Ok(Self {
            path,
            mode,
            format,
            payload: request.payload.clone(),
        })
    }

    pub(crate) fn decode_response(response: &Response) -> Result<Reply, UnexpectedResponse> {
        Reply::read(response, Code::CHANGED, WRITE_CODES)
    }
}

const fn is_legal(mode: WriteMode, level: Level) -> bool {
    match level {
        Level::Root | Level::Object => false,
        Level::Instance | Level::Resource => true,
        Level::ResourceInstance => matches!(mode, WriteMode::Replace),
    }
}

/// Formats that carry one value without its path.
pub(crate) const fn is_single_value(format: ContentFormat) -> bool {
    matches!(
        format.canonical(),
        ContentFormat::TEXT | ContentFormat::OPAQUE | ContentFormat::CBOR
    )
}

/// The refusals of Write, with those of its block-wise transfer.
const WRITE_CODES: &[Code] = &[
    Code::BAD_REQUEST,
    Code::UNAUTHORIZED,
    Code::NOT_FOUND,
    Code::METHOD_NOT_ALLOWED,
    Code::NOT_ACCEPTABLE,
    Code::REQUEST_ENTITY_INCOMPLETE,
    Code::REQUEST_ENTITY_TOO_LARGE,
    Code::UNSUPPORTED_CONTENT_FORMAT,
];
