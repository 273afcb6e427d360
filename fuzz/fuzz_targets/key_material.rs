#![no_main]
//! What is read as a key or certificate says the same again when it is written out, and what is not is told in one line.

use libfuzzer_sys::fuzz_target;
use lwm2m_identity::file::{Format, SecurityFile};
use lwm2m_identity::material::{Item, PrivateKey, PublicKey, read, read_psk};
use lwm2m_identity::{Plan, near_miss};

fuzz_target!(|bytes: &[u8]| {
    match read(bytes) {
        Ok(reading) => {
            one_line(&reading.to_string());
            for item in reading.items {
                match item {
                    Item::PublicKey(key) => same(&key),
                    Item::Certificate(certificate) => same(certificate.public_key()),
                    Item::PrivateKey(key) => {
                        same(key.public_key());
                        let again =
                            PrivateKey::from_der(&key.to_pkcs8()).expect("own PKCS#8 is read");
                        assert_eq!(again.secret_bytes(), key.secret_bytes());
                    }
                    _ => {}
                }
            }
        }
        Err(error) => one_line(&error.to_string()),
    }
    assert!(near_miss(bytes, &[]).is_none());
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    if let Err(error) = read_psk(text) {
        one_line(&error.to_string());
    }
    for format in [Format::Toml, Format::Json] {
        match SecurityFile::parse(text, format) {
            Ok(file) => {
                let nothing = SecurityFile::default();
                let changes = file.changes_since(&nothing);
                let plan = Plan::new(&changes).expect("a file says nothing that a plan refuses");
                let planned = plan.decide(&[]).expect("an empty store is in no conflict");
                assert_eq!(planned.closures.len(), file.len());
            }
            Err(error) => one_line(&error.to_string()),
        }
    }
});

fn same(key: &PublicKey) {
    let pem = read(key.to_pem().as_bytes()).and_then(|reading| reading.public_key());
    assert_eq!(pem.as_ref(), Ok(key));
    if let (Some(x), Some(y)) = (key.x(), key.y()) {
        assert!(key.is_p256() && PublicKey::from_xy(x, y).is_ok());
    }
}

fn one_line(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
}
