//! One handshake, of either role: what both have in common.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use sansio::{Instant, Rng, Ticket};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::flight::{Item, Outgoing};
use super::kind;
use crate::cid::Cid;
use crate::codec::Reader;
use crate::prf::prf_sha256;
use crate::reassembly::{Fragment, Reassembly};
use crate::record::{self, ContentType, Kept, Record, RecordKeys, ReplayWindow, Seal};
use crate::resumption::{Remembered, Resumption, SessionId};
use crate::session::FINISHED;
use crate::transcript::{HEADER, Transcript, fragment_header};
use crate::{
    Alert, Answer, CipherSuite, Config, Context, Failure, FailureReason, KeyExchange, Message,
    Path, PeerIdentity, Question, Role, Step, Suites,
};

/// What a handshake may use of its endpoint.
pub(crate) struct Surroundings<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Config,
    pub(crate) rng: &'a mut Rng,
    pub(crate) resumptions: &'a Remembered,
    pub(crate) wall_clock: u64,
    pub(crate) local_secret: &'a [u8; 32],
    /// Bytes that this handshake may keep before their turn.
    pub(crate) buffer_room: usize,
}

/// What must come next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Expect {
    /// Server: a ClientHello that comes in fragments, of which the first showed a cookie.
    ClientHello,
    /// Client: HelloVerifyRequest or ServerHello.
    ServerHello,
    /// Client: this message of the server's flight, or a later one where it may be left out.
    ServerFlight(Stage),
    /// Server, where it asked for one.
    ClientCertificate,
    /// Server.
    ClientKeyExchange,
    /// Server, after a certificate.
    CertificateVerify,
    /// Both, under the new keys, once ChangeCipherSpec has come.
    Finished,
    /// Nothing: the handshake is over.
    Nothing,
}

/// Messages of a server's flight in their order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Stage {
    Certificate,
    ServerKeyExchange,
    CertificateRequest,
    ServerHelloDone,
}

/// What follows when a question is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Then {
    Nothing,
    /// ClientKeyExchange has been read: the keys can be made.
    MakeKeys,
    /// The server's flight is accepted: the client answers it.
    ClientFlight,
}

pub(crate) struct Machine {
    pub(crate) role: Role,
    pub(crate) path: Path,
    pub(crate) suites: Arc<dyn Suites>,
    pub(crate) expect: Expect,
    pub(crate) key_exchange: Option<Box<dyn KeyExchange>>,
    pub(crate) client_random: [u8; 32],
    pub(crate) server_random: [u8; 32],
    pub(crate) session_id: SessionId,
    pub(crate) server_name: Option<Box<str>>,
    pub(crate) suite: CipherSuite,
    pub(crate) extended_master_secret: bool,
    pub(crate) encrypt_then_mac: bool,
    pub(crate) return_routability: bool,
    pub(crate) connection_ids: bool,
    pub(crate) max_plaintext: u16,
    pub(crate) own_cid: Cid,
    pub(crate) peer_cid: Cid,
    pub(crate) client_authentication: bool,
    pub(crate) transcript: Transcript,
    pub(crate) incoming: Reassembly,
    pub(crate) outgoing: Outgoing,
    /// The number of the next record in epoch 0, of the next message, of the next record in epoch 1.
    pub(crate) next_plain: u64,
    pub(crate) next_message: u16,
    pub(crate) next_sealed: u64,
    pub(crate) keys: Option<RecordKeys>,
    pub(crate) window: ReplayWindow,
    pub(crate) master: Zeroizing<[u8; 48]>,
    pub(crate) cipher_changed: bool,
    pub(crate) early: Vec<Kept>,
    pub(crate) ask: Option<Question>,
    pub(crate) then: Option<Then>,
    pub(crate) ticket: Option<Ticket>,
    pub(crate) resume: Option<Resumption>,
    pub(crate) resumed: bool,
    pub(crate) hello_verifies: u8,
    pub(crate) deadline: Instant,
    pub(crate) resend_at: Option<Instant>,
    pub(crate) suspect_at: Option<Instant>,
    wait: Duration,
    pub(crate) losses: u8,
    pub(crate) repeats: u8,
    /// Where it stands in the endpoint's list of handshakes.
    pub(crate) listed: usize,
    /// Whether its flight waits to be polled.
    pub(crate) queued: bool,
    pub(crate) timer: Option<sansio::TimerId>,
}

impl Machine {
    pub(crate) fn new(
        cx: &Surroundings<'_>,
        role: Role,
        path: Path,
        suites: Arc<dyn Suites>,
        own_cid: Cid,
    ) -> Self {
        Self {
            role,
            path,
            suites,
            expect: Expect::Nothing,
            key_exchange: None,
            client_random: [0; 32],
            server_random: [0; 32],
            session_id: SessionId::EMPTY,
            server_name: None,
            suite: CipherSuite(0),
            extended_master_secret: false,
            encrypt_then_mac: false,
            return_routability: false,
            connection_ids: false,
            max_plaintext: MAX_PLAINTEXT,
            own_cid,
            peer_cid: Cid::EMPTY,
            client_authentication: false,
            transcript: Transcript::default(),
            incoming: Reassembly::new(0),
            outgoing: Outgoing::default(),
            next_plain: 0,
            next_message: 0,
            next_sealed: 0,
            keys: None,
            window: ReplayWindow::default(),
            master: Zeroizing::new([0; 48]),
            cipher_changed: false,
            early: Vec::new(),
            ask: None,
            then: None,
            ticket: None,
            resume: None,
            resumed: false,
            hello_verifies: 0,
            deadline: cx.now + cx.config.handshake_timeout,
            resend_at: None,
            suspect_at: None,
            wait: cx.config.first_wait,
            losses: 0,
            repeats: cx.config.repeats,
            listed: 0,
            queued: false,
            timer: None,
        }
    }

    /// Whether the peer's Finished was verified and ours is written.
    pub(crate) fn is_done(&self) -> bool {
        self.expect == Expect::Nothing
    }

    /// Who the peer claims, or has proven, to be.
    pub(crate) fn peer(&self) -> Option<PeerIdentity> {
        match (&self.key_exchange, &self.resume) {
            (Some(suite), _) => Some(suite.peer()),
            (None, Some(resume)) if self.resumed => Some(resume.identity.clone()),
            _ => None,
        }
    }

    /// What either side remembers, to go on with the session later.
    pub(crate) fn resumption(&self, identity: &PeerIdentity) -> Resumption {
        Resumption {
            session_id: self.session_id,
            suite: self.suite,
            extended_master_secret: self.extended_master_secret,
            server_name: self.server_name.clone(),
            master: self.master.clone(),
            identity: identity.clone(),
        }
    }

    /// A record of epoch 0.
    pub(crate) fn handle_plain(
        &mut self,
        cx: &mut Surroundings<'_>,
        content_type: ContentType,
        body: &[u8],
    ) -> Result<(), Failure> {
        match content_type {
            ContentType::HANDSHAKE => self.handle_fragments(cx, body, false),
            // It says nothing and proves nothing: what counts is that it came before Finished.
            ContentType::CHANGE_CIPHER_SPEC if body == [1] => {
                if self.expect != Expect::ServerHello {
                    self.cipher_changed = true;
                }
                self.try_early(cx)
            }
            ContentType::ALERT => read_alert(body),
            _ => Ok(()),
        }
    }

    /// A record of epoch 1.
    pub(crate) fn handle_sealed(
        &mut self,
        cx: &mut Surroundings<'_>,
        record: Record<'_>,
    ) -> Result<(), Failure> {
        let ready = self.expect == Expect::Finished && self.cipher_changed && self.then.is_none();
        let Some(keys) = self.keys.as_ref().filter(|_| ready) else {
            self.keep_early(&record);
            return Ok(());
        };
        let sequence = record.sequence;
        let with_cid = record.content_type == ContentType::TLS12_CID;
        if with_cid != (self.connection_ids && !self.own_cid.is_empty())
            || !self.window.check(sequence)
        {
            return Ok(());
        }
        let Ok((content_type, plaintext)) = keys.open(record) else {
            // A forgery, or a peer with another key: time tells.
            let repeats_by = cx.config.first_wait + cx.config.first_wait / 4;
            let at = cx.now + cx.config.wrong_key_wait.max(repeats_by);
            self.suspect_at.get_or_insert(at);
            return Ok(());
        };
        self.window.accept(sequence);
        match content_type {
            ContentType::HANDSHAKE => self.handle_fragments(cx, plaintext, true),
            ContentType::ALERT => read_alert(plaintext),
            // Application data before Finished is never delivered.
            _ => Ok(()),
        }
    }

    /// Keeps a record that may be a Finished before its turn: the newest few, so that one that is none does not
    /// displace it.
    fn keep_early(&mut self, record: &Record<'_>) {
        let content_type = record.content_type;
        if (content_type != ContentType::HANDSHAKE && content_type != ContentType::TLS12_CID)
            || !(FINISHED..=MAX_EARLY).contains(&record.len())
        {
            return;
        }
        if self.early.len() >= MAX_EARLY_RECORDS {
            self.early.remove(0);
        }
        self.early.extend(Kept::new(record));
    }

    /// Finished may have overtaken what it follows.
    fn try_early(&mut self, cx: &mut Surroundings<'_>) -> Result<(), Failure> {
        if self.expect != Expect::Finished || !self.cipher_changed || self.then.is_some() {
            return Ok(());
        }
        for mut early in core::mem::take(&mut self.early) {
            self.handle_sealed(cx, early.as_record())?;
        }
        Ok(())
    }

    fn handle_fragments(
        &mut self,
        cx: &mut Surroundings<'_>,
        body: &[u8],
        sealed: bool,
    ) -> Result<(), Failure> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            // What cannot be a fragment is noise: dropped, with what follows it.
            let Ok(fragment) = Fragment::decode(&mut reader) else {
                return Ok(());
            };
            // RFC 5246 §7.4.1.1: ignored during a handshake, of which it is no part.
            if fragment.kind == kind::HELLO_REQUEST {
                continue;
            }
            // Finished comes under the new keys, everything else before them.
            if (fragment.kind == kind::FINISHED) != sealed {
                continue;
            }
            if self.incoming.is_old(&fragment) {
                // A second HelloVerifyRequest says that our first hello came twice, not that the second is lost.
                if fragment.kind != kind::HELLO_VERIFY_REQUEST {
                    self.repeat();
                }
                continue;
            }
            let paused = self.then.is_some();
            if !paused && self.incoming.is_next(&fragment) {
                self.incoming.advance();
                self.handle_message(cx, fragment.kind, fragment.sequence, fragment.bytes)?;
            } else {
                let room = cx.config.max_buffered.min(cx.buffer_room);
                self.incoming.keep(&fragment, cx.config.max_message, room);
            }
            self.take_kept(cx)?;
        }
        Ok(())
    }

    fn take_kept(&mut self, cx: &mut Surroundings<'_>) -> Result<(), Failure> {
        while self.then.is_none() && self.expect != Expect::Nothing {
            let Some(whole) = self.incoming.take() else {
                return Ok(());
            };
            self.handle_message(cx, whole.kind, whole.sequence, &whole.body)?;
        }
        Ok(())
    }

    fn handle_message(
        &mut self,
        cx: &mut Surroundings<'_>,
        kind: u8,
        sequence: u16,
        body: &[u8],
    ) -> Result<(), Failure> {
        match self.expect {
            Expect::Finished if kind == kind::FINISHED => {
                self.read_finished(cx, sequence, body)?;
            }
            Expect::ServerHello | Expect::ServerFlight(_) => {
                self.handle_server_message(cx, kind, sequence, body)?;
            }
            Expect::ClientHello
            | Expect::ClientCertificate
            | Expect::ClientKeyExchange
            | Expect::CertificateVerify => {
                self.handle_client_message(cx, kind, sequence, body)?;
            }
            Expect::Finished | Expect::Nothing => return Err(Alert::UNEXPECTED_MESSAGE.into()),
        }
        self.try_early(cx)
    }

    fn read_finished(
        &mut self,
        cx: &mut Surroundings<'_>,
        sequence: u16,
        body: &[u8],
    ) -> Result<(), Failure> {
        let peer = match self.role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        let expected = self.transcript.verify_data(peer, self.master.as_slice());
        if !bool::from(expected.as_slice().ct_eq(body)) {
            return Err(Failure::new(
                Alert::DECRYPT_ERROR,
                FailureReason::BadSignature,
            ));
        }
        self.transcript.add(kind::FINISHED, sequence, body);
        self.expect = Expect::Nothing;
        self.resend_at = None;
        // Whoever spoke first under the new keys has nothing more to say.
        let answers = match self.role {
            Role::Server => !self.resumed,
            Role::Client => self.resumed,
        };
        if answers {
            self.begin_flight(cx);
            self.push_finished();
        }
        Ok(())
    }

    /// Reads a message by the suite; it becomes part of the transcript afterwards.
    pub(crate) fn read_by_suite(
        &mut self,
        cx: &mut Surroundings<'_>,
        message: Message,
        sequence: u16,
        body: &[u8],
        then: Then,
    ) -> Result<(), Failure> {
        let step = self.with_suite(cx, |suite, cx| suite.read(message, body, cx))?;
        self.transcript.add(kind::of(message), sequence, body);
        self.follow(cx, step, then)
    }

    pub(crate) fn write_by_suite(
        &mut self,
        cx: &mut Surroundings<'_>,
        message: Message,
    ) -> Result<(), Failure> {
        let mut body = Vec::new();
        self.with_suite(cx, |suite, cx| suite.write(message, cx, &mut body))?;
        self.push_message(kind::of(message), &body);
        Ok(())
    }

    pub(crate) fn with_suite<T>(
        &mut self,
        cx: &mut Surroundings<'_>,
        act: impl FnOnce(&mut dyn KeyExchange, &mut Context<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Some(mut suite) = self.key_exchange.take() else {
            return Err(Alert::INTERNAL_ERROR.into());
        };
        let mut context = Context {
            role: self.role,
            client_random: &self.client_random,
            server_random: &self.server_random,
            transcript: self.transcript.bytes(),
            server_name: self.server_name.as_deref(),
            wall_clock: cx.wall_clock,
            local_secret: cx.local_secret,
            rng: cx.rng,
        };
        let result = act(&mut *suite, &mut context);
        self.key_exchange = Some(suite);
        result
    }

    /// Goes on, or waits for the answer to a question.
    pub(crate) fn follow(
        &mut self,
        cx: &mut Surroundings<'_>,
        step: Step,
        then: Then,
    ) -> Result<(), Failure> {
        match step {
            Step::Ask(question) => {
                self.ask = Some(question);
                self.then = Some(then);
                self.resend_at = None;
                Ok(())
            }
            Step::Done => match then {
                Then::Nothing => Ok(()),
                Then::MakeKeys => self.make_keys(),
                Then::ClientFlight => self.write_client_flight(cx),
            },
        }
    }

    /// The application's answer came.
    pub(crate) fn answer(
        &mut self,
        cx: &mut Surroundings<'_>,
        answer: Answer,
    ) -> Result<(), Failure> {
        let Some(then) = self.then.take() else {
            return Ok(());
        };
        let step = self.with_suite(cx, |suite, cx| suite.answer(answer, cx))?;
        self.follow(cx, step, then)?;
        self.take_kept(cx)?;
        self.try_early(cx)
    }

    /// Makes the master secret and the keys, once ClientKeyExchange is part of the transcript.
    pub(crate) fn make_keys(&mut self) -> Result<(), Failure> {
        let premaster = match &mut self.key_exchange {
            Some(suite) => suite.premaster()?,
            None => return Err(Alert::INTERNAL_ERROR.into()),
        };
        if self.extended_master_secret {
            // RFC 7627 §4: over the messages up to and with ClientKeyExchange.
            let hash = self.transcript.hash();
            prf_sha256(
                premaster.expose(),
                b"extended master secret",
                &[&hash],
                self.master.as_mut_slice(),
            );
        } else {
            prf_sha256(
                premaster.expose(),
                b"master secret",
                &[&self.client_random, &self.server_random],
                self.master.as_mut_slice(),
            );
        }
        self.derive_keys()
    }

    pub(crate) fn derive_keys(&mut self) -> Result<(), Failure> {
        let Some(cipher) = self.suite.cipher() else {
            return Err(Alert::INTERNAL_ERROR.into());
        };
        self.keys = Some(RecordKeys::derive(
            cipher,
            self.encrypt_then_mac,
            self.role,
            &self.master,
            &self.client_random,
            &self.server_random,
        ));
        Ok(())
    }

    pub(crate) fn begin_flight(&mut self, cx: &Surroundings<'_>) {
        self.outgoing.begin();
        self.wait = cx.config.first_wait;
        self.resend_at = Some(cx.now + self.wait);
    }

    pub(crate) fn push_message(&mut self, kind: u8, body: &[u8]) {
        let sequence = self.next_message;
        self.next_message = self.next_message.saturating_add(1);
        let at = self.transcript.add(kind, sequence, body);
        self.outgoing.push(Item::Message {
            at,
            sealed: kind == kind::FINISHED,
        });
    }

    /// ChangeCipherSpec and Finished.
    pub(crate) fn push_finished(&mut self) {
        self.outgoing.push(Item::ChangeCipherSpec);
        let data = self
            .transcript
            .verify_data(self.role, self.master.as_slice());
        self.push_message(kind::FINISHED, &data);
    }

    /// The peer repeats itself: it has not heard our flight, which goes out once more.
    pub(crate) fn repeat(&mut self) {
        if self.repeats > 0 && !self.outgoing.is_sending() && self.resend_at.is_some() {
            self.repeats -= 1;
            self.outgoing.restart();
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn next_timeout(&self) -> Instant {
        [self.resend_at, self.suspect_at]
            .into_iter()
            .flatten()
            .fold(self.deadline, Instant::min)
    }

    pub(crate) fn handle_timeout(&mut self, cx: &mut Surroundings<'_>) -> Result<(), Failure> {
        let now = cx.now;
        if self.suspect_at.is_some_and(|at| at <= now) {
            return Err(match &self.key_exchange {
                Some(suite) => suite.finished_mismatch(),
                None => Failure::new(Alert::DECRYPT_ERROR, FailureReason::BadSignature),
            });
        }
        if self.deadline <= now {
            return Err(Failure::new(Alert::USER_CANCELED, FailureReason::TimedOut));
        }
        if self.resend_at.is_some_and(|at| at <= now) {
            self.wait = self.wait.saturating_mul(2).min(cx.config.longest_wait);
            self.resend_at = Some(now + self.wait);
            self.losses = self.losses.saturating_add(1);
            self.outgoing.restart();
        }
        Ok(())
    }

    /// Writes the next datagram of the flight into `out`; 0 where there is nothing or no room.
    pub(crate) fn write_datagram(&mut self, rng: &mut Rng, limit: usize, out: &mut [u8]) -> usize {
        // RFC 6347 §4.1.1.1: after repeated losses, datagrams that pass everywhere.
        let limit = if self.losses >= 2 {
            limit.min(SAFE_DATAGRAM)
        } else {
            limit
        };
        let room = out.len().min(limit);
        let mut used = 0;
        while let Some(space) = out.get_mut(used..room) {
            let Some(len) = self.write_record(rng, space, used == 0) else {
                break;
            };
            used += len;
        }
        if used == 0 {
            // A record that cannot be cut may be longer than the limit.
            return self.write_record(rng, out, true).unwrap_or_default();
        }
        used
    }

    /// Writes one record of the flight, as long as fits; a fragment of a few bytes only where nothing else
    /// stands in the datagram.
    fn write_record(&mut self, rng: &mut Rng, out: &mut [u8], first: bool) -> Option<usize> {
        let (item, offset) = self.outgoing.current()?;
        let Item::Message { at, sealed } = item.clone() else {
            let len =
                record::write_plain(ContentType::CHANGE_CIPHER_SPEC, self.next_plain, &[1], out)?;
            self.next_plain = self.next_plain.saturating_add(1);
            self.outgoing.sent(0, true);
            return Some(len);
        };
        let message = self.transcript.bytes().get(at)?;
        let (head, body) = message.split_at_checked(HEADER)?;
        let &[kind, _, _, _, high, low, ..] = head else {
            return None;
        };
        let rest = body.get(offset..)?;
        // Only Finished is sealed, and it is never cut.
        let room = if sealed {
            rest.len()
        } else {
            out.len()
                .checked_sub(record::HEADER + HEADER)?
                .min(usize::from(self.max_plaintext).saturating_sub(HEADER))
        };
        let len = rest.len().min(room);
        if len < rest.len() && (len == 0 || len < MIN_FRAGMENT && !first) {
            return None;
        }
        let sequence = u16::from_be_bytes([high, low]);
        let mut plaintext = Vec::with_capacity(HEADER + len);
        plaintext.extend(fragment_header(kind, body.len(), sequence, offset, len));
        plaintext.extend(rest.get(..len)?);
        let whole = len == rest.len();
        let written = if sealed {
            let keys = self.keys.as_ref()?;
            let seal = Seal {
                epoch: 1,
                sequence: self.next_sealed,
                content_type: ContentType::HANDSHAKE,
                cid: self.peer_cid.as_slice(),
                iv: keys.fresh_iv(rng),
            };
            let written = keys.seal_into(&seal, &plaintext, out).ok()?;
            self.next_sealed = self.next_sealed.saturating_add(1);
            written
        } else {
            let written =
                record::write_plain(ContentType::HANDSHAKE, self.next_plain, &plaintext, out)?;
            self.next_plain = self.next_plain.saturating_add(1);
            written
        };
        self.outgoing.sent(len, whole);
        Some(written)
    }
}

/// A fatal alert ends a handshake, and so does close_notify, after which nothing comes (RFC 5246 §7.2.1); other
/// warnings say nothing that matters.
const fn read_alert(body: &[u8]) -> Result<(), Failure> {
    match *body {
        [FATAL, alert] | [WARNING, alert @ 0] => Err(Failure::new(
            Alert(alert),
            FailureReason::PeerAlert(Alert(alert)),
        )),
        _ => Ok(()),
    }
}

pub(crate) const WARNING: u8 = 1;
pub(crate) const FATAL: u8 = 2;
/// RFC 5246 §6.2.1.
const MAX_PLAINTEXT: u16 = 1 << 14;
/// The longest record that is kept because it came too early: a Finished.
const MAX_EARLY: usize = 256;
/// How many of them.
const MAX_EARLY_RECORDS: usize = 4;
/// Not worth a record beside others.
const MIN_FRAGMENT: usize = 32;
/// IPv4's smallest reassembly buffer, less IP and UDP headers.
const SAFE_DATAGRAM: usize = 548;
