use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use lwm2m_identity::{PskKey, Security};
use lwm2m_model::{Models, Node, Path, Resource, Value};
use lwm2m_ops::{Arguments, WriteMode};
use lwm2m_server::dtls_ecdsa::{Anchors, Credentials, PrivateKey};
use lwm2m_server::{CallOptions, Config, EventKind, EventStream, Handle, Server, StreamItem};
use lwm2m_store::MemoryStore;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::{Fallible, Files};

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(port: u16, files: &Files, extra: &HashMap<String, String>) -> Fallible<()> {
    let mut config = Config::default();
    config.coap = Vec::new();
    config.coaps = vec![(Ipv4Addr::LOCALHOST, port).into()];
    let key = PrivateKey::from_der(&files.read("server.key.der")?)?;
    let credentials = Credentials::x509(key, vec![files.read("server.der")?])?;
    config.security.credentials = Some(credentials.or_raw_public_key());
    config.security.anchors = Anchors::from_der([files.read("ca.der")?])?;
    if let Some(len) = extra.get("cid") {
        config.security.connection_id = len.parse()?;
    }
    let server = Server::start(config, MemoryStore::new(), Arc::new(Models::builtin())).await?;
    let handle = server.handle();
    let psk = Security::Psk {
        identity: files.read("psk.identity")?.into(),
        key: PskKey::new(&files.psk()?)?,
    };
    handle.set_security("device-psk", &[psk]).await?;
    let key = files.read("client.pub.der")?.into();
    let rpk = Security::RawPublicKey { key };
    handle.set_security("device-rpk", &[rpk]).await?;
    let name = "device-1".to_owned();
    handle
        .set_security("device-1", &[Security::X509 { name }])
        .await?;
    let mut events = handle.events(None);
    println!("ready");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Some(line) = line? else { return Ok(()) };
                let handle = handle.clone();
                tokio::spawn(async move {
                    match command(&handle, &line).await {
                        Ok(said) => println!("{said}"),
                        Err(error) => println!("failed {error}"),
                    }
                });
            }
            () = tell(&mut events) => return Ok(()),
        }
    }
}

async fn tell(events: &mut EventStream) {
    while let Some(item) = events.next().await {
        let StreamItem::Event(event) = item else {
            continue;
        };
        let ep = event.endpoint.as_deref().unwrap_or("-");
        match &event.kind {
            EventKind::RegistrationCreated { registration, .. } => {
                println!("registered {ep} /rd/{}", registration.id());
            }
            EventKind::RegistrationUpdated { .. } => println!("updated {ep}"),
            EventKind::RegistrationRemoved { reason, .. } => {
                println!("deregistered {ep} {reason:?}");
            }
            EventKind::ObservationNotified { path, node, .. } => {
                println!("notified {path} {node:?}");
            }
            EventKind::OperationDone { .. } | EventKind::ObservationStarted { .. } => {}
            other => println!("{} {other:?}", other.name()),
        }
    }
}

async fn command(handle: &Handle, line: &str) -> Fallible<String> {
    let mut words = line.splitn(4, ' ');
    let mut word = || words.next().ok_or("a word is missing");
    let (name, ep, path): (_, _, Path) = (word()?, word()?, word()?.parse()?);
    let options = CallOptions::default();
    Ok(match name {
        "read" => format!("CONTENT {:?}", handle.read(ep, path, options).await?.node),
        "observe" => format!(
            "CONTENT {:?}",
            handle.observe(ep, path, options).await?.node
        ),
        "write" => {
            let id = path.resource_id().ok_or("only resources are written")?;
            let value = Value::String(word()?.to_owned());
            let node = Node::Resource(Resource::single(id, value));
            let mode = WriteMode::Replace;
            handle.write(ep, path, mode, &node, options).await?;
            "CHANGED".to_owned()
        }
        "execute" => {
            let none = Arguments::default();
            handle.execute(ep, path, none, options).await?;
            "CHANGED".to_owned()
        }
        _ => return Err(format!("no such command: {line}").into()),
    })
}
