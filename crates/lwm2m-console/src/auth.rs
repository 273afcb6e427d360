//! Who may call: the one place that decides it.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, HeaderValue, Method, header},
};

use crate::{
    app::App,
    problem::{Code, Problem},
};

/// How a caller got in.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// The route is open to everybody.
    Open,
    /// By `Authorization: Bearer`.
    Bearer,
    /// By the cookie of the login `id`.
    Session { id: String, left: Duration },
}

/// Lets a caller in, or says why not.
///
/// A bearer token is tried where one is sent, else the session cookie. A browser sends cookies by itself, so a call by
/// cookie that changes something must also carry a header that no foreign page can set.
pub(crate) fn authenticate(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
    address: Option<IpAddr>,
    now: Instant,
) -> Result<Access, Problem> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let Some(token) = bearer(value) else {
            return Err(Problem::new(
                Code::Unauthorized,
                "the Authorization header is not a bearer token",
            )
            .hint(SEND_TOKEN));
        };
        check_token(app, token, address, now)?;
        return Ok(Access::Bearer);
    }
    let Some((id, left)) = session(app, headers, now) else {
        return Err(
            Problem::new(Code::Unauthorized, "no valid token and no valid session")
                .hint(SEND_TOKEN),
        );
    };
    if !method.is_safe() && !headers.contains_key(CSRF_HEADER) {
        return Err(Problem::new(
            Code::MissingHeader,
            "a call by cookie that changes something needs the header X-Lwm2m-Console",
        )
        .hint("send X-Lwm2m-Console: 1")
        .field("X-Lwm2m-Console"));
    }
    Ok(Access::Session { id, left })
}

/// Compares a token with ours. After too many wrong ones an address must wait: with a short token also when it sends the
/// right one, else a guess would still be answered. A long one cannot be guessed, and its owner is not kept out by others
/// behind the same address, such as all programs of this machine.
pub(crate) fn check_token(
    app: &App,
    token: &str,
    address: Option<IpAddr>,
    now: Instant,
) -> Result<(), Problem> {
    let is_ours = app.config.token.matches(token);
    if is_ours && app.config.token.is_long() {
        return Ok(());
    }
    if let Some(wait) = app.attempts.barred(address, now) {
        return Err(Problem::new(
            Code::TooManyAttempts,
            "too many wrong tokens came from this address",
        )
        .retry_after(wait));
    }
    if is_ours {
        return Ok(());
    }
    app.attempts.wrong(address, now);
    tracing::warn!(
        event = "login.failed",
        address = address.map(tracing::field::display),
        reason = "wrong_token"
    );
    Err(Problem::new(Code::LoginFailed, "the token is wrong")
        .hint("it is printed once when the server starts, or stands where the operator keeps it"))
}

/// The address of the caller, where the server tells it ([`ConnectInfo`]).
pub(crate) fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip())
}

/// The `Set-Cookie` of a login. Its name carries the port, since browsers share cookies between the ports of a host.
pub(crate) fn cookie(app: &App, headers: &HeaderMap, id: &str, lifetime: Duration) -> HeaderValue {
    let port = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok()?.rsplit_once(':')?.1.parse::<u16>().ok());
    let port = port.map(|port| format!("_{port}")).unwrap_or_default();
    let secure = if app.config.secure_cookie {
        "; Secure"
    } else {
        ""
    };
    let text = format!(
        "{COOKIE}{port}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}",
        lifetime.as_secs()
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The first of our cookies that names a living session.
fn session(app: &App, headers: &HeaderMap, now: Instant) -> Option<(String, Duration)> {
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| name.starts_with(COOKIE))
        .take(MAX_COOKIES)
        .find_map(|(_, id)| Some((id.to_owned(), app.sessions.remaining(id, now)?)))
}

/// The header that mutating calls by cookie carry. A page of another origin cannot set it without being asked first,
/// and we answer no such question (no CORS).
pub(crate) const CSRF_HEADER: &str = "x-lwm2m-console";
const COOKIE: &str = "lwm2m_console";
const MAX_COOKIES: usize = 8;
const SEND_TOKEN: &str = "send Authorization: Bearer <token>, or log in by POST /api/v1/session";
