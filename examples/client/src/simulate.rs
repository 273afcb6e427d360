//! Values that change by themselves.

use lwm2m_client::Client;
use lwm2m_model::{Value, path};

/// A temperature between 15 and 25 °C, up and down once in four minutes.
pub(crate) fn step(client: &Client, tick: u32) {
    let phase = f64::from(tick % 120) / 120.0 * std::f64::consts::TAU;
    let value = ((20.0 + 5.0 * phase.sin()) * 10.0).round() / 10.0;
    // Without the object there is nothing to simulate.
    let _ = client.set(&path!(3303, 0, 5700), value);
    let now = Value::Time(jiff::Timestamp::now().as_second());
    let _ = client.set(&path!(3, 0, 13), now);
}
