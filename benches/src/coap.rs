//! CoAP messages: rows 6 to 8.

use std::hint::black_box;

use bytes::Bytes;
use coap_codec::{Code, Encoder, Message, OptionNumber, OptionsBuf, Type};
use coap_message::{MessageOption as _, MinimalWritableMessage as _, ReadableMessage as _};
use coap_message_implementations::inmemory;

use crate::{
    Case,
    messages::{GET, NTF, REG},
    repeat,
};

pub(crate) const CASES: &[Case] = &[
    Case::ours("coap-decode-get", |times| {
        repeat(times, || decode(black_box(GET)));
    }),
    Case::ours("coap-decode-reg", |times| {
        repeat(times, || decode(black_box(REG)));
    }),
    Case::ours("coap-decode-ntf", |times| {
        repeat(times, || decode(black_box(NTF)));
    }),
    Case::owned("coap-decode-reg", |times| {
        repeat(times, || decode_owned(black_box(REG)));
    }),
    Case::ours("coap-encode-ntf", |times| {
        let mut out = [0; 256];
        repeat(times, || {
            black_box(encode(black_box(&Parts::NTF), &mut out).len())
        });
    }),
    Case::ours("coap-encode-reg", |times| {
        let mut out = [0; 256];
        repeat(times, || {
            black_box(encode(black_box(&Parts::REG), &mut out).len())
        });
    }),
    Case::peer("coap-decode-get", "coap-lite", |times| {
        repeat(times, || lite_decode(black_box(GET)));
    }),
    Case::peer("coap-decode-reg", "coap-lite", |times| {
        repeat(times, || lite_decode(black_box(REG)));
    }),
    Case::peer("coap-decode-ntf", "coap-lite", |times| {
        repeat(times, || lite_decode(black_box(NTF)));
    }),
    Case::peer("coap-encode-ntf", "coap-lite", |times| {
        repeat(times, || lite_encode(black_box(&Parts::NTF)));
    }),
    Case::peer("coap-encode-reg", "coap-lite", |times| {
        repeat(times, || lite_encode(black_box(&Parts::REG)));
    }),
    Case::peer("coap-decode-get", "coap-message", |times| {
        repeat(times, || slice_decode(black_box(GET)));
    }),
    Case::peer("coap-decode-reg", "coap-message", |times| {
        repeat(times, || slice_decode(black_box(REG)));
    }),
    Case::peer("coap-decode-ntf", "coap-message", |times| {
        repeat(times, || slice_decode(black_box(NTF)));
    }),
    Case::peer("coap-encode-ntf", "coap-message", |times| {
        let mut out = [0; 256];
        repeat(times, || {
            black_box(slice_encode(black_box(&Parts::NTF), &mut out).len())
        });
    }),
    Case::peer("coap-encode-reg", "coap-message", |times| {
        let mut out = [0; 256];
        repeat(times, || {
            black_box(slice_encode(black_box(&Parts::REG), &mut out).len())
        });
    }),
];

/// What is known before a message is encoded.
#[derive(Debug)]
pub(crate) struct Parts {
    code: u8,
    message_id: u16,
    token: &'static [u8],
    options: &'static [(u16, &'static [u8])],
    payload: &'static [u8],
}

impl Parts {
    const REG: Self = Self {
        code: 0x02,
        message_id: 0x1234,
        token: &[1, 2, 3, 4, 5, 6, 7, 8],
        options: &[
            (11, b"rd"),
            (12, &[40]),
            (15, b"ep=urn:imei:490154203237518"),
            (15, b"lt=3600"),
            (15, b"lwm2m=1.1"),
            (15, b"b=U"),
        ],
        payload: b"</>;ct=11544,</1/0>,</3/0>,</4/0>,</6/0>,</3303/0>;ver=1.1",
    };
    const NTF: Self = Self {
        code: 0x45,
        message_id: 0x1234,
        token: &[1, 2, 3, 4, 5, 6, 7, 8],
        options: &[(6, &[0x12, 0x34]), (12, &[112])],
        payload: b"\x81\xa2\x00\x6c/3303/0/5700\x02\xfb\x40\x36\x80\0\0\0\0\0",
    };
}

/// Decodes and looks at everything: so do all the others.
#[inline(always)]
fn decode(wire: &[u8]) -> usize {
    let message = Message::decode(wire).unwrap();
    let mut seen = message.token().len() + usize::from(message.message_id());
    for option in message.options() {
        seen += usize::from(option.number.0) + option.value.len();
    }
    seen + message.payload().len()
}

#[inline(always)]
fn decode_owned(wire: &[u8]) -> (Code, OptionsBuf, Bytes, usize) {
    let message = Message::decode(wire).unwrap();
    let options = OptionsBuf::from(message.options());
    let seen = options
        .as_options()
        .iter()
        .map(|option| usize::from(option.number.0) + option.value.len())
        .sum();
    let payload = Bytes::copy_from_slice(message.payload());
    (message.code(), options, payload, seen)
}

#[inline(always)]
fn encode<'b>(parts: &Parts, out: &'b mut [u8]) -> &'b [u8] {
    let mut encoder = Encoder::new(
        out,
        Type::Confirmable,
        Code(parts.code),
        parts.message_id,
        parts.token,
    )
    .unwrap();
    for (number, value) in parts.options {
        encoder.option(OptionNumber(*number), value).unwrap();
    }
    encoder.payload(parts.payload).unwrap();
    let len = encoder.finish().unwrap();
    &out[..len]
}

#[inline(always)]
fn lite_decode(wire: &[u8]) -> usize {
    let packet = coap_lite::Packet::from_bytes(wire).unwrap();
    let mut seen = packet.get_token().len() + usize::from(packet.header.message_id);
    for (number, values) in packet.options() {
        for value in values {
            seen += usize::from(*number) + value.len();
        }
    }
    seen + packet.payload.len()
}

#[inline(always)]
fn lite_encode(parts: &Parts) -> Vec<u8> {
    let mut packet = coap_lite::Packet::new();
    packet.header.set_type(coap_lite::MessageType::Confirmable);
    packet.header.code = parts.code.into();
    packet.header.message_id = parts.message_id;
    packet.set_token(parts.token.to_vec());
    for (number, value) in parts.options {
        packet.add_option((*number).into(), value.to_vec());
    }
    packet.payload = parts.payload.to_vec();
    packet.to_bytes().unwrap()
}

/// That crate leaves header and token to its user.
#[inline(always)]
fn slice_decode(wire: &[u8]) -> usize {
    let ([first, code, id @ ..], rest) = wire.split_first_chunk::<4>().unwrap();
    assert_eq!(first >> 6, 1);
    let (token, tail) = rest.split_at_checked(usize::from(first & 0xf)).unwrap();
    let message = inmemory::Message::new_from_slice(*code, tail);
    let mut seen = token.len() + usize::from(u16::from_be_bytes(*id));
    for option in message.options() {
        seen += usize::from(option.number()) + option.value().len();
    }
    seen + message.payload().len()
}

#[inline(always)]
fn slice_encode<'b>(parts: &Parts, out: &'b mut [u8]) -> &'b [u8] {
    let start = 4 + parts.token.len();
    let (head, tail) = out.split_at_mut_checked(start).unwrap();
    head[0] = 0x40 | parts.token.len() as u8;
    head[2..4].copy_from_slice(&parts.message_id.to_be_bytes());
    head[4..].copy_from_slice(parts.token);
    let (_, rest) = head.split_first_mut().unwrap();
    let mut message = inmemory::MessageMut::new_in_slice(&mut rest[0], tail);
    message.set_code(parts.code);
    for (number, value) in parts.options {
        message.add_option(*number, value).unwrap();
    }
    message.set_payload(parts.payload).unwrap();
    let (len, _) = message.finish();
    &out[..start + len]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_read_the_same() {
        for wire in [GET, REG, NTF] {
            assert_eq!(lite_decode(wire), decode(wire));
            assert_eq!(slice_decode(wire), decode(wire));
        }
        let (code, options, payload, _) = decode_owned(REG);
        assert_eq!((code, payload.len()), (Code::POST, 57 + 1));
        assert_eq!(options.as_options().iter().count(), 6);
    }

    #[test]
    fn all_write_the_same() {
        for (parts, wire) in [(Parts::REG, REG), (Parts::NTF, NTF)] {
            assert_eq!(encode(&parts, &mut [0; 256]), wire);
            assert_eq!(slice_encode(&parts, &mut [0; 256]), wire);
            assert_eq!(lite_encode(&parts), wire);
        }
    }
}
