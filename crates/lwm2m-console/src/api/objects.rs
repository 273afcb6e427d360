use core::future::Future;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use lwm2m_model::{Level, ObjectDef, Path};
use lwm2m_ops::Arguments;
use serde_json::{Value as Json, json};

use super::{json as json_response, list, no_content, ok};
use crate::{
    app::App,
    backend::{Answer, Device, Failure, Mode},
    call::{Call, unknown_endpoint},
    calls::TooMany,
    json::{create, node, system_time, write},
    problem::{Code, Problem},
};

/// `GET /devices/{ep}/objects/{path}`
pub(crate) async fn read(call: Call) -> Result<Response, Problem> {
    let (device, path, options) = (call.device()?, call.path()?, call.options()?);
    let answer = reach(
        &call.app,
        call.ep(),
        call.app.backend.read(call.ep(), path, options),
    )
    .await?;
    let models = call.app.backend.models();
    Ok(ok(&self::answer(
        definition(&models, &device, path),
        &path,
        &answer,
    )))
}

/// `PUT /devices/{ep}/objects/{path}`
pub(crate) async fn replace(call: Call) -> Result<Response, Problem> {
    store(call, Mode::Replace).await
}

/// `POST /devices/{ep}/objects/{path}`: a create on an object, else a partial write.
pub(crate) async fn post(mut call: Call) -> Result<Response, Problem> {
    let path = call.path()?;
    let (Level::Object, Some(object)) = (path.level(), path.object_id()) else {
        return store(call, Mode::Partial).await;
    };
    let (device, options) = (call.device()?, call.options()?);
    let body = call.json().await?;
    let models = call.app.backend.models();
    let new = create(definition(&models, &device, path), &body)?;
    let chosen = new.id.and_then(|id| path.child(id).ok());
    let created = reach(
        &call.app,
        call.ep(),
        call.app.backend.create(call.ep(), object, new, options),
    )
    .await?
    .or(chosen);
    let mut response = json_response(
        StatusCode::CREATED,
        &json!({ "path": created.map(|path| path.to_string()) }),
    );
    if let Some(created) = created {
        // Relative to …/objects/{object}, so that it holds wherever the router is mounted.
        let location = created.to_string().trim_start_matches('/').to_owned();
        if let Ok(location) = HeaderValue::from_str(&location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
    }
    Ok(response)
}

/// `DELETE /devices/{ep}/objects/{path}`
pub(crate) async fn delete(call: Call) -> Result<Response, Problem> {
    let (_, path, options) = (call.device()?, call.path()?, call.options()?);
    reach(
        &call.app,
        call.ep(),
        call.app.backend.delete(call.ep(), path, options),
    )
    .await?;
    Ok(no_content())
}

/// `POST /devices/{ep}/objects/{path}:execute`
pub(crate) async fn execute(mut call: Call) -> Result<Response, Problem> {
    let (_, path, options) = (call.device()?, call.path()?, call.options()?);
    let arguments = arguments(call.optional_json().await?)?;
    reach(
        &call.app,
        call.ep(),
        call.app
            .backend
            .execute(call.ep(), path, arguments, options),
    )
    .await?;
    Ok(no_content())
}

/// `GET /devices/{ep}/objects/{path}:discover`
pub(crate) async fn discover(call: Call) -> Result<Response, Problem> {
    let (_, path, options) = (call.device()?, call.path()?, call.options()?);
    let links = reach(
        &call.app,
        call.ep(),
        call.app.backend.discover(call.ep(), path, options),
    )
    .await?;
    let items = links.iter().map(|link| {
        let attributes = link.attributes.iter().map(|(name, value)| (name.clone(), value.as_deref().map_or(Json::Bool(true), Json::from)));
        json!({ "target": link.target, "attributes": attributes.collect::<serde_json::Map<_, _>>() })
    });
    Ok(list(items.collect(), None))
}

async fn store(mut call: Call, mode: Mode) -> Result<Response, Problem> {
    let (device, path, options) = (call.device()?, call.path()?, call.options()?);
    if matches!(path.level(), Level::Root | Level::Object) {
        return Err(Problem::new(
            Code::IllegalRequest,
            format!(
                "{path} cannot be written: only an instance, a resource or a resource instance can"
            ),
        )
        .field("path")
        .hint("POST to an object creates an instance"));
    }
    let body = call.json().await?;
    let models = call.app.backend.models();
    let node = write(definition(&models, &device, path), &path, &body)?;
    reach(
        &call.app,
        call.ep(),
        call.app.backend.write(call.ep(), path, mode, node, options),
    )
    .await?;
    Ok(no_content())
}

/// The arguments of an execute: `{"args": "0='x'"}`, or nothing.
fn arguments(body: Option<Json>) -> Result<Arguments, Problem> {
    let wrong = || {
        Problem::new(
            Code::InvalidValue,
            "an object with the text member \"args\" expected",
        )
        .hint("such as {\"args\": \"0='x'\"}")
    };
    let text = match body {
        None => return Ok(Arguments::NONE),
        Some(Json::Object(members)) => match (members.len(), members.get("args")) {
            (0, None) | (1, Some(Json::Null)) => return Ok(Arguments::NONE),
            (1, Some(Json::String(text))) => text.clone(),
            (_, Some(_)) => return Err(wrong().field("args")),
            (_, None) => return Err(wrong()),
        },
        Some(_) => return Err(wrong()),
    };
    Arguments::parse(&text).map_err(|error| {
        Problem::new(Code::InvalidValue, error.to_string())
            .field("args")
            .hint("digits 0 to 9, each with an optional value in quotes: 0='x',1")
    })
}

/// The definition of the object in `path`, in the version that the device has.
pub(crate) fn definition<'a>(
    models: &'a lwm2m_model::Models,
    device: &Device,
    path: Path,
) -> Option<&'a ObjectDef> {
    let object = path.object_id()?;
    models
        .object(object, Some(device.object_version(object)))
        .def
}

fn answer(def: Option<&ObjectDef>, path: &Path, answer: &Answer) -> Json {
    let mut json = node(def, path, &answer.node);
    if let Some(members) = json.as_object_mut() {
        members.insert("format".into(), answer.format.clone().into());
        members.insert("quirks".into(), answer.quirks.clone().into());
        members.insert(
            "taken_at".into(),
            answer.taken_at.map_or(Json::Null, system_time),
        );
    }
    json
}

/// Calls a device, within the limit on calls under way.
pub(crate) async fn reach<T>(
    app: &App,
    ep: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Problem> {
    let _permit = app.calls.enter(ep).map_err(|too_many| {
        let detail = match too_many {
            TooMany::InAll => "too many calls to devices are under way",
            TooMany::ToTheDevice => "too many calls to this device are under way",
        };
        Problem::new(Code::Overloaded, detail).retry_after(core::time::Duration::from_secs(1))
    })?;
    work.await.map_err(problem)
}

/// The one place that turns a failed call into an answer.
fn problem(failure: Failure) -> Problem {
    match failure {
        Failure::UnknownEndpoint => unknown_endpoint(),
        Failure::Illegal(why) => Problem::new(Code::IllegalRequest, why).field("path"),
        Failure::Unencodable(why) => Problem::new(Code::InvalidValue, why),
        Failure::Device { code, diagnostic } => {
            let name = code.name().unwrap_or("a code without a name");
            let detail = if diagnostic.is_empty() {
                format!("the device answered {code} ({name})")
            } else {
                format!("the device answered {code} ({name}): {diagnostic}")
            };
            let problem = Problem::new(Code::DeviceError, detail).coap_code(code.to_string());
            match advice(&code.to_string()) {
                Some(hint) => problem.hint(hint),
                None => problem,
            }
        }
        Failure::UnexpectedCode(code) => Problem::new(
            Code::UnexpectedAnswer,
            format!("LwM2M has no {code} as answer to this operation"),
        )
        .coap_code(code.to_string()),
        Failure::Timeout => Problem::new(Code::DeviceTimeout, "no answer came in time")
            .hint("the device may sleep, have lost its network, or need a longer ?timeout="),
        Failure::Unreachable(why) => Problem::new(Code::DeviceUnreachable, why),
        Failure::Payload(why) => {
            Problem::new(Code::UndecodableAnswer, why).hint("another ?format= may work")
        }
        Failure::UnknownObservation => {
            Problem::new(Code::UnknownObservation, "this path is not observed")
                .field("path")
                .hint("GET …/observations lists what is")
        }
        Failure::Overloaded => Problem::new(Code::Overloaded, "the server has too much under way")
            .retry_after(core::time::Duration::from_secs(1)),
        Failure::ShuttingDown => Problem::new(Code::ShuttingDown, "the server is stopping"),
    }
}

/// What a device's refusal usually means.
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "4.00" => "the device could not make sense of the value or its format",
        "4.01" => "the device's access control does not let this server do that",
        "4.04" => "the device has nothing at this path; discover the object to see what it has",
        "4.05" => {
            "the device does not allow this operation here; see the operations in the object's definition"
        }
        "4.06" => "the device cannot answer in this format; try another ?format=",
        "4.15" => "the device cannot read this format; try another ?format=",
        "5.03" => "the device is busy; try again later",
        _ => return None,
    })
}
