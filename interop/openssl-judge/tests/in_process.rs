//! OpenSSL and our endpoint hand each other datagrams: what its programs cannot show, above all resumption on its server.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use dtls_core::{
    Answer, CipherSuite, Config, Connect, Datagram, Endpoint, Event, Path, Question, Resumption,
    Secret, Suites,
};
use dtls_ecdsa::{Anchors, Credentials, Ecdsa, PrivateKey, Ring, Trust, verify_client_chain};
use dtls_psk::Psk;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    ErrorCode, HandshakeError, MidHandshakeSslStream, Ssl, SslContext, SslContextBuilder,
    SslMethod, SslOptions, SslSessionCacheMode, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};
use sansio::{DatagramBuf, Instant, Peer, Rng};

const IDENTITY: &str = "device-1";
const KEY: [u8; 16] = [0x42; 16];
const NOW: Instant = Instant::ZERO;

/// OpenSSL's end of the wire: a write is a datagram.
#[derive(Clone, Debug, Default)]
struct Wire(Arc<Mutex<(VecDeque<Vec<u8>>, VecDeque<Vec<u8>>)>>);

impl Wire {
    fn put(&self, datagram: &[u8]) {
        self.0.lock().unwrap().0.push_back(datagram.to_vec());
    }

    fn take(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap().1.pop_front()
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let datagram = self.0.lock().unwrap().0.pop_front();
        let datagram = datagram.ok_or(io::ErrorKind::WouldBlock)?;
        buf[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().1.push_back(buf.to_vec());
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Theirs {
    Shaking(Option<MidHandshakeSslStream<Wire>>),
    Open(SslStream<Wire>),
}

impl Theirs {
    fn new(result: Result<SslStream<Wire>, HandshakeError<Wire>>) -> Self {
        match result {
            Ok(stream) => Self::Open(stream),
            Err(HandshakeError::WouldBlock(middle)) => Self::Shaking(Some(middle)),
            Err(error) => panic!("{error:?}"),
        }
    }

    fn go_on(&mut self) {
        if let Self::Shaking(middle) = self {
            *self = Self::new(middle.take().unwrap().handshake());
        }
    }

    fn stream(&mut self) -> &mut SslStream<Wire> {
        let Self::Open(stream) = self else {
            panic!("the handshake is not over");
        };
        stream
    }
}

/// A key, and a certificate of the authority for it.
struct Holder {
    key: PKey<Private>,
    certificate: X509,
}

impl Holder {
    fn new(name: &str, issuer: Option<&Self>) -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut subject = X509Name::builder().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut x509 = X509::builder().unwrap();
        x509.set_version(2).unwrap();
        let serial = BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap();
        x509.set_serial_number(&serial).unwrap();
        x509.set_subject_name(&subject).unwrap();
        x509.set_not_before(&Asn1Time::days_from_now(0).unwrap())
            .unwrap();
        x509.set_not_after(&Asn1Time::days_from_now(9).unwrap())
            .unwrap();
        x509.set_pubkey(&key).unwrap();
        let mut usage = KeyUsage::new();
        match issuer {
            None => {
                let authority = BasicConstraints::new().critical().ca().build().unwrap();
                x509.append_extension(authority).unwrap();
                usage.key_cert_sign();
            }
            Some(_) => {
                let context = x509.x509v3_context(None, None);
                let names = SubjectAlternativeName::new().dns(name).build(&context);
                x509.append_extension(names.unwrap()).unwrap();
                usage.digital_signature();
            }
        }
        x509.append_extension(usage.build().unwrap()).unwrap();
        let (issuer_name, signer) = match issuer {
            Some(issuer) => (issuer.certificate.subject_name(), &issuer.key),
            None => (&*subject, &key),
        };
        x509.set_issuer_name(issuer_name).unwrap();
        x509.sign(signer, MessageDigest::sha256()).unwrap();
        Self {
            certificate: x509.build(),
            key,
        }
    }

    fn credentials(&self) -> Credentials {
        let key = PrivateKey::from_der(&self.key.private_key_to_pkcs8().unwrap()).unwrap();
        Credentials::x509(key, vec![self.certificate.to_der().unwrap()]).unwrap()
    }
}

/// Who takes part, and by which suite.
struct Cast {
    suite: CipherSuite,
    cipher: &'static str,
    authority: Holder,
    server: Holder,
    client: Holder,
}

impl Cast {
    fn new(suite: CipherSuite, cipher: &'static str) -> Self {
        let authority = Holder::new("authority", None);
        Self {
            suite,
            cipher,
            server: Holder::new("server.example", Some(&authority)),
            client: Holder::new(IDENTITY, Some(&authority)),
            authority,
        }
    }

    fn by_key(&self) -> bool {
        self.cipher.starts_with("PSK")
    }

    fn anchors(&self) -> Anchors {
        Anchors::from_der([self.authority.certificate.to_der().unwrap()]).unwrap()
    }

    fn context(&self, own: &Holder) -> SslContextBuilder {
        let mut context = SslContext::builder(SslMethod::dtls()).unwrap();
        context
            .set_min_proto_version(Some(SslVersion::DTLS1_2))
            .unwrap();
        let list = format!("{}:@SECLEVEL=0", self.cipher);
        context.set_cipher_list(&list).unwrap();
        if !self.by_key() {
            context.set_certificate(&own.certificate).unwrap();
            context.set_private_key(&own.key).unwrap();
            context
                .cert_store_mut()
                .add_cert(self.authority.certificate.clone())
                .unwrap();
            context.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        }
        context
    }

    /// OpenSSL's server; it asks for a cookie.
    fn their_server(&self) -> SslContext {
        let mut context = self.context(&self.server);
        context.set_options(SslOptions::COOKIE_EXCHANGE);
        context.set_cookie_generate_cb(|_, cookie| {
            cookie[..4].copy_from_slice(b"cook");
            Ok(4)
        });
        context.set_cookie_verify_cb(|_, cookie| cookie == b"cook");
        context.set_session_id_context(b"judge").unwrap();
        context.set_session_cache_mode(SslSessionCacheMode::SERVER);
        context.set_psk_server_callback(|_, identity, key| {
            assert_eq!(identity, Some(IDENTITY.as_bytes()));
            key[..KEY.len()].copy_from_slice(&KEY);
            Ok(KEY.len())
        });
        context.build()
    }

    fn their_client(&self) -> SslContext {
        let mut context = self.context(&self.client);
        context.set_psk_client_callback(|_, _, identity, key| {
            identity[..IDENTITY.len()].copy_from_slice(IDENTITY.as_bytes());
            identity[IDENTITY.len()] = 0;
            key[..KEY.len()].copy_from_slice(&KEY);
            Ok(KEY.len())
        });
        context.build()
    }

    fn our_client(&self) -> Arc<dyn Suites> {
        if self.by_key() {
            let psk = Psk::client(IDENTITY.as_bytes(), &KEY).unwrap();
            return Arc::new(psk.with_suites(&[self.suite]).unwrap());
        }
        let (own, trust) = (self.client.credentials(), Trust::Anchors(self.anchors()));
        let suites = [self.suite];
        Arc::new(Ecdsa::with_suites(Ring::new(), own, trust, &suites, &suites).unwrap())
    }

    fn our_server(&self) -> Arc<dyn Suites> {
        let own = self.server.credentials();
        let kinds: Vec<Arc<dyn Suites>> = vec![
            Arc::new(Psk::server()),
            Arc::new(Ecdsa::new(Ring::new(), own, Trust::Ask).unwrap()),
        ];
        Arc::new(kinds)
    }
}

/// Our end.
struct Ours {
    endpoint: Endpoint,
    anchors: Anchors,
    connected: Option<(Peer, CipherSuite, bool)>,
    heard: Vec<Vec<u8>>,
}

fn path() -> Path {
    Path {
        local_endpoint: 0,
        address: SocketAddr::from(([192, 0, 2, 1], 5684)),
    }
}

impl Ours {
    fn new(cast: &Cast, server: Option<Arc<dyn Suites>>, max_datagram: usize) -> Self {
        let mut config = Config::default();
        config.resumptions = 10;
        config.max_datagram = max_datagram;
        Self {
            endpoint: Endpoint::new(NOW, config, server, Rng::from_seed([3; 32])),
            anchors: cast.anchors(),
            connected: None,
            heard: Vec::new(),
        }
    }

    fn tell(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Question {
                    ticket, question, ..
                } => {
                    let answer = match question {
                        Question::Psk { identity, .. } => {
                            assert_eq!(identity, IDENTITY.as_bytes());
                            Answer::Psk(Some(Secret::new(&KEY)))
                        }
                        Question::Trust { chain, .. } => Answer::Trust(
                            verify_client_chain(&Ring::new(), &self.anchors, &chain, 0).map(drop),
                        ),
                        other => panic!("{other:?}"),
                    };
                    self.endpoint.answer(NOW, ticket, answer);
                }
                Event::Connected {
                    peer,
                    suite,
                    resumed,
                    ..
                } => self.connected = Some((peer, suite, resumed)),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Carries datagrams until both have nothing more to say.
    fn talk(&mut self, wire: &Wire, theirs: &mut Theirs) {
        for _ in 0..100 {
            let mut quiet = true;
            let mut memory = [0; 2048];
            let mut out = DatagramBuf::new(&mut memory, 0, 0);
            while self.endpoint.poll_transmit(NOW, &mut out).is_some() {
                wire.put(out.bytes());
                quiet = false;
            }
            theirs.go_on();
            while let Some(mut datagram) = wire.take() {
                quiet = false;
                let mut datagram = Datagram::new(path(), &mut datagram);
                while let Some((_, data)) = self.endpoint.handle_datagram(NOW, &mut datagram) {
                    self.heard.push(data.to_vec());
                }
                self.tell();
            }
            if quiet {
                return;
            }
        }
        panic!("they never stop");
    }

    /// Application data both ways.
    fn exchange(&mut self, wire: &Wire, theirs: &mut Theirs) {
        let (peer, ..) = self.connected.unwrap();
        let mut memory = [0; 2048];
        let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
        buf.space()[..5].copy_from_slice(b"there");
        buf.set_len(5);
        self.endpoint.seal(peer, &mut buf).unwrap();
        wire.put(buf.bytes());
        let stream = theirs.stream();
        let mut read = [0; 64];
        let len = stream.ssl_read(&mut read).unwrap();
        assert_eq!(&read[..len], b"there");
        assert_eq!(
            stream.ssl_read(&mut read).unwrap_err().code(),
            ErrorCode::WANT_READ
        );
        stream.ssl_write(b"back").unwrap();
        self.talk(wire, theirs);
        assert_eq!(self.heard.pop().as_deref(), Some(&b"back"[..]));
    }
}

const SUITES: [(CipherSuite, &str); 4] = [
    (CipherSuite::PSK_WITH_AES_128_CCM_8, "PSK-AES128-CCM8"),
    (
        CipherSuite::PSK_WITH_AES_128_CBC_SHA256,
        "PSK-AES128-CBC-SHA256",
    ),
    (
        CipherSuite::ECDHE_ECDSA_WITH_AES_128_CCM_8,
        "ECDHE-ECDSA-AES128-CCM8",
    ),
    (
        CipherSuite::ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-ECDSA-AES128-GCM-SHA256",
    ),
];

fn to_their_server(
    cast: &Cast,
    context: &SslContext,
    resume: Option<Resumption>,
) -> (bool, Resumption) {
    let wire = Wire::default();
    let mut ours = Ours::new(cast, None, 500);
    let mut connect = Connect::default();
    connect.server_name = Some("server.example".into());
    connect.resume = resume;
    ours.endpoint
        .connect(NOW, path(), cast.our_client(), connect)
        .unwrap();
    let mut ssl = Ssl::new(context).unwrap();
    ssl.set_mtu(500).unwrap();
    let mut theirs = Theirs::new(ssl.accept(wire.clone()));
    ours.talk(&wire, &mut theirs);
    let (peer, suite, resumed) = ours.connected.expect("connected");
    assert_eq!(suite, cast.suite);
    ours.exchange(&wire, &mut theirs);
    assert_eq!(theirs.stream().ssl().session_reused(), resumed);
    // OpenSSL forgets a session whose stream is dropped without a farewell.
    let resumption = ours.endpoint.resumption(peer).expect("it can go on");
    ours.endpoint.close(peer);
    ours.talk(&wire, &mut theirs);
    let _ = theirs.stream().ssl_read(&mut [0; 8]);
    let _ = theirs.stream().shutdown();
    (resumed, resumption)
}

#[test]
fn ours_goes_on_with_a_session_of_an_openssl_server() {
    for (suite, cipher) in SUITES {
        let cast = Cast::new(suite, cipher);
        let context = cast.their_server();
        let (resumed, resumption) = to_their_server(&cast, &context, None);
        assert!(!resumed, "{cipher}");
        let (resumed, resumption) = to_their_server(&cast, &context, Some(resumption));
        assert!(resumed, "{cipher}");
        // A server that knows nothing of it shakes hands anew.
        let (resumed, _) = to_their_server(&cast, &cast.their_server(), Some(resumption));
        assert!(!resumed, "{cipher}");
    }
}

#[test]
fn an_openssl_client_comes_to_ours() {
    for (suite, cipher) in SUITES {
        let cast = Cast::new(suite, cipher);
        let mut ours = Ours::new(&cast, Some(cast.our_server()), 500);
        let wire = Wire::default();
        let mut ssl = Ssl::new(&cast.their_client()).unwrap();
        ssl.set_mtu(500).unwrap();
        ssl.set_hostname("server.example").unwrap();
        let mut theirs = Theirs::new(ssl.connect(wire.clone()));
        ours.talk(&wire, &mut theirs);
        let (_, picked, resumed) = ours.connected.expect("connected");
        assert_eq!((picked, resumed), (suite, false), "{cipher}");
        ours.exchange(&wire, &mut theirs);
    }
}
