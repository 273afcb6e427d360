#![no_main]
//! The arguments of an Execute are read as they are written, and a fault is told inside the text.

use libfuzzer_sys::fuzz_target;
use lwm2m_ops::Arguments;

fuzz_target!(|text: &str| {
    // Ten arguments at most, each of them a digit and perhaps a copy of its text.
    let arguments = match fuzz::within_bounds(text.as_bytes(), |_| Arguments::parse(text)) {
        Ok(arguments) => arguments,
        Err(fault) => {
            return assert!(fault.offset <= text.len() && text.is_char_boundary(fault.offset));
        }
    };
    assert!(arguments.len() <= 10);
    let written = arguments.to_string();
    assert!(written.len() <= text.len());
    assert_eq!(Arguments::parse(&written), Ok(arguments.clone()));
    // Built one by one it is the same.
    let built = arguments
        .iter()
        .fold(Arguments::NONE, |built, (digit, value)| {
            match value {
                Some(value) => built.with_value(digit, value),
                None => built.with_flag(digit),
            }
            .expect("what was read can be built")
        });
    assert_eq!(built, arguments);
});
