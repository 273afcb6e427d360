use core::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Instant, SystemTime},
};

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use futures_core::Stream;
use serde_json::{Value as Json, json};
use tokio::{sync::mpsc, time::MissedTickBehavior};

use super::devices;
use crate::{
    app::App,
    auth::Access,
    backend::{Data, Event, Events, Item},
    call::Call,
    json::{node, system_time},
    problem::{Code, Problem},
};

/// `GET /events`
pub(crate) async fn stream(call: Call) -> Result<Response, Problem> {
    let since = match call
        .headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok()?.parse().ok())
    {
        Some(id) => Some(id),
        None => call
            .query
            .get("since")
            .map(|_| call.query.number("since", 0..=u64::MAX, 0))
            .transpose()?,
    };
    let Ok(permit) = Arc::clone(&call.app.streams).try_acquire_owned() else {
        return Err(Problem::new(
            Code::TooManyStreams,
            "as many event streams are open as are allowed",
        )
        .hint("close a page of the console"));
    };
    let lines = call
        .headers
        .get(header::ACCEPT)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/x-ndjson"));
    let filter = Filter {
        eps: call.query.all("ep").map(str::to_owned).collect(),
        types: call
            .query
            .all("type")
            .flat_map(|types| types.split(','))
            .map(|one| one.trim_end_matches(".*").to_owned())
            .collect(),
    };
    let events = call.app.backend.events(since);
    let (sender, receiver) = mpsc::channel(BUFFERED);
    let media_type = if lines {
        "application/x-ndjson"
    } else {
        "text/event-stream"
    };
    let writer = Writer {
        app: call.app,
        access: call.access,
        filter,
        lines,
        sender,
    };
    tokio::spawn(async move {
        writer.run(events).await;
        drop(permit);
    });
    let mut response = Response::new(Body::from_stream(Chunks(receiver)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-transform"),
    );
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Which events a reader wants; an empty list wants all.
struct Filter {
    eps: Vec<String>,
    types: Vec<String>,
}

impl Filter {
    fn wants(&self, event: &Event) -> bool {
        let ep = self.eps.is_empty() || event.ep.as_ref().is_some_and(|ep| self.eps.contains(ep));
        let group = |wanted: &String| {
            event
                .name
                .strip_prefix(wanted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        ep && (self.types.is_empty() || self.types.iter().any(group))
    }
}

/// Writes one reader's stream until the reader leaves, its session ends or the server stops.
struct Writer {
    app: Arc<App>,
    access: Access,
    filter: Filter,
    lines: bool,
    sender: mpsc::Sender<Bytes>,
}

impl Writer {
    async fn run(self, mut events: Box<dyn Events>) {
        // The first bytes go out at once, so that the reader knows that it is connected.
        if !self.lines
            && self
                .sender
                .send(Bytes::from_static(b"retry: 3000\n\n"))
                .await
                .is_err()
        {
            return;
        }
        let mut silence = tokio::time::interval(
            self.app
                .config
                .keep_alive
                .max(core::time::Duration::from_millis(10)),
        );
        silence.set_missed_tick_behavior(MissedTickBehavior::Delay);
        silence.reset();
        loop {
            let chunk = tokio::select! {
                biased;
                () = self.sender.closed() => return,
                item = events.next() => match item {
                    Some(Item::Event(event)) if self.filter.wants(&event) => self.event(&event),
                    Some(Item::Event(_)) => continue,
                    Some(Item::Lagged { from, to }) => self.lagged(from, to),
                    None => return,
                },
                _ = silence.tick() => if self.lines { Bytes::from_static(b"\n") } else { Bytes::from_static(b": keep-alive\n\n") },
            };
            if !self.still_allowed() || self.sender.send(chunk).await.is_err() {
                return;
            }
            silence.reset();
        }
    }

    /// A logout or the end of a session ends its streams too.
    fn still_allowed(&self) -> bool {
        match &self.access {
            Access::Session { id, .. } => self.app.sessions.remaining(id, Instant::now()).is_some(),
            Access::Bearer | Access::Open => true,
        }
    }

    fn event(&self, event: &Event) -> Bytes {
        let json = json!({
            "id": event.id,
            "time": system_time(event.time),
            "ep": event.ep,
            "cid": event.cid,
            "type": event.name,
            "data": data(&self.app, event),
        });
        self.frame(event.id, event.name, &json)
    }

    fn lagged(&self, from: u64, to: u64) -> Bytes {
        self.app
            .statistics
            .streams_lagged
            .fetch_add(1, Ordering::Relaxed);
        let json = json!({
            "id": to,
            "time": system_time(SystemTime::now()),
            "ep": null,
            "cid": null,
            "type": LAGGED,
            "data": { "from": from, "to": to },
        });
        self.frame(to, LAGGED, &json)
    }

    /// JSON has no raw line breaks, so one event stays one line whatever a device calls itself.
    fn frame(&self, id: u64, name: &str, json: &Json) -> Bytes {
        if self.lines {
            format!("{json}\n").into()
        } else {
            format!("id: {id}\nevent: {name}\ndata: {json}\n\n").into()
        }
    }
}

fn data(app: &App, event: &Event) -> Json {
    let models = app.backend.models();
    match &event.data {
        Data::Device(device) => json!({ "device": devices::device(&models, device) }),
        Data::Updated(device, changes) => {
            json!({ "device": devices::device(&models, device), "changes": changes })
        }
        Data::Value {
            path,
            object_version,
            node: content,
            taken_at,
        } => {
            let def = path
                .object_id()
                .and_then(|object| models.object(object, *object_version).def);
            let mut json = node(def, path, content);
            if let Some(members) = json.as_object_mut() {
                members.insert("taken_at".into(), taken_at.map_or(Json::Null, system_time));
            }
            json
        }
        Data::Other(json) => json.clone(),
    }
}

/// The body of a stream: what its writer sends.
struct Chunks(mpsc::Receiver<Bytes>);

impl Stream for Chunks {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(Ok))
    }
}

/// Events that wait for a slow reader here; more wait, and are dropped, in the server's ring.
const BUFFERED: usize = 16;
const LAGGED: &str = "stream.lagged";
