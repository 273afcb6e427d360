//! Runs one case so many times, for callgrind; or tells what the cases are, and how fast.

#![forbid(unsafe_code)]

use std::{process::ExitCode, time::Instant};

use benches::{Case, cases};

const USAGE: &str = "usage: instructions list | run CASE TIMES | time CASE";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["list"] => {
            for case in cases() {
                println!("{}", case.name());
            }
            ExitCode::SUCCESS
        }
        ["run", name, times] => match (find(name), times.parse()) {
            (Some(case), Ok(times)) => {
                (case.run)(times);
                ExitCode::SUCCESS
            }
            _ => usage(),
        },
        ["time", name] => match find(name) {
            Some(case) => {
                println!("{:.1}", nanoseconds(case));
                ExitCode::SUCCESS
            }
            None => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn find(name: &str) -> Option<Case> {
    cases().into_iter().find(|case| case.name() == name)
}

/// The fastest of 25 batches: whatever else the machine does makes a batch only slower.
fn nanoseconds(case: Case) -> f64 {
    const TIMES: u32 = 20_000;
    (0..25)
        .map(|_| {
            let start = Instant::now();
            (case.run)(TIMES);
            start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
        })
        .fold(f64::INFINITY, f64::min)
}
