//! The program against a server with DTLS: the examples of its help, and what failing says.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use lwm2m_identity::material::{Item, PublicKey, read};
use lwm2m_identity::{PskKey, Security};
use lwm2m_model::Models;
use lwm2m_server::dtls_ecdsa::{Anchors, Credentials, PrivateKey};
use lwm2m_server::{Config, Handle, Server};
use lwm2m_store::MemoryStore;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lwm2m-client");
const KEY: &str = "hex:a1b2c3d4e5f60718293a4b5c6d7e8f90";

/// A P-256 key and a certificate of it by the authority `ca`, as files; `None` where there is no `openssl`.
fn make(folder: &Path, name: &str) -> Option<(Vec<u8>, Vec<u8>, PublicKey)> {
    let script = format!(
        "[ -e ca.pem ] || {{ openssl ecparam -name prime256v1 -genkey -noout -out ca.key && \
         openssl req -x509 -key ca.key -subj /CN=ca -days 30 -out ca.pem; }} && \
         openssl ecparam -name prime256v1 -genkey -noout -out {name}.key && \
         openssl req -new -key {name}.key -subj /CN={name} -out {name}.csr && \
         echo basicConstraints=CA:FALSE > leaf && \
         openssl x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile leaf -days 30 \
         -out {name}.pem && openssl ec -in {name}.key -pubout -out {name}.pub"
    );
    let made = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder)
        .output()
        .unwrap();
    if !made.status.success() {
        eprintln!("SKIPPED: the examples with key pairs, since openssl is not installed");
        return None;
    }
    let file =
        |end: &str| read(&std::fs::read(folder.join(format!("{name}.{end}"))).unwrap()).unwrap();
    let key = file("key").private_key().unwrap();
    let certificate = file("pem").certificates().unwrap().remove(0);
    assert!(matches!(file("pub").items[..], [Item::PublicKey(_)]));
    Some((
        key.to_pkcs8().to_vec(),
        certificate.der().to_vec(),
        key.public_key().clone(),
    ))
}

async fn start(folder: &Path) -> (Server, Handle, SocketAddr, bool) {
    let [server, pump, gate] = ["localhost", "pump", "gate"].map(|name| make(folder, name));
    let mut config = Config::default();
    config.coap.clear();
    config.coaps = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    config.shards = 1;
    if let Some((key, certificate, _)) = &server {
        let key = PrivateKey::from_der(key).unwrap();
        let own = Credentials::x509(key, vec![certificate.clone()]).unwrap();
        config.security.credentials = Some(own.or_raw_public_key());
        let ca = std::fs::read(folder.join("ca.pem")).unwrap();
        let ca = read(&ca).unwrap().certificates().unwrap().remove(0);
        config.security.anchors = Anchors::from_der([ca.der()]).unwrap();
    }
    let server = Server::start(config, MemoryStore::new(), Arc::new(Models::builtin()))
        .await
        .unwrap();
    let handle = server.handle();
    let key = || {
        PskKey::new(&[
            0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07, 0x18, 0x29, 0x3a, 0x4b, 0x5c, 0x6d, 0x7e,
            0x8f, 0x90,
        ])
        .unwrap()
    };
    let psk = |identity: &'static str| Security::Psk {
        identity: identity.into(),
        key: key(),
    };
    handle
        .set_security("lamp", &[psk("lamp"), psk("lamp-key")])
        .await
        .unwrap();
    handle
        .set_security(
            "gate",
            &[Security::X509 {
                name: "gate".into(),
            }],
        )
        .await
        .unwrap();
    if let Some((_, _, key)) = &pump {
        let pump = Security::RawPublicKey {
            key: key.spki().clone(),
        };
        handle.set_security("pump", &[pump]).await.unwrap();
    }
    let address = handle.info().addresses[0];
    (server, handle, address, pump.is_some() && gate.is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secured_examples_of_the_help() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().to_owned();
    let (server, handle, address, pairs) = start(&folder).await;
    // As the examples name them.
    std::fs::write(folder.join("lamp.psk"), format!("{KEY}\n")).unwrap();
    if pairs {
        std::fs::rename(folder.join("localhost.pub"), folder.join("server.pub")).unwrap();
        std::fs::rename(folder.join("localhost.pem"), folder.join("server.pem")).unwrap();
    }
    let help = Command::new(PROGRAM).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, examples) = help.split_once("Examples:\n").unwrap();
    let examples: Vec<String> = examples
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| line.contains("coaps://") && (pairs || !line.contains("--key")))
        .collect();
    assert!(examples.len() >= 2, "{help}");
    for example in examples {
        let line = example
            .replace("127.0.0.1:5684", &address.to_string())
            .replace("lwm2m-client", PROGRAM);
        let line = if line.contains('|') {
            line
        } else {
            format!("printf 'wait\\nquit\\n' | {line}")
        };
        let (shell, folder) = (line.clone(), folder.clone());
        let run = tokio::task::spawn_blocking(move || {
            Command::new("sh")
                .args(["-c", &shell])
                .current_dir(folder)
                .output()
                .unwrap()
        });
        let mut events = handle.events(None);
        let output = run.await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{line}\n{told}");
        let mut names = Vec::new();
        while let Some(item) = events.take() {
            if let lwm2m_server::StreamItem::Event(event) = item {
                names.push(event.kind.name());
            }
        }
        for name in [
            "session.opened",
            "registration.created",
            "registration.removed",
        ] {
            assert!(names.contains(&name), "{line}\n{names:?}\n{told}");
        }
        assert!(!told.contains("a1b2c3d4"), "{told}");
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_a_failure_of_security() {
    let place = tempfile::tempdir().unwrap();
    let (server, _, address, _) = start(place.path()).await;
    let uri = format!("coaps://{address}");
    let script = format!(
        "printf 'text:not the right key\\nregister\\nquit\\n' | {PROGRAM} --server {uri} --endpoint lamp --psk-stdin"
    );
    let run = tokio::task::spawn_blocking(move || {
        Command::new("sh").args(["-c", &script]).output().unwrap()
    });
    let output = run.await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(
        told.contains("does not accept the device's identity or key"),
        "{told}"
    );
    server.shutdown().await;
}
