//! What the programs share: logging, lines for people, configuration files, signals, exit codes.
#![forbid(unsafe_code)]

mod file;
mod log;
mod material;
mod say;
mod stop;

pub use file::{FileError, read_file};
pub use log::{LogFormat, Logging};
pub use material::{MaterialFileError, files, folder, material, old_version};
pub use say::{complain_line, say_line};
pub use stop::{Stop, stopping};

/// Exit codes of all programs.
pub mod exit {
    /// All went well.
    pub const DONE: u8 = 0;
    /// Something failed.
    pub const FAILED: u8 = 1;
    /// The command line, the environment or a configuration file is wrong.
    pub const USAGE: u8 = 2;
    /// The other side answered with an error.
    pub const PEER: u8 = 3;
    /// No answer in time, or nobody there.
    pub const UNREACHABLE: u8 = 4;
    /// Credentials are missing or refused.
    pub const SECURITY: u8 = 5;
    /// Interrupted by the user.
    pub const INTERRUPTED: u8 = 130;
}
