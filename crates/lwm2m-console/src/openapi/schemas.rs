mod security;

use serde_json::{Map, Value as Json, json};

use super::reference;

/// The schemas of all bodies.
pub(super) fn all() -> Map<String, Json> {
    [general(), security::all()]
        .into_iter()
        .filter_map(|schemas| match schemas {
            Json::Object(schemas) => Some(schemas),
            _ => None,
        })
        .flatten()
        .collect()
}

fn general() -> Json {
    let text = || json!({ "type": "string" });
    let text_or_null = || json!({ "type": ["string", "null"] });
    let time = || json!({ "type": "string", "format": "date-time" });
    let time_or_null = || json!({ "type": ["string", "null"], "format": "date-time" });
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let whole = || json!({ "type": "integer", "minimum": 0 });
    let id = || json!({ "type": "integer", "minimum": 0, "maximum": 65534 });
    let flag = || json!({ "type": "boolean" });
    json!({
        "Problem": object(&["type", "title", "status", "detail", "code"], json!({
            "type": { "type": "string", "format": "uri" },
            "title": text(), "status": whole(), "detail": text(),
            "code": { "type": "string", "description": "Stable; the README lists them" },
            "coap_code": { "type": "string", "description": "What the device answered, such as 4.04", "examples": ["4.04"] },
            "hint": text(),
            "field": { "type": "string", "description": "The place in the request", "examples": ["resources.5700.value"] },
        })),
        "Login": object(&["token"], json!({ "token": text() })),
        "Session": object(&["by"], json!({
            "by": { "type": "string", "enum": ["bearer", "session"] },
            "expires_in_s": { "type": ["integer", "null"] },
        })),
        "Value": {
            "description": "A bool, a string or a number. Integers beyond ±(2^53−1) are decimal digits in a string, floats may be \"NaN\", \"Infinity\" or \"-Infinity\", a time is RFC 3339, an object link \"66:1\", opaque {\"hex\": \"c0ffee\"} or, in requests, {\"base64\": \"wP/u\"}.",
            "oneOf": [
                { "type": "boolean" }, { "type": "string" }, { "type": "number" },
                object(&["hex"], json!({ "hex": { "type": "string", "pattern": "^([0-9a-fA-F]{2})*$" } })),
                object(&["base64"], json!({ "base64": { "type": "string", "contentEncoding": "base64" } })),
            ],
        },
        "Type": { "type": "string", "enum": ["string", "integer", "unsigned", "float", "boolean", "opaque", "time", "objlnk", "corelnk", "none"] },
        "Node": {
            "description": "A resource (instance) with value or values, an instance with resources, or an object with instances. known is false where no model knows the node.",
            "type": "object",
            "required": ["path"],
            "properties": {
                "path": text(), "name": text_or_null(), "known": flag(),
                "type": reference("Type"), "unit": text_or_null(),
                "value": reference("Value"),
                "values": map(&reference("Value")),
                "resources": map(&reference("Node")),
                "instances": map(&reference("Node")),
                "format": text(), "quirks": texts(), "taken_at": time_or_null(),
            },
        },
        "Resource": {
            "type": "object",
            "properties": { "value": reference("Value"), "values": map(&reference("Value")), "type": reference("Type") },
            "additionalProperties": false,
        },
        "Write": {
            "description": "A resource takes value or values, an instance takes resources. id is only for a create, where the caller chooses it.",
            "type": "object",
            "properties": {
                "value": reference("Value"), "values": map(&reference("Value")), "type": reference("Type"),
                "resources": map(&reference("Resource")), "id": id(),
            },
            "additionalProperties": false,
            "examples": [{ "value": 21.5 }, { "values": { "0": 1, "1": 5 } }, { "resources": { "5700": { "value": 21.5 } } }],
        },
        "Created": object(&["path"], json!({ "path": text_or_null() })),
        "Execute": object(&[], json!({ "args": { "type": "string", "examples": ["0='x'"] } })),
        "Observe": object(&["path"], json!({ "path": { "type": "string", "examples": ["/3303/0/5700"] } })),
        "Link": object(&["target", "attributes"], json!({ "target": text(), "attributes": map(&json!({ "type": ["string", "boolean"] })) })),
        "LinkList": list("Link"),
        "Observation": object(&["path", "state"], json!({
            "path": text(), "state": { "type": "string", "enum": ["starting", "active", "waiting"] }, "reason": text_or_null(), "updated_at": time_or_null(),
            "last": { "oneOf": [reference("Node"), { "type": "null" }] },
        })),
        "ObservationList": list("Observation"),
        "DeviceObject": object(&["id", "path", "name", "version", "instances"], json!({
            "id": id(), "path": text(), "name": text_or_null(),
            "version": text(), "version_announced": flag(),
            "model_version": { "type": ["string", "null"], "description": "The version of the definition in use; null when there is none" },
            "instances": { "type": "array", "items": id() },
        })),
        "Device": object(&["ep", "id", "state", "address", "version", "objects"], json!({
            "ep": text(), "id": text(), "state": { "type": "string", "enum": ["registered"] },
            "address": text(), "security": reference("SecurityMode"), "session": { "oneOf": [reference("SecuritySession"), { "type": "null" }] },
            "lifetime_s": { "type": ["integer", "null"], "description": "null: for ever" },
            "version": text(), "binding": text(), "queue_mode": flag(), "sms": text_or_null(),
            "root": text(), "formats": texts(),
            "registered_at": time(), "updated_at": time(), "expires_at": time_or_null(),
            "objects": { "type": "array", "items": reference("DeviceObject") },
            "attributes": map(&json!({ "type": ["string", "boolean"] })),
            "quirks": texts(),
        })),
        "DeviceList": list("Device"),
        "ModelSummary": object(&["id", "name", "urn", "version", "versions"], json!({
            "id": id(), "name": text(), "urn": text(), "version": text(), "versions": texts(), "lwm2m_version": text(),
            "multiple": flag(), "mandatory": flag(), "resource_count": whole(),
        })),
        "ModelList": list("ModelSummary"),
        "ResourceModel": object(&["id", "name", "operations", "type", "multiple", "mandatory"], json!({
            "id": id(), "name": text(), "operations": { "type": "string", "enum": ["R", "W", "RW", "E", ""] },
            "type": reference("Type"), "multiple": flag(), "mandatory": flag(), "range": text_or_null(), "unit": text_or_null(),
        })),
        "Model": { "allOf": [
            reference("ModelSummary"),
            { "type": "object", "required": ["resources"], "properties": { "resources": { "type": "array", "items": reference("ResourceModel") } } },
        ] },
        "Server": {
            "type": "object",
            "required": ["version", "endpoints", "started_at", "ready", "counters"],
            "properties": {
                "version": text(), "endpoints": texts(), "started_at": time(), "uptime_s": whole(), "ready": flag(), "models": whole(),
                "counters": map(&json!({ "type": "integer" })), "help": map(&json!({ "type": "string" })),
                "security": reference("ServerSecurity"),
                "console": { "type": "object" },
            },
        },
        "OpenApi": { "type": "object" },
    })
}

fn object(required: &[&str], properties: Json) -> Json {
    json!({ "type": "object", "required": required, "properties": properties })
}

fn map(values: &Json) -> Json {
    json!({ "type": "object", "additionalProperties": values })
}

fn list(item: &str) -> Json {
    let items = json!({ "type": "array", "items": reference(item) });
    object(
        &["items", "next"],
        json!({ "items": items, "next": { "type": ["string", "null"] } }),
    )
}
