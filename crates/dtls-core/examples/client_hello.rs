//! Tells what a ClientHello offers: `client_hello HEX`, the body without record and handshake header.

use dtls_core::ClientHello;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = std::env::args().nth(1).unwrap_or_else(|| EXAMPLE.into());
    let digits = text.chars().filter(|digit| !digit.is_whitespace());
    let digits = digits.map(|digit| {
        digit
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    });
    let digits: Vec<u8> = digits.collect::<Option<_>>().ok_or("not hex")?;
    let body: Vec<u8> = digits
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[high, low]| high << 4 | low)
        .collect();

    let hello =
        ClientHello::decode(&body).map_err(|alert| format!("deserves the alert {alert}"))?;
    for suite in hello.suites() {
        println!("suite {suite}");
    }
    for group in hello.groups().into_iter().flatten() {
        println!("group {:#06x}", group.0);
    }
    for scheme in hello.signature_schemes().into_iter().flatten() {
        println!("signature {:#06x}", scheme.0);
    }
    println!("server name {:?}", hello.server_name());
    Ok(())
}

/// Two suites of pre-shared keys, secure renegotiation, extended master secret.
const EXAMPLE: &str = "fefd 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 00 00 \
     0006 c0a8 00ae 00ff 01 00 0004 0017 0000";
