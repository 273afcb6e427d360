//! The messages of a handshake, in the form that is hashed and that is sent.

use alloc::vec::Vec;
use core::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::Role;
use crate::prf::prf_sha256;

/// Length of a handshake header (RFC 6347 §4.2.2).
pub(crate) const HEADER: usize = 12;

/// All messages so far, each with a header as if it had come in one fragment (RFC 6347 §4.2.6), and their hash.
#[derive(Clone, Default)]
pub(crate) struct Transcript {
    bytes: Vec<u8>,
    hash: Sha256,
}

impl Transcript {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets everything: the first ClientHello and HelloVerifyRequest are not part of it.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds a message that came.
    pub(crate) fn add(&mut self, kind: u8, sequence: u16, body: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend(header(kind, sequence, body.len()));
        self.bytes.extend(body);
        self.hash
            .update(self.bytes.get(start..).unwrap_or_default());
        start..self.bytes.len()
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// The verify_data of `role`'s Finished (RFC 5246 §7.4.9).
    pub(crate) fn verify_data(&self, role: Role, master: &[u8]) -> [u8; VERIFY_DATA] {
        let label: &[u8] = match role {
            Role::Client => b"client finished",
            Role::Server => b"server finished",
        };
        let mut out = [0; VERIFY_DATA];
        prf_sha256(master, label, &[&self.hash()], &mut out);
        out
    }
}

pub(crate) const VERIFY_DATA: usize = 12;

/// A header of a message in one fragment.
pub(crate) fn header(kind: u8, sequence: u16, len: usize) -> [u8; HEADER] {
    fragment_header(kind, len, sequence, 0, len)
}

pub(crate) fn fragment_header(
    kind: u8,
    total: usize,
    sequence: u16,
    offset: usize,
    len: usize,
) -> [u8; HEADER] {
    let [a, b, c] = u24(total);
    let [d, e] = sequence.to_be_bytes();
    let [f, g, h] = u24(offset);
    let [i, j, k] = u24(len);
    [kind, a, b, c, d, e, f, g, h, i, j, k]
}

/// The lower three bytes; no message is longer than 65 535 bytes here.
fn u24(value: usize) -> [u8; 3] {
    let [_, a, b, c] = u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes();
    [a, b, c]
}
