//! Device management and reporting: what a client makes of a server's request, what a server
//! makes of the answer, and which requests cannot be built.
//!
//! Sources: LwM2M 1.0 to 1.2 core (Device Management & Service Enablement, Information
//! Reporting), this project's rulings, D and I rows of the features of Eclipse Leshan, K rows of
//! hostile inputs known from other implementations.

use coap_codec::{Code, ContentFormat, Message, OptionNumber, Request, Response};
use lwm2m_model::{Level, Path, PathErrorKind, path};
use lwm2m_ops::{
    Arguments, ArgumentsErrorKind, Cancel, Create, DecodeContext, Delete, Discover, Downlink,
    Execute, Facts, IllegalRequest, NoFacts, Notification, Observe, Operation, Problem, Read,
    Reason, Refusal, Refused, Reply, Write, WriteMode, decode, decode_response, encode_reply,
};

/// Knows /3/0/4 (Reboot) as executable.
struct Reboot;

impl Facts for Reboot {
    fn is_executable(&self, path: &Path) -> bool {
        *path == path!(3, 0, 4)
    }
}

fn request(method: Code, path: &str) -> Request {
    let mut request = Request::new(method);
    for segment in path.split('/').skip(1).filter(|_| path != "/") {
        request
            .options
            .insert(OptionNumber::URI_PATH, segment.as_bytes())
            .unwrap();
    }
    request
}

fn serve_under(root: &str, request: &Request) -> Result<Downlink, Refusal> {
    match decode(
        &DecodeContext::device_management(root, &Reboot, true),
        request,
    )? {
        Operation::Downlink(downlink) => Ok(downlink),
        other => panic!("{other:?}"),
    }
}

fn serve(request: &Request) -> Result<Downlink, Refusal> {
    serve_under("", request)
}

fn refused(request: &Request) -> (Code, Reason) {
    let refusal = serve(request).expect_err("refused");
    (refusal.code, refusal.reason)
}

const LEVELS: [Path; 5] = [
    Path::ROOT,
    path!(3),
    path!(3, 0),
    path!(3, 0, 7),
    path!(3, 0, 7, 1),
];
const TLV: ContentFormat = ContentFormat::TLV;
const TEXT: ContentFormat = ContentFormat::TEXT;

/// From the bytes of a datagram, as an endpoint would hand it over.
fn from_datagram(hex: &str) -> Request {
    let bytes = |byte| u8::from_str_radix(byte, 16).unwrap();
    let datagram: Vec<u8> = hex.split_whitespace().map(bytes).collect();
    let message = Message::decode(&datagram).unwrap();
    let mut request = Request::new(message.code()).payload(message.payload().to_vec());
    for option in message.options() {
        request.options.insert(option.number, option.value).unwrap();
    }
    request
}

/// Worked messages: Observe of /3/0/9 as TLV, a notification, the end.
#[test]
fn worked_datagrams() {
    let observe = Observe::new(path!(3, 0, 9), Some(TLV)).unwrap();
    let request = from_datagram("41 01 20 01 42 60 51 33 01 30 01 39 62 2D 16");
    assert_eq!(serve(&request), Ok(observe.clone().into()));
    assert_eq!(observe.to_request("").unwrap().options, request.options);

    let notification = from_datagram("41 45 70 01 42 61 0C 62 2D 16 FF C1 09 64");
    let mut response = Response::new(Code::CONTENT).payload(notification.payload);
    response.options = notification.options;
    let Ok(Notification::Content { format, payload }) = Notification::from_response(&response)
    else {
        panic!()
    };
    assert_eq!(
        (format, payload.as_ref()),
        (Some(TLV), &[0xc1, 0x09, 0x64][..])
    );

    let request = from_datagram("41 01 20 02 42 61 01 51 33 01 30 01 39");
    let observe = Observe::new(path!(3, 0, 9), None).unwrap();
    assert_eq!(serve(&request), Ok(Cancel::new(&observe).into()));
    assert_eq!(
        Cancel::new(&observe).to_request("").unwrap().options,
        request.options
    );
}

/// LwM2M Core, device management §0: at which levels an operation exists. D1–D9, I1.
#[test]
fn levels() {
    let tlv = |path, mode| Write::new(path, mode, TLV, "").map(Downlink::from);
    type Build<'a> = &'a dyn Fn(Path) -> Result<Downlink, IllegalRequest>;
    #[rustfmt::skip]
    let rows: [(&str, Build<'_>, [bool; 5]); 7] = [
        ("read", &|p| Read::new(p, None).map(Into::into), [false, true, true, true, true]),
        ("discover", &|p| Discover::new(p).map(Into::into), [false, true, true, true, false]),
        ("replace", &|p| tlv(p, WriteMode::Replace), [false, false, true, true, true]),
        ("partial", &|p| tlv(p, WriteMode::Partial), [false, false, true, true, false]),
        ("execute", &|p| Execute::new(p, Arguments::NONE).map(Into::into), [false, false, false, true, false]),
        ("delete", &|p| Delete::new(p).map(Into::into), [false, false, true, false, true]),
        ("observe", &|p| Observe::new(p, None).map(Into::into), [false, true, true, true, true]),
    ];
    for (name, build, legal) in rows {
        for (path, legal) in LEVELS.into_iter().zip(legal) {
            match build(path) {
                Ok(downlink) => {
                    assert!(legal, "{name} {path}");
                    assert_eq!(downlink.path(), path);
                    // What can be built is understood as the same.
                    let sent = downlink.to_request("/alt").unwrap();
                    assert_eq!(serve_under("/alt", &sent), Ok(downlink), "{name} {path}");
                }
                Err(error) => {
                    assert!(!legal, "{name} {path}");
                    assert_eq!(error, IllegalRequest::Level(path.level()));
                }
            }
        }
    }
    let create = Downlink::from(Create::empty(3).unwrap());
    assert_eq!(serve(&create.to_request("").unwrap()), Ok(create));
}

#[test]
fn illegal_requests_are_not_built() {
    assert_eq!(
        Read::new(path!(3), Some(ContentFormat::LINK)).err(),
        Some(IllegalRequest::AcceptIsDiscover)
    );
    for format in [TEXT, ContentFormat::OPAQUE, ContentFormat::CBOR] {
        let single = Some(IllegalRequest::SingleValueFormat);
        assert_eq!(
            Write::new(path!(3, 0), WriteMode::Replace, format, "").err(),
            single
        ); // D5
        assert_eq!(
            Write::new(path!(3, 0, 7), WriteMode::Partial, format, "").err(),
            single
        );
        assert_eq!(Create::new(3, format, "").err(), single);
        assert!(Write::new(path!(3, 0, 7), WriteMode::Replace, format, "").is_ok());
    }
    let Err(IllegalRequest::Path(error)) = Create::empty(u16::MAX) else {
        panic!()
    };
    assert_eq!(error.kind, PathErrorKind::ReservedId); // ruling 31
    let discover = Discover::new(path!(3)).unwrap();
    assert_eq!(
        discover.clone().with_depth(4).err(),
        Some(IllegalRequest::Depth)
    );
    assert_eq!(discover.with_depth(3).unwrap().depth(), Some(3));
    let read = Read::new(path!(3), None).unwrap();
    for root in ["lwm2m", "/", "/a/", "/1", "/a/2", "//", "/a//b"] {
        assert_eq!(
            read.to_request(root).err(),
            Some(IllegalRequest::Root),
            "{root}"
        );
    }
    assert_eq!(
        read.to_request(&format!("/{}", "x".repeat(256))).err(),
        Some(IllegalRequest::Root)
    );
}

/// Requests at levels where no operation exists: 4.05 (LwM2M Core, device management §0).
#[test]
fn wrong_levels() {
    let body = |request: Request| request.content_format(TLV).payload(vec![0xc1, 1, 1]);
    let rows = [
        request(Code::GET, "/"),
        request(Code::GET, "/3/0/7/1").accept(ContentFormat::LINK),
        request(Code::GET, "/").accept(ContentFormat::LINK),
        request(Code::GET, "/").observe(0),
        body(request(Code::PUT, "/")),
        body(request(Code::PUT, "/3")),
        body(request(Code::POST, "/")),
        body(request(Code::POST, "/3/0/7/1")),
        request(Code::DELETE, "/"),
        request(Code::DELETE, "/3"),
        request(Code::DELETE, "/3/0/7"),
    ];
    for request in rows {
        assert_eq!(
            refused(&request),
            (Code::METHOD_NOT_ALLOWED, Reason::WrongLevel),
            "{request:?}"
        );
    }
}

/// The same method and path are different operations (LwM2M Core, device management §0).
#[test]
fn told_apart() {
    let name = |request: &Request| serve(request).map(|downlink| downlink.name());
    let rows = [
        ("read", request(Code::GET, "/3/0")),
        ("read", request(Code::GET, "/3/0").accept(TLV)),
        ("read", request(Code::GET, "/3/0").observe(2)), // RFC 7641 §2: not understood, ignored
        (
            "discover",
            request(Code::GET, "/3/0").accept(ContentFormat::LINK),
        ),
        (
            "discover",
            request(Code::GET, "/3/0")
                .accept(ContentFormat::LINK)
                .observe(0),
        ),
        ("observe", request(Code::GET, "/3/0").observe(0).accept(TLV)),
        ("cancel", request(Code::GET, "/3/0").observe(1)),
        (
            "write",
            request(Code::PUT, "/3/0/14")
                .content_format(TEXT)
                .payload("+02:00"),
        ),
        ("write", request(Code::PUT, "/3/0/14").content_format(TEXT)), // the empty text
        ("write", request(Code::POST, "/3/0").content_format(TLV)),
        (
            "write",
            request(Code::POST, "/3/0/7")
                .content_format(TLV)
                .payload(vec![0x41, 1, 1]),
        ),
        ("execute", request(Code::POST, "/3/0/4")),
        (
            "execute",
            request(Code::POST, "/3/0/4")
                .content_format(TEXT)
                .payload("5"),
        ),
        ("execute", request(Code::POST, "/3/0/4").payload("0='U'")),
        ("execute", request(Code::POST, "/3/0/7")), // whether it can be is for the tree to say
        ("create", request(Code::POST, "/3").content_format(TLV)),
        ("create", request(Code::POST, "/3")),
        ("delete", request(Code::DELETE, "/3303/1")),
        ("delete", request(Code::DELETE, "/3/0/7/1")), // 1.2
    ];
    for (expected, request) in rows {
        assert_eq!(name(&request), Ok(expected), "{request:?}");
    }
}

/// (code, reason, request)
#[test]
fn refused_requests() {
    use Reason as R;
    let (bad, not_allowed, not_found) =
        (Code::BAD_REQUEST, Code::METHOD_NOT_ALLOWED, Code::NOT_FOUND);
    let query = |request: Request, argument: &str| request.query(argument);
    #[rustfmt::skip]
    let rows = [
        // PUT with neither value nor attributes; with attributes: Write-Attributes, not offered.
        (bad, R::EmptyWrite, request(Code::PUT, "/3/0/14")),
        (not_allowed, R::NotSupported, query(request(Code::PUT, "/3/0/9"), "pmin=10")),
        // "the Content-Format MUST be specified"
        (bad, R::MissingContentFormat, request(Code::PUT, "/3/0/14").payload("x")),
        (bad, R::MissingContentFormat, request(Code::POST, "/3/0").payload("x")),
        (bad, R::MissingContentFormat, request(Code::POST, "/3").payload("x")),
        (bad, R::UnexpectedQuery, query(request(Code::PUT, "/3/0/14").content_format(TEXT), "pmin=1")),
        (bad, R::UnexpectedQuery, query(request(Code::GET, "/3/0"), "x")),
        // 1.2 observation attributes: a client without them must reject.
        (bad, R::UnexpectedQuery, query(request(Code::GET, "/3/0").observe(0), "pmin=1")),
        (bad, R::UnexpectedQuery, query(request(Code::POST, "/3/0/4"), "0=U")),
        (bad, R::UnexpectedQuery, query(request(Code::DELETE, "/3303/0"), "x=1")),
        (bad, R::BadDepth, query(request(Code::GET, "/3").accept(ContentFormat::LINK), "depth=4")),
        (bad, R::BadDepth, query(request(Code::GET, "/3").accept(ContentFormat::LINK), "depth=")),
        // Execute arguments in another format, on an executable resource.
        (bad, R::ArgumentsFormat, request(Code::POST, "/3/0/4") .content_format(TLV) .payload("5")),
        (bad, R::ArgumentsFormat, request(Code::POST, "/3/0/4").content_format(ContentFormat::OPAQUE)),
        (bad, R::BadArguments, request(Code::POST, "/3/0/4").payload("10")),
        (bad, R::BadArguments, request(Code::POST, "/3/0/4").payload(vec![0x30, 0xff])),
        // Composite operations are not offered; other methods do not exist (ruling 32).
        (not_allowed, R::NotSupported, request(Code::FETCH, "/")),
        (not_allowed, R::NotSupported, request(Code::IPATCH, "/")),
        (not_allowed, R::MethodNotAllowed, request(Code::PATCH, "/3/0")),
        (not_allowed, R::MethodNotAllowed, request(Code(0x08), "/3/0")),
        (not_allowed, R::MethodNotAllowed, request(Code(0x1f), "/3/0")),
        // Not an LwM2M path at all.
        (not_found, R::NotFound, request(Code::GET, "/.well-known/core")),
        (not_found, R::NotFound, request(Code::POST, "/bs")),
        (not_found, R::NotFound, request(Code::GET, "/lwm2m/3/0")),
    ];
    for (code, reason, request) in rows {
        assert_eq!(refused(&request), (code, reason), "{request:?}");
    }
    let mut if_match = request(Code::PUT, "/3/0/14").content_format(TEXT);
    if_match
        .options
        .insert(OptionNumber::IF_MATCH, b"")
        .unwrap();
    assert_eq!(refused(&if_match), (Code::BAD_OPTION, Reason::BadOption));
    let mut twice = request(Code::GET, "/3/0").accept(TLV);
    twice.options.insert_uint(OptionNumber::ACCEPT, 0);
    assert_eq!(refused(&twice), (Code::BAD_OPTION, Reason::BadOption)); // RFC 7252 §5.4.5
}

/// K17 and ruling 31: path text from a hostile server.
#[test]
fn hostile_k17_paths() {
    for path in [
        "/65535",
        "/65535/0",
        "/3/65535",
        "/3/0/65535",
        "/3/0/1/65535",
        "/65536",
        "/-1",
        "//",
        "/3/0/1/2/3",
        "/03",
        "/3/00",
        "/3/",
        "/3//1",
        "/3/0/+1",
        "/3/0/ 1",
        "/3/%2e%2e",
        "/3/..",
        "/99999999999999999999",
        "/3/٣",
        "/3/0x1",
        "/1e3",
    ] {
        for method in [Code::GET, Code::PUT, Code::POST, Code::DELETE] {
            let refusal = refused(&request(method, path));
            assert_eq!(
                refusal,
                (Code::BAD_REQUEST, Reason::BadPath),
                "{method} {path}"
            );
        }
    }
    for path in [
        "/%2e%2e",
        "/..",
        "/../3",
        "/etc/passwd",
        "/\u{202e}3",
        "/+3",
        "/ 3",
    ] {
        let refusal = refused(&request(Code::GET, path));
        assert_eq!(refusal, (Code::NOT_FOUND, Reason::NotFound), "{path}");
    }
    let mut binary = Request::new(Code::GET);
    binary.options.insert(OptionNumber::URI_PATH, b"3").unwrap();
    binary
        .options
        .insert(OptionNumber::URI_PATH, b"\xff\xfe")
        .unwrap();
    assert_eq!(refused(&binary), (Code::BAD_REQUEST, Reason::NotUtf8));
}

/// R28: objects under an alternate path.
#[test]
fn alternate_path() {
    let read = Downlink::from(Read::new(path!(3, 0), None).unwrap());
    for root in ["", "/lwm2m", "/a/b"] {
        let sent = read.to_request(root).unwrap();
        let path: Vec<_> = sent
            .options
            .as_options()
            .uri_path()
            .map(Result::unwrap)
            .collect();
        assert_eq!(format!("/{}", path.join("/")), format!("{root}/3/0"));
        assert_eq!(serve_under(root, &sent), Ok(read.clone()));
        for other in ["/lwm2", "/lwm2m/x", "/b"] {
            let refusal = serve_under(other, &sent).unwrap_err();
            assert_eq!(
                (refusal.code, refusal.reason),
                (Code::NOT_FOUND, Reason::NotFound)
            );
        }
    }
}

/// LwM2M Core, device management §5 and D7: valid and invalid argument lists.
#[test]
fn arguments() {
    type Row = (&'static str, &'static [(u8, Option<&'static str>)]);
    #[rustfmt::skip]
    let valid: &[Row] = &[
        ("", &[]),
        ("  ", &[]),
        ("5", &[(5, None)]),
        ("2='10.3'", &[(2, Some("10.3"))]),
        ("0,1,2,3,4", &[(0, None), (1, None), (2, None), (3, None), (4, None)]),
        ("0='U'", &[(0, Some("U"))]),
        ("0=''", &[(0, Some(""))]),
        ("7, 0=' <https://example.org>'", &[(7, None), (0, Some(" <https://example.org>"))]),
        (" 1 = 'a,b' , 2 ", &[(1, Some("a,b")), (2, None)]),
        ("9='!#$%&()*+-./:;<=>?@[]^_`{|}~'", &[(9, Some("!#$%&()*+-./:;<=>?@[]^_`{|}~"))]),
    ];
    for (text, expected) in valid {
        let read = Arguments::parse(text).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), *expected, "{text}");
        assert_eq!(Arguments::parse(&read.to_string()), Ok(read), "{text}");
    }
    use ArgumentsErrorKind::{Repeated, Syntax};
    let invalid = [
        ("10", 1, Syntax),
        ("0=5", 2, Syntax),
        (",1", 0, Syntax),
        ("1,", 2, Syntax),
        ("1='a", 4, Syntax),
        ("1=", 2, Syntax),
        ("1='a'b", 5, Syntax),
        ("1='a\"b'", 4, Syntax),
        ("1='a\\b'", 4, Syntax),
        ("1='é'", 3, Syntax),
        ("1='a\n'", 4, Syntax),
        ("a", 0, Syntax),
        ("-1", 0, Syntax),
        ("٣", 0, Syntax),
        ("1,,2", 2, Syntax),
        ("1;2", 1, Syntax),
        ("1,2,1", 4, Repeated(1)),
        ("1='a',1='a'", 6, Repeated(1)),
    ];
    for (text, offset, kind) in invalid {
        let error = Arguments::parse(text).unwrap_err();
        assert_eq!((error.offset, error.kind), (offset, kind), "{text}");
        let sent = request(Code::POST, "/3/0/4").payload(text);
        let refusal = serve(&sent).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.reason),
            (Code::BAD_REQUEST, Reason::BadArguments)
        );
        assert_eq!(refusal.offset, Some(offset));
    }
    let built = Arguments::NONE
        .with_value(0, "U")
        .unwrap()
        .with_flag(5)
        .unwrap();
    assert_eq!(built.to_string(), "0='U',5");
    assert!(built.clone().with_flag(5).is_err() && built.clone().with_flag(10).is_err());
    assert_eq!(built.with_value(1, "it's").unwrap_err().offset, 2);
    // Megabytes of arguments are refused at the eleventh at the latest.
    assert!(Arguments::parse(&"1,".repeat(500_000)).is_err());
    assert!(Arguments::parse(&" ".repeat(1_000_000)).is_ok());
}

fn operations() -> Vec<Downlink> {
    let observe = Observe::new(path!(3, 0, 9), None).unwrap();
    vec![
        Read::new(path!(3, 0), None).unwrap().into(),
        Discover::new(path!(3)).unwrap().into(),
        Write::new(path!(3, 0), WriteMode::Replace, TLV, "")
            .unwrap()
            .into(),
        Execute::new(path!(3, 0, 4), Arguments::NONE)
            .unwrap()
            .into(),
        Create::empty(3303).unwrap().into(),
        Delete::new(path!(3303, 0)).unwrap().into(),
        Cancel::new(&observe).into(),
        observe.into(),
    ]
}

/// The closed lists of LwM2M Core, device management and 04 §1, D15. Rows: code, and the operations that have it.
#[test]
fn response_codes() {
    let all = "read discover write execute create delete cancel observe";
    let rows = [
        (Code::CONTENT, "read discover cancel observe"),
        (Code::CHANGED, "write execute"),
        (Code::CREATED, "create"),
        (Code::DELETED, "delete"),
        (Code::VALID, ""),
        (Code::CONTINUE, ""),
        (Code::BAD_REQUEST, all),
        (Code::UNAUTHORIZED, all),
        (Code::BAD_OPTION, ""),
        (Code::FORBIDDEN, ""),
        (Code::NOT_FOUND, all),
        (Code::METHOD_NOT_ALLOWED, all),
        (Code::NOT_ACCEPTABLE, "read write create cancel observe"),
        (Code::REQUEST_ENTITY_INCOMPLETE, "write create"),
        (Code::CONFLICT, ""),
        (Code::PRECONDITION_FAILED, ""),
        (Code::REQUEST_ENTITY_TOO_LARGE, "write create"),
        (Code::UNSUPPORTED_CONTENT_FORMAT, "write create"),
        (Code::INTERNAL_SERVER_ERROR, all),
        (Code::NOT_IMPLEMENTED, all),
        (Code::SERVICE_UNAVAILABLE, all),
        (Code::EMPTY, ""),
        (Code::GET, ""),
        (Code(0xe2), ""), // 7.02
    ];
    for (code, having) in rows {
        for operation in operations() {
            let response = Response::new(code).payload("why");
            let listed = having.split(' ').any(|name| name == operation.name());
            match decode_response(&operation, &response) {
                Ok(reply) => {
                    assert!(listed, "{} {code}", operation.name());
                    assert_eq!(reply.code(), code);
                    if let Reply::Refused(refused) = &reply {
                        assert_eq!(refused.diagnostic, "why");
                    }
                    let again = encode_reply(&operation, &reply);
                    assert_eq!(decode_response(&operation, &again), Ok(reply));
                }
                Err(error) => {
                    assert!(!listed, "{} {code}", operation.name());
                    assert_eq!((error.code, error.problem), (code, Problem::Code));
                    assert_eq!(error.diagnostic.is_empty(), !code.is_error());
                }
            }
        }
    }
}

#[test]
fn replies_that_do_not_fit_go_out_as_5_00() {
    let replies = [
        Reply::content(TLV, ""),
        Reply::Changed,
        Reply::Created(None),
        Reply::Deleted,
    ];
    for operation in operations() {
        let fitting = replies.iter().filter(|reply| {
            let response = encode_reply(&operation, reply);
            assert!(response.code == reply.code() || response.code == Code::INTERNAL_SERVER_ERROR);
            response.code == reply.code()
        });
        assert_eq!(fitting.count(), 1, "{}", operation.name());
        let liar = Reply::Refused(Refused::from(Code::CONTENT));
        assert_eq!(
            encode_reply(&operation, &liar).code,
            Code::INTERNAL_SERVER_ERROR
        );
    }
}

/// D8: with a location, without, below an alternate path; and ones that make no sense.
#[test]
fn created_where() {
    let create = Downlink::from(Create::empty(3303).unwrap());
    for (location, expected) in [
        ("", Ok(None)),
        ("3303/5", Ok(Some(path!(3303, 5)))),
        ("lwm2m/3303/5", Ok(Some(path!(3303, 5)))),
        ("3303", Err(Problem::BadLocation)),
        ("3304/5", Err(Problem::BadLocation)),
        ("3303/65535", Err(Problem::BadLocation)),
        ("3303/5/1", Err(Problem::BadLocation)),
        ("rd/x", Err(Problem::BadLocation)),
        ("../../x", Err(Problem::BadLocation)),
    ] {
        let mut response = Response::new(Code::CREATED);
        for segment in location.split('/').filter(|_| !location.is_empty()) {
            response
                .options
                .insert(OptionNumber::LOCATION_PATH, segment.as_bytes())
                .unwrap();
        }
        let reply = decode_response(&create, &response);
        assert_eq!(
            reply.map_err(|error| error.problem),
            expected.map(Reply::Created),
            "{location}"
        );
    }
}

/// 2.05 without payload and without format is legal; ruling 27: another format than asked for is
/// the payload decoder's business.
#[test]
fn contents() {
    let read = Downlink::from(Read::new(path!(3), Some(TLV)).unwrap());
    let empty = decode_response(&read, &Response::new(Code::CONTENT)).unwrap();
    assert_eq!(
        empty,
        Reply::Content {
            format: None,
            payload: Vec::new().into()
        }
    );
    let other = Response::new(Code::CONTENT)
        .content_format(TEXT)
        .payload("1");
    assert_eq!(
        decode_response(&read, &other),
        Ok(Reply::content(TEXT, "1"))
    );
}

/// Ruling 19, I5: an error ends the observation, anything unknown does not.
#[test]
fn notifications() {
    let value = Notification::Content {
        format: Some(TEXT),
        payload: "21.5".into(),
    };
    assert_eq!(Notification::from_response(&value.to_response()), Ok(value));
    for code in [
        Code::NOT_FOUND,
        Code::FORBIDDEN,
        Code::CONFLICT,
        Code::INTERNAL_SERVER_ERROR,
    ] {
        let response = Response::new(code).payload("gone");
        let ended = Notification::Ended(Refused::new(code, "gone"));
        assert_eq!(Notification::from_response(&response), Ok(ended.clone()));
        assert_eq!(ended.to_response().code, code);
    }
    for code in [Code::VALID, Code::CHANGED, Code::EMPTY, Code::GET] {
        assert_eq!(
            Notification::from_response(&Response::new(code))
                .unwrap_err()
                .code,
            code
        );
    }
}

#[test]
fn a_tree_that_is_not_known() {
    let write = request(Code::POST, "/3/0/4").content_format(TLV);
    let cx = DecodeContext::device_management("", &NoFacts, false);
    let operation = decode(&cx, &write).unwrap();
    assert!(matches!(operation, Operation::Downlink(Downlink::Write(_))));
    assert_eq!(LEVELS.map(|path| path.level().depth()), [0, 1, 2, 3, 4]);
    assert_eq!(LEVELS.map(|path| path.level()).first(), Some(&Level::Root));
}
