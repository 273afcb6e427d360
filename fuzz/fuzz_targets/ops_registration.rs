#![no_main]
//! A request is a registration operation or is refused; what it is, sent on, is the same again.

use coap_codec::{Message, Request};
use libfuzzer_sys::fuzz_target;
use lwm2m_ops::{
    DecodeContext, DeregisterAnswer, Operation, RegisterAnswer, UpdateAnswer, Uplink, decode,
};

fn answers(message: &Message<'_>) {
    let response = message.into();
    if let Ok(answer) = RegisterAnswer::from_response(&response) {
        assert_eq!(
            RegisterAnswer::from_response(&answer.to_response()),
            Ok(answer)
        );
    }
    if let Ok(answer) = UpdateAnswer::from_response(&response) {
        assert_eq!(
            UpdateAnswer::from_response(&answer.to_response()),
            Ok(answer)
        );
    }
    if let Ok(answer) = DeregisterAnswer::from_response(&response) {
        assert_eq!(
            DeregisterAnswer::from_response(&answer.to_response()),
            Ok(answer)
        );
    }
}

/// Quirks are about the form, which is not sent on.
fn plain(mut uplink: Uplink) -> Uplink {
    match &mut uplink {
        Uplink::Register(register) => register.quirks.clear(),
        Uplink::Update(update) => update.quirks.clear(),
        _ => {}
    }
    uplink
}

fuzz_target!(|datagram: &[u8]| {
    let Ok(message) = Message::decode(datagram) else {
        return;
    };
    if message.code().is_response() {
        return answers(&message);
    }
    let request = Request::from(&message);
    let cx = DecodeContext::registration(true);
    let uplink = match fuzz::bounded(datagram.len(), FACTOR, || decode(&cx, &request)) {
        Ok(Operation::Uplink(uplink)) => uplink,
        Ok(other) => panic!("{other:?} from a device"),
        Err(refusal) => return assert!(refusal.code.is_error() && !refusal.to_string().is_empty()),
    };
    // What was let pass need not be something that may be sent.
    let Ok(sent) = uplink.to_request() else {
        return;
    };
    // Defaults are said now.
    let mut room = cx;
    room.limits.parameters += 8;
    room.limits.list_bytes += 64;
    match decode(&room, &sent) {
        Ok(Operation::Uplink(again)) => assert_eq!(plain(again), plain(uplink)),
        other => panic!("{uplink:?} became {other:?}"),
    }
});

/// As for `register_links`, and parameters of one byte in a list of their own.
const FACTOR: usize = 96;
