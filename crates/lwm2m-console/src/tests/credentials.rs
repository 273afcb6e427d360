use serde_json::{Value as Json, json};

use super::Console;
use crate::fake::Fake;

const LAMP: &str = "/api/v1/devices/lamp/credentials";
/// Looked for in everything that comes out.
const CANARY: &str = "c0ffee11c0ffee22c0ffee33c0ffee44";

fn console() -> Console {
    Console::with(Fake::new().secured(), |_| ())
}

fn psk(identity: &str, key: &str) -> String {
    json!({"mode": "psk", "identity": identity, "key": key}).to_string()
}

impl Console {
    async fn put(&self, uri: &str, body: &str) -> super::Reply {
        self.call("PUT", uri, Some(body)).await
    }
}

#[tokio::test]
async fn every_mode_is_set_told_and_removed() {
    let console = console();
    let spki = console.get("/api/v1/server").await.json()["security"]["public_key"].clone();
    for (body, told) in [
        (
            json!({"mode": "psk", "identity": "lamp-key", "key": "hex:a1b2c3d4e5f60718293a4b5c6d7e8f90"}),
            json!({"mode": "psk", "identity": "lamp-key", "key_length": 16, "warnings": []}),
        ),
        (
            json!({"mode": "psk", "identity_hex": "ff00", "key": "text:four"}),
            json!({"mode": "psk", "identity_hex": "ff00", "key_length": 4, "warnings": ["the key has only 4 bytes"]}),
        ),
        (
            json!({"mode": "rpk", "public_x": spki["x"], "public_y": spki["y"]}),
            json!({"mode": "rpk", "fingerprint": spki["fingerprint"], "curve": "secp256r1",
                   "public_key": format!("hex:{}", spki["hex"].as_str().unwrap()), "warnings": []}),
        ),
        (
            json!({"mode": "rpk", "public_key": spki["pem"]}),
            json!({"mode": "rpk", "fingerprint": spki["fingerprint"], "curve": "secp256r1",
                   "public_key": format!("hex:{}", spki["hex"].as_str().unwrap()), "warnings": []}),
        ),
        (
            json!({"mode": "x509"}),
            json!({"mode": "x509", "name": "lamp", "warnings": []}),
        ),
        (
            json!({"mode": "nosec"}),
            json!({"mode": "nosec", "warnings": []}),
        ),
    ] {
        let mut told = told;
        told["ep"] = "lamp".into();
        told["also"] = json!([]);
        told["set"] = "2026-11-28T10:00:00Z".into();
        let set = console.put(LAMP, &body.to_string()).await;
        assert_eq!(
            (set.status.as_u16(), set.json()),
            (200, told.clone()),
            "{body}"
        );
        assert_eq!(console.get(LAMP).await.json(), told);
        assert_eq!(
            console.get("/api/v1/security").await.json(),
            json!({"items": [told], "next": null})
        );
    }
    assert_eq!(console.call("DELETE", LAMP, None).await.status, 204);
    for method in ["GET", "DELETE"] {
        let gone = console.call(method, LAMP, None).await;
        assert_eq!(gone.problem(), (404, "unknown_credentials".to_owned()));
    }
}

#[tokio::test]
async fn the_list_comes_in_parts() {
    let console = console();
    for ep in ["a", "b%2F1", "b2", "c"] {
        let uri = format!("/api/v1/devices/{ep}/credentials");
        assert_eq!(console.put(&uri, r#"{"mode": "x509"}"#).await.status, 200);
    }
    let eps = |json: &Json| -> Vec<String> {
        let items = json["items"].as_array().unwrap();
        items
            .iter()
            .map(|one| one["ep"].as_str().unwrap().to_owned())
            .collect()
    };
    let part = console.get("/api/v1/security?limit=2").await.json();
    assert_eq!(
        (eps(&part), &part["next"]),
        (vec!["a".into(), "b/1".into()], &json!("b/1"))
    );
    let rest = console
        .get("/api/v1/security?limit=2&after=b%2F1")
        .await
        .json();
    assert_eq!(
        (eps(&rest), &rest["next"]),
        (vec!["b2".into(), "c".into()], &json!(null))
    );
    assert_eq!(
        eps(&console.get("/api/v1/security?q=b").await.json()),
        ["b/1", "b2"]
    );
}

#[tokio::test]
async fn a_refusal_says_which_member_and_what_to_do() {
    let console = console();
    let first = psk("lamp-key", "text:0123456789 abcdef!");
    let meter = console
        .put("/api/v1/devices/meter/credentials", &first)
        .await;
    assert_eq!(meter.status, 200);
    let jks = format!("hex:{}", "feedfeed00000002".repeat(4));
    for (body, code, field, says) in [
        (
            psk("lamp-key", "text:0123456789 abcdef?"),
            "credential_taken",
            "identity",
            r#"PSK identity "lamp-key" is taken by endpoint "meter""#,
        ),
        (
            psk("x", "a1b2c3d4"),
            "ambiguous_value",
            "key",
            "it could be hex (4 bytes), base64 (6 bytes) or text (8 bytes)",
        ),
        (
            psk("x", "hex:000102030405060708090a0b0c0d0e0f"),
            "published_key",
            "key",
            "Zephyr",
        ),
        (
            psk("x", "text:secretPSK"),
            "published_key",
            "key",
            "tinydtls",
        ),
        (
            psk("x", "hex:abc"),
            "invalid_credential",
            "key",
            "3 hexadecimal digits, an odd number",
        ),
        (
            psk("", "text:0123456789 abcdef?"),
            "invalid_credential",
            "identity",
            "the PSK identity is empty",
        ),
        (
            psk(&"i".repeat(129), "text:0123456789 abcdef?"),
            "invalid_credential",
            "identity",
            "129 bytes",
        ),
        (
            json!({"mode": "rpk", "public_key": jks}).to_string(),
            "foreign_key_file",
            "public_key",
            "a Java key store",
        ),
        (
            json!({"mode": "rpk"}).to_string(),
            "invalid_credential",
            "public_key",
            "is missing",
        ),
        (
            json!({"mode": "rpk", "public_x": "00", "public_y": "00"}).to_string(),
            "invalid_credential",
            "public_x",
            "not on the curve",
        ),
        (
            json!({"mode": "psk"}).to_string(),
            "invalid_credential",
            "key",
            "is missing",
        ),
        (
            json!({"mode": "psk", "name": "x"}).to_string(),
            "invalid_credential",
            "name",
            "does not go with mode psk",
        ),
        (
            json!({"mode": "oscore"}).to_string(),
            "invalid_credential",
            "mode",
            "no mode \"oscore\"",
        ),
        (
            json!({"mode": 1}).to_string(),
            "invalid_credential",
            "mode",
            "text expected",
        ),
        (
            json!({"mode": "psk", "Key": "x"}).to_string(),
            "invalid_credential",
            "Key",
            "no such member",
        ),
    ] {
        let reply = console.put(LAMP, &body).await;
        let json = reply.json();
        assert_eq!(
            (&json["code"], &json["field"]),
            (&json!(code), &json!(field)),
            "{body}: {json}"
        );
        assert!(json["detail"].as_str().unwrap().contains(says), "{json}");
    }
    let hint = |json: Json| json["hint"].as_str().unwrap().to_owned();
    let ambiguous = console.put(LAMP, &psk("x", "a1b2c3d4")).await.json();
    assert_eq!(hint(ambiguous), "write hex:…, base64:… or text:…");
    let jks = console
        .put(LAMP, &json!({"mode": "rpk", "public_key": jks}).to_string())
        .await
        .json();
    assert!(hint(jks).starts_with("export it: keytool -importkeystore"));
    assert_eq!(
        console.put(LAMP, "[]").await.problem(),
        (422, "invalid_credential".to_owned())
    );
    assert_eq!(
        console.get(LAMP).await.status,
        404,
        "nothing was kept of all that"
    );
    let long = format!("/api/v1/devices/{}/credentials", "e".repeat(253));
    assert_eq!(
        console.put(&long, r#"{"mode": "x509"}"#).await.problem(),
        (400, "invalid_parameter".to_owned())
    );
}

#[tokio::test]
async fn a_store_that_is_down_says_so() {
    let console = console();
    console.fake.break_store(true);
    let put = psk("x", "text:0123456789 abcdef?");
    for (method, body) in [("PUT", Some(put.as_str())), ("GET", None), ("DELETE", None)] {
        let reply = console.call(method, LAMP, body).await;
        assert_eq!(reply.problem(), (503, "store_down".to_owned()), "{method}");
    }
    console.fake.break_store(false);
    assert_eq!(console.get(LAMP).await.status, 404);
}

#[tokio::test]
async fn a_drawn_key_is_told_once_with_commands() {
    let console = console();
    let uri = format!("{LAMP}:generate");
    let first = console.call("POST", &uri, None).await.json();
    let key = first["key"].as_str().unwrap().strip_prefix("hex:").unwrap();
    assert_eq!(
        (key.len(), &first["identity"], &first["key_length"]),
        (32, &json!("lamp"), &json!(16))
    );
    // The fake listens on all addresses and the test names no host.
    assert_eq!(first["commands"], json!([]));
    let again = console
        .call(
            "POST",
            &uri,
            Some(r#"{"identity": "lamp 2", "length": 64}"#),
        )
        .await
        .json();
    assert_eq!(
        (&again["identity"], &again["key_length"]),
        (&json!("lamp 2"), &json!(64))
    );
    assert_ne!(again["key"], first["key"]);
    for byte in ["00", "0a"] {
        let key = again["key"].as_str().unwrap().strip_prefix("hex:").unwrap();
        assert!(!key.as_bytes().chunks(2).any(|pair| pair == byte.as_bytes()));
    }
    let mut request = super::request("POST", &uri, None);
    request
        .headers_mut()
        .insert("host", "gw.example:8080".parse().unwrap());
    let told = console.send(request).await.json();
    let key = told["key"].as_str().unwrap();
    let tools: Vec<_> = told["commands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["tool"].as_str().unwrap())
        .collect();
    assert_eq!(tools, ["lwm2m-client", "Anjay", "libcoap", "Leshan"]);
    assert_eq!(
        told["commands"][0]["command"],
        format!(
            "printf '%s\\n' {key} | lwm2m-client --server coaps://gw.example:5684 --endpoint lamp --psk-identity lamp --psk-stdin"
        )
    );
    for uri in [LAMP, "/api/v1/security"] {
        assert!(
            !console
                .get(uri)
                .await
                .body
                .contains(key.strip_prefix("hex:").unwrap())
        );
    }
    for (body, field) in [
        (r#"{"length": 15}"#, "length"),
        (r#"{"length": 65}"#, "length"),
        (r#"{"length": "16"}"#, "length"),
        (r#"{"identity": ""}"#, "identity"),
        (r#"{"identity": 1}"#, "identity"),
        (r#"{"key": "x"}"#, "key"),
    ] {
        let json = console.call("POST", &uri, Some(body)).await.json();
        assert_eq!(
            (&json["code"], &json["field"]),
            (&json!("invalid_credential"), &json!(field)),
            "{body}"
        );
    }
}

/// T13 of the threat model: a key that was set is in no answer, error or event, whatever is asked.
#[tokio::test]
async fn a_key_never_comes_out() {
    let console = console();
    console.fake.register("lamp");
    let mut said = vec![
        console
            .put(LAMP, &psk("lamp-key", &format!("hex:{CANARY}")))
            .await
            .body,
        // The same, refused: too long, odd, ambiguous, taken, another mode's member.
        console
            .put(LAMP, &psk("lamp-key", &format!("hex:{}", CANARY.repeat(5))))
            .await
            .body,
        console
            .put(LAMP, &psk("lamp-key", &format!("hex:{CANARY}a")))
            .await
            .body,
        console.put(LAMP, &psk("lamp-key", CANARY)).await.body,
        console
            .put(
                "/api/v1/devices/x/credentials",
                &psk("lamp-key", &format!("hex:{CANARY}")),
            )
            .await
            .body,
        console
            .put(LAMP, &json!({"mode": "x509", "key": CANARY}).to_string())
            .await
            .body,
        console
            .put(
                LAMP,
                &json!({"mode": "rpk", "public_key": CANARY}).to_string(),
            )
            .await
            .body,
        console
            .put(LAMP, &format!(r#"{{"mode": "psk", "key": "{CANARY}""#))
            .await
            .body,
    ];
    for uri in [
        LAMP,
        "/api/v1/security",
        "/api/v1/devices",
        "/api/v1/devices/lamp",
        "/api/v1/server",
        "/metrics",
        "/openapi.json",
    ] {
        said.push(console.get(uri).await.body);
    }
    let mut events = crate::backend::Backend::events(&*console.fake, Some(0));
    for _ in 0..2 {
        said.push(format!("{:?}", events.next().await.unwrap()));
    }
    assert!(said.last().unwrap().contains("credential.set"), "{said:?}");
    for text in said {
        assert!(!text.contains(CANARY), "{text}");
    }
}

#[tokio::test]
async fn the_server_tells_how_devices_come_in_and_who_it_is() {
    let plain = Console::new().get("/api/v1/server").await.json()["security"].clone();
    assert_eq!(
        (
            &plain["modes"][0],
            &plain["public_key"],
            &plain["connection_id"]
        ),
        (
            &json!({"mode": "nosec", "offered": true, "reason": null}),
            &json!(null),
            &json!(null)
        )
    );
    let security = console().get("/api/v1/server").await.json()["security"].clone();
    assert_eq!(
        security["modes"][3],
        json!({"mode": "x509", "offered": false, "reason": "no authority is trusted: --trust DIR"})
    );
    let key = &security["public_key"];
    let (x, y) = (key["x"].as_str().unwrap(), key["y"].as_str().unwrap());
    assert!(key["hex"].as_str().unwrap().ends_with(&format!("04{x}{y}")));
    // openssl x509 -in server.pem -noout -fingerprint -sha256
    let certificate = &security["certificates"][0];
    assert_eq!(certificate["common_name"], "lwm2m.example");
    assert_eq!(certificate["fingerprint"], FINGERPRINT);
    assert_eq!(certificate["not_after"], NOT_AFTER);
    assert_eq!(certificate["pem"], include_str!("server.pem"));
}

#[tokio::test]
async fn a_device_tells_its_session() {
    let console = Console::new();
    let device = console.get("/api/v1/devices/thermometer").await.json();
    assert_eq!(
        (&device["security"], &device["session"]),
        (&json!("nosec"), &json!(null))
    );
    console.fake.secure("thermometer");
    let device = console.get("/api/v1/devices/thermometer").await.json();
    assert_eq!(device["security"], "psk");
    assert_eq!(
        device["session"],
        json!({"suite": "TLS_PSK_WITH_AES_128_CCM_8", "connection_id": true})
    );
}

const FINGERPRINT: &str = "c9e14f930a11224b625166124f5f5d7483df14153b09e6f9a6099235b4f8ca25";
const NOT_AFTER: &str = "2036-11-25T23:49:19Z";
