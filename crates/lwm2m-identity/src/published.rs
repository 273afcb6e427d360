//! Keys that everybody has, because documentation or example code prints them.

/// Who published this pre-shared key, if somebody did; such a key protects nothing.
///
/// A few that devices in the field are known to be shipped with, not a collection.
///
/// ```
/// assert!(lwm2m_identity::published::psk(b"secretPSK").is_some());
/// assert!(lwm2m_identity::published::psk(b"a key of our own").is_none());
/// ```
#[must_use]
pub fn psk(key: &[u8]) -> Option<&'static str> {
    if !key.is_empty() && key.iter().all(|&byte| byte == 0) {
        return Some("all zero");
    }
    find(PSKS, key)
}

/// Who published the private part of this raw public key (SubjectPublicKeyInfo in DER), if somebody did.
#[must_use]
pub fn public_key(key: &[u8]) -> Option<&'static str> {
    let point = key.strip_prefix(P256)?;
    find(POINTS, point.first_chunk::<32>()?)
}

fn find(table: &[(&[u8], &'static str)], key: &[u8]) -> Option<&'static str> {
    table
        .iter()
        .find(|(published, _)| *published == key)
        .map(|(_, by)| *by)
}

const ZEPHYR: &str = "Zephyr, sample lwm2m_client; also nRF Connect SDK";

const PSKS: &[(&[u8], &str)] = &[
    (
        b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
        ZEPHYR,
    ),
    (b"000102030405060708090a0b0c0d0e0f", ZEPHYR), // the same, taken for text
    (
        b"secretPSK",
        "example servers of tinydtls, libcoap and Californium",
    ),
    (b"\x11\x22\x33", "example server of tinydtls"),
    (
        b"\x01\x1b\x69\xa9\x6b\xa5\x80\xf5\x7b\x3c\xa8\x71\x8d\xa0\x3b\x90\
          \x6e\xa3\x9b\x3a\xdd\x99\x8c\x4c\xe0\xe2\x54\x64\xbe\x12\x49\x4d",
        "ThingsBoard, LwM2M device API reference",
    ),
];

/// SubjectPublicKeyInfo of a key on P-256, up to its two coordinates.
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
    \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04";

/// By their first coordinate, which leaves the key and its negative.
const POINTS: &[(&[u8], &str)] = &[
    (
        b"\x05\x06\x4b\x9e\x67\x62\xdd\x8d\x8b\x8a\x52\x35\x5d\x7b\x4d\x8b\
          \x9a\x3d\x64\xe6\xd2\xee\x27\x7d\x76\xc2\x48\x86\x13\x53\xf3\x58",
        "ThingsBoard, LwM2M device API reference, server",
    ),
    (
        b"\x50\x17\xc8\x7a\x1c\x17\x68\x26\x46\x56\xb3\xb3\x55\x43\x4b\x0d\
          \xef\x6e\xdb\x8b\x9b\xf1\x66\xa4\x76\x2d\x99\x30\xcd\x73\x0f\x91",
        "ThingsBoard, LwM2M device API reference, bootstrap server",
    ),
];
