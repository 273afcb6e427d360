//! Devices that answer slowly, wrongly, endlessly or not at all, against the running server: every call ends with a
//! reason, and nobody else notices.

mod common;

use std::time::{Duration, Instant};

use coap_codec::{Block, BlockSize, Code, Encoder, Message, OptionNumber, Type};
use common::*;
use lwm2m_model::{Node, Resource, Value, path};
use lwm2m_server::{CallError, CallOptions, EventKind, Handle, ReadAnswer, StreamItem};
use tokio::task::JoinHandle;

const VALUE: lwm2m_model::Path = path!(3303, 0, 5700);

fn temperature(degrees: f64) -> Node {
    Node::Resource(Resource::single(5700, Value::Float(degrees)))
}

fn read(
    handle: &Handle,
    endpoint: &str,
    timeout: Duration,
) -> JoinHandle<Result<ReadAnswer, CallError>> {
    let (handle, endpoint) = (handle.clone(), endpoint.to_owned());
    tokio::spawn(async move {
        let options = CallOptions::default().with_timeout(timeout);
        handle.read(&endpoint, VALUE, options).await
    })
}

/// A message with these options.
fn message(
    ty: Type,
    code: Code,
    mid: u16,
    token: &[u8],
    options: &[(OptionNumber, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let mut memory = vec![0; 128 + payload.len()];
    let mut encoder = Encoder::new(&mut memory, ty, code, mid, token).unwrap();
    for (number, value) in options {
        encoder.option(*number, value).unwrap();
    }
    if !payload.is_empty() {
        encoder.payload(payload).unwrap();
    }
    let len = encoder.finish().unwrap();
    memory.truncate(len);
    memory
}

/// The piggybacked answer to a request.
fn piggyback(
    request: &[u8],
    code: Code,
    options: &[(OptionNumber, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let request = Message::decode(request).unwrap();
    let (mid, token) = (request.message_id(), request.token());
    message(Type::Acknowledgement, code, mid, token, options, payload)
}

/// What it is, the code, options and payload of the answer, and the error that the caller gets.
type Answer<'a> = (
    &'a str,
    Code,
    &'a [(OptionNumber, &'a [u8])],
    &'a [u8],
    &'a str,
);

const FORMAT: OptionNumber = OptionNumber::CONTENT_FORMAT;
const TEXT: &[u8] = &[];
const CBOR: &[u8] = &[60];
const TLV: &[u8] = &[0x2d, 0x16];
const UNKNOWN: &[u8] = &[0xfd, 0xe8];

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_make_no_sense_are_told_as_what_they_are() {
    let (_server, handle, address) = server(1).await;
    let mut device = Device::new(address).await;
    device.register("odd").await;
    let (undecodable, unexpected) = ("payload_not_decodable", "unexpected_code");
    let rows: [Answer<'_>; 14] = [
        (
            "no number",
            Code::CONTENT,
            &[(FORMAT, TEXT)],
            b"warm",
            undecodable,
        ),
        (
            "not UTF-8",
            Code::CONTENT,
            &[(FORMAT, TEXT)],
            b"\xff\xfe",
            undecodable,
        ),
        (
            "no CBOR",
            Code::CONTENT,
            &[(FORMAT, CBOR)],
            b"\xff",
            undecodable,
        ),
        (
            "TLV as CBOR",
            Code::CONTENT,
            &[(FORMAT, CBOR)],
            b"\xe4\x16\x44\x41\xa4\0\0",
            undecodable,
        ),
        (
            "another resource",
            Code::CONTENT,
            &[(FORMAT, TLV)],
            b"\xe4\x16\x45\x41\xa4\0\0",
            undecodable,
        ),
        (
            "TLV of garbage",
            Code::CONTENT,
            &[(FORMAT, TLV)],
            &[0xff; 900],
            undecodable,
        ),
        (
            "unknown format",
            Code::CONTENT,
            &[(FORMAT, UNKNOWN)],
            b"20",
            undecodable,
        ),
        ("nothing", Code::CONTENT, &[], b"", undecodable),
        ("2.04 to a Read", Code::CHANGED, &[], b"", unexpected),
        (
            "2.31 without blocks",
            Code::CONTINUE,
            &[],
            b"",
            "exchange_failed",
        ),
        ("4.04", Code::NOT_FOUND, &[], &[b'x'; 1000], "device_error"),
        (
            "5.31, a code of nobody",
            Code::new(5, 31).unwrap(),
            &[],
            b"",
            "device_error",
        ),
        (
            "a block from the middle",
            Code::CONTENT,
            &[(OptionNumber::BLOCK2, &[0x56])],
            &[b'1'; 1024],
            "exchange_failed",
        ),
        (
            "an unknown critical option",
            Code::CONTENT,
            &[(OptionNumber(65_001), b"x")],
            b"20",
            "exchange_failed",
        ),
    ];
    for (what, code, options, payload, expected) in rows {
        let call = read(&handle, "odd", Duration::from_secs(20));
        let request = device.receive().await;
        device
            .socket
            .send(&piggyback(&request, code, options, payload))
            .await
            .unwrap();
        let error = call.await.unwrap().expect_err(what);
        assert_eq!(error.id(), expected, "{what}: {error}");
        assert!(error.to_string().len() < 1500, "{what}");
    }
    // Answered by a reset.
    let call = read(&handle, "odd", Duration::from_secs(20));
    let request = device.receive().await;
    let mid = Message::decode(&request).unwrap().message_id();
    let reset = coap_codec::empty_message(Type::Reset, mid);
    device.socket.send(&reset).await.unwrap();
    assert_eq!(call.await.unwrap().unwrap_err().id(), "exchange_failed");
    // Nothing of it holds up the next call.
    let call = read(&handle, "odd", Duration::from_secs(20));
    let request = device.receive().await;
    device.answer(&request, Code::CONTENT, None, b"20.5").await;
    assert_eq!(call.await.unwrap().unwrap().node, temperature(20.5));
}

/// A body whose blocks never end is given up at its limit; one that is another at every block, after a few attempts.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_never_end_are_given_up() {
    let (_server, handle, address) = server(1).await;
    let mut device = Device::new(address).await;
    device.register("endless").await;
    for changing in [false, true] {
        let call = read(&handle, "endless", Duration::from_secs(60));
        let mut blocks = 0_u32;
        while !call.is_finished() {
            let request = tokio::time::timeout(Duration::from_millis(500), device.receive()).await;
            let Ok(request) = request else { continue };
            let asked = Message::decode(&request).unwrap();
            let num = match asked.options().block2() {
                Some(block) => block.unwrap().num(),
                None => 0,
            };
            let block = Block::new(num, true, BlockSize::B1024).unwrap();
            let mut memory = [0; 4];
            let block = block.encode(&mut memory);
            let tag = if changing {
                blocks.to_be_bytes()
            } else {
                [0; 4]
            };
            let options = [
                (OptionNumber::ETAG, &tag[..]),
                (OptionNumber::BLOCK2, block),
            ];
            let answer = piggyback(&request, Code::CONTENT, &options, &[b'1'; 1024]);
            device.socket.send(&answer).await.unwrap();
            blocks += 1;
        }
        assert_eq!(call.await.unwrap().unwrap_err().id(), "exchange_failed");
        // 1 MiB, and some restarts of the first two blocks.
        assert!(blocks <= if changing { 10 } else { 1025 }, "{blocks}");
    }
}

/// Notifications that cannot be decoded are told with their reason and change nothing (ruling 19); from elsewhere, or
/// of no observation, they are reset.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_notifications_end_no_observation() {
    let (_server, handle, address) = server(1).await;
    let mut device = Device::new(address).await;
    device.register("odd").await;
    let mut events = handle.events(None);
    let caller = handle.clone();
    let options = CallOptions::default();
    let observe = tokio::spawn(async move { caller.observe("odd", VALUE, options).await });
    let request = device.receive().await;
    device.answer(&request, Code::CONTENT, Some(1), b"20").await;
    observe.await.unwrap().unwrap();
    let token = Message::decode(&request).unwrap().token().to_vec();
    let mut sequence = 1_u8;
    let mut notify = |token: &[u8], format: &[u8], payload: &[u8]| {
        sequence += 1;
        let observe = [sequence];
        let options = [(OptionNumber::OBSERVE, &observe[..]), (FORMAT, format)];
        let mid = 5000 + u16::from(sequence);
        message(
            Type::Confirmable,
            Code::CONTENT,
            mid,
            token,
            &options,
            payload,
        )
    };
    let entries = [0xe0, 1, 2].repeat(20_000);
    for (format, payload) in [
        (TEXT, &b"warm"[..]),
        (TEXT, b""),
        (CBOR, b"\xff"),
        (TLV, b"\xff\xff\xff"),
        (TLV, &entries),
        (UNKNOWN, b"21"),
    ] {
        device
            .socket
            .send(&notify(&token, format, payload))
            .await
            .unwrap();
        let acknowledged = device.receive().await;
        assert_eq!(acknowledged[0], 0x60, "{payload:02x?}");
        let told = event(&mut events, "observation.notified").await;
        let EventKind::ObservationNotified { node, problem, .. } = &told.kind else {
            panic!("{told:?}");
        };
        assert!(node.is_none() && problem.is_some(), "{told:?}");
        assert_eq!(handle.observations("odd")[0].node, Some(temperature(20.0)));
    }
    // With a token that was never given out, and from another address.
    device
        .socket
        .send(&notify(b"nobody", TEXT, b"22"))
        .await
        .unwrap();
    assert_eq!(device.receive().await[0], 0x70);
    let stranger = Device::new(address).await;
    stranger
        .socket
        .send(&notify(&token, TEXT, b"23"))
        .await
        .unwrap();
    assert_eq!(stranger.receive().await[0], 0x70);
    // And then a good one.
    device
        .socket
        .send(&notify(&token, TEXT, b"24"))
        .await
        .unwrap();
    let told = event(&mut events, "observation.notified").await;
    assert!(
        matches!(&told.kind, EventKind::ObservationNotified { node: Some(node), .. } if *node == temperature(24.0)),
        "{told:?}"
    );
}

/// Thousands of garbage notifications of one device are taken or lost, and others are served meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_garbage_notifications_holds_up_nobody() {
    let (_server, handle, address) = server(1).await;
    let mut loud = Device::new(address).await;
    loud.register("loud").await;
    let mut quiet = Device::new(address).await;
    quiet.register("quiet").await;
    let caller = handle.clone();
    let options = CallOptions::default();
    let observe = tokio::spawn(async move { caller.observe("loud", VALUE, options).await });
    let request = loud.receive().await;
    loud.answer(&request, Code::CONTENT, Some(1), b"20").await;
    observe.await.unwrap().unwrap();
    let token = Message::decode(&request).unwrap().token().to_vec();
    let flood = tokio::spawn(async move {
        for n in 0..20_000 {
            let (ty, observe) = (Type::NonConfirmable, Some(u32::from(n) + 2));
            loud.send(ty, Code::CONTENT, n, &token, observe, b"warm")
                .await;
            if n % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    let quiet = tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok(len) = quiet.socket.recv(&mut buffer).await {
            // Repetitions too: what does not fit into the server's socket is lost.
            if Message::decode(&buffer[..len]).unwrap().code().is_request() {
                quiet
                    .answer(&buffer[..len], Code::CONTENT, None, b"21")
                    .await;
            }
        }
    });
    let mut reads = 0;
    while reads < 20 || !flood.is_finished() {
        let answer = read(&handle, "quiet", Duration::from_secs(60))
            .await
            .unwrap();
        assert_eq!(answer.unwrap().node, temperature(21.0));
        reads += 1;
    }
    quiet.abort();
    assert_eq!(handle.observations("loud")[0].state.as_str(), "active");
    let mut events = handle.events(Some(0));
    let mut told = 0;
    while let Some(item) = events.take() {
        if let StreamItem::Event(event) = item {
            told += usize::from(event.kind.name() == "observation.notified");
        }
    }
    assert!((1..=10_000).contains(&told), "{told}");
}

/// Devices that acknowledge and answer too late, or never: each call ends at its time, calls to others run meanwhile, and
/// an answer that comes late is not taken for that to a later question.
#[tokio::test(flavor = "multi_thread")]
async fn slow_devices_hold_up_nobody_but_themselves() {
    let (_server, handle, address) = server(2).await;
    let mut slow = Vec::new();
    for n in 0..64 {
        let mut device = Device::new(address).await;
        device.register(&format!("slow-{n}")).await;
        slow.push(device);
    }
    let mut quick = Device::new(address).await;
    quick.register("quick").await;
    let timeout = Duration::from_secs(2);
    let begun = Instant::now();
    let calls: Vec<_> = (0..64)
        .map(|n| read(&handle, &format!("slow-{n}"), timeout))
        .collect();
    let mut asked = Vec::new();
    for (n, device) in slow.iter().enumerate() {
        let request = device.receive().await;
        // Every other one says that it has heard.
        if n % 2 == 0 {
            let mid = Message::decode(&request).unwrap().message_id();
            let heard = coap_codec::empty_message(Type::Acknowledgement, mid);
            device.socket.send(&heard).await.unwrap();
        }
        asked.push(request);
    }
    let call = read(&handle, "quick", Duration::from_secs(20));
    let request = quick.receive().await;
    quick.answer(&request, Code::CONTENT, None, b"21").await;
    assert_eq!(call.await.unwrap().unwrap().node, temperature(21.0));
    let waiting = calls.iter().filter(|call| !call.is_finished()).count();
    assert!(
        waiting == calls.len() || begun.elapsed() >= timeout,
        "{waiting} of {} wait still",
        calls.len()
    );
    for call in calls {
        let late = call.await.unwrap().unwrap_err();
        assert!(matches!(late, CallError::Timeout), "{late:?}");
    }
    for (device, request) in slow.iter().zip(&asked).step_by(2).take(8) {
        let former = Message::decode(request).unwrap();
        let late = message(
            Type::Confirmable,
            Code::CONTENT,
            77,
            former.token(),
            &[],
            b"30",
        );
        device.socket.send(&late).await.unwrap();
        assert_eq!(device.receive().await[0], 0x70, "nobody waits for it");
    }
    let call = read(&handle, "slow-0", Duration::from_secs(20));
    let request = slow[0].receive().await;
    let former = Message::decode(&asked[0]).unwrap().token().to_vec();
    assert_ne!(Message::decode(&request).unwrap().token(), former);
    let late = message(Type::NonConfirmable, Code::CONTENT, 78, &former, &[], b"30");
    slow[0].socket.send(&late).await.unwrap();
    slow[0].answer(&request, Code::CONTENT, None, b"22").await;
    assert_eq!(call.await.unwrap().unwrap().node, temperature(22.0));
}
