//! The commands that follow the event stream, against a scripted server.

mod common;

use std::io::{BufRead, BufReader};

use common::{Answer, Run, Server, program, run};
use serde_json::{Value as Json, json};

const LIST: &str = "GET /api/v1/devices/t/observations";
const STREAM: &str = "GET /api/v1/events?ep=t&type=observation&type=registration";
const START: &str = r#"POST /api/v1/devices/t/observations {"path":"/3303/0/5700"}"#;
const STOP: &str = "DELETE /api/v1/devices/t/observations?path=%2F3303%2F0%2F5700";

fn list(paths: &[&str]) -> Answer {
    let items: Vec<Json> = paths.iter().map(|path| json!({ "path": path })).collect();
    Answer::json(&json!({"items": items, "next": null}))
}

fn value(path: &str, value: f64) -> Json {
    json!({"path": path, "name": "Sensor Value", "type": "float", "unit": "Cel", "value": value})
}

fn started(number: f64) -> Answer {
    Answer::created(
        &json!({"path": "/3303/0/5700", "state": "active", "updated_at": "2026-11-22T09:30:00Z",
        "last": value("/3303/0/5700", number)}),
    )
}

fn event(id: u64, name: &str, data: Json) -> Json {
    json!({"id": id, "time": format!("2026-11-22T09:30:{id:02}Z"), "ep": "t", "type": name, "data": data})
}

fn notified(id: u64, path: &str, number: f64) -> Json {
    event(id, "observation.notified", value(path, number))
}

fn observe(more: &[&str], script: Vec<(&str, Answer)>) -> Run {
    let arguments: Vec<_> = ["observe", "t", "/3303/0/5700"]
        .iter()
        .chain(more)
        .copied()
        .collect();
    run(&arguments, script)
}

#[test]
fn observe_prints_each_value_and_removes_its_own_observation() {
    let script = || {
        let events = [
            event(1, "observation.started", value("/3303/0/5700", 21.5)),
            notified(2, "/3303/0/5701", 99.0),
            notified(3, "/3303/0/5700", 22.0),
            event(4, "registration.removed", json!({"reason": "expired"})),
            event(5, "registration.created", json!({"device": {}})),
            event(6, "stream.lagged", json!({"from": 7, "to": 9})),
            event(
                10,
                "observation.notified",
                json!({"path": "/3303/0/5700", "problem": "no float"}),
            ),
            notified(11, "/3303/0/5700", 22.5),
        ];
        vec![
            (LIST, list(&["/3303/0/5601"])),
            (STREAM, Answer::open_stream(&events)),
            (START, started(21.5)),
            (STOP, Answer::done()),
        ]
    };
    let talk = [
        "observing /3303/0/5700 of t",
        "t left (expired)",
        "t registered",
        "events 7 to 9 are lost",
        "a value that cannot be read",
    ];
    assert_eq!(
        observe(&["--count", "3", "-o", "table"], script())
            .ends(0, &talk)
            .stdout,
        "2026-11-22T09:30:00Z  /3303/0/5700  21.5 Cel\n\
         2026-11-22T09:30:03Z  /3303/0/5700  22.0 Cel\n\
         2026-11-22T09:30:11Z  /3303/0/5700  22.5 Cel\n"
    );
    let lines = observe(&["--count", "3"], script()).ends(0, &talk).stdout;
    let lines: Vec<Json> = lines.lines().map(|line| line.parse().unwrap()).collect();
    let mut expected = value("/3303/0/5700", 22.0);
    expected["time"] = "2026-11-22T09:30:03Z".into();
    assert_eq!((lines.len(), &lines[1]), (3, &expected));
}

#[test]
fn an_observation_of_others_stays() {
    let script = vec![
        (LIST, list(&["/3303/0/5700"])),
        (STREAM, Answer::open_stream(&[])),
        (START, started(21.5)),
    ];
    observe(&["--count", "1"], script).ends(0, &[]);
}

#[test]
fn the_end_of_the_observation_or_of_the_stream_is_a_failure() {
    let ended = event(
        1,
        "observation.ended",
        json!({"path": "/3303/0/5700", "reason": "the device ended it"}),
    );
    for (events, code, told) in [
        (
            &[ended][..],
            1,
            "the observation ended: the device ended it",
        ),
        (&[], 4, "the event stream ended"),
    ] {
        let script = vec![
            (LIST, list(&[])),
            (STREAM, Answer::stream(events)),
            (START, started(21.5)),
            (STOP, Answer::done()),
        ];
        observe(&[], script).ends(code, &[told]);
    }
}

#[test]
fn a_refused_observation_leaves_nothing_behind() {
    let refused = json!({"title": "The device refused", "detail": "no", "code": "device_error", "coap_code": "4.05"});
    let unknown = json!({"title": "Not observed", "code": "unknown_observation"});
    let script = vec![
        (LIST, list(&[])),
        (STREAM, Answer::open_stream(&[])),
        (START, Answer::problem("502 Bad Gateway", &refused)),
        (STOP, Answer::problem("404 Not Found", &unknown)),
    ];
    let run = observe(&[], script).ends(3, &["device: 4.05 Method Not Allowed"]);
    assert_eq!(run.stdout, "");
    let unknown =
        json!({"title": "No such device", "detail": "nobody", "code": "unknown_endpoint"});
    let script = vec![(LIST, Answer::problem("404 Not Found", &unknown))];
    observe(&[], script).ends(1, &["No such device"]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_observe_removes_its_observation() {
    use rustix::process::{Pid, Signal, kill_process};
    for signal in [Signal::INT, Signal::TERM] {
        let server = Server::start(vec![
            (LIST, list(&[])),
            (STREAM, Answer::open_stream(&[])),
            (START, started(21.5)),
            (STOP, Answer::done()),
        ]);
        let mut child = program(&server.url(), &["observe", "t", "/3303/0/5700"])
            .spawn()
            .unwrap();
        // The first value is there: it observes.
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        assert!(line.contains("21.5"), "{line}");
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        server.finish();
    }
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let events: Vec<Json> = (1..2000)
        .map(|id| notified(id, "/3303/0/5700", 1.0))
        .collect();
    let server = Server::start(vec![
        (LIST, list(&[])),
        (STREAM, Answer::open_stream(&events)),
        (START, started(21.5)),
        (STOP, Answer::done()),
    ]);
    let mut child = program(&server.url(), &["observe", "t", "/3303/0/5700"])
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let run = Run::from(child.wait_with_output().unwrap()).ends(0, &[]);
    assert!(!run.stderr.contains("cannot write"), "{}", run.stderr);
    server.finish();
}

#[test]
fn events_are_filtered_by_the_server_and_shown_in_a_line() {
    let events = [
        event(
            1,
            "registration.created",
            json!({"device": {"address": "127.0.0.1:40001"}}),
        ),
        notified(2, "/3303/0/5700", 22.0),
        event(
            3,
            "registration.removed",
            json!({"reason": "deregistered", "at\u{1b}": null}),
        ),
        event(4, "registration.created", json!({"device": {}})),
    ];
    let script = |events: &[Json]| {
        vec![(
            "GET /api/v1/events?type=registration&type=observation&ep=t&ep=%C3%BC&since=0",
            Answer::stream(events),
        )]
    };
    let arguments = [
        "events",
        "--type",
        "registration",
        "--type",
        "observation",
        "--ep",
        "t",
        "--ep",
        "ü",
        "--since",
        "0",
    ];
    let table: Vec<_> = arguments
        .iter()
        .copied()
        .chain(["--count", "3", "-o", "table"])
        .collect();
    assert_eq!(
        run(&table, script(&events)).ends(0, &[]).stdout,
        "2026-11-22T09:30:01Z  registration.created    t  127.0.0.1:40001\n\
         2026-11-22T09:30:02Z  observation.notified    t  /3303/0/5700  22.0 Cel\n\
         2026-11-22T09:30:03Z  registration.removed    t  reason=deregistered\n"
    );
    let lines = run(&arguments, script(&events))
        .ends(4, &["the event stream ended"])
        .stdout;
    let lines: Vec<Json> = lines.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(lines, events);
}
