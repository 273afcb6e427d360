//! A device stack and a server that is a hand with a pen: raw CoAP bytes in lockstep.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

pub mod secured;

use core::{net::SocketAddr, time::Duration};

use coap_codec::{Code, ContentFormat, Encoder, Message, OptionNumber, Type};
use device_stack::{
    Config, DeviceStack, Outgoing,
    core::{self as device_core, Device, DeviceObject, Event, ServerAccount, ServerId},
};
use lwm2m_model::{
    Lwm2mVersion, Models, ObjectDef, Operations, Resource, ResourceDef, ValueType, Version,
};
use sansio::{DatagramBuf, Instant};

pub const SERVER: &str = "192.0.2.1:5683";

pub fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

pub fn id(id: u16) -> ServerId {
    ServerId::new(id).unwrap()
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn stack_with(accounts: &[(u16, &str)]) -> DeviceStack {
    let models = Models::builtin();
    let mut config = device_core::Config::new("bench");
    // One format fewer to think of on the wire.
    config.formats = vec![ContentFormat::TLV];
    let mut device = Device::new(config, &models).unwrap();
    let mut facts = DeviceObject::default();
    facts.manufacturer = Some("Bench".into());
    facts.utc_offset = Some("+00:00".into());
    device
        .add_object(facts.into_object(&models, Lwm2mVersion::V1_1).unwrap())
        .unwrap();
    let sensors = device_core::TemperatureObject::new().with_sensor(0, 20.0);
    device.add_object(sensors).unwrap();
    let blob = ObjectDef::new(32_769, "Blob", Version::V1_0).with_resource(ResourceDef::new(
        0,
        "Bytes",
        Operations::RW,
        ValueType::Opaque,
    ));
    let blob = device_core::TableObject::new(blob);
    let blob = blob.with_instance(0, [Resource::single(0, bytes(10))]);
    device.add_object(blob).unwrap();
    for (server, uri) in accounts {
        let account = ServerAccount::new(id(*server), *uri).with_lifetime(300);
        device.add_server(account).unwrap();
    }
    DeviceStack::new(device, Config::default(), [7; 32], Instant::ZERO)
}

fn bytes(len: usize) -> lwm2m_model::Value {
    lwm2m_model::Value::Opaque(vec![0xa5; len].into())
}

pub fn stack() -> DeviceStack {
    stack_with(&[(1, "coap://192.0.2.1")])
}

/// What leaves the device now.
pub fn sent(stack: &mut DeviceStack, now: Instant) -> Vec<(Outgoing, Vec<u8>)> {
    let mut datagrams = Vec::new();
    let mut memory = [0; 2048];
    loop {
        let mut out = DatagramBuf::new(&mut memory, 0, 0);
        let Some(outgoing) = stack.poll_transmit(now, &mut out) else {
            return datagrams;
        };
        assert_eq!(out.bytes().len(), outgoing.len);
        datagrams.push((outgoing, out.bytes().to_vec()));
    }
}

/// The one datagram that leaves now.
pub fn only(stack: &mut DeviceStack, now: Instant) -> Vec<u8> {
    let mut sent = sent(stack, now);
    assert_eq!(sent.len(), 1, "{sent:x?}");
    sent.remove(0).1
}

pub fn nothing(stack: &mut DeviceStack, now: Instant) {
    assert_eq!(sent(stack, now), []);
}

pub fn receive(stack: &mut DeviceStack, now: Instant, bytes: &[u8]) {
    stack.handle_datagram(now, 0, address(SERVER), &mut bytes.to_vec());
}

/// Sends a datagram to the device and returns the one that answers it.
pub fn exchange(stack: &mut DeviceStack, now: Instant, bytes: &[u8]) -> Vec<u8> {
    receive(stack, now, bytes);
    only(stack, now)
}

pub fn events(stack: &mut DeviceStack) -> Vec<Event> {
    core::iter::from_fn(|| stack.poll_event()).collect()
}

/// A message, written by the encoder of the codec: `options` ascending.
pub fn message(
    ty: Type,
    code: Code,
    mid: u16,
    token: &[u8],
    options: &[(OptionNumber, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let mut out = vec![0; 2048];
    let mut encoder = Encoder::new(&mut out, ty, code, mid, token).unwrap();
    for (number, value) in options {
        encoder.option(*number, value).unwrap();
    }
    if !payload.is_empty() {
        encoder.payload(payload).unwrap();
    }
    let len = encoder.finish().unwrap();
    out.truncate(len);
    out
}

/// A confirmable request to a path such as `3/0/0`, with further options and a payload.
pub fn request(
    code: Code,
    mid: u16,
    path: &str,
    options: &[(OptionNumber, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut all: Vec<(OptionNumber, &[u8])> = segments
        .map(|segment| (OptionNumber::URI_PATH, segment.as_bytes()))
        .collect();
    all.extend(options);
    all.sort_by_key(|(number, _)| number.0);
    message(
        Type::Confirmable,
        code,
        mid,
        &mid.to_be_bytes(),
        &all,
        payload,
    )
}

/// The piggybacked answer to a request of the device.
pub fn answer(request: &[u8], code: Code, options: &[(OptionNumber, &[u8])]) -> Vec<u8> {
    let request = Message::decode(request).unwrap();
    assert_eq!(request.ty(), Type::Confirmable);
    message(
        Type::Acknowledgement,
        code,
        request.message_id(),
        request.token(),
        options,
        b"",
    )
}

pub fn code(bytes: &[u8]) -> Code {
    Message::decode(bytes).unwrap().code()
}

pub fn payload(bytes: &[u8]) -> Vec<u8> {
    Message::decode(bytes).unwrap().payload().to_vec()
}

pub const LOCATION: &[(OptionNumber, &[u8])] = &[
    (OptionNumber::LOCATION_PATH, b"rd"),
    (OptionNumber::LOCATION_PATH, b"a1"),
];

/// A device that is registered, at time 0.
pub fn registered() -> DeviceStack {
    let mut stack = stack();
    stack.device_mut().start(at(0));
    let register = only(&mut stack, at(0));
    receive(
        &mut stack,
        at(0),
        &answer(&register, Code::CREATED, LOCATION),
    );
    nothing(&mut stack, at(0));
    assert!(matches!(
        &events(&mut stack)[..],
        [Event::Registered { .. }]
    ));
    stack
}
