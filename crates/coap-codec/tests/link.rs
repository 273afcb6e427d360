//! RFC 6690 documents: those of the RFCs and of OMA, and those that devices send.
#![cfg(feature = "alloc")]

use coap_codec::link::{LinkWriter, Links, Quirk, TextBuf};
use coap_codec::{DecodeErrorKind, EncodeError};

use DecodeErrorKind::{Truncated, Unexpected};
use Quirk::*;

/// (target, attributes as `name`, `name=bare` or `name="quoted"`)
type Expected = &'static [(&'static str, &'static [&'static str])];

/// (where it comes from, document, links, quirks)
type Row = (&'static str, &'static str, Expected, &'static [Quirk]);

const DOCUMENTS: &[Row] = &[
    ("an empty list", "", &[], &[]),
    (
        "RFC 6690 §5",
        "</sensors>;ct=40;title=\"Sensor Index\",</sensors/temp>;rt=\"temperature-c\";if=\"sensor\",\
         <http://www.example.com/sensors/t123>;anchor=\"/sensors/temp\";rel=\"describedby\",\
         </t>;anchor=\"/sensors/temp\";rel=\"alternate\"",
        &[
            ("/sensors", &["ct=40", "title=\"Sensor Index\""]),
            ("/sensors/temp", &["rt=\"temperature-c\"", "if=\"sensor\""]),
            (
                "http://www.example.com/sensors/t123",
                &["anchor=\"/sensors/temp\"", "rel=\"describedby\""],
            ),
            ("/t", &["anchor=\"/sensors/temp\"", "rel=\"alternate\""]),
        ],
        &[],
    ),
    (
        "RFC 6690 §5: two members in rt",
        "</sensors/light>;rt=\"light-lux core.sen-light\";if=\"sensor\"",
        &[(
            "/sensors/light",
            &["rt=\"light-lux core.sen-light\"", "if=\"sensor\""],
        )],
        &[],
    ),
    (
        "LwM2M 1.1 Register",
        "</>;rt=\"oma.lwm2m\";ct=\"60 110 112\",</1>;ver=1.1,</1/0>,</3/0>,</5>",
        &[
            ("/", &["rt=\"oma.lwm2m\"", "ct=\"60 110 112\""]),
            ("/1", &["ver=1.1"]),
            ("/1/0", &[]),
            ("/3/0", &[]),
            ("/5", &[]),
        ],
        &[],
    ),
    (
        "LwM2M 1.0 shows versions both quoted and bare",
        "</44>;ver=\"1.9\",</55>;ver=1.9",
        &[("/44", &["ver=\"1.9\""]), ("/55", &["ver=1.9"])],
        &[],
    ),
    (
        "LwM2M Discover",
        "</3/0>;pmin=10;pmax=60,</3/0/7>;dim=8;gt=50;lt=42.2,</3/0/8>;obs",
        &[
            ("/3/0", &["pmin=10", "pmax=60"]),
            ("/3/0/7", &["dim=8", "gt=50", "lt=42.2"]),
            ("/3/0/8", &["obs"]),
        ],
        &[],
    ),
    (
        "delimiters inside quotes",
        "</0/0>;uri=\"coaps://a,b;c>\";ssid=101,</1/0>",
        &[
            ("/0/0", &["uri=\"coaps://a,b;c>\"", "ssid=101"]),
            ("/1/0", &[]),
        ],
        &[],
    ),
    (
        "OMA examples have blanks after commas",
        "</1/0>, </2/0>,\r\n </3/0> ; ver = 1.1 ,</4/0>\n",
        &[
            ("/1/0", &[]),
            ("/2/0", &[]),
            ("/3/0", &["ver=1.1"]),
            ("/4/0", &[]),
        ],
        &[Whitespace],
    ),
    (
        "OMA bootstrap examples end with a slash",
        "</3/0/>,</>",
        &[("/3/0/", &[]), ("/", &[])],
        &[TrailingSlash],
    ),
    (
        "OMA 1.0 typing error",
        "</lwm2m /1/0>",
        &[("/lwm2m /1/0", &[])],
        &[TargetWhitespace],
    ),
    (
        "commas outside quotes",
        "</>;ct=110,112;rt=\"oma.lwm2m\",</3/0>",
        &[("/", &["ct=110,112", "rt=\"oma.lwm2m\""]), ("/3/0", &[])],
        &[UnquotedList],
    ),
    (
        "blanks outside quotes",
        "</>;ct=60 110;hb,</3/0>",
        &[("/", &["ct=60 110", "hb"]), ("/3/0", &[])],
        &[UnquotedList],
    ),
    (
        "a comma at the end",
        "</3/0>,",
        &[("/3/0", &[])],
        &[EmptyLink],
    ),
    (
        "a comma at the start",
        ",</3/0>",
        &[("/3/0", &[])],
        &[EmptyLink],
    ),
    (
        "commas in a row",
        "</1>;a=1,,</2>",
        &[("/1", &["a=1"]), ("/2", &[])],
        &[EmptyLink],
    ),
    (
        "semicolons in a row and at the end",
        "</1>;;ver=1.1;,</2>;",
        &[("/1", &["ver=1.1"]), ("/2", &[])],
        &[EmptyAttribute],
    ),
    (
        "nothing after =",
        "</1>;ver=,</2>",
        &[("/1", &["ver="]), ("/2", &[])],
        &[EmptyValue],
    ),
    (
        "an attribute twice",
        "</>;ct=110;ct=112",
        &[("/", &["ct=110", "ct=112"])],
        &[DuplicateAttribute],
    ),
    (
        "the same attribute on two links, and an unknown one twice",
        "</1>;ver=1.0;x;x,</2>;ver=1.0",
        &[("/1", &["ver=1.0", "x", "x"]), ("/2", &["ver=1.0"])],
        &[],
    ),
    (
        "text outside ASCII, quoted and not",
        "</1>;title=\"Grüße\";x=é",
        &[("/1", &["title=\"Grüße\"", "x=é"])],
        &[TokenCharacter],
    ),
    ("only blanks", " \n", &[], &[Whitespace]),
    ("an empty target", "<>", &[("", &[])], &[]),
];

fn show(links: &mut Links<'_>) -> Vec<(String, Vec<String>)> {
    links
        .map(|link| {
            let link = link.unwrap();
            let attributes = link.attributes().map(|(name, value)| match value {
                None => name.to_owned(),
                Some(value) if value.is_quoted() => format!("{name}=\"{}\"", value.raw()),
                Some(value) => format!("{name}={}", value.raw()),
            });
            (link.target().to_owned(), attributes.collect())
        })
        .collect()
}

#[test]
fn documents_read_with_order_and_quirks() {
    for (what, document, expected, quirks) in DOCUMENTS {
        let mut links = Links::new(document);
        let seen = show(&mut links);
        let expected: Vec<_> = expected
            .iter()
            .map(|(target, attributes)| {
                let attributes = attributes.iter().map(|a| (*a).to_owned()).collect();
                ((*target).to_owned(), attributes)
            })
            .collect();
        assert_eq!(seen, expected, "{what}");
        let seen: Vec<_> = links.quirks().iter().collect();
        assert_eq!(seen, *quirks, "{what}");
        assert!(links.next().is_none(), "{what}");
    }
}

#[test]
fn clean_documents_are_written_back_byte_for_byte() {
    for (what, document, _, quirks) in DOCUMENTS {
        let mut text = String::new();
        let mut writer = LinkWriter::new(&mut text);
        let mut refused = None;
        for link in Links::new(document) {
            if let Err(fault) = writer.copy(&link.unwrap()) {
                refused = Some(fault);
                break;
            }
        }
        if quirks.is_empty() {
            assert_eq!((text.as_str(), refused), (*document, None), "{what}");
        } else if refused.is_none() {
            // What was odd about the form is gone; what was said twice still is.
            let mut links = Links::new(&text);
            assert!(links.by_ref().all(|link| link.is_ok()), "{what}: {text}");
            for quirk in links.quirks().iter() {
                assert!(
                    matches!(quirk, DuplicateAttribute | TrailingSlash),
                    "{what}: {quirk} in {text}"
                );
            }
        } else {
            assert_eq!(refused, Some(EncodeError::LinkTarget), "{what}");
            assert!(quirks.contains(&TargetWhitespace), "{what}");
        }
    }
}

/// (document, links before the fault, place, fault)
const REFUSED: &[(&str, usize, usize, DecodeErrorKind)] = &[
    ("<", 0, 1, Truncated),
    ("</1", 0, 3, Truncated),
    ("/1/0", 0, 0, Unexpected(b'/')),
    ("</1/0></2/0>", 0, 6, Unexpected(b'<')),
    ("</1/0>,/2/0", 1, 7, Unexpected(b'/')),
    ("</1/0>;,/2", 1, 8, Unexpected(b'/')),
    ("<</1>>", 0, 1, Unexpected(b'<')),
    ("</1\n>", 0, 3, Unexpected(b'\n')),
    ("</1>;=1", 0, 5, Unexpected(b'=')),
    ("</1>;a\"", 0, 6, Unexpected(b'"')),
    ("</1>;a b", 0, 7, Unexpected(b'b')),
    ("</1>;a=b\"c\"", 0, 8, Unexpected(b'"')),
    ("</1>;a=\"b", 0, 9, Truncated),
    ("</1>;a=\"b\\", 0, 10, Truncated),
    ("</1>;a=\"b\\\"", 0, 11, Truncated),
    ("</1>;a=\"b\"c", 0, 10, Unexpected(b'c')),
    ("</1>;a=b\u{1}", 0, 8, Unexpected(1)),
    ("</0>,</1>;ct=\"60\",112", 2, 18, Unexpected(b'1')),
];

#[test]
fn faults_are_placed_and_end_the_document() {
    for &(document, before, offset, kind) in REFUSED {
        let mut links = Links::new(document);
        for _ in 0..before {
            assert!(links.next().unwrap().is_ok(), "{document}");
        }
        let fault = links.next().unwrap().unwrap_err();
        assert_eq!((fault.offset, fault.kind), (offset, kind), "{document}");
        assert!(links.next().is_none(), "{document}");
    }
    let fault = Links::from_bytes(b"</1>;t=\"\xff\"").unwrap_err();
    assert_eq!((fault.offset, fault.kind), (8, DecodeErrorKind::NotUtf8));
}

#[test]
fn values_and_segments() {
    let mut links = Links::new(r#"</3/0/>;t="a \"b\" \\";ct=60;if="x y";obs,<>,</>,<3303>"#);
    let link = links.next().unwrap().unwrap();
    assert!(link.segments().eq(["3", "0"]));
    let title = link.get("t").unwrap().unwrap();
    assert_eq!(title, *"a \"b\" \\");
    assert_eq!(title.as_str(), None);
    assert_eq!(title.to_text(), "a \"b\" \\");
    assert_eq!(link.get("ct").unwrap().unwrap().as_str(), Some("60"));
    assert_eq!(link.get("obs"), Some(None));
    assert_eq!(link.get("none"), None);
    let paths: Vec<Vec<_>> = links.map(|l| l.unwrap().segments().collect()).collect();
    assert_eq!(paths, [vec![], vec![], vec!["3303"]]);
}

#[test]
fn queries_select_links() {
    let document = r#"</a>;rt="oma.lwm2m core.rd";title="Sensor \"1\"";obs"#;
    let link = Links::new(document).next().unwrap().unwrap();
    for (name, pattern, expected) in [
        ("rt", "core.rd", true),
        ("rt", "core*", true),
        ("rt", "*", true),
        ("rt", "core", false),
        ("href", "/a", true),
        ("href", "/*", true),
        ("href", "/b*", false),
        ("title", "Sensor \"1\"", true),
        ("title", "Sensor \"*", true),
        ("title", "1", false),
        ("obs", "*", true),
        ("ct", "*", false),
    ] {
        assert_eq!(link.matches(name, pattern), expected, "{name}={pattern}");
    }
}

#[test]
fn writer_quotes_and_refuses() {
    let mut text = String::new();
    let mut links = LinkWriter::new(&mut text);
    assert_eq!(links.flag("x").err(), Some(EncodeError::LinkAttribute));
    links
        .link("/1")
        .unwrap()
        .attribute("a", "x\"y\\z;,")
        .unwrap();
    links.link_to(&"/2").unwrap().attribute("b", "").unwrap();
    links
        .list("ct", [60, 112])
        .unwrap()
        .list("d", [60])
        .unwrap();
    links
        .list("e", [""; 0])
        .unwrap()
        .attribute("title*", "UTF-8'en'x")
        .unwrap();
    let expected = r#"</1>;a="x\"y\\z;,",</2>;b="";ct="60 112";d=60;e="";title*=UTF-8'en'x"#;
    assert_eq!(text, expected);
    let mut read = Links::new(&text);
    let first = read.next().unwrap().unwrap();
    assert_eq!(first.get("a").unwrap().unwrap(), *"x\"y\\z;,");

    for target in ["/1>", "<", "/a b", "\n", "\""] {
        let fault = LinkWriter::new(String::new()).link(target).err();
        assert_eq!(fault, Some(EncodeError::LinkTarget), "{target:?}");
    }
    for name in ["", "*", "a b", "a=", "a;", "ä", "a**"] {
        let mut links = LinkWriter::new(String::new());
        let fault = links.link("/1").unwrap().attribute(name, "1").err();
        assert_eq!(fault, Some(EncodeError::LinkAttribute), "{name:?}");
    }
    let mut links = LinkWriter::new(String::new());
    let fault = links.link("/1").unwrap().list("ct", ["60 110", "5"]).err();
    assert_eq!(fault, Some(EncodeError::LinkAttribute));
}

#[test]
fn writer_tells_when_the_buffer_is_full() {
    const WHOLE: &[u8] = b"</3/0>;ver=\"1 2\",</5>;x=1";
    for len in 0..=WHOLE.len() {
        let mut buffer = vec![0xaa; len + 1];
        let (room, guard) = buffer.split_at_mut(len);
        let mut text = TextBuf::new(room);
        let mut links = LinkWriter::new(&mut text);
        let written = (|| {
            links.link("/3/0")?.attribute("ver", "1 2")?;
            links.link("/5")?.number("x", 1)?;
            Ok(())
        })();
        let expected = if len == WHOLE.len() {
            Ok(())
        } else {
            Err(EncodeError::NoSpace)
        };
        assert_eq!(written, expected, "{len}");
        assert!(WHOLE.starts_with(text.as_bytes()), "{len}");
        assert_eq!(guard, [0xaa]);
    }
}
