//! Observations in both roles against a scripted peer: RFC 7641, and its meeting with RFC 7959.

mod support;

use coap_codec::{Block, BlockSize, Code, Message, OptionNumber, Request, Response, Type};
use coap_endpoint::{
    Event, Failure, Notify, ObserveRequest, RelationEnd, RelationId, RequestId, StaleRelation,
};
use support::*;

const PATH: OptionNumber = OptionNumber::URI_PATH;
const OBSERVE: OptionNumber = OptionNumber::OBSERVE;
const BLOCK2: OptionNumber = OptionNumber::BLOCK2;

fn block(num: u32, more: bool, size: BlockSize) -> Vec<u8> {
    Block::new(num, more, size)
        .unwrap()
        .encode(&mut [0; 4])
        .to_vec()
}

fn content(payload: &'static str) -> Response {
    Response::new(Code::CONTENT).payload(payload)
}

// Server role.

/// The peer observes `path` with `token`; the application accepts.
fn register(script: &mut Script, mid: u16, token: &[u8], path: &[u8]) -> Option<RelationId> {
    script.feed(&con(
        Code::GET,
        mid,
        token,
        &[(OBSERVE, b""), (PATH, path)],
        b"",
    ));
    let (exchange, request, observe) = script.requested();
    assert_eq!(observe, Some(ObserveRequest::Register));
    assert_eq!(request.options.as_options().observe(), Some(0));
    script.respond_observed(exchange, content("first"))
}

/// What went out: type, message id, token, Observe, payload.
fn told(script: &mut Script) -> (Type, u16, Vec<u8>, Option<u32>, Vec<u8>) {
    let bytes = script.take();
    let message = Message::decode(&bytes).unwrap();
    let observe = message.options().observe();
    (
        message.ty(),
        message.message_id(),
        message.token().to_vec(),
        observe,
        message.payload().to_vec(),
    )
}

fn notify(script: &mut Script, relation: RelationId, payload: &'static str, how: Notify) {
    script
        .endpoint
        .notify(script.now, relation, content(payload), how)
        .unwrap();
    script.flush();
}

fn ended(script: &mut Script) -> RelationEnd {
    match script.event() {
        Event::RelationEnded { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

/// RFC 7641 Figure 2: registration, and notifications of both types in growing order.
#[test]
fn registration_and_notifications() {
    let mut script = Script::new();
    let relation = register(&mut script, 1, b"\x4a", b"temperature").unwrap();
    let (ty, mid, token, mut last, payload) = told(&mut script);
    assert_eq!(
        (ty, mid, token.as_slice(), payload.as_slice()),
        (Type::Acknowledgement, 1, &b"\x4a"[..], &b"first"[..])
    );
    for (state, how) in [
        ("one", Notify::NonConfirmable),
        ("two", Notify::Confirmable),
        ("three", Notify::NonConfirmable),
    ] {
        script.pass(secs(1));
        notify(&mut script, relation, state, how);
        let (ty, mid, token, observe, payload) = told(&mut script);
        assert_eq!(
            (token.as_slice(), payload.as_slice()),
            (&b"\x4a"[..], state.as_bytes())
        );
        assert!(observe > last);
        last = observe;
        match how {
            Notify::Confirmable => {
                assert_eq!(ty, Type::Confirmable);
                script.feed(&empty(Type::Acknowledgement, mid));
            }
            Notify::NonConfirmable => assert_eq!(ty, Type::NonConfirmable),
        }
    }
    script.pass(secs(100));
    script.expect_silence();
    script.endpoint.end_relation(script.now, relation);
    script.expect_no_event();
    let gone = script
        .endpoint
        .notify(script.now, relation, content("x"), Notify::Confirmable);
    assert_eq!(gone, Err(StaleRelation));
    script.expect_empty_after_lifetimes();
}

/// The answer to the registration may be separate or Non-confirmable, and a Reset of it is understood.
#[test]
fn registration_answered_otherwise() {
    let mut script = Script::new();
    script.feed(&con(Code::GET, 1, b"t", &[(OBSERVE, b"")], b""));
    let (exchange, ..) = script.requested();
    script.pass(secs(2));
    script.expect(&empty(Type::Acknowledgement, 1));
    script.respond_observed(exchange, content("late")).unwrap();
    let (ty, mid, _, observe, _) = told(&mut script);
    assert!(observe.is_some());
    assert_eq!(ty, Type::Confirmable);
    script.feed(&empty(Type::Reset, mid));
    assert_eq!(ended(&mut script), RelationEnd::Reset);
    script.feed(&non(Code::GET, 2, b"t", &[(OBSERVE, b"")], b""));
    let (exchange, ..) = script.requested();
    script.respond_observed(exchange, content("late")).unwrap();
    let (ty, mid, ..) = told(&mut script);
    assert_eq!(ty, Type::NonConfirmable);
    script.feed(&empty(Type::Reset, mid));
    assert_eq!(ended(&mut script), RelationEnd::Reset);
    script.expect_empty_after_lifetimes();
}

/// RFC 7641 §4.5.2: a newer state takes over the repetitions that are left, under a new message id.
#[test]
fn newer_state_supersedes_an_unacknowledged_one() {
    let mut script = Script::new();
    let relation = register(&mut script, 1, b"t", b"p").unwrap();
    told(&mut script);
    let start = script.now;
    notify(&mut script, relation, "a", Notify::Confirmable);
    let (_, first, _, first_observe, _) = told(&mut script);
    script.pass(secs(1));
    notify(&mut script, relation, "b", Notify::NonConfirmable);
    notify(&mut script, relation, "c", Notify::Confirmable);
    script.expect_silence();
    script.pass(secs(61));
    let mut times = Vec::new();
    let mut mids = Vec::new();
    for (at, bytes) in &script.sent {
        let message = Message::decode(bytes).unwrap();
        times.push(at.saturating_duration_since(start).as_secs());
        mids.push(message.message_id());
        assert_eq!(message.payload(), b"c");
        assert!(message.options().observe() > first_observe);
    }
    assert_eq!(times, [2, 6, 14, 30], "the schedule of the first goes on");
    assert_ne!(mids[0], first);
    assert!(mids.iter().all(|mid| *mid == mids[0]));
    assert_eq!(ended(&mut script), RelationEnd::NoAcknowledgement);
    script.sent.clear();
    script.expect_empty_after_lifetimes();
}

/// Acknowledged in time, the newer state goes out at once; in its own type.
#[test]
fn newer_state_follows_the_acknowledgement() {
    let mut script = Script::new();
    let relation = register(&mut script, 1, b"t", b"p").unwrap();
    told(&mut script);
    notify(&mut script, relation, "a", Notify::Confirmable);
    let (_, first, ..) = told(&mut script);
    notify(&mut script, relation, "b", Notify::Confirmable);
    notify(&mut script, relation, "c", Notify::NonConfirmable);
    script.feed(&empty(Type::Acknowledgement, first));
    let (ty, _, _, _, payload) = told(&mut script);
    assert_eq!((ty, payload.as_slice()), (Type::NonConfirmable, &b"c"[..]));
    script.expect_silence();
}

/// RFC 7641 §4.2: a Reset of a notification ends the relation, for the last four of them.
#[test]
fn reset_ends_the_relation() {
    for how in [Notify::Confirmable, Notify::NonConfirmable] {
        let mut script = Script::new();
        let relation = register(&mut script, 1, b"t", b"p").unwrap();
        told(&mut script);
        notify(&mut script, relation, "a", how);
        let (_, mid, ..) = told(&mut script);
        if how == Notify::NonConfirmable {
            notify(&mut script, relation, "b", how);
        }
        script.sent.clear();
        script.feed(&empty(Type::Reset, mid));
        assert_eq!(ended(&mut script), RelationEnd::Reset);
        script.pass(secs(100));
        script.expect_silence();
        assert_eq!(script.endpoint.tables().relations, 0);
    }
}

/// A client that has forgotten an observation and asks anew may cross with a state that it rejects: the Reset is of the
/// former request.
#[test]
fn a_reset_of_a_state_from_before_the_renewal_means_nothing() {
    for how in [Notify::Confirmable, Notify::NonConfirmable] {
        let mut script = Script::new();
        let relation = register(&mut script, 1, b"t", b"p").unwrap();
        told(&mut script);
        notify(&mut script, relation, "a", how);
        let (_, mid, ..) = told(&mut script);
        assert_eq!(register(&mut script, 2, b"u", b"p"), Some(relation));
        told(&mut script);
        script.feed(&empty(Type::Reset, mid));
        assert_eq!(script.endpoint.tables().relations, 1);
        notify(&mut script, relation, "b", how);
        let (_, mid, token, ..) = told(&mut script);
        assert_eq!(token, b"u");
        script.feed(&empty(Type::Reset, mid));
        assert_eq!(ended(&mut script), RelationEnd::Reset);
    }
}

#[test]
fn deregistration() {
    let mut script = Script::new();
    let relation = register(&mut script, 1, b"t", b"p").unwrap();
    told(&mut script);
    // Another token is another relation's.
    script.feed(&con(
        Code::GET,
        2,
        b"u",
        &[(OBSERVE, b"\x01"), (PATH, b"p")],
        b"",
    ));
    let (exchange, ..) = script.requested();
    script.respond(exchange, content("x"));
    told(&mut script);
    assert_eq!(script.endpoint.tables().relations, 1);
    script.feed(&con(
        Code::GET,
        3,
        b"t",
        &[(OBSERVE, b"\x01"), (PATH, b"p")],
        b"",
    ));
    assert_eq!(ended(&mut script), RelationEnd::Deregistered);
    match script.event() {
        Event::Request {
            exchange,
            observe,
            relation: of,
            ..
        } => {
            assert_eq!(
                (observe, of),
                (Some(ObserveRequest::Deregister), Some(relation))
            );
            script.respond(exchange, content("x"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(told(&mut script).3, None);
    script.expect_empty_after_lifetimes();
}

/// RFC 7641 §3.2: an error is the last message, without Observe, and supersedes what is under way.
#[test]
fn error_ends_the_relation() {
    for how in [Notify::Confirmable, Notify::NonConfirmable] {
        let mut script = Script::new();
        let relation = register(&mut script, 1, b"t", b"p").unwrap();
        told(&mut script);
        notify(&mut script, relation, "a", Notify::Confirmable);
        told(&mut script);
        let gone = Response::new(Code::NOT_FOUND);
        script
            .endpoint
            .notify(script.now, relation, gone.clone(), how)
            .unwrap();
        assert_eq!(ended(&mut script), RelationEnd::ErrorSent);
        let bytes = script.take();
        let message = Message::decode(&bytes).unwrap();
        assert_eq!(
            (message.code(), message.options().observe()),
            (Code::NOT_FOUND, None)
        );
        assert_eq!(message.token(), b"t");
        script.feed(&empty(Type::Acknowledgement, message.message_id()));
        script.expect_silence();
        assert_eq!(
            script.endpoint.notify(script.now, relation, gone, how),
            Err(StaleRelation)
        );
        script.expect_empty_after_lifetimes();
    }
}

#[test]
fn kept_on_timeout_when_the_user_wants() {
    let mut config = exact();
    config.observe.keep_on_timeout = true;
    let mut script = Script::with(config, verified());
    let relation = register(&mut script, 1, b"t", b"p").unwrap();
    notify(&mut script, relation, "a", Notify::Confirmable);
    script.pass(secs(63));
    assert!(
        matches!(script.event(), Event::NotificationUnacknowledged { relation: of, .. } if of == relation)
    );
    script.sent.clear();
    notify(&mut script, relation, "b", Notify::NonConfirmable);
    assert_eq!(told(&mut script).4, b"b");
}

/// RFC 7641 §4.1: the same token renews; the same target with another token replaces; the relation stays the same.
#[test]
fn registration_again() {
    let mut script = Script::new();
    let relation = register(&mut script, 1, b"t", b"p").unwrap();
    assert_eq!(register(&mut script, 2, b"t", b"p"), Some(relation));
    assert_eq!(register(&mut script, 3, b"u", b"p"), Some(relation));
    assert_eq!(script.endpoint.tables().relations, 1);
    script.sent.clear();
    notify(&mut script, relation, "a", Notify::NonConfirmable);
    assert_eq!(told(&mut script).2, b"u");
    // Another target is another relation; its token taken for the first target moves.
    let other = register(&mut script, 4, b"v", b"q").unwrap();
    assert_ne!(other, relation);
    assert_eq!(register(&mut script, 5, b"v", b"p"), Some(relation));
    assert_eq!(ended(&mut script), RelationEnd::NotRenewed);
    assert_eq!(script.endpoint.tables().relations, 1);
    // Answered without accepting, the relation is over for the peer, so for us.
    script.feed(&con(
        Code::GET,
        6,
        b"v",
        &[(OBSERVE, b""), (PATH, b"p")],
        b"",
    ));
    let (exchange, ..) = script.requested();
    script.respond(exchange, Response::new(Code::NOT_FOUND));
    assert_eq!(ended(&mut script), RelationEnd::NotRenewed);
    script.sent.clear();
    script.expect_empty_after_lifetimes();
}

/// Observe in a method that does not read, or with an unknown value, means nothing.
#[test]
fn observe_that_means_nothing() {
    let mut script = Script::new();
    for (mid, code, value) in [
        (1, Code::POST, b"".as_slice()),
        (2, Code::GET, b"\x07"),
        (3, Code::PUT, b"\x01"),
    ] {
        script.feed(&con(code, mid, b"t", &[(OBSERVE, value)], b""));
        let (exchange, _, observe) = script.requested();
        assert_eq!(observe, None);
        assert_eq!(script.respond_observed(exchange, content("x")), None);
        assert_eq!(told(&mut script).3, None);
    }
}

/// RFC 7641 §4.5: after 24 h the application is asked for a state, which goes out Confirmable; without one the
/// relation ends an hour later.
#[test]
fn confirmable_at_least_once_a_day() {
    let hour = secs(3600);
    let mut script = Script::new();
    let relation = register(&mut script, 1, b"t", b"p").unwrap();
    script.sent.clear();
    for _ in 0..23 {
        script.pass(hour);
        notify(&mut script, relation, "x", Notify::NonConfirmable);
        assert_eq!(told(&mut script).0, Type::NonConfirmable);
    }
    script.pass(hour);
    assert!(matches!(script.event(), Event::RelationDue { relation: of, .. } if of == relation));
    notify(&mut script, relation, "x", Notify::NonConfirmable);
    let (ty, mid, ..) = told(&mut script);
    assert_eq!(ty, Type::Confirmable);
    script.feed(&empty(Type::Acknowledgement, mid));
    script.pass(hour * 23);
    script.expect_no_event();
    script.pass(hour);
    assert!(matches!(script.event(), Event::RelationDue { .. }));
    script.pass(hour - secs(1));
    script.expect_no_event();
    script.pass(secs(1));
    assert_eq!(ended(&mut script), RelationEnd::Unconfirmed);
    script.expect_empty_after_lifetimes();
}

/// RFC 7959 §2.6, Figure 12: the first block in the notification, the others by GETs with another token.
#[test]
fn large_notification() {
    let mut config = exact();
    config.block_size = BlockSize::B16;
    let mut script = Script::with(config, verified());
    let relation = register(&mut script, 1, b"t", b"p").unwrap();
    script.sent.clear();
    let fetch = |script: &mut Script, mid: u16, num: u32| {
        let value = block(num, false, BlockSize::B16);
        script.feed(&con(
            Code::GET,
            mid,
            b"other",
            &[(PATH, b"p"), (BLOCK2, &value)],
            b"",
        ));
        let bytes = script.take();
        let message = Message::decode(&bytes).unwrap();
        assert_eq!(
            (message.token(), message.options().observe()),
            (b"other".as_slice(), None)
        );
        (
            message.options().etag().unwrap().to_vec(),
            message.payload().to_vec(),
        )
    };
    notify(
        &mut script,
        relation,
        "0123456789abcdefghijklmnopqrstuvwxyz",
        Notify::Confirmable,
    );
    let bytes = script.take();
    let message = Message::decode(&bytes).unwrap();
    assert!(message.options().observe().is_some());
    assert_eq!(
        message.options().block2().unwrap().unwrap(),
        Block::new(0, true, BlockSize::B16).unwrap()
    );
    assert_eq!(message.options().size2(), Some(36));
    assert_eq!(message.payload(), b"0123456789abcdef");
    let etag = message.options().etag().unwrap().to_vec();
    assert_eq!(
        fetch(&mut script, 2, 1),
        (etag.clone(), b"ghijklmnopqrstuv".to_vec())
    );
    script.feed(&empty(Type::Acknowledgement, message.message_id()));
    // A newer state meanwhile has another entity-tag.
    notify(
        &mut script,
        relation,
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        Notify::NonConfirmable,
    );
    script.take();
    let (newer, rest) = fetch(&mut script, 3, 2);
    assert_ne!(newer, etag);
    assert_eq!(rest, b"6789");
    script.expect_no_event();
}

// Client role.

/// We observe; the peer accepts. Returns the observation and its token.
fn observe(script: &mut Script) -> (RequestId, Vec<u8>) {
    let id = script.request(Request::new(Code::GET).path("/p").observe(0));
    let bytes = script.take();
    let message = Message::decode(&bytes).unwrap();
    let token = message.token().to_vec();
    script.feed(&ack(
        Code::CONTENT,
        message.message_id(),
        &token,
        &[(OBSERVE, b"\x0a")],
        b"first",
    ));
    match script.event() {
        Event::Response {
            request, observing, ..
        } => assert_eq!((request, observing), (id, true)),
        other => panic!("{other:?}"),
    }
    (id, token)
}

#[track_caller]
fn notified(script: &mut Script) -> (Response, bool) {
    match script.event() {
        Event::Notification { response, last, .. } => (response, last),
        other => panic!("{other:?}"),
    }
}

/// RFC 7641 §3.4: what was overtaken is dropped, but acknowledged; after 128 s any number is newer.
#[test]
fn order_of_notifications() {
    let mut script = Script::new();
    let (_, token) = observe(&mut script);
    let mut mid = 100;
    let mut feed = |script: &mut Script, number: &[u8]| {
        mid += 1;
        script.feed(&con(
            Code::CONTENT,
            mid,
            &token,
            &[(OBSERVE, number)],
            number,
        ));
        script.expect(&empty(Type::Acknowledgement, mid));
    };
    feed(&mut script, b"\x0c");
    assert_eq!(notified(&mut script).0.payload[..], b"\x0c"[..]);
    for late in [b"\x0b", b"\x0c", b"\x0a"] {
        feed(&mut script, late);
        script.expect_no_event();
    }
    feed(&mut script, b"\x80\x00\x0b");
    notified(&mut script);
    feed(&mut script, b"\x0a");
    assert!(
        !notified(&mut script).1,
        "more than 2^23 apart, the smaller number is newer"
    );
    script.pass(secs(128));
    feed(&mut script, b"\x02");
    script.expect_no_event();
    script.pass(millis(1));
    feed(&mut script, b"\x02");
    notified(&mut script);
}

/// The numbers go round after 2^24.
#[test]
fn sequence_wraps() {
    let mut script = Script::new();
    let (_, token) = observe(&mut script);
    script.pass(secs(129));
    script.feed(&non(
        Code::CONTENT,
        1,
        &token,
        &[(OBSERVE, b"\xff\xff\xff")],
        b"a",
    ));
    notified(&mut script);
    script.feed(&non(Code::CONTENT, 2, &token, &[(OBSERVE, b"")], b"b"));
    notified(&mut script);
}

/// RFC 7641 §3.2: an error, or a success without Observe, is the last notification.
#[test]
fn last_notification() {
    for code in [Code::NOT_FOUND, Code::CONTENT] {
        let mut script = Script::new();
        let (id, token) = observe(&mut script);
        script.feed(&con(code, 5, &token, &[], b""));
        script.expect(&empty(Type::Acknowledgement, 5));
        let (response, last) = notified(&mut script);
        assert_eq!((response.code, last), (code, true));
        assert!(
            script
                .endpoint
                .cancel_observation(script.now, id, true)
                .is_err()
        );
        script.feed(&con(Code::CONTENT, 6, &token, &[(OBSERVE, b"\x20")], b""));
        script.expect(&empty(Type::Reset, 6));
        script.expect_empty_after_lifetimes();
    }
}

/// A server that does not accept answers once.
#[test]
fn observation_not_accepted() {
    for (code, options) in [
        (Code::CONTENT, &[] as &[(OptionNumber, &[u8])]),
        (Code::NOT_FOUND, &[(OBSERVE, b"\x01")]),
    ] {
        let mut script = Script::new();
        script.request(Request::new(Code::GET).observe(0));
        let bytes = script.take();
        let message = Message::decode(&bytes).unwrap();
        script.feed(&ack(
            code,
            message.message_id(),
            message.token(),
            options,
            b"",
        ));
        assert!(matches!(
            script.event(),
            Event::Response {
                observing: false,
                ..
            }
        ));
        assert_eq!(script.endpoint.tables().observations, 0);
    }
}

/// RFC 7641 §3.6: forgotten, the next notification is rejected.
#[test]
fn cancelled_by_forgetting() {
    for ty in [Type::Confirmable, Type::NonConfirmable] {
        let mut script = Script::new();
        let (id, token) = observe(&mut script);
        script.endpoint.cancel(script.now, id);
        script.feed(&message(
            ty,
            Code::CONTENT,
            5,
            &token,
            &[(OBSERVE, b"\x20")],
            b"",
        ));
        script.expect(&empty(Type::Reset, 5));
        script.expect_no_event();
        script.expect_empty_after_lifetimes();
    }
}

/// RFC 7641 §3.6: Observe = 1 with the same token and options; a notification that crosses it is not told.
#[test]
fn cancelled_actively() {
    let mut script = Script::new();
    let (id, token) = observe(&mut script);
    script
        .endpoint
        .cancel_observation(script.now, id, true)
        .unwrap();
    let bytes = script.take();
    let cancel = Message::decode(&bytes).unwrap();
    assert_eq!(cancel.token(), token);
    assert_eq!(cancel.options().observe(), Some(1));
    assert!(cancel.options().uri_path().eq([Ok("p")]));
    script.feed(&con(
        Code::CONTENT,
        5,
        &token,
        &[(OBSERVE, b"\x20")],
        b"crossing",
    ));
    script.expect(&empty(Type::Acknowledgement, 5));
    script.expect_no_event();
    script.feed(&ack(
        Code::CONTENT,
        cancel.message_id(),
        &token,
        &[],
        b"bye",
    ));
    match script.event() {
        Event::Response {
            request,
            response,
            observing,
            ..
        } => assert_eq!(
            (request, &response.payload[..], observing),
            (id, &b"bye"[..], false)
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(script.endpoint.tables().observations, 0);
    // Without an answer it ends all the same.
    let (id, _) = observe(&mut script);
    script
        .endpoint
        .cancel_observation(script.now, id, true)
        .unwrap();
    script.pass(secs(63));
    assert!(matches!(
        script.event(),
        Event::Failed {
            failure: Failure::NoAcknowledgement,
            ..
        }
    ));
    script.sent.clear();
    script.expect_empty_after_lifetimes();
}

/// The rest of a large notification is fetched by plain GETs with other tokens; a newer one begins anew,
/// and a failing fetch loses one state, not the observation.
#[test]
fn large_notification_to_us() {
    let mut script = Script::new();
    let (_, token) = observe(&mut script);
    let first = block(0, true, BlockSize::B16);
    let large = |script: &mut Script, mid, number: &[u8], tag: &[u8]| {
        let options: [(OptionNumber, &[u8]); 3] = [
            (OptionNumber::ETAG, tag),
            (OBSERVE, number),
            (BLOCK2, &first),
        ];
        script.feed(&non(Code::CONTENT, mid, &token, &options, &[b'0'; 16]));
    };
    let fetches = |script: &mut Script| {
        let bytes = script.take();
        let message = Message::decode(&bytes).unwrap();
        assert_ne!(message.token(), token);
        assert_eq!(message.options().observe(), None);
        assert_eq!(message.options().block2().unwrap().unwrap().num(), 1);
        (message.message_id(), message.token().to_vec())
    };
    let last = block(1, false, BlockSize::B16);
    large(&mut script, 1, b"\x20", b"1");
    let (mid, old) = fetches(&mut script);
    large(&mut script, 2, b"\x21", b"2");
    script.feed(&empty(Type::Acknowledgement, mid));
    let (mid, fresh) = fetches(&mut script);
    assert_ne!(old, fresh);
    script.feed(&ack(
        Code::CONTENT,
        mid,
        &fresh,
        &[(OptionNumber::ETAG, b"2"), (BLOCK2, &last)],
        b"x",
    ));
    assert_eq!(notified(&mut script).0.payload.len(), 17);
    large(&mut script, 3, b"\x22", b"3");
    let (mid, fresh) = fetches(&mut script);
    script.feed(&ack(Code::NOT_FOUND, mid, &fresh, &[], b""));
    match script.event() {
        Event::NotificationLost { failure, .. } => {
            assert_eq!(failure, Failure::BlockRefused(Code::NOT_FOUND))
        }
        other => panic!("{other:?}"),
    }
    script.feed(&non(
        Code::CONTENT,
        4,
        &token,
        &[(OBSERVE, b"\x23")],
        b"small",
    ));
    assert_eq!(notified(&mut script).0.payload, "small");
}

/// The first answer in blocks: told when it is complete, the observation stands from its first block on.
#[test]
fn first_state_in_blocks() {
    let mut script = Script::new();
    let id = script.request(Request::new(Code::GET).path("/p").observe(0));
    let bytes = script.take();
    let asked = Message::decode(&bytes).unwrap();
    let first = block(0, true, BlockSize::B16);
    script.feed(&ack(
        Code::CONTENT,
        asked.message_id(),
        asked.token(),
        &[(OBSERVE, b"\x01"), (BLOCK2, &first)],
        &[0; 16],
    ));
    let bytes = script.take();
    let fetch = Message::decode(&bytes).unwrap();
    assert_eq!(fetch.options().observe(), None);
    let last = block(1, false, BlockSize::B16);
    script.feed(&ack(
        Code::CONTENT,
        fetch.message_id(),
        fetch.token(),
        &[(BLOCK2, &last)],
        b"x",
    ));
    match script.event() {
        Event::Response {
            request,
            response,
            observing,
            ..
        } => assert_eq!((request, response.payload.len(), observing), (id, 17, true)),
        other => panic!("{other:?}"),
    }
    script.feed(&non(
        Code::CONTENT,
        1,
        asked.token(),
        &[(OBSERVE, b"\x02")],
        b"y",
    ));
    notified(&mut script);
}

#[test]
fn observations_are_bounded() {
    let mut config = exact();
    config.limits.observations_per_peer = 1;
    let mut script = Script::with(config, verified());
    observe(&mut script);
    let second = script.endpoint.request(
        script.now,
        PEER,
        Request::new(Code::GET).observe(0),
        coap_endpoint::RequestOptions::default(),
    );
    assert_eq!(
        second,
        Err(coap_endpoint::RequestError::TooManyObservations)
    );
}
