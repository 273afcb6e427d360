use std::io::{BufReader, Read as _};
use std::time::Duration;

use lwm2m_model::Path;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use ureq::http::{Method, Response};
use ureq::{Agent, Body, SendBody};

use crate::failure::Failure;
use crate::settings::{Settings, Token};
use crate::sse::EventStream;

/// The server's HTTP API.
#[derive(Clone)]
pub(crate) struct Api {
    agent: Agent,
    url: String,
    token: Option<Token>,
    timeout: Option<Duration>,
}

/// An address of the API and its query.
pub(crate) struct Address {
    path: String,
    query: Vec<(&'static str, String)>,
    /// Whether a device is asked, which may take its time.
    device: bool,
}

impl Address {
    /// An address below the server's URL.
    pub(crate) fn of(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            query: Vec::new(),
            device: false,
        }
    }

    /// A registered device.
    pub(crate) fn device(ep: &str) -> Self {
        Self::of(format!("/api/v1/devices/{}", encode(ep)))
    }

    /// A node of a device, or what `suffix` does there (`:execute`).
    pub(crate) fn node(ep: &str, path: &Path, suffix: &str) -> Self {
        let mut address = Self::device(ep);
        address.path = format!("{}/objects{path}{suffix}", address.path);
        address.device = true;
        address
    }

    /// The observations of a device.
    pub(crate) fn observations(ep: &str) -> Self {
        let mut address = Self::device(ep);
        address.path.push_str("/observations");
        address
    }

    /// What an endpoint has to prove, or what `suffix` does there (`:generate`).
    pub(crate) fn credentials(ep: &str, suffix: &str) -> Self {
        let mut address = Self::device(ep);
        address.path = format!("{}/credentials{suffix}", address.path);
        address
    }

    /// The same, where the device is asked.
    pub(crate) fn asking(mut self) -> Self {
        self.device = true;
        self
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }
}

impl Api {
    pub(crate) fn new(settings: &Settings) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // The token goes to the server that the user named, and to nobody in between.
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            .user_agent(concat!("lwm2m/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: Agent::new_with_config(config),
            url: settings.url.clone(),
            token: settings.token.clone(),
            timeout: settings.timeout,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The same server, with less patience.
    pub(crate) fn within(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The JSON that the server holds there.
    pub(crate) fn get(&self, address: Address) -> Result<Json, Failure> {
        self.call(Method::GET, address, None)
    }

    pub(crate) fn put(&self, address: Address, body: &Json) -> Result<Json, Failure> {
        self.call(Method::PUT, address, Some(body))
    }

    pub(crate) fn post(&self, address: Address, body: &Json) -> Result<Json, Failure> {
        self.call(Method::POST, address, Some(body))
    }

    pub(crate) fn delete(&self, address: Address) -> Result<Json, Failure> {
        self.call(Method::DELETE, address, None)
    }

    /// All items of a list that comes in parts.
    pub(crate) fn list(&self, address: impl Fn() -> Address) -> Result<Vec<Json>, Failure> {
        let (mut all, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut next = address();
            if let Some(after) = after.take() {
                next = next.query("after", after);
            }
            let mut part = self.get(next)?;
            if let Some(Json::Array(items)) = part.get_mut("items").map(Json::take) {
                all.extend(items);
            }
            match part.get("next").and_then(Json::as_str) {
                Some(next) => after = Some(next.to_owned()),
                None => return Ok(all),
            }
        }
    }

    /// Follows an event stream.
    pub(crate) fn events(&self, address: Address) -> Result<EventStream, Failure> {
        let response = self.send(Method::GET, &address, None, None)?;
        if response.status() != 200 {
            return Err(self.refusal(response, &address));
        }
        let (_, body) = response.into_parts();
        Ok(EventStream::new(Box::new(BufReader::new(
            body.into_with_config().limit(u64::MAX).reader(),
        ))))
    }

    /// The text and the status of an address that needs no token.
    pub(crate) fn probe(&self, path: &str) -> Result<(u16, String), Failure> {
        let mut response = self.send(Method::GET, &Address::of(path), None, Some(CONNECT))?;
        let status = response.status().as_u16();
        let text = response
            .body_mut()
            .with_config()
            .limit(1024)
            .lossy_utf8(true);
        let text = text.read_to_string().map_err(|error| self.broken(&error))?;
        Ok((status, text))
    }

    fn call(&self, method: Method, address: Address, body: Option<&Json>) -> Result<Json, Failure> {
        let limit = self.timeout.map_or(PATIENCE, |timeout| timeout + GRACE);
        let response = self.send(method, &address, body, Some(limit))?;
        if !response.status().is_success() {
            return Err(self.refusal(response, &address));
        }
        let bytes = self.body(response)?;
        if bytes.is_empty() {
            return Ok(Json::Null);
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            Failure::failed(format!("{}{} is not JSON: {error}", self.url, address.path))
                .hint("is this the address of an LwM2M server? --url names another")
        })
    }

    fn send(
        &self,
        method: Method,
        address: &Address,
        body: Option<&Json>,
        limit: Option<Duration>,
    ) -> Result<Response<Body>, Failure> {
        let timeout = self.timeout.filter(|_| address.device);
        let timeout = timeout.map(|timeout| ("timeout", format!("{}s", timeout.as_secs())));
        let mut url = format!("{}{}", self.url, address.path);
        for (index, (name, value)) in address.query.iter().chain(&timeout).enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            url.extend([mark.to_string().as_str(), name, "=", &encode(value)]);
        }
        tracing::debug!(event = "http.request", %method, url);
        let mut request = ureq::http::Request::builder().method(method).uri(&url);
        if let Some(token) = &self.token {
            request = request.header("authorization", token.header());
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = match body {
            Some(json) => SendBody::from_json(json),
            None => Ok(SendBody::none()),
        };
        let request = body.and_then(|body| Ok(request.body(body)?));
        let request = request.map_err(|error| Failure::failed(format!("{url}: {error}")))?;
        // A stream has no end in time, but it is never silent for long.
        let silence = limit.is_none().then_some(SILENCE);
        let request = self.agent.configure_request(request);
        let request = request
            .timeout_global(limit)
            .timeout_per_read(silence)
            .build();
        let response = self
            .agent
            .run(request)
            .map_err(|error| self.broken(&error))?;
        tracing::debug!(event = "http.response", status = response.status().as_u16());
        Ok(response)
    }

    fn body(&self, response: Response<Body>) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let mut reader = response.into_body().into_reader().take(MAX_BODY + 1);
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| self.broken(&ureq::Error::from(error)))?;
        if bytes.len() as u64 > MAX_BODY {
            return Err(Failure::failed(format!("{} sends too much", self.url)));
        }
        Ok(bytes)
    }

    fn refusal(&self, response: Response<Body>, address: &Address) -> Failure {
        let status = response.status().as_u16();
        let media_type = response.body().mime_type().unwrap_or_default().to_owned();
        let url = format!("{}{}", self.url, address.path);
        match self.body(response) {
            Ok(body) => Failure::from_answer(status, &media_type, &body, &url),
            Err(failure) => failure,
        }
    }

    /// Why no whole answer came.
    fn broken(&self, error: &ureq::Error) -> Failure {
        let why = match error {
            ureq::Error::Io(error) => error.to_string(),
            ureq::Error::Timeout(_) => "no answer in time".to_owned(),
            other => other.to_string(),
        };
        Failure::unreachable(format!("cannot reach the server at {}: {why}", self.url))
            .hint("is lwm2m-server running there? `lwm2m doctor` looks closer")
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// What stands in a URL as `%XX`: all but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const CONNECT: Duration = Duration::from_secs(5);
/// How much longer than a device the server may take.
const GRACE: Duration = Duration::from_secs(10);
/// How long an answer may take when no `--timeout` says it; the server gives a device half a minute.
const PATIENCE: Duration = Duration::from_secs(120);
/// An event stream sends a comment every 15 seconds.
const SILENCE: Duration = Duration::from_secs(60);
const MAX_BODY: u64 = 64 << 20;
