//! the catalogue of hostile inputs C01, C02, C09: bodies in blocks that never end, never begin or never come, at server and device.

mod support;

use std::net::SocketAddr;

use coap_codec::{Code, Message, OptionNumber};
use lwm2m_model::Value;
use lwm2m_testbed::{BLOB, DeviceSetup, ServerSetup, Weather, World, long};
use support::*;

const CAP: usize = 1 << 20;

/// One block of a body to a path, with what else makes it a request of its own.
fn part(
    mid: u16,
    path: &str,
    extra: (OptionNumber, &[u8]),
    (num, more): (u32, bool),
    payload: &[u8],
) -> Vec<u8> {
    let block = block(num, more, 1024);
    let options = [
        (OptionNumber::CONTENT_FORMAT, &[42][..]),
        (OptionNumber::BLOCK1, &block),
        extra,
    ];
    let code = if path == "rd" { Code::POST } else { Code::PUT };
    request(code, mid, path, &options, payload)
}

/// Blocks with more to come, for ever: what was taken never exceeds the cap, and 4.13 says what the cap is.
fn endless(world: &mut World, from: SocketAddr, to: SocketAddr, path: &str) {
    let extra = (OptionNumber::REQUEST_TAG, &b"x"[..]);
    let mut taken = 0;
    for num in 0.. {
        let mid = 1 + num as u16;
        let bytes = part(mid, path, extra, (num, true), &[0xaa; 1024]);
        let back = answer(world, from, to, &bytes);
        let back = Message::decode(&back).unwrap();
        match back.code() {
            Code::CONTINUE => taken += 1024,
            Code::REQUEST_ENTITY_TOO_LARGE => {
                assert_eq!(back.options().size1(), Some(CAP as u32));
                break;
            }
            code => panic!("{code} for block {num}"),
        }
        assert!(taken <= CAP);
    }
    assert_eq!(taken, CAP);
    // A size beyond it is refused with the first block.
    let huge = (CAP as u32 + 1).to_be_bytes();
    let size = (OptionNumber::SIZE1, &huge[1..]);
    let bytes = part(5000, path, size, (0, true), &[0xaa; 1024]);
    let back = answer(world, from, to, &bytes);
    assert_eq!(code(&back), Code::REQUEST_ENTITY_TOO_LARGE);
}

#[test]
fn hostile_c01_a_body_without_end_stops_at_the_cap_of_the_server() {
    let (mut world, _) = with_device(1, DeviceSetup::new("dev"));
    let (from, server) = (world.fresh_address(), world.server_address());
    endless(&mut world, from, server, "rd");
    assert_eq!(uploads(&world), (0, 0));
    nothing_is_left(&mut world);
}

#[test]
fn hostile_c01_a_body_without_end_stops_at_the_cap_of_the_device() {
    let (mut world, device) = with_device(1, DeviceSetup::new("dev"));
    let (home, server) = (world.device(device).address(), world.server_address());
    endless(&mut world, server, home, "32769/0/0");
    let tables = world.device(device).stack.endpoint().tables();
    assert_eq!((tables.uploads, tables.upload_bytes), (0, 0));
    let value = world.device(device).value(&BLOB);
    assert_eq!(value, Some(Value::Opaque(bytes::Bytes::new())));
    nothing_is_left(&mut world);
}

fn uploads(world: &World) -> (usize, usize) {
    let shards = world.server().tables().shards;
    shards.iter().fold((0, 0), |(count, bytes), shard| {
        (count + shard.coap.uploads, bytes + shard.coap.upload_bytes)
    })
}

/// Many addresses that send a first block and no more: the oldest give way.
#[test]
fn hostile_c02_first_blocks_from_many_addresses_are_capped_and_the_oldest_goes() {
    let count = if long() { 1_000_000 } else { 4_000 };
    let mut setup = ServerSetup {
        shards: 1,
        ..ServerSetup::default()
    };
    if !long() {
        setup.stack.coap.limits.uploads_total = 1_000;
    }
    let limits = setup.stack.coap.limits;
    let mut world = World::with_server(2, Weather::FAIR, setup);
    world.watch_wire();
    let server = world.server_address();
    let none = (OptionNumber::SIZE1, &[][..]);
    let first = part(1, "rd", none, (0, true), &[1; 1024]);
    let mut from = Vec::new();
    for _ in 0..count {
        let address = world.fresh_address();
        from.push(address);
        let back = answer(&mut world, address, server, &first);
        assert_eq!(code(&back), Code::CONTINUE);
    }
    let (kept, bytes) = uploads(&world);
    assert_eq!(kept, limits.uploads_total);
    assert!(bytes <= limits.upload_bytes_total);
    let evicted = world.server().shards()[0].stats().bodies_evicted;
    assert_eq!(evicted, (count - kept) as u64);
    let next = part(2, "rd", none, (1, true), &[2; 1024]);
    let oldest = answer(&mut world, from[0], server, &next);
    assert_eq!(code(&oldest), Code::REQUEST_ENTITY_INCOMPLETE);
    let newest = answer(&mut world, from[count - 1], server, &next);
    assert_eq!(code(&newest), Code::CONTINUE);
    // Meanwhile a device registers in blocks as if nothing were.
    let mut setup = DeviceSetup::new("genuine");
    setup.device.max_objects = 500;
    setup.padding = (33_000, 450);
    let device = world.add_device(setup);
    assert!(world.register(device, SECOND));
    nothing_is_left(&mut world);
}

#[test]
fn hostile_c02_a_gap_is_4_08_at_both_ends() {
    let (mut world, device) = with_device(2, DeviceSetup::new("dev"));
    let (home, server) = (world.device(device).address(), world.server_address());
    let stranger = world.fresh_address();
    for (from, to, path) in [(stranger, server, "rd"), (server, home, "32769/0/0")] {
        let none = (OptionNumber::SIZE1, &[][..]);
        // Not from the start; then with the second block missing.
        for (mid, block, expected) in [
            (1, (3, true), Code::REQUEST_ENTITY_INCOMPLETE),
            (2, (0, true), Code::CONTINUE),
            (3, (2, true), Code::REQUEST_ENTITY_INCOMPLETE),
            (4, (3, false), Code::REQUEST_ENTITY_INCOMPLETE),
        ] {
            let bytes = part(mid, path, none, block, &[7; 1024]);
            let back = answer(&mut world, from, to, &bytes);
            assert_eq!(code(&back), expected, "{path} {block:?}");
        }
    }
    let value = world.device(device).value(&BLOB);
    assert_eq!(value, Some(Value::Opaque(bytes::Bytes::new())));
    nothing_is_left(&mut world);
}

/// Two bodies to one target from one address, block by block in turn: told apart by Request-Tag.
#[test]
fn hostile_c09_interleaved_bodies_do_not_mix() {
    let (mut world, device) = with_device(9, DeviceSetup::new("dev"));
    let (home, server) = (world.device(device).address(), world.server_address());
    let bodies = [[0xaa; 3000], [0xbb; 3000]];
    let tags: [&[u8]; 2] = [b"a", b"b"];
    let mut mid = 0;
    for num in 0..3 {
        for (body, tag) in bodies.iter().zip(tags) {
            mid += 1;
            let piece = body.chunks(1024).nth(num).unwrap();
            let tag = (OptionNumber::REQUEST_TAG, tag);
            let more = num < 2;
            let bytes = part(mid, "32769/0/0", tag, (num as u32, more), piece);
            let back = answer(&mut world, server, home, &bytes);
            if more {
                assert_eq!(code(&back), Code::CONTINUE);
            } else {
                assert_eq!(code(&back), Code::CHANGED);
                let value = world.device(device).value(&BLOB);
                assert_eq!(value, Some(Value::Opaque(body.to_vec().into())));
            }
        }
    }
    // Without tags the second first block begins anew, and the rest of the first has no beginning.
    let none = (OptionNumber::SIZE1, &[][..]);
    for (mid, block, byte, expected) in [
        (100, (0, true), 1, Code::CONTINUE),
        (101, (1, true), 1, Code::CONTINUE),
        (102, (0, true), 2, Code::CONTINUE),
        (103, (2, false), 1, Code::REQUEST_ENTITY_INCOMPLETE),
        (104, (1, false), 2, Code::CHANGED),
    ] {
        let bytes = part(mid, "32769/0/0", none, block, &[byte; 1024]);
        let back = answer(&mut world, server, home, &bytes);
        assert_eq!(code(&back), expected, "{block:?}");
    }
    let value = world.device(device).value(&BLOB);
    assert_eq!(value, Some(Value::Opaque(vec![2; 2048].into())));
    nothing_is_left(&mut world);
}

/// Bodies that are begun and never finished, each to a place of its own.
#[test]
fn hostile_c09_abandoned_bodies_are_freed() {
    let count: u32 = if long() { 100_000 } else { 2_000 };
    let (mut world, device) = with_device(9, DeviceSetup::new("dev").with_lifetime(86_400));
    let (home, server) = (world.device(device).address(), world.server_address());
    let stranger = world.fresh_address();
    for (from, to, path) in [(stranger, server, "rd"), (server, home, "32769/0/0")] {
        for n in 0..count {
            let tag = n.to_be_bytes();
            let tag = (OptionNumber::REQUEST_TAG, &tag[..]);
            let bytes = part(n as u16, path, tag, (0, true), &[7; 1024]);
            let back = answer(&mut world, from, to, &bytes);
            assert_eq!(code(&back), Code::CONTINUE);
        }
        let (at_server, bytes) = uploads(&world);
        let tables = world.device(device).stack.endpoint().tables();
        assert!(at_server.max(tables.uploads) <= 4, "uploads of one peer");
        assert!(bytes.max(tables.upload_bytes) <= 4 * 1024);
        world.run_for(SECOND * 300);
        assert_eq!(uploads(&world), (0, 0));
        let tables = world.device(device).stack.endpoint().tables();
        assert_eq!((tables.uploads, tables.upload_bytes), (0, 0));
    }
    nothing_is_left(&mut world);
}
