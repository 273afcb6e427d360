use coap_codec::{DecodeLimits, OptionNumber, RejectReason, Triage, Type, empty_message, triage};
use sansio::DatagramBuf;

/// What [`answer_stranger`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StrangerVerdict {
    /// A well-formed request: open a peer and hand the datagram to the endpoint.
    Open,
    /// Nothing to remember, but an answer of four bytes stands in the buffer.
    Reply,
    /// Nothing to remember and nothing to say.
    Ignore,
}

/// Judges a datagram from an address that no peer is open for, without keeping anything.
///
/// A request opens a peer. A ping, a malformed Confirmable message and a response that nobody
/// waits for get a Reset message, so that a device whose observation we have lost stops notifying.
/// Everything else is ignored: garbage costs no memory.
///
/// # Specification
/// RFC 7252 §4.2, §4.3; RFC 7641 §3.5.
pub fn answer_stranger(bytes: &[u8], out: &mut DatagramBuf<'_>) -> StrangerVerdict {
    let mut reset = |message_id| {
        let message = empty_message(Type::Reset, message_id);
        out.clear();
        match out.space().get_mut(..message.len()) {
            Some(room) => {
                room.copy_from_slice(&message);
                out.set_len(message.len());
                StrangerVerdict::Reply
            }
            None => StrangerVerdict::Ignore,
        }
    };
    match triage(bytes, &[], DecodeLimits::RFC7252) {
        // Nothing is understood here, so a request with any critical option lands in these.
        Triage::BadOption { .. } => StrangerVerdict::Open,
        Triage::Deliver(message) if message.code().is_request() => StrangerVerdict::Open,
        Triage::Deliver(message) if message.code().is_response() => match message.ty() {
            Type::Confirmable => reset(message.message_id()),
            Type::NonConfirmable if message.options().contains(OptionNumber::OBSERVE) => {
                reset(message.message_id())
            }
            Type::NonConfirmable | Type::Acknowledgement | Type::Reset => StrangerVerdict::Ignore,
        },
        Triage::Reset { message_id, .. } => reset(message_id),
        // A Non-confirmable request with critical options: the endpoint judges them.
        Triage::Ignore(RejectReason::CriticalOption(_)) if is_request(bytes) => {
            StrangerVerdict::Open
        }
        Triage::Deliver(_) | Triage::BadResponse { .. } | Triage::Ignore(_) => {
            StrangerVerdict::Ignore
        }
        _ => StrangerVerdict::Ignore,
    }
}

fn is_request(bytes: &[u8]) -> bool {
    bytes
        .get(1)
        .is_some_and(|&code| coap_codec::Code(code).is_request())
}
