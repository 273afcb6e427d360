//! Our client and our server over DTLS on the loopback interface, on the sockets of both.

use std::{sync::Arc, time::Duration};

use lwm2m_client::{Client, ClientBuilder, Event, Reason, Secret, SecurityFault, ServerId};
use lwm2m_identity::{PskKey, Security};
use lwm2m_model::{Models, path};
use lwm2m_server::dtls_ecdsa::{Credentials, PrivateKey};
use lwm2m_server::{CallOptions, Config, Handle, Server};
use lwm2m_store::MemoryStore;
use tokio::time::timeout;

const KEY: &[u8] = b"a key of 16 byte";
const WAIT: Duration = Duration::from_secs(20);

fn key(number: u8) -> PrivateKey {
    PrivateKey::from_scalar(&[number; 32]).unwrap()
}

/// The same key as a device keeps it (RFC 5915).
fn sec1(number: u8) -> Secret {
    let mut der = vec![0x30, 0x31, 2, 1, 1, 4, 32];
    der.extend([number; 32]);
    der.extend([0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    Secret::from(der)
}

fn psk() -> Security {
    Security::Psk {
        identity: "lamp-key".into(),
        key: PskKey::new(KEY).unwrap(),
    }
}

/// A server that knows the endpoint "lamp" by this, and a client of that name that is still to get its credentials.
async fn pair(lamp: Security) -> (Server, Handle, ClientBuilder) {
    let mut config = Config::default();
    config.coap = Vec::new();
    config.coaps = vec!["127.0.0.1:0".parse().unwrap()];
    config.security.credentials = Some(Credentials::raw_public_key(key(2)));
    let models = Arc::new(Models::builtin());
    let server = Server::start(config, MemoryStore::new(), models)
        .await
        .unwrap();
    let handle = server.handle();
    handle.set_security("lamp", &[lamp]).await.unwrap();
    let address = *handle.info().addresses.last().unwrap();
    let client = Client::builder()
        .endpoint("lamp")
        .server(format!("coaps://{address}"))
        .lifetime(300);
    (server, handle, client)
}

fn first() -> ServerId {
    ServerId::new(1).unwrap()
}

async fn is_managed(client: &Client, handle: &Handle) {
    let registered = timeout(WAIT, client.registered(first())).await;
    registered.expect("in time").unwrap();
    let read = handle.read("lamp", path!(1, 0, 1), CallOptions::default());
    timeout(WAIT, read).await.expect("in time").unwrap();
    let update = timeout(WAIT, client.update(first(), None)).await;
    update.expect("in time").unwrap();
    timeout(WAIT, client.deregister(None))
        .await
        .expect("in time")
        .unwrap();
    assert!(handle.device("lamp").is_none());
}

#[tokio::test]
async fn by_a_pre_shared_key() {
    let (_server, handle, client) = pair(psk()).await;
    let client = client.psk("lamp-key", Secret::new(KEY)).start().await;
    is_managed(&client.unwrap(), &handle).await;
}

#[tokio::test]
async fn by_raw_public_keys() {
    let lamp = Security::RawPublicKey {
        key: key(1).public_key().spki().into(),
    };
    let (_server, handle, client) = pair(lamp).await;
    let client = client.raw_public_key(sec1(1), key(2).public_key().spki());
    is_managed(&client.start().await.unwrap(), &handle).await;
}

#[tokio::test]
async fn a_device_whose_credential_is_taken_away_says_why_it_is_out() {
    let (_server, handle, client) = pair(psk()).await;
    let client = client
        .psk("lamp-key", Secret::new(KEY))
        .start()
        .await
        .unwrap();
    timeout(WAIT, client.registered(first()))
        .await
        .expect("in time")
        .unwrap();
    let mut events = client.events();
    handle.remove_security("lamp").await.unwrap();
    let reason = timeout(WAIT, async {
        loop {
            if let Event::Error { reason, .. } = events.next().await.unwrap() {
                return reason;
            }
        }
    });
    assert_eq!(
        reason.await.expect("in time"),
        Reason::Security(SecurityFault::WrongCredentials)
    );
}
