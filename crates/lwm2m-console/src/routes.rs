//! Every address of the API, once: the router and `/openapi.json` are both made from this table.

use axum::http::Method;

use crate::{
    api::{devices, events, health, metrics, models, objects, observations, server, session},
    app::{Handler, unknown_route},
    openapi,
    query::{Param, Schema},
};

/// An address and what a method does there.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// As OpenAPI writes it; `{path}` takes any number of segments.
    pub(crate) path: &'static str,
    /// The operation's id.
    pub(crate) id: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) query: &'static [Param],
    /// The schema of the request's body.
    pub(crate) body: Option<&'static str>,
    pub(crate) success: Success,
    /// Needs no token.
    pub(crate) open: bool,
    /// Stands for "nothing here": not in the OpenAPI document.
    pub(crate) hidden: bool,
    pub(crate) handler: Handler,
}

/// What a route answers when all went well.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Success {
    pub(crate) status: u16,
    pub(crate) media_type: &'static str,
    /// The schema of a JSON answer.
    pub(crate) schema: Option<&'static str>,
    pub(crate) what: &'static str,
}

impl Route {
    fn new(
        method: Method,
        path: &'static str,
        id: &'static str,
        tag: &'static str,
        summary: &'static str,
        handler: Handler,
    ) -> Self {
        let success = Success {
            status: 204,
            media_type: "",
            schema: None,
            what: "Done",
        };
        Self {
            method,
            path,
            id,
            tag,
            summary,
            query: &[],
            body: None,
            success,
            open: false,
            hidden: false,
            handler,
        }
    }

    fn query(mut self, query: &'static [Param]) -> Self {
        self.query = query;
        self
    }

    fn body(mut self, schema: &'static str) -> Self {
        self.body = Some(schema);
        self
    }

    fn json(self, status: u16, schema: &'static str, what: &'static str) -> Self {
        Self {
            success: Success {
                status,
                media_type: "application/json",
                schema: Some(schema),
                what,
            },
            ..self
        }
    }

    fn text(self, media_type: &'static str, what: &'static str) -> Self {
        Self {
            success: Success {
                status: 200,
                media_type,
                schema: None,
                what,
            },
            ..self
        }
    }

    fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// What stands behind `{path}`: `:execute`.
    pub(crate) fn suffix(&self) -> &'static str {
        self.path
            .split_once("{path}")
            .map_or("", |(_, suffix)| suffix)
    }
}

/// All of them.
pub(crate) fn routes() -> Vec<Route> {
    let (get, put, post, delete) = (Method::GET, Method::PUT, Method::POST, Method::DELETE);
    vec![
        Route::new(post.clone(), "/api/v1/session", "login", "Session", "Log in: exchange the token for a session cookie", |call| Box::pin(session::login(call)))
            .body("Login")
            .json(200, "Session", "Logged in; the cookie is set")
            .open(),
        Route::new(get.clone(), "/api/v1/session", "showSession", "Session", "How this caller is let in", |call| Box::pin(session::show(call)))
            .json(200, "Session", "Let in"),
        Route::new(delete.clone(), "/api/v1/session", "logout", "Session", "Log out", |call| Box::pin(session::logout(call))),
        Route::new(get.clone(), "/api/v1/devices", "listDevices", "Devices", "Registered devices, by name", |call| Box::pin(devices::list(call)))
            .query(&[Q, AFTER, LIMIT])
            .json(200, "DeviceList", "A part of the list"),
        Route::new(get.clone(), "/api/v1/devices/{ep}", "showDevice", "Devices", "A registered device", |call| Box::pin(devices::show(call)))
            .json(200, "Device", "The device"),
        Route::new(get.clone(), "/api/v1/devices/{ep}/objects/{path}", "read", "Objects", "Read an object, an instance, a resource or a resource instance", |call| Box::pin(objects::read(call)))
            .query(&[TIMEOUT, FORMAT])
            .json(200, "Node", "What the device holds there"),
        Route::new(put.clone(), "/api/v1/devices/{ep}/objects/{path}", "replace", "Objects", "Write: replace an instance or a resource", |call| Box::pin(objects::replace(call)))
            .query(&[TIMEOUT, FORMAT])
            .body("Write"),
        Route::new(post.clone(), "/api/v1/devices/{ep}/objects/{path}", "update", "Objects", "On an instance or a resource: write a part of it (204). On an object: create an instance (201)", |call| Box::pin(objects::post(call)))
            .query(&[TIMEOUT, FORMAT])
            .body("Write")
            .json(201, "Created", "The instance was created"),
        Route::new(delete.clone(), "/api/v1/devices/{ep}/objects/{path}", "delete", "Objects", "Delete an object instance", |call| Box::pin(objects::delete(call)))
            .query(&[TIMEOUT]),
        Route::new(post.clone(), "/api/v1/devices/{ep}/objects/{path}:execute", "execute", "Objects", "Execute a resource", |call| Box::pin(objects::execute(call)))
            .query(&[TIMEOUT])
            .body("Execute"),
        Route::new(get.clone(), "/api/v1/devices/{ep}/objects/{path}:discover", "discover", "Objects", "Discover what is there and its attributes", |call| Box::pin(objects::discover(call)))
            .query(&[TIMEOUT])
            .json(200, "LinkList", "The links that the device names"),
        Route::new(post.clone(), "/api/v1/devices/{ep}/objects/{path}:discover", "discoverByPost", "Objects", "The same as GET", |call| Box::pin(objects::discover(call)))
            .query(&[TIMEOUT])
            .json(200, "LinkList", "The links that the device names"),
        Route::new(get.clone(), "/api/v1/devices/{ep}/observations", "listObservations", "Observations", "What is observed, with the last value of each", |call| Box::pin(observations::list(call)))
            .json(200, "ObservationList", "All observations of the device"),
        Route::new(post, "/api/v1/devices/{ep}/observations", "observe", "Observations", "Observe a path", |call| Box::pin(observations::start(call)))
            .query(&[TIMEOUT, FORMAT])
            .body("Observe")
            .json(201, "Observation", "Observed; the first value is there"),
        Route::new(delete, "/api/v1/devices/{ep}/observations", "cancelObservation", "Observations", "Cancel the observation of a path, or all", |call| Box::pin(observations::stop(call)))
            .query(&[PATH]),
        Route::new(get.clone(), "/api/v1/events", "events", "Events", "The event stream, with replay after Last-Event-ID; JSON lines for Accept: application/x-ndjson", |call| Box::pin(events::stream(call)))
            .query(&[EP, TYPE, SINCE])
            .text("text/event-stream", "Events as they happen"),
        Route::new(get.clone(), "/api/v1/models", "searchModels", "Models", "Search the object definitions", |call| Box::pin(models::search(call)))
            .query(&[Q, AFTER, LIMIT])
            .json(200, "ModelList", "A part of the matches"),
        Route::new(get.clone(), "/api/v1/models/{object}", "showModel", "Models", "An object definition with its resources", |call| Box::pin(models::show(call)))
            .query(&[VERSION])
            .json(200, "Model", "The definition"),
        Route::new(get.clone(), "/api/v1/server", "showServer", "Server", "Addresses, version and counters of the server", |call| Box::pin(server::show(call)))
            .json(200, "Server", "The server"),
        Route::new(get.clone(), "/healthz", "healthz", "Health", "Answers while the process lives", |call| Box::pin(health::alive(call)))
            .text("text/plain", "Alive")
            .open(),
        Route::new(get.clone(), "/readyz", "readyz", "Health", "Answers 200 while devices are served, else 503", |call| Box::pin(health::ready(call)))
            .text("text/plain", "Ready")
            .open(),
        Route::new(get.clone(), "/metrics", "metrics", "Health", "Counters in the Prometheus text format", |call| Box::pin(metrics::show(call)))
            .text("text/plain; version=0.0.4", "Counters"),
        Route::new(get.clone(), "/openapi.json", "openapi", "Health", "This document", |call| Box::pin(openapi::show(call)))
            .json(200, "OpenApi", "OpenAPI 3.1"),
        Route { hidden: true, ..Route::new(get, "/api/v1/{*rest}", "unknown", "", "", |_| Box::pin(core::future::ready(Err(unknown_route())))) },
    ]
}

const Q: Param = Param::new("q", Schema::Text, "Words to look for");
const AFTER: Param = Param::new("after", Schema::Text, "The `next` of the part before");
const LIMIT: Param = Param::new(
    "limit",
    Schema::Whole {
        least: 1,
        most: 500,
    },
    "How many items at most; default 50",
);
const TIMEOUT: Param = Param::new(
    "timeout",
    Schema::Text,
    "How long the device may take, such as `30s`",
);
const FORMAT: Param = Param::new(
    "format",
    Schema::Text,
    "Content format: text, opaque, cbor, tlv, senml-json, senml-cbor, or a number; the server chooses by default",
);
const PATH: Param = Param::new("path", Schema::Text, "The observed path; all when absent");
const EP: Param = Param::new("ep", Schema::Text, "Only events of this endpoint").repeats();
const TYPE: Param = Param::new(
    "type",
    Schema::Text,
    "Only this type (`registration.created`) or group (`registration`)",
)
.repeats();
const SINCE: Param = Param::new(
    "since",
    Schema::Whole {
        least: 0,
        most: u64::MAX,
    },
    "Replay from behind this event id; Last-Event-ID wins",
);
const VERSION: Param = Param::new(
    "version",
    Schema::Text,
    "The object version, such as `1.1`; the newest by default",
);
