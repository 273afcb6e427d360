use alloc::string::ToString;

use bytes::Bytes;
use coap_codec::{Code, ContentFormat, OptionNumber, Request, Response};
use lwm2m_model::Path;

use crate::{
    answer::{Refused, UnexpectedResponse},
    refusal::{Reason, Refusal},
};

/// What a client answers to a server's operation.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// 2.05: values or links, not yet decoded. An empty payload is legal: an object without
    /// instances, or nothing that may be read.
    Content {
        /// The Content-Format, if there is one. A client may answer in another format than it
        /// was asked for.
        format: Option<ContentFormat>,
        /// The body, complete.
        payload: Bytes,
    },
    /// 2.04: written or executed.
    Changed,
    /// 2.01: created, as this object instance if the client says so.
    Created(Option<Path>),
    /// 2.02: deleted.
    Deleted,
    /// An error.
    Refused(Refused),
}

impl Reply {
    /// The response code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Content { .. } => Code::CONTENT,
            Self::Changed => Code::CHANGED,
            Self::Created(_) => Code::CREATED,
            Self::Deleted => Code::DELETED,
            Self::Refused(refused) => refused.code,
        }
    }

    /// A 2.05 with a payload.
    #[must_use]
    pub fn content(format: ContentFormat, payload: impl Into<Bytes>) -> Self {
        Self::Content {
            format: Some(format),
            payload: payload.into(),
        }
    }

    pub(crate) fn to_response(&self) -> Response {
        match self {
            Self::Content { format, payload } => content_response(*format, payload),
            Self::Created(Some(path)) => {
                let mut response = Response::new(Code::CREATED);
                for id in path.ids() {
                    // Five digits always fit.
                    let id = id.to_string();
                    let _ = response
                        .options
                        .insert(OptionNumber::LOCATION_PATH, id.as_bytes());
                }
                response
            }
            Self::Created(None) => Response::new(Code::CREATED),
            Self::Changed => Response::new(Code::CHANGED),
            Self::Deleted => Response::new(Code::DELETED),
            Self::Refused(refused) => refused.to_response(),
        }
    }

    /// Reads an answer of which one success and these errors are legal.
    pub(crate) fn read(
        response: &Response,
        success: Code,
        errors: &[Code],
    ) -> Result<Self, UnexpectedResponse> {
        match response.code {
            code if code != success => Refused::from_response(response, errors).map(Self::Refused),
            Code::CONTENT => Ok(Self::Content {
                format: response.options.as_options().content_format(),
                payload: response.payload.clone(),
            }),
            Code::CHANGED => Ok(Self::Changed),
            Code::DELETED => Ok(Self::Deleted),
            _ => Ok(Self::Created(None)),
        }
    }
}

impl From<&Refusal> for Reply {
    fn from(refusal: &Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<Code> for Reply {
    /// An error without text.
    fn from(code: Code) -> Self {
        Self::Refused(code.into())
    }
}

/// A 2.05, with a Content-Format where there is one.
pub(crate) fn content_response(format: Option<ContentFormat>, payload: &Bytes) -> Response {
    let response = Response::new(Code::CONTENT).payload(payload.clone());
    match format {
        Some(format) => response.content_format(format),
        None => response,
    }
}

/// Refuses a query on an operation that has none.
pub(crate) fn no_query(request: &Request) -> Result<(), Refusal> {
    match request.options.as_options().get(OptionNumber::URI_QUERY) {
        None => Ok(()),
        Some(_) => Err(Reason::UnexpectedQuery.into()),
    }
}
