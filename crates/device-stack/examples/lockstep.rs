//! A device and a server of twenty lines, in one thread and in virtual time.

use core::net::SocketAddr;

use coap_codec::{Code, Encoder, Message, OptionNumber, Type};
use device_stack::{
    Config, DeviceStack,
    core::{self as device_core, Device, ServerAccount, ServerId, TemperatureObject},
};
use lwm2m_model::Models;
use sansio::{DatagramBuf, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut device = Device::new(device_core::Config::new("sensor-1"), &Models::builtin())?;
    device.add_object(TemperatureObject::new().with_sensor(0, 20.5))?;
    let server = ServerId::new(1).ok_or("not a short server id")?;
    device.add_server(ServerAccount::new(server, "coap://192.0.2.1").with_lifetime(60))?;

    let mut now = Instant::ZERO;
    let mut stack = DeviceStack::new(device, Config::default(), [1; 32], now);
    stack.device_mut().start(now);
    let mut memory = [0; 1280];
    for _ in 0..5 {
        let mut out = DatagramBuf::new(&mut memory, 0, 0);
        let mut answers = Vec::new();
        while let Some(datagram) = stack.poll_transmit(now, &mut out) {
            answers.extend(answer(out.bytes())?.map(|bytes| (datagram.to, bytes)));
        }
        for (from, mut bytes) in answers {
            stack.handle_datagram(now, 0, from, &mut bytes);
        }
        while let Some(event) = stack.poll_event() {
            println!("{:>4} s: {event:?}", now.as_micros() / 1_000_000);
        }
        now = stack.poll_timeout().unwrap_or(now);
        stack.handle_timeout(now);
    }
    let to: SocketAddr = "192.0.2.1:5683".parse()?;
    let mut read = *b"\x40\x01\x00\x07\xb4\x33303\x010\x045700\x60";
    stack.handle_datagram(now, 0, to, &mut read);
    let mut out = DatagramBuf::new(&mut memory, 0, 0);
    while stack.poll_transmit(now, &mut out).is_some() {
        println!("answer: {:?}", Message::decode(out.bytes())?);
    }
    Ok(())
}

/// What a server answers to Register and Update.
fn answer(datagram: &[u8]) -> Result<Option<Vec<u8>>, Box<dyn std::error::Error>> {
    let request = Message::decode(datagram)?;
    if !request.code().is_request() {
        return Ok(None);
    }
    let register = request.options().all(OptionNumber::URI_PATH).count() == 1;
    let code = if register {
        Code::CREATED
    } else {
        Code::CHANGED
    };
    let mut memory = [0; 64];
    let ack = Type::Acknowledgement;
    let mut out = Encoder::new(
        &mut memory,
        ack,
        code,
        request.message_id(),
        request.token(),
    )?;
    if register {
        out.option(OptionNumber::LOCATION_PATH, b"rd")?;
        out.option(OptionNumber::LOCATION_PATH, b"5a3f")?;
    }
    let len = out.finish()?;
    Ok(memory.get(..len).map(<[u8]>::to_vec))
}
