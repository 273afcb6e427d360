#![no_main]
//! One judgement for every datagram, in agreement with the reader: nothing malformed is delivered, an RST answers
//! confirmable messages only, and who understands more refuses less.

use coap_codec::{DecodeLimits, Message, OptionNumber as N, Triage, Type, empty_message, triage};
use coap_endpoint::{StrangerVerdict, answer_stranger};
use libfuzzer_sys::fuzz_target;
use sansio::DatagramBuf;

const SOME: &[N] = &[
    N::URI_HOST,
    N::URI_PATH,
    N::URI_QUERY,
    N::ACCEPT,
    N::BLOCK1,
    N::BLOCK2,
];

/// Whoever is not known gets a peer for a request, at most an RST for anything else.
fn stranger(datagram: &[u8]) {
    let mut space = [0; 64];
    let mut out = DatagramBuf::new(&mut space, 0, 0);
    match answer_stranger(datagram, &mut out) {
        StrangerVerdict::Open => {
            assert!(Message::decode(datagram).is_ok_and(|m| m.code().is_request()))
        }
        StrangerVerdict::Reply => {
            assert!(datagram[0] & 0xe0 == 0x40 && out.bytes().len() <= datagram.len());
            let id = u16::from_be_bytes([datagram[2], datagram[3]]);
            assert_eq!(out.bytes(), empty_message(Type::Reset, id));
        }
        StrangerVerdict::Ignore => assert!(out.bytes().is_empty()),
        _ => unreachable!("a verdict without a property"),
    }
}

fuzz_target!(|datagram: &[u8]| {
    fuzz::within_bounds(datagram, stranger);
    let limits = DecodeLimits::RFC7252;
    let read = Message::decode(datagram);
    let judge =
        |understood| fuzz::within_bounds(datagram, |datagram| triage(datagram, understood, limits));
    match judge(SOME) {
        Triage::Deliver(message) => {
            assert_eq!(read, Ok(message));
            assert_eq!(message.unrecognised(SOME), None);
        }
        Triage::BadOption { message, number } => {
            assert_eq!(read, Ok(message));
            assert!(message.ty() == Type::Confirmable && message.code().is_request());
            assert!(number.is_critical() && message.options().contains(number));
        }
        Triage::BadResponse { message, number } => {
            assert_eq!(read, Ok(message));
            assert!(message.ty() == Type::Acknowledgement && message.code().is_response());
            assert!(number.is_critical() && message.options().contains(number));
        }
        Triage::Reset { message_id, reason } => {
            assert_eq!(datagram[0] & 0xf0, 0x40, "{reason}");
            assert_eq!(datagram[2..4], message_id.to_be_bytes());
        }
        Triage::Ignore(reason) => assert!(!reason.as_str().is_empty()),
        _ => unreachable!("a verdict without a property"),
    }
    if let Triage::Deliver(message) = judge(&[]) {
        assert!(
            message
                .options()
                .iter()
                .all(|option| !option.number.is_critical())
        );
        assert_eq!(judge(SOME), Triage::Deliver(message));
    }
});
