mod idle;
mod lifecycle;
mod receive;
mod saved;
mod send;

pub use saved::RestoreError;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::hash::BuildHasher as _;
use core::net::IpAddr;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use sansio::{Instant, Peer, Rng, Ticket, TimerWheel};

use crate::cid::Cid;
use crate::cookie::Cookies;
use crate::handshake::{ClientStart, Machine, Surroundings};
use crate::record;
use crate::resumption::{Remembered, Resumption, ResumptionCache, Resumptions};
use crate::slab::{Entry, Slab};
use crate::{
    Answer, CipherSuite, Config, ConnectError, Event, Failure, FailureReason, Path, PeerIdentity,
    Role, Stats, Suites, Tables,
};

/// One DTLS 1.2 endpoint for all peers of a socket, or of several: server, client or both at once.
///
/// It does nothing by itself: bytes, time and randomness come in, bytes, deadlines and events come out.
/// After every `handle_*` and call, drain [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event), and ask [`poll_timeout`](Self::poll_timeout) anew.
pub struct Endpoint {
    config: Config,
    suites: Option<Arc<dyn Suites>>,
    rng: Rng,
    wall_clock: u64,
    local_secret: [u8; 32],
    cookies: Cookies,
    resumptions: Remembered,
    slab: Slab,
    hasher: DefaultHashBuilder,
    /// Sessions by address; handshakes by address; both by our connection id.
    sessions: HashTable<u32>,
    handshakes: HashTable<u32>,
    by_cid: HashTable<u32>,
    /// How many sessions there are; a few of them may have lost their address to another.
    held: usize,
    /// The slots of handshakes, in no order, and how many each source has.
    listed: Vec<u32>,
    sources: HashMap<u128, u32>,
    /// Bytes that handshakes keep of messages before their turn.
    buffered: usize,
    timers: TimerWheel<Timer>,
    due: VecDeque<Due>,
    replies: usize,
    events: VecDeque<Event>,
    tickets: HashMap<Ticket, Peer>,
    next_ticket: u64,
    /// Where the search for a silent session goes on.
    hand: u32,
    /// Where the round that ends idle sessions goes on; `None` while there are no rounds.
    round: Option<u32>,
    stats: Stats,
}

#[derive(Clone, Copy, Debug)]
enum Timer {
    Handshake(Peer),
    Linger(Peer),
    Round,
}

/// What waits to be sent.
enum Due {
    /// An answer that nothing is remembered of.
    Reply { path: Path, bytes: Box<[u8]> },
    /// A handshake's flight.
    Flight(Peer),
    /// The last flight, of a session.
    LastFlight(Peer),
}

/// A datagram that is being taken apart.
#[derive(Debug)]
pub struct Datagram<'a> {
    path: Path,
    rest: &'a mut [u8],
}

impl<'a> Datagram<'a> {
    /// What came from `path`.
    pub const fn new(path: Path, bytes: &'a mut [u8]) -> Self {
        Self { path, rest: bytes }
    }
}

/// With what a client connects.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Connect {
    /// The server's name, for server_name (RFC 6066 §3) and for what the suites check. Not an IP address:
    /// such a one may not be sent.
    pub server_name: Option<Box<str>>,
    /// The session to go on with, if the server still has it.
    pub resume: Option<Resumption>,
}

/// A session as it stands.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SessionInfo<'a> {
    /// Where the peer is.
    pub path: Path,
    /// Which side this is.
    pub role: Role,
    /// Who the peer has proven to be.
    pub identity: &'a PeerIdentity,
    /// The suite.
    pub suite: CipherSuite,
    /// Whether the peer addresses this side by a connection id.
    pub connection_id: bool,
    /// The longest plaintext that the peer takes in one record, bytes.
    pub max_plaintext: usize,
    /// Whether the session was restored, and what was received before is not known: demand freshness
    /// before obeying what must not be done twice.
    pub restored: bool,
}

impl Endpoint {
    /// Bytes that [`seal`](Self::seal) needs in front of a plaintext.
    pub const HEADROOM: usize = record::HEADROOM;
    /// Bytes that [`seal`](Self::seal) needs behind a plaintext.
    pub const TAILROOM: usize = record::TAILROOM;

    /// An endpoint that connects, and that also accepts if `server` is given. `rng` has to be seeded by the operating
    /// system, or by a test.
    pub fn new(
        now: Instant,
        config: Config,
        server: Option<Arc<dyn Suites>>,
        mut rng: Rng,
    ) -> Self {
        let cookies = Cookies::new(rng.seed(), config.cookie_lifetime);
        Self {
            local_secret: rng.seed(),
            next_ticket: 0,
            suites: server,
            wall_clock: 0,
            cookies,
            resumptions: Remembered::Own(ResumptionCache::new(
                config.resumptions,
                config.resumption_lifetime,
            )),
            slab: Slab::default(),
            hasher: DefaultHashBuilder::default(),
            sessions: HashTable::new(),
            handshakes: HashTable::new(),
            by_cid: HashTable::new(),
            held: 0,
            listed: Vec::new(),
            sources: HashMap::new(),
            buffered: 0,
            timers: TimerWheel::new(now),
            due: VecDeque::new(),
            replies: 0,
            events: VecDeque::new(),
            tickets: HashMap::new(),
            hand: 0,
            round: None,
            stats: Stats::default(),
            config,
            rng,
        }
    }

    /// Tells the time of day in unix seconds, for the dates of certificates. Without it they are not checked.
    pub const fn handle_wall_clock(&mut self, unix_seconds: u64) {
        self.wall_clock = unix_seconds;
    }

    /// Exchanges what a server accepts; sessions and handshakes that run go on.
    pub fn set_server(&mut self, suites: Option<Arc<dyn Suites>>) {
        self.suites = suites;
    }

    /// Keeps the sessions that clients may go on with there and no longer here, so that they can go on at each endpoint that
    /// does so. Before the first handshake, since what is here is forgotten. [`Config::resumptions`] is not used then.
    pub fn share_resumptions(&mut self, shared: Arc<dyn Resumptions>) {
        self.resumptions = Remembered::Shared(shared);
    }

    /// Begins a handshake as client. A session with the same address stays usable until the new one stands.
    ///
    /// # Errors
    /// One is under way; there is nothing to offer; the random generator is broken.
    pub fn connect(
        &mut self,
        now: Instant,
        path: Path,
        suites: Arc<dyn Suites>,
        connect: Connect,
    ) -> Result<Peer, ConnectError> {
        if self.find_handshake(path).is_some() {
            return Err(ConnectError::Busy);
        }
        if suites.offer().suites.is_empty() {
            return Err(ConnectError::NoSuites);
        }
        let own_cid = self.fresh_cid();
        let start = ClientStart {
            path,
            suites,
            server_name: connect.server_name,
            resume: connect.resume,
            own_cid,
        };
        let machine = Machine::client(&mut self.surroundings(now), start);
        if machine.client_random == [0; 32] {
            return Err(ConnectError::NotRandom);
        }
        let number = self.insert_machine(machine).ok_or(ConnectError::Busy)?;
        self.drive(now, number, |_, _| Ok(()));
        Ok(self.slab.peer(number))
    }

    /// Answers a question. An answer that comes too late does nothing.
    pub fn answer(&mut self, now: Instant, ticket: Ticket, answer: Answer) {
        let Some(peer) = self.tickets.remove(&ticket) else {
            return;
        };
        if !self.slab.is_current(peer) {
            return;
        }
        self.drive(now, peer.slot(), |machine, cx| {
            if machine.ticket != Some(ticket) {
                return Ok(());
            }
            machine.ticket = None;
            machine.answer(cx, answer)
        });
    }

    /// Ends a session with close_notify, or calls a handshake off. No event follows.
    pub fn close(&mut self, peer: Peer) {
        if !self.slab.is_current(peer) {
            return;
        }
        match self.slab.entry(peer.slot()) {
            Some(Entry::Session(_)) => {
                self.send_alert(peer.slot(), WARNING, crate::Alert::CLOSE_NOTIFY);
                self.remove_session(peer.slot());
            }
            Some(Entry::Handshake(_)) => {
                if let Some(machine) = self.slab.take_machine(peer.slot()) {
                    self.drop_machine(peer.slot(), &machine);
                }
            }
            _ => {}
        }
    }

    /// Ends everything that stands on an identity, because its credential is gone: sessions
    /// ([`Event::Closed`] for each), and what is remembered for resumption; handshakes on their way fail. Looks at every session.
    pub fn revoke(&mut self, identity: &PeerIdentity) {
        self.revoke_where(|other| other == identity);
    }

    /// The same for every identity that `ends` says yes to: several at once, or one that has many forms.
    pub fn revoke_where(&mut self, ends: impl Fn(&PeerIdentity) -> bool) {
        self.resumptions.forget_where(&ends);
        for number in 0..self.slab.capacity() {
            match self.slab.entry(number) {
                Some(Entry::Session(session)) if ends(&session.identity) => {
                    let path = session.path;
                    let peer = self.slab.peer(number);
                    self.send_alert(number, FATAL, crate::Alert::ACCESS_DENIED);
                    self.remove_session(number);
                    self.events.push_back(Event::Closed {
                        peer,
                        path,
                        reason: crate::CloseReason::Revoked,
                    });
                }
                Some(Entry::Handshake(machine)) if machine.peer().is_some_and(|it| ends(&it)) => {
                    if let Some(mut machine) = self.slab.take_machine(number) {
                        self.fail(number, &mut machine, cancelled());
                    }
                }
                _ => {}
            }
        }
    }

    /// Forgets what is remembered for resumption under an identity, so that its next handshake proves it anew.
    pub fn forget_resumptions(&mut self, identity: &PeerIdentity) {
        self.resumptions.forget_where(&|other| other == identity);
    }

    /// A session as it stands.
    pub fn session(&self, peer: Peer) -> Option<SessionInfo<'_>> {
        if !self.slab.is_current(peer) {
            return None;
        }
        let session = self.slab.session(peer.slot())?;
        Some(SessionInfo {
            path: session.path,
            role: session.role,
            identity: &session.identity,
            suite: session.suite,
            connection_id: !session.own_cid.is_empty(),
            max_plaintext: usize::from(session.max_plaintext),
            restored: session.restored,
        })
    }

    /// The session at an address, if there is one.
    pub fn peer_at(&self, path: Path) -> Option<Peer> {
        let number = self.find_session(path)?;
        Some(self.slab.peer(number))
    }

    /// What a client needs to go on with this session later.
    pub fn resumption(&self, peer: Peer) -> Option<Resumption> {
        if !self.slab.is_current(peer) {
            return None;
        }
        let session = self.slab.session(peer.slot())?;
        session.extra.as_ref()?.resumption.as_deref().cloned()
    }

    /// Notes that a restored session's peer proved to be fresh.
    pub fn set_fresh(&mut self, peer: Peer) {
        if let Some(session) = self.slab.session_of(peer) {
            session.restored = false;
        }
    }

    /// Acts on deadlines at or before `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Handshake(peer) => {
                    if self.slab.is_current(peer) {
                        if let Some(machine) = self.slab.machine_mut(peer.slot()) {
                            machine.timer = None;
                        }
                        self.drive(now, peer.slot(), Machine::handle_timeout);
                    }
                }
                Timer::Linger(peer) => {
                    let repeats = self.config.repeats;
                    if let Some(session) = self.slab.session_of(peer) {
                        session.end_linger(repeats);
                    }
                }
                Timer::Round => self.go_round(now),
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` when no timer runs.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_deadline()
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How full the tables are.
    pub fn tables(&self) -> Tables {
        Tables {
            sessions: self.held,
            handshakes: self.listed.len(),
            connection_ids: self.by_cid.len(),
            resumptions: self.resumptions.own_len(),
            questions: self.tickets.len(),
            timers: self.timers.len(),
            buffered: self.buffered,
        }
    }

    /// Counters since the start.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    fn surroundings(&mut self, now: Instant) -> Surroundings<'_> {
        Surroundings {
            now,
            config: &self.config,
            rng: &mut self.rng,
            resumptions: &self.resumptions,
            wall_clock: self.wall_clock,
            local_secret: &self.local_secret,
            buffer_room: self
                .config
                .max_buffered_in_all
                .saturating_sub(self.buffered),
        }
    }

    /// Lets a handshake do something, and carries what follows from it to where it belongs.
    fn drive(
        &mut self,
        now: Instant,
        number: u32,
        act: impl FnOnce(&mut Machine, &mut Surroundings<'_>) -> Result<(), Failure>,
    ) {
        let Some(mut machine) = self.slab.take_machine(number) else {
            return;
        };
        // What others keep of messages before their turn is not its room.
        self.buffered = self.buffered.saturating_sub(machine.incoming.held());
        let result = act(&mut machine, &mut self.surroundings(now));
        self.buffered = self.buffered.saturating_add(machine.incoming.held());
        let peer = self.slab.peer(number);
        if let Err(failure) = result {
            self.fail(number, &mut machine, failure);
            return;
        }
        if let Some(question) = machine.ask.take() {
            let ticket = Ticket::new(self.next_ticket);
            self.next_ticket = self.next_ticket.wrapping_add(1);
            machine.ticket = Some(ticket);
            self.tickets.insert(ticket, peer);
            self.events.push_back(Event::Question {
                ticket,
                path: machine.path,
                question,
            });
        }
        if machine.is_done() {
            self.promote(now, number, *machine);
            return;
        }
        let at = machine.next_timeout();
        match machine.timer {
            Some(timer) if self.timers.reset(timer, at) => {}
            _ => machine.timer = Some(self.timers.set(at, Timer::Handshake(peer))),
        }
        if machine.outgoing.is_sending() && !machine.queued {
            machine.queued = true;
            self.due.push_back(Due::Flight(peer));
        }
        self.slab.set(number, Entry::Handshake(machine));
    }

    fn find_session(&self, path: Path) -> Option<u32> {
        self.sessions
            .find(self.hasher.hash_one(path), |&number| {
                self.slab
                    .session(number)
                    .is_some_and(|session| session.path == path)
            })
            .copied()
    }

    fn find_handshake(&self, path: Path) -> Option<u32> {
        self.handshakes
            .find(self.hasher.hash_one(path), |&number| {
                self.slab
                    .machine(number)
                    .is_some_and(|machine| machine.path == path)
            })
            .copied()
    }

    fn find_cid(&self, cid: &[u8]) -> Option<u32> {
        let cid = Cid::new(cid)?;
        self.by_cid
            .find(self.hasher.hash_one(cid), |&number| {
                own_cid(&self.slab, number) == Some(cid)
            })
            .copied()
    }
}

/// The connection id by which a slot is addressed.
fn own_cid(slab: &Slab, number: u32) -> Option<Cid> {
    match slab.entry(number)? {
        Entry::Handshake(machine) => Some(machine.own_cid),
        Entry::Session(session) => Some(session.own_cid),
        Entry::Free(_) | Entry::Busy => None,
    }
}

/// Who counts as one source of handshakes: an IPv4 address, or an IPv6 network of 64 bits.
fn source(path: Path) -> u128 {
    match path.address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits() >> 64 << 64,
    }
}

const WARNING: u8 = crate::handshake::WARNING;
const FATAL: u8 = crate::handshake::FATAL;

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("config", &self.config)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// Why a handshake that this side dropped ended.
fn cancelled() -> Failure {
    Failure::new(crate::Alert::USER_CANCELED, FailureReason::Cancelled)
}
