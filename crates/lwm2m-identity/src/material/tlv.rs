//! As much DER as key files need: tag, length, value (X.690 §8.1, §10.1).

/// One element.
#[derive(Clone, Copy)]
pub(super) struct Tlv<'a> {
    pub(super) tag: u8,
    pub(super) value: &'a [u8],
}

/// Splits the first element off.
pub(super) fn next(bytes: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (&[len], rest) = rest.split_first_chunk::<1>()?;
            (usize::from(len), rest)
        }
        0x82 => {
            let (len, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(len)?;
    Some((Tlv { tag, value }, rest))
}

/// What is inside of a SEQUENCE that is everything.
pub(super) fn sequence(bytes: &[u8]) -> Option<&[u8]> {
    match next(bytes)? {
        (
            Tlv {
                tag: SEQUENCE,
                value,
            },
            [],
        ) => Some(value),
        _ => None,
    }
}

/// The value of the first element if it has the tag, and what follows.
pub(super) fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (tlv, rest) = next(bytes)?;
    (tlv.tag == tag).then_some((tlv.value, rest))
}

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
