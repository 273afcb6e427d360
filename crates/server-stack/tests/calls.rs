//! Calls to devices, seen from the caller.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use coap_codec::{Code, Encoder, OptionNumber, Type};
use lwm2m_model::path;
use lwm2m_ops::Read;
use sansio::Instant;
use server_stack::{CallFailure, CallId, Config, Effect, Event, ServerStack, Target};

fn target(port: u16) -> Target {
    Target {
        local_endpoint: 0,
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
    }
}

fn call(stack: &mut ServerStack, id: u64, port: u16) {
    let read = Read::new(path!(3, 0), None).unwrap();
    let timeout = Duration::from_secs(60);
    let call = CallId::new(id);
    stack.call(Instant::ZERO, call, target(port), "", read.into(), timeout);
}

/// The same inputs give the same outputs: no order may come from a hash table.
#[test]
fn cancelled_calls_end_in_the_order_in_which_they_began() {
    let mut stack = ServerStack::new(Config::default(), [1; 32], Instant::ZERO);
    let ids: Vec<u64> = (0..60).map(|n| n * 37 % 101).collect();
    for &id in &ids {
        call(&mut stack, id, 1);
    }
    call(&mut stack, 1000, 2);
    stack.cancel(Instant::ZERO, CallId::new(37));
    stack.cancel_target(Instant::ZERO, target(1));
    let ended: Vec<u64> = core::iter::from_fn(|| stack.poll_event())
        .map(|event| match event {
            Event::Reply {
                call,
                result: Err(CallFailure::Cancelled),
                observing: false,
                ..
            } => call.get(),
            event => panic!("{event:?}"),
        })
        .collect();
    let expected: Vec<u64> = ids.into_iter().filter(|&id| id != 37).collect();
    assert_eq!(ended, expected);
    assert_eq!(stack.tables().calls, 1, "calls to others go on");
    stack.cancel_target(Instant::ZERO, target(1));
    assert!(stack.poll_event().is_none(), "nothing ends twice");
    assert_eq!(stack.tables().coap.requests, 1);
}

#[test]
fn a_call_id_in_use_is_refused() {
    let mut stack = ServerStack::new(Config::default(), [1; 32], Instant::ZERO);
    call(&mut stack, 5, 1);
    call(&mut stack, 5, 2);
    let Some(Event::Reply { result, .. }) = stack.poll_event() else {
        panic!("an event is due")
    };
    assert_eq!(result, Err(CallFailure::Overloaded));
    assert_eq!(stack.tables().calls, 1);
}

/// A request that is refused before the registry sees it is numbered as those that the registry sees.
#[test]
fn every_request_has_its_number() {
    let mut config = Config::default();
    config.shard = 2;
    let mut stack = ServerStack::new(config, [1; 32], Instant::ZERO);
    let mut hear = |mid: u8, lifetime: &[u8]| {
        let mut bytes = [0; 64];
        let mut out =
            Encoder::new(&mut bytes, Type::Confirmable, Code::POST, mid.into(), b"t").unwrap();
        out.option(OptionNumber::URI_PATH, b"rd").unwrap();
        out.option_uint(OptionNumber::CONTENT_FORMAT, 40).unwrap();
        for item in [b"ep=dev", lifetime, b"lwm2m=1.1"] {
            out.option(OptionNumber::URI_QUERY, item).unwrap();
        }
        out.payload(b"</3/0>").unwrap();
        let len = out.finish().unwrap();
        stack.handle_datagram(Instant::ZERO, target(1), &mut bytes[..len]);
        let asked = stack.poll_effect().map(|effect| match effect {
            Effect::Registry { ticket, .. } => ticket,
            other => panic!("{other:?}"),
        });
        let refused = stack.poll_event().map(|event| match event {
            Event::Refused { ticket, .. } => ticket,
            other => panic!("{other:?}"),
        });
        (asked, refused)
    };
    let told = [hear(1, b"lt=60"), hear(2, b"lt=soon"), hear(3, b"lt=60")];
    let [
        (Some(first), None),
        (None, Some(second)),
        (Some(third), None),
    ] = told
    else {
        panic!("{told:?}")
    };
    for (number, ticket) in (0..).zip([first, second, third]) {
        assert_eq!(ServerStack::shard_of(ticket), 2);
        assert_eq!(ServerStack::number_of(ticket), number);
    }
}
