#![no_main]
//! The reader agrees with a second one, and what it accepts is written as the same bytes: by the encoder, from
//! owned options whatever the order they were put in, and with tokens of any length.

#[path = "../../crates/coap-codec/tests/common/mod.rs"]
mod common;

use coap_codec::{DecodeLimits, Encoder, Message, OptionsBuf, Request};
use common::{Parsed, oracle};
use libfuzzer_sys::fuzz_target;

fn parsed(message: &Message<'_>) -> Parsed {
    let options = message.options().iter();
    Parsed {
        ty: message.ty().bits(),
        code: message.code().0,
        message_id: message.message_id(),
        token: message.token().to_vec(),
        options: options
            .map(|option| (option.number.0, option.value.to_vec()))
            .collect(),
        payload: message.payload().to_vec(),
    }
}

/// The message with these options: nothing is longer than it was.
fn encode(message: &Message<'_>, options: &OptionsBuf, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    let (ty, code, id) = (message.ty(), message.code(), message.message_id());
    let mut encoder =
        Encoder::with_extended_token(&mut out, ty, code, id, message.token()).expect("room");
    encoder
        .options(&options.as_options())
        .expect("they were read");
    encoder.payload(message.payload()).expect("room");
    let len = encoder.finish().expect("a message that was read");
    out.truncate(len);
    out
}

fuzz_target!(|datagram: &[u8]| {
    let ours = fuzz::within_bounds(datagram, Message::decode);
    assert_eq!(ours.ok().as_ref().map(parsed), oracle(datagram));
    let limits = DecodeLimits::RFC7252.with_extended_tokens(65_804);
    let message = match Message::decode_with(datagram, limits) {
        Ok(message) => message,
        Err(fault) => return assert!(fault.offset <= datagram.len()),
    };
    let owned = fuzz::within_bounds(datagram, |_| Request::from(&message));
    assert_eq!(encode(&message, &owned.options, datagram.len()), datagram);
    // Critical ones first, then the others: they find their places.
    let mut sorted = OptionsBuf::new();
    for critical in [true, false] {
        let pass = |number: coap_codec::OptionNumber| number.is_critical() == critical;
        for option in message
            .options()
            .iter()
            .filter(|option| pass(option.number))
        {
            sorted
                .insert(option.number, option.value)
                .expect("not longer than one that was read");
        }
    }
    assert_eq!(encode(&message, &sorted, datagram.len()), datagram);
    // One number goes, the others stay.
    let Some(first) = message.options().iter().next() else {
        return;
    };
    assert_eq!(
        sorted.remove(first.number),
        message.options().all(first.number).count()
    );
    let rest = message
        .options()
        .iter()
        .filter(|option| option.number != first.number);
    assert!(sorted.as_options().iter().eq(rest));
    let _ = sorted.check();
});
