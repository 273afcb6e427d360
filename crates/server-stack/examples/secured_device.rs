//! A device with a pre-shared key registers on a server, both in one program and in virtual time.
//!
//! `cargo run -p server-stack --example secured_device`

use core::net::SocketAddr;
use std::sync::Arc;

use dtls_core::{Answer, Connect, Datagram, Endpoint, Path, Question, Secret};
use dtls_psk::{Psk, dtls_core};
use lwm2m_identity::{Credential, DeviceRecord};
use lwm2m_store::{Batch, MemoryRecords};
use registry_core::{EffectResult, Registry};
use sansio::{DatagramBuf, Instant, Rng};
use server_stack::{Config, Effect, Event, Security, ServerStack, Target};

const KEY: &[u8] = b"16 random bytes!";

fn main() {
    let now = Instant::ZERO;
    let mut config = Config::default();
    config.security = Some(Security::new(vec![0], Arc::new(Psk::server())));
    let mut stack = ServerStack::new(config, [1; 32], now);
    let mut registry = Registry::new(Default::default(), 0, [2; 32], now);
    let mut store = MemoryRecords::new();

    // The endpoint `lamp` has to prove the identity `lamp-key`.
    let mut record = DeviceRecord::default();
    let identity = "lamp-key".into();
    record.credentials.push(Credential::Psk { identity });
    let mut batch = Batch::new();
    batch.put(DeviceRecord::key("lamp"), record.encode(), None);
    store.commit(batch).expect("an empty store takes it");

    let here = Target {
        local_endpoint: 0,
        address: SocketAddr::from(([192, 0, 2, 1], 40_000)),
    };
    let server = Path {
        local_endpoint: 0,
        address: SocketAddr::from(([203, 0, 113, 1], 5684)),
    };
    let suites = Arc::new(Psk::client(b"lamp-key", KEY).expect("an identity and a key"));
    let mut device = Endpoint::new(now, Default::default(), None, Rng::from_seed([3; 32]));
    device
        .connect(now, server, suites, Connect::default())
        .expect("the first handshake");

    let register = b"\x42\x02\x12\x34\x9a\x01\xb2rd\x11\x28\x37ep=lamp\x06lt=300\x09lwm2m=1.1\xff</1/0>,</3/0>";
    loop {
        // From the device to the server.
        let mut memory = [0; 1500];
        let mut out = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
        let mut quiet = true;
        while device.poll_transmit(now, &mut out).is_some() {
            quiet = false;
            stack.handle_datagram(now, here, out.bytes_mut());
        }
        while let Some(event) = device.poll_event() {
            if let dtls_core::Event::Connected { peer, suite, .. } = event {
                println!("device: a session by {suite}");
                out.clear();
                out.space()[..register.len()].copy_from_slice(register);
                out.set_len(register.len());
                device.seal(peer, &mut out).expect("a session");
                stack.handle_datagram(now, here, out.bytes_mut());
            }
        }
        // What the server asks of the world.
        while let Some(effect) = stack.poll_effect() {
            match effect {
                Effect::Credential {
                    ticket,
                    question: Question::Psk { identity, .. },
                    ..
                } => {
                    let known = identity == b"lamp-key";
                    let key = known.then(|| Secret::new(KEY));
                    stack.handle_credential(now, ticket, Answer::Psk(key));
                }
                Effect::Registry { ticket, op, .. } => registry.handle(now, ticket, op),
                _ => {}
            }
        }
        while let Some(effect) = registry.poll_effect() {
            let ticket = effect.ticket();
            let result = match effect {
                registry_core::Effect::Load { key, .. } => {
                    EffectResult::Loaded(Ok(store.load(&key)))
                }
                registry_core::Effect::Commit { batch, .. } => {
                    EffectResult::Committed(store.commit(batch))
                }
            };
            registry.handle_effect(now, ticket, result);
        }
        while let Some(outcome) = registry.poll_outcome() {
            stack.handle_registry(now, &outcome);
        }
        while let Some(event) = stack.poll_event() {
            if let Event::SessionOpened {
                identity, target, ..
            } = event
            {
                println!("server: {target} has proven {identity:?}");
            }
        }
        // From the server to the device.
        while let Some(_transmit) = stack.poll_transmit(now, &mut out) {
            quiet = false;
            let mut datagram = Datagram::new(server, out.bytes_mut());
            while let Some((_, message)) = device.handle_datagram(now, &mut datagram) {
                let code = message.get(1).copied().unwrap_or_default();
                println!("device: the answer is {}.{:02}", code >> 5, code & 0x1f);
            }
        }
        if quiet {
            break;
        }
    }
    let registered = registry.by_endpoint("lamp").expect("the lamp registered");
    println!(
        "server: {} is registered as {}",
        registered.endpoint(),
        registered.id()
    );
}
