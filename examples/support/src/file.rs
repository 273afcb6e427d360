use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Reads a TOML configuration file. Keys are the flags' names with `_`; the type should deny
/// unknown ones.
///
/// # Errors
///
/// [`FileError`], which tells the file, the line and what is wrong there.
pub fn read_file<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    let text = std::fs::read_to_string(path).map_err(|source| FileError::Read {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(&text).map_err(|error| FileError::Parse {
        path: path.to_owned(),
        line: error.span().map(|span| {
            1 + text
                .get(..span.start)
                .unwrap_or_default()
                .matches('\n')
                .count()
        }),
        message: error.message().to_owned(),
    })
}

/// Why a configuration file was not accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[non_exhaustive]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is not what it should be.
    #[non_exhaustive]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Parse {
                path,
                line,
                message,
            } => {
                write!(f, "{}", path.display())?;
                if let Some(line) = line {
                    write!(f, ":{line}")?;
                }
                write!(f, ": {message}")
            }
        }
    }
}

impl std::error::Error for FileError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Settings {
        http: Option<String>,
    }

    #[test]
    fn an_unknown_key_is_told_with_its_line() {
        let path = std::env::temp_dir().join(format!("lwm2m-support-{}.toml", std::process::id()));
        std::fs::write(&path, "# settings\nhttp = \"127.0.0.1:1\"\nhtpp = \"x\"\n").unwrap();
        let error = read_file::<Settings>(&path).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(error.contains(".toml:3: unknown field `htpp`"), "{error}");
    }

    #[test]
    fn a_missing_file_is_told() {
        let error = read_file::<Settings>(Path::new("no/such.toml")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read no/such.toml"));
    }
}
