#![no_main]
//! A stream falls into the same frames however it arrives, frames are written as they came, signals too.

use coap_codec::tcp::{Frame, Message, Signal, encode, encoded_len, frame};
use coap_codec::{DecodeLimits, EncodeError};
use libfuzzer_sys::fuzz_target;

const MAX: usize = 1152;

fn signal(message: &Message<'_>) {
    let Ok(Some(signal)) = Signal::decode(message) else {
        return;
    };
    let mut out = [0; MAX];
    let len = match signal.encode(message.token(), &mut out) {
        Ok(len) => len,
        Err(fault) => return assert_eq!(fault, EncodeError::NoSpace),
    };
    let again = Message::decode(&out[..len], LIMITS).expect("own bytes are read");
    assert_eq!(again.token(), message.token());
    assert_eq!(Signal::decode(&again), Ok(Some(signal)));
}

fuzz_target!(|stream: &[u8]| {
    let mut rest = stream;
    loop {
        let len = match fuzz::within_bounds(rest, |rest| frame(rest, MAX)) {
            Ok(Frame::Complete(len)) => len,
            Ok(Frame::Incomplete(needed)) => {
                return assert!(needed > rest.len() && needed <= MAX.max(8));
            }
            Err(fault) => return assert!(fault.offset <= rest.len()),
        };
        let (first, after) = rest.split_at(len);
        // Byte by byte it is asked for more, never for too much, until it is there.
        for cut in 0..len {
            let Ok(Frame::Incomplete(needed)) = frame(&first[..cut], MAX) else {
                panic!("a frame after {cut} of {len} bytes");
            };
            assert!((cut + 1..=len).contains(&needed));
        }
        if let Ok(message) = fuzz::within_bounds(first, |first| Message::decode(first, LIMITS)) {
            let mut out = vec![0; len];
            let (token, options) = (message.token(), message.options());
            assert_eq!(encoded_len(token, options, message.payload()), Ok(len));
            assert_eq!(
                encode(&mut out, message.code(), token, options, message.payload()),
                Ok(len)
            );
            assert_eq!(out, first);
            signal(&message);
        }
        rest = after;
    }
});

const LIMITS: DecodeLimits = DecodeLimits::RFC7252.with_extended_tokens(MAX);
