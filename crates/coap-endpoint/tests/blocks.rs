//! Bodies in blocks against a scripted peer: RFC 7959, with the flows of its §3.

mod support;

use coap_codec::{
    Block, BlockSize, Code, ContentFormat, Message, OptionNumber, Request, Response, Type,
};
use coap_endpoint::{Config, Event, Failure, PeerInfo, RequestId, RequestOptions};
use support::*;

const PATH: OptionNumber = OptionNumber::URI_PATH;
const BLOCK1: OptionNumber = OptionNumber::BLOCK1;
const BLOCK2: OptionNumber = OptionNumber::BLOCK2;

/// NUM, M, block size: as RFC 7959 writes `2:0/1/128`.
type B = (u32, bool, usize);

fn value((num, more, size): B) -> Vec<u8> {
    let size = BlockSize::from_bytes(size).unwrap();
    Block::new(num, more, size)
        .unwrap()
        .encode(&mut [0; 4])
        .to_vec()
}

fn read(block: Option<Result<Block, coap_codec::DecodeError>>) -> Option<B> {
    block.map(|block| {
        let block = block.unwrap();
        (block.num(), block.more(), block.size().bytes())
    })
}

/// A body in which every 16 bytes differ.
fn body(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| ((i / 16) as u8).wrapping_mul(31) ^ i as u8)
        .collect()
}

/// What went out, taken apart.
#[derive(Debug)]
struct Sent {
    ty: Type,
    code: Code,
    mid: u16,
    token: Vec<u8>,
    block1: Option<B>,
    block2: Option<B>,
    etag: Option<Vec<u8>>,
    size1: Option<u32>,
    size2: Option<u32>,
    tag: Option<Vec<u8>>,
    payload: Vec<u8>,
}

#[track_caller]
fn sent(script: &mut Script) -> Sent {
    let bytes = script.take();
    let message = Message::decode(&bytes).unwrap();
    let options = message.options();
    Sent {
        ty: message.ty(),
        code: message.code(),
        mid: message.message_id(),
        token: message.token().to_vec(),
        block1: read(options.block1()),
        block2: read(options.block2()),
        etag: options.etag().map(<[u8]>::to_vec),
        size1: options.size1(),
        size2: options.size2(),
        tag: options.request_tag().map(<[u8]>::to_vec),
        payload: message.payload().to_vec(),
    }
}

/// The peer answers `to` with blocks and a payload.
fn reply(
    script: &mut Script,
    to: &Sent,
    code: Code,
    options: &[(OptionNumber, &[u8])],
    payload: &[u8],
) {
    script.feed(&ack(code, to.mid, &to.token, options, payload));
}

fn with_blocks(size: BlockSize) -> Script {
    let mut config = exact();
    config.block_size = size;
    Script::with(config, verified())
}

fn failure(script: &mut Script) -> Failure {
    match script.event() {
        Event::Failed { failure, .. } => failure,
        other => panic!("{other:?}"),
    }
}

// Server role.

fn ask(script: &mut Script, mid: u16, block2: Option<B>) {
    let value = block2.map(value);
    let mut options: Vec<(OptionNumber, &[u8])> = vec![(PATH, b"status")];
    options.extend(value.as_deref().map(|value| (BLOCK2, value)));
    script.feed(&con(Code::GET, mid, &mid.to_be_bytes(), &options, b""));
}

/// RFC 7959 Figure 2 (simple), 3 (early negotiation), 4 (late negotiation).
#[test]
fn get_in_blocks_from_us() {
    /// Name, the size we like, and asked → given.
    type Flow = (&'static str, BlockSize, &'static [(Option<B>, B)]);
    let whole = body(300);
    let rows: &[Flow] = &[
        (
            "simple",
            BlockSize::B128,
            &[
                (None, (0, true, 128)),
                (Some((1, false, 128)), (1, true, 128)),
                (Some((2, false, 128)), (2, false, 128)),
            ],
        ),
        (
            "early negotiation",
            BlockSize::B1024,
            &[
                (Some((0, false, 64)), (0, true, 64)),
                (Some((1, false, 64)), (1, true, 64)),
                (Some((2, false, 64)), (2, true, 64)),
                (Some((3, false, 64)), (3, true, 64)),
                (Some((4, false, 64)), (4, false, 64)),
            ],
        ),
        (
            "late negotiation",
            BlockSize::B128,
            &[
                (None, (0, true, 128)),
                (Some((2, false, 64)), (2, true, 64)),
                (Some((3, false, 64)), (3, true, 64)),
                (Some((4, false, 64)), (4, false, 64)),
            ],
        ),
        (
            "asked for more than we give: same offset, smaller blocks",
            BlockSize::B32,
            &[
                (Some((0, false, 1024)), (0, true, 32)),
                (Some((2, false, 64)), (4, true, 32)),
                (Some((9, false, 32)), (9, false, 32)),
            ],
        ),
    ];
    for (what, size, steps) in rows {
        let mut script = with_blocks(*size);
        let mut etags = Vec::new();
        for (index, (asked, expected)) in steps.iter().enumerate() {
            ask(&mut script, index as u16, *asked);
            if index == 0 {
                let (exchange, request, _) = script.requested();
                assert!(request.options.as_options().block2().is_none());
                let response = Response::new(Code::CONTENT).payload(whole.clone());
                script.respond(exchange, response.content_format(ContentFormat::TEXT));
            }
            let got = sent(&mut script);
            assert_eq!(
                (got.ty, got.code),
                (Type::Acknowledgement, Code::CONTENT),
                "{what}"
            );
            assert_eq!(got.block2, Some(*expected), "{what} {index}");
            let at = expected.0 as usize * expected.2;
            assert_eq!(got.payload, whole[at..(at + expected.2).min(300)], "{what}");
            assert_eq!(got.size2, (index == 0).then_some(300), "{what}");
            etags.push(got.etag.unwrap());
        }
        script.expect_no_event();
        etags.dedup();
        assert_eq!(etags.len(), 1, "one entity-tag for one body");
        assert_eq!(script.endpoint.tables().downloads, 1);
        script.expect_empty_after_lifetimes();
    }
}

/// A body that fits is sent whole; with a Block2 when one was asked for.
#[test]
fn small_body_needs_no_blocks() {
    let mut script = with_blocks(BlockSize::B64);
    for (mid, asked, expected) in [
        (1, None, None),
        (2, Some((0, false, 64)), Some((0, false, 64))),
    ] {
        ask(&mut script, mid, asked);
        let (exchange, ..) = script.requested();
        script.respond(exchange, Response::new(Code::CONTENT).payload(body(64)));
        let got = sent(&mut script);
        assert_eq!((got.block2, got.payload.len()), (expected, 64));
    }
    assert_eq!(script.endpoint.tables().downloads, 0);
}

/// A block past the end is refused with 4.00; a later block of a body we forgot is asked of the
/// application again and has the same entity-tag.
#[test]
fn later_block_of_an_unknown_body() {
    let mut script = with_blocks(BlockSize::B64);
    let mut etags = Vec::new();
    for mid in [1, 2] {
        ask(&mut script, mid, Some((2, false, 64)));
        let (exchange, ..) = script.requested();
        script.respond(exchange, Response::new(Code::CONTENT).payload(body(200)));
        let got = sent(&mut script);
        assert_eq!(got.block2, Some((2, true, 64)));
        assert_eq!(got.payload, body(200)[128..192]);
        etags.push(got.etag.unwrap());
        script.pass(secs(300));
    }
    assert_eq!(etags[0], etags[1]);
    ask(&mut script, 3, Some((4, false, 64)));
    let (exchange, ..) = script.requested();
    script.respond(exchange, Response::new(Code::CONTENT).payload(body(200)));
    assert_eq!(sent(&mut script).code, Code::BAD_REQUEST);
    // One that is not safe is not carried out again.
    let later = value((1, false, 64));
    script.feed(&con(
        Code::POST,
        4,
        b"t",
        &[(PATH, b"status"), (BLOCK2, &later)],
        b"",
    ));
    assert_eq!(sent(&mut script).code, Code::REQUEST_ENTITY_INCOMPLETE);
    script.expect_no_event();
}

fn put(
    script: &mut Script,
    mid: u16,
    block: B,
    options: &[(OptionNumber, &[u8])],
    payload: &[u8],
) -> Sent {
    let value = value(block);
    let mut all: Vec<(OptionNumber, &[u8])> = vec![(PATH, b"options")];
    all.push((BLOCK1, &value));
    all.extend_from_slice(options);
    all.sort_by_key(|option| option.0);
    script.feed(&con(Code::PUT, mid, &mid.to_be_bytes(), &all, payload));
    sent(script)
}

/// RFC 7959 Figure 7: an atomic block-wise PUT.
#[test]
fn put_in_blocks_to_us() {
    let whole = body(300);
    let mut script = Script::new();
    let first = put(
        &mut script,
        1,
        (0, true, 128),
        &[(OptionNumber::SIZE1, b"\x01\x2c")],
        &whole[..128],
    );
    assert_eq!(
        (first.ty, first.code),
        (Type::Acknowledgement, Code::CONTINUE)
    );
    assert_eq!(first.block1, Some((0, true, 128)));
    let second = put(&mut script, 2, (1, true, 128), &[], &whole[128..256]);
    assert_eq!(
        (second.code, second.block1),
        (Code::CONTINUE, Some((1, true, 128)))
    );
    script.expect_no_event();
    let last = value((2, false, 128));
    let options: [(OptionNumber, &[u8]); 2] = [(PATH, b"options"), (BLOCK1, &last)];
    script.feed(&con(Code::PUT, 3, b"t", &options, &whole[256..]));
    let (exchange, request, _) = script.requested();
    assert_eq!(request.payload, whole);
    assert!(request.options.as_options().block1().is_none());
    script.respond(exchange, Response::new(Code::CHANGED));
    let done = sent(&mut script);
    assert_eq!(
        (done.code, done.block1),
        (Code::CHANGED, Some((2, false, 128)))
    );
    assert_eq!(script.endpoint.tables().uploads, 0);
    script.expect_empty_after_lifetimes();
}

/// RFC 7959 Figure 8: we ask for smaller blocks, and go on at the same byte.
#[test]
fn put_in_blocks_to_us_negotiated_down() {
    let whole = body(192);
    let mut script = with_blocks(BlockSize::B32);
    let first = put(&mut script, 1, (0, true, 128), &[], &whole[..128]);
    assert_eq!(
        (first.code, first.block1),
        (Code::CONTINUE, Some((0, true, 32)))
    );
    let second = put(&mut script, 2, (4, true, 32), &[], &whole[128..160]);
    assert_eq!(
        (second.code, second.block1),
        (Code::CONTINUE, Some((4, true, 32)))
    );
    let last = value((5, false, 32));
    script.feed(&con(
        Code::PUT,
        3,
        b"t",
        &[(PATH, b"options"), (BLOCK1, &last)],
        &whole[160..],
    ));
    assert_eq!(script.requested().1.payload, whole);
}

/// RFC 7959 §2.9.2: what does not continue what came before gets 4.08.
#[test]
fn blocks_that_do_not_fit() {
    let whole = body(128);
    let text: (OptionNumber, &[u8]) = (OptionNumber::CONTENT_FORMAT, b"");
    let opaque: (OptionNumber, &[u8]) = (OptionNumber::CONTENT_FORMAT, b"\x2a");
    let mut script = Script::new();
    let lost = put(&mut script, 1, (1, true, 32), &[], &whole[32..64]);
    assert_eq!(lost.code, Code::REQUEST_ENTITY_INCOMPLETE, "no first block");
    put(&mut script, 2, (0, true, 32), &[text], &whole[..32]);
    let gap = put(&mut script, 3, (2, true, 32), &[text], &whole[64..96]);
    assert_eq!(gap.code, Code::REQUEST_ENTITY_INCOMPLETE, "a gap");
    let next = put(&mut script, 4, (1, true, 32), &[text], &whole[32..64]);
    assert_eq!(next.code, Code::CONTINUE, "the gap did no harm");
    let again = put(&mut script, 5, (1, true, 32), &[text], &whole[32..64]);
    assert_eq!(again.code, Code::CONTINUE, "the last one once more");
    let other = put(&mut script, 6, (2, true, 32), &[opaque], &whole[64..96]);
    assert_eq!(
        other.code,
        Code::REQUEST_ENTITY_INCOMPLETE,
        "another format"
    );
    let after = put(&mut script, 7, (2, true, 32), &[text], &whole[64..96]);
    assert_eq!(
        after.code,
        Code::REQUEST_ENTITY_INCOMPLETE,
        "the transfer is over"
    );
    // A first block begins anew, with the blocks before forgotten.
    put(&mut script, 8, (0, true, 32), &[], &whole[..32]);
    put(&mut script, 9, (0, true, 32), &[], &whole[32..64]);
    let last = value((1, false, 32));
    script.feed(&con(
        Code::PUT,
        10,
        b"t",
        &[(PATH, b"options"), (BLOCK1, &last)],
        b"end",
    ));
    assert_eq!(
        script.requested().1.payload[..],
        [&whole[32..64], b"end"].concat()
    );
    script.expect_empty_after_lifetimes();
}

/// RFC 9175 §3: bodies with different Request-Tags do not mix.
#[test]
fn request_tag_separates_bodies() {
    let mut script = Script::new();
    let tag = |tag: &'static [u8]| (OptionNumber::REQUEST_TAG, tag);
    put(&mut script, 1, (0, true, 16), &[tag(b"a")], &[b'a'; 16]);
    put(&mut script, 2, (0, true, 16), &[tag(b"")], &[b'b'; 16]);
    put(&mut script, 3, (0, true, 16), &[], &[b'c'; 16]);
    assert_eq!(script.endpoint.tables().uploads, 3);
    for (mid, tags, first) in [
        (4, Some(b"a".as_slice()), b'a'),
        (5, None, b'c'),
        (6, Some(b""), b'b'),
    ] {
        let last = value((1, false, 16));
        let mut options: Vec<(OptionNumber, &[u8])> = vec![(PATH, b"options"), (BLOCK1, &last)];
        options.extend(tags.map(|tag| (OptionNumber::REQUEST_TAG, tag)));
        script.feed(&con(Code::PUT, mid, b"t", &options, b"."));
        let (_, request, _) = script.requested();
        assert_eq!(request.payload[..], [[first; 16].as_slice(), b"."].concat());
    }
}

#[test]
fn half_a_body_is_forgotten_after_a_while() {
    let mut script = Script::new();
    put(&mut script, 1, (0, true, 32), &[], &[0; 32]);
    script.pass(secs(200));
    put(&mut script, 2, (1, true, 32), &[], &[0; 32]);
    script.pass(secs(200));
    assert_eq!(
        script.endpoint.tables().upload_bytes,
        64,
        "a block prolongs it"
    );
    script.pass(secs(60));
    assert_eq!(script.endpoint.tables().uploads, 0);
    let late = put(&mut script, 3, (2, true, 32), &[], &[0; 32]);
    assert_eq!(late.code, Code::REQUEST_ENTITY_INCOMPLETE);
}

/// RFC 7959 §3.3: a POST whose request and answer are both in blocks; the later blocks of the answer
/// are asked for without Block1 and payload, and the application is asked once.
#[test]
fn both_directions_to_us() {
    let mut script = with_blocks(BlockSize::B128);
    put(&mut script, 1, (0, true, 128), &[], &body(128));
    let last = value((1, false, 128));
    let mut options: Vec<(OptionNumber, &[u8])> = vec![(PATH, b"options"), (BLOCK1, &last)];
    script.feed(&con(Code::PUT, 2, b"t", &options, &body(20)));
    let (exchange, ..) = script.requested();
    script.respond(exchange, Response::new(Code::CHANGED).payload(body(200)));
    let first = sent(&mut script);
    assert_eq!(first.block1, Some((1, false, 128)));
    assert_eq!(first.block2, Some((0, true, 128)));
    let next = value((1, false, 128));
    options[1] = (BLOCK2, &next);
    script.feed(&con(Code::PUT, 3, b"u", &options, b""));
    let second = sent(&mut script);
    assert_eq!(
        (second.code, second.block2),
        (Code::CHANGED, Some((1, false, 128)))
    );
    assert_eq!([first.payload, second.payload].concat(), body(200));
    script.expect_no_event();
}

/// FETCH: later blocks are served with or without the payload, and another payload is another body.
#[test]
fn fetch_in_blocks_from_us() {
    let mut script = with_blocks(BlockSize::B64);
    let next = value((1, false, 64));
    for (mid, payload) in [(1, b"one"), (2, b"two")] {
        script.feed(&con(Code::FETCH, mid, b"t", &[(PATH, b"f")], payload));
        let (exchange, ..) = script.requested();
        script.respond(
            exchange,
            Response::new(Code::CONTENT).payload([payload.as_slice(), &body(97)].concat()),
        );
        sent(&mut script);
    }
    for (mid, payload, expected) in [
        (3, b"one".as_slice(), b"one"),
        (4, b"two", b"two"),
        (5, b"", b"two"),
    ] {
        script.feed(&con(
            Code::FETCH,
            mid,
            b"t",
            &[(PATH, b"f"), (BLOCK2, &next)],
            payload,
        ));
        assert_eq!(
            sent(&mut script).payload,
            [expected.as_slice(), &body(97)].concat()[64..]
        );
    }
}

// Client role.

fn get() -> Request {
    Request::new(Code::GET).path("/status")
}

/// Answers our GETs from `whole` in blocks of at most `size`, until all of it went out.
fn serve(script: &mut Script, whole: &[u8], size: usize) -> Vec<B> {
    let mut seen = Vec::new();
    while !script.sent.is_empty() {
        let got = sent(script);
        let (num, _, wanted) = got.block2.unwrap_or((0, false, 1024));
        seen.push((num, false, wanted));
        let at = num as usize * wanted;
        let size = size.min(wanted);
        let more = at + size < whole.len();
        let block = value(((at / size) as u32, more, size));
        let options: [(OptionNumber, &[u8]); 2] = [(OptionNumber::ETAG, b"e"), (BLOCK2, &block)];
        let end = (at + size).min(whole.len());
        reply(script, &got, Code::CONTENT, &options, &whole[at..end]);
    }
    seen
}

#[test]
fn get_in_blocks_by_us() {
    for size in [16, 64, 1024] {
        let mut script = Script::new();
        let id = script.request(get());
        let seen = serve(&mut script, &body(3000), size);
        assert_eq!(seen.len(), 3000_usize.div_ceil(size));
        let response = script.answered(id);
        assert_eq!(response.payload, body(3000));
        assert!(response.options.as_options().block2().is_none());
        assert_eq!(response.options.as_options().etag(), Some(b"e".as_slice()));
        script.expect_empty_after_lifetimes();
    }
    // We ask for small ones at once when we like them small.
    let mut script = with_blocks(BlockSize::B64);
    let id = script.request(get());
    let seen = serve(&mut script, &body(150), 1024);
    assert_eq!(seen, [(0, false, 64), (1, false, 64), (2, false, 64)]);
    assert_eq!(script.answered(id).payload, body(150));
}

/// The peer goes down to smaller blocks in the middle.
#[test]
fn get_in_blocks_by_us_negotiated_down() {
    let whole = body(200);
    let mut script = Script::new();
    let id = script.request(get());
    let first = sent(&mut script);
    reply(
        &mut script,
        &first,
        Code::CONTENT,
        &[(BLOCK2, &value((0, true, 64)))],
        &whole[..64],
    );
    let second = sent(&mut script);
    assert_eq!(second.block2, Some((1, false, 64)));
    reply(
        &mut script,
        &second,
        Code::CONTENT,
        &[(BLOCK2, &value((4, true, 16)))],
        &whole[64..80],
    );
    assert_eq!(script.sent.len(), 1);
    serve(&mut script, &whole, 16);
    assert_eq!(script.answered(id).payload, whole);
}

/// Each block has a token of its own, so that no late answer is taken for another block.
#[test]
fn tokens_of_blocks_differ() {
    let mut script = Script::new();
    script.request(get());
    let first = sent(&mut script);
    reply(
        &mut script,
        &first,
        Code::CONTENT,
        &[(BLOCK2, &value((0, true, 16)))],
        &[0; 16],
    );
    let second = sent(&mut script);
    assert_ne!(first.token, second.token);
    assert_ne!(first.mid, second.mid);
    script.feed(&non(
        Code::CONTENT,
        77,
        &first.token,
        &[(BLOCK2, &value((1, false, 16)))],
        b"x",
    ));
    script.expect_no_event();
}

/// RFC 7959 §2.4: a changed entity-tag begins anew; a body that changes all the time fails.
#[test]
fn entity_tag_changes() {
    let mut script = Script::new();
    let id = script.request(get());
    let block = |num, more| value((num, more, 16));
    let answer = |script: &mut Script, num, more, tag: &[u8], payload: &[u8]| {
        let got = sent(script);
        assert_eq!(got.block2.map_or(0, |block| block.0), num);
        reply(
            script,
            &got,
            Code::CONTENT,
            &[(OptionNumber::ETAG, tag), (BLOCK2, &block(num, more))],
            payload,
        );
    };
    answer(&mut script, 0, true, b"1", &[1; 16]);
    answer(&mut script, 1, false, b"2", b"two");
    answer(&mut script, 0, true, b"2", &[2; 16]);
    answer(&mut script, 1, false, b"2", b"two");
    assert_eq!(
        script.answered(id).payload[..],
        [[2; 16].as_slice(), b"two"].concat()
    );
    script.request(get());
    answer(&mut script, 0, true, b"0", &[0; 16]);
    for tag in 1..=3u8 {
        answer(&mut script, 1, true, &[tag], &[0; 16]);
        answer(&mut script, 0, true, &[tag], &[0; 16]);
    }
    answer(&mut script, 1, true, b"9", &[0; 16]);
    assert_eq!(failure(&mut script), Failure::BlockMismatch);
    script.expect_empty_after_lifetimes();
}

/// What a peer may get wrong in a second block, and how the request fails.
#[test]
fn blocks_of_the_peer_that_do_not_fit() {
    type Case = (&'static str, Code, Option<B>, usize, Failure);
    let cases: &[Case] = &[
        (
            "another block",
            Code::CONTENT,
            Some((2, true, 16)),
            16,
            Failure::BlockMismatch,
        ),
        (
            "a larger one",
            Code::CONTENT,
            Some((0, true, 32)),
            32,
            Failure::BlockMismatch,
        ),
        ("none", Code::CONTENT, None, 16, Failure::BlockMismatch),
        (
            "short before the last",
            Code::CONTENT,
            Some((1, true, 16)),
            15,
            Failure::BlockMismatch,
        ),
        (
            "long",
            Code::CONTENT,
            Some((1, true, 16)),
            17,
            Failure::BlockMismatch,
        ),
        (
            "long at the end",
            Code::CONTENT,
            Some((1, false, 16)),
            17,
            Failure::BlockMismatch,
        ),
        (
            "refused",
            Code::NOT_FOUND,
            None,
            0,
            Failure::BlockRefused(Code::NOT_FOUND),
        ),
    ];
    for (what, code, block, len, expected) in cases {
        let mut script = Script::new();
        script.request(get());
        let first = sent(&mut script);
        reply(
            &mut script,
            &first,
            Code::CONTENT,
            &[(BLOCK2, &value((0, true, 16)))],
            &[0; 16],
        );
        let second = sent(&mut script);
        let value = block.map(value);
        let options: Vec<(OptionNumber, &[u8])> = value
            .iter()
            .map(|value| (BLOCK2, value.as_slice()))
            .collect();
        reply(&mut script, &second, *code, &options, &vec![0; *len]);
        assert_eq!(failure(&mut script), *expected, "{what}");
        script.expect_empty_after_lifetimes();
    }
    // In the first.
    for (block, len) in [
        ((1, true, 16), 16),
        ((0, true, 16), 15),
        ((0, true, 16), 17),
    ] {
        let mut script = Script::new();
        script.request(get());
        let first = sent(&mut script);
        reply(
            &mut script,
            &first,
            Code::CONTENT,
            &[(BLOCK2, &value(block))],
            &vec![0; len],
        );
        assert_eq!(failure(&mut script), Failure::BlockMismatch);
    }
    // A size exponent that does not exist over UDP.
    let mut script = Script::new();
    script.request(get());
    let first = sent(&mut script);
    reply(
        &mut script,
        &first,
        Code::CONTENT,
        &[(BLOCK2, b"\x0f")],
        &[0; 16],
    );
    assert_eq!(failure(&mut script), Failure::BadOption);
}

#[test]
fn body_of_an_answer_is_capped() {
    let ask = |script: &mut Script| -> RequestId {
        let options = RequestOptions::default().with_max_body(40);
        script
            .endpoint
            .request(script.now, PEER, get(), options)
            .unwrap()
    };
    // By Size2 at once, by what comes otherwise.
    let mut script = Script::new();
    ask(&mut script);
    let got = sent(&mut script);
    let block = value((0, true, 16));
    reply(
        &mut script,
        &got,
        Code::CONTENT,
        &[(BLOCK2, &block), (OptionNumber::SIZE2, &[41])],
        &[0; 16],
    );
    assert_eq!(failure(&mut script), Failure::BodyTooLarge);
    ask(&mut script);
    for num in 0..3 {
        let got = sent(&mut script);
        reply(
            &mut script,
            &got,
            Code::CONTENT,
            &[(BLOCK2, &value((num, true, 16)))],
            &[0; 16],
        );
    }
    assert_eq!(failure(&mut script), Failure::BodyTooLarge);
    script.expect_silence();
}

/// Takes our upload as a server that likes `size` would; returns the blocks and the body.
fn accept(script: &mut Script, size: usize, last: Code) -> (Vec<B>, Vec<u8>) {
    let (mut seen, mut got_all) = (Vec::new(), Vec::new());
    loop {
        let got = sent(script);
        let block = got.block1.unwrap();
        assert_eq!(
            block.0 as usize * block.2,
            got_all.len(),
            "the byte offset is kept"
        );
        seen.push(block);
        got_all.extend_from_slice(&got.payload);
        let echoed = value((block.0, block.1, block.2.min(size)));
        let code = if block.1 { Code::CONTINUE } else { last };
        reply(script, &got, code, &[(BLOCK1, &echoed)], b"");
        if !block.1 {
            return (seen, got_all);
        }
    }
}

/// RFC 7959 Figure 7 and 8 from the other side.
#[test]
fn put_in_blocks_by_us() {
    let whole = body(2500);
    let put = || {
        Request::new(Code::PUT)
            .path("/options")
            .payload(whole.clone())
    };
    for (size, count) in [(1024, 3), (512, 4), (64, 1 + 24)] {
        let mut script = Script::new();
        let id = script.request(put());
        assert_eq!(
            Message::decode(&script.sent[0].1)
                .unwrap()
                .options()
                .size1(),
            Some(2500)
        );
        let (seen, got) = accept(&mut script, size, Code::CHANGED);
        assert_eq!(got, whole);
        assert_eq!(seen.len(), count, "{seen:?}");
        assert_eq!(script.answered(id).code, Code::CHANGED);
        script.expect_empty_after_lifetimes();
    }
}

/// RFC 7959 §2.9.3: 4.13 with a smaller size for the first block begins anew with that; without, it is the answer.
#[test]
fn too_large_for_the_peer() {
    let mut script = Script::new();
    let put = |len| Request::new(Code::PUT).path("/options").payload(body(len));
    for len in [3000, 1000] {
        let id = script.request(put(len));
        let first = sent(&mut script);
        let smaller = value((0, true, 64));
        reply(
            &mut script,
            &first,
            Code::REQUEST_ENTITY_TOO_LARGE,
            &[(BLOCK1, &smaller)],
            b"",
        );
        let (seen, got) = accept(&mut script, 64, Code::CHANGED);
        assert_eq!(seen[0], (0, true, 64));
        assert_eq!(got, body(len));
        script.answered(id);
    }
    let id = script.request(put(3000));
    let first = sent(&mut script);
    reply(
        &mut script,
        &first,
        Code::REQUEST_ENTITY_TOO_LARGE,
        &[(OptionNumber::SIZE1, b"\x08")],
        b"",
    );
    let answer = script.answered(id);
    assert_eq!(answer.code, Code::REQUEST_ENTITY_TOO_LARGE);
    assert_eq!(answer.options.as_options().size1(), Some(8));
}

/// RFC 7959 §2.9.2: 4.08 begins anew once, as another body.
#[test]
fn peer_loses_our_blocks() {
    let mut script = Script::new();
    let id = script.request(Request::new(Code::PUT).path("/options").payload(body(2000)));
    let first = sent(&mut script);
    assert_eq!(first.tag, None);
    reply(
        &mut script,
        &first,
        Code::CONTINUE,
        &[(BLOCK1, &value((0, true, 1024)))],
        b"",
    );
    let second = sent(&mut script);
    reply(
        &mut script,
        &second,
        Code::REQUEST_ENTITY_INCOMPLETE,
        &[],
        b"",
    );
    let again = sent(&mut script);
    assert_eq!(again.block1, Some((0, true, 1024)));
    assert!(again.tag.is_some());
    assert_eq!(again.size1, Some(2000));
    reply(
        &mut script,
        &again,
        Code::REQUEST_ENTITY_INCOMPLETE,
        &[],
        b"",
    );
    assert_eq!(script.answered(id).code, Code::REQUEST_ENTITY_INCOMPLETE);
}

/// Two bodies to one target at a time are told apart by a Request-Tag.
#[test]
fn concurrent_uploads_have_different_tags() {
    let mut config = exact();
    config.transmission.nstart = 2;
    let mut script = Script::with(config, verified());
    let put = || Request::new(Code::PUT).path("/options").payload(body(2000));
    script.request(put());
    script.request(put());
    let tags = [sent(&mut script).tag, sent(&mut script).tag];
    assert_eq!(tags[0], None);
    assert!(tags[1].is_some());
}

#[test]
fn answers_to_our_blocks_that_do_not_fit() {
    type Options<'a> = &'a [(OptionNumber, &'a [u8])];
    let rows: &[(&str, Code, Options<'_>, Failure)] = &[
        ("no block", Code::CONTINUE, &[], Failure::BlockMismatch),
        (
            "another block",
            Code::CONTINUE,
            &[(BLOCK1, b"\x1e")],
            Failure::BlockMismatch,
        ),
        (
            "success too early",
            Code::CHANGED,
            &[],
            Failure::BlockMismatch,
        ),
        (
            "size exponent 7",
            Code::CONTINUE,
            &[(BLOCK1, b"\x0f")],
            Failure::BadOption,
        ),
    ];
    for (what, code, options, expected) in rows {
        let mut script = Script::new();
        script.request(Request::new(Code::PUT).path("/o").payload(body(2000)));
        let first = sent(&mut script);
        reply(&mut script, &first, *code, options, b"");
        assert_eq!(failure(&mut script), *expected, "{what}");
    }
}

/// RFC 7959 §3.3 from the other side: the rest of the answer is asked for with Block2 only.
#[test]
fn both_directions_by_us() {
    let mut script = Script::new();
    let id = script.request(Request::new(Code::POST).path("/soap").payload(body(1500)));
    let first = sent(&mut script);
    reply(
        &mut script,
        &first,
        Code::CONTINUE,
        &[(BLOCK1, &value((0, true, 1024)))],
        b"",
    );
    let last = sent(&mut script);
    let (block1, block2) = (value((1, false, 1024)), value((0, true, 64)));
    reply(
        &mut script,
        &last,
        Code::CHANGED,
        &[(BLOCK2, &block2), (BLOCK1, &block1)],
        &body(80)[..64],
    );
    let more = sent(&mut script);
    assert_eq!(
        (more.code, more.block1, more.block2),
        (Code::POST, None, Some((1, false, 64)))
    );
    assert!(more.payload.is_empty());
    reply(
        &mut script,
        &more,
        Code::CHANGED,
        &[(BLOCK2, &value((1, false, 64)))],
        &body(80)[64..],
    );
    assert_eq!(script.answered(id).payload, body(80));
}

/// A FETCH repeats its small body for every block of the answer.
#[test]
fn fetch_in_blocks_by_us() {
    let mut script = Script::new();
    let id = script.request(Request::new(Code::FETCH).payload("what"));
    let first = sent(&mut script);
    reply(
        &mut script,
        &first,
        Code::CONTENT,
        &[(BLOCK2, &value((0, true, 16)))],
        &[0; 16],
    );
    let second = sent(&mut script);
    assert_eq!(second.payload, b"what");
    reply(
        &mut script,
        &second,
        Code::CONTENT,
        &[(BLOCK2, &value((1, false, 16)))],
        b"",
    );
    assert_eq!(script.answered(id).payload.len(), 16);
}

/// A peer with small datagrams gets small blocks and is asked for such.
#[test]
fn small_datagrams() {
    let info = PeerInfo {
        max_datagram: 128,
        ..verified()
    };
    let mut script = Script::with(exact(), info);
    script.request(Request::new(Code::PUT).path("/status").payload(body(300)));
    script.request(get());
    let upload = script.take();
    assert!(upload.len() <= 128);
    assert_eq!(
        read(Message::decode(&upload).unwrap().options().block1()),
        Some((0, true, 64))
    );
    ask(&mut script, 1, None);
    let (exchange, ..) = script.requested();
    script.respond(exchange, Response::new(Code::CONTENT).payload(body(300)));
    let answer = script.take();
    assert!(answer.len() <= 128);
    assert_eq!(
        read(Message::decode(&answer).unwrap().options().block2()),
        Some((0, true, 64))
    );
}

/// RFC 9175 §2.3: we repeat a challenged request once, with the Echo value, also in the middle of a body.
#[test]
fn challenge_is_answered_once() {
    let mut script = Script::new();
    let id = script.request(get());
    for (round, echo) in [b"first".as_slice(), b"second"].iter().enumerate() {
        let got = script.take();
        let message = Message::decode(&got).unwrap();
        assert_eq!(
            message.options().echo(),
            (round == 1).then_some(b"first".as_slice())
        );
        let token = message.token().to_vec();
        script.feed(&ack(
            Code::UNAUTHORIZED,
            message.message_id(),
            &token,
            &[(OptionNumber::ECHO, echo)],
            b"",
        ));
    }
    assert_eq!(script.answered(id).code, Code::UNAUTHORIZED);
    let id = script.request(Request::new(Code::PUT).path("/o").payload(body(2000)));
    let first = sent(&mut script);
    reply(
        &mut script,
        &first,
        Code::CONTINUE,
        &[(BLOCK1, &value((0, true, 1024)))],
        b"",
    );
    let second = sent(&mut script);
    reply(
        &mut script,
        &second,
        Code::UNAUTHORIZED,
        &[(OptionNumber::ECHO, b"e")],
        b"",
    );
    let again = sent(&mut script);
    assert_eq!(again.block1, second.block1);
    assert_eq!(again.payload, second.payload);
    reply(
        &mut script,
        &again,
        Code::CHANGED,
        &[(BLOCK1, &value((1, false, 1024)))],
        b"",
    );
    assert_eq!(script.answered(id).code, Code::CHANGED);
}

#[test]
fn limits_of_bodies() {
    // Per peer: the oldest goes.
    let mut config: Config = exact();
    config.limits.uploads_per_peer = 2;
    let mut script = Script::with(config, verified());
    for (mid, path) in [(1, b"a"), (2, b"b"), (3, b"c")] {
        let options: [(OptionNumber, &[u8]); 2] = [(PATH, path), (BLOCK1, b"\x08")];
        script.feed(&con(Code::PUT, mid, b"t", &options, &[0; 16]));
    }
    assert_eq!(script.endpoint.tables().uploads, 2);
    script.sent.clear();
    for (mid, path, code) in [
        (4, b"a", Code::REQUEST_ENTITY_INCOMPLETE),
        (5, b"c", Code::CONTINUE),
    ] {
        let options: [(OptionNumber, &[u8]); 2] = [(PATH, path), (BLOCK1, b"\x18")];
        script.feed(&con(Code::PUT, mid, b"t", &options, &[0; 16]));
        assert_eq!(sent(&mut script).code, code);
    }
    script.expect_empty_after_lifetimes();
}
