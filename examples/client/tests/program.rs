//! The program itself, against a scripted server: its help, its examples, its exit codes.

use std::{
    io::Write,
    net::UdpSocket,
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use coap_codec::{Code, Encoder, Message, OptionNumber, Type};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lwm2m-client");

/// A server that answers as told until the test ends. Returns its address, and what it hears.
fn server(refuse: Option<Code>) -> (String, mpsc::Receiver<String>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let (heard, hears) = mpsc::channel();
    thread::spawn(move || {
        let mut memory = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut memory) {
            let request = Message::decode(&memory[..len]).unwrap();
            let texts = |number| {
                let texts = request.options().all(number).map(String::from_utf8_lossy);
                texts.map(|text| format!(" {text}")).collect::<String>()
            };
            let line = format!(
                "{}{}{}",
                request.code(),
                texts(OptionNumber::URI_PATH),
                texts(OptionNumber::URI_QUERY)
            );
            let segments = request.options().all(OptionNumber::URI_PATH).count();
            let code = match (request.code(), segments) {
                (Code::POST, 1) => refuse.unwrap_or(Code::CREATED),
                (Code::POST, _) => Code::CHANGED,
                _ => Code::DELETED,
            };
            let mut answer = [0; 64];
            let mid = request.message_id();
            let ack = Type::Acknowledgement;
            let mut out = Encoder::new(&mut answer, ack, code, mid, request.token()).unwrap();
            if code == Code::CREATED {
                out.option(OptionNumber::LOCATION_PATH, b"rd").unwrap();
                out.option(OptionNumber::LOCATION_PATH, b"a1").unwrap();
            }
            let len = out.finish().unwrap();
            socket.send_to(&answer[..len], from).unwrap();
            if heard.send(line).is_err() {
                return;
            }
        }
    });
    (address, hears)
}

fn run(arguments: &[&str], input: &str) -> Output {
    run_in(&[], arguments, input)
}

/// With nothing but these in the environment.
fn run_in(environment: &[(&str, &str)], arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_session_on_the_console() {
    let (server, hears) = server(None);
    let uri = format!("coap://{server}");
    let commands = "wait\nset /3303/0/5700 21.5\nget /3303/0/5700\nlist\nupdate 60\n\
                    disconnect\nreconnect\nwait\nderegister\nquit\n";
    let output = run(
        &[
            "--server",
            &uri,
            "--endpoint",
            "sensor-1",
            "--lifetime",
            "120",
        ],
        commands,
    );
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(out.contains("/3303/0/5700 = 21.5\n"), "{out}");
    assert!(
        out.contains("/3/0/0 Manufacturer [R] = \"LwM2M for Rust\"\n"),
        "{out}"
    );
    assert!(
        out.contains("server 1: registered as /rd/a1 (LwM2M 1.1)\n"),
        "{out}"
    );
    assert!(
        out.contains("updated with 1\n") && out.contains("de-registered from 1\n"),
        "{out}"
    );
    let heard: Vec<String> = hears.try_iter().collect();
    assert_eq!(heard[0], "0.02 rd ep=sensor-1 lt=120 lwm2m=1.1 b=U");
    assert_eq!(heard[1], "0.02 rd a1 lt=60");
    assert_eq!(heard.last().map(String::as_str), Some("0.04 rd a1"));
}

/// Each example of the help runs, against a server of this test.
#[test]
fn the_examples_of_the_help() {
    let help = run(&["--help"], "");
    assert_eq!(help.status.code(), Some(0));
    let help = text(&help.stdout);
    let (_, examples) = help
        .split_once("Examples:\n")
        .expect("the help ends with examples");
    let examples: Vec<&str> = examples
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    assert!(examples.len() >= 3, "{examples:?}");
    for example in examples
        .into_iter()
        .filter(|line| !line.contains("coaps://"))
    {
        let (server, hears) = server(None);
        let line = example
            .replace("127.0.0.1:5683", &server)
            .replace("lwm2m-client", PROGRAM);
        // One that reads no commands of its own is told to end.
        let line = if line.contains('|') {
            line
        } else {
            format!("printf 'wait\\nquit\\n' | {line}")
        };
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{line}\n{}",
            text(&output.stderr)
        );
        let heard = hears.recv_timeout(Duration::from_secs(5)).unwrap();
        assert!(heard.starts_with("0.02 rd ep="), "{heard}");
    }
}

#[test]
fn exit_codes() {
    let (refusing, _hears) = server(Some(Code::FORBIDDEN));
    let refusing = format!("coap://{refusing}");
    for (arguments, input, want) in [
        (&["--nonsense"][..], "", 2),
        (&["--binding", "X"], "", 2),
        (&["--objects", "3,60000"], "", 2),
        (&["--endpoint", ""], "", 2),
        (&["--config", "/nowhere/at/all.toml"], "", 2),
        (&["--server", "coaps://127.0.0.1:1"], "", 2),
        (
            &["--server", &refusing, "--psk", "text:a key of 16 byte"],
            "",
            2,
        ),
        (
            &["--server", "coaps://127.0.0.1:1", "--psk-stdin"],
            "a1b2c3d4\n",
            2,
        ),
        (&["--server", &refusing], "nonsense\nquit\n", 1),
        (&["--server", &refusing], "set /3303/0/5700 warm\nquit\n", 1),
        (&["--server", &refusing], "register\nquit\n", 3),
        (&["--server", "coap://name.invalid"], "register\nquit\n", 4),
        (&["--server", &refusing], "quit\n", 0),
    ] {
        let output = run(arguments, input);
        let err = text(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(want),
            "{arguments:?} {input:?}: {err}"
        );
    }
}

#[test]
fn a_config_file_and_its_faults() {
    let (server, hears) = server(None);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.toml");
    let name = path.to_str().unwrap();
    let good = format!("server = \"coap://{server}\"\nendpoint = \"from-file\"\nobjects = [3]\n");
    std::fs::write(&path, &good).unwrap();
    let output = run(&["--config", name], "wait\nlist\nquit\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(hears.recv().unwrap().contains("ep=from-file"));
    assert!(!text(&output.stdout).contains("/3303"));
    // By the environment too, which names the file of each program by itself.
    let environment = [
        ("LWM2M_CLIENT_CONFIG", name),
        ("LWM2M_SERVER_CONFIG", "/nowhere/server.toml"),
        ("LWM2M_CLI_CONFIG", "/nowhere/cli.toml"),
    ];
    let output = run_in(&environment, &[], "wait\nquit\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let again = hears.iter().find(|line| line.starts_with("0.02 rd ep="));
    assert!(again.unwrap().contains("ep=from-file"));
    std::fs::write(&path, format!("{good}life_time = 3\n")).unwrap();
    let output = run(&["--config", name], "");
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        err.contains("client.toml:4: unknown field `life_time`"),
        "{err}"
    );
}

#[test]
fn the_log_as_json() {
    let (server, _hears) = server(None);
    let uri = format!("coap://{server}");
    let arguments = [
        "--server",
        uri.as_str(),
        "--endpoint",
        "sensor-1",
        "--log",
        "json",
    ];
    let output = run(&arguments, "wait\nquit\n");
    let lines: Vec<serde_json::Value> = text(&output.stderr)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    for line in &lines {
        for key in ["time", "level", "event", "ep", "cid", "reason"] {
            assert!(line.get(key).is_some(), "{line}");
        }
        assert_eq!(line["ep"], "sensor-1");
    }
    let registered = lines
        .iter()
        .find(|line| line["event"] == "registered")
        .unwrap();
    assert_eq!(
        (&registered["cid"], &registered["level"]),
        (&"/rd/a1".into(), &"info".into())
    );
}
