#![no_main]
//! Reading allocates nothing but the list of records, and what a pack means survives JSON and CBOR.

use fuzz::pack::{limits, meaning, to_cbor, to_json};
use libfuzzer_sys::fuzz_target;
use senml::{Record, cbor, json};

fuzz_target!(|text: &[u8]| {
    fuzz::within_bounds(text, |text| json::Reader::new(text).count());
    let records: Result<Vec<Record<'_>>, _> = json::Reader::new(text).collect();
    let records = match records {
        Ok(records) => records,
        Err(fault) => return assert!(fault.offset <= text.len()),
    };
    let before = meaning(&records);
    let pack = to_json(&records).expect("JSON can say what it said");
    let again: Result<Vec<Record<'_>>, _> = json::Reader::with_limits(&pack, limits()).collect();
    let again = again.expect("own JSON is read");
    assert_eq!(meaning(&again), before);
    // Text with escapes goes into CBOR as what it means.
    let pack = to_cbor(&records).expect("CBOR can say everything");
    let again: Result<Vec<Record<'_>>, _> = cbor::Reader::with_limits(&pack, limits()).collect();
    assert_eq!(meaning(&again.expect("own CBOR is read")), before);
});
