//! Bytes that others made: the RFCs and worked examples of LwM2M traffic.
#![cfg(feature = "alloc")]

use coap_codec::{
    Block, BlockSize, Code, ContentFormat, DecodeError, DecodeErrorKind, DecodeLimits, EncodeError,
    Encoder, Message, OptionNumber, OptionsBuf, Request, Response, Type, empty_message,
};

use DecodeErrorKind::*;

/// Reads the bytes of a row written in hexadecimal.
fn hex(text: &str) -> Vec<u8> {
    text.split_ascii_whitespace()
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

const REGISTER: &str = "42 02 12 34 9A 01 B2 72 64 11 28 37 65 70 3D 64 65 76 31 06 6C 74 3D 33 30 \
    30 09 6C 77 6D 32 6D 3D 31 2E 31 03 62 3D 55 FF 3C 2F 31 2F 30 3E 2C 3C 2F 33 2F 30 3E";
const READ: &str = "41 01 20 01 42 60 51 33 01 30 01 39 62 2D 16";
const NOTIFY: &str = "41 45 70 01 42 61 0C 62 2D 16 FF C1 09 64";

/// (what, bytes, type, code, message ID, token, options, payload)
type Row = (
    &'static str,
    &'static str,
    Type,
    Code,
    u16,
    &'static [u8],
    &'static [(OptionNumber, &'static [u8])],
    &'static [u8],
);

const MESSAGES: &[Row] = &[
    (
        "LwM2M Register",
        REGISTER,
        Type::Confirmable,
        Code::POST,
        0x1234,
        &[0x9a, 1],
        &[
            (OptionNumber::URI_PATH, b"rd"),
            (OptionNumber::CONTENT_FORMAT, &[40]),
            (OptionNumber::URI_QUERY, b"ep=dev1"),
            (OptionNumber::URI_QUERY, b"lt=300"),
            (OptionNumber::URI_QUERY, b"lwm2m=1.1"),
            (OptionNumber::URI_QUERY, b"b=U"),
        ],
        b"</1/0>,</3/0>",
    ),
    (
        "2.01 with Location",
        "62 41 12 34 9A 01 82 72 64 04 35 61 33 66",
        Type::Acknowledgement,
        Code::CREATED,
        0x1234,
        &[0x9a, 1],
        &[
            (OptionNumber::LOCATION_PATH, b"rd"),
            (OptionNumber::LOCATION_PATH, b"5a3f"),
        ],
        b"",
    ),
    (
        "LwM2M Update",
        "42 02 12 35 9A 02 B2 72 64 04 35 61 33 66",
        Type::Confirmable,
        Code::POST,
        0x1235,
        &[0x9a, 2],
        &[
            (OptionNumber::URI_PATH, b"rd"),
            (OptionNumber::URI_PATH, b"5a3f"),
        ],
        b"",
    ),
    (
        "GET /3/0/9, Observe 0, Accept TLV",
        READ,
        Type::Confirmable,
        Code::GET,
        0x2001,
        b"B",
        &[
            (OptionNumber::OBSERVE, b""),
            (OptionNumber::URI_PATH, b"3"),
            (OptionNumber::URI_PATH, b"0"),
            (OptionNumber::URI_PATH, b"9"),
            (OptionNumber::ACCEPT, &[0x2d, 0x16]),
        ],
        b"",
    ),
    (
        "notification",
        NOTIFY,
        Type::Confirmable,
        Code::CONTENT,
        0x7001,
        b"B",
        &[
            (OptionNumber::OBSERVE, &[12]),
            (OptionNumber::CONTENT_FORMAT, &[0x2d, 0x16]),
        ],
        &[0xc1, 9, 0x64],
    ),
    (
        "GET with Observe 1",
        "41 01 20 02 42 61 01 51 33 01 30 01 39",
        Type::Confirmable,
        Code::GET,
        0x2002,
        b"B",
        &[
            (OptionNumber::OBSERVE, &[1]),
            (OptionNumber::URI_PATH, b"3"),
            (OptionNumber::URI_PATH, b"0"),
            (OptionNumber::URI_PATH, b"9"),
        ],
        b"",
    ),
    (
        "reset",
        "70 00 70 01",
        Type::Reset,
        Code::EMPTY,
        0x7001,
        b"",
        &[],
        b"",
    ),
    (
        "empty acknowledgement",
        "60 00 70 01",
        Type::Acknowledgement,
        Code::EMPTY,
        0x7001,
        b"",
        &[],
        b"",
    ),
    (
        "ping",
        "40 00 00 01",
        Type::Confirmable,
        Code::EMPTY,
        1,
        b"",
        &[],
        b"",
    ),
];

#[test]
fn messages_decode_and_encode_back_to_the_same_bytes() {
    for &(what, text, ty, code, message_id, token, options, payload) in MESSAGES {
        let wire = hex(text);
        let message = Message::decode(&wire).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(message.ty(), ty, "{what}");
        assert_eq!(message.code(), code, "{what}");
        assert_eq!(message.message_id(), message_id, "{what}");
        assert_eq!(message.token(), token, "{what}");
        let seen: Vec<_> = message
            .options()
            .iter()
            .map(|o| (o.number, o.value))
            .collect();
        assert_eq!(seen, options, "{what}");
        assert_eq!(message.payload(), payload, "{what}");

        // One option at a time, the whole list at once, and inserted backwards into an owned one.
        let mut out = [0; 128];
        let mut encoder = Encoder::new(&mut out, ty, code, message_id, token).unwrap();
        for (number, value) in options {
            encoder.option(*number, value).unwrap();
        }
        encoder.payload(payload).unwrap();
        let len = encoder.finish().unwrap();
        assert_eq!(out[..len], wire, "{what}");

        let mut out = [0; 128];
        let mut encoder = Encoder::new(&mut out, ty, code, message_id, token).unwrap();
        encoder
            .options(&message.options())
            .unwrap()
            .payload(payload)
            .unwrap();
        let len = encoder.finish().unwrap();
        assert_eq!(out[..len], wire, "{what}");

        let mut owned = OptionsBuf::new();
        let mut numbers: Vec<_> = options.iter().map(|(number, _)| *number).collect();
        numbers.dedup();
        for number in numbers.into_iter().rev() {
            for (_, value) in options.iter().filter(|(n, _)| *n == number) {
                owned.insert(number, value).unwrap();
            }
        }
        assert_eq!(owned.as_options(), message.options(), "{what}");
        assert_eq!(owned, OptionsBuf::from(message.options()), "{what}");
    }
    assert_eq!(empty_message(Type::Reset, 0x7001)[..], hex("70 00 70 01"));
    assert_eq!(empty_message(Type::Confirmable, 1)[..], hex("40 00 00 01"));
}

#[test]
fn typed_accessors_read_register_and_notification() {
    let wire = hex(REGISTER);
    let message = Message::decode(&wire).unwrap();
    let options = message.options();
    assert!(options.uri_path().eq([Ok("rd")]));
    assert!(
        options
            .uri_query()
            .eq([Ok("ep=dev1"), Ok("lt=300"), Ok("lwm2m=1.1"), Ok("b=U")])
    );
    assert_eq!(options.content_format(), Some(ContentFormat::LINK));
    assert_eq!(options.accept(), None);
    let request = Request::from(&message);
    let built = Request::new(Code::POST)
        .path("/rd")
        .content_format(ContentFormat::LINK)
        .query("ep=dev1")
        .query("lt=300")
        .query("lwm2m=1.1")
        .query("b=U")
        .payload("</1/0>,</3/0>");
    assert_eq!(request, built);

    let wire = hex(NOTIFY);
    let message = Message::decode(&wire).unwrap();
    assert_eq!(message.options().observe(), Some(12));
    let built = Response::new(Code::CONTENT)
        .observe(12)
        .content_format(ContentFormat::TLV)
        .payload(vec![0xc1, 9, 0x64]);
    assert_eq!(Response::from(&message), built);
}

/// (what, bytes, where and why they are refused)
const REFUSED: &[(&str, &str, usize, DecodeErrorKind)] = &[
    (
        "RFC 7252 §3: four bytes of header",
        "40 01 00",
        3,
        Truncated,
    ),
    ("RFC 7252 §3: version 1", "80 01 00 01", 0, Version(2)),
    ("RFC 7252 §3: version 1", "00 01 00 01", 0, Version(0)),
    (
        "RFC 7252 §3: token lengths 9 to 15",
        "49 01 00 01",
        0,
        TokenLength(9),
    ),
    (
        "RFC 7252 §3: token lengths 9 to 15",
        "4F 01 00 01",
        0,
        TokenLength(15),
    ),
    (
        "RFC 7252 §3: the token is there",
        "42 01 00 01 AA",
        5,
        Truncated,
    ),
    (
        "RFC 7252 §3: a marker has a payload",
        "40 01 00 01 FF",
        4,
        EmptyPayload,
    ),
    ("RFC 7252 §3.1: delta 15", "40 01 00 01 F0", 4, OptionNibble),
    (
        "RFC 7252 §3.1: length 15",
        "40 01 00 01 0F",
        4,
        OptionNibble,
    ),
    (
        "RFC 7252 §3.1: the value is there",
        "40 01 00 01 B2 61",
        6,
        Truncated,
    ),
    (
        "RFC 7252 §4.1: empty is empty",
        "41 00 00 01 AA",
        0,
        NotEmpty,
    ),
    (
        "RFC 7252 §4.1: empty is empty",
        "40 00 00 01 AA",
        4,
        NotEmpty,
    ),
    (
        "option numbers have 16 bits",
        "40 01 00 01 E0 FE F3",
        4,
        OptionOverflow,
    ),
];

#[test]
fn malformed_messages_are_refused() {
    for &(what, text, offset, kind) in REFUSED {
        assert_eq!(
            Message::decode(&hex(text)),
            Err(DecodeError::at(offset, kind)),
            "{what}: {text}"
        );
    }
}

#[test]
fn every_prefix_is_refused_or_a_shorter_valid_message() {
    for &(what, text, ..) in MESSAGES {
        let wire = hex(text);
        for len in 0..wire.len() {
            let Ok(message) = Message::decode(&wire[..len]) else {
                continue;
            };
            let whole = Message::decode(&wire).unwrap();
            assert_eq!(message.token(), whole.token(), "{what} cut to {len}");
            assert!(
                whole
                    .options()
                    .as_bytes()
                    .starts_with(message.options().as_bytes()),
                "{what} cut to {len}"
            );
            assert!(
                whole.payload().starts_with(message.payload()),
                "{what} cut to {len}"
            );
        }
    }
}

/// (where it comes from, bytes, Ok((number, more, bytes per block)) or the fault)
type BlockRow = (
    &'static str,
    &'static [u8],
    Result<(u32, bool, usize), DecodeErrorKind>,
);

const BLOCKS: &[BlockRow] = &[
    ("RFC 7959 §2.2: no bytes are 0", b"", Ok((0, false, 16))),
    ("NUM 3, M, 1024", b"\x3e", Ok((3, true, 1024))),
    ("NUM 70000, 512", b"\x11\x17\x05", Ok((70_000, false, 512))),
    (
        "RFC 7959 §2.2: greatest number",
        b"\xff\xff\xfe",
        Ok((0xf_ffff, true, 1024)),
    ),
    (
        "RFC 7959 §2.2: SZX 7 is reserved",
        b"\x07",
        Err(Reserved(7)),
    ),
    (
        "RFC 7959 §2.1: at most 3 bytes",
        b"\x00\x00\x00\x00",
        Err(TooLong),
    ),
];

#[test]
fn block_values() {
    for &(what, wire, expected) in BLOCKS {
        let read = Block::decode(wire);
        let seen = read.map(|b| (b.num(), b.more(), b.size().bytes()));
        assert_eq!(seen.map_err(|e| e.kind), expected, "{what}");
        if let Ok(block) = read {
            assert_eq!(block.encode(&mut [0; 4]), wire, "{what}");
            assert_eq!(
                Block::new(block.num(), block.more(), block.size()),
                Some(block),
                "{what}"
            );
        }
    }
    assert_eq!(Block::decode(&[0, 0x3e]), Block::decode(&[0x3e])); // leading zeros
    assert_eq!(Block::new(0x10_0000, false, BlockSize::B16), None);
    assert_eq!(Block::decode_bert(&[0x0f]).unwrap().size(), BlockSize::BERT);
}

#[test]
fn encoder_refuses_what_it_could_not_read_back() {
    let mut out = [0; 70_000];
    fn start(out: &mut [u8]) -> Encoder<'_> {
        Encoder::new(out, Type::Confirmable, Code::GET, 1, b"").unwrap()
    }
    assert_eq!(
        Encoder::new(&mut out, Type::Confirmable, Code::GET, 1, &[0; 9]).err(),
        Some(EncodeError::TokenTooLong)
    );
    assert_eq!(
        Encoder::with_extended_token(&mut out, Type::Confirmable, Code::GET, 1, &[0; 65_805]).err(),
        Some(EncodeError::TokenTooLong)
    );
    assert_eq!(
        Encoder::new(&mut out, Type::Confirmable, Code::EMPTY, 1, &[0]).err(),
        Some(EncodeError::NotEmpty)
    );
    let path = OptionNumber::URI_PATH;
    assert_eq!(
        start(&mut out).option(path, &[0; 65_805]).err(),
        Some(EncodeError::OptionTooLong(path))
    );
    let mut encoder = start(&mut out);
    encoder.option(OptionNumber::ACCEPT, b"").unwrap();
    assert_eq!(
        encoder.option(path, b"3").err(),
        Some(EncodeError::OptionOrder(path))
    );
    encoder.payload(b"x").unwrap();
    assert_eq!(encoder.payload(b"x").err(), Some(EncodeError::AfterPayload));
    assert_eq!(
        encoder.option(OptionNumber::ACCEPT, b"").err(),
        Some(EncodeError::AfterPayload)
    );
    let len = encoder.finish().unwrap();
    assert_eq!(out[..len], hex("40 01 00 01 D0 04 FF 78"));

    let mut encoder = Encoder::new(&mut out, Type::Reset, Code::EMPTY, 1, b"").unwrap();
    assert_eq!(encoder.payload(b"x").err(), Some(EncodeError::NotEmpty));
    assert_eq!(
        encoder.option(path, b"x").err(),
        Some(EncodeError::NotEmpty)
    );
    assert_eq!(encoder.finish(), Ok(4));
}

#[test]
fn longest_option_and_token_are_read_back() {
    let mut out = vec![0; 140_000];
    let token = vec![7; 65_804];
    let value = vec![9; 65_804];
    let ty = Type::NonConfirmable;
    let mut encoder = Encoder::with_extended_token(&mut out, ty, Code::GET, 1, &token).unwrap();
    encoder.option(OptionNumber(65_535), &value).unwrap();
    let len = encoder.finish().unwrap();
    let limits = DecodeLimits::RFC7252.with_extended_tokens(65_804);
    let message = Message::decode_with(&out[..len], limits).unwrap();
    assert_eq!(message.token(), token);
    assert_eq!(
        message.options().get(OptionNumber(65_535)),
        Some(&value[..])
    );
    assert!(Message::decode(&out[..len]).is_err());
}
