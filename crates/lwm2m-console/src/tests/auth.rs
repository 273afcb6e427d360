use std::net::SocketAddr;

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Request, header},
};
use serde_json::json;

use super::{Console, Reply, TOKEN};
use crate::{fake::Fake, routes::routes};

/// A request without a token; `headers` are added.
fn bare(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut builder = Request::builder()
        .method(method)
        .uri(uri)
        .header("host", "127.0.0.1:8080");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Body::empty()).unwrap()
}

async fn login(console: &Console, token: &str) -> Reply {
    let mut request = bare(
        "POST",
        "/api/v1/session",
        &[("content-type", "application/json")],
    );
    *request.body_mut() = Body::from(json!({ "token": token }).to_string());
    console.send(request).await
}

/// Logs in and returns the cookie as a browser sends it back.
async fn cookie(console: &Console) -> String {
    let reply = login(console, TOKEN).await;
    assert_eq!(reply.status, 200);
    reply.headers[header::SET_COOKIE]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

/// Every address of the API, with something in place of its parameters.
fn addresses() -> Vec<(String, String, bool)> {
    let address = |path: &str| {
        path.replace("{ep}", "thermometer")
            .replace("{path}", "3/0/4")
            .replace("{object}", "3")
            .replace("{*rest}", "nothing")
    };
    routes()
        .iter()
        .map(|route| (route.method.to_string(), address(route.path), route.open))
        .collect()
}

#[tokio::test]
async fn only_health_and_login_are_open() {
    let open: Vec<_> = addresses()
        .into_iter()
        .filter(|(_, _, open)| *open)
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    assert_eq!(
        open,
        ["POST /api/v1/session", "GET /healthz", "GET /readyz"]
    );
}

#[tokio::test]
async fn without_a_valid_token_every_route_is_401() {
    let console = Console::with(Fake::with_thermometer(), |config| {
        config.max_failed_logins = u32::MAX
    });
    let wrong = [
        None,
        Some(("authorization", "Bearer wrong-wrong-wrong-wrong")),
        Some(("authorization", "Bearer")),
        Some(("authorization", "Bearer ")),
        Some(("authorization", "Basic YTpi")),
        Some(("authorization", TOKEN)),
        Some(("cookie", "lwm2m_console_8080=guess")),
        Some(("cookie", "lwm2m_console_8080=; lwm2m_console=")),
        Some(("x-lwm2m-console", "1")),
    ];
    for (method, path, _) in addresses().iter().filter(|(_, _, open)| !open) {
        for headers in &wrong {
            let reply = console.send(bare(method, path, headers.as_slice())).await;
            assert_eq!(reply.status, 401, "{method} {path} {headers:?}");
            assert_eq!(reply.headers["www-authenticate"], "Bearer realm=\"lwm2m\"");
            assert!(!reply.body.contains(TOKEN));
        }
    }
    assert_eq!(console.fake.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_in_the_query_never_counts() {
    let console = Console::new();
    for uri in ["/api/v1/devices", "/api/v1/events", "/metrics"] {
        assert_eq!(
            console
                .send(bare("GET", &format!("{uri}?token={TOKEN}"), &[]))
                .await
                .problem(),
            (401, "unauthorized".into())
        );
    }
}

#[tokio::test]
async fn login_gives_a_cookie_that_scripts_and_strangers_cannot_use() {
    let console = Console::new();
    let reply = login(&console, TOKEN).await;
    assert_eq!(
        reply.json(),
        json!({"by": "session", "expires_in_s": 43_200})
    );
    let set = reply.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(set.starts_with("lwm2m_console_8080="), "{set}");
    for attribute in [
        "; Path=/",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Max-Age=43200",
    ] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Secure") && !set.contains(TOKEN));
    let secure = Console::with(Fake::new(), |config| config.secure_cookie = true);
    assert!(
        login(&secure, TOKEN).await.headers[header::SET_COOKIE]
            .to_str()
            .unwrap()
            .ends_with("; Secure")
    );
}

#[tokio::test]
async fn a_cookie_reads_but_changes_nothing_without_the_header() {
    let console = Console::new();
    let cookie = cookie(&console).await;
    let with = |method: &str, uri: &str, more: &[(&str, &str)]| {
        let mut headers = vec![("cookie", cookie.as_str())];
        headers.extend_from_slice(more);
        bare(method, uri, &headers)
    };
    assert_eq!(
        console
            .send(with("GET", "/api/v1/devices", &[]))
            .await
            .status,
        200
    );
    assert_eq!(
        console
            .send(with("GET", "/api/v1/session", &[]))
            .await
            .json()["by"],
        "session"
    );
    let reboot = "/api/v1/devices/thermometer/objects/3/0/4:execute";
    for (method, path, _) in addresses()
        .iter()
        .filter(|(method, _, open)| method != "GET" && !open)
    {
        assert_eq!(
            console.send(with(method, path, &[])).await.problem(),
            (403, "missing_header".into()),
            "{method} {path}"
        );
    }
    assert_eq!(console.fake.calls(), Vec::<String>::new());
    assert_eq!(
        console
            .send(with("POST", reboot, &[("x-lwm2m-console", "1")]))
            .await
            .status,
        204
    );
    assert_eq!(console.fake.calls().len(), 1);
    // A bearer token is not sent by a browser on its own, so it needs no such header.
    assert_eq!(console.call("POST", reboot, None).await.status, 204);
}

#[tokio::test]
async fn a_wrong_bearer_token_is_not_saved_by_a_good_cookie() {
    let console = Console::new();
    let cookie = cookie(&console).await;
    let reply = console
        .send(bare(
            "GET",
            "/api/v1/devices",
            &[
                ("cookie", &cookie),
                ("authorization", "Bearer no-such-token-here"),
            ],
        ))
        .await;
    assert_eq!(reply.problem(), (401, "login_failed".into()));
}

#[tokio::test]
async fn logout_ends_the_session() {
    let console = Console::new();
    let cookie = cookie(&console).await;
    let reply = console
        .send(bare(
            "DELETE",
            "/api/v1/session",
            &[("cookie", &cookie), ("x-lwm2m-console", "1")],
        ))
        .await;
    assert_eq!(reply.status, 204);
    assert!(
        reply.headers[header::SET_COOKIE]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    assert_eq!(
        console
            .send(bare("GET", "/api/v1/devices", &[("cookie", &cookie)]))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn sessions_are_limited_and_expire() {
    let console = Console::with(Fake::new(), |config| config.max_sessions = 2);
    let cookies = [
        cookie(&console).await,
        cookie(&console).await,
        cookie(&console).await,
    ];
    let mut statuses = Vec::new();
    for cookie in &cookies {
        statuses.push(
            console
                .send(bare("GET", "/api/v1/devices", &[("cookie", cookie)]))
                .await
                .status
                .as_u16(),
        );
    }
    assert_eq!(statuses, [401, 200, 200]);
    let brief = Console::with(Fake::new(), |config| {
        config.session_lifetime = core::time::Duration::ZERO
    });
    let cookie = cookie(&brief).await;
    assert_eq!(
        brief
            .send(bare("GET", "/api/v1/devices", &[("cookie", &cookie)]))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn other_cookies_do_not_disturb() {
    let console = Console::new();
    let cookie = format!(
        "theme=dark; lwm2m_console_9090=of-another-server; {}; x",
        cookie(&console).await
    );
    assert_eq!(
        console
            .send(bare("GET", "/api/v1/devices", &[("cookie", &cookie)]))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn guessing_is_slowed_down_by_address() {
    let console = Console::with(Fake::new(), |config| config.max_failed_logins = 3);
    let from = |address: &str, token: &str| {
        let mut request = bare(
            "GET",
            "/api/v1/devices",
            &[("authorization", &format!("Bearer {token}"))],
        );
        request
            .extensions_mut()
            .insert(ConnectInfo(address.parse::<SocketAddr>().unwrap()));
        request
    };
    let (guesser, owner) = ("198.51.100.7:1000", "198.51.100.8:1000");
    for _ in 0..3 {
        assert_eq!(
            console
                .send(from(guesser, "guess-guess-guess-guess"))
                .await
                .problem(),
            (401, "login_failed".into())
        );
    }
    let reply = console.send(from(guesser, TOKEN)).await;
    assert_eq!(reply.problem(), (429, "too_many_attempts".into()));
    assert!(reply.headers.contains_key("retry-after"));
    assert_eq!(console.send(from(owner, TOKEN)).await.status, 200);
}

/// All programs of a machine have one address: one of them must not keep out the operator.
#[tokio::test]
async fn a_long_token_is_not_kept_out_by_guesses_of_others() {
    let long = "0123456789abcdef0123456789abcdef";
    let console = Console::with(Fake::new(), |config| {
        config.max_failed_logins = 1;
        config.token = crate::Token::new(long).unwrap();
    });
    let with = |token: &str| {
        let value = format!("Bearer {token}");
        bare("GET", "/api/v1/devices", &[("authorization", &value)])
    };
    let statuses = ["wrong-wrong-wrong", "wrong-wrong-wrong", long];
    let mut seen = Vec::new();
    for token in statuses {
        seen.push(console.send(with(token)).await.status.as_u16());
    }
    assert_eq!(seen, [401, 429, 200]);
}

#[tokio::test]
async fn login_wants_json_with_a_token_and_nothing_else() {
    let console = Console::new();
    let send = async |media_type: &str, body: &str| {
        let mut request = bare("POST", "/api/v1/session", &[("content-type", media_type)]);
        *request.body_mut() = Body::from(body.to_owned());
        console.send(request).await.problem()
    };
    assert_eq!(
        send("application/json", "{}").await,
        (422, "invalid_value".into())
    );
    assert_eq!(
        send("application/json", r#"{"token": 5}"#).await,
        (422, "invalid_value".into())
    );
    assert_eq!(
        send("application/json", "").await,
        (400, "invalid_json".into())
    );
    assert_eq!(
        send(
            "application/x-www-form-urlencoded",
            &format!("token={TOKEN}")
        )
        .await,
        (415, "unsupported_media_type".into())
    );
    assert_eq!(
        login(&console, "wrong").await.problem(),
        (401, "login_failed".into())
    );
}
