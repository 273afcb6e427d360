//! Every command against the server itself, with a device of our own and one that never answers.

mod common;

use std::net::UdpSocket;
use std::sync::Arc;

use lwm2m_client::{Client, DeviceObject, TableObject, TemperatureObject};
use lwm2m_console::{ConsoleConfig, ServeLimits, Token, router};
use lwm2m_model::{Lwm2mVersion, Models};
use lwm2m_server::{Config, Handle, Server};
use lwm2m_store::MemoryStore;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use common::{Run, program};

const TOKEN: &str = "a-token-for-the-tests";
/// A name that must be escaped in every URL.
const NAME: &str = "räum 1/2 <b>?#%2f:execute";

struct House {
    runtime: Runtime,
    url: String,
    handle: Handle,
    client: Client,
    _server: Server,
}

impl House {
    fn build() -> Self {
        let runtime = Runtime::new().unwrap();
        let (url, handle, client, server) = runtime.block_on(async {
            let models = Arc::new(Models::builtin());
            let mut config = Config::default();
            config.coap = vec!["127.0.0.1:0".parse().unwrap()];
            let server = Server::start(config, MemoryStore::new(), Arc::clone(&models));
            let server = server.await.unwrap();
            let handle = server.handle();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let console = ConsoleConfig::new(Token::new(TOKEN).unwrap());
            let app = router(handle.clone(), console);
            let limits = ServeLimits::default();
            tokio::spawn(lwm2m_console::serve(
                listener,
                app,
                limits,
                std::future::pending(),
            ));
            let mut facts = DeviceObject::default();
            facts.manufacturer = Some("LwM2M for Rust".into());
            facts.utc_offset = Some("+00:00".into());
            let facts = facts.into_object(&models, Lwm2mVersion::V1_1).unwrap();
            let test = models.object(3441, None).def.unwrap().clone();
            let client = Client::builder()
                .endpoint(NAME)
                .server(handle.info().endpoints[0].as_str())
                .object(facts)
                .object(TemperatureObject::new().with_sensor(0, 21.5))
                .object(TableObject::new(test).with_create([]))
                .start()
                .await
                .unwrap();
            let id = client.servers()[0];
            client.registered(id).await.unwrap();
            (url, handle, client, server)
        });
        Self {
            runtime,
            url,
            handle,
            client,
            _server: server,
        }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut program = program(&self.url, arguments);
        program.env("LWM2M_ADMIN_TOKEN", TOKEN);
        Run::from(program.output().unwrap())
    }

    fn read(&self, path: &str) -> Json {
        self.run(&["read", NAME, path]).ends(0, &[]).json()
    }
}

#[test]
fn values_are_written_and_read_in_every_type() {
    let house = House::build();
    let created = house
        .run(&["create", NAME, "/3441/4", "110=text", "1120/3=-5"])
        .ends(0, &[]);
    assert_eq!(created.json(), json!({"path": "/3441/4"}));
    for (resource, typed, value) in [
        ("110", "ünï", json!("ünï")),
        ("120", "-9007199254740993", json!("-9007199254740993")),
        ("130", "21.5", json!(21.5)),
        ("140", "true", json!(true)),
        ("150", "hex:c0ffee", json!({"hex": "c0ffee"})),
        ("150", "text:hi", json!({"hex": "6869"})),
        ("160", "2026-11-22T09:30:00Z", json!("2026-11-22T09:30:00Z")),
        ("170", "3441:4", json!("3441:4")),
    ] {
        let path = format!("/3441/4/{resource}");
        house
            .run(&["write", NAME, &path, typed])
            .ends(0, &["written"]);
        assert_eq!(house.read(&path)["value"], value, "{path}");
    }
    let values = &house.read("/3441/4")["resources"]["1120"]["values"];
    assert_eq!(*values, json!({"3": -5}));
    // The instance as read is a document to write.
    let document = house.run(&["read", NAME, "/3441/4"]).ends(0, &[]).stdout;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("instance.json");
    std::fs::write(&file, document.replace("ünï", "again")).unwrap();
    let file = file.to_str().unwrap();
    house
        .run(&["write", NAME, "/3441/4", "--json", file])
        .ends(0, &[]);
    assert_eq!(house.read("/3441/4/110")["value"], "again");
    house
        .run(&["delete", NAME, "/3441/4"])
        .ends(0, &["deleted"]);
    house
        .run(&["read", NAME, "/3441/4"])
        .ends(3, &["4.04 (Not Found)"]);
}

#[test]
fn execute_discover_devices_and_events() {
    let house = House::build();
    let temperature = lwm2m_model::path!(3303, 0, 5700);
    house.client.set(&temperature, 30.0).unwrap();
    assert_eq!(house.read("/3303/0/5602")["value"], 30.0);
    house.client.set(&temperature, 21.5).unwrap();
    house
        .run(&["exec", NAME, "/3303/0/5605"])
        .ends(0, &["executed"]);
    assert_eq!(house.read("/3303/0/5602")["value"], 21.5);
    // Its answer needs no arguments, and takes them.
    house
        .run(&["exec", NAME, "/1/0/8", "0='x',1"])
        .ends(0, &["executed"]);
    let links = house.run(&["discover", NAME, "/3303"]).ends(0, &[]).json();
    let targets: Vec<_> = links["items"].as_array().unwrap().iter().collect();
    assert_eq!(
        targets[0],
        &json!({"target": "/3303", "attributes": {"ver": "1.1"}})
    );
    assert!(targets.contains(&&json!({"target": "/3303/0/5700", "attributes": {}})));
    let table = house.run(&["devices", "--output", "table"]).ends(0, &[]);
    assert!(table.stdout.contains(NAME), "{}", table.stdout);
    let events = [
        "events",
        "--since",
        "0",
        "--count",
        "1",
        "--type",
        "registration",
    ];
    let events = house.run(&events).ends(0, &[]);
    let event: Json = serde_json::from_str(&events.stdout).unwrap();
    assert_eq!(
        (&event["type"], &event["ep"]),
        (&json!("registration.created"), &json!(NAME))
    );
}

#[test]
fn observe_follows_and_cleans_up() {
    let house = House::build();
    let client = house.client.clone();
    let changes = house.runtime.spawn(async move {
        for step in 1_u32.. {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let value = 30.0 + f64::from(step);
            client
                .set(&lwm2m_model::path!(3303, 0, 5700), value)
                .unwrap();
        }
    });
    let run = house.run(&["observe", NAME, "/3303/0/5700", "--count", "4"]);
    changes.abort();
    let run = run.ends(0, &["observing /3303/0/5700"]);
    let lines: Vec<Json> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 4);
    for pair in lines.windows(2) {
        assert!(
            pair[0]["value"].as_f64() < pair[1]["value"].as_f64(),
            "{pair:?}"
        );
        assert_eq!(pair[1]["path"], "/3303/0/5700");
    }
    assert!(house.handle.observations(NAME).is_empty());
}

#[test]
fn exit_codes_of_what_goes_wrong() {
    let house = House::build();
    // A device that registers and is never heard again.
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let register = b"\x40\x02\x00\x01\xb2rd\x47ep=mute\x09lwm2m=1.1\x06lt=300\xff</3/0>";
    mute.send_to(register, house.handle.info().addresses[0])
        .unwrap();
    let mut answer = [0; 64];
    mute.recv(&mut answer).unwrap();
    assert_eq!(answer[1], 0x41);
    for (arguments, code, told) in [
        (
            &["read", "mute", "/3/0/0", "--timeout", "1"][..],
            4,
            "no answer",
        ),
        (&["read", "nobody", "/3/0/0"], 1, "no device is registered"),
        (&["read", NAME, "/3/0/99"], 3, "4.04 (Not Found)"),
        (
            &["exec", NAME, "/3303/0/5700"],
            3,
            "4.05 (Method Not Allowed)",
        ),
        (
            &["write", NAME, "/3303/0/5700", "1"],
            3,
            "4.05 (Method Not Allowed)",
        ),
        (&["delete", NAME, "/3303"], 2, "LwM2M does not allow"),
        (&["delete", NAME, "/3303/7"], 3, "4.04 (Not Found)"),
        (&["exec", NAME, "/3/0/4", "x=1"], 2, "not an argument list"),
        (
            &["create", NAME, "/3441/1", "130=x"],
            2,
            "no value of type float",
        ),
        (&["observe", NAME, "/3/0/99"], 3, "4.04 (Not Found)"),
    ] {
        house.run(arguments).ends(code, &[told]);
    }
    let mut stranger = program(&house.url, &["devices"]);
    let stranger = stranger.env("LWM2M_ADMIN_TOKEN", "another-token").output();
    Run::from(stranger.unwrap()).ends(5, &["Wrong token"]);
}

#[test]
fn the_doctor_knows_its_server() {
    let house = House::build();
    let coap = house.handle.info().addresses[0].to_string();
    let run = house.run(&["doctor", "--coap", &coap]).ends(0, &[]);
    let items = run.json();
    let check = items["items"].as_array().unwrap().iter();
    let check: Vec<_> = check
        .filter(|item| item["check"] == format!("UDP {coap}"))
        .collect();
    assert_eq!(check[0]["detail"], "used by our server");
}
