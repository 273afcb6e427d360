//! From text to bytes.

use super::MaterialError;
use alloc::{string::String, vec::Vec};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT},
};
use zeroize::Zeroizing;

/// One part of a PEM file.
pub(super) struct Block<'a> {
    pub(super) label: &'a str,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// The parts of a PEM file; what stands between them is ignored (RFC 7468 §2).
pub(super) fn pem(text: &str) -> Result<Vec<Block<'_>>, MaterialError> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let broken = |label: &str| MaterialError::Pem(label.chars().take(40).collect());
        let (label, after) = after.split_once("-----").ok_or_else(|| broken(""))?;
        let (body, after) = after.split_once("-----END ").ok_or_else(|| broken(label))?;
        let (end, after) = after.split_once("-----").ok_or_else(|| broken(label))?;
        if end != label {
            return Err(broken(label));
        }
        if body.contains("ENCRYPTED") {
            return Err(MaterialError::Encrypted); // RFC 1421 headers, as OpenSSL writes for SEC1 keys
        }
        // What these hold is no DER; the caller says so by the label.
        let der = match label {
            "OPENSSH PRIVATE KEY" => Zeroizing::default(),
            _ => base64(body).ok_or_else(|| broken(label))?,
        };
        blocks.push(Block { label, der });
        rest = after;
    }
    Ok(blocks)
}

/// Base64 of either alphabet, padded or not, with white space anywhere.
pub(super) fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text: Zeroizing<String> = without(text, char::is_whitespace);
    if text.is_empty() {
        return None;
    }
    let decoded = STANDARD_PAD_INDIFFERENT
        .decode(text.as_bytes())
        .or_else(|_| URL_SAFE_PAD_INDIFFERENT.decode(text.as_bytes()));
    decoded.ok().map(Zeroizing::new)
}

/// Hexadecimal text with white space or colons anywhere, and perhaps `0x` in front.
pub(super) fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = without(text, |c| c.is_whitespace() || c == ':');
    let digits = text.strip_prefix("0x").unwrap_or(&text);
    crate::hex::decode(digits.as_bytes()).map(Zeroizing::new)
}

fn without(text: &str, drop: impl Fn(char) -> bool) -> Zeroizing<String> {
    // Never grown, so there is one copy and it is wiped.
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    out.extend(text.chars().filter(|&c| !drop(c)));
    out
}
