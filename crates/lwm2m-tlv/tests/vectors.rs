//! Worked bytes of the LwM2M specifications, decoded, compared and encoded back.
#![cfg(feature = "alloc")]

mod common;

use common::{hex, value};
use lwm2m_tlv::{
    DecodeError, DecodeErrorKind, EncodeError, Kind, Reader, Writer, encoded_len, to_vec,
};

use Kind::{MultipleResource, ObjectInstance, Resource, ResourceInstance};

/// A value as the object model of the row says it is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Typed {
    Integer(i64),
    Unsigned(u64),
    Float32(f32),
    Float(f64),
    Boolean(bool),
    Link(u16, u16),
    Time(i64),
    Text(&'static str),
    Opaque(&'static [u8]),
}

use Typed::{Boolean, Float, Float32, Integer, Link, Opaque, Text, Time, Unsigned};

#[derive(Clone, Copy, Debug)]
enum Entry {
    R(u16, Typed),
    Ri(u16, Typed),
    Mr(u16, &'static [Self]),
    Oi(u16, &'static [Self]),
}

use Entry::{Mr, Oi, R, Ri};

const DEVICE: &[Entry] = &[
    R(0, Text("Open Mobile Alliance")),
    R(1, Text("Lightweight M2M Client")),
    R(2, Text("345000123")),
    R(3, Text("1.0")),
    Mr(6, &[Ri(0, Integer(1)), Ri(1, Integer(5))]),
    Mr(7, &[Ri(0, Integer(3800)), Ri(1, Integer(5000))]),
    Mr(8, &[Ri(0, Integer(125)), Ri(1, Integer(900))]),
    R(9, Integer(100)),
    R(10, Integer(15)),
    Mr(11, &[Ri(0, Integer(0))]),
    R(13, Time(1_367_491_215)),
    R(14, Text("+02:00")),
    R(16, Text("U")),
];
const DEVICE_HEX: &str = "C800144F70656E204D6F62696C6520416C6C69616E6365
    C801164C69676874776569676874204D324D20436C69656E74 C80209333435303030313233 C303312E30
    8606410001410105 88070842000ED842011388 870841007D42010384 C10964 C10A0F 830B410000
    C40D5182428F C60E2B30323A3030 C11055";

/// (what, the bytes in hexadecimal, the entries they mean)
const ROWS: &[(&str, &str, &[Entry])] = &[
    ("firmware version", "C303312E30", &[R(3, Text("1.0"))]),
    (
        "manufacturer",
        "C800144F70656E204D6F62696C6520416C6C69616E6365",
        &[R(0, Text("Open Mobile Alliance"))],
    ),
    ("battery level", "C10964", &[R(9, Integer(100))]),
    ("lifetime", "C40100015180", &[R(1, Integer(86_400))]),
    ("integer -1", "C101FF", &[R(1, Integer(-1))]),
    ("integer -128", "C10180", &[R(1, Integer(-128))]),
    ("integer -129", "C201FF7F", &[R(1, Integer(-129))]),
    ("integer -750", "C201FD12", &[R(1, Integer(-750))]),
    ("integer 128", "C2010080", &[R(1, Integer(128))]),
    ("integer 255", "C20100FF", &[R(1, Integer(255))]),
    ("integer 32768", "C40100008000", &[R(1, Integer(32_768))]),
    ("integer 65535", "C4010000FFFF", &[R(1, Integer(65_535))]),
    (
        "integer 2^31",
        "C801080000000080000000",
        &[R(1, Integer(2_147_483_648))],
    ),
    ("unsigned 255", "C101FF", &[R(1, Unsigned(255))]),
    ("unsigned 65535", "C201FFFF", &[R(1, Unsigned(65_535))]),
    (
        "unsigned 2^32-1",
        "C401FFFFFFFF",
        &[R(1, Unsigned(4_294_967_295))],
    ),
    (
        "unsigned 2^64-1",
        "C80108FFFFFFFFFFFFFFFF",
        &[R(1, Unsigned(u64::MAX))],
    ),
    ("float32 22.5", "E4164441B40000", &[R(5700, Float32(22.5))]),
    (
        "float64 22.4",
        "E81644084036666666666666",
        &[R(5700, Float(22.4))],
    ),
    (
        "float64 -43.5723",
        "E8164408C045C941205BC01A",
        &[R(5700, Float(-43.5723))],
    ),
    ("true", "C10601", &[R(6, Boolean(true))]),
    ("false", "C10600", &[R(6, Boolean(false))]),
    ("object link 66:1", "C40200420001", &[R(2, Link(66, 1))]),
    (
        "null object link",
        "C402FFFFFFFF",
        &[R(2, Link(65_535, 65_535))],
    ),
    ("time", "C40D5182428F", &[R(13, Time(1_367_491_215))]),
    ("empty string", "C00A", &[R(10, Text(""))]),
    (
        "opaque of 8 bytes",
        "C800080001020304050607",
        &[R(0, Opaque(&[0, 1, 2, 3, 4, 5, 6, 7]))],
    ),
    (
        "power sources",
        "8606410001410105",
        &[Mr(6, &[Ri(0, Integer(1)), Ri(1, Integer(5))])],
    ),
    (
        "voltages",
        "88070842000ED842011388",
        &[Mr(7, &[Ri(0, Integer(3800)), Ri(1, Integer(5000))])],
    ),
    (
        "access control list",
        "8702417F0761013601",
        &[Mr(2, &[Ri(127, Integer(7)), Ri(310, Integer(1))])],
    ),
    ("multiple resource with no instance", "8002", &[Mr(2, &[])]),
    (
        "instance 300",
        "23012CC10101",
        &[Oi(300, &[R(1, Integer(1))])],
    ),
    (
        "Read /1, one instance; the specification prints the length 0D, but 15 bytes follow",
        "08000FC10001C40100015180C10601C10755",
        &[Oi(
            0,
            &[
                R(0, Integer(1)),
                R(1, Integer(86_400)),
                R(6, Boolean(true)),
                R(7, Text("U")),
            ],
        )],
    ),
    (
        "Read /2, two instances",
        "08000EC10001C1010083024 17F07C1037F 080212C10003C10100870241 7F0761013601C1037F",
        &[
            Oi(
                0,
                &[
                    R(0, Integer(1)),
                    R(1, Integer(0)),
                    Mr(2, &[Ri(127, Integer(7))]),
                    R(3, Integer(127)),
                ],
            ),
            Oi(
                2,
                &[
                    R(0, Integer(3)),
                    R(1, Integer(0)),
                    Mr(2, &[Ri(127, Integer(7)), Ri(310, Integer(1))]),
                    R(3, Integer(127)),
                ],
            ),
        ],
    ),
    (
        "Read /65/0",
        "88000C440000420000440100420001 C8010D38363133383030373535353030 C40212345678",
        &[
            Mr(0, &[Ri(0, Link(66, 0)), Ri(1, Link(66, 1))]),
            R(1, Text("8613800755500")),
            R(2, Integer(0x1234_5678)),
        ],
    ),
    (
        "Read /66, two instances of 38 bytes; the specification prints the length 23",
        "080026 C8000B6D79536572766963652031 C8010F496E7465726E65742E31352E323334 C40200430000
         080126 C8000B6D79536572766963652032 C8010F496E7465726E65742E31352E323335 C402FFFFFFFF",
        &[
            Oi(
                0,
                &[
                    R(0, Text("myService 1")),
                    R(1, Text("Internet.15.234")),
                    R(2, Link(67, 0)),
                ],
            ),
            Oi(
                1,
                &[
                    R(0, Text("myService 2")),
                    R(1, Text("Internet.15.235")),
                    R(2, Link(65_535, 65_535)),
                ],
            ),
        ],
    ),
    ("Device /3/0", DEVICE_HEX, DEVICE),
    (
        "PUT /0 with one security instance",
        "08013C C80016636F6170733A2F2F732E6578616D706C653A35363834 C10100 C10200 C303657031 C004
         C80510000102030405060708090A0B0C0D0E0F C10A65",
        &[Oi(
            1,
            &[
                R(0, Text("coaps://s.example:5684")),
                R(1, Boolean(false)),
                R(2, Integer(0)),
                R(3, Opaque(b"ep1")),
                R(4, Opaque(b"")),
                R(
                    5,
                    Opaque(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
                ),
                R(10, Integer(101)),
            ],
        )],
    ),
];

fn write(writer: &mut Writer<'_>, entries: &[Entry]) -> Result<(), EncodeError> {
    for entry in entries {
        match *entry {
            R(id, typed) => write_value(writer, Resource, id, typed)?,
            Ri(id, typed) => write_value(writer, ResourceInstance, id, typed)?,
            Mr(id, inside) => writer.multiple_resource(id, |inner| write(inner, inside))?,
            Oi(id, inside) => writer.object_instance(id, |inner| write(inner, inside))?,
        }
    }
    Ok(())
}

fn write_value(w: &mut Writer<'_>, kind: Kind, id: u16, typed: Typed) -> Result<(), EncodeError> {
    match typed {
        Integer(value) => w.integer(kind, id, value),
        Unsigned(value) => w.unsigned(kind, id, value),
        Float32(value) => w.float32(kind, id, value),
        Float(value) => w.float(kind, id, value),
        Boolean(value) => w.boolean(kind, id, value),
        Link(object, instance) => w.object_link(kind, id, object, instance),
        Time(value) => w.time(kind, id, value),
        Text(value) => w.text(kind, id, value),
        Opaque(value) => w.opaque(kind, id, value),
    }
}

fn check(reader: Reader<'_>, expected: &[Entry], what: &str) {
    let mut count = 0;
    for (tlv, entry) in reader.zip(expected) {
        let tlv = tlv.unwrap_or_else(|error| panic!("{what}: {error}"));
        count += 1;
        match *entry {
            Oi(id, inside) => {
                assert_eq!((tlv.kind, tlv.id), (ObjectInstance, id), "{what}");
                check(tlv.nested().unwrap(), inside, what);
            }
            Mr(id, inside) => {
                assert_eq!((tlv.kind, tlv.id), (MultipleResource, id), "{what}");
                check(tlv.nested().unwrap(), inside, what);
            }
            R(id, typed) | Ri(id, typed) => {
                let kind = if matches!(entry, R(..)) {
                    Resource
                } else {
                    ResourceInstance
                };
                assert_eq!((tlv.kind, tlv.id), (kind, id), "{what}");
                let read = match typed {
                    Integer(_) => tlv.integer().map(Integer),
                    Unsigned(_) => tlv.unsigned().map(Unsigned),
                    #[allow(clippy::cast_possible_truncation)]
                    Float32(_) => tlv.float().map(|value| Float32(value as f32)),
                    Float(_) => tlv.float().map(Float),
                    Boolean(_) => tlv.boolean().map(Boolean),
                    Link(..) => tlv
                        .object_link()
                        .map(|(object, instance)| Link(object, instance)),
                    Time(_) => tlv.time().map(Time),
                    Text(expected) => {
                        assert_eq!(tlv.text(), Ok(expected), "{what}");
                        Ok(typed)
                    }
                    Opaque(expected) => {
                        assert_eq!(tlv.opaque(), Ok(expected), "{what}");
                        Ok(typed)
                    }
                };
                assert_eq!(read, Ok(typed), "{what}");
            }
        }
    }
    assert_eq!(
        (count, reader.count()),
        (expected.len(), expected.len()),
        "{what}"
    );
}

#[test]
fn worked_bytes_decode_and_encode_back() {
    for (what, bytes, entries) in ROWS {
        let bytes = hex(bytes);
        check(Reader::new(&bytes), entries, what);
        assert_eq!(
            to_vec(|writer| write(writer, entries)).as_ref(),
            Ok(&bytes),
            "{what}"
        );

        // The exact size is enough, one byte less is refused.
        let mut exact = vec![0; bytes.len()];
        let mut writer = Writer::new(&mut exact);
        assert_eq!(write(&mut writer, entries), Ok(()), "{what}");
        assert_eq!(writer.finish(), bytes, "{what}");
        let mut short = vec![0; bytes.len() - 1];
        assert_eq!(
            write(&mut Writer::new(&mut short), entries),
            Err(EncodeError::NoRoom)
        );
    }
}

#[test]
fn device_has_121_bytes_and_read_of_the_object_wraps_it() {
    let device = hex(DEVICE_HEX);
    assert_eq!(device.len(), 121);
    let object = to_vec(|writer| writer.object_instance(0, |inner| write(inner, DEVICE))).unwrap();
    assert_eq!(object, [&[0x08, 0x00, 0x79][..], &device].concat());
}

#[test]
fn heads_of_long_values() {
    for (id, len, head) in [
        (0, 256, "D0000100"),
        (0, 65_535, "D000FFFF"),
        (0, 65_536, "D800010000"),
        (5750, 300, "F01676012C"),
        (255, 255, "C8FFFF"),
        (256, 255, "E80100FF"),
        (256, 7, "E70100"),
    ] {
        let (value, head) = (vec![7; len], hex(head));
        let bytes = to_vec(|writer| writer.opaque(Resource, id, &value)).unwrap();
        assert!(bytes.starts_with(&head), "{id} {len}");
        assert_eq!(bytes.len(), head.len() + len);
        assert_eq!(encoded_len(id, len), Some(bytes.len()));
        let entry = Reader::new(&bytes).next().unwrap().unwrap();
        assert_eq!((entry.id, entry.value), (id, &value[..]));
    }
    assert_eq!(encoded_len(0, 0x0100_0000), None);
    let long = vec![0; 0x0100_0000];
    assert_eq!(
        to_vec(|w| w.opaque(Resource, 0, &long)),
        Err(EncodeError::TooLong)
    );
}

#[test]
fn nested_lengths_take_their_shortest_form() {
    for len in [
        0, 1, 2, 4, 5, 6, 7, 200, 249, 250, 251, 252, 253, 300, 65_530, 65_533, 66_000,
    ] {
        let content = vec![9; len];
        let bytes = to_vec(|writer| {
            writer.object_instance(300, |instance| {
                instance.multiple_resource(6, |r| r.opaque(ResourceInstance, 0, &content))
            })
        })
        .unwrap();
        let inner = encoded_len(0, len).unwrap();
        let middle = encoded_len(6, inner).unwrap();
        assert_eq!(Some(bytes.len()), encoded_len(300, middle), "{len}");
        let instance = Reader::new(&bytes).next().unwrap().unwrap();
        let resource = instance.nested().unwrap().next().unwrap().unwrap();
        let value = resource.nested().unwrap().next().unwrap().unwrap();
        assert_eq!(value.value, content);
        assert_eq!(value.value_offset() + len, bytes.len());
    }
}

#[test]
fn longer_than_necessary_is_accepted() {
    for (bytes, id, value) in [
        ("C8090164", 9, 100),
        ("D009000164", 9, 100),
        ("D80900000164", 9, 100),
        ("E1000964", 9, 100),
        ("CF090164", 9, 100), // bits 2 to 0 are ignored when the length follows
        ("C40900000064", 9, 100),
    ] {
        let bytes = hex(bytes);
        let entry = Reader::new(&bytes).next().unwrap().unwrap();
        assert_eq!((entry.id, entry.integer()), (id, Ok(value)), "{bytes:02x?}");
    }
}

#[test]
fn refusals_tell_offset_and_rule() {
    use DecodeErrorKind::{Nesting, Truncated};
    for (bytes, offset, kind) in [
        ("C1", 0, Truncated),
        ("C109", 0, Truncated),
        ("C10964 C2", 3, Truncated),
        ("08000F C10001", 0, Truncated),
        ("C10964 410001", 3, Nesting(ResourceInstance)),
        ("C10964 0000", 3, Nesting(ObjectInstance)),
        ("410001 C10964", 3, Nesting(Resource)),
        ("080003 C10001 C10001", 6, Nesting(Resource)),
    ] {
        let bytes = hex(bytes);
        let mut reader = Reader::new(&bytes);
        let error = reader.find_map(Result::err);
        assert_eq!(error, Some(DecodeError { offset, kind }), "{bytes:02x?}");
        assert!(reader.next().is_none());
    }
    // Inside: offsets count from the start of the payload.
    let bytes = hex("C10000 8606 410001 C10105");
    let multiple = Reader::new(&bytes).nth(1).unwrap().unwrap();
    let error = multiple.nested().unwrap().find_map(Result::err);
    assert_eq!(
        error,
        Some(DecodeError {
            offset: 8,
            kind: Nesting(Resource)
        })
    );
    assert_eq!(
        error.unwrap().to_string(),
        "resource may not stand here at byte 8"
    );
}

#[test]
fn values_are_not_containers_and_the_other_way_round() {
    let (resource, multiple) = (value(&[0xc1, 9, 100]), value(&[0x83, 6, 0x41, 0, 1]));
    let error = |kind| DecodeError { offset: 0, kind };
    assert_eq!(
        resource.nested().err(),
        Some(error(DecodeErrorKind::NotAContainer))
    );
    assert_eq!(multiple.integer(), Err(error(DecodeErrorKind::NotAValue)));
    assert_eq!(multiple.opaque(), Err(error(DecodeErrorKind::NotAValue)));
    let bad = value(b"\xc4\x00ab\xff\xfe");
    assert_eq!(
        bad.text(),
        Err(DecodeError {
            offset: 4,
            kind: DecodeErrorKind::Utf8
        })
    );
    let two = value(&[0xc1, 6, 2]);
    assert_eq!(
        two.boolean(),
        Err(DecodeError {
            offset: 2,
            kind: DecodeErrorKind::Boolean(2)
        })
    );
}

#[test]
fn a_writer_that_refused_is_as_it_was() {
    let mut buffer = [0; 10];
    let mut writer = Writer::new(&mut buffer);
    writer.integer(Resource, 9, 100).unwrap();
    assert_eq!(
        writer.text(Resource, 0, "too long for it"),
        Err(EncodeError::NoRoom)
    );
    assert_eq!(
        writer.multiple_resource(6, |sources| {
            sources.integer(ResourceInstance, 0, 1)?;
            sources.integer(Resource, 1, 5)
        }),
        Err(EncodeError::Nesting(Resource))
    );
    assert_eq!(
        writer.integer(ResourceInstance, 0, 1),
        Err(EncodeError::Nesting(ResourceInstance))
    );
    assert_eq!(
        writer.integer(MultipleResource, 0, 1),
        Err(EncodeError::Nesting(MultipleResource))
    );
    assert_eq!(
        writer.object_instance(0, |_| Ok(())),
        Err(EncodeError::Nesting(ObjectInstance))
    );
    assert_eq!(writer.len(), 3);
    writer.integer(Resource, 10, 15).unwrap();
    assert_eq!(writer.finish(), [0xc1, 9, 100, 0xc1, 10, 15]);
}
