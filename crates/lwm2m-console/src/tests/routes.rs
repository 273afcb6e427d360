use coap_codec::Code;
use serde_json::json;

use super::{Console, request};
use crate::{ConsoleConfig, backend::Failure, fake::Fake};

const DEVICE: &str = "/api/v1/devices/thermometer";

#[tokio::test]
async fn devices_are_listed_searched_and_shown() {
    let console = Console::with(Fake::new(), |_| ());
    assert_eq!(
        console.get("/api/v1/devices").await.json(),
        json!({"items": [], "next": null})
    );
    for ep in ["a", "b", "b/2", "c"] {
        console.fake.register(ep);
    }
    let part = console.get("/api/v1/devices?limit=2").await.json();
    assert_eq!(
        (
            &part["items"][0]["ep"],
            &part["items"][1]["ep"],
            &part["next"]
        ),
        (&json!("a"), &json!("b"), &json!("b"))
    );
    let rest = console.get("/api/v1/devices?limit=2&after=b").await.json();
    assert_eq!(
        (&rest["items"][0]["ep"], &rest["next"]),
        (&json!("b/2"), &json!(null))
    );
    assert_eq!(
        console.get("/api/v1/devices?q=b").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let device = console.get("/api/v1/devices/b%2F2").await.json();
    assert_eq!(device["ep"], "b/2");
    assert_eq!(device["lifetime_s"], 300);
    assert_eq!(device["version"], "1.1");
    assert_eq!(device["registered_at"], "2026-11-22T09:30:00Z");
    assert_eq!(device["expires_at"], "2026-11-22T09:35:00Z");
    assert_eq!(device["attributes"], json!({"site": "roof", "debug": true}));
    assert_eq!(
        device["objects"][2],
        json!({"id": 3303, "path": "/3303", "name": "Temperature", "version": "1.1", "version_announced": true, "model_version": "1.1", "instances": [0]})
    );
    assert_eq!(
        (
            &device["objects"][3]["name"],
            &device["objects"][3]["version_announced"]
        ),
        (&json!(null), &json!(false))
    );
}

#[tokio::test]
async fn a_registration_is_removed() {
    let console = Console::new();
    assert_eq!(console.call("DELETE", DEVICE, None).await.status, 204);
    let gone = (404, "unknown_endpoint".to_owned());
    assert_eq!(console.get(DEVICE).await.problem(), gone);
    assert_eq!(console.call("DELETE", DEVICE, None).await.problem(), gone);
}

#[tokio::test]
async fn every_level_is_read() {
    let console = Console::new();
    let value = console.get(&format!("{DEVICE}/objects/3303/0/5700")).await;
    assert_eq!(value.status, 200);
    assert_eq!(
        value.json(),
        json!({"path": "/3303/0/5700", "name": "Sensor Value", "type": "float", "unit": null, "value": 21.5,
               "format": "senml-cbor", "quirks": [], "taken_at": null})
    );
    assert_eq!(
        console.get(&format!("{DEVICE}/objects/3/0/6")).await.json()["values"],
        json!({"0": 1, "1": 5})
    );
    assert_eq!(
        console
            .get(&format!("{DEVICE}/objects/3/0/6/1"))
            .await
            .json()["value"],
        5
    );
    let instance = console.get(&format!("{DEVICE}/objects/3/0")).await.json();
    assert_eq!(instance["resources"]["13"]["value"], "2026-11-22T09:30:00Z");
    let object = console.get(&format!("{DEVICE}/objects/33000")).await.json();
    assert_eq!(object["known"], false);
    assert_eq!(
        object["instances"]["0"]["resources"]["1"]["value"],
        json!({"hex": "c0ffee"})
    );
}

#[tokio::test]
async fn writes_creates_deletes_and_executes_reach_the_device() {
    let console = Console::new();
    let rows = [
        (
            "PUT",
            "/objects/3303/0/5701",
            r#"{"value": "K"}"#,
            204,
            "write thermometer /3303/0/5701 Replace",
        ),
        (
            "PUT",
            "/objects/3303/0",
            r#"{"resources": {"5701": {"value": "K"}}}"#,
            204,
            "write thermometer /3303/0 Replace Instance",
        ),
        (
            "POST",
            "/objects/3303/0",
            r#"{"resources": {"5701": {"value": "K"}}}"#,
            204,
            "write thermometer /3303/0 Partial Instance",
        ),
        (
            "POST",
            "/objects/3/0/6",
            r#"{"values": {"1": 2}}"#,
            204,
            "write thermometer /3/0/6 Partial Resource",
        ),
        (
            "PUT",
            "/objects/3/0/6/1",
            r#"{"value": 2}"#,
            204,
            "write thermometer /3/0/6/1 Replace ResourceInstance(1, Integer(2))",
        ),
        (
            "POST",
            "/objects/3303",
            r#"{"resources": {}}"#,
            201,
            "create thermometer 3303 NewInstance { id: None",
        ),
        (
            "POST",
            "/objects/3303",
            r#"{"id": 4, "resources": {}}"#,
            201,
            "create thermometer 3303 NewInstance { id: Some(4)",
        ),
        (
            "DELETE",
            "/objects/3303/0",
            "",
            204,
            "delete thermometer /3303/0",
        ),
        (
            "POST",
            "/objects/3/0/4:execute",
            "",
            204,
            "execute thermometer /3/0/4 ",
        ),
        (
            "POST",
            "/objects/3/0/4:execute",
            "{}",
            204,
            "execute thermometer /3/0/4 ",
        ),
        (
            "POST",
            "/objects/3/0/4:execute",
            r#"{"args": "0='x'"}"#,
            204,
            "execute thermometer /3/0/4 0='x'",
        ),
    ];
    for (method, path, body, status, call) in rows {
        let reply = console
            .call(
                method,
                &format!("{DEVICE}{path}"),
                (!body.is_empty()).then_some(body),
            )
            .await;
        assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
        let calls = console.fake.calls();
        assert!(calls.len() == 1 && calls[0].starts_with(call), "{calls:?}");
    }
    let created = console
        .call(
            "POST",
            &format!("{DEVICE}/objects/3303"),
            Some(r#"{"resources": {}}"#),
        )
        .await;
    assert_eq!(
        (created.json(), &created.headers["location"]),
        (json!({"path": "/3303/7"}), &"3303/7".parse().unwrap())
    );
    let chosen = console
        .call(
            "POST",
            &format!("{DEVICE}/objects/3303"),
            Some(r#"{"id": 4, "resources": {}}"#),
        )
        .await;
    assert_eq!(chosen.json(), json!({"path": "/3303/4"}));
    assert_eq!(
        console
            .get(&format!("{DEVICE}/objects/3303/0/5701"))
            .await
            .json()["value"],
        "K"
    );
}

#[tokio::test]
async fn discover_lists_links() {
    let console = Console::new();
    let links = json!({"items": [
        {"target": "/3303/0", "attributes": {"pmin": "5"}},
        {"target": "/3303/0/5700", "attributes": {"obs": true}},
    ], "next": null});
    for method in ["GET", "POST"] {
        assert_eq!(
            console
                .call(method, &format!("{DEVICE}/objects/3303:discover"), None)
                .await
                .json(),
            links
        );
    }
}

#[tokio::test]
async fn observations_come_and_go() {
    let console = Console::new();
    let observations = format!("{DEVICE}/observations");
    let started = console
        .call("POST", &observations, Some(r#"{"path": "/3303/0/5700"}"#))
        .await;
    assert_eq!(started.status, 201);
    assert_eq!(
        (&started.json()["path"], &started.json()["last"]["value"]),
        (&json!("/3303/0/5700"), &json!(21.5))
    );
    let listed = console.get(&observations).await.json();
    assert_eq!(listed["items"][0]["last"]["name"], "Sensor Value");
    assert_eq!(listed["next"], json!(null));
    assert_eq!(
        console
            .call("DELETE", &format!("{observations}?path=/3303/0/5700"), None)
            .await
            .status,
        204
    );
    assert_eq!(console.get(&observations).await.json()["items"], json!([]));
    let again = console
        .call("DELETE", &observations, Some(r#"{"path": "/3303/0/5700"}"#))
        .await;
    assert_eq!(again.problem(), (404, "unknown_observation".into()));
    for path in ["/3303/0/5700", "/3/0/9"] {
        console
            .call(
                "POST",
                &observations,
                Some(&json!({ "path": path }).to_string()),
            )
            .await;
    }
    assert_eq!(
        console.call("DELETE", &observations, None).await.status,
        204
    );
    assert_eq!(console.get(&observations).await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_failed_call_has_its_status_and_code() {
    let refused = |code, diagnostic: &str| Failure::Device {
        code,
        diagnostic: diagnostic.to_owned(),
    };
    let rows = [
        (
            refused(Code::NOT_FOUND, ""),
            502,
            "device_error",
            json!("4.04"),
            "the device answered 4.04 (Not Found)",
        ),
        (
            refused(Code::METHOD_NOT_ALLOWED, "read only"),
            502,
            "device_error",
            json!("4.05"),
            "the device answered 4.05 (Method Not Allowed): read only",
        ),
        (
            Failure::UnexpectedCode(Code::CREATED),
            502,
            "unexpected_code",
            json!("2.01"),
            "LwM2M has no 2.01 as answer to this operation",
        ),
        (
            Failure::Payload("TLV ends early".into()),
            502,
            "undecodable_answer",
            json!(null),
            "TLV ends early",
        ),
        (
            Failure::Timeout,
            504,
            "device_timeout",
            json!(null),
            "no answer came in time",
        ),
        (
            Failure::Unreachable("the device left".into()),
            504,
            "device_unreachable",
            json!(null),
            "the device left",
        ),
        (
            Failure::UnknownEndpoint,
            404,
            "unknown_endpoint",
            json!(null),
            "no device is registered under this endpoint name",
        ),
        (
            Failure::Illegal("Execute needs a resource".into()),
            422,
            "illegal_request",
            json!(null),
            "Execute needs a resource",
        ),
        (
            Failure::Unencodable("no such text".into()),
            422,
            "invalid_value",
            json!(null),
            "no such text",
        ),
        (
            Failure::UnknownObservation,
            404,
            "unknown_observation",
            json!(null),
            "this path is not observed",
        ),
        (
            Failure::Overloaded,
            503,
            "overloaded",
            json!(null),
            "the server has too much under way",
        ),
        (
            Failure::ShuttingDown,
            503,
            "shutting_down",
            json!(null),
            "the server is stopping",
        ),
    ];
    let console = Console::new();
    for (failure, status, code, coap_code, detail) in rows {
        console.fake.fail(failure);
        let reply = console.get(&format!("{DEVICE}/objects/3/0/0")).await;
        assert_eq!(reply.problem(), (status, code.to_owned()));
        assert_eq!(
            (&reply.json()["coap_code"], &reply.json()["detail"]),
            (&coap_code, &json!(detail))
        );
    }
    let missing = console.get(&format!("{DEVICE}/objects/3/0/99")).await;
    assert_eq!(missing.json()["coap_code"], "4.04");
    assert!(
        missing.json()["hint"]
            .as_str()
            .unwrap()
            .contains("discover")
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_before_the_device_is_asked() {
    let console = Console::new();
    let rows = [
        (
            "GET",
            "/api/v1/devices/nobody",
            None,
            404,
            "unknown_endpoint",
            "ep",
        ),
        (
            "GET",
            "/api/v1/devices/nobody/objects/3",
            None,
            404,
            "unknown_endpoint",
            "ep",
        ),
        (
            "GET",
            "/api/v1/devices/nobody/observations",
            None,
            404,
            "unknown_endpoint",
            "ep",
        ),
        (
            "POST",
            "/api/v1/devices/nobody/objects/3/0/4:execute",
            None,
            404,
            "unknown_endpoint",
            "ep",
        ),
        (
            "PUT",
            "/api/v1/devices/nobody/objects/3/0/4",
            Some("{}"),
            404,
            "unknown_endpoint",
            "ep",
        ),
        (
            "GET",
            "/api/v1/devices?limit=0",
            None,
            400,
            "invalid_parameter",
            "limit",
        ),
        (
            "GET",
            "/api/v1/devices?limit=501",
            None,
            400,
            "invalid_parameter",
            "limit",
        ),
        (
            "GET",
            "/api/v1/devices?offset=1",
            None,
            400,
            "invalid_parameter",
            "offset",
        ),
        (
            "GET",
            "/api/v1/devices?q=a&q=b",
            None,
            400,
            "invalid_parameter",
            "q",
        ),
        (
            "GET",
            "/api/v1/devices?token=secret",
            None,
            400,
            "invalid_parameter",
            "token",
        ),
        (
            "GET",
            "/api/v1/devices/thermometer/objects/3/x",
            None,
            422,
            "illegal_request",
            "path",
        ),
        (
            "GET",
            "/api/v1/devices/thermometer/objects/3/65535",
            None,
            422,
            "illegal_request",
            "path",
        ),
        (
            "GET",
            "/api/v1/devices/thermometer/objects/3/0/0/0/0",
            None,
            422,
            "illegal_request",
            "path",
        ),
        (
            "GET",
            "/api/v1/devices/thermometer/objects/3?timeout=0s",
            None,
            400,
            "invalid_parameter",
            "timeout",
        ),
        (
            "GET",
            "/api/v1/devices/thermometer/objects/3?timeout=301s",
            None,
            400,
            "invalid_parameter",
            "timeout",
        ),
        (
            "GET",
            "/api/v1/devices/thermometer/objects/3?timeout=soon",
            None,
            400,
            "invalid_parameter",
            "timeout",
        ),
        (
            "GET",
            "/api/v1/devices/thermometer/objects/3?format=yaml",
            None,
            400,
            "invalid_parameter",
            "format",
        ),
        (
            "PUT",
            "/api/v1/devices/thermometer/objects/3",
            Some("{}"),
            422,
            "illegal_request",
            "path",
        ),
        (
            "PUT",
            "/api/v1/devices/thermometer/objects/3303/0/5700",
            None,
            400,
            "invalid_json",
            "",
        ),
        (
            "PUT",
            "/api/v1/devices/thermometer/objects/3303/0/5700",
            Some("{"),
            400,
            "invalid_json",
            "",
        ),
        (
            "PUT",
            "/api/v1/devices/thermometer/objects/3303/0/5700",
            Some(r#"{"value": "warm"}"#),
            422,
            "invalid_value",
            "value",
        ),
        (
            "PUT",
            "/api/v1/devices/thermometer/objects/3303/0",
            Some(r#"{"resources": {"5700": {"value": []}}}"#),
            422,
            "invalid_value",
            "resources.5700.value",
        ),
        (
            "POST",
            "/api/v1/devices/thermometer/objects/3303",
            Some(r#"{"resources": {"5700": {"value": "x"}}}"#),
            422,
            "invalid_value",
            "resources.5700.value",
        ),
        (
            "POST",
            "/api/v1/devices/thermometer/objects/3/0/4:execute",
            Some(r#"{"args": 5}"#),
            422,
            "invalid_value",
            "args",
        ),
        (
            "POST",
            "/api/v1/devices/thermometer/objects/3/0/4:execute",
            Some("[]"),
            422,
            "invalid_value",
            "",
        ),
        (
            "POST",
            "/api/v1/devices/thermometer/observations",
            Some(r#"{"paths": "/3"}"#),
            422,
            "invalid_value",
            "path",
        ),
        (
            "POST",
            "/api/v1/devices/thermometer/observations",
            Some(r#"{"path": "3/a"}"#),
            422,
            "illegal_request",
            "path",
        ),
        (
            "GET",
            "/api/v1/models/99999",
            None,
            404,
            "unknown_model",
            "",
        ),
        (
            "GET",
            "/api/v1/models/temperature",
            None,
            404,
            "unknown_model",
            "",
        ),
        (
            "GET",
            "/api/v1/models/3?version=9.9",
            None,
            404,
            "unknown_model",
            "version",
        ),
        (
            "GET",
            "/api/v1/models/3?version=new",
            None,
            400,
            "invalid_parameter",
            "version",
        ),
        (
            "GET",
            "/api/v1/models?after=x",
            None,
            400,
            "invalid_parameter",
            "after",
        ),
        (
            "GET",
            "/api/v1/events?since=-1",
            None,
            400,
            "invalid_parameter",
            "since",
        ),
        ("GET", "/api/v1/nothing", None, 404, "unknown_route", ""),
        ("GET", "/api/v1/", None, 404, "unknown_route", ""),
        (
            "PATCH",
            "/api/v1/nothing/at/all",
            None,
            404,
            "unknown_route",
            "",
        ),
        (
            "GET",
            "/api/v1/devices/thermometer/nothing",
            None,
            404,
            "unknown_route",
            "",
        ),
        (
            "POST",
            "/api/v1/devices/thermometer/objects/3/0/4:explode",
            None,
            404,
            "unknown_route",
            "",
        ),
        (
            "POST",
            "/api/v1/devices",
            None,
            405,
            "method_not_allowed",
            "",
        ),
        (
            "DELETE",
            "/api/v1/devices/thermometer/objects/3/0/4:execute",
            None,
            405,
            "method_not_allowed",
            "",
        ),
        (
            "OPTIONS",
            "/api/v1/devices",
            None,
            405,
            "method_not_allowed",
            "",
        ),
        ("PATCH", "/style.css", None, 405, "method_not_allowed", ""),
    ];
    for (method, uri, body, status, code, field) in rows {
        let reply = console.call(method, uri, body).await;
        assert_eq!(reply.problem(), (status, code.to_owned()), "{method} {uri}");
        assert_eq!(
            reply.json()["field"].as_str().unwrap_or_default(),
            field,
            "{method} {uri}"
        );
    }
    assert_eq!(console.fake.calls(), Vec::<String>::new());
    assert_eq!(
        console.get(&format!("{DEVICE}/objects/3:x")).await.json()["hint"],
        "after a path may stand :execute, :discover"
    );
    assert_eq!(
        console
            .call("PATCH", &format!("{DEVICE}/observations"), None)
            .await
            .headers["allow"],
        "GET, POST, DELETE"
    );
}

#[tokio::test]
async fn a_body_must_be_marked_as_json() {
    let console = Console::new();
    for media_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let mut request = request(
            "PUT",
            &format!("{DEVICE}/objects/3303/0/5700"),
            Some(r#"{"value": 1}"#),
        );
        request.headers_mut().remove("content-type");
        if let Some(media_type) = media_type {
            request
                .headers_mut()
                .insert("content-type", media_type.parse().unwrap());
        }
        assert_eq!(
            console.send(request).await.problem(),
            (415, "unsupported_media_type".into())
        );
    }
}

#[tokio::test]
async fn timeout_and_format_reach_the_device() {
    let console = Console::new();
    console
        .get(&format!("{DEVICE}/objects/3/0/0?timeout=5s&format=tlv"))
        .await;
    console
        .get(&format!("{DEVICE}/objects/3/0/0?format=11543"))
        .await;
    let calls = console.fake.calls();
    assert!(
        calls[0].contains("timeout: 5s") && calls[0].contains("11542"),
        "{calls:?}"
    );
    assert!(
        calls[1].contains("timeout: 30s") && calls[1].contains("11543"),
        "{calls:?}"
    );
}

#[tokio::test]
async fn calls_under_way_are_limited() {
    let limits: [fn(&mut ConsoleConfig); 2] = [
        |config| config.max_calls = 0,
        |config| config.max_calls_per_device = 0,
    ];
    for limit in limits {
        let console = Console::with(Fake::with_thermometer(), limit);
        let reply = console.get(&format!("{DEVICE}/objects/3/0/0")).await;
        assert_eq!(reply.problem(), (503, "overloaded".into()));
        assert_eq!(reply.headers["retry-after"], "1");
    }
}

#[tokio::test]
async fn models_are_searched_and_shown() {
    let console = Console::new();
    let found = console
        .get("/api/v1/models?q=temperature&limit=500")
        .await
        .json();
    let temperature = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["id"] == 3303)
        .unwrap();
    assert_eq!(temperature["name"], "Temperature");
    assert_eq!(temperature["urn"], "urn:oma:lwm2m:ext:3303:1.1");
    let mut seen = Vec::new();
    let mut next = Some(String::new());
    while let Some(after) = next {
        let part = console
            .get(&format!(
                "/api/v1/models?q=temperature&limit=7&after={after}"
            ))
            .await
            .json();
        seen.extend(part["items"].as_array().unwrap().clone());
        next = part["next"].as_str().map(str::to_owned);
    }
    assert_eq!(&seen, found["items"].as_array().unwrap());
    let device = console.get("/api/v1/models/3?version=1.0").await.json();
    assert_eq!(
        (&device["name"], &device["version"]),
        (&json!("Device"), &json!("1.0"))
    );
    assert_eq!(
        device["resources"][4],
        json!({"id": 4, "name": "Reboot", "operations": "E", "type": "none", "multiple": false, "mandatory": true, "range": null, "unit": null})
    );
    let newest = console.get("/api/v1/models/3").await.json();
    assert_eq!(
        newest["version"],
        *newest["versions"].as_array().unwrap().last().unwrap()
    );
}

#[tokio::test]
async fn server_health_and_metrics() {
    let console = Console::new();
    let server = console.get("/api/v1/server").await.json();
    assert_eq!(
        server["endpoints"],
        json!(["coap://127.0.0.1:5683", "coap://[::1]:5683"])
    );
    assert_eq!(
        server["counters"],
        json!({"registrations": 1, "datagrams_received": 4711})
    );
    assert_eq!(console.get("/healthz").await.body, "ok\n");
    assert_eq!(console.get("/readyz").await.status, 200);
    console.get("/api/v1/nothing").await;
    let metrics = console.get("/metrics").await;
    assert!(
        metrics.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    for line in [
        "# TYPE lwm2m_registrations gauge\nlwm2m_registrations 1\n",
        "# TYPE lwm2m_datagrams_received_total counter\nlwm2m_datagrams_received_total 4711\n",
        "lwm2m_started_seconds 1795339800\n",
        "lwm2m_console_responses_total{class=\"2xx\"} 3\n",
        "lwm2m_console_responses_total{class=\"4xx\"} 1\n",
        "lwm2m_console_sessions 0\n",
        "lwm2m_console_streams 0\n",
    ] {
        assert!(metrics.body.contains(line), "{line}\n{}", metrics.body);
    }
    console.fake.stop();
    assert_eq!(console.get("/readyz").await.status, 503);
    assert_eq!(console.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn the_page_is_served_with_tags_and_strict_headers() {
    let console = Console::new();
    for asset in crate::assets::ALL {
        let reply = console.get(asset.path).await;
        assert_eq!(reply.status, 200);
        assert!(!reply.body.trim().is_empty(), "{}", asset.path);
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        assert_eq!(reply.headers["cache-control"], "no-cache");
        assert!(
            reply.headers["content-security-policy"]
                .to_str()
                .unwrap()
                .starts_with("default-src 'self';")
        );
        let mut again = request("GET", asset.path, None);
        again
            .headers_mut()
            .insert("if-none-match", reply.headers["etag"].clone());
        let again = console.send(again).await;
        assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""));
    }
    let index = console.get("/").await.body;
    assert!(
        !index.contains("style=")
            && !index.contains("onclick")
            && !index.contains("http://")
            && !index.contains("https://")
    );
    assert_eq!(console.call("HEAD", "/", None).await.status, 200);
}

#[tokio::test]
async fn the_router_can_be_nested() {
    let console = Console::new();
    let nested = Console {
        router: axum::Router::new().nest("/lwm2m/", console.router),
        fake: console.fake,
    };
    assert_eq!(nested.get("/lwm2m/").await.status, 200);
    assert_eq!(nested.get("/lwm2m/app.js").await.status, 200);
    assert_eq!(
        nested
            .get("/lwm2m/api/v1/devices/thermometer/objects/3/0/0")
            .await
            .json()["value"],
        "Acme"
    );
}
