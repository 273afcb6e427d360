use axum::response::Response;

use super::{list, ok};
use crate::{
    call::Call,
    json::{object_definition, object_summary},
    problem::{Code, Problem},
};

/// `GET /models`
pub(crate) async fn search(call: Call) -> Result<Response, Problem> {
    let limit = usize::try_from(call.query.number("limit", 1..=500, 50)?).unwrap_or(50);
    let skip = match call.query.get("after").map(str::parse::<usize>) {
        None => 0,
        Some(Ok(skip)) => skip,
        Some(Err(_)) => {
            return Err(Problem::new(
                Code::InvalidParameter,
                "after is the next of another answer",
            )
            .field("after"));
        }
    };
    let models = call.app.backend.models();
    let mut found = models
        .search(call.query.get("q").unwrap_or_default())
        .skip(skip);
    let items: Vec<_> = found
        .by_ref()
        .take(limit)
        .map(|def| object_summary(def, models.versions(def.id())))
        .collect();
    let next = found
        .next()
        .map(|_| skip.saturating_add(items.len()).to_string());
    Ok(list(items, next))
}

/// `GET /models/{object}`
pub(crate) async fn show(call: Call) -> Result<Response, Problem> {
    let models = call.app.backend.models();
    let unknown = |detail: String| {
        Problem::new(Code::UnknownModel, detail)
            .hint("GET /api/v1/models?q=… searches the definitions")
    };
    let text = call.param("object");
    let Ok(id) = text.parse::<u16>() else {
        return Err(unknown(format!("{text:?} is no object id")));
    };
    let version = match call
        .query
        .get("version")
        .map(str::parse::<lwm2m_model::Version>)
    {
        None => None,
        Some(Ok(version)) => Some(version),
        Some(Err(_)) => {
            return Err(
                Problem::new(Code::InvalidParameter, "version is such as 1.1").field("version"),
            );
        }
    };
    let versions = models.versions(id);
    let found = match version {
        None => versions.last(),
        Some(version) => versions.iter().find(|def| def.version() == version),
    };
    match (found, version) {
        (Some(def), _) => Ok(ok(&object_definition(def, versions))),
        (None, Some(version)) if !versions.is_empty() => {
            Err(unknown(format!("object {id} has no version {version}")).field("version"))
        }
        (None, _) => Err(unknown(format!("object {id} is not defined"))),
    }
}
