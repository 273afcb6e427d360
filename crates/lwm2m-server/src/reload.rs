//! The security file: read at the start, and again when it has changed.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::{Duration, SystemTime};

use lwm2m_identity::file::{Format, SecurityFile};

use crate::EventKind;
use crate::fleet::Shared;
use crate::security::{Wish, unix};

/// A security file as it was read last.
pub(crate) struct Watched {
    path: PathBuf,
    stamp: Option<Stamp>,
    file: SecurityFile,
    /// What was told last because it could not be taken over.
    told: Option<(Option<Stamp>, String)>,
}

/// When it was written, and how long it is.
type Stamp = (SystemTime, u64);

/// Bytes of a security file at most: two million devices.
const MAX_FILE: u64 = 256 << 20;

impl Watched {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// Why it cannot be read, with its name and the line.
    pub(crate) fn open(path: PathBuf) -> Result<Self, String> {
        let stamp = stamp(&path);
        let file = read(&path)?;
        Ok(Self {
            path,
            stamp,
            file,
            told: None,
        })
    }

    /// All that the file says.
    pub(crate) fn changes(&self) -> Vec<Wish> {
        changes(&self.file, &SecurityFile::default())
    }

    /// Looks at the file every `interval` until the server is gone. It is read when it has changed and then stayed the same for
    /// one interval, for it may be half written; one that cannot be read, or is empty, changes nothing.
    pub(crate) async fn watch(mut self, shared: Weak<Shared>, interval: Duration) {
        let mut seen = self.stamp;
        loop {
            tokio::time::sleep(interval).await;
            let path = self.path.clone();
            let (before, last) = (self.stamp, seen);
            let look = tokio::task::spawn_blocking(move || {
                let now = stamp(&path);
                let settled = now != before && now == last;
                (now, settled.then(|| read_again(&path)))
            });
            let Ok((now, read)) = look.await else { return };
            let Some(shared) = shared.upgrade() else {
                return;
            };
            seen = now;
            let Some(read) = read else { continue };
            self.stamp = now;
            let outcome = match read {
                Ok(file) => {
                    let changes = changes(&file, &self.file);
                    let count = changes.len();
                    match shared.change_security(changes).await {
                        Ok(warnings) => {
                            for warning in warnings {
                                tracing::warn!(event = "security.warning", reason = %warning);
                            }
                            self.file = file;
                            Ok(count)
                        }
                        Err(error) => {
                            // Tried again at the next look.
                            self.stamp = None;
                            Err(error.to_string())
                        }
                    }
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(changed) => {
                    self.told = None;
                    tracing::info!(event = "security.reloaded", changed);
                    let kind = EventKind::SecurityReloaded { changed };
                    shared.hub.publish(None, None, kind);
                }
                Err(detail) => {
                    let told = Some((now, detail.clone()));
                    if self.told != told {
                        shared.security_refused(detail);
                        self.told = told;
                    }
                }
            }
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(path: &Path) -> Result<SecurityFile, String> {
    parse(path, &text(path)?)
}

/// A file that was there and has nothing in it any more was cut off: nobody loses a credential by that.
fn read_again(path: &Path) -> Result<SecurityFile, String> {
    let text = text(path)?;
    match text.trim().is_empty() {
        true => Err(format!(
            "{}: the file is empty, and what it said before stays in use; that there is no device any more is written as \
             device = [], in JSON as {{\"device\": []}}",
            path.display()
        )),
        false => parse(path, &text),
    }
}

fn text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text));
    match read {
        Ok(len) if len as u64 > MAX_FILE => Err(format!(
            "{}: longer than {} MiB, which no security file is",
            path.display(),
            MAX_FILE >> 20
        )),
        Ok(_) => Ok(text),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn parse(path: &Path, text: &str) -> Result<SecurityFile, String> {
    let name = path.display().to_string();
    SecurityFile::parse(text, Format::of_name(&name)).map_err(|error| format!("{name}: {error}"))
}

/// What the file does not date was set when it was taken over.
fn changes(new: &SecurityFile, old: &SecurityFile) -> Vec<Wish> {
    let changes = new.changes_since(old).into_iter();
    changes
        .map(|change| Wish {
            endpoint: change.endpoint.to_owned(),
            security: change.security.map(<[_]>::to_vec),
            set: change.set.unwrap_or_else(unix),
        })
        .collect()
}
