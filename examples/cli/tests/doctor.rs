//! `lwm2m doctor`.

mod common;

use std::net::UdpSocket;

use common::{Answer, Run, program, run};
use serde_json::{Value as Json, json};

fn checks(run: &Run) -> Vec<(String, String)> {
    let document = run.json();
    let items = document["items"].as_array().unwrap();
    let text = |item: &Json, member: &str| item[member].as_str().unwrap().to_owned();
    items
        .iter()
        .map(|item| (text(item, "check"), text(item, "verdict")))
        .collect()
}

/// The verdict of the check whose name starts so.
fn verdict(run: &Run, name: &str) -> String {
    let checks = checks(run);
    let check = checks.iter().find(|(check, _)| check.starts_with(name));
    check.expect(name).1.clone()
}

/// 0 exactly when no check failed: what this machine is like is not ours to say.
fn code_tells(run: &Run) {
    let failed = checks(run).iter().any(|(_, verdict)| verdict == "failed");
    assert_eq!(run.code, Some(i32::from(failed)), "{}", run.stdout);
}

#[test]
fn offline_leaves_the_server_out_and_says_so() {
    let run = run(&["doctor", "--offline", "--coap", "127.0.0.1:0"], vec![]);
    code_tells(&run);
    let names: Vec<String> = checks(&run).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names[..7],
        [
            "UDP 127.0.0.1:0",
            "IPv4 loopback",
            "IPv6 loopback",
            "clock",
            "open files",
            "UDP receive buffer",
            "entropy"
        ]
    );
    for name in ["UDP 127.0.0.1:0", "IPv4 loopback", "clock", "entropy"] {
        assert_eq!(verdict(&run, name), "ok", "{name}");
    }
    for name in ["server http", "server ready", "token"] {
        assert_eq!(verdict(&run, name), "skipped", "{name}");
    }
}

#[test]
fn a_port_that_is_used_is_ours_or_not() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let script = |endpoints: Json| {
        vec![
            ("GET /healthz", Answer::text("200 OK", "ok\n")),
            ("GET /readyz", Answer::text("200 OK", "ready\n")),
            (
                "GET /api/v1/server",
                Answer::json(&json!({"version": "0.1.0", "endpoints": endpoints})),
            ),
        ]
    };
    let everywhere = format!("coap://0.0.0.0:{}", socket.local_addr().unwrap().port());
    for (endpoints, expected) in [
        (json!(["coap://[::1]:1", format!("coap://{address}")]), "ok"),
        (json!([everywhere]), "ok"),
        (json!(["coap://127.0.0.1:1"]), "failed"),
    ] {
        let run = run(&["doctor", "--coap", &address], script(endpoints));
        code_tells(&run);
        assert_eq!(verdict(&run, "UDP 127.0.0.1"), expected);
        for name in ["server http", "server ready", "token"] {
            assert_eq!(verdict(&run, name), "ok", "{name}");
        }
    }
    let run = run(&["doctor", "--offline", "--coap", &address], vec![]);
    assert_eq!(verdict(&run, "UDP 127.0.0.1"), "skipped");
}

#[test]
fn what_is_wrong_with_the_server_is_told() {
    let arguments = ["doctor", "--coap", "127.0.0.1:0"];
    let wrong =
        json!({"title": "Wrong token", "detail": "the token is wrong", "code": "login_failed"});
    let script = vec![
        ("GET /healthz", Answer::text("200 OK", "ok\n")),
        (
            "GET /readyz",
            Answer::text("503 Service Unavailable", "stopping\n"),
        ),
        (
            "GET /api/v1/server",
            Answer::problem("401 Unauthorized", &wrong),
        ),
    ];
    let stopping = run(&arguments, script).ends(1, &["2 checks failed"]);
    assert_eq!(verdict(&stopping, "server ready"), "failed");
    assert_eq!(verdict(&stopping, "token"), "failed");
    let script = vec![("GET /healthz", Answer::text("404 Not Found", "<html>"))];
    let other = run(&arguments, script).ends(1, &[]);
    assert_eq!(verdict(&other, "server http"), "failed");
    assert_eq!(verdict(&other, "token"), "skipped");
}

#[test]
fn a_table_has_a_line_for_each_check() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut command = program(&url, &["doctor", "--coap", "127.0.0.1:0", "-o", "table"]);
    let output = command.env_remove("LWM2M_ADMIN_TOKEN").output().unwrap();
    let run = Run::from(output).ends(1, &["failed"]);
    assert_eq!(run.stdout.lines().count(), 11, "{}", run.stdout);
    assert!(
        run.stdout.contains("failed   server http://127.0.0.1:"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("skipped  token"), "{}", run.stdout);
}
