//! The query of Register and Update: split, counted, told apart.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use coap_codec::{OptionNumber, Request};
use lwm2m_model::Lwm2mVersion;

use crate::{
    binding::Binding,
    context::Limits,
    illegal::IllegalRequest,
    lifetime::Lifetime,
    location::MAX_OPTION,
    quirk::{Quirk, note},
    refusal::{Reason, Refusal},
};

/// A parameter that no operation defines: its name, and its value if it has an equals sign.
pub type Extra = (String, Option<String>);

/// What Register and Update may say in their query, split and counted. Unknown parameters go to
/// `extra`. The values are read one by one, so that the caller decides which fault comes first.
///
/// Outer `None`: absent; inner `None`: no equals sign.
#[derive(Default)]
pub(crate) struct Parameters<'a> {
    endpoint: Option<Option<&'a str>>,
    version: Option<Option<&'a str>>,
    lifetime: Option<Option<&'a str>>,
    binding: Option<Option<&'a str>>,
    queue: Option<Option<&'a str>>,
    sms: Option<Option<&'a str>>,
    pub(crate) extra: Vec<Extra>,
    pub(crate) quirks: Vec<Quirk>,
}

/// Which parameters have a meaning: an Update says nothing about name and version.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Subject {
    Register,
    Update,
}

impl<'a> Parameters<'a> {
    /// Splits the query. Fails for a repeated parameter, for text that is not UTF-8, and for too
    /// many parameters.
    pub(crate) fn read(
        request: &'a Request,
        subject: Subject,
        limits: &Limits,
    ) -> Result<Self, Refusal> {
        let mut read = Self::default();
        let register = subject == Subject::Register;
        let query = request.options.as_options().all(OptionNumber::URI_QUERY);
        for (index, value) in query.enumerate() {
            if index >= limits.parameters {
                return Err(Reason::TooManyParameters.into());
            }
            let Ok(text) = core::str::from_utf8(value) else {
                // RFC 7252 §5.10.1: every query parameter is UTF-8, and so is an endpoint name.
                return Err(match value.starts_with(b"ep=") {
                    true => Refusal::in_parameter(Reason::NotUtf8, "ep"),
                    false => Refusal::new(Reason::NotUtf8),
                });
            };
            // A value may itself hold equals signs.
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            match name {
                "ep" if register => once(&mut read.endpoint, value, "ep")?,
                "lwm2m" if register => once(&mut read.version, value, "lwm2m")?,
                "lt" => once(&mut read.lifetime, value, "lt")?,
                "b" => once(&mut read.binding, value, "b")?,
                "sms" if read.sms.is_none() => read.sms = Some(value),
                "Q" if read.queue.is_none() => read.queue = Some(value),
                "sms" | "Q" => note(&mut read.quirks, Quirk::RepeatedParameter),
                _ => read
                    .extra
                    .push((name.to_owned(), value.map(ToOwned::to_owned))),
            }
        }
        Ok(read)
    }

    /// `ep`, 1 to 252 bytes.
    pub(crate) fn endpoint(&self) -> Result<Option<&'a str>, Refusal> {
        match self.endpoint {
            None => Ok(None),
            Some(None | Some("")) => Err(Refusal::in_parameter(Reason::EmptyEndpoint, "ep")),
            Some(Some(name)) if name.len() > MAX_ENDPOINT => {
                Err(Refusal::in_parameter(Reason::EndpointTooLong, "ep"))
            }
            Some(name) => Ok(name),
        }
    }

    /// `lwm2m`, which must be there.
    pub(crate) fn version(&self) -> Result<&'a str, Refusal> {
        match self.version {
            Some(text) => Ok(text.unwrap_or_default()),
            None => Err(Refusal::in_parameter(Reason::MissingVersion, "lwm2m")),
        }
    }

    /// `lt`.
    pub(crate) fn lifetime(&self) -> Result<Option<Lifetime>, Refusal> {
        let Some(text) = self.lifetime else {
            return Ok(None);
        };
        match Lifetime::parse(text.unwrap_or_default()) {
            None => Err(Refusal::in_parameter(Reason::BadLifetime, "lt")),
            lifetime => Ok(lifetime),
        }
    }

    /// `b`.
    pub(crate) fn binding(&self) -> Result<Option<Binding>, Refusal> {
        let Some(text) = self.binding else {
            return Ok(None);
        };
        match Binding::parse(text.unwrap_or_default()) {
            Ok(binding) => Ok(Some(binding)),
            Err(reason) => Err(Refusal::in_parameter(reason, "b")),
        }
    }

    /// Whether `Q` is there, which takes no value.
    pub(crate) fn queue(&self) -> Result<bool, Refusal> {
        match self.queue {
            None => Ok(false),
            Some(None) => Ok(true),
            Some(Some(_)) => Err(Refusal::in_parameter(Reason::BadQueueFlag, "Q")),
        }
    }

    /// `sms`; an empty one counts as absent.
    pub(crate) fn sms(&mut self) -> Option<String> {
        match self.sms {
            None => None,
            Some(None | Some("")) => {
                note(&mut self.quirks, Quirk::EmptySms);
                None
            }
            Some(number) => number.map(ToOwned::to_owned),
        }
    }
}

fn once<'a>(
    slot: &mut Option<Option<&'a str>>,
    value: Option<&'a str>,
    name: &'static str,
) -> Result<(), Refusal> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refusal::in_parameter(Reason::DuplicateParameter, name)),
    }
}

/// Checks what depends on the enabler version of the client.
///
/// `queue` is the parameter `Q`; the letter of that name is part of the binding.
pub(crate) fn check(
    version: Lwm2mVersion,
    lifetime: Option<Lifetime>,
    binding: Option<Binding>,
    queue: bool,
) -> Result<(), Refusal> {
    let v1_0 = version == Lwm2mVersion::V1_0;
    if v1_0 && lifetime.is_some_and(Lifetime::is_infinite) {
        return Err(Refusal::in_parameter(Reason::InfiniteLifetime, "lt"));
    }
    if let Some(binding) = binding {
        binding
            .check(version)
            .map_err(|reason| Refusal::in_parameter(reason, "b"))?;
    }
    if v1_0 && queue {
        return Err(Refusal::in_parameter(Reason::BadQueueFlag, "Q"));
    }
    Ok(())
}

/// Adds one query parameter to a request under construction.
pub(crate) fn push(
    request: &mut Request,
    name: &str,
    value: Option<&str>,
) -> Result<(), IllegalRequest> {
    let mut text = name.to_string();
    if let Some(value) = value {
        text.push('=');
        text.push_str(value);
    }
    insert(request, OptionNumber::URI_QUERY, &text)
}

/// Adds the parameters that no operation defines.
pub(crate) fn push_extra(request: &mut Request, extra: &[Extra]) -> Result<(), IllegalRequest> {
    extra
        .iter()
        .try_for_each(|(name, value)| push(request, name, value.as_deref()))
}

/// Adds one text option of at most 255 bytes.
pub(crate) fn insert(
    request: &mut Request,
    number: OptionNumber,
    text: &str,
) -> Result<(), IllegalRequest> {
    if text.len() > MAX_OPTION {
        return Err(IllegalRequest::TextTooLong);
    }
    request
        .options
        .insert(number, text.as_bytes())
        .map_err(|_| IllegalRequest::TextTooLong)
}

/// The longest endpoint name: `ep=` and the name share one Uri-Query option of 255 bytes.
pub const MAX_ENDPOINT: usize = 252;
