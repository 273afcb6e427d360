//! Hexadecimal text.

use alloc::{string::String, vec::Vec};

/// Two lower-case digits for each byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .collect()
}

/// The bytes of an even number of digits, at least two, of either case.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() || !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    // Its length is known, so it never grows and leaves no second copy of a key.
    let mut out = Vec::with_capacity(pairs.len());
    for &[high, low] in pairs {
        out.push(digit(high)? << 4 | digit(low)?);
    }
    Some(out)
}
