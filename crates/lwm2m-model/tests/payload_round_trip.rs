//! Any node, written and read again, is the same node: in every format that can hold it.

use bytes::Bytes;
use coap_codec::ContentFormat as Cf;
use lwm2m_model::{
    Context, Instance, Models, Node, Object, ObjectDef, ObjectLink, Operations, Path, Resource,
    ResourceDef, Value, ValueType, Version,
    payload::{Shape, decode, encode, supported},
};
use proptest::{collection::btree_map, prelude::*};

const OBJECT: u16 = 33_000;
const FORMATS: [Cf; 6] = [
    Cf::TEXT,
    Cf::OPAQUE,
    Cf::CBOR,
    Cf::TLV,
    Cf::SENML_JSON,
    Cf::SENML_CBOR,
];
const TYPES: [ValueType; 9] = [
    ValueType::String,
    ValueType::Integer,
    ValueType::Unsigned,
    ValueType::Float,
    ValueType::Boolean,
    ValueType::Opaque,
    ValueType::Time,
    ValueType::ObjectLink,
    ValueType::CoreLink,
];

/// Resource `n` has type `n % 9`; below 100 it is single, from there on multiple.
fn models() -> Models {
    let mut models = Models::empty();
    models.insert((0..200_u16).fold(
        ObjectDef::new(OBJECT, "All types", Version::V1_0).with_multiple(true),
        |def, id| {
            let value_type = TYPES[usize::from(id) % TYPES.len()];
            let resource = ResourceDef::new(id, "r", Operations::RW, value_type);
            def.with_resource(resource.with_multiple(id >= 100))
        },
    ));
    models
}

fn value(value_type: ValueType) -> BoxedStrategy<Value> {
    match value_type {
        ValueType::String => any::<String>().prop_map(Value::String).boxed(),
        ValueType::CoreLink => "(<[/a-z0-9]{0,9}>(;ver=1.1)?,?){0,3}"
            .prop_map(Value::CoreLink)
            .boxed(),
        ValueType::Integer => any::<i64>().prop_map(Value::Integer).boxed(),
        ValueType::Unsigned => any::<u64>().prop_map(Value::Unsigned).boxed(),
        ValueType::Time => any::<i64>().prop_map(Value::Time).boxed(),
        // JSON and text have no other floats.
        ValueType::Float => any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Value::Float)
            .boxed(),
        ValueType::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        ValueType::ObjectLink => any::<(u16, u16)>()
            .prop_map(|(object, instance)| Value::ObjectLink(ObjectLink::new(object, instance)))
            .boxed(),
        _ => any::<Vec<u8>>()
            .prop_map(|bytes| Value::Opaque(Bytes::from(bytes)))
            .boxed(),
    }
}

fn resource(id: u16) -> BoxedStrategy<Resource> {
    let value_type = TYPES[usize::from(id) % TYPES.len()];
    if id < 100 {
        value(value_type)
            .prop_map(move |value| Resource::single(id, value))
            .boxed()
    } else {
        // SenML cannot tell an empty resource from none.
        btree_map(0..u16::MAX, value(value_type), 1..5)
            .prop_map(move |values| Resource::multiple(id, values.into_iter().collect()))
            .boxed()
    }
}

fn resources() -> impl Strategy<Value = Vec<Resource>> {
    proptest::collection::btree_set(0..200_u16, 1..8)
        .prop_flat_map(|ids| ids.into_iter().map(resource).collect::<Vec<_>>())
}

fn node() -> impl Strategy<Value = (Path, Node)> {
    let instances = btree_map(0..u16::MAX, resources(), 1..4);
    prop_oneof![
        instances.prop_map(|instances| {
            let instances = instances
                .into_iter()
                .map(|(id, resources)| Instance::new(id, resources));
            let object = Object::new(OBJECT, instances.collect());
            (Path::object(OBJECT).unwrap(), Node::Object(object))
        }),
        (0..u16::MAX, resources()).prop_map(|(id, resources)| {
            let path = Path::instance(OBJECT, id).unwrap();
            (path, Node::Instance(Instance::new(id, resources)))
        }),
        (0..u16::MAX, (0..200_u16).prop_flat_map(resource)).prop_map(|(instance, resource)| {
            let path = Path::resource(OBJECT, instance, resource.id).unwrap();
            (path, Node::Resource(resource))
        }),
        (100..200_u16, 0..u16::MAX).prop_flat_map(|(id, instance)| {
            let path = Path::resource_instance(OBJECT, 0, id, instance).unwrap();
            let value = value(TYPES[usize::from(id) % TYPES.len()]);
            value.prop_map(move |value| (path, Node::ResourceInstance(instance, value)))
        }),
    ]
}

proptest! {
    #[test]
    fn node_to_payload_to_node((path, node) in node(), root in "(/[a-z]{1,5}){0,2}") {
        let models = models();
        let cx = Context::new(&models).with_root(&root);
        let shape = Shape::of_node(&node);
        for format in FORMATS {
            prop_assert_eq!(supported(format, &shape), encode(&cx, format, &path, &node).is_ok());
            let Ok(payload) = encode(&cx, format, &path, &node) else { continue };
            let decoded = decode(&cx, format, &path, &payload).map_err(|e| TestCaseError::fail(format!("{format} {e}")))?;
            prop_assert_eq!(&decoded.node, &node, "{}", format);
            prop_assert!(decoded.quirks.is_empty() && decoded.older.is_empty());
        }
    }

    /// Whatever is read can be written, and is then read the same: also what no definition covers.
    #[test]
    fn bytes_to_node_to_payload_to_node(
        payload in any::<Vec<u8>>(),
        format in prop::sample::select(&FORMATS[..]),
        path in prop::sample::select(vec!["/33000", "/33000/0", "/33000/0/1", "/33000/0/101", "/33000/0/101/0", "/9/0/300"]),
    ) {
        let models = models();
        let cx = Context::new(&models);
        let path: Path = path.parse().unwrap();
        let is_nan = |value: &Value| value.as_f64().is_some_and(f64::is_nan);
        if let Ok(decoded) = decode(&cx, format, &path, &payload)
            // NaN is not equal to itself.
            && !decoded.node.walk(&path).any(|(_, value)| is_nan(value))
        {
            let again = encode(&cx, format, &path, &decoded.node).unwrap();
            prop_assert_eq!(decode(&cx, format, &path, &again).unwrap().node, decoded.node);
        }
    }
}
