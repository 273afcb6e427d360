use core::time::Duration;

use bytes::Bytes;
use coap_codec::Message;
use sansio::Instant;

use super::client::{ClientRequest, Progress};
use super::client_blocks::{Step, block2, response};
use super::relation::is_newer;
use crate::peer::PeerState;
use crate::shared::{Shared, Token};
use crate::{Event, RequestId};

/// Our observation of a peer's resource (RFC 7641 §3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    pub(crate) token: Token,
    /// The Observe value of the newest state, and when it came.
    sequence: u32,
    at: Instant,
}

impl PeerState {
    /// Makes an observation of a request when its answer says so.
    pub(crate) fn begin_observation(
        &self,
        now: Instant,
        running: &mut ClientRequest,
        token: Token,
        message: &Message<'_>,
    ) {
        if let Some(sequence) = message.options().observe()
            && running.observe
            && message.code().is_success()
        {
            running.observation = Some(Observation {
                token,
                sequence,
                at: now,
            });
        }
    }

    /// A message with the token of an observation.
    pub(crate) fn handle_notification(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        running: &mut ClientRequest,
        message: &Message<'_>,
    ) -> Progress {
        let Some(observation) = &mut running.observation else {
            return Progress::Runs;
        };
        if running
            .outstanding
            .is_some_and(|sent| sent.step == Step::Deregister)
        {
            return Progress::Runs;
        }
        let sequence = message
            .options()
            .observe()
            .filter(|_| message.code().is_success());
        let Some(sequence) = sequence else {
            return self.end_observation(cx, running, message);
        };
        let late = observation.at + STALE_AFTER;
        if !is_newer(observation.sequence, sequence) && now <= late {
            // It was overtaken on its way.
            return Progress::Runs;
        }
        observation.sequence = sequence;
        observation.at = now;
        // What was being fetched is an older state.
        self.stop_waiting(cx, running);
        running.download = None;
        match block2(message) {
            Ok(block2) => self.take_body(cx, now, running, message, block2),
            Err(failure) => self.fail(cx, running, failure),
        }
    }

    /// An error, or an answer without Observe: no notification will follow (RFC 7641 §3.2).
    fn end_observation(
        &mut self,
        cx: &mut Shared,
        running: &mut ClientRequest,
        message: &Message<'_>,
    ) -> Progress {
        let (request, peer) = (RequestId::new(self.peer, running.serial), self.peer);
        let response = response(message, Bytes::copy_from_slice(message.payload()));
        cx.event(match running.answered {
            true => Event::Notification {
                request,
                peer,
                response,
                last: true,
            },
            false => Event::Response {
                request,
                peer,
                response,
                observing: false,
            },
        });
        Progress::Over
    }
}

/// "T2 > (T1 + 128 seconds)" makes any notification newer (RFC 7641 §3.4).
const STALE_AFTER: Duration = Duration::from_secs(128);

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7641 §3.4: "(V1 < V2 and V2 - V1 < 2^23) or (V1 > V2 and V1 - V2 > 2^23)".
    #[test]
    fn order_of_sequence_numbers() {
        let half = 1 << 23;
        for (v1, v2, newer) in [
            (0, 1, true),
            (1, 0, false),
            (5, 5, false),
            (0, half - 1, true),
            (0, half, false),
            (half, 0, false),
            (half + 1, 0, true),
            (0xff_ffff, 0, true),
            (0, 0xff_ffff, false),
        ] {
            assert_eq!(is_newer(v1, v2), newer, "{v1} {v2}");
            let rule = (v1 < v2 && v2 - v1 < half) || (v1 > v2 && v1 - v2 > half);
            assert_eq!(newer, rule, "{v1} {v2}");
        }
    }
}
