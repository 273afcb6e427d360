//! Reading a document, link by link.

use super::{Attributes, Quirk, Quirks, Value};
use crate::{DecodeError, DecodeErrorKind};

/// The links of a document, in order. After the first error there is no more.
#[derive(Clone, Debug)]
pub struct Links<'a> {
    scanner: Scanner<'a>,
    first: bool,
}

impl<'a> Links<'a> {
    /// Reads `text`, which may be empty: then there is no link.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self {
            scanner: Scanner::new(text),
            first: true,
        }
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`DecodeErrorKind::NotUtf8`].
    pub fn from_bytes(payload: &'a [u8]) -> Result<Self, DecodeError> {
        match core::str::from_utf8(payload) {
            Ok(text) => Ok(Self::new(text)),
            Err(fault) => Err(DecodeError::at(
                fault.valid_up_to(),
                DecodeErrorKind::NotUtf8,
            )),
        }
    }

    /// The quirks of what was read so far.
    #[must_use]
    pub const fn quirks(&self) -> Quirks {
        self.scanner.quirks
    }

    fn link(&mut self) -> Result<Option<Link<'a>>, DecodeError> {
        let scanner = &mut self.scanner;
        let mut comma = false;
        if self.first {
            self.first = false;
        } else {
            // The last link ended before a comma, or the document ended with it.
            comma = scanner.take(b',');
            if !comma {
                return Ok(None);
            }
        }
        scanner.whitespace();
        while scanner.take(b',') {
            comma = true;
            scanner.quirks.insert(Quirk::EmptyLink);
            scanner.whitespace();
        }
        if scanner.peek().is_none() {
            if comma {
                scanner.quirks.insert(Quirk::EmptyLink);
            }
            return Ok(None);
        }
        let before = core::mem::take(&mut scanner.quirks);
        let read = scanner.link();
        let quirks = scanner.quirks;
        scanner.quirks = before.union(quirks);
        let (target, attributes) = read?;
        Ok(Some(Link {
            target,
            attributes,
            quirks,
        }))
    }
}

impl<'a> Iterator for Links<'a> {
    type Item = Result<Link<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.link().transpose();
        if let Some(Err(_)) = next {
            self.scanner.at = self.scanner.text.len();
        }
        next
    }
}

impl core::iter::FusedIterator for Links<'_> {}

/// One link: its target and its attributes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Link<'a> {
    target: &'a str,
    attributes: &'a str,
    quirks: Quirks,
}

impl<'a> Link<'a> {
    /// What stands between `<` and `>`, nothing decoded or resolved.
    #[must_use]
    pub const fn target(&self) -> &'a str {
        self.target
    }

    /// The segments of a target that is a path, without the empty ones that a leading or a
    /// trailing slash makes: `/3/0/` has `3` and `0`, `/` has none.
    pub fn segments(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let path = self.target.strip_prefix('/').unwrap_or(self.target);
        let path = path.strip_suffix('/').unwrap_or(path);
        let none = path.is_empty();
        path.split('/').filter(move |_| !none)
    }

    /// The attributes, in their order.
    #[must_use]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.attributes)
    }

    /// The first attribute `name`: `None` if there is none, `Some(None)` if it has no value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Option<Value<'a>>> {
        self.attributes()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    /// The attributes as they stand in the document, from the first `;`; empty if there is none.
    #[must_use]
    pub const fn raw_attributes(&self) -> &'a str {
        self.attributes
    }

    /// What is unusual about this link.
    #[must_use]
    pub const fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// Whether a query such as `rt=oma*` selects this link: `name` is an attribute or `href`, and
    /// a `*` at the end of `pattern` stands for anything. `rt`, `if` and `rel` match by any of
    /// their members.
    ///
    /// # Specification
    /// RFC 6690 §4.1.
    #[must_use]
    pub fn matches(&self, name: &str, pattern: &str) -> bool {
        let fits = |text: &str| match pattern.strip_suffix('*') {
            Some(start) => text.starts_with(start),
            None => text == pattern,
        };
        if name == "href" {
            return fits(self.target);
        }
        let mut values = self.attributes().filter(|(found, _)| *found == name);
        values.any(|(_, value)| match (name, value) {
            (_, None) => fits(""),
            ("rt" | "if" | "rel", Some(value)) => value.words().any(fits),
            (_, Some(value)) => match pattern.strip_suffix('*') {
                Some(start) => {
                    let mut chars = value.chars();
                    start.chars().all(|c| chars.next() == Some(c))
                }
                None => value == *pattern,
            },
        })
    }
}

/// A place in a document, and what was unusual on the way there.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    quirks: Quirks,
    /// Attributes of this link that may stand once, by their place in `SINGLE`.
    seen: u32,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            quirks: Quirks::NONE,
            seen: 0,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        if taken {
            self.at += 1;
        }
        taken
    }

    /// Skips whitespace and notes it.
    fn whitespace(&mut self) {
        while self.peek().is_some_and(|byte| is_whitespace(byte.into())) {
            self.at += 1;
            self.quirks.insert(Quirk::Whitespace);
        }
    }

    /// The text from `start` up to here; both are at ASCII characters.
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn fault<T>(&self) -> Result<T, DecodeError> {
        Err(DecodeError::at(
            self.at.min(self.text.len()),
            match self.peek() {
                Some(byte) => DecodeErrorKind::Unexpected(byte),
                None => DecodeErrorKind::Truncated,
            },
        ))
    }

    /// `link-value = "<" URI-Reference ">" *( ";" link-param )`
    fn link(&mut self) -> Result<(&'a str, &'a str), DecodeError> {
        self.seen = 0;
        if !self.take(b'<') {
            return self.fault();
        }
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'>') => break,
                Some(b' ' | b'\t') => self.quirks.insert(Quirk::TargetWhitespace),
                Some(b'<' | b'"' | 0..0x20 | 0x7f) | None => return self.fault(),
                Some(_) => {}
            }
            self.at += 1;
        }
        let target = self.since(start);
        if target.len() > 1 && target.ends_with('/') {
            self.quirks.insert(Quirk::TrailingSlash);
        }
        self.at += 1;
        let start = self.at;
        while self.attribute()?.is_some() {}
        let attributes = self.since(start).trim_end_matches(is_whitespace);
        match self.peek() {
            None | Some(b',') => Ok((target, attributes)),
            Some(_) => self.fault(),
        }
    }

    /// The next `";" link-param`; none before a comma or at the end.
    pub(super) fn attribute(
        &mut self,
    ) -> Result<Option<(&'a str, Option<Value<'a>>)>, DecodeError> {
        loop {
            self.whitespace();
            if !self.take(b';') {
                return Ok(None);
            }
            self.whitespace();
            if matches!(self.peek(), None | Some(b';' | b',')) {
                self.quirks.insert(Quirk::EmptyAttribute);
                continue;
            }
            let name = self.name()?;
            self.whitespace();
            let value = match self.take(b'=') {
                true => Some(self.value()?),
                false => None,
            };
            return match self.peek() {
                None | Some(b';' | b',') => Ok(Some((name, value))),
                Some(_) => self.fault(),
            };
        }
    }

    /// `parmname`, and a `*` at its end.
    fn name(&mut self) -> Result<&'a str, DecodeError> {
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'=' | b';' | b',' | b' ' | b'\t' | b'\r' | b'\n' => break,
                b'"' | b'<' | b'>' | b'\\' | 0..0x20 | 0x7f => return self.fault(),
                b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|'
                | b'~' | b'*' => {}
                byte if byte.is_ascii_alphanumeric() => {}
                _ => self.quirks.insert(Quirk::TokenCharacter),
            }
            self.at += 1;
        }
        if self.at == start {
            return self.fault();
        }
        let name = self.since(start);
        if let Some(place) = SINGLE.iter().position(|single| *single == name) {
            if self.seen & 1 << place != 0 {
                self.quirks.insert(Quirk::DuplicateAttribute);
            }
            self.seen |= 1 << place;
        }
        Ok(name)
    }

    /// What follows `=`, and the whitespace after it.
    fn value(&mut self) -> Result<Value<'a>, DecodeError> {
        self.whitespace();
        if self.take(b'"') {
            return self.quoted();
        }
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b';' => break,
                b',' if self.is_end_of_link() => break,
                b',' | b' ' | b'\t' => {}
                b'\r' | b'\n' => {}
                b'"' | 0..0x20 | 0x7f => return self.fault(),
                b'\\' | 0x80.. => self.quirks.insert(Quirk::TokenCharacter),
                _ => {}
            }
            self.at += 1;
        }
        let text = self.since(start);
        let raw = text.trim_end_matches(is_whitespace);
        if raw.len() != text.len() {
            self.quirks.insert(Quirk::Whitespace);
        }
        if raw.is_empty() {
            self.quirks.insert(Quirk::EmptyValue);
        }
        if raw.contains(|c| is_whitespace(c) || c == ',') {
            self.quirks.insert(Quirk::UnquotedList);
        }
        Ok(Value::new(raw, false))
    }

    /// The rest of a quoted string, and the whitespace after it.
    fn quoted(&mut self) -> Result<Value<'a>, DecodeError> {
        let start = self.at;
        loop {
            match self.peek() {
                None => return self.fault(),
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
        let raw = self.since(start);
        self.at += 1;
        self.whitespace();
        Ok(Value::new(raw, true))
    }

    /// Whether the comma here ends the link: a link, another comma or nothing follows. Otherwise
    /// it belongs to an unquoted list.
    fn is_end_of_link(&self) -> bool {
        let rest = self.text.as_bytes().get(self.at + 1..).unwrap_or_default();
        let next = rest.iter().find(|byte| !is_whitespace((**byte).into()));
        matches!(next, None | Some(b'<' | b','))
    }
}

pub(super) const fn is_whitespace(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// The attributes that may stand once on a link: RFC 6690 §2 and §3, RFC 7252 §7.2.1, RFC 7641
/// §6 and the LwM2M ones. A set of bits remembers them, so that looking for duplicates stays
/// linear.
const SINGLE: [&str; 28] = [
    "rel", "anchor", "rev", "media", "title", "title*", "type", "rt", "if", "sz", "ct", "obs",
    "hct", "ver", "lwm2m", "ssid", "uri", "dim", "pmin", "pmax", "gt", "lt", "st", "epmin",
    "epmax", "edge", "con", "hqmax",
];
