//! Pumps GETs of many peers through one endpoint in memory: `peers PEERS REQUESTS-OF-EACH REQUESTS-MORE`. For
//! `../misses`, which counts the cache lines that one of the latter has to fetch; and for a profiler.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use machines::GetServer;

fn main() -> ExitCode {
    let numbers: Result<Vec<u32>, _> = std::env::args().skip(1).map(|text| text.parse()).collect();
    let Ok(&[peers, of_each, more]) = numbers.as_deref() else {
        eprintln!("usage: peers PEERS REQUESTS-OF-EACH REQUESTS-MORE");
        return ExitCode::from(2);
    };
    let mut server = GetServer::new(peers, 1);
    server.answer(peers * of_each);
    server.answer(more);
    // What it takes to drop them is not to be counted.
    std::process::exit(0)
}
