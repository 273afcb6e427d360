//! A device that is nothing but bytes on a socket, and all that the server does with it.

mod common;

use std::sync::Arc;
use std::time::Duration;

use coap_codec::{Code, ContentFormat, Message, Type};
use common::*;
use lwm2m_model::{Node, Resource, Value, path};
use lwm2m_ops::WriteMode;
use lwm2m_server::{
    CallError, CallOptions, DeviceFilter, EventKind, Handle, ServerEvent, StreamItem,
};

#[tokio::test(flavor = "multi_thread")]
async fn registers_updates_and_leaves() {
    let (server, handle, address) = server(2).await;
    let mut events = handle.events(None);
    let mut device = Device::new(address).await;
    let location = device.register("dev1").await;
    let created = event(&mut events, "registration.created").await;
    assert_eq!(created.endpoint.as_deref(), Some("dev1"));
    assert!(created.cid.unwrap().to_string().starts_with('r'));
    let registration = handle.device("dev1").unwrap();
    assert_eq!(format!("rd/{}", registration.id()), location);
    let page = handle.devices(&DeviceFilter::default());
    assert_eq!((page.items.len(), page.next), (1, None));

    let answer = device.ask(Code::POST, &location, &["lt=600"], b"").await;
    assert_eq!(Message::decode(&answer).unwrap().code(), Code::CHANGED);
    event(&mut events, "registration.updated").await;
    assert_eq!(
        handle.device("dev1").unwrap().lifetime().to_string(),
        "600 s"
    );

    let answer = device.ask(Code::DELETE, &location, &[], b"").await;
    assert_eq!(Message::decode(&answer).unwrap().code(), Code::DELETED);
    let removed = event(&mut events, "registration.removed").await;
    assert!(
        matches!(&removed.kind, EventKind::RegistrationRemoved { reason, .. } if reason.as_str() == "deregistered")
    );
    assert!(handle.device("dev1").is_none());
    let answer = device.ask(Code::POST, &location, &[], b"").await;
    assert_eq!(Message::decode(&answer).unwrap().code(), Code::NOT_FOUND);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_why() {
    let (_server, handle, address) = server(1).await;
    let mut events = handle.events(None);
    let mut device = Device::new(address).await;
    let query = ["ep=x", "lt=soon", "lwm2m=1.1"];
    let answer = device.ask(Code::POST, "/rd", &query, b"</1/0>").await;
    let answer = Message::decode(&answer).unwrap();
    assert_eq!(answer.code(), Code::BAD_REQUEST);
    assert!(
        answer.payload().is_empty(),
        "no reasons to strangers by default"
    );
    let refused = event(&mut events, "registration.refused").await;
    let EventKind::RegistrationRefused { code, reason, .. } = &refused.kind else {
        panic!("{refused:?}");
    };
    assert_eq!((*code, *reason), (Code::BAD_REQUEST, "bad_lifetime"));
    // The registry has not seen it, and it is numbered all the same.
    assert_eq!(refused.cid.unwrap().to_string(), "r0-0");
    // Who sends garbage fills neither the log nor the ring of events.
    for _ in 0..60 {
        device.ask(Code::POST, "/rd", &query, b"</1/0>").await;
    }
    assert_eq!(handle.info().refusals, 61);
    let mut told = 0;
    while let Some(StreamItem::Event(event)) = events.take() {
        told += u32::from(event.kind.name() == "registration.refused");
    }
    assert!(told < 60, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_writes_executes_and_observes() {
    let (_server, handle, address) = server(2).await;
    let mut events = handle.events(None);
    let mut device = Device::new(address).await;
    device.register("dev2").await;

    let caller = handle.clone();
    let read = tokio::spawn(async move {
        caller
            .read("dev2", path!(3, 0, 0), CallOptions::default())
            .await
    });
    let request = device.receive().await;
    let message = Message::decode(&request).unwrap();
    assert!(message.options().uri_path().eq([Ok("3"), Ok("0"), Ok("0")]));
    assert_eq!(message.options().accept(), Some(ContentFormat::TEXT));
    device.answer(&request, Code::CONTENT, None, b"Acme").await;
    let answer = read.await.unwrap().unwrap();
    assert_eq!(answer.node, Node::Resource(Resource::single(0, "Acme")));

    let caller = handle.clone();
    let write = tokio::spawn(async move {
        let node = Node::Resource(Resource::single(14, "+02:00"));
        let options = CallOptions::default();
        caller
            .write("dev2", path!(3, 0, 14), WriteMode::Replace, &node, options)
            .await
    });
    let request = device.receive().await;
    assert_eq!(Message::decode(&request).unwrap().payload(), b"+02:00");
    device
        .answer(&request, Code::METHOD_NOT_ALLOWED, None, b"")
        .await;
    let refused = write.await.unwrap().unwrap_err();
    assert!(matches!(
        refused,
        CallError::Device {
            code: Code::METHOD_NOT_ALLOWED,
            ..
        }
    ));

    let caller = handle.clone();
    let observe = tokio::spawn(async move {
        let options = CallOptions::default();
        caller.observe("dev2", path!(3303, 0, 5700), options).await
    });
    let request = device.receive().await;
    device
        .answer(&request, Code::CONTENT, Some(1), b"20.5")
        .await;
    let first = observe.await.unwrap().unwrap();
    assert_eq!(
        first.node,
        Node::Resource(Resource::single(5700, Value::Float(20.5)))
    );
    let token = Message::decode(&request).unwrap().token().to_vec();
    device
        .send(
            Type::NonConfirmable,
            Code::CONTENT,
            7,
            &token,
            Some(2),
            b"21.5",
        )
        .await;
    event(&mut events, "observation.notified").await;
    let observed = handle.observations("dev2");
    assert_eq!(
        observed[0].node,
        Some(Node::Resource(Resource::single(5700, Value::Float(21.5))))
    );

    // Registering anew ends the observation at the device; the server asks for it again.
    let mut again = Device::new(address).await;
    again.register("dev2").await;
    let request = again.receive().await;
    assert_eq!(
        Message::decode(&request).unwrap().options().observe(),
        Some(0)
    );
    again.answer(&request, Code::CONTENT, Some(1), b"30").await;
    event(&mut events, "observation.started").await;
    handle
        .cancel_observation("dev2", path!(3303, 0, 5700))
        .await
        .unwrap();
    let request = again.receive().await;
    assert_eq!(
        Message::decode(&request).unwrap().options().observe(),
        Some(1)
    );
    assert!(handle.observations("dev2").is_empty());
}

/// A device that registers may not know it yet when it is asked to observe, and the request is lost. Its next Update
/// is the next opportunity, not its next registration.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wanted_and_failed_is_asked_for_again_after_an_update() {
    let (_server, handle, address) = server(1).await;
    let mut device = Device::new(address).await;
    let location = device.register("dev4").await;
    let caller = handle.clone();
    let observe = tokio::spawn(async move {
        let options = CallOptions::default();
        caller.observe("dev4", path!(3303, 0, 5700), options).await
    });
    let request = device.receive().await;
    let mid = Message::decode(&request).unwrap().message_id();
    let reset = coap_codec::empty_message(Type::Reset, mid);
    device.socket.send(&reset).await.unwrap();
    assert!(observe.await.unwrap().is_err());
    assert_eq!(handle.observations("dev4")[0].state.as_str(), "waiting");

    let mut events = handle.events(None);
    let answer = device.ask(Code::POST, &location, &[], b"").await;
    assert_eq!(Message::decode(&answer).unwrap().code(), Code::CHANGED);
    let request = device.receive().await;
    assert_eq!(
        Message::decode(&request).unwrap().options().observe(),
        Some(0)
    );
    device.answer(&request, Code::CONTENT, Some(1), b"20").await;
    event(&mut events, "observation.started").await;
    assert_eq!(handle.observations("dev4")[0].state.as_str(), "active");
    // One that runs is left alone.
    let answer = device.ask(Code::POST, &location, &[], b"").await;
    assert_eq!(Message::decode(&answer).unwrap().code(), Code::CHANGED);
    let more = tokio::time::timeout(Duration::from_millis(200), device.receive()).await;
    assert!(more.is_err(), "nothing more is asked");
}

/// Asks for a value and has `answer` follow; gives the event that tells of the end.
async fn told_of_a_read(
    handle: &Handle,
    device: &Device,
    answer: Option<(Code, &[u8])>,
) -> Arc<ServerEvent> {
    let mut events = handle.events(None);
    let caller = handle.clone();
    let read = tokio::spawn(async move {
        let options = CallOptions::default().with_timeout(Duration::from_secs(3));
        caller.read("dev5", path!(3303, 0, 5700), options).await
    });
    let request = device.receive().await;
    match answer {
        Some((code, text)) => device.answer(&request, code, None, text).await,
        None => read.abort(),
    }
    let ended = async {
        loop {
            let Some(StreamItem::Event(event)) = events.next().await else {
                panic!("the stream goes on");
            };
            if event.kind.name().starts_with("operation.") {
                return event;
            }
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
    let ended = ended.expect("the end is told");
    // Once.
    assert!(read.await.is_ok() || answer.is_none());
    while let Some(StreamItem::Event(event)) = events.take() {
        assert!(!event.kind.name().starts_with("operation."), "{event:?}");
    }
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_operation_is_told() {
    let (_server, handle, address) = server(1).await;
    let mut device = Device::new(address).await;
    device.register("dev5").await;
    let mut cids = Vec::new();
    for (answer, code, failure) in [
        (
            Some((Code::CONTENT, &b"20.5"[..])),
            Some(Code::CONTENT),
            None,
        ),
        (
            Some((Code::NOT_FOUND, b"")),
            Some(Code::NOT_FOUND),
            Some("device_error"),
        ),
        // Text where a Float must stand.
        (
            Some((Code::CONTENT, b"warm")),
            Some(Code::CONTENT),
            Some("payload_not_decodable"),
        ),
        // A code that a Read does not have.
        (
            Some((Code::CREATED, b"")),
            Some(Code::CREATED),
            Some("unexpected_code"),
        ),
        (None, None, Some("withdrawn")),
    ] {
        let event = told_of_a_read(&handle, &device, answer).await;
        assert_eq!(event.endpoint.as_deref(), Some("dev5"));
        let told = match &event.kind {
            EventKind::OperationDone {
                operation,
                path,
                code,
                ..
            } => (*operation, *path, Some(*code), None),
            EventKind::OperationFailed {
                operation,
                path,
                code,
                reason,
                ..
            } => (*operation, *path, *code, Some(*reason)),
            other => panic!("{other:?}"),
        };
        assert_eq!(told, ("read", path!(3303, 0, 5700), code, failure));
        cids.push(event.cid.unwrap().to_string());
    }
    let number = |cid: &String| cid.strip_prefix('c').unwrap().parse::<u64>().unwrap();
    let numbers: Vec<u64> = cids.iter().map(number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{cids:?}");

    // What could not be sent to anybody was no operation.
    let mut events = handle.events(None);
    let options = CallOptions::default;
    assert!(handle.read("nobody", path!(3, 0), options()).await.is_err());
    let node = Node::Resource(Resource::single(5700, "warm"));
    let path = path!(3303, 0, 5700);
    let unfit = handle.write("dev5", path, WriteMode::Replace, &node, options());
    assert!(matches!(unfit.await, Err(CallError::Encode(_))));
    assert!(events.take().is_none());
}

/// What follows from a call names it: its end, the start of the observation, its values, its end.
#[tokio::test(flavor = "multi_thread")]
async fn an_observation_is_told_with_its_call() {
    let (_server, handle, address) = server(1).await;
    let mut device = Device::new(address).await;
    device.register("dev6").await;
    let mut events = handle.events(None);
    let caller = handle.clone();
    let observe = tokio::spawn(async move {
        let options = CallOptions::default();
        caller.observe("dev6", path!(3303, 0, 5700), options).await
    });
    let request = device.receive().await;
    device.answer(&request, Code::CONTENT, Some(1), b"20").await;
    observe.await.unwrap().unwrap();
    let token = Message::decode(&request).unwrap().token().to_vec();
    let non = Type::NonConfirmable;
    device
        .send(non, Code::CONTENT, 7, &token, Some(2), b"21")
        .await;
    event(&mut events, "observation.notified").await;
    let path = path!(3303, 0, 5700);
    handle.cancel_observation("dev6", path).await.unwrap();
    let mut events = handle.events(Some(0));
    let mut told = Vec::new();
    while let Some(item) = events.take() {
        if let StreamItem::Event(event) = item {
            told.push((event.kind.name(), event.cid.unwrap().to_string()));
        }
    }
    let call = told.last().unwrap().1.clone();
    let names = [
        "observation.started",
        "operation.done",
        "observation.notified",
        "observation.ended",
    ];
    let of_the_call: Vec<_> = told.iter().filter(|(_, cid)| *cid == call).collect();
    assert!(
        of_the_call.iter().map(|(name, _)| name).eq(&names),
        "{told:?}"
    );
    assert_eq!(told[0], ("registration.created", "r0-0".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_fails_when_nobody_answers_or_the_device_is_unknown() {
    let (_server, handle, address) = server(1).await;
    let unknown = handle
        .read("nobody", path!(3, 0), CallOptions::default())
        .await;
    assert!(matches!(unknown, Err(CallError::UnknownEndpoint)));
    let mut device = Device::new(address).await;
    device.register("mute").await;
    let options = CallOptions::default().with_timeout(Duration::from_millis(50));
    let silent = handle.read("mute", path!(3, 0), options).await;
    assert!(matches!(silent, Err(CallError::Timeout)), "{silent:?}");
}
