use std::fmt;

use sansio::Ticket;
use server_stack::{CallId, ServerStack};

/// What an event goes back to: a device's request, or a call to a device.
///
/// The same text stands in the log lines and in the events that a request or a call causes: `r1-17`, the request 17 of
/// those that shard 1 heard, or `c5`, the call 5. Numbers begin anew when the server does.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Cid(Origin);

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Origin {
    Request(Ticket),
    Call(CallId),
}

impl From<Ticket> for Cid {
    fn from(ticket: Ticket) -> Self {
        Self(Origin::Request(ticket))
    }
}

impl From<CallId> for Cid {
    fn from(call: CallId) -> Self {
        Self(Origin::Call(call))
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Origin::Request(ticket) => {
                let shard = ServerStack::shard_of(ticket);
                write!(f, "r{shard}-{}", ServerStack::number_of(ticket))
            }
            Origin::Call(call) => write!(f, "c{}", call.get()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_tell_their_shard_and_calls_are_apart() {
        let texts = [
            Cid::from(Ticket::new(17)),
            Cid::from(Ticket::new(3 << 48 | 17)),
            Cid::from(CallId::new(17)),
        ];
        assert_eq!(texts.map(|cid| cid.to_string()), ["r0-17", "r3-17", "c17"]);
    }
}
