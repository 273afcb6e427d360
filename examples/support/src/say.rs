use std::fmt;
use std::io::{self, Write as _};

/// A line on standard output, formatted as by `println!`, which would end the program where nobody reads any more.
#[macro_export]
macro_rules! say {
    ($($line:tt)*) => { $crate::say_line(format_args!($($line)*)) };
}

/// A line on standard error, formatted as by `eprintln!`, which would end the program where nobody reads any more.
#[macro_export]
macro_rules! complain {
    ($($line:tt)*) => { $crate::complain_line(format_args!($($line)*)) };
}

/// Writes a line to standard output; where it is closed the line is lost, and the program goes on.
pub fn say_line(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// The same to standard error.
pub fn complain_line(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
