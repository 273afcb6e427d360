//! Helpers of several tests.
#![allow(dead_code)]

use lwm2m_tlv::{Reader, Tlv};

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

/// The first entry.
pub(crate) fn value(bytes: &[u8]) -> Tlv<'_> {
    Reader::new(bytes).next().unwrap().unwrap()
}

/// Reads everything, at all levels: entries, errors, steps taken, deepest level.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Walk {
    pub(crate) entries: usize,
    pub(crate) errors: usize,
    pub(crate) depth: usize,
}

pub(crate) fn walk(bytes: &[u8]) -> Walk {
    let mut walk = Walk::default();
    visit(Reader::new(bytes), 1, &mut walk);
    walk
}

fn visit(reader: Reader<'_>, depth: usize, walk: &mut Walk) {
    for entry in reader {
        walk.depth = walk.depth.max(depth);
        let Ok(entry) = entry else {
            walk.errors += 1;
            return;
        };
        walk.entries += 1;
        if let Ok(inside) = entry.nested() {
            visit(inside, depth + 1, walk);
        }
        // None of these may panic, whatever the bytes.
        let _ = (
            entry.integer(),
            entry.unsigned(),
            entry.float(),
            entry.boolean(),
        );
        let _ = (
            entry.object_link(),
            entry.text(),
            entry.opaque(),
            entry.time(),
        );
    }
}
