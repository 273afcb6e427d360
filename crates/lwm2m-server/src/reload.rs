//! The security file: read at the start, and again when it has changed.

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
}

/// When it was written, and how long it is.
type Stamp = (SystemTime, u64);

impl Watched {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// Why it cannot be read, with its name and the line.
    pub(crate) fn open(path: PathBuf) -> Result<Self, String> {
        let stamp = stamp(&path);
        let file = read(&path)?;
        Ok(Self { path, stamp, file })
    }

    /// All that the file says.
    pub(crate) fn changes(&self) -> Vec<Wish> {
        changes(&self.file, &SecurityFile::default())
    }

    /// Looks at the file every `interval` until the server is gone. One that cannot be read changes nothing.
    pub(crate) async fn watch(mut self, shared: Weak<Shared>, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            let path = self.path.clone();
            let before = self.stamp;
            let read = tokio::task::spawn_blocking(move || {
                let now = stamp(&path);
                (now != before).then(|| (now, read(&path)))
            });
            let Ok(read) = read.await else { return };
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let Some((stamp, read)) = read else { continue };
            self.stamp = stamp;
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
                    tracing::info!(event = "security.reloaded", changed);
                    let kind = EventKind::SecurityReloaded { changed };
                    shared.hub.publish(None, None, kind);
                }
                Err(detail) => {
                    shared.security_refused(detail);
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
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    SecurityFile::parse(&text, Format::of_name(&name.to_string()))
        .map_err(|error| format!("{name}: {error}"))
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
