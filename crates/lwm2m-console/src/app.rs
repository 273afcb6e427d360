//! The router: every request passes here, is authenticated, finds its route and gets its headers.

use core::{future::Future, pin::Pin};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{
    RequestPartsExt as _, Router,
    extract::{RawPathParams, Request, rejection::RawPathParamsRejection},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
    routing::any,
};
use tokio::sync::Semaphore;

use crate::{
    assets,
    auth::{self, Access},
    backend::Backend,
    call::Call,
    calls::Calls,
    config::ConsoleConfig,
    problem::{Code, Problem},
    query::Query,
    routes::{Route, routes},
    sessions::{Attempts, Sessions},
};

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) backend: BackendBox,
    pub(crate) config: ConsoleConfig,
    pub(crate) sessions: Sessions,
    pub(crate) attempts: Attempts,
    /// A permit is held by every call to a device under way.
    pub(crate) calls: Calls,
    /// A permit is held by every event stream.
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) statistics: Statistics,
}

/// What the console counts, without a label per device.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    /// Responses by hundreds: 1xx, 2xx, … 5xx.
    pub(crate) responses: [AtomicU64; 5],
    pub(crate) streams_lagged: AtomicU64,
}

impl Statistics {
    fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.responses.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A backend that prints as such.
pub(crate) struct BackendBox(Arc<dyn Backend>);

impl core::fmt::Debug for BackendBox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Backend")
    }
}

impl core::ops::Deref for BackendBox {
    type Target = dyn Backend;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

/// The router over any backend.
pub(crate) fn build(backend: Arc<dyn Backend>, config: ConsoleConfig) -> Router {
    let app = Arc::new(App {
        backend: BackendBox(backend),
        sessions: Sessions::new(config.max_sessions, config.session_lifetime),
        attempts: Attempts::new(config.max_failed_logins),
        calls: Calls::new(config.max_calls, config.max_calls_per_device),
        streams: Arc::new(Semaphore::new(
            config.max_streams.min(Semaphore::MAX_PERMITS),
        )),
        statistics: Statistics::default(),
        config,
    });
    let (mut router, mut api) = (Router::new(), Router::new());
    for (pattern, routes) in by_pattern(routes()) {
        let (app, routes) = (Arc::clone(&app), Arc::<[Route]>::from(routes));
        let hidden = routes.iter().all(|route| route.hidden);
        let handler = any(move |request| serve(Arc::clone(&app), Arc::clone(&routes), request));
        match pattern.strip_prefix(API) {
            // A fallback of the API alone, so that the router can be merged with one that has its own.
            Some(_) if hidden => {
                // What is nested does not see the slash alone.
                router = router.route(&format!("{API}/"), handler.clone());
                api = api.fallback_service(handler);
            }
            Some(pattern) => api = api.route(pattern, handler),
            None => router = router.route(&pattern, handler),
        }
    }
    router = router.nest(API, api);
    for asset in assets::ALL {
        let app = Arc::clone(&app);
        router = router.route(
            asset.path,
            any(move |request: Request| {
                core::future::ready(finish(&app, assets::answer(asset, &request)))
            }),
        );
    }
    router
}

/// The routes of each address as axum writes it: `{path}` takes the rest of the URL, whatever suffix follows.
fn by_pattern(routes: Vec<Route>) -> Vec<(String, Vec<Route>)> {
    let mut patterns: Vec<(String, Vec<Route>)> = Vec::new();
    for route in routes {
        let pattern = match route.path.split_once("{path}") {
            Some((before, _)) => format!("{before}{{*path}}"),
            None => route.path.to_owned(),
        };
        match patterns.iter_mut().find(|(known, _)| *known == pattern) {
            Some((_, routes)) => routes.push(route),
            None => patterns.push((pattern, vec![route])),
        }
    }
    patterns
}

async fn serve(app: Arc<App>, routes: Arc<[Route]>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let result = match prepare(&app, &routes, &mut parts).await {
        Ok(ready) => {
            let call = Call {
                app: Arc::clone(&app),
                params: ready.params,
                query: ready.query,
                headers: core::mem::take(&mut parts.headers),
                access: ready.access,
                address: auth::address(&parts.extensions),
                body,
            };
            (ready.handler)(call).await
        }
        Err(problem) => Err(problem),
    };
    finish(&app, result.unwrap_or_else(Problem::into_response))
}

struct Ready {
    handler: Handler,
    params: Vec<(String, String)>,
    query: Query,
    access: Access,
}

/// Authentication first: who is not let in learns nothing about what is there.
async fn prepare(app: &App, routes: &[Route], parts: &mut Parts) -> Result<Ready, Problem> {
    let open = |route: &Route| route.open;
    let access = if routes.iter().all(open)
        || routes
            .iter()
            .any(|route| route.open && route.method == parts.method)
    {
        Access::Open
    } else {
        auth::authenticate(
            app,
            &parts.method,
            &parts.headers,
            auth::address(&parts.extensions),
            Instant::now(),
        )?
    };
    let mut params = params(parts).await?;
    let route = choose(routes, &parts.method, &mut params)?;
    let query = Query::parse(parts.uri.query(), route.query)?;
    Ok(Ready {
        handler: route.handler,
        params,
        query,
        access,
    })
}

/// The route for the method and for the suffix of the path (`…/3/0/4:execute`), which is cut off.
fn choose<'a>(
    routes: &'a [Route],
    method: &Method,
    params: &mut [(String, String)],
) -> Result<&'a Route, Problem> {
    let rest = params
        .iter_mut()
        .find(|(name, _)| name == "path")
        .map(|(_, rest)| rest);
    let mut fitting: Vec<&Route> = routes.iter().collect();
    if let Some(rest) = rest {
        let suffix = rest
            .find(':')
            .map(|at| rest.split_off(at))
            .unwrap_or_default();
        fitting.retain(|route| route.suffix() == suffix);
        if fitting.is_empty() {
            let mut suffixes: Vec<_> = routes.iter().map(|route| route.suffix()).collect();
            suffixes.dedup();
            suffixes.retain(|suffix| !suffix.is_empty());
            return Err(
                unknown_route().hint(format!("after a path may stand {}", suffixes.join(", ")))
            );
        }
    }
    let wanted = if *method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    fitting
        .iter()
        .find(|route| route.method == *wanted)
        .copied()
        .ok_or_else(|| {
            if fitting.iter().all(|route| route.hidden) {
                return unknown_route();
            }
            let allowed = fitting
                .iter()
                .map(|route| route.method.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            Problem::new(
                Code::MethodNotAllowed,
                format!("{method} is not possible here"),
            )
            .hint(format!("possible: {allowed}"))
            .allow(allowed)
        })
}

pub(crate) fn unknown_route() -> Problem {
    Problem::new(Code::UnknownRoute, "nothing is at this address")
        .hint("GET /openapi.json lists the addresses")
}

/// The parameters of the path, percent-decoded once.
async fn params(parts: &mut Parts) -> Result<Vec<(String, String)>, Problem> {
    match parts.extract::<RawPathParams>().await {
        Ok(params) => Ok(params
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()),
        Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => Err(Problem::new(
            Code::InvalidParameter,
            "the URL's path is not UTF-8",
        )),
        Err(_) => Ok(Vec::new()),
    }
}

/// Adds the headers that every answer has, and counts it.
fn finish(app: &App, mut response: Response) -> Response {
    app.statistics.count(response.status());
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What a route runs.
pub(crate) type Handler =
    fn(Call) -> Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

const API: &str = "/api/v1";
const SECURITY_HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];
