//! Option numbers, codes and content formats against the registered ones.

use std::collections::BTreeSet;

use coap_codec::{Code, ContentFormat, DEFINITIONS, OptionFormat, OptionNumber, Type};

use OptionFormat::{Empty, Opaque, String, Uint};

/// (number, name, properties: Critical Unsafe NoCacheKey Repeatable, format, least and greatest
/// length)
type Row = (u16, &'static str, &'static str, OptionFormat, u16, u16);

/// RFC 7252 §5.10 and the RFCs that added to it.
const OPTIONS: &[Row] = &[
    (1, "If-Match", "C--R", Opaque, 0, 8),
    (3, "Uri-Host", "CU--", String, 1, 255),
    (4, "ETag", "---R", Opaque, 1, 8),
    (5, "If-None-Match", "C---", Empty, 0, 0),
    (6, "Observe", "-U--", Uint, 0, 3),
    (7, "Uri-Port", "CU--", Uint, 0, 2),
    (8, "Location-Path", "---R", String, 0, 255),
    (9, "OSCORE", "C---", Opaque, 0, 255),
    (11, "Uri-Path", "CU-R", String, 0, 255),
    (12, "Content-Format", "----", Uint, 0, 2),
    (14, "Max-Age", "-U--", Uint, 0, 4),
    (15, "Uri-Query", "CU-R", String, 0, 255),
    (16, "Hop-Limit", "----", Uint, 1, 1),
    (17, "Accept", "C---", Uint, 0, 2),
    (19, "Q-Block1", "CU--", Uint, 0, 3),
    (20, "Location-Query", "---R", String, 0, 255),
    (21, "EDHOC", "C---", Empty, 0, 0),
    (23, "Block2", "CU--", Uint, 0, 3),
    (27, "Block1", "CU--", Uint, 0, 3),
    (28, "Size2", "--N-", Uint, 0, 4),
    (31, "Q-Block2", "CU-R", Uint, 0, 3),
    (35, "Proxy-Uri", "CU--", String, 1, 1034),
    (39, "Proxy-Scheme", "CU--", String, 1, 255),
    (60, "Size1", "--N-", Uint, 0, 4),
    (252, "Echo", "--N-", Opaque, 1, 40),
    (258, "No-Response", "-U--", Uint, 0, 1),
    (292, "Request-Tag", "---R", Opaque, 0, 8),
    (
        2049,
        "OCF-Accept-Content-Format-Version",
        "C---",
        Uint,
        2,
        2,
    ),
    (2053, "OCF-Content-Format-Version", "C---", Uint, 2, 2),
];

#[test]
fn options_have_the_registered_properties() {
    assert_eq!(DEFINITIONS.len(), OPTIONS.len());
    for (definition, &(number, name, bits, format, min, max)) in DEFINITIONS.iter().zip(OPTIONS) {
        let number = OptionNumber(number);
        assert_eq!(number.definition(), Some(definition), "{name}");
        assert_eq!(definition.number, number, "{name}");
        assert_eq!(number.name(), Some(name));
        let seen: std::string::String = [
            (number.is_critical(), 'C'),
            (number.is_unsafe(), 'U'),
            (number.is_no_cache_key(), 'N'),
            (number.is_repeatable(), 'R'),
        ]
        .map(|(is, letter)| if is { letter } else { '-' })
        .into_iter()
        .collect();
        assert_eq!(seen, bits, "{name}");
        assert_eq!(definition.format, format, "{name}");
        assert_eq!(definition.lengths(), min..=max, "{name}");
        assert!(
            definition.allows_len(min.into()) && definition.allows_len(max.into()),
            "{name}"
        );
        assert!(!definition.allows_len(usize::from(max) + 1), "{name}");
    }
    // Reserved and unknown numbers have no definition, and are no error either.
    for number in [0, 2, 10, 128, 132, 136, 140, 65_001].map(OptionNumber) {
        assert_eq!(number.definition(), None);
        assert_eq!(number.to_string(), number.0.to_string());
    }
}

/// (code as written, byte, name)
const CODES: &[(&str, u8, &str)] = &[
    ("0.00", 0x00, "Empty"),
    ("0.01", 0x01, "GET"),
    ("0.02", 0x02, "POST"),
    ("0.03", 0x03, "PUT"),
    ("0.04", 0x04, "DELETE"),
    ("0.05", 0x05, "FETCH"),
    ("0.06", 0x06, "PATCH"),
    ("0.07", 0x07, "iPATCH"),
    ("2.01", 0x41, "Created"),
    ("2.02", 0x42, "Deleted"),
    ("2.03", 0x43, "Valid"),
    ("2.04", 0x44, "Changed"),
    ("2.05", 0x45, "Content"),
    ("2.31", 0x5f, "Continue"),
    ("4.00", 0x80, "Bad Request"),
    ("4.01", 0x81, "Unauthorized"),
    ("4.02", 0x82, "Bad Option"),
    ("4.03", 0x83, "Forbidden"),
    ("4.04", 0x84, "Not Found"),
    ("4.05", 0x85, "Method Not Allowed"),
    ("4.06", 0x86, "Not Acceptable"),
    ("4.08", 0x88, "Request Entity Incomplete"),
    ("4.09", 0x89, "Conflict"),
    ("4.12", 0x8c, "Precondition Failed"),
    ("4.13", 0x8d, "Request Entity Too Large"),
    ("4.15", 0x8f, "Unsupported Content-Format"),
    ("4.22", 0x96, "Unprocessable Entity"),
    ("4.29", 0x9d, "Too Many Requests"),
    ("5.00", 0xa0, "Internal Server Error"),
    ("5.01", 0xa1, "Not Implemented"),
    ("5.02", 0xa2, "Bad Gateway"),
    ("5.03", 0xa3, "Service Unavailable"),
    ("5.04", 0xa4, "Gateway Timeout"),
    ("5.05", 0xa5, "Proxying Not Supported"),
    ("5.08", 0xa8, "Hop Limit Reached"),
    ("7.01", 0xe1, "CSM"),
    ("7.02", 0xe2, "Ping"),
    ("7.03", 0xe3, "Pong"),
    ("7.04", 0xe4, "Release"),
    ("7.05", 0xe5, "Abort"),
];

#[test]
fn codes_have_the_registered_numbers_and_names() {
    let mut named = BTreeSet::new();
    for &(text, byte, name) in CODES {
        let code = Code(byte);
        assert_eq!(code.to_string(), text);
        assert_eq!(code.name(), Some(name), "{text}");
        assert_eq!(Code::new(code.class(), code.detail()), Some(code));
        named.insert(byte);
    }
    for byte in 0..=255 {
        let code = Code(byte);
        assert_eq!(code.name().is_some(), named.contains(&byte), "{code}");
        assert_eq!(code.is_request(), (1..=31).contains(&byte), "{code}");
        assert_eq!(code.is_response(), (0x40..=0xbf).contains(&byte), "{code}");
        assert_eq!(code.is_success(), (0x40..=0x5f).contains(&byte), "{code}");
        assert_eq!(code.is_error(), (0x80..=0xbf).contains(&byte), "{code}");
        assert_eq!(code.is_signalling(), byte >= 0xe0, "{code}");
    }
    assert_eq!(Code::new(8, 0), None);
    assert_eq!(Code::new(0, 32), None);
    for bits in 0..4 {
        assert_eq!(Type::from_bits(bits).bits(), bits);
    }
}

const FORMATS: &[(u16, &str)] = &[
    (0, "text/plain;charset=utf-8"),
    (40, "application/link-format"),
    (41, "application/xml"),
    (42, "application/octet-stream"),
    (47, "application/exi"),
    (50, "application/json"),
    (51, "application/json-patch+json"),
    (52, "application/merge-patch+json"),
    (60, "application/cbor"),
    (62, "application/multipart-core"),
    (63, "application/cbor-seq"),
    (101, "application/cose-key"),
    (102, "application/cose-key-set"),
    (110, "application/senml+json"),
    (111, "application/sensml+json"),
    (112, "application/senml+cbor"),
    (113, "application/sensml+cbor"),
    (114, "application/senml-exi"),
    (115, "application/sensml-exi"),
    (256, "application/coap-group+json"),
    (272, "application/missing-blocks+cbor-seq"),
    (284, "application/pkcs8"),
    (285, "application/csrattrs"),
    (286, "application/pkcs10"),
    (287, "application/pkix-cert"),
    (310, "application/senml+xml"),
    (311, "application/sensml+xml"),
    (320, "application/senml-etch+json"),
    (322, "application/senml-etch+cbor"),
    (11_542, "application/vnd.oma.lwm2m+tlv"),
    (11_543, "application/vnd.oma.lwm2m+json"),
    (11_544, "application/vnd.oma.lwm2m+cbor"),
];

#[test]
fn content_formats_have_the_registered_numbers() {
    for &(number, name) in FORMATS {
        assert_eq!(ContentFormat(number).to_string(), name);
        assert_eq!(ContentFormat(number).canonical(), ContentFormat(number));
    }
    for (old, new) in [
        (1541, ContentFormat::TEXT),
        (1542, ContentFormat::TLV),
        (1543, ContentFormat::LWM2M_JSON),
    ] {
        assert_eq!(ContentFormat(old).canonical(), new);
        assert_eq!(ContentFormat(old).to_string(), old.to_string());
    }
}
