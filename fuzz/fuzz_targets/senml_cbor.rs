#![no_main]
//! Reading allocates nothing but the list of records, and what a pack means survives CBOR and JSON.

use fuzz::pack::{is_finite, limits, meaning, to_cbor, to_json};
use libfuzzer_sys::fuzz_target;
use senml::{Record, cbor, json};

fuzz_target!(|wire: &[u8]| {
    fuzz::within_bounds(wire, |wire| cbor::Reader::new(wire).count());
    let records: Result<Vec<Record<'_>>, _> = cbor::Reader::new(wire).collect();
    let records = match records {
        Ok(records) => records,
        Err(fault) => return assert!(fault.offset <= wire.len()),
    };
    let before = meaning(&records);
    let pack = to_cbor(&records).expect("CBOR can say everything");
    let again: Result<Vec<Record<'_>>, _> = cbor::Reader::with_limits(&pack, limits()).collect();
    assert_eq!(meaning(&again.expect("own CBOR is read")), before);
    let Ok(pack) = to_json(&records) else {
        return assert!(!is_finite(&records));
    };
    let again: Result<Vec<Record<'_>>, _> = json::Reader::with_limits(&pack, limits()).collect();
    assert_eq!(meaning(&again.expect("own JSON is read")), before);
});
