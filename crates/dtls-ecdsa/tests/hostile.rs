//! Known failures of this kind of software, one test per row.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use common::pki::{Authority, credentials, purposes, self_signed};
use common::{NOW, Run, client_hello, handshake, hex, key, keys, raw, tampered};
use dtls_core::{
    Alert, Answer, CipherSuite, ClientHello, Context, Failure, FailureReason, IdentityKind,
    Message, NamedGroup, Offer, Question, Role, Secret, ServerHello, SignatureScheme, Step,
    Suites as _, vector,
};
use dtls_ecdsa::{
    Anchors, Certificate, CertificateUsage, Ecdsa, EphemeralKey, MatchingType, P256, PrivateKey,
    Provider, ProviderError, PublicKey, Ring, ServerTrust, Shown, Signer, Trust,
    verify_client_chain, verify_server,
};
use rcgen::ExtendedKeyUsagePurpose::ServerAuth;
use rcgen::{GeneralSubtree, NameConstraints, SanType};
use sansio::Rng;

/// A handshake of bare keys in which `message` becomes what `tamper` makes of it.
fn changed(message: Message, tamper: impl Fn(&mut Vec<u8>)) -> Result<(), (Role, Failure)> {
    let outcome = tampered(
        &raw(1, keys([2])),
        &raw(2, keys([1])),
        &mut |_, at, body| {
            if at == message {
                tamper(body);
            }
        },
    );
    outcome.map(|_| ())
}

/// The same for the Certificate of `role`, with chains where `chains`.
fn certificate(role: Role, chains: bool, tamper: impl Fn(&mut Vec<u8>)) -> Failure {
    let root = Authority::root("root", 9);
    let leaf = |number| root.leaf("server.example", number, |_| {});
    let side = |number, other| match chains {
        true => {
            let credentials = credentials(number, [&leaf(number), &root.der]);
            Ecdsa::new(P256::new(), credentials, Trust::Anchors(root.anchors())).unwrap()
        }
        false => raw(number, keys([other])),
    };
    let outcome = tampered(&side(1, 2), &side(2, 1), &mut |from, at, body| {
        if at == Message::Certificate && from == role {
            tamper(body);
        }
    });
    let (at, failure) = outcome.unwrap_err();
    assert_ne!(at, role);
    failure
}

#[test]
fn hostile_f12_long_lists_are_walked_once() {
    let mut offer = raw(2, Trust::Ask).offer();
    offer.suites = (0..32_760)
        .map(|number| CipherSuite(number | 0x8000))
        .collect();
    offer.groups = vec![NamedGroup(0x0100); 1_000];
    let server = raw(1, Trust::Ask);
    let select = |offer: &Offer| {
        let hello = client_hello(offer);
        server
            .select(&ClientHello::decode(&hello).unwrap())
            .map(|selection| selection.suite)
    };
    // C0AE is among the numbers; the group is not.
    assert_eq!(
        select(&offer).unwrap_err().reason,
        FailureReason::NoCommonGroup
    );
    offer.groups.push(NamedGroup::SECP256R1);
    assert!(select(&offer).is_ok());
    offer.suites = vec![CipherSuite(0x1301); 32_767];
    let FailureReason::NoCommonSuite { offered, .. } = select(&offer).unwrap_err().reason else {
        panic!("something else");
    };
    assert_eq!(offered.len(), 64);
}

#[test]
fn hostile_g11_lengths_of_a_certificate_message() {
    for role in [Role::Client, Role::Server] {
        for chains in [true, false] {
            // Shorter than its lengths say, at the start: the twelve bytes that hold lengths, and then some.
            for len in 1..16 {
                let failure = certificate(role, chains, |body| body.truncate(len));
                assert_eq!(
                    failure.alert,
                    Alert::DECODE_ERROR,
                    "{role:?} {chains} {len}"
                );
            }
            for at in 0..3 {
                for value in [0x7f, 0xff] {
                    certificate(role, chains, |body| body[at] = value);
                }
            }
            certificate(role, chains, |body| body.push(0));
            certificate(role, chains, |body| body.clear());
            let failure = certificate(role, chains, |body| *body = vec![0; 3]);
            assert_eq!(failure.reason, FailureReason::NoCertificate);
        }
        // An inner length beyond the list, of nothing, and of the largest number.
        for inner in [[0xff; 3], [0; 3], [0, 0xff, 0xff]] {
            certificate(role, true, |body| body[3..6].copy_from_slice(&inner));
        }
        let failure = certificate(role, true, |body| {
            let one = body[6..].to_vec();
            body.clear();
            vector::<3>(body, |out| {
                for _ in 0..9 {
                    vector::<3>(out, |out| out.extend(&one));
                }
            });
        });
        assert_eq!(failure.alert, Alert::BAD_CERTIFICATE);
    }
}

/// Points of other lengths, in both messages that carry one.
#[test]
fn hostile_g17_lengths_of_a_point() {
    for len in [0_u8, 1, 64, 66, 255] {
        let point = vec![4; len.into()];
        let (role, failure) = changed(Message::ClientKeyExchange, |body| {
            body.clear();
            vector::<1>(body, |out| out.extend(&point));
        })
        .unwrap_err();
        assert_eq!(
            (role, failure.alert),
            (Role::Server, Alert::ILLEGAL_PARAMETER),
            "{len}"
        );
        let (role, failure) = changed(Message::ServerKeyExchange, |body| {
            let rest = body.split_off(4 + 65);
            body.truncate(3);
            vector::<1>(body, |out| out.extend(&point));
            body.extend(rest);
        })
        .unwrap_err();
        assert_eq!(
            (role, failure.alert),
            (Role::Client, Alert::ILLEGAL_PARAMETER),
            "{len}"
        );
        // The length alone is a lie about the body.
        assert!(changed(Message::ClientKeyExchange, |body| body[0] = len).is_err());
        assert!(changed(Message::ServerKeyExchange, |body| body[3] = len).is_err());
    }
    // Of the right length, but not on the curve, or in another form.
    for (at, value) in [(65, 0xff), (1, 0), (1, 2), (1, 6)] {
        let off = |body: &mut Vec<u8>| body[at] ^= value.max(1);
        let (_, failure) = changed(Message::ClientKeyExchange, off).unwrap_err();
        assert_eq!(failure.alert, Alert::ILLEGAL_PARAMETER);
    }
}

/// A server that answers with what was not offered.
#[test]
fn hostile_h26_what_was_not_offered() {
    let client = raw(1, keys([2]));
    let hello = |suite: u16, extensions: &str| {
        let mut body = hex("fefd");
        body.extend([0x50; 32]);
        body.push(0);
        body.extend(suite.to_be_bytes());
        body.push(0);
        vector::<2>(&mut body, |out| out.extend(hex(extensions)));
        let hello = ServerHello::decode(&body).unwrap();
        client
            .accept(&hello)
            .map(|_| ())
            .map_err(|failure| failure.alert)
    };
    let raw_types = "00130001020014000102";
    assert_eq!(hello(0xc0ae, raw_types), Ok(()));
    assert_eq!(hello(0xc023, raw_types), Err(Alert::ILLEGAL_PARAMETER));
    assert_eq!(hello(0xc0a8, raw_types), Err(Alert::ILLEGAL_PARAMETER));
    // Certificates, where only bare keys are taken.
    assert_eq!(
        hello(0xc0ae, "0013000102"),
        Err(Alert::UNSUPPORTED_CERTIFICATE)
    );
    assert_eq!(
        hello(0xc0ae, "0014000101"),
        Err(Alert::UNSUPPORTED_CERTIFICATE)
    );

    // Another curve, an explicit one, another hash.
    for (at, value) in [(2, 0x18), (1, 0x01), (0, 1), (69, 0x05), (70, 0x01)] {
        let result = changed(Message::ServerKeyExchange, |body| body[at] = value);
        let (role, failure) = result.unwrap_err();
        assert_eq!(
            (role, failure.alert),
            (Role::Client, Alert::ILLEGAL_PARAMETER),
            "{at}"
        );
    }
    // And a client that signs by what the server did not ask for.
    let result = changed(Message::CertificateVerify, |body| body[0] = 0x05);
    assert_eq!(result.unwrap_err().1.alert, Alert::ILLEGAL_PARAMETER);
    // A server that asks for what the client does not have: RSA keys, SHA-1.
    for (at, value) in [(1, 1), (4, 2)] {
        let (role, failure) =
            changed(Message::CertificateRequest, |body| body[at] = value).unwrap_err();
        assert_eq!(
            (role, failure.reason),
            (Role::Client, FailureReason::NoCommonGroup)
        );
    }
}

/// Counts its calls and fails at one of them.
#[derive(Debug)]
struct Failing {
    calls: Arc<AtomicUsize>,
    at: usize,
}

impl Failing {
    fn call(calls: &AtomicUsize, at: usize) -> Result<(), ProviderError> {
        match calls.fetch_add(1, Ordering::Relaxed) == at {
            true => Err(ProviderError::new()),
            false => Ok(()),
        }
    }
}

struct FailingPart<T> {
    inner: T,
    calls: Arc<AtomicUsize>,
    at: usize,
}

impl Provider for Failing {
    fn generate(&self, rng: &mut Rng) -> Result<Box<dyn EphemeralKey>, ProviderError> {
        Self::call(&self.calls, self.at)?;
        let inner = P256::new().generate(rng)?;
        let calls = self.calls.clone();
        Ok(Box::new(FailingPart {
            inner,
            calls,
            at: self.at,
        }))
    }

    fn signer(&self, key: &PrivateKey) -> Result<Box<dyn Signer>, ProviderError> {
        Self::call(&self.calls, self.at)?;
        let inner = P256::new().signer(key)?;
        let calls = self.calls.clone();
        Ok(Box::new(FailingPart {
            inner,
            calls,
            at: self.at,
        }))
    }

    fn verify(
        &self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), ProviderError> {
        Self::call(&self.calls, self.at)?;
        P256::new().verify(key, message, signature)
    }
}

impl EphemeralKey for FailingPart<Box<dyn EphemeralKey>> {
    fn public_key(&self) -> PublicKey {
        self.inner.public_key()
    }

    fn agree(self: Box<Self>, peer: &PublicKey) -> Result<Secret, ProviderError> {
        Failing::call(&self.calls, self.at)?;
        self.inner.agree(peer)
    }
}

impl Signer for FailingPart<Box<dyn Signer>> {
    fn sign(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), ProviderError> {
        Failing::call(&self.calls, self.at)?;
        self.inner.sign(message, out)
    }
}

/// Whichever call of the provider fails, the handshake does, on the side where it failed.
#[test]
fn hostile_h27_a_provider_that_fails() {
    let root = Authority::root("root", 9);
    let suites = |number, failing: Option<usize>, calls: &Arc<AtomicUsize>| {
        let credentials = credentials(number, [&root.leaf("server.example", number, |_| {})]);
        let trust = Trust::Anchors(root.anchors());
        let provider = Failing {
            calls: calls.clone(),
            at: failing.unwrap_or(usize::MAX),
        };
        Ecdsa::new(provider, credentials, trust)
    };
    for role in [Role::Client, Role::Server] {
        let run = |at| {
            let calls = Arc::new(AtomicUsize::new(0));
            let unused = Arc::default();
            let [client, server] = match role {
                Role::Client => [suites(1, at, &calls), suites(2, None, &unused)],
                Role::Server => [suites(1, None, &unused), suites(2, at, &calls)],
            };
            let result = match (client, server) {
                (Ok(client), Ok(server)) => handshake(&client, &server).map(|_| ()),
                _ => Err((role, ProviderError::new().into())),
            };
            (calls.load(Ordering::Relaxed), result)
        };
        let (calls, result) = run(None);
        assert!(result.is_ok());
        // The key, an ephemeral key, the agreement, a signature, and two signatures of the peer to check.
        assert_eq!(calls, 6, "{role:?}");
        for at in 0..calls {
            let (_, result) = run(Some(at));
            assert_eq!(result.unwrap_err().0, role, "call {at}");
        }
    }
}

#[test]
fn hostile_i03_messages_that_are_cut_or_too_long() {
    for message in [
        Message::ServerKeyExchange,
        Message::CertificateRequest,
        Message::ClientKeyExchange,
        Message::CertificateVerify,
    ] {
        let full = Mutex::new(0);
        changed(message, |body| *full.lock().unwrap() = body.len()).unwrap();
        let full = full.into_inner().unwrap();
        for len in 0..full {
            let (_, failure) = changed(message, |body| body.truncate(len)).unwrap_err();
            let alert = failure.alert;
            assert!(
                alert == Alert::DECODE_ERROR || alert == Alert::ILLEGAL_PARAMETER,
                "{len}"
            );
        }
        let (_, failure) = changed(message, |body| body.push(0)).unwrap_err();
        assert_eq!(failure.alert, Alert::DECODE_ERROR, "{message:?}");
    }
    // Names of authorities whose lengths are lies.
    for list in ["0001 00", "0002 0001", "0003 0002 00", "ffff", "0002"] {
        let list = hex(&list.replace(' ', ""));
        let result = changed(Message::CertificateRequest, |body| {
            body.truncate(6);
            body.extend(&list);
        });
        assert_eq!(result.unwrap_err().1.alert, Alert::DECODE_ERROR);
    }
    let good = hex("0007000000033000aa");
    changed(Message::CertificateRequest, |body| {
        body.truncate(6);
        body.extend(&good);
    })
    .unwrap();
}

/// There is no RSA: no suite, no scheme, no key.
#[test]
fn hostile_i07_no_rsa() {
    let offer = raw(1, Trust::Ask).offer();
    assert_eq!(offer.signature_schemes, [SignatureScheme::ECDSA_SHA256]);
    assert!(offer.suites.iter().all(|suite| suite.0 >> 8 == 0xc0));
    // A self-signed certificate with a key of 1024 bits, by OpenSSL.
    let rsa = hex(
        "308201f830820161a00302010202145abee8800b2922f8968ae9626081097593485bd0300d06092a864886f70d01010b0500300e310c300a06035504030c03727361301e170d3236313132383233303132325a170d3336313132353233303132325a300e310c300a06035504030c0372736130819f300d06092a864886f70d010101050003818d0030818902818100bf3d613711c652c731f97693980f90313c6805e8f7d570120916a28be7f3bf22f4b7f4c97c63c4c50943dd85a05130c8bfe40a6c84a0a53452619cf9b5cac0a1fcb1a85bc4bac84f8639087b64192a9e74290a4c2c2243b89cc3d3f5bc5972d62ebe3f2db01471eab1788ae533f8312321472e13122fcc704bf49819db2c5d570203010001a3533051301d0603551d0e04160414e900ba389ee3201e904d638b6588bec5ed071d84301f0603551d23041830168014e900ba389ee3201e904d638b6588bec5ed071d84300f0603551d130101ff040530030101ff300d06092a864886f70d01010b050003818100293afeb3d5b8b0c1200eafc8ea31f34db5d8bb26e3fd7e51f291f9a2942b2a08e990696e3517858cb0f4275dba912768128f47d95aa52a5b85adc6ef07e6e55770d9929cbf0158e77159bfd1d97c4374ae10963b8461f6018ad1010ae64f51ba72b5d71afcfa474e94c16ce51e37e7dd7f437508f3803f4e7cdbf082c0306d96",
    );
    assert_eq!(Certificate::from_der(&rsa).unwrap().public_key(), None);
    let failure = certificate(Role::Client, true, |body| {
        body.clear();
        vector::<3>(body, |out| vector::<3>(out, |out| out.extend(&rsa)));
    });
    assert_eq!(failure.alert, Alert::UNSUPPORTED_CERTIFICATE);
    let root = Authority::root("root", 9);
    assert!(verify_client_chain(&P256::new(), &root.anchors(), &[&rsa], NOW).is_err());
}

/// A body that `number`'s key has signed.
fn signed(number: u8, message: &[u8]) -> Vec<u8> {
    let mut signature = Vec::new();
    let signer = P256::new().signer(&key(number)).unwrap();
    signer.sign(message, &mut signature).unwrap();
    let mut body = hex("0403");
    vector::<2>(&mut body, |out| out.extend(&signature));
    body
}

#[test]
fn hostile_j01_a_client_that_does_not_prove_its_key() {
    let refused = |body: Vec<u8>, alert| {
        let result = changed(Message::CertificateVerify, |at| at.clone_from(&body));
        let (role, failure) = result.unwrap_err();
        assert_eq!((role, failure.alert), (Role::Server, alert));
    };
    refused(vec![], Alert::DECODE_ERROR);
    refused(hex("04030000"), Alert::DECRYPT_ERROR);
    // Another key, another transcript, no transcript.
    refused(signed(3, b"transcript"), Alert::DECRYPT_ERROR);
    refused(signed(1, b"another transcript"), Alert::DECRYPT_ERROR);
    refused(signed(1, b""), Alert::DECRYPT_ERROR);
    // The signature of a handshake with another server.
    let other = handshake(&raw(1, keys([3])), &raw(3, keys([1]))).unwrap();
    let (_, _, verify) = other.bodies.last().unwrap();
    refused(verify.clone(), Alert::DECRYPT_ERROR);
}

/// A claim without its proof is a claim, and none after a proof that fails. (That an endpoint demands CertificateVerify is a test
/// of endpoints.)
#[test]
fn hostile_j01_a_claim_ends_with_a_proof_that_fails() {
    let server = raw(2, keys([1]));
    let hello = client_hello(&raw(1, keys([2])).offer());
    let mut exchange = server
        .select(&ClientHello::decode(&hello).unwrap())
        .unwrap()
        .key_exchange;
    let (mut rng, zeros) = (Rng::from_seed([0; 32]), [0; 32]);
    let mut cx = Context::new(
        Role::Server,
        &zeros,
        &zeros,
        b"",
        None,
        NOW,
        &zeros,
        &mut rng,
    );
    for message in [Message::Certificate, Message::ServerKeyExchange] {
        exchange.write(message, &mut cx, &mut Vec::new()).unwrap();
    }
    let mut shown = Vec::new();
    vector::<3>(&mut shown, |out| out.extend(key(1).public_key().spki()));
    let step = exchange
        .read(Message::Certificate, &shown, &mut cx)
        .unwrap();
    assert!(matches!(step, Step::Done));
    // A second one does not replace the first.
    assert!(
        exchange
            .read(Message::Certificate, &shown, &mut cx)
            .is_err()
    );
    let mut point = Vec::new();
    vector::<1>(&mut point, |out| out.extend(key(5).public_key().point()));
    exchange
        .read(Message::ClientKeyExchange, &point, &mut cx)
        .unwrap();
    assert!(exchange.premaster().is_ok());
    assert_eq!(exchange.peer().kind, IdentityKind::RAW_PUBLIC_KEY);
    assert!(
        exchange
            .read(Message::CertificateVerify, &signed(3, b""), &mut cx)
            .is_err()
    );
    assert_eq!(exchange.peer().kind, IdentityKind::ANONYMOUS);
    // Neither another try nor an answer that nobody asked for brings it back.
    assert!(exchange.answer(Answer::Trust(Ok(())), &mut cx).is_err());
    assert!(
        exchange
            .read(Message::CertificateVerify, &signed(1, b""), &mut cx)
            .is_err()
    );
    assert_eq!(exchange.peer().kind, IdentityKind::ANONYMOUS);
}

/// The client's side: a ServerKeyExchange whose signature is missing, empty, of zeros, of another key or handshake.
#[test]
fn hostile_j02_a_server_that_does_not_prove_its_key() {
    let refused = |tail: Vec<u8>, alert| {
        let result = changed(Message::ServerKeyExchange, |body| {
            body.truncate(69);
            body.extend(&tail);
        });
        let (role, failure) = result.unwrap_err();
        assert_eq!((role, failure.alert), (Role::Client, alert));
    };
    refused(vec![], Alert::DECODE_ERROR);
    refused(hex("04030000"), Alert::DECRYPT_ERROR);
    refused(
        hex("0403000830060201000201 00".replace(' ', "").as_str()),
        Alert::DECRYPT_ERROR,
    );
    refused(signed(3, b"params"), Alert::DECRYPT_ERROR);
    refused(signed(2, b"other randoms and params"), Alert::DECRYPT_ERROR);
    // The right signature under another point.
    let result = changed(Message::ServerKeyExchange, |body| {
        body[4..69].copy_from_slice(key(6).public_key().point());
    });
    assert_eq!(result.unwrap_err().1.reason, FailureReason::BadSignature);
    // Out of order: done without it.
    let client = raw(1, keys([2]));
    let mut hello = hex("fefd");
    hello.extend([0x50; 32]);
    hello.extend(hex("00c0ae00000a00130001020014000102"));
    let mut exchange = client
        .accept(&ServerHello::decode(&hello).unwrap())
        .unwrap();
    let (mut rng, zeros) = (Rng::from_seed([0; 32]), [0; 32]);
    let mut cx = Context::new(
        Role::Client,
        &zeros,
        &zeros,
        b"",
        None,
        NOW,
        &zeros,
        &mut rng,
    );
    assert!(exchange.server_done(&mut cx).is_err());
    assert!(
        exchange
            .write(Message::ClientKeyExchange, &mut cx, &mut Vec::new())
            .is_err()
    );
    assert!(exchange.premaster().is_err());
}

#[test]
fn hostile_j03_a_raw_public_key_that_is_not_expected() {
    let refused = |client, server, role| {
        let (at, failure) = handshake(&client, &server).unwrap_err();
        assert_eq!((at, failure.alert), (role, Alert::BAD_CERTIFICATE));
        assert!(
            matches!(failure.reason, FailureReason::UnexpectedKey { .. }),
            "{failure:?}"
        );
    };
    refused(raw(1, keys([3])), raw(2, keys([1])), Role::Client);
    refused(raw(1, keys([2])), raw(2, keys([3, 4])), Role::Server);
    refused(raw(1, keys([])), raw(2, keys([1])), Role::Client);
    refused(raw(1, keys([2])), raw(2, keys([])), Role::Server);
}

/// r or s of 0, the order n, n + 1 or the field's p.
#[test]
fn hostile_j04_signatures_out_of_range() {
    let good = {
        let mut signature = Vec::new();
        P256::new()
            .signer(&key(1))
            .unwrap()
            .sign(b"m", &mut signature)
            .unwrap();
        signature
    };
    let number = |digits: &str| {
        let bytes = hex(digits);
        let mut out = vec![2];
        let zero = bytes[0] >> 7;
        out.push(u8::try_from(bytes.len()).unwrap() + zero);
        out.extend(vec![0; zero.into()]);
        out.extend(bytes);
        out
    };
    let bad = [
        "00",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552",
        "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    ];
    // From the good signature's DER: its r and its s.
    let r_len = usize::from(good[3]) + 2;
    let (r, s) = good[2..].split_at(r_len);
    for provider in [&P256::new() as &dyn Provider, &Ring::new()] {
        let verify = |parts: [&[u8]; 2]| {
            let mut signature = vec![0x30];
            vector::<1>(&mut signature, |out| out.extend(parts.concat()));
            provider
                .verify(key(1).public_key(), b"m", &signature)
                .is_ok()
        };
        assert!(verify([r, s]));
        for bad in bad.map(number) {
            assert!(!verify([&bad, s]) && !verify([r, &bad]));
            for other in bad.chunks(bad.len()) {
                assert!(!verify([&bad, other]));
            }
        }
        for r in bad.map(number) {
            for s in bad.map(number) {
                assert!(!verify([&r, &s]));
            }
        }
    }
}

/// Name constraints of an authority, which webpki checks for alternative names, hold for the common name too.
#[test]
fn hostile_j06_name_constraints() {
    let root = Authority::root("root", 9);
    let under = |constraints: NameConstraints, common: &str, alternatives: &[&str]| {
        let between = root.under("between", 8, |params| {
            params.name_constraints = Some(constraints);
        });
        let leaf = between.leaf(common, 1, |params| {
            let name = |name: &&str| SanType::DnsName((*name).try_into().unwrap());
            params.subject_alt_names = alternatives.iter().map(name).collect();
        });
        let trust = ServerTrust::certificate(
            CertificateUsage::TRUST_ANCHOR_ASSERTION,
            MatchingType::EXACT,
            &root.der,
        );
        let chain = [&leaf, &between.der];
        let name = alternatives.first().unwrap_or(&common).replace('*', "a");
        verify_server(
            &P256::new(),
            &trust.unwrap(),
            Shown::Chain(&chain),
            Some(&name),
            NOW,
        )
        .map_err(|failure| failure.alert)
    };
    let tree = |name: &str| vec![GeneralSubtree::DnsName(name.into())];
    let only = |name| NameConstraints {
        permitted_subtrees: tree(name),
        excluded_subtrees: vec![],
    };
    let not = |name| NameConstraints {
        permitted_subtrees: vec![],
        excluded_subtrees: tree(name),
    };
    let bad = Err(Alert::BAD_CERTIFICATE);
    let name = "a.example.org";
    assert_eq!(under(only("example.org"), name, &[name]), Ok(()));
    assert_eq!(under(only("example.com"), name, &[name]), bad);
    assert_eq!(under(not("example.org"), name, &[name]), bad);
    assert_eq!(under(not("example.com"), name, &[name]), Ok(()));
    // A pattern that covers names on both sides of the constraint.
    assert_eq!(
        under(not("a.example.org"), "*.example.org", &["*.example.org"]),
        bad
    );
    assert_eq!(
        under(only("a.example.org"), "*.example.org", &["*.example.org"]),
        bad
    );
    // The common name alone would slip through.
    assert_eq!(under(only("example.com"), name, &[]), bad);
    assert_eq!(under(only("example.com"), name, &["a.example.com"]), bad);
    assert_eq!(under(not("example.org"), name, &[]), bad);
}

/// The versions of webpki that the known advisories of 2026 ask for, and newer.
#[test]
fn hostile_j06_dependency_floor() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
    let lock = std::fs::read_to_string(manifest).unwrap();
    let mut versions = lock.split("name = \"rustls-webpki\"\nversion = \"").skip(1);
    let first = versions.next().unwrap();
    let numbers: Vec<u32> = first
        .split('"')
        .next()
        .unwrap()
        .split('.')
        .map(|number| number.parse().unwrap())
        .collect();
    assert!(numbers >= vec![0, 103, 17], "{numbers:?}");
    assert!(versions.next().is_none(), "two versions");
}

/// A client whose certificate is a server's.
#[test]
fn hostile_j07_purposes_are_not_optional() {
    let root = Authority::root("root", 9);
    let leaf = root.leaf("device", 1, purposes(&[ServerAuth]));
    let server = raw(2, Trust::Anchors(root.anchors()));
    let client = Ecdsa::new(P256::new(), credentials(1, [&leaf]), keys([2])).unwrap();
    // An honest client does not even show it.
    let (_, failure) = handshake(&client, &server).unwrap_err();
    assert_eq!(failure.reason, FailureReason::NoCommonCertificateType);
    let good = root.leaf("device", 1, |_| {});
    let client = Ecdsa::new(P256::new(), credentials(1, [&good]), keys([2])).unwrap();
    let result = tampered(&client, &server, &mut |from, at, body| {
        if (from, at) == (Role::Client, Message::Certificate) {
            body.clear();
            vector::<3>(body, |out| vector::<3>(out, |out| out.extend(&leaf)));
        }
    });
    // Its CertificateVerify is over what it meant to send, so it fails there at the latest; the chain by itself:
    assert_eq!(result.unwrap_err().0, Role::Server);
    let failure = verify_client_chain(&P256::new(), &root.anchors(), &[&leaf], NOW).unwrap_err();
    assert_eq!(failure.alert, Alert::UNSUPPORTED_CERTIFICATE);
}

/// Lengths beyond everything, indefinite lengths, a thousand sequences in each other.
#[test]
fn hostile_j11_der() {
    let mut deep = Vec::new();
    for _ in 0..1_000 {
        let inner = core::mem::take(&mut deep);
        deep.push(0x30);
        match u8::try_from(inner.len()) {
            Ok(len) if len < 128 => deep.push(len),
            _ => {
                deep.push(0x82);
                deep.extend(u16::try_from(inner.len()).unwrap().to_be_bytes());
            }
        }
        deep.extend(inner);
    }
    let root = Authority::root("root", 9);
    let good = root.leaf("device", 1, |_| {});
    // The good one with something else in the place of its second sequence's head, and what is bad by itself.
    let mut inputs = vec![
        deep.clone(),
        hex("30887fffffffffffffff00"),
        hex("3088ffffffffffffffff00"),
        hex("3084ffffffff00"),
        hex("30800000"),
        hex("3080308030800000"),
        vec![0x30; 10_000],
        vec![],
    ];
    for head in ["30887fffffffffffffff", "3080", "308300ffff", "a08401000000"] {
        let mut changed = good.clone();
        changed.splice(4..8, hex(head));
        inputs.push(changed);
    }
    // The thousand, as a name's value and as an extension's.
    let mut inside = good[..8].to_vec();
    inside.extend(&deep);
    inputs.push(inside);
    for input in &inputs {
        assert!(Certificate::from_der(input).is_err());
        assert!(PrivateKey::from_der(input).is_err());
        assert!(PublicKey::from_spki(input).is_err());
        assert!(Anchors::from_der([input]).is_err());
        let chain = [&input[..]];
        assert!(verify_client_chain(&P256::new(), &root.anchors(), &chain, NOW).is_err());
        let chain = [&good[..], &input[..]];
        assert!(verify_client_chain(&P256::new(), &root.anchors(), &chain, NOW).is_err());
    }
    for len in 0..good.len() {
        assert!(Certificate::from_der(&good[..len]).is_err());
    }
    // Every byte changed: read or not, nothing panics, and nothing but the good one is accepted.
    for at in 0..good.len() {
        for bit in [0x01, 0x80] {
            let mut changed = good.clone();
            changed[at] ^= bit;
            let chain = [&changed[..]];
            assert!(
                verify_client_chain(&P256::new(), &root.anchors(), &chain, NOW).is_err(),
                "{at}"
            );
        }
    }
}

/// A verdict that does not come, or is no verdict.
#[test]
fn hostile_j12_the_application_s_verdict_fails() {
    let (client, server) = (raw(1, Trust::Ask), raw(2, Trust::Ask));
    let verdicts = [
        Answer::Psk(None),
        Answer::Psk(Some(Secret::new(&[1; 16]))),
        Answer::Trust(Err(Alert::INTERNAL_ERROR.into())),
    ];
    for verdict in &verdicts {
        for role in [Role::Client, Role::Server] {
            let result = Run {
                client: &client,
                server: &server,
                now: NOW,
                server_name: None,
                tamper: &mut |_, _, _| {},
                answer: &mut |at, _: &Question| match at == role {
                    true => verdict.clone(),
                    false => Answer::Trust(Ok(())),
                },
            }
            .go();
            assert_eq!(result.unwrap_err().0, role);
        }
    }
}

/// What vouches for itself is nobody to an authority, and up to the application where that decides.
#[test]
fn self_signed_clients() {
    let alone = self_signed("device", 1, |_| {});
    let client = || Ecdsa::new(P256::new(), credentials(1, [&alone]), keys([2])).unwrap();
    let root = Authority::root("root", 9);
    let (role, failure) =
        handshake(&client(), &raw(2, Trust::Anchors(root.anchors()))).unwrap_err();
    assert_eq!((role, failure.alert), (Role::Server, Alert::UNKNOWN_CA));
    let seen = handshake(&client(), &raw(2, Trust::Ask))
        .unwrap()
        .server_sees;
    assert_eq!(seen.kind, IdentityKind::X509);
}
