//! The `uint` option format (RFC 7252 §3.2).

/// Writes `value` in its shortest form, big-endian: nothing at all for 0.
pub(crate) fn encode(value: u32, out: &mut [u8; 4]) -> &[u8] {
    *out = value.to_be_bytes();
    let zeros = (value.leading_zeros() / 8) as usize;
    out.get(zeros..).unwrap_or_default()
}

/// Reads a value of up to four bytes; leading zeros are allowed, longer values are not.
#[inline]
pub(crate) fn decode(value: &[u8]) -> Option<u32> {
    match *value {
        [] => Some(0),
        [a] => Some(u32::from(a)),
        [a, b] => Some(u32::from(u16::from_be_bytes([a, b]))),
        [a, b, c] => Some(u32::from_be_bytes([0, a, b, c])),
        [a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d])),
        _ => None,
    }
}
