//! One record as it stands in the pack.

use crate::{Data, Number, Text};

/// The fields of one record as they stand in a pack: what a writer is given. A reader gives a
/// [`Record`](crate::Record), in which the base fields are resolved.
///
/// ```
/// use senml::{Fields, Value, json};
///
/// let mut buffer = [0; 128];
/// let mut writer = json::Writer::new(&mut buffer);
/// writer.record(&Fields::named("9").base_name("/3/0/").value(100))?;
/// writer.record(&Fields::named("0").value("Open Mobile Alliance"))?;
/// assert_eq!(
///     writer.finish()?,
///     br#"[{"bn":"/3/0/","n":"9","v":100},{"n":"0","vs":"Open Mobile Alliance"}]"#
/// );
/// # Ok::<(), senml::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Fields<'a> {
    /// `bver`, the version of SenML if not 10.
    pub base_version: Option<Number>,
    /// `bn`, to be put before the names of this record and those that follow.
    pub base_name: Option<Text<'a>>,
    /// `bt`, to be added to the times of this record and those that follow.
    pub base_time: Option<Number>,
    /// `bu`, the unit where there is none.
    pub base_unit: Option<Text<'a>>,
    /// `bv`, to be added to the numbers of this record and those that follow.
    pub base_value: Option<Number>,
    /// `bs`, to be added to the sums of this record and those that follow.
    pub base_sum: Option<Number>,
    /// `n`.
    pub name: Option<Text<'a>>,
    /// `u`.
    pub unit: Option<Text<'a>>,
    /// `t`, seconds: since 1970, or relative to now if less than 2²⁸ (RFC 8428 §4.5.3).
    pub time: Option<Number>,
    /// `v`, `vs`, `vb`, `vd` or `vlo`.
    pub value: Option<Value<'a>>,
    /// `s`, the integral over time.
    pub sum: Option<Number>,
    /// `ut`, the seconds after which the next reading will come at the latest.
    pub update_time: Option<Number>,
}

/// The value of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// `v`: any number, whole or not.
    Number(Number),
    /// `vs`.
    String(Text<'a>),
    /// `vb`.
    Boolean(bool),
    /// `vd`.
    Data(Data<'a>),
    /// `vlo` of LwM2M: object and object instance, as in `66:1`.
    ObjectLink(Text<'a>),
    /// `v` with null, which removes the resource in SenML-ETCH (RFC 8790 §3.2).
    Null,
}

impl<'a> Fields<'a> {
    /// No fields.
    #[must_use]
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is a base field.
    #[inline]
    pub(crate) const fn has_base(&self) -> bool {
        self.base_name.is_some() | self.has_base_but_name()
    }

    /// Whether there is a base field that is not the base name. Every one is looked at, without a
    /// branch for each.
    #[inline]
    pub(crate) const fn has_base_but_name(&self) -> bool {
        self.base_version.is_some()
            | self.base_time.is_some()
            | self.base_unit.is_some()
            | self.base_value.is_some()
            | self.base_sum.is_some()
    }

    /// The name alone: what a Read-Composite asks for.
    #[must_use]
    #[inline]
    pub fn named(name: &'a str) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::default()
        }
    }

    /// Sets the base name.
    #[must_use]
    #[inline]
    pub fn base_name(mut self, name: &'a str) -> Self {
        self.base_name = Some(name.into());
        self
    }

    /// Sets the base time.
    #[must_use]
    #[inline]
    pub fn base_time(mut self, time: impl Into<Number>) -> Self {
        self.base_time = Some(time.into());
        self
    }

    /// Sets the name.
    #[must_use]
    #[inline]
    pub fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the unit.
    #[must_use]
    #[inline]
    pub fn unit(mut self, unit: &'a str) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// Sets the time.
    #[must_use]
    #[inline]
    pub fn time(mut self, time: impl Into<Number>) -> Self {
        self.time = Some(time.into());
        self
    }

    /// Sets the value: a number, `bool`, `&str`, `&[u8]`, or any [`Value`].
    #[must_use]
    #[inline]
    pub fn value(mut self, value: impl Into<Value<'a>>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Sets the value to an object link, such as `66:1`.
    #[must_use]
    #[inline]
    pub fn object_link(mut self, link: &'a str) -> Self {
        self.value = Some(Value::ObjectLink(link.into()));
        self
    }
}

impl From<Number> for Value<'_> {
    #[inline]
    fn from(value: Number) -> Self {
        Self::Number(value)
    }
}

impl From<i64> for Value<'_> {
    #[inline]
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}

impl From<i32> for Value<'_> {
    #[inline]
    fn from(value: i32) -> Self {
        Self::Number(value.into())
    }
}

impl From<u32> for Value<'_> {
    #[inline]
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl From<u64> for Value<'_> {
    #[inline]
    fn from(value: u64) -> Self {
        Self::Number(value.into())
    }
}

impl From<f64> for Value<'_> {
    #[inline]
    fn from(value: f64) -> Self {
        Self::Number(value.into())
    }
}

impl From<bool> for Value<'_> {
    #[inline]
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    #[inline]
    fn from(value: &'a str) -> Self {
        Self::String(value.into())
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    #[inline]
    fn from(value: &'a [u8]) -> Self {
        Self::Data(value.into())
    }
}
