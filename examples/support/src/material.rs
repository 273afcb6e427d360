use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use lwm2m_identity::material::{Certificate, MaterialError, Reading, read};

/// Reads keys and certificates from a file in any form that there is: PEM, DER, hexadecimal text, base64.
///
/// # Errors
///
/// [`MaterialFileError`], which names the file and says what to do.
pub fn material(path: &Path) -> Result<Reading, MaterialFileError> {
    let at = |problem| MaterialFileError {
        path: path.to_owned(),
        problem,
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_READ).read_to_end(&mut bytes))
        .map_err(|error| at(Problem::Read(error)))?;
    read(&bytes).map_err(|error| at(Problem::Material(error)))
}

/// The certificates of all files in a folder, in the order of their names, or those of one file.
///
/// # Errors
///
/// [`MaterialFileError`] for a folder without certificates, and for each file that holds something else.
pub fn folder(path: &Path) -> Result<Vec<Certificate>, MaterialFileError> {
    let at = |problem| MaterialFileError {
        path: path.to_owned(),
        problem,
    };
    let mut all = Vec::new();
    for file in files(path)? {
        let certificates = material(&file)?.certificates();
        all.extend(certificates.map_err(|error| MaterialFileError {
            path: file,
            problem: Problem::Material(error),
        })?);
    }
    if all.is_empty() {
        return Err(at(Problem::Material(MaterialError::Missing("certificate"))));
    }
    Ok(all)
}

/// What [`folder`] reads: the files in a folder that are not hidden, in the order of their names, or the one file.
///
/// # Errors
///
/// [`MaterialFileError`] for a folder that cannot be read.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, MaterialFileError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|error| MaterialFileError {
            path: path.to_owned(),
            problem: Problem::Read(error),
        });
    let mut files: Vec<PathBuf> = entries?;
    files.retain(|file| file.is_file() && !hidden(file));
    files.sort();
    Ok(files)
}

/// Read of a file at most: more than [`read`] takes, so that it says so.
const MAX_READ: u64 = 1 << 20;

fn hidden(file: &Path) -> bool {
    let name = file.file_name().map(|name| name.to_string_lossy());
    name.is_some_and(|name| name.starts_with('.'))
}

/// What to say of a certificate of version 1 or 2, which `openssl x509 -req` makes without an extension file.
#[must_use]
pub fn old_version(path: &Path, name: &str) -> String {
    format!(
        "{}: the certificate {name:?} is not of version 3, so handshakes refuse it: issue it with extensions \
         (openssl x509 -req ... -extfile FILE)",
        path.display()
    )
}

/// Why a file of keys or certificates was not accepted; never with a key in it.
#[derive(Debug)]
pub struct MaterialFileError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Read(std::io::Error),
    Material(MaterialError),
}

impl MaterialFileError {
    /// The same for what was asked of a file that could be read.
    #[must_use]
    pub fn of(path: &Path, error: MaterialError) -> Self {
        Self {
            path: path.to_owned(),
            problem: Problem::Material(error),
        }
    }
}

impl fmt::Display for MaterialFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            Problem::Read(error) => write!(f, "cannot read {path}: {error}"),
            Problem::Material(error) => write!(f, "{path}: {error}"),
        }
    }
}

impl std::error::Error for MaterialFileError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_java_key_store_is_told_how_to_export_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serverKeyStore.jks");
        std::fs::write(&path, b"\xfe\xed\xfe\xed\0\0\0\x02").unwrap();
        let error = material(&path).unwrap_err().to_string();
        assert!(
            error.contains("serverKeyStore.jks: a Java key store"),
            "{error}"
        );
        assert!(error.contains("keytool -importkeystore"), "{error}");
    }

    #[test]
    fn a_folder_needs_certificates_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let error = folder(place.path()).unwrap_err().to_string();
        assert!(error.ends_with("there is no certificate in it"), "{error}");
        std::fs::write(place.path().join(".keep"), "").unwrap();
        std::fs::write(place.path().join("notes.txt"), "trust nobody").unwrap();
        let error = folder(place.path()).unwrap_err().to_string();
        assert!(error.contains("notes.txt: neither PEM"), "{error}");
    }
}
