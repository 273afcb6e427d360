#![no_main]
//! One judgement for every datagram, in agreement with the reader: nothing malformed is delivered, an RST answers
//! confirmable messages only, and who understands more refuses less.

use coap_codec::{DecodeLimits, Message, OptionNumber as N, Triage, Type, triage};
use libfuzzer_sys::fuzz_target;

const SOME: &[N] = &[
    N::URI_HOST,
    N::URI_PATH,
    N::URI_QUERY,
    N::ACCEPT,
    N::BLOCK1,
    N::BLOCK2,
];

fuzz_target!(|datagram: &[u8]| {
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
