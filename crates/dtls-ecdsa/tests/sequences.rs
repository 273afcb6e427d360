//! Every order of messages up to a length against both roles, with raw public keys: connected only with a verified
//! Finished, and with a CertificateVerify where a certificate is demanded.

#[path = "../../dtls-psk/tests/script/mod.rs"]
mod script;

use std::sync::LazyLock;

use dtls_core::{Config, Connect, Path};
use dtls_ecdsa::{
    Credentials, Ecdsa, EphemeralKey, PrivateKey, Provider, PublicKey, Ring, Signer, Trust,
};
use sansio::Rng;
use script::sequences::{ClientCase, FROM_CLIENT, FROM_SERVER, FromClient, FromServer, ServerCase};
use script::sequences::{all, lengths};
use script::*;

fn path() -> Path {
    Path {
        local_endpoint: 0,
        address: ([127, 0, 0, 1], 40_000).into(),
    }
}

/// Made once: there are many runs.
static KEYS: LazyLock<[PrivateKey; 3]> =
    LazyLock::new(|| [1, 2, 3].map(|number| PrivateKey::from_scalar(&[number; 32]).unwrap()));
static SERVER_SUITES: LazyLock<Ecdsa> = LazyLock::new(|| suites(1, 2));
static CLIENT_SUITES: LazyLock<Ecdsa> = LazyLock::new(|| suites(2, 1));

fn key(number: usize) -> PrivateKey {
    KEYS[number - 1].clone()
}

/// Key `own`, and trust in key `other` alone.
fn suites(own: usize, other: usize) -> Ecdsa {
    let trust = Trust::Keys([*key(other).public_key()].into());
    Ecdsa::new(Ring::new(), Credentials::raw_public_key(key(own)), trust).unwrap()
}

/// What both scripts show and sign.
struct Raw {
    key: PrivateKey,
    signer: Box<dyn Signer>,
    ephemeral: Option<Box<dyn EphemeralKey>>,
}

impl Raw {
    fn new(number: usize) -> Self {
        let key = key(number);
        let signer = Ring::new().signer(&key).unwrap();
        Self {
            key,
            signer,
            ephemeral: None,
        }
    }

    fn show(&self) -> Vec<u8> {
        let spki = self.key.public_key().spki();
        [&u24(spki.len())[..], &spki].concat()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = Vec::new();
        self.signer.sign(message, &mut signature).unwrap();
        [&[4, 3], &vec16(&signature)[..]].concat()
    }

    fn point(&mut self) -> Vec<u8> {
        let ephemeral = Ring::new().generate(&mut Rng::from_seed([1; 32])).unwrap();
        let point = vec8(ephemeral.public_key().point());
        self.ephemeral = Some(ephemeral);
        point
    }

    /// Zeros where the other's point is missing.
    fn agree(&mut self, point: Option<&[u8]>) -> Vec<u8> {
        let other = point.and_then(|point| PublicKey::from_point(point).ok());
        match (self.ephemeral.take(), other) {
            (Some(own), Some(other)) => own.agree(&other).unwrap().expose().to_vec(),
            _ => vec![0; 32],
        }
    }
}

impl KeyShare for Raw {
    fn suites(&self) -> Vec<u16> {
        vec![0xc0ae, 0x00ff]
    }

    fn extensions(&self) -> Vec<u8> {
        [
            extension(10, &[0, 2, 0, 0x17]),
            extension(11, &[1, 0]),
            extension(13, &[0, 2, 4, 3]),
            extension(19, &[1, 2]),
            extension(20, &[1, 2]),
        ]
        .concat()
    }

    fn certificate(&mut self) -> Vec<u8> {
        self.show()
    }

    fn key_exchange(&mut self, server: Option<&[u8]>) -> (Vec<u8>, Vec<u8>) {
        let body = self.point();
        (body, self.agree(server.and_then(|body| body.get(4..69))))
    }

    fn certificate_verify(&mut self, transcript: &[u8]) -> Vec<u8> {
        self.sign(transcript)
    }
}

impl ServerShare for Raw {
    fn suite(&self) -> u16 {
        0xc0ae
    }

    fn extensions(&self) -> Vec<u8> {
        [extension(19, &[2]), extension(20, &[2])].concat()
    }

    fn certificate(&mut self) -> Vec<u8> {
        self.show()
    }

    fn key_exchange(&mut self, client_random: &[u8; 32], server_random: &[u8; 32]) -> Vec<u8> {
        let params = [&[3, 0, 0x17], &self.point()[..]].concat();
        let signature = self.sign(&[client_random, server_random, &params[..]].concat());
        [params, signature].concat()
    }

    fn certificate_request(&mut self) -> Vec<u8> {
        vec![1, 64, 0, 2, 4, 3, 0, 0]
    }

    fn premaster(&mut self, client: &[u8]) -> Vec<u8> {
        self.agree(client.get(1..))
    }
}

const SERVER: ServerCase = ServerCase {
    server: || Side::server(Config::default(), SERVER_SUITES.clone()),
    client: || Client::new(path(), Raw::new(2)),
    flight: &[
        FromClient::HelloWithCookie,
        FromClient::Certificate,
        FromClient::KeyExchange,
        FromClient::CertificateVerify,
        FromClient::Finished,
    ],
};

const CLIENT: ClientCase = ClientCase {
    start: || {
        let mut client = Side::client(Config::default());
        let mut server = FakeServer::new(path(), Raw::new(1));
        client.connect(path(), CLIENT_SUITES.clone(), Connect::default());
        server.read(&client.take(path()));
        (client, server)
    },
    flights: &[
        &[
            FromServer::ServerHello,
            FromServer::Certificate,
            FromServer::KeyExchange,
            FromServer::CertificateRequest,
            FromServer::HelloDone,
        ],
        // A server that does not ask who the client is.
        &[
            FromServer::ServerHello,
            FromServer::Certificate,
            FromServer::KeyExchange,
            FromServer::HelloDone,
        ],
    ],
};

#[test]
fn the_good_orders_connect() {
    let good = SERVER.good();
    assert_eq!(SERVER.play(&good), 1);
    assert_eq!(SERVER.play(&good.repeat(2)), 2, "a client that restarts");
    let good = CLIENT.good();
    assert_eq!(CLIENT.play(&good), 1);
    assert_eq!(CLIENT.play(&good[1..]), 1, "without a cookie");
}

/// Somebody without the key, or with another one than the one shown, gets nowhere.
#[test]
fn a_key_that_is_not_trusted_or_not_proven() {
    for (shown, signing) in [(3, 3), (2, 3), (3, 2)] {
        let mut server = (SERVER.server)();
        let mut share = Raw::new(shown);
        share.signer = Ring::new().signer(&key(signing)).unwrap();
        let mut client = Client::new(path(), share);
        client.begin(&mut server);
        let flight = [
            client.certificate(),
            client.key_exchange(),
            client.certificate_verify(),
            client.change_cipher_spec(),
            client.finish(true),
        ];
        client.read(&server.give(path(), &flight.concat()));
        assert_eq!(server.connected(), 0, "{shown} {signing}");
        assert_eq!(client.alerts.len(), 1);
    }
}

#[test]
fn hostile_g10_every_sequence_to_a_server() {
    let good = SERVER.good();
    all(&FROM_CLIENT, &good, lengths(), |steps| SERVER.play(steps));
}

#[test]
fn hostile_g10_every_sequence_to_a_client() {
    let good = CLIENT.good();
    all(&FROM_SERVER, &good, lengths(), |steps| CLIENT.play(steps));
}
