use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use openssl::x509::{X509, X509Name, X509NameBuilder};

/// An authority, and a key (PKCS#8) with a certificate (DER) for each side.
#[derive(Debug)]
pub struct Certificates {
    pub authority: Vec<u8>,
    pub server: (Vec<u8>, Vec<u8>),
    pub client: (Vec<u8>, Vec<u8>),
}

impl Certificates {
    /// A time at which they are valid, unix seconds.
    pub const NOW: u64 = 1_795_824_000;

    #[must_use]
    pub fn new() -> Self {
        let root = key();
        let authority = certificate("authority", &root, None);
        let side = |name: &str| {
            let key = key();
            let certificate = certificate(name, &key, Some((&authority, &root)));
            let key = key.private_key_to_pkcs8().expect("PKCS#8");
            (key, certificate.to_der().expect("DER"))
        };
        Self {
            server: side("server.example"),
            client: side("urn:imei:490154203237518"),
            authority: authority.to_der().expect("DER"),
        }
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("P-256");
    PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key")
}

fn name(name: &str) -> X509Name {
    let mut builder = X509NameBuilder::new().expect("a name");
    builder
        .append_entry_by_nid(Nid::COMMONNAME, name)
        .expect("a name");
    builder.build()
}

fn certificate(
    common_name: &str,
    key: &PKey<Private>,
    issuer: Option<(&X509, &PKey<Private>)>,
) -> X509 {
    let mut builder = X509::builder().expect("a builder");
    let mut add = || -> Result<(), openssl::error::ErrorStack> {
        builder.set_version(2)?;
        let serial = BigNum::from_u32(77)?.to_asn1_integer()?;
        builder.set_serial_number(&serial)?;
        builder.set_not_before(&*Asn1Time::from_unix(1_767_225_600)?)?;
        builder.set_not_after(&*Asn1Time::from_unix(2_000_000_000)?)?;
        builder.set_subject_name(&*name(common_name))?;
        builder.set_pubkey(key)?;
        match issuer {
            Some((issuer, _)) => {
                builder.set_issuer_name(issuer.subject_name())?;
                builder
                    .append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
                let mut usage = ExtendedKeyUsage::new();
                builder.append_extension(usage.server_auth().client_auth().build()?)?;
            }
            None => {
                builder.set_issuer_name(&*name(common_name))?;
                builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
                builder.append_extension(KeyUsage::new().critical().key_cert_sign().build()?)?;
            }
        }
        builder.sign(issuer.map_or(key, |(_, key)| key), MessageDigest::sha256())
    };
    add().expect("a certificate");
    builder.build()
}
