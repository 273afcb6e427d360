//! The store behind the effects: slow, down, in conflict, out of order, and there again after a restart.

mod support;

use coap_codec::Code;
use core::time::Duration;
use lwm2m_identity::Identity;
use lwm2m_ops::{Deregister, ObjectList, Register, RegistrationId, Update};
use lwm2m_store::{Batch, CommitError, Down, Key, Version, Write};
use registry_core::{
    Config, DecodeErrorKind, Done, Effect, EffectResult, Event, Op, REGISTRATION_KIND,
    Registration, Removal,
};
use sansio::{Instant, Ticket};
use support::*;

const A: &str = "192.0.2.1:5683";
const B: &str = "192.0.2.2:5683";

fn key(endpoint: &str) -> Key {
    Key::new(REGISTRATION_KIND, endpoint.to_owned())
}

fn register_op(endpoint: &str) -> Op {
    let list = ObjectList::parse(LINKS).unwrap();
    Op::Register {
        caller: nosec(A),
        register: Register::new(endpoint, lwm2m_model::Lwm2mVersion::V1_1, list),
    }
}

fn update_op(id: RegistrationId, lifetime: u32) -> Op {
    let mut update = Update::new(id);
    update.lifetime = Some(lwm2m_ops::Lifetime::from_seconds(lifetime));
    Op::Update {
        caller: nosec(A),
        update,
    }
}

fn stored(server: &Server, endpoint: &str) -> Option<Registration> {
    server
        .store
        .load(&key(endpoint))
        .map(|record| Registration::decode(record.value).unwrap())
}

fn effects(server: &mut Server) -> Vec<Effect> {
    core::iter::from_fn(|| server.registry.poll_effect()).collect()
}

fn outcomes(server: &mut Server) -> Vec<(u64, Code)> {
    core::iter::from_fn(|| server.registry.poll_outcome())
        .map(|outcome| (outcome.ticket.get(), outcome.to_response().code))
        .collect()
}

fn answer(server: &mut Server, effect: Effect) {
    let (ticket, result) = (effect.ticket(), server.carry_out(effect));
    server.registry.handle_effect(server.now, ticket, result);
}

#[test]
fn records_are_what_the_registry_holds() {
    let mut server = Server::new();
    server.registry.set_clock(server.now, secs(1_800_000_000));
    let id = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1", "lt=300", "x=y"]);
    let record = server.store.load(&key("lamp")).expect("committed");
    assert_eq!(
        record.due,
        Some(1_800_000_000 + 300 + 60),
        "lifetime and slack"
    );
    assert_eq!(
        Registration::decode(record.value).as_ref(),
        Ok(server.registry.by_id(&id).unwrap())
    );
    assert_eq!(
        server.registry.by_id(&id).unwrap().expires_at(),
        Some(1_800_000_300_000)
    );
    assert_eq!(server.update(&nosec(A), &id, &["lt=0"]), Code::CHANGED);
    assert_eq!(
        server.store.load(&key("lamp")).expect("committed").due,
        None
    );
    assert_eq!(server.deregister(&nosec(A), &id), Code::DELETED);
    assert!(server.store.is_empty());
}

#[test]
fn a_slow_store_keeps_answers_back_and_order() {
    let mut server = Server::new();
    let first = server.begin(register_op("lamp")).get();
    let other = server.begin(register_op("other")).get();
    let again = server.begin(register_op("lamp")).get();
    let remove = server
        .begin(Op::Remove {
            endpoint: "lamp".into(),
        })
        .get();
    assert_eq!(
        outcomes(&mut server),
        [],
        "nobody is answered before the store did"
    );
    assert_eq!(server.registry.stats().waiting, 2);
    assert!(server.registry.by_endpoint("lamp").is_none());

    let mut waiting = effects(&mut server);
    assert_eq!(waiting.len(), 2, "one effect for each endpoint");
    answer(&mut server, waiting.pop().unwrap()); // the later one first
    let commit = effects(&mut server).pop().unwrap();
    answer(&mut server, commit);
    assert_eq!(outcomes(&mut server), [(other, Code::CREATED)]);

    answer(&mut server, waiting.pop().unwrap());
    server.pump();
    let order: Vec<_> = server
        .outcomes
        .iter()
        .map(|outcome| outcome.ticket.get())
        .collect();
    assert_eq!(order, [first, again, remove], "one endpoint, one order");
    assert!(server.registry.by_endpoint("lamp").is_none() && stored(&server, "lamp").is_none());
    server.outcomes.clear();
    server.assert_quiet();
}

#[test]
fn what_waits_is_bounded() {
    let mut config = Config::default();
    (config.max_waiting, config.max_pending) = (2, 3);
    let mut server = Server::with(config);
    for _ in 0..3 {
        server.begin(register_op("lamp"));
    }
    let busy = server.begin(register_op("lamp")).get();
    assert_eq!(
        outcomes(&mut server),
        [(busy, Code::SERVICE_UNAVAILABLE)],
        "one running, two waiting"
    );
    server.begin(register_op("b"));
    server.begin(register_op("c"));
    let busy = server.begin(register_op("d")).get();
    assert_eq!(outcomes(&mut server), [(busy, Code::SERVICE_UNAVAILABLE)]);
    let refused = core::iter::from_fn(|| server.registry.poll_event()).last();
    assert!(
        matches!(refused, Some(Event::Refused { reason, .. }) if reason.as_str() == "registry_busy")
    );
    server.pump();
    assert_eq!(server.registry.len(), 3);
    server.outcomes.clear();
    server.assert_quiet();
}

#[test]
fn room_is_kept_for_those_who_wait() {
    let mut config = Config::default();
    config.max_registrations = 2;
    let mut server = Server::with(config);
    server.begin(register_op("a"));
    server.begin(register_op("b"));
    let full = server.begin(register_op("c")).get();
    assert_eq!(outcomes(&mut server), [(full, Code::SERVICE_UNAVAILABLE)]);
    // A refusal gives the room back.
    for effect in effects(&mut server) {
        server
            .registry
            .handle_effect(server.now, effect.ticket(), EffectResult::Loaded(Err(Down)));
    }
    assert_eq!(outcomes(&mut server).len(), 2);
    for endpoint in ["c", "d"] {
        assert!(server.run(register_op(endpoint)).is_ok());
    }
    assert!(server.run(register_op("e")).is_err());
}

#[test]
fn a_store_that_is_down_changes_nothing() {
    let mut server = Server::new();
    let device = nosec(A);
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    let before = server.registry.by_id(&id).cloned();
    server.take_events();
    server.broken = Some(Broken::Down);
    let response = server.request(&device, &register(&["ep=lamp", "lwm2m=1.1"], LINKS));
    assert_eq!(response.code, Code::SERVICE_UNAVAILABLE);
    assert_eq!(response.options.as_options().max_age(), Some(60));
    assert_eq!(
        server.update(&device, &id, &["lt=5"]),
        Code::SERVICE_UNAVAILABLE
    );
    assert_eq!(server.deregister(&device, &id), Code::SERVICE_UNAVAILABLE);
    assert!(
        server
            .run(Op::Remove {
                endpoint: "lamp".into()
            })
            .is_err()
    );
    assert_eq!(server.registry.by_id(&id).cloned(), before);
    assert!(
        server
            .take_events()
            .iter()
            .all(|event| matches!(event, Event::Refused { .. }))
    );
    // A renewal needs no store at once.
    assert_eq!(server.update(&device, &id, &[]), Code::CHANGED);

    server.broken = None;
    assert_eq!(server.update(&device, &id, &["lt=5"]), Code::CHANGED);
    assert_eq!(server.deregister(&device, &id), Code::DELETED);
    server.pass(secs(200));
    server.assert_empty();
}

#[test]
fn a_lost_answer_heals_at_the_next_try() {
    // Each operation is done by the store, told as failed, and tried again by the device.
    let mut server = Server::new();
    let device = nosec(A);
    let request = register(&["ep=lamp", "lwm2m=1.1"], LINKS);
    server.broken = Some(Broken::DownAfterCommit);
    assert_eq!(
        server.request(&device, &request).code,
        Code::SERVICE_UNAVAILABLE
    );
    assert!(stored(&server, "lamp").is_some() && server.registry.is_empty());
    server.broken = None;
    let id = id(&server.request(&device, &request));

    server.broken = Some(Broken::DownAfterCommit);
    assert_eq!(
        server.update(&device, &id, &["lt=5"]),
        Code::SERVICE_UNAVAILABLE
    );
    server.broken = None;
    assert_eq!(server.update(&device, &id, &["lt=6"]), Code::CHANGED);
    assert_eq!(stored(&server, "lamp").as_ref(), server.registry.by_id(&id));

    server.broken = Some(Broken::DownAfterCommit);
    assert_eq!(server.deregister(&device, &id), Code::SERVICE_UNAVAILABLE);
    assert!(stored(&server, "lamp").is_none());
    server.broken = None;
    assert_eq!(server.deregister(&device, &id), Code::DELETED);
    server.pass(secs(100));
    server.assert_empty();
}

#[test]
fn conflicts_end_in_5_03_or_heal() {
    let mut server = Server::new();
    let device = nosec(A);
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    server.broken = Some(Broken::Conflict);
    assert_eq!(
        server
            .request(&device, &register(&["ep=lamp", "lwm2m=1.1"], LINKS))
            .code,
        Code::SERVICE_UNAVAILABLE
    );
    assert_eq!(
        server
            .request(&device, &register(&["ep=new", "lwm2m=1.1"], LINKS))
            .code,
        Code::SERVICE_UNAVAILABLE
    );
    assert_eq!(
        server.update(&device, &id, &["lt=5"]),
        Code::SERVICE_UNAVAILABLE
    );
    assert_eq!(server.deregister(&device, &id), Code::SERVICE_UNAVAILABLE);
    let told: Vec<_> = server
        .take_events()
        .iter()
        .filter_map(refused_reason)
        .collect();
    assert_eq!(told, ["store_conflict"; 4]);
    server.broken = None;

    // Somebody wrote the same registration in between: the device does not notice.
    let touch = |server: &mut Server| {
        let record = server.store.load(&key("lamp")).unwrap();
        let mut batch = Batch::new();
        batch.put(record.key, record.value, record.due);
        server.store.commit(batch).unwrap();
    };
    touch(&mut server);
    assert_eq!(server.update(&device, &id, &["lt=5"]), Code::CHANGED);
    touch(&mut server);
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    touch(&mut server);
    assert_eq!(server.deregister(&device, &id), Code::DELETED);
    server.pass(secs(100));
    server.assert_empty();
}

fn refused_reason(event: &Event) -> Option<&'static str> {
    match event {
        Event::Refused { reason, .. } => Some(reason.as_str()),
        _ => None,
    }
}

#[test]
fn a_device_that_registered_elsewhere_is_not_ours_any_more() {
    for op in [0, 1, 2] {
        let mut here = Server::new();
        let device = nosec(A);
        let id = here.register(&device, &["ep=lamp", "lwm2m=1.1"]);
        // Another process with the same store.
        let mut there = Server::new().restart(Config::default(), 8);
        core::mem::swap(&mut there.store, &mut here.store);
        let theirs = there.register(&nosec(B), &["ep=lamp", "lwm2m=1.1"]);
        core::mem::swap(&mut there.store, &mut here.store);
        here.take_events();
        match op {
            0 => assert_eq!(here.update(&device, &id, &["lt=5"]), Code::NOT_FOUND),
            1 => assert_eq!(here.deregister(&device, &id), Code::NOT_FOUND),
            _ => {
                assert_eq!(
                    here.update(&device, &id, &[]),
                    Code::CHANGED,
                    "not known yet"
                );
                here.pass(secs(61)); // until the renewal is committed
            }
        }
        assert!(here.registry.is_empty());
        let removed = |event: &Event| {
            matches!(
                event,
                Event::Removed {
                    reason: Removal::Replaced,
                    ..
                }
            )
        };
        assert!(here.take_events().iter().any(removed));
        assert_eq!(
            stored(&here, "lamp").map(|stored| stored.id()),
            Some(theirs),
            "untouched"
        );
    }
}

#[test]
fn renewals_are_committed_together() {
    let mut server = Server::new();
    server.registry.set_clock(server.now, secs(1_000));
    let devices: Vec<_> = (0..600)
        .map(|i| server.register(&nosec(A), &[&format!("ep=dev-{i}"), "lwm2m=1.1", "lt=300"]))
        .collect();
    server.pass(secs(10));
    for _ in 0..3 {
        for id in &devices {
            server.begin(Op::Update {
                caller: nosec(A),
                update: Update::new(*id),
            });
        }
    }
    assert!(effects(&mut server).is_empty(), "nothing yet");
    assert_eq!(outcomes(&mut server).len(), 1800);
    assert_eq!(server.registry.stats().held_back, 600);
    server.now = server.now + secs(60);
    server.registry.handle_timeout(server.now);
    let commits = effects(&mut server);
    let sizes: Vec<_> = commits
        .iter()
        .map(|effect| match effect {
            Effect::Commit { batch, .. } => batch.writes().len(),
            Effect::Load { .. } => 0,
        })
        .collect();
    assert_eq!(sizes, [256, 256, 88]);
    for commit in commits.into_iter().rev() {
        answer(&mut server, commit);
    }
    let record = server.store.load(&key("dev-7")).unwrap();
    assert_eq!(record.due, Some(1_000 + 10 + 300 + 60));
    assert_eq!(
        Registration::decode(record.value).as_ref(),
        Ok(server.registry.by_endpoint("dev-7").unwrap())
    );
    assert_eq!(server.registry.stats().held_back, 0);

    // At an orderly end nothing is lost.
    assert_eq!(server.update(&nosec(A), &devices[0], &[]), Code::CHANGED);
    server.registry.commit_held_back();
    server.pump();
    assert_eq!(
        stored(&server, "dev-0").as_ref(),
        server.registry.by_id(&devices[0])
    );
}

#[test]
fn merged_commits_survive_a_bad_store() {
    let mut server = Server::new();
    let ids: Vec<_> = ["a", "b", "c", "d"]
        .map(|ep| server.register(&nosec(A), &[&format!("ep={ep}"), "lwm2m=1.1", "lt=600"]))
        .to_vec();
    server.pass(secs(1));
    for id in &ids {
        assert_eq!(server.update(&nosec(A), id, &[]), Code::CHANGED);
    }
    // `b` was touched, `c` deleted by somebody else; the store is down at first.
    let record = server.store.load(&key("b")).unwrap();
    let mut batch = Batch::new();
    batch.put(record.key, record.value, None).delete(key("c"));
    server.store.commit(batch).unwrap();
    server.broken = Some(Broken::Down);
    server.pass(secs(61));
    assert_eq!(server.registry.stats().held_back, 4);
    server.broken = None;
    server.pass(secs(200));
    assert_eq!(server.registry.stats().held_back, 0);
    for (ep, id) in ["a", "b", "c", "d"].iter().zip(&ids) {
        assert_eq!(
            stored(&server, ep).as_ref(),
            server.registry.by_id(id),
            "{ep}"
        );
    }
    // Expiries are merged too, and wait for the store.
    server.broken = Some(Broken::Down);
    server.pass(secs(1_000));
    assert!(server.registry.is_empty() && server.store.len() == 4);
    server.broken = None;
    server.pass(secs(61));
    server.assert_empty();
}

#[test]
fn a_renewal_survives_a_store_that_fails_between_conflict_and_load() {
    let mut server = Server::new();
    let id = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1", "lt=600"]);
    server.pass(secs(1));
    assert_eq!(server.update(&nosec(A), &id, &[]), Code::CHANGED);
    let record = server.store.load(&key("lamp")).unwrap();
    let mut batch = Batch::new();
    batch.put(record.key, record.value, None);
    server.store.commit(batch).unwrap();
    server.now = server.now + secs(60);
    server.registry.handle_timeout(server.now);
    let commit = effects(&mut server).pop().unwrap();
    answer(&mut server, commit);
    let load = effects(&mut server).pop().unwrap();
    assert!(matches!(load, Effect::Load { .. }));
    server.broken = Some(Broken::Down);
    answer(&mut server, load);
    assert_eq!(server.registry.stats().held_back, 1);
    server.broken = None;
    server.pass(secs(200)); // the conflict again, then the commit
    let renewed = server.registry.by_id(&id).unwrap();
    assert_eq!(stored(&server, "lamp").as_ref(), Some(renewed));
    assert_eq!(server.registry.stats().held_back, 0);
}

#[test]
fn an_operation_that_came_in_time_beats_the_expiry() {
    for store_answers in [true, false] {
        let mut server = Server::new();
        let id = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1", "lt=10"]);
        server.now = server.now + secs(9);
        server.begin(update_op(id, 20));
        let commit = effects(&mut server).pop().unwrap();
        server.now = server.now + secs(5);
        server.registry.handle_timeout(server.now);
        assert!(
            server.registry.by_id(&id).is_some(),
            "the store has not decided"
        );
        if store_answers {
            answer(&mut server, commit);
            server.pass(secs(19));
            assert!(server.registry.by_id(&id).is_some());
            server.pass(secs(2));
        } else {
            let down = EffectResult::Committed(Err(CommitError::Down));
            server
                .registry
                .handle_effect(server.now, commit.ticket(), down);
        }
        assert!(server.registry.by_id(&id).is_none());
        server.outcomes.clear();
        server.pass(secs(200));
        server.outcomes.clear();
        server.assert_empty();
    }
}

#[test]
fn results_nobody_waits_for_are_ignored() {
    let mut server = Server::new();
    let ok = EffectResult::Committed(Ok(Version::new(1)));
    server
        .registry
        .handle_effect(server.now, Ticket::new(77), ok.clone());
    let ticket = server.begin(register_op("lamp")).get();
    let load = effects(&mut server).pop().unwrap();
    // The wrong kind of result is a store that does not work.
    server
        .registry
        .handle_effect(server.now, load.ticket(), ok.clone());
    assert_eq!(outcomes(&mut server), [(ticket, Code::SERVICE_UNAVAILABLE)]);
    server.registry.handle_effect(server.now, load.ticket(), ok);
    assert_eq!(outcomes(&mut server), []);
    server.events.clear();
    server.assert_quiet();
}

#[test]
fn without_keeping_nothing_is_committed() {
    let mut config = Config::default();
    config.keep = false;
    let mut server = Server::with(config);
    let id = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1", "lt=60"]);
    assert_eq!(server.update(&nosec(A), &id, &["lt=5"]), Code::CHANGED);
    assert_eq!(server.update(&nosec(A), &id, &[]), Code::CHANGED);
    let op = Op::Deregister {
        caller: nosec(A),
        deregister: Deregister::new(id),
    };
    assert!(matches!(server.run(op), Ok(Done::Deregistered(_))));
    let _id = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1", "lt=60"]);
    server.pass(secs(61));
    assert!(server.store.is_empty());
    server.assert_empty();
}

#[test]
fn registrations_survive_a_restart() {
    let mut server = Server::new();
    server.registry.set_clock(server.now, Duration::ZERO);
    server.device("keyed", &psk_record("keyed"));
    let keyed = psk("keyed", B);
    let a = server.register(
        &nosec(A),
        &["ep=a", "lwm2m=1.0", "lt=100", "b=UQ", "sms=1", "x", "y=z"],
    );
    let b = server.register(&keyed, &["ep=keyed", "lwm2m=1.2", "lt=1000", "Q"]);
    let forever = server.register(&nosec(A), &["ep=forever", "lwm2m=1.1", "lt=0"]);
    let before = server.registry.by_id(&a).cloned();
    server.pass(secs(30));
    let mut server = server.restart(Config::default(), 1);
    assert_eq!(server.registry.by_id(&a).cloned(), before);
    assert_eq!(
        server
            .registry
            .by_identity(&keyed.identity)
            .map(Registration::id),
        Some(b)
    );
    assert_eq!(
        server
            .registry
            .by_address(nosec(A).address)
            .map(Registration::id),
        Some(forever)
    );
    assert_eq!(server.update(&keyed, &b, &["lt=2000"]), Code::CHANGED);
    assert_eq!(server.update(&nosec(B), &b, &["lt=2000"]), Code::NOT_FOUND);
    assert!(
        server
            .take_events()
            .iter()
            .all(|event| !matches!(event, Event::Registered { .. }))
    );

    // `a` had 70 s left, and 60 s of slack for a renewal that was not committed.
    server.pass(secs(129));
    assert!(server.registry.by_id(&a).is_some());
    server.pass(secs(2));
    assert!(server.registry.by_id(&a).is_none());

    // What ended while nobody ran ends at the first time-out, and leaves the store.
    server.now = server.now + secs(10_000);
    let mut server = server.restart(Config::default(), 2);
    assert_eq!(
        server.registry.len(),
        3,
        "nor was the end of `a` in the store yet"
    );
    server.pass(secs(0));
    assert_eq!(server.registry.len(), 1);
    server.pass(secs(100));
    assert_eq!(server.store.scan(REGISTRATION_KIND, b"", None, 9).len(), 1);
    assert_eq!(server.update(&nosec(A), &forever, &[]), Code::CHANGED);
}

#[test]
fn restore_takes_no_nonsense() {
    let mut server = Server::new();
    let id = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1"]);
    let good = server.store.load(&key("lamp")).unwrap();
    let mut fresh = Server::new();
    let mut bad = good.clone();
    bad.value = "garbage".into();
    let error = fresh.registry.restore(Instant::ZERO, bad).unwrap_err();
    assert_eq!(
        (error.offset, error.kind),
        (1, DecodeErrorKind::Format(b'g'))
    );
    // A scope of an IPv4 address is lost when it is read, and the address would not be found.
    let mut scoped = good.value.to_vec();
    scoped[58] = 1;
    let error = Registration::decode(scoped).unwrap_err();
    assert_eq!((error.offset, error.kind), (37, DecodeErrorKind::Address));
    // Under another name, twice, and with the id of another one.
    let mut other = good.clone();
    other.key = key("other");
    fresh.registry.restore(Instant::ZERO, other).unwrap();
    assert!(fresh.registry.is_empty());
    for _ in 0..2 {
        fresh.registry.restore(Instant::ZERO, good.clone()).unwrap();
    }
    assert_eq!(
        (
            fresh.registry.len(),
            fresh.registry.by_id(&id).map(Registration::endpoint)
        ),
        (1, Some("lamp"))
    );
}

/// A clock that was ahead when the record was written keeps nobody registered for longer than a lifetime.
#[test]
fn records_from_the_future_expire() {
    let mut server = Server::new();
    server.registry.set_clock(server.now, secs(4_000_000_000));
    server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1", "lt=300"]);
    let record = server.store.load(&key("lamp")).unwrap();
    let mut fresh = Server::new();
    fresh.registry.set_clock(fresh.now, secs(1_000_000_000));
    fresh.registry.restore(fresh.now, record).unwrap();
    fresh.pass(secs(300 + 59));
    assert_eq!(fresh.registry.len(), 1, "the lifetime and the slack");
    fresh.pass(secs(1));
    assert!(fresh.registry.is_empty());
}

/// Any byte changed, any cut: an error or a registration whose every part can be asked for.
#[test]
fn records_survive_any_bytes() {
    let mut server = Server::new();
    let names = Identity::X509 {
        names: vec!["lamp".into(), "b".into()],
    };
    let caller = registry_core::Caller::new(names.clone(), "[fe80::1%7]:5683".parse().unwrap(), 3);
    let id = server.register(
        &caller,
        &[
            "ep=lamp",
            "lwm2m=1.2",
            "lt=9",
            "b=UTSNMH",
            "Q",
            "sms=1",
            "x",
            "y=z",
        ],
    );
    let bytes = server.store.load(&key("lamp")).unwrap().value;
    let ask = |registration: &Registration| {
        let told = (
            registration.id(),
            registration.endpoint().len(),
            registration.identity(),
            registration.address(),
        );
        let more = (
            registration.objects(),
            registration.extra(),
            registration.sms().map(str::len),
        );
        let rest = (
            registration.binding(),
            registration.lifetime(),
            registration.expires_at(),
            registration.version(),
        );
        (told, more, rest, format!("{registration:?}"))
    };
    let whole = Registration::decode(bytes.clone()).unwrap();
    assert_eq!(
        (whole.id(), whole.identity(), whole.local_endpoint()),
        (id, names, 3)
    );
    assert_eq!(whole.address(), caller.address, "with its scope");
    ask(&whole);
    for cut in 0..bytes.len() {
        if let Ok(registration) = Registration::decode(bytes.slice(..cut)) {
            ask(&registration);
        }
    }
    for at in 0..bytes.len() {
        for value in 0..=255 {
            let mut changed = bytes.to_vec();
            changed[at] = value;
            if let Ok(registration) = Registration::decode(changed) {
                ask(&registration);
            }
        }
    }
}

/// Effects answered in any order, some failing: every operation has one outcome, and the store heals.
#[test]
fn out_of_order_and_failing_at_random() {
    for seed in 0..200_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut random = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) % below
        };
        let mut server = Server::new();
        let mut waiting: Vec<Effect> = Vec::new();
        let (mut begun, mut ended) = (Vec::new(), Vec::new());
        let mut ids: Vec<RegistrationId> = vec![RegistrationId::new("AAAAAAAAAAAAAAA").unwrap()];
        for _ in 0..150 {
            let endpoint = ["a", "b", "c"][random(3) as usize];
            let id = ids[random(ids.len() as u64) as usize];
            match random(8) {
                0 | 1 => begun.push(server.begin(register_op(endpoint))),
                2 => begun.push(server.begin(update_op(id, 1 + random(50) as u32))),
                3 => begun.push(server.begin(Op::Update {
                    caller: nosec(B),
                    update: Update::new(id),
                })),
                4 => begun.push(server.begin(Op::Deregister {
                    caller: nosec(A),
                    deregister: Deregister::new(id),
                })),
                5 => begun.push(server.begin(Op::Remove {
                    endpoint: endpoint.into(),
                })),
                6 => {
                    server.now = server.now + secs(random(40));
                    server.registry.handle_timeout(server.now);
                }
                _ => {}
            }
            waiting.extend(effects(&mut server));
            for _ in 0..random(4) {
                if waiting.is_empty() {
                    break;
                }
                let effect = waiting.swap_remove(random(waiting.len() as u64) as usize);
                server.broken = [
                    None,
                    None,
                    Some(Broken::Down),
                    Some(Broken::DownAfterCommit),
                    Some(Broken::Conflict),
                ][random(5) as usize];
                answer(&mut server, effect);
                server.broken = None;
                waiting.extend(effects(&mut server));
            }
            for outcome in core::iter::from_fn(|| server.registry.poll_outcome()) {
                ended.push(outcome.ticket);
                if let Ok(Done::Registered(registration)) = outcome.result {
                    ids.push(registration.id());
                }
            }
        }
        for effect in waiting {
            answer(&mut server, effect);
        }
        server.pump();
        ended.extend(server.outcomes.drain(..).map(|outcome| outcome.ticket));
        ended.sort_unstable();
        assert_eq!(ended, begun, "seed {seed}: one outcome for each operation");
        server.assert_quiet();
        // With a good store everybody gets in and out, and nothing is left.
        for endpoint in ["a", "b", "c"] {
            let Ok(Done::Registered(registration)) = server.run(register_op(endpoint)) else {
                panic!("seed {seed}")
            };
            assert!(
                server.run(update_op(registration.id(), 77)).is_ok(),
                "seed {seed}"
            );
            assert_eq!(
                stored(&server, endpoint).as_ref(),
                server.registry.by_endpoint(endpoint),
                "seed {seed}"
            );
            assert!(
                server
                    .run(Op::Remove {
                        endpoint: endpoint.into()
                    })
                    .is_ok(),
                "seed {seed}"
            );
        }
        server.pass(secs(200));
        server.assert_empty();
    }
}

/// A batch never touches a key without saying what it expects there.
#[test]
fn every_write_is_guarded() {
    let mut server = Server::new();
    let id = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1", "lt=50"]);
    for op in [
        register_op("lamp"),
        register_op("b"),
        update_op(id, 5),
        Op::Remove {
            endpoint: "lamp".into(),
        },
    ] {
        server.begin(op);
        while let Some(effect) = server.registry.poll_effect() {
            if let Effect::Commit { batch, .. } = &effect {
                let expected: Vec<_> = batch
                    .expectations()
                    .iter()
                    .map(|expected| &expected.key)
                    .collect();
                assert_eq!(
                    expected,
                    batch.writes().iter().map(Write::key).collect::<Vec<_>>()
                );
            }
            answer(&mut server, effect);
        }
    }
}
