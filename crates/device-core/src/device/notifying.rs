//! When servers that observe are told.

use alloc::vec::Vec;

use lwm2m_ops::{Refused, Reply};
use sansio::Instant;

use super::{Device, Server};
use crate::{
    Effect, Event, ObjectError, ServerId,
    observation::{Observation, Periods},
    registration::Goal,
    serve::{self, Failure, Terms},
};

impl Device {
    /// Looks at what has changed, and sends what is due.
    pub(super) fn step_observations(&mut self, now: Instant) {
        let touched = match self.tree.has_touched() {
            true => self.tree.take_touched(),
            false => Vec::new(),
        };
        if self.observations.len() == 0 {
            return;
        }
        for at in 0..self.observations.len() {
            let Some(observation) = self.observations.get_mut(at) else {
                break;
            };
            let looked =
                !observation.pending && touched.iter().any(|path| observation.concerns(path));
            let Some(sending) = self.sending(at) else {
                continue;
            };
            if looked {
                self.look(now, at, &sending);
            }
            let Some(observation) = self.observations.get_mut(at) else {
                break;
            };
            if sending.allowed
                && observation
                    .due(sending.periods)
                    .is_some_and(|due| due <= now)
            {
                self.notify(now, at, &sending);
            }
        }
        self.drop_ended();
    }

    /// When the next notification is due, as far as it depends on time alone.
    pub(super) fn next_notification(&self) -> Option<Instant> {
        let due = |observation: &Observation| {
            let server = self.server(observation.server)?;
            let terms = Sending::new(server)?;
            observation.due(terms.periods).filter(|_| terms.allowed)
        };
        self.observations.iter().filter_map(due).min()
    }

    /// Ends all observations of a server without a word.
    pub(super) fn drop_observations(&mut self, id: ServerId) {
        for gone in self.observations.extract(|known| known.server == id) {
            self.end(&gone);
            self.effects.push_back(Effect::EndRelation {
                server: id,
                relation: gone.relation,
            });
        }
    }

    fn sending(&self, at: usize) -> Option<Sending> {
        let observation = self.observations.iter().nth(at)?;
        let server = self.server(observation.server)?;
        Sending::new(server)
    }

    /// Compares what an observation shows with what the server was told.
    fn look(&mut self, now: Instant, at: usize, sending: &Sending) {
        let content = self.content(at, sending);
        let Some(observation) = self.observations.get_mut(at) else {
            return;
        };
        match content {
            Ok(payload) if payload == observation.told => {}
            // Not stored: what happens while the server cannot be told is lost.
            Ok(payload) if !sending.allowed && !sending.stores => observation.told(now, payload),
            // What cannot be read any more is told as well, by its error.
            Ok(_) | Err(_) => observation.pending = true,
        }
    }

    fn content(&self, at: usize, sending: &Sending) -> Result<bytes::Bytes, Failure> {
        let Some(observation) = self.observations.iter().nth(at) else {
            return Err(ObjectError::NotFound.into());
        };
        let terms = Terms {
            version: sending.version,
            root: &self.config.root,
            formats: &self.config.formats,
            max_payload: self.config.max_payload,
        };
        serve::content(&self.tree, terms, &observation.path, observation.format)
    }

    fn notify(&mut self, now: Instant, at: usize, sending: &Sending) {
        let content = self.content(at, sending);
        let Some(observation) = self.observations.get_mut(at) else {
            return;
        };
        let reply = match content {
            Ok(payload) => {
                observation.told(now, payload.clone());
                Reply::Content {
                    format: Some(observation.format),
                    payload,
                }
            }
            Err(Failure { error, .. }) => {
                observation.ended = true;
                Reply::Refused(Refused::new(error.code(), ""))
            }
        };
        self.effects.push_back(Effect::Notify {
            server: observation.server,
            relation: observation.relation,
            reply,
            confirmable: sending
                .confirmable
                .unwrap_or(self.config.confirmable_notifications),
        });
    }

    /// Forgets the observations whose target is gone.
    fn drop_ended(&mut self) {
        for gone in self.observations.extract(|known| known.ended) {
            self.end(&gone);
        }
    }

    fn end(&mut self, gone: &Observation) {
        self.events.push(Event::ObservationEnded {
            server: gone.server,
            path: gone.path,
        });
    }
}

/// How notifications to a server go.
struct Sending {
    version: lwm2m_model::Lwm2mVersion,
    periods: Periods,
    /// Whether the server may be sent to now.
    allowed: bool,
    /// Whether changes are kept until it may.
    stores: bool,
    confirmable: Option<bool>,
}

impl Sending {
    /// `None` when there is no registration, and so no observation.
    fn new(server: &Server) -> Option<Self> {
        let terms = &server.terms;
        let live = server.registration.live()?;
        Some(Self {
            version: live.version,
            periods: Periods {
                min: terms.min_period.unwrap_or(0),
                max: terms.max_period,
            },
            allowed: server.registration.goal() == Goal::Registered,
            stores: terms.store_notifications,
            confirmable: terms.confirmable_notifications,
        })
    }
}
