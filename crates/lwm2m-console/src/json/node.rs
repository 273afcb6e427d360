use lwm2m_model::{
    Instance, Node, Object, ObjectDef, Path, Resource, ResourceDef, ResourceValue, Value, ValueType,
};
use serde_json::{Map, Value as Json};

use super::value::{to_json, type_name};

/// A node of a device as JSON: `{path, name, type, unit, value}`, `{…, values}`, `{path, name, resources}` or
/// `{path, name, instances}`. What `def` does not name has `name: null` and `known: false`.
pub(crate) fn node(def: Option<&ObjectDef>, path: &Path, node: &Node) -> Json {
    match node {
        Node::Object(object) => self::object(def, path, object),
        Node::Instance(one) => instance(def, path, one),
        Node::Resource(one) => resource(def, path, one),
        Node::ResourceInstance(_, value) => {
            let def = path.resource_id().and_then(|id| def?.resource(id));
            let mut members = head(path, def.map(|def| def.name()));
            describe(&mut members, def, Some(value));
            members.insert("value".into(), to_json(value));
            Json::Object(members)
        }
        // A kind that this version does not know has no values here.
        _ => Json::Object(head(path, None)),
    }
}

fn object(def: Option<&ObjectDef>, path: &Path, object: &Object) -> Json {
    let instances = object.instances.iter().filter_map(|one| {
        let path = path.child(one.id).ok()?;
        Some((one.id.to_string(), instance(def, &path, one)))
    });
    let mut members = head(path, def.map(ObjectDef::name));
    members.insert("instances".into(), Json::Object(instances.collect()));
    Json::Object(members)
}

fn instance(def: Option<&ObjectDef>, path: &Path, instance: &Instance) -> Json {
    let resources = instance.resources.iter().filter_map(|one| {
        let path = path.child(one.id).ok()?;
        Some((one.id.to_string(), resource(def, &path, one)))
    });
    let mut members = head(path, def.map(ObjectDef::name));
    members.insert("resources".into(), Json::Object(resources.collect()));
    Json::Object(members)
}

fn resource(def: Option<&ObjectDef>, path: &Path, resource: &Resource) -> Json {
    let def = def.and_then(|def| def.resource(resource.id));
    let mut members = head(path, def.map(|def| def.name()));
    match &resource.value {
        ResourceValue::Single(value) => {
            describe(&mut members, def, Some(value));
            members.insert("value".into(), to_json(value));
        }
        ResourceValue::Multiple(values) => {
            describe(&mut members, def, values.first().map(|(_, value)| value));
            let values = values
                .iter()
                .map(|(id, value)| (id.to_string(), to_json(value)));
            members.insert("values".into(), Json::Object(values.collect()));
        }
    }
    Json::Object(members)
}

fn head(path: &Path, name: Option<&str>) -> Map<String, Json> {
    let mut members = Map::new();
    members.insert("path".into(), path.to_string().into());
    members.insert("name".into(), name.into());
    if name.is_none() {
        members.insert("known".into(), false.into());
    }
    members
}

/// The type that the value really has (a device may differ from the model), and the model's unit.
fn describe(members: &mut Map<String, Json>, def: Option<ResourceDef<'_>>, value: Option<&Value>) {
    let value_type = value
        .map(Value::value_type)
        .or(def.map(|def| def.value_type()))
        .unwrap_or(ValueType::None);
    members.insert("type".into(), type_name(value_type).into());
    members.insert("unit".into(), def.and_then(|def| def.unit()).into());
}

#[cfg(test)]
mod tests {
    use lwm2m_model::{Operations, Version};
    use serde_json::json;

    use super::*;

    fn thermometer() -> ObjectDef {
        ObjectDef::new(3303, "Temperature", Version::new(1, 1))
            .with_multiple(true)
            .with_resource(
                ResourceDef::new(5700, "Sensor Value", Operations::R, ValueType::Float)
                    .with_unit("Cel"),
            )
            .with_resource(
                ResourceDef::new(6, "Power Sources", Operations::R, ValueType::Integer)
                    .with_multiple(true),
            )
    }

    #[test]
    fn every_level_has_its_shape() {
        let def = thermometer();
        let value = json!({"path": "/3303/0/5700", "name": "Sensor Value", "type": "float", "unit": "Cel", "value": 21.5});
        let values = json!({"path": "/3303/0/6", "name": "Power Sources", "type": "integer", "unit": null, "values": {"0": 1, "5": 2}});
        let single = Resource::single(5700, 21.5);
        let multiple = Resource::multiple(6, vec![(0, Value::Integer(1)), (5, Value::Integer(2))]);
        let rows = [
            (
                "/3303/0/5700",
                Node::Resource(single.clone()),
                value.clone(),
            ),
            (
                "/3303/0/6",
                Node::Resource(multiple.clone()),
                values.clone(),
            ),
            (
                "/3303/0/6/5",
                Node::ResourceInstance(5, Value::Integer(2)),
                json!({"path": "/3303/0/6/5", "name": "Power Sources", "type": "integer", "unit": null, "value": 2}),
            ),
            (
                "/3303/0",
                Node::Instance(Instance::new(0, vec![single.clone(), multiple.clone()])),
                json!({"path": "/3303/0", "name": "Temperature", "resources": {"5700": value, "6": values}}),
            ),
            (
                "/3303",
                Node::Object(Object::new(3303, vec![Instance::new(0, vec![single])])),
                json!({"path": "/3303", "name": "Temperature", "instances": {
                    "0": {"path": "/3303/0", "name": "Temperature", "resources": {"5700": value}}}}),
            ),
        ];
        for (path, content, expected) in rows {
            assert_eq!(
                node(Some(&def), &path.parse().unwrap(), &content),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn the_unknown_is_shown_and_flagged() {
        let path = "/3303/0/9".parse().unwrap();
        let content = Node::Resource(Resource::single(9, "x"));
        let expected = json!({"path": "/3303/0/9", "name": null, "known": false, "type": "string", "unit": null, "value": "x"});
        assert_eq!(node(Some(&thermometer()), &path, &content), expected);
        assert_eq!(node(None, &path, &content), expected);
        let empty = node(
            Some(&thermometer()),
            &"/3303/0/6".parse().unwrap(),
            &Node::Resource(Resource::multiple(6, vec![])),
        );
        assert_eq!(
            (&empty["type"], &empty["values"]),
            (&json!("integer"), &json!({}))
        );
    }
}
