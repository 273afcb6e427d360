//! Every command that asks and ends, against a scripted server.

mod common;

use common::{Answer, Server, program, run, run_with_input};
use serde_json::{Value as Json, json};

fn device(ep: &str) -> Json {
    json!({"ep": ep, "address": "127.0.0.1:40001", "version": "1.1", "binding": "U", "queue_mode": true,
        "lifetime_s": 300, "updated_at": "2026-11-22T09:30:00Z", "objects": [
            {"id": 3, "model_version": "1.2"}, {"id": 3303, "model_version": "1.1"}, {"id": 26241, "model_version": null}]})
}

fn temperature() -> Json {
    json!({"id": 3303, "resources": [
        {"id": 5700, "type": "float", "multiple": false},
        {"id": 5701, "type": "string", "multiple": false},
        {"id": 5605, "type": "none", "multiple": false},
        {"id": 7, "type": "integer", "multiple": true}]})
}

fn sensor_value() -> Json {
    json!({"path": "/3303/0/5700", "name": "Sensor Value", "type": "float", "unit": "Cel", "value": 21.5})
}

/// The two look-ups before a typed write.
fn look_ups() -> Vec<(&'static str, Answer)> {
    vec![
        ("GET /api/v1/devices/t", Answer::json(&device("t"))),
        (
            "GET /api/v1/models/3303?version=1.1",
            Answer::json(&temperature()),
        ),
    ]
}

fn after_look_ups(line: &'static str, answer: Answer) -> Vec<(&'static str, Answer)> {
    let mut script = look_ups();
    script.push((line, answer));
    script
}

#[test]
fn devices_are_listed_over_all_parts() {
    let script = || {
        vec![
            (
                "GET /api/v1/devices?limit=500&q=meter%201",
                Answer::json(&json!({"items": [device("a")], "next": "a"})),
            ),
            (
                "GET /api/v1/devices?limit=500&q=meter%201&after=a",
                Answer::json(&json!({"items": [device("b")], "next": null})),
            ),
        ]
    };
    let arguments = ["devices", "--filter", "meter 1", "--output"];
    let with = |format| {
        let arguments: Vec<_> = arguments.iter().copied().chain([format]).collect();
        run(&arguments, script()).ends(0, &[])
    };
    assert_eq!(
        with("table").stdout,
        "ENDPOINT  ADDRESS          LWM2M  BINDING   LIFETIME  UPDATED               OBJECTS\n\
         a         127.0.0.1:40001  1.1    U queued  300 s     2026-11-22T09:30:00Z  3 3303 26241\n\
         b         127.0.0.1:40001  1.1    U queued  300 s     2026-11-22T09:30:00Z  3 3303 26241\n"
    );
    assert_eq!(
        with("json").json(),
        json!({"items": [device("a"), device("b")], "next": null})
    );
    assert_eq!(with("jsonl").stdout.lines().count(), 2);
    let none = vec![(
        "GET /api/v1/devices?limit=500",
        Answer::json(&json!({"items": [], "next": null})),
    )];
    run(&["devices"], none).ends(0, &["no device is registered"]);
}

#[test]
fn a_read_prints_values_names_and_units() {
    let script = |node: &Json| {
        vec![(
            "GET /api/v1/devices/urn%3Adev%3A%C3%A9%2F1/objects/3303/0?timeout=7s",
            Answer::json(node),
        )]
    };
    let node = json!({"path": "/3303/0", "name": "Temperature", "format": "tlv", "quirks": ["short TLV length"], "resources": {
        "5700": sensor_value(),
        "5701": {"path": "/3303/0/5701", "name": "Units", "type": "string", "unit": null, "value": "Cel\u{1b}[2J"},
        "7": {"path": "/3303/0/7", "name": null, "known": false, "type": "opaque", "unit": null, "values": {"1": {"hex": "ff"}}}}});
    let read = |format| {
        let arguments = [
            "read",
            "urn:dev:é/1",
            "3303/0",
            "--timeout",
            "7",
            "--output",
            format,
        ];
        run(&arguments, script(&node)).ends(0, &["oddity: short TLV length"])
    };
    assert_eq!(
        read("table").stdout,
        "PATH          NAME          VALUE         UNIT\n\
         /3303/0/7/1                 hex:ff\n\
         /3303/0/5700  Sensor Value  21.5          Cel\n\
         /3303/0/5701  Units         Cel\\u{1b}[2J\n"
    );
    assert_eq!(read("json").json(), node);
    let lines = read("jsonl").stdout;
    let lines: Vec<Json> = lines.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1], sensor_value());
}

#[test]
fn without_a_terminal_data_is_json() {
    let script = vec![(
        "GET /api/v1/devices/t/objects/3303/0/5700",
        Answer::json(&sensor_value()),
    )];
    assert_eq!(
        run(&["read", "t", "/3303/0/5700"], script)
            .ends(0, &[])
            .json(),
        sensor_value()
    );
}

#[test]
fn a_write_is_typed_by_the_definition() {
    for (path, value, body) in [
        ("/3303/0/5700", "21", r#"{"value":21.0}"#),
        ("/3303/0/5701", "21", r#"{"value":"21"}"#),
        ("/3303/0/7/2", "-4", r#"{"value":-4}"#),
        ("/3303/0/99", "21", r#"{"value":21}"#),
    ] {
        let line = format!("PUT /api/v1/devices/t/objects{path} {body}");
        let script = after_look_ups(Box::leak(line.into_boxed_str()), Answer::done());
        let told = format!("{path} written");
        run(&["write", "t", path, value], script).ends(0, &[&told]);
    }
    let script = after_look_ups(
        r#"POST /api/v1/devices/t/objects/3303/0/5700?timeout=9s {"value":21.5}"#,
        Answer::done(),
    );
    let arguments = [
        "write",
        "t",
        "/3303/0/5700",
        "21.5",
        "--partial",
        "--timeout",
        "9",
        "--quiet",
    ];
    assert_eq!(run(&arguments, script).ends(0, &[]).stderr, "");
}

#[test]
fn a_write_that_cannot_be_is_not_sent() {
    for (path, value, told) in [
        ("/3303/0/5700", "warm", "\"warm\" is no value of type float"),
        ("/3303/0/7", "1", "such as /3303/0/7/0"),
        ("/3303/0/5605", "1", "exec executes it"),
    ] {
        run(&["write", "t", path, value], look_ups()).ends(2, &[told]);
    }
    run(&["write", "t", "/3303/0", "1"], vec![]).ends(2, &["--json writes an instance"]);
    run(&["write", "t", "/3303/0", "--json", "no/such"], vec![]).ends(2, &["cannot read no/such"]);
    run_with_input(&["write", "t", "/3303/0", "--json", "-"], "{", vec![])
        .ends(2, &["-: EOF while parsing"]);
}

#[test]
fn without_a_definition_the_value_or_the_user_tells_the_type() {
    let script = vec![
        ("GET /api/v1/devices/t", Answer::json(&device("t"))),
        (
            r#"PUT /api/v1/devices/t/objects/26241/0/1 {"value":5}"#,
            Answer::done(),
        ),
    ];
    run(&["write", "t", "/26241/0/1", "5"], script)
        .ends(0, &["/26241/0/1 has no definition: sent as integer"]);
    let script = vec![
        ("GET /api/v1/devices/t", Answer::json(&device("t"))),
        (
            "GET /api/v1/models/5",
            Answer::problem(
                "404 Not Found",
                &json!({"title": "T", "code": "unknown_model"}),
            ),
        ),
        (
            r#"PUT /api/v1/devices/t/objects/5/0/1 {"value":true}"#,
            Answer::done(),
        ),
    ];
    run(&["write", "t", "/5/0/1", "true"], script).ends(0, &["sent as boolean"]);
    let script = vec![(
        r#"PUT /api/v1/devices/t/objects/26241/0/1 {"type":"time","value":5}"#,
        Answer::done(),
    )];
    run(&["write", "t", "/26241/0/1", "5", "--type", "time"], script).ends(0, &[]);
}

#[test]
fn what_was_read_can_be_written_from_standard_input() {
    let read = json!({"path": "/3303/0", "name": "Temperature", "format": "tlv", "resources": {"5700": sensor_value()}});
    let script = vec![(
        r#"PUT /api/v1/devices/t/objects/3303/0 {"resources":{"5700":{"value":21.5}}}"#,
        Answer::done(),
    )];
    run_with_input(
        &["write", "t", "/3303/0", "--json", "-"],
        &read.to_string(),
        script,
    )
    .ends(0, &["/3303/0 written"]);
}

#[test]
fn exec_takes_arguments_or_none() {
    let script = vec![(
        "POST /api/v1/devices/t/objects/3/0/4:execute {}",
        Answer::done(),
    )];
    run(&["exec", "t", "/3/0/4"], script).ends(0, &["/3/0/4 executed"]);
    let script = vec![(
        r#"POST /api/v1/devices/t/objects/1/0/4:execute {"args":"0='x'"}"#,
        Answer::done(),
    )];
    run(&["exec", "t", "/1/0/4", "0='x'"], script).ends(0, &[]);
}

#[test]
fn discover_lists_links() {
    let links = json!({"items": [
        {"target": "/3303/0", "attributes": {"pmin": "5", "ver": "1.1"}},
        {"target": "/3303/0/5700", "attributes": {"obs": true}}], "next": null});
    let script = || {
        vec![(
            "GET /api/v1/devices/t/objects/3303:discover",
            Answer::json(&links),
        )]
    };
    assert_eq!(
        run(&["discover", "t", "/3303", "-o", "table"], script())
            .ends(0, &[])
            .stdout,
        "PATH          ATTRIBUTES\n/3303/0       pmin=5 ver=1.1\n/3303/0/5700  obs\n"
    );
    assert_eq!(
        run(&["discover", "t", "/3303"], script())
            .ends(0, &[])
            .json(),
        links
    );
}

#[test]
fn create_prints_where() {
    let created = || Answer::created(&json!({"path": "/3303/1"}));
    let script = after_look_ups(
        r#"POST /api/v1/devices/t/objects/3303 {"resources":{"5700":{"value":-4.0},"7":{"values":{"0":1,"3":2}}}}"#,
        created(),
    );
    let arguments = [
        "create", "t", "/3303", "5700=-4", "7/0=1", "7/3=2", "-o", "table",
    ];
    assert_eq!(run(&arguments, script).ends(0, &[]).stdout, "/3303/1\n");
    let script = vec![(
        r#"POST /api/v1/devices/t/objects/3303 {"id":1,"resources":{"5701":{"value":"K"}}}"#,
        created(),
    )];
    let file = r#"{"resources": {"5701": {"value": "K"}}}"#;
    let run_ = run_with_input(&["create", "t", "/3303/1", "--json", "-"], file, script);
    assert_eq!(run_.ends(0, &[]).json(), json!({"path": "/3303/1"}));
    let script = vec![(
        r#"POST /api/v1/devices/t/objects/3303 {"resources":{}}"#,
        created(),
    )];
    run(&["create", "t", "3303"], script).ends(0, &[]);
    run(&["create", "t", "/3303", "7=1"], look_ups()).ends(2, &["set each: 7/0=1"]);
    run(&["create", "t", "/3303", "temp=1"], look_ups()).ends(2, &["does not set a resource"]);
}

#[test]
fn delete_deletes() {
    let script = vec![("DELETE /api/v1/devices/t/objects/3303/7", Answer::done())];
    let run = run(&["delete", "t", "/3303/7"], script).ends(0, &["/3303/7 deleted"]);
    assert_eq!(run.stdout, "");
}

#[test]
fn problems_are_told_and_choose_the_exit_code() {
    let rows = [
        (
            "502 Bad Gateway",
            json!({"title": "The device refused", "detail": "the device answered 4.04 (Not Found): \u{1b}[2J", "code": "device_error",
                "coap_code": "4.04", "hint": "discover the object"}),
            3,
            "lwm2m: The device refused: the device answered 4.04 (Not Found): \\u{1b}[2J\n  hint: discover the object\n",
        ),
        (
            "504 Gateway Timeout",
            json!({"title": "The device did not answer", "detail": "no answer came in time", "code": "device_timeout", "hint": "the device may sleep"}),
            4,
            "lwm2m: The device did not answer: no answer came in time\n  hint: the device may sleep\n",
        ),
        (
            "401 Unauthorized",
            json!({"title": "Wrong token", "detail": "the token is wrong", "code": "login_failed", "hint": "h"}),
            5,
            "lwm2m: Wrong token: the token is wrong\n  hint: h\n",
        ),
        (
            "401 Unauthorized",
            json!({"title": "Not authorized", "detail": "no token", "code": "unauthorized", "hint": "send Authorization"}),
            5,
            "lwm2m: Not authorized: no token\n  hint: the server prints its token at start; set LWM2M_ADMIN_TOKEN or --admin-token-file\n",
        ),
        (
            "404 Not Found",
            json!({"title": "No such device", "detail": "nobody", "code": "unknown_endpoint", "field": "ep"}),
            1,
            "lwm2m: No such device: nobody\n  field: ep\n",
        ),
        (
            "422 Unprocessable Entity",
            json!({"title": "LwM2M does not allow this request", "detail": "no", "code": "illegal_request"}),
            2,
            "lwm2m: LwM2M does not allow this request: no\n",
        ),
    ];
    for (status, problem, code, told) in rows {
        for (arguments, line) in [
            (
                &["read", "t", "/3/0/99"][..],
                "GET /api/v1/devices/t/objects/3/0/99",
            ),
            (
                &["exec", "t", "/3/0/99"],
                "POST /api/v1/devices/t/objects/3/0/99:execute {}",
            ),
            (
                &["delete", "t", "/3/0"],
                "DELETE /api/v1/devices/t/objects/3/0",
            ),
            (
                &["discover", "t", "/3/0"],
                "GET /api/v1/devices/t/objects/3/0:discover",
            ),
            (
                &["create", "t", "/3/0"],
                r#"POST /api/v1/devices/t/objects/3 {"id":0,"resources":{}}"#,
            ),
            (&["devices"], "GET /api/v1/devices?limit=500"),
            (&["write", "t", "/3/0/14", "x"], "GET /api/v1/devices/t"),
            (&["events"], "GET /api/v1/events"),
        ] {
            let run = run(arguments, vec![(line, Answer::problem(status, &problem))]);
            let run = run.ends(code, &[]);
            assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", told));
        }
    }
}

#[test]
fn nobody_there_is_4_and_somebody_else_is_1() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = program(&url, &["devices"]).output().unwrap();
    common::Run::from(output).ends(
        4,
        &[
            "cannot reach the server at http://127.0.0.1:",
            "lwm2m doctor",
        ],
    );
    let line = "GET /api/v1/devices?limit=500";
    let script = vec![(line, Answer::text("404 Not Found", "<html>"))];
    run(&["devices"], script).ends(1, &["HTTP status 404", "--url names another"]);
    let script = vec![(line, Answer::text("200 OK", "<html>"))];
    run(&["devices"], script).ends(1, &["is not JSON"]);
    // A token is not carried on to where a redirect points.
    let script = vec![(line, Answer::text("307 Temporary Redirect", ""))];
    run(&["devices"], script).ends(1, &["HTTP status 307"]);
}

#[test]
fn settings_come_from_flags_environment_and_file() {
    let devices = || {
        let page = json!({"items": [device("a")], "next": null});
        ("GET /api/v1/devices?limit=500", Answer::json(&page))
    };
    let server = Server::start(vec![devices(), devices()]);
    let folder = tempfile::tempdir().unwrap();
    let (config, token) = (
        folder.path().join("lwm2m.toml"),
        folder.path().join("token"),
    );
    std::fs::write(&token, "secret\n").unwrap();
    let text = format!(
        "url = \"{}\"\nadmin_token_file = {token:?}\noutput = \"jsonl\"\n",
        server.url()
    );
    std::fs::write(&config, text).unwrap();
    let with_config = |command: &mut std::process::Command| {
        let output = command
            .env_remove("LWM2M_URL")
            .env_remove("LWM2M_ADMIN_TOKEN")
            .arg("--config")
            .arg(&config)
            .output();
        common::Run::from(output.unwrap())
    };
    let run = with_config(&mut program("", &["devices"])).ends(0, &[]);
    assert_eq!(run.stdout.lines().count(), 1);
    // By the environment too, which names the file of each program by itself.
    let output = program("", &["devices"])
        .env_remove("LWM2M_URL")
        .env_remove("LWM2M_ADMIN_TOKEN")
        .env("LWM2M_CLI_CONFIG", &config)
        .env("LWM2M_SERVER_CONFIG", "/nowhere/server.toml")
        .env("LWM2M_CLIENT_CONFIG", "/nowhere/client.toml")
        .output();
    common::Run::from(output.unwrap()).ends(0, &[]);
    server.finish();
    std::fs::write(&config, "# mine\ntime_out = 7\n").unwrap();
    with_config(&mut program("", &["devices"]))
        .ends(2, &["lwm2m.toml:2: unknown field `time_out`"]);
    with_config(&mut program("", &["frobnicate"])).ends(2, &["unrecognized subcommand"]);
}

#[test]
fn the_token_never_shows() {
    let line = "GET /api/v1/devices?limit=500";
    let script = vec![(line, Answer::text("500 Internal Server Error", ""))];
    let server = Server::start(script);
    let mut command = program(&server.url(), &["devices"]);
    let output = command.env("RUST_LOG", "trace").output().unwrap();
    server.finish();
    let run = common::Run::from(output).ends(1, &["http.request"]);
    assert!(!run.stderr.contains("secret"), "{}", run.stderr);
}

fn lamp() -> Json {
    json!({"ep": "lamp", "mode": "psk", "identity": "lamp-key", "key_length": 8, "also": [],
        "warnings": ["the key has only 8 bytes"]})
}

#[test]
fn credentials_are_listed_and_shown() {
    let list = json!({"items": [lamp()], "next": null});
    let script = vec![("GET /api/v1/security?limit=500&q=la", Answer::json(&list))];
    let table = ["credentials", "list", "--filter", "la", "-o", "table"];
    let listed = run(&table, script).ends(0, &[]);
    assert!(
        listed
            .stdout
            .contains("lamp      psk   lamp-key (key of 8 bytes)"),
        "{}",
        listed.stdout
    );
    let script = vec![(
        "GET /api/v1/devices/lamp/credentials",
        Answer::json(&lamp()),
    )];
    let shown = run(&["credentials", "get", "lamp", "-o", "table"], script);
    let shown = shown.ends(0, &["warning: the key has only 8 bytes"]);
    assert_eq!(shown.stdout, "lamp: psk lamp-key (key of 8 bytes)\n");
    let script = vec![("DELETE /api/v1/devices/a%2Fb/credentials", Answer::done())];
    run(&["credentials", "remove", "a/b"], script).ends(0, &["removed"]);
}

/// A key comes by a file or by standard input, and is in no output.
#[test]
fn credentials_are_set_for_each_mode() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (key, der) = (
        file("key", b"hex:c0ffee11\nmore\n"),
        file("der", b"\x30\x80\xff"),
    );
    let pem = file("pem", b"-----BEGIN PUBLIC KEY-----\n");
    let put = "PUT /api/v1/devices/lamp/credentials";
    for (arguments, body) in [
        (
            &["psk", "--identity", "lamp-key", "--key-file", &key][..],
            r#"{"identity":"lamp-key","key":"hex:c0ffee11","mode":"psk"}"#,
        ),
        (
            &["psk", "--key-file", &key],
            r#"{"key":"hex:c0ffee11","mode":"psk"}"#,
        ),
        (
            &["rpk", "--public-key", &der],
            r#"{"mode":"rpk","public_key":"hex:3080ff"}"#,
        ),
        (
            &["rpk", "--public-key", &pem],
            r#"{"mode":"rpk","public_key":"-----BEGIN PUBLIC KEY-----\n"}"#,
        ),
        (
            &["x509", "--name", "gate"],
            r#"{"mode":"x509","name":"gate"}"#,
        ),
        (&["x509"], r#"{"mode":"x509"}"#),
        (&["nosec"], r#"{"mode":"nosec"}"#),
    ] {
        let arguments: Vec<&str> = ["credentials", "set", "lamp"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        let line = format!("{put} {body}");
        let set = run(&arguments, vec![(&line, Answer::json(&lamp()))]);
        let set = set.ends(0, &["are set"]);
        assert!(!format!("{}{}", set.stdout, set.stderr).contains("c0ffee11"));
    }
    let line = format!(r#"{put} {{"key":"text:from stdin","mode":"psk"}}"#);
    let arguments = ["credentials", "set", "lamp", "psk", "--key-file", "-"];
    run_with_input(
        &arguments,
        "text:from stdin\n",
        vec![(&line, Answer::json(&lamp()))],
    )
    .ends(0, &[]);
    let taken = json!({"title": "Somebody else has it", "code": "credential_taken", "field": "identity",
        "detail": "PSK identity \"lamp-key\" is taken by endpoint \"meter\"", "hint": "choose another one"});
    let line = format!(r#"{put} {{"mode":"x509"}}"#);
    run(
        &["credentials", "set", "lamp", "x509"],
        vec![(&line, Answer::problem("409 Conflict", &taken))],
    )
    .ends(
        1,
        &[
            "taken by endpoint \"meter\"",
            "choose another one",
            "field: identity",
        ],
    );
    run(
        &["credentials", "set", "lamp", "psk", "--key-file", "no/such"],
        vec![],
    )
    .ends(2, &["cannot read no/such"]);
}

#[test]
fn a_drawn_key_is_printed_with_its_commands() {
    let mut drawn = lamp();
    drawn["key"] = "hex:a1b2".into();
    drawn["commands"] =
        json!([{"tool": "Leshan", "command": "java -jar leshan-demo-client.jar -i lamp"}]);
    let line =
        r#"POST /api/v1/devices/lamp/credentials:generate {"identity":"lamp-key","length":32}"#;
    let arguments = [
        "credentials",
        "generate",
        "lamp",
        "--identity",
        "lamp-key",
        "--length",
        "32",
        "-o",
        "table",
    ];
    let told = run(&arguments, vec![(line, Answer::json(&drawn))]).ends(0, &["never again"]);
    assert_eq!(
        told.stdout,
        "identity      lamp-key\nkey           hex:a1b2\nLeshan        java -jar leshan-demo-client.jar -i lamp\n"
    );
}
