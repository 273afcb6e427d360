use axum::response::Response;
use lwm2m_model::{Models, Path};
use serde_json::{Map, Value as Json, json};

use super::{list as list_of, no_content, ok};
use crate::{
    backend::Device,
    call::{Call, unknown_endpoint},
    json::system_time,
    problem::Problem,
};

/// `GET /devices`
pub(crate) async fn list(call: Call) -> Result<Response, Problem> {
    let limit = usize::try_from(call.query.number("limit", 1..=500, 50)?).unwrap_or(50);
    let page = call
        .app
        .backend
        .devices(call.query.get("q"), call.query.get("after"), limit);
    let models = call.app.backend.models();
    Ok(list_of(
        page.items
            .iter()
            .map(|device| self::device(&models, device))
            .collect(),
        page.next,
    ))
}

/// `GET /devices/{ep}`
pub(crate) async fn show(call: Call) -> Result<Response, Problem> {
    Ok(ok(&device(&call.app.backend.models(), &call.device()?)))
}

/// `DELETE /devices/{ep}`
pub(crate) async fn remove(call: Call) -> Result<Response, Problem> {
    if call.app.backend.remove(call.ep()) {
        Ok(no_content())
    } else {
        Err(unknown_endpoint())
    }
}

/// A device as JSON. The objects carry their names, so that a list reads without the models.
pub(crate) fn device(models: &Models, device: &Device) -> Json {
    let objects = device.objects.iter().map(|object| {
        let version = device.object_version(object.id);
        let choice = models.object(object.id, Some(version));
        json!({
            "id": object.id,
            "path": Path::object(object.id).ok().map(|path| path.to_string()),
            "name": choice.def.map(|def| def.name()),
            "version": version.to_string(),
            "version_announced": object.version.is_some(),
            "model_version": choice.def.map(|def| def.version().to_string()),
            "instances": object.instances,
        })
    });
    let extra = device.extra.iter().map(|(name, value)| {
        (
            name.clone(),
            value.as_deref().map_or(Json::Bool(true), Json::from),
        )
    });
    json!({
        "ep": device.ep,
        "id": device.id,
        "state": "registered",
        "address": device.address,
        "security": device.security,
        "session": device.session.as_ref().map(|session| json!({
            "suite": session.suite,
            "connection_id": session.connection_id,
        })),
        "lifetime_s": device.lifetime.map(|lifetime| lifetime.as_secs()),
        "version": device.version.to_string(),
        "binding": device.binding,
        "queue_mode": device.queue_mode,
        "sms": device.sms,
        "root": device.root,
        "formats": device.formats,
        "registered_at": system_time(device.registered_at),
        "updated_at": system_time(device.updated_at),
        "expires_at": device.expires_at.map_or(Json::Null, system_time),
        "objects": objects.collect::<Vec<_>>(),
        "attributes": extra.collect::<Map<_, _>>(),
        "quirks": device.quirks,
    })
}
