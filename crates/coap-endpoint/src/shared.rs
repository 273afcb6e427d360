use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use coap_codec::{Code, Encoder, OptionNumber, OptionsBuf, Type};
use sansio::{Instant, Peer, Rng, TimerWheel};

use crate::message_layer::{Answer, Dedup, Remembered};
use crate::outbox::Outbox;
use crate::{Config, Event, Stats, Tables};

/// What all peers of an endpoint share: configuration, time, randomness, queues and counts.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    /// The critical options that are not refused.
    pub(crate) understood: Vec<OptionNumber>,
    /// EXCHANGE_LIFETIME and NON_LIFETIME of the configuration.
    pub(crate) exchange_lifetime: Duration,
    pub(crate) non_lifetime: Duration,
    pub(crate) rng: Rng,
    pub(crate) wheel: TimerWheel<Timer>,
    pub(crate) outbox: Outbox,
    pub(crate) events: VecDeque<Event>,
    pub(crate) dedup: Dedup,
    /// Bodies in blocks of all peers, oldest first; entries of those that went are skipped.
    pub(crate) uploads_order: VecDeque<(Peer, u64)>,
    pub(crate) downloads_order: VecDeque<(Peer, u64)>,
    /// Live counts; those of `outbox`, `events`, `wheel` and `dedup` are filled in when asked for.
    pub(crate) tables: Tables,
    pub(crate) stats: Stats,
    /// Keys cache keys and entity-tags.
    pub(crate) hash_key: (u64, u64),
    /// Memory of the last answer that went out, for the next.
    pub(crate) spare: Vec<u8>,
    last_serial: u64,
}

/// A timer of the wheel: what to look at when it fires.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    pub(crate) peer: Peer,
    pub(crate) kind: TimerKind,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum TimerKind {
    /// The Confirmable message with this id is not acknowledged yet.
    Retransmit(u16),
    /// Message ids may be free again.
    MessageIds,
    /// A request of ours has waited long enough for its answer.
    Answer(u64),
    /// A request of a peer has waited long enough for the application: acknowledge it first, forget it later.
    Exchange(u64),
    /// Parts of a body that a peer is sending us are too old.
    Upload(u64),
    /// A body that a peer is fetching is too old.
    Download(u64),
    /// A relation had no acknowledged notification for a while.
    Relation(u64),
    /// The answer to a multicast request has been delayed long enough.
    Leisure(u64),
    /// The peer may have become idle.
    Idle,
}

impl Shared {
    pub(crate) fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        let mut rng = Rng::from_seed(seed);
        let hash_key = (rng.next_u64(), rng.next_u64());
        let mut understood = Vec::from(UNDERSTOOD);
        understood.extend_from_slice(&config.understood);
        let dedup = Dedup::new();
        let outbox = Outbox::new(config.limits.transmit_queue);
        Self {
            exchange_lifetime: config.transmission.exchange_lifetime(),
            non_lifetime: config.transmission.non_lifetime(),
            config,
            understood,
            rng,
            wheel: TimerWheel::new(now),
            outbox,
            events: VecDeque::new(),
            dedup,
            uploads_order: VecDeque::new(),
            downloads_order: VecDeque::new(),
            tables: Tables::default(),
            stats: Stats::default(),
            hash_key,
            spare: Vec::new(),
            last_serial: 0,
        }
    }

    /// A number that no request, exchange, relation or body had before.
    pub(crate) fn serial(&mut self) -> u64 {
        self.last_serial = self.last_serial.wrapping_add(1);
        self.last_serial
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Hands a message to `poll_transmit`.
    pub(crate) fn transmit(&mut self, peer: Peer, message: &[u8]) {
        if !self.outbox.push(peer, message) {
            self.stats.dropped = self.stats.dropped.wrapping_add(1);
        }
    }

    /// Hands a message without content to `poll_transmit`.
    pub(crate) fn transmit_empty(&mut self, peer: Peer, ty: Type, mid: u16) {
        self.transmit(peer, &coap_codec::empty_message(ty, mid));
    }

    /// Whether message `mid` of `peer`, who has `remembered`, came before. If it is to be answered, as it was then.
    pub(crate) fn is_repeated(
        &mut self,
        now: Instant,
        peer: Peer,
        remembered: &mut Remembered,
        mid: u16,
        to_be_answered: bool,
    ) -> bool {
        let Some(answer) = self.dedup.find(now, remembered, mid) else {
            return false;
        };
        self.stats.duplicates = self.stats.duplicates.wrapping_add(1);
        let empty;
        let answer: &[u8] = match answer {
            Answer::Nothing => return true,
            Answer::Acknowledged => {
                empty = coap_codec::empty_message(Type::Acknowledgement, mid);
                &empty
            }
            Answer::Reset => {
                empty = coap_codec::empty_message(Type::Reset, mid);
                &empty
            }
            Answer::Bytes(bytes) => bytes,
        };
        if to_be_answered && !self.outbox.push(peer, answer) {
            self.stats.dropped = self.stats.dropped.wrapping_add(1);
        }
        true
    }
}

/// The critical options that this layer or every CoAP application acts on.
const UNDERSTOOD: &[OptionNumber] = &[
    OptionNumber::IF_MATCH,
    OptionNumber::URI_HOST,
    OptionNumber::IF_NONE_MATCH,
    OptionNumber::URI_PORT,
    OptionNumber::URI_PATH,
    OptionNumber::URI_QUERY,
    OptionNumber::ACCEPT,
    OptionNumber::BLOCK1,
    OptionNumber::BLOCK2,
];

/// A message to be: everything but type and message id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) code: Code,
    pub(crate) token: Token,
    pub(crate) options: &'a OptionsBuf,
    pub(crate) payload: &'a [u8],
}

impl Parts<'_> {
    /// Bytes of the message.
    pub(crate) fn encoded_len(&self) -> usize {
        let payload = match self.payload.len() {
            0 => 0,
            len => len.saturating_add(1),
        };
        4usize
            .saturating_add(self.token.as_bytes().len())
            .saturating_add(self.options.encoded_len())
            .saturating_add(payload)
    }

    /// The message, `None` when it is longer than `limit`.
    pub(crate) fn encode(&self, ty: Type, message_id: u16, limit: usize) -> Option<Vec<u8>> {
        self.encode_into(Vec::new(), ty, message_id, limit)
    }

    /// The same, in the memory of `out`.
    pub(crate) fn encode_into(
        &self,
        mut out: Vec<u8>,
        ty: Type,
        message_id: u16,
        limit: usize,
    ) -> Option<Vec<u8>> {
        let len = self.encoded_len();
        if len > limit {
            return None;
        }
        out.clear();
        out.resize(len, 0);
        let token = self.token.as_bytes();
        let mut encoder = Encoder::new(&mut out, ty, self.code, message_id, token).ok()?;
        encoder.options(&self.options.as_options()).ok()?;
        encoder.payload(self.payload).ok()?;
        encoder.finish().ok()?;
        Some(out)
    }
}

/// A token of up to 8 bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Token {
    len: u8,
    bytes: [u8; 8],
}

impl Token {
    /// A token that nobody can guess.
    pub(crate) fn random(rng: &mut Rng) -> Self {
        Self {
            len: 8,
            bytes: rng.next_u64().to_be_bytes(),
        }
    }

    /// The token of a received message; the decoder allows no longer one.
    pub(crate) fn from_wire(token: &[u8]) -> Self {
        let mut bytes = [0; 8];
        let len = token.len().min(8);
        bytes
            .iter_mut()
            .zip(token)
            .for_each(|(to, &from)| *to = from);
        Self {
            len: u8::try_from(len).unwrap_or(8),
            bytes,
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Writes the message id into an encoded message.
pub(crate) fn set_message_id(datagram: &mut [u8], id: u16) {
    if let Some(place) = datagram.get_mut(2..4) {
        place.copy_from_slice(&id.to_be_bytes());
    }
}
