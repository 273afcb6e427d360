//! Writing documents.

use core::fmt::{self, Write};

use super::Link;
use crate::EncodeError;

/// Writes a document, link by link, attributes in the order of the calls.
///
/// A value is quoted where the grammar asks for it. What could not be read back is refused; after
/// an error the text ends somewhere in a link and is of no use.
///
/// # Examples
/// ```
/// use coap_codec::link::LinkWriter;
///
/// let mut text = String::new();
/// let mut links = LinkWriter::new(&mut text);
/// links.link("/")?.quoted("rt", "oma.lwm2m")?.attribute("ct", "60 112")?;
/// links.link("/1/0")?.number("ssid", 101)?;
/// links.link("/3303")?.attribute("ver", "1.1")?.flag("obs")?;
/// assert_eq!(text, r#"</>;rt="oma.lwm2m";ct="60 112",</1/0>;ssid=101,</3303>;ver=1.1;obs"#);
/// # Ok::<(), coap_codec::EncodeError>(())
/// ```
///
/// # Specification
/// RFC 6690 §2.
#[derive(Debug)]
pub struct LinkWriter<W> {
    out: W,
    any: bool,
}

impl<W: Write> LinkWriter<W> {
    /// Writes to the end of `out`: a `String`, a [`TextBuf`], a formatter.
    pub const fn new(out: W) -> Self {
        Self { out, any: false }
    }

    /// Starts a link to `target`, which is written as it is.
    ///
    /// # Errors
    /// [`EncodeError::LinkTarget`] for one with `<`, `>`, `"`, a blank or a control character,
    /// [`EncodeError::NoSpace`].
    pub fn link(&mut self, target: &str) -> Result<&mut Self, EncodeError> {
        self.link_to(&target)
    }

    /// Starts a link to a target given as something that displays, such as a path.
    ///
    /// # Errors
    /// As [`LinkWriter::link`].
    pub fn link_to(&mut self, target: &impl fmt::Display) -> Result<&mut Self, EncodeError> {
        let start = if self.any { ",<" } else { "<" };
        self.any = true;
        let written = self.out.write_str(start);
        self.done(written.is_ok())?;
        self.checked(target, is_target, EncodeError::LinkTarget)?;
        let written = self.out.write_char('>');
        self.done(written.is_ok())
    }

    /// Adds `;name=value`, in quotes unless every character of `value` may stand outside.
    ///
    /// # Errors
    /// [`EncodeError::LinkAttribute`] for a name that the grammar does not allow,
    /// [`EncodeError::NoSpace`].
    pub fn attribute(&mut self, name: &str, value: &str) -> Result<&mut Self, EncodeError> {
        if value.is_empty() || !value.bytes().all(is_ptoken) {
            return self.quoted(name, value);
        }
        self.flag(name)?;
        let written = write!(self.out, "={value}");
        self.done(written.is_ok())
    }

    /// Adds `;name="value"`.
    ///
    /// # Errors
    /// As [`LinkWriter::attribute`].
    pub fn quoted(&mut self, name: &str, value: &str) -> Result<&mut Self, EncodeError> {
        self.flag(name)?;
        let written = write!(self.out, "=\"{}\"", Escaped(value));
        self.done(written.is_ok())
    }

    /// Adds `;name=number`.
    ///
    /// # Errors
    /// As [`LinkWriter::attribute`].
    pub fn number(&mut self, name: &str, number: u64) -> Result<&mut Self, EncodeError> {
        self.flag(name)?;
        let written = write!(self.out, "={number}");
        self.done(written.is_ok())
    }

    /// Adds `;name`, an attribute without a value.
    ///
    /// # Errors
    /// As [`LinkWriter::attribute`].
    pub fn flag(&mut self, name: &str) -> Result<&mut Self, EncodeError> {
        let stem = name.strip_suffix('*').unwrap_or(name);
        if !self.any || stem.is_empty() || !stem.bytes().all(is_attr_char) {
            return Err(EncodeError::LinkAttribute);
        }
        let written = write!(self.out, ";{name}");
        self.done(written.is_ok())
    }

    /// Adds a link that was read: its target and all its attributes, in their order. Quirks are
    /// not passed on: lists get their quotes, whitespace goes.
    ///
    /// # Errors
    /// As [`LinkWriter::link`] and [`LinkWriter::attribute`].
    pub fn copy(&mut self, link: &Link<'_>) -> Result<&mut Self, EncodeError> {
        self.link(link.target())?;
        for (name, value) in link.attributes() {
            let Some(value) = value else {
                self.flag(name)?;
                continue;
            };
            let raw = value.raw();
            if value.is_quoted() {
                self.flag(name)?;
                let written = write!(self.out, "=\"{raw}\"");
                self.done(written.is_ok())?;
            } else if raw.contains(',') {
                self.list(name, value.words())?;
            } else {
                self.attribute(name, raw)?;
            }
        }
        Ok(self)
    }

    /// Adds `;name="a b c"`, the form of a list; without quotes where there is one member.
    ///
    /// # Errors
    /// As [`LinkWriter::attribute`], and [`EncodeError::LinkAttribute`] for a member with a
    /// blank, a comma, a semicolon, a quote or a backslash.
    pub fn list<I>(&mut self, name: &str, members: I) -> Result<&mut Self, EncodeError>
    where
        I: IntoIterator<Item: fmt::Display>,
    {
        let mut members = members.into_iter();
        self.flag(name)?;
        let (first, second) = (members.next(), members.next());
        let quote = if first.is_some() && second.is_none() {
            ""
        } else {
            "\""
        };
        let written = write!(self.out, "={quote}");
        self.done(written.is_ok())?;
        for (index, member) in first.into_iter().chain(second).chain(members).enumerate() {
            let blank = if index == 0 { "" } else { " " };
            let written = self.out.write_str(blank);
            self.done(written.is_ok())?;
            self.checked(&member, is_ptoken, EncodeError::LinkAttribute)?;
        }
        let written = self.out.write_str(quote);
        self.done(written.is_ok())
    }

    /// Writes `text` if every byte of it is `allowed`.
    fn checked(
        &mut self,
        text: &impl fmt::Display,
        allowed: fn(u8) -> bool,
        refusal: EncodeError,
    ) -> Result<(), EncodeError> {
        let mut checked = Checked {
            out: &mut self.out,
            allowed,
            refused: false,
        };
        let written = write!(checked, "{text}");
        if checked.refused {
            return Err(refusal);
        }
        written.map_err(|_| EncodeError::NoSpace)
    }

    const fn done(&mut self, written: bool) -> Result<&mut Self, EncodeError> {
        if written {
            Ok(self)
        } else {
            Err(EncodeError::NoSpace)
        }
    }
}

/// Lets through what is allowed, and remembers if something was not.
struct Checked<'w, W> {
    out: &'w mut W,
    allowed: fn(u8) -> bool,
    refused: bool,
}

impl<W: Write> Write for Checked<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.bytes().all(self.allowed) {
            self.refused = true;
            return Err(fmt::Error);
        }
        self.out.write_str(text)
    }
}

/// Writes text as it stands between quotes.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.0.split_inclusive(['"', '\\']) {
            match piece.strip_suffix(['"', '\\']) {
                Some(plain) if piece.ends_with('"') => write!(f, "{plain}\\\"")?,
                Some(plain) => write!(f, "{plain}\\\\")?,
                None => f.write_str(piece)?,
            }
        }
        Ok(())
    }
}

/// Text in a caller's buffer: what a [`LinkWriter`] writes to where there is no allocator.
///
/// # Examples
/// ```
/// use coap_codec::link::{LinkWriter, TextBuf};
///
/// let mut buffer = [0; 32];
/// let mut text = TextBuf::new(&mut buffer);
/// LinkWriter::new(&mut text).link("/3/0")?.link("/5")?;
/// assert_eq!(text.as_bytes(), b"</3/0>,</5>");
/// # Ok::<(), coap_codec::EncodeError>(())
/// ```
#[derive(Debug)]
pub struct TextBuf<'b> {
    out: &'b mut [u8],
    used: usize,
}

impl<'b> TextBuf<'b> {
    /// Writes from the start of `out`.
    pub const fn new(out: &'b mut [u8]) -> Self {
        Self { out, used: 0 }
    }

    /// What was written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.out.get(..self.used).unwrap_or_default()
    }
}

/// A piece that does not fit is an error and writes nothing.
impl Write for TextBuf<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.used.saturating_add(text.len());
        let room = self.out.get_mut(self.used..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

const fn is_target(byte: u8) -> bool {
    !matches!(byte, b'<' | b'>' | b'"' | 0..=0x20 | 0x7f)
}

/// `ptokenchar` of RFC 6690 §2. A comma is none, nor are quotes, semicolons, blanks, backslashes.
const fn is_ptoken(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// `attr-char` of RFC 5987 §3.2.1.
const fn is_attr_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}
