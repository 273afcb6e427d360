//! Known failures of other CoAP software, fed to this crate. Each test is named after its row in
//! the project's list of hostile inputs; large counts are scaled down unless `LWM2M_LONG=1`.
#![cfg(feature = "alloc")]

mod common;

use coap_codec::link::{Links, Quirk};
use coap_codec::uri::Uri;
use coap_codec::{
    Block, Code, DecodeErrorKind, DecodeLimits, EncodeError, Encoder, Message, OptionNumber,
    RejectReason, Triage, Type, triage,
};
use common::{Numbers, hex, long, oracle};

const STRICT: DecodeLimits = DecodeLimits::RFC7252;
const UNDERSTOOD: &[OptionNumber] = &[
    OptionNumber::URI_PATH,
    OptionNumber::URI_QUERY,
    OptionNumber::ACCEPT,
    OptionNumber::BLOCK1,
    OptionNumber::BLOCK2,
];

/// Asserts that these bytes are a message format error: RST as CON, silence as anything else.
fn format_error(wire: &[u8]) {
    assert!(Message::decode(wire).is_err(), "{wire:02x?}");
    assert_eq!(oracle(wire), None, "{wire:02x?}");
    for ty in 0..4 {
        let mut wire = wire.to_vec();
        wire[0] = wire[0] & 0xcf | ty << 4;
        match triage(&wire, UNDERSTOOD, STRICT) {
            Triage::Reset {
                reason: RejectReason::Format(_),
                ..
            } => assert_eq!(ty, 0, "{wire:02x?}"),
            Triage::Ignore(RejectReason::Format(_)) => assert_ne!(ty, 0, "{wire:02x?}"),
            other => panic!("{wire:02x?}: {other:?}"),
        }
    }
}

#[test]
fn hostile_a01_extended_delta_and_length_cut() {
    for tail in [
        "D0",
        "0D",
        "E0",
        "0E",
        "E0 00",
        "0E FF",
        "DD",
        "DD 00",
        "DE 00",
        "DE 00 00",
        "ED 00 00",
        "EE",
        "EE 00",
        "EE 00 00",
        "EE 00 00 00",
    ] {
        let mut wire = hex("40 01 00 01");
        wire.extend(hex(tail));
        format_error(&wire);
    }
}

#[test]
fn hostile_a02_many_options_the_last_one_cut() {
    let mut wire = hex("40 01 00 01 B1 61");
    for _ in 0..30_000 {
        wire.extend([0x01, b'a']);
    }
    assert_eq!(
        Message::decode(&wire).unwrap().options().uri_path().count(),
        30_001
    );
    wire.push(0x02);
    wire.push(b'a');
    format_error(&wire);

    // Options of no length and no delta: one byte each, and each is read.
    for count in [10_000, 65_000] {
        let mut wire = hex("40 01 00 01 B0");
        wire.resize(4 + count, 0x00);
        let message = Message::decode(&wire).unwrap();
        assert_eq!(message.options().iter().count(), count);
        assert_eq!(message.unrecognised(UNDERSTOOD), None);
    }
    // Linear: a quadratic walk over this would take hours.
    let mut wire = hex("40 01 00 01 B0");
    wire.resize(if long() { 100_000_000 } else { 4_000_000 }, 0x00);
    assert_eq!(
        Message::decode(&wire).unwrap().options().iter().count(),
        wire.len() - 4
    );
}

#[test]
fn hostile_a03_token_longer_than_the_datagram() {
    format_error(&hex("48 01 00 01 AA"));
    for tkl in 1..=8 {
        for there in 0..tkl {
            let mut wire = vec![0x40 | tkl, 1, 0, 1];
            wire.resize(4 + usize::from(there), 0xaa);
            format_error(&wire);
        }
    }
}

#[test]
fn hostile_a04_option_number_wraps() {
    // 65 535, and 12 more: 65 536 + 11 would be Uri-Path again.
    let mut wire = hex("40 01 00 01 E0 FE F2");
    assert_eq!(
        Message::decode(&wire)
            .unwrap()
            .options()
            .iter()
            .next()
            .unwrap()
            .number,
        OptionNumber(65_535)
    );
    wire.extend(hex("C1 61"));
    format_error(&wire);
    format_error(&hex("40 01 00 01 B1 61 E1 FE F3 61"));
    format_error(&hex("40 01 00 01 E0 7F FF E0 7F FF"));
}

#[test]
fn hostile_a06_largest_delta_and_length_together() {
    format_error(&hex("40 01 00 01 EE FF FF FF FF"));
    let mut wire = hex("40 01 00 01 EE FF FF FF FF");
    wire.resize(70_000, 0);
    format_error(&wire);
    // The largest that is allowed.
    let mut wire = hex("40 01 00 01 EE FE F2 FF FF");
    wire.resize(9 + 65_804, 7);
    let message = Message::decode(&wire).unwrap();
    assert_eq!(
        message.options().get(OptionNumber(65_535)).unwrap().len(),
        65_804
    );
}

#[test]
fn hostile_a07_delta_arithmetic_in_too_few_bits() {
    format_error(&hex("40 01 00 00 E0 FE F3"));
    let wire = hex("40 01 00 00 10 D1 F4 1A");
    let message = Message::decode(&wire).unwrap();
    let numbers: Vec<_> = message.options().iter().map(|o| o.number.0).collect();
    assert_eq!(numbers, [1, 258]);
    assert!(
        message
            .options()
            .no_response()
            .unwrap()
            .suppresses(Code::CONTENT)
    );
    // 255 + 13 in one byte of extension, for delta and for length.
    let mut wire = hex("40 01 00 00 DD FF FF");
    wire.resize(7 + 268, b'x');
    let message = Message::decode(&wire).unwrap();
    assert_eq!(message.options().get(OptionNumber(268)).unwrap().len(), 268);
}

#[test]
fn hostile_a08_length_wraps_and_buffers_that_are_short() {
    let mut wire = hex("40 01 00 01 BE FF FF");
    wire.resize(200, b'x');
    format_error(&wire);

    let value = [b'v'; 300];
    for lengths in [&[0, 1, 12][..], &[13, 14], &[268], &[269, 300], &[]] {
        let write = |out: &mut [u8]| -> Result<usize, EncodeError> {
            let mut encoder = Encoder::new(out, Type::Confirmable, Code::PUT, 7, b"12345678")?;
            for (index, &len) in lengths.iter().enumerate() {
                let number = OptionNumber(u16::try_from(11 + 300 * index).unwrap());
                encoder.option(number, &value[..len])?;
            }
            encoder.payload(b"payload")?;
            encoder.finish()
        };
        let mut out = [0xaa; 1024];
        let whole = write(&mut out).unwrap();
        assert_eq!(out[whole], 0xaa);
        assert!(Message::decode(&out[..whole]).is_ok());
        for short in 0..whole {
            let mut out = [0xaa; 1024];
            assert_eq!(
                write(&mut out[..short]),
                Err(EncodeError::NoSpace),
                "{short} of {whole}"
            );
            assert!(
                out[short..].iter().all(|byte| *byte == 0xaa),
                "{short} of {whole}"
            );
        }
    }
}

#[test]
fn hostile_a09_option_prefixes() {
    // Every start of three bytes, with enough behind it and with nothing.
    let step = if long() { 1 } else { 31 };
    for first in 0..=255_u8 {
        for rest in (0..=0xffff_u16).step_by(step) {
            let [second, third] = rest.to_be_bytes();
            let mut wire = vec![0x40, 1, 0, 1, first, second, third];
            assert_eq!(
                Message::decode(&wire).is_ok(),
                oracle(&wire).is_some(),
                "{wire:02x?}"
            );
            wire.resize(48, 0x11);
            assert_eq!(
                Message::decode(&wire).is_ok(),
                oracle(&wire).is_some(),
                "{wire:02x?}"
            );
        }
    }
    // Longer lists made of the bytes that mean something.
    const BYTES: &[u8] = &[
        0x00, 0x0d, 0x0e, 0x0f, 0xb1, 0xd0, 0xd1, 0xdd, 0xe0, 0xee, 0xf0, 0xff,
    ];
    let mut numbers = Numbers(0xa09);
    for _ in 0..if long() { 50_000_000 } else { 100_000 } {
        let mut wire = vec![0x40, 1, 0, 1];
        for _ in 0..numbers.below(24) {
            wire.push(BYTES[numbers.below(BYTES.len())]);
        }
        assert_eq!(
            Message::decode(&wire).is_ok(),
            oracle(&wire).is_some(),
            "{wire:02x?}"
        );
    }
}

#[test]
fn hostile_a11_integer_of_21086_bytes() {
    format_error(&hex(
        "51 51 51 00 80 51 51 51 51 4E 51 51 51 51 51 51 51 F5 06",
    ));
    // An integer that is too long is no integer: absent if elective, 4.02 if critical.
    for len in [3, 5, 9, 300, 21_086] {
        for (number, critical) in [
            (OptionNumber::CONTENT_FORMAT, false),
            (OptionNumber::ACCEPT, true),
        ] {
            let mut out = vec![0; 30_000];
            let mut encoder = Encoder::new(&mut out, Type::Confirmable, Code::GET, 1, b"").unwrap();
            encoder.option(number, &vec![0; len]).unwrap();
            let len = encoder.finish().unwrap();
            let message = Message::decode(&out[..len]).unwrap();
            assert_eq!(message.options().uint(number), None);
            let verdict = triage(&out[..len], UNDERSTOOD, STRICT);
            assert_eq!(verdict == Triage::BadOption { message, number }, critical);
            assert_eq!(verdict == Triage::Deliver(message), !critical);
        }
    }
}

#[test]
fn hostile_a12_every_option_number() {
    let mut wire = hex("42 43 42 42 42 42 42 9E 80 42 42 28 01");
    wire.extend([0xe1; 14]);
    wire.extend(hex("BF E1 00 00 10 00 43 42 53 42 FF 49"));
    assert_eq!(Message::decode(&wire).is_ok(), oracle(&wire).is_some());

    let mut wire = hex("40 01 00 01 00");
    wire.resize(4 + 65_536, 0x10);
    let message = Message::decode(&wire).unwrap();
    let numbers = message.options().iter().map(|option| option.number.0);
    assert!(numbers.eq(0..=65_535));
    for number in [0, 1, 11, 255, 256, 65_535].map(OptionNumber) {
        assert_eq!(message.options().get(number), Some(&b""[..]));
    }
    assert_eq!(
        message.unrecognised(UNDERSTOOD),
        Some(OptionNumber::IF_MATCH)
    );
    // Each number alone.
    for number in 0..=65_535 {
        let mut out = [0; 16];
        let mut encoder = Encoder::new(&mut out, Type::NonConfirmable, Code::GET, 1, b"").unwrap();
        encoder.option(OptionNumber(number), b"x").unwrap();
        let len = encoder.finish().unwrap();
        let message = Message::decode(&out[..len]).unwrap();
        let option = message.options().iter().next().unwrap();
        assert_eq!((option.number.0, option.value), (number, &b"x"[..]));
    }
}

#[test]
fn hostile_a13_every_datagram_of_up_to_four_bytes() {
    let look = |wire: &[u8]| match triage(wire, UNDERSTOOD, STRICT) {
        Triage::Ignore(reason) => {
            assert_eq!(reason == RejectReason::Short, wire.len() < 4, "{wire:02x?}");
        }
        verdict => {
            assert_eq!(
                (wire.len(), wire[0] >> 6),
                (4, 1),
                "{wire:02x?}: {verdict:?}"
            );
        }
    };
    look(&[]);
    for n in 0..=0xff_u8 {
        look(&[n]);
    }
    for n in 0..=0xffff_u16 {
        look(&n.to_be_bytes());
    }
    let (three, four) = if long() { (1, 1) } else { (61, 16_381) };
    for n in (0..0x100_0000_u32).step_by(three) {
        look(&n.to_be_bytes()[1..]);
    }
    for n in (0..=u32::MAX).step_by(four) {
        look(&n.to_be_bytes());
    }
}

#[test]
fn hostile_a16_token_one_longer_than_what_is_left() {
    for left in 0..8_u8 {
        let mut wire = vec![0x41 + left, 1, 0, 1];
        wire.resize(4 + usize::from(left), 0x11);
        format_error(&wire);
    }
    // The same with an extended length.
    for left in [13_usize, 268, 269, 1000] {
        let token = vec![0x11; left];
        let mut out = vec![0; 2000];
        let ty = Type::Confirmable;
        let len = Encoder::with_extended_token(&mut out, ty, Code::GET, 1, &token)
            .unwrap()
            .finish()
            .unwrap();
        let limits = STRICT.with_extended_tokens(65_804);
        assert!(Message::decode_with(&out[..len], limits).is_ok());
        let fault = Message::decode_with(&out[..len - 1], limits).unwrap_err();
        assert_eq!(fault.kind, DecodeErrorKind::Truncated);
    }
}

#[test]
fn hostile_a17_extended_token_length_cut() {
    for wire in [
        "4D 01 00 01",
        "4E 01 00 01",
        "4E 01 00 01 00",
        "4F 01 00 01 00 00",
    ] {
        let wire = hex(wire);
        format_error(&wire);
        let extended = STRICT.with_extended_tokens(65_804);
        assert!(Message::decode_with(&wire, extended).is_err());
        assert!(matches!(
            triage(&wire, UNDERSTOOD, extended),
            Triage::Reset { message_id: 1, .. }
        ));
    }
}

#[test]
fn hostile_a18_long_tokens_are_refused_or_echoed() {
    for size in [9, 12, 13, 200, 268, 269, 1000, 65_804] {
        let token: Vec<u8> = (0..=250).cycle().take(size).collect();
        let ty = Type::Confirmable;
        let mut request = vec![0; size + 7];
        let len = Encoder::with_extended_token(&mut request, ty, Code::GET, 1, &token)
            .unwrap()
            .finish()
            .unwrap();
        let request = &request[..len];
        format_error(request);
        assert!(Message::decode_with(request, STRICT.with_extended_tokens(size - 1)).is_err());

        let message = Message::decode_with(request, STRICT.with_extended_tokens(size)).unwrap();
        assert_eq!(message.token(), token);
        let mut response = vec![0; 70_000];
        let ty = Type::Acknowledgement;
        let whole =
            Encoder::with_extended_token(&mut response, ty, Code::CONTENT, 1, message.token())
                .unwrap()
                .finish()
                .unwrap();
        let back = Message::decode_with(&response[..whole], STRICT.with_extended_tokens(size));
        assert_eq!(back.unwrap().token(), token);
        for short in 0..whole.min(300) {
            let out = &mut response[..short];
            let written = Encoder::with_extended_token(out, ty, Code::CONTENT, 1, &token);
            assert_eq!(written.err(), Some(EncodeError::NoSpace));
        }
        assert_eq!(
            Encoder::new(&mut response, ty, Code::CONTENT, 1, &token).err(),
            Some(EncodeError::TokenTooLong)
        );
    }
}

#[test]
fn hostile_a19_reserved_token_lengths() {
    for tkl in 9..=15_u8 {
        for there in [0, usize::from(tkl), 40] {
            let mut wire = vec![0x40 | tkl, 1, 0, 1];
            wire.resize(4 + there, 0x00);
            format_error(&wire);
            let fault = Message::decode(&wire).unwrap_err();
            assert_eq!(
                (fault.offset, fault.kind),
                (0, DecodeErrorKind::TokenLength(tkl))
            );
        }
    }
}

#[test]
fn hostile_a21_payload_is_no_c_string() {
    for payload in [
        &b"no zero at the end"[..],
        &[0xff; 64],
        &[0xff],
        b"x",
        &[0; 9],
    ] {
        let mut wire = hex("40 02 00 01 B2 72 64 FF");
        wire.extend_from_slice(payload);
        assert_eq!(Message::decode(&wire).unwrap().payload(), payload);
    }
    format_error(&hex("40 02 00 01 B2 72 64 FF"));
    format_error(&hex("40 02 00 01 FF"));
}

#[test]
fn hostile_a23_empty_segments_and_payload_without_options() {
    let mut wire = hex("40 01 33 A5 FF");
    wire.resize(5 + 45, 0x45);
    let message = Message::decode(&wire).unwrap();
    assert!(message.options().is_empty());
    assert_eq!(message.options().uri_path().count(), 0);
    assert_eq!(message.payload(), [0x45; 45]);

    for count in 1..=20 {
        let mut wire = hex("40 01 33 A5 B0");
        wire.resize(4 + count, 0x00);
        let message = Message::decode(&wire).unwrap();
        assert!(message.options().uri_path().eq(vec![Ok(""); count]));
    }
}

#[test]
fn hostile_a31_uris() {
    for text in [
        "coap://[::1%25",
        "coap://[::1%25]",
        "coap://[::1%25eth0",
        "coap://h:99999",
        "coap://h:4294967297",
        "coap://h/%",
        "coap://h/%4",
        "coap://h?%",
        "coap://h?a&%4",
        "coap://%",
        "coap://%4",
    ] {
        let fault = Uri::parse(text).unwrap_err();
        assert!(fault.offset <= text.len(), "{text}: {fault}");
    }
    // 64 KiB as one segment, as a host, as a port; then as many segments, which is allowed.
    let long = "a".repeat(65_536);
    for text in [
        format!("coap://h/{long}"),
        format!("coap://{long}"),
        format!("coap://h:{}", "9".repeat(65_536)),
        format!("coap://h/{}", "%".repeat(65_536)),
        format!("coap://{}", "[".repeat(65_536)),
        format!("coap://h?{long}"),
        format!("{long}://h"),
    ] {
        assert!(Uri::parse(&text).is_err());
    }
    let text = format!("coap://h{}", "/a".repeat(32_768));
    assert_eq!(Uri::parse(&text).unwrap().path_segments().count(), 32_768);
    let text = format!("coap://h{}", "/".repeat(65_536));
    assert_eq!(Uri::parse(&text).unwrap().path_segments().count(), 65_536);
    // Every prefix of one with everything in it.
    let text = "coaps+tcp://[fe80::1%25e%74h0]:5684/rd/%C3%A4?ep=%26&lt";
    for len in 0..text.len() {
        if let Ok(uri) = Uri::parse(&text[..len]) {
            assert!(uri.options().check().is_ok());
        }
    }
}

#[test]
fn hostile_a32_option_of_65536_bytes() {
    let value = vec![0x5a; 65_805];
    let mut out = vec![0; 66_000];
    let path = OptionNumber::URI_PATH;
    // The format can hold 65 804 bytes: those come back whole.
    for len in [65_535, 65_536, 65_804] {
        let mut encoder = Encoder::new(&mut out, Type::Confirmable, Code::PUT, 1, b"").unwrap();
        encoder.option(path, &value[..len]).unwrap();
        let written = encoder.finish().unwrap();
        let message = Message::decode(&out[..written]).unwrap();
        assert_eq!(message.options().get(path), Some(&value[..len]));
    }
    let mut encoder = Encoder::new(&mut out, Type::Confirmable, Code::PUT, 1, b"").unwrap();
    assert_eq!(
        encoder.option(path, &value).err(),
        Some(EncodeError::OptionTooLong(path))
    );
    assert_eq!(encoder.finish(), Ok(4));
    // And a datagram's worth of room is not enough.
    let mut small = [0; 1152];
    let mut encoder = Encoder::new(&mut small, Type::Confirmable, Code::PUT, 1, b"").unwrap();
    assert_eq!(
        encoder.option(path, &value[..65_536]).err(),
        Some(EncodeError::NoSpace)
    );

    let mut options = coap_codec::OptionsBuf::new();
    assert_eq!(
        options.insert(path, &value),
        Err(EncodeError::OptionTooLong(path))
    );
    assert_eq!(
        options.set(path, &value),
        Err(EncodeError::OptionTooLong(path))
    );
    assert!(options.is_empty());
    // A request never turns a text that is too long into one that is valid.
    let text = "p".repeat(70_000);
    let request = coap_codec::Request::new(Code::GET).path(&text);
    assert_eq!(
        request.options.check(),
        Err(EncodeError::OptionTooLong(path))
    );
    assert_eq!(
        request.options.as_options().unrecognised(UNDERSTOOD),
        Some(path)
    );
}

#[test]
fn hostile_b07_repeated_options() {
    let wire = hex("44 01 E3 4F C8 54 DE A8 B7 72 65 67 75 6C 61 72 61 00 01 32");
    let message = Message::decode(&wire).unwrap();
    let number = OptionNumber::ACCEPT;
    assert_eq!(
        triage(&wire, UNDERSTOOD, STRICT),
        Triage::BadOption { message, number }
    );

    // Two Block2: critical. Two Observe: elective, so the second one is passed over.
    let wire = hex("40 01 00 01 D1 0A 06 01 16");
    let message = Message::decode(&wire).unwrap();
    let number = OptionNumber::BLOCK2;
    assert_eq!(
        triage(&wire, UNDERSTOOD, STRICT),
        Triage::BadOption { message, number }
    );
    assert_eq!(message.options().block2(), Some(Block::decode(&[6])));
    let wire = hex("40 01 00 01 60 01 01 51 33");
    let message = Message::decode(&wire).unwrap();
    assert_eq!(triage(&wire, UNDERSTOOD, STRICT), Triage::Deliver(message));
    assert_eq!(message.options().observe(), Some(0));
}

#[test]
fn hostile_b08_unknown_critical_option() {
    let wire = hex("40 01 00 01 D0 34");
    let message = Message::decode(&wire).unwrap();
    let number = OptionNumber(65);
    assert_eq!(
        triage(&wire, UNDERSTOOD, STRICT),
        Triage::BadOption { message, number }
    );
    assert_eq!(
        triage(&hex("50 01 00 01 D0 34"), UNDERSTOOD, STRICT),
        Triage::Ignore(RejectReason::CriticalOption(number))
    );
    let wire = hex("40 01 00 01 D0 33");
    let message = Message::decode(&wire).unwrap();
    assert_eq!(triage(&wire, UNDERSTOOD, STRICT), Triage::Deliver(message));
}

#[test]
fn hostile_b12_empty_message_with_more() {
    format_error(&hex("41 00 00 01 AA"));
    format_error(&hex("41 00 00 01"));
    format_error(&hex("40 00 00 01 FF AA"));
    format_error(&hex("40 00 00 01 FF"));
    format_error(&hex("40 00 00 01 B1 61"));
    format_error(&hex("40 00 00 01 00"));
}

#[test]
fn hostile_k16_link_formats() {
    type Attribute = (String, Option<String>);
    let read = |text: &str| -> Vec<(String, Vec<Attribute>)> {
        Links::new(text)
            .map(|link| {
                let link = link.unwrap();
                let attributes = link
                    .attributes()
                    .map(|(name, value)| (name.into(), value.map(|v| v.to_text().into_owned())));
                (link.target().into(), attributes.collect())
            })
            .collect()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
    assert_eq!(
        read("</foo>;param=<,</bar>;param=>"),
        [
            ("/foo".into(), vec![pair("param", "<")]),
            ("/bar".into(), vec![pair("param", ">")]),
        ]
    );
    assert_eq!(
        read("</>;ct=110;ct=112"),
        [("/".into(), vec![pair("ct", "110"), pair("ct", "112")])]
    );
    let twice = Links::new("</>;ct=110;ct=112").next().unwrap().unwrap();
    assert_eq!(twice.get("ct").unwrap().unwrap(), *"110");
    assert!(twice.quirks().contains(Quirk::DuplicateAttribute));
    assert_eq!(
        read("</1/0>;ver=1.1"),
        [("/1/0".into(), vec![pair("ver", "1.1")])]
    );
    assert_eq!(
        read("</>;ct=60 110"),
        [("/".into(), vec![pair("ct", "60 110")])]
    );
    assert_eq!(
        read(r#"</>;t="a\\\"b",</1>"#),
        [
            ("/".into(), vec![pair("t", "a\\\"b")]),
            ("/1".into(), vec![])
        ]
    );

    let count = if long() { 10_000_000 } else { 100_000 };
    let many = "</3/0>,".repeat(count);
    assert_eq!(Links::new(&many).filter(|link| link.is_ok()).count(), count);

    // Linear: a quadratic reader would not come back from any of these.
    let size = if long() { 256 << 20 } else { 256 << 10 };
    for piece in [
        "<",
        ">",
        ",",
        ";",
        "=",
        "\"",
        "\\",
        " ",
        ", ",
        "; ",
        "</>;",
        "</>,",
        "</>;a=1,2",
        ";a",
        "</>;a=",
        "</>;a=\"",
        "</>;a=\"\\\"",
        ",,<",
        "</>;a=,,,",
    ] {
        let text = piece.repeat(size / piece.len());
        let mut links = Links::new(&text);
        let mut attributes = 0;
        for link in links.by_ref().flatten() {
            attributes += link.attributes().count();
        }
        assert!(attributes <= text.len(), "{piece}");
        assert!(links.next().is_none(), "{piece}");
    }
    let text = format!("</>;{}", "ct=1;x=2;".repeat(size / 9));
    let link = Links::new(&text).next().unwrap().unwrap();
    assert_eq!(link.attributes().count(), 2 * (size / 9));
    let text = format!("</>;a={}", "1, ".repeat(size / 3));
    assert!(Links::new(&text).all(|link| link.is_ok()));
}
