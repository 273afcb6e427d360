//! No answer to an unproven address exceeds three times its request: RFC 9175 §2.

mod support;

use coap_codec::{Code, Message, OptionNumber, Request, Response, Type};
use coap_endpoint::{Event, PeerInfo};
use support::*;

const PATH: OptionNumber = OptionNumber::URI_PATH;
const ECHO: OptionNumber = OptionNumber::ECHO;

fn stranger() -> Script {
    Script::with(exact(), PeerInfo::default())
}

/// The challenge that went out.
#[track_caller]
fn challenge(script: &mut Script, asked: usize) -> Vec<u8> {
    let bytes = script.take();
    assert!(bytes.len() <= 3 * asked, "{} for {asked}", bytes.len());
    let message = Message::decode(&bytes).unwrap();
    assert_eq!(message.code(), Code::UNAUTHORIZED);
    message.options().echo().unwrap().to_vec()
}

fn is_verified(script: &Script) -> bool {
    script.endpoint.peer_info(PEER).unwrap().verified
}

#[test]
fn large_answer_is_withheld_until_the_address_is_proven() {
    let mut script = stranger();
    let get = con(Code::GET, 1, b"t", &[(PATH, b"3")], b"");
    script.feed(&get);
    let (exchange, ..) = script.requested();
    let large = || Response::new(Code::CONTENT).payload(vec![0; 100]);
    script.respond(exchange, large());
    let echo = challenge(&mut script, get.len());
    assert!(!is_verified(&script));
    // The duplicate gets the same small answer.
    script.feed(&get);
    assert_eq!(challenge(&mut script, get.len()), echo);
    // A wrong value proves nothing, and is challenged with the same value again.
    let wrong = con(Code::GET, 2, b"t", &[(PATH, b"3"), (ECHO, b"guess!")], b"");
    script.feed(&wrong);
    let (exchange, ..) = script.requested();
    script.respond(exchange, large());
    assert_eq!(challenge(&mut script, wrong.len()), echo);
    script.feed(&con(
        Code::GET,
        3,
        b"t",
        &[(PATH, b"3"), (ECHO, &echo)],
        b"",
    ));
    assert!(is_verified(&script));
    let (exchange, request, _) = script.requested();
    assert_eq!(request.options.as_options().echo(), None);
    script.respond(exchange, large());
    assert_eq!(
        Message::decode(&script.take()).unwrap().payload().len(),
        100
    );
    // From now on without.
    script.feed(&con(Code::GET, 4, b"t", &[(PATH, b"3")], b""));
    let (exchange, ..) = script.requested();
    script.respond(exchange, large());
    assert_eq!(
        Message::decode(&script.take()).unwrap().payload().len(),
        100
    );
    script.expect_empty_after_lifetimes();
}

/// The value is good for its lifetime, and not for another peer.
#[test]
fn value_belongs_to_peer_and_time() {
    let mut script = stranger();
    let other = sansio::Peer::new(1, 0);
    script
        .endpoint
        .open_peer(script.now, other, PeerInfo::default());
    let ask = |script: &mut Script, peer, mid, echo: &[u8]| {
        let options: &[(OptionNumber, &[u8])] = &[(ECHO, echo)];
        let options = if echo.is_empty() { &[] } else { options };
        let get = con(Code::GET, mid, b"t", options, b"");
        script.feed_from(peer, &get);
        let (exchange, ..) = script.requested();
        script.respond(exchange, Response::new(Code::CONTENT).payload(vec![0; 100]));
        let bytes = script.take();
        Message::decode(&bytes)
            .unwrap()
            .options()
            .echo()
            .map(<[u8]>::to_vec)
    };
    let mine = ask(&mut script, PEER, 1, b"").unwrap();
    let theirs = ask(&mut script, other, 1, b"").unwrap();
    assert_ne!(mine, theirs);
    assert!(ask(&mut script, PEER, 2, &theirs).is_some());
    script.pass(secs(121));
    let fresh = ask(&mut script, PEER, 3, &mine).unwrap();
    assert_ne!(fresh, mine, "too old");
    assert_eq!(ask(&mut script, PEER, 4, &fresh), None);
}

/// Ruling: Register, Update and De-register are never challenged; their answers are small.
#[test]
fn small_answers_are_not_challenged() {
    let mut script = stranger();
    let register = b"\x42\x02\x12\x34\x9a\x01\xb2rd\x11\x28\x37ep=dev1\x06lt=300\x09lwm2m=1.1\x03b=U\xff</1/0>,</3/0>";
    script.feed(register);
    let (exchange, ..) = script.requested();
    script.respond(
        exchange,
        Response::new(Code::CREATED).location_path("/rd/5a3f"),
    );
    script.expect(b"\x62\x41\x12\x34\x9a\x01\x82rd\x045a3f");
    let update = b"\x42\x02\x12\x35\x9a\x01\xb2rd\x045a3f";
    script.feed(update);
    let (exchange, ..) = script.requested();
    script.respond(exchange, Response::new(Code::CHANGED));
    script.expect(b"\x62\x44\x12\x35\x9a\x01");
}

/// An error says less instead.
#[test]
fn errors_lose_their_text() {
    let mut script = stranger();
    let get = con(Code::GET, 1, b"", &[], b"");
    script.feed(&get);
    let (exchange, ..) = script.requested();
    script.respond(
        exchange,
        Response::diagnostic(Code::FORBIDDEN, "there are many reasons for that"),
    );
    script.expect(&ack(Code::FORBIDDEN, 1, b"", &[], b""));
    // And keeps what fits.
    script.feed(&con(Code::GET, 2, b"", &[(PATH, b"some/where")], b""));
    let (exchange, ..) = script.requested();
    script.respond(exchange, Response::diagnostic(Code::FORBIDDEN, "no"));
    script.expect(&ack(Code::FORBIDDEN, 2, b"", &[], b"no"));
}

/// An action is not done twice because its answer is large: the answer waits for the proof.
#[test]
fn unsafe_request_is_carried_out_once() {
    let mut script = stranger();
    let post = con(Code::POST, 1, b"t", &[(PATH, b"3")], b"do");
    script.feed(&post);
    let (exchange, ..) = script.requested();
    script.respond(exchange, Response::new(Code::CHANGED).payload(vec![7; 100]));
    let echo = challenge(&mut script, post.len());
    // Another action is another one.
    script.feed(&con(
        Code::POST,
        2,
        b"t",
        &[(PATH, b"3"), (ECHO, b"wrong!")],
        b"do",
    ));
    script.requested();
    script.feed(&con(
        Code::POST,
        3,
        b"t",
        &[(PATH, b"3"), (ECHO, &echo)],
        b"other",
    ));
    script.requested();
    script.feed(&con(
        Code::POST,
        4,
        b"t",
        &[(PATH, b"3"), (ECHO, &echo)],
        b"do",
    ));
    script.expect_no_event();
    assert_eq!(Message::decode(&script.take()).unwrap().payload(), [7; 100]);
    script.feed(&con(Code::POST, 5, b"t", &[(PATH, b"3")], b"do"));
    script.requested();
}

/// Notifications answer no request, so an observation needs the proof first.
#[test]
fn observation_needs_the_proof() {
    let mut script = stranger();
    let get = con(
        Code::GET,
        1,
        b"t",
        &[(OptionNumber::OBSERVE, b""), (PATH, b"3")],
        b"",
    );
    script.feed(&get);
    script.expect_no_event();
    let echo = challenge(&mut script, get.len());
    let options: [(OptionNumber, &[u8]); 3] =
        [(OptionNumber::OBSERVE, b""), (PATH, b"3"), (ECHO, &echo)];
    script.feed(&con(Code::GET, 2, b"t", &options, b""));
    let (exchange, ..) = script.requested();
    assert!(
        script
            .respond_observed(exchange, Response::new(Code::CONTENT))
            .is_some()
    );
}

/// Whoever answers a request of ours with its token receives at its address.
#[test]
fn answer_to_us_is_a_proof() {
    let mut script = stranger();
    let id = script.request(Request::new(Code::GET));
    let bytes = script.take();
    let asked = Message::decode(&bytes).unwrap();
    script.feed(&empty(Type::Acknowledgement, asked.message_id()));
    assert!(!is_verified(&script));
    script.feed(&non(Code::CONTENT, 1, asked.token(), &[], b""));
    assert!(is_verified(&script));
    let mut told = false;
    while let Some(event) = script.endpoint.poll_event() {
        match event {
            Event::PeerVerified { peer, .. } => told = peer == PEER,
            Event::Response { request, .. } => assert_eq!(request, id),
            other => panic!("{other:?}"),
        }
    }
    assert!(told);
}

/// The repetitions of a separate answer count, too.
#[test]
fn separate_answer_and_its_repetitions() {
    let mut script = stranger();
    let get = con(Code::GET, 1, b"t", &[(PATH, b"3")], b"");
    script.feed(&get);
    let (exchange, ..) = script.requested();
    script.pass(secs(2));
    script.respond(exchange, Response::new(Code::CONTENT).payload("0123"));
    script.pass(secs(100));
    let total: usize = script.sent.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(script.sent.len() > 1);
    assert!(total <= 3 * get.len(), "{total} for {}", get.len());
}
