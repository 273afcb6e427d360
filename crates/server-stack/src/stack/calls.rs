//! Calls to devices: those that run in a peer, and those that wait for a session.

use alloc::vec::Vec;
use core::time::Duration;

use coap_endpoint::{RequestId, RequestOptions};
use lwm2m_identity::Identity;
use lwm2m_ops::Downlink;
use sansio::{Instant, Peer, TimerId};

use super::ServerStack;
use crate::{CallFailure, CallId, Destination, Event, SessionEnd};

#[derive(Debug)]
pub(super) struct Call {
    pub(super) operation: Downlink,
    pub(super) observing: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Sent, or queued for its peer.
    Running(RequestId),
    /// The identity has no session yet.
    Waiting {
        identity: Identity,
        request: coap_codec::Request,
        until: Instant,
        timer: TimerId,
    },
}

impl ServerStack {
    /// Sends an operation to a device.
    ///
    /// `root` is the alternate path that the device registered (`""` or for example `"/lwm2m"`),
    /// `timeout` how long to wait for the answer after the device acknowledged the request. The
    /// outcome is an [`Event::Reply`] for `call`, later in any case. Requests to one device wait for
    /// each other (RFC 7252 §4.7, NSTART).
    ///
    /// To a device that has proven an identity and has no session now, the call waits for one, and at most `timeout`
    /// until then: for a session that goes on with an earlier one, or for a Register or Update in a new one. If the device
    /// listens, a handshake is begun by [`Effect::Connect`](crate::Effect::Connect).
    pub fn call(
        &mut self,
        now: Instant,
        call: CallId,
        device: impl Into<Destination>,
        root: &str,
        operation: Downlink,
        timeout: Duration,
    ) {
        if let Err(failure) = self.start(now, call, device.into(), root, operation, timeout) {
            self.events.push_back(Event::Reply {
                call,
                result: Err(failure),
                observing: false,
            });
        }
        self.pump(now);
    }

    /// Withdraws a call without telling the device; no event follows. Of an observation the device
    /// learns at its next notification, by a reset (RFC 7641 §3.6).
    pub fn cancel(&mut self, now: Instant, call: CallId) {
        if let Some((_, Some(request))) = self.forget(call) {
            self.coap.cancel(now, request);
        }
        self.pump(now);
    }

    /// Withdraws an observation and tells the device by a request with Observe=1 and the same token
    /// (LwM2M 1.0 §5.5.3); no event follows.
    pub fn cancel_actively(&mut self, now: Instant, call: CallId) {
        if let Some((_, Some(request))) = self.forget(call) {
            // An observation that has ended by itself needs no telling.
            let _ = self.coap.cancel_observation(now, request, true);
        }
        self.pump(now);
    }

    /// Ends all calls to a device with [`CallFailure::Cancelled`], in the order in which they began: it
    /// registered anew, moved or left, and what it was asked before has no meaning any more.
    pub fn cancel_target(&mut self, now: Instant, device: impl Into<Destination>) {
        let Destination {
            target, identity, ..
        } = device.into();
        let calls: Vec<CallId> = if identity.is_none() {
            let peer = self.peers.at(target);
            let calls = peer.and_then(|peer| self.calls_to.get(&peer));
            calls.cloned().unwrap_or_default()
        } else {
            self.calls_of(&identity, 0)
        };
        self.end_calls(now, calls, &CallFailure::Cancelled);
        self.pump(now);
    }

    /// Ends the calls to all sessions of an identity but the newest with [`CallFailure::Cancelled`]: the device has a
    /// new one, and does not know what it was asked in a former.
    pub fn cancel_former(&mut self, now: Instant, identity: &Identity) {
        let calls = self.calls_of(identity, 1);
        self.end_calls(now, calls, &CallFailure::Cancelled);
        self.pump(now);
    }

    /// Ends the observations in the sessions of an identity with [`CallFailure::Cancelled`]: the device registered anew,
    /// and does not know of them. What it was asked only just now goes on.
    pub fn cancel_observations(&mut self, now: Instant, identity: &Identity) {
        let mut calls = self.calls_of(identity, 0);
        calls.retain(|call| self.calls.get(call).is_some_and(|call| call.observing));
        self.end_calls(now, calls, &CallFailure::Cancelled);
        self.pump(now);
    }

    /// Takes the calls back that wait for a session of an identity, because the device is heard elsewhere by now; no event
    /// follows.
    pub fn withdraw_waiting(&mut self, identity: &Identity) -> Vec<CallId> {
        let calls = self.waiting.get(identity).cloned().unwrap_or_default();
        for &call in &calls {
            self.forget(call);
        }
        calls
    }

    /// The calls to the sessions of an identity, without those to the `newest` ones, and those that wait for a session
    /// unless there is one.
    fn calls_of(&self, identity: &Identity, newest: usize) -> Vec<CallId> {
        let sessions = match &self.secured {
            Some(secured) => secured.sessions.of(identity),
            None => Vec::new(),
        };
        let peers = sessions.iter().skip(newest).rev();
        let mut calls: Vec<CallId> = peers
            .filter_map(|session| self.calls_to.get(&session.coap))
            .flatten()
            .copied()
            .collect();
        if newest == 0 {
            calls.extend(self.waiting.get(identity).into_iter().flatten());
        }
        calls
    }

    pub(super) fn end_calls(&mut self, now: Instant, calls: Vec<CallId>, failure: &CallFailure) {
        for call in calls {
            let Some((running, request)) = self.forget(call) else {
                continue;
            };
            if let Some(request) = request {
                self.coap.cancel(now, request);
            }
            self.tell_end(call, running.observing, failure.clone());
        }
    }

    pub(super) fn tell_end(&mut self, call: CallId, observing: bool, failure: CallFailure) {
        let result = Err(failure);
        self.events.push_back(match observing {
            true => Event::Notification {
                call,
                result,
                last: true,
            },
            false => Event::Reply {
                call,
                result,
                observing: false,
            },
        });
    }

    fn start(
        &mut self,
        now: Instant,
        call: CallId,
        device: Destination,
        root: &str,
        operation: Downlink,
        timeout: Duration,
    ) -> Result<(), CallFailure> {
        if self.calls.len() >= self.config.calls || self.calls.contains_key(&call) {
            return Err(CallFailure::Overloaded);
        }
        let request = operation.to_request(root)?;
        let Destination {
            target, identity, ..
        } = &device;
        let peer = match (self.is_secured(target.local_endpoint), identity.is_none()) {
            (false, true) => match self.peers.touch(*target) {
                Some(peer) => Some(peer),
                None => Some(self.open(now, *target).ok_or(CallFailure::Overloaded)?),
            },
            (true, false) => self.newest_session(identity),
            // What was registered with security is never sent without, nor the other way round.
            _ => return Err(CallFailure::NoSession),
        };
        match peer {
            Some(peer) => self.run(now, call, peer, operation, request, timeout),
            None => {
                self.wait(now, call, device, operation, request, timeout);
                Ok(())
            }
        }
    }

    fn run(
        &mut self,
        now: Instant,
        call: CallId,
        peer: Peer,
        operation: Downlink,
        request: coap_codec::Request,
        timeout: Duration,
    ) -> Result<(), CallFailure> {
        let mut options = RequestOptions::default();
        options.timeout = timeout;
        let request = self.coap.request(now, peer, request, options)?;
        self.peers.count_call(peer, true);
        self.requests.insert(request, call);
        self.calls_to.entry(peer).or_default().push(call);
        let state = State::Running(request);
        self.calls.insert(
            call,
            Call {
                operation,
                observing: false,
                state,
            },
        );
        Ok(())
    }

    fn wait(
        &mut self,
        now: Instant,
        call: CallId,
        device: Destination,
        operation: Downlink,
        request: coap_codec::Request,
        timeout: Duration,
    ) {
        let until = now + timeout;
        let identity = device.identity.clone();
        self.waiting.entry(identity.clone()).or_default().push(call);
        let state = State::Waiting {
            identity,
            request,
            until,
            timer: self.timers.set(until, call),
        };
        self.calls.insert(
            call,
            Call {
                operation,
                observing: false,
                state,
            },
        );
        if device.listens {
            self.ask_to_connect(device);
        }
    }

    /// Calls that wait for a session have waited long enough.
    pub(super) fn give_up_waiting(&mut self, now: Instant) {
        while let Some(call) = self.timers.pop(now) {
            if self.forget(call).is_some() {
                self.tell_end(call, false, CallFailure::NoSession);
            }
        }
    }

    /// The calls that waited for a session of this identity go out in it.
    pub(super) fn run_waiting(&mut self, now: Instant, identity: &Identity, peer: Peer) {
        for call in self.waiting.remove(identity).unwrap_or_default() {
            let Some(Call {
                operation,
                state:
                    State::Waiting {
                        request,
                        until,
                        timer,
                        ..
                    },
                ..
            }) = self.calls.remove(&call)
            else {
                continue;
            };
            self.timers.cancel(timer);
            let timeout = until.saturating_duration_since(now);
            if let Err(failure) = self.run(now, call, peer, operation, request, timeout) {
                self.tell_end(call, false, failure);
            }
        }
    }

    /// Nobody with such an identity gets in any more: what waits for it ends.
    pub(super) fn end_waiting(&mut self, now: Instant, ends: impl Fn(&Identity) -> bool) {
        let mut calls: Vec<CallId> = self
            .waiting
            .iter()
            .filter(|(identity, _)| ends(identity))
            .flat_map(|(_, calls)| calls)
            .copied()
            .collect();
        // Not in the order of a hash table.
        calls.sort_unstable();
        let revoked = SessionEnd::Dtls(dtls_core::CloseReason::Revoked);
        self.end_calls(now, calls, &CallFailure::SessionEnded(revoked));
    }

    /// Takes a call off every list; gives the request that runs for it.
    pub(super) fn forget(&mut self, call: CallId) -> Option<(Call, Option<RequestId>)> {
        let forgotten = self.calls.remove(&call)?;
        match &forgotten.state {
            State::Running(request) => {
                let request = *request;
                let peer = request.peer();
                self.requests.remove(&request);
                self.peers.count_call(peer, false);
                if let Some(calls) = self.calls_to.get_mut(&peer) {
                    calls.retain(|&other| other != call);
                    if calls.is_empty() {
                        self.calls_to.remove(&peer);
                    }
                }
                Some((forgotten, Some(request)))
            }
            State::Waiting {
                identity, timer, ..
            } => {
                self.timers.cancel(*timer);
                if let Some(calls) = self.waiting.get_mut(identity) {
                    calls.retain(|&other| other != call);
                    if calls.is_empty() {
                        self.waiting.remove(identity);
                    }
                }
                Some((forgotten, None))
            }
        }
    }
}
