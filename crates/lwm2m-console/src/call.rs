//! A request to a route: its parameters, its query, its body, each with one way to be wrong.

use core::{future::poll_fn, pin::Pin};
use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use futures_core::Stream as _;
use lwm2m_model::Path;
use serde_json::Value as Json;

use crate::{
    app::App,
    auth::Access,
    backend::{Device, Options},
    json::Fault,
    problem::{Code, Problem},
    query::Query,
};

/// A request that has passed authentication and found its route.
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    /// The parameters of the path, percent-decoded, by name.
    pub(crate) params: Vec<(String, String)>,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) access: Access,
    pub(crate) address: Option<std::net::IpAddr>,
    pub(crate) body: Body,
}

impl Call {
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    /// The endpoint name in the path.
    pub(crate) fn ep(&self) -> &str {
        self.param("ep")
    }

    /// The registered device that the path names.
    pub(crate) fn device(&self) -> Result<Device, Problem> {
        self.app
            .backend
            .device(self.ep())
            .ok_or_else(unknown_endpoint)
    }

    /// The LwM2M path in the URL.
    pub(crate) fn path(&self) -> Result<Path, Problem> {
        path(self.param("path"), "path")
    }

    /// How the device is to be called, by the query.
    pub(crate) fn options(&self) -> Result<Options, Problem> {
        let config = &self.app.config;
        let timeout = match self.query.get("timeout") {
            None => config.call_timeout,
            Some(text) => match text.strip_suffix('s').unwrap_or(text).parse::<u64>() {
                Ok(seconds @ 1..) if Duration::from_secs(seconds) <= config.max_call_timeout => {
                    Duration::from_secs(seconds)
                }
                _ => {
                    let most = config.max_call_timeout.as_secs();
                    return Err(Problem::new(
                        Code::InvalidParameter,
                        format!("timeout is 1s to {most}s"),
                    )
                    .field("timeout"));
                }
            },
        };
        Ok(Options {
            timeout,
            format: self
                .query
                .get("format")
                .map(crate::format::parse)
                .transpose()?,
        })
    }

    /// The body as JSON; `None` when there is none.
    pub(crate) async fn optional_json(&mut self) -> Result<Option<Json>, Problem> {
        let bytes = self.bytes().await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let media_type = self
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(
                Problem::new(Code::UnsupportedMediaType, "the body is not marked as JSON")
                    .hint("send Content-Type: application/json"),
            );
        }
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            Problem::new(
                Code::InvalidJson,
                format!(
                    "line {}, column {}: {}",
                    error.line(),
                    error.column(),
                    sentence(&error)
                ),
            )
        })
    }

    /// The body as JSON.
    pub(crate) async fn json(&mut self) -> Result<Json, Problem> {
        let json = self.optional_json().await?;
        json.ok_or_else(|| {
            Problem::new(Code::InvalidJson, "the body is empty").hint("send a JSON object")
        })
    }

    async fn bytes(&mut self) -> Result<Vec<u8>, Problem> {
        let config = &self.app.config;
        let too_large = || {
            Problem::new(
                Code::BodyTooLarge,
                format!("at most {} bytes are read", config.max_body),
            )
        };
        let announced = self
            .headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| {
            usize::try_from(length).map_or(true, |length| length > config.max_body)
        }) {
            return Err(too_large());
        }
        let body = core::mem::take(&mut self.body);
        match tokio::time::timeout(config.body_timeout, collect(body, config.max_body)).await {
            Ok(Ok(Some(bytes))) => Ok(bytes),
            Ok(Ok(None)) => Err(too_large()),
            Ok(Err(_)) => Err(Problem::new(
                Code::InvalidJson,
                "the body broke off or is badly framed",
            )),
            Err(_) => Err(Problem::new(
                Code::BodyTimeout,
                "the body did not arrive in time",
            )),
        }
    }
}

/// The whole body, or `None` as soon as it exceeds `max` bytes.
async fn collect(body: Body, max: usize) -> Result<Option<Vec<u8>>, axum::Error> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = poll_fn(|cx| Pin::new(&mut chunks).poll_next(cx)).await {
        let chunk = chunk?;
        if chunk.len() > max.saturating_sub(bytes.len()) {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

/// An LwM2M path from a caller.
pub(crate) fn path(text: &str, field: &'static str) -> Result<Path, Problem> {
    text.parse().map_err(|error| {
        Problem::new(
            Code::IllegalRequest,
            format!("{text:?} is no path of a node: {error}"),
        )
        .field(field)
        .hint("such as /3303/0/5700")
    })
}

pub(crate) fn unknown_endpoint() -> Problem {
    Problem::new(
        Code::UnknownEndpoint,
        "no device is registered under this endpoint name",
    )
    .field("ep")
    .hint("GET /api/v1/devices lists who is registered")
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let mut problem = Self::new(Code::InvalidValue, fault.detail);
        if !fault.field.is_empty() {
            problem = problem.field(fault.field);
        }
        match fault.hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

/// The error without its "at line 1 column 2".
fn sentence(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}
