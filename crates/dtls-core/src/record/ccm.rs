//! AES-128-CCM with a nonce of 12 bytes (RFC 3610, RFC 5116 §5.3, RFC 6655).
//!
//! One pass over the text inside one call of the cipher: the chain of the MAC is what takes the time, and the counter
//! blocks are encrypted in its shadow.

use aes::Aes128Enc;
use aes::cipher::array::Array;
use aes::cipher::consts::U16;
use aes::cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt as _, BlockSizeUser,
    KeyInit as _,
};
use subtle::ConstantTimeEq as _;

type Block = [u8; 16];

/// Encrypts `text` in place and fills `tag`, whose length (8 or 16) is the suite's.
pub(super) fn seal(key: &Block, nonce: &[u8; 12], aad: &[u8], text: &mut [u8], tag: &mut [u8]) {
    let full = run::<false>(key, nonce, aad, text, tag.len());
    for (byte, from) in tag.iter_mut().zip(full) {
        *byte = from;
    }
}

/// Decrypts `text` in place and tells whether it is genuine; wipes it where it is not.
pub(super) fn open(key: &Block, nonce: &[u8; 12], aad: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
    let full = run::<true>(key, nonce, aad, text, tag.len());
    let good = full
        .get(..tag.len())
        .is_some_and(|full| full.ct_eq(tag).into());
    if !good {
        text.fill(0);
    }
    good
}

fn run<const OPEN: bool>(
    key: &Block,
    nonce: &[u8; 12],
    aad: &[u8],
    text: &mut [u8],
    tag_len: usize,
) -> Block {
    let mut tag = [0; 16];
    Aes128Enc::new(key.into()).encrypt_with_backend(Pass::<OPEN> {
        nonce,
        aad,
        text,
        tag_len,
        tag: &mut tag,
    });
    tag
}

struct Pass<'a, const OPEN: bool> {
    nonce: &'a [u8; 12],
    aad: &'a [u8],
    text: &'a mut [u8],
    tag_len: usize,
    tag: &'a mut Block,
}

impl<const OPEN: bool> BlockSizeUser for Pass<'_, OPEN> {
    type BlockSize = U16;
}

impl<const OPEN: bool> BlockCipherEncClosure for Pass<'_, OPEN> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, cipher: &B) {
        let block = |flags: u8, counter: usize| {
            let [.., c0, c1, c2] = counter.to_be_bytes();
            let [n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11] = *self.nonce;
            [
                flags, n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, c0, c1, c2,
            ]
        };
        // RFC 3610 §2.2 with L = 3: flags are 64 × has aad + 8 × (tag - 2) / 2 + (L - 1).
        let flags = if self.aad.is_empty() { 2 } else { 66 };
        let flags = flags | if self.tag_len == 16 { 7 << 3 } else { 3 << 3 };
        let mut mac = encrypt(cipher, block(flags, self.text.len()));
        let mask = encrypt(cipher, block(2, 0));

        if !self.aad.is_empty() {
            // Lengths below 0xff00 stand in two bytes; a record's is at most 39.
            let [.., l0, l1] = self.aad.len().to_be_bytes();
            let (head, rest) = self.aad.split_at(self.aad.len().min(14));
            let mut first = [0; 16];
            for (byte, from) in first.iter_mut().zip([l0, l1].iter().chain(head)) {
                *byte = *from;
            }
            mac = encrypt(cipher, xor(mac, first));
            let (blocks, rest) = rest.as_chunks::<16>();
            for block in blocks {
                mac = encrypt(cipher, xor(mac, *block));
            }
            if !rest.is_empty() {
                mac = encrypt(cipher, xor(mac, padded(rest)));
            }
        }

        let (blocks, rest) = self.text.as_chunks_mut::<16>();
        let mut counter = 0;
        for text in blocks {
            counter += 1;
            let stream = encrypt(cipher, block(2, counter));
            let other = xor(*text, stream);
            mac = encrypt(cipher, xor(mac, if OPEN { other } else { *text }));
            *text = other;
        }
        if !rest.is_empty() {
            let mut stream = encrypt(cipher, block(2, counter + 1));
            if OPEN {
                // Nothing but zeros behind the text.
                for (byte, by) in rest.iter_mut().zip(stream) {
                    *byte ^= by;
                }
                mac = encrypt(cipher, xor(mac, padded(rest)));
            } else {
                mac = encrypt(cipher, xor(mac, padded(rest)));
                for (byte, by) in rest.iter_mut().zip(&mut stream) {
                    *byte ^= *by;
                }
            }
        }
        *self.tag = xor(mac, mask);
    }
}

#[inline(always)]
fn encrypt<B: BlockCipherEncBackend<BlockSize = U16>>(cipher: &B, block: Block) -> Block {
    let mut block = Array(block);
    cipher.encrypt_block_inplace(&mut block);
    block.0
}

#[inline(always)]
fn xor(mut a: Block, b: Block) -> Block {
    for (a, b) in a.iter_mut().zip(b) {
        *a ^= b;
    }
    a
}

#[inline(always)]
fn padded(rest: &[u8]) -> Block {
    let mut block = [0; 16];
    for (byte, from) in block.iter_mut().zip(rest) {
        *byte = *from;
    }
    block
}
