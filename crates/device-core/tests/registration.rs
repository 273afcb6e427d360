//! The registration machine, to the second.

mod common;

use coap_codec::Code;
use common::*;
use core::time::Duration;
use device_core::{Config, Device, LifeError, Status, TableObject, UplinkResult};
use lwm2m_model::{Lwm2mVersion, ObjectDef, Value, Version};
use lwm2m_ops::{Downlink, Lifetime, Write, WriteMode};

/// Digest of Anjay's and Wakaama's practice: half the lifetime, or 93 s before its end, whichever is later; at least 1 s.
#[test]
fn update_moments() {
    for (lifetime, due) in [
        (1, Some(1)),
        (2, Some(1)),
        (60, Some(30)),
        (186, Some(93)),
        (187, Some(94)),
        (300, Some(207)),
        (86_400, Some(86_307)),
        (u32::MAX, Some(u64::from(u32::MAX) - 93)),
        (0, None),
    ] {
        let device = registered(device([account(ONE, lifetime)]));
        // 187 / 2 = 93.5 loses to 187 - 93 = 94.
        assert_eq!(device.poll_timeout(), due.map(at), "lifetime {lifetime}");
    }
}

#[test]
fn updates_go_on_and_on() {
    let mut device = registered(device([account(ONE, 60)]));
    for round in 1..=5_u64 {
        let now = at(30 * round);
        assert_eq!(device.poll_timeout(), Some(now));
        device.handle_timeout(now - Duration::from_millis(1));
        assert_eq!(
            texts(&effects(&mut device, now - Duration::from_millis(1))),
            [""; 0]
        );
        device.handle_timeout(now);
        let sent = effects(&mut device, now);
        assert_eq!(texts(&sent), ["update 1"]);
        device.handle_result(now, ticket(&sent), UplinkResult::Changed);
        assert_eq!(events(&mut device), ["updated 1 60 s"]);
    }
}

/// The server's clock runs from the moment it saw the Update, so a late acknowledgement must not move the next one.
#[test]
fn the_next_update_counts_from_the_sending_of_the_last() {
    let mut device = registered(device([account(ONE, 60)]));
    let sent = effects(&mut device, at(30));
    device.handle_result(at(50), ticket(&sent), UplinkResult::Changed);
    assert_eq!(device.poll_timeout(), Some(at(60)));
    let sent = effects(&mut device, at(60));
    device.handle_result(at(100), ticket(&sent), UplinkResult::Changed);
    assert_eq!(
        device.poll_timeout(),
        Some(at(101)),
        "late already, but never sooner than 1 s"
    );
}

/// Plays attempts that fail at once until `until`; returns when each went out.
fn attempts(account: device_core::ServerAccount, config: Config, until: u64) -> Vec<u64> {
    let mut device = device_with(config, [account]);
    let mut times = Vec::new();
    let mut now = at(0);
    device.register(now, ONE).unwrap();
    loop {
        let sent = effects(&mut device, now);
        if sent.is_empty() {
            match device.poll_timeout() {
                Some(next) if next <= at(until) => now = next,
                _ => return times,
            }
            device.handle_timeout(now);
            continue;
        }
        times.push(now.as_micros() / 1_000_000);
        device.handle_result(now, ticket(&sent), NO_ANSWER);
        assert!(times.len() < 1000, "a loop without end");
    }
}

/// LwM2M 1.2 §6.2.1.2: the delay before attempt n+1 is 60 · 2^(n−1), 5 attempts, 1 sequence.
#[test]
fn back_off_with_the_defaults() {
    let mut config = Config::new("bench");
    config.retry_after_failure = None;
    let times = attempts(account(ONE, 60), config, 10_000_000);
    assert_eq!(times, [0, 60, 180, 420, 900]);
}

#[test]
fn back_off_as_the_server_object_says() {
    let mut account = account(ONE, 60);
    account.settings.retry_count = Some(3);
    account.settings.retry_timer = Some(10);
    account.settings.sequence_count = Some(2);
    account.settings.sequence_delay = Some(1000);
    let mut config = Config::new("bench");
    config.retry_after_failure = None;
    let times = attempts(account.clone(), config.clone(), 10_000_000);
    assert_eq!(times, [0, 10, 30, 1030, 1040, 1060]);
    account.settings.sequence_delay = Some(u32::MAX);
    assert_eq!(
        attempts(account.clone(), config.clone(), 10_000_000),
        [0, 10, 30]
    );
    account.settings.retry_count = Some(0);
    assert_eq!(
        attempts(account.clone(), config.clone(), 10_000_000),
        [0],
        "one attempt at least"
    );
    account.settings.retry_count = Some(4);
    account.settings.retry_timer = Some(0);
    assert_eq!(
        attempts(account, config, 10_000_000),
        [0, 1, 2, 3],
        "a second between attempts at least"
    );
}

/// Row L09 of the hostile list, registration half: a server that is away for an hour sees fewer and fewer attempts.
#[test]
fn hostile_l09_an_unreachable_server_is_asked_less_and_less() {
    let mut account = account(ONE, 60);
    account.settings.retry_count = Some(100);
    let times = attempts(account, Config::new("bench"), 3600);
    assert_eq!(times, [0, 60, 180, 420, 900, 1860]);
    let times = attempts(common::account(ONE, 60), Config::new("bench"), 3600 * 4);
    let again = 900 + 3600;
    let second = [
        again,
        again + 60,
        again + 180,
        again + 420,
        again + 900,
        again + 4500,
    ];
    assert_eq!(times[..5], [0, 60, 180, 420, 900]);
    assert_eq!(times[5..11], second, "and it is never given up for good");
}

#[test]
fn delays_of_an_absurd_size_do_not_overflow() {
    let mut account = account(ONE, 60);
    account.settings.retry_count = Some(u32::MAX);
    account.settings.retry_timer = Some(u32::MAX);
    let times = attempts(account, Config::new("bench"), u64::from(u32::MAX) * 4);
    let wait = u64::from(u32::MAX);
    assert_eq!(times, [0, wait, wait * 2, wait * 3, wait * 4]);
}

#[test]
fn refusals_of_register_count_as_failures() {
    for code in [
        Code::BAD_REQUEST,
        Code::FORBIDDEN,
        Code::CONFLICT,
        Code::INTERNAL_SERVER_ERROR,
    ] {
        let mut device = device([account(ONE, 60)]);
        device.register(at(0), ONE).unwrap();
        let sent = effects(&mut device, at(0));
        device.handle_result(at(1), ticket(&sent), refused(code));
        assert_eq!(events(&mut device), [format!("error 1 register {code} 61")]);
        assert_eq!(device.poll_timeout(), Some(at(61)));
    }
}

/// Ruling: a registry that is full answers 5.03 with Max-Age.
#[test]
fn a_server_may_ask_for_more_patience() {
    let mut device = device([account(ONE, 60)]);
    device.register(at(0), ONE).unwrap();
    let sent = effects(&mut device, at(0));
    let busy = UplinkResult::Refused {
        code: Code::SERVICE_UNAVAILABLE,
        retry_after: Some(Duration::from_secs(500)),
    };
    device.handle_result(at(0), ticket(&sent), busy);
    assert_eq!(device.poll_timeout(), Some(at(500)));
}

/// Ruling 1 from the other side: a server that does not speak the version answers 4.12.
#[test]
fn an_older_version_is_tried_at_once() {
    let mut device = device([account(ONE, 60)]);
    device.register(at(0), ONE).unwrap();
    let sent = effects(&mut device, at(0));
    assert_eq!(texts(&sent), ["register 1 lt=60 1.1"]);
    device.handle_result(at(0), ticket(&sent), refused(Code::PRECONDITION_FAILED));
    assert_eq!(events(&mut device), ["fell back 1 1.0"]);
    let sent = effects(&mut device, at(0));
    assert_eq!(texts(&sent), ["register 1 lt=60 1.0"]);
    device.handle_result(at(0), ticket(&sent), created());
    assert_eq!(events(&mut device), ["registered 1 1.0"]);
    assert!(matches!(
        device.status(ONE),
        Some(Status::Registered {
            version: Lwm2mVersion::V1_0,
            ..
        })
    ));
}

#[test]
fn a_server_that_speaks_none_of_our_versions_is_a_failure() {
    let mut device = device([account(ONE, 60)]);
    device.register(at(0), ONE).unwrap();
    for version in ["1.1", "1.0"] {
        let sent = effects(&mut device, at(0));
        assert_eq!(texts(&sent), [format!("register 1 lt=60 {version}")]);
        device.handle_result(at(0), ticket(&sent), refused(Code::PRECONDITION_FAILED));
    }
    assert_eq!(texts(&effects(&mut device, at(0))), [""; 0]);
    let sent = effects(&mut device, at(60));
    assert_eq!(texts(&sent), ["register 1 lt=60 1.1"]);
}

#[test]
fn an_update_that_fails_leads_to_a_register_at_once() {
    for (result, reason) in [
        (refused(Code::NOT_FOUND), "4.04"),
        (refused(Code::BAD_REQUEST), "4.00"),
        (refused(Code::FORBIDDEN), "4.03"),
        (refused(Code::INTERNAL_SERVER_ERROR), "5.00"),
        (NO_ANSWER, "no_answer"),
        (created(), "unexpected_answer"),
    ] {
        let mut device = registered(device([account(ONE, 60)]));
        let sent = effects(&mut device, at(30));
        device.handle_result(at(31), ticket(&sent), result);
        assert_eq!(events(&mut device), [format!("error 1 update {reason} 31")]);
        let sent = effects(&mut device, at(31));
        assert_eq!(texts(&sent), ["register 1 lt=60 1.1"], "{reason}");
        device.handle_result(at(31), ticket(&sent), created());
        assert_eq!(device.poll_timeout(), Some(at(61)));
    }
}

#[test]
fn answers_to_nothing_change_nothing() {
    let mut device = registered(device([account(ONE, 60)]));
    let old = effects(&mut device, at(30));
    device.handle_result(at(30), ticket(&old), UplinkResult::Changed);
    events(&mut device);
    device.handle_result(at(30), ticket(&old), refused(Code::NOT_FOUND));
    device.handle_result(at(30), sansio::Ticket::new(99), UplinkResult::Deleted);
    assert_eq!(events(&mut device), [""; 0]);
    assert_eq!(device.poll_timeout(), Some(at(60)));
}

#[test]
fn update_and_its_new_lifetime() {
    let mut device = registered(device([account(ONE, 60)]));
    device.update(ONE, None).unwrap();
    let sent = effects(&mut device, at(1));
    assert_eq!(texts(&sent), ["update 1"]);
    device.handle_result(at(1), ticket(&sent), UplinkResult::Changed);
    device
        .update(ONE, Some(Lifetime::from_seconds(1000)))
        .unwrap();
    let sent = effects(&mut device, at(2));
    assert_eq!(texts(&sent), ["update 1 lt=1000"]);
    device.handle_result(at(2), ticket(&sent), UplinkResult::Changed);
    assert_eq!(events(&mut device), ["updated 1 60 s", "updated 1 1000 s"]);
    assert_eq!(device.poll_timeout(), Some(at(2 + 907)));
    assert_eq!(
        device.settings(ONE).unwrap().lifetime,
        Lifetime::from_seconds(1000)
    );
    assert_eq!(device.update(TWO, None), Err(LifeError::UnknownServer));
}

#[test]
fn a_server_writes_the_lifetime() {
    let mut device = registered(device([account(ONE, 60)]));
    let write = Write::new(
        path("/1/0/1"),
        WriteMode::Replace,
        coap_codec::ContentFormat::TEXT,
        &b"120"[..],
    );
    let served = device.serve(at(5), ONE, &Downlink::Write(write.unwrap()));
    assert_eq!(code(served), Code::CHANGED);
    let sent = effects(&mut device, at(5));
    assert_eq!(texts(&sent), ["update 1 lt=120"]);
    device.handle_result(at(5), ticket(&sent), UplinkResult::Changed);
    assert_eq!(device.poll_timeout(), Some(at(5 + 60)));
}

#[test]
fn the_update_trigger() {
    let mut device = registered(device([account(ONE, 60)]));
    assert_eq!(execute(&mut device, at(3), ONE, "/1/0/8"), Code::CHANGED);
    assert_eq!(texts(&effects(&mut device, at(3))), ["update 1"]);
    assert_eq!(events(&mut device), ["executed 1 /1/0/8"]);
    // There is no bootstrap server to go to.
    assert_eq!(
        execute(&mut device, at(3), ONE, "/1/0/9"),
        Code::METHOD_NOT_ALLOWED
    );
}

fn door(id: u16) -> TableObject {
    let def = ObjectDef::new(id, "Door", Version::V1_0).with_multiple(true);
    TableObject::new(def).with_instance(0, [])
}

#[test]
fn objects_that_come_and_go_are_told_in_one_update() {
    let mut device = registered(device([account(ONE, 60)]));
    device.add_object(door(32_769)).unwrap();
    device.add_object(door(32_770)).unwrap();
    let sent = effects(&mut device, at(1));
    assert_eq!(texts(&sent), ["update 1 objects=1,3,3303,32769,32770"]);
    // What changes while the Update is under way is told by the next one.
    device.remove_object(32_770).unwrap();
    assert_eq!(texts(&effects(&mut device, at(1))), [""; 0]);
    device.handle_result(at(1), ticket(&sent), UplinkResult::Changed);
    let sent = effects(&mut device, at(1));
    assert_eq!(texts(&sent), ["update 1 objects=1,3,3303,32769"]);
    device.handle_result(at(1), ticket(&sent), UplinkResult::Changed);
    device
        .add_instance(32_769, lwm2m_model::Instance::new(7, vec![]))
        .unwrap();
    assert_eq!(
        texts(&effects(&mut device, at(2))),
        ["update 1 objects=1,3,3303,32769"]
    );
    assert!(device.remove_object(1).is_none(), "the Server object stays");
}

#[test]
fn a_value_is_no_reason_for_an_update() {
    let mut device = registered(device([account(ONE, 60)]));
    device
        .set(&path("/3303/0/5700"), Value::Float(21.5))
        .unwrap();
    assert_eq!(texts(&effects(&mut device, at(1))), [""; 0]);
}

#[test]
fn disable_is_answered_then_silence_then_register() {
    let mut account = account(ONE, 60);
    account.settings.disable_timeout = Some(500);
    let mut device = registered(device([account]));
    assert_eq!(execute(&mut device, at(10), ONE, "/1/0/4"), Code::CHANGED);
    let sent = effects(&mut device, at(10));
    assert_eq!(texts(&sent), ["deregister 1"]);
    // From now on the server is not listened to.
    assert_eq!(execute(&mut device, at(10), ONE, "/1/0/8"), Code::EMPTY);
    device.handle_result(at(12), ticket(&sent), UplinkResult::Deleted);
    assert_eq!(texts(&effects(&mut device, at(12))), ["close 1"]);
    assert_eq!(
        events(&mut device),
        ["executed 1 /1/0/4", "unregistered 1 Disabled"]
    );
    assert_eq!(device.poll_timeout(), Some(at(512)));
    device.handle_timeout(at(511));
    assert_eq!(texts(&effects(&mut device, at(511))), [""; 0]);
    device.handle_timeout(at(512));
    assert_eq!(
        texts(&effects(&mut device, at(512))),
        ["register 1 lt=60 1.1"]
    );
}

#[test]
fn disable_without_a_timeout_lasts_a_day_and_survives_a_deaf_server() {
    let mut device = registered(device([account(ONE, 60)]));
    execute(&mut device, at(10), ONE, "/1/0/4");
    let sent = effects(&mut device, at(10));
    device.handle_result(at(103), ticket(&sent), NO_ANSWER);
    assert_eq!(device.poll_timeout(), Some(at(103 + 86_400)));
}

#[test]
fn disable_while_an_update_is_under_way() {
    for result in [UplinkResult::Changed, NO_ANSWER] {
        let mut device = registered(device([account(ONE, 60)]));
        let update = effects(&mut device, at(30));
        execute(&mut device, at(30), ONE, "/1/0/4");
        assert_eq!(texts(&effects(&mut device, at(30))), [""; 0]);
        let lost = result == NO_ANSWER;
        device.handle_result(at(31), ticket(&update), result);
        let sent = effects(&mut device, at(31));
        if lost {
            assert_eq!(texts(&sent), ["close 1"]);
        } else {
            assert_eq!(texts(&sent), ["deregister 1"]);
            device.handle_result(at(31), ticket(&sent), UplinkResult::Deleted);
            assert_eq!(texts(&effects(&mut device, at(31))), ["close 1"]);
        }
        assert_eq!(device.poll_timeout(), Some(at(31 + 86_400)));
    }
}

#[test]
fn deregister_the_only_one_or_the_named_one() {
    let mut device = registered(device([account(ONE, 60)]));
    assert_eq!(device.deregister(None), Ok(ONE));
    let sent = effects(&mut device, at(1));
    assert_eq!(texts(&sent), ["deregister 1"]);
    device.handle_result(at(1), ticket(&sent), UplinkResult::Deleted);
    assert_eq!(texts(&effects(&mut device, at(1))), ["close 1"]);
    assert_eq!(events(&mut device), ["unregistered 1 Requested"]);
    assert_eq!(device.poll_timeout(), None);
    assert_eq!(device.deregister(None), Err(LifeError::NotRegistered));
    assert_eq!(device.update(ONE, None), Err(LifeError::NotRegistered));

    let mut device = common::device([account(ONE, 60), account(TWO, 60)]);
    assert_eq!(device.deregister(None), Err(LifeError::Ambiguous));
    assert_eq!(
        device.deregister(Some(THREE)),
        Err(LifeError::UnknownServer)
    );
    let mut device = common::device([]);
    assert_eq!(device.deregister(None), Err(LifeError::UnknownServer));
}

#[test]
fn deregister_counts_whatever_the_server_says() {
    for (result, reason) in [
        (refused(Code::NOT_FOUND), "4.04"),
        (refused(Code::BAD_REQUEST), "4.00"),
        (NO_ANSWER, "no_answer"),
    ] {
        let mut device = registered(device([account(ONE, 60)]));
        device.deregister(Some(ONE)).unwrap();
        let sent = effects(&mut device, at(1));
        device.handle_result(at(1), ticket(&sent), result);
        let want = [
            format!("error 1 deregister {reason} never"),
            "unregistered 1 Requested".into(),
        ];
        assert_eq!(events(&mut device), want);
        assert_eq!(device.status(ONE), Some(Status::Unregistered));
    }
}

#[test]
fn deregister_while_registering() {
    // The server may have taken the Register, so its answer is awaited, and then left.
    let mut device = device([account(ONE, 60)]);
    device.register(at(0), ONE).unwrap();
    let sent = effects(&mut device, at(0));
    device.deregister(None).unwrap();
    assert_eq!(texts(&effects(&mut device, at(1))), [""; 0]);
    device.handle_result(at(1), ticket(&sent), created());
    assert_eq!(texts(&effects(&mut device, at(1))), ["deregister 1"]);

    // In the back-off there is nothing to leave.
    let mut device = common::device([account(ONE, 60)]);
    device.register(at(0), ONE).unwrap();
    let sent = effects(&mut device, at(0));
    device.handle_result(at(1), ticket(&sent), NO_ANSWER);
    events(&mut device);
    device.deregister(None).unwrap();
    assert_eq!(texts(&effects(&mut device, at(2))), ["close 1"]);
    assert_eq!(events(&mut device), ["unregistered 1 Requested"]);
    assert_eq!(device.poll_timeout(), None);
}

#[test]
fn register_again_while_registered() {
    let mut device = registered(device([account(ONE, 60)]));
    device.register(at(5), ONE).unwrap();
    assert_eq!(
        texts(&effects(&mut device, at(5))),
        ["register 1 lt=60 1.1"]
    );
    // A second thought gives the first up.
    device.register(at(6), ONE).unwrap();
    assert_eq!(
        texts(&effects(&mut device, at(6))),
        ["abandon 1", "register 1 lt=60 1.1"]
    );
}

#[test]
fn disconnect_is_silent_and_reconnect_updates_or_registers() {
    let mut device = registered(device([account(ONE, 60)]));
    device.disconnect(ONE).unwrap();
    assert_eq!(device.poll_timeout(), None);
    assert_eq!(texts(&effects(&mut device, at(40))), [""; 0]);
    assert_eq!(device.status(ONE), Some(Status::Offline));
    assert_eq!(execute(&mut device, at(40), ONE, "/1/0/8"), Code::EMPTY);
    device.reconnect(at(50), ONE).unwrap();
    let sent = effects(&mut device, at(50));
    assert_eq!(texts(&sent), ["update 1"]);
    device.handle_result(at(50), ticket(&sent), UplinkResult::Changed);
    device.disconnect(ONE).unwrap();
    device.reconnect(at(110), ONE).unwrap();
    assert_eq!(
        texts(&effects(&mut device, at(110))),
        ["register 1 lt=60 1.1"]
    );
}

fn ordered(id: device_core::ServerId, priority: u32, delay: u32) -> device_core::ServerAccount {
    let mut account = account(id, 600);
    account.settings.priority = Some(priority);
    account.settings.initial_delay = Some(delay);
    account
}

fn answer(device: &mut Device, seconds: u64, want: &str, result: UplinkResult) {
    device.handle_timeout(at(seconds));
    let sent = effects(device, at(seconds));
    assert_eq!(texts(&sent), [want]);
    device.handle_result(at(seconds), ticket(&sent), result);
}

/// LwM2M 1.2 §6.2.1.2: ascending order of resource 13, each after its resource 14.
#[test]
fn servers_with_a_priority_register_in_order() {
    let mut device = device([
        ordered(ONE, 20, 5),
        ordered(TWO, 10, 7),
        account(THREE, 600),
    ]);
    device.start(at(0));
    answer(&mut device, 0, "register 3 lt=600 1.1", NO_ANSWER);
    assert_eq!(device.poll_timeout(), Some(at(7)));
    answer(&mut device, 7, "register 2 lt=600 1.1", created());
    answer(&mut device, 12, "register 1 lt=600 1.1", created());
    answer(&mut device, 60, "register 3 lt=600 1.1", created());
}

#[test]
fn a_failing_server_lets_the_next_one_go_on_unless_it_blocks() {
    for block in [false, true] {
        let mut first = ordered(ONE, 1, 0);
        first.settings.retry_count = Some(2);
        first.settings.failure_block = Some(block);
        let mut device = device([first, ordered(TWO, 2, 0)]);
        device.start(at(0));
        answer(&mut device, 0, "register 1 lt=600 1.1", NO_ANSWER);
        answer(&mut device, 60, "register 1 lt=600 1.1", NO_ANSWER);
        if block {
            assert_eq!(device.poll_timeout(), Some(at(60 + 3600)));
            answer(&mut device, 60 + 3600, "register 1 lt=600 1.1", created());
            answer(&mut device, 60 + 3600, "register 2 lt=600 1.1", created());
        } else {
            answer(&mut device, 60, "register 2 lt=600 1.1", created());
        }
    }
}

#[test]
fn servers_live_apart() {
    let mut device = device([account(ONE, 60), account(TWO, 600)]);
    device.start(at(0));
    let sent = effects(&mut device, at(0));
    assert_eq!(
        texts(&sent),
        ["register 1 lt=60 1.1", "register 2 lt=600 1.1"]
    );
    for effect in &sent {
        device.handle_result(at(0), ticket(core::slice::from_ref(effect)), created());
    }
    // A trigger of one, and of its own instance, moves only that one; both are told of a new object.
    assert_eq!(execute(&mut device, at(1), TWO, "/1/1/8"), Code::CHANGED);
    assert_eq!(texts(&effects(&mut device, at(1))), ["update 2"]);
    device.remove_server(TWO).unwrap();
    assert_eq!(
        texts(&effects(&mut device, at(2))),
        ["abandon 2", "close 2", "update 1 objects=1,3,3303"]
    );
    assert_eq!(device.status(TWO), None);
}

#[test]
fn accounts_have_their_limits() {
    let mut config = Config::new("bench");
    config.max_servers = 2;
    let mut device = device_with(config, [account(ONE, 60), account(TWO, 60)]);
    use device_core::AccountError;
    assert_eq!(
        device.add_server(account(ONE, 60)),
        Err(AccountError::Duplicate)
    );
    assert_eq!(
        device.add_server(account(THREE, 60)),
        Err(AccountError::Full)
    );
    device.remove_server(ONE).unwrap();
    device.add_server(account(THREE, 60)).unwrap();
    assert!(device_core::ServerId::new(0).is_none());
    assert!(device_core::ServerId::new(u16::MAX).is_none());
}

/// LwM2M 1.0 has no infinite lifetime, and no queue parameter.
#[test]
fn what_version_1_0_cannot_say() {
    let mut config = Config::new("bench");
    config.newest_version = Lwm2mVersion::V1_0;
    config.queue_mode = true;
    let mut device = device_with(config, [account(ONE, 0)]);
    device.register(at(0), ONE).unwrap();
    let sent = effects(&mut device, at(0));
    assert_eq!(texts(&sent), ["register 1 lt=86400 1.0"]);
    let Some(device_core::Effect::Send { uplink, .. }) = sent.first() else {
        panic!()
    };
    let request = uplink.to_request().unwrap();
    let query: Vec<_> = request.options.as_options().uri_query().collect();
    assert!(format!("{query:?}").contains("b=UQ"), "{query:?}");
    device.handle_result(at(0), ticket(&sent), created());
    assert_eq!(
        device.update(ONE, Some(Lifetime::INFINITE)),
        Err(LifeError::BadLifetime)
    );
}
