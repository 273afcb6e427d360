use std::io::{self, Read as _};
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::api::Address;
use crate::arguments::{Credentials, Mode};
use crate::commands::Context;
use crate::failure::Failure;
use crate::output::{Column, text};

impl Context {
    pub(crate) fn credentials(&self, action: Credentials) -> Result<(), Failure> {
        match action {
            Credentials::List { filter } => {
                let items = self.api.list(|| {
                    let address = Address::of("/api/v1/security").query("limit", "500");
                    match &filter {
                        Some(text) => address.query("q", text),
                        None => address,
                    }
                })?;
                self.output.list(&items, COLUMNS)?;
                if items.is_empty() {
                    self.output.note("nothing is recorded that fits");
                }
                Ok(())
            }
            Credentials::Get { ep } => {
                let known = self.api.get(Address::credentials(&ep, ""))?;
                self.told(&known)
            }
            Credentials::Set { ep, mode } => {
                let body = body(mode)?;
                let set = self.api.put(Address::credentials(&ep, ""), &body)?;
                self.told(&set)?;
                self.output
                    .note(&format!("the credentials of {ep} are set"));
                Ok(())
            }
            Credentials::Generate {
                ep,
                identity,
                length,
            } => {
                let mut body = json!({});
                if let Some(identity) = identity {
                    body["identity"] = identity.into();
                }
                if let Some(length) = length {
                    body["length"] = length.into();
                }
                let address = Address::credentials(&ep, ":generate");
                let drawn = self.api.post(address, &body)?;
                self.output.streamed(&drawn, || rows(&drawn))?;
                self.output.note("the key is told now and never again");
                Ok(())
            }
            Credentials::Remove { ep } => {
                self.api.delete(Address::credentials(&ep, ""))?;
                self.output
                    .note(&format!("the credentials of {ep} are removed"));
                Ok(())
            }
        }
    }

    fn told(&self, known: &Json) -> Result<(), Failure> {
        let line = format!(
            "{}: {} {}",
            text(known, "ep"),
            text(known, "mode"),
            proof(known)
        );
        self.output.one(known, line.trim_end())?;
        for warning in known
            .get("warnings")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            let warning = warning.as_str().unwrap_or_default();
            self.output.note(&format!("warning: {warning}"));
        }
        Ok(())
    }
}

/// A drawn key and its commands, for people.
fn rows(drawn: &Json) -> Vec<String> {
    let mut rows = vec![
        format!("{:<14}{}", "identity", text(drawn, "identity")),
        format!("{:<14}{}", "key", text(drawn, "key")),
    ];
    let commands = drawn.get("commands").and_then(Json::as_array);
    for one in commands.into_iter().flatten() {
        rows.push(format!("{:<14}{}", text(one, "tool"), text(one, "command")));
    }
    rows
}

fn body(mode: Mode) -> Result<Json, Failure> {
    let with = |mode: &str, members: &[(&str, Option<String>)]| {
        let mut body = json!({ "mode": mode });
        for (name, value) in members {
            if let Some(value) = value {
                body[*name] = value.clone().into();
            }
        }
        body
    };
    Ok(match mode {
        Mode::Psk { identity, key_file } => {
            let bytes = content(&key_file)?;
            let text = String::from_utf8(bytes).map_err(|_| {
                Failure::usage(format!(
                    "{}: not text: write hex:…, base64:… or text:… in front of the key",
                    key_file.display()
                ))
            })?;
            let key = text.lines().next().unwrap_or_default().to_owned();
            with("psk", &[("identity", identity), ("key", Some(key))])
        }
        Mode::Rpk { public_key } => {
            let bytes = content(&public_key)?;
            let key = String::from_utf8(bytes).unwrap_or_else(|error| {
                let digits = error.as_bytes().iter().map(|byte| format!("{byte:02x}"));
                format!("hex:{}", digits.collect::<String>())
            });
            with("rpk", &[("public_key", Some(key))])
        }
        Mode::X509 { name } => with("x509", &[("name", name)]),
        Mode::Nosec => with("nosec", &[]),
    })
}

fn content(file: &Path) -> Result<Vec<u8>, Failure> {
    let (name, read) = if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let read = io::stdin().lock().take(MOST).read_to_end(&mut bytes);
        ("standard input".into(), read.map(|_| bytes))
    } else {
        (file.display().to_string(), std::fs::read(file))
    };
    read.map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))
}

/// What proves an endpoint, in words.
fn proof(known: &Json) -> String {
    match text(known, "mode").as_str() {
        "psk" => {
            let identity = match text(known, "identity_hex") {
                hex if hex.is_empty() => text(known, "identity"),
                hex => format!("hex:{hex}"),
            };
            format!("{identity} (key of {} bytes)", text(known, "key_length"))
        }
        "rpk" => format!("SHA-256 {}", text(known, "fingerprint")),
        "x509" => text(known, "name"),
        _ => String::new(),
    }
}

const COLUMNS: &[Column] = &[
    ("ENDPOINT", |one| text(one, "ep")),
    ("MODE", |one| text(one, "mode")),
    ("PROVES ITSELF BY", proof),
    ("WARNINGS", |one| {
        let warnings = one.get("warnings").and_then(Json::as_array);
        let texts = warnings.into_iter().flatten().filter_map(Json::as_str);
        texts.collect::<Vec<_>>().join("; ")
    }),
];

/// No key is longer.
const MOST: u64 = 256 << 10;
