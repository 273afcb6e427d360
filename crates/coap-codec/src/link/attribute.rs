//! The attributes of a link and their values.

use super::reader::{Scanner, is_whitespace};

/// The attributes of a link, in their order: names with the values that they have.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    scanner: Scanner<'a>,
}

impl<'a> Attributes<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            scanner: Scanner::new(text),
        }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, Option<Value<'a>>);

    fn next(&mut self) -> Option<Self::Item> {
        // The link was read once, so there is no fault to meet here.
        self.scanner.attribute().ok().flatten()
    }
}

impl core::iter::FusedIterator for Attributes<'_> {}

/// The value of an attribute, as it stands in the document.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Value<'a> {
    raw: &'a str,
    quoted: bool,
}

impl<'a> Value<'a> {
    pub(super) const fn new(raw: &'a str, quoted: bool) -> Self {
        Self { raw, quoted }
    }

    /// The text between the quotes, or outside them; escapes such as `\"` are still in it.
    #[must_use]
    pub const fn raw(self) -> &'a str {
        self.raw
    }

    /// Whether the value stands in quotes.
    #[must_use]
    pub const fn is_quoted(self) -> bool {
        self.quoted
    }

    /// The text with escapes resolved, where that needs no copy: `None` if there is an escape.
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        (!self.quoted || !self.raw.contains('\\')).then_some(self.raw)
    }

    /// The characters, escapes resolved.
    pub fn chars(self) -> impl Iterator<Item = char> + 'a {
        let mut chars = self.raw.chars();
        core::iter::from_fn(move || match chars.next() {
            Some('\\') if self.quoted => chars.next(),
            next => next,
        })
    }

    /// The text with escapes resolved, copied only if there is one.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn to_text(self) -> alloc::borrow::Cow<'a, str> {
        match self.as_str() {
            Some(text) => text.into(),
            None => self.chars().collect::<alloc::string::String>().into(),
        }
    }

    /// The members of a list, such as the numbers of `ct="60 110"`: parted by blanks, and
    /// outside quotes also by commas. Escapes are not resolved; no list attribute has any.
    #[must_use]
    pub const fn words(self) -> Words<'a> {
        Words {
            rest: self.raw,
            commas: !self.quoted,
        }
    }
}

/// Compares with escapes resolved.
impl PartialEq<str> for Value<'_> {
    fn eq(&self, other: &str) -> bool {
        self.chars().eq(other.chars())
    }
}

/// The members of a list value; see [`Value::words`].
#[derive(Clone, Debug)]
pub struct Words<'a> {
    rest: &'a str,
    commas: bool,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let commas = self.commas;
        let parts = move |c| is_whitespace(c) || (commas && c == ',');
        let text = self.rest.trim_start_matches(parts);
        if text.is_empty() {
            self.rest = text;
            return None;
        }
        let (word, rest) = text.split_at(text.find(parts).unwrap_or(text.len()));
        self.rest = rest;
        Some(word)
    }
}

impl core::iter::FusedIterator for Words<'_> {}
