//! Authorities and certificates, the same ones each time: keys come from numbers, signatures from RFC 6979.

use dtls_ecdsa::{Anchors, Credentials, P256, PrivateKey, Provider as _, Signer};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber,
    SignatureAlgorithm, SigningKey, date_time_ymd,
};

use super::key;

/// A key in the form that the certificate generator wants.
pub struct Key {
    private: PrivateKey,
    signer: Box<dyn Signer>,
}

impl Key {
    pub fn new(number: u8) -> Self {
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
        self.signer
            .sign(message, &mut out)
            .map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(out)
    }
}

/// An authority with its own certificate.
pub struct Authority {
    params: CertificateParams,
    number: u8,
    pub der: Vec<u8>,
}

impl Authority {
    pub fn root(name: &str, number: u8) -> Self {
        let params = authority(name, number);
        let der = params
            .self_signed(&Key::new(number))
            .unwrap()
            .der()
            .to_vec();
        Self {
            params,
            number,
            der,
        }
    }

    /// An authority under this one, changed by `change` before it is signed.
    pub fn under(
        &self,
        name: &str,
        number: u8,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = authority(name, number);
        change(&mut params);
        let der = self.sign(&params, number);
        Self {
            params,
            number,
            der,
        }
    }

    /// A certificate of the key `number`, changed by `change` before it is signed.
    pub fn leaf(
        &self,
        name: &str,
        number: u8,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Vec<u8> {
        let mut params = leaf(name, number);
        change(&mut params);
        self.sign(&params, number)
    }

    fn sign(&self, params: &CertificateParams, number: u8) -> Vec<u8> {
        let issuer = Issuer::from_params(&self.params, Key::new(self.number));
        let certificate = params.signed_by(&Key::new(number), &issuer).unwrap();
        certificate.der().to_vec()
    }

    pub fn anchors(&self) -> Anchors {
        Anchors::from_der([&self.der]).unwrap()
    }
}

/// A certificate that its own key has signed.
pub fn self_signed(name: &str, number: u8, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = leaf(name, number);
    change(&mut params);
    params
        .self_signed(&Key::new(number))
        .unwrap()
        .der()
        .to_vec()
}

/// The key `number` with a chain.
pub fn credentials<'a>(number: u8, chain: impl IntoIterator<Item = &'a Vec<u8>>) -> Credentials {
    let chain = chain.into_iter().cloned().collect();
    Credentials::x509(key(number), chain).unwrap()
}

fn leaf(name: &str, number: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params.serial_number = Some(SerialNumber::from(u64::from(number)));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![number; 20]);
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(name: &str, number: u8) -> CertificateParams {
    let mut params = leaf(name, number);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

pub fn purposes(purposes: &[ExtendedKeyUsagePurpose]) -> impl FnOnce(&mut CertificateParams) {
    |params| params.extended_key_usages = purposes.to_vec()
}
