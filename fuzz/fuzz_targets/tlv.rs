#![no_main]
//! Reading ends, holds nothing, and what a reader accepts is written in a form no longer that reads the same.

use libfuzzer_sys::fuzz_target;
use lwm2m_tlv::{DecodeError, Kind, Reader, Tlv, Writer};

fn entries<'a>(reader: Reader<'a>) -> Result<Vec<Tlv<'a>>, DecodeError> {
    reader.collect()
}

/// The leaves of a tree in order, with the containers they stand in.
fn flat(
    reader: Reader<'_>,
    within: &[(Kind, u16)],
    out: &mut Vec<(Vec<(Kind, u16)>, Vec<u8>)>,
) -> Result<(), DecodeError> {
    for entry in entries(reader)? {
        let mut path = within.to_vec();
        path.push((entry.kind, entry.id));
        match entry.kind {
            Kind::ObjectInstance | Kind::MultipleResource => flat(entry.nested()?, &path, out)?,
            Kind::Resource | Kind::ResourceInstance => out.push((path, entry.value.to_vec())),
        }
    }
    Ok(())
}

fuzz_target!(|wire: &[u8]| {
    fuzz::within_bounds(wire, |wire| Reader::new(wire).count());
    let Ok(list) = entries(Reader::new(wire)) else {
        return;
    };
    let mut out = vec![0; wire.len()];
    let mut writer = Writer::new(&mut out);
    for entry in &list {
        // What was read fits into as many bytes as it was read from.
        if writer.opaque(entry.kind, entry.id, entry.value).is_err() {
            return;
        }
    }
    let canonical = writer.finish();
    assert!(canonical.len() <= wire.len());
    let again = entries(Reader::new(canonical)).expect("own bytes are read");
    let same = |tlv: &Tlv<'_>| (tlv.kind, tlv.id, tlv.value.to_vec());
    assert!(list.iter().map(same).eq(again.iter().map(same)));
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let first = flat(Reader::new(wire), &[], &mut before);
    let second = flat(Reader::new(canonical), &[], &mut after);
    assert_eq!(first.is_ok(), second.is_ok());
    assert_eq!(before, after);
});
