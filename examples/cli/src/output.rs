use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::settings::Settings;

/// How data is printed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// For people
    Table,
    /// One JSON document; a stream prints one a line
    Json,
    /// A JSON document a line, one for each value, device, link or event
    Jsonl,
}

/// Where data and talk go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
    colour: bool,
    quiet: bool,
}

/// A column of a table: its head, and the cell of an item.
pub(crate) type Column = (&'static str, fn(&Json) -> String);

impl Output {
    pub(crate) fn new(settings: &Settings) -> Self {
        let terminal = io::stdout().is_terminal();
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let default = if terminal {
            Format::Table
        } else {
            Format::Json
        };
        Self {
            format: settings.output.unwrap_or(default),
            colour: terminal && !unwanted,
            quiet: settings.quiet,
        }
    }

    /// Says something that is no data.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            support::complain!("{}", printable(text));
        }
    }

    /// A list of things.
    pub(crate) fn list(&self, items: &[Json], columns: &[Column]) -> io::Result<()> {
        match self.format {
            Format::Json => self.document(&json!({ "items": items, "next": null })),
            Format::Jsonl => self.lines(items),
            Format::Table => {
                let row = |item| columns.iter().map(|(_, cell)| cell(item)).collect();
                let head: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
                self.table(&head, items.iter().map(row).collect())
            }
        }
    }

    /// What a device holds somewhere.
    pub(crate) fn node(&self, node: &Json) -> io::Result<()> {
        match self.format {
            Format::Json => self.document(node),
            Format::Jsonl => self.lines(&leaves(node)),
            Format::Table => {
                let row = |leaf: &Json| {
                    let name = text(leaf, "name");
                    vec![text(leaf, "path"), name, value(leaf), text(leaf, "unit")]
                };
                let rows = leaves(node).iter().map(row).collect();
                self.table(&["PATH", "NAME", "VALUE", "UNIT"], rows)
            }
        }
    }

    /// Something that is one line for people.
    pub(crate) fn one(&self, item: &Json, line: &str) -> io::Result<()> {
        match self.format {
            Format::Json => self.document(item),
            Format::Jsonl => self.lines(std::slice::from_ref(item)),
            Format::Table => writeln!(io::stdout(), "{}", printable(line)),
        }
    }

    /// An item of a stream, which is several lines for people or one line of JSON.
    pub(crate) fn streamed(
        &self,
        item: &Json,
        rows: impl FnOnce() -> Vec<String>,
    ) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json | Format::Jsonl => writeln!(out, "{item}")?,
            Format::Table => {
                for row in rows() {
                    writeln!(out, "{}", printable(&row))?;
                }
            }
        }
        out.flush()
    }

    fn document(&self, json: &Json) -> io::Result<()> {
        writeln!(io::stdout(), "{json:#}")
    }

    fn lines(&self, items: &[Json]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        items.iter().try_for_each(|item| writeln!(out, "{item}"))
    }

    fn table(&self, head: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|row| row.iter().map(|cell| printable(cell)).collect())
            .collect();
        let width = |column: usize, head: &str| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.chars().count()).max();
            head.len().max(widest.unwrap_or_default())
        };
        let widths: Vec<usize> = head
            .iter()
            .enumerate()
            .map(|(column, head)| width(column, head))
            .collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let padded = cells
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}  "));
            padded.collect::<String>().trim_end().to_owned()
        };
        let mut out = io::stdout().lock();
        let top = line(&mut head.iter().copied());
        if self.colour {
            writeln!(out, "\x1b[1m{top}\x1b[0m")?;
        } else {
            writeln!(out, "{top}")?;
        }
        rows.iter()
            .try_for_each(|row| writeln!(out, "{}", line(&mut row.iter().map(String::as_str))))
    }
}

/// The values in a node, each with its path, in the order of their ids.
pub(crate) fn leaves(node: &Json) -> Vec<Json> {
    for children in ["instances", "resources"] {
        if let Some(children) = node.get(children) {
            return by_id(children)
                .flat_map(|(_, child)| leaves(child))
                .collect();
        }
    }
    let member = |name: &str| node.get(name).cloned().unwrap_or_default();
    let leaf = |path: Json, value: Json| json!({ "path": path, "name": member("name"), "type": member("type"), "unit": member("unit"), "value": value });
    match (node.get("value"), node.get("values")) {
        (Some(value), _) => vec![leaf(member("path"), value.clone())],
        (None, Some(values)) => by_id(values)
            .map(|(id, value)| leaf(format!("{}/{id}", text(node, "path")).into(), value.clone()))
            .collect(),
        (None, None) => Vec::new(),
    }
}

/// Whether a node holds something, if only an empty instance.
pub(crate) fn has_content(node: &Json) -> bool {
    ["value", "values", "resources", "instances"]
        .iter()
        .any(|member| node.get(member).is_some())
}

/// The members of a map, by the numbers that their names are.
fn by_id(map: &Json) -> impl Iterator<Item = (&String, &Json)> {
    let mut members: Vec<_> = map.as_object().into_iter().flatten().collect();
    members.sort_by_key(|(id, _)| id.parse::<u16>().unwrap_or(u16::MAX));
    members.into_iter()
}

/// A member as people read it; nothing where there is none.
pub(crate) fn text(item: &Json, member: &str) -> String {
    match item.get(member) {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The value of a leaf as people read it, and as `write` takes it.
pub(crate) fn value(leaf: &Json) -> String {
    match leaf.get("value").and_then(|value| value.get("hex")) {
        Some(Json::String(digits)) => format!("hex:{digits}"),
        _ => text(leaf, "value"),
    }
}

/// Text that does nothing to a terminal: names, values and diagnostics come from devices.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        let reorders = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if reorders || character.is_control() {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_come_in_the_order_of_their_ids() {
        let leaf = |path: &str, value: i64| json!({"path": path, "name": "n", "type": "integer", "unit": null, "value": value});
        let resource = |path: &str, value: i64| leaf(path, value);
        let values = json!({"path": "/3/0/6", "name": "n", "type": "integer", "unit": null, "values": {"10": 2, "9": 1}});
        let node = json!({"path": "/3", "instances": {"0": {"path": "/3/0", "resources": {
            "13": resource("/3/0/13", 3), "6": values, "9": resource("/3/0/9", 4)}}}});
        let expected = [
            leaf("/3/0/6/9", 1),
            leaf("/3/0/6/10", 2),
            leaf("/3/0/9", 4),
            leaf("/3/0/13", 3),
        ];
        assert_eq!(leaves(&node), expected);
        assert!(leaves(&json!({"path": "/3/0"})).is_empty());
    }

    #[test]
    fn values_read_as_write_takes_them() {
        for (json, shown) in [
            (json!(21.5), "21.5"),
            (json!(21.0), "21.0"),
            (json!("Cel"), "Cel"),
            (json!(true), "true"),
            (json!({"hex": "c0ffee"}), "hex:c0ffee"),
        ] {
            assert_eq!(value(&json!({ "value": json })), shown);
        }
    }

    #[test]
    fn a_device_cannot_write_to_the_terminal() {
        assert_eq!(
            printable("a\u{1b}[2Jb\u{202e}c\nd é"),
            "a\\u{1b}[2Jb\\u{202e}c\\nd é"
        );
    }
}
