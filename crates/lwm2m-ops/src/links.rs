//! What a registration needs of RFC 6690 links: targets and four attributes.

use alloc::{borrow::Cow, vec::Vec};

use crate::{
    object_list::ROOT_TYPE,
    quirk::{Quirk, note},
    refusal::{Reason, Refusal},
};

/// One link of an object list.
pub(crate) struct Entry<'a> {
    pub(crate) target: &'a str,
    /// Whether `rt` holds `oma.lwm2m`.
    pub(crate) is_root: bool,
    /// `ct`, without quotes.
    pub(crate) formats: Option<Cow<'a, str>>,
    /// `ver`, without quotes.
    pub(crate) version: Option<&'a str>,
}

/// Reads all links, at most `limit`.
pub(crate) fn read<'a>(
    payload: &'a [u8],
    limit: usize,
    quirks: &mut Vec<Quirk>,
) -> Result<Vec<Entry<'a>>, Refusal> {
    let text = core::str::from_utf8(payload)
        .map_err(|error| Refusal::at(Reason::BadLinkFormat, error.valid_up_to()))?;
    let mut reader = Reader {
        text,
        at: 0,
        quirks,
    };
    let mut entries = Vec::new();
    reader.blanks();
    while !reader.rest().is_empty() {
        if entries.len() >= limit {
            return Err(Reason::TooManyLinks.into());
        }
        entries.push(reader.link()?);
        reader.blanks();
        if reader.rest().is_empty() {
            break;
        }
        if !reader.eat(',') {
            return Err(reader.error());
        }
        reader.blanks();
    }
    Ok(entries)
}

struct Reader<'a, 'q> {
    text: &'a str,
    at: usize,
    quirks: &'q mut Vec<Quirk>,
}

impl<'a> Reader<'a, '_> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self) -> Refusal {
        Refusal::at(Reason::BadLinkFormat, self.at)
    }

    fn eat(&mut self, character: char) -> bool {
        let found = self.rest().starts_with(character);
        self.at = self.at.saturating_add(usize::from(found));
        found
    }

    /// Takes up to, not including, the first character of `ends`.
    fn until(&mut self, ends: &[char]) -> &'a str {
        let rest = self.rest();
        let taken = rest
            .get(..rest.find(ends).unwrap_or(rest.len()))
            .unwrap_or_default();
        self.at = self.at.saturating_add(taken.len());
        taken
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        let blanks = rest.len().saturating_sub(rest.trim_ascii_start().len());
        if blanks > 0 {
            note(self.quirks, Quirk::LinkSyntax);
            self.at = self.at.saturating_add(blanks);
        }
    }

    fn link(&mut self) -> Result<Entry<'a>, Refusal> {
        if !self.eat('<') {
            return Err(self.error());
        }
        let target = self.until(&['>']);
        if !self.eat('>') {
            return Err(self.error());
        }
        let mut entry = Entry {
            target,
            is_root: false,
            formats: None,
            version: None,
        };
        let mut types = None;
        self.blanks();
        while self.eat(';') {
            self.blanks();
            let name = self.until(&['=', ';', ',', ' ', '"', '<']);
            let value = match self.eat('=') {
                true => Some(self.value()?),
                false => None,
            };
            let slot = match name {
                "ct" => &mut entry.formats,
                "rt" => &mut types,
                "ver" if entry.version.is_none() => {
                    entry.version = Some(value.unwrap_or_default());
                    continue;
                }
                "" => return Err(self.error()),
                _ => continue,
            };
            match slot {
                Some(_) => note(self.quirks, Quirk::LinkSyntax),
                None => *slot = Some(Cow::Borrowed(value.unwrap_or_default())),
            }
            self.blanks();
        }
        entry.is_root = types.is_some_and(|types| types.split(' ').any(|word| word == ROOT_TYPE));
        Ok(entry)
    }

    fn value(&mut self) -> Result<&'a str, Refusal> {
        if self.eat('"') {
            let start = self.at;
            let mut escaped = false;
            for (index, character) in self.rest().char_indices() {
                match character {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '"' => {
                        let end = start.saturating_add(index);
                        self.at = end.saturating_add(1);
                        return Ok(self.text.get(start..end).unwrap_or_default());
                    }
                    _ => {}
                }
            }
            return Err(self.error());
        }
        let start = self.at;
        loop {
            self.until(&[';', ',']);
            // A comma that no link follows belongs to the value: `ct=110,112`.
            let after = self.rest().strip_prefix(',').map(str::trim_ascii_start);
            match after {
                Some(after) if !after.is_empty() && !after.starts_with('<') => {
                    note(self.quirks, Quirk::LinkSyntax);
                    self.at = self.at.saturating_add(1);
                }
                _ => break,
            }
        }
        let value = self
            .text
            .get(start..self.at)
            .unwrap_or_default()
            .trim_ascii();
        if value.contains(' ') {
            note(self.quirks, Quirk::LinkSyntax);
        }
        Ok(value)
    }
}
