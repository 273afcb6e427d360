//! Looking for the bytes that cannot stand in a JSON string as they are.

/// How many bytes come before the first quotation mark, backslash or control character
/// (RFC 8259 §7).
///
/// Eight at a time, as one number: a byte becomes 0 where it is what is looked for, and taking 1
/// from 0 borrows. What a borrow spoils is above the first byte found, so the lowest bit is right.
#[inline]
pub(crate) fn plain_len(bytes: &[u8]) -> usize {
    let mut len = 0_usize;
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk() {
        let found = found(*chunk);
        if found != 0 {
            return len.saturating_add(found.trailing_zeros() as usize / 8);
        }
        len = len.saturating_add(8);
        rest = after;
    }
    // Four to seven bytes are the first four and the last four.
    if let (Some(&[a, b, c, d]), Some(&[e, f, g, h])) = (rest.first_chunk(), rest.last_chunk())
        && found([a, b, c, d, e, f, g, h]) == 0
    {
        return bytes.len();
    }
    let more = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | ..0x20));
    len.saturating_add(more.unwrap_or(rest.len()))
}

/// A bit in the place of the first byte found; those above it mean nothing.
#[inline]
const fn found(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let word = u64::from_le_bytes(bytes);
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let found = (quote.wrapping_sub(ONES) & !quote)
        | (backslash.wrapping_sub(ONES) & !backslash)
        | (word.wrapping_sub(ONES * 0x20) & !word);
    found & HIGH
}

#[cfg(test)]
mod tests {
    use super::plain_len;

    #[test]
    fn finds_each_byte_at_each_place() {
        for len in 0..=24 {
            for place in 0..=len {
                for byte in 0..=u8::MAX {
                    let mut bytes = [b'a'; 24];
                    let found = matches!(byte, b'"' | b'\\' | ..0x20);
                    if let Some(there) = bytes.get_mut(place) {
                        *there = byte;
                    }
                    // Whatever follows does not matter.
                    if let Some(after) = bytes.get_mut(place + 1) {
                        *after = b'"';
                    }
                    let expected = match (place < len, found) {
                        (true, true) => place,
                        (true, false) => len.min(place + 1),
                        (false, _) => len,
                    };
                    assert_eq!(plain_len(&bytes[..len]), expected, "{len} {place} {byte}");
                }
            }
        }
    }
}
