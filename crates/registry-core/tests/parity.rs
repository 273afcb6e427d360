//! What Leshan's registration interface has, row by row (R1–R29), with the codes of the specification where Leshan
//! differs. Requests come in as CoAP, through the operations' decoder.

mod support;

use coap_codec::{Code, ContentFormat, Request};
use core::time::Duration;
use lwm2m_identity::{DeviceRecord, NoSecPolicy};
use lwm2m_model::{Lwm2mVersion, Version, path};
use lwm2m_ops::{Binding, Lifetime, RegistrationId};
use registry_core::{Caller, Config, Done, Event, Op, Reason, Removal};
use sansio::Instant;
use support::*;

const A: &str = "192.0.2.1:5683";
const B: &str = "192.0.2.2:5683";

/// Registers and tells the code; nothing is left behind.
fn register_code(caller: &Caller, query: &[&str], links: &str) -> Code {
    let mut server = Server::new();
    server.request(caller, &register(query, links)).code
}

#[test]
fn r01_register() {
    let mut server = Server::new();
    let device = nosec(A);
    let request = register(
        &["ep=lamp", "lt=300", "lwm2m=1.1", "b=US", "sms=49170", "Q"],
        LINKS,
    );
    let response = server.request(&device, &request);
    assert_eq!(response.code, Code::CREATED);
    let registration = server.registry.by_id(&id(&response)).expect("registered");
    assert_eq!(registration.endpoint(), "lamp");
    assert_eq!(registration.lifetime(), Lifetime::from_seconds(300));
    assert_eq!(registration.version(), Lwm2mVersion::V1_1);
    assert_eq!(registration.binding(), Binding::parse("US").unwrap());
    assert_eq!(registration.sms(), Some("49170"));
    assert!(registration.queue_mode());
    assert_eq!(registration.address(), A.parse().unwrap());
    assert_eq!(registration.links(), LINKS);

    // Must be confirmable.
    let other = register(&["ep=other", "lwm2m=1.1"], LINKS);
    assert_eq!(
        server.message(&device, &other, false).code,
        Code::BAD_REQUEST
    );
    assert!(server.registry.by_endpoint("other").is_none());
    for request in [
        update(id(&response).as_str(), &[]),
        deregister(id(&response).as_str()),
    ] {
        assert_eq!(
            server.message(&device, &request, false).code,
            Code::BAD_REQUEST
        );
    }
    assert_eq!(server.registry.len(), 1);

    // The Content-Format of the list is not checked.
    for format in [None, Some(ContentFormat::TEXT), Some(ContentFormat(65_000))] {
        let request = Request::new(Code::POST)
            .path("/rd")
            .query("ep=x")
            .query("lwm2m=1.0");
        let request = match format {
            Some(format) => request.content_format(format),
            None => request,
        };
        let response = server.request(&device, &request.payload("</3/0>"));
        assert_eq!(response.code, Code::CREATED, "{format:?}");
    }
}

/// `/rd` as a resource: the advertisement (`rt="core.rd"`) is the stack's; here, what it takes.
#[test]
fn r02_rd_takes_registrations_only() {
    let mut server = Server::new();
    for method in [Code::GET, Code::PUT, Code::FETCH, Code::PATCH, Code::IPATCH] {
        let response = server.request(&nosec(A), &Request::new(method).path("/rd"));
        assert_eq!(response.code, Code::METHOD_NOT_ALLOWED, "{method}");
    }
}

#[test]
fn r03_uri_shape() {
    let mut server = Server::new();
    let device = nosec(A);
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    for (method, path) in [
        (Code::POST, format!("/rd/{id}/x")),
        (Code::DELETE, format!("/rd/{id}/x")),
        (Code::POST, "/rd/a/b/c".into()),
    ] {
        let response = server.request(&device, &Request::new(method).path(&path));
        assert_eq!(response.code, Code::BAD_REQUEST, "{method} {path}");
    }
    assert_eq!(server.update(&device, &id, &[]), Code::CHANGED);
    assert_eq!(server.deregister(&device, &id), Code::DELETED);
}

#[test]
fn r04_mandatory_links() {
    for (version, links, code) in [
        ("1.0", "", Code::BAD_REQUEST),
        ("1.1", "", Code::BAD_REQUEST),
        ("1.2", "", Code::CONFLICT), // LwM2M 1.2: the list cannot be determined
        ("1.1", "</>;rt=\"oma.lwm2m\"", Code::BAD_REQUEST),
        ("1.1", "<3/0", Code::BAD_REQUEST),
        ("1.1", "no link", Code::BAD_REQUEST),
        ("1.1", "</3/0>", Code::CREATED),
        ("1.1", "</3>", Code::CREATED),
    ] {
        let lwm2m = format!("lwm2m={version}");
        assert_eq!(
            register_code(&nosec(A), &["ep=lamp", &lwm2m], links),
            code,
            "{version} {links:?}"
        );
    }
}

#[test]
fn r05_version() {
    for (query, code, version) in [
        (&["ep=lamp"][..], Code::BAD_REQUEST, None),
        (&["ep=lamp", "lwm2m"], Code::BAD_REQUEST, None),
        (&["ep=lamp", "lwm2m="], Code::BAD_REQUEST, None),
        (&["ep=lamp", "lwm2m=1"], Code::BAD_REQUEST, None),
        (&["ep=lamp", "lwm2m=1.1.1"], Code::BAD_REQUEST, None),
        (&["ep=lamp", "lwm2m=one"], Code::BAD_REQUEST, None),
        (
            &["ep=lamp", "lwm2m=1.1", "lwm2m=1.1"],
            Code::BAD_REQUEST,
            None,
        ),
        (&["ep=lamp", "lwm2m=2.0"], Code::PRECONDITION_FAILED, None),
        (&["ep=lamp", "lwm2m=0.9"], Code::PRECONDITION_FAILED, None),
        (
            &["ep=lamp", "lwm2m=1.0"],
            Code::CREATED,
            Some(Lwm2mVersion::V1_0),
        ),
        (
            &["ep=lamp", "lwm2m=1.1"],
            Code::CREATED,
            Some(Lwm2mVersion::V1_1),
        ),
        (
            &["ep=lamp", "lwm2m=1.2"],
            Code::CREATED,
            Some(Lwm2mVersion::V1_2),
        ),
        (
            &["ep=lamp", "lwm2m=1.7"],
            Code::CREATED,
            Some(Lwm2mVersion::V1_2),
        ),
    ] {
        let mut server = Server::new();
        assert_eq!(
            server.request(&nosec(A), &register(query, LINKS)).code,
            code,
            "{query:?}"
        );
        let registered = server
            .registry
            .by_endpoint("lamp")
            .map(|registration| registration.version());
        assert_eq!(registered, version, "{query:?}");
    }
}

#[test]
fn r06_lifetime() {
    for (version, lt, expected) in [
        ("1.1", None, Ok(Lifetime::from_seconds(86_400))),
        ("1.1", Some("lt=1"), Ok(Lifetime::from_seconds(1))),
        (
            "1.1",
            Some("lt=4294967295"),
            Ok(Lifetime::from_seconds(u32::MAX)),
        ),
        ("1.1", Some("lt=0"), Ok(Lifetime::INFINITE)),
        ("1.2", Some("lt=0"), Ok(Lifetime::INFINITE)),
        ("1.0", Some("lt=0"), Err(Code::BAD_REQUEST)),
        ("1.1", Some("lt=4294967296"), Err(Code::BAD_REQUEST)),
        ("1.1", Some("lt=-1"), Err(Code::BAD_REQUEST)),
        ("1.1", Some("lt="), Err(Code::BAD_REQUEST)),
        ("1.1", Some("lt"), Err(Code::BAD_REQUEST)),
        ("1.1", Some("lt=1h"), Err(Code::BAD_REQUEST)),
    ] {
        let mut server = Server::new();
        let lwm2m = format!("lwm2m={version}");
        let query: Vec<&str> = ["ep=lamp", &lwm2m].into_iter().chain(lt).collect();
        let code = server.request(&nosec(A), &register(&query, LINKS)).code;
        let registration = server.registry.by_endpoint("lamp");
        assert_eq!(
            registration
                .map(|registration| registration.lifetime())
                .ok_or(code),
            expected,
            "{query:?}"
        );
    }
    let twice = ["ep=lamp", "lwm2m=1.1", "lt=5", "lt=5"];
    assert_eq!(register_code(&nosec(A), &twice, LINKS), Code::BAD_REQUEST);
}

const BINDINGS: &[(&str, &str, bool)] = &[
    ("1.0", "b=U", true),
    ("1.0", "b=UQ", true),
    ("1.0", "b=UQS", true),
    ("1.0", "b=UT", false),
    ("1.0", "b=N", false),
    ("1.0", "b=UU", false),
    ("1.0", "b=Q", false),
    ("1.0", "b=", false),
    ("1.1", "b=UTSN", true),
    ("1.1", "b=UQ", false),
    ("1.1", "b=M", false),
    ("1.1", "b=X", false),
    ("1.1", "b=u", false),
    ("1.2", "b=UMH", true),
];

#[test]
fn r07_binding() {
    for (version, binding, legal) in BINDINGS {
        let mut server = Server::new();
        let device = nosec(A);
        let lwm2m = format!("lwm2m={version}");
        let code = server
            .request(&device, &register(&["ep=a", &lwm2m, binding], LINKS))
            .code;
        assert_eq!(
            code,
            if *legal {
                Code::CREATED
            } else {
                Code::BAD_REQUEST
            },
            "Register {version} {binding}"
        );

        // On Update it is the registered version that counts.
        let id = server.register(&device, &["ep=b", &lwm2m, "b=S"]);
        let code = server.update(&device, &id, &[binding]);
        assert_eq!(
            code,
            if *legal {
                Code::CHANGED
            } else {
                Code::BAD_REQUEST
            },
            "Update {version} {binding}"
        );
        let kept = server.registry.by_id(&id).expect("there").binding();
        let sent = binding.strip_prefix("b=").filter(|_| *legal).unwrap_or("S");
        assert_eq!(kept, Binding::parse(sent).unwrap());
    }
    let mut server = Server::new();
    let id = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1"]);
    assert_eq!(
        server.registry.by_id(&id).expect("there").binding(),
        Binding::UDP
    );
}

#[test]
fn r08_queue_flag() {
    for (version, query, expected) in [
        ("1.1", "Q", Ok(true)),
        ("1.2", "Q", Ok(true)),
        ("1.1", "b=U", Ok(false)),
        ("1.1", "Q=", Err(Code::BAD_REQUEST)),
        ("1.1", "Q=1", Err(Code::BAD_REQUEST)),
        ("1.0", "Q", Err(Code::BAD_REQUEST)),
        ("1.0", "b=UQ", Ok(true)),
    ] {
        let mut server = Server::new();
        let lwm2m = format!("lwm2m={version}");
        let code = server
            .request(&nosec(A), &register(&["ep=lamp", &lwm2m, query], LINKS))
            .code;
        let registration = server.registry.by_endpoint("lamp");
        assert_eq!(
            registration
                .map(|registration| registration.queue_mode())
                .ok_or(code),
            expected,
            "{query}"
        );
    }
}

#[test]
fn r09_sms_number() {
    let mut server = Server::new();
    let device = nosec(A);
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1", "sms=+49 170/1"]);
    assert_eq!(
        server.registry.by_id(&id).expect("there").sms(),
        Some("+49 170/1"),
        "kept as text"
    );
    assert_eq!(server.update(&device, &id, &["sms=1"]), Code::CHANGED);
    assert_eq!(server.registry.by_id(&id).expect("there").sms(), Some("1"));
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1", "sms="]);
    assert_eq!(
        server.registry.by_id(&id).expect("there").sms(),
        None,
        "an empty one is none"
    );
}

#[test]
fn r10_extra_parameters() {
    let mut server = Server::new();
    let device = nosec(A);
    let query = [
        "ep=lamp",
        "lwm2m=1.1",
        "at=t=0k",
        "et",
        "d=",
        "pid=6:1234abcd",
    ];
    let id = server.register(&device, &query);
    let extra = |server: &Server| server.registry.by_id(&id).expect("there").extra();
    let pair = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
    let registered = [
        pair("at", Some("t=0k")), // split at the first equals sign only
        pair("et", None),
        pair("d", Some("")),
        pair("pid", Some("6:1234abcd")),
    ];
    assert_eq!(extra(&server), registered);
    // An Update merges by name.
    assert_eq!(
        server.update(&device, &id, &["et=1", "new=x"]),
        Code::CHANGED
    );
    let [at, _, d, pid] = registered;
    assert_eq!(
        extra(&server),
        [at, pair("et", Some("1")), d, pid, pair("new", Some("x"))]
    );
}

#[test]
fn r11_endpoint_name_may_come_from_the_identity() {
    let mut server = Server::new();
    server.device("lamp", &psk_record("lamp"));
    let id = server.register(&psk("lamp", A), &["lwm2m=1.1"]);
    assert_eq!(
        server.registry.by_id(&id).expect("there").endpoint(),
        "lamp"
    );

    // The specification's code, 4.00, where Leshan says 4.03.
    for caller in [nosec(A), psk("", A)] {
        assert_eq!(
            server
                .request(&caller, &register(&["lwm2m=1.1"], LINKS))
                .code,
            Code::BAD_REQUEST
        );
    }
    let not_text = Caller::new(
        lwm2m_identity::Identity::Psk {
            identity: vec![0xff].into(),
        },
        A.parse().unwrap(),
        0,
    );
    assert_eq!(
        server
            .request(&not_text, &register(&["lwm2m=1.1"], LINKS))
            .code,
        Code::BAD_REQUEST
    );
    for ep in ["ep=", "ep", "ep=a&ep=b"] {
        let query: Vec<&str> = ep.split('&').chain(["lwm2m=1.1"]).collect();
        assert_eq!(
            server.request(&nosec(A), &register(&query, LINKS)).code,
            Code::BAD_REQUEST,
            "{ep}"
        );
    }
    let (longest, longer) = (format!("ep={}", "x".repeat(252)), "x".repeat(253));
    assert_eq!(
        server
            .request(&nosec(A), &register(&[&longest, "lwm2m=1.1"], LINKS))
            .code,
        Code::CREATED
    );
    let mut op = lwm2m_ops::Register::new(
        longer,
        Lwm2mVersion::V1_1,
        lwm2m_ops::ObjectList::new().with(3, None, &[0]),
    );
    op.sms = None;
    let refused = server
        .run(Op::Register {
            caller: nosec(A),
            register: op,
        })
        .unwrap_err();
    assert_eq!(refused.code, Code::BAD_REQUEST);
}

#[test]
fn r12_authorisation() {
    let mut server = Server::new();
    server.device("keyed", &psk_record("id1"));
    server.device("locked", &DeviceRecord::default());
    for (caller, ep, code, reason) in [
        (psk("id1", A), "ep=keyed", Code::CREATED, None),
        (
            psk("id2", A),
            "ep=keyed",
            Code::FORBIDDEN,
            Some("identity_mismatch"),
        ),
        (
            nosec(A),
            "ep=keyed",
            Code::FORBIDDEN,
            Some("credential_required"),
        ),
        (
            nosec(A),
            "ep=locked",
            Code::FORBIDDEN,
            Some("endpoint_not_admitted"),
        ),
        (
            psk("any", A),
            "ep=any",
            Code::FORBIDDEN,
            Some("endpoint_not_admitted"),
        ),
        (nosec(A), "ep=open", Code::CREATED, None),
    ] {
        server.take_events();
        assert_eq!(
            server
                .request(&caller, &register(&[ep, "lwm2m=1.1"], LINKS))
                .code,
            code,
            "{ep}"
        );
        let told = server
            .take_events()
            .into_iter()
            .find_map(|event| match event {
                Event::Refused {
                    reason,
                    endpoint,
                    address,
                    ..
                } => {
                    assert_eq!(endpoint.as_deref(), ep.strip_prefix("ep="));
                    assert_eq!(address, Some(caller.address));
                    Some(reason.as_str())
                }
                _ => None,
            });
        assert_eq!(told, reason, "{ep}");
    }
    // Others are answered as if there were no registration, where Leshan says 4.00 "forbidden".
    let id = server.registry.by_endpoint("keyed").expect("there").id();
    for stranger in [psk("id2", A), nosec(A)] {
        assert_eq!(server.update(&stranger, &id, &["lt=1"]), Code::NOT_FOUND);
        assert_eq!(server.deregister(&stranger, &id), Code::NOT_FOUND);
    }
    assert_eq!(
        server.update(&psk("id1", B), &id, &[]),
        Code::CHANGED,
        "the owner, from anywhere"
    );

    // Ruling 34: the policy is for those without a record.
    for nosec_policy in [NoSecPolicy::Known, NoSecPolicy::Off] {
        let mut config = Config::default();
        config.nosec = nosec_policy;
        let mut server = Server::with(config);
        assert_eq!(
            server
                .request(&nosec(A), &register(&["ep=a", "lwm2m=1.1"], LINKS))
                .code,
            Code::FORBIDDEN
        );
        server.device("a", &DeviceRecord::nosec());
        let known = server.request(&nosec(A), &register(&["ep=a", "lwm2m=1.1"], LINKS));
        assert_eq!(known.code, Code::CREATED, "{nosec_policy:?}");
    }
}

#[test]
fn r13_registration_id() {
    let mut server = Server::new();
    let mut ids = std::collections::BTreeSet::new();
    for round in 0..100 {
        let id = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1"]);
        assert!(ids.insert(id), "round {round}");
        assert!(id.as_str().len() <= 32);
        assert_eq!(
            registry_core::partition_of_id(&id, 64),
            Some(registry_core::partition_of("lamp", 64))
        );
    }
    // Two partitions that were given one seed still draw different ids.
    let draw = |partition| {
        let mut server = Server::new();
        server.registry =
            registry_core::Registry::new(Config::default(), partition, [7; 32], Instant::ZERO);
        server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1"])
    };
    assert_ne!(draw(0), draw(1));
}

#[test]
fn r14_update() {
    let mut server = Server::new();
    let device = nosec(A);
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1", "lt=60", "x=1"]);
    let before = server.registry.by_id(&id).expect("there").clone();
    server.pass(secs(10));
    server.take_events();

    assert_eq!(server.update(&device, &id, &[]), Code::CHANGED);
    let renewed = server.registry.by_id(&id).expect("there").clone();
    assert_eq!(renewed.registered_at(), before.registered_at());
    assert_eq!(renewed.updated_at(), before.updated_at() + 10_000);
    assert_eq!(
        (renewed.links(), renewed.lifetime()),
        (before.links(), before.lifetime())
    );

    let request =
        update(id.as_str(), &["lt=120", "b=US", "sms=1", "y=2"]).payload("</3/0>,</4/0>,</4/1>");
    assert_eq!(server.request(&nosec(B), &request).code, Code::CHANGED);
    let changed = server.registry.by_id(&id).expect("there").clone();
    assert_eq!(changed.lifetime(), Lifetime::from_seconds(120));
    assert_eq!(changed.address(), B.parse().unwrap());
    assert_eq!(changed.extra().len(), 2);
    assert!(changed.objects().contains(&path!(4, 1)) && !changed.objects().contains(&path!(6)));
    assert_eq!(
        (changed.endpoint(), changed.version()),
        ("lamp", Lwm2mVersion::V1_1)
    );

    // What is no parameter of an Update changes nothing of the kind.
    assert_eq!(
        server.update(&device, &id, &["ep=other", "lwm2m=1.2"]),
        Code::CHANGED
    );
    let kept = server.registry.by_id(&id).expect("there");
    assert_eq!(
        (kept.endpoint(), kept.version()),
        ("lamp", Lwm2mVersion::V1_1)
    );

    for (query, code) in [
        (&["lt=x"][..], Code::BAD_REQUEST),
        (&["lt=5", "lt=5"], Code::BAD_REQUEST),
        (&["Q=1"], Code::BAD_REQUEST),
        (&["lt=0"], Code::CHANGED),
        (&["Q"], Code::CHANGED),
    ] {
        assert_eq!(server.update(&device, &id, query), code, "{query:?}");
    }
    assert!(server.registry.by_id(&id).expect("there").queue_mode());
    for unknown in ["x", "AAAAAAAAAAAAAAA", "0", &"z".repeat(40)] {
        let unknown = update(unknown, &[]);
        assert_eq!(server.request(&device, &unknown).code, Code::NOT_FOUND);
    }
}

#[test]
fn r15_deregister() {
    let mut server = Server::new();
    let device = nosec(A);
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    assert_eq!(
        server.deregister(&nosec(B), &id),
        Code::DELETED,
        "NoSec is nobody: the location is the proof"
    );
    assert_eq!(server.deregister(&device, &id), Code::NOT_FOUND);
    assert_eq!(server.update(&device, &id, &[]), Code::NOT_FOUND);
    server.assert_empty();
}

#[test]
fn r16_same_endpoint_registers_again() {
    let mut server = Server::new();
    let (device, elsewhere) = (nosec(A), nosec(B));
    let first = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    server.take_events();
    let second = server.register(&elsewhere, &["ep=lamp", "lwm2m=1.0"]);
    assert_ne!(first, second);
    assert_eq!(server.update(&device, &first, &[]), Code::NOT_FOUND);
    assert_eq!(server.update(&elsewhere, &second, &[]), Code::CHANGED);
    assert_eq!(server.registry.len(), 1);
    assert!(server.registry.by_address(device.address).is_none());
    let events = server.take_events();
    let [
        Event::Removed {
            registration,
            reason: Removal::Replaced,
        },
        Event::Registered {
            registration: new,
            replaced,
        },
        ..,
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((registration.id(), new.id()), (first, second));
    assert_eq!(replaced.as_ref(), Some(registration));
}

/// The stack sends the answer, then tells the event: both are there, apart, when `handle` returns.
#[test]
fn r17_answer_and_event_come_out_apart() {
    let mut config = Config::default();
    config.keep = false;
    let mut server = Server::with(config);
    let device = nosec(A);
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    server.take_events();
    let update = Op::Update {
        caller: device,
        update: lwm2m_ops::Update::new(id),
    };
    server.begin(update);
    let outcome = server
        .registry
        .poll_outcome()
        .expect("the answer is there first");
    assert_eq!(outcome.to_response().code, Code::CHANGED);
    assert!(server.registry.poll_effect().is_none());
    assert!(matches!(
        server.registry.poll_event(),
        Some(Event::Updated { .. })
    ));
}

#[test]
fn r18_endpoint_pinning() {
    let mut server = Server::new();
    let device = nosec(A);
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    let mut other_listener = device.clone();
    other_listener.local_endpoint = 1;
    let before = server.registry.by_id(&id).expect("there").clone();
    server.take_events();
    assert_eq!(
        server.update(&other_listener, &id, &["lt=5"]),
        Code::BAD_REQUEST
    );
    assert_eq!(server.deregister(&other_listener, &id), Code::BAD_REQUEST);
    assert_eq!(server.registry.by_id(&id), Some(&before), "untouched");
    let events = server.take_events();
    assert!(events.iter().all(|event| matches!(event, Event::Refused { reason, .. } if reason.as_str() == "wrong_listener")));
    // A Register there replaces.
    let id = server.register(&other_listener, &["ep=lamp", "lwm2m=1.1"]);
    assert_eq!(server.update(&other_listener, &id, &[]), Code::CHANGED);
    assert_eq!(server.update(&device, &id, &[]), Code::BAD_REQUEST);
}

#[test]
fn r19_root_formats_versions_instances() {
    let mut server = Server::new();
    let links = "</lwm2m>;rt=\"oma.lwm2m\";ct=\"110 112 60\",</lwm2m/1/0>,</lwm2m/3/0>,</lwm2m/55>;ver=1.9,\
                 </lwm2m/55/0>,</lwm2m/44/0>;ver=2.2,</lwm2m/5>,</other/3/1>";
    let response = server.request(&nosec(A), &register(&["ep=lamp", "lwm2m=1.1"], links));
    let objects = server
        .registry
        .by_id(&id(&response))
        .expect("there")
        .objects();
    assert_eq!(objects.root, "/lwm2m");
    assert_eq!(
        objects.formats,
        [
            ContentFormat::SENML_JSON,
            ContentFormat::SENML_CBOR,
            ContentFormat::CBOR
        ]
    );
    let version = |object| objects.version_of(object, Lwm2mVersion::V1_1);
    assert_eq!(
        (version(55), version(44)),
        (Version::new(1, 9), Version::new(2, 2))
    );
    assert_eq!(
        objects.object(5).map(|object| object.instances.len()),
        Some(0)
    );
    assert!(objects.contains(&path!(3, 0)) && !objects.contains(&path!(3, 1)));
}

#[test]
fn r20_default_versions_of_core_objects() {
    let mut server = Server::new();
    let list = "</1/0>,</2/0>,</3/0>,</4/0>,</5/0>,</6/0>,</7/0>,</3303/0>";
    for (lwm2m, versions) in [
        (
            "1.0",
            [
                (1, 0),
                (1, 0),
                (1, 0),
                (1, 0),
                (1, 0),
                (1, 0),
                (1, 0),
                (1, 0),
            ],
        ),
        (
            "1.1",
            [
                (1, 1),
                (1, 0),
                (1, 1),
                (1, 2),
                (1, 0),
                (1, 0),
                (1, 0),
                (1, 0),
            ],
        ),
        (
            "1.2",
            [
                (1, 2),
                (1, 1),
                (1, 2),
                (1, 3),
                (1, 2),
                (1, 0),
                (1, 0),
                (1, 0),
            ],
        ),
    ] {
        let query = ["ep=lamp", &format!("lwm2m={lwm2m}")];
        let response = server.request(&nosec(A), &register(&query, list));
        let registration = server.registry.by_id(&id(&response)).expect("there");
        let objects = registration.objects();
        for (object, (major, minor)) in [1, 2, 3, 4, 5, 6, 7, 3303].into_iter().zip(versions) {
            let version = objects.version_of(object, registration.version());
            assert_eq!(version, Version::new(major, minor), "/{object} of {lwm2m}");
        }
    }
}

#[test]
fn r21_mandatory_formats() {
    let mut server = Server::new();
    for (lwm2m, mandatory, optional) in [
        ("1.0", ContentFormat::TLV, ContentFormat::LWM2M_JSON),
        ("1.1", ContentFormat::TEXT, ContentFormat::SENML_CBOR),
    ] {
        let links = format!("</>;ct={},</3/0>", optional.0);
        let query = ["ep=lamp", &format!("lwm2m={lwm2m}")];
        let response = server.request(&nosec(A), &register(&query, &links));
        let registration = server.registry.by_id(&id(&response)).expect("there");
        let (objects, version) = (registration.objects(), registration.version());
        assert!(
            objects.supports(version, mandatory) && objects.supports(version, optional),
            "{lwm2m}"
        );
        assert!(!objects.supports(version, ContentFormat::SENML_ETCH_CBOR));
    }
}

#[test]
fn r22_sorted_objects_and_a_snapshot_that_stays() {
    let mut server = Server::new();
    let device = nosec(A);
    let response = server.request(
        &device,
        &register(&["ep=lamp", "lwm2m=1.1"], "</9>,</3/1>,</3/0>,</1/0>"),
    );
    let id = id(&response);
    let snapshot = server.registry.by_id(&id).expect("there").clone();
    let objects: Vec<_> = snapshot
        .objects()
        .objects
        .iter()
        .map(|o| (o.id, o.instances.clone()))
        .collect();
    assert_eq!(objects, [(1, vec![0]), (3, vec![0, 1]), (9, vec![])]);
    let copy = snapshot.clone();
    assert_eq!(server.update(&device, &id, &["lt=7"]), Code::CHANGED);
    assert_eq!(snapshot, copy, "what was handed out does not change");
    assert_ne!(server.registry.by_id(&id), Some(&snapshot));
}

#[test]
fn r23_queue_mode() {
    let mut server = Server::new();
    let device = nosec(A);
    let id = server.register(&device, &["ep=old", "lwm2m=1.0", "b=UQ"]);
    assert!(server.registry.by_id(&id).expect("there").queue_mode());
    assert_eq!(server.update(&device, &id, &["b=U"]), Code::CHANGED);
    assert!(
        !server.registry.by_id(&id).expect("there").queue_mode(),
        "1.0: a binding without Q switches it off"
    );

    let id = server.register(&device, &["ep=new", "lwm2m=1.1", "Q"]);
    assert_eq!(server.update(&device, &id, &["b=U"]), Code::CHANGED);
    assert!(
        server.registry.by_id(&id).expect("there").queue_mode(),
        "later: absence means nothing"
    );
}

#[test]
fn r24_expiry() {
    for grace in [0, 5] {
        let mut config = Config::default();
        config.grace = secs(grace);
        let mut server = Server::with(config);
        let device = nosec(A);
        server.pass(Duration::from_millis(1_234));
        let id = server.register(&device, &["ep=lamp", "lwm2m=1.1", "lt=30"]);
        let forever = server.register(&nosec(B), &["ep=forever", "lwm2m=1.1", "lt=0"]);
        assert_eq!(
            server.registry.stats().timers,
            1,
            "an infinite lifetime has no timer"
        );
        server.pass(secs(20));
        assert_eq!(server.update(&device, &id, &[]), Code::CHANGED);
        server.take_events();
        server.pass(secs(30 + grace) - Duration::from_millis(1));
        assert!(server.registry.by_id(&id).is_some(), "not before");
        server.pass(secs(1));
        assert!(
            server.registry.by_id(&id).is_none(),
            "within a second after"
        );
        let events = server.take_events();
        assert!(
            matches!(&events[..], [Event::Removed { registration, reason: Removal::Expired }] if registration.id() == id)
        );
        assert_eq!(server.update(&device, &id, &[]), Code::NOT_FOUND);
        assert!(server.registry.by_address(device.address).is_none());

        server.pass(secs(10 * 365 * 86_400));
        assert!(server.registry.by_id(&forever).is_some());
        // A lifetime may come and go by Updates.
        assert_eq!(
            server.update(&nosec(B), &forever, &["lt=10"]),
            Code::CHANGED
        );
        assert_eq!(server.update(&nosec(B), &forever, &["lt=0"]), Code::CHANGED);
        server.pass(secs(1_000));
        assert_eq!(
            server.update(&nosec(B), &forever, &["lt=10"]),
            Code::CHANGED
        );
        server.pass(secs(11 + grace + 60));
        server.assert_empty();
    }
}

/// Pending downlinks are the stack's; the events tell it when they end.
#[test]
fn r25_events_that_end_downlinks() {
    let mut server = Server::new();
    let device = nosec(A);
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1", "lt=30"]);
    server.take_events();
    assert_eq!(server.update(&device, &id, &["lt=31"]), Code::CHANGED);
    assert_eq!(server.update(&nosec(B), &id, &[]), Code::CHANGED);
    let events = server.take_events();
    let [
        Event::Updated { diff: stays, .. },
        Event::Updated {
            diff: moves,
            previous,
            registration,
        },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert!(!stays.address && moves.address);
    assert_eq!(
        (previous.address(), registration.address()),
        (device.address, B.parse().unwrap())
    );
    let _again = server.register(&device, &["ep=lamp", "lwm2m=1.1", "lt=30"]);
    server.pass(secs(31));
    let ends: Vec<_> = server
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Removed { reason, .. } => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(ends, ["replaced", "expired"]);
}

#[test]
fn r26_indexes() {
    let mut server = Server::new();
    for name in ["a", "b"] {
        server.device(name, &psk_record("shared"));
    }
    let (keyed, open) = (psk("shared", A), nosec(B));
    let a = server.register(&keyed, &["ep=a", "lwm2m=1.1"]);
    let b = server.register(&keyed, &["ep=b", "lwm2m=1.1"]);
    let c = server.register(&open, &["ep=c", "lwm2m=1.1"]);
    let registry = &server.registry;
    let ids = |found: Vec<&registry_core::Registration>| {
        found.iter().map(|found| found.id()).collect::<Vec<_>>()
    };
    assert_eq!(registry.by_endpoint("a").map(|found| found.id()), Some(a));
    assert_eq!(registry.by_endpoint("A"), None);
    assert_eq!(registry.by_id(&b).map(|found| found.endpoint()), Some("b"));
    assert_eq!(
        registry.by_address(keyed.address).map(|found| found.id()),
        Some(b),
        "the last one wins"
    );
    assert_eq!(ids(registry.at_address(keyed.address).collect()), [b, a]);
    let mapped = "[::ffff:192.0.2.1]:5683".parse().unwrap();
    assert_eq!(
        registry.by_address(mapped).map(|found| found.id()),
        Some(b),
        "IPv4 in IPv6 clothes"
    );
    assert_eq!(ids(registry.of_identity(&keyed.identity).collect()), [b, a]);
    assert_eq!(
        registry.by_identity(&open.identity),
        None,
        "NoSec is nobody"
    );

    // Pages list every one exactly once.
    let mut listed = Vec::new();
    let mut after = None;
    while let Some((position, found)) = registry.iter(after, 1).next() {
        listed.push(found.id());
        after = Some(position);
    }
    assert_eq!(listed, [a, b, c]);
    assert_eq!(registry.iter(None, 2).count(), 2);

    assert_eq!(server.deregister(&keyed, &b), Code::DELETED);
    assert_eq!(
        server
            .registry
            .by_address(keyed.address)
            .map(|found| found.id()),
        Some(a),
        "the older one comes back"
    );
    assert_eq!(
        server
            .registry
            .by_identity(&keyed.identity)
            .map(|found| found.id()),
        Some(a)
    );
    for id in [a, c] {
        let caller = if id == a { &keyed } else { &open };
        assert_eq!(server.deregister(caller, &id), Code::DELETED);
    }
    server.assert_empty();
}

#[test]
fn r27_events() {
    let mut server = Server::new();
    let device = nosec(A);
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    let request = update(id.as_str(), &["lt=9"]).payload("</1/0>,</3/0>,</3303/0>,</3303/7>");
    assert_eq!(server.request(&device, &request).code, Code::CHANGED);
    assert_eq!(server.deregister(&device, &id), Code::DELETED);
    let events = server.take_events();
    let [
        Event::Registered { replaced: None, .. },
        Event::Updated { diff, .. },
        Event::Removed { reason, .. },
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert!(
        diff.lifetime
            && diff.objects
            && !diff.binding
            && !diff.extra
            && !diff.sms
            && !diff.queue_mode
    );
    assert_eq!(diff.added, [path!(3303, 7)]);
    assert_eq!(
        diff.removed,
        [path!(4), path!(4, 0), path!(6), path!(6, 0), path!(3303, 1)]
    );
    assert_eq!(*reason, Removal::Deregistered);

    // An administrator's removal, and one of nobody.
    let id = server.register(&device, &["ep=lamp", "lwm2m=1.1"]);
    server.take_events();
    let done = server
        .run(Op::Remove {
            endpoint: "lamp".into(),
        })
        .unwrap();
    assert!(matches!(done, Done::Removed(registration) if registration.id() == id));
    assert!(matches!(
        &server.take_events()[..],
        [Event::Removed {
            reason: Removal::Admin,
            ..
        }]
    ));
    let refused = server
        .run(Op::Remove {
            endpoint: "lamp".into(),
        })
        .unwrap_err();
    assert_eq!(refused.code, Code::NOT_FOUND);
    assert_eq!(
        refused.reason,
        Reason::Access(lwm2m_identity::Reason::UnknownRegistration)
    );
    server.assert_empty();
}

#[test]
fn r28_alternate_path() {
    let mut server = Server::new();
    let device = nosec(A);
    let response = server.request(
        &device,
        &register(
            &["ep=lamp", "lwm2m=1.1"],
            "</lwm2m>;rt=\"oma.lwm2m\",</lwm2m/3/0>",
        ),
    );
    let id = id(&response);
    assert_eq!(
        server.registry.by_id(&id).expect("there").objects().root,
        "/lwm2m"
    );
    // A new list may move the root; none keeps it.
    assert_eq!(server.update(&device, &id, &["lt=5"]), Code::CHANGED);
    assert_eq!(
        server.registry.by_id(&id).expect("there").objects().root,
        "/lwm2m"
    );
    assert_eq!(
        server
            .request(&device, &update(id.as_str(), &[]).payload("</3/0>"))
            .code,
        Code::CHANGED
    );
    assert_eq!(
        server.registry.by_id(&id).expect("there").objects().root,
        ""
    );
}

/// What the layers below need to talk to a device comes in one cheap handle.
#[test]
fn r29_client_profile() {
    let mut server = Server::new();
    let id: RegistrationId = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1"]);
    let profile = server.registry.by_id(&id).expect("there").clone();
    server.deregister(&nosec(A), &id);
    assert_eq!(profile.endpoint(), "lamp");
    assert_eq!(profile.address(), A.parse().unwrap());
    assert_eq!(
        profile.objects().version_of(4, profile.version()),
        Version::new(1, 2)
    );
    assert!(
        profile
            .objects()
            .supports(profile.version(), ContentFormat::SENML_CBOR)
    );
}

/// Wishes to observe outlive every registration.
#[test]
fn desired_observations_survive_registering_again() {
    let mut config = Config::default();
    (config.max_observations, config.max_observed_endpoints) = (2, 2);
    let mut server = Server::with(config);
    use registry_core::{ObserveError, Observed};
    assert_eq!(
        server.registry.observe("lamp", path!(3, 0, 9)),
        Ok(Observed::Added)
    );
    let id = server.register(&nosec(A), &["ep=lamp", "lwm2m=1.1"]);
    assert_eq!(
        server.registry.observe("lamp", path!(3, 0, 9)),
        Ok(Observed::Known)
    );
    assert_eq!(
        server.registry.observe("lamp", path!(1)),
        Ok(Observed::Added)
    );
    assert_eq!(
        server.registry.observe("lamp", path!(4)),
        Err(ObserveError::TooManyPaths)
    );
    assert_eq!(server.registry.observe("b", path!(4)), Ok(Observed::Added));
    assert_eq!(
        server.registry.observe("c", path!(4)),
        Err(ObserveError::TooManyEndpoints)
    );
    assert_eq!(
        server.registry.observe("lamp", lwm2m_model::Path::ROOT),
        Err(ObserveError::Root)
    );
    assert_eq!(
        server.registry.observe("", path!(4)),
        Err(ObserveError::Endpoint)
    );
    let again = server.register(&nosec(B), &["ep=lamp", "lwm2m=1.1"]);
    assert_ne!(id, again);
    server.deregister(&nosec(B), &again);
    assert_eq!(server.registry.desired("lamp"), [path!(1), path!(3, 0, 9)]);
    assert!(server.registry.unobserve("lamp", &path!(1)));
    assert!(!server.registry.unobserve("lamp", &path!(1)));
    assert_eq!(server.registry.unobserve_all("lamp"), [path!(3, 0, 9)]);
    assert!(server.registry.unobserve("b", &path!(4)));
    assert_eq!(server.registry.stats().observed_endpoints, 0);
}
