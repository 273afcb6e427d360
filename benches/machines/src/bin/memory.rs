//! Counts the bytes that a registered device costs a server: right after a storm of registrations, and when what is
//! remembered of the requests has run out; and the allocations of a request. In virtual time; what is allocated is counted, and what the
//! allocator adds shows in the resident size of the process (Linux).
//!
//! `memory [DEVICES]`; with the default of 100 000 it fails where more is allocated than was measured once.

#![forbid(unsafe_code)]

use std::{process::ExitCode, time::Duration};

use machines::{CASES, Server};

/// Bytes a device that may be allocated after the storm, and later.
const AT_MOST: [i64; 2] = [550, 345];
const DEVICES: u32 = 100_000;

fn main() -> ExitCode {
    let count: u32 = std::env::args()
        .nth(1)
        .map_or(DEVICES, |count| count.parse().expect("a number of devices"));
    for case in CASES {
        let count = |times| allocation_counter::measure(|| (case.run)(times)).count_total;
        let each = (count(2000) - count(1000)) as f64 / 1000.0;
        println!("{:<30} {each:.1} allocations", case.name());
    }
    println!("bytes each of {count} devices");
    let mut server = Server::new();
    let storm = step(count, 0, "right after the storm", || {
        server.register(count, 0)
    });
    println!("  {:?}", server.tables());
    let later = step(count, storm, "400 s later", || {
        server.pass(Duration::from_secs(400))
    });
    println!("  {:?}", server.tables());
    let each = [storm, later].map(|bytes| bytes / i64::from(count));
    if count == DEVICES && each.iter().zip(AT_MOST).any(|(each, most)| *each > most) {
        println!("memory: FAILED: more than {AT_MOST:?} bytes a device");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Does something and tells what is allocated and resident after it; returns the former.
fn step(count: u32, before: i64, name: &str, work: impl FnOnce()) -> i64 {
    let info = allocation_counter::measure(work);
    let allocated = before + info.bytes_current;
    let [allocated_each, resident_each] =
        [allocated, resident().unwrap_or_default()].map(|bytes| bytes / i64::from(count));
    println!("{name:<22} {allocated_each:>5} allocated {resident_each:>5} resident");
    allocated
}

/// Resident bytes of this process.
fn resident() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes * 1024)
}
