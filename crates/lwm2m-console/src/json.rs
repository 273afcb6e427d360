//! Values and nodes as JSON, both ways.
//!
//! A value is a bool, a string or a number. What JSON numbers cannot carry is text: integers beyond ±(2⁵³−1) as decimal
//! digits, `"NaN"`, `"Infinity"` and `"-Infinity"`; a Time is RFC 3339, an Objlnk `"66:1"`, and Opaque
//! `{"hex": "c0ffee"}` (`{"base64": "wP/u"}` is accepted too).

mod body;
mod definition;
mod node;
mod time;
mod value;

pub(crate) use body::{create, write};
pub(crate) use definition::{object_definition, object_summary};
pub(crate) use node::node;
pub(crate) use time::{from_rfc3339, seconds, system_time};
pub(crate) use value::type_name;

use std::borrow::Cow;

/// Why JSON could not become a value, and where in the body.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    /// Such as `resources.5700.value`; empty for the whole body.
    pub(crate) field: String,
    pub(crate) detail: Cow<'static, str>,
    pub(crate) hint: Option<Cow<'static, str>>,
}

impl Fault {
    fn new(field: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: field.to_owned(),
            detail: detail.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
