//! A client and a server over links that lose, reorder and duplicate: whatever happens, no result is wrong, no
//! action is done twice, and nothing is left in any table after the lifetimes.
//!
//! Loss {0, 10, 30 %} × reordering {0, 10 %} × duplication {0, 10 %}, 3 seeds each, 50 with `LWM2M_LONG=1`.

mod support;

use std::collections::HashMap;
use std::time::Duration;

use coap_codec::{BlockSize, Code, OptionNumber, Request, Response};
use coap_endpoint::{
    Config, Event, ExchangeId, Failure, Notify, ObserveRequest, RelationId, RequestId,
    RequestOptions,
};
use sansio::{Instant, Rng};
use support::*;

/// The body that belongs to a number: 4 KiB that begin with it.
fn body(number: u32) -> Vec<u8> {
    let mut rng = Rng::from_seed([number as u8; 32]);
    let mut bytes = vec![0; 4096];
    rng.fill(&mut bytes);
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

/// The server's application: a value of 4 KiB, a counter to observe, an action to execute.
struct Server {
    rng: Rng,
    value: u32,
    counter: u32,
    relation: Option<RelationId>,
    /// How often each write and each action was carried out.
    done: HashMap<Vec<u8>, u32>,
    /// Answers that take their time.
    later: Vec<(Instant, ExchangeId, Response, bool)>,
}

struct World {
    pair: Pair,
    server: Server,
    client: Vec<Event>,
    seen: Vec<u32>,
}

impl World {
    fn new(seed: u64, loss: u32, reorder: u32, duplicate: u32) -> Self {
        let mut for_server = Config::default();
        // Every other server likes other blocks than the client.
        for_server.block_size =
            [BlockSize::B1024, BlockSize::B256, BlockSize::B64][seed as usize % 3];
        let pair = Pair::new(
            [Config::default(), for_server],
            seed,
            loss,
            reorder,
            duplicate,
        );
        let server = Server {
            rng: Rng::from_seed([seed as u8; 32]),
            value: 0,
            counter: 0,
            relation: None,
            done: HashMap::new(),
            later: Vec::new(),
        };
        Self {
            pair,
            server,
            client: Vec::new(),
            seen: Vec::new(),
        }
    }

    fn serve(&mut self) {
        let now = self.pair.now;
        while let Some(event) = self.pair.server.poll_event() {
            match event {
                Event::Request {
                    exchange,
                    request,
                    observe,
                    ..
                } => {
                    let (response, accept) = self.server.handle(&request, observe);
                    let slow = self.server.rng.below(4) == 0;
                    let at = now + if slow { millis(1500) } else { Duration::ZERO };
                    self.server.later.push((at, exchange, response, accept));
                }
                Event::RelationEnded { relation, .. } => {
                    if self.server.relation == Some(relation) {
                        self.server.relation = None;
                    }
                }
                Event::PeerVerified { .. } | Event::PeerIdle { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        let (due, later) = std::mem::take(&mut self.server.later)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        self.server.later = later;
        for (_, exchange, response, accept) in due {
            if accept {
                let relation = self
                    .pair
                    .server
                    .respond_observed(now, exchange, response)
                    .unwrap();
                self.server.relation = relation;
            } else {
                self.pair.server.respond(now, exchange, response).unwrap();
            }
        }
        while let Some(event) = self.pair.client.poll_event() {
            match event {
                Event::Notification { response, last, .. } => {
                    assert!(!last);
                    let counter = number(&response.payload);
                    assert!(
                        self.seen.last() < Some(&counter),
                        "{:?} then {counter}",
                        self.seen
                    );
                    self.seen.push(counter);
                }
                Event::PeerVerified { .. } | Event::PeerIdle { .. } => {}
                event => self.client.push(event),
            }
        }
    }

    /// Runs until the client is told something, or `until`.
    fn run(&mut self, until: Instant) {
        loop {
            self.serve();
            if !self.client.is_empty() {
                return;
            }
            let later = self.server.later.iter().map(|later| later.0).min();
            let next = [self.pair.next(), later].into_iter().flatten().min();
            match next.filter(|&at| at <= until) {
                Some(at) => self.pair.step(at),
                None => {
                    self.pair.step(until);
                    self.serve();
                    return;
                }
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.pair.now + time;
        self.run(until);
        while self.pair.now < until && self.client.is_empty() {
            self.run(until);
        }
    }

    fn request(&mut self, request: Request) -> RequestId {
        let now = self.pair.now;
        self.pair
            .client
            .request(now, PEER, request, RequestOptions::default())
            .unwrap()
    }

    /// Waits for what became of a request. One that is never told anything about is a defect.
    fn outcome(&mut self, id: RequestId) -> Result<Response, Failure> {
        self.run(self.pair.now + secs(3600));
        assert_eq!(
            self.client.len(),
            1,
            "one outcome for one request: {:?}",
            self.client
        );
        match self.client.remove(0) {
            Event::Response {
                request, response, ..
            } if request == id => Ok(response),
            Event::Failed {
                request, failure, ..
            } if request == id => Err(failure),
            other => panic!("{other:?}"),
        }
    }
}

impl Server {
    fn handle(&mut self, request: &Request, observe: Option<ObserveRequest>) -> (Response, bool) {
        let path = request.options.as_options().get(OptionNumber::URI_PATH);
        match (request.code, path) {
            (Code::GET, Some(b"value")) => (
                Response::new(Code::CONTENT).payload(body(self.value)),
                false,
            ),
            (Code::GET, Some(b"small")) => (Response::new(Code::CONTENT).payload("small"), false),
            (Code::GET, Some(b"counter")) => {
                let state =
                    Response::new(Code::CONTENT).payload(self.counter.to_be_bytes().to_vec());
                (state, observe == Some(ObserveRequest::Register))
            }
            (Code::PUT, Some(b"value")) => {
                let value = number(&request.payload);
                assert_eq!(
                    request.payload,
                    body(value),
                    "what was written is what was sent"
                );
                *self.done.entry(request.payload[..4].to_vec()).or_default() += 1;
                self.value = value;
                (Response::new(Code::CHANGED), false)
            }
            (Code::POST, Some(b"action")) => {
                *self.done.entry(request.payload.to_vec()).or_default() += 1;
                (Response::new(Code::CHANGED), false)
            }
            other => panic!("{other:?}"),
        }
    }
}

fn scenario(seed: u64, loss: u32, reorder: u32, duplicate: u32) {
    let mut world = World::new(seed, loss, reorder, duplicate);
    let clean = loss == 0;
    for round in 1..=3u32 {
        let id = world.request(Request::new(Code::GET).path("small"));
        match world.outcome(id) {
            Ok(response) => assert_eq!(response.payload, "small"),
            Err(failure) => assert!(!clean, "{failure}"),
        }
        let action = format!("action {round}");
        let id = world.request(
            Request::new(Code::POST)
                .path("action")
                .payload(action.clone()),
        );
        let outcome = world.outcome(id);
        let done = world
            .server
            .done
            .get(action.as_bytes())
            .copied()
            .unwrap_or(0);
        assert!(done <= 1, "an action was done {done} times");
        match outcome {
            Ok(response) => assert_eq!((response.code, done), (Code::CHANGED, 1)),
            Err(failure) => assert!(!clean, "{failure}"),
        }
        let id = world.request(Request::new(Code::PUT).path("value").payload(body(round)));
        match world.outcome(id) {
            Ok(response) if response.code == Code::CHANGED => {
                assert_eq!(
                    world.server.value, round,
                    "success was told for a lost write"
                );
            }
            Ok(response) => assert!(!clean, "{}", response.code),
            Err(failure) => assert!(!clean, "{failure}"),
        }
        let id = world.request(Request::new(Code::GET).path("value"));
        match world.outcome(id) {
            Ok(response) => assert_eq!(response.payload, body(world.server.value)),
            Err(failure) => assert!(!clean, "{failure}"),
        }
    }
    for (what, count) in &world.server.done {
        assert_eq!(*count, 1, "{what:?}");
    }
    observe(&mut world, clean);
    // The lifetimes pass.
    for _ in 0..20 {
        world.pass(secs(60));
        world.client.clear();
    }
    for endpoint in [&world.pair.client, &world.pair.server] {
        let tables = endpoint.tables();
        assert!(tables.is_quiet(), "{tables:?}");
        assert!(endpoint.is_idle(PEER));
    }
}

fn observe(world: &mut World, clean: bool) {
    let id = world.request(Request::new(Code::GET).path("counter").observe(0));
    let observing = match world.outcome(id) {
        Ok(response) => {
            world.seen.push(number(&response.payload));
            true
        }
        Err(failure) => {
            assert!(!clean, "{failure}");
            false
        }
    };
    for counter in 1..=20 {
        world.server.counter = counter;
        if let Some(relation) = world.server.relation {
            let state = Response::new(Code::CONTENT).payload(counter.to_be_bytes().to_vec());
            let how = match counter % 4 {
                0 => Notify::Confirmable,
                _ => Notify::NonConfirmable,
            };
            world
                .pair
                .server
                .notify(world.pair.now, relation, state, how)
                .unwrap();
        }
        let pause = millis(500 + u64::from(world.server.rng.below(4000)));
        world.pass(pause);
    }
    world.pass(secs(100));
    assert!(world.client.is_empty(), "{:?}", world.client);
    if observing && world.server.relation.is_some() {
        assert_eq!(
            world.seen.last(),
            Some(&20),
            "the last state arrives in the end: {:?}",
            world.seen
        );
    }
    if clean && observing {
        assert!(world.server.relation.is_some());
    }
    if observing {
        let now = world.pair.now;
        world.pair.client.cancel_observation(now, id, true).unwrap();
        match world.outcome(id) {
            Ok(response) => assert_eq!(number(&response.payload), 20),
            Err(failure) => assert!(!clean, "{failure}"),
        }
        world.pass(secs(10));
        // One that could not be told ends by the Reset of its next notification.
    }
    if let Some(relation) = world.server.relation.take() {
        let gone = Response::new(Code::NOT_FOUND);
        let _ = world
            .pair
            .server
            .notify(world.pair.now, relation, gone, Notify::Confirmable);
    }
    if !observing {
        world.pair.client.cancel(world.pair.now, id);
    }
}

fn cells(losses: &[u32]) {
    let seeds = if long() { 50 } else { 3 };
    for &loss in losses {
        for reorder in [0, 10] {
            for duplicate in [0, 10] {
                for seed in 0..seeds {
                    let cell = format!(
                        "seed {seed}, loss {loss}, reorder {reorder}, duplicate {duplicate}"
                    );
                    let run = || scenario(seed, loss, reorder, duplicate);
                    if std::panic::catch_unwind(run).is_err() {
                        panic!("failed with {cell}");
                    }
                }
            }
        }
    }
}

#[test]
fn loss_0() {
    cells(&[0]);
}

#[test]
fn loss_10() {
    cells(&[10]);
}

#[test]
fn loss_30() {
    cells(&[30]);
}
