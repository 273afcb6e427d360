//! A device's side of the operations of a server.

use core::time::Duration;

use lwm2m_model::Path;
use lwm2m_ops::{Downlink, Execute, Observe, Refused, Reply};
use sansio::Instant;

use super::{Device, Server};
use crate::{
    Effect, Event, ObjectError, Relation, ServerId,
    discover::discover,
    objects::server::{BOOTSTRAP_TRIGGER, DISABLE, UPDATE_TRIGGER},
    observation::Observation,
    registration::Goal,
    serve::{self, Failure, Terms},
    tree::SERVER,
};

/// What to do with a request of a server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Served {
    /// Send nothing: the device is not registered with this server.
    Ignored,
    /// Send this answer.
    Answer(Reply),
    /// Send this answer, and accept the observation: then call [`Device::observed`].
    Observable(Reply),
}

impl Device {
    /// Carries out an operation of a server.
    ///
    /// The answer has to go out before [`poll_effect`](Self::poll_effect) and [`poll_event`](Self::poll_event) are
    /// asked again, so that a device that was told to reboot or to be silent says first that it will.
    ///
    /// # Specification
    /// LwM2M 1.2 Core §6.2.1: a device ignores operations until it has registered. The codes are those of the
    /// transport binding, §6.4.4.
    pub fn serve(&mut self, now: Instant, id: ServerId, operation: &Downlink) -> Served {
        let Some(server) = self.server(id).filter(|_| self.serves(id)) else {
            return Served::Ignored;
        };
        let version = server.registration.version();
        // Out of the way while the device changes itself.
        let root = core::mem::take(&mut self.config.root);
        let formats = core::mem::take(&mut self.config.formats);
        let terms = Terms {
            version,
            root: &root,
            formats: &formats,
            max_payload: self.config.max_payload,
        };
        let done = self.perform(now, id, terms, operation);
        self.config.root = root;
        self.config.formats = formats;
        match done {
            Ok(reply) => match operation {
                Downlink::Observe(_) if !self.observations.is_full() => Served::Observable(reply),
                _ => Served::Answer(reply),
            },
            Err(Failure { error, diagnostic }) => {
                let diagnostic = match self.config.diagnostics {
                    true => diagnostic.as_str(),
                    false => "",
                };
                let refused = Refused::new(error.code(), diagnostic);
                Served::Answer(Reply::Refused(refused))
            }
        }
    }

    /// Takes note of an observation that [`serve`](Self::serve) called [`Served::Observable`], once the layer below has
    /// accepted it as `relation`. `reply` is what the server was told.
    pub fn observed(
        &mut self,
        now: Instant,
        server: ServerId,
        relation: Relation,
        observe: &Observe,
        reply: &Reply,
    ) {
        let Reply::Content {
            format: Some(format),
            payload,
        } = reply
        else {
            self.effects
                .push_back(Effect::EndRelation { server, relation });
            return;
        };
        let path = observe.path();
        self.relation_ended(relation);
        self.observations.push(Observation::new(
            now,
            server,
            relation,
            path,
            *format,
            payload.clone(),
        ));
        self.events.push(Event::Observed { server, path });
    }

    /// Forgets an observation that the layer below or the server has ended.
    pub fn relation_ended(&mut self, relation: Relation) {
        for gone in self
            .observations
            .extract(|known| known.relation == relation)
        {
            self.events.push(Event::ObservationEnded {
                server: gone.server,
                path: gone.path,
            });
        }
    }

    /// Notifies at the next opportunity, changed or not: the layer below has to know that the server still listens.
    ///
    /// # Specification
    /// RFC 7641 §4.5.
    pub fn relation_due(&mut self, relation: Relation) {
        for observation in self.observations.iter_mut() {
            observation.overdue |= observation.relation == relation;
        }
    }

    fn perform(
        &mut self,
        now: Instant,
        server: ServerId,
        terms: Terms<'_>,
        operation: &Downlink,
    ) -> Result<Reply, Failure> {
        let read = |path: Path, accept| {
            let (format, payload) = serve::read(&self.tree, terms, &path, accept)?;
            Ok(Reply::Content {
                format: Some(format),
                payload,
            })
        };
        match operation {
            Downlink::Read(operation) => read(operation.path(), operation.accept()),
            Downlink::Observe(operation) => read(operation.path(), operation.accept()),
            Downlink::Cancel(operation) => read(operation.path(), operation.accept()),
            Downlink::Discover(operation) => {
                let links = discover(&self.tree, operation, terms.version, terms.root)?;
                Ok(Reply::Content {
                    format: Some(coap_codec::ContentFormat::LINK),
                    payload: links.into(),
                })
            }
            Downlink::Write(operation) => {
                serve::write(&mut self.tree, terms, operation)?;
                let path = operation.path();
                self.events.push(Event::Written { server, path });
                Ok(Reply::Changed)
            }
            Downlink::Execute(operation) => self.execute(now, server, operation),
            Downlink::Create(operation) => {
                let (paths, chosen) = serve::create(&mut self.tree, terms, operation)?;
                let location = paths.first().copied().filter(|_| chosen);
                for path in paths {
                    self.events.push(Event::Created { server, path });
                }
                Ok(Reply::Created(location))
            }
            Downlink::Delete(operation) => {
                serve::delete(&mut self.tree, terms, operation)?;
                let path = operation.path();
                self.events.push(Event::Deleted { server, path });
                Ok(Reply::Deleted)
            }
            _ => Err(ObjectError::NotAllowed.into()),
        }
    }

    fn execute(
        &mut self,
        now: Instant,
        server: ServerId,
        operation: &Execute,
    ) -> Result<Reply, Failure> {
        let path = operation.path();
        let own = match *path.ids() {
            [SERVER, instance, resource] => Some((instance, resource)),
            _ => None,
        };
        // "If no Bootstrap-Server account exists, the device rejects it": there is none so far.
        if matches!(own, Some((_, BOOTSTRAP_TRIGGER))) {
            self.tree.instantiated(&path)?;
            return Err(ObjectError::NotAllowed.into());
        }
        serve::execute(&mut self.tree, operation)?;
        if let Some((instance, resource)) = own {
            self.act_on_server_object(now, instance, resource);
        }
        self.events.push(Event::Executed {
            server,
            path,
            arguments: operation.arguments().clone(),
        });
        Ok(Reply::Changed)
    }

    fn act_on_server_object(&mut self, now: Instant, instance: u16, resource: u16) {
        self.read_terms();
        let of_instance = |server: &&mut Server| server.instance == instance;
        let Some(server) = self.servers.iter_mut().find(of_instance) else {
            return;
        };
        let silence = server.terms.disable_timeout;
        let registration = &mut server.registration;
        match resource {
            // Whoever is out, or leaves, is brought back by neither.
            DISABLE if registration.goal() == Goal::Registered => {
                let seconds = silence.unwrap_or(DEFAULT_DISABLE_TIMEOUT);
                registration.leave(Goal::Disabled(Duration::from_secs(seconds.into())));
            }
            UPDATE_TRIGGER if registration.goal() == Goal::Registered => {
                registration.want_update();
                // A server that is waited for in the back-off is tried at once.
                if registration.is_out() && registration.not_before.is_some() {
                    registration.not_before = Some(now);
                }
            }
            _ => {}
        }
    }
}

/// LwM2M 1.2 Core §E.2, resource 5 when absent: a day.
const DEFAULT_DISABLE_TIMEOUT: u32 = 86_400;
