//! Every case of Project Wycheproof's file for ECDSA on P-256, on every provider. (ECDH needs private keys of our choice:
//! those tests stand beside the providers.)

mod common;

use common::hex;
use dtls_ecdsa::{P256, Provider, PublicKey, Ring};
use serde_json::Value;

const ECDSA: &str = include_str!("data/ecdsa_secp256r1_sha256.json");

fn bytes(value: &Value) -> Vec<u8> {
    hex(value.as_str().unwrap())
}

fn ecdsa(provider: &dyn Provider) {
    let file: Value = serde_json::from_str(ECDSA).unwrap();
    let mut count = 0;
    for group in file["testGroups"].as_array().unwrap() {
        let key = PublicKey::from_spki(&bytes(&group["publicKeyDer"])).unwrap();
        for test in group["tests"].as_array().unwrap() {
            let verdict = provider.verify(&key, &bytes(&test["msg"]), &bytes(&test["sig"]));
            assert_eq!(
                verdict.is_ok(),
                test["result"] == "valid",
                "{} {}: {}",
                test["tcId"],
                test["comment"],
                test["result"]
            );
            count += 1;
        }
    }
    assert_eq!(count, 484);
    assert_eq!(file["numberOfTests"], count);
}

#[test]
fn ecdsa_with_p256() {
    ecdsa(&P256::new());
}

#[test]
fn ecdsa_with_ring() {
    ecdsa(&Ring::new());
}
