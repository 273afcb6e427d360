//! Which partition an endpoint belongs to, and how a registration id tells it.

use lwm2m_ops::RegistrationId;

/// The partition, of `partitions`, that holds an endpoint.
///
/// The same on every node, in every version, and after every restart.
#[must_use]
pub fn partition_of(endpoint: &str, partitions: u16) -> u16 {
    scale(tag(endpoint.as_bytes()), partitions)
}

/// The partition, of `partitions`, that holds a registration, if the id is one of ours; else no partition does.
///
/// An id carries a hash of its endpoint and not the number of a partition, so it stays good when the number of
/// partitions changes.
#[must_use]
pub fn partition_of_id(id: &RegistrationId, partitions: u16) -> Option<u16> {
    let (tag, _) = parse(id)?;
    Some(scale(tag, partitions))
}

/// The secret part of a registration id: 72 random bits.
pub(crate) type Secret = [u8; 9];

/// 16 bits of FNV-1a, mixed: what an id says about its endpoint.
pub(crate) fn tag(endpoint: &[u8]) -> u16 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in endpoint {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 32;
    u16::try_from(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48).unwrap_or_default()
}

fn scale(tag: u16, partitions: u16) -> u16 {
    u16::try_from((u32::from(tag) * u32::from(partitions)) >> 16).unwrap_or_default()
}

/// Writes an id: three characters of tag, twelve of secret, all of the URL-safe base 64 alphabet.
#[expect(
    clippy::expect_used,
    reason = "fifteen characters of the alphabet are a registration id"
)]
pub(crate) fn write(tag: u16, secret: Secret) -> RegistrationId {
    let [high, low] = tag.to_be_bytes();
    let [a, b, c, d, e, f, g, h, i] = secret;
    let mut text = [0; LENGTH];
    let mut place = text.iter_mut();
    // The tag takes 16 of 18 bits.
    for (group, chars) in [
        ([0, high, low], 3),
        ([a, b, c], 4),
        ([d, e, f], 4),
        ([g, h, i], 4),
    ] {
        let [x, y, z] = group.map(u32::from);
        let bits = x << 16 | y << 8 | z;
        for at in (0..chars).rev() {
            let digit = usize::try_from(bits >> (6 * at) & 0x3f).unwrap_or_default();
            if let (Some(place), Some(char)) = (place.next(), ALPHABET.get(digit)) {
                *place = *char;
            }
        }
    }
    let id = core::str::from_utf8(&text)
        .ok()
        .and_then(|text| RegistrationId::new(text).ok());
    id.expect("text of the alphabet")
}

/// Reads an id that [`write`] wrote.
pub(crate) fn parse(id: &RegistrationId) -> Option<(u16, Secret)> {
    let text: &[u8; LENGTH] = id.as_str().as_bytes().try_into().ok()?;
    let mut bits = 0_u128;
    for char in text {
        bits = bits << 6 | u128::from(digit(*char)?);
    }
    let (tag, secret) = (u16::try_from(bits >> 72).ok()?, bits & ((1 << 72) - 1));
    let [.., a, b, c, d, e, f, g, h, i] = secret.to_be_bytes();
    Some((tag, [a, b, c, d, e, f, g, h, i]))
}

/// The place of a character in [`ALPHABET`].
const fn digit(char: u8) -> Option<u8> {
    match char {
        b'A'..=b'Z' => Some(char - b'A'),
        b'a'..=b'z' => Some(char - b'a' + 26),
        b'0'..=b'9' => Some(char - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

const LENGTH: usize = 15;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn fnv_1a_before_mixing_is_the_published_one() {
        // draft-eastlake-fnv, appendix: FNV-1a 64 of "" and "a" through our mixing.
        let mix =
            |hash: u64| ((hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16;
        assert_eq!(tag(b""), mix(0xcbf2_9ce4_8422_2325));
        assert_eq!(tag(b"a"), mix(0xaf63_dc4c_8601_ec8c));
        assert_eq!(tag(b"foobar"), mix(0x8594_4171_f739_67e8));
    }

    #[test]
    fn digits_are_places_in_the_alphabet() {
        for char in 0..=u8::MAX {
            let place = ALPHABET.iter().position(|known| *known == char);
            assert_eq!(digit(char).map(usize::from), place);
        }
    }

    #[test]
    fn ids_round_trip_and_nothing_else_parses() {
        for (tag, secret) in [
            (0, [0; 9]),
            (u16::MAX, [0xff; 9]),
            (0x1234, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ] {
            let id = write(tag, secret);
            assert_eq!(id.as_str().len(), 15);
            assert_eq!(parse(&id), Some((tag, secret)));
        }
        assert_eq!(write(0, [0; 9]).as_str(), "AAAAAAAAAAAAAAA");
        assert_eq!(write(0xffff, [0xff; 9]).as_str(), "P______________");
        for text in [
            "A",
            "AAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAA",
            "Q__AAAAAAAAAAAA",
            "AAAAAAA.AAAAAAA",
        ] {
            assert_eq!(parse(&RegistrationId::new(text).unwrap()), None, "{text}");
        }
    }

    #[test]
    fn endpoints_spread_evenly_and_ids_agree() {
        for partitions in [1, 2, 7, 64, u16::MAX] {
            let mut counts = alloc::vec![0_u32; usize::from(partitions)];
            for i in 0..20_000 {
                let endpoint = format!("urn:imei:{:015}", 350_000_000_000_000_u64 + i);
                let partition = partition_of(&endpoint, partitions);
                counts[usize::from(partition)] += 1;
                let id = write(tag(endpoint.as_bytes()), [7; 9]);
                assert_eq!(partition_of_id(&id, partitions), Some(partition));
            }
            let fair = 20_000 / u32::from(partitions);
            assert!(
                counts.iter().all(|count| *count <= fair + fair / 2 + 16),
                "{partitions}"
            );
        }
    }
}
