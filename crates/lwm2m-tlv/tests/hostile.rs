//! Inputs that broke other implementations (the catalogue of hostile inputs, group K).
#![cfg(feature = "alloc")]

mod common;

use common::{hex, value, walk};
use lwm2m_tlv::{DecodeErrorKind, Kind, MAX_VALUE_LEN, Reader, Writer, to_vec};

const DEVICE: &str = "C800144F70656E204D6F62696C6520416C6C69616E6365
    C801164C69676874776569676874204D324D20436C69656E74 C80209333435303030313233 C303312E30
    8606410001410105 88070842000ED842011388 870841007D42010384 C10964 C10A0F 830B410000
    C40D5182428F C60E2B30323A3030 C11055";

/// CVE-2020-13602: an unknown type made no progress.
#[test]
fn hostile_k01_each_type_byte_alone_and_repeated() {
    for byte in 0..=u8::MAX {
        for count in 1..=600 {
            let bytes = vec![byte; count];
            let walk = walk(&bytes);
            assert!(
                walk.entries * 2 <= 3 * count,
                "{byte:02x} × {count}: {walk:?}"
            );
            assert!(walk.depth <= 3);
        }
        let bytes = vec![byte; 65_536];
        let walk = walk(&bytes);
        assert!(walk.entries <= 3 * 65_536 / 2, "{byte:02x}: {walk:?}");
    }
}

/// contiki-ng #3165: the length of the buffer was never looked at.
#[test]
fn hostile_k02_every_truncation() {
    let device = hex(DEVICE);
    let instance = [&[0x08, 0x00, 0x79][..], &device].concat();
    let whole: Vec<usize> = Reader::new(&device)
        .map(|entry| entry.unwrap().offset)
        .chain([device.len()])
        .collect();
    for len in 0..device.len() {
        let error = Reader::new(&device[..len]).find_map(Result::err);
        assert_eq!(error.is_none(), whole.contains(&len), "{len} bytes");
        let entries = Reader::new(&instance[..len + 3])
            .filter(Result::is_ok)
            .count();
        assert_eq!(entries, 0);
    }
    assert!(Reader::new(&instance).all(|entry| entry.is_ok()));
}

#[test]
fn hostile_k02_last_entry_claims_16_mib() {
    for claim in [
        "D800FFFFFF",
        "F80000FFFFFF",
        "1800FFFFFF",
        "9800FFFFFF",
        "D0FFFFFF",
    ] {
        let bytes = [hex(claim), vec![0; 200]].concat();
        let error = Reader::new(&bytes).next().unwrap().unwrap_err();
        assert_eq!((error.offset, error.kind), (0, DecodeErrorKind::Truncated));
    }
    // The claim inside a container ends at the container, not at the payload.
    let bytes = hex("0006 D800FFFFFF00 0000");
    let bytes = [vec![0x06], bytes[1..].to_vec()].concat();
    let instance = value(&bytes);
    assert_eq!(instance.kind, Kind::ObjectInstance);
    let error = instance.nested().unwrap().next().unwrap().unwrap_err();
    assert_eq!((error.offset, error.kind), (2, DecodeErrorKind::Truncated));
}

/// contiki-ng #3166: numbers of lengths that do not exist.
#[test]
fn hostile_k03_numbers_of_any_length() {
    for len in 0..=20_usize {
        let bytes = to_vec(|w| w.opaque(Kind::Resource, 1, &vec![0x40; len])).unwrap();
        let entry = value(&bytes);
        let refused = DecodeErrorKind::Length(len);
        let kind = |error: lwm2m_tlv::DecodeError| {
            assert_eq!(error.offset, entry.value_offset());
            error.kind
        };
        let integer = matches!(len, 1 | 2 | 4 | 8);
        assert_eq!(
            entry.integer().map_err(kind).err(),
            (!integer).then_some(refused)
        );
        assert_eq!(
            entry.unsigned().map_err(kind).err(),
            (!integer).then_some(refused)
        );
        assert_eq!(
            entry.time().map_err(kind).err(),
            (!integer).then_some(refused)
        );
        let float = matches!(len, 4 | 8);
        assert_eq!(
            entry.float().map_err(kind).err(),
            (!float).then_some(refused)
        );
        assert_eq!(
            entry.object_link().map_err(kind).err(),
            (len != 4).then_some(refused)
        );
        assert!(entry.boolean().is_err());
        assert_eq!(entry.boolean().is_err_and(|e| e.kind == refused), len != 1);
    }
}

/// AwaLWM2M #43: a header of 6 bytes in space for 5.
#[test]
fn hostile_k04_longest_header() {
    let content = vec![0xa5; 70_000];
    let bytes = to_vec(|w| w.opaque(Kind::Resource, 65_535, &content)).unwrap();
    assert_eq!(bytes.len(), 70_006);
    assert_eq!(bytes[..6], hex("F8FFFF011170"));
    let entry = value(&bytes);
    assert_eq!((entry.id, entry.value), (65_535, &content[..]));
    for size in 0..70_006 {
        // Each size up to the header, then a few: the content does not matter.
        if size > 20 && size % 7_000 != 5 {
            continue;
        }
        let mut out = vec![0x77; 70_010];
        let mut writer = Writer::new(&mut out[..size]);
        assert!(writer.opaque(Kind::Resource, 65_535, &content).is_err());
        assert_eq!(out, vec![0x77; 70_010], "a refused entry writes nothing");
    }
    // As a container, whose header is written after its content.
    let bytes = to_vec(|w| {
        w.object_instance(65_535, |inner| {
            inner.opaque(Kind::Resource, 65_535, &content)
        })
    })
    .unwrap();
    assert_eq!(bytes[..6], hex("38FFFF011176"));
    assert_eq!(bytes.len(), 70_012);
}

#[test]
fn hostile_k04_longest_value() {
    let content = vec![0; MAX_VALUE_LEN];
    let bytes = to_vec(|w| w.opaque(Kind::Resource, 0, &content)).unwrap();
    assert_eq!(value(&bytes).value.len(), MAX_VALUE_LEN);
}

/// Resource inside object instance inside object instance…
#[test]
fn hostile_k07_nesting_ends_by_grammar() {
    let long = std::env::var_os("LWM2M_LONG").is_some();
    let most = if long { 10_000 } else { 1_000 };
    for head in [0x10_u8, 0x90] {
        let mut bytes: Vec<u8> = Vec::new();
        for depth in 1..=most {
            // 16-bit length in front of what there is.
            let Ok(len) = u16::try_from(bytes.len()) else {
                break;
            };
            bytes.splice(0..0, [[head, 0], len.to_be_bytes()].concat());
            let walk = walk(&bytes);
            assert!(walk.depth <= 3, "depth {depth}: {walk:?}");
            assert_eq!(walk.errors, usize::from(depth > 1), "depth {depth}");
            assert!(walk.entries <= 1);
        }
    }
    // All kinds in turn.
    for inner in [0x10_u8, 0x50, 0x90, 0xd0] {
        for middle in [0x10_u8, 0x50, 0x90, 0xd0] {
            let bytes = [
                0x10, 0, 0, 12, middle, 0, 0, 8, inner, 0, 0, 4, 0xc2, 0, 1, 1,
            ];
            assert!(walk(&bytes).depth <= 3);
        }
    }
}
