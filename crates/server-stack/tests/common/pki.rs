//! One authority and certificates of it, the same ones each time: keys come from numbers, signatures from RFC 6979.

use dtls_ecdsa::{Credentials, P256, PrivateKey, Provider as _, Signer};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey,
    date_time_ymd,
};

use super::key;

/// 2026-11-28.
pub(crate) const NOW: u64 = 1_795_824_000;

/// The number of the authority that is trusted.
const ROOT: u8 = 250;

struct Key {
    private: PrivateKey,
    signer: Box<dyn Signer>,
}

impl Key {
    fn new(number: u8) -> Self {
        let private = key(number);
        let signer = P256::new().signer(&private).unwrap();
        Self { private, signer }
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.private.public_key().point()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut out = Vec::new();
        let signed = self.signer.sign(message, &mut out);
        signed.map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(out)
    }
}

fn params(name: &str, number: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(u64::from(number)));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![number; 20]);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

fn root_params(number: u8) -> CertificateParams {
    let mut params = params("root", number);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

/// The authority's certificate.
pub(crate) fn root() -> Vec<u8> {
    let root = root_params(ROOT).self_signed(&Key::new(ROOT)).unwrap();
    root.der().to_vec()
}

/// The key of this number with a certificate for `name`, and the bare key where it may be shown too.
pub(crate) fn credentials(name: &str, number: u8, raw: bool) -> Credentials {
    let credentials = issued(name, number, ROOT);
    match raw {
        true => credentials.or_raw_public_key(),
        false => credentials,
    }
}

/// The same by an authority that nobody trusts, which calls itself as the trusted one does.
pub(crate) fn self_made(name: &str, number: u8) -> Credentials {
    issued(name, number, ROOT + 1)
}

fn issued(name: &str, number: u8, root: u8) -> Credentials {
    let issuer = Issuer::new(root_params(root), Key::new(root));
    let mut params = params(name, number);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let certificate = params.signed_by(&Key::new(number), &issuer).unwrap();
    Credentials::x509(key(number), vec![certificate.der().to_vec()]).unwrap()
}
