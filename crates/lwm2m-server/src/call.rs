use std::time::Duration;

use coap_codec::{Code, ContentFormat};
use coap_endpoint::Failure;
use lwm2m_model::Node;
use lwm2m_model::payload::{PayloadError, Quirk, Timestamped};
use lwm2m_ops::{IllegalRequest, Refused};
use server_stack::{CallFailure, SessionEnd};

/// How a call to a device is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallOptions {
    /// How long to wait for the outcome in all. Default 30 s.
    pub timeout: Duration,
    /// The content format to ask for or to write in; `None` chooses by what the device announced
    /// and by its version.
    pub format: Option<ContentFormat>,
}

impl Default for CallOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            format: None,
        }
    }
}

impl CallOptions {
    /// The options with another time limit.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The options with a fixed content format.
    #[must_use]
    pub const fn with_format(mut self, format: Option<ContentFormat>) -> Self {
        self.format = format;
        self
    }
}

/// What a device answered to a Read or an Observe.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReadAnswer {
    /// The newest value.
    pub node: Node,
    /// When it was measured, Unix seconds, if the device said.
    pub time: Option<f64>,
    /// Earlier values that came along.
    pub older: Vec<Timestamped>,
    /// The format the device chose; `None` for an answer without payload.
    pub format: Option<ContentFormat>,
    /// Deviations from the model or the specification that were accepted.
    pub quirks: Vec<Quirk>,
}

/// One link of a Discover answer.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DiscoveredLink {
    /// The path, without the device's alternate root.
    pub target: String,
    /// Attributes in the device's order; a flag has no value.
    pub attributes: Vec<(String, Option<String>)>,
}

/// Why a call did not bring what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No device is registered under this name.
    #[error("no device is registered under this endpoint name")]
    UnknownEndpoint,
    /// The operation is not legal for this path, so nothing was sent.
    #[error("illegal request: {0}")]
    Illegal(#[from] IllegalRequest),
    /// The value cannot be sent: it does not fit the model or the format. Nothing was sent.
    #[error("the value cannot be encoded: {0}")]
    Encode(#[from] lwm2m_model::payload::EncodeError),
    /// The content format that was asked for cannot hold what the path names.
    #[error("the content format cannot hold what the path names")]
    FormatUnsuitable,
    /// The device answered with an error.
    #[error("the device answered {code}{}", .diagnostic.as_deref().map(|text| format!(": {text}")).unwrap_or_default())]
    #[non_exhaustive]
    Device {
        /// Its code.
        code: Code,
        /// Its text, if it sent one.
        diagnostic: Option<String>,
    },
    /// The device answered with something that this operation cannot have as an answer.
    #[error("the device answered {0}, which this operation cannot have")]
    UnexpectedCode(Code),
    /// The device's payload could not be decoded.
    #[error("the device's payload cannot be decoded: {0}")]
    Payload(#[from] PayloadError),
    /// The device did not answer in time.
    #[error("the device did not answer in time")]
    Timeout,
    /// The exchange with the device broke.
    #[error("the exchange failed: {0}")]
    Exchange(Failure),
    /// The device has no security session, and none came about in time.
    #[error("the device has no security session, and none came about in time")]
    NoSession,
    /// The security session with the device ended while the call ran.
    #[error("the security session with the device ended: {0}")]
    SessionEnded(SessionEnd),
    /// The device registered anew or left while the call ran.
    #[error("the device registered anew or left while the call ran")]
    Cancelled,
    /// Nothing is observed there.
    #[error("nothing is observed under this path")]
    NotObserved,
    /// Too much is under way.
    #[error("too many calls are under way")]
    Overloaded,
    /// The server stops.
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl CallError {
    /// What the device answered, if it did.
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::Device { code, .. } | Self::UnexpectedCode(code) => Some(*code),
            _ => None,
        }
    }

    /// A stable name for logs, metrics and problem documents.
    pub const fn id(&self) -> &'static str {
        match self {
            Self::UnknownEndpoint => "unknown_endpoint",
            Self::Illegal(_) => "illegal_request",
            Self::Encode(_) => "value_not_encodable",
            Self::FormatUnsuitable => "format_unsuitable",
            Self::Device { .. } => "device_error",
            Self::UnexpectedCode(_) => "unexpected_code",
            Self::Payload(_) => "payload_not_decodable",
            Self::Timeout => "timeout",
            Self::Exchange(_) => "exchange_failed",
            Self::NoSession => "no_session",
            Self::SessionEnded(_) => "session_ended",
            Self::Cancelled => "cancelled",
            Self::NotObserved => "not_observed",
            Self::Overloaded => "overloaded",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

impl From<Refused> for CallError {
    fn from(refused: Refused) -> Self {
        Self::Device {
            code: refused.code,
            diagnostic: (!refused.diagnostic.is_empty()).then_some(refused.diagnostic),
        }
    }
}

impl From<CallFailure> for CallError {
    fn from(failure: CallFailure) -> Self {
        match failure {
            CallFailure::Illegal(illegal) => Self::Illegal(illegal),
            CallFailure::NoReply(Failure::NoAcknowledgement | Failure::NoResponse) => Self::Timeout,
            CallFailure::NoReply(Failure::PeerClosed | Failure::Cancelled)
            | CallFailure::Cancelled => Self::Cancelled,
            CallFailure::NoSession => Self::NoSession,
            CallFailure::SessionEnded(end) => Self::SessionEnded(end),
            CallFailure::NoReply(failure) => Self::Exchange(failure),
            CallFailure::Unexpected(unexpected) => Self::UnexpectedCode(unexpected.code),
            _ => Self::Overloaded,
        }
    }
}
