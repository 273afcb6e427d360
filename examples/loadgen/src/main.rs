//! Simulated devices over real sockets.

fn main() {}
