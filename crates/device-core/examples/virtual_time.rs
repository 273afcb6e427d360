//! A device that registers, is read, and updates: a day of its life in no time.

use core::time::Duration;

use device_core::{
    Config, Device, Effect, Served, ServerAccount, ServerId, TemperatureObject, UplinkResult,
};
use lwm2m_model::{Models, path};
use lwm2m_ops::{Downlink, Read, RegistrationId, Uplink};
use sansio::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut device = Device::new(Config::new("sensor-1"), &Models::builtin())?;
    device.add_object(TemperatureObject::new().with_sensor(0, 20.5))?;
    let server = ServerId::new(1).ok_or("not a short server id")?;
    device.add_server(ServerAccount::new(server, "coap://192.0.2.1").with_lifetime(21_600))?;

    let mut now = Instant::ZERO;
    let midnight = now + Duration::from_secs(86_400);
    device.start(now);
    while now < midnight {
        while let Some(effect) = device.poll_effect(now) {
            if let Effect::Send { ticket, uplink, .. } = effect {
                let result = match uplink {
                    Uplink::Register(_) => UplinkResult::Created(RegistrationId::new("a1")?.into()),
                    _ => UplinkResult::Changed,
                };
                device.handle_result(now, ticket, result);
            }
        }
        while let Some(event) = device.poll_event() {
            println!("{:>6} s: {event:?}", now.as_micros() / 1_000_000);
        }
        now = device.poll_timeout().unwrap_or(midnight).min(midnight);
        device.handle_timeout(now);
    }

    let read = Downlink::Read(Read::new(path!(3303, 0, 5700), None)?);
    if let Served::Answer(reply) = device.serve(now, server, &read) {
        println!("at midnight the server reads {reply:?}");
    }
    Ok(())
}
