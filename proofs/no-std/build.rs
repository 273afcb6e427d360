//! The C library gives the program its start and `memcpy`; nothing else comes from outside.
fn main() {
    println!("cargo:rustc-link-arg-bins=-lc");
}
