//! Every address of the API, once: the router and `/openapi.json` are both made from this table.

use axum::http::Method;

use crate::{
    api::{
        credentials, devices, events, health, metrics, models, objects, observations, server,
        session,
    },
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
    fn about(mut self, tag: &'static str, summary: &'static str) -> Self {
        (self.tag, self.summary) = (tag, summary);
        self
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

/// A route that needs the token and answers 204.
fn route(method: &Method, path: &'static str, id: &'static str, handler: Handler) -> Route {
    Route {
        method: method.clone(),
        path,
        id,
        tag: "",
        summary: "",
        query: &[],
        body: None,
        success: Success {
            status: 204,
            media_type: "",
            schema: None,
            what: "Done",
        },
        open: false,
        hidden: false,
        handler,
    }
}

/// An asynchronous function as a [`Handler`].
macro_rules! run {
    ($handler:path) => {
        |call| Box::pin($handler(call))
    };
}

/// All of them.
pub(crate) fn routes() -> Vec<Route> {
    let (get, put, post, delete) = (Method::GET, Method::PUT, Method::POST, Method::DELETE);
    vec![
        route(&post, "/api/v1/session", "login", run!(session::login))
            .about("Session", "Log in: exchange the token for a session cookie")
            .body("Login")
            .json(200, "Session", "Logged in; the cookie is set")
            .open(),
        route(&get, "/api/v1/session", "showSession", run!(session::show))
            .about("Session", "How this caller is let in")
            .json(200, "Session", "Let in"),
        route(&delete, "/api/v1/session", "logout", run!(session::logout))
            .about("Session", "Log out"),
        route(&get, "/api/v1/devices", "listDevices", run!(devices::list))
            .about("Devices", "Registered devices, by name")
            .query(&[Q, AFTER, LIMIT])
            .json(200, "DeviceList", "A part of the list"),
        route(
            &get,
            "/api/v1/devices/{ep}",
            "showDevice",
            run!(devices::show),
        )
        .about("Devices", "A registered device")
        .json(200, "Device", "The device"),
        route(
            &delete,
            "/api/v1/devices/{ep}",
            "removeDevice",
            run!(devices::remove),
        )
        .about(
            "Devices",
            "Remove the registration; the device may register again",
        ),
        route(
            &get,
            "/api/v1/devices/{ep}/objects/{path}",
            "read",
            run!(objects::read),
        )
        .about(
            "Objects",
            "Read an object, an instance, a resource or a resource instance",
        )
        .query(&[TIMEOUT, FORMAT])
        .json(200, "Node", "What the device holds there"),
        route(
            &put,
            "/api/v1/devices/{ep}/objects/{path}",
            "replace",
            run!(objects::replace),
        )
        .about("Objects", "Write: replace an instance or a resource")
        .query(&[TIMEOUT, FORMAT])
        .body("Write"),
        route(
            &post,
            "/api/v1/devices/{ep}/objects/{path}",
            "update",
            run!(objects::post),
        )
        .about(
            "Objects",
            "Write a part of an instance or a resource; on an object, create an instance",
        )
        .query(&[TIMEOUT, FORMAT])
        .body("Write")
        .json(201, "Created", "The instance was created"),
        route(
            &delete,
            "/api/v1/devices/{ep}/objects/{path}",
            "delete",
            run!(objects::delete),
        )
        .about("Objects", "Delete an object instance")
        .query(&[TIMEOUT]),
        route(
            &post,
            "/api/v1/devices/{ep}/objects/{path}:execute",
            "execute",
            run!(objects::execute),
        )
        .about("Objects", "Execute a resource")
        .query(&[TIMEOUT])
        .body("Execute"),
        route(
            &get,
            "/api/v1/devices/{ep}/objects/{path}:discover",
            "discover",
            run!(objects::discover),
        )
        .about("Objects", "Discover what is there and its attributes")
        .query(&[TIMEOUT])
        .json(200, "LinkList", "The links that the device names"),
        route(
            &post,
            "/api/v1/devices/{ep}/objects/{path}:discover",
            "discoverByPost",
            run!(objects::discover),
        )
        .about("Objects", "The same as GET")
        .query(&[TIMEOUT])
        .json(200, "LinkList", "The links that the device names"),
        route(
            &get,
            "/api/v1/devices/{ep}/observations",
            "listObservations",
            run!(observations::list),
        )
        .about(
            "Observations",
            "What is observed, with the last value of each",
        )
        .json(200, "ObservationList", "All observations of the device"),
        route(
            &post,
            "/api/v1/devices/{ep}/observations",
            "observe",
            run!(observations::start),
        )
        .about("Observations", "Observe a path")
        .query(&[TIMEOUT, FORMAT])
        .body("Observe")
        .json(201, "Observation", "Observed; the first value is there"),
        route(
            &delete,
            "/api/v1/devices/{ep}/observations",
            "cancelObservation",
            run!(observations::stop),
        )
        .about("Observations", "Cancel the observation of a path, or all")
        .query(&[PATH]),
        route(
            &get,
            "/api/v1/devices/{ep}/credentials",
            "showCredentials",
            run!(credentials::show),
        )
        .about("Security", "What an endpoint may prove, without secrets")
        .json(200, "Credentials", "What is recorded"),
        route(
            &put,
            "/api/v1/devices/{ep}/credentials",
            "setCredentials",
            run!(credentials::set),
        )
        .about(
            "Security",
            "Set what an endpoint has to prove; what it came in with before ends at once",
        )
        .body("SetCredentials")
        .json(200, "Credentials", "What is recorded now, without secrets"),
        route(
            &delete,
            "/api/v1/devices/{ep}/credentials",
            "removeCredentials",
            run!(credentials::remove),
        )
        .about(
            "Security",
            "Forget the endpoint: its sessions, its registration and what waits for it end at once",
        ),
        route(
            &post,
            "/api/v1/devices/{ep}/credentials:generate",
            "generateCredentials",
            run!(credentials::generate),
        )
        .about(
            "Security",
            "Draw a pre-shared key and set it; the answer is the only one that tells the key",
        )
        .body("GenerateCredentials")
        .json(
            200,
            "GeneratedCredentials",
            "The key, and commands that use it",
        ),
        route(
            &get,
            "/api/v1/security",
            "listCredentials",
            run!(credentials::list),
        )
        .about(
            "Security",
            "What endpoints may prove, by name, without secrets",
        )
        .query(&[Q, AFTER, LIMIT])
        .json(200, "CredentialsList", "A part of the list"),
        route(&get, "/api/v1/events", "events", run!(events::stream))
            .about(
                "Events",
                "Events with replay; as JSON lines for Accept: application/x-ndjson",
            )
            .query(&[EP, TYPE, SINCE])
            .text("text/event-stream", "Events as they happen"),
        route(&get, "/api/v1/models", "searchModels", run!(models::search))
            .about("Models", "Search the object definitions")
            .query(&[Q, AFTER, LIMIT])
            .json(200, "ModelList", "A part of the matches"),
        route(
            &get,
            "/api/v1/models/{object}",
            "showModel",
            run!(models::show),
        )
        .about("Models", "An object definition with its resources")
        .query(&[VERSION])
        .json(200, "Model", "The definition"),
        route(&get, "/api/v1/server", "showServer", run!(server::show))
            .about("Server", "Addresses, version and counters of the server")
            .json(200, "Server", "The server"),
        route(&get, "/healthz", "healthz", run!(health::alive))
            .about("Health", "Answers while the process lives")
            .text("text/plain", "Alive")
            .open(),
        route(&get, "/readyz", "readyz", run!(health::ready))
            .about("Health", "Answers 200 while devices are served, else 503")
            .text("text/plain", "Ready")
            .open(),
        route(&get, "/metrics", "metrics", run!(metrics::show))
            .about("Health", "Counters in the Prometheus text format")
            .text("text/plain; version=0.0.4", "Counters"),
        route(&get, "/openapi.json", "openapi", run!(openapi::show))
            .about("Health", "This document")
            .json(200, "OpenApi", "OpenAPI 3.1"),
        Route {
            hidden: true,
            ..route(&get, "/api/v1/{*rest}", "unknown", |_| {
                Box::pin(core::future::ready(Err(unknown_route())))
            })
        },
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
    "Content format (text, tlv, senml-cbor, …, or a number); the server chooses by default",
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
