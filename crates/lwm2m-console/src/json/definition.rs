use lwm2m_model::{ObjectDef, ResourceDef, Version};
use serde_json::{Value as Json, json};

use super::type_name;

/// An object definition in a list: without its resources.
pub(crate) fn object_summary(def: &ObjectDef, versions: &[ObjectDef]) -> Json {
    json!({
        "id": def.id(),
        "name": def.name(),
        "urn": def.urn(),
        "version": def.version().to_string(),
        "versions": versions.iter().map(ObjectDef::version).map(|version: Version| version.to_string()).collect::<Vec<_>>(),
        "lwm2m_version": def.lwm2m_version().to_string(),
        "multiple": def.is_multiple(),
        "mandatory": def.is_mandatory(),
        "resource_count": def.resources().len(),
    })
}

/// An object definition with its resources.
pub(crate) fn object_definition(def: &ObjectDef, versions: &[ObjectDef]) -> Json {
    let mut json = object_summary(def, versions);
    if let Some(members) = json.as_object_mut() {
        members.insert("resources".into(), def.resources().map(resource).collect());
    }
    json
}

fn resource(def: ResourceDef<'_>) -> Json {
    json!({
        "id": def.id(),
        "name": def.name(),
        "operations": def.operations().to_string(),
        "type": type_name(def.value_type()),
        "multiple": def.is_multiple(),
        "mandatory": def.is_mandatory(),
        "range": def.range(),
        "unit": def.unit(),
    })
}
