//! Counts what each case allocates, and fails where one of ours does that must not. A program of its
//! own, since counting costs instructions.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use benches::cases;

fn main() -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for case in cases() {
        let count = |times| allocation_counter::measure(|| (case.run)(times)).count_total;
        let each = (count(110) - count(10)) as f64 / 100.0;
        let wrong = case.allocation_free && each > 0.0;
        if wrong {
            code = ExitCode::FAILURE;
        }
        let verdict = match (case.allocation_free, wrong) {
            (false, _) => "",
            (true, false) => "ok",
            (true, true) => "WRONG: must be 0",
        };
        println!("{:<34}{each:>6.1}  {verdict}", case.name());
    }
    code
}
