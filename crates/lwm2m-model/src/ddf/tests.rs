//! What is refused, and where the error points.

use alloc::{format, string::String};

use super::{DdfErrorKind, Limits, parse};
use crate::{Lwm2mVersion, Models, Operations, ValueType, Version};

/// A file with one resource; `{}` stands in the object's name.
fn file(name: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<LWM2M>
  <Object ObjectType=\"MODefinition\">
    <Name>{name}</Name>
    <ObjectID>33000</ObjectID>
    <MultipleInstances>Multiple</MultipleInstances>
    <Mandatory>Optional</Mandatory>
    <Resources>
      <Item ID=\"7\">
        <Name>Opening</Name>
        <Operations>RW</Operations>
        <MultipleInstances>Single</MultipleInstances>
        <Mandatory>Mandatory</Mandatory>
        <Type>Unsigned Integer</Type>
        <RangeEnumeration>
          0: shut
          1: open
        </RangeEnumeration>
        <Units></Units>
        <Description>&lt;b&gt; <![CDATA[<anything>]]></Description>
      </Item>
    </Resources>
    <Description2/>
  </Object>
</LWM2M>
"
    )
}

fn fails(xml: &[u8]) -> (usize, usize, DdfErrorKind) {
    let error = parse(xml, &Limits::default()).unwrap_err();
    (error.line, error.column, error.kind)
}

#[test]
fn facts() {
    let mut models = Models::empty();
    let defs = models
        .load_xml(file("A &amp; <![CDATA[<B>]]> &#67;"))
        .unwrap();
    let [def] = defs.as_slice() else { panic!() };
    assert_eq!(def.name(), "A & <B> C");
    assert_eq!((def.id(), def.version()), (33_000, Version::V1_0));
    assert_eq!(def.lwm2m_version(), Lwm2mVersion::V1_0);
    assert!(def.is_multiple() && !def.is_mandatory());
    let opening = def.resource(7).unwrap();
    assert_eq!(opening.name(), "Opening");
    assert_eq!(opening.operations(), Operations::RW);
    assert_eq!(opening.value_type(), ValueType::Unsigned);
    assert!(!opening.is_multiple() && opening.is_mandatory());
    assert_eq!(opening.range(), Some("0: shut 1: open"));
    assert_eq!(opening.unit(), None);
    assert_eq!(models.object(33_000, None).def, Some(def));
}

#[test]
fn byte_order_mark_and_other_encodings() {
    let marked = format!("\u{feff}{}", file("Valve"));
    assert!(parse(marked.as_bytes(), &Limits::default()).is_ok());
    let latin = file("Valve").replace("UTF-8", "ISO-8859-1");
    assert_eq!(fails(latin.as_bytes()), (1, 1, DdfErrorKind::NotUtf8));
    assert_eq!(fails(b"\xff\xfe<\0"), (1, 1, DdfErrorKind::NotUtf8));
    assert_eq!(fails(b"<LWM2M>\n \xff"), (2, 2, DdfErrorKind::NotUtf8));
}

#[test]
fn errors_point_at_line_and_column() {
    use DdfErrorKind::*;
    let good = file("Valve");
    for (from, to, want) in [
        ("<LWM2M>", "<html>", (2, 1, NotADefinition)),
        (">33000<", ">65535<", (5, 5, Invalid("ObjectID"))),
        (">33000<", "> <", (5, 5, Invalid("ObjectID"))),
        (">Multiple<", ">Many<", (6, 5, Invalid("MultipleInstances"))),
        ("<Name>Valve</Name>", "", (3, 3, Missing("Name"))),
        (
            "<ObjectID>33000</ObjectID>",
            "",
            (3, 3, Missing("ObjectID")),
        ),
        ("Item ID=\"7\"", "Item", (9, 7, Missing("Item ID"))),
        ("ID=\"7\"", "ID=\"-7\"", (9, 7, Invalid("Item ID"))),
        ("ID=\"7\"", "ID=\"65535\"", (9, 7, Invalid("Item ID"))),
        (">RW<", ">RX<", (11, 9, Invalid("Operations"))),
        (">Unsigned Integer<", ">Number<", (14, 9, Invalid("Type"))),
        ("Valve", "V\u{e4}l&ve;", (4, 14, Entity)),
        (
            "<Mandatory>Optional</Mandatory>",
            "<Mandatory>Optional</mandatory>",
            (7, 24, Malformed),
        ),
    ] {
        assert_eq!(fails(good.replace(from, to).as_bytes()), want, "{to}");
    }
    let twice = good.replace(
        "</Resources>",
        "<Item ID=\"7\"><Name>x</Name></Item></Resources>",
    );
    assert_eq!(fails(twice.as_bytes()), (3, 3, Duplicate(7)));
    assert_eq!(fails(b""), (1, 1, Truncated));
    assert_eq!(fails(b"<!-- nothing -->"), (1, 17, Truncated));
    assert_eq!(fails(b"<LWM2M/><LWM2M/>").2, Malformed);
    assert_eq!(fails(b"<LWM2M/>x").2, Malformed);
    assert_eq!(fails(b"x<LWM2M/>").2, Malformed);
}

/// Every prefix of a good file is an error and no panic.
#[test]
fn prefixes() {
    let good = file("V\u{e4}lve");
    let end = good.trim_end().len();
    for cut in 0..end {
        assert!(
            parse(&good.as_bytes()[..cut], &Limits::default()).is_err(),
            "{cut}"
        );
    }
}

/// the catalogue of hostile inputs K18 (CVE-2023-41034 and its kin): refused before anything is expanded or fetched.
#[test]
fn hostile_k18_document_types_entities_and_inclusions() {
    use DdfErrorKind::*;
    let laughs = "<!DOCTYPE lolz [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">\
        <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>\n<LWM2M>&c;</LWM2M>";
    let external = "<!DOCTYPE x [<!ENTITY xxe SYSTEM \"file:///etc/passwd\">]><LWM2M>&xxe;</LWM2M>";
    let subset = "<!DOCTYPE LWM2M SYSTEM \"http://127.0.0.1:1/x.dtd\"><LWM2M/>";
    let parameter = "<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/\"> %p;]><LWM2M/>";
    for xml in [laughs, external, subset, parameter] {
        assert_eq!(fails(xml.as_bytes()), (1, 1, DocumentType), "{xml}");
    }
    assert_eq!(fails(b"<LWM2M>\n<!DOCTYPE x>"), (2, 1, DocumentType));
    assert_eq!(fails(b"<LWM2M>&xxe;</LWM2M>"), (1, 8, Entity));
    assert_eq!(fails(b"<LWM2M>&#xFFFFFFFF;</LWM2M>"), (1, 8, Entity));
    let include = "<LWM2M xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include href=\"/etc/passwd\"/></LWM2M>";
    assert_eq!(fails(include.as_bytes()), (1, 51, Include));
}

/// the catalogue of hostile inputs K19 (RUSTSEC-2026-0194, -0195): what a tag can cost is bounded by counts, not by luck.
#[test]
fn hostile_k19_attributes_and_namespaces_without_end() {
    let tag = |attribute: fn(usize) -> String| {
        let attributes: String = (0..100_000).map(attribute).collect();
        format!("<LWM2M{attributes}></LWM2M>")
    };
    let limits = Limits::default();
    for attribute in [
        (|n| format!(" a{n}=\"\"")) as fn(usize) -> String,
        |n| format!(" xmlns:n{n}=\"u\""),
        |_| String::from(" a=\"\""),
    ] {
        // A file of this size is refused unread,
        let xml = tag(attribute);
        let roomy = Limits {
            max_bytes: 4 << 20,
            ..limits
        };
        if xml.len() > limits.max_bytes {
            assert_eq!(fails(xml.as_bytes()).2, DdfErrorKind::TooLarge);
        }
        // where it fits it ends at the 17th attribute,
        let error = parse(xml.as_bytes(), &roomy).unwrap_err();
        assert_eq!(error.kind, DdfErrorKind::TooManyAttributes);
        // and where even that is allowed, each attribute is looked at once: repeated names are not compared.
        let careless = Limits {
            max_attributes: usize::MAX,
            ..roomy
        };
        assert!(parse(xml.as_bytes(), &careless).is_ok_and(|defs| defs.is_empty()));
    }
}

#[test]
fn other_limits() {
    use DdfErrorKind::*;
    let deep = "<a>".repeat(100_000);
    assert_eq!(fails(format!("<LWM2M>{deep}").as_bytes()), (1, 53, TooDeep));
    let long = file(&"x".repeat(1025));
    assert_eq!(fails(long.as_bytes()).2, TextTooLong("Name"));
    let pieces = file(&"x&amp;".repeat(600));
    assert_eq!(fails(pieces.as_bytes()).2, TextTooLong("Name"));
    let limits = Limits {
        max_resources: 0,
        ..Limits::default()
    };
    let error = parse(file("x").as_bytes(), &limits).unwrap_err();
    assert_eq!((error.line, error.kind), (9, TooManyResources));
    let limits = Limits {
        max_objects: 0,
        ..Limits::default()
    };
    let error = parse(file("x").as_bytes(), &limits).unwrap_err();
    assert_eq!((error.line, error.kind), (3, TooManyObjects));
    let limits = Limits {
        max_bytes: 10,
        ..Limits::default()
    };
    let error = parse(file("x").as_bytes(), &limits).unwrap_err();
    assert_eq!((error.column, error.kind), (11, TooLarge));
}
