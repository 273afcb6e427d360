//! Known failures of this kind of software, one test each. Large counts are scaled down unless `LWM2M_LONG=1`.

mod support;

use std::collections::{BTreeMap, HashSet};

use coap_codec::{Block, BlockSize, Code, Message, OptionNumber, Request, Response, Type};
use coap_endpoint::{
    Config, Endpoint, Event, Failure, Notify, ObserveRequest, PeerInfo, RelationEnd, RelationId,
    RequestError, RequestId, RequestOptions,
};
use sansio::{Instant, Peer, Rng};
use support::*;

const PATH: OptionNumber = OptionNumber::URI_PATH;
const OBSERVE: OptionNumber = OptionNumber::OBSERVE;
const BLOCK1: OptionNumber = OptionNumber::BLOCK1;
const BLOCK2: OptionNumber = OptionNumber::BLOCK2;

fn scaled(whole: u32, short: u32) -> u32 {
    if long() { whole } else { short }
}

fn block(num: u32, more: bool, size: usize) -> Vec<u8> {
    let size = BlockSize::from_bytes(size).unwrap();
    Block::new(num, more, size)
        .unwrap()
        .encode(&mut [0; 4])
        .to_vec()
}

fn code(bytes: &[u8]) -> Code {
    Message::decode(bytes).unwrap().code()
}

fn get() -> Request {
    Request::new(Code::GET).path("/p")
}

/// Sends one request and returns its id, message id and token.
fn ask(script: &mut Script) -> (RequestId, u16, Vec<u8>) {
    let id = script.request(get());
    let bytes = script.sent.pop_back().unwrap().1;
    let message = Message::decode(&bytes).unwrap();
    (id, message.message_id(), message.token().to_vec())
}

/// Answers every request with an empty 2.05.
fn serve(script: &mut Script) -> usize {
    let mut served = 0;
    while let Some(event) = script.endpoint.poll_event() {
        if let Event::Request { exchange, .. } = event {
            script.respond(exchange, Response::new(Code::CONTENT));
            served += 1;
        }
    }
    served
}

// A. Parser.

#[test]
fn hostile_a14_malformed_packets_leave_nothing() {
    let mut script = Script::new();
    let bytes = b"\x44\x02\xe6\xe2\xe2\xe6\x81\x67\xb2\x72\x64\x11";
    for _ in 0..scaled(1_000_000, 10_000) {
        script.feed(bytes);
        script.expect(b"\x70\x00\xe6\xe2");
    }
    script.expect_no_event();
    assert!(script.endpoint.tables().is_quiet());
}

#[test]
fn hostile_a22_response_with_another_token_length() {
    let mut script = Script::new();
    let (id, mid, token) = ask(&mut script);
    let longer = [&token[..7], b"\0"].concat();
    for wrong in [&token[..7], &token[..0], &token[1..], &longer] {
        script.feed(&ack(Code::CONTENT, mid, wrong, &[], b"x"));
        script.expect_silence();
        script.feed(&non(Code::CONTENT, 9, wrong, &[], b"x"));
        script.expect_silence();
        script.expect_no_event();
    }
    script.feed(&ack(Code::CONTENT, mid, &token, &[], b"x"));
    script.answered(id);
}

#[test]
fn hostile_a24_observe_of_length_zero() {
    let mut script = Script::new();
    script.feed(b"\x41\x01\x00\x01t\x60\x51p");
    let (exchange, _, observe) = script.requested();
    assert_eq!(observe, Some(ObserveRequest::Register));
    assert!(
        script
            .respond_observed(exchange, Response::new(Code::CONTENT))
            .is_some()
    );
    let bytes = script.take();
    let answer = Message::decode(&bytes).unwrap();
    assert_eq!(answer.code(), Code::CONTENT);
    assert!(answer.options().observe().is_some());
}

#[test]
fn hostile_a26_generated_and_mutated_datagrams() {
    let mut script = Script::new();
    let mut rng = Rng::from_seed([26; 32]);
    let seeds: Vec<Vec<u8>> = vec![
        con(
            Code::GET,
            1,
            b"tok",
            &[(OBSERVE, b""), (PATH, b"3"), (PATH, b"0")],
            b"",
        ),
        con(
            Code::PUT,
            2,
            b"tok",
            &[(PATH, b"3"), (BLOCK1, b"\x08")],
            &[0; 16],
        ),
        con(Code::GET, 3, b"", &[(PATH, b"3"), (BLOCK2, b"\x16")], b""),
        non(
            Code::POST,
            4,
            b"x",
            &[(PATH, b"rd"), (OptionNumber::NO_RESPONSE, b"\x1a")],
            b"payload",
        ),
        ack(
            Code::CONTENT,
            5,
            b"12345678",
            &[(OBSERVE, b"\x05"), (BLOCK2, b"\x08")],
            &[0; 16],
        ),
        empty(Type::Reset, 6),
        empty(Type::Acknowledgement, 7),
    ];
    let count = scaled(100_000_000, 100_000);
    for round in 0..count {
        let bytes = match rng.below(3) {
            0 => {
                let mut bytes = vec![0; rng.below(48) as usize];
                rng.fill(&mut bytes);
                bytes
            }
            kind => {
                let mut bytes = seeds[rng.below(seeds.len() as u32) as usize].clone();
                for _ in 0..kind {
                    let at = rng.below(bytes.len() as u32) as usize;
                    bytes[at] = rng.next_u32() as u8;
                }
                // Other message ids, or most would be duplicates.
                if bytes.len() >= 4 {
                    bytes[2..4].copy_from_slice(&(round as u16).to_be_bytes());
                }
                bytes.truncate(bytes.len() - rng.below(3) as usize);
                bytes
            }
        };
        if round % 500 == 0 {
            script.request(get().observe(round / 500 % 3));
        }
        script.feed(&bytes);
        while let Some(event) = script.endpoint.poll_event() {
            match event {
                Event::Request {
                    exchange, observe, ..
                } => {
                    let body =
                        Response::new(Code::CONTENT).payload(vec![0; rng.below(2000) as usize]);
                    match observe {
                        Some(_) => drop(script.respond_observed(exchange, body)),
                        None => script.respond(exchange, body),
                    }
                }
                Event::RelationDue { relation, .. } => {
                    let state = Response::new(Code::CONTENT);
                    let _ =
                        script
                            .endpoint
                            .notify(script.now, relation, state, Notify::Confirmable);
                }
                _ => {}
            }
        }
        script.sent.clear();
        script.pass(millis(u64::from(rng.below(20))));
        if round % 1000 == 0 {
            // Still alive.
            script.pass(secs(300));
            script.sent.clear();
            script.feed(b"\x40\x00\xab\xcd");
            assert_eq!(script.sent.pop_back().unwrap().1, b"\x70\x00\xab\xcd");
            script.sent.clear();
        }
    }
    script
        .endpoint
        .close_peer(script.now, PEER, coap_endpoint::CloseReason::Shutdown);
    while script.endpoint.poll_event().is_some() {}
    script.flush();
    assert!(
        script.endpoint.tables().is_quiet(),
        "{:?}",
        script.endpoint.tables()
    );
}

#[test]
fn hostile_a27_overlong_uri_path() {
    let mut script = Script::new();
    let options: [(OptionNumber, &[u8]); 1] = [(PATH, &[b'a'; 256])];
    script.feed(&con(Code::GET, 1, b"t", &options, b""));
    assert_eq!(code(&script.take()), Code::BAD_OPTION);
    script.feed(&non(Code::GET, 2, b"t", &options, b""));
    script.expect_silence();
    script.expect_no_event();
}

/// What may come in the middle of something without harming it.
const GARBAGE: &[&[u8]] = &[
    b"",
    b"\x40",
    b"\x40\x01\x00",
    b"\x80\x01\x00\x01",
    b"\x4f\x01\x00\x01",
    b"\x40\x01\x00\x01\xff",
    b"\x50\x01\x00\x01\xd0",
    b"\x60\x45\x00\x00\xff",
    b"\x70\x45\x00\x00",
    b"\x6f\x45\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
];

#[test]
fn hostile_a28_garbage_in_the_middle_of_an_upload() {
    let mut script = Script::new();
    for num in 0..4u32 {
        for garbage in GARBAGE {
            script.feed(garbage);
        }
        script.sent.clear();
        let value = block(num, num < 3, 16);
        let options: [(OptionNumber, &[u8]); 2] = [(PATH, b"p"), (BLOCK1, &value)];
        script.feed(&con(
            Code::PUT,
            num as u16,
            b"t",
            &options,
            &[num as u8; 16],
        ));
    }
    assert_eq!(script.requested().1.payload.len(), 64);
}

#[test]
fn hostile_a29_garbage_in_the_middle_of_our_requests() {
    let mut config = exact();
    config.transmission.nstart = 3;
    let mut script = Script::with(config, verified());
    let running: Vec<_> = (0..3).map(|_| ask(&mut script)).collect();
    for garbage in GARBAGE {
        script.feed(garbage);
    }
    // Malformed ones with the right numbers, too.
    for (_, mid, token) in &running {
        let mut bytes = ack(Code::CONTENT, *mid, token, &[], b"x");
        bytes.pop();
        script.feed(&bytes);
    }
    script.expect_no_event();
    for (id, mid, token) in running {
        script.feed(&ack(Code::CONTENT, mid, &token, &[], b"x"));
        script.answered(id);
    }
}

// B. Message layer, matching, deduplication, options.

#[test]
fn hostile_b01_piggybacked_by_message_id_and_token() {
    let mut script = Script::new();
    let (id, mid, token) = ask(&mut script);
    script.feed(&ack(
        Code::CONTENT,
        mid.wrapping_add(1),
        &token,
        &[],
        b"wrong id",
    ));
    script.feed(&ack(Code::CONTENT, mid, b"", &[], b"no token"));
    script.expect_no_event();
    assert_eq!(
        script.endpoint.tables().in_flight,
        1,
        "still being repeated"
    );
    script.feed(&ack(Code::CONTENT, mid, &token, &[], b"right"));
    assert_eq!(script.answered(id).payload, "right");
}

#[test]
fn hostile_b02_answer_of_another_peer() {
    let mut script = Script::new();
    let other = Peer::new(1, 0);
    script.endpoint.open_peer(script.now, other, verified());
    let (id, mid, token) = ask(&mut script);
    script.feed_from(other, &ack(Code::CONTENT, mid, &token, &[], b"forged"));
    script.feed_from(other, &non(Code::CONTENT, 1, &token, &[], b"forged"));
    script.feed_from(other, &empty(Type::Acknowledgement, mid));
    script.feed_from(other, &empty(Type::Reset, mid));
    script.expect_silence();
    script.feed_from(other, &con(Code::CONTENT, 2, &token, &[], b"forged"));
    script.expect(&empty(Type::Reset, 2));
    script.expect_no_event();
    script.feed(&ack(Code::CONTENT, mid, &token, &[], b"x"));
    script.answered(id);
}

#[test]
fn hostile_b03_separate_by_token_only() {
    let mut script = Script::new();
    let (id, mid, token) = ask(&mut script);
    script.feed(&empty(Type::Acknowledgement, mid));
    script.feed(&con(Code::CONTENT, mid, b"another!", &[], b"x"));
    script.expect(&empty(Type::Reset, mid));
    script.expect_no_event();
    script.feed(&con(Code::CONTENT, mid.wrapping_add(99), &token, &[], b"x"));
    script.answered(id);
}

#[test]
fn hostile_b04_twenty_times_the_same_post() {
    let mut script = Script::with(Config::default(), verified());
    let post = con(Code::POST, 7, b"t", &[(PATH, b"action")], b"do");
    let mut handled = 0;
    for _ in 0..20 {
        script.feed(&post);
        handled += serve(&mut script);
        script.expect(&ack(Code::CONTENT, 7, b"t", &[], b""));
        script.pass(secs(12));
    }
    assert_eq!(handled, 1);
}

#[test]
fn hostile_b06_tokens_are_echoed() {
    for confirmable in [true, false] {
        let mut script = Script::new();
        for len in 0..=8usize {
            let token: Vec<u8> = (1..=len as u8)
                .map(|byte| byte.wrapping_mul(0x1f))
                .collect();
            let ty = if confirmable {
                Type::Confirmable
            } else {
                Type::NonConfirmable
            };
            script.feed(&message(ty, Code::GET, len as u16, &token, &[], b""));
            serve(&mut script);
            let bytes = script.take();
            assert_eq!(Message::decode(&bytes).unwrap().token(), token);
        }
    }
}

#[test]
fn hostile_b07_option_that_may_not_be_repeated() {
    let mut script = Script::new();
    // Two Accept.
    script
        .feed(b"\x44\x01\xe3\x4f\xc8\x54\xde\xa8\xb7\x72\x65\x67\x75\x6c\x61\x72\x61\x00\x01\x32");
    assert_eq!(code(&script.take()), Code::BAD_OPTION);
    script.feed(&con(
        Code::GET,
        1,
        b"t",
        &[(BLOCK2, b""), (BLOCK2, b"\x01")],
        b"",
    ));
    assert_eq!(code(&script.take()), Code::BAD_OPTION);
    script.expect_no_event();
    // Observe is elective: the first counts.
    script.feed(&con(
        Code::GET,
        2,
        b"t",
        &[(OBSERVE, b"\x01"), (OBSERVE, b"")],
        b"",
    ));
    assert_eq!(script.requested().2, Some(ObserveRequest::Deregister));
}

#[test]
fn hostile_b08_unknown_options() {
    let critical = OptionNumber(65);
    let mut script = Script::new();
    script.feed(&con(Code::GET, 1, b"t", &[(critical, b"x")], b""));
    let bytes = script.take();
    assert_eq!(code(&bytes), Code::BAD_OPTION);
    assert_eq!(Message::decode(&bytes).unwrap().payload(), b"option 65");
    // The duplicate gets the same.
    script.feed(&con(Code::GET, 1, b"t", &[(critical, b"x")], b""));
    script.expect(&bytes);
    script.feed(&non(Code::GET, 2, b"t", &[(critical, b"x")], b""));
    script.expect_silence();
    script.expect_no_event();
    script.feed(&con(Code::GET, 3, b"t", &[(OptionNumber(66), b"x")], b""));
    script.requested();
    script.feed(&con(
        Code::GET,
        4,
        b"t",
        &[(OptionNumber::PROXY_URI, b"coap://x")],
        b"",
    ));
    assert_eq!(code(&script.take()), Code::PROXYING_NOT_SUPPORTED);
    // In answers to us.
    let (_, mid, token) = ask(&mut script);
    script.feed(&ack(Code::CONTENT, mid, &token, &[(critical, b"x")], b""));
    assert!(matches!(
        script.event(),
        Event::Failed {
            failure: Failure::BadOption,
            ..
        }
    ));
    let (_, _, token) = ask(&mut script);
    script.feed(&con(Code::CONTENT, 5, &token, &[(critical, b"x")], b""));
    script.expect(&empty(Type::Reset, 5));
    script.expect_no_event();
    // One that the application names is its own affair.
    let mut config = exact();
    config.understood = vec![critical];
    let mut script = Script::with(config, verified());
    script.feed(&con(Code::GET, 1, b"t", &[(critical, b"x")], b""));
    script.requested();
}

#[test]
fn hostile_b09_codes_that_are_no_requests() {
    let mut script = Script::new();
    script.feed(b"\x40\x10\x00\x01");
    script.expect(b"\x60\x85\x00\x01");
    script.feed(b"\x50\x1f\x00\x02");
    assert_eq!(code(&script.take()), Code::METHOD_NOT_ALLOWED);
    for bytes in [
        b"\x40\x00\x00\x01\xff\x00".as_slice(),
        b"\x40\xff\x00\x01",
        b"\x40\x20\x00\x01",
        b"\x40\xc1\x00\x01",
    ] {
        script.feed(bytes);
        script.expect(b"\x70\x00\x00\x01");
    }
    script.expect_no_event();
    // Preconditions are the application's: it sees them.
    script.feed(&con(
        Code::PUT,
        3,
        b"t",
        &[(OptionNumber::IF_MATCH, b"e")],
        b"",
    ));
    let (exchange, request, _) = script.requested();
    assert!(request.options.as_options().if_match().eq([b"e"]));
    script.respond(exchange, Response::new(Code::PRECONDITION_FAILED));
    script.expect(&ack(Code::PRECONDITION_FAILED, 3, b"t", &[], b""));
}

#[test]
fn hostile_b11_no_errors_to_multicast() {
    let info = PeerInfo {
        multicast: true,
        ..verified()
    };
    let mut script = Script::with(exact(), info);
    script.feed(&non(Code::GET, 1, b"t", &[(PATH, b"nothing")], b""));
    let (exchange, ..) = script.requested();
    script.respond(exchange, Response::new(Code::NOT_FOUND));
    script.feed(&non(Code(0x10), 2, b"t", &[], b""));
    script.feed(&non(Code::PUT, 3, b"t", &[(BLOCK1, b"\x0f")], b""));
    script.feed(&non(Code::GET, 4, b"t", &[(OptionNumber(65), b"")], b""));
    script.feed(&con(Code::GET, 5, b"t", &[(OptionNumber(65), b"")], b""));
    script.feed(&con(Code::CONTENT, 6, b"t", &[], b""));
    script.pass(secs(10));
    script.expect_silence();
    script.expect_no_event();
}

#[test]
fn hostile_b12_empty_with_content() {
    let mut script = Script::new();
    let (id, mid, token) = ask(&mut script);
    let [high, low] = mid.to_be_bytes();
    script.feed(&[0x61, 0, high, low, b't']);
    script.feed(&[0x60, 0, high, low, 0xff, b'p']);
    script.feed(&[0x71, 0, high, low, b't']);
    script.expect_silence();
    script.feed(b"\x41\x00\x00\x01t");
    script.expect(b"\x70\x00\x00\x01");
    script.feed(b"\x40\x00\x00\x02\xffp");
    script.expect(b"\x70\x00\x00\x02");
    script.feed(b"\x51\x00\x00\x03t");
    script.expect_silence();
    script.expect_no_event();
    script.feed(&ack(Code::CONTENT, mid, &token, &[], b"x"));
    script.answered(id);
}

/// Whatever ends a request, and whatever the user does at once thereafter, one message is under way.
#[test]
fn hostile_b13_nstart_when_an_exchange_fails() {
    type Ending = fn(&mut Script, RequestId, u16, &[u8]);
    let endings: &[Ending] = &[
        |script, _, mid, _| script.feed(&empty(Type::Reset, mid)),
        |script, _, mid, token| {
            script.feed(&ack(
                Code::CONTENT,
                mid,
                token,
                &[(OptionNumber(65), b"")],
                b"",
            ))
        },
        |script, _, mid, token| {
            script.feed(&ack(Code::CONTENT, mid, token, &[(BLOCK2, b"\x0f")], b""))
        },
        |script, _, mid, _| script.feed(&empty(Type::Acknowledgement, mid)),
        |script, id, _, _| script.endpoint.cancel(script.now, id),
        |script, _, _, _| script.pass(secs(62)),
        |script, _, _, token| script.feed(&non(Code::CONTENT, 1, token, &[], b"")),
    ];
    for ending in endings {
        let mut script = Script::new();
        let first = script.request(get());
        let waiting = script.request(get());
        let bytes = script.take();
        let message = Message::decode(&bytes).unwrap();
        ending(&mut script, first, message.message_id(), message.token());
        // Sent while the failure is being told.
        let _ = script.try_event();
        let last = script.request(get());
        script.endpoint.cancel(script.now, waiting);
        script.flush();
        assert_eq!(script.endpoint.tables().in_flight, 1);
        let bytes = script.sent.pop_back().unwrap().1;
        let message = Message::decode(&bytes).unwrap();
        script.feed(&ack(
            Code::CONTENT,
            message.message_id(),
            message.token(),
            &[],
            b"",
        ));
        while let Some(event) = script.try_event() {
            if let Event::Response { request, .. } = event {
                assert_eq!(request, last);
            }
        }
        script.sent.clear();
        assert_eq!(script.endpoint.tables().in_flight, 0);
        script.expect_empty_after_lifetimes();
    }
}

#[test]
fn hostile_b14_cancelled_and_unsendable_requests_leave_nothing() {
    let mut script = Script::new();
    for _ in 0..scaled(1_000_000, 10_000) {
        let request =
            match script
                .endpoint
                .request(script.now, PEER, get(), RequestOptions::default())
            {
                Ok(request) => request,
                Err(RequestError::MessageIdsExhausted) => {
                    script.pass(secs(310));
                    continue;
                }
                Err(other) => panic!("{other}"),
            };
        script.endpoint.cancel(script.now, request);
        script.sent.clear();
    }
    while script.endpoint.poll_event().is_some() {}
    script.flush();
    let tables = script.endpoint.tables();
    assert!(tables.is_quiet(), "{tables:?}");
    // A socket that takes nothing: the endpoint is never asked for its datagrams.
    let mut endpoint = Endpoint::new(exact(), [1; 32], Instant::ZERO);
    endpoint.open_peer(Instant::ZERO, PEER, verified());
    for _ in 0..100 {
        endpoint
            .request(Instant::ZERO, PEER, get(), RequestOptions::default())
            .unwrap();
    }
    let end = Instant::ZERO + secs(100 * 63 + 300);
    while let Some(at) = endpoint.poll_timeout().filter(|&at| at <= end) {
        endpoint.handle_timeout(at);
    }
    let tables = endpoint.tables();
    assert_eq!(
        (tables.requests, tables.in_flight, tables.queued),
        (0, 0, 0)
    );
    assert_eq!(
        tables.events,
        100 + 1,
        "each has failed, and the peer is idle"
    );
}

#[test]
fn hostile_b16_clocks_at_their_ends_and_jumping() {
    let starts = [
        ((1u64 << 32) - 5) * 1_000_000,
        u64::MAX / 2,
        u64::MAX - 100 * 1_000_000,
        u64::MAX,
    ];
    for start in starts {
        let mut now = Instant::from_micros(start);
        let mut endpoint = Endpoint::new(exact(), [1; 32], now);
        endpoint.open_peer(now, PEER, verified());
        endpoint
            .request(now, PEER, get(), RequestOptions::default())
            .unwrap();
        endpoint.handle_datagram(now, PEER, &con(Code::GET, 1, b"t", &[(OBSERVE, b"")], b""));
        for step in 0..1000 {
            now = match step % 7 {
                3 => now - secs(3600),
                5 => now + secs(50 * 24 * 3600),
                _ => now + secs(1),
            };
            endpoint.handle_timeout(now);
            let _ = endpoint.poll_timeout();
            while endpoint.poll_event().is_some() {}
        }
    }
    // A clock that goes back by an hour costs no time-out.
    let mut script = Script::new();
    script.now = Instant::ZERO + secs(7200);
    script.request(get());
    script.now = script.now - secs(3600);
    // Any call tells the endpoint; before one, it cannot know.
    script.pass(secs(0));
    script.pass(secs(63));
    assert_eq!(script.sent.len(), 5);
    assert!(matches!(
        script.event(),
        Event::Failed {
            failure: Failure::NoAcknowledgement,
            ..
        }
    ));
}

/// Ten thousand peers with something under way: as many calls as there are deadlines, and few more.
#[test]
fn hostile_b17_no_busy_loop() {
    let peers = 10_000;
    let mut endpoint = Endpoint::new(Config::default(), [1; 32], Instant::ZERO);
    for slot in 0..peers {
        let peer = Peer::new(slot, 0);
        endpoint.open_peer(Instant::ZERO, peer, verified());
        endpoint
            .request(Instant::ZERO, peer, get(), RequestOptions::default())
            .unwrap();
    }
    let mut calls = 0u32;
    let mut last = None;
    while let Some(at) = endpoint
        .poll_timeout()
        .filter(|&at| at <= Instant::ZERO + secs(600))
    {
        assert!(Some(at) >= last, "the deadline does not go back");
        last = Some(at);
        endpoint.handle_timeout(at);
        calls += 1;
        endpoint.handle_timeout(at);
    }
    // Deadlines fall into milliseconds; the wheel adds a few calls for each of its levels.
    assert!(calls < 120_000, "{calls}");
    assert_eq!(endpoint.tables().requests, 0);
}

#[test]
fn hostile_b18_first_ids_and_tokens_are_uniform() {
    let (mut mids, mut tokens) = ([[0u32; 16]; 4], [[0u32; 16]; 16]);
    let mut all = HashSet::new();
    let count = 1000u32;
    for seed in 0..count {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&seed.to_le_bytes());
        let mut endpoint = Endpoint::new(Config::default(), bytes, Instant::ZERO);
        endpoint.open_peer(Instant::ZERO, PEER, verified());
        let mut script = Script {
            endpoint,
            now: Instant::ZERO,
            sent: Default::default(),
        };
        let (_, mid, token) = ask(&mut script);
        for (nibble, counts) in mids.iter_mut().enumerate() {
            counts[usize::from(mid >> (4 * nibble) & 0xf)] += 1;
        }
        for (nibble, counts) in tokens.iter_mut().enumerate() {
            counts[usize::from(token[nibble / 2] >> (4 * (nibble % 2)) & 0xf)] += 1;
        }
        assert!(all.insert(token));
    }
    let expected = f64::from(count) / 16.0;
    for counts in mids.iter().chain(&tokens) {
        let chi: f64 = counts
            .iter()
            .map(|&n| (f64::from(n) - expected).powi(2) / expected)
            .sum();
        assert!(
            chi < 45.0,
            "15 degrees of freedom, p < 0.0001: {chi} {counts:?}"
        );
    }
}

// C. Block-wise.

fn upload(
    script: &mut Script,
    peer: Peer,
    mid: u16,
    path: &[u8],
    value: &[u8],
    payload: &[u8],
) -> Option<Vec<u8>> {
    script.feed_from(
        peer,
        &con(
            Code::PUT,
            mid,
            b"t",
            &[(PATH, path), (BLOCK1, value)],
            payload,
        ),
    );
    script.sent.pop_back().map(|(_, bytes)| bytes)
}

#[test]
fn hostile_c01_endless_body() {
    let mut config = exact();
    config.body_max = 10_000;
    let mut script = Script::with(config, verified());
    for num in 0..u32::MAX {
        let bytes = upload(
            &mut script,
            PEER,
            num as u16,
            b"p",
            &block(num, true, 1024),
            &[0; 1024],
        )
        .unwrap();
        let answer = Message::decode(&bytes).unwrap();
        if answer.code() != Code::CONTINUE {
            assert_eq!(answer.code(), Code::REQUEST_ENTITY_TOO_LARGE);
            assert_eq!(answer.options().size1(), Some(10_000));
            assert_eq!(num, 9);
            break;
        }
    }
    assert_eq!(script.endpoint.tables().uploads, 0);
    // Announced at once, refused at once.
    let first = block(0, true, 16);
    let options: [(OptionNumber, &[u8]); 3] = [
        (PATH, b"p"),
        (BLOCK1, &first),
        (OptionNumber::SIZE1, b"\xff\xff\xff\xff"),
    ];
    script.feed(&con(Code::PUT, 99, b"t", &options, &[0; 16]));
    assert_eq!(code(&script.take()), Code::REQUEST_ENTITY_TOO_LARGE);
}

#[test]
fn hostile_c02_many_peers_with_a_first_block() {
    let mut config = exact();
    config.limits.uploads_total = 100;
    let mut script = Script::with(config, verified());
    let count = scaled(1_000_000, 2_000);
    for slot in 0..count {
        let peer = Peer::new(slot, 0);
        script.endpoint.open_peer(script.now, peer, verified());
        let bytes = upload(&mut script, peer, 1, b"p", &block(0, true, 16), &[0; 16]).unwrap();
        assert_eq!(code(&bytes), Code::CONTINUE);
        assert!(script.endpoint.tables().uploads <= 100);
    }
    // The oldest went, the newest goes on, and a gap does not.
    for (slot, num, expected) in [
        (0, 1, Code::REQUEST_ENTITY_INCOMPLETE),
        (count - 1, 2, Code::REQUEST_ENTITY_INCOMPLETE),
        (count - 1, 1, Code::CONTINUE),
    ] {
        let bytes = upload(
            &mut script,
            Peer::new(slot, 0),
            10 + num as u16,
            b"p",
            &block(num, true, 16),
            &[0; 16],
        );
        assert_eq!(code(&bytes.unwrap()), expected);
    }
    // By bytes, too.
    let mut config = exact();
    config.limits.upload_bytes_total = 3000;
    let mut script = Script::with(config, verified());
    for path in [b"a", b"b", b"c"] {
        upload(
            &mut script,
            PEER,
            path[0].into(),
            path,
            &block(0, true, 1024),
            &[0; 1024],
        );
    }
    assert_eq!(script.endpoint.tables().upload_bytes, 2048);
}

#[test]
fn hostile_c03_both_block_options_far_out() {
    let mut script = Script::new();
    script.feed(
        b"\x54\x01\x4d\x32\xc9\x86\x69\xbf\x41\x0d\x75\x61\x73\x79\x6e\x63\x43\x62\x3d\x30\x11\xe4\x71\x19\x43\x55\x8e\xc1\xd0\x14",
    );
    script.expect_no_event();
    // NON, so that the answer is one, too; which of the two faults it tells is free.
    let bytes = script.take();
    assert_eq!((bytes[0], code(&bytes).class()), (0x54, 4));
    script.expect_silence();
}

#[test]
fn hostile_c04_blocks_for_nobody() {
    let mut script = Script::new();
    upload(
        &mut script,
        PEER,
        1,
        b"nothing",
        &block(0, true, 16),
        &[0; 16],
    );
    upload(
        &mut script,
        PEER,
        2,
        b"nothing",
        &block(1, false, 16),
        &[0; 4],
    );
    let (exchange, ..) = script.requested();
    script.respond(exchange, Response::new(Code::NOT_FOUND));
    assert_eq!(code(&script.take()), Code::NOT_FOUND);
    // A block after the end of the session, in the same slot.
    upload(&mut script, PEER, 3, b"p", &block(0, true, 16), &[0; 16]);
    let next = Peer::new(0, 1);
    script.endpoint.open_peer(script.now, next, verified());
    let bytes = upload(&mut script, next, 4, b"p", &block(1, true, 16), &[0; 16]).unwrap();
    assert_eq!(code(&bytes), Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(
        upload(&mut script, PEER, 5, b"p", &block(1, true, 16), &[0; 16]),
        None
    );
}

/// Moves `whole` both ways between two endpoints that like blocks of these sizes.
fn both_ways(whole: &[u8], sizes: [usize; 2], max: usize) {
    let config = |size| {
        let mut config = Config::default();
        config.block_size = BlockSize::from_bytes(size).unwrap();
        config.body_max = max;
        config.limits.upload_bytes_total = max * 2;
        config.limits.download_bytes_total = max * 2;
        config
    };
    let mut pair = Pair::new([config(sizes[0]), config(sizes[1])], 6, 0, 0, 0);
    for request in [
        Request::new(Code::PUT).path("p").payload(whole.to_vec()),
        Request::new(Code::GET).path("p"),
    ] {
        let reads = request.code == Code::GET;
        pair.client
            .request(pair.now, PEER, request, RequestOptions::default())
            .unwrap();
        let answer = 'answer: loop {
            while let Some(event) = pair.server.poll_event() {
                if let Event::Request {
                    exchange, request, ..
                } = event
                {
                    let response = match reads {
                        true => Response::new(Code::CONTENT).payload(whole.to_vec()),
                        false => {
                            assert!(request.payload == whole, "bit-equal");
                            Response::new(Code::CHANGED)
                        }
                    };
                    pair.server.respond(pair.now, exchange, response).unwrap();
                }
            }
            while let Some(event) = pair.client.poll_event() {
                match event {
                    Event::Response { response, .. } => break 'answer response,
                    Event::Failed { failure, .. } => panic!("{failure}"),
                    _ => {}
                }
            }
            let at = pair.next().unwrap();
            pair.step(at);
        };
        assert!(
            answer.payload == if reads { whole } else { &[] },
            "bit-equal"
        );
    }
}

#[test]
fn hostile_c06_every_block_size_is_bit_equal() {
    // An opaque TLV resource of 4 KiB: type byte, 24-bit length, value.
    let mut whole = vec![0xd0, 0x00, 0x10, 0x00];
    let mut value = vec![0; 4096];
    Rng::from_seed([6; 32]).fill(&mut value);
    whole.extend_from_slice(&value);
    for client in [16, 32, 64, 128, 256, 512, 1024] {
        for server in [16, 64, 1024] {
            both_ways(&whole, [client, server], 1 << 20);
        }
    }
}

#[test]
fn hostile_c07_size_exponent_7_over_udp() {
    let mut script = Script::new();
    for (mid, number) in [(1, BLOCK1), (2, BLOCK2)] {
        for value in [b"\x07".as_slice(), b"\x0f", b"\x1f"] {
            script.feed(&con(Code::PUT, mid, b"t", &[(number, value)], &[0; 1024]));
            assert_eq!(code(&script.take()), Code::BAD_REQUEST);
        }
    }
    script.expect_no_event();
    assert_eq!(script.endpoint.tables().uploads, 0);
}

#[test]
fn hostile_c08_large_transfers_and_numbers() {
    let len = if long() { 64 << 20 } else { 1 << 20 };
    let whole: Vec<u8> = (0..len).map(|i: usize| (i / 1024 * 31 + i) as u8).collect();
    both_ways(&whole, [1024, 1024], 64 << 20);
    let mut script = Script::new();
    let mut mid = 0;
    for size in [16, 32, 64, 128, 256, 512, 1024] {
        for num in [0xf_ffff, 0xf_fffe, 65_535, 65_536, 65_440] {
            for more in [true, false] {
                mid += 1;
                let bytes = upload(
                    &mut script,
                    PEER,
                    mid,
                    b"p",
                    &block(num, more, size),
                    &vec![0; size],
                )
                .unwrap();
                assert!(matches!(
                    code(&bytes),
                    Code::REQUEST_ENTITY_INCOMPLETE | Code::REQUEST_ENTITY_TOO_LARGE
                ));
            }
            mid += 1;
            script.feed(&con(
                Code::GET,
                mid,
                b"t",
                &[(PATH, b"p"), (BLOCK2, &block(num, false, size))],
                b"",
            ));
            let (exchange, ..) = script.requested();
            script.respond(exchange, Response::new(Code::CONTENT).payload("short"));
            assert_eq!(code(&script.take()), Code::BAD_REQUEST);
        }
    }
}

#[test]
fn hostile_c09_interleaved_and_abandoned_transfers() {
    let mut script = Script::new();
    // Two bodies to one target, without tags: the second first block takes over.
    for (mid, num, byte, expected) in [
        (1, 0, b'a', Code::CONTINUE),
        (2, 0, b'b', Code::CONTINUE),
        (3, 1, b'a', Code::CONTINUE),
        (4, 1, b'b', Code::REQUEST_ENTITY_INCOMPLETE),
    ] {
        let bytes = upload(
            &mut script,
            PEER,
            mid,
            b"p",
            &block(num, true, 16),
            &[byte; 16],
        )
        .unwrap();
        assert_eq!(code(&bytes), expected);
    }
    // Two targets do not touch each other.
    for num in 0..3 {
        for (path, byte) in [(b"x", b'x'), (b"y", b'y')] {
            let mid = 10 + num as u16 * 2 + u16::from(byte & 1);
            upload(
                &mut script,
                PEER,
                mid,
                path,
                &block(num, num < 2, 16),
                &[byte; 16],
            );
        }
    }
    for byte in [b'x', b'y'] {
        assert_eq!(script.requested().1.payload, [byte; 48].as_slice());
    }
    for slot in 0..scaled(100_000, 1_000) {
        let peer = Peer::new(slot, 1);
        script.endpoint.open_peer(script.now, peer, verified());
        upload(&mut script, peer, 1, b"p", &block(0, true, 16), &[0; 16]);
    }
    assert!(script.endpoint.tables().uploads >= 1_000);
    script.expect_empty_after_lifetimes();
}

#[test]
fn hostile_c11_short_and_long_blocks() {
    let mut script = Script::new();
    let mut mid = 0;
    for len in [15, 17, 0, 1024] {
        for num in [0, 1] {
            mid += 2;
            upload(&mut script, PEER, mid, b"p", &block(0, true, 16), &[0; 16]);
            let bytes = upload(
                &mut script,
                PEER,
                mid + 1,
                b"p",
                &block(num, true, 16),
                &vec![0; len],
            )
            .unwrap();
            assert_eq!(code(&bytes), Code::BAD_REQUEST);
            assert_eq!(script.endpoint.tables().uploads, 0, "aborted");
        }
    }
    let bytes = upload(&mut script, PEER, 100, b"p", &block(0, false, 16), &[0; 17]).unwrap();
    assert_eq!(code(&bytes), Code::BAD_REQUEST);
    script.expect_no_event();
}

#[test]
fn hostile_c13_scattered_blocks_cost_nothing() {
    let mut script = Script::new();
    for num in (0..200u32).rev().step_by(2).chain([0, 2, 4, 6]) {
        upload(
            &mut script,
            PEER,
            num as u16,
            b"p",
            &block(num, true, 16),
            &[0; 16],
        );
    }
    let tables = script.endpoint.tables();
    assert_eq!(
        (tables.uploads, tables.upload_bytes),
        (1, 16),
        "only what continues is kept"
    );
}

#[test]
fn hostile_c14_many_targets_at_a_time() {
    let mut config = exact();
    config.limits.uploads_total = 500;
    let mut script = Script::with(config, verified());
    let count = scaled(1_000_000, 20_000);
    for round in 0..count {
        let peer = Peer::new(round % 1000, 0);
        script.endpoint.open_peer(script.now, peer, verified());
        let path = round.to_string();
        upload(
            &mut script,
            peer,
            (round / 1000) as u16,
            path.as_bytes(),
            &block(0, true, 16),
            &[0; 16],
        );
        let tables = script.endpoint.tables();
        assert!(tables.uploads <= 500 && tables.upload_bytes <= 500 * 16);
    }
    script.expect_empty_after_lifetimes();
}

// D. Observe.

fn observe(
    script: &mut Script,
    peer: Peer,
    mid: u16,
    token: &[u8],
    path: &[u8],
) -> Option<RelationId> {
    script.feed_from(
        peer,
        &con(Code::GET, mid, token, &[(OBSERVE, b""), (PATH, path)], b""),
    );
    let (exchange, ..) = script.requested();
    script.respond_observed(exchange, Response::new(Code::CONTENT).payload("x"))
}

#[test]
fn hostile_d01_silent_observers_go() {
    let count = scaled(100_000, 500);
    for cooperative in [true, false] {
        let mut script = Script::new();
        for slot in 0..count {
            let peer = Peer::new(slot, 0);
            script.endpoint.open_peer(script.now, peer, verified());
            observe(&mut script, peer, 1, b"t", b"p").unwrap();
        }
        script.sent.clear();
        let mut ends = Vec::new();
        for _ in 0..30 {
            script.pass(secs(3600));
            script.sent.clear();
            while let Some(event) = script.endpoint.poll_event() {
                match event {
                    Event::RelationDue { relation, .. } if cooperative => {
                        let state = Response::new(Code::CONTENT).payload("x");
                        script
                            .endpoint
                            .notify(script.now, relation, state, Notify::NonConfirmable)
                            .unwrap();
                    }
                    Event::RelationEnded { why, .. } => ends.push(why),
                    _ => {}
                }
            }
        }
        let expected = match cooperative {
            true => RelationEnd::NoAcknowledgement,
            false => RelationEnd::Unconfirmed,
        };
        assert_eq!(ends, vec![expected; count as usize]);
        script.expect_empty_after_lifetimes();
    }
}

#[test]
fn hostile_d02_one_observer_too_many() {
    let mut config = exact();
    config.limits.relations_per_peer = 2;
    config.limits.relations_total = 3;
    let mut script = Script::with(config, verified());
    let other = Peer::new(1, 0);
    script.endpoint.open_peer(script.now, other, verified());
    let rows: [(Peer, &[u8], bool); 6] = [
        (PEER, b"a", true),
        (PEER, b"b", true),
        (PEER, b"c", false),
        (other, b"a", true),
        (other, b"b", false),
        (PEER, b"a", true),
    ];
    for (mid, (peer, path, accepted)) in rows.into_iter().enumerate() {
        let relation = observe(&mut script, peer, mid as u16, path, path);
        assert_eq!(relation.is_some(), accepted);
        let bytes = script.take();
        let answer = Message::decode(&bytes).unwrap();
        assert_eq!(answer.code(), Code::CONTENT);
        assert_eq!(answer.options().observe().is_some(), accepted);
    }
}

#[test]
fn hostile_d03_observing_again_with_new_tokens() {
    let mut script = Script::new();
    for round in 0..scaled(1_000_000, 5_000) {
        observe(&mut script, PEER, round as u16, &round.to_be_bytes(), b"p").unwrap();
        script.sent.clear();
        if round % 50_000 == 49_999 {
            script.pass(secs(250));
        }
    }
    assert_eq!(script.endpoint.tables().relations, 1);
    script.expect_no_event();
}

/// Registration, notification and cancellation with every subset of the first five datagrams lost.
#[test]
fn hostile_d06_loss_at_each_step() {
    for lost in 0..32u32 {
        let mut pair = Pair::new([exact(), exact()], 0, 0, 0, 0);
        let (mut relation, mut count, mut seen) = (None, 0, Vec::new());
        let mut request = None;
        let mut phase = 0;
        let end = Instant::ZERO + secs(400);
        let mut cancelled = false;
        while pair.now < end {
            if phase == 0 && request.is_none() {
                let get = get().observe(0);
                let id = pair
                    .client
                    .request(pair.now, PEER, get, RequestOptions::default());
                request = Some(id.unwrap());
            }
            while let Some(event) = pair.server.poll_event() {
                match event {
                    Event::Request {
                        exchange, observe, ..
                    } => {
                        let state = Response::new(Code::CONTENT).payload("x");
                        if observe == Some(ObserveRequest::Register) {
                            relation = pair
                                .server
                                .respond_observed(pair.now, exchange, state)
                                .unwrap();
                        } else {
                            pair.server.respond(pair.now, exchange, state).unwrap();
                        }
                    }
                    Event::RelationEnded { .. } => relation = None,
                    _ => {}
                }
            }
            while let Some(event) = pair.client.poll_event() {
                match event {
                    Event::Response { observing, .. } => {
                        phase = if observing { 1 } else { 3 };
                        if observing {
                            let state = Response::new(Code::CONTENT).payload("y");
                            pair.server
                                .notify(pair.now, relation.unwrap(), state, Notify::Confirmable)
                                .unwrap();
                        }
                    }
                    Event::Notification { response, .. } => {
                        seen.push(response.payload);
                        phase = 2;
                    }
                    Event::Failed { .. } => phase = 3,
                    _ => {}
                }
            }
            if phase == 2 && !cancelled {
                cancelled = true;
                pair.client
                    .cancel_observation(pair.now, request.unwrap(), true)
                    .unwrap();
            }
            // The link, without its own randomness: the first five datagrams by the mask.
            let mut memory = [0; 2048];
            let mut buf = sansio::DatagramBuf::new(&mut memory, 0, 0);
            while pair.client.poll_transmit(pair.now, &mut buf).is_some() {
                if count >= 5 || lost >> count & 1 == 0 {
                    pair.up.send(pair.now, buf.bytes());
                }
                count += 1;
            }
            while pair.server.poll_transmit(pair.now, &mut buf).is_some() {
                if count >= 5 || lost >> count & 1 == 0 {
                    pair.down.send(pair.now, buf.bytes());
                }
                count += 1;
            }
            match pair.next() {
                Some(at) => pair.step(at),
                None => break,
            }
        }
        assert_eq!(seen, ["y"], "mask {lost:05b}");
        assert_eq!(phase, 3, "mask {lost:05b}");
        assert_eq!(relation, None, "mask {lost:05b}");
        assert_eq!(pair.server.tables().relations, 0, "mask {lost:05b}");
        assert_eq!(pair.client.tables().observations, 0, "mask {lost:05b}");
    }
}

/// The list of observers beside a reference: who observes what, by which token.
#[test]
fn hostile_d08_list_of_observers_against_a_model() {
    let mut script = Script::new();
    let mut rng = Rng::from_seed([8; 32]);
    // Path to token, and the relation.
    let mut model: BTreeMap<u8, (u8, RelationId)> = BTreeMap::new();
    let mut mid = 0u16;
    for round in 0..scaled(200_000, 5_000) {
        mid = mid.wrapping_add(1);
        let (path, token) = (b'a' + rng.below(5) as u8, b'0' + rng.below(8) as u8);
        let options: [(OptionNumber, &[u8]); 2] = [(OBSERVE, b""), (PATH, &[path])];
        let cancel: [(OptionNumber, &[u8]); 2] = [(OBSERVE, b"\x01"), (PATH, &[path])];
        let by_token = model
            .iter()
            .find(|(_, entry)| entry.0 == token)
            .map(|(path, _)| *path);
        match rng.below(10) {
            0..5 => {
                script.feed(&con(Code::GET, mid, &[token], &options, b""));
                let (exchange, ..) = script.requested();
                let relation = script
                    .respond_observed(exchange, Response::new(Code::CONTENT))
                    .unwrap();
                let known = model.get(&path).map(|entry| entry.1);
                let expected = known.or(by_token.map(|path| model[&path].1));
                assert!(expected.is_none_or(|expected| expected == relation));
                if let Some(other) = by_token {
                    model.remove(&other);
                }
                model.insert(path, (token, relation));
            }
            5..7 => {
                script.feed(&con(Code::GET, mid, &[token], &cancel, b""));
                while let Some(event) = script.try_event() {
                    if let Event::Request { exchange, .. } = event {
                        script.respond(exchange, Response::new(Code::CONTENT));
                    }
                }
                if let Some(path) = by_token {
                    model.remove(&path);
                }
            }
            7 => {
                // A registration that the application refuses.
                script.feed(&con(Code::GET, mid, &[token], &options, b""));
                let (exchange, ..) = script.requested();
                script.respond(exchange, Response::new(Code::NOT_FOUND));
                if let Some(path) = by_token {
                    model.remove(&path);
                }
            }
            _ => {
                if let Some((&path, &(token, relation))) = model.iter().nth(rng.below(5) as usize) {
                    script.sent.clear();
                    let state = Response::new(Code::CONTENT);
                    script
                        .endpoint
                        .notify(script.now, relation, state, Notify::NonConfirmable)
                        .unwrap();
                    let bytes = script.take();
                    let notification = Message::decode(&bytes).unwrap();
                    assert_eq!(notification.token(), [token]);
                    if rng.below(2) == 0 {
                        script.feed(&empty(Type::Reset, notification.message_id()));
                        model.remove(&path);
                    }
                }
            }
        }
        while script.try_event().is_some() {}
        script.sent.clear();
        assert_eq!(
            script.endpoint.tables().relations,
            model.len(),
            "round {round}"
        );
        if round % 60_000 == 59_999 {
            script.pass(secs(400));
            script.sent.clear();
        }
    }
}

#[test]
fn hostile_d09_reset_at_each_notification() {
    for position in 0..6 {
        for how in [Notify::Confirmable, Notify::NonConfirmable] {
            let mut script = Script::new();
            let relation = observe(&mut script, PEER, 1, b"t", b"p").unwrap();
            script.sent.clear();
            for round in 0..6 {
                let state = Response::new(Code::CONTENT);
                let result = script.endpoint.notify(script.now, relation, state, how);
                assert_eq!(result.is_ok(), round <= position);
                if result.is_err() {
                    continue;
                }
                let bytes = script.take();
                let mid = Message::decode(&bytes).unwrap().message_id();
                match (round == position, how) {
                    (true, _) => script.feed(&empty(Type::Reset, mid)),
                    (false, Notify::Confirmable) => script.feed(&empty(Type::Acknowledgement, mid)),
                    (false, Notify::NonConfirmable) => {}
                }
            }
            assert!(matches!(
                script.event(),
                Event::RelationEnded {
                    why: RelationEnd::Reset,
                    ..
                }
            ));
            script.pass(secs(1000));
            script.expect_silence();
            script.expect_no_event();
            assert_eq!(script.endpoint.tables().relations, 0);
        }
    }
}

// E. Amplification.

#[test]
fn hostile_e01_small_answers_to_unproven_addresses() {
    let large: Vec<u8> = vec![b'x'; 5000];
    let path = |segments: &[&'static str]| -> Vec<(OptionNumber, &'static [u8])> {
        segments
            .iter()
            .map(|segment| (PATH, segment.as_bytes()))
            .collect()
    };
    let observing = [vec![(OBSERVE, b"".as_slice())], path(&["3"])].concat();
    let requests = [
        con(Code::GET, 1, b"", &[], b""),
        con(Code::GET, 1, b"", &path(&[".well-known", "core"]), b""),
        con(Code::GET, 1, b"12345678", &path(&["rd"]), b""),
        non(Code::GET, 1, b"", &path(&["rd"]), b""),
        con(Code::GET, 1, b"t", &observing, b""),
        non(Code::FETCH, 1, b"t", &observing, b"what"),
        con(Code::POST, 1, b"t", &path(&["3"]), b"x"),
        con(Code::GET, 1, b"", &[(OptionNumber(65), b"")], b""),
        con(Code::GET, 1, b"", &[(BLOCK2, b"\x0f")], b""),
        con(Code::PUT, 1, b"", &[(BLOCK1, b"\x0e")], &[0; 1024]),
        con(Code(0x10), 1, b"", &[], b""),
        b"\x40\x00\x00\x01".to_vec(),
        b"\x40\x01\x00\x01\xff".to_vec(),
    ];
    for (index, request) in requests.iter().enumerate() {
        for (answer, delay) in [
            (Code::CONTENT, 0),
            (Code::CONTENT, 3),
            (Code::FORBIDDEN, 0),
            (Code::FORBIDDEN, 3),
        ] {
            let mut script = Script::with(exact(), PeerInfo::default());
            script.feed(request);
            script.pass(secs(delay));
            while let Some(event) = script.try_event() {
                if let Event::Request { exchange, .. } = event {
                    let mut response = Response::new(answer).payload(large.clone());
                    response
                        .options
                        .insert(OptionNumber::LOCATION_PATH, &[b'l'; 200])
                        .unwrap();
                    let _ = script.respond_observed(exchange, response);
                }
            }
            script.pass(secs(200));
            let out: usize = script.sent.iter().map(|(_, bytes)| bytes.len()).sum();
            let challenged = script
                .sent
                .iter()
                .any(|(_, bytes)| Message::decode(bytes).unwrap().options().echo().is_some());
            // A challenge after an empty acknowledgement may cost what that costs.
            let allowed = 3 * request.len() + if challenged { 4 } else { 0 };
            assert!(
                out <= allowed,
                "request {index}, {answer}: {out} bytes for {}",
                request.len()
            );
            assert!(!script.sent.is_empty() || request[0] >> 4 == 5);
        }
    }
}

// L. Exhaustion.

#[test]
fn hostile_l14_message_ids_and_tokens_run_out() {
    let mut config = exact();
    config.transmission.nstart = usize::MAX;
    config.limits.requests_per_peer = usize::MAX;
    let mut script = Script::with(config, verified());
    let (mut mids, mut tokens) = (HashSet::new(), HashSet::new());
    let mut refused = 0;
    for _ in 0..70_000 {
        match script
            .endpoint
            .request(script.now, PEER, get(), RequestOptions::default())
        {
            Ok(_) => {
                let bytes = script.take();
                let message = Message::decode(&bytes).unwrap();
                assert!(mids.insert(message.message_id()), "no id twice");
                assert!(tokens.insert(message.token().to_vec()));
            }
            Err(error) => {
                assert_eq!(error, RequestError::MessageIdsExhausted);
                refused += 1;
            }
        }
    }
    assert_eq!((mids.len(), refused), (65_535, 70_000 - 65_535));
    // A waiting message goes when ids are free again.
    let mut script = Script::new();
    for _ in 0..65_534 {
        let options = RequestOptions::non_confirmable();
        let id = script
            .endpoint
            .request(script.now, PEER, get(), options)
            .unwrap();
        script.endpoint.cancel(script.now, id);
    }
    script.flush();
    script.sent.clear();
    script.request(get());
    script.take();
    let waits = script
        .endpoint
        .request(script.now, PEER, get(), RequestOptions::default());
    assert_eq!(waits, Err(RequestError::MessageIdsExhausted));
    script.pass(secs(310));
    script.sent.clear();
    while script.try_event().is_some() {}
    script.request(get());
    script.take();
}
