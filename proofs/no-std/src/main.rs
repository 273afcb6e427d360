//! Links the crates of floor 1 into a program without std. Building it is the proof.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Named by the prebuilt `core`, never called: nothing here unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The C runtime's entry: decodes one thing with each crate, so that the linker keeps them.
#[unsafe(no_mangle)]
pub extern "C" fn main() -> i32 {
    let message = coap_codec::Message::decode(b"\x40\x01\x12\x34").is_ok();
    let tlv = lwm2m_tlv::Reader::new(b"\xc1\x09\x64").next().is_some();
    let json = senml::json::Reader::new(b"[{\"n\":\"/3/0/9\",\"v\":100}]")
        .next()
        .is_some();
    i32::from(!(message && tlv && json))
}
