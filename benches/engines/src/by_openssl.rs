use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;

use openssl::pkey::PKey;
use openssl::ssl::{
    HandshakeError, MidHandshakeSslStream, Ssl, SslContext, SslContextBuilder, SslMethod,
    SslOptions, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

use crate::{Certificates, Clock, Engine, IDENTITY, KEY, TEXT};

/// OpenSSL, by memory: pre-shared keys with CCM_8, or certificates with ECDHE and CCM_8. Cookie and extended master
/// secret are on.
pub struct OpenSsl {
    server: SslContext,
    client: SslContext,
    pair: Option<(SslStream<Wire>, SslStream<Wire>)>,
}

type Queue = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// One end: a read is a datagram, and so is a write.
#[derive(Debug)]
pub struct Wire {
    from: Queue,
    to: Queue,
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.from.borrow_mut().pop_front() {
            Some(bytes) => {
                let len = bytes.len().min(buf.len());
                buf[..len].copy_from_slice(&bytes[..len]);
                Ok(len)
            }
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.to.borrow_mut().push_back(buf.to_vec());
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Step {
    Done(SslStream<Wire>),
    Waits(MidHandshakeSslStream<Wire>),
}

impl Step {
    fn of(result: Result<SslStream<Wire>, HandshakeError<Wire>>) -> Self {
        match result {
            Ok(stream) => Self::Done(stream),
            Err(HandshakeError::WouldBlock(stream)) => Self::Waits(stream),
            Err(other) => panic!("{other}"),
        }
    }

    fn go_on(self) -> Self {
        match self {
            Self::Waits(stream) => Self::of(stream.handshake()),
            done @ Self::Done(_) => done,
        }
    }
}

impl OpenSsl {
    /// With pre-shared keys.
    #[must_use]
    pub fn psk() -> Self {
        Self::new("PSK-AES128-CCM8", |_, _| {})
    }

    /// With a certificate for each side.
    #[must_use]
    pub fn certificates() -> Self {
        let certificates = Certificates::new();
        Self::new("ECDHE-ECDSA-AES128-CCM8", |builder, server| {
            let (key, certificate) = match server {
                true => &certificates.server,
                false => &certificates.client,
            };
            let key = PKey::private_key_from_pkcs8(key).expect("a key");
            builder.set_private_key(&key).expect("a key");
            let certificate = X509::from_der(certificate).expect("a certificate");
            builder
                .set_certificate(&certificate)
                .expect("a certificate");
            let mut store = X509StoreBuilder::new().expect("a store");
            let authority = X509::from_der(&certificates.authority).expect("a certificate");
            store.add_cert(authority).expect("an authority");
            builder.set_cert_store(store.build());
            builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        })
    }

    fn new(cipher: &str, more: impl Fn(&mut SslContextBuilder, bool)) -> Self {
        let context = |server: bool| {
            let mut builder = SslContext::builder(SslMethod::dtls()).expect("a context");
            let version = Some(SslVersion::DTLS1_2);
            builder.set_min_proto_version(version).expect("DTLS 1.2");
            builder
                .set_cipher_list(&format!("{cipher}:@SECLEVEL=0"))
                .expect("a suite");
            builder.set_options(SslOptions::NO_QUERY_MTU | SslOptions::NO_TICKET);
            if server {
                builder.set_options(SslOptions::COOKIE_EXCHANGE);
                builder.set_cookie_generate_cb(|_, out| {
                    out[..COOKIE.len()].copy_from_slice(COOKIE);
                    Ok(COOKIE.len())
                });
                builder.set_cookie_verify_cb(|_, cookie| cookie == COOKIE);
                builder.set_psk_server_callback(|_, _, out| {
                    out[..KEY.len()].copy_from_slice(KEY);
                    Ok(KEY.len())
                });
            } else {
                builder.set_psk_client_callback(|_, _, identity, key| {
                    identity[..IDENTITY.len()].copy_from_slice(IDENTITY);
                    identity[IDENTITY.len()] = 0;
                    key[..KEY.len()].copy_from_slice(KEY);
                    Ok(KEY.len())
                });
            }
            more(&mut builder, server);
            builder.build()
        };
        Self {
            server: context(true),
            client: context(false),
            pair: None,
        }
    }

    fn connect(&self, clock: &mut Clock) -> (SslStream<Wire>, SslStream<Wire>) {
        let (up, down) = (Queue::default(), Queue::default());
        let wire = |server: bool| Wire {
            from: if server { up.clone() } else { down.clone() },
            to: if server { down.clone() } else { up.clone() },
        };
        let open = |context: &SslContext| {
            let mut ssl = Ssl::new(context).expect("a session");
            ssl.set_mtu(1200).expect("an MTU");
            ssl
        };
        let mut client = Step::of(open(&self.client).connect(wire(false)));
        let mut server = clock.time(|| Step::of(open(&self.server).accept(wire(true))));
        loop {
            if let (Step::Done(_), Step::Done(_)) = (&server, &client) {
                let (Step::Done(server), Step::Done(client)) = (server, client) else {
                    unreachable!()
                };
                return (server, client);
            }
            client = client.go_on();
            server = clock.time(|| server.go_on());
        }
    }
}

impl Engine for OpenSsl {
    fn name(&self) -> &'static str {
        "openssl"
    }

    fn handshake(&mut self, clock: &mut Clock) {
        let (server, _client) = self.connect(clock);
        clock.time(|| drop(server));
    }

    fn echo(&mut self, clock: &mut Clock, times: u32) {
        let (mut server, mut client) = match self.pair.take() {
            Some(pair) => pair,
            None => self.connect(clock),
        };
        for _ in 0..times {
            client.write_all(&TEXT).expect("sent");
        }
        clock.time(|| {
            let mut text = [0; 64];
            for _ in 0..times {
                server.read_exact(&mut text).expect("data");
                server.write_all(&text).expect("sent");
            }
        });
        client.get_ref().from.borrow_mut().clear();
        self.pair = Some((server, client));
    }
}

const COOKIE: &[u8] = b"sixteen bytes of";
