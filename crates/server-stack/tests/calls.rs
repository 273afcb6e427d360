//! Calls to devices, seen from the caller.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use lwm2m_model::path;
use lwm2m_ops::Read;
use sansio::Instant;
use server_stack::{CallFailure, CallId, Config, Event, ServerStack, Target};

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
