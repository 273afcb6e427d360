use std::{borrow::Cow, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value as Json};

/// An answer that tells what went wrong: a problem document (RFC 9457).
///
/// Beside the members of the RFC it carries `code` (stable, see the README), `hint` (what to do), `field` (where in
/// the request), and `coap_code` (what the device said).
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    detail: Cow<'static, str>,
    more: Box<More>,
}

/// The members that only some problems have.
#[derive(Debug, Default)]
struct More {
    hint: Option<Cow<'static, str>>,
    field: Option<String>,
    coap_code: Option<String>,
    retry_after: Option<Duration>,
    allow: Option<String>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            more: Box::default(),
        }
    }

    /// What the caller can do about it.
    pub(crate) fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.more.hint = Some(hint.into());
        self
    }

    /// The place in the request: a parameter's name, or a path into the body such as `resources.5700.value`.
    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.more.field = Some(field.into());
        self
    }

    /// The response code of the device, such as `4.04`.
    pub(crate) fn coap_code(mut self, code: impl Into<String>) -> Self {
        self.more.coap_code = Some(code.into());
        self
    }

    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.more.retry_after = Some(wait);
        self
    }

    pub(crate) fn allow(mut self, methods: String) -> Self {
        self.more.allow = Some(methods);
        self
    }

    fn to_json(&self) -> Json {
        let mut members = Map::new();
        let mut member = |name: &str, value: Json| members.insert(name.to_owned(), value);
        member("type", format!("{DOCS}{}", self.code.as_str()).into());
        member("title", self.code.title().into());
        member("status", self.code.status().as_u16().into());
        member("detail", self.detail.clone().into());
        member("code", self.code.as_str().into());
        for (name, value) in [
            ("coap_code", self.more.coap_code.as_deref()),
            ("hint", self.more.hint.as_deref()),
            ("field", self.more.field.as_deref()),
        ] {
            if let Some(value) = value {
                member(name, value.into());
            }
        }
        Json::Object(members)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json().to_string()));
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = self.more.retry_after {
            let seconds = wait
                .as_secs()
                .saturating_add(u64::from(wait.subsec_nanos() > 0));
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(allow) = self
            .more
            .allow
            .and_then(|methods| HeaderValue::from_str(&methods).ok())
        {
            headers.insert(header::ALLOW, allow);
        }
        if self.code.status() == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"lwm2m\""),
            );
        }
        response
    }
}

macro_rules! codes {
    ($($variant:ident $text:literal $status:ident $title:literal,)*) => {
        /// What a problem document is about. The texts are part of the API.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Code { $($variant,)* }

        impl Code {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }
        }
    };
}

codes! {
    Unauthorized "unauthorized" UNAUTHORIZED "Not authorized",
    LoginFailed "login_failed" UNAUTHORIZED "Wrong token",
    MissingHeader "missing_header" FORBIDDEN "A header is missing",
    TooManyAttempts "too_many_attempts" TOO_MANY_REQUESTS "Too many wrong tokens",
    UnknownRoute "unknown_route" NOT_FOUND "No such address",
    UnknownEndpoint "unknown_endpoint" NOT_FOUND "No such device",
    UnknownModel "unknown_model" NOT_FOUND "No such object definition",
    UnknownObservation "unknown_observation" NOT_FOUND "Not observed",
    UnknownCredentials "unknown_credentials" NOT_FOUND "No credentials",
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "Method not allowed",
    InvalidParameter "invalid_parameter" BAD_REQUEST "Bad parameter",
    InvalidJson "invalid_json" BAD_REQUEST "Not JSON",
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "JSON expected",
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "Body too large",
    BodyTimeout "body_timeout" REQUEST_TIMEOUT "Body too slow",
    InvalidValue "invalid_value" UNPROCESSABLE_ENTITY "Value does not fit",
    InvalidCredential "invalid_credential" UNPROCESSABLE_ENTITY "Not a credential",
    AmbiguousValue "ambiguous_value" UNPROCESSABLE_ENTITY "Can be read in two ways",
    PublishedKey "published_key" UNPROCESSABLE_ENTITY "Everybody has this key",
    ForeignKeyFile "foreign_key_file" UNPROCESSABLE_ENTITY "A file of another kind",
    CredentialTaken "credential_taken" CONFLICT "Somebody else has it",
    StoreDown "store_down" SERVICE_UNAVAILABLE "The store does not answer",
    IllegalRequest "illegal_request" UNPROCESSABLE_ENTITY "LwM2M does not allow this request",
    DeviceError "device_error" BAD_GATEWAY "The device refused",
    UnexpectedAnswer "unexpected_code" BAD_GATEWAY "The device broke the protocol",
    UndecodableAnswer "undecodable_answer" BAD_GATEWAY "The device's answer cannot be read",
    DeviceTimeout "device_timeout" GATEWAY_TIMEOUT "The device did not answer",
    DeviceUnreachable "device_unreachable" GATEWAY_TIMEOUT "The device cannot be reached",
    Overloaded "overloaded" SERVICE_UNAVAILABLE "Too much at once",
    TooManyStreams "too_many_streams" SERVICE_UNAVAILABLE "Too many event streams",
    ShuttingDown "shutting_down" SERVICE_UNAVAILABLE "The server is stopping",
    Internal "internal" INTERNAL_SERVER_ERROR "A fault in the server",
}

/// Where every code is explained.
const DOCS: &str = concat!(
    env!("CARGO_PKG_REPOSITORY"),
    "/blob/main/crates/lwm2m-console/README.md#"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_explains_every_code() {
        let readme = include_str!("../README.md");
        for code in Code::ALL {
            let row = format!(
                "<a id=\"{0}\"></a>`{0}` | {1} |",
                code.as_str(),
                code.status().as_u16()
            );
            assert!(readme.contains(&row), "{row}");
        }
    }

    #[test]
    fn a_problem_document_has_the_members_of_rfc_9457_and_ours() {
        let problem = Problem::new(Code::DeviceError, "4.04 Not Found to GET /3/0/99")
            .coap_code("4.04")
            .hint("Discover /3/0")
            .field("path")
            .retry_after(Duration::from_millis(1500));
        assert_eq!(
            problem.to_json(),
            serde_json::json!({
                "type": "https://github.com/lwm2m-rs/lwm2m/blob/main/crates/lwm2m-console/README.md#device_error",
                "title": "The device refused", "status": 502, "detail": "4.04 Not Found to GET /3/0/99",
                "code": "device_error", "coap_code": "4.04", "hint": "Discover /3/0", "field": "path",
            })
        );
        let response = problem.into_response();
        assert_eq!(response.status(), 502);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        assert_eq!(response.headers()["retry-after"], "2");
    }
}
