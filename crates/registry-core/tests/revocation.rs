//! Registrations end when the credential that they came in by does.

mod support;

use lwm2m_identity::{Change, Closure, Plan, PskKey, Security};
use registry_core::{Config, Done, Event, Op, REGISTRATION_KIND, Removal};
use support::*;

const A: &str = "192.0.2.1:5684";

fn key(security: &str, key: u8) -> Security {
    Security::Psk {
        identity: security.to_owned().into(),
        key: PskKey::new(&[key; 16]).unwrap(),
    }
}

/// Changes what an endpoint may prove, and gives what ends.
fn change(server: &mut Server, endpoint: &str, security: Option<&[Security]>) -> Closure {
    let changes = [Change {
        endpoint,
        security,
        set: None,
    }];
    let plan = Plan::new(&changes).unwrap();
    let loaded: Vec<_> = plan
        .loads()
        .filter_map(|key| server.store.load(key))
        .collect();
    let mut planned = plan.decide(&loaded).unwrap();
    server.store.commit(planned.batch).unwrap();
    planned.closures.pop().unwrap()
}

fn lamp() -> Server {
    let mut server = Server::new();
    change(&mut server, "lamp", Some(&[key("k1", 1), key("k2", 2)]));
    server.register(&psk("k1", A), &["ep=lamp", "lwm2m=1.1"]);
    server.take_events();
    server
}

fn records(server: &Server) -> usize {
    let all = server.store.scan(REGISTRATION_KIND, b"", None, usize::MAX);
    all.len()
}

fn removed(server: &mut Server) -> Vec<Removal> {
    let events = server.take_events();
    let removed = events.iter().filter_map(|event| match event {
        Event::Removed { reason, .. } => Some(*reason),
        _ => None,
    });
    removed.collect()
}

#[test]
fn s4_a_registration_ends_with_the_credential_that_it_came_in_by() {
    let mut server = lamp();
    // The other credential goes: nothing ends.
    let closure = change(&mut server, "lamp", Some(&[key("k1", 1)]));
    let done = server.run(Op::Revoke { closure }).unwrap();
    assert_eq!(done, Done::Revoked(None));
    assert_eq!(removed(&mut server), []);
    // The same identity with another key is another credential.
    let closure = change(&mut server, "lamp", Some(&[key("k1", 9)]));
    let done = server.run(Op::Revoke { closure }).unwrap();
    assert!(matches!(done, Done::Revoked(Some(it)) if it.endpoint() == "lamp"));
    assert_eq!(removed(&mut server), [Removal::Revoked]);
    assert!(server.registry.is_empty());
    assert_eq!(records(&server), 0);
}

#[test]
fn s5_a_registration_without_security_ends_when_its_endpoint_gets_a_credential() {
    let mut server = Server::new();
    server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1"]);
    let closure = change(&mut server, "lamp", Some(&[key("k1", 1)]));
    server.run(Op::Revoke { closure }).unwrap();
    assert!(server.registry.is_empty());
    assert_eq!(records(&server), 0);
}

#[test]
fn who_is_not_registered_is_revoked_in_peace() {
    let mut server = Server::new();
    let closure = change(&mut server, "lamp", Some(&[key("k1", 1)]));
    let done = server.run(Op::Revoke { closure }).unwrap();
    assert_eq!(done, Done::Revoked(None));
    assert_eq!(server.take_events(), []);
}

/// It is true at once, and true after a restart as soon as the store is back.
#[test]
fn a_store_that_fails_does_not_keep_a_revoked_device_in() {
    for broken in [Broken::Down, Broken::DownAfterCommit, Broken::Conflict] {
        let mut server = lamp();
        let closure = change(&mut server, "lamp", None);
        server.broken = Some(broken);
        server.run(Op::Revoke { closure }).unwrap();
        assert_eq!(removed(&mut server), [Removal::Revoked]);
        assert!(server.registry.is_empty());
        server.broken = None;
        server.pass(Config::default().lazy_commit * 2);
        assert_eq!(records(&server), 0);
        server.assert_quiet();
    }
}

/// The operation has looked at the record before it was changed.
#[test]
fn an_operation_under_way_does_not_outlive_the_revocation() {
    let mut config = Config::default();
    config.max_waiting = 0;
    let mut server = Server::with(config.clone());
    change(&mut server, "lamp", Some(&[key("k1", 1)]));
    let register = server.begin_request(&psk("k1", A), &register(&["ep=lamp", "lwm2m=1.1"], LINKS));
    let load = server.registry.poll_effect().unwrap();
    let ticket = load.ticket();
    let loaded = server.carry_out(load);
    let closure = change(&mut server, "lamp", None);
    let revoke = server.begin(Op::Revoke { closure });
    server.registry.handle_effect(server.now, ticket, loaded);
    server.pump();
    let ended: Vec<_> = server.outcomes.iter().map(|it| it.ticket).collect();
    assert_eq!(ended, [register, revoke]);
    assert_eq!(removed(&mut server), [Removal::Revoked]);
    assert!(server.registry.is_empty());
    let server = server.restart(config, 3);
    assert!(server.registry.is_empty());
}

/// A renewal that is on its way to the store does not bring the record back.
#[test]
fn a_renewal_under_way_does_not_bring_the_record_back() {
    let mut server = lamp();
    let id = server.registry.by_endpoint("lamp").unwrap().id();
    server.update(&psk("k1", A), &id, &[]);
    server.registry.commit_held_back();
    let commit = server.registry.poll_effect().unwrap();
    let ticket = commit.ticket();
    let committed = server.carry_out(commit);
    let closure = change(&mut server, "lamp", None);
    server.run(Op::Revoke { closure }).unwrap();
    server.registry.handle_effect(server.now, ticket, committed);
    server.pump();
    assert_eq!(records(&server), 0);
    assert!(server.restart(Config::default(), 3).registry.is_empty());
}
