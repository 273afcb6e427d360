//! Manage a running LwM2M server from the command line.

fn main() {}
