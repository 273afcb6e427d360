use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use coap_codec::{
    Block, BlockSize, Code, Message, OptionNumber, Request, Response, Type, empty_message,
};
use sansio::{Instant, TimerId};

use super::client_blocks::{Download, Step, Upload};
use super::observation::Observation;
use crate::message_layer::{Owner, Queued};
use crate::peer::PeerState;
use crate::shared::{Parts, Shared, TimerKind, Token};
use crate::{Event, Failure, RequestError, RequestId, StaleRequest};

/// How a request is sent and how long its answer may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RequestOptions {
    /// Whether to repeat the request until it is acknowledged. Default `true`.
    pub confirmable: bool,
    /// How long to wait for an answer after the acknowledgement, or after sending it
    /// Non-confirmable; for a body in blocks, for each of them. Default 93 s, MAX_TRANSMIT_WAIT.
    pub timeout: Duration,
    /// The largest body of an answer, in bytes; `None` is [`Config::body_max`](crate::Config::body_max).
    pub max_body: Option<usize>,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self {
            confirmable: true,
            timeout: Duration::from_secs(93),
            max_body: None,
        }
    }
}

impl RequestOptions {
    /// Sent once, without a wish for an acknowledgement.
    pub fn non_confirmable() -> Self {
        Self {
            confirmable: false,
            ..Self::default()
        }
    }

    /// These, with another [`timeout`](Self::timeout).
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// These, with another [`max_body`](Self::max_body).
    #[must_use]
    pub fn with_max_body(self, bytes: usize) -> Self {
        Self {
            max_body: Some(bytes),
            ..self
        }
    }
}

/// A request of ours that runs.
#[derive(Debug)]
pub(crate) struct ClientRequest {
    pub(crate) serial: u64,
    /// As the user made it: whole, without the options of a transfer in blocks.
    pub(crate) request: Request,
    confirmable: bool,
    timeout: Duration,
    pub(crate) max_body: usize,
    /// The message that awaits an answer.
    pub(crate) outstanding: Option<Outstanding>,
    timer: Option<TimerId>,
    /// Whether this is, or wants to become, an observation.
    pub(crate) observe: bool,
    pub(crate) observation: Option<Observation>,
    /// Whether the first answer was told.
    pub(crate) answered: bool,
    pub(crate) upload: Option<Upload>,
    pub(crate) download: Option<Box<Download>>,
    pub(crate) restarts: u8,
    echo: Option<Vec<u8>>,
    /// Distinguishes the body of an upload from another to the same target (RFC 9175 §3).
    pub(crate) request_tag: Option<[u8; 4]>,
}

/// A message of a request that awaits its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outstanding {
    pub(crate) token: Token,
    /// Of a Non-confirmable message, so that a Reset is understood.
    mid: Option<u16>,
    pub(crate) step: Step,
}

/// Whether a request goes on after something happened to it.
pub(crate) enum Progress {
    /// It waits for something more.
    Runs,
    /// Its last event has been told.
    Over,
}

impl PeerState {
    pub(crate) fn request(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        request: Request,
        options: RequestOptions,
    ) -> Result<RequestId, RequestError> {
        if !request.code.is_request() {
            return Err(RequestError::NotARequest);
        }
        let reads = matches!(request.code, Code::GET | Code::FETCH);
        let observe = reads && request.options.as_options().observe() == Some(0);
        self.admit(cx, now, observe)?;
        let mut request = request;
        for number in [
            OptionNumber::BLOCK1,
            OptionNumber::BLOCK2,
            OptionNumber::ECHO,
        ] {
            request.options.remove(number);
        }
        let serial = cx.serial();
        let mut running = ClientRequest {
            serial,
            request,
            confirmable: options.confirmable,
            timeout: options.timeout,
            max_body: options.max_body.unwrap_or(cx.config.body_max),
            outstanding: None,
            timer: None,
            observe,
            observation: None,
            answered: false,
            upload: None,
            download: None,
            restarts: 0,
            echo: None,
            request_tag: None,
        };
        let step = self.first_step(cx, &mut running);
        self.send_step(cx, now, &mut running, step)
            .map_err(|TooLarge| RequestError::TooLarge)?;
        cx.tables.requests = cx.tables.requests.saturating_add(1);
        cx.tables.observations = cx.tables.observations.saturating_add(observe.into());
        self.requests.push(running);
        self.pump(cx, now);
        Ok(RequestId::new(self.peer, serial))
    }

    /// Whether there is room for one more request.
    fn admit(&mut self, cx: &mut Shared, now: Instant, observe: bool) -> Result<(), RequestError> {
        let limits = &cx.config.limits;
        if self.requests.len() >= limits.requests_per_peer
            || cx.tables.requests >= limits.requests_total
        {
            return Err(RequestError::TooManyRequests);
        }
        if observe {
            let observing = self
                .requests
                .iter()
                .filter(|running| running.observe)
                .count();
            if observing >= limits.observations_per_peer
                || cx.tables.observations >= limits.observations_total
            {
                return Err(RequestError::TooManyObservations);
            }
        }
        if self.out.queued() >= limits.queue_per_peer {
            return Err(RequestError::QueueFull);
        }
        if self.mids.exhausted(now, cx.exchange_lifetime) {
            return Err(RequestError::MessageIdsExhausted);
        }
        self.is_active(cx);
        Ok(())
    }

    pub(crate) fn ping(
        &mut self,
        cx: &mut Shared,
        now: Instant,
    ) -> Result<RequestId, RequestError> {
        self.admit(cx, now, false)?;
        let serial = cx.serial();
        self.requests.push(ClientRequest {
            serial,
            request: Request::new(Code::EMPTY),
            confirmable: true,
            timeout: Duration::ZERO,
            max_body: 0,
            outstanding: None,
            timer: None,
            observe: false,
            observation: None,
            answered: false,
            upload: None,
            download: None,
            restarts: 0,
            echo: None,
            request_tag: None,
        });
        cx.tables.requests = cx.tables.requests.saturating_add(1);
        let message = Queued::Message {
            owner: Owner::Ping(serial),
            bytes: empty_message(Type::Confirmable, 0).to_vec(),
            allowance: None,
        };
        self.send_confirmable(cx, now, message);
        Ok(RequestId::new(self.peer, serial))
    }

    /// Sends the message of `step` with a token of its own, and awaits its answer.
    pub(crate) fn send_step(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        running: &mut ClientRequest,
        step: Step,
    ) -> Result<(), TooLarge> {
        let token = match (step, &running.observation) {
            (Step::Deregister, Some(observation)) => observation.token,
            _ => Token::random(&mut cx.rng),
        };
        let mut options = running.request.options.clone();
        let payload = self.describe_step(cx, running, step, &mut options);
        if let Some(echo) = &running.echo {
            // It came in an option.
            let _ = options.set(OptionNumber::ECHO, echo);
        }
        let parts = Parts {
            code: running.request.code,
            token,
            options: &options,
            payload: &payload,
        };
        let ty = match running.confirmable {
            true => Type::Confirmable,
            false => Type::NonConfirmable,
        };
        let bytes = parts
            .encode(ty, 0, self.info.max_datagram)
            .ok_or(TooLarge)?;
        if running.outstanding.is_some() {
            self.stop_waiting(cx, running);
        }
        let mut mid = None;
        if running.confirmable {
            let message = Queued::Message {
                owner: Owner::Request(running.serial),
                bytes,
                allowance: None,
            };
            self.send_confirmable(cx, now, message);
        } else {
            mid = self.send_non(cx, now, bytes);
            let timer = self.timer(TimerKind::Answer(running.serial));
            running.timer = Some(cx.wheel.set(now + running.timeout, timer));
        }
        running.outstanding = Some(Outstanding { token, mid, step });
        Ok(())
    }

    /// Takes off what a request has sent or queued, and its timer.
    pub(crate) fn stop_waiting(&mut self, cx: &mut Shared, running: &mut ClientRequest) {
        self.withdraw(cx, Owner::Request(running.serial));
        running.outstanding = None;
        if let Some(timer) = running.timer.take() {
            cx.wheel.cancel(timer);
        }
    }

    fn request_index(&self, serial: u64) -> Option<usize> {
        self.requests
            .iter()
            .position(|running| running.serial == serial)
    }

    /// Whether request `serial` awaits an answer with `token`.
    pub(crate) fn awaits(&self, serial: u64, token: Token) -> bool {
        self.requests.iter().any(|running| {
            running.serial == serial && running.outstanding.is_some_and(|sent| sent.token == token)
        })
    }

    /// The request that awaits an answer, or observes, with `token`.
    pub(crate) fn request_by_token(&self, token: Token) -> Option<u64> {
        let waits = |running: &&ClientRequest| {
            running.outstanding.is_some_and(|sent| sent.token == token)
                || running
                    .observation
                    .as_ref()
                    .is_some_and(|observation| observation.token == token)
        };
        self.requests
            .iter()
            .find(waits)
            .map(|running| running.serial)
    }

    /// The request whose Non-confirmable message had this id.
    pub(crate) fn request_by_message(&self, mid: u16) -> Option<u64> {
        let sent = |running: &&ClientRequest| {
            running
                .outstanding
                .is_some_and(|outstanding| outstanding.mid == Some(mid))
        };
        self.requests
            .iter()
            .find(sent)
            .map(|running| running.serial)
    }

    /// The peer has the request; its answer follows.
    pub(crate) fn request_acknowledged(&mut self, cx: &mut Shared, now: Instant, serial: u64) {
        let timer = self.timer(TimerKind::Answer(serial));
        if let Some(running) = self
            .requests
            .iter_mut()
            .find(|running| running.serial == serial)
            && running.outstanding.is_some()
            && running.timer.is_none()
        {
            running.timer = Some(cx.wheel.set(now + running.timeout, timer));
        }
    }

    pub(crate) fn request_unacknowledged(&mut self, cx: &mut Shared, now: Instant, serial: u64) {
        self.request_failed(cx, now, serial, Failure::NoAcknowledgement);
    }

    pub(crate) fn answer_overdue(&mut self, cx: &mut Shared, now: Instant, serial: u64) {
        if let Some(running) = self
            .requests
            .iter_mut()
            .find(|running| running.serial == serial)
        {
            running.timer = None;
        }
        self.request_failed(cx, now, serial, Failure::NoResponse);
    }

    pub(crate) fn pong(&mut self, cx: &mut Shared, serial: u64) {
        if let Some(index) = self.request_index(serial) {
            let running = self.requests.swap_remove(index);
            self.finish(cx, running);
            cx.event(Event::Pong {
                request: RequestId::new(self.peer, serial),
                peer: self.peer,
            });
        }
    }

    /// The message of a request that is under way has failed.
    pub(crate) fn request_failed(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        serial: u64,
        failure: Failure,
    ) {
        if let Some(index) = self.request_index(serial) {
            let mut running = self.requests.swap_remove(index);
            let progress = self.fail(cx, &mut running, failure);
            self.proceed(cx, running, progress);
            self.pump(cx, now);
        }
    }

    /// An answer, or a notification, for a request.
    pub(crate) fn handle_response(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        serial: u64,
        message: &Message<'_>,
    ) {
        // Only who received our request can know its token: this proves the address, too.
        self.verify(cx);
        if let Some(index) = self.request_index(serial) {
            let mut running = self.requests.swap_remove(index);
            let token = Token::from_wire(message.token());
            let progress = match running.outstanding {
                Some(sent) if sent.token == token => {
                    self.advance(cx, now, &mut running, sent, message)
                }
                Some(_) | None => self.handle_notification(cx, now, &mut running, message),
            };
            self.proceed(cx, running, progress);
        }
        self.pump(cx, now);
    }

    fn proceed(&mut self, cx: &mut Shared, running: ClientRequest, progress: Progress) {
        match progress {
            Progress::Runs => self.requests.push(running),
            Progress::Over => self.finish(cx, running),
        }
    }

    /// Lets a request go that was taken from the table.
    fn finish(&mut self, cx: &mut Shared, running: ClientRequest) {
        let mut running = running;
        self.stop_waiting(cx, &mut running);
        self.withdraw(cx, Owner::Ping(running.serial));
        cx.tables.requests = cx.tables.requests.saturating_sub(1);
        cx.tables.observations = cx
            .tables
            .observations
            .saturating_sub(running.observe.into());
    }

    /// Keeps the value of a challenge, the first time.
    pub(crate) fn accept_challenge(running: &mut ClientRequest, message: &Message<'_>) -> bool {
        match (super::echo::challenged(message), &running.echo) {
            (Some(value), None) => {
                running.echo = Some(value);
                true
            }
            (Some(_), Some(_)) | (None, _) => false,
        }
    }

    /// Tells that a request has failed. An observation survives the loss of a single state.
    pub(crate) fn fail(
        &mut self,
        cx: &mut Shared,
        running: &mut ClientRequest,
        failure: Failure,
    ) -> Progress {
        let (request, peer) = (RequestId::new(self.peer, running.serial), self.peer);
        let step = running.outstanding.map(|sent| sent.step);
        let survives = running.answered
            && running.observation.is_some()
            && !matches!(step, Some(Step::Deregister));
        if survives {
            self.stop_waiting(cx, running);
            running.download = None;
            cx.event(Event::NotificationLost {
                request,
                peer,
                failure,
            });
            return Progress::Runs;
        }
        cx.event(Event::Failed {
            request,
            peer,
            failure,
        });
        Progress::Over
    }

    /// Tells the whole answer, or the whole new state.
    pub(crate) fn tell(
        &mut self,
        cx: &mut Shared,
        running: &mut ClientRequest,
        response: Response,
    ) -> Progress {
        let (request, peer) = (RequestId::new(self.peer, running.serial), self.peer);
        let observing = running.observation.is_some();
        cx.event(if running.answered && observing {
            Event::Notification {
                request,
                peer,
                response,
                last: false,
            }
        } else {
            Event::Response {
                request,
                peer,
                response,
                observing,
            }
        });
        running.answered = true;
        running.restarts = 0;
        match observing {
            true => Progress::Runs,
            false => Progress::Over,
        }
    }

    pub(crate) fn cancel(&mut self, cx: &mut Shared, serial: u64) {
        if let Some(index) = self.request_index(serial) {
            let running = self.requests.swap_remove(index);
            self.finish(cx, running);
        }
    }

    pub(crate) fn cancel_observation(
        &mut self,
        cx: &mut Shared,
        now: Instant,
        serial: u64,
        active: bool,
    ) -> Result<(), StaleRequest> {
        let index = self.request_index(serial).ok_or(StaleRequest)?;
        let running = self.requests.get(index).filter(|running| running.observe);
        let established = running.ok_or(StaleRequest)?.observation.is_some();
        if !active || !established {
            // Before the first answer there is nothing to end but the request.
            self.cancel(cx, serial);
            if active {
                cx.event(Event::Failed {
                    request: RequestId::new(self.peer, serial),
                    peer: self.peer,
                    failure: Failure::Cancelled,
                });
            }
            self.pump(cx, now);
            return Ok(());
        }
        let mut running = self.requests.swap_remove(index);
        self.stop_waiting(cx, &mut running);
        running.download = None;
        let sent = self.send_step(cx, now, &mut running, Step::Deregister);
        let progress = match sent {
            Ok(()) => Progress::Runs,
            Err(TooLarge) => self.fail(cx, &mut running, Failure::BadOption),
        };
        self.proceed(cx, running, progress);
        self.pump(cx, now);
        Ok(())
    }

    /// Fails all requests; the peer is closed.
    pub(crate) fn clear_requests(&mut self, cx: &mut Shared) {
        while let Some(running) = self.requests.pop() {
            cx.event(Event::Failed {
                request: RequestId::new(self.peer, running.serial),
                peer: self.peer,
                failure: Failure::PeerClosed,
            });
            self.finish(cx, running);
        }
    }
}

/// The message does not fit into a datagram of the peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooLarge;

/// The smaller of two block sizes, where one may be missing.
pub(crate) fn smaller(size: BlockSize, other: Option<Block>) -> BlockSize {
    other.map_or(size, |block| block.size().min(size))
}
