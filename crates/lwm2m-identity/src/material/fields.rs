//! A security mode as named text fields: what a file and an API have in common.

use super::{MaterialError, PskReadError, PublicKey, read, read_psk};
use crate::{Security, SecurityError, hex};
use alloc::{borrow::Cow, string::String};
use core::fmt;

/// The fields of one security mode as they are written, before they are understood.
///
/// ```
/// use lwm2m_identity::{Security, material::SecurityFields};
///
/// let fields = SecurityFields {
///     mode: Some("psk".into()),
///     identity: Some("lamp-key".into()),
///     key: Some("hex:a1b2c3d4e5f60718293a4b5c6d7e8f90".into()),
///     ..SecurityFields::default()
/// };
/// assert!(matches!(fields.security("lamp")?, Security::Psk { key, .. } if key.bytes().len() == 16));
///
/// let error = SecurityFields { key: Some("a1b2c3d4".into()), ..fields }.security("lamp").unwrap_err();
/// assert_eq!(error.field, "key");
/// # Ok::<(), lwm2m_identity::material::FieldError>(())
/// ```
#[derive(Clone, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by name, with the rest from the default"
)]
pub struct SecurityFields<'a> {
    /// `psk`, `rpk`, `x509` or `nosec`.
    pub mode: Option<Cow<'a, str>>,
    /// `psk`: the identity as text; the endpoint name if left out.
    pub identity: Option<Cow<'a, str>>,
    /// `psk`: the identity as hexadecimal text, for one that is no text.
    pub identity_hex: Option<Cow<'a, str>>,
    /// `psk`: the key, in a form of [`read_psk`].
    pub key: Option<Cow<'a, str>>,
    /// `rpk`: the key, in a form of [`read`].
    pub public_key: Option<Cow<'a, str>>,
    /// `rpk`: the first coordinate as hexadecimal text.
    pub public_x: Option<Cow<'a, str>>,
    /// `rpk`: the second coordinate as hexadecimal text.
    pub public_y: Option<Cow<'a, str>>,
    /// `x509`: the name in the certificate; the endpoint name if left out.
    pub name: Option<Cow<'a, str>>,
}

impl<'a> SecurityFields<'a> {
    /// The names of all fields.
    pub const NAMES: &'static [&'static str] = &[
        "mode",
        "identity",
        "identity_hex",
        "key",
        "public_key",
        "public_x",
        "public_y",
        "name",
    ];

    /// The field of that name; `None` if there is no such field.
    pub fn field(&mut self, name: &str) -> Option<&mut Option<Cow<'a, str>>> {
        Some(match name {
            "mode" => &mut self.mode,
            "identity" => &mut self.identity,
            "identity_hex" => &mut self.identity_hex,
            "key" => &mut self.key,
            "public_key" => &mut self.public_key,
            "public_x" => &mut self.public_x,
            "public_y" => &mut self.public_y,
            "name" => &mut self.name,
            _ => return None,
        })
    }

    /// What they mean for an endpoint.
    ///
    /// # Errors
    /// [`FieldError`] with the field that has to be changed.
    pub fn security(&self, endpoint: &str) -> Result<Security, FieldError> {
        let mode = self.mode.as_deref().ok_or(FieldError::missing("mode"))?;
        let allowed: &[&str] = match mode {
            "psk" => &["identity", "identity_hex", "key"],
            "rpk" => &["public_key", "public_x", "public_y"],
            "x509" => &["name"],
            "nosec" => &[],
            _ => {
                return Err(FieldError::new(
                    "mode",
                    FieldProblem::UnknownMode(mode.into()),
                ));
            }
        };
        if let Some(field) = self.present().find(|field| !allowed.contains(field)) {
            return Err(FieldError::new(field, FieldProblem::OtherMode(mode.into())));
        }
        let security = match mode {
            "psk" => self.psk(endpoint)?,
            "rpk" => Security::RawPublicKey {
                key: self.raw_public_key()?.spki().clone(),
            },
            "x509" => Security::X509 {
                name: self.name.as_deref().unwrap_or(endpoint).into(),
            },
            _ => Security::NoSec,
        };
        security.check().map_err(|error| {
            let field = match (error, mode) {
                (SecurityError::PublishedKey(_), "psk") => "key",
                (SecurityError::NameLength(_), _) => "name",
                (_, "psk") => "identity",
                _ => "public_key",
            };
            FieldError::new(field, FieldProblem::Security(error))
        })?;
        Ok(security)
    }

    fn psk(&self, endpoint: &str) -> Result<Security, FieldError> {
        let identity = match (&self.identity, &self.identity_hex) {
            (Some(_), Some(_)) => {
                return Err(FieldError::new(
                    "identity_hex",
                    FieldProblem::Besides("identity"),
                ));
            }
            (_, Some(text)) => hex::decode(text.as_bytes())
                .ok_or(FieldError::new("identity_hex", FieldProblem::NotHex))?,
            (text, None) => text.as_deref().unwrap_or(endpoint).as_bytes().to_vec(),
        };
        let key = self.key.as_deref().ok_or(FieldError::missing("key"))?;
        let reading =
            read_psk(key).map_err(|error| FieldError::new("key", FieldProblem::Psk(error)))?;
        Ok(Security::Psk {
            identity: identity.into(),
            key: reading.key,
        })
    }

    fn raw_public_key(&self) -> Result<PublicKey, FieldError> {
        let coordinate = |field: &'static str, text: &Option<Cow<'a, str>>| {
            let text = text.as_deref().ok_or(FieldError::missing(field))?;
            hex::decode(text.as_bytes()).ok_or(FieldError::new(field, FieldProblem::NotHex))
        };
        match (&self.public_key, &self.public_x, &self.public_y) {
            (Some(text), None, None) => read(text.as_bytes())
                .and_then(super::Reading::public_key)
                .map_err(|error| FieldError::new("public_key", FieldProblem::Material(error))),
            (None, None, None) => Err(FieldError::missing("public_key")),
            (None, x, y) => {
                let (x, y) = (coordinate("public_x", x)?, coordinate("public_y", y)?);
                PublicKey::from_xy(&x, &y)
                    .map_err(|error| FieldError::new("public_x", FieldProblem::Material(error)))
            }
            (Some(_), x, _) => {
                let field = if x.is_some() { "public_x" } else { "public_y" };
                Err(FieldError::new(field, FieldProblem::Besides("public_key")))
            }
        }
    }

    /// The fields that are there, but for the mode.
    fn present(&self) -> impl Iterator<Item = &'static str> {
        [
            ("identity", &self.identity),
            ("identity_hex", &self.identity_hex),
            ("key", &self.key),
            ("public_key", &self.public_key),
            ("public_x", &self.public_x),
            ("public_y", &self.public_y),
            ("name", &self.name),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.is_some().then_some(name))
    }
}

impl fmt::Debug for SecurityFields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityFields")
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// Which field has to be changed, and why.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct FieldError {
    /// The name of the field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: FieldProblem,
}

impl FieldError {
    pub(crate) const fn new(field: &'static str, problem: FieldProblem) -> Self {
        Self { field, problem }
    }

    pub(crate) const fn missing(field: &'static str) -> Self {
        Self::new(field, FieldProblem::Missing)
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field {}: {}", self.field, self.problem)
    }
}

impl core::error::Error for FieldError {}

/// What is wrong with a field; never with a key in it.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum FieldProblem {
    /// It is needed and not there.
    Missing,
    /// There is no such mode.
    UnknownMode(String),
    /// It does not go with this mode.
    OtherMode(String),
    /// It says the same as this other field, which is there too.
    Besides(&'static str),
    /// It should be hexadecimal text.
    NotHex,
    /// The pre-shared key cannot be read.
    Psk(PskReadError),
    /// The public key cannot be read.
    Material(MaterialError),
    /// It cannot be kept.
    Security(SecurityError),
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::UnknownMode(mode) => {
                let start: String = mode.chars().take(20).collect();
                write!(f, "no mode {start:?}: write psk, rpk, x509 or nosec")
            }
            Self::OtherMode(mode) => write!(f, "does not go with mode {mode}: leave it out"),
            Self::Besides(other) => write!(f, "says the same as {other}: leave one of them out"),
            Self::NotHex => f.write_str("write pairs of hexadecimal digits"),
            Self::Psk(error) => error.fmt(f),
            Self::Material(error) => error.fmt(f),
            Self::Security(error) => error.fmt(f),
        }
    }
}
