//! The registration interface: what a server accepts, what it refuses and with which code, and
//! that a client writes what a server reads.
//!
//! "Ruling n" are the decisions of this project where the specification and other
//! implementations differ; R1–R24 are features of Eclipse Leshan; K and L rows are hostile
//! inputs known from other implementations.

use coap_codec::{
    Code, ContentFormat, DecodeLimits, Message, OptionNumber, Request, Response, Triage, triage,
};
use lwm2m_model::Lwm2mVersion;
use lwm2m_ops::{
    Binding, DecodeContext, Deregister, DeregisterAnswer, IllegalRequest, Lifetime, Location,
    MAX_DIAGNOSTIC, ObjectList, Operation, Problem, Quirk, Reason, Refusal, Refused, Register,
    RegisterAnswer, RegistrationId, Transport, Update, UpdateAnswer, Uplink, decode,
};

fn request(method: Code, path: &[&str], query: &[&str], payload: &[u8]) -> Request {
    let mut request = Request::new(method);
    for segment in path {
        request
            .options
            .insert(OptionNumber::URI_PATH, segment.as_bytes())
            .unwrap();
    }
    for parameter in query {
        request
            .options
            .insert(OptionNumber::URI_QUERY, parameter.as_bytes())
            .unwrap();
    }
    if payload.is_empty() {
        return request;
    }
    request
        .content_format(ContentFormat::LINK)
        .payload(payload.to_vec())
}

fn serve(request: &Request) -> Result<Uplink, Refusal> {
    match decode(&DecodeContext::registration(true), request)? {
        Operation::Uplink(uplink) => Ok(uplink),
        other => panic!("{other:?}"),
    }
}

fn register(query: &[&str], payload: &str) -> Result<Register, Refusal> {
    match serve(&request(Code::POST, &["rd"], query, payload.as_bytes()))? {
        Uplink::Register(register) => Ok(register),
        other => panic!("{other:?}"),
    }
}

fn update(query: &[&str], payload: &str) -> Result<Update, Refusal> {
    match serve(&request(
        Code::POST,
        &["rd", "5a3f"],
        query,
        payload.as_bytes(),
    ))? {
        Uplink::Update(update) => Ok(update),
        other => panic!("{other:?}"),
    }
}

const OBJECTS: &str = "</1/0>,</3/0>";

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

/// From the bytes of a datagram, as an endpoint would hand it over.
fn from_datagram(hex: &str) -> Request {
    let datagram = bytes(hex);
    let message = Message::decode(&datagram).unwrap();
    let mut request = Request::new(message.code()).payload(message.payload().to_vec());
    for option in message.options() {
        request.options.insert(option.number, option.value).unwrap();
    }
    request
}

/// Worked messages: a Register, its answer, an Update.
#[test]
fn worked_datagrams() {
    let datagram = "42 02 12 34 9A 01 B2 72 64 11 28 37 65 70 3D 64 65 76 31 06 6C 74 3D 33 30 30 \
                    09 6C 77 6D 32 6D 3D 31 2E 31 03 62 3D 55 FF 3C 2F 31 2F 30 3E 2C 3C 2F 33 2F \
                    30 3E";
    let Uplink::Register(register) = serve(&from_datagram(datagram)).unwrap() else {
        panic!()
    };
    assert_eq!(register.endpoint.as_deref(), Some("dev1"));
    assert_eq!(register.lifetime.seconds(), Some(300));
    assert_eq!(register.version, Lwm2mVersion::V1_1);
    assert_eq!(register.binding, Binding::UDP);
    assert_eq!(
        register.objects,
        ObjectList::new().with(1, None, &[0]).with(3, None, &[0])
    );
    assert_eq!(register.objects.raw().as_ref(), b"</1/0>,</3/0>");
    assert!(register.quirks.is_empty() && register.objects.quirks.is_empty());

    let answer = RegisterAnswer::Created(RegistrationId::new("5a3f").unwrap().into());
    let response = answer.to_response();
    assert_eq!(response.code, Code::CREATED);
    assert_eq!(
        response.options.as_options().as_bytes(),
        bytes("82 72 64 04 35 61 33 66")
    );
    assert_eq!(RegisterAnswer::from_response(&response), Ok(answer));

    let datagram = "42 02 12 35 9A 02 B2 72 64 04 35 61 33 66";
    let Uplink::Update(update) = serve(&from_datagram(datagram)).unwrap() else {
        panic!()
    };
    assert_eq!(update, Update::new(RegistrationId::new("5a3f").unwrap()));
}

/// (source, query, the reason for refusal, the parameter named)
type Row = (
    &'static str,
    &'static [&'static str],
    Reason,
    Option<&'static str>,
);

#[rustfmt::skip]
const REFUSED: &[Row] = &[
    ("ruling 2: no version", &["ep=a"], Reason::MissingVersion, Some("lwm2m")),
    ("ruling 2", &["ep=a", "lwm2m"], Reason::BadVersion, Some("lwm2m")),
    ("ruling 2", &["ep=a", "lwm2m="], Reason::BadVersion, Some("lwm2m")),
    ("ruling 2, R5", &["ep=a", "lwm2m=1"], Reason::BadVersion, Some("lwm2m")),
    ("ruling 2, R5", &["ep=a", "lwm2m=1.1.1"], Reason::BadVersion, Some("lwm2m")),
    ("ruling 2, R5", &["ep=a", "lwm2m=v1.1"], Reason::BadVersion, Some("lwm2m")),
    ("ruling 2, R5: leading zero", &["ep=a", "lwm2m=01.1"], Reason::BadVersion, Some("lwm2m")),
    ("ruling 2", &["ep=a", "lwm2m=-1.1"], Reason::BadVersion, Some("lwm2m")),
    ("ruling 1: other major", &["ep=a", "lwm2m=2.0"], Reason::UnsupportedVersion, Some("lwm2m")),
    ("ruling 1", &["ep=a", "lwm2m=0.9"], Reason::UnsupportedVersion, Some("lwm2m")),
    ("ruling 1", &["ep=a", "lwm2m=99999999999.0"], Reason::UnsupportedVersion, Some("lwm2m")),
    ("ruling 3", &["ep=a", "lwm2m=1.1", "lt"], Reason::BadLifetime, Some("lt")),
    ("ruling 3, R6", &["ep=a", "lwm2m=1.1", "lt="], Reason::BadLifetime, Some("lt")),
    ("ruling 3, R6", &["ep=a", "lwm2m=1.1", "lt=abc"], Reason::BadLifetime, Some("lt")),
    ("ruling 3", &["ep=a", "lwm2m=1.1", "lt=-1"], Reason::BadLifetime, Some("lt")),
    ("ruling 3", &["ep=a", "lwm2m=1.1", "lt=4294967296"], Reason::BadLifetime, Some("lt")),
    ("ruling 3: infinite in 1.0", &["ep=a", "lwm2m=1.0", "lt=0"], Reason::InfiniteLifetime, Some("lt")),
    ("ruling 5", &["ep=", "lwm2m=1.1"], Reason::EmptyEndpoint, Some("ep")),
    ("ruling 5", &["ep", "lwm2m=1.1"], Reason::EmptyEndpoint, Some("ep")),
    ("ruling 10", &["ep=a", "ep=a", "lwm2m=1.1"], Reason::DuplicateParameter, Some("ep")),
    ("ruling 10", &["ep=a", "lt=60", "lt=60", "lwm2m=1.1"], Reason::DuplicateParameter, Some("lt")),
    ("ruling 10", &["ep=a", "lwm2m=1.1", "lwm2m=1.1"], Reason::DuplicateParameter, Some("lwm2m")),
    ("ruling 10", &["ep=a", "lwm2m=1.1", "b=U", "b=U"], Reason::DuplicateParameter, Some("b")),
    ("ruling 12, R7: T in 1.0", &["ep=a", "lwm2m=1.0", "b=UT"], Reason::BindingNotInVersion, Some("b")),
    ("ruling 12: N in 1.0", &["ep=a", "lwm2m=1.0", "b=UN"], Reason::BindingNotInVersion, Some("b")),
    ("ruling 12, R7: Q in 1.1", &["ep=a", "lwm2m=1.1", "b=UQ"], Reason::BindingNotInVersion, Some("b")),
    ("ruling 12: Q in 1.2", &["ep=a", "lwm2m=1.2", "b=UQ"], Reason::BindingNotInVersion, Some("b")),
    ("ruling 12: M in 1.1", &["ep=a", "lwm2m=1.1", "b=UM"], Reason::BindingNotInVersion, Some("b")),
    ("ruling 12, R7: repeated", &["ep=a", "lwm2m=1.0", "b=UU"], Reason::BadBinding, Some("b")),
    ("ruling 12: repeated Q", &["ep=a", "lwm2m=1.0", "b=UQSQ"], Reason::BadBinding, Some("b")),
    ("ruling 12, R7: unknown", &["ep=a", "lwm2m=1.1", "b=X"], Reason::BadBinding, Some("b")),
    ("ruling 12: case", &["ep=a", "lwm2m=1.1", "b=u"], Reason::BadBinding, Some("b")),
    ("ruling 12: empty", &["ep=a", "lwm2m=1.1", "b="], Reason::BadBinding, Some("b")),
    ("ruling 12: no transport", &["ep=a", "lwm2m=1.0", "b=Q"], Reason::BadBinding, Some("b")),
    ("ruling 12, R8: Q with a value", &["ep=a", "lwm2m=1.1", "Q=1"], Reason::BadQueueFlag, Some("Q")),
    ("ruling 12, R8", &["ep=a", "lwm2m=1.1", "Q="], Reason::BadQueueFlag, Some("Q")),
    ("ruling 12, R8: Q in 1.0", &["ep=a", "lwm2m=1.0", "Q"], Reason::BadQueueFlag, Some("Q")),
    ("the version comes before the rest", &["lt=x", "lwm2m=2.0", "ep=a"], Reason::UnsupportedVersion, Some("lwm2m")),
    ("the name comes before the version", &["lwm2m=2.0", "ep="], Reason::EmptyEndpoint, Some("ep")),
];

#[test]
fn refused_queries() {
    for (source, query, reason, parameter) in REFUSED {
        let refusal = register(query, OBJECTS).expect_err(source);
        assert_eq!(
            (refusal.reason, refusal.parameter),
            (*reason, *parameter),
            "{source}: {query:?}"
        );
        let code = match reason {
            Reason::UnsupportedVersion => Code::PRECONDITION_FAILED,
            _ => Code::BAD_REQUEST,
        };
        assert_eq!(refusal.code, code, "{source}: {query:?}");
    }
}

#[test]
fn versions() {
    for (text, version, newer) in [
        ("1.0", Lwm2mVersion::V1_0, false),
        ("1.1", Lwm2mVersion::V1_1, false),
        ("1.2", Lwm2mVersion::V1_2, false),
        ("1.3", Lwm2mVersion::V1_2, true),
        ("1.99999999999999", Lwm2mVersion::V1_2, true), // ruling 1
    ] {
        let read = register(&["ep=a", &format!("lwm2m={text}")], OBJECTS).unwrap();
        assert_eq!(read.version, version);
        assert_eq!(read.quirks.contains(&Quirk::NewerVersion), newer);
    }
}

#[test]
fn lifetimes() {
    for (version, query, lifetime) in [
        ("1.0", None, Lifetime::from_seconds(86_400)), // ruling 3, R6
        ("1.1", Some("lt=0"), Lifetime::INFINITE),
        ("1.2", Some("lt=0"), Lifetime::INFINITE),
        ("1.0", Some("lt=1"), Lifetime::from_seconds(1)),
        (
            "1.1",
            Some("lt=4294967295"),
            Lifetime::from_seconds(u32::MAX),
        ),
    ] {
        let version = format!("lwm2m={version}");
        let query: Vec<&str> = ["ep=a", &version].into_iter().chain(query).collect();
        assert_eq!(
            register(&query, OBJECTS).unwrap().lifetime,
            lifetime,
            "{query:?}"
        );
    }
}

/// Ruling 12, R7, R8, R23.
#[test]
fn bindings_and_queue_mode() {
    use Transport::{Http, Mqtt, NonIp, Sms, Tcp, Udp};
    #[rustfmt::skip]
    let rows: &[(&str, &[&str], &[Transport], bool)] = &[
        ("1.0", &[], &[Udp], false),
        ("1.0", &["b=U"], &[Udp], false),
        ("1.0", &["b=UQ"], &[Udp], true),
        ("1.0", &["b=S"], &[Sms], false),
        ("1.0", &["b=SQ"], &[Sms], true),
        ("1.0", &["b=US"], &[Udp, Sms], false),
        ("1.0", &["b=UQS"], &[Udp, Sms], true),
        ("1.1", &["b=UT"], &[Udp, Tcp], false),
        ("1.1", &["b=UTSN", "Q"], &[Udp, Tcp, Sms, NonIp], true),
        ("1.1", &["Q"], &[Udp], true),
        ("1.2", &["b=UMH"], &[Udp, Mqtt, Http], false),
    ];
    for (version, query, transports, queue_mode) in rows {
        let version = format!("lwm2m={version}");
        let query: Vec<&str> = ["ep=a", &version].iter().chain(*query).copied().collect();
        let read = register(&query, OBJECTS).unwrap();
        assert_eq!(read.queue_mode, *queue_mode, "{query:?}");
        for transport in Transport::ALL {
            let expected = transports.contains(transport);
            assert_eq!(
                read.binding.contains(*transport),
                expected,
                "{query:?} {transport:?}"
            );
        }
    }
}

/// Rulings 5, 11 and 28; R9, R10, R11.
#[test]
fn names_numbers_and_unknown_parameters() {
    let query = [
        "lwm2m=1.1",
        "at=a=b",
        "sms=33612345678",
        "hb",
        "x=",
        "et=t",
        "ep=urn:dev:x=1",
    ];
    let read = register(&query, OBJECTS).unwrap();
    assert_eq!(read.endpoint.as_deref(), Some("urn:dev:x=1")); // split at the first `=`
    assert_eq!(read.sms.as_deref(), Some("33612345678"));
    let extra = [
        ("at", Some("a=b")),
        ("hb", None),
        ("x", Some("")),
        ("et", Some("t")),
    ];
    let kept: Vec<_> = read
        .extra
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_deref()))
        .collect();
    assert_eq!(kept, extra);

    // No name: a secure identity may tell it, so that is not decided here.
    assert_eq!(register(&["lwm2m=1.1"], OBJECTS).unwrap().endpoint, None);
    // R9: an empty number is none.
    let read = register(&["lwm2m=1.1", "ep=a", "sms="], OBJECTS).unwrap();
    assert_eq!((read.sms, read.quirks), (None, vec![Quirk::EmptySms]));

    let longest = "é".repeat(126);
    assert_eq!(longest.len(), 252);
    let read = register(&["lwm2m=1.1", &format!("ep={longest}")], OBJECTS).unwrap();
    assert_eq!(read.endpoint, Some(longest));
    let mut bad = request(Code::POST, &["rd"], &["lwm2m=1.1"], OBJECTS.as_bytes());
    bad.options
        .insert(OptionNumber::URI_QUERY, b"ep=\xff\xfe")
        .unwrap();
    let refusal = serve(&bad).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.reason),
        (Code::BAD_REQUEST, Reason::NotUtf8)
    );
    assert_eq!(refusal.parameter, Some("ep"));
}

/// Ruling 28, through the judge of datagrams: text that is not UTF-8 is a bad request, no option
/// that nobody knows.
#[test]
fn bytes_that_are_no_text() {
    let understood = [OptionNumber::URI_PATH, OptionNumber::URI_QUERY];
    for (what, datagram, parameter) in [
        ("ep", "40 02 00 01 B2 72 64 45 65 70 3D FF FE", Some("ep")),
        ("another", "40 02 00 01 B2 72 64 43 61 3D FF", None),
        ("cut", "40 02 00 01 B2 72 64 44 65 70 3D C3", Some("ep")),
        ("location", "40 02 00 01 B2 72 64 02 C3 28", None),
        ("the path", "40 02 00 01 B2 C3 28", None),
    ] {
        let datagram = bytes(datagram);
        let Triage::Deliver(message) = triage(&datagram, &understood, DecodeLimits::RFC7252) else {
            panic!("{what}")
        };
        let refusal = serve(&Request::from(&message)).expect_err(what);
        let expected = (Code::BAD_REQUEST, Reason::NotUtf8, parameter);
        assert_eq!(
            (refusal.code, refusal.reason, refusal.parameter),
            expected,
            "{what}"
        );
    }
}

/// L18: content of endpoint names. Data, kept as it is; what shows it escapes it.
#[test]
fn hostile_l18_endpoint_names_are_data() {
    for name in [
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "a\nb\r\nc",
        "a\0b",
        "../../etc/passwd",
        "'; DROP TABLE devices;--",
        "%00%2e%2e",
        "\u{202e}gnp.exe",
        "{{7*7}}",
        "\u{7f}\u{1b}[31m",
    ] {
        let read = register(&[&format!("ep={name}"), "lwm2m=1.1"], OBJECTS).unwrap();
        assert_eq!(read.endpoint.as_deref(), Some(name));
        let written = read.to_request().unwrap();
        assert_eq!(serve(&written), Ok(Uplink::Register(read)));
    }
    // 64 KiB: an option of that length exists on the wire, and is no name.
    let mut long = request(Code::POST, &["rd"], &["lwm2m=1.1"], OBJECTS.as_bytes());
    let name = format!("ep={}", "x".repeat(65_000));
    if long
        .options
        .insert(OptionNumber::URI_QUERY, name.as_bytes())
        .is_ok()
    {
        let refusal = serve(&long).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.reason),
            (Code::BAD_REQUEST, Reason::EndpointTooLong)
        );
    }
}

#[test]
fn too_many_parameters() {
    let many: Vec<String> = (0..65).map(|n| format!("p{n}=1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        register(&many, OBJECTS).unwrap_err().reason,
        Reason::TooManyParameters
    );
}

/// R1, R3, ruling 4, ruling 13, ruling 32.
#[test]
fn methods_and_paths() {
    let good = ["ep=a", "lwm2m=1.1"];
    #[rustfmt::skip]
    let rows: &[(Code, &[&str], Code, Reason)] = &[
        (Code::POST, &["rd", "a", "b"], Code::BAD_REQUEST, Reason::BadUri),
        (Code::POST, &["rd", ""], Code::BAD_REQUEST, Reason::BadUri),
        (Code::DELETE, &["rd"], Code::BAD_REQUEST, Reason::BadUri),
        (Code::DELETE, &["rd", "a", "b"], Code::BAD_REQUEST, Reason::BadUri),
        (Code::GET, &["rd"], Code::METHOD_NOT_ALLOWED, Reason::MethodNotAllowed),
        (Code::PUT, &["rd", "5a3f"], Code::METHOD_NOT_ALLOWED, Reason::MethodNotAllowed),
        (Code(0x08), &["rd"], Code::METHOD_NOT_ALLOWED, Reason::MethodNotAllowed),
        (Code(0x1f), &["rd"], Code::METHOD_NOT_ALLOWED, Reason::MethodNotAllowed),
        (Code(0x10), &[], Code::METHOD_NOT_ALLOWED, Reason::MethodNotAllowed),
        (Code(0x08), &["foo"], Code::METHOD_NOT_ALLOWED, Reason::MethodNotAllowed),
        (Code::CONTENT, &["rd"], Code::METHOD_NOT_ALLOWED, Reason::MethodNotAllowed),
        (Code::POST, &[], Code::NOT_FOUND, Reason::NotFound),
        (Code::POST, &["RD"], Code::NOT_FOUND, Reason::NotFound),
        (Code::GET, &["3", "0"], Code::NOT_FOUND, Reason::NotFound),
        // No location that a server of ours gives out.
        (Code::POST, &["rd", ".."], Code::NOT_FOUND, Reason::UnknownLocation),
        (Code::POST, &["rd", "%2e%2e"], Code::NOT_FOUND, Reason::UnknownLocation),
        (Code::DELETE, &["rd", "0123456789012345678901234567890123"], Code::NOT_FOUND, Reason::UnknownLocation),
    ];
    for (method, path, code, reason) in rows {
        let refusal = serve(&request(*method, path, &good, OBJECTS.as_bytes())).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.reason),
            (*code, *reason),
            "{method} {path:?}"
        );
    }
    for (method, path) in [
        (Code::POST, &["rd"][..]),
        (Code::POST, &["rd", "x"]),
        (Code::DELETE, &["rd", "x"]),
    ] {
        let request = request(method, path, &good, OBJECTS.as_bytes());
        let refusal = decode(&DecodeContext::registration(false), &request).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.reason),
            (Code::BAD_REQUEST, Reason::NotConfirmable)
        );
        assert!(serve(&request).is_ok());
    }
}

#[test]
fn critical_options_of_no_operation() {
    for number in [1_u16, 5, 9, 35, 39, 2049, 9999] {
        let mut request = request(
            Code::POST,
            &["rd"],
            &["ep=a", "lwm2m=1.1"],
            OBJECTS.as_bytes(),
        );
        request.options.insert(OptionNumber(number), b"").unwrap();
        let refusal = serve(&request).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.reason),
            (Code::BAD_OPTION, Reason::BadOption)
        );
    }
    let mut request = request(
        Code::POST,
        &["rd"],
        &["ep=a", "lwm2m=1.1"],
        OBJECTS.as_bytes(),
    );
    request
        .options
        .insert(OptionNumber(65_000), b"elective")
        .unwrap();
    assert!(serve(&request).is_ok());
}

/// Ruling 15, R4.
#[test]
fn empty_lists() {
    for payload in [
        "",
        "</>",
        "</>;rt=\"oma.lwm2m\";ct=110",
        "</0/0>,</21/0>",
        "</3/0/1>",
        "</foo>",
    ] {
        for (version, code, reason) in [
            ("1.0", Code::BAD_REQUEST, Reason::NoObjects),
            ("1.1", Code::BAD_REQUEST, Reason::NoObjects),
            ("1.2", Code::CONFLICT, Reason::ObjectsUndetermined),
        ] {
            let refusal = register(&["ep=a", &format!("lwm2m={version}")], payload).unwrap_err();
            assert_eq!(
                (refusal.code, refusal.reason),
                (code, reason),
                "{version} {payload}"
            );
        }
    }
}

#[test]
fn updates() {
    let read = update(
        &[
            "lt=60",
            "b=US",
            "Q",
            "sms=1",
            "at=x",
            "ep=other",
            "lwm2m=9.9",
        ],
        "",
    )
    .unwrap();
    assert_eq!(
        read.location.id(),
        Some(RegistrationId::new("5a3f").unwrap())
    );
    assert_eq!(read.lifetime, Some(Lifetime::from_seconds(60)));
    assert_eq!(
        read.binding,
        Binding::new(&[Transport::Udp, Transport::Sms])
    );
    assert!(read.queue_mode && read.objects.is_none());
    // R14: name and version cannot change; they are unknown parameters here.
    assert_eq!(read.extra.len(), 3);

    // What needs the version of the registration (ruling 12 "also on Update").
    for (version, query, payload, verdict) in [
        (Lwm2mVersion::V1_0, "b=UQ", "", None),
        (
            Lwm2mVersion::V1_1,
            "b=UQ",
            "",
            Some(Reason::BindingNotInVersion),
        ),
        (
            Lwm2mVersion::V1_0,
            "b=UT",
            "",
            Some(Reason::BindingNotInVersion),
        ),
        (Lwm2mVersion::V1_1, "b=UT", "", None),
        (
            Lwm2mVersion::V1_0,
            "lt=0",
            "",
            Some(Reason::InfiniteLifetime),
        ),
        (Lwm2mVersion::V1_2, "lt=0", "", None),
        (Lwm2mVersion::V1_0, "Q", "", Some(Reason::BadQueueFlag)),
        (Lwm2mVersion::V1_1, "Q", "", None),
        (Lwm2mVersion::V1_1, "lt=1", "</>", Some(Reason::NoObjects)),
        (Lwm2mVersion::V1_1, "lt=1", "</3/0>", None),
    ] {
        let read = update(&[query], payload).unwrap();
        let refused = read.check(version).err();
        assert_eq!(
            refused.map(|refusal| refusal.reason),
            verdict,
            "{version} {query} {payload}"
        );
        assert!(refused.is_none_or(|refusal| refusal.code == Code::BAD_REQUEST));
    }
    for query in [
        &["b=X"][..],
        &["lt=x"],
        &["Q=1"],
        &["lt=1", "lt=1"],
        &["b=U", "b=U"],
    ] {
        assert_eq!(
            update(query, "").unwrap_err().code,
            Code::BAD_REQUEST,
            "{query:?}"
        );
    }

    // In 1.0 the letter says it, later the flag does.
    let queue = |query, version| update(&[query], "").unwrap().queue_mode_for(version);
    assert_eq!(queue("b=UQ", Lwm2mVersion::V1_0), Some(true));
    assert_eq!(queue("b=U", Lwm2mVersion::V1_0), Some(false));
    assert_eq!(queue("lt=1", Lwm2mVersion::V1_0), None);
    assert_eq!(queue("Q", Lwm2mVersion::V1_1), Some(true));
    assert_eq!(queue("b=U", Lwm2mVersion::V1_1), None);
}

#[test]
fn deregister() {
    let id = RegistrationId::new("5a3f").unwrap();
    let request = request(Code::DELETE, &["rd", "5a3f"], &[], b"");
    assert_eq!(serve(&request), Ok(Uplink::Deregister(Deregister::new(id))));
    assert_eq!(
        Deregister::new(id).to_request().unwrap().options,
        request.options
    );
}

#[test]
fn written_requests() {
    let objects = ObjectList::new().with(3, None, &[0]);
    let mut register = Register::new("dev1", Lwm2mVersion::V1_0, objects);
    register.queue_mode = true;
    let query = |request: &Request| {
        let query = request.options.as_options().all(OptionNumber::URI_QUERY);
        query
            .map(|value| String::from_utf8(value.to_vec()).unwrap())
            .collect::<Vec<_>>()
    };
    let written = register.to_request().unwrap();
    assert_eq!(
        query(&written),
        ["ep=dev1", "lt=86400", "lwm2m=1.0", "b=UQ"]
    );
    register.version = Lwm2mVersion::V1_1;
    let written = register.to_request().unwrap();
    assert_eq!(
        query(&written),
        ["ep=dev1", "lt=86400", "lwm2m=1.1", "b=U", "Q"]
    );

    register.version = Lwm2mVersion::V1_0;
    register.lifetime = Lifetime::INFINITE;
    assert_eq!(register.to_request().err(), Some(IllegalRequest::Version));
    register.lifetime = Lifetime::DEFAULT;
    register.endpoint = Some("x".repeat(253));
    assert_eq!(register.to_request().err(), Some(IllegalRequest::Endpoint));
    register.endpoint = Some("x".repeat(252));
    assert!(register.to_request().is_ok());
}

/// A client repeats whatever location it was given, whole and unchanged.
#[test]
fn foreign_locations() {
    let mut response = Response::new(Code::CREATED);
    for segment in ["rd", "a", "b c/d"] {
        response
            .options
            .insert(OptionNumber::LOCATION_PATH, segment.as_bytes())
            .unwrap();
    }
    response
        .options
        .insert(OptionNumber::LOCATION_QUERY, b"k=v")
        .unwrap();
    let Ok(RegisterAnswer::Created(location)) = RegisterAnswer::from_response(&response) else {
        panic!()
    };
    assert_eq!(
        (location.id(), location.to_string()),
        (None, "/rd/a/b c/d?k=v".to_owned())
    );
    let mut update = Update::new(location.clone());
    update.lifetime = Some(Lifetime::from_seconds(60));
    let request = update.to_request().unwrap();
    let options = request.options.as_options();
    let all = |number| options.all(number).map(<[u8]>::to_vec).collect::<Vec<_>>();
    assert_eq!(
        all(OptionNumber::URI_PATH),
        [b"rd".to_vec(), b"a".to_vec(), b"b c/d".to_vec()]
    );
    assert_eq!(
        all(OptionNumber::URI_QUERY),
        [b"k=v".to_vec(), b"lt=60".to_vec()]
    );
    assert_eq!(
        RegisterAnswer::Created(location).to_response().options,
        response.options
    );

    let nowhere = RegisterAnswer::from_response(&Response::new(Code::CREATED)).unwrap_err();
    assert_eq!(nowhere.problem, Problem::NoLocation);
    assert_eq!(Location::new(&[], &[]), None);
}

/// The closed lists of codes; anything else is said to be unexpected.
#[test]
fn answers() {
    let refused = |code| Response::new(code).payload("because");
    for (code, register, update, deregister) in [
        (Code::BAD_REQUEST, true, true, true),
        (Code::UNAUTHORIZED, false, false, false),
        (Code::FORBIDDEN, true, false, false),
        (Code::NOT_FOUND, false, true, true),
        (Code::METHOD_NOT_ALLOWED, false, false, false),
        (Code::CONFLICT, true, false, false),
        (Code::PRECONDITION_FAILED, true, false, false),
        (Code::UNSUPPORTED_CONTENT_FORMAT, false, false, false),
        (Code::INTERNAL_SERVER_ERROR, true, true, true),
        (Code::SERVICE_UNAVAILABLE, true, true, true),
        (Code::CONTENT, false, false, false),
        (Code::VALID, false, false, false),
        (Code::GET, false, false, false),
    ] {
        let response = refused(code);
        let expected = Refused::new(code, "because");
        match RegisterAnswer::from_response(&response) {
            Ok(answer) => assert!(register && answer == RegisterAnswer::Refused(expected.clone())),
            Err(error) => assert!(!register && error.code == code, "{code}"),
        }
        match UpdateAnswer::from_response(&response) {
            Ok(answer) => assert!(update && answer == UpdateAnswer::Refused(expected.clone())),
            Err(error) => assert!(!update && error.code == code, "{code}"),
        }
        match DeregisterAnswer::from_response(&response) {
            Ok(answer) => assert!(deregister && answer == DeregisterAnswer::Refused(expected)),
            Err(error) => assert!(!deregister && error.code == code, "{code}"),
        }
    }
    for answer in [
        UpdateAnswer::Changed,
        UpdateAnswer::Refused(Code::NOT_FOUND.into()),
    ] {
        assert_eq!(
            UpdateAnswer::from_response(&answer.to_response()),
            Ok(answer)
        );
    }
    let answer = DeregisterAnswer::Deleted;
    assert_eq!(
        DeregisterAnswer::from_response(&answer.to_response()),
        Ok(answer)
    );
    // A refusal goes out with its sentence, and an error is an error whatever its code says.
    let refusal = register(&["ep=a"], OBJECTS).unwrap_err();
    let response = RegisterAnswer::Refused((&refusal).into()).to_response();
    assert_eq!(
        response.payload.as_ref(),
        b"lwm2m: the enabler version is missing"
    );
    assert_eq!(
        Refused::from(Code::CONTENT).to_response().code,
        Code::INTERNAL_SERVER_ERROR
    );
}

#[test]
fn diagnostics_are_bounded() {
    let long = Response::new(Code::BAD_REQUEST).payload("é".repeat(40_000));
    let Ok(UpdateAnswer::Refused(refused)) = UpdateAnswer::from_response(&long) else {
        panic!()
    };
    assert!(refused.diagnostic.len() <= MAX_DIAGNOSTIC && refused.diagnostic.starts_with("éé"));
    let binary = Response::new(Code::NOT_FOUND).payload(vec![0xff; 2000]);
    let Ok(UpdateAnswer::Refused(refused)) = UpdateAnswer::from_response(&binary) else {
        panic!()
    };
    assert!(refused.diagnostic.len() <= MAX_DIAGNOSTIC);
    assert!(
        refused
            .diagnostic
            .chars()
            .all(|character| character == '\u{fffd}')
    );
}

#[test]
fn registration_ids() {
    for good in ["a", "5a3f", "A-_.~9", "01234567890123456789012345678901"] {
        assert_eq!(RegistrationId::new(good).unwrap().as_str(), good);
    }
    for bad in [
        "",
        ".",
        "..",
        "a/b",
        "a b",
        "é",
        "012345678901234567890123456789012",
        "%41",
    ] {
        assert!(RegistrationId::new(bad).is_err(), "{bad}");
    }
}
