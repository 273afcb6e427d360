//! `/openapi.json`, made from the table of routes.

mod schemas;

use axum::response::Response;
use serde_json::{Map, Value as Json, json};

use crate::{
    call::Call,
    problem::Problem,
    query::{Param, Schema},
    routes::{Route, routes},
};

/// `GET /openapi.json`
pub(crate) async fn show(_: Call) -> Result<Response, Problem> {
    let mut response = Response::new(document(&routes()).to_string().into());
    let json = axum::http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(axum::http::header::CONTENT_TYPE, json);
    Ok(response)
}

fn document(routes: &[Route]) -> Json {
    let mut paths = Map::new();
    for route in routes.iter().filter(|route| !route.hidden) {
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(route.method.as_str().to_ascii_lowercase(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "LwM2M console",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Read, write, execute and observe the devices of an LwM2M server.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "./" }],
        "security": [{ "bearer": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "lwm2m_console",
                    "description": "The cookie of a login (its name ends in _ and the port). Calls that change something also need the header X-Lwm2m-Console: 1.",
                },
            },
            "schemas": schemas::all(),
            "responses": {
                "Problem": {
                    "description": "What went wrong (RFC 9457)",
                    "content": { "application/problem+json": { "schema": reference("Problem") } },
                },
            },
        },
    })
}

fn operation(route: &Route) -> Json {
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": parameters(route),
        "responses": responses(route),
    });
    if let Some(members) = operation.as_object_mut() {
        if let Some(schema) = route.body {
            let content = json!({ "application/json": { "schema": reference(schema) } });
            members.insert(
                "requestBody".into(),
                json!({ "required": !OPTIONAL.contains(&schema), "content": content }),
            );
        }
        if route.open {
            members.insert("security".into(), json!([]));
        }
    }
    operation
}

fn parameters(route: &Route) -> Json {
    let in_path = route
        .path
        .split('{')
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('}')?.0));
    let in_path = in_path.map(|name| {
        let (help, schema) = match name {
            "ep" => ("Endpoint name of the device, percent-encoded", json!({ "type": "string" })),
            "path" => ("LwM2M path without the first slash, such as 3303/0/5700", json!({ "type": "string", "pattern": "^[0-9]+(/[0-9]+){0,3}$" })),
            _ => ("Object id", json!({ "type": "integer", "minimum": 0, "maximum": 65535 })),
        };
        json!({ "name": name, "in": "path", "required": true, "description": help, "schema": schema })
    });
    in_path.chain(route.query.iter().map(in_query)).collect()
}

fn in_query(param: &Param) -> Json {
    let one = match param.schema {
        Schema::Text => json!({ "type": "string" }),
        Schema::Whole { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
    };
    let schema = if param.repeats {
        json!({ "type": "array", "items": one })
    } else {
        one
    };
    json!({ "name": param.name, "in": "query", "description": param.help, "schema": schema })
}

fn responses(route: &Route) -> Json {
    let success = route.success;
    let mut answer = json!({ "description": success.what });
    if !success.media_type.is_empty() {
        let schema = success
            .schema
            .map_or_else(|| json!({ "type": "string" }), reference);
        if let Some(members) = answer.as_object_mut() {
            members.insert(
                "content".into(),
                json!({ success.media_type: { "schema": schema } }),
            );
        }
    }
    let mut responses = Map::new();
    responses.insert(success.status.to_string(), answer);
    if route.id == "update" {
        responses.insert("204".into(), json!({ "description": "Written" }));
    }
    responses.insert(
        "default".into(),
        json!({ "$ref": "#/components/responses/Problem" }),
    );
    Json::Object(responses)
}

/// Bodies that may be left out.
const OPTIONAL: [&str; 2] = ["Execute", "GenerateCredentials"];

fn reference(schema: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_in_the_document_once_and_nothing_else() {
        let (routes, document) = (routes(), document(&routes()));
        let known: BTreeSet<_> = routes
            .iter()
            .filter(|route| !route.hidden)
            .map(|route| {
                (
                    route.path.to_owned(),
                    route.method.as_str().to_ascii_lowercase(),
                )
            })
            .collect();
        assert_eq!(
            known.len(),
            routes.iter().filter(|route| !route.hidden).count()
        );
        let paths = document["paths"].as_object().unwrap();
        let told: BTreeSet<_> = paths
            .iter()
            .flat_map(|(path, methods)| {
                methods
                    .as_object()
                    .unwrap()
                    .keys()
                    .map(|method| (path.clone(), method.clone()))
            })
            .collect();
        assert_eq!(told, known);
        let ids: BTreeSet<_> = routes.iter().map(|route| route.id).collect();
        assert_eq!(ids.len(), routes.len());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk<'a>(json: &'a Json, found: &mut Vec<&'a str>) {
            match json {
                Json::Object(members) => members.iter().for_each(|(name, json)| match json {
                    Json::String(text) if name == "$ref" => found.push(text),
                    other => walk(other, found),
                }),
                Json::Array(items) => items.iter().for_each(|json| walk(json, found)),
                _ => {}
            }
        }
        let document = document(&routes());
        let mut found = Vec::new();
        walk(&document, &mut found);
        for reference in &found {
            assert!(
                document
                    .pointer(reference.trim_start_matches('#'))
                    .is_some(),
                "{reference}"
            );
        }
        for name in document["components"]["schemas"]
            .as_object()
            .unwrap()
            .keys()
        {
            assert!(
                found.contains(&format!("#/components/schemas/{name}").as_str()),
                "{name} is used nowhere"
            );
        }
    }

    #[test]
    fn every_parameter_in_a_path_is_described() {
        let document = document(&routes());
        for (path, methods) in document["paths"].as_object().unwrap() {
            for operation in methods.as_object().unwrap().values() {
                let told = operation["parameters"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|one| one["in"] == "path")
                    .count();
                assert_eq!(told, path.matches('{').count(), "{path}");
            }
        }
    }
}
