#![no_main]
//! A list of certificates, each with its length before it: whatever is accepted is accepted for reasons that can be seen.

use std::net::IpAddr;

use dtls_core::{Reader, Role};
use dtls_ecdsa::{
    Anchors, Certificate, CertificateNames, CertificateUsage, EphemeralKey, MatchingType,
    PrivateKey, Provider, ProviderError, PublicKey, ServerTrust, Shown, Signer,
    verify_client_chain, verify_server,
};
use libfuzzer_sys::fuzz_target;

/// Every signature fits, so that the search gets behind them.
#[derive(Debug)]
struct Gullible;

impl Provider for Gullible {
    fn generate(&self, _: &mut sansio::Rng) -> Result<Box<dyn EphemeralKey>, ProviderError> {
        Err(ProviderError::new())
    }

    fn signer(&self, _: &PrivateKey) -> Result<Box<dyn Signer>, ProviderError> {
        Err(ProviderError::new())
    }

    fn verify(&self, _: &PublicKey, _: &[u8], _: &[u8]) -> Result<(), ProviderError> {
        Ok(())
    }
}

/// What names are compared with: what a certificate may hold, and what it should not match.
const NAMES: [&str; 5] = [
    "localhost server",
    "a.example.org",
    "192.0.2.1",
    "2001:db8::1",
    ".",
];

fn read_one(der: &[u8]) {
    let Ok(certificate) = fuzz::bounded(der.len(), 64, || Certificate::from_der(der)) else {
        return;
    };
    let names = CertificateNames::of(&certificate);
    assert_eq!(CertificateNames::decode(&names.encode()), Some(names));
    assert!(certificate.issuer().len() <= 256);
    for name in NAMES {
        if !certificate.is_for_server(name) {
            continue;
        }
        let address = name.parse::<IpAddr>().is_ok();
        let named = certificate.names().any(|own| {
            own.trim_end_matches('.').eq_ignore_ascii_case(name)
                || own.starts_with("*.") && name.contains('.')
        });
        assert!(address || named, "{certificate:?} is for {name}");
    }
}

fuzz_target!(|wire: &[u8]| {
    if let Ok(key) = PublicKey::from_spki(wire) {
        assert_eq!(key.spki(), wire);
    }
    if let Some(names) = CertificateNames::decode(wire) {
        assert_eq!(names.encode(), wire);
    }
    if let Ok(key) = PrivateKey::from_der(wire) {
        assert_eq!(PrivateKey::from_scalar(key.expose_scalar()), Ok(key));
    }
    let mut reader = Reader::new(wire);
    let mut chain = Vec::new();
    while let Ok(der) = reader.vec16() {
        read_one(der);
        chain.push(der);
    }
    let (Some(&leaf), Some(&last)) = (chain.first(), chain.last()) else {
        return;
    };
    // Its last certificate is trusted.
    let Ok(anchors) = Anchors::from_der([last]) else {
        return;
    };
    for now in [0, 1_630_000_000] {
        let verdict = verify_client_chain(&Gullible, &anchors, &chain, now);
        if let Ok(names) = verdict {
            let certificate = Certificate::from_der(leaf).unwrap();
            assert!(certificate.allows(Role::Client));
            assert!(leaf != last);
            let (from, to) = certificate.validity();
            assert!(now == 0 || (from..=to).contains(&now));
            assert_eq!(names, CertificateNames::of(&certificate));
        }
        for usage in 0..=3 {
            let usage = CertificateUsage(usage);
            let exact = MatchingType::EXACT;
            let Ok(trust) = ServerTrust::certificate(usage, exact, last) else {
                continue;
            };
            let trust = trust.with_anchors(anchors.clone());
            let shown = Shown::Chain(&chain);
            if verify_server(&Gullible, &trust, shown, Some(NAMES[0]), now).is_ok() {
                let pinned = usage == CertificateUsage::DOMAIN_ISSUED_CERTIFICATE;
                assert_eq!(leaf == last, pinned);
                let certificate = Certificate::from_der(leaf).unwrap();
                assert!(pinned || certificate.is_for_server(NAMES[0]));
                assert!(pinned || certificate.allows(Role::Server));
            }
        }
    }
});
