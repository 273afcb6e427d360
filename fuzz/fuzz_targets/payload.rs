#![no_main]
//! What is read from a payload can be written in the same format and is read the same, against a definition or none.
//!
//! The first byte chooses format and definitions, the second the path.

use std::sync::LazyLock;

use coap_codec::ContentFormat as F;
use libfuzzer_sys::fuzz_target;
use lwm2m_model::payload::{EncodeErrorKind, Shape, decode, decode_create, encode, supported};
use lwm2m_model::{
    Context, Instance, Models, Node, ObjectDef, Operations, Path, Resource, ResourceDef,
    ValueType as T, Version, path,
};

const FORMATS: [F; 6] = [
    F::TEXT,
    F::OPAQUE,
    F::CBOR,
    F::TLV,
    F::SENML_JSON,
    F::SENML_CBOR,
];
const TYPES: [T; 9] = [
    T::String,
    T::Integer,
    T::Unsigned,
    T::Float,
    T::Boolean,
    T::Opaque,
    T::Time,
    T::ObjectLink,
    T::CoreLink,
];
const PATHS: [Path; 12] = [
    path!(33000),
    path!(33000, 0),
    path!(33000, 0, 1),
    path!(33000, 0, 3),
    path!(33000, 0, 4),
    path!(33000, 0, 5),
    path!(33000, 0, 7),
    path!(33000, 0, 9),
    path!(33000, 0, 9, 0),
    path!(33000, 0, 300),
    path!(3, 0),
    path!(4711, 2),
];

/// An object with a resource of each type, single from 0 and multiple from 9.
static OWN: LazyLock<Models> = LazyLock::new(|| {
    let mut models = Models::empty();
    let def = ObjectDef::new(33_000, "All types", Version::V1_0).with_multiple(true);
    models.insert(
        (0..18)
            .zip(TYPES.into_iter().cycle())
            .fold(def, |def, (id, value_type)| {
                def.with_resource(
                    ResourceDef::new(id, "r", Operations::RW, value_type).with_multiple(id >= 9),
                )
            }),
    );
    models
});
static OMA: LazyLock<Models> = LazyLock::new(Models::builtin);

/// Equal, where NaN is NaN, and a time without a definition is a number.
fn assert_same(a: &Node, b: &Node, what: &str) {
    let told = |node: &Node| format!("{node:?}").replace("Time(", "Integer(");
    assert!(a == b || told(a) == told(b), "{what}: {a:?} {b:?}");
}

fn is_full(node: &Node) -> bool {
    let full = |resource: &Resource| {
        resource
            .value
            .as_multiple()
            .is_none_or(|values| !values.is_empty())
    };
    let instance =
        |instance: &Instance| !instance.resources.is_empty() && instance.resources.iter().all(full);
    match node {
        Node::Object(object) => {
            !object.instances.is_empty() && object.instances.iter().all(instance)
        }
        Node::Instance(one) => instance(one),
        Node::Resource(resource) => full(resource),
        _ => true,
    }
}

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (choice, place, payload) = input;
    let (models, roots): (&Models, _) =
        (if choice & 64 == 0 { &OWN } else { &OMA }, ["", "/lwm2m"]);
    let cx = Context::new(models).with_root(roots[usize::from(choice >> 7)]);
    let format = FORMATS[usize::from(choice & 63) % FORMATS.len()];
    let path = PATHS[usize::from(place) % PATHS.len()];
    if let Some(object) = path.object_id() {
        let _ = fuzz::bounded(payload.len(), FACTOR, || {
            decode_create(&cx, format, object, payload)
        });
    }
    let decoded = match fuzz::bounded(payload.len(), FACTOR, || {
        decode(&cx, format, &path, payload)
    }) {
        Ok(decoded) => decoded,
        Err(fault) => {
            return assert!(
                fault.offset <= payload.len() && fault.code().is_error(),
                "{fault}"
            );
        }
    };
    assert_eq!(decoded.node.level(), path.level());
    assert!(
        decoded
            .node
            .walk(&path)
            .all(|(leaf, _)| leaf.starts_with(&path))
    );
    let again = match encode(&cx, format, &path, &decoded.node) {
        Ok(again) => again,
        // What was read is shown, but nobody writes a value to an action.
        Err(refusal) => return assert_eq!(refusal.kind, EncodeErrorKind::Executable, "{refusal}"),
    };
    let again = decode(&cx, format, &path, &again).expect("own bytes are read");
    assert_same(&again.node, &decoded.node, "again");
    // Well-typed content is the same in every format that can hold it; SenML has no empty instances and resources.
    if !decoded.quirks.is_empty() {
        return;
    }
    let holds = |other: &F| {
        supported(*other, &Shape::of_node(&decoded.node))
            && (*other == F::TLV || is_full(&decoded.node))
    };
    for other in FORMATS.into_iter().filter(holds) {
        let Ok(payload) = encode(&cx, other, &path, &decoded.node) else {
            continue;
        };
        let read =
            decode(&cx, other, &path, &payload).unwrap_or_else(|fault| panic!("{other}: {fault}"));
        assert_same(&read.node, &decoded.node, &other.to_string());
    }
});

/// Three bytes of SenML CBOR, a time in a record that has all else from base fields, become a reading with a node of its
/// own: 232 bytes, or 312 when the list of records has just doubled. Two bytes of TLV become a resource and its place: 112.
const FACTOR: usize = 112;
