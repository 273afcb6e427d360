//! A LwM2M client to run.

fn main() {}
