use alloc::string::{String, ToString};
use core::fmt;

use coap_codec::{Code, Response};

use crate::refusal::Refusal;

/// An error answer: its code, and what the peer says about it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Refused {
    /// A 4.xx or 5.xx code.
    pub code: Code,
    /// The diagnostic payload, at most [`MAX_DIAGNOSTIC`] bytes. From a peer: data to be
    /// escaped wherever it is shown.
    pub diagnostic: String,
}

impl Refused {
    /// An error answer; of `diagnostic`, at most [`MAX_DIAGNOSTIC`] bytes are kept.
    #[must_use]
    pub fn new(code: Code, diagnostic: &str) -> Self {
        Self {
            code,
            diagnostic: bounded(diagnostic).to_string(),
        }
    }

    /// The response to send. A code that is no error goes out as 5.00.
    #[must_use]
    pub fn to_response(&self) -> Response {
        let code = match self.code.class() {
            4 | 5 => self.code,
            _ => Code::INTERNAL_SERVER_ERROR,
        };
        Response::new(code).payload(bounded(&self.diagnostic).to_string())
    }

    /// Reads an error whose code is listed, or is any 5.xx.
    pub(crate) fn from_response(
        response: &Response,
        listed: &[Code],
    ) -> Result<Self, UnexpectedResponse> {
        if listed.contains(&response.code) || response.code.class() == 5 {
            return Ok(Self {
                code: response.code,
                diagnostic: diagnostic(response),
            });
        }
        Err(UnexpectedResponse {
            code: response.code,
            diagnostic: diagnostic(response),
            problem: Problem::Code,
        })
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self {
            code,
            diagnostic: String::new(),
        }
    }
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        Self::new(refusal.code, &refusal.to_string())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        match self.diagnostic.is_empty() {
            true => Ok(()),
            false => write!(f, " {:?}", self.diagnostic),
        }
    }
}

impl core::error::Error for Refused {}

/// An answer that the operation does not have.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UnexpectedResponse {
    /// The code of the answer.
    pub code: Code,
    /// For an error, its diagnostic payload, at most [`MAX_DIAGNOSTIC`] bytes.
    pub diagnostic: String,
    /// What is wrong with the answer.
    pub problem: Problem,
}

/// What makes an answer unexpected.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// The code is not among those of the operation.
    Code,
    /// A registration was created and not said where.
    NoLocation,
    /// A location that is not the path of an object instance of the object asked for.
    BadLocation,
}

impl UnexpectedResponse {
    pub(crate) fn new(response: &Response, problem: Problem) -> Self {
        Self {
            code: response.code,
            diagnostic: diagnostic(response),
            problem,
        }
    }
}

impl fmt::Display for UnexpectedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code;
        match self.problem {
            Problem::Code => write!(f, "the operation does not have the answer {code}"),
            Problem::NoLocation => write!(f, "{code} without a location"),
            Problem::BadLocation => write!(f, "{code} with a location that makes no sense"),
        }
    }
}

impl core::error::Error for UnexpectedResponse {}

/// The text of an error answer: bytes that are not UTF-8 replaced, cut to a bounded length.
pub(crate) fn diagnostic(response: &Response) -> String {
    if !matches!(response.code.class(), 4 | 5) {
        return String::new();
    }
    let head = response
        .payload
        .get(..MAX_DIAGNOSTIC)
        .unwrap_or(&response.payload);
    bounded(&String::from_utf8_lossy(head)).to_string()
}

/// Cuts at a character boundary.
fn bounded(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_DIAGNOSTIC))
        .unwrap_or_default()
}

/// The longest diagnostic text that is kept or sent, in bytes.
pub const MAX_DIAGNOSTIC: usize = 512;
