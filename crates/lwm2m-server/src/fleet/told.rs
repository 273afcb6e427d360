//! What the registry and the shards tell the server.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use dtls_core::{Answer, FailureReason, Question, Suites};
use lwm2m_identity::{CredentialRecord, Identity};
use lwm2m_ops::Reply;
use registry_core::{Outcome, Registration, Removal};
use sansio::Ticket;
use server_stack::{CallFailure, CallId, Event, ServerStack, Target};
use tracing::field;

use super::{NOBODY, Refused, Shared};
use crate::EventKind;
use crate::cid::Cid;
use crate::partition::Sink;
use crate::security::Later;
use crate::server::MAX_FORWARDED;
use crate::shard::{Command, Fleet};

impl Sink for Weak<Shared> {
    fn outcome(&self, outcome: Outcome) {
        if let Some(shared) = self.upgrade()
            && outcome.ticket != NOBODY
        {
            shared.tell(
                ServerStack::shard_of(outcome.ticket),
                Command::Registry(outcome),
            );
        }
    }

    fn event(&self, event: registry_core::Event, cause: Option<Ticket>) {
        let Some(shared) = self.upgrade() else { return };
        let cid = cause.filter(|&cause| cause != NOBODY).map(Cid::from);
        use registry_core::Event as Registry;
        match event {
            Registry::Registered {
                registration,
                replaced,
                ..
            } => {
                if let Some(former) = &replaced {
                    shared.replaced(former, &registration);
                }
                tracing::info!(
                    event = "registration.created",
                    ep = registration.endpoint(),
                    cid = cid.map(field::display),
                    replaced = replaced.is_some()
                );
                shared.hub.publish(
                    Some(registration.endpoint()),
                    cid,
                    EventKind::RegistrationCreated {
                        registration: registration.clone(),
                        replaced: replaced.is_some(),
                    },
                );
                shared.observe_again(registration);
            }
            Registry::Updated {
                registration,
                previous,
                diff,
                ..
            } => {
                if diff.address || previous.route() != registration.route() {
                    shared.moved(&previous, &registration);
                }
                tracing::debug!(
                    event = "registration.updated",
                    ep = registration.endpoint(),
                    cid = cid.map(field::display)
                );
                shared.hub.publish(
                    Some(registration.endpoint()),
                    cid,
                    EventKind::RegistrationUpdated {
                        registration: registration.clone(),
                        diff,
                    },
                );
                // What did not come about may do so now: the device is there.
                shared.observe_again(registration);
            }
            Registry::Removed {
                registration,
                reason,
                ..
            } => {
                // Where it has registered anew, that is told next, and says what has to end.
                let replaced =
                    reason == Removal::Replaced && shared.device(registration.endpoint()).is_some();
                if !replaced {
                    shared.leave(&registration, "the device left");
                }
                tracing::info!(
                    event = "registration.removed",
                    ep = registration.endpoint(),
                    cid = cid.map(field::display),
                    reason = reason.as_str()
                );
                let endpoint = registration.endpoint().to_owned();
                shared.hub.publish(
                    Some(&endpoint),
                    cid,
                    EventKind::RegistrationRemoved {
                        registration,
                        reason,
                    },
                );
            }
            Registry::Refused {
                interface,
                endpoint,
                reason,
                address: Some(address),
                ..
            } => {
                shared.refused(
                    endpoint.as_deref(),
                    cid,
                    Refused {
                        address,
                        code: reason.code(interface),
                        reason: reason.as_str(),
                        detail: &reason,
                    },
                );
            }
            _ => {}
        }
    }
}

impl Fleet for Weak<Shared> {
    fn notified(&self, call: CallId, result: Result<Reply, CallFailure>, last: bool) {
        let Some(shared) = self.upgrade() else { return };
        let Some((endpoint, path)) = shared.observations.find(call) else {
            return;
        };
        let cancelled = matches!(result, Err(CallFailure::Cancelled));
        let (node, problem) = match (result, shared.device(&endpoint)) {
            (Err(failure), _) => (None, Some(failure.to_string())),
            (_, None) => (None, Some("the device is not registered".to_owned())),
            (Ok(reply), Some(device)) => match shared.decode(&device, &path, reply) {
                Ok(answer) => (Some(answer.node), None),
                Err(error) => (None, Some(error.to_string())),
            },
        };
        if last {
            // Its session gave way to a new one, in which the device does not know of it.
            let again = cancelled.then(|| shared.device(&endpoint)).flatten();
            let reason = problem.unwrap_or_else(|| "the device ended it".to_owned());
            shared.observations.stopped(call, reason.clone());
            shared.publish(
                &endpoint,
                call,
                EventKind::ObservationEnded { path, reason },
            );
            if let Some(device) = again {
                shared.observe_again(device);
            }
            return;
        }
        shared.observations.value(call, node.clone());
        shared.publish(
            &endpoint,
            call,
            EventKind::ObservationNotified {
                path,
                node,
                problem,
            },
        );
    }

    fn refused(&self, cid: Cid, target: Target, refusal: &lwm2m_ops::Refusal) {
        let Some(shared) = self.upgrade() else { return };
        shared.refused(
            None,
            Some(cid),
            Refused {
                address: target.address,
                code: refusal.code,
                reason: refusal.reason.as_str(),
                detail: refusal,
            },
        );
    }

    fn session(&self, event: Event) {
        let Some(shared) = self.upgrade() else { return };
        let (identity, kind) = match event {
            Event::SessionOpened {
                identity,
                target,
                suite,
                resumed,
                connection_id,
                ..
            } => {
                let address = target.address;
                let mode = identity.mode();
                tracing::info!(event = "session.opened", %address, mode, %suite, resumed, connection_id);
                let kind = EventKind::SessionOpened {
                    identity: identity.clone(),
                    address,
                    suite,
                    resumed,
                    connection_id,
                };
                (identity, kind)
            }
            Event::SessionMoved {
                identity, from, to, ..
            } => {
                let (from, to) = (from.address, to.address);
                tracing::info!(event = "session.moved", %from, %to);
                let kind = EventKind::SessionMoved {
                    identity: identity.clone(),
                    from,
                    to,
                };
                (identity, kind)
            }
            Event::SessionClosed {
                identity,
                target,
                reason,
                ..
            } => {
                let address = target.address;
                tracing::info!(event = "session.closed", %address, reason = reason.as_str());
                let kind = EventKind::SessionClosed {
                    identity: identity.clone(),
                    address,
                    reason: reason.as_str(),
                    detail: reason.to_string(),
                };
                (identity, kind)
            }
            Event::HandshakeFailed {
                target, failure, ..
            } => {
                // A device that began anew has not failed.
                if failure.reason != FailureReason::Cancelled {
                    shared.handshake_failed(target.address, failure);
                }
                return;
            }
            _ => return,
        };
        shared.sessions.note(&identity, &kind);
        let device = shared.of_identity(&identity);
        let endpoint = device.as_ref().map(Registration::endpoint);
        let resumed = matches!(kind, EventKind::SessionOpened { resumed: true, .. });
        shared.hub.publish(endpoint, None, kind);
        // After a full handshake the device registers, and is asked then.
        if let Some(device) = device.filter(|_| resumed) {
            shared.observe_again(device);
        }
    }

    fn answer(&self, question: Question) -> Later<Answer> {
        match self.upgrade() {
            Some(shared) => shared.keeper.answer(question),
            None => Box::pin(std::future::ready(Answer::Psk(None))),
        }
    }

    fn client(&self, identity: &Identity) -> Later<Option<Arc<dyn Suites>>> {
        match self.upgrade() {
            Some(shared) => shared.keeper.client(identity),
            None => Box::pin(std::future::ready(None)),
        }
    }

    fn owner(&self, identity: Identity) -> Later<Option<CredentialRecord>> {
        match self.upgrade() {
            Some(shared) => {
                let owner = shared.keeper.records().owner(identity);
                Box::pin(async move { owner.await.ok().flatten() })
            }
            None => Box::pin(std::future::ready(None)),
        }
    }

    fn is_registered(&self, identity: &Identity) -> bool {
        self.upgrade()
            .is_some_and(|shared| shared.of_identity(identity).is_some())
    }

    fn tell(&self, shard: u16, command: Command) {
        if let Some(shared) = self.upgrade() {
            shared.tell(shard, command);
        }
    }

    fn forward(&self, shard: u16, from: Target, datagram: &[u8]) {
        let Some(shared) = self.upgrade() else { return };
        let Some(link) = shared.shards.get(usize::from(shard)) else {
            return;
        };
        if link.forwarded.fetch_add(1, Ordering::Relaxed) >= MAX_FORWARDED {
            link.forwarded.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let command = Command::Datagram(from, datagram.to_vec());
        let _ = link.commands.send(command);
    }

    fn forwarded(&self, shard: u16) {
        if let Some(shared) = self.upgrade()
            && let Some(link) = shared.shards.get(usize::from(shard))
        {
            link.forwarded.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
