use bytes::Bytes;
use coap_codec::{Code, Message, Response, Type};
use sansio::{Instant, TimerId};

use super::answer::Observed;
use super::asked::{Asked, application_request, is_read};
use super::upload::Assembly;
use crate::peer::PeerState;
use crate::shared::{Shared, Timer, TimerKind};
use crate::{Event, ExchangeId, ObserveRequest, RelationEnd, RelationId, StaleExchange};

/// A request of the peer that the application has not answered.
#[derive(Debug)]
pub(crate) struct Exchange {
    serial: u64,
    asked: Asked,
    timer: TimerId,
}

impl PeerState {
    /// Takes a request that came for the first time: answers it here, or hands it to the application.
    pub(crate) fn handle_request(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        message: &Message<'_>,
        asked: &Asked,
    ) {
        // "Multicast requests MUST be Non-confirmable." (RFC 7252 §8.1)
        if self.info.multicast && asked.confirmable {
            cx.stats.ignored = cx.stats.ignored.wrapping_add(1);
            return;
        }
        if asked.code.name().is_none() {
            return self.refuse(cx, now, asked, Code::METHOD_NOT_ALLOWED);
        }
        if asked.bad_block {
            // "The value 7 for SZX … MUST NOT be sent and MUST lead to a 4.00 (Bad Request)
            // response code upon reception in a request." (RFC 7959 §2.2)
            return self.refuse(cx, now, asked, Code::BAD_REQUEST);
        }
        self.check_echo(cx, now, message);
        if !self.info.verified && asked.observe == Some(ObserveRequest::Register) {
            // Notifications have no request to be measured by.
            let challenge = self.challenge(cx, now);
            return self.answer(cx, now, asked, challenge, None);
        }
        if self.info.verified
            && message.options().echo().is_some()
            && let Some(withheld) = self.take_withheld(cx, asked)
        {
            return self.answer(cx, now, asked, withheld, None);
        }
        let payload = match self.assemble(cx, now, message, asked) {
            Assembly::Whole(payload) => payload,
            Assembly::Answer(response) => return self.answer(cx, now, asked, response, None),
        };
        if asked.block2.is_some_and(|block| block.num() > 0) {
            if let Some(stored) = self.stored(cx, now, asked) {
                return self.answer(cx, now, asked, stored, None);
            }
            if !is_read(asked.code) {
                // Carrying it out again to get at the answer would do it twice.
                return self.refuse(cx, now, asked, Code::REQUEST_ENTITY_INCOMPLETE);
            }
        }
        self.hand_over(cx, now, message, asked, payload);
    }

    fn hand_over(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        message: &Message<'_>,
        asked: &Asked,
        payload: Bytes,
    ) {
        if self.exchanges.len() >= cx.config.limits.exchanges_per_peer
            || cx.tables.exchanges >= cx.config.limits.exchanges_total
        {
            cx.stats.overloads = cx.stats.overloads.wrapping_add(1);
            let overload = Response::new(Code::SERVICE_UNAVAILABLE).max_age(10);
            return self.answer(cx, now, asked, overload, None);
        }
        let serial = cx.serial();
        let patience = match asked.confirmable {
            true => cx.config.piggyback_delay,
            false => cx.config.exchange_timeout,
        };
        let timer = self.timer(TimerKind::Exchange(serial));
        self.exchanges.push(Exchange {
            serial,
            asked: *asked,
            timer: cx.wheel.set(now + patience, timer),
        });
        cx.tables.exchanges = cx.tables.exchanges.saturating_add(1);
        let relation = match asked.observe {
            Some(_) => self.relation_by_token(asked.token),
            None => None,
        };
        if let (Some(ObserveRequest::Deregister), Some(relation)) = (asked.observe, relation) {
            self.end_relation(cx, relation, RelationEnd::Deregistered);
        }
        cx.event(Event::Request {
            peer: self.peer,
            exchange: ExchangeId::new(self.peer, serial),
            request: application_request(message, payload),
            confirmable: asked.confirmable,
            observe: asked.observe,
            relation: relation.map(|serial| RelationId::new(self.peer, serial)),
        });
    }

    pub(crate) fn refuse(&mut self, cx: &mut Shared, now: Instant, asked: &Asked, code: Code) {
        self.answer(cx, now, asked, Response::new(code), None);
    }

    pub(crate) fn timer(&self, kind: TimerKind) -> Timer {
        Timer {
            peer: self.peer,
            kind,
        }
    }

    /// The application has taken its time: the first time acknowledges, the second forgets.
    pub(crate) fn exchange_overdue(&mut self, cx: &mut Shared, now: Instant, serial: u64) {
        let timer = self.timer(TimerKind::Exchange(serial));
        let Some(index) = self.exchange_index(serial) else {
            return;
        };
        match self.exchanges.get_mut(index) {
            Some(Exchange {
                asked, timer: id, ..
            }) if asked.confirmable && !asked.acknowledged => {
                asked.acknowledged = true;
                *id = cx.wheel.set(now + cx.config.exchange_timeout, timer);
                let mid = asked.mid;
                self.send_empty(cx, Type::Acknowledgement, mid);
            }
            Some(_) | None => {
                self.exchanges.swap_remove(index);
                cx.tables.exchanges = cx.tables.exchanges.saturating_sub(1);
            }
        }
    }

    fn exchange_index(&self, serial: u64) -> Option<usize> {
        self.exchanges
            .iter()
            .position(|exchange| exchange.serial == serial)
    }

    /// Answers an exchange. Returns the relation when one was `wanted` by the application, too.
    pub(crate) fn respond(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        serial: u64,
        response: Response,
        wanted: bool,
    ) -> Result<Option<u64>, StaleExchange> {
        let index = self.exchange_index(serial).ok_or(StaleExchange)?;
        let Exchange { asked, timer, .. } = self.exchanges.swap_remove(index);
        cx.wheel.cancel(timer);
        cx.tables.exchanges = cx.tables.exchanges.saturating_sub(1);
        let mut relation = None;
        if asked.observe == Some(ObserveRequest::Register) {
            if wanted && response.code.is_success() {
                relation = self.accept_relation(cx, now, &asked);
            }
            if relation.is_none()
                && let Some(former) = self.relation_by_token(asked.token)
            {
                self.end_relation(cx, former, RelationEnd::NotRenewed);
            }
        }
        let observed = relation.map(|relation| Observed {
            relation,
            sequence: self.next_sequence(relation),
        });
        self.answer(cx, now, &asked, response, observed);
        self.pump(cx, now);
        Ok(relation)
    }

    /// Forgets everything of the server role; the peer is closed.
    pub(crate) fn clear_server(&mut self, cx: &mut Shared) {
        for exchange in self.exchanges.drain(..) {
            cx.wheel.cancel(exchange.timer);
            cx.tables.exchanges = cx.tables.exchanges.saturating_sub(1);
        }
        self.clear_uploads(cx);
        self.clear_downloads(cx);
        self.clear_delayed(cx);
        self.clear_relations(cx);
    }
}
