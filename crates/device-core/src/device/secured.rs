//! What sessions with servers mean for registrations.

use dtls_core::{Alert, CipherSuite, Failure, FailureReason};
use lwm2m_model::{Path, ResourceValue, Value};
use sansio::Instant;

use super::Device;
use crate::{
    AlertPolicy, Event, Reason, SecurityFault, ServerId, objects::server, registration::Goal,
    tree::SERVER,
};

impl Device {
    /// Says that a secured session with a server stands. If it does not go on with an earlier one, what the server holds
    /// was registered under another security context: the device registers anew.
    ///
    /// # Specification
    /// LwM2M 1.2 Core §6.2.1: a new security context asks for a Register. RFC 5246 §7.3: a resumed session is none.
    pub fn session_secured(
        &mut self,
        now: Instant,
        id: ServerId,
        suite: CipherSuite,
        resumed: bool,
    ) {
        let Ok(at) = self.position(id) else {
            return;
        };
        self.events.push(Event::Secured {
            server: id,
            suite,
            resumed,
        });
        // A device that leaves, or is silent, has nothing to register for.
        let live = |server: &super::Server| {
            server.registration.live().is_some() && server.registration.goal() == Goal::Registered
        };
        if !resumed && self.servers.get(at).is_some_and(live) {
            self.abandon(at, |registration| registration.restart(Some(now)));
        }
    }

    /// Says that a handshake with a server failed, and whether it is tried `again`; if not, what it was for has failed
    /// too, and is to be told by [`handle_result`](Self::handle_result).
    pub fn handshake_failed(&mut self, id: ServerId, failure: Failure, again: bool) {
        let spoken = !matches!(
            failure.reason,
            FailureReason::TimedOut | FailureReason::Cancelled | FailureReason::Evicted
        );
        if spoken {
            self.note_alert(id, failure.alert);
        }
        self.events.push(Event::HandshakeFailed {
            server: id,
            failure,
            again,
        });
    }

    /// Says that a server ended the session, with an alert or (`None`) with a plain farewell. A registered device sends an
    /// Update soon, for which a new session is made; after an alert that says no, it starts over by the retry
    /// procedure of the account.
    ///
    /// Not for a session that ends while an operation is under way: that one's result tells.
    pub fn session_lost(&mut self, now: Instant, id: ServerId, alert: Option<Alert>) {
        let Ok(at) = self.position(id) else {
            return;
        };
        if let Some(alert) = alert {
            self.note_alert(id, alert);
        }
        self.events.push(Event::SessionLost { server: id, alert });
        self.read_terms();
        let Some(server) = self.servers.get_mut(at) else {
            return;
        };
        match alert {
            Some(alert) if AlertPolicy::of(alert) == AlertPolicy::Fail => {
                let fault = SecurityFault::of_alert(alert, &server.account.security);
                let reason = Reason::Security(fault);
                let step = server
                    .registration
                    .session_refused(now, reason, &server.terms);
                self.tell(at, step);
                self.give_turns(now);
            }
            _ => server.registration.session_lost(now),
        }
    }

    /// Keeps the last alert in the Server object, where its version has a place for it.
    fn note_alert(&mut self, id: ServerId, alert: Alert) {
        if AlertPolicy::of(alert) == AlertPolicy::Ignore {
            return;
        }
        let Some(server) = self.server(id) else {
            return;
        };
        if let Ok(path) = Path::resource(SERVER, server.instance, server::ALERT_CODE) {
            let value = ResourceValue::Single(Value::Unsigned(alert.0.into()));
            // Version 1.0 of the object does not have it.
            let _ = self.tree.set(&path, Some(value));
        }
    }
}
