//! A LwM2M server to run.

fn main() {}
