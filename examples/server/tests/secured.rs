//! The program with DTLS: what it tells at its start, and a device with a key from the API.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use lwm2m_client::{Client, Secret, ServerId};
use serde_json::{Value as Json, json};

const TOKEN: &str = "a-token-for-the-test";

struct Program {
    child: Child,
    told: Vec<String>,
    _rest: Option<BufReader<ChildStdout>>,
    coaps: SocketAddr,
    http: SocketAddr,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lwm2m-server"))
            .args(["--coap", "127.0.0.1:0", "--coaps", "127.0.0.1:0"])
            .args(["--http", "127.0.0.1:0"])
            .args(arguments)
            .env_clear()
            .env("LWM2M_ADMIN_TOKEN", TOKEN)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut told = Vec::new();
        while !told
            .last()
            .is_some_and(|line: &String| line.contains("Ctrl-C stops"))
        {
            let mut line = String::new();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "{told:?}");
            told.push(line);
        }
        let address = |scheme: &str| {
            let rest = told
                .iter()
                .find_map(|line| Some(line.split_once(scheme)?.1));
            let rest = rest.unwrap_or_else(|| panic!("{scheme} is told: {told:?}"));
            let end = rest.find(|c: char| !"0123456789.:".contains(c));
            rest[..end.unwrap_or(rest.len())].parse().unwrap()
        };
        Self {
            coaps: address("coaps://"),
            http: address("http://"),
            child,
            told,
            _rest: Some(out),
        }
    }

    /// Status and JSON of a call to the API.
    fn call(&self, method: &str, path: &str, body: Option<&Json>) -> (u16, Json) {
        let body = body.map(Json::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(self.http).unwrap();
        let head = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.http,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head[9..12].parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    /// Follows the events until one of this type.
    fn event(&self, wanted: &str) -> Json {
        self.event_after(wanted, 0)
    }

    /// The same for events after this one.
    fn event_after(&self, wanted: &str, since: u64) -> Json {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let head = format!(
            "GET /api/v1/events?since={since}&type={wanted} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Accept: application/x-ndjson\r\n\r\n",
            self.http
        );
        stream.write_all(head.as_bytes()).unwrap();
        // Empty lines keep it alive, so a read alone would wait for ever.
        let end = Instant::now() + Duration::from_secs(30);
        let lines = BufReader::new(stream).lines().map(Result::unwrap);
        let mut events = lines
            .inspect(|_| assert!(Instant::now() < end, "no {wanted} in time"))
            .filter_map(|line| serde_json::from_str::<Json>(&line).ok());
        events.find(|event| event["type"] == wanted).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Nobody reads what it tells, as behind `| head -1`: it serves all the same, also where it has to log.
#[test]
fn a_server_that_nobody_reads_goes_on() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let http = port.local_addr().unwrap();
    drop(port);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = Command::new(env!("CARGO_BIN_EXE_lwm2m-server"))
        .args(["--coap", "127.0.0.1:0", "--coaps", "127.0.0.1:0"])
        .args(["--http", &http.to_string()])
        .env_clear()
        .env("LWM2M_ADMIN_TOKEN", TOKEN)
        .env("RUST_LOG", "trace")
        .stdout(writer.try_clone().unwrap())
        .stderr(writer)
        .spawn()
        .unwrap();
    let mut program = Program {
        child,
        told: Vec::new(),
        _rest: None,
        coaps: http,
        http,
    };
    let end = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(http).is_err() {
        assert!(Instant::now() < end, "it serves");
        assert_eq!(program.child.try_wait().unwrap(), None, "it runs");
        std::thread::sleep(Duration::from_millis(50));
    }
    // What is done is logged; what is logged is lost, and nothing else.
    let body = json!({ "mode": "psk", "key": "text:0123456789abcdef" });
    assert_eq!(
        program
            .call("PUT", "/devices/lamp/credentials", Some(&body))
            .0,
        200
    );
    assert_eq!(program.event("credential.set")["ep"], "lamp");
    assert_eq!(program.child.try_wait().unwrap(), None);
}

#[test]
fn the_start_tells_modes_and_the_public_key() {
    let plain = Program::start(&[]);
    let told = plain.told.concat();
    for line in [
        "nosec      on: every device without a record",
        "psk        on\n",
        "rpk        off: the server has no key of its own (--identity-key FILE)",
        "x509       off: the server has no key of its own (--identity-cert FILE, --identity-key FILE, --trust DIR)",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("server.key");
    // RFC 9500 §2.3, testECCP256.
    let pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIObLW92AqkWunJXowVR2Z5/+yVPBaFHnEedDk5WJxk/BoAoGCCqGSM49\n\
               AwEHoUQDQgAEQiVI+I+3gv+17KN0RFLHKh5Vj71vc75eSOkyMsxFxbFsTNEMTLjV\n\
               uKFxOelIgsiZJXKZNCX0FBmrfpCkKklCcg==\n-----END EC PRIVATE KEY-----\n";
    std::fs::write(&key, pem).unwrap();
    let own = Program::start(&["--identity-key", key.to_str().unwrap(), "--nosec", "off"]);
    let told = own.told.concat();
    for line in [
        "nosec      off: nobody may come in without security",
        "rpk        on\n",
        "x509       off: the server has no certificate",
        "x        422548f88fb782ffb5eca3744452c72a1e558fbd6f73be5e48e93232cc45c5b1",
        "-----BEGIN PUBLIC KEY-----",
        "base64   MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQiVI+I+3gv+17KN0RFLHKh5Vj71v",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert!(!told.contains("e6cb5bdd80aa45ae9c95e8c15476679ffec953c16851e711e743939589c64fc1"));
    let server = own.call("GET", "/server", None).1;
    assert_eq!(server["security"]["nosec"], "off");
    assert_eq!(
        server["security"]["public_key"]["x"],
        "422548f88fb782ffb5eca3744452c72a1e558fbd6f73be5e48e93232cc45c5b1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_with_a_key_from_the_api() {
    let program = Program::start(&[]);
    let uri = format!("coaps://{}", program.coaps);
    let (status, drawn) = program.call("POST", "/devices/lamp/credentials:generate", None);
    assert_eq!((status, &drawn["mode"]), (200, &json!("psk")), "{drawn}");
    let told = drawn["commands"][0]["command"].as_str().unwrap();
    assert!(
        told.contains(&format!("--server {uri} --endpoint lamp")),
        "{told}"
    );
    let digits = drawn["key"].as_str().unwrap().strip_prefix("hex:").unwrap();
    let key: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect();

    // A slip of the operator's shows, and to the device it looks like a wrong key.
    let slip = Client::builder()
        .endpoint("lamp")
        .server(&uri)
        .psk("LAMP", Secret::new(&key));
    let slip = slip.start().await.unwrap();
    let failed = program.event("handshake.failed");
    assert_eq!(failed["data"]["reason"], "unknown_psk_identity", "{failed}");
    assert!(
        failed["data"]["hint"]
            .as_str()
            .unwrap()
            .contains("only by case"),
        "{failed}"
    );
    slip.stop().await;

    let device = Client::builder()
        .endpoint("lamp")
        .server(&uri)
        .psk("lamp", Secret::new(&key));
    let device = device.start().await.unwrap();
    device.registered(ServerId::new(1).unwrap()).await.unwrap();
    let shown = program.call("GET", "/devices/lamp", None).1;
    assert_eq!(
        (&shown["security"], &shown["session"]["connection_id"]),
        (&json!("psk"), &json!(true)),
        "{shown}"
    );
    assert_eq!(shown["session"]["suite"], "TLS_PSK_WITH_AES_128_CCM_8");
    let opened = program.event("session.opened");
    assert_eq!(
        (&opened["data"]["identity"], &opened["data"]["mode"]),
        (&json!("lamp"), &json!("psk"))
    );
    assert_eq!(program.event("credential.set")["ep"], "lamp");

    // Without its credential it is nobody, at once.
    assert_eq!(
        program.call("DELETE", "/devices/lamp/credentials", None).0,
        204
    );
    program.event("credential.removed");
    program.event("session.closed");
    let removed = program.event("registration.removed");
    assert_eq!(
        (&removed["ep"], &removed["data"]["reason"]),
        (&json!("lamp"), &json!("revoked"))
    );
    assert_eq!(program.call("GET", "/devices/lamp", None).0, 404);
    for uri in ["/security", "/server", "/devices"] {
        assert!(
            !program
                .call("GET", uri, None)
                .1
                .to_string()
                .contains(digits)
        );
    }
    device.stop().await;
}

#[test]
fn a_security_file_is_read_and_its_faults_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("devices.toml");
    std::fs::write(&path, "[[device]]\nendpoint = \"gate\"\nmode = \"x509\"\n").unwrap();
    let path = path.to_str().unwrap();
    let program = Program::start(&["--security", path, "--nosec", "known"]);
    let known = program.call("GET", "/security", None).1;
    assert_eq!(
        (&known["items"][0]["ep"], &known["items"][0]["name"]),
        (&json!("gate"), &json!("gate"))
    );
    std::fs::write(
        path,
        "[[device]]\nendpoint = \"gate\"\nmode = \"psk\"\nkey = \"a1b2c3d4\"\n",
    )
    .unwrap();
    let refused = program.event("security.refused");
    assert!(
        refused["data"]["detail"]
            .as_str()
            .unwrap()
            .contains("line 4"),
        "{refused}"
    );
    drop(program);
    let output = Command::new(env!("CARGO_BIN_EXE_lwm2m-server"))
        .args([
            "--coap",
            "127.0.0.1:0",
            "--coaps",
            "127.0.0.1:0",
            "--security",
            path,
        ])
        .env_clear()
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && told.contains("line 4") && told.contains("hex (4 bytes)"),
        "{told}"
    );
}

#[test]
fn own_certificate_and_authorities_that_change_are_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (key, cert, trust) = (at("server.key"), at("server.pem"), at("trust"));
    std::fs::create_dir(&trust).unwrap();
    for (path, text) in [
        (&key, KEYS[0]),
        (&cert, CERTIFICATES[0]),
        (&trust.join("a.pem"), CERTIFICATES[0]),
    ] {
        std::fs::write(path, text).unwrap();
    }
    let program = Program::start(&[
        "--identity-key",
        key.to_str().unwrap(),
        "--identity-cert",
        cert.to_str().unwrap(),
        "--trust",
        trust.to_str().unwrap(),
    ]);
    let shown = || {
        let server = program.call("GET", "/server", None).1;
        let security = &server["security"];
        let name = &security["certificates"][0]["common_name"];
        (
            name.as_str().unwrap().to_owned(),
            security["trusted"].clone(),
        )
    };
    let id = |event: &Json| event["id"].as_u64().unwrap();
    assert_eq!(shown(), ("authority".to_owned(), json!(1)));

    // Half of a new pair: told, and the old one stays.
    std::fs::write(&cert, CERTIFICATES[1]).unwrap();
    let refused = program.event("security.refused");
    let detail = refused["data"]["detail"].as_str().unwrap();
    for part in [
        "server.key is not the key of the certificate in",
        "stay in use",
    ] {
        assert!(detail.contains(part), "{detail}");
    }
    assert_eq!(shown(), ("authority".to_owned(), json!(1)));
    std::fs::write(&key, KEYS[1]).unwrap();
    let changed = program.event("identity.changed");
    assert_eq!(changed["data"], json!({ "rpk": true, "x509": true }));
    assert_eq!(shown(), ("another authority".to_owned(), json!(1)));

    std::fs::write(trust.join("b.pem"), CERTIFICATES[1]).unwrap();
    let more = program.event("trust.changed");
    assert_eq!(more["data"], json!({ "trusted": 2, "ended": false }));
    std::fs::write(trust.join("c.pem"), "no certificate").unwrap();
    let refused = program.event_after("security.refused", id(&refused));
    let detail = refused["data"]["detail"].as_str().unwrap();
    assert!(
        detail.contains("c.pem") && detail.contains("--trust"),
        "{detail}"
    );
    assert_eq!(shown().1, json!(2));
    for gone in ["a.pem", "c.pem"] {
        std::fs::remove_file(trust.join(gone)).unwrap();
    }
    let fewer = program.event_after("trust.changed", id(&more));
    assert_eq!(fewer["data"], json!({ "trusted": 1, "ended": true }));
    assert_eq!(shown(), ("another authority".to_owned(), json!(1)));
}

/// openssl ecparam -name prime256v1 -genkey -noout
const KEYS: [&str; 2] = [
    "\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIKyjzaAgd+vlGfjOTRg+W9n5brKDojavJDC+9KS01W/boAoGCCqGSM49
AwEHoUQDQgAEajoXHeG0jXw0QGtAkNB4+h56P2MUgtLI8qemRIe1JSCXMUHNGi1T
XnCH8GY7kF0faoGMKv5+ahGknJwb3+90ZQ==
-----END EC PRIVATE KEY-----
",
    "\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEICJP7wIFfBx8sLFOIQuJS/NX+YLC35/nOhEYwFj8+oT5oAoGCCqGSM49
AwEHoUQDQgAEQdAVJ2b2pUGQgNt6u5AmlbVf1t3ASG9As/v3Hw3tS6ms/SER6DY5
aLwXFxlMXj7pS3P6HTeTJQMk9YQNBXbt9A==
-----END EC PRIVATE KEY-----
",
];

/// openssl req -x509 -key key.pem -subj "/CN=authority" -days 36500, and "another authority" of the other key
const CERTIFICATES: [&str; 2] = [
    "\
-----BEGIN CERTIFICATE-----
MIIBfjCCASWgAwIBAgIUCku47sSI//DohLyNeCVGVo16znAwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJYXV0aG9yaXR5MCAXDTI2MTEyOTAxNTI1MFoYDzIxMjYxMTA1
MDE1MjUwWjAUMRIwEAYDVQQDDAlhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARqOhcd4bSNfDRAa0CQ0Hj6Hno/YxSC0sjyp6ZEh7UlIJcxQc0aLVNe
cIfwZjuQXR9qgYwq/n5qEaScnBvf73Rlo1MwUTAdBgNVHQ4EFgQUKbKbWkJ/o1Qy
+b4PzRDvtEfCkeQwHwYDVR0jBBgwFoAUKbKbWkJ/o1Qy+b4PzRDvtEfCkeQwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBZCoOz5tImUUdPpUYuquLf
Q5ES9SmZKGeYTdhhUOVuqQIgOJPiDFvZF2pt2TXbN3Ymh9prWG4yM3qJZVmo7Ttm
K+Y=
-----END CERTIFICATE-----
",
    "\
-----BEGIN CERTIFICATE-----
MIIBjjCCATWgAwIBAgIUJvjgjXWmtsPelwbErGr2qjoWPl8wCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRYW5vdGhlciBhdXRob3JpdHkwIBcNMjYxMTI5MDE1MjUwWhgP
MjEyNjExMDUwMTUyNTBaMBwxGjAYBgNVBAMMEWFub3RoZXIgYXV0aG9yaXR5MFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQdAVJ2b2pUGQgNt6u5AmlbVf1t3ASG9A
s/v3Hw3tS6ms/SER6DY5aLwXFxlMXj7pS3P6HTeTJQMk9YQNBXbt9KNTMFEwHQYD
VR0OBBYEFMyuk7MKIyy6hoY8A6QnOc0MRgdbMB8GA1UdIwQYMBaAFMyuk7MKIyy6
hoY8A6QnOc0MRgdbMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIg
GHGRyDtNKCJJlrBlTwGKKKcqIGAqoBhkKa9yBngxyZwCIC5N9wGfJVKayHMx/qkg
JMaEJhhwLXnjTo/ONHGiVLAD
-----END CERTIFICATE-----
",
];
