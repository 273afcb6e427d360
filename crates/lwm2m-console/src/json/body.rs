//! What a caller wants written, as JSON, into a node typed by the model of the device.

use lwm2m_model::{
    Instance, Level, Node, ObjectDef, Path, Resource, ResourceDef, ResourceValue, Value, ValueType,
    payload::NewInstance,
};
use serde_json::{Map, Value as Json};

use super::{
    Fault,
    value::{from_json, guess, kind, type_name, type_named},
};

/// Reads the body of a write at `path`: `{"value": …}`, `{"values": {"0": …}}` or `{"resources": {"5700": {"value": …}}}`.
pub(crate) fn write(def: Option<&ObjectDef>, path: &Path, body: &Json) -> Result<Node, Fault> {
    let resource_def = path.resource_id().and_then(|id| def?.resource(id));
    match (path.level(), path.last_id()) {
        (Level::Instance, Some(id)) => {
            let members = members(body, "", &["resources"])?;
            Ok(Node::Instance(Instance::new(id, resources(def, members)?)))
        }
        (Level::Resource, Some(id)) => {
            let value = resource(resource_def, body, "")?;
            Ok(Node::Resource(Resource { id, value }))
        }
        (Level::ResourceInstance, Some(id)) => {
            let members = members(body, "", &["value", "type"])?;
            let value_type = value_type(resource_def, members, "")?;
            let json = members
                .get("value")
                .ok_or_else(|| Fault::new("value", "missing").hint(VALUE))?;
            Ok(Node::ResourceInstance(
                id,
                value(value_type, json, "value")?,
            ))
        }
        _ => Err(Fault::new(
            "",
            "an instance, a resource or a resource instance can be written, not an object",
        )),
    }
}

/// Reads the body of a create: `{"resources": {…}}`, with `"id"` where the caller chooses it.
pub(crate) fn create(def: Option<&ObjectDef>, body: &Json) -> Result<NewInstance, Fault> {
    let members = members(body, "", &["id", "resources"])?;
    let id = match members.get("id") {
        None | Some(Json::Null) => None,
        Some(json) => match json.as_u64().and_then(|id| u16::try_from(id).ok()) {
            Some(id) if id < u16::MAX => Some(id),
            _ => return Err(Fault::new("id", "an instance id is 0 to 65534")),
        },
    };
    Ok(NewInstance {
        id,
        resources: resources(def, members)?,
    })
}

fn resources(def: Option<&ObjectDef>, body: &Map<String, Json>) -> Result<Vec<Resource>, Fault> {
    let Some(json) = body.get("resources") else {
        return Err(Fault::new("resources", "missing").hint(RESOURCES));
    };
    let Some(map) = json.as_object() else {
        return Err(Fault::new(
            "resources",
            format!("an object expected, {} given", kind(json)),
        )
        .hint(RESOURCES));
    };
    let mut resources = map
        .iter()
        .map(|(key, json)| {
            let field = format!("resources.{key}");
            let id = id(key, &field)?;
            Ok(Resource {
                id,
                value: resource(def.and_then(|def| def.resource(id)), json, &field)?,
            })
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    resources.sort_by_key(|resource| resource.id);
    Ok(resources)
}

/// `{"value": …}` or `{"values": {…}}`, whichever the model asks for.
fn resource(
    def: Option<ResourceDef<'_>>,
    body: &Json,
    field: &str,
) -> Result<ResourceValue, Fault> {
    let members = members(body, field, &["value", "values", "type"])?;
    let value_type = value_type(def, members, field)?;
    match (members.get("value"), members.get("values")) {
        (Some(json), None) => {
            let field = join(field, "value");
            if def.is_some_and(|def| def.is_multiple()) {
                return Err(Fault::new(&field, "the resource has several instances")
                    .hint("send \"values\": {\"0\": …}"));
            }
            Ok(ResourceValue::Single(value(value_type, json, &field)?))
        }
        (None, Some(json)) => {
            let field = join(field, "values");
            if def.is_some_and(|def| !def.is_multiple()) {
                return Err(
                    Fault::new(&field, "the resource has one value").hint("send \"value\": …")
                );
            }
            let Some(map) = json.as_object() else {
                return Err(Fault::new(
                    &field,
                    format!("an object expected, {} given", kind(json)),
                )
                .hint("such as {\"0\": 1, \"1\": 5}"));
            };
            let mut values = map
                .iter()
                .map(|(key, json)| {
                    let field = join(&field, key);
                    Ok((id(key, &field)?, value(value_type, json, &field)?))
                })
                .collect::<Result<Vec<_>, Fault>>()?;
            values.sort_by_key(|(id, _)| *id);
            Ok(ResourceValue::Multiple(values))
        }
        (Some(_), Some(_)) => Err(Fault::new(
            &join(field, "values"),
            "either \"value\" or \"values\", not both",
        )),
        (None, None) => Err(Fault::new(&join(field, "value"), "missing").hint(VALUE)),
    }
}

fn value(value_type: Option<ValueType>, json: &Json, field: &str) -> Result<Value, Fault> {
    value_type.map_or_else(
        || guess(json, field),
        |value_type| from_json(json, value_type, field),
    )
}

/// The type by the model, else the one that the caller names, else unknown.
fn value_type(
    def: Option<ResourceDef<'_>>,
    body: &Map<String, Json>,
    field: &str,
) -> Result<Option<ValueType>, Fault> {
    let modelled = def.map(|def| def.value_type());
    let Some(json) = body.get("type") else {
        return Ok(modelled);
    };
    let field = join(field, "type");
    let Some(named) = json.as_str().and_then(type_named) else {
        return Err(Fault::new(&field, "no such type").hint(
            "one of string, integer, unsigned, float, boolean, opaque, time, objlnk, corelnk",
        ));
    };
    match modelled {
        Some(modelled) if modelled != named => Err(Fault::new(
            &field,
            format!("the model says {}", type_name(modelled)),
        )
        .hint("leave \"type\" out")),
        _ => Ok(Some(named)),
    }
}

/// The members of a JSON object that may have these and no others.
fn members<'a>(
    body: &'a Json,
    field: &str,
    known: &[&str],
) -> Result<&'a Map<String, Json>, Fault> {
    let Some(members) = body.as_object() else {
        return Err(
            Fault::new(field, format!("an object expected, {} given", kind(body))).hint(VALUE),
        );
    };
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Fault::new(&join(field, name), "no such member")
            .hint(format!("known here: {}", known.join(", ")))),
        None => Ok(members),
    }
}

/// The id of a resource or a resource instance, as a key.
fn id(key: &str, field: &str) -> Result<u16, Fault> {
    let canonical =
        key.bytes().all(|byte| byte.is_ascii_digit()) && (key == "0" || !key.starts_with('0'));
    match key.parse() {
        Ok(id) if canonical && id < u16::MAX => Ok(id),
        _ => Err(Fault::new(field, "an id is 0 to 65534")),
    }
}

fn join(field: &str, name: &str) -> String {
    if field.is_empty() {
        name.to_owned()
    } else {
        format!("{field}.{name}")
    }
}

const VALUE: &str = "such as {\"value\": 21.5}";
const RESOURCES: &str = "such as {\"resources\": {\"5700\": {\"value\": 21.5}}}";

#[cfg(test)]
mod tests {
    use lwm2m_model::{Operations, Version};
    use serde_json::json;

    use super::*;

    fn def() -> ObjectDef {
        ObjectDef::new(3303, "Temperature", Version::new(1, 1))
            .with_resource(ResourceDef::new(
                5700,
                "Sensor Value",
                Operations::RW,
                ValueType::Float,
            ))
            .with_resource(ResourceDef::new(
                5701,
                "Units",
                Operations::RW,
                ValueType::String,
            ))
            .with_resource(ResourceDef::new(
                5605,
                "Reset",
                Operations::E,
                ValueType::None,
            ))
            .with_resource(
                ResourceDef::new(7, "Voltages", Operations::RW, ValueType::Integer)
                    .with_multiple(true),
            )
    }

    #[test]
    fn bodies_become_nodes() {
        let voltages = Resource::multiple(7, vec![(2, Value::Integer(5)), (10, Value::Integer(6))]);
        let rows = [
            (
                "/3303/0/5700",
                json!({"value": 21}),
                Node::Resource(Resource::single(5700, 21.0)),
            ),
            (
                "/3303/0/5700",
                json!({"value": 21, "type": "float"}),
                Node::Resource(Resource::single(5700, 21.0)),
            ),
            (
                "/3303/0/7",
                json!({"values": {"10": 6, "2": 5}}),
                Node::Resource(voltages.clone()),
            ),
            (
                "/3303/0/7",
                json!({"values": {}}),
                Node::Resource(Resource::multiple(7, vec![])),
            ),
            (
                "/3303/0/7/2",
                json!({"value": 5}),
                Node::ResourceInstance(2, Value::Integer(5)),
            ),
            (
                "/3303/0",
                json!({"resources": {"5701": {"value": "K"}, "7": {"values": {"2": 5, "10": 6}}}}),
                Node::Instance(Instance::new(
                    0,
                    vec![voltages, Resource::single(5701, "K")],
                )),
            ),
            (
                "/3303/0",
                json!({"resources": {}}),
                Node::Instance(Instance::new(0, vec![])),
            ),
            (
                "/3303/0/99",
                json!({"value": 5}),
                Node::Resource(Resource::single(99, Value::Integer(5))),
            ),
            (
                "/3303/0/99",
                json!({"value": 5, "type": "time"}),
                Node::Resource(Resource::single(99, Value::Time(5))),
            ),
            (
                "/3303/0/99",
                json!({"values": {"0": "a"}}),
                Node::Resource(Resource::multiple(99, vec![(0, Value::from("a"))])),
            ),
        ];
        for (path, body, node) in rows {
            assert_eq!(
                write(Some(&def()), &path.parse().unwrap(), &body),
                Ok(node),
                "{body}"
            );
        }
    }

    #[test]
    fn faults_name_their_field() {
        let rows = [
            (
                "/3303/0/5700",
                json!(21),
                "",
                "an object expected, a number given",
            ),
            ("/3303/0/5700", json!({}), "value", "missing"),
            (
                "/3303/0/5700",
                json!({"value": "warm"}),
                "value",
                "a number, \"NaN\", \"Infinity\" or \"-Infinity\" expected, a string given",
            ),
            (
                "/3303/0/5700",
                json!({"value": 1, "values": {}}),
                "values",
                "either \"value\" or \"values\", not both",
            ),
            (
                "/3303/0/5700",
                json!({"valeu": 1}),
                "valeu",
                "no such member",
            ),
            (
                "/3303/0/5700",
                json!({"values": {"0": 1}}),
                "values",
                "the resource has one value",
            ),
            (
                "/3303/0/5700",
                json!({"value": 1, "type": "integer"}),
                "type",
                "the model says float",
            ),
            (
                "/3303/0/5700",
                json!({"value": 1, "type": "int"}),
                "type",
                "no such type",
            ),
            (
                "/3303/0/5605",
                json!({"value": 1}),
                "value",
                "this resource has no value, it can only be executed",
            ),
            (
                "/3303/0/7",
                json!({"value": 1}),
                "value",
                "the resource has several instances",
            ),
            (
                "/3303/0/7",
                json!({"values": [1]}),
                "values",
                "an object expected, a list given",
            ),
            (
                "/3303/0/7",
                json!({"values": {"01": 1}}),
                "values.01",
                "an id is 0 to 65534",
            ),
            (
                "/3303/0/7",
                json!({"values": {"+1": 1}}),
                "values.+1",
                "an id is 0 to 65534",
            ),
            (
                "/3303/0/7",
                json!({"values": {"65535": 1}}),
                "values.65535",
                "an id is 0 to 65534",
            ),
            (
                "/3303/0/7",
                json!({"values": {"1": true}}),
                "values.1",
                "a whole number (as digits in a string beyond ±9007199254740991) expected, a boolean given",
            ),
            (
                "/3303/0/7/1",
                json!({"values": {}}),
                "values",
                "no such member",
            ),
            ("/3303/0/7/1", json!({}), "value", "missing"),
            ("/3303/0", json!({"value": 1}), "value", "no such member"),
            ("/3303/0", json!({}), "resources", "missing"),
            (
                "/3303/0",
                json!({"resources": []}),
                "resources",
                "an object expected, a list given",
            ),
            (
                "/3303/0",
                json!({"resources": {"5700": {"value": null}}}),
                "resources.5700.value",
                "a number, \"NaN\", \"Infinity\" or \"-Infinity\" expected, null given",
            ),
            (
                "/3303/0",
                json!({"resources": {"5700": 1}}),
                "resources.5700",
                "an object expected, a number given",
            ),
            (
                "/3303/0",
                json!({"resources": {"temp": {"value": 1}}}),
                "resources.temp",
                "an id is 0 to 65534",
            ),
            (
                "/3303",
                json!({"instances": {}}),
                "",
                "an instance, a resource or a resource instance can be written, not an object",
            ),
        ];
        for (path, body, field, detail) in rows {
            let fault = write(Some(&def()), &path.parse().unwrap(), &body).unwrap_err();
            assert_eq!(
                (fault.field.as_str(), fault.detail.as_ref()),
                (field, detail),
                "{body}"
            );
        }
    }

    #[test]
    fn a_new_instance_may_name_its_id() {
        let body = json!({"resources": {"5700": {"value": 1}}});
        let resources = vec![Resource::single(5700, 1.0)];
        assert_eq!(
            create(Some(&def()), &body),
            Ok(NewInstance {
                id: None,
                resources: resources.clone()
            })
        );
        let body = json!({"id": 3, "resources": {"5700": {"value": 1}}});
        assert_eq!(
            create(Some(&def()), &body),
            Ok(NewInstance {
                id: Some(3),
                resources
            })
        );
        for id in [json!(65535), json!(-1), json!("0"), json!(1.5)] {
            assert_eq!(
                create(None, &json!({"id": id, "resources": {}}))
                    .unwrap_err()
                    .field,
                "id"
            );
        }
    }
}
