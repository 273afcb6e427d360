use std::io::Read as _;
use std::path::Path as FilePath;

use lwm2m_model::{Level, Path};
use serde_json::{Value as Json, json};

use crate::api::{Address, Api};
use crate::failure::Failure;
use crate::output::{Column, Output, text};
use crate::value::{Kind, guessed, resources, typed, writable};

/// A command and what it works with.
pub(crate) struct Context {
    pub(crate) api: Api,
    pub(crate) output: Output,
}

impl Context {
    pub(crate) fn devices(&self, filter: Option<&str>) -> Result<(), Failure> {
        let devices = self.api.list(|| {
            let address = Address::of("/api/v1/devices").query("limit", "500");
            match filter {
                Some(text) => address.query("q", text),
                None => address,
            }
        })?;
        self.output.list(&devices, DEVICES)?;
        if devices.is_empty() {
            self.output.note("no device is registered that fits");
        }
        Ok(())
    }

    pub(crate) fn read(&self, ep: &str, path: &Path) -> Result<(), Failure> {
        let node = self.api.get(Address::node(ep, path, ""))?;
        self.output.node(&node)?;
        for quirk in node
            .get("quirks")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            self.output
                .note(&format!("oddity: {}", text(&json!({ "is": quirk }), "is")));
        }
        Ok(())
    }

    pub(crate) fn write(
        &self,
        ep: &str,
        path: &Path,
        what: Written<'_>,
        partial: bool,
    ) -> Result<(), Failure> {
        let body = match what {
            Written::File(file) => writable(json_file(file)?),
            Written::Value(value, value_type) => self.value(ep, path, value, value_type)?,
        };
        let address = Address::node(ep, path, "");
        if partial {
            self.api.post(address, &body)?;
        } else {
            self.api.put(address, &body)?;
        }
        self.output.note(&format!("{path} written"));
        Ok(())
    }

    pub(crate) fn execute(
        &self,
        ep: &str,
        path: &Path,
        arguments: Option<&str>,
    ) -> Result<(), Failure> {
        let body = arguments.map_or_else(|| json!({}), |arguments| json!({ "args": arguments }));
        self.api.post(Address::node(ep, path, ":execute"), &body)?;
        self.output.note(&format!("{path} executed"));
        Ok(())
    }

    pub(crate) fn discover(&self, ep: &str, path: &Path) -> Result<(), Failure> {
        let links = self.api.list(|| Address::node(ep, path, ":discover"))?;
        Ok(self.output.list(&links, LINKS)?)
    }

    pub(crate) fn create(
        &self,
        ep: &str,
        path: &Path,
        pairs: &[String],
        file: Option<&FilePath>,
    ) -> Result<(), Failure> {
        let object = path.object_id().and_then(|id| Path::object(id).ok());
        let object = object.ok_or_else(|| Failure::usage("no object"))?;
        let mut body = match file {
            Some(file) => writable(json_file(file)?),
            None => json!({ "resources": self.resources(ep, &object, pairs)? }),
        };
        if let (Some(id), Some(members)) = (path.instance_id(), body.as_object_mut()) {
            members.insert("id".into(), id.into());
        }
        let created = self.api.post(Address::node(ep, &object, ""), &body)?;
        let at = text(&created, "path");
        Ok(self.output.one(&created, &at)?)
    }

    pub(crate) fn delete(&self, ep: &str, path: &Path) -> Result<(), Failure> {
        self.api.delete(Address::node(ep, path, ""))?;
        self.output.note(&format!("{path} deleted"));
        Ok(())
    }

    /// The body of a write of one value.
    fn value(
        &self,
        ep: &str,
        path: &Path,
        text: &str,
        value_type: Option<&str>,
    ) -> Result<Json, Failure> {
        let Some(resource) = path.resource_id() else {
            return Err(Failure::usage(format!("{path} is no resource"))
                .hint("--json writes an instance: {\"resources\": {\"1\": {\"value\": 300}}}"));
        };
        if let Some(value_type) = value_type {
            return Ok(json!({ "value": typed(text, value_type)?, "type": value_type }));
        }
        let definition = self.definition(ep, path)?;
        let kind = definition
            .as_ref()
            .and_then(|object| kind(object, resource));
        let single = path.level() == Level::Resource;
        if kind.as_ref().is_some_and(|kind| kind.multiple) && single {
            return Err(Failure::usage(format!("{path} has instances"))
                .hint(format!("write one of them, such as {path}/0, or all: --json with {{\"values\": {{\"0\": …}}}}")));
        }
        Ok(json!({ "value": self.by_kind(path, kind.as_ref(), text)? }))
    }

    fn resources(&self, ep: &str, object: &Path, pairs: &[String]) -> Result<Json, Failure> {
        let definition = match pairs {
            [] => None,
            _ => self.definition(ep, object)?,
        };
        let resources = resources(pairs, |id, is_instance, text| {
            let kind = definition.as_ref().and_then(|object| kind(object, id));
            if kind
                .as_ref()
                .is_some_and(|kind| kind.multiple && !is_instance)
            {
                return Err(Failure::usage(format!("resource {id} has instances"))
                    .hint(format!("set each: {id}/0={text}")));
            }
            self.by_kind(id, kind.as_ref(), text)
        })?;
        Ok(resources.into())
    }

    fn by_kind(
        &self,
        what: impl std::fmt::Display,
        kind: Option<&Kind>,
        text: &str,
    ) -> Result<Json, Failure> {
        let Some(kind) = kind else {
            let (value, value_type) = guessed(text);
            self.output
                .note(&format!("{what} has no definition: sent as {value_type}"));
            return Ok(value);
        };
        typed(text, &kind.value_type)
    }

    /// The definition of the object in `path`, in the version that the device has. `None` where
    /// the server knows none.
    fn definition(&self, ep: &str, path: &Path) -> Result<Option<Json>, Failure> {
        let device = self.api.get(Address::device(ep))?;
        let id = path.object_id().unwrap_or_default();
        let objects = device.get("objects").and_then(Json::as_array);
        let object = objects
            .into_iter()
            .flatten()
            .find(|object| object.get("id").and_then(Json::as_u64) == Some(id.into()));
        let address = Address::of(format!("/api/v1/models/{id}"));
        let address = match object {
            // What was not announced is looked up in its newest version.
            None => address,
            Some(object) => match object.get("model_version").and_then(Json::as_str) {
                Some(version) => address.query("version", version),
                None => return Ok(None),
            },
        };
        match self.api.get(address) {
            Ok(definition) => Ok(Some(definition)),
            Err(failure) if failure.is("unknown_model") => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// What `write` writes.
pub(crate) enum Written<'a> {
    /// A value as typed, and its type where the user tells it.
    Value(&'a str, Option<&'a str>),
    /// A JSON document.
    File(&'a FilePath),
}

fn kind(object: &Json, resource: u16) -> Option<Kind> {
    let resources = object.get("resources")?.as_array()?;
    let resource = resources
        .iter()
        .find(|one| one.get("id").and_then(Json::as_u64) == Some(resource.into()))?;
    Some(Kind {
        value_type: resource.get("type")?.as_str()?.to_owned(),
        multiple: resource
            .get("multiple")
            .and_then(Json::as_bool)
            .unwrap_or_default(),
    })
}

fn json_file(path: &FilePath) -> Result<Json, Failure> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    let name = path.display();
    read.map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| Failure::usage(format!("{name}: {error}")))
}

const DEVICES: &[Column] = &[
    ("ENDPOINT", |device| text(device, "ep")),
    ("ADDRESS", |device| text(device, "address")),
    ("LWM2M", |device| text(device, "version")),
    ("BINDING", |device| {
        let queue = device.get("queue_mode").and_then(Json::as_bool);
        let queue = if queue == Some(true) { " queued" } else { "" };
        format!("{}{queue}", text(device, "binding"))
    }),
    ("LIFETIME", |device| {
        match device.get("lifetime_s").and_then(Json::as_u64) {
            Some(seconds) => format!("{seconds} s"),
            None => "for ever".to_owned(),
        }
    }),
    ("UPDATED", |device| text(device, "updated_at")),
    ("OBJECTS", |device| {
        let objects = device.get("objects").and_then(Json::as_array);
        let ids = objects
            .into_iter()
            .flatten()
            .map(|object| text(object, "id"));
        ids.collect::<Vec<_>>().join(" ")
    }),
];

const LINKS: &[Column] = &[
    ("PATH", |link| text(link, "target")),
    ("ATTRIBUTES", |link| {
        let attributes = link.get("attributes").and_then(Json::as_object);
        let shown = attributes
            .into_iter()
            .flatten()
            .map(|(name, value)| match value {
                Json::String(value) => format!("{name}={value}"),
                _ => name.clone(),
            });
        shown.collect::<Vec<_>>().join(" ")
    }),
];
