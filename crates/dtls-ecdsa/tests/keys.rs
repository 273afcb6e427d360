//! Keys and certificates as they come from elsewhere.

mod common;

use common::{hex, key};
use dtls_core::Role;
use dtls_ecdsa::{
    Certificate, CredentialError, Credentials, KeyError, P256, PrivateKey, Provider as _,
    PublicKey, Ring,
};

/// The value of `name` in the file of published example credentials.
fn example(name: &str) -> Vec<u8> {
    let file = include_str!("data/thingsboard.txt");
    let line = file.lines().find_map(|line| line.strip_prefix(name));
    hex(line.unwrap().trim())
}

#[test]
fn published_examples_are_read_and_their_points_derived() {
    for (who, common_name) in [
        ("server", "localhost server"),
        ("bootstrap", "localhost bootstrap"),
    ] {
        let of = |what: &str| example(&format!("{who}.{what} "));
        let private = PrivateKey::from_der(&of("private_key")).unwrap();
        let public = private.public_key();
        assert_eq!(public.point()[1..33], of("public_x"));
        assert_eq!(public.point()[33..], of("public_y"));
        assert_eq!(public.spki(), of("public_key"));
        assert_eq!(PublicKey::from_spki(&of("public_key")).unwrap(), *public);
        assert_eq!(PublicKey::from_point(public.point()).unwrap(), *public);

        let der = of("certificate");
        let certificate = Certificate::from_der(&der).unwrap();
        assert_eq!(certificate.public_key(), Some(public));
        assert_eq!(certificate.common_name(), Some(common_name));
        assert!(certificate.issuer().contains("CN=localhost rootCA"));
        // 2021-02-12 14:34:08 to the same of 2022, by `openssl x509 -dates`.
        assert_eq!(certificate.validity(), (1_613_140_448, 1_644_676_448));
        assert!(certificate.allows(Role::Client) && certificate.allows(Role::Server));
        assert!(Credentials::x509(private, vec![of("certificate")]).is_ok());
    }
}

/// `openssl ecparam -genkey` and `openssl pkcs8 -topk8` of one key, made for this test.
const SEC1: &str = "30770201010420e18ad8d781b0b7f6c342925d66184955e270efc35a6deb4d6082f13c01cf4f8fa00a06082a8648ce3d030107a14403420004a1893bd3bb76f487e2ac6350cfa618fca3d163c63084c94c431fc7f65db4cb0b4e29eece46b289dbf9ebf30be51f26ac20f0e20042ad08bbd8b63985cc2e93ba";
const PKCS8: &str = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420e18ad8d781b0b7f6c342925d66184955e270efc35a6deb4d6082f13c01cf4f8fa14403420004a1893bd3bb76f487e2ac6350cfa618fca3d163c63084c94c431fc7f65db4cb0b4e29eece46b289dbf9ebf30be51f26ac20f0e20042ad08bbd8b63985cc2e93ba";
const SEC1_BARE: &str = "30310201010420e18ad8d781b0b7f6c342925d66184955e270efc35a6deb4d6082f13c01cf4f8fa00a06082a8648ce3d030107";
const PKCS8_BARE: &str = "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420e18ad8d781b0b7f6c342925d66184955e270efc35a6deb4d6082f13c01cf4f8f";

#[test]
fn private_keys_in_every_form() {
    let keys =
        [SEC1, PKCS8, SEC1_BARE, PKCS8_BARE].map(|der| PrivateKey::from_der(&hex(der)).unwrap());
    assert!(keys.iter().all(|other| *other == keys[0]));
    let public = hex(
        "3059301306072a8648ce3d020106082a8648ce3d03010703420004a1893bd3bb76f487e2ac6350cfa618fca3d163c63084c94c431fc7f65db4cb0b4e29eece46b289dbf9ebf30be51f26ac20f0e20042ad08bbd8b63985cc2e93ba",
    );
    assert_eq!(keys[0].public_key().spki(), public);
    assert_eq!(
        PrivateKey::from_scalar(keys[0].expose_scalar()).unwrap(),
        keys[0]
    );
}

#[test]
fn private_keys_that_are_refused() {
    let refused = |der: &[u8]| assert_eq!(PrivateKey::from_der(der), Err(KeyError::PrivateKey));
    let good = hex(PKCS8);
    for len in 0..good.len() {
        refused(&good[..len]);
    }
    // A public key inside that belongs to another private key.
    let mut other = good.clone();
    *other.last_mut().unwrap() ^= 1;
    refused(&other);
    // secp256k1 by its identifier.
    refused(&hex(&PKCS8.replace("2a8648ce3d030107", "2b8104000a")));
    refused(&hex(
        "3081a40201010430726870e76ed0549d5513f22dc04cba0f8d14ca081e8a5b67b3abfcb63ac72f8b3978577d69756736e5bef898b35e0e6ea00706052b81040022a164036200042a9b1dfbb987a4520781af55f7c99ec8d0bc9b1f5c901c30500b18a862f507bfb937948639699a80e7c8de1910308fd419b4a9ccfc45fe0193491e840c2fa69f82172c7f889c8aa389466146b985b66ff250e75ffac096654a8fabd7db347fc6",
    ));
    for scalar in [
        "",
        "00",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552",
    ] {
        assert_eq!(
            PrivateKey::from_scalar(&hex(scalar)),
            Err(KeyError::PrivateKey)
        );
    }
}

#[test]
fn public_keys_that_are_refused() {
    let good = *key(1).public_key().point();
    for len in [0, 1, 33, 64] {
        assert_eq!(PublicKey::from_point(&good[..len]), Err(KeyError::Point));
    }
    for len in [66, 255] {
        let mut long = good.to_vec();
        long.resize(len, 0);
        assert_eq!(PublicKey::from_point(&long), Err(KeyError::Point));
    }
    let mut off = good;
    off[64] ^= 1;
    assert_eq!(PublicKey::from_point(&off), Err(KeyError::Point));
    let mut hybrid = good;
    hybrid[0] = 6 | good[64] & 1;
    assert_eq!(PublicKey::from_point(&hybrid), Err(KeyError::Point));
    assert_eq!(PublicKey::from_point(&[0; 65]), Err(KeyError::Point));
    let mut zero = [0; 65];
    zero[0] = 4;
    assert_eq!(PublicKey::from_point(&zero), Err(KeyError::Point));

    let spki = key(1).public_key().spki();
    assert_eq!(spki.len(), 91);
    for len in 0..spki.len() {
        assert!(PublicKey::from_spki(&spki[..len]).is_err());
    }
    let mut long = spki.clone();
    long.push(0);
    assert_eq!(PublicKey::from_spki(&long), Err(KeyError::Point));
    assert_eq!(
        PublicKey::from_spki(&hex(
            "3076301006072a8648ce3d020106052b81040022036200042a9b1dfbb987a4520781af55f7c99ec8d0bc9b1f5c901c30500b18a862f507bfb937948639699a80e7c8de1910308fd419b4a9ccfc45fe0193491e840c2fa69f82172c7f889c8aa389466146b985b66ff250e75ffac096654a8fabd7db347fc6"
        )),
        Err(KeyError::NotP256)
    );
}

#[test]
fn nothing_prints_a_private_key() {
    let private = key(0x5a);
    let credentials = Credentials::raw_public_key(private.clone());
    let suites = dtls_ecdsa::Ecdsa::new(P256::new(), credentials.clone(), dtls_ecdsa::Trust::Ask);
    for text in [
        format!("{private:?}"),
        format!("{credentials:?}"),
        format!("{:?}", suites.unwrap()),
        format!("{:?}", PrivateKey::from_der(&[0x5a; 32])),
    ] {
        assert!(!text.contains("5a5a") && !text.contains("90, 90"), "{text}");
    }
}

#[test]
fn signatures_of_one_provider_are_verified_by_the_other() {
    let private = key(3);
    let signers = [P256::new().signer(&private), Ring::new().signer(&private)];
    for signer in signers.map(Result::unwrap) {
        let mut signature = Vec::new();
        signer.sign(b"message", &mut signature).unwrap();
        for provider in [&P256::new() as &dyn dtls_ecdsa::Provider, &Ring::new()] {
            let verify = |key, message| provider.verify(key, message, &signature);
            assert!(verify(private.public_key(), b"message").is_ok());
            assert!(verify(private.public_key(), b"massage").is_err());
            assert!(verify(key(4).public_key(), b"message").is_err());
        }
    }
}

#[test]
fn credentials_that_do_not_fit() {
    use common::pki::{Authority, self_signed};
    let root = Authority::root("root", 9);
    let leaf = root.leaf("leaf", 1, |_| {});
    let x509 = |number, chain| Credentials::x509(key(number), chain).unwrap_err();
    assert_eq!(x509(1, vec![]), CredentialError::Empty);
    assert_eq!(x509(2, vec![leaf.clone()]), CredentialError::OtherKey);
    assert_eq!(
        x509(1, vec![root.der.clone(), leaf.clone()]),
        CredentialError::OtherKey
    );
    assert_eq!(x509(1, vec![leaf.clone(); 9]), CredentialError::TooMany);
    let error = x509(1, vec![leaf, vec![0x30]]);
    assert_eq!(
        error.to_string(),
        "a certificate cannot be used: not an X.509 certificate in DER"
    );
    // A self-signed certificate can be shown: a peer may have pinned it.
    assert!(Credentials::x509(key(1), vec![self_signed("leaf", 1, |_| {})]).is_ok());
}
