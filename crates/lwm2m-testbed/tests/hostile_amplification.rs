//! the catalogue of hostile inputs E01: what an address gets that only somebody else has spoken for.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use coap_codec::{Code, Message, OptionNumber, Type};
use lwm2m_model::Path;
use lwm2m_testbed::{DeviceSetup, Weather, World};
use support::*;

/// All that leaves for an address within five minutes of one datagram from it.
fn all_that_comes(
    world: &mut World,
    from: SocketAddr,
    to: SocketAddr,
    bytes: &[u8],
) -> Vec<Vec<u8>> {
    world.open_mailbox(from);
    world.inject(from, to, bytes);
    world.run_for(Duration::from_secs(300));
    world.mail(from)
}

fn size(datagrams: &[Vec<u8>]) -> usize {
    datagrams.iter().map(Vec::len).sum()
}

#[test]
fn hostile_e01_a_server_sends_strangers_at_most_three_times_what_they_sent() {
    let mut world = World::new(1, Weather::FAIR);
    // Many devices, so that a list of them would be long.
    for n in 0..50 {
        world.add_device(DeviceSetup::new(format!("dev-{n}")).with_lifetime(0));
    }
    assert!(world.register_all(HOUR));
    let server = world.server_address();
    let place = world.server().registration("dev-1").unwrap().id();
    let observe = (OptionNumber::OBSERVE, &b""[..]);
    let (mut checked, mut answered) = (0, 0);
    for path in [
        "",
        ".well-known/core",
        "rd",
        &format!("rd/{place}"),
        "bs",
        "dp",
        "3/0",
        "a/b/c/d/e/f",
    ] {
        for code in [
            Code::GET,
            Code::FETCH,
            Code::PUT,
            Code::POST,
            Code::DELETE,
            Code(8),
        ] {
            for ty in [Type::Confirmable, Type::NonConfirmable] {
                for extra in [&[][..], &[observe], &[(OptionNumber::BLOCK2, &b"\x06"[..])]] {
                    for token in [&b""[..], b"\x01", b"12345678"] {
                        let segments = path.split('/').filter(|segment| !segment.is_empty());
                        let mut options: Vec<(OptionNumber, &[u8])> = segments
                            .map(|segment| (OptionNumber::URI_PATH, segment.as_bytes()))
                            .collect();
                        options.extend(extra);
                        let bytes = message(ty, code, 1, token, &options, b"");
                        let from = world.fresh_address();
                        let back = all_that_comes(&mut world, from, server, &bytes);
                        assert!(
                            size(&back) <= 3 * bytes.len(),
                            "{} bytes for {} of {code} /{path}: {back:02x?}",
                            size(&back),
                            bytes.len()
                        );
                        checked += 1;
                        answered += usize::from(!back.is_empty());
                    }
                }
            }
        }
    }
    assert_eq!(checked, 8 * 6 * 2 * 3 * 3);
    assert!(answered >= checked / 2, "{answered} answers");
}

/// Who repeats the Echo has proven its address, and gets what it asked for.
#[test]
fn hostile_e01_an_echo_opens_the_long_answer() {
    let mut world = World::new(2, Weather::FAIR);
    world.watch_wire();
    let (from, server) = (world.fresh_address(), world.server_address());
    let short = request(Code::GET, 1, ".well-known/core", &[], b"");
    let back = answer(&mut world, from, server, &short);
    let back = Message::decode(&back).unwrap();
    // The list is short enough today; when it grows, it is challenged.
    match back.code() {
        Code::CONTENT => {}
        Code::UNAUTHORIZED => {
            let echo = back.options().echo().expect("a challenge").to_vec();
            let proven = request(
                Code::GET,
                2,
                ".well-known/core",
                &[(OptionNumber::ECHO, &echo)],
                b"",
            );
            let back = answer(&mut world, from, server, &proven);
            assert_eq!(code(&back), Code::CONTENT);
        }
        code => panic!("{code}"),
    }
    world.run_for(LIFETIMES);
    assert_eq!(world.leftovers(), [] as [String; 0]);
}

/// A forged Register of a device that is observed much makes the server ask its victim again: for one path only,
/// as nobody answers.
#[test]
fn hostile_e01_a_forged_register_does_not_turn_observations_against_its_victim() {
    let (mut world, device) = with_device(3, DeviceSetup::new("observed"));
    for n in 0..40 {
        let path = Path::resource(3303, 0, 5700 + n % 2).unwrap();
        let path = if n < 2 {
            path
        } else {
            Path::object(33_000 + n).unwrap()
        };
        let _ = world.start_observing(device, path);
    }
    world.run_for(SECOND * 30);
    let server = world.server_address();
    let victim = world.fresh_address();
    let forged = register(1, b"observed", 300, b"</1/0>,</3/0>,</3303/0>");
    let back = all_that_comes(&mut world, victim, server, &forged);
    let asked = back
        .iter()
        .filter(|bytes| Message::decode(bytes).unwrap().code() == Code::GET)
        .count();
    assert!((1..=5).contains(&asked), "asked {asked} times");
    assert!(
        size(&back) <= 3 * forged.len(),
        "{} bytes for {}",
        size(&back),
        forged.len()
    );
}

#[test]
fn hostile_e01_a_device_says_nothing_to_strangers() {
    let (mut world, device) = with_device(4, DeviceSetup::new("dev"));
    let home = world.device(device).address();
    let before = world.device(device).stack.endpoint().tables();
    for path in [".well-known/core", "3/0", "rd", ""] {
        for code in [Code::GET, Code::POST, Code::PUT, Code::DELETE] {
            let from = world.fresh_address();
            let bytes = request(code, 1, path, &[(OptionNumber::OBSERVE, b"")], b"");
            assert!(exchange(&mut world, from, home, &bytes).is_empty());
        }
    }
    assert_eq!(world.device(device).stack.endpoint().tables(), before);
    nothing_is_left(&mut world);
}
