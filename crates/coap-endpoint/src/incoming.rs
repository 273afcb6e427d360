//! The way in: from a datagram to the message layer's verdict, and from there to the request layer.

use coap_codec::{Code, DecodeLimits, Message, OptionNumber, Response, Triage, Type, triage};
use sansio::Instant;

use crate::Failure;
use crate::message_layer::{Owner, Remembered};
use crate::peer::PeerState;
use crate::request_layer::Asked;
use crate::shared::{Shared, Token};

impl PeerState {
    pub(crate) fn handle_datagram(&mut self, cx: &mut Shared, now: Instant, bytes: &[u8]) {
        match triage(bytes, &cx.understood, DecodeLimits::RFC7252) {
            Triage::Deliver(message) => self.deliver(cx, now, &message, bytes.len()),
            Triage::BadOption { message, number } => {
                self.handle_bad_option(cx, now, &message, bytes.len(), number);
            }
            Triage::BadResponse { message, .. } => {
                if let Some(serial) = self.take_piggybacked(cx, &message) {
                    self.request_failed(cx, now, serial, Failure::BadOption);
                    self.pump(cx, now);
                }
            }
            Triage::Reset { message_id, .. } => self.reject(cx, message_id),
            _ => cx.stats.ignored = cx.stats.ignored.wrapping_add(1),
        }
        self.check_idle(cx, now);
    }

    fn deliver(&mut self, cx: &mut Shared, now: Instant, message: &Message<'_>, len: usize) {
        let code = message.code();
        match message.ty() {
            Type::Acknowledgement if code == Code::EMPTY => {
                self.handle_acknowledgement(cx, now, message.message_id())
            }
            Type::Acknowledgement => self.handle_piggybacked(cx, now, message),
            Type::Reset => self.handle_reset(cx, now, message.message_id()),
            Type::Confirmable | Type::NonConfirmable if code.is_request() => {
                if self.is_new(cx, now, message) {
                    let asked = Asked::new(cx, self, message, len);
                    self.handle_request(cx, now, message, &asked);
                }
            }
            Type::Confirmable | Type::NonConfirmable => self.handle_separate(cx, now, message),
        }
        self.pump(cx, now);
    }

    /// Rejects a message with a Reset, unless it came by multicast (RFC 7252 §8.1).
    fn reject(&mut self, cx: &mut Shared, mid: u16) {
        if self.info.multicast {
            cx.stats.ignored = cx.stats.ignored.wrapping_add(1);
            return;
        }
        cx.stats.rejected = cx.stats.rejected.wrapping_add(1);
        cx.transmit_empty(self.peer, Type::Reset, mid);
    }

    /// Remembers a request or response, and tells whether it came for the first time. A repeated
    /// one is answered as the first.
    fn is_new(&mut self, cx: &mut Shared, now: Instant, message: &Message<'_>) -> bool {
        if self.is_repeated(cx, now, message) {
            return false;
        }
        self.remember(cx, now, message);
        true
    }

    fn is_repeated(&mut self, cx: &mut Shared, now: Instant, message: &Message<'_>) -> bool {
        let (mid, confirmable) = (message.message_id(), message.ty() == Type::Confirmable);
        cx.is_repeated(now, self.peer, &mut self.dedup, mid, confirmable)
    }

    fn remember(&mut self, cx: &mut Shared, now: Instant, message: &Message<'_>) {
        let lifetime = match message.ty() {
            Type::NonConfirmable => cx.non_lifetime,
            Type::Confirmable | Type::Acknowledgement | Type::Reset => cx.exchange_lifetime,
        };
        let limit = cx.config.limits.dedup_per_peer;
        if self.dedup.len() >= limit.clamp(1, Remembered::MOST) {
            cx.dedup.pop_oldest(&mut self.dedup);
            cx.stats.dedup_evicted = cx.stats.dedup_evicted.wrapping_add(1);
        }
        self.is_active(cx);
        let (slot, mid) = (self.peer.slot(), message.message_id());
        cx.dedup.insert(&mut self.dedup, slot, mid, now + lifetime);
    }

    /// "Unrecognized options of class "critical" that occur in a Confirmable request MUST cause the
    /// return of a 4.02 (Bad Option) response." (RFC 7252 §5.4.1)
    fn handle_bad_option(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        message: &Message<'_>,
        len: usize,
        number: OptionNumber,
    ) {
        if self.info.multicast || !self.is_new(cx, now, message) {
            return;
        }
        let code = match number {
            OptionNumber::PROXY_URI | OptionNumber::PROXY_SCHEME => Code::PROXYING_NOT_SUPPORTED,
            _ => Code::BAD_OPTION,
        };
        let text = alloc::format!("option {number}");
        let asked = Asked::new(cx, self, message, len);
        self.answer(cx, now, &asked, Response::diagnostic(code, text), None);
    }

    fn handle_acknowledgement(&mut self, cx: &mut Shared, now: Instant, mid: u16) {
        match self.settle(cx, mid) {
            Some(Owner::Request(serial)) => self.request_acknowledged(cx, now, serial),
            Some(Owner::Ping(serial)) => self.pong(cx, serial),
            Some(Owner::Notification(serial)) => self.notification_acknowledged(cx, now, serial),
            Some(Owner::Response) => {}
            None => cx.stats.ignored = cx.stats.ignored.wrapping_add(1),
        }
    }

    fn handle_reset(&mut self, cx: &mut Shared, now: Instant, mid: u16) {
        match self.settle(cx, mid) {
            Some(Owner::Request(serial)) => self.request_failed(cx, now, serial, Failure::Reset),
            Some(Owner::Ping(serial)) => self.pong(cx, serial),
            Some(Owner::Notification(serial)) => self.notification_rejected(cx, serial),
            Some(Owner::Response) => {}
            None => {
                // Of a Non-confirmable message, or of one whose state has been superseded.
                if let Some(serial) = self.relation_by_message(mid) {
                    self.notification_rejected(cx, serial);
                } else if let Some(serial) = self.request_by_message(mid) {
                    self.request_failed(cx, now, serial, Failure::Reset);
                } else {
                    cx.stats.ignored = cx.stats.ignored.wrapping_add(1);
                }
            }
        }
    }

    /// The request that an acknowledgement with a response belongs to: message id *and* token
    /// must fit (RFC 7252 §5.3.2). Takes its message off.
    fn take_piggybacked(&mut self, cx: &mut Shared, message: &Message<'_>) -> Option<u64> {
        let mid = message.message_id();
        let fits = match self.out.find(mid).map(|in_flight| in_flight.owner) {
            Some(Owner::Request(serial)) => {
                let token = Token::from_wire(message.token());
                self.awaits(serial, token).then_some(serial)
            }
            Some(Owner::Ping(_) | Owner::Response | Owner::Notification(_)) | None => None,
        };
        match fits {
            Some(_) => self.settle(cx, mid),
            None => {
                cx.stats.ignored = cx.stats.ignored.wrapping_add(1);
                None
            }
        }?;
        fits
    }

    fn handle_piggybacked(&mut self, cx: &mut Shared, now: Instant, message: &Message<'_>) {
        if let Some(serial) = self.take_piggybacked(cx, message) {
            self.handle_response(cx, now, serial, message);
        }
    }

    /// A response that is a message of its own: matched by token alone.
    fn handle_separate(&mut self, cx: &mut Shared, now: Instant, message: &Message<'_>) {
        if self.is_repeated(cx, now, message) {
            return;
        }
        let confirmable = message.ty() == Type::Confirmable;
        let token = Token::from_wire(message.token());
        let Some(serial) = self.request_by_token(token) else {
            // "If the recipient does not recognize the token it rejects the message" (RFC 7252
            // §5.3.2, RFC 7641 §3.5): a notification nobody wants must be told so.
            if confirmable || message.options().contains(OptionNumber::OBSERVE) {
                self.reject(cx, message.message_id());
            } else {
                cx.stats.ignored = cx.stats.ignored.wrapping_add(1);
            }
            return;
        };
        self.remember(cx, now, message);
        if confirmable {
            self.send_empty(cx, Type::Acknowledgement, message.message_id());
        }
        self.handle_response(cx, now, serial, message);
    }
}
