//! How much memory a payload can become.

use coap_codec::{Code, ContentFormat as Cf};
use lwm2m_model::{
    Context, Instance, Models, Node, Object, Path, Resource, Value, path,
    payload::{Decoded, Limits, PayloadErrorKind, Quirk, QuirkKind, Timestamped, decode},
};

const TLV: Cf = Cf::TLV;
const JSON: Cf = Cf::SENML_JSON;
const CBOR: Cf = Cf::SENML_CBOR;

/// Instances of one empty resource each: 5 or 6 bytes an instance.
fn tlv_instances(count: u16) -> Vec<u8> {
    let instance = |id: u16| match u8::try_from(id) {
        Ok(id) => vec![0x02, id, 0xc0, 0],
        Err(_) => [&[0x22], &id.to_be_bytes()[..], &[0xc0, 0]].concat(),
    };
    (0..count).flat_map(instance).collect()
}

/// Entries without a value: 2 or 3 bytes each.
fn tlv_empty(kind: u8, count: u16) -> Vec<u8> {
    let entry = |id: u16| match u8::try_from(id) {
        Ok(id) => vec![kind, id],
        Err(_) => [&[kind | 0x20], &id.to_be_bytes()[..]].concat(),
    };
    (0..count).flat_map(entry).collect()
}

/// A multiple resource 0 whose instances have no value.
fn tlv_multiple(count: u16) -> Vec<u8> {
    let content = tlv_empty(0x40, count);
    let len = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[0x98, 0], &len[1..], &content].concat()
}

/// One value at `count` times: the time is all that a record says, the rest is in base fields.
fn json_times(base: &str, count: u16) -> Vec<u8> {
    let first = format!(r#"[{{"bn":"{base}","bv":1,"t":0}}"#);
    let more = (1..count).map(|n| format!(r#",{{"t":{n}}}"#));
    (first + &more.collect::<String>() + "]").into_bytes()
}

fn json_names(base: &str, count: u16, name: impl Fn(u16) -> String) -> Vec<u8> {
    let first = format!(r#"[{{"bn":"{base}","bv":1,"n":"{}"}}"#, name(0));
    let more = (1..count).map(|n| format!(r#",{{"n":"{}"}}"#, name(n)));
    (first + &more.collect::<String>() + "]").into_bytes()
}

/// As [`json_times`].
fn cbor_times(base: &str, count: u16) -> Vec<u8> {
    cbor_records(base, count, |n| [&[0x06], &number(n)[..]].concat())
}

fn cbor_names(base: &str, count: u16, name: impl Fn(u16) -> String) -> Vec<u8> {
    cbor_records(base, count, |n| {
        let name = name(n);
        let head = 0x60 | u8::try_from(name.len()).unwrap();
        [&[0x00, head], name.as_bytes()].concat()
    })
}

/// Records of one field, the first one also with base name and base value 1.
fn cbor_records(base: &str, count: u16, field: impl Fn(u16) -> Vec<u8>) -> Vec<u8> {
    let mut out = vec![0x99];
    out.extend(count.to_be_bytes());
    for n in 0..count {
        out.push(0xa1);
        if n == 0 {
            *out.last_mut().unwrap() = 0xa3;
            out.extend([0x21, 0x60 | u8::try_from(base.len()).unwrap()]);
            out.extend(base.as_bytes());
            out.extend([0x24, 0x01]);
        }
        out.extend(field(n));
    }
    out
}

fn number(n: u16) -> Vec<u8> {
    match (n, u8::try_from(n)) {
        (0..=23, Ok(byte)) => vec![byte],
        (_, Ok(byte)) => vec![0x18, byte],
        _ => [&[0x19], &n.to_be_bytes()[..]].concat(),
    }
}

/// A payload for a target, of so many entries.
type Shape = (&'static str, Cf, Path, fn(u16) -> Vec<u8>);

/// The shapes that make most of a byte.
const SHAPES: [Shape; 10] = [
    ("instances", TLV, path!(33000), |n| tlv_instances(n / 2)),
    ("empty instances", TLV, path!(33000), |n| tlv_empty(0x00, n)),
    ("resources", TLV, path!(33000, 0), |n| tlv_empty(0xc0, n)),
    ("resource instances", TLV, path!(33000, 0, 0), |n| {
        tlv_multiple(n)
    }),
    ("times", JSON, path!(33000), |n| json_times("/33000/0/0", n)),
    ("instances", JSON, path!(33000), |n| {
        json_names("/33000/", n, |n| format!("{n}/0"))
    }),
    ("resources", JSON, path!(33000, 0), |n| {
        json_names("/33000/0/", n, |n| n.to_string())
    }),
    ("times", CBOR, path!(33000), |n| cbor_times("/33000/0/0", n)),
    ("instances", CBOR, path!(33000), |n| {
        cbor_names("/33000/", n, |n| format!("{n}/0"))
    }),
    ("resource instances", CBOR, path!(33000, 0, 0), |n| {
        cbor_names("/33000/0/0/", n, |n| n.to_string())
    }),
];

fn room<T>(list: &Vec<T>) -> usize {
    list.capacity() * size_of::<T>()
}

/// All memory that a decoded payload holds.
fn footprint(decoded: &Decoded) -> usize {
    let older = decoded.older.iter().map(|older| older.node.memory());
    size_of::<Decoded>()
        + decoded.node.memory()
        + older.sum::<usize>()
        + room::<Timestamped>(&decoded.older)
        + room::<Quirk>(&decoded.quirks)
}

#[test]
fn the_memory_of_a_node_counts_everything_below() {
    let text = String::from("twelve bytes");
    let multiple = Resource::multiple(1, vec![(0, Value::Integer(1)), (1, Value::from(&text[..]))]);
    let opaque = Resource::single(2, Value::Opaque(vec![0; 1000].into()));
    let resources = vec![Resource::single(0, 1.5), multiple, opaque];
    let of_resources = 3 * size_of::<Resource>() + 2 * size_of::<(u16, Value)>() + 12 + 1000;
    let instance = Instance::new(0, resources);
    assert_eq!(Node::Instance(instance.clone()).memory(), of_resources);
    let object = Node::Object(Object::new(3, vec![instance]));
    assert_eq!(object.memory(), size_of::<Instance>() + of_resources);
    assert_eq!(Node::ResourceInstance(0, Value::from("a")).memory(), 1);
}

/// What a payload becomes is a small multiple of it, and of its entries.
#[test]
fn the_memory_of_a_payload_is_bounded_by_its_length() {
    let models = Models::builtin();
    let cx = Context::new(&models);
    for (name, format, target, make) in SHAPES {
        for entries in [2, 100, 16_384] {
            let payload = make(entries);
            let decoded = decode(&cx, format, &target, &payload).expect(name);
            let taken = footprint(&decoded);
            let entries = usize::from(entries);
            assert!(
                taken <= 160 * entries + 512 && taken <= 40 * payload.len() + 512,
                "{name} in {format}: {} bytes of {entries} entries take {taken}",
                payload.len()
            );
        }
    }
    // The formats of one value: as many bytes as came.
    let one = |format, target: Path, payload: &[u8], most: usize| {
        let decoded = decode(&cx, format, &target, payload).unwrap();
        let taken = footprint(&decoded);
        assert!(taken <= most + 1024, "{format}: {taken}");
    };
    const MIB: usize = 1 << 20;
    one(Cf::TEXT, path!(33000, 0, 0), &vec![b'x'; MIB], MIB);
    one(Cf::OPAQUE, path!(33000, 0, 0), &vec![0; MIB], MIB);
    let whole = [&[0x5a, 0x00, 0x10, 0x00, 0x00][..], &vec![0; MIB]].concat();
    one(Cf::CBOR, path!(33000, 0, 0), &whole, MIB);
    let chunks = [&[0x5f][..], &[0x41, 7].repeat(MIB / 2), &[0xff]].concat();
    one(Cf::CBOR, path!(33000, 0, 0), &chunks, MIB);
}

/// 1 MiB of entries without values is refused at the first one beyond the limit.
#[test]
fn more_entries_than_the_limit_are_refused_where_it_is_passed() {
    let models = Models::builtin();
    let mut limits = Limits::default();
    assert_eq!(limits.entries, 16_384);
    limits.entries = 600;
    for cx in [
        Context::new(&models),
        Context::new(&models).with_limits(limits),
    ] {
        let limit = u16::try_from(cx.limits.entries).unwrap();
        for (name, format, target, make) in SHAPES {
            assert!(
                decode(&cx, format, &target, &make(limit)).is_ok(),
                "{name} in {format}"
            );
            // An instance with its resource is two entries.
            let more = if (name, format) == ("instances", TLV) {
                2
            } else {
                1
            };
            let payload = make(limit + more);
            let error = decode(&cx, format, &target, &payload).expect_err(name);
            assert_eq!(error.kind, PayloadErrorKind::TooManyEntries(limit.into()));
            assert_eq!(error.code(), Code::REQUEST_ENTITY_TOO_LARGE);
            // The last entry starts before the last byte, and is no longer than this.
            let tail = payload.len() - error.offset;
            assert!(
                (1..=20).contains(&tail),
                "{name} in {format}: {tail} bytes before the end"
            );
        }
    }
    let cx = Context::new(&models);
    let mib = [0xe0, 1, 2].repeat((1 << 20) / 3);
    let error = decode(&cx, TLV, &path!(33000, 0), &mib).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/33000/0: more than 16384 entries in one payload (at byte 49152)"
    );
}

/// What is odd is told up to a limit, and then that there is more.
#[test]
fn quirks_beyond_the_limit_are_summed_up() {
    let models = Models::builtin();
    let cx = Context::new(&models);
    let quirks = |count: u16| {
        let decoded = decode(&cx, TLV, &path!(3, 0), &tlv_empty(0xc0, 100 + count)[200..]).unwrap();
        decoded.quirks
    };
    let told = quirks(256);
    assert_eq!(told.len(), 256);
    assert!(
        told.iter()
            .all(|quirk| quirk.kind == QuirkKind::UnknownResource)
    );
    let told = quirks(400);
    assert_eq!(told.len(), 256);
    let (last, others) = told.split_last().unwrap();
    assert!(
        others
            .iter()
            .all(|quirk| quirk.kind == QuirkKind::UnknownResource)
    );
    assert_eq!(last.kind, QuirkKind::More);
}
