//! Every operation with the codes of the transport binding, row by row.

mod common;

use coap_codec::{Code, ContentFormat};
use common::*;
use device_core::{Config, Device, Served, TableObject};
use lwm2m_model::{
    Instance, Lwm2mVersion, Node, ObjectDef, ObjectLink, Operations, Path, Resource, ResourceDef,
    ResourceValue, Value, ValueType, Version,
};
use lwm2m_ops::{
    Arguments, Cancel, Create, Delete, Discover, Downlink, Execute, Observe, Read, Reply, Write,
    WriteMode,
};

const TEXT: ContentFormat = ContentFormat::TEXT;
const TLV: ContentFormat = ContentFormat::TLV;
const JSON: ContentFormat = ContentFormat::SENML_JSON;

/// An object with a resource of every kind.
///
/// `/32769/0`: 0 RW text, 1 R integer 0..10, 2 W text, 3 RW multiple integer, 4 E, 5 RW link, 6 RW integer mandatory,
/// 7 RW opaque, 8 RW float, not supported.
fn kinds() -> TableObject {
    let def = ObjectDef::new(32_769, "Kinds", Version::V1_0)
        .with_multiple(true)
        .with_resource(ResourceDef::new(
            0,
            "Text",
            Operations::RW,
            ValueType::String,
        ))
        .with_resource(
            ResourceDef::new(1, "Number", Operations::R, ValueType::Integer).with_range("0..10"),
        )
        .with_resource(ResourceDef::new(
            2,
            "Secret",
            Operations::W,
            ValueType::String,
        ))
        .with_resource(
            ResourceDef::new(3, "List", Operations::RW, ValueType::Integer).with_multiple(true),
        )
        .with_resource(ResourceDef::new(4, "Do", Operations::E, ValueType::None))
        .with_resource(ResourceDef::new(
            5,
            "Link",
            Operations::RW,
            ValueType::ObjectLink,
        ))
        .with_resource(
            ResourceDef::new(6, "Must", Operations::RW, ValueType::Integer)
                .with_mandatory(true)
                .with_range("0..100"),
        )
        .with_resource(ResourceDef::new(
            7,
            "Blob",
            Operations::RW,
            ValueType::Opaque,
        ))
        .with_resource(ResourceDef::new(
            8,
            "Other",
            Operations::RW,
            ValueType::Float,
        ));
    let list = vec![(0, Value::Integer(10)), (1, Value::Integer(11))];
    TableObject::new(def)
        .with_instance(
            0,
            [
                Resource::single(0, "text"),
                Resource::single(1, Value::Integer(7)),
                Resource::multiple(3, list),
                Resource::single(5, Value::ObjectLink(ObjectLink::NULL)),
                Resource::single(6, Value::Integer(1)),
                Resource::single(7, Value::Opaque(b"\x01\x02".as_slice().into())),
            ],
        )
        .with_support(2)
        .with_executable(4)
}

fn bench() -> Device {
    let mut device = device([account(ONE, 86_400)]);
    device.add_object(kinds()).unwrap();
    registered(device)
}

fn read(device: &mut Device, target: &str, accept: Option<ContentFormat>) -> Served {
    let read = Read::new(path(target), accept).unwrap();
    device.serve(at(1), ONE, &Downlink::Read(read))
}

fn write(
    device: &mut Device,
    mode: WriteMode,
    target: &str,
    format: ContentFormat,
    payload: &[u8],
) -> Code {
    let write = Write::new(path(target), mode, format, payload.to_vec()).unwrap();
    code(device.serve(at(1), ONE, &Downlink::Write(write)))
}

fn put(device: &mut Device, target: &str, format: ContentFormat, payload: &[u8]) -> Code {
    write(device, WriteMode::Replace, target, format, payload)
}

fn post(device: &mut Device, target: &str, format: ContentFormat, payload: &[u8]) -> Code {
    write(device, WriteMode::Partial, target, format, payload)
}

fn create(device: &mut Device, object: u16, format: ContentFormat, payload: &[u8]) -> Reply {
    let create = Create::new(object, format, payload.to_vec()).unwrap();
    reply(device.serve(at(1), ONE, &Downlink::Create(create)))
}

fn delete(device: &mut Device, target: &str) -> Code {
    let delete = Delete::new(path(target)).unwrap();
    code(device.serve(at(1), ONE, &Downlink::Delete(delete)))
}

fn discover(device: &mut Device, target: &str) -> Reply {
    let discover = Discover::new(path(target)).unwrap();
    reply(device.serve(at(1), ONE, &Downlink::Discover(discover)))
}

fn value(device: &Device, target: &str) -> Option<ResourceValue> {
    match device.tree().node(&path(target))? {
        Node::Resource(resource) => Some(resource.value),
        Node::ResourceInstance(_, value) => Some(ResourceValue::Single(value)),
        _ => None,
    }
}

fn single(value: impl Into<Value>) -> Option<ResourceValue> {
    Some(ResourceValue::Single(value.into()))
}

fn list(values: &[(u16, i64)]) -> Option<ResourceValue> {
    let values = values
        .iter()
        .map(|(id, value)| (*id, Value::Integer(*value)));
    Some(ResourceValue::Multiple(values.collect()))
}

/// LwM2M Core, device management §1.
#[test]
fn read_codes() {
    let mut device = bench();
    for (target, accept, want) in [
        ("/32769", None, Code::CONTENT),
        ("/32769/0", None, Code::CONTENT),
        ("/32769/0/0", None, Code::CONTENT),
        ("/32769/0/3", None, Code::CONTENT),
        ("/32769/0/3/1", None, Code::CONTENT),
        ("/32769/0/0", Some(TEXT), Code::CONTENT),
        ("/32769/0/7", Some(ContentFormat::OPAQUE), Code::CONTENT),
        ("/32769/0/3/1", Some(ContentFormat::CBOR), Code::CONTENT),
        // No such thing.
        ("/32770", None, Code::NOT_FOUND),
        ("/32769/1", None, Code::NOT_FOUND),
        ("/32769/1/0", None, Code::NOT_FOUND),
        ("/32769/0/99", None, Code::NOT_FOUND),
        ("/32769/0/8", None, Code::NOT_FOUND),
        ("/32769/0/2", None, Code::NOT_FOUND),
        ("/32769/0/3/9", None, Code::NOT_FOUND),
        // There, and not to be read.
        ("/32769/0/4", None, Code::METHOD_NOT_ALLOWED),
        ("/32769/0/0/0", None, Code::METHOD_NOT_ALLOWED),
        // Ruling 16: objects 0 and 21, existing or not.
        ("/0", None, Code::UNAUTHORIZED),
        ("/0/0/0", None, Code::UNAUTHORIZED),
        ("/21/7", None, Code::UNAUTHORIZED),
        // Unsupported, or unsuitable for the level.
        (
            "/32769/0/0",
            Some(ContentFormat(65_000)),
            Code::NOT_ACCEPTABLE,
        ),
        ("/32769/0", Some(TEXT), Code::NOT_ACCEPTABLE),
        ("/32769/0/3", Some(TEXT), Code::NOT_ACCEPTABLE),
        (
            "/32769/0/0",
            Some(ContentFormat::OPAQUE),
            Code::NOT_ACCEPTABLE,
        ),
        // 4.04 goes before 4.06.
        ("/32769/0/99", Some(ContentFormat(65_000)), Code::NOT_FOUND),
    ] {
        assert_eq!(
            code(read(&mut device, target, accept)),
            want,
            "{target} {accept:?}"
        );
    }
}

#[test]
fn read_leaves_out_what_cannot_be_read() {
    let mut device = bench();
    assert_eq!(put(&mut device, "/32769/0/2", TEXT, b"hush"), Code::CHANGED);
    assert_eq!(
        code(read(&mut device, "/32769/0/2", None)),
        Code::METHOD_NOT_ALLOWED
    );
    let Reply::Content { payload, .. } = reply(read(&mut device, "/32769/0", Some(JSON))) else {
        panic!()
    };
    let text = core::str::from_utf8(&payload).unwrap();
    assert!(!text.contains("hush") && text.contains("text"), "{text}");
}

#[test]
fn an_object_without_instances_is_read_as_nothing() {
    let mut device = device([account(ONE, 60)]);
    let def = ObjectDef::new(32_770, "Empty", Version::V1_0).with_multiple(true);
    device.add_object(TableObject::new(def)).unwrap();
    let mut device = registered(device);
    let read = reply(read(&mut device, "/32770", Some(TLV)));
    assert_eq!(read, Reply::content(TLV, b"".as_slice()));
}

/// LwM2M Core, device management §2.
#[test]
fn discover_per_level() {
    let mut device = bench();
    for (target, want) in [
        (
            "/32769",
            "</32769>,</32769/0>,</32769/0/0>,</32769/0/1>,</32769/0/3>;dim=2,</32769/0/4>,\
             </32769/0/5>,</32769/0/6>,</32769/0/7>",
        ),
        (
            "/3303/0",
            "</3303/0>,</3303/0/5601>,</3303/0/5602>,</3303/0/5605>,</3303/0/5700>,</3303/0/5701>",
        ),
        (
            "/32769/0/3",
            "</32769/0/3>;dim=2,</32769/0/3/0>,</32769/0/3/1>",
        ),
        ("/32769/0/4", "</32769/0/4>"),
    ] {
        let want = Reply::content(ContentFormat::LINK, want.as_bytes().to_vec());
        assert_eq!(discover(&mut device, target), want, "{target}");
    }
    // Object 3303 is 1.1 here, which no enabler ships with.
    let Reply::Content { payload, .. } = discover(&mut device, "/3303") else {
        panic!()
    };
    assert!(payload.starts_with(b"</3303>;ver=1.1,</3303/0>"));
    for (target, want) in [
        ("/32770", Code::NOT_FOUND),
        ("/32769/9", Code::NOT_FOUND),
        ("/32769/0/99", Code::NOT_FOUND),
        ("/0", Code::UNAUTHORIZED),
    ] {
        assert_eq!(discover(&mut device, target).code(), want, "{target}");
    }
}

/// `depth` came with LwM2M 1.2; before, it is ignored.
#[test]
fn discover_with_a_depth() {
    let mut config = Config::new("bench");
    config.newest_version = Lwm2mVersion::V1_2;
    let mut device = device_with(config, [account(ONE, 60)]);
    device.add_object(kinds()).unwrap();
    let mut new = registered(device);
    let mut old = bench();
    let links = |device: &mut Device, target: &str, depth| {
        let discover = Discover::new(path(target))
            .unwrap()
            .with_depth(depth)
            .unwrap();
        match reply(device.serve(at(1), ONE, &Downlink::Discover(discover))) {
            Reply::Content { payload, .. } => String::from_utf8(payload.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(links(&mut new, "/32769", 0), "</32769>");
    assert_eq!(links(&mut new, "/32769", 1), "</32769>,</32769/0>");
    assert_eq!(links(&mut new, "/32769/0/3", 0), "</32769/0/3>;dim=2");
    assert!(links(&mut new, "/32769/0", 2).contains("</32769/0/3>;dim=2,</32769/0/3/0>,"));
    assert!(links(&mut old, "/32769", 0).contains("</32769/0/7>"));
}

/// LwM2M Core, device management §3: one resource.
#[test]
fn write_codes() {
    let mut device = bench();
    for (target, format, payload, want) in [
        ("/32769/0/0", TEXT, &b"new"[..], Code::CHANGED),
        ("/32769/0/2", TEXT, b"new", Code::CHANGED),
        ("/32769/0/3/1", TEXT, b"12", Code::CHANGED),
        ("/32769/0/5", TEXT, b"3:0", Code::CHANGED),
        ("/32769/0/5", TEXT, b"3:65535", Code::CHANGED),
        ("/32769/0/5", TEXT, b"65535:65535", Code::CHANGED),
        ("/32769/0/6", TEXT, b"100", Code::CHANGED),
        ("/32769/0/7", ContentFormat::OPAQUE, b"\x00", Code::CHANGED),
        ("/32770/0/0", TEXT, b"x", Code::NOT_FOUND),
        ("/32769/1/0", TEXT, b"x", Code::NOT_FOUND),
        ("/32769/0/99", TEXT, b"x", Code::NOT_FOUND),
        ("/32769/0/8", TEXT, b"1.5", Code::NOT_FOUND),
        ("/32769/0/3/9", TEXT, b"1", Code::NOT_FOUND),
        ("/0/0/0", TEXT, b"x", Code::UNAUTHORIZED),
        ("/21/0/0", TEXT, b"x", Code::UNAUTHORIZED),
        ("/32769/0/1", TEXT, b"1", Code::METHOD_NOT_ALLOWED),
        ("/32769/0/4", TEXT, b"1", Code::METHOD_NOT_ALLOWED),
        ("/32769/0/0/0", TEXT, b"1", Code::METHOD_NOT_ALLOWED),
        // Read-only goes before an unknown format, which goes before a bad value.
        (
            "/32769/0/1",
            ContentFormat(65_000),
            b"1",
            Code::METHOD_NOT_ALLOWED,
        ),
        (
            "/32769/0/6",
            ContentFormat(65_000),
            b"x",
            Code::UNSUPPORTED_CONTENT_FORMAT,
        ),
        ("/32769/0/3", TEXT, b"1", Code::UNSUPPORTED_CONTENT_FORMAT),
        ("/32769/0/6", TEXT, b"x", Code::BAD_REQUEST),
        ("/32769/0/6", TEXT, b"", Code::BAD_REQUEST),
        ("/32769/0/6", TEXT, b"101", Code::BAD_REQUEST),
        ("/32769/0/5", TEXT, b"3:1", Code::BAD_REQUEST),
        ("/32769/0/5", TEXT, b"9:65535", Code::BAD_REQUEST),
        // TLV of resource 0 where resource 6 is asked for.
        ("/32769/0/6", TLV, b"\xc1\x00\x05", Code::BAD_REQUEST),
    ] {
        assert_eq!(
            put(&mut device, target, format, payload),
            want,
            "{target} {payload:?}"
        );
    }
    // More values than are taken at a time: nothing of them is kept.
    let instances: Vec<u8> = (0..20_000_u16)
        .flat_map(|id| [&[0x61], &id.to_be_bytes()[..], &[1]].concat())
        .collect();
    let len = u32::try_from(instances.len()).unwrap().to_be_bytes();
    let payload = [&[0x98, 3], &len[1..], &instances].concat();
    assert_eq!(
        put(&mut device, "/32769/0/3", TLV, &payload),
        Code::REQUEST_ENTITY_TOO_LARGE
    );
    assert_eq!(value(&device, "/32769/0/0"), single("new"));
    assert_eq!(value(&device, "/32769/0/3"), list(&[(0, 10), (1, 12)]));
    assert_eq!(value(&device, "/32769/0/6"), single(Value::Integer(100)));
}

/// K23: "write to each R-only resource → 4.05", Short Server ID among them.
#[test]
fn hostile_k23_read_only_resources_are_not_written() {
    let mut device = bench();
    let mut seen = 0;
    let mut targets = Vec::new();
    for object in device.tree().iter() {
        for instance in object.instances() {
            for resource in object.resources(instance) {
                let def = object.definition().resource(resource).unwrap();
                if !def.operations().write {
                    let id = object.definition().id();
                    targets.push(Path::resource(id, instance, resource).unwrap());
                }
            }
        }
    }
    for target in targets {
        let before = device.tree().node(&target);
        for format in [TEXT, TLV, JSON] {
            let want = Code::METHOD_NOT_ALLOWED;
            assert_eq!(
                put(&mut device, &target.to_string(), format, b"1"),
                want,
                "{target}"
            );
        }
        assert_eq!(device.tree().node(&target), before);
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
    assert_eq!(
        put(&mut device, "/1/0/0", TEXT, b"2"),
        Code::METHOD_NOT_ALLOWED
    );
    // And the device lives on.
    assert_eq!(code(read(&mut device, "/1/0/0", None)), Code::CONTENT);
}

/// LwM2M Core, device management §3, the example of the specification: {0:Red,1:Green}, then {1:Yellow,3:Blue}.
#[test]
fn a_multiple_resource_replaced_or_merged() {
    // 0x86 0x03: multiple resource 3 with six bytes: 0x41 0x01 0x0c, 0x41 0x03 0x0d.
    let payload = b"\x86\x03\x41\x01\x0c\x41\x03\x0d";
    let mut device = bench();
    assert_eq!(put(&mut device, "/32769/0/3", TLV, payload), Code::CHANGED);
    assert_eq!(value(&device, "/32769/0/3"), list(&[(1, 12), (3, 13)]));
    let mut device = bench();
    assert_eq!(post(&mut device, "/32769/0", TLV, payload), Code::CHANGED);
    assert_eq!(
        value(&device, "/32769/0/3"),
        list(&[(0, 10), (1, 12), (3, 13)])
    );
    let mut device = bench();
    assert_eq!(post(&mut device, "/32769/0/3", TLV, payload), Code::CHANGED);
    assert_eq!(
        value(&device, "/32769/0/3"),
        list(&[(0, 10), (1, 12), (3, 13)])
    );
}

#[test]
fn an_instance_replaced_or_updated() {
    // Resource 6 = 5, and 0 is not told.
    let payload = b"\xc1\x06\x05";
    let mut device = bench();
    assert_eq!(post(&mut device, "/32769/0", TLV, payload), Code::CHANGED);
    assert_eq!(value(&device, "/32769/0/6"), single(Value::Integer(5)));
    assert_eq!(value(&device, "/32769/0/0"), single("text"));
    // Replace takes optional writable ones away; read-only and mandatory ones stay.
    let mut device = bench();
    assert_eq!(
        put(&mut device, "/32769/0", TLV, b"\xc3\x00new"),
        Code::CHANGED
    );
    assert_eq!(value(&device, "/32769/0/0"), single("new"));
    assert_eq!(value(&device, "/32769/0/6"), single(Value::Integer(1)));
    assert_eq!(value(&device, "/32769/0/1"), single(Value::Integer(7)));
    assert_eq!(value(&device, "/32769/0/3"), None);
    assert_eq!(value(&device, "/32769/0/7"), None);
    // And such a resource can be written into being again.
    assert_eq!(code(read(&mut device, "/32769/0/7", None)), Code::NOT_FOUND);
    assert_eq!(
        put(&mut device, "/32769/0/7", ContentFormat::OPAQUE, b"x"),
        Code::CHANGED
    );
}

/// LwM2M Core, device management §3: "if any conveyed known resource is not writable → 4.05, nothing written".
#[test]
fn a_write_is_whole_or_nothing() {
    for (payload, want) in [
        // 6 = 5, then read-only 1 = 5.
        (&b"\xc1\x06\x05\xc1\x01\x05"[..], Code::METHOD_NOT_ALLOWED),
        // 6 = 5, then 5 = a link to nothing.
        (b"\xc1\x06\x05\xc4\x05\x00\x09\x00\x00", Code::BAD_REQUEST),
        // 0 = "a", then 6 out of range.
        (b"\xc1\x00a\xc1\x06\x65", Code::BAD_REQUEST),
        // 6 = 5, then the end of the payload in the middle.
        (b"\xc1\x06\x05\xc4\x00", Code::BAD_REQUEST),
    ] {
        for mode in [WriteMode::Replace, WriteMode::Partial] {
            let mut device = bench();
            let before = device.tree().node(&path("/32769/0"));
            assert_eq!(
                write(&mut device, mode, "/32769/0", TLV, payload),
                want,
                "{payload:?}"
            );
            assert_eq!(device.tree().node(&path("/32769/0")), before);
            assert_eq!(events(&mut device), [""; 0]);
        }
    }
}

/// "Unknown or unsupported optional resources MUST NOT be an error."
#[test]
fn unknown_resources_in_an_instance_are_passed_over() {
    let mut device = bench();
    // 99 = 1, 8 (not supported) = 1.0 as four bytes, 6 = 5.
    let payload = b"\xc1\x63\x01\xc4\x08\x3f\x80\x00\x00\xc1\x06\x05";
    assert_eq!(post(&mut device, "/32769/0", TLV, payload), Code::CHANGED);
    assert_eq!(value(&device, "/32769/0/6"), single(Value::Integer(5)));
    assert_eq!(value(&device, "/32769/0/8"), None);
}

/// C12: sizes at the edges, and the device lives on.
#[test]
fn hostile_c12_sizes_of_values() {
    let mut device = bench();
    for len in [1, 13, 33, 64 * 1024] {
        let digits = vec![b'9'; len];
        let want = if len == 1 {
            Code::CHANGED
        } else {
            Code::BAD_REQUEST
        };
        assert_eq!(
            put(&mut device, "/32769/0/6", TEXT, &digits),
            want,
            "{len} digits"
        );
        assert_eq!(put(&mut device, "/32769/0/0", TEXT, &digits), Code::CHANGED);
        assert_eq!(
            code(read(&mut device, "/32769/0/0", Some(TEXT))),
            Code::CONTENT
        );
    }
    for empty in [
        TEXT,
        TLV,
        JSON,
        ContentFormat::CBOR,
        ContentFormat::SENML_CBOR,
    ] {
        assert_eq!(
            put(&mut device, "/32769/0/6", empty, b""),
            Code::BAD_REQUEST,
            "{empty}"
        );
    }
    // As many resource instances as one may get, and one more.
    let tlv = |count: u16| {
        let mut items = Vec::new();
        for id in 0..count {
            items.extend([0x61, (id >> 8) as u8, id as u8, 1]);
        }
        let mut bytes = vec![0x90, 0x03, (items.len() >> 8) as u8, items.len() as u8];
        bytes.extend(items);
        bytes
    };
    assert_eq!(
        put(&mut device, "/32769/0/3", TLV, &tlv(256)),
        Code::CHANGED
    );
    assert_eq!(
        put(&mut device, "/32769/0/3", TLV, &tlv(257)),
        Code::BAD_REQUEST
    );
    assert_eq!(
        post(
            &mut device,
            "/32769/0/3",
            TLV,
            b"\x84\x03\x62\xff\xfe\x00\x01"
        ),
        Code::BAD_REQUEST
    );
}

/// LwM2M Core, device management §5.
#[test]
fn execute_codes() {
    let mut device = bench();
    for (target, want) in [
        ("/32769/0/4", Code::CHANGED),
        ("/3/0/4", Code::CHANGED),
        ("/3303/0/5605", Code::CHANGED),
        ("/32769/0/0", Code::METHOD_NOT_ALLOWED),
        ("/32769/0/99", Code::NOT_FOUND),
        ("/32769/1/4", Code::NOT_FOUND),
        ("/32770/0/4", Code::NOT_FOUND),
        ("/0/0/4", Code::UNAUTHORIZED),
        ("/21/0/0", Code::UNAUTHORIZED),
    ] {
        assert_eq!(execute(&mut device, at(1), ONE, target), want, "{target}");
    }
    let want = [
        "executed 1 /32769/0/4",
        "executed 1 /3/0/4",
        "executed 1 /3303/0/5605",
    ];
    assert_eq!(events(&mut device), want);
}

#[test]
fn an_application_that_does_not_listen_loses_the_oldest_events() {
    let mut config = Config::new("bench");
    config.max_events = 2;
    let mut device = registered(device_with(config, [account(ONE, 60)]));
    for target in ["/3/0/4", "/3/0/5", "/3/0/12"] {
        assert_eq!(execute(&mut device, at(1), ONE, target), Code::CHANGED);
    }
    assert_eq!(device.lost_events(), 1);
    assert_eq!(
        events(&mut device),
        ["executed 1 /3/0/5", "executed 1 /3/0/12"]
    );
}

#[test]
fn execute_hands_over_the_arguments() {
    let mut device = bench();
    let arguments = Arguments::parse("0='x',3").unwrap();
    let operation = Execute::new(path("/32769/0/4"), arguments.clone()).unwrap();
    device.serve(at(1), ONE, &Downlink::Execute(operation));
    match device.poll_event() {
        Some(device_core::Event::Executed {
            arguments: told, ..
        }) => assert_eq!(told, arguments),
        other => panic!("{other:?}"),
    }
}

fn creatable() -> Device {
    let mut device = device([account(ONE, 86_400)]);
    let object = kinds()
        .with_create([Resource::single(1, Value::Integer(0))])
        .with_max_instances(3);
    device.add_object(object).unwrap();
    registered(device)
}

/// LwM2M Core, device management §6.
#[test]
fn create_codes() {
    let mut device = creatable();
    // Resource 6 = 5: the device chooses the id, and says so.
    let one = b"\xc1\x06\x05";
    assert_eq!(
        create(&mut device, 32_769, TLV, one),
        Reply::Created(Some(path("/32769/1")))
    );
    assert_eq!(value(&device, "/32769/1/6"), single(Value::Integer(5)));
    assert_eq!(value(&device, "/32769/1/0"), None);
    // Instance 9 with resource 6 = 5: the server chose it.
    let nine = b"\x03\x09\xc1\x06\x05";
    assert_eq!(create(&mut device, 32_769, TLV, nine), Reply::Created(None));
    assert_eq!(value(&device, "/32769/9/6"), single(Value::Integer(5)));
    let sent = effects(&mut device, at(1));
    assert_eq!(texts(&sent), ["update 1 objects=1,3,3303,32769"]);
    for (object, format, payload, want) in [
        // It exists.
        (32_769, TLV, &nine[..], Code::BAD_REQUEST),
        // No room.
        (32_769, TLV, b"\x03\x0a\xc1\x06\x05", Code::BAD_REQUEST),
        (32_770, TLV, one, Code::NOT_FOUND),
        (0, TLV, one, Code::UNAUTHORIZED),
        (21, TLV, one, Code::UNAUTHORIZED),
        (3303, TLV, b"", Code::METHOD_NOT_ALLOWED),
        (1, TLV, b"", Code::METHOD_NOT_ALLOWED),
        (
            32_769,
            ContentFormat(65_000),
            one,
            Code::UNSUPPORTED_CONTENT_FORMAT,
        ),
        (32_769, TLV, b"\xc1", Code::BAD_REQUEST),
    ] {
        let got = create(&mut device, object, format, payload).code();
        assert_eq!(got, want, "{object} {format} {payload:?}");
    }
    assert_eq!(
        events(&mut device),
        ["created 1 /32769/1", "created 1 /32769/9"]
    );
}

#[test]
fn create_needs_what_is_mandatory_and_is_whole_or_nothing() {
    let mut device = creatable();
    assert_eq!(
        create(&mut device, 32_769, TLV, b"\xc1\x00a").code(),
        Code::BAD_REQUEST
    );
    // Two instances, the second of which has a bad value.
    let payload = b"\x03\x05\xc1\x06\x05\x03\x06\xc1\x06\x65";
    assert_eq!(
        create(&mut device, 32_769, TLV, payload).code(),
        Code::BAD_REQUEST
    );
    assert_eq!(device.tree().node(&path("/32769/5")), None);
    // Read-only values are ignored, unknown ones too.
    let payload = b"\xc1\x06\x05\xc1\x01\x63\xc1\x63\x01";
    assert_eq!(
        create(&mut device, 32_769, TLV, payload).code(),
        Code::CREATED
    );
    assert_eq!(value(&device, "/32769/1/1"), None);
}

#[test]
fn a_single_instance_object_is_created_at_most_once() {
    let def = ObjectDef::new(32_770, "One", Version::V1_0).with_resource(ResourceDef::new(
        0,
        "Text",
        Operations::RW,
        ValueType::String,
    ));
    let mut device = device([account(ONE, 60)]);
    device
        .add_object(TableObject::new(def).with_create([]))
        .unwrap();
    let mut device = registered(device);
    // Instance 1 is none that such an object may have.
    assert_eq!(
        create(&mut device, 32_770, TLV, b"\x03\x01\xc1\x00a").code(),
        Code::BAD_REQUEST
    );
    assert_eq!(
        create(&mut device, 32_770, TLV, b"\xc1\x00a").code(),
        Code::CREATED
    );
    assert_eq!(value(&device, "/32770/0/0"), single("a"));
    assert_eq!(
        create(&mut device, 32_770, TLV, b"\xc1\x00a").code(),
        Code::BAD_REQUEST
    );
}

/// LwM2M Core, device management §7.
#[test]
fn delete_codes() {
    let mut device = creatable();
    for (target, want) in [
        ("/32769/0", Code::DELETED),
        ("/32769/0", Code::NOT_FOUND),
        ("/32770/0", Code::NOT_FOUND),
        ("/3/0", Code::METHOD_NOT_ALLOWED),
        ("/1/0", Code::METHOD_NOT_ALLOWED),
        ("/3303/0", Code::METHOD_NOT_ALLOWED),
        ("/0/0", Code::UNAUTHORIZED),
        ("/21/0", Code::UNAUTHORIZED),
    ] {
        assert_eq!(delete(&mut device, target), want, "{target}");
    }
    assert_eq!(events(&mut device), ["deleted 1 /32769/0"]);
    assert_eq!(
        texts(&effects(&mut device, at(1))),
        ["update 1 objects=1,3,3303,32769"]
    );
    assert_eq!(
        device.add_instance(32_769, Instance::new(4, vec![])),
        Ok(())
    );
}

/// Deleting a resource instance came with LwM2M 1.2.
#[test]
fn delete_a_resource_instance() {
    let mut device = bench();
    assert_eq!(
        delete(&mut device, "/32769/0/3/0"),
        Code::METHOD_NOT_ALLOWED
    );
    let mut config = Config::new("bench");
    config.newest_version = Lwm2mVersion::V1_2;
    let mut device = device_with(config, [account(ONE, 60)]);
    device.add_object(kinds()).unwrap();
    let mut device = registered(device);
    assert_eq!(delete(&mut device, "/32769/0/3/0"), Code::DELETED);
    assert_eq!(value(&device, "/32769/0/3"), list(&[(1, 11)]));
    assert_eq!(delete(&mut device, "/32769/0/3/0"), Code::NOT_FOUND);
    assert_eq!(
        delete(&mut device, "/32769/0/0/0"),
        Code::METHOD_NOT_ALLOWED
    );
}

/// LwM2M Core, registration §5: "client MUST ignore DM/IR requests until its registration completed".
#[test]
fn nothing_is_answered_before_the_registration() {
    let mut device = device([account(ONE, 60), account(TWO, 60)]);
    let read = Downlink::Read(Read::new(path("/3/0/0"), None).unwrap());
    assert_eq!(device.serve(at(0), ONE, &read), Served::Ignored);
    device.register(at(0), ONE).unwrap();
    let sent = effects(&mut device, at(0));
    assert_eq!(device.serve(at(0), ONE, &read), Served::Ignored);
    device.handle_result(at(0), ticket(&sent), created());
    assert_eq!(code(device.serve(at(0), ONE, &read)), Code::CONTENT);
    assert_eq!(
        device.serve(at(0), TWO, &read),
        Served::Ignored,
        "another server"
    );
    assert_eq!(
        device.serve(at(0), THREE, &read),
        Served::Ignored,
        "no server"
    );
}

#[test]
fn the_alternate_root_is_told_by_discover() {
    let mut config = Config::new("bench");
    config.root = "/lwm2m".into();
    let mut device = registered(device_with(config, [account(ONE, 60)]));
    let Reply::Content { payload, .. } = discover(&mut device, "/3/0") else {
        panic!()
    };
    assert!(payload.starts_with(b"</lwm2m/3/0>,</lwm2m/3/0/0>"));
}

#[test]
fn observe_and_cancel_read_as_well() {
    let mut device = bench();
    let observe = Observe::new(path("/3303/0/5700"), Some(TEXT)).unwrap();
    let cancel = Cancel::new(&observe);
    let served = device.serve(at(1), ONE, &Downlink::Observe(observe));
    assert_eq!(
        served,
        Served::Observable(Reply::content(TEXT, b"20".as_slice()))
    );
    let served = device.serve(at(1), ONE, &Downlink::Cancel(cancel));
    assert_eq!(
        served,
        Served::Answer(Reply::content(TEXT, b"20".as_slice()))
    );
    let observe = Observe::new(path("/32769/0/4"), None).unwrap();
    let served = device.serve(at(1), ONE, &Downlink::Observe(observe));
    assert_eq!(code(served), Code::METHOD_NOT_ALLOWED);
}
