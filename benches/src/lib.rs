//! The codecs of this project and of its peers on the same bytes.
//!
//! [`cases`] lists everything that is measured; the program `instructions` runs one case so many
//! times for callgrind, the criterion bench `codecs` times them all, and `gate` compares them with
//! the goals and with the committed instruction counts.

#![forbid(unsafe_code)]

mod coap;
pub mod messages;
mod packs;
mod tlv;

use std::{hint::black_box, process::ExitCode, time::Instant};

/// One codec doing one thing.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What is done: the row of the table.
    pub what: &'static str,
    /// Who does it: `ours`, or the name of a crate.
    pub who: &'static str,
    /// Does it so many times.
    pub run: fn(u32),
    /// Whether it must not allocate.
    pub allocation_free: bool,
}

impl Case {
    const fn ours(what: &'static str, run: fn(u32)) -> Self {
        Self {
            what,
            who: "ours",
            run,
            allocation_free: true,
        }
    }

    /// Ours, with a result that owns what it holds.
    #[must_use]
    pub const fn owned(what: &'static str, run: fn(u32)) -> Self {
        Self {
            what,
            who: "ours-owned",
            run,
            allocation_free: false,
        }
    }

    const fn peer(what: &'static str, who: &'static str, run: fn(u32)) -> Self {
        Self {
            what,
            who,
            run,
            allocation_free: false,
        }
    }

    /// `what/who`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.what, self.who)
    }
}

/// All cases that run in this process. Those of libcoap are in `c/libcoap.c`.
#[must_use]
pub fn cases() -> Vec<Case> {
    [coap::CASES, tlv::CASES, packs::CASES].concat()
}

/// What the programs that run cases for callgrind do with their arguments.
#[must_use]
pub fn command_line(cases: &[Case]) -> ExitCode {
    let find = |name: &str| cases.iter().find(|case| case.name() == name);
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["list"] => {
            for case in cases {
                println!("{}", case.name());
            }
            return ExitCode::SUCCESS;
        }
        ["run", name, times] => {
            if let (Some(case), Ok(times)) = (find(name), times.parse()) {
                (case.run)(times);
                return ExitCode::SUCCESS;
            }
        }
        ["time", name] => {
            if let Some(case) = find(name) {
                println!("{:.1}", nanoseconds(case));
                return ExitCode::SUCCESS;
            }
        }
        _ => {}
    }
    eprintln!("usage: list | run CASE TIMES | time CASE");
    ExitCode::from(2)
}

/// The fastest of 25 batches: whatever else the machine does makes a batch only slower.
fn nanoseconds(case: &Case) -> f64 {
    const TIMES: u32 = 20_000;
    (0..25)
        .map(|_| {
            let start = Instant::now();
            (case.run)(TIMES);
            start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
        })
        .fold(f64::INFINITY, f64::min)
}

/// Runs `once` so many times; the compiler must neither drop its result nor reuse one.
#[inline(always)]
fn repeat<T>(times: u32, mut once: impl FnMut() -> T) {
    for _ in 0..times {
        black_box(once());
    }
}
