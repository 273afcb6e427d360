//! Helpers of several tests.
#![allow(dead_code)]

use senml::{DecodeError, Record};

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| c.to_digit(16))
        .map(|d| u8::try_from(d).unwrap())
        .collect();
    assert_eq!(digits.len() % 2, 0, "odd number of digits: {text}");
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// All records of a pack that is right.
pub(crate) fn records<'a>(
    reader: impl Iterator<Item = Result<Record<'a>, DecodeError>>,
) -> Vec<Record<'a>> {
    reader.collect::<Result<_, _>>().unwrap()
}
