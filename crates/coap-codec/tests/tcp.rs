//! RFC 8323: frames and signalling messages, byte by byte.
#![cfg(feature = "alloc")]

use coap_codec::tcp::{self, Csm, Frame, Message, PeerSettings, Signal};
use coap_codec::{
    Block, BlockSize, Code, DecodeError, DecodeErrorKind, DecodeLimits, EncodeError, OptionNumber,
    Options, OptionsBuf,
};

const STRICT: DecodeLimits = DecodeLimits::RFC7252;

fn csm(max_message_size: Option<u32>, block_wise: bool) -> Signal<'static> {
    Signal::Csm(Csm {
        max_message_size,
        block_wise,
        extended_token_length: None,
    })
}

#[test]
fn signals_decode_and_encode_back() {
    let rows: &[(&str, &[u8], &[u8], Signal<'_>)] = &[
        ("CSM", b"\x00\xe1", b"", csm(None, false)),
        (
            "CSM 16384, block-wise",
            b"\x40\xe1\x22\x40\x00\x20",
            b"",
            csm(Some(16_384), true),
        ),
        (
            "Ping",
            b"\x01\xe2\x42",
            b"B",
            Signal::Ping { custody: false },
        ),
        (
            "Pong, custody",
            b"\x11\xe3\x42\x20",
            b"B",
            Signal::Pong { custody: true },
        ),
        (
            "Release, hold-off 30 s",
            b"\x20\xe4\x41\x1e",
            b"",
            Signal::Release {
                alternative_address: None,
                hold_off: Some(30),
            },
        ),
        (
            "Release to another address",
            b"\xa0\xe4\x29coap+tcp:",
            b"",
            Signal::Release {
                alternative_address: Some("coap+tcp:"),
                hold_off: None,
            },
        ),
        (
            "Abort, bad option 2",
            b"\x60\xe5\x21\x02\xff\x62\x61\x64",
            b"",
            Signal::Abort {
                bad_csm_option: Some(2),
                diagnostic: b"bad",
            },
        ),
        (
            "CSM with Extended-Token-Length 65804",
            b"\x40\xe1\x63\x01\x01\x0c",
            b"",
            Signal::Csm(Csm {
                extended_token_length: Some(65_804),
                ..Csm::default()
            }),
        ),
    ];
    for (what, wire, token, signal) in rows {
        assert_eq!(
            tcp::frame(wire, 1152),
            Ok(Frame::Complete(wire.len())),
            "{what}"
        );
        let message = Message::decode(wire, STRICT).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(message.token(), *token, "{what}");
        assert_eq!(message.code(), signal.code(), "{what}");
        assert_eq!(Signal::decode(&message), Ok(Some(*signal)), "{what}");
        let mut out = [0; 64];
        let len = signal.encode(token, &mut out).unwrap();
        assert_eq!(out[..len], **wire, "{what}");
        for short in 0..wire.len() {
            assert_eq!(
                signal.encode(token, &mut out[..short]),
                Err(EncodeError::NoSpace),
                "{what}"
            );
        }
    }
}

#[test]
fn signalling_options_that_are_not_understood() {
    let decode = |wire: &'static [u8]| Signal::decode(&Message::decode(wire, STRICT).unwrap());
    // Option 3 is critical in a CSM; option 8 is elective.
    assert_eq!(decode(b"\x10\xe1\x30"), Err(OptionNumber(3)));
    assert_eq!(decode(b"\x10\xe1\x80"), Ok(Some(csm(None, false))));
    // Lengths that are not allowed: a size of five bytes, a block-wise flag with a value.
    assert_eq!(
        decode(b"\x80\xe1\x25\0\0\0\0\x09\x21\x01"),
        Ok(Some(csm(None, false)))
    );
    // A signalling code that nobody has defined, and a request.
    assert_eq!(decode(b"\x00\xe6"), Ok(None));
    assert_eq!(decode(b"\x00\x01"), Ok(None));
    let too_long = Signal::Release {
        alternative_address: None,
        hold_off: Some(1 << 24),
    };
    assert_eq!(
        too_long.encode(b"", &mut [0; 64]),
        Err(EncodeError::OptionTooLong(OptionNumber(4)))
    );
    let empty = Signal::Release {
        alternative_address: Some(""),
        hold_off: None,
    };
    assert_eq!(
        empty.encode(b"", &mut [0; 64]),
        Err(EncodeError::OptionTooShort(OptionNumber(2)))
    );
    let address = "x".repeat(255);
    let longest = Signal::Release {
        alternative_address: Some(&address),
        hold_off: Some(0xff_ffff),
    };
    let mut out = [0; 512];
    let len = longest.encode(b"12345678", &mut out).unwrap();
    let message = Message::decode(&out[..len], STRICT).unwrap();
    assert_eq!(Signal::decode(&message), Ok(Some(longest)));
}

#[test]
fn peer_settings_follow_the_csms() {
    let mut peer = PeerSettings::default();
    assert_eq!(
        (peer.max_message_size, peer.block_wise, peer.max_token),
        (1152, false, 8)
    );
    peer.apply(Csm {
        block_wise: true,
        extended_token_length: Some(2),
        ..Csm::default()
    });
    assert_eq!((peer.max_token, peer.does_bert()), (8, false));
    peer.apply(Csm {
        max_message_size: Some(16_384),
        extended_token_length: Some(0xff_ffff),
        ..Csm::default()
    });
    assert_eq!((peer.max_token, peer.does_bert()), (65_804, true));
}

#[test]
fn get_3_0() {
    let wire = b"\x41\x01\x42\xb1\x33\x01\x30";
    let message = Message::decode(wire, STRICT).unwrap();
    assert_eq!(message.code(), Code::GET);
    assert_eq!(message.token(), b"B");
    assert!(message.options().uri_path().eq([Ok("3"), Ok("0")]));
    let mut options = OptionsBuf::new();
    options.insert_str(OptionNumber::URI_PATH, "3").unwrap();
    options.insert_str(OptionNumber::URI_PATH, "0").unwrap();
    let mut out = [0; 7];
    assert_eq!(
        tcp::encode(&mut out, Code::GET, b"B", options.as_options(), b""),
        Ok(7)
    );
    assert_eq!(out, *wire);
}

/// Around every step of the length field: (options and payload in bytes, head).
const LENGTHS: &[(usize, &[u8])] = &[
    (0, b"\x00\x02"),
    (12, b"\xc0\x02"),
    (13, b"\xd0\x00\x02"),
    (268, b"\xd0\xff\x02"),
    (269, b"\xe0\x00\x00\x02"),
    (304, b"\xe0\x00\x23\x02"),
    (65_804, b"\xe0\xff\xff\x02"),
    (65_805, b"\xf0\x00\x00\x00\x00\x02"),
    (70_000, b"\xf0\x00\x00\x10\x63\x02"),
];

#[test]
fn lengths_are_written_and_read() {
    for &(body, head) in LENGTHS {
        let payload = vec![b'x'; body.saturating_sub(1)];
        let size = head.len() + body;
        let mut out = vec![0; size];
        let none = Options::EMPTY;
        assert_eq!(tcp::encoded_len(b"", none, &payload), Ok(size));
        assert_eq!(
            tcp::encode(&mut out, Code::POST, b"", none, &payload),
            Ok(size)
        );
        assert!(out.starts_with(head), "{body}: {:02x?}", &out[..head.len()]);
        for short in 1..=3.min(size) {
            assert_eq!(
                tcp::encode(&mut out[..size - short], Code::POST, b"", none, &payload),
                Err(EncodeError::NoSpace)
            );
        }
        assert_eq!(tcp::frame(&out, size), Ok(Frame::Complete(size)));
        let message = Message::decode(&out, STRICT).unwrap();
        assert_eq!(message.payload(), payload);

        // Every prefix asks for more, and never for less than it takes in the end.
        for len in (0..size).take(20).chain(size.saturating_sub(3)..size) {
            let Ok(Frame::Incomplete(needed)) = tcp::frame(&out[..len], size) else {
                panic!("{body}, cut to {len}");
            };
            assert!(
                needed > len && needed <= size,
                "{body}, cut to {len}: {needed}"
            );
            assert!(Message::decode(&out[..len], STRICT).is_err());
        }
        // One byte over the limit is refused, as soon as the length is there.
        let length_at = head.len() - 1;
        assert_eq!(
            tcp::frame(&out[..head.len()], size - 1),
            Err(DecodeError::at(0, DecodeErrorKind::TooLong)),
            "{body} {length_at}"
        );
    }
}

#[test]
fn frames_that_are_refused() {
    let too_long = DecodeErrorKind::TooLong;
    assert_eq!(
        tcp::frame(b"\xf0\xff\xff\xff\xff", 1152).unwrap_err().kind,
        too_long
    );
    assert_eq!(
        tcp::frame(b"\x0f", 1152),
        Err(DecodeError::at(0, DecodeErrorKind::TokenLength(15)))
    );
    // TKL 9: the frame can be skipped, the message cannot be read.
    let wire = b"\x09\x01123456789";
    assert_eq!(tcp::frame(wire, 1152), Ok(Frame::Complete(11)));
    assert_eq!(
        Message::decode(wire, STRICT),
        Err(DecodeError::at(0, DecodeErrorKind::TokenLength(9)))
    );
    assert!(Message::decode(wire, STRICT.with_extended_tokens(9)).is_ok());
    // Longer and shorter than it says.
    assert_eq!(
        Message::decode(b"\x00\x01\xff", STRICT),
        Err(DecodeError::at(2, too_long))
    );
    assert_eq!(
        Message::decode(b"\x20\x01\xb1", STRICT),
        Err(DecodeError::at(3, DecodeErrorKind::Truncated))
    );
    // A marker without payload, an option that leaves the frame.
    assert_eq!(
        Message::decode(b"\x10\x01\xff", STRICT),
        Err(DecodeError::at(2, DecodeErrorKind::EmptyPayload))
    );
    assert_eq!(
        Message::decode(b"\x20\x01\xb2r", STRICT),
        Err(DecodeError::at(4, DecodeErrorKind::Truncated))
    );
}

#[test]
fn extended_tokens_over_tcp() {
    for len in [0, 8, 9, 12, 13, 200, 268, 269, 1000, 65_804] {
        let token = vec![7; len];
        let size = tcp::encoded_len(&token, Options::EMPTY, b"x").unwrap();
        let mut out = vec![0; size];
        let written = tcp::encode(&mut out, Code::GET, &token, Options::EMPTY, b"x");
        assert_eq!(written, Ok(size), "{len}");
        assert_eq!(tcp::frame(&out, size), Ok(Frame::Complete(size)), "{len}");
        let read = Message::decode(&out, STRICT.with_extended_tokens(65_804)).unwrap();
        assert_eq!(
            (read.token(), read.payload()),
            (&token[..], &b"x"[..]),
            "{len}"
        );
        assert_eq!(Message::decode(&out, STRICT).is_ok(), len <= 8, "{len}");
    }
    assert_eq!(
        tcp::encoded_len(&[0; 65_805], Options::EMPTY, b""),
        Err(EncodeError::TokenTooLong)
    );
}

#[test]
fn bert_blocks() {
    // RFC 8323 §6.1: 2:0/1/BERT
    let block = Block::new(0, true, BlockSize::BERT).unwrap();
    assert_eq!(block.encode(&mut [0; 4]), [0x0f]);
    assert_eq!(Block::decode_bert(&[0x0f]), Ok(block));
    assert!(Block::decode(&[0x0f]).is_err());
    let block = Block::decode_bert(&[0x8f]).unwrap();
    assert_eq!(
        (block.num(), block.offset(), block.size().bytes()),
        (8, 8192, 1024)
    );
}
