//! From a datagram to whoever it is for.

use alloc::boxed::Box;

use sansio::{Instant, Peer};

use super::{Datagram, Due, Endpoint, FATAL, WARNING};
use crate::codec::Reader;
use crate::cookie::{Covered, LONG};
use crate::handshake::{DTLS_1_0, Machine, ServerStart, kind};
use crate::reassembly::Fragment;
use crate::record::{self, ContentType, Kept, Record, split_record};
use crate::session::{PROVEN, hello};
use crate::slab::Entry;
use crate::transcript::{HEADER, header};
use crate::{Alert, ClientHello, CloseReason, Event, Path, Role};

impl Endpoint {
    /// Reads the records of a datagram. Handshakes go on by themselves; application data is opened in place and
    /// returned, a record at a time: call again until `None`.
    ///
    /// What is not genuine, not new or for nobody is counted and dropped.
    pub fn handle_datagram<'a>(
        &mut self,
        now: Instant,
        datagram: &mut Datagram<'a>,
    ) -> Option<(Peer, &'a mut [u8])> {
        let cid_len = usize::from(self.config.connection_id.len());
        loop {
            if datagram.rest.is_empty() {
                return None;
            }
            let Some(record) = split_record(&mut datagram.rest, cid_len) else {
                self.stats.dropped += 1;
                return None;
            };
            let path = datagram.path;
            let data = match record.epoch {
                0 => {
                    self.handle_plain(now, path, record);
                    None
                }
                1 => self.handle_sealed(now, path, record),
                _ => {
                    self.stats.dropped += 1;
                    None
                }
            };
            if data.is_some() {
                return data;
            }
        }
    }

    fn handle_plain(&mut self, now: Instant, path: Path, record: Record<'_>) {
        let content_type = record.content_type;
        let sequence = record.sequence;
        let body = record.into_fragment();
        if content_type == ContentType::HANDSHAKE && body.first() == Some(&kind::CLIENT_HELLO) {
            self.handle_hello(now, path, sequence, body);
            return;
        }
        match self.find_handshake(path) {
            Some(number) => self.drive(now, number, |machine, cx| {
                machine.handle_plain(cx, content_type, body)
            }),
            // Without a handshake nothing of epoch 0 means anything: not to a session either.
            None => self.stats.dropped += 1,
        }
    }

    /// A ClientHello, or a fragment of one. Nothing is remembered of it before it shows a good cookie.
    fn handle_hello(&mut self, now: Instant, path: Path, sequence: u64, body: &[u8]) {
        let dropped = self.stats.dropped + 1;
        let Ok(fragment) = Fragment::decode(&mut Reader::new(body)) else {
            self.stats.dropped = dropped;
            return;
        };
        let running = self.find_handshake(path).filter(|&number| {
            self.slab
                .machine(number)
                .is_some_and(|machine| machine.role == Role::Server)
        });
        if fragment.offset > 0 {
            match running {
                Some(number) => self.feed(now, number, body),
                None => self.stats.dropped = dropped,
            }
            return;
        }
        let Some(suites) = self.suites.clone() else {
            self.stats.dropped = dropped;
            return;
        };
        let Ok(covered) = Covered::decode(fragment.bytes, fragment.is_whole()) else {
            self.stats.dropped = dropped;
            return;
        };
        if fragment.total > self.config.max_message || sequence > HIGHEST_FIRST_RECORD {
            self.stats.dropped = dropped;
            return;
        }
        if let Some(number) = running
            && self
                .slab
                .machine(number)
                .is_some_and(|machine| machine.client_random == *covered.random)
            && !covered.cookie.is_empty()
        {
            self.feed(now, number, body);
            return;
        }
        if !self.cookies.check(now, path, &covered) {
            // A whole hello that no handshake could come of deserves no answer.
            let hopeless = fragment.is_whole()
                && ClientHello::decode(fragment.bytes)
                    .is_err_and(|alert| alert != Alert::PROTOCOL_VERSION);
            if hopeless || self.replies >= self.config.replies {
                self.stats.dropped = dropped;
                return;
            }
            self.send_cookie(now, path, sequence, fragment.sequence, &covered);
            return;
        }
        self.stats.cookies_good += 1;
        if self.remembers(path, covered.random) {
            self.stats.dropped = dropped;
            return;
        }
        if let Some(number) = self.find_handshake(path)
            && let Some(mut machine) = self.slab.take_machine(number)
        {
            self.fail(number, &mut machine, super::cancelled());
        }
        let own_cid = self.fresh_cid();
        let start = ServerStart {
            path,
            suites,
            client_random: covered.random,
            message_sequence: fragment.sequence,
            record_sequence: sequence,
            own_cid,
        };
        self.make_room_for_handshake(now);
        let machine = Machine::server(&self.surroundings(now), start);
        if let Some(number) = self.insert_machine(machine) {
            self.feed(now, number, body);
        }
    }

    /// Whether the session at `path` came from this very hello, which somebody sends again.
    fn remembers(&self, path: Path, random: &[u8; 32]) -> bool {
        self.find_session(path)
            .and_then(|number| self.slab.session(number)?.extra.as_ref()?.linger.as_ref())
            .is_some_and(|linger| linger.hello == hello(random))
    }

    fn feed(&mut self, now: Instant, number: u32, body: &[u8]) {
        self.drive(now, number, |machine, cx| {
            machine.handle_plain(cx, ContentType::HANDSHAKE, body)
        });
    }

    fn send_cookie(
        &mut self,
        now: Instant,
        path: Path,
        record_sequence: u64,
        message_sequence: u16,
        covered: &Covered<'_>,
    ) {
        let (cookie, len) = self.cookies.make(now, path, covered);
        let mut message = [0; HEADER + 3 + LONG];
        let used = HEADER + 3 + len;
        let (head, body) = message.split_at_mut(HEADER);
        head.copy_from_slice(&header(
            kind::HELLO_VERIFY_REQUEST,
            message_sequence,
            3 + len,
        ));
        let [major, minor] = DTLS_1_0.to_be_bytes();
        let prefix = [major, minor, u8::try_from(len).unwrap_or_default()];
        for (room, byte) in body.iter_mut().zip(prefix.iter().chain(&cookie)) {
            *room = *byte;
        }
        let mut datagram = [0; record::HEADER + HEADER + 3 + LONG];
        // RFC 6347 §4.2.1: with the hello's record number, so that nothing has to be remembered.
        if let Some(written) = record::write_plain(
            ContentType::HANDSHAKE,
            record_sequence,
            message.get(..used).unwrap_or_default(),
            &mut datagram,
        ) {
            self.stats.cookies_sent += 1;
            self.reply(path, datagram.get(..written).unwrap_or_default());
        }
    }

    pub(super) fn reply(&mut self, path: Path, bytes: &[u8]) {
        if self.replies < self.config.replies {
            self.replies += 1;
            self.due.push_back(Due::Reply {
                path,
                bytes: Box::from(bytes),
            });
        }
    }

    fn handle_sealed<'a>(
        &mut self,
        now: Instant,
        path: Path,
        record: Record<'a>,
    ) -> Option<(Peer, &'a mut [u8])> {
        if record.content_type == ContentType::TLS12_CID {
            let Some(number) = self.find_cid(record.cid()) else {
                self.stats.dropped += 1;
                return None;
            };
            return match self.slab.entry(number) {
                Some(Entry::Session(_)) => self.open(number, path, record).unwrap_or_default(),
                Some(Entry::Handshake(machine)) if machine.path == path => {
                    self.drive(now, number, |machine, cx| machine.handle_sealed(cx, record));
                    None
                }
                _ => {
                    self.stats.dropped += 1;
                    None
                }
            };
        }
        // A peer that was given a connection id uses it.
        let session = self.find_session(path).filter(|&number| {
            self.slab
                .session(number)
                .is_some_and(|session| session.own_cid.is_empty())
        });
        match (session, self.find_handshake(path)) {
            (None, None) => {
                self.stats.dropped += 1;
                None
            }
            (Some(session), None) => self.open(session, path, record).unwrap_or_default(),
            (None, Some(handshake)) => {
                self.drive(now, handshake, |machine, cx| {
                    machine.handle_sealed(cx, record)
                });
                None
            }
            // A client that starts anew: the old keys or the new ones. Opening spoils the record, hence the copy.
            (Some(session), Some(handshake)) => {
                let kept = Kept::new(&record);
                match self.open(session, path, record) {
                    Some(data) => data,
                    None => {
                        if let Some(mut kept) = kept {
                            self.drive(now, handshake, |machine, cx| {
                                machine.handle_sealed(cx, kept.as_record())
                            });
                        }
                        None
                    }
                }
            }
        }
    }

    /// Opens a session's record: `None` where that fails, else its application data, if it has some.
    #[allow(clippy::option_option, reason = "opened or not, and with data or not")]
    fn open<'a>(
        &mut self,
        number: u32,
        path: Path,
        record: Record<'a>,
    ) -> Option<Option<(Peer, &'a mut [u8])>> {
        let session = self.slab.session_mut(number)?;
        let sequence = record.sequence;
        if !session.window.check(sequence) {
            self.stats.replayed += 1;
            return None;
        }
        let len = record.len();
        let Ok((content_type, plaintext)) = session.keys.open(record) else {
            self.stats.bad_records += 1;
            return None;
        };
        self.stats.opened += 1;
        let newest = session.window.accept(sequence);
        session.referenced = true;
        session.age = 0;
        let from = session.path;
        if from == path {
            if newest {
                session.unproven = PROVEN;
            }
        } else if newest {
            // RFC 9146 §6: an authenticated record, newer than all before. Until the next one, no more goes there
            // than three times what came.
            session.unproven = u32::try_from(len.saturating_mul(3)).unwrap_or(PROVEN);
            self.move_session(number, path);
        }
        let peer = self.slab.peer(number);
        match content_type {
            ContentType::APPLICATION_DATA if !plaintext.is_empty() => {
                return Some(Some((peer, plaintext)));
            }
            ContentType::ALERT => self.handle_alert(number, plaintext),
            ContentType::HANDSHAKE => self.handle_late_message(number, plaintext),
            ContentType::RETURN_ROUTABILITY_CHECK => self.handle_path_check(number, plaintext),
            _ => {}
        }
        Some(None)
    }

    fn handle_alert(&mut self, number: u32, body: &[u8]) {
        let Some(session) = self.slab.session(number) else {
            return;
        };
        let path = session.path;
        let peer = self.slab.peer(number);
        let reason = match *body {
            [WARNING | FATAL, 0] => {
                self.send_alert(number, WARNING, Alert::CLOSE_NOTIFY);
                CloseReason::PeerClosed
            }
            [FATAL, alert] => {
                // RFC 5246 §7.2.2: a session that failed is not resumed.
                let identity = session.identity.clone();
                self.forget_resumptions(&identity);
                CloseReason::Alert(Alert(alert))
            }
            _ => return,
        };
        self.remove_session(number);
        self.events.push_back(Event::Closed { peer, path, reason });
    }

    /// A handshake message under the keys of a session: the peer missed our last flight, or wants to renegotiate.
    fn handle_late_message(&mut self, number: u32, body: &[u8]) {
        let Ok(fragment) = Fragment::decode(&mut Reader::new(body)) else {
            return;
        };
        let peer = self.slab.peer(number);
        let Some(session) = self.slab.session_mut(number) else {
            return;
        };
        match fragment.kind {
            kind::FINISHED => {
                if let Some(linger) = session.linger()
                    && linger.left > 0
                {
                    self.due.push_back(Due::LastFlight(peer));
                }
            }
            // RFC 5246 §7.2.2: refused, and once is enough.
            kind::CLIENT_HELLO
                if session.role == Role::Server && !session.refused_renegotiation =>
            {
                session.refused_renegotiation = true;
                self.send_alert(number, WARNING, Alert::NO_RENEGOTIATION);
            }
            _ => {}
        }
    }
}

/// A hello with a higher record number leaves too few for the answer.
const HIGHEST_FIRST_RECORD: u64 = 1 << 40;
