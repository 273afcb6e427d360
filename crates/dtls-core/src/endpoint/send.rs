//! What goes out.

use sansio::{DatagramBuf, Instant, Peer};

use super::{Due, Endpoint};
use crate::record::{self, ContentType, Seal};
use crate::session::PROVEN;
use crate::{Alert, CloseReason, Event, Path, SealError, Transmit};

impl Endpoint {
    /// Makes what stands in `buf` one record of application data for `peer`, in place, and tells where it goes.
    /// `buf` needs [`HEADROOM`](Self::HEADROOM) and [`TAILROOM`](Self::TAILROOM). Allocates nothing.
    ///
    /// # Errors
    /// [`SealError`]; `buf` is then to be cleared.
    pub fn seal(&mut self, peer: Peer, buf: &mut DatagramBuf<'_>) -> Result<Path, SealError> {
        let session = self.slab.session_of(peer).ok_or(SealError::NotConnected)?;
        let len = buf.bytes().len();
        if len > usize::from(session.max_plaintext) {
            return Err(SealError::TooLong);
        }
        if session.next_sealed >= session.sealed_limit {
            return Err(SealError::Exhausted);
        }
        if session.unproven != PROVEN {
            let cost = u32::try_from(len.saturating_add(ENVELOPE)).unwrap_or(PROVEN);
            session.unproven = session
                .unproven
                .checked_sub(cost)
                .ok_or(SealError::Unproven)?;
        }
        let seal = Seal {
            content_type: ContentType::APPLICATION_DATA,
            epoch: 1,
            sequence: session.next_sealed,
            cid: session.peer_cid.as_slice(),
            iv: session.keys.fresh_iv(&mut self.rng),
        };
        session
            .keys
            .seal(&seal, buf)
            .map_err(|_| SealError::NoRoom)?;
        session.next_sealed += 1;
        let path = session.path;
        let left = session.sealed_limit - session.next_sealed;
        if left == u64::from(self.config.save_lease / 2)
            && session.sealed_limit < record::SEQUENCE_LIMIT
        {
            self.events.push_back(Event::SaveDue { peer });
        }
        if session.next_sealed >= record::SEQUENCE_LIMIT {
            // RFC 6347 §4.1: numbers never come around.
            self.remove_session(peer.slot());
            self.events.push_back(Event::Closed {
                peer,
                path,
                reason: CloseReason::Exhausted,
            });
        }
        self.stats.sealed += 1;
        Ok(path)
    }

    /// The next datagram of a handshake, or an answer to a stranger, written into `out`.
    pub fn poll_transmit(&mut self, _now: Instant, out: &mut DatagramBuf<'_>) -> Option<Transmit> {
        out.clear();
        while let Some(due) = self.due.front() {
            match due {
                Due::Reply { path, bytes } => {
                    let path = *path;
                    let len = bytes.len();
                    let fits = match out.space().get_mut(..len) {
                        Some(room) => {
                            room.copy_from_slice(bytes);
                            true
                        }
                        None => false,
                    };
                    self.due.pop_front();
                    self.replies = self.replies.saturating_sub(1);
                    if fits {
                        out.set_len(len);
                        return Some(Transmit { path, len });
                    }
                }
                &Due::Flight(peer) => {
                    let limit = self.config.max_datagram.max(SHORTEST_DATAGRAM);
                    let machine = match self.slab.is_current(peer) {
                        true => self.slab.machine_mut(peer.slot()),
                        false => None,
                    };
                    let Some(machine) = machine else {
                        self.due.pop_front();
                        continue;
                    };
                    let path = machine.path;
                    let len = machine.write_datagram(&mut self.rng, limit, out.space());
                    if len == 0 || !machine.outgoing.is_sending() {
                        machine.queued = false;
                        self.due.pop_front();
                    }
                    if len > 0 {
                        out.set_len(len);
                        return Some(Transmit { path, len });
                    }
                }
                &Due::LastFlight(peer) => {
                    self.due.pop_front();
                    if let Some((path, len)) = self.write_last_flight(peer, out.space()) {
                        out.set_len(len);
                        return Some(Transmit { path, len });
                    }
                }
            }
        }
        None
    }

    fn write_last_flight(&mut self, peer: Peer, out: &mut [u8]) -> Option<(Path, usize)> {
        let session = self.slab.session_of(peer)?;
        let linger = session.extra.as_mut()?.linger.as_mut()?;
        linger.left = linger.left.checked_sub(1)?;
        let change = record::write_plain(
            ContentType::CHANGE_CIPHER_SPEC,
            linger.next_plain,
            &[1],
            out,
        )?;
        linger.next_plain += 1;
        let finished = linger.finished.bytes();
        let path = session.path;
        let written = self.seal_message(
            peer.slot(),
            ContentType::HANDSHAKE,
            &finished,
            out.get_mut(change..)?,
        )?;
        if let Some(session) = self.slab.session_of(peer)
            && session
                .linger()
                .is_some_and(|linger| linger.timer.is_none())
        {
            session.drop_linger();
        }
        Some((path, change + written))
    }

    /// Seals a short message of this side into `out`.
    fn seal_message(
        &mut self,
        number: u32,
        content_type: ContentType,
        body: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        let session = self.slab.session_mut(number)?;
        if session.next_sealed >= session.sealed_limit {
            return None;
        }
        let seal = Seal {
            content_type,
            epoch: 1,
            sequence: session.next_sealed,
            cid: session.peer_cid.as_slice(),
            iv: session.keys.fresh_iv(&mut self.rng),
        };
        let written = session.keys.seal_into(&seal, body, out).ok()?;
        session.next_sealed += 1;
        Some(written)
    }

    fn send_sealed(&mut self, number: u32, content_type: ContentType, body: &[u8]) {
        let mut out = [0; record::HEADROOM + SHORT_MESSAGE + record::TAILROOM];
        let Some(path) = self.slab.session(number).map(|session| session.path) else {
            return;
        };
        if let Some(written) = self.seal_message(number, content_type, body, &mut out) {
            self.reply(path, out.get(..written).unwrap_or_default());
        }
    }

    pub(super) fn send_alert(&mut self, number: u32, level: u8, alert: Alert) {
        self.send_sealed(number, ContentType::ALERT, &[level, alert.0]);
    }

    /// Asks a new address to prove that it is the peer's, where both know how (RFC 9853 §4).
    pub(super) fn challenge(&mut self, number: u32) {
        let mut cookie = [0; 8];
        self.rng.fill(&mut cookie);
        let Some(session) = self.slab.session_mut(number) else {
            return;
        };
        if !session.return_routability {
            return;
        }
        session.extra.get_or_insert_default().challenge = Some(cookie);
        self.send_path_check(number, PATH_CHALLENGE, cookie);
    }

    /// A path check of the peer, or its answer to ours.
    pub(super) fn handle_path_check(&mut self, number: u32, body: &[u8]) {
        let Some(session) = self.slab.session_mut(number) else {
            return;
        };
        let Some((&kind, cookie)) = body.split_first() else {
            return;
        };
        let Ok(cookie) = <[u8; 8]>::try_from(cookie) else {
            return;
        };
        if !session.return_routability {
            return;
        }
        match kind {
            PATH_CHALLENGE => self.send_path_check(number, PATH_RESPONSE, cookie),
            PATH_RESPONSE => {
                if let Some(extra) = &mut session.extra
                    && extra.challenge == Some(cookie)
                {
                    extra.challenge = None;
                    session.unproven = PROVEN;
                    session.trim();
                }
            }
            _ => {}
        }
    }

    fn send_path_check(&mut self, number: u32, kind: u8, cookie: [u8; 8]) {
        let mut body = [kind; SHORT_MESSAGE];
        if let Some(room) = body.get_mut(1..) {
            room.copy_from_slice(&cookie);
        }
        self.send_sealed(number, ContentType::RETURN_ROUTABILITY_CHECK, &body);
    }
}

/// What a record adds to a plaintext, about.
const ENVELOPE: usize = 37;
/// The longest message that is sent by a session itself: a path check.
const SHORT_MESSAGE: usize = 9;
/// A hello's first fragment with session id and cookie (see [`Config::max_datagram`](crate::Config::max_datagram)).
const SHORTEST_DATAGRAM: usize = 89;
const PATH_CHALLENGE: u8 = 0;
const PATH_RESPONSE: u8 = 1;
