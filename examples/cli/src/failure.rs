use std::fmt;
use std::io;

use coap_codec::Code;
use serde_json::Value as Json;
use support::exit;

use crate::output::printable;

/// Why a command did not do what it was asked, and the exit code for it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: u8,
    /// The stable id of the server's problem document.
    code: Option<String>,
    message: String,
    /// Lines below the message: what they are about, and what they say.
    details: Vec<(&'static str, String)>,
}

impl Failure {
    fn new(exit: u8, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: None,
            message: message.into(),
            details: Vec::new(),
        }
    }

    /// It went wrong here, or on the server.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(exit::FAILED, message)
    }

    /// The command line, a file or the environment is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(exit::USAGE, message)
    }

    /// Nobody answers.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::new(exit::UNREACHABLE, message)
    }

    /// Whether the server's problem document is about this.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Adds what the user can do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.details.push(("hint", hint.into()));
        self
    }

    /// An answer of the server that is not a success: a problem document (RFC 9457), or something
    /// that no LwM2M server sent.
    pub(crate) fn from_answer(status: u16, media_type: &str, body: &[u8], url: &str) -> Self {
        let document = serde_json::from_slice::<Json>(body).ok();
        let problem = document.filter(|_| media_type == "application/problem+json");
        let Some(problem) = problem else {
            let exit = match status {
                401 | 403 => exit::SECURITY,
                _ => exit::FAILED,
            };
            return Self::new(exit, format!("{url} answered with HTTP status {status}"))
                .hint("is this the address of an LwM2M server? --url names another");
        };
        let member = |name: &str| problem.get(name).and_then(Json::as_str);
        let (title, detail) = (member("title"), member("detail"));
        let message = match (title, detail) {
            (Some(title), Some(detail)) => format!("{title}: {detail}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => format!("HTTP status {status}"),
        };
        let mut failure = Self::new(exit_code(status, &problem), message);
        failure.code = member("code").map(str::to_owned);
        // Where the detail does not name it already.
        if let Some(code) =
            member("coap_code").filter(|code| !detail.unwrap_or_default().contains(code))
        {
            failure.details.push(("device", in_words(code)));
        }
        if let Some(field) = member("field") {
            failure.details.push(("field", field.to_owned()));
        }
        let hint = match member("code") {
            // The server's speaks of headers.
            Some("unauthorized") => Some(TOKEN),
            _ => member("hint"),
        };
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.message))?;
        for (label, text) in &self.details {
            write!(f, "\n  {label}: {}", printable(text))?;
        }
        Ok(())
    }
}

impl From<support::FileError> for Failure {
    fn from(error: support::FileError) -> Self {
        Self::usage(error.to_string())
    }
}

/// Standard output failed. Who reads it may well have enough (`lwm2m events | head`): that is no
/// failure, and the command ends early.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::BrokenPipe => 0,
            _ => exit::FAILED,
        };
        Self::new(exit, format!("cannot write the output: {error}"))
    }
}

fn exit_code(status: u16, problem: &Json) -> u8 {
    match problem.get("code").and_then(Json::as_str) {
        Some("device_error" | "unexpected_code") => exit::PEER,
        Some("device_timeout" | "device_unreachable" | "shutting_down") => exit::UNREACHABLE,
        Some("too_many_attempts") => exit::SECURITY,
        // What was typed went through to the server before somebody saw that it cannot be.
        Some(
            "invalid_parameter" | "invalid_value" | "illegal_request" | "invalid_credential"
            | "ambiguous_value" | "published_key" | "foreign_key_file",
        ) => exit::USAGE,
        _ => match status {
            401 | 403 => exit::SECURITY,
            502 if problem.get("coap_code").is_some() => exit::PEER,
            504 => exit::UNREACHABLE,
            _ => exit::FAILED,
        },
    }
}

/// `4.04` as `4.04 Not Found`.
fn in_words(digits: &str) -> String {
    let name = digits.split_once('.').and_then(|(class, detail)| {
        let code = Code::new(class.parse().ok()?, detail.parse().ok()?)?;
        code.name()
    });
    match name {
        Some(name) => format!("{digits} {name}"),
        None => digits.to_owned(),
    }
}

const TOKEN: &str =
    "the server prints its token at start; set LWM2M_ADMIN_TOKEN or --admin-token-file";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_document_becomes_text_and_an_exit_code() {
        let rows = [
            (
                502,
                r#"{"title": "The device refused", "detail": "no", "code": "device_error", "coap_code": "4.04", "hint": "h"}"#,
                3,
                "The device refused: no\n  device: 4.04 Not Found\n  hint: h",
            ),
            (
                502,
                r#"{"title": "T", "code": "unexpected_code", "coap_code": "6.31"}"#,
                3,
                "T\n  device: 6.31",
            ),
            (
                502,
                r#"{"title": "T", "code": "undecodable_answer"}"#,
                1,
                "T",
            ),
            (504, r#"{"detail": "D"}"#, 4, "D"),
            (503, r#"{"title": "T", "code": "shutting_down"}"#, 4, "T"),
            (503, r#"{"title": "T", "code": "overloaded"}"#, 1, "T"),
            (
                429,
                r#"{"title": "T", "code": "too_many_attempts"}"#,
                5,
                "T",
            ),
            (401, r#"{"title": "T", "code": "login_failed"}"#, 5, "T"),
            (
                422,
                r#"{"title": "T", "detail": "D", "field": "resources.1"}"#,
                1,
                "T: D\n  field: resources.1",
            ),
            (500, "{}", 1, "HTTP status 500"),
        ];
        for (status, body, exit, text) in rows {
            let failure =
                Failure::from_answer(status, "application/problem+json", body.as_bytes(), "u");
            assert_eq!(failure.to_string(), text);
            assert_eq!(failure.exit, exit, "{body}");
        }
    }

    #[test]
    fn another_program_s_answer_is_told_as_such() {
        let failure = Failure::from_answer(404, "text/html", b"<html>", "http://h/api/v1/devices");
        assert_eq!(failure.exit, 1);
        let text = failure.to_string();
        assert!(text.starts_with("http://h/api/v1/devices answered with HTTP status 404\n"));
    }
}
