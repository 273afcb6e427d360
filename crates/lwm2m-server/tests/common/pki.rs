//! Authorities and certificates of them, the same ones each time but for signatures: keys come from numbers.

use dtls_ecdsa::{Anchors, Credentials, PrivateKey, Provider as _, Ring, Signer};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey,
    date_time_ymd,
};

/// The numbers of the authority that is trusted, and of another one.
pub(crate) const ROOT: u8 = 250;
pub(crate) const OTHER_ROOT: u8 = 251;

struct Key(PrivateKey, Box<dyn Signer>);

impl Key {
    fn new(number: u8) -> Self {
        let private = key(number);
        let signer = Ring::new().signer(&private).unwrap();
        Self(private, signer)
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().point()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut out = Vec::new();
        let signed = self.1.sign(message, &mut out);
        signed.map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(out)
    }
}

pub(crate) fn key(number: u8) -> PrivateKey {
    PrivateKey::from_scalar(&[number; 32]).unwrap()
}

fn params(name: &str, number: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(u64::from(number)));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![number; 20]);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

fn authority(number: u8) -> CertificateParams {
    let mut params = params(&format!("root {number}"), number);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

/// The certificate of an authority.
pub(crate) fn root(number: u8) -> Vec<u8> {
    let root = authority(number).self_signed(&Key::new(number)).unwrap();
    root.der().to_vec()
}

pub(crate) fn anchors(number: u8) -> Anchors {
    all([number])
}

pub(crate) fn all<const N: usize>(numbers: [u8; N]) -> Anchors {
    Anchors::from_der(numbers.map(root)).unwrap()
}

/// A certificate of `issuer`, changed by `adjust`.
pub(crate) fn issued(
    name: &str,
    number: u8,
    issuer: u8,
    adjust: impl FnOnce(&mut CertificateParams),
) -> Credentials {
    let mut params = params(name, number);
    adjust(&mut params);
    let issuer = Issuer::new(authority(issuer), Key::new(issuer));
    let certificate = params.signed_by(&Key::new(number), &issuer).unwrap();
    Credentials::x509(key(number), vec![certificate.der().to_vec()]).unwrap()
}
