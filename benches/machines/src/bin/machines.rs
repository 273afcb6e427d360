//! Runs one case so many times, for callgrind; or tells what the cases are, and how fast.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::command_line(machines::CASES)
}
