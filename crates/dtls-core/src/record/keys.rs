use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use sansio::{DatagramBuf, Rng};
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use super::{
    ContentType, DTLS_1_2, HEADER, MAX_CID, MAX_PLAINTEXT, Record, cbc, ccm, gcm, number,
    write_header,
};
use crate::{Cipher, Role, prf_sha256};

/// Bytes of the nonce that stand in a record (RFC 5288 §3, RFC 6655 §3).
const EXPLICIT_NONCE: usize = 8;

/// The most bytes that sealing puts before a plaintext, with any cipher and connection id.
pub(crate) const HEADROOM: usize = HEADER + MAX_CID + cbc::BLOCK;
/// The most bytes that sealing puts behind a plaintext: content type, MAC and padding.
pub(crate) const TAILROOM: usize = 1 + cbc::MAC + cbc::BLOCK;

/// What a record is sealed with, beside the keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seal<'a> {
    pub(crate) content_type: ContentType,
    pub(crate) epoch: u16,
    /// Never used before with these keys, below 2^48.
    pub(crate) sequence: u64,
    /// The connection id that the peer wants; empty for the plain format.
    pub(crate) cid: &'a [u8],
    /// Random; CBC alone uses it.
    pub(crate) iv: [u8; cbc::BLOCK],
}

/// A record that is not what the peer sealed. What is wrong is not told, and takes no measurable time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the record's protection does not fit")]
pub(crate) struct OpenError;

/// A record cannot be sealed: no room, a plaintext over 2^14 bytes, or the sequence numbers are used up.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no room for the sealed record")]
pub(crate) struct NoRoom;

/// The keys of both directions of an epoch: small, wiped on drop, and they print nothing.
///
/// The key schedules are not kept: a session has 40 bytes of keys instead of 352 of schedules.
pub(crate) struct RecordKeys(Kind);

enum Kind {
    Aead {
        aead: Aead,
        keys: AeadKeys,
    },
    Cbc {
        encrypt_then_mac: bool,
        keys: Box<CbcKeys>,
    },
}

#[derive(Clone, Copy)]
enum Aead {
    Ccm8,
    Ccm,
    Gcm,
}

impl Aead {
    const fn tag_len(self) -> usize {
        match self {
            Self::Ccm8 => 8,
            Self::Ccm | Self::Gcm => 16,
        }
    }
}

/// Ours is the direction in which this side seals.
#[derive(ZeroizeOnDrop)]
struct AeadKeys {
    our_key: [u8; 16],
    peer_key: [u8; 16],
    our_iv: [u8; 4],
    peer_iv: [u8; 4],
}

#[derive(ZeroizeOnDrop)]
struct CbcKeys {
    our_mac: [u8; 32],
    peer_mac: [u8; 32],
    our_key: [u8; 16],
    peer_key: [u8; 16],
}

impl RecordKeys {
    /// The keys that follow from the master secret. `encrypt_then_mac` matters to CBC alone.
    ///
    /// # Specification
    /// RFC 5246 §6.3, RFC 7366.
    pub(crate) fn derive(
        cipher: Cipher,
        encrypt_then_mac: bool,
        role: Role,
        master: &[u8; 48],
        client_random: &[u8; 32],
        server_random: &[u8; 32],
    ) -> Self {
        let mut block = [0; 96];
        let used = block.split_at_mut(key_block_len(cipher)).0;
        prf_sha256(
            master,
            b"key expansion",
            &[server_random, client_random],
            used,
        );
        let mut keys = Self::from_key_block(cipher, encrypt_then_mac, &block);
        block.zeroize();
        if role == Role::Server {
            keys.swap();
        }
        keys
    }

    /// Appends the keys, for a saved session: 40 bytes, or 96 of a CBC suite.
    pub(crate) fn to_bytes(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Kind::Aead { keys, .. } => {
                out.extend(keys.our_key);
                out.extend(keys.peer_key);
                out.extend(keys.our_iv);
                out.extend(keys.peer_iv);
            }
            Kind::Cbc { keys, .. } => {
                out.extend(keys.our_mac);
                out.extend(keys.peer_mac);
                out.extend(keys.our_key);
                out.extend(keys.peer_key);
            }
        }
    }

    /// The keys that [`to_bytes`](Self::to_bytes) wrote; `None` for another length.
    pub(crate) fn from_bytes(cipher: Cipher, encrypt_then_mac: bool, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != key_block_len(cipher) {
            return None;
        }
        let mut block = [0; 96];
        block
            .split_at_mut_checked(bytes.len())?
            .0
            .copy_from_slice(bytes);
        let keys = Self::from_key_block(cipher, encrypt_then_mac, &block);
        block.zeroize();
        Some(keys)
    }

    /// An explicit IV for a record, drawn only where the cipher takes one.
    pub(crate) fn fresh_iv(&self, rng: &mut Rng) -> [u8; cbc::BLOCK] {
        let mut iv = [0; cbc::BLOCK];
        if let Kind::Cbc { .. } = self.0 {
            rng.fill(&mut iv);
        }
        iv
    }

    /// Seals `plaintext` as one record at the start of `out` and tells its length.
    ///
    /// # Errors
    /// Less room than the record takes, a plaintext over 2^14 bytes, or a sequence number that does not exist.
    pub(crate) fn seal_into(
        &self,
        seal: &Seal<'_>,
        plaintext: &[u8],
        out: &mut [u8],
    ) -> Result<usize, NoRoom> {
        let (front, back) = self.overhead(seal, plaintext.len());
        let end = front + plaintext.len();
        let record = out.get_mut(..end + back).ok_or(NoRoom)?;
        record
            .get_mut(front..end)
            .ok_or(NoRoom)?
            .copy_from_slice(plaintext);
        self.protect(seal, plaintext.len(), record).ok_or(NoRoom)?;
        Ok(end + back)
    }

    /// Seals what stands in `buf` as one record, in place.
    ///
    /// # Errors
    /// As [`seal_into`](Self::seal_into); `buf` is spoilt then, and is to be cleared.
    pub(crate) fn seal(&self, seal: &Seal<'_>, buf: &mut DatagramBuf<'_>) -> Result<(), NoRoom> {
        let len = buf.bytes().len();
        let (front, back) = self.overhead(seal, len);
        buf.append(back).ok_or(NoRoom)?;
        buf.prepend(front).ok_or(NoRoom)?;
        self.protect(seal, len, buf.bytes_mut()).ok_or(NoRoom)
    }

    /// Opens a record in place: its real content type and its plaintext.
    ///
    /// # Errors
    /// The record is not genuine, or breaks RFC 9146 §4 inside: one error for everything.
    pub(crate) fn open<'a>(
        &self,
        record: Record<'a>,
    ) -> Result<(ContentType, &'a mut [u8]), OpenError> {
        // RFC 6347 §4.1: epoch 0 is not protected.
        if record.epoch == 0 {
            return Err(OpenError);
        }
        let outer = record.content_type;
        let cid = record.cid;
        let number = record.number();
        let inner = self
            .unprotect(outer, number, cid, record.fragment)
            .ok_or(OpenError)?;
        let (content_type, plaintext) = if outer == ContentType::TLS12_CID {
            split_inner(inner).ok_or(OpenError)?
        } else {
            (outer, inner)
        };
        if plaintext.len() > MAX_PLAINTEXT {
            return Err(OpenError);
        }
        Ok((content_type, plaintext))
    }

    fn from_key_block(cipher: Cipher, encrypt_then_mac: bool, block: &[u8; 96]) -> Self {
        let aead = match cipher {
            Cipher::Aes128Ccm8 => Aead::Ccm8,
            Cipher::Aes128Ccm => Aead::Ccm,
            Cipher::Aes128Gcm => Aead::Gcm,
            Cipher::Aes128CbcSha256 => {
                return Self(Kind::Cbc {
                    encrypt_then_mac,
                    keys: Box::new(CbcKeys {
                        our_mac: part(block, 0),
                        peer_mac: part(block, 32),
                        our_key: part(block, 64),
                        peer_key: part(block, 80),
                    }),
                });
            }
        };
        Self(Kind::Aead {
            aead,
            keys: AeadKeys {
                our_key: part(block, 0),
                peer_key: part(block, 16),
                our_iv: part(block, 32),
                peer_iv: part(block, 36),
            },
        })
    }

    /// The client's keys come first in a key block; a server has them for its peer.
    fn swap(&mut self) {
        match &mut self.0 {
            Kind::Aead { keys, .. } => {
                core::mem::swap(&mut keys.our_key, &mut keys.peer_key);
                core::mem::swap(&mut keys.our_iv, &mut keys.peer_iv);
            }
            Kind::Cbc { keys, .. } => {
                let keys = &mut **keys;
                core::mem::swap(&mut keys.our_mac, &mut keys.peer_mac);
                core::mem::swap(&mut keys.our_key, &mut keys.peer_key);
            }
        }
    }

    /// Bytes that stand before and behind a plaintext of `len` bytes.
    fn overhead(&self, seal: &Seal<'_>, len: usize) -> (usize, usize) {
        let front = HEADER + seal.cid.len();
        let inner_type = usize::from(!seal.cid.is_empty());
        match &self.0 {
            Kind::Aead { aead, .. } => (front + EXPLICIT_NONCE, inner_type + aead.tag_len()),
            Kind::Cbc {
                encrypt_then_mac, ..
            } => (
                front + cbc::BLOCK,
                cbc::sealed_len(*encrypt_then_mac, len + inner_type) - len,
            ),
        }
    }

    /// Makes the record around the plaintext of `len` bytes that stands in it.
    fn protect(&self, seal: &Seal<'_>, len: usize, record: &mut [u8]) -> Option<()> {
        if len > MAX_PLAINTEXT || seal.cid.len() > MAX_CID {
            return None;
        }
        let with_cid = !seal.cid.is_empty();
        let outer = if with_cid {
            ContentType::TLS12_CID
        } else {
            seal.content_type
        };
        let (header, fragment) = record.split_at_mut_checked(HEADER + seal.cid.len())?;
        write_header(
            outer,
            seal.epoch,
            seal.sequence,
            seal.cid,
            fragment.len(),
            header,
        )?;
        let number = number(seal.epoch, seal.sequence);
        let head = Head::new(outer, number, seal.cid)?;
        match &self.0 {
            Kind::Aead { aead, keys } => {
                let (explicit, body) = fragment.split_first_chunk_mut::<EXPLICIT_NONCE>()?;
                let (inner, tag) = body.split_at_mut_checked(len + usize::from(with_cid))?;
                if with_cid {
                    *inner.last_mut()? = seal.content_type.0;
                }
                *explicit = number;
                let nonce = nonce(&keys.our_iv, explicit);
                let mut aad = head.with_len(inner.len())?;
                match aead {
                    Aead::Ccm8 | Aead::Ccm => {
                        ccm::seal(&keys.our_key, &nonce, aad.ccm_blocks()?, inner, tag);
                    }
                    Aead::Gcm => {
                        tag.copy_from_slice(&gcm::seal(&keys.our_key, &nonce, aad.bytes(), inner));
                    }
                }
                Some(())
            }
            Kind::Cbc {
                encrypt_then_mac,
                keys,
            } => {
                let (iv, body) = fragment.split_first_chunk_mut::<{ cbc::BLOCK }>()?;
                *iv = seal.iv;
                if with_cid {
                    *body.get_mut(len)? = seal.content_type.0;
                }
                let direction = cbc::Keys {
                    mac: &keys.our_mac,
                    cipher: &keys.our_key,
                };
                let len = len + usize::from(with_cid);
                cbc::seal(direction, *encrypt_then_mac, head.bytes(), iv, body, len)
            }
        }
    }

    fn unprotect<'a>(
        &self,
        outer: ContentType,
        number: [u8; 8],
        cid: &[u8],
        fragment: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        let head = Head::new(outer, number, cid)?;
        match &self.0 {
            Kind::Aead { aead, keys } => {
                // Any nonce is accepted: that it never repeats is the sender's matter.
                let (explicit, body) = fragment.split_first_chunk_mut::<EXPLICIT_NONCE>()?;
                let end = body.len().checked_sub(aead.tag_len())?;
                let (inner, tag) = body.split_at_mut_checked(end)?;
                let nonce = nonce(&keys.peer_iv, explicit);
                let mut aad = head.with_len(inner.len())?;
                let key = &keys.peer_key;
                let good = match aead {
                    Aead::Ccm8 | Aead::Ccm => ccm::open(key, &nonce, aad.ccm_blocks()?, inner, tag),
                    Aead::Gcm => gcm::open(key, &nonce, aad.bytes(), inner, tag.first_chunk()?),
                };
                good.then_some(inner)
            }
            Kind::Cbc {
                encrypt_then_mac,
                keys,
            } => {
                let (iv, body) = fragment.split_first_chunk_mut::<{ cbc::BLOCK }>()?;
                let direction = cbc::Keys {
                    mac: &keys.peer_mac,
                    cipher: &keys.peer_key,
                };
                let len = cbc::open(direction, *encrypt_then_mac, head.bytes(), iv, body)?;
                body.get_mut(..len)
            }
        }
    }
}

impl fmt::Debug for RecordKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKeys(..)")
    }
}

const fn key_block_len(cipher: Cipher) -> usize {
    match cipher {
        Cipher::Aes128Ccm8 | Cipher::Aes128Ccm | Cipher::Aes128Gcm => 40,
        Cipher::Aes128CbcSha256 => 96,
    }
}

/// `N` bytes of a key block.
fn part<const N: usize>(block: &[u8; 96], at: usize) -> [u8; N] {
    block
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .copied()
        .unwrap_or([0; N])
}

fn nonce(iv: &[u8; 4], explicit: &[u8; EXPLICIT_NONCE]) -> [u8; 12] {
    let [i0, i1, i2, i3] = *iv;
    let [n0, n1, n2, n3, n4, n5, n6, n7] = *explicit;
    [i0, i1, i2, i3, n0, n1, n2, n3, n4, n5, n6, n7]
}

/// Takes a DTLSInnerPlaintext apart: content, its type, zeros (RFC 9146 §4).
fn split_inner(inner: &mut [u8]) -> Option<(ContentType, &mut [u8])> {
    let end = inner.iter().rposition(|byte| *byte != 0)?;
    let (content, rest) = inner.split_at_mut_checked(end)?;
    let content_type = ContentType(*rest.first()?);
    (content_type != ContentType::TLS12_CID).then_some((content_type, content))
}

/// What a MAC covers beside the text: the additional data of RFC 6347 §4.1.2.1 or RFC 9146 §5.
struct Head {
    /// The data from [`Self::START`] on, zeros around it.
    bytes: [u8; 48],
    end: usize,
}

impl Head {
    /// CCM hashes a length of two bytes before the data.
    const START: usize = 2;

    /// All but the length field at the end.
    fn new(content_type: ContentType, number: [u8; 8], cid: &[u8]) -> Option<Self> {
        let [major, minor] = DTLS_1_2;
        let [n0, n1, n2, n3, n4, n5, n6, n7] = number;
        let kind = content_type.0;
        let mut bytes = [0; 48];
        let end;
        if content_type == ContentType::TLS12_CID {
            let cid_len = u8::try_from(cid.len()).ok()?;
            *bytes.first_chunk_mut()? = [
                0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, kind, cid_len, kind, major,
                minor, n0, n1, n2, n3, n4, n5, n6, n7,
            ];
            end = 23 + cid.len();
            bytes.get_mut(23..end)?.copy_from_slice(cid);
        } else {
            *bytes.first_chunk_mut()? = [0, 0, n0, n1, n2, n3, n4, n5, n6, n7, kind, major, minor];
            end = 13;
        }
        Some(Self { bytes, end })
    }

    fn with_len(mut self, text: usize) -> Option<Self> {
        let room = self.bytes.get_mut(self.end..)?.first_chunk_mut()?;
        *room = u16::try_from(text).ok()?.to_be_bytes();
        self.end += 2;
        Some(self)
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(Self::START..self.end).unwrap_or_default()
    }

    /// The data as CCM hashes it: its length before it, zeros behind it (RFC 3610 §2.2).
    fn ccm_blocks(&mut self) -> Option<&[[u8; 16]]> {
        let len = u16::try_from(self.end - Self::START).ok()?;
        *self.bytes.first_chunk_mut()? = len.to_be_bytes();
        self.bytes.as_chunks().0.get(..self.end.div_ceil(16))
    }
}
