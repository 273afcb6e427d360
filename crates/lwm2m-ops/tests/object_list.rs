//! Object lists: what a server reads out of the link format of a registration, and what a client
//! writes. Sources as in `registration.rs`; C15 is a client feature of Eclipse Leshan.

use coap_codec::{Code, ContentFormat, OptionNumber, Request};
use lwm2m_model::{Lwm2mVersion, Version};
use lwm2m_ops::{
    AdvertisedObject, DecodeContext, ObjectList, Operation, Quirk, Reason, Refusal, Register,
    Uplink, decode,
};

fn register(payload: &[u8], format: Option<ContentFormat>) -> Result<Register, Refusal> {
    let mut request = Request::new(Code::POST).payload(payload.to_vec());
    for (number, value) in [
        (OptionNumber::URI_PATH, "rd"),
        (OptionNumber::URI_QUERY, "ep=a"),
        (OptionNumber::URI_QUERY, "lwm2m=1.1"),
    ] {
        request.options.insert(number, value.as_bytes()).unwrap();
    }
    if let Some(format) = format {
        request = request.content_format(format);
    }
    match decode(&DecodeContext::registration(true), &request)? {
        Operation::Uplink(Uplink::Register(register)) => Ok(register),
        other => panic!("{other:?}"),
    }
}

/// (payload, root, formats, objects as text, quirks)
type Row = (
    &'static str,
    &'static str,
    &'static [u16],
    &'static str,
    &'static [Quirk],
);

fn check(rows: &[Row]) {
    for (payload, root, formats, objects, quirks) in rows {
        let list = ObjectList::parse(payload.as_bytes().to_vec()).expect(payload);
        assert_eq!(list.root, *root, "{payload}");
        let numbers: Vec<u16> = list.formats.iter().map(|format| format.0).collect();
        assert_eq!(numbers, *formats, "{payload}");
        assert_eq!(text(&list), *objects, "{payload}");
        let (mut found, mut expected) = (list.quirks.clone(), quirks.to_vec());
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{payload}");
    }
}

/// R19, R20, R21 and the examples of the specification.
#[test]
fn object_lists() {
    use Quirk::*;
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("</1/0>,</3/0>", "", &[], "1/0 3/0", &[]),
        ("</5>,</1/0>,</3/0>", "", &[], "1/0 3/0 5", &[]),
        ("</3303/1>,</3303/0>,</3303>", "", &[], "3303/0,1", &[]),
        ("</>;rt=\"oma.lwm2m\";ct=11543,</3/0>", "", &[11543], "3/0", &[]),
        ("</>;rt=\"oma.lwm2m\";ct=\"60 110 112\",</3/0>", "", &[60, 110, 112], "3/0", &[]),
        ("</>;ct=112,</3/0>", "", &[112], "3/0", &[]), // Zephyr: no rt
        ("</3/0>,</>;rt=oma.lwm2m;ct=110", "", &[110], "3/0", &[]), // anywhere in the list
        ("</lwm2m>;rt=\"oma.lwm2m\",</lwm2m/1/0>,</lwm2m/3/0>", "/lwm2m", &[], "1/0 3/0", &[]),
        ("</lwm2m/>;rt=\"oma.lwm2m\",</lwm2m/3/0>", "/lwm2m", &[], "3/0", &[TrailingSlash]),
        ("</a/b>;rt=\"x oma.lwm2m y\";ct=60,</a/b/3/0>,</3/1>", "/a/b", &[60], "3/0", &[ForeignLink]),
        ("</lwm2mx/1/0>,</lwm2m>;rt=\"oma.lwm2m\",</lwm2m/3/0>", "/lwm2m", &[], "3/0", &[ForeignLink]),
        ("</1>;rt=\"oma.lwm2m\",</3/0>", "", &[], "3/0", &[BadRoot]),
        ("</a/1>;rt=\"oma.lwm2m\",</3/0>", "", &[], "3/0", &[BadRoot]),
        ("</55>;ver=1.9,</55/0>", "", &[], "55v1.9/0", &[]),
        ("</55>;ver=\"1.9\",</55/0>", "", &[], "55v1.9/0", &[]), // 1.0 text: quoted
        ("</44/0>;ver=2.2", "", &[], "44v2.2/0", &[]),           // 1.2 example 3
        ("</44>;ver=2.1,</44/0>;ver=2.2", "", &[], "44v2.1/0", &[ConflictingVersion]),
        ("</44/0>;ver=2.2,</44>;ver=2.1", "", &[], "44v2.1/0", &[ConflictingVersion]),
        ("</44>;ver=2,</44/0>", "", &[], "44/0", &[BadObjectVersion]),
        ("</44>;ver,</44/0>", "", &[], "44/0", &[BadObjectVersion]),
        ("</0/0>,</1/0>,</21/0>,</3/0>", "", &[], "1/0 3/0", &[SecurityObject]),
        ("</3/0>,</3/0>,</3>,</3>", "", &[], "3/0", &[DuplicateLink]),
        ("</3/0/>,</1/>", "", &[], "1 3/0", &[TrailingSlash]),
        ("</3/0/1>,</3/0>", "", &[], "3/0", &[DeepLink]),
        ("</3/0>;title=\"a,b;c\";hb;x=\"\\\"\",</1/0>", "", &[], "1/0 3/0", &[]),
        ("</3/0>,</foo>,</.well-known/core>,<coap://h/3/1>", "", &[], "3/0", &[ForeignLink]),
        ("</65535/0>,</3/65535>,</65536>,</03/0>,</-1>,<//>,</3//0>,</5/0>", "", &[], "5/0", &[BadPath, TrailingSlash]),
    ];
    check(rows);
}

/// Lists with grammar faults that are met in the field: accepted, and said so.
#[test]
fn lenient_lists() {
    use Quirk::*;
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("</1/0>, </3/0>", "", &[], "1/0 3/0", &[Whitespace]),
        ("</1/0> ,\t</3/0>\r\n", "", &[], "1/0 3/0", &[Whitespace]),
        ("</1/0>,,</3/0>,", "", &[], "1/0 3/0", &[EmptyLink]),
        ("</lwm2m>;rt=\"oma.lwm2m\",</lwm2m /1/0>,</lwm2m/3/0>", "/lwm2m", &[], "3/0", &[TargetWhitespace, ForeignLink]),
        ("</>;ct=110,112,</3/0>", "", &[110, 112], "3/0", &[UnquotedList]),
        ("</>;ct=60 110,</3/0>", "", &[60, 110], "3/0", &[UnquotedList]),
        ("</>;ct=\"110,112\",</3/0>", "", &[110, 112], "3/0", &[CommaInList]),
        ("</>;ct=110;ct=112,</3/0>", "", &[110], "3/0", &[DuplicateAttribute]), // the first one counts
        ("</>;ct=\"x 110 99999\",</3/0>", "", &[110], "3/0", &[BadFormats]),
    ];
    check(rows);
}

/// K16 and L16: the link format of a registration from a hostile client.
#[test]
fn hostile_k16_l16_lists() {
    for payload in [
        "<",
        "</3/0",
        "</3/0>;",
        "</3/0>;ct=\"",
        "</3/0>,",
        "3/0",
        "</3/0>x",
        "\u{0}",
    ] {
        if let Err(refusal) = ObjectList::parse(payload.as_bytes().to_vec()) {
            assert_eq!(
                (refusal.code, refusal.reason),
                (Code::BAD_REQUEST, Reason::BadLinkFormat)
            );
            assert!(
                refusal.offset.is_some_and(|at| at <= payload.len()),
                "{payload}"
            );
        }
    }
    let list = ObjectList::parse("</foo>;param=<,</bar>;param=>").unwrap();
    assert!(list.objects.is_empty());
    let list = ObjectList::parse(r#"</3/0>;a="a\\\"b",</1/0>;ver=1.1"#).unwrap();
    assert_eq!(text(&list), "1v1.1/0 3/0");
    for (payload, code, reason) in [
        ("<".repeat(65_536), Code::BAD_REQUEST, Reason::BadLinkFormat),
        (
            "\"".repeat(65_536),
            Code::BAD_REQUEST,
            Reason::BadLinkFormat,
        ),
        (
            "</3/0>,".repeat(10_000),
            Code::REQUEST_ENTITY_TOO_LARGE,
            Reason::PayloadTooLarge,
        ),
        (
            "</3/0>,".repeat(4_097),
            Code::REQUEST_ENTITY_TOO_LARGE,
            Reason::TooManyLinks,
        ),
    ] {
        let refusal = register(payload.as_bytes(), Some(ContentFormat::LINK)).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.reason),
            (code, reason),
            "{}",
            &payload[..8]
        );
    }
    let most: Vec<String> = (0..4096)
        .map(|n| format!("</{}/{n}>", 100 + n % 50))
        .collect();
    let list = ObjectList::parse(most.join(",")).unwrap();
    assert_eq!(
        list.objects
            .iter()
            .map(|object| object.instances.len())
            .sum::<usize>(),
        4096
    );
    let refusal = register(b"</3/0>,</\xff>", Some(ContentFormat::LINK)).unwrap_err();
    assert_eq!((refusal.code, refusal.offset), (Code::BAD_REQUEST, Some(9)));
    // Many links of one fault leave one quirk.
    assert_eq!(
        ObjectList::parse("</foo>,".repeat(4000) + "</3/0>")
            .unwrap()
            .quirks
            .len(),
        1
    );
}

/// R1: the format is not checked.
#[test]
fn unlabelled_lists() {
    for format in [None, Some(ContentFormat::TEXT)] {
        let read = register(b"</1/0>,</3/0>", format).unwrap();
        assert_eq!(read.objects.quirks, [Quirk::ListFormat]);
    }
}

fn text(list: &ObjectList) -> String {
    let object = |object: &AdvertisedObject| {
        let version = object
            .version
            .map(|version| format!("v{version}"))
            .unwrap_or_default();
        let ids: Vec<String> = object.instances.iter().map(u16::to_string).collect();
        let slash = if ids.is_empty() { "" } else { "/" };
        format!("{}{version}{slash}{}", object.id, ids.join(","))
    };
    list.objects
        .iter()
        .map(object)
        .collect::<Vec<_>>()
        .join(" ")
}

/// R20, R21: versions and formats that are not said.
#[test]
fn implied_versions_and_formats() {
    let list = ObjectList::parse("</>;ct=112,</1/0>,</4>;ver=1.1,</4/0>,</3303/0>").unwrap();
    let version = |object, enabler| list.version_of(object, enabler).to_string();
    assert_eq!(version(1, Lwm2mVersion::V1_0), "1.0");
    assert_eq!(version(1, Lwm2mVersion::V1_1), "1.1");
    assert_eq!(version(4, Lwm2mVersion::V1_2), "1.1"); // said
    assert_eq!(version(3303, Lwm2mVersion::V1_2), "1.0");
    let formats = |enabler| {
        list.supported_formats(enabler)
            .map(|f| f.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(formats(Lwm2mVersion::V1_0), [11542, 0, 42, 112]);
    assert_eq!(formats(Lwm2mVersion::V1_1), [0, 42, 40, 112]);
    assert!(list.supports(Lwm2mVersion::V1_0, ContentFormat::TLV));
    assert!(!list.supports(Lwm2mVersion::V1_1, ContentFormat::TLV));
}

/// C15: what a client writes.
#[test]
fn written_lists() {
    let mut list = ObjectList::new()
        .with(3, None, &[0])
        .with(0, None, &[0, 1])
        .with(21, None, &[0])
        .with(1, None, &[0])
        .with(55, Some(Version::new(1, 9)), &[1, 0])
        .with(5, None, &[]);
    assert_eq!(
        list.to_link_format(),
        "</>;rt=\"oma.lwm2m\",</1/0>,</3/0>,</5>,</55>;ver=1.9,</55/0>,</55/1>"
    );
    list.formats = vec![ContentFormat::CBOR, ContentFormat::SENML_CBOR];
    list.root = "/lwm2m".into();
    let written = list.to_link_format();
    assert!(written.starts_with("</lwm2m>;rt=\"oma.lwm2m\";ct=\"60 112\",</lwm2m/1/0>"));
    assert_eq!(ObjectList::parse(written), Ok(list));
}
