//! The message layer against a scripted peer, byte by byte: RFC 7252 §4.

mod support;

use coap_codec::{Code, Message, OptionNumber, Request, Response, Type};
use coap_endpoint::{Config, Event, Failure, PeerInfo, RequestError, RequestOptions};
use sansio::Instant;
use support::*;

const PATH: OptionNumber = OptionNumber::URI_PATH;

fn get() -> Request {
    Request::new(Code::GET).path("/3/0/9")
}

fn mid(bytes: &[u8]) -> u16 {
    Message::decode(bytes).unwrap().message_id()
}

fn token(bytes: &[u8]) -> Vec<u8> {
    Message::decode(bytes).unwrap().token().to_vec()
}

fn failure(event: Event) -> Failure {
    match event {
        Event::Failed { failure, .. } => failure,
        other => panic!("{other:?}"),
    }
}

/// RFC 7252 §4.2: sent at 0, 2, 6, 14 and 30 s, given up at 62 s, identical every time.
#[test]
fn retransmission_times() {
    let mut script = Script::new();
    script.request(get());
    script.pass(secs(61));
    let times: Vec<u64> = script.sent.iter().map(|(at, _)| at.as_micros()).collect();
    assert_eq!(times, [0, 2_000_000, 6_000_000, 14_000_000, 30_000_000]);
    assert!(
        script
            .sent
            .iter()
            .all(|(_, bytes)| *bytes == script.sent[0].1)
    );
    script.expect_no_event();
    script.pass(secs(1));
    assert_eq!(failure(script.event()), Failure::NoAcknowledgement);
    assert_eq!(script.sent.len(), 5);
    script.expect_empty_after_lifetimes();
}

/// RFC 7252 §4.2: the first time-out lies in 2 to 3 s, at random, and doubles.
#[test]
fn jitter_is_within_bounds_and_not_constant() {
    let mut firsts = Vec::new();
    for seed in 0..50 {
        let mut endpoint =
            coap_endpoint::Endpoint::new(Config::default(), [seed; 32], Instant::ZERO);
        endpoint.open_peer(Instant::ZERO, PEER, verified());
        let mut script = Script {
            endpoint,
            now: Instant::ZERO,
            sent: Default::default(),
        };
        script.request(get());
        script.pass(secs(100));
        let times: Vec<u64> = script
            .sent
            .iter()
            .map(|(at, _)| at.as_micros() / 1000)
            .collect();
        let first = times[1];
        assert!((2000..=3001).contains(&first), "{first}");
        for (index, factor) in [(2, 3), (3, 7), (4, 15)] {
            let expected = first * factor;
            assert!(times[index].abs_diff(expected) <= 20, "{times:?}");
        }
        firsts.push(first);
    }
    firsts.sort_unstable();
    firsts.dedup();
    assert!(firsts.len() > 40, "{firsts:?}");
}

/// RFC 7252 Figure 2 and Appendix A: a piggybacked response ends everything.
#[test]
fn piggybacked_response() {
    let mut script = Script::new();
    let id = script.request(get());
    let sent = script.take();
    assert_eq!(
        sent[..2],
        [0x48, 0x01],
        "Confirmable GET with a token of 8 bytes"
    );
    assert_eq!(sent[12..], *b"\xb13\x010\x019");
    script.feed(&ack(Code::CONTENT, mid(&sent), &token(&sent), &[], b"100"));
    assert_eq!(script.answered(id).payload, "100");
    script.pass(secs(100));
    script.expect_silence();
    // The same once more finds nobody.
    script.feed(&ack(Code::CONTENT, mid(&sent), &token(&sent), &[], b"100"));
    script.expect_no_event();
    script.expect_silence();
    script.expect_empty_after_lifetimes();
}

/// RFC 7252 Figure 5: acknowledged first, answered in a Confirmable message later; the answer that is
/// repeated because our acknowledgement was lost is acknowledged again and told once.
#[test]
fn separate_response_to_us() {
    let mut script = Script::new();
    let id = script.request(get());
    let sent = script.take();
    script.feed(&empty(Type::Acknowledgement, mid(&sent)));
    script.pass(secs(30));
    script.expect_silence();
    let answer = con(Code::CONTENT, 0xad7b, &token(&sent), &[], b"22.3 C");
    script.feed(&answer);
    script.expect(&empty(Type::Acknowledgement, 0xad7b));
    assert_eq!(script.answered(id).payload, "22.3 C");
    script.pass(secs(3));
    script.feed(&answer);
    script.expect(&empty(Type::Acknowledgement, 0xad7b));
    script.expect_no_event();
    script.expect_empty_after_lifetimes();
}

/// RFC 7252 §5.2.2: a separate response acknowledges the request, whose acknowledgement was lost.
#[test]
fn separate_response_is_an_implicit_acknowledgement() {
    for ty in [Type::Confirmable, Type::NonConfirmable] {
        let mut script = Script::new();
        let id = script.request(get());
        let sent = script.take();
        script.feed(&message(ty, Code::CONTENT, 1, &token(&sent), &[], b"x"));
        script.answered(id);
        if ty == Type::Confirmable {
            script.expect(&empty(Type::Acknowledgement, 1));
        }
        script.pass(secs(100));
        script.expect_silence();
    }
}

#[test]
fn acknowledged_but_never_answered() {
    let mut script = Script::new();
    script.request(get());
    let sent = script.take();
    script.feed(&empty(Type::Acknowledgement, mid(&sent)));
    script.pass(secs(92));
    script.expect_no_event();
    script.pass(secs(2));
    assert_eq!(failure(script.event()), Failure::NoResponse);
    script.expect_silence();
    script.expect_empty_after_lifetimes();
}

#[test]
fn reset_of_our_request() {
    let mut script = Script::new();
    script.request(get());
    let sent = script.take();
    script.feed(&empty(Type::Reset, mid(&sent)));
    assert_eq!(failure(script.event()), Failure::Reset);
    script.pass(secs(100));
    script.expect_silence();
}

/// RFC 7252 §4.3: a request sent Non-confirmable goes out once; a Reset of it is understood.
#[test]
fn non_confirmable_request() {
    let mut script = Script::new();
    for reset in [false, true] {
        let options = RequestOptions::non_confirmable();
        script
            .endpoint
            .request(script.now, PEER, get(), options)
            .unwrap();
        let sent = script.take();
        assert_eq!(sent[0] >> 4, 0x5);
        if reset {
            script.feed(&empty(Type::Reset, mid(&sent)));
            assert_eq!(failure(script.event()), Failure::Reset);
        } else {
            script.pass(secs(94));
            assert_eq!(failure(script.event()), Failure::NoResponse);
        }
        script.expect_silence();
    }
    script.expect_empty_after_lifetimes();
}

/// RFC 7252 §4.7: NSTART = 1; the others wait for their turn and go when it comes.
#[test]
fn one_confirmable_message_at_a_time() {
    let mut script = Script::new();
    let ids: Vec<_> = (0..3).map(|_| script.request(get())).collect();
    let first = script.take();
    script.expect_silence();
    // An acknowledgement frees the place, an answer is not needed.
    script.feed(&empty(Type::Acknowledgement, mid(&first)));
    let second = script.take();
    script.expect_silence();
    script.feed(&ack(
        Code::CONTENT,
        mid(&second),
        &token(&second),
        &[],
        b"2",
    ));
    script.answered(ids[1]);
    let third = script.take();
    script.feed(&empty(Type::Reset, mid(&third)));
    assert_eq!(failure(script.event()), Failure::Reset);
    script.feed(&non(Code::CONTENT, 9, &token(&first), &[], b"1"));
    script.answered(ids[0]);
    script.expect_empty_after_lifetimes();
}

#[test]
fn queue_is_bounded() {
    let mut config = exact();
    config.limits.queue_per_peer = 2;
    let mut script = Script::with(config, verified());
    let ids: Vec<_> = (0..3).map(|_| script.request(get())).collect();
    let refused = script
        .endpoint
        .request(script.now, PEER, get(), RequestOptions::default());
    assert_eq!(refused, Err(RequestError::QueueFull));
    // A cancelled one makes room, whether it waits or is under way.
    script.endpoint.cancel(script.now, ids[2]);
    script.request(get());
    script.endpoint.cancel(script.now, ids[0]);
    assert_eq!(script.endpoint.tables().queued, 1);
    script.expect_empty_after_lifetimes();
}

/// RFC 7252 §4.5: a repeated request is answered with the same bytes, for 247 s.
#[test]
fn duplicate_request_gets_the_same_bytes() {
    let mut script = Script::with(Config::default(), verified());
    let request = con(Code::GET, 0x7d34, b"\x20", &[(PATH, b"temperature")], b"");
    script.feed(&request);
    let (exchange, ..) = script.requested();
    // While it is being worked on, a repetition is ignored.
    script.feed(&request);
    script.expect_silence();
    script.respond(exchange, Response::new(Code::CONTENT).payload("22.3 C"));
    let answer = ack(Code::CONTENT, 0x7d34, b"\x20", &[], b"22.3 C");
    script.expect(&answer);
    for _ in 0..4 {
        script.pass(secs(60));
        script.feed(&request);
        script.expect(&answer);
        script.expect_no_event();
    }
    script.pass(secs(8));
    script.feed(&request);
    script.requested();
}

/// RFC 7252 §4.5, §4.8.2: a repeated Non-confirmable request is dropped, for 145 s.
#[test]
fn duplicate_non_confirmable_request() {
    let mut script = Script::with(Config::default(), verified());
    let request = non(Code::GET, 0x7d34, b"\x20", &[], b"");
    script.feed(&request);
    let (exchange, ..) = script.requested();
    script.respond(exchange, Response::new(Code::CONTENT).payload("1"));
    let answer = script.take();
    assert_eq!(answer[0], 0x51, "Non-confirmable as the request");
    script.feed(&request);
    script.expect_silence();
    script.pass(secs(144));
    script.feed(&request);
    script.expect_no_event();
    script.pass(secs(2));
    script.feed(&request);
    script.requested();
}

/// RFC 7252 §5.2.2: acknowledged when the application takes its time, answered in a message of its own.
#[test]
fn separate_response_from_us() {
    let mut script = Script::new();
    let request = con(Code::GET, 5, b"abc", &[], b"");
    script.feed(&request);
    let (exchange, ..) = script.requested();
    script.pass(millis(999));
    script.expect_silence();
    script.pass(millis(2));
    script.expect(&empty(Type::Acknowledgement, 5));
    script.feed(&request);
    script.expect(&empty(Type::Acknowledgement, 5));
    script.respond(exchange, Response::new(Code::CONTENT).payload("late"));
    let answer = script.take();
    let told = Message::decode(&answer).unwrap();
    assert_eq!(
        (told.ty(), told.code(), told.token()),
        (Type::Confirmable, Code::CONTENT, &b"abc"[..])
    );
    assert_eq!(told.payload(), b"late");
    // Repeated until acknowledged.
    script.pass(secs(2));
    script.expect(&answer);
    script.feed(&request);
    script.expect(&empty(Type::Acknowledgement, 5));
    script.feed(&empty(Type::Acknowledgement, told.message_id()));
    script.pass(secs(100));
    script.expect_silence();
    script.expect_empty_after_lifetimes();
}

#[test]
fn unanswered_exchange_is_forgotten() {
    let mut script = Script::new();
    script.feed(&con(Code::GET, 5, b"abc", &[], b""));
    let (exchange, ..) = script.requested();
    script.pass(secs(300));
    let late = script
        .endpoint
        .respond(script.now, exchange, Response::new(Code::CONTENT));
    assert!(late.is_err());
    script.expect_empty_after_lifetimes();
}

/// RFC 7252 §4.3: an empty Confirmable message is answered with a Reset, both ways.
#[test]
fn ping_and_pong() {
    let mut script = Script::new();
    script.feed(b"\x40\x00\x12\x34");
    script.expect(b"\x70\x00\x12\x34");
    let ping = script.endpoint.ping(script.now, PEER).unwrap();
    let sent = script.take();
    assert_eq!(sent[..2], [0x40, 0x00]);
    script.feed(&empty(Type::Reset, mid(&sent)));
    assert!(matches!(script.event(), Event::Pong { request, .. } if request == ping));
    script.endpoint.ping(script.now, PEER).unwrap();
    script.pass(secs(63));
    assert_eq!(failure(script.event()), Failure::NoAcknowledgement);
    script.sent.clear();
    script.expect_empty_after_lifetimes();
}

/// Digest of RFC 7252 §4.2, §4.3: what is malformed or unwanted, and how it is answered.
#[test]
fn malformed_and_unwanted_messages() {
    /// Name, datagram, answer.
    type Row = (&'static str, &'static [u8], Option<&'static [u8]>);
    let rows: &[Row] = &[
        ("version 2", b"\x80\x01\x00\x01", None),
        ("three bytes", b"\x40\x01\x00", None),
        (
            "CON with token length 9",
            b"\x49\x01\x00\x01abcdefghi",
            Some(b"\x70\x00\x00\x01"),
        ),
        (
            "NON with token length 9",
            b"\x59\x01\x00\x01abcdefghi",
            None,
        ),
        (
            "CON with nothing after the marker",
            b"\x40\x01\x00\x02\xff",
            Some(b"\x70\x00\x00\x02"),
        ),
        (
            "empty with a token",
            b"\x41\x00\x00\x03a",
            Some(b"\x70\x00\x00\x03"),
        ),
        (
            "class 7 over UDP",
            b"\x40\xe1\x00\x04",
            Some(b"\x70\x00\x00\x04"),
        ),
        ("NON of class 7", b"\x50\xe1\x00\x04", None),
        ("empty NON", b"\x50\x00\x00\x05", None),
        ("stray acknowledgement", b"\x60\x00\x00\x06", None),
        ("stray Reset", b"\x70\x00\x00\x06", None),
        ("stray piggybacked response", b"\x61\x45\x00\x06a", None),
        (
            "CON response nobody waits for",
            b"\x41\x45\x00\x07a",
            Some(b"\x70\x00\x00\x07"),
        ),
        ("NON response nobody waits for", b"\x51\x45\x00\x07a", None),
        (
            "NON notification nobody wants",
            b"\x51\x45\x00\x08a\x61\x05",
            Some(b"\x70\x00\x00\x08"),
        ),
        ("request in an acknowledgement", b"\x60\x01\x00\x09", None),
    ];
    for (what, bytes, answer) in rows {
        let mut script = Script::new();
        script.feed(bytes);
        if let Some(answer) = answer {
            script.expect(answer);
        }
        script.expect_silence();
        script.expect_no_event();
        assert_eq!(
            script.endpoint.tables().dedup,
            0,
            "{what} is not remembered"
        );
    }
}

/// RFC 7967 §2.1: 2 suppresses 2.xx, 8 suppresses 4.xx, 16 suppresses 5.xx.
#[test]
fn no_response() {
    let rows = [
        (2u8, Code::CONTENT, true),
        (2, Code::NOT_FOUND, false),
        (8, Code::NOT_FOUND, true),
        (16, Code::INTERNAL_SERVER_ERROR, true),
        (26, Code::CHANGED, true),
        (24, Code::CHANGED, false),
        (0, Code::CHANGED, false),
    ];
    for (bits, code, suppressed) in rows {
        let value: &[u8] = if bits == 0 { &[] } else { &[bits] };
        let options = [(OptionNumber::NO_RESPONSE, value)];
        let mut script = Script::new();
        script.feed(&con(Code::GET, 1, b"t", &options, b""));
        let (exchange, request, _) = script.requested();
        assert!(request.options.is_empty());
        script.respond(exchange, Response::new(code));
        match suppressed {
            true => script.expect(&empty(Type::Acknowledgement, 1)),
            false => script.expect(&ack(code, 1, b"t", &[], b"")),
        }
        script.feed(&non(Code::GET, 2, b"t", &options, b""));
        let (exchange, ..) = script.requested();
        script.respond(exchange, Response::new(code));
        assert_eq!(
            script.sent.pop_front().is_none(),
            suppressed,
            "{bits} {code}"
        );
    }
}

#[test]
fn closing_a_peer_fails_everything() {
    let mut script = Script::new();
    let one = script.request(get());
    let two = script.request(get());
    script.feed(&con(Code::GET, 1, b"t", &[], b""));
    let (exchange, ..) = script.requested();
    script.sent.clear();
    script
        .endpoint
        .close_peer(script.now, PEER, coap_endpoint::CloseReason::SessionEnded);
    let mut failed = Vec::new();
    while let Some(event) = script.try_event() {
        match event {
            Event::Failed {
                request, failure, ..
            } => {
                assert_eq!(failure, Failure::PeerClosed);
                failed.push(request);
            }
            other => panic!("{other:?}"),
        }
    }
    failed.sort_unstable();
    assert_eq!(failed, [one, two]);
    assert!(
        script
            .endpoint
            .respond(script.now, exchange, Response::new(Code::CONTENT))
            .is_err()
    );
    assert!(script.endpoint.tables().is_quiet());
    assert_eq!(script.endpoint.tables().peers, 0);
    assert_eq!(script.endpoint.tables().timers, 0);
    script.pass(secs(300));
    script.expect_silence();
    assert_eq!(script.endpoint.poll_timeout(), None);
}

/// A peer of which nothing is remembered is told once, and again after it was active.
#[test]
fn idle_peers_are_told() {
    let mut script = Script::with(Config::default(), verified());
    let idle = |script: &mut Script| {
        let mut count = 0;
        while let Some(event) = script.endpoint.poll_event() {
            count += usize::from(matches!(event, Event::PeerIdle { .. }));
        }
        count
    };
    script.feed(&con(Code::GET, 1, b"t", &[], b""));
    let (exchange, ..) = script.requested();
    script.respond(exchange, Response::new(Code::CONTENT));
    script.pass(secs(246));
    assert_eq!(idle(&mut script), 0);
    script.pass(secs(2));
    assert_eq!(idle(&mut script), 1);
    assert!(script.endpoint.is_idle(PEER));
    script.pass(secs(1000));
    assert_eq!(idle(&mut script), 0);
    // Message ids that were used keep the slot until they are free again.
    let id = script.request(get());
    let sent = script.sent.pop_back().unwrap().1;
    script.feed(&ack(Code::CONTENT, mid(&sent), &token(&sent), &[], b""));
    script.answered(id);
    script.pass(secs(240));
    assert_eq!(idle(&mut script), 0);
    script.pass(secs(200));
    assert_eq!(idle(&mut script), 1);
}

#[test]
fn peers_beyond_the_limit_are_not_opened() {
    let mut config = exact();
    config.limits.peers = 4;
    let mut script = Script::with(config, verified());
    let beyond = sansio::Peer::new(4, 0);
    assert!(
        !script
            .endpoint
            .open_peer(script.now, beyond, PeerInfo::default())
    );
    script.feed_from(beyond, b"\x40\x01\x00\x01");
    script.expect_silence();
    // A slot used again is another peer.
    let next = sansio::Peer::new(0, 1);
    script.feed(b"\x40\x01\x00\x01");
    script.requested();
    assert!(script.endpoint.open_peer(script.now, next, verified()));
    assert!(!script.endpoint.is_open(PEER));
    script.feed_from(next, b"\x40\x01\x00\x01");
    script.requested();
}

/// RFC 7252 §8.1, §8.2: no error, no Reset; a success within the leisure time.
#[test]
fn multicast() {
    let info = PeerInfo {
        multicast: true,
        ..verified()
    };
    let mut script = Script::with(exact(), info);
    script.feed(&con(Code::GET, 1, b"t", &[], b""));
    script.feed(b"\x40\x00\x12\x34");
    script.feed(b"\x40\x01\x00\x02\xff");
    script.expect_no_event();
    script.expect_silence();
    for (mid, code) in [(3, Code::CONTENT), (4, Code::NOT_FOUND)] {
        script.feed(&non(Code::GET, mid, b"t", &[], b""));
        let (exchange, ..) = script.requested();
        script.respond(exchange, Response::new(code));
        script.pass(secs(5));
        assert_eq!(script.sent.len(), usize::from(code.is_success()));
        script.sent.clear();
    }
    script.expect_empty_after_lifetimes();
}
