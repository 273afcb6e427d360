//! Keys and certificates of server and devices: the same ones each time.

use std::sync::Arc;

use device_stack::core::{Secret, Security, X509};
use dtls_core::{
    Alert, Answer, ConnectionIdPolicy, Failure, FailureReason, IdentityKind, Question, Suites,
};
use dtls_ecdsa::{
    Anchors, CertificateNames, Credentials, Ecdsa, P256, PrivateKey, Provider as _, Signer, Trust,
    verify_client_chain,
};
use dtls_psk::Psk;
use lwm2m_identity::{Credential, DeviceRecord};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm, SigningKey,
    date_time_ymd,
};

/// How a device and its server prove who they are.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[allow(clippy::exhaustive_enums, reason = "the modes of LwM2M over UDP")]
pub enum Mode {
    /// Not at all.
    #[default]
    NoSec,
    /// By a key that both have.
    Psk,
    /// By bare keys.
    RawPublicKey,
    /// By certificates.
    X509,
}

/// The name that the server's certificate has.
pub(crate) const SERVER_NAME: &str = "server.example";

/// DTLS on this listener, for all modes.
pub(crate) fn server(listener: u16) -> server_stack::Security {
    let ecdsa = Credentials::x509(key(SERVER), vec![certificate(SERVER_NAME, SERVER)])
        .expect("a certificate of this key")
        .or_raw_public_key();
    let ecdsa = Ecdsa::new(P256::new(), ecdsa, Trust::Ask).expect("the provider takes the key");
    let suites: Vec<Arc<dyn Suites>> = vec![Arc::new(Psk::server()), Arc::new(ecdsa)];
    let mut security = server_stack::Security::new(vec![listener], Arc::new(suites));
    security.dtls.resumptions = 10_000;
    security.dtls.connection_id = ConnectionIdPolicy::receive(8, &[]);
    security.x509_names = |value| Some(CertificateNames::decode(value)?.names().to_vec());
    security
}

/// What a device has for its server.
pub(crate) fn device(mode: Mode, endpoint: &str) -> Security {
    let number = number(endpoint);
    match mode {
        Mode::NoSec => Security::NoSec,
        Mode::Psk => Security::psk(endpoint, Secret::new(&psk(endpoint))),
        Mode::RawPublicKey => {
            Security::raw_public_key(sec1(number), key(SERVER).public_key().spki())
        }
        Mode::X509 => {
            let chain = vec![certificate(endpoint, number)];
            let mut x509 = X509::new(sec1(number), chain, authority());
            x509.certificate_usage = 2;
            Security::X509(x509)
        }
    }
}

/// What the server knows of a device.
pub(crate) fn record(mode: Mode, endpoint: &str) -> Option<DeviceRecord> {
    let credential = match mode {
        Mode::NoSec => return None,
        Mode::Psk => Credential::Psk {
            identity: endpoint.to_owned().into(),
        },
        Mode::RawPublicKey => Credential::RawPublicKey {
            key: key(number(endpoint)).public_key().spki().into(),
        },
        Mode::X509 => Credential::X509 {
            name: endpoint.to_owned(),
        },
    };
    let mut record = DeviceRecord::default();
    record.credentials.push(credential);
    Some(record)
}

/// What a server answers to a question of its DTLS endpoint: `known` are the records that it has.
pub(crate) fn answer(known: &[DeviceRecord], question: &Question, now: u64) -> Answer {
    let holds = |credential: &Credential| {
        let mut all = known.iter().flat_map(|record| &record.credentials);
        all.any(|other| other == credential)
    };
    match question {
        Question::Psk { identity, .. } => {
            let credential = Credential::Psk {
                identity: identity.clone().into(),
            };
            let text = String::from_utf8_lossy(identity);
            Answer::Psk(holds(&credential).then(|| Secret::new(&psk(&text))))
        }
        Question::Trust { kind, chain, .. } if *kind == IdentityKind::RAW_PUBLIC_KEY => {
            let credential = Credential::RawPublicKey {
                key: chain.first().cloned().unwrap_or_default().into(),
            };
            let unknown = Failure::new(Alert::ACCESS_DENIED, FailureReason::Refused("unknown key"));
            Answer::Trust(holds(&credential).then_some(()).ok_or(unknown))
        }
        Question::Trust { chain, .. } => {
            let anchors = Anchors::from_der([authority()]).expect("an authority");
            Answer::Trust(verify_client_chain(&P256::new(), &anchors, chain, now).map(drop))
        }
        other => panic!("a question that this harness does not know: {other:?}"),
    }
}

fn psk(endpoint: &str) -> Vec<u8> {
    format!("the key of {endpoint}").into_bytes()
}

/// Names of one fleet that end in different digits have different keys.
fn number(endpoint: &str) -> u8 {
    let sum = endpoint
        .bytes()
        .fold(0, |sum: u32, byte| sum.wrapping_mul(31) + u32::from(byte));
    u8::try_from(sum % 200 + 10).expect("at most 209")
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::from_scalar(&[number; 32]).expect("less than the order of the curve")
}

/// The private key that a number makes, as a device keeps it (RFC 5915).
fn sec1(number: u8) -> Secret {
    let mut der = vec![0x30, 0x31, 2, 1, 1, 4, 32];
    der.extend([number; 32]);
    der.extend([0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    Secret::from(der)
}

struct CertificateKey(PrivateKey, Box<dyn Signer>);

impl CertificateKey {
    fn new(number: u8) -> Self {
        let signer = P256::new().signer(&key(number));
        Self(key(number), signer.expect("the provider takes the key"))
    }
}

impl PublicKeyData for CertificateKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().point()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for CertificateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut out = Vec::new();
        let signed = self.1.sign(message, &mut out);
        signed.map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(out)
    }
}

fn params(name: &str, number: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    params.serial_number = Some(SerialNumber::from(u64::from(number)));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![number; 20]);
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority_params() -> CertificateParams {
    let mut params = params("authority", AUTHORITY);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn authority() -> Vec<u8> {
    let signed = authority_params().self_signed(&CertificateKey::new(AUTHORITY));
    signed.expect("a certificate").der().to_vec()
}

fn certificate(name: &str, number: u8) -> Vec<u8> {
    let mut params = params(name, number);
    let name = name.try_into().expect("a name in ASCII");
    params.subject_alt_names = vec![SanType::DnsName(name)];
    let authority = authority_params();
    let issuer = Issuer::from_params(&authority, CertificateKey::new(AUTHORITY));
    let signed = params.signed_by(&CertificateKey::new(number), &issuer);
    signed.expect("a certificate").der().to_vec()
}

const SERVER: u8 = 2;
const AUTHORITY: u8 = 9;
