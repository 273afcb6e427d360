//! Every case of Project Wycheproof that has the sizes of our suites (`tests/data/wycheproof`).

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::{ccm, gcm};
use crate::codec::tests::hex;

/// Runs `case` for each test of a file with its group.
fn each(file: &str, mut case: impl FnMut(&Value, &Value)) {
    let path = std::format!(
        "{}/tests/data/wycheproof/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text: String = std::fs::read_to_string(path).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let mut count = 0;
    for group in file["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            case(group, test);
            count += 1;
        }
    }
    assert!(count > 0);
    assert_eq!(file["numberOfTests"], count);
}

fn bytes(test: &Value, name: &str) -> Vec<u8> {
    hex(test[name].as_str().unwrap())
}

fn is_valid(test: &Value) -> bool {
    match test["result"].as_str().unwrap() {
        "valid" => true,
        "invalid" => false,
        other => panic!("{other}"),
    }
}

struct AeadCase {
    key: [u8; 16],
    nonce: [u8; 12],
    aad: Vec<u8>,
    text: Vec<u8>,
    sealed: Vec<u8>,
    tag: Vec<u8>,
}

impl AeadCase {
    fn new(test: &Value) -> Self {
        Self {
            key: bytes(test, "key").try_into().unwrap(),
            nonce: bytes(test, "iv").try_into().unwrap(),
            aad: bytes(test, "aad"),
            text: bytes(test, "msg"),
            sealed: bytes(test, "ct"),
            tag: bytes(test, "tag"),
        }
    }
}

/// Additional data as RFC 3610 §2.2 hashes it.
fn ccm_blocks(aad: &[u8]) -> Vec<[u8; 16]> {
    if aad.is_empty() {
        return Vec::new();
    }
    let mut bytes = u16::try_from(aad.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(aad);
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    bytes.as_chunks().0.to_vec()
}

#[test]
fn aes_ccm() {
    each("aes_ccm_test.json", |group, test| {
        let case = AeadCase::new(test);
        assert_eq!(group["tagSize"], 8 * case.tag.len());
        let aad = ccm_blocks(&case.aad);
        let mut buffer = case.sealed.clone();
        let genuine = ccm::open(&case.key, &case.nonce, &aad, &mut buffer, &case.tag);
        assert_eq!(genuine, is_valid(test), "{test}");
        if genuine {
            assert_eq!(buffer, case.text, "{test}");
            let mut tag = vec![0; case.tag.len()];
            ccm::seal(&case.key, &case.nonce, &aad, &mut buffer, &mut tag);
            assert_eq!((buffer, tag), (case.sealed, case.tag), "{test}");
        } else {
            assert!(buffer.iter().all(|byte| *byte == 0), "{test}");
        }
    });
}

#[test]
fn aes_gcm() {
    each("aes_gcm_test.json", |group, test| {
        let case = AeadCase::new(test);
        assert_eq!(group["tagSize"], 128);
        let tag: [u8; 16] = case.tag.try_into().unwrap();
        let mut buffer = case.sealed.clone();
        let genuine = gcm::open(&case.key, &case.nonce, &case.aad, &mut buffer, &tag);
        assert_eq!(genuine, is_valid(test), "{test}");
        if genuine {
            assert_eq!(buffer, case.text, "{test}");
            let sealed_tag = gcm::seal(&case.key, &case.nonce, &case.aad, &mut buffer);
            assert_eq!((buffer, sealed_tag), (case.sealed, tag), "{test}");
        }
    });
}

/// The HMAC that the pseudo-random function and CBC records are made of.
#[test]
fn hmac_sha256() {
    each("hmac_sha256_test.json", |_, test| {
        let tag = bytes(test, "tag");
        let mut mac = <Hmac<Sha256>>::new_from_slice(&bytes(test, "key")).unwrap();
        mac.update(&bytes(test, "msg"));
        let full = mac.finalize().into_bytes();
        assert_eq!(full[..tag.len()] == tag[..], is_valid(test), "{test}");
    });
}
