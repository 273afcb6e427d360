//! Security records as a TOML or JSON file: from its text to changes. Reading files is somebody else's job.

mod json;
mod time;
mod toml;

use crate::material::{FieldError, FieldProblem, SecurityFields};
use crate::{Change, Credential, EndpointError, Security, check_endpoint};
use alloc::{borrow::Cow, collections::BTreeMap, string::String, vec::Vec};
use core::fmt;
use lwm2m_store::Key;

/// What a security file says: one security mode per endpoint.
///
/// ```
/// use lwm2m_identity::file::{Format, SecurityFile};
///
/// let old = SecurityFile::default();
/// let new = SecurityFile::parse(r#"
///     [[device]]
///     endpoint = "lamp"
///     mode = "psk"                 # or rpk, x509, nosec
///     identity = "lamp-key"        # the endpoint name if left out
///     key = "hex:a1b2c3d4e5f60718293a4b5c6d7e8f90"
///     set = "2026-11-28T10:00:00Z" # since when, where that is to be kept; RFC 3339
///
///     [[device]]
///     endpoint = "gate"
///     mode = "x509"                # name = "..." if it is not the endpoint name
/// "#, Format::Toml)?;
/// assert_eq!(new.changes_since(&old).len(), 2); // for Plan or apply()
/// # Ok::<(), lwm2m_identity::file::FileError>(())
/// ```
#[derive(Clone, Eq, PartialEq, Debug, Default)]
pub struct SecurityFile {
    devices: BTreeMap<String, Device>,
}

#[derive(Clone, Eq, PartialEq, Debug)]
struct Device {
    security: Security,
    set: Option<u64>,
}

impl SecurityFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`FileError`] with the line, the device, the field and what to do.
    pub fn parse(text: &str, format: Format) -> Result<Self, FileError> {
        let lines = Lines::new(text);
        let entries = match format {
            Format::Toml => toml::entries(text, &lines)?,
            Format::Json => json::entries(text, &lines)?,
        };
        let mut file = Self::default();
        let mut seen = Seen::default();
        for (n, entry) in entries.into_iter().enumerate() {
            let (endpoint, device) = entry
                .read(&mut seen)
                .map_err(|error| error.of_device(n.saturating_add(1)))?;
            file.devices.insert(endpoint, device);
        }
        Ok(file)
    }

    /// The endpoints and what each may prove, by name.
    pub fn devices(&self) -> impl Iterator<Item = (&str, &Security)> {
        self.devices
            .iter()
            .map(|(endpoint, device)| (endpoint.as_str(), &device.security))
    }

    /// How many endpoints there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// True if there is no endpoint.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// What has to be changed so that the store says what this file says, where it said what `old` says.
    ///
    /// To be carried out together ([`Plan`](crate::Plan), [`apply`](crate::apply)): identities may have moved between
    /// endpoints. What neither file names is not touched.
    #[must_use]
    pub fn changes_since<'a>(&'a self, old: &'a Self) -> Vec<Change<'a>> {
        let removed = old
            .devices
            .keys()
            .filter(|&endpoint| !self.devices.contains_key(endpoint));
        let removed = removed.map(|endpoint| Change {
            endpoint,
            security: None,
            set: None,
        });
        let changed = self.devices.iter().filter(|&(endpoint, device)| {
            old.devices
                .get(endpoint)
                .is_none_or(|before| before.security != device.security)
        });
        let changed = changed.map(|(endpoint, device)| Change {
            endpoint,
            security: Some(core::slice::from_ref(&device.security)),
            set: device.set,
        });
        removed.chain(changed).collect()
    }
}

/// How a security file is written.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the two formats that there are")]
pub enum Format {
    /// A `[[device]]` table for each endpoint.
    Toml,
    /// An object with a list `device` of objects, which have the same fields.
    Json,
}

impl Format {
    /// The format of a file by its name: JSON if it ends in `.json`, else TOML.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        match name.rsplit_once('.') {
            Some((_, end)) if end.eq_ignore_ascii_case("json") => Self::Json,
            _ => Self::Toml,
        }
    }
}

/// One device, as text, with the lines of everything.
struct Entry<'a> {
    line: usize,
    fields: Vec<Field<'a>>,
}

struct Field<'a> {
    line: usize,
    name: Cow<'a, str>,
    value: Value<'a>,
}

enum Value<'a> {
    Text(Cow<'a, str>),
    /// What it is instead.
    Other(&'static str),
}

/// Where things were said first.
#[derive(Default)]
struct Seen {
    endpoints: BTreeMap<String, usize>,
    credentials: BTreeMap<Key, usize>,
}

impl Entry<'_> {
    fn read(self, seen: &mut Seen) -> Result<(String, Device), FileError> {
        let (mut endpoint, mut set) = (None, None);
        let mut fields = SecurityFields::default();
        let mut lines: BTreeMap<&'static str, usize> = BTreeMap::new();
        for Field { line, name, value } in self.fields {
            let known = OWN_FIELDS
                .iter()
                .chain(SecurityFields::NAMES)
                .find(|&&known| known == name);
            let Some(&known) = known else {
                return Err(FileError::new(
                    line,
                    FileProblem::UnknownField(name.into_owned()),
                ));
            };
            let error = |problem| FileError::new(line, problem).of_field(known);
            let Value::Text(text) = value else {
                let Value::Other(what) = value else { continue };
                return Err(error(FileProblem::NotText(what)));
            };
            if lines.insert(known, line).is_some() {
                return Err(error(FileProblem::FieldTwice));
            }
            match fields.field(known) {
                Some(field) => *field = Some(text),
                None if known == "set" => {
                    let seconds = time::seconds(&text);
                    set = Some(seconds.ok_or_else(|| error(FileProblem::NotTime))?);
                }
                None => endpoint = Some(text.into_owned()),
            }
        }
        let line_of = |field: &str| lines.get(field).copied().unwrap_or(self.line);
        let endpoint = endpoint.ok_or_else(|| {
            FileError::new(self.line, FileProblem::Field(FieldProblem::Missing))
                .of_field("endpoint")
        })?;
        check_endpoint(&endpoint).map_err(|error| {
            FileError::new(line_of("endpoint"), FileProblem::Endpoint(error)).of_field("endpoint")
        })?;
        let at = |mut error: FileError| {
            error.endpoint = Some(endpoint.clone());
            error
        };
        if let Some(first) = seen.endpoints.insert(endpoint.clone(), self.line) {
            let error = FileError::new(line_of("endpoint"), FileProblem::EndpointTwice { first });
            return Err(at(error.of_field("endpoint")));
        }
        let security = fields
            .security(&endpoint)
            .map_err(|FieldError { field, problem }| {
                at(FileError::new(line_of(field), FileProblem::Field(problem)).of_field(field))
            })?;
        if let Some(credential) = security.credential()
            && let Some(first) = seen.credentials.insert(credential.record_key(), self.line)
        {
            let field = match credential {
                Credential::Psk { .. } => "identity",
                Credential::RawPublicKey { .. } => "public_key",
                Credential::X509 { .. } => "name",
            };
            let problem = FileProblem::CredentialTwice { credential, first };
            return Err(at(FileError::new(line_of(field), problem).of_field(field)));
        }
        Ok((endpoint, Device { security, set }))
    }
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line of a byte, from 1.
    fn of(&self, offset: usize) -> usize {
        self.0
            .partition_point(|&end| end < offset)
            .saturating_add(1)
    }
}

/// What is wrong with a security file, and where. It never holds a key.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct FileError {
    /// The line, from 1.
    pub line: usize,
    /// Which device of the file it is, from 1, if it is about one.
    pub device: Option<usize>,
    /// Its endpoint name, if it has one.
    pub endpoint: Option<String>,
    /// The field, if it is about one.
    pub field: Option<&'static str>,
    /// What is wrong.
    pub problem: FileProblem,
}

impl FileError {
    const fn new(line: usize, problem: FileProblem) -> Self {
        Self {
            line,
            device: None,
            endpoint: None,
            field: None,
            problem,
        }
    }

    fn of_device(mut self, device: usize) -> Self {
        self.device = Some(device);
        self
    }

    fn of_field(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }
}

/// What is wrong with a security file.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum FileProblem {
    /// It is no TOML or JSON.
    Syntax(String),
    /// It is something else than a list of devices.
    Shape,
    /// There is no such field.
    UnknownField(String),
    /// The field is there twice.
    FieldTwice,
    /// The value is no text but this.
    NotText(&'static str),
    /// The value is no moment of RFC 3339 from 1970 on.
    NotTime,
    /// The endpoint name cannot be one.
    Endpoint(EndpointError),
    /// The endpoint is there twice.
    EndpointTwice {
        /// The line of the first.
        first: usize,
    },
    /// Another device has the same credential.
    CredentialTwice {
        /// The credential.
        credential: Credential,
        /// The line of the other device.
        first: usize,
    },
    /// A field is missing or wrong.
    Field(FieldProblem),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        match (self.device, &self.endpoint) {
            (Some(device), Some(endpoint)) => write!(f, ", device {device} ({endpoint:?})")?,
            (Some(device), None) => write!(f, ", device {device}")?,
            (None, _) => {}
        }
        if let Some(field) = self.field {
            write!(f, ", field {field}")?;
        }
        f.write_str(": ")?;
        match &self.problem {
            FileProblem::Syntax(message) => f.write_str(message),
            FileProblem::Shape => f.write_str(
                "write a list of devices: [[device]] tables in TOML, {\"device\": [{...}]} in JSON",
            ),
            FileProblem::UnknownField(name) => {
                let start: String = name.chars().take(20).collect();
                write!(
                    f,
                    "no field {start:?}: there are {}, {}",
                    OWN_FIELDS.join(", "),
                    SecurityFields::NAMES.join(", ")
                )
            }
            FileProblem::FieldTwice => f.write_str("is there twice: leave one of them out"),
            FileProblem::NotText(what) => {
                write!(f, "put the value in quotes: it is {what}, not text")
            }
            FileProblem::NotTime => f.write_str("no moment: write it such as 2026-11-28T10:00:00Z"),
            FileProblem::Endpoint(error) => error.fmt(f),
            FileProblem::EndpointTwice { first } => {
                write!(
                    f,
                    "the endpoint is there twice, first in line {first}: leave one of them out"
                )
            }
            FileProblem::CredentialTwice { credential, first } => write!(
                f,
                "the device in line {first} has the same {credential}: give each its own"
            ),
            FileProblem::Field(problem) => problem.fmt(f),
        }
    }
}

impl core::error::Error for FileError {}

/// The fields of a device beside those of its security mode.
const OWN_FIELDS: [&str; 2] = ["endpoint", "set"];
