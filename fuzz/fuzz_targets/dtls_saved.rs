#![no_main]
//! Saved sessions: bytes that are not genuine are refused; genuine ones of whatever content are refused or go on, and
//! saved again they are the same session.

use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use dtls_core::RestoreError;
use fuzz::dtls;
use libfuzzer_sys::fuzz_target;

const KEY: [u8; 16] = [7; 16];
const NONCE: [u8; 12] = [9; 12];

fuzz_target!(|plain: &[u8]| {
    let cipher = Aes128Gcm::new(&KEY.into());
    let payload = Payload {
        msg: plain,
        aad: &[1],
    };
    let sealed = cipher.encrypt(&NONCE.into(), payload).expect("sealed");
    let saved = [&NONCE[..], &sealed].concat();
    for connection_ids in [false, true] {
        let mut endpoint = dtls::server(connection_ids);
        assert!(matches!(
            endpoint.restore(plain, &KEY),
            Err(RestoreError::NotGenuine)
        ));
        let Ok(peer) = endpoint.restore(&saved, &KEY) else {
            assert_eq!(endpoint.tables().sessions, 0);
            continue;
        };
        assert!(matches!(
            endpoint.restore(&saved, &KEY),
            Err(RestoreError::Exists)
        ));
        assert!(
            dtls::seal(&mut endpoint, peer, b"data").is_none(),
            "before it is saved again"
        );
        let again = endpoint.save(peer, &KEY).expect("a session");
        assert_eq!(again.len(), saved.len());
        let sent = dtls::seal(&mut endpoint, peer, b"data");
        let mut other = dtls::server(connection_ids);
        let restored = other.restore(&again, &KEY).expect("what was saved");
        let (one, two) = (endpoint.session(peer), other.session(restored));
        if let (Some(one), Some(two)) = (one, two) {
            assert_eq!(
                (one.path, one.role, one.suite),
                (two.path, two.role, two.suite)
            );
            assert_eq!(one.identity, two.identity);
            assert!(two.restored);
        } else {
            assert!(sent.is_some(), "it may have sent its last record");
        }
    }
});
