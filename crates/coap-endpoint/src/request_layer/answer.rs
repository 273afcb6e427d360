use alloc::vec::Vec;
use core::time::Duration;

use coap_codec::{Block, Code, OptionNumber, Response, Type};
use sansio::{Instant, TimerId};

use super::asked::{Asked, is_read};
use super::download::Cut;
use crate::message_layer::{Owner, Queued};
use crate::peer::PeerState;
use crate::shared::{Parts, Shared, TimerKind, set_message_id};

/// The relation that an answer begins or renews.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed {
    pub(crate) relation: u64,
    pub(crate) sequence: u32,
}

/// The answer to a multicast request, held back for a random part of the leisure time.
#[derive(Debug)]
pub(crate) struct Delayed {
    serial: u64,
    bytes: Vec<u8>,
    timer: TimerId,
}

impl PeerState {
    /// Answers a request: with its acknowledgement, after it, or Non-confirmable as it came itself.
    pub(crate) fn answer(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        asked: &Asked,
        response: Response,
        observed: Option<Observed>,
    ) {
        // RFC 7967 §2.1; RFC 7252 §8.2: "a server SHOULD NOT respond … if it doesn't have anything
        // useful to respond".
        let silent = asked.no_response.suppresses(response.code)
            || (self.info.multicast && !response.code.is_success());
        if silent {
            if asked.confirmable && !asked.acknowledged {
                self.send_empty(cx, Type::Acknowledgement, asked.mid);
            }
            return;
        }
        let reply = self.compose(cx, now, asked, response, observed);
        let reply = self.within_allowance(cx, now, asked, reply);
        let bytes = match self.encode_answer(cx, asked, &reply) {
            Some(bytes) => bytes,
            None => {
                // Options that do not fit into a datagram: the application's mistake.
                let bare = Reply::bare(Code::INTERNAL_SERVER_ERROR);
                match self.encode_answer(cx, asked, &bare) {
                    Some(bytes) => bytes,
                    None => return,
                }
            }
        };
        self.send_answer(cx, now, asked, bytes, observed);
    }

    /// What to say: the block that was asked for, with the options that belong to it.
    fn compose(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        asked: &Asked,
        response: Response,
        observed: Option<Observed>,
    ) -> Reply {
        let code = response.code;
        // The answer to an unsafe request from an unproven address may have to wait for the proof.
        let spare = (!self.info.verified && code.is_success() && !is_read(asked.code))
            .then(|| response.clone());
        let has_body = code.is_success()
            && code != Code::CONTINUE
            && (!response.payload.is_empty() || asked.block2.is_some_and(|block| block.num() > 0));
        let cut = if has_body {
            match self.cut(cx, now, asked.key, asked.block2, response) {
                Some(cut) => cut,
                // A block past the end of the body.
                None => return Reply::bare(Code::BAD_REQUEST),
            }
        } else {
            let limit = self.block_size(cx, response.options.encoded_len()).bytes();
            let len = text_boundary(&response.payload, limit);
            Cut {
                options: response.options,
                payload: response.payload.slice(..len),
            }
        };
        let Cut {
            mut options,
            payload,
        } = cut;
        if let Some(block) = asked.block1
            && code.is_success()
            && code != Code::CONTINUE
            && let Some(last) = Block::new(block.num(), false, block.size())
        {
            options.set_block(OptionNumber::BLOCK1, last);
        }
        if let Some(observed) = observed {
            options.set_uint(OptionNumber::OBSERVE, observed.sequence);
        }
        Reply {
            code,
            cut: Cut { options, payload },
            spare,
        }
    }

    /// "a server SHOULD NOT send a response that is more than three times larger than the request"
    /// to an address that may be forged (RFC 9175 §2.6): asks for a proof, or says less.
    fn within_allowance(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        asked: &Asked,
        reply: Reply,
    ) -> Reply {
        let allowance = allowance(asked);
        if self.info.verified || reply.len(asked) <= allowance {
            return reply;
        }
        if reply.code.is_success() && reply.code != Code::CONTINUE {
            if let Some(spare) = reply.spare {
                self.withhold(cx, now, asked.key, spare);
            }
            let challenge = self.challenge(cx, now);
            return Reply {
                code: challenge.code,
                cut: Cut {
                    options: challenge.options,
                    payload: challenge.payload,
                },
                spare: None,
            };
        }
        let mut reply = reply;
        reply.cut.payload.clear();
        if reply.len(asked) > allowance {
            return Reply::bare(reply.code);
        }
        reply
    }

    fn encode_answer(&self, cx: &mut Shared, asked: &Asked, reply: &Reply) -> Option<Vec<u8>> {
        let limit = self.info.max_datagram.max(SMALLEST_LIMIT);
        let parts = reply.parts(asked);
        match (asked.confirmable, asked.acknowledged) {
            (true, false) => {
                let spare = core::mem::take(&mut cx.spare);
                parts.encode_into(spare, Type::Acknowledgement, asked.mid, limit)
            }
            (true, true) => parts.encode(Type::Confirmable, 0, limit),
            (false, _) => parts.encode(Type::NonConfirmable, 0, limit),
        }
    }

    fn send_answer(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        asked: &Asked,
        bytes: Vec<u8>,
        observed: Option<Observed>,
    ) {
        match (asked.confirmable, asked.acknowledged) {
            (true, false) => {
                self.send_piggybacked(cx, asked.mid, &bytes);
                cx.spare = bytes;
            }
            (true, true) => {
                let owner = match observed {
                    Some(observed) => {
                        self.relation_busy(observed.relation);
                        Owner::Notification(observed.relation)
                    }
                    None => Owner::Response,
                };
                let message = Queued::Message {
                    owner,
                    bytes,
                    allowance: (!self.info.verified).then(|| allowance(asked)),
                };
                self.send_confirmable(cx, now, message);
            }
            (false, _) if self.info.multicast => self.delay(cx, now, bytes),
            (false, _) => {
                let mid = self.send_non(cx, now, bytes);
                if let (Some(observed), Some(mid)) = (observed, mid) {
                    self.notification_sent(observed.relation, mid);
                }
            }
        }
    }

    /// "the server SHOULD … pick a random point of time within the chosen leisure period" (RFC 7252 §8.2).
    fn delay(&mut self, cx: &mut Shared, now: Instant, bytes: Vec<u8>) {
        if self.delayed.len() >= cx.config.limits.exchanges_per_peer {
            cx.stats.dropped = cx.stats.dropped.wrapping_add(1);
            return;
        }
        let leisure = cx.config.transmission.leisure.as_millis();
        let leisure = u32::try_from(leisure).unwrap_or(u32::MAX);
        let delay = Duration::from_millis(cx.rng.below(leisure.saturating_add(1)).into());
        let serial = cx.serial();
        let timer = self.timer(TimerKind::Leisure(serial));
        self.delayed.push(Delayed {
            serial,
            bytes,
            timer: cx.wheel.set(now + delay, timer),
        });
        cx.tables.queued = cx.tables.queued.saturating_add(1);
    }

    pub(crate) fn leisure_over(&mut self, cx: &mut Shared, now: Instant, serial: u64) {
        if let Some(index) = self
            .delayed
            .iter()
            .position(|delayed| delayed.serial == serial)
        {
            let delayed = self.delayed.swap_remove(index);
            cx.tables.queued = cx.tables.queued.saturating_sub(1);
            let lifetime = cx.exchange_lifetime;
            if let Some(mid) = self.mids.take(now, lifetime) {
                let mut bytes = delayed.bytes;
                set_message_id(&mut bytes, mid);
                cx.transmit(self.peer, &bytes);
            }
        }
    }

    pub(crate) fn clear_delayed(&mut self, cx: &mut Shared) {
        for delayed in self.delayed.drain(..) {
            cx.wheel.cancel(delayed.timer);
            cx.tables.queued = cx.tables.queued.saturating_sub(1);
        }
    }
}

/// An answer that fits into a message.
struct Reply {
    code: Code,
    cut: Cut,
    /// The whole answer, where it may have to be withheld.
    spare: Option<Response>,
}

impl Reply {
    fn bare(code: Code) -> Self {
        let Response {
            options, payload, ..
        } = Response::new(code);
        Self {
            code,
            cut: Cut { options, payload },
            spare: None,
        }
    }

    fn parts(&self, asked: &Asked) -> Parts<'_> {
        Parts {
            code: self.code,
            token: asked.token,
            options: &self.cut.options,
            payload: &self.cut.payload,
        }
    }

    fn len(&self, asked: &Asked) -> usize {
        self.parts(asked).encoded_len()
    }
}

/// Bytes that an answer to an unproven address may have, its repetitions included.
fn allowance(asked: &Asked) -> usize {
    let spent = match asked.acknowledged {
        true => EMPTY_LEN,
        false => 0,
    };
    asked.len.saturating_mul(3).saturating_sub(spent)
}

/// An empty acknowledgement.
const EMPTY_LEN: usize = 4;

/// A datagram that every link carries: header, token, a challenge.
const SMALLEST_LIMIT: usize = 64;

/// Where a diagnostic text may be cut to have at most `limit` bytes.
fn text_boundary(text: &[u8], limit: usize) -> usize {
    if text.len() <= limit {
        return text.len();
    }
    let head = text.get(..limit).unwrap_or(text);
    // The last start of a character, when the cut goes through one.
    match core::str::from_utf8(head) {
        Ok(_) => limit,
        Err(fault) => fault.valid_up_to(),
    }
}
