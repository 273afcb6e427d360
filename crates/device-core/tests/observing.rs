//! When servers that observe are told.

mod common;

use coap_codec::{Code, ContentFormat};
use common::*;
use device_core::{
    Config, Device, Effect, Relation, Served, ServerAccount, ServerId, UplinkResult,
};
use lwm2m_model::{Instance, Value};
use lwm2m_ops::{Downlink, Observe, Reply, Write, WriteMode};

const TEXT: ContentFormat = ContentFormat::TEXT;

/// Observes, as the layer below would.
fn observe(device: &mut Device, seconds: u64, server: ServerId, target: &str, relation: u64) {
    let format = if target.split('/').count() > 3 {
        TEXT
    } else {
        ContentFormat::TLV
    };
    let observe = Observe::new(path(target), Some(format)).unwrap();
    let served = device.serve(at(seconds), server, &Downlink::Observe(observe.clone()));
    let Served::Observable(reply) = served else {
        panic!("{served:?}")
    };
    assert_eq!(reply.code(), Code::CONTENT);
    device.observed(at(seconds), server, Relation(relation), &observe, &reply);
    events(device);
}

fn set(device: &mut Device, value: f64) {
    device
        .set(&path("/3303/0/5700"), Value::Float(value))
        .unwrap();
}

/// What is told at a time, as `relation:text`.
fn told(device: &mut Device, seconds: u64) -> Vec<String> {
    device.handle_timeout(at(seconds));
    let notified = effects(device, at(seconds))
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Notify {
                relation,
                reply: Reply::Content { payload, .. },
                ..
            } => {
                let text = String::from_utf8_lossy(&payload);
                Some(format!("{}:{text}", relation.0))
            }
            Effect::Notify {
                relation, reply, ..
            } => Some(format!("{}:{}", relation.0, reply.code())),
            _ => None,
        });
    notified.collect()
}

fn periods(min: Option<u32>, max: Option<u32>) -> ServerAccount {
    let mut account = account(ONE, 86_400);
    account.settings.min_period = min;
    account.settings.max_period = max;
    account
}

fn bench(min: Option<u32>, max: Option<u32>) -> Device {
    let mut device = registered(device([periods(min, max)]));
    observe(&mut device, 0, ONE, "/3303/0/5700", 1);
    device
}

/// LwM2M Core, information reporting §3: without attributes and /1/x/2 = 0, every change is told at once.
#[test]
fn every_change_at_once() {
    let mut device = bench(None, None);
    assert_eq!(told(&mut device, 1), [""; 0]);
    set(&mut device, 21.0);
    assert_eq!(told(&mut device, 1), ["1:21"]);
    assert_eq!(told(&mut device, 2), [""; 0]);
    set(&mut device, 21.0);
    assert_eq!(told(&mut device, 3), [""; 0], "the same value is no change");
    set(&mut device, 22.5);
    set(&mut device, 23.5);
    assert_eq!(
        told(&mut device, 4),
        ["1:23.5"],
        "one notification for what changed together"
    );
}

/// LwM2M Core, information reporting §3, the example: pmin=10 pmax=60: change at 3 is told at 10, change at 25 at 25, then nothing until 85.
#[test]
fn the_example_of_the_periods() {
    let mut device = bench(Some(10), Some(60));
    assert_eq!(device.poll_timeout(), Some(at(60)));
    set(&mut device, 21.0);
    assert_eq!(told(&mut device, 3), [""; 0]);
    assert_eq!(device.poll_timeout(), Some(at(10)));
    assert_eq!(told(&mut device, 10), ["1:21"]);
    assert_eq!(device.poll_timeout(), Some(at(70)));
    set(&mut device, 22.0);
    assert_eq!(told(&mut device, 25), ["1:22"]);
    assert_eq!(told(&mut device, 84), [""; 0]);
    assert_eq!(told(&mut device, 85), ["1:22"]);
    assert_eq!(told(&mut device, 145), ["1:22"]);
}

/// LwM2M Core, information reporting §3: a pending change is told at the end of pmin even when the value has come back; the value is the present
/// one.
#[test]
fn a_change_that_came_back_is_told() {
    let mut device = bench(Some(10), None);
    set(&mut device, 30.0);
    assert_eq!(told(&mut device, 2), [""; 0]);
    set(&mut device, 20.0);
    assert_eq!(told(&mut device, 4), [""; 0]);
    assert_eq!(told(&mut device, 10), ["1:20"]);
}

/// LwM2M Core, information reporting §2: pmax = 0, and pmax below pmin, are ignored.
#[test]
fn maximum_periods_that_do_not_count() {
    for max in [Some(0), Some(5)] {
        let mut device = bench(Some(10), max);
        assert_eq!(told(&mut device, 1000), [""; 0], "{max:?}");
        set(&mut device, 21.0);
        assert_eq!(told(&mut device, 1000), ["1:21"]);
    }
    let mut device = bench(Some(10), Some(10));
    assert_eq!(
        told(&mut device, 10),
        ["1:20"],
        "equal is legal: exactly periodic"
    );
}

#[test]
fn a_server_changes_the_periods() {
    let mut device = bench(None, None);
    let write = Write::new(path("/1/0/2"), WriteMode::Replace, TEXT, &b"30"[..]).unwrap();
    assert_eq!(
        code(device.serve(at(1), ONE, &Downlink::Write(write))),
        Code::CHANGED
    );
    set(&mut device, 21.0);
    assert_eq!(told(&mut device, 29), [""; 0]);
    assert_eq!(told(&mut device, 30), ["1:21"]);
}

#[test]
fn what_is_written_or_executed_is_told_to_all_who_watch() {
    let mut device = device([account(ONE, 86_400), account(TWO, 86_400)]);
    device.start(at(0));
    for effect in effects(&mut device, at(0)) {
        device.handle_result(at(0), ticket(&[effect]), created());
    }
    observe(&mut device, 0, ONE, "/3/0/14", 1);
    observe(&mut device, 0, TWO, "/3/0/14", 2);
    let write = Write::new(path("/3/0/14"), WriteMode::Replace, TEXT, &b"+02:00"[..]).unwrap();
    assert_eq!(
        code(device.serve(at(1), ONE, &Downlink::Write(write))),
        Code::CHANGED
    );
    assert_eq!(told(&mut device, 1), ["1:+02:00", "2:+02:00"]);

    observe(&mut device, 1, ONE, "/3303/0/5602", 3);
    set(&mut device, 25.0);
    assert_eq!(told(&mut device, 2), ["3:25"]);
    set(&mut device, 20.0);
    assert_eq!(told(&mut device, 2), [""; 0]);
    execute(&mut device, at(3), TWO, "/3303/0/5605");
    assert_eq!(told(&mut device, 3), ["3:20"], "the reset of the extremes");
}

#[test]
fn higher_nodes_are_told_of_what_is_below() {
    let mut device = bench(None, None);
    observe(&mut device, 0, ONE, "/3303/0", 2);
    observe(&mut device, 0, ONE, "/3303", 3);
    observe(&mut device, 0, ONE, "/3/0", 4);
    set(&mut device, 21.0);
    let told: Vec<_> = told(&mut device, 1);
    let relations: Vec<_> = told
        .iter()
        .filter_map(|text| text.split(':').next())
        .collect();
    assert_eq!(relations, ["1", "2", "3"]);
}

/// LwM2M Core, information reporting §1: "Instance or resource observed gets deleted → error notification 4.04, relation ends."
#[test]
fn what_is_gone_is_told_by_4_04_and_ends() {
    let mut device = bench(None, None);
    observe(&mut device, 0, ONE, "/3303", 2);
    device.remove_instance(3303, 0).unwrap();
    assert_eq!(told(&mut device, 1), ["1:4.04", "2:"]);
    assert_eq!(events(&mut device), ["ended 1 /3303/0/5700"]);
    device.remove_object(3303).unwrap();
    assert_eq!(told(&mut device, 2), ["2:4.04"]);
    device
        .add_instance(3, Instance::new(1, vec![]))
        .unwrap_err();
    assert_eq!(device.poll_timeout(), None, "an Update is under way");
}

/// LwM2M Core, information reporting §1: observations are kept over Update and lost on Register.
#[test]
fn observations_survive_update_and_not_register() {
    let mut device = bench(None, None);
    device.update(ONE, None).unwrap();
    let sent = effects(&mut device, at(1));
    set(&mut device, 21.0);
    assert_eq!(
        told(&mut device, 1),
        ["1:21"],
        "while the Update is under way"
    );
    device.handle_result(at(1), ticket(&sent), UplinkResult::Changed);
    set(&mut device, 22.0);
    assert_eq!(told(&mut device, 1), ["1:22"]);
    device.register(at(2), ONE).unwrap();
    assert_eq!(
        texts(&effects(&mut device, at(2))),
        ["end 1 1", "register 1 lt=86400 1.1"]
    );
    set(&mut device, 23.0);
    assert_eq!(told(&mut device, 3), [""; 0]);
}

#[test]
fn relations_that_the_server_ends() {
    let mut device = bench(None, None);
    device.relation_ended(Relation(1));
    assert_eq!(events(&mut device), ["ended 1 /3303/0/5700"]);
    device.relation_ended(Relation(1));
    set(&mut device, 21.0);
    assert_eq!(told(&mut device, 1), [""; 0]);
    // The same relation anew: one observation, not two.
    observe(&mut device, 1, ONE, "/3303/0/5700", 1);
    observe(&mut device, 1, ONE, "/3303/0/5700", 1);
    set(&mut device, 22.0);
    assert_eq!(told(&mut device, 1), ["1:22"]);
}

/// /1/x/6: what changes offline is told afterwards, or not.
#[test]
fn offline_changes_are_stored_or_lost() {
    for stored in [true, false] {
        let mut account = account(ONE, 86_400);
        account.settings.store_notifications = stored;
        let mut device = registered(device([account]));
        observe(&mut device, 0, ONE, "/3303/0/5700", 1);
        device.disconnect(ONE).unwrap();
        set(&mut device, 21.0);
        set(&mut device, 22.0);
        assert_eq!(told(&mut device, 5), [""; 0]);
        assert_eq!(device.poll_timeout(), None);
        device.reconnect(at(10), ONE).unwrap();
        let want: &[&str] = if stored { &["1:22"] } else { &[] };
        assert_eq!(told(&mut device, 10), want, "stored: {stored}");
    }
}

/// RFC 7641 §4.5: the layer below asks for a sign of life once a day.
#[test]
fn a_relation_that_is_due_is_told_without_a_change() {
    let mut device = bench(Some(3600), None);
    device.relation_due(Relation(1));
    assert_eq!(told(&mut device, 5), ["1:20"]);
    assert_eq!(told(&mut device, 6), [""; 0]);
}

#[test]
fn one_observation_too_many_is_a_read() {
    let mut config = Config::new("bench");
    config.max_observations = 1;
    let mut device = registered(device_with(config, [account(ONE, 60)]));
    observe(&mut device, 0, ONE, "/3303/0/5700", 1);
    let observe = Observe::new(path("/3303/0/5701"), Some(TEXT)).unwrap();
    let served = device.serve(at(1), ONE, &Downlink::Observe(observe));
    assert_eq!(
        served,
        Served::Answer(Reply::content(TEXT, b"Cel".as_slice()))
    );
}

/// Resource 26 of the Server object (LwM2M 1.2), else the setting of the device.
#[test]
fn confirmable_or_not() {
    for (setting, config_says, want) in [
        (None, true, "notify 1 2.05 CON"),
        (None, false, "notify 1 2.05 NON"),
        (Some(false), true, "notify 1 2.05 NON"),
        (Some(true), false, "notify 1 2.05 CON"),
    ] {
        let mut config = Config::new("bench");
        config.newest_version = lwm2m_model::Lwm2mVersion::V1_2;
        config.confirmable_notifications = config_says;
        let mut account = account(ONE, 86_400);
        account.settings.confirmable_notifications = setting;
        let mut device = registered(device_with(config, [account]));
        observe(&mut device, 0, ONE, "/3303/0/5700", 1);
        set(&mut device, 21.0);
        assert_eq!(texts(&effects(&mut device, at(1))), [want]);
    }
}
