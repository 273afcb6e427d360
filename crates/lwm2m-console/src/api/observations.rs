use axum::{http::StatusCode, response::Response};
use lwm2m_model::{Models, Path};
use serde_json::{Value as Json, json};

use super::{json as json_response, list as list_of, no_content, objects};
use crate::{
    backend::{Device, Failure, Observation},
    call::{Call, path},
    json::{node, system_time},
    problem::{Code, Problem},
};

/// `GET /devices/{ep}/observations`
pub(crate) async fn list(call: Call) -> Result<Response, Problem> {
    let (device, models) = (call.device()?, call.app.backend.models());
    let items = call.app.backend.observations(call.ep());
    Ok(list_of(
        items
            .iter()
            .map(|item| observation(&models, &device, item))
            .collect(),
        None,
    ))
}

/// `POST /devices/{ep}/observations`
pub(crate) async fn start(mut call: Call) -> Result<Response, Problem> {
    let (device, options) = (call.device()?, call.options()?);
    let path = wanted(&call.json().await?)?;
    let item = objects::reach(
        &call.app,
        call.ep(),
        call.app.backend.observe(call.ep(), path, options),
    )
    .await?;
    Ok(json_response(
        StatusCode::CREATED,
        &observation(&call.app.backend.models(), &device, &item),
    ))
}

/// `DELETE /devices/{ep}/observations`: the path stands in the query or in the body; without one, all end.
pub(crate) async fn stop(mut call: Call) -> Result<Response, Problem> {
    call.device()?;
    let body = call.optional_json().await?;
    let named = match (call.query.get("path"), body) {
        (Some(text), _) => Some(path(text, "path")?),
        (None, Some(body)) => Some(wanted(&body)?),
        (None, None) => None,
    };
    let paths = match named {
        Some(path) => vec![path],
        None => call
            .app
            .backend
            .observations(call.ep())
            .iter()
            .map(|item| item.path)
            .collect(),
    };
    for path in paths {
        let cancelled = call.app.backend.cancel(call.ep(), path);
        objects::reach(&call.app, call.ep(), async {
            match cancelled.await {
                // One of "all" that ended meanwhile has done what was asked.
                Err(Failure::UnknownObservation) if named.is_none() => Ok(()),
                other => other,
            }
        })
        .await?;
    }
    Ok(no_content())
}

fn wanted(body: &Json) -> Result<Path, Problem> {
    let text = body
        .as_object()
        .filter(|members| members.len() == 1)
        .and_then(|members| members.get("path")?.as_str());
    let wrong = || {
        Problem::new(
            Code::InvalidValue,
            "an object with the text member \"path\" expected",
        )
        .field("path")
        .hint("such as {\"path\": \"/3303/0/5700\"}")
    };
    path(text.ok_or_else(wrong)?, "path")
}

fn observation(models: &Models, device: &Device, item: &Observation) -> Json {
    let def = objects::definition(models, device, item.path);
    json!({
        "path": item.path.to_string(),
        "state": item.state,
        "reason": item.reason,
        "updated_at": item.updated_at.map_or(Json::Null, system_time),
        "last": item.node.as_ref().map(|content| node(def, &item.path, content)),
    })
}
