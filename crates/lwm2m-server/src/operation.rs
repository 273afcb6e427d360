use std::time::Instant;

use coap_codec::Code;
use lwm2m_model::Path;
use lwm2m_ops::Downlink;
use server_stack::CallId;

use crate::call::CallError;
use crate::cid::Cid;
use crate::event::EventKind;
use crate::fleet::Shared;

/// An operation that was asked for and whose end is told: by what came of it, or as withdrawn when it is dropped.
pub(crate) struct Underway<'a> {
    shared: &'a Shared,
    endpoint: &'a str,
    operation: &'static str,
    path: Path,
    call: CallId,
    begun: Instant,
    /// What the device answered, as far as it has.
    pub(crate) code: Option<Code>,
    told: bool,
}

impl<'a> Underway<'a> {
    pub(crate) fn begin(shared: &'a Shared, endpoint: &'a str, operation: &Downlink) -> Self {
        let underway = Self {
            shared,
            endpoint,
            operation: operation.name(),
            path: operation.path(),
            call: shared.fresh_call(),
            begun: Instant::now(),
            code: None,
            told: false,
        };
        tracing::debug!(
            event = "operation.asked",
            ep = endpoint,
            cid = %Cid::from(underway.call),
            operation = underway.operation,
            path = %underway.path
        );
        underway
    }

    /// The call that carries the operation.
    pub(crate) fn call(&self) -> CallId {
        self.call
    }

    /// Tells how it ended.
    pub(crate) fn end<T>(mut self, result: Result<T, CallError>) -> Result<T, CallError> {
        match (&result, self.code) {
            (Ok(_), Some(code)) => {
                let Self {
                    operation, path, ..
                } = self;
                let took = self.begun.elapsed();
                self.tell(EventKind::OperationDone {
                    operation,
                    path,
                    code,
                    took,
                });
            }
            // Nothing succeeds without an answer.
            (Ok(_), None) => self.told = true,
            (Err(error), _) => self.failed(error.id(), error.to_string()),
        }
        result
    }

    fn failed(&mut self, reason: &'static str, detail: String) {
        tracing::info!(
            event = "operation.failed",
            ep = self.endpoint,
            cid = %Cid::from(self.call),
            reason,
            operation = self.operation,
            path = %self.path
        );
        self.tell(EventKind::OperationFailed {
            operation: self.operation,
            path: self.path,
            code: self.code,
            reason,
            detail,
            took: self.begun.elapsed(),
        });
    }

    fn tell(&mut self, kind: EventKind) {
        self.told = true;
        self.shared.publish(self.endpoint, self.call, kind);
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.failed("withdrawn", "whoever asked for it did not wait".to_owned());
        }
    }
}
