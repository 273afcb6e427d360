//! The page: files in the binary, found by their exact name and by nothing else.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use crate::problem::{Code, Problem};

/// A file of the page.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    media_type: &'static str,
    content: &'static str,
}

#[cfg(test)]
impl Asset {
    pub(crate) const fn content(&self) -> &'static str {
        self.content
    }
}

macro_rules! assets {
    ($($path:literal $file:literal $media_type:literal,)*) => {
        pub(crate) const ALL: &[Asset] = &[$(Asset {
            path: $path,
            media_type: $media_type,
            content: include_str!(concat!("../assets/", $file)),
        },)*];
    };
}

assets! {
    "/" "index.html" "text/html; charset=utf-8",
    "/favicon.svg" "favicon.svg" "image/svg+xml",
    "/style.css" "style.css" "text/css; charset=utf-8",
    "/app.js" "app.js" "text/javascript; charset=utf-8",
    "/js/api.js" "js/api.js" "text/javascript; charset=utf-8",
    "/js/chart.js" "js/chart.js" "text/javascript; charset=utf-8",
    "/js/dom.js" "js/dom.js" "text/javascript; charset=utf-8",
    "/js/editor.js" "js/editor.js" "text/javascript; charset=utf-8",
    "/js/instance.js" "js/instance.js" "text/javascript; charset=utf-8",
    "/js/live.js" "js/live.js" "text/javascript; charset=utf-8",
    "/js/device.js" "js/device.js" "text/javascript; charset=utf-8",
    "/js/devices.js" "js/devices.js" "text/javascript; charset=utf-8",
    "/js/login.js" "js/login.js" "text/javascript; charset=utf-8",
    "/js/objects.js" "js/objects.js" "text/javascript; charset=utf-8",
    "/js/security.js" "js/security.js" "text/javascript; charset=utf-8",
    "/js/server.js" "js/server.js" "text/javascript; charset=utf-8",
    "/js/theme.js" "js/theme.js" "text/javascript; charset=utf-8",
}

/// Sends a file, or 304 to who has it already.
pub(crate) fn answer(asset: &'static Asset, request: &Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Problem::new(Code::MethodNotAllowed, "the page is only read")
            .allow("GET".to_owned())
            .into_response();
    }
    let tag = format!("\"{:016x}\"", fnv1a(asset.content.as_bytes()));
    let known = request
        .headers()
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag));
    let mut response = Response::new(if fresh {
        Body::empty()
    } else {
        Body::from(asset.content)
    });
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(asset.media_type),
    );
    // Asked again each time, and answered by 304: a new server never meets an old page.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// Tells versions of a file apart. It guards nothing, so it need not be cryptographic.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
