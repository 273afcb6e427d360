#![no_main]
//! A request is a device management operation or is refused; what it is, sent on, is the same again. A response is
//! an answer to an operation or is reported; what it is, sent on, is the same again.

use coap_codec::{ContentFormat, Message, Request, Response};
use libfuzzer_sys::fuzz_target;
use lwm2m_model::{Path, path};
use lwm2m_ops::{
    Arguments, Create, DecodeContext, Delete, Discover, Downlink, Execute, Facts, Observe,
    Operation, Read, Write, WriteMode, decode, decode_response, encode_reply,
};

struct EvenOnes;

impl Facts for EvenOnes {
    fn is_executable(&self, path: &Path) -> bool {
        path.resource_id().is_some_and(|id| id % 2 == 0)
    }
}

fn asked() -> Option<[Downlink; 7]> {
    let path = path!(3, 0);
    Some([
        Read::new(path, None).ok()?.into(),
        Discover::new(path).ok()?.into(),
        Observe::new(path, None).ok()?.into(),
        Write::new(path, WriteMode::Partial, ContentFormat::TLV, "")
            .ok()?
            .into(),
        Execute::new(path!(3, 0, 4), Arguments::NONE).ok()?.into(),
        Create::empty(3).ok()?.into(),
        Delete::new(path).ok()?.into(),
    ])
}

fn answers(response: &Response) {
    for operation in asked().expect("legal operations") {
        if let Ok(reply) = decode_response(&operation, response) {
            let again = decode_response(&operation, &encode_reply(&operation, &reply));
            assert_eq!(again.as_ref(), Ok(&reply), "{}", operation.name());
        }
    }
}

fuzz_target!(|input: (bool, &[u8])| {
    let (at_root, datagram) = input;
    let Ok(message) = Message::decode(datagram) else {
        return;
    };
    if message.code().is_response() {
        return answers(&Response::from(&message));
    }
    let root = if at_root { "" } else { "/lwm2m" };
    let cx = DecodeContext::device_management(root, &EvenOnes, true);
    let request = Request::from(&message);
    let downlink = match fuzz::within_bounds(datagram, |_| decode(&cx, &request)) {
        Ok(Operation::Downlink(downlink)) => downlink,
        Ok(other) => panic!("{other:?} from a server"),
        Err(refusal) => return assert!(refusal.code.is_error() && !refusal.to_string().is_empty()),
    };
    let sent = downlink
        .to_request(root)
        .expect("what was read may be sent");
    assert_eq!(decode(&cx, &sent), Ok(Operation::Downlink(downlink)));
});
