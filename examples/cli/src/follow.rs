use std::num::NonZeroU64;

use lwm2m_model::Path;
use serde_json::{Value as Json, json};

use crate::api::Address;
use crate::commands::Context;
use crate::failure::Failure;
use crate::interrupt::CleanUp;
use crate::output::{has_content, leaves, text, value};

impl Context {
    /// Observes, prints every value, and leaves the device as it was.
    pub(crate) fn observe(
        &self,
        ep: &str,
        path: &Path,
        count: Option<NonZeroU64>,
        clean_up: &CleanUp,
    ) -> Result<(), Failure> {
        let path = path.to_string();
        let known = self.api.list(|| Address::observations(ep))?;
        // The stream is open before the observation begins, so that no value falls in between.
        let stream = Address::of("/api/v1/events")
            .query("ep", ep)
            .query("type", "observation")
            .query("type", "registration");
        let mut events = self.api.events(stream)?;
        if !known.iter().any(|one| text(one, "path") == path) {
            let (api, ep, path) = (self.api.clone(), ep.to_owned(), path.clone());
            clean_up.set(move || {
                // It may have ended by itself, or have never begun.
                let _ = api.delete(Address::observations(&ep).asking().query("path", path));
            });
        }
        let begun = self
            .api
            .post(Address::observations(ep).asking(), &json!({ "path": path }))?;
        self.output.note(&format!("observing {path} of {ep}"));
        let mut left = count.map_or(u64::MAX, NonZeroU64::get);
        if let Some(node) = begun.get("last").filter(|node| has_content(node)) {
            self.show(node, &text(&begun, "updated_at"))?;
            left -= 1;
        }
        while left > 0 {
            let event = events.next()?;
            let (name, time) = (text(&event, "type"), text(&event, "time"));
            let data = event.get("data").unwrap_or(&Json::Null);
            let ours = text(data, "path") == path;
            match name.as_str() {
                "observation.notified" if ours && has_content(data) => {
                    self.show(data, &time)?;
                    left -= 1;
                }
                "observation.notified" if ours => {
                    self.output
                        .note(&format!("{time}  a value that cannot be read: {data}"));
                }
                "observation.ended" if ours => {
                    let reason = text(data, "reason");
                    return Err(Failure::failed(format!("the observation ended: {reason}")));
                }
                "registration.created" => self.output.note(&format!("{time}  {ep} registered")),
                "registration.removed" => {
                    let reason = text(data, "reason");
                    self.output.note(&format!(
                        "{time}  {ep} left ({reason}); observed again when it is back"
                    ));
                }
                "stream.lagged" => self.output.note(&lagged(data)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Prints events as they come.
    pub(crate) fn events(
        &self,
        types: &[String],
        eps: &[String],
        since: Option<u64>,
        count: Option<NonZeroU64>,
    ) -> Result<(), Failure> {
        let mut address = Address::of("/api/v1/events");
        for one in types {
            address = address.query("type", one);
        }
        for one in eps {
            address = address.query("ep", one);
        }
        if let Some(since) = since {
            address = address.query("since", since.to_string());
        }
        let mut events = self.api.events(address)?;
        let mut left = count.map_or(u64::MAX, NonZeroU64::get);
        while left > 0 {
            let event = events.next()?;
            let data = event.get("data").unwrap_or(&Json::Null);
            if text(&event, "type") == "stream.lagged" {
                self.output.note(&lagged(data));
            }
            self.output.streamed(&event, || {
                let (time, name, ep) = (
                    text(&event, "time"),
                    text(&event, "type"),
                    text(&event, "ep"),
                );
                vec![
                    format!("{time}  {name:22}  {ep}  {}", summary(data))
                        .trim_end()
                        .to_owned(),
                ]
            })?;
            left -= 1;
        }
        Ok(())
    }

    /// Prints a value of an observation: one line of JSON, or a line for each resource in it.
    fn show(&self, node: &Json, time: &str) -> Result<(), Failure> {
        let mut item = node.clone();
        if let Some(members) = item.as_object_mut() {
            members.insert("time".into(), time.into());
        }
        let row = |leaf: &Json| {
            let line = format!(
                "{time}  {}  {} {}",
                text(leaf, "path"),
                value(leaf),
                text(leaf, "unit")
            );
            line.trim_end().to_owned()
        };
        Ok(self
            .output
            .streamed(&item, || leaves(node).iter().map(row).collect())?)
    }
}

/// What an event tells, in few words.
fn summary(data: &Json) -> String {
    if has_content(data) {
        let path = text(data, "path");
        let leaves = leaves(data);
        return match leaves.as_slice() {
            [one] => format!("{path}  {} {}", value(one), text(one, "unit"))
                .trim_end()
                .to_owned(),
            several => format!("{path}  {} values", several.len()),
        };
    }
    let members = data.as_object().into_iter().flatten();
    let short =
        members.filter(|(_, value)| !value.is_null() && !value.is_object() && !value.is_array());
    let words: Vec<_> = short
        .map(|(name, _)| format!("{name}={}", text(data, name)))
        .collect();
    match (words.is_empty(), data.get("device")) {
        (true, Some(device)) => text(device, "address"),
        _ => words.join(" "),
    }
}

fn lagged(data: &Json) -> String {
    format!(
        "too slow for this stream: events {} to {} are lost",
        text(data, "from"),
        text(data, "to")
    )
}
