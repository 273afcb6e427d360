//! Which observations an operator wants, whether or not the device is there.

use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec::Vec};
use core::fmt;
use lwm2m_identity::check_endpoint;
use lwm2m_model::Path;

#[derive(Debug, Default)]
pub(crate) struct Desired {
    endpoints: BTreeMap<String, Vec<Path>>,
}

/// What became of a wish to observe.
#[derive(Clone, Copy, Eq, PartialEq, Hash, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it is new or it is not")]
pub enum Observed {
    /// It is new.
    Added,
    /// It was wished for already.
    Known,
}

/// Why an observation cannot be kept.
#[derive(Clone, Copy, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum ObserveError {
    /// The root cannot be observed.
    Root,
    /// No endpoint has such a name: it is empty or too long.
    Endpoint,
    /// The endpoint has as many as it may have.
    TooManyPaths,
    /// As many endpoints as may be have observations.
    TooManyEndpoints,
}

impl fmt::Display for ObserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "the root cannot be observed",
            Self::Endpoint => "no endpoint has an empty name, or one longer than 252 bytes",
            Self::TooManyPaths => "the endpoint has too many observations",
            Self::TooManyEndpoints => "too many endpoints have observations",
        })
    }
}

impl core::error::Error for ObserveError {}

impl Desired {
    pub(crate) fn add(
        &mut self,
        endpoint: &str,
        path: Path,
        max_paths: usize,
        max_endpoints: usize,
    ) -> Result<Observed, ObserveError> {
        if path.is_root() {
            return Err(ObserveError::Root);
        }
        check_endpoint(endpoint).map_err(|_| ObserveError::Endpoint)?;
        let endpoints = self.endpoints.len();
        match self.endpoints.get_mut(endpoint) {
            Some(paths) => match paths.binary_search(&path) {
                Ok(_) => Ok(Observed::Known),
                Err(_) if paths.len() >= max_paths => Err(ObserveError::TooManyPaths),
                Err(at) => {
                    paths.insert(at, path);
                    Ok(Observed::Added)
                }
            },
            None if max_paths == 0 => Err(ObserveError::TooManyPaths),
            None if endpoints >= max_endpoints => Err(ObserveError::TooManyEndpoints),
            None => {
                self.endpoints
                    .insert(endpoint.to_owned(), alloc::vec![path]);
                Ok(Observed::Added)
            }
        }
    }

    pub(crate) fn remove(&mut self, endpoint: &str, path: &Path) -> bool {
        let Some(paths) = self.endpoints.get_mut(endpoint) else {
            return false;
        };
        let Ok(at) = paths.binary_search(path) else {
            return false;
        };
        paths.remove(at);
        if paths.is_empty() {
            self.endpoints.remove(endpoint);
        }
        true
    }

    pub(crate) fn forget(&mut self, endpoint: &str) -> Vec<Path> {
        self.endpoints.remove(endpoint).unwrap_or_default()
    }

    pub(crate) fn of(&self, endpoint: &str) -> &[Path] {
        self.endpoints.get(endpoint).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn endpoints(&self) -> usize {
        self.endpoints.len()
    }
}
