use coap_codec::{Code, ContentFormat, OptionNumber, Request, Response};
use coap_endpoint::ExchangeId;
use hashbrown::HashMap;
use lwm2m_identity::Identity;
use lwm2m_ops::{DecodeContext, Operation, Refusal, Refused, decode};
use registry_core::{Caller, Op, Outcome};
use sansio::Ticket;

use crate::{Config, Effect, Target};

/// Registration requests on their way to the registry and back.
#[derive(Debug)]
pub(crate) struct Uplinks {
    waiting: HashMap<Ticket, ExchangeId>,
    next: u64,
}

impl Uplinks {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            waiting: HashMap::new(),
            next: u64::from(config.shard) << SHARD_SHIFT,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Turns a device's request into work for the registry, or into the answer that needs none.
    pub(crate) fn ask(
        &mut self,
        sender: Sender,
        exchange: ExchangeId,
        request: &Request,
        confirmable: bool,
        config: &Config,
    ) -> Result<Effect, (Response, Option<(Ticket, Refusal)>)> {
        if let Some(response) = discovery(request) {
            return Err((response, None));
        }
        let uplink = match decode(&DecodeContext::registration(confirmable), request) {
            Ok(Operation::Uplink(uplink)) => uplink,
            // The registration interface has no other operations.
            Ok(_) => return Err((Response::new(Code::METHOD_NOT_ALLOWED), None)),
            Err(refusal) => {
                let response = if config.explain_to_strangers || !sender.identity.is_none() {
                    Refused::from(&refusal).to_response()
                } else {
                    Refused::from(refusal.code).to_response()
                };
                return Err((response, Some((self.ticket(), refusal))));
            }
        };
        if self.waiting.len() >= config.uplinks {
            let mut response = Response::new(Code::SERVICE_UNAVAILABLE);
            let after = u32::try_from(config.retry_after.as_secs()).unwrap_or(u32::MAX);
            response.options.insert_uint(OptionNumber::MAX_AGE, after);
            return Err((response, None));
        }
        let Sender { target, identity } = sender;
        let mut caller = Caller::new(identity, target.address, target.local_endpoint);
        caller.route = config.shard;
        let Some(op) = Op::uplink(caller, uplink) else {
            return Err((Response::new(Code::METHOD_NOT_ALLOWED), None));
        };
        let ticket = self.ticket();
        self.waiting.insert(ticket, exchange);
        Ok(Effect::Registry {
            ticket,
            partition: op.partition(config.partitions),
            op,
        })
    }

    fn ticket(&mut self) -> Ticket {
        let ticket = Ticket::new(self.next);
        self.next = self.next.wrapping_add(1);
        ticket
    }

    /// The exchange that an outcome ends.
    pub(crate) fn end(&mut self, outcome: &Outcome) -> Option<ExchangeId> {
        self.waiting.remove(&outcome.ticket)
    }
}

/// Who sent a request, and what is known of it.
pub(crate) struct Sender {
    pub(crate) target: Target,
    pub(crate) identity: Identity,
}

/// `GET /.well-known/core`: where devices register (RFC 6690 §4).
fn discovery(request: &Request) -> Option<Response> {
    let options = request.options.as_options();
    let mut path = options.all(OptionNumber::URI_PATH);
    let asked = path.next() == Some(b".well-known") && path.next() == Some(b"core");
    if !asked || path.next().is_some() || request.code != Code::GET {
        return None;
    }
    Some(
        Response::new(Code::CONTENT)
            .content_format(ContentFormat::LINK)
            .payload("</rd>;rt=\"core.rd\""),
    )
}

/// Ticket numbers carry the shard in their upper bits, so that an outcome finds its shard.
pub(crate) const SHARD_SHIFT: u32 = 48;
