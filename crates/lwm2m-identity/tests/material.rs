//! Keys and certificates made by other software, in every form in which people have them.
//!
//! `data/*.pem` and `data/store.p12`: OpenSSL 3.0; `data/store.jks`: keytool; `data/thingsboard.txt`: documentation.

use lwm2m_identity::material::{
    Encoding, Item, MaterialError, PrivateKey, PskReadError, PublicKey, Reading, Validity, read,
    read_psk,
};
use lwm2m_identity::{
    Access, Grant, Identity, Interface, Lookup, NoSecPolicy, PskKeyError, Reason, authorize,
    published,
};

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("data/", $name)).as_slice()
    };
}

fn thingsboard(name: &str) -> &'static str {
    include_str!("data/thingsboard.txt")
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .expect("a line of that name")
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn base64(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

fn error(input: &[u8]) -> MaterialError {
    read(input).unwrap_err()
}

/// The user's document 003: both key pairs and both certificates, and what `public_x` and `public_y` must be.
#[test]
fn seed_003_keys_and_certificates_are_read_and_derived_again() {
    for (party, cn) in [
        ("server", "localhost server"),
        ("bootstrap", "localhost bootstrap"),
    ] {
        let line = |what: &str| thingsboard(&format!("{party}.{what}"));
        let (x, y) = (line("public_x"), line("public_y"));

        let private = read(line("private_key").as_bytes()).unwrap();
        assert_eq!(private.encoding, Encoding::Hex);
        let private = private.private_key().unwrap();
        let xy = private.public_key().to_xy_hex().unwrap();
        assert_eq!(
            (xy.0.as_str(), xy.1.as_str()),
            (x, y),
            "calculated from the private key"
        );

        let public = read(line("public_key").as_bytes())
            .unwrap()
            .public_key()
            .unwrap();
        assert_eq!(&public, private.public_key());
        assert_eq!(PublicKey::from_xy(&bytes(x), &bytes(y)).unwrap(), public);
        assert_eq!(public.to_hex(), line("public_key"));

        let reading = read(line("certificate").as_bytes()).unwrap();
        let text = reading.to_string();
        let certificate = reading.certificates().unwrap().remove(0);
        assert_eq!(certificate.public_key(), &public);
        assert_eq!(certificate.common_name(), Some(cn), "{text}");
        assert!(certificate.issuer().contains("localhost root"), "{text}");
        assert_eq!(certificate.der(), &bytes(line("certificate")));

        let by = published::public_key(public.spki()).unwrap();
        assert!(by.contains("ThingsBoard"), "everybody has this key");
    }
}

#[test]
fn one_key_in_all_its_clothes() {
    let expected = read(data!("public.pem")).unwrap().public_key().unwrap();
    // `openssl pkey -pubout -outform DER | sha256sum`
    assert_eq!(
        expected.fingerprint(),
        "8ace2a95418d379fe48c5aa373a897d06bcfcd8ad710a7955947aee3d700a05f"
    );
    assert_eq!(expected.to_pem().as_bytes(), data!("public.pem"));
    let private = read(data!("pkcs8.pem")).unwrap().private_key().unwrap();
    let (pkcs8, spki) = (private.to_pkcs8(), expected.spki());
    // `openssl pkcs8 -topk8 -nocrypt -outform DER`
    assert_eq!(pkcs8.len(), 138);
    let pem: String = String::from_utf8_lossy(data!("pkcs8.pem"))
        .lines()
        .filter(|line| !line.contains("-----"))
        .collect();
    assert_eq!(base64(&pkcs8), pem);

    let hex = expected.to_hex();
    let spaced: String = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| format!("{}:", String::from_utf8_lossy(pair).to_uppercase()))
        .collect();
    for (input, encoding) in [
        (data!("pkcs8.pem").to_vec(), Encoding::Pem),
        (data!("sec1_with_parameters.pem").to_vec(), Encoding::Pem),
        (data!("sec1_no_public.pem").to_vec(), Encoding::Pem),
        (data!("cert_cn.pem").to_vec(), Encoding::Pem),
        (pkcs8.to_vec(), Encoding::Der),
        (spki.to_vec(), Encoding::Der),
        (expected.sec1_point().unwrap().to_vec(), Encoding::Der),
        (hex.clone().into_bytes(), Encoding::Hex),
        (format!("hex:{hex}\n").into_bytes(), Encoding::Hex),
        (format!("0x{hex}").into_bytes(), Encoding::Hex),
        (spaced.into_bytes(), Encoding::Hex),
        (expected.to_base64().into_bytes(), Encoding::Base64),
        (
            format!("base64:{}", expected.to_base64()).into_bytes(),
            Encoding::Base64,
        ),
        (base64(&pkcs8).into_bytes(), Encoding::Base64),
        (
            expected
                .to_base64()
                .replace('+', "-")
                .replace('/', "_")
                .replace('=', "")
                .into_bytes(),
            Encoding::Base64,
        ),
    ] {
        let reading =
            read(&input).unwrap_or_else(|error| panic!("{error}: {}", input.escape_ascii()));
        assert_eq!(reading.encoding, encoding, "{}", input.escape_ascii());
        assert_eq!(reading.public_key().unwrap(), expected);
    }
    let (x, y) = (expected.x().unwrap(), expected.y().unwrap());
    assert_eq!(&PublicKey::from_xy(x, y).unwrap(), &expected);
    assert!(PublicKey::from_xy(y, x).is_err(), "not on the curve");
    assert!(PublicKey::from_xy(&[1; 33], y).is_err());
}

#[test]
fn a_file_may_hold_a_chain_and_a_key() {
    let all = [
        data!("cert_cn.pem"),
        b"words between\n",
        data!("cert_rsa.pem"),
        data!("sec1_with_parameters.pem"),
    ]
    .concat();
    let reading = read(&all).unwrap();
    assert_eq!(reading.items.len(), 3);
    assert_eq!(reading.clone().certificates().unwrap().len(), 2);
    assert!(reading.clone().private_key().is_ok());
    assert_eq!(
        reading.public_key(),
        Err(MaterialError::Several("public key"))
    );
    let pair = [data!("cert_cn.pem"), data!("pkcs8.pem")].concat();
    assert!(
        read(&pair).unwrap().public_key().is_ok(),
        "the same key twice"
    );
    let two = [data!("pkcs8.pem"), data!("pkcs8.pem")].concat();
    assert!(matches!(
        read(&two).unwrap().private_key(),
        Err(MaterialError::Several(_))
    ));
    assert!(matches!(
        read(data!("public.pem")).unwrap().private_key(),
        Err(MaterialError::Missing(_))
    ));
    assert!(matches!(
        read(data!("public.pem")).unwrap().certificates(),
        Err(MaterialError::Missing(_))
    ));
}

#[test]
fn what_is_not_read_says_what_it_is_and_what_to_do() {
    for (input, expected, advice) in [
        (
            data!("store.jks"),
            MaterialError::JavaKeyStore,
            "keytool -importkeystore",
        ),
        (
            b"\xce\xce\xce\xce\0\0",
            MaterialError::JavaKeyStore,
            "keytool",
        ),
        (
            b"\xac\xed\x00\x05sr",
            MaterialError::JavaObject,
            "enter its devices again",
        ),
        (data!("store.p12"), MaterialError::Pkcs12, "openssl pkcs12"),
        (
            data!("pkcs8_encrypted.pem"),
            MaterialError::Encrypted,
            "openssl pkey",
        ),
        (
            data!("sec1_encrypted.pem"),
            MaterialError::Encrypted,
            "openssl pkey",
        ),
        (
            data!("p384.pem"),
            MaterialError::Algorithm("secp384r1"),
            "prime256v1",
        ),
        (
            data!("rsa.pem"),
            MaterialError::Algorithm("RSA"),
            "secp256r1",
        ),
        (
            data!("ed25519.pem"),
            MaterialError::Algorithm("Ed25519"),
            "secp256r1",
        ),
        (data!("csr.pem"), MaterialError::Certificate, "broken"),
        (
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----",
            MaterialError::OpenSsh,
            "ssh-keygen",
        ),
        (b" \n", MaterialError::Empty, "nothing"),
        (b"hello", MaterialError::NotUnderstood, "neither PEM"),
        (b"hex:30zz", MaterialError::NotHex, "digits"),
        (b"base64:!!", MaterialError::NotBase64, "not base64"),
        (
            b"-----BEGIN CERTIFICATE-----\nMIIB",
            MaterialError::Pem("CERTIFICATE".into()),
            "cut off",
        ),
        (
            b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----",
            MaterialError::Pem("CERTIFICATE".into()),
            "cut off",
        ),
    ] {
        let error = error(input);
        assert_eq!(error, expected);
        assert!(error.to_string().contains(advice), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    let stored = base64(data!("store.jks"));
    assert_eq!(
        error(stored.as_bytes()),
        MaterialError::JavaKeyStore,
        "also as base64"
    );
    assert_eq!(error(&vec![b'a'; 300_000]), MaterialError::TooLong(300_000));
}

#[test]
fn a_private_key_with_another_public_key_is_refused() {
    let pkcs8 = read(data!("pkcs8.pem"))
        .unwrap()
        .private_key()
        .unwrap()
        .to_pkcs8();
    let mut wrong = pkcs8.to_vec();
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(
        PrivateKey::from_der(&wrong).unwrap_err(),
        MaterialError::PublicKeyDiffers
    );
    let mut zero = pkcs8.to_vec();
    zero[36..68].fill(0);
    assert_eq!(
        PrivateKey::from_der(&zero).unwrap_err(),
        MaterialError::PrivateKey
    );
}

#[test]
fn names_of_certificates() {
    for (pem, cn, names) in [
        (data!("cert_cn.pem"), Some("lamp"), &["lamp"][..]),
        (
            data!("cert_san.pem"),
            None,
            &["lamp.example", "urn:dev:lamp"],
        ),
        (data!("cert_cn_san.pem"), Some("lamp"), &["lamp", "lamp-2"]),
        (data!("cert_two_cn.pem"), None, &["san.example"]),
        (data!("cert_no_name.pem"), None, &[]),
        (data!("cert_rsa.pem"), Some("rsa"), &["rsa"]),
    ] {
        let certificate = read(pem).unwrap().certificates().unwrap().remove(0);
        assert_eq!(certificate.common_name(), cn);
        assert_eq!(certificate.names(), names);
        let Identity::X509 { names: shown } = certificate.identity() else {
            panic!()
        };
        assert_eq!(shown, names);
    }
}

/// From the certificate to the decision: two common names are none, an alternative name counts, none is nobody.
#[test]
fn hostile_j08_certificates_of_openssl() {
    for (pem, endpoint, admitted) in [
        (data!("cert_cn.pem"), "lamp", true),
        (data!("cert_cn.pem"), "Lamp", false),
        (data!("cert_cn.pem"), "CN=lamp,O=Example", false),
        (data!("cert_san.pem"), "urn:dev:lamp", true),
        (data!("cert_san.pem"), "lamp.example", true),
        (data!("cert_san.pem"), "192.0.2.1", false),
        (data!("cert_san.pem"), "a@b.example", false),
        (data!("cert_two_cn.pem"), "lamp", false),
        (data!("cert_two_cn.pem"), "gate", false),
        (data!("cert_two_cn.pem"), "san.example", true),
        (data!("cert_no_name.pem"), "Example", false),
    ] {
        let identity = read(pem)
            .unwrap()
            .certificates()
            .unwrap()
            .remove(0)
            .identity();
        let decision = authorize(&Access {
            interface: Interface::Register,
            endpoint,
            identity: &identity,
            record: Lookup::Absent,
            holder: None,
            nosec: NoSecPolicy::Off,
        });
        let expected = if admitted {
            Ok(Grant::Certificate)
        } else {
            Err(Reason::IdentityMismatch)
        };
        assert_eq!(decision, expected, "{endpoint}");
    }
}

#[test]
fn descriptions_say_how_it_was_understood() {
    let text = |pem: &[u8]| read(pem).unwrap().to_string();
    // `openssl x509 -noout -fingerprint -sha256 -enddate`
    assert_eq!(
        text(data!("cert_cn.pem")),
        "read as PEM: certificate, 303 bytes, CN \"lamp\", issued by \"CN=lamp,O=Example\", \
         valid to 2051-07-20T22:48:58Z, secp256r1, \
         SHA-256 515fe7fd1ff75d58c0433da072cbaa9d68ce49a46a2245479ce9963dcb71741f"
    );
    assert!(text(data!("cert_rsa.pem")).contains(", RSA, "));
    assert!(text(data!("cert_no_name.pem")).contains("no name"));
    assert!(text(data!("pkcs8.pem")).starts_with(
        "read as PEM: private key of the public key, 91 bytes, secp256r1, SHA-256 8ace2a95"
    ));
    let certificate = read(data!("cert_cn.pem"))
        .unwrap()
        .certificates()
        .unwrap()
        .remove(0);
    let end = certificate.not_after();
    for (now, expected) in [
        (certificate.not_before() - 1, Validity::NotYet),
        (certificate.not_before(), Validity::Valid),
        (end, Validity::Valid),
        (end + 1, Validity::Expired),
    ] {
        assert_eq!(certificate.validity(now), expected);
    }
}

#[test]
fn the_private_part_is_in_no_text() {
    let reading = read(data!("pkcs8.pem")).unwrap();
    let texts = [format!("{reading:?}"), reading.to_string()];
    let key = reading.private_key().unwrap();
    let secret: String = key
        .secret_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let decimal = format!(
        "{}, {}, {}",
        key.secret_bytes()[0],
        key.secret_bytes()[1],
        key.secret_bytes()[2]
    );
    for text in texts.into_iter().chain([format!("{key:?} {key}")]) {
        assert!(
            !text.contains(&secret[..16]) && !text.contains(&decimal),
            "{text}"
        );
    }
    let psk = read_psk("text:hunter2").unwrap();
    assert!(!format!("{psk:?} {psk}").contains("hunter2"));
}

#[test]
fn a_pre_shared_key_that_can_be_read_in_two_ways_is_refused_with_both() {
    for (written, key, encoding) in [
        ("hex:A1b2C3\n", &b"\xa1\xb2\xc3"[..], Encoding::Hex),
        ("hex:a1 b2:c3", b"\xa1\xb2\xc3", Encoding::Hex),
        ("base64:obLD", b"\xa1\xb2\xc3", Encoding::Base64),
        ("base64:obI", b"\xa1\xb2", Encoding::Base64),
        ("text:a1b2c3", b"a1b2c3", Encoding::Text),
        ("text: spaced \r\n", b" spaced ", Encoding::Text),
        (
            "correct horse battery!\n",
            b"correct horse battery!",
            Encoding::Text,
        ),
        ("text:hex:00", b"hex:00", Encoding::Text),
    ] {
        let reading = read_psk(written).unwrap();
        assert_eq!(
            (reading.key.bytes(), reading.encoding),
            (key, encoding),
            "{written:?}"
        );
    }
    let ambiguous = |hex, base64, text| PskReadError::Ambiguous { hex, base64, text };
    for (written, expected) in [
        (
            "00112233445566778899aabbccddeeff",
            ambiguous(Some(16), Some(24), 32),
        ),
        ("a1b2c3", ambiguous(Some(3), None, 6)),
        ("00:11", ambiguous(Some(2), None, 5)),
        ("password", ambiguous(None, Some(6), 8)),
        ("AAECAwQFBgcICQoLDA0ODw==", ambiguous(None, Some(16), 24)),
        ("01234", PskReadError::OddHex(5)),
        ("hex:0123456", PskReadError::OddHex(7)),
        ("hex:xy", PskReadError::NotHex),
        ("base64:!", PskReadError::NotBase64),
        ("HEX:0123", PskReadError::UnknownForm),
        ("Text:hunter2", PskReadError::UnknownForm),
        ("hxe:a1b2c3d4e5f607", PskReadError::UnknownForm),
        ("b64:AAECAwQFBgcICQ==", PskReadError::UnknownForm),
        ("", PskReadError::Key(PskKeyError::Empty)),
        ("text:", PskReadError::Key(PskKeyError::Empty)),
    ] {
        assert_eq!(read_psk(written).unwrap_err(), expected, "{written:?}");
    }
    let long = format!("hex:{}", "00".repeat(65));
    assert_eq!(
        read_psk(&long).unwrap_err(),
        PskReadError::Key(PskKeyError::TooLong(65))
    );
    let shown = read_psk("deadbeef").unwrap_err().to_string();
    assert!(
        shown.contains("hex (4 bytes)")
            && shown.contains("text (8 bytes)")
            && !shown.contains("deadbeef")
    );
}

/// Every prefix and every changed byte of what people give: an error or a reading, and a reading is told in one line.
/// What `openssl x509 -req` makes without extensions, and what it makes with some.
#[test]
fn a_certificate_says_its_version() {
    for (pem, version) in [(data!("cert_v1.pem"), 1), (data!("cert_san.pem"), 3)] {
        let certificates = read(pem).unwrap().certificates().unwrap();
        assert_eq!(certificates[0].version(), version);
    }
}

#[test]
fn no_bytes_do_harm() {
    let told = |reading: Result<Reading, MaterialError>| {
        let text = reading.map_or_else(|error| error.to_string(), |reading| reading.to_string());
        assert!(!text.contains(char::is_control), "{text:?}");
    };
    let pkcs8 = read(data!("pkcs8.pem"))
        .unwrap()
        .private_key()
        .unwrap()
        .to_pkcs8();
    let Item::Certificate(certificate) = read(data!("cert_san.pem")).unwrap().items.remove(0)
    else {
        panic!()
    };
    for whole in [
        &pkcs8[..],
        certificate.der(),
        data!("store.p12"),
        data!("cert_cn.pem"),
    ] {
        for cut in 0..whole.len() {
            assert!(
                read(&whole[..cut]).is_err() || cut + 1 == whole.len(),
                "{cut}"
            );
            told(read(&whole[..cut]));
        }
        for at in 0..whole.len() {
            for flip in [1, 0x20, 0x80, 0xff] {
                let mut changed = whole.to_vec();
                changed[at] ^= flip;
                told(read(&changed));
            }
        }
    }
}
