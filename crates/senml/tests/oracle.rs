//! minicbor, another reader of CBOR, agrees on what is an item.
#![cfg(feature = "alloc")]

use minicbor::Decoder;
use proptest::prelude::*;
use senml::{DecodeErrorKind, cbor::Reader};

/// Where the item ends, as the oracle reads it.
fn skipped(item: &[u8]) -> Option<usize> {
    let mut decoder = Decoder::new(item);
    decoder.skip().ok()?;
    Some(decoder.position())
}

/// Reads a record with the item as the value of a label that nobody knows.
fn read(item: &[u8]) -> Option<DecodeErrorKind> {
    let pack = [b"\x81\xa2\x00\x61a\x18\x63", item].concat();
    match Reader::new(&pack).last() {
        Some(Err(error)) => Some(error.kind),
        _ => None,
    }
}

/// Bytes that are more often the beginning of something than any bytes are.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        any::<u8>(),
        prop::sample::select(&b"\x00\x18\x19\x1a\x1b\x20\x38\x40\x41\x42\x58\x5f\x60\x61\x62\x7f\x80\x81\x82\x98\x9f\xa0\xa1\xbf\xc0\xc1\xd8\xf4\xf6\xf8\xf9\xfa\xfb\xff"[..]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    #[test]
    fn items_end_where_the_oracle_says(item in prop::collection::vec(byte(), 0..16)) {
        let end = skipped(&item);
        match read(&item) {
            None => prop_assert_eq!(end, Some(item.len())),
            Some(DecodeErrorKind::Trailing) => prop_assert!(end < Some(item.len())),
            // What the oracle does not look at: text that is none, simple values in two bytes that
            // one would do for, breaks where there is nothing to end.
            Some(DecodeErrorKind::Utf8) => {}
            Some(DecodeErrorKind::Syntax) if item.contains(&0xf8) || item.contains(&0xff) => {}
            Some(_) => prop_assert_eq!(end, None),
        }
    }
}
