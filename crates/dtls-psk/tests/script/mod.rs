//! A client and a server that build every byte by themselves, and the endpoint that they are played against.
//!
//! Nothing here calls what it tests: records, CCM, the PRF and the hellos are written out once more, so what
//! both agree on is what the RFCs say.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test uses a part"
)]

mod client;
mod crypto;
mod harness;
pub mod sequences;
mod server;

pub use client::{Client, KeyShare, PskShare};
pub use crypto::{Keys, prf, sha256};
pub use harness::{Answering, Side};
pub use server::{FakeServer, PskServerShare, ServerShare};

pub const CHANGE_CIPHER_SPEC: u8 = 20;
pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const DATA: u8 = 23;
pub const WITH_CID: u8 = 25;

pub const HELLO_REQUEST: u8 = 0;
pub const CLIENT_HELLO: u8 = 1;
pub const SERVER_HELLO: u8 = 2;
pub const HELLO_VERIFY_REQUEST: u8 = 3;
pub const CERTIFICATE: u8 = 11;
pub const SERVER_KEY_EXCHANGE: u8 = 12;
pub const CERTIFICATE_REQUEST: u8 = 13;
pub const SERVER_HELLO_DONE: u8 = 14;
pub const CERTIFICATE_VERIFY: u8 = 15;
pub const CLIENT_KEY_EXCHANGE: u8 = 16;
pub const FINISHED: u8 = 20;

/// A record without protection.
pub fn record(content_type: u8, sequence: u64, fragment: &[u8]) -> Vec<u8> {
    record_of([0xfe, 0xfd], content_type, 0, sequence, fragment)
}

pub fn record_of(
    version: [u8; 2],
    content_type: u8,
    epoch: u16,
    sequence: u64,
    fragment: &[u8],
) -> Vec<u8> {
    let mut out = vec![content_type, version[0], version[1]];
    out.extend(epoch.to_be_bytes());
    out.extend(&sequence.to_be_bytes()[2..]);
    out.extend(u16::try_from(fragment.len()).unwrap().to_be_bytes());
    out.extend(fragment);
    out
}

/// A handshake message in one fragment.
pub fn message(kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    fragment(kind, body.len(), sequence, 0, body)
}

pub fn fragment(kind: u8, total: usize, sequence: u16, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend(u24(total));
    out.extend(sequence.to_be_bytes());
    out.extend(u24(offset));
    out.extend(u24(bytes.len()));
    out.extend(bytes);
    out
}

pub fn u24(value: usize) -> [u8; 3] {
    let [.., a, b, c] = u32::try_from(value).unwrap().to_be_bytes();
    [a, b, c]
}

/// A vector with a length of one byte, or of two.
pub fn vec8(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

pub fn vec16(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&len[..], bytes].concat()
}

pub fn extension(number: u16, data: &[u8]) -> Vec<u8> {
    [number.to_be_bytes().to_vec(), vec16(data)].concat()
}

/// One record of a datagram: type, epoch, sequence number, connection id, fragment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parsed {
    pub content_type: u8,
    pub epoch: u16,
    pub sequence: u64,
    pub cid: Vec<u8>,
    pub fragment: Vec<u8>,
}

/// The records of a datagram of ours, which is well-formed.
pub fn parse(datagram: &[u8], cid_len: usize) -> Vec<Parsed> {
    let mut rest = datagram;
    let mut out = Vec::new();
    while !rest.is_empty() {
        let cid_len = if rest[0] == WITH_CID { cid_len } else { 0 };
        let (head, body) = rest.split_at(13 + cid_len);
        let mut sequence = [0; 8];
        sequence[2..].copy_from_slice(&head[5..11]);
        let len = usize::from(u16::from_be_bytes([head[11 + cid_len], head[12 + cid_len]]));
        out.push(Parsed {
            content_type: head[0],
            epoch: u16::from_be_bytes([head[3], head[4]]),
            sequence: u64::from_be_bytes(sequence),
            cid: head[11..11 + cid_len].to_vec(),
            fragment: body[..len].to_vec(),
        });
        rest = &body[len..];
    }
    out
}

/// The messages of a handshake record, each in one fragment: kind, sequence number, body.
pub fn messages(fragment: &[u8]) -> Vec<(u8, u16, Vec<u8>)> {
    let mut rest = fragment;
    let mut out = Vec::new();
    while !rest.is_empty() {
        let len = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        assert_eq!(rest[6..12], message(rest[0], 0, &rest[12..12 + len])[6..12]);
        let sequence = u16::from_be_bytes([rest[4], rest[5]]);
        out.push((rest[0], sequence, rest[12..12 + len].to_vec()));
        rest = &rest[12 + len..];
    }
    out
}
