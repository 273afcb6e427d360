//! What the DTLS targets share: endpoints with real crypto, addresses, and datagrams in their parts.

use std::sync::{Arc, LazyLock};

use arbitrary::Arbitrary;
use dtls_core::{Config, ConnectionIdPolicy, Endpoint, Path, Secret, Suites};
use dtls_ecdsa::{Credentials, Ecdsa, P256, PrivateKey, Trust};
use dtls_psk::Psk;
use sansio::{DatagramBuf, Instant, Peer, Rng};

pub const IDENTITY: &[u8] = b"lamp";
pub const KEY: &[u8; 16] = b"0123456789abcdef";

/// Small limits, so that they are reached.
#[must_use]
pub fn config(connection_ids: bool) -> Config {
    let mut config = Config::default();
    config.handshakes = 3;
    config.sessions = 2;
    config.replies = 16;
    config.max_message = 2048;
    config.max_buffered = 2048;
    config.resumptions = 2;
    config.return_routability = connection_ids;
    if connection_ids {
        config.connection_id = ConnectionIdPolicy::receive(2, &[]);
    }
    config
}

#[must_use]
pub fn start() -> Instant {
    Instant::from_micros(1_000_000)
}

#[must_use]
pub fn path(number: u8) -> Path {
    Path {
        local_endpoint: 0,
        address: ([127, 0, 0, 1 + number % 4], 5000).into(),
    }
}

/// A server with pre-shared keys and raw public keys.
#[must_use]
pub fn server(connection_ids: bool) -> Endpoint {
    let suites = Some(SERVER.clone());
    Endpoint::new(
        start(),
        config(connection_ids),
        suites,
        Rng::from_seed([1; 32]),
    )
}

#[must_use]
pub fn client(connection_ids: bool) -> Endpoint {
    Endpoint::new(
        start(),
        config(connection_ids),
        None,
        Rng::from_seed([2; 32]),
    )
}

/// A client's credentials: a pre-shared key, or a raw public key.
#[must_use]
pub fn client_suites(raw: bool) -> Arc<dyn Suites> {
    if raw { RAW.clone() } else { PSK.clone() }
}

static SERVER: LazyLock<Arc<dyn Suites>> = LazyLock::new(|| {
    let suites: Vec<Arc<dyn Suites>> = vec![Arc::new(Psk::server()), Arc::new(ecdsa(1, 2))];
    Arc::new(suites)
});
static RAW: LazyLock<Arc<dyn Suites>> = LazyLock::new(|| Arc::new(ecdsa(2, 1)));
static PSK: LazyLock<Arc<dyn Suites>> =
    LazyLock::new(|| Arc::new(Psk::client(IDENTITY, KEY).expect("a key")));

fn ecdsa(own: u8, other: u8) -> Ecdsa {
    let key = |number: u8| PrivateKey::from_scalar(&[number; 32]).expect("a scalar");
    let trust = Trust::Keys(vec![*key(other).public_key()]);
    Ecdsa::new(P256::new(), Credentials::raw_public_key(key(own)), trust).expect("credentials")
}

/// The key of the one identity that there is.
#[must_use]
pub fn key_of(identity: &[u8]) -> Option<Secret> {
    (identity == IDENTITY).then(|| Secret::new(KEY))
}

/// A datagram with `data` for `peer`, if it may send.
pub fn seal(endpoint: &mut Endpoint, peer: Peer, data: &[u8]) -> Option<Vec<u8>> {
    let mut memory = [0; 512];
    let mut buf = DatagramBuf::new(&mut memory, Endpoint::HEADROOM, Endpoint::TAILROOM);
    buf.space().get_mut(..data.len())?.copy_from_slice(data);
    buf.set_len(data.len());
    endpoint.seal(peer, &mut buf).ok()?;
    Some(buf.bytes().to_vec())
}

/// A record, mostly well-formed.
#[derive(Arbitrary, Debug)]
pub struct Wire {
    content_type: u8,
    old_version: bool,
    epoch: u8,
    sequence: u8,
    body: Body,
}

#[derive(Arbitrary, Debug)]
enum Body {
    Raw(Vec<u8>),
    Message {
        kind: u8,
        sequence: u8,
        body: Vec<u8>,
    },
    Fragment {
        kind: u8,
        total: u16,
        sequence: u8,
        offset: u16,
        bytes: Vec<u8>,
    },
}

const KINDS: [u8; 11] = [0, 1, 2, 3, 11, 12, 13, 14, 15, 16, 20];

impl Wire {
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let body = match &self.body {
            Body::Raw(bytes) => bytes.clone(),
            Body::Message {
                kind,
                sequence,
                body,
            } => fragment(*kind, body.len(), *sequence, 0, body),
            Body::Fragment {
                kind,
                total,
                sequence,
                offset,
                bytes,
            } => fragment(
                *kind,
                usize::from(*total),
                *sequence,
                usize::from(*offset),
                bytes,
            ),
        };
        record(
            [22, 22, 22, 20, 21, 23, 25, 27][usize::from(self.content_type % 8)],
            [0xfe, if self.old_version { 0xff } else { 0xfd }],
            self.epoch % 3,
            self.sequence,
            &body,
        )
    }
}

#[must_use]
pub fn record(content_type: u8, version: [u8; 2], epoch: u8, sequence: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![
        content_type,
        version[0],
        version[1],
        0,
        epoch,
        0,
        0,
        0,
        0,
        0,
        sequence,
    ];
    out.extend(u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(body);
    out
}

#[must_use]
pub fn fragment(kind: u8, total: usize, sequence: u8, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let number = |value: usize| [(value >> 16) as u8, (value >> 8) as u8, value as u8];
    let mut out = vec![KINDS[usize::from(kind) % KINDS.len()]];
    out.extend(number(total));
    out.extend([0, sequence]);
    out.extend(number(offset));
    out.extend(number(bytes.len()));
    out.extend(bytes);
    out
}
