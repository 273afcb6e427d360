//! Counts the bytes that a registered device costs: right after a storm of registrations, and when what is remembered of
//! the requests has run out. In virtual time, by counting what is allocated; what the allocator adds is told by
//! the resident size of the process (Linux).

#![forbid(unsafe_code)]

use std::time::Duration;

use benches::Server;

fn main() {
    let count: u32 = std::env::args()
        .nth(1)
        .map_or(100_000, |count| count.parse().expect("a number of devices"));
    println!("{count} devices: bytes each, allocated and resident");
    let mut server = None;
    let mut now = [0; 2];
    step(&mut now, count, "server without devices", || {
        server = Some(Server::new());
    });
    let Some(mut server) = server else { return };
    step(&mut now, count, "right after the storm", || {
        server.register(count, 0);
    });
    println!("  {:?}", server.tables());
    step(&mut now, count, "400 s later", || {
        server.pass(Duration::from_secs(400));
    });
    println!("  {:?}", server.tables());
}

/// Does something and tells what is allocated and resident after it.
fn step(now: &mut [i64; 2], count: u32, name: &str, work: impl FnOnce()) {
    let info = allocation_counter::measure(work);
    let [allocated, before] = *now;
    let resident = resident().unwrap_or_default();
    let allocated = allocated + info.bytes_current;
    let count = i64::from(count);
    println!(
        "{name:<26} {:>6} allocated, at most {:>6} on the way; {:>6} resident",
        allocated / count,
        (allocated - info.bytes_current + i64::try_from(info.bytes_max).unwrap_or(i64::MAX))
            / count,
        resident / count,
    );
    let _ = before;
    *now = [allocated, resident];
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
