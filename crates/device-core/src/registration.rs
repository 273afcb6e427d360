//! The life of a registration with one server, from the first attempt to the last.

use core::time::Duration;

use coap_codec::{Code, Response};
use lwm2m_model::Lwm2mVersion;
use lwm2m_ops::{
    Binding, DeregisterAnswer, Lifetime, Location, RegisterAnswer, UpdateAnswer, Uplink,
};
use sansio::{Instant, Ticket};

use crate::{Reason, ServerSettings};

/// The registration with one server.
///
/// ```text
///            Register              Created                Update, Changed
///   Out ───────────────▶ Joining ──────────▶ In ◀────────────────────────▶ Renewing
///    ▲  ◀─────────────────┘ refused or      │  Update refused or unanswered: Out, and Register at once
///    │     no answer: back-off              ▼
///    └───────────────────────────────── Leaving   De-register, whatever the answer
/// ```
#[derive(Debug)]
pub(crate) struct Registration {
    state: State,
    goal: Goal,
    /// When the next Register may go out; `None` waits for its turn or for the application.
    pub(crate) not_before: Option<Instant>,
    /// Failed attempts in this sequence, and sequences that failed before it.
    attempts: u32,
    sequences: u32,
    /// The version to register with; lowered when the server does not speak it.
    version: Lwm2mVersion,
    newest: Lwm2mVersion,
    oldest: Lwm2mVersion,
    /// Whether this server was registered with at least once.
    pub(crate) succeeded: bool,
    /// Whether all attempts have failed and the servers after this one may go on.
    pub(crate) gave_up: bool,
    /// An Update is due, whatever has changed.
    update_wanted: bool,
    retry_after_failure: Option<Duration>,
    /// How often in short order the server has ended a session, and when it did last.
    losses: u32,
    lost_at: Option<Instant>,
}

#[derive(Debug)]
enum State {
    /// Not registered.
    Out,
    /// Register sent.
    Joining {
        ticket: Ticket,
        sent: Instant,
        announced: Announced,
    },
    /// Registered, nothing in flight.
    In { live: Live },
    /// Registered, Update sent.
    Renewing {
        live: Live,
        ticket: Ticket,
        sent: Instant,
        announced: Announced,
    },
    /// De-register sent.
    Leaving { ticket: Ticket },
}

/// A registration that the server holds.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) location: Location,
    pub(crate) version: Lwm2mVersion,
    announced: Announced,
    /// When the last Register or Update that succeeded was sent: the server's clock runs from then, or later.
    since: Instant,
    /// When the next Update is due; `None` for an infinite lifetime.
    update_at: Option<Instant>,
}

impl Live {
    pub(crate) const fn lifetime(&self) -> Lifetime {
        self.announced.lifetime
    }

    fn expires(&self) -> Option<Instant> {
        Some(self.since + self.announced.lifetime.duration()?)
    }
}

/// What the server was told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Announced {
    pub(crate) lifetime: Lifetime,
    pub(crate) binding: Binding,
    /// Which state of the object tree.
    pub(crate) generation: u64,
}

/// What the application, or the server, wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Goal {
    /// To be registered.
    Registered,
    /// Not to be registered.
    Unregistered,
    /// Not to be registered for a time, counted from the end of the De-register.
    Disabled(Duration),
    /// To send nothing, and to keep what the server has.
    Offline,
}

/// What is to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Send {
    Register {
        version: Lwm2mVersion,
    },
    Update {
        location: Location,
        lifetime: bool,
        binding: bool,
        objects: bool,
    },
    Deregister {
        location: Location,
    },
}

/// How a server answered, or that it did not.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UplinkResult {
    /// Registered, under this location.
    Created(Location),
    /// Updated.
    Changed,
    /// De-registered.
    Deleted,
    /// The server refused, and may have told after how many seconds (Max-Age of a 5.03) to come again.
    Refused {
        /// The response code.
        code: Code,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// No answer, or none that means anything.
    Failed(Reason),
}

impl UplinkResult {
    /// Reads the server's answer to an operation.
    #[must_use]
    pub fn from_response(uplink: &Uplink, response: &Response) -> Self {
        let result = match uplink {
            Uplink::Register(_) => match RegisterAnswer::from_response(response) {
                Ok(RegisterAnswer::Created(location)) => Some(Self::Created(location)),
                _ => None,
            },
            Uplink::Update(_) => match UpdateAnswer::from_response(response) {
                Ok(UpdateAnswer::Changed) => Some(Self::Changed),
                _ => None,
            },
            Uplink::Deregister(_) => match DeregisterAnswer::from_response(response) {
                Ok(DeregisterAnswer::Deleted) => Some(Self::Deleted),
                _ => None,
            },
            _ => None,
        };
        // A code beyond the list of the operation is a refusal all the same, if it is an error.
        result.unwrap_or_else(|| match response.code.class() {
            4 | 5 => Self::Refused {
                code: response.code,
                retry_after: retry_after(response),
            },
            _ => Self::Failed(Reason::UnexpectedAnswer),
        })
    }
}

/// RFC 7252 §5.9.3.4: Max-Age of a 5.03 is the number of seconds after which to retry.
fn retry_after(response: &Response) -> Option<Duration> {
    if response.code != Code::SERVICE_UNAVAILABLE {
        return None;
    }
    let seconds = response.options.as_options().max_age()?;
    Some(Duration::from_secs(seconds.into()))
}

/// What an answer led to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    Registered,
    Updated,
    /// The server does not speak the version; the next older one is tried at once.
    FellBack,
    /// Register failed; the next attempt, if there is one.
    RegisterFailed {
        reason: Reason,
        next: Option<Instant>,
    },
    /// Update failed; a Register follows at once.
    UpdateFailed {
        reason: Reason,
    },
    /// Out again; De-register may have failed, which changes nothing for the device.
    /// `goal` is what led here.
    Unregistered {
        failed: Option<Reason>,
        goal: Goal,
    },
    /// The answer belongs to nothing, or changes nothing.
    Nothing,
}

impl Registration {
    pub(crate) const fn new(
        newest: Lwm2mVersion,
        oldest: Lwm2mVersion,
        retry_after_failure: Option<Duration>,
    ) -> Self {
        Self {
            state: State::Out,
            goal: Goal::Unregistered,
            not_before: None,
            attempts: 0,
            sequences: 0,
            version: newest,
            newest,
            oldest,
            succeeded: false,
            gave_up: false,
            update_wanted: false,
            retry_after_failure,
            losses: 0,
            lost_at: None,
        }
    }

    /// The registration that the server holds, as far as the device knows.
    pub(crate) const fn live(&self) -> Option<&Live> {
        match &self.state {
            State::In { live } | State::Renewing { live, .. } => Some(live),
            State::Out | State::Joining { .. } | State::Leaving { .. } => None,
        }
    }

    /// The version of the registration, or of the next attempt at one.
    pub(crate) const fn version(&self) -> Lwm2mVersion {
        match self.live() {
            Some(live) => live.version,
            None => self.version,
        }
    }

    pub(crate) const fn goal(&self) -> Goal {
        self.goal
    }

    pub(crate) const fn is_out(&self) -> bool {
        matches!(self.state, State::Out)
    }

    /// The ticket of what is in flight.
    pub(crate) const fn in_flight(&self) -> Option<Ticket> {
        match &self.state {
            State::Joining { ticket, .. }
            | State::Renewing { ticket, .. }
            | State::Leaving { ticket, .. } => Some(*ticket),
            State::Out | State::In { .. } => None,
        }
    }

    /// Whether this server holds up the ones after it in the registration order.
    pub(crate) const fn is_settled(&self) -> bool {
        self.succeeded || self.gave_up || !matches!(self.goal, Goal::Registered)
    }

    /// Starts over: the next Register goes out at `not_before`, in a first sequence. Returns what it gives up waiting for.
    pub(crate) fn restart(&mut self, not_before: Option<Instant>) -> Option<Ticket> {
        let given_up = self.in_flight();
        self.state = State::Out;
        self.goal = Goal::Registered;
        self.not_before = not_before;
        self.attempts = 0;
        self.sequences = 0;
        self.version = self.newest;
        self.gave_up = false;
        self.update_wanted = false;
        given_up
    }

    /// Asks for an Update that carries what has changed, or nothing.
    pub(crate) const fn want_update(&mut self) {
        self.update_wanted = true;
    }

    pub(crate) const fn leave(&mut self, goal: Goal) {
        self.goal = goal;
    }

    /// Sends nothing any more, and keeps the registration. Returns what it gives up waiting for.
    pub(crate) fn go_offline(&mut self) -> Option<Ticket> {
        let given_up = self.in_flight();
        self.goal = Goal::Offline;
        self.state = match core::mem::replace(&mut self.state, State::Out) {
            State::Renewing { live, .. } => State::In { live },
            State::In { live } => State::In { live },
            State::Out | State::Joining { .. } | State::Leaving { .. } => State::Out,
        };
        given_up
    }

    /// Sends again: an Update if the registration still lives, else a Register.
    pub(crate) fn go_online(&mut self, now: Instant) {
        self.goal = Goal::Registered;
        self.update_wanted = true;
        self.not_before = Some(now);
        self.attempts = 0;
        self.sequences = 0;
        self.gave_up = false;
    }

    /// The session is gone while nothing was under way: an Update soon makes another one. A server that does it again
    /// and again is told less and less often.
    pub(crate) fn session_lost(&mut self, now: Instant) {
        let recent = |at: Instant| now < at + LOSSES_FORGOTTEN;
        self.losses = match self.lost_at.is_some_and(recent) {
            true => self.losses.saturating_add(1).min(MAX_LOSSES),
            false => 0,
        };
        self.lost_at = Some(now);
        let soon = now + MIN_WAIT * (1 << self.losses);
        if let State::In { live } = &mut self.state {
            live.update_at = Some(live.update_at.map_or(soon, |due| due.min(soon)));
        }
    }

    /// The server has ended the session for good, while nothing was under way: that counts as a failed Register.
    pub(crate) fn session_refused(
        &mut self,
        now: Instant,
        reason: Reason,
        settings: &ServerSettings,
    ) -> Step {
        if !matches!(self.state, State::In { .. }) || self.goal != Goal::Registered {
            return Step::Nothing;
        }
        self.state = State::Out;
        self.register_failed(now, UplinkResult::Failed(reason), settings)
    }

    /// What is to be sent now, if anything. The caller sends it under `ticket`.
    pub(crate) fn step(&mut self, now: Instant, ticket: Ticket, facts: Announced) -> Option<Send> {
        match (&self.state, self.goal) {
            (State::Out, Goal::Registered) => {
                if self.not_before.is_none_or(|at| now < at) {
                    return None;
                }
                self.state = State::Joining {
                    ticket,
                    sent: now,
                    announced: facts,
                };
                Some(Send::Register {
                    version: self.version,
                })
            }
            (State::In { live }, Goal::Registered) => {
                // A registration that has run out is none: Update would only be refused.
                if live.expires().is_some_and(|at| now >= at) {
                    self.state = State::Out;
                    self.not_before = Some(now);
                    return self.step(now, ticket, facts);
                }
                let lifetime = facts.lifetime != live.announced.lifetime;
                // From 1.1 on `b` tells what the device can, not what the server chose.
                let binding =
                    live.version == Lwm2mVersion::V1_0 && facts.binding != live.announced.binding;
                let objects = facts.generation != live.announced.generation;
                let due = live.update_at.is_some_and(|at| now >= at);
                if !(lifetime || binding || objects || due || self.update_wanted) {
                    return None;
                }
                let live = live.clone();
                let location = live.location.clone();
                self.update_wanted = false;
                self.state = State::Renewing {
                    live,
                    ticket,
                    sent: now,
                    announced: facts,
                };
                Some(Send::Update {
                    location,
                    lifetime,
                    binding,
                    objects,
                })
            }
            (State::In { live }, Goal::Unregistered | Goal::Disabled(_)) => {
                let location = live.location.clone();
                self.state = State::Leaving { ticket };
                Some(Send::Deregister { location })
            }
            (State::Out | State::In { .. }, _)
            | (State::Joining { .. } | State::Renewing { .. } | State::Leaving { .. }, _) => None,
        }
    }

    /// When [`step`](Self::step) has something to do without anything else happening.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match (&self.state, self.goal) {
            (State::Out, Goal::Registered) => self.not_before,
            (State::In { live }, Goal::Registered) => live.update_at,
            _ => None,
        }
    }

    /// Takes the answer to what is in flight under `ticket`.
    pub(crate) fn handle_result(
        &mut self,
        now: Instant,
        ticket: Ticket,
        result: UplinkResult,
        settings: &ServerSettings,
    ) -> Step {
        if self.in_flight() != Some(ticket) {
            return Step::Nothing;
        }
        match core::mem::replace(&mut self.state, State::Out) {
            State::Joining {
                sent, announced, ..
            } => match result {
                UplinkResult::Created(location) => {
                    self.joined(now, sent, announced, location);
                    Step::Registered
                }
                result => self.register_failed(now, result, settings),
            },
            State::Renewing {
                live,
                sent,
                announced,
                ..
            } => match result {
                UplinkResult::Changed => {
                    self.state = State::In {
                        live: Live {
                            since: sent,
                            update_at: update_at(now, sent, announced.lifetime),
                            announced,
                            ..live
                        },
                    };
                    Step::Updated
                }
                // The device leaves: there is nothing to register for.
                result if self.goal != Goal::Registered => self.left(now, Some(reason(&result))),
                result => {
                    self.not_before = Some(now);
                    Step::UpdateFailed {
                        reason: reason(&result),
                    }
                }
            },
            State::Leaving { .. } => {
                let failed = (result != UplinkResult::Deleted).then(|| reason(&result));
                self.left(now, failed)
            }
            // Nothing is in flight in these.
            state @ (State::Out | State::In { .. }) => {
                self.state = state;
                Step::Nothing
            }
        }
    }

    /// Ends the wait for a registration that is no longer wanted, when nothing is in flight.
    pub(crate) fn settle_out(&mut self, now: Instant) -> Option<Step> {
        match (&self.state, self.goal) {
            (State::Out, Goal::Unregistered) if self.not_before.is_some() => {
                Some(self.left(now, None))
            }
            (State::Out, Goal::Disabled(_)) => Some(self.left(now, None)),
            _ => None,
        }
    }

    fn left(&mut self, now: Instant, failed: Option<Reason>) -> Step {
        let goal = self.goal;
        self.state = State::Out;
        self.not_before = None;
        self.update_wanted = false;
        if let Goal::Disabled(silence) = goal {
            self.restart(Some(now + silence));
        }
        Step::Unregistered { failed, goal }
    }

    fn joined(&mut self, now: Instant, sent: Instant, announced: Announced, location: Location) {
        self.attempts = 0;
        self.sequences = 0;
        self.succeeded = true;
        self.gave_up = false;
        self.update_wanted = false;
        self.state = State::In {
            live: Live {
                location,
                version: self.version,
                since: sent,
                update_at: update_at(now, sent, announced.lifetime),
                announced,
            },
        };
    }

    /// # Specification
    /// LwM2M 1.2 Core §6.2.1.2: before attempt n+1 of a sequence the device waits timer · 2^(n−1).
    fn register_failed(
        &mut self,
        now: Instant,
        result: UplinkResult,
        settings: &ServerSettings,
    ) -> Step {
        let reason = reason(&result);
        if self.goal != Goal::Registered {
            return self.left(now, Some(reason));
        }
        if reason == Reason::Refused(Code::PRECONDITION_FAILED)
            && let Some(lower) = lower(self.version).filter(|lower| *lower >= self.oldest)
        {
            self.version = lower;
            self.not_before = Some(now);
            return Step::FellBack;
        }
        let asked = match result {
            UplinkResult::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        self.version = self.newest;
        self.attempts = self.attempts.saturating_add(1);
        let wait = self.wait(settings);
        self.not_before = wait.map(|wait| now + wait.max(asked).max(MIN_WAIT));
        Step::RegisterFailed {
            reason,
            next: self.not_before,
        }
    }

    /// How long to wait after a failed attempt; `None` when there is no further one.
    fn wait(&mut self, settings: &ServerSettings) -> Option<Duration> {
        if self.attempts < settings.retry_count.unwrap_or(DEFAULT_RETRY_COUNT).max(1) {
            let timer = u64::from(settings.retry_timer.unwrap_or(DEFAULT_RETRY_TIMER));
            let doubled = 1_u64
                .checked_shl(self.attempts.saturating_sub(1))
                .unwrap_or(u64::MAX);
            let seconds = timer.saturating_mul(doubled).min(u64::from(u32::MAX));
            return Some(Duration::from_secs(seconds));
        }
        self.attempts = 0;
        self.sequences = self.sequences.saturating_add(1);
        let delay = settings.sequence_delay.unwrap_or(DEFAULT_SEQUENCE_DELAY);
        if self.sequences < settings.sequence_count.unwrap_or(1) && delay != u32::MAX {
            return Some(Duration::from_secs(delay.into()));
        }
        self.sequences = 0;
        self.gave_up = !settings.failure_block.unwrap_or(false);
        self.retry_after_failure
    }
}

/// When to send the next Update: half the lifetime, or MAX_TRANSMIT_WAIT before its end if that is later.
///
/// The specification leaves it open; this is what Anjay and Wakaama do.
fn update_at(now: Instant, sent: Instant, lifetime: Lifetime) -> Option<Instant> {
    let lifetime = lifetime.duration()?;
    let period = (lifetime / 2).max(lifetime.saturating_sub(MAX_TRANSMIT_WAIT));
    Some((sent + period).max(now + MIN_UPDATE_PERIOD))
}

const fn lower(version: Lwm2mVersion) -> Option<Lwm2mVersion> {
    match version {
        Lwm2mVersion::V1_2 => Some(Lwm2mVersion::V1_1),
        Lwm2mVersion::V1_1 => Some(Lwm2mVersion::V1_0),
        _ => None,
    }
}

const fn reason(result: &UplinkResult) -> Reason {
    match result {
        UplinkResult::Refused { code, .. } => Reason::Refused(*code),
        UplinkResult::Failed(reason) => *reason,
        UplinkResult::Created(_) | UplinkResult::Changed | UplinkResult::Deleted => {
            Reason::UnexpectedAnswer
        }
    }
}

/// RFC 7252 §4.8.2, with its default parameters.
const MAX_TRANSMIT_WAIT: Duration = Duration::from_secs(93);
/// A server may write timers of zero, and is not to be flooded for it.
const MIN_WAIT: Duration = Duration::from_secs(1);
const MIN_UPDATE_PERIOD: Duration = Duration::from_secs(1);
/// The waits after lost sessions double up to 64 s, and begin anew after ten good minutes.
const MAX_LOSSES: u32 = 6;
const LOSSES_FORGOTTEN: Duration = Duration::from_secs(600);
/// LwM2M 1.2 Core §E.2: resources 17, 18 and 19 when absent.
const DEFAULT_RETRY_COUNT: u32 = 5;
const DEFAULT_RETRY_TIMER: u32 = 60;
const DEFAULT_SEQUENCE_DELAY: u32 = 86_400;
