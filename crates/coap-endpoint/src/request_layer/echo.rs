use alloc::vec::Vec;

use coap_codec::{Code, Message, OptionNumber, Response};
use sansio::Instant;

use crate::peer::PeerState;
use crate::shared::Shared;

/// What an unverified peer must repeat to prove that it receives at its address.
///
/// Six bytes keep the challenge within three times the shortest request. It belongs to the peer's
/// slot, so no other address can use it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo {
    value: [u8; 6],
    expires: Instant,
}

impl PeerState {
    /// 4.01 with an Echo option: ask again with it (RFC 9175 §2.4).
    pub(crate) fn challenge(&mut self, cx: &mut Shared, now: Instant) -> Response {
        cx.stats.challenges = cx.stats.challenges.wrapping_add(1);
        let value = match self.echo {
            Some(echo) if now < echo.expires => echo.value,
            Some(_) | None => {
                let mut value = [0; 6];
                cx.rng.fill(&mut value);
                let expires = now + cx.config.echo_lifetime;
                self.echo = Some(Echo { value, expires });
                value
            }
        };
        let mut response = Response::new(Code::UNAUTHORIZED);
        // Six bytes fit into an option.
        let _ = response.options.insert(OptionNumber::ECHO, &value);
        response
    }

    /// Verifies the peer when the request repeats what it was challenged with.
    pub(crate) fn check_echo(&mut self, cx: &mut Shared, now: Instant, message: &Message<'_>) {
        if let (Some(echo), Some(value)) = (self.echo, message.options().echo())
            && now < echo.expires
            && constant_time_eq(&echo.value, value)
        {
            self.verify(cx);
        }
    }
}

fn constant_time_eq(ours: &[u8], theirs: &[u8]) -> bool {
    let pairs = ours.iter().zip(theirs);
    let difference = pairs.fold(0, |sum, (a, b)| sum | (a ^ b));
    ours.len() == theirs.len() && core::hint::black_box(difference) == 0
}

/// The value of a challenge to us, to be repeated once.
pub(crate) fn challenged(message: &Message<'_>) -> Option<Vec<u8>> {
    if message.code() != Code::UNAUTHORIZED {
        return None;
    }
    message.options().echo().map(Vec::from)
}
