use bytes::Bytes;
use coap_codec::{
    Block, Code, DecodeError, Message, NoResponse, OptionNumber, OptionsBuf, Request, Type,
};

use crate::ObserveRequest;
use crate::hash::Hasher;
use crate::peer::PeerState;
use crate::shared::{Shared, Token};

/// What is kept of a request to answer it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) mid: u16,
    pub(crate) token: Token,
    pub(crate) confirmable: bool,
    /// Whether the acknowledgement went out already, so that the answer must be separate.
    pub(crate) acknowledged: bool,
    pub(crate) code: Code,
    /// Bytes of the request's datagram.
    pub(crate) len: usize,
    pub(crate) no_response: NoResponse,
    pub(crate) block1: Option<Block>,
    pub(crate) block2: Option<Block>,
    /// Whether a block option has a reserved value.
    pub(crate) bad_block: bool,
    pub(crate) observe: Option<ObserveRequest>,
    pub(crate) key: CacheKey,
}

/// Tells which body a request is about: the method and the options of RFC 7252 §5.6, hashed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct CacheKey {
    /// Without the payload.
    pub(crate) target: u64,
    /// The payload, where it matters: in FETCH, and to know an unsafe request again. `None` when
    /// it is empty.
    pub(crate) payload: Option<u64>,
}

impl CacheKey {
    /// Whether a request with this key asks for more of a body stored under `stored`: requests
    /// for later blocks may leave out the payload of the first.
    pub(crate) fn continues(self, stored: Self) -> bool {
        self.target == stored.target && (self.payload.is_none() || self.payload == stored.payload)
    }
}

impl Asked {
    pub(crate) fn new(cx: &Shared, peer: &PeerState, message: &Message<'_>, len: usize) -> Self {
        let options = message.options();
        let code = message.code();
        let mut target = Hasher::new(cx.hash_key);
        target.write_piece(u16::from(code.0), &[]);
        let (mut block1, mut block2) = (None, None);
        let (mut observe, mut no_response, mut echo) = (None, None, false);
        for option in options {
            match option.number {
                OptionNumber::BLOCK1 => block1 = Some(Block::decode(option.value)),
                OptionNumber::BLOCK2 => block2 = Some(Block::decode(option.value)),
                // Of an elective option that may not be repeated, the first counts (RFC 7252 §5.4.5).
                OptionNumber::OBSERVE => observe = options.observe(),
                OptionNumber::NO_RESPONSE => no_response = options.no_response(),
                OptionNumber::ECHO => echo = true,
                OptionNumber::CONTENT_FORMAT => {}
                number if number.is_no_cache_key() => {}
                number => target.write_piece(number.0, option.value),
            }
        }
        let matters = code == Code::FETCH || echo || !peer.info.verified;
        let payload = match message.payload() {
            payload if matters && !payload.is_empty() => {
                let mut hasher = Hasher::new(cx.hash_key);
                hasher.write(payload);
                Some(hasher.finish())
            }
            _ => None,
        };
        let bad = |block: &Option<Result<Block, DecodeError>>| matches!(block, Some(Err(_)));
        Self {
            mid: message.message_id(),
            token: Token::from_wire(message.token()),
            confirmable: message.ty() == Type::Confirmable,
            acknowledged: false,
            code,
            len,
            no_response: no_response.unwrap_or_default(),
            bad_block: bad(&block1) || bad(&block2),
            block1: block1.and_then(Result::ok),
            block2: block2.and_then(Result::ok),
            observe: match observe {
                Some(0) if is_read(code) => Some(ObserveRequest::Register),
                Some(1) if is_read(code) => Some(ObserveRequest::Deregister),
                Some(_) | None => None,
            },
            key: CacheKey {
                target: target.finish(),
                payload,
            },
        }
    }
}

/// Whether the method only reads, so that asking again does no harm.
pub(crate) fn is_read(code: Code) -> bool {
    matches!(code, Code::GET | Code::FETCH)
}

/// The request for the application, without the options that this layer has dealt with.
pub(crate) fn application_request(message: &Message<'_>, payload: Bytes) -> Request {
    let options = message.options();
    let mine = |number| {
        matches!(
            number,
            OptionNumber::BLOCK1
                | OptionNumber::BLOCK2
                | OptionNumber::SIZE1
                | OptionNumber::SIZE2
                | OptionNumber::ECHO
                | OptionNumber::NO_RESPONSE
                | OptionNumber::REQUEST_TAG
        )
    };
    let options = if options.iter().any(|option| mine(option.number)) {
        let mut kept = OptionsBuf::new();
        for option in options.iter().filter(|option| !mine(option.number)) {
            // The value came in an option, so it fits into one.
            let _ = kept.insert(option.number, option.value);
        }
        kept
    } else {
        options.into()
    };
    Request {
        code: message.code(),
        options,
        payload,
    }
}
