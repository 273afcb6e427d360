//! The device stack against raw CoAP bytes, step by step in virtual time.

mod common;

use coap_codec::{Code, ContentFormat, Message, OptionNumber, Type};
use common::*;
use core::time::Duration;
use device_stack::{
    Effect,
    core::{Event, Reason, Status},
};
use lwm2m_model::{Value, path};

const ACCEPT_TEXT: (OptionNumber, &[u8]) = (OptionNumber::ACCEPT, b"");
const TEXT: (OptionNumber, &[u8]) = (OptionNumber::CONTENT_FORMAT, b"");
const OPAQUE: (OptionNumber, &[u8]) = (OptionNumber::CONTENT_FORMAT, b"\x2a");
const OBSERVE: (OptionNumber, &[u8]) = (OptionNumber::OBSERVE, b"");

#[test]
fn register_update_deregister() {
    let mut stack = stack();
    stack.device_mut().start(at(0));
    let bytes = only(&mut stack, at(0));
    let register = Message::decode(&bytes).unwrap();
    assert_eq!(
        (register.ty(), register.code()),
        (Type::Confirmable, Code::POST)
    );
    let options = register.options();
    let all = |number| options.all(number).collect::<Vec<_>>();
    assert_eq!(all(OptionNumber::URI_PATH), [b"rd"]);
    assert_eq!(
        all(OptionNumber::URI_QUERY),
        [&b"ep=bench"[..], b"lt=300", b"lwm2m=1.1", b"b=U"]
    );
    assert_eq!(options.content_format(), Some(ContentFormat::LINK));
    assert_eq!(
        core::str::from_utf8(register.payload()).unwrap(),
        "</>;rt=\"oma.lwm2m\";ct=11542,</1/0>,</3/0>,</3303>;ver=1.1,</3303/0>,</32769/0>"
    );
    receive(&mut stack, at(0), &answer(&bytes, Code::CREATED, LOCATION));
    let events = events(&mut stack);
    let [Event::Registered { location, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(location.to_string(), "/rd/a1");

    // 300 s - 93 s, with whatever the CoAP layer has to forget before.
    while stack.poll_timeout().is_some_and(|next| next < at(207)) {
        let next = stack.poll_timeout().unwrap();
        stack.handle_timeout(next);
        nothing(&mut stack, next);
    }
    stack.handle_timeout(at(207));
    let bytes = only(&mut stack, at(207));
    let update = Message::decode(&bytes).unwrap();
    let segments: Vec<_> = update.options().all(OptionNumber::URI_PATH).collect();
    assert_eq!(
        (update.code(), segments),
        (Code::POST, vec![&b"rd"[..], b"a1"])
    );
    assert_eq!(update.options().get(OptionNumber::URI_QUERY), None);
    assert!(update.payload().is_empty());
    receive(&mut stack, at(207), &answer(&bytes, Code::CHANGED, &[]));
    assert!(matches!(
        &common::events(&mut stack)[..],
        [Event::Updated { .. }]
    ));

    stack.device_mut().deregister(None).unwrap();
    let bytes = only(&mut stack, at(208));
    assert_eq!(code(&bytes), Code::DELETE);
    receive(&mut stack, at(208), &answer(&bytes, Code::DELETED, &[]));
    assert!(matches!(
        &common::events(&mut stack)[..],
        [Event::Unregistered { .. }]
    ));

    // Nothing is left when all lifetimes have passed.
    while let Some(next) = stack.poll_timeout() {
        assert!(next < at(208 + 1000), "a timer without end");
        stack.handle_timeout(next);
        nothing(&mut stack, next);
    }
    let tables = stack.endpoint().tables();
    assert_eq!(
        format!("{tables:?}"),
        format!("{:?}", coap_endpoint::Tables::default())
    );
}

/// GET /3/0/0 with Accept 0, byte by byte.
#[test]
fn a_read_byte_by_byte() {
    let mut stack = registered();
    let request = b"\x42\x01\x30\x39\xab\xcd\xb1\x33\x01\x30\x01\x30\x60";
    // ACK, 2.05, the same id and token, Content-Format 0, the payload.
    let answer = b"\x62\x45\x30\x39\xab\xcd\xc0\xffBench";
    assert_eq!(exchange(&mut stack, at(1), request), answer);
    // Deduplication: the same bytes again, and the answer too.
    assert_eq!(exchange(&mut stack, at(2), request), answer);
}

/// LwM2M 1.2 §6.2.1: ignored until registered; the server's retransmission is answered then.
#[test]
fn requests_before_the_registration_are_not_even_acknowledged() {
    let mut stack = stack();
    stack.device_mut().start(at(0));
    let register = only(&mut stack, at(0));
    let read = request(Code::GET, 1, "3/0/0", &[ACCEPT_TEXT], b"");
    receive(&mut stack, at(0), &read);
    nothing(&mut stack, at(0));
    assert_eq!(stack.ignored(), 1);
    receive(
        &mut stack,
        at(1),
        &answer(&register, Code::CREATED, LOCATION),
    );
    assert_eq!(payload(&exchange(&mut stack, at(2), &read)), b"Bench");
}

/// Methods on levels, as the transport binding has them; ruling 16 for objects 0 and 21.
#[test]
fn methods_and_levels() {
    let mut stack = registered();
    let mut mid = 100;
    for (method, target, want) in [
        (Code::GET, "", Code::METHOD_NOT_ALLOWED),
        (Code::GET, "3", Code::CONTENT),
        (Code::GET, "3/0/0", Code::CONTENT),
        (Code::GET, "3/0/0/0", Code::METHOD_NOT_ALLOWED),
        (Code::GET, "3/0/0/0/0", Code::BAD_REQUEST),
        (Code::GET, "9", Code::NOT_FOUND),
        (Code::GET, "nonsense", Code::NOT_FOUND),
        (Code::PUT, "3", Code::BAD_REQUEST),
        (Code::PUT, "3/0/14", Code::BAD_REQUEST),
        (Code::POST, "3/0/4", Code::CHANGED),
        (Code::POST, "3/0/0", Code::METHOD_NOT_ALLOWED),
        (Code::POST, "3", Code::BAD_REQUEST),
        (Code::POST, "3303", Code::METHOD_NOT_ALLOWED),
        (Code::DELETE, "3", Code::METHOD_NOT_ALLOWED),
        (Code::DELETE, "3/0", Code::METHOD_NOT_ALLOWED),
        (Code::DELETE, "3/0/0", Code::METHOD_NOT_ALLOWED),
        (Code::FETCH, "", Code::METHOD_NOT_ALLOWED),
        (Code::IPATCH, "", Code::METHOD_NOT_ALLOWED),
        (Code::PATCH, "3/0", Code::METHOD_NOT_ALLOWED),
    ] {
        mid += 1;
        let answer = exchange(&mut stack, at(1), &request(method, mid, target, &[], b""));
        assert_eq!(code(&answer), want, "{method} /{target}");
        if want.is_error() {
            assert_eq!(payload(&answer), b"", "no diagnostics over NoSec");
        }
    }
    for method in [Code::GET, Code::PUT, Code::POST, Code::DELETE] {
        for target in ["0", "0/0", "0/0/0", "0/0/0/0", "0/7", "21", "21/0/0"] {
            mid += 1;
            for options in [&[][..], &[TEXT], &[OBSERVE]] {
                mid += 1;
                let body: &[u8] = if options == [TEXT] { b"x" } else { b"" };
                let bytes = request(method, mid, target, options, body);
                let answer = exchange(&mut stack, at(1), &bytes);
                assert_eq!(code(&answer), Code::UNAUTHORIZED, "{method} /{target}");
            }
        }
    }
}

#[test]
fn the_answer_leaves_before_the_reboot() {
    let mut stack = registered();
    receive(
        &mut stack,
        at(1),
        &request(Code::POST, 5, "3/0/4", &[], b""),
    );
    assert_eq!(code(&only(&mut stack, at(1))), Code::CHANGED);
    let [Event::Executed { path, .. }] = &events(&mut stack)[..] else {
        panic!()
    };
    assert_eq!(*path, path!(3, 0, 4));
    // The server did not hear the answer: it asks again, and the device does not reboot twice.
    receive(
        &mut stack,
        at(3),
        &request(Code::POST, 5, "3/0/4", &[], b""),
    );
    assert_eq!(code(&only(&mut stack, at(3))), Code::CHANGED);
    assert_eq!(events(&mut stack), []);
}

#[test]
fn disable_answers_then_leaves_then_is_silent() {
    let mut stack = registered();
    let write = request(Code::PUT, 4, "1/0/5", &[TEXT], b"600");
    assert_eq!(code(&exchange(&mut stack, at(1), &write)), Code::CHANGED);
    receive(
        &mut stack,
        at(2),
        &request(Code::POST, 5, "1/0/4", &[], b""),
    );
    let datagrams = sent(&mut stack, at(2));
    let codes: Vec<_> = datagrams.iter().map(|(_, bytes)| code(bytes)).collect();
    assert_eq!(codes, [Code::CHANGED, Code::DELETE]);
    receive(
        &mut stack,
        at(2),
        &answer(&datagrams[1].1, Code::DELETED, &[]),
    );
    receive(&mut stack, at(3), &request(Code::GET, 6, "3/0/0", &[], b""));
    while let Some(next) = stack.poll_timeout().filter(|next| *next < at(602)) {
        stack.handle_timeout(next);
        nothing(&mut stack, next);
    }
    stack.handle_timeout(at(602));
    assert_eq!(code(&only(&mut stack, at(602))), Code::POST);
}

#[test]
fn observe_notify_and_cancel() {
    let mut stack = registered();
    let observe = request(Code::GET, 9, "3303/0/5700", &[OBSERVE, ACCEPT_TEXT], b"");
    let first = exchange(&mut stack, at(1), &observe);
    assert!(
        Message::decode(&first)
            .unwrap()
            .options()
            .observe()
            .is_some()
    );
    assert_eq!(payload(&first), b"20");
    for (seconds, value) in [(2, 21.0), (3, 22.5)] {
        stack
            .device_mut()
            .set(&path!(3303, 0, 5700), Value::Float(value))
            .unwrap();
        let bytes = only(&mut stack, at(seconds));
        let notification = Message::decode(&bytes).unwrap();
        assert_eq!(notification.ty(), Type::Confirmable);
        assert_eq!(notification.token(), 9_u16.to_be_bytes());
        assert_eq!(notification.payload(), value.to_string().as_bytes());
        let ack = coap_codec::empty_message(Type::Acknowledgement, notification.message_id());
        receive(&mut stack, at(seconds), &ack);
    }
    // Observe = 1 with the same token.
    let mut cancel = request(
        Code::GET,
        10,
        "3303/0/5700",
        &[(OptionNumber::OBSERVE, b"\x01"), ACCEPT_TEXT],
        b"",
    );
    cancel[4..6].copy_from_slice(&9_u16.to_be_bytes());
    let last = exchange(&mut stack, at(4), &cancel);
    assert_eq!(Message::decode(&last).unwrap().options().observe(), None);
    assert_eq!(payload(&last), b"22.5");
    stack
        .device_mut()
        .set(&path!(3303, 0, 5700), Value::Float(1.0))
        .unwrap();
    nothing(&mut stack, at(5));
    assert_eq!(stack.endpoint().tables().relations, 0);
}

/// LwM2M 1.2 Core: an observation ends with the registration. A server that was away for a while does not know that
/// it missed something, so nothing may end without its knowledge, and it is told once it is there again.
#[test]
fn a_notification_that_nobody_heard_is_told_again() {
    let mut stack = registered();
    let observe = request(Code::GET, 9, "3303/0/5700", &[OBSERVE, ACCEPT_TEXT], b"");
    exchange(&mut stack, at(1), &observe);
    stack
        .device_mut()
        .set(&path!(3303, 0, 5700), Value::Float(21.0))
        .unwrap();
    let bytes = only(&mut stack, at(2));
    // 62 to 93 s, five transmissions: nobody answers.
    let mut sent = 1;
    while let Some(next) = stack.poll_timeout().filter(|next| *next < at(200)) {
        stack.handle_timeout(next);
        for (_, again) in common::sent(&mut stack, next) {
            assert_eq!(again, bytes);
            sent += 1;
        }
    }
    assert_eq!(sent, 5);
    assert_eq!(stack.endpoint().stats().timeouts, 1);
    assert_eq!(stack.endpoint().tables().relations, 1);
    events(&mut stack);
    nothing(&mut stack, at(206));

    stack.handle_timeout(at(207));
    let update = only(&mut stack, at(207));
    assert_eq!(code(&update), Code::POST);
    receive(&mut stack, at(207), &answer(&update, Code::CHANGED, &[]));
    let bytes = only(&mut stack, at(207));
    let notification = Message::decode(&bytes).unwrap();
    assert_eq!(notification.token(), 9_u16.to_be_bytes());
    assert_eq!(notification.payload(), b"21");
    let ack = coap_codec::empty_message(Type::Acknowledgement, notification.message_id());
    receive(&mut stack, at(207), &ack);
    assert!(matches!(&events(&mut stack)[..], [Event::Updated { .. }]));
    nothing(&mut stack, at(208));
}

#[test]
fn a_reset_ends_an_observation() {
    let mut stack = registered();
    let observe = request(Code::GET, 9, "3303/0/5700", &[OBSERVE, ACCEPT_TEXT], b"");
    exchange(&mut stack, at(1), &observe);
    events(&mut stack);
    stack
        .device_mut()
        .set(&path!(3303, 0, 5700), Value::Float(21.0))
        .unwrap();
    let bytes = only(&mut stack, at(2));
    let mid = Message::decode(&bytes).unwrap().message_id();
    receive(
        &mut stack,
        at(2),
        &coap_codec::empty_message(Type::Reset, mid),
    );
    assert!(matches!(
        &events(&mut stack)[..],
        [Event::ObservationEnded { .. }]
    ));
    stack
        .device_mut()
        .set(&path!(3303, 0, 5700), Value::Float(22.0))
        .unwrap();
    nothing(&mut stack, at(3));
}

#[test]
fn an_instance_that_goes_ends_its_observation_by_4_04() {
    let mut stack = registered();
    let observe = request(Code::GET, 9, "3303/0/5700", &[OBSERVE, ACCEPT_TEXT], b"");
    exchange(&mut stack, at(1), &observe);
    stack.device_mut().remove_instance(3303, 0).unwrap();
    // One message at a time (NSTART): first the Update with the new list.
    let update = only(&mut stack, at(2));
    assert_eq!(code(&update), Code::POST);
    receive(&mut stack, at(2), &answer(&update, Code::CHANGED, &[]));
    assert_eq!(code(&only(&mut stack, at(2))), Code::NOT_FOUND);
}

/// A block of a Block1 transfer: number, more, 1024 bytes.
fn block1(num: u8, more: bool) -> [u8; 1] {
    [num << 4 | u8::from(more) << 3 | 6]
}

#[test]
fn four_kilobytes_written_and_read_in_blocks() {
    let mut stack = registered();
    let body: Vec<u8> = (0..4096_u32).map(|n| (n % 251) as u8).collect();
    for (num, chunk) in (0_u8..).zip(body.chunks(1024)) {
        let more = num < 3;
        let block = block1(num, more);
        let options = [OPAQUE, (OptionNumber::BLOCK1, &block[..])];
        let bytes = request(Code::PUT, 20 + u16::from(num), "32769/0/0", &options, chunk);
        let want = if more { Code::CONTINUE } else { Code::CHANGED };
        assert_eq!(
            code(&exchange(&mut stack, at(1), &bytes)),
            want,
            "block {num}"
        );
    }
    let mut read = Vec::new();
    for num in 0..4_u8 {
        let block = [num << 4 | 6];
        let options = [
            (OptionNumber::ACCEPT, &b"\x2a"[..]),
            (OptionNumber::BLOCK2, &block[..]),
        ];
        let bytes = request(Code::GET, 30 + u16::from(num), "32769/0/0", &options, b"");
        let answer = exchange(&mut stack, at(2), &bytes);
        assert_eq!(code(&answer), Code::CONTENT);
        read.extend(payload(&answer));
    }
    assert_eq!(read, body);
}

/// Rows A28 and A29: garbage from the server's own address disturbs neither a transfer nor a request under way.
#[test]
fn hostile_a28_a29_garbage_in_between_changes_nothing() {
    let garbage: &[&[u8]] = &[
        b"",
        b"\x00",
        b"\x40",
        b"\xff\xff\xff\xff",
        // Token length 15, a reserved option delta, a marker without payload, version 2.
        b"\x4f\x01\x00\x01",
        b"\x40\x01\x00\x02\xf0",
        b"\x40\x01\x00\x03\xff",
        b"\x80\x01\x00\x04",
        // An acknowledgement and a reset of nothing, an empty message with a payload.
        b"\x60\x00\x77\x77",
        b"\x70\x00\x77\x78",
        b"\x40\x00\x00\x05\xff\x00",
        // A response of nothing.
        b"\x51\x45\x12\x34\x99\xffx",
    ];
    let mut stack = stack();
    stack.device_mut().start(at(0));
    let register = only(&mut stack, at(0));
    for bytes in garbage {
        receive(&mut stack, at(0), bytes);
        sent(&mut stack, at(0));
    }
    assert_eq!(events(&mut stack), []);
    receive(
        &mut stack,
        at(0),
        &answer(&register, Code::CREATED, LOCATION),
    );
    assert!(matches!(
        &events(&mut stack)[..],
        [Event::Registered { .. }]
    ));

    let first = block1(0, true);
    let options = [OPAQUE, (OptionNumber::BLOCK1, &first[..])];
    let bytes = request(Code::PUT, 50, "32769/0/0", &options, &[1; 1024]);
    assert_eq!(code(&exchange(&mut stack, at(1), &bytes)), Code::CONTINUE);
    for bytes in garbage {
        receive(&mut stack, at(1), bytes);
        sent(&mut stack, at(1));
    }
    let last = block1(1, false);
    let options = [OPAQUE, (OptionNumber::BLOCK1, &last[..])];
    let bytes = request(Code::PUT, 51, "32769/0/0", &options, b"end");
    assert_eq!(code(&exchange(&mut stack, at(1), &bytes)), Code::CHANGED);
    let events = events(&mut stack);
    assert!(matches!(&events[..], [Event::Written { .. }]), "{events:?}");
}

/// RFC 7252 §4.2: five transmissions, and the back-off of the registration afterwards.
#[test]
fn a_server_that_is_silent() {
    let mut stack = stack();
    stack.device_mut().start(at(0));
    let mut times = Vec::new();
    let mut now = at(0);
    let retry = loop {
        for _ in sent(&mut stack, now) {
            times.push(now.as_micros());
        }
        if let Some(event) = stack.poll_event() {
            let Event::Error { reason, retry, .. } = event else {
                panic!("{event:?}")
            };
            assert_eq!(reason, Reason::NoAnswer);
            break retry;
        }
        now = stack.poll_timeout().expect("a retransmission is due");
        assert!(now < at(100), "no end");
        stack.handle_timeout(now);
    };
    assert_eq!(times.len(), 5, "{times:?}");
    assert!(now >= at(62) && now <= at(94), "{now:?}");
    assert_eq!(retry, Some(now + Duration::from_secs(60)));
    assert!(matches!(
        stack.device().status(id(1)),
        Some(Status::Waiting { .. })
    ));
}

#[test]
fn an_unreachable_server_is_known_at_once() {
    let mut stack = stack();
    stack.device_mut().start(at(0));
    only(&mut stack, at(0));
    stack.handle_unreachable(at(1), address(SERVER));
    let events = events(&mut stack);
    let [Event::Error { reason, retry, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((*reason, *retry), (Reason::Unreachable, Some(at(61))));
    nothing(&mut stack, at(10));
}

#[test]
fn accounts_that_lead_nowhere() {
    for uri in ["coaps://192.0.2.1", "nonsense", "http://192.0.2.1"] {
        let mut stack = stack_with(&[(1, uri)]);
        stack.device_mut().start(at(0));
        nothing(&mut stack, at(0));
        let events = events(&mut stack);
        let [Event::Error { reason, .. }] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!(*reason, Reason::BadUri, "{uri}");
    }
}

#[test]
fn names_are_looked_up_for_every_register() {
    let mut stack = stack_with(&[(1, "coap://lwm2m.example:5700")]);
    stack.device_mut().start(at(0));
    nothing(&mut stack, at(0));
    let Some(Effect::Resolve {
        server, host, port, ..
    }) = stack.poll_effect()
    else {
        panic!()
    };
    assert_eq!(
        (server, host.as_str(), port),
        (id(1), "lwm2m.example", 5700)
    );
    stack.handle_resolved(at(1), id(1), None);
    let failed = events(&mut stack);
    let [Event::Error { reason, retry, .. }] = &failed[..] else {
        panic!("{failed:?}")
    };
    assert_eq!((*reason, *retry), (Reason::Unreachable, Some(at(61))));

    stack.handle_timeout(at(61));
    nothing(&mut stack, at(61));
    assert!(stack.poll_effect().is_some());
    stack.handle_resolved(at(61), id(1), Some(address("192.0.2.7:5700")));
    let datagrams = sent(&mut stack, at(61));
    assert_eq!(datagrams[0].0.to, address("192.0.2.7:5700"));
    let created = answer(&datagrams[0].1, Code::CREATED, LOCATION);
    stack.handle_datagram(at(61), 3, address("192.0.2.7:5700"), &mut created.clone());
    assert!(matches!(
        &events(&mut stack)[..],
        [Event::Registered { .. }]
    ));
    // An Update asks nobody, and leaves by the socket that was heard.
    stack.device_mut().update(id(1), None).unwrap();
    let datagrams = sent(&mut stack, at(62));
    assert_eq!(datagrams[0].0.local_endpoint, Some(3));
    assert_eq!(stack.poll_effect(), None);
    // An answer that comes late, to a question that nobody asks any more.
    stack.handle_resolved(at(62), id(1), Some(address("192.0.2.8:5700")));
    nothing(&mut stack, at(62));
}

#[test]
fn strangers_are_not_heard() {
    let mut stack = registered();
    let read = request(Code::GET, 1, "3/0/0", &[], b"");
    for from in ["192.0.2.1:5684", "192.0.2.2:5683", "[2001:db8::1]:5683"] {
        stack.handle_datagram(at(1), 0, address(from), &mut read.clone());
        nothing(&mut stack, at(1));
    }
    // The same server, as a socket of both families tells it.
    stack.handle_datagram(
        at(1),
        0,
        address("[::ffff:192.0.2.1]:5683"),
        &mut read.clone(),
    );
    assert_eq!(code(&only(&mut stack, at(1))), Code::CONTENT);
}

#[test]
fn two_servers_are_kept_apart() {
    let mut stack = stack_with(&[(1, "coap://192.0.2.1"), (2, "coap://192.0.2.2")]);
    stack.device_mut().start(at(0));
    let registers = sent(&mut stack, at(0));
    let to: Vec<_> = registers.iter().map(|(outgoing, _)| outgoing.to).collect();
    assert_eq!(to, [address("192.0.2.1:5683"), address("192.0.2.2:5683")]);
    let created = answer(&registers[1].1, Code::CREATED, LOCATION);
    stack.handle_datagram(at(0), 0, to[1], &mut created.clone());
    let read = request(Code::GET, 1, "3/0/0", &[], b"");
    stack.handle_datagram(at(1), 0, to[1], &mut read.clone());
    assert_eq!(sent(&mut stack, at(1))[0].0.to, to[1]);
    // The first one is not registered yet.
    stack.handle_datagram(at(1), 0, to[0], &mut read.clone());
    nothing(&mut stack, at(1));
}

#[test]
fn disconnect_says_nothing_and_hears_nothing() {
    let mut stack = registered();
    exchange(
        &mut stack,
        at(1),
        &request(Code::GET, 9, "3303/0/5700", &[OBSERVE], b""),
    );
    stack.device_mut().disconnect(id(1)).unwrap();
    stack
        .device_mut()
        .set(&path!(3303, 0, 5700), Value::Float(21.0))
        .unwrap();
    receive(
        &mut stack,
        at(2),
        &request(Code::GET, 10, "3/0/0", &[], b""),
    );
    nothing(&mut stack, at(2));
    stack.device_mut().reconnect(at(3), id(1)).unwrap();
    let codes: Vec<_> = sent(&mut stack, at(3))
        .iter()
        .map(|(_, bytes)| code(bytes))
        .collect();
    // The Update, and behind it (one message at a time) what was stored.
    assert_eq!(codes, [Code::POST]);
}

#[test]
fn an_update_that_is_refused_leads_to_a_register() {
    let mut stack = registered();
    stack.device_mut().update(id(1), None).unwrap();
    let update = only(&mut stack, at(1));
    receive(&mut stack, at(1), &answer(&update, Code::NOT_FOUND, &[]));
    let register = only(&mut stack, at(1));
    let first = Message::decode(&register).unwrap();
    assert_eq!(
        first
            .options()
            .all(OptionNumber::URI_PATH)
            .collect::<Vec<_>>(),
        [b"rd"]
    );
}
