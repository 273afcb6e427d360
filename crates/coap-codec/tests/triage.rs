//! Ignore, RST and 4.02 told apart, row by row.

use coap_codec::{DecodeLimits, Message, OptionNumber, Triage, triage};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Deliver,
    BadOption(u16),
    BadResponse(u16),
    Reset(&'static str),
    Ignore(&'static str),
}

use Verdict::*;

/// (rule, bytes, verdict for CON, NON, ACK, RST); the type bits of the bytes are replaced.
type Row = (&'static str, &'static [u8], [Verdict; 4]);

const FORMAT: [Verdict; 4] = [
    Reset("format"),
    Ignore("format"),
    Ignore("format"),
    Ignore("format"),
];
const CLASS: [Verdict; 4] = [
    Reset("reserved_class"),
    Ignore("reserved_class"),
    Ignore("reserved_class"),
    Ignore("reserved_class"),
];

const ROWS: &[Row] = &[
    ("version", b"\x00\x01\x12\x34", [Ignore("version"); 4]),
    ("version", b"\x80\x01\x12\x34\xff", [Ignore("version"); 4]),
    ("version", b"\xcf\x00\x12\x34\xff", [Ignore("version"); 4]),
    ("no message ID", b"\x40\x01\x12", [Ignore("short"); 4]),
    ("no message ID", b"\x40", [Ignore("short"); 4]),
    ("token length", b"\x49\x01\x12\x34123456789", FORMAT),
    ("token cut", b"\x44\x01\x12\x34123", FORMAT),
    ("option past the end", b"\x40\x01\x12\x34\xb3rd", FORMAT),
    ("nibble 15", b"\x40\x01\x12\x34\xf1x", FORMAT),
    ("marker, no payload", b"\x40\x01\x12\x34\xff", FORMAT),
    ("empty with token", b"\x41\x00\x12\x34x", FORMAT),
    ("empty with payload", b"\x40\x00\x12\x34\xffx", FORMAT),
    ("class 1", b"\x40\x20\x12\x34", CLASS),
    ("class 6", b"\x40\xc1\x12\x34", CLASS),
    ("class 7", b"\x40\xff\x12\x34", CLASS),
    (
        "empty",
        b"\x40\x00\x12\x34",
        [
            Reset("ping"),
            Ignore("empty_non_confirmable"),
            Deliver,
            Deliver,
        ],
    ),
    (
        "request",
        b"\x40\x01\x12\x34\xb2rd",
        [
            Deliver,
            Deliver,
            Ignore("code_for_type"),
            Ignore("code_for_type"),
        ],
    ),
    (
        "unknown method is for the handler",
        b"\x40\x1f\x12\x34",
        [
            Deliver,
            Deliver,
            Ignore("code_for_type"),
            Ignore("code_for_type"),
        ],
    ),
    (
        "response",
        b"\x40\x45\x12\x34\xffx",
        [Deliver, Deliver, Deliver, Ignore("code_for_type")],
    ),
    (
        "unknown response code counts as its class",
        b"\x40\x5e\x12\x34",
        [Deliver, Deliver, Deliver, Ignore("code_for_type")],
    ),
    (
        "unknown critical option in a request",
        b"\x40\x01\x12\x34\xd0\x34",
        [
            BadOption(65),
            Ignore("critical_option"),
            Ignore("code_for_type"),
            Ignore("code_for_type"),
        ],
    ),
    (
        "unknown critical option in a response",
        b"\x40\x45\x12\x34\xd0\x34",
        [
            Reset("critical_option"),
            Ignore("critical_option"),
            BadResponse(65),
            Ignore("code_for_type"),
        ],
    ),
    (
        "unknown elective option",
        b"\x40\x01\x12\x34\xd0\x33",
        [
            Deliver,
            Deliver,
            Ignore("code_for_type"),
            Ignore("code_for_type"),
        ],
    ),
    (
        "known critical option that is not understood here: Proxy-Uri",
        b"\x40\x01\x12\x34\xd1\x16x",
        [
            BadOption(35),
            Ignore("critical_option"),
            Ignore("code_for_type"),
            Ignore("code_for_type"),
        ],
    ),
    (
        "critical option twice",
        b"\x40\x01\x12\x34\xd1\x04\x3c\x01\x3c",
        [
            BadOption(17),
            Ignore("critical_option"),
            Ignore("code_for_type"),
            Ignore("code_for_type"),
        ],
    ),
    (
        "critical option of a length that is not allowed",
        b"\x40\x01\x12\x34\xd3\x04\x00\x00\x3c",
        [
            BadOption(17),
            Ignore("critical_option"),
            Ignore("code_for_type"),
            Ignore("code_for_type"),
        ],
    ),
    (
        "elective option twice, and of a length that is not allowed",
        b"\x40\x01\x12\x34\x60\x01\x05\x64\x00\x00\x00\x00",
        [
            Deliver,
            Deliver,
            Ignore("code_for_type"),
            Ignore("code_for_type"),
        ],
    ),
    (
        "Uri-Path that is not UTF-8: a bad request, which its handler tells",
        b"\x40\x01\x12\x34\xb2\xc3\x28",
        [
            Deliver,
            Deliver,
            Ignore("code_for_type"),
            Ignore("code_for_type"),
        ],
    ),
    (
        "Uri-Query that is not UTF-8",
        b"\x40\x02\x12\x34\xb2rd\x45ep=\xff\xfe",
        [
            Deliver,
            Deliver,
            Ignore("code_for_type"),
            Ignore("code_for_type"),
        ],
    ),
    (
        "Uri-Host that is not UTF-8",
        b"\x40\x01\x12\x34\x32\xc3\x28",
        [
            BadOption(3),
            Ignore("critical_option"),
            Ignore("code_for_type"),
            Ignore("code_for_type"),
        ],
    ),
    (
        "Uri-Path of 256 bytes",
        &OVERLONG,
        [
            BadOption(11),
            Ignore("critical_option"),
            Ignore("code_for_type"),
            Ignore("code_for_type"),
        ],
    ),
];

/// GET with one Uri-Path of 256 bytes: nibble 13, and 243 more.
const OVERLONG: [u8; 262] = {
    let mut wire = [b'a'; 262];
    (wire[0], wire[1], wire[2], wire[3]) = (0x40, 0x01, 0x12, 0x34);
    (wire[4], wire[5]) = (0xbd, 243);
    wire
};

const UNDERSTOOD: &[OptionNumber] = &[
    OptionNumber::URI_HOST,
    OptionNumber::URI_PORT,
    OptionNumber::URI_PATH,
    OptionNumber::URI_QUERY,
    OptionNumber::ACCEPT,
    OptionNumber::BLOCK1,
    OptionNumber::BLOCK2,
];

#[test]
fn every_row_for_every_type() {
    for (what, bytes, expected) in ROWS {
        for (ty, &expected) in expected.iter().enumerate() {
            let mut wire = bytes.to_vec();
            wire[0] = wire[0] & 0xcf | u8::try_from(ty).unwrap() << 4;
            let verdict = match triage(&wire, UNDERSTOOD, DecodeLimits::RFC7252) {
                Triage::Deliver(message) => {
                    assert_eq!(Message::decode(&wire), Ok(message));
                    Deliver
                }
                Triage::BadOption { number, .. } => BadOption(number.0),
                Triage::BadResponse { number, .. } => BadResponse(number.0),
                Triage::Reset { message_id, reason } => {
                    assert_eq!(message_id, 0x1234, "{what}");
                    Reset(reason.as_str())
                }
                Triage::Ignore(reason) => Ignore(reason.as_str()),
                other => panic!("{what}: {other:?}"),
            };
            assert_eq!(verdict, expected, "{what}, type {ty}, {wire:02x?}");
        }
    }
}
