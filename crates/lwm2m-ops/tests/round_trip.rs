//! Properties: every operation that can be built is understood as the same operation, every
//! prefix and mutation of its text is answered, and nothing panics.

use coap_codec::{Code, ContentFormat, OptionNumber, Request};
use lwm2m_model::{Lwm2mVersion, Path, Version};
use lwm2m_ops::{
    Arguments, Binding, Cancel, Create, DecodeContext, Delete, Deregister, Discover, Downlink,
    Execute, Lifetime, Location, NoFacts, ObjectList, Observe, Operation, Read, Register,
    RegisterAnswer, RegistrationId, Transport, Update, Uplink, Write, WriteMode, decode,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

fn id() -> impl Strategy<Value = u16> {
    prop_oneof![0..10_u16, 0..u16::MAX, Just(65_534)]
}

fn path(levels: core::ops::RangeInclusive<usize>) -> impl Strategy<Value = Path> {
    vec(id(), levels).prop_map(|ids| Path::from_ids(&ids).unwrap())
}

fn accept() -> impl Strategy<Value = Option<ContentFormat>> {
    option::of(
        any::<u16>()
            .prop_map(ContentFormat)
            .prop_filter("discover", |format| *format != ContentFormat::LINK),
    )
}

fn many_valued() -> impl Strategy<Value = ContentFormat> {
    select(vec![
        ContentFormat::TLV,
        ContentFormat::SENML_JSON,
        ContentFormat::SENML_CBOR,
        ContentFormat::LWM2M_CBOR,
    ])
}

fn arguments() -> impl Strategy<Value = Arguments> {
    vec((0..10_u8, option::of("[ !#-&(-\\[\\]-~]{0,20}")), 0..10).prop_map(|all| {
        all.iter()
            .fold(Arguments::NONE, |arguments, (digit, value)| {
                let before = arguments.clone();
                let added = match value {
                    Some(value) => arguments.with_value(*digit, value),
                    None => arguments.with_flag(*digit),
                };
                added.unwrap_or(before)
            })
    })
}

fn root() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "(/[a-z][a-z0-9._-]{0,8}){1,3}"]
}

fn downlink() -> impl Strategy<Value = Downlink> {
    let payload = || vec(any::<u8>(), 0..64);
    prop_oneof![
        (path(1..=4), accept()).prop_map(|(p, a)| Read::new(p, a).unwrap().into()),
        (path(1..=4), accept()).prop_map(|(p, a)| Observe::new(p, a).unwrap().into()),
        (path(1..=4), accept()).prop_map(|(p, a)| Cancel::new(&Observe::new(p, a).unwrap()).into()),
        (path(1..=3), option::of(0..=3_u8)).prop_map(|(p, depth)| {
            let discover = Discover::new(p).unwrap();
            match depth {
                Some(depth) => discover.with_depth(depth).unwrap().into(),
                None => discover.into(),
            }
        }),
        (path(2..=4), many_valued(), payload()).prop_map(|(p, f, b)| Write::new(
            p,
            WriteMode::Replace,
            f,
            b
        )
        .unwrap()
        .into()),
        (path(2..=3), many_valued(), payload()).prop_map(|(p, f, b)| Write::new(
            p,
            WriteMode::Partial,
            f,
            b
        )
        .unwrap()
        .into()),
        (path(3..=4), payload()).prop_map(|(p, b)| {
            Write::new(p, WriteMode::Replace, ContentFormat::TEXT, b)
                .unwrap()
                .into()
        }),
        (path(3..=3), arguments()).prop_map(|(p, a)| Execute::new(p, a).unwrap().into()),
        (id(), many_valued(), payload()).prop_map(|(o, f, b)| Create::new(o, f, b).unwrap().into()),
        id().prop_map(|o| Create::empty(o).unwrap().into()),
        prop_oneof![path(2..=2), path(4..=4)].prop_map(|p| Delete::new(p).unwrap().into()),
    ]
}

fn object_list() -> impl Strategy<Value = ObjectList> {
    let object = (id(), option::of((0..10_u16, 0..10_u16)), vec(id(), 0..4));
    let formats = vec(
        select(vec![0_u16, 42, 60, 110, 112, 11542, 11544, 65_535]),
        0..4,
    );
    (root(), formats, vec(object, 1..12)).prop_map(|(root, formats, objects)| {
        let mut list = ObjectList::new().with(3, None, &[0]);
        for (id, version, instances) in objects {
            let version = version.map(|(major, minor)| Version::new(major, minor));
            list = list.with(id, version, &instances);
        }
        list.root = root;
        for format in formats.into_iter().map(ContentFormat) {
            if !list.formats.contains(&format) {
                list.formats.push(format);
            }
        }
        list
    })
}

fn registration_id() -> impl Strategy<Value = RegistrationId> {
    "[A-Za-z0-9_~-]{1,32}".prop_map(|id| RegistrationId::new(&id).unwrap())
}

fn extra() -> impl Strategy<Value = Vec<(String, Option<String>)>> {
    vec(("x[^=]{0,10}", option::of(".{0,20}")), 0..4)
}

prop_compose! {
    fn register()(
        endpoint in option::of("\\PC{1,60}"),
        lifetime in any::<u32>(),
        version in select(Lwm2mVersion::ALL),
        transports in vec(select(Transport::ALL), 1..4),
        queue_mode in any::<bool>(),
        sms in option::of("[0-9]{1,15}"),
        extra in extra(),
        objects in object_list(),
    ) -> Register {
        let v1_0 = version == Lwm2mVersion::V1_0;
        let binding = Binding::new(&transports).filter(|binding| binding.check(version).is_ok());
        let mut register = Register::new("", version, objects);
        register.endpoint = endpoint;
        register.lifetime = Lifetime::from_seconds(if v1_0 { lifetime.max(1) } else { lifetime });
        register.binding = binding.unwrap_or_default().with_queue(v1_0 && queue_mode);
        register.queue_mode = queue_mode;
        register.sms = sms;
        register.extra = extra;
        register
    }
}

prop_compose! {
    fn update()(
        id in registration_id(),
        lifetime in option::of(any::<u32>()),
        transports in option::of(vec(select(Transport::ALL), 1..4)),
        queue_mode in any::<bool>(),
        sms in option::of("[0-9]{1,15}"),
        extra in extra(),
        objects in option::of(object_list()),
    ) -> Update {
        let mut update = Update::new(id);
        update.lifetime = lifetime.map(Lifetime::from_seconds);
        update.binding = transports.and_then(|transports| Binding::new(&transports));
        update.queue_mode = queue_mode;
        update.sms = sms;
        update.extra = extra;
        update.objects = objects;
        update
    }
}

fn on_server(request: &Request) -> Operation {
    decode(&DecodeContext::registration(true), request).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn downlinks(operation in downlink(), root in root()) {
        let request = operation.to_request(&root).unwrap();
        let cx = DecodeContext::device_management(&root, &NoFacts, true);
        prop_assert_eq!(decode(&cx, &request), Ok(Operation::Downlink(operation)));
    }

    #[test]
    fn uplinks(register in register(), update in update(), id in registration_id()) {
        for operation in [Uplink::from(register), update.into(), Deregister::new(id).into()] {
            let request = operation.to_request().unwrap();
            prop_assert_eq!(on_server(&request), Operation::Uplink(operation));
        }
    }

    #[test]
    fn locations(path in vec("\\PC{1,20}", 1..5), query in vec("\\PC{0,20}", 0..3)) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let query: Vec<&str> = query.iter().map(String::as_str).collect();
        let answer = RegisterAnswer::Created(Location::new(&path, &query).unwrap());
        prop_assert_eq!(RegisterAnswer::from_response(&answer.to_response()), Ok(answer));
    }

    /// What a list is read as, written again, is read as the same.
    #[test]
    fn any_list(text in "(<[/a-z0-9]{0,8}>|[;,=\" a-z0-9]|;(ct|rt|ver)=|oma\\.lwm2m){0,40}") {
        if let Ok(list) = ObjectList::parse(text.into_bytes()) {
            let written = list.to_link_format();
            prop_assert_eq!(ObjectList::parse(written), Ok(list));
        }
    }

    /// Any options and any payload are answered, on either side.
    #[test]
    fn any_request(
        method in any::<u8>(),
        options in vec((select(vec![1_u16, 3, 6, 11, 11, 12, 15, 15, 17, 60, 9999]), vec(any::<u8>(), 0..8)), 0..8),
        query in vec("(ep|lt|lwm2m|b|Q|sms|depth)=?[0-9.UQ]{0,4}", 0..5),
        payload in vec(any::<u8>(), 0..40),
    ) {
        let mut request = Request::new(Code(method)).payload(payload);
        for (number, value) in &options {
            request.options.insert(OptionNumber(*number), value).unwrap();
        }
        for parameter in &query {
            request.options.insert(OptionNumber::URI_QUERY, parameter.as_bytes()).unwrap();
        }
        for cx in [
            DecodeContext::registration(true),
            DecodeContext::device_management("", &NoFacts, true),
        ] {
            if let Err(refusal) = decode(&cx, &request) {
                prop_assert!(refusal.code.is_error());
                prop_assert!(!refusal.to_string().is_empty());
            }
        }
    }
}
