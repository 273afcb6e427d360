use alloc::string::String;
use core::fmt::Write as _;

/// A line of the NSS key log.
pub(crate) fn line(client_random: &[u8; 32], master: &[u8; 48]) -> String {
    let mut line = String::from("CLIENT_RANDOM ");
    for byte in client_random {
        let _ = write!(line, "{byte:02x}");
    }
    line.push(' ');
    for byte in master {
        let _ = write!(line, "{byte:02x}");
    }
    line
}
