//! Our reader against a second one written in another way: on every datagram both agree.

mod common;

use coap_codec::{DecodeLimits, Encoder, Message, OptionNumber, Triage, triage};
use common::{Parsed, hex, oracle};
use proptest::prelude::*;

/// Compares the two readers, and writes what was read back to the same bytes.
fn agree(datagram: &[u8]) {
    let ours = Message::decode(datagram);
    let theirs = oracle(datagram);
    let seen = ours.ok().map(|message| Parsed {
        ty: message.ty().bits(),
        code: message.code().0,
        message_id: message.message_id(),
        token: message.token().to_vec(),
        options: message
            .options()
            .iter()
            .map(|o| (o.number.0, o.value.to_vec()))
            .collect(),
        payload: message.payload().to_vec(),
    });
    assert_eq!(seen, theirs, "{datagram:02x?}: {ours:?}");

    // No fault is told outside the bytes.
    if let Err(fault) = ours {
        assert!(fault.offset <= datagram.len(), "{datagram:02x?}: {fault}");
    }
    if let Ok(message) = ours {
        let mut out = vec![0; datagram.len()];
        let (ty, code) = (message.ty(), message.code());
        let mut encoder =
            Encoder::new(&mut out, ty, code, message.message_id(), message.token()).unwrap();
        for option in message.options() {
            encoder.option(option.number, option.value).unwrap();
        }
        encoder.payload(message.payload()).unwrap();
        assert_eq!(encoder.finish(), Ok(datagram.len()));
        assert_eq!(out, datagram);
    }
    // The judge delivers nothing that the readers refuse.
    if let Triage::Deliver(message) = triage(datagram, ALL_CRITICAL, DecodeLimits::RFC7252) {
        assert_eq!(ours, Ok(message));
    }
}

const ALL_CRITICAL: &[OptionNumber] = &[
    OptionNumber::IF_MATCH,
    OptionNumber::URI_PATH,
    OptionNumber::ACCEPT,
];

/// A well-formed message of options whose numbers and lengths sit around the steps of the
/// encoding.
fn well_formed() -> impl Strategy<Value = Vec<u8>> {
    let step = prop_oneof![
        4 => 0_usize..16,
        2 => prop_oneof![Just(12_usize), Just(13), Just(14), Just(268), Just(269), Just(270)],
        1 => 0_usize..20_000,
    ];
    let len = prop_oneof![
        6 => 0_usize..16,
        1 => prop_oneof![Just(12_usize), Just(13), Just(268), Just(269), Just(270)],
    ];
    let options = prop::collection::vec((step, len, any::<u8>()), 0..8);
    let token = prop::collection::vec(any::<u8>(), 0..=8);
    let payload = prop::collection::vec(any::<u8>(), 0..16);
    (any::<u8>(), 1_u8.., any::<u16>(), token, options, payload).prop_map(
        |(ty, code, message_id, token, options, payload)| {
            let mut out = vec![0; 4096];
            let ty = coap_codec::Type::from_bits(ty);
            let code = coap_codec::Code(code);
            let mut encoder = Encoder::new(&mut out, ty, code, message_id, &token).unwrap();
            let mut number = 0_usize;
            for (step, len, fill) in options {
                number += step;
                let Ok(number) = u16::try_from(number) else {
                    break;
                };
                encoder
                    .option(OptionNumber(number), &vec![fill; len])
                    .unwrap();
            }
            encoder.payload(&payload).unwrap();
            let len = encoder.finish().unwrap();
            out.truncate(len);
            out
        },
    )
}

/// What can happen to a datagram on its way, or on purpose.
#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    let edge = prop_oneof![
        any::<u8>(),
        prop_oneof![
            Just(0xff_u8),
            Just(0),
            Just(0xdd),
            Just(0xee),
            Just(0xf0),
            Just(0x0f)
        ],
    ];
    prop_oneof![
        (index(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (index(), edge.clone()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (index(), edge).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        index().prop_map(Damage::Remove),
        index().prop_map(Damage::Cut),
    ]
}

fn apply(damage: &Damage, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let len = bytes.len();
    match damage {
        Damage::Flip(at, bit) => bytes[at.index(len)] ^= 1 << bit,
        Damage::Set(at, byte) => bytes[at.index(len)] = *byte,
        Damage::Insert(at, byte) => bytes.insert(at.index(len), *byte),
        Damage::Remove(at) => {
            bytes.remove(at.index(len));
        }
        Damage::Cut(at) => bytes.truncate(at.index(len)),
    }
}

fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: if common::long() { 1_000_000 } else { 4096 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn on_random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        agree(&bytes);
        // The same behind a header that is in order, or nearly none would get past it.
        let mut framed = vec![0x40, 0x01, 0x12, 0x34];
        framed.extend_from_slice(&bytes);
        agree(&framed);
    }

    #[test]
    fn on_well_formed_messages(bytes in well_formed()) {
        prop_assert!(oracle(&bytes).is_some());
        agree(&bytes);
    }

    #[test]
    fn on_damaged_messages(mut bytes in well_formed(), damages in prop::collection::vec(damage(), 1..6)) {
        for damage in &damages {
            apply(damage, &mut bytes);
            agree(&bytes);
        }
    }
}

#[test]
fn on_every_prefix_and_every_change_of_one_byte_of_a_registration() {
    let wire = hex(
        "42 02 12 34 9A 01 B2 72 64 11 28 37 65 70 3D 64 65 76 31 06 6C 74 3D 33 30 30 09 6C 77 \
         6D 32 6D 3D 31 2E 31 03 62 3D 55 FF 3C 2F 31 2F 30 3E 2C 3C 2F 33 2F 30 3E",
    );
    for len in 0..=wire.len() {
        agree(&wire[..len]);
    }
    for at in 0..wire.len() {
        let mut changed = wire.clone();
        for byte in 0..=255 {
            changed[at] = byte;
            agree(&changed);
        }
    }
}
