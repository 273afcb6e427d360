use alloc::vec::Vec;

use coap_codec::{Block, OptionNumber, Response, Type};
use sansio::{Instant, TimerId};

use super::asked::{Asked, CacheKey};
use super::download::Cut;
use crate::message_layer::{Owner, Queued};
use crate::peer::PeerState;
use crate::shared::{Parts, Shared, TimerKind, Token};
use crate::{Event, Notify, RelationEnd, RelationId, StaleRelation};

/// A peer's observation of one of our resources (RFC 7641 §4).
#[derive(Debug)]
pub(crate) struct Relation {
    serial: u64,
    token: Token,
    key: CacheKey,
    /// The block size that the peer asked for.
    block2: Option<Block>,
    sequence: u32,
    /// Message ids of the last notifications: a Reset of any of them ends the relation.
    recent: [Option<u16>; 4],
    /// The newest state, while an older one is not acknowledged or none was sent.
    pending: Option<(Response, Notify)>,
    /// Whether a Confirmable notification is under way or waits for its turn.
    busy: bool,
    /// Whether the application was told that a Confirmable notification is due.
    due: bool,
    /// When the peer last showed that it wants the relation.
    confirmed_at: Instant,
    timer: TimerId,
}

impl PeerState {
    /// Enters the peer into the list of observers, or renews its entry: "the server MUST NOT add a new
    /// entry but MUST replace or update the existing one" (RFC 7641 §4.1). `None` when the list is full.
    pub(crate) fn accept_relation(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        asked: &Asked,
    ) -> Option<u64> {
        let at = now + cx.config.observe.confirm_interval;
        let by_target = self
            .relations
            .iter()
            .find(|relation| relation.key == asked.key);
        let by_token = self.relation_by_token(asked.token);
        let known = by_target.map(|relation| relation.serial).or(by_token);
        if let (Some(known), Some(other)) = (known, by_token)
            && known != other
        {
            // The token moved to another target, which had an entry itself.
            self.end_relation(cx, other, RelationEnd::NotRenewed);
        }
        if let Some(serial) = known {
            self.withdraw(cx, Owner::Notification(serial));
            let relation = self.relation(serial)?;
            relation.token = asked.token;
            relation.key = asked.key;
            relation.block2 = asked.block2;
            // A Reset that is on its way rejects what was sent before the peer asked anew.
            relation.recent = [None; 4];
            relation.pending = None;
            relation.busy = false;
            relation.due = false;
            relation.confirmed_at = now;
            cx.wheel.reset(relation.timer, at);
            return Some(serial);
        }
        let limits = &cx.config.limits;
        if self.relations.len() >= limits.relations_per_peer
            || cx.tables.relations >= limits.relations_total
        {
            return None;
        }
        let serial = cx.serial();
        let timer = self.timer(TimerKind::Relation(serial));
        self.relations.push(Relation {
            serial,
            token: asked.token,
            key: asked.key,
            block2: asked.block2,
            sequence: sequence_at(now),
            recent: [None; 4],
            pending: None,
            busy: false,
            due: false,
            confirmed_at: now,
            timer: cx.wheel.set(at, timer),
        });
        cx.tables.relations = cx.tables.relations.saturating_add(1);
        Some(serial)
    }

    fn relation(&mut self, serial: u64) -> Option<&mut Relation> {
        self.relations
            .iter_mut()
            .find(|relation| relation.serial == serial)
    }

    pub(crate) fn relation_by_token(&self, token: Token) -> Option<u64> {
        let found = self
            .relations
            .iter()
            .find(|relation| relation.token == token);
        found.map(|relation| relation.serial)
    }

    /// The relation one of whose last notifications had this message id.
    pub(crate) fn relation_by_message(&self, mid: u16) -> Option<u64> {
        let found = self
            .relations
            .iter()
            .find(|relation| relation.recent.contains(&Some(mid)));
        found.map(|relation| relation.serial)
    }

    /// The Observe value for the next message of a relation.
    pub(crate) fn next_sequence(&mut self, serial: u64) -> u32 {
        let Some(relation) = self.relation(serial) else {
            return 0;
        };
        relation.sequence = relation.sequence.wrapping_add(1) & 0xff_ffff;
        relation.sequence
    }

    pub(crate) fn relation_busy(&mut self, serial: u64) {
        if let Some(relation) = self.relation(serial) {
            relation.busy = true;
        }
    }

    /// A notification went out with this message id.
    pub(crate) fn notification_sent(&mut self, serial: u64, mid: u16) {
        if let Some(relation) = self.relation(serial) {
            relation.recent.rotate_right(1);
            if let Some(newest) = relation.recent.first_mut() {
                *newest = Some(mid);
            }
        }
    }

    pub(crate) fn notify(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        serial: u64,
        response: Response,
        how: Notify,
    ) -> Result<(), StaleRelation> {
        if !response.code.is_success() {
            return self.notify_error(cx, now, serial, response, how);
        }
        let interval = cx.config.observe.confirm_interval;
        let relation = self.relation(serial).ok_or(StaleRelation)?;
        // "a server that transmits notifications mostly in non-confirmable messages MUST send a
        // notification in a confirmable message instead of a non-confirmable message at least
        // every 24 hours" (RFC 7641 §4.5)
        let overdue = relation.due || now >= relation.confirmed_at + interval;
        let how = if overdue { Notify::Confirmable } else { how };
        relation.pending = Some((response, how));
        if !relation.busy {
            self.send_pending(cx, now, serial);
        }
        Ok(())
    }

    /// Sends the pending state of a relation that has no notification under way.
    fn send_pending(&mut self, cx: &mut Shared, now: Instant, serial: u64) {
        let Some(relation) = self.relation(serial) else {
            return;
        };
        match relation.pending {
            Some((_, Notify::Confirmable)) => {
                relation.busy = true;
                self.send_confirmable(cx, now, Queued::Notification(serial));
            }
            Some((_, Notify::NonConfirmable)) => {
                if let Some(bytes) = self.encode_notification(cx, now, serial, Type::NonConfirmable)
                    && let Some(mid) = self.send_non(cx, now, bytes)
                {
                    self.notification_sent(serial, mid);
                }
            }
            None => {}
        }
    }

    /// An error is the last message of a relation (RFC 7641 §3.2).
    fn notify_error(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        serial: u64,
        response: Response,
        how: Notify,
    ) -> Result<(), StaleRelation> {
        let token = self.relation(serial).ok_or(StaleRelation)?.token;
        self.end_relation(cx, serial, RelationEnd::ErrorSent);
        let ty = match how {
            Notify::Confirmable => Type::Confirmable,
            Notify::NonConfirmable => Type::NonConfirmable,
        };
        let mut response = response;
        response.options.remove(OptionNumber::OBSERVE);
        let parts = Parts {
            code: response.code,
            token,
            options: &response.options,
            payload: &response.payload,
        };
        let bytes = parts.encode(ty, 0, self.info.max_datagram);
        // Without its text when that does not fit.
        let bytes = bytes.or_else(|| {
            Parts {
                payload: &[],
                ..parts
            }
            .encode(ty, 0, self.info.max_datagram)
        });
        match (bytes, how) {
            (Some(bytes), Notify::Confirmable) => {
                let message = Queued::Message {
                    owner: Owner::Response,
                    bytes,
                    allowance: None,
                };
                self.send_confirmable(cx, now, message);
            }
            (Some(bytes), Notify::NonConfirmable) => {
                self.send_non(cx, now, bytes);
            }
            (None, _) => cx.stats.dropped = cx.stats.dropped.wrapping_add(1),
        }
        self.pump(cx, now);
        Ok(())
    }

    /// The Confirmable message for the pending state, now that its turn has come.
    pub(crate) fn encode_pending(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        serial: u64,
    ) -> Option<Vec<u8>> {
        let bytes = self.encode_notification(cx, now, serial, Type::Confirmable);
        if bytes.is_none()
            && let Some(relation) = self.relation(serial)
        {
            relation.busy = false;
        }
        bytes
    }

    /// A newer state to send instead of repeating the one under way, with the message id it gets.
    pub(crate) fn superseding(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        serial: u64,
    ) -> Option<(u16, Vec<u8>)> {
        self.relation(serial)?.pending.as_ref()?;
        let lifetime = cx.exchange_lifetime;
        if self.mids.exhausted(now, lifetime) {
            return None;
        }
        let mut bytes = self.encode_notification(cx, now, serial, Type::Confirmable)?;
        let mid = self.mids.take(now, lifetime)?;
        crate::shared::set_message_id(&mut bytes, mid);
        self.notification_sent(serial, mid);
        Some((mid, bytes))
    }

    /// Encodes the pending state, which is pending no more.
    fn encode_notification(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        serial: u64,
        ty: Type,
    ) -> Option<Vec<u8>> {
        let relation = self.relation(serial)?;
        let (response, _) = relation.pending.take()?;
        let fresh = sequence_at(now);
        let next = relation.sequence.wrapping_add(1) & 0xff_ffff;
        relation.sequence = if is_newer(next, fresh) { fresh } else { next };
        let (token, key, sequence) = (relation.token, relation.key, relation.sequence);
        let asked = relation.block2.map(|block| Block::first(block.size()));
        let code = response.code;
        let Cut {
            mut options,
            payload,
        } = if response.payload.is_empty() {
            Cut {
                options: response.options,
                payload: response.payload,
            }
        } else {
            self.cut(cx, now, key, asked, response)?
        };
        options.set_uint(OptionNumber::OBSERVE, sequence);
        let parts = Parts {
            code,
            token,
            options: &options,
            payload: &payload,
        };
        parts.encode(ty, 0, self.info.max_datagram)
    }

    pub(crate) fn notification_acknowledged(&mut self, cx: &mut Shared, now: Instant, serial: u64) {
        let at = now + cx.config.observe.confirm_interval;
        if let Some(relation) = self.relation(serial) {
            relation.busy = false;
            relation.due = false;
            relation.confirmed_at = now;
            cx.wheel.reset(relation.timer, at);
            self.send_pending(cx, now, serial);
        }
    }

    pub(crate) fn notification_unacknowledged(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        serial: u64,
    ) {
        let Some(relation) = self.relation(serial) else {
            return;
        };
        relation.busy = false;
        if cx.config.observe.keep_on_timeout {
            let relation = RelationId::new(self.peer, serial);
            let peer = self.peer;
            cx.event(Event::NotificationUnacknowledged { relation, peer });
            self.send_pending(cx, now, serial);
        } else {
            self.end_relation(cx, serial, RelationEnd::NoAcknowledgement);
        }
    }

    pub(crate) fn notification_rejected(&mut self, cx: &mut Shared, serial: u64) {
        self.end_relation(cx, serial, RelationEnd::Reset);
    }

    /// The relation had no acknowledged notification for the interval, or for the grace time after it.
    pub(crate) fn relation_overdue(&mut self, cx: &mut Shared, now: Instant, serial: u64) {
        let timer = self.timer(TimerKind::Relation(serial));
        let peer = self.peer;
        let Some(relation) = self.relation(serial) else {
            return;
        };
        if relation.due && !relation.busy {
            return self.end_relation(cx, serial, RelationEnd::Unconfirmed);
        }
        if !relation.due {
            relation.due = true;
            let relation = RelationId::new(peer, serial);
            cx.event(Event::RelationDue { relation, peer });
        }
        let at = now + cx.config.observe.confirm_grace;
        if let Some(relation) = self.relation(serial) {
            relation.timer = cx.wheel.set(at, timer);
        }
    }

    /// Ends a relation and says why.
    pub(crate) fn end_relation(&mut self, cx: &mut Shared, serial: u64, why: RelationEnd) {
        if self.forget_relation(cx, serial) {
            cx.event(Event::RelationEnded {
                relation: RelationId::new(self.peer, serial),
                peer: self.peer,
                why,
            });
        }
    }

    /// Ends a relation without a word; `false` when it has ended before.
    pub(crate) fn forget_relation(&mut self, cx: &mut Shared, serial: u64) -> bool {
        let Some(index) = self
            .relations
            .iter()
            .position(|relation| relation.serial == serial)
        else {
            return false;
        };
        let relation = self.relations.swap_remove(index);
        cx.wheel.cancel(relation.timer);
        cx.tables.relations = cx.tables.relations.saturating_sub(1);
        self.withdraw(cx, Owner::Notification(serial));
        true
    }

    pub(crate) fn clear_relations(&mut self, cx: &mut Shared) {
        while let Some(serial) = self.relations.first().map(|relation| relation.serial) {
            self.end_relation(cx, serial, RelationEnd::PeerClosed);
        }
    }
}

/// A sequence number that follows the time, so that it goes on growing when a client observes again
/// with the token it had before. 61 in a second are far from the 2²³ in 256 s of RFC 7641 §4.4.
fn sequence_at(now: Instant) -> u32 {
    u32::try_from(now.as_micros() >> 14 & 0xff_ffff).unwrap_or_default()
}

/// Whether `b` is newer than `a` by number alone.
pub(crate) fn is_newer(a: u32, b: u32) -> bool {
    a != b && b.wrapping_sub(a) & 0xff_ffff < 1 << 23
}
