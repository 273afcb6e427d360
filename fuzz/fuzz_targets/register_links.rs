#![no_main]
//! What an object list is read as, written again, is read as the same, and then without a quirk.

use libfuzzer_sys::fuzz_target;
use lwm2m_ops::ObjectList;

fuzz_target!(|payload: &[u8]| {
    let read = fuzz::bounded(payload.len(), FACTOR, || {
        ObjectList::parse(payload.to_vec())
    });
    let list = match read {
        Ok(list) => list,
        Err(refusal) => return assert!(refusal.code.is_error() && !refusal.to_string().is_empty()),
    };
    assert_eq!(list.raw(), payload);
    assert!(list.objects.is_sorted_by(|a, b| a.id < b.id));
    assert!(
        list.objects
            .iter()
            .all(|object| object.instances.is_sorted_by(|a, b| a < b))
    );
    let written = list.to_link_format();
    let again = ObjectList::parse(written).expect("own text is read");
    assert_eq!(again, list);
    assert!(again.quirks.is_empty(), "{:?}", again.quirks);
});

/// A link of three bytes, `<>,`, becomes an entry of 128 in a list that doubles: 64 bytes per byte were measured.
const FACTOR: usize = 96;
