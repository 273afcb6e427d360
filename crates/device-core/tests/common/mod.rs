//! A device on a bench: virtual time, and the effects and events as short texts.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use core::time::Duration;

use coap_codec::Code;
use device_core::{
    Config, Device, DeviceObject, Effect, Event, Reason, Served, ServerAccount, ServerId,
    TemperatureObject, UplinkResult,
};
use lwm2m_model::{Lwm2mVersion, Models, Path};
use lwm2m_ops::{Arguments, Downlink, Execute, RegistrationId, Reply, Uplink};
use sansio::{Instant, Ticket};

pub const ONE: ServerId = server(1);
pub const TWO: ServerId = server(2);
pub const THREE: ServerId = server(3);

pub const fn server(id: u16) -> ServerId {
    match ServerId::new(id) {
        Some(id) => id,
        None => panic!("a short server id"),
    }
}

pub fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

pub fn path(text: &str) -> Path {
    text.parse().unwrap()
}

pub fn account(id: ServerId, lifetime: u32) -> ServerAccount {
    ServerAccount::new(id, "coap://192.0.2.1").with_lifetime(lifetime)
}

pub fn device(accounts: impl IntoIterator<Item = ServerAccount>) -> Device {
    device_with(Config::new("bench"), accounts)
}

pub fn device_with(config: Config, accounts: impl IntoIterator<Item = ServerAccount>) -> Device {
    let models = Models::builtin();
    let mut device = Device::new(config, &models).unwrap();
    let mut facts = DeviceObject::default();
    facts.manufacturer = Some("Bench".into());
    facts.utc_offset = Some("+00:00".into());
    facts.current_time = Some(1_700_000_000);
    let facts = facts.into_object(&models, Lwm2mVersion::V1_1).unwrap();
    device.add_object(facts).unwrap();
    let sensors = TemperatureObject::new().with_sensor(0, 20.0);
    device.add_object(sensors).unwrap();
    for account in accounts {
        device.add_server(account).unwrap();
    }
    device
}

/// What the device sends now, and under which tickets.
pub fn effects(device: &mut Device, now: Instant) -> Vec<Effect> {
    core::iter::from_fn(|| device.poll_effect(now)).collect()
}

/// The events as texts: `registered 1 1.1`, `error 1 register no_answer 60`.
pub fn events(device: &mut Device) -> Vec<String> {
    core::iter::from_fn(|| device.poll_event())
        .map(|event| event_text(&event))
        .collect()
}

fn event_text(event: &Event) -> String {
    match event {
        Event::Registered {
            server, version, ..
        } => format!("registered {server} {version}"),
        Event::FellBack {
            server, version, ..
        } => format!("fell back {server} {version}"),
        Event::Updated {
            server, lifetime, ..
        } => format!("updated {server} {lifetime}"),
        Event::Unregistered { server, why, .. } => format!("unregistered {server} {why:?}"),
        Event::Error {
            server,
            operation,
            reason,
            retry,
            ..
        } => {
            let reason = match reason {
                Reason::Refused(code) => code.to_string(),
                reason => reason.as_str().to_string(),
            };
            let retry = retry.map_or("never".into(), |at| {
                (at.as_micros() / 1_000_000).to_string()
            });
            format!("error {server} {} {reason} {retry}", operation.as_str())
        }
        Event::Executed { server, path, .. } => format!("executed {server} {path}"),
        Event::Written { server, path, .. } => format!("written {server} {path}"),
        Event::Created { server, path, .. } => format!("created {server} {path}"),
        Event::Deleted { server, path, .. } => format!("deleted {server} {path}"),
        Event::Observed { server, path, .. } => format!("observed {server} {path}"),
        Event::ObservationEnded { server, path, .. } => format!("ended {server} {path}"),
        _ => "?".into(),
    }
}

/// The effects as texts: `register 1 lt=60`, `update 1`, `notify 1 2.05`.
pub fn texts(effects: &[Effect]) -> Vec<String> {
    effects.iter().map(text).collect()
}

pub fn text(effect: &Effect) -> String {
    match effect {
        Effect::Send { server, uplink, .. } => match uplink {
            Uplink::Register(register) => {
                format!(
                    "register {server} lt={} {}",
                    register.lifetime.to_wire(),
                    register.version
                )
            }
            Uplink::Update(update) => {
                let mut text = format!("update {server}");
                if let Some(lifetime) = update.lifetime {
                    text.push_str(&format!(" lt={}", lifetime.to_wire()));
                }
                if let Some(binding) = update.binding {
                    text.push_str(&format!(" b={binding}"));
                }
                if let Some(objects) = &update.objects {
                    let ids: Vec<_> = objects.objects.iter().map(|o| o.id.to_string()).collect();
                    text.push_str(&format!(" objects={}", ids.join(",")));
                }
                text
            }
            Uplink::Deregister(_) => format!("deregister {server}"),
            _ => "?".into(),
        },
        Effect::Abandon { server, .. } => format!("abandon {server}"),
        Effect::Notify {
            server,
            reply,
            confirmable,
            ..
        } => {
            let kind = if *confirmable { "CON" } else { "NON" };
            format!("notify {server} {} {kind}", reply.code())
        }
        Effect::EndRelation {
            server, relation, ..
        } => format!("end {server} {}", relation.0),
        Effect::Close { server, .. } => format!("close {server}"),
        _ => "?".into(),
    }
}

pub fn ticket(effects: &[Effect]) -> Ticket {
    let tickets = effects.iter().filter_map(|effect| match effect {
        Effect::Send { ticket, .. } => Some(*ticket),
        _ => None,
    });
    tickets.last().expect("something was sent")
}

pub fn created() -> UplinkResult {
    UplinkResult::Created(RegistrationId::new("a1").unwrap().into())
}

pub fn refused(code: Code) -> UplinkResult {
    UplinkResult::Refused {
        code,
        retry_after: None,
    }
}

pub const NO_ANSWER: UplinkResult = UplinkResult::Failed(Reason::NoAnswer);

/// Registers a device that was just made, with its first server.
pub fn registered(mut device: Device) -> Device {
    device.register(at(0), ONE).unwrap();
    let sent = effects(&mut device, at(0));
    device.handle_result(at(0), ticket(&sent), created());
    assert_eq!(texts(&effects(&mut device, at(0))), [""; 0]);
    events(&mut device);
    device
}

pub fn execute(device: &mut Device, now: Instant, server: ServerId, target: &str) -> Code {
    let operation = Execute::new(path(target), Arguments::NONE).unwrap();
    code(device.serve(now, server, &Downlink::Execute(operation)))
}

pub fn code(served: Served) -> Code {
    match served {
        Served::Ignored => Code::EMPTY,
        Served::Answer(reply) | Served::Observable(reply) => reply.code(),
        _ => panic!("a new kind of answer"),
    }
}

pub fn reply(served: Served) -> Reply {
    match served {
        Served::Answer(reply) | Served::Observable(reply) => reply,
        other => panic!("no answer: {other:?}"),
    }
}
