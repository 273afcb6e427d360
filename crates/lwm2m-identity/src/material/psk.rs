//! Pre-shared keys as people write them.

use super::{Encoding, text};
use crate::{PskKey, PskKeyError};
use core::fmt;

/// A pre-shared key and how it was understood.
#[derive(Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub struct PskReading {
    /// The key.
    pub key: PskKey,
    /// [`Encoding::Hex`], [`Encoding::Base64`] or [`Encoding::Text`].
    pub encoding: Encoding,
}

impl fmt::Display for PskReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.key.bytes().len();
        write!(
            f,
            "pre-shared key of {len} bytes, read as {}",
            self.encoding
        )
    }
}

/// Reads a pre-shared key: `hex:…`, `base64:…`, `text:…`, or something that can only be text.
///
/// White space around it does not matter, except that after `text:` only the end of the line is dropped.
///
/// # Errors
/// [`PskReadError`], for a bare value that could be meant in two ways with both of them.
///
/// ```
/// use lwm2m_identity::material::read_psk;
///
/// assert_eq!(read_psk("hex:a1b2c3")?.key.bytes(), [0xa1, 0xb2, 0xc3]);
/// assert_eq!(
///     read_psk("a1b2c3d4").unwrap_err().to_string(),
///     "it could be hex (4 bytes), base64 (6 bytes) or text (8 bytes): write hex:…, base64:… or text:…"
/// );
/// # Ok::<(), lwm2m_identity::material::PskReadError>(())
/// ```
pub fn read_psk(written: &str) -> Result<PskReading, PskReadError> {
    let reading = |bytes: &[u8], encoding| {
        let key = PskKey::new(bytes).map_err(PskReadError::Key)?;
        Ok(PskReading { key, encoding })
    };
    if let Some(exact) = written.trim_start().strip_prefix("text:") {
        return reading(
            exact.trim_end_matches(['\r', '\n']).as_bytes(),
            Encoding::Text,
        );
    }
    let bare = written.trim();
    if let Some(digits) = bare.strip_prefix("hex:") {
        let count = digits.chars().filter(char::is_ascii_hexdigit).count();
        let bytes = text::hex(digits).ok_or(match count.is_multiple_of(2) {
            true => PskReadError::NotHex,
            false => PskReadError::OddHex(count),
        })?;
        return reading(&bytes, Encoding::Hex);
    }
    if let Some(rest) = bare.strip_prefix("base64:") {
        let bytes = text::base64(rest).ok_or(PskReadError::NotBase64)?;
        return reading(&bytes, Encoding::Base64);
    }
    let hex = text::hex(bare).map(|bytes| bytes.len());
    let base64 = text::base64(bare).map(|bytes| bytes.len());
    if hex.is_some() || base64.is_some() {
        let text = bare.len();
        return Err(PskReadError::Ambiguous { hex, base64, text });
    }
    if !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(PskReadError::OddHex(bare.len()));
    }
    if let Some((form, rest)) = bare.split_once(':')
        && (["hex", "base64", "text"].contains(&&*form.to_ascii_lowercase())
            || text::hex(rest).or_else(|| text::base64(rest)).is_some())
    {
        return Err(PskReadError::UnknownForm);
    }
    reading(bare.as_bytes(), Encoding::Text)
}

/// Why a pre-shared key could not be read; never with the key in it.
#[derive(Clone, Copy, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum PskReadError {
    /// It could be meant in more than one way; each with the number of bytes that the key would have.
    Ambiguous {
        /// As hexadecimal text.
        hex: Option<usize>,
        /// As base64.
        base64: Option<usize>,
        /// As it stands.
        text: usize,
    },
    /// An odd number of hexadecimal digits.
    OddHex(usize),
    /// `hex:` was said and it is not.
    NotHex,
    /// `base64:` was said and it is not.
    NotBase64,
    /// Something that is not `hex:`, `base64:` or `text:`, but might be meant for it, such as `HEX:` or `b64:`.
    UnknownForm,
    /// The key is empty or too long.
    Key(PskKeyError),
}

impl fmt::Display for PskReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Ambiguous { hex, base64, text } => match (hex, base64) {
                (Some(hex), Some(base64)) => write!(
                    f,
                    "it could be hex ({hex} bytes), base64 ({base64} bytes) or text ({text} bytes): \
                     write hex:…, base64:… or text:…"
                ),
                (Some(hex), None) => write!(
                    f,
                    "it could be hex ({hex} bytes) or text ({text} bytes): write hex:… or text:…"
                ),
                (None, base64) => write!(
                    f,
                    "it could be base64 ({} bytes) or text ({text} bytes): write base64:… or text:…",
                    base64.unwrap_or(0)
                ),
            },
            Self::OddHex(digits) => write!(
                f,
                "{digits} hexadecimal digits, an odd number: add the one that is missing, or write text:…"
            ),
            Self::NotHex => {
                f.write_str("hex: is followed by something else than hexadecimal digits")
            }
            Self::NotBase64 => f.write_str("base64: is followed by something that is not base64"),
            Self::UnknownForm => f.write_str(
                "what stands before the colon is not hex, base64 or text, in small letters: \
                 write hex:…, base64:… or text:…",
            ),
            Self::Key(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for PskReadError {}
