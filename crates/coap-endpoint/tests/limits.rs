//! Every bound of `Limits`, and what goes when it is reached.

mod support;

use coap_codec::{Code, Message, OptionNumber, Request, Response, Type};
use coap_endpoint::{Config, RequestError, RequestOptions, StrangerVerdict, answer_stranger};
use sansio::{DatagramBuf, Peer};
use support::*;

const PATH: OptionNumber = OptionNumber::URI_PATH;

fn script(change: impl FnOnce(&mut Config)) -> Script {
    let mut config = Config::default();
    change(&mut config);
    Script::with(config, verified())
}

/// The peer sends request `mid`; it is answered with `body` bytes. Whether the application saw it.
fn exchange(script: &mut Script, peer: Peer, mid: u16, body: usize) -> bool {
    script.feed_from(peer, &con(Code::GET, mid, b"t", &[], b""));
    match script.try_event() {
        Some(coap_endpoint::Event::Request { exchange, .. }) => {
            script.respond(
                exchange,
                Response::new(Code::CONTENT).payload(vec![0; body]),
            );
            script.sent.clear();
            true
        }
        Some(other) => panic!("{other:?}"),
        None => false,
    }
}

#[test]
fn dedup_per_peer() {
    let mut script = script(|config| config.limits.dedup_per_peer = 2);
    for mid in 1..=3 {
        assert!(exchange(&mut script, PEER, mid, 0));
    }
    assert_eq!(script.endpoint.tables().dedup, 2);
    assert!(!exchange(&mut script, PEER, 3, 0));
    assert!(!exchange(&mut script, PEER, 2, 0));
    assert!(
        exchange(&mut script, PEER, 1, 0),
        "the oldest was forgotten"
    );
    assert_eq!(script.endpoint.stats().dedup_evicted, 2);
}

/// Of answers that take too much room the bytes go, not the knowledge that the message was there.
#[test]
fn dedup_bytes_per_peer() {
    let mut script = script(|config| config.limits.dedup_bytes_per_peer = 1500);
    for mid in 1..=3 {
        assert!(exchange(&mut script, PEER, mid, 700));
    }
    let tables = script.endpoint.tables();
    assert_eq!(tables.dedup, 3);
    assert!(tables.dedup_bytes <= 1500);
    for (mid, answered) in [(1, false), (2, true), (3, true)] {
        assert!(!exchange(&mut script, PEER, mid, 700));
        assert_eq!(script.sent.pop_front().is_some(), answered);
    }
}

#[test]
fn dedup_in_total() {
    let others = [Peer::new(1, 0), Peer::new(2, 0)];
    for by_bytes in [false, true] {
        let mut script = script(|config| match by_bytes {
            false => config.limits.dedup_total = 2,
            true => config.limits.dedup_bytes_total = 1000,
        });
        for peer in others {
            script.endpoint.open_peer(script.now, peer, verified());
        }
        for peer in [PEER, others[0], others[1]] {
            assert!(exchange(&mut script, peer, 1, 400));
        }
        assert_eq!(script.endpoint.tables().dedup, 2);
        assert!(!exchange(&mut script, others[0], 1, 400));
        assert!(
            exchange(&mut script, PEER, 1, 400),
            "the oldest of all was forgotten"
        );
        script.expect_empty_after_lifetimes();
    }
}

#[test]
fn exchanges() {
    for in_total in [false, true] {
        let mut script = script(|config| match in_total {
            false => config.limits.exchanges_per_peer = 2,
            true => config.limits.exchanges_total = 2,
        });
        for mid in 1..=3 {
            script.feed(&con(Code::GET, mid, b"t", &[], b""));
        }
        script.expect(&ack(
            Code::SERVICE_UNAVAILABLE,
            3,
            b"t",
            &[(OptionNumber::MAX_AGE, b"\x0a")],
            b"",
        ));
        let (first, ..) = script.requested();
        script.respond(first, Response::new(Code::CONTENT));
        script.feed(&con(Code::GET, 4, b"t", &[], b""));
        script.requested();
        script.requested();
        assert_eq!(script.endpoint.stats().overloads, 1);
        script.expect_empty_after_lifetimes();
    }
}

#[test]
fn requests() {
    for in_total in [false, true] {
        let mut script = script(|config| match in_total {
            false => config.limits.requests_per_peer = 2,
            true => config.limits.requests_total = 2,
        });
        let first = script.request(Request::new(Code::GET));
        script.request(Request::new(Code::GET));
        let ask = |script: &mut Script| {
            let options = RequestOptions::default();
            script
                .endpoint
                .request(script.now, PEER, Request::new(Code::GET), options)
        };
        assert_eq!(ask(&mut script), Err(RequestError::TooManyRequests));
        assert_eq!(
            script.endpoint.ping(script.now, PEER),
            Err(RequestError::TooManyRequests)
        );
        script.endpoint.cancel(script.now, first);
        assert!(ask(&mut script).is_ok());
        script.expect_empty_after_lifetimes();
    }
}

#[test]
fn requests_that_cannot_be_sent() {
    let mut script = Script::new();
    let mut ask = |peer, request| {
        let options = RequestOptions::default();
        script
            .endpoint
            .request(script.now, peer, request, options)
            .map(|_| ())
    };
    let unknown = Peer::new(5, 0);
    assert_eq!(
        ask(unknown, Request::new(Code::GET)),
        Err(RequestError::UnknownPeer)
    );
    assert_eq!(
        ask(PEER, Request::new(Code::CONTENT)),
        Err(RequestError::NotARequest)
    );
    let mut long = Request::new(Code::GET);
    for _ in 0..10 {
        long = long.query(&"q".repeat(250));
    }
    assert_eq!(ask(PEER, long), Err(RequestError::TooLarge));
    script.expect_silence();
    script.expect_no_event();
    assert!(script.endpoint.tables().is_quiet());
}

/// A large body that was dropped is asked of the application again, where that does no harm.
#[test]
fn downloads() {
    for limit in 0..3 {
        let mut script = script(|config| match limit {
            0 => config.limits.downloads_per_peer = 1,
            1 => config.limits.downloads_total = 1,
            _ => config.limits.download_bytes_total = 3000,
        });
        for (mid, path) in [(1, b"a"), (2, b"b")] {
            script.feed(&con(Code::GET, mid, b"t", &[(PATH, path)], b""));
            let (exchange, ..) = script.requested();
            script.respond(
                exchange,
                Response::new(Code::CONTENT).payload(vec![path[0]; 2000]),
            );
        }
        script.sent.clear();
        assert_eq!(script.endpoint.tables().downloads, 1);
        for (mid, path, kept) in [(3, b"b", true), (4, b"a", false)] {
            let options: [(OptionNumber, &[u8]); 2] =
                [(PATH, path), (OptionNumber::BLOCK2, b"\x16")];
            script.feed(&con(Code::GET, mid, b"t", &options, b""));
            if !kept {
                let (exchange, ..) = script.requested();
                script.respond(
                    exchange,
                    Response::new(Code::CONTENT).payload(vec![path[0]; 2000]),
                );
            }
            let bytes = script.take();
            assert_eq!(
                Message::decode(&bytes).unwrap().payload(),
                vec![path[0]; 2000 - 1024]
            );
        }
        assert_eq!(script.endpoint.stats().bodies_evicted, 1);
        script.expect_empty_after_lifetimes();
    }
}

#[test]
fn transmit_queue() {
    let mut script = script(|config| config.limits.transmit_queue = 3);
    for mid in 0..10u16 {
        script
            .endpoint
            .handle_datagram(script.now, PEER, &con(Code::EMPTY, mid, b"", &[], b""));
    }
    script.flush();
    assert_eq!(script.sent.len(), 3);
    assert_eq!(script.endpoint.stats().dropped, 7);
}

/// A buffer that is too small loses the datagram, not the endpoint.
#[test]
fn small_buffer() {
    let mut script = Script::new();
    script
        .endpoint
        .request(
            script.now,
            PEER,
            Request::new(Code::GET),
            RequestOptions::default(),
        )
        .unwrap();
    script
        .endpoint
        .handle_datagram(script.now, PEER, b"\x40\x00\x00\x01");
    let mut memory = [0; 8];
    let mut buf = DatagramBuf::new(&mut memory, 0, 0);
    let transmit = script.endpoint.poll_transmit(script.now, &mut buf).unwrap();
    assert_eq!((transmit.len, buf.bytes()), (4, &b"\x70\x00\x00\x01"[..]));
    assert_eq!(script.endpoint.poll_transmit(script.now, &mut buf), None);
    assert_eq!(script.endpoint.stats().dropped, 1);
}

/// What an address that nobody knows gets, without anything being kept of it.
#[test]
fn strangers() {
    use StrangerVerdict::{Ignore, Open, Reply};
    let rows = [
        (con(Code::GET, 1, b"t", &[], b""), Open),
        (non(Code::POST, 1, b"t", &[(PATH, b"rd")], b"x"), Open),
        (con(Code::POST, 1, b"t", &[(PATH, b"rd")], b"x"), Open),
        (con(Code(0x10), 1, b"", &[], b""), Open),
        (empty(Type::Confirmable, 1), Reply),
        (b"\x40\x01\x00\x01\xff".to_vec(), Reply),
        (con(Code::CONTENT, 1, b"t", &[], b""), Reply),
        (
            non(
                Code::CONTENT,
                1,
                b"t",
                &[(OptionNumber::OBSERVE, b"\x05")],
                b"",
            ),
            Reply,
        ),
        (non(Code::CONTENT, 1, b"t", &[], b""), Ignore),
        (ack(Code::CONTENT, 1, b"t", &[], b""), Ignore),
        (empty(Type::Acknowledgement, 1), Ignore),
        (empty(Type::Reset, 1), Ignore),
        (b"\x50\x01\x00\x01\xff".to_vec(), Ignore),
        (b"\x16\xfe\xfd\x00\x00\x00".to_vec(), Ignore),
        (b"".to_vec(), Ignore),
        (vec![0xff; 1500], Ignore),
    ];
    for (bytes, expected) in rows {
        let mut memory = [0; 64];
        let mut out = DatagramBuf::new(&mut memory, 0, 0);
        assert_eq!(answer_stranger(&bytes, &mut out), expected, "{bytes:02x?}");
        let reply: &[u8] = if expected == Reply {
            b"\x70\x00\x00\x01"
        } else {
            b""
        };
        assert_eq!(out.bytes(), reply);
    }
}
