#![no_main]
//! Whatever comes from where a client called: one handshake ends in one event, nobody connects or delivers data without
//! the key, and what the client sends is bounded.

use std::time::Duration;

use dtls_core::{Connect, Datagram, Event};
use fuzz::dtls::{self, Wire};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sansio::DatagramBuf;

#[derive(Arbitrary, Debug)]
enum Op {
    Raw(Vec<u8>),
    Records(Vec<Wire>),
    HelloVerifyRequest {
        sequence: u8,
        cookie: Vec<u8>,
    },
    ServerHello {
        sequence: u8,
        suite: u8,
        session_id: u8,
        extensions: Vec<u8>,
    },
    Wait(u16),
    Timeout,
}

fuzz_target!(|input: (bool, bool, Vec<Op>)| {
    let (connection_ids, raw, ops) = input;
    let mut client = dtls::client(connection_ids);
    let mut now = dtls::start();
    let path = dtls::path(0);
    let mut connect = Connect::default();
    connect.server_name = Some("server.example".into());
    let called = client.connect(now, path, dtls::client_suites(raw), connect);
    called.expect("nothing runs yet");
    let mut failed = 0;
    let mut datagrams = 0;
    for op in ops.into_iter().map(Some).chain([None]) {
        let mut bytes = match op {
            Some(Op::Raw(bytes)) => bytes,
            Some(Op::Records(records)) => records.iter().flat_map(Wire::bytes).collect(),
            Some(Op::HelloVerifyRequest { sequence, cookie }) => {
                let mut body = vec![0xfe, 0xff, cookie.len() as u8];
                body.extend(cookie);
                let message = dtls::fragment(3, body.len(), sequence % 4, 0, &body);
                dtls::record(22, [0xfe, 0xff], 0, sequence, &message)
            }
            Some(Op::ServerHello {
                sequence,
                suite,
                session_id,
                extensions,
            }) => {
                let mut body = vec![0xfe, 0xfd];
                body.extend([5; 32]);
                body.push(session_id % 34);
                body.extend(vec![7; usize::from(session_id % 34)]);
                body.extend([0xc0, [0xa8, 0xa4, 0xae, 0x23][usize::from(suite % 4)], 0]);
                if !extensions.is_empty() {
                    body.extend(
                        u16::try_from(extensions.len())
                            .unwrap_or(u16::MAX)
                            .to_be_bytes(),
                    );
                    body.extend(extensions);
                }
                let message = dtls::fragment(2, body.len(), sequence % 4, 0, &body);
                dtls::record(22, [0xfe, 0xfd], 0, sequence, &message)
            }
            Some(Op::Wait(millis)) => {
                now = now + Duration::from_millis(millis.into());
                Vec::new()
            }
            Some(Op::Timeout) => {
                now = client.poll_timeout().map_or(now, |next| now.max(next));
                Vec::new()
            }
            None => {
                now = now + Duration::from_secs(1000);
                Vec::new()
            }
        };
        let mut datagram = Datagram::new(path, &mut bytes);
        assert!(
            client.handle_datagram(now, &mut datagram).is_none(),
            "data without a session"
        );
        client.handle_timeout(now);
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, 0, 0);
        while client.poll_transmit(now, &mut buf).is_some() {
            datagrams += 1;
        }
        while let Some(event) = client.poll_event() {
            match event {
                Event::HandshakeFailed { .. } => failed += 1,
                other => panic!("{other:?}"),
            }
        }
        let tables = client.tables();
        assert!(tables.handshakes + failed == 1 && tables.sessions == 0);
        assert!(tables.buffered <= 2048 && tables.timers <= 1);
    }
    assert_eq!((failed, client.poll_timeout()), (1, None));
    assert_eq!(client.tables().connection_ids, 0);
    assert!(datagrams <= 64, "{datagrams} datagrams");
});
