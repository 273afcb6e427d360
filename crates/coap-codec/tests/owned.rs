//! Owned options against a plain sorted list, and the helpers of requests and responses.
#![cfg(feature = "alloc")]

use coap_codec::{
    Block, BlockSize, Code, ContentFormat, EncodeError, Encoder, NoResponse, OptionNumber, Options,
    OptionsBuf, Request, Response, Type,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, Vec<u8>),
    Set(u16, Vec<u8>),
    Remove(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = || {
        prop_oneof![
            4 => 0_u16..40,
            2 => prop_oneof![Just(12_u16), Just(13), Just(268), Just(269), Just(282), Just(538)],
            1 => any::<u16>(),
        ]
    };
    let value = || {
        let len = prop_oneof![
            8 => 0_usize..16,
            1 => prop_oneof![Just(12_usize), Just(13), Just(268), Just(269), Just(700)],
        ];
        (len, any::<u8>()).prop_map(|(len, fill)| vec![fill; len])
    };
    let step = prop_oneof![
        6 => (number(), value()).prop_map(|(n, v)| Step::Insert(n, v)),
        1 => (number(), value()).prop_map(|(n, v)| Step::Set(n, v)),
        1 => number().prop_map(Step::Remove),
    ];
    prop::collection::vec(step, 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn options_stay_sorted_and_encoded(steps in steps()) {
        let mut model: Vec<(u16, Vec<u8>)> = Vec::new();
        let mut options = OptionsBuf::new();
        for step in steps {
            match step {
                Step::Insert(number, value) => {
                    options.insert(OptionNumber(number), &value).unwrap();
                    let place = model.partition_point(|(n, _)| *n <= number);
                    model.insert(place, (number, value));
                }
                Step::Set(number, value) => {
                    options.set(OptionNumber(number), &value).unwrap();
                    model.retain(|(n, _)| *n != number);
                    let place = model.partition_point(|(n, _)| *n <= number);
                    model.insert(place, (number, value));
                }
                Step::Remove(number) => {
                    let before = model.len();
                    model.retain(|(n, _)| *n != number);
                    prop_assert_eq!(options.remove(OptionNumber(number)), before - model.len());
                }
            }
            let seen: Vec<_> =
                options.as_options().iter().map(|o| (o.number.0, o.value.to_vec())).collect();
            prop_assert_eq!(&seen, &model);
            prop_assert_eq!(options.is_empty(), model.is_empty());
            // The bytes are a list that the reader accepts, and a copy is no different.
            let bytes = options.as_options().as_bytes();
            prop_assert_eq!(bytes.len(), options.encoded_len());
            let view = Options::decode(bytes).unwrap();
            prop_assert_eq!(view, options.as_options());
            prop_assert_eq!(&OptionsBuf::from(view), &options);
        }
    }

    #[test]
    fn encoder_joins_lists(first in steps(), second in steps()) {
        let build = |steps: Vec<Step>| {
            let mut options = OptionsBuf::new();
            for step in steps {
                if let Step::Insert(number, value) = step {
                    options.insert(OptionNumber(number), &value).unwrap();
                }
            }
            options
        };
        let (first, second) = (build(first), build(second));
        let mut out = vec![0; 70_000];
        let mut encoder = Encoder::new(&mut out, Type::Confirmable, Code::GET, 1, b"").unwrap();
        encoder.options(&first.as_options()).unwrap();
        let before = encoder.len();
        let joined = encoder.options(&second.as_options()).map(|_| ());
        let last = first.as_options().iter().last().map_or(0, |o| o.number.0);
        let next = second.as_options().iter().next().map_or(u16::MAX, |o| o.number.0);
        let expected = if next < last {
            prop_assert_eq!(joined, Err(EncodeError::OptionOrder(OptionNumber(next))));
            prop_assert_eq!(encoder.len(), before);
            first
        } else {
            prop_assert_eq!(joined, Ok(()));
            let mut both = first;
            for option in second.as_options() {
                both.insert(option.number, option.value).unwrap();
            }
            both
        };
        let len = encoder.finish().unwrap();
        let message = coap_codec::Message::decode(&out[..len]).unwrap();
        prop_assert_eq!(message.options(), expected.as_options());
    }
}

#[test]
fn paths_are_split_at_slashes() {
    for (path, segments) in [
        ("", &[][..]),
        ("/", &[]),
        ("rd", &["rd"]),
        ("/rd", &["rd"]),
        ("/3/0/9", &["3", "0", "9"]),
        ("/a/", &["a", ""]),
        ("//", &["", ""]),
        ("/a%2Fb c", &["a%2Fb c"]),
    ] {
        let request = Request::new(Code::GET).path(path);
        let seen: Result<Vec<_>, _> = request.options.as_options().uri_path().collect();
        assert_eq!(seen.unwrap(), segments, "{path}");
        let response = Response::new(Code::CREATED).location_path(path);
        let seen: Result<Vec<_>, _> = response.options.as_options().location_path().collect();
        assert_eq!(seen.unwrap(), segments, "{path}");
    }
}

#[test]
fn helpers_set_once_and_accessors_read_them() {
    let block = |num| Block::new(num, true, BlockSize::B64).unwrap();
    let request = Request::new(Code::FETCH)
        .accept(ContentFormat::SENML_CBOR)
        .accept(ContentFormat::TLV)
        .observe(0x1_000_002)
        .content_format(ContentFormat::CBOR)
        .block2(block(1))
        .block2(block(2))
        .block1(block(3))
        .etag(b"one")
        .etag(b"two")
        .query("a&b=c")
        .payload(&b"body"[..]);
    let options = request.options.as_options();
    assert_eq!(options.accept(), Some(ContentFormat::TLV));
    assert_eq!(options.all(OptionNumber::ACCEPT).count(), 1);
    assert_eq!(options.observe(), Some(2));
    assert_eq!(options.content_format(), Some(ContentFormat::CBOR));
    assert_eq!(options.block1(), Some(Ok(block(3))));
    assert_eq!(options.block2(), Some(Ok(block(2))));
    assert!(options.all(OptionNumber::ETAG).eq([&b"one"[..], b"two"]));
    assert!(options.uri_query().eq([Ok("a&b=c")]));
    assert_eq!(request.options.check(), Ok(()));

    let mut response = Response::diagnostic(Code::SERVICE_UNAVAILABLE, "full").max_age(120);
    assert_eq!(response.options.as_options().max_age(), Some(120));
    assert_eq!(response.payload, "full");
    let options = &mut response.options;
    options.insert(OptionNumber::ECHO, &[1; 40]).unwrap();
    options.insert(OptionNumber::REQUEST_TAG, &[]).unwrap();
    options.insert(OptionNumber::IF_MATCH, &[]).unwrap();
    options.insert(OptionNumber::IF_NONE_MATCH, &[]).unwrap();
    options.insert_uint(OptionNumber::SIZE1, 70_000);
    options.insert_uint(OptionNumber::SIZE2, 0);
    options.insert_uint(OptionNumber::HOP_LIMIT, 16);
    options.insert_uint(OptionNumber::NO_RESPONSE, 26);
    let view = options.as_options();
    assert_eq!(view.echo(), Some(&[1; 40][..]));
    assert_eq!(view.request_tag(), Some(&b""[..]));
    assert!(view.if_match().eq([b""]));
    assert!(view.if_none_match());
    assert_eq!(
        (view.size1(), view.size2(), view.hop_limit()),
        (Some(70_000), Some(0), Some(16))
    );
    assert_eq!(view.no_response(), Some(NoResponse(26)));
    for (code, suppressed) in [
        (Code::CONTENT, true),
        (Code::NOT_FOUND, true),
        (Code(0x60), false),
    ] {
        assert_eq!(NoResponse(26).suppresses(code), suppressed, "{code}");
    }
    assert_eq!(options.check(), Ok(()));
}

#[test]
fn values_of_a_length_that_is_not_allowed_count_as_absent() {
    let mut options = OptionsBuf::new();
    for (number, len) in [
        (OptionNumber::ETAG, 9),
        (OptionNumber::ECHO, 41),
        (OptionNumber::REQUEST_TAG, 9),
        (OptionNumber::MAX_AGE, 5),
        (OptionNumber::OBSERVE, 4),
        (OptionNumber::CONTENT_FORMAT, 3),
        (OptionNumber::HOP_LIMIT, 0),
        (OptionNumber::NO_RESPONSE, 2),
    ] {
        options.set(number, &vec![1; len]).unwrap();
        let view = options.as_options();
        assert!(view.contains(number));
        let read = view.etag().is_some()
            || view.echo().is_some()
            || view.request_tag().is_some()
            || view.max_age().is_some()
            || view.observe().is_some()
            || view.content_format().is_some()
            || view.hop_limit().is_some()
            || view.no_response().is_some();
        assert!(!read, "{number}");
        assert!(options.check().is_err(), "{number}");
        options.remove(number);
    }
    // Leading zeros are accepted (RFC 7252 §3.2).
    options.set(OptionNumber::CONTENT_FORMAT, &[0, 60]).unwrap();
    assert_eq!(
        options.as_options().content_format(),
        Some(ContentFormat::CBOR)
    );
    // Twice what may stand once.
    options.insert_uint(OptionNumber::CONTENT_FORMAT, 60);
    let number = OptionNumber::CONTENT_FORMAT;
    assert_eq!(options.check(), Err(EncodeError::OptionOrder(number)));
}
