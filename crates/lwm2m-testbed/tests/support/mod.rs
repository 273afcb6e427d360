//! Raw CoAP for those who do not keep to the rules.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::net::SocketAddr;
use std::time::Duration;

use coap_codec::{Block, BlockSize, Code, Encoder, Message, OptionNumber, Type};
use lwm2m_testbed::{DeviceId, DeviceSetup, Weather, World};
use sansio::Rng;

pub const SECOND: Duration = Duration::from_secs(1);
pub const HOUR: Duration = Duration::from_secs(3600);
/// After this, no machine remembers a message (EXCHANGE_LIFETIME, in windows of a quarter).
pub const LIFETIMES: Duration = Duration::from_secs(700);

/// Options in any order, and a payload.
pub fn message(
    ty: Type,
    code: Code,
    mid: u16,
    token: &[u8],
    options: &[(OptionNumber, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let mut options = options.to_vec();
    options.sort_by_key(|(number, _)| number.0);
    let values: usize = options.iter().map(|(_, value)| value.len() + 5).sum();
    let mut out = vec![0; 32 + values + payload.len()];
    let mut encoder = Encoder::new(&mut out, ty, code, mid, token).unwrap();
    for (number, value) in options {
        encoder.option(number, value).unwrap();
    }
    if !payload.is_empty() {
        encoder.payload(payload).unwrap();
    }
    let len = encoder.finish().unwrap();
    out.truncate(len);
    out
}

/// A Confirmable request to a path such as `rd/x`, with a token made of the message id.
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
    let token = mid.to_be_bytes();
    message(Type::Confirmable, code, mid, &token, &all, payload)
}

/// A Register of this endpoint, in one message.
pub fn register(mid: u16, endpoint: &[u8], lifetime: u32, links: &[u8]) -> Vec<u8> {
    let ep = [b"ep=", endpoint].concat();
    let lt = format!("lt={lifetime}");
    let options: [(OptionNumber, &[u8]); 5] = [
        (OptionNumber::CONTENT_FORMAT, &[40]),
        (OptionNumber::URI_QUERY, &ep),
        (OptionNumber::URI_QUERY, lt.as_bytes()),
        (OptionNumber::URI_QUERY, b"lwm2m=1.1"),
        (OptionNumber::URI_QUERY, b"b=U"),
    ];
    request(Code::POST, mid, "rd", &options, links)
}

/// The value of a block option.
pub fn block(num: u32, more: bool, size: usize) -> Vec<u8> {
    let size = BlockSize::from_bytes(size).unwrap();
    let block = Block::new(num, more, size).unwrap();
    let mut out = [0; 4];
    block.encode(&mut out).to_vec()
}

/// The location that a 2.01 carries, as `rd/…`.
pub fn location(answer: &[u8]) -> String {
    let answer = Message::decode(answer).unwrap();
    assert_eq!(answer.code(), Code::CREATED);
    let segments: Vec<&str> = answer
        .options()
        .location_path()
        .map(Result::unwrap)
        .collect();
    segments.join("/")
}

pub fn code(datagram: &[u8]) -> Code {
    Message::decode(datagram).unwrap().code()
}

/// Hands a datagram in at once and gives what is sent back at once.
pub fn exchange(world: &mut World, from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> Vec<Vec<u8>> {
    world.take_wire();
    world.inject(from, to, bytes);
    let back = world.take_wire().into_iter().map(|wire| wire.datagram);
    back.filter(|datagram| datagram.from == to && datagram.to == from)
        .map(|datagram| datagram.bytes)
        .collect()
}

/// As [`exchange`], where exactly one datagram comes back.
pub fn answer(world: &mut World, from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut back = exchange(world, from, to, bytes);
    assert_eq!(back.len(), 1, "{back:02x?}");
    back.remove(0)
}

/// A world in fair weather with one registered device.
pub fn with_device(seed: u64, setup: DeviceSetup) -> (World, DeviceId) {
    let mut world = World::new(seed, Weather::FAIR);
    let device = world.add_device(setup);
    assert!(world.register(device, HOUR));
    world.watch_wire();
    (world, device)
}

/// Lets the device leave and all lifetimes pass: then nothing is left.
pub fn nothing_is_left(world: &mut World) {
    for device in world.device_ids() {
        if world.device(device).is_registered() {
            assert!(world.deregister(device));
        }
    }
    world.run_for(LIFETIMES + SECOND * 300);
    assert_eq!(world.leftovers(), [] as [String; 0]);
}

/// Datagrams that are no CoAP, or no sense: the known classics first, then dice.
pub fn garbage(rng: &mut Rng, count: usize) -> Vec<Vec<u8>> {
    let classics: [&[u8]; 16] = [
        b"",
        b"\x40",
        b"\x40\x01\x00",
        b"\x00\x01\x00\x00",         // version 0
        b"\xff\xff\xff\xff",         // version 3
        b"\x48\x01\x00\x01\xaa",     // the token is longer than the datagram
        b"\x4f\x01\x00\x01",         // token length 15
        b"\x41\x00\x00\x01\xaa",     // Empty with a token
        b"\x40\x00\x00\x01\xff\x00", // Empty with a payload
        b"\x40\x01\x00\x01\xff",     // a marker without payload
        b"\x40\x01\x00\x01\xd0",     // an option without its extension
        b"\x40\x01\x00\x01\xe0\x00",
        b"\x40\x01\x00\x01\xf1\x00", // the reserved nibble
        b"\x60\x21\x00\x01",         // class 1
        b"\x50\xc1\x00\x01",         // class 6
        b"\x40\x01\x00\x00\xe0\xff\xff\xe0\xff\xff",
    ];
    let mut all: Vec<Vec<u8>> = classics.iter().map(|bytes| bytes.to_vec()).collect();
    while all.len() < count {
        let mut bytes = vec![0; rng.below(64) as usize];
        rng.fill(&mut bytes);
        // By chance it may be a message; then it is none of ours.
        if Message::decode(&bytes).is_err() {
            all.push(bytes);
        }
    }
    all
}
